#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""FETCH beside Dovecot's: the same messages appended to both, the same questions, each difference explained or a failure.

    beside.py STDIO VECTORS DOVECOT     STDIO is build/.../test/imap/imap_stdio, VECTORS test/vectors/mime4j, and
                                        DOVECOT a folder with Debian's packages unpacked, which need not be installed:
        apt-get download dovecot-core dovecot-imapd && for p in *.deb; do dpkg -x $p DOVECOT; done

Asked of each message: ENVELOPE, BODYSTRUCTURE, RFC822.SIZE, header, text, chosen fields and the others, a substring; and,
where both see the same structure, the body and header of each part, and leaves decoded. It runs as root, because Dovecot's imap
wants to become somebody. ./check does not run it.
"""
import itertools
import os
import re
import subprocess
import sys
import tempfile

import compare

NOBODY = "65534"
QUESTIONS = (b"ENVELOPE BODYSTRUCTURE RFC822.SIZE BODY.PEEK[] BODY.PEEK[HEADER] BODY.PEEK[TEXT] BODY.PEEK[]<10.50> "
             b"BODY.PEEK[HEADER.FIELDS (FROM SUBJECT TO X)] BODY.PEEK[HEADER.FIELDS.NOT (FROM SUBJECT TO X)]")

NO_FIELD = "HEADER.FIELDS.NOT has fields only (RFC 9051 §6.4.5.1); lines that are none are in neither choice"
PARAMETER = "a parameter of RFC 2231 in another charset is converted to UTF-8, which says the same"
EMPTY_HEADER = "the empty line behind a part's header is its end, also where a delimiter follows at once"
LINE_END = "the line end before a delimiter belongs to it (RFC 2046 §5.1.1), also behind an inner multipart"
SHOWN = "the part that is shown in a multipart without parts has no header"
DIFFERENT = {
    "attachment-filename-encoding-Latin1": PARAMETER,
    "attachment-filename-encoding-UTF8": PARAMETER + "; escaped as little as needed",
    "bad-newlines-multiple-parts-base64": compare.ENCODED,
    "badbound": compare.NO_PARTS,
    "base64encoded-rfc822message": compare.ENCODED,
    "base64encoded-rfc822message-nested": compare.ENCODED,
    "basic-plain-with-bad-header-separator": NO_FIELD,
    "boundary-name-clash": LINE_END,
    "double-bound": EMPTY_HEADER,
    "double-semicolon": "an empty parameter is passed over; Dovecot stops reading parameters there",
    "frag": "Dovecot's process dies of its unfinished base64",
    "hdr-fakeout": NO_FIELD,
    "jt-0498": NO_FIELD,
    "malformedHeader-nocrlfcrlf": NO_FIELD,
    "malformedHeader-noheader": NO_FIELD,
    "malformedHeaderStartsBody-nocrlfcrlf": NO_FIELD,
    "malformedHeaderStartsBody-noheader": NO_FIELD,
    "missing-boundary": compare.NO_PARTS,
    "missing-inner-boundary": compare.NO_PARTS,
    "missing-inner-start-boundary": LINE_END + "; " + SHOWN,
    "mp-msg-rfc822": NO_FIELD,
    "multi-2gifs-base64": compare.ENCODED,
    "multi-frag": "an unfinished group of base64 is decoded as far as it goes; Dovecot answers NO",
    "multi-digest": "a Content-Type without a subtype is text/plain (RFC 2045 §5.2)",
    "multipartdigestnestedemptyparts": EMPTY_HEADER,
    "multipartnestedemptyparts": EMPTY_HEADER,
    "multipartnestedemptypartsnorfc822": EMPTY_HEADER,
    "multipartnopart": SHOWN,
    "obsolete": NO_FIELD,
    "twopart": NO_FIELD,
    "uu-junk": NO_FIELD,
    "very-long-boundary": EMPTY_HEADER,
    "very-very-long-boundary": EMPTY_HEADER,
    "weird-boundary": compare.SPACES,
}

CONFIGURATION = """\
mail_location = maildir:{home}/mail
base_dir = {home}/run
log_path = {home}/log
protocols = imap
ssl = no
libexec_dir = {dovecot}/usr/lib/dovecot
default_login_user = nobody
default_internal_user = nobody
default_internal_group = nogroup
mail_uid = nobody
mail_gid = nogroup
first_valid_uid = 1
first_valid_gid = 1
"""


class Session:
    """A server on a pipe, logged in."""

    def __init__(self, argv, **kw):
        self.argv, self.kw = argv, kw
        self.start()

    def start(self):
        self.server = subprocess.Popen(self.argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       stderr=subprocess.DEVNULL, **self.kw)
        self.tag = 0
        self.response()

    def response(self):
        """A response with its literals."""
        out = b""
        while True:
            line = self.server.stdout.readline()
            if not line:
                raise EOFError(out)
            out += line
            literal = re.search(rb"\{(\d+)\}\r\n$", line)
            if literal is None:
                return out
            out += self.server.stdout.read(int(literal[1]))

    def command(self, text):
        """The untagged responses, and the code of a NO."""
        self.tag += 1
        tag = b"t%d " % self.tag
        self.server.stdin.write(tag + text + b"\r\n")
        self.server.stdin.flush()
        out = []
        while True:
            line = self.response()
            if line.startswith(tag):
                if line.startswith(tag + b"NO ["):
                    return out + [re.search(rb"\[[^]]*\]", line)[0]]
                assert line.startswith(tag + b"OK"), line
                return out
            if not line.startswith(b"+"):
                out.append(line)

    def fetch(self, number, items):
        """name -> value of one message; a code in brackets where there is none"""
        try:
            lines = self.command(b"FETCH %d (%s)" % (number, items))
        except EOFError:
            self.start()
            self.command(b"SELECT INBOX")
            return b"[died]"
        if lines and lines[-1].startswith(b"["):
            return lines[-1]
        for line in lines:
            front = re.match(rb"\* \d+ FETCH \(", line)
            if front is not None:
                return dict(pairs(line, front.end()))
        return {}


def pairs(line, at):
    while line[at:at + 1] != b")":
        at += line[at:at + 1] == b" "
        name = re.compile(rb"[^ \[]+(\[[^]]*\](<\d+>)?)?").match(line, at)
        value, at = compare.read_list(line, name.end() + 1)
        yield name[0].upper(), value


def same(value):
    """What the two may write each in its own way: letter case, white space, and an address without a domain."""
    if isinstance(value, list):
        return [same(v) for v in value]
    if isinstance(value, bytes):
        return b"" if value == b"MISSING_DOMAIN" else b" ".join(value.lower().split())
    return value


def paths(body, prefix=""):
    """The numbers of all parts, and what can be asked of them."""
    if isinstance(body[0], list):
        for n, part in enumerate(itertools.takewhile(lambda b: isinstance(b, list), body), 1):
            path = "%s%d" % (prefix, n)
            if isinstance(part[0], list):
                yield from (path, path + ".MIME")
                yield from paths(part, path + ".")
            else:
                yield from one(part, path)
    else:
        yield from one(body, prefix + "1")


def one(part, path):
    yield from (path, path + ".MIME")
    if (part[0].lower(), part[1].lower()) == (b"message", b"rfc822"):
        yield from (path + ".HEADER", path + ".TEXT")
        yield from paths(part[8], path + ".")
    else:
        yield "BINARY " + path


def differences(ours, theirs, number):
    a, b = ours.fetch(number, QUESTIONS), theirs.fetch(number, QUESTIONS)
    for name in a:
        judge = same if name in (b"ENVELOPE", b"BODYSTRUCTURE") else lambda v: v
        if judge(a[name]) != judge(b.get(name)):
            yield name, a[name], b.get(name)
    if same(a[b"BODYSTRUCTURE"]) != same(b[b"BODYSTRUCTURE"]):
        return
    for path in dict.fromkeys(paths(a[b"BODYSTRUCTURE"])):
        kind, number_of = ("BINARY", path[7:]) if path.startswith("BINARY ") else ("BODY", path)
        item = ("%s.PEEK[%s]" % (kind, number_of)).encode()
        x, y = ours.fetch(number, item), theirs.fetch(number, item)
        if x != y:
            yield item, x, y


def dovecot(folder, home):
    libraries = os.path.join(folder, "usr/lib/dovecot")
    with open(os.path.join(home, "dovecot.conf"), "w") as f:
        f.write(CONFIGURATION.format(home=home, dovecot=folder))
    os.mkdir(os.path.join(home, "mail"))
    os.mkdir(os.path.join(home, "run"))
    subprocess.run(["chown", "-R", NOBODY, home], check=True)
    os.chmod(home, 0o755)
    env = dict(os.environ, USER="nobody", HOME=home, LD_LIBRARY_PATH=libraries)
    return Session(["setpriv", "--reuid=" + NOBODY, "--regid=" + NOBODY, "--clear-groups",
                    os.path.join(folder, "usr/bin/doveconf"), "-f", "service=imap",
                    "-c", os.path.join(home, "dovecot.conf"), "-e", os.path.join(libraries, "imap")], env=env)


def main():
    stdio, vectors, folder = map(os.path.abspath, sys.argv[1:4])
    failed = 0
    with tempfile.TemporaryDirectory() as home:
        os.mkdir(os.path.join(home, "generated"))
        files = compare.generate(os.path.join(home, "generated"))
        files += sorted(os.path.join(vectors, n) for n in os.listdir(vectors) if n.endswith(".msg"))
        ours, theirs = Session([stdio]), dovecot(folder, home)
        messages = {}
        for path in files:
            with open(path, "rb") as f:
                raw = f.read().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
            if b"\0" not in raw:  # no literal holds it
                messages[os.path.basename(path)[:-4]] = raw
        for session in ours, theirs:
            for raw in messages.values():
                session.command(b"APPEND INBOX {%d+}\r\n%s" % (len(raw), raw))
            session.command(b"SELECT INBOX")
        for number, name in enumerate(messages, 1):
            found = list(differences(ours, theirs, number))
            if bool(found) == (name in DIFFERENT):
                continue
            failed += 1
            print(name if found else name + ": is as Dovecot says, but is on the list")
            for item, x, y in found:
                print("  %s\n    ours   %.600r\n    theirs %.600r" % (item.decode(), x, y))
    print("%d messages, %d not as they should be" % (len(messages), failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
