# SPDX-License-Identifier: Apache-2.0
"""Accounts, the clients of each, and what they share: ports, chance, the gate, the first contradiction."""
import asyncio
import collections
import random
import ssl
import time
import traceback

from beside import Reader, Sender
from client import Client
from rounds import moment
from truth import Account
from wire import Contradiction, Lost

MOST = 80  # messages in a mailbox, about
PATIENCE = 20  # seconds until a change is told, on a machine with much else to do


class World:
    def __init__(self, options):
        """`options`: ports, addresses, clients (for each), seed, seconds, every (seconds between quiet moments), plain
        (no TLS, no compression: somebody in between looks), most, patience, life."""
        self.options, self.ports, self.plain = options, options["ports"], options.get("plain", False)
        self.random = random.Random(options["seed"])
        self.tls = ssl.create_default_context()
        self.tls.check_hostname, self.tls.verify_mode = False, ssl.CERT_NONE
        self.most, self.patience = options.get("most", MOST), options.get("patience", PATIENCE)
        self.accounts = [Account(a) for a in options["addresses"]]
        self.counts = collections.Counter()
        self.failure, self.stopping, self.tokens = None, False, 0

    def token(self, who):
        self.tokens += 1
        return f"{self.options['seed']}-{who.name}-{self.tokens}"

    def way(self, r):
        return "plain" if self.plain else r.choice(("tls", "tls", "tls", "starttls", "plain"))

    def roomy(self, account):
        """Names of mailboxes with room for more; [None] if there is none."""
        counts = {b.name: b.count for b in account.boxes.values() if not b.deleted}
        found = [n for n in ("INBOX", "Archive", "Work", "Work/Grüße & more", *account.names)
                 if counts.get(n, 0) < self.most]
        return found or [None]

    def doubt(self, account):
        """Something may be there of which nobody was told."""
        account.doubts += 1

    def fail(self, who, error):
        if self.failure is None:
            where = "" if isinstance(error, (Contradiction, Lost)) else "".join(traceback.format_exception(error))
            trace = "\n".join(who.wire.trace) if getattr(who, "wire", None) else ""
            what = f"{' '.join(sorted(getattr(who, 'enabled', ())))} NOTIFY {getattr(who, 'notify', None)}"
            address = who.account.address if hasattr(who, "account") else "-"
            self.failure = (f"{getattr(who, 'name', 'first')} of {address} ({what}): {error or repr(error)}\n{where}"
                            f"what it said and heard last:\n{trace}")
        self.over.set()
        self.gate.set()

    async def live(self):
        """The counts, and the contradiction or None."""
        options = self.options
        self.gate, self.over = asyncio.Event(), asyncio.Event()
        self.clients = [Client(self, a, f"a{k}c{n}") for k, a in enumerate(self.accounts)
                        for n in range(options["clients"])]
        self.others = [Sender(self, "sender")] if options.get("beside", True) else []
        self.others += [Reader(self, a, f"reader{k}") for k, a in enumerate(self.accounts) if self.others]
        try:
            await self.begin()
        except Contradiction as e:
            self.fail(self, e)
            return {}, self.failure
        tasks = [asyncio.ensure_future(c.live()) for c in [*self.clients, *self.others]]
        end = time.monotonic() + options["seconds"]
        while not self.over.is_set() and time.monotonic() < end:
            try:
                await asyncio.wait_for(self.over.wait(), min(options.get("every", 8), max(0.1, end - time.monotonic())))
            except asyncio.TimeoutError:
                await moment(self)
        self.over.set()
        self.gate.set()
        self.stopping = True
        await asyncio.wait(tasks, timeout=60)
        return dict(self.counts), self.failure

    async def begin(self):
        """The names that are always there."""
        from session import Command, Session
        for account in self.accounts:
            s = Session(self, account, "first")
            await s.connect("plain")
            for name in ("Work", "Work/Grüße & more"):
                await s.run(Command(b"CREATE " + s.named(name)))
            await s.run(s.select("INBOX"))
            await s.leave()
        self.gate.set()


def run(options):
    return asyncio.run(World(options).live())
