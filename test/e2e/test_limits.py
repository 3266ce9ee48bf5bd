# SPDX-License-Identifier: Apache-2.0
"""What has a limit, met at a running server: the exact answers, and who is served when there is no more room."""
import base64
import socket
import struct
import threading
import time

import pytest

from conftest import PASSWORD

ALICE, BOB = "alice@example.test", "bob@example.test"


@pytest.fixture(scope="module")
def small(make_server):
    return make_server("smtp { timeout = 2 message_size = 65536 recipients = 100 }\npop3 { timeout = 10 }")


def reply(f):
    while True:
        text = f.readline()
        if text[3:4] != b"-":
            return text


def data(server, *commands):
    """A connection with commands said; each must be answered 2xx or 3xx."""
    s, f = server.raw("smtp")
    assert reply(f).startswith(b"220 ")
    for c in (b"EHLO me", b"MAIL FROM:<a@elsewhere.test>", b"RCPT TO:<bob@example.test>", *commands):
        f.write(c + b"\r\n")
        assert reply(f)[:1] in b"23", c
    return s, f


@pytest.mark.parametrize("body, answer", [
    (b"Subject: x\r\n\r\n" + (b"x" * 70 + b"\r\n") * 1000, b"552 5.3.4 "),
    (b"Subject: x\r\n\r\n" + b"x" * 65537 + b"\r\n", b"554 5.6.0 A line "),
    (b"A: b\r\n" * 2001 + b"\r\nx\r\n", b"554 5.6.0 The message has more than 2000 header fields"),
    (b"Received: x\r\n" * 101 + b"\r\nx\r\n", b"554 5.4.6 "),
    (b"Subject: x\r\n\r\na\0b\r\n", b"550 5.6.11 "),
    (b"Subject: x\r\n\r\na\nb\r\n", b"550 5.6.11 "),
    (b"Subject: x\r\n\r\na\rb\r\n", b"550 5.6.11 "),
])
def test_message_limits(small, body, answer):
    s, f = data(small, b"DATA")
    f.write(body + b".\r\n")
    assert reply(f).startswith(answer)
    f.write(b"NOOP\r\n")  # the session lives on
    assert reply(f).startswith(b"250 ")
    s.close()


def test_recipients_and_declared_size(small):
    s, f = data(small, *[b"RCPT TO:<bob@example.test>"] * 99)
    f.write(b"RCPT TO:<bob@example.test>\r\n")
    assert reply(f).startswith(b"452 4.5.3 ")
    f.write(b"RSET\r\nMAIL FROM:<a@elsewhere.test> SIZE=65537\r\n")
    assert reply(f).startswith(b"250 ")
    assert reply(f).startswith(b"552 5.3.4 ")
    s.close()


@pytest.mark.parametrize("commands, answer", [
    ((), b"421 4.4.2 Nothing came for too long"),
    ((b"DATA",), b"421 4.4.2 The message took too long"),
])
def test_silence(small, commands, answer):
    s, f = data(small, *commands)
    begin = time.monotonic()
    assert reply(f).startswith(answer)
    assert f.readline() == b""
    assert 1.5 < time.monotonic() - begin < 8
    s.close()


def test_pop3_ends_without_a_word(small):
    s, f = small.raw("pop3")
    assert f.readline().startswith(b"+OK")
    begin = time.monotonic()
    assert f.readline() == b""  # RFC 1939 section 3
    assert 9 < time.monotonic() - begin < 20
    s.close()


