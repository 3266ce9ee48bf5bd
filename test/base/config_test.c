/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration: defaults, values, and above all what an operator is told about a mistake. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/config.h"
#include "base/err.h"

static struct buf why;

static int setup(void **state)
{
    (void)state;
    buf_init(&why, 65536);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    buf_done(&why);
    return 0;
}

/* The complaints about `text`, NUL-terminated. */
static const char *complaints(const char *text, int *err_out)
{
    struct config *c = NULL;
    buf_clear(&why);
    *err_out = config_parse(span_str(text), "m.conf", &why, &c);
    if (*err_out == 0)
        config_unref(c);
    buf_putc(&why, '\0');
    return why.p;
}

static struct config *good(const char *text)
{
    struct config *c = NULL;
    buf_clear(&why);
    int err = config_parse(span_str(text), "/etc/mailstead/m.conf", &why, &c);
    if (err != 0)
        print_error("%.*s", SPAN_ARG(buf_span(&why)));
    assert_int_equal(err, 0);
    assert_int_equal(why.n, 0);
    return c;
}

static void an_empty_file_has_the_defaults(void **state)
{
    (void)state;
    struct config *c = good("");
    assert_string_equal(c->path, "/etc/mailstead/m.conf");
    assert_string_equal(c->hostname, "localhost");
    assert_int_equal(c->smtp_size_max, 50 << 20);
    assert_int_equal(c->listen_smtp.n, 1);
    assert_string_equal(c->listen_smtp.v[0], "*:25");
    assert_int_equal(c->proxy_from.n, 0);
    assert_int_equal(c->log_level, 1);
    assert_false(c->pop3_exclusive);
    config_unref(c);
}

static void values_of_every_kind(void **state)
{
    (void)state;
    struct config *c =
        good("# a comment\n"
             "hostname = mail.example.org // another\n"
             "/* and\n one more */\n"
             "log { level = debug\n format = \"json\" }\n"
             "smtp { message_size = 25M\n recipients = 500\n auth_on_mx = on }\n"
             "smtp { timeout = 2min }\n"
             "listen { smtp = { \"*:2025\", \"[::1]:2026\", 127.0.0.1:2027 }\n pop3 = {}\n"
             "  proxy_from = 10.0.0.0/8 }\n"
             "pop3 { login_delay = 1h }\n"
             "directory { sub_address_separator = \"\" }\n");
    assert_string_equal(c->hostname, "mail.example.org");
    assert_int_equal(c->log_level, 0);
    assert_int_equal(c->log_format, 1);
    assert_int_equal(c->smtp_size_max, 25 << 20);
    assert_int_equal(c->smtp_rcpt_max, 500);
    assert_int_equal(c->smtp_timeout, 120);
    assert_true(c->smtp_auth_on_mx);
    assert_int_equal(c->listen_smtp.n, 3);
    assert_string_equal(c->listen_smtp.v[1], "[::1]:2026");
    assert_int_equal(c->listen_pop3.n, 0);
    assert_int_equal(c->proxy_from.n, 1);
    assert_string_equal(c->proxy_from.v[0], "10.0.0.0/8");
    assert_int_equal(c->pop3_login_delay, 3600);
    assert_string_equal(c->sub_address, "");
    config_unref(c);
}

static void numbers_with_units(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t bytes;
    } sizes[] = {
        {"65536", 65536},       {"64k", 65536},    {"64K", 65536},    {"64KiB", 65536},
        {"64kB", 65536},        {"50M", 50 << 20}, {"50m", 50 << 20}, {"50MB", 50 << 20},
        {"\"50 M\"", 50 << 20}, {"1G", 1 << 30},
    };
    static const struct {
        const char *text;
        int64_t seconds;
    } times[] = {
        {"30", 30},  {"30s", 30},  {"90sec", 90},     {"5min", 300},
        {"5m", 300}, {"1h", 3600}, {"\"1 h\"", 3600},
    };
    char text[128];
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        (void)snprintf(text, sizeof text, "smtp { message_size = %s }", sizes[i].text);
        struct config *c = good(text);
        assert_int_equal(c->smtp_size_max, sizes[i].bytes);
        config_unref(c);
    }
    for (size_t i = 0; i < COUNT_OF(times); i++) {
        (void)snprintf(text, sizeof text, "smtp { timeout = %s }", times[i].text);
        struct config *c = good(text);
        assert_int_equal(c->smtp_timeout, times[i].seconds);
        config_unref(c);
    }
    struct config *c = good("lockout { time_max = 2d }");
    assert_int_equal(c->lock_time_max, 172800);
    config_unref(c);
}

