/* SPDX-License-Identifier: Apache-2.0 */
/* SEARCH, SORT and THREAD as a client sees them. */
#include "one_world.h"

#include "world.h"

static struct host *h;

/* UIDs 2 to 7, so that numbers and UIDs differ. */
static const struct {
    const char *text;
    uint32_t flags;
} messages[] = {
    {"From: gone@example.org\r\n\r\n", 0},
    {"From: Fred Foobar <foobar@blurdybloop.example>\r\nTo: mooch@owatagu.example\r\nCc: b@x\r\n"
     "Subject: afternoon meeting\r\nDate: Mon, 7 Feb 1994 21:52:25 -0800\r\nMessage-Id: "
     "<1@x>\r\n\r\n"
     "Hello Joe, do you think we can meet at 3:30 tomorrow?\r\n",
     FLAG_SEEN},
    {"From: =?utf-8?q?J=C3=B6rg?= Smith <smith@example.org>\r\nTo: a@x\r\n"
     "Subject: Re: afternoon meeting\r\nDate: Tue, 8 Feb 1994 09:00:00 +0100\r\nMessage-Id: "
     "<2@x>\r\n"
     "References: <1@x>\r\n\r\nyes\r\n",
     FLAG_FLAGGED},
    {"From: zed@example.org\r\nTo: c@x\r\nBcc: hidden@example.org\r\nSubject: "
     "=?koi8-r?b?z9TQ1dPL?=\r\n"
     "Date: Wed, 9 Feb 1994 00:30:00 +0900\r\nMessage-Id: <3@x>\r\nX-Spam: yes, very\r\n"
     "Content-Type: text/plain; charset=koi8-r\r\nContent-Transfer-Encoding: base64\r\n\r\n"
     "zcHU2A==\r\n",
     FLAG_SEEN | FLAG_ANSWERED | FLAG_DELETED},
    {"From: amy@example.org\r\nTo: d@x\r\nSubject: lunch\r\nMessage-Id: <4@x>\r\nIn-Reply-To: "
     "<2@x>\r\n\r\n"
     "a longer message, so that it is the largest of all: 0123456789 0123456789 0123456789 "
     "0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789\r\n",
     FLAG_DRAFT},
    {"Subject: [x] LUNCH\r\nDate: Thu, 10 Feb 1994 00:00:00 +0000\r\n\r\n\r\n",
     FLAG_FLAGGED | FLAG_SEEN},
    {"\r\n", 0},
};

static void expunge(uint32_t uid)
{
    struct mail_uid u = {uid};
    size_t removed;
    assert_int_equal(
        mailbox_expunge(&w.mail, w.account, (struct mailbox_id){1}, &u, 1, 0, &removed), 0);
}

static int setup(void **state)
{
    struct mail_store label = {.mailbox = {1}, .op = STORE_ADD};
    struct numset two, refused;
    uint32_t id;
    (void)world_setup(state);
    for (size_t i = 0; i < COUNT_OF(messages); i++) {
        world_append(&w, span_str(messages[i].text), messages[i].flags);
        clock_fake_advance(&w.clock, 86400 * 1000);
    }
    expunge(1);
    assert_int_equal(mailbox_keyword(&w.mail, w.account, SPAN("$Label"), true, &id), 0);
    label.keywords = (struct keyword_ids){.n = 1, .v = {(uint16_t)id}};
    numset_init(&two);
    numset_init(&refused);
    numset_add(&two, 2);
    assert_int_equal(mailbox_store(&w.mail, w.account, &label, &two, &refused), 0);
    numset_done(&two);
    numset_done(&refused);
    h = world_select(&w);
    return 0;
}

static int teardown(void **state)
{
    host_free(h);
    return world_teardown(state);
}

/* The whole line, not its beginning. */
static void says(const char *command, const char *untagged)
{
    struct span line;
    host_sends(h, command);
    host_sends(h, "\r\n");
    assert_true(host_line(h, &line));
    if (!span_eq(span_trim(line), span_str(untagged)))
        fail_msg("%s: %.*s, not %s", command, SPAN_ARG(span_trim(line)), untagged);
    host_expect(h, "a OK");
    host_expect_silence(h);
}

