/* SPDX-License-Identifier: Apache-2.0 */
/* One table of options: name, letter for getopt, what it takes, help. The help text is printed from it. */
#include "options.h"

#include "base/span.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <time.h>

enum option_id {
    OPT_TO = 256,
    OPT_TLS,
    OPT_RESUME,
    OPT_CONNECTIONS,
    OPT_STAGGER,
    OPT_COUNT,
    OPT_PER_CONNECTION,
    OPT_SIZE,
    OPT_PIPELINING,
    OPT_AHEAD,
    OPT_RECIPIENTS,
    OPT_MAILBOXES,
    OPT_FIRST,
    OPT_MAILBOX,
    OPT_SENDER,
    OPT_USER,
    OPT_PASSWORD,
    OPT_AUTH_PLAIN,
    OPT_RETRIEVE,
    OPT_EXPECT,
    OPT_NO_UIDL,
    OPT_DELE,
    OPT_REPEAT,
    OPT_OPERATIONS,
    OPT_HOLD,
    OPT_NOTIFY,
    OPT_WATCH,
    OPT_INTERVAL,
    OPT_TIMEOUT,
    OPT_ERRORS,
    OPT_JSON,
    OPT_SEED,
    OPT_HELP
};

struct option_row {
    const char *name, *value, *help;
    enum option_id id;
};

/* clang-format off */
static const struct option_row rows[] = {
    {"to", "ADDRESS:PORT", "server, IPv4 in numbers", OPT_TO},
    {"tls", "none|starttls|implicit", "default none (for POP3 starttls is STLS)", OPT_TLS},
    {"resume", NULL, "offer the TLS session of the connection before", OPT_RESUME},
    {"connections", "N", "at once; default 1; imap-idle: that connect at once, all stay", OPT_CONNECTIONS},
    {"stagger", "MS", "the first connections begin so far apart, for servers with a short listen queue; default 0", OPT_STAGGER},
    {"count", "N", "messages (smtp, lmtp) or sessions (all others); default 100", OPT_COUNT},
    {"per-connection", "N", "messages on one connection, then a new one; default 0: no end", OPT_PER_CONNECTION},
    {"size", "SIZE", "octets of a message that is sent or appended, like 8k or 1M; default 8k", OPT_SIZE},
    {"pipelining", "auto|yes|no", "SMTP; auto (the default) uses it where it is offered", OPT_PIPELINING},
    {"ahead", "N", "POP3: RETR commands under way at once; default 1", OPT_AHEAD},
    {"recipients", "N", "of one message; default 1", OPT_RECIPIENTS},
    {"mailboxes", "N", "how many the load is spread over; default 1", OPT_MAILBOXES},
    {"first", "N", "number of the first mailbox; default 0", OPT_FIRST},
    {"mailbox", "NAME", "address or login; {} is the number; default user{}@bench.test", OPT_MAILBOX},
    {"sender", "ADDRESS", "MAIL FROM; default sender@load.test", OPT_SENDER},
    {"user", "NAME", "SMTP: log in first (AUTH PLAIN)", OPT_USER},
    {"password", "TEXT", "of --user, or of every mailbox", OPT_PASSWORD},
    {"auth-plain", NULL, "POP3: AUTH PLAIN instead of USER and PASS", OPT_AUTH_PLAIN},
    {"retrieve", "N", "POP3 drain: at most so many messages a session; default all", OPT_RETRIEVE},
    {"expect", "N", "drain and IMAP: another number of messages in a mailbox is an error", OPT_EXPECT},
    {"no-uidl", NULL, "POP3 drain: leave out UIDL", OPT_NO_UIDL},
    {"dele", NULL, "POP3 drain: delete what was retrieved", OPT_DELE},
    {"repeat", "N", "imap-fetch, imap-bodies: FETCHes in one session, 0 for none; default 1", OPT_REPEAT},
    {"operations", "N", "imap-mixed: in one session; default 100", OPT_OPERATIONS},
    {"hold", "SECONDS", "imap-idle: how long nothing happens when all are idle; default 0", OPT_HOLD},
    {"notify", "N", "imap-idle: messages appended then; default 0", OPT_NOTIFY},
    {"watch", "N", "imap-idle: mailboxes that have one session each and are told of those; default 1", OPT_WATCH},
    {"interval", "MS", "imap-idle: between those messages; default 50", OPT_INTERVAL},
    {"timeout", "SECONDS", "nothing happened for so long: give up; default 60", OPT_TIMEOUT},
    {"max-errors", "N", "give up after so many; default 20", OPT_ERRORS},
    {"json", "FILE", "also write the result as JSON; - for standard output, then without the table", OPT_JSON},
    {"seed", "N", "of the texts and of the mix; default from the clock", OPT_SEED},
    {"help", NULL, "this text", OPT_HELP},
};
/* clang-format on */

