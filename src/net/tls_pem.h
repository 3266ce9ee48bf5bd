/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates and keys as the PEM text they are kept in. Reading them is apart from using them,
 * because the process that may read the files is not the one that talks to clients. */
#ifndef NET_TLS_PEM_H
#define NET_TLS_PEM_H

#include "base/buf.h"

#include <openssl/types.h>

enum { TLS_PEM_MAX = 1 << 20 }; /* bytes of one file; the longest chains in use are some 20 kB */

enum tls_pem_kind { TLS_PEM_CERT, TLS_PEM_KEY };

/* Appends the file to `to` (made with TLS_PEM_MAX; of a key the caller wipes it). ERR_NOT_FOUND,
 * ERR_DENIED, ERR_TOO_BIG, ERR_IO; `why` gets a sentence that names the file. */
int tls_pem_read(const char *file, enum tls_pem_kind kind, struct buf *to, struct buf *why)
    MUST_CHECK;

/* The leaf and what follows it as its chain; false: OpenSSL's error queue has the reason. */
bool tls_pem_use_chain(SSL_CTX *ctx, struct span pem) MUST_CHECK;
/* A private key without a passphrase; must fit the certificate that is set. */
bool tls_pem_use_key(SSL_CTX *ctx, struct span pem) MUST_CHECK;

#endif
