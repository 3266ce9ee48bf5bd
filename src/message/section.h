/* SPDX-License-Identifier: Apache-2.0 */
/* Sections of a message as IMAP names them (RFC 9051 §6.4.5.1): which bytes of the message they are, by its
 * structure. Nothing is copied, except for chosen header fields.
 *
 *   (nothing)   the whole message          HEADER, TEXT   its header with the empty line, its body
 *   2.1         the body of a part         2.1.HEADER     of the message in a part of type message
 *   2.1.MIME    the header of a part       HEADER.FIELDS  some fields of a header, or all others
 *
 * A message that is no multipart is its own part 1, also one inside another. Of a multipart that was closed before a
 * part came, part 1 is there and empty, because BODYSTRUCTURE cannot but show one. What is not there is not
 * an error: a client that knows a structure does not ask for it.
 *
 * Pure; nothing blocks. The time is linear in the parts that are beside those on the way. */
#ifndef MESSAGE_SECTION_H
#define MESSAGE_SECTION_H

#include "message/structure.h"

enum section_what {
    SECTION_BODY, /* of the part, or all of the message */
    SECTION_HEADER,
    SECTION_FIELDS,
    SECTION_FIELDS_NOT,
    SECTION_TEXT,
    SECTION_MIME,
};

struct section {
    enum section_what what;
    const uint32_t *path; /* part numbers, from 1 */
    size_t path_n;
    const struct span *fields; /* of FIELDS and FIELDS_NOT: names */
    size_t fields_n;
};

struct section_range {
    uint64_t offset, size;        /* of FIELDS and FIELDS_NOT: the header to choose from */
    const struct mime_part *part; /* whose body or header it is; NULL: of none */
};

/* false: the message has no such section. */
bool section_find(const struct mime_part *root, const struct section *s, struct section_range *out);

/* Appends the fields of a header that `s` names, or all others, as they stand, and an empty line. What is no field is
 * in neither. Names are compared without case. */
void section_fields(struct span header, const struct section *s, struct buf *out);

#endif
