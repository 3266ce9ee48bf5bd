/* SPDX-License-Identifier: Apache-2.0 */
/* The epoll loop. A client without a unit takes one and connects; it keeps the connection as long as the protocol
 * wants, and connects anew while there are units. */
#include "client.h"

#include <errno.h>
#include <stdarg.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

enum { EVENTS = 256, COMMAND_MAX = 2048 };

bool client_take(struct client *c)
{
    struct run *r = c->run;
    if (r->taken == r->o->count || r->errors >= r->o->errors)
        return false;
    c->unit = r->taken++;
    c->busy = true;
    c->began_us = now_us();
    return true;
}

void client_unit_done(struct client *c, size_t octets)
{
    struct run *r = c->run;
    stats_add(&r->units, c->began_us, octets);
    c->busy = false;
    r->finished++;
    r->ended_us = r->progress_us = now_us();
}

struct span client_line(struct client *c)
{
    struct span in = buf_span(&c->link.in);
    ssize_t end = span_chr(in, '\n');
    if (end < 0)
        return SPAN_EMPTY;
    in.n = (size_t)end;
    if (in.n > 0 && in.p[in.n - 1] == '\r')
        in.n--;
    return in;
}

void client_line_used(struct client *c, struct span line)
{
    buf_consume(&c->link.in, line.n + (line.p[line.n] == '\r' ? 2 : 1));
}

enum step client_failed(struct client *c, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(c->link.why, sizeof(c->link.why), fmt, args);
    va_end(args);
    return STEP_FAILED;
}

void client_say(struct client *c, const char *fmt, ...)
{
    char line[COMMAND_MAX];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(line, sizeof(line) - 2, fmt, args);
    va_end(args);
    must(n > 0 && (size_t)n < sizeof(line) - 2);
    memcpy(line + n, "\r\n", 2);
    link_put(&c->link, span_of(line, (size_t)n + 2));
}

static void note_error(struct run *r, const char *doing, const char *why)
{
    char text[256];
    (void)snprintf(text, sizeof(text), "%s: %s", doing, why);
    r->errors++;
    r->progress_us = now_us();
    for (int i = 0; i < ERROR_TEXTS; i++) {
        if (strcmp(r->error_text[i], text) == 0)
            return;
        if (r->error_text[i][0] == '\0') {
            memcpy(r->error_text[i], text, sizeof(text));
            (void)fprintf(stderr, "load: %s\n", text);
            return;
        }
    }
}

static void give_up(struct client *c)
{
    bool connecting = c->link.state == LINK_CONNECTING || c->link.state == LINK_CLOSED;
    note_error(c->run, connecting ? "connecting" : c->run->protocol->doing(c), c->link.why);
    link_close(&c->link);
    if (c->busy) {
        c->busy = false;
        c->run->failed++;
    }
}

int client_connect(struct client *c)
{
    struct run *r = c->run;
    if (link_open(&c->link, &r->o->to, r->o->tls == TLS_IMPLICIT) < 0)
        return -1;
    r->connections++;
    return 0;
}

void client_start(struct client *c)
{
    while (client_take(c)) {
        if (client_connect(c) == 0)
            return;
        give_up(c);
    }
}

static void ended(struct client *c, enum step step)
{
    if (step == STEP_FAILED)
        give_up(c);
    else
        link_close(&c->link);
    client_start(c);
}

static void up(struct client *c)
{
    if (c->link.ssl != NULL) {
        c->run->handshakes++;
        c->run->resumed += c->link.resumed;
    }
    c->run->protocol->up(c);
}

static enum step ready(struct client *c)
{
    for (;;) {
        enum link_io io = link_io(&c->link);
        enum step step = STEP_WAIT;
        switch (io) {
        case LINK_IO_OK: return STEP_WAIT;
        case LINK_IO_FAILED: return STEP_FAILED;
        case LINK_IO_END: return client_failed(c, "the server closed the connection");
        case LINK_IO_UP: up(c); break;
        case LINK_IO_MORE: step = c->run->protocol->input(c); break;
        }
        if (step != STEP_WAIT)
            return step;
        if (link_flush(&c->link) < 0)
            return STEP_FAILED;
        /* a plain socket that gave less than it was asked for is empty: save the system call */
        if (io == LINK_IO_MORE && c->link.ssl == NULL)
            return STEP_WAIT;
    }
}

static void check_stall(struct run *r)
{
    if (now_us() - r->progress_us < (int64_t)r->o->timeout_s * 1000000)
        return;
    for (unsigned long i = 0; i < r->clients_n; i++) {
        struct client *c = &r->clients[i];
        if (c->busy) {
            (void)client_failed(c, "no answer for %u seconds", r->o->timeout_s);
            give_up(c);
        }
    }
    r->errors += r->o->errors; /* ends the run */
}

/* The last connections say goodbye before the program ends: a server would log their loss. */
static bool all_closed(const struct run *r)
{
    for (unsigned long i = 0; i < r->clients_n; i++)
        if (r->clients[i].link.state != LINK_CLOSED)
            return false;
    return true;
}

static bool is_over(struct run *r)
{
    return r->finished + r->failed == r->o->count && (r->errors > 0 || all_closed(r));
}

void run_until(struct run *r, bool (*over)(struct run *r))
{
    struct epoll_event events[EVENTS];
    while (r->errors < r->o->errors && !over(r)) {
        int n = epoll_wait(r->epoll, events, EVENTS, r->wait_ms);
        if (n < 0 && errno != EINTR) {
            perror("load: epoll_wait");
            exit(1);
        }
        for (int i = 0; i < n; i++) {
            struct client *c = CONTAINER_OF(events[i].data.ptr, struct client, link);
            enum step step = ready(c);
            if (step != STEP_WAIT)
                ended(c, step);
        }
        if (n <= 0)
            check_stall(r);
    }
}

void run_clients(struct run *r, unsigned long n)
{
    r->clients = calloc(n, sizeof(r->clients[0]));
    must(r->clients != NULL);
    r->clients_n = n;
    for (unsigned long i = 0; i < n; i++) {
        r->clients[i].run = r;
        link_init(&r->clients[i].link, r->epoll, r->tls, r->o->resume);
    }
}

static void drive(struct run *r)
{
    run_clients(r, r->o->connections);
    for (unsigned long i = 0; i < r->clients_n; i++) {
        if (i > 0 && r->o->stagger_ms > 0)
            usleep(r->o->stagger_ms * 1000);
        client_start(&r->clients[i]);
    }
    run_until(r, is_over);
}

/* As many connections as the system lets us have. */
static void raise_files(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return;
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
}

void run_all(struct run *r)
{
    raise_files();
    r->epoll = epoll_create1(EPOLL_CLOEXEC);
    must(r->epoll >= 0);
    r->tls = link_tls_new(r->o->resume);
    r->wait_ms = 1000;
    r->began_us = r->progress_us = now_us();
    if (r->protocol->drive != NULL)
        r->protocol->drive(r);
    else
        drive(r);
    for (unsigned long i = 0; i < r->clients_n; i++) {
        link_done(&r->clients[i].link);
        if (r->protocol == &protocol_pop3) {
            free(r->clients[i].pop3.sizes);
            free(r->clients[i].pop3.asked_us);
        }
    }
    free(r->clients);
    SSL_CTX_free(r->tls);
    close(r->epoll);
}
