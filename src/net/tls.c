/* SPDX-License-Identifier: Apache-2.0 */
/* One SSL_CTX per certificate; a connection starts with the first and changes over when the
 * client's server_name (RFC 6066 §3) is one of the names of another. Names are read out of the
 * certificates once, so choosing costs comparisons and no X.509 work per handshake.
 *
 * Tickets only, no session cache: a cache grows with the clients and is lost at a restart of one of
 * several nodes, a ticket is the client's to keep. */
#include "net/tls.h"
#include "base/err.h"
#include "net/tickets.h"
#include "net/tls_conn.h"
#include "net/tls_pem.h"

#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <time.h>

enum {
    NAMES_MAX = 1000, /* of one certificate */
};

/* In the order they are chosen, but for clients that ask for ChaCha20 first (they have no AES instructions).
 * AES-128 before AES-256: nobody breaks either, and its SHA-256 handshakes and its records cost less. */
#define SUITES_13 "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
#define SUITES_12 "ECDHE+AESGCM+AES128:ECDHE+AESGCM:ECDHE+CHACHA20"

struct cert {
    SSL_CTX *ctx;
    char *file;
    char **names; /* lower case, from the SAN (RFC 6125 §6.4.4: the common name only if there is
                     none) */
    size_t names_n;
};

struct tls_context {
    int refs; /* atomic */
    struct cert *certs;
    size_t n;
    struct tickets *tickets;
};

/* ---- errors in words ---------------------------------------------------------------------- */

static void why_ssl(struct buf *why, const char *file, const char *what)
{
    unsigned long e = ERR_peek_last_error();
    const char *reason = e == 0 ? NULL : ERR_reason_error_string(e);
    buf_printf(why, "%s: %s", file, what);
    if (reason != NULL)
        buf_printf(why, " (%s)", reason);
    ERR_clear_error();
}

/* ---- names -------------------------------------------------------------------------------- */

static bool name_add(struct cert *c, const unsigned char *p, int n)
{
    if (n <= 0 || n > 255 || memchr(p, 0, (size_t)n) != NULL || c->names_n >= NAMES_MAX)
        return true; /* not a host name: skipped */
    char **grown = realloc(c->names, (c->names_n + 1) * sizeof *grown);
    if (grown == NULL)
        return false;
    c->names = grown;
    char *copy = calloc(1, (size_t)n + 1);
    if (copy == NULL)
        return false;
    for (int i = 0; i < n; i++)
        copy[i] = ascii_lower((char)p[i]);
    c->names[c->names_n++] = copy;
    return true;
}

static bool names_from_subject(struct cert *c, X509 *x)
{
    const X509_NAME *subject = X509_get_subject_name(x);
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (at < 0)
        return true;
    const ASN1_STRING *cn = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
    return name_add(c, ASN1_STRING_get0_data(cn), ASN1_STRING_length(cn));
}

static bool names_load(struct cert *c, X509 *x)
{
    GENERAL_NAMES *san = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    bool ok = true;
    if (san == NULL)
        return names_from_subject(c, x);
    for (int i = 0; ok && i < sk_GENERAL_NAME_num(san); i++) {
        const GENERAL_NAME *g = sk_GENERAL_NAME_value(san, i);
        if (g->type == GEN_DNS)
            ok = name_add(c, ASN1_STRING_get0_data(g->d.dNSName), ASN1_STRING_length(g->d.dNSName));
    }
    GENERAL_NAMES_free(san);
    return ok;
}

/* RFC 6125 §6.4.3: a wildcard is the whole leftmost label and stands for one label. */
static bool name_covers(const char *name, struct span host, bool wildcard)
{
    struct span n = span_str(name);
    if (!wildcard)
        return span_ieq(n, host);
    ssize_t dot = span_chr(host, '.');
    return dot > 0 && span_skip(&n, SPAN("*")) && span_ieq(n, span_from(host, (size_t)dot));
}

static struct cert *cert_for(struct tls_context *t, struct span host)
{
    if (span_ends(host, SPAN(".")))
        host.n--;
    for (int wildcard = 0; wildcard <= 1; wildcard++)
        for (size_t i = 0; i < t->n; i++)
            for (size_t k = 0; k < t->certs[i].names_n; k++)
                if (name_covers(t->certs[i].names[k], host, wildcard != 0))
                    return &t->certs[i];
    return NULL;
}

