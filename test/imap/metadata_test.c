/* SPDX-License-Identifier: Apache-2.0 */
/* METADATA and LIST-METADATA: the examples of RFC 5464, RFC 9590 and RFC 6154 §5.4, and limits. */
#include "one_world.h"

#include "base/err.h"
#include "base/limits.h"
#include "world.h"

static void the_examples_of_rfc_5464(void **state)
{
    (void)state;
    struct host *h = world_login(&w);
    /* §4.3 */
    host_sends(h, "a SETMETADATA INBOX (/private/comment {33}\r\n");
    host_expect(h, "+ ");
    world_talk(h, "My new comment across\r\ntwo lines.)", "a OK", NULL);
    world_talk(h, "a GETMETADATA \"INBOX\" /private/comment",
               "* METADATA INBOX (/private/comment {33}", "My new comment across", "two lines.)",
               "a OK", NULL);
    world_talk(h, "a SETMETADATA INBOX (/private/comment NIL)", "a OK", NULL);
    world_talk(h, "a GETMETADATA INBOX /private/comment", "* METADATA INBOX (/private/comment NIL)",
               "a OK", NULL);
    world_talk(h,
               "a SETMETADATA INBOX (/private/comment \"My own comment\" /shared/comment \"Its "
               "sunny outside!\")",
               "a OK", NULL);
    /* §4.2, §4.4.1: with and without a list */
    world_talk(h, "a GETMETADATA \"INBOX\" (/shared/comment /private/comment)",
               "* METADATA INBOX (/shared/comment \"Its sunny outside!\" /private/comment \"My own "
               "comment\")",
               "a OK", NULL);
    world_talk(h, "a GETMETADATA \"INBOX\" /private/comment /shared/comment",
               "* METADATA INBOX (/private/comment \"My own comment\" /shared/comment \"Its sunny "
               "outside!\")",
               "a OK", NULL);
    /* §4.2.1 */
    world_talk(h, "a GETMETADATA \"INBOX\" (MAXSIZE 15) (/shared/comment /private/comment)",
               "* METADATA INBOX (/private/comment \"My own comment\")",
               "a OK [METADATA LONGENTRIES 18]", NULL);
    world_talk(h, "a GETMETADATA (MAXSIZE 1) INBOX (/shared/comment /private/comment)",
               "a OK [METADATA LONGENTRIES 18]", NULL);
    /* §4.2.2 */
    world_talk(h,
               "a SETMETADATA INBOX (/private/filters/values/small \"SMALLER 5000\" "
               "/private/filters/values/boss "
               "\"FROM \\\"boss@example.com\\\"\" /private/filters/values/boss/more \"x\")",
               "a OK", NULL);
    world_talk(h, "a GETMETADATA \"INBOX\" (DEPTH 1) (/private/Filters/values)",
               "* METADATA INBOX (/private/Filters/values/boss \"FROM \\\"boss@example.com\\\"\" "
               "/private/Filters/values/small \"SMALLER 5000\")",
               "a OK", NULL);
    world_talk(h, "a GETMETADATA (DEPTH infinity MAXSIZE 5) INBOX /private/filters",
               "* METADATA INBOX (/private/filters/values/boss/more \"x\")",
               "a OK [METADATA LONGENTRIES 23]", NULL);
    world_talk(h, "a GETMETADATA (DEPTH infinity) INBOX /shared/none",
               "* METADATA INBOX (/shared/none NIL)", "a OK", NULL);
    world_talk(h, "a GETMETADATA (DEPTH 1) INBOX /private",
               "* METADATA INBOX (/private/comment \"My own comment\")", "a OK", NULL);
    world_talk(h, "a GETMETADATA INBOX /private", "* METADATA INBOX (/private NIL)", "a OK", NULL);
    host_free(h);
}

static void the_server_and_special_uses(void **state)
{
    (void)state;
    struct host *h = world_login(&w);
    world_talk(h, "a GETMETADATA \"\" /shared/comment", "* METADATA \"\" (/shared/comment NIL)",
               "a OK", NULL);
    world_talk(h, "a GETMETADATA \"\" (DEPTH infinity) /shared",
               "* METADATA \"\" (/shared/admin \"mailto:postmaster@example.test\")", "a OK", NULL);
    world_talk(h, "a SETMETADATA \"\" (/shared/comment \"x\")", "a NO [NOPERM]", NULL);
    world_talk(h, "a SETMETADATA \"\" (/shared/admin NIL)", "a NO [NOPERM]", NULL);
    world_talk(h, "a SETMETADATA \"\" (/private/vendor/mail/x \"1\" /PRIVATE/comment \"2\")",
               "a OK", NULL);
    world_talk(h, "a GETMETADATA \"\" (DEPTH infinity) /private",
               "* METADATA \"\" (/private/comment \"2\" /private/vendor/mail/x \"1\")", "a OK",
               NULL);
    world_talk(h, "a GETMETADATA INBOX (DEPTH infinity) (/private /shared)",
               "* METADATA INBOX (/private NIL /shared NIL)", "a OK", NULL);
    /* RFC 6154 §5.4 */
    world_talk(h, "t2 GETMETADATA \"Drafts\" /private/specialuse",
               "* METADATA Drafts (/private/specialuse \"\\\\Drafts\")", "t2 OK", NULL);
    world_talk(h,
               "t3 SETMETADATA Archive (/private/comment \"x\" /private/specialuse \"\\\\Drafts\")",
               "t3 NO [CANNOT]", NULL);
    world_talk(h, "t4 GETMETADATA Archive (DEPTH 1) /private",
               "* METADATA Archive (/private/specialuse \"\\\\Archive\")", "t4 OK", NULL);
    host_free(h);
}

