/* SPDX-License-Identifier: Apache-2.0 */
/* CAPA, and the commands that change how the session speaks: STLS, UTF8, LANG. */
#include "pop3/internal.h"

#include <inttypes.h>

static void capa_sasl(struct pop3 *p)
{
    struct buf names;
    buf_init(&names, 400);
    auth_mechanisms(p->server->auth, pop3_auth_peer(p), &names);
    if (names.n > 0)
        buf_printf(p->s.out, "SASL %.*s\r\n", SPAN_ARG(buf_span(&names)));
    buf_done(&names);
}

/* The shortest retention of an INBOX: of all classes before the login, of the account's own after
 * it (RFC 2449 §6.7). 0: there is none. */
static uint64_t capa_retention(struct pop3 *p, bool *differs)
{
    struct class_of_service *v, own;
    size_t n = 0;
    uint64_t least = 0;
    *differs = false;
    if (p->server->directory == NULL)
        return 0;
    if (p->state == POP3_TRANSACTION)
        return class_get(p->server->directory, span_str(p->class_name), p->s.arena, &own) == 0
                   ? own.retention_days[USE_INBOX]
                   : 0;
    if (class_list(p->server->directory, p->s.arena, &v, &n) != 0)
        return 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t days = v[i].retention_days[USE_INBOX];
        *differs |= days != v[0].retention_days[USE_INBOX];
        if (days != 0 && (least == 0 || days < least))
            least = days;
    }
    return least;
}

static void capa_expire(struct pop3 *p)
{
    bool differs;
    uint64_t days = capa_retention(p, &differs);
    if (days == 0)
        buf_puts(p->s.out, "EXPIRE NEVER\r\n");
    else
        buf_printf(p->s.out, "EXPIRE %" PRIu64 "%s\r\n", days, differs ? " USER" : "");
}

enum step pop3_cmd_capa(struct pop3 *p, const struct pop3_line *line)
{
    (void)line;
    struct buf *out = p->s.out;
    pop3_ok(p, "Capability list follows");
    for (size_t i = 0; i < pop3_commands_n; i++) {
        const struct pop3_command *c = &pop3_commands[i];
        if (c->capability == NULL || (c->capability_states & p->state) == 0 ||
            ((c->flags & POP3_SECURE) != 0 && !pop3_is_secure(p)))
            continue;
        buf_printf(out, "%s\r\n", c->capability);
    }
    capa_sasl(p);
    if (p->state == POP3_AUTHORIZATION && p->s.tls_possible && !p->s.tls.on)
        buf_puts(out, "STLS\r\n"); /* RFC 2595 §8: in this state only */
    buf_puts(out, "RESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\n");
    if (p->server->config->pop3_login_delay > 0)
        buf_printf(out, "LOGIN-DELAY %" PRId64 "\r\n", p->server->config->pop3_login_delay);
    capa_expire(p);
    buf_puts(out, "IMPLEMENTATION Mailstead\r\n.\r\n");
    return STEP_DONE;
}

enum step pop3_cmd_stls(struct pop3 *p, const struct pop3_line *line)
{
    (void)line;
    if (p->s.tls.on) {
        pop3_err(p, "", "TLS is on already");
        return pop3_mistake(p);
    }
    if (p->utf8) { /* RFC 6856 §2.1: a client must not */
        pop3_err(p, "", "STLS comes before UTF8");
        return pop3_mistake(p);
    }
    if (!p->s.tls_possible) {
        pop3_err(p, "", "TLS is not to be had on this port");
        return pop3_mistake(p);
    }
    pop3_ok(p, "Begin TLS negotiation now");
    return STEP_STARTTLS;
}

enum step pop3_cmd_utf8(struct pop3 *p, const struct pop3_line *line)
{
    (void)line;
    p->utf8 = true;
    pop3_ok(p, "UTF8 mode is on");
    return STEP_DONE;
}

/* RFC 6856 §3.2. The server speaks English; i-default (RFC 2277 §4.5) is English too. */
enum step pop3_cmd_lang(struct pop3 *p, const struct pop3_line *line)
{
    if (line->arg_n == 0) {
        pop3_ok(p, "Language listing follows");
        buf_puts(p->s.out, "en English\r\ni-default English\r\n.\r\n");
        return STEP_DONE;
    }
    struct span range = line->arg[0];
    /* "en-GB" asks for an English that is not here, and is better served by this one than by an
     * error */
    if (span_eq(range, SPAN("*")) || span_ieq(range, SPAN("en")) ||
        span_istarts(range, SPAN("en-")))
        pop3_ok(p, "en This server speaks English");
    else if (span_ieq(range, SPAN("i-default")))
        pop3_ok(p, "i-default This server speaks English");
    else
        pop3_err(p, "", "This language is not spoken here");
    return STEP_DONE;
}
