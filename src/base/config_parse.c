/* SPDX-License-Identifier: Apache-2.0 */
/* libconfuse reads the syntax; everything else is ours. All keys are texts to it, so that the one
 * who says what is wrong with a value is the code that knows what would be right. It calls
 * `on_value` for each, and we note the line.
 *
 * Its scanner is global state, so one lock is held for the time of a parse. It accepts a file that
 * ends inside a section or a comment: a key of our own is put behind the text, and only a file that
 * is whole shows it at the top level. */
#include "base/config_impl.h"
#include "base/err.h"

#include <confuse.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

/* Another spelling: pop3 { deleted = keep-days 14 }. */
static const char alias_key[] = "pop3.deleted", alias_for[] = "pop3.deleted_keep_days";

#define END_MARK "mailstead-end-of-file"

struct seen {
    const cfg_opt_t *opt; /* libconfuse's, to find the row of a callback */
    unsigned line;        /* of the first value; 0: not in the file */
    unsigned values;      /* of a list, when last called */
    char *first;          /* text of its first value */
    bool again;           /* was set twice, and we said so */
};

struct load {
    const char *path; /* as the operator named it, for messages */
    struct config_box *box;
    struct buf *why;
    struct seen *seen;  /* one a row, then the alias, then the end mark */
    unsigned last_line; /* of the last value */
    int problems;
    bool no_memory;
};

static pthread_mutex_t parser_lock = PTHREAD_MUTEX_INITIALIZER;
static struct load *loading; /* what the callbacks work on; guarded by parser_lock */

static size_t seen_alias(void)
{
    return config_specs_n;
}

static size_t seen_end(void)
{
    return config_specs_n + 1;
}

/* ---- complaints -------------------------------------------------------------------------- */

static void complain_at(struct load *l, unsigned line, const char *key)
{
    l->problems++;
    buf_puts(l->why, l->path);
    if (line > 0)
        buf_printf(l->why, ":%u", line);
    buf_puts(l->why, ": ");
    if (key[0] != '\0')
        buf_printf(l->why, "%s: ", key);
}

/* Text of the file in a message: nothing in it drives the operator's terminal. */
static void wash(struct buf *b, size_t from)
{
    for (size_t i = from; i < b->n; i++)
        if ((unsigned char)b->p[i] < 0x20 || b->p[i] == 0x7f)
            b->p[i] = '?';
}

static void complain_unknown(struct load *l, cfg_t *cfg, const char *name)
{
    bool top = strcmp(cfg->name, "root") == 0, is_section = false;
    char store[CONFIG_KEY_MAX];
    size_t from;

    if (strcmp(name, END_MARK) == 0) {
        complain_at(l, 0, "");
        buf_printf(l->why, "the file ends inside the section %s; write a } behind its last key\n",
                   cfg->name);
        return;
    }
    complain_at(l, (unsigned)cfg->line, "");
    from = l->why->n;
    buf_printf(l->why, "%s%s%s", top ? "" : cfg->name, top ? "" : ".", name);
    wash(l->why, from);
    if (l->last_line == (unsigned)cfg->line) { /* hostname = mail example */
        buf_puts(l->why, ": stands behind a value; write a value of several words in quotes, and "
                         "one key on a line\n");
        return;
    }
    const char *near = config_nearest(top ? "" : cfg->name, name, &is_section, store);
    struct span section = near == NULL ? SPAN_EMPTY : config_section_of(near);
    if (near == NULL)
        buf_puts(l->why, ": unknown key; docs/configuration.md lists all keys\n");
    else if (is_section)
        buf_printf(l->why, ": unknown key; did you mean the section %s?\n", near);
    else if (span_eq(section, top ? SPAN("") : span_str(cfg->name)))
        buf_printf(l->why, ": unknown key; did you mean %s?\n", near);
    else if (section.n == 0)
        buf_printf(l->why, ": unknown key; did you mean %s, outside of any section?\n", near);
    else
        buf_printf(l->why, ": unknown key; did you mean %.*s { %.*s = ... }?\n", SPAN_ARG(section),
                   SPAN_ARG(config_name_of(near)));
}

/* libconfuse's own complaints. Its format strings are constants of the library. */
static void on_error(cfg_t *cfg, const char *fmt, va_list args) PRINTF_LIKE(2, 0);
static void on_error(cfg_t *cfg, const char *fmt, va_list args)
{
    struct load *l = loading;
    if (strcmp(fmt, "no such option '%s'") == 0) {
        complain_unknown(l, cfg, va_arg(args, const char *));
        return;
    }
    if (strcmp(fmt, "premature end of file") == 0) {
        complain_at(l, 0, "");
        buf_puts(l->why, "the file ends inside a value; write the missing quote or brace\n");
        return;
    }
    complain_at(l, (unsigned)cfg->line, "");
    size_t from = l->why->n;
    buf_vprintf(l->why, fmt, args);
    wash(l->why, from);
    buf_puts(l->why,
             "; write for example hostname = mail.example.org, or  smtp { message_size = 50M }\n");
}

