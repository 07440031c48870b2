/* SPDX-License-Identifier: Apache-2.0
 * A world that only notes what sup asks of it, with a clock that the test moves.
 */
#ifndef TESTS_SUP_WORLD_H
#define TESTS_SUP_WORLD_H

#include "sup/sup.h"

#define NO_TIMER INT64_MIN

struct world {
	struct sup *s;
	struct sup_node *node;
	mono_ns_t now;
	pid_t next_pid;
	bool no_pid;                  /* spawning fails, and nothing can be told of it */
	unsigned spawns, starts, stops, logs;
	int last_signal;
	struct sup_worker *killed;
	dur_ns_t timer;               /* of the last worker that set one */
	char order[1024];             /* "+name" spawned, "-name" signalled */
};

/* The world must not move once the sup knows it. */
void world_begin(struct world *w, unsigned intensity, dur_ns_t period);
/* A worker app/CHILD/INDEX below the world's one supervisor. */
struct sup_worker *world_add(struct world *w, const char *child, unsigned index, unsigned stage);
/* The timer that was set last runs out. */
void world_fire(struct world *w, struct sup_worker *k);
/* hello and ready */
void world_up(struct world *w, struct sup_worker *k);

#endif
