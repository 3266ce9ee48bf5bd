# SPDX-License-Identifier: Apache-2.0
"""The selected mailbox as one client was told of it: a list of messages by number, and what follows from it."""
import time

from truth import OTHERS
from wire import Contradiction, Text, numbers

DATA = ("INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODYSTRUCTURE", "BODY", "PREVIEW", "SAVEDATE", "EMAILID")


class Message:
    __slots__ = ("uid", "flags", "modseq", "debt", "born")

    def __init__(self, uid=None):
        self.uid, self.flags, self.modseq = uid, None, 0
        self.born = time.monotonic()
        self.debt = None  # what was said, and can only be if it changed, of which the client must hear

    def __repr__(self):
        return f"UID {self.uid}"


class Belief:
    def __init__(self, who, name, account, way, resume=None):
        self.who, self.name, self.account = who, name, account
        self.way = way  # how data is told (IMAP4rev2 or not)
        self.selected = time.monotonic()
        self.messages = []
        self.truth = None  # as soon as UIDVALIDITY is known
        self.uidonly = False
        self.shared = name.startswith(OTHERS)
        self.read_only = self.deaf = False
        self.loose = False  # what the client may do changes: then commands fail, and nothing is told
        self.resume = resume  # uid -> flags, of a session before
        self.sure = 0  # mod-sequence up to which all is known: RFC 7162 §6
        self.highest = 0  # told since the last tagged answer
        self.coded = None  # HIGHESTMODSEQ told since, which counts more
        self.complete = False  # once all was known
        self.contexts = {}  # tag -> (UIDs, what the search says of a message, its text)

    def __len__(self):
        return len(self.messages)

    def __bool__(self):
        return True

    # ---- responses --------------------------------------------------------------------------

    def validity(self, value):
        self.truth = self.account.box(value)
        self.truth.name, self.truth.count = self.name, len(self)
        if self.shared:
            self.truth.name = self.name[len(OTHERS) + len(self.account.address) + 1:]
        if self.account.removing(self.truth.name, self.selected):
            self.truth.deleted = True
        self.loose = self.shared and self.truth.name == "Open"
        self.deaf = self.deaf or self.loose

    def exists(self, count):
        if count < len(self):
            raise Contradiction(f"{count} EXISTS, but there were {len(self)}")
        self.messages += [Message() for _ in range(count - len(self))]
        if self.truth:
            self.truth.count = count

    def gone(self, message):
        self.messages.remove(message)
        if self.truth and message.uid is None:
            self.truth.excuses += 1
        elif self.truth:
            self.truth.excused.add(message.uid)

    def expunge(self, number):
        if not 0 < number <= len(self):
            raise Contradiction(f"{number} EXPUNGE, but there are {len(self)}")
        message = self.messages[number - 1]
        self.gone(message)
        return message

    def vanished(self, uids):
        found = []
        for uid in uids:
            message = self.find(uid) or self.unknown_at(uid)
            if message is None:
                raise Contradiction(f"VANISHED {uid}, which was not there")
            message.uid = uid
            self.gone(message)
            found.append(message)
        return found

    def earlier(self, uids):
        for uid in uids:
            self.resume.pop(uid, None)
            self.truth.excused.add(uid)

    def find(self, uid):
        for m in self.messages:
            if m.uid == uid:
                return m
        return None

    def unknown_at(self, uid):
        """One whose UID is not known and may be this."""
        candidate = None
        for m in self.messages:
            if m.uid is None and (candidate is None or self.uidonly):
                candidate = m
            elif m.uid is not None and m.uid < uid and not self.uidonly:
                candidate = None
            elif m.uid is not None and m.uid > uid and not self.uidonly:
                break
        return candidate

    def fetched(self, number, response):
        """A FETCH, or a UIDFETCH, whose number is a UID. The message, and the items by name."""
        items = self.items_of(response)
        if self.uidonly:
            message = self.find(number)
            if message is None and (message := self.unknown_at(number)) is None:
                raise Contradiction(f"UIDFETCH of {number}, which is not there")
            self.name_it(message, number)
        elif not 0 < number <= len(self):
            raise Contradiction(f"FETCH of {number}, but there are {len(self)}")
        else:
            message = self.messages[number - 1]
        if "UID" in items:
            self.name_it(message, int(items["UID"]))
        if "MODSEQ" in items:
            self.changed(message, int(items["MODSEQ"][0]))
        if "FLAGS" in items:
            self.flagged(message, frozenset(f.decode() for f in items["FLAGS"]), "MODSEQ" in items)
        if message.uid is not None and self.truth:
            self.truth.seen(message.uid, self.selected)
            self.data(message.uid, items)
        return message, items

    @staticmethod
    def items_of(response):
        found = response.items()
        if len(found) != 4 or not isinstance(found[3], list) or len(found[3]) % 2:
            raise Contradiction("a FETCH that is none")
        return {name.decode().upper(): value for name, value in zip(found[3][::2], found[3][1::2])}

    def name_it(self, message, uid):
        if message.uid == uid:
            return
        if message.uid is not None:
            raise Contradiction(f"the message with UID {message.uid} has UID {uid} now")
        message.uid = uid
        self.mark(message)
        if self.uidonly:
            self.messages.sort(key=lambda m: m.uid or 1 << 40)
        last = 0
        for m in self.messages:
            if m.uid is not None:
                if m.uid <= last:
                    raise Contradiction(f"UID {m.uid} comes after UID {last}")
                last = m.uid
        if self.truth:
            self.truth.uidnext.raised(uid + 1)

    def changed(self, message, modseq):
        if modseq < message.modseq:
            raise Contradiction(f"MODSEQ of {message} is {modseq}, but was {message.modseq}")
        message.modseq = modseq
        self.highest = max(self.highest, modseq)
        if self.truth:
            self.truth.modseq.raised(modseq)

    def flagged(self, message, flags, with_modseq):
        if message.flags != flags:
            message.debt = None
        message.flags = flags
        self.mark(message)
        if with_modseq and message.uid is not None and self.truth:
            self.truth.flags_told(message.uid, message.modseq, flags, self.who)

    def mark(self, message):
        if self.truth and message.uid is not None and message.flags and "\\Deleted" in message.flags:
            self.truth.marked.add(message.uid)

    def data(self, uid, items):
        for name, value in items.items():
            if name == "EMAILID":
                self.truth.email(uid, value[0].decode())
            elif name == "RFC822.SIZE":
                self.truth.fact(uid, name, int(value))
            elif name in ("INTERNALDATE", "SAVEDATE"):
                self.truth.fact(uid, name, bytes(value), own=name == "SAVEDATE")
            elif name in ("ENVELOPE", "BODYSTRUCTURE", "BODY"):
                self.truth.fact(uid, f"{name} {self.way}", value)
            elif name == "PREVIEW":
                self.truth.fact(uid, name, bytes(value))
            elif name.startswith(("BODY[", "BINARY[")) and isinstance(value, Text):
                self.truth.octets(uid, name, value)

    # ---- searches that go on ----------------------------------------------------------------

    def esearch(self, items):
        found = self.contexts.get(bytes(items[2][1]))
        if found is None:
            return
        for name, value in zip(items[4::2], items[5::2]):
            if name == b"ALL":
                found[0].update(numbers(value))
            for _, uids in zip(value[::2], value[1::2]) if name in (b"ADDTO", b"REMOVEFROM") else ():
                uids = set(numbers(uids))
                if name == b"ADDTO" and uids & found[0]:
                    raise Contradiction(f"ADDTO of {uids & found[0]}, which are in {items[2][1]!r}")
                if name == b"REMOVEFROM" and uids - found[0]:
                    raise Contradiction(f"REMOVEFROM of {uids - found[0]}, which are not in {items[2][1]!r}")
                found[0].symmetric_difference_update(uids)

    def wrong_contexts(self):
        """What is wrong with one of them, or None."""
        for tag, (found, says, text) in self.contexts.items():
            right = {m.uid for m in self.messages if says(m)}
            if found != right and not self.unknown():
                return f"{text!r} of {tag!r} is said to find {sorted(found)}, but {sorted(right)} match"
        return None

    # ---- what follows -----------------------------------------------------------------------

    def owe(self, message, text):
        """What an answer said is true only if `message` has changed: then the client must hear of it."""
        if message.debt is None and not self.deaf:
            message.debt = text

    def debts(self):
        return [m for m in self.messages if m.debt is not None]

    def unknown(self):
        """Positions of those of which something is not known."""
        return [n for n, m in enumerate(self.messages) if m.uid is None or m.flags is None]

    def state(self):
        return {m.uid: m.flags for m in self.messages}

    def resumed(self, named):
        """The SELECT that said what was known before is over: all must be known now, but what is new where UIDs were
        named (RFC 7162 §3.2.5.1)."""
        known, self.resume = self.resume, None
        told = {m.uid: m.flags for m in self.messages if m.uid is not None}
        uids = sorted({*known, *told})
        if len(uids) > len(self) or (len(uids) < len(self) and not named):
            raise Contradiction(f"after QRESYNC {len(uids)} are known, but {len(self)} are there")
        if self.uidonly:  # then nothing was told of numbers
            by_uid, rest = {m.uid: m for m in self.messages}, [m for m in self.messages if m.uid is None]
            self.messages = [by_uid[uid] if uid in by_uid else rest.pop() for uid in uids] + rest
        for uid, m in zip(uids, self.messages):
            if m.uid not in (None, uid):
                raise Contradiction(f"after QRESYNC number {self.messages.index(m) + 1} is UID {m.uid} and {uid}")
            m.uid = uid
            if m.flags is None:
                m.flags = known.get(uid)


def uids_of(text):
    return list(numbers(text))
