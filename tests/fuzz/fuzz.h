/* SPDX-License-Identifier: Apache-2.0
 * A fuzz target is one function.  libFuzzer drives it (`make fuzz`); replay.c runs the corpus through it in
 * `make check`.  A property that does not hold is an abort.
 */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
