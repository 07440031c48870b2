/* SPDX-License-Identifier: Apache-2.0
 * workers.sock: workers connect, say hello, and speak.  A connection is nobody's until its hello
 * proves whose it is: SO_PEERCRED must give relupd's own uid and the pid of the worker that it
 * names, with the start time that was recorded.  A connection that breaks the protocol is closed;
 * its worker comes again.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/daemon.h"

#define WIRE_CALL_TIMEOUT_MS 30000
#define WIRE_ASK_TIMEOUT_MS  1000 /* beyond what the answer may wait for */
#define WIRE_FAULT_TEXT      1024 /* as much as a worker says of its fault, and more */
#define WIRE_CALLS_QUEUED    64 /* behind a full socket */

struct queued {
	struct queued *next;
	bool frame;
	struct proto_frame bin;
	const char *name;             /* a literal of ours */
	json_t *body;
	int fds[PROTO_FDS_MAX];
	size_t fd_count;
};

struct conn {
	struct conn *next, **prev;
	struct daemon *d;
	struct sup_worker *w;         /* NULL before its hello */
	int fd;
	pid_t pid;
	uv_poll_t poll;
	uv_timer_t hello;             /* runs until whose it is is known */
	unsigned open_handles;
	struct queued *out, **out_end; /* what the full socket could not take */
	bool closed;
};

struct call {
	struct call *next;
	struct sup_worker *w;
	json_int_t id;
	wire_reply_fn *fn;
	void *ctx;
	uv_timer_t timer;
	uint64_t timeout_ms;
	struct wire *wire;
};

struct wire {
	struct daemon *d;
	struct acceptor *acceptor;
	struct conn *conns;
	struct call *calls;
	json_int_t next_call;
};

/* ------------------------------------------------------------------ calls */

static void
call_closed(uv_handle_t *h)
{
	free(h->data);
}

static void
call_end(struct wire *wr, struct call *c, json_t *reply, const struct rel_err *err)
{
	for (struct call **p = &wr->calls; *p != NULL; p = &(*p)->next)
		if (*p == c) {
			*p = c->next;
			break;
		}
	c->fn(c->ctx, reply, err);
	uv_close((uv_handle_t *)&c->timer, call_closed);
}

static void
calls_fail(struct wire *wr, const struct sup_worker *w, enum rel_ecode code, const char *why)
{
	for (struct call *c = wr->calls, *next; c != NULL; c = next) {
		next = c->next;
		if (w != NULL && c->w != w)
			continue;
		struct rel_err err = REL_ERR_INIT;
		rel_err_set(&err, code, "%s: %s", c->w->name, why);
		call_end(wr, c, NULL, &err);
	}
}

static void
call_timeout(uv_timer_t *t)
{
	struct call *c = t->data;
	struct rel_err err = REL_ERR_INIT;
	char took[32];
	rel_err_set(&err, REL_E_WORKER_SILENT, "%s did not answer within %s", c->w->name,
	    rel_dur_print((dur_ns_t)c->timeout_ms * DUR_MS, took, sizeof(took)));
	call_end(c->wire, c, NULL, &err);
}

/* A worker that does not read: what more is queued for it would only be memory. */
static bool
queue_is_full(const struct conn *c)
{
	size_t n = 0;
	for (const struct queued *q = c->out; q != NULL; q = q->next)
		n++;
	return n >= WIRE_CALLS_QUEUED;
}

