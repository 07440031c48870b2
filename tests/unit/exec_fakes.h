/* SPDX-License-Identifier: Apache-2.0
 * The workers of the scripted world (exec_world.h) and the events by which they live.
 */
#ifndef TESTS_EXEC_FAKES_H
#define TESTS_EXEC_FAKES_H

#include "exec_world.h"

#define LATENCY (10 * DUR_MS / 1000)  /* a message's way */
#define RESTART (2 * DUR_MS)

enum kind { EV_JSON, EV_LOOK, EV_REST, EV_CHANGE, EV_BUILT, EV_OBEY, EV_GONE, EV_START };

struct event {
	mono_ns_t at;
	enum kind kind;
	struct fake *f;
	unsigned life;                /* of the process it belongs to: f->starts */
	bool fault;
	const char *name;             /* EV_JSON: the answer */
	json_t *body;
};

void fake_post(struct fake *f, enum kind kind, dur_ns_t after, bool fault, const char *name, json_t *body);
/* The first in time; of one moment the oldest, or with a seed any.  False: there is none. */
bool fake_next_event(struct world *w, struct event *ret);
void fake_run_event(struct world *w, const struct event *e);

struct proto_word *fake_word(const struct fake *f); /* of the bracket it is in */
void fake_die(struct fake *f, bool fault);
void fake_arrive(struct fake *f, const struct proto_frame *fr); /* a bracket that it is to begin */
/* To be called after each entry into exec: whoever waits looks at its word, whoever is bidden begins. */
void fake_obey_all(struct world *w);

#endif
