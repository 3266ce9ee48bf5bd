/* SPDX-License-Identifier: Apache-2.0 */
/* IMAP sessions from the greeting to their end. The first byte of the input chooses TLS, how the bytes arrive, and how
 * far sessions have come when the input begins; the rest is a script (script.h).
 *
 *   FUZZ_TWICE     The script is played at once and byte by byte: the answers must be the same.
 *   FUZZ_TOGETHER  A new connection leaves the one before it open, on the same mailbox.
 *   FUZZ_OTHERS    Every second connection is Bernd's, with whom Anna shares her INBOX; he selects that, and shares his.
 *
 * Each answer is followed by a client that believes it: message numbers are never beyond what EXISTS said, EXISTS never
 * takes messages back. In the end the accounts agree with themselves. */
#include "fuzz.h"

#include "base/limits.h"
#include "base/log.h"
#include "directory/directory.h"
#include "imap/args.h"
#include "mailbox/acl.h"
#include "script.h"
#include "world.h"

enum {
    FUZZ_TLS = 1,
    FUZZ_RANDOM = 2,
    FUZZ_LOGIN = 4,
    FUZZ_SELECTED = 8,
    FUZZ_QRESYNC = 16,
    FUZZ_TWICE = 32,
    FUZZ_TOGETHER = 64,
    FUZZ_OTHERS = 128,
    HOSTS_MAX = 4,
    TWICE_SIZE_MAX = 3000, /* byte by byte costs the square of it */
};

#define BERND "bernd@example.test"

/* ---- a client that believes ---------------------------------------------------------------- */

struct client {
    struct host *h;
    uint64_t exists;
    bool
        flags; /* the line before was FLAGS: EXISTS behind it is of a mailbox that was just opened */
};

/* A response with its literals: up to the CRLF that is in none. */
static struct span response_take(struct span *rest)
{
    struct span from = *rest;
    for (;;) {
        ssize_t end = span_find(*rest, SPAN("\r\n"));
        struct imap_literal literal;
        must(end >= 0);
        struct span line = span_slice(*rest, 0, (size_t)end);
        *rest = span_from(*rest, (size_t)end + 2);
        if (!imap_literal_at_end(line, &literal) || !literal.sync || span_starts(line, SPAN("+ ")))
            break;
        if (literal.size > rest->n) /* text for people may look like one */
            break;
        *rest = span_from(*rest, (size_t)literal.size);
    }
    return span_slice(from, 0, from.n - rest->n);
}

static uint64_t set_count(struct span text)
{
    struct numset set;
    bool beyond;
    numset_init(&set);
    must(imap_set_parse(text, UINT32_MAX - 1, &set, &beyond) == 0 && !beyond);
    uint64_t n = numset_count(&set);
    numset_done(&set);
    return n;
}

static void believe(struct client *c, struct span line)
{
    uint64_t n;
    bool flags = false;
    if (span_skip(&line, SPAN("* VANISHED ")) && !span_starts(line, SPAN("(EARLIER)"))) {
        n = set_count(span_trim(line));
        must(n <= c->exists);
        c->exists -= n;
    } else if (span_starts(line, SPAN("* FLAGS "))) {
        flags = true;
    } else if (span_starts(line, SPAN("* OK [CLOSED]"))) {
        c->exists = 0;
    } else if (span_skip(&line, SPAN("* "))) {
        if (!span_to_u64(span_split(&line, ' '), &n))
            return;
        if (span_eq(line, SPAN("EXISTS\r\n"))) {
            must(n >= c->exists || c->flags);
            c->exists = n;
        } else if (span_eq(line, SPAN("EXPUNGE\r\n"))) {
            must(n > 0 && n <= c->exists);
            c->exists--;
        } else if (span_starts(line, SPAN("FETCH "))) {
            must(n > 0 && n <= c->exists);
        }
    }
    c->flags = flags;
}

/* What came; challenges, which are random, are cut. */
static void note(struct client *c, struct buf *replies)
{
    struct span rest = host_output(c->h);
    while (rest.n > 0) {
        struct span line = response_take(&rest);
        buf_put(replies, span_starts(line, SPAN("+ ")) ? SPAN("+\r\n") : line);
        believe(c, line);
    }
    host_output_clear(c->h);
}

/* ---- the script ---------------------------------------------------------------------------- */

static struct client connect_bernd(struct world *w, unsigned how, struct buf *replies)
{
    struct client c = {.h = world_connect(w, true, HOST_WHOLE)};
    host_sends(c.h, "a LOGIN " BERND " \"" WORLD_PASSWORD "\"\r\n");
    if ((how & FUZZ_QRESYNC) != 0)
        host_sends(c.h, "q ENABLE QRESYNC\r\n");
    if ((how & FUZZ_SELECTED) != 0)
        host_sends(c.h, "s SELECT \"Other Users/" WORLD_USER "/INBOX\"\r\n");
    note(&c, replies);
    return c;
}

static struct client
connect_as(struct world *w, unsigned how, enum host_cut cut, struct buf *replies)
{
    struct client c = {0};
    if ((how & (FUZZ_LOGIN | FUZZ_SELECTED)) == 0) {
        c.h = world_connect(w, (how & FUZZ_TLS) != 0, cut);
        return c;
    }
    c.h = world_login(w);
    if ((how & FUZZ_QRESYNC) != 0)
        host_sends(c.h, "q ENABLE QRESYNC\r\n");
    if ((how & FUZZ_SELECTED) != 0)
        host_sends(c.h, "s SELECT INBOX\r\n");
    note(&c, replies);
    return c;
}

