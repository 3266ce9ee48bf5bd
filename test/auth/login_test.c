/* SPDX-License-Identifier: Apache-2.0 */
/* Logging in with a password: USER/PASS, PLAIN, LOGIN; every way to fail; cache, upgrade, history.
 */
#include "rig.h"

#include "base/log.h"
#include "base/metrics.h"

static void the_right_password_logs_in(void **state)
{
    struct rig *r = *state;
    struct auth_exchange *x;
    struct auth_peer peer = rig_peer("192.0.2.1");
    assert_int_equal(
        auth_exchange_open_password(r->auth, &peer, SPAN("alice@example.test"), RIGHT, NULL, &x),
        0);
    assert_int_equal(rig_finish(r, x, NULL), 0);
    const struct auth_result *res = auth_exchange_result(x);
    assert_int_equal(res->account_id, rig_account(r, SPAN("alice@example.test")).id);
    assert_true(span_eq(res->address, SPAN("alice@example.test")));
    assert_true(span_eq(res->class_name, SPAN("default")));
    assert_true(span_eq(auth_exchange_username(x), SPAN("alice@example.test")));
    auth_exchange_close(x);
}

static void spellings_and_alias_domains_log_in(void **state)
{
    struct rig *r = *state;
    assert_int_equal(rig_login(r, "192.0.2.1", SPAN("ALICE@Example.TEST"), RIGHT, NULL), 0);
    assert_int_equal(rig_login(r, "192.0.2.1", SPAN("alice@example.com.test"), RIGHT, NULL), 0);
}

static void all_who_may_not_get_the_same_answer(void **state)
{
    struct rig *r = *state;
    static char long_text[3000];
    memset(long_text, 'a', sizeof long_text);
    const struct {
        struct span username, password;
    } cases[] = {
        {SPAN("alice@example.test"), SPAN("wrong")},
        {SPAN("alice@example.test"), SPAN("")},
        {SPAN("alice@example.test"), SPAN("correct horse\0")},
        {SPAN("alice@example.test"), span_of(long_text, sizeof long_text)},
        {SPAN("eve@example.test"), SPAN("wrong")}, /* suspended, which only its owner learns */
        {SPAN("alice"), RIGHT},
        {SPAN(""), RIGHT},
        {SPAN("@"), RIGHT},
        {SPAN("alice@"), RIGHT},
        {SPAN("\xff\xfe"), RIGHT},
        {SPAN("alice\0@example.test"), RIGHT},
        {span_of(long_text, sizeof long_text), RIGHT},
        {SPAN("nobody@example.test"), RIGHT},
        {SPAN("alice@elsewhere.test"), RIGHT},
        {SPAN("info@example.test"), RIGHT}, /* an alias */
        {SPAN("alice+shop@example.test"), RIGHT},
        {SPAN("nopass@example.test"), RIGHT},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char ip[32];
        struct span text;
        snprintf(ip, sizeof ip, "10.0.%zu.1", i);
        assert_int_equal(rig_login(r, ip, cases[i].username, cases[i].password, &text),
                         ERR_AUTH_FAILED);
        assert_true(span_eq(text, span_str(err_text(ERR_AUTH_FAILED))));
    }
}

static void a_suspended_owner_is_told(void **state)
{
    struct rig *r = *state;
    assert_int_equal(rig_login(r, "192.0.2.1", SPAN("eve@example.test"), RIGHT, NULL),
                     ERR_SUSPENDED);
    assert_int_equal(rig_login(r, "192.0.2.1", SPAN("eve@example.test"), RIGHT, NULL),
                     ERR_SUSPENDED);
}

/* ---- SASL ---- */

static int
sasl(struct rig *r, const char *mechanism, const struct span *answers, size_t n, bool initial)
{
    struct auth_exchange *x;
    struct auth_peer peer = rig_peer("192.0.2.1");
    struct span challenge;
    assert_int_equal(auth_exchange_open(r->auth, &peer, span_str(mechanism), NULL, &x), 0);
    enum auth_step step = AUTH_SEND;
    if (!initial) {
        step = auth_exchange_step(x, false, SPAN_EMPTY, &challenge);
        assert_int_equal(step, AUTH_SEND);
    }
    for (size_t i = 0; i < n && step == AUTH_SEND; i++)
        step = auth_exchange_step(x, true, answers[i], &challenge);
    assert_true(step == AUTH_OK || step == AUTH_FAIL);
    /* asking again changes nothing */
    assert_int_equal(auth_exchange_step(x, true, SPAN("x"), &challenge), step);
    int err = auth_exchange_result(x)->err;
    auth_exchange_close(x);
    return err;
}

