/* SPDX-License-Identifier: Apache-2.0 */
/* UPDATE and CANCELUPDATE (RFC 5267 §4.3). */
#include "one_world.h"

#include "world.h"

static struct host *h;
static const struct mailbox_id inbox = {1};

static void store(uint32_t uid, enum mail_store_op op, uint32_t flags)
{
    struct mail_store in = {.mailbox = inbox, .op = op, .flags = flags};
    struct numset uids, refused;
    numset_init(&uids);
    numset_init(&refused);
    numset_add(&uids, uid);
    assert_int_equal(mailbox_store(&w.mail, w.account, &in, &uids, &refused), 0);
    numset_done(&uids);
    numset_done(&refused);
}

static void expunge(uint32_t uid)
{
    struct mail_uid u = {uid};
    size_t removed;
    assert_int_equal(mailbox_expunge(&w.mail, w.account, inbox, &u, 1, 0, &removed), 0);
}

/* UIDs 2 to 5; 3 is seen. */
static int setup(void **state)
{
    (void)world_setup(state);
    for (int i = 1; i <= 5; i++)
        world_append(&w, SPAN("Subject: a\r\n\r\nhay\r\n"), i == 3 ? FLAG_SEEN : 0);
    expunge(1);
    h = world_select(&w);
    return 0;
}

static int teardown(void **state)
{
    host_free(h);
    return world_teardown(state);
}

static void flags_change(void **state)
{
    (void)state;
    world_talk(h, "b UID SEARCH RETURN (UPDATE COUNT) UNSEEN", "* ESEARCH (TAG \"b\") UID COUNT 3",
               "b OK", NULL);
    world_talk(h, "c SEARCH RETURN (UPDATE) FLAGGED", "* ESEARCH (TAG \"c\")", "c OK", NULL);
    store(4, STORE_ADD, FLAG_SEEN | FLAG_FLAGGED);
    store(3, STORE_REMOVE, FLAG_SEEN);
    /* RFC 5465 §5.1: flags come first */
    world_talk(h, "a NOOP", "* 2 FETCH", "* 3 FETCH", "* ESEARCH (TAG \"c\") ADDTO (0 3)",
               "* ESEARCH (TAG \"b\") UID REMOVEFROM (0 4)",
               "* ESEARCH (TAG \"b\") UID ADDTO (0 3)", "a OK", NULL);
    store(5, STORE_ADD, FLAG_ANSWERED); /* in and not in, as before */
    world_talk(h, "a NOOP", "* 4 FETCH", "a OK", NULL);
    /* a change of its own, told or not */
    world_talk(h, "a STORE 1 +FLAGS.SILENT (\\Seen \\Flagged)", "* ESEARCH (TAG \"c\") ADDTO (0 1)",
               "* ESEARCH (TAG \"b\") UID REMOVEFROM (0 2)", "a OK", NULL);
    /* it ends */
    world_talk(h, "a CANCELUPDATE \"c\" \"nobody\"", "a OK No further updates", NULL);
    store(2, STORE_REMOVE, FLAG_SEEN | FLAG_FLAGGED);
    world_talk(h, "a NOOP", "* 1 FETCH", "* ESEARCH (TAG \"b\") UID ADDTO (0 2)", "a OK", NULL);
    world_talk(h, "a UNSELECT", "a OK", NULL);
    store(2, STORE_ADD, FLAG_SEEN);
    world_talk(h, "a NOOP", "a OK", NULL);
}

