# SPDX-License-Identifier: Apache-2.0
"""A mailbox with a million messages: SELECT and what a session in it takes, and coming back to it with QRESYNC. Mailstead
alone: peers take hours to be filled."""
import imaplib
import re
import ssl
import time

from lib.measure import Meter, Work, figures, fill
from lib.server import DOMAIN, HUGE, PASSWORD

MESSAGES, SESSIONS, TIMES, COPY_MOST = 1_000_000, 20, 5, 20_000


def connect(server, number):
    context = ssl._create_unverified_context()  # the certificate is nobody's but ours
    m = imaplib.IMAP4_SSL("127.0.0.1", server.ports["imaps"], ssl_context=context, timeout=300)
    m.login(f"user{number}@{DOMAIN}", PASSWORD)
    return m


def good(answer):
    if answer[0] != "OK":
        raise RuntimeError(f"IMAP: {answer}")
    return answer[1]


def grow(m, messages):
    """Copies the mailbox onto itself until it holds so many. -> how many were copied"""
    first = held = int(good(m.select("INBOX"))[0])
    while held < messages:
        good(m.copy(f"1:{min(held, messages - held, COPY_MOST)}", "INBOX"))
        held = int(m.untagged_responses["EXISTS"][-1])
    return held - first


def percentile(times, percent):
    return sorted(times)[min(len(times) - 1, int(len(times) * percent / 100))] * 1000


def select(server, work, scale):
    """Memory is what all sessions took, logged in and with the mailbox open, whatever else opening it left behind."""
    fill(server, HUGE, 1)
    m = connect(server, HUGE[0])
    server.accepted += grow(m, round(MESSAGES * scale))
    m.logout()
    server.cost.wait_quiet()
    memory = server.cost.memory()
    sessions = [connect(server, HUGE[0]) for _ in range(SESSIONS)]
    meter, own, times = Meter(server), time.process_time(), []
    for _ in range(TIMES):
        for session in sessions:
            began = time.monotonic()
            good(session.select("INBOX"))
            times.append(time.monotonic() - began)
    own = time.process_time() - own
    meter.stop()
    found = figures(meter, len(times), sum(times), {"p50_ms": percentile(times, 50), "p99_ms": percentile(times, 99)},
                    {"own_cpu": own})
    found["session_memory"] = (server.cost.memory() - memory) / SESSIONS
    found["sessions"] = SESSIONS
    for session in sessions:
        session.logout()
    return found


# ---- QRESYNC (RFC 7162 §3.2.5) ------------------------------------------------------------------

def state(m):
    """UIDVALIDITY and HIGHESTMODSEQ of INBOX."""
    answer = good(m.status("INBOX", "(UIDVALIDITY HIGHESTMODSEQ)"))[0]
    return tuple(int(re.search(rb"%s (\d+)" % name, answer)[1]) for name in (b"UIDVALIDITY", b"HIGHESTMODSEQ"))


def change(m, messages):
    """Ten changes, spread over the mailbox: five flags, five messages that go."""
    uids = [messages * n // 11 for n in range(1, 11)]
    good(m.select("INBOX"))
    good(m.uid("STORE", ",".join(map(str, uids[::2])), "+FLAGS.SILENT", r"(\Flagged)"))
    gone = ",".join(map(str, uids[1::2]))
    good(m.uid("STORE", gone, "+FLAGS.SILENT", r"(\Deleted)"))
    good(m.uid("EXPUNGE", gone))
    return gone.encode()


def come_back(m, validity, modseq, gone):
    m.untagged_responses = {}
    began = time.monotonic()
    answer = m._simple_command("SELECT", "INBOX", f"(QRESYNC ({validity} {modseq}))")
    seconds = time.monotonic() - began
    good(answer)
    m.state = "SELECTED"
    told = m.untagged_responses
    if told.get("VANISHED") != [b"(EARLIER) " + gone] or len(told.get("FETCH", [])) != 5:
        raise RuntimeError(f"QRESYNC: {told}")
    return seconds


def resync(server, work, scale):
    messages = max(round(MESSAGES * scale), 22)
    fill(server, HUGE, 1)
    m = connect(server, HUGE[0])
    server.accepted += grow(m, messages)
    since = state(m)
    gone = change(m, messages)
    server.accepted -= 5
    m.logout()
    sessions = [connect(server, HUGE[0]) for _ in range(SESSIONS)]
    for session in sessions:
        good(session.enable("QRESYNC"))
    server.cost.wait_quiet()
    meter, own = Meter(server), time.process_time()
    times = [come_back(session, *since, gone) for _ in range(TIMES) for session in sessions]
    own = time.process_time() - own
    meter.stop()
    for session in sessions:
        session.logout()
    return figures(meter, len(times), sum(times), {"p50_ms": percentile(times, 50), "p99_ms": percentile(times, 99)},
                   {"own_cpu": own})


WORKS = [
    Work("imap-select", "IMAPS SELECT of a mailbox of 1,000,000 messages", select, "imaps", apart=True,
         limits={"session_memory": 4 << 20, "p50_ms": 100}),
    Work("imap-resync", "IMAPS SELECT with QRESYNC, 10 changes in 1,000,000 messages", resync, "imaps", apart=True,
         limits={"p50_ms": 100}),
]
