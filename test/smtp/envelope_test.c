/* SPDX-License-Identifier: Apache-2.0 */
/* MAIL and RCPT: their grammar, their parameters, who may send what to whom, and the limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"
#include "talk.h"

#define ANNA                                                                                       \
    "anna@b\xc3\xbc"                                                                               \
    "cher.test"

struct line {
    const char *command, *reply;
};

static const struct line mail_lines[] = {
    {"MAIL FROM:<a@far.test>", "250 2.1.0"},
    {"mail from:<a@far.test>", "250 2.1.0"},
    {"MAIL FROM: <a@far.test>", "250 2.1.0"},
    {"MAIL FROM:<>", "250 2.1.0"},
    {"MAIL FROM:<@r.test,@s.test:a@far.test>", "250 2.1.0"},
    {"MAIL FROM:<\"a b\"@far.test>", "250 2.1.0"},
    {"MAIL FROM:<a@[192.0.2.1]>", "250 2.1.0"},
    {"MAIL FROM:<a@[IPv6:2001:db8::1]>", "250 2.1.0"},
    {"MAIL FROM:<a@far.test> SIZE=1000 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=a+2Bb AUTH=<>",
     "250 2.1.0"},
    {"MAIL FROM:<a@far.test> size=52428800 body=binarymime ret=full auth=a+40b", "250 2.1.0"},
    {"MAIL FROM:<a@far.test>  BODY=7BIT ", "250 2.1.0"},
    {"MAIL FROM:<j\xc3\xb6rg@far.test> SMTPUTF8", "250 2.1.0"},
    {"MAIL FROM:<j\xc3\xb6rg@far.test>", "553 5.6.7"},
    {"MAIL", "501 5.5.4"},
    {"MAIL FROM", "501 5.5.4"},
    {"MAIL a@far.test", "501 5.5.4"},
    {"MAIL FROM:a@far.test", "501 5.5.4"},
    {"MAIL TO:<a@far.test>", "501 5.5.4"},
    {"MAIL FROM:<a@far.test>SIZE=1", "501 5.5.4"},
    {"MAIL FROM:<a@far.test", "553 5.1.7"},
    {"MAIL FROM:<a", "553 5.1.7"},
    {"MAIL FROM:<a>", "553 5.1.7"},
    {"MAIL FROM:<a b@far.test>", "553 5.1.7"},
    {"MAIL FROM:<@far.test>", "553 5.1.7"},
    {"MAIL FROM:<a@far..test>", "553 5.1.7"},
    {"MAIL FROM:<\xff@far.test> SMTPUTF8", "553 5.1.7"},
    {"MAIL FROM:<a@far.test> SIZE=52428801", "552 5.3.4"},
    {"MAIL FROM:<a@far.test> SIZE=99999999999999999999999", "501 5.5.4"},
    {"MAIL FROM:<a@far.test> SIZE=", "501 5.5.4"},
    {"MAIL FROM:<a@far.test> SIZE", "501 5.5.4"},
    {"MAIL FROM:<a@far.test> SIZE=-1", "501 5.5.4"},
    {"MAIL FROM:<a@far.test> SIZE=1 SIZE=1", "501 5.5.4"},
    {"MAIL FROM:<a@far.test> BODY=9BIT", "501 5.5.4"},
    {"MAIL FROM:<a@far.test> SMTPUTF8=yes", "501 5.5.4"},
    {"MAIL FROM:<a@far.test> RET=SOME", "501 5.5.4"},
    {"MAIL FROM:<a@far.test> ENVID=a+zz", "501 5.5.4"},
    {"MAIL FROM:<a@far.test> AUTH=a+4", "501 5.5.4"},
    {"MAIL FROM:<a@far.test> =x", "501 5.5.4"},
    {"MAIL FROM:<a@far.test> X=a=b", "501 5.5.4"},
    {"MAIL FROM:<a@far.test> REQUIRETLS", "555 5.5.4"},
    {"MAIL FROM:<a@far.test> NOTIFY=NEVER", "555 5.5.4"},
};

static const struct line rcpt_lines[] = {
    {"RCPT TO:<alice@example.test>", "250 2.1.5"},
    {"rcpt to: <ALICE@Example.TEST>", "250 2.1.5"},
    {"RCPT TO:<alice+shop@example.test>", "250 2.1.5"},
    {"RCPT TO:<alice@example.com.test>", "250 2.1.5"},
    {"RCPT TO:<\"alice\"@example.test>", "250 2.1.5"},
    {"RCPT TO:<@r.test:alice@example.test>", "250 2.1.5"},
    {"RCPT TO:<team@example.test>", "250 2.1.5"},
    {"RCPT TO:<" ANNA ">", "250 2.1.5"},
    {"RCPT TO:<anna@xn--bcher-kva.test>", "250 2.1.5"},
    {"RCPT TO:<alice@example.test> NOTIFY=NEVER", "250 2.1.5"},
    {"RCPT TO:<alice@example.test> notify=success,Failure,DELAY orcpt=rfc822;a+2Bb@c", "250 2.1.5"},
    {"RCPT TO:<alice@example.test> ORCPT=utf-8;j\xc3\xb6rg@x", "250 2.1.5"},
    {"RCPT TO:<nobody@example.test>", "550 5.1.1"},
    {"RCPT TO:<sam@example.test>", "550 5.2.1"},
    {"RCPT TO:<someone@far.test>", "554 5.7.1 Relaying denied"},
    {"RCPT TO:<alice@[192.0.2.1]>", "554 5.7.1 Relaying denied"},
    {"RCPT TO:<away@example.test>", "550 5.7.1"},
    {"RCPT TO:<alice%far.test@example.test>", "550 5.1.1"},
    {"RCPT", "501 5.5.4"},
    {"RCPT TO:alice@example.test", "501 5.5.4"},
    {"RCPT FROM:<alice@example.test>", "501 5.5.4"},
    {"RCPT TO:<>", "553 5.1.3"},
    {"RCPT TO:<alice>", "553 5.1.3"},
    {"RCPT TO:<alice@>", "553 5.1.3"},
    {"RCPT TO:<alice@example.test> NOTIFY=", "501 5.5.4"},
    {"RCPT TO:<alice@example.test> NOTIFY=NEVER,DELAY", "501 5.5.4"},
    {"RCPT TO:<alice@example.test> NOTIFY=DELAY,", "501 5.5.4"},
    {"RCPT TO:<alice@example.test> NOTIFY=OFTEN", "501 5.5.4"},
    {"RCPT TO:<alice@example.test> NOTIFY=DELAY NOTIFY=DELAY", "501 5.5.4"},
    {"RCPT TO:<alice@example.test> ORCPT=a@b", "501 5.5.4"},
    {"RCPT TO:<alice@example.test> ORCPT=rfc822;a+", "501 5.5.4"},
    {"RCPT TO:<alice@example.test> SIZE=1", "555 5.5.4"},
};

static void mail_grammar(void **state)
{
    struct world *w = *state;
    for (size_t i = 0; i < COUNT_OF(mail_lines); i++) {
        talk_hello(w, PORT_MX);
        talk(w, mail_lines[i].command, mail_lines[i].reply, NULL);
        /* what was refused left nothing behind */
        bool open = mail_lines[i].reply[0] == '2';
        talk(w, "MAIL FROM:<b@far.test>", open ? "503 5.5.1" : "250 2.1.0", NULL);
    }
}

