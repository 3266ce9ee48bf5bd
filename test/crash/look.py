# SPDX-License-Identifier: Apache-2.0
"""Looks at a running server from outside, through POP3 and the admin API, and tells it in the lines of
test/power/verify.c, which promise.py compares with what was promised."""
import urllib.parse

import letter
from clients import Line, Lost, Reader, uidl_number


def look_directory(admin):
    """The lines about names, and a line for each account that is only half there."""
    lines = [f"alias {a['address']}" for a in admin.pages("aliases")]
    for account in admin.pages("accounts"):
        lines.append(f"account {account['address']}")
    return lines


def look_account(world, admin, address, wanted):
    """Lines about one account. Messages for which wanted(token) is true are fetched and compared, of the others
    only what the server says about them is compared."""
    path = f"/v1/accounts/{urllib.parse.quote(address)}"
    listed = admin.get(f"{path}/messages")
    lines = [f"problem {address}: {listed['damaged']} damaged messages"] if listed["damaged"] else []
    messages = listed["messages"]
    reader = Reader(world, "look", 0)
    line = Line(world.ports["pop3"])
    try:
        reader.log_in(line, address)
        uidls = [text.decode().split(" ")[1] for text in reader.lines(line, "UIDL")]
        sizes = [int(text.split(b" ")[1]) for text in reader.lines(line, "LIST")]
        if len(uidls) != len(messages) or sizes != [m["size"] for m in messages]:
            return lines + [f"problem {address}: POP3 and the admin API list other messages"]
        for n, (m, uidl) in enumerate(zip(messages, uidls), 1):
            token = m["subject"]
            if wanted(token):
                body = b"\r\n".join(reader.lines(line, f"RETR {n}")) + b"\r\n"
                wrong = letter.fault(body, world.journal.sizes.get(token, 0))
                if wrong or letter.token_of(body) != token or len(body) != m["size"]:
                    lines.append(f"problem {address}: {token}: {wrong or 'it is another message than listed'}")
            lines.append(f"mail {address} {token} {m['uid']} {uidl_number(uidl)} {m['size']}")
        reader.ok(line, "QUIT")
    finally:
        line.close()
    inbox = next(b for b in admin.get(f"{path}/mailboxes")["mailboxes"] if b["name"] == "INBOX")
    if (inbox["messages"], inbox["bytes"]) != (len(messages), sum(sizes)):
        lines.append(f"problem {address}: the counters of INBOX are not what is in it")
    quota = admin.get(path)["account"]["quota"]
    lines.append(f"next {address} {inbox['uidnext']}")
    lines.append(f"quota {address} {quota['bytes']} {quota['messages']}")
    return lines


def can_log_in(world, address, password):
    line = Line(world.ports["pop3"])
    try:
        line.line()
        line.send(f"USER {address}\r\nPASS {password}\r\n".encode())
        line.line()
        return line.line().startswith(b"+OK")
    finally:
        line.close()


def settled(look, tries=20):
    """The last sessions of killed clients may still be on their way in; a look that loses its connection is
    taken again."""
    for _ in range(tries):
        try:
            return look()
        except Lost:
            pass
    return look()
