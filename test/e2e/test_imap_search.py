# SPDX-License-Identifier: Apache-2.0
"""SEARCH, SORT and THREAD with Python's imaplib, against the same questions asked of its email package: what is found, in
which order, in which threads."""
import email
import email.header
import email.policy
import email.utils
import imaplib
import random
import re
import time

import pytest

from conftest import PASSWORD

ALICE = "alice@example.test"
imaplib.Commands["ESEARCH"] = ("AUTH", "SELECTED")
WORDS = ["quince", "medlar", "Äpfel", "привет", "日本語", "ordinary"]
MESSAGES = 120


def letter(rng, n):
    """One of several kinds, with words in some places; its number is its Message-ID."""
    m = email.message.EmailMessage(policy=email.policy.SMTP)
    m["From"] = email.utils.formataddr((rng.choice(WORDS), f"{rng.choice('abc')}@example.test"), "utf-8")
    m["To"] = f"{rng.choice('xyz')}@example.test"
    m["Subject"] = rng.choice(["", "Re: ", "[list] Fwd: "]) + rng.choice(WORDS) + rng.choice(["", " (fwd)"])
    m["Date"] = email.utils.formatdate(1700000000 + rng.randrange(0, 40) * 43200, usegmt=True)
    m["Message-ID"] = f"<{n}@example.test>"
    if n and rng.random() < 0.6:
        m["References"] = f"<{rng.randrange(0, n)}@example.test>"
    m.set_content(f"{rng.choice(WORDS)} in the body\n" * rng.randrange(1, 9), cte=rng.choice(["base64", "quoted-printable"]))
    if rng.random() < 0.3:
        m.add_attachment(f"{rng.choice(WORDS)} attached\n", subtype="html")
    return m


@pytest.fixture(scope="module")
def box(server):
    """A mailbox with random letters, their numbers being sequence numbers less one."""
    rng = random.Random(4)
    m = imaplib.IMAP4_SSL("localhost", server.ports["imaps"], ssl_context=server.context(), timeout=60)
    m.login(ALICE, PASSWORD)
    name = f"search{time.monotonic_ns()}"
    assert m.create(name)[0] == "OK"
    letters = [letter(rng, n) for n in range(MESSAGES)]
    for n, one in enumerate(letters):
        assert m.append(name, rng.choice([None, r"(\Seen)", r"(\Flagged \Seen)"]), None, one.as_bytes())[0] == "OK"
    assert m.select(name)[0] == "OK"
    yield m, letters, name
    m.logout()


def numbers(answer):
    assert answer[0] == "OK", answer
    return [int(n) for n in answer[1][0].split()] if answer[1][0] else []


def texts(one):
    return [part.get_content() for part in one.walk() if part.get_content_maintype() == "text"]


def quoted(word):
    return f'"{word}"'.encode()


def found(letters, matches):
    return [n + 1 for n, one in enumerate(letters) if matches(one)]


@pytest.mark.parametrize("word", WORDS)
def test_texts(box, word):
    m, letters, _ = box
    asked = quoted(word.swapcase())
    same = lambda text: word.lower() in text.lower()
    assert numbers(m.search("UTF-8", "SUBJECT", asked)) == found(letters, lambda one: same(one["Subject"]))
    assert numbers(m.search(None, "FROM", asked)) == found(letters, lambda one: same(one["From"]))
    assert numbers(m.search(None, "BODY", asked)) == found(letters, lambda one: any(map(same, texts(one))))
    assert numbers(m.search(None, "OR", "SUBJECT", asked, "NOT", "BODY", asked)) == found(
        letters, lambda one: same(one["Subject"]) or not any(map(same, texts(one))))


def test_dates_and_ids(box):
    m, letters, _ = box
    day = lambda one: email.utils.parsedate_to_datetime(one["Date"]).date()
    when = day(letters[7])
    asked = when.strftime("%d-%b-%Y")
    assert numbers(m.search(None, "SENTON", asked)) == found(letters, lambda one: day(one) == when)
    assert numbers(m.search(None, "SENTBEFORE", asked)) == found(letters, lambda one: day(one) < when)
    assert numbers(m.search(None, "HEADER", "Message-ID", quoted("<7@example.test>"))) == [8]
    assert numbers(m.search(None, "HEADER", "References", quoted("@"))) == found(letters, lambda one: one["References"])
    sizes = [len(one.as_bytes()) for one in letters]
    assert numbers(m.search(None, "LARGER", "600")) == [n + 1 for n, size in enumerate(sizes) if size > 600]


def base(subject):
    return re.sub(r" \(fwd\)$", "", re.sub(r"^(\[list\] Fwd: |Re: )", "", subject)).upper()


def test_sort(box):
    m, letters, _ = box
    date = lambda one: email.utils.parsedate_to_datetime(one["Date"])
    order = sorted(range(MESSAGES), key=lambda n: (date(letters[n]), n))
    assert numbers(m.sort("(DATE)", "UTF-8", "ALL")) == [n + 1 for n in order]
    order = sorted(range(MESSAGES), key=lambda n: (letters[n]["To"].split("@")[0], -len(letters[n].as_bytes()), n))
    assert numbers(m.sort("(TO REVERSE SIZE)", "UTF-8", "ALL")) == [n + 1 for n in order]
    got = numbers(m.sort("(SUBJECT ARRIVAL)", "UTF-8", "ALL"))
    assert sorted(got) == list(range(1, MESSAGES + 1))
    runs = [base(letters[n - 1]["Subject"]) for n in got]
    assert len([1 for a, b in zip(runs, runs[1:]) if a != b]) == len(set(runs)) - 1


def test_threads(box):
    """By references alone a thread has one root, and every answer is below what it answers."""
    m, letters, _ = box
    parent = {n + 1: int(re.search(r"\d+", one["References"])[0]) + 1 for n, one in enumerate(letters) if one["References"]}
    status, answer = m.thread("REFS", "UTF-8", "ALL")
    assert status == "OK"
    path, seen, above = [], {}, []
    for token in re.findall(r"\d+|[()]", answer[0].decode()):
        if token == "(":
            above.append(len(path))
        elif token == ")":
            del path[above.pop():]
        else:
            seen[int(token)] = path[-1] if path else None
            path.append(int(token))
    assert seen == {n: parent.get(n) for n in range(1, MESSAGES + 1)}


def test_other_mailboxes(box):
    m, letters, name = box
    assert m.unselect()[0] == "OK"
    want = found(letters, lambda one: "quince" in one["Subject"])
    assert m._simple_command("ESEARCH", "IN", f"(mailboxes (INBOX {name}))", "RETURN (COUNT)", "SUBJECT quince")[0] == "OK"
    lines = m.untagged_responses.pop("ESEARCH", [])
    assert [line for line in lines if f"MAILBOX {name} ".encode() in line and line.endswith(b" COUNT %d" % len(want))]
    assert m.select(name)[0] == "OK"
