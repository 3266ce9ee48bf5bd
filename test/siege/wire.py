# SPDX-License-Identifier: Apache-2.0
"""What attackers send with: sockets from addresses of their own, read or not read, in hundreds at once."""
import asyncio
import socket
import ssl

from besieged import PATIENCE, Failure, insist

CLOSED = (ConnectionError, ssl.SSLError)  # ways to be told that there is no more; asyncio.IncompleteReadError is not


def source(i, network=0):
    """The i-th address of a network of its own (IPv4 /24), 127.66.x.y."""
    return f"127.66.{(network + i // 250) % 256}.{i % 250 + 1}"


async def connect(port, address, receive=None):
    """A plain socket; `receive` is how many bytes the kernel takes for who does not read."""
    s = socket.socket()
    s.setblocking(False)
    if receive:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
    try:
        s.bind((address, 0))
        await asyncio.wait_for(asyncio.get_running_loop().sock_connect(s, ("127.0.0.1", port)), PATIENCE)
    except BaseException:
        s.close()
        raise
    return s


async def wrap(s, context=None):
    """Streams over a socket, with TLS or without."""
    tls = {"ssl": context, "server_hostname": "localhost", "ssl_handshake_timeout": PATIENCE} if context else {}
    return await asyncio.open_connection(sock=s, **tls)


async def recv(s, n=65536):
    """b"" at the end, however it came."""
    try:
        return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(s, n), PATIENCE)
    except ConnectionError:
        return b""
    except asyncio.TimeoutError:
        raise Failure("a connection that should have been closed is open") from None


async def send(s, data):
    """False: the other side has closed."""
    try:
        await asyncio.get_running_loop().sock_sendall(s, data)
        return True
    except ConnectionError:
        return False


async def rest(s):
    """All that comes until the end."""
    got = b""
    while piece := await recv(s):
        got += piece
    return got


async def reply(s):
    """One SMTP reply or POP3 status line; its last line."""
    got = b""
    while not got.endswith(b"\n") or got.rstrip(b"\r\n").rsplit(b"\n", 1)[-1][3:4] == b"-":
        piece = await recv(s, 4096)
        insist(piece, "closed after", got)
        got += piece
    return got.rstrip(b"\r\n").rsplit(b"\n", 1)[-1]


async def say(s, *lines):
    """Commands one after the other; the last reply."""
    answer = b""
    for line in lines:
        await send(s, line + b"\r\n")
        answer = await reply(s)
    return answer


async def smtp(ground, address, *lines, port="smtp", receive=None):
    """A session that has said EHLO and `lines`, each of which has to be answered 2xx or 3xx."""
    s = await connect(ground.ports[port], address, receive)
    await reply(s)
    for line in (b"EHLO attacker", *lines):
        answer = await say(s, line)
        insist(answer[:1] in b"23", line, answer)
    return s


async def pop3(ground, address, user, password, receive=None):
    s = await connect(ground.ports["pop3"], address, receive)
    await reply(s)
    answer = await say(s, b"USER " + user.encode(), b"PASS " + password.encode())
    insist(answer.startswith(b"+OK"), answer)
    return s


async def tagged(s, command):
    """A command of IMAP with the tag a, which has to be answered OK; all that came."""
    await send(s, command + b"\r\n")
    got = b""
    while not (b"\r\n" + got).rpartition(b"\r\na ")[1] or not got.endswith(b"\r\n"):
        piece = await recv(s)
        insist(piece, command[:20], "is not answered, but closed after", got[-200:])
        got += piece
    insist((b"\r\n" + got).rpartition(b"\r\na ")[2].startswith(b"OK"), command[:20], "is answered", got[-200:])
    return got


async def imap(ground, address, user, password, receive=None):
    s = await connect(ground.ports["imap"], address, receive)
    await reply(s)
    await tagged(s, b'a LOGIN %s "%s"' % (user.encode(), password.encode()))
    return s


ENVELOPE = (b"MAIL FROM:<attacker@elsewhere.test>", b"RCPT TO:<bob@example.test>")


async def pour(s, piece, most):
    """Sends `piece` again and again and listens. What was said before the end, and how much was taken.
    Failure: `most` bytes were taken and nobody has closed."""
    told = asyncio.ensure_future(rest(s))
    sent = 0
    while not told.done() and sent < most:
        if not await send(s, piece):
            break
        sent += len(piece)
        await asyncio.sleep(0)
    if not told.done() and sent >= most:
        told.cancel()
        await asyncio.wait([told])
        raise Failure("still open after", sent, "bytes of", piece[:20])
    return await told, sent


async def until(condition, seconds=PATIENCE):
    end = asyncio.get_running_loop().time() + seconds
    while not condition():
        insist(asyncio.get_running_loop().time() < end, "it does not come about")
        await asyncio.sleep(0.05)


async def race(first, work, over):
    """All of it at once until it is over; what is under way then is dropped. A failure ends it before."""
    tasks = [asyncio.ensure_future(w) for w in (first, *work)]
    try:
        while not over():
            done, _ = await asyncio.wait(tasks, timeout=0.1, return_when=asyncio.FIRST_EXCEPTION)
            for t in done:
                t.result()
    finally:
        for t in tasks:
            t.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def together(work):
    """All of it at once; the first failure ends it."""
    tasks = [asyncio.ensure_future(w) for w in work]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for t in tasks:
            t.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
