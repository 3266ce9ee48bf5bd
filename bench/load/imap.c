/* SPDX-License-Identifier: Apache-2.0 */
/* IMAP (RFC 9051; nothing that RFC 3501 has not): log in, and fetch what is in INBOX. What comes is checked: there
 * must be a FETCH response with all items for each message that EXISTS told of, and each message must have as many
 * octets as its RFC822.SIZE says. */
#include "imap.h"

#include <stdarg.h>

enum { COMMAND_MAX = 1024 };

static const char *const names[] = {
    "greeting", "STARTTLS",           "LOGIN",   "SELECT", "FETCH", "mixed", "APPEND", "APPEND",
    "IDLE",     "waiting for EXISTS", "waiting", "LOGOUT"};

const char *imap_doing(const struct client *c)
{
    return names[c->imap.want];
}

void imap_say(struct client *c, enum imap_want want, const char *fmt, ...)
{
    char command[COMMAND_MAX];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(command, sizeof(command), fmt, args);
    va_end(args);
    must(n > 0 && (size_t)n < sizeof(command));
    c->imap.want = want;
    c->imap.asked_us = now_us();
    client_say(c, "a%u %s", ++c->imap.tag, command);
}

void imap_say_message(struct client *c, uint64_t number)
{
    char name[512];
    options_mailbox(c->run->o, c->unit, name, sizeof(name));
    message_put(&c->run->corpus, &c->link, number, c->run->o->sender, name);
    link_put(&c->link, SPAN("\r\n"));
    c->imap.want = IMAP_WANT_APPENDED;
}

void imap_say_select(struct client *c)
{
    imap_say(c, IMAP_WANT_SELECT, "SELECT INBOX");
}

void imap_say_logout(struct client *c)
{
    imap_say(c, IMAP_WANT_LOGOUT, "LOGOUT");
}

/* As a quoted string, RFC 9051 §4.3. */
static void quote(const char *text, char *out, size_t size)
{
    size_t n = 0;
    out[n++] = '"';
    for (; *text != '\0' && n < size - 3; text++) {
        if (*text == '"' || *text == '\\')
            out[n++] = '\\';
        out[n++] = *text;
    }
    out[n++] = '"';
    out[n] = '\0';
}

static void say_login(struct client *c)
{
    const struct options *o = c->run->o;
    char name[256], user[300], password[300];
    unsigned long mailbox = o->work == WORK_IMAP_IDLE ? imap_idle_mailbox(o, c->unit) : c->unit;
    options_mailbox(o, mailbox, name, sizeof(name));
    quote(name, user, sizeof(user));
    quote(o->password, password, sizeof(password));
    imap_say(c, IMAP_WANT_LOGIN, "LOGIN %s %s", user, password);
}

void imap_up(struct client *c)
{
    if (c->link.ssl != NULL && c->run->o->tls == TLS_STARTTLS) {
        say_login(c);
        return;
    }
    c->imap = (struct imap_state){.want = IMAP_WANT_GREETING, .appends = c->imap.appends};
    rng_seeded_init(&c->imap.rng, c->run->o->seed + c->unit);
}

static void say_fetch(struct client *c)
{
    c->imap.fetched = c->imap.octets = 0;
    imap_say(c, IMAP_WANT_FETCH, "UID FETCH 1:* %s",
             c->run->o->work == WORK_IMAP_BODIES ? IMAP_MESSAGE : IMAP_METADATA);
}

static enum step after_select(struct client *c)
{
    const struct options *o = c->run->o;
    struct imap_state *i = &c->imap;
    if (!i->selected)
        return client_failed(c, "SELECT without EXISTS");
    if (o->expect != ULONG_MAX && i->exists != o->expect)
        return client_failed(c, "%llu messages in the mailbox, expected %lu",
                             (unsigned long long)i->exists, o->expect);
    if (o->work == WORK_IMAP_MIXED)
        return imap_mixed_begin(c);
    if (o->work == WORK_IMAP_IDLE)
        imap_say(c, IMAP_WANT_IDLE, "IDLE");
    else if (i->exists == 0 || o->repeat == 0)
        imap_say_logout(c);
    else
        say_fetch(c);
    return STEP_WAIT;
}

enum step imap_fetched(struct client *c, unsigned items)
{
    struct imap_state *i = &c->imap;
    if ((i->reply.items & items) != items)
        return STEP_WAIT; /* somebody changed its flags */
    if ((items & IMAP_ITEM_BODY) != 0 && (!i->reply.sized || i->reply.size != i->reply.octets))
        return client_failed(c, "message %u has %llu octets, but RFC822.SIZE is %llu",
                             i->reply.number, (unsigned long long)i->reply.octets,
                             (unsigned long long)i->reply.size);
    i->fetched++;
    i->octets += i->reply.octets;
    c->run->fetched++;
    c->run->progress_us = now_us();
    return STEP_WAIT;
}

