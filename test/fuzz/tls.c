/* SPDX-License-Identifier: Apache-2.0 */
/* The server's side of TLS. The first byte chooses:
 *
 *   even: the rest is what a client sends first, in two cuts, with the same end.
 *   odd:  a client of OpenSSL's that asks for a drawn name and offers a drawn version. Left alone it gets the
 *         certificate that name stands for, and its ticket is good for as long as the key lives. Then once more with
 *         some bytes of a flight changed: whatever comes of it, it is said in words.
 *
 * Names are compared with a reader of RFC 6125 §6.4.3 that is as plain as can be. */
#include "fuzz.h"

#include "../net/certs.h"
#include "base/err.h"
#include "draw.h"
#include "net/tickets.h"
#include "net/tls_conn.h"

#include <openssl/ssl.h>
#include <openssl/x509.h>

enum { ROUNDS = 10, HOURS_MAX = 30 };

static const char *const names[] = {"first.test", "exact.b.test", "wild.test"};
static struct certs certs;
static struct clock_fake now;
static struct tls_context *server;
static SSL_CTX *client_ctx;

static void done(void)
{
    SSL_CTX_free(client_ctx);
    tls_context_unref(server);
    certs_done(&certs);
}

static void once(void)
{
    if (server != NULL)
        return;
    certs_init(&certs);
    clock_fake_init(&now, INT64_C(1790000000000));
    certs.clock = &now.clock;
    certs_make(&certs, names[0], "DNS:first.test", 100);
    certs_make(&certs, names[1], "DNS:exact.b.test", 100);
    certs_make(&certs, names[2], "DNS:*.b.test,DNS:*.wild.test", 100);
    server = certs_context(&certs, names, COUNT_OF(names), false, NULL);
    client_ctx = SSL_CTX_new(TLS_client_method());
    must(client_ctx != NULL && atexit(done) == 0);
}

/* ---- bytes of nobody --------------------------------------------------------------------- */

static enum tls_status feed(struct span in, size_t step)
{
    struct buf wire;
    buf_init(&wire, 1 << 20);
    struct tls_conn *t = tls_conn_new(server, &wire);
    enum tls_status status = TLS_OPEN;
    must(t != NULL);
    while (in.n > 0 && status == TLS_OPEN) {
        struct span piece = span_slice(in, 0, step);
        in = span_from(in, piece.n);
        tls_conn_input(t, piece);
        status = tls_conn_handshake(t);
    }
    must(status != TLS_BAD || tls_conn_why(t)[0] != '\0');
    must(wire.err == 0);
    tls_conn_free(t);
    buf_done(&wire);
    return status;
}

static void raw(struct span in)
{
    enum tls_status whole = feed(in, SIZE_MAX);
    must(whole != TLS_DONE); /* nobody guesses a Finished */
    must(feed(in, 1) == whole);
}

/* ---- a client ---------------------------------------------------------------------------- */

struct plan {
    char sni[256];
    int version;
    size_t cut;
    /* from this flight on: change a byte at this place */
    int flight;
    size_t at;
    uint8_t flip;
};

struct pair {
    SSL *client;
    struct tls_conn *server;
    struct buf wire, plain;
    enum tls_status status;
    bool shaken;
    int flight;
};