static void paths_become_absolute(void **state)
{
    (void)state;
    struct config *c =
        good("data = ../../var/mail\nlog { file = mail.log }\nadmin { socket = /run/m.sock }\n");
    assert_string_equal(c->data, "/etc/mailstead/../../var/mail");
    assert_string_equal(c->store, "rocksdb:/etc/mailstead/../../var/mail/store");
    assert_string_equal(c->log_file, "/etc/mailstead/mail.log");
    assert_string_equal(c->admin_socket, "/run/m.sock");
    assert_string_equal(c->tls_cert.v[0], "/etc/mailstead/tls/cert.pem");
    assert_string_equal(c->tls_key.v[0], "/etc/mailstead/tls/key.pem");
    config_unref(c);

    c = good("store = \"sim:\"\ndata = /\n");
    assert_string_equal(c->store, "sim:");
    assert_string_equal(c->data, "/");
    assert_string_equal(c->admin_socket, "/admin.sock");
    assert_string_equal(c->log_file, "");
    config_unref(c);

    c = config_default("/srv/m");
    assert_non_null(c);
    assert_string_equal(c->path, "/srv/m/mailstead.conf");
    assert_string_equal(c->data, "/srv/m");
    assert_string_equal(c->store, "rocksdb:/srv/m/store");
    config_unref(c);

    c = config_default("here");
    assert_non_null(c);
    assert_int_equal(c->data[0], '/');
    assert_true(span_ends(span_str(c->data), SPAN("/here")));
    config_unref(c);
}

static void what_pop3_deletes_has_two_spellings(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t days;
    } cases[] = {
        {"pop3 { deleted = \"keep-days 30\" }", 30},
        {"pop3 { deleted = keep-days 31 }", 31},
        {"pop3{deleted=keep-days\t32}", 32},
        {"# don't\npop3 {\n deleted = keep-days 33# \"\n}\n", 33},
        {"// it's = keep-days 1\n/* ' */ pop3 { timeout = 5min\ndeleted = keep-days 34\n}", 34},
        {"log { file = \"a\\\\\" }\npop3 { deleted = keep-days 35 }", 35},
        {"pop3 { deleted = remove }", 0},
        {"pop3 { deleted_keep_days = 3 }", 3},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct config *c = good(cases[i].text);
        assert_int_equal(c->pop3_keep_days, cases[i].days);
        config_unref(c);
    }
}

