# SPDX-License-Identifier: Apache-2.0
"""A server under attack: what it holds while it lasts, who is served meanwhile, and what it gives back.

The attack runs in a process of its own, so that a busy attacker does not slow the honest client down. It says when
it is at its worst (Ground.worst) and keeps that up until it is let go (Ground.over); in between the honest client has
to be served again and again. Attackers come from 127.66.0.0/16, the honest client from 127.0.0.1."""
import dataclasses
import imaplib
import multiprocessing
import os
import pathlib
import poplib
import re
import shutil
import smtplib
import sys
import tempfile
import threading
import time
import traceback
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import conftest  # noqa: E402  test/e2e's server

HONEST, VICTIM, PASSWORD = "alice@example.test", "bob@example.test", conftest.PASSWORD
MIB = 1024 * 1024
MEMORY_MAX = 300 * MIB
# Shadow memory, red zones, and freed memory that is kept for a while to find its late users.
SANITIZER_FACTOR = 2
SANITIZER_OPTIONS = "quarantine_size_mb=16:detect_leaks=1"
ROUNDS = 3  # of the honest client at the attack's worst
PATIENCE = 90  # seconds: nothing here is about speed, and the machine may have much else to do
# Short, because the tests wait for them; what they are for does not depend on their length.
TIMES = """
server { handshake_timeout = 5 connections_per_address = 1000 }
smtp { timeout = 5 data_timeout = 5 }
pop3 { timeout = 10 }
imap { login_timeout = 10 }
"""


class Failure(Exception):
    """What should have been is not."""


def insist(condition, *what):
    if not condition:
        raise Failure(" ".join(str(w) for w in what))


class Besieged(conftest.Server):
    """As in service: password hashing at its usual cost, what is logged at its usual level."""

    def __init__(self, folder, authority, settings):
        if conftest.HOW == "user":  # a section is written once
            settings = settings.replace("server {", 'server { user = "nobody"', 1)
        super().__init__(folder, authority, settings)

    def start(self, wait=True, env=None):
        if conftest.HOW != "self":
            conftest.own(self.dir)
        return super().start(wait, env)

    def write_config(self, settings=None):
        super().write_config(settings)
        text = self.config.read_text()
        ours = "" if "auth {" in self.settings else "auth { cleartext_on_loopback = yes }"
        text = re.sub(r"(?m)^auth \{ failure_delay = 50 .*\}$", ours, text)
        text = text.replace('level = "debug"', 'level = "info"')
        self.config.write_text(text)

    def sanitized(self):
        return b"__asan_init" in pathlib.Path(conftest.BIN).read_bytes()

    def memory_max(self):
        return MEMORY_MAX * (SANITIZER_FACTOR if self.sanitized() else 1)

    def memory(self):
        """Proportional set size of master and child."""
        return sum(pss(pid) for pid in (self.process.pid, self.child()))

    def descriptors(self):
        """(sockets, temporary files) of the child."""
        links = []
        folder = f"/proc/{self.child()}/fd"
        for name in os.listdir(folder):
            try:
                links.append(os.readlink(f"{folder}/{name}"))
            except OSError:
                pass
        return (sum(link.startswith("socket:") for link in links),
                sum(link.startswith(str(self.dir / "tmp")) for link in links))

    def is_quiet(self):
        """No client is connected, but for us who ask."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=PATIENCE) as page:
            rows = re.findall(r'(?m)^mailstead_connections_open\{protocol="(\w+)"\} (\d+)$', page.read().decode())
        return rows and all(int(count) == 0 for protocol, count in rows if protocol != "admin")


def pss(pid):
    try:
        text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return int(re.search(r"(?m)^Pss:\s+(\d+) kB", text).group(1)) * 1024


class Ground:
    """What an attack knows: the server's ports, and when it may stop."""

    def __init__(self, server, long):
        self.ports, self.metrics_port, self.long = server.ports, server.metrics_port, long
        self.context = server.context()  # one for all: making it takes longer than a handshake
        self._worst, self._over = multiprocessing.Event(), multiprocessing.Event()

    def worst(self):
        """The attack is at its worst; the honest client is measured from now on."""
        self._worst.set()

    def over(self):
        return self._over.is_set()

    def is_worst(self):
        return self._worst.is_set()

    def end(self):
        self._over.set()


@dataclasses.dataclass
class Outcome:
    name: str
    before: int = 0
    peak: int = 0
    after: int = 0
    sockets: int = 0
    files: int = 0
    rounds: int = 0
    slowest: float = 0
    seconds: float = 0
    told: str = ""
    error: str = ""


# How it looks that there is no room: what a patient client, as all mail programs are, tries again after.
REFUSALS = (OSError, EOFError, poplib.error_proto, imaplib.IMAP4.error)


