# SPDX-License-Identifier: Apache-2.0
"""Python's own clients: the everyday paths, and the refusals a person meets."""
import email
import poplib
import smtplib

import pytest

from conftest import PASSWORD

ALICE, BOB = "alice@example.test", "bob@example.test"


def letter(subject, body="Hello\r\n", sender=ALICE, to=BOB):
    return f"From: {sender}\r\nTo: {to}\r\nSubject: {subject}\r\n\r\n{body}"


def subjects(server, address, password=PASSWORD):
    return [email.message_from_bytes(m)["Subject"] for m in server.messages(address, password)]


def test_send_and_fetch(server):
    with server.smtp(login=ALICE) as s:
        s.sendmail(ALICE, [BOB], letter("from alice to bob"))
    assert "from alice to bob" in subjects(server, BOB)


def test_submission_adds_what_is_missing(server):
    with server.smtp(login=ALICE) as s:
        s.sendmail(ALICE, [BOB], "From: alice@example.test\r\nSubject: bare\r\n\r\nx\r\n")
    m = [email.message_from_bytes(m) for m in server.messages(BOB)]
    m = [x for x in m if x["Subject"] == "bare"][0]
    assert m["Message-ID"] and m["Date"] and m["Received"]
    assert m["Return-Path"] == f"<{ALICE}>"


def test_implicit_tls_submission(server):
    with smtplib.SMTP_SSL("localhost", server.ports["submissions"], context=server.context()) as s:
        s.login(ALICE, PASSWORD)
        s.sendmail(ALICE, [BOB], letter("over 465"))
    assert "over 465" in subjects(server, BOB)


def test_mx_receives_from_strangers(server):
    with server.smtp("smtp") as s:
        s.sendmail("stranger@elsewhere.test", [BOB], letter("from the world", sender="stranger@elsewhere.test"))
    assert "from the world" in subjects(server, BOB)


def test_starttls_on_mx(server):
    with server.smtp("smtp") as s:
        s.starttls(context=server.context())
        s.sendmail("stranger@elsewhere.test", [BOB], letter("encrypted", sender="stranger@elsewhere.test"))
    raw = [m for m in server.messages(BOB) if b"Subject: encrypted" in m][0]
    assert b"with ESMTPS" in raw.replace(b"\r\n\t", b" ").replace(b"\r\n ", b" ")


def test_relaying_is_denied_in_words(server):
    with server.smtp("smtp") as s:
        s.ehlo()
        s.mail("stranger@elsewhere.test")
        code, text = s.rcpt("someone@far.test")
    assert code == 554 and b"5.7.1" in text and b"Relaying denied" in text and b"authentication" in text


def test_mail_to_other_servers_is_refused_clearly(server):
    with server.smtp(login=ALICE) as s:
        s.mail(ALICE)
        code, text = s.rcpt("someone@far.test")
    assert code == 550 and text.startswith(b"5.")


def test_unknown_recipient(server):
    with server.smtp("smtp") as s:
        s.ehlo()
        s.mail("a@elsewhere.test")
        code, text = s.rcpt("nobody@example.test")
    assert code == 550 and text.startswith(b"5.1.1")


def test_sender_must_be_ones_own(server):
    with server.smtp(login=ALICE) as s:
        answers = [s.mail(BOB), s.rcpt(BOB)]
    assert any(code == 553 and text.startswith(b"5.7.1") for code, text in answers), answers


def test_submission_wants_a_login(server):
    with server.smtp("submission") as s:
        s.ehlo()
        code, text = s.mail(ALICE)
    assert code == 530 and b"5.7.0" in text and b"authentication" in text.lower()


def test_no_password_without_tls(server):
    s = smtplib.SMTP("localhost", server.ports["submission"], timeout=30)
    s.ehlo()
    assert not s.has_extn("auth")
    code, text = s.docmd("AUTH", "PLAIN AGFsaWNlAHg=")
    assert code == 538 and b"5.7.11" in text
    s.quit()
    p = poplib.POP3("localhost", server.ports["pop3"], timeout=30)
    assert "USER" not in p.capa()
    with pytest.raises(poplib.error_proto) as e:
        p.user(ALICE)
        p.pass_(PASSWORD)
    assert b"TLS" in e.value.args[0]
    p.quit()


def test_stls_then_login(server):
    p = poplib.POP3("localhost", server.ports["pop3"], timeout=30)
    p.stls(context=server.context())
    p.user(ALICE)
    assert p.pass_(PASSWORD).startswith(b"+OK")
    p.quit()


@pytest.mark.parametrize("name", ["alice", "alice@wrong.test", "postmaster@example.test", "alice+shop@example.test"])
def test_bad_usernames_answer_like_a_wrong_password(server, name):
    def refusal(user, password):
        p = server.pop3()
        with pytest.raises(poplib.error_proto) as e:
            p.user(user)
            p.pass_(password)
        p.close()
        return e.value.args[0]
    assert refusal(name, PASSWORD) == refusal("nobody@example.test", "x")