static void messages_come_and_go(void **state)
{
    (void)state;
    world_talk(h, "b SEARCH RETURN (UPDATE ALL) BODY needle", "* ESEARCH (TAG \"b\")", "b OK",
               NULL);
    world_talk(h, "c UID SEARCH RETURN (UPDATE ALL) ALL", "* ESEARCH (TAG \"c\") UID ALL 2:5",
               "c OK", NULL);
    world_append(&w, SPAN("Subject: x\r\n\r\nNeedle\r\n"), 0);
    world_append(&w, SPAN("Subject: x\r\n\r\nhay\r\n"), 0);
    world_talk(h, "a NOOP", "* 6 EXISTS", "* 0 RECENT", "* ESEARCH (TAG \"c\") UID ADDTO (0 6:7)",
               "* ESEARCH (TAG \"b\") ADDTO (0 5)", "a OK", NULL);
    expunge(6);
    expunge(2);
    /* not while numbers are in use, and with the numbers of before */
    world_talk(h, "a FETCH 3 UID", "* 3 FETCH (UID 4)", "a OK", NULL);
    world_talk(h, "a NOOP", "* ESEARCH (TAG \"c\") UID REMOVEFROM (0 2,6)",
               "* ESEARCH (TAG \"b\") REMOVEFROM (0 5)", "* 5 EXPUNGE", "* 1 EXPUNGE", "a OK",
               NULL);
    world_talk(h, "a NOOP", "a OK", NULL);
    /* in IDLE, too */
    world_talk(h, "a IDLE", "+ ", NULL);
    world_append(&w, SPAN("Subject: x\r\n\r\nneedle\r\n"), 0);
    assert_true(host_wait(h, 1000));
    host_expect(h, "* 5 EXISTS");
    host_expect(h, "* 0 RECENT");
    host_expect(h, "* ESEARCH (TAG \"c\") UID ADDTO (0 8)");
    host_expect(h, "* ESEARCH (TAG \"b\") ADDTO (0 5)");
    world_talk(h, "DONE", "a OK", NULL);
}

/* What the numbers, "$" and keywords of the program mean is what they meant then. */
static void programs_stay(void **state)
{
    struct mail_store in = {.mailbox = inbox, .op = STORE_ADD};
    struct numset uids, refused;
    uint32_t id;
    (void)state;
    world_talk(h, "b SEARCH RETURN (UPDATE) HEADER subject a 2 KEYWORD $Late",
               "* ESEARCH (TAG \"b\")", "b OK", NULL);
    expunge(2);
    world_talk(h, "a NOOP", "* 1 EXPUNGE", "a OK", NULL);
    assert_int_equal(mailbox_keyword(&w.mail, w.account, SPAN("$Late"), false, &id), 0);
    in.keywords = (struct keyword_ids){.n = 1, .v = {(uint16_t)id}};
    numset_init(&uids);
    numset_init(&refused);
    numset_add_range(&uids, 2, 5);
    assert_int_equal(mailbox_store(&w.mail, w.account, &in, &uids, &refused), 0);
    numset_done(&uids);
    numset_done(&refused);
    world_talk(h, "a NOOP", "* FLAGS", "* 1 FETCH", "* 2 FETCH", "* 3 FETCH",
               "* ESEARCH (TAG \"b\") ADDTO (0 1)", "a OK", NULL);
}

