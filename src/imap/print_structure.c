/* SPDX-License-Identifier: Apache-2.0 */
/* BODY and BODYSTRUCTURE (RFC 9051 §7.5.2, and "body" of §9), part by part without recursion: what stands before the
 * parts in a part is written when it is entered, the rest when it is left. */
#include "imap/print.h"

struct printer {
    struct buf *out;
    bool extended;
    unsigned how;
};

static void print_string(const struct printer *p, struct span s)
{
    imap_print_string(p->out, s, p->how);
}

static void print_nstring(const struct printer *p, struct span s)
{
    buf_putc(p->out, ' ');
    imap_print_nstring(p->out, s, p->how);
}

static void print_number(const struct printer *p, uint64_t n)
{
    buf_putc(p->out, ' ');
    buf_put_u64(p->out, n);
}

/* A value that came as RFC 2231 has it and is not plain ASCII: rev2 wants it in UTF-8 under the name with "*"; rev1 knows
 * only what stood in the message, or could have. */
static void print_param(const struct printer *p, const struct mime_param *param)
{
    struct buf text;
    if (!param->extended || span_is_ascii(param->value)) {
        print_string(p, param->name);
        buf_putc(p->out, ' ');
        print_string(p, param->value);
        return;
    }
    buf_init(&text, 4 * (param->name.n + param->value.n) + 64);
    buf_put(&text, param->name);
    buf_putc(&text, '*');
    print_string(p, buf_span(&text));
    buf_putc(p->out, ' ');
    if ((p->how & IMAP_PRINT_REV2) != 0) {
        print_string(p, param->value);
    } else {
        buf_clear(&text);
        mime_param_escape(param->value, &text);
        print_string(p, buf_span(&text));
    }
    buf_done(&text);
}

/* `more`: written behind those that are there, or NULL. */
static void
print_params_and(const struct printer *p, const struct mime_param *list, const char *more)
{
    const char *between = " (";
    for (const struct mime_param *param = list; param != NULL; param = param->next) {
        buf_puts(p->out, between);
        print_param(p, param);
        between = " ";
    }
    if (more != NULL) {
        buf_puts(p->out, between);
        buf_puts(p->out, more);
    }
    buf_puts(p->out, list == NULL && more == NULL ? " NIL" : ")");
}

static void print_params(const struct printer *p, const struct mime_param *list)
{
    print_params_and(p, list, NULL);
}

/* "Defaulting various fields as necessary": a text that names no charset is in US-ASCII (RFC 2045 §5.2), and clients are
 * used to read so here. */
static void
print_type_params(const struct printer *p, const struct mime_part *part, struct span type)
{
    bool named =
        !span_eq(type, SPAN("text")) || mime_param_find(part->params, SPAN("charset")) != NULL;
    print_params_and(p, part->params, named ? NULL : "\"charset\" \"us-ascii\"");
}

/* body-fld-dsp SP body-fld-lang SP body-fld-loc */
static void print_rest(const struct printer *p, const struct mime_part *part)
{
    const struct mime_extras *x = part->extras;
    if (x == NULL || x->disposition.p == NULL) {
        buf_puts(p->out, " NIL");
    } else {
        buf_puts(p->out, " (");
        print_string(p, x->disposition);
        print_params(p, x->disposition_params);
        buf_putc(p->out, ')');
    }
    if (x == NULL || x->languages == NULL) {
        buf_puts(p->out, " NIL");
    } else {
        for (const struct mime_language *l = x->languages; l != NULL; l = l->next) {
            buf_puts(p->out, l == x->languages ? " (" : " ");
            print_string(p, l->tag);
        }
        buf_putc(p->out, ')');
    }
    print_nstring(p, x == NULL ? SPAN_EMPTY : x->location);
}

/* body-fld-param SP body-fld-id SP body-fld-desc SP body-fld-enc SP body-fld-octets, for every part that has no
 * parts. */
static void print_fields(const struct printer *p, const struct mime_part *part, struct span type)
{
    const struct mime_extras *x = part->extras;
    print_type_params(p, part, type);
    print_nstring(p, x == NULL ? SPAN_EMPTY : x->id);
    print_nstring(p, x == NULL ? SPAN_EMPTY : x->description);
    /* a message's parts are looked at without decoding it, so it must not say that it is encoded */
    bool undecoded = part->kind == MIME_MESSAGE && part->encoding > TRANSFER_BINARY;
    const char *known = transfer_name(undecoded ? TRANSFER_8BIT : part->encoding);
    print_nstring(p, known[0] != '\0' ? span_str(known) : part->encoding_text);
    print_number(p, part->body_size);
}

static void print_type(const struct printer *p, struct span type, struct span subtype)
{
    print_string(p, type);
    buf_putc(p->out, ' ');
    print_string(p, subtype);
}

/* Is it shown with what is in it? */
static bool is_open(const struct printer *p, const struct mime_part *part)
{
    if (part->kind != MIME_MESSAGE)
        return part->kind == MIME_MULTIPART;
    return (p->how & IMAP_PRINT_UTF8) != 0 || span_eq(part->subtype, SPAN("rfc822"));
}

static void enter(const struct printer *p, const struct mime_part *part)
{
    struct span type, subtype;
    buf_putc(p->out, '(');
    if (part->kind == MIME_MULTIPART) {
        if (part->child == NULL) /* the grammar wants one (1*body) */
            buf_printf(p->out,
                       "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 0 0%s)",
                       p->extended ? " NIL NIL NIL NIL" : "");
        return;
    }
    mime_shown_type(part, &type, &subtype);
    print_type(p, type, subtype);
    print_fields(p, part, type);
    if (is_open(p, part)) {
        buf_putc(p->out, ' ');
        imap_print_envelope(p->out, part->child->envelope, p->how);
        buf_putc(p->out, ' ');
    } else if (span_eq(type, SPAN("text"))) {
        print_number(p, part->lines);
    }
}

static void leave(const struct printer *p, const struct mime_part *part)
{
    if (part->kind == MIME_MULTIPART) {
        buf_putc(p->out, ' ');
        print_string(p, part->subtype);
        if (p->extended)
            print_params(p, part->params);
    } else {
        if (is_open(p, part))
            print_number(p, part->lines);
        if (p->extended)
            print_nstring(p, part->extras == NULL ? SPAN_EMPTY : part->extras->md5);
    }
    if (p->extended)
        print_rest(p, part);
    buf_putc(p->out, ')');
}

void imap_print_structure(struct buf *out,
                          const struct mime_part *root,
                          bool extended,
                          unsigned how)
{
    const struct printer p = {.out = out, .extended = extended, .how = how};
    const struct mime_part *part = root;
    while (out->err == 0) {
        enter(&p, part);
        if (part->child != NULL && is_open(&p, part)) {
            part = part->child;
            continue;
        }
        for (;;) {
            leave(&p, part);
            if (part == root)
                return;
            if (part->next != NULL)
                break;
            part = part->parent;
        }
        part = part->next;
    }
}
