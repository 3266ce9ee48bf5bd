/* SPDX-License-Identifier: Apache-2.0 */
/* mailbox_check, third part: the sets are what the entries say, summaries have their message, names that are
 * subscribed to are names. */
#include "mailbox/check.h"
#include "mailbox/sets.h"

#include "base/err.h"
#include "base/limits.h"

#include <inttypes.h>

enum { SETS = SET_KEYWORD + LIMIT_KEYWORDS };

struct check_sets {
    struct mailbox_id mailbox;
    uint32_t top; /* sets that can be: one beyond the last keyword of the account */
    struct numset want[SETS], have[SETS];
};

static int sets_expect(struct check *c, struct check_sets *s)
{
    struct mail_key prefix = mail_key_entries(s->mailbox);
    struct store_iter *it;
    struct span key, value;
    size_t damaged = 0;
    int err = store_snap_scan(c->look.snap, mail_key_span(&prefix), SPAN_EMPTY, false, &it);
    if (err != 0)
        return err;
    while ((err = rows_next(it, &key, &value, &damaged)) > 0) {
        struct mailbox_id mailbox;
        struct mail_uid uid;
        struct entry_record r;
        if (mail_key_read_entry(key, &mailbox, &uid) != 0 || entry_record_unpack(value, &r) != 0)
            continue; /* reported by entries_take */
        for (uint32_t set = SET_ALL; set <= SET_DRAFT; set++)
            if (set_holds(set, &r))
                numset_add(&s->want[set], uid.v);
        for (uint32_t i = 0; i < r.keywords.n; i++) {
            uint32_t set = SET_KEYWORD + (uint32_t)r.keywords.v[i];
            if (set < s->top)
                numset_add(&s->want[set], uid.v);
            else
                check_problem(c, "mailbox %" PRIu32 " UID %" PRIu32 ": keyword %u was never given",
                              s->mailbox.v, uid.v, (unsigned)r.keywords.v[i]);
        }
    }
    store_iter_close(it);
    return err;
}

static int sets_find(struct check *c, struct check_sets *s)
{
    struct mail_key prefix = mail_key_mailbox_sets(s->mailbox);
    struct store_iter *it;
    struct span key, value;
    size_t damaged = 0;
    int err = store_snap_scan(c->look.snap, mail_key_span(&prefix), SPAN_EMPTY, false, &it);
    if (err != 0)
        return err;
    while ((err = rows_next(it, &key, &value, &damaged)) > 0) {
        struct mailbox_id mailbox;
        uint32_t set, chunk;
        struct set_chunk bits;
        if (mail_key_read_chunk(key, &mailbox, &set, &chunk) != 0 || set >= s->top ||
            chunk > UINT32_MAX >> SET_CHUNK_BITS || set_chunk_unpack(value, &bits) != 0)
            check_problem(c, "mailbox %" PRIu32 ": a row of its sets is damaged", s->mailbox.v);
        else
            set_chunk_add(&s->have[set], chunk, &bits);
    }
    store_iter_close(it);
    if (damaged > 0)
        check_problem(c, "mailbox %" PRIu32 ": %zu rows of its sets cannot be read", s->mailbox.v,
                      damaged);
    return err;
}

static int sets_compare(struct check *c, struct check_sets *s)
{
    int err = sets_expect(c, s);
    if (err == 0)
        err = sets_find(c, s);
    for (uint32_t set = 0; set < s->top; set++) {
        if (err == 0)
            err = s->want[set].err != 0 ? s->want[set].err : s->have[set].err;
        if (err == 0 && !numset_eq(&s->want[set], &s->have[set]))
            check_problem(c,
                          "mailbox %" PRIu32 ": its set %" PRIu32 " has %" PRIu64
                          " messages; there are %" PRIu64 ", or others",
                          s->mailbox.v, set, numset_count(&s->have[set]),
                          numset_count(&s->want[set]));
        numset_done(&s->want[set]);
        numset_done(&s->have[set]);
    }
    return err;
}

static int boxes_take(struct check *c, void *arg, struct span key, struct span value)
{
    struct check_sets *s = arg;
    struct mailbox_record box;
    if (mail_key_read_mailbox(key, &s->mailbox) != 0 || mailbox_record_unpack(value, &box) != 0)
        return 0; /* reported in check.c */
    return box.sets ? sets_compare(c, s) : 0;
}

static int summaries_take(struct check *c, void *arg, struct span key, struct span value)
{
    (void)arg;
    (void)value;
    struct message_id id;
    struct span found;
    if (mail_key_read_summary(key, &id) != 0) {
        check_problem(c, "a summary has a damaged key");
        return 0;
    }
    struct mail_key message = mail_key_message(id);
    int err = check_get(c, &message, &found);
    if (err == ERR_NOT_FOUND)
        check_problem(c, "there is a summary of message %" PRIu64 ", which does not exist", id.v);
    return err == 0 || check_is_row_error(err) ? 0 : err;
}

static int keywords_take(struct check *c, void *arg, struct span key, struct span value)
{
    uint64_t *n = arg;
    uint32_t id;
    if (mail_key_read_keyword(key, &id) != 0 || id >= c->look.account.keywords || value.n == 0)
        check_problem(c, "a row of the keywords is damaged");
    else
        (*n)++;
    return 0;
}

static int subscriptions_take(struct check *c, void *arg, struct span key, struct span value)
{
    (void)arg;
    struct buf name;
    uint64_t one;
    buf_init(&name, LIMIT_STORE_KEY);
    if (mail_key_read_name(key, TABLE_SUBSCRIPTION, &name) != 0 ||
        reference_record_unpack(value, &one) != 0)
        check_problem(c, "a row of the subscriptions is damaged");
    buf_done(&name);
    return 0;
}

static int urlkeys_take(struct check *c, void *arg, struct span key, struct span value)
{
    (void)arg;
    struct mailbox_id id;
    struct mail_urlkey urlkey;
    struct span found;
    if (mail_key_read_urlkey(key, &id) != 0 || urlkey_record_unpack(value, &urlkey) != 0) {
        check_problem(c, "the key of a mailbox's URLs is damaged");
        return 0;
    }
    struct mail_key mailbox = mail_key_mailbox(id);
    int err = check_get(c, &mailbox, &found);
    if (err == ERR_NOT_FOUND)
        check_problem(c, "there is a key for URLs of mailbox %" PRIu32 ", which does not exist",
                      id.v);
    return err == 0 || check_is_row_error(err) ? 0 : err;
}

int check_sets(struct check *c)
{
    uint64_t keywords = 0;
    struct check_sets *s = calloc(1, sizeof *s);
    int err = s == NULL ? ERR_NOMEM : 0;
    if (err == 0) {
        s->top = SET_KEYWORD + c->look.account.keywords;
        err = check_table(c, TABLE_MAILBOX, "mailboxes", boxes_take, s);
    }
    free(s);
    if (err == 0)
        err = check_table(c, TABLE_SUMMARY, "summaries", summaries_take, NULL);
    if (err == 0)
        err = check_table(c, TABLE_KEYWORD, "keywords", keywords_take, &keywords);
    if (err == 0)
        err = check_table(c, TABLE_SUBSCRIPTION, "subscriptions", subscriptions_take, NULL);
    if (err == 0)
        err = check_table(c, TABLE_URLKEY, "keys of URLs", urlkeys_take, NULL);
    if (err == 0 && keywords != c->look.account.keywords)
        check_problem(c, "the account counts %" PRIu32 " keywords; there are %" PRIu64,
                      c->look.account.keywords, keywords);
    return err;
}
