/* SPDX-License-Identifier: Apache-2.0 */
/* Opening a RocksDB store.
 *
 *   FOLDER/FORMAT   one line, "mailstead store N"; flock'ed while the store is open
 *   FOLDER/db/      RocksDB's files
 *
 * The format is a file of its own because RocksDB writes as soon as it opens anything: a newer
 * store must be refused with not one byte changed. The lock is on it for the same reason, and
 * because it stays ours while the database is closed and opened again by a repair.
 *
 * SETTINGS and their reasons are in docs/store.md; the ones that keep promises:
 * - Recovery is POINT IN TIME. Bodies are written ahead unsynced, so after loss of power the log's
 * end may have holes (pages reach the disk in any order); "tolerate corrupted tail" would call such
 * a hole damage and refuse to start although nothing acknowledged is behind it. Every sync covers
 * all that was written before it: in DBImpl::WriteToWAL a sync write syncs every log file in logs_,
 * not only its own, and a log leaves logs_ only when synced or when its content is in synced table
 * files (SyncClosedLogs before a flush). So the first hole is always behind the last acknowledged
 * write.
 * - Blocks are small (2 KiB, a dozen or two of records), because a damaged block is what damage
 * costs. The price is an index of a few percent. Records are not compressed: they are small, and
 * bodies, which are compressed, each lie in a blob file under a checksum of their own.
 * - RocksDB's own log is off but for its headers. Debian builds the library with assertions, and
 * one of them ends the process when a file is written to after a write to it has failed: with a
 * full disk the second line of that log would end the server. What matters in it comes back as an
 * error and is in our log. For the same reason a store is not opened on a disk without room for
 * what opening writes.
 * - Paranoid checks are on. With them a compaction that meets a damaged block stops all writes: one
 * bad block would stop all mail. So damage once found (at opening, or by a write refused for it)
 * opens the database again RELAXED, without paranoid checks: readers still verify every block,
 * RocksDB leaves the damaged file as it is, mail goes on, and the log says what to do.
 */
#include "store/rocksdb_impl.h"

#include "base/err.h"
#include "base/files.h"
#include "base/log.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    ROCKSDB_LOG_HEADERS_ONLY = 5,
    OPEN_ROOM = 4 << 20, /* bytes free without which opening is not tried */
};

static const char *const cf_names[CF_COUNT] = {"default", "meta", "chunks"};

int rocksdb_error(char *text, const char *context)
{
    if (text == NULL)
        return 0;
    struct span t = span_str(text);
    int err = ERR_IO;
    if (span_find(t, SPAN("No space left")) >= 0 || span_find(t, SPAN("Disk quota")) >= 0 ||
        span_find(t, SPAN("NoSpace")) >= 0)
        err = ERR_DISK_FULL;
    else if (span_starts(t, SPAN("Corruption")))
        err = ERR_CORRUPT;
    log_event(LOG_ERROR, "store.rocksdb", LOG_Z("doing", context), LOG_S("text", t), LOG_ERR(err));
    rocksdb_free(text);
    return err;
}

/* ---- settings ---------------------------------------------------------------------------- */

static rocksdb_block_based_table_options_t *table_options(struct engine_rocksdb *e)
{
    rocksdb_block_based_table_options_t *t = rocksdb_block_based_options_create();
    rocksdb_block_based_options_set_block_cache(t, e->cache);
    rocksdb_block_based_options_set_block_size(t, 2 * 1024);
    /* index and filter blocks count against the cache: memory has one bound */
    rocksdb_block_based_options_set_cache_index_and_filter_blocks(t, 1);
    rocksdb_block_based_options_set_cache_index_and_filter_blocks_with_high_priority(t, 1);
    rocksdb_block_based_options_set_pin_l0_filter_and_index_blocks_in_cache(t, 1);
    /* both in small pieces: the whole ones of a file of 50 MB are larger than a shard of the cache,
     * so that every look-up would read and checksum megabytes again */
    rocksdb_block_based_options_set_index_type(
        t, rocksdb_block_based_table_index_type_two_level_index_search);
    rocksdb_block_based_options_set_partition_filters(t, 1);
    rocksdb_block_based_options_set_metadata_block_size(t, 4096);
    rocksdb_block_based_options_set_pin_top_level_index_and_filter(t, 1);
    rocksdb_block_based_options_set_filter_policy(t, rocksdb_filterpolicy_create_bloom_full(10));
    rocksdb_block_based_options_set_format_version(t, 5);
    return t;
}

