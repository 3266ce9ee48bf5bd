/* SPDX-License-Identifier: Apache-2.0 */
/* An APPEND or REPLACE that is being collected: cmd_append.c reads its lines and says where literals belong,
 * append_message.c makes messages of them. Private to the room.
 *
 * After a refusal nothing is taken in any more, and the functions here do nothing; the first reason is answered. */
#ifndef IMAP_APPEND_H
#define IMAP_APPEND_H

#include "imap/internal.h"

/* What is to be closed by a parenthesis behind the literal. */
enum append_open {
    APPEND_CLOSED,
    APPEND_UTF8,  /* UTF8 (~{n} */
    APPEND_PARTS, /* CATENATE (… TEXT {n} */
};

struct imap_append {
    struct arena *arena;
    account_id account; /* whose the mailbox is */
    struct mailbox_id mailbox;
    uint32_t rights; /* enum mail_right: the user's in it */
    uint32_t uidvalidity;
    struct class_of_service class;
    struct mail_uid replaces; /* REPLACE; 0: none */

    /* the message that is being collected: v[n] */
    struct spool *spool; /* NULL: it has no octets yet */
    uint64_t size;       /* with the literal that is to come */
    bool binary;         /* a literal8 is among them */
    size_t urls;         /* in this command */
    uint64_t searched;   /* bytes that were read to find what they name */
    enum append_open open;

    /* why it is refused; 0: it is not */
    int err;
    const char *code, *text;
    struct mail_append *v; /* malloc'd; n are whole */
    size_t n, room;
};

/* With the code and the text of `err` where they are NULL; those given outlive the command, or are in the arena. */
void append_refuse(struct imap_append *a, int err, const char *code, const char *text);

/* [flags] [date], which are taken from *arg. */
int append_message_begin(struct imap *i,
                         struct imap_append *a,
                         const struct imap_arg **arg) MUST_CHECK;
/* So many octets are to come. */
void append_message_expect(struct imap *i, struct imap_append *a, uint64_t size);
void append_message_octets(struct imap_append *a, struct span octets);
/* What a URL of CATENATE names (RFC 4469 §3). */
void append_message_url(struct imap *i, struct imap_append *a, struct span url);
void append_message_end(struct imap *i, struct imap_append *a);

#endif
