/* SPDX-License-Identifier: Apache-2.0 */
/* APPEND: one message and many, literals of both kinds, refusals before and after the octets. */
#include "one_world.h"

#include "base/err.h"
#include "base/limits.h"
#include "world.h"

#define MESSAGE "From: a@example.org\r\nSubject: first\r\n\r\nHello.\r\n" /* 47 octets */

static struct mail_item *items(size_t expected)
{
    struct mail_head head;
    struct numset uids;
    struct mail_item *v;
    size_t n;
    uint32_t next;
    struct mailbox_id inbox = {1};
    numset_init(&uids);
    assert_int_equal(mailbox_uids(&w.mail, w.account, inbox, &head, &uids), 0);
    struct mail_range range = {
        .mailbox = inbox, .uids = &uids, .from = 1, .max = 2000, .summaries = true};
    assert_int_equal(mailbox_items(&w.mail, w.account, &range, w.arena, &v, &n, &next), 0);
    assert_int_equal(n, expected);
    numset_done(&uids);
    return v;
}

static void assert_body(const struct mail_item *item, struct span expected)
{
    struct blob_reader *r;
    struct blob_info info;
    struct buf body;
    buf_init(&body, 1 << 20);
    assert_int_equal(mailbox_message_open(&w.mail, w.account, item->message, &r, &info), 0);
    assert_int_equal(store_blob_read(r, 0, 1 << 20, &body), 0);
    assert_true(span_eq(buf_span(&body), expected));
    store_blob_close(r);
    buf_done(&body);
}

static void one_message(void **state)
{
    (void)state;
    struct host *h = world_login(&w);
    world_talk(h, "a APPEND INBOX (\\Seen $Work) \"17-Jul-1996 02:44:25 -0700\" {47}", "+ OK",
               NULL);
    world_talk(h, MESSAGE, "a OK [APPENDUID 1790000000 1] Appended", NULL);
    const struct mail_item *v = items(1);
    assert_int_equal(v->flags, FLAG_SEEN);
    assert_int_equal(v->keywords.n, 1);
    assert_int_equal(v->received_ms, INT64_C(837596665000));
    assert_int_equal(v->size, 47);
    assert_true(v->summary.n > 0);
    assert_body(v, SPAN(MESSAGE));
    /* nothing but the mailbox, which is a literal; and sent without waiting */
    world_talk(h, "b APPEND {5+}\r\nINBOX {47+}\r\n" MESSAGE, "b OK [APPENDUID 1790000000 2]",
               NULL);
    world_talk(h, "b APPEND {5}", "+ OK", NULL);
    world_talk(h, "INBOX {47}", "+ OK", NULL);
    world_talk(h, MESSAGE, "b OK [APPENDUID 1790000000 3]", NULL);
    v = items(3);
    assert_int_equal(v[1].received_ms, w.clock.now_ms);
    host_free(h);
}

/* What other servers have of messages comes along, or is left out, but never keeps the message away. */
static void mail_is_moved_here(void **state)
{
    (void)state;
    struct host *h = world_login(&w);
    world_talk(
        h,
        "a APPEND INBOX (\\Recent \\Seen \\Forwarded $istrusted) \"31-Dec-1969 23:59:59 +0000\" "
        "{47+}\r\n" MESSAGE " \"01-Jan-1601 00:00:00 +0000\" {47+}\r\n" MESSAGE,
        "a OK [APPENDUID 1790000000 1:2]", NULL);
    const struct mail_item *v = items(2);
    assert_int_equal(v[0].flags, FLAG_SEEN);
    assert_int_equal(v[0].keywords.n, 0);
    host_sends(h, "a EXAMINE INBOX\r\n");
    host_output_clear(h);
    world_talk(h, "a FETCH 1:2 INTERNALDATE",
               "* 1 FETCH (INTERNALDATE \"31-Dec-1969 23:59:59 +0000\")",
               "* 2 FETCH (INTERNALDATE \"01-Jan-1601 00:00:00 +0000\")", "a OK", NULL);
    host_free(h);
}

/* RFC 3516 §4.4 */
static void nul_is_refused(void **state)
{
    (void)state;
    struct host *h = world_login(&w);
    host_send(h, SPAN("a APPEND INBOX {3+}\r\na\0b\r\n"));
    host_expect(h, "a NO [CANNOT]");
    host_send(h, SPAN("a APPEND INBOX ~{3+}\r\na\0b\r\n"));
    host_expect(h, "a NO [UNKNOWN-CTE]");
    world_talk(h, "a APPEND INBOX ~{3+}\r\na b", "a OK [APPENDUID ", NULL);
    host_free(h);
}

