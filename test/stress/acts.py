# SPDX-License-Identifier: Apache-2.0
"""Commands on messages: FETCH, STORE, COPY, MOVE, EXPUNGE, and what their answers must say. Each function makes one
Command of random form, or None if there is nothing to do it with."""
from session import Command, may_be_gone
from wire import Contradiction, as_set, numbers

SYSTEM = ("\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft")
WORDS = ("$a", "$Forwarded", "b", "Junk")
FLAGS = SYSTEM + WORDS
MANY = 1000000  # removals: nobody can say which
ITEMS = (b"FLAGS", b"UID", b"ENVELOPE", b"BODYSTRUCTURE", b"BODY", b"INTERNALDATE", b"RFC822.SIZE", b"EMAILID",
         b"PREVIEW", b"SAVEDATE", b"BODY.PEEK[]", b"BODY.PEEK[HEADER]", b"BODY.PEEK[TEXT]", b"BODY.PEEK[1]",
         b"BODY.PEEK[HEADER.FIELDS (SUBJECT X-TOKEN)]", b"BODY.PEEK[]<%d.%d>", b"BODY[]<0.10>", b"BINARY.PEEK[1]")
WEIGHTS = (30, 20, 8, 6, 2, 5, 5, 5, 3, 3, 3, 3, 2, 3, 3, 4, 2, 2)


def some(s, by_uid, most=6):
    """A run of messages or several, and how they are named; all of their UIDs are known if they are named so."""
    r, messages = s.world.random, s.box.messages
    if by_uid:
        messages = [m for m in messages if m.uid is not None]
    if not messages:
        return None, None
    if r.random() < 0.04:
        chosen = list(messages)
    elif r.random() < 0.7:
        a = r.randrange(len(messages))
        chosen = messages[a:a + r.randint(1, most)]
    else:
        chosen = r.sample(messages, min(len(messages), r.randint(1, most)))
    if by_uid:
        return chosen, as_set(m.uid for m in chosen)
    at = {id(m): n + 1 for n, m in enumerate(s.box.messages)}
    return chosen, as_set(at[id(m)] for m in chosen)


def form(s, numbered):
    """With numbers or with UIDs."""
    return not numbered or s.box.uidonly or s.world.random.random() < 0.5


def left_out(s, messages, command, text):
    for m in messages:
        if m not in command.gone and m in s.box.messages:
            s.box.owe(m, f"{text} ({command.text.decode('utf8', 'replace')})")


def fetch(s, numbered):
    r, by_uid = s.world.random, form(s, numbered)
    chosen, named = some(s, by_uid, 12)
    if chosen is None:
        return None
    items = list(dict.fromkeys(r.choices(ITEMS, WEIGHTS, k=r.randint(1, 4))))
    if s.has("CONDSTORE") and r.random() < 0.4:
        items.append(b"MODSEQ")
    items = [i % (r.randrange(3000), r.randint(1, 3000)) if b"%d" in i else i for i in items]
    since = None
    text = named + b" (" + b" ".join(items) + b")"
    if s.has("CONDSTORE") and r.random() < 0.2:
        since = r.choice([m.modseq for m in s.box.messages]) or s.box.sure
        text += b" (CHANGEDSINCE %d)" % since
    elif by_uid and s.has("QRESYNC") and r.random() < 0.1 and s.box.sure:
        text += b" (CHANGEDSINCE %d VANISHED)" % s.box.sure
        return Command(b"UID FETCH " + text, on=None)
    wanted, answered, due = {key_of(i) for i in items}, set(), set()

    def begin(_):
        # one that changes while the others are read is not answered but told by itself
        due.update(m for m in chosen if since is None or m.modseq > since)

    def on(command, response):
        if response.word not in (b"FETCH", b"UIDFETCH"):
            return
        items = s.box.items_of(response)
        m = s.box.find(response.number) if s.box.uidonly else s.box.messages[response.number - 1]
        if wanted <= {k.split("<")[0] for k in items} | ({"UID"} if s.box.uidonly else set()):
            answered.add(m)
            if since is not None and m in chosen and "MODSEQ" in items and int(items["MODSEQ"][0]) <= since:
                raise Contradiction(f"FETCH CHANGEDSINCE {since} tells of {m}")

    def end(command, _):
        left_out(s, [m for m in chosen if m in due and m not in answered], command, "FETCH left it out")
    return Command((b"UID FETCH " if by_uid else b"FETCH ") + text, numbered=not by_uid, begin=begin, on=on, end=end)


