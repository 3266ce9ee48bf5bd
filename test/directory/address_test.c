/* SPDX-License-Identifier: Apache-2.0 */
/* Normal forms of addresses: a table of what becomes what, and what is refused. */
#include "world.h"

#include "directory/address.h"

struct row {
    const char *in;
    const char *out; /* NULL: ERR_BAD_ADDRESS */
};

#define TEN   "aaaaaaaaaa"
#define SIXTY TEN TEN TEN TEN TEN TEN

/* clang-format off */
static const struct row rows[] = {
    {"alice@example.test", "alice@example.test"},
    {"Alice@EXAMPLE.Test", "alice@example.test"},
    {"alice@example.test.", "alice@example.test"},
    {"a.b+c=d@x.y", "a.b+c=d@x.y"},
    {"!#$%&'*+-/=?^_`{|}~@localhost", "!#$%&'*+-/=?^_`{|}~@localhost"},
    {"a@r3---sn.test", "a@r3---sn.test"},
    {"a@1and1.test", "a@1and1.test"},
    /* quoted local parts, RFC 5321 §4.1.2 */
    {"\"Alice\"@example.test", "alice@example.test"},
    {"\"a\\lice\"@example.test", "alice@example.test"},
    {"\"a b\"@example.test", "\"a b\"@example.test"},
    {"\"a\\@b\"@example.test", "\"a@b\"@example.test"},
    {"\"a..b\"@example.test", "\"a..b\"@example.test"},
    {"\".\"@example.test", "\".\"@example.test"},
    {"\"a\\\"b\\\\c\"@example.test", "\"a\\\"b\\\\c\"@example.test"},
    {"\"GR\u00dc \u00dfE\"@example.test", "\"gr\u00fc \u00dfe\"@example.test"},
    /* beyond ASCII: composed, folded one to one */
    {"Gr\u00fc\u00dfe@example.test", "gr\u00fc\u00dfe@example.test"},
    {"gru\u0308\u00dfe@example.test", "gr\u00fc\u00dfe@example.test"},
    {"GRU\u0308\u1e9eE@example.test", "gr\u00fc\u00dfe@example.test"},
    {"weiss@example.test", "weiss@example.test"},                 /* and not wei\u00df */
    {"\u0131@example.test", "\u0131@example.test"},               /* dotless i stays itself */
    {"\u0130@example.test", "i\u0307@example.test"},              /* I with a dot is not i */
    {"I@example.test", "i@example.test"},                         /* whatever the locale */
    {"\u03a3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2@example.test", "\u03c3\u03af\u03c3\u03c5\u03c6\u03bf\u03c3@example.test"},
    {"\u212a@example.test", "k@example.test"},                    /* Kelvin sign is K */
    {"\u2460@example.test", "\u2460@example.test"},               /* but a circled 1 is no 1 */
    {"\uff41@example.test", "\uff41@example.test"},               /* nor a wide a an a */
    {"\u7528\u6237@\u4f8b\u3048.\u30c6\u30b9\u30c8", "\u7528\u6237@\u4f8b\u3048.\u30c6\u30b9\u30c8"},
    /* domains: UTS #46, non-transitional */
    {"a@M\u00dcLLER.test", "a@m\u00fcller.test"},
    {"a@mu\u0308ller.test", "a@m\u00fcller.test"},
    {"a@XN--mller-kva.test", "a@m\u00fcller.test"},
    {"a@xn--mller-kva.test.", "a@m\u00fcller.test"},
    {"a@fa\u00df.test", "a@fa\u00df.test"},
    {"a@\u4f8b\u3048\u3002\u30c6\u30b9\u30c8\u3002", "a@\u4f8b\u3048.\u30c6\u30b9\u30c8"},
    {"a@\uff45xample.test", "a@example.test"},
    /* lengths */
    {SIXTY "aaaa@b.test", SIXTY "aaaa@b.test"},
    {SIXTY "aaaaa@b.test", NULL},
    {"a@" SIXTY "aaa.test", "a@" SIXTY "aaa.test"},
    {"a@" SIXTY "aaaa.test", NULL},
    {"a@" SIXTY "." SIXTY "." SIXTY "." SIXTY ".aaaaaaaa", "a@" SIXTY "." SIXTY "." SIXTY "." SIXTY ".aaaaaaaa"},
    {"a@" SIXTY "." SIXTY "." SIXTY "." SIXTY ".aaaaaaaaa", NULL},
    /* refused */
    {"", NULL}, {"alice", NULL}, {"@", NULL}, {"@example.test", NULL}, {"alice@", NULL}, {"alice@.", NULL},
    {"a@b@c.test", NULL}, {"a b@example.test", NULL}, {" a@example.test", NULL}, {"a@example.test ", NULL},
    {".a@example.test", NULL}, {"a.@example.test", NULL}, {"a..b@example.test", NULL},
    {"a@example..test", NULL}, {"a@.example.test", NULL}, {"a@example.test..", NULL},
    {"a@-x.test", NULL}, {"a@x-.test", NULL}, {"a@x_y.test", NULL}, {"a@x y.test", NULL},
    {"a@192.0.2.1", NULL}, {"a@[192.0.2.1]", NULL}, {"a@[IPv6:2001:db8::1]", NULL},
    {"\"\"@example.test", NULL}, {"\"a@example.test", NULL}, {"\"a\\", NULL}, {"\"a\"b@example.test", NULL},
    {"<a@example.test>", NULL}, {"a,b@example.test", NULL}, {"a;b@example.test", NULL},
    {"a\u037eb@example.test", NULL},                              /* folds to a;b */
    {"a\nb@example.test", NULL}, {"\"a\tb\"@example.test", NULL}, {"a\x7f@example.test", NULL},
    {"a\xc2\x85@example.test", NULL}, {"a\u200b@example.test", NULL}, {"a\u202eb@example.test", NULL},
    {"a\ufeff@example.test", NULL}, {"a\u2028@example.test", NULL}, {"\"a\u00a0b\"@example.test", NULL},
    {"a\ue000@example.test", NULL}, {"a\u0378@example.test", NULL},
    {"a\xff@example.test", NULL}, {"a\xc0\xaf@example.test", NULL}, {"a\xed\xa0\x80@example.test", NULL},
    {"a@xn--a.test", NULL}, {"a@xn--.test", NULL}, {"a@xn--abc-.test", NULL}, {"a@xn--example-.test", NULL},
    {"a@\u00ad", NULL}, {"a@\u05d0a.test", NULL}, {"a@a\u200d.test", NULL}, {"a@\u0301a.test", NULL},
    {"a@x\u2024test", NULL}, {"a@x\uff3fy.test", NULL}, {"a@\u2488.test", NULL},
};
/* clang-format on */

