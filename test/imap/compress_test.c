/* SPDX-License-Identifier: Apache-2.0 */
/* COMPRESS=DEFLATE (RFC 4978): the client's side is zlib. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "world.h"

#include <zlib.h>

static struct world w;

#define MESSAGE "From: a@example.org\r\nSubject: first\r\n\r\nHello.\r\n"

static int setup(void **state)
{
    (void)state;
    world_open(&w);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    uint64_t problems = 1;
    assert_int_equal(mailbox_check(&w.mail, w.account, true, NULL, NULL, &problems), 0);
    assert_int_equal(problems, 0);
    world_close(&w);
    return 0;
}

struct client {
    struct host *h;
    z_stream in, out;
    struct buf heard;
};

static void client_open(struct client *c, enum host_cut cut)
{
    *c = (struct client){.h = world_connect(&w, true, cut)};
    host_sends(c->h, "a LOGIN " WORLD_USER " \"" WORLD_PASSWORD "\"\r\n");
    host_expect(c->h, "a OK");
    world_talk(c->h, "a COMPRESS GZIP", "a BAD", NULL);
    world_talk(c->h, "a COMPRESS DEFLATE", "a OK", NULL);
    assert_int_equal(inflateInit2(&c->in, -15), Z_OK);
    assert_int_equal(deflateInit2(&c->out, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
    buf_init(&c->heard, 64 << 20);
}

static void client_close(struct client *c)
{
    (void)inflateEnd(&c->in);
    (void)deflateEnd(&c->out);
    buf_done(&c->heard);
    host_free(c->h);
}

static void say(struct client *c, struct span bytes, int flush)
{
    enum { ROOM = 65536 };
    c->out.next_in = (z_const Bytef *)(uintptr_t)bytes.p;
    c->out.avail_in = (uInt)bytes.n;
    do {
        struct buf packed;
        buf_init(&packed, ROOM);
        c->out.next_out = (Bytef *)buf_room(&packed, ROOM);
        c->out.avail_out = ROOM;
        (void)deflate(&c->out, flush);
        buf_added(&packed, ROOM - c->out.avail_out);
        host_send(c->h, buf_span(&packed));
        buf_done(&packed);
    } while (c->out.avail_out == 0);
    assert_int_equal(c->out.avail_in, 0);
}

static void listen_to(struct client *c)
{
    struct span got = host_output(c->h);
    c->in.next_in = (z_const Bytef *)(uintptr_t)got.p;
    c->in.avail_in = (uInt)got.n;
    do {
        c->in.next_out = (Bytef *)buf_room(&c->heard, 65536);
        c->in.avail_out = 65536;
        int r = inflate(&c->in, Z_SYNC_FLUSH);
        assert_true(r == Z_OK || r == Z_BUF_ERROR);
        buf_added(&c->heard, 65536 - c->in.avail_out);
    } while (c->in.avail_in > 0 || c->in.avail_out == 0);
    host_output_clear(c->h);
}

static void expect(struct client *c, const char *prefix)
{
    struct span heard;
    listen_to(c);
    heard = buf_span(&c->heard);
    ssize_t end = span_find(heard, SPAN("\r\n"));
    if (end < 0 || !span_starts(heard, span_str(prefix)))
        fail_msg("wanted %s, got %.*s", prefix, SPAN_ARG(heard));
    buf_consume(&c->heard, (size_t)end + 2);
}

static void talk(struct client *c, const char *command, ...)
{
    va_list args;
    const char *line;
    say(c, span_str(command), Z_NO_FLUSH);
    say(c, SPAN("\r\n"), Z_SYNC_FLUSH);
    va_start(args, command);
    while ((line = va_arg(args, const char *)) != NULL)
        expect(c, line);
    va_end(args);
    assert_int_equal(c->heard.n, 0);
}

static void all_works_compressed(void **state)
{
    (void)state;
    for (enum host_cut cut = HOST_WHOLE; cut <= HOST_RANDOM; cut++) {
        struct client c;
        client_open(&c, cut);
        talk(&c, "b NOOP", "b OK", NULL);
        talk(&c, "b COMPRESS DEFLATE", "b BAD", NULL);
        talk(&c, "b UNAUTHENTICATE", "b NO [CANNOT]", NULL);
        talk(&c, "b CREATE {1}", "+ OK", NULL);
        talk(&c, cut == HOST_WHOLE ? "x" : cut == HOST_BYTES ? "y" : "z", "b OK", NULL);
        talk(&c, "b APPEND Sent {47}", "+ OK", NULL);
        talk(&c, MESSAGE, "b OK [APPENDUID ", NULL);
        talk(&c, "b STATUS Sent (UIDVALIDITY)", "* STATUS Sent", "b OK", NULL);
        talk(&c, "b LOGOUT", "* BYE", "b OK", NULL);
        assert_true(host_closed(c.h));
        client_close(&c);
    }
}

/* Bytes of a client that never flushes whole bytes, and of one that does not flush at all. */
static void streams_may_stop_anywhere(void **state)
{
    (void)state;
    struct client c;
    client_open(&c, HOST_WHOLE);
    say(&c, SPAN("b NOOP\r\n"), Z_PARTIAL_FLUSH);
    expect(&c, "b OK");
    say(&c, SPAN("b NOOP\r\nc NO"), Z_PARTIAL_FLUSH);
    expect(&c, "b OK");
    say(&c, SPAN("OP\r\n"), Z_NO_FLUSH);
    say(&c, SPAN("d NOOP\r\n"), Z_FULL_FLUSH);
    expect(&c, "c OK");
    expect(&c, "d OK");
    client_close(&c);
}

