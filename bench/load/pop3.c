/* SPDX-License-Identifier: Apache-2.0 */
/* POP3 (RFC 1939) as a mail program speaks it: log in, STAT, LIST, UIDL, RETR each message, QUIT. What comes is
 * checked: LIST and UIDL must have as many lines as STAT said, and each message as many octets as LIST said,
 * counted without the dots that were stuffed. */
#include "client.h"

#include "base/encode.h"

enum want { GREETING, STLS, USER, PASS, STAT, LIST, UIDL, RETR, DELE, QUIT };

static const char *const names[] = {"greeting", "STLS", "USER", "login", "STAT",
                                    "LIST",     "UIDL", "RETR", "DELE",  "QUIT"};

static const char *doing(const struct client *c)
{
    return names[c->pop3.want];
}

static void say_login(struct client *c)
{
    const struct options *o = c->run->o;
    char name[512];
    options_mailbox(o, c->unit, name, sizeof(name));
    if (!o->auth_plain) {
        client_say(c, "USER %s", name);
        c->pop3.want = USER;
        return;
    }
    struct buf plain, coded;
    buf_init(&plain, 1024);
    buf_init(&coded, 2048);
    buf_putc(&plain, '\0');
    buf_puts(&plain, name);
    buf_putc(&plain, '\0');
    buf_puts(&plain, o->password);
    base64_encode(&coded, buf_span(&plain));
    client_say(c, "AUTH PLAIN %.*s", SPAN_ARG(buf_span(&coded)));
    buf_done(&plain);
    buf_done(&coded);
    c->pop3.want = PASS;
}

static void up(struct client *c)
{
    struct pop3_state *p = &c->pop3;
    if (c->link.ssl != NULL && c->run->o->tls == TLS_STARTTLS) {
        say_login(c);
        return;
    }
    *p = (struct pop3_state){
        .want = GREETING, .sizes = p->sizes, .asked_us = p->asked_us, .cap = p->cap};
}

static void say_quit(struct client *c)
{
    client_say(c, "QUIT");
    c->pop3.want = QUIT;
}

static void say_retr(struct client *c)
{
    struct pop3_state *p = &c->pop3;
    while (p->asked < p->wanted && p->asked - p->got < c->run->o->ahead) {
        p->asked_us[p->asked] = now_us();
        client_say(c, "RETR %zu", ++p->asked);
    }
}

static enum step begin_retrieving(struct client *c)
{
    struct pop3_state *p = &c->pop3;
    unsigned long most = c->run->o->retrieve;
    p->wanted = p->listed < most ? p->listed : most;
    p->want = RETR;
    if (p->wanted == 0)
        say_quit(c);
    else
        say_retr(c);
    return STEP_WAIT;
}

static enum step after_retrieving(struct client *c)
{
    struct pop3_state *p = &c->pop3;
    if (!c->run->o->dele) {
        say_quit(c);
        return STEP_WAIT;
    }
    p->got = 0;
    p->want = DELE;
    client_say(c, "DELE 1");
    return STEP_WAIT;
}

static enum step after_dele(struct client *c)
{
    if (++c->pop3.got < c->pop3.wanted)
        client_say(c, "DELE %zu", c->pop3.got + 1);
    else
        say_quit(c);
    return STEP_WAIT;
}

/* "+OK 12 34567" */
static enum step stat_answer(struct client *c, struct span line)
{
    struct span rest = span_from(line, 4), count = span_split(&rest, ' ');
    if (!span_to_u64(count, &c->pop3.stat))
        return client_failed(c, "not a number: %.*s", SPAN_ARG(line));
    if (c->run->o->expect != ULONG_MAX && c->pop3.stat != c->run->o->expect)
        return client_failed(c, "%llu messages in the mailbox, expected %lu",
                             (unsigned long long)c->pop3.stat, c->run->o->expect);
    client_say(c, "LIST");
    c->pop3.want = LIST;
    return STEP_WAIT;
}

static enum step login_done(struct client *c)
{
    if (c->run->o->work == WORK_LOGIN) {
        say_quit(c);
    } else {
        client_say(c, "STAT");
        c->pop3.want = STAT;
    }
    return STEP_WAIT;
}

/* A status line, when no lines of an answer are under way. */
static enum step status(struct client *c, struct span line)
{
    struct pop3_state *p = &c->pop3;
    if (!span_starts(line, SPAN("+OK")))
        return client_failed(c, "%.*s", SPAN_ARG(line));
    switch ((enum want)p->want) {
    case GREETING:
        if (c->run->o->tls == TLS_STARTTLS) {
            client_say(c, "STLS");
            p->want = STLS;
        } else {
            say_login(c);
        }
        break;
    case STLS: p->tls_next = true; break; /* when the line is used up */
    case USER:
        client_say(c, "PASS %s", c->run->o->password);
        p->want = PASS;
        break;
    case PASS: return login_done(c);
    case STAT: return stat_answer(c, line);
    case LIST:
    case UIDL:
        p->body = true;
        p->seen = 0;
        break;
    case RETR:
        p->body = true;
        p->octets = 0;
        break;
    case DELE: return after_dele(c);
    case QUIT: client_unit_done(c, 0); return STEP_NEXT;
    }
    return STEP_WAIT;
}

