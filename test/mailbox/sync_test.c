/* SPDX-License-Identifier: Apache-2.0 */
/* What sessions that follow a mailbox are told, and what they change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "fixture.h"
#include "mailbox/sets.h"

static struct fixture f;
static struct numset a, b, c;
static const struct mailbox_id inbox = {USE_INBOX}, trash = {USE_TRASH};

static int setup(void **state)
{
    (void)state;
    fixture_open(&f);
    numset_init(&a);
    numset_init(&b);
    numset_init(&c);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    numset_done(&a);
    numset_done(&b);
    numset_done(&c);
    assert_int_equal(fixture_check(&f), 0);
    fixture_close(&f);
    return 0;
}

static void add(uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        fixture_append(&f, 0, SPAN("x"));
}

static struct mail_head head_of(struct mailbox_id mailbox)
{
    struct mail_head h;
    assert_int_equal(mailbox_head(&f.mail, FIXTURE_ACCOUNT, mailbox, &h), 0);
    return h;
}

static struct keyword_ids keyword(const char *name)
{
    uint32_t id;
    assert_int_equal(mailbox_keyword(&f.mail, FIXTURE_ACCOUNT, span_str(name), true, &id), 0);
    return (struct keyword_ids){1, {(uint16_t)id}};
}

static void set_flags(uint32_t first, uint32_t last, uint32_t flags, struct keyword_ids keywords)
{
    struct mail_store in = {
        .mailbox = inbox, .op = STORE_ADD, .flags = flags, .keywords = keywords};
    struct numset uids, refused;
    numset_init(&uids);
    numset_init(&refused);
    numset_add_range(&uids, first, last);
    assert_int_equal(mailbox_store(&f.mail, FIXTURE_ACCOUNT, &in, &uids, &refused), 0);
    numset_done(&uids);
    numset_done(&refused);
}

static void expunge(uint32_t first, uint32_t last)
{
    struct numset uids;
    numset_init(&uids);
    numset_add_range(&uids, first, last);
    assert_int_equal(mailbox_expunge_set(&f.mail, FIXTURE_ACCOUNT, inbox, &uids, 0), 0);
    numset_done(&uids);
}

static void changes_are_what_happened_since(void **state)
{
    (void)state;
    struct mail_head h;
    bool complete;
    add(10);
    struct modseq before = head_of(inbox).modseq;
    assert_int_equal(
        mailbox_changes(&f.mail, FIXTURE_ACCOUNT, inbox, before, &h, &a, &b, &complete), 0);
    assert_true(complete && numset_is_empty(&a) && numset_is_empty(&b));
    set_flags(2, 3, FLAG_SEEN, (struct keyword_ids){0});
    expunge(5, 6);
    add(1);
    fixture_append(&f, USE_TRASH, SPAN("elsewhere"));
    assert_int_equal(
        mailbox_changes(&f.mail, FIXTURE_ACCOUNT, inbox, before, &h, &a, &b, &complete), 0);
    assert_true(complete);
    assert_int_equal(numset_count(&a), 3);
    assert_true(numset_has(&a, 2) && numset_has(&a, 3) && numset_has(&a, 11));
    assert_int_equal(numset_count(&b), 2);
    assert_true(numset_has(&b, 5) && numset_has(&b, 6));
    assert_true(h.modseq.v > before.v && h.messages == 9 && h.uidnext == 12 && h.unseen == 7);
}

static void a_list_of_expunges_that_was_cut_says_so(void **state)
{
    (void)state;
    struct mail_head h;
    bool complete;
    f.mail.tombstones_max = 3;
    add(20);
    struct modseq before = head_of(inbox).modseq;
    expunge(1, 2);
    assert_int_equal(
        mailbox_changes(&f.mail, FIXTURE_ACCOUNT, inbox, before, &h, &a, &b, &complete), 0);
    assert_true(complete);
    expunge(3, 4);
    expunge(5, 6);
    assert_int_equal(
        mailbox_changes(&f.mail, FIXTURE_ACCOUNT, inbox, before, &h, &a, &b, &complete), 0);
    assert_false(complete);
}

static void a_conditional_store_refuses_what_changed(void **state)
{
    (void)state;
    add(5);
    struct mail_store in = {.mailbox = inbox,
                            .op = STORE_ADD,
                            .flags = FLAG_FLAGGED,
                            .conditional = true,
                            .unchanged_since = head_of(inbox).modseq};
    set_flags(2, 3, FLAG_SEEN, (struct keyword_ids){0});
    numset_add_range(&a, 1, 5);
    assert_int_equal(mailbox_store(&f.mail, FIXTURE_ACCOUNT, &in, &a, &b), 0);
    assert_int_equal(numset_count(&b), 2);
    assert_true(numset_has(&b, 2) && numset_has(&b, 3));
    assert_int_equal(mailbox_set(&f.mail, FIXTURE_ACCOUNT, inbox, SET_FLAGGED, &c), 0);
    assert_int_equal(numset_count(&c), 3);
    in.flags = 64;
    assert_int_equal(mailbox_store(&f.mail, FIXTURE_ACCOUNT, &in, &a, &b), ERR_INVALID);
}

static void keywords_are_atoms_without_case(void **state)
{
    (void)state;
    uint32_t id = 9, again;
    static const char *const bad[] = {"", "a b", "a(", "\\Seen", "a\"", "a]", "a*", "a%", "\x7f"};
    assert_int_equal(mailbox_keyword(&f.mail, FIXTURE_ACCOUNT, SPAN("$Junk"), false, &id),
                     ERR_NOT_FOUND);
    assert_int_equal(mailbox_keyword(&f.mail, FIXTURE_ACCOUNT, SPAN("$Junk"), true, &id), 0);
    assert_int_equal(mailbox_keyword(&f.mail, FIXTURE_ACCOUNT, SPAN("$JUNK"), true, &again), 0);
    assert_int_equal(id, again);
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_int_equal(mailbox_keyword(&f.mail, FIXTURE_ACCOUNT, span_str(bad[i]), true, &again),
                         ERR_INVALID);
    struct span *names;
    size_t n;
    assert_int_equal(mailbox_keywords(&f.mail, FIXTURE_ACCOUNT, f.arena, &names, &n), 0);
    assert_int_equal(n, 1);
    assert_true(span_eq(names[0], SPAN("$Junk")));
}

static void the_lists_of_keywords_are_bounded(void **state)
{
    (void)state;
    struct mail_store in = {.mailbox = inbox, .op = STORE_ADD};
    char name[16];
    uint32_t id;
    add(1);
    for (int i = 0; i < LIMIT_KEYWORDS; i++) {
        (void)snprintf(name, sizeof name, "k%d", i);
        assert_int_equal(mailbox_keyword(&f.mail, FIXTURE_ACCOUNT, span_str(name), true, &id), 0);
    }
    assert_int_equal(mailbox_keyword(&f.mail, FIXTURE_ACCOUNT, SPAN("more"), true, &id), ERR_LIMIT);
    numset_add(&a, 1);
    for (uint16_t i = 0; i < LIMIT_MESSAGE_KEYWORDS; i++)
        in.keywords.v[in.keywords.n++] = (uint16_t)(2 * i);
    assert_int_equal(mailbox_store(&f.mail, FIXTURE_ACCOUNT, &in, &a, &b), 0);
    in.keywords = (struct keyword_ids){1, {1}};
    assert_int_equal(mailbox_store(&f.mail, FIXTURE_ACCOUNT, &in, &a, &b), ERR_LIMIT);
    in.op = STORE_REPLACE;
    assert_int_equal(mailbox_store(&f.mail, FIXTURE_ACCOUNT, &in, &a, &b), 0);
    assert_int_equal(mailbox_set(&f.mail, FIXTURE_ACCOUNT, inbox, SET_KEYWORD + 1, &c), 0);
    assert_int_equal(numset_count(&c), 1);
    assert_int_equal(mailbox_set(&f.mail, FIXTURE_ACCOUNT, inbox, SET_KEYWORD + 2, &c), 0);
    assert_true(numset_is_empty(&c));
}

static void copies_share_the_message_and_count(void **state)
{
    (void)state;
    struct mail_copy in = {.from = inbox, .to = trash};
    struct mail_quota q;
    struct mail_item *v;
    uint32_t validity, next;
    size_t n;
    add(3);
    set_flags(2, 2, FLAG_SEEN, keyword("$Important"));
    numset_add_range(&a, 2, 9); /* those beyond 3 are passed over */
    assert_int_equal(mailbox_copy(&f.mail, FIXTURE_ACCOUNT, &in, &a, &validity, &b, &c), 0);
    assert_int_equal(numset_count(&b), 2);
    assert_int_equal(numset_count(&c), 2);
    assert_int_equal(validity, head_of(trash).uidvalidity);
    assert_int_equal(mailbox_quota(&f.mail, FIXTURE_ACCOUNT, &q), 0);
    assert_int_equal(q.messages, 5);
    assert_int_equal(mailbox_items(&f.mail, FIXTURE_ACCOUNT,
                                   &(struct mail_range){trash, &c, 0, 10, false, 0, NULL}, f.arena,
                                   &v, &n, &next),
                     0);
    assert_int_equal(n, 2);
    assert_int_equal(v[0].flags, FLAG_SEEN);
    assert_int_equal(v[0].keywords.n, 1);
    assert_int_equal(v[0].message.v, 2);
    in.quota_messages = 6;
    assert_int_equal(mailbox_copy(&f.mail, FIXTURE_ACCOUNT, &in, &a, &validity, &b, &c), ERR_QUOTA);
    assert_int_equal(head_of(trash).messages, 2); /* all or none */
    in.move = true;
    assert_int_equal(mailbox_copy(&f.mail, FIXTURE_ACCOUNT, &in, &a, &validity, &b, &c), 0);
    assert_int_equal(head_of(trash).messages, 4);
    assert_int_equal(head_of(inbox).messages, 1);
    in.to.v = 99;
    assert_int_equal(mailbox_copy(&f.mail, FIXTURE_ACCOUNT, &in, &a, &validity, &b, &c),
                     ERR_NOT_FOUND);
    numset_add_range(&a, 1, LIMIT_MAIL_COPY + 1);
    assert_int_equal(mailbox_copy(&f.mail, FIXTURE_ACCOUNT, &in, &a, &validity, &b, &c), ERR_LIMIT);
}

