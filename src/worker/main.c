/* SPDX-License-Identifier: Apache-2.0
 * relworker-1: the stock host of native workers, runtime ABI 1.
 */
#include "config.h"

#include "worker/relworker.h"

int
main(int argc, char **argv)
{
	return relw_main(argc, argv);
}
