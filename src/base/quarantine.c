/* SPDX-License-Identifier: Apache-2.0 */
/* See base/quarantine.h. Files are made with O_EXCL and never written again: whether there is one
 * is all that the parent has to know, so it parses nothing that others could have written. */
#include "base/quarantine.h"

#include "base/encode.h"
#include "base/err.h"
#include "base/files.h"
#include "base/log.h"
#include "base/metrics.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH = 4096 };
static const char crash[] = ".crash", held[] = ".held";

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards the three */
static struct flight_print prints[QUARANTINE_MAX];
static _Atomic size_t count; /* written under the lock */
static char folder_now[PATH];

void quarantine_id(const struct flight_print *print, char out[static QUARANTINE_ID])
{
    struct buf b;
    buf_init(&b, QUARANTINE_ID);
    hex_encode(&b, span_of(print->b, sizeof print->b));
    must(span_to_cstr(buf_span(&b), out, QUARANTINE_ID));
    buf_done(&b);
}

static int path_make(char out[static PATH], const char *folder, const char *id, const char *suffix)
{
    int n = snprintf(out, PATH, "%s/%s%s", folder, id, suffix);
    return n < 0 || n >= PATH ? ERR_INVALID : 0;
}

/* ---- the parent ----------------------------------------------------------------------------- */

void quarantine_line(struct buf *to, const char *name, struct span value)
{
    bool utf8 = span_is_utf8(value);
    buf_printf(to, "%s: ", name);
    for (size_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];
        buf_putc(to, c < 0x20 || c == 0x7f || (c > 0x7f && !utf8) ? '?' : (char)c);
    }
    buf_putc(to, '\n');
}

int quarantine_add(const char *folder,
                   const struct flight_print *print,
                   const char *version,
                   struct span text,
                   bool *held_out)
{
    char id[QUARANTINE_ID], path[PATH];
    struct buf whole;
    quarantine_id(print, id);
    buf_init(&whole, QUARANTINE_TEXT);
    quarantine_line(&whole, "version", span_str(version));
    buf_put(&whole, text);
    bool again = false;
    int err = whole.err;
    if (err == 0)
        err = path_make(path, folder, id, crash);
    if (err == 0)
        err = file_make(path, 0600, buf_span(&whole));
    if (err == ERR_EXISTS) {
        again = true;
        err = path_make(path, folder, id, held);
        if (err == 0)
            err = file_make(path, 0600, buf_span(&whole));
        if (err == ERR_EXISTS) /* two of it ran when the process died */
            err = 0;
    }
    if (err == 0)
        err = folder_sync(folder);
    if (err == 0)
        *held_out = again;
    buf_done(&whole);
    return err;
}

/* ---- files ---------------------------------------------------------------------------------- */

struct span quarantine_value(struct span text, struct span name)
{
    while (text.n > 0) {
        struct span line = span_split(&text, '\n');
        if (span_skip(&line, name) && span_skip(&line, SPAN(": ")))
            return line;
    }
    return SPAN_EMPTY;
}

/* Is it ID.crash or ID.held? */
static bool name_parse(const char *name, char id[static QUARANTINE_ID], bool *held_out)
{
    struct span s = span_str(name), stem = span_slice(s, 0, QUARANTINE_ID - 1);
    struct span suffix = span_from(s, stem.n);
    *held_out = span_eq(suffix, span_str(held));
    if (!*held_out && !span_eq(suffix, span_str(crash)))
        return false;
    for (size_t i = 0; i < stem.n; i++)
        if (!ascii_is_digit(stem.p[i]) && (stem.p[i] < 'a' || stem.p[i] > 'f'))
            return false;
    return span_to_cstr(stem, id, QUARANTINE_ID);
}

static int file_read(const char *path, struct buf *to, int64_t *changed_ms_out)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return err_from_errno(errno);
    char *room = buf_room(to, QUARANTINE_TEXT);
    ssize_t n = room == NULL || fstat(fd, &st) != 0 ? -1 : read(fd, room, QUARANTINE_TEXT);
    close(fd);
    if (n < 0)
        return ERR_IO;
    buf_added(to, (size_t)n);
    *changed_ms_out = (int64_t)st.st_mtim.tv_sec * 1000;
    return 0;
}

struct found {
    char id[QUARANTINE_ID];
    bool held;
    struct span text;
    int64_t changed_ms;
};

static int files_each(const char *folder, int (*each)(void *arg, const struct found *f), void *arg)
{
    DIR *d = opendir(folder);
    const struct dirent *e;
    int rc = 0;
    if (d == NULL)
        return err_from_errno(errno);
    while (rc == 0 && (e = readdir(d)) != NULL) {
        char path[PATH];
        struct found f;
        struct buf text;
        if (!name_parse(e->d_name, f.id, &f.held) || path_make(path, folder, e->d_name, "") != 0)
            continue;
        buf_init(&text, QUARANTINE_TEXT);
        if (file_read(path, &text, &f.changed_ms) == 0) { /* else it was released this moment */
            f.text = buf_span(&text);
            rc = each(arg, &f);
        }
        buf_done(&text);
    }
    closedir(d);
    return rc;
}

/* ---- the serving process --------------------------------------------------------------------- */

