/* SPDX-License-Identifier: Apache-2.0 */
/* Annotations: set, read in pieces, bounded, moved and gone with their mailbox; beside a model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/limits.h"
#include "fixture.h"
#include "mailbox/acl.h"
#include "mailbox/annotation.h"

static struct fixture f;

static int setup(void **state)
{
    (void)state;
    fixture_open(&f);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    assert_int_equal(fixture_check(&f), 0);
    fixture_close(&f);
    return 0;
}

static const struct mailbox_id inbox = {USE_INBOX};

static int set(struct mailbox_id mailbox, account_id user, struct span name, struct span value)
{
    struct mail_annotation v = {
        .user = user, .name = name, .value = value, .none = value.p == NULL};
    return mailbox_annotate(&f.mail, FIXTURE_ACCOUNT, FIXTURE_ACCOUNT, mailbox, &v, 1);
}

/* What a range holds, in a line: "/a=1 /b=2". Read in pieces of `bytes`. */
static struct span
read_all(struct mailbox_id mailbox, account_id user, const char *name, unsigned depth, size_t bytes)
{
    struct mail_annotation_range range = {
        .mailbox = mailbox, .user = user, .name = span_str(name), .depth = depth, .bytes = bytes};
    struct span all = SPAN("");
    bool more = true;
    while (more) {
        struct mail_annotation *v;
        size_t n;
        assert_int_equal(
            mailbox_annotations(&f.mail, FIXTURE_ACCOUNT, &range, f.arena, &v, &n, &more), 0);
        for (size_t k = 0; k < n; k++)
            all = arena_printf(f.arena, "%.*s%s%.*s=%.*s", SPAN_ARG(all), all.n > 0 ? " " : "",
                               SPAN_ARG(v[k].name), SPAN_ARG(v[k].value));
        assert_true(n > 0 || !more);
        if (n > 0)
            range.after = v[n - 1].name;
    }
    return all;
}

static void assert_reads(
    struct mailbox_id mailbox, account_id user, const char *name, unsigned depth, const char *want)
{
    for (size_t bytes = 0; bytes < 100; bytes += 7) {
        struct span have = read_all(mailbox, user, name, depth, bytes);
        assert_true(span_eq(have, span_str(want)));
        arena_reset(f.arena);
    }
}

static void levels_are_chosen(void **state)
{
    (void)state;
    assert_int_equal(set(inbox, 0, SPAN("/a"), SPAN("1")), 0);
    assert_int_equal(set(inbox, 0, SPAN("/a-b"), SPAN("2")), 0);
    assert_int_equal(set(inbox, 0, SPAN("/A/B"), SPAN("3")), 0);
    assert_int_equal(set(inbox, 0, SPAN("/a/b/c"), SPAN("")), 0);
    assert_int_equal(set(inbox, 0, SPAN("/a/c"), SPAN("5")), 0);
    assert_int_equal(set(inbox, 0, SPAN("/b"), SPAN("6")), 0);
    assert_int_equal(set(inbox, FIXTURE_ACCOUNT, SPAN("/a"), SPAN("mine")), 0);
    assert_int_equal(set((struct mailbox_id){0}, FIXTURE_ACCOUNT, SPAN("/a"), SPAN("all")), 0);
    assert_reads(inbox, 0, "/a", 0, "/a=1");
    assert_reads(inbox, 0, "/A", 1, "/a=1 /a/b=3 /a/c=5");
    assert_reads(inbox, 0, "/a", ANNOTATION_ALL_LEVELS, "/a=1 /a/b=3 /a/b/c= /a/c=5");
    assert_reads(inbox, 0, "", 1, "/a=1 /a-b=2 /b=6");
    assert_reads(inbox, 0, "/a/b", 9, "/a/b=3 /a/b/c=");
    assert_reads(inbox, 0, "/none", 9, "");
    assert_reads(inbox, 1, "", 9, "");
    assert_reads((struct mailbox_id){77}, 0, "", 9, "");
    assert_reads(inbox, FIXTURE_ACCOUNT, "", 9, "/a=mine");
    assert_reads((struct mailbox_id){0}, FIXTURE_ACCOUNT, "/a", 0, "/a=all");
    assert_int_equal(set(inbox, 0, SPAN("/a/b"), SPAN_EMPTY), 0);
    assert_int_equal(set(inbox, 0, SPAN("/a/b"), SPAN_EMPTY), 0);
    assert_reads(inbox, 0, "/a", 9, "/a=1 /a/b/c= /a/c=5");
}

