# SPDX-License-Identifier: Apache-2.0
"""SEARCH, SORT and THREAD, whose answers must agree with what the client knows: whatever else they find must have
changed, and the client must hear of it."""
from acts import FLAGS, some
from session import Command
from wire import Contradiction, numbers

NAMES = {"ANSWERED": "\\Answered", "DELETED": "\\Deleted", "FLAGGED": "\\Flagged", "SEEN": "\\Seen", "DRAFT": "\\Draft"}


# A key is (text, what it says of a message: True, False or None for "who knows").


def key(s, depth=0):
    r = s.world.random
    what = r.randrange(12 if depth < 2 else 8)
    if what < 3:
        name = r.choice(sorted(NAMES))
        return name.encode(), has(NAMES[name])
    if what == 3:
        name = r.choice(sorted(NAMES))
        return b"UN" + name.encode(), inverse(has(NAMES[name]))
    if what == 4:
        word = r.choice(FLAGS[5:])
        return b"KEYWORD " + word.encode(), has(word)
    if what == 5:
        return by_set(s)
    if what == 6:
        return by_size(s)
    if what == 7:
        return (b"ALL", lambda m: True) if not s.has("CONDSTORE") else by_modseq(s)
    if what == 8:
        text, says = key(s, depth + 1)
        return b"NOT " + text, inverse(says)
    if what == 9:
        (a, says_a), (b, says_b) = key(s, depth + 1), key(s, depth + 1)
        return b"OR " + a + b" " + b, lambda m: either(says_a(m), says_b(m))
    (a, says_a), (b, says_b) = key(s, depth + 1), key(s, depth + 1)
    return b"(" + a + b" " + b + b")", lambda m: both(says_a(m), says_b(m))


def has(flag):
    return lambda m: None if m.flags is None else flag in m.flags


def inverse(says):
    return lambda m: None if says(m) is None else not says(m)


def either(a, b):
    return True if a or b else (None if a is None or b is None else False)


def both(a, b):
    return False if a is False or b is False else (None if a is None or b is None else True)


def by_set(s):
    by_uid = s.box.uidonly or s.world.random.random() < 0.5
    chosen, named = some(s, by_uid, 20)
    if chosen is None:
        return b"ALL", lambda m: True
    chosen = set(chosen)
    if not by_uid and s.notify == "now":
        return b"ALL", lambda m: True
    return (b"UID " if by_uid else b"") + named, lambda m: None if by_uid and m.uid is None else m in chosen


def by_size(s):
    n = s.world.random.choice((300, 1000, 5000))
    truth = s.box.truth

    def says(m):
        size = truth.facts.get(m.uid, {}).get("RFC822.SIZE")
        return None if size is None else size > n
    return b"LARGER %d" % n, says


def by_modseq(s):
    n = s.world.random.choice([m.modseq for m in s.box.messages] or [1]) or 1
    return b"MODSEQ %d" % n, lambda m: True if m.modseq >= n else None


# ---- the commands -------------------------------------------------------------------------------


class Answer:
    """The messages that an answer named; None until it comes."""

    def __init__(self, s, by_uid, says):
        self.s, self.by_uid, self.says, self.found = s, by_uid, says, None

    def message(self, n):
        box = self.s.box
        if not self.by_uid:
            if not 0 < n <= len(box):
                raise Contradiction(f"the answer has number {n} of {len(box)}")
            return box.messages[n - 1]
        m = box.find(n)
        if m is None and not any(m.uid is None for m in box.messages):
            raise Contradiction(f"the answer has UID {n}, of which nothing was told")
        return m

    def took(self, found):
        found = list(found)
        if len(set(found)) != len(found):
            raise Contradiction("the answer names one twice")
        self.found = [self.message(n) for n in found]

    def check(self, command):
        """Against what is known now."""
        if self.found is None:
            return
        s, named = self.s, set(self.found)
        for m in s.box.messages:
            if m.born >= command.asked or m in command.told or m.uid is None:
                continue
            says = self.says(m)
            if says is not None and says != (m in named):
                word = "does not match, and was found" if m in named else "matches, and was not found"
                s.box.owe(m, f"it {word} by {command.text[:200].decode('utf8', 'replace')}")


def program(s, numbered):
    """Keys of a search; and how the answer names messages. Without UIDs no key may be of UIDs unknown."""
    by_uid = s.box.uidonly or not numbered or s.world.random.random() < 0.5
    keys = [key(s) for _ in range(s.world.random.randint(1, 2))]
    text = b" ".join(k for k, _ in keys)

    def says(m):
        result = True
        for _, one in keys:
            result = both(result, one(m))
        return result
    if not by_uid or (numbered and not s.box.uidonly) or not has_numbers(text):
        return by_uid, text, says
    return by_uid, b"ALL", lambda m: True


