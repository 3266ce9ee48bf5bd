/* SPDX-License-Identifier: Apache-2.0 */
/* Recipients are judged, messages arrive once in each mailbox, and failure leaves nothing behind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/metrics.h"
#include "delivery/delivery.h"
#include "mailbox/keys.h"
#include "mailbox/sync.h"
#include "message/summary.h"

static struct clock_fake now;
static struct store *store;
static struct directory *directory;
static struct mail mail;
static struct delivery delivery;
static struct arena *arena;
static uint64_t anna, bert;

static uint64_t account(const char *address, const char *class_name)
{
    struct account a = {.address = span_str(address), .class_name = span_str(class_name)};
    uint64_t id;
    assert_int_equal(account_add(directory, &a, &id), 0);
    assert_int_equal(mailbox_account_create(&mail, id, a.address), 0);
    return id;
}

static int setup(void **state)
{
    (void)state;
    struct domain domain = {.name = SPAN("example.test")};
    struct class_of_service small = {
        .name = SPAN("small"), .quota_bytes = 100, .quota_messages = 3, .message_size = 60};
    arena = arena_new(4 * 1024 * 1024);
    clock_fake_init(&now, INT64_C(1790000000000));
    struct store_options so = {.clock = &now.clock, .rng = rng_system(), .create = true};
    assert_int_equal(store_open("sim:", &so, NULL, &store), 0);
    struct directory_options o = {.store = store,
                                  .clock = &now.clock,
                                  .rng = rng_system(),
                                  .sub_address = "+",
                                  .remove_grace_ms = 1000};
    assert_int_equal(directory_new(&o, &directory), 0);
    assert_int_equal(domain_add(directory, &domain), 0);
    assert_int_equal(class_put(directory, &small), 0);
    mail = (struct mail){
        .store = store, .clock = &now.clock, .rng = rng_system(), .expunge_grace_ms = 1000};
    delivery = (struct delivery){
        .directory = directory, .mail = &mail, .store = store, .clock = &now.clock};
    anna = account("anna@example.test", "");
    bert = account("bert@example.test", "small");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    directory_free(directory);
    store_close(store);
    arena_free(arena);
    return 0;
}

static uint64_t messages(uint64_t id)
{
    struct mail_quota q;
    uint64_t problems;
    assert_int_equal(mailbox_quota(&mail, id, &q), 0);
    assert_int_equal(mailbox_check(&mail, id, true, NULL, NULL, &problems), 0);
    assert_int_equal(problems, 0);
    return q.messages;
}

static int check(const char *address, uint64_t size)
{
    struct resolution res;
    return delivery_check(&delivery, span_str(address), size, arena, &res);
}

static int deliver(const struct destination *v, size_t n, const char *body)
{
    struct delivery_envelope e = {.from = SPAN("sender@example.org"), .v = v, .n = n};
    return delivery_deliver(&delivery, &e, SPAN("Return-Path: <sender@example.org>\r\n"),
                            span_str(body));
}

static int deliver_to(const char *address, const char *body)
{
    struct resolution res;
    assert_int_equal(directory_resolve(directory, span_str(address), arena, &res), 0);
    return deliver(res.v, res.n, body);
}

static void a_message_arrives_with_its_prefix(void **state)
{
    (void)state;
    int64_t before = metric_get(METRIC_MAIL_DELIVERED);
    assert_int_equal(check("anna@example.test", 0), 0);
    assert_int_equal(deliver_to("anna+shop@example.test", "Subject: x\r\n\r\nhello\r\n"), 0);
    assert_int_equal(metric_get(METRIC_MAIL_DELIVERED), before + 1);
    struct mail_view v;
    struct blob_reader *r;
    struct blob_info info;
    struct buf b;
    struct mail_message m;
    assert_int_equal(mailbox_view_load(&mail, anna, (struct mailbox_id){0}, 10, &v), 0);
    assert_int_equal(v.n, 1);
    assert_int_equal(mailbox_message_open(&mail, anna, v.v[0].message, &r, &info), 0);
    buf_init(&b, 1000);
    assert_int_equal(store_blob_read(r, 0, 1000, &b), 0);
    assert_true(span_eq(buf_span(&b),
                        SPAN("Return-Path: <sender@example.org>\r\nSubject: x\r\n\r\nhello\r\n")));
    assert_int_equal(mailbox_message_get(&mail, anna, v.v[0].message, arena, &m), 0);
    assert_true(span_eq(m.envelope_from, SPAN("sender@example.org")));
    store_blob_close(r);
    buf_done(&b);
    mailbox_view_done(&v);
}

/* The record kept beside the only message of an account; empty when there is none. */
static struct span summary_of(uint64_t id)
{
    struct numset uids;
    struct mail_item *v;
    size_t n;
    uint32_t next;
    numset_init(&uids);
    numset_add(&uids, 1);
    struct mail_range in = {.mailbox = {1}, .uids = &uids, .from = 1, .max = 1, .summaries = true};
    assert_int_equal(mailbox_items(&mail, id, &in, arena, &v, &n, &next), 0);
    assert_int_equal(n, 1);
    numset_done(&uids);
    return v[0].summary;
}

