/* SPDX-License-Identifier: Apache-2.0 */
/* Values in responses, and names in commands. */
#include "imap/internal.h"

#include "imap/print.h"
#include "imap/utf7.h"

static bool wants_utf8(const struct imap *i)
{
    return (i->enabled & (IMAP_ON_UTF8 | IMAP_ON_REV2)) != 0;
}

void imap_write_string(struct imap *i, struct span s)
{
    imap_print_string(i->s.out, s, wants_utf8(i) ? IMAP_PRINT_UTF8 : 0);
}

void imap_write_astring(struct imap *i, struct span s)
{
    bool atom = s.n > 0 && !span_ieq(s, SPAN("NIL"));
    for (size_t n = 0; atom && n < s.n; n++) {
        unsigned char c = (unsigned char)s.p[n];
        atom = c > 0x20 && c < 0x7f && memchr("(){%*\"\\]", c, 8) == NULL;
    }
    if (atom)
        buf_put(i->s.out, s);
    else
        imap_write_string(i, s);
}

void imap_write_fetch(struct imap *i, uint32_t uid)
{
    bool only = (i->enabled & IMAP_ON_UIDONLY) != 0;
    buf_puts(i->s.out, "* ");
    buf_put_u64(i->s.out, only ? uid : numset_rank(&i->box->uids, uid));
    buf_puts(i->s.out, only ? " UIDFETCH (" : " FETCH (");
}

/* ---- mailbox names ------------------------------------------------------------------------ */

void imap_write_mailbox(struct imap *i, struct span name)
{
    struct buf utf7;
    if (wants_utf8(i)) {
        imap_write_astring(i, name);
        return;
    }
    buf_init(&utf7, 4 * name.n + 16);
    imap_utf7_encode(&utf7, name);
    imap_write_astring(i, buf_span(&utf7));
    buf_done(&utf7);
}

void imap_write_mailbox_id(const struct imap *i,
                           struct buf *out,
                           account_id account,
                           struct mailbox_id id)
{
    buf_printf(out, "F%u", id.v);
    if (account != i->account)
        buf_printf(out, "-%llx", (unsigned long long)account);
}

int imap_read_mailbox(struct imap *i, const struct imap_arg *arg, struct span *out)
{
    struct span name;
    struct buf utf8;
    if (!imap_arg_string(arg, &name))
        return ERR_INVALID;
    if (name.n > 4 * LIMIT_MAILBOX_NAME)
        return ERR_INVALID;
    if (wants_utf8(i)) {
        *out = name;
        return span_is_utf8(name) ? 0 : ERR_INVALID;
    }
    buf_init(&utf8, 4 * name.n + 16);
    int err = imap_utf7_decode(&utf8, name);
    if (err == 0) {
        *out = arena_dup(i->s.arena, buf_span(&utf8));
        err = name.n > 0 && out->p == NULL ? ERR_NOMEM : 0;
    }
    buf_done(&utf8);
    return err;
}

/* ---- flags -------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    uint32_t flag;
} system_flags[] = {
    {"\\Answered", FLAG_ANSWERED}, {"\\Flagged", FLAG_FLAGGED}, {"\\Deleted", FLAG_DELETED},
    {"\\Seen", FLAG_SEEN},         {"\\Draft", FLAG_DRAFT},
};

const char *imap_flag_name(size_t n, uint32_t *flag_out)
{
    if (n >= COUNT_OF(system_flags))
        return NULL;
    *flag_out = system_flags[n].flag;
    return system_flags[n].name;
}

enum mail_keyword_add imap_keyword_add(const struct imap *i, account_id account)
{
    return account == i->account ? KEYWORD_ADD : KEYWORD_ADD_GUEST;
}

int imap_keywords(struct imap *i)
{
    struct span *names;
    size_t n;
    int err = mailbox_keywords(i->server->mail, i->box->account, i->s.arena, &names, &n);
    if (err != 0)
        return err;
    i->keywords = names;
    i->keywords_n = n;
    return 0;
}

int imap_write_flags(struct imap *i, uint32_t flags, const struct keyword_ids *keywords)
{
    const char *between = "";
    struct buf *out = i->s.out;
    for (uint32_t k = 0; k < keywords->n; k++) { /* one that is new to us is on the list by now */
        if (keywords->v[k] < i->keywords_n)
            continue;
        int err = imap_keywords(i);
        if (err != 0)
            return err;
        break;
    }
    buf_putc(out, '(');
    for (size_t n = 0; n < COUNT_OF(system_flags); n++) {
        if ((flags & system_flags[n].flag) == 0)
            continue;
        buf_puts(out, between);
        buf_puts(out, system_flags[n].name);
        between = " ";
    }
    for (uint32_t k = 0; k < keywords->n; k++) {
        if (keywords->v[k] >= i->keywords_n || i->keywords[keywords->v[k]].n == 0)
            continue; /* its name is lost: mailstead store check says so */
        buf_puts(out, between);
        buf_put(out, i->keywords[keywords->v[k]]);
        between = " ";
    }
    buf_putc(out, ')');
    return 0;
}
