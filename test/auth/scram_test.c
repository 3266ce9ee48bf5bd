/* SPDX-License-Identifier: Apache-2.0 */
/* SCRAM-SHA-256 and -PLUS against GNU SASL's client, and by hand where a client would not
 * misbehave. */
#include "rig.h"

#include "base/encode.h"
#include "base/log.h"

static struct rig_binder tls = {.b.get = rig_binding,
                                .exporter = SPAN("0123456789abcdef0123456789abcdef")};
static const char tls_base64[] = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
static const char other_base64[] = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWc=";

static struct rig_scram alice(const char *mechanism)
{
    return (struct rig_scram){
        .mechanism = mechanism, .username = "alice@example.test", .password = "correct horse"};
}

static void scram_logs_in(void **state)
{
    struct rig *r = *state;
    struct rig_scram s = alice("SCRAM-SHA-256");
    assert_int_equal(rig_scram(r, &s), 0);
    s.username = "Alice@example.com.test";
    assert_int_equal(rig_scram(r, &s), 0);
    s.authzid = "alice@example.test";
    assert_int_equal(rig_scram(r, &s), 0);
}

static void scram_refuses_as_plain_does(void **state)
{
    struct rig *r = *state;
    struct rig_scram s = alice("SCRAM-SHA-256");
    s.password = "wrong";
    assert_int_equal(rig_scram(r, &s), ERR_AUTH_FAILED);
    s = alice("SCRAM-SHA-256");
    s.authzid = "bob@example.test";
    assert_int_equal(rig_scram(r, &s), ERR_AUTH_FAILED);
    static const char *const nobodies[] = {"nobody@example.test", "alice",
                                           "info@example.test",   "bob@example.test",
                                           "x@elsewhere.test",    "nopass@example.test"};
    for (size_t i = 0; i < COUNT_OF(nobodies); i++) {
        s = alice("SCRAM-SHA-256");
        s.username = nobodies[i];
        assert_int_equal(rig_scram(r, &s), ERR_AUTH_FAILED);
    }
    s = alice("SCRAM-SHA-256");
    s.username = "eve@example.test";
    assert_int_equal(rig_scram(r, &s), ERR_SUSPENDED);
    s.password = "wrong";
    assert_int_equal(rig_scram(r, &s), ERR_AUTH_FAILED);
}

static void scram_with_a_password_that_needs_saslprep(void **state)
{
    struct rig *r = *state;
    struct rig_scram s = alice("SCRAM-SHA-256");
    rig_password_set(r, SPAN("alice@example.test"), SPAN("a\xc2\xa0\xc3\xa9"));
    s.password = "a e\xcc\x81";
    assert_int_equal(rig_scram(r, &s), 0);
}

static void plus_binds_to_the_channel(void **state)
{
    struct rig *r = *state;
    struct rig_scram s = alice("SCRAM-SHA-256-PLUS");
    s.server_binder = &tls.b;
    s.client_exporter = tls_base64;
    assert_int_equal(rig_scram(r, &s), 0);
    s.client_exporter = other_base64; /* somebody in the middle */
    assert_int_equal(rig_scram(r, &s), ERR_AUTH_FAILED);
}

/* ---- by hand ---- */

static struct auth_exchange *open_scram(struct rig *r, bool plus)
{
    struct auth_exchange *x;
    struct auth_peer peer = rig_peer("192.0.2.1");
    if (plus)
        peer.binder = &tls.b;
    assert_int_equal(auth_exchange_open(r->auth, &peer,
                                        plus ? SPAN("SCRAM-SHA-256-PLUS") : SPAN("SCRAM-SHA-256"),
                                        NULL, &x),
                     0);
    return x;
}

static int first_of(struct rig *r, bool plus, struct span message)
{
    struct span challenge;
    struct auth_exchange *x = open_scram(r, plus);
    enum auth_step step = auth_exchange_step(x, true, message, &challenge);
    int err = step == AUTH_SEND ? 0 : auth_exchange_result(x)->err;
    auth_exchange_close(x);
    return err;
}

static int without_plus(struct rig *r, struct binder *binder, struct span message)
{
    struct auth_exchange *x;
    struct auth_peer peer = rig_peer("192.0.2.1");
    struct span challenge;
    peer.binder = binder;
    assert_int_equal(auth_exchange_open(r->auth, &peer, SPAN("SCRAM-SHA-256"), NULL, &x), 0);
    enum auth_step step = auth_exchange_step(x, true, message, &challenge);
    int err = step == AUTH_SEND ? 0 : auth_exchange_result(x)->err;
    auth_exchange_close(x);
    return err;
}

/* RFC 5802 §6: "y" says that the client could bind but was not offered it. If we did, somebody took
 * it out. */
static void a_client_that_could_bind_but_was_not_offered_it_is_refused(void **state)
{
    struct rig *r = *state;
    static struct rig_binder unique = {.b.get = rig_binding, .unique = SPAN("finished msg")};
    struct span y = SPAN("y,,n=alice@example.test,r=abc"),
                n = SPAN("n,,n=alice@example.test,r=abc");
    assert_int_equal(without_plus(r, NULL, y), 0);
    assert_int_equal(without_plus(r, NULL, n), 0);
    assert_int_equal(without_plus(r, &tls.b, n), 0);
    assert_int_equal(without_plus(r, &tls.b, y), ERR_AUTH_FAILED);
    assert_int_equal(without_plus(r, &unique.b, y), ERR_AUTH_FAILED);
}

