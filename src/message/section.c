/* SPDX-License-Identifier: Apache-2.0 */
#include "message/section.h"

#include "message/message.h"

static const struct mime_part *child_at(const struct mime_part *part, uint32_t number)
{
    const struct mime_part *p = number > 0 ? part->child : NULL;
    for (; p != NULL && number > 1; number--)
        p = p->next;
    return p;
}

/* Part `number` of a message, whose root is given. */
static const struct mime_part *top_at(const struct mime_part *root, uint32_t number)
{
    if (root->kind == MIME_MULTIPART)
        return child_at(root, number);
    return number == 1 ? root : NULL;
}

/* Part `number` of a part. */
static const struct mime_part *inner_at(const struct mime_part *part, uint32_t number)
{
    switch ((enum mime_kind)part->kind) {
    case MIME_LEAF: return NULL;
    case MIME_MULTIPART: return child_at(part, number);
    case MIME_MESSAGE: return top_at(part->child, number);
    }
    return NULL;
}

/* The multipart without parts that path[n] would be the first of, or NULL. */
static const struct mime_part *hollow_at(const struct mime_part *part, bool top, uint32_t number)
{
    if (!top && part->kind == MIME_MESSAGE)
        part = part->child;
    return number == 1 && part->kind == MIME_MULTIPART && part->child == NULL ? part : NULL;
}

static bool find_part(const struct mime_part *root,
                      const struct section *s,
                      const struct mime_part **part_out,
                      const struct mime_part **hollow_out)
{
    const struct mime_part *part = root;
    *hollow_out = NULL;
    for (size_t i = 0; i < s->path_n; i++) {
        const struct mime_part *next =
            i == 0 ? top_at(part, s->path[i]) : inner_at(part, s->path[i]);
        if (next == NULL) {
            *hollow_out = i + 1 == s->path_n ? hollow_at(part, i == 0, s->path[i]) : NULL;
            return false;
        }
        part = next;
    }
    *part_out = part;
    return true;
}

static struct section_range body_of(const struct mime_part *part)
{
    return (struct section_range){mime_body_offset(part), part->body_size, part};
}

static struct section_range header_of(const struct mime_part *part)
{
    return (struct section_range){part->offset, part->header_size, part};
}

bool section_find(const struct mime_part *root, const struct section *s, struct section_range *out)
{
    const struct mime_part *part, *hollow;
    if (!find_part(root, s, &part, &hollow)) {
        if (hollow == NULL || s->what != SECTION_BODY)
            return false;
        *out = (struct section_range){mime_body_offset(hollow), 0, NULL};
        return true;
    }
    if (s->what == SECTION_MIME) {
        *out = header_of(part);
        return s->path_n > 0;
    }
    if (s->what == SECTION_BODY) {
        *out = body_of(part);
        if (s->path_n == 0)
            *out = (struct section_range){0, root->header_size + root->body_size, root};
        return true;
    }
    if (s->path_n > 0) { /* of the message in the part */
        if (part->kind != MIME_MESSAGE)
            return false;
        part = part->child;
    }
    *out = s->what == SECTION_TEXT ? body_of(part) : header_of(part);
    return true;
}

/* ---- chosen fields ----------------------------------------------------------------------- */

enum { NAMES_FEW = 16 };

/* Any order will do, and lengths are compared quickly. */
static int by_name(const void *a, const void *b)
{
    const struct span *x = a, *y = b;
    if (x->n != y->n)
        return x->n < y->n ? -1 : 1;
    for (size_t i = 0; i < x->n; i++) {
        char c = ascii_lower(x->p[i]), d = ascii_lower(y->p[i]);
        if (c != d)
            return c < d ? -1 : 1;
    }
    return 0;
}

/* Many names and many fields are each what somebody chose who wishes us ill: the names are put in order. NULL: they are
 * few, or memory has run out. */
static struct span *names_sorted(const struct section *s)
{
    struct span *v = s->fields_n > NAMES_FEW ? calloc(s->fields_n, sizeof *v) : NULL;
    if (v == NULL)
        return NULL;
    memcpy(v, s->fields, s->fields_n * sizeof *v);
    qsort(v, s->fields_n, sizeof *v, by_name);
    return v;
}

static bool is_named(const struct section *s, const struct span *sorted, struct span name)
{
    if (sorted != NULL)
        return bsearch(&name, sorted, s->fields_n, sizeof name, by_name) != NULL;
    for (size_t i = 0; i < s->fields_n; i++)
        if (span_ieq(s->fields[i], name))
            return true;
    return false;
}

void section_fields(struct span header, const struct section *s, struct buf *out)
{
    struct header_walk w = header_walk_of(header);
    struct header_field f;
    struct span *sorted = names_sorted(s);
    while (header_next(&w, &f)) {
        if (is_named(s, sorted, f.name) != (s->what == SECTION_FIELDS))
            continue;
        struct span lines = span_slice(header, f.offset, w.at - f.offset);
        buf_put(out, lines);
        if (lines.p[lines.n - 1] != '\n')
            buf_puts(out, "\r\n");
    }
    buf_puts(out, "\r\n");
    free(sorted);
}
