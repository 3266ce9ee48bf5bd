/* SPDX-License-Identifier: Apache-2.0 */
/* The operator, through the admin API: accounts made, removed, restored and purged, passwords and
 * classes changed, everything checked while others are at work. What he does with messages is in
 * operator_mail.c. One operator at a time: of two who change one account at the same time the model
 * could not know who was first. */
#include "operator_mail.h"

#include "trace.h"
#include "turns.h"

static bool is_there(const struct life *l)
{
    return l != NULL && l->made == YES && l->purged == NO;
}

static struct life *choose_any(struct client *c)
{
    struct model *m = &c->w->model;
    struct life *l = m->now[client_below(c, m->slots)];
    return is_there(l) ? l : NULL;
}

/* Rare ones, so all are looked through: those that are removed, or even those whose purge was cut short. */
static struct life *choose_removed(struct client *c, bool purging)
{
    struct model *m = &c->w->model;
    unsigned first = (unsigned)client_below(c, m->slots);
    for (unsigned i = 0; i < m->slots; i++) {
        struct life *l = m->now[(first + i) % m->slots];
        if (is_there(l) && l->removed == YES && (l->purging || !purging))
            return l;
    }
    return NULL;
}

struct life *operator_chooses(struct client *c)
{
    struct life *l = choose_any(c);
    return l != NULL && !l->purging ? l : NULL;
}

/* ---- making and unmaking ------------------------------------------------------------------ */

static void make_account(struct client *c)
{
    struct model *m = &c->w->model;
    unsigned slot = (unsigned)client_below(c, m->slots), password = m->passwords;
    if (!life_is_over(m->now[slot]))
        return;
    char address[DOMAIN_TEXT], text[DOMAIN_TEXT];
    struct buf body;
    struct call call;
    const struct klass *klass = &model_classes[client_below(c, model_classes_n)];
    struct life *l = life_new(m, slot, klass, password);
    slot_address(slot, address);
    password_text(password, text);
    buf_init(&body, 1000);
    bool hash = client_chance(c, 2);
    buf_printf(&body, "{\"address\":\"%s\",\"%s\":\"%s%s\",\"class\":\"%s\"}", address,
               hash ? "password_hash" : "password", hash ? "{PLAIN}" : "", text, klass->name);
    life_set(m, l, &l->made, MAYBE);
    admin_call(c, "POST", "/v1/accounts", buf_span(&body), &call);
    buf_done(&body);
    if (call_is(c, &call, 201, l, "making an account"))
        life_set(m, l, &l->made, YES);
    else if (!call.passed)
        life_set(m, l, &l->made, NO);
    else
        m->strays++; /* its mail may have been made before the trouble */
    call_done(&call);
}

static void target_of(const struct life *l, const char *rest, char to[static 100])
{
    char address[DOMAIN_TEXT];
    slot_address(l->slot, address);
    snprintf(to, 100, "/v1/accounts/%s%s", address, rest);
}

/* Something that moves one of a life's tri's. */
static void change(struct client *c,
                   struct life *l,
                   const char *method,
                   const char *rest,
                   enum tri *field,
                   enum tri to)
{
    struct model *m = &c->w->model;
    struct call call;
    char target[100];
    enum tri before = *field;
    target_of(l, rest, target);
    life_set(m, l, field, MAYBE);
    admin_call(c, method, target, SPAN_EMPTY, &call);
    if (call_is(c, &call, 200, l, target))
        life_set(m, l, field, to);
    else if (!call.passed && !(field == &l->purged && l->janitor_due))
        life_set(m, l, field, before); /* nobody has even begun */
    call_done(&call);
}

static void remove_account(struct client *c)
{
    struct life *l = operator_chooses(c);
    if (l == NULL || l->removed == YES)
        return;
    int64_t now = turns_wall_ms();
    if (l->removed == NO)
        l->removed_min = l->removed_max = now;
    c->w->operator_removes = l;
    change(c, l, "DELETE", "", &l->removed, YES);
    c->w->operator_removes = NULL;
    now = turns_wall_ms();
    l->removed_min = now < l->removed_min ? now : l->removed_min;
    l->removed_max = now > l->removed_max ? now : l->removed_max;
}

