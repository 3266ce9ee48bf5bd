/* SPDX-License-Identifier: Apache-2.0 */
/* mailstead mail …: look into an account's mail, deliver to it, bring back what was deleted. */
#include "base/encode.h"
#include "base/err.h"
#include "cli/api.h"
#include "cli/lines.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "http/request.h"

#include <errno.h>

int verb_mail_list(struct cli *c)
{
    struct buf target;
    struct table t;
    json_t *answer, *m;
    size_t i;
    char size[32], when[32];
    const char *box = cli_option(c, "--mailbox");
    if (cli_option(c, "--deleted") != NULL)
        api_target(&target, "/v1/accounts/%/expunged", c->args[0]);
    else
        api_target(&target, "/v1/accounts/%/messages?mailbox=%", c->args[0],
                   box != NULL ? box : "INBOX");
    int code = api_call(c, "GET", &target, false, NULL, &answer);
    if (code != CLI_OK)
        return code;
    json_t *deleted = json_object_get(answer, "expunged");
    if (c->json) {
        api_print(c, answer);
    } else if (deleted != NULL) {
        table_init(&t, c->out,
                   (const char *const[]){">MESSAGE", ">SIZE", "RECEIVED", "DELETED",
                                         "RESTORABLE UNTIL", NULL});
        json_array_foreach(deleted, i, m)
        {
            table_printf(&t, "%lld", (long long)api_int(m, "message"));
            table_cell(&t, human_bytes((uint64_t)api_int(m, "size"), size));
            table_cell(&t, human_time(api_text(m, "received"), when));
            table_cell(&t, human_time(api_text(m, "expunged"), when));
            table_cell(&t, human_time(api_text(m, "until"), when));
        }
        table_done(&t, "There are no deleted messages to restore.");
    } else {
        table_init(&t, c->out,
                   (const char *const[]){">MESSAGE", ">SIZE", "RECEIVED", "FROM", "SUBJECT", NULL});
        json_array_foreach(json_object_get(answer, "messages"), i, m)
        {
            table_printf(&t, "%lld", (long long)api_int(m, "message"));
            table_cell(&t, human_bytes((uint64_t)api_int(m, "size"), size));
            table_cell(&t, human_time(api_text(m, "received"), when));
            table_cell(&t, api_text(m, "from"));
            table_cell(&t, api_text(m, "subject"));
        }
        table_done(&t, "There are no messages.");
        if (api_int(answer, "damaged") > 0)
            cli_fail(c, "%lld messages are damaged and not listed; see: mailstead store check",
                     (long long)api_int(answer, "damaged"));
    }
    json_decref(answer);
    return CLI_OK;
}

/* A message on its way out: as it is, or with --json in base64, since it may be of any bytes. */
struct shown {
    struct cli *c;
    bool begun;
    size_t left_n; /* bytes that wait for others: base64 takes three at a time */
    char left[3];
};

static int show_base64(struct shown *s, struct span bytes)
{
    struct buf text;
    int err = 0;
    buf_init(&text, 2 * bytes.n + 8);
    base64_encode(&text, bytes);
    if (text.err != 0)
        err = text.err;
    else if (fwrite(text.p, 1, text.n, s->c->out) != text.n)
        err = ERR_IO;
    buf_done(&text);
    return err;
}

static int show_piece(void *arg, struct span piece)
{
    struct shown *s = arg;
    if (!s->c->json)
        return fwrite(piece.p, 1, piece.n, s->c->out) == piece.n ? 0 : ERR_IO;
    uint64_t message;
    if (!s->begun && !span_to_u64(span_str(s->c->args[1]), &message))
        return ERR_INVALID;
    if (!s->begun)
        fprintf(s->c->out, "{\"message\":%llu,\"base64\":\"", (unsigned long long)message);
    s->begun = true;
    while (piece.n > 0 && s->left_n > 0 && s->left_n < sizeof s->left) {
        s->left[s->left_n++] = piece.p[0];
        piece = span_from(piece, 1);
    }
    int err = 0;
    if (s->left_n == sizeof s->left) {
        err = show_base64(s, span_of(s->left, sizeof s->left));
        s->left_n = 0;
    }
    size_t whole = piece.n / 3 * 3;
    if (err == 0 && whole > 0)
        err = show_base64(s, span_slice(piece, 0, whole));
    for (; whole < piece.n; whole++)
        s->left[s->left_n++] = piece.p[whole];
    return err;
}

