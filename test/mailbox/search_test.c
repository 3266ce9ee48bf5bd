/* SPDX-License-Identifier: Apache-2.0 */
/* Random programs over random messages, against a model that knows what was put where; and what a search does
 * when it is stopped, when messages go, and when it is too large. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"

#include "base/err.h"
#include "mailbox/search.h"
#include "message/message.h"
#include "message/summary.h"

enum { MESSAGES = 90, PROGRAMS = 400, PLACES = 7 };

static const int64_t day_ms = INT64_C(86400000);

/* No word is a part of another, or of anything else in the messages. */
static const struct {
    const char *stored, *asked;
} words[] = {
    {"quince", "QuInCe"},
    {"Gr\xc3\xbc\xc3\x9f"
     "gott",
     "gR\xc3\x9c\xc3\x9fGOTT"},
    {"\xd1\x82\xd0\xb5\xd1\x81\xd1\x82", "\xd0\xa2\xd0\x95\xd0\xa1\xd0\xa2"},
    {"\xe6\x97\xa5\xe6\x9c\xac", "\xe6\x97\xa5\xe6\x9c\xac"},
    {"z7z", "Z7Z"},
    {"e\xcc\x81t\xc3\xa9", "\xc3\x89T\xc3\x89"},
};
enum place { IN_FROM, IN_TO, IN_CC, IN_BCC, IN_SUBJECT, IN_HEADER, IN_BODY };

struct made {
    uint32_t uid, flags, keyword;
    uint8_t words[PLACES]; /* bits */
    bool gone, dated;
    int64_t received_ms, saved_ms, sent_local_ms;
    uint64_t size, modseq, message;
};

struct world {
    struct fixture f;
    struct made made[MESSAGES];
    struct numset uids;
    uint32_t keyword;
    uint64_t seed;
};

static uint32_t below(struct world *w, uint32_t n)
{
    w->seed = w->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(w->seed >> 33) % n;
}

/* ---- messages ---------------------------------------------------------------------------- */

static void put_hex(struct buf *b, const char *text)
{
    for (; *text != '\0'; text++)
        buf_printf(b, "=%02X", (unsigned char)*text);
}

static void put_words(struct buf *b, uint8_t bits, bool encoded)
{
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if ((bits >> i & 1) == 0)
            continue;
        if (encoded) {
            buf_puts(b, "=?utf-8?q?");
            put_hex(b, words[i].stored);
            buf_puts(b, "?=_");
        } else {
            buf_puts(b, words[i].stored);
            buf_putc(b, '_');
        }
    }
}

static uint8_t some_words(struct world *w)
{
    return (uint8_t)(below(w, 64) & below(w, 64));
}

static void
put_field(struct world *w, struct buf *b, const char *name, enum place at, struct made *m)
{
    if (below(w, 5) == 0)
        return;
    m->words[at] = (uint8_t)(some_words(w) | 1 << 7); /* bit 7: the field is there */
    buf_printf(b, "%s: ", name);
    if (at <= IN_BCC)
        buf_puts(b, "First <first@example.org>,\r\n ");
    put_words(b, m->words[at], below(w, 2) == 0);
    if (at <= IN_BCC)
        buf_printf(b, " <%s@example.com>", "somebody");
    buf_puts(b, "\r\n");
}

static void put_date(struct world *w, struct buf *b, struct made *m)
{
    m->dated = below(w, 4) != 0;
    if (!m->dated)
        return;
    unsigned day = 1 + below(w, 9), hour = below(w, 24);
    buf_printf(b, "Date: %u Nov 2026 %02u:30:00 %s\r\n", day, hour,
               below(w, 2) ? "-0800" : "+0900");
    m->sent_local_ms = (INT64_C(20758) + day - 1) * day_ms + hour * 3600000 + 1800000;
}

