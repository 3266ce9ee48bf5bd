/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the IMAP client share. imap_reply.c cuts what comes into responses (RFC 9051 §7), imap.c logs in and
 * fetches, imap_mixed.c and imap_idle.c do what their names say.
 */
#ifndef BENCH_LOAD_IMAP_H
#define BENCH_LOAD_IMAP_H

#include "client.h"

enum imap_want {
    IMAP_WANT_GREETING,
    IMAP_WANT_STARTTLS,
    IMAP_WANT_LOGIN,
    IMAP_WANT_SELECT,
    IMAP_WANT_FETCH,
    IMAP_WANT_OPERATION, /* of the mix */
    IMAP_WANT_APPEND,    /* the "+" before the message */
    IMAP_WANT_APPENDED,
    IMAP_WANT_IDLE, /* the "+" of IDLE */
    IMAP_WANT_NEWS, /* nothing but what happens while idle */
    IMAP_WANT_WORK, /* logged in, asked for nothing yet: the appending connections of imap-idle */
    IMAP_WANT_LOGOUT
};

/* What a FETCH response held. */
enum {
    IMAP_ITEM_FLAGS = 1,
    IMAP_ITEM_SIZE = 2,
    IMAP_ITEM_DATE = 4,
    IMAP_ITEM_ENVELOPE = 8,
    IMAP_ITEM_STRUCTURE = 16,
    IMAP_ITEM_BODY = 32,
    IMAP_ITEMS_METADATA = 31,
    IMAP_ITEMS_MESSAGE = IMAP_ITEM_SIZE | IMAP_ITEM_BODY
};
#define IMAP_METADATA "(FLAGS RFC822.SIZE INTERNALDATE ENVELOPE BODYSTRUCTURE)"
#define IMAP_MESSAGE  "(RFC822.SIZE BODY.PEEK[])"

/* Cuts link.in into responses; calls `reply` at the end of each with its last line, while reply.* tells of all of it. */
enum step imap_read(struct client *c, enum step (*reply)(struct client *c, struct span line));

/* A command with a new tag, without it and CRLF; asked_us is set. */
void imap_say(struct client *c, enum imap_want want, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Queues the message an APPEND was asked to go on with; its number makes it differ. */
void imap_say_message(struct client *c, uint64_t number);

void imap_say_select(struct client *c);
void imap_say_logout(struct client *c);

/* A FETCH response for what was asked: counts it, checks its size. STEP_FAILED: it is wrong. */
enum step imap_fetched(struct client *c, unsigned items);

enum step imap_input(struct client *c);
void imap_up(struct client *c);
const char *imap_doing(const struct client *c);

/* The mix: after SELECT, at each untagged response, and at each tagged OK or continuation. */
enum step imap_mixed_begin(struct client *c);
enum step imap_mixed_untagged(struct client *c);
enum step imap_mixed_done(struct client *c);

/* The idling: at a continuation, at EXISTS, after the login and after the APPEND of the appending connection. */
void imap_idle_begun(struct client *c);
void imap_idle_exists(struct client *c);
void imap_idle_ready(struct client *c);
void imap_idle_appended(struct client *c);
/* The mailbox of a session's unit. */
unsigned long imap_idle_mailbox(const struct options *o, unsigned long unit);

#endif
