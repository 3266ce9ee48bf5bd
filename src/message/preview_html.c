/* SPDX-License-Identifier: Apache-2.0 */
/* The words of HTML. No tree is built: tags are passed over, and of those whose content is never shown, the
 * content too. That is less than HTML's own rules and enough for a line of text; nothing here can be
 * made to do more than one pass over the bytes. */
#include "message/preview.h"

#include "message/preview_words.h"

static const char *const hidden[] = {"head",     "style",    "script", "title",
                                     "template", "noscript", "svg"};
/* Tags that do not end a word. */
static const char *const within[] = {"a",      "abbr", "acronym", "b",    "bdi",   "bdo",  "big",
                                     "cite",   "code", "em",      "font", "i",     "ins",  "kbd",
                                     "mark",   "q",    "s",       "samp", "small", "span", "strong",
                                     "strike", "sub",  "sup",     "tt",   "u",     "var",  "wbr"};

static const struct {
    const char *name;
    uint32_t c;
} entities[] = {
    {"nbsp", ' '},     {"amp", '&'},       {"lt", '<'},       {"gt", '>'},       {"quot", '"'},
    {"apos", '\''},    {"auml", 0xe4},     {"ouml", 0xf6},    {"uuml", 0xfc},    {"Auml", 0xc4},
    {"Ouml", 0xd6},    {"Uuml", 0xdc},     {"szlig", 0xdf},   {"agrave", 0xe0},  {"aacute", 0xe1},
    {"acirc", 0xe2},   {"atilde", 0xe3},   {"aring", 0xe5},   {"aelig", 0xe6},   {"ccedil", 0xe7},
    {"egrave", 0xe8},  {"eacute", 0xe9},   {"ecirc", 0xea},   {"euml", 0xeb},    {"iacute", 0xed},
    {"icirc", 0xee},   {"iuml", 0xef},     {"ntilde", 0xf1},  {"oacute", 0xf3},  {"ocirc", 0xf4},
    {"otilde", 0xf5},  {"oslash", 0xf8},   {"ugrave", 0xf9},  {"uacute", 0xfa},  {"ucirc", 0xfb},
    {"Eacute", 0xc9},  {"Agrave", 0xc0},   {"Aring", 0xc5},   {"Ccedil", 0xc7},  {"Oslash", 0xd8},
    {"iexcl", 0xa1},   {"iquest", 0xbf},   {"pound", 0xa3},   {"yen", 0xa5},     {"sect", 0xa7},
    {"copy", 0xa9},    {"reg", 0xae},      {"deg", 0xb0},     {"middot", 0xb7},  {"laquo", 0xab},
    {"raquo", 0xbb},   {"shy", 0xad},      {"zwnj", 0x200c},  {"zwj", 0x200d},   {"ensp", ' '},
    {"emsp", ' '},     {"thinsp", ' '},    {"ndash", 0x2013}, {"mdash", 0x2014}, {"lsquo", 0x2018},
    {"rsquo", 0x2019}, {"sbquo", 0x201a},  {"ldquo", 0x201c}, {"rdquo", 0x201d}, {"bdquo", 0x201e},
    {"bull", 0x2022},  {"hellip", 0x2026}, {"euro", 0x20ac},  {"trade", 0x2122}, {"times", 0xd7},
};

static bool is_one_of(struct span name, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (span_ieq(name, span_str(list[i])))
            return true;
    return false;
}

/* &#228; or &#xe4;, what stands between "#" and ";". 0: none. */
static uint32_t number_entity(struct span digits)
{
    bool hex = digits.n > 0 && (digits.p[0] == 'x' || digits.p[0] == 'X');
    uint32_t v = 0;
    if (hex)
        digits = span_from(digits, 1);
    if (digits.n == 0 || digits.n > 7)
        return 0;
    for (size_t i = 0; i < digits.n; i++) {
        char c = ascii_lower(digits.p[i]);
        if (ascii_is_digit(c))
            v = v * (hex ? 16 : 10) + (uint32_t)(c - '0');
        else if (hex && c >= 'a' && c <= 'f')
            v = v * 16 + (uint32_t)(c - 'a' + 10);
        else
            return 0;
    }
    return v;
}

/* At a "&": the character it stands for, or itself. */
static uint32_t take_entity(struct span *in)
{
    ssize_t end = span_chr(span_slice(*in, 0, 12), ';');
    struct span name = end > 1 ? span_slice(*in, 1, (size_t)end - 1) : SPAN_EMPTY;
    uint32_t c = 0;
    if (name.n > 0 && name.p[0] == '#')
        c = number_entity(span_from(name, 1));
    for (size_t i = 0; c == 0 && i < COUNT_OF(entities); i++)
        if (span_eq(name, span_str(entities[i].name)))
            c = entities[i].c;
    *in = span_from(*in, c != 0 ? (size_t)end + 1 : 1);
    return c != 0 ? c : '&';
}

static bool is_name(char c)
{
    return ascii_is_alpha(c) || ascii_is_digit(c) || c == '-' || c == ':';
}

/* Behind the tag that `in` is the front or the middle of: a ">" in quotes does not end it. */
static struct span behind_tag(struct span in)
{
    char quote = 0;
    for (size_t i = 0; i < in.n; i++) {
        char c = in.p[i];
        if (quote != 0)
            quote = c == quote ? 0 : quote;
        else if (c == '>')
            return span_from(in, i + 1);
        else if ((c == '"' || c == '\'') && i > 0 && in.p[i - 1] == '=')
            quote = c;
    }
    return SPAN_EMPTY;
}

/* Behind `name`'s content: at its closing tag, or the end. */
static struct span behind_hidden(struct span in, struct span name)
{
    for (;;) {
        ssize_t at = span_chr(in, '<');
        if (at < 0)
            return SPAN_EMPTY;
        in = span_from(in, (size_t)at + 1);
        struct span tag = in;
        if (span_skip(&tag, SPAN("/")) && span_iskip(&tag, name) &&
            (tag.n == 0 || !is_name(tag.p[0])))
            return behind_tag(tag);
    }
}

/* At a "<": passes over what it begins; false when that is text after all. */
static bool take_markup(struct span *in, struct words *w)
{
    struct span tag = span_from(*in, 1), name;
    size_t n = 0;
    if (span_starts(*in, SPAN("<!--"))) {
        ssize_t end = span_find(span_from(*in, 4), SPAN("-->"));
        *in = end < 0 ? SPAN_EMPTY : span_from(*in, 4 + (size_t)end + 3);
        return true;
    }
    bool closing = span_skip(&tag, SPAN("/"));
    while (n < tag.n && is_name(tag.p[n]))
        n++;
    name = span_slice(tag, 0, n);
    if (n == 0 && (tag.n == 0 || (tag.p[0] != '!' && tag.p[0] != '?')))
        return false;
    if (!is_one_of(name, within, COUNT_OF(within)))
        (void)words_put(w, ' ');
    *in = behind_tag(*in);
    if (!closing && is_one_of(name, hidden, COUNT_OF(hidden)))
        *in = behind_hidden(*in, name);
    return true;
}

void preview_of_html(struct span html, struct buf *out)
{
    struct words w = {.out = out};
    while (html.n > 0) {
        if (html.p[0] == '<' && take_markup(&html, &w))
            continue;
        if (html.p[0] == '&') {
            if (!words_put(&w, take_entity(&html)))
                return;
            continue;
        }
        size_t n = 1;
        while (n < html.n && html.p[n] != '<' && html.p[n] != '&')
            n++;
        if (!words_put_text(&w, span_slice(html, 0, n)))
            return;
        html = span_from(html, n);
    }
}