static void wrong_names_and_boxes_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",    "/",  "a",     "/a/",   "//a",      "/a//b",
                                        "/a*", "/%", "/\x7f", "/\x1f", "/\xc3\xbc"};
    for (size_t k = 0; k < COUNT_OF(wrong); k++)
        assert_int_equal(set(inbox, 0, span_str(wrong[k]), SPAN("x")), ERR_INVALID);
    assert_int_equal(set((struct mailbox_id){77}, 0, SPAN("/a"), SPAN("x")), ERR_NOT_FOUND);
    static char name[LIMIT_ANNOTATION_NAME + 1];
    memset(name, 'n', sizeof name);
    name[0] = '/';
    assert_int_equal(set(inbox, 0, span_of(name, sizeof name), SPAN("x")), ERR_INVALID);
    assert_int_equal(set(inbox, 0, span_of(name, sizeof name - 1), SPAN("x")), 0);
}

static void all_or_none(void **state)
{
    (void)state;
    struct mail_annotation v[] = {{.name = SPAN("/a"), .value = SPAN("1")},
                                  {.name = SPAN("/A"), .value = SPAN("2")},
                                  {.name = SPAN("/b"), .none = true},
                                  {.name = SPAN("//"), .value = SPAN("3")}};
    assert_int_equal(mailbox_annotate(&f.mail, FIXTURE_ACCOUNT, FIXTURE_ACCOUNT, inbox, v, 4),
                     ERR_INVALID);
    assert_reads(inbox, 0, "", 9, "");
    assert_int_equal(mailbox_annotate(&f.mail, FIXTURE_ACCOUNT, FIXTURE_ACCOUNT, inbox, v, 3), 0);
    assert_reads(inbox, 0, "", 9, "/a=2");
}

static void limits_are_kept(void **state)
{
    (void)state;
    static char big[LIMIT_ANNOTATION + 1];
    char name[16];
    memset(big, 'v', sizeof big);
    assert_int_equal(set(inbox, 0, SPAN("/big"), span_of(big, sizeof big)), ERR_TOO_BIG);
    assert_int_equal(set(inbox, 0, SPAN("/0"), span_of(big, sizeof big - 1)), 0);
    for (int k = 0; k < LIMIT_ANNOTATIONS; k++) {
        (void)snprintf(name, sizeof name, "/%d", k);
        assert_int_equal(set(inbox, 0, span_str(name), SPAN("x")), 0);
    }
    assert_int_equal(set(inbox, 0, SPAN("/more"), SPAN("x")), ERR_LIMIT);
    assert_int_equal(set(inbox, 0, SPAN("/0"), SPAN("y")), 0);
    assert_int_equal(set(inbox, 1, SPAN("/more"), SPAN("x")), 0);
    int err = 0;
    for (int k = 0; err == 0 && k < 300; k++) {
        (void)snprintf(name, sizeof name, "/%d", k % 150);
        err = set((struct mailbox_id){(uint32_t)(USE_SENT + k / 150)}, 0, span_str(name),
                  span_of(big, sizeof big - 1));
    }
    assert_int_equal(err, ERR_QUOTA);
    assert_int_equal(set(inbox, 0, SPAN("/0"), SPAN("")), 0); /* less is always possible */
}

