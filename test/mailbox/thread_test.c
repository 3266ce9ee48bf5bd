/* SPDX-License-Identifier: Apache-2.0 */
/* Threads: cases by hand, the steps of RFC 5256 done literally on random mail, and messages of a mailbox. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"

#include "base/err.h"
#include "mailbox/thread.h"

/* ---- writing ----------------------------------------------------------------------------- */

static void write_node(struct buf *out, const struct thread_forest *f, uint32_t v)
{
    uint32_t child = f->nodes[v].child;
    if (f->nodes[v].uid != 0)
        buf_printf(out, "%u", f->nodes[v].uid);
    if (child == 0)
        return;
    if (f->nodes[v].uid != 0)
        buf_putc(out, ' ');
    if (f->nodes[child].next == 0) {
        write_node(out, f, child);
        return;
    }
    for (; child != 0; child = f->nodes[child].next) {
        buf_putc(out, '(');
        write_node(out, f, child);
        buf_putc(out, ')');
    }
}

static void write_forest(struct buf *out, const struct thread_forest *f)
{
    for (uint32_t v = f->nodes[0].child; v != 0; v = f->nodes[v].next) {
        assert_true(f->nodes[v].uid != 0 || f->nodes[f->nodes[v].child].next != 0);
        buf_putc(out, '(');
        write_node(out, f, v);
        buf_putc(out, ')');
    }
}

/* ---- by hand ----------------------------------------------------------------------------- */

enum { REFS_MAX = 6 };
struct row {
    uint32_t id, subject;
    bool reply;
    int64_t date;
    uint32_t refs[REFS_MAX]; /* up to the first 0 */
};

static const struct {
    enum thread_algorithm how;
    struct row rows[8]; /* UIDs from 1; up to the first with date 0 */
    const char *threads;
} cases[] = {
    {THREAD_REFERENCES, {{0}}, ""},
    {THREAD_REFERENCES, {{.date = 1}}, "(1)"},
    /* a thread of three, in and out of order */
    {THREAD_REFERENCES, {{1, 1, 0, 1, {0}}, {2, 1, 1, 2, {1}}, {3, 1, 1, 3, {1, 2}}}, "(1 2 3)"},
    {THREAD_REFERENCES, {{3, 1, 1, 3, {1, 2}}, {2, 1, 1, 2, {1}}, {1, 1, 0, 1, {0}}}, "(3 2 1)"},
    /* RFC 5256 §4's tree: 3, below it 6, below that 4 with 23 and 44 with 7 and 96 */
    {THREAD_REFERENCES,
     {{1, 0, 0, 1, {0}},
      {2, 0, 0, 2, {1}},
      {3, 0, 0, 3, {1, 2}},
      {4, 0, 0, 4, {1, 2, 3}},
      {5, 0, 0, 5, {1, 2}},
      {6, 0, 0, 6, {1, 2, 5}},
      {7, 0, 0, 7, {1, 2, 5, 6}}},
     "(1 2 (3 4)(5 6 7))"},
    /* siblings whose parent is not there; an only child takes its place */
    {THREAD_REFERENCES, {{1, 0, 0, 1, {9}}, {2, 0, 0, 2, {9}}}, "((1)(2))"},
    {THREAD_REFERENCES, {{1, 0, 0, 1, {9}}}, "(1)"},
    {THREAD_REFERENCES, {{1, 0, 0, 1, {7, 8, 9}}, {2, 0, 0, 2, {7}}}, "((1)(2))"},
    {THREAD_REFERENCES, {{1, 0, 0, 1, {7, 8}}, {2, 0, 0, 2, {7, 8}}}, "((1)(2))"},
    {THREAD_REFERENCES, {{1, 0, 0, 1, {0}}, {2, 0, 0, 2, {1, 8, 9}}}, "(1 2)"},
    /* duplicate ids, self references, loops */
    {THREAD_REFERENCES, {{1, 0, 0, 1, {0}}, {1, 0, 0, 2, {0}}, {2, 0, 0, 3, {1}}}, "(1 3)(2)"},
    {THREAD_REFERENCES, {{1, 0, 0, 1, {1}}}, "(1)"},
    {THREAD_REFERENCES, {{1, 0, 0, 1, {2}}, {2, 0, 0, 2, {1}}}, "(2 1)"},
    {THREAD_REFERENCES,
     {{1, 0, 0, 1, {2, 3}}, {2, 0, 0, 2, {3, 1}}, {3, 0, 0, 3, {1, 2}}},
     "(3 1 2)"},
    /* siblings by date, not by UID; equal dates by UID */
    {THREAD_REFERENCES,
     {{1, 0, 0, 9, {0}},
      {2, 0, 0, 8, {1}},
      {3, 0, 0, 7, {1}},
      {4, 0, 0, 7, {1}},
      {5, 0, 0, 1, {0}}},
     "(5)(1 (3)(4)(2))"},
    /* step 5: a reply below the original, two originals below a dummy, a dummy with more */
    {THREAD_REFERENCES, {{1, 1, 0, 1, {0}}, {2, 1, 1, 2, {0}}}, "(1 2)"},
    {THREAD_REFERENCES, {{1, 1, 1, 1, {0}}, {2, 1, 0, 2, {0}}}, "(2 1)"},
    {THREAD_REFERENCES, {{1, 1, 0, 1, {0}}, {2, 1, 0, 2, {0}}, {3, 1, 0, 3, {0}}}, "((1)(2)(3))"},
    {THREAD_REFERENCES, {{1, 1, 1, 1, {0}}, {2, 1, 1, 2, {0}}}, "((1)(2))"},
    {THREAD_REFERENCES,
     {{1, 1, 0, 1, {8}},
      {2, 1, 0, 2, {8}},
      {3, 1, 0, 3, {9}},
      {4, 1, 0, 4, {9}},
      {5, 1, 1, 5, {0}}},
     "((1)(2)(3)(4)(5))"},
    {THREAD_REFERENCES, {{1, 0, 0, 1, {0}}, {2, 0, 0, 2, {0}}}, "(1)(2)"}, /* empty subjects */
    {THREAD_REFS, {{1, 1, 0, 1, {0}}, {2, 1, 1, 2, {0}}}, "(1)(2)"},
    /* REFS: the thread with the latest message is last */
    {THREAD_REFS, {{1, 0, 0, 1, {0}}, {2, 0, 0, 2, {0}}, {3, 0, 0, 3, {1}}}, "(2)(1 3)"},
    {THREAD_REFS, {{1, 0, 0, 1, {9}}, {2, 0, 0, 2, {0}}, {3, 0, 0, 3, {9}}}, "(2)((1)(3))"},
    /* no grandchildren */
    {THREAD_ORDEREDSUBJECT,
     {{0, 1, 0, 3, {0}},
      {0, 2, 0, 2, {0}},
      {0, 1, 0, 1, {0}},
      {0, 1, 0, 4, {0}},
      {0, 2, 0, 5, {0}}},
     "(3 (1)(4))(2 5)"},
    {THREAD_ORDEREDSUBJECT, {{0, 0, 0, 1, {0}}, {0, 0, 0, 2, {0}}}, "(1 2)"},
};

