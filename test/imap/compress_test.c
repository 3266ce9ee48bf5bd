/* SPDX-License-Identifier: Apache-2.0 */
/* COMPRESS=DEFLATE (RFC 4978): the client's side is zlib. */
#include "one_world.h"

#include "base/err.h"
#include "world.h"

#include <zlib.h>

#define MESSAGE "From: a@example.org\r\nSubject: first\r\n\r\nHello.\r\n"

struct client {
    struct host *h;
    z_stream in, out;
    struct buf heard;
};

static void client_login(struct client *c)
{
    host_sends(c->h, "a LOGIN " WORLD_USER " \"" WORLD_PASSWORD "\"\r\n");
    host_expect(c->h, "a OK");
    world_talk(c->h, "a COMPRESS GZIP", "a BAD", NULL);
    world_talk(c->h, "a COMPRESS DEFLATE", "a OK", NULL);
    assert_int_equal(inflateInit2(&c->in, -15), Z_OK);
    assert_int_equal(deflateInit2(&c->out, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
    buf_init(&c->heard, 64 << 20);
}

static void client_open(struct client *c, enum host_cut cut)
{
    *c = (struct client){.h = world_connect(&w, true, cut)};
    client_login(c);
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

static void expect_heard(struct client *c, const char *prefix)
{
    struct span heard = buf_span(&c->heard);
    ssize_t end = span_find(heard, SPAN("\r\n"));
    if (end < 0 || !span_starts(heard, span_str(prefix)))
        fail_msg("wanted %s, got %.*s", prefix, SPAN_ARG(heard));
    buf_consume(&c->heard, (size_t)end + 2);
}

static void expect(struct client *c, const char *prefix)
{
    listen_to(c);
    expect_heard(c, prefix);
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
    expect(&c, "b OK");
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

/* RFC 8437 §4.1. What has arrived of the server: `packed` to the end of its stream, which must be there, then plain. */
static void hear_the_end(struct client *c, struct buf *plain)
{
    struct span got = host_output(c->h);
    int r;
    c->in.next_in = (z_const Bytef *)(uintptr_t)got.p;
    c->in.avail_in = (uInt)got.n;
    do {
        c->in.next_out = (Bytef *)buf_room(&c->heard, 65536);
        c->in.avail_out = 65536;
        r = inflate(&c->in, Z_NO_FLUSH);
        buf_added(&c->heard, 65536 - c->in.avail_out);
    } while (r == Z_OK);
    assert_int_equal(r, Z_STREAM_END);
    buf_put(plain, span_from(got, got.n - c->in.avail_in));
    host_output_clear(c->h);
}

/* The client's stream ends as `flush` says, and behind it, at once, `plain`. */
static void pack_and_leave(struct client *c, struct span commands, int flush, struct span plain)
{
    struct buf all;
    buf_init(&all, 65536 + 4096);
    c->out.next_in = (z_const Bytef *)(uintptr_t)commands.p;
    c->out.avail_in = (uInt)commands.n;
    c->out.next_out = (Bytef *)buf_room(&all, 65536);
    c->out.avail_out = 65536;
    (void)deflate(&c->out, flush);
    if (flush != Z_FINISH && commands.n % 3 == 0) /* some libraries say that it ends, too */
        (void)deflate(&c->out, Z_FINISH);
    buf_added(&all, 65536 - c->out.avail_out);
    buf_put(&all, plain);
    host_send(c->h, buf_span(&all));
    buf_done(&all);
}

static void unauthenticate_ends_it(void **state)
{
    static const int flushes[] = {Z_SYNC_FLUSH, Z_FULL_FLUSH, Z_FINISH};
    static const char again[] = "c NOOP\r\nd LOGIN " WORLD_USER " {11}\r\n";
    (void)state;
    for (size_t n = 0; n < 3 * 3 * 24; n++) { /* blocks end at each bit of an octet */
        char commands[80];
        struct client c;
        struct buf plain;
        buf_init(&plain, 65536);
        client_open(&c, (enum host_cut)(n % 3));
        int len = snprintf(commands, sizeof commands, "%.*s NOOP\r\nb UNAUTHENTICATE\r\n",
                           (int)(1 + n / 9), "abcdefghijklmnopqrstuvwxyz");
        pack_and_leave(&c, span_of(commands, (size_t)len), flushes[n / 3 % 3], span_str(again));
        hear_the_end(&c, &plain);
        expect_heard(&c, "");
        expect_heard(&c, "b OK");
        assert_int_equal(c.heard.n, 0);
        assert_true(span_starts(buf_span(&plain), SPAN("c OK")));
        assert_true(span_ends(buf_span(&plain), SPAN("+ OK\r\n")));
        host_sends(c.h, WORLD_PASSWORD "\r\ne COMPRESS DEFLATE\r\n");
        host_expect(c.h, "d OK");
        host_expect(c.h, "e OK");
        host_expect_silence(c.h);
        (void)inflateReset(&c.in);
        (void)deflateReset(&c.out);
        talk(&c, "f STATUS INBOX (MESSAGES)", "* STATUS INBOX (MESSAGES 0)", "f OK", NULL);
        buf_done(&plain);
        client_close(&c);
    }
}

/* All of it in one piece: what comes behind COMPRESS is refused by nobody, but waits for no answer. */
static void all_in_one_piece(void **state)
{
    (void)state;
    struct client c;
    struct buf plain;
    buf_init(&plain, 65536);
    client_open(&c, HOST_WHOLE);
    pack_and_leave(&c, SPAN("b UNAUTHENTICATE\r\n"), Z_SYNC_FLUSH,
                   SPAN("d LOGIN " WORLD_USER " \"" WORLD_PASSWORD "\"\r\ne COMPRESS DEFLATE\r\n"));
    hear_the_end(&c, &plain);
    expect_heard(&c, "b OK");
    assert_true(span_starts(buf_span(&plain), SPAN("d OK")));
    assert_true(span_find(buf_span(&plain), SPAN("\r\ne OK")) > 0);
    (void)inflateReset(&c.in);
    (void)deflateReset(&c.out);
    talk(&c, "f NOOP", "f OK", NULL);
    talk(&c, "f COMPRESS DEFLATE", "f BAD", NULL);
    buf_done(&plain);
    client_close(&c);
    /* the end of the stream comes later, or more of it than its end */
    client_open(&c, HOST_BYTES);
    say(&c, SPAN("b UNAUTHENTICATE\r\n"), Z_PARTIAL_FLUSH);
    say(&c, SPAN_EMPTY, Z_FINISH);
    host_sends(c.h, "c NOOP\r\n");
    hear_the_end(&c, &plain);
    assert_true(span_starts(buf_span(&plain), SPAN("c OK")));
    buf_done(&plain);
    client_close(&c);
    client_open(&c, HOST_WHOLE);
    say(&c, SPAN("b UNAUTHENTICATE\r\nc NOOP\r\n"), Z_SYNC_FLUSH);
    hear_the_end(&c, &plain);
    assert_true(span_starts(buf_span(&plain), SPAN("* BYE This is not compressed")));
    assert_true(host_closed(c.h));
    buf_done(&plain);
    client_close(&c);
}

/* What was read before TLS was on is forgotten, also where it was read by us. */
static void starttls_behind_it(void **state)
{
    (void)state;
    struct client c = {0};
    struct buf plain;
    buf_init(&plain, 65536);
    w.config->auth_plain_loopback = true;
    struct host_options options = {.tls_possible = true, .peer = "127.0.0.1", .fake = &w.clock};
    c.h = host_new(world_session(&w), &options);
    host_expect(c.h, "* OK");
    client_login(&c);
    pack_and_leave(&c, SPAN("b UNAUTHENTICATE\r\n"), Z_FINISH,
                   SPAN("c STARTTLS\r\nd CREATE smuggled\r\ne CREA"));
    hear_the_end(&c, &plain);
    assert_true(span_starts(buf_span(&plain), SPAN("c OK")));
    host_sends(c.h, "f NOOP\r\n");
    host_expect(c.h, "f OK");
    host_expect_silence(c.h);
    buf_done(&plain);
    client_close(&c);
}

static void an_answer_is_long(void **state)
{
    enum { MANY = 16500 };
    struct client c;
    (void)state;
    world_append_apart(&w, SPAN(MESSAGE), MANY);
    client_open(&c, HOST_WHOLE);
    say(&c, SPAN("b SELECT INBOX\r\n"), Z_SYNC_FLUSH);
    listen_to(&c);
    buf_clear(&c.heard);
    say(&c, SPAN("b UID COPY 1:* Sent\r\nc NOOP\r\n"), Z_SYNC_FLUSH);
    listen_to(&c);
    assert_true(c.heard.n > MANY * 11);
    expect(&c, "b OK [COPYUID ");
    expect(&c, "c OK");
    assert_int_equal(c.heard.n, 0);
    client_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_works_compressed, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(streams_may_stop_anywhere, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(idle_is_told, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(long_answers_and_floods, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(unauthenticate_ends_it, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(all_in_one_piece, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(starttls_behind_it, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(an_answer_is_long, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(what_is_not_compressed_ends_it, world_setup,
                                        world_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
