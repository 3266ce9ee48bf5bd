/* SPDX-License-Identifier: Apache-2.0 */
/* Text in any charset to UTF-8, a piece at a time.
 *
 * The name is what a charset parameter or an encoded-word says; it is never an error:
 *   known          converted by ICU (all of its aliases), with the replacements real mail needs: what
 *                  calls itself iso-8859-1 is windows-1252, gb2312 is gb18030, ks_c_5601-1987 and
 *                  euc-kr are windows-949, shift_jis is windows-31j (the supersets their senders mean);
 *   utf-8          checked and passed through; what is malformed becomes U+FFFD (the longest broken
 *                  prefix of a sequence makes one, as browsers do);
 *   us-ascii, none ASCII; bytes above 0x7f are taken as UTF-8 where they are well-formed and as
 *                  windows-1252 where not, which is what unlabelled mail is;
 *   unknown names  (unknown-8bit, x-unknown, and all that nobody knows) the same, and `known` is false.
 * So the output is always well-formed UTF-8 (RFC 3629), of at most 4 bytes for each that went in. Nothing is
 * washed out of it: control characters stay.
 *
 * A struct charset is used by one thread, and must not be moved between init and done. Converting the
 * same bytes in other pieces gives the same text. No I/O: a name that is not in ICU's own table is
 * never looked for in files. */
#ifndef MESSAGE_CHARSET_H
#define MESSAGE_CHARSET_H

#include "base/buf.h"

enum charset_kind { CHARSET_GUESS, CHARSET_UTF8, CHARSET_ICU };

struct charset {
    enum charset_kind kind;
    bool known;   /* the name is one we convert by */
    uint64_t bad; /* sequences that were malformed in this charset */
    /* private */
    void *converter;
    char hold[4]; /* the front of a UTF-8 sequence whose rest comes in the next piece */
    size_t hold_n;
    uint16_t high; /* the first half of a surrogate pair */
};

/* 0, or ERR_NOMEM. The empty span is "no charset given". */
int charset_init(struct charset *c, struct span name) MUST_CHECK;
void charset_done(struct charset *c);

/* Appends the text of a piece. `last`: nothing follows; what is incomplete is malformed. Afterwards the
 * converter stands at its beginning again and can take another text (`bad` keeps counting). */
void charset_convert(struct charset *c, struct span in, bool last, struct buf *out);

/* A whole text at once. 0, ERR_NOMEM, or the sticky error of `out`. */
int charset_to_utf8(struct span name, struct span text, struct buf *out) MUST_CHECK;

/* Appends one character. What is none (surrogates, beyond U+10FFFF) becomes U+FFFD. */
void utf8_put(struct buf *out, uint32_t c);
/* Takes a character from the front of well-formed UTF-8; 0xfffd and one byte if it is not. */
uint32_t utf8_take(struct span *s);

#endif
