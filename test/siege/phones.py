# SPDX-License-Identifier: Apache-2.0
"""Attacks over IMAP: sessions that stay, passwords that are guessed, literals. What other protocols suffer as well
(slow clients, lines without end, answers that nobody reads) is in crowds.py, floods.py and letters.py."""
import asyncio

import wire
from besieged import HONEST, MIB, PASSWORD, VICTIM, insist

# ---- idlers -------------------------------------------------------------------------------------

async def idlers(ground):
    """A crowd in IDLE on one mailbox, all of whom have to be told of each message; half of them do not listen."""
    count = 3000 if ground.long else 400
    turn, at, heard = asyncio.Semaphore(50), [], []

    async def one(i):
        async with turn:
            s = await wire.imap(ground, wire.source(i, 110), VICTIM, PASSWORD, 4096)
            await wire.tagged(s, b"a SELECT INBOX")
            await wire.send(s, b"a IDLE\r\n")
            insist((await wire.reply(s)).startswith(b"+"), "IDLE is not begun")
        at.append(1)
        try:
            while not ground.over():
                if i % 2:
                    await asyncio.sleep(0.5)
                    continue
                got = asyncio.ensure_future(wire.recv(s))
                while not got.done() and not ground.over():
                    await asyncio.wait([got], timeout=0.5)
                if got.done():
                    insist(b" EXISTS\r\n" in got.result() or b" EXPUNGE\r\n" in got.result(), "heard", got.result()[:80])
                    heard.append(1)
                got.cancel()
        finally:
            s.close()

    async def post():
        """Mail for them, again and again."""
        await wire.until(lambda: len(at) == count, 300)
        s = await wire.smtp(ground, wire.source(0, 140))
        while not heard:
            await mail(s)
        ground.worst()
        while not ground.over():
            await mail(s)
        s.close()

    async def mail(s):
        for line in (*wire.ENVELOPE, b"DATA"):
            await wire.say(s, line)
        await wire.send(s, b"Subject: for all\r\n\r\nx\r\n.\r\n")
        insist((await wire.reply(s)).startswith(b"250 "), "mail is refused")
        await asyncio.sleep(0.2)

    await wire.together([post(), *(one(i) for i in range(count))])
    return f"{count} in IDLE, told {len(heard)} times"


# ---- passwords ----------------------------------------------------------------------------------

async def guesses(ground):
    """Wrong passwords by LOGIN and AUTHENTICATE, thousands, from one network: that account is locked there, also for
    who has the right one, and nowhere else; and who guesses on and on is hung up on."""
    total, sessions = (3000, 30) if ground.long else (300, 8)
    wrong, closed = [], []

    async def guesser(i):
        while len(wrong) < total or not ground.over():
            s = await wire.connect(ground.ports["imap"], wire.source(i, 150))
            await wire.reply(s)
            try:
                for _ in range(40):
                    await wire.send(s, b"a LOGIN %s \"guess %d\"\r\n" % (VICTIM.encode(), len(wrong)))
                    wrong.append(1)
                    said = await wire.recv(s, 4096)
                    if not said or b"* BYE" in said:
                        closed.append(1)
                        break
                    insist(b"a NO [AUTHENTICATIONFAILED]" in said or b"a NO [UNAVAILABLE]" in said, "a guess is answered", said)
                else:
                    insist(False, "after 40 wrong passwords a session is still open")
            finally:
                s.close()

    async def tell():
        await wire.until(lambda: len(wrong) >= total // 4 and closed)
        s = await wire.connect(ground.ports["imap"], wire.source(100, 150))
        await wire.reply(s)
        await wire.send(s, b"a LOGIN %s \"%s\"\r\n" % (VICTIM.encode(), PASSWORD.encode()))
        said = await wire.reply(s)
        insist(b"NO [AUTHENTICATIONFAILED] There were too many" in said, "the right password from a network that is locked is answered", said)
        s.close()
        (await wire.imap(ground, wire.source(0, 180), VICTIM, PASSWORD)).close()
        ground.worst()

    await wire.together([tell(), *(guesser(i) for i in range(sessions))])
    return f"{len(wrong)} wrong passwords, {len(closed)} sessions hung up on"


# ---- literals -----------------------------------------------------------------------------------

async def literals(ground):
    """What is too large is refused before it is sent, or, sent without asking, read up to its limit and no further; what
    stops in the middle is kept in a file, and goes with its connection."""
    count = 1500 if ground.long else 150
    at, turn = [], asyncio.Semaphore(50)

    async def refused():
        s = await wire.imap(ground, wire.source(0, 160), VICTIM, PASSWORD)
        await wire.tagged(s, b"a SELECT INBOX")
        for command, answer in ((b"a APPEND INBOX {100000000}", b"a NO [TOOBIG]"),
                                (b"a APPEND INBOX {18446744073709551616}", b"a BAD"),
                                (b"a SEARCH SUBJECT {1000000}", b"a NO [TOOBIG]"),
                                (b"a APPEND INBOX {100000000", b"a BAD")):
            await wire.send(s, command + b"\r\n")
            said = await wire.reply(s)
            insist(said.startswith(answer), command, "is answered", said)
        s.close()

    async def poured(command):
        s = await wire.imap(ground, wire.source(1, 160), VICTIM, PASSWORD)
        try:
            await wire.send(s, command + b"\r\n")
            said, sent = await wire.pour(s, b"x" * 65536, 64 * MIB)
            insist(not said or b"BYE" in said, command, "is answered", said)
        finally:
            s.close()

    async def half(i):
        async with turn:
            s = await wire.imap(ground, wire.source(i // 50, 170), VICTIM, PASSWORD)
            size = 2 * MIB if i % 10 == 0 else 100 * 1024
            await wire.send(s, b"a APPEND INBOX {%d+}\r\n" % size + b"Subject: half\r\n\r\n" + b"x" * (size // 2))
        at.append(1)
        try:
            while not ground.over():
                await asyncio.sleep(0.2)
        finally:
            s.close()

    async def tell():
        await wire.until(lambda: len(at) == count)
        ground.worst()
        while not ground.over():
            await refused()
            await wire.together(poured(c) for c in (b"a APPEND INBOX {100000000+}", b"a LOGOUT {100000000+}",
                                                    b"a SEARCH SUBJECT {400000+}"))

    await wire.together([tell(), *(half(i) for i in range(count))])
    return f"{count} messages of 100 KiB, each tenth of 2 MiB, stop in the middle"


ATTACKS = {
    "imap-idlers": (idlers, ""),
    "imap-guesses": (guesses, "auth { cleartext_on_loopback = yes failure_delay = 100 }"),
    "imap-literals": (literals, "smtp { message_size = 8M } server { buffers = 32M }"),
}
LONG = {}
