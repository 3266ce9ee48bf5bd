/* SPDX-License-Identifier: Apache-2.0 */
/* A line is built in a fixed array of PIPE_BUF bytes: logging works when memory has run out, and a
 * write of that size to a pipe is never mixed with another's. A field that does not fit is left out
 * and the line ends with cut=true.
 *
 * A reader that has stopped reading may hold up one line for STALL_MS; after that lines are lost at
 * once until it reads again. The alternative, O_NONBLOCK, would also switch the terminal or pipe of
 * whoever started us. */
#include "base/log.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/metrics.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    LINE_MAX_BYTES = PIPE_BUF,
    TAIL = 16, /* kept free for the end of the line: ` cut=true` or `,"cut":true}` */
    VALUE_MAX = 512,
    SCOPE_MAX = 32,
    STALL_MS = 50,
    NUMBER_MAX = 20, /* "-9223372036854775808" */
};

static struct {
    pthread_mutex_t lock; /* of all but the atomic ones, and of one poll and write */
    int fd;
    enum log_level least;   /* atomic */
    enum log_format format; /* atomic */
    bool waits;             /* writing may have to wait for a reader: not to a file */
    bool stalled;           /* the last line found no reader */
    bool torn; /* the last line was written in part: the next one begins on a new line */
} logger = {
    .lock = PTHREAD_MUTEX_INITIALIZER, .fd = STDERR_FILENO, .least = LOG_INFO, .waits = true};

static _Thread_local struct {
    char sid[SCOPE_MAX];
    char mid[SCOPE_MAX];
} scope;

static const char *const level_names[] = {"debug", "info", "warn", "error"};

static enum log_format format_now(void)
{
    return __atomic_load_n(&logger.format, __ATOMIC_RELAXED);
}

struct line {
    char p[LINE_MAX_BYTES];
    size_t n;
    bool cut; /* something did not fit */
};

static void line_put(struct line *l, struct span s)
{
    if (l->cut)
        return;
    if (s.n > sizeof l->p - TAIL - l->n) {
        l->cut = true;
        return;
    }
    if (s.n > 0)
        memcpy(l->p + l->n, s.p, s.n);
    l->n += s.n;
}

/* Length of the UTF-8 character at the front of s if it may be shown as it is, else 0. Not shown:
 * C0 and C1 controls (they drive terminals), line and paragraph separators, and the bidirectional
 * controls that make a line read other than it is. */
static size_t shown(struct span s)
{
    unsigned char c = (unsigned char)s.p[0];
    size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    struct span one = span_slice(s, 0, n);
    if (c < 0x20 || c == 0x7f || one.n < n || !span_is_utf8(one))
        return 0;
    if (c == 0xc2 && (unsigned char)s.p[1] < 0xa0)
        return 0;
    if (n == 3 && span_cmp(one, SPAN("\xe2\x80\xa8")) >= 0 &&
        span_cmp(one, SPAN("\xe2\x80\xae")) <= 0)
        return 0;
    if (n == 3 && span_cmp(one, SPAN("\xe2\x81\xa6")) >= 0 &&
        span_cmp(one, SPAN("\xe2\x81\xa9")) <= 0)
        return 0;
    return n;
}

static void line_escape(struct line *l, unsigned char c)
{
    static const char digits[] = "0123456789abcdef";
    bool json = format_now() == LOG_JSON;
    switch (c) {
    case '"': line_put(l, SPAN("\\\"")); return;
    case '\\': line_put(l, SPAN("\\\\")); return;
    case '\n': line_put(l, SPAN("\\n")); return;
    case '\r': line_put(l, SPAN("\\r")); return;
    case '\t': line_put(l, SPAN("\\t")); return;
    default: break;
    }
    /* JSON knows \u00NN for control characters; bytes that are no text become the text \xNN */
    line_put(l, json ? (c < 0x80 ? SPAN("\\u00") : SPAN("\\\\x")) : SPAN("\\x"));
    line_put(l, span_of((char[]){digits[c >> 4], digits[c & 15]}, 2));
}

static void line_washed(struct line *l, struct span s)
{
    struct span rest = span_slice(s, 0, VALUE_MAX);
    /* do not cut a character in two: at most three of its bytes are before the cut */
    for (int i = 0; i < 3 && s.n > VALUE_MAX && ((unsigned char)s.p[rest.n] & 0xc0) == 0x80; i++)
        rest.n--;
    while (rest.n > 0) {
        size_t n = shown(rest);
        if (n == 0 || rest.p[0] == '"' || rest.p[0] == '\\') {
            line_escape(l, (unsigned char)rest.p[0]);
            n = 1;
        } else {
            line_put(l, span_slice(rest, 0, n));
        }
        rest = span_from(rest, n);
    }
    if (s.n > VALUE_MAX)
        line_put(l, SPAN("\xe2\x80\xa6"));
}

/* Values made of these need no quotes in logfmt. */
static bool is_plain(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!ascii_is_digit(s.p[i]) && !ascii_is_alpha(s.p[i]) &&
            span_chr(SPAN("._-:/@+,*%~[]"), s.p[i]) < 0)
            return false;
    return s.n > 0 && s.n <= VALUE_MAX;
}