static _Noreturn void PRINTF_LIKE(1, 2) wrong(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)fputs("load: ", stderr);
    (void)vfprintf(stderr, fmt, args);
    (void)fputs("; see load --help\n", stderr);
    va_end(args);
    exit(2);
}

static _Noreturn void help(void)
{
    puts("usage: load WORK --to 127.0.0.1:PORT [OPTION]...\n\n"
         "  smtp, lmtp   send messages; one counts when its 250 has arrived\n"
         "  drain        POP3: log in, STAT, LIST, UIDL, RETR each, QUIT\n"
         "  login        POP3: connect, TLS, log in, QUIT\n"
         "  imap-login   IMAP: connect, TLS, log in, LOGOUT\n"
         "  imap-fetch   IMAP: SELECT INBOX, FETCH flags, size, date, envelope, structure of all\n"
         "  imap-bodies  IMAP: SELECT INBOX, FETCH all messages whole\n"
         "  imap-mixed   IMAP: SELECT, STORE, APPEND, SEARCH, FETCH, NOOP at random\n"
         "  imap-idle    IMAP: many sessions in IDLE; then how long until one is told of a "
         "message\n\n"
         "Any error is printed and makes the exit code 1.\n");
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char left[64];
        (void)snprintf(left, sizeof(left), "--%s %s", rows[i].name,
                       rows[i].value != NULL ? rows[i].value : "");
        printf("  %-32s %s\n", left, rows[i].help);
    }
    exit(0);
}

static unsigned long number(const char *name, const char *text, unsigned long min)
{
    uint64_t n;
    if (!span_to_u64(span_str(text), &n) || n < min || n > INT_MAX)
        wrong("--%s wants a number of at least %lu, not '%s'", name, min, text);
    return (unsigned long)n;
}

static size_t size_of(const char *text)
{
    struct span s = span_str(text);
    uint64_t unit = 1, n;
    if (s.n > 0 && (s.p[s.n - 1] == 'k' || s.p[s.n - 1] == 'M')) {
        unit = s.p[s.n - 1] == 'k' ? 1024 : 1024 * 1024;
        s.n--;
    }
    if (!span_to_u64(s, &n) || n > INT_MAX / unit || n * unit < 1024)
        wrong("--size wants at least 1k, like 8k or 1M, not '%s'", text);
    return (size_t)(n * unit);
}

/* Which of the words; the order is that of the enum. */
static int one_of(const char *name, const char *text, const char *const *words, int count)
{
    for (int i = 0; i < count; i++)
        if (strcmp(words[i], text) == 0)
            return i;
    wrong("--%s does not know '%s'", name, text);
}

static void address(struct options *o, const char *text)
{
    struct span rest = span_str(text), host = span_split(&rest, ':');
    char cstr[INET_ADDRSTRLEN];
    uint32_t port;
    o->to.sin_family = AF_INET;
    if (!span_to_cstr(host, cstr, sizeof(cstr)) || inet_pton(AF_INET, cstr, &o->to.sin_addr) != 1 ||
        !span_to_u32(rest, &port) || port == 0 || port > 65535)
        wrong("--to wants ADDRESS:PORT like 127.0.0.1:2525, not '%s'", text);
    o->to.sin_port = htons((uint16_t)port);
}

