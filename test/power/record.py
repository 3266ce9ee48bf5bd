# SPDX-License-Identifier: Apache-2.0
"""Reads what the recorder wrote (test/power/shim.h has the format)."""
import struct

START, OPEN, WRITE, TRUNCATE, ALLOCATE, RENAME, UNLINK, MKDIR, RMDIR, LINK = range(1, 11)
SYNC_BEGIN, SYNC_END, MARK, SEND, RECEIVE = range(11, 16)
DEATH = 99
CREATED, TRUNCATED, FOLDER, NAMELESS = 1, 2, 4, 8
KEEP_SIZE, PUNCH_HOLE = 1, 2

# what changes the folder: the power is cut before one of these
CHANGES = {OPEN, WRITE, TRUNCATE, ALLOCATE, RENAME, UNLINK, MKDIR, RMDIR, LINK}

_HEAD = struct.Struct("<IBBHIiQqq")


class Record:
    __slots__ = ("at", "kind", "flags", "pid", "file", "a", "b", "path", "data")

    def __init__(self, at, kind, flags, pid, file, a, b, path, data):
        self.at, self.kind, self.flags, self.pid, self.file = at, kind, flags, pid, file
        self.a, self.b, self.path, self.data = a, b, path, data

    def changes(self):
        """Whether a disk is another one after it."""
        if self.kind == OPEN:
            return bool(self.flags & (CREATED | TRUNCATED | NAMELESS))
        return self.kind in CHANGES


def append_mark(path, text):
    """A mark of our own, between two recorded programs."""
    data = text.encode()
    with open(path, "ab") as f:
        f.write(_HEAD.pack(_HEAD.size + len(data), MARK, 0, 0, len(data), 0, 0, 0, 0) + data)


def read(path):
    """All records. One that a killed program left half written at the end is passed over: it had not begun
    what came behind it."""
    with open(path, "rb") as f:
        text = f.read()
    records, offset = [], 0
    while offset + _HEAD.size <= len(text):
        size, kind, flags, path_n, data_n, pid, file, a, b = _HEAD.unpack_from(text, offset)
        if size != _HEAD.size + path_n + data_n:
            raise ValueError(f"{path}: a record at {offset} makes no sense")
        if offset + size > len(text):
            break
        begin = offset + _HEAD.size
        name = text[begin:begin + path_n].decode()
        data = text[begin + path_n:offset + size]
        if kind == DEATH:
            raise ValueError(data.decode())
        records.append(Record(len(records), kind, flags, pid, file, a, b, name, data))
        offset += size
    return records
