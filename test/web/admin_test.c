/* SPDX-License-Identifier: Apache-2.0 */
/* The admin API on a store in memory: requests as bytes, answers as bytes. And the documentation against
 * the table of routes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../http/feed.h"
#include "mailbox/acl.h"
#include "web/json_out.h"
#include "web/routes.h"
#include "world.h"

#include <jansson.h>

static struct world w;

static int setup(void **state)
{
    (void)state;
    world_open(&w);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_close(&w);
    return 0;
}

/* One request; fails unless the answer has this status and all these parts (ended by NULL). */
static void call(const char *method, const char *target, const char *body, int status, ...)
{
    struct feed f;
    struct buf in;
    char want[32];
    va_list parts;
    buf_init(&in, 1024 * 1024);
    buf_printf(&in, "%s %s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n%s", method, target,
               strlen(body), body);
    feed_open(&f, admin_session_new(&w.admin));
    feed_bytes(&f, buf_span(&in), SIZE_MAX);
    buf_putc(&f.all, '\0');
    snprintf(want, sizeof want, "HTTP/1.1 %d ", status);
    if (strncmp(f.all.p, want, strlen(want)) != 0)
        fail_msg("%s %s: %s", method, target, f.all.p);
    va_start(parts, status);
    for (const char *part; (part = va_arg(parts, const char *)) != NULL;)
        if (strstr(f.all.p, part) == NULL)
            fail_msg("%s %s has no %s: %s", method, target, part, f.all.p);
    va_end(parts);
    feed_close(&f);
    buf_done(&in);
}

static void domains_and_classes(void **state)
{
    (void)state;
    call("POST", "/v1/domains", "{\"name\":\"Example.test\"}", 201, "\"name\":\"example.test\"",
         NULL);
    call("POST", "/v1/domains", "{\"name\":\"example.test\"}", 409, "\"code\":\"EXISTS\"", NULL);
    call("POST", "/v1/domains", "{\"nam\":\"x.test\"}", 400, "no member \\\"nam\\\"", "catch_all",
         NULL);
    call("POST", "/v1/domains", "{}", 400, "\\\"name\\\" is missing", NULL);
    call("POST", "/v1/domains", "{\"name\":7}", 400, "has to be a text", NULL);
    call("POST", "/v1/domains", "nonsense", 400, "not JSON", NULL);
    call("POST", "/v1/alias-domains", "{\"name\":\"other.test\",\"domain\":\"example.test\"}", 201,
         "other.test", NULL);
    call("GET", "/v1/domains", "", 200, "\"domains\":[{\"name\":\"example.test\"", NULL);
    call("GET", "/v1/alias-domains", "", 200, "\"domain\":\"example.test\"", NULL);
    call("DELETE", "/v1/domains/other.test", "", 400, "is an alias domain", NULL);
    call("DELETE", "/v1/domains/example.test", "", 409, "still has", NULL);
    call("POST", "/v1/classes",
         "{\"name\":\"gold\",\"quota_bytes\":1000,\"retention_days_trash\":30}", 201,
         "\"quota_bytes\":1000", "\"retention_days_trash\":30", NULL);
    call("PATCH", "/v1/classes/gold", "{\"quota_messages\":5}", 200,
         "\"quota_bytes\":1000,\"quota_messages\":5", NULL);
    call("PATCH", "/v1/classes/gold", "{\"quota_messages\":-5}", 400, "whole number", NULL);
    call("GET", "/v1/classes/silver", "", 404, "There is no class silver", NULL);
    call("DELETE", "/v1/classes/default", "", 400, NULL);
}

static void guess_wrong(struct span address)
{
    struct auth_peer peer = {.service = "pop3", .secure = true};
    struct auth_exchange *x;
    struct span none;
    assert_int_equal(auth_exchange_open_password(w.auth, &peer, address, SPAN("wrong"), NULL, &x),
                     0);
    assert_int_equal(auth_exchange_step(x, false, SPAN_EMPTY, &none), AUTH_FAIL);
    auth_exchange_close(x);
}

