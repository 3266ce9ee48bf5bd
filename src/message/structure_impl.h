/* SPDX-License-Identifier: Apache-2.0 */
/* The parser's state, shared by the line scanner (structure.c), the delimiters (structure_delimiter.c) and
 * the header fields (structure_fields.c). Private to the room. */
#ifndef MESSAGE_STRUCTURE_IMPL_H
#define MESSAGE_STRUCTURE_IMPL_H

#include "message/structure.h"

#include "base/limits.h"

enum parser_state {
    IN_HEADER,
    IN_BODY,      /* of a leaf, a preamble, an epilogue */
    IN_DELIMITER, /* behind what makes a line one, up to its end */
};

/* A multipart whose delimiters are looked for. */
struct boundary {
    struct mime_part *part;
    struct span text;
    bool closed; /* in its epilogue */
};

struct mime_parser {
    struct arena *arena;
    const struct mime_sink *sink;
    struct mime_part *root;
    struct mime_part *current; /* the innermost that is open */
    struct mime_part *last_closed;
    size_t parts;
    size_t arena_base; /* what was used before us */
    uint64_t at;       /* offset of the next byte */
    uint64_t lines;    /* line ends before it */

    enum parser_state state;
    bool epilogue;   /* IN_BODY: what comes belongs to no leaf and no preamble */
    bool line_start; /* the next byte begins a line */
    bool last_cr;    /* the last byte was a CR */
    uint8_t eol;     /* line_start: size of the line end before it, 0 at the very beginning */

    /* IN_HEADER */
    struct buf field;   /* the lines of the field that is being read */
    bool field_cut;     /* it is longer than we keep */
    uint64_t line_size; /* bytes of the line so far */
    char line_first;    /* its first byte */
    bool probe;         /* the first line decides whether this is a message at all */

    /* body bytes not yet told to the sink: a line end that may belong to a delimiter */
    uint8_t held;    /* 0, 1 or 2 bytes */
    bool held_is_cr; /* the one byte is a CR whose LF may follow */

    struct boundary boundaries[LIMIT_MIME_DEPTH];
    size_t boundaries_n;
    size_t longest;   /* boundary */
    bool full;        /* LIMIT_MIME_PARTS is reached: no more delimiters */
    struct buf line;  /* the front of a line that may be a delimiter, cut by the end of a piece */
    uint64_t line_at; /* its offset */
    bool open;        /* IN_DELIMITER: a part begins behind it */
    struct mime_part *multipart; /* IN_DELIMITER: whose it is */
    int err;
};

/* What the front of a line says. `in` is not advanced for NO, unless it is in p->line. */
enum verdict { DELIMITER_NO, DELIMITER_YES, DELIMITER_MORE };
enum verdict delimiter_try(struct mime_parser *p, struct span *in);
void delimiter_push(struct mime_parser *p, struct mime_part *part, struct span text);

/* The delimiters' part of closing a multipart: was its closing delimiter there? */
bool delimiter_pop(struct mime_parser *p);
/* The message ends in a line that may be a delimiter. */
enum verdict delimiter_last(struct mime_parser *p);
/* A delimiter line is over. */
void delimiter_end(struct mime_parser *p);

/* A line ended: counted, and the next byte begins one. */
void line_ended(struct mime_parser *p, bool crlf);
/* Bytes of the current part's body, for the sink; line_start, eol and last_cr are those behind them. */
void body_tell(struct mime_parser *p, struct span bytes);
/* A line end that was held back belongs to the body after all. */
void body_tell_held(struct mime_parser *p);

/* What the part is by its header: MIME_LEAF, or what it wants to be. Fills in the type by default. */
enum mime_kind part_classify(struct mime_part *part, struct span *boundary_out);

void parser_advance(struct mime_parser *p, struct span *in, size_t n);
/* Ends all parts below `until` (NULL: all) at `end`, `lines` line ends being before it. */
void parts_close(struct mime_parser *p, struct mime_part *until, uint64_t end, uint64_t lines);
/* A new innermost part whose header begins here; false when there is no memory. */
bool part_open(struct mime_parser *p, struct mime_part *parent);

/* A whole field: its lines with their line ends. */
void field_take(struct mime_parser *p, struct mime_part *part, struct span lines, bool cut);

#endif
