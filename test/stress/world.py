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
from names import STABLE, append
from restarts import Never
from truth import OTHERS, RIGHTS, Account
from wire import Contradiction, Lost

MOST = 80  # messages in a mailbox, about
FILL = 50  # messages at once
PATIENCE = 20  # seconds until a change is told, on a machine with much else to do


class World:
    def __init__(self, options):
        """`options`: ports, addresses, clients (for each), seed, seconds, every (seconds between quiet moments), plain
        (no TLS, no compression: somebody in between looks), most, patience, life, fill, restarts (a View)."""
        self.options, self.ports, self.plain = options, options["ports"], options.get("plain", False)
        self.random = random.Random(options["seed"])
        self.tls = ssl.create_default_context()
        self.tls.check_hostname, self.tls.verify_mode = False, ssl.CERT_NONE
        self.most, self.patience = options.get("most", MOST), options.get("patience", PATIENCE)
        sent = (set(), set())
        self.accounts = [Account(a, sent) for a in options["addresses"]]
        self.counts = collections.Counter()
        self.failure, self.stopping, self.tokens = None, False, 0
        self.cut = False  # a connection was, since all was quiet
        self.server = options.get("restarts", Never())

    async def up(self, who):
        """Before it connects: there is a server, or everything is over."""
        who.server = await self.server.up(self.over)
        if who.server is None:
            raise Lost("cut")

    def restarted(self, who):
        """Whether the server that it talked to has ended, or is about to."""
        if self.server.number.value == who.server:
            return False
        self.cut = True
        return True

    def token(self, who):
        self.tokens += 1
        return f"{self.options['seed']}-{who.name}-{self.tokens}"

    def way(self, r):
        return "plain" if self.plain else r.choice(("tls", "tls", "tls", "starttls", "plain"))

    def roomy(self, account):
        """Names of mailboxes with room for more; [None] if there is none."""
        found = [n for n in (*STABLE, *account.names, *self.shared(account)) if self.count(account, n) < self.most]
        return [n for n in found if not (n.startswith(OTHERS) and n.endswith("/Archive"))] or [None]

    def count(self, account, name):
        owner = self.owner(account, name)
        plain = name[len(OTHERS) + len(owner.address) + 1:] if name.startswith(OTHERS) else name
        return max((b.count for b in owner.boxes.values() if b.name == plain and not b.deleted), default=0)

    def doubt(self, account, name):
        """Something may be there of which nobody was told."""
        self.owner(account, name).doubts += 1

    # ---- sharing: each shares with the next one -----------------------------------------------

    def guest(self, account):
        """Who may see mailboxes of the account."""
        if len(self.accounts) < 2:
            return None
        return self.accounts[(self.accounts.index(account) + 1) % len(self.accounts)]

    def shared(self, account):
        """Names of mailboxes that somebody else shares with it."""
        if len(self.accounts) < 2:
            return ()
        owner = self.accounts[self.accounts.index(account) - 1]
        return tuple(f"{OTHERS}{owner.address}/{name}" for name in ("Work", "Archive", "Open"))

    def owner(self, account, name):
        if not name.startswith(OTHERS):
            return account
        return self.accounts[self.accounts.index(account) - 1]

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
            async with self.server.stays(self.over):
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
        """The names that are always there, and what is in them from the beginning."""
        from session import Command, Session
        for account in self.accounts:
            s = Session(self, account, "first")
            await s.connect("plain")
            for name in ("Work", "Work/Grüße & more", "Open"):
                await s.run(Command(b"CREATE " + s.named(name)))
            if guest := self.guest(account):
                await s.run(Command(f"SETACL Work {guest.address} {RIGHTS}".encode()))
                await s.run(Command(f"SETACL Archive {guest.address} lr".encode()))
            for name in STABLE:
                for _ in range(0, self.options.get("fill", 0), FILL):
                    await s.run(append(s, name, FILL))
            await s.run(s.select("INBOX"))
            await s.leave()
        self.gate.set()


def run(options):
    return asyncio.run(World(options).live())
