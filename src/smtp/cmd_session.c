/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that are about the session and not about a message: EHLO, HELO, STARTTLS, RSET,
 * NOOP, VRFY, EXPN, HELP, QUIT. */
#include "smtp/internal.h"

/* ---- EHLO -------------------------------------------------------------------------------- */

static bool show_always(struct smtp *s, struct buf *value)
{
    (void)s;
    (void)value;
    return true;
}

static bool show_size(struct smtp *s, struct buf *value)
{
    buf_printf(value, " %lld", (long long)s->server->config->smtp_size_max);
    return true;
}

static bool show_starttls(struct smtp *s, struct buf *value)
{
    (void)value;
    return s->s.tls_possible && !s->s.tls.on && s->login == NULL;
}

static bool show_auth(struct smtp *s, struct buf *value)
{
    buf_putc(value, ' ');
    smtp_login_mechanisms(s, value);
    return value->n > 1;
}

static bool show_limits(struct smtp *s, struct buf *value)
{
    buf_printf(value, " RCPTMAX=%lld", (long long)s->server->config->smtp_rcpt_max);
    return true;
}

static const struct capability {
    const char *keyword;
    bool (*show)(struct smtp *s, struct buf *value);
} capabilities[] = {
    {"PIPELINING", show_always},          /* RFC 2920 */
    {"SIZE", show_size},                  /* RFC 1870 */
    {"8BITMIME", show_always},            /* RFC 6152 */
    {"SMTPUTF8", show_always},            /* RFC 6531 */
    {"CHUNKING", show_always},            /* RFC 3030 */
    {"BINARYMIME", show_always},          /* RFC 3030 */
    {"ENHANCEDSTATUSCODES", show_always}, /* RFC 2034 */
    {"DSN", show_always},                 /* RFC 3461 */
    {"STARTTLS", show_starttls},          /* RFC 3207 */
    {"AUTH", show_auth},                  /* RFC 4954 */
    {"LIMITS", show_limits},              /* RFC 9422 */
};

bool smtp_is_offered(struct smtp *s, struct span keyword)
{
    struct buf value;
    bool offered = false;
    buf_init(&value, 512);
    for (size_t i = 0; i < COUNT_OF(capabilities) && !offered; i++)
        offered =
            span_eq(keyword, span_str(capabilities[i].keyword)) && capabilities[i].show(s, &value);
    buf_done(&value);
    return offered;
}

/* Who the client says it is. Not checked (§4.1.4 forbids refusing mail for it), but kept printable
 * and free of what has a meaning in a Received field. */
static bool helo_keep(struct smtp *s, struct span name)
{
    if (name.n == 0 || span_chr(name, ' ') >= 0)
        return false;
    name = span_slice(name, 0, sizeof s->helo - 1);
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool fine = ascii_is_alpha(c) || ascii_is_digit(c) || c == '.' || c == '-' || c == '_' ||
                    c == ':' || c == '[' || c == ']';
        s->helo[i] = fine ? c : '?';
    }
    s->helo[name.n] = '\0';
    return true;
}

static bool hello(struct smtp *s, struct span name, bool esmtp)
{
    if (!helo_keep(s, name))
        return false;
    s->esmtp = esmtp;
    s->state = ST_READY;
    smtp_reset(s); /* §4.1.4: as RSET */
    return true;
}

enum step smtp_cmd_ehlo(struct smtp *s, struct span args)
{
    struct buf value;
    if (!hello(s, args, true))
        return smtp_wrong(s, 501, "5.5.4", "Please give your host name: EHLO mail.example.org");
    buf_init(&value, 512);
    smtp_reply_more(s, 250, NULL, "%s", s->server->config->hostname);
    for (size_t i = 0; i < COUNT_OF(capabilities); i++) {
        buf_clear(&value);
        if (capabilities[i].show(s, &value))
            smtp_reply_more(s, 250, NULL, "%s%.*s", capabilities[i].keyword,
                            SPAN_ARG(buf_span(&value)));
    }
    smtp_reply(s, 250, NULL, "HELP");
    buf_done(&value);
    return STEP_DONE;
}

enum step smtp_cmd_helo(struct smtp *s, struct span args)
{
    if (!hello(s, args, false))
        return smtp_wrong(s, 501, "5.5.4", "Please give your host name: HELO mail.example.org");
    smtp_reply(s, 250, NULL, "%s", s->server->config->hostname);
    return STEP_DONE;
}

/* ---- the others -------------------------------------------------------------------------- */

enum step smtp_cmd_starttls(struct smtp *s, struct span args)
{
    (void)args;
    if (s->s.tls.on)
        return smtp_wrong(s, 503, "5.5.1", "Encryption is on already");
    if (!s->s.tls_possible)
        return smtp_wrong(s, 502, "5.5.1", "Encryption is not available here");
    if (s->login != NULL)
        return smtp_wrong(s, 503, "5.5.1", "Encryption has to be switched on before the login");
    smtp_reply(s, 220, "2.0.0", "Ready to start TLS");
    return STEP_STARTTLS;
}

enum step smtp_cmd_rset(struct smtp *s, struct span args)
{
    (void)args;
    smtp_reset(s);
    smtp_reply(s, 250, "2.0.0", "Forgotten");
    return STEP_DONE;
}

enum step smtp_cmd_noop(struct smtp *s, struct span args)
{
    (void)args;
    smtp_reply(s, 250, "2.0.0", "Ok");
    return STEP_DONE;
}

enum step smtp_cmd_vrfy(struct smtp *s, struct span args)
{
    if (args.n == 0)
        return smtp_wrong(s, 501, "5.5.4", "Please name an address");
    /* §7.3: who exists is told to those who have mail for them */
    smtp_reply(s, 252, "2.0.0", "Not verified; send mail to find out");
    return STEP_DONE;
}

enum step smtp_cmd_expn(struct smtp *s, struct span args)
{
    (void)args;
    return smtp_wrong(s, 502, "5.5.1", "Lists are not expanded here");
}

enum step smtp_cmd_help(struct smtp *s, struct span args)
{
    const char *syntax, *help;
    bool found = false;
    for (size_t i = 0; smtp_command_help(s, i, &syntax, &help); i++) {
        struct span verb = span_str(syntax);
        if (args.n > 0 && !span_ieq(args, span_split(&verb, ' ')))
            continue;
        smtp_reply_more(s, 214, "2.0.0", "%s: %s", syntax, help);
        found = true;
    }
    if (!found) {
        smtp_reply(s, 504, "5.5.4", "There is no help on this");
        return STEP_DONE;
    }
    smtp_reply(s, 214, "2.0.0", "Outgoing mail: ports 465 and 587, with a login");
    return STEP_DONE;
}

enum step smtp_cmd_quit(struct smtp *s, struct span args)
{
    (void)args;
    smtp_reset(s);
    smtp_reply(s, 221, "2.0.0", "%s closing the connection", s->server->config->hostname);
    return STEP_CLOSE;
}

enum step smtp_cmd_http(struct smtp *s, struct span args)
{
    (void)args;
    log_event(LOG_WARN, "smtp.http");
    return smtp_hang_up(s, "4.7.0", "This is a mail server, closing the connection");
}
