/* SPDX-License-Identifier: Apache-2.0 */
#include "pop3_view.h"

#include "trace.h"
#include "turns.h"

void pop3_view_begin(struct pop3_view *v, struct client *c, struct life *life, uint64_t since)
{
    *v = (struct pop3_view){.c = c, .life = life, .since = since};
    if (life == NULL)
        return;
    v->musts = calloc(life->copies_n + 1, sizeof(struct copy *));
    must(v->musts != NULL);
    for (size_t i = 0; i < life->copies_n; i++)
        if (life->copies[i]->box == life_inbox(life) && copy_must_since(life->copies[i], since))
            v->musts[v->musts_n++] = life->copies[i];
}

void pop3_view_end(struct pop3_view *v)
{
    free(v->musts);
    free(v->v);
}

/* ---- the list ----------------------------------------------------------------------------- */

static struct copy *copy_of_uidl(const struct life *l, uint64_t uidl)
{
    for (size_t i = 0; i < l->copies_n; i++)
        if (l->copies[i]->box == life_inbox(l) && l->copies[i]->line->uidl == uidl)
            return l->copies[i];
    return NULL;
}

static bool hex_take(struct span *s, uint64_t *out)
{
    uint64_t n = 0;
    size_t digits = 0;
    while (s->n > 0) {
        char c = s->p[0];
        unsigned d = ascii_is_digit(c)      ? (unsigned)(c - '0')
                     : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
                                            : 16;
        if (d == 16)
            break;
        n = n * 16 + d;
        digits++;
        *s = span_from(*s, 1);
    }
    *out = n;
    return digits > 0;
}

/* "n value", with the next number. */
static struct span list_line(struct pop3_view *v, struct span line, size_t index)
{
    uint64_t n;
    struct span number = span_split(&line, ' ');
    if (!span_to_u64(number, &n) || n != index + 1)
        wrong("%s: line %zu of a list begins with %.*s", v->c->name, index + 1, SPAN_ARG(number));
    return line;
}

/* A list up to its dot; false: lost. */
static bool list(struct pop3_view *v,
                 const char *command,
                 void (*each)(struct pop3_view *v, size_t i, struct span value))
{
    char code[POP3_CODE];
    struct span line;
    enum pop3_answer a = pop3_command(v->c, command, code);
    if (a != POP3_OK) {
        client_must(v->c, a == POP3_LOST, "%s is answered [%s]", command, code);
        return false;
    }
    for (size_t i = 0; client_line(v->c, &line); i++) {
        if (span_eq(line, SPAN(".")))
            return true;
        each(v, i, list_line(v, line, i));
    }
    return false;
}

static void take_size(struct pop3_view *v, size_t i, struct span value)
{
    v->v = reallocarray(v->v, i + 1, sizeof *v->v);
    must(v->v != NULL);
    v->v[i] = (struct pop3_entry){.size = 0};
    v->n = i + 1;
    if (!span_to_u64(value, &v->v[i].size))
        wrong("%s: \"%.*s\" is no size", v->c->name, SPAN_ARG(value));
}

static void recognise(const struct pop3_view *v, struct pop3_entry *e, struct copy *copy)
{
    e->copy = copy;
    e->restores = copy->restores;
    e->vague = copy->restored_step > v->since;
}

static void take_uidl(struct pop3_view *v, size_t i, struct span value)
{
    uint64_t account, uidl;
    if (i >= v->n)
        wrong("%s: UIDL has more messages than LIST", v->c->name);
    if (!hex_take(&value, &account) || !span_skip(&value, SPAN("-")) || !hex_take(&value, &uidl))
        wrong("%s: a UIDL cannot be read", v->c->name);
    struct pop3_entry *e = &v->v[i];
    e->uidl = uidl;
    if (v->life == NULL)
        return;
    life_id_seen(&v->c->w->model, v->life, account);
    struct copy *copy = copy_of_uidl(v->life, uidl);
    if (copy == NULL)
        return;
    recognise(v, e, copy);
    if (!copy_may_since(e->copy, v->since))
        wrong("%s: message %u is listed for u%u: arrived %s, gone %s", v->c->name,
              e->copy->message->n, v->life->slot, tri_name(e->copy->arrived),
              tri_name(e->copy->gone));
    copy_seen(&v->c->w->model, e->copy, uidl, v->since);
}

