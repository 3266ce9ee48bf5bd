/* SPDX-License-Identifier: Apache-2.0 */
/* Commands and the responses to them, as far as the simulator's clients need them. */
#include "imap_view.h"

#include "imap/args.h"
#include "trace.h"

void view_command_begin(struct imap_view *v)
{
    v->since = v->c->w->model.step;
    v->passed = v->searched = v->numbers = v->status.told = v->note.told = false;
    v->commands++;
    v->names_n = 0;
    buf_clear(&v->code);
    numset_clear(&v->found);
    numset_clear(&v->from);
    numset_clear(&v->to);
    for (size_t i = 0; i < v->n; i++)
        v->v[i].fetched = false;
}

bool view_send(struct imap_view *v, struct span bytes, bool last)
{
    bool passed;
    bool ok = client_send(v->c, bytes, bytes.n, &passed);
    v->passed = last && passed;
    return ok;
}

/* ---- FETCH ------------------------------------------------------------------------------------- */

static bool take_number(struct span *s, uint64_t *out)
{
    size_t n = 0;
    while (n < s->n && ascii_is_digit(s->p[n]))
        n++;
    bool ok = span_to_u64(span_slice(*s, 0, n), out);
    *s = span_from(*s, n);
    return ok;
}

static unsigned flags_of(struct imap_view *v, struct span list)
{
    unsigned flags = 0;
    while (list.n > 0) {
        struct span name = span_split(&list, ' ');
        unsigned i = 0;
        while (i < MARKS && !span_ieq(name, span_str(mark_names[i])))
            i++;
        if (i == MARKS)
            wrong("%s: a message has the flag %.*s", v->c->name, SPAN_ARG(name));
        flags |= 1u << i;
    }
    return flags;
}

/* "BODY[…] value"; a literal ends its line, and the next one goes on in `rest`. */
static bool read_body(struct imap_view *v, struct span *rest, struct buf *line)
{
    uint64_t n;
    struct span next;
    buf_clear(&v->body);
    (void)span_split(rest, ']');
    if (!span_skip(rest, SPAN(" {"))) {
        if (!span_skip(rest, SPAN(" \"\"")) && !span_skip(rest, SPAN(" NIL")))
            wrong("%s: what body is that: %.*s", v->c->name, SPAN_ARG(*rest));
        return true;
    }
    if (!take_number(rest, &n) || !span_eq(*rest, SPAN("}")))
        wrong("%s: a literal is announced by {%.*s", v->c->name, SPAN_ARG(*rest));
    if (!client_octets(v->c, (size_t)n, &v->body) || !client_line(v->c, &next))
        return false;
    buf_clear(line);
    buf_put(line, next);
    *rest = buf_span(line);
    return true;
}

/* false: the connection is lost in the middle. */
static bool read_fetch(struct imap_view *v, uint64_t number, struct span rest, struct buf *line)
{
    struct imap_fetched f = {.number = number};
    uint64_t n;
    while (!span_skip(&rest, SPAN(")"))) {
        (void)span_skip(&rest, SPAN(" "));
        if (span_skip(&rest, SPAN("UID ")) && take_number(&rest, &n)) {
            f.uid = (uint32_t)n;
        } else if (span_skip(&rest, SPAN("FLAGS ("))) {
            f.flags = flags_of(v, span_split(&rest, ')'));
            f.has_flags = true;
        } else if (span_skip(&rest, SPAN("MODSEQ ("))) {
            (void)take_number(&rest, &f.modseq);
            (void)span_skip(&rest, SPAN(")"));
        } else if (span_skip(&rest, SPAN("BODY["))) {
            f.has_body = true;
            if (!read_body(v, &rest, line))
                return false;
        } else {
            wrong("%s: FETCH tells %.*s", v->c->name, SPAN_ARG(rest));
        }
    }
    imap_told_fetch(v, &f);
    return true;
}

/* ---- other responses --------------------------------------------------------------------------- */

static void read_search(struct imap_view *v, struct span rest)
{
    uint64_t n;
    v->searched = true;
    while (span_skip(&rest, SPAN(" "))) {
        if (!take_number(&rest, &n))
            wrong("%s: SEARCH tells %.*s", v->c->name, SPAN_ARG(rest));
        numset_add(&v->found, (uint32_t)n);
    }
}