/* Takes body, an object, and gives it its id. */
static int
send_call(struct sup_worker *w, const char *name, json_t *body, uint64_t timeout_ms, wire_reply_fn *fn, void *ctx,
    struct rel_err *err)
{
	struct conn *cn = w->conn;
	if (body == NULL)
		return rel_err_nomem(err);
	if (cn == NULL) {
		json_decref(body);
		return rel_err_set(err, REL_E_WORKER_SILENT, "%s is %s", w->name, sup_state_public(w));
	}
	if (queue_is_full(cn)) {
		json_decref(body);
		return rel_err_set(err, REL_E_WORKER_SILENT, "%s does not read what it is asked", w->name);
	}
	struct wire *wr = cn->d->wire;
	struct call *c = calloc(1, sizeof(*c));
	if (c == NULL || json_object_set_new(body, "id", json_integer(wr->next_call + 1)) != 0) {
		json_decref(body);
		free(c);
		return rel_err_nomem(err);
	}
	c->w = w;
	c->id = ++wr->next_call;
	c->fn = fn;
	c->ctx = ctx;
	c->wire = wr;
	c->timeout_ms = timeout_ms;
	if (wire_send_json(w, name, body, NULL, 0, err) != 0) {
		free(c);
		return -1;
	}
	uv_timer_init(&cn->d->loop, &c->timer);
	c->timer.data = c;
	uv_timer_start(&c->timer, call_timeout, timeout_ms, 0);
	c->next = wr->calls;
	wr->calls = c;
	return 0;
}

int
wire_call(struct sup_worker *w, json_t *request, wire_reply_fn *fn, void *ctx, struct rel_err *err)
{
	return send_call(w, "call", json_pack("{s:o}", "request", request), WIRE_CALL_TIMEOUT_MS, fn, ctx, err);
}

int
wire_ask(struct sup_worker *w, json_t *body, wire_reply_fn *fn, void *ctx, struct rel_err *err)
{
	json_int_t wait = json_integer_value(json_object_get(body, "wait_ms"));
	return send_call(w, "ask", body, (uint64_t)wait + WIRE_ASK_TIMEOUT_MS, fn, ctx, err);
}

static void
on_reply(struct wire *wr, const json_t *body)
{
	json_int_t id = json_integer_value(json_object_get(body, "id"));
	for (struct call *c = wr->calls; c != NULL; c = c->next) {
		if (c->id != id)
			continue;
		if (json_is_true(json_object_get(body, "ok"))) {
			call_end(wr, c, json_object_get(body, "reply"), NULL);
			return;
		}
		struct rel_err err = REL_ERR_INIT;
		const char *text = json_string_value(json_object_get(body, "text"));
		rel_err_set(&err, REL_E_BAD_VALUE, "%s: %s", c->w->name,
		    text != NULL ? text : "the call failed");
		call_end(wr, c, NULL, &err);
		return;
	}
}

/* ------------------------------------------------------------------ connections */

static void
conn_closed(uv_handle_t *h)
{
	struct conn *c = h->data;
	if (--c->open_handles == 0)
		free(c);
}

static void
queued_free(struct queued *q)
{
	for (size_t i = 0; i < q->fd_count; i++)
		close(q->fds[i]);
	json_decref(q->body);
	free(q);
}

static void
conn_close(struct conn *c)
{
	if (c->closed)
		return;
	c->closed = true;
	*c->prev = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	while (c->out != NULL) {
		struct queued *q = c->out;
		c->out = q->next;
		queued_free(q);
	}
	if (c->w != NULL) {
		c->w->conn = NULL;
		calls_fail(c->d->wire, c->w, REL_E_WORKER_DIED, "it went away before it answered");
	}
	uv_poll_stop(&c->poll);
	rel_fd_close(&c->fd);
	uv_close((uv_handle_t *)&c->poll, conn_closed);
	uv_close((uv_handle_t *)&c->hello, conn_closed);
}

void
wire_forget(struct sup_worker *w)
{
	if (w->conn != NULL)
		conn_close(w->conn);
}

static void
refuse(struct conn *c, const char *who, const char *why)
{
	struct rel_err err = REL_ERR_INIT;
	daemon_log(c->d, "warning", who, "a process that calls itself so (pid %ld) is refused: %s",
	    (long)c->pid, why);
	/* It ends by itself: an unknown twin of a worker must not serve. */
	if (proto_send_json(c->fd, "stop", json_pack("{s:s}", "reason", why), NULL, 0, &err) != 0)
		rel_err_clear(&err); /* it is closed in any case */
	conn_close(c);
}

