/* SPDX-License-Identifier: Apache-2.0 */
/* An account with as many mailboxes as one may have, 10,000: what lists them lists all, what asks for one is not slowed down
 * by the others, and a parent takes all of them along. */
#include "one_world.h"

#include "base/limits.h"
#include "mailbox/mailbox.h"
#include "world.h"

/* INBOX and the special ones, the parent, and the rest below it. */
enum { AT_FIRST = 6, BELOW = LIMIT_MAILBOXES - AT_FIRST - 1 };

/* "top/00042" and as many x behind it as make the name so long. */
static struct span name_of(const char *top, size_t n, size_t long_)
{
    static char text[LIMIT_MAILBOX_NAME + 64];
    int len = snprintf(text, sizeof text, "%s/%05zu", top, n);
    must(len > 0 && (size_t)len < sizeof text);
    size_t to = long_ > (size_t)len ? long_ : (size_t)len;
    memset(text + len, 'x', to - (size_t)len);
    return span_of(text, to);
}

static void make(size_t n, size_t long_)
{
    struct mailbox_id id;
    assert_int_equal(mailbox_create(&w.mail, w.account, SPAN("top"), USE_NONE, &id), 0);
    for (size_t k = 0; k < n; k++)
        assert_int_equal(
            mailbox_create(&w.mail, w.account, name_of("top", k, long_), USE_NONE, &id), 0);
}

/* Sends a command; how many lines begin with `prefix`, before "a OK". */
static size_t count(struct host *h, const char *command, const char *prefix)
{
    struct span line;
    size_t n = 0;
    host_sends(h, command);
    host_sends(h, "\r\n");
    while (host_line(h, &line)) {
        if (span_starts(line, SPAN("a "))) {
            assert_true(span_starts(line, SPAN("a OK")));
            host_expect_silence(h);
            return n;
        }
        n += span_starts(line, span_str(prefix));
    }
    fail_msg("%s: no answer", command);
    return 0;
}

static void all_are_listed_and_each_is_found(void **state)
{
    (void)state;
    make(BELOW, 0);
    struct host *h = world_login(&w);
    world_talk(h, "a CREATE one-more", "a NO [LIMIT] There are too many mailboxes", NULL);
    assert_int_equal(count(h, "a LIST \"\" *", "* LIST"), LIMIT_MAILBOXES);
    assert_int_equal(count(h, "a LIST \"\" %", "* LIST"), AT_FIRST + 1);
    assert_int_equal(count(h, "a LIST \"\" top/0004%", "* LIST"), 10);
    world_talk(h, "a LIST \"\" top", "* LIST (\\HasChildren) \"/\" top", "a OK", NULL);
    world_talk(h, "a LIST \"\" inbox", "* LIST (\\HasNoChildren) \"/\" INBOX", "a OK", NULL);
    world_talk(h, "a LIST \"\" (Sent top/00077)", "* LIST (\\HasNoChildren \\Sent) \"/\" Sent",
               "* LIST (\\HasNoChildren) \"/\" top/00077", "a OK", NULL);
    assert_int_equal(count(h, "a LSUB \"\" *", "* LSUB"), LIMIT_MAILBOXES);
    assert_int_equal(count(h, "a LIST (SUBSCRIBED) \"\" *", "* LIST"), LIMIT_MAILBOXES);
    assert_int_equal(count(h, "a LIST \"\" * RETURN (STATUS (MESSAGES UNSEEN))", "* STATUS"),
                     LIMIT_MAILBOXES);
    world_talk(h, "a STATUS top/09000 (MESSAGES UIDNEXT)",
               "* STATUS top/09000 (MESSAGES 0 UIDNEXT 1)", "a OK", NULL);
    world_talk(h, "a GETQUOTA \"\"", "* QUOTA \"\" (MAILBOX 10000 10000)", "a OK", NULL);
    /* RFC 5465 §5.8: so many are not watched, and nothing else is */
    world_talk(h, "a NOTIFY SET (personal (MessageNew MessageExpunge))",
               "a NO [NOTIFICATIONOVERFLOW]", NULL);
    world_talk(h, "a UNSUBSCRIBE top/00007", "a OK", NULL);
    assert_int_equal(count(h, "a LSUB \"\" *", "* LSUB"), LIMIT_MAILBOXES - 1);
    world_talk(h, "a DELETE top/00007", "a OK", NULL);
    world_talk(h, "a CREATE instead", "a OK", NULL);
    world_talk(h, "a CREATE one-more", "a NO [LIMIT]", NULL);
    host_free(h);
}

static void all_are_renamed_with_their_parent(void **state)
{
    (void)state;
    make(BELOW, 0);
    struct host *h = world_login(&w);
    world_talk(h, "a RENAME top/00042 top/leaf", "a OK", NULL);
    world_talk(h, "a RENAME top other", "a OK", NULL);
    assert_int_equal(count(h, "a LIST \"\" top*", "* LIST"), 0);
    assert_int_equal(count(h, "a LIST \"\" other/%", "* LIST"), BELOW);
    world_talk(h, "a STATUS other/leaf (MESSAGES)", "* STATUS other/leaf (MESSAGES 0)", "a OK",
               NULL);
    host_free(h);
}

/* All of them in one transaction is too much when each name is as long as it may be: none is renamed. */
static void too_much_is_refused_whole(void **state)
{
    (void)state;
    make(BELOW, LIMIT_MAILBOX_NAME);
    struct host *h = world_login(&w);
    world_talk(h, "a RENAME top two", "a NO [TOOBIG]", NULL);
    assert_int_equal(count(h, "a LIST \"\" top/%", "* LIST"), BELOW);
    assert_int_equal(count(h, "a LIST \"\" * RETURN (STATUS (MESSAGES UNSEEN))", "* STATUS"),
                     LIMIT_MAILBOXES);
    host_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_are_listed_and_each_is_found, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(all_are_renamed_with_their_parent, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(too_much_is_refused_whole, world_setup, world_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