static rocksdb_options_t *cf_options(struct engine_rocksdb *e, enum engine_cf cf)
{
    static const size_t write_buffers[CF_COUNT] = {
        [CF_RECORDS] = 8 << 20, [CF_META] = 4 << 20, [CF_CHUNKS] = 16 << 20};
    rocksdb_options_t *o = rocksdb_options_create();
    rocksdb_block_based_table_options_t *t = table_options(e);
    rocksdb_options_set_block_based_table_factory(o, t);
    rocksdb_block_based_options_destroy(t);
    rocksdb_options_set_write_buffer_size(o, write_buffers[cf]);
    rocksdb_options_set_max_write_buffer_number(o, 3);
    rocksdb_options_set_compression(o, rocksdb_no_compression);
    rocksdb_options_set_level_compaction_dynamic_level_bytes(o, 1);
    if (cf == CF_CHUNKS) {
        rocksdb_options_set_enable_blob_files(o, 1);
        rocksdb_options_set_min_blob_size(o, 2 * 1024);
        rocksdb_options_set_blob_file_size(o, 256 << 20);
        rocksdb_options_set_blob_compression_type(o, rocksdb_no_compression); /* chunk.h */
        rocksdb_options_set_enable_blob_gc(o, 1);
        rocksdb_options_set_blob_gc_age_cutoff(o, 0); /* rocksdb_reclaim.c */
        rocksdb_options_set_blob_gc_force_threshold(o, 0.5);
    }
    return o;
}

static void db_options(rocksdb_options_t *o)
{
    rocksdb_options_set_create_missing_column_families(o, 1);
    rocksdb_options_set_wal_recovery_mode(o, rocksdb_point_in_time_recovery);
    rocksdb_options_set_max_total_wal_size(o, 64 << 20);
    rocksdb_options_set_max_open_files(o, 512);
    rocksdb_options_set_max_background_jobs(o, 2);
    rocksdb_options_set_bytes_per_sync(o, 1 << 20); /* flushes do not hit the disk in one burst */
    /* who shares a log write waits for a sync anyhow: not by spinning, and woken once, when all is done */
    rocksdb_options_set_allow_concurrent_memtable_write(o, 0);
    rocksdb_options_set_enable_write_thread_adaptive_yield(o, 0);
    rocksdb_options_set_info_log_level(o, ROCKSDB_LOG_HEADERS_ONLY);
    rocksdb_options_set_max_log_file_size(o, 1 << 20);
    rocksdb_options_set_keep_log_file_num(o, 2);
    rocksdb_options_set_stats_dump_period_sec(o, 0);
    rocksdb_options_set_stats_persist_period_sec(o, 0);
    rocksdb_options_set_skip_stats_update_on_db_open(o, 1); /* start in seconds with many files */
}

static void settings_init(struct engine_rocksdb *e)
{
    e->cache = rocksdb_cache_create_lru(32 << 20);
    for (int cf = 0; cf < CF_COUNT; cf++)
        e->options[cf] = cf_options(e, (enum engine_cf)cf);
    db_options(e->options[0]);
    e->write_sync = rocksdb_writeoptions_create();
    rocksdb_writeoptions_set_sync(e->write_sync, 1);
    e->write_nosync = rocksdb_writeoptions_create();
}

static void settings_done(struct engine_rocksdb *e)
{
    rocksdb_writeoptions_destroy(e->write_sync);
    rocksdb_writeoptions_destroy(e->write_nosync);
    for (int cf = 0; cf < CF_COUNT; cf++)
        rocksdb_options_destroy(e->options[cf]);
    rocksdb_cache_destroy(e->cache);
}

/* ---- the database ------------------------------------------------------------------------ */

void rocksdb_db_close(struct engine_rocksdb *e)
{
    if (e->db == NULL)
        return;
    for (int cf = 0; cf < CF_COUNT; cf++)
        rocksdb_column_family_handle_destroy(e->cf[cf]);
    rocksdb_close(e->db);
    e->db = NULL;
}

static char *try_open(struct engine_rocksdb *e, bool create)
{
    char *err = NULL;
    rocksdb_options_t *o = e->options[0];
    rocksdb_options_set_create_if_missing(o, create);
    rocksdb_options_set_paranoid_checks(o, !e->relaxed);
    const rocksdb_options_t *options[CF_COUNT];
    for (int cf = 0; cf < CF_COUNT; cf++)
        options[cf] = e->options[cf];
    if (e->read_only)
        e->db = rocksdb_open_for_read_only_column_families(o, e->db_folder, CF_COUNT, cf_names,
                                                           options, e->cf, 0, &err);
    else
        e->db =
            rocksdb_open_column_families(o, e->db_folder, CF_COUNT, cf_names, options, e->cf, &err);
    if (err != NULL)
        e->db = NULL;
    return err;
}

