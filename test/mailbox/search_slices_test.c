/* SPDX-License-Identifier: Apache-2.0 */
/* Searches of large messages: what takes long is done in slices. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"

#include "base/err.h"
#include "base/limits.h"
#include "mailbox/search.h"

static struct fixture f;
static struct numset uids;

static int setup(void **state)
{
    (void)state;
    fixture_open(&f);
    numset_init(&uids);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    numset_done(&uids);
    fixture_close(&f);
    return 0;
}

/* The only message there is. */
static uint32_t append(struct span content)
{
    struct mail_appended m = fixture_append(&f, 0, content);
    numset_clear(&uids);
    numset_add(&uids, m.uid.v);
    return m.uid.v;
}

static struct mailbox_search *search(struct search_key *program)
{
    struct mailbox_search *s;
    struct mail_search in = {.mailbox = {USE_INBOX}, .uids = &uids, .program = program};
    assert_int_equal(mailbox_search_open(&f.mail, FIXTURE_ACCOUNT, &in, &s), 0);
    return s;
}

/* Is it found? *slices: how many times it was not done yet. */
static bool run(struct search_key *program, int *slices)
{
    int r;
    struct mailbox_search *s = search(program);
    for (*slices = 0; (r = mailbox_search_run(s, NULL, NULL)) > 0; ++*slices)
        ;
    assert_int_equal(r, 0);
    bool found = !numset_is_empty(mailbox_search_found(s));
    mailbox_search_close(s);
    return found;
}

static void large(struct buf *b, const char *front, size_t size, const char *end)
{
    buf_init(b, 16 << 20);
    buf_puts(b, front);
    while (b->n < size)
        buf_puts(b, "line: of a large text\r\n");
    buf_puts(b, end);
}

/* A large message uses up a slice. */
static void a_large_message(void **state)
{
    (void)state;
    struct search_key k = {.op = SEARCH_TEXT, .text = SPAN("matches nothing")};
    struct buf b;
    int slices;
    large(&b, "From: a@example.com\r\n\r\n", 12 << 20, "");
    append(buf_span(&b));
    assert_false(run(&k, &slices));
    assert_true(slices > 0);
    buf_done(&b);
}

/* One message and many strings are many slices, not a long one, and each finds what is there, also where it was cut. Given
 * up in its middle nothing is left. */
static void many_strings(void **state)
{
    (void)state;
    enum { STRINGS = 300 };
    static struct search_key k[STRINGS + 1];
    struct buf b;
    int slices;
    k[0] = (struct search_key){.op = SEARCH_AND, .child = &k[1]};
    for (int n = 1; n <= STRINGS; n++)
        k[n] = (struct search_key){.op = n % 2 == 0 ? SEARCH_BODY : SEARCH_TEXT,
                                   .text = n % 2 == 0 ? SPAN("large and") : SPAN("the end"),
                                   .next = n < STRINGS ? &k[n + 1] : NULL};
    large(&b, "From: a@example.com\r\n\r\nlarge and ", 2 << 20, "the end\r\n");
    append(buf_span(&b));
    assert_true(run(&k[0], &slices));
    assert_true(slices > 3);
    struct mailbox_search *s = search(&k[0]);
    assert_int_equal(mailbox_search_run(s, NULL, NULL), 1);
    mailbox_search_close(s);
    buf_done(&b);
}

/* Each field is looked into for all that ask for it; one that is found does not answer for another. */
static void many_fields(void **state)
{
    (void)state;
    struct search_key k[] = {
        {.op = SEARCH_HEADER, .name = SPAN("X-One"), .text = SPAN("b\xc3\xbc")},
        {.op = SEARCH_HEADER, .name = SPAN("x-one"), .text = SPAN("AND")},
        {.op = SEARCH_HEADER, .name = SPAN("X-Two"), .text = SPAN("")},
        {.op = SEARCH_HEADER, .name = SPAN("X-Two"), .text = SPAN("c")},
        {.op = SEARCH_HEADER, .name = SPAN("X-Three"), .text = SPAN("a")},
    };
    int slices;
    append(SPAN("From: a@example.com\r\nX-One: a and =?utf-8?q?b=C3=BC?=\r\nX-Two: a\r\n"
                "X-Two: b\r\n c\r\n\r\n"));
    struct search_key all = {.op = SEARCH_AND, .child = &k[0]};
    for (size_t n = 0; n < 3; n++)
        k[n].next = &k[n + 1];
    assert_true(run(&all, &slices));
    k[3].next = &k[4];
    assert_false(run(&all, &slices));
}

/* A header section without end is looked into up to a limit. */
static void long_header(void **state)
{
    (void)state;
    struct search_key k = {.op = SEARCH_HEADER, .name = SPAN("X-Early"), .text = SPAN("here")};
    struct buf b;
    int slices;
    large(&b, "X-Early: here\r\n", LIMIT_SEARCH_HEADER, "X-Late: here\r\n\r\n");
    append(buf_span(&b));
    assert_true(run(&k, &slices));
    k.name = SPAN("X-Late");
    assert_false(run(&k, &slices));
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_large_message, setup, teardown),
        cmocka_unit_test_setup_teardown(many_strings, setup, teardown),
        cmocka_unit_test_setup_teardown(many_fields, setup, teardown),
        cmocka_unit_test_setup_teardown(long_header, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
