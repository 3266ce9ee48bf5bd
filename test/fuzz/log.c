/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as values of a log line: it stays one line of printable text with nothing forged in it.
 */
#include "fuzz.h"

#include "base/log.h"

#include <sys/mman.h>
#include <unistd.h>

static void check_line(int fd)
{
    char line[8192];
    ssize_t n = pread(fd, line, sizeof line, 0);
    must(n > 0 && n < (ssize_t)sizeof line);
    struct span s = span_of(line, (size_t)n);
    must(span_chr(s, '\n') == n - 1);
    must(span_is_utf8(s));
    for (size_t i = 0; i + 1 < s.n; i++)
        must((unsigned char)s.p[i] >= 0x20 && s.p[i] != 0x7f);
}

/* Outside of quoted values there is one key only that says "event". */
static void check_logfmt(int fd)
{
    char line[8192];
    ssize_t n = pread(fd, line, sizeof line, 0);
    int events = 0;
    bool quoted = false;
    must(n > 0);
    for (ssize_t i = 0; i < n; i++) {
        if (quoted && line[i] == '\\')
            i++;
        else if (line[i] == '"')
            quoted = !quoted;
        else if (!quoted && span_starts(span_of(line + i, (size_t)(n - i)), SPAN(" event=")))
            events++;
    }
    must(!quoted && events == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = span_of(data, size);
    struct span head = span_slice(in, 0, size / 2), tail = span_from(in, size / 2);
    static const enum log_format formats[] = {LOG_LOGFMT, LOG_JSON};
    for (size_t i = 0; i < COUNT_OF(formats); i++) {
        int fd = memfd_create("log", MFD_CLOEXEC);
        must(fd >= 0);
        log_setup(fd, LOG_DEBUG, formats[i]);
        log_scope_set(head, tail);
        log_event(LOG_INFO, "fuzz.line", LOG_S("a", in), LOG_I("n", size), LOG_S("b", head),
                  LOG_S("c", tail));
        log_scope_clear();
        check_line(fd);
        if (formats[i] == LOG_LOGFMT)
            check_logfmt(fd);
        (void)close(fd);
    }
    log_setup(STDERR_FILENO, LOG_INFO, LOG_LOGFMT);
    return 0;
}
