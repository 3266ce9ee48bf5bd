/* SPDX-License-Identifier: Apache-2.0 */
/* The program's logic, in two forms: with sets, where a key is a pair of what is true for certain and what may
 * be; and for one message, where a leaf is yes, no or not known yet.
 *
 * Everything here recurses over the program, whose depth is LIMIT_SEARCH_DEPTH at most.
 */
#include "mailbox/search_impl.h"

#include "base/err.h"

const struct span *search_envelope_text(const struct message_envelope *e, struct span name)
{
    if (span_ieq(name, SPAN("Message-ID")))
        return &e->message_id;
    if (span_ieq(name, SPAN("In-Reply-To")))
        return &e->in_reply_to;
    return span_ieq(name, SPAN("References")) ? &e->references : NULL;
}

enum search_level search_level_of(const struct search_key *key)
{
    static const struct message_envelope any;
    switch (key->op) {
    case SEARCH_AND:
    case SEARCH_OR:
    case SEARCH_NOT:
    case SEARCH_UIDS:
    case SEARCH_SET:
    case SEARCH_MODSEQ: return LEVEL_SET;
    case SEARCH_LARGER:
    case SEARCH_SMALLER:
    case SEARCH_RECEIVED:
    case SEARCH_SAVED:
    case SEARCH_MESSAGE: return LEVEL_ENTRY;
    case SEARCH_SENT:
    case SEARCH_FROM:
    case SEARCH_TO:
    case SEARCH_CC:
    case SEARCH_BCC:
    case SEARCH_SUBJECT: return LEVEL_ENVELOPE;
    case SEARCH_HEADER:
        return search_envelope_text(&any, key->name) != NULL ? LEVEL_ENVELOPE : LEVEL_HEADER;
    case SEARCH_BODY:
    case SEARCH_TEXT: return LEVEL_BODY;
    }
    return LEVEL_SET;
}

void search_key_done(struct search_key *program)
{
    for (; program != NULL; program = program->next) {
        numset_done(&program->uids);
        search_key_done(program->child);
    }
}

/* ---- sets -------------------------------------------------------------------------------- */

struct bounds {
    struct numset yes, maybe;
};

static int
key_bounds(struct mailbox_search *s, const struct search_key *key, struct bounds *out) MUST_CHECK;

static void bounds_init(struct bounds *b)
{
    numset_init(&b->yes);
    numset_init(&b->maybe);
}

static void bounds_done(struct bounds *b)
{
    numset_done(&b->yes);
    numset_done(&b->maybe);
}

/* AND begins with everything and takes away, OR begins with nothing and adds. */
static int
bounds_of_many(struct mailbox_search *s, const struct search_key *key, struct bounds *out)
{
    bool all = key->op == SEARCH_AND;
    int err = 0;
    if (all) {
        err = numset_copy(&out->yes, &s->uids);
        if (err == 0)
            err = numset_copy(&out->maybe, &s->uids);
    }
    for (const struct search_key *c = key->child; err == 0 && c != NULL; c = c->next) {
        struct bounds b;
        bounds_init(&b);
        err = key_bounds(s, c, &b);
        if (err == 0) {
            (all ? numset_and : numset_or)(&out->yes, &b.yes);
            (all ? numset_and : numset_or)(&out->maybe, &b.maybe);
        }
        bounds_done(&b);
    }
    return err;
}

static int bounds_of_not(struct mailbox_search *s, const struct search_key *key, struct bounds *out)
{
    struct bounds b;
    bounds_init(&b);
    int err = key_bounds(s, key->child, &b);
    if (err == 0)
        err = numset_copy(&out->yes, &s->uids);
    if (err == 0)
        err = numset_copy(&out->maybe, &s->uids);
    numset_andnot(&out->yes, &b.maybe);
    numset_andnot(&out->maybe, &b.yes);
    bounds_done(&b);
    return err;
}

static int key_bounds(struct mailbox_search *s, const struct search_key *key, struct bounds *out)
{
    int err;
    if (key->op == SEARCH_AND || key->op == SEARCH_OR) {
        err = bounds_of_many(s, key, out);
    } else if (key->op == SEARCH_NOT) {
        err = bounds_of_not(s, key, out);
    } else if (s->leaves[key->leaf].level != LEVEL_SET) {
        err = numset_copy(&out->maybe, &s->uids);
    } else {
        err = numset_copy(&out->yes, &s->leaves[key->leaf].set);
        if (err == 0)
            err = numset_copy(&out->maybe, &out->yes);
    }
    if (err == 0)
        err = out->yes.err != 0 ? out->yes.err : out->maybe.err;
    return err;
}

int search_bounds(struct mailbox_search *s, struct numset *yes, struct numset *maybe)
{
    struct bounds b;
    bounds_init(&b);
    int err = key_bounds(s, s->program, &b);
    if (err != 0) {
        bounds_done(&b);
        return err;
    }
    numset_done(yes);
    numset_done(maybe);
    *yes = b.yes;
    *maybe = b.maybe;
    return 0;
}

/* ---- one message ------------------------------------------------------------------------- */

enum search_value search_eval(const struct mailbox_search *s, const struct search_key *key)
{
    enum search_value decides = key->op == SEARCH_AND ? VALUE_NO : VALUE_YES;
    enum search_value v = decides == VALUE_NO ? VALUE_YES : VALUE_NO;
    if (key->op == SEARCH_NOT) {
        v = search_eval(s, key->child);
        return v == VALUE_UNKNOWN ? v : v == VALUE_YES ? VALUE_NO : VALUE_YES;
    }
    if (key->op != SEARCH_AND && key->op != SEARCH_OR)
        return s->leaves[key->leaf].value;
    for (const struct search_key *c = key->child; c != NULL; c = c->next) {
        enum search_value of_child = search_eval(s, c);
        if (of_child == decides)
            return decides;
        if (of_child == VALUE_UNKNOWN)
            v = VALUE_UNKNOWN;
    }
    return v;
}

void search_open_leaves(struct mailbox_search *s,
                        const struct search_key *key,
                        enum search_level level,
                        void (*fn)(void *arg, struct search_leaf *leaf),
                        void *arg)
{
    if (search_eval(s, key) != VALUE_UNKNOWN)
        return;
    if (key->op != SEARCH_AND && key->op != SEARCH_OR && key->op != SEARCH_NOT) {
        if (s->leaves[key->leaf].level == level)
            fn(arg, &s->leaves[key->leaf]);
        return;
    }
    for (const struct search_key *c = key->child; c != NULL; c = c->next)
        search_open_leaves(s, c, level, fn, arg);
}
