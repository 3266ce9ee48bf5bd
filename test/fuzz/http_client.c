/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as the answers of a server to the command line: taken or refused, and the same however they arrive.
 * The client reads from a true socket; recv is given as few bytes at a time as this target wants. The first
 * byte chooses the call. */
#include "fuzz.h"

#include "base/err.h"
#include "http/client.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

ssize_t __real_recv(int fd, void *to, size_t n, int flags);
ssize_t __wrap_recv(int fd, void *to, size_t n, int flags);

static size_t recv_most = SIZE_MAX;

ssize_t __wrap_recv(int fd, void *to, size_t n, int flags)
{
    return __real_recv(fd, to, n < recv_most ? n : recv_most, flags);
}

static char path[64];
static int listener = -1;

static void remove_socket(void)
{
    (void)unlink(path);
}

static void listen_once(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (listener >= 0)
        return;
    (void)snprintf(path, sizeof path, "/tmp/mailstead-fuzz-%d", (int)getpid());
    must(span_to_cstr(span_str(path), address.sun_path, sizeof address.sun_path));
    remove_socket();
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(listener >= 0);
    must(bind(listener, (struct sockaddr *)&address, sizeof address) == 0);
    must(listen(listener, 1) == 0 && atexit(remove_socket) == 0);
}

static int collect(void *arg, struct span piece)
{
    struct buf *b = arg;
    buf_put(b, piece);
    return b->err;
}

static int no_more(void *arg, struct buf *piece)
{
    (void)arg;
    buf_puts(piece, "x");
    return 0;
}

struct outcome {
    int err[2], status[2];
    struct buf body[2], pieces;
};

/* Two calls on one connection. A server of ours never answers before it is asked, so what stands behind the first
 * answer may be lost with it, and only that answer is compared. */
static void talk(uint8_t how, struct span answer, size_t most, struct outcome *o)
{
    struct http_client *c;
    struct http_call call = {.method = "GET", .target = SPAN("/v1/status"), .arg = &o->pieces};
    if ((how & 1) != 0)
        call.on_piece = collect;
    if ((how & 2) != 0) {
        call.method = "POST";
        call.type = "application/json";
        call.body = SPAN("{}");
    }
    if ((how & 4) != 0)
        call.more = no_more;
    must(http_client_open(path, &c) == 0);
    int peer = accept(listener, NULL, NULL);
    must(peer >= 0);
    must(send(peer, answer.p, answer.n, MSG_NOSIGNAL) == (ssize_t)answer.n);
    must(shutdown(peer, SHUT_WR) == 0);
    recv_most = most;
    buf_init(&o->pieces, 1 << 20);
    for (int i = 0; i < 2; i++) {
        struct http_answer a;
        o->err[i] = i > 0 && o->err[0] != 0 ? o->err[0] : http_client_call(c, &call, &a);
        if (i > 0 && o->err[0] != 0)
            a = (struct http_answer){0};
        o->status[i] = a.status;
        o->body[i] = a.body;
    }
    http_client_close(c);
    close(peer);
}

static void outcome_done(struct outcome *o)
{
    buf_done(&o->body[0]);
    buf_done(&o->body[1]);
    buf_done(&o->pieces);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct outcome whole = {.status = {0}}, cut = {.status = {0}};
    if (size == 0 || size > 60000) /* more than a socket holds would wait for ever */
        return 0;
    listen_once();
    struct span answer = span_of(data + 1, size - 1);
    talk(data[0], answer, SIZE_MAX, &whole);
    int err = whole.err[0];
    must(err == 0 || err == ERR_CLOSED || err == ERR_INVALID || err == ERR_TOO_BIG);
    if (err == 0)
        must(whole.status[0] >= 200 && whole.status[0] <= 999);
    talk(data[0], answer, 1 + data[0] / 8 % 4, &cut);
    must(whole.err[0] == cut.err[0] && whole.status[0] == cut.status[0]);
    must(err != 0 || span_eq(buf_span(&whole.body[0]), buf_span(&cut.body[0])));
    outcome_done(&whole);
    outcome_done(&cut);
    return 0;
}
