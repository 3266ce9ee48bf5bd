# SPDX-License-Identifier: Apache-2.0
"""Postfix, as the way in for Dovecot and Cyrus: to their LMTP sockets, which it finds in its own root folder.

main.cf is what TUNING_README advises for a busy server on this size of machine, without the limits that protect
from strangers (anvil) and without DNS. Queue files are synced as shipped. `smtpd` runs until 256 connections are
served. master.cf is Debian's without chroot, which would need copies of sockets.
"""
from lib.server import DOMAIN, MAILBOXES, count_files

MAIN = """\
compatibility_level = 3.6
myhostname = mail.{domain}
mydestination = localhost
mynetworks = 127.0.0.0/8
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
biff = no
virtual_mailbox_domains = {domain}
virtual_mailbox_maps = cdb:/etc/postfix/mailboxes
virtual_transport = lmtp:unix:{lmtp}
smtpd_relay_restrictions = permit_mynetworks reject_unauth_destination
# every recipient is looked up, also for those who may relay
smtpd_recipient_restrictions = reject_unlisted_recipient
message_size_limit = 104857600
virtual_mailbox_limit = 0
# no DNS
disable_dns_lookups = yes
smtpd_peername_lookup = no
# nothing that slows a busy sender down
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_client_message_rate_limit = 0
smtpd_client_event_limit_exceptions = static:all
default_process_limit = 400
in_flow_delay = 0
max_use = 1000
lmtp_destination_concurrency_limit = {concurrency}
lmtp_destination_recipient_limit = 100
qmgr_message_active_limit = 20000
qmgr_message_recipient_limit = 20000
# TLS as shipped, with our certificate
smtpd_tls_cert_file = /etc/ssl/bench.pem
smtpd_tls_key_file = /etc/ssl/bench.key
smtpd_tls_security_level = may
smtpd_tls_protocols = >=TLSv1.2
smtpd_tls_session_cache_database = btree:${{data_directory}}/smtpd_scache
smtpd_tls_loglevel = 0
"""

MASTER = """\
127.0.0.1:{smtp} inet n - n - 400 smtpd
pickup    unix  n - n 60    1 pickup
cleanup   unix  n - n -     0 cleanup
qmgr      unix  n - n 300   1 qmgr
tlsmgr    unix  - - n 1000? 1 tlsmgr
rewrite   unix  - - n -     - trivial-rewrite
bounce    unix  - - n -     0 bounce
defer     unix  - - n -     0 bounce
trace     unix  - - n -     0 bounce
verify    unix  - - n -     1 verify
flush     unix  n - n 1000? 0 flush
proxymap  unix  - - n -     - proxymap
proxywrite unix - - n -     1 proxymap
lmtp      unix  - - n -     - lmtp
error     unix  - - n -     - error
retry     unix  - - n -     - error
discard   unix  - - n -     - discard
local     unix  - n n -     - local
virtual   unix  - n n -     - virtual
anvil     unix  - - n -     1 anvil
scache    unix  - - n -     1 scache
postlog   unix-dgram n - n - 1 postlogd
"""

QUEUES = ("maildrop", "incoming", "active", "deferred")
ARGV = ["/usr/lib/postfix/sbin/master", "-c", "/etc/postfix", "-d"]
PACKAGES = ["postfix", "postfix-cdb", "rsyslog"]
ANSWERS = "postfix postfix/main_mailer_type select No configuration\n"

# as Debian ships rsyslog, without the kernel's log
RSYSLOG = """\
module(load="imuxsock")
$FileOwner root
$FileGroup adm
$FileCreateMode 0640
$DirCreateMode 0755
$Umask 0022
$WorkDirectory /var/spool/rsyslog
*.*;auth,authpriv.none          -/var/log/syslog
auth,authpriv.*                 /var/log/auth.log
mail.*                          -/var/log/mail.log
user.*                          -/var/log/user.log
"""
LOG_DAEMON = ["/usr/sbin/rsyslogd", "-n", "-iNONE"]


def write_rsyslog(root):
    root.write("/etc/rsyslog.conf", RSYSLOG)
    for log in ("syslog", "mail.log", "user.log", "auth.log"):
        root.path(f"/var/log/{log}").unlink(missing_ok=True)
    root.path("/dev/log").unlink(missing_ok=True)


def configure(root, smtp_port, lmtp_socket, concurrency):
    write_rsyslog(root)
    root.write("/etc/postfix/main.cf", MAIN.format(domain=DOMAIN, lmtp=lmtp_socket, concurrency=concurrency))
    root.write("/etc/postfix/master.cf", MASTER.format(smtp=smtp_port))
    root.write("/etc/postfix/mailboxes", "".join(f"user{i}@{DOMAIN} x\n" for i in range(MAILBOXES)))
    for queue in QUEUES + ("hold", "corrupt", "bounce", "defer", "trace", "flush"):
        root.empty(f"/var/spool/postfix/{queue}")
    root.run("sh", "-c", "postmap cdb:/etc/postfix/mailboxes && rm -f /var/spool/postfix/pid/master.pid && "
             "postfix set-permissions create-missing 2>/dev/null; newaliases; postfix check")


def waiting(root):
    """Messages in the queue."""
    return sum(count_files(root.path(f"/var/spool/postfix/{queue}")) for queue in QUEUES)