static void a_summary_is_kept_beside_it(void **state)
{
    (void)state;
    static const struct span prefix = {"Return-Path: <sender@example.org>\r\n", 35};
    struct message_summary s;
    assert_int_equal(deliver_to("anna@example.test", "Subject: x\r\n\r\nhello\r\n"), 0);
    assert_int_equal(summary_unpack(summary_of(anna), arena, &s), 0);
    assert_true(span_eq(s.envelope->subject, SPAN("x")) && span_eq(s.preview, SPAN("hello")));
    assert_int_equal(summary_parts(&s, arena), 0);
    assert_int_equal(mime_body_offset(s.root), prefix.n + 14);
    assert_int_equal(messages(anna), 1);
}

static void a_summary_too_long_to_keep_is_none(void **state)
{
    (void)state;
    struct buf letter;
    buf_init(&letter, 1 << 20);
    buf_puts(&letter, "To: a@example.test");
    for (int i = 0; i < 10000; i++)
        buf_puts(&letter, ",\r\n a@example.test");
    buf_puts(&letter, "\r\n\r\nhello\r\n");
    buf_putc(&letter, '\0');
    assert_int_equal(deliver_to("anna@example.test", letter.p), 0);
    assert_int_equal(summary_of(anna).n, 0);
    assert_int_equal(messages(anna), 1);
    buf_done(&letter);
}

static void several_recipients_are_one_body(void **state)
{
    (void)state;
    const struct destination v[] = {
        {.local = true, .account_id = bert, .address = SPAN("bert@example.test")},
        {.local = true, .account_id = anna, .address = SPAN("anna@example.test")},
        {.local = true,
         .account_id = bert,
         .address = SPAN("bert@example.test"),
         .detail = SPAN("x")},
    };
    assert_int_equal(deliver(v, 3, "x\r\n"), 0);
    assert_int_equal(messages(anna), 1);
    assert_int_equal(messages(bert), 1); /* named twice, delivered once */
    struct mail_message a, b;
    assert_int_equal(mailbox_message_get(&mail, anna, (struct message_id){1}, arena, &a), 0);
    assert_int_equal(mailbox_message_get(&mail, bert, (struct message_id){1}, arena, &b), 0);
    assert_memory_equal(a.blob.b, b.blob.b, sizeof(a.blob.b));
}

