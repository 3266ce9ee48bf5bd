# SPDX-License-Identifier: Apache-2.0
"""What a disk may hold of a recorded folder when the power goes.

Files and folders are objects; a folder maps names to objects. Each file has the bytes that are surely on
the disk and a list of changes since; changes of names wait in one list. A sync moves what was recorded
before its BEGIN to the sure part when its END comes. What waits may be on the disk or not, in any
combination that the model allows; cuts.py chooses one.

STRICT (POSIX): fsync of a file makes its bytes and size sure, fsync of a folder its names; nothing else does.
Each block of a file is as it was after any of the changes to it, independent of every other block; the
size is any it had; each name is as it was after any of its changes. Moving a file is one step (every file
system in use keeps rename whole).

JOURNAL (like ext4 with data=ordered and delayed allocation): changes of names and cuts reach the disk in
their order, and every sync of anything takes along all of them that came before it. A file grows in order,
without holes or rubbish; what was overwritten may be old.
"""
import os

import record

STRICT, JOURNAL = "strict", "journal"


class File:
    def __init__(self, data=b""):
        self.sure = bytearray(data)
        self.waiting = []  # Changes in order


class Folder:
    def __init__(self):
        self.sure = {}  # on the disk
        self.now = {}   # as the program sees it


class Change:
    """Of a file: `data` at `offset`, a cut to `size`, or zeros over a range."""
    __slots__ = ("at", "kind", "offset", "data", "size")

    def __init__(self, at, kind, offset=0, data=b"", size=0):
        self.at, self.kind, self.offset, self.data, self.size = at, kind, offset, data, size


class Naming:
    """Of a folder: each name is set to an object, or to None."""
    __slots__ = ("at", "folder", "names")

    def __init__(self, at, folder, names):
        self.at, self.folder, self.names = at, folder, names


def apply(data, change):
    """A change, whole, on bytes."""
    if change.kind == record.WRITE:
        end = change.offset + len(change.data)
        if len(data) < change.offset:
            data.extend(bytes(change.offset - len(data)))
        data[change.offset:end] = change.data
    elif change.kind == record.TRUNCATE:
        if len(data) > change.size:
            del data[change.size:]
        else:
            data.extend(bytes(change.size - len(data)))
    else:  # a hole, or room with a size
        end = change.offset + change.size
        if change.kind == record.PUNCH_HOLE:
            end = min(end, len(data))
            if change.offset < end:
                data[change.offset:end] = bytes(end - change.offset)
        elif end > len(data):
            data.extend(bytes(end - len(data)))


