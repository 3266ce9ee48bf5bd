# SPDX-License-Identifier: Apache-2.0
"""What the first users were promised, line by line, where no other test has it: the verbs by their names,
JSON from all that print, hashes of other systems, ./run on a terminal."""
import base64
import ctypes
import ctypes.util
import json
import os
import poplib
import pty
import select
import subprocess
import time

import pytest

from conftest import BIN, PASSWORD, ROOT

ALICE = "alice@example.test"


def libsodium_hash(algorithm, passes, memory):
    sodium = ctypes.CDLL(ctypes.util.find_library("sodium") or "libsodium.so.23")
    out = ctypes.create_string_buffer(128)
    password = PASSWORD.encode()
    assert sodium.crypto_pwhash_str_alg(out, password, ctypes.c_ulonglong(len(password)), ctypes.c_ulonglong(passes),
                                        ctypes.c_size_t(memory), algorithm) == 0
    return out.value.decode()


def crypt_hash(setting):
    lib = ctypes.CDLL("libcrypt.so.1")
    lib.crypt.restype = ctypes.c_char_p
    hashed = lib.crypt(PASSWORD.encode(), setting.encode()).decode()
    assert hashed.startswith(setting)
    return hashed


def bcrypt_hash():
    return crypt_hash("$2b$05$abcdefghijklmnopqrstuu")


@pytest.mark.parametrize("name, make", [
    ("bcrypt-2b", bcrypt_hash),
    ("bcrypt-2y", lambda: "$2y$" + bcrypt_hash()[4:]),
    ("bcrypt-named", lambda: "{BLF-CRYPT}" + bcrypt_hash()),
    ("argon2id", lambda: libsodium_hash(2, 2, 8 << 20)),
    ("argon2i", lambda: libsodium_hash(1, 3, 8 << 20)),
    ("sha512-rounds", lambda: crypt_hash("$6$rounds=2000$saltstring")),
])
def test_imported_hash_logs_in_and_is_upgraded(server, name, make):
    address = f"{name}@example.test"
    server.run("account", "add", address, "--password-hash", make())
    before = server.json("account", "show", address)["account"]["credentials"]
    assert "scram" not in before, "SCRAM keys cannot be made of a hash"
    with pytest.raises(poplib.error_proto):
        server.pop3(address, "not it")
    server.pop3(address).quit()
    assert server.json("account", "show", address)["account"]["credentials"] == "argon2id+scram"
    server.pop3(address).quit()


def test_the_verbs_by_their_names(make_server):
    s = make_server()
    assert s.json("domain", "add", "foo.test")["domain"]["name"] == "foo.test"
    assert "foo.test" in [d["name"] for d in s.json("domain", "list")["domains"]]
    s.json("domain", "set", "foo.test", "--catch-all", ALICE)
    assert s.json("domain", "show", "foo.test")["domain"]["catch_all"] == ALICE
    s.json("domain", "set", "foo.test", "--catch-all", "")
    s.json("alias-domain", "add", "bar.test", "foo.test")
    assert s.json("alias-domain", "list")["alias_domains"][0]["domain"] == "foo.test"
    s.json("class", "add", "gold", "--quota", "10M", "--quota-messages", "100", "--message-size", "1M",
           "--send-per-hour", "5", "--recipients-per-hour", "7", "--keep-days", "trash=30,junk=14",
           "--inactivity-days", "90")
    s.json("class", "set", "gold", "--quota", "20M")
    gold = {c["name"]: c for c in s.json("class", "list")["classes"]}["gold"]
    assert (gold["quota_bytes"], gold["quota_messages"], gold["message_size"]) == (20 << 20, 100, 1 << 20)
    assert (gold["send_per_hour"], gold["recipients_per_hour"], gold["inactivity_days"]) == (5, 7, 90)
    assert (gold["retention_days_trash"], gold["retention_days_junk"]) == (30, 14)
    carol = "carol@foo.test"
    made = s.json("account", "add", carol, "--class", "gold")
    assert made["account"]["class"] == "gold"
    s.pop3("Carol@Bar.test", made["password"]).quit()  # the alias domain, in other letters
    s.run("account", "password", carol, "--password-stdin", stdin=PASSWORD + "\n")
    s.json("account", "set", carol, "--name", "Carol")
    s.pop3(carol).quit()
    for verb, status in (("suspend", "suspended"), ("resume", "active"), ("unlock", "active"), ("remove", "removed"),
                         ("restore", "active")):
        assert s.json("account", verb, carol)["ok"] is True
        assert s.json("account", "show", carol)["account"]["status"] == status
    assert carol in [a["address"] for a in s.json("account", "list")["accounts"]]
    s.json("alias", "add", "info@foo.test", carol, ALICE)
    assert s.json("alias", "show", "info@foo.test")["alias"]["targets"] == [carol, ALICE]
    s.run("mail", "deliver", "info@bar.test", "-", stdin="Subject: hi\n\nx\n")
    for address in (carol, ALICE):
        assert s.json("mail", "list", address)["messages"][0]["subject"] == "hi"
    s.json("account", "remove", carol)
    assert s.run("domain", "remove", "foo.test", check=False).returncode == 1, "it has accounts"
    status = s.json("status")
    assert status["certificates"][0]["days_left"] > 0 and status["certificates"][0]["matches_hostname"]


