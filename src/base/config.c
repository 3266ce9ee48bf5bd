/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of config_table.h as an array, and the life of a configuration: one allocation with a
 * reference count, and an arena that holds its texts. */
#include "base/config.h"
#include "base/config_impl.h"
#include "base/err.h"

#include <errno.h>
#include <unistd.h>

#define STR(f, k, def, h)                                                                          \
    {.key = (k),                                                                                   \
     .text = (def),                                                                                \
     .kind_text = "text",                                                                          \
     .help = (h),                                                                                  \
     .kind = KIND_STR,                                                                             \
     .offset = offsetof(struct config, f)},
#define BOOL(f, k, def, h)                                                                         \
    {.key = (k),                                                                                   \
     .number = (def),                                                                              \
     .kind_text = "switch",                                                                        \
     .help = (h),                                                                                  \
     .kind = KIND_BOOL,                                                                            \
     .offset = offsetof(struct config, f)},
#define INT(f, k, def, lo, hi, u, h)                                                               \
    {.key = (k),                                                                                   \
     .number = (def),                                                                              \
     .least = (lo),                                                                                \
     .most = (hi),                                                                                 \
     .unit = (u),                                                                                  \
     .help = (h),                                                                                  \
     .kind = KIND_INT,                                                                             \
     .kind_text = (u) == CONFIG_BYTES     ? "size"                                                 \
                  : (u) == CONFIG_SECONDS ? "time"                                                 \
                                          : "number",                                              \
     .offset = offsetof(struct config, f)},
#define ENUM(f, k, def, w, h)                                                                      \
    {.key = (k),                                                                                   \
     .text = (def),                                                                                \
     .words = (w),                                                                                 \
     .kind_text = "one of " w,                                                                     \
     .help = (h),                                                                                  \
     .kind = KIND_ENUM,                                                                            \
     .offset = offsetof(struct config, f)},
#define LIST(f, k, def, h)                                                                         \
    {.key = (k),                                                                                   \
     .text = (def),                                                                                \
     .kind_text = "list",                                                                          \
     .help = (h),                                                                                  \
     .kind = KIND_LIST,                                                                            \
     .offset = offsetof(struct config, f)},
const struct config_spec config_specs[] = {CONFIG_TABLE(STR, BOOL, INT, ENUM, LIST)};
#undef STR
#undef BOOL
#undef INT
#undef ENUM
#undef LIST

const size_t config_specs_n = COUNT_OF(config_specs);

struct span config_section_of(const char *key)
{
    struct span k = span_str(key);
    ssize_t dot = span_chr(k, '.');
    return dot < 0 ? SPAN("") : span_slice(k, 0, (size_t)dot);
}

struct span config_name_of(const char *key)
{
    struct span k = span_str(key);
    return span_from(k, (size_t)(span_chr(k, '.') + 1));
}

/* ---- defaults ---------------------------------------------------------------------------- */

enum { LIST_DEFAULT_MAX = 8 }; /* texts in the default of a list */

static bool default_list(struct config_box *box, const struct config_spec *spec)
{
    const char *v[LIST_DEFAULT_MAX];
    size_t n = 0;
    struct span rest = span_str(spec->text);
    while (rest.n > 0) {
        must(n < LIST_DEFAULT_MAX);
        v[n] = arena_cstr(box->texts, span_split(&rest, ' '));
        if (v[n++] == NULL)
            return false;
    }
    return config_list_set(box, spec, v, n);
}

static bool default_set(struct config_box *box, const struct config_spec *spec)
{
    char *field = (char *)&box->c + spec->offset;
    switch (spec->kind) {
    case KIND_BOOL: *(bool *)field = spec->number != 0; return true;
    case KIND_INT: *(int64_t *)(void *)field = spec->number; return true;
    case KIND_LIST: return default_list(box, spec);
    case KIND_STR:
    case KIND_ENUM: break;
    }
    return config_value_set(box, spec, span_str(spec->text), NULL);
}

/* `path` as an absolute one, into the arena; NULL when memory has run out. */
static const char *path_from_here(struct arena *a, const char *path)
{
    char here[4096];
    if (path[0] == '/')
        return arena_cstr(a, span_str(path));
    if (getcwd(here, sizeof here) == NULL)
        return arena_cstr(a, span_str(path)); /* the folder is gone: nothing better to say */
    while (path[0] == '.' && path[1] == '/')
        path += 2;
    return arena_printf(a, "%s/%s", strcmp(here, "/") == 0 ? "" : here, path).p;
}

