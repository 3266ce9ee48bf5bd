/* SPDX-License-Identifier: Apache-2.0 */
/* The commented file: every key with its help, in the order of the table. What it writes loads to
 * the same values, so quoting lives here, next to the reason for each character. */
#include "base/config_impl.h"

/* Texts of these are read as one word without quotes. */
static bool is_word(struct span text)
{
    for (size_t i = 0; i < text.n; i++)
        if (!ascii_is_alpha(text.p[i]) && !ascii_is_digit(text.p[i]) &&
            span_chr(SPAN("._-:"), text.p[i]) < 0)
            return false;
    return text.n > 0;
}

static void write_text(struct buf *out, struct span text)
{
    if (is_word(text)) {
        buf_put(out, text);
        return;
    }
    buf_putc(out, '"');
    for (size_t i = 0; i < text.n; i++) {
        /* "${NAME}" in quotes is a variable of the environment */
        if (text.p[i] == '"' || text.p[i] == '\\' || text.p[i] == '$')
            buf_putc(out, '\\');
        buf_putc(out, text.p[i]);
    }
    buf_putc(out, '"');
}

static void write_list(struct buf *out, struct span texts)
{
    const char *before = "{ ";
    if (span_starts(texts, SPAN("{"))) {
        buf_put(out, texts);
        return;
    }
    if (texts.n == 0)
        buf_puts(out, "{ ");
    while (texts.n > 0) {
        buf_puts(out, before);
        write_text(out, span_split(&texts, ' '));
        before = ", ";
    }
    buf_puts(out, " }");
}

/* Words of `text` as comment lines of at most 98 columns. */
static void write_comment(struct buf *out, const char *indent, struct span text)
{
    size_t column = 0;
    while (text.n > 0) {
        struct span word = span_split(&text, ' ');
        if (column == 0 || column + 1 + word.n > 98) {
            buf_printf(out, "%s%s#", column == 0 ? "" : "\n", indent);
            column = strlen(indent) + 1;
        }
        buf_putc(out, ' ');
        buf_put(out, word);
        column += 1 + word.n;
    }
    buf_putc(out, '\n');
}

static const char *set_value(const char *const *set, const char *key)
{
    for (; set != NULL && set[0] != NULL; set += 2)
        if (strcmp(set[0], key) == 0)
            return set[1];
    return NULL;
}

static void
write_key(struct buf *out, const char *indent, const struct config_row *row, const char *value)
{
    struct buf help;
    buf_init(&help, 4096);
    buf_printf(&help, "%s (%s)", row->help, row->kind);
    write_comment(out, indent, buf_span(&help));
    buf_done(&help);
    buf_printf(out, "%s%s%.*s = ", indent, value == NULL ? "#" : "",
               SPAN_ARG(config_name_of(row->key)));
    struct span text = span_str(value == NULL ? row->fallback : value);
    if (strcmp(row->kind, "list") == 0)
        write_list(out, text);
    else
        write_text(out, text);
    buf_puts(out, "\n");
}

void config_write_commented(struct buf *out, const char *const *set)
{
    struct span open = SPAN("");
    struct config_row row;

    buf_puts(out, "# The configuration of Mailstead. A line with # in front shows the default; "
                  "take the # away\n"
                  "# to change it. Try the file with:  mailstead check-config FILE\n"
                  "# Sizes are written 50M or 8k or 1G, times 30s or 5min or 1h or 2d, switches "
                  "yes or no.\n");
    for (size_t i = 0; config_row(i, &row); i++) {
        struct span section = config_section_of(row.key);
        if (!span_eq(section, open)) {
            buf_puts(out, open.n > 0 ? "}\n" : "");
            buf_printf(out, section.n > 0 ? "\n%.*s {\n" : "%.*s\n", SPAN_ARG(section));
        } else {
            buf_puts(out, "\n");
        }
        open = section;
        write_key(out, section.n > 0 ? "    " : "", &row, set_value(set, row.key));
    }
    buf_puts(out, open.n > 0 ? "}\n" : "");
}
