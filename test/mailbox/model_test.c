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
#include "mailbox/sets.h"

enum { STEPS = 1500, MESSAGES_MAX = 20 * STEPS, BOXES = USE_COUNT, KEYWORDS = 6 };

enum where { LIVE, KEPT, GONE };

struct model_message {
    enum where where;
    bool restorable;
    uint32_t mailbox, uid, flags;
    uint32_t keywords; /* a bit for each */
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
    *x = (struct model_message){.where = LIVE,
                                .mailbox = box,
                                .uid = m.uidnext[box]++,
                                .message = a.message.v,
                                .size = size};
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
    const uint64_t message = x->message;
    x = NULL; /* of several places it was in, the first comes back */
    for (size_t i = 0; i < m.n; i++) {
        struct model_message *y = &m.v[i];
        if (y->message == message && y->where == KEPT && y->restorable &&
            (x == NULL || y->mailbox < x->mailbox || (y->mailbox == x->mailbox && y->uid < x->uid)))
            x = y;
    }
    if (x == NULL) {
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
    int err = fixture_flags(&m.f, (struct mailbox_id){x->mailbox}, (struct mail_uid){x->uid}, add,
                            remove);
    assert_int_equal(err, x->where == LIVE ? 0 : ERR_NOT_FOUND);
    if (err == 0)
        x->flags = (x->flags | add) & ~remove;
}

static struct keyword_ids ids_of(uint32_t bits)
{
    struct keyword_ids k = {0};
    for (uint16_t i = 0; i < KEYWORDS; i++)
        if ((bits >> i & 1) != 0)
            k.v[k.n++] = i;
    return k;
}

/* Some messages of one box, as a set; their places in the model. */
static size_t pick_some(uint32_t box, struct numset *uids, struct model_message **hit, size_t max)
{
    size_t n = 0;
    for (int i = 0; i < 30 && n < max; i++) {
        struct model_message *x = pick_message();
        if (x == NULL || x->where != LIVE || x->mailbox != box || numset_has(uids, x->uid))
            continue;
        numset_add(uids, x->uid);
        hit[n++] = x;
    }
    return n;
}

static void do_store(void)
{
    uint32_t box = (uint32_t)(1 + pick(BOXES - 1)), bits = (uint32_t)pick(1U << KEYWORDS);
    struct mail_store in = {.mailbox = {box},
                            .op = (enum mail_store_op)pick(3),
                            .flags = (uint32_t)pick(FLAGS_ALL + 1),
                            .keywords = ids_of(bits)};
    struct model_message *hit[8];
    struct numset uids, refused;
    numset_init(&uids);
    numset_init(&refused);
    size_t n = pick_some(box, &uids, hit, COUNT_OF(hit));
    numset_add(&uids, m.uidnext[box] + 5); /* one that is not there */
    assert_int_equal(mailbox_store(&m.f.mail, FIXTURE_ACCOUNT, &in, &uids, &refused), 0);
    assert_true(numset_is_empty(&refused));
    for (size_t i = 0; i < n; i++) {
        struct model_message *x = hit[i];
        x->flags = in.op == STORE_REPLACE ? in.flags
                   : in.op == STORE_ADD   ? x->flags | in.flags
                                          : x->flags & ~in.flags;
        x->keywords = in.op == STORE_REPLACE ? bits
                      : in.op == STORE_ADD   ? x->keywords | bits
                                             : x->keywords & ~bits;
    }
    numset_done(&uids);
    numset_done(&refused);
}

static int by_uid(const void *a, const void *b)
{
    const struct model_message *const *x = a, *const *y = b;
    return ((*x)->uid > (*y)->uid) - ((*x)->uid < (*y)->uid);
}

static void do_copy(void)
{
    struct mail_copy in = {.from = {(uint32_t)(1 + pick(BOXES - 1))},
                           .to = {(uint32_t)(1 + pick(BOXES - 1))},
                           .move = pick(2) == 0};
    struct model_message *hit[8];
    struct numset uids, from, to;
    uint32_t validity = 0;
    numset_init(&uids);
    numset_init(&from);
    numset_init(&to);
    size_t n = pick_some(in.from.v, &uids, hit, COUNT_OF(hit));
    qsort(hit, n, sizeof hit[0], by_uid);
    assert_int_equal(mailbox_copy(&m.f.mail, FIXTURE_ACCOUNT, &in, &uids, &validity, &from, &to),
                     0);
    assert_true(validity > 0);
    assert_true(numset_eq(&from, &uids));
    assert_int_equal(numset_count(&to), n);
    for (size_t i = 0; i < n; i++) {
        uint32_t uid = 0;
        assert_true(numset_at(&to, (uint32_t)i + 1, &uid));
        assert_int_equal(uid, m.uidnext[in.to.v]);
        struct model_message *x = in.move ? hit[i] : &m.v[m.n++];
        if (!in.move) {
            *x = *hit[i];
            x->uidl = 0; /* a new one, learned at the first sight */
        }
        x->mailbox = in.to.v;
        x->uid = m.uidnext[in.to.v]++;
    }
    numset_done(&uids);
    numset_done(&from);
    numset_done(&to);
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

/* Every set of a mailbox, and its items, beside the model's. */
static void compare_sets(uint32_t box)
{
    static const uint32_t sets[] = {SET_ALL,     SET_UNSEEN, SET_ANSWERED,    SET_FLAGGED,
                                    SET_DELETED, SET_DRAFT,  SET_KEYWORD + 0, SET_KEYWORD + 5};
    struct numset want, have;
    numset_init(&want);
    numset_init(&have);
    for (size_t s = 0; s < COUNT_OF(sets); s++) {
        numset_clear(&want);
        for (size_t i = 0; i < m.n; i++) {
            const struct model_message *x = &m.v[i];
            struct entry_record r = {.flags = x->flags, .keywords = ids_of(x->keywords)};
            if (x->where == LIVE && x->mailbox == box && set_holds(sets[s], &r))
                numset_add(&want, x->uid);
        }
        assert_int_equal(
            mailbox_set(&m.f.mail, FIXTURE_ACCOUNT, (struct mailbox_id){box}, sets[s], &have), 0);
        assert_true(numset_eq(&want, &have));
        if (sets[s] != SET_ALL)
            continue;
        struct mail_item *v;
        size_t n, seen = 0;
        uint32_t from = 0;
        do {
            assert_int_equal(mailbox_items(&m.f.mail, FIXTURE_ACCOUNT,
                                           &(struct mail_range){.mailbox = {box},
                                                                .uids = &have,
                                                                .from = from,
                                                                .max = 1 + pick(40)},
                                           m.f.arena, &v, &n, &from),
                             0);
            for (size_t i = 0; i < n; i++, seen++) {
                uint32_t uid = 0;
                assert_true(numset_at(&have, (uint32_t)seen + 1, &uid));
                assert_int_equal(v[i].uid.v, uid);
            }
            arena_reset(m.f.arena);
        } while (from != 0);
        assert_int_equal(seen, numset_count(&have));
    }
    numset_done(&want);
    numset_done(&have);
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
        do_append, do_append, do_append, do_append, do_expunge, do_expunge, do_restore,
        do_flags,  do_flags,  do_purge,  do_store,  do_store,   do_copy,
    };
    m = (struct model){0};
    fixture_open(&m.f);
    m.f.mail.tombstones_max = 50;
    rng_seeded_init(&m.rng, 20261122);
    for (int box = 0; box < BOXES; box++)
        m.uidnext[box] = 1;
    for (uint32_t i = 0; i < KEYWORDS; i++) {
        char name[] = {'k', (char)('0' + i), '\0'};
        uint32_t id;
        assert_int_equal(mailbox_keyword(&m.f.mail, FIXTURE_ACCOUNT, span_str(name), true, &id), 0);
        assert_int_equal(id, i);
    }
    for (int step = 0; step < STEPS; step++) {
        operations[pick(COUNT_OF(operations))]();
        compare_counters();
        compare_view((uint32_t)(1 + pick(BOXES - 1)));
        if (step % 10 == 9)
            compare_sets((uint32_t)(1 + pick(BOXES - 1)));
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
