/* SPDX-License-Identifier: Apache-2.0 */
/* Messages: DATA, BDAT, what is added to them, what is refused at their end, and pipelines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/metrics.h"
#include "talk.h"

/* The newest message of an account ends with `body`, and its prefix holds `part`. */
static void holds(struct world *w, uint64_t account, const char *part, struct span body)
{
    struct buf b;
    buf_init(&b, 64 << 20);
    world_newest(w, account, &b);
    struct span all = buf_span(&b);
    if (!span_ends(all, body) || span_find(span_slice(all, 0, all.n - body.n), span_str(part)) < 0)
        fail_msg("wanted %s and %.*s in %.*s", part, SPAN_ARG(body), SPAN_ARG(all));
    buf_done(&b);
}

static void kept_as_it_came(void **state)
{
    struct world *w = *state;
    talk_data(w);
    talk_raw(
        w,
        SPAN("Subject: gr\xc3\xbc\xc3\x9f\r\n\r\n..\r\n...two\r\n..one\r\n\r\n\xff 8 bit\r\n.\r\n"),
        "250 2.0.0");
    holds(w, w->alice,
          "Return-Path: <a@far.test>\r\nReceived: from client.far.test ([192.0.2.7])\r\n\tby "
          "mx.example.test with ESMTP id ",
          SPAN("Subject: gr\xc3\xbc\xc3\x9f\r\n\r\n.\r\n..two\r\n.one\r\n\r\n\xff 8 bit\r\n"));
    holds(w, w->alice, "\r\n\tfor <alice@example.test>;\r\n\tSun, 22 Nov 2026 10:00:00 +0000\r\n",
          SPAN("\r\n"));
}

static void several_messages_in_a_session(void **state)
{
    struct world *w = *state;
    int64_t before = metric_get(METRIC_SMTP_MAIL_ACCEPTED);
    talk_data(w);
    talk_raw(w, SPAN(".\r\n"), "250 2.0.0");
    holds(w, w->alice,
          "Return-Path: ", SPAN("+0000\r\n")); /* an empty message: only what was added */
    talk(w, "DATA", "503 5.5.1", "MAIL FROM:<>", "250 ", "RCPT TO:<team@example.test>", "250 ",
         "RCPT TO:<bob@example.test>", "250 ", "DATA", "354 ", "no header at all\r\n.", "250 2.0.0",
         NULL);
    assert_int_equal(world_count(w, w->alice), 2);
    assert_int_equal(world_count(w, w->bob), 1); /* named twice, delivered once */
    holds(w, w->bob, "Return-Path: <>\r\n", SPAN("+0000\r\n\r\nno header at all\r\n"));
    assert_int_equal(metric_get(METRIC_SMTP_MAIL_ACCEPTED), before + 2);
}

static void one_pipeline(void **state)
{
    struct world *w = *state;
    static const char *const replies[] = {
        "250 2.1.0", "250 2.1.5", "550 5.1.1", "354 ",      "250 2.0.0", "250 2.1.0", "550 5.1.1",
        "554 5.5.1", "250 2.0.0", "250 2.1.0", "250 2.1.5", "250 2.0.0", "250 2.0.0", "221 2.0.0"};
    talk_hello(w, PORT_MX);
    host_sends(w->host,
               "MAIL FROM:<a@far.test>\r\nRCPT TO:<alice@example.test>\r\nRCPT "
               "TO:<no@example.test>\r\nDATA\r\n"
               "Subject: 1\r\n\r\nQUIT\r\n.\r\n"
               "MAIL FROM:<a@far.test>\r\nRCPT TO:<no@example.test>\r\nDATA\r\nRSET\r\n"
               "MAIL FROM:<a@far.test>\r\nRCPT TO:<alice@example.test>\r\nBDAT 8\r\nQUIT\r\n.\r"
               "BDAT 1 LAST\r\n\nQUIT\r\n");
    for (size_t i = 0; i < COUNT_OF(replies); i++)
        (void)talk_reply(w, replies[i]);
    host_expect_closed(w->host);
    assert_int_equal(world_count(w, w->alice), 2);
    holds(w, w->alice, "Received: ", SPAN("QUIT\r\n.\r\n"));
}

