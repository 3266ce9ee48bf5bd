/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of RFC 5321 and its extensions: one row each, checked here, so that a handler holds
 * only its command. HELP comes from the rows. */
#include "smtp/internal.h"

enum {                  /* flags */
       CMD_LOGIN = 1,   /* on submission only after a login (RFC 6409 §4.3) */
       CMD_LONG = 2,    /* its line may be as long as RFC 4954 §4 says */
       CMD_NO_ARGS = 4, /* takes none */
       CMD_OPENS = 8,   /* a transaction, if it is not refused */
       CMD_WITHIN = 16, /* belongs to a transaction */
       CMD_EHLO = 32,   /* HELP shows it only while EHLO would */
};

struct command {
    struct span verb;
    unsigned states; /* enum smtp_state: where it is legal */
    unsigned flags;
    enum step (*run)(struct smtp *s, struct span args);
    enum metric metric;
    const char *order;  /* what is wrong when it comes in another state */
    const char *syntax; /* NULL: not shown by HELP */
    const char *help;
};

#define OUTSIDE    "Not in the middle of a mail transaction; send RSET first"
#define EHLO_FIRST "Please send EHLO first"

/* clang-format off */
static const struct command commands[] = {
    {SPAN("EHLO"), ST_ANY, 0, smtp_cmd_ehlo, METRIC_SMTP_CMD_EHLO, "", "EHLO domain", "Says who you are and lists what this server can do"},
    {SPAN("HELO"), ST_ANY, 0, smtp_cmd_helo, METRIC_SMTP_CMD_HELO, "", "HELO domain", "As EHLO, without extensions"},
    {SPAN("STARTTLS"), ST_GREETED | ST_READY, CMD_NO_ARGS | CMD_EHLO, smtp_cmd_starttls, METRIC_SMTP_CMD_STARTTLS, OUTSIDE, "STARTTLS", "Switches encryption on"},
    {SPAN("AUTH"), ST_READY, CMD_LONG | CMD_EHLO, smtp_cmd_auth, METRIC_SMTP_CMD_AUTH, "Log in after EHLO and before MAIL", "AUTH mechanism [initial-response]", "Logs in"},
    {SPAN("MAIL"), ST_READY, CMD_LOGIN | CMD_OPENS, smtp_cmd_mail, METRIC_SMTP_CMD_MAIL, "The sender was given already; send RSET to begin again", "MAIL FROM:<address> [parameters]", "Begins a message: its sender"},
    {SPAN("RCPT"), ST_MAIL | ST_RCPT, CMD_LOGIN | CMD_WITHIN, smtp_cmd_rcpt, METRIC_SMTP_CMD_RCPT, "Please send MAIL first", "RCPT TO:<address> [parameters]", "Names a recipient; repeat it for more"},
    {SPAN("DATA"), ST_MAIL | ST_RCPT, CMD_NO_ARGS | CMD_WITHIN, smtp_cmd_data, METRIC_SMTP_CMD_DATA, "Please send MAIL and RCPT first, and do not mix DATA with BDAT", "DATA", "Sends the message, ended by a line with a single dot"},
    {SPAN("BDAT"), ST_ANY, 0, smtp_cmd_bdat, METRIC_SMTP_CMD_BDAT, "", "BDAT length [LAST]", "Sends a piece of the message"},
    {SPAN("RSET"), ST_ANY, CMD_NO_ARGS, smtp_cmd_rset, METRIC_SMTP_CMD_OTHER, "", "RSET", "Forgets the message begun"},
    {SPAN("NOOP"), ST_ANY, 0, smtp_cmd_noop, METRIC_SMTP_CMD_OTHER, "", "NOOP", "Does nothing"},
    {SPAN("VRFY"), ST_ANY & ~ST_BDAT, 0, smtp_cmd_vrfy, METRIC_SMTP_CMD_OTHER, OUTSIDE, "VRFY address", "Does not tell whether an address exists"},
    {SPAN("EXPN"), ST_ANY & ~ST_BDAT, 0, smtp_cmd_expn, METRIC_SMTP_CMD_OTHER, OUTSIDE, NULL, NULL},
    {SPAN("HELP"), ST_ANY, 0, smtp_cmd_help, METRIC_SMTP_CMD_OTHER, "", "HELP [command]", "This text"},
    {SPAN("QUIT"), ST_ANY, CMD_NO_ARGS, smtp_cmd_quit, METRIC_SMTP_CMD_OTHER, "", "QUIT", "Ends the session"},
    /* a browser made to post mail (cross-protocol request forgery) */
    {SPAN("GET"), ST_ANY, CMD_LONG, smtp_cmd_http, METRIC_SMTP_CMD_OTHER, "", NULL, NULL},
    {SPAN("POST"), ST_ANY, CMD_LONG, smtp_cmd_http, METRIC_SMTP_CMD_OTHER, "", NULL, NULL},
    {SPAN("CONNECT"), ST_ANY, CMD_LONG, smtp_cmd_http, METRIC_SMTP_CMD_OTHER, "", NULL, NULL},
};
/* clang-format on */

