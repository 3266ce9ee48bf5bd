/* SPDX-License-Identifier: Apache-2.0 */
/* GETMETADATA and SETMETADATA (RFC 5464). Private annotations are those of this account; shared ones of a mailbox all
 * who may see it share. Those of the server are private, but for what it computes itself (metadata.c). */
#include "imap/metadata.h"
#include "imap/place.h"

/* *server_out: the name is empty, and so there is no mailbox. */
static int
find_box(struct imap *i, const struct imap_arg *arg, struct imap_place *out, bool *server_out)
{
    struct span name;
    int err = imap_read_mailbox(i, arg, &name);
    *server_out = err == 0 && name.n == 0;
    *out = (struct imap_place){.account = i->account};
    if (err == 0 && !*server_out)
        err = imap_place_find(i, arg, out);
    if (err == 0 && !*server_out && !imap_metadata_allowed(out->rights))
        err = imap_place_needs(out, RIGHTS_ALL);
    return err == ERR_INVALID ? ERR_NOT_FOUND : err;
}

static enum step refuse(struct imap *i, int err)
{
    switch (err) {
    case ERR_NOT_FOUND: return imap_no(i, SPAN("NONEXISTENT"), "There is no such mailbox");
    case ERR_TOO_BIG:
        return imap_no(i, arena_printf(i->s.arena, "METADATA MAXSIZE %d", (int)LIMIT_ANNOTATION),
                       "The value is too long");
    case ERR_LIMIT: return imap_no(i, SPAN("METADATA TOOMANY"), "There are too many annotations");
    case ERR_QUOTA:
        return imap_no(i, SPAN("OVERQUOTA"), "The annotations of this account are too much");
    case ERR_UNSUPPORTED: return imap_no(i, SPAN("CANNOT"), "This entry can not have that value");
    default: return imap_no_of(i, err);
    }
}

/* ---- GETMETADATA --------------------------------------------------------------------------- */

static bool read_depth(const struct imap_arg *a, unsigned *out)
{
    if (imap_arg_is(a, SPAN("0")))
        *out = 0;
    else if (imap_arg_is(a, SPAN("1")))
        *out = 1;
    else if (imap_arg_is(a, SPAN("infinity")))
        *out = ANNOTATION_ALL_LEVELS;
    else
        return false;
    return true;
}

static bool read_options(const struct imap_arg *a, struct metadata *x)
{
    if (a == NULL)
        return false;
    for (; a != NULL; a = a->next->next) {
        bool known = imap_arg_is(a, SPAN("MAXSIZE"))
                         ? imap_arg_number(a->next, &x->size_max)
                         : imap_arg_is(a, SPAN("DEPTH")) && read_depth(a->next, &x->depth);
        if (!known)
            return false;
    }
    return true;
}

static enum step go_on(struct imap *i)
{
    struct metadata *x = i->task.data;
    int more = imap_metadata_write(i, x);
    if (more > 0)
        return STEP_MORE;
    imap_task_end(i);
    if (more < 0)
        return imap_no_of(i, more);
    struct span code = SPAN_EMPTY;
    if (x->longest > 0)
        code =
            arena_printf(i->s.arena, "METADATA LONGENTRIES %llu", (unsigned long long)x->longest);
    return imap_ok(i, code, "These are the annotations");
}

enum step imap_cmd_getmetadata(struct imap *i, const struct imap_arg *args)
{
    struct metadata *x = arena_alloc(i->s.arena, sizeof *x);
    const struct imap_arg *options = NULL, *box, *a = args;
    struct imap_place at;
    bool server;
    if (x == NULL)
        return imap_no_of(i, ERR_NOMEM);
    /* §5 has options before the mailbox, the examples of §4.2 behind it */
    if (a != NULL && a->kind == IMAP_LIST) {
        options = a;
        a = a->next;
    }
    box = a;
    if (box == NULL || box->kind == IMAP_LIST)
        return imap_bad_args(i);
    a = a->next;
    if (options == NULL && a != NULL && a->kind == IMAP_LIST && a->next != NULL) {
        options = a;
        a = a->next;
    }
    bool is_list = a != NULL && a->kind == IMAP_LIST;
    int err = is_list && a->next != NULL
                  ? ERR_INVALID
                  : imap_metadata_read(is_list ? a->child : a, i->s.arena, x);
    if (err == ERR_INVALID || (err == 0 && options != NULL && !read_options(options->child, x)))
        return imap_bad_args(i);
    if (err == ERR_LIMIT)
        return imap_no(i, SPAN("LIMIT"), "These are too many entries for one command");
    if (err == 0)
        err = find_box(i, box, &at, &server);
    if (err != 0)
        return refuse(i, err);
    imap_metadata_begin(x, at.account, at.rights, server ? NULL : &at.box);
    return imap_task_begin(i, (struct imap_task){.go_on = go_on, .data = x});
}

