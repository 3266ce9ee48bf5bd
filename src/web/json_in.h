/* SPDX-License-Identifier: Apache-2.0 */
/* JSON bodies of requests against a table of the members they may have. Strict: a member nobody
 * knows, one of the wrong type, or a required one that is missing is answered with a sentence that
 * names it, because a misspelt "quota_byte" that is silently ignored is an account without a quota.
 */
#ifndef WEB_JSON_IN_H
#define WEB_JSON_IN_H

#include "http/request.h"

#include <jansson.h>

enum json_kind { JSON_IN_TEXT, JSON_IN_UINT, JSON_IN_BOOL, JSON_IN_TEXTS };

struct json_texts {
    struct span *v;
    size_t n;
};

struct json_member {
    const char *name;
    enum json_kind kind;
    void *to;    /* struct span, uint64_t, bool, struct json_texts; untouched when not given */
    bool *given; /* may be NULL */
    bool required;
};

/* The body as one object. Texts are copied into r->arena. 0; HTTP_ANSWERED when the answer is set.
 */
int json_read(struct http_request *r, const struct json_member *members, size_t n) MUST_CHECK;

/* The parts, for bodies that are more than one object. `why` gets the sentence. 0 or ERR_INVALID,
 * ERR_NOMEM. */
int json_parse(struct span text, struct buf *why, json_t **out) MUST_CHECK; /* json_decref it */
int json_take(json_t *object,
              const struct json_member *members,
              size_t n,
              struct arena *a,
              struct buf *why) MUST_CHECK;

#endif
