/* SPDX-License-Identifier: Apache-2.0 */
/* OpenSSL reads and writes through a BIO of our own: reads come straight from the bytes that have
 * just arrived, writes go straight into the buffer that is sent. OpenSSL's memory BIOs would copy
 * both once more and keep their largest size for the life of the connection. */
#include "net/tls_conn.h"
#include "base/err.h"
#include "base/limits.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>

struct tls_conn {
    struct binder binder;
    SSL *ssl;
    struct tls_context *context;
    struct span in;
    struct buf *wire;
    size_t empty; /* bytes of records since the last byte of data */
    unsigned key_updates;
    bool answered; /* there was the point up to which SSL_read_early_data leads */
    bool opened;   /* the handshake is done */
    char *why;     /* after TLS_BAD; NULL when there was no memory for it */
};

/* ---- the BIO ------------------------------------------------------------------------------ */

static int bio_read(BIO *bio, char *to, int n)
{
    struct tls_conn *t = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (n <= 0)
        return 0;
    if (t->in.n == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    struct span part = span_slice(t->in, 0, (size_t)n);
    memcpy(to, part.p, part.n);
    t->in = span_from(t->in, part.n);
    return (int)part.n;
}

static int bio_write(BIO *bio, const char *from, int n)
{
    struct tls_conn *t = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (n <= 0)
        return 0;
    buf_put(t->wire, span_of(from, (size_t)n));
    return t->wire->err != 0 ? -1 : n;
}

static long bio_ctrl(BIO *bio, int what, long number, void *arg)
{
    (void)bio, (void)number, (void)arg;
    return what == BIO_CTRL_FLUSH ? 1 : 0;
}

static BIO_METHOD *method;
static pthread_once_t method_once = PTHREAD_ONCE_INIT;

static void method_free(void)
{
    BIO_meth_free(method);
    method = NULL;
}

static void method_make(void)
{
    BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "mailstead");
    if (m == NULL)
        return;
    if (BIO_meth_set_read(m, bio_read) != 1 || BIO_meth_set_write(m, bio_write) != 1 ||
        BIO_meth_set_ctrl(m, bio_ctrl) != 1) {
        BIO_meth_free(m);
        return;
    }
    method = m;
    (void)atexit(method_free);
}

static void PRINTF_LIKE(2, 3) set_why(struct tls_conn *t, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    free(t->why);
    if (vasprintf(&t->why, fmt, args) < 0)
        t->why = NULL;
    va_end(args);
}

/* ---- what costs us and brings nothing ------------------------------------------------------ */

/* Called for each handshake message. Nobody renegotiates here (ctx_settings in tls.c); TLS 1.3 has
 * key updates, of which a client needs one in 2^24 records (RFC 8446 §5.5), and each of
 * which costs us a derivation of keys, and an answer if the client wants one. */
static void on_message(const SSL *ssl, int where, int value)
{
    (void)value;
    struct tls_conn *t = SSL_get_app_data(ssl);
    if ((where & SSL_CB_LOOP) != 0 && SSL_get_state(ssl) == TLS_ST_SR_KEY_UPDATE)
        t->key_updates++;
}

static bool costs_too_much(struct tls_conn *t)
{
    const char *what =
        t->key_updates > LIMIT_TLS_KEY_UPDATES    ? "the client asks for new keys too often"
        : t->opened && t->empty > LIMIT_TLS_EMPTY ? "the client sends records that hold nothing"
        : !t->opened && t->empty > LIMIT_TLS_HANDSHAKE
            ? "the client's side of the handshake is too long"
            : NULL;
    if (what != NULL)
        set_why(t, "%s", what);
    return what != NULL;
}

/* ---- channel binding ---------------------------------------------------------------------- */

/* RFC 5929 §3: the first Finished of the handshake: the client's, or when resuming the server's. */
static size_t unique_binding(SSL *ssl, uint8_t *to, size_t size)
{
    size_t n = SSL_session_reused(ssl) ? SSL_get_finished(ssl, to, size)
                                       : SSL_get_peer_finished(ssl, to, size);
    return n <= size ? n : 0;
}

