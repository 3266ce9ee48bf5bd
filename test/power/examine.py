# SPDX-License-Identifier: Apache-2.0
"""Cuts the power in a recording, many times, and looks at each folder that could be left.

A Trial is one cut: before which record, which model of disk, which kind of loss, and a seed. It is the same image
each time it is tried. Trials are shared out among processes; each walks the recording once.
"""
import dataclasses
import hashlib
import multiprocessing
import os
import queue
import random
import shutil
import signal
import subprocess
import sys
import tempfile

import record
from cuts import KINDS, Cut
from disk import JOURNAL, STRICT, Disk, load
from promise import Promises


@dataclasses.dataclass(frozen=True)
class Trial:
    at: int
    model: str
    kind: str
    seed: int

    def __str__(self):
        return f"{self.at}:{self.model}:{self.kind}:{self.seed}"

    @staticmethod
    def of(text):
        at, model, kind, seed = text.split(":")
        return Trial(int(at), model, kind, int(seed))


@dataclasses.dataclass
class Recording:
    """A log, the folder it is about, and the marks in it (record number -> list of marks)."""
    folder: str
    log: str
    records: list
    marks: dict
    store: str = "."  # where below `folder` the folder "store" is

    def cuts(self):
        """The power goes before each change, and at the end. If there is a folder above that of the store, from when
        it was made on: a half `init` is done again from the start."""
        created = min((at for at, marks in self.marks.items() if "created" in marks), default=0)
        return [r.at for r in self.records if r.changes() and (self.store == "." or r.at > created)] + [
            len(self.records)]

    def missed(self):
        """What the recorder did not see: the folder is not what the records make of it."""
        disk = Disk(self.folder, STRICT)
        for r in self.records:
            disk.step(r)
        return disk.compare(self.folder)


def open_recording(folder, log, marks=None, store="."):
    records = record.read(log)
    if marks is None:
        marks = {r.at: [r.data.decode()] for r in records if r.kind == record.MARK}
    return Recording(folder, log, records, marks, store)


def scratch_root():
    """Memory, if there is enough of it: thousands of folders are written."""
    shm = "/dev/shm"
    if os.access(shm, os.W_OK) and shutil.disk_usage(shm).free > 2 << 30:
        return shm
    return None


# ---- choosing ------------------------------------------------------------------------------------


def some_trials(recording, count, seed):
    """`count` of them, spread over the recording."""
    r = random.Random(f"some {seed}")
    cuts = recording.cuts()
    at = sorted(r.choices(cuts, k=count))
    return [Trial(a, *_loss(r), r.randrange(1 << 30)) for a in at]


def last_trials(recording, each, seed):
    """At the end, when all is promised: every kind of loss, `each` times."""
    r = random.Random(f"last {seed}")
    kinds = [(model, kind) for model, names in KINDS.items() for kind in names]
    return [Trial(len(recording.records), model, kind, r.randrange(1 << 30)) for model, kind in kinds * each]


def shuffled(trials, seed):
    return random.Random(f"shuffled {seed}").sample(trials, len(trials))


def all_trials(recording, each, seed):
    """At every cut: all is kept, nothing is kept, and `each` others."""
    r = random.Random(f"all {seed}")
    trials = []
    for at in recording.cuts():
        trials += [Trial(at, STRICT, "all", 0), Trial(at, STRICT, "sure", 0)]
        trials += [Trial(at, *_loss(r), r.randrange(1 << 30)) for _ in range(each)]
    return trials


def _loss(r):
    model = STRICT if r.random() < 0.75 else JOURNAL
    return model, r.choice(KINDS[model])


# ---- looking -------------------------------------------------------------------------------------


class Looker:
    """The program that looks (test/power/verify.c), and a folder for images."""

    def __init__(self, tools, log=None, root=None):
        self.tools = tools
        self.dir = tempfile.mkdtemp(prefix="mailstead-power-", dir=scratch_root())
        self.errors = open(f"{self.dir}/errors", "w+b")
        self.verify = subprocess.Popen([tools.verify], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       stderr=self.errors, env=tools.env(sync="skip", log=log, root=root))

    def close(self):
        self.verify.stdin.close()
        self.verify.wait(60)
        self.errors.close()
        shutil.rmtree(self.dir)

    def ask(self, command):
        self.verify.stdin.write(command.encode() + b"\n")
        self.verify.stdin.flush()
        lines = []
        while True:
            line = self.verify.stdout.readline()
            if not line:
                raise RuntimeError(f"{self.tools.verify} has ended")
            line = line.decode(errors="replace").rstrip("\n")
            if line == "end":
                return lines
            lines.append(line)

    def image(self):
        path = f"{self.dir}/image"
        shutil.rmtree(path, ignore_errors=True)
        return path


