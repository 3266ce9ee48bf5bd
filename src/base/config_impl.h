/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of config share; nobody else includes this. config.c holds the rows and the life
 * of a configuration, config_value.c reads and prints one value, config_check.c knows what single
 * keys ask of their values, config_parse.c drives libconfuse, config_write.c writes the commented
 * file. */
#ifndef BASE_CONFIG_IMPL_H
#define BASE_CONFIG_IMPL_H

#include "base/arena.h"
#include "base/config.h"

#include <stdatomic.h>

enum config_kind { KIND_STR, KIND_BOOL, KIND_INT, KIND_ENUM, KIND_LIST };

struct config_spec {
    const char *key;
    const char *text;  /* the default of STR, ENUM and LIST */
    const char *words; /* of ENUM: "a|b|c" */
    const char *kind_text;
    const char *help;
    int64_t number, least, most; /* the default of INT and BOOL; limits of INT */
    size_t offset;               /* of the field in struct config */
    enum config_kind kind;
    enum config_unit unit;
};

extern const struct config_spec config_specs[];
extern const size_t config_specs_n;

enum { CONFIG_KEY_MAX = 64, CONFIG_FILE_MAX = 1024 * 1024 };

/* A struct config with what owns it. Its texts live in the arena. */
struct config_box {
    struct config c;
    struct arena *texts;
    atomic_int refs;
};

/* Section ("" at the top) and name of a key. */
struct span config_section_of(const char *key);
struct span config_name_of(const char *key);

/* ---- config.c ---- */
struct config_box *
config_box_new(const char *path) MUST_CHECK; /* with the defaults; NULL: no memory */
void config_box_free(struct config_box *box);
/* Resolves relative paths, after all values are in. */
int config_paths_absolute(struct config_box *box) MUST_CHECK;

/* ---- config_value.c ---- */
/* Reads `text` as the value of `spec` into its field. false: `why` got the end of a sentence that
 * begins with the key. Not for lists. ERR_NOMEM shows as box->texts being in error. */
bool config_value_set(struct config_box *box,
                      const struct config_spec *spec,
                      struct span text,
                      struct buf *why);
bool config_list_set(struct config_box *box,
                     const struct config_spec *spec,
                     const char *const *v,
                     size_t n);
/* A number as one writes it: 50M, 5min, 17. */
void config_number_print(struct buf *out, int64_t n, enum config_unit unit);

/* ---- config_check.c ---- */
/* What is asked of the texts of this key beyond its kind. */
bool config_text_check(const struct config_spec *spec, struct span text, struct buf *why);
/* What is asked of keys together; one line a problem, without the file. */
void config_whole_check(const struct config *c, struct buf *why);
/* The known key (or section) nearest to one that is not known; NULL if none is near. */
const char *config_nearest(const char *section,
                           const char *name,
                           bool *is_section_out,
                           char store[static CONFIG_KEY_MAX]);

#endif
