# SPDX-License-Identifier: Apache-2.0
"""Chooses what of the waiting changes the disk has kept when the power went (disk.py says what is possible).

Random choices alone prove little: of a hundred waiting changes they always lose some early one, and what lies
behind it no longer matters. So most kinds lose or keep just one thing.
"""
import random

import record
from disk import JOURNAL, STRICT, apply, set_name

SECTOR, PAGE = 512, 4096

KINDS = {
    STRICT: ("all", "sure", "lose-one", "keep-one", "lose-file", "keep-file", "coin", "blocks", "torn", "sizes",
             "rubbish", "no-names"),
    JOURNAL: ("journal",),
}


class Cut:
    """One possible disk: what Disk.write needs."""

    def __init__(self, disk, kind, seed):
        self.disk, self.kind = disk, kind
        self.random = random.Random(seed)
        self._names = {}
        self._namings(self._kept_namings(disk.namings))
        self.files = disk.waiting_files(self.names_of)
        self._bytes = {}
        self._choose_bytes()

    # ---- names -------------------------------------------------------------------------------

    def names_of(self, folder):
        return self._names.get(id(folder), folder.sure)

    def _namings(self, kept):
        for naming in kept:
            names = self._names.setdefault(id(naming.folder), dict(naming.folder.sure))
            for name, what in naming.names.items():
                set_name(names, name, what)

    def _kept_namings(self, waiting):
        r, kind = self.random, self.kind
        self.names_only = False  # the one thing that is lost or kept is a name
        if kind in ("sure", "keep-file", "no-names"):
            return []
        if kind in ("lose-one", "keep-one") and waiting and r.random() < 0.4:
            self.names_only = True
            one = r.randrange(len(waiting))
            return [w for i, w in enumerate(waiting) if (i == one) == (kind == "keep-one")]
        if kind == "keep-one":
            return []
        if kind in ("coin", "blocks"):
            p = r.choice((0.1, 0.5, 0.9))
            return [w for w in waiting if r.random() < p]
        if kind == "journal":
            times = [self.disk.committed] + [w.at + 1 for w in waiting]
            self.journal = r.choice(times)
            return [w for w in waiting if w.at < self.journal]
        return waiting

    # ---- bytes -------------------------------------------------------------------------------

    def bytes_of(self, file):
        if not file.waiting:
            return file.sure
        return self._bytes[id(file)]

    def _choose_bytes(self):
        r, kind, files = self.random, self.kind, self.files
        chosen = r.choice(files) if files else None
        one = r.randrange(len(chosen.waiting)) if chosen else None
        last = max((f.waiting[-1].at for f in files), default=None)
        for f in files:
            if kind in ("all", "no-names") or (kind == "lose-one" and self.names_only):
                keep = lambda i: True
            elif kind == "sure" or (kind == "keep-one" and self.names_only):
                keep = lambda i: False
            elif kind == "lose-one":
                keep = lambda i, f=f: not (f is chosen and i == one)
            elif kind == "keep-one":
                keep = lambda i, f=f: f is chosen and i == one
            elif kind == "lose-file":
                keep = lambda i, f=f: f is not chosen
            elif kind == "keep-file":
                keep = lambda i, f=f: f is chosen
            elif kind == "coin":
                p = r.choice((0.1, 0.5, 0.9))
                keep = lambda i, p=p: r.random() < p
            else:
                self._bytes[id(f)] = self._special(f, f.waiting[-1].at == last)
                continue
            self._bytes[id(f)] = kept(f, keep)

    def _special(self, f, is_last):
        r, kind = self.random, self.kind
        if kind == "blocks":
            return blocks(f, r)
        if kind == "torn":
            return torn(f, r) if is_last else kept(f, lambda i: True)
        if kind in ("sizes", "rubbish"):
            return sizes(f, r if kind == "rubbish" else None)
        return grown(f, r, self.disk.committed, self.journal)


def kept(f, keep):
    data = bytearray(f.sure)
    for i, change in enumerate(f.waiting):
        if keep(i):
            apply(data, change)
    return data


def states(f):
    """The bytes after none, one, two ... of the waiting changes."""
    data = bytearray(f.sure)
    yield data
    for change in f.waiting:
        apply(data, change)
        yield data


def blocks(f, r):
    """Each block as it was after any of the changes to it; any size the file had."""
    unit = r.choice((SECTOR, PAGE))
    size = r.choice([len(state) for state in states(f)])
    end = size // unit + 1
    wanted = {}  # state -> blocks that are taken from it
    favourite = r.choice((0.0, 0.5, 0.9))  # of the newest, else nearly every image is broken at once
    for block in range(end):
        state = len(f.waiting) if r.random() < favourite else r.randrange(len(f.waiting) + 1)
        wanted.setdefault(state, []).append(block)
    data = bytearray(size)
    for i, state in enumerate(states(f)):
        for block in wanted.get(i, ()):
            part = state[block * unit:min((block + 1) * unit, size)]
            data[block * unit:block * unit + len(part)] = part
    return data


def torn(f, r):
    """All but some sectors of the last change."""
    unit = r.choice((SECTOR, PAGE))
    data = kept(f, lambda i: i < len(f.waiting) - 1)
    change = f.waiting[-1]
    if change.kind != record.WRITE:
        return data
    whole = kept(f, lambda i: True)
    size = len(whole) if r.random() < 0.5 else len(data)
    data.extend(bytes(size - len(data)))
    at = change.offset
    while at < size:
        end = min(size, at - at % unit + unit)
        if r.random() < 0.5:
            data[at:end] = whole[at:end]
        at = end
    return data


def sizes(f, rubbish):
    """The size is there, the bytes are not: zeros, or what was on the disk before."""
    data = bytearray(f.sure)
    whole = kept(f, lambda i: True)
    if len(whole) < len(data):
        return whole
    grown_by = len(whole) - len(data)
    return data + (rubbish.randbytes(grown_by) if rubbish else bytes(grown_by))


def grown(f, r, committed, journal):
    """As after a number of its changes: at least those cuts the journal has, and no later one. Of what is
    overwritten in place later ones may be there already."""
    cuts = [i for i, c in enumerate(f.waiting) if c.kind != record.WRITE]
    least = max([i + 1 for i in cuts if f.waiting[i].at < journal], default=0)
    most = min([i for i in cuts if f.waiting[i].at >= max(journal, committed)], default=len(f.waiting))
    n = r.randint(min(least, most), most)
    data = kept(f, lambda i: i < n)
    if r.random() < 0.5:  # the last page of an append reaches the disk in the middle of it
        data = data[:max(len(f.sure), len(data) - len(data) % PAGE)] if least < n else data
    for change in f.waiting[n:most]:
        end = change.offset + len(change.data)
        if change.kind == record.WRITE and end <= len(data) and r.random() < 0.5:
            apply(data, change)
    return data