/* ---- SETMETADATA --------------------------------------------------------------------------- */

/* §3.2: two levels at least, in the vendors' subtree four. */
static bool is_settable(struct span name)
{
    size_t levels = 1;
    for (size_t k = 0; k < name.n; k++)
        levels += name.p[k] == '/';
    return levels >= 2 && (levels >= 4 || (!span_starts(name, SPAN("/vendor/")) &&
                                           !span_eq(name, SPAN("/vendor"))));
}

/* entry SP value: quoted, literal, literal8, or NIL. */
static int read_pair(struct imap *i,
                     const struct imap_arg *a,
                     struct metadata_entry *e,
                     struct mail_annotation *out)
{
    struct span text;
    if (!imap_arg_string(a, &text) || a->next == NULL)
        return ERR_INVALID;
    const struct imap_arg *value = a->next;
    bool none = imap_arg_is(value, SPAN("NIL"));
    if (!none && value->kind != IMAP_QUOTED && value->kind != IMAP_LITERAL)
        return ERR_INVALID;
    int err = imap_metadata_entry(text, i->s.arena, e);
    if (err == 0 && !is_settable(e->name))
        err = ERR_INVALID;
    *out = (struct mail_annotation){.user = e->is_shared ? 0 : i->account,
                                    .name = e->name,
                                    .value = none ? SPAN_EMPTY : value->text,
                                    .none = none};
    return err;
}

/* What nobody may set. ERR_DENIED, ERR_UNSUPPORTED. */
static int is_allowed(struct imap *i,
                      const struct metadata_entry *e,
                      const struct mail_annotation *v,
                      bool server)
{
    if (server && e->is_shared)
        return ERR_DENIED;
    if (server)
        return imap_filter_check(i, v);
    return !e->is_shared && span_eq(e->name, SPAN("/specialuse")) ? ERR_UNSUPPORTED : 0;
}

enum step imap_cmd_setmetadata(struct imap *i, const struct imap_arg *args)
{
    struct imap_place at;
    struct metadata_entry e;
    bool server = false;
    int refused = 0;
    if (imap_args_count(args) != 2 || args->kind == IMAP_LIST || args->next->kind != IMAP_LIST)
        return imap_bad_args(i);
    const struct imap_arg *a = args->next->child;
    size_t n = 0, most = imap_args_count(a) / 2;
    struct mail_annotation *v = arena_array(i->s.arena, most + 1, sizeof *v);
    if (v == NULL)
        return imap_no_of(i, arena_err(i->s.arena));
    if (a == NULL)
        return imap_bad_args(i);
    int err = find_box(i, args, &at, &server);
    for (; a != NULL; a = a->next->next) {
        int wrong = read_pair(i, a, &e, &v[n++]);
        if (wrong != 0)
            return wrong == ERR_INVALID ? imap_bad_args(i) : imap_no_of(i, wrong);
        if (refused == 0)
            refused = is_allowed(i, &e, &v[n - 1], server);
        if (err == 0 && !server && e.is_shared) /* all who may read it read that */
            err = imap_place_needs(&at, RIGHT_WRITE);
    }
    if (err == 0)
        err = refused;
    if (err == 0)
        err = mailbox_annotate(i->server->mail, at.account, i->account, at.box.id, v, n);
    if (err != 0)
        return refuse(i, err);
    for (size_t k = 0; k < n; k++)
        imap_own_annotation(i, at.account, at.box.id, &v[k]);
    return imap_ok(i, SPAN_EMPTY, "Set");
}