static void
attach(struct conn *c, struct sup_worker *w)
{
	if (w->conn != NULL)
		conn_close(w->conn); /* the old end of a connection that broke */
	c->w = w;
	w->conn = c;
	uv_timer_stop(&c->hello);
}

static void
take_listeners(struct conn *c, struct sup_worker *w, struct proto_packet *p)
{
	struct daemon *d = c->d;
	const struct model_app *app = model_system_app(d->rls->sys, w->application, NULL);
	const struct model_child *child = rls_child(d->rls, w->application, w->child);
	json_t *addresses = NULL;
	struct rel_err err = REL_ERR_INIT;
	if (app == NULL || child == NULL || rls_listen(d->rls, app, child, &addresses, &err) != 0)
		return;
	for (size_t i = 0; i < p->fd_count && i < json_array_size(addresses); i++) {
		listeners_adopt(d->listeners, json_string_value(json_array_get(addresses, i)), p->fds[i]);
		p->fds[i] = -1;
	}
	json_decref(addresses);
}

static void
set_loaded(struct sup_worker *w, json_t *modules)
{
	if (!json_is_array(modules))
		return;
	json_decref(w->loaded);
	w->loaded = json_incref(modules);
}

/* What the worker knows of an operation decides its recovery; of one that ended while it was not
 * connected it has missed the end. */
static void
note_operation(struct daemon *d, struct sup_worker *w, json_t *o)
{
	if (!json_is_object(o))
		return;
	if (d->recovered != NULL) {
		json_object_set(d->recovered, w->name, o);
		return;
	}
	op_tell_missed(d, w, o);
}

static void
hello_with_job(struct conn *c, struct sup_worker *w, struct proto_packet *p, json_t *job)
{
	struct daemon *d = c->d;
	if (w->state == SUP_DOWN) {
		/* Its row in run/pids is gone, but the kernel vouches for uid and pid. */
		uint64_t start = 0;
		struct rel_err err = REL_ERR_INIT;
		if (rel_process_start(c->pid, &start, NULL) != 0 || proc_watch(d, w, c->pid, start, 0, &err) != 0) {
			daemon_log(d, "warning", w->name, "pid %ld cannot be watched; its connection is closed "
							  "until it comes again", (long)c->pid);
			conn_close(c);
			return;
		}
		sup_lost(d->sup, w, c->pid, start);
	}
	uint64_t start;
	if (w->pid == c->pid && rel_process_start(c->pid, &start, NULL) != 0) {
		/* It may well be the worker: told nothing, it comes again. */
		daemon_log(d, "warning", w->name, "pid %ld cannot be looked at (%s); its connection is "
						  "closed until it comes again", (long)c->pid, strerror(errno));
		conn_close(c);
		return;
	}
	if (w->pid != c->pid || start != w->start_time) {
		refuse(c, w->name, "another process is this worker");
		return;
	}
	attach(c, w);
	set_loaded(w, json_object_get(job, "modules"));
	take_listeners(c, w, p);
	note_operation(d, w, json_object_get(p->body, "operation"));
	if (w->state == SUP_LOST)
		daemon_log(d, "info", w->name, "adopted, pid %ld", (long)c->pid);
	sup_event(d->sup, w, SUP_EV_HELLO);
	op_packet(d, w, p);
}

static void
on_hello(struct conn *c, struct proto_packet *p)
{
	struct daemon *d = c->d;
	const char *name = json_string_value(json_object_get(p->body, "worker"));
	json_int_t pid = json_integer_value(json_object_get(p->body, "pid"));
	json_t *job = json_object_get(p->body, "job");
	struct sup_worker *w = name != NULL && d->sup != NULL ? sup_find(d->sup, name) : NULL;
	if (w == NULL || (pid_t)pid != c->pid) {
		refuse(c, name != NULL ? name : "?", w == NULL ? "no such worker in this release"
							       : "it lies about its pid");
		return;
	}
	if (json_is_object(job)) {
		hello_with_job(c, w, p, job);
		return;
	}
	if (w->state != SUP_SPAWNED || w->pid != c->pid) {
		refuse(c, name, "nobody waits for it");
		return;
	}
	attach(c, w);
	sup_event(d->sup, w, SUP_EV_HELLO);
}

