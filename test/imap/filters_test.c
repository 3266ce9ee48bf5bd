/* SPDX-License-Identifier: Apache-2.0 */
/* FILTERS: the examples of RFC 5466, filters in filters, and what is no filter. */
#include "one_world.h"

#include "base/err.h"
#include "base/limits.h"
#include "world.h"

static struct host *h;

static int setup(void **state)
{
    (void)world_setup(state);
    world_append(&w, SPAN("From: boss@example.com\r\nSubject: a\r\n\r\nx\r\n"), 0);
    world_append(&w,
                 SPAN("From: b@example.com\r\nSubject: \xc3\xbc"
                      "ber\r\n\r\nx\r\n"),
                 2);
    world_append(&w, SPAN("From: boss@example.com\r\nSubject: c\r\n\r\nx\r\n"), 1);
    h = world_select(&w);
    return 0;
}

static int teardown(void **state)
{
    host_free(h);
    return world_teardown(state);
}

static void set(const char *name, const char *quoted, const char *answer)
{
    host_sends(h, "f SETMETADATA \"\" (\"/private/filters/values/");
    host_sends(h, name);
    host_sends(h, "\" \"");
    host_sends(h, quoted);
    world_talk(h, "\")", answer, NULL);
}

static void filters_stand_for_their_keys(void **state)
{
    (void)state;
    /* RFC 5466 §3.1, §3.2 */
    set("on-the-road", "OR SMALLER 5 FROM \\\"boss@example.com\\\"", "f OK");
    world_talk(h, "a SEARCH UID 1:900 FILTER on-the-road SINCE \"3-Dec-2002\"", "* SEARCH 1 3",
               "a OK", NULL);
    world_talk(h, "a SEARCH NOT FILTER On-The-Road", "* SEARCH 2", "a OK", NULL);
    set("two", "FILTER on-the-road UNSEEN", "f OK");
    world_talk(h, "a SEARCH FILTER two", "* SEARCH 1", "a OK", NULL);
    world_talk(h, "a SEARCH NOT FILTER two", "* SEARCH 2 3", "a OK", NULL);
    world_talk(h, "a SEARCH OR FILTER two ANSWERED", "* SEARCH 1 2", "a OK", NULL);
    world_talk(h, "a UID SEARCH RETURN (COUNT) CHARSET US-ASCII (FILTER two)",
               "* ESEARCH (TAG \"a\") UID COUNT 1", "a OK", NULL);
    world_talk(h, "a SORT (SUBJECT) UTF-8 FILTER on-the-road", "* SORT 1 3", "a OK", NULL);
    set("umlaut",
        "SUBJECT \\\"\xc3\x9c"
        "BER\\\"",
        "f OK");
    world_talk(h, "a SEARCH CHARSET US-ASCII FILTER umlaut", "* SEARCH 2", "a OK", NULL);
    world_talk(h, "a ESEARCH IN (personal) RETURN (COUNT) FILTER umlaut",
               "* ESEARCH (TAG \"a\" MAILBOX INBOX UIDVALIDITY ", "a OK", NULL);
    world_talk(h, "a SETMETADATA \"\" (/private/filters/descriptions/two \"anything goes (\")",
               "a OK", NULL);
    world_talk(h, "a SETMETADATA \"\" (/private/filters/values/two NIL)", "a OK", NULL);
    world_talk(h, "a SEARCH FILTER two", "a NO [UNDEFINED-FILTER two]", NULL);
    set("numbers", "1:2", "f OK");
    world_talk(h, "a SEARCH FILTER numbers", "* SEARCH 1 2", "a OK", NULL);
}

static void loops_end(void **state)
{
    (void)state;
    set("a", "FILTER b", "f OK");
    world_talk(h, "a SEARCH FILTER a", "a NO [UNDEFINED-FILTER b]", NULL);
    set("b", "FILTER a", "f OK");
    world_talk(h, "a SEARCH FILTER a", "a NO [UNDEFINED-FILTER a]", NULL);
    set("self", "NOT FILTER self FILTER self", "f OK");
    world_talk(h, "a SEARCH FILTER self", "a NO [UNDEFINED-FILTER self]", NULL);
    char name[16], value[32];
    set("n0", "UNSEEN", "f OK");
    for (int k = 1; k <= LIMIT_SEARCH_FILTERS; k++) {
        (void)snprintf(name, sizeof name, "n%d", k);
        (void)snprintf(value, sizeof value, "FILTER n%d", k - 1);
        set(name, value, "f OK");
    }
    (void)snprintf(value, sizeof value, "a SEARCH FILTER n%d", LIMIT_SEARCH_FILTERS - 1);
    world_talk(h, value, "* SEARCH 1 2", "a OK", NULL);
    world_talk(h, "a SEARCH FILTER n10", "a NO [UNDEFINED-FILTER n0]", NULL);
    set("many", "FILTER a FILTER a FILTER a FILTER a FILTER a FILTER a FILTER a FILTER a", "f OK");
    set("a", "FILTER c FILTER c FILTER c FILTER c FILTER c FILTER c FILTER c FILTER c", "f OK");
    set("c", "FILTER d FILTER d FILTER d FILTER d FILTER d FILTER d FILTER d FILTER d", "f OK");
    set("d", "ALL ALL", "f OK");
    world_talk(h, "a SEARCH FILTER many", "a NO [LIMIT]", NULL);
}

static void what_is_no_filter_is_refused(void **state)
{
    (void)state;
    set("broken", "OR SMALLER", "f NO [CANNOT]");
    set("empty", "", "f NO [CANNOT]");
    set("paren", "(ALL", "f NO [CANNOT]");
    set("with space", "ALL", "f NO [CANNOT]");
    set("of/levels", "ALL", "f NO [CANNOT]");
    set("x(y", "ALL", "f NO [CANNOT]");
    world_talk(h, "a SETMETADATA INBOX (/private/filters/values/any \"OR SMALLER\")", "a OK", NULL);
    world_talk(h, "a SEARCH FILTER any", "a NO [UNDEFINED-FILTER any]", NULL);
    set("good", "ALL", "f OK");
    world_talk(h, "a SEARCH CHARSET ISO-8859-1 FILTER good", "a BAD [BADCHARSET (US-ASCII UTF-8)]",
               NULL);
    world_talk(h, "a SEARCH CHARSET NONE FILTER good", "a NO [BADCHARSET (US-ASCII UTF-8)]", NULL);
    /* RFC 5182 §2.1: what is BAD leaves the saved result as it was, NO does not */
    world_talk(h, "a SEARCH RETURN (SAVE) 1", "a OK", NULL);
    world_talk(h, "a SEARCH RETURN (SAVE) CHARSET ISO-8859-1 FILTER good", "a BAD [BADCHARSET",
               NULL);
    world_talk(h, "a FETCH $ UID", "* 1 FETCH (UID 1)", "a OK", NULL);
    world_talk(h, "a SEARCH RETURN (SAVE) FILTER any", "a NO [UNDEFINED-FILTER any]", NULL);
    world_talk(h, "a FETCH $ UID", "a OK", NULL);
    world_talk(h, "a SEARCH FILTER", "a BAD", NULL);
    world_talk(h, "a SEARCH FILTER \"good\"", "a BAD", NULL);
    world_talk(h, "a SEARCH FILTER a/b", "a BAD", NULL);
    world_talk(h, "a SEARCH FILTER (good)", "a BAD", NULL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(filters_stand_for_their_keys),
        TEST(loops_end),
        TEST(what_is_no_filter_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