class Honest(threading.Thread):
    """Sends itself a message and fetches it, over and over: a new connection for each, as mail programs make."""

    def __init__(self, server, ground, patient=False):
        super().__init__(daemon=True)
        self.server, self.ground, self.patient = server, ground, patient
        self.rounds, self.at_worst, self.slowest, self.error = 0, 0, 0.0, None
        self.refused = 0
        self.stopping = threading.Event()

    def run(self):
        while not self.stopping.is_set() and self.error is None:
            worst, began = self.ground.is_worst(), time.monotonic()
            try:
                self.round(f"honest {self.rounds} {began}")
            except REFUSALS as e:
                self.refused += 1
                if not self.patient or self.refused > PATIENCE:
                    self.error = f"the honest client, round {self.rounds}: {type(e).__name__} {e}"
                self.stopping.wait(1)
                continue
            except Exception as e:  # whatever it is, somebody was not served
                self.error = f"the honest client, round {self.rounds}: {type(e).__name__} {e}"
                return
            self.rounds += 1
            self.at_worst += worst
            if worst:
                self.slowest = max(self.slowest, time.monotonic() - began)
            self.stopping.wait(0.05)

    def round(self, subject):
        with smtplib.SMTP("127.0.0.1", self.server.ports["smtp"], timeout=PATIENCE) as s:
            s.sendmail("friend@elsewhere.test", [HONEST], f"Subject: {subject}\r\n\r\nx\r\n")
        (self.imap if self.rounds % 2 else self.pop3)(subject)

    def imap(self, subject):
        with imaplib.IMAP4_SSL("127.0.0.1", self.server.ports["imaps"], ssl_context=self.server.context(),
                               timeout=PATIENCE) as m:
            m.login(HONEST, PASSWORD)
            m.select()
            found = m.fetch("*", "(BODY.PEEK[])")[1]
            insist(f"Subject: {subject}".encode() in found[0][1], "what was acknowledged is not there")
            m.store("*", "+FLAGS.SILENT", "\\Deleted")
            insist(m.expunge()[1] != [None], "what was marked is not expunged")

    def pop3(self, subject):
        p = poplib.POP3_SSL("127.0.0.1", self.server.ports["pop3s"], context=self.server.context(), timeout=PATIENCE)
        p.user(HONEST)
        p.pass_(PASSWORD)
        last = p.stat()[0]
        insist(f"Subject: {subject}".encode() in p.retr(last)[1], "what was acknowledged is not there")
        p.dele(last)
        p.quit()


class Watch(threading.Thread):
    """The most that the server held at once."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.peak, self.sockets, self.files = server, 0, 0, 0
        self.stopping = threading.Event()

    def run(self):
        while not self.stopping.wait(0.1):
            try:
                self.peak = max(self.peak, self.server.memory())
                sockets, files = self.server.descriptors()
            except (OSError, IndexError):  # it died; the end of the test says so
                continue
            self.sockets, self.files = max(self.sockets, sockets), max(self.files, files)


def attacker(attack, ground, pipe):
    try:
        pipe.send(("told", attack(ground) or ""))
    except BaseException:
        pipe.send(("error", traceback.format_exc()))


def wait_until(condition, seconds=PATIENCE, step=0.05):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(step)
    return True


def lead(server, attack, ground, outcome, patient):
    """The attack, with the honest client beside it."""
    honest, watch = Honest(server, ground, patient), Watch(server)
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=attacker, args=(attack, ground, theirs), daemon=True)
    honest.start()
    watch.start()
    process.start()
    try:
        enough = lambda: honest.at_worst >= ROUNDS or honest.error or ours.poll()
        good = wait_until(enough, PATIENCE * (4 if ground.long else 1))
        ground.end()
        insist(ours.poll(PATIENCE * 2), "the attack does not end")
        kind, text = ours.recv()
        honest.stopping.set()
        honest.join(PATIENCE * 2)
        insist(honest.error is None, honest.error)
        insist(kind == "told", text)
        insist(good and honest.at_worst > 0, "the honest client was served", honest.at_worst, "times at the worst")
        outcome.told = text + (f", honest client refused {honest.refused} times" if patient else "")
    finally:
        ground.end()
        honest.stopping.set()
        watch.stopping.set()
        watch.join()
        process.join(10)
        if process.is_alive():
            process.kill()
        outcome.rounds, outcome.slowest = honest.at_worst, honest.slowest
        outcome.peak, outcome.sockets, outcome.files = watch.peak, watch.sockets, watch.files


def besiege(name, attack, config, authority, long=False, patient=False, accounts=()):
    """One attack on a server of its own. What came of it, with `error` where something is not as it should be.
    `patient`: the honest client may be told to come again. `accounts`: who is there but for the usual ones."""
    outcome, began = Outcome(name), time.monotonic()
    folder = tempfile.mkdtemp(prefix="mailstead-siege-")
    server = Besieged(folder, authority, config)
    try:
        server.init().start(env={"ASAN_OPTIONS": SANITIZER_OPTIONS})
        for address in (HONEST, VICTIM, *accounts):
            server.account(address)
        ground = Ground(server, long)
        Honest(server, ground).round("before the siege")
        insist(wait_until(server.is_quiet), "the first client's connections are still open")
        outcome.before = server.memory()
        sockets, files = server.descriptors()
        lead(server, attack, ground, outcome, patient)
        back = wait_until(lambda: server.descriptors()[0] <= sockets and server.descriptors()[1] <= files)
        insist(back, "sockets and temporary files before", (sockets, files), "and after", server.descriptors())
        insist(outcome.peak <= server.memory_max(), "memory", outcome.peak // MIB, "MiB, allowed",
               server.memory_max() // MIB)
        outcome.after = server.memory()
        Honest(server, ground).round("after the siege")
        server.stop()
    except Exception as e:
        outcome.error = str(e) if isinstance(e, (Failure, AssertionError)) else traceback.format_exc()
    finally:
        if server.process is not None:
            server.kill()
        outcome.seconds = time.monotonic() - began
        shutil.rmtree(folder, ignore_errors=True)
    return outcome
