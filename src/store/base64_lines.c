/* SPDX-License-Identifier: Apache-2.0 */
/* Thirty-two letters at a time where the processor has AVX2, as W. Muła and D. Lemire do it ("Faster
 * Base64 Encoding and Decoding Using AVX2 Instructions", 2018). A line that is no multiple of that ends with a step
 * that overlaps the one before. */
#include "store/base64_lines.h"

#include "base/err.h"
#include "base/pack.h"

enum {
    LINE_MIN = 20,  /* letters; shorter ones are words */
    LINE_MAX = 512, /* mail has 76, some programs 64 or 72 */
    LINES_MIN = 4,  /* fewer are not worth a piece */
    PIECE_MAX =
        16, /* bytes of a piece without its text; less than LINES_MIN lines of LINE_MIN save */
    GROUP = 4,
    GROUP_BYTES = 3,
};

/* ---- one line ----------------------------------------------------------------------------- */

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* clang-format off */
static const uint8_t values[256] = { /* of letters, and 1; 0: is none */
    ['A'] = 1, ['B'] = 2, ['C'] = 3, ['D'] = 4, ['E'] = 5, ['F'] = 6, ['G'] = 7, ['H'] = 8, ['I'] = 9, ['J'] = 10,
    ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16, ['Q'] = 17, ['R'] = 18, ['S'] = 19,
    ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24, ['Y'] = 25, ['Z'] = 26,
    ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32, ['g'] = 33, ['h'] = 34, ['i'] = 35,
    ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40, ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44,
    ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48, ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52,
    ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56, ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61,
    ['9'] = 62, ['+'] = 63, ['/'] = 64,
};
/* clang-format on */

static bool decode_plainly(const char *in, size_t groups, char *out)
{
    const uint8_t *u = (const uint8_t *)in;
    for (size_t i = 0; i < groups; i++, u += GROUP, out += GROUP_BYTES) {
        uint32_t a = values[u[0]], b = values[u[1]], c = values[u[2]], d = values[u[3]];
        if (a == 0 || b == 0 || c == 0 || d == 0)
            return false;
        uint32_t w = (a - 1) << 18 | (b - 1) << 12 | (c - 1) << 6 | (d - 1);
        out[0] = (char)(uint8_t)(w >> 16);
        out[1] = (char)(uint8_t)(w >> 8);
        out[2] = (char)(uint8_t)w;
    }
    return true;
}

static void encode_plainly(const char *in, size_t groups, char *out)
{
    const uint8_t *u = (const uint8_t *)in;
    for (size_t i = 0; i < groups; i++, u += GROUP_BYTES, out += GROUP) {
        uint32_t w = (uint32_t)u[0] << 16 | (uint32_t)u[1] << 8 | u[2];
        out[0] = letters[w >> 18];
        out[1] = letters[w >> 12 & 63];
        out[2] = letters[w >> 6 & 63];
        out[3] = letters[w & 63];
    }
}

#if defined(__x86_64__)

#include <immintrin.h>

enum { STEP = 32, STEP_BYTES = 24 };

#define AVX2            __attribute__((target("avx2")))
#define IN_BOTH(...)    _mm256_broadcastsi128_si256(_mm_setr_epi8(__VA_ARGS__))
#define IN_HALVES(a, b) _mm256_inserti128_si256(_mm256_castsi128_si256(a), b, 1)

static inline __m256i AVX2 load_256(const char *p)
{
    __m256i v;
    memcpy(&v, p, sizeof(v));
    return v;
}

static inline __m128i AVX2 load_128(const char *p)
{
    __m128i v;
    memcpy(&v, p, sizeof(v));
    return v;
}

/* 32 letters are 24 bytes, and writes 32. */
static inline bool AVX2 decode_step(const char *in, char *out)
{
    const __m256i low_sets = IN_BOTH(0x15, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11,
                                     0x13, 0x1a, 0x1b, 0x1b, 0x1b, 0x1a);
    const __m256i high_sets = IN_BOTH(0x10, 0x10, 0x01, 0x02, 0x04, 0x08, 0x04, 0x08, 0x10, 0x10,
                                      0x10, 0x10, 0x10, 0x10, 0x10, 0x10);
    const __m256i shifts = IN_BOTH(0, 16, 19, 4, -65, -65, -71, -71, 0, 0, 0, 0, 0, 0, 0, 0);
    const __m256i order = IN_BOTH(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1);
    const __m256i slash = _mm256_set1_epi8('/'); /* whose bits are also those of a nibble */
    __m256i v = load_256(in);
    __m256i high = _mm256_and_si256(_mm256_srli_epi32(v, 4), slash);
    __m256i bad = _mm256_and_si256(_mm256_shuffle_epi8(low_sets, _mm256_and_si256(v, slash)),
                                   _mm256_shuffle_epi8(high_sets, high));
    if (!_mm256_testz_si256(bad, bad))
        return false;
    __m256i row = _mm256_add_epi8(_mm256_cmpeq_epi8(v, slash), high);
    v = _mm256_add_epi8(v, _mm256_shuffle_epi8(shifts, row));
    v = _mm256_maddubs_epi16(v, _mm256_set1_epi32(0x01400140));
    v = _mm256_madd_epi16(v, _mm256_set1_epi32(0x00011000));
    v = _mm256_shuffle_epi8(v, order);
    v = _mm256_permutevar8x32_epi32(v, _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 3, 7));
    memcpy(out, &v, sizeof(v));
    return true;
}

