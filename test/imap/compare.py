#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""ENVELOPE, BODYSTRUCTURE and decoded parts beside what Python's email package reads in the same bytes.

    compare.py DESCRIBE FOLDER      a corpus made here, and the messages (*.msg) of the folder

Compared: the tree of types, charset, boundary, file names, transfer encodings, decoded bytes of each leaf, subject,
message id, and addresses. The two read broken mail differently; where the package is not the judge it is
said below, with the reason. Everything else must be the same.
"""
import email
import email.policy
import email.utils
import os
import random
import subprocess
import sys
import tempfile
import urllib.parse
from email import encoders
from email.header import Header
from email.mime.base import MIMEBase
from email.mime.message import MIMEMessage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

SEED = 9051
GENERATED = 400


# ---- what the server says --------------------------------------------------------------------

def read_list(s, at=0):
    """One value of IMAP's grammar at s[at]: str, bytes (of literals too), int, None or list; and where it ends."""
    at += s[at:at + 2] == b"~{"  # a literal8
    c = s[at:at + 1]
    if c == b"(":
        out, at = [], at + 1
        while s[at:at + 1] != b")":
            if s[at:at + 1] == b" ":
                at += 1
                continue
            value, at = read_list(s, at)
            out.append(value)
        return out, at + 1
    if c == b'"':
        out, at = b"", at + 1
        while s[at:at + 1] != b'"':
            if s[at:at + 1] == b"\\":
                at += 1
            out += s[at:at + 1]
            at += 1
        return out, at + 1
    if c == b"{":
        end = s.index(b"}", at)
        n = int(s[at + 1:end])
        assert s[end + 1:end + 3] == b"\r\n"
        return s[end + 3:end + 3 + n], end + 3 + n
    end = at
    while end < len(s) and s[end:end + 1] not in b" ()":
        end += 1
    word = s[at:end]
    return (None if word == b"NIL" else int(word)), end


def read_descriptions(out):
    """path -> {"envelope": list, "structure": list, "leaves": [bytes]}"""
    seen, at, current = {}, 0, None
    while at < len(out):
        end = out.index(b"\n", at)
        word, rest = out[at:end].split(b" ", 1)
        at = end + 1
        if word == b"message":
            current = seen[rest.decode()] = {"leaves": []}
            continue
        data, at = out[at:at + int(rest)], at + int(rest) + 1
        if word == b"leaf":
            current["leaves"].append(data)
        else:
            value, used = read_list(data)
            assert used == len(data), data
            current[word.decode()] = value
    return seen


def params(flat):
    return {} if flat is None else {k.lower(): v for k, v in zip(flat[::2], flat[1::2])}


def server_tree(b):
    if isinstance(b[0], list):
        n = [isinstance(x, list) for x in b].index(False)
        parts = [server_tree(x) for x in b[:n]]
        return ("multipart/" + b[n].decode(), params(b[n + 1]).get(b"boundary"), parts)
    kind = (b[0] + b"/" + b[1]).decode()
    if kind == "message/rfc822":
        return (kind, None, [server_tree(b[8])])
    return (kind, params(b[2]).get(b"charset"), [])


def server_leaves(b):
    """(encoding, file name) of each part that has no parts, in order."""
    if isinstance(b[0], list):
        out = []
        for x in b:
            if not isinstance(x, list):
                break
            out += server_leaves(x)
        return out
    if (b[0], b[1]) == (b"message", b"rfc822"):
        return server_leaves(b[8])
    disposition = b[-3]
    names = params(disposition[1]) if disposition is not None else {}
    own = params(b[2])
    name = names.get(b"filename*", names.get(b"filename", own.get(b"name*", own.get(b"name"))))
    if name is not None and name.lower().startswith(b"utf-8''"):
        return [(b[5].lower(), urllib.parse.unquote(name[7:].decode()))]
    return [(b[5].lower(), None if name is None else name.decode("latin-1"))]


def server_addresses(lists):
    out = []
    for a in lists or []:
        if a[3] is None:  # of a group
            continue
        local, host = a[2].decode("latin-1"), a[3].decode("latin-1")
        address = local + "@" + host if host else local
        if address:
            out.append(((a[0] or b"").decode("latin-1"), address))
    return out


# ---- what Python says ------------------------------------------------------------------------

def package_tree(m):
    kind = m.get_content_type()
    if m.get_content_maintype() == "multipart" and m.is_multipart():
        boundary = m.get_boundary()
        return (kind, None if boundary is None else boundary.encode("latin-1", "replace"),
                [package_tree(p) for p in m.get_payload()])
    if kind == "message/rfc822" and m.is_multipart():
        return (kind, None, [package_tree(m.get_payload(0))])
    charset = m.get_param("charset", "us-ascii" if m.get_content_maintype() == "text" else None)
    if isinstance(charset, tuple):
        charset = charset[2]
    return (kind, None if charset is None else charset.encode("latin-1", "replace"), [])


