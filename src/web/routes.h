/* SPDX-License-Identifier: Apache-2.0 */
/* The admin API's table, for its documentation and the test that compares the two. */
#ifndef WEB_ROUTES_H
#define WEB_ROUTES_H

#include "http/request.h"

/* Row by row from 0; false past the end. */
bool admin_route(size_t index, const struct http_route **out);

#endif
