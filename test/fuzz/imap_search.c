/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as the arguments of a SEARCH, in a mailbox of a few messages: the program is within its limits, its
 * texts are UTF-8 and its sets are of messages that are there. */
#include "fuzz.h"

#include "imap/parse_search.h"

static int keyword(void *arg, struct span name, uint32_t *id_out)
{
    (void)arg;
    *id_out = 3;
    if (span_ieq(name, SPAN("$Label")))
        return 0;
    return span_starts(name, SPAN("\\")) ? ERR_INVALID : ERR_NOT_FOUND;
}

static int filter(void *arg, struct span name, struct arena *a, struct span *out)
{
    (void)arg;
    *out = span_ieq(name, SPAN("loop")) ? SPAN("FILTER loop") : arena_dup(a, name);
    return span_ieq(name, SPAN("none")) ? ERR_NOT_FOUND : 0;
}

struct counts {
    size_t keys;
    unsigned deepest;
};

static void
check(const struct search_key *k, const struct imap_selected *box, unsigned depth, struct counts *c)
{
    for (; k != NULL; k = k->next) {
        c->keys++;
        c->deepest = depth > c->deepest ? depth : c->deepest;
        must(k->op <= SEARCH_TEXT && span_is_utf8(k->text));
        must(k->op == SEARCH_AND || k->op == SEARCH_OR || k->op == SEARCH_NOT || k->child == NULL);
        must(k->op != SEARCH_NOT || (k->child != NULL && k->child->next == NULL));
        struct numset beyond;
        numset_init(&beyond);
        must(numset_copy(&beyond, &k->uids) == 0);
        numset_andnot(&beyond, &box->uids);
        must(numset_is_empty(&beyond));
        numset_done(&beyond);
        check(k->child, box, depth + 1, c);
    }
}

static void parse(const struct imap_arg *args, const struct search_scope *scope, struct arena *a)
{
    struct search_request r = {0};
    struct counts c = {0};
    struct span charset = SPAN_EMPTY;
    int err = search_parse_return(&args, &r);
    must(err == 0 || err == ERR_INVALID);
    must((r.returns & RETURN_PARTIAL) == 0 || err != 0 || r.page.first > 0);
    if (err == 0 && imap_arg_is(args, SPAN("CHARSET")) && imap_arg_string(args->next, &charset))
        args = args->next->next;
    if (err == 0)
        err = search_parse_keys(args, charset, scope, a, &r);
    if (err == 0) {
        check(r.program, scope->box, 1, &c);
        must(r.program->op == SEARCH_AND && r.program->next == NULL && c.keys > 1);
        must(c.keys <= LIMIT_SEARCH_KEYS && c.deepest <= LIMIT_SEARCH_DEPTH);
    }
    search_key_done(r.program);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new(64 * 1024 * 1024);
    struct imap_selected box = {0};
    struct search_scope scope = {
        .box = &box, .now_ms = INT64_C(1790000000000), .keyword = keyword, .filter = filter};
    struct imap_arg *args;
    numset_add_range(&box.uids, 3, 9);
    numset_add(&box.uids, 40);
    numset_add_range(&box.saved, 5, 6);
    if (imap_args_parse(span_of(data, size), a, &args) == 0)
        parse(args, &scope, a);
    numset_done(&box.uids);
    numset_done(&box.saved);
    arena_free(a);
    return 0;
}