def look(looker, disk, trial, promises, store, again=0):
    """Tries one: sentences about what is broken."""
    path = looker.image()
    cut = Cut(disk, trial.kind, trial.seed)
    disk.write(path, cut.names_of, cut.bytes_of)
    r = random.Random(trial.seed)
    wrong = lost_files(path, promises)
    if again:
        return wrong or look_twice(looker.tools, path, promises, store, r, again)
    wrong += promises.broken(looker.ask(f"{verb(promises)} {path}/{store}"))
    if not wrong and r.random() < 0.25:
        after = looker.ask(f"more {path}/{store} {trial.at}")
        wrong = [line for line in after if not line.startswith("after ")]
        wrong += promises.broken(looker.ask(f"look {path}/{store}"), [l for l in after if l.startswith("after ")])
        wrong = [f"after one more message: {w}" for w in wrong]
    return wrong


def verb(promises):
    return "look" if promises.created else "make"


def lost_files(path, promises):
    wrong = []
    for name, digest in promises.files.items():
        try:
            with open(f"{path}/{name}", "rb") as f:
                if hashlib.sha256(f.read()).hexdigest() != digest:
                    wrong.append(f"{name} is not what it was")
        except OSError as e:
            wrong.append(f"{name}: {e.strerror}")
    return wrong


def look_twice(tools, path, promises, store, r, count):
    """The power goes again while the store recovers: records the recovery and cuts it `count` times."""
    log = f"{path}.log"
    if os.path.exists(log):
        os.unlink(log)
    disks = {model: load(path, model) for model in (STRICT, JOURNAL)}
    first = Looker(tools, log, path)
    try:
        wrong = promises.broken(first.ask(f"{verb(promises)} {path}/{store}"))
    finally:
        first.close()
    if wrong:
        return wrong
    recording = open_recording(path, log, {})
    recording.store = store
    trials = [dataclasses.replace(t, at=min(t.at, len(recording.records)))
              for t in some_trials(recording, count, r.randrange(1 << 30))]
    found = []
    _walk(tools, recording, trials, lambda trial, wrong: found.extend(f"cut again at {trial}: {w}" for w in wrong),
          disks, promises)
    return found


def _walk(tools, recording, trials, report, disks=None, promises=None, again=0):
    disks = disks or {model: Disk(recording.folder, model) for model in (STRICT, JOURNAL)}
    promises = promises or Promises()
    looker = Looker(tools)
    at = 0
    try:
        for trial in sorted(trials, key=lambda t: t.at):
            while at < trial.at:
                for disk in disks.values():
                    disk.step(recording.records[at])
                for mark in recording.marks.get(at, ()):
                    promises.mark(mark)
                at += 1
            report(trial, look(looker, disks[trial.model], trial, promises, recording.store, again))
    finally:
        looker.close()


def _share(tools, recording, trials, again, results):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # enough was found: tidies up
    try:
        _walk(tools, recording, trials, lambda trial, wrong: results.put((trial, wrong)), again=again)
        results.put(None)
    except Exception as e:
        results.put(e)
        raise


def examine(tools, recording, trials, again=0, enough=5):
    """{trial: sentences} of those that broke a promise; ends early when there are `enough`."""
    results = multiprocessing.Queue()
    count = max(1, min(os.cpu_count() or 1, len(trials)))
    workers = [multiprocessing.Process(target=_share, args=(tools, recording, trials[i::count], again, results),
                                       daemon=True) for i in range(count)]
    for w in workers:
        w.start()
    broken, open_workers, done = {}, count, 0
    while open_workers and len(broken) < enough:
        try:
            result = results.get(timeout=10)
        except queue.Empty:
            if any(w.exitcode not in (None, 0) for w in workers):
                raise RuntimeError("a process that looks was killed") from None
            continue
        if isinstance(result, BaseException):
            raise result
        if result is None:
            open_workers -= 1
            continue
        done += 1
        if done % 500 == 0:
            print(f"  {done} of {len(trials)}", flush=True)
        if result[1]:
            broken[result[0]] = result[1]
    for w in workers:
        if open_workers:
            w.terminate()
        w.join()
    return broken, done
