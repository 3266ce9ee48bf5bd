/* SPDX-License-Identifier: Apache-2.0 */
/* See letter.h. */
#include "letter.h"

#include "base/encode.h"

#include <sodium.h>

static uint64_t next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Lines of 76 letters: as compressible as base64. */
static void body_make(struct buf *to, const char *token, size_t size)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint64_t state = 88172645463325252U;
    for (const char *p = token; *p != '\0'; p++)
        state = (state ^ (uint8_t)*p) * 1099511628211U;
    state |= 1;
    for (size_t n = 0; n < size; n += 78) {
        for (int i = 0; i < 76; i++)
            buf_putc(to, letters[next(&state) >> 32 & 63]);
        buf_puts(to, "\r\n");
    }
}

static void sum_put(struct buf *to, struct span body)
{
    unsigned char sum[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(sum, (const unsigned char *)body.p, body.n);
    hex_encode(to, span_of(sum, sizeof(sum)));
}

void letter_make(struct buf *to, const char *token, size_t size)
{
    struct buf body;
    buf_init(&body, size + 1024);
    body_make(&body, token, size);
    buf_printf(to, "From: a@elsewhere.test\r\nSubject: %s\r\nX-Token: %s\r\nX-Size: %zu\r\nX-Sum: ",
               token, token, body.n);
    sum_put(to, buf_span(&body));
    buf_puts(to, "\r\n\r\n");
    buf_put(to, buf_span(&body));
    buf_done(&body);
}

/* The value of a field of ours: they are one line each. */
static bool field(struct span message, const char *name, struct span *value)
{
    ssize_t at = span_find(message, span_str(name));
    if (at < 0)
        return false;
    *value = span_from(message, (size_t)at + strlen(name));
    ssize_t end = span_chr(*value, '\r');
    if (end < 0)
        return false;
    *value = span_slice(*value, 0, (size_t)end);
    return true;
}

void letter_token(struct span message, char token[LETTER_TOKEN])
{
    struct span value;
    if (!field(message, "\r\nX-Token: ", &value) || !span_to_cstr(value, token, LETTER_TOKEN))
        snprintf(token, LETTER_TOKEN, "?");
}

const char *letter_fault(struct span message)
{
    struct span size_text, sum_text;
    uint64_t size;
    ssize_t head = span_find(message, SPAN("\r\n\r\n"));
    if (head < 0)
        return "it has no body";
    if (!field(message, "\r\nX-Size: ", &size_text) || !field(message, "\r\nX-Sum: ", &sum_text) ||
        !span_to_u64(size_text, &size))
        return "its header is not whole";
    struct span body = span_from(message, (size_t)head + 4);
    if (body.n != size)
        return "its body has another size";
    struct buf sum;
    buf_init(&sum, 128);
    sum_put(&sum, body);
    bool same = span_eq(buf_span(&sum), sum_text);
    buf_done(&sum);
    return same ? NULL : "its body is another";
}
