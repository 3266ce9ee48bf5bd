/* SPDX-License-Identifier: Apache-2.0 */
/* Address lists of header fields (RFC 5322 §3.4, the obsolete forms of §4.4, UTF-8 of RFC 6532), read as
 * people write them: nothing is an error, and what has an address in it gives one.
 *
 *   John <a@b>           name, address           a@b (John)        the comment is the name
 *   c@d <a@b>            "c@d" is the name        <@r1,@r2:a@b>     route "@r1,@r2"
 *   Team: a@b, c@d;      GROUP, two, GROUP_END    a@b; c@d          ";" separates, too
 *   <a@b> <c@d>, a@b c@d two addresses            <a@b              the bracket is left open
 *   root                 local alone              John Doe          name alone
 *   "John <a@b>          a quote, comment or bracket that is left open stands for itself
 *
 * Names have lost their quotes and escapes; encoded-words (RFC 2047) in them stand as they were, even in
 * quotes, and with commas in them. No part of an entry holds a CR or an LF.
 *
 * Time and memory are linear in the value, whatever opens in it and never closes. Nothing blocks. */
#ifndef MESSAGE_ADDRESS_H
#define MESSAGE_ADDRESS_H

#include "base/arena.h"
#include "base/buf.h"

enum address_kind { ADDRESS_MAILBOX, ADDRESS_GROUP, ADDRESS_GROUP_END };

struct mail_address {
    struct mail_address *next;
    enum address_kind kind;
    bool broken;        /* not what RFC 5322 allows: a part is missing, or there is too much */
    struct span name;   /* p is NULL when there is none; of a GROUP its name */
    struct span route;  /* p is NULL when there is none */
    struct span local;  /* without quotes; p is NULL when it is missing */
    struct span domain; /* p is NULL when it is missing; a literal with its brackets */
};

/* The list, in the arena; NULL when there is nothing. A GROUP always has its GROUP_END. At most `most`
 * entries are returned; *cut_out (if not NULL) tells whether there were more, or no memory to look.
 * When the arena is full the list ends and arena_err says so. */
struct mail_address *
address_list_parse(struct span value, struct arena *a, size_t most, bool *cut_out);

/* local@domain as it may be written in a header field or an SMTP command: the local part in quotes if it
 * needs them. What is missing is left out. */
void address_write(const struct mail_address *m, struct buf *out);

#endif
