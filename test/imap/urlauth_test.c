/* SPDX-License-Identifier: Apache-2.0 */
/* URLAUTH (RFC 4467): URLs that anna signs, and what others see with them. */
#include "one_world.h"

#include "base/err.h"
#include "world.h"

#define MESSAGE                                                                                    \
    "From: a@example.org\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nSi vis "   \
    "pacem, para bellum.\r\n\r\n--x--\r\n"
#define OF_ANNA "imap://anna%40example.test@example.com"
#define PART    OF_ANNA "/INBOX/;uid=1/;section=1"

static struct host *anna, *bob;
static char url[600];

static struct host *login(const char *user)
{
    struct host *h = world_connect(&w, true, HOST_WHOLE);
    host_sends(h, "a LOGIN ");
    host_sends(h, user);
    host_sends(h, " \"" WORLD_PASSWORD "\"\r\n");
    host_expect(h, "a OK");
    return h;
}

static void add_bob(void)
{
    struct account account = {.address = SPAN("bob@example.test")};
    uint64_t id;
    assert_int_equal(
        auth_credentials_make(w.auth, SPAN(WORLD_PASSWORD), w.arena, &account.credentials), 0);
    assert_int_equal(account_add(w.directory, &account, &id), 0);
    assert_int_equal(mailbox_account_create(&w.mail, id, account.address), 0);
}

static int setup(void **state)
{
    (void)world_setup(state);
    add_bob();
    world_append(&w, SPAN(MESSAGE), 0);
    anna = login(WORLD_USER);
    bob = login("bob@example.test");
    return 0;
}

static int teardown(void **state)
{
    host_free(anna);
    host_free(bob);
    return world_teardown(state);
}

/* anna has it signed; into `url`. */
static void sign(const char *rump)
{
    struct span line;
    host_sends(anna, "a GENURLAUTH \"");
    host_sends(anna, rump);
    host_sends(anna, "\" INTERNAL\r\n");
    line = host_expect(anna, "* GENURLAUTH \"");
    span_skip(&line, SPAN("* GENURLAUTH \""));
    assert_true(span_starts(line, span_str(rump)) && span_ends(line, SPAN("\"")));
    assert_true(span_to_cstr(span_slice(line, 0, line.n - 1), url, sizeof url));
    /* the algorithm, and 256 bits */
    assert_int_equal(line.n, span_str(rump).n + 1 + 8 + 1 + 2 + 64 + 1);
    assert_true(span_find(line, SPAN(":INTERNAL:01")) > 0);
    host_expect(anna, "a OK");
    host_expect_silence(anna);
}

static void ask(struct host *h)
{
    host_sends(h, "f URLFETCH \"");
    host_sends(h, url);
    host_sends(h, "\"\r\n");
}

static void assert_shown(struct host *h, const char *first_line, const char *literal)
{
    ask(h);
    struct span line = host_expect(h, "* URLFETCH \"imap://");
    assert_true(span_ends(line, span_str(literal)));
    host_expect(h, first_line);
    struct span rest;
    do {
        assert_true(host_line(h, &rest));
    } while (!span_starts(rest, SPAN("f ")));
    assert_true(span_starts(rest, SPAN("f OK")));
}

static void assert_nil(struct host *h)
{
    ask(h);
    struct span line = host_expect(h, "* URLFETCH \"");
    assert_true(span_ends(line, SPAN(" NIL")));
    host_expect(h, "f OK");
    host_expect_silence(h);
}

/* §7, the examples */
static void signed_urls_are_shown(void **state)
{
    (void)state;
    sign(PART ";urlauth=anonymous");
    assert_shown(bob, "Si vis pacem, para bellum.", "\" {28}");
    assert_shown(anna, "Si vis pacem, para bellum.", "\" {28}");
    sign(PART ";urlauth=authuser");
    assert_shown(bob, "Si vis pacem, para bellum.", "\" {28}");
    sign(PART "/;partial=3.3;urlauth=authuser");
    assert_shown(bob, "vis", "\" {3}");
    sign(OF_ANNA "/INBOX;UIDVALIDITY=1790000000/;uid=1;URLAUTH=anonymous");
    assert_shown(bob, "From: a@example.org", "}");
    sign(OF_ANNA "/INBOX/;uid=1/;section=HEADER.FIELDS%20(From);URLAUTH=anonymous");
    assert_shown(bob, "From: a@example.org", "\" {23}");
    /* \Seen is as it was */
    struct mail_view v;
    assert_int_equal(mailbox_view_load(&w.mail, w.account, (struct mailbox_id){1}, 10, &v), 0);
    assert_int_equal(v.v[0].flags, 0);
    mailbox_view_done(&v);
}