/* 24 bytes are 32 letters. */
static inline void AVX2 encode_step(const char *in, char *out)
{
    const __m256i order =
        IN_HALVES(_mm_setr_epi8(1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10),
                  _mm_setr_epi8(5, 4, 6, 5, 8, 7, 9, 8, 11, 10, 12, 11, 14, 13, 15, 14));
    const __m256i shifts = IN_BOTH(65, 71, -4, -4, -4, -4, -4, -4, -4, -4, -4, -4, -19, -16, 0, 0);
    __m256i v = IN_HALVES(load_128(in), load_128(in + STEP_BYTES - 16));
    v = _mm256_shuffle_epi8(v, order);
    __m256i odd = _mm256_mulhi_epu16(_mm256_and_si256(v, _mm256_set1_epi32(0x0fc0fc00)),
                                     _mm256_set1_epi32(0x04000040));
    __m256i even = _mm256_mullo_epi16(_mm256_and_si256(v, _mm256_set1_epi32(0x003f03f0)),
                                      _mm256_set1_epi32(0x01000010));
    v = _mm256_or_si256(odd, even);
    __m256i row = _mm256_subs_epu8(v, _mm256_set1_epi8(51));
    row = _mm256_sub_epi8(row, _mm256_cmpgt_epi8(v, _mm256_set1_epi8(25)));
    v = _mm256_add_epi8(v, _mm256_shuffle_epi8(shifts, row));
    memcpy(out, &v, sizeof(v));
}

static bool AVX2 decode_fast(const char *in, size_t groups, char *out)
{
    size_t n = groups * GROUP, at = 0;
    for (; at + STEP <= n; at += STEP)
        if (!decode_step(in + at, out + at / GROUP * GROUP_BYTES))
            return false;
    return at == n || decode_step(in + n - STEP, out + (n - STEP) / GROUP * GROUP_BYTES);
}

static void AVX2 encode_fast(const char *in, size_t groups, char *out)
{
    size_t n = groups * GROUP_BYTES, at = 0;
    for (; at + STEP_BYTES <= n; at += STEP_BYTES)
        encode_step(in + at, out + at / GROUP_BYTES * GROUP);
    if (at < n)
        encode_step(in + n - STEP_BYTES, out + (n - STEP_BYTES) / GROUP_BYTES * GROUP);
}

static bool is_fast(size_t groups)
{
    return groups * GROUP >= STEP && __builtin_cpu_supports("avx2");
}

/* ---- and 64 letters at a time: AVX-512 VBMI looks up all 64 letters in one register ---- */

enum { WIDE = 64, WIDE_BYTES = 48 };

#define VBMI __attribute__((target("avx512f,avx512bw,avx512vbmi")))

static const uint8_t wide_order[WIDE] = {/* each group of three bytes as 1, 0, 2, 1 */
                                         1,  0,  2,  1,  4,  3,  5,  4,  7,  6,  8,  7,  10,
                                         9,  11, 10, 13, 12, 14, 13, 16, 15, 17, 16, 19, 18,
                                         20, 19, 22, 21, 23, 22, 25, 24, 26, 25, 28, 27, 29,
                                         28, 31, 30, 32, 31, 34, 33, 35, 34, 37, 36, 38, 37,
                                         40, 39, 41, 40, 43, 42, 44, 43, 46, 45, 47, 46};