static void read_status(struct imap_view *v, struct span rest)
{
    struct imap_status *s = &v->status;
    struct imap_status told = {.told = true};
    if (span_starts(rest, SPAN("\"")))
        return; /* of somebody else's: his numbers are not compared */
    struct span name = span_split(&rest, ' ');
    static const struct {
        const char *name;
        size_t at;
    } items[] = {
        {"MESSAGES", offsetof(struct imap_status, messages)},
        {"UIDNEXT", offsetof(struct imap_status, uidnext)},
        {"UIDVALIDITY", offsetof(struct imap_status, uidvalidity)},
        {"HIGHESTMODSEQ", offsetof(struct imap_status, modseq)},
        {"UNSEEN", offsetof(struct imap_status, unseen)},
        {"DELETED", offsetof(struct imap_status, deleted)},
    };
    (void)span_skip(&rest, SPAN("("));
    if (span_ends(rest, SPAN(")")))
        rest.n--;
    while (rest.n > 0) {
        struct span item = span_split(&rest, ' '), value = span_split(&rest, ' ');
        for (size_t i = 0; i < COUNT_OF(items); i++)
            if (span_eq(item, span_str(items[i].name)) &&
                !span_to_u64(value, (uint64_t *)(void *)((char *)&told + items[i].at)))
                wrong("%s: STATUS tells %.*s", v->c->name, SPAN_ARG(value));
    }
    if (!span_to_cstr(name, told.name, sizeof told.name))
        wrong("%s: STATUS of %.*s", v->c->name, SPAN_ARG(name));
    *s = told;
}

/* INBOX (/private/comment "5"), or NIL; also the names alone, of what others have changed. */
static void read_note(struct imap_view *v, struct span rest)
{
    (void)span_split(&rest, ' ');
    if (!span_skip(&rest, SPAN("(/private" NOTE_NAME " ")))
        return;
    v->note = (struct imap_note){.told = true};
    if (span_eq(rest, SPAN("NIL)")))
        return;
    if (!span_skip(&rest, SPAN("\"")) || !take_number(&rest, &v->note.is) ||
        !span_eq(rest, SPAN("\")")))
        wrong("%s: METADATA tells %.*s", v->c->name, SPAN_ARG(rest));
}

static void read_list(struct imap_view *v, struct span rest)
{
    (void)span_split(&rest, ')');
    if (span_starts(rest, SPAN(" \"/\" \"Other Users")))
        return; /* what others share */
    bool ok = span_skip(&rest, SPAN(" \"/\" "));
    struct span name = span_split(&rest, ' '); /* NOTIFY tells an old name behind it */
    if (!ok || v->names_n == COUNT_OF(v->names) ||
        !span_to_cstr(name, v->names[v->names_n++], BOX_TEXT))
        wrong("%s: LIST tells %.*s %.*s", v->c->name, SPAN_ARG(name), SPAN_ARG(rest));
}

/* A code in a response about the mailbox that is opened, or about a MOVE. */
static void read_code(struct imap_view *v, struct span code)
{
    uint64_t n;
    bool beyond;
    struct span word = span_split(&code, ' ');
    if (span_eq(word, SPAN("UIDVALIDITY")) && span_to_u64(code, &n))
        v->uidvalidity = (uint32_t)n;
    else if (span_eq(word, SPAN("UIDNEXT")) && span_to_u64(code, &n))
        v->uidnext = (uint32_t)n;
    else if (span_eq(word, SPAN("HIGHESTMODSEQ")) && span_to_u64(code, &n))
        v->modseq_next = n > v->modseq_next ? n : v->modseq_next;
    else if (span_eq(word, SPAN("MAILBOXID")) && span_skip(&code, SPAN("(F")) && v->opening &&
             v->life != NULL && take_number(&code, &n))
        box_id_seen(v->box, (uint32_t)n, v->uidvalidity);
    else if (span_eq(word, SPAN("COPYUID")) || span_eq(word, SPAN("APPENDUID"))) {
        (void)span_split(&code, ' ');
        int err = 0;
        if (span_eq(word, SPAN("COPYUID")))
            err = imap_set_parse(span_split(&code, ' '), UINT32_MAX - 1, &v->from, &beyond);
        if (err != 0 || imap_set_parse(code, UINT32_MAX - 1, &v->to, &beyond) != 0)
            wrong("%s: a set of UIDs cannot be read", v->c->name);
    }
}

static bool numbered(struct imap_view *v, struct span rest, struct buf *line)
{
    uint64_t n;
    if (!take_number(&rest, &n))
        wrong("%s: what is that: %.*s", v->c->name, SPAN_ARG(rest));
    if (span_eq(rest, SPAN(" EXISTS")))
        imap_told_exists(v, n);
    else if (span_eq(rest, SPAN(" EXPUNGE")))
        imap_told_expunge(v, n);
    else if (span_skip(&rest, SPAN(" FETCH (")))
        return read_fetch(v, n, rest, line);
    else if (!span_eq(rest, SPAN(" RECENT")))
        wrong("%s: what is that: %.*s", v->c->name, SPAN_ARG(rest));
    return true;
}

