# SPDX-License-Identifier: Apache-2.0
"""The works that are measured, each on a running server. Those of one round run on one start, in this order, but for
those that need a server that has done nothing yet."""
import os
import threading
import time

from lib import imap_select, imap_works
from lib.measure import Meter, Work, count_of, figures, fill, load
from lib.server import DRAIN_64K, DRAIN_8K, INGEST, LOGIN


def ingest(server, work, scale):
    count = count_of(server, work, scale)
    meter = Meter(server)
    result = load(server, "smtp", "smtp", INGEST, count, *work.options)
    late = server.wait_delivered()
    meter.stop()
    server.accepted += count
    return figures(meter, count, result["seconds"] + late, result["units"], result)


def drain(server, work, scale):
    """Sessions that fetch everything less as many that fetch nothing: that is the messages' share."""
    mailboxes = work.options
    sessions = mailboxes[1] * 4
    hold = fill(server, mailboxes, scale)
    options = ("--tls", "implicit", "--connections", 8, "--expect", hold)
    load(server, "drain", "pop3s", mailboxes, mailboxes[1], "--retrieve", 0, *options)  # caches are warm
    empty = Meter(server)
    load(server, "drain", "pop3s", mailboxes, sessions, "--retrieve", 0, *options)
    empty.stop()
    meter = Meter(server)
    result = load(server, "drain", "pop3s", mailboxes, sessions, *options)
    meter.stop()
    messages = sessions * hold
    found = figures(meter, messages, result["seconds"], result["messages"], result)
    found["cpu_ms"] = (meter.cpu - empty.cpu) * 1000 / messages
    found["session_ms"] = empty.cpu * 1000 / sessions
    return found


def login(server, work, scale):
    count = max(40, round(work.count * scale))
    fill(server, LOGIN, scale)
    load(server, "login", "pop3s", LOGIN, LOGIN[1], "--tls", "implicit")  # from here on verified passwords are cached
    meter = Meter(server)
    result = load(server, "login", "pop3s", LOGIN, count, "--tls", "implicit", *work.options)
    meter.stop()
    found = figures(meter, count, result["seconds"], result["units"], result)
    found["resumed"] = result["resumed"] / count
    return found


class Sampler(threading.Thread):
    """The most memory a server takes while something goes on."""

    def __init__(self, cost):
        super().__init__(daemon=True)
        self.cost, self.most, self.over = cost, 0, threading.Event()

    def run(self):
        while not self.over.wait(0.3):
            self.most = max(self.most, self.cost.memory())

    def stop(self):
        self.over.set()
        self.join()
        return self.most


def memory(server, work, scale):
    """Idle just after the start, and the most while 256 connections send."""
    server.cost.wait_quiet()
    idle = server.cost.memory()
    sampler = Sampler(server.cost)
    sampler.start()
    count = max(1000, count_of(server, work, scale))
    try:
        load(server, "smtp", "smtp", INGEST, count, "--connections", 256, "--tls", "starttls")
    finally:
        most = sampler.stop()
    server.wait_delivered()
    server.accepted += count
    return {"idle": idle, "most": most, "load": os.getloadavg()[0]}


REUSED = ("--connections", 64)
WORKS = [
    Work("memory", "memory", memory, "smtp", 2000),
    Work("smtp-8k", "SMTP to mailbox, 8 KiB, 64 connections reused", ingest, "smtp", 4000,
         ("--size", "8k") + REUSED, 1 / 10, 8),
    Work("smtp-64k", "SMTP to mailbox, 64 KiB, 64 connections reused", ingest, "smtp", 1500,
         ("--size", "64k") + REUSED, 1 / 8),
    Work("smtp-1m", "SMTP to mailbox, 1 MiB, 16 connections reused", ingest, "smtp", 200,
         ("--size", "1M", "--connections", 16), 1 / 4),
    Work("smtp-new-starttls", "SMTP to mailbox, 8 KiB, a new STARTTLS connection each, 16 at once", ingest, "smtp", 1500,
         ("--size", "8k", "--tls", "starttls", "--per-connection", 1, "--connections", 16), 1 / 4),
    Work("smtp-c1", "SMTP to mailbox, 8 KiB, one connection reused", ingest, "smtp", 500,
         ("--size", "8k", "--connections", 1)),
    Work("smtp-c16", "SMTP to mailbox, 8 KiB, 16 connections reused", ingest, "smtp", 2000,
         ("--size", "8k", "--connections", 16)),
    Work("smtp-c256", "SMTP to mailbox, 8 KiB, 256 connections reused", ingest, "smtp", 3000,
         ("--size", "8k", "--connections", 256)),
    Work("drain-8k", "POP3S drain, 8 KiB messages", drain, "pop3s", 0, DRAIN_8K, 1 / 4),
    Work("drain-64k", "POP3S drain, 64 KiB messages", drain, "pop3s", 0, DRAIN_64K, 1 / 3),
    Work("login", "POP3S login, whole handshake, cached verification, 16 at once", login, "pop3s", 1000,
         ("--connections", 16), 1 / 3),
    Work("login-resumed", "POP3S login, TLS session resumed, 16 at once", login, "pop3s", 1000,
         ("--connections", 16, "--resume")),
] + imap_works.WORKS + imap_select.WORKS
IDLE_TARGET, LOADED_TARGET = 60 << 20, 300 << 20


def run_start(server, works, scale, tell):
    """One start of the server, with empty mailboxes, and these works on it. -> {work: figures}"""
    found = {}
    server.accepted, server.filled, server.used = 0, set(), set()
    server.start()
    try:
        for work in works:
            found[work.name] = work.measure(server, work, scale)
            tell(server, work, found[work.name])
        held = server.delivered()
        if held != server.accepted:
            raise RuntimeError(f"{server.name}: {held} messages in its mailboxes, but it accepted {server.accepted}")
    finally:
        server.stop()
        time.sleep(1)
    return found


def run_round(server, works, scale, tell):
    """All works that the server can do; what it cannot is left out, and its own file says why."""
    works = [w for w in works if w.needs in server.protocols and w.name not in server.leaves_out]
    found = {}
    for together in [[w for w in works if not w.apart]] + [[w] for w in works if w.apart]:
        if together:
            found |= run_start(server, together, scale, tell)
    return found
