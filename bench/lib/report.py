# SPDX-License-Identifier: Apache-2.0
"""Tables out of the figures of all rounds: medians, spread, ratios, targets."""
import datetime
import os
import platform
import statistics
import subprocess

from lib.works import IDLE_TARGET, LOADED_TARGET

MINE = "mailstead"


class Results:
    """figures[work][server] = [figures of round 1, …]"""

    def __init__(self):
        self.figures, self.versions, self.failures = {}, {}, []

    def add(self, server, found):
        for work, figures in found.items():
            self.figures.setdefault(work, {}).setdefault(server, []).append(figures)

    def servers(self, work):
        return self.figures.get(work, {})

    def median(self, work, server, what):
        values = [round_[what] for round_ in self.figures.get(work, {}).get(server, []) if what in round_]
        return statistics.median(values) if values else None

    def range(self, work, server, what):
        values = [round_[what] for round_ in self.figures[work][server]]
        return min(values), max(values)

    def best_peer(self, work, what, pick):
        peers = {s: self.median(work, s, what) for s in self.servers(work) if s != MINE}
        # a difference of two measurements that is not above zero is noise, and no figure to compare with
        measured = [item for item in peers.items() if item[1] is not None and item[1] > 0]
        return pick(measured, key=lambda item: item[1]) if measured else (None, None)


def number(value):
    """Three digits that mean something."""
    if value is None:
        return "–"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 1 else f"{value:.3f}"


def octets(value):
    return f"{value / 1024:,.1f} KiB" if value < 10 << 20 else f"{value / (1 << 20):,.0f} MiB"


def verdict(ratio, target, at_most):
    good = ratio <= target if at_most else ratio >= target
    return "met" if good else "missed"


def share(value):
    return f"1/{1 / value:.1f}"


def spread(results, work, server, what):
    low, high = results.range(work, server, what)
    return number(low) if low == high else f"{number(low)} … {number(high)}"


def work_table(results, work):
    rows = [f"### {work.title}", "",
            "| server | CPU ms each | its spread | CPU, Mailstead's share | each/s | rate, Mailstead's | p50 ms | p99 ms "
            "| written each |",
            "|---|--:|--:|--:|--:|--:|--:|--:|--:|"]
    mine_cpu, mine_rate = (results.median(work.name, MINE, w) for w in ("cpu_ms", "rate"))
    for server in results.servers(work.name):
        cpu, rate, p50, p99, written = (results.median(work.name, server, w)
                                        for w in ("cpu_ms", "rate", "p50_ms", "p99_ms", "written"))
        compare = server != MINE and mine_cpu is not None
        rows.append(f"| {server} | {number(cpu)} | {spread(results, work.name, server, 'cpu_ms')} | "
                    f"{share(mine_cpu / cpu) if compare else ''} | {number(rate)} | "
                    f"{number(mine_rate / rate) + 'x' if compare else ''} | {number(p50)} | {number(p99)} | "
                    f"{octets(written)} |")
    for server in results.servers(work.name):
        session = results.median(work.name, server, "session_ms")
        if session is not None:
            rows.append(f"\n{server}: {number(session)} ms CPU for a session that fetches nothing.")
    for server in results.servers(work.name):
        first = results.median(work.name, server, "first_ms")
        if first is not None:
            rows.append(f"\n{server}: {number(first)} ms CPU each the first time.")
    for server in results.servers(work.name):
        session = results.median(work.name, server, "session_memory")
        if session is not None:
            rows.append(f"\n{server}: {octets(session)} of memory for each of "
                        f"{results.median(work.name, server, 'sessions'):,.0f} sessions.")
    loads = [f["load"] for rounds in results.servers(work.name).values() for f in rounds]
    rows.append(f"\nLoad average of the machine meanwhile: {min(loads):.1f} to {max(loads):.1f}.")
    return rows + [""]


def memory_table(results):
    rows = ["### Memory (PSS of all processes)", "", "| server | idle | 256 TLS connections sending |", "|---|--:|--:|"]
    for server in results.servers("memory"):
        idle, most = (results.median("memory", server, w) for w in ("idle", "most"))
        rows.append(f"| {server} | {octets(idle)} | {octets(most)} |")
    return rows + [""]


LIMITS = {"session_memory": ("memory of a session", octets), "p50_ms": ("p50", lambda ms: f"{number(ms)} ms"),
          "p99_ms": ("p99", lambda ms: f"{number(ms)} ms")}


