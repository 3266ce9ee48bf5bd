/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens of an address list. Private to the room. */
#ifndef MESSAGE_ADDRESS_TOKEN_H
#define MESSAGE_ADDRESS_TOKEN_H

#include "message/address_scan.h"

enum address_token_kind { T_END, T_WORD, T_QUOTED, T_LITERAL, T_COMMENT, T_SPECIAL };

struct address_token {
    enum address_token_kind kind;
    struct span
        text; /* of a quoted string or comment: what is inside, escapes and folding and all */
    struct span start; /* the rest of the list, from this token on */
    char special;
    bool space; /* white space or a comment stood before it */
};

/* Takes a token from s->rest. */
void address_token_next(struct address_scan *s, struct address_token *t);

#endif