static void bytes_may_come_one_by_one(void **state)
{
    (void)state;
    for (enum host_cut cut = HOST_BYTES; cut <= HOST_RANDOM; cut++) {
        struct host *h = world_connect(&w, true, cut);
        host_sends(h, "a LOGIN " WORLD_USER " \"" WORLD_PASSWORD
                      "\"\r\nb APPEND INBOX {47+}\r\n" MESSAGE
                      " {3+}\r\n\r\nx () ~{3+}\r\nabc UTF8 (~{4+}\r\nabcd)\r\nc NOOP\r\n");
        host_expect(h, "a OK");
        host_expect(h, "b OK [APPENDUID 1790000000 ");
        host_expect(h, "c OK");
        host_expect_silence(h);
        host_free(h);
    }
    const struct mail_item *v = items(8);
    assert_body(&v[0], SPAN(MESSAGE));
    assert_body(&v[1], SPAN("\r\nx"));
    assert_body(&v[3], SPAN("abcd"));
}

/* RFC 3502: all or none */
static void several_messages(void **state)
{
    (void)state;
    struct host *h = world_login(&w);
    world_talk(h, "a APPEND INBOX (\\Seen) {47}", "+ OK", NULL);
    world_talk(h, MESSAGE " (\\Seen) \" 7-Feb-1994 22:43:04 -0800\" {47}", "+ OK", NULL);
    world_talk(h, MESSAGE " \" 7-Feb-1994 22:43:04 -0800\" {47}", "+ OK", NULL);
    world_talk(h, MESSAGE, "a OK [APPENDUID 1790000000 1:3]", NULL);
    world_talk(h, "a APPEND INBOX {47+}\r\n" MESSAGE " {0+}\r\n", "a NO [CANNOT]", NULL);
    world_talk(h, "a APPEND INBOX {47+}\r\n" MESSAGE " {0}", "a NO [CANNOT]", NULL);
    world_talk(h, "a APPEND INBOX {47+}\r\n" MESSAGE " (\\) {47+}\r\n" MESSAGE, "a BAD", NULL);
    world_talk(h, "a APPEND INBOX {47+}\r\n" MESSAGE "{47+}\r\n" MESSAGE, "a BAD", NULL);
    world_talk(h, "a APPEND INBOX {47+}\r\n" MESSAGE " x", "a BAD", NULL);
    world_talk(h, "a APPEND INBOX {47+}\r\n" MESSAGE " ", "a BAD", NULL);
    items(3);
    world_talk(h, "a NOOP", "a OK", NULL);
    host_free(h);
}

static void refusals(void **state)
{
    (void)state;
    struct host *h = world_login(&w);
    world_talk(h, "a APPEND Nowhere {47}", "a NO [TRYCREATE]", NULL);
    world_talk(h, "a APPEND Nowhere {47+}\r\n" MESSAGE, "a NO [TRYCREATE]", NULL);
    world_talk(h, "a APPEND Nowhere {47+}\r\n" MESSAGE " {47}", "a NO [TRYCREATE]", NULL);
    world_talk(h, "a APPEND INBOX {60000000}", "a NO [TOOBIG]", NULL);
    world_talk(h, "a APPEND INBOX {0}", "a NO [CANNOT]", NULL);
    world_talk(h, "a APPEND INBOX (\\*) {3}", "a BAD", NULL);
    world_talk(h, "a APPEND INBOX \"yesterday\" {3}", "a BAD", NULL);
    world_talk(h, "a APPEND INBOX x {3}", "a BAD", NULL);
    world_talk(h, "a APPEND INBOX () \"17-Jul-1996 02:44:25 -0700\" x {3}", "a BAD", NULL);
    world_talk(h, "a APPEND INBOX", "a BAD", NULL);
    world_talk(h, "a APPEND", "a BAD", NULL);
    world_talk(h, "a APPEND {5+}\r\nINBOX", "a BAD", NULL);
    world_talk(h, "a APPEND (INBOX {3}", "a BAD", NULL);
    world_talk(h, "a APPEND INBOX UTF8 (~{3+}\r\nabc", "a BAD", NULL);
    host_sends(h, "a APPEND INBOX {3+}\r\n");
    host_send(h, SPAN("a\0b"));
    world_talk(h, "", "a NO [CANNOT]", NULL);
    world_talk(h, "a NOOP", "a OK", NULL);
    items(0);
    world_talk(h, "a APPEND INBOX {200000000+}", "* BYE [TOOBIG]", NULL);
    host_expect_closed(h);
    host_free(h);
    h = world_connect(&w, true, HOST_WHOLE);
    world_talk(h, "a APPEND INBOX {47}", "a BAD Please log in first", NULL);
    world_talk(h, "a APPEND INBOX {47+}\r\n" MESSAGE, "a BAD Please log in first", NULL);
    host_free(h);
    h = world_login(&w);
    world_talk(h, "a APPEND (INBOX {3+}", "* BYE", NULL);
    host_expect_closed(h);
    host_free(h);
}

