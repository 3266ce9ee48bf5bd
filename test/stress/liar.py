# SPDX-License-Identifier: Apache-2.0
"""The proof that the stress test notices: somebody between the clients and the server falsifies one kind of answer, now
and then. Each of these lies must lead to a contradiction, and somebody who only passes answers on to none."""
import asyncio
import random
import re
import time

from admin import Broken
from world import World

PATIENCE = 120  # seconds that a lie may live
RARE = ("what vanished earlier is left out", "MODIFIED is left out",
        "nobody says that changes wait")  # told whenever there is a chance
AT_ONCE = 7
SLOW = ("nobody says that changes wait",)  # the cut has to come at that moment: not in ./check


def dropped(pattern):
    found = re.compile(pattern)
    return lambda line: b"" if found.search(line) else None


def changed(pattern, how):
    """`how`: of the match."""
    found = re.compile(pattern)

    def lie(line):
        m = found.search(line)
        return line[:m.start()] + how(m) + line[m.end():] if m else None
    return lie


def number(by):
    """The last group, which is a number, is another one."""
    def how(m):
        text, last = m.group(0), m.lastindex
        at = m.start(last) - m.start(0)
        return text[:at] + b"%d" % max(0, int(m.group(last)) + by) + text[at + len(m.group(last)):]
    return how


def flag(m):
    return b"FLAGS (" + (m[1].replace(b"\\Flagged", b"").strip().replace(b"  ", b" ") if b"\\Flagged" in m[1]
                         else (m[1] + b" \\Flagged").strip()) + b")"


LIES = {
    "nobody": lambda line: None,
    "an EXPUNGE is left out": dropped(rb"^\* \d+ EXPUNGE"),
    "an EXPUNGE has another number": changed(rb"^\* (\d+) EXPUNGE", number(1)),
    "an EXPUNGE too many": changed(rb"^t\d+ OK FETCH", lambda m: b"* 1 EXPUNGE\r\n" + m[0]),
    "a VANISHED is left out": dropped(rb"^\* VANISHED \d"),
    "what vanished earlier is left out": dropped(rb"^\* VANISHED \(EARLIER\)"),
    "EXISTS is left out": dropped(rb"^\* \d+ EXISTS"),
    "EXISTS is too low": changed(rb"^\* (\d+) EXISTS", number(-1)),
    "EXISTS is too high": changed(rb"^\* (\d+) EXISTS", number(1)),
    "a flag is wrong": changed(rb"(?<=FETCH \()(?:UID \d+ )?FLAGS \(([^)]*)\)", flag),
    "changed flags are not told": dropped(rb"^\* \d+ (UID)?FETCH \((UID \d+ )?FLAGS \([^)]*\)( MODSEQ \(\d+\))?\)"),
    "a UID is wrong": changed(rb"\bUID (\d+)(?= FLAGS)", number(1)),
    "UIDNEXT falls": changed(rb"\[UIDNEXT (\d+)", number(-2)),
    "HIGHESTMODSEQ is too high": changed(rb"\[HIGHESTMODSEQ (\d+)", number(100000)),
    "nobody says that changes wait": dropped(rb"^\* OK \[HIGHESTMODSEQ \d+\] Changes wait"),
    "MODSEQ falls": changed(rb"MODSEQ \((\d+)", number(-3)),
    "COPYUID is wrong": changed(rb"\[COPYUID \d+ \S+ (\d+)", number(1)),
    "APPENDUID is wrong": changed(rb"\[APPENDUID \d+ (\d+)", number(1)),
    "MODIFIED is left out": changed(rb"\[MODIFIED [^\]]*\] ", lambda m: b""),
    "SEARCH leaves one out": changed(rb"^(\* SEARCH.*) \d+\r", lambda m: m[1] + b"\r"),
    "ESEARCH finds another one": changed(rb"^\* ESEARCH .*ALL (\d+)", number(1)),
    "SORT names one twice": changed(rb"^(\* SORT .*) (\d+)\r", lambda m: m[1] + b" " + m[2] + b" " + m[2] + b"\r"),
    "STATUS counts one more": changed(rb"^\* STATUS .*MESSAGES (\d+)", number(1)),
    "STATUS has another size": changed(rb"^\* STATUS .*SIZE (\d+)", number(1)),
    "the quota is wrong": changed(rb"^\* QUOTA .*MESSAGE (\d+)", number(1)),
    "FETCH leaves a message out": dropped(
        rb"^\* \d+ (UID)?FETCH \((UID \d+ )?(EMAILID|INTERNALDATE|RFC822\.SIZE|SAVEDATE) [^{]*\)\r"),
    "an envelope is another one": changed(rb'ENVELOPE \("(.)', lambda m: b'ENVELOPE ("~'),
    "a structure is another one": changed(rb'BODYSTRUCTURE \("(.)', lambda m: b'BODYSTRUCTURE ("~'),
    "a message is another one": changed(rb"^X-Token: (.)", lambda m: b"X-Token: ~"),
    "a size is wrong": changed(rb"RFC822.SIZE (\d+)", number(1)),
    "a date is another one": changed(rb'INTERNALDATE "(..)', lambda m: b'INTERNALDATE "09' if m[1] != b"09"
                                     else b'INTERNALDATE "08'),
    "an EMAILID is another one": changed(rb"EMAILID \(M", lambda m: b"EMAILID (X"),
    "LIST leaves a mailbox out": dropped(rb'^\* LIST \([^)]*\) "/" Archive'),
    "an answer has another tag": changed(rb"^t(\d+)(?= OK)", number(1)),
}
ADDRESSES = [f"lie{n}@example.test" for n in range(len(LIES))]


