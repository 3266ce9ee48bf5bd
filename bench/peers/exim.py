# SPDX-License-Identifier: Apache-2.0
"""Exim to Maildir.

Debian's daemon with a configuration of its own: recipients are looked up in a cdb file, a message is delivered as soon
as it is accepted, the spool is split (advice for busy hosts), the limits of connections, of messages on one
connection and the reverse lookup are off. Syncing is as shipped.
"""
from lib.server import DOMAIN, MAILBOXES, Server, certificate, count_files
from peers.root import Root

PACKAGES = ["exim4-daemon-light", "exim4-base"]

CONF = """\
primary_hostname = mail.bench.test
domainlist local_domains = bench.test
local_interfaces = 127.0.0.1
daemon_smtp_ports = {smtp}
tls_advertise_hosts = *
tls_certificate = /etc/ssl/bench.pem
tls_privatekey = /etc/ssl/bench.key
host_lookup =
rfc1413_query_timeout = 0s
dns_dnssec_ok = 0
disable_ipv6 = true
split_spool_directory = true
queue_only = false
smtp_accept_max = 0
smtp_accept_max_per_connection = 0
smtp_accept_queue_per_connection = 0
smtp_connect_backlog = 256
message_size_limit = 100M
acl_smtp_rcpt = acl_rcpt
acl_smtp_data = acl_data
never_users = root
begin acl
acl_rcpt:
  accept domains = +local_domains
         verify = recipient
  deny
acl_data:
  accept
begin routers
mailboxes:
  driver = accept
  domains = +local_domains
  local_parts = cdb;/etc/exim4/users.cdb
  transport = maildir
begin transports
maildir:
  driver = appendfile
  directory = /srv/mail/$local_part_data/Maildir
  create_directory
  maildir_format
  user = vmail
  group = vmail
  delivery_date_add
  envelope_to_add
  return_path_add
begin retry
* * F,1h,1m
"""


class Exim(Server):
    name = "exim-maildir"
    protocols = ("smtp",)

    def __init__(self):
        super().__init__()
        self.root = Root("exim")

    def prepare(self):
        self.root.install(PACKAGES + ["tinycdb"])

    def configure(self):
        cert, key = certificate()
        self.root.write("/etc/ssl/bench.pem", cert.read_text())
        self.root.write("/etc/ssl/bench.key", key.read_text(), 0o644)
        self.root.write("/etc/exim4/exim4.conf", CONF.format(domain=DOMAIN, **self.ports))
        self.root.write("/etc/exim4/users", "".join(f"user{i} user{i}\n" for i in range(MAILBOXES)))
        self.root.run("cdb", "-c", "-m", "/etc/exim4/users.cdb", "/etc/exim4/users")
        self.root.path("/etc/exim4/users.cdb").chmod(0o644)
        self.root.empty("/srv/mail", "vmail:vmail")
        self.root.empty("/var/spool/exim4", "Debian-exim:Debian-exim", 0o750)
        self.root.empty("/var/log/exim4", "Debian-exim:adm", 0o750)
        return self.root.dir, ["/usr/sbin/exim4", "-bdf", "-q30m", "-oX", str(self.ports["smtp"])]

    def waiting(self):
        return count_files(self.root.path("/var/spool/exim4/input"), "*-D")

    def delivered(self):
        return count_files(self.root.path("/srv/mail"))

    def versions(self):
        return self.root.versions("exim4-daemon-light")
