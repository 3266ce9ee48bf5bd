/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration: one file (libconfuse syntax: Debian 12 has no libucl), every key with a safe default, every error with file,
 * line, key and what would be right. A loaded configuration never changes: reload makes a new one,
 * and whoever holds the old keeps a reference.
 */
#ifndef BASE_CONFIG_H
#define BASE_CONFIG_H

#include "base/buf.h"
#include "base/config_table.h"

enum config_unit { CONFIG_COUNT, CONFIG_BYTES, CONFIG_SECONDS };

struct config_list {
    size_t n;
    const char **v; /* NUL-terminated texts, owned by the config */
};

struct config {
    const char *path; /* the file, absolute */
#define STR(field, ...) const char *field;
#define BOOL(field, ...) bool field;
#define INT(field, ...) int64_t field;
#define ENUM(field, ...) int field;
#define LIST(field, ...) struct config_list field;
    CONFIG_TABLE(STR, BOOL, INT, ENUM, LIST)
#undef STR
#undef BOOL
#undef INT
#undef ENUM
#undef LIST
};

/* Reads `path` ("-"-less plain file name). On error returns ERR_INVALID (bad content),
 * ERR_NOT_FOUND, ERR_DENIED or ERR_IO and appends to `why` one line a problem (of values: all of them), like
 *   mailstead.conf:12: smtp.message_size: "50Q" is not a size; write for example 50M
 * Unknown keys are errors, with the nearest known key named. Paths in tls.*, data, store (after the
 * "engine:"), admin.socket, log.file are made absolute. Reference count 1. */
int config_load(const char *path, struct buf *why, struct config **out) MUST_CHECK;

/* The defaults, with paths relative to `dir`. For tests and tools. NULL: out of memory. */
struct config *config_default(const char *dir) MUST_CHECK;

struct config *config_ref(struct config *c); /* thread-safe */
void config_unref(struct config *c);         /* NULL is fine */

/* Writes a commented file with every key. `set` holds pairs key, value that are written as given
 * (not commented out), ended by NULL; all other keys appear commented out with their default. */
void config_write_commented(struct buf *out, const char *const *set);

/* One row of the table, for docs and man pages; index from 0; false at the end. */
struct config_row {
    const char *key;
    const char *kind;     /* "text", "switch", "number", "size", "time", "one of a|b", "list" */
    const char *fallback; /* the default as one writes it */
    const char *help;
};
bool config_row(size_t index, struct config_row *out);

#endif
