/* SPDX-License-Identifier: Apache-2.0 */
/* LIST and LSUB (RFC 9051 §6.3.9, RFC 3501 §6.3.9, RFC 5258), with SPECIAL-USE (RFC 6154), STATUS (RFC 5819) and
 * METADATA (RFC 9590) and MYRIGHTS (RFC 8440); NAMESPACE (RFC 2342). Answers are a cursor through all names, which live in an arena of their
 * own. */
#include "imap/metadata.h"
#include "imap/names.h"
#include "imap/pattern.h"
#include "imap/place.h"

enum {
    LIST_ARENA = 64 * 1024 * 1024, /* 10,000 mailboxes, as many names subscribed to, and others' */
    LIST_PLACES = 1000,            /* in all patterns; each is looked at for each name */
    LIST_WORK = 1024 * 1024,       /* characters compared in one step */
};

enum list_option { /* what is selected, or returned */
                   OPTION_SUBSCRIBED = 1,
                   OPTION_SPECIAL_USE = 2,
                   OPTION_RECURSIVE = 4,
                   OPTION_CHILDREN = 8,
                   OPTION_STATUS = 16,
                   OPTION_METADATA = 32,
                   OPTION_MYRIGHTS = 64,
};

struct list {
    struct arena *arena;
    bool lsub, extended; /* RFC 9051 §6.3.9: the extended syntax was used */
    unsigned select, give;
    unsigned status; /* enum imap_status */
    struct imap_pattern *patterns;
    size_t patterns_n;
    struct span prefix; /* what is listed begins with it, and what is below that */
    bool others;        /* what they share may match */
    struct imap_name *v;
    size_t n, at;
    struct metadata metadata;
    size_t places; /* in all patterns, where a name may have led to */
    bool telling;  /* the metadata of the last name are not all told */
};

/* ---- reading the command ------------------------------------------------------------------- */

static const struct {
    const char *name;
    unsigned option;
} selects[] = {{"SUBSCRIBED", OPTION_SUBSCRIBED},
               {"SPECIAL-USE", OPTION_SPECIAL_USE},
               {"REMOTE", 0}, /* no mailbox is on another server */
               {"RECURSIVEMATCH", OPTION_RECURSIVE}},
  gives[] = {{"SUBSCRIBED", OPTION_SUBSCRIBED},
             {"SPECIAL-USE", OPTION_SPECIAL_USE},
             {"CHILDREN", OPTION_CHILDREN},
             {"MYRIGHTS", OPTION_MYRIGHTS}};

static bool read_select(const struct imap_arg *a, unsigned *out)
{
    for (; a != NULL; a = a->next) {
        size_t n = 0;
        while (n < COUNT_OF(selects) && !imap_arg_is(a, span_str(selects[n].name)))
            n++;
        if (n == COUNT_OF(selects))
            return false;
        *out |= selects[n].option;
    }
    /* RFC 5258 §3: it modifies another option */
    return (*out & OPTION_RECURSIVE) == 0 || (*out & (OPTION_SUBSCRIBED | OPTION_SPECIAL_USE)) != 0;
}

/* METADATA (entries) */
static bool read_metadata(struct imap *i, const struct imap_arg *list, struct list *x)
{
    x->give |= OPTION_METADATA;
    return list != NULL && list->kind == IMAP_LIST &&
           imap_metadata_read(list->child, i->s.arena, &x->metadata) == 0;
}

static bool read_give(struct imap *i, const struct imap_arg *a, struct list *x)
{
    for (; a != NULL; a = a->next) {
        size_t n = 0;
        if (imap_arg_is(a, SPAN("STATUS"))) {
            a = a->next;
            if (!imap_status_read(i, a, &x->status))
                return false;
            x->give |= OPTION_STATUS;
            continue;
        }
        if (imap_arg_is(a, SPAN("METADATA"))) {
            a = a->next;
            if (!read_metadata(i, a, x))
                return false;
            continue;
        }
        while (n < COUNT_OF(gives) && !imap_arg_is(a, span_str(gives[n].name)))
            n++;
        if (n == COUNT_OF(gives))
            return false;
        x->give |= gives[n].option;
    }
    return true;
}

