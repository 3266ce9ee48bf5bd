# SPDX-License-Identifier: Apache-2.0
"""Clients that break the rules: smuggling, injected plaintext, floods, half-open ends."""
import socket
import time
import urllib.request

import pytest

ALICE, BOB = "alice@example.test", "bob@example.test"


def line(f):
    """One whole reply; the last line of it."""
    while True:
        text = f.readline()
        if text[3:4] != b"-":
            return text


def smtp_session(server, *commands):
    s, f = server.raw("smtp")
    line(f)
    for c in commands:
        f.write(c)
        answer = line(f)
    return s, f, answer


def test_injected_plaintext_after_starttls_is_discarded(server):
    s, f, _ = smtp_session(server, b"EHLO me\r\n")
    f.write(b"STARTTLS\r\nNOOP injected\r\nMAIL FROM:<evil@elsewhere.test>\r\n")
    assert line(f).startswith(b"220 2.0.0")
    t = server.context().wrap_socket(s, server_hostname="localhost")
    t.sendall(b"QUIT\r\n")
    assert t.recv(4096).startswith(b"221 ")  # the answer to QUIT, not to what came before TLS
    t.close()


def test_injected_plaintext_after_stls_is_discarded(server):
    s, f = server.raw("pop3")
    f.readline()
    f.write(b"STLS\r\nUSER evil\r\n")
    assert f.readline().startswith(b"+OK")
    t = server.context().wrap_socket(s, server_hostname="localhost")
    t.sendall(b"QUIT\r\n")
    assert b"evil" not in t.recv(4096)
    t.close()


@pytest.mark.parametrize("ending", [b"\n.\n", b"\r\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\r"])
def test_only_crlf_dot_crlf_ends_a_message(server, ending):
    s, f, _ = smtp_session(server, b"EHLO me\r\n", b"MAIL FROM:<a@elsewhere.test>\r\n", b"RCPT TO:<bob@example.test>\r\n",
                           b"DATA\r\n")
    f.write(b"Subject: smuggled?\r\n\r\nx" + ending + b"MAIL FROM:<smuggler@elsewhere.test>\r\n")
    f.write(b"\r\n.\r\n")
    answer = line(f)
    assert answer[:1] == b"5", answer  # bare CR or LF is refused, whole
    f.write(b"NOOP\r\n")
    assert line(f).startswith(b"250 ")
    s.close()
    assert not any(b"smuggled?" in m for m in server.messages(BOB))


def test_bare_newlines_normalized_when_configured(make_server):
    server = make_server('smtp { bare_newline = "normalize" }')
    s, f, _ = smtp_session(server, b"EHLO me\r\n", b"MAIL FROM:<a@elsewhere.test>\r\n", b"RCPT TO:<bob@example.test>\r\n",
                           b"DATA\r\n")
    f.write(b"Subject: unix\n\none\n.\ntwo\r\n.\r\n")
    assert line(f).startswith(b"250 2.0.0")
    s.close()
    assert server.messages(BOB)[0].endswith(b"Subject: unix\r\n\r\none\r\n.\r\ntwo\r\n")


def test_chunking(server):
    s, f, answer = smtp_session(server, b"EHLO me\r\n", b"MAIL FROM:<a@elsewhere.test>\r\n",
                                b"RCPT TO:<bob@example.test>\r\n", b"BDAT 23\r\nSubject: chunked\r\n\r\n123")
    assert answer.startswith(b"250 ")
    f.write(b"BDAT 8 LAST\r\n456\r\n.\r\n")  # a dot is nothing special here
    assert line(f).startswith(b"250 2.")
    f.write(b"NOOP\r\n")
    assert line(f).startswith(b"250 ")
    s.close()
    assert any(m.endswith(b"Subject: chunked\r\n\r\n123456\r\n.\r\n") for m in server.messages(BOB))


def test_chunking_with_dots(server):
    body = b"Subject: bdat\r\n\r\n.\r\n..\r\nend\r\n"
    s, f, _ = smtp_session(server, b"EHLO me\r\n", b"MAIL FROM:<a@elsewhere.test>\r\n", b"RCPT TO:<bob@example.test>\r\n")
    f.write(b"BDAT %d LAST\r\n%s" % (len(body), body))
    assert line(f).startswith(b"250 ")
    s.close()
    assert any(m.endswith(body) for m in server.messages(BOB))


def test_too_many_received_is_a_loop(server):
    s, f, _ = smtp_session(server, b"EHLO me\r\n", b"MAIL FROM:<a@elsewhere.test>\r\n", b"RCPT TO:<bob@example.test>\r\n",
                           b"DATA\r\n")
    f.write(b"Received: from x by y; Sun, 22 Nov 2026 10:00:00 +0000\r\n" * 120 + b"\r\nx\r\n.\r\n")
    assert line(f).startswith(b"554 5.4.6")
    s.close()


def test_endless_command_line(server):
    s, f, _ = smtp_session(server, b"EHLO me\r\n")
    f.write(b"X" * 100000 + b"\r\n")
    assert line(f)[:3] in (b"500", b"421")
    s.close()


def test_many_errors_end_the_session(server):
    s, f, _ = smtp_session(server, b"EHLO me\r\n")
    last = b""
    for _ in range(60):
        f.write(b"WHAT\r\n")
        answer = line(f)
        if not answer:
            break
        last = answer
    assert last.startswith(b"421 ")
    s.close()


