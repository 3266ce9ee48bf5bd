# SPDX-License-Identifier: Apache-2.0
"""Clients that keep a journal: SMTP senders and POP3 readers on plain sockets, one a thread.

They work until told to stop, and pause while the gate is closed. Whatever happens to a connection is expected here:
the server is killed all the time. An answer that no server should give is a fault and ends the test.
"""
import random
import re
import socket
import threading

import letter

TIMEOUT = 300
PASSWORD = "correct horse battery"


class Fault(Exception):
    """The server answered what it must not."""


class Lost(Exception):
    """The connection is gone, or the server says that it is going."""


class Line:
    """A connection that speaks in lines."""

    def __init__(self, port):
        try:
            self.socket = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT)
        except OSError as e:
            raise Lost(str(e)) from None
        self.port = self.socket.getsockname()[1]
        self.file = self.socket.makefile("rb")

    def close(self):
        self.file.close()
        self.socket.close()

    def send(self, data):
        try:
            self.socket.sendall(data)
        except socket.timeout:
            raise Fault("the server does not read") from None
        except OSError as e:
            raise Lost(str(e)) from None

    def line(self):
        try:
            line = self.file.readline()
        except socket.timeout:
            raise Fault("the server does not answer") from None
        except OSError as e:
            raise Lost(str(e)) from None
        if not line.endswith(b"\r\n"):
            raise Lost("end of file")
        return line[:-2]


class Client(threading.Thread):
    """Repeats session() while the gate is open."""

    def __init__(self, world, name, seed):
        super().__init__(name=name, daemon=True)
        self.world, self.journal = world, world.journal
        self.random = random.Random(f"{seed}-{name}")
        self.idle = threading.Event()

    def run(self):
        while not self.world.over.is_set():
            if not self.world.gate.is_set():
                self.idle.set()
                self.world.gate.wait(0.05)
                continue
            self.idle.clear()
            try:
                self.session()
            except Lost:
                self.world.over.wait(0.03)
            except Exception as e:  # of ours or the server's: both end the test
                self.world.fail(f"{self.name}: {e!r}")
                break
        self.idle.set()


class Sender(Client):
    count = 0

    def session(self):
        line = Line(self.world.ports["smtp"])
        try:
            self.answer(line, "220")
            line.send(b"EHLO client.test\r\n")
            self.answer(line, "250")
            for _ in range(self.random.randint(1, 5)):
                self.message(line)
                if not self.world.gate.is_set():
                    break
            line.send(b"QUIT\r\n")
            self.answer(line, "221")
        finally:
            line.close()

    def answer(self, line, *wanted):
        while True:
            text = line.line().decode()
            if text[3:4] != "-":
                break
        if text.startswith("421"):
            raise Lost(text)
        if text[:3] not in wanted:
            raise Fault(f"the answer is {text!r} and not {wanted}")
        return text

    def message(self, line):
        r = self.random
        addresses = r.sample(self.world.addresses, r.choice((1, 1, 1, 2, 3, 6)))
        token = f"{self.world.name}-{self.name}-{self.count}"
        self.count += 1
        size = letter.some_size(r)
        text = letter.make(token, size)
        commands = [f"MAIL FROM:<a@elsewhere.test> SIZE={len(text)}", *(f"RCPT TO:<{a}>" for a in addresses)]
        bdat, pipelined = r.random() < 0.4, r.random() < 0.6
        if not pipelined:
            for command in commands:
                line.send(command.encode() + b"\r\n")
                self.answer(line, "250")
            commands = []
        opening = "".join(c + "\r\n" for c in commands).encode()
        self.journal.begin(token, size, addresses)
        text = (self.bdat if bdat else self.data)(line, opening, len(commands), text)
        if text.startswith("250"):
            kept = re.search(r"kept as (\S+)", text)
            self.journal.got(token, addresses, kept.group(1) if kept else token)
        else:
            self.journal.count("refused")

    def data(self, line, opening, answers, text):
        line.send(opening + b"DATA\r\n")
        for _ in range(answers):
            self.answer(line, "250")
        self.answer(line, "354")
        line.send(text.replace(b"\r\n.", b"\r\n..") + b".\r\n")
        return self.answer(line, "250", "451", "452")

    def bdat(self, line, opening, answers, text):
        """In one to four pieces, all sent at once."""
        cuts = sorted(self.random.sample(range(len(text)), self.random.randrange(4)))
        pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)])]
        out = bytearray(opening)
        for i, piece in enumerate(pieces):
            out += f"BDAT {len(piece)}{' LAST' if i == len(pieces) - 1 else ''}\r\n".encode() + piece
        line.send(out)
        for _ in range(answers + len(pieces) - 1):
            self.answer(line, "250")
        return self.answer(line, "250", "451", "452")


class Reader(Client):
    """Lists one account, fetches some, deletes some, quits or goes away."""

    def session(self):
        self.world.over.wait(self.random.uniform(0, 0.2))
        address = self.random.choice(self.world.addresses)
        line = Line(self.world.ports["pop3"])
        try:
            self.log_in(line, address)
            self.work(line, address)
        finally:
            line.close()

    def ok(self, line, command=None):
        if command is not None:
            line.send(command.encode() + b"\r\n")
        text = line.line().decode()
        if text.startswith("+OK"):
            return text
        if "SYS/TEMP" in text:
            raise Lost(text)
        raise Fault(f"{command!r} is answered {text!r}")

    def lines(self, line, command):
        """A multi-line answer, without dots."""
        self.ok(line, command)
        found = []
        while (text := line.line()) != b".":
            found.append(text[1:] if text.startswith(b".") else text)
        return found

    def log_in(self, line, address):
        self.ok(line)
        self.ok(line, "UTF8")  # else header fields might come in another form
        self.ok(line, f"USER {address}")
        self.ok(line, f"PASS {PASSWORD}")

    def work(self, line, address):
        r = self.random
        uidls = dict(text.decode().split(" ") for text in self.lines(line, "UIDL"))
        numbers = r.sample(sorted(uidls), min(len(uidls), r.randint(1, 4) + max(0, len(uidls) - 15)))
        seen = []
        for n in numbers:
            message = b"\r\n".join(self.lines(line, f"RETR {n}")) + b"\r\n"
            token = letter.token_of(message)
            wrong = letter.fault(message, self.journal.sizes.get(token, 0))
            if wrong:
                raise Fault(f"{address}, {uidls[n]}, {token}: {wrong}")
            seen.append((token, uidl_number(uidls[n])))
            self.journal.mark(f"seen {address} {token} - {seen[-1][1]}")
        gone = []
        for n, (token, _) in zip(numbers, seen):
            if r.random() < 0.8:
                self.ok(line, f"DELE {n}")
                gone.append(token)
        if r.random() < 0.2:
            return  # without QUIT nothing is deleted
        with self.journal.lock:
            self.journal.sessions.append((line.port, address, seen, gone))
        for token in gone:
            self.journal.mark(f"delete {address} {token}")
        self.ok(line, "QUIT")
        for token in gone:
            self.journal.mark(f"deleted {address} {token}")


def uidl_number(text):
    """The number of the message in a UIDL (docs/pop3.md); the rest is the account's id."""
    return int(text.split("-")[1], 16)