/* ---- values ------------------------------------------------------------------------------ */

static bool is_clean(struct span text)
{
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] < 0x20 || text.p[i] == 0x7f)
            return false;
    return span_is_utf8(text);
}

/* "keep-days 14" or "remove" as the number of days. */
static bool alias_value(struct span *text, struct buf *why)
{
    struct span rest = *text;
    uint32_t days;
    if (span_eq(rest, SPAN("remove"))) {
        *text = SPAN("0");
        return true;
    }
    if (span_skip(&rest, SPAN("keep-days ")) && span_to_u32(span_trim(rest), &days)) {
        *text = span_trim(rest);
        return true;
    }
    buf_printf(why, "\"%.*s\" is not possible here; write keep-days 14 or remove", SPAN_ARG(*text));
    return false;
}

/* One value of row `i`, as a scalar or as an element. */
static void take_value(struct load *l, size_t i, unsigned line, struct span text)
{
    const struct config_spec *spec = &config_specs[i];
    const char *key = spec->key;
    struct buf what;
    buf_init(&what, 4096);
    bool ok = is_clean(text);
    if (!ok) {
        buf_puts(&what, "holds a control character or bytes that are not UTF-8; write plain text");
    } else if (l->seen[seen_alias()].line == line && strcmp(alias_for, key) == 0) {
        key = alias_key;
        ok = alias_value(&text, &what);
    }
    ok = ok &&
         (spec->kind == KIND_STR || spec->kind == KIND_LIST ? config_text_check(spec, text, &what)
                                                            : true);
    ok = ok && (spec->kind == KIND_LIST || config_value_set(l->box, spec, text, &what));
    if (!ok && arena_err(l->box->texts) != 0) {
        l->no_memory = true;
    } else if (!ok) {
        complain_at(l, line, key);
        if (what.err == 0)
            buf_put(l->why, buf_span(&what));
        else
            buf_puts(l->why, "is far too long");
        buf_putc(l->why, '\n');
    }
    buf_done(&what);
}

/* A list is set twice if its values begin again. */
static bool is_again(const struct seen *s, const cfg_opt_t *opt, bool list)
{
    if (s->line == 0)
        return false;
    return !list || opt->nvalues < s->values ||
           (opt->nvalues == 1 && s->first != NULL && strcmp(s->first, opt->values[0]->string) != 0);
}

/* After each value; for a list once more at its closing brace. */
static int on_value(cfg_t *cfg, cfg_opt_t *opt)
{
    struct load *l = loading;
    unsigned line = (unsigned)cfg->line;
    size_t i = 0;
    while (i < seen_end() && l->seen[i].opt != opt)
        i++;
    struct seen *s = &l->seen[i];
    s->line = s->line == 0 && i >= seen_alias() ? line : s->line;
    if (i == seen_end())
        return 0;
    if (i == seen_alias()) {
        for (i = 0; strcmp(config_specs[i].key, alias_for) != 0; i++)
            must(i + 1 < config_specs_n);
        s = &l->seen[i];
    }
    bool list = config_specs[i].kind == KIND_LIST;
    const char *text = opt->values[opt->nvalues - 1]->string;
    l->last_line = line;
    if (s->again)
        return 0;
    if (is_again(s, opt, list)) {
        s->again = true;
        complain_at(l, line, config_specs[i].key);
        buf_printf(l->why, "is set in line %u already; write it once%s\n", s->line,
                   list ? ", with all its values between braces" : "");
        return 0;
    }
    if (s->line == 0 || opt->nvalues > s->values)
        take_value(l, i, line, span_str(text));
    if (s->line == 0) {
        s->line = line;
        s->first = list ? strdup(text) : NULL;
    }
    s->values = opt->nvalues;
    return 0;
}

/* Lists are taken when all is read: an empty one has no value to be called for. */
static void take_lists(struct load *l)
{
    for (size_t i = 0; i < config_specs_n; i++) {
        const cfg_opt_t *opt = l->seen[i].opt;
        if (config_specs[i].kind != KIND_LIST || (opt->flags & CFGF_MODIFIED) == 0)
            continue;
        const char **v = calloc(opt->nvalues + 1u, sizeof *v);
        for (unsigned j = 0; v != NULL && j < opt->nvalues; j++)
            v[j] = opt->values[j]->string;
        if (v == NULL || !config_list_set(l->box, &config_specs[i], v, opt->nvalues))
            l->no_memory = true;
        free(v);
    }
}

/* ---- the table as libconfuse wants it ----------------------------------------------------- */

/* Options of one section, ended by an empty one; "" is the top with its sections. The names are
 * from `a`, as is the array. */