static void a_move_into_the_same_mailbox_gives_new_uids(void **state)
{
    (void)state;
    struct mail_copy in = {.from = inbox, .to = inbox, .move = true};
    uint32_t validity;
    add(3);
    numset_add_range(&a, 1, 2);
    assert_int_equal(mailbox_copy(&f.mail, FIXTURE_ACCOUNT, &in, &a, &validity, &b, &c), 0);
    assert_int_equal(numset_min(&c), 4);
    assert_int_equal(head_of(inbox).messages, 3);
    assert_int_equal(head_of(inbox).uidnext, 6);
}

static void many_messages_are_stored_and_read_in_parts(void **state)
{
    (void)state;
    enum { N = 5000 };
    struct mail_head h;
    struct mail_item *v;
    size_t n, seen = 0;
    uint32_t from = 0;
    add(N);
    set_flags(1, N, FLAG_SEEN, (struct keyword_ids){0});
    assert_int_equal(mailbox_set(&f.mail, FIXTURE_ACCOUNT, inbox, SET_UNSEEN, &b), 0);
    assert_true(numset_is_empty(&b));
    expunge(4000, 4200);
    assert_int_equal(mailbox_uids(&f.mail, FIXTURE_ACCOUNT, inbox, &h, &a), 0);
    assert_int_equal(numset_count(&a), N - 201);
    assert_int_equal(h.messages, N - 201);
    numset_remove(&a, 7);
    do {
        assert_int_equal(mailbox_items(&f.mail, FIXTURE_ACCOUNT,
                                       &(struct mail_range){inbox, &a, from, 999, false, 0, NULL},
                                       f.arena, &v, &n, &from),
                         0);
        for (size_t i = 0; i < n; i++)
            assert_true(numset_has(&a, v[i].uid.v));
        seen += n;
        arena_reset(f.arena);
    } while (from != 0);
    assert_int_equal(seen, N - 202);
}

