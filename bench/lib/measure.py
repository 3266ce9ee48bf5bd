# SPDX-License-Identifier: Apache-2.0
"""What all works need: to run the generator, to meter a server, to fill mailboxes.

Counts are for peers; Mailstead gets `MORE` times as many messages to take in, so that its background work (flushing,
compacting) is in the figure and the run is long enough to measure. Costs are per unit.
"""
import dataclasses
import json
import os
import subprocess

from lib.server import DOMAIN, DRAIN_64K, DRAIN_8K, HUGE, IDLE, LOGIN, MIXED, PASSWORD, READ_1M
from peers.root import TREE

LOAD = os.environ.get("LOAD_BIN", str(TREE / "build/release/bench/load"))
MORE = 4
# messages in each mailbox at scale 1, and their size
HELD = {LOGIN: (1, "8k"), DRAIN_8K: (200, "8k"), DRAIN_64K: (60, "64k"), READ_1M: (20, "1M"), MIXED: (100, "8k"),
        IDLE: (10, "8k"), HUGE: (1000, "1k")}


@dataclasses.dataclass
class Work:
    name: str
    title: str
    measure: object               # (server, work, scale) -> dict of the figures
    needs: str                    # the port
    count: int = 0                # units for a peer at scale 1
    options: tuple = ()           # of load
    cpu_target: float = None      # at most this share of the best peer's CPU
    rate_target: float = None     # at least so many times the best peer's rate
    apart: bool = False           # on a start of its own
    limits: dict = dataclasses.field(default_factory=dict)  # figures that must not be larger, whatever peers do


def load_command(server, kind, port, mailboxes, count, *options):
    first, number = mailboxes
    server.used.add(mailboxes)
    command = [LOAD, kind, "--to", f"127.0.0.1:{server.ports[port]}", "--mailbox", f"user{{}}@{DOMAIN}",
               "--first", str(first), "--mailboxes", str(number), "--count", str(count), "--json", "-",
               "--timeout", "300", "--max-errors", "1", *server.load_options, *map(str, options)]
    if kind not in ("smtp", "lmtp"):
        command += ["--password", PASSWORD]
    return command


def load(server, *arguments):
    """Runs the generator; any error of it is ours."""
    command = load_command(server, *arguments)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{server.name}: {' '.join(command)}\n{done.stderr}")
    return json.loads(done.stdout)


class Meter:
    """What a server used between `start` and `stop`, after it has come to rest."""

    def __init__(self, server):
        self.cost = server.cost
        self.cost.wait_quiet()
        self.cpu0, self.written0, self.load0 = self.cost.cpu(), self.cost.written(), os.getloadavg()[0]

    def stop(self, seconds=30):
        self.cost.wait_quiet(seconds)
        self.cpu = self.cost.cpu() - self.cpu0
        self.written = self.cost.written() - self.written0
        self.load = max(self.load0, os.getloadavg()[0])


def figures(meter, units, seconds, latency, result):
    return {"units": units, "rate": units / seconds, "cpu_ms": meter.cpu * 1000 / units,
            "written": meter.written / units, "p50_ms": latency["p50_ms"], "p99_ms": latency["p99_ms"],
            "load": meter.load, "client_ms": result["own_cpu"] * 1000 / units}


def count_of(server, work, scale):
    return max(20, round(work.count * scale * (MORE if server.name == "mailstead" else 1)))


def fill(server, mailboxes, scale):
    """Sends what each of the mailboxes is to hold, once a round. -> how many messages it holds."""
    most, size = HELD[mailboxes]
    hold = max(min(most, 10), round(most * scale))
    if mailboxes not in server.filled:
        port, kind = ("lmtp", "lmtp") if "lmtp" in server.ports else ("smtp", "smtp")
        count = mailboxes[1] * hold
        load(server, kind, port, mailboxes, count, "--size", size, "--connections", 8)
        server.wait_delivered()
        server.accepted += count
        server.filled.add(mailboxes)
    return hold