def test_the_configuration_is_found_by_the_environment(server):
    env = {**os.environ, "MAILSTEAD_CONFIG": str(server.config)}
    assert subprocess.run([BIN, "status"], env=env, capture_output=True).returncode == 0
    env["MAILSTEAD_CONFIG"] = "/nonexistent/mailstead.conf"
    assert subprocess.run([BIN, "status", "--config", str(server.config)], env=env,
                          capture_output=True).returncode == 0, "--config comes first"
    done = subprocess.run([BIN, "status"], env=env, capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "/nonexistent/mailstead.conf" in done.stderr


@pytest.mark.parametrize("size", [0, 1, 2, 3, 100_001])
def test_a_message_as_json(make_server, server, size):
    address = f"json{size}@example.test"
    server.account(address)
    body = bytes(i * 7 % 251 for i in range(size)).replace(b"\r", b"r").replace(b"\n", b"n")
    server.run("mail", "deliver", address, "-", stdin=b"Subject: any bytes\n\n" + body + b"\n")
    plain = subprocess.run([BIN, "mail", "show", address, "1", "--config", str(server.config)], check=True,
                           capture_output=True).stdout
    shown = server.json("mail", "show", address, "1")
    assert shown["message"] == 1 and base64.b64decode(shown["base64"], validate=True) == plain
    assert body in plain
    wrong = server.run("mail", "show", address, "99", "--json", check=False)
    assert wrong.returncode == 1 and wrong.stdout == "" and wrong.stderr.count("\n") == 1


def test_keep_days_as_one_writes_it(make_server):
    s = make_server("pop3 { deleted = keep-days 3 }")
    s.deliver(ALICE, "Subject: precious\n\nx\n")
    p = s.pop3(ALICE)
    p.dele(1)
    p.quit()
    assert s.messages(ALICE) == []
    assert len(s.json("mail", "list", ALICE, "--deleted")["expunged"]) == 1
    s.run("mail", "restore", ALICE)
    assert b"Subject: precious" in s.messages(ALICE)[0]


def read_terminal(fd, until, seconds=600):
    seen, end = b"", time.monotonic() + seconds
    while time.monotonic() < end and (until is None or until not in seen):
        if not select.select([fd], [], [], 0.5)[0]:
            continue
        try:
            piece = os.read(fd, 4096)
        except OSError:  # the other side of a terminal has gone
            break
        if piece == b"":
            break
        seen += piece
    return seen.decode(errors="replace")


def test_run_on_a_terminal(tmp_path):
    """Ctrl-C as a person types it: the terminal sends SIGINT to the script and to the server."""
    data = tmp_path / "a demo"
    offset = 20000 + os.getpid() % 20000 // 10 * 10
    command = [str(ROOT / "run"), "--data", str(data), "--port-offset", str(offset)]
    pid, fd = pty.fork()
    if pid == 0:
        os.execv(command[0], command)
    try:
        text = read_terminal(fd, b"Ctrl-C stops it.")
        demo = json.loads((data / "demo.json").read_text())
        assert set(demo) == {"host", "accounts", "ports", "ca", "config"} and demo["host"] == "localhost"
        assert [a["address"] for a in demo["accounts"]] == [ALICE, "bob@example.test"]
        assert all(set(a) == {"address", "password"} and a["password"] in text for a in demo["accounts"])
        assert demo["ports"] == {name: offset + port for name, port in (
            ("smtp", 25), ("submission", 587), ("submissions", 465), ("pop3", 110), ("pop3s", 995), ("imap", 143),
            ("imaps", 993), ("https", 443))}
        assert demo["ca"] in text and os.path.exists(demo["ca"]) and os.path.exists(demo["config"])
        assert data.stat().st_mode & 0o077 == 0, "whoever may open the admin socket is an administrator"
        other = tmp_path / "other"
        done = subprocess.run([*command[:2], str(other), *command[3:]], capture_output=True, text=True, timeout=600)
        assert done.returncode == 1 and done.stderr.count("\n") == 1 and str(offset + 25) in done.stderr
    finally:
        os.write(fd, b"\x03")
        rest = read_terminal(fd, None, 30)
        status = os.waitpid(pid, 0)[1]
        os.close(fd)
    assert os.waitstatus_to_exitcode(status) == 0 and "mailstead:" not in rest


def test_run_says_when_the_folder_cannot_be_made():
    done = subprocess.run([str(ROOT / "run"), "--data", "/proc/demo", "--port-offset", "3000"], capture_output=True,
                          text=True, timeout=600)  # where not even root can make one
    assert done.returncode == 1 and done.stderr == (
        "mailstead: the folder /proc/demo cannot be made; give another one with --data DIR\n")


def test_run_names_the_tool_that_is_missing(tmp_path):
    for folder in os.environ["PATH"].split(":"):
        for name in os.listdir(folder) if os.path.isdir(folder) else []:
            if name != "openssl" and not (tmp_path / name).is_symlink():
                (tmp_path / name).symlink_to(os.path.join(folder, name))
    done = subprocess.run([str(ROOT / "run"), "--build-only"], capture_output=True, text=True, timeout=600,
                          env={**os.environ, "PATH": str(tmp_path)})
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and "'openssl' is missing" in done.stderr