static void limits_of_the_class(void **state)
{
    (void)state;
    struct class_of_service class = {
        .name = SPAN("default"), .quota_messages = 2, .quota_bytes = 120, .message_size = 60};
    assert_int_equal(class_put(w.directory, &class), 0);
    struct host *h = world_login(&w);
    world_talk(h, "a APPEND INBOX {61}", "a NO [TOOBIG]", NULL);
    /* RFC 7889: as it is announced */
    world_talk(h, "a STATUS INBOX (APPENDLIMIT)", "* STATUS INBOX (APPENDLIMIT 60)", "a OK", NULL);
    host_sends(h, "a CAPABILITY\r\n");
    assert_true(span_find(host_output(h), SPAN(" APPENDLIMIT=60 ")) > 0);
    host_output_clear(h);
    world_talk(h, "a APPEND INBOX {47+}\r\n" MESSAGE " {47+}\r\n" MESSAGE " {47+}\r\n" MESSAGE,
               "a NO [OVERQUOTA]", NULL);
    items(0);
    world_talk(h, "a APPEND INBOX {47+}\r\n" MESSAGE " {47+}\r\n" MESSAGE, "a OK", NULL);
    world_talk(h, "a APPEND INBOX {47}", "a NO [OVERQUOTA]", NULL);
    items(2);
    host_free(h);
}

static int set_class(void *arg, struct arena *a, struct account *account)
{
    (void)a;
    account->class_name = *(const struct span *)arg;
    return 0;
}

static void a_class_changed_meanwhile(void **state)
{
    (void)state;
    struct class_of_service class = {.name = SPAN("small"), .quota_messages = 1};
    struct span small = SPAN("small"), whole = SPAN("default");
    struct host *h = world_login(&w);
    assert_int_equal(class_put(w.directory, &class), 0);
    assert_int_equal(account_change(w.directory, SPAN(WORLD_USER), set_class, &small), 0);
    world_talk(h, "a APPEND Drafts {47+}\r\n" MESSAGE, "a OK", NULL);
    world_talk(h, "a APPEND Drafts {47+}\r\n" MESSAGE, "a NO [OVERQUOTA]", NULL);
    assert_int_equal(account_change(w.directory, SPAN(WORLD_USER), set_class, &whole), 0);
    world_talk(h, "a APPEND Drafts {47+}\r\n" MESSAGE, "a OK", NULL);
    host_free(h);
}

/* RFC 9738 §3.1 */
static void not_too_many_at_once(void **state)
{
    (void)state;
    struct host *h = world_login(&w);
    host_sends(h, "a APPEND INBOX");
    for (int n = 0; n <= LIMIT_IMAP_APPEND; n++)
        host_sends(h, " {1+}\r\nx");
    world_talk(h, "", "a NO [MESSAGELIMIT 1000] ", NULL);
    host_sends(h, "a APPEND INBOX");
    for (int n = 0; n < LIMIT_IMAP_APPEND; n++)
        host_sends(h, " {1+}\r\nx");
    world_talk(h, "", "a OK [APPENDUID 1790000000 1:1000] ", NULL);
    host_free(h);
}

static void sessions_hear_of_it(void **state)
{
    (void)state;
    struct host *h = world_login(&w);
    host_sends(h, "a SELECT INBOX\r\n");
    host_output_clear(h);
    world_talk(h, "b APPEND INBOX {47+}\r\n" MESSAGE, "* 1 EXISTS", "* 0 RECENT",
               "b OK [APPENDUID 1790000000 1]", NULL);
    host_free(h);
}

