/* SPDX-License-Identifier: Apache-2.0 */
/* span, buf, arena, err, pack: the ground everything stands on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/pack.h"

static void span_readers(void **state)
{
    (void)state;
    struct span rest = SPAN("a:b:");
    assert_true(span_eq(span_split(&rest, ':'), SPAN("a")));
    assert_true(span_eq(span_split(&rest, ':'), SPAN("b")));
    assert_int_equal(rest.n, 0);
    assert_true(span_ieq(SPAN("EhLo"), SPAN("ehlo")));
    assert_false(span_ieq(SPAN("ehl"), SPAN("ehlo")));
    assert_true(span_eq(span_trim(SPAN(" \t x y\r\n")), SPAN("x y")));
    assert_int_equal(span_slice(SPAN("abc"), 5, 2).n, 0);
    assert_int_equal(span_find(SPAN("abcabc"), SPAN("ca")), 2);
}

static void span_numbers(void **state)
{
    (void)state;
    uint64_t v = 7;
    assert_true(span_to_u64(SPAN("18446744073709551615"), &v));
    assert_int_equal(v, UINT64_MAX);
    assert_false(span_to_u64(SPAN("18446744073709551616"), &v));
    assert_false(span_to_u64(SPAN(""), &v));
    assert_false(span_to_u64(SPAN("-1"), &v));
    assert_false(span_to_u64(SPAN("1 "), &v));
    uint32_t w;
    assert_false(span_to_u32(SPAN("4294967296"), &w));
}

static void span_utf8(void **state)
{
    (void)state;
    assert_true(span_is_utf8(SPAN("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x93\xa7")));
    assert_false(span_is_utf8(SPAN("\xc0\xaf")));         /* overlong */
    assert_false(span_is_utf8(SPAN("\xed\xa0\x80")));     /* surrogate */
    assert_false(span_is_utf8(SPAN("\xf4\x90\x80\x80"))); /* beyond U+10FFFF */
    assert_false(span_is_utf8(SPAN("\xe2\x82")));         /* cut short */
    assert_true(span_is_utf8(SPAN_EMPTY) && span_is_ascii(SPAN_EMPTY));
    /* wherever it stands among eights of ASCII */
    for (size_t n = 1; n < 40; n++) {
        char text[40];
        for (size_t at = 0; at < n; at++) {
            memset(text, 'x', sizeof(text));
            assert_true(span_is_utf8(span_of(text, n)) && span_is_ascii(span_of(text, n)));
            text[at] = (char)0x80;
            assert_false(span_is_utf8(span_of(text, n)) || span_is_ascii(span_of(text, n)));
            if (at == 0)
                continue;
            text[at - 1] = (char)0xc3;
            assert_true(span_is_utf8(span_of(text, n)));
            assert_false(span_is_ascii(span_of(text, n)));
            assert_false(span_is_utf8(span_of(text, at)));
        }
    }
}

static void buf_grows_to_its_max_and_no_further(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1000);
    for (int i = 0; i < 100; i++)
        buf_puts(&b, "0123456789");
    assert_int_equal(b.err, 0);
    assert_int_equal(b.n, 1000);
    buf_putc(&b, 'x');
    assert_int_equal(b.err, ERR_TOO_BIG);
    assert_int_equal(b.n, 1000);
    buf_clear(&b);
    buf_printf(&b, "%d-%s", 5, "x");
    assert_true(span_eq(buf_span(&b), SPAN("5-x")));
    buf_done(&b);
}

static void buf_consumes_from_the_front(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 4096);
    char next = 0, expect = 0;
    for (int round = 0; round < 500; round++) {
        for (int i = 0; i < 37; i++)
            buf_putc(&b, next++);
        while (b.n > 20) {
            assert_int_equal(b.p[0], expect++);
            buf_consume(&b, 1);
        }
    }
    assert_int_equal(b.err, 0);
    buf_done(&b);
}

static void buf_prints_long_text(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 2001);
    buf_printf(&b, "%2000d", 1);
    assert_int_equal(b.err, 0);
    assert_int_equal(b.n, 2000);
    buf_done(&b);
}

static void buf_writes_numbers(void **state)
{
    (void)state;
    static const uint64_t numbers[] = {0, 9, 10, 4294967295, UINT64_MAX / 10, UINT64_MAX};
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        struct buf b, printed;
        buf_init(&b, 20);
        buf_init(&printed, 32);
        buf_put_u64(&b, numbers[i]);
        buf_printf(&printed, "%llu", (unsigned long long)numbers[i]);
        assert_true(span_eq(buf_span(&b), buf_span(&printed)));
        buf_done(&b);
        buf_done(&printed);
    }
}

/* The room that was allocated is more than the maximum, and an error stays. */
static void buf_puts_no_byte_too_many(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 3);
    for (int i = 0; i < 5; i++)
        buf_putc(&b, 'x');
    assert_int_equal(b.n, 3);
    assert_int_equal(b.err, ERR_TOO_BIG);
    buf_truncate(&b, 1);
    buf_putc(&b, 'y');
    buf_puts(&b, "y");
    buf_put_u64(&b, 1);
    assert_true(span_eq(buf_span(&b), SPAN("x")));
    buf_done(&b);
}