static void refused(void **state)
{
    char command[80], line[80];
    (void)state;
    world_talk(h, "b SEARCH RETURN (UPDATE COUNT) ALL", "* ESEARCH (TAG \"b\") COUNT 4", "b OK",
               NULL);
    world_talk(h, "b SEARCH RETURN (UPDATE) FLAGGED", "b BAD This tag is that of a search", NULL);
    world_talk(h, "b SORT RETURN (UPDATE) (DATE) UTF-8 ALL", "b BAD This tag", NULL);
    world_talk(h, "c SEARCH RETURN (UPDATE COUNT) WHAT", "c BAD", NULL);
    world_talk(h, "a CANCELUPDATE", "a BAD", NULL);
    world_talk(h, "a CANCELUPDATE (x)", "a BAD", NULL);
    world_talk(h, "a SEARCH RETURN (CONTEXT COUNT) ALL", "* ESEARCH (TAG \"a\") COUNT 4", "a OK",
               NULL);
    for (int n = 2; n <= LIMIT_IMAP_CONTEXTS; n++) {
        (void)snprintf(command, sizeof command, "t%d SEARCH RETURN (UPDATE SAVE) ALL", n);
        (void)snprintf(line, sizeof line, "t%d OK", n);
        world_talk(h, command, line, NULL);
    }
    world_talk(h, "x SEARCH RETURN (UPDATE COUNT) ALL", "* NO [NOUPDATE \"x\"]",
               "* ESEARCH (TAG \"x\") COUNT 4", "x OK", NULL);
    world_talk(h, "a CANCELUPDATE t2", "a OK", NULL);
    host_sends(h, "x SEARCH RETURN (UPDATE) NOT SUBJECT {20000+}\r\n");
    for (int n = 0; n < 2000; n++)
        host_sends(h, "much to do");
    host_sends(h, "\r\n");
    host_expect(h, "* NO [NOUPDATE \"x\"]");
    host_expect(h, "* ESEARCH (TAG \"x\")");
    host_expect(h, "x OK");
    world_talk(h, "x ESEARCH RETURN (UPDATE) DELETED", "x OK", NULL);
    world_talk(h, "a CANCELUPDATE b t3 t4 t5 t6 t7 t8 t9 t10", "a OK", NULL);
    store(4, STORE_ADD, FLAG_DELETED);
    world_talk(h, "a NOOP", "* 3 FETCH", "* ESEARCH (TAG \"x\" MAILBOX INBOX UIDVALIDITY ", "a OK",
               NULL);
}

/* ---- SORT -------------------------------------------------------------------------------- */

struct list {
    uint32_t v[500];
    size_t n;
};

static void list_remove(struct list *l, size_t at, uint32_t uid)
{
    assert_true(at >= 1 && at <= l->n);
    assert_int_equal(l->v[at - 1], uid);
    memmove(&l->v[at - 1], &l->v[at], (l->n - at) * sizeof(l->v[0]));
    l->n--;
}

static void list_add(struct list *l, size_t at, uint32_t uid)
{
    assert_true(at >= 1 && at <= l->n + 1 && l->n < COUNT_OF(l->v));
    memmove(&l->v[at], &l->v[at - 1], (l->n + 1 - at) * sizeof(l->v[0]));
    l->v[at - 1] = uid;
    l->n++;
}

/* "(pos uid,uid pos uid ...)" */
static void
list_apply(struct list *l, struct span data, void (*change)(struct list *, size_t, uint32_t))
{
    assert_true(span_skip(&data, SPAN("(")) && span_ends(data, SPAN(")")));
    data.n--;
    while (data.n > 0) {
        uint32_t at, uid;
        assert_true(span_to_u32(span_split(&data, ' '), &at));
        for (struct span uids = span_split(&data, ' '); uids.n > 0; at++) {
            assert_true(span_to_u32(span_split(&uids, ','), &uid));
            change(l, at, uid);
        }
    }
}

/* A command; what it says of the result changes the list. */
static void list_follow(struct list *l, const char *command)
{
    struct span line;
    host_sends(h, command);
    do {
        assert_true(host_line(h, &line));
        struct span rest = span_trim(line);
        if (span_skip(&rest, SPAN("* ESEARCH (TAG \"l\") UID REMOVEFROM ")))
            list_apply(l, rest, list_remove);
        else if (span_skip(&rest, SPAN("* ESEARCH (TAG \"l\") UID ADDTO ")))
            list_apply(l, rest, list_add);
    } while (!span_starts(line, SPAN("a OK")));
}

