# SPDX-License-Identifier: Apache-2.0
"""Records a real server that real clients use, and finds the promises in what it said to them.

The recorder has what the server read from and wrote to each connection, in order with what it did to its folder.
The clients (test/crash/clients.py) keep a journal. Together they say what was promised when: a message at the moment
its 250 was given to the kernel, a deletion at the +OK to QUIT, an account at the answer of the admin API.
"""
import hashlib
import os
import pickle
import re
import signal
import subprocess
import threading
import time

import record
from clients import PASSWORD, Reader, Sender
from journal import Journal
from server import Server, children_of, wait_gone

ACCOUNTS, SENDERS, READERS = 6, 4, 2
DEATH = signal.SIGRTMIN + 5  # as kill -9, but not in the middle of a record (shim.h)


class World:
    """What the clients need (as in test/crash/world.py)."""

    def __init__(self, server, seed):
        self.name, self.journal, self.server, self.ports = "s", Journal(), server, server.ports
        self.addresses = [f"u{i}@example.test" for i in range(ACCOUNTS)]
        self.gate, self.over, self.failures = threading.Event(), threading.Event(), []
        self.clients = [make(self, f"{name}{i}", seed)
                        for i, (name, make) in enumerate([("sender", Sender)] * SENDERS + [("reader", Reader)] * READERS)]

    def fail(self, text):
        self.failures.append(text)
        self.over.set()


def record_init(tools, folder, sync="skip"):
    """`init`, and what its exit code 0 promises: the store with the domain, and the files it wrote."""
    server = Server(tools.server, folder)
    root = folder / "root"
    root.mkdir(parents=True)
    server.data = root / "data"
    log = folder / "log"
    server.env = tools.env(sync, log, root)
    subprocess.run([tools.server, "init", str(server.data), "--domain", "example.test", "--hostname", "localhost"],
                   env=server.env, check=True, stdout=subprocess.DEVNULL)
    record.append_mark(log, "created")
    record.append_mark(log, "domain example.test")
    for name in ("mailstead.conf", "tls/cert.pem", "tls/key.pem"):
        digest = hashlib.sha256((server.data / name).read_bytes()).hexdigest()
        record.append_mark(log, f"file data/{name} {digest}")
    return server


def record_server(tools, folder, seed, promises):
    """`init`; a server whose child is killed and replaced by the master; after it has promised more it is killed as
    a whole; one more is started on what is left, and ends as it should. `promises` messages each time."""
    server = record_init(tools, folder)
    server.write_config()
    server.give()
    world = World(server, seed)
    try:
        record_life(server, world, promises)
    finally:
        world.over.set()
        server.end()
    save_marks(folder, promised(record.read(folder / "log"), world.journal))


def record_life(server, world, promises):
    server.launch()
    server.wait_up()
    for address in world.addresses:
        server.run("account", "add", address, "--password-stdin", stdin=PASSWORD + "\n")
    for c in world.clients:
        c.start()
    use(world, promises)
    die(server, with_master=False)
    server.wait_up()
    use(world, promises * 2)
    die(server, with_master=True)
    server.launch()
    server.wait_up()
    use(world, promises * 3)
    for c in world.clients:
        c.idle.wait(600)
    world.over.set()
    server.stop()
    if world.failures:
        raise AssertionError(world.failures)


def die(server, with_master):
    """The child writes down each thing that it does until it dies; the master, which does nothing to the folder
    while it has a child, stands still meanwhile and is killed outright."""
    child, = children_of(server.process.pid)
    if with_master:
        server.process.send_signal(signal.SIGSTOP)
    os.kill(child, DEATH)
    wait_gone([child])
    if with_master:
        server.process.kill()
        server.process.wait(30)


def save_marks(folder, marks):
    with open(folder / "marks", "wb") as f:
        pickle.dump(marks, f)


def use(world, promises):
    world.gate.set()
    end = time.monotonic() + 600
    while world.journal.counts.get("got", 0) < promises and not world.over.is_set():
        if time.monotonic() > end:
            raise AssertionError("in ten minutes the server took too little mail")
        time.sleep(0.01)
    world.gate.clear()


def load_marks(folder):
    """None: there are only those that the recorded program said itself."""
    if not (folder / "marks").exists():
        return None
    with open(folder / "marks", "rb") as f:
        return pickle.load(f)


# ---- from what was said to marks -----------------------------------------------------------------


class Connection:
    def __init__(self):
        self.said = b""
        self.session = None  # of POP3: what the client's journal has about it
        self.quitting = False


def promised(records, journal):
    """{record number: [marks]}."""
    marks = {r.at: [r.data.decode()] for r in records if r.kind == record.MARK}
    begun = [f"try {token} {' '.join(addresses)}" for token, addresses in journal.begun.items()]
    marks[0] = begun + marks.get(0, [])
    sessions = {}
    for port, *session in journal.sessions:
        sessions.setdefault(port, []).append(session)
    open_ports = {}
    for r in records:
        if r.kind == record.SEND:
            if r.data.startswith((b"220 ", b"+OK localhost ")):
                open_ports[r.a] = Connection()
            found = said(open_ports.setdefault(r.a, Connection()), r, journal)
        elif r.kind == record.RECEIVE and b"QUIT\r\n" in r.data and sessions.get(r.a):
            found = quits(open_ports[r.a], sessions[r.a])
        else:
            continue
        if found:
            marks.setdefault(r.at, []).extend(found)
    return marks


def said(connection, r, journal):
    """What a server's answer promises."""
    found = []
    *lines, connection.said = (connection.said + r.data).split(b"\r\n")
    for line in lines:
        kept = re.search(rb"^250 .* kept as (\S+)", line)
        if kept and kept.group(1).decode() in journal.kept_as:
            token, addresses = journal.kept_as[kept.group(1).decode()]
            found.append(f"got {token} {' '.join(addresses)}")
        if connection.quitting and line.startswith(b"+OK"):
            address, _, gone = connection.session
            found += [f"deleted {address} {token}" for token in gone]
            connection.quitting = False
    if r.a == 0:  # the admin API, on its Unix socket
        for address in re.findall(rb'\{"account":\{"address":"([^"]+)"', r.data):
            found.append(f"account {address.decode()}")
    return found


def quits(connection, sessions):
    """From the QUIT on its deletions are begun. What it had seen before was promised to stay as it is."""
    connection.session = sessions.pop(0)
    connection.quitting = True
    address, seen, gone = connection.session
    return ([f"seen {address} {token} - {uidl}" for token, uidl in seen] +
            [f"delete {address} {token}" for token in gone])
