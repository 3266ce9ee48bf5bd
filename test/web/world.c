/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include "base/err.h"

static const struct config *get_config(void *arg)
{
    return ((struct world *)arg)->config;
}

static void get_status(void *arg, struct admin_status *out)
{
    (void)arg;
    *out = (struct admin_status){.started_ms = 1,
                                 .connections = 3,
                                 .workers_busy = 3,
                                 .restarts = 2,
                                 .user = "mail",
                                 .confinement = "Landlock 7, seccomp"};
}

static int reload(void *arg, struct buf *why)
{
    if (++((struct world *)arg)->reloads == 1)
        return 0;
    buf_puts(why, "mailstead.conf:3: \"oops\" is no key\n");
    return ERR_INVALID;
}

void world_open(struct world *w)
{
    *w = (struct world){.config = config_default("/tmp")};
    must(w->config != NULL);
    w->config->auth_argon2_mem = 8192;
    w->config->auth_argon2_ops = 1;
    clock_fake_init(&w->clock, INT64_C(1793700000000));
    struct store_options with = {.clock = &w->clock.clock, .rng = rng_system(), .create = true};
    w->disk = sim_disk_new(1);
    must(w->disk != NULL && sim_store_open(w->disk, &with, NULL, &w->store) == 0);
    struct directory_options d = {.store = w->store,
                                  .clock = with.clock,
                                  .rng = with.rng,
                                  .sub_address = "+",
                                  .remove_grace_ms = 1000};
    must(directory_new(&d, &w->directory) == 0);
    struct auth_options a = {.directory = w->directory,
                             .store = w->store,
                             .clock = with.clock,
                             .rng = with.rng,
                             .config = w->config,
                             .inline_hashing = true};
    must(auth_new(&a, &w->auth) == 0);
    w->mail = (struct mail){
        .store = w->store, .clock = with.clock, .rng = with.rng, .expunge_grace_ms = 1000};
    w->delivery = (struct delivery){w->directory, &w->mail, w->store, with.clock};
    w->spools = (struct spools){.dir = "/tmp"};
    w->admin = (struct admin){.directory = w->directory,
                              .auth = w->auth,
                              .mail = &w->mail,
                              .delivery = &w->delivery,
                              .store = w->store,
                              .clock = with.clock,
                              .rng = with.rng,
                              .spools = &w->spools,
                              .arg = w,
                              .config = get_config,
                              .status = get_status,
                              .reload = reload};
}

void world_close(struct world *w)
{
    auth_free(w->auth);
    directory_free(w->directory);
    store_close(w->store);
    sim_disk_free(w->disk);
    config_unref(w->config);
}

static int destroy_part(void *arg, struct part part)
{
    return store_part_destroy(((struct world *)arg)->store, part);
}

void world_empty(struct world *w)
{
    static const enum part_kind kinds[] = {PART_ACCOUNT, PART_DIRECTORY, PART_AUTH, PART_DOMAINS};
    size_t removed;
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        must(store_parts(w->store, kinds[i], 0, destroy_part, w) == 0);
    clock_fake_advance(&w->clock, INT64_C(2) * 86400 * 1000);
    must(store_collect(w->store, 0, SIZE_MAX, &removed) == 0);
    w->reloads = 0;
}