/* §3 */
static void access_identifiers(void **state)
{
    (void)state;
    sign(PART ";urlauth=user+bob%40example.test");
    assert_shown(bob, "Si vis", "}");
    assert_nil(anna);
    sign(PART ";urlauth=user+anna%40example.test");
    assert_nil(bob);
    sign(PART ";urlauth=submit+bob%40example.test"); /* only for who submits */
    assert_nil(bob);
    assert_nil(anna);
    world_talk(bob, "u UNAUTHENTICATE", "u OK", NULL);
    world_talk(bob, "u URLFETCH x", "u BAD Please log in first", NULL);
}

static void urls_expire(void **state)
{
    (void)state;
    /* the clock says 2026-09-21T14:13:20Z */
    sign(PART ";EXPIRE=2026-09-21T15:13:30+01:00;urlauth=anonymous");
    assert_shown(bob, "Si vis", "}");
    clock_fake_advance(&w.clock, 11000);
    assert_nil(bob);
}

/* §6: nothing of a URL can be changed. */
static void forged_urls_show_nothing(void **state)
{
    (void)state;
    char good[sizeof url];
    sign(PART ";urlauth=anonymous");
    memcpy(good, url, sizeof url);
    for (size_t n = 0; good[n] != '\0'; n++) {
        memcpy(url, good, sizeof url);
        url[n] = (char)(url[n] ^ 1);
        if (url[n] < '!' || url[n] == '"' || url[n] == '\\' || url[n] == '{')
            continue;
        if (ascii_lower(url[n]) == ascii_lower(good[n]))
            continue;
        assert_nil(bob);
    }
    memcpy(url, good, sizeof url);
    url[span_str(good).n - 1] = '\0'; /* cut */
    assert_nil(bob);
    static const char *const none[] = {
        PART,
        PART ";urlauth=anonymous",
        "imap://example.com/INBOX/;uid=1",
        "imap://example.com/",
        "/INBOX/;uid=1",
        OF_ANNA "/INBOX",
        OF_ANNA "/INBOX?ALL",
        "x",
        "",
        PART ";urlauth=anonymous:XSAMPLE:0191354a473744909de610943775f92038",
        "imap://nobody@example.com/INBOX/"
        ";uid=1;urlauth=anonymous:internal:91354a473744909de610943775f92038",
        "imap://anna%40example.test@example.com/Nowhere/"
        ";uid=1;urlauth=anonymous:internal:91354a473744909de610943775f92038",
    };
    for (size_t n = 0; n < COUNT_OF(none); n++) {
        assert_true(span_to_cstr(span_str(none[n]), url, sizeof url));
        assert_nil(bob);
    }
}

/* What is not there any more: NIL as well. */
static void messages_may_be_gone(void **state)
{
    (void)state;
    sign(OF_ANNA "/INBOX/;uid=2;urlauth=anonymous");
    assert_nil(bob);
    sign(PART ".1;urlauth=anonymous"); /* no such section */
    assert_nil(bob);
    world_talk(anna,
               "a GENURLAUTH \"" OF_ANNA "/INBOX;UIDVALIDITY=5/;uid=1;urlauth=anonymous\" INTERNAL",
               "a BAD", NULL);
}

/* RESETKEY */
static void keys_are_changed(void **state)
{
    (void)state;
    sign(PART ";urlauth=anonymous");
    assert_shown(bob, "Si vis", "}");
    world_talk(anna, "r RESETKEY INBOX", "r OK [URLMECH INTERNAL]", NULL);
    assert_nil(bob);
    sign(PART ";urlauth=anonymous");
    assert_shown(bob, "Si vis", "}");
    world_talk(anna, "r RESETKEY Sent INTERNAL", "r OK [URLMECH INTERNAL]", NULL);
    assert_shown(bob, "Si vis", "}");
    world_talk(bob, "r RESETKEY", "r OK", NULL);
    assert_shown(bob, "Si vis", "}");
    world_talk(anna, "r RESETKEY", "r OK", NULL);
    assert_nil(bob);
    world_talk(anna, "r RESETKEY Nowhere", "r NO [NONEXISTENT]", NULL);
    world_talk(anna, "r RESETKEY INBOX XSAMPLE", "r NO [CANNOT]", NULL);
    world_talk(anna, "r RESETKEY (INBOX)", "r BAD", NULL);
}

