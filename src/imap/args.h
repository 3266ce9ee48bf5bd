/* SPDX-License-Identifier: Apache-2.0 */
/* The arguments of an IMAP command as a tree, and sequence sets.
 *
 * imap_args_parse reads what stands behind `tag SP name SP` of a whole command: all its lines, each
 * synchronising or non-synchronising literal in place behind its `{n}` CRLF (RFC 9051 §4, §4.3, RFC 7888,
 * literal8 of RFC 3516), without the CRLF at its end. The grammar of single commands is the handlers'.
 *
 * ATOM     as written: flags keep their backslash. UTF-8 is understood. In BODY[…]<…>, BODY.PEEK[…], BINARY[…] and their kin everything
 *          from `[` to its `]` belongs to the atom, also spaces, parentheses, quoted strings, and literals with
 *          their `{n}`; elsewhere brackets are ordinary characters.
 * QUOTED   without its quotes and backslashes. UTF-8 is allowed (RFC 9051 §4.3), other 8-bit text is not.
 * LITERAL  its octets. NUL only in a literal8.
 * LIST     its members are `child`, NULL for "()".
 *
 * NIL is an atom. Between arguments there is one space; more are passed over. Spans are into the command,
 * or into the arena where an escape was taken away. Nothing recurses.
 *
 * Limits: LIMIT_IMAP_ARGS arguments, LIMIT_IMAP_DEPTH lists in lists.
 */
#ifndef IMAP_ARGS_H
#define IMAP_ARGS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/numset.h"

enum imap_arg_kind { IMAP_ATOM, IMAP_QUOTED, IMAP_LITERAL, IMAP_LIST };

struct imap_arg {
    enum imap_arg_kind kind;
    bool binary; /* a literal8 */
    struct span text;
    struct imap_arg *child; /* of a LIST; NULL when it is empty */
    struct imap_arg *next;
};

/* *first_out is NULL when there are no arguments. ERR_INVALID (not of this form), ERR_LIMIT, ERR_NOMEM. */
int imap_args_parse(struct span command, struct arena *a, struct imap_arg **first_out) MUST_CHECK;

/* An atom equal to `atom`, ASCII case folded. NULL is no argument and so none of the following. */
bool imap_arg_is(const struct imap_arg *a, struct span atom);
/* An astring (RFC 9051 §9): atom, quoted or literal. */
bool imap_arg_string(const struct imap_arg *a, struct span *out);
/* An atom of digits. */
bool imap_arg_number(const struct imap_arg *a, uint64_t *out);
/* How many follow each other from `a` on. */
size_t imap_args_count(const struct imap_arg *a);

/* ---- literals ---------------------------------------------------------------------------- */

struct imap_literal {
    uint64_t size;
    bool sync;     /* the client waits for "+" before it sends it */
    bool binary;   /* `~{n}` */
    size_t prefix; /* bytes of the line that are before the `~` or `{` */
};
/* Does a line (without its CRLF) end in a literal? A number beyond 63 bits is none. */
bool imap_literal_at_end(struct span line, struct imap_literal *out);

/* ---- sequence sets ----------------------------------------------------------------------- */

/* RFC 9051 §9 sequence-set, of UIDs or sequence numbers, added to `out`. `*` is `max`, the largest number in
 * use; 0: there is none. Of larger numbers nothing is added, and *beyond_out tells that there were some (or a `*`
 * when there is none): a mistake for sequence numbers, and none for UIDs. "$" (RFC 5182) is no such set: ask for
 * it before. ERR_INVALID, ERR_NOMEM. */
int imap_set_parse(struct span text, uint32_t max, struct numset *out, bool *beyond_out) MUST_CHECK;
/* The shortest way to write a set that is not empty: "1:3,7". */
void imap_set_write(struct buf *out, const struct numset *set);

#endif
