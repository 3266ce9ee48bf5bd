/* SPDX-License-Identifier: Apache-2.0 */
/* Several threads on one account: everything that was answered happened once, and nothing drifts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "fixture.h"
#include "mailbox/acl.h"
#include "mailbox/sharers.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

enum { THREADS = 4, ROUNDS = 60 };

struct worker {
    struct fixture *f;
    pthread_t thread;
    struct mail_append in;
    struct mail_uid uids[ROUNDS];
    size_t appended, expunged;
    int err;
};

/* No assertions in here: cmocka's jump only from the test's own thread. */
static void *work(void *arg)
{
    struct worker *w = arg;
    for (size_t i = 0; i < ROUNDS && w->err == 0; i++) {
        struct mail_appended out;
        size_t removed = 0;
        w->err = mailbox_append(&w->f->mail, FIXTURE_ACCOUNT, &w->in, &out);
        if (w->err != 0)
            break;
        w->uids[w->appended++] = out.uid;
        if (i % 2 == 1) {
            /* one of its own and one that another thread may have taken already */
            struct mail_uid two[2] = {w->uids[i / 2], {w->uids[i].v / 2 + 1}};
            w->err = mailbox_expunge(&w->f->mail, FIXTURE_ACCOUNT, out.mailbox, two, 2,
                                     (int64_t)(i % 3), &removed);
            w->expunged += removed;
        }
        if (i % 3 == 0 && w->err == 0) {
            w->err = fixture_flags(w->f, out.mailbox, out.uid, FLAG_SEEN, 0);
            if (w->err == ERR_NOT_FOUND)
                w->err = 0;
        }
    }
    return NULL;
}

static void threads_on_one_account(void **state)
{
    (void)state;
    static struct worker workers[THREADS];
    struct fixture f;
    fixture_open(&f);
    for (size_t i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.f = &f};
        workers[i].in.blob = fixture_blob(&f, SPAN("body"), &workers[i].in.info);
    }
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    size_t appended = 0, expunged = 0;
    static bool used[THREADS * ROUNDS + 1];
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
        assert_int_equal(workers[i].err, 0);
        appended += workers[i].appended;
        expunged += workers[i].expunged;
        for (size_t j = 0; j < workers[i].appended; j++) {
            uint32_t uid = workers[i].uids[j].v;
            assert_in_range(uid, 1, THREADS * ROUNDS);
            assert_false(used[uid]); /* no UID was given twice */
            used[uid] = true;
        }
    }
    struct mail_quota q;
    assert_int_equal(mailbox_quota(&f.mail, FIXTURE_ACCOUNT, &q), 0);
    assert_int_equal(q.messages, appended - expunged);
    assert_int_equal(fixture_check(&f), 0);
    fixture_close(&f);
}

/* ---- giving and taking away ----------------------------------------------------------------- */

enum { SHARER_ROUNDS = 40, BERND = 8 };

static const struct mail_user bernd = {BERND, {"bernd@example.test", 18}};

struct sharing {
    struct fixture *f;
    atomic_int phase; /* of a round: 1 it is about to give, 2 the hint is written, 3 it is
                         * being taken away, 0 all is over; -1 the end */
    int err;          /* of who takes away */
};

static int change(struct sharing *s, uint32_t rights)
{
    struct mail_grant_change in = {.user = bernd, .rights = rights};
    return mailbox_grant(&s->f->mail, FIXTURE_ACCOUNT, (struct mailbox_id){USE_INBOX}, &in);
}

static size_t hints(struct sharing *s)
{
    struct mail_sharer *v;
    size_t n = 0;
    struct arena *a = arena_new(64 * 1024);
    int err = mailbox_sharers(&s->f->mail, &bernd, a, &v, &n);
    arena_free(a);
    return err == 0 ? n : SIZE_MAX;
}

/* In the thread that gives, once the hint is written and before the entry is: it lets the other take the hint away. */
static void on_hint(void *arg, struct part part)
{
    struct sharing *s = arg;
    int about = 1;
    (void)part;
    if (!atomic_compare_exchange_strong(&s->phase, &about, 2))
        return;
    for (int k = 0; k < 2000 && hints(s) > 0; k++)
        usleep(500);
}

static void *take_away(void *arg)
{
    struct sharing *s = arg;
    for (int phase = 0; phase >= 0; phase = atomic_load(&s->phase)) {
        int hinted = 2;
        if (atomic_compare_exchange_strong(&s->phase, &hinted, 3) && s->err == 0)
            s->err = change(s, 0);
        else
            usleep(100);
    }
    return NULL;
}

/* Whoever may see something finds it. */
static void what_is_given_while_it_is_taken_away_is_found(void **state)
{
    (void)state;
    struct store_watch *watch;
    struct fixture f;
    struct sharing s = {.f = &f};
    pthread_t other;
    fixture_open(&f);
    assert_int_equal(mailbox_account_create(&f.mail, BERND, bernd.address), 0);
    assert_int_equal(store_watch(f.store, (struct part){PART_SHARERS, BERND}, on_hint, &s, &watch),
                     0);
    assert_int_equal(pthread_create(&other, NULL, take_away, &s), 0);
    size_t lost = 0;
    int err = 0;
    for (size_t k = 0; k < SHARER_ROUNDS && err == 0; k++) {
        uint32_t rights = 0;
        err = change(&s, 0);
        atomic_store(&s.phase, 1);
        err = err != 0 ? err : change(&s, RIGHT_LOOKUP);
        usleep(2000); /* the other ends what it has begun, mostly */
        if (err == 0)
            err = mailbox_rights(&f.mail, FIXTURE_ACCOUNT, (struct mailbox_id){USE_INBOX}, &bernd,
                                 &rights);
        atomic_store(&s.phase, 0);
        lost += rights != 0 && hints(&s) == 0;
    }
    atomic_store(&s.phase, -1);
    pthread_join(other, NULL);
    store_unwatch(watch);
    assert_int_equal(err, 0);
    assert_int_equal(s.err, 0);
    assert_int_equal(lost, 0);
    assert_int_equal(fixture_check(&f), 0);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_on_one_account),
        cmocka_unit_test(what_is_given_while_it_is_taken_away_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
