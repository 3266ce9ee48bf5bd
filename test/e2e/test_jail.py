# SPDX-License-Identifier: Apache-2.0
"""The two processes: what the serving one may not do, and that it is started again when it dies."""
import os
import pathlib
import poplib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import pytest

from conftest import BIN, BUILD, HOW, ROOT, USER, Server, free_ports

ALICE = "alice@example.test"
RELEASE = ROOT / "build" / "release" / "mailstead"
# a kill of the process is the answer to these; some of many, because the server is started again after each
DEADLY = ("exec a shell", "exec a shell by execveat", "trace the master", "read the master's memory", "make a namespace")


def letter(subject):
    return f"From: a@elsewhere.test\r\nSubject: {subject}\r\n\r\nx\r\n"


def eventually(what, seconds=30):
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)
    return found


def child_dies(server, number=signal.SIGKILL):
    """Kills the child and waits for the next one."""
    old = server.child()
    server.deaths += 1
    os.kill(old, number)
    eventually(lambda: (f"pid={old} " in "".join(died(server)[-1:])) and server.run("status", check=False).returncode == 0)
    assert server.child() != old


def died(server):
    return [line for line in server.log_text().splitlines() if "event=child.died" in line]


def fails_to_start(server, seconds=30):
    """The exit code and what was said; nothing is left behind."""
    server.start(wait=False)
    code = server.process.wait(seconds)
    server.process = None
    return code, server.errors()


def status_of(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


# ---- what is in force --------------------------------------------------------------------------

def test_says_what_confines_it(server):
    status = server.json("status")
    assert re.match(r"Landlock \d+ \(.*\), seccomp$|no Landlock.*seccomp$", status["confinement"]), status
    assert status["user"] == ("nobody" if HOW == "user" else str(os.geteuid() or "root") if HOW == "self" else str(USER.pw_uid))
    assert status["restarts"] == 0
    assert f"; {status['confinement']}\n" in server.run("status").stdout
    assert f'by="{status["confinement"]}"' in server.log_text()
    seen = status_of(server.child())
    assert seen["NoNewPrivs"] == "1" and seen["Seccomp"] == "2"
    assert int(seen["CapEff"], 16) == int(seen["CapPrm"], 16) == int(seen["CapInh"], 16) == 0
    if HOW != "ordinary":  # only who has the right to may empty it; without new privileges it is none
        assert int(seen["CapBnd"], 16) == 0


def test_without_the_sandbox_it_says_so_loudly(make_server):
    server = make_server("server { sandbox = off }", accounts=())
    assert "NOT CONFINED" in server.run("status").stdout
    assert "level=warn event=server.not_confined" in server.log_text()
    assert status_of(server.child())["Seccomp"] == "0"


# ---- from inside -------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def probed(authority):
    """A server as it goes into service (sanitizers need a wider jail), with test/e2e/probe.c in it."""
    if not RELEASE.exists():
        pytest.fail("there is no build/release/mailstead; ./check builds it")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="mailstead-e2e-"))
    os.chmod(folder, 0o755)  # the folder of the build may be closed to the user
    probe = folder / "libprobe.so"
    shutil.copy(BUILD / "test" / "e2e" / "libprobe.so", probe)
    other = shutil.copy(BUILD / "test" / "jail" / "libjail_object.so", folder)
    (folder / "data").mkdir()
    server = Server(folder / "data", authority).init()
    server.program = shutil.copy(RELEASE, folder)
    (server.dir / "outside").mkdir()
    (server.dir / "secret").write_text("the user could read it\n")
    listener = socket.create_server(("127.0.0.1", 0))
    server.start(env={"LD_PRELOAD": str(probe), "PROBE_OBJECT": other, "PROBE_INSIDE": str(server.dir / "store"),
                      "PROBE_OUTSIDE": str(server.dir / "outside"), "PROBE_SECRET": str(server.dir / "secret"),
                      "PROBE_PORT": str(listener.getsockname()[1])})
    server.account(ALICE)
    yield server
    listener.close()
    server.stop()
    shutil.rmtree(folder)


def test_attempts_from_inside_are_refused(probed):
    with pytest.raises(poplib.error_proto):
        probed.pop3(ALICE, "probe all")
    answers = dict(re.findall(r"^probe: (.*): (\d+)$", probed.errors(), re.M))
    assert len(answers) >= 25
    assert not [name for name, number in answers.items() if number == "0"], answers
    for name in ("read /etc/shadow", "read the key file", "write outside the data folder", "connect out", "bind a port",
                 "kill the master", "load a shared object", "open the master's memory"):
        assert name in answers
    assert not list((probed.dir / "outside").iterdir())
    probed.pop3(ALICE).quit()


