/* SPDX-License-Identifier: Apache-2.0 */
/* Units of work (base/flight.h) that the serving process has died of, and those of them that it
 * does not run any more.
 *
 * A folder with a file for each, named by the unit's fingerprint: ID.crash after the first crash,
 * ID.held besides after the second. The parent makes the files, so that what a process died of is
 * on the disk before the next one starts; the serving process reads the names once; whoever removes
 * ID.held has released the unit, at once and without telling anybody. The content is for people, a
 * "name: value" a line, except for the version: files of another version of the program mean
 * nothing any more, because it may have been mended. */
#ifndef BASE_QUARANTINE_H
#define BASE_QUARANTINE_H

#include "base/flight.h"

#define QUARANTINE_FOLDER "quarantine" /* in the data folder */

enum {
    QUARANTINE_ID = 2 * FLIGHT_PRINT + 1,
    QUARANTINE_TEXT = 4096,
    QUARANTINE_MAX = 1024, /* held at once; more are not known to the server */
};

void quarantine_id(const struct flight_print *print, char out[static QUARANTINE_ID]);

/* ---- the parent ----------------------------------------------------------------------------- */

/* Counts a crash; `text` (after a line with the version) is what its file says. *held_out: it was
 * not the first. On the disk when it returns 0. */
int quarantine_add(const char *folder,
                   const struct flight_print *print,
                   const char *version,
                   struct span text,
                   bool *held_out) MUST_CHECK;
/* Appends "name: value" as one line, whatever bytes there are in the value. */
void quarantine_line(struct buf *to, const char *name, struct span value);

/* ---- the serving process; the last three thread-safe ------------------------------------------ */

/* Reads what is held; removes what is of another version, or a single crash that is older than
 * QUARANTINE_DAYS. */
enum { QUARANTINE_DAYS = 30 };
int quarantine_open(const char *folder, const char *version, int64_t wall_ms) MUST_CHECK;
void quarantine_close(void);
size_t quarantine_count(void);
/* Is it held, still? */
bool quarantine_has(const struct flight_print *print);
/* Logs and counts that it was not run. */
void quarantine_refused(const struct flight_print *print,
                        const char *kind,
                        struct span show,
                        struct ip peer);

/* ---- the operator ---------------------------------------------------------------------------- */

struct quarantine_entry {
    char id[QUARANTINE_ID];
    bool held;        /* false: it crashed once */
    struct span text; /* of its last crash */
};
/* Calls `each` until it returns something else than 0, which is then returned. In no order.
 * ERR_NOT_FOUND: there is no such folder. */
int quarantine_each(const char *folder,
                    int (*each)(void *arg, const struct quarantine_entry *entry),
                    void *arg) MUST_CHECK;
/* Forgets its crashes. ERR_NOT_FOUND, ERR_INVALID (no id), ERR_DENIED. */
int quarantine_release(const char *folder, struct span id) MUST_CHECK;
/* A value of an entry's text; empty if it has none. */
struct span quarantine_value(struct span text, struct span name);

#endif