static void put_body(struct world *w, struct buf *b, struct made *m)
{
    struct buf text;
    buf_init(&text, 100000);
    m->words[IN_BODY] = some_words(w);
    buf_puts(&text, "text ");
    put_words(&text, m->words[IN_BODY], false);
    for (uint32_t n = below(w, 3) * 400; n > 0; n--)
        buf_puts(&text, "filler\r\n");
    if (below(w, 2) == 0) {
        buf_puts(b, "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n");
        buf_puts(b, "Content-Type: text/plain; charset=utf-8\r\n");
    } else {
        buf_puts(b, "Content-Type: text/html; charset=utf-8\r\n");
    }
    if (below(w, 2) == 0) {
        buf_puts(b, "Content-Transfer-Encoding: base64\r\n\r\n");
        transfer_encode_base64(buf_span(&text), b);
    } else {
        buf_puts(b, "\r\n");
        buf_put(b, buf_span(&text));
    }
    buf_done(&text);
}

static void append(struct world *w, struct made *m)
{
    static const struct {
        const char *name;
        enum place at;
    } fields[] = {{"From", IN_FROM}, {"To", IN_TO},           {"cc", IN_CC},
                  {"Bcc", IN_BCC},   {"Subject", IN_SUBJECT}, {"X-Words", IN_HEADER}};
    struct buf b, summary;
    struct mail_appended out;
    struct message_summary s;
    buf_init(&b, 200000);
    buf_init(&summary, LIMIT_SUMMARY);
    for (size_t i = 0; i < COUNT_OF(fields); i++)
        put_field(w, &b, fields[i].name, fields[i].at, m);
    put_date(w, &b, m);
    put_body(w, &b, m);
    if (below(w, 2) == 0) { /* the others are read from their header */
        struct arena *a = arena_new(MIME_ARENA);
        struct summary_maker *maker = summary_maker_new(a);
        summary_maker_feed(maker, buf_span(&b));
        assert_int_equal(summary_maker_end(maker, &s), 0);
        assert_int_equal(summary_pack(&s, &summary), 0);
        arena_free(a);
    }
    m->received_ms = INT64_C(1793491200000) + below(w, 9) * day_ms + below(w, 86400) * 1000;
    struct mail_append in = {.received_ms = m->received_ms, .summary = buf_span(&summary)};
    clock_fake_advance(&w->f.clock, below(w, 2) * day_ms);
    m->saved_ms = w->f.clock.clock.wall_ms(&w->f.clock.clock);
    in.blob = fixture_blob(&w->f, buf_span(&b), &in.info);
    assert_int_equal(mailbox_append(&w->f.mail, FIXTURE_ACCOUNT, &in, &out), 0);
    m->uid = out.uid.v;
    m->message = out.message.v;
    m->size = b.n;
    buf_done(&b);
    buf_done(&summary);
}

static void change(struct world *w, struct made *m)
{
    struct mail_store in = {.mailbox = {USE_INBOX}, .op = STORE_ADD, .flags = below(w, 32)};
    struct numset one, refused;
    numset_init(&one);
    numset_init(&refused);
    numset_add(&one, m->uid);
    m->flags = in.flags;
    m->keyword = below(w, 2);
    if (m->keyword)
        in.keywords = (struct keyword_ids){.n = 1, .v = {(uint16_t)w->keyword}};
    assert_int_equal(mailbox_store(&w->f.mail, FIXTURE_ACCOUNT, &in, &one, &refused), 0);
    m->gone = below(w, 12) == 0;
    if (m->gone)
        assert_int_equal(mailbox_expunge_set(&w->f.mail, FIXTURE_ACCOUNT, in.mailbox, &one, 0), 0);
    numset_done(&one);
    numset_done(&refused);
}

static void world_open(struct world *w, uint64_t seed)
{
    *w = (struct world){.seed = seed};
    struct mail_head head;
    fixture_open(&w->f);
    numset_init(&w->uids);
    assert_int_equal(
        mailbox_keyword(&w->f.mail, FIXTURE_ACCOUNT, SPAN("$Label"), true, &w->keyword), 0);
    for (size_t i = 0; i < MESSAGES; i++)
        append(w, &w->made[i]);
    for (size_t i = 0; i < MESSAGES; i++)
        change(w, &w->made[below(w, 2) ? i : MESSAGES - 1 - i]);
    assert_int_equal(
        mailbox_uids(&w->f.mail, FIXTURE_ACCOUNT, (struct mailbox_id){USE_INBOX}, &head, &w->uids),
        0);
    struct mail_range range = {.mailbox = {USE_INBOX}, .uids = &w->uids, .max = MESSAGES};
    struct mail_item *items;
    size_t n;
    assert_int_equal(
        mailbox_items(&w->f.mail, FIXTURE_ACCOUNT, &range, w->f.arena, &items, &n, &range.from), 0);
    for (size_t i = 0; i < MESSAGES; i++)
        w->made[i].gone = true;
    for (size_t i = 0; i < n; i++) {
        struct made *m = &w->made[items[i].uid.v - w->made[0].uid];
        m->gone = false;
        m->modseq = items[i].modseq.v;
        m->flags = items[i].flags;
        m->keyword = items[i].keywords.n;
    }
}

