/* SPDX-License-Identifier: Apache-2.0 */
/* FNV-1a over the lines. The last ones are kept for when something is wrong and nothing was shown. */
#include "trace.h"
#include "turns.h"

#include <unistd.h>

enum { LINE = 240, SHOWN = 160, KEPT = 60 };

static struct {
    uint64_t seed, hash, lines;
    bool show;
    char kept[KEPT][LINE];
} t;

void trace_begin(uint64_t seed, bool show)
{
    memset(&t, 0, sizeof t);
    t.seed = seed;
    t.show = show;
    t.hash = 0xcbf29ce484222325u;
}

void trace_end(void)
{
    if (t.show)
        fflush(stdout);
}

uint64_t trace_hash(void)
{
    return t.hash;
}

uint64_t trace_seed(void)
{
    return t.seed;
}

bool trace_shown(void)
{
    return t.show;
}

static void count(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        t.hash = (t.hash ^ (uint8_t)s.p[i]) * 0x100000001b3u;
}

static void line_end(char *line, size_t n, bool cut)
{
    if (cut && n >= 3)
        memcpy(line + n - 3, "...", 3);
    line[n] = '\0';
    if (t.show)
        puts(line);
    t.lines++;
}

/* The beginning of a line, in its place among those kept. */
static char *line_begin(size_t *n)
{
    char *line = t.kept[t.lines % KEPT];
    int64_t ms = turns_mono_ms() - 1000000;
    int got = snprintf(line, LINE, "%6llu %8lld.%03d  %-8s ", (unsigned long long)t.lines,
                       (long long)(ms / 1000), (int)(ms % 1000), turns_name());
    *n = (size_t)got;
    count(span_of(line, *n));
    return line;
}

void trace(const char *fmt, ...)
{
    char text[1024];
    va_list args;
    va_start(args, fmt);
    int got = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    size_t n, text_n = (size_t)got < sizeof text ? (size_t)got : sizeof text - 1;
    char *line = line_begin(&n);
    count(span_of(text, text_n));
    size_t some = text_n < SHOWN ? text_n : SHOWN;
    memcpy(line + n, text, some);
    line_end(line, n + some, some < text_n);
}

void trace_bytes(const char *what, struct span bytes)
{
    size_t n, at = 0;
    char *line = line_begin(&n);
    size_t end = n + SHOWN;
    count(bytes);
    n += (size_t)snprintf(line + n, 16, "%s ", what);
    for (; at < bytes.n && n + 4 < end; at++) {
        unsigned char c = (unsigned char)bytes.p[at];
        if (c == '\r' || c == '\n')
            n += (size_t)snprintf(line + n, 3, "%s", c == '\r' ? "\\r" : "\\n");
        else if (c < 0x20 || c > 0x7e)
            n += (size_t)snprintf(line + n, 5, "\\x%02x", c);
        else
            line[n++] = (char)c;
    }
    line_end(line, n, at < bytes.n);
}

void trace_last_words(const char *why)
{
    fflush(stdout);
    fprintf(stderr, "seed %llu: %s\n", (unsigned long long)t.seed, why);
    if (!t.show)
        for (uint64_t i = t.lines > KEPT ? t.lines - KEPT : 0; i < t.lines; i++)
            fprintf(stderr, "    %s\n", t.kept[i % KEPT]);
}

void wrong(const char *fmt, ...)
{
    char text[2048];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    trace("WRONG: %s", text);
    trace_last_words(text);
    fflush(stderr);
    _exit(EXIT_WRONG);
}
