/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/certificates.h"

enum { CERT_WARN_DAYS = 14 };

int certificates_use(const struct config *config,
                     const struct span *cert_pems,
                     const struct span *key_pems,
                     struct clock *clock,
                     struct tls_context *previous,
                     struct buf *why,
                     struct tls_context **out)
{
    must(config->tls_cert.n == config->tls_key.n); /* config_load has refused it */
    struct tls_options options = {
        .certs = config->tls_cert.v,
        .keys = config->tls_key.v,
        .cert_pems = cert_pems,
        .key_pems = key_pems,
        .n = config->tls_cert.n,
        .only_13 = config->tls_min == 1,
        .clock = clock,
    };
    return tls_context_new(&options, previous, why, out);
}

int certificates_load(const struct config *config,
                      struct clock *clock,
                      struct buf *why,
                      struct tls_context **out)
{
    return certificates_use(config, NULL, NULL, clock, NULL, why, out);
}

enum certificate_state certificate_state(const struct tls_cert_info *info, size_t index)
{
    return info->days_left < 0                 ? CERTIFICATE_EXPIRED
           : info->days_left <= CERT_WARN_DAYS ? CERTIFICATE_EXPIRES_SOON
           : index == 0 && !info->matches_host ? CERTIFICATE_OTHER_HOST
                                               : CERTIFICATE_GOOD;
}
