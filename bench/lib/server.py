# SPDX-License-Identifier: Apache-2.0
"""What Mailstead and the peers have in common for a measurement: start in a cage, stop, when is all delivered.

Everyone serves user0 … user179 of bench.test with one password, uses one certificate (ECDSA P-256), TLS 1.2 and 1.3,
and listens on loopback ports that were free when it started.
"""
import fnmatch
import json
import os
import pathlib
import socket
import subprocess
import sys
import time

from lib.cost import Cost
from peers.root import FOLDER, run

DOMAIN, PASSWORD, MAILBOXES = "bench.test", "benchsecret", 180
# (first, how many) of them: those that take in, those read, those logged in to, those that grow over IMAP, those idled in, a large one
INGEST, DRAIN_8K, DRAIN_64K, LOGIN, READ_1M, MIXED, IDLE, HUGE = (
    (0, 50), (50, 15), (65, 15), (80, 20), (100, 5), (105, 8), (113, 66), (179, 1))
CAGE = pathlib.Path(__file__).with_name("cage.py")
START_SECONDS, DELIVERY_SECONDS = 120, 600


def free_ports(count):
    """Ports that nobody listens on now; held open together so that they differ."""
    held = [socket.socket() for _ in range(count)]
    try:
        for s in held:
            s.bind(("127.0.0.1", 0))
        return [s.getsockname()[1] for s in held]
    finally:
        for s in held:
            s.close()


def certificate():
    """(certificate, key), made once for all: the handshake must cost everybody the same."""
    folder = FOLDER / "tls"
    cert, key = folder / "cert.pem", folder / "key.pem"
    if not cert.exists():
        folder.mkdir(parents=True, exist_ok=True)
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-sha256",
            "-days", "3650", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
            "-keyout", str(key), "-out", str(cert))
    return cert, key


def answers(port, greeting=True):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as s:
            return not greeting or s.recv(4)[:3] in (b"220", b"+OK", b"* O")
    except OSError:
        return False


class Server:
    """A subclass says `name`, `protocols` (the ports it opens), and the functions without a body."""

    name = None
    protocols = ("smtp",)  # of smtp, pop3s, imaps, lmtp
    load_options = ()      # of the generator, for all works
    leaves_out = ()        # works that it cannot do; its own file says why
    idle_sessions = 0      # that imap-idle has at scale 1
    idle_rest = 2          # seconds until it has done with idle sessions what it does with them
    helpers = ()           # command lines started before it that are not counted

    def __init__(self):
        self.ports, self.cost, self.cage = {}, None, None

    # ---- what a subclass says --------------------------------------------------------------

    def prepare(self):
        """Installs or builds what is needed; quick when it is there."""
        raise NotImplementedError

    def configure(self):
        """Writes the configuration for self.ports and makes the mailboxes anew, empty. -> (root, argv)"""
        raise NotImplementedError

    def waiting(self):
        """How many messages it has accepted and not yet delivered."""
        raise NotImplementedError

    def delivered(self):
        """How many messages its mailboxes hold."""
        raise NotImplementedError

    def ready(self):
        """What must happen after the ports answer."""

    def versions(self):
        raise NotImplementedError

    # ---- life -------------------------------------------------------------------------------

    def start(self):
        self.ports = dict(zip(self.protocols, free_ports(len(self.protocols))))
        root, argv = self.configure()
        self.cost = Cost(self.name)
        commands = [{"argv": list(helper)} for helper in self.helpers] + [{"argv": argv, "counted": True}]
        spec = json.dumps({"root": str(root), "groups": self.cost.groups, "commands": commands})
        log = (FOLDER / f"{self.name}.out").open("w")
        self.cage = subprocess.Popen([sys.executable, str(CAGE), spec], stdout=subprocess.PIPE, stderr=log, text=True)
        first = self.cage.stdout.readline()
        if not first:
            raise RuntimeError(f"{self.name} did not start: see {log.name}")
        self.cost.first = int(first)
        end = time.monotonic() + START_SECONDS
        waiting = dict(self.ports)
        while waiting:
            waiting = {p: port for p, port in waiting.items() if not answers(port, p not in ("pop3s", "imaps", "lmtp"))}
            if self.cage.poll() is not None:
                raise RuntimeError(f"{self.name} ended with {self.cage.returncode}: see {log.name}")
            if time.monotonic() > end:
                self.stop()
                raise RuntimeError(f"{self.name} does not answer on {waiting}: see {log.name}")
            time.sleep(0.1)
        self.ready()

    def stop(self):
        if self.cage is None:
            return
        self.cage.terminate()
        self.cage.wait(120)
        self.cage.stdout.close()
        self.cage = None
        self.cost.done()

    def wait_delivered(self):
        """Until it says that nothing waits any more. -> seconds that took."""
        began = time.monotonic()
        if self.waiting() == 0:
            return 0.0
        while self.waiting() > 0:
            if time.monotonic() - began > DELIVERY_SECONDS:
                raise RuntimeError(f"{self.name}: {self.waiting()} messages are still waiting")
            time.sleep(0.1)  # rarely: looking costs the machine, too
        return time.monotonic() - began


def count_files(folder, pattern="*"):
    """Files below, of that pattern, whatever comes and goes meanwhile."""
    total = 0
    for _, _, files in os.walk(folder):
        total += len(files) if pattern == "*" else len(fnmatch.filter(files, pattern))
    return total
