/* SPDX-License-Identifier: Apache-2.0 */
/* What the table of verbs becomes: help, manual pages, completion. */
#include "base/config.h"
#include "cli/cli.h"

static const struct cli_option common[] = {
    {"--config", "FILE",
     "The configuration; else $MAILSTEAD_CONFIG, else /etc/mailstead/mailstead.conf"},
    {"--json", NULL, "Print JSON, for programs"},
};

static bool has_common(const struct cli_verb *v, size_t i)
{
    return (v->flags & (i == 0 ? CLI_CONFIG : CLI_JSON)) != 0;
}

/* ---- help -------------------------------------------------------------------------------- */

static bool in_group(const struct cli_verb *v, const char *group)
{
    size_t n = group != NULL ? strlen(group) : 0;
    return strncmp(v->name, group != NULL ? group : "", n) == 0 && v->name[n] == ' ';
}

bool cli_is_group(const char *group)
{
    const struct cli_verb *v;
    for (size_t i = 0; (v = cli_verb_at(i)) != NULL; i++)
        if (in_group(v, group))
            return true;
    return false;
}

void cli_help_all(FILE *out, const char *group)
{
    bool some = cli_is_group(group);
    fputs("Mailstead, a whole mail system.\n\nUsage: mailstead COMMAND [ARGUMENTS] [OPTIONS]\n\n",
          out);
    const struct cli_verb *v;
    for (size_t i = 0; (v = cli_verb_at(i)) != NULL; i++)
        if (!some || in_group(v, group))
            fprintf(out, "  %-20s %s\n", v->name, v->help);
    fputs("\nMore about one: mailstead COMMAND --help\n", out);
}

static void help_option(FILE *out, const struct cli_option *o)
{
    char left[64];
    snprintf(left, sizeof left, "%s%s%s", o->name, o->value != NULL ? " " : "",
             o->value != NULL ? o->value : "");
    fprintf(out, "  %-28s %s\n", left, o->help);
}

void cli_help_verb(FILE *out, const struct cli_verb *v)
{
    fprintf(out, "%s.\n\nUsage: mailstead %s%s%s [OPTIONS]\n", v->help, v->name,
            v->args[0] != '\0' ? " " : "", v->args);
    if (v->more[0] != '\0')
        fprintf(out, "\n%s\n", v->more);
    fputs("\nOptions:\n", out);
    for (size_t i = 0; i < CLI_OPTIONS_MAX && v->options[i].name != NULL; i++)
        help_option(out, &v->options[i]);
    for (size_t i = 0; i < COUNT_OF(common); i++)
        if (has_common(v, i))
            help_option(out, &common[i]);
    help_option(out, &(struct cli_option){"--help", NULL, "This text"});
}

/* ---- manual pages ------------------------------------------------------------------------ */

/* Signs beyond ASCII by their number, which every roff understands whatever its locale. Our texts
 * are UTF-8; returns the bytes taken. */
static size_t roff_sign(FILE *out, const char *text)
{
    unsigned char first = (unsigned char)text[0];
    size_t n = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    unsigned sign = first & (0xffU >> (n + 1));
    size_t taken = 1;
    for (; taken < n && (text[taken] & 0xc0) == 0x80; taken++)
        sign = sign << 6 | (text[taken] & 0x3fU);
    fprintf(out, "\\[u%04X]", sign);
    return taken;
}

/* Text as roff: a backslash, a leading dot or quote and a hyphen that is meant as a minus are
 * escaped. */
static void roff(FILE *out, const char *text)
{
    if (*text == '.' || *text == '\'')
        fputs("\\&", out);
    for (; *text != '\0'; text++) {
        if (*text == '\\')
            fputs("\\e", out);
        else if (*text == '-')
            fputs("\\-", out);
        else if ((*text & 0x80) != 0)
            text += roff_sign(out, text) - 1;
        else
            fputc(*text, out);
    }
}

static void man_option(FILE *out, const struct cli_option *o)
{
    fputs(".TP\n.B ", out);
    roff(out, o->name);
    if (o->value != NULL)
        fprintf(out, " \\fI%s\\fR", o->value);
    fputc('\n', out);
    roff(out, o->help);
    fputs(".\n", out);
}

static void man_verb(FILE *out, const struct cli_verb *v)
{
    fputs(".SS mailstead ", out);
    roff(out, v->name);
    fputc(' ', out);
    roff(out, v->args);
    fputc('\n', out);
    roff(out, v->help);
    fputs(".\n", out);
    if (v->more[0] != '\0') {
        roff(out, v->more);
        fputc('\n', out);
    }
    for (size_t i = 0; i < CLI_OPTIONS_MAX && v->options[i].name != NULL; i++)
        man_option(out, &v->options[i]);
}

void cli_man(FILE *out)
{
    fprintf(out, ".TH MAILSTEAD 1 \"\" \"Mailstead %s\" \"Mailstead\"\n", MAILSTEAD_VERSION);
    fputs(".SH NAME\nmailstead \\- a whole mail system\n.SH SYNOPSIS\n.B mailstead\n.I "
          "COMMAND\n[\\fIARGUMENTS\\fR] [\\fIOPTIONS\\fR]\n"
          ".SH DESCRIPTION\nMailstead receives, keeps and hands out mail. The command "
          "\\fBserve\\fR is the server; the others "
          "talk to it over its admin socket.\n.SH COMMANDS\n",
          out);
    const struct cli_verb *v;
    for (size_t i = 0; (v = cli_verb_at(i)) != NULL; i++)
        man_verb(out, v);
    fputs(".SH OPTIONS OF MOST COMMANDS\n", out);
    for (size_t i = 0; i < COUNT_OF(common); i++)
        man_option(out, &common[i]);
    fputs(".SH EXIT STATUS\n0 when all went well, 1 when not (one sentence on standard error says "
          "why), 2 when the command was "
          "not understood; see also \\fBmail deliver\\fR.\n"
          ".SH SEE ALSO\n.BR mailstead.conf (5)\n",
          out);
}

