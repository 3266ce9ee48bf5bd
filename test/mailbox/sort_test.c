/* SPDX-License-Identifier: Apache-2.0 */
/* SORT: records with random keys, and messages with what their headers say (RFC 5256, 5957). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"

#include "base/err.h"
#include "mailbox/gather.h"
#include "mailbox/sort.h"
#include "message/summary.h"

/* ---- records ----------------------------------------------------------------------------- */

/* What must hold between two neighbours, by the text of RFC 5256 §3. */
static bool in_order(const struct sort_record *a,
                     const struct sort_record *b,
                     const struct sort_criterion *c,
                     size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool number = c[i].by == SORT_ARRIVAL || c[i].by == SORT_DATE || c[i].by == SORT_SIZE;
        int d = number ? (a->v[i].number > b->v[i].number) - (a->v[i].number < b->v[i].number)
                       : span_cmp(a->v[i].text, b->v[i].text);
        if (d != 0)
            return (d < 0) != c[i].reverse;
    }
    return a->uid < b->uid;
}

static void records(void **state)
{
    enum { N = 500, KEYS = 3 };
    static const char *const texts[] = {"", "A", "AB", "B", "B\xcc\x88"};
    static union sort_value values[N][KEYS];
    struct sort_record v[N];
    uint32_t seed = 1;
    (void)state;
    for (int round = 0; round < 20; round++) {
        struct sort_criterion c[KEYS];
        for (size_t k = 0; k < KEYS; k++) {
            seed = seed * 1103515245 + 12345;
            c[k].by = (enum sort_by)(seed >> 16) % (SORT_DISPLAYTO + 1);
            c[k].reverse = (seed >> 30) & 1;
        }
        for (size_t i = 0; i < N; i++) {
            v[i] = (struct sort_record){.uid = (uint32_t)(i * 7919 % N), .v = values[i]};
            for (size_t k = 0; k < KEYS; k++) {
                seed = seed * 1103515245 + 12345;
                if (c[k].by == SORT_ARRIVAL || c[k].by == SORT_DATE || c[k].by == SORT_SIZE)
                    values[i][k].number = (int64_t)(seed >> 20) % 5 - 2;
                else
                    values[i][k].text = span_str(texts[(seed >> 20) % COUNT_OF(texts)]);
            }
        }
        struct sort_order order = {c, KEYS};
        qsort_r(v, N, sizeof(v[0]), sort_compare, &order);
        for (size_t i = 1; i < N; i++)
            assert_true(in_order(&v[i - 1], &v[i], c, KEYS));
    }
}

/* ---- messages ---------------------------------------------------------------------------- */

/* UID 1 is the first. */
static const char *const messages[] = {
    /* 1 */ "From: Zoe <b@x>\nTo: b@x\ncc: Team: z@y;\nSubject: Re: apple\n"
            "Date: Sun, 31 Dec 2000 16:01:33 -0800\n\nx",
    /* 2 */
    "From: =?utf-8?q?=C3=84nne?= <C@x>\nTo: A@x\ncc: q@y\nSubject: [list] BANANA\n"
    "Date: Mon, 1 Jan 2001 00:01:32 +0000\n\nxx",
    /* 3 */
    "From: a@z.example\nTo: \"\" <c@x>\nSubject: Fwd: =?utf-8?b?QXBwbGU=?=\nDate: nonsense\n\nxxx",
    /* 4 */ "From: \"\" <a@y.example>\nTo: =?utf-8?q?B=C3=A4r?= <d@x>\nSubject: \n\n",
    /* 5 */ "\nno header",
    /* 6 */
    "From: b (Adam) <a@q>\nTo: undisclosed:;\nSubject: (fwd)\n"
    "Date: Mon, 1 Jan 2001 00:01:33 +0000\n\nxxxxx",
};

static const struct {
    struct sort_criterion criteria[3];
    size_t n;
    const char *order;
} cases[] = {
    {{{SORT_ARRIVAL, false}}, 1, "1 2 3 4 5 6 "},
    {{{SORT_ARRIVAL, true}}, 1, "6 5 4 3 2 1 "},
    {{{SORT_SIZE, false}}, 1, "5 4 3 6 1 2 "},
    /* sent dates are compared in UTC; 3, 4 and 5 have none and were received in 2026 */
    {{{SORT_DATE, false}}, 1, "2 1 6 3 4 5 "},
    {{{SORT_DATE, true}}, 1, "5 4 3 1 6 2 "},
    /* "" (4, 5, 6), APPLE (1, 3), BANANA */
    {{{SORT_SUBJECT, false}}, 1, "4 5 6 1 3 2 "},
    {{{SORT_SUBJECT, true}}, 1, "2 1 3 4 5 6 "},
    {{{SORT_SUBJECT, true}, {SORT_DATE, true}}, 2, "2 3 1 5 4 6 "},
    /* local parts: "", a, a, a, b, C */
    {{{SORT_FROM, false}}, 1, "5 3 4 6 1 2 "},
    {{{SORT_FROM, false}, {SORT_ARRIVAL, true}}, 2, "5 6 4 3 1 2 "},
    {{{SORT_TO, false}}, 1, "5 2 1 3 4 6 "}, /* a group's name is its addr-mailbox */
    {{{SORT_CC, false}}, 1, "3 4 5 6 2 1 "},
    /* "", A<umlaut>NNE, A@Y.., A@Z.., B, ZOE */
    {{{SORT_DISPLAYFROM, false}}, 1, "5 4 3 2 6 1 "},
    {{{SORT_DISPLAYTO, false}}, 1, "5 2 1 4 3 6 "},
};

