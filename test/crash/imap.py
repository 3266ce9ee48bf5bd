# SPDX-License-Identifier: Apache-2.0
"""IMAP clients that keep a journal, beside those of clients.py.

Appender   works on the INBOXes that senders and POP3 readers use too: appends, and expunges what is there
Writer     has an account of its own, of which it knows exactly what must be in it: an answer that is still to come stands
           between two states, and after a kill it is in one of them
Follower   reads what a Writer does, for days: it comes back with QRESYNC after each kill, and must then know what is there
"""
import re

import letter
from clients import PASSWORD, Client, Fault, Line, Lost

BOXES = ("INBOX", "Archive", "Trash")


class Imap(Line):
    """A session that is logged in. Untagged responses are lists of bytes, of which each second one is a literal."""

    def __init__(self, world, address):
        super().__init__(world.ports["imap"])
        self.count = 0
        if not self.line().startswith(b"* OK"):
            raise Lost("no greeting")
        self.say(f'LOGIN {address} "{PASSWORD}"')

    def response(self):
        parts = [self.line()]
        while found := re.search(rb"\{(\d+)\}$", parts[-1]):
            try:
                literal = self.file.read(int(found[1]))
            except OSError as e:
                raise Lost(str(e)) from None
            if len(literal) < int(found[1]):
                raise Lost("end of file in a literal")
            parts += [literal, self.line()]
        return parts

    def answer(self, *wanted):
        """(untagged responses, the tagged line without its tag)"""
        tag, untagged = f"a{self.count} ".encode(), []
        while True:
            parts = self.response()
            if parts[0].startswith(b"* BYE") or b" NO [UNAVAILABLE]" in parts[0]:
                raise Lost(parts[0])
            if parts[0].startswith(b"+"):
                return untagged, parts[0]
            if parts[0].startswith(tag):
                text = parts[0][len(tag):]
                if not text.startswith((b"OK", *wanted)):
                    raise Fault(f"the answer is {text!r}")
                return untagged, text
            untagged.append(parts)

    def begin(self, text):
        self.count += 1
        self.send(f"a{self.count} ".encode() + text)

    def say(self, text, *wanted):
        self.begin((text if isinstance(text, bytes) else text.encode()) + b"\r\n")
        return self.answer(*wanted)

    def append(self, box, messages, wait):
        """APPEND of (flags, bytes); `wait` for each "+", or not at all."""
        self.begin(f"APPEND {box}".encode())
        for flags, body in messages:
            self.send(f" ({flags}) {{{len(body)}{'' if wait else '+'}}}\r\n".encode())
            if wait:
                said = self.answer()[1]
                if not said.startswith(b"+"):
                    raise Fault(f"a literal is answered {said!r}")
            self.send(body)
        self.send(b"\r\n")
        return self.answer()


def uids_of(text):
    """The numbers of a set."""
    numbers = []
    for run in text.split(","):
        first, _, last = run.partition(":")
        numbers += range(int(first), int(last or first) + 1)
    return numbers


def flags_of(text):
    return frozenset(text.decode().split())


# ---- beside the others ----------------------------------------------------------------------------


class Appender(Client):
    count = 0

    def session(self):
        self.world.over.wait(self.random.uniform(0, 0.2))
        address = self.random.choice(self.world.addresses)
        m = Imap(self.world, address)
        try:
            m.say("SELECT INBOX")
            for _ in range(self.random.randint(1, 5)):
                self.random.choice((self.append, self.expunge, self.expunge))(m, address)
                if not self.world.gate.is_set():
                    break
        finally:
            m.close()

    def append(self, m, address):
        r, messages, tokens = self.random, [], []
        for _ in range(r.choice((1, 1, 3))):
            token = f"{self.world.name}-{self.name}-{self.count}"
            self.count += 1
            size = letter.some_size(r)
            self.journal.begin(token, size, [address])
            tokens.append(token)
            messages.append((r.choice(("", "\\Seen", "\\Flagged $Work")), letter.make(token, size)))
        text = m.append("INBOX", messages, wait=r.random() < 0.5)[1]
        uids = uids_of(re.search(rb"\[APPENDUID \d+ ([\d:,]+)\]", text)[1].decode())
        if len(uids) != len(tokens):
            raise Fault(f"{len(tokens)} messages are answered {text!r}")
        for token, uid in zip(tokens, uids):
            self.journal.got(token, [address], token)
            self.journal.told(address, token, uid)

    def expunge(self, m, address):
        """Some that are there now: looked at, compared, marked, and gone."""
        m.say("NOOP")
        there = sorted(uids_of(",".join(m.say("UID SEARCH UNDELETED")[0][0][0].decode().split()[2:]) or "0"))
        uids = self.random.sample(there, min(len(there), self.random.randint(1, 3)))
        if there == [0]:
            return
        tokens = {}
        for parts in m.say(f"UID FETCH {','.join(map(str, uids))} (UID BODY.PEEK[])", b"NO")[0]:
            found = re.search(rb"UID (\d+) BODY\[\] \{", parts[0])
            if found:
                token = letter.token_of(parts[1])
                wrong = letter.fault(parts[1], self.journal.sizes.get(token, 0))
                if wrong:
                    raise Fault(f"{address}, UID {found[1]!r}, {token}: {wrong}")
                tokens[int(found[1])] = token
        if not tokens:
            return
        chosen = ",".join(map(str, tokens))
        for uid, token in tokens.items():
            self.journal.told(address, token, uid)
            self.journal.mark(f"delete {address} {token}")
        m.say(f"UID STORE {chosen} +FLAGS.SILENT (\\Deleted)")
        m.say(f"UID EXPUNGE {chosen}")
        for token in tokens.values():
            self.journal.mark(f"deleted {address} {token}")