static size_t places_of(const struct imap_pattern *p)
{
    return 1 + 2 * p->wildcards;
}

/* The reference is put before the pattern (RFC 9051 §6.3.9: the meaning is ours to choose). One that is no name
 * matches nothing, and "any pattern that is not accepted for any reason" is ignored: that with too many wildcards, or
 * too many before it. */
static int
read_pattern(struct imap *i, struct span reference, const struct imap_arg *a, struct list *x)
{
    struct imap_pattern made;
    struct span pattern;
    int err = imap_read_mailbox(i, a, &pattern);
    if (err == ERR_INVALID && a->kind != IMAP_LIST)
        return 0;
    if (err != 0)
        return err;
    if ((x->extended && pattern.n == 0) || x->places == LIST_PLACES)
        return 0;
    struct span whole = arena_printf(x->arena, "%.*s%.*s", SPAN_ARG(reference), SPAN_ARG(pattern));
    err = imap_pattern_make(whole, x->arena, &made);
    if (err == ERR_LIMIT || (err == 0 && x->places + places_of(&made) > LIST_PLACES))
        return 0;
    if (err != 0)
        return err;
    size_t fixed = 0;
    while (fixed < whole.n && whole.p[fixed] != '%' && whole.p[fixed] != '*')
        fixed++;
    x->others = x->others || imap_names_reach_others(span_slice(whole, 0, fixed));
    x->prefix = x->patterns_n == 0 ? span_slice(whole, 0, fixed) : SPAN_EMPTY;
    x->places += places_of(&made);
    x->patterns[x->patterns_n++] = made;
    return 0;
}

static int read_patterns(struct imap *i, const struct imap_arg *args, struct list *x)
{
    struct span reference;
    int err = imap_read_mailbox(i, args, &reference);
    const struct imap_arg *a = args == NULL ? NULL : args->next;
    if (a == NULL || (err != 0 && args->kind == IMAP_LIST))
        return ERR_INVALID;
    if (err == ERR_INVALID)
        return 0;
    if (err != 0 || (a->kind == IMAP_LIST && a->child == NULL))
        return err != 0 ? err : ERR_INVALID;
    x->patterns = arena_array(x->arena, imap_args_count(a->kind == IMAP_LIST ? a->child : a),
                              sizeof *x->patterns);
    if (x->patterns == NULL)
        return arena_err(x->arena);
    if (a->kind != IMAP_LIST)
        return read_pattern(i, reference, a, x);
    for (a = a->child; err == 0 && a != NULL; a = a->next)
        err = a->kind == IMAP_LIST ? ERR_INVALID : read_pattern(i, reference, a, x);
    return err;
}

/* ---- answering ------------------------------------------------------------------------------- */

static bool is_chosen(const struct list *x, const struct imap_name *v)
{
    if (x->lsub)
        return v->subscribed;
    if (v->box == NULL && (x->select & OPTION_SUBSCRIBED) == 0)
        return false;
    return ((x->select & OPTION_SUBSCRIBED) == 0 || v->subscribed) &&
           ((x->select & OPTION_SPECIAL_USE) == 0 ||
            (v->box != NULL && imap_use_name(v->box->use) != NULL));
}

static bool is_listed(const struct list *x, const struct imap_name *v)
{
    bool matches = false, percent = false;
    for (size_t n = 0; n < x->patterns_n; n++) {
        if (!imap_pattern_matches(&x->patterns[n], v->name))
            continue;
        matches = true;
        percent = percent || !x->patterns[n].recursive;
    }
    if (!matches || v->chosen)
        return matches;
    /* RFC 9051 §6.3.9: "%" shows the levels on the way to a mailbox, RFC 3501 §6.3.9: and LSUB those above what is
     * subscribed to */
    if (v->level && percent && !x->lsub && x->select == 0)
        return true;
    return v->below && (x->lsub ? percent : (x->select & OPTION_RECURSIVE) != 0);
}

