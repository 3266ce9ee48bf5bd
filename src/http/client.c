/* SPDX-License-Identifier: Apache-2.0 */
/* Requests are written, then the answer is read with llhttp. A server that refuses a large body
 * answers and closes before it has read it all: so a broken pipe while writing is no error yet, the
 * answer is looked for first. */
#include "http/client.h"

#include "base/err.h"

#include <errno.h>
#include <llhttp/llhttp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { ANSWER_MAX = 64 * 1024 * 1024, PIECE = 128 * 1024 };

struct http_client {
    int fd;
    llhttp_t parser;
    const struct http_call *call;
    struct http_answer *answer;
    bool done;
    int err;
};

static int on_body(llhttp_t *parser, const char *at, size_t n)
{
    struct http_client *c = parser->data;
    struct span piece = span_of(at, n);
    if (c->call->on_piece != NULL && parser->status_code == 200) {
        c->err = c->call->on_piece(c->call->arg, piece);
    } else {
        buf_put(&c->answer->body, piece);
        c->err = c->answer->body.err;
    }
    return c->err != 0 ? -1 : 0;
}

static int on_message(llhttp_t *parser)
{
    struct http_client *c = parser->data;
    if (parser->status_code >= 200) { /* 1xx: the answer is still to come */
        c->done = true;
        c->answer->status = parser->status_code;
    }
    return c->done ? HPE_PAUSED : 0;
}

static const llhttp_settings_t settings = {.on_body = on_body, .on_message_complete = on_message};

int http_client_open(const char *socket_path, struct http_client **out)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!span_to_cstr(span_str(socket_path), address.sun_path, sizeof address.sun_path))
        return ERR_TOO_BIG;
    struct http_client *c = calloc(1, sizeof *c);
    if (c == NULL)
        return ERR_NOMEM;
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd >= 0 && connect(c->fd, (struct sockaddr *)&address, sizeof address) == 0) {
        *out = c;
        return 0;
    }
    int err = errno == ECONNREFUSED ? ERR_UNAVAILABLE : err_from_errno(errno);
    http_client_close(c);
    return err;
}

void http_client_close(struct http_client *c)
{
    if (c == NULL)
        return;
    if (c->fd >= 0)
        close(c->fd);
    free(c);
}

static int write_all(struct http_client *c, struct span bytes)
{
    while (bytes.n > 0) {
        ssize_t n = send(c->fd, bytes.p, bytes.n, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EPIPE || errno == ECONNRESET ? ERR_CLOSED : ERR_IO;
        bytes = span_from(bytes, (size_t)n);
    }
    return 0;
}

static int write_chunks(struct http_client *c, const struct http_call *call)
{
    struct buf piece;
    buf_init(&piece, 2 * PIECE);
    int more = 1, err = 0;
    while (more > 0 && err == 0) {
        buf_clear(&piece);
        more = call->more(call->arg, &piece);
        if (more < 0 || piece.err != 0) {
            err = more < 0 ? more : piece.err;
            break;
        }
        char size[32];
        int n = snprintf(size, sizeof size, "%zx\r\n", piece.n);
        if (piece.n > 0)
            err = write_all(c, span_of(size, (size_t)n));
        if (piece.n > 0 && err == 0) {
            buf_puts(&piece, "\r\n");
            err = write_all(c, buf_span(&piece));
        }
    }
    if (err == 0)
        err = write_all(c, SPAN("0\r\n\r\n"));
    buf_done(&piece);
    return err;
}

static int write_request(struct http_client *c, const struct http_call *call)
{
    struct buf head;
    buf_init(&head, 64 * 1024);
    buf_printf(&head, "%s %.*s HTTP/1.1\r\nHost: mailstead\r\n", call->method,
               SPAN_ARG(call->target));
    if (call->type != NULL)
        buf_printf(&head, "Content-Type: %s\r\n", call->type);
    if (call->more != NULL)
        buf_puts(&head, "Transfer-Encoding: chunked\r\n\r\n");
    else if (call->type != NULL)
        buf_printf(&head, "Content-Length: %zu\r\n\r\n", call->body.n);
    else
        buf_puts(&head, "\r\n");
    int err = head.err != 0 ? head.err : write_all(c, buf_span(&head));
    buf_done(&head);
    if (err == 0)
        err = call->more != NULL ? write_chunks(c, call) : write_all(c, call->body);
    return err;
}

static int read_answer(struct http_client *c)
{
    char *bytes = malloc(PIECE);
    if (bytes == NULL)
        return ERR_NOMEM;
    int err = 0;
    while (err == 0 && !c->done) {
        ssize_t n = recv(c->fd, bytes, PIECE, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            if (n == 0)
                (void)llhttp_finish(&c->parser); /* an answer without a length ends here */
            err = c->done ? 0 : ERR_CLOSED;
            break;
        }
        llhttp_errno_t got = llhttp_execute(&c->parser, bytes, (size_t)n);
        if (c->err != 0)
            err = c->err;
        else if (got != HPE_OK && !c->done)
            err = ERR_INVALID;
    }
    free(bytes);
    return err;
}

int http_client_call(struct http_client *c, const struct http_call *call, struct http_answer *out)
{
    *out = (struct http_answer){0};
    buf_init(&out->body, ANSWER_MAX);
    llhttp_init(&c->parser, HTTP_RESPONSE, &settings);
    c->parser.data = c;
    c->call = call;
    c->answer = out;
    c->done = false;
    c->err = 0;
    int err = write_request(c, call);
    if (err == 0 || err == ERR_CLOSED)
        err = read_answer(c);
    return err;
}