static void keys(void **state)
{
    (void)state;
    static const struct {
        const char *keys, *numbers;
    } cases[] = {
        {"ALL", " 1 2 3 4 5 6"},
        {"1:2,6", " 1 2 6"},
        {"*", " 6"},
        {"2:*", " 2 3 4 5 6"},
        {"4:99", " 4 5 6"},
        {"99", ""},
        {"UID 3:4", " 2 3"},
        {"UID 99", ""},
        {"UID 7:*", " 6"},
        {"SEEN", " 1 3 5"},
        {"UNSEEN", " 2 4 6"},
        {"ANSWERED", " 3"},
        {"UNANSWERED", " 1 2 4 5 6"},
        {"DELETED", " 3"},
        {"UNDELETED", " 1 2 4 5 6"},
        {"DRAFT", " 4"},
        {"UNDRAFT", " 1 2 3 5 6"},
        {"FLAGGED", " 2 5"},
        {"UNFLAGGED", " 1 3 4 6"},
        {"KEYWORD $label", " 1"},
        {"UNKEYWORD $Label", " 2 3 4 5 6"},
        {"KEYWORD $Nobody", ""},
        {"UNKEYWORD $Nobody", " 1 2 3 4 5 6"},
        {"NEW", ""},
        {"RECENT", ""},
        {"OLD", " 1 2 3 4 5 6"},
        {"NOT SEEN", " 2 4 6"},
        {"NOT NOT SEEN", " 1 3 5"},
        {"OR SEEN DRAFT", " 1 3 4 5"},
        {"OR SEEN OR DRAFT 6", " 1 3 4 5 6"},
        {"OR OR 1 2 OR 3 4", " 1 2 3 4"},
        {"NOT OR SEEN OR DRAFT 6", " 2"},
        {"(SEEN FLAGGED)", " 5"},
        {"OR (SEEN FLAGGED) (1)", " 1 5"},
        {"SEEN NOT FLAGGED 1:3", " 1 3"},
        {"FROM smith", " 2"},
        {"FROM \"J\xc3\xb6RG smith\"", " 2"},
        {"FROM {8}\r\nfoobar@b", " 1"},
        {"FROM {8+}\r\nfoobar@b", " 1"},
        {"FROM \"\"", " 1 2 3 4"},
        {"TO @x", " 2 3 4"},
        {"CC b@", " 1"},
        {"BCC hidden", " 3"},
        {"SUBJECT MEETING", " 1 2"},
        {"SUBJECT \xd0\x9e\xd0\xa2\xd0\x9f\xd0\xa3\xd0\xa1\xd0\x9a", " 3"},
        {"SUBJECT \xcf\xf4\xd0\xd5\xd3\xcb", ""},
        {"SUBJECT \"\xd0\x9e\xd0\xa2\xd0\x9f\xd0\xa3\xd0\xa1\xd0\x9a\"", " 3"},
        {"CHARSET UTF-8 SUBJECT \"\xd0\xbe\xd1\x82\xd0\xbf\"", " 3"},
        {"CHARSET UTF-8 SUBJECT \xd0\xbe\xd1\x82\xd0\xbf", " 3"}, /* as imaplib sends it */
        {"CHARSET koi8-r SUBJECT {6+}\r\n\xef\xf4\xf0\xf5\xf3\xeb", " 3"},
        {"BODY \"tomorrow?\"", " 1"},
        {"BODY \"\xd0\xbc\xd0\xb0\xd1\x82\xd1\x8c\"", " 3"},
        {"BODY meeting", ""},
        {"TEXT meeting", " 1 2"},
        {"TEXT \"yes\"", " 2 3"},
        {"HEADER x-spam \"\"", " 3"},
        {"HEADER X-SPAM VERY", " 3"},
        {"HEADER \"Message-Id\" <1@x>", " 1"},
        {"HEADER References \"1@\"", " 2"},
        {"UIDAFTER 5", " 5 6"}, /* RFC 9738 §3.2 */
        {"UIDAFTER 7", ""},
        {"UIDBEFORE 4", " 1 2"},
        {"UIDBEFORE 1", ""},
        {"UIDBEFORE 4294967295 UIDAFTER 1", " 1 2 3 4 5 6"},
        {"NOT UIDAFTER 4294967295 UIDBEFORE 3", " 1"},
        {"UIDAFTER 0", ""},
        {"UIDBEFORE x", ""},
        {"LARGER 254", " 4"},
        {"SMALLER 3", " 6"},
        {"SENTBEFORE 8-Feb-1994", " 1"},
        {"SENTON 9-Feb-1994", " 3"},
        {"SENTSINCE \"09-feb-1994\"", " 3 5"},
        {"NOT SENTSINCE 1-Jan-1970", " 4 6"},
        {"SENTSINCE 1-Jan-0001", " 1 2 3 5"},
        {"BEFORE 1-Jan-2000", ""},
        {"BEFORE 31-Dec-9999", " 1 2 3 4 5 6"},
        {"SINCE 1-Jan-2000", " 1 2 3 4 5 6"},
        {"SAVEDSINCE 1-Jan-2000 SAVEDBEFORE 1-Jan-2100", " 1 2 3 4 5 6"},
        {"SAVEDON 1-Jan-2000", ""},
        {"SAVEDATESUPPORTED", " 1 2 3 4 5 6"},
        {"YOUNGER 172800", " 5 6"},
        {"OLDER 172800", " 1 2 3 4 5"},
        {"OLDER 99999999999", ""},
        {"EMAILID M2", " 1"},
        {"EMAILID M99", ""},
        {"EMAILID X", ""},
        {"THREADID T1", ""},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct span line;
        struct buf command;
        buf_init(&command, 1000);
        buf_printf(&command, "a SEARCH %s\r\n", cases[i].keys);
        buf_putc(&command, '\0');
        host_sends(h, command.p);
        assert_true(host_line(h, &line));
        if (span_starts(line, SPAN("+ ")))
            assert_true(host_line(h, &line));
        line = span_trim(line);
        bool bad = span_starts(line, SPAN("a BAD"));
        if (bad ? cases[i].numbers[0] != '\0'
                : !span_skip(&line, SPAN("* SEARCH")) || !span_eq(line, span_str(cases[i].numbers)))
            fail_msg("%s: %.*s, not %s", cases[i].keys, SPAN_ARG(line), cases[i].numbers);
        if (!bad)
            host_expect(h, "a OK SEARCH completed");
        host_expect_silence(h);
        buf_done(&command);
    }
}

