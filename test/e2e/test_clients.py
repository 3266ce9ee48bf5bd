# SPDX-License-Identifier: Apache-2.0
"""Programs nobody here wrote, each as its users set it up: curl, mpop, fetchmail, getmail, msmtp, swaks,
openssl."""
import base64
import mailbox
import os
import subprocess

import pytest

from conftest import PASSWORD

ALICE, BOB = "alice@example.test", "bob@example.test"


def letter(subject):
    return f"From: {ALICE}\nTo: {BOB}\nSubject: {subject}\n\nHello\n"


def call(*command, stdin=None, env=None, ok=(0,)):
    done = subprocess.run([str(c) for c in command], input=stdin, capture_output=True, timeout=120,
                          env={**os.environ, **(env or {})})
    assert done.returncode in ok, f"{command}: {done.returncode}\n{done.stdout!r}\n{done.stderr!r}"
    return done


def has(server, address, subject):
    return any(f"Subject: {subject}\r\n".encode() in m for m in server.messages(address))


# ---- sending -------------------------------------------------------------------------------

@pytest.mark.parametrize("url, more", [("smtp://localhost:{submission}", ["--ssl-reqd"]),
                                       ("smtps://localhost:{submissions}", [])])
def test_curl_sends(server, tmp_path, url, more):
    subject = "curl " + url[:5]
    (tmp_path / "m").write_text(letter(subject).replace("\n", "\r\n"))
    call("curl", "-sS", "--cacert", server.ca, *more, "--url", url.format(**server.ports),
         "--user", f"{ALICE}:{PASSWORD}", "--mail-from", ALICE, "--mail-rcpt", BOB, "-T", tmp_path / "m")
    assert has(server, BOB, subject)


@pytest.mark.parametrize("method", ["plain", "login", "scram-sha-256"])
@pytest.mark.parametrize("starttls", ["on", "off"])
def test_msmtp_sends(server, tmp_path, method, starttls):
    subject = f"msmtp {method} {starttls}"
    port = server.ports["submission" if starttls == "on" else "submissions"]
    conf = tmp_path / "msmtprc"
    conf.write_text(f"""account default
host localhost
port {port}
from {ALICE}
user {ALICE}
password "{PASSWORD}"
auth {method}
tls on
tls_starttls {starttls}
tls_trust_file {server.ca}
""")
    conf.chmod(0o600)
    call("msmtp", "-C", conf, BOB, stdin=letter(subject).encode())
    assert has(server, BOB, subject)


def test_msmtp_says_why_the_password_was_refused(server, tmp_path):
    conf = tmp_path / "msmtprc"
    conf.write_text(f"""account default
host localhost
port {server.ports['submission']}
from {ALICE}
user nobody-here@example.test
password "not this one"
auth plain
tls on
tls_trust_file {server.ca}
""")
    conf.chmod(0o600)
    done = call("msmtp", "-C", conf, BOB, stdin=letter("x").encode(), ok=(77,))
    assert b"5.7.8" in done.stderr and b"password" in done.stderr


@pytest.mark.parametrize("auth", ["PLAIN", "LOGIN"])
def test_swaks_sends(server, auth):
    subject = f"swaks {auth}"
    done = call("swaks", "--server", "localhost", "--port", server.ports["submission"], "--tls", "--auth", auth,
                "--auth-user", ALICE, "--auth-password", PASSWORD, "--from", ALICE, "--to", BOB,
                "--header", f"Subject: {subject}", "--hide-all")
    assert done.returncode == 0
    assert has(server, BOB, subject)


def test_swaks_is_denied_relaying(server):
    done = call("swaks", "--server", "localhost", "--port", server.ports["smtp"], "--from", "a@elsewhere.test",
                "--to", "b@far.test", ok=(24,))
    assert b"Relaying denied" in done.stdout + done.stderr


def test_swaks_pipelines(server):
    call("swaks", "--server", "localhost", "--port", server.ports["smtp"], "--pipeline", "--from", "a@elsewhere.test",
         "--to", f"{ALICE},{BOB}", "--header", "Subject: pipelined", "--hide-all")
    assert has(server, ALICE, "pipelined") and has(server, BOB, "pipelined")


# ---- fetching ------------------------------------------------------------------------------

@pytest.fixture
def letters(make_server):
    server = make_server()
    for i in range(3):
        server.deliver(BOB, letter(f"letter {i}"))
    return server


@pytest.mark.parametrize("url, more", [("pop3://localhost:{pop3}/", ["--ssl-reqd"]),
                                       ("pop3s://localhost:{pop3s}/", [])])
def test_curl_fetches(letters, url, more):
    common = ["curl", "-sS", "--cacert", letters.ca, *more, "--user", f"{BOB}:{PASSWORD}"]
    listing = call(*common, url.format(**letters.ports)).stdout
    assert listing.count(b"\n") == 3
    assert b"Subject: letter 1" in call(*common, url.format(**letters.ports) + "2").stdout


@pytest.mark.parametrize("login_options", ["AUTH=PLAIN", "AUTH=LOGIN", "AUTH=*"])
def test_curl_mechanisms(letters, login_options):
    call("curl", "-sS", "--cacert", letters.ca, "--user", f"{BOB}:{PASSWORD}", "--login-options", login_options,
         f"pop3s://localhost:{letters.ports['pop3s']}/1")