class Disk:
    def __init__(self, root, model):
        self.root, self.model = root, model
        self.top = Folder()
        self.namings = []  # waiting, in order
        self.files = {}    # of the recorder -> object
        self.syncs = {}    # (process, number) -> BEGIN
        self.committed = 0  # everything before it that the journal orders is sure (JOURNAL)

    # ---- finding -----------------------------------------------------------------------------

    def _split(self, path):
        rest = os.path.relpath(path, self.root)
        return [] if rest == "." else rest.split("/")

    def _folder(self, parts):
        at = self.top
        for name in parts:
            at = at.now[name]
        return at

    def _object(self, path):
        parts = self._split(path)
        return self._folder(parts[:-1]).now[parts[-1]] if parts else self.top

    # ---- what is recorded --------------------------------------------------------------------

    def _name(self, r, changes):
        """`changes`: paths and what they name from now on. All in one folder."""
        folders = {tuple(self._split(path)[:-1]) for path, _ in changes}
        if len(folders) != 1:
            raise ValueError(f"a move between folders is not known: {r.path}")
        folder = self._folder(folders.pop())
        names = {self._split(path)[-1]: what for path, what in changes}
        for name, what in names.items():
            if what is None:
                folder.now.pop(name, None)  # a socket is not known; compare() tells if it was more
            else:
                folder.now[name] = what
        self.namings.append(Naming(r.at, folder, names))

    def _change(self, r, kind, offset=0, data=b"", size=0):
        self.files[r.file].waiting.append(Change(r.at, kind, offset, data, size))

    def _open(self, r):
        if r.flags & record.NAMELESS:
            self.files[r.file] = File()
            return
        if r.flags & record.CREATED:
            self._name(r, [(r.path, File())])
        self.files[r.file] = self._object(r.path)
        if r.flags & record.TRUNCATED:
            self._change(r, record.TRUNCATE)

    def step(self, r):
        """The next record."""
        if r.kind == record.OPEN:
            self._open(r)
        elif r.kind == record.WRITE:
            self._change(r, r.kind, r.a, r.data)
        elif r.kind == record.TRUNCATE:
            self._change(r, r.kind, size=r.a)
        elif r.kind == record.ALLOCATE and r.flags & record.PUNCH_HOLE:
            self._change(r, record.PUNCH_HOLE, r.a, size=r.b)
        elif r.kind == record.ALLOCATE and not r.flags & record.KEEP_SIZE:
            self._change(r, r.kind, r.a, size=r.b)
        elif r.kind == record.RENAME:
            moved = self._object(r.path)
            self._name(r, [(r.path, None), (r.data.decode(), moved)])
        elif r.kind == record.LINK:
            self._name(r, [(r.data.decode(), self._object(r.path))])
        elif r.kind in (record.UNLINK, record.RMDIR):
            self._name(r, [(r.path, None)])
        elif r.kind == record.MKDIR:
            self._name(r, [(r.path, Folder())])
        elif r.kind == record.SYNC_BEGIN:
            self.syncs[r.pid, r.a] = r
        elif r.kind == record.SYNC_END:
            self._sync(self.files[r.file], self.syncs.pop((r.pid, r.a)).at)

    def _sync(self, what, begin):
        if isinstance(what, File):
            for change in [c for c in what.waiting if c.at < begin]:
                apply(what.sure, change)
            what.waiting = [c for c in what.waiting if c.at >= begin]
        self.committed = max(self.committed, begin)
        kept = []
        for naming in self.namings:
            if naming.at < begin and (naming.folder is what or self.model == JOURNAL):
                for name, value in naming.names.items():
                    set_name(naming.folder.sure, name, value)
            else:
                kept.append(naming)
        self.namings = kept

    # ---- what is there -----------------------------------------------------------------------

    def waiting_files(self, names_of):
        """The files with changes that wait, reachable through names_of(folder)."""
        found = {}
        stack = [self.top]
        while stack:
            for what in names_of(stack.pop()).values():
                if isinstance(what, Folder):
                    stack.append(what)
                elif what.waiting:
                    found[id(what)] = what
        return list(found.values())

    def write(self, target, names_of, bytes_of):
        """Makes the folder `target` as a disk has it: names_of(folder) its names, bytes_of(file) its bytes."""
        stack = [(self.top, target)]
        while stack:
            folder, path = stack.pop()
            os.mkdir(path)
            for name, what in names_of(folder).items():
                if isinstance(what, Folder):
                    stack.append((what, f"{path}/{name}"))
                    continue
                with open(f"{path}/{name}", "wb") as f:
                    f.write(bytes_of(what))

    def compare(self, real):
        """Differences between all that was recorded and the folder as it is: what the recorder missed."""
        found = []
        stack = [(self.top, real)]
        while stack:
            folder, path = stack.pop()
            names = {n for n in os.listdir(path) if os.path.isdir(f"{path}/{n}") or os.path.isfile(f"{path}/{n}")}
            found += [f"{path}/{name} differs" for name in names ^ set(folder.now)]
            for name in names & set(folder.now):
                what = folder.now[name]
                if isinstance(what, Folder):
                    stack.append((what, f"{path}/{name}"))
                    continue
                data = bytearray(what.sure)
                for change in what.waiting:
                    apply(data, change)
                with open(f"{path}/{name}", "rb") as f:
                    if f.read() != data:
                        found.append(f"the content of {path}/{name} differs")
        return found


def set_name(names, name, what):
    if what is None:
        names.pop(name, None)
    else:
        names[name] = what


def load(root, model):
    """A disk that holds a folder as it is, all of it surely."""
    disk = Disk(root, model)
    stack = [(disk.top, root)]
    while stack:
        folder, path = stack.pop()
        for entry in os.scandir(path):
            if entry.is_dir():
                what = Folder()
                stack.append((what, entry.path))
            else:
                with open(entry.path, "rb") as f:
                    what = File(f.read())
            folder.sure[entry.name] = folder.now[entry.name] = what
    return disk
