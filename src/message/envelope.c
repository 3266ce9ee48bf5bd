/* SPDX-License-Identifier: Apache-2.0 */
/* A table of names, each with its place in struct message_envelope. */
#include "message/envelope.h"

#include "message/message.h"

static const struct {
    const char *name;
    uint8_t size;
    int8_t list; /* index in `last`; -1 is a text */
    uint16_t at;
} fields[] = {
#define TEXT(name, member)                                                                         \
    {                                                                                              \
        name, sizeof(name) - 1, -1, offsetof(struct message_envelope, member)                      \
    }
#define ADDRESSES(name, member, list)                                                              \
    {                                                                                              \
        name, sizeof(name) - 1, list, offsetof(struct message_envelope, member)                    \
    }
    TEXT("Date", date),
    TEXT("Subject", subject),
    ADDRESSES("From", from, 0),
    ADDRESSES("Sender", sender, 1),
    ADDRESSES("Reply-To", reply_to, 2),
    ADDRESSES("To", to, 3),
    ADDRESSES("Cc", cc, 4),
    ADDRESSES("Bcc", bcc, 5),
    TEXT("In-Reply-To", in_reply_to),
    TEXT("Message-ID", message_id),
    TEXT("References", references),
#undef TEXT
#undef ADDRESSES
};

static enum envelope_result take_addresses(struct mail_address **list,
                                           struct mail_address **last,
                                           struct span value,
                                           size_t most,
                                           struct arena *a)
{
    bool cut = false, twice = *last != NULL;
    struct mail_address *more = address_list_parse(value, a, most, &cut);
    if (twice)
        (*last)->next = more;
    else
        *list = more;
    for (; more != NULL; more = more->next)
        *last = more;
    if (cut)
        return ENVELOPE_CUT;
    return twice ? ENVELOPE_TWICE : ENVELOPE_TAKEN;
}

/* COUNT_OF(fields) if it is none. */
static size_t field_index(struct span name)
{
    size_t i = 0;
    while (i < COUNT_OF(fields) &&
           (fields[i].size != name.n || !span_ieq(name, span_of(fields[i].name, fields[i].size))))
        i++;
    return i;
}

bool envelope_has_field(struct span name)
{
    return field_index(name) < COUNT_OF(fields);
}

enum envelope_result envelope_take(
    struct message_envelope *e, struct span name, struct span value, size_t most, struct arena *a)
{
    size_t i = field_index(name);
    if (i == COUNT_OF(fields))
        return ENVELOPE_OTHER;
    char *at = (char *)e + fields[i].at;
    if (fields[i].list >= 0)
        return take_addresses((struct mail_address **)(void *)at, &e->last[fields[i].list], value,
                              most, a);
    struct span *text = (struct span *)(void *)at;
    if (text->p != NULL)
        return ENVELOPE_TWICE;
    *text = header_unfold(value, a);
    return ENVELOPE_TAKEN;
}
