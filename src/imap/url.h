/* SPDX-License-Identifier: Apache-2.0 */
/* IMAP URLs of one message or a part of it (RFC 5092 `imessagepart`; RFC 4467 §9), as CATENATE and URLAUTH have them:
 *
 *   imap://joe@example.com/INBOX;UIDVALIDITY=1/;UID=20/;SECTION=1.2/;PARTIAL=0.100;EXPIRE=…;URLAUTH=user+joe:INTERNAL:…
 *   /INBOX/;UID=20      ;UID=20/;SECTION=HEADER        relative ones
 *
 * Names of parameters are compared without case. URLs of servers, lists, whole mailboxes and searches are none of these.
 * Spans are into the text, or into the arena where something was escaped. Pure.
 *
 * Limits: LIMIT_IMAP_URL bytes. */
#ifndef IMAP_URL_H
#define IMAP_URL_H

#include "base/arena.h"

struct imap_url {
    bool absolute;        /* "imap://"; otherwise user and server are empty */
    struct span user;     /* decoded; empty: none given */
    struct span server;   /* host[:port], as written */
    bool rooted;          /* its path begins with a slash */
    struct span mailbox;  /* decoded, UTF-8; empty: that of the context */
    uint32_t uidvalidity; /* 0: none given */
    uint32_t uid;         /* never 0 */
    struct span
        section; /* decoded, what stands between the brackets of BODY[…]; empty: the whole message */
    bool partial; /* `count` bytes (0: all) from `from` on */
    uint64_t from, count;

    /* RFC 4467 §3 */
    bool expires;
    int64_t expire_ms; /* the last moment at which it is valid */
    struct span
        access; /* "anonymous", "authuser", "user+joe", "submit+joe", decoded; empty: no URLAUTH */
    struct span mechanism, token; /* as written; empty: a rump */
    struct span rump;             /* the URL without ":mechanism:token" */
};

/* ERR_INVALID, or what the arena says. */
int imap_url_parse(struct span text, struct arena *a, struct imap_url *out) MUST_CHECK;

#endif
