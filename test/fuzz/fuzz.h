/* SPDX-License-Identifier: Apache-2.0 */
/* The one function a fuzz target has. It returns 0 and takes any bytes; what must hold is checked
 * with must(). It leaks nothing and remembers nothing between calls. */
#ifndef TEST_FUZZ_FUZZ_H
#define TEST_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
