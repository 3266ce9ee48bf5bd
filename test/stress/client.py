# SPDX-License-Identifier: Apache-2.0
"""A client that does anything at random, and comes back."""
import asyncio
import time

import acts
import names
import search
from session import MODES, Command, Session
from wire import Contradiction, Lost

# what, how often
SELECTED = (
    (acts.fetch, 20), (acts.store, 25), (acts.copy, 6), (acts.move, 5), (acts.expunge, 6), (acts.noop, 5),
    (acts.close, 1), (acts.unselect, 1), (search.search, 12), (search.sort, 3), (search.thread, 2), (search.saved, 2),
    (search.batches, 1), (search.context, 2), (search.cancel, 1), (search.everywhere, 2), (names.append_some, 10),
    (names.replace, 3), (names.catenate, 3),
    (names.status, 4), (names.listing, 2), (names.others, 2), (names.create, 1), (names.delete, 1), (names.rename, 1),
    (names.share, 1))
OUTSIDE = (
    (names.append_some, 3), (names.status, 3), (names.listing, 2), (names.others, 2), (names.create, 3),
    (names.delete, 3), (names.rename, 2), (acts.noop, 1))
ALL = b"(MessageNew MessageExpunge FlagChange)"
MORE = b"(MessageNew (UID FLAGS) MessageExpunge FlagChange)"
NOTIFY = {
    "now": (b"SET (SELECTED " + ALL + b")", b"SET (SELECTED " + MORE + b")",
            b"SET STATUS (SELECTED " + ALL + b") (PERSONAL (MessageNew MessageExpunge MailboxName))"),
    "delayed": (b"SET (SELECTED-DELAYED " + ALL + b")",
                b"SET (SELECTED-DELAYED " + MORE + b") (INBOXES (MessageNew MessageExpunge))"),
    "deaf": (b"NONE", b"SET (INBOXES (MessageNew MessageExpunge))")}


