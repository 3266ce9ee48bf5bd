/* SPDX-License-Identifier: Apache-2.0 */
/* Every configuration key, once: the parser, the defaults, `mailstead init`'s commented file, the
 * man page and docs/configuration.md all come from these rows.
 *
 * CONFIG_TABLE(STR, BOOL, INT, ENUM, LIST): a row is
 *   STR (field, "key", default, help)              text
 *   BOOL(field, "key", default, help)
 *   INT (field, "key", default, least, most, unit, help)   unit: CONFIG_COUNT, CONFIG_BYTES
 *                                                   (takes 50M, 8k) or CONFIG_SECONDS (takes 5min)
 *   ENUM(field, "key", default, "a|b|c", help)      one of the words, kept as its index
 *   LIST(field, "key", default, help)               list of texts; default separated by spaces
 * "section.key" is written as  section { key = value }  in the file; a list as  { a, b }.
 */
#ifndef BASE_CONFIG_TABLE_H
#define BASE_CONFIG_TABLE_H

/* clang-format off */
#define CONFIG_TABLE(STR, BOOL, INT, ENUM, LIST) \
    STR (hostname,            "hostname",            "localhost", "The name this server greets with; the world's DNS should know it") \
    STR (data,                "data",                ".", "The folder everything is kept in; relative to this file") \
    STR (store,               "store",               "rocksdb:store", "The engine and where it keeps its data (relative to `data`)") \
    STR (admin_socket,        "admin.socket",        "admin.sock", "Unix socket of the admin API (relative to `data`); whoever may open it may do everything") \
    STR (metrics_listen,      "metrics.listen",      "", "Where Prometheus may read metrics, like 127.0.0.1:9925; loopback only; empty for nowhere") \
    ENUM(log_level,           "log.level",           "info", "debug|info|warn|error", "The least important lines that are written") \
    ENUM(log_format,          "log.format",          "logfmt", "logfmt|json", "How a line looks") \
    STR (log_file,            "log.file",            "", "Where lines go (appended to); empty for standard error") \
    \
    LIST(listen_smtp,         "listen.smtp",         "*:25",  "MX port: mail from the world; address:port, *:port for all IPv4 and IPv6 addresses") \
    LIST(listen_submission,   "listen.submission",   "*:587", "Submission with STARTTLS") \
    LIST(listen_submissions,  "listen.submissions",  "*:465", "Submission with TLS from the first byte") \
    LIST(listen_pop3,         "listen.pop3",         "*:110", "POP3 with STLS") \
    LIST(listen_pop3s,        "listen.pop3s",        "*:995", "POP3 with TLS from the first byte") \
    LIST(listen_imap,         "listen.imap",         "*:143", "IMAP with STARTTLS") \
    LIST(listen_imaps,        "listen.imaps",        "*:993", "IMAP with TLS from the first byte") \
    LIST(proxy_from,          "listen.proxy_from",   "", "Networks whose connections begin with a PROXY protocol header, like 10.1.0.0/16") \
    \
    LIST(tls_cert,            "tls.certificate",     "tls/cert.pem", "Certificate chains (PEM); the first is for clients that name no host") \
    LIST(tls_key,             "tls.key",             "tls/key.pem", "Their private keys, in the same order") \
    ENUM(tls_min,             "tls.min_version",     "1.2", "1.2|1.3", "The oldest TLS spoken") \
    \
    STR (user,                "server.user",         "", "Started as root: the user the serving process becomes; empty to stay")  \
    BOOL(sandbox,             "server.sandbox",      true, "Confine the serving process (Landlock, seccomp, no debugger, no core files); off only to debug it") \
    INT (threads,             "server.threads",      64, 1, 1024, CONFIG_COUNT, "Worker threads: how many commands are worked on at once") \
    INT (loops,               "server.loops",        0, 0, 64, CONFIG_COUNT, "Threads beyond server.threads that read, write and encrypt while all of those are busy; 0 for one per processor core") \
    INT (conn_max,            "server.connections",  15000, 10, 1000000, CONFIG_COUNT, "Connections at once; beyond it new ones are told to come back later") \
    INT (conn_per_ip,         "server.connections_per_address", 100, 1, 1000000, CONFIG_COUNT, "Connections at once from one IPv4 address or IPv6 /64") \
    INT (buffers,             "server.buffers",      268435456, 16777216, 1099511627776, CONFIG_BYTES, "Memory for what clients have sent and not yet been answered, and for answers they have not yet read; when it is short, less is read ahead and messages wait in files") \
    INT (spool_bytes,         "server.spool",        4294967296, 67108864, 1099511627776, CONFIG_BYTES, "Disk that messages on their way in may take; beyond it senders are told to try again") \
    INT (handshake_timeout,   "server.handshake_timeout", 30, 1, 300, CONFIG_SECONDS, "How long a TLS handshake may take, and a PROXY header") \
    INT (read_rate,           "server.read_rate",    200, 0, 1000000, CONFIG_COUNT, "Bytes a second that a client has to take while an answer waits for it; slower ones are closed. 0: one now and then is enough") \
    INT (read_window,         "server.read_window",  120, 1, 3600, CONFIG_SECONDS, "The time over which those bytes are counted") \
    INT (stop_time,           "server.stop_time",    10, 1, 600, CONFIG_SECONDS, "How long sessions may take to finish when the server stops") \
    \
    INT (smtp_size_max,       "smtp.message_size",   52428800, 65536, 1073741824, CONFIG_BYTES, "The largest message accepted") \
    INT (smtp_rcpt_max,       "smtp.recipients",     1000, 100, 100000, CONFIG_COUNT, "Recipients of one message (RFC 5321 asks for at least 100)") \
    INT (smtp_timeout,        "smtp.timeout",        300, 1, 3600, CONFIG_SECONDS, "How long a silent client is waited for") \
    INT (smtp_data_timeout,   "smtp.data_timeout",   600, 1, 7200, CONFIG_SECONDS, "How long the sending of one whole message may take, plus one second for each 10 kB") \
    ENUM(smtp_bare_newline,   "smtp.bare_newline",   "reject", "reject|normalize", "What to do with a message that holds a bare CR or LF: reject it, or make it CRLF") \
    ENUM(smtp_over_quota,     "smtp.over_quota",     "tempfail", "tempfail|reject", "A full mailbox: 452 (the sender tries again for days) or 552 (returned at once)") \
    BOOL(smtp_auth_on_mx,     "smtp.auth_on_mx",     false, "Offer AUTH on the MX port too") \
    \
    INT (pop3_timeout,        "pop3.timeout",        600, 10, 3600, CONFIG_SECONDS, "How long a silent client is waited for (RFC 1939 asks for at least ten minutes)") \
    BOOL(pop3_exclusive,      "pop3.exclusive",      false, "The strict lock of RFC 1939: one POP3 session per mailbox, others are told [IN-USE]") \
    INT (pop3_keep_days,      "pop3.deleted_keep_days", 14, 0, 3650, CONFIG_COUNT, "Days for which what POP3 removed can be restored; 0 for not at all. Also written  deleted = keep-days N") \
    INT (pop3_login_delay,    "pop3.login_delay",    0, 0, 3600, CONFIG_SECONDS, "Least time between two logins of one account (LOGIN-DELAY); 0 for none") \
    \
    INT (imap_timeout,        "imap.timeout",        1800, 1800, 86400, CONFIG_SECONDS, "How long a silent client that has logged in is waited for (RFC 9051 asks for at least 30 minutes)") \
    INT (imap_login_timeout,  "imap.login_timeout",  120, 10, 3600, CONFIG_SECONDS, "How long a client may be silent that has not") \
    BOOL(imap_utf8,           "imap.utf8",           false, "Offer UTF8=ACCEPT (RFC 9755). It forbids clients that do not ask for it to store messages that have 8-bit characters in their header, as much old mail has") \
    BOOL(imap_unauthenticate, "imap.unauthenticate",  true, "Offer UNAUTHENTICATE (RFC 8437): the next login on the same connection. Switch it off behind a proxy that lets only some accounts in and looks at the first login only") \
    INT (imap_keep_days,      "imap.deleted_keep_days", 14, 0, 3650, CONFIG_COUNT, "Days for which what IMAP expunged can be restored; 0 for not at all") \
    ENUM(imap_sharing,        "imap.sharing",        "domain", "off|domain|everywhere", "With whose accounts people may share mailboxes: nobody's, those of their own domain, or all of this server") \
    BOOL(imap_sharing_anyone, "imap.sharing_anyone", false, "Let people share a mailbox with \"anyone\": all accounts of their domain") \
    \
    BOOL(auth_plain_loopback, "auth.cleartext_on_loopback", false, "Accept passwords without TLS from 127.0.0.1 and ::1") \
    INT (auth_threads,        "auth.threads",        2, 1, 64, CONFIG_COUNT, "Threads that verify passwords") \
    INT (auth_queue,          "auth.queue",          256, 1, 100000, CONFIG_COUNT, "Logins that may wait for them; beyond it clients are told to try again") \
    INT (auth_argon2_mem,     "auth.argon2_memory",  19922944, 8192, 1073741824, CONFIG_BYTES, "Memory that hashing one password takes") \
    INT (auth_argon2_ops,     "auth.argon2_passes",  2, 1, 100, CONFIG_COUNT, "Passes over that memory") \
    INT (auth_scram_iter,     "auth.scram_iterations", 10000, 4096, 1000000, CONFIG_COUNT, "PBKDF2 iterations of SCRAM-SHA-256") \
    INT (auth_cache_ttl,      "auth.cache_time",     300, 0, 3600, CONFIG_SECONDS, "How long a verified password is remembered (as a keyed hash, in memory); 0 for not at all") \
    INT (auth_fail_delay,     "auth.failure_delay",  1000, 0, 60000, CONFIG_COUNT, "Milliseconds from a login attempt to the answer that it failed, whatever the reason") \
    INT (lock_failures,       "lockout.failures",    3, 1, 100, CONFIG_COUNT, "Different wrong passwords from one network that lock logins from there") \
    INT (lock_time,           "lockout.time",        60, 1, 86400, CONFIG_SECONDS, "How long the first lock lasts; each next one twice as long") \
    INT (lock_time_max,       "lockout.time_max",    3600, 1, 604800, CONFIG_SECONDS, "The longest lock") \
    INT (lock_networks,       "lockout.networks",    5, 2, 1000, CONFIG_COUNT, "Locked networks at once that lock the whole account") \
    INT (lock_forget,         "lockout.forget",      86400, 60, 2592000, CONFIG_SECONDS, "After how long without a failure earlier failures are forgotten") \
    INT (attempts_per_ip,     "lockout.attempts_per_address", 30, 1, 100000, CONFIG_COUNT, "Failed logins from one address in ten minutes, over all user names; beyond it the address is refused") \
    \
    STR (sub_address,         "directory.sub_address_separator", "+", "alice+shop@ is delivered to alice@; empty to switch off") \
    STR (postmaster,          "directory.postmaster", "", "Address that gets mail to postmaster where no account or alias has that name (RFC 5321 asks that somebody reads it)") \
    INT (remove_grace_days,   "directory.removed_keep_days", 30, 0, 3650, CONFIG_COUNT, "Days for which a removed account can be restored") \
    INT (expunge_grace,       "mailbox.expunged_keep", 86400, 3600, 31536000, CONFIG_SECONDS, "How long a deleted message stays readable for sessions that had seen it")
/* clang-format on */

#endif
