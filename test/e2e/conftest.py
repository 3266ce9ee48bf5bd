# SPDX-License-Identifier: Apache-2.0
"""A real server for each test module, and the few words the tests share.

The binary is $MAILSTEAD_BIN, else build/asan/mailstead. Every server has a folder of its own, loopback
ports nobody uses, and is ended by its process id. A sanitizer report, a child that died or an unclean exit
fails the test.

Run by root the server is started as in service: as root, with server.user = nobody. With
$MAILSTEAD_E2E_AS = ordinary it is started as that user, with $MAILSTEAD_E2E_AS = self as whoever runs the tests.
"""
import json
import os
import pathlib
import pwd
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = os.environ.get("MAILSTEAD_BIN", str(ROOT / "build" / "asan" / "mailstead"))
BUILD = pathlib.Path(BIN).parent
HOW = os.environ.get("MAILSTEAD_E2E_AS", "user") if os.geteuid() == 0 else "self"
USER = pwd.getpwnam("nobody")
if HOW == "ordinary":  # who may not be able to reach the folder of the build
    _folder = tempfile.TemporaryDirectory(prefix="mailstead-bin-")
    os.chmod(_folder.name, 0o755)
    BIN = shutil.copy(BIN, _folder.name)
PORTS = ("smtp", "submission", "submissions", "pop3", "pop3s", "imap", "imaps")
PASSWORD = "correct horse battery"


def free_ports(count):
    """Ports that nobody listens on now; held open together so that they differ."""
    held = []
    try:
        for _ in range(count):
            s = socket.socket()
            s.bind(("127.0.0.1", 0))
            held.append(s)
        return [s.getsockname()[1] for s in held]
    finally:
        for s in held:
            s.close()


def openssl(*args):
    subprocess.run(["openssl", *args], check=True, capture_output=True)


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    """A certificate authority and a certificate for localhost."""
    d = tmp_path_factory.mktemp("tls")
    make_authority(d)
    make_certificate(d, "cert", "DNS:localhost,IP:127.0.0.1")
    if HOW == "ordinary":  # it reads the key itself; pytest's folder is closed to it
        d = pathlib.Path(shutil.copytree(d, tempfile.mkdtemp(prefix="mailstead-tls-") + "/tls"))
        own(d.parent)
    yield d
    if HOW == "ordinary":
        shutil.rmtree(d.parent)


def own(folder):
    """Gives all of it to the user the server becomes, or is."""
    for path in [folder, *pathlib.Path(folder).rglob("*")]:
        try:
            os.chown(path, USER.pw_uid, USER.pw_gid, follow_symlinks=False)
        except FileNotFoundError:  # a temporary file of a server that was killed a moment ago
            pass


def make_authority(d):
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
            "-keyout", f"{d}/ca.key", "-out", f"{d}/ca.pem", "-subj", "/CN=test authority",
            "-addext", "basicConstraints=critical,CA:TRUE")


def make_certificate(d, name, names, days=30):
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", f"{d}/{name}.key", "-out", f"{d}/{name}.csr", "-subj", "/CN=localhost")
    ext = pathlib.Path(f"{d}/{name}.ext")
    ext.write_text(f"subjectAltName={names}\n")
    openssl("x509", "-req", "-in", f"{d}/{name}.csr", "-CA", f"{d}/ca.pem", "-CAkey", f"{d}/ca.key",
            "-CAcreateserial", "-days", str(days), "-extfile", str(ext), "-out", f"{d}/{name}.pem")
    if HOW == "ordinary":
        own(d)


