# SPDX-License-Identifier: Apache-2.0
"""What has been promised up to a moment, and whether a folder keeps it.

Marks are those of test/power/workload.c (or of clients, who are not told the UID: "-"); lines are those of
test/power/verify.c. A message in an account is
  maybe    begun: there once, or not
  there    promised: exactly once
  gone     its deletion is promised: not there
and `either` while a deletion or a restoring is begun.
"""

MAYBE, THERE, GONE, EITHER = "maybe", "there", "gone", "either"


class Message:
    __slots__ = ("state", "uid", "uidl")

    def __init__(self, state):
        self.state, self.uid, self.uidl = state, None, None


class Promises:
    def __init__(self):
        self.created = False
        self.names = set()   # ("account", address), ("alias", address), ("domain", name)
        self.files = {}      # path -> SHA-256
        self.mail = {}       # (address, token) -> Message
        self.uids = {}       # address -> {uid: token}, all that anybody was told
        self.uidls = {}      # address -> {uidl: token}

    # ---- promising ---------------------------------------------------------------------------

    def mark(self, text):
        word, *rest = text.split(" ")
        if word == "created":
            self.created = True
        elif word in ("domain", "account", "alias"):
            self.names.add((word, rest[0]))
        elif word == "file":
            self.files[rest[0]] = rest[1]
        elif word in ("try", "got"):
            for address in rest[1:]:
                message = self.mail.setdefault((address, rest[0]), Message(MAYBE))
                if word == "got" and message.state == MAYBE:
                    message.state = THERE
        elif word == "seen":
            address, token, uid, uidl = rest
            message = self.mail[address, token]
            if message.state == MAYBE:
                message.state = THERE
            self.told(address, token, None if uid == "-" else int(uid), int(uidl))
        elif word in ("delete", "restore"):
            message = self.mail[tuple(rest)]
            if word == "restore":
                message.uid = None  # it comes back under a new one
            if word == "restore" or message.state != GONE:  # somebody else may have deleted it meanwhile
                message.state = EITHER
        elif word == "deleted":
            self.mail[tuple(rest)].state = GONE
        elif word == "restored":
            address, token, uid = rest
            self.mail[address, token].state = THERE
            self.told(address, token, int(uid), None)
        else:
            raise ValueError(f"nobody knows the mark: {text}")

    def told(self, address, token, uid, uidl):
        message = self.mail[address, token]
        if uid is not None:
            message.uid = uid
            self.uids.setdefault(address, {})[uid] = token
        if uidl is not None:
            message.uidl = uidl
            self.uidls.setdefault(address, {})[uidl] = token

    # ---- keeping -----------------------------------------------------------------------------

    def broken(self, lines, after=()):
        """What a folder, told by `lines`, does not keep: sentences. `after`: lines of "more", promised too."""
        found = _Found(lines)
        wrong = list(found.problems)
        wrong += [f"{kind} {name} was promised and is not there"
                  for kind, name in sorted(self.names - found.names)]
        extra = {}
        for line in after:
            _, address, token, uid = line.split(" ")
            extra[address, token] = int(uid)
            if int(uid) in self.uids.get(address, ()):
                wrong.append(f"{address}: the new message got the UID {uid}, which another one had")
        for key, uid in extra.items():
            if [m.uid for m in found.mail.get(key, [])] != [uid]:
                wrong.append(f"{key}: came after the power was back and is not there once under its UID")
        wrong += self._messages(found, extra)
        wrong += self._numbers(found)
        wrong += found.sums()
        return wrong

    def _messages(self, found, extra):
        wrong = []
        for key, message in self.mail.items():
            copies = found.mail.get(key, [])
            if message.state == THERE and len(copies) != 1:
                wrong.append(f"{key} was promised and is there {len(copies)} times")
            elif message.state == GONE and copies:
                wrong.append(f"{key} was deleted and is there {len(copies)} times")
            elif len(copies) > 1:
                wrong.append(f"{key} was begun once and is there {len(copies)} times")
            for copy in copies:
                if message.uid is not None and copy.uid != message.uid:
                    wrong.append(f"{key} had the UID {message.uid} and has {copy.uid}")
                if message.uidl is not None and copy.uidl != message.uidl:
                    wrong.append(f"{key} had the UIDL {message.uidl} and has {copy.uidl}")
        for key in found.mail.keys() - self.mail.keys() - extra.keys():
            wrong.append(f"{key} is there, and nobody sent it")
        return wrong

    def _numbers(self, found):
        wrong = []
        for (address, token), copies in found.mail.items():
            for copy in copies:
                if self.uids.get(address, {}).get(copy.uid, token) != token:
                    wrong.append(f"{address}: {token} has the UID {copy.uid}, which another message had")
                if self.uidls.get(address, {}).get(copy.uidl, token) != token:
                    wrong.append(f"{address}: {token} has the UIDL {copy.uidl}, which another message had")
        for address, told in self.uids.items():
            if address in found.next and told and max(told) >= found.next[address]:
                wrong.append(f"{address}: the next UID is {found.next[address]}, and {max(told)} was told")
        return wrong


class _Copy:
    __slots__ = ("uid", "uidl", "size")

    def __init__(self, uid, uidl, size):
        self.uid, self.uidl, self.size = int(uid), int(uidl), int(size)


class _Found:
    """The lines, sorted."""

    def __init__(self, lines):
        self.problems, self.names, self.mail, self.quota, self.next = [], set(), {}, {}, {}
        for line in lines:
            word, *rest = line.split(" ")
            if word == "mail":
                self.mail.setdefault((rest[0], rest[1]), []).append(_Copy(*rest[2:]))
            elif word == "quota":
                self.quota[rest[0]] = (int(rest[1]), int(rest[2]))
            elif word == "next":
                self.next[rest[0]] = int(rest[1])
            elif word in ("account", "alias", "domain"):
                self.names.add((word, rest[0]))
            else:  # "problem", or a line of the log
                self.problems.append(line)

    def sums(self):
        """Quota is the sum, and numbers are given once."""
        wrong, sizes, uids = [], {}, {}
        for (address, _), copies in self.mail.items():
            sizes.setdefault(address, []).extend(c.size for c in copies)
            uids.setdefault(address, []).extend(c.uid for c in copies)
        for address, (used, messages) in self.quota.items():
            have = sizes.get(address, [])
            if (used, messages) != (sum(have), len(have)):
                wrong.append(f"{address}: the quota says {messages} messages with {used} bytes, there are "
                             f"{len(have)} with {sum(have)}")
        wrong += [f"{address}: a UID is there twice" for address, v in uids.items() if len(v) != len(set(v))]
        return wrong