/* RFC 4731 §3.1, RFC 9394 §3.1 */
static void return_options(void **state)
{
    (void)state;
    says("a SEARCH RETURN (MIN COUNT) UNSEEN", "* ESEARCH (TAG \"a\") MIN 2 COUNT 3");
    says("a SEARCH RETURN () UNSEEN", "* ESEARCH (TAG \"a\") ALL 2,4,6");
    says("a UID SEARCH RETURN (ALL) 1:3,5", "* ESEARCH (TAG \"a\") UID ALL 2:4,6");
    says("a UID SEARCH RETURN (MIN MAX) ALL", "* ESEARCH (TAG \"a\") UID MIN 2 MAX 7");
    says("a SEARCH RETURN (MIN) TEXT lunch", "* ESEARCH (TAG \"a\") MIN 4");
    says("a SEARCH RETURN (MAX) TEXT meeting", "* ESEARCH (TAG \"a\") MAX 2");
    says("a SEARCH RETURN (ALL MIN MAX) 99", "* ESEARCH (TAG \"a\")");
    says("a SEARCH RETURN (ALL COUNT) 99", "* ESEARCH (TAG \"a\") COUNT 0");
    says("a UID SEARCH ALL", "* SEARCH 2 3 4 5 6 7");
    says("a SEARCH RETURN (PARTIAL 1:2) UNSEEN", "* ESEARCH (TAG \"a\") PARTIAL (1:2 2,4)");
    says("a UID SEARCH RETURN (PARTIAL 5:2) ALL", "* ESEARCH (TAG \"a\") UID PARTIAL (5:2 3:6)");
    says("a UID SEARCH RETURN (PARTIAL -1:-2) TEXT e",
         "* ESEARCH (TAG \"a\") UID PARTIAL (-1:-2 5:6)");
    says("a SEARCH RETURN (PARTIAL 3:9 COUNT) UNSEEN",
         "* ESEARCH (TAG \"a\") COUNT 3 PARTIAL (3:9 6)");
    says("a SEARCH RETURN (PARTIAL 4:9) UNSEEN", "* ESEARCH (TAG \"a\") PARTIAL (4:9 NIL)");
    says("a SEARCH RETURN (MAX PARTIAL 1:1) UNSEEN", "* ESEARCH (TAG \"a\") MAX 6 PARTIAL (1:1 2)");
    world_talk(h, "a SEARCH RETURN (SAVE) UNSEEN", "a OK", NULL);
}

