/* SPDX-License-Identifier: Apache-2.0 */
/* A header section in ASCII for clients that did not ask for UTF8 mode.
 *
 * RFC 6856 §2.1 leaves two ways for a message with UTF-8 in its header fields: refuse it
 * ("[UTF8]"), or send a surrogate. Nearly no POP3 client knows UTF8 mode, many give up on
 * everything behind a message that is refused, and programs that never heard of UTF-8 headers get
 * them from careless senders every day; so they get a surrogate. What it does, field by field:
 *
 *   text (Subject, Comments, Keywords, X-…)  words with non-ASCII become encoded-words (RFC 2047)
 *   addresses (From, To, …)                  display names and comments become encoded-words; an
 * address that is itself not ASCII moves into the display name, and
 *                                            invalid@internationalized-address.invalid takes its
 * place, because no ASCII address means the same all others                               non-ASCII
 * bytes become "?"
 *
 * Fields in ASCII are left alone to the byte. Bytes that are not UTF-8 (which no RFC allows, and
 * which are common in junk) are labelled unknown-8bit (RFC 1428). The body is sent as it is. The
 * size that LIST tells is that of the real message. */
#include "pop3/internal.h"

#include "base/encode.h"

enum {
    WORD_BYTES =
        36, /* with the longer of the two charset names the word stays below RFC 2047's 75 */
    FOLD_COLUMN = 76, /* RFC 5322 §2.1.1 */
};
#define INVALID_ADDRESS "<invalid@internationalized-address.invalid>"

struct surrogate {
    struct buf *out;
    size_t line_at; /* where in out the line began */
    bool utf8;      /* the field is well-formed */
    bool encoded;   /* the last thing written was an encoded-word (and white space) */
};

static bool name_is_one_of(struct span name, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (span_ieq(name, span_str(names[i])))
            return true;
    return false;
}

static bool is_text_field(struct span name)
{
    static const char *const names[] = {"Subject", "Comments", "Keywords", "Thread-Topic",
                                        "Organization"};
    return name_is_one_of(name, names, COUNT_OF(names)) || span_istarts(name, SPAN("X-"));
}

static bool is_address_field(struct span name)
{
    static const char *const names[] = {
        "From", "Sender", "Reply-To", "To", "Cc", "Bcc", "Disposition-Notification-To"};
    span_iskip(&name, SPAN("Resent-"));
    return name_is_one_of(name, names, COUNT_OF(names));
}

static void fold_before(struct surrogate *s, size_t n)
{
    if (s->out->n - s->line_at + n <= FOLD_COLUMN)
        return;
    buf_puts(s->out, "\r\n");
    s->line_at = s->out->n;
}

/* At most `max` bytes from the front of `text` that end with a whole character. */
static size_t whole_chars(struct span text, size_t max)
{
    size_t n = text.n < max ? text.n : max;
    while (n > 1 && n < text.n && ((unsigned char)text.p[n] & 0xc0) == 0x80)
        n--;
    return n;
}

static void put_encoded(struct surrogate *s, struct span text)
{
    char joined[WORD_BYTES];
    /* white space between two encoded-words is not shown (RFC 2047 §6.2): it goes into the second
     */
    bool space = s->encoded;
    const char *open = s->utf8 ? " =?UTF-8?B?" : " =?unknown-8bit?B?";
    while (text.n > 0) {
        size_t n = s->utf8                   ? whole_chars(text, WORD_BYTES - 1)
                   : text.n < WORD_BYTES - 1 ? text.n
                                             : WORD_BYTES - 1;
        size_t at = 0;
        if (space)
            joined[at++] = ' ';
        memcpy(joined + at, text.p, n);
        fold_before(s, strlen(open) + (at + n + 2) / 3 * 4 + 2);
        buf_puts(s->out, open);
        base64_encode(s->out, span_of(joined, at + n));
        buf_puts(s->out, "?=");
        text = span_from(text, n);
        space = false;
    }
    s->encoded = true;
}

static void put_plain(struct surrogate *s, struct span text)
{
    fold_before(s, text.n + 1);
    buf_putc(s->out, ' ');
    buf_put(s->out, text);
    s->encoded = false;
}