static void world_close(struct world *w)
{
    numset_done(&w->uids);
    fixture_close(&w->f);
}

/* ---- the model --------------------------------------------------------------------------- */

static bool has_word(uint8_t bits, struct span text)
{
    if (text.n == 0)
        return (bits >> 7) != 0;
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (span_eq(text, span_str(words[i].asked)))
            return (bits >> i & 1) != 0;
    return false;
}

static bool model_set(const struct made *m, uint64_t set)
{
    switch (set) {
    case SET_ALL: return true;
    case SET_UNSEEN: return (m->flags & FLAG_SEEN) == 0;
    case SET_ANSWERED: return (m->flags & FLAG_ANSWERED) != 0;
    case SET_FLAGGED: return (m->flags & FLAG_FLAGGED) != 0;
    case SET_DELETED: return (m->flags & FLAG_DELETED) != 0;
    case SET_DRAFT: return (m->flags & FLAG_DRAFT) != 0;
    default: return m->keyword != 0;
    }
}

static bool is_in(const struct search_key *k, int64_t ms)
{
    return k->from_ms <= ms && ms < k->before_ms;
}

static bool model_leaf(const struct search_key *k, const struct made *m)
{
    uint8_t header = 0;
    switch (k->op) {
    case SEARCH_UIDS: return numset_has(&k->uids, m->uid);
    case SEARCH_SET: return model_set(m, k->number);
    case SEARCH_MODSEQ: return m->modseq >= k->number;
    case SEARCH_LARGER: return m->size > k->number;
    case SEARCH_SMALLER: return m->size < k->number;
    case SEARCH_RECEIVED: return is_in(k, m->received_ms);
    case SEARCH_SAVED: return is_in(k, m->saved_ms);
    case SEARCH_MESSAGE: return m->message == k->number;
    case SEARCH_SENT: return m->dated && is_in(k, m->sent_local_ms);
    case SEARCH_HEADER: return has_word(m->words[IN_HEADER], k->text);
    case SEARCH_BODY: return k->text.n == 0 || has_word(m->words[IN_BODY], k->text);
    case SEARCH_TEXT:
        for (size_t i = 0; i < PLACES; i++)
            header |= m->words[i];
        return k->text.n == 0 || has_word(header, k->text);
    default: return has_word(m->words[IN_FROM + (k->op - SEARCH_FROM)], k->text);
    }
}

static bool model(const struct search_key *k, const struct made *m)
{
    if (k->op > SEARCH_NOT)
        return model_leaf(k, m);
    if (k->op == SEARCH_NOT)
        return !model(k->child, m);
    for (const struct search_key *c = k->child; c != NULL; c = c->next)
        if (model(c, m) == (k->op == SEARCH_OR))
            return k->op == SEARCH_OR;
    return k->op == SEARCH_AND;
}

/* ---- programs ---------------------------------------------------------------------------- */