static cfg_opt_t *options_of(struct arena *a, struct span section, bool top);

static cfg_opt_t option_of(struct arena *a, struct span name, bool list)
{
    return (cfg_opt_t){.name = arena_cstr(a, name),
                       .type = CFGT_STR,
                       .flags = CFGF_NODEFAULT | (list ? CFGF_LIST : 0),
                       .validcb = on_value};
}

static bool has_option(const cfg_opt_t *v, size_t n, struct span name)
{
    for (size_t i = 0; i < n; i++)
        if (v[i].name != NULL && span_eq(span_str(v[i].name), name))
            return true;
    return false;
}

static cfg_opt_t *options_of(struct arena *a, struct span section, bool top)
{
    size_t n = 0;
    cfg_opt_t *v = arena_array(a, config_specs_n + 3, sizeof *v);
    for (size_t i = 0; v != NULL && i < config_specs_n; i++) {
        const struct config_spec *spec = &config_specs[i];
        struct span its_section = config_section_of(spec->key);
        if (span_eq(its_section, section)) {
            v[n++] = option_of(a, config_name_of(spec->key), spec->kind == KIND_LIST);
        } else if (top && !has_option(v, n, its_section)) {
            v[n] = (cfg_opt_t){.name = arena_cstr(a, its_section), .type = CFGT_SEC};
            v[n++].subopts = options_of(a, its_section, false);
        }
    }
    if (v != NULL && top)
        v[n] = option_of(a, SPAN(END_MARK), false);
    else if (v != NULL && span_eq(section, config_section_of(alias_key)))
        v[n] = option_of(a, config_name_of(alias_key), false);
    return v;
}

static const cfg_opt_t *find_option(cfg_t *root, const char *key)
{
    struct span section = config_section_of(key);
    char name[CONFIG_KEY_MAX];
    bool fits = span_to_cstr(section, name, sizeof name);
    must(fits);
    return cfg_getopt(section.n == 0 ? root : cfg_getsec(root, name), config_name_of(key).p);
}

static void parse_locked(struct load *l, const char *text)
{
    struct arena *a = arena_new(CONFIG_FILE_MAX);
    cfg_opt_t *options = a == NULL ? NULL : options_of(a, SPAN(""), true);
    cfg_t *root = options == NULL || arena_err(a) != 0 ? NULL : cfg_init(options, CFGF_NONE);
    if (root == NULL) {
        l->no_memory = true;
        arena_free(a);
        return;
    }
    for (size_t i = 0; i < config_specs_n; i++)
        l->seen[i].opt = find_option(root, config_specs[i].key);
    l->seen[seen_alias()].opt = find_option(root, alias_key);
    l->seen[seen_end()].opt = find_option(root, END_MARK);
    (void)cfg_set_error_function(root, on_error);
    int before = l->problems;
    int rc = cfg_parse_buf(root, text);
    if (rc != CFG_SUCCESS && l->problems == before) {
        l->no_memory = true; /* it complains of everything else */
    } else if (rc == CFG_SUCCESS && l->seen[seen_end()].line == 0) {
        complain_at(l, 0, "");
        buf_puts(l->why, "the file ends inside a comment; write the missing */\n");
    }
    take_lists(l);
    (void)cfg_free(root);
    arena_free(a);
}

/* ---- whole files ------------------------------------------------------------------------- */

/* Bytes of the value keep-days NUMBER that begins here; 0 if none does. */
static size_t days_value(struct span at, struct span *number)
{
    struct span rest = at;
    if (!span_skip(&rest, SPAN("keep-days")))
        return 0;
    size_t blanks = 0, digits = 0;
    while (blanks < rest.n && (rest.p[blanks] == ' ' || rest.p[blanks] == '\t'))
        blanks++;
    rest = span_from(rest, blanks);
    while (digits < rest.n && ascii_is_digit(rest.p[digits]))
        digits++;
    bool whole = digits == rest.n || span_chr(SPAN(" \t\r\n}#"), rest.p[digits]) >= 0;
    *number = span_slice(rest, 0, digits);
    return blanks > 0 && digits > 0 && whole ? at.n - rest.n + digits : 0;
}

/* Bytes of the comment or the text in quotes that begins here; 0 if none does. */
static size_t opaque_length(struct span at)
{
    if (at.p[0] == '#' || span_starts(at, SPAN("//"))) {
        ssize_t end = span_chr(at, '\n');
        return end < 0 ? at.n : (size_t)end;
    }
    if (span_starts(at, SPAN("/*"))) {
        ssize_t end = span_find(span_from(at, 2), SPAN("*/"));
        return end < 0 ? at.n : (size_t)end + 4;
    }
    if (at.p[0] != '"' && at.p[0] != '\'')
        return 0;
    size_t n = 1;
    while (n < at.n && at.p[n] != at.p[0])
        n += at.p[n] == '\\' && n + 1 < at.n ? 2 : 1;
    return n < at.n ? n + 1 : n;
}