class Client(Session):
    def __init__(self, world, account, name):
        super().__init__(world, account, name)
        self.resting = asyncio.Event()  # it does nothing, because the gate is closed
        self.memory = None  # of a session that was cut: name, (uidvalidity, modseq, uid -> flags)
        self.unsure = False  # of its own mailboxes: a command was cut

    async def live(self):
        world = self.world
        while not world.over.is_set():
            try:
                await self.life()
            except Lost as e:
                self.lost(e)
            except (Contradiction, AssertionError, ValueError, IndexError, KeyError, TypeError, AttributeError) as e:
                world.fail(self, e)
                break
        self.resting.set()

    def lost(self, why):
        self.remember()
        if str(why) != "cut" and not self.world.stopping and not self.world.restarted(self):
            self.world.fail(self, why)
        self.wire = self.box = None

    # ---- one connection ---------------------------------------------------------------------

    async def life(self):
        r, world = self.world.random, self.world
        await self.gate()
        if world.over.is_set():
            return
        if self.memory:
            await asyncio.sleep(r.uniform(0, 0.7))
        await self.connect(world.way(r))
        mode = r.choice(MODES)
        if self.memory and r.random() < 0.9:
            mode = r.choice(("QRESYNC", "QRESYNC IMAP4rev2", "QRESYNC UIDONLY"))
        await self.enable(mode)
        if r.random() < 0.3 and not world.plain:
            await self.run(Command(b"COMPRESS DEFLATE"))
            self.wire.compress()
        if self.memory and self.has("QRESYNC"):
            await self.come_back()
        self.memory = None
        for _ in range(r.randint(5, world.options.get("life", 150))):
            await self.gate()
            if world.over.is_set():
                break
            await self.something()
        if self.box is not None and self.has("CONDSTORE") and r.random() < 0.3:
            await asyncio.sleep(r.uniform(0, 0.5))
            await self.run(*acts.last_look(self))
        self.remember()
        if r.random() < 0.5:
            await self.leave()
        else:
            self.wire.cut()
        self.wire = self.box = None

    def remember(self):
        box = self.box
        if box and box.complete and not box.deaf and not box.unknown() and box.sure and self.has("CONDSTORE"):
            self.memory = (box.name, (box.truth.validity, box.sure, box.state()))

    async def come_back(self):
        name, (validity, sure, known) = self.memory
        more, r = b"", self.world.random
        uids = sorted(known)
        if uids and r.random() < 0.5:
            more = b" " + acts.as_set(uids)
        if uids and r.random() < 0.3 and not self.has("UIDONLY"):
            pairs = [(n, uids[n - 1]) for n in range(1, len(uids) + 1) if r.random() < 0.4]
            if pairs:
                more += b" (%s %s)" % (b",".join(b"%d" % n for n, _ in pairs), b",".join(b"%d" % u for _, u in pairs))
        self.world.counts["resumed"] += 1
        await self.run(self.select(name, name.endswith("/Archive"), resume=(validity, sure, known, more)))
        if self.box:
            await self.learn()

    async def something(self):
        r = self.world.random
        if self.box is None and r.random() < 0.7:
            await self.open()
        elif self.box is not None and r.random() < 0.05:
            await self.change_notify()
        elif self.box is not None and r.random() < 0.06:
            await self.idle_for(r.uniform(0.01, 1.5))
        elif r.random() < 0.02:
            await self.open()
        else:
            await self.batch()
        if self.box is not None and self.box.debts() and not self.box.deaf:
            await self.settle()
        if self.box is not None and r.random() < 0.85:
            await self.learn()
        elif self.notify in ("now", "delayed"):
            await self.listen(0.001)

    async def open(self):
        r = self.world.random
        name = r.choice((*names.STABLE, "INBOX", *self.account.names, *self.world.shared(self.account) * 2))
        # others may only read Archive, which some commands need not know of
        read_only = r.random() < 0.15 or name.endswith("/Archive")
        await self.run(self.select(name, read_only=read_only), cut=self.cut())
        if self.box is not None and r.random() < 0.9:
            await self.learn()

    def cut(self):
        r = self.world.random
        return r.randrange(6) if r.random() < 0.01 else None

    async def batch(self):
        r = self.world.random
        commands, numbered = [], self.notify != "now"
        for _ in range(r.choice((1, 1, 1, 2, 2, 3, 5))):
            kinds = SELECTED if self.box is not None else OUTSIDE
            made = r.choices([k for k, _ in kinds], [w for _, w in kinds])[0](self, numbered)
            if made is None:
                continue
            commands += made if isinstance(made, tuple) else [made]
            # what may tell of expunges makes the numbers of the next ones uncertain (RFC 9051 §5.5)
            numbered = numbered and all(c.numbered for c in commands)
            if commands[-1].last or not numbered and r.random() < 0.3:
                break
        if commands:
            self.world.counts["commands"] += len(commands)
            cut = self.cut()
            if cut is not None:
                self.remember()
            await self.run(*commands, cut=cut)

    # ---- waiting ----------------------------------------------------------------------------

    async def change_notify(self):
        r = self.world.random
        what = r.choice(("now", "delayed", "delayed", "deaf"))
        if self.notify == "deaf":  # all that was not told is told before another program begins
            what = r.choice(("now", "delayed"))
        text = r.choice(NOTIFY[what])

        def end(_, __):
            self.notify = what
            self.box.deaf = what == "deaf" or self.box.loose
            if self.box.deaf:
                self.box.contexts.clear()
        await self.run(Command(b"NOTIFY " + text, end=end))

    async def idle_for(self, seconds):
        end = time.monotonic() + seconds
        await self.idle()
        while time.monotonic() < end and not self.world.over.is_set():
            await self.listen(min(0.2, max(0.01, end - time.monotonic())))
            if not self.world.gate.is_set():
                await self.gate()
                end = 0
        await self.done()

    async def gate(self):
        world = self.world
        if world.gate.is_set():
            return
        self.resting.set()
        waiting = [asyncio.ensure_future(world.gate.wait()), asyncio.ensure_future(world.over.wait())]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for w in waiting:
            w.cancel()
        self.resting.clear()

    # ---- when all is quiet ------------------------------------------------------------------

    async def converge(self, found):
        """What is believed must be what is there: `found` is uidvalidity -> uid -> flags."""
        if self.wire is None or self.box is None or self.box.truth is None or self.box.deaf:
            return
        if self.world.restarted(self):  # which it is about to hear of
            return
        right = found.get((self.box.account, self.box.truth.validity), {})
        if not self.idling and self.notify is None:
            await self.run(Command(b"NOOP"))
        end, asked = time.monotonic() + self.world.patience, 0
        while (self.idling or self.notify is not None) and (
                not self.agrees(right) or self.box.wrong_contexts()) and (
                time.monotonic() < end or (asked := asked + 1) < 5):
            if not await self.listen(0.5) and self.notify == "delayed":
                await self.run(Command(b"NOOP"))  # only this may tell of expunges
        if not self.idling:
            await self.learn()
        if not self.agrees(right):
            raise Contradiction(f"believed and there: {difference(self.box, right)}")
        if wrong := self.box.wrong_contexts():
            raise Contradiction(wrong)
        self.world.counts["converged"] += 1

    def agrees(self, right):
        box = self.box
        if len(box) != len(right):
            return False
        if box.uidonly:  # then unknown ones have no place
            return all(m.uid is None or (m.uid in right and m.flags in (None, right[m.uid])) for m in box.messages)
        return all((m.uid is None or m.uid == uid) and (m.flags is None or m.flags == flags)
                   for m, (uid, flags) in zip(box.messages, sorted(right.items())))


def difference(box, right):
    told = {m.uid: m.flags for m in box.messages}
    lines = [f"{len(box)} and {len(right)} messages"]
    for uid in sorted({*told, *right}, key=lambda u: u or 0):
        if told.get(uid) != right.get(uid):
            lines.append(f"UID {uid}: {sorted(told[uid] or '?') if uid in told else 'not there'}, "
                         f"{sorted(right[uid]) if uid in right else 'not there'}")
    return "; ".join(lines[:12])
