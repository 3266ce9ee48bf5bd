# SPDX-License-Identifier: Apache-2.0
"""Mailstead as a release build, with its defaults but for the limit of connections from one address."""
import imaplib
import os
import shutil
import ssl
import subprocess

from lib.server import DOMAIN, MAILBOXES, PASSWORD, Server, certificate
from peers.root import BENCH, TREE, run

CONF = """\
hostname = "localhost"
data = "{data}"
listen {{
    smtp = {{"127.0.0.1:{smtp}"}}
    submission = {{}}
    submissions = {{}}
    pop3 = {{}}
    pop3s = {{"127.0.0.1:{pop3s}"}}
    imap = {{}}
    imaps = {{"127.0.0.1:{imaps}"}}
}}
tls {{
    certificate = {{"{cert}"}}
    key = {{"{key}"}}
}}
server {{
    connections_per_address = 15000
    user = "nobody"
}}
log {{ file = "mailstead.log" }}
{more}
"""


class Mailstead(Server):
    name = "mailstead"
    protocols = ("smtp", "pop3s", "imaps")
    idle_sessions = 10000

    def __init__(self, settings=""):
        super().__init__()
        self.binary = os.environ.get("MAILSTEAD_BIN", str(TREE / "build/release/mailstead"))
        self.dir = BENCH / "mailstead"
        self.conf = self.dir / "mailstead.conf"
        self.settings = settings  # more of the configuration, for experiments

    def prepare(self):
        if "MAILSTEAD_BIN" not in os.environ:
            build()

    def configure(self):
        shutil.rmtree(self.dir, ignore_errors=True)
        self.dir.mkdir(parents=True)
        run(self.binary, "init", str(self.dir / "init"), "--domain", DOMAIN, "--hostname", "localhost")
        shutil.move(self.dir / "init/store", self.dir / "store")
        shutil.rmtree(self.dir / "init")
        run("chown", "-R", "nobody", str(self.dir))
        cert, key = certificate()
        self.conf.write_text(CONF.format(data=self.dir, cert=cert, key=key, more=self.settings, **self.ports))
        return "/", [self.binary, "serve", "--config", str(self.conf)]

    def ready(self):
        table = self.dir / "accounts.csv"
        table.write_text("address,password\n" + "".join(f"user{i}@{DOMAIN},{PASSWORD}\n" for i in range(MAILBOXES)))
        run(self.binary, "account", "import", str(table), "--config", str(self.conf))

    def waiting(self):
        return 0  # 250 means: in the mailbox

    def delivered(self):
        context = ssl._create_unverified_context()  # the certificate is nobody's but ours
        total = 0
        for i in sorted({first + n for first, number in self.used for n in range(number)}):
            m = imaplib.IMAP4_SSL("127.0.0.1", self.ports["imaps"], ssl_context=context, timeout=60)
            m.login(f"user{i}@{DOMAIN}", PASSWORD)
            total += int(m.status("INBOX", "(MESSAGES)")[1][0].rpartition(b" ")[2].rstrip(b")"))
            m.logout()
        return total

    def versions(self):
        commit = run("git", "-C", str(TREE), "describe", "--always", "--dirty").strip()
        return {"mailstead": commit}


def build():
    """The release build with the load generator."""
    folder = TREE / "build/release"
    options = ["--buildtype=release", "-Dtests=false", "-Dbench=true"]
    if (folder / "build.ninja").exists():
        # a folder of before there was such an option knows it only after it looked at the tree again
        known = subprocess.run(["meson", "configure", str(folder), "-Dbench=true"], capture_output=True, check=False)
        if known.returncode != 0:
            run("meson", "setup", "--reconfigure", str(folder))
            run("meson", "configure", str(folder), "-Dbench=true")
    else:
        run("meson", "setup", str(folder), *options, cwd=TREE)
    run("ninja", "-C", str(folder))
