/* SPDX-License-Identifier: Apache-2.0 */
#include "store/base64_lines.h"

#include "base/encode.h"
#include "base/err.h"
#include "base/pack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { MOST = 256 * 1024 };

static struct buf content, text, bytes, out;

static int setup(void **state)
{
    (void)state;
    struct buf *all[] = {&content, &text, &bytes, &out};
    for (size_t i = 0; i < COUNT_OF(all); i++)
        buf_init(all[i], MOST);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    struct buf *all[] = {&content, &text, &bytes, &out};
    for (size_t i = 0; i < COUNT_OF(all); i++)
        buf_done(all[i]);
    return 0;
}

static void put_noise(struct buf *b, size_t n)
{
    static uint32_t state = 1;
    for (; n > 0; n--) {
        state = state * 1664525 + 1013904223;
        buf_putc(b, (char)(state >> 24));
    }
}

/* Lines of so many letters, whatever that leaves of the last group; what they were made of is appended to `raw`. */
static void put_lines(size_t letters, size_t lines, const char *end, struct buf *raw)
{
    struct buf noise, line;
    buf_init(&noise, 4096);
    buf_init(&line, 4096);
    for (; lines > 0; lines--) {
        buf_clear(&noise);
        buf_clear(&line);
        put_noise(&noise, (letters + 3) / 4 * 3);
        base64_encode(&line, buf_span(&noise));
        buf_put(&content, span_slice(buf_span(&line), 0, letters));
        buf_puts(&content, end);
        if (raw != NULL)
            buf_put(raw, buf_span(&noise));
    }
    buf_done(&noise);
    buf_done(&line);
}

/* -> bytes that were lines */
static size_t there_and_back(struct span s)
{
    buf_clear(&text);
    buf_clear(&bytes);
    buf_clear(&out);
    assert_int_equal(base64_lines_pack(s, &text, &bytes), 0);
    assert_true(text.n + bytes.n <= s.n + 16);
    assert_int_equal(base64_lines_unpack(buf_span(&text), buf_span(&bytes), s.n, &out), 0);
    assert_true(span_eq(buf_span(&out), s));
    return bytes.n;
}

static void lines_of_every_length_come_back(void **state)
{
    (void)state;
    for (size_t letters = 0; letters <= 600; letters++) {
        for (int crlf = 0; crlf < 2; crlf++) {
            struct buf raw;
            buf_init(&raw, MOST);
            buf_clear(&content);
            buf_puts(&content, "Subject: lines\r\n\r\n");
            put_lines(letters, 5, crlf ? "\r\n" : "\n", &raw);
            buf_puts(&content, "QUJD\r\n--end--\r\n");
            size_t n = there_and_back(buf_span(&content));
            if (letters % 4 == 0 && letters >= 20 && letters <= 512)
                assert_true(span_eq(buf_span(&bytes), buf_span(&raw)));
            else
                assert_int_equal(n, 0);
            buf_done(&raw);
        }
    }
}

static void every_letter_at_every_place(void **state)
{
    (void)state;
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    static const size_t lengths[] = {20, 76};
    for (size_t i = 0; i < COUNT_OF(lengths); i++) {
        size_t letters = lengths[i];
        buf_clear(&content);
        put_lines(letters, 4, "\r\n", NULL);
        for (size_t at = 0; at < letters; at++) {
            char *p = content.p + letters + 2 + at, was = *p;
            for (int c = 0; c < 256; c++) {
                *p = (char)c;
                bool is_one = c != 0 && memchr(alphabet, c, 64) != NULL;
                assert_int_equal(there_and_back(buf_span(&content)), is_one ? letters * 3 : 0);
            }
            *p = was;
        }
    }
}

/* Of a message, with two attachments, and cut anywhere, as chunks are. */
static void any_cut_comes_back(void **state)
{
    (void)state;
    buf_clear(&content);
    buf_puts(&content, "From: somebody\r\n\r\nsome text\r\nthat is text\r\n--=_1\r\n\r\n");
    put_lines(76, 9, "\r\n", NULL);
    buf_puts(&content, "QQ==\r\n--=_1\r\n\r\n");
    put_lines(64, 9, "\n", NULL);
    put_lines(72, 9, "\n", NULL);
    put_lines(72, 3, "\n", NULL);
    buf_puts(&content, "\r\n--=_1--\r\n");
    assert_int_equal(there_and_back(buf_span(&content)), 9 * 57 + 9 * 48 + 12 * 54);
    for (size_t n = 0; n <= content.n; n++) {
        (void)there_and_back(span_slice(buf_span(&content), 0, n));
        (void)there_and_back(span_from(buf_span(&content), n));
    }
}

