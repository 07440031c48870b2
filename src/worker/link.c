/* SPDX-License-Identifier: Apache-2.0
 * The socket to relupd.  A worker with a job outlives relupd: it goes on serving and connects
 * again, with a back-off, for ever; hello then says what it is and how far its operation came.
 * One without a job has nothing to lose and ends.  What could not be sent waits in a queue that
 * lasts as long as the connection: a new relupd learns it from hello.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "worker/worker_priv.h"

#define BACKOFF_MIN (DUR_MS / 5)
#define BACKOFF_MAX (100 * DUR_MS)
#define OUT_MAX	    1024
#define IN_MAX	    256

static void
drop_queues(struct link *l)
{
	while (l->out != NULL) {
		struct queued *q = l->out;
		l->out = q->next;
		json_decref(q->body);
		free(q);
	}
	while (l->in != NULL) {
		struct inbox *m = l->in;
		l->in = m->next;
		proto_packet_fini(&m->packet);
		free(m);
	}
	l->out_end = &l->out;
	l->in_end = &l->in;
	l->out_count = l->in_count = 0;
}

static void
retry(struct link *l)
{
	l->retry_at = rel_mono_now() + l->backoff;
	l->backoff = l->backoff * 2 > BACKOFF_MAX ? BACKOFF_MAX : l->backoff * 2;
}

void
worker_link_lost(struct worker *w)
{
	struct link *l = &w->link;
	if (l->sock < 0)
		return;
	atomic_store(&w->faults.sock, -1);
	worker_loop_close(w, &l->sock);
	drop_queues(l);
	if (w->job && !w->stopping)
		worker_log(w, RELW_WARNING, "relupd has gone; serving on and connecting again");
	if (w->op != NULL)
		w->op->answer = false; /* who asked is gone; a new one adopts and asks again */
	worker_begin_forget(w); /* nor is begun what it bade */
	worker_asks_drop(w);
	worker_rehearse_forget(w);
	if (w->deferred.pending)
		worker_tasks_poke(w); /* it is over */
	if (!w->job)
		worker_loop_stop(w, 0, "shutdown");
	retry(l);
}

static json_t *
job_json(const struct worker *w)
{
	if (!w->job)
		return json_null();
	return json_pack("{s:O, s:O, s:O, s:o}", "application",
	    json_object_get(w->start, "application"), "child", json_object_get(w->start, "child"),
	    "release", w->release, "modules", worker_modules_json(w));
}

static int
say_hello(struct worker *w, struct rel_err *err)
{
	json_t *body = json_pack("{s:s, s:I, s:i, s:s, s:o, s:o}", "worker", w->name, "pid",
	    (json_int_t)getpid(), "abi", (int)RELW_ABI, "root", w->root, "job", job_json(w),
	    "operation", worker_op_json(w));
	return proto_send_json(w->link.sock, "hello", body, w->listeners, w->listener_count, err);
}

static int
connect_now(struct worker *w, struct rel_err *err)
{
	struct link *l = &w->link;
	if (rel_unix_connect(l->dirfd, l->name, SOCK_SEQPACKET | SOCK_NONBLOCK, &l->sock, err) != 0)
		return -1;
	if (worker_loop_watch(w, l->sock, EPOLLIN, SOURCE_LINK) == 0 && say_hello(w, err) == 0) {
		atomic_store(&w->faults.sock, l->sock);
		return 0;
	}
	if (err->code == REL_OK)
		rel_err_sys(err, REL_E_IO, errno, "cannot watch the socket");
	worker_loop_close(w, &l->sock);
	return -1;
}

static int
split_path(struct worker *w, const char *path, char dir[static 4096], struct rel_err *err)
{
	const char *slash = strrchr(path, '/');
	if (slash != NULL && slash - path >= 4095)
		return rel_err_set(err, REL_E_USAGE, "the path of the socket is too long");
	w->link.name = slash != NULL ? slash + 1 : path;
	snprintf(dir, 4096, "%.*s", slash != NULL ? (int)(slash - path) + 1 : 1,
	    slash != NULL ? path : ".");
	return 0;
}

/* The root is the parent of the directory the socket lies in. */
static int
find_root(struct worker *w, const char *dir, struct rel_err *err)
{
	w->root = realpath(dir, NULL);
	if (w->root == NULL)
		return rel_err_sys(err, REL_E_NO_DAEMON, errno, "%s", dir);
	char *slash = strrchr(w->root, '/');
	slash[slash == w->root ? 1 : 0] = '\0';
	return 0;
}

int
worker_link_init(struct worker *w, const char *path, struct rel_err *err)
{
	struct link *l = &w->link;
	char dir[4096];
	drop_queues(l);
	l->backoff = BACKOFF_MIN;
	if (split_path(w, path, dir, err) != 0 || find_root(w, dir, err) != 0)
		return -1;
	l->dirfd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (l->dirfd < 0)
		return rel_err_sys(err, REL_E_NO_DAEMON, errno, "cannot open %s", dir);
	if (connect_now(w, err) == 0)
		return 0;
	if (err->sys != EAGAIN)
		return -1;
	rel_err_clear(err); /* so many start at once that the socket's backlog is full */
	retry(l);
	return 0;
}

void
worker_link_fini(struct worker *w)
{
	atomic_store(&w->faults.sock, -1);
	worker_loop_close(w, &w->link.sock);
	rel_fd_close(&w->link.dirfd);
	if (w->link.out_end != NULL)
		drop_queues(&w->link);
}

