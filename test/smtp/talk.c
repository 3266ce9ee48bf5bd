/* SPDX-License-Identifier: Apache-2.0 */
/* See talk.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/encode.h"
#include "talk.h"

enum host_cut talk_cut;

int talk_setup(void **state)
{
    (void)state;
    return 0;
}

int talk_teardown(void **state)
{
    (void)state;
    return 0;
}

int talk_begin(void **state)
{
    *state = world_new();
    return 0;
}

int talk_end(void **state)
{
    world_free(*state);
    return 0;
}

struct span talk_reply(struct world *w, const char *prefix)
{
    struct span whole = SPAN_EMPTY, line;
    do {
        if (!host_line(w->host, &line))
            fail_msg("wanted \"%s\", got nothing%s", prefix,
                     host_closed(w->host) ? " (closed)" : "");
        if (whole.p == NULL)
            whole.p = line.p;
        whole.n = (size_t)(line.p - whole.p) + line.n + 2;
        if (line.n + 2 > 512) /* RFC 5321 §4.5.3.1.5 */
            fail_msg("reply line of %zu bytes", line.n);
    } while (line.n > 3 && line.p[3] == '-');
    if (!span_starts(line, span_str(prefix)))
        fail_msg("wanted \"%s\", got \"%.*s\"", prefix, SPAN_ARG(line));
    return whole;
}

void talk_raw(struct world *w, struct span bytes, const char *reply)
{
    host_send(w->host, bytes);
    (void)talk_reply(w, reply);
}

void talk(struct world *w, ...)
{
    va_list args;
    const char *line;
    va_start(args, w);
    while ((line = va_arg(args, const char *)) != NULL) {
        struct buf b;
        buf_init(&b, 1 << 20);
        buf_puts(&b, line);
        buf_puts(&b, "\r\n");
        talk_raw(w, buf_span(&b), va_arg(args, const char *));
        buf_done(&b);
    }
    va_end(args);
    host_expect_silence(w->host);
}

void talk_hello(struct world *w, enum world_port port)
{
    world_connect(w, port, talk_cut);
    host_expect(w->host, "220 mx.example.test ESMTP");
    talk(w, "EHLO client.far.test", "250 HELP", NULL);
}

void talk_login(struct world *w, const char *user)
{
    struct buf plain, line;
    buf_init(&plain, 500);
    buf_init(&line, 1000);
    buf_putc(&plain, '\0');
    buf_puts(&plain, user);
    buf_putc(&plain, '\0');
    buf_puts(&plain, "secret");
    buf_puts(&line, "AUTH PLAIN ");
    base64_encode(&line, buf_span(&plain));
    buf_putc(&line, '\0');
    talk_hello(w, PORT_SUBMISSIONS);
    talk(w, line.p, "235 2.7.0", NULL);
    buf_done(&plain);
    buf_done(&line);
}

void talk_data(struct world *w)
{
    talk_hello(w, PORT_MX);
    talk(w, "MAIL FROM:<a@far.test>", "250 2.1.0", "RCPT TO:<alice@example.test>", "250 2.1.5",
         "DATA", "354 ", NULL);
}
