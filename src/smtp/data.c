/* SPDX-License-Identifier: Apache-2.0 */
/* DATA (RFC 5321 §4.1.1.4) and BDAT (RFC 3030): content on its way into smtp_body.
 *
 * Content is handled in pieces of 16 to 64 KiB, so that a message of any size costs the memory of a
 * piece and of the spool. A whole message must be there in smtp.data_timeout plus a second for each
 * 10 kB, however patiently it drips: else a handful of clients could hold all connections.
 */
#include "smtp/internal.h"

enum { DATA_BYTES_PER_SECOND = 10000, BARE_NEWLINE_NORMALIZE = 1 /* of smtp.bare_newline */ };

static int64_t now_ms(const struct smtp *s)
{
    return s->server->clock->mono_ms(s->server->clock);
}

/* Sets the time-out for the next piece; false: the message is overdue. */
static bool in_time(struct smtp *s)
{
    const struct config *c = s->server->config;
    uint64_t size = s->body.received; /* what is too much buys no time */
    if (size > (uint64_t)c->smtp_size_max)
        size = (uint64_t)c->smtp_size_max;
    if (s->content_since == 0)
        s->content_since = now_ms(s);
    int64_t whole = (c->smtp_data_timeout + (int64_t)(size / DATA_BYTES_PER_SECOND)) * 1000;
    int64_t left = s->content_since + whole - now_ms(s);
    s->s.timeout_ms = left < c->smtp_timeout * 1000 ? left : c->smtp_timeout * 1000;
    if (left > 0)
        return true;
    s->s.timeout_ms = c->smtp_timeout * 1000;
    log_event(LOG_WARN, "smtp.rejected", LOG_Z("reason", "too slow"),
              LOG_I("received", s->body.received));
    metric_add(METRIC_SMTP_MAIL_TEMPFAIL, 1);
    return false;
}

static enum step too_slow(struct smtp *s)
{
    return smtp_hang_up(s, "4.4.2", "The message took too long to arrive, closing the connection");
}

static int content_begin(struct smtp *s)
{
    int err = smtp_body_open(&s->body, s->server->spools, s->envelope.size_max);
    s->body.binary = s->envelope.body == SMTP_BODY_BINARY;
    s->body.normalize = s->server->config->smtp_bare_newline == BARE_NEWLINE_NORMALIZE;
    return err;
}

static enum step no_recipient(struct smtp *s)
{
    if (s->envelope.refused > 0) { /* a pipelining client could not know better: not its error */
        smtp_reply(s, 554, "5.5.1", "No valid recipients");
        return STEP_DONE;
    }
    return smtp_wrong(s, 503, "5.5.1", "Please send RCPT first");
}

/* ---- DATA -------------------------------------------------------------------------------- */

enum step smtp_cmd_data(struct smtp *s, struct span args)
{
    (void)args;
    if (s->state != ST_RCPT)
        return no_recipient(s);
    if (s->envelope.body == SMTP_BODY_BINARY) /* RFC 3030 §3 */
        return smtp_wrong(s, 503, "5.5.1", "BODY=BINARYMIME needs BDAT");
    int err = content_begin(s);
    if (err != 0) {
        smtp_reply_err(s, err);
        return STEP_DONE;
    }
    s->dot = DOT_LINE;
    smtp_input_set(s, IN_DATA);
    if (!in_time(s))
        return too_slow(s);
    smtp_reply(s, 354, NULL, "Send the message, end it with a line that holds a single dot");
    return STEP_DONE;
}

/* A client that we have to refuse does not listen before the end of its message, so the rest is
 * taken and dropped; but who sends twice the largest message there can be means no end. */
static bool is_endless(const struct smtp *s)
{
    return s->body.received / 2 > (uint64_t)s->server->config->smtp_size_max;
}

ssize_t smtp_data_frame(const struct smtp *s, struct span in)
{
    enum smtp_dot dot = s->dot;
    size_t n = smtp_dot_feed(&dot, in, NULL, NULL);
    return dot == DOT_END || in.n >= SMTP_DATA_LEAST ? (ssize_t)n : 0;
}

