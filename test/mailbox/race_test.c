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

#include <pthread.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(threads_on_one_account)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
