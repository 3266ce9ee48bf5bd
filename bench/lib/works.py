# SPDX-License-Identifier: Apache-2.0
"""The works that are measured, each on a running server. All of one round run on one start, in this order.

Counts are for peers; Mailstead gets `MORE` times as many messages to take in, so that its background work (flushing,
compacting) is in the figure and the run is long enough to measure. Costs are per unit.
"""
import dataclasses
import json
import os
import subprocess
import threading
import time

from lib.server import DOMAIN, MAILBOXES, PASSWORD
from peers.root import TREE

LOAD = os.environ.get("LOAD_BIN", str(TREE / "build/release/bench/load"))
MORE = 4

# which mailboxes: those that take in, those drained, those logged in to
INGEST = (0, 50)
DRAIN_8K, DRAIN_8K_HOLD = (50, 15), 200
DRAIN_64K, DRAIN_64K_HOLD = (65, 15), 60
LOGIN = (80, 20)


@dataclasses.dataclass
class Work:
    name: str
    title: str
    measure: object               # (server, work, scale) -> dict of the figures
    needs: str                    # the port
    count: int = 0                # units for a peer at scale 1
    options: tuple = ()           # of load
    cpu_target: float = None      # at most this share of the best peer's CPU
    rate_target: float = None     # at least so many times the best peer's rate


def load(server, kind, port, mailboxes, count, *options):
    """Runs the generator; any error of it is ours."""
    first, number = mailboxes
    command = [LOAD, kind, "--to", f"127.0.0.1:{server.ports[port]}", "--mailbox", f"user{{}}@{DOMAIN}",
               "--first", str(first), "--mailboxes", str(number), "--count", str(count), "--json", "-",
               "--timeout", "300", "--max-errors", "1", *server.load_options, *map(str, options)]
    if kind in ("drain", "login"):
        command += ["--password", PASSWORD]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{server.name}: {' '.join(command)}\n{done.stderr}")
    return json.loads(done.stdout)


class Meter:
    """What a server used between `start` and `stop`, after it has come to rest."""

    def __init__(self, server):
        self.cost = server.cost
        self.cost.wait_quiet()
        self.cpu0, self.written0, self.load0 = self.cost.cpu(), self.cost.written(), os.getloadavg()[0]

    def stop(self):
        self.cost.wait_quiet()
        self.cpu = self.cost.cpu() - self.cpu0
        self.written = self.cost.written() - self.written0
        self.load = max(self.load0, os.getloadavg()[0])


def figures(meter, units, seconds, latency, result):
    return {"units": units, "rate": units / seconds, "cpu_ms": meter.cpu * 1000 / units,
            "written": meter.written / units, "p50_ms": latency["p50_ms"], "p99_ms": latency["p99_ms"],
            "load": meter.load, "client_ms": result["own_cpu"] * 1000 / units}


def count_of(server, work, scale):
    return max(20, round(work.count * scale * (MORE if server.name == "mailstead" else 1)))


def ingest(server, work, scale):
    count = count_of(server, work, scale)
    meter = Meter(server)
    result = load(server, "smtp", "smtp", INGEST, count, *work.options)
    late = server.wait_delivered()
    meter.stop()
    server.accepted += count
    return figures(meter, count, result["seconds"] + late, result["units"], result)


def fill(server, mailboxes, hold, size):
    """Each of the mailboxes holds `hold` messages after this, if it held none before."""
    port, kind = ("lmtp", "lmtp") if "lmtp" in server.ports else ("smtp", "smtp")
    count = mailboxes[1] * hold
    load(server, kind, port, mailboxes, count, "--size", size, "--connections", 8)
    server.wait_delivered()
    server.accepted += count


def drain(server, work, scale):
    """Sessions that fetch everything less as many that fetch nothing: that is the messages' share."""
    mailboxes, hold, size = work.options
    hold = max(10, round(hold * scale))
    sessions = mailboxes[1] * 4
    fill(server, mailboxes, hold, size)
    options = ("--tls", "implicit", "--connections", 8, "--expect", hold)
    load(server, "drain", "pop3s", mailboxes, mailboxes[1], "--retrieve", 0, *options)  # caches are warm
    empty = Meter(server)
    load(server, "drain", "pop3s", mailboxes, sessions, "--retrieve", 0, *options)
    empty.stop()
    meter = Meter(server)
    result = load(server, "drain", "pop3s", mailboxes, sessions, *options)
    meter.stop()
    messages = sessions * hold
    found = figures(meter, messages, result["seconds"], result["messages"], result)
    found["cpu_ms"] = (meter.cpu - empty.cpu) * 1000 / messages
    found["session_ms"] = empty.cpu * 1000 / sessions
    return found