static void every_mistake_is_explained(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *complaint; /* all of it */
    } cases[] = {
        /* values */
        {"smtp {\n  message_size = 50Q\n}\n",
         "m.conf:2: smtp.message_size: \"50Q\" is not a size; write for example 50M\n"},
        {"smtp { message_size = -1 }",
         "m.conf:1: smtp.message_size: \"-1\" is not a size; write for example 50M\n"},
        {"smtp { message_size = \"\" }",
         "m.conf:1: smtp.message_size: \"\" is not a size; write for example 50M\n"},
        {"smtp { message_size = 99999999999999999999 }",
         "m.conf:1: smtp.message_size: \"99999999999999999999\" is not a size; write for example "
         "50M\n"},
        {"smtp { message_size = 9223372036854775807G }",
         "m.conf:1: smtp.message_size: \"9223372036854775807G\" is not a size; write for example "
         "50M\n"},
        {"smtp { message_size = 10G }",
         "m.conf:1: smtp.message_size: 10G is more than the largest possible value 1G\n"},
        {"smtp { message_size = 1k }",
         "m.conf:1: smtp.message_size: 1k is less than the least possible value 64k\n"},
        {"smtp { timeout = 5parsec }",
         "m.conf:1: smtp.timeout: \"5parsec\" is not a time; write for example 5min\n"},
        {"smtp { timeout = 2h }",
         "m.conf:1: smtp.timeout: 2h is more than the largest possible value 1h\n"},
        {"smtp { recipients = many }",
         "m.conf:1: smtp.recipients: \"many\" is not a number; write for example 100\n"},
        {"smtp { recipients = 500k }",
         "m.conf:1: smtp.recipients: \"500k\" is not a number; write for example 100\n"},
        {"pop3 { exclusive = maybe }",
         "m.conf:1: pop3.exclusive: \"maybe\" is neither yes nor no; write yes or no\n"},
        {"log { level = loud }",
         "m.conf:1: log.level: \"loud\" is not possible here; write debug, info, warn or error\n"},
        {"log { format = xml }",
         "m.conf:1: log.format: \"xml\" is not possible here; write logfmt or json\n"},
        {"hostname = \"my server\"", "m.conf:1: hostname: \"my server\" is not a host name; write "
                                     "for example mail.example.org\n"},
        {"hostname = mail..org", "m.conf:1: hostname: \"mail..org\" is not a host name; write for "
                                 "example mail.example.org\n"},
        {"hostname = mail.org.", "m.conf:1: hostname: \"mail.org.\" is not a host name; write for "
                                 "example mail.example.org\n"},
        {"hostname = \"a\\nb\"", "m.conf:1: hostname: holds a control character or bytes that are "
                                 "not UTF-8; write plain text\n"},
        {"hostname = \"\xff\"", "m.conf:1: hostname: holds a control character or bytes that are "
                                "not UTF-8; write plain text\n"},
        {"data = \"\"", "m.conf:1: data: is empty; write the path of a file or folder\n"},
        {"store = mysql", "m.conf:1: store: \"mysql\" is not an engine and its place; write for "
                          "example rocksdb:store\n"},
        {"metrics { listen = 0.0.0.0:9925 }",
         "m.conf:1: metrics.listen: \"0.0.0.0:9925\" is not a loopback address and a port; write "
         "for example 127.0.0.1:9925\n"},
        {"listen { smtp = { 25 } }", "m.conf:1: listen.smtp: \"25\" is not an address and a port; "
                                     "write for example *:25, 192.0.2.1:25 or [2001:db8::1]:25\n"},
        {"listen {\n smtp = { \"*:25\",\n \"::1:25\",\n \"*:99999\" }\n}",
         "m.conf:3: listen.smtp: \"::1:25\" is not an address and a port; write for example *:25, "
         "192.0.2.1:25 or "
         "[2001:db8::1]:25\n"
         "m.conf:4: listen.smtp: \"*:99999\" is not an address and a port; write for example *:25, "
         "192.0.2.1:25 or "
         "[2001:db8::1]:25\n"},
        {"listen { proxy_from = { 10.0.0.1/8 } }",
         "m.conf:1: listen.proxy_from: \"10.0.0.1/8\" is not a network; write for example "
         "10.1.0.0/16 or 2001:db8::/32, "
         "with only zeros behind its length\n"},
        {"directory { sub_address_separator = ab }",
         "m.conf:1: directory.sub_address_separator: \"ab\" cannot separate; write one mark like + "
         "or -, or \"\" to switch it off\n"},
        {"pop3 { deleted = \"keep-days\" }", "m.conf:1: pop3.deleted: \"keep-days\" is not "
                                             "possible here; write keep-days 14 or remove\n"},
        {"pop3 { deleted = \"keep-days 9999\" }",
         "m.conf:1: pop3.deleted: 9999 is more than the largest possible value 3650\n"},

        /* all of them */
        {"log { level = loud }\nsmtp { timeout = x }\n",
         "m.conf:1: log.level: \"loud\" is not possible here; write debug, info, warn or error\n"
         "m.conf:2: smtp.timeout: \"x\" is not a time; write for example 5min\n"},

        /* twice */
        {"hostname = a\nhostname = b\n",
         "m.conf:2: hostname: is set in line 1 already; write it once\n"},
        {"smtp { timeout = 5 }\n\nsmtp { timeout = 5 }\n",
         "m.conf:3: smtp.timeout: is set in line 1 already; write it once\n"},
        {"listen { smtp = { \"*:25\" }\n smtp = { \"*:26\" } }\n",
         "m.conf:2: listen.smtp: is set in line 1 already; write it once, with all its values "
         "between braces\n"},
        {"listen { smtp = { \"*:25\", \"*:27\" }\n smtp = { \"*:25\" } }\n",
         "m.conf:2: listen.smtp: is set in line 1 already; write it once, with all its values "
         "between braces\n"},
        {"pop3 { deleted = remove\n deleted_keep_days = 3 }\n",
         "m.conf:2: pop3.deleted_keep_days: is set in line 1 already; write it once\n"},

        /* keys */
        {"hostnam = a\n", "m.conf:1: hostnam: unknown key; did you mean hostname?\n"},
        {"smtp {\n mesage_size = 5M\n}\n",
         "m.conf:2: smtp.mesage_size: unknown key; did you mean smtp.message_size?\n"},
        {"\n\nsmpt { timeout = 5 }\n",
         "m.conf:3: smpt: unknown key; did you mean the section smtp?\n"},
        {"message_size = 5M\n",
         "m.conf:1: message_size: unknown key; did you mean smtp { message_size = ... }?\n"},
        {"smtp { exclusive = yes }\n",
         "m.conf:1: smtp.exclusive: unknown key; did you mean pop3 { exclusive = ... }?\n"},
        {"smtp { hostname = a }\n",
         "m.conf:1: smtp.hostname: unknown key; did you mean hostname, outside of any section?\n"},
        {"zzzzzzzzzz = 1\n",
         "m.conf:1: zzzzzzzzzz: unknown key; docs/configuration.md lists all keys\n"},
        {"pop3 { deleted = keep-weeks 14 }",
         "m.conf:1: pop3.deleted: \"keep-weeks\" is not possible here; write keep-days 14 or "
         "remove\n"
         "m.conf:1: pop3.14: stands behind a value; write a value of several words in quotes, and "
         "one key on a line\n"},

        /* together */
        {"tls { certificate = { a, b }\n key = { a } }\n",
         "m.conf: tls.key: there are 1 keys and 2 certificates; write one key for each, in the "
         "same order\n"},
        {"tls { certificate = {}\n key = {} }\n",
         "m.conf: tls.certificate: is empty, and listen.submissions, listen.pop3s or listen.imaps "
         "need one; "
         "write for example tls/cert.pem\n"},
        {"lockout { time = 1h\n time_max = 60 }\n",
         "m.conf: lockout.time_max: is shorter than lockout.time; write the same or a longer "
         "time\n"},

        /* syntax */
        {"smtp { timeout = 5",
         "m.conf: the file ends inside the section smtp; write a } behind its last key\n"},
        {"hostname = \"mail",
         "m.conf: the file ends inside a value; write the missing quote or brace\n"},
        {"hostname = 'mail", "m.conf:3: unterminated string constant; write for example hostname = "
                             "mail.example.org, or  "
                             "smtp { message_size = 50M }\n"},
        {"listen { smtp = { \"*:25\"", NULL},
        {"hostname = mail /* no end",
         "m.conf: the file ends inside a comment; write the missing */\n"},
        {"smtp { } }",
         "m.conf:1: unexpected closing brace; write for example hostname = mail.example.org, or  "
         "smtp { message_size = 50M }\n"},
        {"hostname mail",
         "m.conf:1: missing equal sign after option 'hostname'; write for example hostname = "
         "mail.example.org, or  smtp { message_size = 50M }\n"},
        {"smtp.timeout = 5",
         "m.conf:1: smtp.timeout: unknown key; did you mean smtp { timeout = ... }?\n"},
        {"smtp = 5", NULL},
        {"= 5", NULL},
        {"hostname += 5", NULL},
        {"hostname = { a }", NULL},
        {"hostname = \"\\999\"", NULL},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int err;
        const char *said = complaints(cases[i].text, &err);
        if (err != ERR_INVALID || said[0] == '\0')
            fail_msg("accepted: %s", cases[i].text);
        if (cases[i].complaint != NULL)
            assert_string_equal(said, cases[i].complaint);
        else
            assert_int_equal(strncmp(said, "m.conf:", 7), 0);
    }
}