static void set(struct options *o, const struct option_row *row, const char *v)
{
    static const char *const tls[] = {"none", "starttls", "implicit"};
    static const char *const pipelining[] = {"no", "yes", "auto"};
    switch (row->id) {
    case OPT_TO: address(o, v); break;
    case OPT_TLS: o->tls = (enum tls_mode)one_of(row->name, v, tls, 3); break;
    case OPT_RESUME: o->resume = true; break;
    case OPT_CONNECTIONS: o->connections = (unsigned)number(row->name, v, 1); break;
    case OPT_STAGGER: o->stagger_ms = (unsigned)number(row->name, v, 0); break;
    case OPT_COUNT: o->count = number(row->name, v, 1); break;
    case OPT_PER_CONNECTION: o->per_connection = number(row->name, v, 0); break;
    case OPT_SIZE: o->size = size_of(v); break;
    case OPT_PIPELINING:
        o->pipelining = (enum pipelining)one_of(row->name, v, pipelining, 3);
        break;
    case OPT_AHEAD: o->ahead = (unsigned)number(row->name, v, 1); break;
    case OPT_RECIPIENTS: o->recipients = (unsigned)number(row->name, v, 1); break;
    case OPT_MAILBOXES: o->mailboxes = (unsigned)number(row->name, v, 1); break;
    case OPT_FIRST: o->first = (unsigned)number(row->name, v, 0); break;
    case OPT_MAILBOX: o->mailbox = v; break;
    case OPT_SENDER: o->sender = v; break;
    case OPT_USER: o->user = v; break;
    case OPT_PASSWORD: o->password = v; break;
    case OPT_AUTH_PLAIN: o->auth_plain = true; break;
    case OPT_RETRIEVE: o->retrieve = number(row->name, v, 0); break;
    case OPT_EXPECT: o->expect = number(row->name, v, 0); break;
    case OPT_NO_UIDL: o->uidl = false; break;
    case OPT_DELE: o->dele = true; break;
    case OPT_REPEAT: o->repeat = number(row->name, v, 0); break;
    case OPT_OPERATIONS: o->operations = number(row->name, v, 1); break;
    case OPT_HOLD: o->hold_s = (unsigned)number(row->name, v, 0); break;
    case OPT_NOTIFY: o->notify = number(row->name, v, 0); break;
    case OPT_WATCH: o->watch = number(row->name, v, 1); break;
    case OPT_INTERVAL: o->interval_ms = (unsigned)number(row->name, v, 0); break;
    case OPT_TIMEOUT: o->timeout_s = (unsigned)number(row->name, v, 1); break;
    case OPT_ERRORS: o->errors = number(row->name, v, 1); break;
    case OPT_JSON: o->json = v; break;
    case OPT_SEED: o->seed = number(row->name, v, 1); break;
    case OPT_HELP: help();
    }
}

static void defaults(struct options *o)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    *o = (struct options){
        .connections = 1,
        .count = 100,
        .size = 8192,
        .pipelining = PIPELINING_IF_OFFERED,
        .ahead = 1,
        .recipients = 1,
        .mailboxes = 1,
        .mailbox = "user{}@bench.test",
        .sender = "sender@load.test",
        .retrieve = ULONG_MAX,
        .expect = ULONG_MAX,
        .uidl = true,
        .repeat = 1,
        .operations = 100,
        .watch = 1,
        .interval_ms = 50,
        .timeout_s = 60,
        .errors = 20,
        .seed = (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec,
    };
}

static void check(const struct options *o)
{
    bool logs_in = o->work != WORK_SMTP && o->work != WORK_LMTP;
    if (o->to.sin_port == 0)
        wrong("--to is missing");
    if (logs_in && o->password == NULL)
        wrong("--password is missing");
    if (o->user != NULL && o->password == NULL)
        wrong("--user needs --password");
    if (o->recipients > o->mailboxes)
        wrong("more --recipients than --mailboxes");
    if (o->work == WORK_IMAP_IDLE && o->count > o->watch && o->mailboxes <= o->watch)
        wrong("more --mailboxes than --watch are needed for the other sessions");
    if (o->work == WORK_IMAP_IDLE && o->mailboxes < (o->watch < o->count ? o->watch : o->count))
        wrong("fewer --mailboxes than --watch");
    if (o->recipients > 1000)
        wrong("more than 1000 --recipients");
}

void options_read(struct options *o, int argc, char **argv)
{
    static const char *const works[] = {"smtp",        "lmtp",       "drain",
                                        "login",       "imap-login", "imap-fetch",
                                        "imap-bodies", "imap-mixed", "imap-idle"};
    struct option table[COUNT_OF(rows) + 1] = {0};
    int id, at;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        table[i] = (struct option){
            .name = rows[i].name, .has_arg = rows[i].value != NULL ? 1 : 0, .val = (int)rows[i].id};
    defaults(o);
    while ((id = getopt_long(argc, argv, "", table, &at)) != -1) {
        if (id == '?')
            exit(2); /* getopt has said why */
        set(o, &rows[at], optarg);
    }
    if (optind + 1 != argc)
        wrong("one kind of work is wanted, like smtp");
    o->work = (enum work)one_of("work", argv[optind], works, COUNT_OF(works));
    check(o);
}

void options_mailbox(const struct options *o, unsigned long n, char *out, size_t size)
{
    unsigned long number = o->first + n % o->mailboxes;
    struct span name = span_str(o->mailbox);
    ssize_t at = span_find(name, SPAN("{}"));
    if (at < 0)
        (void)snprintf(out, size, "%s", o->mailbox);
    else
        (void)snprintf(out, size, "%.*s%lu%s", (int)at, o->mailbox, number, o->mailbox + at + 2);
}
