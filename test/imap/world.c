/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include "base/err.h"

struct session *world_session(struct world *w)
{
    static struct imap_server server; /* sessions keep a pointer; there is one world at a time */
    server = (struct imap_server){
        .config = w->config,
        .auth = w->auth,
        .mail = &w->mail,
        .store = w->store,
        .clock = &w->clock.clock,
        .directory = w->directory,
        .spools = &w->spools,
    };
    return imap_session_new(&server);
}

struct host *world_connect(struct world *w, bool tls, enum host_cut cut)
{
    struct host_options options = {
        .tls = tls, .tls_possible = !tls, .cut = cut, .seed = 1, .fake = &w->clock};
    struct host *h = host_new(world_session(w), &options);
    must(h != NULL);
    struct span greeting;
    must(host_line(h, &greeting) && span_starts(greeting, SPAN("* OK ")));
    return h;
}

struct host *world_login(struct world *w)
{
    struct span line;
    struct host *h = world_connect(w, true, HOST_WHOLE);
    host_sends(h, "a LOGIN " WORLD_USER " \"" WORLD_PASSWORD "\"\r\n");
    must(host_line(h, &line) && span_starts(line, SPAN("a OK")));
    return h;
}

struct host *world_select(struct world *w)
{
    struct host *h = world_login(w);
    host_sends(h, "a SELECT INBOX\r\n");
    must(span_find(host_output(h), SPAN("a OK [READ-WRITE]")) > 0);
    host_output_clear(h);
    return h;
}

void world_talk(struct host *h, const char *command, ...)
{
    va_list args;
    const char *line;
    host_sends(h, command);
    host_sends(h, "\r\n");
    va_start(args, command);
    while ((line = va_arg(args, const char *)) != NULL)
        host_expect(h, line);
    va_end(args);
    host_expect_silence(h);
}

void world_hears(struct host *h, ...)
{
    va_list args;
    const char *line;
    while (host_session(h)->wakeable && host_wait(h, 0))
        continue;
    va_start(args, h);
    while ((line = va_arg(args, const char *)) != NULL)
        host_expect(h, line);
    va_end(args);
    host_expect_silence(h);
}