static void an_unfinished_text_does_not_spoil_the_next_file(void **state)
{
    (void)state;
    int err;
    complaints("hostname = \"mail", &err);
    assert_int_equal(err, ERR_INVALID);
    complaints("/* never closed", &err);
    assert_int_equal(err, ERR_INVALID);
    struct config *c = good("hostname = mail.example.org\n");
    assert_string_equal(c->hostname, "mail.example.org");
    config_unref(c);
}

static void what_is_no_text_is_refused(void **state)
{
    (void)state;
    struct config *c = NULL;
    assert_int_equal(config_parse(SPAN("hostname = a\0b"), "m.conf", &why, &c), ERR_INVALID);
    assert_true(span_eq(buf_span(&why),
                        SPAN("m.conf: holds a zero byte; this is not a configuration file\n")));
    char *large = malloc(1024 * 1024 + 1);
    assert_non_null(large);
    memset(large, '\n', 1024 * 1024 + 1);
    buf_clear(&why);
    assert_int_equal(config_parse(span_of(large, 1024 * 1024 + 1), "m.conf", &why, &c),
                     ERR_INVALID);
    assert_true(span_eq(buf_span(&why),
                        SPAN("m.conf: is larger than 1 MiB; this is not a configuration file\n")));
    assert_int_equal(config_parse(span_of(large, 1024 * 1024), "m.conf", &why, &c), 0);
    config_unref(c);
    free(large);
    c = good("\xef\xbb\xbfhostname = mail.example.org\r\n");
    assert_string_equal(c->hostname, "mail.example.org");
    config_unref(c);
}

