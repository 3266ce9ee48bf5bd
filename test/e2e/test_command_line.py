# SPDX-License-Identifier: Apache-2.0
"""The operator's side: verbs, mistakes answered in one sentence, bulk import, ./run as a stranger uses it."""
import imaplib
import json
import os
import pathlib
import signal
import socket
import subprocess
import time

import pytest

from conftest import BIN, PASSWORD, ROOT

ALICE, BOB = "alice@example.test", "bob@example.test"


def one_sentence(done):
    assert done.returncode != 0
    text, *more = done.stderr.strip().split("\n")
    # a mistake in the command itself is followed by where to read on, nothing else
    assert all(line.startswith(("Usage: ", "More: ", "All commands: ")) for line in more), done.stderr
    assert text.startswith("mailstead: ") and len(text) > 30, done.stderr
    return text


def test_every_verb_has_help():
    overview = subprocess.run([BIN, "--help"], capture_output=True, text=True)
    assert overview.returncode == 0
    for verb in ("init", "serve", "check-config", "domain", "alias-domain", "account", "alias", "class", "mail",
                 "status", "store"):
        assert verb in overview.stdout
        done = subprocess.run([BIN, verb, "--help"], capture_output=True, text=True)
        assert done.returncode == 0 and verb in done.stdout, done


@pytest.mark.parametrize("args", [["no-such-verb"], ["account"], ["account", "add"], ["account", "show", "x@example.test"],
                                  ["account", "add", "not an address"], ["account", "add", "a@unknown.test"],
                                  ["domain", "add", "bad domain"], ["mail", "list", "nobody@example.test"],
                                  ["account", "set", ALICE, "--class", "none-such"], ["account", "add", ALICE]])
def test_mistakes_are_one_clear_sentence(server, args):
    one_sentence(server.run(*args, check=False))


def test_server_not_running_says_so(make_server):
    server = make_server(start=False)
    assert "not running" in one_sentence(server.run("account", "list", check=False))


def test_check_config_names_file_line_and_key(make_server):
    server = make_server(start=False)
    assert server.run("check-config", str(server.config), config=False).returncode == 0
    server.config.write_text(server.config.read_text() + 'smtp { message_size = "50Q" }\n')
    number = len(server.config.read_text().splitlines())
    text = one_sentence(server.run("check-config", str(server.config), config=False, check=False))
    assert f":{number}:" in text and "message_size" in text and "50M" in text


def test_port_in_use_is_one_sentence(make_server):
    server = make_server(start=False)
    with socket.socket() as s:
        s.bind(("127.0.0.1", server.ports["smtp"]))
        s.listen()
        server.start(wait=False)
        assert server.process.wait(60) != 0
        server.process = None
    assert str(server.ports["smtp"]) in server.errors() and "Sanitizer" not in server.errors()


def test_accounts_domains_classes_round_trip(make_server):
    server = make_server()
    server.run("domain", "add", "second.test")
    assert {d["name"] for d in server.json("domain", "list")["domains"]} >= {"example.test", "second.test"}
    server.run("class", "add", "gold", "--quota", "2G", "--send-per-hour", "500")
    server.account("carol@second.test", PASSWORD, "--class", "gold", "--name", "Carol Ç")
    shown = server.json("account", "show", "CAROL@Second.Test")["account"]
    assert shown["class"] == "gold" and shown["name"] == "Carol Ç" and shown["status"] == "active"
    assert {a["address"] for a in server.json("account", "list")["accounts"]} == {ALICE, BOB, "carol@second.test"}
    one_sentence(server.run("domain", "remove", "second.test", check=False))  # it still has an account


def test_mail_list_show_deliver(make_server):
    server = make_server()
    server.deliver(ALICE, "Subject: from stdin\n\nline\n.\n")
    file = server.dir / "m.eml"
    file.write_text("Subject: from a file\n\nx\n")
    server.run("mail", "deliver", ALICE, str(file))
    listed = server.json("mail", "list", ALICE)["messages"]
    assert len(listed) == 2
    assert "Subject: from stdin" in server.run("mail", "show", ALICE, str(listed[0]["message"])).stdout
    assert server.messages(ALICE)[0].endswith(b"line\r\n.\r\n")


def test_import_is_bounded_and_repeatable(make_server):
    server = make_server(accounts=())
    hashed = subprocess.run(["openssl", "passwd", "-6", "-salt", "s", PASSWORD], check=True, capture_output=True,
                            text=True).stdout.strip()
    csv = server.dir / "people.csv"
    with open(csv, "w") as f:
        f.write("address,password_hash,name\n")
        for i in range(3000):
            f.write(f'user{i:05d}@example.test,{hashed},"Person, {i}"\n')
        f.write("broken line without an address,,\n")
    done = server.run("account", "import", str(csv), check=False)
    assert "3002" in done.stderr + done.stdout  # the line that is wrong
    again = server.run("account", "import", str(csv), check=False)
    assert again.returncode == done.returncode
    page = server.json("account", "list")["accounts"]
    assert len(page) == 3000 and page[0]["address"] == "user00000@example.test"
    assert page[7]["name"] == "Person, 7"
    server.pop3("user01234@example.test").quit()


