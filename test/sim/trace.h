/* SPDX-License-Identifier: Apache-2.0 */
/* What happened, line by line, as a hash that two runs of one seed share, and to read. */
#ifndef TEST_SIM_TRACE_H
#define TEST_SIM_TRACE_H

#include "base/buf.h"

/* `show`: each line is printed as it comes, the server's log between them. */
void trace_begin(uint64_t seed, bool show);
void trace_end(void);
uint64_t trace_hash(void); /* of all lines so far */
uint64_t trace_seed(void);
bool trace_shown(void);

/* A line: time, running task, text. All of it counts for the hash, 160 bytes of it are shown. */
void trace(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* Bytes of a peer: `what` and the bytes, washed. */
void trace_bytes(const char *what, struct span bytes);

/* The run has shown a fault: says what, the last lines, and the command that does it again, and
 * ends the process. */
_Noreturn void wrong(const char *fmt, ...) PRINTF_LIKE(1, 2);
enum { EXIT_WRONG = 3 };
/* For a process that dies otherwise (must, a sanitizer): the same, without ending it. */
void trace_last_words(const char *why);

#endif