static void accounts(void **state)
{
    (void)state;
    call("POST", "/v1/accounts",
         "{\"address\":\"Anna@example.test\",\"password\":\"geheim\",\"class\":\"gold\"}", 201,
         "\"address\":\"anna@example.test\"", "\"class\":\"gold\"", "argon2id",
         "\"bytes_max\":1000", NULL);
    call("POST", "/v1/accounts", "{\"address\":\"anna@example.test\"}", 409, "exists already",
         NULL);
    call("POST", "/v1/accounts", "{\"address\":\"b@nowhere.test\"}", 404, "NO_DOMAIN", NULL);
    call("POST", "/v1/accounts", "{\"address\":\"b@example.test\",\"class\":\"tin\"}", 404,
         "no class tin", NULL);
    call("GET", "/v1/accounts/b@example.test", "", 404, "NO_USER", NULL);
    call("POST", "/v1/accounts:batch",
         "{\"accounts\":[{\"address\":\"anna@example.test\"},{\"address\":\"bob@example.test\","
         "\"password\":\"x\"},"
         "{\"address\":\"bad\"},{\"adress\":\"c@example.test\"},7]}",
         200, "\"result\":\"exists\"", "\"result\":\"added\"", "BAD_ADDRESS", "no member",
         "\"added\":1,\"exists\":1,\"failed\":3", NULL);
    call("GET", "/v1/accounts?limit=1", "", 200, "anna@example.test",
         "\"next\":\"anna@example.test\"", NULL);
    call("GET", "/v1/accounts?limit=1&after=anna@example.test", "", 200, "bob@example.test", NULL);
    call("GET", "/v1/accounts?limit=0", "", 400, NULL);
    call("PUT", "/v1/accounts/bob@example.test/password", "{\"password_hash\":\"rot13:x\"}", 501,
         "not known", NULL);
    call("PUT", "/v1/accounts/bob@example.test/password", "{}", 400, NULL);
    call("POST", "/v1/accounts/bob@example.test/suspend", "", 200, NULL);
    call("GET", "/v1/accounts/bob@example.test", "", 200, "\"status\":\"suspended\"", NULL);
    call("POST", "/v1/accounts/bob@example.test/resume", "", 200, NULL);
    guess_wrong(SPAN("bob@example.test"));
    call("GET", "/v1/accounts/bob@example.test", "", 200, "\"attempts\":[{", NULL);
    call("POST", "/v1/accounts/bob@example.test/purge", "", 400, "remove it first", NULL);
    call("DELETE", "/v1/accounts/bob@example.test", "", 200, NULL);
    call("GET", "/v1/accounts/bob@example.test", "", 200, "\"status\":\"removed\"", NULL);
    call("POST", "/v1/accounts/bob@example.test/suspend", "", 400, "restore it first", NULL);
    call("POST", "/v1/accounts/bob@example.test/restore", "", 200, NULL);
    call("DELETE", "/v1/accounts/bob@example.test", "", 200, NULL);
    call("POST", "/v1/accounts/bob@example.test/purge", "", 200, NULL);
    call("GET", "/v1/accounts/bob@example.test", "", 404, NULL);
    /* who gets the address next begins without the attempts on the one before */
    call("POST", "/v1/accounts", "{\"address\":\"bob@example.test\",\"password\":\"secret\"}", 201,
         NULL);
    call("GET", "/v1/accounts/bob@example.test", "", 200, "\"attempts\":[]", NULL);
    call("DELETE", "/v1/accounts/bob@example.test", "", 200, NULL);
    /* as a crash in the middle of a purge leaves it */
    uint64_t id;
    assert_int_equal(account_purge_begin(w.directory, SPAN("bob@example.test"), INT64_MAX, &id), 0);
    call("GET", "/v1/accounts/bob@example.test", "", 200, "\"status\":\"purging\"", NULL);
    call("POST", "/v1/accounts/bob@example.test/restore", "", 400, "cannot come back", NULL);
    call("POST", "/v1/accounts", "{\"address\":\"bob@example.test\"}", 409, "being purged", NULL);
    call("POST", "/v1/accounts/bob@example.test/purge", "", 200, NULL);
    call("GET", "/v1/accounts/bob@example.test", "", 404, NULL);
}

