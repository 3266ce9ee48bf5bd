# SPDX-License-Identifier: Apache-2.0
"""One IMAP session: commands go out, also several at once, and each response must be one that may come now."""
import asyncio
import collections
import time

from belief import Belief, uids_of
from truth import OTHERS
from wire import Contradiction, Lost, Wire

PASSWORD = "correct horse battery"
# Extensions by the choice of a client at its login
MODES = ("", "CONDSTORE", "QRESYNC", "QRESYNC IMAP4rev2", "IMAP4rev2", "QRESYNC UIDONLY", "CONDSTORE IMAP4rev2")


class Command:
    """`numbered`: it names messages by number, so that no expunge may be told. `on` takes untagged responses, `end`
    the tagged one. `may_fail`: NO is an answer. `doubt`: the connection ended before it was answered."""

    def __init__(self, text, *, numbered=False, begin=None, on=None, end=None, may_fail=False, doubt=None,
                 last=False, shown=None):
        self.text, self.numbered, self.begin, self.on, self.end = text, numbered, begin, on, end
        self.may_fail, self.doubt, self.last, self.shown = may_fail, doubt, last, shown
        self.tag = None
        self.asked = 0.0
        self.selects = False
        self.told = set()  # messages whose flags were told while it was worked on
        self.gone = set()
        self.silent = None  # of STORE: (messages, what happens to their flags)


