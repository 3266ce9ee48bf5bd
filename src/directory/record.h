/* SPDX-License-Identifier: Apache-2.0 */
/* The directory's records as bytes (their table: directory/keys.h). Private to the room.
 *
 * Decoders leave texts pointing into the value. They check ranges and answer ERR_CORRUPT; they
 * never trust a length. Fields that a newer program appended are not seen; such a record may be
 * read but must not be written back, so the structs say `newer`.
 */
#ifndef DIRECTORY_RECORD_H
#define DIRECTORY_RECORD_H

#include "directory/directory.h"

struct account_record {
    struct account account;         /* address not set: it is in the key */
    enum account_status restore_to; /* what account_restore makes of it: active or suspended;
                                     * nothing, if account.purging */
    bool newer;
};

struct domain_record {
    struct domain domain; /* name not set */
    uint64_t incarnation;
    bool newer;
};

struct class_record {
    struct class_of_service class_of_service; /* name not set */
    uint64_t incarnation;
    bool newer;
};

struct alias_record {
    struct span *targets;
    size_t targets_n;
    bool newer;
};

/* An empty span with a NULL pointer: the arena is full. */
struct span record_of_account(const struct account_record *r, struct arena *a);
struct span record_of_domain(const struct domain_record *r, struct arena *a);
struct span record_of_class(const struct class_record *r, struct arena *a);
struct span record_of_alias(const struct alias *alias, struct arena *a);
struct span record_of_number(uint64_t number, struct arena *a);

int record_account(struct span value, struct account_record *out) MUST_CHECK;
int record_domain(struct span value, struct domain_record *out) MUST_CHECK;
int record_class(struct span value, struct class_record *out) MUST_CHECK;
int record_alias(struct span value, struct arena *a, struct alias_record *out) MUST_CHECK;
int record_number(struct span value, uint64_t *out) MUST_CHECK;

#endif
