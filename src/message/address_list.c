/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of what address_scan.c finds, and an address written again. */
#include "message/address_scan.h"

#include "message/message.h"

/* A copy in the arena; p stays NULL where it was. */
static struct span keep(struct span s, struct arena *a)
{
    return s.p == NULL ? s : arena_dup(a, s);
}

struct mail_address *
address_list_parse(struct span value, struct arena *a, size_t most, bool *cut_out)
{
    struct address_scan scan;
    struct mail_address found, *first = NULL, **end = &first;
    bool cut = false;
    if (!address_scan_init(&scan, value)) {
        if (cut_out != NULL)
            *cut_out = true;
        return NULL;
    }
    for (size_t n = 0; address_scan_next(&scan, &found); n++) {
        /* the end of a group is let in always: its beginning was */
        if (n >= most && found.kind != ADDRESS_GROUP_END) {
            cut = true;
            if (!scan.in_group || found.kind == ADDRESS_GROUP)
                break;
            continue;
        }
        struct mail_address *m = arena_alloc(a, sizeof(*m));
        if (m == NULL)
            break;
        *m = found;
        m->name = keep(found.name, a);
        m->route = keep(found.route, a);
        m->local = keep(found.local, a);
        m->domain = keep(found.domain, a);
        *end = m;
        end = &m->next;
    }
    address_scan_done(&scan);
    if (cut_out != NULL)
        *cut_out = cut;
    return first;
}

/* dot-atom, RFC 5322 §3.2.3 with the UTF-8 of RFC 6532, and dots anywhere but in front, as smtp_address_parse
 * takes them. */
static bool needs_quotes(struct span local)
{
    static const char others[] = "!#$%&'*+-/=?^_`{|}~.";
    for (size_t i = 0; i < local.n; i++) {
        char c = local.p[i];
        bool atext = (unsigned char)c >= 0x80 || ascii_is_alpha(c) || ascii_is_digit(c) ||
                     (c != '\0' && strchr(others, c) != NULL);
        if (!atext)
            return true;
    }
    return local.n == 0 || local.p[0] == '.';
}

void address_write(const struct mail_address *m, struct buf *out)
{
    if (m->local.p != NULL) {
        bool quotes = needs_quotes(m->local);
        if (quotes)
            buf_putc(out, '"');
        for (size_t i = 0; i < m->local.n; i++) {
            char c = m->local.p[i];
            if (quotes && (c == '"' || c == '\\'))
                buf_putc(out, '\\');
            buf_putc(out, c);
        }
        if (quotes)
            buf_putc(out, '"');
    }
    if (m->domain.p != NULL) {
        buf_putc(out, '@');
        buf_put(out, m->domain);
    }
}

struct span header_first_address(struct span value, struct arena *a)
{
    struct address_scan scan;
    struct mail_address m;
    struct buf text;
    struct span result = SPAN_EMPTY;
    if (!address_scan_init(&scan, value))
        return SPAN_EMPTY;
    buf_init(&text, 2 * value.n + 3);
    while (result.n == 0 && address_scan_next(&scan, &m)) {
        struct smtp_address parts;
        if (m.kind != ADDRESS_MAILBOX || m.broken)
            continue;
        buf_clear(&text);
        address_write(&m, &text);
        if (smtp_address_parse(buf_span(&text), &parts) == (ssize_t)text.n)
            result = arena_dup(a, buf_span(&text));
    }
    buf_done(&text);
    address_scan_done(&scan);
    return result;
}
