/* SPDX-License-Identifier: Apache-2.0 */
/* Where mail goes, who logs in, who may send as. */
#include "world.h"

/* "local@x[detail],remote@y!" or the name of the error. */
static const char *where(struct world *w, const char *address)
{
    struct resolution r;
    static char text[4096];
    int err = directory_resolve(w->d, span_str(address), w->a, &r);
    if (err != 0)
        return err_name(err);
    struct buf b;
    buf_init(&b, sizeof text);
    for (size_t i = 0; i < r.n; i++) {
        buf_printf(&b, "%s%.*s", i > 0 ? "," : "", SPAN_ARG(r.v[i].address));
        if (!r.v[i].local)
            buf_puts(&b, "!");
        else
            assert_int_not_equal(r.v[i].account_id, 0);
        if (r.v[i].local)
            assert_span(r.v[i].class_name, "default");
        if (r.v[i].detail.n > 0)
            buf_printf(&b, "[%.*s]", SPAN_ARG(r.v[i].detail));
    }
    assert_true(span_to_cstr(buf_span(&b), text, sizeof text));
    buf_done(&b);
    return text;
}

#define GOES(address, there) assert_string_equal(where(w, address), there)

static void accounts_and_sub_addresses(void **state)
{
    struct world *w = *state;
    add_account(w, "alice@example.test");
    add_account(w, "alice+vip@example.test");
    add_alias(w, "alice+sales@example.test", "x@remote.test", NULL);
    GOES("Alice@Example.Test", "alice@example.test");
    GOES("ALICE@example.com.test", "alice@example.test");
    GOES("alice+Shop@example.test", "alice@example.test[shop]");
    GOES("alice+a+b@example.com.test", "alice@example.test[a+b]");
    GOES("alice+@example.test", "alice@example.test");
    GOES("alice+vip@example.test", "alice+vip@example.test");
    GOES("alice+vip+x@example.test", "alice+vip@example.test[x]"); /* not alice's */
    GOES("alice+sales@example.test", "x@remote.test!");
    GOES("+shop@example.test", "NO_USER");
    GOES("bob@example.test", "NO_USER");
    GOES("bob+alice@example.test", "NO_USER");
    GOES("\"alice+a b\"@example.test", "NO_USER");
    GOES("bob@example.com.test", "NO_USER");
    GOES("alice@other.test", "NO_DOMAIN");
    GOES("alice", "BAD_ADDRESS");
    world_reopen(w, "", NULL);
    GOES("alice+shop@example.test", "NO_USER");
    GOES("alice+vip@example.test", "alice+vip@example.test");
    world_reopen(w, "--", NULL);
    GOES("alice--shop@example.test", "alice@example.test[shop]");
    GOES("alice-shop@example.test", "NO_USER");
}

static void separators_that_cannot_be(void **state)
{
    struct world *w = *state;
    static const char *const bad[] = {"@", " ", "\"", ".", "A", "\x01", "123456789", "\xff"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct directory *d;
        struct directory_options options = {
            .store = w->store, .clock = &w->clock.clock, .sub_address = bad[i]};
        int err = directory_new(&options, &d);
        if (err == 0 && strcmp(bad[i], ".") == 0) {
            directory_free(d); /* a single dot between two atoms is a local part */
            continue;
        }
        assert_int_equal(err, ERR_INVALID);
    }
}

static void aliases_lead_on(void **state)
{
    struct world *w = *state;
    add_account(w, "alice@example.test");
    add_account(w, "bob@example.test");
    add_alias(w, "sales@example.test", "Alice@example.com.test", "John@Remote.test");
    add_alias(w, "all@example.test", "sales@example.test", "bob@example.test");
    add_alias(w, "twice@example.test", "all@example.test", "alice@example.test");
    add_alias(w, "filed@example.test", "alice+lists@example.test", NULL);
    add_alias(w, "half@example.test", "gone@example.test", "bob@example.test");
    add_alias(w, "none@example.test", "gone@example.test", "lost@example.test");
    GOES("sales@example.test", "alice@example.test,John@remote.test!");
    GOES("all@example.com.test", "alice@example.test,John@remote.test!,bob@example.test");
    GOES("twice@example.test", "alice@example.test,John@remote.test!,bob@example.test");
    GOES("sales+x@example.test", "alice@example.test[x],John@remote.test!");
    GOES("filed@example.test", "alice@example.test[lists]");
    GOES("filed+y@example.test", "alice@example.test[lists]");
    GOES("half@example.test", "bob@example.test");
    GOES("none@example.test", "NO_USER");
}

