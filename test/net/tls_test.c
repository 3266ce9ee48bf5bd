/* SPDX-License-Identifier: Apache-2.0 */
/* Contexts, and connections without a socket: two memory BIOs joined by hand. */
#include "base/err.h"
#include "certs.h"
#include "net/tickets.h"
#include "net/tls.h"
#include "net/tls_conn.h"
#include "net/tls_pem.h"

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

static struct certs certs;

/* ---- a client in memory ------------------------------------------------------------------- */

struct pair {
    SSL_CTX *ctx;
    SSL *client;
    struct tls_conn *server;
    struct buf wire;
    struct buf plain; /* what the server has read */
    enum tls_status status;
    bool done;
};

static void pair_init(struct pair *p, struct tls_context *t, int max_version)
{
    memset(p, 0, sizeof *p);
    buf_init(&p->wire, 1 << 24);
    buf_init(&p->plain, 1 << 24);
    p->server = tls_conn_new(t, &p->wire);
    p->ctx = SSL_CTX_new(TLS_client_method());
    assert_non_null(p->server);
    assert_non_null(p->ctx);
    SSL_CTX_set_security_level(p->ctx, 0);
    if (max_version != 0) {
        SSL_CTX_set_min_proto_version(p->ctx, 0);
        SSL_CTX_set_max_proto_version(p->ctx, max_version);
    }
    p->client = SSL_new(p->ctx);
    SSL_set_bio(p->client, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(p->client);
}

static void pair_done(struct pair *p)
{
    SSL_free(p->client);
    SSL_CTX_free(p->ctx);
    tls_conn_free(p->server);
    buf_done(&p->wire);
    buf_done(&p->plain);
}

/* What the client has written to the server, in pieces of `cut` bytes. */
static void to_server(struct pair *p, size_t cut)
{
    char bytes[4096];
    int n;
    if (cut > sizeof bytes)
        cut = sizeof bytes;
    while ((n = BIO_read(SSL_get_wbio(p->client), bytes, (int)cut)) > 0) {
        tls_conn_input(p->server, span_of(bytes, (size_t)n));
        if (!p->done) {
            p->status = tls_conn_handshake(p->server);
            p->done = p->status == TLS_DONE;
        }
        if (p->done) {
            char plain[32 * 1024];
            size_t got;
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

static bool shake(struct pair *p, size_t cut)
{
    for (int i = 0; i < 10; i++) {
        int n = SSL_do_handshake(p->client);
        to_server(p, cut);
        to_client(p);
        if (n == 1 && p->done)
            return true;
        if (p->status == TLS_BAD)
            return false;
    }
    return false;
}

static void records_both_ways(void **state)
{
    (void)state;
    static const size_t cuts[] = {1, 7, 4096};
    struct tls_context *t =
        certs_context(&certs, (const char *const[]){"one.test"}, 1, false, NULL);
    static char big[100000];
    for (size_t i = 0; i < COUNT_OF(cuts); i++) {
        struct pair p;
        char got[sizeof big];
        pair_init(&p, t, 0);
        assert_true(shake(&p, cuts[i]));
        memset(big, 'a' + (int)i, sizeof big);
        assert_int_equal(SSL_write(p.client, big, sizeof big), sizeof big);
        to_server(&p, cuts[i]);
        assert_int_equal(p.status, TLS_OPEN);
        assert_true(span_eq(buf_span(&p.plain), span_of(big, sizeof big)));
        assert_int_equal(tls_conn_write(p.server, span_of(big, sizeof big)), 0);
        to_client(&p);
        size_t n = 0;
        for (int part; (part = SSL_read(p.client, got + n, (int)(sizeof got - n))) > 0;)
            n += (size_t)part;
        assert_int_equal(n, sizeof big);
        assert_memory_equal(got, big, sizeof big);
        tls_conn_shutdown(p.server);
        to_client(&p);
        assert_int_equal(SSL_read(p.client, got, 1), 0);
        assert_int_equal(SSL_get_error(p.client, 0), SSL_ERROR_ZERO_RETURN);
        SSL_shutdown(p.client);
        to_server(&p, cuts[i]);
        assert_int_equal(p.status, TLS_EOF);
        pair_done(&p);
    }
    tls_context_unref(t);
}

/* RFC 8446 §2, figure 1: the server may speak behind its Finished. */
static void speaks_before_the_clients_finished(void **state)
{
    (void)state;
    static const size_t cuts[] = {1, 7, 4096};
    struct tls_context *t =
        certs_context(&certs, (const char *const[]){"one.test"}, 1, false, NULL);
    for (size_t i = 0; i < COUNT_OF(cuts); i++) {
        struct pair p;
        char got[100];
        pair_init(&p, t, TLS1_3_VERSION);
        assert_int_equal(SSL_do_handshake(p.client), -1);
        to_server(&p, cuts[i]);
        assert_int_equal(p.status, TLS_EARLY);
        assert_int_equal(tls_conn_write(p.server, SPAN("welcome")), 0);
        to_client(&p);
        assert_int_equal(SSL_do_handshake(p.client), 1);
        assert_int_equal(SSL_read(p.client, got, sizeof got), 7);
        assert_memory_equal(got, "welcome", 7);
        assert_int_equal(SSL_write(p.client, "thanks", 6), 6);
        assert_false(p.done); /* all that was before the client's Finished */
        to_server(&p, cuts[i]);
        assert_true(p.done);
        assert_true(span_eq(buf_span(&p.plain), SPAN("thanks")));
        assert_int_equal(tls_conn_write(p.server, SPAN("bye")), 0);
        to_client(&p);
        assert_int_equal(SSL_read(p.client, got, sizeof got), 3);
        pair_done(&p);
    }
    tls_context_unref(t);
}

/* Not in TLS 1.2 (RFC 5246 §7.3), and not behind a HelloRetryRequest, where OpenSSL stops as well. */
static void has_to_wait_for_the_clients_finished(void **state)
{
    (void)state;
    static const struct {
        int version;
        const char *groups;
    } rows[] = {{TLS1_2_VERSION, "X25519:P-256"}, {TLS1_3_VERSION, "P-521:P-256"}};
    static const size_t cuts[] = {1, 7, 4096};
    struct tls_context *t =
        certs_context(&certs, (const char *const[]){"one.test"}, 1, false, NULL);
    for (size_t i = 0; i < COUNT_OF(rows) * COUNT_OF(cuts); i++) {
        struct pair p;
        pair_init(&p, t, rows[i / COUNT_OF(cuts)].version);
        assert_int_equal(SSL_set1_groups_list(p.client, rows[i / COUNT_OF(cuts)].groups), 1);
        while (SSL_do_handshake(p.client) != 1) {
            to_server(&p, cuts[i % COUNT_OF(cuts)]);
            assert_true(p.status == TLS_OPEN || (p.done && p.wire.n > 0));
            to_client(&p);
        }
        to_server(&p, cuts[i % COUNT_OF(cuts)]);
        assert_true(p.done);
        pair_done(&p);
    }
    tls_context_unref(t);
}

/* Who has had our early words has proved nothing yet. */
static void a_wrong_finished_ends_it(void **state)
{
    (void)state;
    struct tls_context *t =
        certs_context(&certs, (const char *const[]){"one.test"}, 1, false, NULL);
    struct pair p;
    char bytes[4096];
    pair_init(&p, t, TLS1_3_VERSION);
    assert_int_equal(SSL_do_handshake(p.client), -1);
    to_server(&p, 4096);
    assert_int_equal(p.status, TLS_EARLY);
    to_client(&p);
    assert_int_equal(SSL_do_handshake(p.client), 1);
    int n = BIO_read(SSL_get_wbio(p.client), bytes, sizeof bytes);
    assert_true(n > 0);
    bytes[n - 1] ^= 1;
    tls_conn_input(p.server, span_of(bytes, (size_t)n));
    assert_int_equal(tls_conn_handshake(p.server), TLS_BAD);
    assert_true(tls_conn_why(p.server)[0] != '\0');
    pair_done(&p);
    tls_context_unref(t);
}

static void bindings_are_the_clients(void **state)
{
    (void)state;
    struct tls_context *t =
        certs_context(&certs, (const char *const[]){"one.test"}, 1, false, NULL);
    for (int max = TLS1_2_VERSION; max <= TLS1_3_VERSION; max++) {
        struct pair p;
        struct session_tls info;
        struct binding b;
        unsigned char exporter[32], unique[64];
        pair_init(&p, t, max);
        assert_true(shake(&p, 4096));
        tls_conn_describe(p.server, &info);
        assert_true(info.on);
        assert_string_equal(info.version, max == TLS1_2_VERSION ? "TLSv1.2" : "TLSv1.3");
        assert_true(info.bits >= 128 && info.cipher[0] != '\0');
        assert_int_equal(SSL_export_keying_material(p.client, exporter, 32,
                                                    "EXPORTER-Channel-Binding", 24, NULL, 0, 0),
                         1);
        assert_non_null(info.binder);
        info.binder->get(info.binder, &b);
        assert_int_equal(b.exporter_n, 32);
        assert_memory_equal(b.exporter, exporter, 32);
        if (max == TLS1_2_VERSION) {
            size_t n = SSL_get_finished(p.client, unique, sizeof unique);
            assert_int_equal(b.unique_n, n);
            assert_memory_equal(b.unique, unique, n);
        } else {
            assert_int_equal(b.unique_n, 0);
        }
        pair_done(&p);
    }
    tls_context_unref(t);
}

static void no_binding_without_extended_master_secret(void **state)
{
    (void)state;
    struct tls_context *t =
        certs_context(&certs, (const char *const[]){"one.test"}, 1, false, NULL);
    struct pair p;
    struct session_tls info;
    pair_init(&p, t, TLS1_2_VERSION);
    SSL_set_options(p.client, SSL_OP_NO_EXTENDED_MASTER_SECRET);
    assert_true(shake(&p, 4096));
    tls_conn_describe(p.server, &info);
    assert_true(info.on);
    assert_null(info.binder);
    pair_done(&p);
    tls_context_unref(t);
}

static void failures_in_words(void **state)
{
    (void)state;
    struct tls_context *t =
        certs_context(&certs, (const char *const[]){"one.test"}, 1, false, NULL);
    struct tls_context *t13 =
        certs_context(&certs, (const char *const[]){"one.test"}, 1, true, NULL);
    struct pair p;

    pair_init(&p, t, TLS1_VERSION);
    assert_false(shake(&p, 4096));
    assert_string_equal(tls_conn_why(p.server),
                        "the client speaks only TLS 1.0, which is not safe any more");
    pair_done(&p);

    pair_init(&p, t13, TLS1_2_VERSION);
    assert_false(shake(&p, 4096));
    assert_string_equal(tls_conn_why(p.server),
                        "the client speaks only TLS 1.2, which is not safe any more");
    pair_done(&p);

    pair_init(&p, t, TLS1_2_VERSION);
    assert_int_equal(SSL_set_cipher_list(p.client, "ECDHE-ECDSA-AES128-SHA"), 1);
    assert_false(shake(&p, 4096));
    assert_string_equal(tls_conn_why(p.server), "the client offers no cipher that is allowed here");
    pair_done(&p);

    static const char *const plain[] = {"EHLO mail.example\r\n", "GET / HTTP/1.0\r\n"};
    for (size_t i = 0; i < COUNT_OF(plain); i++) {
        pair_init(&p, t, 0);
        tls_conn_input(p.server, span_str(plain[i]));
        assert_int_equal(tls_conn_handshake(p.server), TLS_BAD);
        assert_non_null(strstr(tls_conn_why(p.server), i == 0 ? "not TLS" : "HTTP"));
        pair_done(&p);
    }
    tls_context_unref(t);
    tls_context_unref(t13);
}

/* ---- tickets ------------------------------------------------------------------------------ */

/* Connects, with the session of before if there is one; `*session` becomes the newest. Was it
 * resumed? */
static bool connect_again(struct tls_context *t, int version, SSL_SESSION **session)
{
    struct pair p;
    char got[16];
    pair_init(&p, t, version);
    if (*session != NULL)
        assert_int_equal(SSL_set_session(p.client, *session), 1);
    assert_true(shake(&p, 4096));
    assert_int_equal(SSL_read(p.client, got, sizeof got), -1); /* TLS 1.3: the ticket comes now */
    bool resumed = SSL_session_reused(p.client) == 1;
    assert_int_equal(tls_conn_resumed(p.server), resumed);
    SSL_SESSION_free(*session);
    *session = SSL_get1_session(p.client);
    assert_true(SSL_SESSION_is_resumable(*session));
    /* or OpenSSL's client takes the session for broken off, and does not use it again */
    SSL_set_shutdown(p.client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    pair_done(&p);
    return resumed;
}

/* The ticket of `first` is shown `after_ms` after it was given. */
static bool resumes_after(int version, int64_t wait_ms, int64_t after_ms, bool reload)
{
    struct clock_fake fake;
    static const char *const name[] = {"one.test"};
    SSL_SESSION *session = NULL;
    clock_fake_init(&fake, 1790000000000);
    certs.clock = &fake.clock;
    struct tls_context *t = certs_context(&certs, name, 1, false, NULL);
    SSL_SESSION *other = NULL;
    assert_false(connect_again(t, version, &other)); /* makes the first key */
    clock_fake_advance(&fake, wait_ms);
    assert_false(connect_again(t, version, &session));
    if (reload) {
        struct tls_context *next = certs_context(&certs, name, 1, false, t);
        tls_context_unref(t);
        t = next;
    }
    clock_fake_advance(&fake, after_ms);
    bool resumed = connect_again(t, version, &session);
    /* whatever was answered, the ticket that came with it is good */
    assert_true(connect_again(t, version, &session));
    SSL_SESSION_free(session);
    SSL_SESSION_free(other);
    tls_context_unref(t);
    certs.clock = clock_system();
    return resumed;
}

static void ticket_keys_change_and_survive_a_reload(void **state)
{
    (void)state;
    for (int v = TLS1_2_VERSION; v <= TLS1_3_VERSION; v++) {
        for (int reload = 0; reload <= 1; reload++) {
            assert_true(resumes_after(v, 0, 0, reload != 0));
            assert_true(resumes_after(v, 0, TICKET_KEY_USE_MS - 1, reload != 0));
            /* of the key before: two hours more, so that its last ticket has its time */
            assert_true(resumes_after(v, TICKET_KEY_USE_MS - 1, 1, reload != 0));
            assert_true(resumes_after(v, 0, TICKET_KEY_KEEP_MS - 1, reload != 0));
            assert_false(resumes_after(v, 0, TICKET_KEY_KEEP_MS, reload != 0));
            assert_false(resumes_after(v, 0, 10 * (int64_t)TICKET_KEY_KEEP_MS, reload != 0));
        }
    }
}

/* ---- contexts ----------------------------------------------------------------------------- */

static void tells_about_certificates(void **state)
{
    (void)state;
    static const char *const names[] = {"one.test", "wild.test", "old.test", "cn.test"};
    static const struct {
        const char *subject;
        int days;
        const char *host;
        bool matches;
    } rows[] = {{"one.test", 10, "one.test", true},
                {"one.test", 10, "two.test", false},
                {"wild.test *.wild.test", 400, "mx.wild.test", true},
                {"wild.test *.wild.test", 400, "a.mx.wild.test", false},
                {"old.test", -3, "old.test", true},
                {"cn.test", 10, "cn.test", true}};
    static const size_t index[] = {0, 0, 1, 1, 2, 3};
    struct tls_context *t = certs_context(&certs, names, COUNT_OF(names), false, NULL);
    assert_int_equal(tls_cert_count(t), 4);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct tls_cert_info info;
        tls_cert_info(t, index[i], clock_system(), rows[i].host, &info);
        assert_string_equal(info.subject, rows[i].subject);
        assert_int_equal(info.days_left, rows[i].days);
        assert_int_equal(info.matches_host, rows[i].matches);
        assert_non_null(strstr(info.file, names[index[i]]));
        assert_true(info.not_after_s > 1600000000);
    }
    tls_context_unref(t);
}

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void refusal(const char *cert, const char *key, int err, const char *words)
{
    struct tls_options o = {.certs = &cert, .keys = &key, .n = 1};
    struct tls_context *t;
    struct buf why;
    buf_init(&why, 1000);
    assert_int_equal(tls_context_new(&o, NULL, &why, &t), err);
    buf_putc(&why, '\0');
    if (strstr(why.p, words) == NULL)
        fail_msg("%s", why.p);
    buf_done(&why);
}

static void bad_files_have_their_sentence(void **state)
{
    (void)state;
    const char *crt = certs_path(&certs, "one.test", "crt");
    const char *key = certs_path(&certs, "one.test", "key");
    const char *junk = certs_path(&certs, "junk", "crt");
    write_file(junk, "-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----\n");
    refusal("/nonexistent/x.crt", key, ERR_NOT_FOUND, "/nonexistent/x.crt");
    refusal(crt, "/nonexistent/x.key", ERR_NOT_FOUND, "there is no such file");
    refusal(junk, key, ERR_INVALID, "not a certificate");
    refusal(crt, junk, ERR_INVALID, "not a private key");
    refusal(crt, certs_path(&certs, "wild.test", "key"), ERR_INVALID, "another certificate");
    /* a passphrase is never asked for: that would hang a service */
    EVP_PKEY *locked = EVP_EC_gen("P-256");
    FILE *f = fopen(junk, "w");
    assert_true(f != NULL &&
                PEM_write_PrivateKey(f, locked, EVP_aes_128_cbc(), (const unsigned char *)"secret",
                                     6, NULL, NULL) == 1);
    fclose(f);
    EVP_PKEY_free(locked);
    refusal(crt, junk, ERR_INVALID, "without a passphrase");
    struct tls_options none = {0};
    struct tls_context *t;
    struct buf why;
    buf_init(&why, 1000);
    assert_int_equal(tls_context_new(&none, NULL, &why, &t), ERR_INVALID);
    buf_done(&why);
}

/* A leaf, its chain and its key as texts; the names need not be files then. */
static void certificates_from_memory(void **state)
{
    (void)state;
    const char *file = "no/such.crt", *key_file = "no/such.key";
    struct tls_cert_info info;
    struct tls_context *t;
    struct buf why, crt, key;
    buf_init(&why, 1000);
    buf_init(&crt, TLS_PEM_MAX);
    buf_init(&key, TLS_PEM_MAX);
    assert_int_equal(tls_pem_read(certs_path(&certs, "one.test", "crt"), TLS_PEM_CERT, &crt, &why),
                     0);
    assert_int_equal(tls_pem_read(certs_path(&certs, "wild.test", "crt"), TLS_PEM_CERT, &crt, &why),
                     0);
    assert_int_equal(tls_pem_read(certs_path(&certs, "one.test", "key"), TLS_PEM_KEY, &key, &why),
                     0);
    struct span cert_pem = buf_span(&crt), key_pem = buf_span(&key);
    struct tls_options o = {.certs = &file,
                            .keys = &key_file,
                            .n = 1,
                            .cert_pems = &cert_pem,
                            .key_pems = &key_pem,
                            .clock = certs.clock};
    assert_int_equal(tls_context_new(&o, NULL, &why, &t), 0);
    tls_cert_info(t, 0, certs.clock, "one.test", &info);
    assert_string_equal(info.file, file);
    assert_true(info.matches_host);
    STACK_OF(X509) *chain = NULL;
    assert_int_equal(SSL_CTX_get0_chain_certs(tls_context_ssl(t), &chain), 1);
    assert_int_equal(sk_X509_num(chain), 1);
    tls_context_unref(t);
    cert_pem = span_slice(cert_pem, 0, cert_pem.n - 100); /* the chain is cut */
    assert_int_equal(tls_context_new(&o, NULL, &why, &t), ERR_INVALID);
    cert_pem = SPAN_EMPTY;
    assert_int_equal(tls_context_new(&o, NULL, &why, &t), ERR_INVALID);
    assert_true(span_find(buf_span(&why), SPAN("no/such.crt")) >= 0);
    buf_done(&why);
    buf_done(&crt);
    buf_done(&key);
}

static int set_up(void **state)
{
    (void)state;
    certs_init(&certs);
    certs_make(&certs, "one.test", "DNS:one.test", 10);
    certs_make(&certs, "wild.test", "DNS:Wild.test,DNS:*.wild.test,IP:192.0.2.1", 400);
    certs_make(&certs, "old.test", "DNS:old.test", -3);
    certs_make(&certs, "cn.test", NULL, 10);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    certs_done(&certs);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_both_ways),
        cmocka_unit_test(speaks_before_the_clients_finished),
        cmocka_unit_test(has_to_wait_for_the_clients_finished),
        cmocka_unit_test(a_wrong_finished_ends_it),
        cmocka_unit_test(bindings_are_the_clients),
        cmocka_unit_test(no_binding_without_extended_master_secret),
        cmocka_unit_test(failures_in_words),
        cmocka_unit_test(ticket_keys_change_and_survive_a_reload),
        cmocka_unit_test(tells_about_certificates),
        cmocka_unit_test(bad_files_have_their_sentence),
        cmocka_unit_test(certificates_from_memory),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
