/* SPDX-License-Identifier: Apache-2.0 */
/* What is recorded: a store that is made, used by several threads, and closed or left as kill -9 leaves it.
 *
 *   workload FOLDER SEED ROUNDS create|go-on close|die
 *
 * Every promise is said through power_mark (shim.h) as soon as the room has returned, and so is what is begun,
 * because from then on it may be there. Marks are words; test/crash/promise.py knows them:
 *
 *   created                                the store is there
 *   domain NAME, account ADDRESS, alias ADDRESS
 *   try TOKEN ADDRESS..., got TOKEN ADDRESS...          a delivery
 *   seen ADDRESS TOKEN UID UIDL            it was in a list
 *   delete ADDRESS TOKEN, deleted ADDRESS TOKEN
 *   restore ADDRESS TOKEN, restored ADDRESS TOKEN UID
 *
 * A thread deletes and restores only in accounts of its own, so that what is begun and what is promised
 * about one message come in order; it delivers to all. */
#include "letter.h"
#include "rooms.h"
#include "shim.h"

#include "base/err.h"
#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <unistd.h>

#pragma weak power_mark
#pragma weak power_die

enum { THREADS = 4, ACCOUNTS = 8 };

struct work {
    struct rooms rooms;
    uint64_t seed;
    long rounds;
    const char *run; /* distinguishes the tokens of several runs on one folder */
    struct account accounts[ACCOUNTS];
    struct arena *texts; /* of the accounts */
    size_t accounts_n;
};

struct worker {
    struct work *w;
    int number;
    struct rng_seeded rng;
    struct arena *arena;
    struct buf letter;
    uint64_t sent;
};

static void mark(const char *fmt, ...) PRINTF_LIKE(1, 2);
static void mark(const char *fmt, ...)
{
    char text[2000];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    must(n > 0 && (size_t)n < sizeof(text));
    power_mark(text);
}

static void expect(int err, const char *what)
{
    if (err == 0)
        return;
    fprintf(stderr, "workload: %s: %s\n", what, err_text(err));
    _exit(3);
}

static uint64_t below(struct worker *t, uint64_t n)
{
    return rng_below(&t->rng.rng, n);
}

/* ---- making ------------------------------------------------------------------------------ */

static void make_account(struct rooms *r, const char *address)
{
    struct account a = {.address = span_str(address)};
    uint64_t id;
    expect(account_id_reserve(r->directory, &a.id), "reserve an id");
    expect(mailbox_account_create(&r->mail, a.id, a.address), "make mailboxes");
    expect(account_add(r->directory, &a, &id), "add an account");
    mark("account %s", address);
}

static void make_all(struct rooms *r)
{
    struct domain domain = {.name = SPAN("example.test")};
    struct span target = SPAN("a0@example.test");
    struct alias alias = {.address = SPAN("all@example.test"), .targets = &target, .targets_n = 1};
    mark("created");
    expect(domain_add(r->directory, &domain), "add a domain");
    mark("domain example.test");
    for (int i = 0; i < ACCOUNTS; i++) {
        char address[32];
        snprintf(address, sizeof(address), "a%d@example.test", i);
        make_account(r, address);
    }
    expect(alias_put(r->directory, &alias), "add an alias");
    mark("alias all@example.test");
}

static int take_account(void *arg, const struct account *a)
{
    struct work *w = arg;
    if (w->accounts_n < ACCOUNTS)
        w->accounts[w->accounts_n++] =
            (struct account){.id = a->id, .address = span_str(arena_cstr(w->texts, a->address))};
    return 0;
}

/* ---- delivering -------------------------------------------------------------------------- */

/* Most are small; some are written ahead in pieces (above 128 KiB), a few are several pieces (1 MiB). */
static size_t some_size(struct worker *t)
{
    uint64_t kind = below(t, 100);
    if (kind < 80)
        return 200 + below(t, 12000);
    if (kind < 93)
        return 12000 + below(t, 110000);
    if (kind < 99)
        return 140000 + below(t, 300000);
    return 1100000 + below(t, 400000);
}

static void deliver(struct worker *t)
{
    struct destination to[3] = {0};
    struct buf names;
    char token[LETTER_TOKEN];
    size_t n = below(t, 4) == 0 ? 1 + below(t, COUNT_OF(to)) : 1;
    uint64_t first = below(t, t->w->accounts_n);
    snprintf(token, sizeof(token), "%s-%d-%llu", t->w->run, t->number,
             (unsigned long long)t->sent++);
    buf_init(&names, 1000);
    for (size_t i = 0; i < n; i++) {
        const struct account *a = &t->w->accounts[(first + i * 3) % t->w->accounts_n];
        to[i] = (struct destination){.local = true, .account_id = a->id, .address = a->address};
        buf_printf(&names, " %.*s", SPAN_ARG(a->address));
    }
    buf_clear(&t->letter);
    letter_make(&t->letter, token, some_size(t));
    struct delivery_envelope e = {.from = SPAN("a@elsewhere.test"), .v = to, .n = n};
    mark("try %s%.*s", token, SPAN_ARG(buf_span(&names)));
    expect(delivery_deliver(&t->w->rooms.delivery, &e, SPAN("Received: here\r\n"),
                            buf_span(&t->letter)),
           "deliver");
    mark("got %s%.*s", token, SPAN_ARG(buf_span(&names)));
    buf_done(&names);
}

/* ---- reading, deleting, restoring -------------------------------------------------------- */

static const struct account *own_account(struct worker *t)
{
    return &t->w->accounts[(uint64_t)t->number + THREADS * below(t, ACCOUNTS / THREADS)];
}

