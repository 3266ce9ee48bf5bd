/* SPDX-License-Identifier: Apache-2.0 */
/* Whom a client logs in as, and what the answer says about the model. */
#include "client.h"

#include "trace.h"

#include <limits.h>

/* One that may be right; now and then one that was, or never was. */
static unsigned choose_password(struct client *c, const struct life *l)
{
    if (client_chance(c, 25))
        return UINT_MAX;
    if (client_chance(c, 25))
        return (unsigned)client_below(c, c->w->model.passwords);
    return l->passwords[client_below(c, l->passwords_n)];
}

bool login_choose(struct client *c, struct login *l)
{
    struct model *m = &c->w->model;
    unsigned slot = (unsigned)client_below(c, m->slots);
    struct life *life = m->now[slot];
    if (!life_may_be_open(life) && !client_chance(c, 4)) {
        for (unsigned i = 0; i < m->slots && !life_may_be_open(life); i++)
            life = m->now[i];
    }
    if (life == NULL)
        return false;
    *l = (struct login){.life = life, .since = m->step, .password = choose_password(c, life)};
    slot_address(life->slot, l->address);
    if (l->password == UINT_MAX)
        snprintf(l->text, sizeof l->text, "nobody's");
    else
        password_text(l->password, l->text);
    return true;
}

/* While a password is being changed, that the new one is not right yet says nothing about later. */
static bool may_still_change(const struct life *life, unsigned right)
{
    return life->password_changes && life->password_next != right;
}

static void judge_ok(struct client *c, struct login *l, bool steady)
{
    struct life *life = l->life;
    if (!steady)
        return;
    if (!life_may_be_open(life))
        wrong("%s: logged in as u%u, an account that is removed", c->name, life->slot);
    if (!password_may_be_right(life, l->password) && life->passwords_step <= l->since)
        wrong("%s: logged in as u%u with a wrong password", c->name, life->slot);
    if (life->passwords_n > 1 && life->passwords_step <= l->since &&
        !may_still_change(life, l->password))
        password_is(&c->w->model, life, l->password);
}

static void judge_wrong(struct client *c, struct login *l, bool steady)
{
    struct life *life = l->life;
    if (!steady || !life_is_open(life) || life->passwords_step > l->since)
        return;
    if (!password_may_be_right(life, l->password))
        return;
    if (life->passwords_n == 1)
        wrong("%s: the right password of u%u is said to be wrong", c->name, life->slot);
    if (life->password_changes && life->password_next == l->password)
        return;
    for (size_t i = 0; i < life->passwords_n; i++)
        if (life->passwords[i] == l->password)
            life->passwords[i] = life->passwords[--life->passwords_n];
    life->passwords_step = ++c->w->model.step;
}

bool login_judge(struct client *c, struct login *l, enum login_answer answer)
{
    struct life *life = l->life;
    bool steady = life_is_steady(life, l->since) && c->w->model.now[life->slot] == life;
    switch (answer) {
    case LOGIN_OK:
        c->in = life;
        c->in_since = l->since;
        c->in_password = l->password;
        judge_ok(c, l, steady);
        return steady;
    case LOGIN_WRONG: judge_wrong(c, l, steady); break;
    case LOGIN_REFUSED:
        if (steady && life_is_open(life))
            wrong("%s: the login of u%u is refused for good", c->name, life->slot);
        break;
    case LOGIN_LATER: client_must(c, !steady, "the login of u%u is put off", life->slot); break;
    }
    return false;
}

bool login_may_be_over(const struct client *c)
{
    const struct life *life = c->in;
    return life != NULL && (!life_is_steady(life, c->in_since) || life->password_changes ||
                            life->passwords_step > c->in_since);
}

bool login_must_be_over(const struct client *c, uint64_t since)
{
    const struct life *life = c->in;
    if (life == NULL || c->touched)
        return false;
    if (life->made == YES && life->removed == YES && life->step <= since)
        return true;
    return life->passwords_n == 1 && life->passwords[0] != c->in_password &&
           !life->password_changes && life->passwords_step <= since;
}
