# SPDX-License-Identifier: Apache-2.0
"""kill -9 while a client appends, copies, moves, stores, replaces and expunges: what was acknowledged is there, what was
under way is there whole or not at all, and a client that comes back with QRESYNC ends with exactly the server's state."""
import random
import re
import threading
import time

from conftest import PASSWORD

ALICE = "alice@example.test"
ROUNDS = 4


class Gone(Exception):
    """The server is dead."""


class Imap:
    """Lines over TLS, without a library that would mind a dying server."""

    def __init__(self, server):
        import socket
        raw = socket.create_connection(("127.0.0.1", server.ports["imaps"]), timeout=60)
        self.socket = server.context().wrap_socket(raw, server_hostname="localhost")
        self.file = self.socket.makefile("rwb", buffering=0)
        assert self.line().startswith(b"* OK")
        self.command(f'LOGIN {ALICE} "{PASSWORD}"')

    def line(self):
        try:
            line = self.file.readline()
        except OSError as e:
            raise Gone(str(e)) from None
        if not line.endswith(b"\r\n"):
            raise Gone("end of file")
        return line[:-2]

    def command(self, text):
        """The untagged lines, and the tagged one."""
        try:
            self.file.write(b"t " + text.encode() + b"\r\n")
        except OSError as e:
            raise Gone(str(e)) from None
        untagged = []
        while not (line := self.line()).startswith(b"t "):
            untagged.append(line)
        if not line.startswith(b"t OK"):
            raise AssertionError(f"{text!r}: {line!r}")
        return untagged, line

    def close(self):
        self.socket.close()


def letter(token):
    return f"Subject: {token}\r\n\r\n{'x' * (len(token) * 40)}\r\n"


def truth(server, name):
    """uid -> (token, flags)."""
    m = Imap(server)
    m.command(f"EXAMINE {name}")
    found = {}
    if int(re.search(rb"MESSAGES (\d+)", m.command(f"STATUS {name} (MESSAGES)")[0][0])[1]) > 0:
        for line in m.command("FETCH 1:* (UID FLAGS PREVIEW ENVELOPE)")[0]:
            part = re.search(rb'UID (\d+) FLAGS \((.*?)\).*ENVELOPE \(\S+ "(.*?)"', line)
            found[int(part[1])] = (part[3].decode(), frozenset(part[2].decode().split()))
    m.close()
    return found


class Writer(threading.Thread):
    """Two mailboxes and what must be in them. `before` and `after` are the two states that an answer still to come
    stands between."""

    def __init__(self, server, seed, state):
        super().__init__(daemon=True)
        self.server, self.random = server, random.Random(seed)
        self.before = self.after = state
        self.count, self.seed = 0, seed
        self.failure = None

    def run(self):
        try:
            self.m = Imap(self.server)
            self.m.command("SELECT INBOX")
            while True:
                self.one()
        except Gone:
            pass
        except Exception as e:  # pylint: disable=broad-except
            self.failure = e

    def do(self, text, change):
        """Runs a command whose success changes the state as `change` says (tokens, not UIDs: those are the server's)."""
        after = {name: list(box) for name, box in self.before.items()}
        change(after)
        self.after = after
        self.m.command(text)
        self.before = after

    def one(self):
        r = self.random
        inbox = self.before["INBOX"]
        token = f"s{self.seed}n{self.count}"
        self.count += 1
        what = r.choice(("append", "append", "append", "copy", "move", "store", "expunge", "replace"))
        n = r.randrange(len(inbox)) if inbox else 0
        body = letter(token)
        if what == "append" or not inbox:
            self.do(f"APPEND INBOX (\\Seen) {{{len(body)}+}}\r\n{body}",
                    lambda s: s["INBOX"].append((token, frozenset({"\\Seen"}))))
        elif what == "replace":
            def replaced(s):
                del s["INBOX"][n]
                s["INBOX"].append((token, frozenset()))
            self.do(f"REPLACE {n + 1} INBOX {{{len(body)}+}}\r\n{body}", replaced)
        elif what == "copy":
            self.do(f"COPY {n + 1} Archive", lambda s: s["Archive"].append(s["INBOX"][n]))
        elif what == "move":
            self.do(f"MOVE {n + 1} Archive", lambda s: s["Archive"].append(s["INBOX"].pop(n)))
        elif what == "store":
            flag = r.choice(("\\Flagged", "\\Answered", "$Work"))
            self.do(f"STORE {n + 1} FLAGS ({flag})",
                    lambda s: s["INBOX"].__setitem__(n, (s["INBOX"][n][0], frozenset({flag}))))
        else:
            self.do(f"STORE {n + 1} FLAGS.SILENT (\\Deleted)",
                    lambda s: s["INBOX"].__setitem__(n, (s["INBOX"][n][0], frozenset({"\\Deleted"}))))
            # also one that was marked when the server died
            self.do("EXPUNGE", lambda s: s.update(INBOX=[m for m in s["INBOX"] if "\\Deleted" not in m[1]]))


def remember(server):
    """What a client that goes away knows of INBOX: UIDVALIDITY, mod-sequence, uid -> flags."""
    m = Imap(server)
    lines = b"\n".join(m.command("SELECT INBOX")[0])
    known = {}
    if b"* 0 EXISTS" not in lines:
        for line in m.command("FETCH 1:* (UID FLAGS)")[0]:
            part = re.search(rb"UID (\d+) FLAGS \((.*?)\)", line)
            known[int(part[1])] = frozenset(part[2].decode().split())
    m.close()
    return (int(re.search(rb"UIDVALIDITY (\d+)", lines)[1]), int(re.search(rb"HIGHESTMODSEQ (\d+)", lines)[1]), known)


def come_back(server, memory):
    validity, modseq, known = memory
    m = Imap(server)
    m.command("ENABLE QRESYNC")
    lines, _ = m.command(f"SELECT INBOX (QRESYNC ({validity} {modseq}))")
    assert f"* OK [UIDVALIDITY {validity}]".encode() in b"\n".join(lines)
    known = dict(known)
    for line in lines:
        if line.startswith(b"* VANISHED (EARLIER) "):
            for run in line.split()[3].split(b","):
                first, _, last = run.partition(b":")
                for uid in range(int(first), int(last or first) + 1):
                    known.pop(uid, None)
        elif part := re.match(rb"\* \d+ FETCH \(UID (\d+) FLAGS \((.*?)\) MODSEQ", line):
            known[int(part[1])] = frozenset(part[2].decode().split())
    m.close()
    return known


def test_killed_at_any_moment(make_server):
    server = make_server()
    state = {"INBOX": [], "Archive": []}
    kills = random.Random(4)
    for number in range(ROUNDS):
        memory = remember(server)
        writer = Writer(server, number, state)
        writer.start()
        time.sleep(kills.uniform(1.0, 2.0))
        server.kill()
        writer.join(60)
        assert writer.failure is None, writer.failure
        assert writer.count > 5
        server.start()
        found = {name: truth(server, name) for name in state}
        there = {name: [found[name][uid] for uid in sorted(found[name])] for name in state}
        assert there in (writer.before, writer.after), (there, writer.before, writer.after)
        assert come_back(server, memory) == {uid: flags for uid, (_, flags) in found["INBOX"].items()}
        state = there
    server.stop()
    assert server.run("store", "check", check=False).returncode == 0
