# SPDX-License-Identifier: Apache-2.0
"""SCRAM-SHA-256-PLUS (RFC 5802, 7677) from end to end: the login is bound to the TLS connection it comes over."""
import base64
import hashlib
import hmac
import os
import ssl
import subprocess

import pytest

from conftest import PASSWORD

ALICE, BOB = "alice@example.test", "bob@example.test"


@pytest.mark.parametrize("priority, binding", [("NORMAL:-VERS-ALL:+VERS-TLS1.3", b"p=tls-exporter,,"),
                                               ("NORMAL:-VERS-ALL:+VERS-TLS1.2", b"p=tls-unique,,")])
def test_gsasl_submission(server, priority, binding):
    done = subprocess.run(["gsasl", "--smtp", "--connect", f"localhost:{server.ports['submission']}",
                           "--mechanism", "SCRAM-SHA-256-PLUS", "--priority", priority,
                           "--x509-ca-file", server.ca, "--authentication-id", ALICE, "--password", PASSWORD],
                          input=b"", capture_output=True, timeout=60)
    lines = done.stdout.splitlines()
    assert b"235 2.7.0 Logged in" in lines, done.stdout + done.stderr
    first = base64.b64decode(lines[lines.index(b"AUTH SCRAM-SHA-256-PLUS") + 2])
    assert first.startswith(binding)
    assert f"user={ALICE} account={ALICE} ip=127.0.0.1 service=smtp mechanism=SCRAM-SHA-256-PLUS" in server.log_text()


def pop3_connect(server):
    """TLS 1.2: Python's ssl gives tls-unique, and no exporter."""
    context = server.context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    s = context.wrap_socket(server.raw("pop3s")[0], server_hostname="localhost")
    f = s.makefile("rwb", buffering=0)
    assert f.readline().startswith(b"+OK")
    return s, f


def scram_plus(f, binding):
    """The client's side of RFC 5802 §5 with tls-unique; the server's last line."""
    head, nonce = b"p=tls-unique,,", base64.b64encode(os.urandom(18))
    bare = b"n=" + ALICE.encode() + b",r=" + nonce
    f.write(b"AUTH SCRAM-SHA-256-PLUS " + base64.b64encode(head + bare) + b"\r\n")
    server_first = base64.b64decode(f.readline()[2:])
    given = dict(part.split(b"=", 1) for part in server_first.split(b","))
    salted = hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), base64.b64decode(given[b"s"]), int(given[b"i"]))
    final = b"c=" + base64.b64encode(head + binding) + b",r=" + given[b"r"]
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    signature = hmac.digest(hashlib.sha256(client_key).digest(), bare + b"," + server_first + b"," + final, "sha256")
    proof = bytes(a ^ b for a, b in zip(client_key, signature))
    f.write(base64.b64encode(final + b",p=" + base64.b64encode(proof)) + b"\r\n")
    answer = f.readline()
    if answer.startswith(b"+ "):
        server_key = hmac.digest(salted, b"Server Key", "sha256")
        verifier = hmac.digest(server_key, bare + b"," + server_first + b"," + final, "sha256")
        assert base64.b64decode(answer[2:]) == b"v=" + base64.b64encode(verifier)
        f.write(b"\r\n")
        answer = f.readline()
    return answer


def test_pop3_takes_the_binding_of_its_connection_only(server):
    s, f = pop3_connect(server)
    other, _ = pop3_connect(server)
    # a man in the middle has two connections: what is bound to one is worth nothing on the other
    assert scram_plus(f, other.get_channel_binding("tls-unique")).startswith(b"-ERR [AUTH]")
    assert scram_plus(f, s.get_channel_binding("tls-unique")).startswith(b"+OK Logged in")
    f.write(b"QUIT\r\n")
    s.close()
    other.close()
