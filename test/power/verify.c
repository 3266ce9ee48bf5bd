/* SPDX-License-Identifier: Apache-2.0 */
/* Looks at folders as the power cut left them, with the code of the server. Reads commands, a line each,
 * and answers each with lines of words and a last line "end":
 *
 *   look FOLDER      opens the store and tells what is in it
 *   make FOLDER      the same for a store whose making was cut short: it is made if it is not there
 *   more FOLDER N    puts one more message into every account and dies, as kill -9: nothing is closed
 *
 *   account ADDRESS, alias ADDRESS, domain NAME
 *   mail ADDRESS TOKEN UID UIDL SIZE     a message of INBOX, read and whole
 *   quota ADDRESS BYTES MESSAGES
 *   next ADDRESS UID                     the UID to come
 *   after ADDRESS TOKEN UID              what "more" has put there (after this line it is promised)
 *   problem ...                          whatever should not be
 *
 * Each command is done by a child of its own, so that whatever happens to it is an answer too. The server's log
 * (errors only) goes into the answer: to open with complaints is a problem. */
#include "letter.h"
#include "rooms.h"

#include "base/err.h"
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>

struct look {
    struct rooms rooms;
    const char *number; /* more */
    struct arena *arena;
};

static void say(const char *fmt, ...) PRINTF_LIKE(1, 2);
static void say(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vprintf(fmt, args);
    va_end(args);
    putchar('\n');
}

static void problem(void *arg, struct span sentence)
{
    (void)arg;
    say("problem %.*s", SPAN_ARG(sentence));
}

static int failed(const char *what, int err)
{
    if (err != 0)
        say("problem %s: %s", what, err_text(err));
    return err;
}

/* ---- looking ----------------------------------------------------------------------------- */

static void look_message(struct look *l, const struct account *a, const struct mail_entry *e)
{
    struct blob_reader *reader;
    struct blob_info info;
    struct buf text;
    char token[LETTER_TOKEN];
    int err = mailbox_message_open(&l->rooms.mail, a->id, e->message, &reader, &info);
    if (err != 0) {
        say("problem %.*s: the message with the UID %u: %s", SPAN_ARG(a->address), e->uid.v,
            err_text(err));
        return;
    }
    buf_init(&text, info.size + 1);
    err = store_blob_read(reader, 0, info.size, &text);
    store_blob_close(reader);
    letter_token(buf_span(&text), token);
    const char *fault = err != 0 ? err_text(err) : letter_fault(buf_span(&text));
    if (fault == NULL && info.size != e->size)
        fault = "the list says another size";
    if (fault != NULL)
        say("problem %.*s: the message %s with the UID %u: %s", SPAN_ARG(a->address), token,
            e->uid.v, fault);
    else
        say("mail %.*s %s %u %llu %llu", SPAN_ARG(a->address), token, e->uid.v,
            (unsigned long long)e->uidl, (unsigned long long)e->size);
    buf_done(&text);
}

static int look_account(void *arg, const struct account *a)
{
    struct look *l = arg;
    struct mail_view view;
    struct mail_quota quota;
    say("account %.*s", SPAN_ARG(a->address));
    if (failed("list", mailbox_view_load(&l->rooms.mail, a->id, (struct mailbox_id){USE_INBOX},
                                         SIZE_MAX, &view)) != 0)
        return 0;
    for (size_t i = 0; i < view.n; i++)
        look_message(l, a, &view.v[i]);
    if (view.damaged > 0)
        say("problem %.*s: %zu damaged entries", SPAN_ARG(a->address), view.damaged);
    say("next %.*s %u", SPAN_ARG(a->address), view.uidnext);
    mailbox_view_done(&view);
    if (failed("quota", mailbox_quota(&l->rooms.mail, a->id, &quota)) == 0)
        say("quota %.*s %llu %llu", SPAN_ARG(a->address), (unsigned long long)quota.bytes,
            (unsigned long long)quota.messages);
    return 0;
}

