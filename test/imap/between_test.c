/* SPDX-License-Identifier: Apache-2.0 */
/* What somebody else does between two steps of a session: before it looks what has changed, or before it reads what it is
 * about to tell, or before it expunges. The linker puts __wrap_mailbox_changes in the place of mailbox_changes, and so on. */
#include "one_world.h"

#include "base/err.h"
#include "world.h"

static unsigned looks;                                 /* so often it did */
static uint32_t others_flags;                          /* set on UID 1 before it looks, once */
static uint32_t others_flags_first, others_flags_then; /* before and behind what it commits */
static uint32_t others_flags_late; /* and on UIDs 1, 2, each by itself, before it reads */

#define MESSAGE "Subject: x\r\n\r\nx\r\n"

int __real_mailbox_changes(struct mail *m,
                           account_id id,
                           struct mailbox_id mailbox,
                           struct modseq since,
                           struct mail_head *head_out,
                           struct numset *changed,
                           struct numset *gone,
                           bool *complete_out);
int __wrap_mailbox_changes(struct mail *m,
                           account_id id,
                           struct mailbox_id mailbox,
                           struct modseq since,
                           struct mail_head *head_out,
                           struct numset *changed,
                           struct numset *gone,
                           bool *complete_out);
int __real_mailbox_items(struct mail *m,
                         account_id id,
                         const struct mail_range *in,
                         struct arena *a,
                         struct mail_item **out,
                         size_t *n_out,
                         uint32_t *next_out);
int __wrap_mailbox_items(struct mail *m,
                         account_id id,
                         const struct mail_range *in,
                         struct arena *a,
                         struct mail_item **out,
                         size_t *n_out,
                         uint32_t *next_out);

int __real_mailbox_store(struct mail *m,
                         account_id id,
                         const struct mail_store *in,
                         const struct numset *uids,
                         struct numset *refused);
int __wrap_mailbox_store(struct mail *m,
                         account_id id,
                         const struct mail_store *in,
                         const struct numset *uids,
                         struct numset *refused);
int __real_mailbox_append_many(struct mail *m,
                               account_id id,
                               const struct mail_append *in,
                               size_t n,
                               struct mail_appended *out);
int __wrap_mailbox_append_many(struct mail *m,
                               account_id id,
                               const struct mail_append *in,
                               size_t n,
                               struct mail_appended *out);

static void others_store(uint32_t uid, enum mail_store_op op, uint32_t flags)
{
    struct mail_store in = {.mailbox = {1}, .op = op, .flags = flags};
    struct numset one, refused;
    numset_init(&one);
    numset_init(&refused);
    numset_add(&one, uid);
    assert_int_equal(__real_mailbox_store(&w.mail, w.account, &in, &one, &refused), 0);
    numset_done(&one);
    numset_done(&refused);
}

int __wrap_mailbox_changes(struct mail *m,
                           account_id id,
                           struct mailbox_id mailbox,
                           struct modseq since,
                           struct mail_head *head_out,
                           struct numset *changed,
                           struct numset *gone,
                           bool *complete_out)
{
    looks++;
    if (others_flags != 0)
        others_store(1, STORE_ADD, others_flags);
    others_flags = 0;
    return __real_mailbox_changes(m, id, mailbox, since, head_out, changed, gone, complete_out);
}

int __wrap_mailbox_items(struct mail *m,
                         account_id id,
                         const struct mail_range *in,
                         struct arena *a,
                         struct mail_item **out,
                         size_t *n_out,
                         uint32_t *next_out)
{
    for (uint32_t uid = 1; others_flags_late != 0 && uid <= 2; uid++)
        others_store(uid, STORE_ADD, others_flags_late);
    others_flags_late = 0;
    return __real_mailbox_items(m, id, in, a, out, n_out, next_out);
}

static void others_do(uint32_t *flags)
{
    if (*flags != 0)
        others_store(1, STORE_ADD, *flags);
    *flags = 0;
}

int __wrap_mailbox_store(struct mail *m,
                         account_id id,
                         const struct mail_store *in,
                         const struct numset *uids,
                         struct numset *refused)
{
    others_do(&others_flags_first);
    int err = __real_mailbox_store(m, id, in, uids, refused);
    others_do(&others_flags_then);
    return err;
}