/* Read in pieces of any size, forward and back to where it was before. */
static void any_piece_comes_back(void **state)
{
    (void)state;
    static const size_t steps[] = {1, 7, 63, 64, 77, 78, 79, 156, 1000, 4096};
    struct base64_view v;
    buf_clear(&content);
    buf_puts(&content, "Subject: pieces\r\n\r\n");
    put_lines(76, 20, "\r\n", NULL);
    put_lines(48, 5, "\n", NULL);
    buf_puts(&content, "QQ==\r\nbetween\r\n");
    put_lines(512, 4, "\r\n", NULL);
    (void)there_and_back(buf_span(&content));
    assert_true(bytes.n > 0);
    assert_int_equal(base64_view_open(buf_span(&text), buf_span(&bytes), content.n - 1, &v),
                     ERR_CORRUPT);
    assert_int_equal(base64_view_open(buf_span(&text), buf_span(&bytes), content.n, &v), 0);
    assert_int_equal(v.n, content.n);
    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        buf_clear(&out);
        for (size_t at = 0; at <= v.n; at += steps[i])
            assert_int_equal(base64_view_read(&v, at, steps[i], &out), 0);
        assert_true(span_eq(buf_span(&out), buf_span(&content)));
        for (size_t at = v.n + 1; at-- > 0;) {
            buf_clear(&out);
            assert_int_equal(base64_view_read(&v, at, steps[i], &out), 0);
            assert_true(span_eq(buf_span(&out), span_slice(buf_span(&content), at, steps[i])));
        }
    }
    struct buf little;
    buf_init(&little, 100);
    assert_int_equal(base64_view_read(&v, 0, 101, &little), ERR_TOO_BIG);
    assert_int_equal(little.n, 0);
    buf_done(&little);
}

static void few_lines_stay_text(void **state)
{
    (void)state;
    buf_clear(&content);
    put_lines(76, 3, "\r\n", NULL);
    assert_int_equal(there_and_back(buf_span(&content)), 0);
    put_lines(76, 1, "\r\n", NULL);
    assert_int_equal(there_and_back(buf_span(&content)), 4 * 57);
    buf_puts(&content, "QUJD"); /* without an end */
    assert_int_equal(there_and_back(buf_span(&content)), 4 * 57);
}

static void refused(struct span t, struct span b, size_t max)
{
    buf_clear(&out);
    assert_int_equal(base64_lines_unpack(t, b, max, &out), ERR_CORRUPT);
    assert_int_equal(out.n, 0);
}

static void what_is_cut_or_too_much_is_refused(void **state)
{
    (void)state;
    buf_clear(&content);
    buf_puts(&content, "text\r\n");
    put_lines(76, 6, "\r\n", NULL);
    (void)there_and_back(buf_span(&content));
    for (size_t n = 0; n < text.n; n++)
        refused(span_slice(buf_span(&text), 0, n), buf_span(&bytes), MOST);
    for (size_t n = 0; n < bytes.n; n++)
        refused(buf_span(&text), span_slice(buf_span(&bytes), 0, n), MOST);
    for (size_t n = 0; n < content.n; n++)
        refused(buf_span(&text), buf_span(&bytes), n);
    buf_putc(&bytes, 'x');
    refused(buf_span(&text), buf_span(&bytes), MOST);
    buf_truncate(&bytes, bytes.n - 1);
    buf_putc(&text, '\0');
    refused(buf_span(&text), buf_span(&bytes), MOST);
}

/* Numbers that would wrap around. */
static void absurd_numbers_are_refused(void **state)
{
    (void)state;
    static const uint64_t numbers[] = {UINT64_MAX, UINT64_MAX / 3, UINT64_MAX / 76, 1ull << 62, 2};
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        buf_clear(&text);
        pack_span(&text, SPAN("x"));
        pack_u8(&text, 19);
        pack_u8(&text, 1);
        pack_uint(&text, numbers[i]);
        pack_span(&text, SPAN_EMPTY);
        pack_u8(&text, 0);
        refused(buf_span(&text), SPAN("0123456789"), MOST);
        buf_clear(&text);
        pack_uint(&text, numbers[i] | 64);
        pack_u8(&text, 0);
        refused(buf_span(&text), SPAN_EMPTY, MOST);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_of_every_length_come_back),
        cmocka_unit_test(every_letter_at_every_place),
        cmocka_unit_test(any_cut_comes_back),
        cmocka_unit_test(any_piece_comes_back),
        cmocka_unit_test(few_lines_stay_text),
        cmocka_unit_test(what_is_cut_or_too_much_is_refused),
        cmocka_unit_test(absurd_numbers_are_refused),
    };
    cmocka_set_test_filter(getenv("ONLY"));
    return cmocka_run_group_tests_name("base64_lines", tests, setup, teardown);
}
