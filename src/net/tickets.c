/* SPDX-License-Identifier: Apache-2.0 */
/* Keys are made and dropped when somebody needs one, not by a timer: what nobody asks for needs no
 * rotation, and a test only has to move the clock. Two places are enough: a key is kept for less
 * than two times of use, so when a third one is made the first has expired. */
#include "net/tickets.h"
#include "base/err.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <pthread.h>

enum { KEYS = 2, NAME = 16, SECRET = 32, IV = 16 };
_Static_assert(TICKET_KEY_KEEP_MS <= 2 * TICKET_KEY_USE_MS, "two keys at once are not enough");

struct ticket_key {
    unsigned char name[NAME];
    unsigned char aes[SECRET];
    unsigned char hmac[SECRET];
    int64_t made_ms; /* monotonic */
    bool made;
};

struct tickets {
    int refs; /* atomic */
    struct clock *clock;
    EVP_CIPHER *cipher;   /* fetched once: OpenSSL 3 looks for it by name each time it is named */
    pthread_mutex_t lock; /* guards the keys */
    struct ticket_key keys[KEYS]; /* newest first */
};

struct tickets *tickets_new(struct clock *clock)
{
    struct tickets *t = calloc(1, sizeof *t);
    if (t == NULL)
        return NULL;
    t->refs = 1;
    t->clock = clock;
    t->cipher = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
    if (t->cipher == NULL) {
        free(t);
        return NULL;
    }
    must(pthread_mutex_init(&t->lock, NULL) == 0);
    return t;
}

struct tickets *tickets_ref(struct tickets *t)
{
    __atomic_add_fetch(&t->refs, 1, __ATOMIC_RELAXED);
    return t;
}

void tickets_unref(struct tickets *t)
{
    if (t == NULL || __atomic_sub_fetch(&t->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    pthread_mutex_destroy(&t->lock);
    EVP_CIPHER_free(t->cipher);
    OPENSSL_cleanse(t->keys, sizeof t->keys);
    free(t);
}

/* ---- the keys; the lock is held ----------------------------------------------------------- */

static bool key_is_younger(const struct ticket_key *k, int64_t now, int64_t ms)
{
    return k->made && now - k->made_ms < ms;
}

static bool key_make(struct tickets *t, int64_t now)
{
    struct ticket_key fresh = {.made_ms = now, .made = true};
    if (RAND_bytes(fresh.name, NAME) != 1 || RAND_priv_bytes(fresh.aes, SECRET) != 1 ||
        RAND_priv_bytes(fresh.hmac, SECRET) != 1)
        return false;
    t->keys[1] = t->keys[0];
    t->keys[0] = fresh;
    OPENSSL_cleanse(&fresh, sizeof fresh);
    return true;
}

static void keys_expire(struct tickets *t, int64_t now)
{
    for (size_t i = 0; i < KEYS; i++)
        if (t->keys[i].made && !key_is_younger(&t->keys[i], now, TICKET_KEY_KEEP_MS))
            OPENSSL_cleanse(&t->keys[i], sizeof t->keys[i]);
}

static bool key_to_encrypt(struct tickets *t, int64_t now, struct ticket_key *out)
{
    if (!key_is_younger(&t->keys[0], now, TICKET_KEY_USE_MS) && !key_make(t, now))
        return false;
    *out = t->keys[0];
    return true;
}

static bool key_to_decrypt(struct tickets *t, const unsigned char *name, struct ticket_key *out)
{
    for (size_t i = 0; i < KEYS; i++) {
        if (!t->keys[i].made || memcmp(t->keys[i].name, name, NAME) != 0)
            continue;
        *out = t->keys[i];
        return true;
    }
    return false;
}

/* ---- OpenSSL's question: SSL_CTX_set_tlsext_ticket_key_evp_cb(3) --------------------------- */

static bool key_apply(const struct tickets *t,
                      const struct ticket_key *k,
                      const unsigned char *iv,
                      EVP_CIPHER_CTX *cipher,
                      EVP_MAC_CTX *mac,
                      int enc)
{
    unsigned char hmac[SECRET];
    char digest[] = "SHA256";
    memcpy(hmac, k->hmac, sizeof hmac); /* the parameter is not const */
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, hmac, sizeof hmac),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    bool ok = EVP_CipherInit_ex(cipher, t->cipher, NULL, k->aes, iv, enc) == 1 &&
              EVP_MAC_CTX_set_params(mac, params) == 1;
    OPENSSL_cleanse(hmac, sizeof hmac);
    return ok;
}

/* A client of TLS 1.3 uses a ticket once (RFC 8446 appendix C.4): without a new one in each resumption every
 * other of its connections would pay for a whole handshake. */
static bool is_used_again(const SSL *ssl, const struct ticket_key *k, int64_t now)
{
    return SSL_version(ssl) < TLS1_3_VERSION && key_is_younger(k, now, TICKET_KEY_USE_MS);
}

static int on_ticket(SSL *ssl,
                     unsigned char name[NAME],
                     unsigned char *iv,
                     EVP_CIPHER_CTX *cipher,
                     EVP_MAC_CTX *mac,
                     int enc)
{
    enum { FAILED = -1, NO_SUCH_KEY = 0, FINE = 1, FINE_BUT_RENEW = 2 };
    struct tickets *t = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    struct ticket_key k = {.made = false};
    int64_t now = t->clock->mono_ms(t->clock);
    int answer = FAILED;
    pthread_mutex_lock(&t->lock);
    keys_expire(t, now);
    bool found = enc != 0 ? key_to_encrypt(t, now, &k) : key_to_decrypt(t, name, &k);
    pthread_mutex_unlock(&t->lock);
    if (!found)
        answer = enc != 0 ? FAILED : NO_SUCH_KEY;
    else if (enc != 0 && RAND_bytes(iv, IV) != 1)
        answer = FAILED;
    else if (key_apply(t, &k, iv, cipher, mac, enc))
        answer = enc != 0 || is_used_again(ssl, &k, now) ? FINE : FINE_BUT_RENEW;
    if (enc != 0 && answer == FINE)
        memcpy(name, k.name, NAME);
    OPENSSL_cleanse(&k, sizeof k);
    return answer;
}

int tickets_attach(struct tickets *t, struct ssl_ctx_st *ctx)
{
    (void)SSL_CTX_set_timeout(ctx, TICKET_LIFE_S);
    return SSL_CTX_set_app_data(ctx, t) == 1 &&
                   SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket) == 1
               ? 0
               : ERR_NOMEM;
}
