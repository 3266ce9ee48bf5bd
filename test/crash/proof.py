# SPDX-License-Identifier: Apache-2.0
"""A comparison that cannot fail proves nothing. At the end of a round mail is done and undone behind the journal's
back, as a server would that gives a message twice or loses one, and the comparison has to notice."""
import letter
from admin import Broken
from clients import Line, Reader, Sender
from imap import Imap
from imap import look as imap_look

TOKEN, SIZE = "proof", 3000


def prove(world):
    address = world.addresses[0]
    world.journal.begin(TOKEN, SIZE, [address])
    send(world, address)
    world.journal.got(TOKEN, [address], TOKEN)
    world.compare()
    send(world, address)
    notices(world, f"{(address, TOKEN)} was promised and is there 2 times")
    remove_all(world, address)
    notices(world, f"{(address, TOKEN)} was promised and is there 0 times")
    prove_imap(world)


def prove_imap(world):
    """A message that a Writer did not put there, and flags that its Follower is not told of."""
    writer, follower = world.writers[0], world.followers[0]
    world.journal.promises.mail.pop((world.addresses[0], TOKEN))  # what was shown before
    m = Imap(world, writer.address)
    m.append("INBOX", [("", letter.make(TOKEN, SIZE))], wait=True)
    m.close()
    notices(world, f"{writer.address} holds ")
    writer.before = writer.after = imap_look(world, writer.address)[0]
    follower.known = {uid: frozenset({"\\Nothing"}) for uid in follower.known}
    notices(world, f"{follower.name} knows ")


def notices(world, sentence):
    try:
        world.compare()
    except Broken as e:
        if sentence in str(e):
            return
        raise
    raise Broken(f"the comparison did not notice: {sentence}")


def send(world, address):
    sender, line = Sender(world, "proof", 0), Line(world.ports["smtp"])
    try:
        sender.answer(line, "220")
        for command in ("HELO client.test", "MAIL FROM:<a@elsewhere.test>", f"RCPT TO:<{address}>"):
            line.send(command.encode() + b"\r\n")
            sender.answer(line, "250")
        sender.data(line, b"", 0, letter.make(TOKEN, SIZE))
    finally:
        line.close()


def remove_all(world, address):
    reader, line = Reader(world, "proof", 0), Line(world.ports["pop3"])
    try:
        reader.log_in(line, address)
        for n, _ in enumerate(reader.lines(line, "UIDL"), 1):
            if letter.token_of(b"\r\n".join(reader.lines(line, f"RETR {n}"))) == TOKEN:
                reader.ok(line, f"DELE {n}")
        reader.ok(line, "QUIT")
    finally:
        line.close()
