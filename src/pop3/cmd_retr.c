/* SPDX-License-Identifier: Apache-2.0 */
/* RETR and TOP. */
#include "pop3/internal.h"

#include "base/log.h"
#include "base/metrics.h"

#include <inttypes.h>

static enum step send_begin(struct pop3 *p, struct span number, uint64_t lines)
{
    size_t i;
    const struct mail_entry *e = pop3_message(p, number, &i);
    if (e == NULL)
        return STEP_DONE;
    int err = pop3_stream_open(p, e, lines);
    if (err == ERR_UNSUPPORTED) {
        pop3_err(p, "UTF8", "This message needs UTF8 mode");
        return STEP_DONE;
    }
    if (err != 0) { /* this message cannot be had; the others can */
        log_event(LOG_ERROR, "pop3.message_unreadable", LOG_Z("account", p->address),
                  LOG_I("message", e->message.v), LOG_I("uid", e->uid.v), LOG_ERR(err));
        if (err == ERR_NOT_FOUND)
            pop3_err(p, "", "This message was deleted by another session a while ago");
        else
            pop3_err_of(p, err);
        return STEP_DONE;
    }
    if (lines == UINT64_MAX)
        pop3_ok(p, "%" PRIu64 " octets", e->size);
    else
        pop3_ok(p, "Top of message follows");
    p->stream.counts = lines == UINT64_MAX;
    return pop3_send_more(p);
}

enum step pop3_send_more(struct pop3 *p)
{
    int r = pop3_stream_more(&p->stream, p->s.out);
    if (r > 0) {
        p->busy = POP3_SENDING;
        return STEP_MORE;
    }
    bool counts = p->stream.counts;
    pop3_stream_close(&p->stream);
    p->busy = POP3_IDLE;
    if (r < 0) {
        /* In the middle of a message nothing can be said any more: only a connection that ends
         * before the
         * "." tells the client that this is not all of it. */
        log_event(LOG_ERROR, "pop3.message_cut", LOG_Z("account", p->address), LOG_ERR(r));
        return STEP_CLOSE;
    }
    if (counts) {
        p->retrieved++;
        metric_add(METRIC_POP3_RETR, 1);
    }
    return STEP_DONE;
}

enum step pop3_cmd_retr(struct pop3 *p, const struct pop3_line *line)
{
    return send_begin(p, line->arg[0], UINT64_MAX);
}

enum step pop3_cmd_top(struct pop3 *p, const struct pop3_line *line)
{
    uint64_t lines;
    if (!span_to_u64(line->arg[1], &lines)) {
        pop3_err(p, "", "Please write: TOP msg lines");
        return pop3_mistake(p);
    }
    /* more lines than any message has is the whole message, but not a RETR */
    return send_begin(p, line->arg[0], lines < UINT64_MAX ? lines : UINT64_MAX - 1);
}
