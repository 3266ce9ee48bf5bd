/* SPDX-License-Identifier: Apache-2.0 */
/* Content-Transfer-Encoding (RFC 2045 §6): decoders that take a body in pieces, and encoders.
 *
 * Decoding never fails. What a body must not contain is passed over or kept as it is, and counted in
 * `bad`:
 *   base64            characters outside the alphabet are passed over (line ends and white space are not
 *                     even bad). A "=" ends the data (§6.8); behind it only whole lines of base64 are
 *                     taken, so that data padded line by line is all there and a footer that a mailing
 *                     list appended is not decoded. Bits of an unfinished group are dropped.
 *   quoted-printable  white space at the end of a line is dropped (§6.7 rule 3), "=" at the end of a line
 *                     joins it with the next, lower case digits are taken, and a "=" that introduces
 *                     neither stays as it stands.
 *   the others        nothing is changed. An unknown encoding is one of them; TRANSFER_UNKNOWN says so.
 * With `crlf` every line end of the body becomes CRLF (what BINARY of RFC 3516 sends for text); base64
 * and =0A are content, not line ends, and stay.
 *
 * The same body in other pieces gives the same bytes. */
#ifndef MESSAGE_TRANSFER_H
#define MESSAGE_TRANSFER_H

#include "base/buf.h"

enum transfer {
    TRANSFER_7BIT,
    TRANSFER_8BIT,
    TRANSFER_BINARY,
    TRANSFER_QP,
    TRANSFER_BASE64,
    TRANSFER_UNKNOWN,
};

/* A field's value: its first token, without case. The empty span is 7bit. */
enum transfer transfer_of(struct span value);
/* "7bit" …; of TRANSFER_UNKNOWN the empty string. */
const char *transfer_name(enum transfer t);

struct transfer_decoder {
    enum transfer encoding;
    bool crlf;
    uint64_t bad;
    /* private */
    uint32_t bits;  /* base64: of the group begun */
    uint8_t n_bits; /* how many characters of it */
    uint8_t state;
    bool after_cr; /* others: the last byte was one */
    uint8_t hold_n;
    char hold
        [128]; /* quoted-printable: white space that may end the line; base64: a line behind "=" */
};

void transfer_decode_init(struct transfer_decoder *d, enum transfer encoding, bool crlf);
/* Appends what a piece decodes to, never more than twice its size and what was held back before. */
void transfer_decode(struct transfer_decoder *d, struct span in, struct buf *out);
void transfer_decode_end(struct transfer_decoder *d, struct buf *out);

/* Lines of 76 characters with CRLF, also behind the last. */
void transfer_encode_base64(struct span in, struct buf *out);
/* Lines of at most 76 characters with CRLF. `text`: LF and CRLF in `in` are line ends; otherwise they are
 * encoded. */
void transfer_encode_qp(struct span in, bool text, struct buf *out);

#endif