def test_a_thousand_recipients_and_no_more(server):
    s, f, _ = smtp_session(server, b"EHLO me\r\n", b"MAIL FROM:<a@elsewhere.test>\r\n")
    for i in range(1000):
        f.write(b"RCPT TO:<bob+%d@example.test>\r\n" % i)
        assert line(f).startswith(b"250 "), i
    f.write(b"RCPT TO:<bob+x@example.test>\r\n")
    assert line(f).startswith(b"452 4.5.3")
    f.write(b"DATA\r\n")
    line(f)
    f.write(b"Subject: a thousand names\r\n\r\nx\r\n.\r\n")
    assert line(f).startswith(b"250 ")
    s.close()
    assert sum(b"Subject: a thousand names" in m for m in server.messages(BOB)) == 1


def test_connection_limit_tells_at_once(make_server):
    server = make_server("server { connections = 20 }")
    held = [server.raw("smtp") for _ in range(20)]
    for s, f in held:
        s.settimeout(10)
    time.sleep(0.2)
    s, f = server.raw("smtp")
    s.settimeout(10)
    assert f.readline().startswith(b"421 4.3.2")
    assert f.readline() == b""
    for s, f in held:
        f.close()  # the file holds the socket open too
        s.close()
    end = time.monotonic() + 20
    while time.monotonic() < end:
        s, f = server.raw("smtp")
        answer = f.readline()
        f.close()
        s.close()
        if answer.startswith(b"220 "):
            return
        time.sleep(0.1)
    raise AssertionError("places are never given back")


def test_connections_per_address(make_server):
    server = make_server("server { connections_per_address = 5 }")
    held = [server.raw("smtp") for _ in range(5)]
    for _, f in held:
        assert f.readline().startswith(b"220 ")
    for port, words in (("smtp", b"421 4.7.0 There are too many connections from your "),
                        ("pop3", b"-ERR [SYS/TEMP] There are too many connections from your ")):
        assert server.raw(port)[1].readline().startswith(words)
    for s, _ in held:
        s.close()


def test_garbage_instead_of_tls(server):
    s, f = server.raw("pop3s")
    f.write(b"USER alice\r\nPASS x\r\n")
    s.settimeout(30)
    try:
        while s.recv(4096):
            pass
    except ConnectionError:
        pass
    s.close()
    server.pop3(ALICE).quit()


def test_proxy_protocol(make_server):
    server = make_server()
    text = server.config.read_text().replace("listen {", 'listen {\n    proxy_from = {"127.0.0.0/8"}')
    server.stop()
    server.config.write_text(text)
    # the admin socket does not speak PROXY, so status works; mail ports want the header
    server.start()
    s, f = server.raw("smtp")
    f.write(b"PROXY TCP4 203.0.113.9 192.0.2.1 4444 25\r\n")
    assert line(f).startswith(b"220 ")
    f.write(b"EHLO me\r\nMAIL FROM:<a@elsewhere.test>\r\nRCPT TO:<bob@example.test>\r\nDATA\r\n")
    for _ in range(4):
        line(f)
    f.write(b"Subject: proxied\r\n\r\nx\r\n.\r\n")
    assert line(f).startswith(b"250 ")
    s.close()
    s, f = server.raw("smtp")
    f.write(b"EHLO not a proxy\r\n")
    assert f.readline() == b""
    s.close()
    listing = server.json("mail", "list", BOB)
    shown = server.run("mail", "show", BOB, str(listing["messages"][0]["message"])).stdout
    assert "203.0.113.9" in shown


def test_metrics(server):
    with server.smtp("smtp") as s:
        s.sendmail("a@elsewhere.test", [BOB], "Subject: counted\r\n\r\nx\r\n")
    text = urllib.request.urlopen(f"http://127.0.0.1:{server.metrics_port}/metrics", timeout=30).read().decode()
    values = dict(row.rsplit(" ", 1) for row in text.splitlines() if row and not row.startswith("#"))
    assert float(values['mailstead_smtp_messages_total{result="accepted"}']) >= 1
    assert float(values["mailstead_mail_delivered_total"]) >= 1


def test_one_id_from_connection_to_mailbox(server):
    with server.smtp("smtp") as s:
        s.sendmail("trace@elsewhere.test", [BOB], "Subject: traced\r\n\r\nx\r\n")
    rows = [dict(part.split("=", 1) for part in row.split() if "=" in part) for row in server.log_text().splitlines()]
    mail = [r for r in rows if r.get("event") == "smtp.mail" and "trace@elsewhere.test" in r.get("from", "")][-1]
    mine = [r["event"] for r in rows if r.get("sid") == mail["sid"]]
    assert {"conn.open", "smtp.mail", "smtp.rcpt", "delivery.stored", "smtp.accepted"} <= set(mine)


def test_certificates_by_sni_and_reload(make_server, authority, tmp_path):
    from conftest import make_certificate
    make_certificate(authority, "other", "DNS:mail.other.test")
    server = make_server()
    held = server.pop3(ALICE)
    text = server.config.read_text()
    text = text.replace(f'certificate = {{"{authority}/cert.pem"}}',
                        f'certificate = {{"{authority}/cert.pem", "{authority}/other.pem"}}')
    text = text.replace(f'key = {{"{authority}/cert.key"}}', f'key = {{"{authority}/cert.key", "{authority}/other.key"}}')
    server.config.write_text(text)
    server.run("reload")
    raw = socket.create_connection(("127.0.0.1", server.ports["pop3s"]), timeout=30)
    t = server.context().wrap_socket(raw, server_hostname="mail.other.test")
    assert t.recv(100).startswith(b"+OK")
    t.close()
    held.noop()  # the session from before the reload lives on
    held.quit()
    assert "not for this host name" not in server.run("status").stdout  # the second has names of its own
    status = server.json("status")
    assert len(status["certificates"]) == 2 and all(c["days_left"] >= 28 for c in status["certificates"])
