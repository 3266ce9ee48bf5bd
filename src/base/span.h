/* SPDX-License-Identifier: Apache-2.0 */
/* span: a borrowed run of bytes (pointer and length), and the checked ways to read it.
 *
 * All network and file input is seen through spans. A span owns nothing and is valid as long as
 * the buffer it points into. It is not NUL-terminated. An empty span may have a NULL pointer.
 * Functions that "take" advance the span they are given. Nothing here allocates or blocks.
 * Case-insensitive comparisons are ASCII only (protocol keywords), never locale dependent.
 */
#ifndef BASE_SPAN_H
#define BASE_SPAN_H

#include "base/base.h"

#include <string.h>

struct span {
    const char *p;
    size_t n;
};

/* For printf: printf("%.*s", SPAN_ARG(s)). */
#define SPAN_ARG(s) (int)((s).n), ((s).p != NULL ? (s).p : "")

/* A span over a string literal (without its NUL). */
#define SPAN(lit)  ((struct span){"" lit, sizeof(lit) - 1})
#define SPAN_EMPTY ((struct span){NULL, 0})

static inline struct span span_of(const void *p, size_t n)
{
    return (struct span){p, n};
}

/* NULL gives the empty span. */
static inline struct span span_str(const char *cstr)
{
    return (struct span){cstr, cstr == NULL ? 0 : strlen(cstr)};
}

bool span_eq(struct span a, struct span b);
bool span_ieq(struct span a, struct span b); /* ASCII case folded */
int span_cmp(struct span a, struct span b);  /* memcmp order, shorter first: <0, 0, >0 */
bool span_starts(struct span s, struct span prefix);
bool span_istarts(struct span s, struct span prefix);
bool span_ends(struct span s, struct span suffix);

/* Offset of the first `c` (or of the first `needle`), or -1. */
ssize_t span_chr(struct span s, char c);
ssize_t span_rchr(struct span s, char c);
ssize_t span_find(struct span s, struct span needle);

/* Parts. Positions beyond the end are cut to the end: the result is always inside `s`. */
struct span span_slice(struct span s, size_t from, size_t n);
struct span span_from(struct span s, size_t from);

/* Without leading and trailing spaces, tabs, CR, LF. */
struct span span_trim(struct span s);

/* Cuts `*rest` at the first `sep`: returns what is before it and advances `*rest` past it. Without
 * a `sep` returns all of `*rest` and leaves it empty. Loop: while (rest.n > 0) span_split(...). */
struct span span_split(struct span *rest, char sep);

/* Takes one byte, or a run of bytes, from the front. false (and nothing taken) if too short. */
bool span_take_byte(struct span *s, uint8_t *out);
bool span_take(struct span *s, size_t n, struct span *out);
/* If `s` starts with `prefix`, takes it. The `i` form folds ASCII case. */
bool span_skip(struct span *s, struct span prefix);
bool span_iskip(struct span *s, struct span prefix);

/* The whole span as a decimal number: digits only, at least one, no sign, no overflow. */
bool span_to_u64(struct span s, uint64_t *out) MUST_CHECK;
bool span_to_u32(struct span s, uint32_t *out) MUST_CHECK;

/* Copies at most size-1 bytes and a NUL into dst; returns false if it did not fit or if the span
 * holds a NUL (then dst is the empty string). For handing names to C libraries. */
bool span_to_cstr(struct span s, char *dst, size_t size) MUST_CHECK;

bool span_is_ascii(struct span s); /* no byte above 0x7f */
bool span_is_utf8(struct span s);  /* well-formed UTF-8, RFC 3629: no overlong form, no surrogate */

/* The same bytes in a time that depends on the length only. */
bool span_eq_secret(struct span a, struct span b);

/* ASCII only. */
char ascii_lower(char c);
bool ascii_is_digit(char c);
bool ascii_is_alpha(char c);

#endif