/* RFC 5182, RFC 9051 §6.4.4.4 */
static void saved(void **state)
{
    static const struct {
        const char *options, *saved;
    } cases[] = {
        {"SAVE", "2,4,6"},
        {"SAVE ALL", "2,4,6"},
        {"MIN SAVE COUNT", "2,4,6"},
        {"SAVE MIN", "2"},
        {"SAVE MAX", "6"},
        {"SAVE MIN MAX", "2,6"},
        {"SAVE PARTIAL 2:2", "4"},
        {"SAVE PARTIAL 2:2 MAX", "4,6"},
        {"SAVE PARTIAL 2:2 COUNT", "2,4,6"},
    };
    (void)state;
    says("a SEARCH RETURN () $", "* ESEARCH (TAG \"a\")");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf b;
        struct span line;
        buf_init(&b, 1000);
        buf_printf(&b, "a SEARCH RETURN (%s) UNSEEN\r\n", cases[i].options);
        buf_putc(&b, '\0');
        host_sends(h, b.p);
        do {
            assert_true(host_line(h, &line));
        } while (!span_starts(line, SPAN("a OK")));
        buf_clear(&b);
        buf_printf(&b, "* ESEARCH (TAG \"a\") ALL %s", cases[i].saved);
        buf_putc(&b, '\0');
        says("a SEARCH RETURN (ALL) $", b.p);
        buf_done(&b);
    }
    says("a UID SEARCH UID $ SMALLER 3", "* SEARCH 7");
    says("a SEARCH OR $ 1", "* SEARCH 1 2 4 6");
    world_talk(h, "a FETCH $ UID", "* 2 FETCH (UID 3)", "* 4 FETCH (UID 5)", "* 6 FETCH (UID 7)",
               "a OK", NULL);
    /* wrong: it stays; refused: it is empty */
    world_talk(h, "a SEARCH RETURN (SAVE) WHAT", "a BAD", NULL);
    says("a SEARCH $", "* SEARCH 2 4 6");
    world_talk(h, "a SEARCH CHARSET X-NOBODY ALL", "a NO", NULL);
    says("a SEARCH $", "* SEARCH 2 4 6");
    world_talk(h, "a SEARCH RETURN (SAVE) CHARSET X-NOBODY ALL", "a NO", NULL);
    says("a SEARCH $", "* SEARCH");
    /* what is expunged leaves it */
    world_talk(h, "a SEARCH RETURN (SAVE) 5:6", "a OK", NULL);
    expunge(7);
    world_talk(h, "a NOOP", "* 6 EXPUNGE", "a OK", NULL);
    says("a UID SEARCH $", "* SEARCH 6");
    says("a SORT RETURN (SAVE MIN) (REVERSE ARRIVAL) UTF-8 UNSEEN", "* ESEARCH (TAG \"a\") MIN 4");
    says("a SEARCH $", "* SEARCH 4");
}

/* Expunges are told behind the numbers, never between. */
static void expunged_meanwhile(void **state)
{
    (void)state;
    expunge(3);
    says("a SEARCH UNDELETED", "* SEARCH 1 4 5 6");
    world_talk(h, "a UID SEARCH UNDELETED", "* SEARCH 2 5 6 7", "* 2 EXPUNGE", "a OK", NULL);
    says("a SEARCH ALL", "* SEARCH 1 2 3 4 5");
}