static void pair_open(struct pair *p, const struct plan *plan, SSL_SESSION *session)
{
    *p = (struct pair){.status = TLS_OPEN};
    buf_init(&p->wire, 1 << 20);
    buf_init(&p->plain, 1 << 20);
    p->server = tls_conn_new(server, &p->wire);
    p->client = SSL_new(client_ctx);
    must(p->server != NULL && p->client != NULL);
    SSL_set_bio(p->client, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(p->client);
    must(SSL_set_max_proto_version(p->client, plan->version) == 1);
    if (plan->sni[0] != '\0')
        must(SSL_set_tlsext_host_name(p->client, plan->sni) == 1);
    if (session != NULL)
        must(SSL_set_session(p->client, session) == 1);
}

static void pair_close(struct pair *p)
{
    SSL_free(p->client);
    tls_conn_free(p->server);
    buf_done(&p->wire);
    buf_done(&p->plain);
}

static void to_server(struct pair *p, const struct plan *plan)
{
    char bytes[16384];
    int n = BIO_read(SSL_get_wbio(p->client), bytes, sizeof bytes);
    if (n <= 0)
        return;
    if (++p->flight == plan->flight && plan->flip != 0)
        bytes[plan->at % (size_t)n] ^= (char)plan->flip;
    struct span rest = span_of(bytes, (size_t)n);
    while (rest.n > 0 && p->status != TLS_BAD && p->status != TLS_EOF) {
        struct span piece = span_slice(rest, 0, plan->cut);
        rest = span_from(rest, piece.n);
        tls_conn_input(p->server, piece);
        if (!p->shaken) {
            p->status = tls_conn_handshake(p->server);
            p->shaken = p->status == TLS_DONE;
        }
        if (p->shaken) {
            char plain[2 * 16384]; /* what was given, and a record that began before */
            size_t got = 0;
            p->status = tls_conn_read(p->server, plain, sizeof plain, &got);
            buf_put(&p->plain, span_of(plain, got));
        }
    }
}

static void to_client(struct pair *p)
{
    if (p->wire.n > 0)
        (void)BIO_write(SSL_get_rbio(p->client), p->wire.p, (int)p->wire.n);
    buf_clear(&p->wire);
}

/* Handshake and a few bytes both ways. */
static bool talk(struct pair *p, const struct plan *plan)
{
    char got[64];
    int n = 0;
    for (int i = 0; i < ROUNDS && n != 1 && p->status != TLS_BAD; i++) {
        n = SSL_do_handshake(p->client);
        to_server(p, plan);
        to_client(p);
    }
    must(p->status != TLS_BAD || tls_conn_why(p->server)[0] != '\0');
    if (n != 1 || !p->shaken || p->status != TLS_OPEN)
        return false;
    (void)SSL_write(p->client, "ping", 4);
    to_server(p, plan);
    if (p->status != TLS_OPEN || !span_eq(buf_span(&p->plain), SPAN("ping")))
        return false;
    must(tls_conn_write(p->server, SPAN("pong")) == 0);
    to_client(p);
    return SSL_read(p->client, got, sizeof got) == 4 && memcmp(got, "pong", 4) == 0;
}

/* ---- what must come of an untouched one -------------------------------------------------- */

static const char *certificate_for(struct span host)
{
    if (span_ends(host, SPAN(".")))
        host.n--;
    if (span_ieq(host, SPAN("exact.b.test")))
        return names[1];
    ssize_t dot = span_chr(host, '.');
    struct span behind = dot > 0 ? span_from(host, (size_t)dot) : SPAN_EMPTY;
    if (span_ieq(behind, SPAN(".b.test")) || span_ieq(behind, SPAN(".wild.test")))
        return names[2];
    return names[0];
}

static void described(struct pair *p, const struct plan *plan)
{
    struct session_tls t;
    char cn[64] = "";
    X509 *x = SSL_get1_peer_certificate(p->client);
    tls_conn_describe(p->server, &t);
    must(t.on && t.bits >= 128 && t.cipher[0] != '\0' && t.binder != NULL);
    must(span_eq(span_str(t.version),
                 plan->version == TLS1_3_VERSION ? SPAN("TLSv1.3") : SPAN("TLSv1.2")));
    must(strcmp(t.sni, plan->sni) == 0);
    struct binding b;
    uint8_t ours[32];
    t.binder->get(t.binder, &b);
    must(b.exporter_n == sizeof ours);
    must((b.unique_n > 0) == (plan->version != TLS1_3_VERSION));
    static const char label[] = "EXPORTER-Channel-Binding";
    must(SSL_export_keying_material(p->client, ours, sizeof ours, label, sizeof label - 1, NULL, 0,
                                    0) == 1);
    must(memcmp(ours, b.exporter, sizeof ours) == 0);
    must(x != NULL);
    (void)X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, cn, sizeof cn);
    must(strcmp(cn, certificate_for(span_str(plan->sni))) == 0);
    X509_free(x);
}

static void draw_plan(struct draw *d, struct plan *plan)
{
    static const char *const some[] = {"",           "first.test", "EXACT.b.test", "x.b.test.",
                                       "x.y.b.test", "wild.test",  ".b.test",      "*.b.test"};
    *plan = (struct plan){.version = draw_bool(d) ? TLS1_3_VERSION : TLS1_2_VERSION};
    plan->cut = draw_bool(d) ? SIZE_MAX : 1 + draw_below(d, 40);
    size_t i = draw_below(d, 2 * COUNT_OF(some));
    struct span own = draw_span(d, 255);
    if (i < COUNT_OF(some))
        (void)snprintf(plan->sni, sizeof plan->sni, "%s", some[i]);
    else if (!span_to_cstr(own, plan->sni, sizeof plan->sni))
        plan->sni[0] = '\0';
}

static void client(struct draw *d)
{
    struct plan plan;
    struct pair p;
    draw_plan(d, &plan);
    pair_open(&p, &plan, NULL);
    must(talk(&p, &plan) && !tls_conn_resumed(p.server));
    described(&p, &plan);
    SSL_SESSION *session = SSL_get1_session(p.client);
    /* or OpenSSL's client takes the session for broken off, and does not use it again */
    SSL_set_shutdown(p.client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    pair_close(&p);

    int64_t hours = (int64_t)draw_below(d, HOURS_MAX);
    clock_fake_advance(&now, hours * 3600 * 1000);
    plan.flight = (int)draw_below(d, 4);
    plan.at = draw_below(d, 2000);
    plan.flip = plan.flight > 0 ? draw_u8(d) : 0;
    pair_open(&p, &plan, session);
    bool went = talk(&p, &plan);
    if (plan.flip == 0) {
        must(went);
        must(tls_conn_resumed(p.server) == (hours * 3600 * 1000 < TICKET_KEY_KEEP_MS));
    }
    pair_close(&p);
    SSL_SESSION_free(session);
    /* no key that is left may be known to the next input */
    clock_fake_advance(&now, (int64_t)TICKET_KEY_KEEP_MS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct draw d = draw_of(data, size);
    once();
    if ((draw_u8(&d) & 1) == 0)
        raw(d.rest);
    else
        client(&d);
    return 0;
}
