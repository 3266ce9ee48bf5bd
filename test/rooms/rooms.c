/* SPDX-License-Identifier: Apache-2.0 */
#include "rooms.h"

#include "base/err.h"
#include "mailbox/keys.h"
#include "mailbox/records.h"

static void world_account(struct world *w)
{
    struct domain domain = {.name = SPAN("example.test")};
    struct account account = {.address = SPAN(WORLD_USER)};
    must(domain_add(w->directory, &domain) == 0);
    must(auth_credentials_make(w->auth, SPAN(WORLD_PASSWORD), w->arena, &account.credentials) == 0);
    must(account_add(w->directory, &account, &w->account) == 0);
    must(mailbox_account_create(&w->mail, w->account, SPAN(WORLD_USER)) == 0);
}

void world_open(struct world *w)
{
    *w = (struct world){.arena = arena_new(4 * 1024 * 1024), .config = config_default("/nowhere")};
    must(w->arena != NULL && w->config != NULL);
    clock_fake_init(&w->clock, INT64_C(1790000000000));
    struct clock *clock = &w->clock.clock;
    struct store_options store = {.clock = clock, .rng = rng_system(), .create = true};
    w->disk = sim_disk_new(1);
    must(w->disk != NULL && sim_store_open(w->disk, &store, NULL, &w->store) == 0);
    struct directory_options directory = {.store = w->store,
                                          .clock = clock,
                                          .rng = rng_system(),
                                          .sub_address = "+",
                                          .remove_grace_ms = 1000};
    must(directory_new(&directory, &w->directory) == 0);
    w->config->auth_argon2_mem = 8192;
    w->config->auth_argon2_ops = 1;
    w->config->auth_scram_iter = 4096;
    w->config->lock_failures = 100;
    w->config->attempts_per_ip = 100000;
    struct auth_options auth = {
        .directory = w->directory,
        .store = w->store,
        .clock = clock,
        .rng = rng_system(),
        .config = w->config,
        .inline_hashing = true,
    };
    must(auth_new(&auth, &w->auth) == 0);
    w->mail = (struct mail){
        .store = w->store, .clock = clock, .rng = rng_system(), .expunge_grace_ms = 86400 * 1000};
    w->spools = (struct spools){.dir = "/tmp"};
    world_account(w);
}

void world_close(struct world *w)
{
    auth_free(w->auth);
    directory_free(w->directory);
    store_close(w->store);
    sim_disk_free(w->disk);
    config_unref(w->config);
    arena_free(w->arena);
}

struct mail_appended world_append(struct world *w, struct span message, uint32_t flags)
{
    struct blob_writer *writer;
    struct mail_appended out;
    struct mail_append in = {.received_ms = w->clock.now_ms, .flags = flags};
    must(store_blob_create(w->store, &writer) == 0);
    must(store_blob_write(writer, message) == 0);
    must(store_blob_finish(writer, &in.blob, &in.info) == 0);
    must(mailbox_append(&w->mail, w->account, &in, &out) == 0);
    return out;
}

static int go_far(struct store_txn *t, void *arg)
{
    struct mail_key key = mail_key_mailbox((struct mailbox_id){INBOX_ID});
    struct mailbox_record r;
    struct span value;
    struct buf packed;
    (void)arg;
    must(store_txn_get(t, mail_key_span(&key), &value) == 0);
    must(mailbox_record_unpack(value, &r) == 0);
    r.uidnext = 4000000000u;
    buf_init(&packed, 4096);
    mailbox_record_pack(&packed, &r);
    store_txn_put(t, mail_key_span(&key), buf_span(&packed));
    buf_done(&packed);
    return 0;
}

void world_append_apart(struct world *w, struct span message, size_t n)
{
    enum { AT_ONCE = 500 };
    struct mail_append in[AT_ONCE];
    struct mail_appended out[AT_ONCE];
    struct numset every_second;
    struct part part = {PART_ACCOUNT, w->account};
    must(store_txn_run(w->store, part, go_far, NULL) == 0);
    numset_init(&every_second);
    for (size_t done = 0; done < 2 * n; done += AT_ONCE) {
        struct blob_writer *writer;
        in[0] = (struct mail_append){.received_ms = w->clock.now_ms};
        must(store_blob_create(w->store, &writer) == 0);
        must(store_blob_write(writer, message) == 0);
        must(store_blob_finish(writer, &in[0].blob, &in[0].info) == 0);
        for (size_t k = 1; k < AT_ONCE; k++)
            in[k] = in[0];
        must(mailbox_append_many(&w->mail, w->account, in, AT_ONCE, out) == 0);
        for (size_t k = 0; k < AT_ONCE; k += 2)
            numset_add(&every_second, out[k].uid.v);
    }
    must(mailbox_expunge_set(&w->mail, w->account, (struct mailbox_id){INBOX_ID}, &every_second,
                             0) == 0);
    numset_done(&every_second);
}
