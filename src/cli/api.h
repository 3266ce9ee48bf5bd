/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of the admin API. Functions return an exit code; when it is not CLI_OK the sentence is
 * said. */
#ifndef CLI_API_H
#define CLI_API_H

#include "cli/cli.h"
#include "http/client.h"

/* The configuration of this installation: --config, else $MAILSTEAD_CONFIG, else the system's. */
const char *cli_config_path(const struct cli *c);
int api_config(struct cli *c);

/* Builds a request target: each % in `pattern` stands for the next argument, encoded. */
void api_target(struct buf *to, const char *pattern, ...);

/* One call. `body` (may be NULL) is taken over; NULL with `has_body` means that it could not be
 * made (a text is not UTF-8). `*out` (may be NULL) gets the answer's object, to be json_decref'd.
 */
int api_call(struct cli *c,
             const char *method,
             struct buf *target,
             bool has_body,
             json_t *body,
             json_t **out);

/* One call whose answer is printed as it is with --json; otherwise `said` is. For verbs that change
 * things. */
int api_do(struct cli *c,
           const char *method,
           struct buf *target,
           bool has_body,
           json_t *body,
           const char *said,
           ...) PRINTF_LIKE(6, 7);

/* The parts, for calls that stream. api_open says what is wrong when the server cannot be reached.
 */
int api_open(struct cli *c);
/* Is nobody there? (api_open without the sentence): 0 or the error. */
int api_try(struct cli *c);
/* Says the error in an answer's body (or that of the call, `err`), and gives its code of
 * base/err.h. */
int api_explain(struct cli *c, int err, const struct http_answer *answer);

/* Members of an answer, with a fallback of "" and 0. */
const char *api_text(json_t *object, const char *name);
int64_t api_int(json_t *object, const char *name);
void api_print(struct cli *c, json_t *object); /* as JSON, one line */

#endif