static void every_row_has_its_normal_form(void **state)
{
    (void)state;
    struct arena *a = arena_new(1024 * 1024);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        arena_reset(a);
        struct address out;
        int err = address_normalize(span_str(rows[i].in), a, &out);
        if (err != (rows[i].out == NULL ? ERR_BAD_ADDRESS : 0))
            fail_msg("row %zu: %s: %s", i, rows[i].in, err_name(err));
        if (rows[i].out == NULL)
            continue;
        if (!span_eq(out.whole, span_str(rows[i].out)))
            fail_msg("row %zu: %s became %.*s", i, rows[i].in, SPAN_ARG(out.whole));
        struct address again;
        assert_int_equal(address_normalize(out.whole, a, &again), 0);
        assert_true(span_eq(again.whole, out.whole));
        assert_int_equal(out.local.n + 1 + out.domain.n, out.whole.n);
    }
    arena_free(a);
}

static void a_nul_is_refused(void **state)
{
    (void)state;
    struct arena *a = arena_new(64 * 1024);
    struct address out;
    assert_int_equal(address_normalize(span_of("a\0b@x.test", 10), a, &out), ERR_BAD_ADDRESS);
    assert_int_equal(address_normalize(span_of("\"a\0b\"@x.test", 12), a, &out), ERR_BAD_ADDRESS);
    struct span domain;
    assert_int_equal(domain_normalize(span_of("a\0b", 3), a, &domain), ERR_BAD_ADDRESS);
    arena_free(a);
}

static void a_full_arena_is_no_bad_address(void **state)
{
    (void)state;
    struct arena *a = arena_new(8);
    struct address out;
    assert_int_equal(address_normalize(SPAN("alice@example.test"), a, &out), ERR_TOO_BIG);
    arena_free(a);
}

static void a_remote_local_part_is_kept(void **state)
{
    (void)state;
    struct arena *a = arena_new(64 * 1024);
    struct address normal;
    struct span kept;
    assert_int_equal(address_keep_local(SPAN("\"A @ B\"@XN--mller-kva.Test."), a, &normal, &kept),
                     0);
    assert_span(kept, "\"A @ B\"@m\u00fcller.test");
    assert_span(normal.whole, "\"a @ b\"@m\u00fcller.test");
    assert_int_equal(address_keep_local(SPAN("A..B@x.test"), a, &normal, &kept), ERR_BAD_ADDRESS);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_has_its_normal_form),
        cmocka_unit_test(a_nul_is_refused),
        cmocka_unit_test(a_full_arena_is_no_bad_address),
        cmocka_unit_test(a_remote_local_part_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