static void idle_is_told(void **state)
{
    (void)state;
    struct client c;
    world_append(&w, SPAN(MESSAGE), 0);
    client_open(&c, HOST_WHOLE);
    say(&c, SPAN("b SELECT INBOX\r\n"), Z_SYNC_FLUSH);
    listen_to(&c);
    buf_clear(&c.heard);
    talk(&c, "b IDLE", "+ idling", NULL);
    for (int n = 2; n < 50; n++) {
        char line[32];
        world_append(&w, SPAN(MESSAGE), 0);
        assert_true(host_wait(c.h, 1000));
        snprintf(line, sizeof line, "* %d EXISTS", n);
        expect(&c, line);
        expect(&c, "* 0 RECENT");
    }
    talk(&c, "DONE", "b OK", NULL);
    client_close(&c);
}

static void long_answers_and_floods(void **state)
{
    (void)state;
    enum { MANY = 20000, LARGE = 2000000 };
    struct client c;
    struct buf body;
    uint64_t random = 1;
    buf_init(&body, LARGE);
    for (int n = 0; n < LARGE; n++) { /* does not compress */
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
        char byte = (char)(random >> 56);
        buf_putc(&body, byte == '\0' || byte == '\r' || byte == '\n' ? 'x' : byte);
    }
    client_open(&c, HOST_RANDOM);
    say(&c, SPAN("b APPEND INBOX {2000000+}\r\n"), Z_NO_FLUSH);
    say(&c, buf_span(&body), Z_NO_FLUSH);
    say(&c, SPAN("\r\nc SELECT INBOX\r\nd FETCH 1 BODY.PEEK[]\r\n"), Z_SYNC_FLUSH);
    listen_to(&c);
    assert_true(span_find(buf_span(&c.heard), buf_span(&body)) > 0);
    assert_true(span_ends(buf_span(&c.heard), SPAN("d OK FETCH completed\r\n")));
    buf_clear(&c.heard);
    /* a few hundred bytes that are many commands */
    buf_clear(&body);
    for (int n = 0; n < MANY; n++)
        buf_puts(&body, "e NOOP\r\n");
    say(&c, buf_span(&body), Z_SYNC_FLUSH);
    for (int n = 0; n < MANY; n++)
        expect(&c, "e OK");
    /* and a line without end */
    buf_clear(&body);
    for (int n = 0; n < 70000; n++)
        buf_putc(&body, 'x');
    say(&c, buf_span(&body), Z_SYNC_FLUSH);
    expect(&c, "* BYE [TOOBIG]");
    assert_true(host_closed(c.h));
    buf_done(&body);
    client_close(&c);
}

static void what_is_not_compressed_ends_it(void **state)
{
    (void)state;
    struct client c;
    client_open(&c, HOST_WHOLE);
    host_sends(c.h, "b NOOP\r\nb NOOP\r\nb NOOP\r\n");
    expect(&c, "* BYE This is not compressed");
    assert_true(host_closed(c.h));
    client_close(&c);
    client_open(&c, HOST_WHOLE);
    say(&c, SPAN("b NOOP\r\n"), Z_FINISH); /* the end of the stream */
    expect(&c, "* BYE");
    client_close(&c);
    client_open(&c, HOST_WHOLE);
    host_shutdown(c.h);
    expect(&c, "* BYE [UNAVAILABLE]");
    client_close(&c);
    client_open(&c, HOST_WHOLE);
    host_timeout(c.h);
    expect(&c, "* BYE");
    client_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_works_compressed, setup, teardown),
        cmocka_unit_test_setup_teardown(streams_may_stop_anywhere, setup, teardown),
        cmocka_unit_test_setup_teardown(idle_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(long_answers_and_floods, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_not_compressed_ends_it, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