static bool is_about_manifest(const char *err)
{
    return err != NULL && span_starts(span_str(err), SPAN("Corruption")) &&
           span_find(span_str(err), SPAN("MANIFEST")) >= 0;
}

int rocksdb_db_open(struct engine_rocksdb *e, bool create, struct buf *why)
{
    char *err = try_open(e, create);
    if (is_about_manifest(err) && !e->read_only) {
        rocksdb_free(err); /* comes again, and into the log, if it was something else */
        err = NULL;
        int mended = rocksdb_manifest_mend(e);
        if (mended != 0 && mended != ERR_CORRUPT)
            return mended;
        err = try_open(e, create);
    }
    if (err != NULL && span_starts(span_str(err), SPAN("Corruption")) && !e->relaxed) {
        e->relaxed = true;
        (void)rocksdb_error(err, "open");
        err = try_open(e, create);
    }
    if (err != NULL && why != NULL)
        buf_printf(why, "the store in %s cannot be opened: %s", e->folder, err);
    int rc = rocksdb_error(err, "open");
    if (rc == 0 && e->relaxed)
        log_event(
            LOG_ERROR, "store.damaged", LOG_Z("folder", e->folder),
            LOG_Z("text",
                  "part of the store cannot be read; mail goes on. Run 'mailstead store check' and "
                  "restore what it names"));
    return rc;
}

/* ---- the folder -------------------------------------------------------------------------- */

static void explain(struct buf *why, const char *folder, const char *text)
{
    if (why != NULL)
        buf_printf(why, "the store in %s %s", folder, text);
}

static int explain_errno(struct buf *why, const char *folder, const char *what)
{
    int number = errno;
    if (why != NULL)
        buf_printf(why, "the store in %s: %s: %s", folder, what, strerror(number));
    return err_from_errno(number);
}

/* A new FORMAT file, only in a folder that holds nothing: what else is there is not ours. Written
 * aside and renamed, so that there is never a half one. */
