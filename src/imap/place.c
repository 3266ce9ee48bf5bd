/* SPDX-License-Identifier: Apache-2.0 */
#include "imap/place.h"

#include "mailbox/sharers.h"

enum {
    ANY_RIGHT = RIGHT_LOOKUP | RIGHT_READ | RIGHT_INSERT | RIGHT_CREATE | RIGHT_DELETE | RIGHT_ADMIN
};

static struct mail_user user_of(const struct imap *i)
{
    return (struct mail_user){i->account, span_str(i->address)};
}

/* ---- names ---------------------------------------------------------------------------------- */

bool imap_place_is_others(struct span name)
{
    return span_skip(&name, SPAN(IMAP_OTHERS)) && (name.n == 0 || name.p[0] == '/');
}

struct span imap_place_name(struct arena *a, struct span owner, struct span name)
{
    struct buf text;
    buf_init(&text, 16 + 3 * LIMIT_ADDRESS + LIMIT_MAILBOX_NAME);
    buf_puts(&text, IMAP_OTHERS "/");
    for (size_t k = 0; k < owner.n; k++) {
        if (owner.p[k] == '%' || owner.p[k] == '/')
            buf_printf(&text, "%%%02X", (unsigned)owner.p[k]);
        else
            buf_putc(&text, owner.p[k]);
    }
    if (name.n > 0)
        buf_putc(&text, '/');
    buf_put(&text, name);
    struct span out = arena_dup(a, buf_span(&text));
    buf_done(&text);
    return out;
}

/* Is that level the owner's? */
static bool is_level_of(struct span level, struct span owner)
{
    size_t at = 0;
    for (size_t k = 0; k < owner.n; k++) {
        char c = owner.p[k];
        struct span rest = span_from(level, at);
        if (c != '%' && c != '/') {
            if (rest.n == 0 || ascii_lower(rest.p[0]) != ascii_lower(c))
                return false;
            at++;
            continue;
        }
        if (!span_istarts(rest, c == '%' ? SPAN("%25") : SPAN("%2f")))
            return false;
        at += 3;
    }
    return at == level.n;
}

/* ---- whose it is ------------------------------------------------------------------------------ */

static int find_owner(struct imap *i, struct span level, struct imap_place *out)
{
    struct mail_user user = user_of(i);
    struct mail_sharer *v;
    size_t n;
    int err = mailbox_sharers(i->server->mail, &user, i->s.arena, &v, &n);
    for (size_t k = n;
         err == 0 &&
         k-- > 0;) { /* the last that got the address, should another have had it before */
        if (!is_level_of(level, v[k].address))
            continue;
        out->account = v[k].owner;
        out->owner = v[k].address;
        return 0;
    }
    return err != 0 ? err : ERR_NOT_FOUND;
}

int imap_place_whole(struct imap *i, account_id account, struct span name, struct span *out)
{
    struct mail_user user = user_of(i);
    struct mail_sharer *v;
    size_t n;
    int err = mailbox_sharers(i->server->mail, &user, i->s.arena, &v, &n);
    for (size_t k = 0; err == 0 && k < n; k++) {
        if (v[k].owner != account)
            continue;
        *out = imap_place_name(i->s.arena, v[k].address, name);
        return arena_err(i->s.arena);
    }
    return err != 0 ? err : ERR_NOT_FOUND;
}

struct span imap_place_canonical(struct arena *a, struct span name)
{
    struct span rest = name;
    if (!span_iskip(&rest, SPAN("INBOX")) || (rest.n > 0 && rest.p[0] != '/'))
        return name;
    return arena_printf(a, "INBOX%.*s", SPAN_ARG(rest));
}

struct span imap_place_prefix(struct arena *a, struct span name)
{
    if (name.n > 1 && span_ends(name, SPAN("/")))
        name.n--;
    return imap_place_canonical(a, name);
}

int imap_place_of(struct imap *i, struct span name, struct imap_place *out)
{
    struct span rest = name;
    *out = (struct imap_place){.account = i->account, .name = name, .rights = RIGHTS_ALL};
    if (!imap_place_is_others(name))
        return 0;
    span_skip(&rest, SPAN(IMAP_OTHERS));
    if (!span_skip(&rest, SPAN("/")))
        return ERR_NOT_FOUND;
    ssize_t slash = span_chr(rest, '/');
    struct span level = slash < 0 ? rest : span_slice(rest, 0, (size_t)slash);
    out->rights = 0;
    out->name = slash < 0 ? SPAN_EMPTY
                          : imap_place_canonical(i->s.arena, span_from(rest, (size_t)slash + 1));
    int err = find_owner(i, level, out);
    return err != 0 ? err : arena_err(i->s.arena);
}

/* ---- the mailbox ------------------------------------------------------------------------------ */

