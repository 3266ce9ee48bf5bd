/* SPDX-License-Identifier: Apache-2.0 */
/* The part of address normalisation that needs tables: ICU behind two functions.
 *
 * Private to the room. No state is kept: ICU's own normalizers are immutable singletons, the IDNA
 * object is made for each call (it only points at cached tables). Thread-safe.
 */
#ifndef DIRECTORY_UNICODE_H
#define DIRECTORY_UNICODE_H

#include "base/arena.h"

/* Whether a person can see, type and compare every character of `s` (well-formed UTF-8): no
 * control, format (bidi overrides, zero-width), private, unassigned character, surrogate, and no
 * space or line separator but U+0020. */
bool unicode_is_visible(struct span s);

/* `s` (UTF-8) decomposed, simply case-folded, composed: canonical caseless form. ERR_BAD_ADDRESS if
 * it has more than 1,024 UTF-16 units, or no stable form; ERR_NOMEM. */
int unicode_fold(struct span s, struct arena *a, struct span *out) MUST_CHECK;

/* UTS #46, non-transitional, STD3 rules, to lower-case U-labels. ERR_BAD_ADDRESS if it is no domain
 * name; that includes A-labels that do not decode to what encodes to them, and labels over 63 or a
 * name over 253 bytes as A-labels. A trailing dot is kept. ERR_NOMEM. */
int unicode_domain(struct span s, struct arena *a, struct span *out) MUST_CHECK;

#endif