static void circles_and_depth(void **state)
{
    struct world *w = *state;
    add_account(w, "alice@example.test");
    add_alias(w, "a@example.test", "b@example.test", "alice@example.test");
    add_alias(w, "b@example.test", "A@example.com.test", NULL);
    GOES("a@example.test", "LOOP");
    add_alias(w, "b@example.test", "a+x@example.test", NULL);
    GOES("b@example.test", "LOOP");
    char from[40];
    char to[40];
    for (int i = 1; i <= LIMIT_ALIAS_DEPTH + 1; i++) {
        (void)snprintf(from, sizeof from, "n%d@example.test", i);
        (void)snprintf(to, sizeof to, "n%d@example.test", i - 1);
        if (i == 1)
            add_account(w, to);
        add_alias(w, from, to, NULL);
    }
    (void)snprintf(from, sizeof from, "n%d@example.test", LIMIT_ALIAS_DEPTH);
    GOES(from, "n0@example.test");
    (void)snprintf(from, sizeof from, "n%d@example.test", LIMIT_ALIAS_DEPTH + 1);
    GOES(from, "LOOP");
}

/* `n` aliases PREFIX0 … that all have the targets `to`0 … (n_to of them). */
static void add_layer(struct world *w, const char *prefix, int n, const char *to, int n_to)
{
    struct span targets[LIMIT_ALIAS_TARGETS];
    for (int i = 0; i < n_to; i++)
        targets[i] = arena_printf(w->a, "%s%d@example.test", to, i);
    for (int i = 0; i < n; i++) {
        struct span address = arena_printf(w->a, "%s%d@example.test", prefix, i);
        struct alias alias = {address, targets, (size_t)n_to};
        assert_int_equal(alias_put(w->d, &alias), 0);
    }
}

static size_t count(struct world *w, const char *address)
{
    struct resolution r;
    struct arena *a = arena_new(LIMIT_SESSION_ARENA);
    int err = directory_resolve(w->d, span_str(address), a, &r);
    assert_int_equal(err, 0);
    arena_free(a);
    return r.n;
}

/* Layers of a hundred aliases that each lead to all of the next: 100^3 ways to a hundred accounts.
 */
static void a_thicket_is_cut(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < LIMIT_ALIAS_TARGETS; i++)
        add_account(w, arena_cstr(w->a, arena_printf(w->a, "end%d@example.test", i)));
    add_layer(w, "flat", 9, "end", LIMIT_ALIAS_TARGETS);
    add_layer(w, "wide", 1, "flat", 9); /* 1 + 9 + 900 targets */
    assert_int_equal(count(w, "wide0@example.test"), LIMIT_ALIAS_TARGETS);
    add_layer(w, "layer-a", LIMIT_ALIAS_TARGETS, "end", LIMIT_ALIAS_TARGETS);
    add_layer(w, "layer-b", LIMIT_ALIAS_TARGETS, "layer-a", LIMIT_ALIAS_TARGETS);
    assert_int_equal(count(w, "layer-a7@example.test"), LIMIT_ALIAS_TARGETS);
    GOES("layer-b7@example.test", "LIMIT");
}

static void catch_all(void **state)
{
    struct world *w = *state;
    add_account(w, "alice@example.test");
    add_account(w, "info@example.test");
    add_alias(w, "team@example.test", "alice@example.test", "info@example.test");
    add_alias(w, "dead@example.test", "gone@example.test", NULL);
    set_domain(w, "example.test", "info@example.test", false);
    GOES("nobody@example.test", "info@example.test");
    GOES("nobody@example.com.test", "info@example.test");
    GOES("no+body@example.test", "info@example.test");
    GOES("alice+x@example.test", "alice@example.test[x]");
    GOES("dead@example.test", "info@example.test"); /* its target is nobody */
    set_domain(w, "example.test", "team+u@example.test", false);
    GOES("nobody@example.test", "alice@example.test[u],info@example.test[u]");
    set_domain(w, "example.test", "Away@remote.test", false);
    GOES("nobody@example.test", "Away@remote.test!");
    set_domain(w, "example.test", "missing@example.test", false);
    GOES("nobody@example.test", "NO_USER");
    GOES("missing@example.test", "NO_USER");
    add_domain(w, "two.test", "");
    set_domain(w, "two.test", "nobody@example.test", false);
    GOES("x@two.test", "NO_USER");
    /* A suspended or removed account exists. */
    set_domain(w, "example.test", "info@example.test", false);
    assert_int_equal(account_remove(w->d, SPAN("alice@example.test")), 0);
    GOES("alice@example.test", "SUSPENDED");
    GOES("alice+x@example.test", "SUSPENDED");
    GOES("team@example.test", "info@example.test");
}