@pytest.mark.parametrize("method", ["user", "plain", "scram-sha-256"])
def test_mpop_fetches(letters, tmp_path, method):
    box = tmp_path / "box"
    conf = tmp_path / "mpoprc"
    conf.write_text(f"""account default
host localhost
port {letters.ports['pop3s']}
user {BOB}
password "{PASSWORD}"
auth {method}
tls on
tls_starttls off
tls_trust_file {letters.ca}
delivery mbox {box}
keep on
uidls_file {tmp_path}/uidls
""")
    conf.chmod(0o600)
    call("mpop", "-C", conf)
    assert len(mailbox.mbox(box)) == 3
    call("mpop", "-C", conf)  # nothing is new: UIDLs are stable
    assert len(mailbox.mbox(box)) == 3


def test_fetchmail_fetches_and_deletes(letters, tmp_path):
    box = tmp_path / "box"
    rc = tmp_path / "fetchmailrc"
    rc.write_text(f"""poll localhost protocol pop3 port {letters.ports['pop3s']}
  user "{BOB}" password "{PASSWORD}" ssl sslcertck sslcertfile "{letters.ca}"
  mda "/bin/sh -c 'cat >>{box}; echo >>{box}'"
""")
    rc.chmod(0o600)
    call("fetchmail", "-f", rc, "--nosyslog", "--pidfile", tmp_path / "pid", env={"FETCHMAILHOME": str(tmp_path)})
    assert box.read_bytes().count(b"Subject: letter ") == 3
    assert letters.messages(BOB) == []


def test_fetchmail_starttls(letters, tmp_path):
    rc = tmp_path / "fetchmailrc"
    rc.write_text(f"""poll localhost protocol pop3 port {letters.ports['pop3']}
  user "{BOB}" password "{PASSWORD}" sslproto "auto" sslcertck sslcertfile "{letters.ca}" keep
  mda "/bin/cat >>{tmp_path}/box"
""")
    rc.chmod(0o600)
    call("fetchmail", "-f", rc, "--nosyslog", "--pidfile", tmp_path / "pid", env={"FETCHMAILHOME": str(tmp_path)})
    assert (tmp_path / "box").read_bytes().count(b"Subject: letter ") == 3


def test_getmail_fetches(letters, tmp_path):
    (tmp_path / "rc").write_text(f"""[retriever]
type = SimplePOP3SSLRetriever
server = localhost
port = {letters.ports['pop3s']}
username = {BOB}
password = {PASSWORD}
ca_certs = {letters.ca}

[destination]
type = MDA_external
path = /bin/sh
arguments = ("-c", "cat >>{tmp_path}/box")
allow_root_commands = true

[options]
read_all = false
delete = true
delivered_to = false
""")
    call("getmail", "--getmaildir", tmp_path, "--rcfile", tmp_path / "rc", env={"HOME": str(tmp_path)})
    assert (tmp_path / "box").read_bytes().count(b"Subject: letter ") == 3
    assert letters.messages(BOB) == []


# ---- by hand -------------------------------------------------------------------------------

def test_openssl_s_client_pop3_starttls(letters):
    done = call("openssl", "s_client", "-connect", f"localhost:{letters.ports['pop3']}", "-starttls", "pop3",
                "-CAfile", letters.ca, "-verify_return_error", "-verify_hostname", "localhost", "-quiet", "-crlf",
                stdin=f"USER {BOB}\nPASS {PASSWORD}\nSTAT\nQUIT\n".encode())
    assert b"+OK 3 " in done.stdout


def test_openssl_s_client_smtp_starttls(letters):
    plain = base64.b64encode(f"\0{BOB}\0{PASSWORD}".encode()).decode()
    done = call("openssl", "s_client", "-connect", f"localhost:{letters.ports['submission']}", "-starttls", "smtp",
                "-CAfile", letters.ca, "-verify_return_error", "-quiet", "-crlf",
                stdin=f"EHLO me\nAUTH PLAIN {plain}\nNOOP\nQUIT\n".encode())
    assert b"235 2.7.0" in done.stdout and b"221 2.0.0" in done.stdout


@pytest.mark.parametrize("version, works", [("-tls1_1", False), ("-tls1_2", True), ("-tls1_3", True)])
def test_tls_versions(letters, version, works):
    done = call("openssl", "s_client", "-connect", f"localhost:{letters.ports['pop3s']}", version,
                "-cipher", "DEFAULT:@SECLEVEL=0", "-CAfile", letters.ca, "-quiet", stdin=b"QUIT\r\n", ok=(0, 1))
    assert (b"+OK" in done.stdout) == works


def test_tls_sessions_are_resumed(letters, tmp_path):
    where = ["openssl", "s_client", "-connect", f"localhost:{letters.ports['pop3s']}", "-CAfile", letters.ca, "-tls1_2"]
    call(*where, "-sess_out", tmp_path / "session", stdin=b"QUIT\r\n")
    done = call(*where, "-sess_in", tmp_path / "session", stdin=b"QUIT\r\n")
    assert b"Reused, TLSv1.2" in done.stdout
