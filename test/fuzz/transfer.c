/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes in any transfer encoding: pieces make no difference, and what is encoded is decoded again. */
#include "fuzz.h"

#include "message/transfer.h"

static void
decode(enum transfer e, bool crlf, struct span in, size_t cut, struct buf *out, uint64_t *bad)
{
    struct transfer_decoder d;
    transfer_decode_init(&d, e, crlf);
    while (in.n > 0) {
        transfer_decode(&d, span_slice(in, 0, cut), out);
        in = span_from(in, cut);
    }
    transfer_decode_end(&d, out);
    *bad = d.bad;
    must(out->err == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = span_of(data, size);
    struct buf once, pieces;
    uint64_t bad, bad_pieces;
    buf_init(&once, 16 * size + 65536);
    buf_init(&pieces, 16 * size + 65536);
    for (int e = TRANSFER_7BIT; e <= TRANSFER_UNKNOWN; e++) {
        for (int crlf = 0; crlf < 2; crlf++) {
            buf_clear(&once);
            buf_clear(&pieces);
            decode((enum transfer)e, crlf != 0, in, size + 1, &once, &bad);
            decode((enum transfer)e, crlf != 0, in, 1 + size % 7, &pieces, &bad_pieces);
            must(span_eq(buf_span(&once), buf_span(&pieces)) && bad == bad_pieces);
            must(once.n <= 2 * size + 256);
        }
    }
    for (int qp = 0; qp < 2; qp++) {
        buf_clear(&once);
        buf_clear(&pieces);
        if (qp != 0)
            transfer_encode_qp(in, false, &once);
        else
            transfer_encode_base64(in, &once);
        decode(qp != 0 ? TRANSFER_QP : TRANSFER_BASE64, false, buf_span(&once), 5, &pieces, &bad);
        must(bad == 0 && span_eq(in, buf_span(&pieces)));
    }
    buf_done(&once);
    buf_done(&pieces);
    return 0;
}