static int plain(struct rig *r, struct span message, bool initial)
{
    return sasl(r, "PLAIN", &message, 1, initial);
}

static void plain_as_in_rfc_4616(void **state)
{
    struct rig *r = *state;
    assert_int_equal(plain(r, SPAN("\0alice@example.test\0correct horse"), true), 0);
    assert_int_equal(plain(r, SPAN("\0alice@example.test\0correct horse"), false), 0);
    assert_int_equal(plain(r, SPAN("alice@example.test\0alice@example.test\0correct horse"), true),
                     0);
    assert_int_equal(
        plain(r, SPAN("Alice@example.com.test\0alice@example.test\0correct horse"), true), 0);
    assert_int_equal(plain(r, SPAN("bob@example.test\0alice@example.test\0correct horse"), true),
                     ERR_AUTH_FAILED);
    assert_int_equal(plain(r, SPAN("nobody@example.test\0alice@example.test\0correct horse"), true),
                     ERR_AUTH_FAILED);
    assert_int_equal(plain(r, SPAN("\0alice@example.test\0correct horse\0"), true),
                     ERR_AUTH_FAILED);
}

static void plain_that_is_none_is_invalid(void **state)
{
    struct rig *r = *state;
    static const struct span bad[] = {SPAN(""), SPAN("\0"), SPAN("alice@example.test"),
                                      SPAN("a\0b")};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        assert_int_equal(plain(r, bad[i], true), ERR_INVALID);
        assert_int_equal(plain(r, bad[i], false), ERR_INVALID);
    }
}

static void login_asks_for_both(void **state)
{
    struct rig *r = *state;
    struct auth_exchange *x;
    struct auth_peer peer = rig_peer("192.0.2.1");
    struct span challenge;
    static const struct span answers[] = {SPAN("alice@example.test"), SPAN("correct horse")};
    static const struct span wrong[] = {SPAN("alice@example.test"), SPAN("wrong")};
    assert_int_equal(sasl(r, "LOGIN", answers, 2, false), 0);
    assert_int_equal(sasl(r, "LOGIN", answers, 2, true), 0); /* the name as initial response */
    assert_int_equal(sasl(r, "login", wrong, 2, false), ERR_AUTH_FAILED);
    assert_int_equal(auth_exchange_open(r->auth, &peer, SPAN("LOGIN"), NULL, &x), 0);
    assert_int_equal(auth_exchange_step(x, false, SPAN_EMPTY, &challenge), AUTH_SEND);
    assert_true(span_eq(challenge, SPAN("Username:")));
    assert_int_equal(auth_exchange_step(x, true, SPAN("alice@example.test"), &challenge),
                     AUTH_SEND);
    assert_true(span_eq(challenge, SPAN("Password:")));
    auth_exchange_close(x);
}

static void mechanisms_depend_on_the_connection(void **state)
{
    struct rig *r = *state;
    struct rig_binder tls = {.b.get = rig_binding, .exporter = SPAN("0123456789abcdef")};
    struct auth_peer peer = rig_peer("192.0.2.1");
    struct auth_exchange *x;
    struct buf b;
    buf_init(&b, 200);
    auth_mechanisms(r->auth, &peer, &b);
    assert_true(span_eq(buf_span(&b), SPAN("SCRAM-SHA-256 PLAIN LOGIN")));
    buf_clear(&b);
    peer.binder = &tls.b;
    auth_mechanisms(r->auth, &peer, &b);
    assert_true(span_eq(buf_span(&b), SPAN("SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN")));
    buf_clear(&b);
    peer.binder = NULL;
    peer.secure = false;
    auth_mechanisms(r->auth, &peer, &b);
    assert_true(span_eq(buf_span(&b), SPAN("SCRAM-SHA-256")));
    buf_done(&b);
    assert_int_equal(auth_exchange_open(r->auth, &peer, SPAN("PLAIN"), NULL, &x), ERR_NEED_TLS);
    assert_int_equal(auth_exchange_open(r->auth, &peer, SPAN("LOGIN"), NULL, &x), ERR_NEED_TLS);
    assert_int_equal(auth_exchange_open_password(r->auth, &peer, SPAN("a"), SPAN("b"), NULL, &x),
                     ERR_NEED_TLS);
    assert_int_equal(auth_exchange_open(r->auth, &peer, SPAN("CRAM-MD5"), NULL, &x),
                     ERR_UNSUPPORTED);
    assert_int_equal(auth_exchange_open(r->auth, &peer, SPAN(""), NULL, &x), ERR_UNSUPPORTED);
    assert_int_equal(auth_exchange_open(r->auth, &peer, SPAN("SCRAM-SHA-256-PLUS"), NULL, &x),
                     ERR_UNSUPPORTED);
}

