# SPDX-License-Identifier: Apache-2.0
"""OpenSMTPD to Maildir.

The shipped configuration with virtual users in a table and the limits that count against one busy client raised.
Syncing is as shipped. Left out: STARTTLS, since Debian 12's build ends each handshake with an internal error, with ECDSA and
with RSA keys. Its queue of connections to accept holds five: those beyond would never be answered, so that they
begin 5 ms apart.
"""
from lib.server import DOMAIN, MAILBOXES, Server, certificate, count_files
from peers import postfix
from peers.root import Root

PACKAGES = ["opensmtpd", "rsyslog"]

CONF = """\
pki bench cert "/etc/ssl/bench.pem"
pki bench key "/etc/ssl/bench.key"
table domains {{ "{domain}" }}
table users file:/etc/smtpd-users
smtp max-message-size "100M"
smtp limit max-mails 1000000
smtp limit max-rcpt 1000000
queue ttl 1h
listen on 127.0.0.1 port {smtp} tls pki bench hostname mail.bench.test
action "maildir" maildir "/srv/mail/%{{rcpt.user}}/Maildir" userbase <users>
match from any for domain <domains> action "maildir"
"""


class OpenSmtpd(Server):
    name = "opensmtpd-maildir"
    protocols = ("smtp",)
    load_options = ("--stagger", "5")
    leaves_out = ("memory", "smtp-new-starttls")
    helpers = (postfix.LOG_DAEMON,)

    def __init__(self):
        super().__init__()
        self.root = Root("opensmtpd")

    def prepare(self):
        self.root.install(PACKAGES)

    def configure(self):
        cert, key = certificate()
        postfix.write_rsyslog(self.root)
        self.root.write("/etc/ssl/bench.pem", cert.read_text())
        self.root.write("/etc/ssl/bench.key", key.read_text(), 0o600)
        self.root.write("/etc/smtpd.conf", CONF.format(domain=DOMAIN, **self.ports), 0o600)
        self.root.write("/etc/smtpd-users",
                        "".join(f"user{i} 5000:5000:/srv/mail/user{i}\n" for i in range(MAILBOXES)))
        self.root.empty("/srv/mail", "vmail:vmail")
        for i in range(MAILBOXES):
            self.root.path(f"/srv/mail/user{i}").mkdir()
        self.root.run("chown", "-R", "vmail:vmail", "/srv/mail")
        self.root.empty("/var/spool/smtpd", "root:root", 0o711)  # it makes the folders in it itself
        return self.root.dir, ["/usr/sbin/smtpd", "-F"]

    def waiting(self):
        spool = self.root.path("/var/spool/smtpd")
        return count_files(spool / "queue", "message") + count_files(spool / "incoming", "message")

    def delivered(self):
        return count_files(self.root.path("/srv/mail"))

    def versions(self):
        return self.root.versions("opensmtpd")