bool smtp_command_help(struct smtp *s, size_t index, const char **syntax, const char **help)
{
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        bool shown = commands[i].syntax != NULL &&
                     ((commands[i].flags & CMD_EHLO) == 0 || smtp_is_offered(s, commands[i].verb));
        if (!shown || index-- > 0)
            continue;
        *syntax = commands[i].syntax;
        *help = commands[i].help;
        return true;
    }
    return false;
}

static const struct command *find(struct span verb)
{
    for (size_t i = 0; i < COUNT_OF(commands); i++)
        if (span_ieq(verb, commands[i].verb))
            return &commands[i];
    return NULL;
}

bool smtp_is_verb(struct span verb)
{
    return find(verb) != NULL;
}

static enum step login_first(struct smtp *s)
{
    if (s->s.tls.on || !s->s.tls_possible) {
        smtp_reply_err(s, ERR_NEED_AUTH);
        return STEP_DONE;
    }
    smtp_reply(
        s, 530, "5.7.0",
        "Please switch on encryption (STARTTLS) and authentication (username and password) for "
        "outgoing mail in your mail program");
    return STEP_DONE;
}

static enum step out_of_state(struct smtp *s, const struct command *c)
{
    const char *text = s->state == ST_GREETED ? EHLO_FIRST : c->order;
    return (c->flags & CMD_WITHIN) != 0 ? smtp_out_of_order(s, text)
                                        : smtp_wrong(s, 503, "5.5.1", "%s", text);
}

static enum step run(struct smtp *s, const struct command *c, struct span args)
{
    if ((c->flags & CMD_NO_ARGS) != 0 && args.n > 0)
        return smtp_wrong(s, 501, "5.5.4", "This command takes no parameters");
    if ((c->flags & CMD_LOGIN) != 0 && smtp_needs_login(s))
        return login_first(s);
    return c->run(s, args);
}

enum step smtp_command(struct smtp *s, struct span line)
{
    struct span args = line;
    struct span verb = span_split(&args, ' ');
    const struct command *c = find(span_trim(verb));
    if (line.n > LIMIT_SMTP_COMMAND && (c == NULL || (c->flags & CMD_LONG) == 0))
        return smtp_wrong(s, 500, "5.5.2", "The line is longer than %d bytes", LIMIT_SMTP_COMMAND);
    if (c == NULL)
        return smtp_wrong(s, 500, "5.5.1", "Unknown command; send HELP for a list");
    metric_add(c->metric, 1);
    if ((c->states & (unsigned)s->state) == 0)
        return out_of_state(s, c);
    enum step step = run(s, c, span_trim(args));
    if ((c->flags & CMD_OPENS) != 0)
        s->refused = s->state == ST_READY;
    return step;
}
