/* SPDX-License-Identifier: Apache-2.0 */
/* Annotations have no mod-sequence. Of each that it was told of a session remembers its name and a hash of its value. */
#include "imap/metadata.h"
#include "imap/notify.h"

enum {
    NOTES_MAX = LIMIT_IMAP_NOTIFY_NOTES * (int)sizeof(struct notify_note),
    NOTES_ARENA = LIMIT_IMAP_NOTIFY_NOTES * (LIMIT_ANNOTATION_NAME + 16),
    PIECE = 256 * 1024, /* names and values read at once */
    PIECE_ARENA = PIECE + LIMIT_ANNOTATION + 256 * 1024,
};

int notify_notes_init(struct notify_notes *now)
{
    buf_init(&now->v, NOTES_MAX);
    now->names = arena_new(NOTES_ARENA);
    return now->names != NULL ? 0 : ERR_NOMEM;
}

void notify_notes_done(struct notify_notes *now)
{
    buf_done(&now->v);
    arena_free(now->names);
    now->names = NULL;
}

/* FNV-1a. Who makes two values of his own collide is not told of one change. */
uint64_t notify_hash(struct span value)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325) ^ value.n;
    for (size_t k = 0; k < value.n; k++)
        h = (h ^ (unsigned char)value.p[k]) * UINT64_C(0x100000001b3);
    return h;
}

/* ---- reading ------------------------------------------------------------------------------- */

static int add(struct notify_notes *now,
               account_id account,
               uint32_t mailbox,
               bool shared,
               const struct mail_annotation *a)
{
    struct notify_note note = {
        .account = account, .mailbox = mailbox, .shared = shared, .hash = notify_hash(a->value)};
    note.name = arena_dup(now->names, a->name);
    if (note.name.p == NULL)
        return arena_err(now->names);
    buf_put(&now->v, span_of((const char *)&note, sizeof note));
    return now->v.err;
}

static int read_all(struct imap *i,
                    struct notify_notes *now,
                    account_id account,
                    uint32_t mailbox,
                    bool shared,
                    struct arena *a)
{
    struct mail_annotation_range range = {.mailbox = {mailbox},
                                          .user = shared ? 0 : i->account,
                                          .depth = ANNOTATION_ALL_LEVELS,
                                          .bytes = PIECE};
    char after[LIMIT_ANNOTATION_NAME];
    bool more = true;
    int err = 0;
    while (err == 0 && more) {
        struct mail_annotation *v;
        size_t n;
        arena_reset(a);
        err = mailbox_annotations(i->server->mail, account, &range, a, &v, &n, &more);
        for (size_t k = 0; err == 0 && k < n; k++)
            err = add(now, account, mailbox, shared, &v[k]);
        if (err == 0 && more) {
            must(n > 0 && v[n - 1].name.n <= sizeof after);
            memcpy(after, v[n - 1].name.p, v[n - 1].name.n);
            range.after = span_of(after, v[n - 1].name.n);
        }
    }
    return err;
}

/* ---- comparing ----------------------------------------------------------------------------- */

static const struct notify_note *
find(const struct notify_note *v, size_t n, size_t guess, const struct notify_note *note)
{
    for (size_t k = 0; k <= n; k++) { /* the guess first */
        size_t at = k == 0 ? guess : k - 1;
        if (at < n && v[at].account == note->account && v[at].mailbox == note->mailbox &&
            v[at].shared == note->shared && span_eq(v[at].name, note->name))
            return &v[at];
    }
    return NULL;
}

static void tell(struct imap *i, struct span mailbox, const struct notify_note *note, bool *open)
{
    char entry[LIMIT_ANNOTATION_NAME + sizeof "/private"];
    int n = snprintf(entry, sizeof entry, "%s%.*s", note->shared ? "/shared" : "/private",
                     SPAN_ARG(note->name));
    if (!*open) {
        buf_puts(i->s.out, "* METADATA ");
        imap_write_mailbox(i, mailbox);
    }
    *open = true;
    buf_puts(i->s.out, " ");
    imap_write_astring(i, span_of(entry, (size_t)n));
}

static void compare(struct imap *i,
                    struct span mailbox,
                    account_id account,
                    uint32_t id,
                    const struct notify_note *now,
                    size_t n)
{
    const struct imap_notify *old = i->notify;
    size_t first = 0, last;
    bool open = false;
    while (first < old->notes_n &&
           (old->notes[first].mailbox != id || old->notes[first].account != account))
        first++;
    for (last = first; last < old->notes_n && old->notes[last].mailbox == id &&
                       old->notes[last].account == account;)
        last++;
    for (size_t k = 0; k < n; k++) {
        const struct notify_note *was = find(old->notes + first, last - first, k, &now[k]);
        if ((was == NULL || was->hash != now[k].hash) && !notify_own_note(old, &now[k], false))
            tell(i, mailbox, &now[k], &open);
    }
    for (size_t k = first; k < last; k++)
        if (find(now, n, k - first, &old->notes[k]) == NULL &&
            !notify_own_note(old, &old->notes[k], true))
            tell(i, mailbox, &old->notes[k], &open);
    if (open)
        buf_puts(i->s.out, "\r\n");
}

int notify_notes_look(struct imap *i,
                      struct notify_notes *now,
                      account_id account,
                      uint32_t mailbox,
                      struct span name,
                      bool tells)
{
    size_t from = now->v.n;
    struct arena *a = arena_new(PIECE_ARENA);
    int err = a == NULL ? ERR_NOMEM : read_all(i, now, account, mailbox, false, a);
    if (err == 0)
        err = read_all(i, now, account, mailbox, true, a);
    arena_free(a);
    if (err != 0 || !tells)
        return err;
    const struct notify_note *v = (const struct notify_note *)(const void *)now->v.p;
    size_t first = from / sizeof *v;
    compare(i, name, account, mailbox, v == NULL ? NULL : v + first, now->v.n / sizeof *v - first);
    return 0;
}

int notify_notes_keep(struct imap *i, const struct notify_notes *now)
{
    const struct notify_note *v = (const struct notify_note *)(const void *)now->v.p;
    size_t n = now->v.n / sizeof *v, bytes = now->v.n;
    for (size_t k = 0; k < n; k++)
        bytes += v[k].name.n;
    struct notify_note *kept = malloc(bytes + 1);
    if (kept == NULL)
        return ERR_NOMEM;
    char *to = (char *)(kept + n);
    for (size_t k = 0; k < n; k++) {
        kept[k] = v[k];
        memcpy(to, v[k].name.p, v[k].name.n);
        kept[k].name.p = to;
        to += v[k].name.n;
    }
    free(i->notify->notes);
    i->notify->notes = kept;
    i->notify->notes_n = n;
    return 0;
}
