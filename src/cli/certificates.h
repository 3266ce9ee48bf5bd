/* SPDX-License-Identifier: Apache-2.0 */
/* The certificates a configuration names: read in the same way by the server and by check-config,
 * and judged by the same rules. */
#ifndef CLI_CERTIFICATES_H
#define CLI_CERTIFICATES_H

#include "base/config.h"
#include "net/tls.h"

/* Reads the files. Errors and `why` as tls_context_new. */
int certificates_load(const struct config *config,
                      struct clock *clock,
                      struct buf *why,
                      struct tls_context **out) MUST_CHECK;
/* With what the files hold: config->tls_cert.n of each. `previous` may be NULL. */
int certificates_use(const struct config *config,
                     const struct span *cert_pems,
                     const struct span *key_pems,
                     struct clock *clock,
                     struct tls_context *previous,
                     struct buf *why,
                     struct tls_context **out) MUST_CHECK;

enum certificate_state {
    CERTIFICATE_GOOD,
    CERTIFICATE_EXPIRED,
    CERTIFICATE_EXPIRES_SOON,
    CERTIFICATE_OTHER_HOST, /* not for this hostname */
};
/* `index` of the certificate: only the first has to be for the server's hostname, it is for clients
 * that name no host; the others have their own names. */
enum certificate_state certificate_state(const struct tls_cert_info *info, size_t index);

#endif