static struct search_key *leaf(struct world *w, struct arena *a)
{
    struct search_key *k = arena_alloc(a, sizeof(*k));
    k->op = (enum search_op)(SEARCH_UIDS + below(w, SEARCH_TEXT - SEARCH_UIDS + 1));
    const struct made *any = &w->made[below(w, MESSAGES)];
    if (k->op == SEARCH_UIDS) {
        uint32_t first = any->uid;
        numset_add_range(&k->uids, first, first + below(w, 50));
        numset_add(&k->uids, 1 + below(w, 1000000));
    } else if (k->op == SEARCH_SET) {
        k->number = below(w, 7);
        if (k->number == 6)
            k->number = SET_KEYWORD + w->keyword;
    } else if (k->op == SEARCH_MODSEQ) {
        k->number = any->modseq + below(w, 2);
    } else if (k->op == SEARCH_LARGER || k->op == SEARCH_SMALLER) {
        k->number = any->size + below(w, 3) - 1;
    } else if (k->op == SEARCH_MESSAGE) {
        k->number = any->message;
    } else if (k->op == SEARCH_RECEIVED || k->op == SEARCH_SAVED || k->op == SEARCH_SENT) {
        int64_t at = k->op == SEARCH_RECEIVED ? any->received_ms
                     : k->op == SEARCH_SAVED  ? any->saved_ms
                                              : any->sent_local_ms;
        at -= at % day_ms;
        k->from_ms = below(w, 3) == 0 ? INT64_MIN : at;
        k->before_ms = below(w, 3) == 0 ? INT64_MAX : at + (1 + below(w, 2)) * day_ms;
    } else {
        k->name = SPAN("x-words");
        if (below(w, 8) != 0)
            k->text = span_str(words[below(w, COUNT_OF(words))].asked);
    }
    return k;
}

static struct search_key *program(struct world *w, struct arena *a, unsigned depth)
{
    if (depth == 0 || below(w, 3) == 0)
        return leaf(w, a);
    struct search_key *k = arena_alloc(a, sizeof(*k));
    k->op = (enum search_op)(SEARCH_AND + below(w, 3));
    struct search_key **end = &k->child;
    for (uint32_t n = k->op == SEARCH_NOT ? 1 : below(w, 4); n > 0; n--) {
        *end = program(w, a, depth - 1);
        end = &(*end)->next;
    }
    return k;
}

/* ---- searches ---------------------------------------------------------------------------- */

static void run(struct world *w, struct mail_search *in, struct numset *found)
{
    struct mailbox_search *s;
    uint64_t done, all;
    int more;
    in->mailbox = (struct mailbox_id){USE_INBOX};
    in->uids = &w->uids;
    assert_int_equal(mailbox_search_open(&w->f.mail, FIXTURE_ACCOUNT, in, &s), 0);
    while ((more = mailbox_search_run(s, NULL, NULL)) > 0)
        ;
    assert_int_equal(more, 0);
    mailbox_search_progress(s, &done, &all);
    assert_int_equal(done, all);
    assert_int_equal(numset_copy(found, mailbox_search_found(s)), 0);
    mailbox_search_close(s);
}

static void expect(struct world *w, struct search_key *k, struct numset *out)
{
    numset_clear(out);
    for (size_t i = 0; i < MESSAGES; i++)
        if (!w->made[i].gone && model(k, &w->made[i]))
            numset_add(out, w->made[i].uid);
}

/* The first, or last, few are right. */
static void check_enough(struct world *w, struct search_key *k, const struct numset *want)
{
    struct mail_search in = {.program = k, .enough = 1 + below(w, 4), .newest = below(w, 2)};
    struct numset found;
    numset_init(&found);
    run(w, &in, &found);
    uint32_t n = (uint32_t)numset_count(want), have = (uint32_t)numset_count(&found), v, x;
    for (uint32_t i = 1; i <= in.enough && i <= n; i++) {
        assert_true(numset_at(want, in.newest ? n + 1 - i : i, &v));
        assert_true(numset_at(&found, in.newest ? have + 1 - i : i, &x));
        assert_int_equal(v, x);
    }
    numset_andnot(&found, want);
    assert_true(numset_is_empty(&found));
    numset_done(&found);
}

static void random_programs(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 2; seed++) {
        struct world w;
        world_open(&w, seed);
        for (size_t i = 0; i < PROGRAMS / 2; i++) {
            struct arena *a = arena_new(1 << 20);
            struct search_key *k = program(&w, a, 4);
            struct mail_search in = {.program = k};
            struct numset found, want;
            numset_init(&found);
            numset_init(&want);
            run(&w, &in, &found);
            expect(&w, k, &want);
            if (!numset_eq(&found, &want))
                fail_msg("seed %d, program %zu: found %d, expected %d", (int)seed, i,
                         (int)numset_count(&found), (int)numset_count(&want));
            check_enough(&w, k, &want);
            numset_done(&found);
            numset_done(&want);
            search_key_done(k);
            arena_free(a);
        }
        world_close(&w);
    }
}