/* Whether or not the user may know of it. */
static int find_box(struct imap *i, struct imap_place *p)
{
    struct mail_user user = user_of(i);
    if (p->name.n == 0)
        return ERR_NOT_FOUND;
    int err = mailbox_find_name(i->server->mail, p->account, p->name, i->s.arena, &p->box);
    if (err == ERR_INVALID || err == ERR_NO_USER)
        err = ERR_NOT_FOUND;
    if (err != 0 || p->owner.n == 0)
        return err;
    err = mailbox_rights(i->server->mail, p->account, p->box.id, &user, &p->rights);
    if (err == ERR_NO_USER)
        err = ERR_NOT_FOUND;
    p->box.name = imap_place_name(i->s.arena, p->owner, p->box.name);
    p->box.use = USE_NONE;
    return err != 0 ? err : arena_err(i->s.arena);
}

int imap_place_find_name(struct imap *i, struct span name, struct imap_place *out)
{
    int err = imap_place_of(i, name, out);
    if (err == 0)
        err = find_box(i, out);
    return err == 0 && (out->rights & ANY_RIGHT) == 0 ? ERR_NOT_FOUND : err;
}

int imap_place_find(struct imap *i, const struct imap_arg *arg, struct imap_place *out)
{
    struct span name;
    int err = imap_read_mailbox(i, arg, &name);
    if (err == 0)
        err = imap_place_find_name(i, name, out);
    return err == ERR_INVALID ? ERR_NOT_FOUND : err;
}

int imap_place_parent(struct imap *i, const struct imap_place *at, struct imap_place *out)
{
    *out = *at;
    for (;;) {
        ssize_t slash = span_rchr(out->name, '/');
        if (slash <= 0)
            return ERR_NOT_FOUND;
        out->name = span_slice(out->name, 0, (size_t)slash);
        struct span name = out->name;
        int err = find_box(i, out);
        out->name = name;
        if (err != ERR_NOT_FOUND && !(err == 0 && out->box.noselect)) /* that has no list */
            return err;
    }
}

int imap_place_needs(const struct imap_place *p, uint32_t rights)
{
    if ((p->rights & rights) == rights)
        return 0;
    return (p->rights & RIGHT_LOOKUP) != 0 ? ERR_DENIED : ERR_NOT_FOUND;
}

int imap_place_still(struct imap *i, account_id account, struct mailbox_id mailbox, uint32_t rights)
{
    struct mail_user user = user_of(i);
    struct imap_place now = {.account = account};
    if (account == i->account)
        return 0;
    int err = mailbox_rights(i->server->mail, account, mailbox, &user, &now.rights);
    return err == ERR_NO_USER ? ERR_NOT_FOUND : err != 0 ? err : imap_place_needs(&now, rights);
}

uint32_t imap_flags_denied(uint32_t rights)
{
    return ((rights & RIGHT_SEEN) != 0 ? 0 : (uint32_t)FLAG_SEEN) |
           ((rights & RIGHT_DELETE_MESSAGES) != 0 ? 0 : (uint32_t)FLAG_DELETED) |
           ((rights & RIGHT_WRITE) != 0
                ? 0
                : (uint32_t)(FLAGS_ALL & ~(unsigned)(FLAG_SEEN | FLAG_DELETED)));
}

/* ---- limits ----------------------------------------------------------------------------------- */

int imap_place_class(struct imap *i, const struct imap_place *p, struct class_of_service *out)
{
    struct directory *d = i->server->directory;
    struct account owner;
    bool others = p->owner.n > 0;
    int err = account_get(d, others ? p->owner : span_str(i->address), i->s.arena, &owner);
    if (err == 0 && owner.id != p->account)
        err = ERR_NO_USER;
    if (err == 0 && others && owner.status == ACCOUNT_REMOVED)
        return ERR_SUSPENDED;
    if (err != 0)
        return others && err == ERR_NO_USER ? ERR_NOT_FOUND : err;
    err = class_get(d, owner.class_name, i->s.arena, out);
    return err == ERR_NOT_FOUND ? class_get(d, SPAN_EMPTY, i->s.arena, out) : err;
}

/* ---- the selected mailbox ------------------------------------------------------------------------ */

/* Lost, or only gone with its mailbox? That is told as expunges (sync.c). */
static bool is_there(const struct imap *i)
{
    struct mail_head head;
    int err = mailbox_head(i->server->mail, i->box->account, i->box->id, &head);
    return err != ERR_NOT_FOUND && err != ERR_NO_USER;
}

int imap_box_rights(struct imap *i, bool *changed_out)
{
    struct mail_user user = user_of(i);
    uint32_t rights;
    *changed_out = false;
    if (i->box->account == i->account)
        return 0;
    int err = mailbox_rights(i->server->mail, i->box->account, i->box->id, &user, &rights);
    if (err == ERR_NO_USER)
        return 0;
    if (err != 0 || rights == i->box->rights)
        return err;
    if ((rights & RIGHT_READ) == 0 && !is_there(i))
        return 0;
    i->box->rights = rights;
    *changed_out = true;
    return 0;
}

int imap_box_readable(struct imap *i)
{
    bool changed;
    int err = imap_box_rights(i, &changed);
    if (err == 0 && changed)
        err = imap_keywords(i);
    if (err != 0)
        return err;
    if (changed)
        imap_tell_permanent_flags(i);
    return (i->box->rights & RIGHT_READ) != 0 ? 0 : ERR_DENIED;
}
