/* SPDX-License-Identifier: Apache-2.0 */
#include "admin_call.h"

#include "trace.h"

/* Takes the pieces of a chunked body (RFC 9112 §7.1); false: it ends too early. */
static bool chunks_read(struct span in, struct buf *to)
{
    for (;;) {
        uint64_t n = 0;
        ssize_t end = span_find(in, SPAN("\r\n"));
        if (end < 0)
            return false;
        for (ssize_t i = 0; i < end; i++) {
            char d = ascii_lower(in.p[i]);
            n = n * 16 + (uint64_t)(ascii_is_digit(d) ? d - '0' : d - 'a' + 10);
        }
        in = span_from(in, (size_t)end + 2);
        if (n == 0)
            return true;
        if (in.n < n + 2)
            return false;
        buf_put(to, span_slice(in, 0, (size_t)n));
        in = span_from(in, (size_t)n + 2);
    }
}

static void answer_read(struct client *c, struct span in, struct call *out)
{
    ssize_t head_n = span_find(in, SPAN("\r\n\r\n"));
    uint32_t status;
    if (head_n < 0 || !span_skip(&in, SPAN("HTTP/1.1 ")) ||
        !span_to_u32(span_slice(in, 0, 3), &status)) {
        client_must(c, false, "the admin API's answer is not whole");
        return;
    }
    head_n -= 9;
    struct span head = span_slice(in, 0, (size_t)head_n);
    struct span body = span_from(in, (size_t)head_n + 4);
    bool whole = true;
    if (span_find(head, SPAN("Transfer-Encoding: chunked")) >= 0)
        whole = chunks_read(body, &out->body);
    else
        buf_put(&out->body, body);
    client_must(c, whole, "the admin API's answer is cut");
    if (whole)
        out->status = (int)status;
}

void admin_call(
    struct client *c, const char *method, const char *target, struct span body, struct call *out)
{
    struct buf request;
    struct span in;
    *out = (struct call){.status = 0};
    buf_init(&out->body, 64u << 20);
    buf_init(&request, 16u << 20);
    client_hang_up(c);
    c->lost = false;
    if (!client_connect(c, admin_session_new(&c->w->admin), PORT_PLAIN))
        return;
    buf_printf(&request,
               "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n",
               method, target, body.n);
    buf_put(&request, body);
    if (client_send(c, buf_span(&request), request.n, &out->passed) && client_all(c, &in))
        answer_read(c, in, out);
    buf_done(&request);
}

void call_done(struct call *call)
{
    buf_done(&call->body);
}

bool call_is(
    struct client *c, const struct call *call, int status, const struct life *l, const char *what)
{
    if (call->status == status)
        return true;
    if (call->status == 0 || (l != NULL && l->purged != NO && call->status == 404))
        return false;
    /* the janitor has begun to purge what was to be restored */
    if (l != NULL && l->purged != NO && l->removed == MAYBE && call->status == 400)
        return false;
    /* what failed because of the disk says so: 5xx is worth trying again, 4xx is not */
    if (call->status < 500)
        wrong("%s: %s is answered %d: %.*s", c->name, what, call->status,
              SPAN_ARG(span_trim(buf_span(&call->body))));
    client_must(c, false, "%s is answered %d", what, call->status);
    return false;
}
