/* SPDX-License-Identifier: Apache-2.0
 * A library that a module brings along, which it must not.
 */
int private_helper(void);
int
private_helper(void)
{
	return 1;
}