static void aliases_and_mail(void **state)
{
    (void)state;
    call("POST", "/v1/aliases",
         "{\"address\":\"info@example.test\",\"targets\":[\"anna@example.test\"]}", 201, NULL);
    call("POST", "/v1/aliases",
         "{\"address\":\"info@example.test\",\"targets\":[\"anna@example.test\"]}", 409, NULL);
    call("PUT", "/v1/aliases/info@example.test", "{\"targets\":[]}", 400, NULL);
    call("GET", "/v1/aliases", "", 200, "\"targets\":[\"anna@example.test\"]", NULL);
    call("POST", "/v1/deliver?to=info@example.test&from=eve@example.net",
         "Subject: Hi\r\n\r\nx\r\n", 200, "[\"anna@example.test\"]", NULL);
    call("POST", "/v1/deliver?to=zed@example.test", "Subject: Hi\r\n\r\nx\r\n", 404, "NO_USER",
         NULL);
    call("POST", "/v1/deliver?to=info@example.test&from=a%0d%0aX:%20y", "x\r\n", 400, "BAD_ADDRESS",
         NULL);
    call("POST", "/v1/deliver?to=info@example.test", "", 400, "empty", NULL);
    call("GET", "/v1/accounts/anna@example.test/messages", "", 200, "\"subject\":\"Hi\"",
         "\"envelope_from\":\"eve@example.net\"", NULL);
    call("GET", "/v1/accounts/anna@example.test/messages?mailbox=Sent", "", 200,
         "{\"messages\":[],\"damaged\":0}", NULL);
    call("GET", "/v1/accounts/anna@example.test/messages?mailbox=Nope", "", 404, NULL);
    call("GET", "/v1/accounts/anna@example.test/messages/1", "", 200,
         "Return-Path: <eve@example.net>\r\nSubject: Hi\r\n", NULL);
    call("GET", "/v1/accounts/anna@example.test/messages/99", "", 404, NULL);
    call("GET", "/v1/accounts/anna@example.test/expunged", "", 200, "{\"expunged\":[]}", NULL);
    call("POST", "/v1/accounts/anna@example.test/expunged/1/restore", "", 404, NULL);
    call("GET", "/v1/accounts/anna@example.test/mailboxes", "", 200,
         "\"name\":\"INBOX\",\"messages\":1", NULL);
    call("GET", "/v1/accounts/anna@example.test/shares", "", 200, "{\"shares\":[],\"sharers\":[],",
         NULL);
    call("DELETE", "/v1/aliases/info@example.test", "", 200, NULL);
    call("DELETE", "/v1/aliases/info@example.test", "", 404, NULL);
}

/* Whose the account is. */
static uint64_t account_id_of(const char *address)
{
    struct account account;
    struct arena *a = arena_new(64 * 1024);
    assert_int_equal(account_get(w.directory, span_str(address), a, &account), 0);
    arena_free(a);
    return account.id;
}

