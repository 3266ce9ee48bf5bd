/* SPDX-License-Identifier: Apache-2.0 */
/* The one logger: structured lines, one event each.
 *
 *   log_event(LOG_INFO, "smtp.rcpt", LOG_S("to", addr), LOG_I("size", n), LOG_ERR(err));
 *
 * writes  ts=2026-11-22T10:00:00.123Z level=info event=smtp.rcpt sid=7f3a… to="a@example.test" …
 * (logfmt; or the same as one JSON object a line). Values are washed: control characters and
 * quotes are escaped, non-UTF-8 bytes written \xNN, values cut at 512 bytes, so nothing a peer
 * sends can forge or break a line. Secrets are never logged: callers pass no password.
 *
 * `sid` names the session (and `mid` the message) from the first byte to the final delivery. The
 * runner of a unit of work sets them for its thread with log_scope_set and clears them after, so
 * that rooms below need not carry them; this thread-local is the logger's only hidden state.
 *
 * Thread-safe; one write(2) per line, to a file descriptor given at start (default stderr).
 * A full disk or closed pipe loses the line, counts it (metric log_lines_lost), never blocks mail.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/span.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_LOGFMT, LOG_JSON };

enum log_type { LOG_T_NONE, LOG_T_SPAN, LOG_T_INT, LOG_T_BOOL };

struct log_field {
    const char *key;
    enum log_type type;
    struct span s;
    int64_t i;
};

#define LOG_S(k, v) ((struct log_field){.key = (k), .type = LOG_T_SPAN, .s = (v)}) /* span */
#define LOG_Z(k, v)                                                                                \
    ((struct log_field){.key = (k), .type = LOG_T_SPAN, .s = span_str(v)}) /* C string */
#define LOG_I(k, v) ((struct log_field){.key = (k), .type = LOG_T_INT, .i = (int64_t)(v)})
#define LOG_B(k, v) ((struct log_field){.key = (k), .type = LOG_T_BOOL, .i = (v) ? 1 : 0})
#define LOG_ERR(e)  LOG_Z("err", err_name(e)) /* include base/err.h */

#define log_event(level, event, ...)                                                               \
    log_write((level), (event), (const struct log_field[]){{0}, ##__VA_ARGS__},                    \
              sizeof((const struct log_field[]){{0}, ##__VA_ARGS__}) / sizeof(struct log_field))

/* Called by log_event; fields[0] is a filler. */
void log_write(enum log_level level,
               const char *event,
               const struct log_field *fields,
               size_t count);

/* Where and how to write; any time (a reload opens the file again). fd is borrowed; the one before
 * is not written to any more once this has returned. */
void log_setup(int fd, enum log_level least, enum log_format format);
bool log_is_on(enum log_level level);

/* This thread's session and message ids; copied (at most 31 bytes each). Empty spans clear. */
void log_scope_set(struct span sid, struct span mid);
void log_scope_clear(void);
struct span log_scope_sid(void); /* valid until this thread sets or clears it */

#endif