static int on_server_name(SSL *ssl, int *alert, void *arg)
{
    struct tls_context *t = arg;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    struct cert *c = name == NULL ? NULL : cert_for(t, span_str(name));
    /* without one it goes on with the first: mail clients show its name, which tells more than an
     * alert */
    if (c == NULL)
        return SSL_TLSEXT_ERR_NOACK;
    if (SSL_set_SSL_CTX(ssl, c->ctx) == NULL) {
        *alert = SSL_AD_INTERNAL_ERROR;
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    return SSL_TLSEXT_ERR_OK;
}

/* ---- making ------------------------------------------------------------------------------- */

/* OpenSSL wants one for each ticket of TLS 1.3 too, where nobody sees it and no cache keeps it: 32 bytes less of the
 * random generator in each handshake. A client of TLS 1.2 is shown it (RFC 5246 §7.4.1.3). */
static int on_session_id(SSL *ssl, unsigned char *id, unsigned *n)
{
    *n = SSL_MAX_SSL_SESSION_ID_LENGTH;
    if (SSL_version(ssl) < TLS1_3_VERSION)
        return RAND_bytes(id, SSL_MAX_SSL_SESSION_ID_LENGTH) == 1;
    memset(id, 0, SSL_MAX_SSL_SESSION_ID_LENGTH);
    return 1;
}

static bool ctx_settings(SSL_CTX *ctx, bool only_13)
{
    static const unsigned char id[] = "mailstead";
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
                                 SSL_OP_IGNORE_UNEXPECTED_EOF);
    /* no looking for the issuers of a certificate without a chain, in each handshake: nobody is trusted here */
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    return SSL_CTX_set_min_proto_version(ctx, only_13 ? TLS1_3_VERSION : TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_ciphersuites(ctx, SUITES_13) == 1 &&
           SSL_CTX_set_cipher_list(ctx, SUITES_12) == 1 &&
           SSL_CTX_set1_groups_list(ctx, "X25519:P-256:P-384") == 1 &&
           SSL_CTX_set_session_id_context(ctx, id, sizeof id - 1) == 1 &&
           SSL_CTX_set_generate_session_id(ctx, on_session_id) == 1 &&
           SSL_CTX_set_num_tickets(ctx, 1) == 1;
}

static int cert_use(struct cert *c,
                    const char *file,
                    const char *key,
                    const struct span pems[static 2],
                    struct buf *why)
{
    if (!tls_pem_use_chain(c->ctx, pems[0])) {
        why_ssl(why, file, "this is not a certificate in PEM format, or OpenSSL refuses it");
        return ERR_INVALID;
    }
    if (!tls_pem_use_key(c->ctx, pems[1])) {
        bool other = ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH;
        why_ssl(why, key,
                other ? "this key belongs to another certificate"
                      : "this is not a private key in PEM format without a passphrase");
        return ERR_INVALID;
    }
    if (SSL_CTX_check_private_key(c->ctx) != 1) {
        why_ssl(why, key, "this key belongs to another certificate");
        return ERR_INVALID;
    }
    return names_load(c, SSL_CTX_get0_certificate(c->ctx)) ? 0 : ERR_NOMEM;
}

/* From what is at hand, else from the files. */
static int cert_load(struct cert *c, const struct tls_options *o, size_t i, struct buf *why)
{
    struct buf read[2];
    struct span pems[2] = {SPAN_EMPTY, SPAN_EMPTY};
    int err = 0;
    for (int k = 0; k < 2; k++)
        buf_init(&read[k], TLS_PEM_MAX);
    if (o->cert_pems != NULL) {
        pems[0] = o->cert_pems[i];
        pems[1] = o->key_pems[i];
    } else {
        err = tls_pem_read(o->certs[i], TLS_PEM_CERT, &read[0], why);
        if (err == 0)
            err = tls_pem_read(o->keys[i], TLS_PEM_KEY, &read[1], why);
        for (int k = 0; k < 2; k++)
            pems[k] = buf_span(&read[k]);
    }
    if (err == 0)
        err = cert_use(c, o->certs[i], o->keys[i], pems, why);
    if (read[1].n > 0)
        OPENSSL_cleanse(read[1].p, read[1].n);
    for (int k = 0; k < 2; k++)
        buf_done(&read[k]);
    return err;
}

static int
tickets_set(struct tls_context *t, const struct tls_context *previous, struct clock *clock)
{
    t->tickets = previous != NULL ? tickets_ref(previous->tickets) : tickets_new(clock);
    int err = t->tickets == NULL ? ERR_NOMEM : 0;
    for (size_t i = 0; err == 0 && i < t->n; i++)
        err = tickets_attach(t->tickets, t->certs[i].ctx);
    return err;
}

static int certs_make(struct tls_context *t, const struct tls_options *o, struct buf *why)
{
    for (size_t i = 0; i < t->n; i++) {
        struct cert *c = &t->certs[i];
        c->file = strdup(o->certs[i]);
        c->ctx = SSL_CTX_new(TLS_server_method());
        if (c->file == NULL || c->ctx == NULL)
            return ERR_NOMEM;
        if (!ctx_settings(c->ctx, o->only_13)) {
            why_ssl(why, "OpenSSL", "it refuses the TLS settings of this program");
            return ERR_UNSUPPORTED;
        }
        int err = cert_load(c, o, i, why);
        if (err != 0)
            return err;
    }
    /* the callback of the context a connection starts with is the one that runs */
    SSL_CTX_set_tlsext_servername_callback(t->certs[0].ctx, on_server_name);
    SSL_CTX_set_tlsext_servername_arg(t->certs[0].ctx, t);
    return 0;
}

int tls_context_new(const struct tls_options *options,
                    struct tls_context *previous,
                    struct buf *why,
                    struct tls_context **out)
{
    if (options->n == 0) {
        buf_puts(why, "there is no certificate: set tls.certificate and tls.key");
        return ERR_INVALID;
    }
    struct tls_context *t = calloc(1, sizeof *t);
    if (t == NULL)
        return ERR_NOMEM;
    t->refs = 1;
    t->certs = calloc(options->n, sizeof *t->certs);
    t->n = t->certs == NULL ? 0 : options->n;
    int err = t->certs == NULL ? ERR_NOMEM : certs_make(t, options, why);
    if (err == 0)
        err = tickets_set(t, previous, options->clock);
    if (err != 0) {
        tls_context_unref(t);
        return err;
    }
    *out = t;
    return 0;
}

struct tls_context *tls_context_ref(struct tls_context *t)
{
    __atomic_add_fetch(&t->refs, 1, __ATOMIC_RELAXED);
    return t;
}

void tls_context_unref(struct tls_context *t)
{
    if (t == NULL || __atomic_sub_fetch(&t->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    for (size_t i = 0; i < t->n; i++) {
        struct cert *c = &t->certs[i];
        SSL_CTX_free(c->ctx);
        free(c->file);
        for (size_t k = 0; k < c->names_n; k++)
            free(c->names[k]);
        free(c->names);
    }
    free(t->certs);
    tickets_unref(t->tickets);
    free(t);
}

SSL_CTX *tls_context_ssl(struct tls_context *t)
{
    return t->certs[0].ctx;
}

/* ---- telling about them ------------------------------------------------------------------- */

size_t tls_cert_count(const struct tls_context *t)
{
    return t->n;
}

static int64_t not_after_s(const X509 *x)
{
    struct tm tm = {0};
    if (ASN1_TIME_to_tm(X509_get0_notAfter(x), &tm) != 1)
        return 0; /* unreadable: as good as expired */
    return (int64_t)timegm(&tm);
}

void tls_cert_info(const struct tls_context *t,
                   size_t index,
                   struct clock *clock,
                   const char *hostname,
                   struct tls_cert_info *out)
{
    must(index < t->n);
    const struct cert *c = &t->certs[index];
    X509 *x = SSL_CTX_get0_certificate(c->ctx);
    enum { DAY_S = 24 * 3600 };
    memset(out, 0, sizeof *out);
    out->file = c->file;
    size_t used = 0;
    for (size_t k = 0; k < c->names_n; k++) {
        int n = snprintf(out->subject + used, sizeof out->subject - used, "%s%s", k > 0 ? " " : "",
                         c->names[k]);
        if (n < 0 || (size_t)n >= sizeof out->subject - used) {
            out->subject[used] = '\0'; /* no half names */
            break;
        }
        used += (size_t)n;
    }
    out->not_after_s = not_after_s(x);
    int64_t left_s = out->not_after_s - clock->wall_ms(clock) / 1000;
    out->days_left = left_s >= 0 ? left_s / DAY_S : -((-left_s + DAY_S - 1) / DAY_S);
    out->matches_host = X509_check_host(x, hostname, strlen(hostname), 0, NULL) == 1;
}