/* A key follows its mailbox, and goes with it. */
static void mailboxes_come_and_go(void **state)
{
    (void)state;
    world_talk(anna, "c CREATE x", "c OK", NULL);
    world_talk(anna, "c APPEND x {3+}\r\na b", "c OK", NULL);
    sign(OF_ANNA "/x/;uid=1;urlauth=anonymous");
    assert_shown(bob, "a b", "\" {3}");
    world_talk(anna, "c RENAME x y", "c OK", NULL);
    assert_nil(bob);
    world_talk(anna, "c CREATE x", "c OK", NULL);
    world_talk(anna, "c APPEND x {3+}\r\nc d", "c OK", NULL);
    assert_nil(bob);
    world_talk(anna, "c DELETE x", "c OK", NULL);
    world_talk(anna, "c DELETE y", "c OK", NULL);
    assert_nil(bob);
}

/* §7: what is refused, and why */
static void generating_is_refused(void **state)
{
    (void)state;
    world_talk(anna, "a775 GENURLAUTH \"" PART "\" INTERNAL",
               "a775 BAD Missing access identifier in supplied URL", NULL);
    world_talk(anna,
               "a776 GENURLAUTH \"imap://example.com/Shared/;uid=20;urlauth=submit+fred\" INTERNAL",
               "a776 BAD Missing owner username in supplied URL", NULL);
    world_talk(anna,
               "a GENURLAUTH "
               "\"imap://bob%40example.test@example.com/INBOX/;uid=1;urlauth=anonymous\" INTERNAL",
               "a BAD ", NULL);
    world_talk(anna, "a GENURLAUTH \"" OF_ANNA "/Nowhere/;uid=1;urlauth=anonymous\" INTERNAL",
               "a BAD ", NULL);
    world_talk(anna, "a GENURLAUTH \"" PART ";urlauth=anonymous\" XSAMPLE", "a NO [CANNOT]", NULL);
    world_talk(anna, "a GENURLAUTH \"" PART ";urlauth=anonymous\"", "a BAD", NULL);
    world_talk(anna,
               "a GENURLAUTH \"" PART
               ";urlauth=anonymous:INTERNAL:91354a473744909de610943775f92038\" INTERNAL",
               "a BAD", NULL);
    world_talk(anna, "a GENURLAUTH x INTERNAL", "a BAD", NULL);
    world_talk(anna, "a GENURLAUTH", "a BAD", NULL);
    world_talk(anna, "a URLFETCH", "a BAD", NULL);
    world_talk(anna, "a URLFETCH (x)", "a BAD", NULL);
    /* several, of the mechanism as it was written */
    world_talk(
        anna, "a GENURLAUTH " PART ";urlauth=anonymous internal " PART ";urlauth=authuser INTERNAL",
        "* GENURLAUTH \"" PART ";urlauth=anonymous:internal:01", "a OK", NULL);
}

/* Long ones go out in pieces, whatever else is asked for. */
static void long_messages(void **state)
{
    (void)state;
    enum { LONG = 500000 };
    struct buf body;
    struct span line;
    buf_init(&body, LONG);
    while (body.n < LONG)
        buf_putc(&body, body.n % 70 == 69 ? '\n' : 'x');
    world_append(&w, buf_span(&body), 0);
    buf_done(&body);
    sign(OF_ANNA "/INBOX/;uid=2;urlauth=anonymous");
    host_sends(bob, "f URLFETCH \"");
    host_sends(bob, url);
    host_sends(bob, "\" y \"");
    host_sends(bob, url);
    host_sends(bob, "\"\r\n");
    size_t literals = 0, bytes = 0, nils = 0;
    do {
        assert_true(host_line(bob, &line));
        literals += span_ends(line, SPAN(" {500000}"));
        nils += span_eq(line, SPAN("* URLFETCH \"y\" NIL"));
        bytes += line.n > 0 && line.p[0] == 'x' ? line.n : 0;
    } while (!span_starts(line, SPAN("f ")));
    assert_true(span_starts(line, SPAN("f OK")));
    assert_int_equal(literals, 2);
    assert_int_equal(nils, 1);
    assert_int_equal(bytes, 2 * LONG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(signed_urls_are_shown, setup, teardown),
        cmocka_unit_test_setup_teardown(access_identifiers, setup, teardown),
        cmocka_unit_test_setup_teardown(urls_expire, setup, teardown),
        cmocka_unit_test_setup_teardown(forged_urls_show_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(messages_may_be_gone, setup, teardown),
        cmocka_unit_test_setup_teardown(keys_are_changed, setup, teardown),
        cmocka_unit_test_setup_teardown(mailboxes_come_and_go, setup, teardown),
        cmocka_unit_test_setup_teardown(generating_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(long_messages, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
