/* SPDX-License-Identifier: Apache-2.0 */
/* The arguments of NOTIFY (RFC 5465 §8). Events may also stand without parentheses around them, as in the examples of
 * §3.1. */
#include "imap/fetch.h"
#include "imap/notify.h"
#include "imap/place.h"

enum { /* what only the parser tells apart */
       EVENT_NEW = 1,
       EVENT_EXPUNGE = 2,
       EVENT_FLAGS = 4,
       EVENT_NAMES = 8,
       EVENT_SUBSCRIPTIONS = 16,
       EVENT_METADATA = 32,
       EVENT_SERVER = 64,
       EVENTS_OF_SELECTED = EVENT_NEW | EVENT_EXPUNGE | EVENT_FLAGS,
};

struct parser {
    struct imap *i;
    struct notify_program *program;
    bool selected; /* there was a group of it */
    size_t names;  /* in all groups: each is looked for whenever something has changed */
};

static unsigned event_of(const struct imap_arg *a)
{
    static const struct {
        const char *name;
        unsigned event;
    } events[] = {{"MessageNew", EVENT_NEW},
                  {"MessageExpunge", EVENT_EXPUNGE},
                  {"FlagChange", EVENT_FLAGS},
                  {"MailboxName", EVENT_NAMES},
                  {"SubscriptionChange", EVENT_SUBSCRIPTIONS},
                  {"MailboxMetadataChange", EVENT_METADATA},
                  {"ServerMetadataChange", EVENT_SERVER}};
    size_t n = 0;
    while (n < COUNT_OF(events) && !imap_arg_is(a, span_str(events[n].name)))
        n++;
    return n < COUNT_OF(events) ? events[n].event : 0;
}

/* §5: what must be given together. */
static int events_check(unsigned seen, bool selected, unsigned *out)
{
    unsigned both = EVENT_NEW | EVENT_EXPUNGE;
    if ((seen & both) != 0 && (seen & both) != both)
        return ERR_INVALID;
    if ((seen & EVENT_FLAGS) != 0 && (seen & both) == 0)
        return ERR_INVALID;
    if (selected && (seen & ~(unsigned)EVENTS_OF_SELECTED) != 0)
        return ERR_INVALID; /* §6.1 */
    *out = ((seen & both) != 0 ? (unsigned)NOTIFY_MESSAGES : 0) |
           ((seen & EVENT_FLAGS) != 0 ? (unsigned)NOTIFY_FLAGS : 0) |
           ((seen & EVENT_NAMES) != 0 ? (unsigned)NOTIFY_NAMES : 0) |
           ((seen & EVENT_SUBSCRIPTIONS) != 0 ? (unsigned)NOTIFY_SUBSCRIPTIONS : 0) |
           ((seen & EVENT_METADATA) != 0 ? (unsigned)NOTIFY_METADATA : 0);
    return 0;
}

static int take_events(struct parser *p, const struct imap_arg *a, bool selected, unsigned *out)
{
    unsigned seen = 0;
    *out = 0;
    if (a == NULL)
        return ERR_INVALID;
    if (imap_arg_is(a, SPAN("NONE")))
        return a->next == NULL ? 0 : ERR_INVALID;
    if (a->kind == IMAP_LIST) {
        if (a->next != NULL || a->child == NULL)
            return ERR_INVALID;
        a = a->child;
    }
    for (; a != NULL; a = a->next) {
        unsigned event = event_of(a);
        if (a->kind != IMAP_ATOM)
            return ERR_INVALID;
        if (event == 0)
            return ERR_UNSUPPORTED;
        seen |= event;
        if (event != EVENT_NEW || a->next == NULL || a->next->kind != IMAP_LIST)
            continue;
        a = a->next;
        int err = !selected
                      ? ERR_INVALID
                      : fetch_list_parse(a, p->i->s.arena, &p->program->items, &p->program->modseq);
        if (err != 0)
            return err;
    }
    p->program->server = p->program->server || (seen & EVENT_SERVER) != 0;
    return events_check(seen, selected, out);
}

