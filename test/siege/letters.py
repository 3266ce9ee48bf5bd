# SPDX-License-Identifier: Apache-2.0
"""Attacks with messages that are in order for SMTP, and with passwords."""
import asyncio
import base64
import random

import wire
from besieged import HONEST, MIB, PASSWORD, VICTIM, insist

# ---- what a message can be made of --------------------------------------------------------------

def million_parts():
    head = b"Subject: parts\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    return head + b"--b\r\n\r\nx\r\n" * 1000000 + b"--b--\r\n"


def deep_multipart(levels=10000):
    begin = [b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (i, i) for i in range(levels)]
    end = [b"--b%d--\r\n" % i for i in reversed(range(levels))]
    return b"MIME-Version: 1.0\r\n" + b"".join(begin) + b"\r\nx\r\n" + b"".join(end)


def deep_message(levels=10000):
    return b"MIME-Version: 1.0\r\n" + b"Content-Type: message/rfc822\r\n\r\n" * levels + b"Subject: x\r\n\r\nx\r\n"


def deep_comments():
    """Where parsers like to call themselves: comments, groups, quoted pairs, encoded words."""
    nested = b"(" * 450 + b")" * 450
    fields = [b"To: " + b"\r\n ".join([nested] * 100) + b" a@b.test\r\n", b"From: " + b"a:" * 400 + b";\r\n",
              b"Date: " + b"\r\n ".join([nested] * 100) + b" 1 Jan 2026 00:00:00 +0000\r\n",
              b"Cc: " + b"<" * 900 + b"\r\n", b"Subject: " + b"\r\n ".join([b"=?utf-8?q?=41?=" * 60] * 100) + b"\r\n",
              b"Content-Type: multipart/mixed; " + b";\r\n ".join(b"boundary*%d*=x" % i for i in range(2000)) + b"\r\n"]
    return b"".join(fields) + b"\r\nx\r\n"


def many_parameters():
    return (b"Content-Type: text/plain" + b"".join(b";\r\n a%d=b" % i for i in range(20000)) + b"\r\n\r\nx\r\n")


LETTERS = (million_parts, deep_multipart, deep_message, deep_comments, many_parameters)


async def fetch(ground, address, command):
    s = await wire.pop3(ground, address, VICTIM, PASSWORD)
    try:
        await wire.send(s, command + b"\r\n")
        got = bytearray()
        while not got.endswith(b"\r\n.\r\n"):
            piece = await wire.recv(s, 1 << 20)
            insist(piece, "closed in the middle of", command)
            got += piece
        return bytes(got)
    finally:
        s.close()


async def letters(ground):
    """Kept, listed, shown from the top and fetched: byte for byte what was sent."""
    sent = []

    async def post(make):
        body = make()
        insist(b"\r\n." not in body)
        s = await wire.smtp(ground, wire.source(0, 80), *wire.ENVELOPE, b"DATA")
        try:
            await wire.send(s, body + b".\r\n")
            said = await wire.reply(s)
            insist(said.startswith(b"250 "), make.__name__, "was answered", said)
        finally:
            s.close()
        sent.append(body)

    async def read(number):
        got = await fetch(ground, wire.source(number, 81), b"RETR %d" % number)
        insist(any(got.endswith(body + b".\r\n") for body in sent), "message", number, "is not what was sent")
        top = await fetch(ground, wire.source(number, 81), b"TOP %d 1" % number)
        insist(got.partition(b"\n")[2].startswith(top.partition(b"\n")[2][:-5].rstrip(b"\r\n")), "the top of", number)

    await wire.together(post(make) for make in LETTERS)
    await fetch(ground, wire.source(0, 81), b"LIST")
    ground.worst()
    while True:
        await wire.together(read(1 + i % len(LETTERS)) for i in range(len(LETTERS) * (8 if ground.long else 1)))
        if ground.over():
            return f"{len(LETTERS)} messages, the largest {max(map(len, sent)) // MIB} MiB"


# ---- readers ------------------------------------------------------------------------------------

