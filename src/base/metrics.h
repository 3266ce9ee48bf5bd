/* SPDX-License-Identifier: Apache-2.0 */
/* Counters and gauges: one table, whose rows yield the code, the Prometheus text and the docs.
 *
 * A row: enum name, Prometheus name (without the "mailstead_" prefix), labels ("" or k="v"),
 * kind, help. Rows of one Prometheus name stand together. Updates are relaxed atomics: any thread,
 * never block. Add a row where an operator would ask "how many?", beside those of its room.
 */
#ifndef BASE_METRICS_H
#define BASE_METRICS_H

#include "base/buf.h"

/* clang-format off */
#define METRICS_TABLE(X) \
    X(LOG_LINES_LOST,        "log_lines_lost_total",      "",                       COUNTER, "Log lines that could not be written") \
    X(CONN_OPEN_SMTP,        "connections_open",          "protocol=\"smtp\"",      GAUGE,   "Connections open now") \
    X(CONN_OPEN_SUBMISSION,  "connections_open",          "protocol=\"submission\"",GAUGE,   "Connections open now") \
    X(CONN_OPEN_POP3,        "connections_open",          "protocol=\"pop3\"",      GAUGE,   "Connections open now") \
    X(CONN_OPEN_IMAP,        "connections_open",          "protocol=\"imap\"",      GAUGE,   "Connections open now") \
    X(CONN_OPEN_ADMIN,       "connections_open",          "protocol=\"admin\"",     GAUGE,   "Connections open now") \
    X(CONN_ACCEPTED,         "connections_total",         "result=\"accepted\"",    COUNTER, "Connections by what became of them") \
    X(CONN_REFUSED_FULL,     "connections_total",         "result=\"server-full\"", COUNTER, "Connections by what became of them") \
    X(CONN_REFUSED_PEER,     "connections_total",         "result=\"peer-limit\"",  COUNTER, "Connections by what became of them") \
    X(CONN_YIELDED,          "connections_yielded_total", "",                       COUNTER, "Connections closed to make room because the server was full: nobody had logged in and they waited longest") \
    X(TLS_HANDSHAKES,        "tls_handshakes_total",      "result=\"ok\"",          COUNTER, "TLS handshakes by result") \
    X(TLS_RESUMED,           "tls_handshakes_total",      "result=\"resumed\"",     COUNTER, "TLS handshakes by result") \
    X(TLS_FAILED,            "tls_handshakes_total",      "result=\"failed\"",      COUNTER, "TLS handshakes by result") \
    X(TLS_CERT_DAYS,         "tls_certificate_days_left", "",                       GAUGE,   "Days until the first of the certificates expires") \
    X(AUTH_OK,               "logins_total",              "result=\"ok\"",          COUNTER, "Logins by result") \
    X(AUTH_CACHED,           "logins_total",              "result=\"ok-cached\"",   COUNTER, "Logins by result") \
    X(AUTH_FAILED,           "logins_total",              "result=\"failed\"",      COUNTER, "Logins by result") \
    X(AUTH_LOCKED,           "logins_total",              "result=\"locked\"",      COUNTER, "Logins by result") \
    X(AUTH_BUSY,             "logins_total",              "result=\"busy\"",        COUNTER, "Logins by result") \
    X(AUTH_QUEUE,            "auth_queue_length",         "",                       GAUGE,   "Passwords waiting for a thread to verify them") \
    X(SMTP_MAIL_ACCEPTED,    "smtp_messages_total",       "result=\"accepted\"",    COUNTER, "Messages at the end of DATA or BDAT by result") \
    X(SMTP_MAIL_TEMPFAIL,    "smtp_messages_total",       "result=\"tempfail\"",    COUNTER, "Messages at the end of DATA or BDAT by result") \
    X(SMTP_MAIL_REJECTED,    "smtp_messages_total",       "result=\"rejected\"",    COUNTER, "Messages at the end of DATA or BDAT by result") \
    X(SMTP_RCPT_ACCEPTED,    "smtp_recipients_total",     "result=\"accepted\"",    COUNTER, "RCPT commands by result") \
    X(SMTP_RCPT_REJECTED,    "smtp_recipients_total",     "result=\"rejected\"",    COUNTER, "RCPT commands by result") \
    X(SMTP_CMD_EHLO,         "smtp_commands_total",       "verb=\"EHLO\"",             COUNTER, "Commands of SMTP clients by verb") \
    X(SMTP_CMD_HELO,         "smtp_commands_total",       "verb=\"HELO\"",             COUNTER, "Commands of SMTP clients by verb") \
    X(SMTP_CMD_STARTTLS,     "smtp_commands_total",       "verb=\"STARTTLS\"",         COUNTER, "Commands of SMTP clients by verb") \
    X(SMTP_CMD_AUTH,         "smtp_commands_total",       "verb=\"AUTH\"",             COUNTER, "Commands of SMTP clients by verb") \
    X(SMTP_CMD_MAIL,         "smtp_commands_total",       "verb=\"MAIL\"",             COUNTER, "Commands of SMTP clients by verb") \
    X(SMTP_CMD_RCPT,         "smtp_commands_total",       "verb=\"RCPT\"",             COUNTER, "Commands of SMTP clients by verb") \
    X(SMTP_CMD_DATA,         "smtp_commands_total",       "verb=\"DATA\"",             COUNTER, "Commands of SMTP clients by verb") \
    X(SMTP_CMD_BDAT,         "smtp_commands_total",       "verb=\"BDAT\"",             COUNTER, "Commands of SMTP clients by verb") \
    X(SMTP_CMD_OTHER,        "smtp_commands_total",       "verb=\"other\"",            COUNTER, "Commands of SMTP clients by verb") \
    X(POP3_RETR,             "pop3_retrieved_total",      "",                       COUNTER, "Messages sent by RETR") \
    X(POP3_DELETED,          "pop3_deleted_total",        "",                       COUNTER, "Messages deleted at QUIT") \
    X(IMAP_COMMANDS,         "imap_commands_total",       "",                       COUNTER, "Commands of IMAP clients") \
    X(IMAP_APPENDED,         "imap_appended_total",       "",                       COUNTER, "Messages put into mailboxes by APPEND") \
    X(IMAP_EXPUNGED,         "imap_expunged_total",       "",                       COUNTER, "Messages removed by EXPUNGE and CLOSE") \
    X(MAIL_DELIVERED,        "mail_delivered_total",      "",                       COUNTER, "Messages put into mailboxes") \
    X(MAIL_BYTES,            "mail_delivered_bytes_total","",                       COUNTER, "Bytes of messages put into mailboxes") \
    X(STORE_COMMITS,         "store_commits_total",       "",                       COUNTER, "Transactions committed") \
    X(STORE_CONFLICTS,       "store_conflicts_total",     "",                       COUNTER, "Transactions run again because another was faster") \
    X(STORE_ERRORS,          "store_errors_total",        "",                       COUNTER, "Reads or writes the engine refused") \
    X(STORE_BLOBS_COLLECTED, "store_blobs_collected_total","",                      COUNTER, "Unreferenced message bodies removed") \
    X(WORKER_QUEUE,          "worker_queue_length",       "",                       GAUGE,   "Units of work waiting for a worker thread") \
    X(QUARANTINE_HELD,       "quarantine_units",          "",                       GAUGE,   "Units of work that the server has died of twice and does not run") \
    X(QUARANTINE_REFUSED,    "quarantine_refused_total",  "",                       COUNTER, "Times that one of them came again and was refused") \
    X(HTTP_REQUESTS,         "http_requests_total",       "",                       COUNTER, "Requests to the admin API and the metrics page")
/* clang-format on */

enum metric_kind { COUNTER, GAUGE };

enum metric {
#define X(name, ...) METRIC_##name,
    METRICS_TABLE(X) METRIC_COUNT
#undef X
};

void metric_add(enum metric m, int64_t n);
void metric_set(enum metric m, int64_t n);
int64_t metric_get(enum metric m);

/* All rows in the Prometheus text format, version 0.0.4. */
void metrics_render(struct buf *out);

#endif