static void arena_limits_and_resets(void **state)
{
    (void)state;
    struct arena *a = arena_new(10000);
    assert_non_null(a);
    assert_non_null(arena_alloc(a, 6000));
    assert_null(arena_alloc(a, 6000));
    assert_int_equal(arena_err(a), ERR_TOO_BIG);
    arena_reset(a);
    assert_int_equal(arena_err(a), 0);
    assert_null(arena_array(a, SIZE_MAX / 2, 3));
    assert_true(span_eq(arena_printf(a, "%s", "hello"), SPAN("hello")));
    assert_null(arena_cstr(a, SPAN("a\0b")));
    arena_free(a);
}

static void errors_have_rows(void **state)
{
    (void)state;
    for (int i = 1; i < ERR_INDEX_END; i++) {
        const struct err_info *e = err_info(-i);
        assert_true(strlen(e->text) > 10);
        assert_true(e->text[strlen(e->text) - 1] != '.');
        assert_in_range(e->smtp, 400, 599);
        /* RFC 3463 §2: the class of the enhanced code is that of the reply */
        assert_int_equal(e->enhanced[0] - '0', e->smtp / 100);
        if (!e->temporary && e->smtp < 500) /* the one permanent fault that must not lose mail */
            assert_true(-i == ERR_FORMAT_NEWER || -i == ERR_CLOSED);
    }
    assert_string_equal(err_name(ERR_NO_USER), "NO_USER");
}

static void pack_round_trips(void **state)
{
    (void)state;
    static const uint64_t values[] = {0, 1, 127, 128, 300, UINT32_MAX, UINT64_MAX - 1, UINT64_MAX};
    struct buf b;
    buf_init(&b, 4096);
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        pack_uint(&b, values[i]);
        pack_int(&b, -(int64_t)(values[i] / 2));
        pack_span(&b, SPAN("x\0y"));
    }
    struct unpack u = unpack_of(buf_span(&b));
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        assert_true(unpack_uint(&u) == values[i]);
        assert_true(unpack_int(&u) == -(int64_t)(values[i] / 2));
        assert_true(span_eq(unpack_span(&u), SPAN("x\0y")));
    }
    assert_true(unpack_at_end(&u));
    assert_int_equal(unpack_end(&u), 0);
    unpack_u8(&u);
    assert_int_equal(unpack_end(&u), ERR_CORRUPT);
    buf_done(&b);
}

static void pack_refuses_cut_varints(void **state)
{
    (void)state;
    static const char longest[] = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
    for (size_t n = 0; n <= 10; n++) {
        struct unpack u = unpack_of(span_of(longest, n));
        assert_true(unpack_uint(&u) == (n < 10 ? 0 : UINT64_MAX));
        assert_true(u.bad == (n < 10) && u.rest.n == 0);
    }
    /* once bad, for ever bad, whatever there is */
    struct unpack u = {.rest = SPAN("\x01\x01"), .bad = true};
    assert_true(unpack_uint(&u) == 0 && unpack_u8(&u) == 0 && unpack_span(&u).n == 0);
    assert_true(u.bad);
}

static void pack_refuses_overlong_varints(void **state)
{
    (void)state;
    struct unpack u = unpack_of(SPAN("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"));
    unpack_uint(&u);
    assert_true(u.bad);
    u = unpack_of(SPAN("\x05"
                       "abc"));
    unpack_span(&u);
    assert_true(u.bad);
}

static void key_order_is_tuple_order(void **state)
{
    (void)state;
    static const struct span in_order[] = {
        {"", 0},    {"\0", 1},      {"\0\0", 2}, {"\0a", 2},  {"a", 1},
        {"a\0", 2}, {"a\0\xff", 3}, {"aa", 2},   {"\xff", 1},
    };
    struct buf last, now, text;
    buf_init(&last, 64);
    buf_init(&now, 64);
    buf_init(&text, 64);
    for (size_t i = 0; i < COUNT_OF(in_order); i++) {
        buf_clear(&now);
        pack_key_span(&now, in_order[i]);
        pack_key_u32(&now, (uint32_t)(1000 - i));
        if (i > 0)
            assert_true(span_cmp(buf_span(&last), buf_span(&now)) < 0);
        struct unpack u = unpack_of(buf_span(&now));
        unpack_key_span(&u, &text);
        assert_true(span_eq(buf_span(&text), in_order[i]));
        assert_int_equal(unpack_key_u32(&u), 1000 - i);
        buf_clear(&last);
        buf_put(&last, buf_span(&now));
    }
    buf_done(&last);
    buf_done(&now);
    buf_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(span_readers),
        cmocka_unit_test(span_numbers),
        cmocka_unit_test(span_utf8),
        cmocka_unit_test(buf_grows_to_its_max_and_no_further),
        cmocka_unit_test(buf_consumes_from_the_front),
        cmocka_unit_test(buf_prints_long_text),
        cmocka_unit_test(buf_writes_numbers),
        cmocka_unit_test(buf_puts_no_byte_too_many),
        cmocka_unit_test(arena_limits_and_resets),
        cmocka_unit_test(errors_have_rows),
        cmocka_unit_test(pack_round_trips),
        cmocka_unit_test(pack_refuses_cut_varints),
        cmocka_unit_test(pack_refuses_overlong_varints),
        cmocka_unit_test(key_order_is_tuple_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