async def lazy(ground):
    """A large message is asked for and not read, or a byte now and then: closed in server.read_window."""
    size, each = (40 * MIB, 90) if ground.long else (16 * MIB, 40)
    s = await wire.smtp(ground, wire.source(0, 90), *wire.ENVELOPE, b"DATA")
    await wire.send(s, b"Subject: large\r\n\r\n" + (b"y" * 70 + b"\r\n") * (size // 72) + b".\r\n")
    insist((await wire.reply(s)).startswith(b"250 "))
    s.close()
    at = []

    async def one(i):
        while True:
            pop3 = i % 4 < 2
            login = wire.pop3 if pop3 else wire.imap
            r = await login(ground, wire.source(i, 91), VICTIM, PASSWORD, receive=4096)
            got = 0
            try:
                if not pop3:
                    await wire.tagged(r, b"a SELECT INBOX")
                await wire.send(r, b"RETR 1\r\n" if pop3 else b"a FETCH 1 BODY.PEEK[]\r\n")
                at.append(1)
                while i % 2 and got < 40 and await wire.recv(r, 1):  # four windows
                    got += 1
                    await asyncio.sleep(0.3)
                if i % 2 == 0:
                    await closed_by_peer(r)
                insist(got + len(await wire.rest(r)) < size, "all of it was sent to who does not read")
            finally:
                r.close()
            if ground.over():
                return

    async def tell():
        await wire.until(lambda: len(at) >= each)
        ground.worst()

    await wire.together([tell(), *(one(i) for i in range(each))])
    return f"{each} readers of {size // MIB} MiB"


async def closed_by_peer(s):
    """Waits without reading: writing fails once the other side has closed."""
    for _ in range(300):
        await asyncio.sleep(0.3)
        if not await wire.send(s, b"\r\n"):
            return
    insist(False, "who does not read is still connected")


# ---- passwords ----------------------------------------------------------------------------------

NEWCOMERS = tuple(f"newcomer{i}@example.test" for i in range(5))


async def guessing(ground):
    """More guesses than there are threads to try them, for names there are and names there are not. Who logs in for
    the first time, so that his password is not remembered, waits for his turn and is not refused."""
    clients = 1500 if ground.long else 400
    at, busy, wrong = [], [], []
    answers = {b"535": wrong, b"454": busy, b"421": busy}

    async def one(i):
        draw = random.Random(i)
        while not ground.over():
            # two addresses of a network: enough for a lock of that network, not for all of the account
            s = await wire.connect(ground.ports["submission"], wire.source(i // 5, 100))
            try:
                await wire.reply(s)
                await wire.say(s, b"EHLO guess")
                for _ in range(10):
                    name = HONEST if i < 10 else f"user{draw.randrange(10 ** 6)}@example.test"
                    guess = base64.b64encode(f"\0{name}\0guess{draw.random()}".encode())
                    await wire.send(s, b"AUTH PLAIN " + guess + b"\r\n")
                    at.append(1)
                    said = await wire.reply(s)
                    insist(said[:3] in answers, "a guess was answered", said)
                    answers[said[:3]].append(1)
                    if said.startswith(b"421 ") or ground.over():
                        break
            finally:
                s.close()

    async def tell():
        await wire.until(lambda: len(at) >= clients and busy)
        for name in NEWCOMERS:
            told = len(busy)
            (await wire.pop3(ground, "127.0.0.1", name, PASSWORD)).close()
            await wire.until(lambda: len(busy) > told)  # so the queue is full again, or still
        ground.worst()

    await wire.race(tell(), [one(i) for i in range(clients)], ground.over)
    return f"{clients} guessers, {len(wrong)} wrong, {len(busy)} told to try later, {len(NEWCOMERS)} newcomers let in"


ATTACKS = {
    "letters": (letters, ""),
    "lazy-readers": (lazy, "server { read_window = 3 }"),
    "guessing": (guessing, "auth { cleartext_on_loopback = yes queue = 64 }"),
}
LONG = {"guessing": ""}
ACCOUNTS = {"guessing": NEWCOMERS}
