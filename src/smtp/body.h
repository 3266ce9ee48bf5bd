/* SPDX-License-Identifier: Apache-2.0 */
/* The content of a message while it arrives, by DATA or BDAT: checked as a stream and kept in a
 * spool.
 *
 * After a fault the rest is counted and dropped; the client is told at the end, because before it a
 * client does not listen (RFC 5321 §4.2.5). Memory is bounded by the spool's. */
#ifndef SMTP_BODY_H
#define SMTP_BODY_H

#include "base/spool.h"

enum smtp_fault { /* what is wrong with the content; the first one found counts: which of several
                   * that is may depend on how they came */
                  FAULT_NONE,
                  FAULT_NEWLINE, /* a bare CR or LF */
                  FAULT_NUL,
                  FAULT_LINE, /* over LIMIT_SMTP_LINE_ACCEPTED */
                  FAULT_SIZE,
                  FAULT_STORAGE, /* see err */
};

struct smtp_body {
    struct spool *spool; /* NULL after a fault */
    bool binary;         /* BINARYMIME: no lines, nothing to check */
    bool normalize;      /* make bare CR and LF to CRLF instead of refusing them */
    bool cr;             /* the last byte was a CR that is not written yet */
    size_t line;         /* bytes of the current line */
    uint64_t received;   /* bytes of content, also dropped ones */
    uint64_t max;
    enum smtp_fault fault;
    int err;
};

int smtp_body_open(struct smtp_body *b,
                   struct spools *spools,
                   uint64_t max) MUST_CHECK; /* ERR_NOMEM */
/* Harmless when not open. */
void smtp_body_close(struct smtp_body *b);
void smtp_body_put(struct smtp_body *b, struct span content);
/* No more comes: a last CR turns out to be bare. Then look at `fault`. */
void smtp_body_end(struct smtp_body *b);
void smtp_body_fail(struct smtp_body *b, enum smtp_fault fault, int err);

#endif