bool pop3_view_list(struct pop3_view *v)
{
    return list(v, "LIST", take_size) && list(v, "UIDL", take_uidl);
}

void pop3_view_compare(struct pop3_view *v)
{
    size_t missing = 0;
    const struct copy *one = NULL;
    for (size_t i = 0; i < v->musts_n; i++) {
        bool found = false;
        for (size_t j = 0; j < v->n; j++)
            found |= v->v[j].copy == v->musts[i];
        if (!found) {
            one = v->musts[i];
            missing++;
        }
    }
    if (missing > v->strange)
        wrong("%s: u%u does not see message %u, which is in its mailbox", v->c->name, v->life->slot,
              one->message->n);
}

/* ---- fetching ----------------------------------------------------------------------------- */

/* Up to the dot, unstuffed; false: lost. */
static bool read_message(struct client *c, struct buf *to)
{
    struct span line;
    while (client_line(c, &line)) {
        if (span_eq(line, SPAN(".")))
            return true;
        (void)span_skip(&line, SPAN("."));
        buf_put(to, line);
        buf_puts(to, "\r\n");
        must(to->err == 0);
    }
    return false;
}

static bool twice(const struct pop3_view *v, const struct copy *copy)
{
    size_t n = 0;
    for (size_t i = 0; i < v->n; i++)
        n += v->v[i].copy == copy;
    return n > 1;
}

static void compare_message(struct pop3_view *v, size_t i, struct span content)
{
    struct client *c = v->c;
    struct pop3_entry *e = &v->v[i];
    if (content.n == e->size + 2 && span_ends(content, SPAN("\r\n")))
        content.n -= 2; /* one that does not end with CRLF gets it on its way */
    if (content.n != e->size)
        wrong("%s: a message of %llu bytes comes with %zu", c->name, (unsigned long long)e->size,
              content.n);
    if (v->life == NULL)
        return;
    struct message *msg = message_of(&c->w->model, content);
    struct copy *copy = msg != NULL ? copy_find(life_inbox(v->life), msg) : NULL;
    if (copy == NULL)
        wrong("%s: u%u has a message that nobody ever sent there", c->name, v->life->slot);
    const char *differs = message_differs(msg, content);
    if (differs != NULL)
        wrong("%s: message %u of u%u: %s", c->name, msg->n, v->life->slot, differs);
    if (e->copy != NULL && e->copy != copy)
        wrong("%s: a UIDL of u%u was message %u and is message %u now", c->name, v->life->slot,
              e->copy->message->n, msg->n);
    if (!copy_may_since(copy, v->since))
        wrong("%s: message %u is there for u%u: arrived %s, gone %s", c->name, msg->n,
              v->life->slot, tri_name(copy->arrived), tri_name(copy->gone));
    if (copy->restored_step <= v->since) /* else it may be the one that was there before */
        copy_seen(&c->w->model, copy, e->uidl, v->since);
    if (e->copy == NULL)
        recognise(v, e, copy);
    if (twice(v, copy))
        wrong("%s: u%u has message %u twice", c->name, v->life->slot, msg->n);
}

/* May a session that has listed it find it gone for good? */
static bool may_be_purged(const struct pop3_view *v, const struct copy *copy)
{
    const struct world *w = v->c->w;
    if (v->life == NULL || v->life->purged != NO || copy == NULL)
        return true;
    return copy->gone != NO && turns_wall_ms() - copy->gone_wall >= w->mail.expunge_grace_ms;
}

