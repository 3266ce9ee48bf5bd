# SPDX-License-Identifier: Apache-2.0
"""Attacks with connections: many of them, slow ones, ones that never begin."""
import asyncio
import ssl

import wire
from besieged import PASSWORD, TIMES, VICTIM, insist

# ---- slow-loris ---------------------------------------------------------------------------------

LATE = b"421 4.4.2 "
# port, TLS, what comes at once, replies to it, what drips, the last word
SLOW = (
    ("smtp", False, b"", 1, b"EHLO ", LATE),
    ("smtp", False, b"X" * 20000, 1, b"X", LATE),  # the rest of a line that is too long already
    ("smtp", False, b"EHLO me\r\n" + b"\r\n".join(wire.ENVELOPE) + b"\r\nDATA\r\n", 5, b"Subject: ", LATE),
    ("smtp", False, b"EHLO me\r\n" + b"\r\n".join(wire.ENVELOPE) + b"\r\nBDAT 1000000 LAST\r\n", 4, b"x", LATE),
    ("smtp", False, b"EHLO me\r\nBDAT 1000000 LAST\r\n", 2, b"x", LATE),  # of no message
    ("submission", False, b"EHLO me\r\nAUTH PLAIN\r\n", 3, b"A", LATE),
    ("submission", False, b"EHLO me\r\nAUTH PLAIN\r\n" + b"A" * 20000, 3, b"A", LATE),
    ("submissions", True, b"", 1, b"EHLO ", LATE),
    ("pop3", False, b"", 1, b"USER ", b""),
    ("pop3", False, b"AUTH PLAIN\r\n", 2, b"A", b""),
    ("pop3s", True, b"", 1, b"USER ", b""),
    ("imap", False, b"", 1, b"a LOGIN ", b"* BYE "),
    ("imap", False, b"a LOGIN {10}\r\n", 2, b"u", b"* BYE "),
    ("imap", False, b"a LOGIN {4000+}\r\n", 1, b"u", b"* BYE "),
    ("imaps", True, b"a AUTHENTICATE PLAIN\r\n", 2, b"A", b"* BYE "),
)


async def drip(ground, at, row, address):
    port, tls, first, _, drops, last = row
    s = await wire.connect(ground.ports[port], address)
    try:
        reader, writer = await wire.wrap(s, ground.context if tls else None)
    except wire.CLOSED:  # our own side was too slow for the handshake's time-out
        return False
    got = asyncio.ensure_future(reader.read(-1))
    try:
        writer.write(first)
        at.append(1)
        i = 0
        while not got.done():
            writer.write(drops[i % len(drops):][:1])
            i += 1
            insist(i < 300, "still open after", i, "drops at", port, first[:40])
            await asyncio.wait([got], timeout=0.3)
        try:
            text = got.result()
        except wire.CLOSED:
            text = None  # a reset took the last words along; that it is closed is what counts
        if text is not None and last:
            said = text.strip().rsplit(b"\n", 1)[-1]
            insist(said.startswith(last), "the last word to", port, first[:40], "is", said)
    finally:
        got.cancel()
        writer.transport.abort()
    return text is not None


async def slow(ground):
    each = 50 if ground.long else 8
    at = []

    async def one(row, i):
        heard = 0
        while True:
            heard += await drip(ground, at, row, wire.source(i, 10))
            if ground.over():
                return heard

    async def tell():
        await wire.until(lambda: len(at) >= each * len(SLOW))
        ground.worst()
        return 0

    heard = await wire.together([tell(), *(one(row, i) for row in SLOW for i in range(each))])
    insist(sum(heard) > 0, "nobody was told why")
    return f"{each} connections for each of {len(SLOW)} states, a byte each 0.3 s"


# ---- half-open TLS ------------------------------------------------------------------------------

def hello(context):
    """A ClientHello."""
    out = ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), out, server_hostname="localhost")
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read()


