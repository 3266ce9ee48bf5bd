/* SPDX-License-Identifier: Apache-2.0 */
/* SMTP (RFC 5321) and LMTP (RFC 2033) as a sending server speaks them: with PIPELINING (RFC 2920) MAIL, RCPT and
 * DATA leave together, without it one by one. Anything but the expected reply ends the connection and costs the
 * message. */
#include "client.h"

#include "base/encode.h"

enum want { GREETING, EHLO, STARTTLS, AUTH, MAIL, RCPT, DATA, END, QUIT };

static const struct {
    const char *code, *doing;
} replies[] = {
    [GREETING] = {"220", "greeting"}, [EHLO] = {"250", "EHLO"},
    [STARTTLS] = {"220", "STARTTLS"}, [AUTH] = {"235", "AUTH"},
    [MAIL] = {"250", "MAIL"},         [RCPT] = {"250", "RCPT"},
    [DATA] = {"354", "DATA"},         [END] = {"250", "end of data"},
    [QUIT] = {"221", "QUIT"},
};

static const char *doing(const struct client *c)
{
    return replies[c->smtp.want].doing;
}

static void say_hello(struct client *c)
{
    client_say(c, "%s load.test", c->run->o->work == WORK_LMTP ? "LHLO" : "EHLO");
    c->smtp.want = EHLO;
}

static void up(struct client *c)
{
    if (c->link.ssl != NULL && c->run->o->tls == TLS_STARTTLS) {
        say_hello(c);
        return;
    }
    c->smtp = (struct smtp_state){.want = GREETING};
}

static bool pipelining(const struct client *c)
{
    enum pipelining p = c->run->o->pipelining;
    return p == PIPELINING_ON || (p == PIPELINING_IF_OFFERED && c->smtp.has_pipelining);
}

static void mailbox(const struct client *c, unsigned k, char out[static 512])
{
    options_mailbox(c->run->o, c->unit * c->run->o->recipients + k, out, 512);
}

static void say_rcpt(struct client *c, unsigned k)
{
    char to[512];
    mailbox(c, k, to);
    client_say(c, "RCPT TO:<%s>", to);
}

static void begin_message(struct client *c)
{
    const struct options *o = c->run->o;
    if (o->per_connection != 1)
        c->began_us =
            now_us(); /* connecting is part of the time only where every message connects */
    if (c->smtp.has_size)
        client_say(c, "MAIL FROM:<%s> SIZE=%zu", o->sender, o->size);
    else
        client_say(c, "MAIL FROM:<%s>", o->sender);
    c->smtp.want = MAIL;
    c->smtp.rcpt = 0;
    if (pipelining(c)) {
        for (unsigned k = 0; k < o->recipients; k++)
            say_rcpt(c, k);
        client_say(c, "DATA");
    }
}

static void say_message(struct client *c)
{
    char to[512];
    mailbox(c, 0, to);
    message_put(&c->run->corpus, &c->link, c->unit, c->run->o->sender, to);
    link_put(&c->link, SPAN(".\r\n"));
    c->smtp.want = END;
    c->smtp.rcpt = 0;
}

static void say_auth(struct client *c)
{
    const struct options *o = c->run->o;
    struct buf plain, coded;
    buf_init(&plain, 512);
    buf_init(&coded, 1024);
    buf_putc(&plain, '\0');
    buf_puts(&plain, o->user);
    buf_putc(&plain, '\0');
    buf_puts(&plain, o->password);
    base64_encode(&coded, buf_span(&plain));
    client_say(c, "AUTH PLAIN %.*s", SPAN_ARG(buf_span(&coded)));
    buf_done(&plain);
    buf_done(&coded);
    c->smtp.want = AUTH;
}

static void say_quit(struct client *c)
{
    client_say(c, "QUIT");
    c->smtp.want = QUIT;
}

static enum step after_hello(struct client *c)
{
    const struct options *o = c->run->o;
    if (o->tls == TLS_STARTTLS && c->link.ssl == NULL) {
        if (!c->smtp.has_starttls)
            return client_failed(c, "the server does not offer STARTTLS");
        client_say(c, "STARTTLS");
        c->smtp.want = STARTTLS;
    } else if (o->user != NULL) {
        say_auth(c);
    } else {
        begin_message(c);
    }
    return STEP_WAIT;
}

static enum step after_message(struct client *c)
{
    unsigned long per_connection = c->run->o->per_connection;
    if (c->run->o->work == WORK_LMTP && ++c->smtp.rcpt < c->run->o->recipients)
        return STEP_WAIT; /* LMTP answers for each recipient */
    client_unit_done(c, c->run->o->size);
    c->smtp.sent++;
    if ((per_connection != 0 && c->smtp.sent >= per_connection) || !client_take(c))
        say_quit(c);
    else
        begin_message(c);
    return STEP_WAIT;
}

static enum step after_rcpt(struct client *c)
{
    c->smtp.rcpt++;
    if (c->smtp.rcpt < c->run->o->recipients) {
        if (!pipelining(c))
            say_rcpt(c, c->smtp.rcpt);
        return STEP_WAIT;
    }
    if (!pipelining(c))
        client_say(c, "DATA");
    c->smtp.want = DATA;
    return STEP_WAIT;
}

/* The reply that was wanted is here. */
static enum step go_on(struct client *c)
{
    switch ((enum want)c->smtp.want) {
    case GREETING: say_hello(c); break;
    case EHLO: return after_hello(c);
    case STARTTLS:
        if (link_starttls(&c->link) < 0)
            return STEP_FAILED;
        break;
    case AUTH: begin_message(c); break;
    case MAIL:
        c->smtp.want = RCPT;
        if (!pipelining(c))
            say_rcpt(c, 0);
        break;
    case RCPT: return after_rcpt(c);
    case DATA: say_message(c); break;
    case END: return after_message(c);
    case QUIT: return STEP_NEXT;
    }
    return STEP_WAIT;
}

static void note_capability(struct client *c, struct span line)
{
    struct span word = span_from(line, 4);
    if (span_ieq(word, SPAN("STARTTLS")))
        c->smtp.has_starttls = true;
    else if (span_ieq(word, SPAN("PIPELINING")))
        c->smtp.has_pipelining = true;
    else if (span_istarts(word, SPAN("SIZE")))
        c->smtp.has_size = true;
}

static enum step input(struct client *c)
{
    struct span line;
    while ((line = client_line(c)).p != NULL) {
        enum step step;
        bool last = line.n < 4 || line.p[3] != '-';
        if (!span_starts(line, span_str(replies[c->smtp.want].code)))
            return client_failed(c, "%.*s", SPAN_ARG(line));
        if (c->smtp.want == EHLO)
            note_capability(c, line);
        client_line_used(c, line);
        step = last ? go_on(c) : STEP_WAIT;
        if (step != STEP_WAIT || c->link.state != LINK_OPEN)
            return step;
    }
    return STEP_WAIT;
}

const struct protocol protocol_smtp = {up, input, doing, NULL};
