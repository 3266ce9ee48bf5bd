# SPDX-License-Identifier: Apache-2.0
"""What was promised is kept: kill -9 under load, a full disk, 50 MB, a full mailbox."""
import collections
import os
import pathlib
import random
import re
import smtplib
import subprocess
import threading
import time

import pytest

from conftest import BIN

ALICE, BOB = "alice@example.test", "bob@example.test"


def letter(name, body="x\r\n"):
    return f"From: a@elsewhere.test\r\nTo: {BOB}\r\nSubject: {name}\r\n\r\n{body}"


def names(messages):
    found = (re.search(rb"^Subject: (\S+)\r\n", m, re.M) for m in messages)
    return collections.Counter(f.group(1).decode() for f in found)


def test_kill_during_fifty_deliveries(make_server):
    """Each message answered 250 is there exactly once; the others at most once and whole."""
    server = make_server(accounts=(ALICE, BOB))
    promised, lock, stop = set(), threading.Lock(), threading.Event()

    def client(number):
        count = 0
        while not stop.is_set():
            try:
                with smtplib.SMTP("127.0.0.1", server.ports["smtp"], timeout=30) as s:
                    while not stop.is_set():
                        name = f"{number}-{count}"
                        count += 1
                        body = "yyyyyyyyy\r\n" * random.Random(name).randrange(2000) + "end\r\n"
                        s.sendmail("a@elsewhere.test", [random.choice([BOB, ALICE])], letter(name, body))
                        with lock:
                            promised.add(name)
            except (OSError, smtplib.SMTPException):
                time.sleep(0.05)

    threads = [threading.Thread(target=client, args=(n,), daemon=True) for n in range(50)]
    for t in threads:
        t.start()
    try:
        for _ in range(3):
            before = len(promised)
            end = time.monotonic() + 60
            while len(promised) < before + 100 and time.monotonic() < end:
                time.sleep(0.02)
            server.kill()
            server.start()
    finally:
        stop.set()
        for t in threads:
            t.join(60)
    assert len(promised) >= 300, "the clients got too little through to prove anything"
    messages = server.messages(BOB) + server.messages(ALICE)
    found = names(messages)
    assert not [n for n in promised if found[n] != 1], "promised but not there exactly once"
    assert not [n for n, c in found.items() if c > 1], "there more than once"
    assert all(m.endswith(b"end\r\n") for m in messages), "cut short"
    server.run("store", "check")