static int
thread_make(enum thread_algorithm how, const struct thread_input *in, struct thread_forest *out)
{
    struct threading *t;
    int r = threading_open(how, in, &t);
    if (r != 0)
        return r;
    while ((r = threading_run(t, out)) > 0)
        continue;
    threading_close(t);
    return r;
}

static void make(enum thread_algorithm how, const struct row *rows, uint32_t n, struct buf *out)
{
    struct thread_message v[64];
    struct thread_input in = {.messages = v, .n = n, .ids_n = 60, .subjects_n = 20};
    struct thread_forest f;
    for (uint32_t i = 0; i < n; i++) {
        v[i] = (struct thread_message){.uid = i + 1,
                                       .id = rows[i].id,
                                       .subject = rows[i].subject,
                                       .reply = rows[i].reply,
                                       .sent_ms = rows[i].date,
                                       .references = rows[i].refs};
        while (v[i].references_n < REFS_MAX && rows[i].refs[v[i].references_n] != 0)
            v[i].references_n++;
    }
    assert_int_equal(thread_make(how, &in, &f), 0);
    write_forest(out, &f);
    thread_forest_done(&f);
}

static void by_hand(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf out;
        uint32_t n = 0;
        buf_init(&out, 4096);
        while (n < 8 && cases[i].rows[n].date != 0)
            n++;
        make(cases[i].how, cases[i].rows, n, &out);
        if (!span_eq(buf_span(&out), span_str(cases[i].threads)))
            fail_msg("case %zu: %.*s, not %s", i, SPAN_ARG(buf_span(&out)), cases[i].threads);
        buf_done(&out);
    }
}

/* ---- the steps, literally ---------------------------------------------------------------- */

enum { NODES = 200 };
struct literal {
    const struct row *rows;
    uint32_t row[NODES]; /* + 1; 0: a dummy */
    uint32_t parent[NODES];
    bool there[NODES];
    uint32_t n;
};