# ---- an account that is known exactly ---------------------------------------------------------------


def look(world, address):
    """box -> [(token, flags)], in the order of UIDs; and INBOX as uid -> flags."""
    m, state, inbox = Imap(world, address), {}, {}
    try:
        for box in BOXES:
            m.say(f"EXAMINE {box}")
            state[box] = []
            for parts in m.say("UID FETCH 1:* (UID FLAGS BODY.PEEK[])")[0]:
                found = re.search(rb"UID (\d+) FLAGS \((.*?)\) BODY", parts[0])
                token = letter.token_of(parts[1])
                wrong = letter.fault(parts[1], world.journal.sizes.get(token, 0))
                if wrong:
                    raise Fault(f"{address}, {box}, {token}: {wrong}")
                state[box].append((token, flags_of(found[2])))
                if box == "INBOX":
                    inbox[int(found[1])] = flags_of(found[2])
        return state, inbox
    finally:
        m.close()


class Writer(Client):
    """`before` and `after` are the states that an answer still to come stands between."""
    count = 0

    def __init__(self, world, name, seed):
        super().__init__(world, name, seed)
        self.address = f"{name}@example.test"
        self.before = self.after = {box: [] for box in BOXES}

    def wrong(self):
        """A sentence, if what is there is neither; then it is known what was done."""
        there, _ = look(self.world, self.address)
        if there not in (self.before, self.after):
            return f"{self.address} holds {there}, and should {self.before} or {self.after}"
        self.before = self.after = there
        return None

    def session(self):
        wrong = self.wrong()
        if wrong:
            raise Fault(wrong)
        m = Imap(self.world, self.address)
        try:
            m.say("SELECT INBOX")
            for _ in range(self.random.randint(5, 40)):
                self.one(m)
                if not self.world.gate.is_set():
                    break
        finally:
            m.close()

    def do(self, change, send):
        """`change` is what `send` promises with its answer."""
        after = {box: list(mail) for box, mail in self.before.items()}
        change(after)
        self.after = after
        send()
        self.before = after
        self.journal.count("imap")

    def one(self, m):
        inbox = self.before["INBOX"]
        acts = (self.append, self.append, self.copy, self.move, self.store, self.expunge, self.replace, self.empty)
        self.random.choice(acts if inbox else (self.append,))(m)

    def some(self, box="INBOX"):
        """Numbers of messages that follow each other."""
        first = self.random.randrange(len(self.before[box]))
        return range(first, min(first + self.random.randint(1, 4), len(self.before[box])))

    def letter(self):
        token = f"{self.world.name}-{self.name}-{self.count}"
        self.count += 1
        size = self.random.randrange(500, 6000)
        with self.journal.lock:
            self.journal.sizes[token] = size
        return token, letter.make(token, size)

    def append(self, m):
        box = self.random.choice(BOXES)
        new = [(*self.letter(), self.random.choice(("", "\\Seen", "\\Draft $Work"))) for _ in range(self.random.randint(1, 3))]
        self.do(lambda s: s[box].extend((token, flags_of(flags.encode())) for token, _, flags in new),
                lambda: m.append(box, [(flags, body) for _, body, flags in new], wait=self.random.random() < 0.5))

    def copy(self, m):
        at, to = self.some(), self.random.choice(BOXES[1:])
        self.do(lambda s: s[to].extend(s["INBOX"][n] for n in at), lambda: m.say(f"COPY {at[0] + 1}:{at[-1] + 1} {to}"))

    def move(self, m):
        at, to = self.some(), self.random.choice(BOXES[1:])

        def moved(s):
            s[to].extend(s["INBOX"][n] for n in at)
            del s["INBOX"][at[0]:at[-1] + 1]
        self.do(moved, lambda: m.say(f"MOVE {at[0] + 1}:{at[-1] + 1} {to}"))

    def store(self, m, flag=None):
        at, flag = self.some(), flag or self.random.choice(("\\Flagged", "\\Answered", "$Work"))

        def stored(s):
            for n in at:
                s["INBOX"][n] = (s["INBOX"][n][0], frozenset({flag}))
        self.do(stored, lambda: m.say(f"STORE {at[0] + 1}:{at[-1] + 1} FLAGS ({flag})"))

    def expunge(self, m):
        """Also what was marked when the server died."""
        self.store(m, "\\Deleted")
        self.do(lambda s: s.update(INBOX=[x for x in s["INBOX"] if "\\Deleted" not in x[1]]), lambda: m.say("EXPUNGE"))

    def replace(self, m):
        n, (token, body) = self.some()[0], self.letter()

        def replaced(s):
            del s["INBOX"][n]
            s["INBOX"].append((token, frozenset()))
        self.do(replaced, lambda: m.say(f"REPLACE {n + 1} INBOX {{{len(body)}+}}\r\n".encode() + body))

    def empty(self, m):
        """All of another mailbox goes: it would grow for ever."""
        box = self.random.choice(BOXES[1:])
        if len(self.before[box]) < 20:
            return
        m.say(f"SELECT {box}")
        self.do(lambda s: s.update({box: [(token, flags | {"\\Deleted"}) for token, flags in s[box]]}),
                lambda: m.say("STORE 1:* +FLAGS.SILENT (\\Deleted)"))
        self.do(lambda s: s.update({box: []}), lambda: m.say("EXPUNGE"))
        m.say("SELECT INBOX")