/* With the number in the place of "%llu", and a NUL. */
static void put_number(struct buf *b, const char *text, unsigned long long number)
{
    struct span s = span_str(text);
    ssize_t at = span_find(s, SPAN("%llu"));
    buf_put(b, span_slice(s, 0, at < 0 ? s.n : (size_t)at));
    if (at >= 0) {
        buf_printf(b, "%llu", number);
        buf_put(b, span_from(s, (size_t)at + 4));
    }
    buf_putc(b, '\0');
}

/* RFC 7162 §3.1.5, RFC 4731 §3.2 */
static void modseqs(void **state)
{
    (void)state;
    static const struct mailbox_id inbox = {1};
    struct mail_range range = {.mailbox = inbox, .max = 10};
    struct mail_item *v;
    struct numset all;
    size_t n;
    numset_init(&all);
    numset_add_range(&all, 1, 10);
    range.uids = &all;
    assert_int_equal(mailbox_items(&w.mail, w.account, &range, w.arena, &v, &n, &range.from), 0);
    numset_done(&all);
    unsigned long long labelled = v[0].modseq.v, second = v[1].modseq.v, last = v[5].modseq.v;
    assert_true(labelled > last && last > second);
    world_talk(h, "a SEARCH MODSEQ 99999", "* OK [HIGHESTMODSEQ ", "* SEARCH", "a OK", NULL);
    const struct {
        const char *keys;
        unsigned long long since;
        const char *answer;
        unsigned long long modseq;
    } cases[] = {
        {"SEARCH MODSEQ %llu", labelled, "* SEARCH 1 (MODSEQ %llu)", labelled},
        {"SEARCH MODSEQ %llu", labelled + 1, "* SEARCH", 0},
        {"UID SEARCH MODSEQ %llu 4:6", second, "* SEARCH 5 6 7 (MODSEQ %llu)", last},
        {"SEARCH MODSEQ \"/flags/\\\\draft\" all %llu", labelled, "* SEARCH 1 (MODSEQ %llu)",
         labelled},
        {"SEARCH OR NOT MODSEQ %llu LARGER 50000", 1, "* SEARCH", 0},
        {"SEARCH MODSEQ %llu", 0, "* SEARCH 1 2 3 4 5 6 (MODSEQ %llu)", labelled},
        {"SEARCH RETURN (MIN) MODSEQ %llu", second, "* ESEARCH (TAG \"a\") MIN 1 MODSEQ %llu",
         labelled},
        {"SEARCH RETURN (MAX) MODSEQ %llu", second, "* ESEARCH (TAG \"a\") MAX 6 MODSEQ %llu",
         last},
        {"SEARCH RETURN (MAX COUNT) MODSEQ %llu", second,
         "* ESEARCH (TAG \"a\") MAX 6 COUNT 6 MODSEQ %llu", labelled},
        {"SORT (REVERSE ARRIVAL) UTF-8 MODSEQ %llu 2:3", 1, "* SORT 3 2 (MODSEQ %llu)", second + 1},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct buf command, answer;
        buf_init(&command, 1000);
        buf_init(&answer, 1000);
        buf_puts(&command, "a ");
        put_number(&command, cases[i].keys, cases[i].since);
        put_number(&answer, cases[i].answer, cases[i].modseq);
        says(command.p, answer.p);
        buf_done(&command);
        buf_done(&answer);
    }
}