static void rcpt_grammar_and_judgement(void **state)
{
    struct world *w = *state;
    for (size_t i = 0; i < COUNT_OF(rcpt_lines); i++) {
        talk_hello(w, PORT_MX);
        talk(w, "MAIL FROM:<a@far.test> SMTPUTF8", "250 2.1.0", rcpt_lines[i].command,
             rcpt_lines[i].reply, NULL);
        bool taken = rcpt_lines[i].reply[0] == '2';
        talk(w, "DATA", taken ? "354 " : "5", NULL);
    }
}

static void without_esmtp_no_parameters(void **state)
{
    struct world *w = *state;
    world_connect(w, PORT_MX, talk_cut);
    host_expect(w->host, "220 ");
    talk(w, "HELO x", "250 ", "MAIL FROM:<a@far.test> SIZE=1", "555 5.5.4",
         "MAIL FROM:<a@far.test>", "250 2.1.0", "RCPT TO:<alice@example.test> NOTIFY=NEVER",
         "555 5.5.4", "RCPT TO:<" ANNA ">", "553 5.6.7", "RCPT TO:<alice@example.test>",
         "250 2.1.5", NULL);
}

static void postmaster_needs_no_domain(void **state)
{
    struct world *w = *state;
    talk_hello(w, PORT_MX);
    talk(w, "MAIL FROM:<>", "250 2.1.0", "RCPT TO:<Postmaster@example.test>", "250 2.1.5", NULL);
    host_sends(w->host, "RCPT TO:<Postmaster>\r\n");
    (void)talk_reply(w, "250 2.1.5");
}

