/* SPDX-License-Identifier: Apache-2.0 */
/* A guest fetches bodies, which marks them as seen, while the owner does something: before each of the calls with which
 * FETCH looks at the store, in turn. Whatever it is, a message that is there before and after is answered once. */
#include "one_people.h"

#include "base/err.h"
#include "mailbox/acl.h"

enum {
    MESSAGES = 11,
    LARGE = 90000,   /* three are more than what is marked as seen at once */
    SUMMARY = 60000, /* three, more than a batch has */
    UIDS = 10000,
};

static const struct mailbox_id inbox = {USE_INBOX};

/* ---- moments ------------------------------------------------------------------------------------ */

static unsigned moment;       /* of this command; 0: not within one */
static unsigned wanted;       /* the one before which it happens */
static void (*happens)(void); /* what */
static bool happened;

static void look(void)
{
    if (moment == 0 || moment++ != wanted)
        return;
    unsigned at = moment;
    moment = 0; /* what happens has none */
    happens();
    happened = true;
    moment = at;
}

int __real_mailbox_items(struct mail *m,
                         account_id id,
                         const struct mail_range *in,
                         struct arena *a,
                         struct mail_item **out,
                         size_t *n_out,
                         uint32_t *next_out);
int __wrap_mailbox_items(struct mail *m,
                         account_id id,
                         const struct mail_range *in,
                         struct arena *a,
                         struct mail_item **out,
                         size_t *n_out,
                         uint32_t *next_out);
int __real_mailbox_store(struct mail *m,
                         account_id id,
                         const struct mail_store *in,
                         const struct numset *uids,
                         struct numset *refused);
int __wrap_mailbox_store(struct mail *m,
                         account_id id,
                         const struct mail_store *in,
                         const struct numset *uids,
                         struct numset *refused);
int __real_mailbox_message_open(struct mail *m,
                                account_id id,
                                struct message_id msg,
                                struct blob_reader **out,
                                struct blob_info *info_out);
int __wrap_mailbox_message_open(struct mail *m,
                                account_id id,
                                struct message_id msg,
                                struct blob_reader **out,
                                struct blob_info *info_out);
int __real_mailbox_summary_put(struct mail *m,
                               account_id id,
                               const struct mail_summary *v,
                               size_t n);
int __wrap_mailbox_summary_put(struct mail *m,
                               account_id id,
                               const struct mail_summary *v,
                               size_t n);
int __real_mailbox_rights(struct mail *m,
                          account_id owner,
                          struct mailbox_id mailbox,
                          const struct mail_user *user,
                          uint32_t *out);
int __wrap_mailbox_rights(struct mail *m,
                          account_id owner,
                          struct mailbox_id mailbox,
                          const struct mail_user *user,
                          uint32_t *out);
int __real_mailbox_changes(struct mail *m,
                           account_id id,
                           struct mailbox_id mailbox,
                           struct modseq since,
                           struct mail_head *head_out,
                           struct numset *changed,
                           struct numset *gone,
                           bool *complete_out);
int __wrap_mailbox_changes(struct mail *m,
                           account_id id,
                           struct mailbox_id mailbox,
                           struct modseq since,
                           struct mail_head *head_out,
                           struct numset *changed,
                           struct numset *gone,
                           bool *complete_out);

int __wrap_mailbox_items(struct mail *m,
                         account_id id,
                         const struct mail_range *in,
                         struct arena *a,
                         struct mail_item **out,
                         size_t *n_out,
                         uint32_t *next_out)
{
    look();
    return __real_mailbox_items(m, id, in, a, out, n_out, next_out);
}

int __wrap_mailbox_store(struct mail *m,
                         account_id id,
                         const struct mail_store *in,
                         const struct numset *uids,
                         struct numset *refused)
{
    look();
    return __real_mailbox_store(m, id, in, uids, refused);
}

int __wrap_mailbox_message_open(struct mail *m,
                                account_id id,
                                struct message_id msg,
                                struct blob_reader **out,
                                struct blob_info *info_out)
{
    look();
    return __real_mailbox_message_open(m, id, msg, out, info_out);
}

