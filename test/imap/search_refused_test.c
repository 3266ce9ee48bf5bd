/* SPDX-License-Identifier: Apache-2.0 */
/* What SEARCH, SORT and THREAD refuse, and why. */
#include "one_world.h"

#include "base/err.h"
#include "imap/search_task.h"
#include "world.h"

static struct host *h;

static int setup(void **state)
{
    (void)world_setup(state);
    for (int i = 0; i < 6; i++)
        world_append(&w, SPAN("Subject: x\r\n\r\n"), 0);
    h = world_select(&w);
    return 0;
}

static int teardown(void **state)
{
    host_free(h);
    return world_teardown(state);
}

static void refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "SEARCH",
        "SEARCH RETURN (MIN)",
        "SEARCH RETURN ALL",
        "SEARCH RETURN (WHAT) ALL",
        "SEARCH RETURN (ALL PARTIAL 1:2) ALL",
        "SEARCH RETURN (PARTIAL 1:2 PARTIAL 3:4) ALL",
        "SEARCH RETURN (PARTIAL 0:2) ALL",
        "SEARCH RETURN (PARTIAL -1:2) ALL",
        "SEARCH RETURN (PARTIAL) ALL",
        "SEARCH CHARSET",
        "SEARCH CHARSET UTF-8",
        "SEARCH WHAT",
        "SEARCH ()",
        "SEARCH (ALL",
        "SEARCH NOT",
        "SEARCH OR 1",
        "SEARCH OR",
        "SEARCH 0",
        "SEARCH 1,",
        "SEARCH UID",
        "SEARCH UID x",
        "SEARCH FROM",
        "SEARCH FROM (x)",
        "SEARCH HEADER x",
        "SEARCH KEYWORD \\Seen",
        "SEARCH KEYWORD \"x\"",
        "SEARCH LARGER x",
        "SEARCH LARGER -1",
        "SEARCH SINCE 1994-02-01",
        "SEARCH SINCE 30-Feb-1994",
        "SEARCH SINCE 1-Feb-94",
        "SEARCH SINCE 1-Feb-1994x",
        "SEARCH OLDER 0",
        "SEARCH OLDER x",
        "SEARCH MODSEQ",
        "SEARCH MODSEQ x",
        "SEARCH MODSEQ \"/flags/x\" 5",
        "SEARCH MODSEQ \"x\" all 5",
        "SEARCH EMAILID \"\"",
        "SEARCH FUZZY ALL",
        "SORT",
        "SORT (SUBJECT) UTF-8",
        "SORT SUBJECT UTF-8 ALL",
        "SORT () UTF-8 ALL",
        "SORT (REVERSE) UTF-8 ALL",
        "SORT (SUBJECT WHAT) UTF-8 ALL",
        "SORT (REVERSE REVERSE SUBJECT) UTF-8 ALL",
        "THREAD",
        "THREAD REFERENCES UTF-8",
        "THREAD WHAT UTF-8 ALL",
        "THREAD REFERENCES (x) ALL",
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        if (i % 10 == 9) /* not too many in a row */
            world_talk(h, "a NOOP", "a OK", NULL);
        struct buf command;
        buf_init(&command, 1000);
        buf_printf(&command, "a %s", bad[i]);
        buf_putc(&command, '\0');
        world_talk(h, command.p, "a BAD Please write: ", NULL);
        buf_done(&command);
    }
    world_talk(h, "a SEARCH CHARSET X-NOBODY ALL", "a NO [BADCHARSET (US-ASCII UTF-8)]", NULL);
    world_talk(h, "a SORT (DATE) X-NOBODY ALL", "a NO [BADCHARSET (US-ASCII UTF-8)]", NULL);
}

static void too_much(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1 << 20);
    buf_puts(&b, "a SEARCH");
    for (int i = 0; i < LIMIT_SEARCH_KEYS; i++)
        buf_puts(&b, " SEEN");
    buf_puts(&b, "\r\n");
    buf_putc(&b, '\0');
    host_sends(h, b.p);
    host_expect(h, "a NO [LIMIT]");
    buf_clear(&b);
    buf_puts(&b, "a SORT (SIZE");
    for (int i = 0; i < LIMIT_SORT_KEYS; i++)
        buf_puts(&b, " SIZE");
    buf_puts(&b, ") UTF-8 ALL\r\n");
    buf_putc(&b, '\0');
    host_sends(h, b.p);
    host_expect(h, "a NO [LIMIT]");
    buf_clear(&b);
    buf_puts(&b, "a SEARCH ");
    for (int i = 0; i < 45; i++)
        buf_puts(&b, "(NOT ");
    buf_puts(&b, "ALL");
    for (int i = 0; i < 45; i++)
        buf_putc(&b, ')');
    buf_puts(&b, "\r\n");
    buf_putc(&b, '\0');
    host_sends(h, b.p);
    host_expect(h, "a NO [LIMIT]");
    host_expect_silence(h);
    buf_clear(&b);
    buf_puts(&b, "a SEARCH");
    for (int i = 0; i < 201; i++)
        buf_puts(&b, " NOT");
    for (int i = 0; i < 201; i++)
        buf_puts(&b, " OR NEW");
    buf_puts(&b, " 3");
    buf_putc(&b, '\0');
    world_talk(h, b.p, "* SEARCH 1 2 4 5 6", "a OK", NULL);
    buf_done(&b);
}

static int gone(const struct session *s)
{
    (void)s;
    return ERR_CLOSED;
}

/* A client may send its last command and close: what is quick is answered all the same. */
static void only_long_ones_stop(void **state)
{
    struct clock_fake clock;
    struct imap i = {.s = {.clock = &clock.clock, .unwanted = gone}};
    struct search_task t = {.imap = &i};
    (void)state;
    clock_fake_init(&clock, 5000);
    t.began_ms = clock.clock.mono_ms(&clock.clock);
    assert_int_equal(search_unwanted(&t), 0);
    clock_fake_advance(&clock, 999);
    assert_int_equal(search_unwanted(&t), 0);
    clock_fake_advance(&clock, 1);
    assert_int_equal(search_unwanted(&t), ERR_CLOSED);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {T(refused), T(too_much),
                                       cmocka_unit_test(only_long_ones_stop)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
