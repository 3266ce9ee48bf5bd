/* SPDX-License-Identifier: Apache-2.0 */
/* From argv to a verb with its arguments. Options may stand anywhere after the verb, as "--class C"
 * or
 * "--class=C"; "--" ends them. getopt_long is not used: it would need its own tables beside ours.
 */
#include "base/config.h"
#include "cli/cli.h"
#include "http/client.h"

#include <stdarg.h>

const char *cli_option(const struct cli *c, const char *name)
{
    for (size_t i = 0; i < CLI_OPTIONS_MAX && c->verb->options[i].name != NULL; i++)
        if (strcmp(c->verb->options[i].name, name) == 0)
            return c->values[i];
    must(!"an option that the verb does not have");
    return NULL;
}

static void say(struct cli *c, const char *fmt, va_list args)
{
    fputs("mailstead: ", c->err);
    (void)vfprintf(c->err, fmt, args);
    fputc('\n', c->err);
}

int cli_fail(struct cli *c, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    say(c, fmt, args);
    va_end(args);
    return CLI_TROUBLE;
}

int cli_usage(struct cli *c, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    say(c, fmt, args);
    va_end(args);
    if (c->verb != NULL)
        fprintf(c->err, "Usage: mailstead %s%s%s\nMore: mailstead %s --help\n", c->verb->name,
                c->verb->args[0] != '\0' ? " " : "", c->verb->args, c->verb->name);
    else
        fputs("All commands: mailstead --help\n", c->err);
    return CLI_USAGE;
}

/* Sets `*to` to the value after '=' or to the next argument. */
static int take_value(struct cli *c,
                      const char *name,
                      const char *equals,
                      int argc,
                      char *const *argv,
                      int *at,
                      const char **to)
{
    if (equals != NULL)
        *to = equals + 1;
    else if (*at + 1 < argc)
        *to = argv[++*at];
    else
        return cli_usage(c, "%s needs a value", name);
    return 0;
}

static int take_option(struct cli *c, int argc, char *const *argv, int *at)
{
    const char *word = argv[*at];
    const char *equals = strchr(word, '=');
    size_t n = equals != NULL ? (size_t)(equals - word) : strlen(word);
    struct span name = span_of(word, n);
    for (size_t i = 0; i < CLI_OPTIONS_MAX && c->verb->options[i].name != NULL; i++) {
        const struct cli_option *o = &c->verb->options[i];
        if (!span_eq(name, span_str(o->name)))
            continue;
        if (o->value != NULL)
            return take_value(c, o->name, equals, argc, argv, at, &c->values[i]);
        if (equals != NULL)
            return cli_usage(c, "%s takes no value", o->name);
        c->values[i] = "";
        return 0;
    }
    if ((c->verb->flags & CLI_CONFIG) != 0 && span_eq(name, SPAN("--config")))
        return take_value(c, "--config", equals, argc, argv, at, &c->config_path);
    if ((c->verb->flags & CLI_JSON) != 0 && strcmp(word, "--json") == 0) {
        c->json = true;
        return 0;
    }
    return cli_usage(c, "there is no option %s for \"%s\"", word, c->verb->name);
}

static int take_rest(struct cli *c, int argc, char *const *argv, int at)
{
    bool options = true;
    for (; at < argc; at++) {
        const char *word = argv[at];
        if (options && strcmp(word, "--") == 0) {
            options = false;
        } else if (options && word[0] == '-' && word[1] != '\0') {
            int code = take_option(c, argc, argv, &at);
            if (code != 0)
                return code;
        } else if (c->args_n < (int)COUNT_OF(c->args)) {
            c->args[c->args_n++] = word;
        } else {
            return cli_usage(c, "too many arguments");
        }
    }
    if (c->args_n < c->verb->args_min)
        return cli_usage(c, "an argument is missing");
    if (c->verb->args_max >= 0 && c->args_n > c->verb->args_max)
        return cli_usage(c, "\"%s\" is one argument too many", c->args[c->verb->args_max]);
    return 0;
}

static bool wants_help(int argc, char *const *argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

/* The verbs that begin with this word, when the second is missing or unknown. */
static int no_verb(struct cli *c, const char *first)
{
    size_t n = first != NULL ? strlen(first) : 0;
    struct buf known;
    buf_init(&known, 4096);
    for (size_t i = 0; n > 0 && cli_verb_at(i) != NULL; i++) {
        const char *name = cli_verb_at(i)->name;
        if (strncmp(name, first, n) == 0 && name[n] == ' ')
            buf_printf(&known, "%s%s", known.n > 0 ? ", " : "", name + n + 1);
    }
    int code = known.n > 0
                   ? cli_usage(c, "say what to do with %s: %.*s", first, SPAN_ARG(buf_span(&known)))
               : n > 0 ? cli_usage(c, "there is no command \"%s\"", first)
                       : cli_usage(c, "say what to do");
    buf_done(&known);
    return code;
}

/* Whether what was printed has arrived: a full disk behind `> file` must not look like success. */
static int flushed(struct cli *c, int code)
{
    if (fflush(c->out) != 0 && code == CLI_OK)
        return cli_fail(c, "the output could not be written");
    return code;
}

int cli_run(int argc, char *const *argv, FILE *in, FILE *out, FILE *err)
{
    struct cli c = {.in = in, .out = out, .err = err};
    const char *first = argc > 1 ? argv[1] : NULL;
    bool help = wants_help(argc, argv);
    c.verb = first != NULL ? cli_verb_find(first, argc > 2 ? argv[2] : NULL) : NULL;
    if (first != NULL && strcmp(first, "--version") == 0) {
        fprintf(out, "mailstead %s\n", MAILSTEAD_VERSION);
        return flushed(&c, CLI_OK);
    }
    if (help) {
        if (c.verb != NULL)
            cli_help_verb(out, c.verb);
        else
            cli_help_all(out, first);
        return flushed(&c, CLI_OK);
    }
    if (c.verb == NULL)
        return no_verb(&c, first);
    int code = take_rest(&c, argc, argv, strchr(c.verb->name, ' ') != NULL ? 3 : 2);
    if (code == CLI_OK)
        code = c.verb->run(&c);
    http_client_close(c.client);
    config_unref(c.config);
    return flushed(&c, code);
}
