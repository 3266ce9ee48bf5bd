# SPDX-License-Identifier: Apache-2.0
"""Who is there beside the IMAP clients: one who sends mail, and one who reads it over POP3 and deletes it."""
import asyncio
import hashlib

from letters import letter, token_of
from session import PASSWORD
from wire import PATIENCE, Contradiction, Lost, Wire


class Beside:
    def __init__(self, world, name):
        self.world, self.name = world, name
        self.resting = asyncio.Event()
        self.wire = None
        self.server = 0

    async def live(self):
        world = self.world
        while not world.over.is_set():
            if not world.gate.is_set():
                self.resting.set()
                await asyncio.sleep(0.02)
                continue
            self.resting.clear()
            try:
                await self.session()
            except Exception as e:  # of ours or the server's: both end the test
                if not isinstance(e, (Contradiction, Lost)) or not world.restarted(self):
                    world.fail(self, e)
                    break
            finally:
                if self.wire:
                    self.wire.cut()
        self.resting.set()

    async def line(self):
        while (end := self.wire.buffer.find(b"\n")) < 0:
            try:
                await self.wire.fill(PATIENCE)
            except asyncio.TimeoutError:
                raise Contradiction("no answer") from None
        line = bytes(self.wire.buffer[:end]).rstrip(b"\r")
        del self.wire.buffer[:end + 1]
        return line

    async def pause(self, most):
        await asyncio.sleep(self.world.random.uniform(0, most))


class Sender(Beside):
    """Each message to one or several accounts."""

    async def session(self):
        r, world = self.world.random, self.world
        await world.up(self)
        self.wire = await Wire.open(world.ports["smtp"])
        await self.expect(b"220")
        await self.say(b"EHLO client.test", b"250")
        for _ in range(r.randint(1, 6)):
            if not world.gate.is_set():
                break
            roomy = [a for a in world.accounts if "INBOX" in world.roomy(a)]
            if roomy:
                await self.send(r.sample(roomy, min(len(roomy), r.choice((1, 1, 2, 3)))))
            await self.pause(0.3)
        await self.say(b"QUIT", b"221")

    async def expect(self, code):
        while (line := await self.line())[3:4] == b"-":
            pass
        self.wire.note("< " + line.decode("utf8", "replace"))
        if not line.startswith(code):
            raise Contradiction(f"SMTP: {line!r}, not {code!r}")

    async def say(self, text, code):
        await self.wire.send(text + b"\r\n")
        await self.expect(code)

    async def send(self, accounts):
        token = self.world.token(self)
        for a in accounts:
            a.delivered.add(token)
        await self.say(b"MAIL FROM:<a@elsewhere.test>", b"250")
        for a in accounts:
            await self.say(b"RCPT TO:<" + a.address.encode() + b">", b"250")
        await self.say(b"DATA", b"354")
        await self.wire.send(letter(token).replace(b"\r\n.", b"\r\n..") + b".\r\n", token)
        await self.expect(b"250")
        self.world.counts["delivered"] += len(accounts)


class Reader(Beside):
    """UIDLs are for ever, and so is what they name."""

    def __init__(self, world, account, name):
        super().__init__(world, name)
        self.account, self.known = account, {}

    async def session(self):
        r = self.world.random
        await self.pause(1)
        await self.world.up(self)
        self.wire = await Wire.open(self.world.ports["pop3"])
        await self.ok()
        for command in (b"UTF8", b"USER " + self.account.address.encode(), b"PASS " + PASSWORD.encode()):
            await self.ok(command)
        uidls = [line.split(b" ") for line in await self.lines(b"UIDL")]
        sizes = {n: int(size) for n, size in (line.split(b" ") for line in await self.lines(b"LIST"))}
        for n, uidl in r.sample(uidls, min(len(uidls), r.randint(0, 4))):
            await self.retrieve(n, uidl, sizes[n])
        gone = [n for n, _ in uidls if r.random() < 0.1] if len(uidls) > 10 and r.random() < 0.3 else []
        for n in gone:
            await self.ok(b"DELE " + n)
        if gone:
            next(b for b in self.account.boxes.values() if b.name == "INBOX").excuses += len(gone)
        await self.ok(b"QUIT")
        self.world.counts["popped"] += len(gone)

    async def ok(self, command=None):
        if command is not None:
            await self.wire.send(command + b"\r\n")
        line = await self.line()
        self.wire.note("< " + line.decode("utf8", "replace"))
        if not line.startswith(b"+OK"):
            raise Contradiction(f"POP3: {command!r}: {line!r}")

    async def lines(self, command):
        await self.ok(command)
        found = []
        while (line := await self.line()) != b".":
            found.append(line[1:] if line.startswith(b".") else line)
        return found

    async def retrieve(self, n, uidl, size):
        message = b"\r\n".join(await self.lines(b"RETR " + n)) + b"\r\n"
        token = token_of(message)
        if len(message) != size or token is None or not message.endswith(letter(token)):
            raise Contradiction(f"POP3: {uidl!r} has {len(message)} octets of {size}, or is not what was sent")
        now = (token, hashlib.sha256(message).digest())
        if self.known.setdefault(uidl, now) != now:
            raise Contradiction(f"POP3: {uidl!r} is another message")