struct opening {
    const char *version;
    int64_t oldest_ms;
    size_t left_out;
};

static int load(void *arg, const struct found *f)
{
    struct opening *o = arg;
    bool same = span_eq(quarantine_value(f->text, SPAN("version")), span_str(o->version));
    if (!same || (!f->held && f->changed_ms < o->oldest_ms)) {
        if (f->held)
            log_event(LOG_INFO, "quarantine.forgotten", LOG_Z("id", f->id),
                      LOG_Z("why", "the program is another version now"));
        char path[PATH];
        if (path_make(path, folder_now, f->id, f->held ? held : crash) == 0)
            (void)unlink(path);
        return 0;
    }
    struct buf raw;
    if (!f->held)
        return 0;
    if (count == QUARANTINE_MAX) {
        o->left_out++;
        return 0;
    }
    buf_init(&raw, sizeof prints[0]);
    int err = hex_decode(&raw, span_str(f->id));
    if (err == 0) {
        memcpy(prints[count].b, raw.p, sizeof prints[0].b);
        count++;
    }
    buf_done(&raw);
    return err;
}

int quarantine_open(const char *folder, const char *version, int64_t wall_ms)
{
    struct opening o = {
        .version = version,
        .oldest_ms = wall_ms - INT64_C(24) * 3600 * 1000 * QUARANTINE_DAYS,
    };
    if (!span_to_cstr(span_str(folder), folder_now, sizeof folder_now))
        return ERR_INVALID;
    count = 0;
    int err = files_each(folder, load, &o);
    if (count > 0 || o.left_out > 0)
        log_event(LOG_WARN, "quarantine.holds", LOG_I("units", count),
                  LOG_I("left_out", o.left_out));
    metric_set(METRIC_QUARANTINE_HELD, (int64_t)count);
    return err;
}

void quarantine_close(void)
{
    pthread_mutex_lock(&lock);
    count = 0;
    pthread_mutex_unlock(&lock);
}

size_t quarantine_count(void)
{
    return atomic_load_explicit(&count, memory_order_relaxed);
}

static size_t find(const struct flight_print *print)
{
    for (size_t i = 0; i < count; i++)
        if (memcmp(prints[i].b, print->b, sizeof print->b) == 0)
            return i;
    return QUARANTINE_MAX;
}

bool quarantine_has(const struct flight_print *print)
{
    char id[QUARANTINE_ID], path[PATH];
    pthread_mutex_lock(&lock);
    size_t i = find(print);
    bool found = i < QUARANTINE_MAX;
    if (found) {
        quarantine_id(print, id);
        found = path_make(path, folder_now, id, held) != 0 || access(path, F_OK) == 0;
        if (!found) {
            prints[i] = prints[--count];
            metric_set(METRIC_QUARANTINE_HELD, (int64_t)count);
            log_event(LOG_INFO, "quarantine.released", LOG_Z("id", id));
        }
    }
    pthread_mutex_unlock(&lock);
    return found;
}

void quarantine_refused(const struct flight_print *print,
                        const char *kind,
                        struct span show,
                        struct ip peer)
{
    char id[QUARANTINE_ID], address[46];
    quarantine_id(print, id);
    metric_add(METRIC_QUARANTINE_REFUSED, 1);
    log_event(LOG_WARN, "quarantine.refused", LOG_Z("id", id), LOG_Z("kind", kind),
              LOG_S("what", show), LOG_S("peer", ip_text(peer, address)));
}

/* ---- the operator ---------------------------------------------------------------------------- */

struct listing {
    const char *folder;
    int (*each)(void *arg, const struct quarantine_entry *entry);
    void *arg;
};

static int tell(void *arg, const struct found *f)
{
    const struct listing *l = arg;
    struct quarantine_entry entry = {.held = f->held, .text = f->text};
    char path[PATH];
    memcpy(entry.id, f->id, sizeof entry.id);
    if (!f->held && path_make(path, l->folder, f->id, held) == 0 && access(path, F_OK) == 0)
        return 0; /* the other file tells it */
    return l->each(l->arg, &entry);
}

int quarantine_each(const char *folder,
                    int (*each)(void *arg, const struct quarantine_entry *entry),
                    void *arg)
{
    struct listing l = {folder, each, arg};
    return files_each(folder, tell, &l);
}

/* The first crash goes first: if it alone were left behind, the next one would hold the unit. */
int quarantine_release(const char *folder, struct span id)
{
    static const char *const suffixes[] = {crash, held};
    char name[QUARANTINE_ID], path[PATH], parsed[QUARANTINE_ID];
    bool is_held, any = false;
    if (id.n != QUARANTINE_ID - 1 || !span_to_cstr(id, name, sizeof name))
        return ERR_INVALID;
    for (size_t i = 0; i < COUNT_OF(suffixes); i++) {
        int err = path_make(path, folder, name, suffixes[i]);
        if (err != 0)
            return err;
        if (!name_parse(path + strlen(folder) + 1, parsed, &is_held))
            return ERR_INVALID;
        if (unlink(path) == 0)
            any = true;
        else if (errno != ENOENT)
            return err_from_errno(errno);
    }
    return any ? 0 : ERR_NOT_FOUND;
}
