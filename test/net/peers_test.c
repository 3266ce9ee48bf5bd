/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"
#include "net/peers.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct ip ip_of(const char *text)
{
    struct ip ip;
    must(ip_parse(span_str(text), &ip));
    return ip;
}

static void counts_networks(void **state)
{
    (void)state;
    struct peers *p = peers_new(rng_system(), 2);
    assert_non_null(p);
    assert_int_equal(peers_enter(p, ip_of("192.0.2.1")), 0);
    assert_int_equal(peers_enter(p, ip_of("192.0.2.1")), 0);
    assert_int_equal(peers_enter(p, ip_of("192.0.2.1")), ERR_LIMIT);
    assert_int_equal(peers_enter(p, ip_of("192.0.2.2")), 0);
    assert_int_equal(peers_enter(p, ip_of("2001:db8::1")), 0);
    assert_int_equal(peers_enter(p, ip_of("2001:db8::ffff:1")), 0);
    assert_int_equal(peers_enter(p, ip_of("2001:db8::2")), ERR_LIMIT); /* one /64 */
    assert_int_equal(peers_enter(p, ip_of("2001:db8:0:1::2")), 0);
    peers_leave(p, ip_of("192.0.2.1"));
    assert_int_equal(peers_enter(p, ip_of("192.0.2.1")), 0);
    peers_free(p);
}

static void grows_and_empties(void **state)
{
    (void)state;
    enum { MANY = 3000 };
    struct peers *p = peers_new(rng_system(), 1);
    assert_non_null(p);
    for (int round = 0; round < 2; round++) {
        for (unsigned i = 0; i < MANY; i++) {
            struct ip ip = {.b = {0x20, 1, [5] = (uint8_t)(i >> 8), [6] = (uint8_t)i}};
            assert_int_equal(peers_enter(p, ip), 0);
            assert_int_equal(peers_enter(p, ip), ERR_LIMIT);
        }
        for (unsigned i = 0; i < MANY; i++) {
            struct ip ip = {.b = {0x20, 1, [5] = (uint8_t)(i >> 8), [6] = (uint8_t)i, [15] = 9}};
            peers_leave(p, ip);
        }
    }
    peers_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_networks),
        cmocka_unit_test(grows_and_empties),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