@pytest.mark.parametrize("name", DEADLY)
def test_attempts_that_end_the_process(probed, name):
    old, before = probed.child(), len(died(probed))
    probed.deaths += 1
    with pytest.raises((poplib.error_proto, OSError, EOFError)):
        probed.pop3(ALICE, "probe " + name)
    eventually(lambda: len(died(probed)) > before)
    assert f"pid={old} signal=SYS" in died(probed)[-1]
    assert f"probe: {name}" not in probed.errors()
    probed.pop3(ALICE).quit()  # waits in the listening socket for the next child


# ---- a child that dies ---------------------------------------------------------------------------

def test_started_again_and_later_each_time(make_server):
    server = make_server()
    server.deliver(ALICE, letter("before"))
    for _ in range(3):
        child_dies(server)
    pauses = [int(re.search(r"restart_in_ms=(\d+)", line).group(1)) for line in died(server)]
    assert [round(p, -2) for p in pauses] == [100, 200, 400]
    assert all("signal=KILL" in line for line in died(server))
    status = server.json("status")
    assert status["restarts"] == 3 and "Restarts:      3 " in server.run("status").stdout
    assert len(server.messages(ALICE)) == 1


def test_who_connects_meanwhile_is_served(make_server):
    server = make_server(accounts=())
    for _ in range(3):
        child_dies(server)
    server.deaths += 1
    os.kill(server.child(), signal.SIGKILL)
    sock, f = server.raw("smtp")  # nobody is there to accept for 800 ms
    assert f.readline().startswith(b"220 ")
    sock.close()


def test_the_next_child_has_the_settings_in_force(make_server):
    server = make_server()
    server.write_config("this is no configuration")
    old, server.deaths = server.child(), 1
    os.kill(old, signal.SIGKILL)
    with server.smtp("smtp") as s:  # waits for the next child
        s.sendmail("a@elsewhere.test", [ALICE], letter("still here"))
    server.process.send_signal(signal.SIGHUP)
    eventually(lambda: "event=reload.failed" in server.log_text())
    server.write_config("")
    server.run("reload")
    assert len(server.messages(ALICE)) == 1


def test_a_setting_taken_by_a_reload_outlives_the_child(make_server):
    server = make_server(accounts=())
    server.write_config("smtp { message_size = 1M }")
    server.run("reload")

    def size():
        with server.smtp("smtp") as s:
            s.ehlo("client.test")
            return int(s.esmtp_features["size"])

    assert size() == 1 << 20
    child_dies(server)
    assert size() == 1 << 20


def test_a_reload_reads_what_the_child_may_not(make_server):
    server = make_server(accounts=())
    if HOW == "user":
        os.chown(server.config, 0, 0)
    server.config.chmod(0o600)
    server.process.send_signal(signal.SIGHUP)
    eventually(lambda: "event=reload.done" in server.log_text())
    server.log.rename(server.dir / "rotated.log")
    server.run("reload")
    eventually(lambda: "event=reload.done" in server.log_text())


# ---- a master that dies, and exit codes ----------------------------------------------------------

def test_the_child_goes_with_the_master(make_server):
    server = make_server(accounts=())
    child = server.child()
    server.kill()
    eventually(lambda: not pathlib.Path(f"/proc/{child}").exists())
    server.start()
    server.stop()


def test_stopped_while_there_is_no_child(make_server):
    server = make_server(accounts=())
    for _ in range(4):
        child_dies(server)
    server.deaths += 1
    os.kill(server.child(), signal.SIGKILL)
    eventually(lambda: len(died(server)) == 5)
    server.stop(20)


def test_a_second_server_is_refused(make_server):
    server = make_server()
    second = subprocess.run([BIN, "serve", "--config", str(server.config)], capture_output=True, text=True, timeout=60)
    assert second.returncode == 1 and "another server" in second.stderr, second
    server.pop3(ALICE).quit()


def test_start_that_cannot_be_ends_with_one(make_server):
    server = make_server(start=False)
    server.write_config("nonsense = 1")
    code, said = fails_to_start(server)
    assert code == 1 and "nonsense" in said
    server.write_config("")
    server.ports["smtp"], kept = free_ports(1)[0], server.ports["smtp"]
    with socket.create_server(("127.0.0.1", server.ports["smtp"])):
        server.write_config()
        code, said = fails_to_start(server)
        assert code == 1 and str(server.ports["smtp"]) in said
    server.ports["smtp"] = kept
    server.write_config()
    (server.dir / "store" / "db" / "CURRENT").write_text("MANIFEST-999999\n")  # only the child looks at this
    code, said = fails_to_start(server)
    assert code == 1 and "mailstead: " in said and "event=child.died" not in server.log_text()
