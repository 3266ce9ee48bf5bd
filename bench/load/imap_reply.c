/* SPDX-License-Identifier: Apache-2.0 */
/* Responses, as they come: lines are looked at one by one, and the octets of literals counted and thrown away where they
 * lie, so that a message of a megabyte needs no room. */
#include "imap.h"

static const struct {
    struct span text;
    unsigned item;
} items[] = {
    {SPAN("FLAGS ("), IMAP_ITEM_FLAGS},
    {SPAN("RFC822.SIZE "), IMAP_ITEM_SIZE},
    {SPAN("INTERNALDATE "), IMAP_ITEM_DATE},
    {SPAN("ENVELOPE ("), IMAP_ITEM_ENVELOPE},
    {SPAN("BODYSTRUCTURE ("), IMAP_ITEM_STRUCTURE},
    {SPAN("BODY[] "), IMAP_ITEM_BODY},
};

/* RFC 9051 §4.3: a line that ends in {number} goes on after so many octets. */
static bool literal(struct span line, uint64_t *octets_out)
{
    if (line.n < 3 || line.p[line.n - 1] != '}')
        return false;
    ssize_t open = span_rchr(line, '{');
    if (open < 0)
        return false;
    struct span number = span_slice(line, (size_t)open + 1, line.n - (size_t)open - 2);
    return span_to_u64(number, octets_out);
}

static void begin(struct imap_reply *r, struct span line)
{
    static const struct {
        struct span text;
        enum imap_word word;
    } words[] = {{SPAN("EXISTS"), IMAP_EXISTS},
                 {SPAN("FETCH"), IMAP_FETCHED},
                 {SPAN("SEARCH"), IMAP_SEARCHED},
                 {SPAN("ESEARCH"), IMAP_SEARCHED},
                 {SPAN("BYE"), IMAP_BYE}};
    struct span rest = line, word = span_split(&rest, ' ');
    *r = (struct imap_reply){.kind = IMAP_TAGGED};
    if (span_eq(word, SPAN("+")))
        r->kind = IMAP_CONTINUE;
    if (!span_eq(word, SPAN("*")))
        return;
    r->kind = IMAP_UNTAGGED;
    word = span_split(&rest, ' ');
    if (span_to_u32(word, &r->number))
        word = span_split(&rest, ' ');
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (span_ieq(word, words[i].text))
            r->word = words[i].word;
}

/* Which items a line of a FETCH names. A subject could name them, too; then one item more is believed to be there. */
static void note_items(struct imap_reply *r, struct span line)
{
    for (size_t i = 0; i < COUNT_OF(items); i++) {
        if ((r->items & items[i].item) != 0)
            continue;
        ssize_t at = span_find(line, items[i].text);
        if (at < 0)
            continue;
        r->items |= items[i].item;
        if (items[i].item != IMAP_ITEM_SIZE)
            continue;
        struct span rest = span_from(line, (size_t)at + items[i].text.n);
        size_t digits = 0;
        while (digits < rest.n && ascii_is_digit(rest.p[digits]))
            digits++;
        r->sized = span_to_u64(span_slice(rest, 0, digits), &r->size);
    }
}

/* false: more octets must come. */
static bool eat_literal(struct client *c)
{
    struct imap_reply *r = &c->imap.reply;
    size_t n = c->link.in.n < r->literal ? c->link.in.n : (size_t)r->literal;
    buf_consume(&c->link.in, n);
    r->literal -= n;
    return r->literal == 0;
}

enum step imap_read(struct client *c, enum step (*reply)(struct client *c, struct span line))
{
    struct imap_reply *r = &c->imap.reply;
    for (;;) {
        enum step step = STEP_WAIT;
        if (!eat_literal(c))
            return STEP_WAIT;
        struct span line = client_line(c);
        if (line.p == NULL)
            return STEP_WAIT;
        if (!r->within)
            begin(r, line);
        if (r->word == IMAP_FETCHED)
            note_items(r, line);
        r->within = literal(line, &r->literal);
        if (r->within)
            r->octets += r->literal;
        else
            step = reply(c, line);
        if (step != STEP_WAIT)
            return step;
        client_line_used(c, line);
        if (!c->imap.tls_next)
            continue;
        c->imap.tls_next = false;
        return link_starttls(&c->link) < 0 ? STEP_FAILED : STEP_WAIT;
    }
}
