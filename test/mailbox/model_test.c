/* SPDX-License-Identifier: Apache-2.0 */
/* Random operations beside a model that is simple enough to be right; after each step both must
 * agree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "fixture.h"

enum { STEPS = 1500, MESSAGES_MAX = STEPS, BOXES = USE_COUNT };

enum where { LIVE, KEPT, GONE };

struct model_message {
    enum where where;
    bool restorable;
    uint32_t mailbox, uid, flags;
    uint64_t message, uidl, size;
    int64_t until;
};

struct model {
    struct fixture f;
    struct rng_seeded rng;
    struct model_message v[MESSAGES_MAX];
    size_t n;
    uint32_t uidnext[BOXES];
};

static struct model m;

static uint64_t pick(uint64_t bound)
{
    return rng_below(&m.rng.rng, bound);
}

static int64_t now(void)
{
    return m.f.clock.clock.wall_ms(&m.f.clock.clock);
}

static struct model_message *pick_message(void)
{
    return m.n == 0 ? NULL : &m.v[pick(m.n)];
}

static void do_append(void)
{
    static char text[2000];
    memset(text, 'x', sizeof(text));
    uint32_t box = (uint32_t)(1 + pick(BOXES - 1));
    uint64_t size = pick(sizeof(text));
    struct mail_appended a = fixture_append(&m.f, box, span_of(text, size));
    struct model_message *x = &m.v[m.n++];
    *x = (struct model_message){LIVE, false, box, m.uidnext[box]++, 0, a.message.v, 0, size, 0};
    assert_int_equal(a.uid.v, x->uid); /* ascending, without reuse */
}

static void do_expunge(void)
{
    struct mail_uid uids[8];
    struct model_message *hit[8];
    size_t n = 0, expected = 0, removed;
    uint32_t box = (uint32_t)(1 + pick(BOXES - 1));
    int64_t keep = pick(2) == 0 ? 0 : (int64_t)pick(10) * 3600 * 1000;
    for (int i = 0; i < 8; i++) {
        struct model_message *x = pick_message();
        if (x == NULL || x->mailbox != box)
            continue;
        hit[n] = x;
        uids[n++] = (struct mail_uid){x->uid};
    }
    for (size_t i = 0; i < n; i++) {
        if (hit[i]->where != LIVE)
            continue;
        hit[i]->where = KEPT;
        hit[i]->restorable = keep > 0;
        hit[i]->until = now() + (keep > 3600 * 1000 ? keep : 3600 * 1000);
        expected++;
    }
    assert_int_equal(mailbox_expunge(&m.f.mail, FIXTURE_ACCOUNT, (struct mailbox_id){box}, uids, n,
                                     keep, &removed),
                     0);
    assert_int_equal(removed, expected);
}

static void do_restore(void)
{
    struct model_message *x = pick_message();
    struct mail_appended a;
    if (x == NULL)
        return;
    int err = mailbox_restore(&m.f.mail, FIXTURE_ACCOUNT, (struct message_id){x->message}, &a);
    if (x->where != KEPT || !x->restorable) {
        assert_int_equal(err, ERR_NOT_FOUND);
        return;
    }
    assert_int_equal(err, 0);
    assert_int_equal(a.mailbox.v, x->mailbox);
    assert_int_equal(a.uid.v, m.uidnext[x->mailbox]);
    x->uid = m.uidnext[x->mailbox]++;
    x->flags &= ~(uint32_t)FLAG_DELETED;
    x->where = LIVE;
}

static void do_flags(void)
{
    struct model_message *x = pick_message();
    uint32_t add = (uint32_t)pick(32), remove = (uint32_t)pick(32);
    if (x == NULL)
        return;
    int err = mailbox_flags(&m.f.mail, FIXTURE_ACCOUNT, (struct mailbox_id){x->mailbox},
                            (struct mail_uid){x->uid}, add, remove);
    assert_int_equal(err, x->where == LIVE ? 0 : ERR_NOT_FOUND);
    if (err == 0)
        x->flags = (x->flags | add) & ~remove;
}

static void do_purge(void)
{
    size_t expected = 0, purged;
    clock_fake_advance(&m.f.clock, (int64_t)pick(2 * 3600 * 1000));
    for (size_t i = 0; i < m.n; i++)
        if (m.v[i].where == KEPT && m.v[i].until <= now()) {
            m.v[i].where = GONE;
            expected++;
        }
    assert_int_equal(mailbox_purge(&m.f.mail, FIXTURE_ACCOUNT, SIZE_MAX, &purged), 0);
    assert_int_equal(purged, expected);
}