/* A text of a process that has gone wrong: short, or not at all. */
static void
copy_text(json_t *to, const json_t *from, const char *key, size_t max)
{
	char text[WIRE_FAULT_TEXT];
	const char *s = json_string_value(json_object_get(from, key));
	if (s != NULL)
		rel_text_copy(text, max < sizeof(text) ? max : sizeof(text), s);
	(void)json_object_set_new(to, key, s != NULL ? json_string(text) : json_null());
}

static json_t *
place_json(const json_t *from)
{
	json_t *o = json_object(), *offset = json_object_get(from, "offset");
	copy_text(o, from, "module", REL_NAME_MAX + 1);
	copy_text(o, from, "vsn", REL_VERSION_MAX + 1);
	copy_text(o, from, "digest", REL_DIGEST_LEN + 1);
	(void)json_object_set_new(o, "offset", json_is_integer(offset) ? json_incref(offset) : json_null());
	return o;
}

/* It dies now.  What it died of stays with the worker until an upgrade has replaced the code. */
static void
on_fault(struct daemon *d, struct sup_worker *w, const json_t *body)
{
	const char *text = json_string_value(json_object_get(body, "text"));
	const json_t *from = json_object_get(body, "from"), *thread = json_object_get(body, "thread");
	char at[32];
	if (text == NULL)
		return;
	rel_text_copy(w->why, sizeof(w->why), text);
	daemon_log(d, "error", w->name, "%s", w->why);
	json_t *f = place_json(body);
	(void)json_object_set_new(f, "at", json_string(rel_wall_print(rel_wall_now(), at, sizeof(at))));
	copy_text(f, body, "text", WIRE_FAULT_TEXT);
	copy_text(f, body, "signal", 16);
	copy_text(f, body, "what", 16);
	copy_text(f, body, "address", 24);
	copy_text(f, body, "task", 96);
	(void)json_object_set_new(f, "thread", json_integer(json_integer_value(thread)));
	(void)json_object_set_new(f, "from", json_is_object(from) ? place_json(from) : json_null());
	json_decref(w->last_fault);
	w->last_fault = f;
}

static void
on_message(struct conn *c, struct proto_packet *p)
{
	struct daemon *d = c->d;
	struct sup_worker *w = c->w;
	if (w == NULL) {
		if (p->frame || strcmp(p->name, "hello") != 0)
			refuse(c, "?", "it spoke before its hello");
		else
			on_hello(c, p);
		return;
	}
	w->asked = 0;
	if (p->frame) {
		op_packet(d, w, p);
	} else if (strcmp(p->name, "ready") == 0) {
		set_loaded(w, json_object_get(p->body, "modules"));
		sup_event(d->sup, w, SUP_EV_READY);
	} else if (strcmp(p->name, "failed") == 0) {
		const char *text = json_string_value(json_object_get(p->body, "text"));
		rel_text_copy(w->why, sizeof(w->why), text != NULL ? text : "it did not say why");
		daemon_log(d, "error", w->name, "did not start: %s", w->why);
	} else if (strcmp(p->name, "finished") == 0) {
		set_loaded(w, json_object_get(p->body, "modules"));
		json_t *left = json_object_get(p->body, "unmappable"), *u;
		size_t i;
		json_array_foreach (left, i, u)
			daemon_log(d, "warning", w->name, "module %s %s stays mapped: %s",
			    json_string_value(json_object_get(u, "module")),
			    json_string_value(json_object_get(u, "vsn")),
			    json_string_value(json_object_get(u, "reason")));
		op_left(d, w);
	} else if (strcmp(p->name, "loaded") == 0) {
		set_loaded(w, json_object_get(p->body, "modules"));
	} else if (strcmp(p->name, "fault") == 0) {
		on_fault(d, w, p->body);
	} else if (strcmp(p->name, "reply") == 0) {
		on_reply(d->wire, p->body);
	} else {
		op_packet(d, w, p);
	}
}