class Session:
    def __init__(self, world, account, name):
        self.world, self.account, self.name = world, account, name
        self.wire = None
        self.box = None
        self.enabled = set()
        self.notify = None  # None, "now", "delayed", "deaf"
        self.idling = self.leaving = False
        self.queue = collections.deque()
        self.tags = 0
        self.plus = False
        self.opening = None  # the Belief that begins at CLOSED
        self.server = 0  # which one it is connected to: they are counted

    # ---- beginning and end ------------------------------------------------------------------

    async def connect(self, how="tls"):
        world = self.world
        self.box, self.enabled, self.notify, self.idling, self.opening = None, set(), None, False, None
        self.queue.clear()
        self.tags = 0
        await world.up(self)
        tls = how == "tls"
        self.wire = await Wire.open(world.ports["imaps" if tls else "imap"], world.tls if tls else None)
        greeting = await self.wire.response()
        if greeting.word != b"OK" or not greeting.code.startswith(b"CAPABILITY"):
            raise Contradiction("not a greeting")
        if how == "starttls":
            await self.run(Command(b"STARTTLS"))
            await self.wire.start_tls(world.tls)
        await self.run(Command(f'LOGIN {self.account.address} "{PASSWORD}"'.encode()))

    async def enable(self, mode):
        if not mode:
            return
        await self.run(Command(b"ENABLE " + mode.encode()))
        self.enabled = set(mode.split())
        if self.enabled & {"QRESYNC"}:
            self.enabled.add("CONDSTORE")

    def has(self, what):
        return what in self.enabled

    # ---- commands ---------------------------------------------------------------------------

    async def run(self, *commands, cut=None):
        """Sends all of them at once and reads until all are answered. `cut`: so many responses are read before the
        connection is cut."""
        data = b""
        for c in commands:
            self.tags += 1
            c.tag = b"t%d" % self.tags
            c.asked = time.monotonic()
            data += c.tag + b" " + c.text + b"\r\n"
        self.queue.extend(commands)
        try:
            shown = " | ".join(c.tag.decode() + " " + (c.shown or c.text.decode("utf8", "replace")) for c in commands)
            self.begin_next()
            await self.wire.send(data, shown)
            while self.queue:
                if cut is not None and (cut := cut - 1) < 0:
                    self.wire.cut()
                    self.world.cut = True
                    raise Lost("cut")
                self.take(await self.wire.response())
        except Lost:
            for c in self.queue:
                if c.doubt:
                    c.doubt()
            raise

    async def settle(self):
        """What the client must hear of comes, if not at once: between a change and the news of it there is a moment."""
        end, asked, pause = time.monotonic() + self.world.patience, 0, 0.02
        said = list(self.wire.trace)  # as long as it is known
        while (debts := self.box.debts()) and not self.box.deaf:
            if time.monotonic() > end and (asked := asked + 1) > 5:
                m = debts[0]
                raise Contradiction("\n".join([
                    f"{m}, {sorted(m.flags or '')}: {m.debt}; but nothing else is told of it", "when it was said:",
                    *said, *await self.witnessed(m)]))
            await self.run(Command(b"NOOP"))
            if self.box.debts():
                await asyncio.sleep(pause)
                pause = min(2 * pause, 1)

    async def witnessed(self, message):
        """What a new session of the owner finds, which sees the store as it is, and then this one, which goes by what it
        has told: lines of a report."""
        owner, name = self.box.account, self.box.truth.name
        witness, lines = Session(self.world, owner, "witness"), []
        asked = [] if message.uid is None else [
            Command(b"UID FETCH %d (UID FLAGS INTERNALDATE EMAILID RFC822.SIZE)" % message.uid),
            Command(b"UID SEARCH UID %d" % message.uid)]
        try:
            await witness.connect("plain")
            await witness.enable("CONDSTORE")
            await witness.run(witness.select(name, read_only=True), *asked,
                              Command(b"STATUS " + witness.named(name) + b" (MESSAGES UIDNEXT HIGHESTMODSEQ)"))
            await self.run(*(Command(c.text) for c in asked))
        except (Contradiction, Lost) as e:
            lines.append(f"and then: {e}")
        return ["the owner finds:", *(witness.wire.trace if witness.wire else ()), *lines]

    def begin_next(self):
        if self.queue:
            command = self.queue[0]
            if command.begin:
                command.begin(command)

    def take(self, r):
        if r.tag == b"*":
            self.untagged(r)
        elif r.tag == b"+":
            if not self.queue:
                raise Contradiction("a continuation nobody asked for")
            self.plus = True
        elif not self.queue or r.tag != self.queue[0].tag:
            raise Contradiction(f"the tag is {r.tag!r}, waited for is {self.queue[0].tag if self.queue else None!r}")
        else:
            self.tagged(r)

    def tagged(self, r):
        command = self.queue.popleft()
        if r.word == b"BAD" or (r.word == b"NO" and not self.excuse(command, r)):
            raise Contradiction(f"{command.text[:200]!r} is answered {r.parts[0][:200]!r}")
        self.code(r, command)
        if command.silent:
            self.silence(command, r)
        if command.end and (r.word == b"OK" or command.last or not (self.box and self.box.loose)):
            command.end(command, r)
        self.know()
        self.begin_next()

    def excuse(self, command, response):
        may = command.may_fail
        box = self.box
        if box and b"for reading only" in response.parts[0] and not box.read_only:
            return False
        return (may() if callable(may) else may) or (box and (box.loose or (box.truth and box.truth.deleted)))

    def know(self):
        """RFC 7162 §6: what to come back with, after a tagged answer."""
        box = self.box
        if box is None or box.deaf:
            return
        if box.coded is not None:
            box.sure = box.coded
        elif box.complete:
            box.sure = max(box.sure, box.highest)
        box.highest, box.coded = 0, None

    # ---- responses --------------------------------------------------------------------------

    def untagged(self, r):
        command = self.queue[0] if self.queue else None
        if command is None and not self.idling and self.notify is None and r.word != b"BYE":
            raise Contradiction("something is told between commands")
        if r.word in (b"OK", b"NO"):
            self.code(r, command)
        elif r.word == b"BYE":
            if self.leaving:
                return
            if not self.world.stopping and not self.world.restarted(self):
                raise Contradiction(f"the server ends the session: {r.shown()}")
            raise Lost("BYE")
        elif r.word in (b"EXISTS", b"EXPUNGE", b"VANISHED", b"FETCH", b"UIDFETCH"):
            self.message_data(r, command)
        elif r.word == b"ESEARCH" and self.box:
            self.box.esearch(r.items())
        if command and command.on:
            command.on(command, r)

    def message_data(self, r, command):
        box = self.box
        if box is None:
            raise Contradiction("no mailbox is selected")
        if r.word == b"VANISHED" and r.items()[2] == [b"EARLIER"]:
            self.earlier(uids_of(r.items()[3]))
        elif r.word == b"EXISTS":
            box.exists(r.number)
        elif r.word in (b"EXPUNGE", b"VANISHED"):
            self.expunged(r, command)
        else:
            if (r.word == b"UIDFETCH") != self.has("UIDONLY"):
                raise Contradiction(f"{r.word!r}, with {self.enabled}")
            message, items = box.fetched(r.number, r)
            if command:
                self.during(command, message, items)

    def earlier(self, uids):
        if self.box.resume is not None:
            self.box.earlier(uids)
            return
        for m in self.box.messages:
            if m.uid in uids:
                self.box.owe(m, "it is VANISHED (EARLIER)")

    def expunged(self, r, command):
        if command is not None and command.numbered:
            raise Contradiction("an expunge is told while a command with numbers goes on")
        if command is None and self.notify != "now" and not self.idling:
            raise Contradiction("an expunge is told between commands")
        if (r.word == b"VANISHED") != bool(self.enabled & {"QRESYNC", "UIDONLY"}):
            raise Contradiction(f"{r.word!r}, with {self.enabled}")
        gone = [self.box.expunge(r.number)] if r.word == b"EXPUNGE" else self.box.vanished(uids_of(r.items()[2]))
        if command:
            command.gone.update(gone)

    def during(self, command, message, items):
        """What is told of flags after a silent STORE is more than what it implies (RFC 7162 §3.1.3: MODSEQ alone)."""
        if "FLAGS" in items:
            command.told.add(message)
        elif command.silent and "MODSEQ" in items and message in command.silent[0]:
            command.silent[0].remove(message)
            self.imply(message, command.silent[1], True)

    def imply(self, message, change, with_modseq):
        if message.flags is not None or change(frozenset()) == change(frozenset({"any"})):
            self.box.flagged(message, change(message.flags or frozenset()), with_modseq)

    def silence(self, command, r):
        messages, change = command.silent
        if r.word != b"OK":
            return
        refused = set()
        if r.code.startswith(b"MODIFIED "):
            refused = set(uids_of(r.code[9:]))
        for m in messages - command.told - command.gone:
            named = m.uid if not command.numbered else self.box.messages.index(m) + 1
            if named not in refused:
                self.imply(m, change, False)

    def code(self, r, command):
        """Response codes that say something of the mailbox."""
        name, _, rest = r.code.partition(b" ")
        if name == b"CLOSED" and self.opening:
            self.box, self.opening = self.opening, None
        box = self.box
        if name == b"UIDVALIDITY" and box:
            box.validity(int(rest))
        elif name == b"UIDNEXT" and box:
            if box.truth is None:
                raise Contradiction("UIDNEXT without UIDVALIDITY")
            box.truth.uidnext.told(int(rest), command.asked)
        elif name == b"HIGHESTMODSEQ" and box and box.truth:
            box.coded = int(rest)
            if command and command.selects and self.opening is None:  # and not of the mailbox before
                box.truth.modseq.told(int(rest), command.asked)
        elif name == b"NOUPDATE" and box:
            box.contexts.pop(rest.strip(b'"'), None)
        elif name == b"NOTIFICATIONOVERFLOW":
            self.notify = None
        elif name == b"COPYUID" and r.tag == b"*" and command is None:
            raise Contradiction("COPYUID between commands")

    def status(self, r, command):
        """The answer to a STATUS. With NOTIFY it may be one that was on its way."""
        items = r.items()
        found = {k.decode(): int(v) for k, v in zip(items[3][::2], items[3][1::2])}
        if "UIDVALIDITY" not in found or self.notify is not None:
            return found
        owner = self.world.owner(self.account, names_of(self, items[2]))
        truth = owner.box(int(found["UIDVALIDITY"]))
        if "UIDNEXT" in found:
            truth.uidnext.told(int(found["UIDNEXT"]), command.asked)
        if "HIGHESTMODSEQ" in found:
            truth.modseq.told(int(found["HIGHESTMODSEQ"]), command.asked)
        return found

    # ---- selecting --------------------------------------------------------------------------

    def select(self, name, read_only=False, resume=None):
        """A SELECT. `resume`: (uidvalidity, modseq, uid -> flags, more) of before."""
        way = "rev2" if self.has("IMAP4rev2") else "rev1"
        owner = self.world.owner(self.account, name)
        new = Belief(self.name, name, owner, way, dict(resume[2]) if resume else None)
        new.read_only, new.uidonly = read_only, self.has("UIDONLY")
        new.deaf = self.notify == "deaf"

        def begin(_):
            if self.box is None:
                self.box = new
            else:
                self.opening = new

        def end(_, r):
            self.opening = None
            if r.word == b"NO":
                self.box = None
            elif resume and new.truth.validity == resume[0]:
                new.resumed(resume[3] != b"")
            else:
                new.resume = None
            if r.word == b"OK" and not new.shared and (r.code == b"READ-ONLY") != read_only:
                raise Contradiction("opened in the wrong way")
        text = (b"EXAMINE " if read_only else b"SELECT ") + self.named(name)
        if resume:
            text += b" (QRESYNC (%d %d%s))" % (resume[0], resume[1], resume[3])
        command = Command(text, begin=begin, end=end, may_fail=lambda: may_be_gone(self, name), last=True)
        command.selects = True
        return command

    def named(self, name):
        if name.isascii():
            return b'"' + name.encode() + b'"'
        if self.has("IMAP4rev2"):
            return b'"' + name.encode() + b'"'
        return b'"' + utf7(name) + b'"'

    async def learn(self):
        """UIDs and flags of all messages; RFC 7162 §6: then the mod-sequence of SELECT is ours."""
        box = self.box
        if not box.unknown():
            box.complete = True
            return
        items = b"(UID FLAGS MODSEQ)" if self.has("CONDSTORE") else b"(UID FLAGS)"
        unknown = box.unknown()
        if self.notify == "now" or box.uidonly:
            before = box.messages[:unknown[0]] if not box.uidonly else []  # there unknown ones have no place
            first = max((m.uid for m in before if m.uid), default=0) + 1
            await self.run(Command(b"UID FETCH %d:* " % first + items))
        else:
            await self.run(Command(b"FETCH %d:%d " % (unknown[0] + 1, unknown[-1] + 1) + items, numbered=True))
        if not box.unknown():
            box.complete = True

    async def listen(self, patience):
        """What comes by itself. False: nothing did."""
        r = await self.wire.response(patience)
        if r is None:
            return False
        self.take(r)
        return True

    async def idle(self):
        self.plus = False
        self.idle_command = Command(b"IDLE")
        self.idling = True
        self.tags += 1
        self.idle_command.tag = b"t%d" % self.tags
        self.idle_command.asked = time.monotonic()
        await self.wire.send(self.idle_command.tag + b" IDLE\r\n")
        self.queue.append(self.idle_command)
        while not self.plus:
            self.take(await self.wire.response())

    async def done(self):
        await self.wire.send(b"DONE\r\n")
        while self.queue:
            self.take(await self.wire.response())
        self.idling = False

    async def leave(self):
        try:
            self.leaving = True
            if self.wire:
                await asyncio.wait_for(self.run(Command(b"LOGOUT")), 10)
        except (Contradiction, Lost, asyncio.TimeoutError):
            pass
        finally:
            self.leaving = False
            if self.wire:
                self.wire.cut()


def may_be_gone(s, name):
    """Mailboxes of one client, and those that are shared now and then."""
    return name in s.account.owned or (name.startswith(OTHERS) and name.endswith("/Open"))


def names_of(s, name):
    """A name as the server writes it, in Unicode, as far as that is needed here."""
    return name.decode("utf8") if name.startswith(OTHERS.encode()) else ""


def utf7(name):
    """RFC 3501 §5.1.3."""
    import base64
    out, run = b"", ""
    for c in name + "\0":
        if c.isascii() and run:
            out += b"&" + base64.b64encode(run.encode("utf-16-be")).rstrip(b"=").replace(b"/", b",") + b"-"
            run = ""
        if not c.isascii():
            run += c
        elif c != "\0":
            out += b"&-" if c == "&" else c.encode()
    return out
