# SPDX-License-Identifier: Apache-2.0
"""Quiet moments: everybody stops, somebody new looks at all there is, and everybody must have believed it."""
import asyncio
import time

import names
from letters import token_of
from session import Command, Session
from wire import Contradiction

STATUS = b"(MESSAGES UNSEEN DELETED SIZE UIDNEXT UIDVALIDITY HIGHESTMODSEQ)"


class Looker(Session):
    """Sees an account as it is."""

    def __init__(self, world, account):
        super().__init__(world, account, "looker")
        self.found = {}  # uidvalidity -> uid -> flags
        self.size = self.messages = 0

    async def look(self):
        await self.connect("plain" if self.world.plain else "tls")
        await self.enable("CONDSTORE")
        for name, attributes in (await self.listed()).items():
            if "\\Noselect" not in attributes:
                await self.look_into(name)
        await self.quota()
        await self.leave()

    async def listed(self):
        found = {}

        def on(_, response):
            if response.word == b"LIST":
                items = response.items()
                found[names.plain(self, items[4])] = [a.decode() for a in items[2]]
        await self.run(Command(b'LIST "" "*"', on=on))
        for c in self.world.clients:
            if c.account is self.account and c.unsure:
                names.looked_again(c, found)
        here = {n for n in found if not n.startswith("Other Users")}
        wrong = here ^ {*names.STABLE, *names.USES, *self.account.names}
        shared = {n for n in self.world.shared(self.account) if not n.endswith("/Open")}
        if shared - {*found}:
            raise Contradiction(f"LIST leaves out {shared - {*found}}")
        if wrong:
            raise Contradiction(f"LIST has {sorted(found)}; wrong are {wrong}")
        return {name: found[name] for name in here}

    async def look_into(self, name):
        status = {}

        def on(command, response):
            if response.word == b"STATUS":
                status.update(self.status(response, command))
        await self.run(Command(b"STATUS " + self.named(name) + b" " + STATUS, on=on))
        await self.run(self.select(name, read_only=True))
        await self.learn()
        if self.box.unknown():
            raise Contradiction("FETCH leaves out what was asked for")
        box, truth = self.box, self.box.truth
        truth.name, truth.deleted = name, False
        sizes = {}
        if len(box):
            await self.run(Command(b"UID FETCH 1:* (RFC822.SIZE EMAILID BODY.PEEK[HEADER.FIELDS (X-TOKEN)])",
                                   on=lambda _, r: self.token(r, sizes)))
        self.sums(name, status, sizes)
        self.found[truth.validity] = box.state()
        self.settle(truth, status["UIDNEXT"])

    def token(self, response, sizes):
        if response.word != b"FETCH":
            return
        items = self.box.items_of(response)
        token = token_of(items["BODY[HEADER.FIELDS (X-TOKEN)]"])
        if token is None:
            raise Contradiction("a message without a token")
        self.box.truth.token(int(items["UID"]), token)
        sizes[int(items["UID"])] = int(items["RFC822.SIZE"])

    def sums(self, name, status, sizes):
        box = self.box
        flags = [m.flags for m in box.messages]
        right = {"MESSAGES": len(box), "UNSEEN": sum("\\Seen" not in f for f in flags),
                 "DELETED": sum("\\Deleted" in f for f in flags), "SIZE": sum(sizes.values()),
                 "UIDVALIDITY": box.truth.validity}
        wrong = {k: (status[k], v) for k, v in right.items() if status[k] != v}
        if wrong:
            raise Contradiction(f"STATUS of {name}: {wrong}")
        highest = max((m.modseq for m in box.messages), default=0)
        if status["HIGHESTMODSEQ"] < highest or status["UIDNEXT"] <= max((m.uid for m in box.messages), default=0):
            raise Contradiction(f"STATUS of {name}: {status}, but {highest} and {box.messages[-1:]}")
        self.size += sum(sizes.values())
        self.messages += len(box)

    def settle(self, truth, uidnext):
        """What came was put there by somebody; what went, somebody removed."""
        account, now = self.account, self.found[truth.validity]
        for uid in now:
            if uid in truth.origin or (truth.alive is not None and uid in truth.alive):
                continue
            token = truth.facts_of(uid)["token"]
            if token in account.delivered and token not in account.arrived:
                account.arrived.add(token)
            elif not account.doubts:
                raise Contradiction(f"UID {uid} of {truth.name}, {token}: nobody put it there")
        truth.settled(now, uidnext)

    async def quota(self):
        """RFC 9208: in units of 1024 octets."""
        told = []

        def on(_, response):
            if response.word == b"QUOTA":
                told.extend(response.items()[3])
        await self.run(Command(b'GETQUOTA ""', on=on))
        found = {k.decode(): int(v) for k, v in zip(told[::3], told[1::3])}
        if found.get("MESSAGE") != self.messages or not 0 <= found.get("STORAGE", -1) * 1024 - self.size < 1024:
            raise Contradiction(f"the quota has {found}, but there are {self.messages} messages of {self.size}")


async def quiet(world):
    world.gate.clear()
    end = time.monotonic() + 120
    for one in [*world.clients, *world.others]:
        while not one.resting.is_set() and not world.over.is_set():
            if time.monotonic() > end:
                world.fail(one, Contradiction("it does not come to rest"))
            await asyncio.sleep(0.01)


async def moment(world):
    """All is compared."""
    async with world.server.stays(world.over):
        await compare(world)


async def compare(world):
    await quiet(world)
    if world.cut:  # what was sent before may still be worked on
        await asyncio.sleep(1)
    world.cut = False
    found = {}
    for account in world.accounts:
        if world.over.is_set():
            return
        looker = Looker(world, account)
        try:
            await looker.look()
        except Exception as e:  # of ours or the server's: both end the test
            world.fail(looker, e)
            return
        account.forget(looker.found)
        account.doubts = 0
        found.update({(account, validity): state for validity, state in looker.found.items()})
    for c in world.clients:
        try:
            await c.converge(found)
        except Exception as e:
            world.fail(c, e)
            return
    world.counts["moments"] += 1
    world.gate.set()
