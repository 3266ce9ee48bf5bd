/* SPDX-License-Identifier: Apache-2.0 */
/* See envelope.h. Memory is bounded by the arena: aliases with many targets times many recipients
 * end in ERR_LIMIT (the client is told 452 4.5.3 and sends the rest in another transaction). */
#include "smtp/envelope.h"

#include "base/err.h"

enum { ENVELOPE_ARENA_MAX = 16 * 1024 * 1024, RECIPIENTS_FIRST = 4 };

int smtp_envelope_open(struct smtp_envelope *e, struct span from, uint64_t size_max)
{
    struct smtp_envelope fresh = {.arena = arena_new(ENVELOPE_ARENA_MAX), .size_max = size_max};
    if (fresh.arena == NULL)
        return ERR_NOMEM;
    fresh.from = arena_dup(fresh.arena, from);
    if (arena_err(fresh.arena) != 0) {
        arena_free(fresh.arena);
        return ERR_NOMEM;
    }
    *e = fresh;
    return 0;
}

void smtp_envelope_close(struct smtp_envelope *e)
{
    arena_free(e->arena);
    free(e->rcpts);
    *e = (struct smtp_envelope){.arena = NULL};
}

static int grow(struct smtp_envelope *e)
{
    if (e->n < e->cap)
        return 0;
    size_t cap = e->cap == 0 ? RECIPIENTS_FIRST : e->cap * 2;
    struct smtp_recipient *rcpts = reallocarray(e->rcpts, cap, sizeof *rcpts);
    if (rcpts == NULL)
        return ERR_NOMEM;
    e->rcpts = rcpts;
    e->cap = cap;
    return 0;
}

int smtp_envelope_add(struct smtp_envelope *e, const struct smtp_recipient *r)
{
    int err = grow(e);
    if (err != 0)
        return err;
    struct smtp_recipient *to = &e->rcpts[e->n];
    *to = *r;
    to->address = arena_dup(e->arena, r->address);
    to->orcpt = arena_dup(e->arena, r->orcpt);
    to->v = arena_array(e->arena, r->n > 0 ? r->n : 1, sizeof *to->v);
    for (size_t i = 0; to->v != NULL && i < r->n; i++) {
        to->v[i] = r->v[i];
        to->v[i].address = arena_dup(e->arena, r->v[i].address);
        to->v[i].class_name = arena_dup(e->arena, r->v[i].class_name);
        to->v[i].detail = arena_dup(e->arena, r->v[i].detail);
    }
    if (arena_err(e->arena) != 0)
        return arena_err(e->arena) == ERR_NOMEM ? ERR_NOMEM : ERR_LIMIT;
    e->n++;
    e->destinations += r->n;
    return 0;
}
