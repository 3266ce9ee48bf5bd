/* SPDX-License-Identifier: Apache-2.0 */
/* The same that SSL_CTX_use_certificate_chain_file and SSL_CTX_use_PrivateKey_file do, from memory:
 * OpenSSL has no such functions for that. */
#include "net/tls_pem.h"
#include "base/err.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <unistd.h>

static int explain(const char *file, enum tls_pem_kind kind, int err, struct buf *why)
{
    const char *problem = err == ERR_NOT_FOUND ? "there is no such file"
                          : err == ERR_DENIED  ? "the server has no right to read it"
                          : err == ERR_TOO_BIG ? "it is larger than a certificate or key can be"
                                               : "it cannot be read";
    buf_printf(why, "%s (%s): %s", file, kind == TLS_PEM_CERT ? "certificate" : "private key",
               problem);
    return err;
}

int tls_pem_read(const char *file, enum tls_pem_kind kind, struct buf *to, struct buf *why)
{
    enum { PIECE = 16 * 1024 };
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    int err = fd < 0 ? err_from_errno(errno) : 0;
    while (err == 0) {
        char *room = buf_room(to, PIECE);
        ssize_t got = room == NULL ? 0 : read(fd, room, PIECE);
        if (room == NULL)
            err = to->err;
        else if (got > 0)
            buf_added(to, (size_t)got);
        else if (got == 0)
            break;
        else if (errno != EINTR)
            err = err_from_errno(errno);
    }
    if (fd >= 0)
        close(fd);
    return err == 0 ? 0 : explain(file, kind, err, why);
}

/* An encrypted key would make OpenSSL ask for a passphrase on the terminal, for ever if it is a
 * service. */
static int no_passphrase(char *to, int size, int writing, void *arg)
{
    (void)writing, (void)arg;
    if (size > 0)
        to[0] = '\0';
    return -1;
}

static BIO *bio_of(struct span pem)
{
    return pem.n > INT_MAX ? NULL : BIO_new_mem_buf(pem.n > 0 ? pem.p : "", (int)pem.n);
}

bool tls_pem_use_chain(SSL_CTX *ctx, struct span pem)
{
    ERR_clear_error();
    BIO *in = bio_of(pem);
    X509 *leaf = in == NULL ? NULL : PEM_read_bio_X509_AUX(in, NULL, no_passphrase, NULL);
    bool ok = leaf != NULL && SSL_CTX_use_certificate(ctx, leaf) == 1 &&
              SSL_CTX_clear_chain_certs(ctx) == 1 && ERR_peek_error() == 0;
    X509_free(leaf);
    while (ok) {
        X509 *next = PEM_read_bio_X509(in, NULL, no_passphrase, NULL);
        if (next == NULL)
            break;
        ok = SSL_CTX_add0_chain_cert(ctx, next) == 1; /* takes it when it succeeds */
        if (!ok)
            X509_free(next);
    }
    BIO_free(in);
    if (!ok)
        return false;
    unsigned long e = ERR_peek_last_error(); /* the end of the text is one that is expected */
    if (ERR_GET_LIB(e) != ERR_LIB_PEM || ERR_GET_REASON(e) != PEM_R_NO_START_LINE)
        return false;
    ERR_clear_error();
    return true;
}

bool tls_pem_use_key(SSL_CTX *ctx, struct span pem)
{
    ERR_clear_error();
    BIO *in = bio_of(pem);
    EVP_PKEY *key = in == NULL ? NULL : PEM_read_bio_PrivateKey(in, NULL, no_passphrase, NULL);
    bool ok = key != NULL && SSL_CTX_use_PrivateKey(ctx, key) == 1;
    EVP_PKEY_free(key);
    BIO_free(in);
    return ok;
}