static const struct {
    const char *ending;
    const char *kept; /* when normalised */
} smuggling[] = {
    {"\n.\n", "\r\n.\r\n"},
    {"\r\n.\n", "\r\n\r\n"},
    {"\n.\r\n", "\r\n.\r\n"},
    {"\r.\r", "\r\n.\r\n"},
    {"\r\n.\r", "\r\n\r\n"},
    {"\r.\r\n", "\r\n.\r\n"},
    {"\n\n.\n\n", "\r\n\r\n.\r\n\r\n"},
};

/* Only CRLF.CRLF ends a message; what another server might read as its end is refused with all that
 * follows, or kept as text. */
static void smuggled_commands(void **state)
{
    struct world *w = *state;
    struct buf sent, kept;
    buf_init(&sent, 1000);
    buf_init(&kept, 1000);
    for (int normalize = 0; normalize <= 1; normalize++) {
        w->config->smtp_bare_newline = normalize;
        for (size_t i = 0; i < COUNT_OF(smuggling); i++) {
            size_t before = world_count(w, w->alice);
            buf_clear(&sent);
            buf_clear(&kept);
            buf_printf(&sent, "x: y\r\n\r\nx%sMAIL FROM:<evil@far.test>\r\n.\r\n",
                       smuggling[i].ending);
            buf_printf(&kept, "x: y\r\n\r\nx%sMAIL FROM:<evil@far.test>\r\n", smuggling[i].kept);
            talk_data(w);
            talk_raw(w, buf_span(&sent), normalize ? "250 2.0.0" : "550 5.6.11");
            host_expect_silence(w->host);
            talk(w, "NOOP", "250 ", "DATA", "503 ", NULL);
            assert_int_equal(world_count(w, w->alice), before + (size_t)normalize);
            if (normalize)
                holds(w, w->alice, "Received", buf_span(&kept));
        }
    }
    talk_data(w);
    talk_raw(w, SPAN("x: y\r\n\r\na\0b\r\n.\r\n"), "550 5.6.11");
    buf_done(&sent);
    buf_done(&kept);
}

/* ---- BDAT -------------------------------------------------------------------------------- */

static void begin(struct world *w, const char *mail)
{
    talk_hello(w, PORT_MX);
    talk(w, mail, "250 2.1.0", "RCPT TO:<alice@example.test>", "250 2.1.5", NULL);
}

static void chunks(void **state)
{
    struct world *w = *state;
    begin(w, "MAIL FROM:<a@far.test>");
    talk_raw(w, SPAN("BDAT 9\r\nx: y\r\n\r\n."), "250 2.0.0");
    talk(w, "MAIL FROM:<b@far.test>", "503 ", "RCPT TO:<alice@example.test>", "503 ", "DATA",
         "503 ", "NOOP", "250 ", NULL);
    talk_raw(w, SPAN("BDAT 5\r\n\r\n.\r\n"), "250 2.0.0");
    talk(w, "BDAT 0 LAST", "250 2.0.0", "BDAT 0 LAST", "503 5.5.1", NULL);
    holds(w, w->alice, "Received", SPAN("x: y\r\n\r\n.\r\n.\r\n"));
}

