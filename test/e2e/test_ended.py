# SPDX-License-Identifier: Apache-2.0
"""What the operator takes away ends sessions that are open, also those that only wait."""
import imaplib
import poplib
import socket
import time

import pytest

from conftest import PASSWORD

ALICE, BOB = "alice@example.test", "bob@example.test"


def imap(server, user=ALICE, password=PASSWORD):
    m = imaplib.IMAP4_SSL("localhost", server.ports["imaps"], ssl_context=server.context(), timeout=60)
    m.login(user, password)
    return m


def idle(server, user=ALICE):
    """A session in IDLE; its socket."""
    m = imap(server, user)
    m.select()
    m.send(b"x1 IDLE\r\n")
    assert m.readline().startswith(b"+ ")
    return m


def last_line(m, seconds=20):
    """What a session that waits is told before its connection ends."""
    m.sock.settimeout(seconds)
    lines = []
    while line := m.readline():
        lines.append(line)
    return lines[-1]


def test_a_suspended_account_has_no_sessions(server):
    waits, also, other = idle(server), idle(server), idle(server, BOB)
    busy = imap(server)
    p = server.pop3(ALICE)
    server.run("account", "suspend", ALICE)
    assert last_line(waits).startswith(b"* BYE [CONTACTADMIN]")
    assert last_line(also).startswith(b"* BYE [CONTACTADMIN]")
    assert last_line(busy).startswith(b"* BYE [CONTACTADMIN]")
    with pytest.raises(poplib.error_proto) as e:
        p.noop()
    assert b"[SYS/PERM]" in e.value.args[0]
    other.sock.settimeout(0.2)
    with pytest.raises((socket.timeout, TimeoutError, imaplib.IMAP4.abort)):
        other.readline()
    server.run("account", "resume", ALICE)
    imap(server).logout()
    assert server.log_text().count("event=imap.ended") == 3
    assert server.log_text().count("event=pop3.ended") == 1


def test_a_new_password_ends_sessions_of_the_old_one(server):
    waits, p, s = idle(server), server.pop3(ALICE), server.smtp(login=ALICE)
    server.run("account", "password", ALICE, "--password-stdin", stdin="a new one\n")
    assert last_line(waits).startswith(b"* BYE [EXPIRED]")
    with pytest.raises(poplib.error_proto) as e:
        p.noop()
    assert b"[AUTH]" in e.value.args[0]
    assert s.mail(ALICE)[0] == 535
    m = imap(server, password="a new one")
    assert m.noop()[0] == "OK"
    server.run("account", "password", ALICE, "--password-stdin", stdin=PASSWORD + "\n")
    with pytest.raises(imaplib.IMAP4.abort):
        m.noop()


def test_a_suspended_domain_has_no_sessions(server):
    waits = idle(server)
    server.run("domain", "set", "example.test", "--suspend")
    assert last_line(waits).startswith(b"* BYE [CONTACTADMIN]")
    server.run("domain", "set", "example.test", "--resume")
    imap(server).logout()


def test_a_removed_account_has_no_sessions(server):
    waits = idle(server)
    server.run("account", "remove", ALICE)
    assert last_line(waits).startswith(b"* BYE [CONTACTADMIN]")
    server.run("account", "restore", ALICE)
    m = imap(server)
    began = time.monotonic()
    assert m.noop()[0] == "OK" and time.monotonic() - began < 10