int __wrap_mailbox_summary_put(struct mail *m,
                               account_id id,
                               const struct mail_summary *v,
                               size_t n)
{
    look();
    return __real_mailbox_summary_put(m, id, v, n);
}

int __wrap_mailbox_rights(struct mail *m,
                          account_id owner,
                          struct mailbox_id mailbox,
                          const struct mail_user *user,
                          uint32_t *out)
{
    look();
    return __real_mailbox_rights(m, owner, mailbox, user, out);
}

int __wrap_mailbox_changes(struct mail *m,
                           account_id id,
                           struct mailbox_id mailbox,
                           struct modseq since,
                           struct mail_head *head_out,
                           struct numset *changed,
                           struct numset *gone,
                           bool *complete_out)
{
    look();
    return __real_mailbox_changes(m, id, mailbox, since, head_out, changed, gone, complete_out);
}

/* ---- what the owner does -------------------------------------------------------------------------- */

static uint32_t uid[MESSAGES]; /* those that are fetched */
static size_t target;          /* the one it happens to */

static void store(uint32_t first, uint32_t last, enum mail_store_op op, uint32_t flags)
{
    struct mail_store in = {.mailbox = inbox, .op = op, .flags = flags};
    struct numset some, refused;
    numset_init(&some);
    numset_init(&refused);
    numset_add_range(&some, first, last);
    assert_int_equal(mailbox_store(&p.w.mail, p.id[0], &in, &some, &refused), 0);
    numset_done(&some);
    numset_done(&refused);
}

static void flags_are_set(void)
{
    store(uid[target], uid[target], STORE_ADD, FLAG_FLAGGED);
}

static void it_is_read(void)
{
    store(uid[target], uid[target], STORE_ADD, FLAG_SEEN);
}

static void all_are_read(void)
{
    store(1, UIDS, STORE_ADD, FLAG_SEEN);
}

static void all_are_unread(void)
{
    store(1, UIDS, STORE_REMOVE, FLAG_SEEN);
}

static void it_goes(void)
{
    struct mail_uid u = {uid[target]};
    size_t removed;
    assert_int_equal(mailbox_expunge(&p.w.mail, p.id[0], inbox, &u, 1, 0, &removed), 0);
}

static void it_is_moved(void)
{
    struct mail_copy in = {.from = inbox, .to = inbox, .move = true};
    struct numset one, from, to;
    uint32_t validity;
    numset_init(&one);
    numset_init(&from);
    numset_init(&to);
    numset_add(&one, uid[target]);
    assert_int_equal(mailbox_copy(&p.w.mail, p.id[0], &in, &one, &validity, &from, &to), 0);
    numset_done(&one);
    numset_done(&from);
    numset_done(&to);
}

static void a_letter_comes(void)
{
    people_letter(&p);
}

static void grant(uint32_t rights)
{
    struct mail_grant_change change = {.user = {p.id[1], SPAN("bernd@example.test")},
                                       .rights = rights};
    assert_int_equal(mailbox_grant(&p.w.mail, p.id[0], inbox, &change), 0);
}

enum { RIGHTS = RIGHTS_ALL & ~(unsigned)RIGHT_ADMIN };

static void he_may_mark_nothing(void)
{
    grant(RIGHTS & ~(unsigned)(RIGHT_SEEN | RIGHT_WRITE));
}

static void he_may_do_nothing_for_a_moment(void)
{
    grant(0);
    grant(RIGHTS);
}

static void he_may_not_read(void)
{
    grant(RIGHT_LOOKUP);
}

/* That fit no batch together; they say nothing, so that others are made. */
static void summaries_grow(void)
{
    static char text[SUMMARY];
    struct mail_summary v[MESSAGES];
    struct mail_range range = {.mailbox = inbox, .max = MESSAGES};
    struct arena *a = arena_new(1 << 20);
    struct mail_item *items;
    struct numset all;
    uint32_t next;
    size_t n;
    numset_init(&all);
    numset_add_range(&all, 1, UIDS);
    range.uids = &all;
    assert_int_equal(mailbox_items(&p.w.mail, p.id[0], &range, a, &items, &n, &next), 0);
    for (size_t k = 0; k < n; k++)
        v[k] = (struct mail_summary){items[k].message, span_of(text, sizeof text)};
    assert_int_equal(mailbox_summary_put(&p.w.mail, p.id[0], v, n), 0);
    numset_done(&all);
    arena_free(a);
}

