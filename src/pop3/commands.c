/* SPDX-License-Identifier: Apache-2.0 */
/* Every command, once: the dispatcher checks what the row says, CAPA is made from it. */
#include "pop3/internal.h"

#define AUTHZ POP3_AUTHORIZATION
#define TRANS POP3_TRANSACTION
#define BOTH  (POP3_AUTHORIZATION | POP3_TRANSACTION)

/* clang-format off */
const struct pop3_command pop3_commands[] = {
    /* name   states  flags                              args  handler        capability  announced  usage */
    {"USER",  AUTHZ,  POP3_RAW | POP3_LONG | POP3_SECURE, 1, 1, pop3_cmd_user, "USER",      BOTH,  "USER name"},
    {"PASS",  AUTHZ,  POP3_RAW | POP3_LONG | POP3_SECURE, 1, 1, pop3_cmd_pass, NULL,        0,     "PASS password"},
    {"AUTH",  AUTHZ,  POP3_LONG,                          0, 2, pop3_cmd_auth, NULL,        0,     "AUTH mechanism [initial-response]"},
    {"STLS",  AUTHZ,  0,                                  0, 0, pop3_cmd_stls, NULL,        0,     "STLS"},
    {"UTF8",  AUTHZ,  0,                                  0, 0, pop3_cmd_utf8, "UTF8 USER", BOTH,  "UTF8"},
    {"LANG",  BOTH,   0,                                  0, 1, pop3_cmd_lang, "LANG",      BOTH,  "LANG [language]"},
    {"CAPA",  BOTH,   0,                                  0, 0, pop3_cmd_capa, NULL,        0,     "CAPA"},
    {"STAT",  TRANS,  0,                                  0, 0, pop3_cmd_stat, NULL,        0,     "STAT"},
    {"LIST",  TRANS,  0,                                  0, 1, pop3_cmd_list, NULL,        0,     "LIST [msg]"},
    {"UIDL",  TRANS,  0,                                  0, 1, pop3_cmd_uidl, "UIDL",      BOTH,  "UIDL [msg]"},
    {"RETR",  TRANS,  0,                                  1, 1, pop3_cmd_retr, NULL,        0,     "RETR msg"},
    {"TOP",   TRANS,  0,                                  2, 2, pop3_cmd_top,  "TOP",       BOTH,  "TOP msg lines"},
    {"DELE",  TRANS,  0,                                  1, 1, pop3_cmd_dele, NULL,        0,     "DELE msg"},
    {"RSET",  TRANS,  0,                                  0, 0, pop3_cmd_rset, NULL,        0,     "RSET"},
    {"NOOP",  TRANS,  0,                                  0, 0, pop3_cmd_noop, NULL,        0,     "NOOP"},
    {"QUIT",  BOTH,   0,                                  0, 0, pop3_cmd_quit, NULL,        0,     "QUIT"},
};
/* clang-format on */
const size_t pop3_commands_n = COUNT_OF(pop3_commands);

const struct pop3_command *pop3_command_find(struct span keyword)
{
    for (size_t i = 0; i < pop3_commands_n; i++)
        if (span_ieq(keyword, span_str(pop3_commands[i].name)))
            return &pop3_commands[i];
    return NULL;
}

enum step pop3_dispatch(struct pop3 *p, struct span unit)
{
    struct span text = pop3_chomp(unit);
    struct pop3_line line;
    int err = pop3_parse(text, &line);
    const struct pop3_command *c = err == 0 ? pop3_command_find(line.keyword) : NULL;
    if (unit.n > LIMIT_POP3_COMMAND && (c == NULL || (c->flags & POP3_LONG) == 0)) {
        pop3_err(p, "", "The command is too long");
        return pop3_mistake(p);
    }
    if (c == NULL) {
        pop3_err(p, "", err != 0 ? "The command is not well formed" : "This command is not known");
        return pop3_mistake(p);
    }
    if ((c->states & p->state) == 0) {
        pop3_err(p, "",
                 p->state == POP3_AUTHORIZATION ? "Please log in first"
                                                : "You are logged in already");
        return pop3_mistake(p);
    }
    if ((c->flags & POP3_RAW) != 0) {
        line.arg[0] = line.rest;
        line.arg_n = line.rest.n > 0;
    } else if (!span_is_ascii(text)) {
        pop3_err(p, "", "The command is not well formed");
        return pop3_mistake(p);
    }
    if (line.arg_n < c->args_min || line.arg_n > c->args_max) {
        pop3_err(p, "", "Please write: %s", c->usage);
        return pop3_mistake(p);
    }
    if ((c->flags & POP3_SECURE) != 0 && !pop3_is_secure(p)) {
        pop3_err_of(p, ERR_NEED_TLS);
        return pop3_mistake(p);
    }
    return c->run(p, &line);
}