static void scattered_messages_are_those_asked_for(void **state)
{
    (void)state;
    enum { N = 100 };
    struct mail_item *v;
    size_t n;
    add(N);
    expunge(30, 33);
    for (uint32_t step = 1; step < 7; step++) {
        for (size_t max = 3; max < 40; max += 9) {
            uint32_t from = 0, want = 5;
            numset_clear(&a);
            for (uint32_t uid = want; uid <= N + 20; uid += step)
                numset_add(&a, uid);
            numset_remove_range(&a, 60, 80);
            do {
                assert_int_equal(
                    mailbox_items(&f.mail, FIXTURE_ACCOUNT,
                                  &(struct mail_range){inbox, &a, from, max, false, 0, NULL},
                                  f.arena, &v, &n, &from),
                    0);
                assert_true(n <= max);
                for (size_t i = 0; i < n; i++) {
                    while (!numset_has(&a, want) || (want >= 30 && want <= 33))
                        want++;
                    assert_int_equal(v[i].uid.v, want++);
                }
                arena_reset(f.arena);
            } while (from != 0);
            while (want <= N && (!numset_has(&a, want) || (want >= 30 && want <= 33)))
                want++;
            assert_true(want > N);
        }
    }
}

static void an_account_that_is_not_there_has_no_messages(void **state)
{
    (void)state;
    struct mail_head h;
    struct mailbox box;
    struct mail_item *v;
    struct mail_range range = {inbox, &a, 0, 10, false, 0, NULL};
    size_t n;
    uint32_t next;
    numset_add_range(&a, 1, 20);
    assert_int_equal(mailbox_items(&f.mail, 99, &range, f.arena, &v, &n, &next), ERR_NO_USER);
    assert_int_equal(mailbox_items(&f.mail, FIXTURE_ACCOUNT, &range, f.arena, &v, &n, &next), 0);
    assert_int_equal(n, 0);
    assert_int_equal(mailbox_head(&f.mail, 99, inbox, &h), ERR_NO_USER);
    assert_int_equal(mailbox_uids(&f.mail, 99, inbox, &h, &a), ERR_NO_USER);
    assert_int_equal(mailbox_find_name(&f.mail, 99, SPAN("INBOX"), f.arena, &box), ERR_NO_USER);
    assert_int_equal(mailbox_find_id(&f.mail, 99, inbox, f.arena, &box), ERR_NO_USER);
    const struct mailbox_id none = {77};
    assert_int_equal(mailbox_head(&f.mail, FIXTURE_ACCOUNT, none, &h), ERR_NOT_FOUND);
    assert_int_equal(mailbox_uids(&f.mail, FIXTURE_ACCOUNT, none, &h, &a), ERR_NOT_FOUND);
    assert_int_equal(mailbox_find_id(&f.mail, FIXTURE_ACCOUNT, none, f.arena, &box), ERR_NOT_FOUND);
}