def key_of(item):
    return item.decode().replace(".PEEK", "").split("<")[0]


def store(s, numbered):
    r, by_uid = s.world.random, form(s, numbered)
    if s.box.read_only:
        return None
    chosen, named = some(s, by_uid)
    if chosen is None:
        return None
    op, words, change = operation(s)
    silent = r.random() < 0.4 and (s.notify is None or s.has("CONDSTORE"))
    text = named
    since = None
    if s.has("CONDSTORE") and r.random() < 0.25:
        since = max(m.modseq for m in chosen) or s.box.sure
        text += b" (UNCHANGEDSINCE %d)" % since
    if "\\Deleted" in words:
        s.box.truth.marked.update(m.uid for m in chosen)
        s.box.truth.excuses += MANY * any(m.uid is None for m in chosen)
    text += b" " + op + (b".SILENT" if silent else b"") + b" (" + " ".join(words).encode() + b")"

    def begin(command):
        for m in chosen:
            if m.uid is not None:
                s.box.truth.note(m.uid, f"{s.name} believes {m.modseq}, {sorted(m.flags or '')}, and sends "
                                        f"{command.tag} STORE {text[len(named):].decode()}")

    def end(command, response):
        refused = set(numbers(response.code[9:])) if response.code.startswith(b"MODIFIED ") else set()
        names = {m: m.uid if by_uid else s.box.messages.index(m) + 1 for m in chosen if m in s.box.messages}
        for m in [m for m, named in names.items() if named in refused]:
            if since is None:
                raise Contradiction("MODIFIED, but nothing was asked")
            if 0 < m.modseq <= since and m not in command.told:
                s.box.owe(m, f"STORE UNCHANGEDSINCE {since} was refused")
        done = [m for m, named in names.items() if named not in refused]
        if response.word == b"OK":
            ledger(s, done, op, words)
        if not silent and response.word == b"OK":
            left_out(s, [m for m in done if m not in command.told], command, "STORE told nothing of it")
    command = Command((b"UID STORE " if by_uid else b"STORE ") + text, numbered=not by_uid, begin=begin, end=end,
                      doubt=lambda: ledger(s, chosen, op, words, sure=False))
    if silent:
        command.silent = (set(chosen), change)
    return command


def operation(s):
    """In "Work" nobody replaces flags, and each client has a keyword of its own: what it set stays set."""
    r = s.world.random
    work = s.box.truth.name == "Work"
    if work and r.random() < 0.6:
        words = ["$" + s.name]
    else:
        words = sorted(set(r.choices(FLAGS, k=r.choice((1, 1, 2)))))
        if "\\Deleted" in words and r.random() < 0.6:
            words = ["\\Seen"]
    op = r.choice((b"+FLAGS", b"-FLAGS", b"FLAGS")) if not work else r.choice((b"+FLAGS", b"-FLAGS"))
    given = frozenset(words)
    change = {b"+FLAGS": lambda f: f | given, b"-FLAGS": lambda f: f - given, b"FLAGS": lambda f: given}[op]
    return op, words, change


def ledger(s, messages, op, words, sure=True):
    word = "$" + s.name
    if words != [word]:
        return
    for m in messages:
        if m.uid is not None and sure:
            s.box.truth.mine[m.uid, word] = op == b"+FLAGS"
        elif m.uid is not None:
            s.box.truth.mine.pop((m.uid, word), None)


# ---- COPY, MOVE ---------------------------------------------------------------------------------


