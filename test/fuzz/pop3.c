/* SPDX-License-Identifier: Apache-2.0 */
/* POP3 sessions from the greeting to their end: logins, lists, messages, deletion. The first byte of the input
 * chooses TLS, how the bytes arrive, whether somebody is logged in already, and what is wanted of the answers; the
 * rest is a script (script.h).
 *
 *   FUZZ_TWICE    The script is played at once and byte by byte: the answers must be the same.
 *   FUZZ_MESSAGE  The first flight is a message: it is put into the mailbox, and after all is read from it and
 *                 compared with the bytes that went in.
 *   FUZZ_TOGETHER A new connection leaves the one before it open, and the mailbox is for one session at a time.
 *
 * What answers is made of lines, and the mailbox agrees with itself in the end. */
#include "fuzz.h"

#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "script.h"
#include "world.h"

enum {
    FUZZ_TLS = 1,
    FUZZ_RANDOM = 2,
    FUZZ_LOGIN = 4,
    FUZZ_SILENT_END = 8,
    FUZZ_TWICE = 16,
    FUZZ_MESSAGE = 32,
    FUZZ_TOGETHER = 64,
    HOSTS_MAX = 4,
    TWICE_SIZE_MAX = 3000, /* byte by byte costs the square of it */
};

/* ---- the installation -------------------------------------------------------------------- */

static struct message_id own[3]; /* the messages that are always there */

static struct world *world(void)
{
    static struct world w;
    static bool made;
    if (!made) {
        made = true;
        log_setup(2, LOG_ERROR, LOG_LOGFMT);
        world_open(&w);
        w.mail.tombstones_max = 100; /* runs for hours must not fill the memory */
        static const struct span messages[] = {
            SPAN("From: a@example.org\r\nSubject: one\r\n\r\n.dots\r\n..\r\nlast"),
            SPAN("Subject: \xc3\xbc\xff\r\nTo: \"\xc3\xbc\" <\xc3\xbc@x>\r\n\r\nbody\r\n"),
            SPAN(""),
        };
        for (size_t i = 0; i < COUNT_OF(own); i++)
            own[i] = world_append(&w, messages[i], 0).message;
    }
    return &w;
}

/* Every session ends with the account as it was, so that one input's outcome does not depend on
 * those before it. */
static void restore_all(struct world *w)
{
    struct mail_expunged *gone;
    struct mail_appended back;
    size_t n, removed;
    must(mailbox_expunged_list(&w->mail, w->account, SIZE_MAX, w->arena, &gone, &n) == 0);
    for (size_t i = 0; i < n; i++)
        if (gone[i].restorable)
            must(mailbox_restore(&w->mail, w->account, gone[i].message, &back) == 0);
    arena_reset(w->arena);
    clock_fake_advance(&w->clock, INT64_C(2) * 86400 * 1000);
    must(mailbox_purge(&w->mail, w->account, SIZE_MAX, &removed) == 0);
    must(store_collect(w->store, 0, SIZE_MAX, &removed) == 0);
}

/* ---- the script -------------------------------------------------------------------------- */

/* Lines of the answer; those with a random challenge are cut. */
static void note(struct host *h, struct buf *replies)
{
    struct span out = host_output(h), line;
    must(out.n == 0 || span_ends(out, SPAN("\r\n")));
    must(out.n == 0 || span_starts(out, SPAN("+")) || span_starts(out, SPAN("-ERR")));
    while (host_line(h, &line)) {
        if (span_starts(line, SPAN("+ ")))
            line.n = 2;
        buf_put(replies, line);
        buf_putc(replies, '\n');
    }
}

static struct host *connect_as(struct world *w, unsigned how, enum host_cut cut)
{
    if ((how & FUZZ_LOGIN) != 0 && (how & FUZZ_TOGETHER) == 0)
        return world_login(w);
    return world_connect(w, (how & FUZZ_TLS) != 0, cut);
}

static void
play(struct world *w, unsigned how, enum host_cut cut, struct span script, struct buf *replies)
{
    struct host *hosts[HOSTS_MAX] = {connect_as(w, how, cut)};
    size_t n = 1;
    enum script_op op;
    struct buf flight;
    buf_init(&flight, script.n);
    do {
        struct host *h = hosts[n - 1];
        op = script_next(&script, &flight);
        host_send(h, buf_span(&flight));
        note(h, replies);
        if (op == SCRIPT_TIMEOUT || (op == SCRIPT_END && (how & FUZZ_SILENT_END) != 0))
            host_timeout(h);
        else if (op == SCRIPT_EOF)
            host_eof(h);
        else if (op == SCRIPT_SHUTDOWN)
            host_shutdown(h);
        note(h, replies);
        if (op != SCRIPT_NEW)
            continue;
        if ((how & FUZZ_TOGETHER) == 0 || n == HOSTS_MAX)
            host_free(hosts[--n]);
        hosts[n++] = connect_as(w, how, cut);
    } while (op != SCRIPT_END);
    while (n > 0)
        host_free(hosts[--n]);
    buf_done(&flight);
}

/* ---- a message of the input's ------------------------------------------------------------ */

