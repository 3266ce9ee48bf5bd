/* SPDX-License-Identifier: Apache-2.0 */
/* Clients that believe what they are told, on one mailbox at once. Each keeps the list of messages that the responses
 * describe: UIDs and flags by number. They change flags (aloud and in silence), expunge, append, copy, move, idle and come
 * back, at random; whenever one asks for everything, it must already have known it. Rules: RFC 9051 §7.4, §7.5.1. */
#include "one_world.h"

#include "base/err.h"
#include "imap/args.h"
#include "world.h"

enum { CLIENTS = 4, STEPS = 3000, MOST = 120, KNOWN_MAX = 4096 };

#define MESSAGE "Subject: x\r\n\r\nx\r\n"

static const char *const flag_names[] = {"\\Answered", "\\Flagged", "\\Deleted", "\\Seen",
                                         "\\Draft",    "$a",        "b"};

struct known {
    uint32_t uid;   /* 0: not yet */
    unsigned flags; /* bits of flag_names */
    bool flags_known;
};

struct client {
    struct host *h;
    bool qresync, idling;
    struct known v[KNOWN_MAX];
    size_t n;
    size_t changes; /* that were told */
};

static struct client clients[CLIENTS];
static uint64_t seed;

static unsigned rnd(unsigned below)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(seed >> 33) % below;
}

/* ---- believing -------------------------------------------------------------------------------- */

static unsigned flags_of(struct span list)
{
    unsigned flags = 0;
    while (list.n > 0) {
        struct span name = span_split(&list, ' ');
        size_t n = 0;
        while (n < COUNT_OF(flag_names) && !span_ieq(name, span_str(flag_names[n])))
            n++;
        assert_true(n < COUNT_OF(flag_names));
        flags |= 1u << n;
    }
    return flags;
}

static void forget(struct client *c, size_t at)
{
    assert_true(at < c->n);
    memmove(&c->v[at], &c->v[at + 1], (c->n - at - 1) * sizeof c->v[0]);
    c->n--;
}

static void vanished(struct client *c, struct span set)
{
    struct numset uids;
    bool beyond;
    uint32_t uid = 0;
    numset_init(&uids);
    assert_int_equal(imap_set_parse(set, UINT32_MAX - 1, &uids, &beyond), 0);
    for (bool on = numset_first(&uids, &uid); on; on = numset_next(&uids, &uid)) {
        size_t at = 0;
        while (at < c->n && c->v[at].uid != uid)
            at++;
        /* it must have been there; as one whose UID is not known yet, perhaps, of which there are only last ones */
        if (at == c->n && c->n > 0 && c->v[c->n - 1].uid == 0)
            at--;
        forget(c, at);
    }
    numset_done(&uids);
}

/* "* n FETCH (UID u FLAGS (…) MODSEQ (m))", in any order */
static void fetched(struct client *c, uint64_t number, struct span items)
{
    assert_true(number > 0 && number <= c->n);
    struct known *k = &c->v[number - 1];
    ssize_t at = span_find(items, SPAN("UID "));
    if (at >= 0) {
        uint64_t uid;
        struct span text = span_from(items, (size_t)at + 4);
        size_t end = 0;
        while (end < text.n && ascii_is_digit(text.p[end]))
            end++;
        assert_true(span_to_u64(span_slice(text, 0, end), &uid));
        assert_true(k->uid == 0 || k->uid == uid);
        assert_true(number == 1 || c->v[number - 2].uid < uid);
        k->uid = (uint32_t)uid;
    }
    at = span_find(items, SPAN("FLAGS ("));
    if (at >= 0) {
        struct span text = span_from(items, (size_t)at + 7);
        k->flags = flags_of(span_split(&text, ')'));
        k->flags_known = true;
    }
}

static void believe(struct client *c, struct span line)
{
    uint64_t number;
    c->changes++;
    if (span_skip(&line, SPAN("* VANISHED "))) {
        vanished(c, line);
        return;
    }
    if (!span_skip(&line, SPAN("* ")) || !span_to_u64(span_split(&line, ' '), &number))
        return;
    if (span_eq(line, SPAN("EXISTS"))) {
        assert_true(number >= c->n && number <= KNOWN_MAX);
        while (c->n < number)
            c->v[c->n++] = (struct known){0};
    } else if (span_eq(line, SPAN("EXPUNGE"))) {
        assert_true(number > 0);
        forget(c, (size_t)number - 1);
    } else if (span_skip(&line, SPAN("FETCH "))) {
        fetched(c, number, line);
    }
}

/* All that was said; the tagged answer must be OK. false: there was none. */
static bool listen_to(struct client *c)
{
    struct span line;
    bool tagged = false;
    while (host_line(c->h, &line)) {
        if (span_starts(line, SPAN("t "))) {
            if (!span_starts(line, SPAN("t OK")))
                fail_msg("%.*s", SPAN_ARG(line));
            tagged = true;
        } else {
            believe(c, line);
        }
    }
    return tagged;
}

static void say(struct client *c, const char *fmt, ...)
{
    struct buf line;
    va_list args;
    buf_init(&line, 4096);
    buf_puts(&line, "t ");
    va_start(args, fmt);
    buf_vprintf(&line, fmt, args);
    va_end(args);
    buf_puts(&line, "\r\n");
    host_send(c->h, buf_span(&line));
    buf_done(&line);
    assert_true(listen_to(c));
}

/* ---- knowing ---------------------------------------------------------------------------------- */

