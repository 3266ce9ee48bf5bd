/* SPDX-License-Identifier: Apache-2.0 */
/* mailstead account import FILE.csv: many accounts. Rows go to the server in batches; memory is
 * that of a batch, however long the file. Accounts that exist are left as they are, so after an
 * interruption the same command is simply run again. A row that is wrong is reported with its line
 * and the rest goes on. */
#include "base/err.h"
#include "cli/api.h"
#include "cli/csv.h"
#include "cli/verbs.h"

#include <sys/stat.h>
#include <unistd.h>

enum {
    BATCH_ROWS = 500,
    BATCH_SLOW_ROWS = 64, /* rows with a password to hash: the bar should move every few seconds */
    BATCH_BYTES = 256 * 1024,
};

enum column { ADDRESS, PASSWORD, PASSWORD_HASH, NAME, CLASS, COLUMNS };
static const char *const column_names[COLUMNS] = {"address", "password", "password_hash", "name",
                                                  "class"};

struct import {
    struct cli *c;
    const char *file;
    struct csv csv;
    int where[COLUMNS]; /* the field each column is in; -1: none */
    off_t size;         /* 0: not a plain file */
    bool bar, bar_drawn;
    json_t *rows;
    uint64_t lines[BATCH_ROWS];
    size_t n, slow, bytes;
    uint64_t added, existing, failed;
};

static void draw(struct import *m)
{
    char full[] = "##############################";
    if (!m->bar)
        return;
    off_t at = ftello(m->csv.in);
    int part = m->size > 0 && at > 0 ? (int)(at * 30 / m->size) : 0;
    fprintf(m->c->err, "\r[%-30.*s] %3d %%  %llu added, %llu there already, %llu failed ",
            part > 30 ? 30 : part, full, part > 30 ? 100 : part * 100 / 30,
            (unsigned long long)m->added, (unsigned long long)m->existing,
            (unsigned long long)m->failed);
    fflush(m->c->err);
    m->bar_drawn = true;
}

static void report(struct import *m, uint64_t line, const char *what, const char *why)
{
    if (m->bar_drawn)
        fputs("\r\033[K", m->c->err);
    m->bar_drawn = false;
    fprintf(m->c->err, "%s:%llu: %s%s%s\n", m->file, (unsigned long long)line, what,
            what[0] != '\0' ? ": " : "", why);
    m->failed++;
}

static int send(struct import *m)
{
    struct buf target;
    json_t *answer, *result;
    size_t i;
    if (m->n == 0)
        return CLI_OK;
    api_target(&target, "/v1/accounts:batch");
    json_t *body = json_pack("{s:o}", "accounts", m->rows);
    m->rows = json_array();
    int code = api_call(m->c, "POST", &target, true, body, &answer);
    if (code != CLI_OK)
        return code;
    json_array_foreach(json_object_get(answer, "results"), i, result)
    {
        json_t *error = json_object_get(result, "error");
        if (error != NULL && i < m->n)
            report(m, m->lines[i], api_text(result, "address"), api_text(error, "message"));
    }
    m->added += (uint64_t)api_int(answer, "added");
    m->existing += (uint64_t)api_int(answer, "exists");
    json_decref(answer);
    m->n = m->slow = m->bytes = 0;
    draw(m);
    return CLI_OK;
}

static int add_row(struct import *m)
{
    json_t *row = json_object();
    for (size_t k = 0; k < COLUMNS; k++) {
        if (m->where[k] < 0)
            continue;
        struct span field = csv_field(&m->csv, (size_t)m->where[k]);
        if (k != PASSWORD)
            field = span_trim(field);
        if (field.n == 0 && k != ADDRESS)
            continue;
        if (json_object_set_new(row, column_names[k],
                                json_stringn(field.p != NULL ? field.p : "", field.n)) != 0) {
            report(m, m->csv.line, column_names[k], "this is not UTF-8 text");
            json_decref(row);
            return CLI_OK;
        }
        m->bytes += field.n * 2 + 32; /* quotes and escapes */
        m->slow += k == PASSWORD ? 1 : 0;
    }
    m->lines[m->n++] = m->csv.line;
    if (json_array_append_new(m->rows, row) != 0)
        return cli_fail(m->c, "out of memory");
    if (m->n == BATCH_ROWS || m->slow == BATCH_SLOW_ROWS || m->bytes >= BATCH_BYTES)
        return send(m);
    return CLI_OK;
}

