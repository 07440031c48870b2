/* SPDX-License-Identifier: Apache-2.0
 * What module inward tells the program that it runs in.
 */
#ifndef TEST_MODULES_INWARD_H
#define TEST_MODULES_INWARD_H

enum inward { INWARD_INIT, INWARD_EVENT, INWARD_TIMER, INWARD_CALL, INWARD_DISCARD, INWARD_TERMINATE, INWARD_N };

/* Its address is argument "hook".  The text is terminate's reason, else "".  Not 0 of an event: what
 * there is to read stays unread. */
typedef int inward_hook_fn(enum inward where, const char *text);

#endif