static void the_disk_is_full(void)
{
    sim_set_free(p.w.disk, 0);
}

/* ---- the guest ------------------------------------------------------------------------------------- */

static void append(size_t n)
{
    struct buf text;
    buf_init(&text, LARGE + 100);
    buf_printf(&text, "Subject: letter %zu\r\n\r\n", n);
    for (size_t size = n % 4 == 1 ? LARGE : 100; text.n < size;)
        buf_puts(&text, "It is long and says nothing.\r\n");
    uid[n] = world_append(&p.w, buf_span(&text), 0).uid.v;
    buf_done(&text);
}

static int setup(void **state)
{
    (void)people_setup(state);
    for (size_t n = 0; n < MESSAGES; n++)
        append(n);
    grant(RIGHTS);
    return 0;
}

static struct host *guest(void)
{
    struct host *h = bernd();
    host_sends(h, "a ENABLE QRESYNC UIDONLY\r\na SELECT " INBOX_OF_ANNA "\r\n");
    must(span_find(host_output(h), SPAN("a OK [READ-WRITE]")) > 0);
    host_output_clear(h);
    return h;
}

/* What was told of each UID: all that was asked for, or its flags. */
static struct told {
    unsigned answered, changed;
} told[UIDS];

/* Takes the answer to "b …". Returns the tagged line. */
static struct span answer(struct host *h)
{
    struct span line;
    memset(told, 0, sizeof told);
    while (host_line(h, &line) && !span_starts(line, SPAN("b "))) {
        uint64_t n = 0;
        (void)span_skip(&line, SPAN("* "));
        struct span number = span_split(&line, ' ');
        if (!span_skip(&line, SPAN("UIDFETCH (")) || !span_to_u64(number, &n) || n >= UIDS)
            continue;
        told[n].answered += span_starts(line, SPAN("PREVIEW "));
        told[n].changed += span_starts(line, SPAN("FLAGS ("));
    }
    return line;
}

/* As before; where one has gone all are new, in the same order. */
static void restore(struct host *h)
{
    struct mail_head head;
    struct numset there;
    numset_init(&there);
    sim_set_free(p.w.disk, UINT64_MAX);
    grant(RIGHTS);
    assert_int_equal(mailbox_uids(&p.w.mail, p.id[0], inbox, &head, &there), 0);
    bool whole = true;
    for (size_t n = 0; n < MESSAGES; n++)
        whole = whole && numset_has(&there, uid[n]);
    if (!whole)
        assert_int_equal(mailbox_expunge_set(&p.w.mail, p.id[0], inbox, &there, 0), 0);
    for (size_t n = 0; !whole && n < MESSAGES; n++)
        append(n);
    numset_done(&there);
    store(1, UIDS, STORE_REMOVE, FLAG_SEEN | FLAG_FLAGGED);
    host_sends(h, "b NOOP\r\n");
    host_output_clear(h);
}

struct happening {
    const char *name;
    void (*happens)(void);
    bool goes;     /* the target does */
    bool one;      /* it is about a target */
    bool may_fail; /* the command */
};

static const struct happening happenings[] = {
    {.name = "flags are set", .happens = flags_are_set, .one = true},
    {.name = "it is read", .happens = it_is_read, .one = true},
    {.name = "all are read", .happens = all_are_read},
    {.name = "all are unread", .happens = all_are_unread},
    {.name = "it goes", .happens = it_goes, .goes = true, .one = true},
    {.name = "it is moved", .happens = it_is_moved, .goes = true, .one = true},
    {.name = "a letter comes", .happens = a_letter_comes},
    {.name = "he may mark nothing", .happens = he_may_mark_nothing},
    {.name = "he may do nothing for a moment", .happens = he_may_do_nothing_for_a_moment},
    {.name = "he may not read", .happens = he_may_not_read, .may_fail = true},
    {.name = "summaries grow", .happens = summaries_grow},
    {.name = "the disk is full", .happens = the_disk_is_full},
};

