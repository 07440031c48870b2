/* SPDX-License-Identifier: Apache-2.0
 * A library that no loader finds by default.
 */
int loader_other(void);
int
loader_other(void)
{
	return 1;
}