static void what_is_wrong_is_refused(void **state)
{
    (void)state;
    struct host *h = world_login(&w);
    static const char *const bad[] = {
        "GETMETADATA",
        "GETMETADATA INBOX",
        "GETMETADATA INBOX ()",
        "GETMETADATA INBOX (/shared/a) /shared/b",
        "GETMETADATA INBOX comment",
        "GETMETADATA INBOX /comment",
        "GETMETADATA INBOX /privatecomment",
        "GETMETADATA INBOX /private/",
        "GETMETADATA INBOX /private//a",
        "GETMETADATA INBOX \"/private/a*\"",
        "GETMETADATA INBOX \"/private/%\"",
        "GETMETADATA (DEPTH 2) INBOX /private/a",
        "GETMETADATA (DEPTH) INBOX /private/a",
        "GETMETADATA (MAXSIZE x) INBOX /private/a",
        "GETMETADATA (SIZE 1) INBOX /private/a",
        "GETMETADATA () INBOX /private/a",
        "GETMETADATA (DEPTH 1) (MAXSIZE 1) /private/a",
        "SETMETADATA INBOX",
        "SETMETADATA INBOX ()",
        "SETMETADATA INBOX /private/a x",
        "SETMETADATA INBOX (/private/a)",
        "SETMETADATA INBOX (/private/a x)",
        "SETMETADATA INBOX (/private/a (x))",
        "SETMETADATA INBOX (/private \"x\")",
        "SETMETADATA INBOX (/private/vendor/v \"x\")",
        "SETMETADATA INBOX (/shared/vendor \"x\")",
        "SETMETADATA INBOX (/private/a \"x\" /private/b)",
        "SETMETADATA (INBOX) (/private/a \"x\")",
        "LIST \"\" * RETURN (METADATA)",
        "LIST \"\" * RETURN (METADATA ())",
        "LIST \"\" * RETURN (METADATA (/x))",
        "LIST \"\" * RETURN (METADATA /private/x)",
    };
    for (size_t n = 0; n < COUNT_OF(bad); n++) {
        host_sends(h, "a NOOP\r\nb ");
        host_expect(h, "a OK");
        world_talk(h, bad[n], "b BAD Please write: ", NULL);
    }
    world_talk(h, "a GETMETADATA none /private/a", "a NO [NONEXISTENT]", NULL);
    world_talk(h, "a SETMETADATA none (/private/a \"x\")", "a NO [NONEXISTENT]", NULL);
    host_free(h);
}

static void values_are_octets_and_bounded(void **state)
{
    (void)state;
    struct host *h = world_login(&w);
    host_sends(h, "a SETMETADATA INBOX (/shared/bin ~{4+}\r\n");
    host_send(h, SPAN("\0\r\n\xff"));
    world_talk(h, " /shared/empty \"\" /shared/utf8 \"\xc3\xbc\")", "a OK", NULL);
    host_sends(h, "a GETMETADATA (DEPTH 1) INBOX /shared\r\n");
    host_expect(h, "* METADATA INBOX (/shared/bin ~{4}");
    struct span line;
    assert_true(host_line(h, &line));
    host_expect(h, "\xff /shared/empty \"\" /shared/utf8 {2}");
    host_expect(h, "\xc3\xbc)");
    host_expect(h, "a OK");
    static char big[LIMIT_ANNOTATION + 1];
    memset(big, 'x', sizeof big);
    char head[100];
    (void)snprintf(head, sizeof head, "a SETMETADATA INBOX (/shared/no \"1\" /shared/big {%d+}\r\n",
                   (int)sizeof big);
    host_sends(h, head);
    host_send(h, span_of(big, sizeof big));
    world_talk(h, ")", "a NO [METADATA MAXSIZE 65536]", NULL);
    world_talk(h, "a GETMETADATA INBOX /shared/no", "* METADATA INBOX (/shared/no NIL)", "a OK",
               NULL);
    /* more than one piece: each value is whole */
    for (char k = 'a'; k < 'f'; k++) {
        (void)snprintf(head, sizeof head, "a SETMETADATA INBOX (/shared/x/%c {%d+}\r\n", k,
                       LIMIT_ANNOTATION);
        host_sends(h, head);
        host_send(h, span_of(big, LIMIT_ANNOTATION));
        world_talk(h, ")", "a OK", NULL);
    }
    host_sends(h, "a GETMETADATA INBOX (DEPTH infinity) (/shared/x /shared/empty)\r\n");
    for (char k = 'a'; k < 'f'; k++) {
        char want[64];
        (void)snprintf(want, sizeof want, "* METADATA INBOX (/shared/x/%c {65536}", k);
        host_expect(h, want);
        assert_true(host_line(h, &line));
        assert_true(line.n == LIMIT_ANNOTATION + (k == 'e' ? 18 : 1) ||
                    line.n == LIMIT_ANNOTATION + 1);
    }
    host_expect(h, "* METADATA INBOX (/shared/empty \"\")");
    host_expect(h, "a OK");
    int err = 0;
    for (int k = 0; err == 0 && k < LIMIT_ANNOTATIONS; k++) {
        (void)snprintf(head, sizeof head, "a SETMETADATA INBOX (/private/n%d \"x\")", k);
        world_talk(h, head, "a OK", NULL);
    }
    world_talk(h, "a SETMETADATA INBOX (/private/n0 \"y\" /private/more \"x\")",
               "a NO [METADATA TOOMANY]", NULL);
    world_talk(h, "a GETMETADATA INBOX /private/n0", "* METADATA INBOX (/private/n0 \"x\")", "a OK",
               NULL);
    host_sends(h, "a GETMETADATA INBOX (/private/a");
    for (int k = 0; k < LIMIT_IMAP_METADATA; k++)
        host_sends(h, " /private/a");
    world_talk(h, ")", "a NO [LIMIT]", NULL);
    host_free(h);
}