static void first_messages(void **state)
{
    struct rig *r = *state;
    static char long_text[8000];
    memset(long_text, 'a', sizeof long_text);
    memcpy(long_text, "n,,n=", 5);
    assert_int_equal(first_of(r, false, SPAN("n,,n=alice@example.test,r=abc")), 0);
    assert_int_equal(first_of(r, false, SPAN("n,a=bob,n=alice=40example=2Ctest,r=abc")),
                     ERR_INVALID);
    assert_int_equal(first_of(r, true, SPAN("p=tls-exporter,,n=alice@example.test,r=abc")), 0);
    assert_int_equal(first_of(r, false, SPAN("p=tls-exporter,,n=alice@example.test,r=abc")),
                     ERR_AUTH_FAILED);
    assert_int_equal(first_of(r, true, SPAN("n,,n=alice@example.test,r=abc")), ERR_AUTH_FAILED);
    assert_int_equal(first_of(r, true, SPAN("y,,n=alice@example.test,r=abc")), ERR_AUTH_FAILED);
    assert_int_equal(first_of(r, true, SPAN("p=tls-unique,,n=alice@example.test,r=abc")),
                     ERR_AUTH_FAILED);
    assert_int_equal(first_of(r, true, SPAN("p=tls-server-end-point,,n=alice@example.test,r=abc")),
                     ERR_AUTH_FAILED);
    static const struct span bad[] = {
        SPAN(""),
        SPAN("n"),
        SPAN("n,,"),
        SPAN("n,,n=,r=abc"),
        SPAN("q,,n=a,r=b"),
        SPAN("n,,n=a"),
        SPAN("n,,n=a\0b,r=c"),
        SPAN("n,,m=x,n=a,r=b"),
        SPAN("n,,n=a,r="),
        SPAN("\0"),
        SPAN("n,,n=\xc2\xad,r=abc"),
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_int_equal(first_of(r, false, bad[i]), ERR_INVALID);
    assert_int_equal(first_of(r, false, span_of(long_text, sizeof long_text)), ERR_INVALID);
}

static struct span server_first(struct rig *r, struct span message)
{
    struct span challenge;
    struct auth_exchange *x = open_scram(r, false);
    assert_int_equal(auth_exchange_step(x, true, message, &challenge), AUTH_SEND);
    ssize_t salt = span_find(challenge, SPAN(",s="));
    assert_true(salt > 0);
    struct span copy = arena_dup(r->arena, span_from(challenge, (size_t)salt));
    auth_exchange_close(x);
    return copy;
}

static void a_name_nobody_has_looks_like_one_that_somebody_has(void **state)
{
    struct rig *r = *state;
    struct span known = server_first(r, SPAN("n,,n=alice@example.test,r=abc"));
    struct span nobody = server_first(r, SPAN("n,,n=nobody@example.test,r=abc"));
    struct span other = server_first(r, SPAN("n,,n=other@example.test,r=abc"));
    assert_int_equal(known.n, nobody.n);
    assert_true(span_ends(known, SPAN(",i=4096")));
    assert_true(span_ends(nobody, SPAN(",i=4096")));
    assert_false(span_eq(nobody, other));
    /* the same salt each time, in each spelling, and after a restart */
    assert_true(span_eq(nobody, server_first(r, SPAN("n,,n=Nobody@example.com.test,r=xyz"))));
    rig_restart(r);
    assert_true(span_eq(nobody, server_first(r, SPAN("n,,n=nobody@example.test,r=abc"))));
    assert_true(span_eq(known, server_first(r, SPAN("n,,n=alice@example.test,r=abc"))));
}

static void a_first_message_may_follow_an_empty_challenge(void **state)
{
    struct rig *r = *state;
    struct span challenge;
    struct auth_exchange *x = open_scram(r, false);
    assert_int_equal(auth_exchange_step(x, false, SPAN_EMPTY, &challenge), AUTH_SEND);
    assert_int_equal(challenge.n, 0);
    assert_int_equal(auth_exchange_step(x, true, SPAN("n,,n=alice@example.test,r=abc"), &challenge),
                     AUTH_SEND);
    assert_true(span_starts(challenge, SPAN("r=abc")));
    assert_int_equal(auth_exchange_step(x, true, SPAN("c=biws,r=abcd,p=AAAA"), &challenge),
                     AUTH_FAIL);
    auth_exchange_close(x);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
    const struct CMUnitTest tests[] = {
        T(scram_logs_in),
        T(scram_refuses_as_plain_does),
        T(scram_with_a_password_that_needs_saslprep),
        T(plus_binds_to_the_channel),
        T(a_client_that_could_bind_but_was_not_offered_it_is_refused),
        T(first_messages),
        T(a_name_nobody_has_looks_like_one_that_somebody_has),
        T(a_first_message_may_follow_an_empty_challenge),
    };
    log_setup(2, LOG_ERROR, LOG_LOGFMT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