static void shares(void **state)
{
    (void)state;
    call("POST", "/v1/accounts", "{\"address\":\"olga@example.test\",\"password\":\"tulip field\"}",
         201, NULL);
    call("POST", "/v1/accounts", "{\"address\":\"paul@example.test\",\"password\":\"tulip field\"}",
         201, NULL);
    struct mail_grant_change change = {
        .user = {account_id_of("paul@example.test"), SPAN("paul@example.test")},
        .rights = RIGHT_LOOKUP | RIGHT_READ};
    uint64_t olga = account_id_of("olga@example.test");
    struct mailbox_id inbox = {USE_INBOX};
    assert_int_equal(mailbox_grant(&w.mail, olga, inbox, &change), 0);
    change.denied = true;
    change.rights = RIGHT_EXPUNGE;
    assert_int_equal(mailbox_grant(&w.mail, olga, inbox, &change), 0);
    change = (struct mail_grant_change){.rights = RIGHT_CREATE};
    assert_int_equal(mailbox_grant(&w.mail, olga, inbox, &change), 0);
    call("GET", "/v1/accounts/olga@example.test/shares", "", 200,
         "{\"mailbox\":\"INBOX\",\"user\":\"anyone\",\"rights\":\"kc\",\"denied\":\"\"}",
         "{\"mailbox\":\"INBOX\",\"user\":\"paul@example.test\",\"rights\":\"lr\",\"denied\":"
         "\"ed\"}",
         "\"sharers\":[]", NULL);
    call("GET", "/v1/accounts/paul@example.test/shares", "", 200,
         "{\"shares\":[],\"sharers\":[\"olga@example.test\"],\"refuses_all\":false,\"refuses\":[]}",
         NULL);
    call("DELETE", "/v1/accounts/olga@example.test/shares", "", 400, NULL);
    call("POST", "/v1/accounts/paul@example.test/shares",
         "{\"mailbox\":\"Sent\",\"user\":\"OLGA@example.test\",\"rights\":\"lrd\"}", 200, NULL);
    call("GET", "/v1/accounts/paul@example.test/shares", "", 200,
         "{\"mailbox\":\"Sent\",\"user\":\"olga@example.test\",\"rights\":\"lrted\",\"denied\":"
         "\"\"}",
         NULL);
    call("DELETE", "/v1/accounts/paul@example.test/shares?mailbox=Sent&user=olga@example.test", "",
         200, NULL);
    call("POST", "/v1/accounts/paul@example.test/shares",
         "{\"mailbox\":\"Sent\",\"user\":\"olga@example.test\",\"rights\":\"lrq\"}", 400,
         "letters of lrswipkxtea", NULL);
    call("POST", "/v1/accounts/paul@example.test/shares",
         "{\"mailbox\":\"Sent\",\"user\":\"nobody@example.test\",\"rights\":\"lr\"}", 404,
         "is no account here", NULL);
    call("POST", "/v1/accounts/paul@example.test/shares",
         "{\"mailbox\":\"Sent\",\"user\":\"paul@example.test\",\"rights\":\"lr\"}", 400, "always",
         NULL);
    call("POST", "/v1/accounts/paul@example.test/shares",
         "{\"mailbox\":\"Nope\",\"user\":\"olga@example.test\",\"rights\":\"lr\"}", 404,
         "There is no mailbox Nope", NULL);
    call("DELETE", "/v1/accounts/olga@example.test/shares?mailbox=Nope&user=anyone", "", 404, NULL);
    call("DELETE", "/v1/accounts/nobody@example.test/shares?mailbox=INBOX&user=anyone", "", 404,
         NULL);
    call("DELETE", "/v1/accounts/olga@example.test/shares?mailbox=INBOX&user=carla@example.test",
         "", 404, "INBOX is not shared with carla@example.test", NULL);
    call("DELETE", "/v1/accounts/olga@example.test/shares?mailbox=INBOX&user=paul@example.test", "",
         200, NULL);
    call("DELETE", "/v1/accounts/olga@example.test/shares?mailbox=INBOX&user=anyone", "", 200,
         NULL);
    call("GET", "/v1/accounts/olga@example.test/shares", "", 200, "{\"shares\":[],\"sharers\":[],",
         NULL);
    call("GET", "/v1/accounts/paul@example.test/shares", "", 200, "{\"shares\":[],\"sharers\":[],",
         NULL);
}

#define QUINN "/v1/accounts/quinn@example.test"

