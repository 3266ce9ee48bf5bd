/* SPDX-License-Identifier: Apache-2.0 */
/* mailstead quarantine list, show, release: on the files (base/quarantine.h), whether the server
 * runs or cannot. It notices by itself what was released. */
#include "base/quarantine.h"

#include "base/config.h"
#include "base/err.h"
#include "cli/api.h"
#include "cli/table.h"
#include "cli/verbs.h"

static const char *const names[] = {"kind", "crashed", "signal", "session", "peer", "what"};

struct walk {
    struct cli *c;
    struct table table;
    json_t *units;
    const char *wanted; /* NULL: all */
    size_t found;
};

static char *value(const struct quarantine_entry *e, const char *name, char to[static 512])
{
    struct span v = quarantine_value(e->text, span_str(name));
    if (!span_to_cstr(span_slice(v, 0, 511), to, 512))
        to[0] = '\0';
    return to;
}

static const char *state(const struct quarantine_entry *e)
{
    return e->held ? "held" : "crashed once";
}

static json_t *unit_json(const struct quarantine_entry *e)
{
    char text[512];
    json_t *unit = json_pack("{s:s, s:b}", "id", e->id, "held", e->held ? 1 : 0);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        json_t *v = json_string(value(e, names[i], text));
        json_object_set_new(unit, names[i], v != NULL ? v : json_string("(not text)"));
    }
    return unit;
}

static int list_one(void *arg, const struct quarantine_entry *e)
{
    struct walk *w = arg;
    char text[512], when[32];
    if (w->c->json) {
        json_array_append_new(w->units, unit_json(e));
        return 0;
    }
    table_cell(&w->table, e->id);
    table_cell(&w->table, state(e));
    table_cell(&w->table, value(e, "kind", text));
    table_cell(&w->table, human_time(value(e, "crashed", text), when));
    table_cell(&w->table, value(e, "what", text));
    return 0;
}

static int show_one(void *arg, const struct quarantine_entry *e)
{
    struct walk *w = arg;
    char text[512];
    if (strcmp(e->id, w->wanted) != 0)
        return 0;
    w->found++;
    if (w->c->json) {
        json_t *unit = unit_json(e);
        api_print(w->c, unit);
        json_decref(unit);
        return 0;
    }
    fprintf(w->c->out, "%-9s %s\n%-9s %s\n", "id:", e->id, "state:", state(e));
    for (size_t i = 0; i < COUNT_OF(names); i++)
        fprintf(w->c->out, "%s:%*s %s\n", names[i], (int)(8 - strlen(names[i])), "",
                value(e, names[i], text));
    return 0;
}

static int folder_of(struct cli *c, char out[static 4096])
{
    int code = api_config(c);
    if (code != CLI_OK)
        return code;
    int n = snprintf(out, 4096, "%s/" QUARANTINE_FOLDER, c->config->data);
    return n > 0 && n < 4096 ? CLI_OK : cli_fail(c, "data: the path is too long");
}

static int trouble(struct cli *c, const char *folder, int err)
{
    if (err == ERR_DENIED)
        return cli_fail(c, "you may not use the folder %s; become its owner (or root) first",
                        folder);
    return cli_fail(c, "the folder %s cannot be used: %s", folder, err_text(err));
}

/* No folder: no server has ever run. */
static int
walk(struct walk *w, int (*each)(void *arg, const struct quarantine_entry *e), const char *folder)
{
    int err = quarantine_each(folder, each, w);
    return err == 0 || err == ERR_NOT_FOUND ? CLI_OK : trouble(w->c, folder, err);
}

int verb_quarantine_list(struct cli *c)
{
    struct walk w = {.c = c, .units = json_array()};
    char folder[4096];
    int code = folder_of(c, folder);
    table_init(&w.table, c->out,
               (const char *const[]){"ID", "STATE", "KIND", "CRASHED", "WHAT", NULL});
    if (code == CLI_OK)
        code = walk(&w, list_one, folder);
    if (code == CLI_OK && c->json) {
        json_t *answer = json_pack("{s:O}", "units", w.units);
        api_print(c, answer);
        json_decref(answer);
    }
    table_done(&w.table,
               code == CLI_OK && !c->json ? "There is nothing that the server died of." : NULL);
    json_decref(w.units);
    return code;
}

int verb_quarantine_show(struct cli *c)
{
    struct walk w = {.c = c, .wanted = c->args[0]};
    char folder[4096];
    int code = folder_of(c, folder);
    if (code == CLI_OK)
        code = walk(&w, show_one, folder);
    if (code == CLI_OK && w.found == 0)
        code = cli_fail(c, "there is no unit with the id %s; see: mailstead quarantine list",
                        c->args[0]);
    return code;
}

int verb_quarantine_release(struct cli *c)
{
    char folder[4096];
    int code = folder_of(c, folder);
    if (code != CLI_OK)
        return code;
    int err = quarantine_release(folder, span_str(c->args[0]));
    if (err == ERR_NOT_FOUND || err == ERR_INVALID)
        return cli_fail(c, "there is no unit with the id %s; see: mailstead quarantine list",
                        c->args[0]);
    if (err != 0)
        return trouble(c, folder, err);
    if (c->json)
        fputs("{\"ok\":true}\n", c->out);
    else
        fputs("Released: it is run again when it comes again\n", c->out);
    return CLI_OK;
}
