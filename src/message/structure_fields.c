/* SPDX-License-Identifier: Apache-2.0 */
/* What the fields of a part's header say about it. */
#include "message/structure_impl.h"

#include "message/cfws.h"
#include "message/header_impl.h"
#include "message/message.h"

static size_t memory_kept(const struct mime_parser *p)
{
    size_t used = arena_used(p->arena) - p->arena_base, parts = p->parts * sizeof(struct mime_part);
    return used > parts ? used - parts : 0;
}

static void take_type(struct mime_parser *p, struct mime_part *part, struct span value)
{
    if (part->type.p != NULL || (part->flags & MIME_TYPE_BROKEN) != 0)
        part->flags |= MIME_FIELD_TWICE;
    if (part->type.p != NULL)
        return;
    if (mime_type_parse(value, p->arena, &part->type, &part->subtype, &part->params))
        part->flags &= ~(uint32_t)MIME_TYPE_BROKEN;
    else
        part->flags |= MIME_TYPE_BROKEN;
}

static void take_encoding(struct mime_parser *p, struct mime_part *part, struct span value)
{
    if (part->encoding_text.p != NULL) {
        part->flags |= MIME_FIELD_TWICE;
        return;
    }
    part->encoding_text = header_unfold(value, p->arena);
    part->encoding = (uint8_t)transfer_of(part->encoding_text);
}

static struct mime_extras *extras_of(struct mime_parser *p, struct mime_part *part)
{
    if (part->extras == NULL)
        part->extras = arena_alloc(p->arena, sizeof(*part->extras));
    return part->extras;
}

static void take_text(struct mime_parser *p, struct mime_part *part, size_t at, struct span value)
{
    struct mime_extras *extras = extras_of(p, part);
    if (extras == NULL)
        return;
    struct span *text = (struct span *)(void *)((char *)extras + at);
    if (text->p != NULL)
        part->flags |= MIME_FIELD_TWICE;
    else
        *text = header_unfold(value, p->arena);
}

static void take_disposition(struct mime_parser *p, struct mime_part *part, struct span value)
{
    struct mime_extras *extras = extras_of(p, part);
    if (extras == NULL)
        return;
    if (extras->disposition.p != NULL)
        part->flags |= MIME_FIELD_TWICE;
    else
        (void)mime_disposition_parse(value, p->arena, &extras->disposition,
                                     &extras->disposition_params);
}

static void take_languages(struct mime_parser *p, struct mime_part *part, struct span value)
{
    struct mime_extras *extras = extras_of(p, part);
    if (extras == NULL)
        return;
    if (extras->languages != NULL)
        part->flags |= MIME_FIELD_TWICE;
    else
        extras->languages = mime_languages_parse(value, p->arena);
}

/* `name` behind "Content-". */
static void
take_content(struct mime_parser *p, struct mime_part *part, struct span name, struct span value)
{
    static const struct {
        const char *name;
        size_t at;
    } texts[] = {
        {"ID", offsetof(struct mime_extras, id)},
        {"Description", offsetof(struct mime_extras, description)},
        {"Location", offsetof(struct mime_extras, location)},
        {"MD5", offsetof(struct mime_extras, md5)},
    };
    if (span_ieq(name, SPAN("Type"))) {
        take_type(p, part, value);
    } else if (span_ieq(name, SPAN("Transfer-Encoding"))) {
        take_encoding(p, part, value);
    } else if (span_ieq(name, SPAN("Disposition"))) {
        take_disposition(p, part, value);
    } else if (span_ieq(name, SPAN("Language"))) {
        take_languages(p, part, value);
    } else {
        for (size_t i = 0; i < COUNT_OF(texts); i++)
            if (span_ieq(name, span_str(texts[i].name)))
                take_text(p, part, texts[i].at, value);
    }
}

static struct span without_line_end(struct span value)
{
    if (value.n > 0 && value.p[value.n - 1] == '\n') {
        value.n--;
        if (value.n > 0 && value.p[value.n - 1] == '\r')
            value.n--;
    }
    return value;
}

/* The whole value without its last line end, as header_next gives it. */
static struct span value_of(struct span lines, struct span name)
{
    struct span value = span_from(lines, (size_t)(name.p - lines.p));
    return without_line_end(span_from(value, (size_t)span_chr(value, ':') + 1));
}

static void field_cut(struct mime_parser *p, struct mime_part *part)
{
    part->flags |= MIME_FIELD_CUT;
    p->root->flags |= MIME_ANY_CUT;
}