void pop3_fetch(struct pop3_view *v, size_t i)
{
    struct client *c = v->c;
    char code[POP3_CODE];
    struct buf content;
    client_pause(c);
    if (!client_sendf(c, "RETR %zu\r\n", i + 1))
        return;
    enum pop3_answer a = pop3_answer_read(c, code);
    if (a == POP3_ERR) {
        v->strange += v->v[i].copy == NULL;
        client_must(c, may_be_purged(v, v->v[i].copy), "message %zu cannot be fetched: [%s]", i + 1,
                    code);
        return;
    }
    buf_init(&content, 64u << 20);
    if (a == POP3_OK && read_message(c, &content))
        compare_message(v, i, buf_span(&content));
    buf_done(&content);
}

/* ---- deleting ----------------------------------------------------------------------------- */

void pop3_delete_some(struct pop3_view *v)
{
    struct client *c = v->c;
    char code[POP3_CODE];
    unsigned in = 1 + (unsigned)client_below(c, 4);
    for (size_t i = 0; i < v->n && !c->lost; i++) {
        if (v->v[i].copy == NULL || !client_chance(c, in))
            continue;
        if (!client_sendf(c, "DELE %zu\r\n", i + 1))
            return;
        enum pop3_answer a = pop3_answer_read(c, code);
        client_must(c, a != POP3_ERR, "DELE is answered [%s]", code);
        v->v[i].deleted = a == POP3_OK;
    }
    if (!c->lost && client_chance(c, 12) && pop3_command(c, "RSET", code) == POP3_OK)
        for (size_t i = 0; i < v->n; i++)
            v->v[i].deleted = false;
}

/* What QUIT removes: the copies that are still where the list had them. */
static size_t doomed(struct pop3_view *v, struct copy **out)
{
    size_t n = 0;
    for (size_t i = 0; i < v->n; i++) {
        struct pop3_entry *e = &v->v[i];
        if (e->deleted && e->copy != NULL && e->copy->restores == e->restores)
            out[n++] = e->copy;
        else
            e->deleted = false;
    }
    return n;
}

/* Those of them that it removes for certain. */
static size_t surely_doomed(const struct pop3_view *v, struct copy **out)
{
    size_t n = 0;
    for (size_t i = 0; i < v->n; i++)
        if (v->v[i].deleted && !v->v[i].vague)
            out[n++] = v->v[i].copy;
    return n;
}

/* A message that has come back meanwhile has a new UID, and stays. */
static void all_gone(struct pop3_view *v)
{
    for (size_t i = 0; i < v->n; i++) {
        struct copy *copy = v->v[i].copy;
        if (v->v[i].deleted && !v->v[i].vague && copy->gone == MAYBE &&
            copy->restores == v->v[i].restores)
            copy_gone(&v->c->w->model, copy, YES);
    }
}

void pop3_quit(struct pop3_view *v)
{
    struct client *c = v->c;
    struct model *m = &c->w->model;
    char code[POP3_CODE];
    struct copy **gone = calloc(v->n + 1, sizeof(struct copy *));
    bool passed;
    must(gone != NULL);
    size_t n = doomed(v, gone);
    for (size_t i = 0; i < n; i++)
        copy_remove_begin(m, gone[i]);
    bool sent = client_send(c, SPAN("QUIT\r\n"), 6, &passed);
    enum pop3_answer a = sent ? pop3_answer_read(c, code) : POP3_LOST;
    if (a == POP3_OK) {
        all_gone(v);
    } else if (!passed) {
        for (size_t i = 0; i < n; i++)
            copy_remove_never_began(m, gone[i]);
    } else {
        /* that of a session whose account was purged under it is not the client's trouble any more */
        client_must(c, a == POP3_LOST || v->life == NULL || v->life->purged != NO,
                    "QUIT is answered [%s]", code);
        n = surely_doomed(v, gone);
        if (n > 0)
            sweep_add(m, gone, NULL, n, true, false);
    }
    free(gone);
}