static void over_quota(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < 2; i++) {
        talk_hello(w, PORT_MX);
        talk(w, "MAIL FROM:<a@far.test>", "250 ", "RCPT TO:<bob@example.test>", "250 ", "DATA",
             "354 ", "Subject: x\r\n\r\nx\r\n.", "250 2.0.0", NULL);
    }
    talk(w, "MAIL FROM:<a@far.test>", "250 ", "RCPT TO:<bob@example.test>", "452 4.2.2", NULL);
    w->config->smtp_over_quota = 1;
    talk(w, "RCPT TO:<bob@example.test>", "552 5.2.2", "RCPT TO:<team@example.test>", "250 2.1.5",
         NULL);
}

static void sizes_of_classes(void **state)
{
    struct world *w = *state;
    talk_hello(w, PORT_MX);
    talk(w, "MAIL FROM:<a@far.test> SIZE=20001", "250 ", "RCPT TO:<bob@example.test>", "552 5.3.4",
         "RCPT TO:<alice@example.test>", "250 ", "RSET", "250 ", NULL);
    /* nothing declared: told at the end of the message */
    talk(w, "MAIL FROM:<a@far.test>", "250 ", "RCPT TO:<alice@example.test>", "250 ",
         "RCPT TO:<bob@example.test>", "250 ", "DATA", "354 ", NULL);
    for (int i = 0; i < 200; i++)
        host_sends(w->host, "0123456789012345678901234567890123456789012345678901234567890123456789"
                            "0123456789012345678901234567\r\n");
    talk_raw(w, SPAN("1\r\n.\r\n"), "552 5.3.4");
    assert_int_equal(world_count(w, w->alice) + world_count(w, w->bob), 0);
}

static void a_thousand_recipients(void **state)
{
    struct world *w = *state;
    if (talk_cut == HOST_BYTES)
        return; /* an hour of sanitizers for nothing new */
    char line[100];
    talk_hello(w, PORT_MX);
    talk(w, "MAIL FROM:<a@far.test>", "250 ", NULL);
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(line, sizeof line, "RCPT TO:<alice+%d@example.test>", i);
        talk(w, line, "250 2.1.5", NULL);
    }
    talk(w, "RCPT TO:<bob@example.test>", "452 4.5.3", "DATA", "354 ", "Subject: x\r\n\r\nx\r\n.",
         "250 2.0.0", NULL);
    assert_int_equal(world_count(w, w->alice), 1);
}

static void guessing_addresses(void **state)
{
    struct world *w = *state;
    char line[100];
    talk_hello(w, PORT_MX);
    talk(w, "MAIL FROM:<a@far.test>", "250 ", NULL);
    for (int i = 1; i < LIMIT_SMTP_UNKNOWN_RCPT; i++) {
        (void)snprintf(line, sizeof line, "RCPT TO:<guess%d@example.test>", i);
        talk(w, line, "550 5.1.1", NULL);
    }
    talk_raw(w, SPAN("RCPT TO:<last@example.test>\r\n"), "421 4.7.0");
    host_expect_closed(w->host);
}

/* ---- submission -------------------------------------------------------------------------- */

static void submission_wants_a_login(void **state)
{
    struct world *w = *state;
    talk_hello(w, PORT_SUBMISSION);
    host_sends(w->host, "MAIL FROM:<alice@example.test>\r\n");
    struct span said = talk_reply(w, "530 5.7.0");
    assert_true(span_find(said, SPAN("authentication")) > 0 &&
                span_find(said, SPAN("encryption")) > 0);
    talk_hello(w, PORT_SUBMISSIONS);
    host_sends(w->host, "MAIL FROM:<alice@example.test>\r\n");
    assert_true(span_find(talk_reply(w, "530 5.7.0"), SPAN("authentication")) > 0);
}

