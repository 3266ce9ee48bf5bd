/* SPDX-License-Identifier: Apache-2.0 */
/* What a FETCH asks for (RFC 9051 §6.4.5, RFC 3501 §6.4.5), read from the arguments of the command: a list of items, each
 * with the name it has in the answer, and what has to be read to answer them all.
 *
 * Items of extensions: BINARY (RFC 3516), MODSEQ (RFC 7162 §3.1.4.2), PREVIEW (RFC 8970), EMAILID and THREADID (RFC 8474
 * §5.3), SAVEDATE (RFC 8514 §4.2). Modifiers: CHANGEDSINCE and VANISHED (RFC 7162 §3.1.4.1, §3.2.6), PARTIAL
 * (RFC 9394 §3.3).
 *
 * Pure. Everything is in the arena, or in the command. ERR_INVALID: it is not of this form. ERR_LIMIT: more than
 * LIMIT_IMAP_FETCH_ITEMS, or a section of more than LIMIT_IMAP_SECTION bytes. */
#ifndef IMAP_FETCH_H
#define IMAP_FETCH_H

#include "imap/args.h"
#include "message/section.h"

enum fetch_kind {
    FETCH_UID,
    FETCH_FLAGS,
    FETCH_INTERNALDATE,
    FETCH_SIZE,
    FETCH_MODSEQ,
    FETCH_EMAILID,
    FETCH_THREADID,
    FETCH_SAVEDATE,
    FETCH_PREVIEW,
    FETCH_ENVELOPE,
    FETCH_BODY,
    FETCH_BODYSTRUCTURE,
    FETCH_SECTION, /* and RFC822, RFC822.HEADER, RFC822.TEXT, which are sections under another name */
    FETCH_BINARY,
    FETCH_BINARY_SIZE,
};

enum fetch_need { /* bits */
                  FETCH_NEEDS_SUMMARY = 1,
                  FETCH_NEEDS_STRUCTURE = 2,
                  FETCH_NEEDS_BODY = 4,
                  FETCH_SETS_SEEN = 8,
                  FETCH_WANTS_SUMMARY = 16, /* if it is there */
};

struct fetch_item {
    struct fetch_item *next;
    enum fetch_kind kind;
    struct span label; /* its name in the answer: "BODY[1]<0>" */
    struct section section;
    bool partial; /* at most `count` bytes from `from` on */
    uint64_t from, count;
    bool lazy; /* PREVIEW that may be NIL */
};

/* A range of positions in the messages asked for, from 1; `last` from their end (RFC 9394). */
struct fetch_page {
    uint32_t first, count;
    bool from_end;
};

struct fetch_request {
    struct fetch_item *items; /* never empty */
    unsigned needs;           /* enum fetch_need */
    bool modseq;              /* an item or modifier that switches CONDSTORE on (RFC 7162 §3.1) */
    bool changed;             /* only what has changed after `since` */
    uint64_t since;
    bool vanished; /* and what of the set has gone since */
    bool paged;
    struct fetch_page page;
};

/* The arguments behind the sequence set. `uid`: of UID FETCH. */
int fetch_parse(const struct imap_arg *args, bool uid, struct arena *a, struct fetch_request *out)
    MUST_CHECK;
/* A list of items that is kept, to be fetched later: as text, `(UID FLAGS)`, in the arena. *modseq_out: it switches CONDSTORE
 * on. */
int fetch_list_parse(const struct imap_arg *list,
                     struct arena *a,
                     struct span *text_out,
                     bool *modseq_out) MUST_CHECK;
/* Adds what is answered though it was not asked for: UID (to UID FETCH, but not with UIDONLY) and MODSEQ (with CHANGEDSINCE,
 * RFC 7162 §3.1.4.1). */
int fetch_imply(struct fetch_request *r, bool uid, bool modseq, struct arena *a) MUST_CHECK;

/* What is between the brackets of BODY[…]; also in fetch_section.c. */
int fetch_section_parse(struct span text, struct arena *a, struct section *out) MUST_CHECK;
/* The same again, as it is written in an answer. */
void fetch_section_write(const struct section *s, struct buf *out);
/* "1:5", "-1:-30" of PARTIAL. */
bool fetch_page_parse(struct span text, struct fetch_page *out);

#endif
