/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as the header section of a message that is shown in ASCII (RFC 6856 §2.1). The result is ASCII;
 * what was ASCII is left alone; a text field says the same as before once its encoded-words are decoded; no
 * field is made or lost. */
#include "fuzz.h"

#include "base/encode.h"
#include "base/limits.h"
#include "pop3/internal.h"

/* The fields of a header: a line and those that go on with white space. */
static struct span next_field(struct span *rest)
{
    size_t n = 0;
    do {
        ssize_t lf = span_chr(span_from(*rest, n), '\n');
        n = lf < 0 ? rest->n : n + (size_t)lf + 1;
    } while (n < rest->n && (rest->p[n] == ' ' || rest->p[n] == '\t'));
    struct span field = span_slice(*rest, 0, n);
    *rest = span_from(*rest, n);
    return field;
}

static bool is_word(struct span w)
{
    return span_starts(w, SPAN("=?")) && span_ends(w, SPAN("?=")) && w.n > 4;
}

/* Appends what an encoded-word says (RFC 2047 §4.1), base64 only. */
static void decode_word(struct span w, struct buf *out)
{
    struct span body = span_slice(w, 2, w.n - 4);
    struct span charset = span_split(&body, '?');
    struct span coding = span_split(&body, '?');
    must(w.n <= 75); /* RFC 2047 §2 */
    must(span_eq(charset, SPAN("UTF-8")) || span_eq(charset, SPAN("unknown-8bit")));
    must(span_eq(coding, SPAN("B")));
    struct buf raw;
    buf_init(&raw, 75);
    must(base64_decode(&raw, body) == 0);
    must(!span_eq(charset, SPAN("UTF-8")) || span_is_utf8(buf_span(&raw)));
    buf_put(out, buf_span(&raw));
    buf_done(&raw);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The words of a field's value as a reader shows them: encoded-words decoded, and joined where only white space
 * stands between them (§6.2); all others with one space. Non-ASCII words say they came from encoded ones. */
static void shown(struct span value, struct buf *out)
{
    bool after_word = false;
    while (value.n > 0) {
        size_t n = 0;
        while (n < value.n && is_space(value.p[n]))
            n++;
        value = span_from(value, n);
        n = 0;
        while (n < value.n && !is_space(value.p[n]))
            n++;
        struct span word = span_slice(value, 0, n);
        value = span_from(value, n);
        if (word.n == 0)
            continue;
        bool encoded = is_word(word);
        if (out->n > 0 && !(encoded && after_word))
            buf_putc(out, ' ');
        if (encoded)
            decode_word(word, out);
        else
            buf_put(out, word);
        after_word = encoded;
    }
}

/* The original's value: white space collapsed, CR and LF gone. */
static void meant(struct span value, struct buf *out)
{
    bool space = false;
    for (size_t i = 0; i < value.n; i++) {
        char c = value.p[i];
        if (c == '\r' || c == '\n')
            continue;
        if (c == ' ' || c == '\t') {
            space = true;
            continue;
        }
        if (space && out->n > 0)
            buf_putc(out, ' ');
        space = false;
        buf_putc(out, c);
    }
}

static void compare_text(struct span before, struct span after)
{
    struct buf a, b;
    ssize_t colon = span_chr(before, ':');
    ssize_t colon_after = span_chr(after, ':');
    /* a client's own "=?" would have to be told from ours */
    if (span_find(before, SPAN("=?")) >= 0)
        return;
    must(colon > 0 && colon_after > 0);
    buf_init(&a, before.n + 16);
    buf_init(&b, after.n + 16);
    meant(span_from(before, (size_t)colon + 1), &a);
    shown(span_from(after, (size_t)colon_after + 1), &b);
    must(a.err == 0 && b.err == 0 && span_eq(buf_span(&a), buf_span(&b)));
    buf_done(&a);
    buf_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = span_of(data, size);
    struct buf out, again;
    if (size > 20000)
        return 0;
    buf_init(&out, 64 * size + 4096);
    buf_init(&again, 64 * size + 4096);
    pop3_surrogate(&out, in);
    must(out.err == 0 && span_is_ascii(buf_span(&out)));
    struct span before = in, after = buf_span(&out);
    while (before.n > 0) {
        struct span field = next_field(&before);
        must(after.n > 0);
        struct span made = next_field(&after);
        if (span_is_ascii(field))
            must(span_eq(field, made));
        else if (span_starts(field, SPAN("Subject:")))
            compare_text(field, made);
    }
    must(after.n == 0);
    pop3_surrogate(&again, buf_span(&out));
    must(span_eq(buf_span(&out), buf_span(&again)));
    buf_done(&out);
    buf_done(&again);
    return 0;
}
