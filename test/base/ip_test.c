/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/ip.h"

static struct ip ip_of(const char *text)
{
    struct ip ip;
    if (!ip_parse(span_str(text), &ip))
        fail_msg("not an address: %s", text);
    return ip;
}

static struct ip_net net_of(const char *text)
{
    struct ip_net net;
    if (!ip_net_parse(span_str(text), &net))
        fail_msg("not a network: %s", text);
    return net;
}

static void addresses_print_as_they_are_written(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } v[] = {
        {"0.0.0.0", "0.0.0.0"},
        {"192.0.2.1", "192.0.2.1"},
        {"255.255.255.255", "255.255.255.255"},
        {"::", "::"},
        {"::1", "::1"},
        {"2001:DB8:0:0:0:0:0:1", "2001:db8::1"},
        {"::ffff:192.0.2.1", "192.0.2.1"},
        {"::ffff:c000:0201", "192.0.2.1"},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
    };
    struct buf b;
    buf_init(&b, 64);
    for (size_t i = 0; i < COUNT_OF(v); i++) {
        char store[46];
        assert_true(span_eq(ip_text(ip_of(v[i].in), store), span_str(v[i].out)));
        buf_clear(&b);
        ip_print(&b, ip_of(v[i].in));
        assert_true(span_eq(buf_span(&b), span_str(v[i].out)));
    }
    buf_done(&b);
}

static void what_is_no_address(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",           "1",
        "1.2.3",      "1.2.3.4.5",
        "01.2.3.4",   "256.1.1.1",
        "1.2.3.4 ",   " 1.2.3.4",
        "1.2.3.4/24", "0x7f.1.1.1",
        "[::1]",      "fe80::1%eth0",
        ":",          ":::",
        "::1::",      "1:2:3:4:5:6:7",
        "12345::",    "g::",
        "::1.2.3",    "localhost",
        "1.2.3.4\n",  "1111:2222:3333:4444:5555:6666:7777:88888888888888888888888888888888888",
    };
    struct ip ip;
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        if (ip_parse(span_str(bad[i]), &ip))
            fail_msg("accepted: %s", bad[i]);
    assert_false(ip_parse(SPAN("1.2.3.4\0x"), &ip));
}

static void networks_hold_their_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *net, *ip;
        bool has;
    } v[] = {
        {"10.0.0.0/8", "10.255.255.255", true},
        {"10.0.0.0/8", "11.0.0.0", false},
        {"192.0.2.128/25", "192.0.2.128", true},
        {"192.0.2.128/25", "192.0.2.127", false},
        {"192.0.2.1", "192.0.2.1", true},
        {"192.0.2.1", "192.0.2.0", false},
        {"0.0.0.0/0", "203.0.113.9", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"::/0", "2001:db8::1", true},
        {"::/0", "192.0.2.1", false},
        {"2001:db8::/32", "2001:db8:ffff::", true},
        {"2001:db8::/32", "2001:db9::", false},
        {"2001:db8::/33", "2001:db8:8000::", false},
        {"::1", "::1", true},
        {"::ffff:10.0.0.0/104", "10.1.2.3", true},
        {"::ffff:0.0.0.0/96", "10.1.2.3", true},
    };
    for (size_t i = 0; i < COUNT_OF(v); i++)
        if (ip_net_has(net_of(v[i].net), ip_of(v[i].ip)) != v[i].has)
            fail_msg("%s in %s", v[i].ip, v[i].net);
}

static void what_is_no_network(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "/",
        "/8",
        "10.0.0.0/",
        "10.0.0.0/33",
        "10.0.0.1/8",
        "10.0.0.0/8/8",
        "10.0.0.0/-1",
        "10.0.0.0/ 8",
        "10.0.0.0/0008",
        "2001:db8::/129",
        "2001:db8::1/64",
        "::/00000",
        "10/8",
        "10.0.0.0/8 ",
        "192.0.2.1/31",
    };
    struct ip_net net;
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        if (ip_net_parse(span_str(bad[i]), &net))
            fail_msg("accepted: %s", bad[i]);
}

static void neighbours_share_a_network(void **state)
{
    (void)state;
    struct ip_net net = ip_network(ip_of("192.0.2.77"), 24, 56);
    assert_int_equal(net.bits, 120);
    assert_true(ip_eq(net.ip, ip_of("192.0.2.0")));
    assert_true(ip_net_has(net, ip_of("192.0.2.255")));
    assert_false(ip_net_has(net, ip_of("192.0.3.0")));
    net = ip_network(ip_of("2001:db8:1:2ff::1"), 24, 56);
    assert_int_equal(net.bits, 56);
    assert_true(ip_eq(net.ip, ip_of("2001:db8:1:200::")));
    assert_true(ip_eq(ip_network(ip_of("192.0.2.77"), 32, 128).ip, ip_of("192.0.2.77")));
    assert_true(ip_eq(ip_network(ip_of("192.0.2.77"), 0, 0).ip, ip_of("0.0.0.0")));
}

static void kinds_of_addresses(void **state)
{
    (void)state;
    assert_true(ip_is_v4(ip_of("192.0.2.1")));
    assert_true(ip_is_v4(ip_of("::ffff:192.0.2.1")));
    assert_false(ip_is_v4(ip_of("::192.0.2.1")));
    assert_true(ip_is_loopback(ip_of("127.0.0.1")));
    assert_true(ip_is_loopback(ip_of("127.255.0.9")));
    assert_true(ip_is_loopback(ip_of("::1")));
    assert_true(ip_is_loopback(ip_of("::ffff:127.0.0.1")));
    assert_false(ip_is_loopback(ip_of("128.0.0.1")));
    assert_false(ip_is_loopback(ip_of("::127.0.0.1")));
    assert_false(ip_is_loopback(ip_of("::")));
}

static void socket_addresses(void **state)
{
    (void)state;
    struct sockaddr_storage ss = {0};
    struct sockaddr *sa = (struct sockaddr *)&ss;
    struct ip ip;
    uint16_t port;

    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(25)};
    assert_int_equal(inet_pton(AF_INET, "192.0.2.1", &v4.sin_addr), 1);
    memcpy(&ss, &v4, sizeof v4);
    assert_true(ip_from_sockaddr(sa, &ip, &port));
    assert_true(ip_eq(ip, ip_of("192.0.2.1")));
    assert_int_equal(port, 25);

    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(65535)};
    assert_int_equal(inet_pton(AF_INET6, "2001:db8::9", &v6.sin6_addr), 1);
    memcpy(&ss, &v6, sizeof v6);
    assert_true(ip_from_sockaddr(sa, &ip, &port));
    assert_true(ip_eq(ip, ip_of("2001:db8::9")));
    assert_int_equal(port, 65535);

    sa->sa_family = AF_UNIX;
    assert_false(ip_from_sockaddr(sa, &ip, &port));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_print_as_they_are_written),
        cmocka_unit_test(what_is_no_address),
        cmocka_unit_test(networks_hold_their_addresses),
        cmocka_unit_test(what_is_no_network),
        cmocka_unit_test(neighbours_share_a_network),
        cmocka_unit_test(kinds_of_addresses),
        cmocka_unit_test(socket_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
