/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts and aliases: adding, changing, removing, ids, lists over the shards, damage. */
#include "world.h"

static struct account get(struct world *w, const char *address)
{
    struct account account;
    assert_int_equal(account_get(w->d, span_str(address), w->a, &account), 0);
    return account;
}

static int get_err(struct world *w, const char *address)
{
    struct account account;
    return account_get(w->d, span_str(address), w->a, &account);
}

static void an_account_is_found_by_any_spelling(void **state)
{
    struct world *w = *state;
    struct account account = {.address = SPAN("Gru\u0308n@Example.Test."),
                              .name = SPAN("Gr\u00fcn"),
                              .credentials = SPAN("c")};
    uint64_t id;
    assert_int_equal(account_add(w->d, &account, &id), 0);
    struct account got = get(w, "\"GR\u00dcN\"@EXAMPLE.test");
    assert_int_equal(got.id, id);
    assert_span(got.address, "gr\u00fcn@example.test");
    assert_span(got.name, "Gr\u00fcn");
    assert_span(got.class_name, "default");
    assert_span(got.credentials, "c");
    assert_int_equal(got.status, ACCOUNT_ACTIVE);
    assert_int_equal(got.created_ms, 1700000000000);
    assert_int_equal(got.credentials_version, 1);
    assert_int_equal(get_err(w, "gr\u00fcn@example.com.test"),
                     ERR_NO_USER); /* not through the alias domain */
    assert_int_equal(get_err(w, "gr\u00fcn@elsewhere.test"), ERR_NO_DOMAIN);
    assert_int_equal(get_err(w, "gr\u00fcn"), ERR_BAD_ADDRESS);
    assert_int_equal(account_add(w->d, &account, &id), ERR_EXISTS);
}

static void accounts_that_may_not_be_added(void **state)
{
    struct world *w = *state;
    static char long_name[256];
    memset(long_name, 'a', sizeof long_name);
    add_alias(w, "sales@example.test", "alice@example.test", NULL);
    struct {
        struct account account;
        int err;
    } rows[] = {
        {{.address = SPAN("alice")}, ERR_BAD_ADDRESS},
        {{.address = SPAN("alice@other.test")}, ERR_NO_DOMAIN},
        {{.address = SPAN("alice@example.com.test")}, ERR_INVALID},
        {{.address = SPAN("Sales@example.test")}, ERR_EXISTS},
        {{.address = SPAN("a@example.test"), .class_name = SPAN("gold")}, ERR_NOT_FOUND},
        {{.address = SPAN("a@example.test"), .class_name = SPAN("go ld")}, ERR_INVALID},
        {{.address = SPAN("a@example.test"), .name = SPAN("a\nb")}, ERR_INVALID},
        {{.address = SPAN("a@example.test"), .name = SPAN("\xff")}, ERR_INVALID},
        {{.address = SPAN("a@example.test"), .name = span_of(long_name, 256)}, ERR_INVALID},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        uint64_t id = 4711;
        assert_int_equal(account_add(w->d, &rows[i].account, &id), rows[i].err);
        assert_int_equal(id, 4711);
    }
}

static void ids_are_never_given_twice(void **state)
{
    struct world *w = *state;
    uint64_t last = 0;
    for (int start = 0; start < 3; start++) {
        for (int i = 0; i < 300; i++) { /* more than a block */
            uint64_t id;
            assert_int_equal(account_id_reserve(w->d, &id), 0);
            assert_true(id > last);
            last = id;
        }
        uint64_t id = add_account(w, start == 0   ? "a@example.test"
                                     : start == 1 ? "b@example.test"
                                                  : "c@example.test");
        assert_true(id > last);
        last = id;
        sim_crash(w->disk, 0);
        world_reopen(w, "+", NULL);
    }
    assert_int_equal(get(w, "c@example.test").id, last);
}

static void a_reserved_id_is_used(void **state)
{
    struct world *w = *state;
    uint64_t id;
    uint64_t got = 0;
    assert_int_equal(account_id_reserve(w->d, &id), 0);
    struct account account = {.address = SPAN("alice@example.test"), .id = id};
    assert_int_equal(account_add(w->d, &account, &got), 0);
    assert_int_equal(got, id);
    assert_int_equal(get(w, "alice@example.test").id, id);
}

static int new_password(void *arg, struct arena *arena, struct account *account)
{
    account->credentials = arena_dup(arena, *(struct span *)arg);
    account->credentials_version = 0; /* not for us to set */
    return 0;
}