static void refusals(void **state)
{
    (void)state;
    call("POST", "/v1/accounts",
         "{\"address\":\"quinn@example.test\",\"password\":\"tulip field\"}", 201, NULL);
    call("POST", "/v1/accounts", "{\"address\":\"rita@example.test\",\"password\":\"tulip field\"}",
         201, NULL);
    call("POST", "/v1/accounts/rita@example.test/shares",
         "{\"mailbox\":\"INBOX\",\"user\":\"quinn@example.test\",\"rights\":\"lr\"}", 200, NULL);
    call("POST", QUINN "/refusals", "{\"owner\":\"RITA@example.test\"}", 200, NULL);
    call("GET", QUINN "/shares", "", 200,
         "\"sharers\":[],\"refuses_all\":false,\"refuses\":[\"rita@example.test\"]}", NULL);
    call("POST", "/v1/accounts/rita@example.test/shares",
         "{\"mailbox\":\"Sent\",\"user\":\"quinn@example.test\",\"rights\":\"lr\"}", 403,
         "quinn@example.test does not want to see mailboxes of rita@example.test", NULL);
    call("DELETE", QUINN "/refusals?owner=rita@example.test", "", 200, NULL);
    call("GET", QUINN "/shares", "", 200, "\"sharers\":[\"rita@example.test\"]", NULL);
    call("POST", QUINN "/refusals", "{\"all\":true}", 200, NULL);
    call("GET", QUINN "/shares", "", 200, "\"sharers\":[],\"refuses_all\":true,\"accepts\":[]}",
         NULL);
    call("DELETE", QUINN "/refusals?owner=rita@example.test", "", 200, NULL);
    call("GET", QUINN "/shares", "", 200,
         "\"sharers\":[\"rita@example.test\"],\"refuses_all\":true,\"accepts\":"
         "[\"rita@example.test\"]}",
         NULL);
    call("DELETE", QUINN "/refusals?all=yes", "", 200, NULL);
    call("GET", QUINN "/shares", "", 200, "\"refuses_all\":false,\"refuses\":[]}", NULL);
    call("POST", QUINN "/refusals", "{}", 400, "Say whom", NULL);
    call("POST", QUINN "/refusals", "{\"all\":false}", 400, "Say whom", NULL);
    call("POST", QUINN "/refusals", "{\"all\":true,\"owner\":\"rita@example.test\"}", 400, NULL);
    call("POST", QUINN "/refusals", "{\"owner\":\"nobody@example.test\"}", 404,
         "nobody@example.test is no account here", NULL);
    call("POST", QUINN "/refusals", "{\"owner\":\"quinn@example.test\"}", 400, "always sees", NULL);
    call("DELETE", QUINN "/refusals", "", 400, "Say whom", NULL);
    call("DELETE", QUINN "/refusals?all=no", "", 400, "Say whom", NULL);
    call("DELETE", QUINN "/refusals?owner=nobody@example.test", "", 404, NULL);
    /* one that is gone can be forgotten */
    call("POST", QUINN "/refusals", "{\"owner\":\"rita@example.test\"}", 200, NULL);
    call("DELETE", "/v1/accounts/rita@example.test", "", 200, NULL);
    call("POST", "/v1/accounts/rita@example.test/purge", "", 200, NULL);
    call("DELETE", QUINN "/refusals?owner=rita@example.test", "", 200, NULL);
    call("GET", QUINN "/shares", "", 200, "\"refuses\":[]}", NULL);
    call("POST", "/v1/accounts/nobody@example.test/refusals", "{\"all\":true}", 404, NULL);
}

static int count_part(void *n, struct part part)
{
    (void)part;
    ++*(int *)n;
    return 0;
}

static int partitions(void)
{
    int n = 0;
    assert_int_equal(store_parts(w.store, PART_ACCOUNT, 0, count_part, &n), 0);
    return n;
}

/* The commit that publishes the address fails: whether its record is there is not known then, so
 * the mail it leads to must not go. */
/* What any message may have in its Subject. */
static void any_text_can_be_read_back(void **state)
{
    (void)state;
    struct buf b;
    struct json_out j = {.to = &b};
    static const char text[] = "a\0b\"\\\x01\x7f\r\n";
    buf_init(&b, 1000);
    json_begin(&j, NULL, '{');
    json_text(&j, "t", span_of(text, sizeof(text)));
    json_text(&j, "not_utf8", SPAN("\xff\0z"));
    json_end(&j, '}');
    json_t *root = json_loadb(b.p, b.n, JSON_REJECT_DUPLICATES, NULL);
    assert_string_equal(json_string_value(json_object_get(root, "t")),
                        "a\xef\xbf\xbd"
                        "b\"\\\x01\x7f\r\n\xef\xbf\xbd");
    assert_string_equal(json_string_value(json_object_get(root, "not_utf8")),
                        "\xef\xbf\xbd\xef\xbf\xbdz");
    json_decref(root);
    buf_done(&b);
}