/* ---- the cache ---- */

static void a_second_login_costs_no_hash(void **state)
{
    struct rig *r = *state;
    int64_t cached = metric_get(METRIC_AUTH_CACHED);
    for (int i = 0; i < 5; i++)
        assert_int_equal(rig_login(r, "192.0.2.1", SPAN("alice@example.test"), RIGHT, NULL), 0);
    assert_int_equal(metric_get(METRIC_AUTH_CACHED), cached + 4);
    clock_fake_advance(&r->fake, 301000);
    assert_int_equal(rig_login(r, "192.0.2.1", SPAN("alice@example.test"), RIGHT, NULL), 0);
    assert_int_equal(metric_get(METRIC_AUTH_CACHED), cached + 4);
    auth_forget(r->auth, rig_account(r, SPAN("alice@example.test")).id);
    assert_int_equal(rig_login(r, "192.0.2.1", SPAN("alice@example.test"), RIGHT, NULL), 0);
    assert_int_equal(metric_get(METRIC_AUTH_CACHED), cached + 4);
}

static void a_changed_password_counts_at_once(void **state)
{
    struct rig *r = *state;
    assert_int_equal(rig_login(r, "192.0.2.1", SPAN("alice@example.test"), RIGHT, NULL), 0);
    rig_password_set(r, SPAN("alice@example.test"), SPAN("new secret"));
    assert_int_equal(rig_login(r, "192.0.2.1", SPAN("alice@example.test"), RIGHT, NULL),
                     ERR_AUTH_FAILED);
    assert_int_equal(
        rig_login(r, "192.0.2.1", SPAN("alice@example.test"), SPAN("new secret"), NULL), 0);
}

/* ---- imported passwords ---- */

static void an_imported_password_is_upgraded_at_login(void **state)
{
    struct rig *r = *state;
    struct rig_scram s = {
        .mechanism = "SCRAM-SHA-256", .username = "bob@example.test", .password = "correct horse"};
    struct account before = rig_account(r, SPAN("bob@example.test"));
    assert_true(span_eq(auth_credentials_describe(before.credentials, r->arena),
                        SPAN("ssha (until the next login)")));
    assert_int_equal(rig_scram(r, &s), ERR_AUTH_FAILED); /* no keys yet */
    assert_int_equal(rig_login(r, "192.0.2.1", SPAN("bob@example.test"), SPAN("wrong"), NULL),
                     ERR_AUTH_FAILED);
    assert_true(span_eq(rig_account(r, SPAN("bob@example.test")).credentials, before.credentials));
    assert_int_equal(rig_login(r, "192.0.2.1", SPAN("bob@example.test"), RIGHT, NULL), 0);
    struct account after = rig_account(r, SPAN("bob@example.test"));
    assert_true(
        span_eq(auth_credentials_describe(after.credentials, r->arena), SPAN("argon2id+scram")));
    assert_int_equal(rig_login(r, "192.0.2.1", SPAN("bob@example.test"), RIGHT, NULL), 0);
    assert_true(span_eq(rig_account(r, SPAN("bob@example.test")).credentials, after.credentials));
    assert_int_equal(rig_scram(r, &s), 0);
}

static void a_new_cost_is_taken_at_login(void **state)
{
    struct rig *r = *state;
    struct span old = rig_account(r, SPAN("alice@example.test")).credentials;
    r->config->auth_argon2_ops = 2;
    auth_reconfigure(r->auth, r->config);
    assert_int_equal(rig_login(r, "192.0.2.1", SPAN("alice@example.test"), RIGHT, NULL), 0);
    assert_false(span_eq(rig_account(r, SPAN("alice@example.test")).credentials, old));
    assert_int_equal(rig_login(r, "192.0.2.1", SPAN("alice@example.test"), RIGHT, NULL), 0);
}