static void sorts(void **state)
{
    (void)state;
    says("a SORT (ARRIVAL) US-ASCII ALL", "* SORT 1 2 3 4 5 6");
    says("a SORT (REVERSE ARRIVAL) US-ASCII SEEN", "* SORT 5 3 1");
    says("a SORT (SUBJECT REVERSE DATE) UTF-8 ALL", "* SORT 6 2 1 4 5 3");
    says("a UID SORT (DATE) UTF-8 NOT 6", "* SORT 2 3 4 6 5");
    says("a SORT (FROM) UTF-8 1:4", "* SORT 4 1 2 3");
    says("a SORT (DISPLAYFROM) UTF-8 1:4", "* SORT 4 1 2 3");
    says("a SORT (SIZE TO) UTF-8 UID 99", "* SORT");
    says("a UID SORT RETURN () (REVERSE ARRIVAL) UTF-8 ALL",
         "* ESEARCH (TAG \"a\") UID ALL 7,6,5,4,3,2");
    says("a SORT RETURN (ALL COUNT) (SUBJECT) UTF-8 ALL",
         "* ESEARCH (TAG \"a\") COUNT 6 ALL 6,1:2,4:5,3");
    says("a SORT RETURN (MIN MAX) (SIZE) UTF-8 ALL", "* ESEARCH (TAG \"a\") MIN 6 MAX 4");
    says("a SORT RETURN (MIN MAX ALL) (SIZE) UTF-8 99", "* ESEARCH (TAG \"a\")");
    says("a SORT RETURN (PARTIAL 2:3) (REVERSE ARRIVAL) UTF-8 ALL",
         "* ESEARCH (TAG \"a\") PARTIAL (2:3 5,4)");
    says("a SORT RETURN (PARTIAL -1:-2) (REVERSE ARRIVAL) UTF-8 ALL",
         "* ESEARCH (TAG \"a\") PARTIAL (-1:-2 2,1)");
    says("a SORT RETURN (PARTIAL 7:8) (ARRIVAL) UTF-8 ALL",
         "* ESEARCH (TAG \"a\") PARTIAL (7:8 NIL)");
}

static void threads(void **state)
{
    (void)state;
    says("a THREAD REFERENCES UTF-8 ALL", "* THREAD (1 2 4)(3)(5)(6)");
    says("a UID THREAD REFERENCES UTF-8 ALL", "* THREAD (2 3 5)(4)(6)(7)");
    says("a THREAD ORDEREDSUBJECT UTF-8 ALL", "* THREAD (1 2)(3)(5 4)(6)");
    says("a THREAD REFS UTF-8 ALL", "* THREAD (3)(5)(1 2 4)(6)");
    says("a THREAD REFERENCES UTF-8 2:5", "* THREAD (2 4)(3)(5)");
    says("a THREAD REFERENCES UTF-8 UID 99", "* THREAD");
    world_append(&w, SPAN("Message-Id: <5@x>\r\nReferences: <1@x>\r\nSubject: z\r\n\r\n"), 0);
    world_append(&w, SPAN("Message-Id: <6@x>\r\nReferences: <9@x>\r\nSubject: y\r\n\r\n"), 0);
    world_append(&w, SPAN("Message-Id: <7@x>\r\nReferences: <9@x>\r\nSubject: x\r\n\r\n"), 0);
    world_talk(h, "a NOOP", "* 9 EXISTS", "* 0 RECENT", "a OK", NULL);
    says("a THREAD REFERENCES UTF-8 ALL", "* THREAD (1 (2 4)(7))(3)(5)(6)((8)(9))");
}

static void rev2(void **state)
{
    (void)state;
    host_free(h);
    h = world_login(&w);
    struct span line;
    host_sends(h, "a ENABLE IMAP4rev2\r\ns SELECT INBOX\r\n");
    do {
        assert_true(host_line(h, &line));
    } while (!span_starts(line, SPAN("s ")));
    says("a SEARCH UNSEEN", "* ESEARCH (TAG \"a\") ALL 2,4,6");
    says("a SEARCH TEXT nowhere", "* ESEARCH (TAG \"a\")");
    says("a SORT (ARRIVAL) UTF-8 1:2", "* SORT 1 2");
}

static int64_t (*stands)(struct clock *c);

static int64_t leaps(struct clock *c)
{
    clock_fake_advance(CONTAINER_OF(c, struct clock_fake, clock), 11 * 1000);
    return stands(c);
}

