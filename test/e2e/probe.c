/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded into a real server: what somebody could try who has taken it over, from a thread that
 * was serving, in the jail that is in force there. Logging in with the password "probe NAME" runs
 * that attempt of test/jail/attempts.c, "probe all" each that is to be refused. Standard error
 * gets a line for each: its name and the errno, 0 where it succeeded. */
#include "../jail/attempts.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char word[] = "probe ";

static void run(const struct attempt *a)
{
    const char *port = getenv("PROBE_PORT");
    const struct attempt_aim aim = {
        .inside = getenv("PROBE_INSIDE"),
        .outside = getenv("PROBE_OUTSIDE"),
        .secret = getenv("PROBE_SECRET"),
        .object = getenv("PROBE_OBJECT"),
        .tcp_port = port != NULL ? (int)strtol(port, NULL, 10) : 0,
        .other = getppid(),
    };
    errno = 0;
    int number = a->run(&aim);
    fprintf(stderr, "probe: %s: %d\n", a->name, number);
}

int crypto_pwhash_str_verify(const char *hash, const char *password, unsigned long long n);
int crypto_pwhash_str_verify(const char *hash, const char *password, unsigned long long n)
{
    int (*real)(const char *, const char *, unsigned long long) = NULL;
    *(void **)&real = dlsym(RTLD_NEXT, "crypto_pwhash_str_verify");
    size_t skip = sizeof word - 1;
    if (n > skip && memcmp(password, word, skip) == 0)
        for (const struct attempt *a = attempts; a->name != NULL; a++) {
            bool named =
                strlen(a->name) == n - skip && memcmp(a->name, password + skip, n - skip) == 0;
            bool all = n - skip == 3 && memcmp(password + skip, "all", 3) == 0;
            if (named || (all && a->answer == ATTEMPT_REFUSED))
                run(a);
        }
    return real(hash, password, n);
}