struct config_box *config_box_new(const char *path)
{
    struct config_box *box = calloc(1, sizeof *box);
    if (box == NULL)
        return NULL;
    atomic_init(&box->refs, 1);
    box->texts = arena_new(4 * CONFIG_FILE_MAX);
    bool ok = box->texts != NULL;
    if (ok)
        ok = (box->c.path = path_from_here(box->texts, path)) != NULL;
    for (size_t i = 0; ok && i < config_specs_n; i++)
        ok = default_set(box, &config_specs[i]);
    if (!ok) {
        config_box_free(box);
        return NULL;
    }
    return box;
}

void config_box_free(struct config_box *box)
{
    arena_free(box->texts);
    free(box);
}

/* ---- paths ------------------------------------------------------------------------------- */

/* path below `folder`, unless it is absolute; "." is the folder itself. */
static const char *path_join(struct arena *a, struct span folder, const char *path)
{
    if (path == NULL || folder.p == NULL)
        return NULL;
    if (path[0] == '/')
        return path;
    while (path[0] == '.' && path[1] == '/')
        path += 2;
    if (path[0] == '\0' || strcmp(path, ".") == 0)
        return arena_cstr(a, folder.n == 0 ? SPAN("/") : folder);
    return arena_printf(a, "%.*s/%s", SPAN_ARG(folder), path).p;
}

static bool list_join(struct arena *a, struct span folder, struct config_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        if ((list->v[i] = path_join(a, folder, list->v[i])) == NULL)
            return false;
    return true;
}

/* "engine:path": the path is made absolute; an engine without one is left as it is. */
static const char *store_join(struct arena *a, struct span folder, const char *store)
{
    struct span path = span_str(store);
    struct span engine = span_split(&path, ':');
    if (path.n == 0)
        return store;
    const char *absolute = path_join(a, folder, path.p);
    return absolute == NULL ? NULL : arena_printf(a, "%.*s:%s", SPAN_ARG(engine), absolute).p;
}

int config_paths_absolute(struct config_box *box)
{
    struct config *c = &box->c;
    struct arena *a = box->texts;
    struct span file = span_str(c->path);
    ssize_t slash = span_rchr(file, '/');
    struct span folder = span_slice(file, 0, slash < 0 ? 0 : (size_t)slash);

    c->data = path_join(a, folder, c->data);
    if (c->log_file[0] != '\0')
        c->log_file = path_join(a, folder, c->log_file);
    bool ok = list_join(a, folder, &c->tls_cert) && list_join(a, folder, &c->tls_key);
    struct span data = span_str(c->data);
    if (data.n == 1) /* "/": its parts begin with the slash already */
        data.n = 0;
    c->store = store_join(a, data, c->store);
    c->admin_socket = path_join(a, data, c->admin_socket);
    ok =
        ok && c->data != NULL && c->log_file != NULL && c->store != NULL && c->admin_socket != NULL;
    return ok ? 0 : ERR_NOMEM;
}

/* ---- life -------------------------------------------------------------------------------- */

struct config *config_default(const char *dir)
{
    struct buf path;
    buf_init(&path, 8192);
    buf_printf(&path, "%s/mailstead.conf", dir);
    buf_putc(&path, '\0');
    struct config_box *box = path.err == 0 ? config_box_new(path.p) : NULL;
    buf_done(&path);
    if (box != NULL && config_paths_absolute(box) != 0) {
        config_box_free(box);
        box = NULL;
    }
    return box == NULL ? NULL : &box->c;
}

struct config *config_ref(struct config *c)
{
    atomic_fetch_add_explicit(&CONTAINER_OF(c, struct config_box, c)->refs, 1,
                              memory_order_relaxed);
    return c;
}

void config_unref(struct config *c)
{
    if (c == NULL)
        return;
    struct config_box *box = CONTAINER_OF(c, struct config_box, c);
    int before = atomic_fetch_sub_explicit(&box->refs, 1, memory_order_acq_rel);
    must(before > 0);
    if (before == 1)
        config_box_free(box);
}

/* ---- rows -------------------------------------------------------------------------------- */

bool config_row(size_t index, struct config_row *out)
{
    if (index >= config_specs_n)
        return false;
    const struct config_spec *spec = &config_specs[index];
    *out = (struct config_row){.key = spec->key, .kind = spec->kind_text, .help = spec->help};
    if (spec->kind == KIND_BOOL) {
        out->fallback = spec->number != 0 ? "yes" : "no";
    } else if (spec->kind == KIND_INT) {
        struct buf b;
        buf_init(&b, sizeof out->store);
        config_number_print(&b, spec->number, spec->unit);
        bool fits = span_to_cstr(buf_span(&b), out->store, sizeof out->store);
        must(fits);
        buf_done(&b);
        out->fallback = out->store;
    } else {
        out->fallback = spec->text;
    }
    return true;
}