static void mail_stays_when_adding_ends_unclear(void **state)
{
    (void)state;
    const int unclear[] = {ERR_IO, ERR_DISK_FULL};
    uint64_t before = sim_commits(w.disk);
    call("POST", "/v1/accounts", "{\"address\":\"u0@example.test\"}", 201, NULL);
    uint64_t commits = sim_commits(w.disk) - before;
    for (size_t i = 0; i < COUNT_OF(unclear); i++) {
        int mails = partitions();
        sim_fail(w.disk, SIM_COMMIT, commits, unclear[i], false);
        call("POST", "/v1/accounts", "{\"address\":\"u1@example.test\"}",
             err_info(unclear[i])->http, NULL);
        sim_fail(w.disk, SIM_COMMIT, 0, 0, false);
        call("GET", "/v1/accounts/u1@example.test", "", 404, NULL);
        assert_int_equal(partitions(), mails + 1);
    }
}

static int stops(const struct session *s)
{
    (void)s;
    return ERR_SHUTDOWN;
}

static int is_gone(const struct session *s)
{
    (void)s;
    return ERR_CLOSED;
}

static void the_server(void **state)
{
    (void)state;
    call("GET", "/v1/status", "", 200, "\"connections\":3", "\"workers_busy\":2",
         "\"domains\":1,\"alias_domains\":1", "\"restarts\":2", "\"user\":\"mail\"",
         "\"confinement\":\"Landlock 7, seccomp\"", NULL);
    call("POST", "/v1/reload", "", 200, NULL);
    call("POST", "/v1/reload", "", 400, "mailstead.conf:3", NULL);
    call("POST", "/v1/store/check", "", 200, "done: ", "1 accounts, 0 problems", NULL);
    for (int why = 0; why < 2; why++) {
        struct feed gone;
        feed_open(&gone, admin_session_new(&w.admin));
        gone.session->unwanted = why == 0 ? stops : is_gone;
        feed_bytes(&gone, SPAN("POST /v1/store/check HTTP/1.1\r\nHost: x\r\n\r\n"), SIZE_MAX);
        assert_true(span_find(buf_span(&gone.all), SPAN("the check could not go on: ")) > 0);
        assert_true(span_find(buf_span(&gone.all), SPAN("done: ")) < 0);
        feed_close(&gone);
    }
    call("GET", "/v1/metrics", "", 200, "mailstead_http_requests_total ", NULL);
    struct feed f; /* the metrics listener gives nothing else away */
    feed_open(&f, metrics_session_new(&w.admin));
    feed_bytes(
        &f,
        SPAN(
            "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\nGET /v1/accounts HTTP/1.1\r\nHost: x\r\n\r\n"),
        SIZE_MAX);
    assert_true(span_starts(buf_span(&f.all), SPAN("HTTP/1.1 200 ")));
    assert_true(span_find(buf_span(&f.all), SPAN("HTTP/1.1 404 ")) > 0);
    feed_close(&f);
}

/* More rows than threads, each address twice: the first of two wins, and answers are in order. */
static void batches(void **state)
{
    (void)state;
    struct buf body;
    struct account a;
    char address[64];
    buf_init(&body, 256 * 1024);
    buf_puts(&body, "{\"accounts\":[");
    for (int i = 0; i < 400; i++)
        buf_printf(&body, "%s{\"address\":\"%s%d@example.test\",\"name\":\"%s\"}", i > 0 ? "," : "",
                   i < 200 ? "m" : "M", i % 200, i < 200 ? "first" : "second");
    buf_puts(&body, "]}");
    buf_putc(&body, '\0');
    call(
        "POST", "/v1/accounts:batch", body.p, 200, "\"results\":[{\"address\":\"m0@example.test\"",
        "{\"address\":\"m199@example.test\",\"result\":\"added\"},{\"address\":\"M0@example.test\"",
        "\"added\":200,\"exists\":200,\"failed\":0", NULL);
    buf_done(&body);
    for (int i = 0; i < 200; i++) {
        struct arena *arena = arena_new(64 * 1024);
        snprintf(address, sizeof address, "m%d@example.test", i);
        assert_int_equal(account_get(w.directory, span_str(address), arena, &a), 0);
        assert_true(span_eq(a.name, SPAN("first")));
        arena_free(arena);
    }
}

