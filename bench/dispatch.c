/* SPDX-License-Identifier: Apache-2.0
 * bench/dispatch: what it costs to call through the current version of a module.
 *
 * The runtime's own dispatch (worker_dispatch_slot on worker.gen, as its loop does it) beside a
 * plain call through a table.  The two take turns, 30 times each, and the least of each counts:
 * whatever else the machine did only adds.  A JSON line on stdout, ns a call.
 */
#include "config.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "dispatch_target.h"
#include "worker/worker_priv.h"

#define RUNS  30
#define CALLS 10000000

struct plain {
	relw_event_fn *fn;
	struct relw *rw;
	void *state;
};

static int64_t
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* noinline, and everything by pointer: what the callee might have changed is loaded again. */
__attribute__((noinline)) static int64_t
run_plain(const struct plain *t, const struct relw_event *event)
{
	int64_t begin = now();

	for (int i = 0; i < CALLS; i++)
		t->fn(t->rw, t->state, event);
	return now() - begin;
}

__attribute__((noinline)) static int64_t
run_dispatch(const struct worker *w, uint32_t slot, const struct relw_event *event)
{
	int64_t begin = now();

	for (int i = 0; i < CALLS; i++)
		worker_dispatch_slot(w->gen, slot, event);
	return now() - begin;
}

int
main(void)
{
	uint64_t count = 0;
	struct gen *gen = calloc(1, sizeof(*gen) + 8 * sizeof(struct slot));
	struct worker *w = calloc(1, sizeof(*w));
	struct plain plain = {.fn = dispatch_target, .state = &count};
	struct relw_event event = {.type = RELW_EVENT_FD, .key = 1};
	int64_t least_plain = INT64_MAX, least_dispatch = INT64_MAX;

	if (w == NULL || gen == NULL)
		err(1, "worker");
	gen->slot_count = 8;
	gen->slots[5] = (struct slot){.fn.event = dispatch_target, .state = &count};
	w->gen = gen;
	for (int i = 0; i < RUNS; i++) {
		int64_t p = run_plain(&plain, &event), d = run_dispatch(w, 5, &event);
		if (p < least_plain)
			least_plain = p;
		if (d < least_dispatch)
			least_dispatch = d;
	}
	free(w);
	free(gen);
	if (count != (uint64_t)2 * RUNS * CALLS)
		errx(1, "%llu calls arrived", (unsigned long long)count);
	printf("{\"runs\":%d,\"table_ns\":%.3f,\"dispatch_ns\":%.3f}\n", RUNS,
	    (double)least_plain / CALLS, (double)least_dispatch / CALLS);
	return 0;
}