/* Each kind of key alone, so that none hides behind another. */
static void single_keys(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 7);
    size_t hits[SEARCH_TEXT + 1] = {0};
    for (size_t i = 0; i < PROGRAMS; i++) {
        struct arena *a = arena_new(1 << 20);
        struct search_key *k = leaf(&w, a);
        struct mail_search in = {.program = k};
        struct numset found, want;
        numset_init(&found);
        numset_init(&want);
        run(&w, &in, &found);
        expect(&w, k, &want);
        if (!numset_eq(&found, &want))
            fail_msg("op %d \"%.*s\": found %d, expected %d", (int)k->op, SPAN_ARG(k->text),
                     (int)numset_count(&found), (int)numset_count(&want));
        hits[k->op] += numset_count(&found) > 0 && numset_count(&found) < numset_count(&w.uids);
        numset_done(&found);
        numset_done(&want);
        search_key_done(k);
        arena_free(a);
    }
    for (size_t op = SEARCH_UIDS; op <= SEARCH_TEXT; op++)
        assert_true(hits[op] > 0);
    world_close(&w);
}

static int refuse(void *arg)
{
    unsigned *asked = arg;
    return ++*asked > 2 ? ERR_CLOSED : 0;
}

static void stopped(void **state)
{
    (void)state;
    struct world w;
    struct mailbox_search *s;
    struct search_key k = {.op = SEARCH_BODY, .text = SPAN("nowhere")};
    unsigned asked = 0;
    world_open(&w, 3);
    struct mail_search in = {.mailbox = {USE_INBOX}, .uids = &w.uids, .program = &k};
    assert_int_equal(mailbox_search_open(&w.f.mail, FIXTURE_ACCOUNT, &in, &s), 0);
    int r;
    while ((r = mailbox_search_run(s, refuse, &asked)) > 0)
        ;
    assert_int_equal(r, ERR_CLOSED);
    assert_int_equal(asked, 3);
    mailbox_search_close(s);
    mailbox_search_close(NULL);
    world_close(&w);
}

static void limits(void **state)
{
    (void)state;
    struct world w;
    struct mailbox_search *s;
    static struct search_key k[LIMIT_SEARCH_KEYS + 1];
    world_open(&w, 5);
    struct mail_search in = {.mailbox = {USE_INBOX}, .uids = &w.uids, .program = k};
    for (size_t i = 0; i < COUNT_OF(k); i++)
        k[i] = (struct search_key){.op = i == 0 ? SEARCH_OR : SEARCH_SET,
                                   .next = i > 0 && i + 1 < COUNT_OF(k) ? &k[i + 1] : NULL};
    k[0].child = &k[1];
    assert_int_equal(mailbox_search_open(&w.f.mail, FIXTURE_ACCOUNT, &in, &s), ERR_LIMIT);
    k[COUNT_OF(k) - 2].next = NULL;
    assert_int_equal(mailbox_search_open(&w.f.mail, FIXTURE_ACCOUNT, &in, &s), 0);
    mailbox_search_close(s);
    for (size_t i = 0; i < COUNT_OF(k); i++)
        k[i] = (struct search_key){.op = SEARCH_NOT, .child = &k[(i + 1) % COUNT_OF(k)]};
    k[LIMIT_SEARCH_DEPTH] = (struct search_key){.op = SEARCH_SET};
    assert_int_equal(mailbox_search_open(&w.f.mail, FIXTURE_ACCOUNT, &in, &s), ERR_LIMIT);
    in.program = &k[1];
    assert_int_equal(mailbox_search_open(&w.f.mail, FIXTURE_ACCOUNT, &in, &s), 0);
    mailbox_search_close(s);
    in.mailbox.v = 999;
    assert_int_equal(mailbox_search_open(&w.f.mail, FIXTURE_ACCOUNT, &in, &s), ERR_NOT_FOUND);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(single_keys),
        cmocka_unit_test(random_programs),
        cmocka_unit_test(stopped),
        cmocka_unit_test(limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