static void postmaster(void **state)
{
    struct world *w = *state;
    add_account(w, "admin@example.test");
    add_domain(w, "two.test", "");
    GOES("postmaster", "NO_USER");
    GOES("postmaster@two.test", "NO_USER");
    world_reopen(w, "+", "Admin@example.com.test");
    GOES("PostMaster", "admin@example.test");
    GOES("Postmaster@two.test", "admin@example.test");
    GOES("postmaster@example.com.test", "admin@example.test");
    GOES("postmaster@three.test", "NO_DOMAIN");
    GOES("post@two.test", "NO_USER");
    set_domain(w, "two.test", "who@remote.test", false);
    GOES("postmaster@two.test", "admin@example.test");
    GOES("post@two.test", "who@remote.test!");
    add_alias(w, "postmaster@two.test", "own@remote.test", NULL);
    GOES("postmaster@two.test", "own@remote.test!");
    world_reopen(w, "+", "postmaster@example.test"); /* leads to itself */
    GOES("postmaster", "NO_USER");
    GOES("postmaster@example.test", "NO_USER");
    set_domain(w, "example.test", "admin@example.test", false);
    GOES("postmaster@example.test", "admin@example.test");
    world_reopen(w, "+", "nonsense");
    GOES("postmaster", "BAD_ADDRESS");
}

static void suspended_domains(void **state)
{
    struct world *w = *state;
    struct account account;
    add_account(w, "alice@example.test");
    add_domain(w, "two.test", "");
    add_alias(w, "alice@two.test", "alice@example.test", NULL);
    struct domain domain = {
        .name = SPAN("example.com.test"), .alias_of = SPAN("example.test"), .suspended = true};
    assert_int_equal(domain_set(w->d, &domain), 0);
    GOES("alice@example.test", "alice@example.test");
    GOES("alice@example.com.test", "SUSPENDED");
    assert_int_equal(directory_login(w->d, SPAN("alice@example.com.test"), w->a, &account),
                     ERR_SUSPENDED);
    assert_int_equal(directory_login(w->d, SPAN("alice@example.test"), w->a, &account), 0);
    domain.suspended = false;
    assert_int_equal(domain_set(w->d, &domain), 0);
    set_domain(w, "example.test", "", true);
    GOES("alice@example.test", "SUSPENDED");
    GOES("nobody@example.test", "SUSPENDED");
    GOES("alice@example.com.test", "SUSPENDED");
    GOES("alice@two.test", "SUSPENDED");
    account.id = 0;
    assert_int_equal(directory_login(w->d, SPAN("alice@example.com.test"), w->a, &account),
                     ERR_SUSPENDED);
    assert_int_not_equal(account.id, 0);
}

static void damage_on_the_way_is_told(void **state)
{
    struct world *w = *state;
    add_account(w, "alice@example.test");
    add_account(w, "bob@example.test");
    add_alias(w, "all@example.test", "alice@example.test", "bob@example.test");
    rot(w, KEY_ACCOUNT, "bob@example.test");
    GOES("bob@example.test", "CORRUPT");
    GOES("all@example.test", "CORRUPT");
    GOES("alice@example.test", "alice@example.test");
}

static int suspend(void *arg, struct arena *arena, struct account *account)
{
    (void)arg;
    (void)arena;
    account->status = ACCOUNT_SUSPENDED;
    return 0;
}

static int login(struct world *w, const char *username, const char *address)
{
    struct account account = {.id = 0};
    int err = directory_login(w->d, span_str(username), w->a, &account);
    if (err == 0 || err == ERR_SUSPENDED)
        assert_span(account.address, address);
    else
        assert_int_equal(account.id, 0);
    return err;
}