static int new_class(void *arg, struct arena *arena, struct account *account)
{
    (void)arena;
    account->class_name = *(struct span *)arg;
    return 0;
}

static int new_status(void *arg, struct arena *arena, struct account *account)
{
    (void)arena;
    account->status = *(enum account_status *)arg;
    return 0;
}

static int break_rule(void *arg, struct arena *arena, struct account *account)
{
    (void)arena;
    switch (*(int *)arg) {
    case 0: account->id++; break;
    case 1: account->address = SPAN("eve@example.test"); break;
    case 2: account->created_ms++; break;
    case 3: account->removed_ms++; break;
    case 4: account->status = ACCOUNT_REMOVED; break;
    case 5: account->status = ACCOUNT_DAMAGED; break;
    case 6: account->name = SPAN("\x01"); break;
    default: return ERR_DENIED;
    }
    return 0;
}

static void changes_are_whole_or_not_at_all(void **state)
{
    struct world *w = *state;
    struct span alice = SPAN("alice@example.test");
    add_account(w, "alice@example.test");
    struct span password = SPAN("new");
    assert_int_equal(account_change(w->d, alice, new_password, &password), 0);
    assert_int_equal(account_change(w->d, alice, new_password, &password),
                     0); /* the same: no change */
    struct account got = get(w, "alice@example.test");
    assert_span(got.credentials, "new");
    assert_int_equal(got.credentials_version, 2);
    for (int i = 0; i <= 7; i++)
        assert_int_equal(account_change(w->d, alice, break_rule, &i),
                         i == 7 ? ERR_DENIED : ERR_INVALID);
    struct account same = get(w, "alice@example.test");
    assert_int_equal(same.id, got.id);
    assert_int_equal(same.status, ACCOUNT_ACTIVE);
    assert_int_equal(account_change(w->d, SPAN("bob@example.test"), new_password, &password),
                     ERR_NO_USER);
    assert_int_equal(account_change(w->d, SPAN("bob@other.test"), new_password, &password),
                     ERR_NO_DOMAIN);
}

static void a_new_class_has_to_exist(void **state)
{
    struct world *w = *state;
    struct span alice = SPAN("alice@example.test");
    struct span gold = SPAN("GOLD");
    add_account(w, "alice@example.test");
    assert_int_equal(account_change(w->d, alice, new_class, &gold), ERR_NOT_FOUND);
    struct class_of_service c = {.name = SPAN("gold"), .quota_bytes = 5};
    assert_int_equal(class_put(w->d, &c), 0);
    assert_int_equal(account_change(w->d, alice, new_class, &gold), 0);
    assert_span(get(w, "alice@example.test").class_name, "gold");
    assert_int_equal(class_remove(w->d, SPAN("gold")), ERR_IN_USE);
    struct span none = SPAN_EMPTY;
    assert_int_equal(account_change(w->d, alice, new_class, &none), 0);
    assert_int_equal(class_remove(w->d, SPAN("gold")), 0);
    assert_int_equal(account_change(w->d, alice, new_class, &gold), ERR_NOT_FOUND);
}

static void removing_restoring_purging(void **state)
{
    struct world *w = *state;
    struct span alice = SPAN("alice@example.test");
    enum account_status suspended = ACCOUNT_SUSPENDED;
    uint64_t first = add_account(w, "alice@example.test");
    assert_int_equal(account_purge(w->d, alice), ERR_INVALID);
    assert_int_equal(account_change(w->d, alice, new_status, &suspended), 0);
    assert_int_equal(account_remove(w->d, alice), 0);
    clock_fake_advance(&w->clock, 5);
    assert_int_equal(account_remove(w->d, alice), 0); /* again: keeps its time */
    struct account got = get(w, "alice@example.test");
    assert_int_equal(got.status, ACCOUNT_REMOVED);
    assert_int_equal(got.removed_ms, 1700000000000);
    struct account again = {.address = alice};
    uint64_t id;
    assert_int_equal(account_add(w->d, &again, &id), ERR_EXISTS);
    assert_int_equal(account_change(w->d, alice, new_status, &suspended), ERR_INVALID);
    assert_int_equal(account_restore(w->d, alice), 0);
    assert_int_equal(account_restore(w->d, alice), 0);
    got = get(w, "alice@example.test");
    assert_int_equal(got.status, ACCOUNT_SUSPENDED);
    assert_int_equal(got.removed_ms, 0);
    assert_int_equal(account_remove(w->d, alice), 0);
    assert_int_equal(account_purge(w->d, alice), ERR_INVALID); /* not begun */
    purge_account(w, "alice@example.test");
    assert_int_equal(account_purge(w->d, alice), ERR_NO_USER);
    assert_int_equal(get_err(w, "alice@example.test"), ERR_NO_USER);
    assert_true(add_account(w, "alice@example.test") > first);
}

