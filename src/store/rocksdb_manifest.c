/* SPDX-License-Identifier: Apache-2.0 */
/* A MANIFEST whose last record was being written when the power went.
 *
 * RocksDB's list of its files is a log too, and each record is synced before anything builds on it. A
 * disk that keeps the sectors of a write in any order may have the record with one of them missing, and
 * the library then refuses to open: it takes a torn record in this file for damage, as it would not in its
 * write-ahead log. Nothing depends on such a record (what it would have replaced is still there), so it is
 * cut off.
 *
 * A synced record that went bad later must not be cut off: with it could go mail. The two are told
 * apart by what is missing. Of a torn write whole sectors are, and read as zeros; damage leaves
 * neither. And what is before the record was synced, so all behind a record that was not, was not either.
 *
 * The format is log_format.h's: blocks of 32 KiB; in them records of a masked CRC-32C (of type and
 * content), a length and a type; a logical record is one of type 1, or 2, 3… and 4. */
#include "store/rocksdb_impl.h"

#include "base/err.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    BLOCK = 32768,
    HEADER = 7,
    SECTOR = 512,
    MISSING_MIN = 16, /* so many zeros up to a sector's end are no accident */
    TYPE_FIRST = 2,
    TYPE_MIDDLE = 3,
    TYPE_LAST = 4,
};

static uint32_t take_u32(const char *p)
{
    const unsigned char *b = (const unsigned char *)p;
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static bool is_whole(const char *p, size_t n)
{
    uint32_t masked = take_u32(p) - 0xa282ead8u, crc = masked >> 17 | masked << 15;
    return crc == rocksdb_crc_extend(0, p + 6, n + 1);
}

/* Where the first logical record begins that is not whole, and where the bad part of it ends; false if all
 * are, or the file ends in the middle of one, which RocksDB understands. */
static bool find_broken(struct span file, size_t *begin_out, size_t *end_out)
{
    size_t at = 0, begin = 0;
    while (at + HEADER <= file.n) {
        size_t left = BLOCK - at % BLOCK;
        if (left < HEADER) {
            at += left;
            continue;
        }
        const char *p = file.p + at;
        size_t n = (size_t)(unsigned char)p[4] | (size_t)(unsigned char)p[5] << 8;
        int type = (unsigned char)p[6];
        if (type != TYPE_MIDDLE && type != TYPE_LAST)
            begin = at;
        if (n > left - HEADER || n > file.n - at - HEADER || !is_whole(p, n)) {
            *begin_out = begin;
            *end_out = at + (n > left - HEADER ? left : HEADER + n);
            return *end_out <= file.n;
        }
        at += HEADER + n;
    }
    return false;
}

/* Is a sector, as far as it belongs to that stretch, nothing but zeros? */
static bool misses_sector(struct span file, size_t begin, size_t end)
{
    for (size_t at = begin; at < end;) {
        size_t to = at - at % SECTOR + SECTOR, zeros = 0;
        to = to < end ? to : end;
        while (at + zeros < to && file.p[at + zeros] == '\0')
            zeros++;
        if (zeros == to - at && zeros >= MISSING_MIN)
            return true;
        at = to;
    }
    return false;
}

static int cut(int fd, const char *path, struct span file)
{
    size_t begin, end;
    if (!find_broken(file, &begin, &end) || !misses_sector(file, begin, end))
        return ERR_CORRUPT;
    log_event(LOG_WARN, "store.torn_write", LOG_Z("file", path), LOG_I("bytes", file.n - begin),
              LOG_Z("text", "the list of files ended in a record that was being written when the "
                            "power went; it is cut off, and nothing is lost by it"));
    return ftruncate(fd, (off_t)begin) == 0 && fsync(fd) == 0 ? 0 : err_from_errno(errno);
}

static int cut_file(const char *path)
{
    struct stat st;
    int fd = open(path, O_RDWR | O_CLOEXEC), rc = ERR_CORRUPT;
    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0) {
        size_t n = (size_t)st.st_size;
        void *map = mmap(NULL, n, PROT_READ, MAP_PRIVATE, fd, 0);
        if (map != MAP_FAILED) {
            rc = cut(fd, path, span_of(map, n));
            munmap(map, n);
        }
    }
    if (fd >= 0)
        close(fd);
    return rc;
}

int rocksdb_manifest_mend(struct engine_rocksdb *e)
{
    char *current = NULL, *path = NULL, name[64];
    int rc = ERR_CORRUPT;
    if (asprintf(&current, "%s/CURRENT", e->db_folder) < 0)
        return ERR_NOMEM;
    int fd = open(current, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, name, sizeof(name)) : -1;
    if (fd >= 0)
        close(fd);
    struct span file = span_trim(span_of(name, n > 0 ? (size_t)n : 0));
    if (span_starts(file, SPAN("MANIFEST-")) && span_chr(file, '/') < 0)
        rc = asprintf(&path, "%s/%.*s", e->db_folder, SPAN_ARG(file)) < 0 ? ERR_NOMEM
                                                                          : cut_file(path);
    free(current);
    free(path);
    return rc;
}