static void who_logs_in(void **state)
{
    struct world *w = *state;
    add_account(w, "alice@example.test");
    add_alias(w, "sales@example.test", "alice@example.test", NULL);
    set_domain(w, "example.test", "alice@example.test", false);
    add_domain(w, "two.test", "");
    assert_int_equal(login(w, "alice@example.test", "alice@example.test"), 0);
    assert_int_equal(login(w, "ALICE@Example.COM.test", "alice@example.test"), 0);
    assert_int_equal(login(w, "alice", ""), ERR_BAD_ADDRESS);
    assert_int_equal(login(w, "", ""), ERR_BAD_ADDRESS);
    assert_int_equal(login(w, "alice@two.test", ""), ERR_NO_USER);
    assert_int_equal(login(w, "alice@other.test", ""), ERR_NO_DOMAIN);
    assert_int_equal(login(w, "sales@example.test", ""), ERR_DENIED);
    assert_int_equal(login(w, "sales@example.com.test", ""), ERR_DENIED);
    assert_int_equal(login(w, "alice+x@example.test", ""), ERR_DENIED);
    assert_int_equal(login(w, "sales+x@example.test", ""), ERR_DENIED);
    assert_int_equal(login(w, "bob@example.test", ""),
                     ERR_NO_USER); /* a catch-all is nobody's name */
    assert_int_equal(login(w, "bob+x@example.test", ""), ERR_NO_USER);
    assert_int_equal(account_change(w->d, SPAN("alice@example.test"), suspend, NULL), 0);
    assert_int_equal(login(w, "alice@example.test", "alice@example.test"), ERR_SUSPENDED);
    assert_int_equal(account_remove(w->d, SPAN("alice@example.test")), 0);
    assert_int_equal(login(w, "alice@example.com.test", "alice@example.test"), ERR_SUSPENDED);
}

static void who_may_send_as(void **state)
{
    struct world *w = *state;
    uint64_t alice = add_account(w, "alice@example.test");
    uint64_t bob = add_account(w, "bob@example.test");
    add_account(w, "alice+own@example.test");
    add_alias(w, "sales@example.test", "alice@example.test", "x@remote.test");
    add_alias(w, "all@example.test", "sales@example.test", NULL);
    add_alias(w, "loop@example.test", "loop2@example.test", "alice@example.test");
    add_alias(w, "loop2@example.test", "loop@example.test", NULL);
    set_domain(w, "example.test", "alice@example.test", false);
    world_reopen(w, "+", "alice@example.test");
    static const struct {
        const char *address;
        bool alice;
        bool bob;
    } rows[] = {
        {"alice@example.test", true, false},
        {"ALICE@example.com.test", true, false},
        {"alice+x@example.com.test", true, false},
        {"alice+own@example.test", false, false},
        {"sales@example.test", true, false},
        {"sales+x@example.test", true, false},
        {"all@example.com.test", true, false},
        {"postmaster@example.test", true, false},
        {"bob@example.test", false, true},
        {"nobody@example.test", false, false},
        {"x@remote.test", false, false},
        {"alice@remote.test", false, false},
        {"loop@example.test", false, false},
        {"alice", false, false},
        {"", false, false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct span address = span_str(rows[i].address);
        assert_int_equal(directory_may_send(w->d, alice, SPAN("alice@example.test"), address),
                         rows[i].alice ? 0 : ERR_NOT_YOUR_ADDRESS);
        assert_int_equal(directory_may_send(w->d, bob, SPAN("bob@example.test"), address),
                         rows[i].bob ? 0 : ERR_NOT_YOUR_ADDRESS);
    }
    struct span own = SPAN("alice@example.test");
    assert_int_equal(directory_may_send(w->d, bob, own, own), ERR_NOT_YOUR_ADDRESS);
    assert_int_equal(account_change(w->d, own, suspend, NULL), 0);
    assert_int_equal(directory_may_send(w->d, alice, own, own), ERR_SUSPENDED);
    assert_int_equal(account_remove(w->d, own), 0);
    purge_account(w, "alice@example.test");
    assert_int_equal(directory_may_send(w->d, alice, own, own), ERR_NOT_YOUR_ADDRESS);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(accounts_and_sub_addresses),
        TEST(separators_that_cannot_be),
        TEST(aliases_lead_on),
        TEST(circles_and_depth),
        TEST(a_thicket_is_cut),
        TEST(catch_all),
        TEST(postmaster),
        TEST(suspended_domains),
        TEST(damage_on_the_way_is_told),
        TEST(who_logs_in),
        TEST(who_may_send_as),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
