# SPDX-License-Identifier: Apache-2.0
"""The works over IMAPS."""
import json
import subprocess
import time

from lib.measure import Meter, Work, count_of, figures, fill, load, load_command
from lib.server import DRAIN_64K, DRAIN_8K, IDLE, LOGIN, MIXED, READ_1M

TLS = ("--tls", "implicit")
SESSIONS, REPEAT = 4, 4  # that read each mailbox, and how often each does
NOTIFIED, WATCHED = 120, 40
QUIET = 3  # seconds, at most, until the server uses no processor, and as many for reading its memory


def login(server, work, scale):
    count = max(40, round(work.count * scale))
    fill(server, LOGIN, scale)
    load(server, "imap-login", "imaps", LOGIN, LOGIN[1], *TLS)  # from here on verified passwords are cached
    meter = Meter(server)
    result = load(server, "imap-login", "imaps", LOGIN, count, *TLS, *work.options)
    meter.stop()
    return figures(meter, count, result["seconds"], result["units"], result)


def fetch(server, work, scale):
    """Sessions that fetch everything less as many that only SELECT: that is the messages' share. Each mailbox has been
    fetched once before, so that what a server keeps for the next time is there; first_ms is what that cost."""
    kind, mailboxes = work.options
    sessions = mailboxes[1] * SESSIONS
    hold = fill(server, mailboxes, scale)
    options = TLS + ("--connections", 8, "--expect", hold)
    load(server, "imap-login", "imaps", mailboxes, mailboxes[1], *TLS)  # from here on verified passwords are cached
    first = Meter(server)
    load(server, kind, "imaps", mailboxes, mailboxes[1], *options)
    first.stop()
    empty = Meter(server)
    load(server, kind, "imaps", mailboxes, sessions, "--repeat", 0, *options)
    empty.stop()
    meter = Meter(server)
    result = load(server, kind, "imaps", mailboxes, sessions, "--repeat", REPEAT, *options)
    meter.stop()
    messages = sessions * REPEAT * hold
    found = figures(meter, messages, result["seconds"], result["operations"], result)
    found["cpu_ms"] = (meter.cpu - empty.cpu) * 1000 / messages
    found["session_ms"] = empty.cpu * 1000 / sessions
    if kind == "imap-fetch":  # the first work that touches these over IMAP
        found["first_ms"] = first.cpu * 1000 / (mailboxes[1] * hold) - found["session_ms"] / hold
    return found


def mixed(server, work, scale):
    fill(server, MIXED, scale)
    load(server, "imap-fetch", "imaps", MIXED, MIXED[1], *TLS)
    sessions = 32
    operations = max(10, round(count_of(server, work, scale) / sessions))
    meter = Meter(server)
    result = load(server, "imap-mixed", "imaps", MIXED, sessions, *TLS, "--connections", 16, "--operations", operations,
                  "--seed", 1)
    meter.stop()
    server.accepted += result["appended"]
    return figures(meter, sessions * operations, result["seconds"], result["operations"], result)


def wait_idle(generator):
    """Until it says that all are idle; an exception with what it said when it ends without."""
    said = ""
    for line in generator.stderr:
        if "sessions are idle" in line:
            return
        said += line
    raise RuntimeError(said)


def idle(server, work, scale):
    """Memory is what the server takes while all idle and nothing happens, less what it took just before. What other
    works had left behind would hide some of it: this one has a start of its own."""
    sessions = max(WATCHED + 10, round(server.idle_sessions * scale))
    fill(server, IDLE, scale)
    load(server, "imap-login", "imaps", IDLE, IDLE[1], *TLS)
    meter = Meter(server)
    before = server.cost.memory()
    command = load_command(server, "imap-idle", "imaps", IDLE, sessions, *TLS, "--connections", 32, "--watch", WATCHED,
                           "--notify", max(20, round(NOTIFIED * scale)), "--hold", server.idle_rest + 2 * QUIET, "--size", "8k")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as generator:
        try:
            wait_idle(generator)
            time.sleep(server.idle_rest)
            meter.stop(QUIET)
            memory = server.cost.memory() - before
            out, said = generator.stdout.read(), generator.stderr.read()
        except RuntimeError as e:
            out, said = "", str(e)
    if generator.returncode != 0:
        raise RuntimeError(f"{server.name}: {' '.join(command)}\n{said}")
    result = json.loads(out)
    server.accepted += result["appended"]
    found = figures(meter, sessions, result["seconds"], result["operations"], result)
    found["session_memory"], found["sessions"] = memory / sessions, sessions
    return found


WORKS = [
    Work("imap-login", "IMAPS login, whole handshake, cached verification, 16 at once", login, "imaps", 1000,
         ("--connections", 16), 1 / 3),
    Work("imap-fetch", "IMAPS FETCH of flags, size, date, envelope, structure, a message", fetch, "imaps", 0,
         ("imap-fetch", DRAIN_8K), 1 / 4),
    Work("imap-bodies-8k", "IMAPS FETCH of bodies, 8 KiB", fetch, "imaps", 0, ("imap-bodies", DRAIN_8K), 1 / 2),
    Work("imap-bodies-64k", "IMAPS FETCH of bodies, 64 KiB", fetch, "imaps", 0,
         ("imap-bodies", DRAIN_64K), 1 / 2),
    Work("imap-bodies-1m", "IMAPS FETCH of bodies, 1 MiB", fetch, "imaps", 0, ("imap-bodies", READ_1M), 1 / 2),
    Work("imap-mixed", "IMAPS mix of SELECT, STORE, APPEND, SEARCH, FETCH, NOOP, an operation", mixed, "imaps", 16000,
         (), 1 / 3, 2),
    Work("imap-idle", "IMAPS sessions that idle: CPU and rate of connecting, latency of notifications", idle, "imaps", 0,
         (), None, 3, True, {"session_memory": 18 << 10, "p50_ms": 5, "p99_ms": 20}),
]
