# SPDX-License-Identifier: Apache-2.0
"""Postfix and Dovecot over LMTP, to Maildir or sdbox, and Dovecot's POP3S and IMAPS.

What Dovecot's own documentation advises for busy servers: login processes in high-performance mode, processes that
serve many sessions one after another (one uid for all virtual users), the authentication cache, maildir_very_dirty_
syncs, pop3_no_flag_updates. Password hashes are of the cheapest salted kind (SSHA256), and a cached login does not
even pay that twice. mail_fsync is as shipped (optimized). IMAP sessions that idle
hibernate after a second, and processes they leave without work end soon. Each hibernated session has an inotify instance of
its own, of which Linux allows 128: as Dovecot's documentation asks, that is raised, and set back in the end.
"""
import pathlib

from lib.server import DOMAIN, MAILBOXES, PASSWORD, Server, certificate, count_files
from peers import postfix
from peers.root import Root

PACKAGES = postfix.PACKAGES + ["dovecot-core", "dovecot-lmtpd", "dovecot-pop3d", "dovecot-imapd"]

CONF = """\
protocols = lmtp pop3 imap
listen = 127.0.0.1
base_dir = /run/dovecot
mail_location = {location}
mail_uid = vmail
mail_gid = vmail
first_valid_uid = 1
mail_max_userip_connections = 0
maildir_very_dirty_syncs = yes
disable_plaintext_auth = no
auth_mechanisms = plain
auth_cache_size = 10M
auth_cache_ttl = 1 hour
passdb {{
  driver = passwd-file
  args = scheme=SSHA256 username_format=%u /etc/dovecot/users
}}
userdb {{
  driver = static
  args = uid=vmail gid=vmail home=/srv/mail/%n
}}
ssl = yes
ssl_cert = </etc/ssl/bench.pem
ssl_key = </etc/ssl/bench.key
ssl_min_protocol = TLSv1.2
default_process_limit = 400
default_client_limit = 4000
default_vsz_limit = 1G
service lmtp {{
  process_min_avail = 4
  unix_listener /var/spool/postfix/private/dovecot-lmtp {{
    user = postfix
    group = postfix
    mode = 0600
  }}
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {lmtp}
  }}
}}
service pop3-login {{
  service_count = 0
  process_min_avail = 2
  process_limit = 2
  client_limit = 1000
  inet_listener pop3 {{
    port = 0
  }}
  inet_listener pop3s {{
    port = {pop3s}
    ssl = yes
  }}
}}
service imap-login {{
  inet_listener imap {{
    port = 0
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
  service_count = 0
  process_min_avail = 2
  process_limit = 2
  client_limit = 6000
}}
service imap {{
  service_count = 1000
  process_min_avail = 4
  process_limit = 1000
  idle_kill = 3 s
  extra_groups = $default_internal_group
  unix_listener imap-master {{
    user = $default_internal_user
  }}
}}
service imap-hibernate {{
  client_limit = 6000
  unix_listener imap-hibernate {{
    mode = 0660
    group = $default_internal_group
  }}
}}
imap_hibernate_timeout = 1s
service pop3 {{
  service_count = 1000
  process_min_avail = 4
  process_limit = 400
}}
protocol pop3 {{
  pop3_no_flag_updates = yes
}}
"""


INSTANCES = pathlib.Path("/proc/sys/fs/inotify/max_user_instances")


class PostfixDovecot(Server):
    protocols = ("smtp", "pop3s", "imaps", "lmtp")
    idle_sessions, idle_rest = 2000, 10
    leaves_out = ("imap-select", "imap-resync")  # filling it takes hours
    helpers = (postfix.LOG_DAEMON,)

    def __init__(self, layout):
        super().__init__()
        self.layout = layout
        self.name = f"postfix-dovecot-{layout}"
        self.root = Root("postfix-dovecot")
        self.instances = None

    def prepare(self):
        self.root.install(PACKAGES, postfix.ANSWERS)

    def start(self):
        self.instances = INSTANCES.read_text()
        INSTANCES.write_text(str(max(65536, int(self.instances))))
        try:
            super().start()
        except BaseException:
            self.stop()
            raise

    def stop(self):
        super().stop()
        if self.instances is not None:
            INSTANCES.write_text(self.instances)
            self.instances = None

    def configure(self):
        cert, key = certificate()
        self.root.write("/etc/ssl/bench.pem", cert.read_text())
        self.root.write("/etc/ssl/bench.key", key.read_text(), 0o640)
        location = {"maildir": "maildir:~/Maildir", "sdbox": "sdbox:~/sdbox"}[self.layout]
        self.root.write("/etc/dovecot/dovecot.conf", CONF.format(location=location, **self.ports))
        hashed = self.root.run("doveadm", "pw", "-s", "SSHA256", "-p", PASSWORD).strip()
        self.root.write("/etc/dovecot/users", "".join(f"user{i}@{DOMAIN}:{hashed}\n" for i in range(MAILBOXES)))
        self.root.empty("/srv/mail", "vmail:vmail")
        self.root.empty("/run/dovecot")
        postfix.configure(self.root, self.ports["smtp"], "private/dovecot-lmtp", 20)
        # the cage waits for the last: Dovecot is of the same server, but Postfix is the front door
        return self.root.dir, ["/bin/sh", "-c", "ulimit -n 65535 || ulimit -n $(ulimit -Hn); /usr/sbin/dovecot -F & ulimit -Sn 1024; exec " + " ".join(postfix.ARGV)]

    def waiting(self):
        return postfix.waiting(self.root)

    def delivered(self):
        return count_files(self.root.path("/srv/mail"), "*,S=*" if self.layout == "maildir" else "u.*")

    def versions(self):
        return self.root.versions("postfix", "dovecot-core")
