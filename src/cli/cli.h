/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: a table of verbs (cli/verbs.c) from which parsing, --help, the man pages and
 * the bash completion all come. A verb is one function that reads its arguments from `struct cli`,
 * mostly calls the admin API (cli/api.h) and prints. It returns the exit code of the process; what
 * went wrong is one sentence on `err`.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "base/buf.h"

#include <jansson.h>

enum { CLI_OPTIONS_MAX = 16 };

enum cli_exit {
    CLI_OK = 0,
    CLI_TROUBLE = 1,
    CLI_USAGE = 2,
    /* sysexits(3), which mail programs understand: `mail deliver` */
    CLI_NOUSER = 67,
    CLI_REFUSED = 69,
    CLI_TEMPFAIL = 75,
};

struct cli_option {
    const char *name;  /* "--class" */
    const char *value; /* what its value is called in the help; NULL: a switch */
    const char *help;
};

enum cli_flags {
    CLI_CONFIG = 1, /* takes --config */
    CLI_JSON = 2,   /* takes --json */
};

struct cli;

struct cli_verb {
    const char *name;       /* "account add" */
    const char *args;       /* "ADDRESS [TARGET…]" */
    int args_min, args_max; /* args_max < 0: any number */
    unsigned flags;
    int (*run)(struct cli *c);
    const char *help;                           /* one line */
    const char *more;                           /* what else has to be said; may be "" */
    struct cli_option options[CLI_OPTIONS_MAX]; /* ends with an empty name */
};

struct http_client;
struct config;

struct cli {
    const struct cli_verb *verb;
    const char *args[256];
    int args_n;
    const char *values[CLI_OPTIONS_MAX]; /* as verb->options; a switch that is given is "" */
    const char *config_path;
    bool json;
    FILE *in, *out, *err;
    struct config *config;      /* api.c */
    struct http_client *client; /* api.c */
};

/* Runs one command. The streams are borrowed. Returns the exit code. */
int cli_run(int argc, char *const *argv, FILE *in, FILE *out, FILE *err);

/* ---- the table --------------------------------------------------------------------------- */

/* Row by row from 0; NULL past the end. */
const struct cli_verb *cli_verb_at(size_t index);
/* The verb of one or two words; NULL: there is none. */
const struct cli_verb *cli_verb_find(const char *first, const char *second);

/* ---- for verbs --------------------------------------------------------------------------- */

/* The value of an option of this verb; NULL: not given. */
const char *cli_option(const struct cli *c, const char *name);
/* "mailstead: …\n" on c->err; returns CLI_TROUBLE. */
int cli_fail(struct cli *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* As cli_fail, with a hint at --help; returns CLI_USAGE. */
int cli_usage(struct cli *c, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* help.c */
/* All commands, or those whose first word is `group` if there are any. */
void cli_help_all(FILE *out, const char *group);
bool cli_is_group(const char *group);
void cli_help_verb(FILE *out, const struct cli_verb *verb);
void cli_man(FILE *out);
void cli_man_config(FILE *out);
void cli_bash(FILE *out);

#endif
