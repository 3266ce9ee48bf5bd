/* SPDX-License-Identifier: Apache-2.0 */
/* One pass over tokens. Words are collected twice, as the text of a name and as an address, until a
 * special character says which it was: "<" a name, ":" the name of a group, "," or the end an address.
 *
 * Where a comma was forgotten the first address ends before the words that the next one has ("tail"), and
 * the scan goes back to them; so no byte is read more than twice.
 */
#include "message/address_token.h"

enum { TEXTS = 4 };

struct pending {
    struct mail_address *out;
    struct span tail;   /* where the words behind a complete address began; p is NULL without any */
    struct span route;  /* "@a,@b", before its colon */
    bool angle, closed; /* behind "<", behind ">" */
    bool in_route;
    bool at;     /* an "@" was there */
    bool dot;    /* the last token was one */
    bool quoted; /* part of the local part was */
    bool bare;   /* part of the local part was not */
    bool broken;
};

bool address_scan_init(struct address_scan *s, struct span value)
{
    /* a byte of the value goes once into each text, and a comment is never part of the others */
    size_t size = value.n + 1;
    s->rest = value;
    s->memory = NULL;
    s->in_group = s->group_ends = false;
    s->open_quote = s->open_comment = s->open_bracket = false;
    char *p = s->small;
    if (size * TEXTS > sizeof(s->small)) {
        s->memory = malloc(size * TEXTS);
        p = s->memory;
    }
    if (p == NULL)
        return false;
    s->text = (struct address_text){.p = p};
    s->local = (struct address_text){.p = p + size};
    s->domain = (struct address_text){.p = p + 2 * size};
    s->comment = (struct address_text){.p = p + 3 * size};
    return true;
}

void address_scan_done(struct address_scan *s)
{
    free(s->memory);
    s->memory = NULL;
}

static struct span text_span(const struct address_text *t)
{
    return span_of(t->p, t->n);
}

/* Folding goes, and of a quoted string or comment the escapes. */
static void text_put(struct address_text *to, const struct address_token *t)
{
    bool escapes = t->kind == T_QUOTED || t->kind == T_COMMENT;
    for (size_t i = 0; i < t->text.n; i++) {
        char c = t->text.p[i];
        if (escapes && c == '\\' && i + 1 < t->text.n)
            c = t->text.p[++i];
        if (c != '\r' && c != '\n') /* nor escaped (obs-qp, §4.1): it would forge a line */
            to->p[to->n++] = c;
    }
}

/* A token as part of a name: white space before it becomes one space. */
static void text_word(struct address_text *to, const struct address_token *t)
{
    if (t->space && to->n > 0)
        to->p[to->n++] = ' ';
    text_put(to, t);
}

static void take_word(struct address_scan *s, struct pending *p, const struct address_token *t)
{
    if (!p->angle)
        text_word(&s->text, t);
    struct address_text *to = p->at ? &s->domain : &s->local;
    bool joins = to->n == 0 || p->dot;
    if (p->closed || (p->at && !joins)) {
        if (p->tail.p == NULL)
            p->tail = t->start;
    } else {
        if (!joins) {
            p->broken = true;
            if (t->space)
                to->p[to->n++] = ' ';
        }
        if (!p->at) {
            p->quoted |= t->kind == T_QUOTED;
            p->bare |= t->kind != T_QUOTED;
        }
        text_put(to, t);
    }
    p->dot = false;
}

static void take_dot(struct address_scan *s, struct pending *p, const struct address_token *t)
{
    if (!p->angle)
        text_word(&s->text, t);
    if (p->closed)
        return;
    struct address_text *to = p->at ? &s->domain : &s->local;
    to->p[to->n++] = '.';
    p->dot = true;
    p->bare |= !p->at;
}

/* Goes back to `where`, so that the next call begins there. */
static bool stop_before(struct address_scan *s, struct span where)
{
    s->rest = where;
    return true;
}

/* true: the address ends here. */
static bool take_at(struct address_scan *s, struct pending *p, const struct address_token *t)
{
    if (p->tail.p != NULL)
        return stop_before(s, p->tail);
    if (p->closed) {
        p->tail = t->start;
        return false;
    }
    if (!p->angle)
        text_word(&s->text, t);
    if (p->angle && !p->at && s->local.n == 0 && !p->in_route)
        p->in_route = true; /* until a ":" comes it may also be an address without local part */
    if (p->at) { /* a@b@c: the second is part of the domain, which is wrong, and says what was there */
        p->broken = true;
        s->domain.p[s->domain.n++] = '@';
        p->dot = true;
        return false;
    }
    p->at = true;
    p->dot = false;
    return false;
}

