# SPDX-License-Identifier: Apache-2.0
"""What a server costs: processor time, bytes written and memory of all its processes.

Processor time comes from a control group (nanoseconds, and nothing that a short-lived process used is lost).
Where control groups cannot be made it is summed over the process tree, with what reaped children used
(1/100 s steps; `exact` says so). Bytes written are what the kernel accounts to processes as sent to the disk
(/proc/PID/io write_bytes: pages made dirty, without the file system's own journal); those of processes that
ended were added to the one that waited for them. Memory is PSS: shared pages are divided among their users.
"""
import os
import pathlib
import time

CPUACCT = pathlib.Path("/sys/fs/cgroup/cpuacct")
UNIFIED = pathlib.Path("/sys/fs/cgroup")
TICKS = os.sysconf("SC_CLK_TCK")


class Cost:
    """Make it first, start the server in its `groups`, tell it the first process; `done` after the server ended."""

    def __init__(self, name):
        self.group = self._make_group(f"mailstead-bench-{os.getpid()}-{name}")
        self.first = None

    @staticmethod
    def _make_group(name):
        for base, file in ((CPUACCT, "cpuacct.usage"), (UNIFIED, "cpu.stat")):
            try:
                (base / name).mkdir()
            except OSError:
                continue
            if (base / name / file).exists():
                return base / name
            (base / name).rmdir()
        return None

    @property
    def groups(self):
        return [str(self.group / "cgroup.procs")] if self.group else []

    @property
    def exact(self):
        return self.group is not None

    def done(self):
        for _ in range(50):
            try:
                if self.group:
                    self.group.rmdir()
                return
            except OSError:
                time.sleep(0.1)

    def processes(self):
        if self.group:
            return [int(pid) for pid in (self.group / "cgroup.procs").read_text().split()]
        found, look = [], [self.first]
        while look:
            pid = look.pop()
            children = read(f"/proc/{pid}/task/{pid}/children").split()
            look += [int(child) for child in children]
            found += [int(child) for child in children]
        return found

    def cpu(self):
        """Seconds since the server was started."""
        if self.group and self.group.parent == CPUACCT:
            return int((self.group / "cpuacct.usage").read_text()) / 1e9
        if self.group:
            rows = dict(row.split() for row in (self.group / "cpu.stat").read_text().splitlines())
            return int(rows["usage_usec"]) / 1e6
        total = 0
        for pid in self.processes() + [self.first]:
            fields = read(f"/proc/{pid}/stat").rpartition(")")[2].split()
            # utime, stime and those of children waited for; of the cage only the latter
            total += sum(map(int, fields[13:15] if pid == self.first else fields[11:15])) if fields else 0
        return total / TICKS

    def written(self):
        """Bytes since the server was started."""
        total = 0
        for pid in set(self.processes()) | {self.first}:
            for row in read(f"/proc/{pid}/io").splitlines():
                if row.startswith("write_bytes:"):
                    total += int(row.split()[1])
        return total

    def memory(self):
        """PSS in bytes."""
        total = 0
        for pid in self.processes():
            for row in read(f"/proc/{pid}/smaps_rollup").splitlines():
                if row.startswith("Pss:"):
                    total += int(row.split()[1]) * 1024
        return total

    def wait_quiet(self, seconds=30, share=0.02):
        """Until the server uses less than `share` of one processor over a second: what it still had to do
        in the background for the work before is part of its cost. Does not wait for ever: some never rest."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            before = self.cpu()
            time.sleep(1)
            if self.cpu() - before < share:
                return


def read(path):
    """A file of /proc; empty when the process is gone."""
    try:
        return pathlib.Path(path).read_text()
    except OSError:
        return ""