static void recipients_are_judged(void **state)
{
    (void)state;
    assert_int_equal(check("bert@example.test", 60), 0);
    assert_int_equal(check("bert@example.test", 61), ERR_TOO_BIG);
    assert_int_equal(check("nobody@example.test", 0), ERR_NO_USER);
    assert_int_equal(check("x@elsewhere.test", 0), ERR_NO_DOMAIN);
    assert_int_equal(deliver_to("bert@example.test", "12345678901234567890\r\n"),
                     0); /* 35 + 22 = 57 */
    assert_int_equal(check("bert@example.test", 43), 0);
    assert_int_equal(check("bert@example.test", 44), ERR_QUOTA);
    assert_int_equal(check("bert@example.test", 0), 0);
    assert_int_equal(deliver_to("bert@example.test", "123456789\r\n"),
                     ERR_QUOTA); /* 35 + 11 = 46 */
    assert_int_equal(deliver_to("bert@example.test", ""), 0);
    assert_int_equal(messages(bert), 2);
    assert_int_equal(deliver_to("bert@example.test", ""), ERR_QUOTA);
}

static void an_alias_works_while_one_target_does(void **state)
{
    (void)state;
    struct span both[] = {SPAN("anna@example.test"), SPAN("bert@example.test")};
    struct span outside[] = {SPAN("anna@example.test"), SPAN("x@elsewhere.test")};
    struct span only_bert[] = {SPAN("bert@example.test")};
    struct alias alias = {.address = SPAN("all@example.test"), .targets = both, .targets_n = 2};
    assert_int_equal(alias_put(directory, &alias), 0);
    assert_int_equal(check("all@example.test", 1000), 0); /* too big for bert, not for anna */
    assert_int_equal(deliver_to("all@example.test", "x\r\n"), 0);
    assert_int_equal(messages(anna), 1);
    assert_int_equal(messages(bert), 1);
    alias.address = SPAN("b@example.test");
    alias.targets = only_bert;
    alias.targets_n = 1;
    assert_int_equal(alias_put(directory, &alias), 0);
    assert_int_equal(check("b@example.test", 1000), ERR_TOO_BIG);
    alias.address = SPAN("out@example.test");
    alias.targets = outside;
    alias.targets_n = 2;
    assert_int_equal(alias_put(directory, &alias), 0);
    assert_int_equal(check("out@example.test", 0), ERR_RELAY);
    assert_int_equal(deliver_to("out@example.test", "x\r\n"), ERR_RELAY);
    assert_int_equal(messages(anna), 1);
}