static void
play(struct world *w, unsigned how, enum host_cut cut, struct span script, struct buf *replies)
{
    struct client clients[HOSTS_MAX] = {connect_as(w, how, cut, replies)};
    size_t n = 1;
    bool others = false;
    enum script_op op;
    struct buf flight;
    buf_init(&flight, script.n);
    do {
        struct client *c = &clients[n - 1];
        op = script_next(&script, &flight);
        host_send(c->h, buf_span(&flight));
        note(c, replies);
        if (op == SCRIPT_TIMEOUT)
            host_timeout(c->h);
        else if (op == SCRIPT_EOF)
            host_eof(c->h);
        else if (op == SCRIPT_SHUTDOWN)
            host_shutdown(c->h);
        for (size_t k = 0; k < n; k++) { /* those who IDLE hear of it */
            (void)host_wait(clients[k].h, 0);
            note(&clients[k], replies);
        }
        if (op != SCRIPT_NEW)
            continue;
        if ((how & FUZZ_TOGETHER) == 0 || n == HOSTS_MAX)
            host_free(clients[--n].h);
        others = !others && (how & FUZZ_OTHERS) != 0;
        clients[n++] = others ? connect_bernd(w, how, replies) : connect_as(w, how, cut, replies);
    } while (op != SCRIPT_END);
    while (n > 0)
        host_free(clients[--n].h);
    buf_done(&flight);
}

static uint64_t bernd;

static void make_bernd(struct world *w)
{
    struct account account = {.address = SPAN(BERND)};
    must(auth_credentials_make(w->auth, SPAN(WORLD_PASSWORD), w->arena, &account.credentials) == 0);
    must(account_add(w->directory, &account, &bernd) == 0);
}

/* Empty. */
static void reset(struct world *w, account_id id, struct span address)
{
    must(mailbox_account_destroy(&w->mail, id) == 0);
    must(mailbox_account_create(&w->mail, id, address) == 0);
}

static void share(struct world *w, account_id owner, account_id user, struct span address)
{
    struct mail_grant_change change = {.user = {user, address}, .rights = RIGHTS_ALL};
    must(mailbox_grant(&w->mail, owner, (struct mailbox_id){USE_INBOX}, &change) == 0);
}

/* One installation for all inputs, because passwords cost time; the account's mail, the clock and what failed logins
 * have left are each time as if nothing had happened. */
static struct world *world(void)
{
    static struct world w;
    static bool made;
    static int64_t now_ms;
    size_t removed;
    if (!made) {
        made = true;
        log_setup(2, LOG_ERROR, LOG_LOGFMT);
        world_open(&w);
        make_bernd(&w);
        w.config->imap_sharing_anyone = true;
        now_ms = w.clock.now_ms;
    }
    w.clock.now_ms = now_ms;
    reset(&w, w.account, SPAN(WORLD_USER));
    reset(&w, bernd, SPAN(BERND));
    must(auth_unlock(w.auth, SPAN(WORLD_USER)) ==
         0); /* costs more than all the rest: Bernd may be locked out */
    share(&w, w.account, bernd, SPAN(BERND));
    share(&w, bernd, w.account, SPAN(WORLD_USER));
    must(store_collect(w.store, 0, SIZE_MAX, &removed) == 0);
    arena_reset(w.arena);
    return &w;
}

static void play_new(unsigned how, enum host_cut cut, struct span script, struct buf *replies)
{
    static const struct span messages[] = {
        SPAN("From: a@example.org\r\nSubject: one\r\n\r\n.dots\r\n..\r\nlast"),
        SPAN("Subject: \xc3\xbc\xff\r\nTo: \"\xc3\xbc\" <\xc3\xbc@x>\r\n\r\nbody\r\n"),
        SPAN("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n--b\r\n"
             "Content-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\ntwo\r\n--b--\r\n"),
        SPAN(""),
    };
    struct world *w = world();
    uint64_t problems = 1;
    for (size_t n = 0; n < COUNT_OF(messages); n++)
        world_append(w, messages[n], n % 2 == 0 ? FLAG_SEEN : 0);
    play(w, how, cut, script, replies);
    must(mailbox_check(&w->mail, w->account, true, NULL, NULL, &problems) == 0 && problems == 0);
    must(mailbox_check(&w->mail, bernd, true, NULL, NULL, &problems) == 0 && problems == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = span_of(data, size);
    struct buf first, second;
    uint8_t how = 0;
    if (size > 100000)
        return 0;
    (void)span_take_byte(&in, &how);
    bool twice = (how & FUZZ_TWICE) != 0 && in.n <= TWICE_SIZE_MAX;
    buf_init(&first, 64 << 20);
    buf_init(&second, 64 << 20);
    play_new(how, twice || (how & FUZZ_RANDOM) == 0 ? HOST_WHOLE : HOST_RANDOM, in, &first);
    if (twice && (how & (FUZZ_LOGIN | FUZZ_SELECTED)) == 0) {
        play_new(how, HOST_BYTES, in, &second);
        must(span_eq(buf_span(&first), buf_span(&second)));
    }
    buf_done(&first);
    buf_done(&second);
    return 0;
}
