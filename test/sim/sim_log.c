/* SPDX-License-Identifier: Apache-2.0 */
/* The server's log, for who reads a trace: the linker's --wrap gives each line to us. Formatting
 * and writing takes a lock, so no other task may run meanwhile, or a run with --trace would be
 * another one than without. */
#include "trace.h"
#include "turns.h"

#include "base/log.h"

void __real_log_write(enum log_level level,
                      const char *event,
                      const struct log_field *fields,
                      size_t count);
void __wrap_log_write(enum log_level level,
                      const char *event,
                      const struct log_field *fields,
                      size_t count);

void __wrap_log_write(enum log_level level,
                      const char *event,
                      const struct log_field *fields,
                      size_t count)
{
    if (!trace_shown() || !turns_on())
        return;
    fflush(stdout);
    turns_hold();
    __real_log_write(level, event, fields, count);
    turns_release();
}
