/* SPDX-License-Identifier: Apache-2.0 */
/* The MIME structure of a message (RFC 2045, 2046), found by byte offset: nothing of the body is copied or
 * kept. The message comes in pieces of any size; memory depends on the number of parts and not on the
 * size, and the result not on where the pieces were cut.
 *
 * Every byte string has a structure. What real mail gets wrong is read as follows:
 *   - a line ends with LF; a CR before it belongs to the line end. A header section ends at an empty line
 *     (message.h), or where a delimiter or the end comes. What is no field in it is passed over.
 *   - a delimiter is a line that begins with "--" and a boundary (RFC 2046 §5.1.1: the rest of the line
 *     does not matter). Of several boundaries that fit, the one that is exactly the line, else the longest,
 *     else the innermost. The line end before it belongs to it, unless it is that
 *     of the header or the delimiter before. Behind the closing delimiter of a
 *     multipart its boundary means nothing any more, but does not become another's either.
 *   - parts that are not closed end where what is around them ends, the last with the message
 *     (MIME_TRUNCATED).
 *   - a multipart that names no boundary, or in which no delimiter comes, is one leaf (MIME_NO_PARTS): its
 *     text is better seen than hidden. One that is closed before a part came has no children.
 *   - a Content-Transfer-Encoding of a multipart is ignored; so is one of message/rfc822, unless it is
 *     base64 and what comes is not a header: then it is a leaf (MIME_ENCODED_MESSAGE).
 *   - Content fields count without MIME-Version; the first of two wins (MIME_FIELD_TWICE). A Content-Type
 *     that cannot be read is text/plain (RFC 2045 §5.2), one that is absent is, too, or message/rfc822 in
 *     multipart/digest.
 * Limits (base/limits.h): the part number LIMIT_MIME_PARTS is everything that is left of the message; at
 * LIMIT_MIME_DEPTH a part with parts is a leaf (MIME_OPAQUE for both); of a field only LIMIT_MIME_FIELD
 * bytes are looked at, and once LIMIT_MIME_KEPT bytes of memory are used only Content-Type and
 * Content-Transfer-Encoding are, up to twice that (MIME_FIELD_CUT). The time is linear in the size for any
 * input.
 *
 * Parts are in the caller's arena and live as long as it does; an arena of MIME_ARENA bytes is never full.
 * Not thread-safe, never blocks. */
#ifndef MESSAGE_STRUCTURE_H
#define MESSAGE_STRUCTURE_H

#include "message/envelope.h"
#include "message/params.h"
#include "message/transfer.h"

enum { MIME_ARENA = 10 * 1024 * 1024 };

enum mime_kind {
    MIME_LEAF,
    MIME_MULTIPART, /* its children are parts; none if it was closed before one came */
    MIME_MESSAGE,   /* message/rfc822 or message/global: its one child is that message's root */
};

enum mime_flag {
    MIME_TYPE_ABSENT = 1 << 0,     /* no Content-Type */
    MIME_TYPE_BROKEN = 1 << 1,     /* one that could not be read */
    MIME_NO_PARTS = 1 << 2,        /* a leaf that calls itself multipart */
    MIME_ENCODED_MESSAGE = 1 << 3, /* a leaf that calls itself message/rfc822 */
    MIME_OPAQUE = 1 << 4,          /* not looked into, because of a limit */
    MIME_TRUNCATED = 1 << 5,       /* a closing delimiter, or the end of a header, is missing */
    MIME_FIELD_TWICE = 1 << 6,
    MIME_FIELD_CUT = 1 << 7,
    MIME_HEADER_8BIT = 1 << 8, /* a byte above 0x7f in a field */
    MIME_HEADER_NUL = 1 << 9,
    /* of the root: a part of the message has the flag */
    MIME_ANY_OPAQUE = 1 << 10,
    MIME_ANY_CUT = 1 << 11,
};

/* The rarer fields of a part. A span's p is NULL when the field is absent. */
struct mime_extras {
    struct span id, description, location, md5; /* unfolded */
    struct span disposition;                    /* lower case */
    struct mime_param *disposition_params;
    struct mime_language *languages;
};

struct mime_part {
    struct mime_part *parent, *next, *child;
    uint64_t offset;           /* where its header begins in the message */
    uint64_t header_size;      /* with the empty line */
    uint64_t body_size;        /* the body begins where the header ends */
    uint64_t lines;            /* line ends in the body */
    struct span type, subtype; /* as declared or by default; lower case */
    struct span encoding_text; /* the value of Content-Transfer-Encoding; p is NULL when absent */
    struct mime_param *params;
    struct mime_extras *extras;        /* NULL: none */
    struct message_envelope *envelope; /* of the root, and of the root of an embedded message */
    uint32_t flags;
    uint16_t depth; /* 1 is the root */
    uint8_t kind, encoding;
};

/* Told while the message goes by; any member may be NULL. */
struct mime_sink {
    void *context;
    /* Each field of the root's header; the value as in struct header_field, cut at LIMIT_MIME_FIELD. */
    void (*field)(void *context, struct span name, struct span value);
    /* Each field of the header of any part, the root's too; in the same form. */
    void (*part_field)(void *context, struct mime_part *part, struct span name, struct span value);
    /* A line of a header that is no field, with those that continue it; in the same form. */
    void (*stray)(void *context, struct mime_part *part, struct span text);
    /* The header of a part is read and its kind known. */
    void (*begin)(void *context, struct mime_part *part);
    /* Bytes of the body of a leaf, or of the preamble of a multipart (which may turn out to be a leaf). */
    void (*body)(void *context, struct mime_part *part, struct span bytes);
    /* A part, children first; its sizes, kind and flags are final. */
    void (*end)(void *context, struct mime_part *part);
};

struct mime_parser;

/* NULL when memory has run out. The sink is borrowed, and may be NULL. */
struct mime_parser *mime_parser_new(struct arena *a, const struct mime_sink *sink) MUST_CHECK;
void mime_parser_feed(struct mime_parser *p, struct span piece);
/* Ends the message and frees the parser. 0, ERR_NOMEM, or ERR_TOO_BIG when the arena was too small. */
int mime_parser_end(struct mime_parser *p, struct mime_part **root_out) MUST_CHECK;
/* Frees it without a result; NULL is fine. */
void mime_parser_free(struct mime_parser *p);

/* A whole message at once. */
int mime_parse(struct span message, struct arena *a, struct mime_part **root_out) MUST_CHECK;

/* The next part in the order of the message, parents first, without recursion; NULL at the end. */
struct mime_part *mime_next(const struct mime_part *part);

static inline uint64_t mime_body_offset(const struct mime_part *part)
{
    return part->offset + part->header_size;
}

/* What a part is shown as: its type, except that a leaf is never a multipart or a message: that without
 * parts is text/plain, the others are application/octet-stream. */
void mime_shown_type(const struct mime_part *part, struct span *type_out, struct span *subtype_out);
bool mime_is_type(const struct mime_part *part, struct span type, struct span subtype);

/* The file name (RFC 2183 §2.3, else the "name" of Content-Type), as it was or, if it was extended, in UTF-8.
 * false: none. */
const struct mime_param *mime_file_name(const struct mime_part *part);

#endif
