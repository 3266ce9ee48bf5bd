/* SPDX-License-Identifier: Apache-2.0 */
/* Lives: accounts, their passwords, their limits. Messages are in model_mail.c. */
#include "model.h"

#include "trace.h"

const struct klass model_classes[] = {
    {.name = "plain"},
    {.name = "few", .quota_messages = 6},
    {.name = "small", .quota_bytes = 30000, .message_size = 12000},
    {.name = "short", .retention_days = 2},
};
const size_t model_classes_n = COUNT_OF(model_classes);

const char *tri_name(enum tri t)
{
    return t == NO ? "no" : t == YES ? "yes" : "maybe";
}

void model_init(struct model *m, unsigned slots)
{
    *m = (struct model){.slots = slots};
    must(slots <= SLOTS_MAX);
}

static void life_free(struct life *l)
{
    for (size_t i = 0; i < l->copies_n; i++)
        free(l->copies[i]);
    for (size_t i = 0; i < l->boxes_n; i++)
        free(l->boxes[i]);
    free(l->copies);
    free(l->boxes);
    free(l);
}

void model_done(struct model *m)
{
    model_settled(m);
    for (size_t i = 0; i < m->lives_n; i++)
        life_free(m->lives[i]);
    for (size_t i = 0; i < m->messages_n; i++) {
        buf_done(&m->messages[i]->body);
        free(m->messages[i]);
    }
    for (size_t i = 0; i < m->lines_n; i++)
        free(m->lines[i]);
    free(m->lines);
    free(m->lives);
    free(m->messages);
    free(m->sweeps);
}

/* ---- lives ------------------------------------------------------------------------------- */

void slot_address(unsigned slot, char to[static DOMAIN_TEXT])
{
    snprintf(to, DOMAIN_TEXT, "u%u@sim.test", slot);
}

struct life *life_new(struct model *m, unsigned slot, const struct klass *klass, unsigned password)
{
    struct life *l = calloc(1, sizeof *l);
    struct life **v = reallocarray(m->lives, m->lives_n + 1, sizeof(struct life *));
    must(l != NULL && v != NULL);
    m->lives = v;
    *l = (struct life){.n = (unsigned)m->lives_n, .slot = slot, .klass = {klass, NULL}};
    l->step = l->klass_step = ++m->step;
    m->lives[m->lives_n++] = l;
    m->now[slot] = l;
    password_is(m, l, password);
    boxes_make(m, l);
    return l;
}

void life_set(struct model *m, struct life *l, enum tri *field, enum tri to)
{
    if (*field == to)
        return;
    *field = to;
    l->step = ++m->step;
    trace("life %u of u%u: made %s, removed %s, purged %s", l->n, l->slot, tri_name(l->made),
          tri_name(l->removed), tri_name(l->purged));
}

bool life_is_open(const struct life *l)
{
    return l != NULL && l->made == YES && l->removed == NO && l->purged == NO;
}

bool life_may_be_open(const struct life *l)
{
    return l != NULL && l->made != NO && l->removed != YES && l->purged != YES;
}

bool life_is_steady(const struct life *l, uint64_t since)
{
    return l != NULL && l->step <= since;
}

bool life_is_over(const struct life *l)
{
    return l == NULL || l->made == NO || l->purged == YES;
}

void life_id_seen(struct model *m, struct life *l, uint64_t id)
{
    if (l->id == id)
        return;
    if (l->id != 0)
        wrong("u%u has the account id %llu, and had %llu", l->slot, (unsigned long long)id,
              (unsigned long long)l->id);
    for (size_t i = 0; i < m->lives_n; i++)
        if (m->lives[i]->id == id)
            wrong("the account id %llu of life %u is given again to life %u",
                  (unsigned long long)id, m->lives[i]->n, l->n);
    l->id = id;
}

/* ---- passwords ---------------------------------------------------------------------------- */

void password_text(unsigned password, char to[static DOMAIN_TEXT])
{
    snprintf(to, DOMAIN_TEXT, "pass word %u", password);
}

void password_may_be(struct model *m, struct life *l, unsigned password)
{
    if (password_may_be_right(l, password))
        return;
    must(l->passwords_n < PASSWORDS_MAX);
    l->passwords[l->passwords_n++] = password;
    l->passwords_step = ++m->step;
}

void password_is(struct model *m, struct life *l, unsigned password)
{
    l->passwords[0] = password;
    l->passwords_n = 1;
    l->passwords_step = ++m->step;
    if (m->passwords <= password)
        m->passwords = password + 1;
}

bool password_may_be_right(const struct life *l, unsigned password)
{
    for (size_t i = 0; i < l->passwords_n; i++)
        if (l->passwords[i] == password)
            return true;
    return false;
}

/* ---- limits ------------------------------------------------------------------------------- */

enum { TRACE_FIELDS_MAX = 2000 }; /* what the server adds to a message */

static bool klass_is_full(const struct klass *k, uint64_t messages, uint64_t bytes, uint64_t more)
{
    return (k->quota_messages != 0 && messages > k->quota_messages) ||
           (k->quota_bytes != 0 && bytes + more >= k->quota_bytes);
}

bool life_may_be_full(const struct life *l, uint64_t n, uint64_t more, uint64_t since)
{
    uint64_t messages = 0, bytes = 0;
    for (size_t i = 0; i < l->copies_n; i++) {
        const struct copy *c = l->copies[i];
        if (!copy_may_since(c, since))
            continue;
        messages++;
        bytes += c->message->body.n + TRACE_FIELDS_MAX;
    }
    for (int i = 0; i < 2; i++)
        if (l->klass[i] != NULL &&
            klass_is_full(l->klass[i], messages + n, bytes, more + n * TRACE_FIELDS_MAX))
            return true;
    return false;
}

bool life_was_full(const struct life *l, uint64_t more, uint64_t since)
{
    uint64_t messages = 0, bytes = 0;
    if (l->klass[1] != NULL || l->klass_step > since)
        return false;
    for (size_t i = 0; i < l->copies_n; i++) {
        const struct copy *c = l->copies[i];
        if (!copy_must_since(c, since))
            continue;
        messages++;
        bytes += c->message->body.n;
    }
    /* what is stored is always more than what was sent */
    return klass_is_full(l->klass[0], messages + 1, bytes, more);
}

bool life_refuses(const struct life *l, uint64_t size, bool surely)
{
    bool one = false, all = true;
    for (int i = 0; i < 2; i++) {
        const struct klass *k = l->klass[i];
        if (k == NULL)
            continue;
        bool small = k->message_size != 0 && size > k->message_size;
        one |= small;
        all &= small;
    }
    return surely ? all : one;
}
