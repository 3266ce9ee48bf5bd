/* SPDX-License-Identifier: Apache-2.0 */
/* Two annotations are not stored but computed: /shared/admin of the server (RFC 5464 §3.2.1.1), and /private/specialuse
 * of a mailbox (RFC 6154 §4). Others have none that all share: nobody may set them. */
#include "imap/metadata.h"

#include "imap/place.h"

enum { PIECE = 64 * 1024, PIECE_ARENA = 4 * PIECE };

/* ---- reading the command --------------------------------------------------------------------- */

int imap_metadata_entry(struct span text, struct arena *a, struct metadata_entry *out)
{
    struct span folded, rest;
    int err = mailbox_annotation_fold(text, a, &folded);
    if (err != 0)
        return err;
    rest = folded;
    bool is_shared = span_skip(&rest, SPAN("/shared"));
    if ((!is_shared && !span_skip(&rest, SPAN("/private"))) || (rest.n > 0 && rest.p[0] != '/'))
        return ERR_INVALID;
    *out = (struct metadata_entry){.text = text, .is_shared = is_shared, .name = rest};
    return 0;
}

int imap_metadata_read(const struct imap_arg *entries, struct arena *a, struct metadata *out)
{
    size_t n = imap_args_count(entries);
    if (n == 0)
        return ERR_INVALID;
    if (n > LIMIT_IMAP_METADATA)
        return ERR_LIMIT;
    *out = (struct metadata){.v = arena_array(a, n, sizeof *out->v), .size_max = UINT64_MAX};
    if (out->v == NULL)
        return arena_err(a);
    for (; entries != NULL; entries = entries->next) {
        struct span text;
        if (!imap_arg_string(entries, &text))
            return ERR_INVALID;
        int err = imap_metadata_entry(text, a, &out->v[out->n++]);
        if (err != 0)
            return err;
    }
    return 0;
}

/* ---- telling ------------------------------------------------------------------------------- */

struct piece {
    struct imap *i;
    struct metadata *x;
    struct arena *arena;
    bool open; /* a response is begun */
};

static void write_value(struct imap *i, struct span value)
{
    if (span_chr(value, '\0') >= 0) { /* literal8 */
        buf_printf(i->s.out, "~{%zu}\r\n", value.n);
        buf_put(i->s.out, value);
    } else {
        imap_write_string(i, value);
    }
}

/* "* METADATA box (" before the first, and the name: as it was asked for, and what is below that. */
static void write_entry(struct piece *p, const struct metadata_entry *e, struct span below)
{
    struct buf *out = p->i->s.out;
    if (!p->open) {
        buf_puts(out, "* METADATA ");
        imap_write_mailbox(p->i, p->x->box);
        buf_puts(out, " (");
    } else {
        buf_putc(out, ' ');
    }
    p->open = true;
    imap_write_astring(p->i,
                       arena_printf(p->arena, "%.*s%.*s", SPAN_ARG(e->text), SPAN_ARG(below)));
    buf_putc(out, ' ');
}

static void tell(struct piece *p, struct span name, struct span value)
{
    struct metadata *x = p->x;
    const struct metadata_entry *e = &x->v[x->at];
    x->found = true;
    if (value.n > x->size_max) { /* §4.2.1 */
        x->longest = value.n > x->longest ? value.n : x->longest;
        return;
    }
    write_entry(p, e, span_from(name, e->name.n));
    write_value(p->i, value);
}