static bool is_above(const struct literal *l, uint32_t a, uint32_t b)
{
    for (; b != 0; b = l->parent[b])
        if (b == a)
            return true;
    return false;
}

static void step_1(struct literal *l, uint32_t n)
{
    uint32_t node[64];
    l->n = 61;
    for (uint32_t i = 0; i < n; i++) {
        node[i] = l->rows[i].id;
        if (node[i] == 0 || l->row[node[i]] != 0)
            node[i] = l->n++;
        l->row[node[i]] = i + 1;
    }
    for (uint32_t i = 0; i < n; i++) {
        uint32_t before = 0;
        for (size_t r = 0; r < REFS_MAX && l->rows[i].refs[r] != 0; r++) {
            uint32_t to = l->rows[i].refs[r];
            if (before != 0 && l->parent[to] == 0 && !is_above(l, to, before))
                l->parent[to] = before;
            before = to;
        }
        l->parent[node[i]] = 0;
        if (before != 0 && !is_above(l, node[i], before))
            l->parent[node[i]] = before;
    }
    for (uint32_t v = 1; v < NODES; v++)
        l->there[v] = v < l->n;
}

static uint32_t children(const struct literal *l, uint32_t of, uint32_t *out)
{
    uint32_t n = 0;
    for (uint32_t v = 1; v < l->n; v++)
        if (l->there[v] && l->parent[v] == of && v != of)
            out[n++] = v;
    return n;
}

static void step_3(struct literal *l)
{
    bool again = true;
    while (again) {
        again = false;
        for (uint32_t v = 1; v < l->n; v++) {
            uint32_t c[NODES], n = children(l, v, c);
            if (!l->there[v] || l->row[v] != 0 || (n > 1 && l->parent[v] == 0))
                continue;
            for (uint32_t i = 0; i < n; i++)
                l->parent[c[i]] = l->parent[v];
            l->there[v] = false;
            again = true;
        }
    }
}

/* Its row, or its first child's. */
static uint32_t sorted_as(const struct literal *l, uint32_t v)
{
    uint32_t c[NODES], best = 0;
    if (l->row[v] != 0)
        return l->row[v];
    uint32_t n = children(l, v, c);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t r = sorted_as(l, c[i]);
        if (best == 0 || l->rows[r - 1].date < l->rows[best - 1].date ||
            (l->rows[r - 1].date == l->rows[best - 1].date && r < best))
            best = r;
    }
    return best;
}

static uint32_t sorted_children(const struct literal *l, uint32_t of, uint32_t *out)
{
    uint32_t n = children(l, of, out);
    for (uint32_t i = 1; i < n; i++)
        for (uint32_t j = i; j > 0; j--) {
            uint32_t a = sorted_as(l, out[j - 1]), b = sorted_as(l, out[j]), keep = out[j];
            int64_t x = l->rows[a - 1].date, y = l->rows[b - 1].date;
            if (x < y || (x == y && a < b))
                break;
            out[j] = out[j - 1];
            out[j - 1] = keep;
        }
    return n;
}

static void step_5(struct literal *l)
{
    uint32_t roots[NODES], table[21] = {0};
    uint32_t n = sorted_children(l, 0, roots);
    const struct row *row[NODES];
    for (uint32_t i = 0; i < n; i++) {
        uint32_t v = roots[i], t;
        row[v] = &l->rows[sorted_as(l, v) - 1];
        t = table[row[v]->subject];
        if (row[v]->subject == 0)
            continue;
        if (t == 0 || (l->row[t] != 0 && (l->row[v] == 0 || (row[t]->reply && !row[v]->reply))))
            table[row[v]->subject] = v;
    }
    for (uint32_t i = 0; i < n; i++) {
        uint32_t v = roots[i], t = table[row[v]->subject], c[NODES];
        if (row[v]->subject == 0 || t == v)
            continue;
        if (l->row[t] == 0 && l->row[v] == 0) {
            for (uint32_t k = children(l, v, c); k > 0; k--)
                l->parent[c[k - 1]] = t;
            l->there[v] = false;
        } else if (l->row[t] == 0 || (row[v]->reply && !row[t]->reply)) {
            l->parent[v] = t;
        } else {
            uint32_t dummy = l->n++;
            l->there[dummy] = true;
            l->parent[v] = l->parent[t] = dummy;
            table[row[v]->subject] = dummy;
        }
    }
}