def test_at_the_limit_new_clients_are_told_and_logged_in_users_served(make_server):
    """A flood of new connections while the server has all it takes: each is told at once, and sending and
    fetching go on, with a single worker."""
    server = make_server("server { connections = 12 threads = 1 }")
    pop = server.pop3(BOB)
    smtp = server.smtp(login=ALICE)
    held = [server.raw("smtp") for _ in range(10)]
    for _, f in held:
        assert reply(f).startswith(b"220 ")
    told, wrong, stop = [], [], threading.Event()

    def flood():
        while not stop.is_set():
            begin = time.monotonic()
            with socket.create_connection(("127.0.0.1", server.ports["smtp"]), timeout=30) as s:
                got = s.recv(200)
            (told if got.startswith(b"421 4.3.2 ") else wrong).append((time.monotonic() - begin, got))

    threads = [threading.Thread(target=flood) for _ in range(2)]
    for t in threads:
        t.start()
    try:
        for i in range(20):
            smtp.sendmail(ALICE, [BOB], f"Subject: in the flood {i}\r\n\r\nx\r\n")
            pop.noop()
    finally:
        stop.set()
        for t in threads:
            t.join()
    assert len(told) > 20 and not wrong
    assert max(seconds for seconds, _ in told) < 5
    pop.quit()
    smtp.quit()
    for s, _ in held:
        s.close()
    time.sleep(0.5)
    assert sum(b"Subject: in the flood" in m for m in server.messages(BOB)) == 20


# ---- PROXY protocol ------------------------------------------------------------------------

def proxy_v1(source):
    return f"PROXY TCP4 {source} 192.0.2.1 4444 25\r\n".encode()


def proxy_v2(source, command=0x21):
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    to = "2001:db8::ffff" if family == socket.AF_INET6 else "192.0.2.1"
    body = socket.inet_pton(family, source) + socket.inet_pton(family, to) + struct.pack("!HH", 4444, 25)
    kind = 0x21 if family == socket.AF_INET6 else 0x11
    return b"\r\n\r\n\0\r\nQUIT\n" + struct.pack("!BBH", command, kind, len(body)) + body


@pytest.fixture(scope="module")
def behind(make_server):
    server = make_server("server { connections_per_address = 3 }")
    server.stop()
    server.config.write_text(server.config.read_text().replace("listen {",
                                                               'listen {\n    proxy_from = {"127.0.0.0/8"}'))
    return server.start()


@pytest.mark.parametrize("header", [proxy_v1, proxy_v2])
def test_connections_are_counted_for_the_client_and_not_for_the_proxy(behind, header):
    def connect(source):
        s, f = behind.raw("smtp")
        f.write(header(source))
        held.append(s)
        return reply(f)

    held = []
    address = "203.0.113.1" if header is proxy_v1 else "203.0.113.2"
    for _ in range(3):
        assert connect(address).startswith(b"220 ")
    assert connect(address).startswith(b"421 4.7.0 There are too many connections from your ")
    assert connect("203.0.113.99").startswith(b"220 ")
    if header is proxy_v2:
        for i in range(3):  # one customer's network
            assert connect(f"2001:db8:1:2::{i}").startswith(b"220 ")
        assert connect("2001:db8:1:2::9").startswith(b"421 ")
        assert connect("2001:db8:1:3::9").startswith(b"220 ")
    for s in held:
        s.close()


def test_locks_are_for_the_network_of_the_client(behind):
    def login(source, password):
        s, f = behind.raw("submissions")
        f.write(proxy_v2(source))
        t = behind.context().wrap_socket(s, server_hostname="localhost")
        f = t.makefile("rwb", buffering=0)
        reply(f)
        f.write(b"EHLO me\r\n")
        reply(f)
        f.write(b"AUTH PLAIN " + base64.b64encode(f"\0{ALICE}\0{password}".encode()) + b"\r\n")
        answer = reply(f)
        t.close()
        return answer

    for guess in ("one", "two", "three"):
        assert login("198.51.100.7", guess).startswith(b"535 5.7.8 ")
    assert b"too many wrong passwords for this mailbox from your network" in login("198.51.100.200", PASSWORD)
    assert login("198.51.101.7", PASSWORD).startswith(b"235 ")
    behind.stop()
    behind.start()
    assert login("198.51.100.7", PASSWORD).startswith(b"454 4.7.0 ")
    locks = behind.json("account", "show", ALICE)["account"]["locks"]
    assert [lock["network"] for lock in locks] == ["198.51.100.0/24"]
    behind.run("account", "unlock", ALICE)
    assert login("198.51.100.7", PASSWORD).startswith(b"235 ")
