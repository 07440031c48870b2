/* SPDX-License-Identifier: Apache-2.0
 * A struct that the state in state.c points to without knowing it.
 */
#include <stdint.h>

#ifndef HIDDEN_EXTRA
#define HIDDEN_EXTRA
#endif

struct hidden {
	uint64_t secret;
	HIDDEN_EXTRA
	void (*later)(void);
};

uint64_t hidden_secret(const struct hidden *h);
uint64_t
hidden_secret(const struct hidden *h)
{
	return h->secret;
}