static void chunks_that_are_wrong(void **state)
{
    struct world *w = *state;
    begin(w, "MAIL FROM:<a@far.test>");
    talk(w, "BDAT", "501 5.5.4", "BDAT x", "501 5.5.4", "BDAT -1", "501 5.5.4", "BDAT 1 FIRST",
         "501 5.5.4", "BDAT 1 LAST x", "501 5.5.4", "RSET", "250 ", NULL);
    talk_raw(w, SPAN("BDAT 6\r\nQUIT\r\nNOOP\r\n"),
             "503 5.5.1"); /* the chunk was read and dropped */
    (void)talk_reply(w, "250 2.0.0");
    talk(w, "MAIL FROM:<a@far.test>", "250 ", "RCPT TO:<no@example.test>", "550 ", NULL);
    talk_raw(w, SPAN("BDAT 6 LAST\r\nQUIT\r\n"), "554 5.5.1");
    talk(w, "NOOP", "250 ", "RCPT TO:<alice@example.test>", "250 ", NULL);
    talk_raw(w, SPAN("BDAT 2\r\na\nBDAT 2 LAST\r\n\r\n"),
             "550 5.6.11"); /* refused, and so is what follows */
    (void)talk_reply(w, "503 5.5.1");
    talk(w, "BDAT 18446744073709551616", "501 5.5.4", NULL);
    host_expect_closed(w->host);
    assert_int_equal(world_count(w, w->alice), 0);
}

static void binary(void **state)
{
    struct world *w = *state;
    begin(w, "MAIL FROM:<a@far.test> BODY=BINARYMIME");
    talk(w, "DATA", "503 5.5.1", NULL);
    talk_raw(w, SPAN("BDAT 12 LAST\r\nx: y\r\n\r\n\0\r\xff\n"), "250 2.0.0");
    holds(w, w->alice, "Received", SPAN("x: y\r\n\r\n\0\r\xff\n"));
    begin(w, "MAIL FROM:<a@far.test> BODY=8BITMIME");
    talk_raw(w, SPAN("BDAT 9 LAST\r\nx: y\r\n\r\n\r"), "550 5.6.11");
}

/* ---- limits ------------------------------------------------------------------------------ */

static void too_big(void **state)
{
    struct world *w = *state;
    static char line[1000];
    memset(line, 'x', sizeof line);
    memcpy(line + sizeof line - 2, "\r\n", 2);
    w->config->smtp_size_max = 65536;
    for (int lines = 65; lines <= 66; lines++) {
        talk_data(w);
        host_sends(w->host, "x: y\r\n\r\n");
        for (int i = 0; i < lines; i++)
            host_send(w->host, span_of(line, sizeof line));
        talk_raw(w, SPAN(".\r\n"), lines == 65 ? "250 2.0.0" : "552 5.3.4");
        begin(w, "MAIL FROM:<a@far.test>");
        host_sends(w->host, lines == 65 ? "BDAT 65000 LAST\r\n" : "BDAT 66000 LAST\r\n");
        for (int i = 0; i < lines; i++)
            host_send(w->host, span_of(line, sizeof line));
        (void)talk_reply(w, lines == 65 ? "250 2.0.0" : "552 5.3.4");
        talk(w, "NOOP", "250 ", NULL);
    }
    assert_int_equal(world_count(w, w->alice), 2);
}

/* What is refused is taken to its end, but not for ever. */
static void without_end(void **state)
{
    struct world *w = *state;
    static char line[1000];
    memset(line, 'x', sizeof line);
    memcpy(line + sizeof line - 2, "\r\n", 2);
    w->config->smtp_size_max = 30000;
    static const struct {
        const char *before, *reply; /* BDAT, if it is not DATA, and what is said at the end */
        bool mail;
    } kinds[] = {
        {NULL, "552 5.3.4", true},
        {"BDAT 1000000000000 LAST\r\n", "552 5.3.4", true},
        {"BDAT 1000000000000 LAST\r\n", "503 5.5.1", false},
    };
    for (size_t kind = 0; kind < COUNT_OF(kinds); kind++) {
        if (kinds[kind].before == NULL)
            talk_data(w);
        else if (kinds[kind].mail)
            begin(w, "MAIL FROM:<a@far.test>");
        else
            talk_hello(w, PORT_MX);
        if (kinds[kind].before != NULL)
            host_sends(w->host, kinds[kind].before);
        int lines = 0;
        for (; lines < 1000 && !host_closed(w->host); lines++)
            host_send(w->host, span_of(line, sizeof line));
        assert_in_range(lines, 60, 100);
        (void)talk_reply(w, kinds[kind].reply);
        host_expect_closed(w->host);
    }
    begin(
        w,
        "MAIL FROM:<a@far.test>"); /* in chunks: the second is refused, what follows is not counted
                                         * as a mistake, but it has an end, too */
    int chunks = 0;
    for (; chunks < 100 && !host_closed(w->host); chunks++) {
        host_sends(w->host, "BDAT 20000\r\n");
        for (int i = 0; i < 20 && !host_closed(w->host); i++)
            host_send(w->host, span_of(line, sizeof line));
    }
    assert_in_range(chunks, 4, 10);
    assert_int_equal(world_count(w, w->alice), 0);
}

