/* SPDX-License-Identifier: Apache-2.0 */
/* A POP3 client: logs in, compares the list with the model, fetches and compares, deletes. What its
 * session may see is in pop3_view.c. */
#include "pop3_view.h"

#include "base/encode.h"
#include "trace.h"

/* "+OK …" or "-ERR [CODE] …". */
enum pop3_answer pop3_answer_read(struct client *c, char code[static POP3_CODE])
{
    struct span line;
    code[0] = '\0';
    if (!client_line(c, &line))
        return POP3_LOST;
    if (span_skip(&line, SPAN("+OK")))
        return POP3_OK;
    if (span_skip(&line, SPAN("+ ")))
        return POP3_CHALLENGE;
    if (!span_skip(&line, SPAN("-ERR")))
        wrong("%s: \"%.*s\" is no answer", c->name, SPAN_ARG(line));
    if (span_skip(&line, SPAN(" [")) && !span_to_cstr(span_split(&line, ']'), code, POP3_CODE))
        code[0] = '\0';
    return POP3_ERR;
}

enum pop3_answer pop3_command(struct client *c, const char *text, char code[static POP3_CODE])
{
    client_pause(c);
    uint64_t since = c->w->model.step;
    if (!client_sendf(c, "%s\r\n", text))
        return POP3_LOST;
    enum pop3_answer a = pop3_answer_read(c, code);
    if (a == POP3_OK && login_must_be_over(c, since))
        wrong("%s: the session of u%u goes on", c->name, c->in->slot);
    return a;
}

/* ---- logging in --------------------------------------------------------------------------- */

static bool is_code(const char *code, const char *wanted)
{
    return strcmp(code, wanted) == 0;
}

static enum login_answer answer_of(struct client *c, enum pop3_answer a, const char *code)
{
    if (a == POP3_OK)
        return LOGIN_OK;
    if (is_code(code, "AUTH"))
        return LOGIN_WRONG;
    if (is_code(code, "SYS/PERM"))
        return LOGIN_REFUSED;
    if (!is_code(code, "SYS/TEMP") && !(is_code(code, "IN-USE") && c->w->plan.exclusive))
        wrong("%s: a login is answered [%s]", c->name, code);
    return LOGIN_LATER;
}

static enum pop3_answer send_plain(struct client *c, const struct login *l, char *code)
{
    struct buf raw, line;
    buf_init(&raw, 256);
    buf_init(&line, 1024);
    buf_putc(&raw, '\0');
    buf_puts(&raw, l->address);
    buf_putc(&raw, '\0');
    buf_puts(&raw, l->text);
    bool initial = client_chance(c, 2);
    bool ok = initial || pop3_command(c, "AUTH PLAIN", code) == POP3_CHALLENGE;
    if (initial)
        buf_puts(&line, "AUTH PLAIN ");
    base64_encode(&line, buf_span(&raw));
    buf_puts(&line, "\r\n");
    ok = ok && client_send(c, buf_span(&line), 0, NULL);
    buf_done(&raw);
    buf_done(&line);
    return ok ? pop3_answer_read(c, code) : POP3_LOST;
}

static enum pop3_answer send_user_pass(struct client *c, const struct login *l, char *code)
{
    enum pop3_answer a;
    if (client_chance(c, 2)) { /* pipelined */
        if (!client_sendf(c, "USER %s\r\nPASS %s\r\n", l->address, l->text))
            return POP3_LOST;
        a = pop3_answer_read(c, code);
        return a == POP3_OK ? pop3_answer_read(c, code) : a;
    }
    if (!client_sendf(c, "USER %s\r\n", l->address))
        return POP3_LOST;
    a = pop3_answer_read(c, code);
    if (a != POP3_OK)
        return a;
    client_pause(c);
    return client_sendf(c, "PASS %s\r\n", l->text) ? pop3_answer_read(c, code) : POP3_LOST;
}

/* 1: logged in, and what is seen can be compared; 0: logged in; -1: not. */
static int log_in(struct client *c, struct login *l)
{
    char code[POP3_CODE];
    if (!login_choose(c, l))
        return -1;
    enum pop3_answer a = client_chance(c, 3) ? send_plain(c, l, code) : send_user_pass(c, l, code);
    if (a == POP3_LOST)
        return -1;
    enum login_answer answer = answer_of(c, a, code);
    if (answer == LOGIN_LATER && is_code(code, "IN-USE"))
        return -1;
    bool steady = login_judge(c, l, answer);
    return answer != LOGIN_OK ? -1 : steady ? 1 : 0;
}

static bool greeted(struct client *c)
{
    char code[POP3_CODE];
    bool tls = client_chance(c, 2);
    if (!client_connect(c, pop3_session_new(&c->w->pop3), tls ? PORT_TLS : PORT_PLAIN) ||
        pop3_answer_read(c, code) != POP3_OK)
        return false;
    return tls || (pop3_command(c, "STLS", code) == POP3_OK && client_is_tls(c));
}

/* ---- a visit ------------------------------------------------------------------------------ */

static void fetch_some(struct pop3_view *v)
{
    for (size_t i = 0; i < v->n && !v->c->lost; i++) {
        bool known = v->v[i].copy != NULL;
        if (!known || client_chance(v->c, 3))
            pop3_fetch(v, i);
    }
}

static void quit(struct pop3_view *v)
{
    struct client *c = v->c;
    if (client_chance(c, 40)) {
        client_time_out(c);
        return;
    }
    if (client_chance(c, 8))
        return; /* without QUIT: nothing is deleted */
    pop3_quit(v);
}

void pop3_visit(struct client *c)
{
    struct login l;
    if (!greeted(c))
        return;
    int in = log_in(c, &l);
    if (in < 0)
        return;
    struct pop3_view v;
    pop3_view_begin(&v, c, in > 0 ? l.life : NULL, l.since);
    if (pop3_view_list(&v)) {
        fetch_some(&v);
        if (!c->lost)
            pop3_view_compare(&v);
        if (client_chance(c, 2))
            pop3_delete_some(&v);
        quit(&v);
    }
    pop3_view_end(&v);
}