def has_numbers(text):
    """Message numbers among the keys: RFC 9051 §5.5 forbids them where expunges may have been told meanwhile."""
    words = text.replace(b"(", b" ").replace(b")", b" ").split()
    return any(w[:1].isdigit() and words[n - 1] not in (b"UID", b"LARGER", b"MODSEQ") for n, w in enumerate(words))


def search(s, numbered):
    r = s.world.random
    by_uid, text, says = program(s, numbered)
    answer = Answer(s, by_uid, says)
    wants = [w for w in (b"MIN", b"MAX", b"COUNT", b"ALL", b"SAVE") if r.random() < 0.4]
    plain = r.random() < 0.4
    if plain:
        wants = []
    elif r.random() < 0.15:
        wants = [b"PARTIAL 1:%d" % r.randint(1, 5), b"COUNT"]
    if not plain:
        text = b"RETURN (" + b" ".join(wants) + b") " + text

    answers = []

    def on(command, response):
        if response.word == b"SEARCH":
            answers.append(response)
            if s.has("IMAP4rev2"):
                raise Contradiction("SEARCH is answered as of old")
            answer.took(int(n) for n in response.items()[2:] if isinstance(n, bytes))
        elif response.word == b"ESEARCH":
            esearch(command, response)

    def esearch(command, response):
        items = response.items()[2:]
        if items[0] != [b"TAG", command.tag]:
            return  # of a search that goes on
        items = items[1:]
        answers.append(response)
        if (items[:1] == [b"UID"]) != by_uid:
            raise Contradiction("ESEARCH with or without UID")
        items = items[1:] if by_uid else items
        found = dict(zip(items[::2], items[1::2]))
        if plain or not wants or b"ALL" in wants or b"ALL" in found:
            answer.took(numbers(found[b"ALL"]) if b"ALL" in found else ())
        named = sorted(numbers(found[b"ALL"])) if b"ALL" in found else None
        consistent(found, named, wants)

    def end(command, _):
        if len(answers) != (wants != [b"SAVE"]):  # RFC 5182 §2.1
            raise Contradiction(f"{len(answers)} answers to a SEARCH")
        answer.check(command)
    return Command((b"UID SEARCH " if by_uid else b"SEARCH ") + text, numbered=not by_uid, on=on, end=end)


def everywhere(s, _):
    """A search of several mailboxes (RFC 7377), of which this one is looked at."""
    text, says = key(s)
    answer = Answer(s, True, says)
    if has_numbers(text):
        text, answer.says = b"ALL", lambda m: True

    def on(command, response):
        if response.word == b"ESEARCH":
            items = response.items()[2:]
            if items[0][:2] == [b"TAG", command.tag] and int(items[0][5]) == s.box.truth.validity:
                answer.took(numbers(items[items.index(b"ALL") + 1]) if b"ALL" in items else ())

    def end(command, _):
        answer.found = answer.found or []  # a mailbox without any is left out
        answer.check(command)
    where = s.world.random.choice((b"selected", b"personal"))
    if s.box.shared:
        where = b"selected"
    return Command(b"ESEARCH IN (" + where + b") RETURN (ALL) " + text, on=on, end=end)


def consistent(found, named, wants):
    count = int(found[b"COUNT"]) if b"COUNT" in found else None
    if b"COUNT" in wants and count is None:
        raise Contradiction("there is no COUNT")
    if count == 0 and (b"MIN" in found or b"MAX" in found or named):
        raise Contradiction("COUNT is 0, and something was found")
    if named is not None and ((count not in (None, len(named))) or int(found.get(b"MIN", named[0])) != named[0] or
                              int(found.get(b"MAX", named[-1])) != named[-1]):
        raise Contradiction("MIN, MAX, COUNT and ALL do not agree")
    if b"MIN" in found and b"MAX" in found and int(found[b"MIN"]) > int(found[b"MAX"]):
        raise Contradiction("MIN is above MAX")
    if b"PARTIAL" in found and count is not None and found[b"PARTIAL"][1] != b"NIL":
        part = len(list(numbers(found[b"PARTIAL"][1])))
        first, last = (int(n) for n in found[b"PARTIAL"][0].split(b":"))
        if part != max(0, min(last, count) - first + 1):
            raise Contradiction(f"PARTIAL has {part} of {count}")


