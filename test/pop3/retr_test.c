/* SPDX-License-Identifier: Apache-2.0 */
/* Messages on their way out: RETR and TOP at their edges, size, damage, UTF-8. */
#include "one_world.h"

#include "base/err.h"
#include "mailbox/edit.h"
#include "pop3/internal.h"
#include "world.h"

static void fetch(struct span message, const char *command, struct span expected)
{
    world_append(&w, message, 0);
    struct host *h = world_login(&w);
    host_sends(h, command);
    host_expect(h, "+OK");
    struct span got = host_expect_dot(h);
    if (!span_eq(got, expected))
        fail_msg("%s of \"%.*s\": \"%.*s\"", command, SPAN_ARG(message), SPAN_ARG(got));
    host_expect_silence(h);
    host_sends(h, "DELE 1\r\nQUIT\r\n");
    host_free(h);
}

static void top_sends_the_lines_asked_for(void **state)
{
    (void)state;
    const struct span m = SPAN("A: b\r\nC: d\r\n\r\none\r\n.two\r\n\r\nfour");
    fetch(m, "TOP 1 0\r\n", SPAN("A: b\r\nC: d\r\n\r\n"));
    fetch(m, "TOP 1 1\r\n", SPAN("A: b\r\nC: d\r\n\r\none\r\n"));
    fetch(m, "TOP 1 2\r\n", SPAN("A: b\r\nC: d\r\n\r\none\r\n..two\r\n"));
    fetch(m, "TOP 1 3\r\n", SPAN("A: b\r\nC: d\r\n\r\none\r\n..two\r\n\r\n"));
    fetch(m, "TOP 1 4\r\n", SPAN("A: b\r\nC: d\r\n\r\none\r\n..two\r\n\r\nfour\r\n"));
    fetch(m, "TOP 1 999999999999\r\n", SPAN("A: b\r\nC: d\r\n\r\none\r\n..two\r\n\r\nfour\r\n"));
    fetch(SPAN("A: b\r\n"), "TOP 1 5\r\n", SPAN("A: b\r\n")); /* no body, no empty line */
    fetch(SPAN("\r\nbody\r\n"), "TOP 1 0\r\n", SPAN("\r\n")); /* no header */
    fetch(SPAN("A: b\r\n\r\n"), "TOP 1 5\r\n", SPAN("A: b\r\n\r\n"));
}

static void lines_end_with_crlf_and_dots_are_stuffed(void **state)
{
    (void)state;
    fetch(SPAN(""), "RETR 1\r\n", SPAN(""));
    fetch(SPAN("."), "RETR 1\r\n", SPAN("..\r\n"));
    fetch(SPAN("x\r"), "RETR 1\r\n", SPAN("x\r\n"));
    fetch(SPAN("x\r\n.\r\ny"), "RETR 1\r\n", SPAN("x\r\n..\r\ny\r\n"));
    fetch(SPAN("x\n.\r\nQUIT\r\n"), "RETR 1\r\n",
          SPAN("x\n..\r\nQUIT\r\n")); /* behind a bare LF too */
}

static void every_position_of_a_chunk_end(void **state)
{
    (void)state;
    /* lines of a length that shares no factor with the chunk, so that dots and line ends meet its
     * end */
    struct buf m, want;
    buf_init(&m, 1 << 20);
    buf_init(&want, 1 << 20);
    buf_puts(&m, "A: b\r\n\r\n");
    buf_puts(&want, "A: b\r\n\r\n");
    for (int i = 0; i < 40000; i++) {
        buf_puts(&m, i % 3 == 0 ? ".\r\n" : "..xx\r\n");
        buf_puts(&want, i % 3 == 0 ? "..\r\n" : "...xx\r\n");
    }
    fetch(buf_span(&m), "RETR 1\r\n", buf_span(&want));
    buf_done(&m);
    buf_done(&want);
}

/* A message of 50 MB goes through without being held: the session's output is drained piece by
 * piece and no piece is large. Driven by hand, because the host collects everything. */