class Liar:
    """Listens, and passes on what the server says, but for some chances to lie."""

    def __init__(self, port, lie, often, seed):
        self.port, self.lie, self.often, self.random = port, lie, often, random.Random(seed)
        self.told = 0

    async def listen(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0, limit=1 << 20)
        return self.server.sockets[0].getsockname()[1]

    async def serve(self, reader, writer):
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 20)
            await asyncio.gather(self.up(reader, up_writer), self.down(up_reader, writer))
        except OSError:
            pass
        finally:
            writer.close()

    @staticmethod
    async def up(reader, writer):
        try:
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
        finally:
            writer.close()

    async def down(self, reader, writer):
        try:
            while line := await reader.readline():
                wrong = self.lie(line)
                if wrong is not None and wrong != line and self.random.random() < self.often:
                    self.told += 1
                    line = wrong
                writer.write(line)
                await writer.drain()
        finally:
            writer.close()


async def one(ports, name, address, seed):
    """Seconds until it was noticed, and how; None: it was not."""
    liar = Liar(ports["imap"], LIES[name], 1 if name in RARE else 0.25, seed)
    seconds = PATIENCE if name != "nobody" else 6
    world = World({"ports": {**ports, "imap": await liar.listen()}, "addresses": [address], "clients": 4, "seed": seed,
                   "seconds": seconds, "every": 1.5, "plain": True, "beside": False, "most": 25, "patience": 2,
                   "life": 12 if name in RARE else 40})
    began = time.monotonic()
    _, failure = await world.live()
    liar.server.close()
    return time.monotonic() - began, failure, liar.told


async def all_of_them(ports, seed, names):
    found, free = {}, asyncio.Semaphore(AT_ONCE)

    async def in_turn(name):
        async with free:
            address = ADDRESSES[list(LIES).index(name)]
            found[name] = await one(ports, name, address, seed)
    await asyncio.gather(*(in_turn(n) for n in names))
    return found


def prove(ports, seed, names=()):
    began = time.monotonic()
    found = asyncio.run(all_of_them(ports, seed, names or [n for n in LIES if n not in SLOW]))
    for name, (seconds, failure, told) in found.items():
        first = failure.splitlines()[0] if failure else "-"
        if (failure is None or told == 0) != (name == "nobody"):
            raise Broken(f"{name}, told {told} times: {failure}")
        if names:
            print(f"{name}: {seconds:.1f} s, told {told} times: {first}", flush=True)
    slowest = max(seconds for name, (seconds, _, _) in found.items() if name != "nobody")
    count = len([n for n in found if n != "nobody"])
    print(f"{count} lies were noticed in {time.monotonic() - began:.0f} s, each after {slowest:.1f} s at most",
          flush=True)