static void restore_account(struct client *c)
{
    struct life *purging = choose_removed(c, true), *l = purging != NULL ? purging : choose_any(c);
    struct call call;
    char target[100];
    if (l != NULL && l->removed != NO && !l->purging)
        change(c, l, "POST", "/restore", &l->removed, NO);
    if (l == NULL || !l->purging)
        return;
    target_of(l, "/restore", target);
    admin_call(c, "POST", target, SPAN_EMPTY, &call);
    (void)call_is(c, &call, 400, l, "restoring what is being purged");
    call_done(&call);
}

static void purge_account(struct client *c)
{
    struct life *l = choose_removed(c, false);
    if (l != NULL)
        change(c, l, "POST", "/purge", &l->purged, YES);
}

/* ---- passwords and classes ---------------------------------------------------------------- */

static void change_password(struct client *c)
{
    struct model *m = &c->w->model;
    struct life *l = operator_chooses(c);
    struct call call;
    char target[100], text[DOMAIN_TEXT], body[100];
    if (l == NULL || l->passwords_n == PASSWORDS_MAX)
        return;
    unsigned password = m->passwords++;
    password_text(password, text);
    target_of(l, "/password", target);
    snprintf(body, sizeof body, "{\"password\":\"%s\"}", text);
    password_may_be(m, l, password);
    l->password_changes = true;
    l->password_next = password;
    admin_call(c, "PUT", target, span_str(body), &call);
    l->password_changes = false;
    l->passwords_step = ++m->step; /* what a login began to ask before says nothing any more */
    if (call_is(c, &call, 200, l, "a new password"))
        password_is(m, l, password);
    call_done(&call);
}

static void change_class(struct client *c)
{
    struct model *m = &c->w->model;
    struct life *l = operator_chooses(c);
    const struct klass *k = &model_classes[client_below(c, model_classes_n)];
    struct call call;
    char target[100], body[100];
    if (l == NULL || l->klass[1] != NULL || l->klass[0] == k)
        return;
    target_of(l, "", target);
    snprintf(body, sizeof body, "{\"class\":\"%s\"}", k->name);
    l->klass[1] = k;
    l->klass_step = ++m->step;
    admin_call(c, "PATCH", target, span_str(body), &call);
    if (call_is(c, &call, 200, l, "a new class")) {
        l->klass[0] = k;
        l->klass[1] = NULL;
    } else if (!call.passed) {
        l->klass[1] = NULL;
    }
    l->klass_step = ++m->step;
    call_done(&call);
}

/* ---- looking ------------------------------------------------------------------------------ */

static void check_store(struct client *c)
{
    struct call call;
    admin_call(c, "POST", "/v1/store/check", SPAN_EMPTY, &call);
    if (call_is(c, &call, 200, NULL, "a check of the store"))
        client_must(c, span_ends(buf_span(&call.body), SPAN(" 0 problems\n")),
                    "a check of the store says: %.*s", SPAN_ARG(buf_span(&call.body)));
    call_done(&call);
}

static void show_account(struct client *c)
{
    struct life *l = operator_chooses(c);
    struct call call;
    char target[100];
    if (l == NULL)
        return;
    target_of(l, "", target);
    admin_call(c, "GET", target, SPAN_EMPTY, &call);
    (void)call_is(c, &call, 200, l, target);
    call_done(&call);
}

static void list_accounts(struct client *c)
{
    struct call call;
    admin_call(c, "GET", "/v1/accounts?limit=3", SPAN_EMPTY, &call);
    (void)call_is(c, &call, 200, NULL, "a list of accounts");
    call_done(&call);
}

void admin_visit(struct client *c)
{
    static const struct {
        unsigned weight;
        void (*run)(struct client *c);
    } things[] = {
        {5, make_account},    {3, remove_account},    {3, restore_account},   {2, purge_account},
        {3, change_password}, {2, change_class},      {2, check_store},       {1, show_account},
        {1, list_accounts},   {6, operator_undelete}, {3, operator_delivers}, {2, operator_lists},
    };
    unsigned all = 0, n = 1 + (unsigned)client_below(c, 3);
    if (c->w->operator_busy)
        return;
    c->w->operator_busy = true;
    for (size_t i = 0; i < COUNT_OF(things); i++)
        all += things[i].weight;
    for (; n > 0 && !c->w->killed && !c->w->stopping; n--) {
        uint64_t at = client_below(c, all);
        size_t i = 0;
        for (; at >= things[i].weight; i++)
            at -= things[i].weight;
        things[i].run(c);
        client_pause(c);
    }
    c->w->operator_busy = false;
}
