/* SPDX-License-Identifier: Apache-2.0 */
/* The recorder of the power loss test: a library that is preloaded into a program and writes down, in
 * order, everything the program does to one folder, and when it promises something to somebody.
 *
 *   POWER_ROOT   the folder (absolute, without symbolic links)
 *   POWER_LOG    the file the records go to (appended); without it nothing is recorded
 *   POWER_SYNC   "lie": fsync and fdatasync do nothing, "lie-folders": only those of folders do nothing;
 *                both are to show that the test finds it. "skip": they take a
 *                millisecond and are recorded as done, so that a run does not depend on this machine's disk
 *   POWER_SHRINK a divisor for RocksDB's buffers and files, so that a short run flushes and compacts
 *   POWER_WAL    "unsynced": RocksDB's writes are not synced, to show that the test finds it
 *
 * ORDER. One lock is held over each operation and its record, so the records are in the order of the
 * operations. A sync has two records, its begin and its end, and is not under the lock: what was
 * recorded before the begin is on the disk at the end, what came between may be or not.
 *
 * SEVERAL PROCESSES append to one log: a master and the child that it executes anew, which inherits the environment.
 * The log is opened before main, so before the child becomes another user and enters its jail, which refuses
 * nothing that the recorder does later. The order of what two processes do to one file is not recorded; the
 * comparison below would show it.
 *
 * WHAT IT DOES NOT KNOW ends the program at once, with a sentence (shim_die). A library that is
 * preloaded cannot see what libc does inside itself (fopen, mkstemp) nor bare system calls; that is
 * why the replay compares the folder it has rebuilt from all records with the real one.
 *
 * RECORD (little-endian): size u32 (of all of it), kind u8, flags u8, path length u16, data length u32,
 * pid i32, file u64, a i64, b i64, then path and data. `file` names one open() in one process.
 */
#ifndef TEST_POWER_SHIM_H
#define TEST_POWER_SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* clang-format off */
enum shim_kind {           /* test/power/record.py has the same table */
    SHIM_START = 1,        /* a process begins; data: its name */
    SHIM_OPEN = 2,         /* path; flags below */
    SHIM_WRITE = 3,        /* a: offset; data */
    SHIM_TRUNCATE = 4,     /* a: size */
    SHIM_ALLOCATE = 5,     /* a: offset, b: length; flags: the mode (1 the size stays, 2 punch) */
    SHIM_RENAME = 6,       /* path, data: the new path */
    SHIM_UNLINK = 7,       /* path */
    SHIM_MKDIR = 8,        /* path */
    SHIM_RMDIR = 9,        /* path */
    SHIM_LINK = 10,        /* path, data: the new path */
    SHIM_SYNC_BEGIN = 11,  /* a: number of the sync */
    SHIM_SYNC_END = 12,    /* a: number of the sync */
    SHIM_MARK = 13,        /* data: what the workload says (power_mark) */
    SHIM_SEND = 14,        /* a: the peer's port; data: what a server wrote to an accepted connection */
    SHIM_RECEIVE = 15,     /* the same for what it read; data cut at SHIM_RECEIVE_MAX */
    SHIM_DEATH = 99,       /* data: what it does not know */
};
/* clang-format on */

enum {
    SHIM_OPEN_CREATED = 1,
    SHIM_OPEN_TRUNCATED = 2,
    SHIM_OPEN_FOLDER = 4,
    SHIM_OPEN_NAMELESS = 8
};
enum { SHIM_RECEIVE_MAX = 512 };

struct shim_record {
    enum shim_kind kind;
    uint8_t flags;
    uint64_t file;
    int64_t a, b;
    const char *path; /* may be NULL */
    const void *data;
    size_t data_n;
};

/* What a descriptor of this process is. */
enum shim_what { SHIM_NOTHING, SHIM_FILE, SHIM_FOLDER, SHIM_PEER };
struct shim_fd {
    enum shim_what what;
    uint64_t file; /* SHIM_FILE, SHIM_FOLDER */
    int port;      /* SHIM_PEER */
};

bool shim_is_on(void);
void shim_lock(void);
void shim_unlock(void);
void shim_write(const struct shim_record *r); /* with the lock held */
_Noreturn void shim_die(const char *what, const char *path);

/* The absolute, tidy form of a path that is below POWER_ROOT, or POWER_ROOT itself; false: it is elsewhere. */
bool shim_path(int dirfd, const char *path, char *out, size_t size);

enum { SHIM_FDS = 65536 };
/* With the lock held. Never NULL: what it does not know is SHIM_NOTHING. */
struct shim_fd *shim_fd(int fd);
uint64_t shim_next_file(void);

enum shim_sync { SHIM_SYNC_REAL, SHIM_SYNC_LIE, SHIM_SYNC_LIE_FOLDERS, SHIM_SYNC_SKIP };
enum shim_sync shim_sync_mode(void);

/* What a workload calls (it finds the symbols weakly). A promise, at this point of the order: */
void power_mark(const char *text);
/* As kill -9, but never between an operation and its record. The signal does the same to a server. */
void power_die(void);
#define POWER_DEATH (SIGRTMIN + 5)

#endif