static void a_full_mailbox_among_several_still_gets_it(void **state)
{
    (void)state;
    const struct destination v[] = {
        {.local = true, .account_id = anna, .address = SPAN("anna@example.test")},
        {.local = true,
         .account_id = bert,
         .address = SPAN("bert@example.test"),
         .class_name = SPAN("small")},
    };
    for (int i = 0; i < 5; i++)
        assert_int_equal(deliver(v, 2, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n"), 0);
    assert_int_equal(messages(bert), 5);
}

static void a_failure_takes_back_what_was_done(void **state)
{
    (void)state;
    uint64_t late = account("zoe@example.test", "");
    const struct destination v[] = {
        {.local = true, .account_id = anna, .address = SPAN("anna@example.test")},
        {.local = true, .account_id = late + 1000, .address = SPAN("gone@example.test")},
    };
    assert_true(anna < late + 1000); /* accounts are served in order of id */
    /* not "no such user": that would be the answer for anna too */
    assert_int_equal(deliver(v, 2, "x\r\n"), ERR_UNAVAILABLE);
    assert_int_equal(deliver(v + 1, 1, "x\r\n"), ERR_UNAVAILABLE);
    assert_int_equal(messages(anna), 0);
    struct mail_expunged *gone;
    size_t n;
    assert_int_equal(mailbox_expunged_list(&mail, anna, 10, arena, &gone, &n), 0);
    assert_int_equal(n, 1);
    assert_false(gone[0].restorable);
    assert_int_equal(deliver(v, 1, "x\r\n"), 0);
    assert_int_equal(messages(anna), 1);
    assert_int_equal(deliver(v, 0, "x\r\n"), ERR_INVALID);
}

static int inbox_delete(struct store_txn *t, void *arg)
{
    (void)arg;
    struct mail_key key = mail_key_mailbox((struct mailbox_id){INBOX_ID});
    store_txn_del(t, mail_key_span(&key));
    return 0;
}

/* The account is there, so the sender must not hear 550. */
static void a_lost_inbox_is_a_temporary_refusal(void **state)
{
    (void)state;
    assert_int_equal(store_txn_run(store, (struct part){PART_ACCOUNT, anna}, inbox_delete, NULL),
                     0);
    int err = deliver_to("anna@example.test", "x\r\n");
    assert_true(err < 0 && err_info(err)->temporary);
}

enum { MANY = 100 };

static void many_recipients_get_it_all_or_none(void **state)
{
    (void)state;
    struct destination v[MANY + 1];
    char name[64];
    for (int i = 0; i < MANY; i++) {
        (void)snprintf(name, sizeof(name), "user%d@example.test", i);
        v[i] = (struct destination){.local = true,
                                    .account_id = account(name, ""),
                                    .address = arena_dup(arena, span_str(name))};
    }
    v[MANY] = v[5];
    assert_int_equal(deliver(v, MANY + 1, "x\r\n"), 0);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(messages(v[i].account_id), 1);
    v[60].account_id += 100000; /* the last in order: all the others have it by then */
    v[60].address = SPAN("gone@example.test");
    assert_int_equal(deliver(v, MANY, "y\r\n"), ERR_UNAVAILABLE);
    for (int i = 0; i < MANY; i++)
        if (i != 60)
            assert_int_equal(messages(v[i].account_id), 1);
}

/* The purge has destroyed the mail and is about to forget the account: a delivery that comes between must not
 * make it anew, for nobody would ever remove that. */
static void a_delivery_makes_no_mailboxes_behind_a_purge(void **state)
{
    (void)state;
    struct mail_quota quota;
    struct resolution res;
    uint64_t id;
    assert_int_equal(directory_resolve(directory, SPAN("anna@example.test"), arena, &res), 0);
    assert_int_equal(account_remove(directory, SPAN("anna@example.test")), 0);
    assert_int_equal(account_purge_begin(directory, SPAN("anna@example.test"), INT64_MAX, &id), 0);
    assert_int_equal(mailbox_account_destroy(&mail, id), 0);
    assert_int_equal(deliver(res.v, res.n, "x\r\n"), ERR_UNAVAILABLE);
    assert_int_equal(account_purge(directory, SPAN("anna@example.test")), 0);
    assert_int_equal(deliver(res.v, res.n, "x\r\n"), ERR_UNAVAILABLE);
    assert_int_equal(mailbox_quota(&mail, anna, &quota), ERR_NO_USER);
    assert_int_equal(check("anna@example.test", 0), ERR_NO_USER);
}

static void mail_that_is_gone_is_a_temporary_refusal_at_rcpt(void **state)
{
    (void)state;
    assert_int_equal(mailbox_account_destroy(&mail, anna), 0);
    assert_int_equal(check("anna@example.test", 0), ERR_UNAVAILABLE);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_message_arrives_with_its_prefix),
        TEST(a_summary_is_kept_beside_it),
        TEST(a_summary_too_long_to_keep_is_none),
        TEST(several_recipients_are_one_body),
        TEST(recipients_are_judged),
        TEST(an_alias_works_while_one_target_does),
        TEST(a_full_mailbox_among_several_still_gets_it),
        TEST(a_failure_takes_back_what_was_done),
        TEST(a_delivery_makes_no_mailboxes_behind_a_purge),
        TEST(mail_that_is_gone_is_a_temporary_refusal_at_rcpt),
        TEST(a_lost_inbox_is_a_temporary_refusal),
        TEST(many_recipients_get_it_all_or_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