static void text_field(struct surrogate *s, struct span value)
{
    while (value.n > 0) {
        struct span word = span_split(&value, ' ');
        if (word.n == 0)
            continue;
        if (span_is_ascii(word))
            put_plain(s, word);
        else
            put_encoded(s, word);
    }
}

/* The length of what begins at the front of an address list: a quoted string, an angle address, a
 * word, or one separator. */
static size_t address_token(struct span v)
{
    static const struct span ends = {" ,;:<>()\"", 9};
    char close = v.p[0] == '"' ? '"' : v.p[0] == '<' ? '>' : '\0';
    size_t i = 1;
    if (close != '\0') {
        for (; i < v.n; i++) {
            if (v.p[i] == '\\' && close == '"')
                i++;
            else if (v.p[i] == close)
                return i + 1;
        }
        return v.n;
    }
    if (span_chr(ends, v.p[0]) >= 0)
        return 1;
    while (i < v.n && span_chr(ends, v.p[i]) < 0)
        i++;
    return i;
}

static struct span without_ends(struct span s, char open, char close)
{
    if (s.n > 0 && s.p[0] == open)
        s = span_from(s, 1);
    if (s.n > 0 && s.p[s.n - 1] == close)
        s.n--;
    return s;
}

static void address_odd_token(struct surrogate *s, struct span token)
{
    if (token.p[0] == '"') {
        put_encoded(s, without_ends(token, '"', '"'));
    } else if (token.p[0] == '<' || span_chr(token, '@') >= 0) {
        put_encoded(s, without_ends(token, '<', '>'));
        put_plain(s, SPAN(INVALID_ADDRESS));
    } else {
        put_encoded(s, token);
    }
}

static void address_field(struct surrogate *s, struct span value)
{
    while (value.n > 0) {
        struct span token = span_slice(value, 0, address_token(value));
        value = span_from(value, token.n);
        if (token.p[0] == ' ')
            continue;
        if (!span_is_ascii(token)) {
            address_odd_token(s, token);
        } else if (token.n == 1 && (token.p[0] == ',' || token.p[0] == ';' || token.p[0] == ':')) {
            buf_put(s->out, token); /* close to what it ends */
            s->encoded = false;
        } else {
            put_plain(s, token);
        }
    }
}

static void question_marks(struct surrogate *s, struct span raw)
{
    for (size_t i = 0; i < raw.n; i++)
        buf_putc(s->out, (unsigned char)raw.p[i] < 0x80 ? raw.p[i] : '?');
}

/* One field with its line ends, which holds non-ASCII. */
static void field_downgrade(struct buf *out, struct span field)
{
    struct surrogate s = {.out = out, .line_at = out->n, .utf8 = span_is_utf8(field)};
    ssize_t colon = span_chr(field, ':');
    struct span name = colon < 0 ? SPAN_EMPTY : span_trim(span_slice(field, 0, (size_t)colon));
    bool text = is_text_field(name);
    if (!span_is_ascii(name) || (!text && !is_address_field(name))) {
        question_marks(&s, field);
        return;
    }
    struct buf value; /* unfolded; white space of any kind is a space */
    buf_init(&value, field.n + 1);
    for (size_t i = (size_t)colon + 1; i < field.n; i++) {
        char c = field.p[i];
        if (c != '\r' && c != '\n')
            buf_putc(&value, c == '\t' ? ' ' : c);
    }
    if (value.err != 0)
        out->err = value.err;
    buf_put(out, name);
    buf_putc(out, ':');
    if (text)
        text_field(&s, buf_span(&value));
    else
        address_field(&s, buf_span(&value));
    buf_puts(out, "\r\n");
    buf_done(&value);
}

/* A field: a line and those that go on with white space. */
static struct span field_next(struct span *rest)
{
    size_t n = 0;
    do {
        ssize_t lf = span_chr(span_from(*rest, n), '\n');
        n = lf < 0 ? rest->n : n + (size_t)lf + 1;
    } while (n < rest->n && (rest->p[n] == ' ' || rest->p[n] == '\t'));
    struct span field = span_slice(*rest, 0, n);
    *rest = span_from(*rest, n);
    return field;
}

void pop3_surrogate(struct buf *out, struct span header)
{
    while (header.n > 0) {
        struct span field = field_next(&header);
        if (span_is_ascii(field))
            buf_put(out, field);
        else
            field_downgrade(out, field);
    }
}