static void own_addresses_only(void **state)
{
    struct world *w = *state;
    static const struct line lines[] = {
        {"MAIL FROM:<alice@example.test>", "250 2.1.0"},
        {"MAIL FROM:<Alice@EXAMPLE.test>", "250 2.1.0"},
        {"MAIL FROM:<alice+x@example.test>", "250 2.1.0"},
        {"MAIL FROM:<alice@example.com.test>", "250 2.1.0"},
        {"MAIL FROM:<team@example.test>", "250 2.1.0"},
        {"MAIL FROM:<>", "250 2.1.0"},
        {"MAIL FROM:<bob@example.test>", "553 5.7.1"},
        {"MAIL FROM:<nobody@example.test>", "553 5.7.1"},
        {"MAIL FROM:<alice@far.test>", "553 5.7.1"},
        {"MAIL FROM:<away@example.test>", "553 5.7.1"},
    };
    talk_login(w, "alice@example.test");
    for (size_t i = 0; i < COUNT_OF(lines); i++)
        talk(w, lines[i].command, lines[i].reply, "RSET", "250 ", NULL);
}

static void no_mail_to_other_servers_yet(void **state)
{
    struct world *w = *state;
    talk_login(w, "alice@example.test");
    talk(w, "MAIL FROM:<alice@example.test>", "250 ", "RCPT TO:<someone@far.test>",
         "550 5.7.1 This server cannot send mail to other servers yet",
         "RCPT TO:<away@example.test>", "550 5.7.1", "DATA", "554 5.5.1",
         "RCPT TO:<bob@example.test>", "250 2.1.5", NULL);
}

static void null_sender_needs_an_honest_from(void **state)
{
    struct world *w = *state;
    static const struct line lines[] = {
        {"From: Alice <alice@example.test>\r\n\r\nread it\r\n.", "250 2.0.0"},
        {"From: Bob <bob@example.test>\r\n\r\nread it\r\n.", "550 5.7.1"},
        {"Subject: nobody\r\n\r\nread it\r\n.", "550 5.7.1"},
    };
    talk_login(w, "alice@example.test");
    for (size_t i = 0; i < COUNT_OF(lines); i++)
        talk(w, "MAIL FROM:<>", "250 ", "RCPT TO:<alice@example.test>", "250 ", "DATA", "354 ",
             lines[i].command, lines[i].reply, NULL);
    assert_int_equal(world_count(w, w->alice), 1);
}

static void sending_limits(void **state)
{
    struct world *w = *state;
    talk_login(w, "bob@example.test");
    for (int i = 0; i < 3; i++)
        talk(w, "MAIL FROM:<bob@example.test>", "250 ", "RCPT TO:<alice@example.test>", "250 ",
             "DATA", "354 ", "Subject: x\r\n\r\nx\r\n.", "250 2.0.0", NULL);
    talk(w, "MAIL FROM:<bob@example.test>", "450 4.7.1", NULL);
    clock_fake_advance(&w->clock, 70 * 60 * 1000);
    talk(w, "MAIL FROM:<bob@example.test> SIZE=20001", "552 5.3.4", "MAIL FROM:<bob@example.test>",
         "250 ", NULL);
    for (int i = 0; i < 5; i++)
        talk(w, "RCPT TO:<alice@example.test>", "250 ", NULL);
    talk(w, "RCPT TO:<alice@example.test>", "450 4.7.1", "DATA", "354 ", "x: y\r\n\r\nx\r\n.",
         "250 2.0.0", "MAIL FROM:<bob@example.test>", "450 4.7.1", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TALK_TEST(mail_grammar),
        TALK_TEST(rcpt_grammar_and_judgement),
        TALK_TEST(without_esmtp_no_parameters),
        TALK_TEST(postmaster_needs_no_domain),
        TALK_TEST(over_quota),
        TALK_TEST(sizes_of_classes),
        TALK_TEST(a_thousand_recipients),
        TALK_TEST(guessing_addresses),
        TALK_TEST(submission_wants_a_login),
        TALK_TEST(own_addresses_only),
        TALK_TEST(no_mail_to_other_servers_yet),
        TALK_TEST(null_sender_needs_an_honest_from),
        TALK_TEST(sending_limits),
    };
    return TALK_RUN(tests);
}
