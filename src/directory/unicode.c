/* SPDX-License-Identifier: Apache-2.0 */
#include "directory/unicode.h"

#include "base/err.h"

#include <unicode/uchar.h>
#include <unicode/uidna.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>

enum {
    TEXT_MAX = 1024, /* UTF-16 units; addresses are refused long before */
    TEXT_BYTES = TEXT_MAX * 3,
};

/* Unassigned characters are refused because Unicode keeps the normal form and the folding stable
 * from version to version for assigned ones only: an address must not change its key when ICU is
 * updated. */
static bool is_visible(UChar32 c)
{
    switch (u_charType(c)) {
    case U_CONTROL_CHAR:
    case U_FORMAT_CHAR:
    case U_UNASSIGNED:
    case U_PRIVATE_USE_CHAR:
    case U_SURROGATE:
    case U_LINE_SEPARATOR:
    case U_PARAGRAPH_SEPARATOR: return false;
    case U_SPACE_SEPARATOR: return c == ' ';
    default: return true;
    }
}

bool unicode_is_visible(struct span s)
{
    UChar units[TEXT_MAX];
    UChar32 text[TEXT_MAX];
    int32_t units_n;
    int32_t n;
    UErrorCode err = U_ZERO_ERROR;
    if (s.n > TEXT_BYTES)
        return false;
    u_strFromUTF8(units, TEXT_MAX, &units_n, s.p, (int32_t)s.n, &err);
    u_strToUTF32(text, TEXT_MAX, &n, units, units_n, &err);
    if (U_FAILURE(err))
        return false;
    for (int32_t i = 0; i < n; i++)
        if (!is_visible(text[i]))
            return false;
    return true;
}

/* Simple folding (one character to one), not full: it keeps "weiß" and "weiss", which are two
 * people's names, apart, as UTS #46 does in domains. Dotless ı stays itself; İ, decomposed, is i
 * with a dot. */
static bool fold_units(const UChar *units, int32_t units_n, UChar *out, int32_t *n_out)
{
    UChar32 text[TEXT_MAX];
    int32_t n;
    UErrorCode err = U_ZERO_ERROR;
    u_strToUTF32(text, TEXT_MAX, &n, units, units_n, &err);
    if (U_FAILURE(err))
        return false;
    for (int32_t i = 0; i < n; i++)
        text[i] = u_foldCase(text[i], U_FOLD_CASE_DEFAULT);
    u_strFromUTF32(out, TEXT_MAX, n_out, text, n, &err);
    return U_SUCCESS(err);
}

static bool fold_once(const UNormalizer2 *nfd, const UNormalizer2 *nfc, UChar *text, int32_t *n)
{
    UChar apart[TEXT_MAX];
    UChar folded[TEXT_MAX];
    UErrorCode err = U_ZERO_ERROR;
    int32_t apart_n = unorm2_normalize(nfd, text, *n, apart, TEXT_MAX, &err);
    int32_t folded_n;
    if (U_FAILURE(err) || !fold_units(apart, apart_n, folded, &folded_n))
        return false;
    int32_t done = unorm2_normalize(nfc, folded, folded_n, text, TEXT_MAX, &err);
    if (U_FAILURE(err))
        return false;
    *n = done;
    return true;
}

int unicode_fold(struct span s, struct arena *a, struct span *out)
{
    UErrorCode err = U_ZERO_ERROR;
    const UNormalizer2 *nfd = unorm2_getNFDInstance(&err);
    const UNormalizer2 *nfc = unorm2_getNFCInstance(&err);
    if (U_FAILURE(err))
        return ERR_NOMEM;
    if (s.n > TEXT_BYTES)
        return ERR_BAD_ADDRESS;
    UChar text[TEXT_MAX];
    UChar again[TEXT_MAX];
    int32_t n = 0;
    u_strFromUTF8(text, TEXT_MAX, &n, s.p, (int32_t)s.n, &err);
    if (U_FAILURE(err) || !fold_once(nfd, nfc, text, &n))
        return ERR_BAD_ADDRESS;
    /* A key must be its own normal form, or a stored address could not be found by itself. */
    u_memcpy(again, text, n);
    int32_t again_n = n;
    if (!fold_once(nfd, nfc, again, &again_n) || u_strCompare(text, n, again, again_n, false) != 0)
        return ERR_BAD_ADDRESS;
    char *bytes = arena_alloc(a, (size_t)n * 3 + 1);
    if (bytes == NULL)
        return ERR_NOMEM;
    int32_t bytes_n = 0;
    u_strToUTF8(bytes, n * 3 + 1, &bytes_n, text, n, &err);
    if (U_FAILURE(err))
        return ERR_BAD_ADDRESS;
    *out = span_of(bytes, (size_t)bytes_n);
    return 0;
}

/* Both directions: to Unicode for the form we keep, to ASCII because only that checks the lengths
 * the DNS allows. Hyphens in the third and fourth place are fine (IDNA 2008 refuses them, but names
 * like "r3---sn" are in the DNS and the ASCII path takes them). */
int unicode_domain(struct span s, struct arena *a, struct span *out)
{
    if (s.n == 0 || s.n > TEXT_BYTES)
        return ERR_BAD_ADDRESS;
    UErrorCode err = U_ZERO_ERROR;
    UIDNA *idna =
        uidna_openUTS46(UIDNA_USE_STD3_RULES | UIDNA_CHECK_BIDI | UIDNA_CHECK_CONTEXTJ |
                            UIDNA_NONTRANSITIONAL_TO_ASCII | UIDNA_NONTRANSITIONAL_TO_UNICODE,
                        &err);
    if (U_FAILURE(err))
        return ERR_NOMEM;
    char unicode[TEXT_BYTES];
    char ascii[TEXT_BYTES];
    UIDNAInfo to_unicode = UIDNA_INFO_INITIALIZER;
    UIDNAInfo to_ascii = UIDNA_INFO_INITIALIZER;
    int32_t n = uidna_nameToUnicodeUTF8(idna, s.p, (int32_t)s.n, unicode, (int32_t)sizeof unicode,
                                        &to_unicode, &err);
    if (U_SUCCESS(err))
        uidna_nameToASCII_UTF8(idna, unicode, n, ascii, (int32_t)sizeof ascii, &to_ascii, &err);
    uidna_close(idna);
    const uint32_t fine = UIDNA_ERROR_HYPHEN_3_4;
    if (err == U_MEMORY_ALLOCATION_ERROR)
        return ERR_NOMEM;
    if (U_FAILURE(err) || (to_unicode.errors & ~fine) != 0 || (to_ascii.errors & ~fine) != 0)
        return ERR_BAD_ADDRESS;
    *out = arena_dup(a, span_of(unicode, (size_t)n));
    return out->p != NULL ? 0 : ERR_NOMEM;
}