static int format_create(struct engine_rocksdb *e, const char *path, struct buf *why)
{
    struct buf aside;
    buf_init(&aside, 8192);
    buf_printf(&aside, "%s.new", path);
    buf_putc(&aside, '\0');
    if (aside.err != 0)
        return aside.err;
    int rc = 0;
    if (mkdir(e->folder, 0700) != 0 && errno != EEXIST)
        rc = explain_errno(why, e->folder, "cannot make the folder");
    if (rc == 0 && rmdir(e->folder) == 0 && mkdir(e->folder, 0700) != 0)
        rc = explain_errno(why, e->folder, "cannot make the folder");
    else if (rc == 0 && access(e->db_folder, F_OK) == 0) {
        explain(why, e->folder, "has lost its FORMAT file");
        rc = ERR_CORRUPT;
    }
    int fd = rc == 0 ? open(aside.p, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;
    if (rc == 0 && fd < 0)
        rc = explain_errno(why, e->folder, "cannot write there");
    if (rc == 0) {
        char line[64];
        int n = snprintf(line, sizeof(line), "mailstead store %d\n", (int)STORE_FORMAT);
        if (write(fd, line, (size_t)n) != n || fsync(fd) != 0 || rename(aside.p, path) != 0 ||
            folder_sync(e->folder) != 0 || folder_sync_above(e->folder) != 0)
            rc = explain_errno(why, e->folder, "cannot write there");
    }
    if (fd >= 0)
        close(fd);
    buf_done(&aside);
    return rc;
}

static int format_parse(const char *text, size_t n, uint64_t *format)
{
    struct span s = span_trim(span_of(text, n));
    return span_skip(&s, SPAN("mailstead store ")) && span_to_u64(s, format) ? 0 : ERR_CORRUPT;
}

/* In place, since the lock is on this file: one digit of a line that has one either way. Once the
 * database is open, so that a program that cannot open it leaves it to the one that wrote it; and
 * before anything is written that only this one understands. */
static int format_upgrade(struct engine_rocksdb *e, struct buf *why)
{
    char line[64], *path;
    int n = snprintf(line, sizeof(line), "mailstead store %d\n", (int)STORE_FORMAT);
    if (asprintf(&path, "%s/FORMAT", e->folder) < 0)
        return ERR_NOMEM;
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    int rc = 0;
    if (fd < 0 || pwrite(fd, line, (size_t)n, 0) != n || fsync(fd) != 0)
        rc = explain_errno(why, e->folder, "cannot write there");
    if (fd >= 0)
        close(fd);
    free(path);
    return rc;
}

static int format_read(struct engine_rocksdb *e, struct buf *why)
{
    char text[128];
    uint64_t format = 0;
    ssize_t n = read(e->lock_fd, text, sizeof(text));
    if (n < 0)
        return explain_errno(why, e->folder, "cannot read FORMAT");
    int rc = format_parse(text, (size_t)n, &format);
    if (rc != 0)
        explain(why, e->folder, "has a FORMAT file that makes no sense");
    else if (format > STORE_FORMAT) {
        if (why != NULL)
            buf_printf(
                why,
                "the store in %s has format %llu, and this program knows formats up to %d; it was "
                "left as it is",
                e->folder, (unsigned long long)format, (int)STORE_FORMAT);
        rc = ERR_FORMAT_NEWER;
    }
    e->older_format = format < STORE_FORMAT;
    return rc;
}

static int folder_lock(struct engine_rocksdb *e, bool create, struct buf *why)
{
    struct buf path;
    buf_init(&path, 8192);
    buf_printf(&path, "%s/FORMAT", e->folder);
    buf_putc(&path, '\0');
    int rc = path.err;
    if (rc == 0)
        e->lock_fd = open(path.p, O_RDONLY | O_CLOEXEC);
    if (rc == 0 && e->lock_fd < 0 && errno == ENOENT && create) {
        rc = format_create(e, path.p, why);
        if (rc == 0)
            e->lock_fd = open(path.p, O_RDONLY | O_CLOEXEC);
    }
    if (rc == 0 && e->lock_fd < 0) {
        if (errno == ENOENT) {
            explain(why, e->folder, "does not exist");
            rc = ERR_NOT_FOUND;
        } else {
            rc = explain_errno(why, e->folder, "cannot open FORMAT");
        }
    }
    buf_done(&path);
    if (rc == 0 && flock(e->lock_fd, (e->read_only ? LOCK_SH : LOCK_EX) | LOCK_NB) != 0) {
        explain(why, e->folder, "is open in another process");
        rc = errno == EWOULDBLOCK ? ERR_IN_USE : err_from_errno(errno);
    }
    return rc == 0 ? format_read(e, why) : rc;
}

/* ---- opening and closing ------------------------------------------------------------------ */

static void engine_free(struct engine_rocksdb *e)
{
    rocksdb_gate_done(e);
    rocksdb_db_close(e);
    settings_done(e);
    if (e->lock_fd >= 0)
        close(e->lock_fd);
    free(e->folder);
    free(e->db_folder);
    free(e);
}

void rocksdb_engine_close(struct engine *engine)
{
    engine_free(rocksdb_of(engine));
}

int engine_rocksdb_open(const char *folder,
                        const struct engine_options *options,
                        struct buf *why,
                        struct engine **out)
{
    rocksdb_crc_prove();
    struct engine_rocksdb *e = calloc(1, sizeof(*e));
    if (e == NULL)
        return ERR_NOMEM;
    e->engine.vt = &rocksdb_vtable;
    e->lock_fd = -1;
    e->read_only = options->read_only;
    e->reserve_bytes = options->reserve_bytes;
    rocksdb_gate_init(e);
    settings_init(e);
    e->folder = strdup(folder);
    if (e->folder == NULL || asprintf(&e->db_folder, "%s/db", folder) < 0) {
        e->db_folder = NULL;
        engine_free(e);
        return ERR_NOMEM;
    }
    bool create = options->create && !options->read_only;
    int rc = folder_lock(e, create, why);
    if (rc == 0 && e->engine.vt->free_bytes(&e->engine) < OPEN_ROOM) {
        explain(why, e->folder, "cannot be opened: its disk is full");
        rc = ERR_DISK_FULL;
    }
    if (rc == 0)
        rc = rocksdb_db_open(e, create, why);
    if (rc == 0 && e->older_format && !e->read_only)
        rc = format_upgrade(e, why);
    if (rc == 0 && create &&
        folder_sync_above(e->db_folder) != 0) /* RocksDB syncs only inside of it */
        rc = explain_errno(why, e->folder, "cannot write there");
    if (rc != 0) {
        engine_free(e);
        return rc;
    }
    *out = &e->engine;
    return 0;
}
