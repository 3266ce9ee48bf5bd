/* SPDX-License-Identifier: Apache-2.0 */
/* How the sizes come out exact: the header is written first, and the piece cut from the pool takes what is
 * left. A cut may fall behind a CR, which alone is not allowed in mail: then it ends one octet earlier and
 * the tail has one more. */
#include "message.h"

#include <time.h>

enum {
    WORDS = 4096,
    WORD_MAX = 16,
    POOL = 4 * 1024 * 1024, /* beyond the longest piece */
    MULTIPART_FROM = 32 * 1024,
    TEXT_PART = 6 * 1024,
    LINE = 70,
    BASE64_LINE = 76,
    HEAD_MAX = 2048
};

#define BOUNDARY "=_load_5f1d7a0c"

static void make_words(struct rng *rng, char words[WORDS][WORD_MAX])
{
    static const char consonants[] = "bcdfghklmnprstvwz", vowels[] = "aeiou";
    for (int i = 0; i < WORDS; i++) {
        uint64_t syllables = 1 + rng_below(rng, 4), n = 0;
        for (uint64_t k = 0; k < syllables; k++) {
            words[i][n++] = consonants[rng_below(rng, sizeof(consonants) - 1)];
            words[i][n++] = vowels[rng_below(rng, sizeof(vowels) - 1)];
            if (rng_below(rng, 3) == 0)
                words[i][n++] = consonants[rng_below(rng, sizeof(consonants) - 1)];
        }
        words[i][n] = '\0';
    }
}

/* Words of the first places come most often, as in any language. */
static const char *pick(struct rng *rng, char words[WORDS][WORD_MAX])
{
    return words[rng_below(rng, (uint64_t)WORDS >> rng_below(rng, 9))];
}

static size_t line_end(struct corpus *c, size_t n)
{
    memcpy(c->text + n, "\r\n", 2);
    return n + 2;
}

static void make_text(struct corpus *c, size_t longest)
{
    static char words[WORDS][WORD_MAX];
    struct rng *rng = &c->rng.rng;
    size_t n = 0, column = 0;
    make_words(rng, words);
    c->text_n = POOL + longest;
    c->text = malloc(c->text_n + WORD_MAX + 8);
    must(c->text != NULL);
    while (n < c->text_n) {
        const char *word = pick(rng, words);
        size_t len = strlen(word);
        memcpy(c->text + n, word, len);
        n += len;
        column += len + 1;
        if (rng_below(rng, 9) == 0)
            c->text[n++] = rng_below(rng, 2) == 0 ? ',' : '.';
        if (column < LINE - WORD_MAX + 4) {
            c->text[n++] = ' ';
        } else {
            n = line_end(c, n);
            column = 0;
            if (rng_below(rng, 7) == 0)
                n = line_end(c, n);
        }
    }
}

static void make_base64(struct corpus *c, size_t longest)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t lines = (POOL + longest) / (BASE64_LINE + 2);
    c->base64_n = lines * (BASE64_LINE + 2);
    c->base64 = malloc(c->base64_n);
    must(c->base64 != NULL);
    for (size_t i = 0; i < lines; i++) {
        char *p = c->base64 + i * (BASE64_LINE + 2);
        uint8_t random[BASE64_LINE];
        c->rng.rng.fill(&c->rng.rng, random, sizeof(random));
        for (size_t k = 0; k < BASE64_LINE; k++)
            p[k] = letters[random[k] % 64];
        memcpy(p + BASE64_LINE, "\r\n", 2);
    }
}

void corpus_init(struct corpus *c, uint64_t seed, size_t size)
{
    time_t now = time(NULL);
    struct tm utc;
    *c = (struct corpus){.run = seed, .size = size};
    rng_seeded_init(&c->rng, seed);
    gmtime_r(&now, &utc);
    (void)strftime(c->date, sizeof(c->date), "%a, %d %b %Y %H:%M:%S +0000", &utc);
    if (size < MULTIPART_FROM) {
        make_text(c, size);
    } else {
        make_text(c, TEXT_PART);
        make_base64(c, size);
    }
}

void corpus_done(struct corpus *c)
{
    free(c->text);
    free(c->base64);
}

/* n octets of text from the start of some line. */
static struct span text(struct corpus *c, size_t n)
{
    size_t at = (size_t)rng_below(&c->rng.rng, c->text_n - n - LINE - 4);
    const char *newline = memchr(c->text + at, '\n', LINE + 4);
    return span_of(newline != NULL ? newline + 1 : c->text, n);
}

static struct span base64(struct corpus *c, size_t n)
{
    uint64_t lines = (c->base64_n - n) / (BASE64_LINE + 2);
    return span_of(c->base64 + rng_below(&c->rng.rng, lines) * (BASE64_LINE + 2), n);
}

/* The piece, and then CRLF; both together are n + 2 octets. */
static void put_line_ended(struct link *l, struct span piece)
{
    bool cut = piece.p[piece.n - 1] == '\r';
    link_put_ref(l, span_slice(piece, 0, piece.n - cut));
    link_put(l, cut ? SPAN("x\r\n") : SPAN("\r\n"));
}

static size_t head(struct corpus *c, char *out, uint64_t n, const char *from, const char *to)
{
    struct span subject = text(c, 32);
    ssize_t cut = span_chr(subject, '\r');
    if (cut == 0)
        subject = SPAN("about the meeting on Tuesday\r\n");
    int len = snprintf(out, HEAD_MAX,
                       "From: \"A. Sender\" <%s>\r\n"
                       "To: <%s>\r\n"
                       "Subject: %.*s\r\n"
                       "Date: %s\r\n"
                       "Message-ID: <%016llx.%016llx@load.test>\r\n"
                       "References: <%016llx.1@load.test>\r\n\t<%016llx.2@load.test>\r\n"
                       "MIME-Version: 1.0\r\n",
                       from, to, (int)(cut > 0 ? cut : 28), subject.p, c->date,
                       (unsigned long long)c->run, (unsigned long long)n,
                       (unsigned long long)rng_u64(&c->rng.rng),
                       (unsigned long long)rng_u64(&c->rng.rng));
    must(len > 0 && len < HEAD_MAX);
    return (size_t)len;
}

void message_put(struct corpus *c, struct link *l, uint64_t n, const char *from, const char *to)
{
    static const struct span plain = SPAN("Content-Type: text/plain; charset=utf-8\r\n\r\n");
    static const struct span mixed =
        SPAN("Content-Type: multipart/mixed; boundary=\"" BOUNDARY "\"\r\n\r\n--" BOUNDARY
             "\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n");
    static const struct span attachment =
        SPAN("--" BOUNDARY "\r\nContent-Type: application/pdf; name=\"report.pdf\"\r\n"
             "Content-Transfer-Encoding: base64\r\n\r\n");
    static const struct span end = SPAN("--" BOUNDARY "--\r\n");
    char header[HEAD_MAX];
    size_t head_n = head(c, header, n, from, to);
    link_put(l, span_of(header, head_n));
    if (c->base64 == NULL) {
        link_put(l, plain);
        put_line_ended(l, text(c, c->size - head_n - plain.n - 2));
        return;
    }
    link_put(l, mixed);
    put_line_ended(l, text(c, TEXT_PART));
    link_put(l, attachment);
    put_line_ended(
        l, base64(c, c->size - head_n - mixed.n - TEXT_PART - 2 - attachment.n - 2 - end.n));
    link_put(l, end);
}
