/* SPDX-License-Identifier: Apache-2.0 */
/* The mix: what mail programs do all day, on one mailbox, drawn at random with a seed. A mailbox only grows, so
 * sequence numbers stay what they were. One operation is one command with its whole answer. */
#include "imap.h"

enum operation { METADATA, BODY, STORE, APPEND, SEARCH, SELECT, NOOP };

/* Of a hundred. */
static const unsigned char weights[] = {
    [METADATA] = 20, [BODY] = 15,   [STORE] = 15, [APPEND] = 5,
    [SEARCH] = 15,   [SELECT] = 10, [NOOP] = 20,
};

enum { METADATA_MOST = 20 };

static enum operation draw(struct client *c)
{
    uint64_t left = rng_below(&c->imap.rng.rng, 100);
    size_t n = 0;
    while (left >= weights[n])
        left -= weights[n++];
    return (enum operation)n;
}

static uint64_t any_message(struct client *c)
{
    return 1 + rng_below(&c->imap.rng.rng, c->imap.exists);
}

static void say_metadata(struct client *c)
{
    uint64_t from = any_message(c), to = from + rng_below(&c->imap.rng.rng, METADATA_MOST);
    if (to > c->imap.exists)
        to = c->imap.exists;
    c->imap.wanted = to - from + 1;
    imap_say(c, IMAP_WANT_OPERATION, "FETCH %llu:%llu " IMAP_METADATA, (unsigned long long)from,
             (unsigned long long)to);
}

static void say_store(struct client *c)
{
    static const char *const flags[] = {"\\Seen", "\\Flagged", "\\Answered", "$Forwarded"};
    struct rng *rng = &c->imap.rng.rng;
    char sign = rng_below(rng, 3) == 0 ? '-' : '+';
    imap_say(c, IMAP_WANT_OPERATION, "STORE %llu %cFLAGS (%s)", (unsigned long long)any_message(c),
             sign, flags[rng_below(rng, COUNT_OF(flags))]);
}

static void say_search(struct client *c)
{
    static const char *const keys[] = {"UNSEEN", "FLAGGED", "SINCE 1-Jan-2020 UNANSWERED",
                                       "SUBJECT \"ma\"", "FROM \"sender\""};
    imap_say(c, IMAP_WANT_OPERATION, "UID SEARCH %s",
             keys[rng_below(&c->imap.rng.rng, COUNT_OF(keys))]);
}

static void say_next(struct client *c)
{
    struct imap_state *i = &c->imap;
    enum operation op = draw(c);
    if (i->exists == 0 && (op == METADATA || op == BODY || op == STORE))
        op = APPEND;
    i->operation = op;
    i->fetched = i->octets = i->wanted = 0;
    i->searched = i->selected = false;
    switch (op) {
    case METADATA: say_metadata(c); break;
    case BODY:
        i->wanted = 1;
        imap_say(c, IMAP_WANT_OPERATION, "FETCH %llu " IMAP_MESSAGE,
                 (unsigned long long)any_message(c));
        break;
    case STORE: say_store(c); break;
    case APPEND:
        imap_say(c, IMAP_WANT_APPEND, "APPEND INBOX (\\Seen) {%zu}", c->run->o->size);
        break;
    case SEARCH: say_search(c); break;
    case SELECT: imap_say(c, IMAP_WANT_OPERATION, "SELECT INBOX"); break;
    case NOOP: imap_say(c, IMAP_WANT_OPERATION, "NOOP"); break;
    }
}

enum step imap_mixed_begin(struct client *c)
{
    say_next(c);
    return STEP_WAIT;
}

enum step imap_mixed_untagged(struct client *c)
{
    struct imap_state *i = &c->imap;
    if (i->reply.word == IMAP_SEARCHED)
        i->searched = true;
    if (i->reply.word == IMAP_FETCHED && i->wanted > 0)
        return imap_fetched(c, i->operation == BODY ? IMAP_ITEMS_MESSAGE : IMAP_ITEMS_METADATA);
    return STEP_WAIT;
}

enum step imap_mixed_done(struct client *c)
{
    struct imap_state *i = &c->imap;
    if (i->fetched != i->wanted)
        return client_failed(c, "%llu whole FETCH responses, wanted %llu",
                             (unsigned long long)i->fetched, (unsigned long long)i->wanted);
    if (i->operation == SEARCH && !i->searched)
        return client_failed(c, "SEARCH without an answer");
    if (i->operation == SELECT && !i->selected)
        return client_failed(c, "SELECT without EXISTS");
    stats_add(&c->run->operations, i->asked_us, i->octets);
    c->run->progress_us = c->run->ended_us = now_us();
    if (++i->done < c->run->o->operations && c->run->errors < c->run->o->errors)
        say_next(c);
    else
        imap_say_logout(c);
    return STEP_WAIT;
}