/* Clients that are told VANISHED need all UIDs; others ask now and then. */
static void learn_new(struct client *c)
{
    size_t at = 0;
    while (at < c->n && c->v[at].uid != 0 && c->v[at].flags_known)
        at++;
    if (at < c->n)
        say(c, "FETCH %zu:%zu (UID FLAGS)", at + 1, c->n);
}

/* Nobody else does anything meanwhile: what FETCH says is what was told. */
static void check(struct client *c)
{
    static struct known before[KNOWN_MAX];
    struct mail_head head;
    struct numset uids;
    say(c, "NOOP");
    learn_new(c);
    memcpy(before, c->v, sizeof before);
    size_t n = c->n;
    if (n > 0)
        say(c, "FETCH 1:* (FLAGS UID)");
    assert_int_equal(c->n, n);
    numset_init(&uids);
    assert_int_equal(mailbox_uids(&w.mail, w.account, (struct mailbox_id){1}, &head, &uids), 0);
    assert_int_equal(numset_count(&uids), n);
    for (size_t k = 0; k < n; k++) {
        uint32_t uid;
        assert_true(numset_at(&uids, (uint32_t)k + 1, &uid) && uid == c->v[k].uid);
        if (before[k].flags != c->v[k].flags)
            fail_msg("UID %u: believed %x, is %x", uid, before[k].flags, c->v[k].flags);
    }
    numset_done(&uids);
}

/* ---- doing ------------------------------------------------------------------------------------ */

static void do_store(struct client *c)
{
    static const char *const ops[] = {"+FLAGS", "-FLAGS", "FLAGS"};
    size_t a = rnd((unsigned)c->n), b = a + rnd(4);
    unsigned op = rnd(3), flag = rnd(COUNT_OF(flag_names)), silent = rnd(2), uid = rnd(2);
    if (b >= c->n)
        b = c->n - 1;
    if (flag == 2 && rnd(3) != 0)
        flag = 3;
    uid = uid && c->v[a].uid != 0 && c->v[b].uid != 0;
    for (size_t k = a; silent && k <= b; k++) {
        struct known *v = &c->v[k];
        v->flags = op == 0   ? v->flags | 1u << flag
                   : op == 1 ? v->flags & ~(1u << flag)
                             : 1u << flag;
        v->flags_known = v->flags_known || op == 2;
    }
    say(c, "%sSTORE %zu:%zu %s%s (%s)", uid ? "UID " : "", uid ? c->v[a].uid : a + 1,
        uid ? c->v[b].uid : b + 1, ops[op], silent ? ".SILENT" : "", flag_names[flag]);
}

static void do_one(struct client *c)
{
    unsigned what = rnd(20);
    if (c->idling) {
        host_sends(c->h, "DONE\r\n");
        assert_true(listen_to(c));
        c->idling = false;
        learn_new(c);
        return;
    }
    if (c->n == 0)
        what = 0;
    switch (what) {
    case 0:
    case 1:
    case 2:
        if (c->n < MOST)
            say(c, "APPEND INBOX (%s) {17+}\r\n" MESSAGE, flag_names[rnd(COUNT_OF(flag_names))]);
        break;
    case 3: say(c, "NOOP"); break;
    case 4: say(c, "EXPUNGE"); break;
    case 5: say(c, "UID EXPUNGE %u:*", 1 + rnd(300)); break;
    case 6: say(c, "COPY %u INBOX", 1 + rnd((unsigned)c->n)); break;
    case 7: say(c, "MOVE %u Archive", 1 + rnd((unsigned)c->n)); break;
    case 8: say(c, "UID MOVE %u:%u INBOX", 1 + rnd(300), 1 + rnd(300)); break;
    case 9:
        host_sends(c->h, "t IDLE\r\n");
        c->idling = true;
        break;
    case 10: check(c); break;
    case 11:
        c->n = 0;
        say(c, "SELECT INBOX");
        break;
    case 12: say(c, "SEARCH ALL"); break;
    default: do_store(c);
    }
    learn_new(c);
}

/* Those who idle hear of it, the others not before they ask. */
static void all_listen(void)
{
    for (size_t k = 0; k < CLIENTS; k++) {
        if (!clients[k].idling)
            continue;
        (void)host_wait(clients[k].h, 0);
        (void)listen_to(&clients[k]);
    }
}

static void what_is_told_is_true(void **state)
{
    (void)state;
    uint64_t problems = 1;
    world_open(&w);
    for (int n = 0; n < 20; n++)
        world_append(&w, SPAN(MESSAGE), 0);
    for (size_t k = 0; k < CLIENTS; k++) {
        clients[k] = (struct client){.h = world_login(&w), .qresync = k == 1};
        say(&clients[k], k == 1 ? "ENABLE QRESYNC" : k == 2 ? "ENABLE CONDSTORE" : "NOOP");
        say(&clients[k], "SELECT INBOX");
        learn_new(&clients[k]);
    }
    const char *given = getenv("BELIEF_SEED");
    seed = given != NULL ? strtoull(given, NULL, 10) : 20261130;
    for (int step = 0; step < STEPS; step++) {
        do_one(&clients[rnd(CLIENTS)]);
        all_listen();
    }
    for (size_t k = 0; k < CLIENTS; k++) {
        struct client *c = &clients[k];
        if (c->idling)
            do_one(c);
        check(c);
        assert_true(c->changes > 100);
        host_free(c->h);
    }
    assert_int_equal(mailbox_check(&w.mail, w.account, true, NULL, NULL, &problems), 0);
    assert_int_equal(problems, 0);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_told_is_true)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
