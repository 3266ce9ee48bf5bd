/* SPDX-License-Identifier: Apache-2.0 */
/* THREAD (RFC 5256 §3): THREAD algorithm charset keys */
#include "imap/search_task.h"

static int thread_parse(struct imap *i, struct search_task *t, const struct imap_arg **arg)
{
    (void)i;
    static const struct {
        const char *name;
        enum thread_algorithm algorithm;
    } names[] = {
        {"ORDEREDSUBJECT", THREAD_ORDEREDSUBJECT},
        {"REFERENCES", THREAD_REFERENCES},
        {"REFS", THREAD_REFS},
    };
    size_t n = 0;
    while (n < COUNT_OF(names) && !imap_arg_is(*arg, span_str(names[n].name)))
        n++;
    if (n == COUNT_OF(names) || !imap_arg_string((*arg)->next, &t->charset) || t->charset.n == 0)
        return ERR_INVALID;
    t->algorithm = names[n].algorithm;
    *arg = (*arg)->next->next;
    return 0;
}

static int thread_begin(struct imap *i, struct search_task *t)
{
    return mailbox_thread_open(i->server->mail, t->box->account, t->box->id, &t->found,
                               t->algorithm, &t->thread);
}

static int thread_more(struct search_task *t)
{
    return mailbox_thread_run(t->thread, search_unwanted, t);
}

/* ---- the answer -------------------------------------------------------------------------- */

/* thread-list = "(" (thread-members / thread-nested) ")" (§5): a node has brackets of its own unless it is its
 * parent's only child. */
static bool has_brackets(const struct thread_node *nodes, uint32_t v)
{
    uint32_t parent = nodes[v].parent;
    return parent == 0 || nodes[nodes[parent].child].next != 0;
}

static void write_entering(struct imap *i, struct search_task *t, const struct thread_node *nodes)
{
    const struct thread_node *node = &nodes[t->node];
    if (has_brackets(nodes, t->node))
        buf_putc(i->s.out, '(');
    if (node->uid != 0) {
        buf_printf(i->s.out, "%u%s", t->uid ? node->uid : numset_rank(&t->box->uids, node->uid),
                   node->child != 0 ? " " : "");
    }
    if (node->child != 0)
        t->node = node->child;
    else
        t->leaving = true;
}

static void write_leaving(struct imap *i, struct search_task *t, const struct thread_node *nodes)
{
    const struct thread_node *node = &nodes[t->node];
    if (has_brackets(nodes, t->node))
        buf_putc(i->s.out, ')');
    t->leaving = node->next == 0;
    t->node = node->next != 0 ? node->next : node->parent;
}

/* Down and up the tree without a stack: a thread may be as deep as the mailbox is long. */
static int thread_write(struct imap *i, struct search_task *t)
{
    const struct thread_node *nodes = mailbox_thread_result(t->thread)->nodes;
    if (!t->head_written) {
        t->head_written = true;
        t->node = nodes[0].child;
        buf_printf(i->s.out, "* THREAD%s", t->node != 0 ? " " : "");
    }
    while (t->node != 0) {
        if (i->s.out->n >= IMAP_OUT_STEP)
            return 1;
        if (t->leaving)
            write_leaving(i, t, nodes);
        else
            write_entering(i, t, nodes);
    }
    buf_puts(i->s.out, "\r\n");
    return 0;
}

enum step imap_cmd_thread(struct imap *i, const struct imap_arg *args)
{
    static const struct search_kind kind = {
        .name = "THREAD",
        .parse = thread_parse,
        .order = thread_begin,
        .order_more = thread_more,
        .write = thread_write,
    };
    return imap_search_begin(i, &kind, args);
}