static void line_key(struct line *l, const char *key)
{
    bool json = format_now() == LOG_JSON;
    if (l->n > 0)
        line_put(l, json ? SPAN(",\"") : SPAN(" "));
    else if (json)
        line_put(l, SPAN("{\""));
    line_put(l, span_str(key));
    line_put(l, json ? SPAN("\":") : SPAN("="));
}

static struct span number_text(int64_t n, char store[static NUMBER_MAX])
{
    uint64_t left = n < 0 ? -(uint64_t)n : (uint64_t)n;
    size_t at = NUMBER_MAX;
    do {
        store[--at] = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    if (n < 0)
        store[--at] = '-';
    return span_of(store + at, NUMBER_MAX - at);
}

/* All of the field, or nothing of it. */
static void line_field(struct line *l, const struct log_field *f)
{
    size_t before = l->n;
    char number[NUMBER_MAX];

    if (l->cut || f->type == LOG_T_NONE)
        return;
    line_key(l, f->key);
    if (f->type == LOG_T_INT) {
        line_put(l, number_text(f->i, number));
    } else if (f->type == LOG_T_BOOL) {
        line_put(l, f->i != 0 ? SPAN("true") : SPAN("false"));
    } else if (format_now() == LOG_LOGFMT && is_plain(f->s)) {
        line_put(l, f->s);
    } else {
        line_put(l, SPAN("\""));
        line_washed(l, f->s);
        line_put(l, SPAN("\""));
    }
    if (l->cut)
        l->n = before;
}

static void line_end(struct line *l)
{
    bool json = format_now() == LOG_JSON;
    struct span tail = json ? (l->cut ? SPAN(",\"cut\":true}\n") : SPAN("}\n"))
                            : (l->cut ? SPAN(" cut=true\n") : SPAN("\n"));
    must(tail.n <= sizeof l->p - l->n);
    memcpy(l->p + l->n, tail.p, tail.n);
    l->n += tail.n;
}

static bool reader_is_there(void)
{
    struct pollfd p = {.fd = logger.fd, .events = POLLOUT};
    int ready;
    do
        ready = poll(&p, 1, logger.stalled ? 0 : STALL_MS);
    while (ready < 0 && errno == EINTR);
    logger.stalled = ready == 0;
    return ready > 0;
}

/* The whole of s, or false. The lock is held. */
static bool write_whole(struct span s)
{
    if (logger.waits && !reader_is_there())
        return false;
    ssize_t wrote;
    do
        wrote = write(logger.fd, s.p, s.n);
    while (wrote < 0 && errno == EINTR);
    if (wrote > 0)
        logger.torn = (size_t)wrote < s.n;
    return wrote == (ssize_t)s.n;
}

static void line_write(const struct line *l)
{
    (void)pthread_mutex_lock(&logger.lock);
    bool whole = (!logger.torn || write_whole(SPAN("\n"))) && write_whole(span_of(l->p, l->n));
    (void)pthread_mutex_unlock(&logger.lock);
    if (!whole)
        metric_add(METRIC_LOG_LINES_LOST, 1);
}

void log_write(enum log_level level,
               const char *event,
               const struct log_field *fields,
               size_t count)
{
    if (!log_is_on(level))
        return;
    struct line l = {.n = 0};
    char ts[TIME_RFC3339_SIZE];
    struct clock *c = clock_system();
    line_field(&l, &LOG_S("ts", time_rfc3339_text(c->wall_ms(c), ts)));
    line_field(&l, &LOG_Z("level", level_names[level]));
    line_field(&l, &LOG_Z("event", event));
    if (scope.sid[0] != '\0')
        line_field(&l, &LOG_Z("sid", scope.sid));
    if (scope.mid[0] != '\0')
        line_field(&l, &LOG_Z("mid", scope.mid));
    for (size_t i = 0; i < count; i++)
        line_field(&l, &fields[i]);
    line_end(&l);
    line_write(&l);
}

void log_setup(int fd, enum log_level least, enum log_format format)
{
    struct stat s;
    bool is_file = fstat(fd, &s) == 0 && S_ISREG(s.st_mode);
    (void)pthread_mutex_lock(&logger.lock);
    logger.fd = fd;
    logger.waits = !is_file;
    __atomic_store_n(&logger.least, least, __ATOMIC_RELAXED);
    __atomic_store_n(&logger.format, format, __ATOMIC_RELAXED);
    logger.stalled = logger.torn = false;
    (void)pthread_mutex_unlock(&logger.lock);
    (void)signal(SIGPIPE, SIG_IGN); /* a closed log pipe loses lines, not the server */
}

bool log_is_on(enum log_level level)
{
    must((int)level >= 0 && level <= LOG_ERROR);
    return level >= __atomic_load_n(&logger.least, __ATOMIC_RELAXED);
}

static void scope_copy(char to[static SCOPE_MAX], struct span id)
{
    struct span some = span_slice(id, 0, SCOPE_MAX - 1);
    if (some.n > 0)
        memcpy(to, some.p, some.n);
    to[some.n] = '\0';
}

void log_scope_set(struct span sid, struct span mid)
{
    scope_copy(scope.sid, sid);
    scope_copy(scope.mid, mid);
}

void log_scope_clear(void)
{
    log_scope_set(SPAN_EMPTY, SPAN_EMPTY);
}

struct span log_scope_sid(void)
{
    return span_str(scope.sid);
}
