# SPDX-License-Identifier: Apache-2.0
"""What all clients of an account know together. Each of them says what it was told; none of it may contradict what
another one was told, or what was told before."""
import bisect
import collections
import hashlib
import time

from letters import letter, token_of
from wire import Contradiction

KEPT = 8192  # octets of a section; of longer ones the digest
FLAG_STATES = 6  # of one message


class Floor:
    """A number that never falls: who asks after somebody was told of it is told no less."""

    def __init__(self, name):
        self.name = name
        self.times, self.values = [], []

    def raised(self, value):
        if not self.values or value > self.values[-1]:
            self.times.append(time.monotonic())
            self.values.append(value)
            if len(self.values) > 2000:
                del self.times[:1000], self.values[:1000]

    def told(self, value, asked):
        at = bisect.bisect_left(self.times, asked) - 1
        if at >= 0 and value < self.values[at]:
            raise Contradiction(f"{self.name} is {value}, but was {self.values[at]} before")
        self.raised(value)

    def at(self, asked):
        at = bisect.bisect_left(self.times, asked) - 1
        return self.values[at] if at >= 0 else 0


class Box:
    """A mailbox by its UIDVALIDITY, which is its own for ever."""

    def __init__(self, account, validity):
        self.account, self.validity, self.name = account, validity, None
        self.uidnext, self.modseq = Floor("UIDNEXT"), Floor("HIGHESTMODSEQ")
        self.flags = {}  # uid -> {modseq: flags}
        self.history = {}  # uid -> what was said of its flags last
        self.facts = {}  # uid -> what never changes of the message, shared by its copies
        self.own = {}  # uid -> what never changes of this copy
        self.origin = {}  # uid -> token or None: somebody was told that it is there now
        self.excused = set()  # that may be gone, because somebody removed them
        self.excuses = 0  # removals of unknown UIDs
        self.marked = set()  # that somebody may have marked as deleted
        self.closed = False  # somebody removed the marked ones, and was not told which
        self.alive, self.alive_next = None, 0  # at the last quiet moment
        self.count = 0  # the last EXISTS
        self.deleted = False  # the mailbox may be gone
        self.mine = {}  # (uid, keyword of one client alone) -> whether it is set

    # ---- flags ------------------------------------------------------------------------------

    def note(self, uid, text):
        """What a contradiction about this message is understood by."""
        self.history.setdefault(uid, collections.deque(maxlen=16)).append(f"{time.monotonic() % 1000:8.3f} {text}")

    def flags_told(self, uid, modseq, flags, who):
        """One state of a message has one mod-sequence."""
        self.note(uid, f"{who} has MODSEQ {modseq}, {shown(flags)}")
        states = self.flags.setdefault(uid, collections.OrderedDict())
        if states.setdefault(modseq, flags) != flags:
            raise Contradiction("\n".join([f"UID {uid} with MODSEQ {modseq} has {shown(flags)}, but had "
                                           f"{shown(states[modseq])}; what was said of it:", *self.history[uid]]))
        while len(states) > FLAG_STATES:
            states.popitem(last=False)

    # ---- what never changes -----------------------------------------------------------------

    def facts_of(self, uid):
        return self.facts.setdefault(uid, {})

    def same_message(self, uid, other, other_uid):
        """A copy is the same message; in another account it is a new one with the same content."""
        if other.account is not self.account:
            same = {k: v for k, v in other.facts_of(other_uid).items() if k != "EMAILID"}
            join(same, self.facts_of(uid), f"the copies {uid} and {other_uid}")
            return
        join(self.facts_of(uid), other.facts_of(other_uid), f"the copies {uid} and {other_uid}")
        self.facts[uid] = other.facts_of(other_uid)

    def fact(self, uid, name, value, own=False):
        facts = self.own.setdefault(uid, {}) if own else self.facts_of(uid)
        if facts.setdefault(name, value) != value:
            raise Contradiction(f"{name} of UID {uid} is {value!r:.300}, but was {facts[name]!r:.300}")

    def email(self, uid, ident):
        """`-` and the number of the account is how somebody else sees it (docs/imap.md)."""
        ident = ident.partition("-")[0]
        self.fact(uid, "EMAILID", ident)
        known = self.account.by_email.setdefault(ident, self.facts_of(uid))
        if known is not self.facts[uid]:
            join(self.facts[uid], known, f"two with EMAILID {ident}")
            self.facts[uid] = known

    def octets(self, uid, section, data):
        """All of a section, or `<first>` and what follows of it."""
        section, _, first = section.partition("<")
        facts = self.facts_of(uid)
        if first:
            whole = facts.get(section)
            first = int(first.rstrip(">"))
            if isinstance(whole, bytes) and whole[first:first + len(data)] != data:
                raise Contradiction(f"{section} of UID {uid} from {first} is not what it was")
            return
        self.fact(uid, section, bytes(data) if len(data) <= KEPT else (len(data), hashlib.sha256(data).digest()))
        if section == "BODY[]":
            self.whole(uid, data)

    def whole(self, uid, data):
        self.fact(uid, "RFC822.SIZE", len(data))
        token = token_of(data)
        if token is None or not data.endswith(letter(token)):
            raise Contradiction(f"UID {uid} is no message that anybody sent: {data[:300]!r}")
        self.token(uid, token)
        if token in self.account.appended and data != letter(token):
            raise Contradiction(f"UID {uid} has {len(data) - len(letter(token))} octets before what was appended")

    def token(self, uid, token):
        self.fact(uid, "token", token)
        if token not in self.account.appended and token not in self.account.delivered:
            raise Contradiction(f"UID {uid} has a token that nobody sent: {token}")

    # ---- coming and going -------------------------------------------------------------------

    def came(self, uids, asked, tokens=None):
        """UIDs that a command is said to have made."""
        floor = self.uidnext.at(asked)
        for n, uid in enumerate(uids):
            if uid < floor or uid in self.origin:
                raise Contradiction(f"UID {uid} is said to be new, but UIDNEXT was {floor}, or it was given before")
            self.origin[uid] = tokens[n] if tokens else None
            if tokens:
                self.token(uid, tokens[n])
        self.uidnext.raised(max(uids) + 1)

    def seen(self, uid, selected):
        """It is there, says an answer in a session that opened the mailbox at `selected`."""
        if self.alive is not None and selected > self.alive_time and uid < self.alive_next and uid not in self.alive:
            raise Contradiction(f"UID {uid} was gone and is there again")

    def settled(self, now, uidnext):
        """At a quiet moment there are exactly these UIDs (-> flags)."""
        lost = [uid for uid in self.origin if uid not in now and uid not in self.excused]
        if self.alive is not None:
            lost += [uid for uid in self.alive if uid not in now and uid not in self.excused and uid not in self.origin]
        lost = [uid for uid in lost if not (self.closed and uid in self.marked)]
        if len(lost) > self.excuses:
            raise Contradiction(f"UIDs {sorted(lost)[:20]} are gone, and nobody removed them")
        for uid in now:
            if self.alive is not None and uid < self.alive_next and uid not in self.alive:
                raise Contradiction(f"UID {uid} was gone and is there again")
        for (uid, word), on in self.mine.items():
            if uid in now and (word in now[uid]) != on:
                raise Contradiction(f"UID {uid} has {shown(now[uid])}, but only one client uses {word}, and it is {on}")
        self.alive, self.alive_next, self.alive_time = set(now), uidnext, time.monotonic()
        for table in (self.flags, self.facts, self.own, self.origin, self.history):
            for uid in [uid for uid in table if uid not in now]:
                del table[uid]
        self.mine = {key: on for key, on in self.mine.items() if key[0] in now}
        self.excused.clear()
        self.excuses, self.closed = 0, False
        self.marked = {uid for uid, flags in now.items() if "\\Deleted" in flags}


