/* SPDX-License-Identifier: Apache-2.0 */
#include "store/digest.h"

#include "base/err.h"

void digest_init(struct digest *d, enum digest_kind kind)
{
    *d = (struct digest){.kind = kind};
    if (kind == DIGEST_BLAKE2B) {
        crypto_generichash_init(&d->blake2b, NULL, 0, DIGEST_BYTES);
        return;
    }
    d->sha256 = EVP_MD_CTX_new();
    d->failed = d->sha256 == NULL || EVP_DigestInit_ex2(d->sha256, EVP_sha256(), NULL) != 1;
}

void digest_update(struct digest *d, struct span bytes)
{
    if (bytes.n == 0 || d->failed)
        return;
    if (d->kind == DIGEST_BLAKE2B)
        crypto_generichash_update(&d->blake2b, (const unsigned char *)bytes.p, bytes.n);
    else
        d->failed = EVP_DigestUpdate(d->sha256, bytes.p, bytes.n) != 1;
}

int digest_final(struct digest *d, uint8_t out[DIGEST_BYTES])
{
    if (d->kind == DIGEST_BLAKE2B)
        crypto_generichash_final(&d->blake2b, out, DIGEST_BYTES);
    else if (!d->failed)
        d->failed = EVP_DigestFinal_ex(d->sha256, out, NULL) != 1;
    EVP_MD_CTX_free(d->sha256);
    d->sha256 = NULL;
    return d->failed ? ERR_NOMEM : 0;
}