/* RFC 9585 §4: a tag that would end the code is not told. */
static void progress_is_told(void **state)
{
    enum { N = 1000 };
    (void)state;
    static struct mail_append v[N];
    static struct mail_appended out[N];
    static const struct {
        const char *command, *told, *end;
    } searches[] = {
        {"slow SEARCH BODY nowhere\r\n", "* OK [INPROGRESS (\"slow\" ", "slow OK"},
        {"s]ow SEARCH BODY nowhere\r\n", "* OK [INPROGRESS (NIL ", "s]ow OK"},
    };
    struct blob_writer *writer;
    struct span line;
    assert_int_equal(store_blob_create(w.store, &writer), 0);
    assert_int_equal(store_blob_write(writer, SPAN("\r\nx")), 0);
    struct mail_append one = {.received_ms = 1};
    assert_int_equal(store_blob_finish(writer, &one.blob, &one.info), 0);
    for (int k = 0; k < N; k++)
        v[k] = one;
    assert_int_equal(mailbox_append_many(&w.mail, w.account, v, N, out), 0);
    host_sends(h, "n NOOP\r\n");
    do {
        assert_true(host_line(h, &line));
    } while (!span_starts(line, SPAN("n OK")));
    stands = w.clock.clock.mono_ms;
    w.clock.clock.mono_ms = leaps;
    for (size_t k = 0; k < COUNT_OF(searches); k++) {
        host_sends(h, searches[k].command);
        host_expect(h, searches[k].told);
        do {
            assert_true(host_line(h, &line));
            assert_true(!span_starts(line, SPAN("* OK")) ||
                        span_starts(line, span_str(searches[k].told)));
        } while (!span_starts(line, span_str(searches[k].end)));
    }
    w.clock.clock.mono_ms = stands;
}

/* Somebody deletes the mailbox: nothing is in it. */
static void deleted_meanwhile(void **state)
{
    struct mailbox_id id;
    struct span line;
    (void)state;
    assert_int_equal(mailbox_create(&w.mail, w.account, SPAN("there"), USE_NONE, &id), 0);
    host_sends(h, "s SELECT there\r\n");
    do {
        assert_true(host_line(h, &line));
    } while (!span_starts(line, SPAN("s OK")));
    assert_int_equal(mailbox_delete(&w.mail, w.account, id, 0), 0);
    says("a SEARCH ALL", "* SEARCH");
    says("a SORT (DATE) UTF-8 ALL", "* SORT");
    says("a THREAD REFS UTF-8 ALL", "* THREAD");
    says("a SEARCH RETURN (COUNT) NOT DELETED", "* ESEARCH (TAG \"a\") COUNT 0");
}

/* An answer of many steps. */
static void long_answers(void **state)
{
    enum { N = 20000 };
    (void)state;
    static struct mail_append v[1000];
    static struct mail_appended out[1000];
    struct blob_writer *writer;
    struct span line;
    assert_int_equal(store_blob_create(w.store, &writer), 0);
    assert_int_equal(store_blob_write(writer, SPAN("\r\n")), 0);
    struct mail_append one = {.received_ms = 1};
    assert_int_equal(store_blob_finish(writer, &one.blob, &one.info), 0);
    for (int i = 0; i < N; i += 1000) {
        for (int k = 0; k < 1000; k++)
            v[k] = one;
        assert_int_equal(mailbox_append_many(&w.mail, w.account, v, 1000, out), 0);
    }
    host_sends(h, "n NOOP\r\n");
    do {
        assert_true(host_line(h, &line));
    } while (!span_starts(line, SPAN("n OK")));
    host_sends(h, "a UID SEARCH ALL\r\n");
    assert_true(host_line(h, &line));
    assert_true(span_ends(span_trim(line), SPAN(" 20006 20007")));
    uint32_t expect = 2, n;
    struct span rest = span_trim(line);
    assert_true(span_skip(&rest, SPAN("* SEARCH ")));
    while (rest.n > 0) {
        assert_true(span_to_u32(span_split(&rest, ' '), &n));
        assert_int_equal(n, expect++);
    }
    assert_int_equal(expect, N + 8);
    host_expect(h, "a OK");
    host_sends(h, "a THREAD REFS UTF-8 ALL\r\n");
    assert_true(host_line(h, &line));
    assert_true(span_ends(span_trim(line), SPAN("(6)")) || line.n > 100000);
    host_expect(h, "a OK");
    says("a SEARCH RETURN (COUNT MIN MAX) SMALLER 3",
         "* ESEARCH (TAG \"a\") MIN 6 MAX 20006 COUNT 20001");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(keys),
        T(return_options),
        T(saved),
        T(expunged_meanwhile),
        T(modseqs),
        T(sorts),
        T(threads),
        T(rev2),
        T(long_answers),
        T(deleted_meanwhile),
        T(progress_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
