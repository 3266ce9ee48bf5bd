# SPDX-License-Identifier: Apache-2.0
"""A connection that gives IMAP's responses: over TLS or not, compressed or not, with what was said last."""
import asyncio
import collections
import re
import socket
import ssl
import time
import zlib

PATIENCE = 60  # seconds; no answer takes so long on any machine, unless it does not come
_LITERAL = re.compile(rb"~?\{(\d+)\}$")
_TOKEN = re.compile(rb'[ ]*(?:([()])|("(?:[^"\\]|\\.)*")|((?:BODY|BINARY|BINARY\.SIZE)\[[^\]]*\](?:<\d+>)?|[^\s()"]+))')
_QUOTED = re.compile(rb"\\(.)")


class Contradiction(Exception):
    """What the server says can not be true, or must not be said."""


class Lost(Exception):
    """The connection is gone."""


class Text(bytes):
    """A quoted string or a literal; an atom is plain bytes."""


def tokens(parts):
    """`parts`: text, literal, text, …; lists become lists."""
    stack = [[]]
    for n, part in enumerate(parts):
        if n % 2 == 1:
            stack[-1].append(Text(part))
            continue
        at = 0
        while found := _TOKEN.match(part, at):
            at = found.end()
            bracket, quoted, atom = found.groups()
            if bracket == b"(":
                stack.append([])
            elif bracket:
                if len(stack) == 1:
                    raise Contradiction(f"a parenthesis too many: {part!r}")
                done = stack.pop()
                stack[-1].append(done)
            elif quoted is not None:
                stack[-1].append(Text(_QUOTED.sub(rb"\1", quoted[1:-1])))
            else:
                stack[-1].append(atom)
        if part[at:].strip(b" "):
            raise Contradiction(f"not a response: {part!r}")
    if len(stack) != 1:
        raise Contradiction(f"a parenthesis is open: {parts!r}")
    return stack[0]


def numbers(text):
    """A set of numbers as the server writes it: "1,3:5"."""
    for run in text.split(b","):
        first, _, last = run.partition(b":")
        first, last = int(first), int(last or first)
        yield from range(min(first, last), max(first, last) + 1)


def as_set(found):
    """The same the other way round, runs joined."""
    runs = []
    for n in sorted(found):
        if runs and runs[-1][1] == n - 1:
            runs[-1][1] = n
        else:
            runs.append([n, n])
    return b",".join(b"%d" % a if a == b else b"%d:%d" % (a, b) for a, b in runs)


class Response:
    """One line with its literals. `tag`: of a tagged one, b"*" or b"+"; `word`: OK, EXISTS, FETCH, …; `number`: in
    front of it, or None; `code`: in brackets behind OK and its kin, or b""."""

    def __init__(self, parts):
        self.parts = parts
        head = parts[0].split(b" ", 3)
        self.tag, self.number, self.code = head[0], None, b""
        self.word = head[1].upper() if len(head) > 1 else b""
        if self.tag == b"*" and self.word.isdigit():
            self.number, self.word = int(self.word), head[2].upper() if len(head) > 2 else b""
        elif self.word in (b"OK", b"NO", b"BAD", b"BYE"):
            text = parts[0].split(b" ", 2)[2] if len(head) > 2 else b""
            if text.startswith(b"[") and b"]" in text:
                self.code = text[1:text.index(b"]")]

    def items(self):
        return tokens(self.parts)

    def shown(self):
        return b"".join(p if n % 2 == 0 else p[:40] + b"~" if len(p) > 40 else p
                        for n, p in enumerate(self.parts))[:400].decode("utf8", "replace")


class Wire:
    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.buffer, self.need = bytearray(), 0
        self.deflate = self.inflate = None
        self.trace = collections.deque(maxlen=80)

    def note(self, text):
        self.trace.append(f"{time.monotonic() % 1000:8.3f} {text}")

    @classmethod
    async def open(cls, port, context=None):
        try:
            reader, writer = await asyncio.wait_for(
                asyncio.open_connection("127.0.0.1", port, ssl=context, limit=1 << 20,
                                        server_hostname="localhost" if context else None), PATIENCE)
        except (OSError, ssl.SSLError) as e:
            raise Lost(f"no connection: {e}") from None
        s = writer.get_extra_info("socket")
        if s is None:
            raise Lost("the connection is closed already")
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return cls(reader, writer)

    async def start_tls(self, context):
        try:
            await self.writer.start_tls(context, server_hostname="localhost")
        except (OSError, ssl.SSLError) as e:
            raise Lost(str(e)) from None

    def compress(self):
        self.deflate = zlib.compressobj(6, zlib.DEFLATED, -15)
        self.inflate = zlib.decompressobj(-15)
        if self.buffer:
            raise Contradiction("something came between the OK of COMPRESS and the compressed stream")

    def cut(self):
        self.writer.transport.abort()

    def close(self):
        self.writer.close()

    async def send(self, data, shown=None):
        self.note("> " + (shown or data.decode("utf8", "replace").rstrip())[:400])
        if self.deflate is not None:
            data = self.deflate.compress(data) + self.deflate.flush(zlib.Z_SYNC_FLUSH)
        try:
            self.writer.write(data)
            await asyncio.wait_for(self.writer.drain(), PATIENCE)
        except asyncio.TimeoutError:
            raise Contradiction("the server does not read") from None
        except OSError as e:
            raise Lost(str(e)) from None

    async def fill(self, patience):
        try:
            data = await asyncio.wait_for(self.reader.read(1 << 16), patience)
        except asyncio.TimeoutError:  # which is an OSError, too
            raise
        except OSError as e:
            raise Lost(str(e)) from None
        if not data:
            raise Lost("end of file")
        self.buffer += data if self.inflate is None else self.inflate.decompress(data)

    def take(self):
        """The next response if all of it is there; `need`: before so many bytes there is no use in looking."""
        if len(self.buffer) < self.need:
            return None
        parts, at = [], 0
        while True:
            end = self.buffer.find(b"\n", at)
            if end < 0:
                self.need = len(self.buffer) + 1
                return None
            line = bytes(self.buffer[at:end]).rstrip(b"\r")
            found = _LITERAL.search(line)
            if not found:
                parts.append(line)
                del self.buffer[:end + 1]
                self.need = 0
                return parts
            size = int(found[1])
            if len(self.buffer) < end + 1 + size:
                self.need = end + 1 + size
                return None
            parts += [line[:found.start()], bytes(self.buffer[end + 1:end + 1 + size])]
            at = end + 1 + size

    async def response(self, patience=None):
        """None: none came while one was patient. Without `patience` one has to come."""
        end = time.monotonic() + (patience if patience is not None else PATIENCE)
        late = False
        while (parts := self.take()) is None:
            try:
                await self.fill(max(0.001, end - time.monotonic()))
            except asyncio.TimeoutError:
                if patience is not None:
                    return None
                if late:
                    raise Contradiction(f"no answer for {PATIENCE} s") from None
                end, late = time.monotonic() + 5, True  # the whole machine may have been asleep
        r = Response(parts)
        self.note("< " + r.shown())
        return r
