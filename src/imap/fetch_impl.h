/* SPDX-License-Identifier: Apache-2.0 */
/* A FETCH that is being answered: cmd_fetch.c goes through the messages, fetch_message.c through the items of one,
 * fetch_stream.c writes what is large. Private to the room. */
#ifndef IMAP_FETCH_IMPL_H
#define IMAP_FETCH_IMPL_H

#include "imap/fetch.h"
#include "imap/internal.h"
#include "message/summary.h"

enum {
    FETCH_PIECE = 64 * 1024,      /* of a body, in one go */
    FETCH_WORK = 4 * 1024 * 1024, /* bytes looked at in one step */
};

/* What goes out in pieces before the next item. */
enum fetch_flow {
    FLOW_NONE,
    FLOW_TEXT,    /* what is in `text` */
    FLOW_RAW,     /* bytes of the message */
    FLOW_DECODED, /* bytes of a part, decoded */
};

struct fetch_stream {
    enum fetch_flow flow;
    struct buf text;
    size_t text_at;
    uint64_t at, end; /* RAW and DECODED: in the message */
    uint64_t left;    /* DECODED: bytes to be sent */
    uint64_t skip;    /* DECODED: bytes not to be sent, before those */
    bool nul;         /* NUL goes out as it is: a literal8 */
    struct transfer_decoder decoder;
};

struct fetch {
    struct fetch_request request;
    unsigned how;           /* enum imap_print */
    struct numset uids;     /* asked for */
    struct numset vanished; /* to be told first */
    uint64_t answered;      /* messages */
    uint32_t from;          /* the next UID to read; 0: none */
    struct arena *batch;    /* its items */
    struct mail_item *v;
    size_t n, at;

    /* the message that is being answered; item is NULL behind its last */
    const struct mail_item *message;
    const struct fetch_item *item;
    bool begun; /* "* n FETCH (" is written */
    struct arena *parts;
    struct message_summary summary;
    bool has_summary;
    struct blob_reader *reader; /* NULL: not open */
    uint64_t size;              /* of the blob */
    struct fetch_stream stream;

    /* summaries that were made, to be kept: in `batch` */
    struct mail_summary *made;
    size_t made_n;

    enum step (*then)(struct imap *i); /* NULL: it is a command that was given */

    uint64_t looked;  /* bytes of messages read in this step, whether they are answered or not */
    int err;          /* the first that cost a message or an item */
    bool unknown_cte; /* RFC 3516 §4.3 */
};

/* ---- fetch_message.c ---------------------------------------------------------------------- */

/* For the flight recorder: what is done from here on is about f->message. 0 or ERR_QUARANTINED. */
int fetch_message_unit(struct imap *i, const struct fetch *f) MUST_CHECK;
/* Reads what all items of the request need. An error: this message cannot be answered. */
int fetch_message_open(struct imap *i, struct fetch *f, const struct mail_item *m) MUST_CHECK;
/* The next item: written to `out`, or a stream that is to be drained first. An error: the item is left out. */
int fetch_message_item(struct imap *i, struct fetch *f) MUST_CHECK;
void fetch_message_close(struct fetch *f);
/* A summary, from the message itself; in `parts`, which is emptied first. */
int fetch_derive(struct blob_reader *reader,
                 uint64_t size,
                 struct arena *parts,
                 struct message_summary *out) MUST_CHECK;

/* ---- fetch_stream.c ----------------------------------------------------------------------- */

/* Each writes the string of an item from `label` on, or its front and leaves the rest to the stream; an error comes
 * before anything is written. */
int fetch_put_text(struct imap *i, struct fetch *f) MUST_CHECK; /* stream.text, as it is */
int fetch_put_section(struct imap *i, struct fetch *f, const struct section_range *r) MUST_CHECK;
int fetch_put_fields(struct imap *i, struct fetch *f, const struct section_range *r) MUST_CHECK;
int fetch_put_binary(struct imap *i, struct fetch *f, const struct section_range *r) MUST_CHECK;
int fetch_put_binary_size(struct imap *i,
                          struct fetch *f,
                          const struct section_range *r) MUST_CHECK;
/* Another piece. An error here: the client was promised bytes that cannot be had, and only the end of the connection
 * can tell it so. */
int fetch_stream_more(struct imap *i, struct fetch *f) MUST_CHECK;
/* NUL, which no literal can hold, becomes 0x80; in place. */
void fetch_hide_nul(struct span bytes);
void fetch_stream_init(struct fetch_stream *s);
void fetch_stream_done(struct fetch_stream *s);

/* ---- fetch_damage.c: thread-safe ------------------------------------------------------------ */

/* A literal of this message could not be sent to its end. */
void fetch_damage_add(account_id account, struct message_id message);
bool fetch_damage_has(account_id account, struct message_id message);

/* "* 3 FETCH (" before the first item, a space before others; then its name and a space. */
void fetch_label(struct imap *i, struct fetch *f, struct span label);

#endif