static void fifty_megabytes_in_bounded_memory(void **state)
{
    (void)state;
    enum { SIZE = 50 * 1000 * 1000 };
    char *big = malloc(SIZE);
    assert_non_null(big);
    for (size_t i = 0; i < SIZE; i++)
        big[i] = i % 78 == 76 ? '\r' : i % 78 == 77 ? '\n' : 'x';
    memcpy(big, "A: b\r\n\r\n", 8);
    world_append(&w, span_of(big, SIZE), 0);
    struct host *h = world_login(&w);
    struct session *s = host_session(h);
    struct buf out, *host_out = s->out;
    buf_init(&out, LIMIT_SESSION_OUT);
    s->out = &out;
    size_t at = 0, most = 0, skip = 0;
    enum step step = s->ops->handle(s, SPAN("RETR 1\r\n"));
    for (;;) {
        struct span piece = buf_span(&out);
        assert_int_equal(out.err, 0);
        if (most == 0)
            skip = (size_t)span_chr(piece, '\n') + 1;
        most = piece.n > most ? piece.n : most;
        piece = span_from(piece, skip);
        skip = 0;
        if (step != STEP_MORE)
            break;
        assert_true(at + piece.n <= SIZE && memcmp(big + at, piece.p, piece.n) == 0);
        at += piece.n;
        buf_clear(&out);
        assert_true(arena_used(s->arena) < 64 * 1024);
        step = s->ops->wake(s, WAKE_MORE);
    }
    assert_int_equal(step, STEP_DONE);
    assert_true(most <= 2 * 64 * 1024);
    struct span tail = buf_span(&out);
    assert_true(span_ends(tail, SPAN("\r\n.\r\n")));
    /* the message does not end with CRLF: it was added */
    assert_int_equal(at + tail.n, SIZE + (SIZE % 78 == 0 ? 3 : 5));
    buf_done(&out);
    s->out = host_out;
    host_free(h);
    free(big);
}

struct damage {
    struct mail_key key;
};

static int damage_run(struct store_txn *t, void *arg)
{
    const struct damage *d = arg;
    store_txn_put(t, mail_key_span(&d->key), SPAN("\x01"));
    return 0;
}

static void damage_costs_one_message(void **state)
{
    (void)state;
    struct mail_appended first = world_append(&w, SPAN("Subject: 1\r\n\r\n"), 0);
    struct mail_appended second = world_append(&w, SPAN("Subject: 2\r\n\r\n"), 0);
    world_append(&w, SPAN("Subject: 3\r\n\r\n"), 0);
    struct damage d = {mail_key_message(first.message)};
    assert_int_equal(store_txn_run(w.store, part_of(w.account), damage_run, &d), 0);
    d.key = mail_key_entry(second.mailbox, second.uid);
    assert_int_equal(store_txn_run(w.store, part_of(w.account), damage_run, &d), 0);
    struct host *h = world_login(&w);
    host_sends(h, "STAT\r\nRETR 1\r\nTOP 1 0\r\nRETR 2\r\n");
    host_expect(h, "+OK 2 28"); /* the entry that cannot be read is left out */
    host_expect(h, "-ERR [SYS/PERM]");
    host_expect(h, "-ERR [SYS/PERM]");
    host_expect(h, "+OK");
    assert_true(span_eq(host_expect_dot(h), SPAN("Subject: 3\r\n\r\n")));
    host_free(h);
}

static struct blob_id body_of(const struct mail_appended *a)
{
    struct mail_message m;
    assert_int_equal(mailbox_message_get(&w.mail, w.account, a->message, w.arena, &m), 0);
    return m.blob;
}

static void rotten_bodies_are_found_before_the_answer(void **state)
{
    (void)state;
    enum { LARGE = 3 * 1024 * 1024 };
    char *large = calloc(LARGE, 1);
    assert_non_null(large);
    rng_system()->fill(rng_system(), large,
                       LARGE); /* so that it is not compressed into one chunk */
    struct mail_appended small = world_append(&w, SPAN("Subject: 1\r\n\r\n"), 0);
    struct mail_appended big = world_append(&w, span_of(large, LARGE), 0);
    world_append(&w, SPAN("Subject: 3\r\n\r\n"), 0);
    struct mail_appended middle = world_append(&w, span_of(large, LARGE / 6), 0);
    assert_true(sim_corrupt_blob(w.disk, body_of(&small), 0));
    assert_true(sim_corrupt_blob(w.disk, body_of(&big), 1)); /* far behind the first read */
    assert_true(sim_corrupt_blob(w.disk, body_of(&middle), 0));
    struct host *h = world_login(&w);
    host_sends(h, "RETR 1\r\nRETR 2\r\nRETR 4\r\nRETR 3\r\n");
    host_expect(h, "-ERR [SYS/PERM]");
    host_expect(h, "-ERR [SYS/PERM]");
    host_expect(h, "-ERR [SYS/PERM]");
    host_expect(h, "+OK");
    assert_true(span_eq(host_expect_dot(h), SPAN("Subject: 3\r\n\r\n")));
    host_free(h);
    free(large);
}