static enum step list_end(struct client *c)
{
    struct pop3_state *p = &c->pop3;
    p->body = false;
    if (p->seen != p->stat)
        return client_failed(c, "%zu lines, but STAT said %llu messages", p->seen,
                             (unsigned long long)p->stat);
    if (p->want == LIST) {
        p->listed = p->seen;
        if (c->run->o->uidl) {
            client_say(c, "UIDL");
            p->want = UIDL;
            return STEP_WAIT;
        }
    }
    return begin_retrieving(c);
}

static void make_room(struct pop3_state *p)
{
    if (p->seen < p->cap)
        return;
    p->cap = p->cap == 0 ? 256 : p->cap * 2;
    p->sizes = realloc(p->sizes, p->cap * sizeof(p->sizes[0]));
    p->asked_us = realloc(p->asked_us, p->cap * sizeof(p->asked_us[0]));
    must(p->sizes != NULL && p->asked_us != NULL);
}

/* "7 8192" of LIST, "7 unique-id" of UIDL. */
static enum step list_line(struct client *c, struct span line)
{
    struct pop3_state *p = &c->pop3;
    struct span rest = line, number = span_split(&rest, ' ');
    uint64_t n;
    uint32_t size;
    if (span_eq(line, SPAN(".")))
        return list_end(c);
    make_room(p);
    if (!span_to_u64(number, &n) || n != p->seen + 1 || rest.n == 0)
        return client_failed(c, "unexpected line: %.*s", SPAN_ARG(line));
    if (p->want == LIST) {
        if (!span_to_u32(rest, &size))
            return client_failed(c, "not a size: %.*s", SPAN_ARG(line));
        p->sizes[p->seen] = size;
    }
    p->seen++;
    return STEP_WAIT;
}

static enum step message_end(struct client *c)
{
    struct pop3_state *p = &c->pop3;
    p->body = false;
    if (p->octets != p->sizes[p->got])
        return client_failed(c, "message %zu has %llu octets, but LIST said %u", p->got + 1,
                             (unsigned long long)p->octets, p->sizes[p->got]);
    stats_add(&c->run->messages, p->asked_us[p->got], p->octets);
    c->run->progress_us = now_us();
    if (++p->got == p->wanted)
        return after_retrieving(c);
    say_retr(c);
    return STEP_WAIT;
}

/* Eats what is here of a message. The line feed before the text is still in the buffer, so that each "\n." is the
 * start of a line with a dot: the end, or a stuffed one. */
static enum step body(struct client *c)
{
    struct pop3_state *p = &c->pop3;
    struct span in = buf_span(&c->link.in);
    size_t at = 0;
    for (;;) {
        const char *hit = in.n - at >= 2 ? memmem(in.p + at, in.n - at, "\n.", 2) : NULL;
        if (hit == NULL) { /* all but the last octet, which may be the line feed before a dot */
            size_t n = in.n - at > 0 ? in.n - at - 1 : 0;
            p->octets += n;
            buf_consume(&c->link.in, at + n);
            return STEP_WAIT;
        }
        size_t n = (size_t)(hit - (in.p + at));
        struct span rest = span_from(in, at + n);
        if (rest.n < 4) {
            p->octets += n;
            buf_consume(&c->link.in, at + n);
            return STEP_WAIT;
        }
        if (rest.p[2] == '\r' && rest.p[3] == '\n') {
            p->octets += n;
            buf_consume(&c->link.in, at + n + 4);
            return message_end(c);
        }
        p->octets += n + 1; /* the line feed counts, the stuffed dot does not */
        at += n + 2;
        in = buf_span(&c->link.in);
    }
}

static enum step one_line(struct client *c, struct span line)
{
    enum step step;
    if (c->pop3.body) {
        step = list_line(c, line);
        client_line_used(c, line);
        return step;
    }
    step = status(c, line);
    if (step != STEP_WAIT)
        return step;
    if (c->pop3.body && c->pop3.want == RETR) /* keep its line feed */
        buf_consume(&c->link.in, line.n + (line.p[line.n] == '\r'));
    else
        client_line_used(c, line);
    if (c->pop3.tls_next) {
        c->pop3.tls_next = false;
        return link_starttls(&c->link) < 0 ? STEP_FAILED : STEP_WAIT;
    }
    return STEP_WAIT;
}

static enum step input(struct client *c)
{
    for (;;) {
        enum step step;
        if (c->pop3.body && c->pop3.want == RETR) {
            step = body(c);
            if (step != STEP_WAIT || c->pop3.body)
                return step;
            continue;
        }
        struct span line = client_line(c);
        if (line.p == NULL)
            return STEP_WAIT;
        step = one_line(c, line);
        if (step != STEP_WAIT || c->link.state != LINK_OPEN)
            return step;
    }
}

const struct protocol protocol_pop3 = {up, input, doing, NULL};
