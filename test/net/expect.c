/* SPDX-License-Identifier: Apache-2.0 */
/* The host's checks that fail a cmocka test. In a file of their own, so that a program without
 * cmocka (a fuzz target) links without them. */
#include "host.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static _Noreturn void differs(struct host *h, const char *wanted, struct span line)
{
    struct span rest = span_slice(host_output(h), 0, 400);
    print_error("wanted \"%s\", got \"%.*s\"; then: \"%.*s\"%s\n", wanted, SPAN_ARG(line),
                SPAN_ARG(rest),
                host_closed(h)    ? " (closed)"
                : host_waiting(h) ? " (waiting)"
                                  : "");
    fail();
    abort();
}

struct span host_expect(struct host *h, const char *prefix)
{
    struct span line = SPAN_EMPTY;
    if (!host_line(h, &line) || !span_starts(line, span_str(prefix)))
        differs(h, prefix, line);
    return line;
}

struct span host_expect_reply(struct host *h, const char *code)
{
    struct span whole = SPAN_EMPTY, line = SPAN_EMPTY;
    do {
        if (!host_line(h, &line) || !span_starts(line, span_str(code)))
            differs(h, code, line);
        if (whole.p == NULL)
            whole.p = line.p;
        whole.n = (size_t)(line.p - whole.p) + line.n + 2;
        if (line.n > 3 && line.p[3] != '-' && line.p[3] != ' ')
            differs(h, code, line);
    } while (line.n > 3 && line.p[3] == '-');
    return whole;
}

struct span host_expect_dot(struct host *h)
{
    struct span whole = SPAN_EMPTY, line = SPAN_EMPTY;
    for (;;) {
        if (!host_line(h, &line))
            differs(h, ".", line);
        if (whole.p == NULL)
            whole.p = line.p;
        if (span_eq(line, SPAN(".")))
            return whole;
        whole.n = (size_t)(line.p - whole.p) + line.n + 2;
    }
}

void host_expect_silence(struct host *h)
{
    if (host_output(h).n > 0)
        differs(h, "(nothing)", SPAN_EMPTY);
}

void host_expect_closed(struct host *h)
{
    host_expect_silence(h);
    if (!host_closed(h))
        differs(h, "(closed)", SPAN_EMPTY);
}