/* 48 bytes are 64 letters. */
static inline void VBMI encode_wide_step(const char *in, char *out)
{
    const __mmask64 taken = ((__mmask64)1 << WIDE_BYTES) - 1;
    __m512i v = _mm512_maskz_loadu_epi8(taken, in);
    v = _mm512_permutexvar_epi8(_mm512_loadu_si512(wide_order), v);
    v = _mm512_multishift_epi64_epi8(_mm512_set1_epi64(0x3036242a1016040a), v);
    v = _mm512_permutexvar_epi8(v, _mm512_loadu_si512(letters)); /* by the lower six bits */
    _mm512_storeu_si512(out, v);
}

static void VBMI encode_wide(const char *in, size_t groups, char *out)
{
    size_t n = groups * GROUP_BYTES, at = 0;
    for (; at + WIDE_BYTES <= n; at += WIDE_BYTES)
        encode_wide_step(in + at, out + at / GROUP_BYTES * GROUP);
    if (at < n)
        encode_wide_step(in + n - WIDE_BYTES, out + (n - WIDE_BYTES) / GROUP_BYTES * GROUP);
}

static bool is_wide(size_t groups)
{
    return groups * GROUP >= WIDE && __builtin_cpu_supports("avx512vbmi");
}

#else

#define decode_fast decode_plainly
#define encode_fast encode_plainly
#define encode_wide encode_plainly

static bool is_fast(size_t groups)
{
    (void)groups;
    return false;
}

static bool is_wide(size_t groups)
{
    (void)groups;
    return false;
}

#endif

/* May write 8 bytes beyond the line's. */
static bool decode_line(const char *in, size_t groups, char *out)
{
    return is_fast(groups) ? decode_fast(in, groups, out) : decode_plainly(in, groups, out);
}

static void encode_line(const char *in, size_t groups, char *out)
{
    if (is_wide(groups))
        encode_wide(in, groups, out);
    else if (is_fast(groups))
        encode_fast(in, groups, out);
    else
        encode_plainly(in, groups, out);
}

/* ---- packing ------------------------------------------------------------------------------ */

struct lines {
    size_t groups, end; /* of letters, and of bytes of the line end: 1 or 2 */
    size_t count;
};

/* The lines at the front of `rest`, of which none has been looked at. */
static bool lines_shape(struct span rest, struct lines *out)
{
    ssize_t lf = span_chr(span_slice(rest, 0, LINE_MAX + 2), '\n');
    if (lf < LINE_MIN)
        return false;
    size_t n = (size_t)lf, end = rest.p[n - 1] == '\r' ? 2 : 1;
    n -= end - 1;
    *out = (struct lines){.groups = n / GROUP, .end = end};
    return n % GROUP == 0 && n >= LINE_MIN && n <= LINE_MAX;
}

static bool line_ends(const char *p, size_t end)
{
    return end == 2 ? p[0] == '\r' && p[1] == '\n' : p[0] == '\n';
}

/* Decodes as many lines of that shape as there are; how many bytes of `rest` they were. */
static size_t lines_take(struct span rest, struct lines *lines, char *out)
{
    size_t letters_n = lines->groups * GROUP, line = letters_n + lines->end, at = 0;
    while (rest.n - at >= line && line_ends(rest.p + at + letters_n, lines->end) &&
           decode_line(rest.p + at, lines->groups, out)) {
        out += lines->groups * GROUP_BYTES;
        at += line;
        lines->count++;
    }
    return at;
}

/* The first lines that are worth it, from `at` on; where they begin and what is behind them. */
static bool lines_find(struct span content,
                       size_t at,
                       char *out,
                       struct lines *lines,
                       size_t *begin_out,
                       size_t *behind_out)
{
    while (at < content.n) {
        struct span rest = span_from(content, at);
        size_t taken = lines_shape(rest, lines) ? lines_take(rest, lines, out) : 0;
        if (lines->count >= LINES_MIN && taken > 0) {
            *begin_out = at;
            *behind_out = at + taken;
            return true;
        }
        ssize_t lf = taken > 0 ? 0 : span_chr(rest, '\n');
        if (lf < 0)
            return false;
        at += taken > 0 ? taken : (size_t)lf + 1;
    }
    return false;
}

int base64_lines_pack(struct span content, struct buf *text, struct buf *bytes)
{
    struct lines lines = {0};
    size_t done = 0, begin, behind;
    char *room = buf_room(bytes, content.n);
    if (room == NULL)
        return bytes->err;
    while (lines_find(content, done, room, &lines, &begin, &behind)) {
        pack_span(text, span_slice(content, done, begin - done));
        pack_u8(text, (uint8_t)lines.groups);
        pack_u8(text, lines.end == 2);
        pack_uint(text, lines.count);
        buf_added(bytes, lines.count * lines.groups * GROUP_BYTES);
        room = bytes->p + bytes->n;
        done = behind;
    }
    pack_span(text, span_from(content, done));
    pack_u8(text, 0);
    return text->err;
}

