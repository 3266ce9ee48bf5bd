/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as an address and as a domain: what is accepted is within the limits, is its own normal
 * form, and its key leads back to it. */
#include "fuzz.h"

#include "base/limits.h"
#include "directory/keys.h"

static void check_address(struct span text, struct arena *a)
{
    struct address address, again, kept_normal;
    struct span kept;
    if (address_normalize(text, a, &address) != 0)
        return;
    must(address.local.n >= 1 && address.local.n <= LIMIT_LOCAL_PART);
    must(address.whole.n <= LIMIT_ADDRESS && span_is_utf8(address.whole));
    must(address_normalize(address.whole, a, &again) == 0 && span_eq(again.whole, address.whole));
    must(span_eq(again.local, address.local) && span_eq(again.domain, address.domain));
    must(part_of_address(&address).id < DIRECTORY_SHARDS);
    must(key_address(key_of_address(KEY_ACCOUNT, &address, a), a, &again) == 0);
    must(span_eq(again.whole, address.whole));
    if (address_keep_local(text, a, &kept_normal, &kept) == 0)
        must(address_normalize(kept, a, &again) == 0 && span_eq(again.whole, address.whole));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new(1024 * 1024);
    struct span text = span_of(data, size);
    struct span domain, again;
    check_address(text, a);
    if (domain_normalize(text, a, &domain) == 0)
        must(domain_normalize(domain, a, &again) == 0 && span_eq(again, domain));
    arena_free(a);
    return 0;
}