static void
token_of(struct worker *t, uint64_t account, struct message_id id, char token[LETTER_TOKEN])
{
    struct blob_reader *reader;
    struct blob_info info;
    struct buf head;
    buf_init(&head, 512);
    expect(mailbox_message_open(&t->w->rooms.mail, account, id, &reader, &info), "open a message");
    expect(store_blob_read(reader, 0, 300, &head), "read a message");
    store_blob_close(reader);
    letter_token(buf_span(&head), token);
    buf_done(&head);
}

static void look_and_delete(struct worker *t)
{
    const struct account *a = own_account(t);
    struct mail_view view;
    struct mail_uid gone[8];
    char tokens[8][LETTER_TOKEN];
    size_t n = 0, removed;
    expect(mailbox_view_load(&t->w->rooms.mail, a->id, (struct mailbox_id){USE_INBOX}, SIZE_MAX,
                             &view),
           "list");
    uint64_t often = view.n > 30 ? 3 : 8;
    for (size_t i = 0; i < view.n && n < COUNT_OF(gone); i++) {
        if (below(t, often) != 0)
            continue;
        const struct mail_entry *e = &view.v[i];
        token_of(t, a->id, e->message, tokens[n]);
        mark("seen %.*s %s %u %llu", SPAN_ARG(a->address), tokens[n], e->uid.v,
             (unsigned long long)e->uidl);
        if (below(t, 3) != 0)
            gone[n++] = e->uid;
    }
    for (size_t i = 0; i < n; i++)
        mark("delete %.*s %s", SPAN_ARG(a->address), tokens[i]);
    int64_t keep_ms = below(t, 2) == 0 ? 0 : 3600 * 1000;
    expect(mailbox_expunge(&t->w->rooms.mail, a->id, view.mailbox, gone, n, keep_ms, &removed),
           "delete");
    for (size_t i = 0; i < n; i++)
        mark("deleted %.*s %s", SPAN_ARG(a->address), tokens[i]);
    mailbox_view_done(&view);
}

static void restore_one(struct worker *t)
{
    const struct account *a = own_account(t);
    struct mail_expunged *v;
    struct mail_appended where;
    size_t n;
    char token[LETTER_TOKEN];
    arena_reset(t->arena);
    expect(mailbox_expunged_list(&t->w->rooms.mail, a->id, 100, t->arena, &v, &n),
           "list what is deleted");
    for (size_t i = 0; i < n; i++) {
        if (!v[i].restorable)
            continue;
        token_of(t, a->id, v[i].message, token);
        mark("restore %.*s %s", SPAN_ARG(a->address), token);
        expect(mailbox_restore(&t->w->rooms.mail, a->id, v[i].message, &where), "restore");
        mark("restored %.*s %s %u", SPAN_ARG(a->address), token, where.uid.v);
        return;
    }
}

static void clean(struct worker *t)
{
    size_t purged, removed;
    expect(mailbox_purge(&t->w->rooms.mail, own_account(t)->id, 1000, &purged), "purge");
    /* longer than any delivery takes: what is being delivered must not be collected */
    expect(store_collect(t->w->rooms.store, 60 * 1000, 1000, &removed), "collect");
}

static void *work(void *arg)
{
    struct worker *t = arg;
    for (long i = 0; i < t->w->rounds; i++) {
        uint64_t what = below(t, 20);
        if (what < 14)
            deliver(t);
        else if (what < 18)
            look_and_delete(t);
        else if (what < 19)
            restore_one(t);
        else
            clean(t);
    }
    return NULL;
}

static void work_all(struct work *w)
{
    struct worker workers[THREADS];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.w = w, .number = i, .arena = arena_new(4 << 20)};
        rng_seeded_init(&workers[i].rng, w->seed * THREADS + (uint64_t)i);
        buf_init(&workers[i].letter, 4 << 20);
        must(workers[i].arena != NULL);
        must(pthread_create(&threads[i], NULL, work, &workers[i]) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        arena_free(workers[i].arena);
        buf_done(&workers[i].letter);
    }
}

int main(int argc, char **argv)
{
    struct work w = {.texts = arena_new(1 << 20)};
    struct buf why;
    size_t removed;
    if (argc != 6 || power_mark == NULL || power_die == NULL || w.texts == NULL) {
        fputs("usage, under the recorder: workload FOLDER SEED ROUNDS create|go-on close|die\n",
              stderr);
        return 2;
    }
    bool create = strcmp(argv[4], "create") == 0;
    log_setup(STDERR_FILENO, LOG_WARN, LOG_LOGFMT);
    w.seed = strtoull(argv[2], NULL, 10);
    w.rounds = strtol(argv[3], NULL, 10);
    w.run = argv[2];
    buf_init(&why, 4096);
    int err = rooms_open(&w.rooms, argv[1], create, &why);
    if (err != 0)
        fprintf(stderr, "workload: %.*s\n", SPAN_ARG(buf_span(&why)));
    expect(err, "open");
    if (create)
        make_all(&w.rooms);
    expect(rooms_accounts(&w.rooms, take_account, &w), "list the accounts");
    must(w.accounts_n == ACCOUNTS);
    expect(store_collect(w.rooms.store, 0, 1000, &removed), "collect"); /* nobody delivers yet */
    work_all(&w);
    if (strcmp(argv[5], "die") == 0)
        power_die(); /* what was not synced stays so */
    rooms_close(&w.rooms);
    arena_free(w.texts);
    return 0;
}
