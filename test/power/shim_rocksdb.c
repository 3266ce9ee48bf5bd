/* SPDX-License-Identifier: Apache-2.0 */
/* RocksDB's settings as the program asks for them, but smaller (POWER_SHRINK), so that a run of seconds has
 * the flushes, compactions, switches of logs and collections of blob files that a server has in hours; and
 * one setting that loses mail (POWER_WAL=unsynced), to show that the test finds it. See shim.h. */
#include "shim.h"

#include <dlfcn.h>
#include <rocksdb/c.h>

#define EXPORT __attribute__((visibility("default")))

static uint64_t shrunk(uint64_t n)
{
    const char *text = getenv("POWER_SHRINK");
    uint64_t divisor = text != NULL ? strtoull(text, NULL, 10) : 1;
    n /= divisor > 0 ? divisor : 1;
    return n > 65536 ? n : 65536; /* RocksDB takes no smaller write buffer */
}

/* The function of the library itself. */
static void *real(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    if (found == NULL)
        shim_die("a RocksDB without this function", name);
    return found;
}

EXPORT void rocksdb_options_set_write_buffer_size(rocksdb_options_t *o, size_t n)
{
    ((void (*)(rocksdb_options_t *, size_t))real(__func__))(o, shrunk(n));
}

EXPORT void rocksdb_options_set_max_total_wal_size(rocksdb_options_t *o, uint64_t n)
{
    ((void (*)(rocksdb_options_t *, uint64_t))real(__func__))(o, shrunk(n));
}

EXPORT void rocksdb_options_set_blob_file_size(rocksdb_options_t *o, uint64_t n)
{
    ((void (*)(rocksdb_options_t *, uint64_t))real(__func__))(o, shrunk(n));
}

EXPORT void rocksdb_options_set_bytes_per_sync(rocksdb_options_t *o, uint64_t n)
{
    ((void (*)(rocksdb_options_t *, uint64_t))real(__func__))(o, shrunk(n));
}

EXPORT void rocksdb_writeoptions_set_sync(rocksdb_writeoptions_t *o, unsigned char on)
{
    const char *text = getenv("POWER_WAL");
    if (text != NULL && strcmp(text, "unsynced") == 0)
        on = 0;
    ((void (*)(rocksdb_writeoptions_t *, unsigned char))real(__func__))(o, on);
}