/* What an older program left: no rows of sets, and a record that does not know of them. */
static int forget_sets(struct store_txn *t, void *arg)
{
    (void)arg;
    struct mailbox_record box;
    struct edit e;
    assert_int_equal(edit_open(&e, &f.mail, t), 0);
    assert_int_equal(edit_mailbox_record(&e, inbox, &box), 0);
    assert_int_equal(sets_drop(&e, inbox), 0);
    box.sets = false;
    edit_mailbox_put(&e, inbox, &box);
    return edit_close(&e, 0);
}

static void mailboxes_of_older_programs_get_their_sets(void **state)
{
    (void)state;
    struct mail_head h;
    add(100);
    set_flags(10, 19, FLAG_FLAGGED, keyword("$Label1"));
    assert_int_equal(
        store_txn_run(f.store, (struct part){PART_ACCOUNT, FIXTURE_ACCOUNT}, forget_sets, NULL), 0);
    assert_int_equal(mailbox_uids(&f.mail, FIXTURE_ACCOUNT, inbox, &h, &a), 0); /* by reading */
    assert_int_equal(numset_count(&a), 100);
    assert_int_equal(
        store_txn_run(f.store, (struct part){PART_ACCOUNT, FIXTURE_ACCOUNT}, forget_sets, NULL), 0);
    add(1); /* by writing */
    assert_int_equal(mailbox_set(&f.mail, FIXTURE_ACCOUNT, inbox, SET_FLAGGED, &b), 0);
    assert_int_equal(numset_count(&b), 10);
    assert_int_equal(mailbox_set(&f.mail, FIXTURE_ACCOUNT, inbox, SET_KEYWORD, &b), 0);
    assert_int_equal(numset_count(&b), 10);
}

