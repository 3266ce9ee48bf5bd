# SPDX-License-Identifier: Apache-2.0
"""The load generator (bench/load) against a running server: each mode once, and every message arrived."""
import json
import os
import pathlib
import subprocess

import pytest

from conftest import BIN, PASSWORD, ROOT

LOAD = os.environ.get("LOAD_BIN", str(pathlib.Path(BIN).parent / "bench" / "load"))
if not pathlib.Path(LOAD).exists():
    LOAD = str(ROOT / "build" / "asan" / "bench" / "load")
BOXES = 3


@pytest.fixture(scope="module")
def boxes(make_server):
    return make_server("auth { cleartext_on_loopback = yes }", [f"user{i}@example.test" for i in range(BOXES)])


def load(server, work, port, *options, good=True):
    done = subprocess.run([LOAD, work, "--to", f"127.0.0.1:{server.ports[port]}", "--mailbox", "user{}@example.test",
                           "--mailboxes", str(BOXES), "--timeout", "60", "--json", "-", *options],
                          capture_output=True, text=True, timeout=120)
    assert (done.returncode == 0) == good, done.stdout + done.stderr
    return json.loads(done.stdout)


def held(server):
    """How many messages each mailbox holds."""
    counts = []
    for i in range(BOXES):
        p = server.pop3(login=f"user{i}@example.test")
        counts.append(p.stat()[0])
        p.quit()
    return counts


@pytest.mark.parametrize("port,options", [
    ("smtp", []),
    ("smtp", ["--pipelining", "no"]),
    ("smtp", ["--per-connection", "1"]),
    ("smtp", ["--tls", "starttls", "--per-connection", "2"]),
    ("smtp", ["--tls", "starttls", "--per-connection", "1", "--resume"]),
    ("smtp", ["--connections", "4", "--size", "64k"]),
    ("submissions", ["--tls", "implicit", "--size", "1M", "--connections", "2",
                     "--user", "user0@example.test", "--password", PASSWORD, "--sender", "user0@example.test"]),
])
def test_every_message_that_counts_has_arrived(boxes, port, options):
    before = held(boxes)
    result = load(boxes, "smtp", port, "--count", "6", *options)
    assert result["done"] == 6 and result["errors"] == 0 and result["units"]["n"] == 6
    assert [now - then for now, then in zip(held(boxes), before)] == [2, 2, 2]
    if "starttls" in options:
        assert result["handshakes"] == result["connections"]
    if "--resume" in options:
        assert result["resumed"] == 5


def test_a_message_to_several_counts_once_and_arrives_in_each(boxes):
    before = held(boxes)
    assert load(boxes, "smtp", "smtp", "--count", "4", "--recipients", "3")["done"] == 4
    assert [now - then for now, then in zip(held(boxes), before)] == [4, 4, 4]


def test_messages_have_the_size_asked_for(make_server):
    server = make_server(accounts=["user0@example.test"])
    for size in ("1k", "8k", "40000", "64k"):
        load(server, "smtp", "smtp", "--count", "3", "--size", size, "--mailboxes", "1")
    p = server.pop3(login="user0@example.test")
    sizes = [int(row.split()[1]) for row in p.list()[1]]
    wire = []
    for i, _ in enumerate(sizes):
        text = b"\r\n".join(p.retr(i + 1)[1]) + b"\r\n"
        assert len(text) == sizes[i]
        wire.append(len(text[text.index(b'From: "A. Sender"'):]))  # without what the server put before it
    assert wire == [n for n in (1024, 8192, 40000, 65536) for _ in range(3)]
    ids = [text for i, _ in enumerate(sizes) for text in p.top(i + 1, 0)[1] if text.startswith(b"Message-ID:")]
    assert len(set(ids)) == 12
    p.quit()


@pytest.mark.parametrize("port,options", [
    ("pop3s", ["--tls", "implicit"]),
    ("pop3", ["--tls", "starttls", "--auth-plain"]),
    ("pop3", ["--ahead", "4"]),
])
def test_a_drain_gets_every_message_of_each_mailbox(boxes, port, options):
    load(boxes, "smtp", "smtp", "--count", "6", "--size", "40000")
    before = held(boxes)
    result = load(boxes, "drain", port, "--count", str(BOXES), "--password", PASSWORD, *options)
    assert result["done"] == BOXES and result["messages"]["n"] == sum(before)
    assert held(boxes) == before


def test_a_login_run_counts_handshakes(boxes):
    result = load(boxes, "login", "pop3s", "--tls", "implicit", "--count", "6", "--password", PASSWORD)
    assert (result["done"], result["handshakes"], result["resumed"]) == (6, 6, 0)
    result = load(boxes, "login", "pop3s", "--tls", "implicit", "--count", "6", "--password", PASSWORD, "--resume")
    assert (result["done"], result["handshakes"], result["resumed"]) == (6, 6, 5)


def test_what_goes_wrong_is_an_error_with_the_servers_words(boxes):
    result = load(boxes, "smtp", "smtp", "--count", "2", "--mailbox", "nobody{}@example.test", good=False)
    assert result["done"] == 0 and "RCPT: 550" in result["error_texts"][0]
    result = load(boxes, "drain", "pop3s", "--tls", "implicit", "--count", "1", "--password", PASSWORD,
                  "--expect", "100000", good=False)
    assert result["done"] == 0 and "expected 100000" in result["error_texts"][0]
    result = load(boxes, "smtp", "smtp", "--count", "1", "--tls", "implicit", good=False)
    assert result["done"] == 0 and "TLS handshake" in result["error_texts"][0]


def test_a_drain_may_delete(boxes):
    load(boxes, "smtp", "smtp", "--count", "3")
    result = load(boxes, "drain", "pop3s", "--tls", "implicit", "--count", str(BOXES), "--password", PASSWORD, "--dele")
    assert result["messages"]["n"] > 0 and held(boxes) == [0] * BOXES
