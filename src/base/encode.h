/* SPDX-License-Identifier: Apache-2.0 */
/* Small encodings that several rooms need. Strict decoders: anything else is ERR_INVALID. */
#ifndef BASE_ENCODE_H
#define BASE_ENCODE_H

#include "base/buf.h"

/* RFC 4648 §4, with padding, no line breaks. Decoding refuses other characters and wrong padding. */
void base64_encode(struct buf *out, struct span in);
int base64_decode(struct buf *out, struct span in) MUST_CHECK;

void hex_encode(struct buf *out, struct span in); /* lower case */
int hex_decode(struct buf *out, struct span in) MUST_CHECK;

/* RFC 3461 §4 xtext: printable ASCII except "+" and "=", which are +HH. */
void xtext_encode(struct buf *out, struct span in);
int xtext_decode(struct buf *out, struct span in) MUST_CHECK;

/* RFC 3339 in UTC with milliseconds, "2026-11-22T10:00:00.123Z". Times outside the years 1000 to 9999
 * are cut to them. The second form allocates nothing; the span is into `store`. */
void time_rfc3339(struct buf *out, int64_t wall_ms);
enum { TIME_RFC3339_SIZE = 32 };
struct span time_rfc3339_text(int64_t wall_ms, char store[static TIME_RFC3339_SIZE]);

#endif
