/* SPDX-License-Identifier: Apache-2.0 */
/* Which fields an envelope takes, what of them, and what it does with those that are there twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "message/envelope.h"
#include "message/message.h"

static void take_all(struct message_envelope *e, struct span header, size_t most, struct arena *a)
{
    struct header_walk w = header_walk_of(header);
    struct header_field f;
    while (header_next(&w, &f))
        (void)envelope_take(e, f.name, f.value, most, a);
}

static void show_text(struct buf *out, const char *name, struct span s)
{
    if (s.p != NULL)
        buf_printf(out, "%s=%.*s|", name, SPAN_ARG(s));
}

static void show_list(struct buf *out, const char *name, const struct mail_address *m)
{
    if (m == NULL)
        return;
    buf_printf(out, "%s=", name);
    for (; m != NULL; m = m->next) {
        if (m->kind == ADDRESS_MAILBOX)
            address_write(m, out);
        else
            buf_put(out, m->kind == ADDRESS_GROUP ? SPAN("{") : SPAN("}"));
        if (m->next != NULL)
            buf_putc(out, ',');
    }
    buf_putc(out, '|');
}

static void show(struct buf *out, const struct message_envelope *e)
{
    show_text(out, "date", e->date);
    show_text(out, "subject", e->subject);
    show_list(out, "from", e->from);
    show_list(out, "sender", e->sender);
    show_list(out, "reply-to", e->reply_to);
    show_list(out, "to", e->to);
    show_list(out, "cc", e->cc);
    show_list(out, "bcc", e->bcc);
    show_text(out, "in-reply-to", e->in_reply_to);
    show_text(out, "message-id", e->message_id);
    show_text(out, "references", e->references);
}

static const struct {
    const char *header, *envelope;
} cases[] = {
    {"", ""},
    {"X: y\nReceived: z\nContent-Type: text/plain\nFromm: a@b\nFro: a@b\n", ""},
    /* RFC 9051 §7.5.2's example */
    {"Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\nFrom: Terry Gray <gray@cac.washington.edu>\r\n"
     "Subject: IMAP4rev2 WG mtg summary and minutes\r\nTo: imap@cac.washington.edu\r\n"
     "cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>\r\n"
     "Message-Id: <B27397-0100000@cac.washington.ed>\r\nMIME-Version: 1.0\r\n"
     "Content-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\n",
     "date=Wed, 17 Jul 1996 02:23:25 -0700 (PDT)|subject=IMAP4rev2 WG mtg summary and minutes|"
     "from=gray@cac.washington.edu|to=imap@cac.washington.edu|"
     "cc=minutes@CNRI.Reston.VA.US,KLENSIN@MIT.EDU|message-id=<B27397-0100000@cac.washington.ed>|"},
    {"SENDER: a@b\nReply-To: c@d,\n e@f\nbcc:g@h\nIn-Reply-To:\t<i>\nReferences: <j>\n <k>\n",
     "sender=a@b|reply-to=c@d,e@f|bcc=g@h|in-reply-to=<i>|references=<j> <k>|"},
    /* unfolded and trimmed, and nothing else */
    {"Subject:  =?utf-8?q?x?= \xe4\r\n\ty  \r\n", "subject==?utf-8?q?x?= \xe4\ty|"},
    {"Subject:\nDate: \n", "date=|subject=|"},
    {"Bcc: \nTo: undisclosed-recipients:;\n", "to={,}|"},
    /* twice: the first text, all addresses */
    {"Subject: a\nSubject: b\nDate:\nDate: x\n", "date=|subject=a|"},
    {"From: a@b\nTo: x@y\nFrom: c@d, e@f\nFrom:\nFrom: g@h\n", "from=a@b,c@d,e@f,g@h|to=x@y|"},
    {"To:\nTo: a@b\n", "to=a@b|"},
};

static void takes(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena *a = arena_new(65536);
        struct message_envelope e = {0};
        struct buf out;
        buf_init(&out, 4096);
        take_all(&e, span_str(cases[i].header), 100, a);
        show(&out, &e);
        if (!span_eq(buf_span(&out), span_str(cases[i].envelope)))
            fail_msg("%s:\n  %.*s", cases[i].header, SPAN_ARG(buf_span(&out)));
        buf_done(&out);
        arena_free(a);
    }
}

static void results(void **state)
{
    (void)state;
    struct arena *a = arena_new(65536);
    struct message_envelope e = {0};
    assert_true(envelope_has_field(SPAN("MESSAGE-ID")));
    assert_false(envelope_has_field(SPAN("Message")));
    assert_false(envelope_has_field(SPAN("")));
    assert_int_equal(envelope_take(&e, SPAN("X"), SPAN("y"), 9, a), ENVELOPE_OTHER);
    assert_int_equal(envelope_take(&e, SPAN("Date"), SPAN("y"), 9, a), ENVELOPE_TAKEN);
    assert_int_equal(envelope_take(&e, SPAN("date"), SPAN("z"), 9, a), ENVELOPE_TWICE);
    assert_int_equal(envelope_take(&e, SPAN("To"), SPAN("a@b, c@d"), 2, a), ENVELOPE_TAKEN);
    assert_int_equal(envelope_take(&e, SPAN("To"), SPAN("e@f"), 2, a), ENVELOPE_TWICE);
    assert_int_equal(envelope_take(&e, SPAN("Cc"), SPAN("a@b, c@d, e@f"), 2, a), ENVELOPE_CUT);
    assert_int_equal(envelope_take(&e, SPAN("Bcc"), SPAN("a@b"), 0, a), ENVELOPE_CUT);
    assert_null(e.cc->next->next);
    assert_null(e.bcc);
    arena_free(a);
}

/* Two million fields of one list: each is linked behind the last without a walk over those before it, or the
 * time limit of the test is met. */
static void many_fields(void **state)
{
    enum { FIELDS = 2000000 };
    (void)state;
    struct arena *a = arena_new((size_t)FIELDS * 128);
    struct message_envelope e = {0};
    for (size_t i = 0; i < FIELDS; i++)
        (void)envelope_take(&e, SPAN("To"), SPAN("x"), 9, a);
    assert_int_equal(arena_err(a), 0);
    size_t n = 0;
    for (const struct mail_address *m = e.to; m != NULL; m = m->next)
        n++;
    assert_int_equal(n, FIELDS);
    arena_free(a);
}

static void small_arenas(void **state)
{
    (void)state;
    for (size_t size = 16; size < 1024; size += 16) {
        struct arena *a = arena_new(size);
        struct message_envelope e = {0};
        take_all(&e, SPAN("From: a@b, c@d\nSubject: x\nTo: e@f\nTo: g@h\n"), 9, a);
        bool all = e.subject.p != NULL && e.to != NULL && e.to->next != NULL &&
                   e.to->next->domain.p != NULL && e.from->next != NULL;
        assert_true(all || arena_err(a) != 0);
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes),
        cmocka_unit_test(results),
        cmocka_unit_test(many_fields),
        cmocka_unit_test(small_arenas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