static void a_damaged_set_is_derived_again(void **state)
{
    (void)state;
    struct mail_head h;
    add(50);
    set_flags(1, 5, FLAG_SEEN, (struct keyword_ids){0});
    struct part part = {PART_ACCOUNT, FIXTURE_ACCOUNT};
    struct mail_key all = mail_key_chunk(inbox, SET_ALL, 0),
                    unseen = mail_key_chunk(inbox, SET_UNSEEN, 0);
    assert_true(sim_corrupt_record(f.disk, part, mail_key_span(&all)));
    assert_true(sim_corrupt_record(f.disk, part, mail_key_span(&unseen)));
    assert_int_equal(mailbox_uids(&f.mail, FIXTURE_ACCOUNT, inbox, &h, &a), 0);
    assert_int_equal(numset_count(&a), 50);
    assert_int_equal(mailbox_set(&f.mail, FIXTURE_ACCOUNT, inbox, SET_UNSEEN, &b), 0);
    assert_int_equal(numset_count(&b), 45);
    add(1); /* and written anew */
    assert_int_equal(fixture_check(&f), 0);
}

static void summaries_are_kept_beside_messages(void **state)
{
    (void)state;
    struct mail_append in = {.received_ms = 1, .summary = SPAN("summary")};
    struct mail_appended out;
    struct mail_item *v;
    uint32_t next;
    size_t n;
    in.blob = fixture_blob(&f, SPAN("x"), &in.info);
    assert_int_equal(mailbox_append(&f.mail, FIXTURE_ACCOUNT, &in, &out), 0);
    add(1);
    numset_add_range(&a, 1, 2);
    assert_int_equal(mailbox_items(&f.mail, FIXTURE_ACCOUNT,
                                   &(struct mail_range){inbox, &a, 0, 10, true, 0, NULL}, f.arena,
                                   &v, &n, &next),
                     0);
    assert_true(span_eq(v[0].summary, SPAN("summary")));
    assert_int_equal(v[1].summary.n, 0);
    const struct mail_summary later[] = {{v[1].message, SPAN("later")}, {{99}, SPAN("of none")}};
    assert_int_equal(mailbox_summary_put(&f.mail, FIXTURE_ACCOUNT, later, 2), 0);
    assert_int_equal(mailbox_items(&f.mail, FIXTURE_ACCOUNT,
                                   &(struct mail_range){inbox, &a, 0, 10, true, 0, NULL}, f.arena,
                                   &v, &n, &next),
                     0);
    assert_true(span_eq(v[1].summary, SPAN("later")));
    expunge(1, 2);
    clock_fake_advance(&f.clock, 2 * 3600 * 1000);
    size_t purged;
    assert_int_equal(mailbox_purge(&f.mail, FIXTURE_ACCOUNT, 10, &purged), 0);
    assert_int_equal(purged, 2); /* fixture_check finds no summary without its message */
}

/* A scan goes along with messages in any order, with gaps, and beside damage. */
static void summaries_may_be_too_large_for_one_call(void **state)
{
    (void)state;
    static char text[1000];
    static const struct {
        size_t bytes, n;
        uint32_t next;
    } rows[] = {{0, 5, 0},    {1, 1, 2},    {1000, 1, 2}, {1001, 2, 3},
                {4000, 4, 5}, {4001, 5, 0}, {5000, 5, 0}, {SIZE_MAX, 5, 0}};
    struct numset uids;
    struct mail_item *v;
    size_t n;
    numset_init(&uids);
    memset(text, 's', sizeof text);
    for (uint32_t k = 1; k <= 5; k++) {
        struct mail_append in = {.received_ms = 1, .summary = span_of(text, sizeof text)};
        struct mail_appended out;
        in.blob = fixture_blob(&f, SPAN("x"), &in.info);
        assert_int_equal(mailbox_append(&f.mail, FIXTURE_ACCOUNT, &in, &out), 0);
        numset_add(&uids, out.uid.v);
    }
    for (size_t k = 0; k < COUNT_OF(rows); k++) {
        struct mail_range range = {.mailbox = {USE_INBOX},
                                   .uids = &uids,
                                   .max = 10,
                                   .summaries = true,
                                   .bytes = rows[k].bytes};
        uint32_t next = 99;
        assert_int_equal(mailbox_items(&f.mail, FIXTURE_ACCOUNT, &range, f.arena, &v, &n, &next),
                         0);
        assert_int_equal(n, rows[k].n);
        assert_int_equal(next, rows[k].next);
    }
    numset_done(&uids);
}