/* Also with annotations for all. */
static void guests_leave_half_of_the_room_to_the_owner(void **state)
{
    (void)state;
    enum { GUEST = 99 };
    static char big[LIMIT_ANNOTATION];
    char name[16];
    struct mail_annotation v = {.value = span_of(big, sizeof big)};
    struct mail_grant_change grant = {.user = {GUEST, SPAN("bernd@example.test")},
                                      .rights = RIGHT_LOOKUP | RIGHT_WRITE};
    int err = 0;
    v.name = SPAN("/0");
    assert_int_equal(mailbox_annotate(&f.mail, FIXTURE_ACCOUNT, GUEST, inbox, &v, 1),
                     ERR_NOT_FOUND);
    assert_int_equal(mailbox_grant(&f.mail, FIXTURE_ACCOUNT, inbox, &grant), 0);
    for (int k = 0; err == 0 && k < LIMIT_ANNOTATIONS; k++) {
        (void)snprintf(name, sizeof name, "/%d", k);
        v.name = span_str(name);
        v.user = k % 2 == 0 ? 0 : GUEST;
        err = mailbox_annotate(&f.mail, FIXTURE_ACCOUNT, GUEST, inbox, &v, 1);
    }
    assert_int_equal(err, ERR_QUOTA);
    assert_int_equal(set(inbox, 0, SPAN("/mine"), v.value), 0);
    v.name = SPAN("/1");
    v.none = true;
    assert_int_equal(mailbox_annotate(&f.mail, FIXTURE_ACCOUNT, GUEST, inbox, &v, 1), 0);
}

static void they_follow_their_mailbox(void **state)
{
    (void)state;
    struct mailbox_id id, below, again;
    struct mailbox box;
    assert_int_equal(mailbox_create(&f.mail, FIXTURE_ACCOUNT, SPAN("a/b"), USE_NONE, &below), 0);
    assert_int_equal(mailbox_find_name(&f.mail, FIXTURE_ACCOUNT, SPAN("a"), f.arena, &box), 0);
    id = box.id;
    assert_int_equal(set(id, 0, SPAN("/a"), SPAN("1")), 0);
    assert_int_equal(set(below, 0, SPAN("/b"), SPAN("2")), 0);
    assert_int_equal(mailbox_rename(&f.mail, FIXTURE_ACCOUNT, SPAN("a"), SPAN("x")), 0);
    assert_reads(id, 0, "", 9, "/a=1");
    assert_reads(below, 0, "", 9, "/b=2");
    assert_int_equal(mailbox_delete(&f.mail, FIXTURE_ACCOUNT, id, 0), 0); /* only a level now */
    assert_reads(id, 0, "", 9, "");
    assert_int_equal(set(id, 0, SPAN("/level"), SPAN("3")), 0);
    assert_reads(id, 0, "", 9, "/level=3");
    assert_int_equal(mailbox_delete(&f.mail, FIXTURE_ACCOUNT, below, 0), 0);
    assert_int_equal(mailbox_delete(&f.mail, FIXTURE_ACCOUNT, id, 0), 0);
    assert_int_equal(mailbox_create(&f.mail, FIXTURE_ACCOUNT, SPAN("x/b"), USE_NONE, &again), 0);
    assert_reads(again, 0, "", 9, "");
    assert_int_equal(set(inbox, 0, SPAN("/c"), SPAN("4")), 0);
    assert_int_equal(set(inbox, FIXTURE_ACCOUNT, SPAN("/d"), SPAN("5")), 0);
    assert_int_equal(mailbox_rename(&f.mail, FIXTURE_ACCOUNT, SPAN("INBOX"), SPAN("old")), 0);
    arena_reset(f.arena);
    assert_int_equal(mailbox_find_name(&f.mail, FIXTURE_ACCOUNT, SPAN("old"), f.arena, &box), 0);
    id = box.id;
    assert_reads(inbox, 0, "", 9, "/c=4");
    assert_reads(id, 0, "", 9, "/c=4");
    assert_reads(id, FIXTURE_ACCOUNT, "", 9, "/d=5");
}

