/* SPDX-License-Identifier: Apache-2.0 */
/* `section-spec` of RFC 9051 §9: part numbers, and then at most one of a few words. */
#include "imap/fetch.h"

#include "base/err.h"
#include "base/limits.h"

/* nz-number; false (and nothing taken) where there is none. */
static bool take_number(struct span *s, uint32_t *out)
{
    size_t n = 0;
    while (n < s->n && ascii_is_digit(s->p[n]))
        n++;
    if (n == 0 || s->p[0] == '0' || !span_to_u32(span_slice(*s, 0, n), out))
        return false;
    *s = span_from(*s, n);
    return true;
}

/* section-part = nz-number *("." nz-number); what follows its last "." stays in `s`. */
static int take_path(struct span *s, struct arena *a, struct section *out)
{
    uint32_t number, *path;
    size_t room = 1;
    for (size_t i = 0; i < s->n; i++)
        room += s->p[i] == '.';
    path = arena_array(a, room, sizeof(*path));
    if (path == NULL)
        return arena_err(a);
    out->path = path;
    while (take_number(s, &number)) {
        path[out->path_n++] = number;
        if (s->n == 0)
            return 0;
        if (!span_skip(s, SPAN(".")) || s->n == 0)
            return ERR_INVALID;
    }
    return 0;
}

/* RFC 5322 §3.6.8: printable ASCII but ":". */
static bool is_field_name(struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < 33 || s.p[i] > 126 || s.p[i] == ':')
            return false;
    return s.n > 0;
}

/* SP header-list; all that is left. */
static int take_fields(struct span s, struct arena *a, struct section *out)
{
    struct imap_arg *list;
    size_t n = 0;
    if (!span_skip(&s, SPAN(" ")))
        return ERR_INVALID;
    int err = imap_args_parse(s, a, &list);
    if (err != 0)
        return err;
    if (list == NULL || list->kind != IMAP_LIST || list->next != NULL || list->child == NULL)
        return ERR_INVALID;
    struct span *fields = arena_array(a, imap_args_count(list->child), sizeof(*fields));
    if (fields == NULL)
        return arena_err(a);
    for (const struct imap_arg *arg = list->child; arg != NULL; arg = arg->next)
        if (!imap_arg_string(arg, &fields[n]) || !is_field_name(fields[n++]))
            return ERR_INVALID;
    out->fields = fields;
    out->fields_n = n;
    return 0;
}

int fetch_section_parse(struct span text, struct arena *a, struct section *out)
{
    struct section s = {.what = SECTION_BODY};
    if (text.n > LIMIT_IMAP_SECTION)
        return ERR_LIMIT;
    int err = take_path(&text, a, &s);
    if (err != 0)
        return err;
    if (span_ieq(text, SPAN("HEADER"))) {
        s.what = SECTION_HEADER;
    } else if (span_ieq(text, SPAN("TEXT"))) {
        s.what = SECTION_TEXT;
    } else if (span_ieq(text, SPAN("MIME")) && s.path_n > 0) {
        s.what = SECTION_MIME;
    } else if (span_iskip(&text, SPAN("HEADER.FIELDS.NOT"))) {
        s.what = SECTION_FIELDS_NOT;
        err = take_fields(text, a, &s);
    } else if (span_iskip(&text, SPAN("HEADER.FIELDS"))) {
        s.what = SECTION_FIELDS;
        err = take_fields(text, a, &s);
    } else if (text.n > 0) {
        err = ERR_INVALID;
    }
    if (err == 0)
        *out = s;
    return err;
}

/* An astring: a name as an atom where it can be one, else in quotes. So is one with a bracket, which could be an atom: within
 * brackets that is more than a reader need understand. */
static void write_name(struct span name, struct buf *out)
{
    bool atom = !span_ieq(name, SPAN("NIL"));
    for (size_t i = 0; i < name.n; i++)
        atom = atom && memchr("(){%*\"\\[]", name.p[i], 9) == NULL;
    if (atom) {
        buf_put(out, name);
        return;
    }
    buf_putc(out, '"');
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] == '"' || name.p[i] == '\\')
            buf_putc(out, '\\');
        buf_putc(out, name.p[i]);
    }
    buf_putc(out, '"');
}

void fetch_section_write(const struct section *s, struct buf *out)
{
    static const char *const names[] = {[SECTION_BODY] = "",
                                        [SECTION_HEADER] = "HEADER",
                                        [SECTION_FIELDS] = "HEADER.FIELDS (",
                                        [SECTION_FIELDS_NOT] = "HEADER.FIELDS.NOT (",
                                        [SECTION_TEXT] = "TEXT",
                                        [SECTION_MIME] = "MIME"};
    for (size_t i = 0; i < s->path_n; i++)
        buf_printf(out, "%s%u", i > 0 ? "." : "", (unsigned)s->path[i]);
    if (s->path_n > 0 && s->what != SECTION_BODY)
        buf_putc(out, '.');
    buf_puts(out, names[s->what]);
    if (s->what != SECTION_FIELDS && s->what != SECTION_FIELDS_NOT)
        return;
    for (size_t i = 0; i < s->fields_n; i++) {
        if (i > 0)
            buf_putc(out, ' ');
        write_name(s->fields[i], out);
    }
    buf_putc(out, ')');
}