class Memory(threading.Thread):
    """The most memory of its own that a process had while this watched (mapped files do not count)."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.most, self.over = pid, 0, threading.Event()
        self.least = self.now()
        self.start()

    def now(self):
        with open(f"/proc/{self.pid}/status") as f:
            return int(re.search(r"RssAnon:\s+(\d+) kB", f.read()).group(1)) // 1024

    def run(self):
        while not self.over.wait(0.01):
            self.most = max(self.most, self.now())

    def growth(self):
        self.over.set()
        self.join()
        return self.most - self.least


def test_fifty_megabytes_in_bounded_memory(make_server):
    server = make_server("smtp { message_size = 60M }", start=False)
    # the sanitizer keeps what was freed for a while; that is not the server's memory
    server.start(env={"ASAN_OPTIONS": "quarantine_size_mb=1"})
    server.account(BOB)
    line = ("0123456789" * 7 + "\r\n").encode()
    body = line * (50 * 1024 * 1024 // len(line))
    memory = Memory(server.child())
    with server.smtp("smtp") as s:
        s.sendmail("a@elsewhere.test", [BOB], letter("big").encode() + body)
    got = server.messages(BOB)
    growth = memory.growth()
    assert got[0].endswith(body)
    if b"__tsan_init" in pathlib.Path(BIN).read_bytes():
        return  # ThreadSanitizer's shadow is several times what is touched
    assert growth < 100, f"{growth} MiB more for a message of 50 MiB"  # RocksDB's write buffers are most of it


def test_message_too_large(make_server):
    server = make_server("smtp { message_size = 100k }")
    with server.smtp("smtp") as s:
        s.ehlo()
        code, text = s.mail("a@elsewhere.test", ["SIZE=200000"])
        assert (code, text[:5]) == (552, b"5.3.4")
        s.rset()
        with pytest.raises(smtplib.SMTPDataError) as e:
            s.esmtp_features.pop("size", None)
            s.sendmail("a@elsewhere.test", [BOB], letter("too large", ("y" * 70 + "\r\n") * 2000))
        assert e.value.smtp_code == 552
        s.sendmail("a@elsewhere.test", [BOB], letter("small"))
        with pytest.raises(smtplib.SMTPDataError) as e:  # no longer listened to, but told why
            s.sendmail("a@elsewhere.test", [BOB], letter("endless", ("y" * 70 + "\r\n") * 4000))
        assert e.value.smtp_code == 552
        with pytest.raises(smtplib.SMTPServerDisconnected):
            s.noop()
            s.noop()
    assert names(server.messages(BOB)) == {"small": 1}


@pytest.mark.parametrize("setting, code, enhanced", [("tempfail", 452, b"4.2.2"), ("reject", 552, b"5.2.2")])
def test_over_quota(make_server, setting, code, enhanced):
    server = make_server(f'smtp {{ over_quota = "{setting}" }}')
    server.run("class", "add", "small", "--quota", "20k")
    server.run("account", "set", BOB, "--class", "small")
    with server.smtp("smtp") as s:
        for i in range(3):
            try:
                s.sendmail("a@elsewhere.test", [BOB], letter(f"q{i}", "z" * 70 + "\r\n" + ("z" * 70 + "\r\n") * 120))
            except (smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError) as e:
                refusal = list(e.recipients.values())[0] if hasattr(e, "recipients") else (e.smtp_code, e.smtp_error)
                assert refusal[0] == code and refusal[1].startswith(enhanced), refusal
                break
        else:
            raise AssertionError("the quota was never enforced")
    p = server.pop3(BOB)
    for i in range(p.stat()[0]):
        p.dele(i + 1)
    p.quit()
    with server.smtp("smtp") as s:  # there is room again
        s.sendmail("a@elsewhere.test", [BOB], letter("fits"))
    assert names(server.messages(BOB)) == {"fits": 1}


def test_full_disk_answers_4xx_and_recovers(make_server):
    server = make_server(start=False)
    disk = server.dir / "store"
    saved = server.dir / "saved"
    disk.rename(saved)
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200m", "tmpfs", str(disk)], capture_output=True)
    assert mounted.returncode == 0, f"this test mounts a small file system and needs root: {mounted.stderr}"
    try:
        for f in saved.iterdir():
            subprocess.run(["cp", "-a", str(f), str(disk)], check=True)
        server.start()
        server.account(BOB)
        stored = 0
        with server.smtp("smtp") as s:
            for i in range(300):
                body = os.urandom(1 << 20).hex()  # does not compress well
                text = "\r\n".join(body[k:k + 100] for k in range(0, len(body), 100)) + "\r\n"
                try:
                    s.sendmail("a@elsewhere.test", [BOB], letter(f"n{i}", text))
                    stored += 1
                except smtplib.SMTPResponseException as e:
                    assert 400 <= e.smtp_code < 500, (e.smtp_code, e.smtp_error)
                    break
                except smtplib.SMTPRecipientsRefused as e:
                    code, answer = list(e.recipients.values())[0]
                    assert 400 <= code < 500, answer
                    break
                except smtplib.SMTPSenderRefused as e:
                    assert 400 <= e.smtp_code < 500
                    break
            else:
                raise AssertionError("200 MB held 600 MB")
        assert stored > 3
        assert sum(names(server.messages(BOB)).values()) == stored  # reading still works
        subprocess.run(["mount", "-o", "remount,size=1500m", str(disk)], check=True)
        end = time.monotonic() + 60
        while True:  # without a restart
            try:
                with server.smtp("smtp") as s:
                    s.sendmail("a@elsewhere.test", [BOB], letter("after"))
                break
            except smtplib.SMTPException:
                assert time.monotonic() < end, "it never recovered"
                time.sleep(0.5)
        found = names(server.messages(BOB))
        assert found["after"] == 1 and sum(found.values()) == stored + 1
        server.stop()
    finally:
        if server.process is not None:
            server.kill()
        subprocess.run(["umount", str(disk)], check=True)
