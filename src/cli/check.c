/* SPDX-License-Identifier: Apache-2.0 */
/* mailstead store check: through the server if it runs (it holds the store), else on the store
 * itself, opened read-only. Exit code 1 when there are problems. */
#include "base/clock.h"
#include "base/config.h"
#include "base/err.h"
#include "base/random.h"
#include "cli/api.h"
#include "cli/verbs.h"
#include "mailbox/mailbox.h"
#include "store/store.h"

struct check {
    struct cli *c;
    struct mail mail;
    bool bodies;
    uint64_t accounts, problems;
    struct buf tail; /* the last line that came, to see how it ended */
};

static void report(void *arg, struct span sentence)
{
    struct check *k = arg;
    if (k->c->json) {
        json_t *text = json_stringn(sentence.p != NULL ? sentence.p : "", sentence.n);
        json_t *line =
            json_pack("{s:o}", "problem", text != NULL ? text : json_string("(not text)"));
        api_print(k->c, line);
        json_decref(line);
    } else {
        fprintf(k->c->out, "%.*s\n", SPAN_ARG(sentence));
    }
}

static int summary(struct check *k, uint64_t records, uint64_t blobs)
{
    if (k->c->json)
        fprintf(k->c->out,
                "{\"records\":%llu,\"bodies\":%llu,\"accounts\":%llu,\"problems\":%llu}\n",
                (unsigned long long)records, (unsigned long long)blobs,
                (unsigned long long)k->accounts, (unsigned long long)k->problems);
    else
        fprintf(k->c->out, "done: %llu records, %llu bodies, %llu accounts, %llu problems\n",
                (unsigned long long)records, (unsigned long long)blobs,
                (unsigned long long)k->accounts, (unsigned long long)k->problems);
    return k->problems > 0 ? CLI_TROUBLE : CLI_OK;
}

/* ---- beside no server -------------------------------------------------------------------- */

static int check_account(void *arg, struct part part)
{
    struct check *k = arg;
    uint64_t problems = 0;
    int err = mailbox_check(&k->mail, part.id, k->bodies, report, k, &problems);
    if (err != 0) {
        char line[128];
        int n = snprintf(line, sizeof line, "account %llu could not be checked: %s",
                         (unsigned long long)part.id, err_text(err));
        report(k, span_of(line, (size_t)n));
        problems++;
    }
    k->problems += problems;
    k->accounts++;
    return 0;
}

static int check_here(struct check *k)
{
    struct store *store = NULL;
    struct store_check engine = {0};
    struct buf why;
    const struct config *config = k->c->config;
    struct store_options options = {
        .clock = clock_system(), .rng = rng_system(), .read_only = true};
    buf_init(&why, 4096);
    int err = store_open(config->store, &options, &why, &store);
    if (err != 0) {
        int code = why.n > 0 ? cli_fail(k->c, "%.*s", SPAN_ARG(span_trim(buf_span(&why))))
                             : cli_fail(k->c, "the store %s cannot be opened: %s", config->store,
                                        err_text(err));
        buf_done(&why);
        return code;
    }
    buf_done(&why);
    k->mail = (struct mail){.store = store,
                            .clock = options.clock,
                            .rng = options.rng,
                            .expunge_grace_ms = config->expunge_grace * 1000};
    err = store_check(store, report, k, &engine);
    k->problems += engine.problems;
    if (err == 0)
        err = store_parts(store, PART_ACCOUNT, 0, check_account, k);
    store_close(store);
    if (err != 0)
        return cli_fail(k->c, "the check could not go on: %s", err_text(err));
    return summary(k, engine.records, engine.blobs);
}

/* ---- through the server ------------------------------------------------------------------ */

static void take_line(struct check *k, struct span line)
{
    if (span_starts(line, SPAN("done: ")) || span_starts(line, SPAN("the check could not go on"))) {
        buf_clear(&k->tail);
        buf_put(&k->tail, line);
    } else if (line.n > 0) {
        report(k, line);
    }
}

static int take_piece(void *arg, struct span piece)
{
    struct check *k = arg;
    while (piece.n > 0) {
        ssize_t end = span_chr(piece, '\n');
        buf_put(&k->tail, span_slice(piece, 0, end < 0 ? piece.n : (size_t)end));
        if (end < 0)
            break;
        struct buf line = k->tail;
        buf_init(&k->tail, line.max);
        take_line(k, buf_span(&line));
        buf_done(&line);
        piece = span_from(piece, (size_t)end + 1);
    }
    return k->tail.err;
}

static int check_there(struct check *k)
{
    struct http_answer answer = {0};
    struct http_call call = {.method = "POST", .on_piece = take_piece, .arg = k};
    call.target = k->bodies ? SPAN("/v1/store/check") : SPAN("/v1/store/check?bodies=no");
    int err = http_client_call(k->c->client, &call, &answer);
    int code = CLI_OK;
    struct span last = buf_span(&k->tail);
    if (err != 0 || answer.status != 200) {
        (void)!api_explain(k->c, err, &answer);
        code = CLI_TROUBLE;
    } else if (!span_starts(last, SPAN("done: "))) {
        code = cli_fail(k->c, "%.*s", SPAN_ARG(last));
    } else {
        uint64_t n[4] = {0};
        struct span rest = last;
        for (size_t i = 0; rest.n > 0 && i < COUNT_OF(n);)
            i += span_to_u64(span_split(&rest, ' '), &n[i]) ? 1 : 0;
        k->accounts = n[2];
        k->problems = n[3];
        code = summary(k, n[0], n[1]);
    }
    buf_done(&answer.body);
    return code;
}

int verb_store_check(struct cli *c)
{
    struct check k = {.c = c, .bodies = cli_option(c, "--quick") == NULL};
    int code = api_config(c);
    if (code != CLI_OK)
        return code;
    buf_init(&k.tail, 1024 * 1024);
    int err = api_try(c);
    if (err == ERR_NOT_FOUND || err == ERR_UNAVAILABLE)
        code = check_here(&k);
    else
        code = api_open(c) == CLI_OK ? check_there(&k) : CLI_TROUBLE;
    buf_done(&k.tail);
    return code;
}