/* RFC 1939 §3, line by line; `lines` of the body, all for SIZE_MAX. A bare LF ends a line here too. */
static void plain_stuffing(struct span message, size_t lines, struct buf *out)
{
    bool body = false;
    char last = '\n';
    while (message.n > 0 && !(body && lines == 0)) {
        ssize_t lf = span_chr(message, '\n');
        struct span line = span_slice(message, 0, lf < 0 ? message.n : (size_t)lf + 1);
        message = span_from(message, line.n);
        if (line.p[0] == '.')
            buf_putc(out, '.');
        buf_put(out, line);
        last = line.p[line.n - 1];
        if (body && lines != SIZE_MAX)
            lines--;
        body = body || span_eq(line, SPAN("\n")) || span_eq(line, SPAN("\r\n"));
    }
    if (last != '\n')
        buf_puts(out, last == '\r' ? "\n" : "\r\n");
    buf_puts(out, ".\r\n");
}

static void fetch(struct host *h, const char *command, struct span message, size_t lines)
{
    struct span line;
    struct buf want;
    buf_init(&want, 2 * message.n + 64);
    plain_stuffing(message, lines, &want);
    host_sends(h, command);
    must(host_line(h, &line) && span_starts(line, SPAN("+OK")));
    must(want.err == 0 && span_eq(host_output(h), buf_span(&want)));
    host_output_clear(h);
    buf_done(&want);
}

/* The message must be the newest of the mailbox. Read in UTF8 mode, where nothing of it is changed; and in the
 * other, where the header is ASCII. */
static void read_back(struct world *w, struct span message)
{
    char command[64];
    struct mail_view v;
    must(mailbox_view_load(&w->mail, w->account, (struct mailbox_id){0}, SIZE_MAX, &v) == 0);
    struct host *h = world_connect(w, true, HOST_WHOLE);
    host_sends(h, "UTF8\r\nUSER " WORLD_USER "\r\nPASS " WORLD_PASSWORD "\r\n");
    host_output_clear(h);
    (void)snprintf(command, sizeof command, "RETR %zu\r\n", v.n);
    fetch(h, command, message, SIZE_MAX);
    size_t lines = message.n % 4;
    (void)snprintf(command, sizeof command, "TOP %zu %zu\r\n", v.n, lines);
    fetch(h, command, message, lines);
    host_free(h);
    if (message.n < 60000) {
        h = world_login(w);
        (void)snprintf(command, sizeof command, "TOP %zu 0\r\n", v.n);
        host_sends(h, command);
        must(span_starts(host_output(h), SPAN("+OK")) && span_is_ascii(host_output(h)));
        host_free(h);
    }
    mailbox_view_done(&v);
}

static bool is_own(struct message_id id)
{
    for (size_t i = 0; i < COUNT_OF(own); i++)
        if (own[i].v == id.v)
            return true;
    return false;
}

static void remove_others(struct world *w)
{
    struct mail_view v;
    size_t removed;
    must(mailbox_view_load(&w->mail, w->account, (struct mailbox_id){0}, SIZE_MAX, &v) == 0);
    for (size_t i = 0; i < v.n; i++)
        if (!is_own(v.v[i].message))
            must(mailbox_expunge(&w->mail, w->account, v.mailbox, &v.v[i].uid, 1, 0, &removed) ==
                 0);
    mailbox_view_done(&v);
}

static void message_input(struct world *w, unsigned how, struct span script)
{
    struct buf message, replies;
    buf_init(&message, script.n);
    buf_init(&replies, 64 << 20);
    (void)script_next(&script, &message);
    world_append(w, buf_span(&message), 0);
    play(w, how, HOST_WHOLE, script, &replies);
    restore_all(w);
    remove_others(w);
    world_append(w, buf_span(&message), 0);
    read_back(w, buf_span(&message));
    remove_others(w);
    buf_done(&message);
    buf_done(&replies);
}

/* ---- all of it --------------------------------------------------------------------------- */

static uint32_t uidnext(struct world *w)
{
    struct mail_view v;
    must(mailbox_view_load(&w->mail, w->account, (struct mailbox_id){0}, SIZE_MAX, &v) == 0);
    uint32_t n = v.uidnext;
    must(v.n == 3 && v.damaged == 0);
    mailbox_view_done(&v);
    return n;
}

static void script_input(struct world *w, unsigned how, struct span script)
{
    bool twice = (how & FUZZ_TWICE) != 0 && script.n <= TWICE_SIZE_MAX;
    struct buf first, second;
    uint32_t before = uidnext(w);
    buf_init(&first, 64 << 20);
    buf_init(&second, 64 << 20);
    play(w, how, twice || (how & FUZZ_RANDOM) == 0 ? HOST_WHOLE : HOST_RANDOM, script, &first);
    restore_all(w);
    /* what was deleted is back behind the others: the lists are not the same any more */
    if (twice && uidnext(w) == before) {
        play(w, how, HOST_BYTES, script, &second);
        must(span_eq(buf_span(&first), buf_span(&second)));
        restore_all(w);
    }
    buf_done(&first);
    buf_done(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world *w = world();
    struct span in = span_of(data, size);
    uint64_t problems = 1;
    uint8_t how = 0;
    if (size > 100000)
        return 0;
    (void)span_take_byte(&in, &how);
    if ((how & FUZZ_MESSAGE) != 0)
        how &= (uint8_t)~FUZZ_TOGETHER;
    w->config->pop3_exclusive = (how & FUZZ_TOGETHER) != 0;
    w->config->pop3_login_delay = (how & FUZZ_TOGETHER) != 0 && (how & FUZZ_TLS) == 0 ? 10 : 0;
    if ((how & FUZZ_MESSAGE) != 0)
        message_input(w, how, in);
    else
        script_input(w, how, in);
    must(mailbox_check(&w->mail, w->account, false, NULL, NULL, &problems) == 0 && problems == 0);
    (void)uidnext(w);
    return 0;
}