void cli_man_config(FILE *out)
{
    fprintf(out, ".TH MAILSTEAD.CONF 5 \"\" \"Mailstead %s\" \"Mailstead\"\n", MAILSTEAD_VERSION);
    fputs(".SH NAME\nmailstead.conf \\- the configuration of Mailstead\n.SH DESCRIPTION\nEvery key "
          "has a default that is safe. "
          "A key \\fIsection.key\\fR is written as \\fIsection { key = value }\\fR. \\fBmailstead "
          "check\\-config\\fR says what is "
          "wrong with a file.\n.SH KEYS\n",
          out);
    struct config_row row;
    for (size_t i = 0; config_row(i, &row); i++) {
        fputs(".TP\n.B ", out);
        roff(out, row.key);
        fputs(" \\fR(", out);
        roff(out, row.kind);
        fputs("; default ", out);
        roff(out, row.fallback[0] != '\0' ? row.fallback : "empty");
        fputs(")\n", out);
        roff(out, row.help);
        fputs(".\n", out);
    }
    fputs(".SH SEE ALSO\n.BR mailstead (1)\n", out);
}

/* ---- bash -------------------------------------------------------------------------------- */

static void bash_first_words(FILE *out)
{
    const struct cli_verb *v;
    for (size_t i = 0; (v = cli_verb_at(i)) != NULL; i++) {
        size_t n = strcspn(v->name, " ");
        if (i == 0 || strncmp(cli_verb_at(i - 1)->name, v->name, n) != 0 ||
            cli_verb_at(i - 1)->name[n] != ' ' || v->name[n] == '\0')
            fprintf(out, " %.*s", (int)n, v->name);
    }
}

static void bash_case(FILE *out, const struct cli_verb *v)
{
    bool files = strstr(v->args, "FILE") != NULL || strncmp(v->args, "DIR", 3) == 0;
    fprintf(out, "    '%s') words='--help", v->name);
    if (strcmp(v->name, "completion") == 0)
        fputs(" bash", out);
    if (strcmp(v->name, "help") == 0)
        bash_first_words(out);
    for (size_t i = 0; i < CLI_OPTIONS_MAX && v->options[i].name != NULL; i++)
        fprintf(out, " %s", v->options[i].name);
    for (size_t i = 0; i < COUNT_OF(common); i++)
        if (has_common(v, i))
            fprintf(out, " %s", common[i].name);
    fputs(files ? "' files=yes ;;\n" : "' ;;\n", out);
}

/* The second words of verbs that begin with the same first one as verb `at`; printed at its first
 * row. */
static void bash_group(FILE *out, size_t at)
{
    const char *name = cli_verb_at(at)->name;
    size_t n = strcspn(name, " ");
    if (name[n] == '\0' || (at > 0 && strncmp(cli_verb_at(at - 1)->name, name, n + 1) == 0))
        return;
    fprintf(out, "    '%.*s') words='", (int)n, name);
    const struct cli_verb *v;
    for (size_t i = at; (v = cli_verb_at(i)) != NULL && strncmp(v->name, name, n + 1) == 0; i++)
        fprintf(out, "%s%s", i > at ? " " : "", v->name + n + 1);
    fputs("' ;;\n", out);
}

void cli_bash(FILE *out)
{
    const struct cli_verb *v;
    fputs("# bash completion for mailstead, made by: mailstead completion bash\n"
          "_mailstead_files()\n{\n    compopt -o filenames 2>/dev/null\n"
          "    mapfile -t COMPREPLY < <(compgen -f -- \"$1\")\n}\n"
          "_mailstead()\n{\n"
          "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words='' "
          "files=''\n"
          "    COMPREPLY=()\n"
          "    case $prev in --config) _mailstead_files \"$cur\"; return ;; esac\n"
          "    if [ \"$COMP_CWORD\" = 1 ]; then\n        words='--help --version",
          out);
    bash_first_words(out);
    fputs("'\n    elif [ \"$COMP_CWORD\" = 2 ]; then\n    case ${COMP_WORDS[1]} in\n", out);
    for (size_t i = 0; cli_verb_at(i) != NULL; i++)
        bash_group(out, i);
    fputs("    esac\n    fi\n    [ -n \"$words\" ] || case \"${COMP_WORDS[1]} ${COMP_WORDS[2]}\" "
          "in\n",
          out);
    for (size_t i = 0; (v = cli_verb_at(i)) != NULL; i++)
        if (strchr(v->name, ' ') != NULL)
            bash_case(out, v);
    fputs("    esac\n    [ -n \"$words\" ] || case ${COMP_WORDS[1]} in\n", out);
    for (size_t i = 0; (v = cli_verb_at(i)) != NULL; i++)
        if (strchr(v->name, ' ') == NULL)
            bash_case(out, v);
    fputs("    esac\n    if [[ $files && $cur != -* ]]; then\n        _mailstead_files \"$cur\"\n"
          "    elif [[ $words && ( $COMP_CWORD -lt 3 || $cur == -* ) ]]; then\n"
          "        COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n    fi\n}\n"
          "complete -F _mailstead mailstead\n",
          out);
}
