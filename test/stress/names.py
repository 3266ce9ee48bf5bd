# SPDX-License-Identifier: Apache-2.0
"""Commands on mailboxes: APPEND and REPLACE into them, LIST, STATUS, CREATE, DELETE, RENAME. Some names are always
there; the others belong to one client each, which alone makes, renames and removes them, so that it knows what must
succeed, while everybody uses them."""
import time

from acts import FLAGS
from letters import letter
from session import Command, may_be_gone, utf7
from truth import VARIOUS
from wire import Contradiction, numbers

STABLE = ("INBOX", "Archive", "Work", "Work/Grüße & more", "Open")
USES = {"Sent", "Drafts", "Junk", "Trash"}  # also made with an account
ITEMS = (b"MESSAGES", b"UIDNEXT", b"UNSEEN", b"DELETED", b"SIZE", b"HIGHESTMODSEQ")
DATE = b'"01-Nov-2026 10:00:00 +0100"'


# ---- putting something there --------------------------------------------------------------------


def message(s, plus=True):
    """Its token, and how it is put there; marked as deleted or not."""
    r = s.world.random
    token = s.world.token(s)
    s.account.appended.add(token)
    data = letter(token)
    flags = " ".join(sorted(set(r.choices(FLAGS, k=r.randrange(3)))))
    flags = b"(" + flags.encode() + b") " if r.random() < 0.7 else b""
    date = DATE + b" " if r.random() < 0.3 else b""
    return token, b"Deleted" in flags, flags + date + b"{%d%s}\r\n" % (len(data), b"+" if plus else b"") + data


def append_some(s, _):
    r = s.world.random
    name = r.choice(s.world.roomy(s.account))
    return append(s, name, r.choice((1, 1, 1, 2, 3))) if name is not None else None


def append(s, name, count):
    tokens, marked, text = [], [], b"APPEND " + s.named(name)
    for _ in range(count):
        token, deleted, piece = message(s)
        tokens.append(token)
        marked.append(deleted)
        text += b" " + piece

    def end(command, response):
        if response.word == b"NO":
            return
        word, validity, uids = response.code.split(b" ")
        uids = list(numbers(uids))
        if word != b"APPENDUID" or len(uids) != len(tokens):
            raise Contradiction(f"APPEND of {len(tokens)} messages: {response.code!r}")
        box = s.world.owner(s.account, name).box(int(validity))
        box.came(uids, command.asked, tokens)
        box.marked.update(uid for uid, deleted in zip(uids, marked) if deleted)
    return Command(text, end=end, may_fail=lambda: may_be_gone(s, name), doubt=lambda: s.world.doubt(s.account, name),
                   shown=f"APPEND {name} {' '.join(tokens[:3])}")


def catenate(s, _):
    """A message that is made of another one (RFC 4469) has the same octets."""
    box, name = s.box, s.world.random.choice(s.world.roomy(s.account))
    known = [m.uid for m in box.messages if m.uid is not None and "token" in box.truth.facts.get(m.uid, {})]
    if name is None or not known or box.shared or not box.name.isascii():
        return None
    uid = s.world.random.choice(known)
    same = {k: v for k, v in box.truth.facts[uid].items() if k in ("token", "RFC822.SIZE", "BODY[]")}
    url = b"/%s;UIDVALIDITY=%d;UID=%d" % (box.name.encode(), box.truth.validity, uid)

    def end(command, response):
        if response.word == b"NO":  # it is gone
            return
        _, validity, made = response.code.split(b" ")
        there = s.world.owner(s.account, name).box(int(validity))
        there.came([int(made)], command.asked)
        for fact, value in same.items():
            there.fact(int(made), fact, value)
    return Command(b"APPEND " + s.named(name) + b' CATENATE (URL "' + url + b'")', end=end, may_fail=True,
                   doubt=lambda: s.world.doubt(s.account, name))


def replace(s, numbered):
    r, box = s.world.random, s.box
    known = [m for m in box.messages if m.uid is not None]
    by_uid = box.uidonly or not numbered or r.random() < 0.5
    if box.read_only or not known:
        return None
    m = r.choice(known)
    token, deleted, piece = message(s)
    where = b"%d" % (m.uid if by_uid else box.messages.index(m) + 1)
    asked = []

    def on(command, response):
        if response.code.startswith(b"APPENDUID"):
            asked.append(response.code)

    def end(command, response):
        if response.word == b"NO":
            return
        code = response.code if response.code.startswith(b"APPENDUID") else asked[0]
        box.truth.excused.add(m.uid)
        uid, there = int(code.split(b" ")[2]), box.account.box(int(code.split(b" ")[1]))
        there.came([uid], command.asked, [token])
        there.marked.update([uid] if deleted else [])
        if m in s.box.messages and not s.box.deaf and s.notify is None:
            raise Contradiction(f"{m} was replaced and is not told to be gone")

    def doubt():
        box.truth.excused.add(m.uid)
        s.world.doubt(s.account, box.name)
    # NO: it is expunged already
    what = (b"UID REPLACE " if by_uid else b"REPLACE ") + where
    return Command(what + b" " + s.named(box.name) + b" " + piece, on=on, end=end, may_fail=True, doubt=doubt,
                   shown=f"{what.decode()} {token}")


# ---- looking ------------------------------------------------------------------------------------