def package_leaves(m):
    for p in m.walk():
        if not p.is_multipart():
            yield p


def lines(b):
    """Line ends are the package's own affair in decoded text."""
    return b.replace(b"\r\n", b"\n")


def unfolded(value):
    return None if value is None else " ".join(str(value).split())


def unquoted(address):
    """RFC 9051 wants the local part without its quotes."""
    local, at, host = address.rpartition("@")
    if at and len(local) > 1 and local[0] == local[-1] == '"':
        local = local[1:-1]
    return local + at + host


def package_addresses(m, name):
    return [(n, unquoted(a)) for n, a in email.utils.getaddresses([str(v) for v in m.get_all(name, [])]) if a]


# ---- comparing -------------------------------------------------------------------------------

def differences(raw, said):
    m = email.message_from_bytes(raw)
    ours, theirs = server_tree(said["structure"]), package_tree(m)
    if ours != theirs:
        yield "structure", ours, theirs
        return
    leaves = list(package_leaves(m))
    facts = server_leaves(said["structure"])
    for n, p in enumerate(leaves):
        want = p.get_payload(decode=True)
        if want is None:
            want = b""
        encoding = str(p.get("content-transfer-encoding", "7bit")).strip().lower()
        if facts[n][0] != encoding.encode("latin-1", "replace"):
            yield "encoding", facts[n][0], encoding
        if lines(said["leaves"][n]) != lines(want):
            yield "leaf %d" % n, said["leaves"][n], want
        name = p.get_filename()
        if name != facts[n][1]:
            yield "file name", facts[n][1], name
    e = said["envelope"]
    for at, field in ((1, "subject"), (9, "message-id"), (8, "in-reply-to"), (0, "date")):
        ours, theirs = e[at], m[field]
        ours = None if ours is None else unfolded(ours.decode("latin-1"))
        if ours != unfolded(theirs):
            yield field, ours, unfolded(theirs)
    for at, field in ((2, "from"), (5, "to"), (6, "cc"), (7, "bcc")):
        ours, theirs = server_addresses(e[at]), package_addresses(m, field)
        if ours != theirs:
            yield field, ours, theirs


# Messages of mime4j that the package reads otherwise, and why it is not the judge.
ENCODED = "base64 of a message (RFC 2045 §6.4 forbids it) is not looked into; the package parses the base64 as a message"
NO_PARTS = "a multipart in which no delimiter comes is shown as text; the package shows a multipart that is none"
FOLDED = "a line end in a quoted boundary is folding (RFC 5322 §2.2.3)"
NO_FIELD = "a line that is no field does not end the header; the package begins the body with it"
SPACES = "spaces at the end of a boundary are not part of it (RFC 2046 §5.1.1), nor need a delimiter have them"
EMPTY = "two delimiters one after the other have an empty part between them, as mime4j says too"
HOLLOW = "a multipart that was closed before a part came is shown with an empty one, because the grammar wants one"
UNCLOSED = "the last line end belongs to a part whose multipart is not closed"
KNOWN = {
    "2002_06_12_doublebound": EMPTY,
    "bad-newlines-multiple-parts-base64": ENCODED,
    "badbound": NO_PARTS,
    "base64encoded-rfc822message": ENCODED,
    "base64encoded-rfc822message-nested": ENCODED,
    "basic-plain-with-bad-header-separator": NO_FIELD,
    "double-bound": EMPTY,
    "ending-boundaries": HOLLOW,
    "hdr-fakeout": NO_FIELD,
    "jt-0498": UNCLOSED,
    "malformedHeader-nocrlfcrlf": NO_FIELD,
    "malformedHeader-noheader": NO_FIELD,
    "malformedHeaderStartsBody-nocrlfcrlf": NO_FIELD,
    "malformedHeaderStartsBody-noheader": NO_FIELD,
    "missing-boundary": NO_PARTS,
    "missing-inner-boundary": NO_PARTS,
    "missing-inner-start-boundary": HOLLOW,
    "multi-2evil": "a backslash in a quoted string escapes whatever follows (RFC 5322 §3.2.1)",
    "multi-2gifs-base64": ENCODED,
    "multi-bad": UNCLOSED,
    "multi-badnames": FOLDED,
    "multi-clen": FOLDED,
    "multi-digest": FOLDED,
    "multi-simple": FOLDED,
    "multipartemptypart": "the package takes the epilogue for the part",
    "multipartnopart": HOLLOW,
    "obsolete": "white space before the colon is obsolete syntax (RFC 5322 §4.5), and so are folds of white space only",
    "twopart": "a space behind \"base64\" means nothing",
    "very-long-boundary": SPACES,
    "very-very-long-boundary": SPACES,
    "weird-boundary": SPACES,
}


