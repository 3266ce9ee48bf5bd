# SPDX-License-Identifier: Apache-2.0
"""IMAP with Python's imaplib, which nobody here wrote: mailboxes, messages, flags, two devices at once, IDLE, and what
of it is left after the server was killed."""
import imaplib
import re
import socket
import ssl
import time
import zlib

import pytest

from conftest import PASSWORD

ALICE, BOB = "alice@example.test", "bob@example.test"
imaplib.Commands.update({"UNSELECT": ("SELECTED",), "ID": ("NONAUTH", "AUTH", "SELECTED"),
                         **{name: ("AUTH", "SELECTED") for name in ("GENURLAUTH", "URLFETCH", "RESETKEY")}})


def letter(n, size=0):
    return (f"From: {BOB}\r\nTo: {ALICE}\r\nSubject: letter {n}\r\nMessage-ID: <{n}@example.test>\r\n"
            f"Date: Mon, 30 Nov 2026 10:00:00 +0000\r\n\r\nHello {n}\r\n" + "x" * 70 * (size // 70)).encode()


def login(server, user=ALICE, how="imaps"):
    if how == "imaps":
        m = imaplib.IMAP4_SSL("localhost", server.ports["imaps"], ssl_context=server.context(), timeout=60)
    else:
        m = imaplib.IMAP4("localhost", server.ports["imap"], timeout=60)
        assert "LOGINDISABLED" in m.capabilities
        m.starttls(server.context())
    m.login(user, PASSWORD)
    return m


def ok(answer):
    assert answer[0] == "OK", answer
    return answer[1]


@pytest.fixture
def box(server):
    """A mailbox of its own, selected."""
    m = login(server)
    name = f"test{time.monotonic_ns()}"
    ok(m.create(name))
    ok(m.select(name))
    yield m, name
    m.logout()


def test_both_ports(server):
    for how in ("imaps", "imap"):
        m = login(server, how=how)
        assert "IMAP4REV1" in m.capabilities and "LOGINDISABLED" not in m.capabilities
        ok(m.select())
        m.logout()
    m = imaplib.IMAP4("localhost", server.ports["imap"], timeout=60)
    with pytest.raises(imaplib.IMAP4.error, match="PRIVACYREQUIRED"):
        m.login(ALICE, PASSWORD)
    m.logout()


def test_authenticate(server):
    m = imaplib.IMAP4_SSL("localhost", server.ports["imaps"], ssl_context=server.context(), timeout=60)
    with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
        m.login(ALICE, "wrong")
    ok(m.authenticate("PLAIN", lambda _: f"\0{ALICE}\0{PASSWORD}".encode()))
    m.logout()


def test_append_fetch_store_copy_expunge(box):
    m, name = box
    for n in range(4):
        ok(m.append(name, r"(\Seen)" if n % 2 else None, imaplib.Time2Internaldate(1700000000 + n), letter(n)))
    ok(m.select(name))
    for n in range(4):
        data = ok(m.fetch(str(n + 1), "(FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])"))
        assert data[0][1] == letter(n) and (rb"\Seen" in data[0][0]) == bool(n % 2)
        assert imaplib.Internaldate2tuple(data[0][0]) == time.localtime(1700000000 + n)
    assert [line for line in ok(m.store("1:2", "+FLAGS", r"(\Flagged $Work)"))] == [
        rb"1 (FLAGS (\Flagged $Work))", rb"2 (FLAGS (\Flagged \Seen $Work))"]
    assert ok(m.uid("STORE", "1", "-FLAGS.SILENT", r"(\Flagged)")) == [None]
    other = name + "/kept"
    ok(m.create(other))
    ok(m.copy("1,3", other))
    ok(m.uid("MOVE", "4", other))
    ok(m.store("2", "+FLAGS.SILENT", r"(\Deleted)"))
    ok(m.expunge())
    assert ok(m.status(other, "(MESSAGES UIDNEXT)"))[0].endswith(b"(MESSAGES 3 UIDNEXT 4)")
    assert ok(m.status(name, "(MESSAGES UIDNEXT)"))[0].endswith(b"(MESSAGES 2 UIDNEXT 5)")
    ok(m.rename(name, f'"{name} new"'))
    listed = b"\n".join(ok(m.list(pattern=name + "*")))
    assert f'"{name} new/kept"'.encode() in listed and b"HasChildren" in listed
    ok(m.delete(f'"{name} new/kept"'))
    assert m.delete("nowhere")[0] == "NO"


def test_catenate_and_replace(box):
    """A draft gets another header, and is not sent again."""
    m, name = box
    ok(m.append(name, r"(\Draft)", None, letter("draft", 2_000_000)))
    ok(m.select(name))
    head = b"Subject: edited\r\n\r\n"
    rest = head + f' URL "/{name}/;UID=1/;SECTION=TEXT")'.encode()
    m.send(f"x UID REPLACE 1 {name} (\\Draft) CATENATE (TEXT {{{len(head)}+}}\r\n".encode() + rest + b"\r\n")
    lines = [m.readline()]
    while not lines[-1].startswith(b"x "):
        lines.append(m.readline())
    assert lines[0].startswith(b"* OK [APPENDUID ") and lines[-1].startswith(b"x OK")
    data = ok(m.uid("FETCH", "1:*", "(FLAGS BODY.PEEK[])"))
    assert data[0][1] == head + letter("draft", 2_000_000).split(b"\r\n\r\n", 1)[1]
    assert len(data) == 2 and rb"\Draft" in data[0][0]


def test_urlauth(box, server):
    """A URL that alice has signed shows bob one message."""
    m, name = box
    ok(m.append(name, None, None, letter("shown")))
    rump = f"imap://{ALICE.replace('@', '%40')}@localhost/{name}/;UID=1/;SECTION=TEXT;URLAUTH=user+{BOB.replace('@', '%40')}"
    ok(m._simple_command("GENURLAUTH", f'"{rump}"', "INTERNAL"))
    url = m._untagged_response("OK", [None], "GENURLAUTH")[1][0].strip(b'"').decode()
    assert url.startswith(rump + ":INTERNAL:")
    other = login(server, BOB)
    ok(other._simple_command("URLFETCH", f'"{url}"'))
    assert other._untagged_response("OK", [None], "URLFETCH")[1][0][1] == b"Hello shown\r\n"
    ok(m._simple_command("RESETKEY", name))
    ok(other._simple_command("URLFETCH", f'"{url}"'))
    assert other._untagged_response("OK", [None], "URLFETCH")[1] == [f'"{url}" NIL'.encode()]
    other.logout()


def test_large_message(box):
    m, name = box
    big = letter("big", 5_000_000)
    ok(m.append(name, None, None, big))
    ok(m.select(name))
    data = ok(m.fetch("1", "(BODY.PEEK[])"))
    assert data[0][1] == big
    data = ok(m.fetch("1", "(BODY.PEEK[]<100.50>)"))
    assert data[0][1] == big[100:150]


def test_delivered_mail_is_there(server):
    server.deliver(ALICE, letter("by delivery").decode())
    m = login(server)
    ok(m.select())
    data = ok(m.fetch("*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])"))
    assert data[0][1] == b"Subject: letter by delivery\r\n\r\n"
    m.logout()


def test_two_devices(box, server):
    m, name = box
    other = login(server)
    ok(other.select(name))
    ok(other.append(name, None, None, letter(1)))
    ok(m.noop())
    assert m.response("EXISTS")[1][-1] == b"1"
    ok(m.store("1", "+FLAGS", r"(\Deleted)"))
    ok(m.expunge())
    ok(other.noop())
    assert other.response("EXPUNGE")[1] == [b"1"]
    other.logout()


def test_idle(box, server):
    m, name = box
    other = login(server)
    m.send(b"i IDLE\r\n")
    assert m.readline() == b"+ idling\r\n"
    waited = []
    for n in range(20):
        began = time.monotonic()
        ok(other.append(name, None, None, letter(n)))
        assert m.readline() == b"* %d EXISTS\r\n" % (n + 1)
        waited.append(time.monotonic() - began)
        assert m.readline() == b"* 0 RECENT\r\n"
    m.send(b"DONE\r\n")
    assert m.readline().startswith(b"i OK")
    assert sorted(waited)[10] < 1
    other.logout()


def test_notify(box, server):
    """Between commands, of this mailbox and of others, also with a second device that writes as fast as it can."""
    m, name = box
    other = login(server)
    m.send(b"n NOTIFY SET (selected (MessageNew (UID BODY.PEEK[HEADER.FIELDS (SUBJECT)]) MessageExpunge FlagChange))"
           b" (personal (MessageNew MessageExpunge MailboxName))\r\n")
    assert m.readline().startswith(b"n OK")
    for n in range(20):
        ok(other.append(name, None, None, letter(n)))
        assert m.readline() == b"* %d EXISTS\r\n" % (n + 1)
        assert m.readline() == b"* 0 RECENT\r\n"
        assert m.readline().startswith(b"* %d FETCH (UID %d BODY[HEADER.FIELDS (SUBJECT)] {" % (n + 1, n + 1))
        assert [m.readline() for _ in range(3)] == [b"Subject: letter %d\r\n" % n, b"\r\n", b")\r\n"]
    ok(other.create(name + "/below"))
    assert [m.readline()[:8] for _ in range(2)] == [b"* LIST (", b"* LIST ("]
    ok(other.select(name))
    for n in range(20):  # of many changes none is lost
        ok(other.append(name + "/below", None, None, letter(n)))
    seen = b""
    while b"MESSAGES 20 " not in seen:
        seen = m.readline()
        assert seen.startswith(f"* STATUS {name}/below (".encode()), seen
    ok(other.store("1:*", "+FLAGS.SILENT", "(\\Deleted)"))
    ok(other.expunge())
    left, flagged = 20, 0
    while left > 0:
        line = m.readline()
        left -= line.endswith(b" EXPUNGE\r\n")
        flagged += b" FETCH (UID " in line
        assert line.endswith(b" EXPUNGE\r\n") or b" FETCH (UID " in line, line
    assert flagged <= 20
    m.send(b"n NOTIFY NONE\r\n")
    assert m.readline().startswith(b"n OK")
    m.response("EXISTS")  # of SELECT
    ok(other.append(name, None, None, letter(1)))
    ok(m.noop())
    assert m.response("EXISTS")[1] == [None]
    other.logout()


def test_metadata_filters_and_quota(box, server):
    m, name = box
    for command in ("GETMETADATA", "SETMETADATA"):
        imaplib.Commands[command] = ("AUTH", "SELECTED")
    assert {b"METADATA", b"LIST-METADATA", b"FILTERS", b"QUOTA=RES-MAILBOX"} <= set(ok(m.capability())[0].split())
    ok(m.xatom("SETMETADATA", name, '(/private/vendor/test/color "#b71c1c" /shared/comment "for all")'))
    ok(m.xatom("SETMETADATA", '""', f'(/private/filters/values/{name} "SUBJECT letter UNSEEN")'))
    other = login(server)
    ok(other.xatom("GETMETADATA", name, "(DEPTH infinity)", "(/private /shared)"))
    told = b" ".join(other.response("METADATA")[1])
    assert b'/private/vendor/test/color "#b71c1c" /shared/comment "for all"' in told
    other.logout()
    for n in range(3):
        ok(m.append(name, r"(\Seen)" if n == 1 else None, None, letter(n)))
    assert ok(m.search(None, "FILTER", name)) == [b"1 3"]
    root, quota = ok(m.getquotaroot(name))
    assert b"MAILBOX " in quota[0]


def test_shared_mailboxes(box, server):
    """Alice shares a mailbox with Bob, who reads, files and waits there, until she takes the rights back."""
    m, name = box
    other = login(server, BOB)
    assert {b"ACL", b"RIGHTS=texk", b"LIST-MYRIGHTS", b"NAMESPACE"} <= set(ok(m.capability())[0].split())
    others = re.fullmatch(rb'\(\("" "/"\)\) \(\("(.*)" "/"\)\) NIL', ok(other.namespace())[0])[1]
    theirs = f'"{others.decode()}{ALICE}/{name}"'
    ok(m.append(name, None, None, letter("shared")))
    assert other.select(theirs)[0] == "NO" and theirs.encode() not in b"".join(ok(other.list()) or [])
    ok(m.setacl(name, BOB, "lrs"))
    assert ok(m.getacl(name)) == [f"{name} {ALICE} lrswipkxteacd {BOB} lrs".encode()]
    assert ok(other.myrights(theirs)) == [f"{theirs} lrs".encode()]
    assert any(line.endswith(b' "/" ' + theirs.encode()) for line in ok(other.list(pattern="*")))
    assert any(line.endswith(f' "/" "{others.decode()}{ALICE}"'.encode())
               for line in ok(other.list(f'"{others.decode()}"', "%")))
    # reading, with the one flag he may set
    assert ok(other.select(theirs)) == [b"1"]
    assert other.response("PERMANENTFLAGS")[1] == [rb"(\Seen)"]
    assert ok(other.fetch("1", "(BODY[])"))[0][1] == letter("shared")
    ok(m.noop())
    assert rb"\Seen" in m.response("FETCH")[1][0]
    assert "NOPERM" in str(other.store("1", "+FLAGS", r"(\Deleted)"))
    assert "NOPERM" in str(other.append(theirs, None, None, letter(1)))
    assert "NOPERM" in str(other.delete(theirs)) and "NOPERM" in str(other.setacl(theirs, BOB, "lra"))
    # in and out
    ok(m.setacl(name, BOB, "+ite"))
    ok(other.append(theirs, None, None, letter("from bob")))
    ok(other.noop())
    ok(other.uid("COPY", "1", "Archive"))
    ok(other.uid("MOVE", "2", "Archive"))
    assert ok(other.status(theirs, "(MESSAGES)"))[0].endswith(b"(MESSAGES 1)")
    other.send(b"i IDLE\r\n")
    assert other.readline() == b"+ idling\r\n"
    ok(m.append(name, None, None, letter("news")))
    assert other.readline() == b"* 2 EXISTS\r\n" and other.readline() == b"* 0 RECENT\r\n"
    other.send(b"DONE\r\n")
    assert other.readline().startswith(b"i OK")
    # no more
    ok(m.deleteacl(name, BOB))
    ok(m.append(name, None, None, letter("secret")))
    assert "NOPERM" in str(other.fetch("1:*", "(BODY.PEEK[])"))
    ok(other.unselect() if hasattr(other, "unselect") else other.xatom("UNSELECT"))
    assert "NONEXISTENT" in str(other.select(theirs)) and "NONEXISTENT" in str(other.status(theirs, "(MESSAGES)"))
    assert theirs.encode() not in b"".join(ok(other.list()))
    ok(other.select("Archive"))
    kept = [part[1] for part in ok(other.fetch("1:*", "(BODY.PEEK[])")) if isinstance(part, tuple)]
    assert kept == [letter("shared"), letter("from bob")]
    other.logout()


def test_compressed(server):
    """With Python's zlib on our side."""
    m = login(server)
    m.send(b"c COMPRESS DEFLATE\r\n")
    assert m.readline().startswith(b"c OK")
    pack, unpack = zlib.compressobj(6, zlib.DEFLATED, -15), zlib.decompressobj(-15)

    def talk(text, end):
        m.sock.sendall(pack.compress(text) + pack.flush(zlib.Z_SYNC_FLUSH))
        heard = b""
        while not heard.endswith(b"\r\n") or end not in heard:
            heard += unpack.decompress(m.sock.recv(65536))
        return heard

    big = letter("squeezed", 300_000)
    assert b"d OK [APPENDUID" in talk(b"d APPEND Archive {%d+}\r\n%b\r\n" % (len(big), big), b"d OK")
    talk(b"e SELECT Archive\r\n", b"e OK")
    assert big in talk(b"f FETCH * BODY.PEEK[]\r\n", b"f OK")
    assert talk(b"g IDLE\r\n", b"+ ") == b"+ idling\r\n"
    assert talk(b"DONE\r\n", b"g OK").startswith(b"g OK")
    m.shutdown()


def test_what_was_acknowledged_survives(make_server):
    server = make_server()
    m = login(server)
    ok(m.create("kept"))
    ok(m.select("kept"))
    for n in range(10):
        ok(m.append("kept", r"(\Answered)", None, letter(n)))
    ok(m.store("3", "+FLAGS", r"(\Deleted)"))
    ok(m.expunge())
    ok(m.copy("1", "Archive"))
    ok(m.uid("MOVE", "2", "Trash"))
    ok(m.uid("STORE", "5", "FLAGS", r"($Work)"))
    uidvalidity = ok(m.status("kept", "(UIDVALIDITY)"))[0]
    server.kill()
    m.shutdown()
    server.start()
    m = login(server)
    assert ok(m.status("kept", "(UIDVALIDITY)"))[0] == uidvalidity
    assert ok(m.select("kept")) == [b"8"]
    seen = ok(m.fetch("1:*", "(UID FLAGS BODY.PEEK[])"))
    uids = [int(re.search(rb"UID (\d+)", part[0])[1]) for part in seen if isinstance(part, tuple)]
    assert uids == [1, 4, 5, 6, 7, 8, 9, 10]
    assert [part[1] for part in seen if isinstance(part, tuple)] == [letter(u - 1) for u in uids]
    assert b"FLAGS ($Work)" in seen[4][0]
    assert ok(m.select("Archive")) == [b"1"] and ok(m.select("Trash")) == [b"1"]
    m.logout()
    assert server.run("store", "check", check=False).returncode == 0


def test_nonsense_ends_in_a_clear_answer(server):
    s, f = server.raw("imap")
    assert f.readline().startswith(b"* OK [CAPABILITY IMAP4rev1 ")
    f.write(b"GET / HTTP/1.1\r\n")
    assert f.readline() == b"GET BAD This command is not known\r\n"
    f.write(b"a" * 20000 + b"\r\n")
    assert f.readline().startswith(b"* BYE [TOOBIG]")
    assert f.readline() == b""
    s.close()
    raw = socket.create_connection(("127.0.0.1", server.ports["imaps"]), timeout=30)
    with ssl.create_default_context(cafile=server.ca).wrap_socket(raw, server_hostname="localhost") as s:
        f = s.makefile("rwb", buffering=0)
        assert f.readline().startswith(b"* OK")
        f.write(b"a LOGOUT\r\n")
        assert f.readline().startswith(b"* BYE") and f.readline().startswith(b"a OK") and f.readline() == b""
