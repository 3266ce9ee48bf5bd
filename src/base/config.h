/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration: one file (libconfuse syntax; Debian 12 has no library for libucl), every key
 * with a safe default, every error with file, line, key and what would be right. A loaded
 * configuration never changes: reload makes a new one, and whoever holds the old keeps a reference.
 * Any thread may load; one file is parsed at a time.
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
#define STR(field, ...)  const char *field;
#define BOOL(field, ...) bool field;
#define INT(field, ...)  int64_t field;
#define ENUM(field, ...) int field;
#define LIST(field, ...) struct config_list field;
    CONFIG_TABLE(STR, BOOL, INT, ENUM, LIST)
#undef STR
#undef BOOL
#undef INT
#undef ENUM
#undef LIST
};

/* Reads the file `path`. On error returns ERR_INVALID (bad content),
 * ERR_NOT_FOUND, ERR_DENIED, ERR_IO or ERR_NOMEM and appends to `why` one line a problem (of
 * values: all of them), like mailstead.conf:12: smtp.message_size: "50Q" is not a size; write for
 * example 50M Unknown keys are errors, with the nearest known key named. Paths are made absolute:
 * data, tls.* and log.file are relative to the file, store (after the "engine:") and admin.socket
 * to data. Reference count 1. */
int config_load(const char *path, struct buf *why, struct config **out) MUST_CHECK;
/* As config_load, of a text that is at hand; `path` is only named. At most 1 MiB. */
int config_parse(struct span text, const char *path, struct buf *why, struct config **out)
    MUST_CHECK;

/* The text of the file, appended to `to` (made with CONFIG_READ_MAX); for who parses it elsewhere,
 * too. Errors as config_load. */
enum { CONFIG_READ_MAX = (1 << 20) + 2 * 65536 };
int config_read(const char *path, struct buf *to, struct buf *why) MUST_CHECK;

/* The defaults, with paths relative to `dir`. For tests and tools. NULL: out of memory. */
struct config *config_default(const char *dir) MUST_CHECK;

struct config *config_ref(struct config *c); /* thread-safe */
void config_unref(struct config *c);         /* NULL is fine */

/* Writes a commented file with every key. `set` (may be NULL) holds pairs key, value, ended by
 * NULL, that are not commented out; all other keys appear commented out with their default. A value
 * is the plain text (quotes are put where needed); of a list its texts separated by spaces, or,
 * where a text holds a space, the whole as it stands in the file, beginning with "{". */
void config_write_commented(struct buf *out, const char *const *set);

/* One row of the table, for docs and man pages; index from 0; false at the end. */
struct config_row {
    const char *key;
    const char *kind; /* "text", "switch", "number", "size", "time", "one of a|b", "list" */
    const char
        *fallback; /* the default as one writes it; may point to `store`: do not copy the row */
    const char *help;
    char store[24];
};
bool config_row(size_t index, struct config_row *out);

#endif