static void get_binding(struct binder *b, struct binding *out)
{
    enum { EXPORTER = 32 };
    static const char label[] = "EXPORTER-Channel-Binding"; /* RFC 9266 §2 */
    struct tls_conn *t = CONTAINER_OF(b, struct tls_conn, binder);
    memset(out, 0, sizeof *out);
    if (SSL_export_keying_material(t->ssl, out->exporter, EXPORTER, label, sizeof label - 1, NULL,
                                   0, 0) == 1)
        out->exporter_n = EXPORTER;
    ERR_clear_error();
    if (SSL_version(t->ssl) < TLS1_3_VERSION)
        out->unique_n = unique_binding(t->ssl, out->unique, sizeof out->unique);
}

/* ---- life --------------------------------------------------------------------------------- */

struct tls_conn *tls_conn_new(struct tls_context *context, struct buf *wire)
{
    pthread_once(&method_once, method_make);
    struct tls_conn *t = calloc(1, sizeof *t);
    if (t == NULL)
        return NULL;
    SSL *ssl = SSL_new(tls_context_ssl(context));
    BIO *bio = method == NULL ? NULL : BIO_new(method);
    if (ssl == NULL || bio == NULL) {
        SSL_free(ssl);
        BIO_free(bio);
        free(t);
        return NULL;
    }
    BIO_set_data(bio, t);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    SSL_set_accept_state(ssl);
    SSL_set_app_data(ssl, t);
    SSL_set_info_callback(ssl, on_message);
    t->binder.get = get_binding;
    t->ssl = ssl;
    t->wire = wire;
    t->context = tls_context_ref(context);
    return t;
}

void tls_conn_free(struct tls_conn *t)
{
    if (t == NULL)
        return;
    SSL_free(t->ssl);
    tls_context_unref(t->context);
    free(t->why);
    free(t);
}

void tls_conn_input(struct tls_conn *t, struct span bytes)
{
    t->in = bytes;
    t->empty += bytes.n;
}

/* ---- why it failed ------------------------------------------------------------------------ */

static const char *reason_in_words(int reason)
{
    switch (reason) {
    case SSL_R_NO_SHARED_CIPHER: return "the client offers no cipher that is allowed here";
    case SSL_R_NO_SHARED_GROUPS: return "the client offers no elliptic curve that is allowed here";
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST: return "the client spoke HTTP on a TLS port";
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_UNKNOWN_PROTOCOL:
        return "what the client sent is not TLS (plain text on a TLS port?)";
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
        return "the client does not trust the issuer of the certificate";
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
        return "the client says the certificate has expired";
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
        return "the client does not accept the certificate";
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
        return "the client does not accept any TLS version allowed here";
    case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE: return "the client found nothing in common";
    default: return NULL;
    }
}

static const char *version_name(int version)
{
    switch (version) {
    case SSL3_VERSION: return "SSL 3.0";
    case TLS1_VERSION: return "TLS 1.0";
    case TLS1_1_VERSION: return "TLS 1.1";
    case TLS1_2_VERSION: return "TLS 1.2";
    default: return "an older version";
    }
}

static enum tls_status bad(struct tls_conn *t)
{
    unsigned long e = ERR_peek_error();
    int reason = ERR_GET_REASON(e);
    char text[200];
    const char *words = e == 0 ? "the connection ended in the middle" : reason_in_words(reason);
    if (e != 0 && (reason == SSL_R_UNSUPPORTED_PROTOCOL || reason == SSL_R_VERSION_TOO_LOW)) {
        set_why(t, "the client speaks only %s, which is not safe any more",
                version_name(SSL_client_version(t->ssl)));
    } else if (words != NULL) {
        set_why(t, "%s", words);
    } else {
        ERR_error_string_n(e, text, sizeof text);
        set_why(t, "%s", text);
    }
    ERR_clear_error();
    t->in = SPAN_EMPTY;
    return TLS_BAD;
}

const char *tls_conn_why(const struct tls_conn *t)
{
    return t->why != NULL ? t->why : "";
}

/* ---- work --------------------------------------------------------------------------------- */

static enum tls_status more_must_come(struct tls_conn *t, int code)
{
    if (SSL_get_error(t->ssl, code) != SSL_ERROR_WANT_READ)
        return bad(t);
    return costs_too_much(t) ? TLS_BAD : TLS_OPEN;
}

