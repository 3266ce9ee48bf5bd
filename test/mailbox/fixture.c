/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include "base/err.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

void fixture_open(struct fixture *f)
{
    *f = (struct fixture){.arena = arena_new(16 * 1024 * 1024)};
    assert_non_null(f->arena);
    clock_fake_init(&f->clock, INT64_C(1790000000000));
    struct store_options options = {.clock = &f->clock.clock, .rng = rng_system(), .create = true};
    f->disk = sim_disk_new(1);
    assert_non_null(f->disk);
    assert_int_equal(sim_store_open(f->disk, &options, NULL, &f->store), 0);
    f->mail = (struct mail){
        .store = f->store,
        .clock = &f->clock.clock,
        .rng = rng_system(),
        .expunge_grace_ms = 3600 * 1000,
    };
    assert_int_equal(mailbox_account_create(&f->mail, FIXTURE_ACCOUNT, SPAN("anna@example.test")),
                     0);
}

void fixture_close(struct fixture *f)
{
    store_close(f->store);
    sim_disk_free(f->disk);
    arena_free(f->arena);
}

struct blob_id fixture_blob(struct fixture *f, struct span content, struct blob_info *info)
{
    struct blob_writer *w;
    struct blob_id id;
    assert_int_equal(store_blob_create(f->store, &w), 0);
    assert_int_equal(store_blob_write(w, content), 0);
    assert_int_equal(store_blob_finish(w, &id, info), 0);
    return id;
}

struct mail_appended fixture_append(struct fixture *f, uint32_t mailbox, struct span content)
{
    struct mail_appended out;
    struct mail_append in = {
        .mailbox = {mailbox},
        .received_ms = f->clock.clock.wall_ms(&f->clock.clock),
        .envelope_from = SPAN("sender@example.org"),
    };
    in.blob = fixture_blob(f, content, &in.info);
    assert_int_equal(mailbox_append(&f->mail, FIXTURE_ACCOUNT, &in, &out), 0);
    return out;
}

int fixture_flags(struct fixture *f,
                  struct mailbox_id mailbox,
                  struct mail_uid uid,
                  uint32_t add,
                  uint32_t remove)
{
    struct mail_store in = {.mailbox = mailbox, .op = STORE_ADD, .flags = add};
    struct numset uids, refused;
    struct mail_head head;
    if (mailbox.v == 0)
        mailbox.v = USE_INBOX;
    in.mailbox = mailbox;
    numset_init(&uids);
    numset_init(&refused);
    int err = mailbox_uids(&f->mail, FIXTURE_ACCOUNT, mailbox, &head, &uids);
    if (err == 0 && !numset_has(&uids, uid.v))
        err = ERR_NOT_FOUND;
    numset_clear(&uids);
    numset_add(&uids, uid.v);
    if (err == 0 && add != 0)
        err = mailbox_store(&f->mail, FIXTURE_ACCOUNT, &in, &uids, &refused);
    in.op = STORE_REMOVE;
    in.flags = remove;
    if (err == 0 && remove != 0)
        err = mailbox_store(&f->mail, FIXTURE_ACCOUNT, &in, &uids, &refused);
    assert_true(numset_is_empty(&refused));
    numset_done(&uids);
    numset_done(&refused);
    return err;
}

static void print_problem(void *arg, struct span sentence)
{
    (void)arg;
    print_message("check: %.*s\n", SPAN_ARG(sentence));
}

uint64_t fixture_check(struct fixture *f)
{
    uint64_t problems = 0;
    assert_int_equal(mailbox_check(&f->mail, FIXTURE_ACCOUNT, true, print_problem, NULL, &problems),
                     0);
    return problems;
}
