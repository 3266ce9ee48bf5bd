/* SPDX-License-Identifier: Apache-2.0 */
/* Values of Content-Type, Content-Disposition and Content-Language (RFC 2045 §5.1, RFC 2183, RFC 3282)
 * and their parameters with the continuations and charsets of RFC 2231.
 *
 * Everything is taken as far as it can be understood; nothing is an error. Of what real mail gets wrong
 * these are understood: a missing ";" before the next parameter, several, or one at the end; white space
 * and comments anywhere; values that should have been quoted (they end at ";", or where "name=" comes);
 * a quote left open (it ends with the value); bytes above 0x7f; continuations out of order, or without
 * the first; "name*=" without a charset, or in quotes. An encoded-word (RFC 2047) in a value is left as it
 * is: it does not belong there, and who shows the value decodes it.
 *
 * Results are in the arena. When it is full, less is found and arena_err says so. */
#ifndef MESSAGE_PARAMS_H
#define MESSAGE_PARAMS_H

#include "base/arena.h"
#include "base/buf.h"

struct mime_param {
    struct mime_param *next;
    struct span name; /* lower case, without what RFC 2231 adds to it */
    struct span
        value; /* quotes and escapes gone; UTF-8 if `extended`, else bytes as they were, without CR and LF */
    bool extended; /* it was "name*" or "name*0*": its charset was told and has been converted */
};

/* Of Content-Type: "text" and "plain". Lower case. false: there is no type and subtype, and RFC 2045
 * §5.2 wants text/plain assumed; the outputs are then not written. */
bool mime_type_parse(struct span value,
                     struct arena *a,
                     struct span *type_out,
                     struct span *subtype_out,
                     struct mime_param **params_out);

/* The token before the parameters, lower case: of Content-Disposition. A value that begins with a
 * parameter is an attachment. false when there is nothing. */
bool mime_disposition_parse(struct span value,
                            struct arena *a,
                            struct span *token_out,
                            struct mime_param **params_out);

/* The first parameter of that name (lower case), an extended one before a plain one: RFC 6266 §4.3 says
 * so for HTTP, and mail programs send both for the same reason. NULL when there is none. */
const struct mime_param *mime_param_find(const struct mime_param *list, struct span name);

/* Language tags: a list linked by `next`; what is no tag is left out. NULL when there is none. */
struct mime_language {
    struct mime_language *next;
    struct span tag;
};
struct mime_language *mime_languages_parse(struct span value, struct arena *a);

/* Appends `; name="value"` for a header field that is being written: as a token or in quotes if it is
 * ASCII, else as RFC 2231 has it, in as many continuations as lines of 76 characters need, each on a
 * line of its own; a value that would need more than LIMIT_MIME_PARAMS / 2 has longer lines instead. `value` is UTF-8. */
void mime_param_write(struct span name, struct span value, struct buf *out);

/* `utf-8''%C3%A4`: a value as RFC 2231 §4 writes it after "name*=". */
void mime_param_escape(struct span value, struct buf *out);

#endif