static void expired_accounts_come_oldest_first_in_pages(void **state)
{
    struct world *w = *state;
    static const char *const names[] = {"z@example.test", "a@example.test", "m@example.test",
                                        "k@example.test", "b@example.test"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        add_account(w, names[i]);
        clock_fake_advance(&w->clock, i < 3 ? 10 : 0); /* the last two in the same millisecond */
        assert_int_equal(account_remove(w->d, span_str(names[i])), 0);
    }
    add_account(w, "stays@example.test");
    assert_int_equal(account_restore(w->d, SPAN("a@example.test")), 0);
    struct account *page;
    size_t n;
    assert_int_equal(account_expired_list(w->d, NULL, 10, w->a, &page, &n), 0);
    assert_int_equal(n, 0); /* within the grace time */
    clock_fake_advance(&w->clock, 980);
    assert_int_equal(account_expired_list(w->d, NULL, 10, w->a, &page, &n), 0);
    assert_int_equal(n, 1);
    clock_fake_advance(&w->clock, 20);
    static const char *const order[] = {"z@example.test", "b@example.test", "k@example.test",
                                        "m@example.test"};
    const struct account *after = NULL;
    for (size_t i = 0; i < COUNT_OF(order); i++) {
        assert_int_equal(account_expired_list(w->d, after, 1, w->a, &page, &n), 0);
        assert_int_equal(n, 1);
        assert_span(page[0].address, order[i]);
        after = &page[0];
    }
    assert_int_equal(account_expired_list(w->d, after, 1, w->a, &page, &n), 0);
    assert_int_equal(n, 0);
    purge_account(w, "b@example.test");
    assert_int_equal(account_expired_list(w->d, NULL, 10, w->a, &page, &n), 0);
    assert_int_equal(n, 3);
}

/* Its mail is going or gone from here on: who restored it would get it empty. */
static void nobody_comes_back_from_purging(void **state)
{
    struct world *w = *state;
    struct span alice = SPAN("alice@example.test");
    uint64_t id = add_account(w, "alice@example.test"), got_id = 0;
    assert_int_equal(account_purge_begin(w->d, alice, INT64_MAX, &got_id), ERR_INVALID);
    assert_int_equal(account_remove(w->d, alice), 0);
    int64_t removed = get(w, "alice@example.test").removed_ms;
    assert_int_equal(account_purge_begin(w->d, alice, removed - 1, &got_id), ERR_INVALID);
    assert_int_equal(account_restore(w->d, alice), 0);
    assert_int_equal(account_purge_begin(w->d, alice, removed, &got_id), ERR_INVALID);
    assert_int_equal(account_remove(w->d, alice), 0);
    assert_false(get(w, "alice@example.test").purging);
    assert_int_equal(account_purge_begin(w->d, alice, removed, &got_id), 0);
    assert_true(got_id == id);
    world_reopen(w, "+", NULL);
    assert_int_equal(account_purge_begin(w->d, alice, removed - 1, &got_id), 0); /* goes on */
    struct account got = get(w, "alice@example.test");
    assert_true(got.purging);
    assert_int_equal(got.status, ACCOUNT_REMOVED);
    assert_int_equal(account_restore(w->d, alice), ERR_INVALID);
    assert_int_equal(account_remove(w->d, alice), 0);
    assert_int_equal(account_restore(w->d, alice), ERR_INVALID);
    clock_fake_advance(&w->clock, 5000);
    struct account *page;
    size_t n;
    assert_int_equal(account_expired_list(w->d, NULL, 10, w->a, &page, &n), 0);
    assert_int_equal(n, 1); /* found again by who has to end it */
    assert_int_equal(account_purge(w->d, alice), 0);
    assert_int_equal(account_purge_begin(w->d, alice, INT64_MAX, &got_id), ERR_NO_USER);
}

/* ---- lists ------------------------------------------------------------------------------- */