int __wrap_mailbox_append_many(struct mail *m,
                               account_id id,
                               const struct mail_append *in,
                               size_t n,
                               struct mail_appended *out)
{
    others_do(&others_flags_first);
    int err = __real_mailbox_append_many(m, id, in, n, out);
    others_do(&others_flags_then);
    return err;
}

int __real_mailbox_expunge_deleted(struct mail *m,
                                   account_id id,
                                   struct mailbox_id mailbox,
                                   const struct numset *uids,
                                   int64_t keep_ms);
int __wrap_mailbox_expunge_deleted(struct mail *m,
                                   account_id id,
                                   struct mailbox_id mailbox,
                                   const struct numset *uids,
                                   int64_t keep_ms);

int __wrap_mailbox_expunge_deleted(struct mail *m,
                                   account_id id,
                                   struct mailbox_id mailbox,
                                   const struct numset *uids,
                                   int64_t keep_ms)
{
    others_store(1, STORE_REMOVE, FLAG_DELETED);
    return __real_mailbox_expunge_deleted(m, id, mailbox, uids, keep_ms);
}

static int setup(void **state)
{
    (void)world_setup(state);
    for (int n = 0; n < 3; n++)
        world_append(&w, SPAN(MESSAGE), 0);
    return 0;
}

static struct host *selected(const char *enable)
{
    struct host *h = world_login(&w);
    host_sends(h, enable);
    host_sends(h, "a SELECT INBOX\r\n");
    must(span_find(host_output(h), SPAN("a OK [READ-")) > 0);
    host_output_clear(h);
    return h;
}

/* .SILENT keeps back what the client has done, and nothing that came later. */
static void a_silent_store_hides_nobody_elses(void **state)
{
    (void)state;
    struct host *h = selected("");
    others_flags = FLAG_FLAGGED;
    world_talk(h, "b STORE 1:3 +FLAGS.SILENT (\\Seen)", "* 1 FETCH (FLAGS (\\Flagged \\Seen))",
               "b OK", NULL);
    others_flags = FLAG_DRAFT;
    world_talk(h, "b UID STORE 1:3 -FLAGS.SILENT (\\Seen)",
               "* 1 FETCH (UID 1 FLAGS (\\Flagged \\Draft))", "b OK", NULL);
    /* the first has it already: whatever is new of it is somebody else's */
    others_flags = FLAG_ANSWERED;
    world_talk(h, "b STORE 1:3 +FLAGS.SILENT (\\Flagged)",
               "* 1 FETCH (FLAGS (\\Answered \\Flagged \\Draft))", "b OK", NULL);
    host_free(h);
}

static void nor_its_mod_sequence(void **state)
{
    (void)state;
    struct host *h = selected("a ENABLE CONDSTORE\r\n");
    others_flags = FLAG_FLAGGED;
    world_talk(h, "b STORE 1:2 +FLAGS.SILENT (\\Seen)",
               "* 1 FETCH (UID 1 FLAGS (\\Flagged \\Seen) MODSEQ (", "* 2 FETCH (UID 2 MODSEQ (",
               "b OK", NULL);
    host_free(h);
}

/* The second message is told with a mod-sequence that is higher than that of the first one, which is not told yet: a
 * client that was cut off then would not hear of it any more. */
static void who_comes_back_has_missed_nothing(void **state)
{
    (void)state;
    char told[64];
    struct mail_head head;
    struct host *h = selected("a ENABLE CONDSTORE\r\n");
    others_store(2, STORE_ADD, FLAG_SEEN);
    assert_int_equal(mailbox_head(&w.mail, w.account, (struct mailbox_id){1}, &head), 0);
    snprintf(told, sizeof told, "* OK [HIGHESTMODSEQ %llu]", (unsigned long long)head.modseq.v);
    others_flags_late = FLAG_FLAGGED;
    world_talk(h, "b NOOP", "* 2 FETCH (UID 2 FLAGS (\\Flagged \\Seen) MODSEQ (", told, "b OK",
               NULL);
    world_talk(h, "b NOOP", "* 1 FETCH (UID 1 FLAGS (\\Flagged) MODSEQ (",
               "* 2 FETCH (UID 2 FLAGS (\\Flagged \\Seen) MODSEQ (", "b OK", NULL);
    world_talk(h, "b FETCH 1 (MODSEQ)", "* 1 FETCH (MODSEQ (", "b OK", NULL);
    host_free(h);
}