static void files_are_loaded(void **state)
{
    (void)state;
    struct config *c = NULL;
    char dir[] = "/tmp/mailstead-config-XXXXXX", path[64];
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/m.conf", dir);

    assert_int_equal(config_load(path, &why, &c), ERR_NOT_FOUND);
    assert_true(
        span_find(buf_span(&why), SPAN("there is no such file; 'mailstead init' makes one\n")) > 0);
    assert_int_equal(config_load(dir, &why, &c), ERR_IO);

    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs("hostname = mail.example.org\n", f) >= 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(config_load(path, &why, &c), 0);
    assert_string_equal(c->hostname, "mail.example.org");
    assert_string_equal(c->data, dir);
    config_unref(c);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(dir), 0);
}

/* ---- rows and the commented file ---------------------------------------------------------- */

/* The same values, whatever the order of the fields. */
static void assert_same(const struct config *a, const struct config *b)
{
#define STR(f, ...)  assert_string_equal(a->f, b->f);
#define BOOL(f, ...) assert_int_equal(a->f, b->f);
#define INT(f, ...)  assert_int_equal(a->f, b->f);
#define ENUM(f, ...) assert_int_equal(a->f, b->f);
#define LIST(f, ...)                                                                               \
    assert_int_equal(a->f.n, b->f.n);                                                              \
    for (size_t i = 0; i < a->f.n; i++)                                                            \
        assert_string_equal(a->f.v[i], b->f.v[i]);
    CONFIG_TABLE(STR, BOOL, INT, ENUM, LIST)
#undef STR
#undef BOOL
#undef INT
#undef ENUM
#undef LIST
}

