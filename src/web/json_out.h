/* SPDX-License-Identifier: Apache-2.0 */
/* JSON, written straight into a buf (RFC 8259). A tree (jansson's) would be built only to be
 * printed, would need a check at each node and could not be streamed; here buf's sticky error says
 * it all at the end. `key` is NULL inside an array. Texts that are not UTF-8 keep their ASCII;
 * other bytes become U+FFFD, as does a NUL, which many readers refuse. */
#ifndef WEB_JSON_OUT_H
#define WEB_JSON_OUT_H

#include "base/buf.h"

struct json_out {
    struct buf *to;
    bool more; /* a value stands before: a comma is due */
};

void json_begin(struct json_out *j, const char *key, char bracket); /* '{' or '[' */
void json_end(struct json_out *j, char bracket);                    /* '}' or ']' */
void json_text(struct json_out *j, const char *key, struct span text);
void json_cstr(struct json_out *j, const char *key, const char *text);
void json_uint(struct json_out *j, const char *key, uint64_t n);
void json_int(struct json_out *j, const char *key, int64_t n);
void json_bool(struct json_out *j, const char *key, bool b);
/* RFC 3339 in UTC; 0 is written as null. */
void json_time(struct json_out *j, const char *key, int64_t wall_ms);

#endif
