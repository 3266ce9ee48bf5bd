/* SPDX-License-Identifier: Apache-2.0 */
/* One value: text to field, and numbers to text. Every refusal says what would be right. */
#include "base/config_impl.h"

#include <inttypes.h>

struct unit_word {
    const char *word; /* lower case */
    int64_t factor;
};

/* The first word of a factor is the one that is printed. */
static const struct unit_word byte_words[] = {
    {"G", (int64_t)1 << 30},   {"M", 1 << 20},   {"k", 1 << 10},   {"", 1},
    {"GB", (int64_t)1 << 30},  {"MB", 1 << 20},  {"kB", 1 << 10},  {"B", 1},
    {"GiB", (int64_t)1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {NULL, 0},
};
static const struct unit_word second_words[] = {
    {"d", 86400}, {"h", 3600}, {"min", 60}, {"s", 1}, {"", 1}, {"m", 60}, {"sec", 1}, {NULL, 0},
};
static const struct unit_word count_words[] = {{"", 1}, {NULL, 0}};

static const struct unit_word *words_of(enum config_unit unit)
{
    return unit == CONFIG_BYTES ? byte_words : unit == CONFIG_SECONDS ? second_words : count_words;
}

void config_number_print(struct buf *out, int64_t n, enum config_unit unit)
{
    const struct unit_word *w = words_of(unit);
    while (w->factor > 1 && (n == 0 || n % w->factor != 0))
        w++;
    buf_printf(out, "%" PRId64 "%s", n / w->factor, n == 0 ? "" : w->word);
}

static bool number_parse(struct span text, enum config_unit unit, int64_t *out)
{
    size_t digits = 0;
    while (digits < text.n && ascii_is_digit(text.p[digits]))
        digits++;
    uint64_t n;
    if (!span_to_u64(span_slice(text, 0, digits), &n) || n > INT64_MAX)
        return false;
    struct span word = span_trim(span_from(text, digits));
    for (const struct unit_word *w = words_of(unit); w->word != NULL; w++)
        if (span_ieq(word, span_str(w->word)))
            return !__builtin_mul_overflow((int64_t)n, w->factor, out);
    return false;
}

static void
why_range(struct buf *why, const char *side, int64_t limit, enum config_unit unit, struct span text)
{
    buf_printf(why, "%.*s is %s ", SPAN_ARG(text), side);
    config_number_print(why, limit, unit);
}

static bool
set_int(int64_t *field, const struct config_spec *spec, struct span text, struct buf *why)
{
    static const char *const what[] = {
        [CONFIG_COUNT] = "a number", [CONFIG_BYTES] = "a size", [CONFIG_SECONDS] = "a time"};
    static const char *const example[] = {
        [CONFIG_COUNT] = "100", [CONFIG_BYTES] = "50M", [CONFIG_SECONDS] = "5min"};
    int64_t n;
    if (!number_parse(text, spec->unit, &n)) {
        buf_printf(why, "\"%.*s\" is not %s; write for example %s", SPAN_ARG(text),
                   what[spec->unit], example[spec->unit]);
        return false;
    }
    if (n < spec->least || n > spec->most) {
        bool less = n < spec->least;
        why_range(why,
                  less ? "less than the least possible value"
                       : "more than the largest possible value",
                  less ? spec->least : spec->most, spec->unit, text);
        return false;
    }
    *field = n;
    return true;
}

static bool set_bool(bool *field, struct span text, struct buf *why)
{
    static const struct {
        const char *word;
        bool value;
    } words[] = {{"yes", true},  {"no", false},  {"on", true},
                 {"off", false}, {"true", true}, {"false", false}};
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (span_ieq(text, span_str(words[i].word))) {
            *field = words[i].value;
            return true;
        }
    }
    buf_printf(why, "\"%.*s\" is neither yes nor no; write yes or no", SPAN_ARG(text));
    return false;
}

static bool set_enum(int *field, const struct config_spec *spec, struct span text, struct buf *why)
{
    struct span rest = span_str(spec->words);
    for (int i = 0; rest.n > 0; i++) {
        if (span_eq(span_split(&rest, '|'), text)) {
            *field = i;
            return true;
        }
    }
    buf_printf(why, "\"%.*s\" is not possible here; write ", SPAN_ARG(text));
    rest = span_str(spec->words);
    while (rest.n > 0) {
        buf_put(why, span_split(&rest, '|'));
        buf_puts(why, rest.n == 0 ? "" : span_chr(rest, '|') < 0 ? " or " : ", ");
    }
    return false;
}

bool config_value_set(struct config_box *box,
                      const struct config_spec *spec,
                      struct span text,
                      struct buf *why)
{
    void *field = (char *)&box->c + spec->offset;
    switch (spec->kind) {
    case KIND_BOOL: return set_bool(field, text, why);
    case KIND_INT: return set_int(field, spec, text, why);
    case KIND_ENUM: return set_enum(field, spec, text, why);
    case KIND_STR: {
        const char *copy = arena_cstr(box->texts, text);
        if (copy != NULL)
            *(const char **)field = copy;
        return copy != NULL;
    }
    case KIND_LIST: break;
    }
    must(spec->kind != KIND_LIST);
    return false;
}

bool config_list_set(struct config_box *box,
                     const struct config_spec *spec,
                     const char *const *v,
                     size_t n)
{
    struct config_list *list = (void *)((char *)&box->c + spec->offset);
    const char **copy = arena_array(box->texts, n, sizeof *copy);
    if (copy == NULL)
        return false;
    for (size_t i = 0; i < n; i++)
        if ((copy[i] = arena_cstr(box->texts, span_str(v[i]))) == NULL)
            return false;
    *list = (struct config_list){n, copy};
    return true;
}