static void a_full_disk_at_quit_is_told_and_nothing_is_half_done(void **state)
{
    (void)state;
    uint64_t problems = 1;
    world_append(&w, SPAN("Subject: 1\r\n\r\n"), 0);
    struct host *h = world_login(&w);
    sim_fail(w.disk, SIM_COMMIT, 1, ERR_DISK_FULL, true);
    host_sends(h, "DELE 1\r\nQUIT\r\n");
    host_expect(h, "+OK");
    host_expect(h, "-ERR [SYS/TEMP]");
    host_expect_closed(h);
    host_free(h);
    sim_fail(w.disk, SIM_COMMIT, 0, 0, false);
    h = world_login(&w);
    host_sends(h, "STAT\r\n");
    host_expect(h, "+OK 1 14");
    host_free(h);
    assert_int_equal(mailbox_check(&w.mail, w.account, true, NULL, NULL, &problems), 0);
    assert_int_equal(problems, 0);
}

static void what_was_purged_is_said_to_be_gone(void **state)
{
    (void)state;
    size_t purged;
    w.config->pop3_keep_days = 0;
    world_append(&w, SPAN("Subject: 1\r\n\r\n"), 0);
    struct host *a = world_login(&w), *b = world_login(&w);
    host_sends(a, "DELE 1\r\nQUIT\r\n");
    host_free(a);
    clock_fake_advance(&w.clock, INT64_C(2) * 86400 * 1000);
    assert_int_equal(mailbox_purge(&w.mail, w.account, 10, &purged), 0);
    assert_int_equal(purged, 1);
    host_sends(b, "RETR 1\r\nQUIT\r\n");
    host_expect(b, "-ERR This message was deleted by another session");
    host_expect(b, "+OK");
    host_free(b);
}

static void expect_surrogate(struct span header, struct span expected)
{
    struct buf out;
    buf_init(&out, 10000);
    pop3_surrogate(&out, header);
    if (!span_eq(buf_span(&out), expected))
        fail_msg("\"%.*s\" became \"%.*s\"", SPAN_ARG(header), SPAN_ARG(buf_span(&out)));
    buf_done(&out);
}

static void surrogates(void **state)
{
    (void)state;
    expect_surrogate(SPAN("Subject: plain\r\n  and folded\r\n\r\n"),
                     SPAN("Subject: plain\r\n  and folded\r\n\r\n"));
    expect_surrogate(SPAN("Subject: gr\xc3\xbc\xc3\x9f e\r\n\r\n"),
                     SPAN("Subject: =?UTF-8?B?Z3LDvMOf?= e\r\n\r\n"));
    /* the space between two encoded-words is in the second */
    expect_surrogate(SPAN("Subject: \xc3\xbc \xc3\xbc\r\n"),
                     SPAN("Subject: =?UTF-8?B?w7w=?= =?UTF-8?B?IMO8?=\r\n"));
    expect_surrogate(SPAN("subject: caf\xe9\r\n"),
                     SPAN("subject: =?unknown-8bit?B?Y2Fm6Q==?=\r\n"));
    expect_surrogate(SPAN("From: \"J\xc3\xbcrgen M\" <j@example.test>, b@example.test\r\n"),
                     SPAN("From: =?UTF-8?B?SsO8cmdlbiBN?= <j@example.test>, b@example.test\r\n"));
    expect_surrogate(SPAN("To: J <j\xc3\xbc@example.test>\r\n"),
                     SPAN("To: J =?UTF-8?B?asO8QGV4YW1wbGUudGVzdA==?=\r\n"
                          " <invalid@internationalized-address.invalid>\r\n"));
    expect_surrogate(SPAN("Cc: j\xc3\xbc@example.test\r\n"),
                     SPAN("Cc: =?UTF-8?B?asO8QGV4YW1wbGUudGVzdA==?=\r\n"
                          " <invalid@internationalized-address.invalid>\r\n"));
    expect_surrogate(SPAN("Content-Type: text/plain; name=\xc3\xbc\r\n"),
                     SPAN("Content-Type: text/plain; name=??\r\n"));
    expect_surrogate(SPAN("no colon \xc3\xbc\r\n"), SPAN("no colon ??\r\n"));
    expect_surrogate(SPAN("From: \"\xc3\xbc"), SPAN("From: =?UTF-8?B?w7w=?=\r\n"));
    expect_surrogate(
        SPAN("From: <\xc3\xbc"),
        SPAN("From: =?UTF-8?B?w7w=?= <invalid@internationalized-address.invalid>\r\n"));
}

