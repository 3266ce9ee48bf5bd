/* SPDX-License-Identifier: Apache-2.0 */
/* The program. */
#include "cli/cli.h"

#include <sys/stat.h>

int main(int argc, char **argv)
{
    (void)umask(077); /* what it writes holds mail and keys */
    return cli_run(argc, argv, stdin, stdout, stderr);
}