void
worker_link_tick(struct worker *w, mono_ns_t now)
{
	struct link *l = &w->link;
	if (l->sock >= 0 || l->retry_at > now)
		return;
	struct rel_err err = REL_ERR_INIT;
	if (connect_now(w, &err) == 0)
		return;
	if (!w->job && err.sys != EAGAIN)
		worker_loop_stop(w, 0, "shutdown");
	retry(l);
}

/* ------------------------------------------------------------------ out */
static int
send_one(struct worker *w, const char *name, json_t *body, const struct proto_frame *f,
    struct rel_err *err)
{
	if (name == NULL)
		return proto_send_frame(w->link.sock, f, err);
	return proto_send_json(w->link.sock, name, json_incref(body), NULL, 0, err);
}

static int
enqueue(struct worker *w, const char *name, json_t *body, const struct proto_frame *f)
{
	struct link *l = &w->link;
	struct queued *q = l->out_count < OUT_MAX ? calloc(1, sizeof(*q)) : NULL;
	if (q == NULL)
		return -1;
	q->name = name;
	q->body = json_incref(body);
	if (f != NULL)
		q->bin = *f;
	if (l->out == NULL && worker_loop_watch(w, l->sock, EPOLLIN | EPOLLOUT, SOURCE_LINK) != 0) {
		json_decref(q->body);
		free(q);
		return -1;
	}
	*l->out_end = q;
	l->out_end = &q->next;
	l->out_count++;
	return 0;
}

/* In order, and never waiting.  What cannot even be queued ends the connection: relupd then learns
 * from hello what this message would have told. */
static void
send_or_queue(struct worker *w, const char *name, json_t *body, const struct proto_frame *f)
{
	struct rel_err err = REL_ERR_INIT;
	if (w->link.sock < 0)
		return;
	if (w->link.out == NULL) {
		if (send_one(w, name, body, f, &err) == 0)
			return;
		if (err.sys != EAGAIN) {
			worker_log(
			    w, RELW_ERROR, "the connection to relupd is given up: %s", err.text);
			worker_link_lost(w);
			return;
		}
	}
	if (enqueue(w, name, body, f) != 0) {
		worker_log(w, RELW_ERROR, "relupd does not read its messages; connecting again");
		worker_link_lost(w);
	}
}

void
worker_link_send(struct worker *w, const char *name, json_t *body)
{
	if (body == NULL) {
		worker_log(
		    w, RELW_ERROR, "out of memory for an answer to relupd; connecting again");
		worker_link_lost(w);
		return;
	}
	send_or_queue(w, name, body, NULL);
	json_decref(body);
}

void
worker_link_send_frame(struct worker *w, const struct proto_frame *f)
{
	send_or_queue(w, NULL, NULL, f);
}

void
worker_link_flush(struct worker *w)
{
	struct link *l = &w->link;
	struct rel_err err = REL_ERR_INIT;
	while (l->out != NULL) {
		struct queued *q = l->out;
		if (send_one(w, q->name, q->body, &q->bin, &err) != 0) {
			if (err.sys != EAGAIN)
				worker_link_lost(w);
			return;
		}
		l->out = q->next;
		if (l->out == NULL)
			l->out_end = &l->out;
		l->out_count--;
		json_decref(q->body);
		free(q);
	}
	if (worker_loop_watch(w, l->sock, EPOLLIN, SOURCE_LINK) != 0)
		worker_link_lost(w);
}

/* ------------------------------------------------------------------ in */
enum worker_got
worker_link_recv(struct worker *w, struct proto_packet *ret)
{
	struct rel_err err = REL_ERR_INIT;
	if (w->link.sock < 0)
		return GOT_LOST;
	int rc = proto_recv(w->link.sock, ret, &err);
	if (rc < 0 && err.sys == EAGAIN)
		return GOT_NOTHING;
	if (rc < 0)
		worker_log(w, RELW_ERROR, "the connection to relupd is given up: %s", err.text);
	if (rc <= 0) {
		worker_link_lost(w);
		return GOT_LOST;
	}
	w->link.backoff = BACKOFF_MIN;
	return GOT_PACKET;
}

bool
worker_link_room(const struct worker *w)
{
	return w->link.in_count < IN_MAX;
}

int
worker_link_keep(struct worker *w, struct proto_packet *p)
{
	struct link *l = &w->link;
	struct inbox *m = worker_link_room(w) ? malloc(sizeof(*m)) : NULL;
	if (m == NULL)
		return -1;
	*m = (struct inbox){.packet = *p};
	*p = (struct proto_packet){0};
	*l->in_end = m;
	l->in_end = &m->next;
	l->in_count++;
	return 0;
}

/* What came while a bracket waited, in its order and before anything else is received; a message here may
 * fill the inbox anew. */
void
worker_link_read_kept(struct worker *w)
{
	struct link *l = &w->link;
	while (l->in != NULL && !w->stopping) {
		struct inbox *m = l->in;
		l->in = m->next;
		if (l->in == NULL)
			l->in_end = &l->in;
		l->in_count--;
		worker_message(w, &m->packet);
		proto_packet_fini(&m->packet);
		free(m);
	}
}

void
worker_link_event(struct worker *w, uint32_t events)
{
	if ((events & EPOLLOUT) != 0 && w->link.out != NULL)
		worker_link_flush(w);
	if ((events & ~(uint32_t)EPOLLOUT) == 0 || w->link.sock < 0)
		return;
	struct proto_packet p;
	if (worker_link_recv(w, &p) != GOT_PACKET)
		return;
	worker_message(w, &p);
	proto_packet_fini(&p);
	worker_link_read_kept(w);
}
