/* SPDX-License-Identifier: Apache-2.0 */
/* Transfer encodings: what is good, what is bad, in pieces and at once, there and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"
#include "message/transfer.h"

static const struct {
    enum transfer encoding;
    bool crlf;
    const char *in, *out;
    unsigned bad;
} cases[] = {
    {TRANSFER_BASE64, 0, "", "", 0},
    {TRANSFER_BASE64, 0, "QUJD", "ABC", 0},
    {TRANSFER_BASE64, 0, "QUJDRA==", "ABCD", 0},
    {TRANSFER_BASE64, 0, "QUJDREU=\r\n", "ABCDE", 0},
    {TRANSFER_BASE64, 0, "Q UJ\r\nD\n", "ABC", 0},
    {TRANSFER_BASE64, 0, "QUJDRA", "ABCD", 1}, /* the padding is missing */
    {TRANSFER_BASE64, 0, "QUJDREU", "ABCDE", 1},
    {TRANSFER_BASE64, 0, "QUJDR", "ABC", 1},
    {TRANSFER_BASE64, 0, "QU!J*D", "ABC", 2},
    {TRANSFER_BASE64, 0, "QU\xff\x80JD", "ABC", 2},
    {TRANSFER_BASE64, 0, "=QUJD", "ABC", 1},
    {TRANSFER_BASE64, 0, "QUJD=QUJD", "ABCABC", 1},
    /* padded line by line */
    {TRANSFER_BASE64, 0, "QQ==\r\nQUI=\r\nQUJD\r\nQQ==\r\n", "AABABCA", 0},
    {TRANSFER_BASE64, 0, "QQ==QUJD", "AABC", 0},
    /* a footer of a mailing list */
    {TRANSFER_BASE64, 0, "QQ==\r\n\r\n____\r\nleave us\r\nQUJD at any time\r\n", "A", 3},
    {TRANSFER_BASE64, 0, "QQ==\r\n--\r\nabcde\r\nQUJD\r\n", "AABC", 2},
    {TRANSFER_QP, 0, "a=3Db=e4=E4", "a=b\xe4\xe4", 0},
    {TRANSFER_QP, 0, "soft=\r\nly", "softly", 0},
    {TRANSFER_QP, 0, "soft= \t\r\nly", "softly", 0},
    {TRANSFER_QP, 0, "soft=\nly=", "softly", 0},
    {TRANSFER_QP, 0, "a  \r\nb\t\nc ", "a\r\nb\nc", 0},
    {TRANSFER_QP, 0, "a =20\r\nb", "a  \r\nb", 0},
    {TRANSFER_QP, 0, "1=2=zz =3", "1=2=zz =3", 3},
    {TRANSFER_QP, 0, "==41=4", "=A=4", 2},
    {TRANSFER_QP, 0, "a= b", "a= b", 1},
    {TRANSFER_QP, 0, "=3\r\n", "=3\r\n", 1},
    {TRANSFER_QP, 0, "a\rb\r\rc", "a\rb\r\rc", 0},
    {TRANSFER_QP, 0, "\xe4\x01", "\xe4\x01", 0},
    {TRANSFER_QP, 1, "a\nb=0Ac\r\nd", "a\r\nb\nc\r\nd", 0},
    {TRANSFER_7BIT, 0, "a\nb\r\n=20", "a\nb\r\n=20", 0},
    {TRANSFER_8BIT, 1, "a\nb\r\n\n\r\n\rc", "a\r\nb\r\n\r\n\r\n\rc", 0},
    {TRANSFER_UNKNOWN, 0, "begin 644", "begin 644", 0},
};

/* Decodes in pieces of `cut` bytes. */
static uint64_t decode(enum transfer e, bool crlf, struct span in, size_t cut, struct buf *out)
{
    struct transfer_decoder d;
    transfer_decode_init(&d, e, crlf);
    while (in.n > 0) {
        size_t had = out->n, n = in.n < cut ? in.n : cut;
        transfer_decode(&d, span_slice(in, 0, n), out);
        assert_true(out->n - had <= 2 * n + sizeof(d.hold) + 3);
        in = span_from(in, n);
    }
    transfer_decode_end(&d, out);
    assert_int_equal(out->err, 0);
    return d.bad;
}

static void decodes(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        for (size_t cut = 1; cut < 80; cut++) {
            struct buf out;
            buf_init(&out, 4096);
            uint64_t bad =
                decode(cases[i].encoding, cases[i].crlf, span_str(cases[i].in), cut, &out);
            if (!span_eq(buf_span(&out), span_str(cases[i].out)) || bad != cases[i].bad)
                fail_msg("%s by %zu: %.*s, %u bad", cases[i].in, cut, SPAN_ARG(buf_span(&out)),
                         (unsigned)bad);
            buf_done(&out);
        }
    }
}

