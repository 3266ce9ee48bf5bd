# SPDX-License-Identifier: Apache-2.0
"""IMAP with programs nobody here wrote, each as its users set it up: mbsync, offlineimap, neomutt, fetchmail, getmail,
curl."""
import imaplib
import mailbox
import os
import pathlib
import re
import subprocess

import pytest

from conftest import PASSWORD

ALICE, BOB = "alice@example.test", "bob@example.test"


def letter(subject):
    return (f"From: {BOB}\r\nTo: {ALICE}\r\nSubject: {subject}\r\nMessage-ID: <{subject}@example.test>\r\n"
            f"Date: Mon, 30 Nov 2026 10:00:00 +0000\r\n\r\nHello {subject}\r\n").encode()


def call(*command, stdin=None, env=None, ok=(0,)):
    done = subprocess.run([str(c) for c in command], input=stdin, capture_output=True, timeout=120,
                          env={**os.environ, **(env or {})})
    assert done.returncode in ok, f"{command}: {done.returncode}\n{done.stdout!r}\n{done.stderr!r}"
    return done


def login(server, user):
    m = imaplib.IMAP4_SSL("localhost", server.ports["imaps"], ssl_context=server.context(), timeout=60)
    m.login(user, PASSWORD)
    return m


def ok(answer):
    assert answer[0] == "OK", answer
    return answer[1]


def tree(server, user):
    """All that is there: mailbox -> (subject, flags) of its messages."""
    m = login(server, user)
    found = {}
    for line in ok(m.list()):
        name = line.decode().split(' "/" ')[1].strip('"')
        count = ok(m.select(f'"{name}"', readonly=True))[0]
        data = ok(m.fetch("1:*", "(FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])")) if count != b"0" else []
        found[name] = sorted(
            (re.search(rb"Subject: (.*)\r\n", part[1])[1].decode(),
             tuple(sorted(re.search(rb"FLAGS \((.*?)\)", part[0])[1].decode().split())))
            for part in data if isinstance(part, tuple))
    m.logout()
    return found


@pytest.fixture
def letters(make_server):
    """A server of its own whose alice has mail in several mailboxes."""
    server = make_server()
    m = login(server, ALICE)
    ok(m.create('"Projekte/M&APw-ll"'))
    for n in range(5):
        ok(m.append("INBOX", None, None, letter(f"inbox{n}")))
    ok(m.append('"Projekte/M&APw-ll"', r"(\Flagged)", None, letter("umlaut")))
    ok(m.append("Sent", r"(\Seen \Answered)", None, letter("sent")))
    ok(m.select("INBOX"))
    ok(m.store("2", "+FLAGS", r"(\Seen)"))
    m.logout()
    return server


# ---- two-way synchronisation ----------------------------------------------------------------

def maildir_tree(root):
    """mailbox -> number of messages, of a tree of Maildirs."""
    return {str(path.parent.relative_to(root)): len(list(path.iterdir())) + len(list((path.parent / "new").iterdir()))
            for path in sorted(pathlib.Path(root).rglob("cur"))}


def mbsync_of(server, tmp_path):
    """The folder of Alice's mail here, and the command that synchronises it."""
    root = tmp_path / "mail"
    root.mkdir()
    rc = tmp_path / "mbsyncrc"
    rc.write_text(f"""IMAPAccount a
Host localhost
Port {server.ports['imaps']}
User {ALICE}
Pass "{PASSWORD}"
SSLType IMAPS
CertificateFile {server.ca}

IMAPStore far
Account a

MaildirStore near
Path {root}/
Inbox {root}/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Remove Both
Expunge Both
SyncState *
""")
    return root, ("mbsync", "-q", "-c", rc, "-a")