void field_take(struct mime_parser *p, struct mime_part *part, struct span lines, bool cut)
{
    if (!span_is_ascii(lines))
        part->flags |= MIME_HEADER_8BIT;
    if (span_chr(lines, '\0') >= 0)
        part->flags |= MIME_HEADER_NUL;
    struct span line = lines;
    line = span_split(&line, '\n');
    struct span name = header_field_name(line);
    if (name.n == 0) {
        if (p->sink != NULL && p->sink->stray != NULL)
            p->sink->stray(p->sink->context, part,
                           span_slice(without_line_end(lines), 0, LIMIT_MIME_FIELD));
        return;
    }
    struct span value = span_slice(value_of(lines, name), 0, LIMIT_MIME_FIELD);
    if (part->parent == NULL && p->sink != NULL && p->sink->field != NULL)
        p->sink->field(p->sink->context, name, value);
    if (p->sink != NULL && p->sink->part_field != NULL)
        p->sink->part_field(p->sink->context, part, name, value);
    bool content = span_istarts(name, SPAN("Content-"));
    if (!content && (part->envelope == NULL || !envelope_has_field(name)))
        return;
    /* what the structure depends on is read when there is no memory left for the rest */
    bool vital = content && ascii_lower(name.p[sizeof("Content-") - 1]) == 't';
    size_t kept = memory_kept(p), limit = vital ? 2 * LIMIT_MIME_KEPT : LIMIT_MIME_KEPT;
    if (cut || kept + value.n > limit)
        field_cut(p, part);
    if (kept + value.n > limit)
        return;
    if (content) {
        take_content(p, part, span_from(name, sizeof("Content-") - 1), value);
        return;
    }
    size_t most = (limit - kept) / (sizeof(struct mail_address) + 64);
    enum envelope_result r = envelope_take(part->envelope, name, value, most, p->arena);
    if (r == ENVELOPE_TWICE)
        part->flags |= MIME_FIELD_TWICE;
    else if (r == ENVELOPE_CUT)
        field_cut(p, part);
}

/* Trailing white space cannot be part of a boundary (RFC 2046 §5.1.1), and mail that has it means the
 * boundary without. */
static struct span boundary_of(const struct mime_part *part)
{
    const struct mime_param *param = mime_param_find(part->params, SPAN("boundary"));
    if (param == NULL)
        return SPAN_EMPTY;
    struct span text = param->value;
    while (text.n > 0 && (text.p[text.n - 1] == ' ' || text.p[text.n - 1] == '\t'))
        text.n--;
    return text;
}

enum mime_kind part_classify(struct mime_part *part, struct span *boundary_out)
{
    if (part->type.p == NULL || part->subtype.p == NULL) {
        if ((part->flags & MIME_TYPE_BROKEN) == 0)
            part->flags |= MIME_TYPE_ABSENT;
        bool digest = (part->flags & MIME_TYPE_ABSENT) != 0 && part->parent != NULL &&
                      part->parent->kind == MIME_MULTIPART &&
                      span_eq(part->parent->subtype, SPAN("digest"));
        part->type = digest ? SPAN("message") : SPAN("text");
        part->subtype = digest ? SPAN("rfc822") : SPAN("plain");
        part->params = NULL;
    }
    if (span_eq(part->type, SPAN("multipart"))) {
        *boundary_out = boundary_of(part);
        if (boundary_out->n > 0)
            return MIME_MULTIPART;
        part->flags |= MIME_NO_PARTS;
    }
    if (span_eq(part->type, SPAN("message")) &&
        (span_eq(part->subtype, SPAN("rfc822")) || span_eq(part->subtype, SPAN("global"))))
        return MIME_MESSAGE;
    return MIME_LEAF;
}

/* ---- looking at parts -------------------------------------------------------------------- */

struct mime_part *mime_next(const struct mime_part *part)
{
    if (part->child != NULL)
        return part->child;
    while (part != NULL && part->next == NULL)
        part = part->parent;
    return part == NULL ? NULL : part->next;
}

void mime_shown_type(const struct mime_part *part, struct span *type_out, struct span *subtype_out)
{
    *type_out = part->type;
    *subtype_out = part->subtype;
    if (part->kind != MIME_LEAF)
        return;
    if ((part->flags & (MIME_OPAQUE | MIME_ENCODED_MESSAGE)) != 0) {
        *type_out = SPAN("application");
        *subtype_out = SPAN("octet-stream");
    } else if ((part->flags & MIME_NO_PARTS) != 0) {
        *type_out = SPAN("text");
        *subtype_out = SPAN("plain");
    }
}

bool mime_is_type(const struct mime_part *part, struct span type, struct span subtype)
{
    return span_eq(part->type, type) && span_eq(part->subtype, subtype);
}

const struct mime_param *mime_file_name(const struct mime_part *part)
{
    const struct mime_param *name = NULL;
    if (part->extras != NULL)
        name = mime_param_find(part->extras->disposition_params, SPAN("filename"));
    return name != NULL ? name : mime_param_find(part->params, SPAN("name"));
}
