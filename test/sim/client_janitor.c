/* SPDX-License-Identifier: Apache-2.0 */
/* The janitor's pass: retention, purging, removed accounts, bodies nobody links. What it may remove
 * is in doubt from its beginning; what it must have removed is gone when it was not disturbed. */
#include "client.h"

#include "trace.h"
#include "turns.h"

static const int64_t day_ms = INT64_C(24) * 3600 * 1000;

/* The shortest time of the classes the life may have says what may go, the longest what must. */
static int64_t keep_ms(const struct life *l, bool surely)
{
    int64_t least = INT64_MAX, most = 0;
    for (int i = 0; i < 2; i++) {
        if (l->klass[i] == NULL)
            continue;
        int64_t ms = l->klass[i]->retention_days == 0
                         ? INT64_MAX
                         : (int64_t)l->klass[i]->retention_days * day_ms;
        least = ms < least ? ms : least;
        most = ms > most ? ms : most;
    }
    return surely ? most : least;
}

static bool is_old(const struct copy *c, int64_t now_ms, bool surely)
{
    int64_t keep = keep_ms(c->life, surely);
    int64_t received = surely ? c->message->wall_max : c->message->wall_min;
    return c->box == life_inbox(c->life) && keep != INT64_MAX && c->arrived != NO &&
           received < now_ms - keep;
}

static bool is_due(const struct client *c, const struct life *l, int64_t now_ms, bool surely)
{
    int64_t removed = surely ? l->removed_max : l->removed_min;
    if (l->purging)
        return true;
    return (surely ? l->removed == YES : l->removed != NO) && l->made != NO &&
           removed + c->w->janitor.remove_grace_ms <= now_ms;
}

static void retire(struct model *m, struct copy *copy, int64_t now_ms)
{
    if (!is_old(copy, now_ms, false) || copy->gone == YES ||
        (copy->retiring && copy->gone == MAYBE))
        return;
    copy->retiring = true;
    copy_remove_begin(m, copy);
}

/* Looked at again before each operation of the pass: time goes on, others remove and bring back. */
static void may_remove(struct client *c)
{
    struct model *m = &c->w->model;
    int64_t now_ms = turns_wall_ms();
    for (size_t i = 0; i < m->lives_n; i++) {
        struct life *l = m->lives[i];
        if (l->purged == YES)
            continue;
        if (is_due(c, l, now_ms, false)) {
            l->janitor_due = true;
            if (l->purged == NO)
                life_set(m, l, &l->purged, MAYBE);
        }
        for (size_t j = 0; j < l->copies_n; j++)
            retire(m, l->copies[j], now_ms);
    }
}

/* Those that were old and due before it began, and that nobody has touched meanwhile. */
static void end(struct client *c, int64_t now_ms, uint64_t since)
{
    struct model *m = &c->w->model;
    for (size_t i = 0; i < m->lives_n; i++) {
        struct life *l = m->lives[i];
        if (l->purged == MAYBE && is_due(c, l, now_ms, true) && l->step <= since)
            life_set(m, l, &l->purged, YES);
        if (l->purged != NO || l->made != YES || l->step > since || l->klass_step > since ||
            l->removed != NO)
            continue;
        for (size_t j = 0; j < l->copies_n; j++) {
            struct copy *copy = l->copies[j];
            if (is_old(copy, now_ms, true) && copy->arrived_step <= since && copy->gone == MAYBE &&
                copy->gone_step <= since && copy->removers == 1)
                copy_gone(m, copy, YES);
        }
    }
}

void janitor_visit(struct client *c)
{
    struct janitor_result r;
    int64_t began_ms = turns_wall_ms();
    may_remove(c);
    uint64_t since = c->w->model.step;
    c->at_op = may_remove;
    janitor_pass(&c->w->janitor, &r);
    c->at_op = NULL;
    if (c->w->killed)
        return;
    trace("janitor: purged %llu, retired %llu, accounts %llu, bodies %llu, errors %llu",
          (unsigned long long)r.purged, (unsigned long long)r.retired,
          (unsigned long long)r.accounts, (unsigned long long)r.blobs,
          (unsigned long long)r.errors);
    client_must(c, r.errors == 0, "the janitor met %llu errors", (unsigned long long)r.errors);
    if (!c->touched && !c->w->stopping)
        end(c, began_ms, since);
}
