/* SPDX-License-Identifier: Apache-2.0 */
/* UIDBATCHES (RFC 10022). */
#include "one_world.h"

#include "world.h"

static void fill(size_t n)
{
    static struct mail_append v[1000];
    static struct mail_appended out[1000];
    struct blob_writer *writer;
    assert_int_equal(store_blob_create(w.store, &writer), 0);
    assert_int_equal(store_blob_write(writer, SPAN("\r\n")), 0);
    assert_int_equal(store_blob_finish(writer, &v[0].blob, &v[0].info), 0);
    for (size_t k = 1; k < 1000; k++)
        v[k] = v[0];
    for (; n > 0; n -= n < 1000 ? n : 1000)
        assert_int_equal(mailbox_append_many(&w.mail, w.account, v, n < 1000 ? n : 1000, out), 0);
}

static struct host *open_inbox(void)
{
    struct host *h = world_login(&w);
    struct span line;
    host_sends(h, "s SELECT INBOX\r\n");
    do {
        assert_true(host_line(h, &line));
    } while (!span_starts(line, SPAN("s ")));
    return h;
}

static void says(struct host *h, const char *command, const char *untagged)
{
    struct span line;
    host_sends(h, command);
    host_sends(h, "\r\n");
    assert_true(host_line(h, &line));
    if (!span_eq(span_trim(line), span_str(untagged)))
        fail_msg("%s: %.*s, not %s", command, SPAN_ARG(span_trim(line)), untagged);
    host_expect(h, "a OK UIDBATCHES completed");
    host_expect_silence(h);
}

static void batches(void **state)
{
    (void)state;
    fill(2400);
    struct mail_uid u[] = {{1}, {2400}, {2399}};
    size_t removed;
    assert_int_equal(mailbox_expunge(&w.mail, w.account, (struct mailbox_id){1}, u, 3, 0, &removed),
                     0);
    struct host *h = open_inbox(); /* 2 to 2398 */
    says(h, "a UIDBATCHES 1000", "* UIDBATCHES (TAG \"a\") 2398:1399,1398:399,398:2");
    says(h, "a UIDBATCHES 2396", "* UIDBATCHES (TAG \"a\") 2398:3,2:2");
    says(h, "a UIDBATCHES 2397", "* UIDBATCHES (TAG \"a\") 2398:2");
    says(h, "a UIDBATCHES 99999", "* UIDBATCHES (TAG \"a\") 2398:2");
    says(h, "a UIDBATCHES 500 2:3", "* UIDBATCHES (TAG \"a\") 1898:1399,1398:899");
    says(h, "a UIDBATCHES 500 4:9", "* UIDBATCHES (TAG \"a\") 898:399,398:2");
    says(h, "a UIDBATCHES 500 6:8", "* UIDBATCHES (TAG \"a\")");
    world_talk(h, "a UIDBATCHES 499", "a NO [TOOFEW]", NULL);
    world_talk(h, "a UIDBATCHES 2000 1:100", "a NO [TOOMANY]", NULL);
    world_talk(h, "a UIDBATCHES 2000 4:1", "a BAD [CLIENTBUG]", NULL);
    static const char *const bad[] = {"a UIDBATCHES",         "a UIDBATCHES 0",
                                      "a UIDBATCHES x",       "a UIDBATCHES (500)",
                                      "a UIDBATCHES 500 1",   "a UIDBATCHES 500 0:1",
                                      "a UIDBATCHES 500 1:*", "a UIDBATCHES 500 1:2 3"};
    for (size_t k = 0; k < COUNT_OF(bad); k++)
        world_talk(h, bad[k], "a BAD Please write: UIDBATCHES ", NULL);
    host_free(h);
}

static void empty(void **state)
{
    (void)state;
    struct host *h = open_inbox();
    says(h, "a UIDBATCHES 500", "* UIDBATCHES (TAG \"a\")");
    says(h, "a UIDBATCHES 500 1:2", "* UIDBATCHES (TAG \"a\")");
    host_free(h);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {T(batches), T(empty)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