class Server:
    """One Mailstead: a folder, ports, a process."""

    def __init__(self, folder, authority, settings=""):
        self.dir = pathlib.Path(folder)
        self.tls = authority
        self.ca = str(authority / "ca.pem")
        self.settings = settings
        self.ports = dict(zip(PORTS, free_ports(len(PORTS))))
        self.metrics_port = free_ports(1)[0]
        self.process = None
        self.log = self.dir / "mailstead.log"
        self.stderr = self.dir / "stderr.txt"
        self.config = self.dir / "mailstead.conf"
        self.store = "rocksdb:store"
        self.deaths = 0  # of the child, that the test has caused
        self.program = BIN

    # ---- life -----------------------------------------------------------------------------

    def init(self):
        scratch = self.dir / "init"
        self.run("init", str(scratch), "--domain", "example.test", "--hostname", "localhost", config=False)
        shutil.move(str(scratch / "store"), str(self.dir / "store"))
        shutil.rmtree(scratch)
        self.write_config()
        return self

    def write_config(self, settings=None):
        if settings is not None:
            self.settings = settings
        listen = "\n".join(f'    {name} = {{"127.0.0.1:{port}"}}' for name, port in self.ports.items())
        self.config.write_text(f"""hostname = "localhost"
data = "{self.dir}"
listen {{
{listen}
}}
tls {{
    certificate = {{"{self.tls}/cert.pem"}}
    key = {{"{self.tls}/cert.key"}}
}}
metrics {{ listen = "127.0.0.1:{self.metrics_port}" }}
log {{ file = "mailstead.log" level = "debug" }}
auth {{ failure_delay = 50 argon2_memory = 1M argon2_passes = 1 }}
{self.user_setting()}
{self.settings}
""")

    def user_setting(self):
        return 'server { user = "nobody" }' if HOW == "user" and "user =" not in self.settings else ""

    def start(self, wait=True, env=None):
        if HOW != "self" and "user =" not in self.settings:
            own(self.dir)
        who = {"user": USER.pw_uid, "group": USER.pw_gid, "extra_groups": []} if HOW == "ordinary" else {}
        self.process = subprocess.Popen([self.program, "serve", "--config", str(self.config)],
                                        stdout=subprocess.DEVNULL, stderr=open(self.stderr, "ab"),
                                        env={**os.environ, **(env or {})}, **who)
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self, seconds=60):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise AssertionError(f"the server ended with {self.process.returncode}: {self.errors()}")
            if self.run("status", check=False).returncode == 0:
                return
            time.sleep(0.05)
        raise AssertionError("the server did not come up: " + self.errors())

    def errors(self):
        return self.stderr.read_text(errors="replace") if self.stderr.exists() else ""

    def child(self):
        """The process that serves; it is the only child of the one that was started."""
        pid = self.process.pid
        return int(pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)
        self.process = None
        assert "Sanitizer" not in self.errors(), self.errors()

    def stop(self, seconds=60):
        """Ends it and insists on a clean end: exit 0 and no sanitizer report."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)
            self.process.wait(30)
            raise AssertionError("the server did not stop: " + self.errors()) from None
        self.process = None
        assert code == 0, f"exit code {code}: {self.errors()}"
        assert "Sanitizer" not in self.errors(), self.errors()
        ends = ("event=child.died", "event=child.ended")
        died = [line for line in self.log_text().splitlines() if any(end in line for end in ends)]
        assert len(died) <= self.deaths, died

    # ---- the command line -----------------------------------------------------------------

    def run(self, *args, check=True, stdin=None, config=True):
        command = [BIN, *args] + (["--config", str(self.config)] if config else [])
        done = subprocess.run(command, input=stdin, capture_output=True, timeout=120,
                              text=not isinstance(stdin, bytes))
        assert b"Sanitizer" not in (done.stderr if isinstance(stdin, bytes) else done.stderr.encode()), done.stderr
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(command)} -> {done.returncode}: {done.stderr}")
        return done

    def json(self, *args, **kw):
        return json.loads(self.run(*args, "--json", **kw).stdout)

    def account(self, address, password=PASSWORD, *options):
        self.run("account", "add", address, "--password-stdin", *options, stdin=password + "\n")

    def deliver(self, address, message):
        self.run("mail", "deliver", address, "-", stdin=message)

    # ---- what clients use -----------------------------------------------------------------

    def context(self):
        return ssl.create_default_context(cafile=self.ca)

    def smtp(self, port="submission", login=None, password=PASSWORD):
        import smtplib
        s = smtplib.SMTP("localhost", self.ports[port], timeout=60)
        if port == "submission":
            s.starttls(context=self.context())
        if login:
            s.login(login, password)
        return s

    def pop3(self, login=None, password=PASSWORD):
        import poplib
        p = poplib.POP3_SSL("localhost", self.ports["pop3s"], context=self.context(), timeout=60)
        if login:
            p.user(login)
            p.pass_(password)
        return p

    def messages(self, address, password=PASSWORD):
        """All of an INBOX over POP3, as bytes."""
        p = self.pop3()
        p.utf8()  # else header fields in UTF-8 come as an ASCII surrogate (RFC 6856)
        p.user(address)
        p.pass_(password)
        count = p.stat()[0]
        found = [b"\r\n".join(p.retr(i + 1)[1]) + b"\r\n" for i in range(count)]
        p.quit()
        return found

    def raw(self, port):
        """A plain socket and its file, for what no well-behaved client does."""
        s = socket.create_connection(("127.0.0.1", self.ports[port]), timeout=60)
        return s, s.makefile("rwb", buffering=0)

    def log_text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""


@pytest.fixture(scope="module")
def make_server(authority):
    """A factory; everything it made is stopped, checked and removed when the module is done."""
    made = []

    def make(settings="", accounts=("alice@example.test", "bob@example.test"), start=True):
        folder = tempfile.mkdtemp(prefix="mailstead-e2e-")
        server = Server(folder, authority, settings).init()
        made.append(server)
        if start:
            server.start()
            for address in accounts:
                server.account(address)
        return server

    yield make
    failures = []
    for server in made:
        try:
            server.stop()
        except AssertionError as e:
            failures.append(str(e))
        finally:
            shutil.rmtree(server.dir, ignore_errors=True)
    assert not failures, "\n".join(failures)


@pytest.fixture(scope="module")
def server(make_server):
    """The ordinary one, with alice and bob."""
    return make_server()