# ---- a corpus --------------------------------------------------------------------------------

WORDS = "Grüße from the mill at the river — naïve façade, 日本語 text and plain words = equal_signs? .dot From here".split()


def words(r, n):
    return " ".join(r.choice(WORDS) for _ in range(n))


def make_text(r):
    text = "\n".join(words(r, r.randint(0, 20)) for _ in range(r.randint(0, 12)))
    charset = r.choice(["us-ascii", "utf-8", "iso-8859-1", "utf-8"])
    part = MIMEText(text.encode(charset, "replace").decode(charset), r.choice(["plain", "html", "x-own"]), charset)
    if charset == "us-ascii" and r.random() < 0.5:
        del part["Content-Transfer-Encoding"]
    return part


def make_file(r):
    part = MIMEBase(*r.choice([("application", "octet-stream"), ("image", "png"), ("audio", "x-thing")]))
    part.set_payload(bytes(r.randrange(256) for _ in range(r.randint(0, 300))))
    r.choice([encoders.encode_base64, encoders.encode_quopri])(part)
    name = r.choice(["plan.txt", "with space.pdf", "quote\"d.txt", ("utf-8", "", "Grüße 日本.pdf"), None])
    if name is not None:
        part.add_header("Content-Disposition", r.choice(["attachment", "inline"]), filename=name)
    return part


def make_part(r, depth):
    kind = r.random()
    if depth > 0 and kind < 0.3:
        part = MIMEMultipart(r.choice(["mixed", "alternative", "related", "digest-like"]))
        for _ in range(r.randint(1, 4)):
            part.attach(make_part(r, depth - 1))
        return part
    if depth > 0 and kind < 0.4:
        return MIMEMessage(make_message(r, depth - 1))
    return make_text(r) if kind < 0.75 else make_file(r)


def make_address(r):
    local = r.choice(["anna", "b.c", "o'brien", "x+y", '"two words"'])
    address = local + "@" + r.choice(["example.org", "mail.example.com", "[192.0.2.1]"])
    name = r.choice(["", "Anna", "Anna B. Smith", "Smith, Anna", 'A "quoted" name', "=?utf-8?q?Gr=C3=BC=C3=9Fe?="])
    return email.utils.formataddr((name, address)) if name and not name.startswith("=?") else (
        name + " <" + address + ">" if name else address)


def make_message(r, depth=3):
    m = make_part(r, depth)
    while isinstance(m, MIMEMessage):
        m = make_part(r, depth)
    m["From"] = make_address(r)
    for field in ("To", "Cc", "Bcc"):
        if r.random() < 0.6:
            m[field] = ",\n ".join(make_address(r) for _ in range(r.randint(1, 6)))
    if r.random() < 0.9:
        text = words(r, r.randint(0, 30))
        m["Subject"] = Header(text, "utf-8") if r.random() < 0.5 else text.encode("ascii", "ignore").decode()
    if r.random() < 0.9:
        m["Date"] = email.utils.formatdate(r.randrange(2_000_000_000))
    if r.random() < 0.8:
        m["Message-ID"] = "<%d@example.org>" % r.randrange(10**9)
    if r.random() < 0.3:
        m["In-Reply-To"] = "<%d@example.org>" % r.randrange(10**9)
    return m


def generate(folder):
    r = random.Random(SEED)
    paths = []
    for n in range(GENERATED):
        raw = make_message(r).as_bytes(policy=email.policy.compat32.clone(linesep=r.choice(["\r\n", "\n"])))
        paths.append(os.path.join(folder, "%03d.msg" % n))
        with open(paths[-1], "wb") as f:
            f.write(raw)
    return paths


def main():
    describe, vectors = sys.argv[1:3]
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        paths = generate(folder)
        paths += sorted(os.path.join(vectors, n) for n in os.listdir(vectors) if n.endswith(".msg"))
        said = read_descriptions(subprocess.run([describe, *paths], check=True, capture_output=True).stdout)
        for path in paths:
            with open(path, "rb") as f:
                raw = f.read()
            name = os.path.basename(path)[:-4]
            found = list(differences(raw, said[path]))
            if bool(found) == (name in KNOWN and os.path.dirname(path) == vectors):
                continue
            failed += 1
            print(name if found else name + ": is as the package says, but is on the list")
            for what, ours, theirs in found:
                print("  %s\n    ours   %.300r\n    theirs %.300r" % (what, ours, theirs))
    print("%d messages, %d not as they should be" % (len(paths), failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
