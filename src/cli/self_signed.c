/* SPDX-License-Identifier: Apache-2.0 */
/* X.509 by OpenSSL. It is its own authority (CA:TRUE would let it sign others: so not). */
#include "cli/self_signed.h"

#include "base/err.h"
#include "base/files.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

enum { DAYS = 825 };

static bool add_extension(X509 *cert, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, cert, cert, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    bool ok = extension != NULL && X509_add_ext(cert, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return ok;
}

static bool set_serial(X509 *cert)
{
    unsigned char bytes[16];
    if (RAND_bytes(bytes, sizeof bytes) != 1)
        return false;
    bytes[0] &= 0x7f; /* RFC 5280 §4.1.2.2: positive */
    BIGNUM *number = BN_bin2bn(bytes, sizeof bytes, NULL);
    bool ok = number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert)) != NULL;
    BN_free(number);
    return ok;
}

static X509 *make(EVP_PKEY *key, const char *hostname)
{
    char names[1024];
    int n = snprintf(names, sizeof names, "DNS:%s,DNS:localhost", hostname);
    /* a comma or the like would be read as another name */
    if (n < 0 || (size_t)n >= sizeof names || strpbrk(hostname, ",:;=\"\\ \n") != NULL)
        return NULL;
    X509 *cert = X509_new();
    if (cert == NULL)
        return NULL;
    X509_NAME *subject = X509_get_subject_name(cert);
    /* the common name holds at most 64 signs; clients look at the alternative names only */
    const char *common = strlen(hostname) <= 64 ? hostname : "mailstead";
    bool ok = X509_set_version(cert, X509_VERSION_3) == 1 && set_serial(cert) &&
              X509_gmtime_adj(X509_getm_notBefore(cert), -3600) != NULL &&
              X509_gmtime_adj(X509_getm_notAfter(cert), (long)DAYS * 86400) != NULL &&
              X509_set_pubkey(cert, key) == 1 &&
              X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                                         (const unsigned char *)common, -1, -1, 0) == 1 &&
              X509_set_issuer_name(cert, subject) == 1 &&
              add_extension(cert, NID_subject_alt_name, names) &&
              add_extension(cert, NID_basic_constraints, "critical,CA:FALSE") &&
              add_extension(cert, NID_key_usage, "critical,digitalSignature") &&
              add_extension(cert, NID_ext_key_usage, "serverAuth") &&
              X509_sign(cert, key, EVP_sha256()) > 0;
    if (ok)
        return cert;
    X509_free(cert);
    return NULL;
}

/* What `text` holds, as a file; frees `text`. */
static int write_pem(const char *dir, const char *name, mode_t mode, BIO *text, struct buf *why)
{
    char path[4096];
    char *bytes = NULL;
    long size = text != NULL ? BIO_get_mem_data(text, &bytes) : 0;
    int n = snprintf(path, sizeof path, "%s/%s", dir, name);
    int err = size > 0 && n > 0 && (size_t)n < sizeof path ? 0 : ERR_IO;
    if (err == 0) {
        err = file_make(path, mode, span_of(bytes, (size_t)size));
        if (err != 0)
            buf_printf(why, "%s cannot be written: %s", path, strerror(errno));
    }
    BIO_free(text);
    return err;
}

/* On the disk before `init` says that it is done: a server without its key does not start. */
static int write_both(const char *dir, EVP_PKEY *key, X509 *cert, struct buf *why)
{
    BIO *text = BIO_new(BIO_s_secmem());
    if (text != NULL && PEM_write_bio_PrivateKey(text, key, NULL, NULL, 0, NULL, NULL) != 1)
        BIO_reset(text);
    int err = write_pem(dir, "key.pem", 0600, text, why);
    text = err == 0 ? BIO_new(BIO_s_mem()) : NULL;
    if (text != NULL && PEM_write_bio_X509(text, cert) != 1)
        BIO_reset(text);
    if (err == 0)
        err = write_pem(dir, "cert.pem", 0644, text, why);
    if (err == 0)
        err = folder_sync(dir);
    return err;
}

int self_signed_make(const char *dir, const char *hostname, struct buf *why)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = key != NULL ? make(key, hostname) : NULL;
    int err = 0;
    if (cert == NULL) {
        buf_printf(why, "\"%s\" does not make a certificate: is it a host name?", hostname);
        err = ERR_INVALID;
    } else {
        err = write_both(dir, key, cert, why);
        if (err != 0 && why->n == 0)
            buf_puts(why, err_text(err));
    }
    X509_free(cert);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return err;
}