static size_t
list_all(struct world *w, const char *domain, size_t max, char *last, size_t last_size)
{
    size_t total = 0;
    size_t n = max;
    struct arena *a = arena_new(1024 * 1024);
    struct span after = SPAN_EMPTY;
    char texts[2][LIMIT_ADDRESS + 1];
    texts[0][0] = '\0';
    while (n == max) {
        struct account *page;
        arena_reset(a);
        assert_int_equal(account_list(w->d, span_str(domain), after, max, a, &page, &n), 0);
        for (size_t i = 0; i < n; i++) {
            assert_true(span_cmp(page[i].address, span_str(texts[0])) >
                        0); /* one domain: by local */
            assert_true(span_to_cstr(page[i].address, texts[0], sizeof texts[0]));
        }
        total += n;
        assert_true(span_to_cstr(span_str(texts[0]), texts[1], sizeof texts[1]));
        after = span_str(texts[1]);
    }
    assert_true(span_to_cstr(span_str(texts[0]), last, last_size));
    arena_free(a);
    return total;
}

static void many_accounts_are_listed_in_pages(void **state)
{
    struct world *w = *state;
    enum { MANY = 20000 };
    for (int i = 0; i < MANY; i++) {
        char address[64];
        (void)snprintf(address, sizeof address, "user%05d@example.test",
                       (int)((uint32_t)i * 7919 % MANY));
        add_account(w, address);
    }
    char last[LIMIT_ADDRESS + 1];
    assert_int_equal(list_all(w, "example.test", 1000, last, sizeof last), MANY);
    assert_string_equal(last, "user19999@example.test");
    assert_int_equal(list_all(w, "", 777, last, sizeof last), MANY);
}

static void lists_keep_domains_and_kinds_apart(void **state)
{
    struct world *w = *state;
    add_domain(w, "example.testa", "");
    add_domain(w, "a.test", "");
    add_account(w, "b@example.test");
    add_account(w, "a@example.test");
    add_account(w, "a@example.testa");
    add_account(w, "z@a.test");
    add_alias(w, "aa@example.test", "a@example.test", "x@remote.test");
    struct account *v;
    struct alias *aliases;
    size_t n;
    assert_int_equal(account_list(w->d, SPAN_EMPTY, SPAN_EMPTY, 10, w->a, &v, &n), 0);
    assert_int_equal(n, 4);
    assert_span(v[0].address, "z@a.test");
    assert_span(v[1].address, "a@example.test");
    assert_span(v[2].address, "b@example.test");
    assert_span(v[3].address, "a@example.testa");
    assert_int_equal(
        account_list(w->d, SPAN("Example.TEST"), SPAN("A@example.test"), 10, w->a, &v, &n), 0);
    assert_int_equal(n, 1);
    assert_span(v[0].address, "b@example.test");
    assert_int_equal(account_list(w->d, SPAN("example.test"), SPAN("z@a.test"), 10, w->a, &v, &n),
                     ERR_INVALID);
    assert_int_equal(account_list(w->d, SPAN("none.test"), SPAN_EMPTY, 10, w->a, &v, &n),
                     ERR_NO_DOMAIN);
    assert_int_equal(account_list(w->d, SPAN_EMPTY, SPAN_EMPTY, 0, w->a, &v, &n), ERR_INVALID);
    assert_int_equal(
        account_list(w->d, SPAN_EMPTY, SPAN_EMPTY, DIRECTORY_PAGE_MAX + 1, w->a, &v, &n),
        ERR_INVALID);
    assert_int_equal(alias_list(w->d, SPAN("example.test"), SPAN_EMPTY, 10, w->a, &aliases, &n), 0);
    assert_int_equal(n, 1);
    assert_span(aliases[0].address, "aa@example.test");
    assert_int_equal(aliases[0].targets_n, 2);
    assert_int_equal(alias_list(w->d, SPAN_EMPTY, aliases[0].address, 10, w->a, &aliases, &n), 0);
    assert_int_equal(n, 0);
}

/* ---- aliases ----------------------------------------------------------------------------- */

