# SPDX-License-Identifier: Apache-2.0
"""Attacks with bytes: what never ends, and answers that nobody reads."""
import asyncio

import wire
from besieged import MIB, PASSWORD, VICTIM, insist

KIB = 1024


async def again(ground, work, each):
    """`each` attackers for each piece of work, which they do again until the honest client is done."""
    at = []

    async def one(do, *args):
        while True:
            await do(lambda: at.append(1), *args)
            if ground.over():
                return

    async def tell():
        await wire.until(lambda: len(at) >= each * len(work))
        ground.worst()

    await wire.together([tell(), *(one(*w, i) for w in work for i in range(each))])


# ---- what never ends ----------------------------------------------------------------------------

REFUSED = (b"5", b"421")
IN_DATA = (*wire.ENVELOPE, b"DATA")
# lines that have to succeed, then without waiting, then for ever
ENDLESS_SMTP = (
    ("header line", IN_DATA, b"Subject: ", b"x" * 65536),
    ("folded header", IN_DATA, b"Subject: ", b"x\r\n " * 16384),
    ("header fields", IN_DATA, b"", b"A: b\r\n" * 8192),
    ("body", IN_DATA, b"Subject: x\r\n\r\n", (b"x" * 70 + b"\r\n") * 900),
    ("body of bare line feeds", IN_DATA, b"Subject: x\r\n\r\n", b"x\n" * 32768),
    ("BDAT chunk", wire.ENVELOPE, b"BDAT 1000000000000 LAST\r\n", b"x" * 65536),
    ("BDAT chunks", wire.ENVELOPE, b"", b"BDAT 60000\r\n" + b"x" * 60000),
    ("BDAT of no message", (), b"BDAT 1000000000000 LAST\r\n", b"x" * 65536),
    ("command line", (), b"", b"X" * 65536),
    ("command lines", (), b"", b"X" * 60000 + b"\r\n"),
)


async def endless(ground):
    """What has no end is refused: the client is told and the connection closed, after twice a message at the most."""
    most = (256 if ground.long else 64) * MIB  # more than two messages and what the kernel holds

    async def smtp(arrived, name, lines, first, piece, i):
        s = await wire.smtp(ground, wire.source(i, 50), *lines)
        try:
            await wire.send(s, first)
            arrived()
            told, _ = await wire.pour(s, piece, most)
            said = told.strip().rsplit(b"\n", 1)[-1]
            insist(not told or said.startswith(REFUSED), name, "was answered", said)
        finally:
            s.close()

    async def other(arrived, port, first, piece, word, i):
        s = await wire.connect(port, wire.source(i, 51) if port != ground.metrics_port else "127.0.0.1")
        try:
            if word.startswith(b"-"):
                await wire.reply(s)
            await wire.send(s, first)
            arrived()
            told, _ = await wire.pour(s, piece, most)
            insist(not told or word in told, port, first, "was answered", told[:200])
        finally:
            s.close()

    work = [(smtp, *row) for row in ENDLESS_SMTP]
    work += [
        (other, ground.ports["pop3"], b"", b"X" * 65536, b"-ERR The line is too long"),
        (other, ground.ports["pop3"], b"AUTH PLAIN\r\n", b"A" * 65536, b"-ERR The line is too long"),
        (other, ground.ports["imap"], b"", b"X" * 65536, b"* BYE "),
        (other, ground.ports["imap"], b"a AUTHENTICATE PLAIN\r\n", b"A" * 65536, b"* BYE "),
        (other, ground.ports["imap"], b"a LOGIN {4294967295+}\r\n", b"A" * 65536, b"* BYE "),
        (other, ground.metrics_port, b"GET /", b"x" * 65536, b" 431 "),
        (other, ground.metrics_port, b"GET / HTTP/1.1\r\n", b"A: b\r\n" * 8192, b" 431 "),
    ]
    await again(ground, work, 8 if ground.long else 2)
    return f"{len(work)} kinds, closed before {most // MIB} MiB"


# ---- half a message -----------------------------------------------------------------------------

async def halves(ground):
    """Messages that stop in the middle, just before they would go to a file, and far behind."""
    count, size = (2500, 2 * MIB) if ground.long else (500, 1 * MIB)
    at, turn = [], asyncio.Semaphore(50)

    async def one(i):
        async with turn:
            s = await wire.smtp(ground, wire.source(i // 50, 60), *IN_DATA)
            n = 120 * KIB if i % 10 else size
            await wire.send(s, b"Subject: half\r\n\r\n" + (b"x" * 70 + b"\r\n") * (n // 72))
        at.append(1)
        try:
            while not ground.over():
                await asyncio.sleep(0.2)
        finally:
            s.close()

    async def tell():
        await wire.until(lambda: len(at) == count)
        ground.worst()

    await wire.together([tell(), *(one(i) for i in range(count))])
    return f"{count} messages of 120 KiB, each tenth of {size // MIB} MiB"


# ---- answers that nobody reads ------------------------------------------------------------------

async def deaf(ground):
    """Commands without end, of which no answer is read: the sender is held back, then closed."""
    small = 4096
    most = 256 * MIB  # of commands; what the kernel keeps for both sides is a fraction

    async def smtp(arrived, lines, piece, i):
        s = await wire.smtp(ground, wire.source(i, 70), *lines, receive=small)
        await flood(arrived, s, piece)

    async def pop3(arrived, piece, i):
        s = await wire.connect(ground.ports["pop3"], wire.source(i, 71), small)
        await flood(arrived, s, piece)

    s = await wire.smtp(ground, wire.source(0, 73), *IN_DATA)
    await wire.send(s, b"Subject: to be fetched\r\n\r\n" + (b"z" * 70 + b"\r\n") * (MIB // 72) + b".\r\n")
    insist((await wire.reply(s)).startswith(b"250 "))
    s.close()

    async def known(arrived, piece, i):
        s = await wire.pop3(ground, wire.source(i, 72), VICTIM, PASSWORD, small)
        await flood(arrived, s, piece)

    async def flood(arrived, s, piece):
        sent = 0
        arrived()
        try:
            while sent < most and await wire.send(s, piece):
                sent += len(piece)
            insist(sent < most, "never held back by", piece[:20])
        finally:
            s.close()

    async def imap(arrived, piece, i):
        s = await wire.imap(ground, wire.source(i, 74), VICTIM, PASSWORD, small)
        await wire.tagged(s, b"a SELECT INBOX")
        await flood(arrived, s, piece)

    commands = 4096
    work = [
        (smtp, (), b"NOOP\r\n" * commands),
        (smtp, (), b"EHLO again\r\n" * commands),
        (smtp, (), b"HELP\r\n" * commands),
        (pop3, b"CAPA\r\n" * commands),
        (known, b"RETR 1\r\n" * commands),
        (known, b"LIST\r\n" * commands),
        (known, b"TOP 1 1000000\r\n" * commands),
        (imap, b"a NOOP\r\n" * commands),
        (imap, b"a FETCH 1:* (ENVELOPE BODY.PEEK[])\r\n" * commands),
        (imap, b"a LIST \"\" *\r\n" * commands),
    ]
    await again(ground, work, 20 if ground.long else 4)
    return f"{len(work)} kinds of flood"


ATTACKS = {
    "endless": (endless, "smtp { message_size = 8M }"),
    "halves": (halves, "server { buffers = 32M }"),
    "deaf": (deaf, "server { read_window = 3 }"),
}
LONG = {"endless": "", "halves": ""}
