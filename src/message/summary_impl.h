/* SPDX-License-Identifier: Apache-2.0 */
/* The record of message/summary.h. Private to the room.
 *
 *   version, texts of the envelope, its address lists, sent (0, or 1 and ms in UTC and minutes east),
 *   preview, parts (a byte string, so that a reader that does not need them passes over it)
 *
 *   text      0 when it is absent, else its length + 1 and its bytes
 *   list      count, then for each: ADDRESS_* bits with the kind, and those of its four parts that are there
 *   parts     count, then for each in the order of mime_next: depth, PART_* bits with kind and encoding, flags,
 *             offset from where the body of its parent begins, header size, body size, lines, type, subtype,
 *             encoding (a text), parameters, extras, and the envelope of the root of an embedded message
 *   params    count, then for each: 1 when extended, name, value */
#ifndef MESSAGE_SUMMARY_IMPL_H
#define MESSAGE_SUMMARY_IMPL_H

#include "message/summary.h"

enum { SUMMARY_VERSION = 1 };

enum { /* of an address; the two lowest bits are its kind */
       ADDRESS_KIND = 3,
       ADDRESS_BROKEN = 4,
       ADDRESS_NAME = 8,
       ADDRESS_ROUTE = 16,
       ADDRESS_LOCAL = 32,
       ADDRESS_DOMAIN = 64,
};

enum { /* of a part; the two lowest bits are its kind, the next three its encoding */
       PART_KIND = 3,
       PART_ENCODING_SHIFT = 2,
       PART_ENCODING = 7,
       PART_PARAMS = 32,
       PART_EXTRAS = 64,
};

#endif
