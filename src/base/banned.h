/* SPDX-License-Identifier: Apache-2.0 */
/* The functions that have no safe use on bytes a peer sent, made compile errors.
 * The build includes this file before everything else (meson: -include), so no source can
 * forget it. The system headers that declare them come first, then the names are taken away.
 *
 * Instead of          use
 * strcpy, strcat      buf_put / buf_printf (base/buf.h)
 * sprintf, vsprintf   buf_printf, snprintf
 * strtok, strsep      span_split (base/span.h)
 * atoi, atol, sscanf  span_to_u64
 * alloca              an arena (base/arena.h)
 */
#ifndef BASE_BANNED_H
#define BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BANNED(name) banned_##name##_see_base_banned_h

#undef strcpy
#define strcpy(...) BANNED(strcpy)
#undef strcat
#define strcat(...) BANNED(strcat)
#undef strncpy
#define strncpy(...) BANNED(strncpy)
#undef strncat
#define strncat(...) BANNED(strncat)
#undef sprintf
#define sprintf(...) BANNED(sprintf)
#undef vsprintf
#define vsprintf(...) BANNED(vsprintf)
#undef strtok
#define strtok(...) BANNED(strtok)
#undef strtok_r
#define strtok_r(...) BANNED(strtok_r)
#undef strsep
#define strsep(...) BANNED(strsep)
#undef atoi
#define atoi(...) BANNED(atoi)
#undef atol
#define atol(...) BANNED(atol)
#undef sscanf
#define sscanf(...) BANNED(sscanf)
#undef alloca
#define alloca(...) BANNED(alloca)

#endif
