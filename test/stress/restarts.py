# SPDX-License-Identifier: Apache-2.0
"""The server ends from time to time while everybody is connected, by a signal or as it should, and is started again. For
the clients that is a connection that was cut: what they were told before is still true."""
import asyncio
import contextlib
import multiprocessing
import random
import shutil
import threading

from admin import Broken

PAUSE = 0.05  # seconds between two looks whether it is up again
LOST = -1  # the number of a server that does not come up


class Restarts:
    """Made before the processes with clients, which inherit it. `number` is odd while there is no server."""

    def __init__(self, processes, every, seed, forget=False):
        """`forget`: the planted fault: from its second end on the server comes back as it was at the first one."""
        self.every, self.random, self.forget = every, random.Random(seed), forget
        self.number = multiprocessing.Value("l", 0)
        self.locks = [multiprocessing.Lock() for _ in range(processes)]
        self.counts = {"killed": 0, "stopped": 0}
        self.failure = None
        self.over = threading.Event()
        self.thread = None

    def view(self, process):
        return View(self.number, self.locks[process])

    # ---- in the process of the server -------------------------------------------------------

    def begin(self, server):
        self.thread = threading.Thread(target=self.go_on, args=(server,), daemon=True)
        self.thread.start()

    def end(self):
        """How often it was killed and stopped; raises what went wrong meanwhile."""
        self.over.set()
        if self.thread:
            self.thread.join(600)
        if self.failure:
            raise self.failure
        return self.counts

    def go_on(self, server):
        while not self.over.wait(self.random.uniform(0.3, 1.7) * self.every):
            with contextlib.ExitStack() as held:
                for lock in self.locks:  # not while everything is compared
                    held.enter_context(lock)
                self.step()
                try:
                    self.restart(server)
                except Exception as e:
                    self.failure = e if isinstance(e, Broken) else Broken(repr(e))
                    self.number.value = LOST
                    return
                self.step()

    def restart(self, server):
        if self.forget or self.random.random() < 0.6:
            server.kill_all()
            if self.forget:
                put_back(server)
            self.counts["killed"] += 1
        else:
            server.stop()
            self.counts["stopped"] += 1
        server.launch()
        server.wait_up()

    def step(self):
        with self.number.get_lock():
            self.number.value += 1


def put_back(server):
    kept = server.dir / "kept"
    if not kept.exists():
        shutil.copytree(server.data, kept, ignore=shutil.ignore_patterns("*.sock"))
        return
    shutil.rmtree(server.data)
    shutil.copytree(kept, server.data)
    server.give()


class View:
    """What the clients of one process see of it."""

    def __init__(self, number, lock):
        self.number, self.lock = number, lock

    async def up(self, over):
        """The number of the server that is there now, or comes; None: it is all over, or none comes."""
        while (now := self.number.value) % 2 == 1:
            if now == LOST:
                over.set()
            if over.is_set():
                return None
            await asyncio.sleep(PAUSE)
        return now

    @contextlib.asynccontextmanager
    async def stays(self, over):
        """Meanwhile the server does not end."""
        held = False
        while not over.is_set() and not (held := self.lock.acquire(False)):
            await asyncio.sleep(PAUSE)
        try:
            yield
        finally:
            if held:
                self.lock.release()


class Never:
    """Where the server stays."""

    class number:
        value = 0

    async def up(self, _):
        return 0

    @contextlib.asynccontextmanager
    async def stays(self, _):
        yield