enum { NAMES = 12, BOXES = 4 };

static void random_changes_agree_with_a_model(void **state)
{
    (void)state;
    static const char *const names[NAMES] = {"/a", "/a/b", "/a/b/c", "/a/c", "/a-b", "/a0",
                                             "/b", "/b/a", "/b/a/a", "/c/d", "/c/e", "/d"};
    static char model[BOXES][2][NAMES][8]; /* "": none */
    struct rng_seeded rng;
    rng_seeded_init(&rng, 20261130);
    for (int step = 0; step < 1500; step++) {
        struct mailbox_id box = {(uint32_t)rng_below(&rng.rng, BOXES)};
        account_id user = rng_below(&rng.rng, 2);
        size_t name = rng_below(&rng.rng, NAMES);
        char *have = model[box.v][user][name];
        if (rng_below(&rng.rng, 3) == 0)
            have[0] = '\0';
        else
            (void)snprintf(have, 8, "%d", step);
        assert_int_equal(
            set(box, user, span_str(names[name]), have[0] == '\0' ? SPAN_EMPTY : span_str(have)),
            0);
        if (step % 20 != 0)
            continue;
        struct span want = SPAN("");
        static const uint8_t order[NAMES] = {0, 4, 1, 2, 3,  5,
                                             6, 7, 8, 9, 10, 11}; /* '-' before '/' */
        for (size_t k = 0; k < NAMES; k++)
            if (model[box.v][user][order[k]][0] != '\0')
                want = arena_printf(f.arena, "%.*s%s%s=%s", SPAN_ARG(want), want.n > 0 ? " " : "",
                                    names[order[k]], model[box.v][user][order[k]]);
        assert_true(span_eq(read_all(box, user, "", 9, rng_below(&rng.rng, 30)), want));
        arena_reset(f.arena);
        if (step % 300 == 0)
            assert_int_equal(fixture_check(&f), 0);
    }
}

static uint64_t modseq_of(struct mailbox_id mailbox)
{
    struct mail_head head;
    assert_int_equal(mailbox_head(&f.mail, FIXTURE_ACCOUNT, mailbox, &head), 0);
    return head.modseq.v;
}

/* RFC 7162 §3.2 */
static void a_change_is_one_of_the_mailbox(void **state)
{
    (void)state;
    const struct mailbox_id sent = {USE_SENT};
    uint64_t before = modseq_of(inbox), other = modseq_of(sent);
    assert_int_equal(set(inbox, 0, SPAN("/comment"), SPAN("1")), 0);
    assert_true(modseq_of(inbox) > before);
    before = modseq_of(inbox);
    assert_int_equal(set(inbox, 0, SPAN("/Comment"), SPAN("1")), 0);
    assert_int_equal(set(inbox, 7, SPAN("/comment"), (struct span){0}), 0);
    assert_int_equal(set((struct mailbox_id){0}, 7, SPAN("/vendor/a/b"), SPAN("1")), 0);
    assert_int_equal(modseq_of(inbox), before);
    assert_int_equal(set(inbox, 7, SPAN("/comment"), SPAN("")), 0);
    assert_true(modseq_of(inbox) > before);
    before = modseq_of(inbox);
    assert_int_equal(set(inbox, 0, SPAN("/comment"), (struct span){0}), 0);
    assert_true(modseq_of(inbox) > before);
    assert_int_equal(modseq_of(sent), other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(levels_are_chosen, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_names_and_boxes_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(all_or_none, setup, teardown),
        cmocka_unit_test_setup_teardown(limits_are_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(guests_leave_half_of_the_room_to_the_owner, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(they_follow_their_mailbox, setup, teardown),
        cmocka_unit_test_setup_teardown(a_change_is_one_of_the_mailbox, setup, teardown),
        cmocka_unit_test_setup_teardown(random_changes_agree_with_a_model, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
