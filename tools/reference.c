/* SPDX-License-Identifier: Apache-2.0 */
/* Prints the reference pages that come from our tables: `reference configuration` and `reference
 * metrics`. tools/reference-docs writes them to docs/, and tools/lint fails when they are out of
 * date. */
#include "base/config.h"
#include "base/metrics.h"

static const char configuration_head[] =
    "# Configuration\n"
    "\n"
    "<!-- made by tools/reference-docs from src/base/config_table.h: change it there -->\n"
    "\n"
    "One file holds all settings; `mailstead init` writes it with every key, its help and its "
    "default, and\n"
    "`mailstead check-config FILE` tries it. Every key may be left out. A mistake is reported with "
    "its line\n"
    "and with what would be right, and the server does not start (or, when it is told to reload, "
    "goes on with\n"
    "the settings it has).\n"
    "\n"
    "```\n"
    "# a comment\n"
    "hostname = mail.example.org\n"
    "smtp {\n"
    "    message_size = 25M\n"
    "}\n"
    "listen {\n"
    "    smtp = { \"192.0.2.1:25\", \"[2001:db8::1]:25\" }   # a list\n"
    "    pop3 = {}                                       # an empty one switches off\n"
    "}\n"
    "```\n"
    "\n"
    "- **size**: a number with k, M or G (of 1024): `8k`, `50M`, `1G`. **time**: `30s`, `5min`, "
    "`1h`, `2d`; a bare\n"
    "  number is seconds. **switch**: `yes` or `no`. A text with spaces or special characters "
    "stands in quotes.\n"
    "- A key is written once. A list in the file replaces the default as a whole.\n"
    "- In double quotes `${NAME}` is the variable NAME of the environment, and `\\` takes away "
    "special meaning.\n"
    "- `data`, `tls.*` and `log.file` are relative to the folder of the file; `store` and "
    "`admin.socket` to `data`.\n"
    "- `pop3 { deleted = keep-days 14 }` is another spelling of `deleted_keep_days = 14`, "
    "`deleted = remove` of 0.\n";

static void print_configuration(void)
{
    struct config_row row;
    struct span open = SPAN("-");
    (void)fputs(configuration_head, stdout);
    for (size_t i = 0; config_row(i, &row); i++) {
        struct span key = span_str(row.key);
        ssize_t dot = span_chr(key, '.');
        struct span section = span_slice(key, 0, dot < 0 ? 0 : (size_t)dot);
        if (!span_eq(section, open)) {
            if (section.n == 0)
                printf("\n## Outside of sections\n\n");
            else
                printf("\n## %.*s\n\n", SPAN_ARG(section));
            printf("| key | kind | default | meaning |\n|---|---|---|---|\n");
        }
        open = section;
        printf("| `%.*s` | ", SPAN_ARG(span_from(key, (size_t)(dot + 1))));
        for (const char *p = row.kind; *p != '\0'; p++)
            printf(*p == '|' ? "\\|" : "%c", *p); /* a bar ends a column */
        printf(" | %s%s%s | %s |\n", row.fallback[0] == '\0' ? "" : "`", row.fallback,
               row.fallback[0] == '\0' ? "" : "`", row.help);
    }
}

static const char metrics_head[] =
    "# Metrics\n"
    "\n"
    "<!-- made by tools/reference-docs from src/base/metrics.h: change it there -->\n"
    "\n"
    "With `metrics { listen = \"127.0.0.1:9925\" }` a Prometheus server reads these from\n"
    "`http://127.0.0.1:9925/metrics`.\n"
    "\n"
    "| name | labels | kind | meaning |\n"
    "|---|---|---|---|\n";

static void print_metrics(void)
{
    (void)fputs(metrics_head, stdout);
#define X(metric, name, labels, kind, help)                                                        \
    printf("| `mailstead_%s` | %s%s%s | %s | %s |\n", name, (labels)[0] == '\0' ? "" : "`",        \
           labels, (labels)[0] == '\0' ? "" : "`", (kind) == COUNTER ? "counter" : "gauge", help);
    METRICS_TABLE(X)
#undef X
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "configuration") == 0)
        print_configuration();
    else if (argc == 2 && strcmp(argv[1], "metrics") == 0)
        print_metrics();
    else
        return 2;
    return fflush(stdout) == 0 ? 0 : 1;
}
