/* SPDX-License-Identifier: Apache-2.0 */
/* What a client does in a fuzzed session, beyond sending bytes: it waits for the answer before it goes on (what
 * comes after STARTTLS must not be in the same flight), it falls silent, hangs up, connects again. In the input
 * 0xff and a letter stand for that; all other bytes, and 0xff before any other byte, are sent. */
#ifndef TEST_FUZZ_SCRIPT_H
#define TEST_FUZZ_SCRIPT_H

#include "base/buf.h"

enum script_op {
    SCRIPT_END,
    SCRIPT_SEND = 's',     /* the flight ends; the answer is awaited */
    SCRIPT_TIMEOUT = 't',  /* the client is silent for too long */
    SCRIPT_EOF = 'e',      /* it ends its half of the connection */
    SCRIPT_SHUTDOWN = 'd', /* the server stops */
    SCRIPT_NEW = 'n',      /* it is gone, and there is a new one */
};

/* The bytes up to the next thing that happens (`flight` is cleared first), and that thing. */
static inline enum script_op script_next(struct span *rest, struct buf *flight)
{
    buf_clear(flight);
    while (rest->n > 0) {
        uint8_t c = 0;
        (void)span_take_byte(rest, &c);
        if (c != 0xff) {
            buf_putc(flight, (char)c);
            continue;
        }
        switch (rest->n > 0 ? rest->p[0] : '\0') {
        case SCRIPT_SEND:
        case SCRIPT_TIMEOUT:
        case SCRIPT_EOF:
        case SCRIPT_SHUTDOWN:
        case SCRIPT_NEW: (void)span_take_byte(rest, &c); return (enum script_op)c;
        default: buf_putc(flight, (char)c);
        }
    }
    return SCRIPT_END;
}

#endif