/* 1: read one; 0: nothing there; -1: the connection is over. */
static int
read_one(struct conn *c)
{
	struct proto_packet p;
	struct rel_err err = REL_ERR_INIT;
	int rc = proto_recv(c->fd, &p, &err);
	if (rc == 1) {
		on_message(c, &p);
		proto_packet_fini(&p);
		return 1;
	}
	if (rc < 0 && err.sys == EAGAIN)
		return 0;
	if (rc < 0)
		daemon_log(c->d, "warning", c->w != NULL ? c->w->name : "?",
		    "its connection is closed: %s", err.text);
	return -1;
}

static void flush_out(struct conn *c);

static void
on_readable(uv_poll_t *h, int status, int events)
{
	struct conn *c = h->data;
	if (status == 0 && (events & UV_WRITABLE) != 0)
		flush_out(c);
	/* A bounded number at a time: one talkative worker does not starve the others. */
	for (int i = 0; i < 16 && !c->closed; i++) {
		int rc = read_one(c);
		if (rc == 0)
			return;
		if (rc < 0 && !c->closed) {
			conn_close(c);
			return;
		}
	}
}

void
wire_drain(struct daemon *d, struct sup_worker *w)
{
	(void)d;
	struct conn *c;
	while ((c = w->conn) != NULL)
		if (read_one(c) <= 0 && w->conn == c)
			conn_close(c);
}

/* Who says nothing only holds a descriptor.  What came while relupd was held up is read first. */
static void
on_silent(uv_timer_t *t)
{
	struct conn *c = t->data;
	on_readable(&c->poll, 0, UV_READABLE);
	if (c->closed || c->w != NULL)
		return;
	daemon_log(c->d, "warning", "?", "pid %ld connected and sent no hello within %d s; its connection "
					 "is closed", (long)c->pid, (int)(SUP_HELLO_TIMEOUT / DUR_S));
	conn_close(c);
}

static void
conn_new(void *ctx, int taken)
{
	struct wire *wr = ctx;
	CLEANUP(rel_fd_close) int fd = taken;
	struct ucred cred;
	socklen_t len = sizeof(cred);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0 || cred.uid != geteuid())
		return;
	struct conn *c = calloc(1, sizeof(*c));
	if (c == NULL || uv_poll_init(&wr->d->loop, &c->poll, fd) != 0) {
		free(c);
		return;
	}
	uv_timer_init(&wr->d->loop, &c->hello);
	c->open_handles = 2;
	c->d = wr->d;
	c->fd = fd;
	fd = -1;
	c->pid = cred.pid;
	c->poll.data = c->hello.data = c;
	c->out_end = &c->out;
	c->next = wr->conns;
	c->prev = &wr->conns;
	if (c->next != NULL)
		c->next->prev = &c->next;
	wr->conns = c;
	uv_poll_start(&c->poll, UV_READABLE, on_readable);
	uv_timer_start(&c->hello, on_silent, (uint64_t)(SUP_HELLO_TIMEOUT / DUR_MS), 0);
}

/* ------------------------------------------------------------------ sending */

static void
flush_out(struct conn *c)
{
	while (c->out != NULL) {
		struct queued *q = c->out;
		struct rel_err err = REL_ERR_INIT;
		int rc = q->frame ? proto_send_frame(c->fd, &q->bin, &err)
				  : proto_send_json(c->fd, q->name, json_incref(q->body), q->fds,
					q->fd_count, &err);
		if (rc != 0 && err.sys == EAGAIN)
			return;
		c->out = q->next; /* another failure shows as the connection's end */
		if (c->out == NULL)
			c->out_end = &c->out;
		queued_free(q);
	}
	uv_poll_start(&c->poll, UV_READABLE, on_readable);
}

