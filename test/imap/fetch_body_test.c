/* SPDX-License-Identifier: Apache-2.0 */
/* FETCH of bodies: literals of every size, large answers, limits, damage. */
#include "base/limits.h"
#include "fetch_rig.h"
#include "message/transfer.h"

static void fill(struct buf *b, size_t n)
{
    while (b->n < n)
        buf_printf(b, "line %zu of a long text\r\n", b->n);
    buf_truncate(b, n);
}

/* Sizes around a piece and around a chunk of the store. */
static void literals_of_every_size(void **state)
{
    (void)state;
    static const size_t sizes[] = {0,       1,       61439,   61440,          61441,
                                   65535,   65536,   65537,   131072,         262144,
                                   1048575, 1048576, 1048577, 3 * 1048576 + 5};
    struct buf body, answer;
    buf_init(&body, 4 << 20);
    buf_init(&answer, 9 << 20);
    for (size_t n = 0; n < COUNT_OF(sizes); n++) {
        buf_clear(&body);
        fill(&body, sizes[n]);
        world_append(&w, buf_span(&body), FLAG_SEEN);
    }
    struct host *h = selected("");
    for (size_t n = 0; n < COUNT_OF(sizes); n++) {
        char command[100];
        buf_clear(&body);
        fill(&body, sizes[n]);
        buf_clear(&answer);
        buf_printf(&answer, "* %zu FETCH (BODY[] {%zu}\r\n", n + 1, sizes[n]);
        buf_put(&answer, buf_span(&body));
        buf_puts(&answer, ")\r\n");
        (void)snprintf(command, sizeof(command), "FETCH %zu BODY[]", n + 1);
        answer_is(h, command, buf_span(&answer), "b OK");
        size_t rest = sizes[n] > 65530 ? sizes[n] - 65530 : 0;
        buf_clear(&answer);
        buf_printf(&answer, "* %zu FETCH (BODY[]<65530> {%zu}\r\n", n + 1, rest);
        buf_put(&answer, span_from(buf_span(&body), 65530));
        buf_puts(&answer, ")\r\n");
        (void)snprintf(command, sizeof(command), "FETCH %zu BODY[]<65530.999999999>", n + 1);
        answer_is(h, command, buf_span(&answer), "b OK");
    }
    buf_done(&body);
    buf_done(&answer);
    host_free(h);
}

/* Bodies fill each step to its end and no further, wherever one message ends and the next begins: what is a stride leaves at
 * once, and a little more than that would leave in two. */
static void bodies_go_in_strides(void **state)
{
    (void)state;
    enum { MESSAGES = 12, SIZE = 50001 };
    struct buf body, answer;
    buf_init(&body, SIZE + 100);
    buf_init(&answer, MESSAGES * (SIZE + 100));
    fill(&body, SIZE);
    for (int n = 1; n <= MESSAGES; n++) {
        world_append(&w, buf_span(&body), FLAG_SEEN);
        buf_printf(&answer, "* %d FETCH (BODY[] {%d}\r\n", n, SIZE);
        buf_put(&answer, buf_span(&body));
        buf_puts(&answer, ")\r\n");
    }
    struct host *h = selected("");
    answer_is(h, "FETCH 1:12 BODY[]", buf_span(&answer), "b OK");
    assert_in_range(host_largest(h), SESSION_STRIDE, SESSION_STRIDE + 2);
    buf_done(&body);
    buf_done(&answer);
    host_free(h);
}

