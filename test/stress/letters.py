# SPDX-License-Identifier: Apache-2.0
"""Messages that follow from their token, so that what comes back can be compared without keeping it."""
import base64
import functools
import random
import re

_TOKEN = re.compile(rb"^X-Token: (\S+)\r?$", re.M)


def _text(r, size):
    words = ("mail", "stead", "post", "brief", "carta", "Grüße", "pismo", "letter", "kirje", "levél")
    out, length = [], 0
    while length < size:
        line = " ".join(r.choice(words) for _ in range(r.randint(1, 10)))
        out.append(line)
        length += len(line) + 2
    return ("\r\n".join(out) + "\r\n").encode()


def _leaf(r, size):
    what = r.randrange(3)
    if what == 0:
        return b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + _text(r, size)
    if what == 1:
        data = base64.encodebytes(r.randbytes(size * 3 // 4)).replace(b"\n", b"\r\n")
        return (b'Content-Type: application/octet-stream; name="a.bin"\r\nContent-Transfer-Encoding: base64\r\n'
                b"Content-Disposition: attachment; filename=a.bin\r\n\r\n" + data)
    return b"Content-Type: text/html; charset=us-ascii\r\n\r\n<p>x</p>\r\n"


def _part(r, size, depth):
    what = r.randrange(5) if depth < 3 else 0
    if what < 3:
        return _leaf(r, size)
    if what == 3:
        edge = b"edge%d" % r.randrange(1 << 30)
        parts = [_part(r, size // 2, depth + 1) for _ in range(r.randint(1, 3))]
        return (b'Content-Type: multipart/mixed; boundary="' + edge + b'"\r\n\r\n' +
                b"".join(b"--" + edge + b"\r\n" + p + b"\r\n" for p in parts) + b"--" + edge + b"--\r\n")
    return (b"Content-Type: message/rfc822\r\n\r\nFrom: in@side.test\r\nSubject: inner\r\nMIME-Version: 1.0\r\n" +
            _part(r, size // 2, depth + 1))


@functools.lru_cache(maxsize=2000)
def letter(token):
    r = random.Random(token)
    size = r.randrange(*r.choices(((1, 200), (200, 4000), (4000, 30000), (100000, 200000)), (50, 40, 9, 1))[0])
    subject = r.choice(("Re: plan", "Fwd: plan", "plan", "=?utf-8?q?Gr=C3=BC=C3=9Fe?=", "[list] a \"word\"", "x" * 90))
    day = f"{r.choice(('Mon', 'Tue'))}, {r.randint(1, 28)} Nov 2026 {r.randrange(24):02}:{r.randrange(60):02}:00 +0100"
    head = [f"From: \"{r.choice(('Anna', 'Bob, B.', 'C'))}\" <a{r.randrange(9)}@elsewhere.test>",
            f"To: b{r.randrange(9)}@example.test, group: c@d.test, e@f.test;", f"Subject: {subject}",
            f"Date: {day}", f"Message-ID: <{token}@stress.test>", f"X-Token: {token}"]
    if r.randrange(2):
        head.append(f"References: <{r.randrange(50)}@stress.test> <{r.randrange(50)}@stress.test>")
    return "\r\n".join(head).encode() + b"\r\nMIME-Version: 1.0\r\n" + _part(r, size, 0)


def token_of(message):
    found = _TOKEN.search(message[:20000])
    return found[1].decode() if found else None