static int take_name(struct parser *p, const struct imap_arg *a, struct notify_group *g)
{
    struct span *name = &g->names[g->names_n];
    int err = a->kind == IMAP_LIST ? ERR_INVALID : imap_read_mailbox(p->i, a, name);
    if (err == ERR_INVALID && a->kind != IMAP_LIST)
        return 0; /* §3.1: what does not exist is passed over */
    if (err != 0)
        return err;
    *name = imap_place_prefix(p->i->s.arena, *name);
    g->names_n++;
    return arena_err(p->i->s.arena);
}

static int take_names(struct parser *p, const struct imap_arg *a, struct notify_group *g)
{
    bool many = a->kind == IMAP_LIST;
    size_t n = many ? imap_args_count(a->child) : 1;
    if (n == 0)
        return ERR_INVALID;
    if (n > LIMIT_IMAP_NOTIFY - p->names)
        return ERR_LIMIT;
    p->names += n;
    g->names = arena_array(p->i->s.arena, n, sizeof *g->names);
    if (g->names == NULL)
        return arena_err(p->i->s.arena);
    int err = 0;
    for (const struct imap_arg *name = many ? a->child : a; err == 0 && n > 0; n--) {
        err = take_name(p, name, g);
        name = name->next;
    }
    return err;
}

static int take_selected(struct parser *p, const struct imap_arg *events, bool delayed)
{
    if (p->selected)
        return ERR_INVALID; /* §6.1: only one of them */
    p->selected = true;
    p->program->delayed = delayed;
    return take_events(p, events, true, &p->program->selected);
}

static int take_group(struct parser *p, const struct imap_arg *group)
{
    const struct imap_arg *a = group->kind == IMAP_LIST ? group->child : NULL;
    struct notify_group *g = &p->program->groups[p->program->groups_n];
    if (a == NULL)
        return ERR_INVALID;
    bool delayed = imap_arg_is(a, SPAN("SELECTED-DELAYED"));
    if (delayed || imap_arg_is(a, SPAN("SELECTED")))
        return take_selected(p, a->next, delayed);
    if (imap_arg_is(a, SPAN("PERSONAL")) || imap_arg_is(a, SPAN("INBOXES")))
        g->filter = NOTIFY_PERSONAL;
    else if (imap_arg_is(a, SPAN("SUBSCRIBED")))
        g->filter = NOTIFY_SUBSCRIBED;
    else if (imap_arg_is(a, SPAN("SUBTREE")))
        g->filter = NOTIFY_SUBTREE;
    else if (imap_arg_is(a, SPAN("MAILBOXES")))
        g->filter = NOTIFY_MAILBOXES;
    else
        return ERR_INVALID;
    a = a->next;
    if (g->filter == NOTIFY_SUBTREE || g->filter == NOTIFY_MAILBOXES) {
        int err = a == NULL ? ERR_INVALID : take_names(p, a, g);
        if (err != 0)
            return err;
        a = a->next;
    }
    p->program->groups_n++;
    return take_events(p, a, false, &g->events);
}

int notify_parse(struct imap *i, const struct imap_arg *args, struct notify_program *out)
{
    struct parser p = {.i = i, .program = out};
    *out = (struct notify_program){.status = imap_arg_is(args, SPAN("STATUS"))};
    if (out->status)
        args = args->next;
    size_t n = imap_args_count(args);
    if (n == 0)
        return ERR_INVALID;
    if (n > LIMIT_IMAP_NOTIFY)
        return ERR_LIMIT;
    out->groups = arena_array(i->s.arena, n, sizeof *out->groups);
    if (out->groups == NULL)
        return arena_err(i->s.arena);
    int err = 0;
    for (; err == 0 && args != NULL; args = args->next)
        err = take_group(&p, args);
    return err;
}
