/* SPDX-License-Identifier: Apache-2.0 */
#include "certs.h"

#include <dirent.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

void certs_init(struct certs *c)
{
    c->clock = clock_system();
    snprintf(c->dir, sizeof c->dir, "/tmp/mailstead-certs-XXXXXX");
    must(mkdtemp(c->dir) != NULL);
}

void certs_done(struct certs *c)
{
    DIR *d = opendir(c->dir);
    must(d != NULL);
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        (void)unlinkat(dirfd(d), e->d_name, 0);
    closedir(d);
    must(rmdir(c->dir) == 0);
}

const char *certs_path(struct certs *c, const char *name, const char *ext)
{
    static char paths[4][160];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s.%s", c->dir, name, ext);
    return path;
}

static void write_pem(struct certs *c, const char *name, X509 *x, EVP_PKEY *key)
{
    FILE *f = fopen(certs_path(c, name, "crt"), "w");
    must(f != NULL && PEM_write_X509(f, x) == 1);
    fclose(f);
    f = fopen(certs_path(c, name, "key"), "w");
    must(f != NULL && PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) == 1);
    fclose(f);
}

void certs_make(struct certs *c, const char *name, const char *names, int days)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    must(key != NULL && x != NULL);
    long end = days * 24L * 3600 + 60;
    must(X509_set_version(x, X509_VERSION_3) == 1);
    must(ASN1_INTEGER_set(X509_get_serialNumber(x), 1) == 1);
    X509_gmtime_adj(X509_getm_notBefore(x), days < 0 ? end - 3600 : -3600);
    X509_gmtime_adj(X509_getm_notAfter(x), end);
    X509_NAME *subject = X509_get_subject_name(x);
    must(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1,
                                    -1, 0) == 1);
    must(X509_set_issuer_name(x, subject) == 1 && X509_set_pubkey(x, key) == 1);
    if (names != NULL) {
        X509_EXTENSION *san = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
        must(san != NULL && X509_add_ext(x, san, -1) == 1);
        X509_EXTENSION_free(san);
    }
    must(X509_sign(x, key, EVP_sha256()) > 0);
    write_pem(c, name, x, key);
    X509_free(x);
    EVP_PKEY_free(key);
}

struct tls_context *certs_context(
    struct certs *c, const char *const *names, size_t n, bool only_13, struct tls_context *previous)
{
    char paths[16][160];
    const char *certs[8], *keys[8];
    struct tls_context *t = NULL;
    struct buf why;
    must(n <= COUNT_OF(certs));
    for (size_t i = 0; i < n; i++) {
        snprintf(paths[2 * i], sizeof paths[0], "%s", certs_path(c, names[i], "crt"));
        snprintf(paths[2 * i + 1], sizeof paths[0], "%s", certs_path(c, names[i], "key"));
        certs[i] = paths[2 * i];
        keys[i] = paths[2 * i + 1];
    }
    buf_init(&why, 1000);
    struct tls_options o = {
        .certs = certs, .keys = keys, .n = n, .only_13 = only_13, .clock = c->clock};
    int err = tls_context_new(&o, previous, &why, &t);
    if (err != 0)
        fprintf(stderr, "%.*s\n", SPAN_ARG(buf_span(&why)));
    must(err == 0);
    buf_done(&why);
    return t;
}