static enum step after_fetch(struct client *c)
{
    struct imap_state *i = &c->imap;
    if (i->fetched != i->exists)
        return client_failed(c, "%llu whole FETCH responses, but %llu messages exist",
                             (unsigned long long)i->fetched, (unsigned long long)i->exists);
    stats_add(&c->run->operations, i->asked_us, i->octets);
    if (++i->done < c->run->o->repeat)
        say_fetch(c);
    else
        imap_say_logout(c);
    return STEP_WAIT;
}

static enum step untagged(struct client *c, struct span line)
{
    struct imap_state *i = &c->imap;
    switch (i->reply.word) {
    case IMAP_EXISTS:
        i->exists = i->reply.number;
        i->selected = true;
        if (i->want == IMAP_WANT_NEWS)
            imap_idle_exists(c);
        break;
    case IMAP_BYE:
        if (i->want != IMAP_WANT_LOGOUT)
            return client_failed(c, "%.*s", SPAN_ARG(line));
        break;
    case IMAP_FETCHED:
        if (i->want == IMAP_WANT_FETCH)
            return imap_fetched(c, c->run->o->work == WORK_IMAP_BODIES ? IMAP_ITEMS_MESSAGE
                                                                       : IMAP_ITEMS_METADATA);
        break;
    default: break;
    }
    return i->want == IMAP_WANT_OPERATION ? imap_mixed_untagged(c) : STEP_WAIT;
}

static enum step continued(struct client *c, struct span line)
{
    switch ((enum imap_want)c->imap.want) {
    case IMAP_WANT_IDLE: imap_idle_begun(c); return STEP_WAIT;
    case IMAP_WANT_APPEND:
        c->imap.asked_us = c->imap.appends ? now_us() : c->imap.asked_us;
        imap_say_message(c, c->run->appended + c->run->o->seed);
        return STEP_WAIT;
    default: return client_failed(c, "%.*s", SPAN_ARG(line));
    }
}

static enum step greeted(struct client *c, struct span line)
{
    if (!span_istarts(line, SPAN("* OK")))
        return client_failed(c, "%.*s", SPAN_ARG(line));
    if (c->run->o->tls == TLS_STARTTLS)
        imap_say(c, IMAP_WANT_STARTTLS, "STARTTLS");
    else
        say_login(c);
    return STEP_WAIT;
}

static enum step logged_in(struct client *c)
{
    if (c->run->o->work == WORK_IMAP_LOGIN)
        imap_say_logout(c);
    else if (c->imap.appends)
        imap_idle_ready(c);
    else
        imap_say_select(c);
    return STEP_WAIT;
}

/* The tagged answer to the one command under way. */
static enum step answered(struct client *c, struct span line)
{
    struct imap_state *i = &c->imap;
    char good[24];
    (void)snprintf(good, sizeof(good), "a%u OK", i->tag);
    if (!span_istarts(line, span_str(good)))
        return client_failed(c, "%.*s", SPAN_ARG(line));
    switch ((enum imap_want)i->want) {
    case IMAP_WANT_STARTTLS: i->tls_next = true; break; /* when the line is used up */
    case IMAP_WANT_LOGIN: return logged_in(c);
    case IMAP_WANT_SELECT: return after_select(c);
    case IMAP_WANT_FETCH: return after_fetch(c);
    case IMAP_WANT_OPERATION: return imap_mixed_done(c);
    case IMAP_WANT_APPENDED:
        c->run->appended++;
        if (!i->appends)
            return imap_mixed_done(c);
        imap_idle_appended(c);
        break;
    case IMAP_WANT_LOGOUT: client_unit_done(c, 0); return STEP_NEXT;
    case IMAP_WANT_GREETING:
    case IMAP_WANT_APPEND:
    case IMAP_WANT_IDLE:
    case IMAP_WANT_NEWS:
    case IMAP_WANT_WORK: return client_failed(c, "unexpected: %.*s", SPAN_ARG(line));
    }
    return STEP_WAIT;
}

static enum step reply(struct client *c, struct span line)
{
    if (c->imap.want == IMAP_WANT_GREETING)
        return greeted(c, line);
    switch (c->imap.reply.kind) {
    case IMAP_UNTAGGED: return untagged(c, line);
    case IMAP_CONTINUE: return continued(c, line);
    case IMAP_TAGGED: break;
    }
    return answered(c, line);
}

enum step imap_input(struct client *c)
{
    return imap_read(c, reply);
}

const struct protocol protocol_imap = {imap_up, imap_input, imap_doing, NULL};