static void the_commented_file_loads_to_the_same(void **state)
{
    (void)state;
    static const char *const set[] = {
        "hostname",
        "mail.example.org",
        "data",
        "/srv/ma il/\"quoted\\$HOME${HOME}",
        "listen.smtp",
        "*:2025 [::1]:2026",
        "listen.pop3",
        "",
        "tls.certificate",
        "{ \"/srv/ma il/cert.pem\" }",
        "smtp.message_size",
        "25M",
        "directory.sub_address_separator",
        "",
        NULL,
    };
    struct buf text;
    buf_init(&text, 65536);
    config_write_commented(&text, set);
    assert_int_equal(text.err, 0);
    buf_putc(&text, '\0');
    struct config *c = good(text.p);
    assert_string_equal(c->hostname, "mail.example.org");
    assert_string_equal(c->data, "/srv/ma il/\"quoted\\$HOME${HOME}");
    assert_int_equal(c->listen_smtp.n, 2);
    assert_string_equal(c->listen_smtp.v[1], "[::1]:2026");
    assert_int_equal(c->listen_pop3.n, 0);
    assert_string_equal(c->tls_cert.v[0], "/srv/ma il/cert.pem");
    assert_int_equal(c->smtp_size_max, 25 << 20);
    assert_string_equal(c->sub_address, "");
    config_unref(c);

    /* with all comment marks of values taken away it is the defaults, spelt out */
    buf_clear(&text);
    config_write_commented(&text, NULL);
    for (size_t i = 0; i + 1 < text.n; i++)
        if (text.p[i] == '#' && text.p[i + 1] != ' ')
            text.p[i] = ' ';
    buf_putc(&text, '\0');
    c = good(text.p);
    struct config *defaults = config_default("/etc/mailstead");
    assert_non_null(defaults);
    assert_same(c, defaults);
    config_unref(c);
    config_unref(defaults);
    buf_done(&text);
}

static void every_row_is_whole(void **state)
{
    (void)state;
    struct config_row row;
    size_t n = 0;
    struct buf text;
    buf_init(&text, 65536);
    config_write_commented(&text, NULL);
    for (; config_row(n, &row); n++) {
        assert_true(strlen(row.key) > 2);
        assert_true(strlen(row.help) > 10);
        assert_true(row.help[strlen(row.help) - 1] != '.');
        struct span key = span_str(row.key);
        struct span name =
            span_chr(key, '.') < 0 ? key : span_from(key, (size_t)span_chr(key, '.') + 1);
        char line[80];
        (void)snprintf(line, sizeof line, "#%.*s = ", SPAN_ARG(name));
        assert_true(span_find(buf_span(&text), span_str(line)) > 0);
    }
    assert_true(n > 40);
    assert_false(config_row(n, &row));
    buf_done(&text);
    assert_true(config_row(0, &row));
    assert_string_equal(row.key, "hostname");
    assert_string_equal(row.kind, "text");
    assert_string_equal(row.fallback, "localhost");
}

/* ---- threads ------------------------------------------------------------------------------ */

static void *load_often(void *arg)
{
    struct config *shared = arg;
    struct buf w;
    buf_init(&w, 4096);
    for (int i = 0; i < 50; i++) {
        struct config *c = NULL;
        if (config_parse(SPAN("hostname = a\nlisten { smtp = { \"*:1\", \"*:2\" } }\n"), "m", &w,
                         &c) != 0)
            return arg;
        config_unref(c);
        config_unref(config_ref(shared));
    }
    buf_done(&w);
    return NULL;
}

static void threads_may_load_and_share(void **state)
{
    (void)state;
    struct config *c = good("");
    pthread_t t[4];
    for (size_t i = 0; i < COUNT_OF(t); i++)
        assert_int_equal(pthread_create(&t[i], NULL, load_often, c), 0);
    for (size_t i = 0; i < COUNT_OF(t); i++) {
        void *failed;
        assert_int_equal(pthread_join(t[i], &failed), 0);
        assert_null(failed);
    }
    assert_string_equal(c->hostname, "localhost");
    config_unref(c);
    config_unref(NULL);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(an_empty_file_has_the_defaults),
        CASE(values_of_every_kind),
        CASE(numbers_with_units),
        CASE(paths_become_absolute),
        CASE(what_pop3_deletes_has_two_spellings),
        CASE(every_mistake_is_explained),
        CASE(an_unfinished_text_does_not_spoil_the_next_file),
        CASE(what_is_no_text_is_refused),
        CASE(files_are_loaded),
        CASE(the_commented_file_loads_to_the_same),
        CASE(every_row_is_whole),
        CASE(threads_may_load_and_share),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