/* RFC 8508 */
static void messages_are_replaced(void **state)
{
    (void)state;
    struct host *h = world_login(&w);
    world_talk(h, "a REPLACE 1 Drafts {3+}\r\nabc", "a BAD Please select", NULL);
    for (int n = 0; n < 3; n++)
        world_append(&w, SPAN(MESSAGE), 0);
    host_sends(h, "a SELECT INBOX\r\n");
    host_output_clear(h);
    world_talk(h, "a REPLACE 2 INBOX (\\Seen) \"17-Jul-1996 02:44:25 -0700\" {5}", "+ OK", NULL);
    world_talk(h, "\r\nnew", "* OK [APPENDUID 1790000000 4] Replaced", "* 2 EXPUNGE", "* 3 EXISTS",
               "* 0 RECENT", "a OK Done", NULL);
    assert_body(&items(3)[2], SPAN("\r\nnew"));
    world_talk(h, "a UID REPLACE 4 {6+}\r\nDrafts {4+}\r\n\r\nxx",
               "* OK [APPENDUID 1790000002 1] Replaced", "* 3 EXPUNGE", "a OK Done", NULL);
    items(2);
    world_talk(h, "a UID REPLACE 4 Drafts {4+}\r\n\r\nxx", "a NO [NONEXISTENT]", NULL);
    world_talk(h, "a UID REPLACE 4 Drafts {4}", "a NO [NONEXISTENT]", NULL);
    world_talk(h, "a REPLACE 9 Drafts {4}", "a BAD", NULL);
    world_talk(h, "a REPLACE 1:2 Drafts {4}", "a BAD", NULL);
    world_talk(h, "a REPLACE 1 Nowhere {4}", "a NO [TRYCREATE]", NULL);
    world_talk(h, "a REPLACE 1 Drafts {4+}\r\n\r\nxx {4+}\r\n\r\nxx", "a BAD", NULL);
    world_talk(h, "a REPLACE 1 {4+}\r\n\r\nxx", "a BAD", NULL);
    world_talk(h, "a REPLACE 1", "a BAD", NULL);
    world_talk(h, "a REPLACE {1+}\r\n1", "a BAD", NULL);
    world_talk(h, "a REPLACE *:1 Drafts {4}", "a BAD", NULL);
    items(2);
    /* what is replaced counts no more; it can be restored */
    struct class_of_service class = {.name = SPAN("default"), .quota_messages = 3};
    struct mail_quota quota;
    assert_int_equal(class_put(w.directory, &class), 0);
    world_talk(h, "a APPEND INBOX {4+}\r\n\r\nxx", "a NO [OVERQUOTA]", NULL);
    world_talk(h, "a REPLACE 1 INBOX {4+}\r\n\r\nxx", "* OK [APPENDUID 1790000000 5]",
               "* 1 EXPUNGE", "* 2 EXISTS", "* 0 RECENT", "a OK", NULL);
    assert_int_equal(mailbox_quota(&w.mail, w.account, &quota), 0);
    assert_int_equal(quota.messages, 3);
    assert_int_equal(quota.restorable_messages, 3);
    host_sends(h, "a EXAMINE INBOX\r\n");
    host_output_clear(h);
    world_talk(h, "a REPLACE 1 Drafts {4}", "a NO [CANNOT]", NULL);
    world_talk(h, "a REPLACE 1 Drafts {4+}\r\n\r\nxx", "a NO [CANNOT]", NULL);
    /* gone while the new one was on its way */
    host_sends(h, "a SELECT INBOX\r\n");
    host_output_clear(h);
    struct mail_uid uid = {3};
    size_t removed;
    world_talk(h, "a REPLACE 1 Drafts {4}", "+ OK", NULL);
    assert_int_equal(
        mailbox_expunge(&w.mail, w.account, (struct mailbox_id){1}, &uid, 1, 0, &removed), 0);
    world_talk(h, "\r\nxx", "* 1 EXPUNGE", "a NO [NONEXISTENT]", NULL);
    /* §5: the last one; where there is none it is no message */
    world_talk(h, "a UID REPLACE * Drafts {4+}\r\n\r\nxx", "* OK [APPENDUID", "* 1 EXPUNGE", "a OK",
               NULL);
    world_talk(h, "a REPLACE * Drafts {4}", "a BAD There is no message", NULL);
    host_free(h);
}

static void large_messages_go_to_a_file(void **state)
{
    (void)state;
    enum { LARGE = 3000000 };
    struct buf body;
    buf_init(&body, LARGE);
    for (int n = 0; n < LARGE; n++)
        buf_putc(&body, n % 70 == 69 ? '\n' : 'x');
    struct host *h = world_login(&w);
    host_sends(h, "a APPEND INBOX {3000000+}\r\n");
    host_send(h, buf_span(&body));
    world_talk(h, "", "a OK", NULL);
    assert_int_equal(items(1)->size, LARGE);
    /* and ends with the session in the middle of it */
    host_sends(h, "a APPEND INBOX {3000000+}\r\n");
    host_send(h, span_slice(buf_span(&body), 0, LARGE / 2));
    host_free(h);
    items(1);
    buf_done(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_message, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(mail_is_moved_here, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(nul_is_refused, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(bytes_may_come_one_by_one, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(several_messages, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(refusals, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(limits_of_the_class, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_class_changed_meanwhile, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(not_too_many_at_once, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(sessions_hear_of_it, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(messages_are_replaced, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(large_messages_go_to_a_file, world_setup, world_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
