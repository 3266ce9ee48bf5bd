/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include "base/err.h"

struct session *world_session(struct world *w)
{
    static struct pop3_server server; /* sessions keep a pointer; there is one world at a time */
    server = (struct pop3_server){
        .config = w->config,
        .auth = w->auth,
        .mail = &w->mail,
        .store = w->store,
        .clock = &w->clock.clock,
        .directory = w->directory,
    };
    return pop3_session_new(&server);
}

struct host *world_connect(struct world *w, bool tls, enum host_cut cut)
{
    struct host_options options = {
        .tls = tls, .tls_possible = !tls, .cut = cut, .seed = 1, .fake = &w->clock};
    struct host *h = host_new(world_session(w), &options);
    must(h != NULL);
    struct span greeting;
    must(host_line(h, &greeting) && span_starts(greeting, SPAN("+OK ")));
    return h;
}

struct host *world_login(struct world *w)
{
    struct span line;
    struct host *h = world_connect(w, true, HOST_WHOLE);
    host_sends(h, "USER " WORLD_USER "\r\nPASS " WORLD_PASSWORD "\r\n");
    must(host_line(h, &line) && span_starts(line, SPAN("+OK")));
    must(host_line(h, &line) && span_starts(line, SPAN("+OK")));
    return h;
}
