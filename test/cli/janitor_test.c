/* SPDX-License-Identifier: Apache-2.0 */
/* The janitor's pass over a store in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/log.h"
#include "cli/janitor.h"
#include "store/sim.h"

static struct {
    struct clock_fake clock;
    struct sim_disk *disk;
    struct store *store;
    struct config *config;
    struct directory *directory;
    struct auth *auth;
    struct mail mail;
    struct arena *arena;
    struct janitor janitor;
    bool stopping;
} w;

static const struct span alice = SPAN("alice@example.test");

static void make_rooms(void)
{
    struct clock *clock = &w.clock.clock;
    struct store_options store = {.clock = clock, .rng = rng_system(), .create = true};
    assert_int_equal(sim_store_open(w.disk, &store, NULL, &w.store), 0);
    struct directory_options directory = {
        .store = w.store, .clock = clock, .rng = rng_system(), .remove_grace_ms = 1000};
    assert_int_equal(directory_new(&directory, &w.directory), 0);
    struct auth_options auth = {.directory = w.directory,
                                .store = w.store,
                                .clock = clock,
                                .rng = rng_system(),
                                .config = w.config,
                                .inline_hashing = true};
    assert_int_equal(auth_new(&auth, &w.auth), 0);
    w.mail = (struct mail){
        .store = w.store, .clock = clock, .rng = rng_system(), .expunge_grace_ms = 3600000};
    w.janitor = (struct janitor){.store = w.store,
                                 .directory = w.directory,
                                 .auth = w.auth,
                                 .mail = &w.mail,
                                 .clock = clock,
                                 .remove_grace_ms = 1000,
                                 .stopping = &w.stopping};
}

static int setup(void **state)
{
    (void)state;
    log_setup(2, LOG_ERROR, LOG_LOGFMT);
    clock_fake_init(&w.clock, INT64_C(1790000000000));
    w.disk = sim_disk_new(1);
    w.arena = arena_new(1 << 20);
    w.config = config_default("/tmp");
    must(w.disk != NULL && w.arena != NULL && w.config != NULL);
    w.config->auth_argon2_mem = 8192;
    w.config->auth_argon2_ops = 1;
    make_rooms();
    struct domain domain = {.name = SPAN("example.test")};
    assert_int_equal(domain_add(w.directory, &domain), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    auth_free(w.auth);
    directory_free(w.directory);
    store_close(w.store);
    sim_disk_free(w.disk);
    config_unref(w.config);
    arena_free(w.arena);
    return 0;
}

static uint64_t add_alice(void)
{
    struct account account = {.address = alice};
    uint64_t id;
    assert_int_equal(account_id_reserve(w.directory, &account.id), 0);
    assert_int_equal(mailbox_account_create(&w.mail, account.id, alice), 0);
    assert_int_equal(account_add(w.directory, &account, &id), 0);
    return id;
}

static void removed_accounts_go_when_their_time_is_over(void **state)
{
    (void)state;
    struct janitor_result r;
    struct mail_quota quota;
    struct account account;
    uint64_t id = add_alice();
    assert_int_equal(account_remove(w.directory, alice), 0);
    janitor_pass(&w.janitor, &r);
    assert_int_equal(r.accounts + r.errors, 0);
    clock_fake_advance(&w.clock, 1000);
    janitor_pass(&w.janitor, &r);
    assert_int_equal(r.accounts, 1);
    assert_int_equal(r.errors, 0);
    assert_int_equal(account_get(w.directory, alice, w.arena, &account), ERR_NO_USER);
    assert_int_equal(mailbox_quota(&w.mail, id, &quota), ERR_NO_USER);
}

/* An error, or a crash, at each write of a purge: the account is whole and restorable, or can never
 * be restored; the next pass ends what was begun. */
static void a_purge_that_was_cut_short_cannot_be_restored(void **state)
{
    (void)state;
    for (uint64_t nth = 1;; nth++) {
        struct janitor_result r;
        struct mail_quota quota;
        assert_true(nth < 10);
        uint64_t id = add_alice();
        assert_int_equal(account_remove(w.directory, alice), 0);
        clock_fake_advance(&w.clock, 1000);
        sim_fail(w.disk, SIM_COMMIT, nth, ERR_IO, true);
        janitor_pass(&w.janitor, &r);
        sim_fail(w.disk, SIM_COMMIT, 0, 0, false);
        if (r.accounts == 1)
            break;
        assert_true(r.errors > 0);
        bool has_mail = mailbox_quota(&w.mail, id, &quota) == 0;
        int err = account_restore(w.directory, alice);
        assert_true(err == 0 || err == ERR_INVALID);
        assert_true(has_mail || err == ERR_INVALID);
        if (err == 0)
            assert_int_equal(account_remove(w.directory, alice), 0);
        clock_fake_advance(&w.clock, 1000);
        janitor_pass(&w.janitor, &r);
        assert_int_equal(r.accounts, 1);
        assert_int_equal(r.errors, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(removed_accounts_go_when_their_time_is_over, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_purge_that_was_cut_short_cannot_be_restored, setup,
                                        teardown),
    };
    return cmocka_run_group_tests_name("janitor", tests, NULL, NULL);
}