/* libconfuse ends a value without quotes at the first blank. The one value of two words that people
 * write as they read it, deleted = keep-days 14, gets its quotes here; no line moves. */
static void put_quoting_days(struct buf *to, struct span text)
{
    char before = '\n';
    for (size_t i = 0; i < text.n;) {
        struct span at = span_from(text, i), number;
        size_t days = before == '=' ? days_value(at, &number) : 0;
        size_t n = days > 0 ? days : opaque_length(at);
        if (days > 0)
            buf_printf(to, "\"keep-days %.*s\"", SPAN_ARG(number));
        else
            buf_put(to, span_slice(at, 0, n > 0 ? n : 1));
        if (n > 0 || (at.p[0] != ' ' && at.p[0] != '\t'))
            before = n > 0 ? '\n' : at.p[0];
        i += n > 0 ? n : 1;
    }
}

static void whole_checks(struct load *l)
{
    struct buf lines;
    buf_init(&lines, 4096);
    config_whole_check(&l->box->c, &lines);
    struct span rest = buf_span(&lines);
    while (rest.n > 0) {
        complain_at(l, 0, "");
        buf_put(l->why, span_split(&rest, '\n'));
        buf_putc(l->why, '\n');
    }
    buf_done(&lines);
}

static int load_parse(struct load *l, struct span text)
{
    struct buf whole;
    buf_init(&whole, CONFIG_FILE_MAX / 4 * 5 + 64); /* with the quotes that are added */
    (void)span_skip(&text, SPAN("\xef\xbb\xbf")); /* the mark some editors put in front of UTF-8 */
    put_quoting_days(&whole, text);
    buf_puts(&whole, "\n" END_MARK " = yes\n");
    buf_putc(&whole, '\0');
    if (whole.err == 0) {
        (void)pthread_mutex_lock(&parser_lock);
        loading = l;
        parse_locked(l, whole.p);
        loading = NULL;
        (void)pthread_mutex_unlock(&parser_lock);
    }
    int err = whole.err;
    buf_done(&whole);
    for (size_t i = 0; i < config_specs_n; i++)
        free(l->seen[i].first);
    if (err == 0 && l->problems == 0 && !l->no_memory)
        whole_checks(l);
    return err != 0 ? err : l->no_memory ? ERR_NOMEM : l->problems > 0 ? ERR_INVALID : 0;
}

int config_parse(struct span text, const char *path, struct buf *why, struct config **out)
{
    struct load l = {.path = path, .why = why};
    ssize_t nul = span_chr(text, '\0');
    if (text.n > CONFIG_FILE_MAX || nul >= 0) {
        buf_printf(why, "%s: %s; this is not a configuration file\n", path,
                   nul >= 0 ? "holds a zero byte" : "is larger than 1 MiB");
        return ERR_INVALID;
    }
    l.box = config_box_new(path);
    l.seen = calloc(config_specs_n + 2, sizeof *l.seen);
    int err = l.box == NULL || l.seen == NULL ? ERR_NOMEM : load_parse(&l, text);
    if (err == 0)
        err = config_paths_absolute(l.box);
    free(l.seen);
    if (err == 0)
        *out = &l.box->c;
    else if (l.box != NULL)
        config_box_free(l.box);
    if (err == ERR_NOMEM)
        buf_printf(why, "%s: there is not enough memory to read it\n", path);
    return err;
}

static int read_file(const char *path, struct buf *to)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    int number = 0;
    while (to->n <= CONFIG_FILE_MAX) {
        char *room = buf_room(to, 65536);
        ssize_t got = room == NULL ? -1 : read(fd, room, 65536);
        if (got > 0) {
            buf_added(to, (size_t)got);
        } else if (got == 0) {
            break;
        } else if (room == NULL || errno != EINTR) {
            number = room == NULL ? ENOMEM : errno;
            break;
        }
    }
    (void)close(fd);
    return number;
}

int config_read(const char *path, struct buf *to, struct buf *why)
{
    int number = read_file(path, to);
    int err = number == 0 ? 0 : err_from_errno(number);
    if (err == ERR_NOT_FOUND)
        buf_printf(why, "%s: there is no such file; 'mailstead init' makes one\n", path);
    else if (err != 0)
        buf_printf(why, "%s: cannot be read: %s\n", path, strerror(number));
    return err;
}

int config_load(const char *path, struct buf *why, struct config **out)
{
    struct buf text;
    buf_init(&text, CONFIG_READ_MAX);
    int err = config_read(path, &text, why);
    if (err == 0)
        err = config_parse(buf_span(&text), path, why, out);
    buf_done(&text);
    return err;
}
