# SPDX-License-Identifier: Apache-2.0
"""What an operator lives through: a damaged store, an import of many, a switch of users, completion in a shell."""
import os
import pathlib
import poplib
import pwd
import random
import signal
import subprocess

import pytest

from conftest import BIN, HOW, PASSWORD, ROOT, own

ALICE, BOB = "alice@example.test", "bob@example.test"
MESSAGES = 30


def noise(seed, size=20000):
    """A body that does not compress to nothing, in lines."""
    r = random.Random(seed)
    signs = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return "\n".join("".join(r.choices(signs, k=76)) for _ in range(size // 77))


@pytest.fixture(scope="module")
def damaged(make_server):
    """A store in which one body was damaged on the disk, and which of the messages it is not known."""
    server = make_server()
    for i in range(MESSAGES):
        server.deliver(ALICE, f"Subject: number {i}\n\n{noise(i)}\n")
    server.deliver(BOB, "Subject: bystander\n\nx\n")
    server.stop()
    server.start()  # what was in the log of the database goes to its files now
    server.stop()
    assert server.run("store", "check").returncode == 0
    files = sorted((server.dir / "store" / "db").glob("*.blob"), key=lambda f: f.stat().st_size)
    assert files and files[-1].stat().st_size > MESSAGES * 10000
    with open(files[-1], "r+b") as f:
        f.seek(files[-1].stat().st_size // 2)
        byte = f.read(1)[0]
        f.seek(-1, os.SEEK_CUR)
        f.write(bytes([byte ^ 0x55]))
    return server


def check_finds_it(server):
    done = server.run("store", "check", check=False)
    lines = done.stdout.strip().splitlines()
    assert done.returncode == 1, done
    assert len(lines) >= 2 and lines[-1].startswith("done: ") and "2 accounts" in lines[-1], done
    assert not lines[-1].endswith(" 0 problems")
    assert "Sanitizer" not in done.stderr


def test_store_check_reports_damage_without_a_server(damaged):
    check_finds_it(damaged)


def test_damage_in_one_message_hides_no_other(damaged):
    damaged.start()
    check_finds_it(damaged)
    p = damaged.pop3(ALICE)
    assert p.stat()[0] == MESSAGES
    good, bad = set(), 0
    for i in range(MESSAGES):
        try:
            text = b"\n".join(p.retr(i + 1)[1]).decode()
        except poplib.error_proto:
            bad += 1
            continue
        number = int(text.split("Subject: number ", 1)[1].split("\n", 1)[0])
        assert noise(number) in text
        good.add(number)
    p.quit()
    assert bad == 1 and len(good) == MESSAGES - 1
    assert len(damaged.messages(BOB)) == 1
    damaged.stop()


def test_last_login_is_recorded_and_inactivity_reported(make_server):
    server = make_server()
    server.run("class", "set", "default", "--inactivity-days", "1")
    assert server.json("account", "show", ALICE)["account"]["last_login"] is None
    server.pop3(ALICE).quit()
    shown = server.json("account", "show", ALICE)["account"]
    assert shown["last_login"] and shown["inactive"] is False
    assert server.json("account", "list", "--inactive")["accounts"] == []  # both were made today


def test_import_with_a_progress_bar(make_server):
    """On a terminal there is a bar, elsewhere not; of two rows of one address the first wins."""
    server = make_server(accounts=())
    csv = server.dir / "people.csv"
    with open(csv, "w") as f:
        f.write("address,password\n")
        for i in range(60):
            f.write(f"p{i}@example.test,{PASSWORD} {i}\n")
        f.write(f"P7@Example.Test,not this one\nbad,x\n")
    command = f"{BIN} account import {csv} --config {server.config}"
    done = subprocess.run(["script", "-qec", command, "/dev/null"], capture_output=True, text=True, timeout=120)
    assert done.returncode == 1 and "[###" in done.stdout
    assert "60 accounts added, 1 were there already, 1 failed" in done.stdout
    assert f"{csv}:63: bad: " in done.stdout
    server.pop3("p7@example.test", PASSWORD + " 7").quit()
    again = server.run("account", "import", str(csv), check=False)
    assert "0 accounts added, 61 were there already, 1 failed" in again.stdout and "[" not in again.stderr


def test_bash_completes(tmp_path):
    (tmp_path / "my people.csv").write_text("")
    script = subprocess.run([BIN, "completion", "bash"], check=True, capture_output=True, text=True).stdout
    driver = script + """
complete_words() { COMP_WORDS=("$@"); COMP_CWORD=$(($#-1)); _mailstead; (IFS=,; echo "${COMPREPLY[*]}"); }
complete_words mailstead ac
complete_words mailstead account res
complete_words mailstead account list --in
complete_words mailstead account import my
complete_words mailstead account show ''
complete_words mailstead help sto
complete_words mailstead completion b
"""
    done = subprocess.run(["bash", "-c", driver], check=True, capture_output=True, text=True, cwd=tmp_path)
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["account", "resume,restore", "--inactive", "my people.csv", "", "store", "bash"]


def test_help_of_a_group():
    for words in (["help", "alias"], ["alias", "--help"]):
        done = subprocess.run([BIN, *words], check=True, capture_output=True, text=True)
        assert "alias show" in done.stdout and "account" not in done.stdout.split("More about")[0].replace("accounts", "")


@pytest.mark.parametrize("page", ["--man", "--man-config"])
def test_manual_pages_have_no_mistakes(page):
    text = subprocess.run([BIN, "help", page], check=True, capture_output=True).stdout
    assert all(byte < 0x80 for byte in text)
    done = subprocess.run(["groff", "-man", "-ww", "-z"], input=text, capture_output=True)
    assert done.returncode == 0 and done.stderr == b"", done.stderr


def test_becomes_an_unprivileged_user(make_server):
    if os.geteuid() != 0 or HOW == "ordinary":
        pytest.skip("only root can become somebody else")
    nobody = pwd.getpwnam("nobody")
    server = make_server('server { user = "nobody" }', start=False)
    server.start(wait=False)  # the folder is root's still
    assert server.process.wait(60) == 1
    server.process = None
    assert "cannot" in server.errors() and "Sanitizer" not in server.errors()
    server.stderr.unlink()
    own(server.dir)
    server.start()
    status = pathlib.Path(f"/proc/{server.child()}/status").read_text()
    assert f"Uid:\t{nobody.pw_uid}\t{nobody.pw_uid}" in status
    assert (server.dir / "admin.sock").stat().st_uid == nobody.pw_uid
    server.account(ALICE)
    server.pop3(ALICE).quit()
    server.kill()
    server.start()  # over the socket and the files it left
    assert server.json("account", "show", ALICE)["account"]["last_login"]
    server.stop()


def test_a_second_run_leaves_the_first_alone(tmp_path):
    """The second must not write its own ports into the configuration of the one that runs."""
    data = tmp_path / "a demo"
    run = str(ROOT / "run")
    offset = 21000 + os.getpid() % 2000 * 10
    first = subprocess.Popen([run, "--data", str(data), "--port-offset", str(offset)], stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True, start_new_session=True)
    try:
        assert any("Ctrl-C" in line for line in first.stdout)
        before = (data / "mailstead.conf").read_text()
        second = subprocess.run([run, "--data", str(data), "--port-offset", str(offset + 1)], capture_output=True,
                                text=True, timeout=300)
        assert second.returncode == 1 and "runs on" in second.stderr and "--data" in second.stderr
        assert (data / "mailstead.conf").read_text() == before
    finally:
        os.kill(first.pid, signal.SIGINT)
        assert first.wait(60) == 0
