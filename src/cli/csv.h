/* SPDX-License-Identifier: Apache-2.0 */
/* CSV as RFC 4180 says: fields between commas, quoted where they hold commas, quotes or line
 * breaks; lines end with CRLF or LF; a byte order mark at the start is passed over. Reads a stream,
 * keeps one row. */
#ifndef CLI_CSV_H
#define CLI_CSV_H

#include "base/buf.h"

#include <stdio.h>

enum { CSV_FIELDS_MAX = 32, CSV_ROW_MAX = 64 * 1024 };

struct csv {
    FILE *in;
    uint64_t line; /* of the input, from 1: where the row begins */
    uint64_t next_line;
    unsigned char back[3]; /* read and put back; the last first */
    size_t back_n;
    struct buf row;
    size_t starts[CSV_FIELDS_MAX + 1];
    size_t n;
    const char *why; /* a sentence, when csv_next returned an error */
};

void csv_init(struct csv *c, FILE *in);
void csv_done(struct csv *c);
/* 1: a row (empty lines are passed over), 0: the end, or ERR_INVALID (bad quotes), ERR_TOO_BIG (the
 * row or its number of fields), ERR_IO. After ERR_INVALID and ERR_TOO_BIG the next call goes on
 * with the next line. */
int csv_next(struct csv *c) MUST_CHECK;
/* Field i of the row; empty if it has fewer. Valid until the next call. */
struct span csv_field(const struct csv *c, size_t i);

#endif