static void write_attribute(struct imap *i, const char **between, const char *name)
{
    buf_printf(i->s.out, "%s%s", *between, name);
    *between = " ";
}

/* One of the two, as the grammar has it: who does not know the extended LIST knows no \NonExistent. */
static bool is_told_nonexistent(const struct imap *i, const struct list *x)
{
    return x->extended || (i->enabled & IMAP_ON_REV2) != 0;
}

static void write_attributes(struct imap *i, const struct list *x, const struct imap_name *v)
{
    const char *between = "";
    const char *use = v->box == NULL ? NULL : imap_use_name(v->box->use);
    if (x->lsub) {
        if (!v->chosen || v->box == NULL || v->box->noselect)
            write_attribute(i, &between, "\\Noselect");
        return;
    }
    if (v->box == NULL)
        write_attribute(i, &between, is_told_nonexistent(i, x) ? "\\NonExistent" : "\\Noselect");
    else if (v->box->noselect || (v->rights & RIGHT_READ) == 0) /* RFC 5819 §2 */
        write_attribute(i, &between, "\\Noselect");
    write_attribute(i, &between, v->children ? "\\HasChildren" : "\\HasNoChildren");
    if (v->subscribed && ((x->select | x->give) & OPTION_SUBSCRIBED) != 0)
        write_attribute(i, &between, "\\Subscribed");
    if (use != NULL)
        write_attribute(i, &between, use);
}

static int write_name(struct imap *i, struct list *x, const struct imap_name *v)
{
    struct buf *out = i->s.out;
    buf_puts(out, x->lsub ? "* LSUB (" : "* LIST (");
    write_attributes(i, x, v);
    buf_puts(out, ") \"/\" ");
    imap_write_mailbox(i, v->name);
    if ((x->select & OPTION_RECURSIVE) != 0 && v->below) {
        bool both = (x->select & OPTION_SUBSCRIBED) != 0 && (x->select & OPTION_SPECIAL_USE) != 0;
        buf_printf(out, " (\"CHILDINFO\" (%s%s%s))",
                   (x->select & OPTION_SUBSCRIBED) != 0 ? "\"SUBSCRIBED\"" : "", both ? " " : "",
                   (x->select & OPTION_SPECIAL_USE) != 0 ? "\"SPECIAL-USE\"" : "");
    }
    buf_puts(out, "\r\n");
    /* RFC 5819 §2, RFC 9590 §4: nothing about what is only there for what is below it */
    if (!v->chosen || v->box == NULL)
        return 0;
    x->telling = (x->give & OPTION_METADATA) != 0 && imap_metadata_allowed(v->rights);
    imap_metadata_begin(&x->metadata, v->account, v->rights, v->box);
    if ((x->give & OPTION_MYRIGHTS) != 0 && !v->box->noselect)
        imap_write_myrights(i, v->name, v->rights);
    if ((x->give & OPTION_STATUS) != 0 && !v->box->noselect && (v->rights & RIGHT_READ) != 0)
        return imap_status_write(i, v->account, v->box, x->status);
    return 0;
}

static enum step go_on(struct imap *i)
{
    struct list *x = i->task.data;
    int err = 0;
    size_t work = 0;
    while (err == 0 && (x->telling || x->at < x->n)) {
        if (!x->telling)
            work += x->v[x->at].name.n * x->places;
        if (x->telling) {
            int more = imap_metadata_write(i, &x->metadata);
            x->telling = more > 0;
            err = more < 0 ? more : 0;
        } else if (is_listed(x, &x->v[x->at++])) {
            err = write_name(i, x, &x->v[x->at - 1]);
        }
        if ((i->s.out->n >= IMAP_OUT_STEP || work >= LIST_WORK) && (x->telling || x->at < x->n) &&
            err == 0)
            return STEP_MORE;
    }
    imap_task_end(i);
    return err != 0 ? imap_no_of(i, err) : imap_ok(i, SPAN_EMPTY, "These are the names");
}

static void drop(struct imap *i, void *data)
{
    (void)i;
    arena_free(((struct list *)data)->arena);
}