static void write_literal(const struct literal *l, uint32_t v, struct buf *out)
{
    uint32_t c[NODES], n = sorted_children(l, v, c);
    if (v != 0 && l->row[v] != 0)
        buf_printf(out, n > 0 ? "%u " : "%u", l->row[v]);
    for (uint32_t i = 0; i < n; i++) {
        if (n > 1 || v == 0)
            buf_putc(out, '(');
        write_literal(l, c[i], out);
        if (n > 1 || v == 0)
            buf_putc(out, ')');
    }
}

/* ---- random mail ------------------------------------------------------------------------- */

static uint32_t seed;
static uint32_t below(uint32_t n)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % n;
}

/* Mail that is consistent: references are some of the ancestors in one true forest. Not all of it is there, in no
 * order, with and without ids. */
static uint32_t random_mail(struct row *rows, uint32_t most)
{
    uint32_t parent[61] = {0}, n = 0;
    for (uint32_t id = 2; id <= 60; id++)
        parent[id] = below(4) == 0 ? 0 : 1 + below(id - 1);
    for (uint32_t i = 0; i < most; i++) {
        uint32_t id = 1 + below(60), chain[REFS_MAX], depth = 0;
        for (uint32_t v = parent[id]; v != 0 && depth < REFS_MAX; v = parent[v])
            if (below(5) != 0)
                chain[depth++] = v;
        struct row r = {.id = below(10) == 0 ? 0 : id,
                        .subject = below(3) == 0 ? 0 : 1 + below(6),
                        .reply = below(2),
                        .date = 1 + below(12)};
        for (uint32_t k = 0; k < depth; k++)
            r.refs[k] = chain[depth - 1 - k];
        rows[n++] = r;
    }
    return n;
}

static void against_the_steps(void **state)
{
    (void)state;
    for (seed = 1; seed < 300;) {
        uint32_t before = seed;
        struct row rows[40];
        uint32_t n = random_mail(rows, 1 + below(40));
        seed = before + 1;
        struct literal l = {.rows = rows};
        struct buf out, want;
        buf_init(&out, 1 << 16);
        buf_init(&want, 1 << 16);
        make(THREAD_REFERENCES, rows, n, &out);
        step_1(&l, n);
        step_3(&l);
        step_5(&l);
        write_literal(&l, 0, &want);
        if (!span_eq(buf_span(&out), buf_span(&want)))
            fail_msg("seed %u: %.*s, not %.*s", before, SPAN_ARG(buf_span(&out)),
                     SPAN_ARG(buf_span(&want)));
        buf_done(&out);
        buf_done(&want);
    }
}

/* References that contradict each other: each message is there once, and no more is promised. */
static void contradictions(void **state)
{
    (void)state;
    seed = 1;
    for (int round = 0; round < 500; round++) {
        struct row rows[30];
        for (uint32_t i = 0; i < 30; i++) {
            rows[i] = (struct row){
                .id = below(12), .subject = below(4), .reply = below(2), .date = 1 + below(5)};
            for (uint32_t k = 0; k < below(REFS_MAX + 1); k++)
                rows[i].refs[k] = 1 + below(14);
        }
        for (int how = THREAD_ORDEREDSUBJECT; how <= THREAD_REFS; how++) {
            struct buf out;
            unsigned seen = 0, value = 0;
            buf_init(&out, 1 << 16);
            make((enum thread_algorithm)how, rows, 30, &out);
            for (size_t i = 0; i < out.n; i++) {
                if (ascii_is_digit(out.p[i])) {
                    value = value * 10 + (unsigned)(out.p[i] - '0');
                    continue;
                }
                assert_true(value == 0 || (seen >> value & 1) == 0);
                seen |= value > 0 ? 1u << value : 0;
                value = 0;
            }
            assert_int_equal(seen, 0x7ffffffe);
            buf_done(&out);
        }
    }
}

/* A hundred thousand messages, each an answer to the one before: depth costs nothing. */
static void long_thread(void **state)
{
    enum { N = 100000 };
    (void)state;
    struct thread_message *v = calloc(N, sizeof(*v));
    uint32_t *refs = calloc(N, sizeof(*refs));
    for (uint32_t i = 0; i < N; i++) {
        refs[i] = i;
        v[i] = (struct thread_message){.uid = i + 1,
                                       .id = i + 1,
                                       .references = &refs[i],
                                       .references_n = i > 0,
                                       .sent_ms = N - i};
    }
    struct thread_input in = {.messages = v, .n = N, .ids_n = N};
    struct thread_forest f;
    assert_int_equal(thread_make(THREAD_REFERENCES, &in, &f), 0);
    uint32_t depth = 0;
    for (uint32_t at = f.nodes[0].child; at != 0; at = f.nodes[at].child, depth++)
        assert_int_equal(f.nodes[at].next, 0);
    assert_int_equal(depth, N);
    thread_forest_done(&f);
    in.ids_n = LIMIT_THREAD_IDS;
    assert_int_equal(thread_make(THREAD_REFERENCES, &in, &f), ERR_LIMIT);
    free(refs);
    free(v);
}

