/* SPDX-License-Identifier: Apache-2.0 */
/* Runs every file of the folders named on the command line through the target it is linked with:
 * whole, and cut at a few places, because what arrives from a network is cut anywhere. Each input
 * is a copy of its exact size on the heap, so that the sanitizer sees a read one byte past it. A
 * folder that is missing or empty fails: a replay that replays nothing proves nothing. */
#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CUTS = 16, FILE_SIZE_MAX = 16 * 1024 * 1024 };

static void run_copy(const char *data, size_t size)
{
    uint8_t *copy = malloc(size == 0 ? 1 : size);
    if (copy == NULL)
        abort();
    memcpy(copy, data, size);
    (void)LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void run_cuts(const char *data, size_t size)
{
    run_copy(data, size);
    for (size_t i = 0; size > 0 && i < CUTS; i++)
        run_copy(data, size * i / CUTS);
}

static int run_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    char *data = malloc(FILE_SIZE_MAX);
    if (f == NULL || data == NULL) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        abort();
    }
    size_t n = fread(data, 1, FILE_SIZE_MAX, f);
    int bad = ferror(f);
    (void)fclose(f);
    if (bad == 0)
        run_cuts(data, n);
    free(data);
    return bad;
}

static long run_folder(const char *folder)
{
    long n = 0;
    DIR *d = opendir(folder);
    if (d == NULL)
        return 0;
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        char path[4096];
        if (e->d_name[0] == '.')
            continue;
        int size = snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        if (size < 0 || (size_t)size >= sizeof path || run_file(path) != 0) {
            fprintf(stderr, "%s: cannot be read\n", e->d_name);
            abort();
        }
        n++;
    }
    (void)closedir(d);
    return n;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        long n = run_folder(argv[i]);
        printf("%s: %ld files\n", argv[i], n);
        if (n == 0) {
            fprintf(stderr, "%s: no files to replay\n", argv[i]);
            return 1;
        }
    }
    return argc > 1 ? 0 : 2;
}