static int
enqueue(struct conn *c, struct queued *q)
{
	*c->out_end = q;
	c->out_end = &q->next;
	uv_poll_start(&c->poll, UV_READABLE | UV_WRITABLE, on_readable);
	return 0;
}

static int
queue_json(struct conn *c, const char *name, json_t *body, const int *fds, size_t n,
    struct rel_err *err)
{
	struct queued *q = calloc(1, sizeof(*q));
	if (q == NULL) {
		json_decref(body);
		return rel_err_nomem(err);
	}
	q->name = name;
	q->body = body;
	for (; q->fd_count < n; q->fd_count++) {
		q->fds[q->fd_count] = fcntl(fds[q->fd_count], F_DUPFD_CLOEXEC, 3);
		if (q->fds[q->fd_count] < 0) {
			int sys = errno;
			queued_free(q);
			return rel_err_sys(err, REL_E_IO, sys, "cannot keep a descriptor");
		}
	}
	return enqueue(c, q);
}

int
wire_send_json(struct sup_worker *w, const char *name, json_t *body, const int *fds, size_t n,
    struct rel_err *err)
{
	struct conn *c = w->conn;
	if (body == NULL)
		return rel_err_nomem(err);
	if (c == NULL) {
		json_decref(body);
		return rel_err_set(err, REL_E_WORKER_SILENT, "%s is not connected", w->name);
	}
	if (w->asked == 0)
		w->asked = rel_wall_now();
	if (c->out != NULL)
		return queue_json(c, name, body, fds, n, err);
	if (proto_send_json(c->fd, name, json_incref(body), fds, n, err) == 0) {
		json_decref(body);
		return 0;
	}
	if (err->sys != EAGAIN) {
		json_decref(body);
		return -1;
	}
	rel_err_clear(err);
	return queue_json(c, name, body, fds, n, err);
}

int
wire_send_frame(struct sup_worker *w, const struct proto_frame *f, struct rel_err *err)
{
	struct conn *c = w->conn;
	if (c == NULL)
		return rel_err_set(err, REL_E_WORKER_SILENT, "%s is not connected", w->name);
	if (w->asked == 0 && f->kind == PROTO_BRACKET) /* to the others nothing is said */
		w->asked = rel_wall_now();
	if (c->out == NULL) {
		if (proto_send_frame(c->fd, f, err) == 0)
			return 0;
		if (err->sys != EAGAIN)
			return -1;
		rel_err_clear(err);
	}
	struct queued *q = calloc(1, sizeof(*q));
	if (q == NULL)
		return rel_err_nomem(err);
	q->frame = true;
	q->bin = *f;
	return enqueue(c, q);
}

/* ------------------------------------------------------------------ life */

int
wire_new(struct daemon *d, struct wire **ret, struct rel_err *err)
{
	struct wire *wr = calloc(1, sizeof(*wr));
	if (wr == NULL)
		return rel_err_nomem(err);
	wr->d = d;
	if (acceptor_open(d, PROTO_WORKERS_SOCKET, SOCK_SEQPACKET, conn_new, wr, &wr->acceptor, err) != 0) {
		free(wr);
		return -1;
	}
	*ret = wr;
	return 0;
}

void
wire_free(struct wire **wp)
{
	struct wire *wr = *wp;
	*wp = NULL;
	if (wr == NULL)
		return;
	wr->d->wire = wr; /* closing connections still ends their calls */
	calls_fail(wr, NULL, REL_E_STOPPING, "relupd is going down");
	while (wr->conns != NULL)
		conn_close(wr->conns);
	wr->d->wire = NULL;
	acceptor_close(&wr->acceptor);
	free(wr);
}