/* Other half-sent messages have taken the room that all together may take. */
static void no_room_for_more(void **state)
{
    struct world *w = *state;
    static char line[1000];
    memset(line, 'x', sizeof line);
    memcpy(line + sizeof line - 2, "\r\n", 2);
    w->spools.bytes.max = 500 * 1000;
    for (int64_t others = 0; others < 2; others++) {
        w->spools.bytes.used = others * 400 * 1000;
        talk_data(w);
        for (int i = 0; i < 200; i++)
            host_send(w->host, span_of(line, sizeof line));
        talk_raw(w, SPAN(".\r\n"), others == 0 ? "250 2.0.0" : "452 4.3.1");
        talk(w, "NOOP", "250 ", NULL);
        assert_int_equal(w->spools.bytes.used, others * 400 * 1000);
    }
    talk_data(w); /* what fits into memory goes on */
    host_send(w->host, span_of(line, sizeof line));
    talk_raw(w, SPAN(".\r\n"), "250 2.0.0");
    assert_int_equal(world_count(w, w->alice), 2);
}

static void headers_beyond_limits(void **state)
{
    struct world *w = *state;
    if (talk_cut == HOST_BYTES)
        return; /* half a megabyte byte by byte */
    struct buf b;
    buf_init(&b, 1 << 20);
    talk_data(w);
    for (int i = 0; i <= LIMIT_SMTP_RECEIVED; i++)
        buf_puts(&b, "Received: from x by y; Sun, 22 Nov 2026 10:00:00 +0000\r\n");
    buf_puts(&b, "\r\nx\r\n.\r\n");
    talk_raw(w, buf_span(&b), "554 5.4.6");
    buf_clear(&b);
    talk_data(w);
    for (int i = 0; i <= LIMIT_SMTP_HEADER_FIELDS; i++)
        buf_puts(&b, "x: y\r\n");
    buf_puts(&b, "\r\nx\r\n.\r\n");
    talk_raw(w, buf_span(&b), "554 5.6.0");
    buf_clear(&b);
    talk_data(w);
    buf_puts(&b, "x: y");
    while (b.n <= LIMIT_SMTP_HEADER)
        buf_puts(&b, "\r\n 0123456789012345678901234567890123456789012345678901234567890123456789");
    buf_puts(&b, "\r\n\r\nx\r\n.\r\n");
    talk_raw(w, buf_span(&b), "552 5.3.4");
    buf_clear(&b);
    talk_data(w);
    while (b.n <= LIMIT_SMTP_LINE_ACCEPTED)
        buf_puts(&b, "0123456789");
    buf_puts(&b, "\r\n.\r\n");
    talk_raw(w, buf_span(&b), "554 5.6.0");
    assert_int_equal(world_count(w, w->alice), 0);
    buf_done(&b);
}

static void time_limits(void **state)
{
    struct world *w = *state;
    talk_data(w);
    host_timeout(w->host);
    host_expect(w->host, "421 4.4.2 The message took too long");
    host_expect_closed(w->host);
    /* a client that is never silent for long, and never done: each of its 20000 bytes buys 0.1 ms
     */
    begin(w, "MAIL FROM:<a@far.test>");
    host_sends(w->host, "BDAT 20000\r\n");
    static char piece[10000];
    memset(piece, 'x', sizeof piece);
    clock_fake_advance(&w->clock, 599000);
    host_send(w->host, span_of(piece, sizeof piece));
    clock_fake_advance(&w->clock, 4000);
    host_send(w->host, span_of(piece, sizeof piece));
    (void)talk_reply(w, "421 4.4.2");
    host_expect_closed(w->host);
}