static void put_content(void *body, struct span content)
{
    smtp_body_put(body, content);
}

enum step smtp_data_unit(struct smtp *s, struct span unit)
{
    size_t n = smtp_dot_feed(&s->dot, unit, put_content, &s->body);
    must(n == unit.n); /* frame and handle run the same function */
    if (!in_time(s))
        return too_slow(s);
    if (s->dot == DOT_END) {
        smtp_body_end(&s->body);
        smtp_finish(s);
    } else if (is_endless(s)) {
        smtp_refuse_body(s);
        return STEP_CLOSE;
    }
    return STEP_DONE;
}

/* ---- BDAT -------------------------------------------------------------------------------- */

/* The chunk is here. */
static enum step chunk_end(struct smtp *s)
{
    smtp_input_set(s, IN_COMMAND);
    if (s->chunk_refused) {
        bool between = s->state == ST_MAIL;
        s->content_since = 0;
        s->s.timeout_ms = s->server->config->smtp_timeout * 1000;
        return between ? no_recipient(s) : smtp_out_of_order(s, "Please send MAIL and RCPT first");
    }
    if (s->chunk_last) {
        smtp_body_end(&s->body);
        smtp_finish(s);
    } else if (s->body.fault != FAULT_NONE) {
        smtp_refuse_body(s);
        s->refused = true; /* the chunks behind it may be on their way */
    } else {
        smtp_reply(s, 250, "2.0.0", "%llu bytes so far", (unsigned long long)s->body.received);
    }
    return STEP_DONE;
}

/* "length [LAST]". 0; ERR_INVALID; ERR_TOO_BIG: a number no chunk can have. */
static int chunk_parse(struct span args, uint64_t *length, bool *last)
{
    struct span number = span_split(&args, ' ');
    args = span_trim(args);
    *last = args.n > 0;
    if (*last && !span_ieq(args, SPAN("LAST")))
        return ERR_INVALID;
    for (size_t i = 0; i < number.n; i++)
        if (!ascii_is_digit(number.p[i]))
            return ERR_INVALID;
    return span_to_u64(number, length) ? 0 : number.n > 0 ? ERR_TOO_BIG : ERR_INVALID;
}

enum step smtp_cmd_bdat(struct smtp *s, struct span args)
{
    int err = chunk_parse(args, &s->chunk_left, &s->chunk_last);
    if (err == ERR_TOO_BIG) { /* where the next command begins cannot be known any more */
        smtp_reply(s, 501, "5.5.4", "No chunk is that long, closing the connection");
        return STEP_CLOSE;
    }
    if (err != 0)
        return smtp_wrong(s, 501, "5.5.4", "Please write BDAT length or BDAT length LAST");
    /* The bytes follow whatever we think of it: they are read and dropped (RFC 3030 §2). */
    s->chunk_refused = s->state != ST_RCPT && s->state != ST_BDAT;
    if (s->state == ST_RCPT) {
        s->state = ST_BDAT;
        err = content_begin(s);
        if (err != 0)
            smtp_body_fail(&s->body, FAULT_STORAGE, err);
    }
    if (!in_time(s))
        return too_slow(s);
    if (s->chunk_left == 0)
        return chunk_end(s);
    smtp_input_set(s, IN_CHUNK);
    return STEP_DONE;
}

ssize_t smtp_chunk_frame(const struct smtp *s, struct span in)
{
    if (in.n >= s->chunk_left)
        return (ssize_t)s->chunk_left;
    return in.n >= SMTP_DATA_LEAST ? (ssize_t)in.n : 0;
}

enum step smtp_chunk_unit(struct smtp *s, struct span unit)
{
    s->chunk_left -= unit.n;
    if (s->chunk_refused)
        s->body.received += unit.n;
    else
        smtp_body_put(&s->body, unit);
    if (!in_time(s))
        return too_slow(s);
    if (is_endless(s)) {
        if (s->chunk_refused)
            (void)chunk_end(s);
        else
            smtp_refuse_body(s);
        return STEP_CLOSE;
    }
    return s->chunk_left == 0 ? chunk_end(s) : STEP_DONE;
}
