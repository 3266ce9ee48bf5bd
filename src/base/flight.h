/* SPDX-License-Identifier: Apache-2.0 */
/* The flight recorder: what each thread was doing, kept where the death of the process does not
 * take it along.
 *
 * It is a memory file with a slot for each thread. The serving process notes a unit of work (a
 * command, a message, a request, a step of a background job) before it runs it and forgets it
 * after; when it has died its parent reads the file. That costs a few copies a unit, and no system
 * call.
 *
 *   flight_begin(FLIGHT_POP3, peer);            this thread's slot is being filled
 *   flight_show(SPAN("RETR 3"));                for people, in the log
 *   flight_key(account); flight_key(uid);       what makes it the same unit when it comes again
 *   err = flight_go();                          recorded from here on; ERR_QUARANTINED: do not run it
 *   …
 *   flight_end();
 *
 * The same unit, run again by whoever sends it again, must have the same key: so no number that
 * changes from try to try belongs in it. No password may be in either text: what is blamed for a
 * crash is written to the disk. Units do not nest: the next begin forgets what went before.
 *
 * When a thread dies of a fault or an abort its slot is marked by a signal handler, so that those
 * who ran beside it are not blamed. A signal from outside marks nothing.
 *
 * In a process that has opened no recorder all of this does nothing. */
#ifndef BASE_FLIGHT_H
#define BASE_FLIGHT_H

#include "base/ip.h"

enum flight_kind {
    FLIGHT_NONE,
    FLIGHT_SMTP_LINE,
    FLIGHT_SMTP_CONTENT, /* a piece of a message on its way in */
    FLIGHT_SMTP_MESSAGE, /* a whole one */
    FLIGHT_POP3,
    FLIGHT_HTTP,
    FLIGHT_JOB,
    FLIGHT_IMAP,
    FLIGHT_KINDS
};

/* "smtp-message" */
const char *flight_kind_name(enum flight_kind kind);

enum {
    FLIGHT_SLOTS = 1200, /* threads that run units; server.threads is 1024 at most */
    FLIGHT_SHOW = 256,
    FLIGHT_KEY = 3 * 1024, /* more is cut; the length still counts */
    FLIGHT_SID = 32,
    FLIGHT_PRINT = 16,
};

/* What units with the same kind and key have in common. */
struct flight_print {
    uint8_t b[FLIGHT_PRINT];
};

/* ---- in the process that works ---------------------------------------------------------------- */

/* Maps the file and puts up the signal handlers. Once, before threads are made; fd can be closed
 * after it. */
int flight_open(int fd) MUST_CHECK;

void flight_begin(enum flight_kind kind, struct ip peer);
void flight_show(struct span text);
void flight_key(struct span bytes);
void flight_key_u64(uint64_t number);
int flight_go(void) MUST_CHECK;
void flight_end(void);

/* A thread that helps another one with its unit has the other's slot for its own. */
struct flight_slot;
struct flight_slot *flight_mine(void);
void flight_share(struct flight_slot *slot);

/* ---- in its parent ---------------------------------------------------------------------------- */

/* A new, empty file; negative enum err. */
int flight_file(void);

/* A unit that ran when the process died. */
struct flight_unit {
    enum flight_kind kind;
    struct flight_print print;
    struct ip peer;
    char sid[FLIGHT_SID];
    char show[FLIGHT_SHOW];
};

enum { FLIGHT_UNITS = 16 };
struct flight_report {
    bool outside;   /* the signal came from another process */
    bool elsewhere; /* a thread crashed that ran no unit */
    size_t crashed; /* units that crashed: the first of `units` */
    size_t running; /* all others; they follow, as far as there is room */
    size_t units_n;
    struct flight_unit units[FLIGHT_UNITS];
};

/* What the file says. It was written by a process that may have been taken over: nothing in it is
 * believed, and texts are ended by NUL but not washed. */
int flight_read(int fd, struct flight_report *out) MUST_CHECK;

#endif