static void lists_tell_them(void **state)
{
    (void)state;
    struct host *h = world_login(&w);
    world_talk(h, "A00 CREATE foo/bar", "A00 OK", NULL);
    world_talk(h, "A00 SETMETADATA INBOX (/shared/vendor/cmu/cyrus-imapd/color \"#b71c1c\")",
               "A00 OK", NULL);
    /* RFC 9590 §4 */
    world_talk(
        h, "A01 LIST \"\" (INBOX foo) RETURN (METADATA (\"/shared/vendor/cmu/cyrus-imapd/color\"))",
        "* LIST (\\HasNoChildren) \"/\" INBOX",
        "* METADATA INBOX (/shared/vendor/cmu/cyrus-imapd/color \"#b71c1c\")",
        "* LIST (\\HasChildren) \"/\" foo",
        "* METADATA foo (/shared/vendor/cmu/cyrus-imapd/color NIL)", "A01 OK", NULL);
    world_talk(h, "A01 UNSUBSCRIBE foo", "A01 OK", NULL);
    world_talk(h,
               "A02 LIST (SUBSCRIBED RECURSIVEMATCH) \"\" (INBOX foo) RETURN (METADATA "
               "(\"/shared/vendor/cmu/cyrus-imapd/color\") STATUS (MESSAGES))",
               "* LIST (\\HasNoChildren \\Subscribed) \"/\" INBOX", "* STATUS INBOX (MESSAGES 0)",
               "* METADATA INBOX (/shared/vendor/cmu/cyrus-imapd/color \"#b71c1c\")",
               "* LIST (\\HasChildren) \"/\" foo (\"CHILDINFO\" (\"SUBSCRIBED\"))", "A02 OK", NULL);
    world_talk(h, "A03 SUBSCRIBE gone", "A03 OK", NULL);
    world_talk(h, "A03 LIST (SUBSCRIBED) \"\" gone RETURN (METADATA (/private/a))",
               "* LIST (\\NonExistent \\HasNoChildren \\Subscribed) \"/\" gone", "A03 OK", NULL);
    world_talk(h, "A04 DELETE foo", "A04 OK", NULL);
    world_talk(h, "A04 SETMETADATA foo (/private/a \"level\")", "A04 OK", NULL);
    world_talk(h, "A04 LIST \"\" foo RETURN (METADATA (/private/a))",
               "* LIST (\\Noselect \\HasChildren) \"/\" foo",
               "* METADATA foo (/private/a \"level\")", "A04 OK", NULL);
    host_free(h);
}

/* §4.1 */
static void they_follow_renames_and_not_names(void **state)
{
    (void)state;
    struct host *h = world_login(&w);
    world_talk(h, "a SETMETADATA INBOX (/private/a \"1\")", "a OK", NULL);
    world_talk(h, "a RENAME INBOX old", "a OK", NULL);
    world_talk(h, "a RENAME old older", "a OK", NULL);
    world_talk(h, "a GETMETADATA older /private/a", "* METADATA older (/private/a \"1\")", "a OK",
               NULL);
    world_talk(h, "a GETMETADATA INBOX /private/a", "* METADATA INBOX (/private/a \"1\")", "a OK",
               NULL);
    world_talk(h, "a DELETE older", "a OK", NULL);
    world_talk(h, "a CREATE older", "a OK", NULL);
    world_talk(h, "a GETMETADATA older /private/a", "* METADATA older (/private/a NIL)", "a OK",
               NULL);
    host_free(h);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_examples_of_rfc_5464), TEST(the_server_and_special_uses),
        TEST(what_is_wrong_is_refused), TEST(values_are_octets_and_bounded),
        TEST(lists_tell_them),          TEST(they_follow_renames_and_not_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
