/* SPDX-License-Identifier: Apache-2.0
 * Listener 0.1.1 with a fault in one of many workers.  What and where is told by a file that the
 * child's arg `fault_file` names: `refuse|words|crash|hang APPLICATION/CHILD/INDEX`; no file, no fault.
 * Used by 70-group.bats in the place of releases/hello's broken ones, which fail in every worker.
 */
#define _GNU_SOURCE /* as the file that is included below */

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <relworker.h>

#define HELLO_FAULT_H /* this function instead of the one in fault.h */

static inline int
fault_at(struct relw *rw, uint32_t nth, uint32_t of)
{
	char fault[16] = "", where[200] = "";
	FILE *f = fopen(relw_arg_text(rw, "fault_file", ""), "re");

	if (f != NULL) {
		if (fscanf(f, "%15s %199s", fault, where) != 2)
			fault[0] = '\0';
		fclose(f);
	}
	if (nth != of || strcmp(relw_worker(rw), where) != 0)
		return 0;
	if (strcmp(fault, "crash") == 0) {
		volatile int *volatile nowhere = NULL; /* volatile: the compiler must keep it */
		*nowhere = 1;
	}
	if (strcmp(fault, "hang") == 0)
		for (volatile unsigned turns = 0;; turns++)
			continue;
	if (strcmp(fault, "words") == 0) {
		char words[2 * 190 + 1] = ""; /* longer than any buffer for it: it is cut somewhere */
		for (int i = 0; i < 190; i++)
			strcat(words, "ä");
		return relw_refuse(rw, "%s", words);
	}
	return strcmp(fault, "refuse") == 0 ? relw_refuse(rw, "%s refuses", relw_worker(rw)) : 0;
}

#include "listener-0.1.1.c"