/* Of every account, also of those that the directory does not know because their making was cut short. */
static int look_part(void *arg, struct part part)
{
    struct look *l = arg;
    uint64_t problems;
    (void)failed("mailbox check",
                 mailbox_check(&l->rooms.mail, part.id, false, problem, NULL, &problems));
    return 0;
}

static void look_directory(struct look *l)
{
    struct domain *domains;
    struct alias *aliases;
    size_t n;
    if (failed("domains", domain_list(l->rooms.directory, l->arena, &domains, &n)) == 0)
        for (size_t i = 0; i < n; i++)
            say("domain %.*s", SPAN_ARG(domains[i].name));
    if (failed("aliases", alias_list(l->rooms.directory, SPAN_EMPTY, SPAN_EMPTY, 1000, l->arena,
                                     &aliases, &n)) == 0)
        for (size_t i = 0; i < n; i++)
            say("alias %.*s", SPAN_ARG(aliases[i].address));
}

static void look(struct look *l)
{
    struct store_check check;
    look_directory(l);
    (void)failed("accounts", rooms_accounts(&l->rooms, look_account, l));
    (void)failed("partitions", store_parts(l->rooms.store, PART_ACCOUNT, 0, look_part, l));
    (void)failed("store check", store_check(l->rooms.store, problem, NULL, &check));
}

/* ---- going on ---------------------------------------------------------------------------- */

static int more_account(void *arg, const struct account *a)
{
    struct look *l = arg;
    struct mail_append in = {.received_ms = 1};
    struct mail_appended out;
    struct blob_writer *w;
    struct buf letter;
    char token[LETTER_TOKEN];
    snprintf(token, sizeof(token), "after-%s-%llu", l->number, (unsigned long long)a->id);
    buf_init(&letter, 1 << 20);
    letter_make(&letter, token, 3000);
    int err = store_blob_create(l->rooms.store, &w);
    if (err == 0) {
        (void)!store_blob_write(w, SPAN("Received: here\r\n"));
        (void)!store_blob_write(w, buf_span(&letter)); /* finish says it again */
        err = store_blob_finish(w, &in.blob, &in.info);
    }
    if (err == 0)
        err = mailbox_append(&l->rooms.mail, a->id, &in, &out);
    if (failed("one more message", err) == 0)
        say("after %.*s %s %u", SPAN_ARG(a->address), token, out.uid.v);
    buf_done(&letter);
    return 0;
}

/* ---- commands ---------------------------------------------------------------------------- */

static void command(struct span verb, const char *folder, const char *number)
{
    struct look l = {.number = number, .arena = arena_new(16 << 20)};
    struct buf why;
    buf_init(&why, 4096);
    int err = rooms_open(&l.rooms, folder, span_eq(verb, SPAN("make")), &why);
    if (err != 0) {
        say("problem it cannot be opened: %.*s (%s)", SPAN_ARG(buf_span(&why)), err_text(err));
        return;
    }
    if (span_eq(verb, SPAN("more")))
        (void)failed("accounts", rooms_accounts(&l.rooms, more_account, &l));
    else
        look(&l);
    if (span_eq(verb, SPAN("more")))
        return; /* dies */
    rooms_close(&l.rooms);
    arena_free(l.arena);
    buf_done(&why);
}

static void in_a_child(struct span verb, const char *folder, const char *number)
{
    int status = 0;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        command(verb, folder, number);
        fflush(stdout);
        _exit(0);
    }
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (child < 0 || status != 0)
        say("problem the program ended with the status %d", status);
    say("end");
    fflush(stdout);
}

int main(void)
{
    char line[5000], folder[4096], number[64];
    log_setup(STDOUT_FILENO, LOG_ERROR, LOG_LOGFMT);
    while (fgets(line, sizeof(line), stdin) != NULL) {
        struct span rest = span_trim(span_str(line));
        struct span verb = span_split(&rest, ' ');
        struct span where = span_split(&rest, ' ');
        if (!span_to_cstr(where, folder, sizeof(folder)) ||
            !span_to_cstr(rest, number, sizeof(number)))
            return 2;
        in_a_child(verb, folder, number);
    }
    return 0;
}