/* ---- unpacking ---------------------------------------------------------------------------- */

static bool piece_next(struct unpack *u, struct base64_piece *out)
{
    *out = (struct base64_piece){.text = unpack_span(u)};
    out->groups = unpack_u8(u);
    if (out->groups > 0) {
        out->end = unpack_u8(u) != 0 ? 2 : 1;
        out->count = unpack_uint(u);
    }
    return !u->bad;
}

static size_t line_size(const struct base64_piece *p)
{
    return p->groups * GROUP + p->end;
}

static size_t piece_size(const struct base64_piece *p)
{
    return p->text.n + p->count * line_size(p);
}

/* The size of the content: nothing is written before all is known to fit. */
static int measure(struct span text, struct span bytes, size_t max, size_t *out)
{
    struct unpack u = unpack_of(text);
    struct base64_piece p = {.groups = 1};
    size_t size = 0, left = bytes.n;
    while (p.groups > 0) {
        if (!piece_next(&u, &p) || p.text.n > max - size)
            return ERR_CORRUPT;
        size += p.text.n;
        if (p.groups > 0 &&
            (p.count > (max - size) / line_size(&p) || p.count > left / (p.groups * GROUP_BYTES)))
            return ERR_CORRUPT;
        size += p.count * line_size(&p);
        left -= p.count * p.groups * GROUP_BYTES;
    }
    *out = size;
    return left == 0 && unpack_at_end(&u) ? 0 : ERR_CORRUPT;
}

static void view_rewind(struct base64_view *v)
{
    v->rest = unpack_of(v->text);
    v->begin = v->bytes_at = 0;
    must(piece_next(&v->rest, &v->piece));
}

static void view_step(struct base64_view *v)
{
    v->begin += piece_size(&v->piece);
    v->bytes_at += v->piece.count * v->piece.groups * GROUP_BYTES;
    must(piece_next(&v->rest, &v->piece));
}

int base64_view_open(struct span text, struct span bytes, size_t max, struct base64_view *out)
{
    struct base64_view v = {.text = text, .bytes = bytes};
    int rc = measure(text, bytes, max, &v.n);
    if (rc != 0)
        return rc;
    view_rewind(&v);
    *out = v;
    return 0;
}

static void put_lines(const struct base64_piece *p, size_t count, const char *bytes, char *to)
{
    for (size_t i = 0; i < count; i++) {
        encode_line(bytes, p->groups, to);
        bytes += p->groups * GROUP_BYTES;
        to += p->groups * GROUP;
        if (p->end == 2)
            *to++ = '\r';
        *to++ = '\n';
    }
}

/* Of the piece, from `at` on, at most `n` bytes and at least one; how many they were. */
static size_t piece_put(const struct base64_view *v, size_t at, size_t n, char *to)
{
    const struct base64_piece *p = &v->piece;
    if (at < p->text.n) {
        struct span part = span_slice(p->text, at, n);
        memcpy(to, part.p, part.n);
        return part.n;
    }
    at -= p->text.n;
    size_t line = line_size(p), index = at / line, skip = at % line, count = n / line;
    const char *bytes = v->bytes.p + v->bytes_at + index * p->groups * GROUP_BYTES;
    if (skip == 0 && count > 0) {
        if (count > p->count - index)
            count = p->count - index;
        put_lines(p, count, bytes, to);
        return count * line;
    }
    char whole[UINT8_MAX * GROUP + 2];
    put_lines(p, 1, bytes, whole);
    size_t part = line - skip < n ? line - skip : n;
    memcpy(to, whole + skip, part);
    return part;
}

int base64_view_read(struct base64_view *v, size_t offset, size_t n, struct buf *to)
{
    if (offset >= v->n)
        return 0;
    if (n > v->n - offset)
        n = v->n - offset;
    char *room = buf_room(to, n);
    if (room == NULL)
        return to->err;
    if (offset < v->begin)
        view_rewind(v);
    for (size_t done = 0; done < n;) {
        while (offset + done - v->begin >= piece_size(&v->piece))
            view_step(v);
        done += piece_put(v, offset + done - v->begin, n - done, room + done);
    }
    buf_added(to, n);
    return 0;
}

int base64_lines_unpack(struct span text, struct span bytes, size_t max, struct buf *out)
{
    struct base64_view v;
    int rc = base64_view_open(text, bytes, max, &v);
    return rc == 0 ? base64_view_read(&v, 0, v.n, out) : rc;
}