static void order_of(struct fixture *f, size_t which, const struct numset *uids, struct buf *out)
{
    struct mailbox_sort *s;
    size_t n;
    int more;
    assert_int_equal(mailbox_sort_open(&f->mail, FIXTURE_ACCOUNT, (struct mailbox_id){USE_INBOX},
                                       uids, cases[which].criteria, cases[which].n, &s),
                     0);
    while ((more = mailbox_sort_run(s, NULL, NULL)) > 0)
        ;
    assert_int_equal(more, 0);
    assert_int_equal(mailbox_sort_run(s, NULL, NULL), 0);
    const struct sort_record *r = mailbox_sort_result(s, &n);
    for (size_t i = 0; i < n; i++)
        buf_printf(out, "%u ", r[i].uid);
    mailbox_sort_close(s);
}

static void append(struct fixture *f, const char *text, bool summary)
{
    struct mail_appended out;
    struct message_summary s;
    struct buf record;
    struct mail_append in = {.received_ms = f->clock.clock.wall_ms(&f->clock.clock)};
    struct arena *a = arena_new(MIME_ARENA);
    struct summary_maker *maker = summary_maker_new(a);
    buf_init(&record, LIMIT_SUMMARY);
    summary_maker_feed(maker, span_str(text));
    assert_int_equal(summary_maker_end(maker, &s), 0);
    assert_int_equal(summary_pack(&s, &record), 0);
    in.blob = fixture_blob(f, span_str(text), &in.info);
    if (summary)
        in.summary = buf_span(&record);
    assert_int_equal(mailbox_append(&f->mail, FIXTURE_ACCOUNT, &in, &out), 0);
    clock_fake_advance(&f->clock, 1000);
    buf_done(&record);
    arena_free(a);
}

static void of_a_mailbox(void **state)
{
    (void)state;
    for (int summary = 0; summary < 2; summary++) {
        struct fixture f;
        struct numset uids;
        fixture_open(&f);
        numset_init(&uids);
        for (size_t i = 0; i < COUNT_OF(messages); i++)
            append(&f, messages[i], summary);
        numset_add_range(&uids, 1, 20); /* beyond 6 there are none */
        for (size_t i = 0; i < COUNT_OF(cases); i++) {
            struct buf out;
            buf_init(&out, 4096);
            order_of(&f, i, &uids, &out);
            if (!span_eq(buf_span(&out), span_str(cases[i].order)))
                fail_msg("case %zu: %.*s", i, SPAN_ARG(buf_span(&out)));
            buf_done(&out);
        }
        numset_done(&uids);
        fixture_close(&f);
    }
}

static int refuse(void *arg)
{
    (void)arg;
    return ERR_SHUTDOWN;
}

static void stops(void **state)
{
    (void)state;
    struct fixture f;
    struct numset uids;
    struct mailbox_sort *s;
    static const struct sort_criterion many[LIMIT_SORT_KEYS + 1];
    fixture_open(&f);
    numset_init(&uids);
    numset_add(&uids, 1);
    struct mailbox_id inbox = {USE_INBOX};
    assert_int_equal(
        mailbox_sort_open(&f.mail, FIXTURE_ACCOUNT, inbox, &uids, many, COUNT_OF(many), &s),
        ERR_LIMIT);
    assert_int_equal(mailbox_sort_open(&f.mail, FIXTURE_ACCOUNT, inbox, &uids, many, 1, &s), 0);
    assert_int_equal(mailbox_sort_run(s, refuse, NULL), ERR_SHUTDOWN);
    mailbox_sort_close(s);
    mailbox_sort_close(NULL);
    numset_done(&uids);
    fixture_close(&f);
}

/* ---- limits ------------------------------------------------------------------------------ */

static int take_much(void *arg, const struct mail_item *item, const struct message_summary *s)
{
    struct gather *g = arg;
    (void)item;
    (void)s;
    return arena_alloc(g->keep, LIMIT_SORT_MEMORY + 1) == NULL ? 0 : ERR_EXISTS;
}

static void memory(void **state)
{
    (void)state;
    struct fixture f;
    struct gather a, b;
    struct numset uids;
    struct mailbox_id inbox = {USE_INBOX};
    fixture_open(&f);
    numset_init(&uids);
    numset_add(&uids, fixture_append(&f, 0, SPAN("\n")).uid.v);
    assert_int_equal(gather_init(&a, &f.mail, FIXTURE_ACCOUNT, inbox, &uids, true), 0);
    assert_int_equal(gather_init(&b, &f.mail, FIXTURE_ACCOUNT, inbox, &uids, false), 0);
    /* one alone */
    assert_int_equal(gather_run(&b, take_much, &b, NULL, NULL), ERR_LIMIT);
    /* all together; what one holds the others have not */
    assert_int_equal(gather_charge(&a, LIMIT_SORT_MEMORY_ALL - 1000), 0);
    assert_int_equal(gather_charge(&b, 2000), ERR_OVERLOAD);
    gather_done(&a);
    assert_int_equal(gather_charge(&b, 2000), 0);
    gather_done(&b);
    numset_done(&uids);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records),
        cmocka_unit_test(of_a_mailbox),
        cmocka_unit_test(stops),
        cmocka_unit_test(memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
