/* SPDX-License-Identifier: Apache-2.0 */
/* What somebody else does between the moment a command has changed the mailbox and the moment its session looks what
 * has changed. The linker puts __wrap_mailbox_changes in the place of mailbox_changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "world.h"

static struct world w;
static uint32_t others_flags; /* set on UID 1 in between, once */

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

int __wrap_mailbox_changes(struct mail *m,
                           account_id id,
                           struct mailbox_id mailbox,
                           struct modseq since,
                           struct mail_head *head_out,
                           struct numset *changed,
                           struct numset *gone,
                           bool *complete_out)
{
    if (others_flags != 0) {
        struct mail_store in = {.mailbox = mailbox, .op = STORE_ADD, .flags = others_flags};
        struct numset one, refused;
        others_flags = 0;
        numset_init(&one);
        numset_init(&refused);
        numset_add(&one, 1);
        assert_int_equal(mailbox_store(m, id, &in, &one, &refused), 0);
        numset_done(&one);
        numset_done(&refused);
    }
    return __real_mailbox_changes(m, id, mailbox, since, head_out, changed, gone, complete_out);
}

static int setup(void **state)
{
    (void)state;
    world_open(&w);
    for (int n = 0; n < 3; n++)
        world_append(&w, SPAN(MESSAGE), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_close(&w);
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
               "* 1 FETCH (FLAGS (\\Flagged \\Seen) MODSEQ (", "* 2 FETCH (UID 2 MODSEQ (", "b OK",
               NULL);
    host_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_silent_store_hides_nobody_elses, setup, teardown),
        cmocka_unit_test_setup_teardown(nor_its_mod_sequence, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
