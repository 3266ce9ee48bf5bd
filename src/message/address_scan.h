/* SPDX-License-Identifier: Apache-2.0 */
/* One address after the other from a header value. Private to the room: message/address.h makes lists of
 * it. */
#ifndef MESSAGE_ADDRESS_SCAN_H
#define MESSAGE_ADDRESS_SCAN_H

#include "message/address.h"

/* Bytes of an address as they are put together; never more than the value has. */
struct address_text {
    char *p;
    size_t n;
};

struct address_scan {
    struct span rest;
    struct address_text text, local, domain, comment;
    char *memory;
    char small[1024];
    bool in_group, group_ends;
    bool open_quote, open_comment,
        open_bracket; /* one was left open: all further ones stand for themselves */
};

/* false when memory has run out. */
bool address_scan_init(struct address_scan *s, struct span value) MUST_CHECK;
void address_scan_done(struct address_scan *s);

/* The next entry; its spans are valid until the next call. false at the end. */
bool address_scan_next(struct address_scan *s, struct mail_address *out);

#endif