int verb_mail_show(struct cli *c)
{
    struct buf target;
    struct http_answer answer = {0};
    struct shown shown = {.c = c};
    int code = api_open(c);
    if (code != CLI_OK)
        return code;
    api_target(&target, "/v1/accounts/%/messages/%", c->args[0], c->args[1]);
    struct http_call call = {
        .method = "GET", .target = buf_span(&target), .on_piece = show_piece, .arg = &shown};
    int err = http_client_call(c->client, &call, &answer);
    if (err == 0 && answer.status == 200 && c->json) {
        err = show_piece(&shown, SPAN("")); /* a message of no bytes has a beginning too */
        if (err == 0 && shown.left_n > 0)
            err = show_base64(&shown, span_of(shown.left, shown.left_n));
        if (err == 0)
            fputs("\"}\n", c->out);
    }
    if (err != 0 || answer.status != 200) {
        (void)!api_explain(c, err, &answer);
        code = CLI_TROUBLE;
    }
    buf_done(&answer.body);
    buf_done(&target);
    return code;
}

/* ---- deliver ----------------------------------------------------------------------------- */

struct source {
    FILE *in;
    struct lines lines;
};

static int more_mail(void *arg, struct buf *piece)
{
    struct source *s = arg;
    char bytes[64 * 1024];
    size_t n = fread(bytes, 1, sizeof bytes, s->in);
    if (n < sizeof bytes && ferror(s->in))
        return ERR_IO;
    lines_feed(&s->lines, span_of(bytes, n), piece);
    if (n < sizeof bytes)
        lines_end(&s->lines, piece);
    return n == sizeof bytes ? 1 : 0;
}

/* What a mail program that runs us as its delivery agent understands (sysexits.h). */
static int exit_of(int err)
{
    if (err == ERR_NO_USER || err == ERR_NO_DOMAIN)
        return CLI_NOUSER;
    return err_info(err)->temporary || err == ERR_INVALID ? CLI_TEMPFAIL : CLI_REFUSED;
}

static int deliver(struct cli *c, FILE *in, struct buf *target)
{
    struct source source = {.in = in};
    struct http_answer answer = {0};
    struct http_call call = {.method = "POST",
                             .target = buf_span(target),
                             .type = "message/rfc822",
                             .more = more_mail,
                             .arg = &source};
    int err = http_client_call(c->client, &call, &answer);
    int code = CLI_OK;
    if (err != 0 || answer.status != 200)
        code = exit_of(api_explain(c, err, &answer));
    else if (c->json)
        fprintf(c->out, "%.*s", SPAN_ARG(buf_span(&answer.body)));
    buf_done(&answer.body);
    return code;
}

int verb_mail_deliver(struct cli *c)
{
    const char *file = c->args_n > 1 ? c->args[1] : NULL, *from = cli_option(c, "--from");
    if (file != NULL && strcmp(file, "-") == 0)
        file = NULL;
    FILE *in = file != NULL ? fopen(file, "re") : c->in;
    if (in == NULL) {
        cli_fail(c, "%s cannot be read: %s", file, strerror(errno));
        return CLI_TEMPFAIL;
    }
    int code = api_open(c) == CLI_OK ? CLI_OK : CLI_TEMPFAIL;
    if (code == CLI_OK) {
        struct buf target;
        api_target(&target, "/v1/deliver?to=%&from=%", c->args[0], from != NULL ? from : "");
        code = deliver(c, in, &target);
        buf_done(&target);
    }
    if (file != NULL)
        fclose(in);
    return code;
}

/* ---- restore ----------------------------------------------------------------------------- */

static int restore_one(struct cli *c, long long message)
{
    struct buf target;
    char number[32];
    snprintf(number, sizeof number, "%lld", message);
    api_target(&target, "/v1/accounts/%/expunged/%/restore", c->args[0], number);
    return api_call(c, "POST", &target, false, NULL, NULL);
}

static int restore_all(struct cli *c, uint64_t *count)
{
    struct buf target;
    json_t *answer, *m;
    size_t i;
    int code = CLI_OK;
    api_target(&target, "/v1/accounts/%/expunged", c->args[0]);
    code = api_call(c, "GET", &target, false, NULL, &answer);
    if (code != CLI_OK)
        return code;
    json_array_foreach(json_object_get(answer, "expunged"), i, m)
    {
        code = restore_one(c, (long long)api_int(m, "message"));
        if (code != CLI_OK)
            break;
        *count += 1;
    }
    json_decref(answer);
    return code;
}

int verb_mail_restore(struct cli *c)
{
    uint64_t count = 0, number;
    int code = CLI_OK;
    for (int i = 1; i < c->args_n && code == CLI_OK; i++) {
        if (!span_to_u64(span_str(c->args[i]), &number) || number > INT64_MAX)
            return cli_usage(c,
                             "\"%s\" is no message number; see: mailstead mail list --deleted %s",
                             c->args[i], c->args[0]);
        code = restore_one(c, (long long)number);
        count += code == CLI_OK ? 1 : 0;
    }
    if (c->args_n == 1)
        code = restore_all(c, &count);
    if (c->json)
        fprintf(c->out, "{\"restored\":%llu}\n", (unsigned long long)count);
    else if (code == CLI_OK || count > 0)
        fprintf(c->out, "Restored %llu message%s\n", (unsigned long long)count,
                count == 1 ? "" : "s");
    return code;
}