# ---- one who looks on -------------------------------------------------------------------------------


class Follower(Client):
    """What it knows of a Writer's INBOX: UIDVALIDITY, mod-sequence, uid -> flags."""
    writer = None
    validity, modseq = 0, 0

    def __init__(self, world, name, seed):
        super().__init__(world, name, seed)
        self.known = {}

    def resume(self):
        """Opens the mailbox as one who was here before."""
        m = Imap(self.world, self.writer.address)
        m.say("ENABLE QRESYNC")
        known = f" (QRESYNC ({self.validity} {self.modseq}))" if self.validity else ""
        untagged = m.say(f"SELECT INBOX{known}")[0]
        text = b"\n".join(parts[0] for parts in untagged)
        self.validity = int(re.search(rb"\[UIDVALIDITY (\d+)\]", text)[1])
        self.take(m, untagged, int(re.search(rb"\[HIGHESTMODSEQ (\d+)\]", text)[1]))
        return m

    def take(self, m, untagged, modseq=0):
        """What was told with one answer; a UID that was not, is asked for."""
        exists, last = None, max(self.known, default=0)  # flags of new ones may be told beside their number
        for (line, *_) in untagged:
            if line.startswith(b"* VANISHED "):
                for uid in uids_of(line.split()[-1].decode()):
                    self.known.pop(uid, None)
            elif found := re.match(rb"\* \d+ FETCH \(UID (\d+) FLAGS \((.*?)\)(?: MODSEQ \((\d+)\))?", line):
                self.known[int(found[1])] = flags_of(found[2])
                modseq = max(modseq, int(found[3] or 0))
            elif found := re.match(rb"\* (\d+) EXISTS", line):
                exists = int(found[1])
        if exists is not None and exists > len(self.known):
            self.take(m, m.say(f"UID FETCH {last + 1}:* (UID FLAGS MODSEQ)")[0], modseq)
            return
        self.modseq = max(self.modseq, modseq)

    def session(self):
        m = self.resume()
        try:
            for _ in range(self.random.randint(1, 20)):
                self.world.over.wait(self.random.uniform(0, 0.1))
                if self.random.random() < 0.3:
                    m.begin(b"IDLE\r\n")
                    untagged = m.answer()[0]
                    self.world.over.wait(0.1)
                    m.send(b"DONE\r\n")
                    untagged += m.answer()[0]
                else:
                    untagged = m.say("NOOP")[0]
                self.take(m, untagged)
                if not self.world.gate.is_set():
                    break
        finally:
            m.close()

    def wrong(self):
        _, there = look(self.world, self.writer.address)
        self.resume().close()
        if self.known != there:
            return f"{self.name} knows {self.known} of {self.writer.address}, and there is {there}"
        return None
