/* SPDX-License-Identifier: Apache-2.0
 * The load client's halves: windows and their reports (client_window.c), the connections and the
 * schedule (client_load.c), commands and the loop (client.c).  One thread.
 */
#ifndef BENCH_CLIENT_H
#define BENCH_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "samples.h"

/* ------------------------------------------------------------------ windows */
struct counts {
	uint64_t sent, answered, old, new;
	uint64_t wrong;          /* answers that are none of the expected */
	uint64_t disorder;       /* an old answer after a new one on the same connection */
	uint64_t lost;           /* requests whose connection went away before the answer came */
	uint64_t dropped;        /* connections that ended */
	uint64_t skipped;        /* requests that had no connection to be sent on */
};

/* A stretch of time that is reported by itself.  A request belongs to the window in which it was
 * due, whenever its answer comes; so a closed window is reported when its last answer is in. */
struct window {
	struct window *next;
	char name[64];           /* "": counted in the total, not reported */
	int64_t begin, end;      /* end 0: the current one */
	uint64_t waiting;        /* requests without an answer */
	int64_t late;            /* the client's own worst lateness in sending */
	struct counts n;
	struct samples latency;
};

struct windows {
	struct window *first, *current; /* oldest first; the current one is the last */
	struct counts total;
	int64_t worst;           /* latency, of all windows */
};

void windows_mark(struct windows *w, const char *name, int64_t now);
/* Prints what is complete, in order.  `force`: also what still waits. */
void windows_report(struct windows *w, bool force);
void windows_total(const struct windows *w);
bool windows_clean(const struct windows *w); /* nothing wrong, lost or dropped */
void windows_fini(struct windows *w);

/* ------------------------------------------------------------------ load */
struct load {
	int epoll;
	uint16_t port;
	uint32_t count;          /* connections */
	uint32_t rate;           /* requests a second, all together */
	bool reconnect;          /* open an ended connection again */
	struct windows windows;
	char old[128], new[128]; /* expected answers with their newline; "": none */
	struct conn *conns;
	uint32_t open;
	int64_t start;           /* of the schedule; 0: paused */
	uint64_t due;            /* requests of the schedule that were given out */
	uint32_t turn;           /* the connection whose turn is next */
	uint64_t waiting;        /* requests without an answer, all windows */
	bool halved;             /* half a request is out on each connection */
};

void load_init(struct load *l, uint32_t count);
void load_open(struct load *l);             /* opens all, and one request on each */
void load_start(struct load *l, int64_t now);
void load_stop(struct load *l);
void load_due(struct load *l, int64_t now); /* sends what fell due */
void load_round(struct load *l);            /* one request on each connection, now */
void load_event(struct load *l, uint64_t key, uint32_t events);
void load_expect(struct load *l, const char *old, const char *new);
/* Half a request on each connection; the other half, which also starts the schedule again. */
void load_half(struct load *l);
void load_rest(struct load *l);
void load_fini(struct load *l);

int64_t clock_now(void);

#endif
