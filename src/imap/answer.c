/* SPDX-License-Identifier: Apache-2.0 */
/* Tagged answers. What changed meanwhile is told before them, which may take several steps: so the answer is made
 * first and waits in the arena. */
#include "imap/internal.h"

#include "base/log.h"

enum { TEXT_MAX = 512 }; /* of a sentence for people; codes are longer */

void imap_command_end(struct imap *i)
{
    buf_done(&i->partial);
    numset_done(&i->quiet);
    i->stored = (struct mail_stored){0};
    i->alone = (struct imap_alone){0};
    numset_done(&i->loud);
    i->command = NULL;
    i->uid = i->beyond = i->numbered = false;
    i->answer = SPAN_EMPTY;
    i->keywords = NULL;
    i->keywords_n = 0;
    if (i->busy == IMAP_TASK)
        i->busy = IMAP_READY;
}

static enum step answer_now(struct imap *i)
{
    buf_put(i->s.out, i->answer);
    imap_command_end(i);
    if (i->errors >= LIMIT_IMAP_ERRORS) {
        log_event(LOG_INFO, "imap.too_many_errors");
        return imap_bye(i, SPAN_EMPTY, "There were too many errors; closing the connection");
    }
    if (i->closing)
        return imap_bye(i, SPAN("UNAVAILABLE"), err_text(ERR_SHUTDOWN));
    imap_tell_later(i);
    return STEP_DONE;
}

static enum step PRINTF_LIKE(4, 0)
    answer(struct imap *i, const char *status, struct span code, const char *fmt, va_list args)
{
    struct buf text;
    buf_init(&text, TEXT_MAX);
    buf_vprintf(&text, fmt, args);
    const char *tag = i->tag[0] != '\0' ? i->tag : "*";
    i->answer = code.n > 0 ? arena_printf(i->s.arena, "%s %s [%.*s] %.*s\r\n", tag, status,
                                          SPAN_ARG(code), SPAN_ARG(buf_span(&text)))
                           : arena_printf(i->s.arena, "%s %s %.*s\r\n", tag, status,
                                          SPAN_ARG(buf_span(&text)));
    buf_done(&text);
    if (i->answer.p == NULL) {
        log_event(LOG_ERROR, "imap.no_memory", LOG_Z("tag", i->tag));
        return imap_bye(i, SPAN("UNAVAILABLE"), err_text(ERR_NOMEM));
    }
    if (i->command == NULL || (i->command->flags & IMAP_NO_SYNC) != 0)
        return answer_now(i);
    /* RFC 9051 §7.5.1, RFC 7162 §3.2.10.2 */
    bool numbers = i->numbered || (!i->uid && (i->command->flags & IMAP_NUMBERS) != 0);
    return imap_sync(i, !numbers, answer_now);
}

enum step imap_ok(struct imap *i, struct span code, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    i->errors = 0;
    enum step step = answer(i, "OK", code, fmt, args);
    va_end(args);
    return step;
}

enum step imap_no(struct imap *i, struct span code, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    enum step step = answer(i, "NO", code, fmt, args);
    va_end(args);
    return step;
}

enum step imap_no_of(struct imap *i, int err)
{
    if (err == ERR_NO_USER) /* it was purged since the login, and will not be let in again */
        err = ERR_UNAVAILABLE;
    const struct err_info *info = err_info(err);
    if (err == ERR_INVALID || err == ERR_UNSUPPORTED)
        return imap_no(i, SPAN("CANNOT"), "%s", info->text);
    return imap_no(i, span_str(info->imap), "%s", info->text);
}

enum step imap_bad(struct imap *i, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    i->errors++;
    enum step step = answer(i, "BAD", SPAN_EMPTY, fmt, args);
    va_end(args);
    return step;
}

enum step imap_bad_coded(struct imap *i, struct span code, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    i->errors++;
    enum step step = answer(i, "BAD", code, fmt, args);
    va_end(args);
    return step;
}

enum step imap_uid_required(struct imap *i)
{
    return imap_bad_coded(i, SPAN("UIDREQUIRED"),
                          "Message numbers are not allowed once UIDONLY is enabled");
}

enum log_level imap_fault_level(int err)
{
    return err == ERR_NOT_FOUND || err == ERR_NO_USER ? LOG_INFO : LOG_ERROR;
}

const char *imap_read_only_code(const struct imap_selected *box)
{
    return box->deleted ? "NONEXISTENT" : "CANNOT"; /* RFC 5530 §3 */
}

const char *imap_read_only_text(const struct imap_selected *box)
{
    return box->deleted ? "The mailbox was deleted" : "The mailbox was opened for reading only";
}

enum step imap_no_read_only(struct imap *i)
{
    return imap_no(i, span_str(imap_read_only_code(i->box)), "%s", imap_read_only_text(i->box));
}

enum step imap_bad_args(struct imap *i)
{
    if (i->beyond)
        return imap_bad(i, "There is no message with such a number");
    return imap_bad(i, "Please write: %s%s", i->uid ? "UID " : "", i->command->usage);
}

enum step imap_bye(struct imap *i, struct span code, const char *text)
{
    if (code.n > 0)
        buf_printf(i->s.out, "* BYE [%.*s] %s\r\n", SPAN_ARG(code), text);
    else
        buf_printf(i->s.out, "* BYE %s\r\n", text);
    return STEP_CLOSE;
}

enum step imap_task_begin(struct imap *i, struct imap_task task)
{
    i->task = task;
    i->busy = IMAP_TASK;
    return task.go_on(i);
}

void imap_task_end(struct imap *i)
{
    struct imap_task task = i->task;
    i->task = (struct imap_task){0};
    if (task.drop != NULL)
        task.drop(i, task.data);
}

bool imap_is_secure(const struct imap *i)
{
    return i->s.tls.on || (i->server->config->auth_plain_loopback && ip_is_loopback(i->s.peer));
}
