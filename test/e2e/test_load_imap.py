# SPDX-License-Identifier: Apache-2.0
"""The IMAP works of the load generator (bench/load) against a running server: what they count is so, and what is wrong
is an error."""
import imaplib
import ssl

import pytest

from conftest import PASSWORD
from test_load import BOXES, load

HELD = 6  # messages in each mailbox when a test begins, or more


@pytest.fixture(scope="module")
def boxes(make_server):
    server = make_server("auth { cleartext_on_loopback = yes }", [f"user{i}@example.test" for i in range(BOXES)])
    for size in ("8k", "64k"):
        load(server, "smtp", "smtp", "--count", str(BOXES * HELD // 2), "--size", size)
    return server


def held(server):
    """How many messages each mailbox holds."""
    counts = []
    for i in range(BOXES):
        with imaplib.IMAP4_SSL("localhost", server.ports["imaps"],
                               ssl_context=ssl.create_default_context(cafile=server.ca)) as m:
            m.login(f"user{i}@example.test", PASSWORD)
            counts.append(int(m.select("INBOX", readonly=True)[1][0]))
    return counts


def imap(server, work, *options, port="imaps", good=True):
    tls = ("--tls", "implicit") if port == "imaps" else ()
    return load(server, work, port, "--password", PASSWORD, *tls, *options, good=good)


def test_a_login_run_counts_handshakes(boxes):
    result = imap(boxes, "imap-login", "--count", "6")
    assert (result["done"], result["handshakes"], result["resumed"]) == (6, 6, 0)
    result = imap(boxes, "imap-login", "--count", "6", "--resume")
    assert (result["done"], result["handshakes"], result["resumed"]) == (6, 6, 5)


@pytest.mark.parametrize("port,options", [
    ("imaps", []),
    ("imap", ["--tls", "starttls", "--connections", "2"]),
    ("imap", ["--repeat", "3"]),
])
@pytest.mark.parametrize("work", ["imap-fetch", "imap-bodies"])
def test_a_fetch_gets_every_message(boxes, work, port, options):
    times = 3 if "--repeat" in options else 1
    before = held(boxes)
    result = imap(boxes, work, "--count", str(BOXES), *options, port=port)
    assert result["done"] == BOXES and result["fetched"] == sum(before) * times
    assert result["operations"]["n"] == BOXES * times
    if work == "imap-bodies":
        assert result["operations"]["octets"] > BOXES * times * HELD // 2 * (8 + 64) * 1024
    assert held(boxes) == before


def test_a_session_may_fetch_nothing(boxes):
    result = imap(boxes, "imap-fetch", "--count", "2", "--repeat", "0")
    assert (result["done"], result["fetched"], result["operations"]["n"]) == (2, 0, 0)


def test_the_mix_does_what_was_asked_and_appends_what_it_says(boxes):
    before = held(boxes)
    result = imap(boxes, "imap-mixed", "--count", str(2 * BOXES), "--connections", "3", "--operations", "100",
                  "--seed", "7", "--size", "2k")
    assert result["operations"]["n"] == 2 * BOXES * 100 and result["appended"] > 0 and result["fetched"] > 0
    assert sum(held(boxes)) - sum(before) == result["appended"]


def test_idle_sessions_are_told_of_messages(boxes):
    before = held(boxes)
    result = imap(boxes, "imap-idle", "--count", "20", "--connections", "4", "--watch", "2", "--notify", "5",
                  "--interval", "1", "--hold", "1", "--size", "2k")
    assert result["done"] == 20 and result["connections"] == 22
    assert result["operations"]["n"] == result["appended"] == 5
    assert [now - then for now, then in zip(held(boxes), before)] == [3, 2, 0]


def test_what_goes_wrong_is_an_error_with_the_servers_words(boxes):
    result = imap(boxes, "imap-login", "--count", "1", "--mailbox", "nobody{}@example.test", good=False)
    assert result["done"] == 0 and "LOGIN: a1 NO [AUTHENTICATIONFAILED]" in result["error_texts"][0]
    result = imap(boxes, "imap-fetch", "--count", "1", "--expect", "100000", good=False)
    assert result["done"] == 0 and "expected 100000" in result["error_texts"][0]