def test_mbsync_both_ways(letters, tmp_path):
    root, sync = mbsync_of(letters, tmp_path)
    call(*sync)
    assert {k: v for k, v in maildir_tree(root).items() if v} == {"INBOX": 5, "Sent": 1, "Projekte/M&APw-ll": 1}
    before = tree(letters, ALICE)
    near = maildir_tree(root)
    call(*sync)  # nothing has changed
    assert tree(letters, ALICE) == before and maildir_tree(root) == near
    # here: one is read, one is deleted, one is new, a mailbox is new
    inbox = mailbox.Maildir(root / "INBOX", create=False)
    keys = {m["Subject"]: key for key, m in inbox.items()}
    read = inbox[keys["inbox0"]]
    read.set_subdir("cur")
    read.set_flags("FS")
    inbox[keys["inbox0"]] = read
    gone = inbox[keys["inbox3"]]
    gone.set_subdir("cur")
    gone.set_flags("T")
    inbox[keys["inbox3"]] = gone
    inbox.add(letter("written here").decode().replace("\r\n", "\n"))
    mailbox.Maildir(root / "Made here", create=True).add(letter("first").decode().replace("\r\n", "\n"))
    # there: another is deleted, another is new
    m = login(letters, ALICE)
    ok(m.select("INBOX"))
    ok(m.store("5", "+FLAGS", r"(\Deleted)"))
    ok(m.expunge())
    ok(m.append("INBOX", r"(\Flagged)", None, letter("written there")))
    m.logout()
    call(*sync)
    after = tree(letters, ALICE)
    assert after["INBOX"] == [("inbox0", (r"\Flagged", r"\Seen")), ("inbox1", (r"\Seen",)), ("inbox2", ()),
                              ("written here", ()), ("written there", (r"\Flagged",))]
    assert after["Made here"] == [("first", ())]
    assert sorted(m["Subject"] for m in mailbox.Maildir(root / "INBOX", create=False)) == [
        s for s, _ in after["INBOX"]]
    near = maildir_tree(root)
    call(*sync)
    assert tree(letters, ALICE) == after and maildir_tree(root) == near


@pytest.fixture
def shared(letters):
    """Bob shares Team with Alice, who may work there, and Notes, which she may read."""
    m = login(letters, BOB)
    for name, rights in (("Team", "lrswite"), ("Notes", "lr")):
        ok(m.create(name))
        ok(m.append(name, None, None, letter(name.lower())))
        ok(m.setacl(name, ALICE, rights))
    m.logout()
    return letters


def subjects(server, user, name):
    m = login(server, user)
    ok(m.select(name))
    found = [re.search(rb"Subject: (.*?)\r", part[1])[1].decode()
             for part in ok(m.fetch("1:*", "(BODY.PEEK[HEADER])")) if isinstance(part, tuple)]
    m.logout()
    return found


def test_mbsync_with_shared_mailboxes(shared, tmp_path):
    root, sync = mbsync_of(shared, tmp_path)
    call(*sync)
    near = maildir_tree(root)
    team, notes = f"Other Users/{BOB}/Team", f"Other Users/{BOB}/Notes"
    assert near[team] == 1 and near[notes] == 1
    call(*sync)
    assert maildir_tree(root) == near
    mailbox.Maildir(root / team, create=False).add(letter("from here").decode().replace("\r\n", "\n"))
    call(*sync)
    assert subjects(shared, BOB, "Team") == ["team", "from here"]
    box = mailbox.Maildir(root / team, create=False)
    box.remove({m["Subject"]: key for key, m in box.items()}["team"])
    call(*sync)
    assert subjects(shared, BOB, "Team") == ["from here"]
    assert subjects(shared, BOB, "Notes") == ["notes"]


def offlineimap_of(server, tmp_path, sep="."):
    root = tmp_path / "mail"
    rc = tmp_path / "offlineimaprc"
    rc.write_text(f"""[general]
accounts = a
metadata = {tmp_path}/state
ui = quiet
[Account a]
localrepository = near
remoterepository = far
[Repository near]
type = Maildir
localfolders = {root}
sep = {sep}
[Repository far]
type = IMAP
remotehost = localhost
remoteport = {server.ports['imaps']}
remoteuser = {ALICE}
remotepass = {PASSWORD}
ssl = yes
sslcacertfile = {server.ca}
""")
    return root, ("offlineimap", "-o", "-1", "-c", rc)


def test_offlineimap_both_ways(letters, tmp_path):
    root, sync = offlineimap_of(letters, tmp_path)
    call(*sync)
    before = tree(letters, ALICE)
    near = maildir_tree(root)
    assert near["INBOX"] == 5 and near["Sent"] == 1
    call(*sync)
    assert tree(letters, ALICE) == before and maildir_tree(root) == near
    inbox = mailbox.Maildir(root / "INBOX", create=False)
    keys = {m["Subject"]: key for key, m in inbox.items()}
    inbox.remove(keys["inbox4"])
    inbox.add(letter("written here").decode().replace("\r\n", "\n"))
    call(*sync)
    assert [s for s, _ in tree(letters, ALICE)["INBOX"]] == ["inbox0", "inbox1", "inbox2", "inbox3", "written here"]