/* The view of one mailbox is the model's, in order of UID; UIDLs are learned at the first sight. */
static void compare_view(uint32_t box)
{
    struct mail_view v;
    size_t live = 0, seen = 0;
    uint32_t last = 0;
    assert_int_equal(
        mailbox_view_load(&m.f.mail, FIXTURE_ACCOUNT, (struct mailbox_id){box}, SIZE_MAX, &v), 0);
    assert_int_equal(v.damaged, 0);
    assert_int_equal(v.uidnext, m.uidnext[box]);
    for (size_t i = 0; i < m.n; i++)
        live += m.v[i].where == LIVE && m.v[i].mailbox == box;
    assert_int_equal(v.n, live);
    for (size_t i = 0; i < v.n; i++) {
        assert_true(v.v[i].uid.v > last);
        last = v.v[i].uid.v;
    }
    for (size_t i = 0; i < m.n; i++) {
        struct model_message *x = &m.v[i];
        for (size_t j = 0; x->where == LIVE && x->mailbox == box && j < v.n; j++) {
            if (v.v[j].uid.v != x->uid)
                continue;
            assert_int_equal(v.v[j].message.v, x->message);
            assert_int_equal(v.v[j].size, x->size);
            assert_int_equal(v.v[j].flags, x->flags);
            if (x->uidl == 0) {
                assert_true(v.v[j].uidl > 0);
                x->uidl = v.v[j].uidl;
                for (size_t k = 0; k < m.n; k++)
                    assert_true(k == i || m.v[k].uidl != x->uidl);
            }
            assert_int_equal(v.v[j].uidl, x->uidl);
            seen++;
        }
    }
    assert_int_equal(seen, live);
    mailbox_view_done(&v);
}

static void compare_counters(void)
{
    struct mail_quota q, want = {0};
    struct mailbox *boxes;
    size_t n;
    uint64_t messages[BOXES] = {0}, unseen[BOXES] = {0}, bytes[BOXES] = {0};
    for (size_t i = 0; i < m.n; i++) {
        const struct model_message *x = &m.v[i];
        if (x->where == LIVE) {
            want.messages++;
            want.bytes += x->size;
            messages[x->mailbox]++;
            bytes[x->mailbox] += x->size;
            unseen[x->mailbox] += (x->flags & FLAG_SEEN) == 0;
        } else if (x->where == KEPT && x->restorable) {
            want.restorable_messages++;
            want.restorable_bytes += x->size;
        }
    }
    assert_int_equal(mailbox_quota(&m.f.mail, FIXTURE_ACCOUNT, &q), 0);
    assert_memory_equal(&q, &want, sizeof(q));
    assert_int_equal(mailbox_list(&m.f.mail, FIXTURE_ACCOUNT, m.f.arena, &boxes, &n), 0);
    for (size_t i = 0; i < n; i++) {
        uint32_t box = boxes[i].id.v;
        assert_int_equal(boxes[i].messages, messages[box]);
        assert_int_equal(boxes[i].unseen, unseen[box]);
        assert_int_equal(boxes[i].bytes, bytes[box]);
        assert_int_equal(boxes[i].uidnext, m.uidnext[box]);
    }
    arena_reset(m.f.arena);
}

static void random_operations_agree_with_the_model(void **state)
{
    (void)state;
    static void (*const operations[])(void) = {
        do_append,  do_append,  do_append, do_append, do_expunge,
        do_expunge, do_restore, do_flags,  do_flags,  do_purge,
    };
    m = (struct model){0};
    fixture_open(&m.f);
    m.f.mail.tombstones_max = 50;
    rng_seeded_init(&m.rng, 20261122);
    for (int box = 0; box < BOXES; box++)
        m.uidnext[box] = 1;
    for (int step = 0; step < STEPS; step++) {
        operations[pick(COUNT_OF(operations))]();
        compare_counters();
        compare_view((uint32_t)(1 + pick(BOXES - 1)));
        if (step % 250 == 249)
            assert_int_equal(fixture_check(&m.f), 0);
    }
    for (uint32_t box = 1; box < BOXES; box++)
        compare_view(box);
    assert_int_equal(fixture_check(&m.f), 0);
    fixture_close(&m.f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_operations_agree_with_the_model)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
