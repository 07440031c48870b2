/* SPDX-License-Identifier: Apache-2.0
 * File descriptors.  How many a release takes is known before it starts; where relupd may not have
 * that many the start is refused, because one that runs out later can neither watch its workers nor
 * hear relctl.  What is left over bounds the clients.
 */
#include "config.h"

#include <sys/resource.h>

#include "daemon/daemon.h"

/* stdio, the log, libuv's seven, the root's seven directories, its lock, the journal's three, run/pids
 * and the two sockets that listen. */
#define OPEN_ALWAYS    25
/* A decision word, a module file that is copied, the log of a worker that is spawned, a look at /proc,
 * a connection that has not said hello. */
#define OPEN_BRIEFLY   8
#define OPEN_A_WORKER  2 /* its pidfd and its connection */
#define CLIENTS_AT_LEAST 4
#define CLIENTS_MAX      64

/* The soft limit is for programs that use select().  relupd does not, and neither does relworker,
 * which raises its own in any case: nothing that is spawned must get the old one back. */
void
limits_raise(void)
{
	struct rlimit rl;
	if (getrlimit(RLIMIT_NOFILE, &rl) == 0 && rl.rlim_cur < rl.rlim_max) {
		rl.rlim_cur = rl.rlim_max;
		setrlimit(RLIMIT_NOFILE, &rl);
	}
}

static size_t
limit(void)
{
	struct rlimit rl;
	return getrlimit(RLIMIT_NOFILE, &rl) == 0 && rl.rlim_cur < SIZE_MAX ? (size_t)rl.rlim_cur
									     : SIZE_MAX;
}

struct counted {
	const struct rls *rls;
	size_t workers;
	json_t *addresses;            /* a set: children may share one */
	struct rel_err *err;
};

static int
count_child(void *ctx, const struct rls_child_at *at)
{
	struct counted *c = ctx;
	json_t *list = NULL;
	size_t i;
	json_t *address;
	c->workers += at->child->count;
	if (rls_listen(c->rls, at->app, at->child, &list, c->err) != 0)
		return -1;
	int rc = 0;
	json_array_foreach (list, i, address)
		rc |= json_object_set_new(c->addresses, json_string_value(address), json_true());
	json_decref(list);
	return rc == 0 ? 0 : rel_err_nomem(c->err);
}

int
limits_check(struct daemon *d, const struct rls *r, struct rel_err *err)
{
	struct counted c = {.rls = r, .addresses = json_object(), .err = err};
	if (c.addresses == NULL)
		return rel_err_nomem(err);
	int rc = rls_each_child(r, count_child, &c);
	size_t addresses = json_object_size(c.addresses);
	json_decref(c.addresses);
	if (rc != 0)
		return -1;
	size_t fixed = OPEN_ALWAYS + OPEN_BRIEFLY + OPEN_A_WORKER * c.workers + addresses;
	size_t need = fixed + CLIENTS_AT_LEAST, have = limit();
	if (need > have) {
		rel_err_set(err, REL_E_LIMIT,
		    "release %s needs %zu file descriptors (workers: %zu, listen addresses: %zu), but the "
		    "limit of relupd is %zu; it is not started", r->sys->release->version, need,
		    c.workers, addresses, have);
		return rel_err_hint(err,
		    "start relupd with a higher hard limit: `ulimit -n %zu` in its shell, or LimitNOFILE=%zu "
		    "in its service", need, need);
	}
	d->descriptors = fixed;
	return 0;
}

unsigned
limits_clients(const struct daemon *d)
{
	size_t fixed = d->descriptors != 0 ? d->descriptors : OPEN_ALWAYS + OPEN_BRIEFLY, have = limit();
	size_t left = have > fixed + CLIENTS_AT_LEAST ? have - fixed : CLIENTS_AT_LEAST;
	return left < CLIENTS_MAX ? (unsigned)left : CLIENTS_MAX;
}