/* false: the connection is lost, or given up by the server. */
static bool untagged(struct imap_view *v, struct span rest, struct buf *line)
{
    if (span_skip(&rest, SPAN("BYE"))) {
        client_must(v->c, false, "the server says BYE%.*s", SPAN_ARG(rest));
        v->c->lost = true;
        return false;
    }
    if (rest.n > 0 && ascii_is_digit(rest.p[0]))
        return numbered(v, rest, line);
    if (span_skip(&rest, SPAN("OK ["))) {
        read_code(v, span_split(&rest, ']'));
    } else if (span_skip(&rest, SPAN("VANISHED "))) {
        bool earlier = span_skip(&rest, SPAN("(EARLIER) "));
        imap_told_vanished(v, rest, earlier);
    } else if (span_skip(&rest, SPAN("SEARCH"))) {
        read_search(v, rest);
    } else if (span_skip(&rest, SPAN("STATUS "))) {
        read_status(v, rest);
    } else if (span_skip(&rest, SPAN("METADATA "))) {
        read_note(v, rest);
    } else if (span_skip(&rest, SPAN("LIST ("))) {
        read_list(v, rest);
    }
    return true;
}

/* ---- answers ----------------------------------------------------------------------------------- */

/* GO_ON: an untagged response, or part of one. */
static enum imap_answer read_one(struct imap_view *v, struct span text)
{
    static const struct {
        const char *word;
        enum imap_answer answer;
    } words[] = {{"OK ", IMAP_OK}, {"NO ", IMAP_NO}, {"BAD ", IMAP_BAD}};
    char tag[16];
    struct buf line;
    buf_init(&line, 256 * 1024);
    buf_put(&line, text);
    struct span rest = buf_span(&line);
    enum imap_answer a = IMAP_LOST;
    snprintf(tag, sizeof tag, "a%u ", v->commands);
    if (span_skip(&rest, SPAN("* "))) {
        a = untagged(v, rest, &line) ? IMAP_GO_ON : IMAP_LOST;
    } else if (span_skip(&rest, span_str(tag))) {
        for (size_t i = 0; i < COUNT_OF(words); i++)
            if (span_skip(&rest, span_str(words[i].word)))
                a = words[i].answer;
        if (span_skip(&rest, SPAN("["))) {
            buf_put(&v->code, span_split(&rest, ']'));
            read_code(v, buf_span(&v->code));
        }
    }
    if (a == IMAP_LOST && !v->c->lost)
        wrong("%s: what is that: %.*s", v->c->name, SPAN_ARG(text));
    buf_done(&line);
    return a;
}

enum imap_answer view_read(struct imap_view *v)
{
    struct span line;
    enum imap_answer a = IMAP_GO_ON;
    while (a == IMAP_GO_ON) {
        if (!client_line(v->c, &line))
            return IMAP_LOST;
        if (span_starts(line, SPAN("+ ")))
            return IMAP_GO_ON;
        a = read_one(v, line);
    }
    if (a == IMAP_BAD)
        wrong("%s: the server does not understand", v->c->name);
    return a;
}

void view_hear(struct imap_view *v)
{
    struct span line;
    while (client_line_now(v->c, &line))
        if (read_one(v, line) == IMAP_LOST)
            return;
}

static enum imap_answer PRINTF_LIKE(2, 0) run(struct imap_view *v, const char *fmt, va_list args)
{
    struct buf b;
    buf_init(&b, 64 * 1024);
    client_pause(v->c);
    if (v->notify)
        view_hear(v);
    bool numbers = v->numbers;
    view_command_begin(v);
    v->numbers = numbers;
    buf_printf(&b, "a%u ", v->commands);
    buf_vprintf(&b, fmt, args);
    buf_puts(&b, "\r\n");
    must(b.err == 0);
    bool ok = view_send(v, buf_span(&b), true);
    buf_done(&b);
    enum imap_answer a = ok ? view_read(v) : IMAP_LOST;
    if (a == IMAP_OK && login_must_be_over(v->c, v->since))
        wrong("%s: the session of u%u goes on", v->c->name, v->c->in->slot);
    v->numbers = false;
    return a;
}

enum imap_answer view_run(struct imap_view *v, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    enum imap_answer a = run(v, fmt, args);
    va_end(args);
    return a;
}

bool view_run_ok(struct imap_view *v, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    enum imap_answer a = run(v, fmt, args);
    va_end(args);
    if (a == IMAP_NO)
        client_must(v->c, v->life == NULL || !imap_view_counts(v), "%s is answered NO [%.*s]", fmt,
                    SPAN_ARG(buf_span(&v->code)));
    return a == IMAP_OK;
}

bool view_code_is(const struct imap_view *v, const char *code)
{
    return span_eq(buf_span(&v->code), span_str(code));
}
