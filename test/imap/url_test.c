/* SPDX-License-Identifier: Apache-2.0 */
/* IMAP URLs: what is taken from them, and what is none (RFC 5092, RFC 4467 §9). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "imap/url.h"

#define TOKEN "91354a473744909de610943775f92038"

static const struct {
    const char *text;
    struct imap_url url;
} urls[] = {
    /* RFC 4469 */
    {"/Drafts;UIDVALIDITY=385759045/;UID=20/;section=1.MIME",
     {.rooted = true,
      .mailbox = SPAN("Drafts"),
      .uidvalidity = 385759045,
      .uid = 20,
      .section = SPAN("1.MIME")}},
    {"/Drafts/;UID=3002", {.rooted = true, .mailbox = SPAN("Drafts"), .uid = 3002}},
    {"a%2Fb/c/;uid=1", {.mailbox = SPAN("a/b/c"), .uid = 1}},
    {";UID=1", {.uid = 1}},
    {"/%E5%8F%B0%E5%8C%97/;UID=1/;SECTION=HEADER.FIELDS%20(A)/;PARTIAL=3.7",
     {.rooted = true,
      .mailbox = SPAN("\xe5\x8f\xb0\xe5\x8c\x97"),
      .uid = 1,
      .section = SPAN("HEADER.FIELDS (A)"),
      .partial = true,
      .from = 3,
      .count = 7}},
    /* RFC 4467 */
    {"imap://joe@example.com/INBOX/;uid=20/;section=1.2;urlauth=submit+fred:internal:" TOKEN,
     {.absolute = true,
      .user = SPAN("joe"),
      .server = SPAN("example.com"),
      .rooted = true,
      .mailbox = SPAN("INBOX"),
      .uid = 20,
      .section = SPAN("1.2"),
      .access = SPAN("submit+fred"),
      .mechanism = SPAN("internal"),
      .token = SPAN(TOKEN)}},
    {"IMAP://j%40b;AUTH=*@[::1]:143/x/;uid=20/"
     ";PARTIAL=0;EXPIRE=1996-12-19T16:39:57-08:00;URLAUTH=anonymous",
     {.absolute = true,
      .user = SPAN("j@b"),
      .server = SPAN("[::1]:143"),
      .rooted = true,
      .mailbox = SPAN("x"),
      .uid = 20,
      .partial = true,
      .expires = true,
      .expire_ms = INT64_C(851042397000),
      .access = SPAN("anonymous")}},
    {"//h/x/;uid=1;EXPIRE=1985-04-12T23:20:50.52Z",
     {.absolute = true,
      .server = SPAN("h"),
      .rooted = true,
      .mailbox = SPAN("x"),
      .uid = 1,
      .expires = true,
      .expire_ms = INT64_C(482196050000)}},
};

static const char *const bad[] = {
    "",
    "/",
    "imap://",
    "imap://h",
    "imap://h/",
    "imap://h/INBOX",
    "imap:///x/;uid=1",
    "imap://joe@/x/;uid=1",
    "imap://h/;uid=1",
    "/x?ALL",
    "/x/;UIDVALIDITY=1",
    "/x/;uid=",
    "/x/;uid=0",
    "/x/;uid=4294967296",
    "/x/;uid=1;",
    "/x/;uid=1/",
    "/x/;section=1",
    "/x/;uid=1/;section=",
    "/x/;uid=1/;partial=",
    "/x/;uid=1/;partial=1.0",
    "/x/;uid=1/;partial=.1",
    "/x/;uid=1/;partial=a",
    "/x/;uid=1/;what=1",
    "/x/;uid=1;uid=2",
    "/x y/;uid=1",
    "/x\x80/;uid=1",
    "/%zz/;uid=1",
    "/%4/;uid=1",
    "/%/;uid=1",
    "/%0d/;uid=1",
    "//x/;uid=1",
    "/a//b/;uid=1",
    "/x/;uid=1;EXPIRE=1996-12-19",
    "/x/;uid=1;EXPIRE=1996-13-19T16:39:57Z",
    "/x/;uid=1;EXPIRE=1996-12-19T16:39:57",
    "/x/;uid=1;EXPIRE=1996-12-19T16:39:57.Z",
    "/x/;uid=1;EXPIRE=1996-12-19T16:39:57+1:00",
    "/x/;uid=1;URLAUTH=",
    "/x/;uid=1;URLAUTH=nobody",
    "/x/;uid=1;URLAUTH=user+",
    "/x/;uid=1;URLAUTH=anonymous:",
    "/x/;uid=1;URLAUTH=anonymous:INTERNAL",
    "/x/;uid=1;URLAUTH=anonymous:INTERNAL:12",
    "/x/;uid=1;URLAUTH=anonymous:INTER_NAL:" TOKEN,
    "/x/;uid=1;URLAUTH=anonymous:INTERNAL:" TOKEN "g",
    "/x/;uid=1;URLAUTH=anonymous;EXPIRE=1996-12-19T16:39:57Z",
};