static void decoded_literals_of_every_size(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 65535, 65536, 65537, 300000};
    struct buf body, message, answer;
    buf_init(&body, 1 << 20);
    buf_init(&message, 2 << 20);
    buf_init(&answer, 2 << 20);
    for (size_t n = 0; n < COUNT_OF(sizes); n++) {
        char command[100];
        buf_clear(&body);
        buf_clear(&message);
        fill(&body, sizes[n]);
        buf_puts(&message, "Content-Type: a/b\r\nContent-Transfer-Encoding: base64\r\n\r\n");
        transfer_encode_base64(buf_span(&body), &message);
        world_append(&w, buf_span(&message), FLAG_SEEN);
        struct host *h = selected("");
        for (size_t from = 0; from < 140000; from += 70000) {
            struct span part = span_slice(span_from(buf_span(&body), from), 0, 100000);
            buf_clear(&answer);
            buf_printf(&answer, "* %zu FETCH (BINARY[1]<%zu> {%zu}\r\n", n + 1, from, part.n);
            buf_put(&answer, part);
            buf_puts(&answer, ")\r\n");
            (void)snprintf(command, sizeof(command), "FETCH %zu BINARY[1]<%zu.100000>", n + 1,
                           from);
            answer_is(h, command, buf_span(&answer), "b OK");
        }
        buf_clear(&answer);
        buf_printf(&answer, "* %zu FETCH (BINARY.SIZE[1] %zu BINARY[1] {%zu}\r\n", n + 1, body.n,
                   body.n);
        buf_put(&answer, buf_span(&body));
        buf_puts(&answer, ")\r\n");
        (void)snprintf(command, sizeof(command), "FETCH %zu (BINARY.SIZE[1] BINARY[1])", n + 1);
        answer_is(h, command, buf_span(&answer), "b OK");
        host_free(h);
    }
    buf_done(&body);
    buf_done(&message);
    buf_done(&answer);
}

/* An answer of megabytes goes out in pieces (the host counts), and what is too long to keep is made each time. */
static void answers_may_be_large(void **state)
{
    (void)state;
    struct buf message, answer;
    buf_init(&message, 4 << 20);
    buf_init(&answer, 4 << 20);
    buf_puts(&message, "To: a@example.org");
    for (int n = 1; n < 10000; n++)
        buf_puts(&message, ",\r\n a@example.org");
    buf_puts(&message, "\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n");
    for (int n = 0; n < LIMIT_MIME_PARTS - 1; n++)
        buf_puts(&message, "--b\r\n\r\nx\r\n");
    buf_puts(&message, "--b--\r\n");
    world_append(&w, buf_span(&message), FLAG_SEEN);
    struct host *h = selected("");
    for (int again = 0; again < 2; again++) {
        buf_clear(&answer);
        buf_puts(&answer, "* 1 FETCH (ENVELOPE (NIL NIL NIL NIL NIL (");
        for (int n = 0; n < 10000; n++)
            buf_puts(&answer, "(NIL NIL \"a\" \"example.org\")");
        buf_puts(&answer, ") NIL NIL NIL NIL) BODY (");
        for (int n = 0; n < LIMIT_MIME_PARTS - 2; n++)
            buf_puts(&answer,
                     "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 1 0)");
        buf_puts(&answer,
                 "(\"application\" \"octet-stream\" NIL NIL NIL \"7bit\" 10) \"mixed\"))\r\n");
        answer_is(h, "FETCH 1 (ENVELOPE BODY)", buf_span(&answer), "b OK");
        says(h, "FETCH 1 (BODY.PEEK[9999]<0.4> PREVIEW)",
             "* 1 FETCH (BODY[9999]<0> {4}\r\nx\r\n- PREVIEW \"x\")\r\n");
        says(h, "FETCH 1 PREVIEW (LAZY)", "* 1 FETCH (PREVIEW NIL)\r\n");
    }
    host_free(h);
    buf_done(&message);
    buf_done(&answer);
}

