/* SPDX-License-Identifier: Apache-2.0 */
/* The names of the encodings, and the decoder of those that encode nothing. */
#include "message/cfws.h"
#include "message/transfer_impl.h"

static const char *const names[] = {"7bit", "8bit", "binary", "quoted-printable", "base64"};

enum transfer transfer_of(struct span value)
{
    skip_cfws(&value);
    size_t n = 0;
    while (n < value.n && value.p[n] > 32 && value.p[n] != 127 && value.p[n] != '(' &&
           value.p[n] != ';' && value.p[n] != '"' && value.p[n] != ',')
        n++;
    struct span token = span_slice(value, 0, n);
    if (value.n == 0)
        return TRANSFER_7BIT;
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (span_ieq(token, span_str(names[i])))
            return (enum transfer)i;
    return TRANSFER_UNKNOWN;
}

const char *transfer_name(enum transfer t)
{
    return t < TRANSFER_UNKNOWN ? names[t] : "";
}

void transfer_decode_init(struct transfer_decoder *d, enum transfer encoding, bool crlf)
{
    *d = (struct transfer_decoder){.encoding = encoding, .crlf = crlf};
}

static void transfer_lines(struct transfer_decoder *d, struct span in, struct buf *out)
{
    while (in.n > 0) {
        ssize_t lf = span_chr(in, '\n');
        size_t n = lf < 0 ? in.n : (size_t)lf;
        buf_put(out, span_slice(in, 0, n));
        if (n > 0)
            d->after_cr = in.p[n - 1] == '\r';
        if (lf >= 0) {
            buf_put(out, d->after_cr ? SPAN("\n") : SPAN("\r\n"));
            d->after_cr = false;
        }
        in = span_from(in, n + (lf >= 0));
    }
}

void transfer_decode(struct transfer_decoder *d, struct span in, struct buf *out)
{
    if (d->encoding == TRANSFER_BASE64)
        transfer_base64(d, in, out);
    else if (d->encoding == TRANSFER_QP)
        transfer_qp(d, in, out);
    else if (d->crlf)
        transfer_lines(d, in, out);
    else
        buf_put(out, in);
}

void transfer_decode_end(struct transfer_decoder *d, struct buf *out)
{
    if (d->encoding == TRANSFER_BASE64)
        transfer_base64_end(d, out);
    else if (d->encoding == TRANSFER_QP)
        transfer_qp_end(d, out);
}