def test_log_says_why_a_login_failed(server):
    with pytest.raises(smtplib.SMTPAuthenticationError):
        server.smtp(login="alice", password="whatever")
    lines = [line for line in server.log_text().splitlines() if "event=auth.failed" in line]
    assert lines and "whatever" not in "".join(lines)


def test_dots_and_eight_bits_survive(server):
    body = ".\r\n..two\r\n.one more\r\nümlaut\r\n"
    message = letter("dots", body).encode()
    with server.smtp(login=ALICE) as s:
        s.sendmail(ALICE, [BOB], message, mail_options=["BODY=8BITMIME"])
    got = [m for m in server.messages(BOB) if b"Subject: dots" in m][0]
    assert got.endswith(b"\r\n\r\n" + body.encode())


def test_smtputf8(server):
    server.run("account", "add", "jürgen@example.test", "--password-stdin", stdin=PASSWORD + "\n")
    with server.smtp(login=ALICE) as s:
        s.sendmail(ALICE, ["jürgen@example.test"], letter("grüße", to="jürgen@example.test").encode(),
                   mail_options=["SMTPUTF8", "BODY=8BITMIME"])
    assert "grüße".encode() in server.messages("jürgen@example.test")[0]


def test_alias_domain_logs_in_and_receives(server):
    server.run("alias-domain", "add", "example.com.test", "example.test")
    with server.smtp("smtp") as s:
        s.sendmail("x@elsewhere.test", ["alice@example.com.test"], letter("alias domain"))
    assert "alias domain" in subjects(server, ALICE)
    assert "alias domain" in subjects(server, "alice@example.com.test")


def test_sub_address_alias_and_catch_all(server):
    server.run("alias", "add", "sales@example.test", ALICE, BOB)
    with server.smtp("smtp") as s:
        s.sendmail("x@elsewhere.test", ["alice+shop@example.test"], letter("sub-address"))
        s.sendmail("x@elsewhere.test", ["sales@example.test"], letter("alias of two"))
    assert {"sub-address", "alias of two"} <= set(subjects(server, ALICE))
    assert "alias of two" in subjects(server, BOB)
    server.run("domain", "set", "example.test", "--catch-all", BOB)
    with server.smtp("smtp") as s:
        s.sendmail("x@elsewhere.test", ["whoever@example.test"], letter("caught"))
    server.run("domain", "set", "example.test", "--catch-all", "")
    assert "caught" in subjects(server, BOB)


def test_several_recipients_one_transaction(server):
    with server.smtp("smtp") as s:
        s.sendmail("x@elsewhere.test", [ALICE, BOB], letter("to both"))
    assert "to both" in subjects(server, ALICE) and "to both" in subjects(server, BOB)


def test_delete_applies_at_quit_and_can_be_restored(make_server):
    server = make_server()
    server.deliver(ALICE, letter("keep me"))
    p = server.pop3(ALICE)
    uidl = p.uidl()[1]
    p.dele(1)
    p.close()  # no QUIT: nothing may be deleted (RFC 1939 §6)
    assert subjects(server, ALICE) == ["keep me"]
    p = server.pop3(ALICE)
    p.dele(1)
    p.quit()
    assert subjects(server, ALICE) == []
    gone = server.json("mail", "list", ALICE, "--deleted")
    ids = [str(m["message"]) for m in gone["expunged"]]
    server.run("mail", "restore", ALICE, *ids)
    assert subjects(server, ALICE) == ["keep me"]
    p = server.pop3(ALICE)
    assert p.uidl()[1] == uidl  # the same message has the same UIDL for ever
    p.quit()


def test_two_pop3_clients_at_once(make_server):
    server = make_server()
    server.deliver(ALICE, letter("one"))
    first, second = server.pop3(ALICE), server.pop3(ALICE)
    first.dele(1)
    first.quit()
    assert any(b"Subject: one" in line for line in second.retr(1)[1])
    second.quit()
    assert subjects(server, ALICE) == []


def test_exclusive_lock(make_server):
    server = make_server("pop3 { exclusive = true }")
    first = server.pop3(ALICE)
    with pytest.raises(poplib.error_proto) as e:
        server.pop3(ALICE)
    assert b"[IN-USE]" in e.value.args[0]
    first.quit()
    server.pop3(ALICE).quit()


def test_suspended_account(make_server):
    server = make_server()
    server.run("account", "suspend", ALICE)
    with server.smtp("smtp") as s:
        s.ehlo()
        s.mail("x@elsewhere.test")
        code, text = s.rcpt(ALICE)
    assert code == 550 and text.startswith(b"5.2.1")
    with pytest.raises(poplib.error_proto):
        server.pop3(ALICE)
    server.run("account", "resume", ALICE)
    server.pop3(ALICE).quit()


def test_password_change_counts_at_once(make_server):
    server = make_server()
    server.pop3(ALICE).quit()
    server.run("account", "password", ALICE, "--password-stdin", stdin="a new one entirely\n")
    with pytest.raises(poplib.error_proto):
        server.pop3(ALICE)
    server.pop3(ALICE, "a new one entirely").quit()