static void limits(void **state)
{
    (void)state;
    struct buf message, command, answer;
    buf_init(&message, 2 << 20);
    buf_init(&command, 1 << 20);
    buf_init(&answer, 1 << 20);
    buf_puts(&message, "First: 1\r\n");
    while (message.n < LIMIT_IMAP_HEADER)
        buf_puts(&message,
                 "Filler: 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789\r\n");
    buf_puts(&message, "Last: 2\r\n\r\n");
    world_append(&w, buf_span(&message), FLAG_SEEN);
    struct host *h = selected("");
    says(h, "FETCH 1 BODY[HEADER.FIELDS (first last)]",
         "* 1 FETCH (BODY[HEADER.FIELDS (first last)] {12}\r\nFirst: 1\r\n\r\n)\r\n");

    buf_puts(&answer, "* 1 FETCH (UID 1");
    buf_puts(&command, "FETCH 1 (UID");
    for (int n = 1; n < LIMIT_IMAP_FETCH_ITEMS; n++) {
        buf_puts(&command, " UID");
        buf_puts(&answer, " UID 1");
    }
    buf_puts(&answer, ")\r\n");
    buf_putc(&answer, '\0');
    buf_puts(&command, ")");
    buf_putc(&command, '\0');
    says(h, command.p, answer.p);
    buf_truncate(&command, command.n - 2);
    buf_puts(&command, " UID)");
    buf_putc(&command, '\0');
    answer_is(h, command.p, SPAN(""), "b BAD A limit");

    buf_clear(&command);
    buf_puts(&command, "FETCH 1 BODY[HEADER.FIELDS (");
    for (size_t n = command.n; n < LIMIT_IMAP_SECTION + sizeof("FETCH 1 BODY["); n++)
        buf_putc(&command, 'x');
    buf_puts(&command, ")]");
    buf_putc(&command, '\0');
    answer_is(h, command.p, SPAN(""), "b BAD A limit");
    buf_done(&message);
    buf_done(&command);
    buf_done(&answer);
    host_free(h);
}

static struct blob_id body_of(const struct mail_appended *m)
{
    struct mail_message message;
    assert_int_equal(mailbox_message_get(&w.mail, w.account, m->message, w.arena, &message), 0);
    return message.blob;
}

/* In the first chunk it is known before anything is promised; behind it the session ends, once. */
static void damage_costs_one_message(void **state)
{
    (void)state;
    struct buf body;
    buf_init(&body, 4 << 20);
    fill(&body, 3 << 20);
    world_append(&w, SPAN("A: b\r\n\r\nx"), FLAG_SEEN);
    struct mail_appended small = world_append(&w, SPAN("A: b\r\n\r\ny"), FLAG_SEEN);
    struct mail_appended big = world_append(&w, buf_span(&body), FLAG_SEEN);
    world_append(&w, SPAN("A: b\r\n\r\nz"), FLAG_SEEN);
    struct host *h = selected("");
    assert_true(sim_corrupt_blob(w.disk, body_of(&small), 0));
    assert_true(sim_corrupt_blob(w.disk, body_of(&big), 1));
    answer_is(h, "FETCH 1:2 BODY[]", SPAN("* 1 FETCH (BODY[] {9}\r\nA: b\r\n\r\nx)\r\n"),
              "b NO [SERVERBUG]");
    answer_is(h, "FETCH 1:2 (UID BODY[])",
              SPAN("* 1 FETCH (UID 1 BODY[] {9}\r\nA: b\r\n\r\nx)\r\n* 2 FETCH (UID 2)\r\n"),
              "b NO [SERVERBUG]");
    answer_is(h, "FETCH 2 ENVELOPE", SPAN(""), "b NO [SERVERBUG]");
    host_sends(h, "b FETCH 3 BODY[]\r\n");
    assert_true(host_closed(h) &&
                span_starts(host_output(h), SPAN("* 3 FETCH (BODY[] {3145728}\r\nline 0")));
    host_free(h);
    h = selected("");
    answer_is(h, "FETCH 3:4 BODY[]", SPAN("* 4 FETCH (BODY[] {9}\r\nA: b\r\n\r\nz)\r\n"),
              "b NO [SERVERBUG]");
    says(h, "FETCH 3 UID", "* 3 FETCH (UID 3)\r\n");
    host_free(h);
    buf_done(&body);
    world_close(&w);
    world_open(&w);
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, world_setup, world_teardown)
    const struct CMUnitTest tests[] = {
        TEST(literals_of_every_size),
        TEST(decoded_literals_of_every_size),
        TEST(bodies_go_in_strides),
        TEST(answers_may_be_large),
        TEST(limits),
        TEST(damage_costs_one_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