static void surrogate_lines_are_short_and_ascii(void **state)
{
    (void)state;
    struct buf in, out;
    buf_init(&in, 100000);
    buf_init(&out, 1000000);
    buf_puts(&in, "Subject: ");
    for (int i = 0; i < 3000; i++)
        buf_puts(&in, i % 7 == 0 ? " word" : "\xe2\x82\xac");
    buf_puts(&in, "\r\n");
    pop3_surrogate(&out, buf_span(&in));
    assert_int_equal(out.err, 0);
    assert_true(span_is_ascii(buf_span(&out)));
    struct span rest = buf_span(&out);
    for (bool first = true; rest.n > 0; first = false) {
        struct span line = span_split(&rest, '\n');
        assert_in_range(line.n, 2, 79);
        assert_true(first || line.p[0] == ' ');
        assert_true(line.p[line.n - 1] == '\r');
    }
    buf_done(&in);
    buf_done(&out);
}

/* RFC 6856 §2.1 */
static void utf8_mode_sends_messages_as_they_are(void **state)
{
    (void)state;
    const struct span m = SPAN("Subject: gr\xc3\xbc\xc3\x9f e\r\n\r\nbody \xc3\xbc\r\n");
    world_append(&w, m, 0);
    struct host *h = world_login(&w);
    host_sends(h, "RETR 1\r\nTOP 1 0\r\n");
    host_expect(h, "+OK");
    assert_true(span_eq(host_expect_dot(h),
                        SPAN("Subject: =?UTF-8?B?Z3LDvMOf?= e\r\n\r\nbody \xc3\xbc\r\n")));
    host_expect(h, "+OK");
    assert_true(span_eq(host_expect_dot(h), SPAN("Subject: =?UTF-8?B?Z3LDvMOf?= e\r\n\r\n")));
    host_free(h);
    h = world_connect(&w, true, HOST_WHOLE);
    host_sends(h, "UTF8\r\nUSER " WORLD_USER "\r\nPASS " WORLD_PASSWORD "\r\nRETR 1\r\n");
    for (int i = 0; i < 4; i++)
        host_expect(h, "+OK");
    assert_true(span_eq(host_expect_dot(h), m));
    host_free(h);
}

static void a_header_beyond_all_measure_needs_utf8_mode(void **state)
{
    (void)state;
    enum { SIZE = 1200 * 1024 };
    char *big = malloc(SIZE);
    assert_non_null(big);
    for (size_t i = 0; i < SIZE; i++)
        big[i] = i % 78 == 76 ? '\r' : i % 78 == 77 ? '\n' : i % 78 == 0 ? ' ' : '\xc3';
    memcpy(big, "A: ", 3);
    world_append(&w, span_of(big, SIZE), 0);
    struct host *h = world_login(&w);
    host_sends(h, "RETR 1\r\n");
    host_expect(h, "-ERR [UTF8]");
    host_free(h);
    free(big);
}

static void long_lists_come_in_pieces(void **state)
{
    (void)state;
    enum { N = 5000 };
    for (int i = 0; i < N; i++)
        world_append(&w, SPAN("x\r\n"), 0);
    struct host *h = world_login(&w);
    host_sends(h, "UIDL\r\nLIST\r\nSTAT\r\n");
    for (int list = 0; list < 2; list++) {
        host_expect(h, "+OK");
        struct span rest = host_expect_dot(h);
        uint64_t n = 0, number;
        while (rest.n > 0) {
            struct span line = span_split(&rest, '\n');
            assert_true(span_to_u64(span_split(&line, ' '), &number));
            assert_int_equal(number, ++n);
        }
        assert_int_equal(n, N);
    }
    host_expect(h, "+OK 5000 15000");
    host_free(h);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown_damaged)
    const struct CMUnitTest tests[] = {
        TEST(top_sends_the_lines_asked_for),
        TEST(lines_end_with_crlf_and_dots_are_stuffed),
        TEST(every_position_of_a_chunk_end),
        TEST(fifty_megabytes_in_bounded_memory),
        TEST(damage_costs_one_message),
        TEST(rotten_bodies_are_found_before_the_answer),
        TEST(a_full_disk_at_quit_is_told_and_nothing_is_half_done),
        TEST(what_was_purged_is_said_to_be_gone),
        TEST(surrogates),
        TEST(surrogate_lines_are_short_and_ascii),
        TEST(utf8_mode_sends_messages_as_they_are),
        TEST(a_header_beyond_all_measure_needs_utf8_mode),
        TEST(long_lists_come_in_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