/* Lets the guest send that, and something happen meanwhile. */
static void send_while(struct host *h, const char *command, void (*what)(void), unsigned at)
{
    happens = what;
    happened = false;
    wanted = at;
    moment = 1;
    host_sends(h, command);
    moment = 0;
}

/* false: there are not so many moments. */
static bool fetch_while(struct host *h, const struct happening *what, unsigned at)
{
    char command[200];
    int n = snprintf(command, sizeof command, "b UID FETCH ");
    for (size_t k = 0; k < MESSAGES; k++)
        n += snprintf(command + n, sizeof command - (size_t)n, "%s%u", k > 0 ? "," : "", uid[k]);
    snprintf(command + n, sizeof command - (size_t)n,
             " (PREVIEW BODY[]<0.10> BODY.PEEK[] UID)\r\n");
    send_while(h, command, what->happens, at);
    struct span tagged = answer(h);
    bool failed = !span_starts(tagged, SPAN("b OK"));
    if (failed && !what->may_fail)
        fail_msg("%s at moment %u: %.*s", what->name, at, SPAN_ARG(tagged));
    for (size_t k = 0; k < MESSAGES; k++) {
        unsigned times = told[uid[k]].answered;
        bool optional = failed || (happened && what->goes && k == target);
        if (times > 1 || (times == 0 && !optional))
            fail_msg("%s at moment %u (UID %u): UID %u is answered %u times", what->name, at,
                     uid[target], uid[k], times);
    }
    return happened;
}

static void each_message_is_answered_once(void **state)
{
    static const size_t targets[] = {0, 4, MESSAGES - 1};
    struct host *h = guest();
    (void)state;
    for (size_t k = 0; k < COUNT_OF(happenings); k++)
        for (size_t t = 0; t < (happenings[k].one ? COUNT_OF(targets) : 1); t++) {
            unsigned at = 1;
            target = targets[t];
            for (; fetch_while(h, &happenings[k], at); at++)
                restore(h);
            restore(h);
            assert_true(at > MESSAGES); /* each body is opened, after all */
        }
    host_free(h);
}

/* Whether a message has changed is found once, when the command begins: what changes after that is told by itself, behind
 * what was asked for, or with the next command if even that was read already. */
static void what_changes_meanwhile_is_told_by_itself(void **state)
{
    char command[200];
    struct mail_head head;
    struct host *h = guest();
    (void)state;
    target = 4;
    happened = true;
    for (unsigned at = 1; happened; at++) {
        restore(h);
        assert_int_equal(mailbox_head(&p.w.mail, p.id[0], inbox, &head), 0);
        for (size_t k = 1; k < MESSAGES; k += 2)
            store(uid[k], uid[k], STORE_ADD, FLAG_FLAGGED);
        host_sends(h, "b NOOP\r\n");
        host_output_clear(h);
        snprintf(command, sizeof command,
                 "b UID FETCH 1:* (PREVIEW BODY[]<0.10> MODSEQ) (CHANGEDSINCE %llu)\r\n",
                 (unsigned long long)head.modseq.v);
        send_while(h, command, flags_are_set, at);
        assert_true(span_starts(answer(h), SPAN("b OK FETCH completed")));
        for (size_t k = 1; k < MESSAGES; k += 2)
            assert_int_equal(told[uid[k]].answered, 1);
        unsigned times = told[uid[target]].answered, changed = told[uid[target]].changed;
        host_sends(h, "b NOOP\r\n");
        assert_true(span_starts(answer(h), SPAN("b OK")));
        changed += told[uid[target]].changed;
        assert_true(times <= 1 && (times + changed > 0) == happened);
    }
    host_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_message_is_answered_once, setup, people_teardown),
        cmocka_unit_test_setup_teardown(what_changes_meanwhile_is_told_by_itself, setup,
                                        people_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
