/* SPDX-License-Identifier: Apache-2.0 */
/* ASCII, which is nearly all text, needs no table; the rest asks ICU for each character. */
#include "message/casemap.h"

#include "message/charset.h"

#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>
#include <unicode/utf16.h>

enum {
    DECOMPOSED_MAX = 32, /* UTF-16 units; the longest has 18 */
    HANGUL_FIRST = 0xac00,
    HANGUL_LAST = 0xd7a3,
};

static const UNormalizer2 *decomposer(void)
{
    UErrorCode err = U_ZERO_ERROR;
    const UNormalizer2 *n = unorm2_getNFKDInstance(&err);
    return U_SUCCESS(err) ? n : NULL;
}

/* RFC 5051 §2 (2) and (3). */
static void put_character(struct buf *out, const UNormalizer2 *n, uint32_t c)
{
    UChar units[DECOMPOSED_MAX];
    UErrorCode err = U_ZERO_ERROR;
    UChar32 title = u_totitle((UChar32)c);
    int32_t size = -1;
    if (n != NULL && !(title >= HANGUL_FIRST && title <= HANGUL_LAST))
        size = unorm2_getDecomposition(n, title, units, DECOMPOSED_MAX, &err);
    if (size < 0 || U_FAILURE(err)) {
        utf8_put(out, (uint32_t)title);
        return;
    }
    for (int32_t i = 0; i < size; i++) {
        uint32_t part = units[i];
        if (U16_IS_LEAD(part) && i + 1 < size)
            part = (uint32_t)U16_GET_SUPPLEMENTARY(part, units[++i]);
        utf8_put(out, part);
    }
}

/* Takes the ASCII at the front. */
static void put_ascii(struct buf *out, struct span *s)
{
    size_t n = 0;
    while (n < s->n && (unsigned char)s->p[n] < 0x80)
        n++;
    char *to = n > 0 ? buf_room(out, n) : NULL;
    if (to != NULL) {
        for (size_t i = 0; i < n; i++) {
            char c = s->p[i];
            to[i] = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
        }
        buf_added(out, n);
    }
    *s = span_from(*s, n);
}

void casemap_put(struct buf *out, struct span utf8)
{
    const UNormalizer2 *n = NULL;
    while (utf8.n > 0 && out->err == 0) {
        put_ascii(out, &utf8);
        if (utf8.n == 0)
            break;
        if (n == NULL)
            n = decomposer();
        put_character(out, n, utf8_take(&utf8));
    }
}

bool casemap_is_composed(struct span utf8)
{
    UChar text[CASEMAP_COMPOSED_MAX];
    UErrorCode err = U_ZERO_ERROR;
    int32_t n = 0;
    if (span_is_ascii(utf8))
        return utf8.n <= CASEMAP_COMPOSED_MAX;
    if (utf8.n > CASEMAP_COMPOSED_MAX)
        return false;
    u_strFromUTF8(text, CASEMAP_COMPOSED_MAX, &n, utf8.p, (int32_t)utf8.n, &err);
    const UNormalizer2 *nfc = unorm2_getNFCInstance(&err);
    return unorm2_isNormalized(nfc, text, n, &err) && U_SUCCESS(err);
}