def sort(s, numbered):
    r = s.world.random
    by_uid, text, says = program(s, numbered)
    answer = Answer(s, by_uid, says)
    by = r.choice((b"SIZE", b"REVERSE SIZE", b"ARRIVAL", b"SUBJECT", b"DATE", b"FROM", b"DISPLAYFROM", b"TO"))

    def on(_, response):
        if response.word == b"SORT":
            answer.took(int(n) for n in response.items()[2:] if isinstance(n, bytes))

    def end(command, _):
        if answer.found is None:
            raise Contradiction("SORT without an answer")
        if by.endswith(b"SIZE"):
            sizes = [s.box.truth.facts.get(m.uid, {}).get("RFC822.SIZE") for m in answer.found if m and m.uid]
            sizes = [n for n in sizes if n is not None]
            if sizes != sorted(sizes, reverse=by.startswith(b"REV")):
                raise Contradiction(f"SORT by size: {sizes}")
        answer.check(command)
    return Command((b"UID SORT (" if by_uid else b"SORT (") + by + b") UTF-8 " + text, numbered=not by_uid, on=on,
                   end=end)


def thread(s, numbered):
    by_uid, text, says = program(s, numbered)
    answer = Answer(s, by_uid, says)
    algorithm = s.world.random.choice((b"REFERENCES", b"ORDEREDSUBJECT", b"REFS"))

    def flat(items):
        for item in items:
            if isinstance(item, list):
                yield from flat(item)
            else:
                yield int(item)

    def on(_, response):
        if response.word == b"THREAD":
            answer.took(flat(response.items()[2:]))

    def end(command, _):
        if answer.found is None:
            raise Contradiction("THREAD without an answer")
        answer.check(command)
    return Command((b"UID THREAD " if by_uid else b"THREAD ") + algorithm + b" UTF-8 " + text, numbered=not by_uid,
                   on=on, end=end)


def saved(s, _):
    """SEARCH RETURN (SAVE), and what "$" is in the next command, sent with it."""
    if s.notify == "now":
        return None
    _, text, says = program(s, False)
    found, answered = [], set()

    def on(command, response):
        if response.word == b"ESEARCH":
            items = response.items()[2:]
            if items[0] == [b"TAG", command.tag] and b"ALL" in items:
                found.extend(numbers(items[items.index(b"ALL") + 1]))

    def on_fetch(_, response):
        if response.word in (b"FETCH", b"UIDFETCH"):
            m = s.box.find(response.number) if s.box.uidonly else s.box.messages[response.number - 1]
            answered.add(m)

    def end(command, _):
        for n in found:
            m = s.box.find(n)
            if m is not None and m not in answered and m not in command.gone:
                s.box.owe(m, "it was saved as $, and FETCH left it out")
    return (Command(b"UID SEARCH RETURN (SAVE ALL) " + text, on=on),
            Command(b"UID FETCH $ (UID INTERNALDATE)", on=on_fetch, end=end))


def batches(s, _):
    """UIDBATCHES (RFC 10022) names as many as there are."""
    if s.notify is not None:
        return None
    size = 500  # its least
    found = []

    def on(_, response):
        if response.word == b"UIDBATCHES":
            for item in response.items():
                if isinstance(item, bytes) and item[:1].isdigit():
                    found.extend(item.split(b","))

    def end(_, __):
        known = [m.uid for m in s.box.messages if m.uid is not None]
        batched = [sorted(int(n) for n in f.split(b":")) for f in found]
        if known and batched and not any(b[0] <= known[0] <= b[-1] for b in batched):
            raise Contradiction(f"no batch has UID {known[0]}")
    return Command(b"UIDBATCHES %d" % size, on=on, end=end)


def context(s, _):
    """A search that goes on (RFC 5267): what is told of it must always be what it would find."""
    if s.box.deaf or len(s.box.contexts) >= 3:
        return None
    keys = [b for b in (key(s, 2) for _ in range(2)) if not any(w in b[0] for w in (b"UID", b"LARGER", b"MODSEQ"))]
    keys = [b for b in keys if not b[0][:1].isdigit()]
    if not keys:
        return None
    text, says = keys[0]

    def begin(command):
        s.box.contexts[command.tag] = (set(), says, text)
    return Command(b"UID SEARCH RETURN (ALL UPDATE) " + text, begin=begin)


def cancel(s, _):
    if not s.box.contexts:
        return None
    tag = s.world.random.choice(sorted(s.box.contexts))

    def end(_, __):
        s.box.contexts.pop(tag, None)
    return Command(b'CANCELUPDATE "' + tag + b'"', end=end)