static void inactive_accounts(void **state)
{
    (void)state;
    const int64_t day_ms = INT64_C(24) * 3600 * 1000;
    call("POST", "/v1/domains", "{\"name\":\"idle.test\"}", 201, NULL);
    call("POST", "/v1/classes", "{\"name\":\"idle\",\"inactivity_days\":30}", 201, NULL);
    call("POST", "/v1/accounts", "{\"address\":\"old@idle.test\",\"class\":\"idle\"}", 201,
         "\"inactive\":false", NULL);
    call("POST", "/v1/accounts", "{\"address\":\"free@idle.test\"}", 201, NULL);
    clock_fake_advance(&w.clock, 29 * day_ms);
    call("GET", "/v1/accounts?domain=idle.test&inactive=yes", "", 200, "\"accounts\":[]", NULL);
    clock_fake_advance(&w.clock, day_ms);
    call("GET", "/v1/accounts?domain=idle.test&inactive=yes", "", 200,
         "\"accounts\":[{\"address\":\"old@idle.test\"", "\"last_login\":null}]", NULL);
    call("GET", "/v1/accounts/old@idle.test", "", 200, "\"inactive\":true", NULL);
    call("POST", "/v1/accounts/old@idle.test/suspend", "", 200, NULL);
    call("GET", "/v1/accounts?domain=idle.test&inactive=yes", "", 200, "\"accounts\":[]", NULL);
    call("GET", "/v1/accounts?inactive=no", "", 400, NULL);
}

/* A mistake is answered with what is wrong, not with the sentence a mail program would get. */
static void mistakes_are_named(void **state)
{
    (void)state;
    call("POST", "/v1/domains", "{\"name\":\"a b\"}", 400, "a b is not a domain name", NULL);
    call("POST", "/v1/classes", "{\"name\":\"a b\"}", 400, "letters, digits", NULL);
    call("POST", "/v1/alias-domains", "{\"name\":\"second.test\",\"domain\":\"example.test\"}", 201,
         NULL);
    call("POST", "/v1/accounts", "{\"address\":\"x@second.test\"}", 400,
         "second.test is another name of example.test", NULL);
    call("POST", "/v1/aliases", "{\"address\":\"x@example.test\",\"targets\":[\"x@example.test\"]}",
         400, "its own target", NULL);
    call("POST", "/v1/accounts", "{\"address\":\"gone@example.test\"}", 201, NULL);
    call("DELETE", "/v1/accounts/gone@example.test", "", 200, NULL);
    call("POST", "/v1/accounts", "{\"address\":\"gone@example.test\"}", 409,
         "can still be restored", NULL);
}

static void documentation_has_every_route(void **state)
{
    (void)state;
    FILE *in = fopen(ADMIN_API_DOC, "re");
    assert_non_null(in);
    static char doc[256 * 1024];
    size_t n = fread(doc, 1, sizeof doc - 1, in);
    fclose(in);
    doc[n] = '\0';
    const struct http_route *route;
    size_t rows = 0;
    for (size_t i = 0; admin_route(i, &route); i++, rows++) {
        char row[1024];
        snprintf(row, sizeof row, "| `%s %s` | %s | %s |\n", route->method, route->pattern,
                 route->help, route->body);
        if (strstr(doc, row) == NULL)
            fail_msg("docs/admin-api.md lacks the row\n%s", row);
    }
    size_t documented = 0;
    for (const char *at = doc; (at = strstr(at, "\n| `")) != NULL; at++)
        documented++;
    assert_int_equal(documented, rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(domains_and_classes),
        cmocka_unit_test(accounts),
        cmocka_unit_test(aliases_and_mail),
        cmocka_unit_test(the_server),
        cmocka_unit_test(batches),
        cmocka_unit_test(inactive_accounts),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(any_text_can_be_read_back),
        cmocka_unit_test(mail_stays_when_adding_ends_unclear),
        cmocka_unit_test(shares),
        cmocka_unit_test(refusals),
        cmocka_unit_test(documentation_has_every_route),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
