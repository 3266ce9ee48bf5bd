/* SPDX-License-Identifier: Apache-2.0 */
/* What threading needs of each message, gathered from its envelope; the threads themselves are made by thread_make.c.
 */
#include "mailbox/thread.h"

#include "base/err.h"
#include "mailbox/gather.h"
#include "mailbox/interner.h"
#include "message/casemap.h"
#include "message/message_ids.h"
#include "message/subject.h"

enum { CHUNK = 512 };

struct thread_chunk {
    struct thread_chunk *next;
    uint32_t n;
    struct thread_message v[CHUNK];
};

struct mailbox_thread {
    struct gather gather;
    enum thread_algorithm how;
    struct interner ids, subjects;
    struct thread_chunk *first, *last;
    uint32_t n;
    uint32_t *references;            /* of one message; LIMIT_THREAD_REFERENCES */
    struct thread_message *messages; /* when all are there: all of them */
    struct thread_input in;
    struct threading *threading; /* NULL: not yet, or not any more */
    bool done;
    struct thread_forest forest;
};

static struct thread_message *message_add(struct mailbox_thread *t)
{
    if (t->last == NULL || t->last->n == CHUNK) {
        struct thread_chunk *c = arena_alloc(t->gather.keep, sizeof(*c));
        if (c == NULL)
            return NULL;
        *(t->last == NULL ? &t->first : &t->last->next) = c;
        t->last = c;
    }
    t->n++;
    return &t->last->v[t->last->n++];
}

/* ---- ids --------------------------------------------------------------------------------- */

/* The next Message ID of a field; 0: there is none. */
static uint32_t take_id(struct mailbox_thread *t, struct span *text)
{
    buf_clear(&t->gather.text);
    if (!message_id_take(text, &t->gather.text))
        return 0;
    return interner_number(&t->ids, buf_span(&t->gather.text));
}

/* The ids of a field, at most `most`; when there is no more room the older half of them goes. */
static uint32_t take_ids(struct mailbox_thread *t, struct span text, uint32_t most)
{
    uint32_t n = 0, id;
    while (n < most && (id = take_id(t, &text)) != 0) {
        if (n == LIMIT_THREAD_REFERENCES) {
            memmove(t->references, t->references + n / 2, (n - n / 2) * sizeof(*t->references));
            n -= n / 2;
        }
        t->references[n++] = id;
    }
    return n;
}

static void take_references(struct mailbox_thread *t,
                            const struct message_envelope *e,
                            struct thread_message *m)
{
    uint32_t n = take_ids(t, e->references, UINT32_MAX);
    if (n == 0)
        n = take_ids(t, e->in_reply_to, 1);
    if (n == 0)
        return;
    uint32_t *ids = arena_array(t->gather.keep, n, sizeof(*ids));
    if (ids == NULL)
        return;
    memcpy(ids, t->references, n * sizeof(*ids));
    m->references = ids;
    m->references_n = n;
}

/* ---- the course of it -------------------------------------------------------------------- */

static int take_subject(struct mailbox_thread *t, struct span subject, struct thread_message *m)
{
    struct gather *g = &t->gather;
    buf_clear(&g->text);
    int err = subject_base(subject, &g->text, &m->reply);
    if (err != 0 || g->text.n == 0)
        return err;
    buf_clear(&g->key);
    casemap_put(&g->key, buf_span(&g->text));
    m->subject = interner_number(&t->subjects, buf_span(&g->key));
    return g->key.err;
}

static int take(void *arg, const struct mail_item *item, const struct message_summary *s)
{
    struct mailbox_thread *t = arg;
    const struct message_envelope *e = s->envelope;
    struct thread_message *m = message_add(t);
    if (m == NULL)
        return 0; /* gather_run says which limit it was */
    m->uid = item->uid.v;
    m->sent_ms = s->sent ? s->sent_ms : item->received_ms;
    if (t->how != THREAD_ORDEREDSUBJECT) {
        struct span id = e->message_id;
        m->id = take_id(t, &id);
        take_references(t, e, m);
    }
    return t->how == THREAD_REFS ? 0 : take_subject(t, e->subject, m);
}

static int begin(struct mailbox_thread *t)
{
    size_t work = THREAD_WORK + sizeof(struct thread_message);
    int err = gather_charge(&t->gather, work * ((size_t)t->n + t->ids.n));
    if (err != 0)
        return err;
    t->messages = calloc((size_t)t->n + 1, sizeof(*t->messages));
    if (t->messages == NULL)
        return ERR_NOMEM;
    uint32_t at = 0;
    for (const struct thread_chunk *c = t->first; c != NULL; c = c->next)
        for (uint32_t i = 0; i < c->n; i++)
            t->messages[at++] = c->v[i];
    t->in = (struct thread_input){
        .messages = t->messages, .n = t->n, .ids_n = t->ids.n, .subjects_n = t->subjects.n};
    err = threading_open(t->how, &t->in, &t->threading);
    return err != 0 ? err : 1;
}

/* What threading took is given back before the answer is written. */
static void finish(struct mailbox_thread *t)
{
    threading_close(t->threading);
    free(t->messages);
    t->threading = NULL;
    t->messages = NULL;
    t->done = true;
}

int mailbox_thread_open(struct mail *m,
                        account_id id,
                        struct mailbox_id mailbox,
                        const struct numset *uids,
                        enum thread_algorithm how,
                        struct mailbox_thread **out)
{
    struct mailbox_thread *t = calloc(1, sizeof(*t));
    if (t == NULL)
        return ERR_NOMEM;
    t->how = how;
    int err = gather_init(&t->gather, m, id, mailbox, uids, true);
    t->references = calloc(LIMIT_THREAD_REFERENCES, sizeof(*t->references));
    if (err == 0 && t->references == NULL)
        err = ERR_NOMEM;
    if (err != 0) {
        mailbox_thread_close(t);
        return err;
    }
    interner_init(&t->ids, t->gather.keep, m->rng);
    interner_init(&t->subjects, t->gather.keep, m->rng);
    *out = t;
    return 0;
}

int mailbox_thread_run(struct mailbox_thread *t, int (*stop)(void *arg), void *arg)
{
    if (t->done)
        return 0;
    if (t->threading == NULL) {
        int r = gather_run(&t->gather, take, t, stop, arg);
        return r == 0 ? begin(t) : r;
    }
    int err = stop != NULL ? stop(arg) : 0;
    if (err != 0)
        return err;
    int r = threading_run(t->threading, &t->forest);
    if (r == 0)
        finish(t);
    return r;
}

const struct thread_forest *mailbox_thread_result(const struct mailbox_thread *t)
{
    return &t->forest;
}

void mailbox_thread_close(struct mailbox_thread *t)
{
    if (t == NULL)
        return;
    gather_done(&t->gather);
    threading_close(t->threading);
    free(t->messages);
    thread_forest_done(&t->forest);
    free(t->references);
    free(t);
}
