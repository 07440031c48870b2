/* SPDX-License-Identifier: Apache-2.0
 * A listener that does not start and says so at length, beyond ASCII.  Used by 50-bad-input.bats.
 */
#include <string.h>

#include <relworker.h>

static int
init(struct relw *rw, void **ret_state)
{
	char words[3 * 75 + 1] = "";

	(void)ret_state;
	for (int i = 0; i < 75; i++)
		strcat(words, "xä");
	return relw_refuse(rw, "%s", words);
}

RELW_EXPORT const struct relw_module relw_module = {
	.abi = RELW_ABI,
	.size = sizeof(struct relw_module),
	.name = "listener",
	.vsn = "0.1.0",
	.init = init,
};
