/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded into a real server: makes it crash while it works on bytes that say so, since it does
 * not know how to by itself. "poison:HOW" harms in a message that is stored, a password that is looked
 * up and the argument of POP3's USER, "venom:HOW" in a password that is verified; HOW is one of the names below. */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void by_abort(void)
{
    abort();
}

static void by_fault(void)
{
    volatile char *p = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    *p = 1;
}

/* NOLINTNEXTLINE(misc-no-recursion): that is the point */
static int deeper(const volatile char *above, int left)
{
    volatile char here[4096];
    here[0] = *above;
    return left == 0 ? 0 : deeper(here, left - 1) + here[0];
}

static void by_stack(void)
{
    const char start = 1;
    (void)deeper(&start, 100 * 1000);
}

/* What the jail answers with death, of which the process hears nothing. */
static void by_exec(void)
{
    char sh[] = "/bin/sh", *argv[] = {sh, NULL};
    execv(sh, argv);
}

/* Until somebody sends a signal. */
static void by_waiting(void)
{
    static const char said[] = "poison: waiting\n";
    (void)!write(STDERR_FILENO, said, sizeof said - 1);
    (void)sleep(60);
}

static const struct {
    const char *name;
    void (*run)(void);
} ways[] = {{"abort", by_abort},
            {"fault", by_fault},
            {"stack", by_stack},
            {"exec", by_exec},
            {"wait", by_waiting}};

static void look(const char *word, const void *bytes, size_t n)
{
    const char *found = n > 0 ? memmem(bytes, n, word, strlen(word)) : NULL;
    if (found == NULL)
        return;
    found += strlen(word);
    size_t left = n - (size_t)(found - (const char *)bytes);
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        size_t length = strlen(ways[i].name);
        if (length <= left && memcmp(found, ways[i].name, length) == 0)
            ways[i].run();
    }
}

/* The cache of logins takes a password along here, on the thread of the session. */
int crypto_generichash_update(void *state, const unsigned char *in, unsigned long long n);
int crypto_generichash_update(void *state, const unsigned char *in, unsigned long long n)
{
    int (*real)(void *, const unsigned char *, unsigned long long) = NULL;
    *(void **)&real = dlsym(RTLD_NEXT, "crypto_generichash_update");
    look("poison:", in, n);
    return real(state, in, n);
}

/* Each body that is stored comes along here. */
int EVP_DigestUpdate(void *context, const void *in, size_t n);
int EVP_DigestUpdate(void *context, const void *in, size_t n)
{
    int (*real)(void *, const void *, size_t) = NULL;
    *(void **)&real = dlsym(RTLD_NEXT, "EVP_DigestUpdate");
    look("poison:", in, n);
    return real(context, in, n);
}

/* The argument of USER. */
/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): glibc's names are reserved */
char *strndup(const char *s, size_t n)
{
    size_t length = strnlen(s, n);
    char *copy = malloc(length + 1);
    if (copy == NULL)
        return NULL;
    look("poison:", s, length);
    memcpy(copy, s, length);
    copy[length] = '\0';
    return copy;
}

int crypto_pwhash_str_verify(const char *hash, const char *password, unsigned long long n);
int crypto_pwhash_str_verify(const char *hash, const char *password, unsigned long long n)
{
    int (*real)(const char *, const char *, unsigned long long) = NULL;
    *(void **)&real = dlsym(RTLD_NEXT, "crypto_pwhash_str_verify");
    look("venom:", password, n);
    return real(hash, password, n);
}
