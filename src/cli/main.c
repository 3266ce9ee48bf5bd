/* SPDX-License-Identifier: Apache-2.0 */
/* The program. */
#include "cli/cli.h"
#include "cli/serve.h"

#include <sys/stat.h>

int main(int argc, char **argv)
{
    (void)umask(077); /* what it writes holds mail and keys */
    if (argc == 3 && strcmp(argv[1], SERVE_CHILD) == 0)
        return serve_child_run();
    return cli_run(argc, argv, stdin, stdout, stderr);
}