def copied(s, code, command, chosen, name, move):
    """COPYUID says what went where."""
    _, validity, source, made = code.split(b" ")
    source, made = list(numbers(source)), list(numbers(made))
    if len(source) != len(made) or sorted(set(made)) != made:
        raise Contradiction("COPYUID is no pairs")
    wanted = {m.uid for m in chosen if m.uid is not None}
    unknown = [m for m in chosen if m.uid is None]
    if len(set(source) - wanted) > len(unknown):
        raise Contradiction(f"COPYUID has {sorted(set(source) - wanted)}, which were not named")
    here, there = s.box.truth, s.world.owner(s.account, name).box(int(validity))
    there.came(made, command.asked)
    for a, b in zip(source, made):
        there.same_message(b, here, a)
        if a in here.marked:
            there.marked.add(b)
    if move:
        here.excused.update(source)
    return set(source)


def target(s):
    return s.world.random.choice(s.world.roomy(s.account))


def copy(s, numbered):
    chosen, named = some(s, by_uid := form(s, numbered), 4)
    name = target(s)
    if chosen is None or name is None:
        return None

    def end(command, response):
        source = set()
        if response.code.startswith(b"COPYUID"):
            source = copied(s, response.code, command, chosen, name, False)
        if response.word == b"OK":
            left_out(s, [m for m in chosen if m.uid is not None and m.uid not in source], command, "COPY left it out")
    return Command((b"UID COPY " if by_uid else b"COPY ") + named + b" " + s.named(name), end=end,
                   may_fail=lambda: may_be_gone(s, name), doubt=lambda: s.world.doubt(s.account, name))


def move(s, numbered):
    if s.box.read_only:
        return None
    chosen, named = some(s, by_uid := form(s, numbered), 3)
    name = target(s)
    if chosen is None or name is None:
        return None
    source = set()

    def on(command, response):
        if response.code.startswith(b"COPYUID"):
            source.update(copied(s, response.code, command, chosen, name, True))

    def end(command, _):
        for m in s.box.messages:
            if m.uid in source and not s.box.loose and s.notify in (None, "deaf"):
                raise Contradiction(f"{m} was moved and is not told to be gone")

    def doubt():
        s.world.doubt(s.account, name)
        s.box.truth.excused.update(m.uid for m in chosen if m.uid)
        s.box.truth.excuses += sum(m.uid is None for m in chosen)
    return Command((b"UID MOVE " if by_uid else b"MOVE ") + named + b" " + s.named(name), on=on, end=end, doubt=doubt,
                   may_fail=lambda: may_be_gone(s, name))


# ---- EXPUNGE ------------------------------------------------------------------------------------


def expunge(s, _):
    if s.box.read_only:
        return None
    if s.world.random.random() < 0.5:
        chosen, named = some(s, True, 30)
        if chosen is None:
            return None
        text = b"UID EXPUNGE " + named
    else:
        chosen, text = list(s.box.messages), b"EXPUNGE"
    before = set()

    def begin(_):
        before.update(m for m in chosen if m.flags is not None and "\\Deleted" in m.flags)

    def end(command, response):
        if s.box.loose:  # what this one removes may not be told either
            maybe_gone(s.box)
        if response.word == b"OK":
            left_out(s, before - command.told, command, "EXPUNGE left it there")
    return Command(text, begin=begin, end=end, doubt=lambda: maybe_gone(s.box))


def maybe_gone(box):
    """Of what the session knows, whatever is marked; and what it knows, the client may not have read yet."""
    if box.truth:
        box.truth.closed = True


def close(s, _):
    box = s.box

    def begin(_):
        if not box.read_only:
            maybe_gone(box)

    def end(_, __):
        s.box = None

    def on(_, response):
        if response.word in (b"EXPUNGE", b"VANISHED") and s.notify is None:
            raise Contradiction("CLOSE tells of expunges")
    return Command(b"CLOSE", begin=begin, on=on, end=end, last=True, doubt=lambda: begin(None))


def unselect(s, _):
    def end(_, __):
        s.box = None
    return Command(b"UNSELECT", end=end, last=True)


def last_look(s):
    """While expunges may wait the client is told of mod-sequences, and then it is cut off."""
    if s.box.uidonly or s.notify is not None or not s.box.messages:
        return (Command(b"NOOP"),)
    return (Command(b"FETCH 1:%d (MODSEQ)" % len(s.box), numbered=True),)


def noop(_, __):
    return Command(b"NOOP")