def status(s, _):
    r = s.world.random
    name = r.choice((*STABLE, *s.account.names, *s.world.shared(s.account)))
    items = [i for i in ITEMS if r.random() < 0.6] + [b"UIDVALIDITY"]
    if not s.has("CONDSTORE"):
        items = [i for i in items if i != b"HIGHESTMODSEQ"]

    def on(command, response):
        if response.word == b"STATUS":
            found = [i.decode() for i in response.items()[3][::2]]
            s.status(response, command)
            if s.notify is None and {i.decode() for i in items} != set(found):
                raise Contradiction(f"STATUS has {found}")
    return Command(b"STATUS " + s.named(name) + b" (" + b" ".join(items) + b")", on=on,
                   may_fail=lambda: may_be_gone(s, name))


def listing(s, _):
    r = s.world.random
    text = r.choice((b'LIST "" "*"', b'LIST "" % RETURN (STATUS (MESSAGES UIDVALIDITY))', b'LIST (SUBSCRIBED) "" *',
                     b'LIST "" "*" RETURN (SUBSCRIBED CHILDREN SPECIAL-USE)', b'LSUB "" "*"', b'LIST "" Work/%'))
    found = set()

    def on(_, response):
        if response.word == b"LIST":
            found.add(plain(s, response.items()[4]))

    def end(_, __):
        if b'"*"' in text and text.startswith(b"LIST \"\"") and not {*STABLE} <= found:
            raise Contradiction(f"LIST leaves out {({*STABLE}) - found}")
    return Command(text, on=on, end=end)


def plain(s, name):
    """A name as the server writes it, in Unicode."""
    if s.has("IMAP4rev2"):
        return name.decode()
    for stable in STABLE:
        if utf7(stable) == name:
            return stable
    return name.decode()


def others(s, _):
    """What only must work."""
    return Command(s.world.random.choice((
        b"CAPABILITY", b"NAMESPACE", b"GETQUOTAROOT INBOX", b"CHECK" if s.box else b"NOOP", b'ID ("name" "stress")',
        b'GETMETADATA "" /shared/admin', b'SETMETADATA INBOX (/private/comment "x")', b"SUBSCRIBE Archive")),
        may_fail=False)


def share(s, _):
    """From time to time others may do more with it, or less."""
    guest = s.world.guest(s.account)
    if guest is None:
        return None
    rights = s.world.random.choice(VARIOUS)
    return Command(f'SETACL Open {guest.address} "{rights}"'.encode())


# ---- making and removing ------------------------------------------------------------------------


def stem(s):
    return f"T{s.name}z"


def mine(s):
    return [n for n in s.account.names if n.startswith(stem(s))]


def create(s, _):
    """A name below another one only where that is there: levels that are no mailboxes are not made."""
    if s.unsure:
        return None
    account, base = s.account, stem(s)
    name = s.world.random.choice((base, base + "x", *([base + "/sub"] if base in account.names else [])))
    there = name in account.names
    account.owned[name] = s

    def end(_, response):
        if (response.word == b"OK") == there:
            raise Contradiction(f"CREATE {name}, which {'is' if there else 'is not'} there: {response.word!r}")
        if response.word == b"OK":
            ident = response.code.split(b" ")[1]
            if ident in account.ids:
                raise Contradiction(f"MAILBOXID {ident} is given again")
            account.ids.add(ident)
            account.names[name] = ident
    return Command(b"CREATE " + s.named(name), end=end, may_fail=there, doubt=lambda: unsure(s), last=True)


def delete(s, _):
    account, base = s.account, stem(s)
    name = s.world.random.choice((base, base + "x", base + "/sub"))
    there = name in account.names
    if s.unsure or any(n.startswith(name + "/") for n in account.names):
        return None
    mark(s)

    def end(_, response):
        if (response.word == b"OK") != there:
            raise Contradiction(f"DELETE {name}, which {'is' if there else 'is not'} there: {response.word!r}")
        account.names.pop(name, None)
        account.removals[stem(s)] = time.monotonic()
    return Command(b"DELETE " + s.named(name), end=end, may_fail=not there, doubt=lambda: unsure(s), last=True)


def rename(s, _):
    """With what is below."""
    account = s.account
    name, to = stem(s), stem(s) + "x"
    if s.world.random.random() < 0.5:
        name, to = to, name
    if s.unsure or name not in account.names or any(n == to or n.startswith(to + "/") for n in account.names):
        return None
    moved = {n: to + n[len(name):] for n in account.names if n == name or n.startswith(name + "/")}
    account.owned.update({n: s for n in moved.values()})

    def end(_, __):
        for old, new in moved.items():
            account.names[new] = account.names.pop(old)
        for box in account.boxes.values():
            box.name = moved.get(box.name, box.name)
    return Command(b"RENAME " + s.named(name) + b" " + s.named(to), end=end, doubt=lambda: unsure(s), last=True)


def mark(s):
    """Each of its own mailboxes may be gone, until somebody sees it: what it is called, others know late."""
    s.account.removals[stem(s)] = float("inf")
    for box in s.account.boxes.values():
        box.deleted = box.deleted or box.name is None or box.name.startswith(stem(s))


def unsure(s):
    s.unsure = True
    mark(s)


def looked_again(s, found):
    """At a quiet moment: what was cut is done by now, or never."""
    for name in mine(s):
        del s.account.names[name]
    for name in found:
        if name.startswith(stem(s)):
            s.account.names[name] = None
            s.account.owned[name] = s
    s.account.removals[stem(s)] = time.monotonic()
    s.unsure = False
