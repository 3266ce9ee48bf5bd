/* SPDX-License-Identifier: Apache-2.0 */
/* The header section is read in pieces that double, until its empty line is there. */
#include "mailbox/envelope.h"

#include "base/err.h"
#include "message/message.h"

enum { HEADER_FIRST = 8 * 1024 }; /* most header sections are shorter */

/* Ends the header section in what was read so far? */
static bool has_end(struct span s)
{
    size_t n = header_size(s);
    return n < s.n || (n > 0 && (span_ends(s, SPAN("\n\n")) || span_ends(s, SPAN("\n\r\n"))));
}

int mailbox_header(struct mail *m, account_id id, struct message_id msg, struct buf *out)
{
    struct blob_reader *reader;
    struct blob_info info;
    buf_clear(out);
    int err = mailbox_message_open(m, id, msg, &reader, &info);
    if (err != 0)
        return err;
    size_t want = HEADER_FIRST;
    uint64_t most = info.size < LIMIT_SEARCH_HEADER ? info.size : LIMIT_SEARCH_HEADER;
    while (err == 0 && out->n < most && !has_end(buf_span(out))) {
        size_t before = out->n, left = (size_t)most - out->n;
        err = store_blob_read(reader, out->n, want < left ? want : left, out);
        if (err == 0 && out->n == before)
            err = ERR_CORRUPT;
        want *= 2;
    }
    store_blob_close(reader);
    if (err == 0)
        buf_truncate(out, header_size(buf_span(out)));
    return err;
}

/* The MIME parser reads it as a message without a body, so that its limits hold and what it takes from a field is
 * what a summary would say. */
static int envelope_of(struct span header, struct arena *a, struct message_summary *out)
{
    struct mime_part *root;
    int east_min = 0;
    int err = mime_parse(header, a, &root);
    if (err != 0)
        return err;
    *out = (struct message_summary){.envelope = root->envelope};
    out->sent = date_parse_zone(root->envelope->date, &out->sent_ms, &east_min) == 0;
    out->sent_local_ms = out->sent ? out->sent_ms + (int64_t)east_min * 60000 : 0;
    return 0;
}

int mailbox_envelope(struct mail *m,
                     account_id id,
                     const struct mail_item *item,
                     struct arena *a,
                     struct buf *header,
                     struct message_summary *out)
{
    if (item->summary.n > 0 && summary_unpack(item->summary, a, out) == 0)
        return 0;
    int err = mailbox_header(m, id, item->message, header);
    return err != 0 ? err : envelope_of(buf_span(header), a, out);
}