static int read_header(struct import *m)
{
    for (size_t k = 0; k < COLUMNS; k++)
        m->where[k] = -1;
    int got = csv_next(&m->csv);
    if (got < 0)
        return cli_fail(m->c, "%s:%llu: %s", m->file, (unsigned long long)m->csv.line, m->csv.why);
    for (size_t i = 0; got > 0 && i < m->csv.n; i++) {
        struct span name = span_trim(csv_field(&m->csv, i));
        size_t k = 0;
        while (k < COLUMNS && !span_ieq(name, span_str(column_names[k])))
            k++;
        if (k == COLUMNS)
            return cli_fail(m->c,
                            "%s:1: there is no column \"%.*s\"; known are address, password, "
                            "password_hash, name, class",
                            m->file, SPAN_ARG(name));
        m->where[k] = (int)i;
    }
    if (m->where[ADDRESS] < 0)
        return cli_fail(m->c,
                        "%s:1: the first line has to name the columns: address and any of "
                        "password, password_hash, "
                        "name, class",
                        m->file);
    return CLI_OK;
}

static int run(struct import *m)
{
    int code = read_header(m), got = 1;
    while (code == CLI_OK && (got = csv_next(&m->csv)) != 0) {
        if (got == ERR_IO)
            return cli_fail(m->c, "%s: %s", m->file, m->csv.why);
        if (got < 0)
            report(m, m->csv.line, "", m->csv.why);
        else
            code = add_row(m);
    }
    return code == CLI_OK ? send(m) : code;
}

static void summary(struct import *m, int code)
{
    struct cli *c = m->c;
    if (m->bar_drawn)
        fputs("\r\033[K", c->err);
    if (c->json)
        fprintf(c->out, "{\"added\":%llu,\"exists\":%llu,\"failed\":%llu,\"complete\":%s}\n",
                (unsigned long long)m->added, (unsigned long long)m->existing,
                (unsigned long long)m->failed, code == CLI_OK ? "true" : "false");
    else
        fprintf(c->out, "%llu accounts added, %llu were there already, %llu failed%s\n",
                (unsigned long long)m->added, (unsigned long long)m->existing,
                (unsigned long long)m->failed,
                code == CLI_OK ? "" : "; it was interrupted, run it again to go on");
}

int verb_account_import(struct cli *c)
{
    struct import m = {.c = c, .file = c->args[0]};
    struct stat st = {0};
    bool is_stdin = strcmp(m.file, "-") == 0;
    int code = api_open(c);
    if (code != CLI_OK)
        return code;
    FILE *in = is_stdin ? c->in : fopen(m.file, "re");
    if (in == NULL)
        return cli_fail(c, "%s cannot be read: %m", m.file);
    if (fstat(fileno(in), &st) == 0 && S_ISREG(st.st_mode))
        m.size = st.st_size;
    if (S_ISDIR(st.st_mode)) {
        fclose(in);
        return cli_fail(c, "%s is a folder", m.file);
    }
    m.bar = m.size > 0 && !c->json && isatty(fileno(c->err));
    m.rows = json_array();
    csv_init(&m.csv, in);
    code = run(&m);
    summary(&m, code);
    csv_done(&m.csv);
    json_decref(m.rows);
    if (!is_stdin)
        fclose(in);
    return code == CLI_OK && m.failed > 0 ? CLI_TROUBLE : code;
}