def join(a, b, what):
    for name, value in a.items():
        if b.setdefault(name, value) != value:
            raise Contradiction(f"{name} of {what} differs: {value!r:.300} and {b[name]!r:.300}")


def shown(flags):
    return " ".join(sorted(flags)) if flags else "no flags"


RIGHTS = "lrswipte"  # of everybody who shares "Work"
VARIOUS = (RIGHTS, "lrs", "lr", "lrswi", "l", "")  # "Open" is shared with one of these, from time to time another one
OTHERS = "Other Users/"


class Account:
    """`sent`: (tokens that were appended, tokens that were delivered), of all accounts."""

    def __init__(self, address, sent):
        self.address = address
        self.appended, self.delivered = sent
        self.boxes = {}
        self.by_email = {}
        self.doubts = 0
        self.arrived = set()  # delivered ones that were seen
        self.owned = {}  # name -> the client who alone makes and removes it
        self.names = {}  # of those that are there: name -> MAILBOXID
        self.ids = set()  # all MAILBOXIDs ever
        self.removals = {}  # what names begin with -> until when one of them was last removed

    def box(self, validity):
        if validity not in self.boxes:
            self.boxes[validity] = Box(self, validity)
        return self.boxes[validity]

    def removing(self, name, since):
        """It may have been removed while somebody opened it, who knew nothing of it until then."""
        return any(name.startswith(stem) and end >= since for stem, end in self.removals.items())

    def forget(self, alive):
        """Mailboxes that are not there any more, and messages in none."""
        self.boxes = {v: box for v, box in self.boxes.items() if v in alive}
        kept = {id(facts) for box in self.boxes.values() for facts in box.facts.values()}
        self.by_email = {k: facts for k, facts in self.by_email.items() if id(facts) in kept}