def test_demo_by_run(tmp_path):
    """./run as a stranger uses it: start, use the printed settings, Ctrl-C, start again with the same data."""
    data = tmp_path / "demo"
    offset = 30000 + os.getpid() % 20000 // 10 * 10

    def start():
        p = subprocess.Popen([str(ROOT / "run"), "--data", str(data), "--port-offset", str(offset)],
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
        seen = []
        for text in p.stdout:
            seen.append(text)
            if "Ctrl-C" in text:
                return p, "".join(seen)
        raise AssertionError(f"./run ended with {p.wait()}: {''.join(seen)}")

    def use():
        import poplib
        import smtplib
        import ssl
        demo = json.loads((data / "demo.json").read_text())
        context = ssl.create_default_context(cafile=demo["ca"])
        alice, bob = demo["accounts"]
        with smtplib.SMTP(demo["host"], demo["ports"]["submission"], timeout=60) as s:
            s.starttls(context=context)
            s.login(alice["address"], alice["password"])
            s.sendmail(alice["address"], [bob["address"]], "Subject: hi\r\n\r\nx\r\n")
        p = poplib.POP3_SSL(demo["host"], demo["ports"]["pop3s"], context=context, timeout=60)
        p.user(bob["address"])
        p.pass_(bob["password"])
        count = p.stat()[0]
        welcome = b"\n".join(p.retr(1)[1])
        p.quit()
        return count, welcome

    def end(p):
        os.kill(p.pid, signal.SIGINT)
        assert p.wait(60) == 0

    p, text = start()
    try:
        assert str(offset + 995) in text and ALICE in text and "ca.pem" in text
        count, welcome = use()
        assert count == 2 and b"Subject: Welcome" in welcome
    finally:
        end(p)
    p, _ = start()
    try:
        assert use()[0] == 3
        assert (data / "demo.json").stat().st_mode & 0o077 == 0
    finally:
        end(p)


def test_run_refuses_a_folder_it_did_not_make(tmp_path):
    (tmp_path / "precious").write_text("x")
    done = subprocess.run([str(ROOT / "run"), "--data", str(tmp_path), "--port-offset", "3000"], capture_output=True,
                          text=True, timeout=600)
    assert done.returncode != 0 and "not empty" in done.stderr and "--data" in done.stderr


def test_run_refuses_a_wrong_offset():
    done = subprocess.run([str(ROOT / "run"), "--port-offset", "many"], capture_output=True, text=True)
    assert "--port-offset" in one_sentence(done)


def test_who_shares_what_is_shown_and_ended(server):
    alice = imaplib.IMAP4_SSL("localhost", server.ports["imaps"], ssl_context=server.context(), timeout=60)
    alice.login(ALICE, PASSWORD)
    server.run("mail", "share", ALICE, "INBOX", BOB, "all")
    assert alice.getacl("INBOX")[1] == [b"INBOX alice@example.test lrswipkxteacd bob@example.test lrswikxteacd"]
    wrong = server.run("mail", "share", ALICE, "INBOX", "nobody@example.test", check=False)
    assert wrong.returncode != 0 and "nobody@example.test is no account here" in wrong.stderr
    server.run("mail", "share", ALICE, "INBOX", BOB)
    assert server.json("mail", "shares", "alice@example.test") == {
        "shares": [{"mailbox": "INBOX", "user": "bob@example.test", "rights": "lrs", "denied": ""}], "sharers": [],
        "refuses_all": False, "refuses": []}
    shown = server.run("mail", "shares", "bob@example.test").stdout
    assert "No mailbox is shared with anybody." in shown and "Sees mailboxes of: alice@example.test" in shown
    assert "bob@example.test" in server.run("mail", "shares", "alice@example.test").stdout
    server.run("mail", "unshare", "alice@example.test", "INBOX", "bob@example.test")
    again = server.run("mail", "unshare", "alice@example.test", "INBOX", "bob@example.test", check=False)
    assert again.returncode != 0 and "INBOX is not shared with bob@example.test" in again.stderr
    assert server.json("mail", "shares", "bob@example.test") == {
        "shares": [], "sharers": [], "refuses_all": False, "refuses": []}
    alice.logout()


def others(session):
    """The mailboxes of others in LIST."""
    return [line for line in session.list('""', '"Other*"')[1] if line]


def test_what_others_share_can_be_refused(server):
    bob = imaplib.IMAP4_SSL("localhost", server.ports["imaps"], ssl_context=server.context(), timeout=60)
    bob.login(BOB, PASSWORD)
    server.run("mail", "share", ALICE, "INBOX", BOB)
    assert len(others(bob)) == 1
    said = server.run("mail", "refuse", BOB, ALICE).stdout
    assert "sees no mailboxes of alice@example.test any more" in said
    assert others(bob) == [] and bob.select('"Other Users/alice@example.test/INBOX"')[0] == "NO"
    assert "Refuses mailboxes of: alice@example.test" in server.run("mail", "shares", BOB).stdout
    again = server.run("mail", "share", ALICE, "Sent", BOB, check=False)
    assert again.returncode != 0 and "bob@example.test does not want to see mailboxes" in again.stderr
    server.run("mail", "accept", BOB, ALICE)
    assert len(others(bob)) == 1
    server.run("mail", "refuse", BOB, "--all")
    assert others(bob) == []
    assert "Refuses mailboxes of all others" in server.run("mail", "shares", BOB).stdout
    server.run("mail", "accept", BOB, ALICE)
    assert len(others(bob)) == 1
    assert "Accepts mailboxes of: alice@example.test" in server.run("mail", "shares", BOB).stdout
    server.run("mail", "accept", BOB, "--all")
    assert len(others(bob)) == 1
    for wrong in (("refuse", BOB), ("accept", BOB), ("refuse", BOB, ALICE, "--all")):
        assert server.run("mail", *wrong, check=False).returncode == 2
    nobody = server.run("mail", "refuse", BOB, "nobody@example.test", check=False)
    assert nobody.returncode == 1 and "nobody@example.test is no account here" in nobody.stderr
    server.run("mail", "unshare", ALICE, "INBOX", BOB)
    bob.logout()
