/* SPDX-License-Identifier: Apache-2.0 */
/* Rights as letters. */
#include "mailbox/acl.h"

static const struct {
    char letter;
    uint32_t right;
} letters[] = {
    {'l', RIGHT_LOOKUP},
    {'r', RIGHT_READ},
    {'s', RIGHT_SEEN},
    {'w', RIGHT_WRITE},
    {'i', RIGHT_INSERT},
    {'p', RIGHT_POST},
    {'k', RIGHT_CREATE},
    {'x', RIGHT_DELETE},
    {'t', RIGHT_DELETE_MESSAGES},
    {'e', RIGHT_EXPUNGE},
    {'a', RIGHT_ADMIN},
    /* RFC 4314 §2.1.1, of RFC 2086: any of them shows the letter, the letter gives both */
    {'c', RIGHT_CREATE | RIGHT_DELETE},
    {'d', RIGHT_DELETE_MESSAGES | RIGHT_EXPUNGE},
};

void mail_rights_write(struct buf *to, uint32_t rights)
{
    for (size_t n = 0; n < COUNT_OF(letters); n++)
        if ((rights & letters[n].right) != 0)
            buf_putc(to, letters[n].letter);
}

bool mail_rights_read(struct span text, uint32_t *out, char *wrong_out)
{
    *out = 0;
    for (size_t k = 0; k < text.n; k++) {
        size_t n = 0;
        while (n < COUNT_OF(letters) && letters[n].letter != text.p[k])
            n++;
        *wrong_out = text.p[k];
        if (n == COUNT_OF(letters))
            return false;
        *out |= letters[n].right;
    }
    return true;
}