def login(server, work, scale):
    count = max(40, round(work.count * scale))
    if not getattr(server, "login_filled", False):
        fill(server, LOGIN, 1, "8k")
        server.login_filled = True
    load(server, "login", "pop3s", LOGIN, LOGIN[1], "--tls", "implicit")  # from here on verified passwords are cached
    meter = Meter(server)
    result = load(server, "login", "pop3s", LOGIN, count, "--tls", "implicit", *work.options)
    meter.stop()
    found = figures(meter, count, result["seconds"], result["units"], result)
    found["resumed"] = result["resumed"] / count
    return found


class Sampler(threading.Thread):
    """The most memory a server takes while something goes on."""

    def __init__(self, cost):
        super().__init__(daemon=True)
        self.cost, self.most, self.over = cost, 0, threading.Event()

    def run(self):
        while not self.over.wait(0.3):
            self.most = max(self.most, self.cost.memory())

    def stop(self):
        self.over.set()
        self.join()
        return self.most


def memory(server, work, scale):
    """Idle just after the start, and the most while 256 connections send."""
    server.cost.wait_quiet()
    idle = server.cost.memory()
    sampler = Sampler(server.cost)
    sampler.start()
    count = max(1000, count_of(server, work, scale))
    try:
        load(server, "smtp", "smtp", INGEST, count, "--connections", 256, "--tls", "starttls")
    finally:
        most = sampler.stop()
    server.wait_delivered()
    server.accepted += count
    return {"idle": idle, "most": most, "load": os.getloadavg()[0]}


REUSED = ("--connections", 64)
WORKS = [
    Work("memory", "memory", memory, "smtp", 2000),
    Work("smtp-8k", "SMTP to mailbox, 8 KiB, 64 connections reused", ingest, "smtp", 4000,
         ("--size", "8k") + REUSED, 1 / 10, 8),
    Work("smtp-64k", "SMTP to mailbox, 64 KiB, 64 connections reused", ingest, "smtp", 1500,
         ("--size", "64k") + REUSED, 1 / 8),
    Work("smtp-1m", "SMTP to mailbox, 1 MiB, 16 connections reused", ingest, "smtp", 200,
         ("--size", "1M", "--connections", 16), 1 / 4),
    Work("smtp-new-starttls", "SMTP to mailbox, 8 KiB, a new STARTTLS connection each, 16 at once", ingest, "smtp", 1500,
         ("--size", "8k", "--tls", "starttls", "--per-connection", 1, "--connections", 16), 1 / 4),
    Work("smtp-c1", "SMTP to mailbox, 8 KiB, one connection reused", ingest, "smtp", 500,
         ("--size", "8k", "--connections", 1)),
    Work("smtp-c16", "SMTP to mailbox, 8 KiB, 16 connections reused", ingest, "smtp", 2000,
         ("--size", "8k", "--connections", 16)),
    Work("smtp-c256", "SMTP to mailbox, 8 KiB, 256 connections reused", ingest, "smtp", 3000,
         ("--size", "8k", "--connections", 256)),
    Work("drain-8k", "POP3S drain, 8 KiB messages", drain, "pop3s", 0, (DRAIN_8K, DRAIN_8K_HOLD, "8k"), 1 / 4),
    Work("drain-64k", "POP3S drain, 64 KiB messages", drain, "pop3s", 0, (DRAIN_64K, DRAIN_64K_HOLD, "64k"), 1 / 3),
    Work("login", "POP3S login, whole handshake, cached verification, 16 at once", login, "pop3s", 1000,
         ("--connections", 16), 1 / 3),
    Work("login-resumed", "POP3S login, TLS session resumed, 16 at once", login, "pop3s", 1000,
         ("--connections", 16, "--resume")),
]
IDLE_TARGET, LOADED_TARGET = 60 << 20, 300 << 20


def run_round(server, works, scale, tell):
    """One start of the server and all works on it. -> {work: figures}; says what was left out and why."""
    found = {}
    server.accepted, server.login_filled = 0, False
    server.start()
    try:
        for work in works:
            if work.needs not in server.ports or work.name in server.leaves_out:
                continue
            found[work.name] = work.measure(server, work, scale)
            tell(server, work, found[work.name])
        held = server.delivered()
        if held != server.accepted:
            raise RuntimeError(f"{server.name}: {held} messages in its mailboxes, but it accepted {server.accepted}")
    finally:
        server.stop()
        time.sleep(1)
    return found


assert LOGIN[0] + LOGIN[1] <= MAILBOXES
