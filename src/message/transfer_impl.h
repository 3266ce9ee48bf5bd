/* SPDX-License-Identifier: Apache-2.0 */
/* The two decoders behind message/transfer.h. Private to the room. */
#ifndef MESSAGE_TRANSFER_IMPL_H
#define MESSAGE_TRANSFER_IMPL_H

#include "message/transfer.h"

void transfer_base64(struct transfer_decoder *d, struct span in, struct buf *out);
void transfer_base64_end(struct transfer_decoder *d, struct buf *out);
void transfer_qp(struct transfer_decoder *d, struct span in, struct buf *out);
void transfer_qp_end(struct transfer_decoder *d, struct buf *out);

#endif