/* 50 MB go through with the memory of a piece: the host sees no unit above 64 KiB, and the body is
 * in a file. */
static void fifty_megabytes(void **state)
{
    struct world *w = *state;
    if (talk_cut != HOST_WHOLE)
        return;
    static char piece[100000];
    for (size_t i = 0; i < sizeof piece; i += 100) {
        memset(piece + i, 'y', 98);
        memcpy(piece + i + 98, "\r\n", 2);
    }
    talk_data(w);
    host_sends(w->host, "x: y\r\n\r\n");
    for (int i = 0; i < 500; i++)
        host_send(w->host, span_of(piece, sizeof piece));
    talk_raw(w, SPAN(".\r\n"), "250 2.0.0");
    holds(w, w->alice, "Received", span_of(piece, sizeof piece));
}

/* ---- what is added ----------------------------------------------------------------------- */

static void submission_fills_in(void **state)
{
    struct world *w = *state;
    talk_login(w, "alice@example.test");
    talk(w, "MAIL FROM:<alice@example.test> SMTPUTF8", "250 ", "RCPT TO:<alice@example.test>",
         "250 ", "RCPT TO:<bob@example.test>", "250 ", "DATA", "354 ", "Subject: x\r\n\r\nx\r\n.",
         "250 2.0.0", NULL);
    static const char *const added[] = {"Date: Sun, 22 Nov 2026 10:00:00 +0000\r\n",
                                        "@mx.example.test>\r\n", "with UTF8SMTPSA id ",
                                        "(TLSv1.3 "};
    for (size_t i = 0; i < COUNT_OF(added); i++)
        holds(w, w->alice, added[i], SPAN("Subject: x\r\n\r\nx\r\n"));
    struct buf b;
    buf_init(&b, 1 << 20);
    world_newest(w, w->alice, &b);
    assert_true(span_find(buf_span(&b), SPAN("for <")) <
                0); /* two recipients: neither learns of the other */
    talk(w, "MAIL FROM:<alice@example.test>", "250 ", "RCPT TO:<alice@example.test>", "250 ",
         "DATA", "354 ", "DATE: now\r\nMessage-id: <x@y>\r\n\r\nx\r\n.", "250 2.0.0", NULL);
    world_newest(w, w->alice, &b);
    assert_true(span_find(buf_span(&b), SPAN("Date: ")) < 0);
    assert_true(span_find(buf_span(&b), SPAN("Message-ID: ")) < 0);
    buf_done(&b);
}

static void strange_names_stay_harmless(void **state)
{
    struct world *w = *state;
    world_connect(w, PORT_MX, talk_cut);
    host_expect(w->host, "220 ");
    talk(w, "HELO (x);\"<\xff>", "250 ", "MAIL FROM:<a@far.test>", "250 ",
         "RCPT TO:<alice@example.test>", "250 ", "DATA", "354 ", "x: y\r\n\r\nx\r\n.", "250 2.0.0",
         NULL);
    holds(w, w->alice,
          "Received: from ?x????\?? ([192.0.2.7])\r\n\tby mx.example.test with SMTP id ",
          SPAN("x: y\r\n\r\nx\r\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TALK_TEST(kept_as_it_came),
        TALK_TEST(several_messages_in_a_session),
        TALK_TEST(one_pipeline),
        TALK_TEST(smuggled_commands),
        TALK_TEST(chunks),
        TALK_TEST(chunks_that_are_wrong),
        TALK_TEST(binary),
        TALK_TEST(too_big),
        TALK_TEST(without_end),
        TALK_TEST(headers_beyond_limits),
        TALK_TEST(time_limits),
        TALK_TEST(no_room_for_more),
        TALK_TEST(fifty_megabytes),
        TALK_TEST(submission_fills_in),
        TALK_TEST(strange_names_stay_harmless),
    };
    return TALK_RUN(tests);
}
