/* SPDX-License-Identifier: Apache-2.0 */
/* An SMTP client: mail from the world, or from somebody who logs in. Its transactions are in
 * smtp_mail.c. */
#include "smtp_mail.h"

#include "base/encode.h"
#include "trace.h"

int smtp_reply_read(struct client *c, struct smtp_answer *out)
{
    struct span line;
    *out = (struct smtp_answer){.code = 0};
    do {
        uint32_t code;
        if (!client_line(c, &line))
            return 0;
        if (line.n < 3 || !span_to_u32(span_slice(line, 0, 3), &code))
            wrong("%s: \"%.*s\" is no reply", c->name, SPAN_ARG(line));
        out->code = (int)code;
    } while (line.n > 3 && line.p[3] == '-');
    struct span rest = span_from(line, 4);
    struct span enhanced = span_split(&rest, ' ');
    if (!span_to_cstr(enhanced, out->enhanced, sizeof out->enhanced))
        out->enhanced[0] = '\0';
    /* 421 says that the server gives up: nothing is answered after it */
    if (out->code == 421) {
        client_must(c, false, "the server says 421");
        c->lost = true;
    }
    return out->code;
}

/* A command that cannot be refused. */
static bool command(struct client *c, const char *text, int code)
{
    struct smtp_answer a;
    client_pause(c);
    if (!client_sendf(c, "%s\r\n", text) || smtp_reply_read(c, &a) == 0)
        return false;
    client_must(c, a.code == code, "%s is answered %d", text, a.code);
    return a.code == code;
}

static bool hello(struct client *c, bool submission, bool *esmtp)
{
    struct smtp_answer a;
    if (smtp_reply_read(c, &a) == 0)
        return false;
    client_must(c, a.code == 220, "the greeting is %d", a.code);
    *esmtp = submission || !client_chance(c, 10);
    return a.code == 220 &&
           command(c, *esmtp ? "EHLO client.far.test" : "HELO client.far.test", 250);
}

static bool start_tls(struct client *c)
{
    return command(c, "STARTTLS", 220) && client_is_tls(c) &&
           command(c, "EHLO client.far.test", 250);
}

/* ---- logging in --------------------------------------------------------------------------- */

static void put_base64(struct buf *to, struct span s)
{
    base64_encode(to, s);
    buf_puts(to, "\r\n");
}

static int login_plain(struct client *c, const struct login *l, struct smtp_answer *a)
{
    struct buf raw, line;
    buf_init(&raw, 256);
    buf_init(&line, 1024);
    buf_putc(&raw, '\0');
    buf_puts(&raw, l->address);
    buf_putc(&raw, '\0');
    buf_puts(&raw, l->text);
    bool initial = client_chance(c, 2);
    bool ok = initial || (client_sendf(c, "AUTH PLAIN\r\n") && smtp_reply_read(c, a) == 334);
    if (initial)
        buf_puts(&line, "AUTH PLAIN ");
    put_base64(&line, buf_span(&raw));
    ok = ok && client_send(c, buf_span(&line), 0, NULL) && smtp_reply_read(c, a) != 0;
    buf_done(&raw);
    buf_done(&line);
    return ok ? a->code : 0;
}

static int login_login(struct client *c, const struct login *l, struct smtp_answer *a)
{
    const char *texts[2] = {l->address, l->text};
    bool ok = client_sendf(c, "AUTH LOGIN\r\n") && smtp_reply_read(c, a) == 334;
    for (int i = 0; ok && i < 2; i++) {
        struct buf line;
        buf_init(&line, 256);
        put_base64(&line, span_str(texts[i]));
        ok = client_send(c, buf_span(&line), 0, NULL) && smtp_reply_read(c, a) != 0;
        buf_done(&line);
    }
    return ok ? a->code : 0;
}

static enum login_answer answer_of(struct client *c, const struct smtp_answer *a)
{
    if (a->code == 235)
        return LOGIN_OK;
    if (a->code == 535)
        return strcmp(a->enhanced, "5.7.13") == 0 ? LOGIN_REFUSED : LOGIN_WRONG;
    if (a->code / 100 != 4)
        wrong("%s: a login is answered %d", c->name, a->code);
    return LOGIN_LATER;
}

static bool log_in(struct client *c, struct login *l)
{
    struct smtp_answer a = {.code = 0};
    if (!login_choose(c, l))
        return false;
    int code = client_chance(c, 2) ? login_plain(c, l, &a) : login_login(c, l, &a);
    return code != 0 && login_judge(c, l, answer_of(c, &a));
}

/* ---- a visit ------------------------------------------------------------------------------ */

static void mails(struct client *c, const struct login *l, bool esmtp)
{
    unsigned n = 1 + (unsigned)client_below(c, 3);
    for (unsigned i = 0; i < n && !c->lost; i++) {
        client_pause(c);
        if (client_chance(c, 30))
            (void)command(c, "RSET", 250);
        else if (client_chance(c, 30))
            (void)command(c, "NOOP", 250);
        smtp_mail(c, l, esmtp);
    }
    if (client_chance(c, 40))
        client_time_out(c);
    else if (!client_chance(c, 6))
        (void)command(c, "QUIT", 221);
}

void smtp_visit(struct client *c)
{
    bool submission = client_chance(c, 3);
    struct smtp_server *server = submission ? &c->w->submission : &c->w->mx;
    struct login l;
    bool tls = submission && client_chance(c, 2), esmtp;
    if (!client_connect(c, smtp_session_new(server), tls ? PORT_TLS : PORT_PLAIN) ||
        !hello(c, submission, &esmtp))
        return;
    if (!tls && esmtp && (submission || client_chance(c, 4)) && !start_tls(c))
        return;
    if (submission && !log_in(c, &l))
        return;
    mails(c, submission ? &l : NULL, esmtp);
}