def test_offlineimap_with_shared_mailboxes(shared, tmp_path):
    root, sync = offlineimap_of(shared, tmp_path, "/")  # there are dots in addresses
    call(*sync)
    near = maildir_tree(root)
    team, notes = f"Other Users/{BOB}/Team", f"Other Users/{BOB}/Notes"
    assert near[team] == 1 and near[notes] == 1, near
    call(*sync)
    assert maildir_tree(root) == near
    mailbox.Maildir(root / team, create=False).add(letter("from here").decode().replace("\r\n", "\n"))
    call(*sync)
    assert subjects(shared, BOB, "Team") == ["team", "from here"]
    assert subjects(shared, BOB, "Notes") == ["notes"]


# ---- reading ----------------------------------------------------------------------------------

def test_neomutt_copies_and_deletes(letters, tmp_path):
    rc = tmp_path / "muttrc"
    rc.write_text(f"""set folder = "imaps://localhost:{letters.ports['imaps']}/"
set spoolfile = "+INBOX"
set imap_user = "{ALICE}"
set imap_pass = "{PASSWORD}"
set certificate_file = "{letters.ca}"
set ssl_verify_host = yes
set ssl_usesystemcerts = no
set header_cache = ""
set confirmappend = no
set delete = yes
set quit = yes
set sort = mailbox-order
set wait_key = no
set copy = no
set mail_check = 1000
push "<tag-pattern>~s inbox1|~s inbox2<enter><tag-prefix-cond><save-message>=Archive<enter><end-cond><quit>"
""")
    call("script", "-qec", f"neomutt -n -F {rc}", "/dev/null", stdin=b"", env={"TERM": "xterm", "HOME": str(tmp_path)})
    after = tree(letters, ALICE)
    assert [s for s, _ in after["Archive"]] == ["inbox1", "inbox2"]
    assert [s for s, _ in after["INBOX"]] == ["inbox0", "inbox3", "inbox4"]


def test_fetchmail_fetches(letters, tmp_path):
    rc = tmp_path / "fetchmailrc"
    rc.write_text(f"""poll localhost protocol imap port {letters.ports['imaps']}
  user "{ALICE}" password "{PASSWORD}" ssl sslcertck sslcertfile "{letters.ca}" fetchall nokeep
  mda "cat >> {tmp_path}/got"
""")
    rc.chmod(0o600)
    call("fetchmail", "-f", rc, "--pidfile", tmp_path / "pid", "-i", tmp_path / "ids", "--nosyslog",
         env={"HOME": str(tmp_path)})
    got = (tmp_path / "got").read_bytes()
    assert all(b"Subject: inbox%d\n" % n in got for n in range(5))
    assert tree(letters, ALICE)["INBOX"] == []


def test_getmail_retrieves(letters, tmp_path):
    (tmp_path / "getmailrc").write_text(f"""[retriever]
type = SimpleIMAPSSLRetriever
server = localhost
port = {letters.ports['imaps']}
username = {ALICE}
password = {PASSWORD}
ca_certs = {letters.ca}
mailboxes = ("INBOX", "Sent")
[destination]
type = MDA_external
path = /bin/sh
arguments = ("-c", "cat >>{tmp_path}/got")
allow_root_commands = true
[options]
delete = true
read_all = true
""")
    call("getmail", "--getmaildir", tmp_path, "-r", "getmailrc", env={"HOME": str(tmp_path)})
    got = (tmp_path / "got").read_bytes()
    assert got.count(b"Subject: ") == 6 and all(b"Subject: inbox%d\n" % n in got for n in range(5))
    assert tree(letters, ALICE)["INBOX"] == [] and tree(letters, ALICE)["Sent"] == []


@pytest.mark.parametrize("url, more", [("imaps://localhost:{imaps}", []), ("imap://localhost:{imap}", ["--ssl-reqd"])])
def test_curl_reads_and_writes(letters, tmp_path, url, more):
    base = url.format(**letters.ports)
    curl = ("curl", "-sS", "--cacert", letters.ca, *more, "--user", f"{ALICE}:{PASSWORD}")
    assert call(*curl, f"{base}/INBOX;MAILINDEX=1").stdout == letter("inbox0")
    assert call(*curl, f"{base}/INBOX;UID=2;SECTION=TEXT").stdout == b"Hello inbox1\r\n"
    assert b'"/" Sent' in call(*curl, base).stdout
    (tmp_path / "m").write_bytes(letter("by curl"))
    call(*curl, "-T", tmp_path / "m", f"{base}/Drafts")
    assert tree(letters, ALICE)["Drafts"] == [("by curl", (r"\Seen",))]
    call(*curl, "-X", r"STORE 1 +Flags \Deleted", f"{base}/Drafts")
    call(*curl, "-X", "EXPUNGE", f"{base}/Drafts")
    assert tree(letters, ALICE)["Drafts"] == []