/* ---- of a mailbox ------------------------------------------------------------------------ */

static const char *const messages[] = {
    "Message-ID: <\"a\"@x>\nSubject: apple\nDate: Mon, 1 Jan 2001 00:00:01 +0000\n\n",
    "Message-ID: <b@x>\nIn-Reply-To: note <a@x> of joe\nSubject: pear\nDate: Mon, 1 Jan 2001 "
    "00:00:03 +0000\n\n",
    "Message-ID: <c@x>\nReferences: none\nIn-Reply-To: <B@x> <a@x>\nSubject: plum\nDate: Mon, 1 "
    "Jan 2001 00:00:02 +0000\n\n",
    "Message-ID: <d@x>\nReferences: <a@x>\n <b@x>\nSubject: Re: apple\n\n",
    "Subject: RE: [x] Plum\nDate: Mon, 1 Jan 2001 00:00:04 +0000\n\n",
};

static void of_a_mailbox(void **state)
{
    static const char *const want[] = {"(1 4)(3 5)(2)", "(1 2 4)(3 5)", "(3)(5)(1 2 4)"};
    (void)state;
    struct fixture f;
    struct numset uids;
    fixture_open(&f);
    numset_init(&uids);
    for (size_t i = 0; i < COUNT_OF(messages); i++)
        numset_add(&uids, fixture_append(&f, 0, span_str(messages[i])).uid.v);
    for (int how = THREAD_ORDEREDSUBJECT; how <= THREAD_REFS; how++) {
        struct mailbox_thread *t;
        struct buf out;
        int more;
        buf_init(&out, 4096);
        assert_int_equal(mailbox_thread_open(&f.mail, FIXTURE_ACCOUNT,
                                             (struct mailbox_id){USE_INBOX}, &uids,
                                             (enum thread_algorithm)how, &t),
                         0);
        while ((more = mailbox_thread_run(t, NULL, NULL)) > 0)
            ;
        assert_int_equal(more, 0);
        write_forest(&out, mailbox_thread_result(t));
        if (!span_eq(buf_span(&out), span_str(want[how])))
            fail_msg("%d: %.*s", how, SPAN_ARG(buf_span(&out)));
        mailbox_thread_close(t);
        buf_done(&out);
    }
    mailbox_thread_close(NULL);
    numset_done(&uids);
    fixture_close(&f);
}

/* Of a field with very many ids the last count, and the very last is the parent. */
static void many_references(void **state)
{
    (void)state;
    struct fixture f;
    struct numset uids;
    struct mailbox_thread *t;
    struct buf b, out;
    int more;
    fixture_open(&f);
    numset_init(&uids);
    buf_init(&b, 1 << 20);
    buf_init(&out, 4096);
    numset_add(&uids, fixture_append(&f, 0, SPAN("Message-ID: <first@x>\n\n")).uid.v);
    numset_add(&uids, fixture_append(&f, 0, SPAN("Message-ID: <last@x>\n\n")).uid.v);
    buf_puts(&b, "References: <first@x>\n");
    for (int i = 0; i < 3 * LIMIT_THREAD_REFERENCES; i++)
        buf_printf(&b, " <%d@x>\n", i);
    buf_puts(&b, " <last@x>\n\n");
    numset_add(&uids, fixture_append(&f, 0, buf_span(&b)).uid.v);
    assert_int_equal(mailbox_thread_open(&f.mail, FIXTURE_ACCOUNT, (struct mailbox_id){USE_INBOX},
                                         &uids, THREAD_REFERENCES, &t),
                     0);
    while ((more = mailbox_thread_run(t, NULL, NULL)) > 0)
        ;
    assert_int_equal(more, 0);
    write_forest(&out, mailbox_thread_result(t));
    assert_true(span_eq(buf_span(&out), SPAN("(1)(2 3)")));
    mailbox_thread_close(t);
    buf_done(&b);
    buf_done(&out);
    numset_done(&uids);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_hand),        cmocka_unit_test(against_the_steps),
        cmocka_unit_test(contradictions), cmocka_unit_test(long_thread),
        cmocka_unit_test(of_a_mailbox),   cmocka_unit_test(many_references),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
