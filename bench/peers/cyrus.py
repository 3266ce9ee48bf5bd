# SPDX-License-Identifier: Apache-2.0
"""Postfix and Cyrus over LMTP, and Cyrus' POP3S and IMAPS.

Each IMAP session is a process, idle or not; idled tells those that idle of changes, as Debian has it. Mailboxes are made
at the first login (autocreate). Passwords are in sasldb, which compares them as they are. Processes are forked
beforehand and reused. Everything about syncing is as shipped.
"""
import poplib
import ssl

from lib.server import DOMAIN, MAILBOXES, PASSWORD, Server, certificate, count_files
from peers import postfix
from peers.root import Root

PACKAGES = postfix.PACKAGES + ["cyrus-imapd", "cyrus-pop3d", "cyrus-admin", "sasl2-bin", "libsasl2-modules"]

IMAPD = """\
configdirectory: /var/lib/cyrus
proc_path: /run/cyrus/proc
mboxname_lockpath: /run/cyrus/lock
defaultpartition: default
partition-default: /var/spool/cyrus/mail
sieveusehomedir: false
sievedir: /var/spool/sieve
admins: cyrus
autocreate_post: yes
autocreate_quota: 0
popminpoll: 0
poptimeout: 10
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_mech_list: PLAIN
allowplaintext: yes
virtdomains: userid
lmtpsocket: /run/cyrus/socket/lmtp
lmtp_downcase_rcpt: yes
idlesocket: /run/cyrus/socket/idle
notifysocket: /run/cyrus/socket/notify
syslog_prefix: cyrus
tls_server_cert: /etc/ssl/bench.pem
tls_server_key: /etc/ssl/bench.key
tls_versions: tls1_2 tls1_3
maxlogins_per_host: 0
maxlogins_per_user: 0
"""

CONF = """\
START {{
  recover cmd="/usr/sbin/cyrus ctl_cyrusdb -r"
  idled cmd="/usr/lib/cyrus/bin/idled"
}}
SERVICES {{
  pop3s cmd="pop3d -s" listen="127.0.0.1:{pop3s}" prefork=4 maxchild=400
  imaps cmd="imapd -s" listen="127.0.0.1:{imaps}" prefork=4 maxchild=1000
  lmtpunix cmd="lmtpd" listen="/run/cyrus/socket/lmtp" prefork=4 maxchild=40
  lmtp cmd="lmtpd -a" listen="127.0.0.1:{lmtp}" prefork=0 maxchild=400
}}
EVENTS {{
  checkpoint cmd="/usr/sbin/cyrus ctl_cyrusdb -c" period=30
}}
"""


class PostfixCyrus(Server):
    name = "postfix-cyrus"
    protocols = ("smtp", "pop3s", "imaps", "lmtp")
    idle_sessions = 200
    leaves_out = ("imap-select", "imap-resync")  # filling it takes hours
    helpers = (postfix.LOG_DAEMON,)

    def __init__(self):
        super().__init__()
        self.root = Root(self.name)

    def prepare(self):
        self.root.install(PACKAGES, postfix.ANSWERS)

    def configure(self):
        cert, key = certificate()
        self.root.write("/etc/ssl/bench.pem", cert.read_text())
        self.root.write("/etc/ssl/bench.key", key.read_text(), 0o644)
        self.root.write("/etc/imapd.conf", IMAPD)
        self.root.write("/etc/cyrus.conf", CONF.format(**self.ports))
        for folder in ("/var/lib/cyrus", "/var/spool/cyrus/mail", "/var/spool/sieve", "/run/cyrus"):
            self.root.empty(folder, "cyrus:mail", 0o755)
        for folder in ("/run/cyrus/socket", "/run/cyrus/proc", "/run/cyrus/lock"):
            self.root.empty(folder, "cyrus:mail", 0o755)
        self.root.path("/etc/sasldb2").unlink(missing_ok=True)
        self.root.run("sh", "-c", f"for i in $(seq 0 {MAILBOXES - 1}); do printf %s {PASSWORD} | "
                      "saslpasswd2 -p -c -u bench.test user$i || exit 1; done; "
                      "chown cyrus:sasl /etc/sasldb2; chmod 640 /etc/sasldb2; usermod -a -G mail postfix; "
                      "su -s /bin/sh cyrus -c '/usr/lib/cyrus/bin/mkimap || /usr/sbin/cyrus makedirs' || true")
        postfix.configure(self.root, self.ports["smtp"], "/run/cyrus/socket/lmtp", 20)
        return self.root.dir, ["/bin/sh", "-c", "/usr/sbin/cyrmaster -l 256 & exec " + " ".join(postfix.ARGV)]

    def ready(self):
        """Two first deliveries at once to one mailbox would refuse each other; the first login makes it, too."""
        context = ssl._create_unverified_context()
        for i in range(MAILBOXES):
            p = poplib.POP3_SSL("127.0.0.1", self.ports["pop3s"], context=context, timeout=60)
            p.user(f"user{i}@{DOMAIN}")
            p.pass_(PASSWORD)
            p.quit()

    def waiting(self):
        return postfix.waiting(self.root)

    def delivered(self):
        return count_files(self.root.path("/var/spool/cyrus/mail"), "[0-9]*.")

    def versions(self):
        return self.root.versions("postfix", "cyrus-imapd")