static bool take_angle(struct address_scan *s, struct pending *p, const struct address_token *t)
{
    if (p->angle)
        return stop_before(s, p->tail.p != NULL ? p->tail : t->start);
    p->angle = true;
    p->tail = SPAN_EMPTY;
    p->at = p->dot = p->quoted = p->bare = p->broken = false;
    s->local.n = s->domain.n = 0;
    return false;
}

/* A colon in angle brackets ends a route ("@a,@b:"), or is that of "mailto:". The route's text is that
 * of the domain so far, with what take_at and take_comma left out put back. */
static void take_route(struct address_scan *s, struct pending *p)
{
    if (p->in_route) {
        /* the text of a name is complete when "<" has come, and what is behind it is free */
        char *to = s->text.p + s->text.n;
        to[0] = '@';
        memcpy(to + 1, s->domain.p, s->domain.n);
        p->route = span_of(to, s->domain.n + 1);
    }
    p->in_route = p->at = p->dot = p->quoted = p->bare = p->broken = false;
    s->local.n = s->domain.n = 0;
}

static void finish_group(struct address_scan *s, struct pending *p)
{
    p->out->kind = ADDRESS_GROUP;
    p->out->name = text_span(&s->text);
    s->in_group = true;
}

/* true: there is something to return. */
static bool finish(struct address_scan *s, struct pending *p)
{
    struct mail_address *out = p->out;
    bool named = s->text.n > 0 && (p->angle || (!p->at && (p->broken || p->quoted)));
    out->kind = ADDRESS_MAILBOX;
    if (named)
        out->name = text_span(&s->text);
    else if (s->comment.n > 0)
        out->name = text_span(&s->comment);
    out->route = p->route;
    if (p->angle || p->at || !named) {
        if (s->local.n > 0 || p->quoted)
            out->local = text_span(&s->local);
        if (p->at)
            out->domain = text_span(&s->domain);
    }
    out->broken =
        p->broken || (p->quoted && p->bare) || out->local.p == NULL || !p->at || s->domain.n == 0;
    return out->local.p != NULL || out->domain.n > 0 || named;
}

/* true: the entry ends with this token. */
static bool take_special(struct address_scan *s, struct pending *p, const struct address_token *t)
{
    switch (t->special) {
    case '.': take_dot(s, p, t); return false;
    case '@': return take_at(s, p, t);
    case '<': return take_angle(s, p, t);
    case '>': p->closed |= p->angle; return false;
    case ';': s->group_ends = s->in_group; return true;
    case ',':
        if (!p->in_route || p->closed)
            return true;
        s->domain.p[s->domain.n++] = ','; /* a route goes on with another hop */
        p->dot = true;
        return false;
    default: /* ":" */
        if (p->angle && !p->closed)
            take_route(s, p);
        return !p->angle && s->text.n > 0;
    }
}

/* One entry into `out`; false when there was nothing up to the next separator. */
static bool scan_entry(struct address_scan *s, struct mail_address *out)
{
    struct pending p = {.out = out};
    struct address_token t;
    struct span start = s->rest;
    bool behind_comment = false;
    s->text.n = s->local.n = s->domain.n = s->comment.n = 0;
    do {
        address_token_next(s, &t);
        t.space |= behind_comment;
        behind_comment = t.kind == T_COMMENT;
        if (t.kind == T_COMMENT) {
            s->comment.n = 0;
            text_put(&s->comment, &t);
        } else if (t.kind == T_SPECIAL) {
            if (!take_special(s, &p, &t))
                continue;
            if (t.special == ':' && s->in_group) { /* a group in a group: the first one ends */
                s->rest = start;
                s->group_ends = true;
                return false;
            }
            if (t.special == ':') {
                finish_group(s, &p);
                return true;
            }
            break;
        } else if (t.kind != T_END) {
            take_word(s, &p, &t);
        }
    } while (t.kind != T_END);
    return finish(s, &p);
}

bool address_scan_next(struct address_scan *s, struct mail_address *out)
{
    for (;;) {
        *out = (struct mail_address){.kind = ADDRESS_GROUP_END};
        if (s->group_ends || (s->in_group && s->rest.n == 0)) {
            s->group_ends = s->in_group = false;
            return true;
        }
        if (s->rest.n == 0)
            return false;
        if (scan_entry(s, out))
            return true;
    }
}
