/* SPDX-License-Identifier: Apache-2.0 */
/* A sliding window in slots of five minutes: thirteen cover the last hour and the slot that is
 * leaving it, so that the window errs to the strict side by less than a slot. Kept in a hash table
 * with open addressing by groups: an account lives in one of the eight places of its group, so that
 * finding, adding and making room all cost the same few steps, whatever the number of accounts. */
#include "smtp/rate.h"

#include <pthread.h>
#include <sodium.h>

enum {
    SLOT_MS = 5 * 60 * 1000,
    WINDOW_SLOTS = 12,
    SLOTS = WINDOW_SLOTS + 1,
    GROUP = 8,
    GROUPS = 4096, /* 32768 accounts that send within the same hour, 7.7 MB when all do */
};

struct sender {
    uint64_t account_id; /* 0: free */
    int64_t last;        /* number of the newest slot */
    struct slot {
        uint32_t messages, recipients;
    } slots[SLOTS]; /* slot i is at i % SLOTS */
};

struct smtp_rates {
    pthread_mutex_t lock; /* a leaf */
    struct clock *clock;
    unsigned char
        key[crypto_shorthash_KEYBYTES]; /* account ids are not chosen by peers, but are guessable */
    struct sender *groups[GROUPS];      /* GROUP senders each; made when first needed */
};

struct smtp_rates *smtp_rates_new(struct clock *clock)
{
    struct smtp_rates *r = calloc(1, sizeof *r);
    if (r == NULL)
        return NULL;
    if (pthread_mutex_init(&r->lock, NULL) != 0) {
        free(r);
        return NULL;
    }
    r->clock = clock;
    crypto_shorthash_keygen(r->key);
    return r;
}

void smtp_rates_free(struct smtp_rates *r)
{
    if (r == NULL)
        return;
    for (size_t i = 0; i < GROUPS; i++)
        free(r->groups[i]);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

/* Forgets what has left the window. */
static void slide(struct sender *s, int64_t now)
{
    for (int64_t i = s->last + 1; i <= now && i <= s->last + SLOTS; i++)
        s->slots[i % SLOTS] = (struct slot){0};
    if (now > s->last)
        s->last = now;
}

/* The sender's place, with the window at `now`. A new one takes a free place or that of whoever is
 * silent for the longest time. NULL: no memory, or (not `make`) nothing is known of it. */
static struct sender *sender_find(struct smtp_rates *r, uint64_t account_id, int64_t now, bool make)
{
    unsigned char hash[crypto_shorthash_BYTES];
    uint64_t h;
    crypto_shorthash(hash, (const unsigned char *)&account_id, sizeof account_id, r->key);
    memcpy(&h, hash, sizeof h);
    struct sender **group = &r->groups[h % GROUPS];
    if (*group == NULL && make)
        *group = calloc(GROUP, sizeof **group);
    if (*group == NULL)
        return NULL;
    struct sender *oldest = *group;
    for (size_t i = 0; i < GROUP; i++) {
        struct sender *s = *group + i;
        if (s->account_id == account_id) {
            slide(s, now);
            return s;
        }
        if (s->account_id == 0 || (oldest->account_id != 0 && s->last < oldest->last))
            oldest = s;
    }
    if (!make)
        return NULL;
    *oldest = (struct sender){.account_id = account_id, .last = now};
    return oldest;
}

static bool over(uint64_t used, uint64_t want, uint64_t limit)
{
    return limit != 0 && (want > limit || used > limit - want);
}

/* Milliseconds until the window has room: the oldest slots leave it one by one. */
static int64_t
wait_for(const struct sender *s, int64_t now_ms, struct smtp_amount want, struct smtp_amount limit)
{
    uint64_t messages = 0, recipients = 0;
    int64_t now = now_ms / SLOT_MS;
    for (int i = 0; i < SLOTS; i++) {
        messages += s->slots[i].messages;
        recipients += s->slots[i].recipients;
    }
    if (!over(messages, want.messages, limit.messages) &&
        !over(recipients, want.recipients, limit.recipients))
        return 0;
    for (int64_t i = now - WINDOW_SLOTS; i <= now; i++) {
        if (i < 0)
            continue;
        messages -= s->slots[i % SLOTS].messages;
        recipients -= s->slots[i % SLOTS].recipients;
        if (!over(messages, want.messages, limit.messages) &&
            !over(recipients, want.recipients, limit.recipients))
            return (i + SLOTS) * SLOT_MS - now_ms;
    }
    return (int64_t)SLOTS * SLOT_MS; /* more at once than an hour allows: never; say "in an hour" */
}

static int64_t look(struct smtp_rates *r,
                    uint64_t account_id,
                    struct smtp_amount want,
                    struct smtp_amount limit,
                    bool take)
{
    static const struct sender nobody = {0};
    int64_t now_ms = r->clock->mono_ms(r->clock);
    pthread_mutex_lock(&r->lock);
    struct sender *s = sender_find(r, account_id, now_ms / SLOT_MS, take);
    int64_t wait = wait_for(s != NULL ? s : &nobody, now_ms, want, limit);
    if (wait == 0 && take &&
        s != NULL) { /* without memory the mail goes uncounted: better than not at all */
        struct slot *slot = &s->slots[s->last % SLOTS];
        slot->messages += (uint32_t)want.messages;
        slot->recipients += (uint32_t)want.recipients;
    }
    pthread_mutex_unlock(&r->lock);
    return wait;
}

int64_t smtp_rates_wait(struct smtp_rates *r,
                        uint64_t account_id,
                        struct smtp_amount want,
                        struct smtp_amount limit)
{
    return look(r, account_id, want, limit, false);
}

int64_t smtp_rates_take(struct smtp_rates *r,
                        uint64_t account_id,
                        struct smtp_amount want,
                        struct smtp_amount limit)
{
    return look(r, account_id, want, limit, true);
}

void smtp_rates_give_back(struct smtp_rates *r, uint64_t account_id, struct smtp_amount amount)
{
    int64_t now = r->clock->mono_ms(r->clock) / SLOT_MS;
    pthread_mutex_lock(&r->lock);
    struct sender *s = sender_find(r, account_id, now, false);
    /* taken moments ago: in the newest slot, or in the one before it */
    for (int64_t i = now; s != NULL && i >= 0 && i > now - 2; i--) {
        struct slot *slot = &s->slots[i % SLOTS];
        if (slot->messages >= amount.messages && slot->recipients >= amount.recipients) {
            slot->messages -= (uint32_t)amount.messages;
            slot->recipients -= (uint32_t)amount.recipients;
            break;
        }
    }
    pthread_mutex_unlock(&r->lock);
}