static void names(void **state)
{
    (void)state;
    assert_int_equal(transfer_of(SPAN("")), TRANSFER_7BIT);
    assert_int_equal(transfer_of(SPAN(" (x) Quoted-Printable (y)")), TRANSFER_QP);
    assert_int_equal(transfer_of(SPAN("BASE64;")), TRANSFER_BASE64);
    assert_int_equal(transfer_of(SPAN("8bit\r\n")), TRANSFER_8BIT);
    assert_int_equal(transfer_of(SPAN("binary")), TRANSFER_BINARY);
    assert_int_equal(transfer_of(SPAN("7-bit")), TRANSFER_UNKNOWN);
    assert_int_equal(transfer_of(SPAN("x-uuencode")), TRANSFER_UNKNOWN);
    assert_string_equal(transfer_name(TRANSFER_QP), "quoted-printable");
    assert_string_equal(transfer_name(TRANSFER_UNKNOWN), "");
}

static void lines_are_short(struct span s)
{
    while (s.n > 0) {
        struct span line = span_split(&s, '\n');
        assert_true(line.n <= 77); /* with its CR */
        for (size_t i = 0; i < line.n; i++)
            assert_true((line.p[i] >= 32 && line.p[i] < 127) || line.p[i] == '\t' ||
                        (line.p[i] == '\r' && i + 1 == line.n));
        assert_false(span_starts(line, SPAN(".")) || span_starts(line, SPAN("From ")));
    }
}

static void there_and_back(void **state)
{
    (void)state;
    struct rng_seeded r;
    struct buf in, coded, out;
    rng_seeded_init(&r, 7);
    buf_init(&in, 4096);
    buf_init(&coded, 65536);
    buf_init(&out, 65536);
    for (size_t round = 0; round < 3000; round++) {
        static const char liked[] = "  ..\r\n\n==From \t\xc3\xa4";
        buf_clear(&in);
        for (size_t n = rng_below(&r.rng, 300); n > 0; n--) {
            uint64_t c = rng_u64(&r.rng);
            buf_putc(&in, round % 2 == 0 ? (char)c : liked[c % (sizeof(liked) - 1)]);
        }
        size_t cut = 1 + rng_below(&r.rng, 90);
        buf_clear(&coded);
        buf_clear(&out);
        transfer_encode_base64(buf_span(&in), &coded);
        lines_are_short(buf_span(&coded));
        assert_int_equal(decode(TRANSFER_BASE64, false, buf_span(&coded), cut, &out), 0);
        assert_true(span_eq(buf_span(&in), buf_span(&out)));
        buf_clear(&coded);
        buf_clear(&out);
        transfer_encode_qp(buf_span(&in), false, &coded);
        lines_are_short(buf_span(&coded));
        assert_int_equal(decode(TRANSFER_QP, false, buf_span(&coded), cut, &out), 0);
        assert_true(span_eq(buf_span(&in), buf_span(&out)));
        /* text: line ends become CRLF */
        struct buf lines;
        buf_init(&lines, 65536);
        buf_clear(&coded);
        buf_clear(&out);
        transfer_encode_qp(buf_span(&in), true, &coded);
        lines_are_short(buf_span(&coded));
        (void)decode(TRANSFER_QP, false, buf_span(&coded), cut, &out);
        (void)decode(TRANSFER_8BIT, true, buf_span(&in), cut, &lines);
        assert_true(span_eq(buf_span(&lines), buf_span(&out)));
        buf_done(&lines);
    }
    buf_done(&in);
    buf_done(&coded);
    buf_done(&out);
}

/* A run of white space longer than what is held back: pieces still make no difference. */
static void long_runs(void **state)
{
    (void)state;
    struct buf in, once, pieces;
    buf_init(&in, 4096);
    buf_init(&once, 4096);
    buf_init(&pieces, 4096);
    for (size_t i = 0; i < 1000; i++)
        buf_putc(&in, "\t "[i % 2]);
    buf_puts(&in, "\r\n=");
    for (size_t i = 0; i < 1000; i++)
        buf_putc(&in, ' ');
    (void)decode(TRANSFER_QP, false, buf_span(&in), 4096, &once);
    (void)decode(TRANSFER_QP, false, buf_span(&in), 1, &pieces);
    assert_true(span_eq(buf_span(&once), buf_span(&pieces)));
    buf_done(&in);
    buf_done(&once);
    buf_done(&pieces);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes),
        cmocka_unit_test(names),
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(long_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
