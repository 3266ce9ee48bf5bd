# SPDX-License-Identifier: Apache-2.0
"""Input that the server dies of: it costs two restarts, and after that the one who sends it, nobody else.

The server is the one of build/release with test/e2e/poison.c in it, which makes it die over what says "poison:HOW".
"""
import os
import pathlib
import poplib
import re
import shutil
import signal
import smtplib
import tempfile
import threading
import time

import pytest

from conftest import BUILD, ROOT, Server

ALICE, BOB = "alice@example.test", "bob@example.test"
SENDER = "sender@elsewhere.test"
RELEASE = ROOT / "build" / "release" / "mailstead"


def letter(word, body=""):
    return f"From: {SENDER}\r\nSubject: {word}\r\n\r\n{body}\r\n"


def eventually(what, seconds=60):
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)
    return found


def events(server, name):
    return [line for line in server.log_text().splitlines() if f"event={name} " in line]


def field(line, name):
    return re.search(rf'\b{name}=("(?:[^"\\]|\\.)*"|\S+)', line).group(1).strip('"')


def quarantine(server, suffix):
    return sorted(path.stem for path in (server.dir / "quarantine").glob(f"*.{suffix}"))


@pytest.fixture(scope="module")
def program():
    """The server and what makes it die, where its user can reach them."""
    if not RELEASE.exists():
        pytest.fail("there is no build/release/mailstead; ./check builds it")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="mailstead-e2e-"))
    os.chmod(folder, 0o755)
    shutil.copy(BUILD / "test" / "e2e" / "libpoison.so", folder)
    shutil.copy(RELEASE, folder)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def server(program, authority):
    """A new one for each test: the pause before a restart grows with the crashes."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="mailstead-e2e-"))
    server = Server(folder, authority).init()
    server.program = program / "mailstead"
    start(server, program)
    for address in (ALICE, BOB):
        server.account(address)
    yield server
    server.stop()
    shutil.rmtree(folder)


def start(server, program):
    server.start(env={"LD_PRELOAD": str(program / "libpoison.so")})


def dies_over(server, what):
    """Runs `what`, which the server dies of; waits for the next child. The line of child.died."""
    before = len(events(server, "child.died"))
    server.deaths += 1
    with pytest.raises((OSError, EOFError, smtplib.SMTPException, poplib.error_proto)):
        what()
    died = eventually(lambda: events(server, "child.died")[before:])
    eventually(lambda: server.run("status", check=False).returncode == 0)
    return died[0]


def send(server, message, to=(ALICE,)):
    with server.smtp("smtp") as s:
        s.sendmail(SENDER, list(to), message)


def user(server, name):
    p = server.pop3()
    try:
        p.user(name)
    finally:
        p.close()


# ---- messages ------------------------------------------------------------------------------------

@pytest.mark.parametrize("how, number", [("fault", "SEGV"), ("abort", "ABRT"), ("stack", "SEGV")])
def test_a_message_that_crashed_it_twice_is_refused(server, how, number):
    message = letter(f"poison:{how}")
    assert f"signal={number}" in dies_over(server, lambda: send(server, message))
    blamed = events(server, "child.crashed_on")[-1]
    assert field(blamed, "kind") == "smtp-message" and field(blamed, "peer") == "127.0.0.1"
    assert f"from=<{SENDER}> to=<{ALICE}> rcpts=1" in field(blamed, "what")
    assert any(f"sid={field(blamed, 'session')} " in line for line in server.log_text().splitlines())
    assert not quarantine(server, "held")
    send(server, letter("fine"), to=[BOB])  # others go on

    dies_over(server, lambda: send(server, message, to=[BOB]))  # other recipients are no other message
    assert field(events(server, "quarantine.held")[-1], "id") == field(blamed, "id")
    assert quarantine(server, "held") == [field(blamed, "id")]

    child = server.child()
    for _ in range(2):
        with server.smtp("smtp") as s:
            with pytest.raises(smtplib.SMTPDataError) as refused:
                s.sendmail(SENDER, [ALICE], message)
            assert refused.value.smtp_code == 451 and refused.value.smtp_error.startswith(b"4.3.0 The server failed twice")
            s.sendmail(SENDER, [BOB], letter("in the same session"))
    assert server.child() == child
    said = events(server, "quarantine.refused")[-1]
    assert field(said, "id") == field(blamed, "id") and SENDER in field(said, "what")
    assert len(server.messages(BOB)) == 3 and server.messages(ALICE) == []


def test_a_long_message_whose_middle_is_poison(server):
    message = letter("long", ("x" * 70 + "\r\n") * 5000 + "poison:abort\r\n" + ("y" * 70 + "\r\n") * 5000)
    for _ in range(2):
        dies_over(server, lambda: send(server, message))
    with pytest.raises(smtplib.SMTPDataError) as refused:
        send(server, message)
    assert refused.value.smtp_code == 451
    send(server, letter("another", message.replace("poison", "potion")), to=[BOB])


# ---- the others ----------------------------------------------------------------------------------

def test_a_command_is_refused_to_who_sent_it(server):
    for _ in range(2):
        dies_over(server, lambda: user(server, "poison:abort"))
    blamed = events(server, "child.crashed_on")[-1]
    assert field(blamed, "kind") == "pop3" and "USER poison:abort" in field(blamed, "what")
    with pytest.raises(poplib.error_proto, match=r"-ERR \[SYS/TEMP\] The server failed twice"):
        user(server, "poison:abort")
    server.pop3(ALICE).quit()


def test_a_login_over_smtp_ends_the_connection(server):
    """What follows AUTH may be an answer to it, so there is no going on. Its password is not kept."""
    def login():
        with server.smtp("submission") as s:
            s.login(ALICE, "poison:abort")

    for _ in range(2):
        dies_over(server, login)
    blamed = events(server, "child.crashed_on")[-1]
    assert field(blamed, "kind") == "smtp-line" and field(blamed, "what").startswith("AUTH")
    with server.smtp("submission") as s:
        s.ehlo()
        code, text = s.docmd("AUTH", "PLAIN")
        assert code == 421 and text.startswith(b"4.3.0 The server failed twice")
        with pytest.raises(smtplib.SMTPServerDisconnected):
            s.docmd("NOOP")
    assert "poison" not in server.log_text()
    server.pop3(ALICE).quit()


def test_a_request_of_the_admin_api(server):
    def deliver():
        done = server.run("mail", "deliver", ALICE, "-", stdin=letter("poison:fault by hand"), check=False)
        if "failed twice" not in done.stderr:
            raise EOFError(done.stderr)
        return done

    for _ in range(2):
        dies_over(server, deliver)
    assert field(events(server, "child.crashed_on")[-1], "kind") == "http"
    assert deliver().returncode == 75
    server.deliver(ALICE, letter("fine by hand"))


def test_no_password_is_kept(server):
    """It crashes in a thread that verifies passwords, which runs no unit: named as such, and nobody is blamed."""
    died = dies_over(server, lambda: server.pop3(ALICE, "venom:abort secret"))
    assert "signal=ABRT" in died and events(server, "child.crashed_elsewhere")
    assert not quarantine(server, "crash")
    assert "secret" not in server.log_text()
    assert all(b"secret" not in path.read_bytes() for path in (server.dir / "quarantine").iterdir())


# ---- who is not blamed ---------------------------------------------------------------------------

@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_kill_from_outside_blames_nobody(server, number):
    def send_and_kill():
        waiting, child = server.errors().count("poison: waiting"), server.child()

        def kill():
            eventually(lambda: server.errors().count("poison: waiting") > waiting)  # it runs a unit
            os.kill(child, number)

        killer = threading.Thread(target=kill)
        killer.start()
        try:
            send(server, letter("poison:wait"))
        finally:
            killer.join()

    for _ in range(3):
        assert f"signal={signal.Signals(number).name[3:]}" in dies_over(server, send_and_kill)
    assert not [name for name in ("crashed_on", "crashed_beside", "crashed_elsewhere") if events(server, f"child.{name}")]
    assert not list((server.dir / "quarantine").iterdir())


def test_the_only_one_at_work_is_blamed_for_a_death_without_a_word(server):
    for _ in range(2):
        assert "signal=SYS" in dies_over(server, lambda: send(server, letter("poison:exec")))
    with pytest.raises(smtplib.SMTPDataError):
        send(server, letter("poison:exec"))


def test_others_are_served_meanwhile(server):
    """Clients that deliver and fetch all the while lose connections and no mail."""
    stop, sent, trouble = threading.Event(), [], []

    def sender(name):
        for i in range(10000):
            if stop.is_set():
                return
            try:
                send(server, letter(f"{name} {i}"), to=[BOB])
                sent.append(f"Subject: {name} {i}\r\n".encode())
            except (OSError, EOFError, smtplib.SMTPException) as e:
                if getattr(e, "smtp_code", 421) != 421:
                    trouble.append(e)

    threads = [threading.Thread(target=sender, args=(f"sender {i}",)) for i in range(4)]
    for t in threads:
        t.start()
    try:
        for _ in range(2):
            dies_over(server, lambda: send(server, letter("poison:fault")))
        assert quarantine(server, "held") == [field(events(server, "child.crashed_on")[0], "id")]
        child, enough = server.child(), len(sent) + 20
        with pytest.raises(smtplib.SMTPDataError):
            send(server, letter("poison:fault"))
        eventually(lambda: len(sent) >= enough)
        assert server.child() == child
    finally:
        stop.set()
        for t in threads:
            t.join()
    assert not trouble
    assert quarantine(server, "crash") == quarantine(server, "held")  # nobody else is blamed
    kept = b"".join(server.messages(BOB))
    assert all(kept.count(line) >= 1 for line in sent)


# ---- the end of it -------------------------------------------------------------------------------

def test_what_is_released_is_tried_again(server):
    for _ in range(2):
        dies_over(server, lambda: send(server, letter("poison:abort")))
    with pytest.raises(smtplib.SMTPDataError):
        send(server, letter("poison:abort"))
    assert "1 units of work held back" in server.run("status").stdout
    unit, = server.json("quarantine", "list")["units"]
    assert unit["held"] and unit["kind"] == "smtp-message" and unit["signal"] == "ABRT" and SENDER in unit["what"]
    assert unit["id"] in server.run("quarantine", "list").stdout
    assert f"what:     from=<{SENDER}>" in server.run("quarantine", "show", unit["id"]).stdout
    wrong = server.run("quarantine", "release", "0" * 32, check=False)
    assert wrong.returncode == 1 and "no unit with the id" in wrong.stderr
    assert server.run("quarantine", "release", unit["id"]).stdout.startswith("Released")
    assert server.json("quarantine", "list")["units"] == []
    dies_over(server, lambda: send(server, letter("poison:abort")))
    assert len(events(server, "quarantine.released")) == 1
    assert len(quarantine(server, "crash")) == 1 and not quarantine(server, "held")
    assert "crashed once" in server.run("quarantine", "list").stdout


def test_another_version_forgets(server, program):
    for _ in range(2):
        dies_over(server, lambda: send(server, letter("poison:abort")))
    server.stop()
    for path in (server.dir / "quarantine").iterdir():
        assert path.read_text().startswith("version: ")
        path.write_text("version: 0.0.1\n" + path.read_text().split("\n", 1)[1])
    start(server, program)
    assert len(events(server, "quarantine.forgotten")) == 1
    assert not list((server.dir / "quarantine").iterdir())