static enum step list(struct imap *i, struct list *x)
{
    int err = imap_names_read(i, x->arena, x->prefix, x->others, &x->v, &x->n);
    if (err != 0) {
        arena_free(x->arena);
        return imap_no_of(i, err);
    }
    for (size_t n = 0; n < x->n; n++)
        x->v[n].chosen = is_chosen(x, &x->v[n]);
    imap_names_relate(x->v, x->n);
    return imap_task_begin(i, (struct imap_task){.go_on = go_on, .drop = drop, .data = x});
}

/* From the reference on. */
static enum step list_begin(struct imap *i, const struct imap_arg *args, struct list *x)
{
    struct span pattern;
    x->arena = arena_new(LIST_ARENA);
    if (x->arena == NULL)
        return imap_no_of(i, ERR_NOMEM);
    int err = read_patterns(i, args, x);
    if (err != 0) {
        arena_free(x->arena);
        return err == ERR_INVALID ? imap_bad_args(i) : imap_no_of(i, err);
    }
    /* RFC 9051 §6.3.9: an empty pattern asks for the separator */
    if (!x->extended && imap_arg_string(args->next, &pattern) && pattern.n == 0) {
        arena_free(x->arena);
        buf_printf(i->s.out, "* %s (\\Noselect) \"/\" \"\"\r\n", x->lsub ? "LSUB" : "LIST");
        return imap_ok(i, SPAN_EMPTY, "This is the separator");
    }
    return list(i, x);
}

/* What a client of IMAP4rev2 is told when it opens a mailbox, with the attributes that LIST tells: some take it for all
 * there is to know. */
int imap_list_selected(struct imap *i, const struct imap_place *at)
{
    struct list x = {.arena = arena_new(LIST_ARENA), .extended = true};
    int err = x.arena == NULL ? ERR_NOMEM : 0;
    if (err == 0)
        err = imap_names_read(i, x.arena, at->box.name, at->owner.n > 0, &x.v, &x.n);
    if (err == 0)
        imap_names_relate(x.v, x.n);
    for (size_t n = 0; err == 0 && n < x.n; n++) {
        if (span_eq(x.v[n].name, at->box.name) && x.v[n].box != NULL)
            err = write_name(i, &x, &x.v[n]);
    }
    arena_free(x.arena);
    return err;
}

enum step imap_cmd_list(struct imap *i, const struct imap_arg *args)
{
    struct list *x = arena_alloc(i->s.arena, sizeof *x);
    if (x == NULL)
        return imap_no_of(i, ERR_NOMEM);
    if (args != NULL && args->kind == IMAP_LIST) {
        if (!read_select(args->child, &x->select))
            return imap_bad_args(i);
        args = args->next;
        x->extended = true;
    }
    size_t n = imap_args_count(args);
    if (args == NULL)
        return imap_bad_args(i);
    const struct imap_arg *give = n == 4 ? args->next->next : NULL;
    if ((n != 2 && n != 4) ||
        (n == 4 && (!imap_arg_is(give, SPAN("RETURN")) || give->next->kind != IMAP_LIST ||
                    !read_give(i, give->next->child, x))))
        return imap_bad_args(i);
    x->extended = x->extended || n == 4 || args->next->kind == IMAP_LIST;
    return list_begin(i, args, x);
}

enum step imap_cmd_lsub(struct imap *i, const struct imap_arg *args)
{
    struct list *x = arena_alloc(i->s.arena, sizeof *x);
    if (x == NULL)
        return imap_no_of(i, ERR_NOMEM);
    if (imap_args_count(args) != 2 || args->next->kind == IMAP_LIST)
        return imap_bad_args(i);
    x->lsub = true;
    return list_begin(i, args, x);
}

enum step imap_cmd_namespace(struct imap *i, const struct imap_arg *args)
{
    if (args != NULL)
        return imap_bad_args(i);
    buf_puts(i->s.out, "* NAMESPACE ((\"\" \"/\")) ((\"" IMAP_OTHERS "/\" \"/\")) NIL\r\n");
    return imap_ok(i, SPAN_EMPTY, "Your own mailboxes, and what others share with you");
}
