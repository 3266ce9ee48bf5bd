# SPDX-License-Identifier: Apache-2.0
"""A server to be killed: a folder, ports, processes found by looking, whatever number of them there are.

As in test/e2e: started by root it becomes "nobody", as in service; by anybody else it stays who started it."""
import http.client
import json
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import time

from admin import Admin, Broken

PORTS = ("smtp", "submission", "submissions", "pop3", "pop3s", "imap", "imaps")
USER = "nobody" if os.geteuid() == 0 else None
UP_SECONDS = 300  # a start takes seconds, also after a crash; this is for a machine with much else to do


def free_ports(count):
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


def children_of(pid):
    """Processes below `pid`, nearest first."""
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat") as f:
                    stat = f.read()
            except OSError:
                continue
            state, parent = stat.rpartition(")")[2].split()[:2]
            if state != "Z":
                parents.setdefault(int(parent), []).append(int(entry))
    found, at = [], [pid]
    while at:
        below = parents.get(at.pop(0), [])
        found += below
        at += below
    return found


class Server:
    def __init__(self, binary, folder, settings=""):
        self.binary, self.dir = str(binary), pathlib.Path(folder)
        self.data, self.config = self.dir / "data", self.dir / "mailstead.conf"
        self.stderr = self.dir / "stderr.txt"
        self.ports = dict(zip(PORTS, free_ports(len(PORTS))))
        self.settings = settings
        self.process = None
        self.env = None

    # ---- making ------------------------------------------------------------------------------

    def init(self):
        """The installation is what `init` makes; the configuration that is used stands beside it."""
        self.run("init", str(self.data), "--domain", "example.test", "--hostname", "localhost", config=False)
        self.write_config()
        self.give()

    def give(self):
        """The folder and all in it to who the server becomes."""
        if USER is not None:
            user = pwd.getpwnam(USER)
            for path in [self.dir, *self.dir.rglob("*")]:
                os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)

    def write_config(self):
        listen = "\n".join(f'    {name} = {{"127.0.0.1:{port}"}}' for name, port in self.ports.items())
        self.config.write_text(f"""hostname = "localhost"
data = "{self.data}"
listen {{
{listen}
}}
tls {{
    certificate = {{"{self.data}/tls/cert.pem"}}
    key = {{"{self.data}/tls/key.pem"}}
}}
log {{ file = "{self.dir}/mailstead.log" level = "info" }}
auth {{ cleartext_on_loopback = yes failure_delay = 50 argon2_memory = 1M argon2_passes = 1 }}
{f'server {{ user = "{USER}" }}' if USER else ""}
{self.settings}
""")

    def remove(self):
        shutil.rmtree(self.dir)

    # ---- life --------------------------------------------------------------------------------

    def launch(self):
        self.process = subprocess.Popen([self.binary, "serve", "--config", str(self.config)],
                                        stdout=subprocess.DEVNULL, stderr=open(self.stderr, "ab"),
                                        env=self.env, start_new_session=True)

    def wait_up(self):
        """Seconds until it answers."""
        began = time.monotonic()
        while time.monotonic() < began + UP_SECONDS:
            if self.process.poll() is not None:
                raise Broken(f"the server ended by itself with {self.process.returncode}: {self.errors()}")
            if self.answers():
                return time.monotonic() - began
            time.sleep(0.02)
        raise Broken(f"the server is not up after {UP_SECONDS} s: {self.errors()}")

    def answers(self):
        admin = self.admin()
        try:
            return admin.get("/v1/status") is not None
        except (OSError, http.client.HTTPException):
            return False
        finally:
            admin.close()

    def admin(self):
        return Admin(self.data / "admin.sock")

    def errors(self):
        return self.stderr.read_text(errors="replace")[-4000:] if self.stderr.exists() else ""

    def kill_all(self):
        """The whole group, and whoever has left it."""
        below = children_of(self.process.pid)
        os.killpg(self.process.pid, signal.SIGKILL)
        for pid in below:
            kill_quietly(pid)
        self.process.wait(30)
        wait_gone(below)

    def end(self):
        """Whatever has happened before, it does not outlive the test."""
        if self.process is not None and self.process.poll() is None:
            self.kill_all()

    def kill_child(self):
        """The process that serves; the first has to start another one. False: there is none at this moment."""
        victims = children_of(self.process.pid)
        for pid in victims:
            kill_quietly(pid)
        wait_gone(victims)
        return victims != []

    def kill_master(self):
        """Only the master: its child has to end by itself."""
        below = children_of(self.process.pid)
        self.process.kill()
        self.process.wait(30)
        wait_gone(below)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(UP_SECONDS)
        if code != 0 or "Sanitizer" in self.errors():
            raise Broken(f"it did not end well: {code}, {self.errors()}")

    # ---- the command line --------------------------------------------------------------------

    def run(self, *args, check=True, stdin=None, config=True):
        command = [self.binary, *args] + (["--config", str(self.config)] if config else [])
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=120)
        if check and done.returncode != 0:
            raise Broken(f"{' '.join(command)} -> {done.returncode}: {done.stdout}{done.stderr}")
        return done

    def json(self, *args, **kw):
        return json.loads(self.run(*args, "--json", **kw).stdout)


def kill_quietly(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def wait_gone(pids):
    end = time.monotonic() + 300
    while any(os.path.exists(f"/proc/{pid}") and not is_zombie(pid) for pid in pids):
        if time.monotonic() > end:
            raise Broken(f"of {pids} some live on")
        time.sleep(0.01)


def is_zombie(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True
