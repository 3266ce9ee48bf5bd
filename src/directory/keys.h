/* SPDX-License-Identifier: Apache-2.0 */
/* Where the directory's records are, and what they hold. Private to the room; written to disk, so
 * no line below ever changes its meaning.
 *
 * Texts in keys are written with pack_key_span, so keys sort by domain, then by local part.
 *
 * PART_DIRECTORY, shards 0 … 63. An address is in the shard
 *      h = FNV-1a 64 of the normal form's bytes (local@domain);  shard = (h ^ h >> 32) mod 64
 *   0x01 domain local                  account: version 1, id, status, restore status (3: it is
 *                                      being purged), created ms, removed ms, credentials version,
 *                                      class, name, credentials
 *   0x02 domain local                  alias: version 1, count, targets
 *   0x03 domain                        fence (see below): version 1, incarnation
 *   0x04 class                         fence of a class of service, likewise
 *   0x05 u64(removed ms) domain local  index of removed accounts: version 1
 *
 * PART_DOMAINS 0
 *   0x01 domain                        domain: version 1, incarnation, flags (1: suspended),
 * created ms, alias of, catch-all, default class 0x02 class                         class: version
 * 1, incarnation, quota bytes, quota messages, message size, sends an hour, recipients an hour,
 * inactivity days, count and retention days by special use 0x03                               last
 * incarnation given: version 1, number
 *
 * PART_SYSTEM 0
 *   "directory.account-id"             first account id not yet reserved: version 1, number
 *
 * Accounts and aliases have key spaces of their own so that a few aliases among a million accounts
 * are listed without reading those; both are in one shard, so one transaction sees both and a name
 * is only taken once.
 *
 * FENCES make removing a domain safe without a transaction over all shards. Every domain record has
 * an incarnation, a number that only grows. Who adds an address has read the domain's incarnation I
 * and commits only if the shard's fence for the domain is below I. Who removes incarnation I raises
 * all fences to I, then looks for addresses, then deletes the record if its incarnation is still I.
 * So an address added before its shard's fence is seen by the look, and one after it is refused. A
 * removal that finds addresses gives the record a new incarnation, above the fences, and so does
 * every domain_set; a crash between leaves the domain closed to new addresses until either. Classes
 * of service are removed in the same way.
 */
#ifndef DIRECTORY_KEYS_H
#define DIRECTORY_KEYS_H

#include "directory/address.h"
#include "store/store.h"

enum { DIRECTORY_SHARDS = 64 };

enum directory_key { /* the first byte of a key in PART_DIRECTORY */
                     KEY_ACCOUNT = 1,
                     KEY_ALIAS = 2,
                     KEY_DOMAIN_FENCE = 3,
                     KEY_CLASS_FENCE = 4,
                     KEY_REMOVED = 5,
};
enum domains_key { /* and in PART_DOMAINS */
                   KEY_DOMAIN = 1,
                   KEY_CLASS = 2,
                   KEY_INCARNATION = 3,
};

struct part part_of_domains(void);
struct part part_of_shard(unsigned shard);
struct part part_of_address(const struct address *address);

/* Keys are made in the arena; a span with a NULL pointer when it is full. */
struct span key_of_kind(uint8_t kind, struct arena *a); /* 0x03, or a prefix */
struct span
key_of_name(uint8_t kind, struct span name, struct arena *a); /* also prefix of a domain */
struct span key_of_address(uint8_t kind, const struct address *address, struct arena *a);
struct span key_of_removed(int64_t removed_ms, const struct address *address, struct arena *a);
struct span key_of_ids(void);
/* The first key after `key`. */
struct span key_after(struct span key, struct arena *a);

/* The address in a key of KEY_ACCOUNT, KEY_ALIAS or (with its time) KEY_REMOVED; the name in one of
 * KEY_DOMAIN or KEY_CLASS. ERR_CORRUPT; the arena's error. */
int key_address(struct span key, struct arena *a, struct address *out) MUST_CHECK;
int key_removed(struct span key, struct arena *a, int64_t *removed_ms, struct address *out)
    MUST_CHECK;
int directory_key_name(struct span key, struct arena *a, struct span *out) MUST_CHECK;

#endif
