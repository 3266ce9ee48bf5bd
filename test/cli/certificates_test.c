/* SPDX-License-Identifier: Apache-2.0 */
/* check-config reads the certificates: what the server would refuse is an error, what it would only
 * complain of is a warning. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../net/certs.h"
#include "cli/cli.h"

#include <unistd.h>

static struct certs certs;

static int setup(void **state)
{
    (void)state;
    certs_init(&certs);
    certs_make(&certs, "good", "DNS:mail.test", 90);
    certs_make(&certs, "old", "DNS:mail.test", -3);
    certs_make(&certs, "soon", "DNS:mail.test", 5);
    certs_make(&certs, "other", "DNS:other.test", 90);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    (void)unlink(certs_path(&certs, "mailstead", "conf"));
    certs_done(&certs);
    return 0;
}

/* Checks a configuration with these two certificates (`second` may be NULL) and the key of `key`
 * for the first; *out and *err get what is said, to be freed. */
static int check(const char *first, const char *key, const char *second, char **out, char **err)
{
    const char *path = certs_path(&certs, "mailstead", "conf");
    size_t out_n = 0, err_n = 0;
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fprintf(f, "hostname = mail.test\ntls {\n    certificate = { %s.crt", first);
    if (second != NULL)
        fprintf(f, ", %s.crt", second);
    fprintf(f, " }\n    key = { %s.key", key);
    if (second != NULL)
        fprintf(f, ", %s.key", second);
    fputs(" }\n}\n", f);
    assert_int_equal(fclose(f), 0);
    char *argv[] = {(char *)(uintptr_t) "mailstead", (char *)(uintptr_t) "check-config",
                    (char *)(uintptr_t)path, NULL};
    FILE *to_out = open_memstream(out, &out_n), *to_err = open_memstream(err, &err_n);
    int code = cli_run(3, argv, stdin, to_out, to_err);
    fclose(to_out);
    fclose(to_err);
    return code;
}

static void
expect(const char *first, const char *key, const char *second, int code, const char *const *parts)
{
    char *out, *err;
    int got = check(first, key, second, &out, &err);
    if (got != code)
        fail_msg("exit code %d: %s%s", got, out, err);
    assert_true((strstr(out, "is in order") != NULL) == (code == CLI_OK));
    if (parts[0] == NULL)
        assert_string_equal(err, "");
    for (size_t i = 0; parts[i] != NULL; i++)
        if (strstr(err, parts[i]) == NULL)
            fail_msg("no \"%s\" in: %s", parts[i], err);
    free(out);
    free(err);
}

#define PARTS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void what_works_is_in_order(void **state)
{
    (void)state;
    expect("good", "good", NULL, CLI_OK, (const char *const[]){NULL});
    expect("good", "good", "other", CLI_OK, (const char *const[]){NULL}); /* by its own name */
}

static void what_soon_will_not_work_is_a_warning(void **state)
{
    (void)state;
    expect("old", "old", NULL, CLI_OK, PARTS("warning: ", "old.crt expired ", "ago\n"));
    expect("soon", "soon", NULL, CLI_OK, PARTS("warning: ", "soon.crt expires in ", " day"));
    expect("other", "other", "old", CLI_OK,
           PARTS("other.crt is for other.test, not for this host name, mail.test\n",
                 "old.crt expired "));
}

static void what_the_server_would_refuse_is_an_error(void **state)
{
    (void)state;
    expect("good", "other", NULL, CLI_TROUBLE,
           PARTS("other.key: this key belongs to another certificate"));
    expect("good", "gone", NULL, CLI_TROUBLE, PARTS("gone.key", "there is no such file"));
    expect("gone", "good", NULL, CLI_TROUBLE, PARTS("gone.crt", "there is no such file"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_works_is_in_order),
        cmocka_unit_test(what_soon_will_not_work_is_a_warning),
        cmocka_unit_test(what_the_server_would_refuse_is_an_error),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