static void many_summaries_are_found(void **state)
{
    (void)state;
    enum { N = 60 };
    struct mail_item *v;
    uint32_t next, uidvalidity;
    size_t n;
    struct numset from, to;
    char text[N][8];
    for (unsigned i = 0; i < N; i++) {
        struct mail_append in = {.received_ms = 1};
        struct mail_appended out;
        (void)snprintf(text[i], sizeof text[i], "of %u", i + 1);
        if (i % 7 != 3)
            in.summary = span_str(text[i]);
        in.blob = fixture_blob(&f, SPAN("x"), &in.info);
        assert_int_equal(mailbox_append(&f.mail, FIXTURE_ACCOUNT, &in, &out), 0);
        assert_int_equal(out.message.v, i + 1);
    }
    struct mail_key damaged = mail_key_summary((struct message_id){20});
    assert_true(sim_corrupt_record(f.disk, part_of(FIXTURE_ACCOUNT), mail_key_span(&damaged)));
    /* the first half once more, behind the others */
    numset_init(&from);
    numset_init(&to);
    numset_add_range(&a, 1, N / 2);
    struct mail_copy copy = {.from = inbox, .to = inbox};
    assert_int_equal(mailbox_copy(&f.mail, FIXTURE_ACCOUNT, &copy, &a, &uidvalidity, &from, &to),
                     0);
    for (unsigned step = 1; step < 9; step += 3) {
        numset_clear(&a);
        for (uint32_t uid = 1; uid <= N + N / 2; uid += step)
            numset_add(&a, uid);
        struct mail_range range = {.mailbox = inbox, .uids = &a, .max = 100, .summaries = true};
        assert_int_equal(mailbox_items(&f.mail, FIXTURE_ACCOUNT, &range, f.arena, &v, &n, &next),
                         0);
        assert_int_equal(n, numset_count(&a));
        for (size_t i = 0; i < n; i++) {
            size_t id = v[i].message.v;
            bool none = (id - 1) % 7 == 3 || id == 20;
            assert_true(span_eq(v[i].summary, none ? SPAN_EMPTY : span_str(text[id - 1])));
        }
    }
    const struct mail_summary again = {{20}, SPAN("anew")}; /* which repairs it */
    assert_int_equal(mailbox_summary_put(&f.mail, FIXTURE_ACCOUNT, &again, 1), 0);
    numset_done(&from);
    numset_done(&to);
}

static void several_are_appended_or_none(void **state)
{
    (void)state;
    struct mail_append in[3] = {{.received_ms = 1}, {.received_ms = 2}, {.received_ms = 3}};
    struct mail_appended out[3];
    for (size_t i = 0; i < COUNT_OF(in); i++)
        in[i].blob = fixture_blob(&f, SPAN("x"), &in[i].info);
    in[2].quota_messages = 2;
    assert_int_equal(mailbox_append_many(&f.mail, FIXTURE_ACCOUNT, in, 3, out), ERR_QUOTA);
    assert_int_equal(head_of(inbox).messages, 0);
    in[2].quota_messages = 0;
    for (size_t i = 0; i < COUNT_OF(in); i++)
        in[i].blob = fixture_blob(&f, SPAN("x"), &in[i].info);
    assert_int_equal(mailbox_append_many(&f.mail, FIXTURE_ACCOUNT, in, 3, out), 0);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(out[i].uid.v, i + 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(changes_are_what_happened_since),
        T(a_list_of_expunges_that_was_cut_says_so),
        T(a_conditional_store_refuses_what_changed),
        T(keywords_are_atoms_without_case),
        T(the_lists_of_keywords_are_bounded),
        T(copies_share_the_message_and_count),
        T(a_move_into_the_same_mailbox_gives_new_uids),
        T(many_messages_are_stored_and_read_in_parts),
        T(scattered_messages_are_those_asked_for),
        T(an_account_that_is_not_there_has_no_messages),
        T(mailboxes_of_older_programs_get_their_sets),
        T(a_damaged_set_is_derived_again),
        T(summaries_are_kept_beside_messages),
        T(many_summaries_are_found),
        T(summaries_may_be_too_large_for_one_call),
        T(several_are_appended_or_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