/* Until our side is done. This is how OpenSSL is asked to stop there; there is no early data to read, as no ticket of
 * ours allows any. With TLS 1.2 it goes on to the end, and it stops also behind a HelloRetryRequest, when there are no
 * keys yet and no Finished: then nothing can be said early. */
static enum tls_status answer(struct tls_conn *t)
{
    char byte;
    size_t n;
    if (SSL_read_early_data(t->ssl, &byte, sizeof byte, &n) != SSL_READ_EARLY_DATA_FINISH)
        return more_must_come(t, 0);
    t->answered = true;
    if (SSL_is_init_finished(t->ssl) == 1)
        return TLS_DONE;
    return SSL_get_finished(t->ssl, &byte, sizeof byte) > 0 ? TLS_EARLY : TLS_OPEN;
}

enum tls_status tls_conn_handshake(struct tls_conn *t)
{
    enum tls_status status = TLS_OPEN;
    ERR_clear_error();
    if (!t->answered)
        status = answer(t);
    /* on with what has come behind the ClientHello */
    if (t->answered && status != TLS_DONE && t->in.n > 0) {
        int n = SSL_do_handshake(t->ssl);
        enum tls_status then = n == 1 ? TLS_DONE : more_must_come(t, n);
        status = then == TLS_OPEN ? status : then;
    }
    if (status == TLS_DONE) {
        t->opened = true;
        t->empty = 0;
    }
    return status;
}

enum tls_status tls_conn_read(struct tls_conn *t, char *to, size_t size, size_t *n_out)
{
    *n_out = 0;
    for (;;) {
        size_t n = 0;
        /* the peer says how much comes, but tls_conn_input how much is there */
        must(*n_out < size);
        ERR_clear_error();
        int ok = SSL_read_ex(t->ssl, to + *n_out, size - *n_out, &n);
        *n_out += n;
        if (ok == 1) {
            t->empty = 0;
            continue;
        }
        switch (SSL_get_error(t->ssl, ok)) {
        case SSL_ERROR_WANT_READ: return costs_too_much(t) ? TLS_BAD : TLS_OPEN;
        case SSL_ERROR_ZERO_RETURN: return TLS_EOF;
        default: return bad(t);
        }
    }
}

/* OpenSSL cuts it into records of 16 KiB (RFC 8446 §5.1), in one buffer that it makes and gives back with each call. */
int tls_conn_write(struct tls_conn *t, struct span plain)
{
    size_t n = 0;
    if (plain.n == 0)
        return 0;
    ERR_clear_error();
    /* the BIO takes everything, so this never asks for patience */
    int ok = t->opened ? SSL_write_ex(t->ssl, plain.p, plain.n, &n)
                       : SSL_write_early_data(t->ssl, plain.p, plain.n, &n);
    if (ok != 1) {
        bad(t);
        return t->wire->err != 0 ? ERR_NOMEM : ERR_IO;
    }
    must(n == plain.n);
    return 0;
}

void tls_conn_shutdown(struct tls_conn *t)
{
    ERR_clear_error();
    (void)SSL_shutdown(t->ssl);
    ERR_clear_error();
}

void tls_conn_describe(struct tls_conn *t, struct session_tls *out)
{
    const char *sni = SSL_get_servername(t->ssl, TLSEXT_NAMETYPE_host_name);
    const SSL_CIPHER *cipher = SSL_get_current_cipher(t->ssl);
    bool is_13 = SSL_version(t->ssl) == TLS1_3_VERSION;

    memset(out, 0, sizeof *out);
    out->on = true;
    out->version = SSL_get_version(t->ssl);
    out->cipher = SSL_CIPHER_get_name(cipher);
    out->bits = SSL_CIPHER_get_bits(cipher, NULL);
    out->sni = sni != NULL ? sni : "";
    /* Without the extended master secret (RFC 7627) a man in the middle can make two connections of
     * TLS 1.2 with the same bindings: then there are none (RFC 9266 §3, RFC 7627 §6.1). */
    out->binder = is_13 || SSL_get_extms_support(t->ssl) == 1 ? &t->binder : NULL;
}

bool tls_conn_resumed(struct tls_conn *t)
{
    return SSL_session_reused(t->ssl) == 1;
}