static void list_is(const struct list *l)
{
    struct span line;
    host_sends(h, "c UID SORT (SUBJECT REVERSE SIZE) UTF-8 UNSEEN\r\n");
    assert_true(host_line(h, &line));
    struct span rest = span_trim(line);
    assert_true(span_skip(&rest, SPAN("* SORT")));
    for (size_t k = 0; k < l->n; k++) {
        uint32_t uid;
        assert_true(span_skip(&rest, SPAN(" ")));
        struct span more = rest;
        assert_true(span_to_u32(span_split(&more, ' '), &uid));
        assert_int_equal(uid, l->v[k]);
        rest = span_from(rest, (size_t)snprintf(NULL, 0, "%u", uid));
    }
    assert_int_equal(rest.n, 0);
    host_expect(h, "c OK");
}

/* A client that keeps the list by what it is told has what SORT says, whatever happens. */
static void lists(void **state)
{
    struct list l = {{0}, 0};
    uint32_t seed = 1, last = 5;
    (void)state;
    world_talk(h, "l UID SORT RETURN (UPDATE COUNT) (SUBJECT REVERSE SIZE) UTF-8 UNSEEN",
               "* ESEARCH (TAG \"l\") UID COUNT 3", "l OK", NULL);
    l = (struct list){{2, 4, 5}, 3};
    list_is(&l);
    for (int round = 0; round < 150; round++) {
        for (int k = (int)((seed = seed * 1103515245 + 12345) >> 16) % 4; k >= 0; k--) {
            struct buf b;
            uint32_t what = (seed = seed * 1103515245 + 12345) >> 16,
                     uid = 2 + what / 8 % (last - 1);
            buf_init(&b, 1000);
            buf_printf(&b, "Subject: %c\r\n\r\n%.*s", 'a' + (int)(what / 8 % 7),
                       (int)(what / 64 % 5), "xxxxx");
            if (what % 8 < 3)
                last = world_append(&w, buf_span(&b), what & 8 ? FLAG_SEEN : 0).uid.v;
            else if (what % 8 < 6)
                store(uid, what & 8 ? STORE_ADD : STORE_REMOVE, FLAG_SEEN);
            else
                expunge(uid);
            buf_done(&b);
        }
        /* sometimes expunges have to wait */
        if (round % 3 == 0) {
            list_follow(&l, "a FETCH * UID\r\n");
            continue;
        }
        list_follow(&l, "a NOOP\r\n");
        list_is(&l);
    }
    assert_true(l.n > 10);
}

/* More than one response holds. */
static void many(void **state)
{
    enum { N = 20000 };
    static struct mail_append v[1000];
    static struct mail_appended out[1000];
    struct blob_writer *writer;
    struct mail_append one = {.received_ms = 1};
    struct span line;
    unsigned responses = 0;
    (void)state;
    world_talk(h, "b UID SEARCH RETURN (UPDATE COUNT) FLAGGED", "* ESEARCH (TAG \"b\") UID COUNT 0",
               "b OK", NULL);
    assert_int_equal(store_blob_create(w.store, &writer), 0);
    assert_int_equal(store_blob_write(writer, SPAN("\r\n")), 0);
    assert_int_equal(store_blob_finish(writer, &one.blob, &one.info), 0);
    for (int i = 0; i < N; i += 1000) {
        for (int k = 0; k < 1000; k++) {
            v[k] = one;
            v[k].flags = k % 2 ? FLAG_FLAGGED : 0;
        }
        assert_int_equal(mailbox_append_many(&w.mail, w.account, v, 1000, out), 0);
    }
    host_sends(h, "a NOOP\r\n");
    do {
        assert_true(host_line(h, &line));
        responses += span_starts(line, SPAN("* ESEARCH (TAG \"b\") UID ADDTO (0 "));
    } while (!span_starts(line, SPAN("a OK")));
    assert_int_equal(responses, 10);
    world_talk(h, "x SORT RETURN (UPDATE COUNT) (ARRIVAL) UTF-8 ALL", "* NO [NOUPDATE \"x\"]",
               "* ESEARCH (TAG \"x\") COUNT 20004", "x OK", NULL);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(flags_change), T(messages_come_and_go), T(programs_stay), T(refused), T(lists), T(many)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
