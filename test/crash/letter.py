# SPDX-License-Identifier: Apache-2.0
"""Messages that say themselves whether they are whole: a token, the size of the body, its SHA-256. The same form as
test/power/letter.h. A message can be made again from its token, so that what comes back can be compared."""
import base64
import hashlib
import random
import re

SIZES = ((70, 1 << 10, 12 << 10), (20, 12 << 10, 120 << 10), (8, 140 << 10, 600 << 10), (2, 1 << 20, 2 << 20))
_TRACE = re.compile(rb"(?:(?:Return-Path|Received):[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*)*")


def some_size(r):
    """Mostly small; some that the store writes ahead (above 128 KiB), a few of several pieces (above 1 MiB)."""
    low, high = r.choices([(low, high) for _, low, high in SIZES], [weight for weight, _, _ in SIZES])[0]
    return r.randrange(low, high)


def make(token, size, sender="a@elsewhere.test"):
    r = random.Random(token)
    body = b".a dot\r\n..two dots\r\n" + base64.encodebytes(r.randbytes(size * 3 // 4)).replace(b"\n", b"\r\n")
    head = (f"From: {sender}\r\nSubject: {token}\r\nX-Token: {token}\r\nX-Size: {len(body)}\r\n"
            f"X-Sum: {hashlib.sha256(body).hexdigest()}\r\n\r\n")
    return head.encode() + body


def token_of(message):
    found = re.search(rb"^X-Token: (\S+)\r$", message, re.M)
    return found.group(1).decode() if found else "?"


def fault(message, size):
    """None if a message that came back is what was sent with `size`, behind trace fields; else what is wrong."""
    sent = make(token_of(message), size)
    if not message.endswith(sent):
        return f"it is not what was sent ({len(message)} bytes, sent {len(sent)})"
    trace = message[:len(message) - len(sent)]
    if not _TRACE.fullmatch(trace):
        return f"there is something before it: {trace[:200]!r}"
    return None