static void aliases_are_added_changed_removed(void **state)
{
    struct world *w = *state;
    struct alias got;
    add_account(w, "alice@example.test");
    add_alias(w, "Sales@example.test", "alice@EXAMPLE.test", "John.Doe@Remote.TEST");
    assert_int_equal(alias_get(w->d, SPAN("sales@example.test"), w->a, &got), 0);
    assert_int_equal(got.targets_n, 2);
    assert_span(got.targets[0], "alice@example.test");
    assert_span(got.targets[1], "John.Doe@remote.test"); /* others may tell upper from lower case */
    add_alias(w, "sales@example.test", "bob@x.test", "bob@x.test");
    assert_int_equal(alias_get(w->d, SPAN("SALES@example.test"), w->a, &got), 0);
    assert_int_equal(got.targets_n, 1);
    assert_int_equal(alias_remove(w->d, SPAN("SALES@example.test")), 0);
    assert_int_equal(alias_remove(w->d, SPAN("sales@example.test")), ERR_NO_USER);
    assert_int_equal(alias_get(w->d, SPAN("sales@example.test"), w->a, &got), ERR_NO_USER);
    assert_int_equal(alias_get(w->d, SPAN("alice@example.test"), w->a, &got), ERR_NO_USER);
    assert_int_equal(alias_get(w->d, SPAN("a@none.test"), w->a, &got), ERR_NO_DOMAIN);
    assert_int_equal(alias_remove(w->d, SPAN("a@none.test")), ERR_NO_DOMAIN);
}