/* Somebody else takes back the mark of the first message before it goes. */
static void what_is_not_deleted_any_more_stays(void **state)
{
    (void)state;
    struct host *h = selected("");
    world_talk(h, "b STORE 1:2 +FLAGS.SILENT (\\Deleted)", "b OK", NULL);
    world_talk(h, "b EXPUNGE", "* 2 EXPUNGE", "* 1 FETCH (FLAGS ())", "b OK", NULL);
    world_talk(h, "b STORE 1:2 +FLAGS.SILENT (\\Deleted)", "b OK", NULL);
    world_talk(h, "b CLOSE", "b OK", NULL);
    world_talk(h, "b STATUS INBOX (MESSAGES)", "* STATUS INBOX (MESSAGES 1)", "b OK", NULL);
    host_free(h);
}

#define APPEND "b APPEND INBOX {16+}\r\nSubject: x\r\n\r\nx"

/* What a session has done by itself it knows, and need not look for. */
static void ones_own_changes_are_told_without_a_look(void **state)
{
    (void)state;
    struct host *h = selected("");
    looks = 0;
    world_talk(h, "b STORE 2 +FLAGS (\\Seen)", "* 2 FETCH (FLAGS (\\Seen))", "b OK", NULL);
    world_talk(h, "b STORE 2 +FLAGS (\\Seen)", "* 2 FETCH (FLAGS (\\Seen))", "b OK", NULL);
    world_talk(h, APPEND, "* 4 EXISTS", "* 0 RECENT", "b OK", NULL);
    world_talk(h, "b STORE 3:4 -FLAGS (\\Seen)", "* 3 FETCH (FLAGS ())", "* 4 FETCH (FLAGS ())",
               "b OK", NULL);
    world_talk(h, "b NOOP", "b OK", NULL);
    assert_int_equal(looks, 0);
    others_store(1, STORE_ADD, FLAG_SEEN);
    world_talk(h, "b NOOP", "* 1 FETCH (FLAGS (\\Seen))", "b OK", NULL);
    assert_int_equal(looks, 1);
    host_free(h);
}

static void and_hide_nobody_elses(void **state)
{
    (void)state;
    struct host *h = selected("");
    others_store(1, STORE_ADD, FLAG_SEEN);
    world_talk(h, "b STORE 2 +FLAGS (\\Seen)", "* 1 FETCH (FLAGS (\\Seen))",
               "* 2 FETCH (FLAGS (\\Seen))", "b OK", NULL);
    others_flags_first = FLAG_DRAFT;
    world_talk(h, "b STORE 2 -FLAGS (\\Seen)", "* 1 FETCH (FLAGS (\\Seen \\Draft))",
               "* 2 FETCH (FLAGS ())", "b OK", NULL);
    others_flags_then = FLAG_FLAGGED;
    world_talk(h, "b STORE 2 +FLAGS (\\Seen)", "* 1 FETCH (FLAGS (\\Flagged \\Seen \\Draft))",
               "* 2 FETCH (FLAGS (\\Seen))", "b OK", NULL);
    others_flags_first = FLAG_ANSWERED;
    world_talk(h, APPEND, "* 4 EXISTS", "* 0 RECENT",
               "* 1 FETCH (FLAGS (\\Answered \\Flagged \\Seen \\Draft))", "b OK", NULL);
    others_flags_then = FLAG_DELETED;
    world_talk(h, APPEND, "* 5 EXISTS", "* 0 RECENT",
               "* 1 FETCH (FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft))", "b OK", NULL);
    world_talk(h, "b NOOP", "b OK", NULL);
    host_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_silent_store_hides_nobody_elses, setup, world_teardown),
        cmocka_unit_test_setup_teardown(nor_its_mod_sequence, setup, world_teardown),
        cmocka_unit_test_setup_teardown(who_comes_back_has_missed_nothing, setup, world_teardown),
        cmocka_unit_test_setup_teardown(what_is_not_deleted_any_more_stays, setup, world_teardown),
        cmocka_unit_test_setup_teardown(ones_own_changes_are_told_without_a_look, setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(and_hide_nobody_elses, setup, world_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