static struct arena *arena;

static void assert_url(const struct imap_url *a, const struct imap_url *b)
{
    assert_int_equal(a->absolute, b->absolute);
    assert_true(span_eq(a->user, b->user));
    assert_true(span_eq(a->server, b->server));
    assert_int_equal(a->rooted, b->rooted);
    assert_true(span_eq(a->mailbox, b->mailbox));
    assert_int_equal(a->uidvalidity, b->uidvalidity);
    assert_int_equal(a->uid, b->uid);
    assert_true(span_eq(a->section, b->section));
    assert_int_equal(a->partial, b->partial);
    assert_int_equal(a->from, b->from);
    assert_int_equal(a->count, b->count);
    assert_int_equal(a->expires, b->expires);
    assert_int_equal(a->expire_ms, b->expire_ms);
    assert_true(span_eq(a->access, b->access));
    assert_true(span_eq(a->mechanism, b->mechanism));
    assert_true(span_eq(a->token, b->token));
}

static void good_ones(void **state)
{
    (void)state;
    struct imap_url url;
    for (size_t n = 0; n < COUNT_OF(urls); n++) {
        if (imap_url_parse(span_str(urls[n].text), arena, &url) != 0)
            fail_msg("%s", urls[n].text);
        assert_url(&url, &urls[n].url);
        if (url.token.n == 0)
            assert_int_equal(url.rump.n, span_str(urls[n].text).n);
    }
    assert_int_equal(
        imap_url_parse(SPAN("//h/x/;uid=1;URLAUTH=anonymous:INTERNAL:" TOKEN), arena, &url), 0);
    assert_true(span_eq(url.rump, SPAN("//h/x/;uid=1;URLAUTH=anonymous")));
}

static void bad_ones(void **state)
{
    (void)state;
    struct imap_url url;
    struct buf large;
    for (size_t n = 0; n < COUNT_OF(bad); n++)
        if (imap_url_parse(span_str(bad[n]), arena, &url) != ERR_INVALID)
            fail_msg("%s", bad[n]);
    buf_init(&large, 2 * LIMIT_IMAP_URL);
    while (large.n < LIMIT_IMAP_URL)
        buf_putc(&large, 'a');
    buf_puts(&large, "/;uid=1");
    assert_int_equal(imap_url_parse(buf_span(&large), arena, &url), ERR_INVALID);
    buf_consume(&large, 7);
    assert_int_equal(imap_url_parse(buf_span(&large), arena, &url), 0);
    buf_done(&large);
}

/* Whatever is cut off, nothing is read behind the end. */
static void cut_ones(void **state)
{
    (void)state;
    struct imap_url url;
    for (size_t n = 0; n < COUNT_OF(urls); n++) {
        struct span whole = span_str(urls[n].text);
        for (size_t k = 0; k <= whole.n; k++) {
            struct buf cut;
            buf_init(&cut, whole.n + 1);
            buf_put(&cut, span_slice(whole, 0, k));
            (void)!imap_url_parse(buf_span(&cut), arena, &url);
            buf_done(&cut);
            arena_reset(arena);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_ones),
        cmocka_unit_test(bad_ones),
        cmocka_unit_test(cut_ones),
    };
    arena = arena_new(1024 * 1024);
    int failed = arena == NULL ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(arena);
    return failed;
}