static void aliases_that_may_not_be_added(void **state)
{
    struct world *w = *state;
    static struct span many[LIMIT_ALIAS_TARGETS + 1];
    for (size_t i = 0; i < COUNT_OF(many); i++)
        many[i] = SPAN("a@x.test");
    struct span self = SPAN("SALES@example.test");
    struct span bad = SPAN("nobody");
    add_account(w, "alice@example.test");
    struct {
        struct alias alias;
        int err;
    } rows[] = {
        {{SPAN("alice@example.test"), many, 1}, ERR_EXISTS},
        {{SPAN("sales@example.com.test"), many, 1}, ERR_INVALID},
        {{SPAN("sales@other.test"), many, 1}, ERR_NO_DOMAIN},
        {{SPAN("sales"), many, 1}, ERR_BAD_ADDRESS},
        {{SPAN("sales@example.test"), many, 0}, ERR_INVALID},
        {{SPAN("sales@example.test"), many, COUNT_OF(many)}, ERR_LIMIT},
        {{SPAN("sales@example.test"), many, COUNT_OF(many) - 1}, 0},
        {{SPAN("sales@example.test"), &self, 1}, ERR_LOOP},
        {{SPAN("sales@example.test"), &bad, 1}, ERR_BAD_ADDRESS},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_int_equal(alias_put(w->d, &rows[i].alias), rows[i].err);
}

/* ---- damage ------------------------------------------------------------------------------ */

static void a_damaged_record_is_one_accounts_trouble(void **state)
{
    struct world *w = *state;
    add_account(w, "a@example.test");
    add_account(w, "b@example.test");
    add_account(w, "c@example.test");
    add_alias(w, "x@example.test", "a@example.test", NULL);
    add_alias(w, "y@example.test", "a@example.test", NULL);
    put_raw(w, KEY_ACCOUNT, "b@example.test", SPAN("\x01garbage"));
    put_raw(w, KEY_ALIAS, "x@example.test", SPAN("\x01\x05"));
    assert_int_equal(get_err(w, "b@example.test"), ERR_CORRUPT);
    assert_int_equal(get_err(w, "a@example.test"), 0);
    struct account *v;
    struct alias *aliases;
    size_t n;
    assert_int_equal(account_list(w->d, SPAN("example.test"), SPAN_EMPTY, 10, w->a, &v, &n), 0);
    assert_int_equal(n, 3);
    assert_span(v[1].address, "b@example.test");
    assert_int_equal(v[1].status, ACCOUNT_DAMAGED);
    assert_int_equal(v[1].id, 0);
    assert_int_equal(v[2].status, ACCOUNT_ACTIVE);
    assert_int_equal(alias_list(w->d, SPAN_EMPTY, SPAN_EMPTY, 10, w->a, &aliases, &n), 0);
    assert_int_equal(n, 2);
    assert_int_equal(aliases[0].targets_n, 0);
    assert_int_equal(aliases[1].targets_n, 1);
    struct span password = SPAN("p");
    assert_int_equal(account_change(w->d, SPAN("b@example.test"), new_password, &password),
                     ERR_CORRUPT);
    assert_int_equal(account_remove(w->d, SPAN("b@example.test")), ERR_CORRUPT);
    /* The way out. */
    add_alias(w, "x@example.test", "a@example.test", NULL);
    assert_int_equal(account_purge(w->d, SPAN("b@example.test")), 0);
    add_account(w, "b@example.test");
    assert_int_equal(get_err(w, "b@example.test"), 0);
}

static void damage_below_the_store_too(void **state)
{
    struct world *w = *state;
    add_account(w, "a@example.test");
    add_account(w, "b@example.test");
    add_account(w, "c@example.test");
    assert_int_equal(account_remove(w->d, SPAN("b@example.test")), 0);
    rot(w, KEY_ACCOUNT, "b@example.test");
    assert_int_equal(get_err(w, "b@example.test"), ERR_CORRUPT);
    assert_int_equal(get_err(w, "c@example.test"), 0);
    struct account *v;
    size_t n;
    assert_int_equal(account_list(w->d, SPAN("example.test"), SPAN_EMPTY, 10, w->a, &v, &n), 0);
    assert_int_equal(n, 2);
    clock_fake_advance(&w->clock, 5000);
    assert_int_equal(account_expired_list(w->d, NULL, 10, w->a, &v, &n), 0);
    assert_int_equal(n, 0);
    assert_int_equal(account_purge(w->d, SPAN("b@example.test")), 0);
    add_account(w, "b@example.test");
    assert_int_equal(account_expired_list(w->d, NULL, 10, w->a, &v, &n), 0);
    assert_int_equal(n, 0);
}

static void a_newer_record_is_not_written_back(void **state)
{
    struct world *w = *state;
    add_account(w, "a@example.test");
    static const char record[] = {2,
                                  9,
                                  ACCOUNT_ACTIVE,
                                  ACCOUNT_ACTIVE,
                                  0,
                                  0,
                                  1,
                                  7,
                                  'd',
                                  'e',
                                  'f',
                                  'a',
                                  'u',
                                  'l',
                                  't',
                                  0,
                                  0,
                                  'n',
                                  'e',
                                  'w'};
    put_raw(w, KEY_ACCOUNT, "a@example.test", span_of(record, sizeof record));
    assert_int_equal(get(w, "a@example.test").id, 9);
    struct span password = SPAN("p");
    assert_int_equal(account_change(w->d, SPAN("a@example.test"), new_password, &password),
                     ERR_FORMAT_NEWER);
    assert_int_equal(account_remove(w->d, SPAN("a@example.test")), ERR_FORMAT_NEWER);
}

static void a_failing_store_is_reported(void **state)
{
    struct world *w = *state;
    add_account(w, "a@example.test");
    sim_fail(w->disk, SIM_READ, 1, ERR_IO, true);
    struct account *v;
    struct alias *aliases;
    size_t n;
    assert_int_equal(get_err(w, "a@example.test"), ERR_IO);
    assert_int_equal(account_list(w->d, SPAN_EMPTY, SPAN_EMPTY, 10, w->a, &v, &n), ERR_IO);
    assert_int_equal(alias_list(w->d, SPAN_EMPTY, SPAN_EMPTY, 10, w->a, &aliases, &n), ERR_IO);
    assert_int_equal(account_expired_list(w->d, NULL, 10, w->a, &v, &n), ERR_IO);
    sim_fail(w->disk, SIM_READ, 0, 0, false);
    sim_fail(w->disk, SIM_COMMIT, 1, ERR_DISK_FULL, true);
    struct account account = {.address = SPAN("b@example.test")};
    uint64_t id;
    assert_int_equal(account_add(w->d, &account, &id), ERR_DISK_FULL);
    assert_int_equal(account_remove(w->d, SPAN("a@example.test")), ERR_DISK_FULL);
    sim_fail(w->disk, SIM_COMMIT, 0, 0, false);
    assert_int_equal(get_err(w, "b@example.test"), ERR_NO_USER);
    assert_int_equal(get(w, "a@example.test").status, ACCOUNT_ACTIVE);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_account_is_found_by_any_spelling),
        TEST(accounts_that_may_not_be_added),
        TEST(ids_are_never_given_twice),
        TEST(a_reserved_id_is_used),
        TEST(changes_are_whole_or_not_at_all),
        TEST(a_new_class_has_to_exist),
        TEST(removing_restoring_purging),
        TEST(nobody_comes_back_from_purging),
        TEST(expired_accounts_come_oldest_first_in_pages),
        TEST(many_accounts_are_listed_in_pages),
        TEST(lists_keep_domains_and_kinds_apart),
        TEST(aliases_are_added_changed_removed),
        TEST(aliases_that_may_not_be_added),
        TEST(a_damaged_record_is_one_accounts_trouble),
        TEST(damage_below_the_store_too),
        TEST(a_newer_record_is_not_written_back),
        TEST(a_failing_store_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