def limit_rows(results, work):
    """What must hold whatever peers do; their best is told with it."""
    for what, limit in work.limits.items():
        mine, (peer, theirs) = results.median(work.name, MINE, what), results.best_peer(work.name, what, min)
        name, text = LIMITS[what]
        if mine is not None:
            best = f"{peer}: {text(theirs)}" if peer else ""
            yield (f"| {work.title}: {name} | at most {text(limit)} | {best} | {text(mine)} | "
                   f"{verdict(mine, limit, True)} |")


def target_table(results, works):
    rows = ["### Against the targets", "", "| work | target | best peer | measured | |", "|---|---|---|---|---|"]
    for work in works:
        for what, target, pick in (("cpu_ms", work.cpu_target, min), ("rate", work.rate_target, max)):
            mine, (peer, theirs) = results.median(work.name, MINE, what), results.best_peer(work.name, what, pick)
            if target is None or peer is None or mine is None:
                continue
            ratio = mine / theirs
            if what == "cpu_ms":
                rows.append(f"| {work.title}: CPU | at most {share(target)} | {peer}: {number(theirs)} ms | "
                            f"{share(ratio)} | {verdict(ratio, target, True)} |")
            else:
                rows.append(f"| {work.title}: each/s | at least {target}x | {peer}: {number(theirs)}/s | "
                            f"{number(ratio)}x | {verdict(ratio, target, False)} |")
        rows += limit_rows(results, work)
    for what, target, title in (("idle", IDLE_TARGET, "memory of the idle server"),
                                ("most", LOADED_TARGET, "memory with 256 TLS connections sending")):
        mine = results.median("memory", MINE, what)
        if mine is not None:
            rows.append(f"| {title} | under {octets(target)} | | {octets(mine)} | {verdict(mine, target, True)} |")
    return rows + [""]


def cpu_model():
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as f:
        for row in f:
            if row.startswith("model name"):
                return row.partition(":")[2].strip()
    return platform.machine()


def process_cost():
    """Milliseconds of CPU to start a program that does nothing: on some virtual machines ten times that of others,
    which is what servers that start processes pay."""
    count, before = 50, os.times()
    for _ in range(count):
        subprocess.run(["/bin/true"], check=True, close_fds=False)
    after = os.times()
    return sum(after[i] - before[i] for i in range(4)) * 1000 / count


def head(results, command, rounds, exact):
    versions = "; ".join(f"{name} {version}" for name, version in sorted(results.versions.items()))
    rows = [f"Date: {datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d %H:%M} UTC. Command: `{command}`. "
            f"Rounds: {rounds}; figures are medians, spread is the lowest and the highest round.", "",
            f"Machine: {os.cpu_count()} × {cpu_model()}, Linux {platform.release()}, generator on the same machine. "
            f"Starting /bin/true costs {number(process_cost())} ms of CPU here.", "",
            f"Versions: {versions}.", ""]
    if not exact:
        rows += ["No control groups here: CPU was summed over the process tree in steps of 1/100 s.", ""]
    return rows


def overview(results, works):
    """Mailstead alone, a line a work."""
    rows = ["| work | CPU ms each | each/s | p50 ms | p99 ms | written each | client's CPU ms | load average |",
            "|---|--:|--:|--:|--:|--:|--:|--:|"]
    for work in works:
        cpu, rate, p50, p99, written, client, busy = (
            results.median(work.name, MINE, what)
            for what in ("cpu_ms", "rate", "p50_ms", "p99_ms", "written", "client_ms", "load"))
        if cpu is not None:
            rows.append(f"| {work.name} | {number(cpu)} | {number(rate)} | {number(p50)} | {number(p99)} | "
                        f"{octets(written)} | {number(client)} | {busy:.1f} |")
    for work in works:
        session = results.median(work.name, MINE, "session_memory")
        if session is not None:
            rows.append(f"\n{work.name}: {octets(session)} of memory for each of "
                        f"{results.median(work.name, MINE, 'sessions'):,.0f} sessions.")
    return rows + [""]


def markdown(results, works, command, rounds, exact, quick):
    rows = head(results, command, rounds, exact)
    if any(s != MINE for w in results.figures for s in results.servers(w)):
        rows += target_table(results, works)
    failures = [row for failure in results.failures for row in (f"FAILED: {failure}", "")]
    if quick:
        memory = memory_table(results) if results.servers("memory") else []
        return "\n".join(rows + overview(results, works) + memory + failures)
    for work in works:
        if work.name == "memory" and results.servers("memory"):
            rows += memory_table(results)
        elif results.servers(work.name):
            rows += work_table(results, work)
    return "\n".join(rows + failures)