static void passwords_are_described(void **state)
{
    struct rig *r = *state;
    static const char *const cases[][2] = {
        {"{SHA}L55TUjtiq8FBorTWAZ0jy6g129A=", "sha (until the next login)"},
        {"$2b$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK",
         "bcrypt (until the next login)"},
        {"$5$abcdefgh$ruMep1ijHnJPZbETDNiumskxcX3kN4lzZd5VlsqE7eB",
         "sha256-crypt (until the next login)"},
        {"{PLAIN}x", "plain (until the next login)"},
        {"  {PLAIN}x\r\n", "plain (until the next login)"},
    };
    struct span record;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(auth_credentials_import(r->auth, span_str(cases[i][0]), r->arena, &record),
                         0);
        assert_true(span_eq(auth_credentials_describe(record, r->arena), span_str(cases[i][1])));
    }
    assert_true(span_eq(auth_credentials_describe(SPAN_EMPTY, r->arena), SPAN("none")));
    assert_true(span_eq(auth_credentials_describe(SPAN("\x01"), r->arena), SPAN("damaged")));
    assert_int_equal(auth_credentials_import(r->auth, SPAN("{MD5}abc"), r->arena, &record),
                     ERR_UNSUPPORTED);
    assert_int_equal(auth_credentials_make(r->auth, SPAN(""), r->arena, &record), ERR_INVALID);
    assert_int_equal(auth_credentials_make(r->auth, SPAN("a\0b"), r->arena, &record), ERR_INVALID);
}

static void damaged_credentials_cost_one_login(void **state)
{
    struct rig *r = *state;
    struct account a = {.address = SPAN("torn@example.test"), .credentials = SPAN("\x01\x05 torn")};
    uint64_t id;
    assert_int_equal(account_add(r->directory, &a, &id), 0);
    assert_int_equal(rig_login(r, "192.0.2.1", SPAN("torn@example.test"), RIGHT, NULL),
                     ERR_CORRUPT);
    assert_int_equal(rig_login(r, "192.0.2.1", SPAN("alice@example.test"), RIGHT, NULL), 0);
}

/* ---- history ---- */

static void history_shows_the_newest_attempts(void **state)
{
    struct rig *r = *state;
    struct auth_history h;
    struct span alice = SPAN("alice@example.test");
    assert_int_equal(auth_history_get(r->auth, alice, r->arena, &h), 0);
    assert_int_equal(h.attempts_n, 0);
    assert_int_equal(h.last_login_ms, 0);
    assert_int_equal(rig_login(r, "192.0.2.1", alice, SPAN("wrong"), NULL), ERR_AUTH_FAILED);
    clock_fake_advance(&r->fake, 1000);
    int64_t at = r->fake.clock.wall_ms(&r->fake.clock);
    for (int i = 0; i < 30; i++) /* within five minutes: written once */
        assert_int_equal(rig_login(r, "192.0.2.1", alice, RIGHT, NULL), 0);
    assert_int_equal(auth_history_get(r->auth, SPAN("Alice@Example.test"), r->arena, &h), 0);
    assert_int_equal(h.attempts_n, 2);
    assert_true(h.attempts[0].ok);
    assert_int_equal(h.attempts[0].at_ms, at);
    assert_true(span_eq(h.attempts[0].service, SPAN("pop3")));
    assert_int_equal(h.attempts[0].net.bits, 120);
    assert_false(h.attempts[1].ok);
    assert_int_equal(h.last_login_ms, at);
    assert_int_equal(h.locks_n, 0);
    for (int i = 0; i < 30; i++) {
        clock_fake_advance(&r->fake, 300000);
        assert_int_equal(rig_login(r, "192.0.2.1", alice, RIGHT, NULL), 0);
    }
    assert_int_equal(auth_history_get(r->auth, alice, r->arena, &h), 0);
    assert_int_equal(h.attempts_n, 20);
    assert_int_equal(auth_history_get(r->auth, SPAN("no address"), r->arena, &h), ERR_BAD_ADDRESS);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
    const struct CMUnitTest tests[] = {
        T(the_right_password_logs_in),
        T(spellings_and_alias_domains_log_in),
        T(all_who_may_not_get_the_same_answer),
        T(a_suspended_owner_is_told),
        T(plain_as_in_rfc_4616),
        T(plain_that_is_none_is_invalid),
        T(login_asks_for_both),
        T(mechanisms_depend_on_the_connection),
        T(a_second_login_costs_no_hash),
        T(a_changed_password_counts_at_once),
        T(an_imported_password_is_upgraded_at_login),
        T(a_new_cost_is_taken_at_login),
        T(passwords_are_described),
        T(damaged_credentials_cost_one_login),
        T(history_shows_the_newest_attempts),
    };
    log_setup(2, LOG_ERROR, LOG_LOGFMT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
