/* SPDX-License-Identifier: Apache-2.0
 * Interface "swap/1" of the test modules swap_first and swap_second, which swap calls one after the other.
 */
#ifndef TEST_SWAP_H
#define TEST_SWAP_H

#include "worker/relworker.h"

struct swap {
	/* The version whose code this is; -1: what it calls itself is of another one. */
	int (*version)(struct relw *rw);
};

#endif