/* Somebody reads what comes to postmaster (RFC 5321 §4.5.1). */
static struct span admin_uri(struct piece *p)
{
    struct span address = span_str(p->i->address);
    struct span domain = span_from(address, (size_t)(span_rchr(address, '@') + 1));
    struct span uri = arena_dup(p->arena, SPAN("mailto:postmaster@"));
    for (size_t k = 0; k < domain.n; k++) {
        unsigned char c = (unsigned char)domain.p[k];
        bool plain =
            (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || c == '-' || c == '.';
        uri = arena_printf(p->arena, plain ? "%.*s%c" : "%.*s%%%02X", SPAN_ARG(uri), c);
    }
    return uri;
}

static void tell_computed(struct piece *p)
{
    struct metadata *x = p->x;
    const struct metadata_entry *e = &x->v[x->at];
    const char *use = imap_use_name(x->use);
    struct span name = e->is_shared ? SPAN("/admin") : SPAN("/specialuse");
    bool is_wanted = span_eq(e->name, name) || (e->name.n == 0 && x->depth > 0);
    if (is_wanted && e->is_shared && x->mailbox.v == 0)
        tell(p, name, admin_uri(p));
    if (is_wanted && !e->is_shared && use != NULL)
        tell(p, name, span_str(use));
}

static int tell_stored(struct piece *p, bool *more)
{
    struct metadata *x = p->x;
    const struct metadata_entry *e = &x->v[x->at];
    struct mail_annotation_range range = {.mailbox = x->mailbox,
                                          .user = e->is_shared ? 0 : p->i->account,
                                          .name = e->name,
                                          .depth = x->depth,
                                          .after = span_of(x->after, x->after_n),
                                          .bytes = PIECE};
    struct mail_annotation *v;
    size_t n;
    *more = false;
    if (e->name.n == 0 && x->depth == 0)
        return 0;
    int err = mailbox_annotations(p->i->server->mail, x->account, &range, p->arena, &v, &n, more);
    for (size_t k = 0; err == 0 && k < n; k++)
        tell(p, v[k].name, v[k].value);
    if (err == 0 && *more) {
        x->after_n = v[n - 1].name.n;
        memcpy(x->after, v[n - 1].name.p, x->after_n);
    }
    return err;
}

static int tell_entry(struct piece *p)
{
    struct metadata *x = p->x;
    bool more;
    if (x->after_n == 0)
        tell_computed(p);
    int err = tell_stored(p, &more);
    if (err != 0 || more)
        return err;
    if (!x->found) { /* RFC 9590 §4 */
        write_entry(p, &x->v[x->at], SPAN_EMPTY);
        buf_puts(p->i->s.out, "NIL");
    }
    x->at++;
    x->after_n = 0;
    x->found = false;
    return arena_err(p->arena);
}

bool imap_metadata_allowed(uint32_t rights)
{
    const uint32_t one = RIGHT_READ | RIGHT_SEEN | RIGHT_WRITE | RIGHT_INSERT | RIGHT_POST;
    return (rights & RIGHT_LOOKUP) != 0 && (rights & one) != 0;
}

void imap_metadata_begin(struct metadata *x,
                         account_id account,
                         uint32_t rights,
                         const struct mailbox *m)
{
    x->account = account;
    x->rights = rights;
    x->mailbox = m != NULL ? m->id : (struct mailbox_id){0};
    x->box = m != NULL ? m->name : SPAN_EMPTY;
    x->use = m != NULL ? m->use : USE_NONE;
    x->at = x->after_n = 0;
    x->found = false;
}

/* Of others: as long as the user may what he might when the command began. */
static int check_still(struct imap *i, struct metadata *x)
{
    int err = imap_place_still(i, x->account, x->mailbox, x->rights);
    if (err != ERR_DENIED && err != ERR_NOT_FOUND)
        return err;
    x->at = x->n;
    return 0;
}

int imap_metadata_write(struct imap *i, struct metadata *x)
{
    struct piece p = {.i = i, .x = x, .arena = arena_new(PIECE_ARENA)};
    size_t began = i->s.out->n;
    int err = p.arena == NULL ? ERR_NOMEM : check_still(i, x);
    while (err == 0 && x->at < x->n && i->s.out->n - began < PIECE) {
        err = tell_entry(&p);
        arena_reset(p.arena);
    }
    if (p.open)
        buf_puts(i->s.out, ")\r\n");
    arena_free(p.arena);
    return err != 0 ? err : x->at < x->n;
}
