# SPDX-License-Identifier: Apache-2.0
"""One installation, its clients, and the hand that kills."""
import random
import threading
import time

import look
from admin import Broken
from clients import PASSWORD, Reader, Sender
from imap import Appender, Follower, Writer
from journal import Journal
from operating import Operator
from proof import prove
from server import Server

ACCOUNTS, SENDERS, READERS, APPENDERS, WRITERS = 8, 6, 2, 2, 2
# "group": master and child at once; "master": only the master, with which the child has to die; "child": only the
# child, which the master has to replace; "starting" and "restarting": as "group" and "child", and again while the
# server recovers from that.
STYLES = ("group", "group", "starting", "child", "child", "restarting", "master")


class World:
    def __init__(self, binary, folder, name, seed):
        self.name, self.seed = name, seed
        self.random = random.Random(f"{seed}-{name}")
        self.journal = Journal()
        self.journal.listener = self.acknowledged
        # a change of password that was cut short is tried out: that must not lock anybody out
        self.server = Server(binary, folder, "lockout { failures = 100 }")
        self.ports = self.server.ports
        self.addresses = [f"u{i}@example.test" for i in range(ACCOUNTS)]
        self.gate, self.over = threading.Event(), threading.Event()
        self.failures, self.logins = [], []
        self.verified = set()  # tokens whose bodies have been compared
        self.acks, self.wanted, self.enough = 0, 0, threading.Event()
        self.waits, self.styles = [], {}

    # ---- what clients call -------------------------------------------------------------------

    def fail(self, text):
        self.failures.append(text)
        self.over.set()

    def acknowledged(self, word):
        if word in ("got", "deleted", "account"):
            self.acks += 1
            if self.acks >= self.wanted:
                self.enough.set()

    # ---- life --------------------------------------------------------------------------------

    def begin(self):
        self.server.init()
        self.server.launch()
        self.server.wait_up()
        writers = [f"writer{i}@example.test" for i in range(WRITERS)]
        for address in [*self.addresses, Operator.PW, *writers]:
            self.server.run("account", "add", address, "--password-stdin", stdin=PASSWORD + "\n")
            self.journal.mark(f"account {address}")
        kinds = (("sender", Sender, SENDERS), ("reader", Reader, READERS), ("appender", Appender, APPENDERS),
                 ("writer", Writer, WRITERS), ("follower", Follower, WRITERS), ("operator", Operator, 1))
        self.clients = [make(self, f"{name}{i}", self.seed) for name, make, n in kinds for i in range(n)]
        self.operator = self.clients[-1]
        self.operator.password = PASSWORD
        self.writers = [c for c in self.clients if isinstance(c, Writer)]
        self.followers = [c for c in self.clients if isinstance(c, Follower)]
        for follower, writer in zip(self.followers, self.writers):
            follower.writer = writer
        for c in self.clients:
            c.start()

    def kills(self, count):
        for _ in range(count):
            style = self.random.choice(STYLES)
            self.let_work()
            self.kill(style)
            self.compare()

    def let_work(self):
        """Until a random number of promises, and a random moment more."""
        self.enough.clear()
        self.wanted = self.acks + self.random.randint(1, 40)
        self.gate.set()
        end = time.monotonic() + 600
        while not self.enough.wait(0.5) and not self.over.is_set():
            if time.monotonic() > end:
                raise Broken("in ten minutes nobody was promised anything")
        time.sleep(self.random.choice((0, 0, self.random.uniform(0, 0.05), self.random.uniform(0, 0.5))))

    def kill(self, style):
        server = self.server
        pushing = self.random.random() < 0.5  # clients that do not wait until it is up
        if not pushing:
            self.gate.clear()
        if style in ("child", "restarting"):
            self.kill_child(again=style == "restarting")
        else:
            server.kill_master() if style == "master" else server.kill_all()
            for _ in range(self.random.randint(1, 3) if style == "starting" else 0):
                server.launch()
                time.sleep(self.random.uniform(0.01, 0.8))
                if server.process.poll() is not None:
                    raise Broken(f"it ended while starting: {server.errors()}")
                server.kill_all()
            server.launch()
        self.up(style)
        self.gate.clear()

    def kill_child(self, again):
        if not self.server.kill_child():
            raise Broken("the master has no child")
        for _ in range(self.random.randint(1, 2) if again else 0):
            time.sleep(self.random.uniform(0.05, 0.8))
            self.server.kill_child()  # between two children there is none
        if self.server.process.poll() is not None:
            raise Broken(f"the master ended with its child: {self.server.errors()}")

    def up(self, style):
        self.waits.append(self.server.wait_up())
        self.styles[style] = self.styles.get(style, 0) + 1

    # ---- comparing ---------------------------------------------------------------------------

    def quiet(self):
        """All clients have ended what they were at."""
        for c in self.clients:
            if not c.idle.wait(600) and not self.over.is_set():
                raise Broken(f"{c.name} hangs")
        if self.failures:
            raise Broken("; ".join(self.failures))

    def compare(self, everything=False):
        self.quiet()
        admin = self.server.admin()
        lines = [f"domain {d['name']}" for d in admin.get("/v1/domains")["domains"]]
        lines += look.look_directory(admin)
        for address in self.addresses:
            lines += look.settled(lambda a=address: look.look_account(self, admin, a, self.wanted_body(everything)))
        check = admin.text("POST", "/v1/store/check")
        admin.close()
        wrong = self.journal.promises.broken(lines)
        for client in [*self.writers, *self.followers]:
            wrong += [text for text in [look.settled(client.wrong)] if text]
        wrong += self.operator.broken(lambda a, p: look.settled(lambda: look.can_log_in(self, a, p)))
        if not check.rstrip().endswith(" 0 problems"):
            wrong.append(f"store check: {check}")
        if wrong:
            raise Broken("\n    ".join(["after a kill:", *wrong[:20]]))
        self.verified |= {l.split(" ")[2] for l in lines if l.startswith("mail ")}

    def wanted_body(self, everything):
        return lambda token: everything or token not in self.verified or random.random() < 0.1

    def end(self):
        """The clients stop, the last comparison reads everything, another shows that it can fail, the server ends as it
        should."""
        self.gate.clear()
        self.quiet()
        self.over.set()
        for c in self.clients:
            c.join(600)
        self.compare(everything=True)
        prove(self)
        self.server.stop()
        self.server.run("store", "check")  # and beside no server
