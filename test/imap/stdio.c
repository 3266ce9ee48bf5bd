/* SPDX-License-Identifier: Apache-2.0 */
/* An IMAP session of an empty account on standard input and output, logged in, for beside.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <unistd.h>

#include "world.h"

static void put(struct span bytes)
{
    while (bytes.n > 0) {
        ssize_t n = write(STDOUT_FILENO, bytes.p, bytes.n);
        must(n > 0);
        bytes = span_from(bytes, (size_t)n);
    }
}

int main(void)
{
    static char bytes[1 << 20];
    struct world w;
    ssize_t n;
    world_open(&w);
    struct host *h = world_login(&w);
    put(SPAN("* PREAUTH\r\n"));
    while (!host_closed(h) && (n = read(STDIN_FILENO, bytes, sizeof bytes)) > 0) {
        host_send(h, span_of(bytes, (size_t)n));
        put(host_output(h));
        host_output_clear(h);
    }
    host_free(h);
    world_close(&w);
    return 0;
}