async def half_open(ground):
    """Each is closed in server.handshake_timeout, whatever it has sent of its handshake."""
    whole = hello(ground.context)
    each = 270 if ground.long else 40
    starts = {"submissions": (), "pop3s": (), "imaps": (), "smtp": (b"EHLO me", b"STARTTLS"), "pop3": (b"STLS",),
              "imap": (b"a STARTTLS",)}
    openings = ((b"", b""), (whole[:3], b""), (whole[:-1], b""), (whole, b""), (whole[:5], whole[5:]))
    at, work = [], []

    async def one(port, opening, i):
        first, drops = opening
        while True:
            s = await wire.connect(ground.ports[port], wire.source(i, 20))
            try:
                if starts[port]:
                    await wire.reply(s)
                    await wire.say(s, *starts[port])
                await wire.send(s, first)
                at.append(1)
                end = asyncio.ensure_future(wire.rest(s))
                for k in range(len(drops)):
                    await asyncio.wait([end], timeout=0.3)
                    if end.done() or not await wire.send(s, drops[k:k + 1]):
                        break
                await end
            finally:
                s.close()
            if ground.over():
                return

    for port in starts:
        work += [one(port, openings[i % len(openings)], i) for i in range(each)]

    async def tell():
        await wire.until(lambda: len(at) >= len(starts) * each)
        ground.worst()

    await wire.together([tell(), *work])
    return f"{len(starts) * each} handshakes at once"


# ---- crowds -------------------------------------------------------------------------------------

CROWDED = {"smtp": b"421 4.7.0 There are too many connections from your ",
           "submission": b"421 4.7.0 There are too many connections from your ",
           "pop3": b"-ERR [SYS/TEMP] There are too many connections from your "}


async def crowd(ground):
    """10,000 connections from one address, all held: a hundred are let in, the others are told."""
    ports = ("smtp", "submission", "pop3", "pop3s", "submissions")
    total, held = 10000, []
    turn = asyncio.Semaphore(200)

    async def one(i):
        port = ports[i % len(ports)]
        async with turn:
            s = await wire.connect(ground.ports[port], wire.source(0, 30))
            held.append(s)
            if i < 100:  # so that who is let in is known: the first hundred, and of them all ports
                return port not in CROWDED or (await wire.reply(s))[:4] in (b"220 ", b"+OK ")
            got = await wire.rest(s)
            insist(got.startswith(CROWDED[port]) if port in CROWDED else got == b"", port, "said", got)
            return False

    try:
        let_in = await wire.together(one(i) for i in range(100))
        insist(all(let_in), "not all of the first hundred came in")
        ground.worst()
        rest = await wire.together(one(i) for i in range(100, total))
        insist(not any(rest))
        while not ground.over():
            await asyncio.sleep(0.05)
    finally:
        for s in held:
            s.close()
    return f"100 let in, {total - 100} told"


async def crush(ground):
    """More addresses and connections than the server has places, held in silence and asked for again and again.
    Who has logged in stays; who comes gets the place of who has waited longest, once that is three seconds."""
    places = 15000 if ground.long else 300
    busy = {"smtp": b"421 4.3.2 ", "pop3": b"-ERR [SYS/TEMP] "}
    at, told, work = [], [], []
    known = await wire.pop3(ground, wire.source(0, 35), VICTIM, PASSWORD)

    async def one(port, i):
        while not ground.over():
            s = await wire.connect(ground.ports[port], wire.source(i, 40))
            try:
                said = await wire.reply(s) if port in busy else b""
                at.append(1)
                if port in busy and said.startswith(busy[port]):
                    told.append(1)
                    await asyncio.sleep(5)
                    continue
                end = asyncio.ensure_future(wire.recv(s))
                while not end.done() and not ground.over():
                    await asyncio.wait([end], timeout=0.2)
                end.cancel()
            finally:
                s.close()
            await asyncio.sleep(5)

    ports = ("smtp", "pop3", "pop3s")
    work = [one(ports[i % 3], i % (places // 10)) for i in range(places * 5 // 4)]

    async def tell():
        await wire.until(lambda: len(at) >= places)
        await asyncio.sleep(3)
        ground.worst()

    try:
        await wire.race(tell(), work, ground.over)
        insist((await wire.say(known, b"NOOP")).startswith(b"+OK"), "who had logged in was closed")
    finally:
        known.close()
    return f"{len(work)} clients for {places} places, told {len(told)} times"

ATTACKS = {
    "slow-loris": (slow, TIMES),
    "half-open-tls": (half_open, TIMES),
    "crowd": (crowd, ""),
    "crush": (crush, "server { connections = 300 }"),
}
LONG = {"crush": "server { connections = 15000 }"}
PATIENT = {"crush"}
