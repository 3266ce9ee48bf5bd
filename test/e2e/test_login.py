# SPDX-License-Identifier: Apache-2.0
"""Who may log in: lockout and what it tells people, imported passwords, no hints to attackers."""
import base64
import hashlib
import poplib
import smtplib
import subprocess

import pytest

from conftest import PASSWORD

ALICE, BOB = "alice@example.test", "bob@example.test"


def refusal(server, user, password):
    p = server.pop3()
    try:
        p.user(user)
        p.pass_(password)
    except poplib.error_proto as e:
        return e.args[0].decode()
    finally:
        p.close()
    return None


def test_three_wrong_passwords_lock_and_unlock_clears(make_server):
    server = make_server()
    for wrong in ("wrong 1", "wrong 2", "wrong 3"):
        assert "[AUTH]" in refusal(server, ALICE, wrong)
    locked = refusal(server, ALICE, PASSWORD)
    assert locked is not None and "too many wrong passwords" in locked.lower()
    assert refusal(server, BOB, PASSWORD) is None  # others are not touched
    shown = server.json("account", "show", ALICE)["account"]
    assert shown["locks"] and shown["attempts"]
    server.stop()
    server.start()
    assert refusal(server, ALICE, PASSWORD) is not None, "a restart must not unlock"
    with pytest.raises(smtplib.SMTPAuthenticationError) as e:
        server.smtp(login=ALICE)
    assert e.value.smtp_code in (454, 535)
    server.run("account", "unlock", ALICE)
    assert refusal(server, ALICE, PASSWORD) is None


def test_the_same_wrong_password_counts_once(make_server):
    server = make_server()
    for _ in range(6):
        assert refusal(server, ALICE, "the old password") is not None
    assert refusal(server, ALICE, PASSWORD) is None


def test_unknown_users_look_the_same(make_server):
    server = make_server()
    known = [refusal(server, ALICE, f"wrong {i}") for i in range(5)]
    unknown = [refusal(server, "nobody@example.test", f"wrong {i}") for i in range(5)]

    def shape(text):  # the time a lock ends differs by seconds
        return "".join(c for c in text if not c.isdigit())

    assert [shape(t) for t in known] == [shape(t) for t in unknown]


def test_imported_hashes_verify_and_are_upgraded(make_server):
    server = make_server()
    salt = b"12345678"
    ssha = "{SSHA}" + base64.b64encode(hashlib.sha1(PASSWORD.encode() + salt).digest() + salt).decode()
    sha512 = subprocess.run(["openssl", "passwd", "-6", "-salt", "saltstring", PASSWORD], check=True,
                            capture_output=True, text=True).stdout.strip()
    rows = "address,password_hash\n" + f"carol@example.test,{ssha}\n" + f"dave@example.test,{sha512}\n"
    (server.dir / "people.csv").write_text(rows)
    server.run("account", "import", str(server.dir / "people.csv"))
    server.run("account", "import", str(server.dir / "people.csv"))  # harmless again
    for user in ("carol@example.test", "dave@example.test"):
        assert "argon2id" not in str(server.json("account", "show", user)["account"]["credentials"])
        assert refusal(server, user, "not it") is not None
        assert refusal(server, user, PASSWORD) is None
        assert "argon2id" in str(server.json("account", "show", user)["account"]["credentials"])
        assert refusal(server, user, PASSWORD) is None


def test_removed_account_can_be_restored(make_server):
    server = make_server()
    server.deliver(ALICE, "Subject: kept\n\nx\n")
    server.run("account", "remove", ALICE)
    assert refusal(server, ALICE, PASSWORD) is not None
    with server.smtp("smtp") as s:
        s.ehlo()
        s.mail("x@elsewhere.test")
        assert s.rcpt(ALICE)[0] == 550
    server.run("account", "restore", ALICE)
    assert any(b"Subject: kept" in m for m in server.messages(ALICE))
