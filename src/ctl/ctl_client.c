/* SPDX-License-Identifier: Apache-2.0
 * The client's side of control.sock.  A lost connection is not a lost operation: relupd owns it, and
 * the client comes back to it.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ctl/ctl_client.h"
#include "proto/proto.h"

#define RECONNECT_FOR (10 * DUR_S)

struct client {
	struct ctl *c;
	const struct ctl_request *rq;
	int fd;
	struct rel_buf in;
	json_int_t operation;         /* 0: not known yet */
	wall_ns_t began;
	mono_ns_t lost;               /* since when nothing was heard of it; 0: it is heard of */
	struct doc_problems problems; /* all of a document, where relupd's error has several */
	mono_ns_t deadline;           /* INT64_MAX: none */
};

static volatile sig_atomic_t interrupted;

static void
on_interrupt(int sig)
{
	(void)sig;
	interrupted = 1;
}

/* ------------------------------------------------------------------ connecting */

static int
hint_start(struct ctl *c, struct rel_err *err)
{
	if (c->socket != NULL)
		return rel_err_hint(err, "start the relupd that this socket is of");
	return rel_err_hint(err, "start it with `relupd --root %s`", c->root);
}

static int
connect_to(struct ctl *c, int *ret, struct rel_err *err)
{
	char path[4200];
	if (c->socket != NULL)
		snprintf(path, sizeof(path), "%s", c->socket);
	else
		snprintf(path, sizeof(path), "%s/run/" PROTO_CONTROL_SOCKET, c->root);
	/* The directory is opened first: the root may be deeper than a socket address is long. */
	char *slash = strrchr(path, '/');
	const char *name = slash != NULL ? slash + 1 : path;
	if (slash != NULL)
		*slash = '\0';
	CLEANUP(rel_fd_close) int dir = open(slash == NULL ? "." : path[0] == '\0' ? "/" : path,
	    O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir >= 0 && rel_unix_connect(dir, name, SOCK_STREAM, ret, err) == 0)
		return 0;
	int sys = dir < 0 ? errno : err->sys;
	rel_err_clear(err);
	if (sys == EACCES || sys == EPERM)
		return rel_err_set(err, REL_E_DENIED, "no access to the control socket in %s",
		    c->socket != NULL ? c->socket : c->root);
	rel_err_sys(err, REL_E_NO_DAEMON, sys, "no relupd answers on %s%s",
	    c->socket != NULL ? c->socket : c->root, c->socket != NULL ? "" : "/run/control.sock");
	return hint_start(c, err);
}

static int
send_request(struct client *cl, const char *method, json_t *params, struct rel_err *err)
{
	json_t *m = json_pack("{s:s, s:i, s:s, s:O*}", "jsonrpc", "2.0", "id", 1, "method", method,
	    "params", params);
	CLEANUP(rel_free_cleanup) char *text = m != NULL ? proto_json_text(m, JSON_COMPACT) : NULL;
	json_decref(m);
	if (text == NULL)
		return rel_err_nomem(err);
	size_t n = strlen(text);
	if (n > PROTO_LINE_MAX - 1)
		return rel_err_set(err, REL_E_LIMIT, "the request is longer than 64 KiB");
	text[n] = '\n';
	for (size_t at = 0; at < n + 1;) {
		ssize_t w = send(cl->fd, text + at, n + 1 - at, MSG_NOSIGNAL);
		if (w < 0 && errno == EINTR)
			continue;
		/* Who refuses without reading has said why before it closed: the next read finds that,
		 * or the end. */
		if (w < 0 && (errno == EPIPE || errno == ECONNRESET))
			return 0;
		if (w < 0)
			return rel_err_sys(err, REL_E_NO_DAEMON, errno, "relupd went away");
		at += (size_t)w;
	}
	return 0;
}

/* ------------------------------------------------------------------ waiting */

static int
stopped(struct client *cl, struct rel_err *err)
{
	if (interrupted) {
		if (cl->operation != 0)
			rel_err_set(err, REL_E_INTERRUPTED,
			    "detached; operation %" JSON_INTEGER_FORMAT " goes on in the daemon",
			    cl->operation);
		else
			rel_err_set(err, REL_E_INTERRUPTED, "interrupted");
		return rel_err_hint(err, "`relctl attach` waits for it again");
	}
	if (rel_mono_now() < cl->deadline)
		return 0;
	return rel_err_set(err, REL_E_TIMEOUT, "no answer within the --timeout");
}

/* 1: something to read; 0: nothing yet; -1: stopped. */
static int
wait_readable(struct client *cl, struct rel_err *err)
{
	sigset_t none;
	sigemptyset(&none);
	if (stopped(cl, err) != 0)
		return -1;
	struct timespec ts, *tp = NULL;
	if (cl->deadline != INT64_MAX) {
		dur_ns_t left = cl->deadline - rel_mono_now();
		left = left > 0 ? left : 0;
		ts = (struct timespec){.tv_sec = left / DUR_S, .tv_nsec = left % DUR_S};
		tp = &ts;
	}
	struct pollfd p = {.fd = cl->fd, .events = POLLIN};
	int rc = ppoll(&p, 1, tp, &none);
	if (rc < 0 && errno != EINTR)
		return rel_err_sys(err, REL_E_IO, errno, "poll");
	return rc > 0;
}

/* 1: a whole line is in cl->in; 0: the daemon closed the connection; -1: error. */
static int
read_line(struct client *cl, size_t *ret_len, struct rel_err *err)
{
	for (;;) {
		const char *end = cl->in.len > 0 ? memchr(cl->in.data, '\n', cl->in.len) : NULL;
		if (end != NULL) {
			*ret_len = (size_t)(end - cl->in.data);
			return 1;
		}
		int rc = wait_readable(cl, err);
		if (rc < 0)
			return -1;
		if (rc == 0)
			continue;
		char chunk[65536];
		ssize_t n = recv(cl->fd, chunk, sizeof(chunk), 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return 0;
		rel_buf_add(&cl->in, chunk, (size_t)n);
		if (!rel_buf_ok(&cl->in))
			return rel_err_set(err, REL_E_PROTOCOL, "relupd's answer is too long");
	}
}

static void
on_notification(struct client *cl, const json_t *m)
{
	const json_t *params = json_object_get(m, "params");
	json_int_t id = json_integer_value(json_object_get(params, "operation"));
	if (id != 0)
		cl->operation = id;
	cl->lost = 0;
	if (cl->rq->progress != NULL && params != NULL)
		cl->rq->progress(cl->rq->ctx, params);
}

static void
take_problems(struct client *cl, const json_t *data)
{
	size_t i;
	json_t *o;
	json_array_foreach (json_object_get(data, "problems"), i, o) {
		struct rel_err one = REL_ERR_INIT;
		proto_err_from_json(o, &one);
		doc_problem_add(&cl->problems, DOC_ERROR, &one);
	}
	json_int_t dropped = json_integer_value(json_object_get(data, "dropped"));
	if (dropped > 0)
		cl->problems.dropped += (size_t)dropped;
}

/* 1: answered; 0: connection lost; -1: error. */
static int
read_answer(struct client *cl, json_t **ret, struct rel_err *err)
{
	for (;;) {
		size_t n;
		int rc = read_line(cl, &n, err);
		if (rc <= 0)
			return rc;
		json_t *m = json_loadb(cl->in.data, n, JSON_REJECT_DUPLICATES, NULL);
		rel_buf_consume(&cl->in, n + 1);
		if (m == NULL)
			return rel_err_set(err, REL_E_PROTOCOL, "relupd's answer is not JSON");
		json_t *error = json_object_get(m, "error"), *result = json_object_get(m, "result");
		if (error == NULL && result == NULL) {
			on_notification(cl, m);
			json_decref(m);
			continue;
		}
		if (result != NULL) {
			*ret = json_incref(result);
			json_decref(m);
			return 1;
		}
		json_t *data = json_object_get(error, "data");
		const char *text = json_string_value(json_object_get(error, "message"));
		if (json_is_object(data)) {
			proto_err_from_json(data, err);
			take_problems(cl, data);
		} else
			rel_err_set(err, REL_E_PROTOCOL, "relupd refused the request: %s",
			    text != NULL ? text : "it did not say why");
		json_decref(m);
		return -1;
	}
}

/* ------------------------------------------------------------------ coming back */

/* There is no event for a socket that somebody will make, nor for a relupd that has looked around. */
static int
wait_a_little(struct client *cl, struct rel_err *err)
{
	static const struct timespec slice = {.tv_nsec = 50 * DUR_MS};
	sigset_t none;
	sigemptyset(&none);
	ppoll(NULL, 0, &slice, &none);
	return stopped(cl, err);
}

static bool
lost_for_long(const struct client *cl)
{
	return rel_mono_now() - cl->lost >= RECONNECT_FOR;
}

/* Until relupd answers again, at most RECONNECT_FOR after it was heard last. */
static int
reconnect(struct client *cl, struct rel_err *err)
{
	rel_fd_close(&cl->fd);
	rel_buf_clear(&cl->in);
	while (connect_to(cl->c, &cl->fd, err) != 0) {
		if (lost_for_long(cl))
			return -1;
		rel_err_clear(err);
		if (wait_a_little(cl, err) != 0)
			return -1;
	}
	return 0;
}

static int
attach(struct client *cl, struct rel_err *err)
{
	json_t *params = json_pack("{s:I}", "operation", cl->operation);
	int rc = params != NULL ? send_request(cl, "attach", params, err) : rel_err_nomem(err);
	json_decref(params);
	return rc;
}

static const char *
text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	return s != NULL ? s : "";
}

/* An operation of relupd is the one that was asked for: nobody but us asks in our name since we began. */
static bool
is_ours(const struct client *cl, const json_t *op)
{
	char who[32];
	const char *kind = text_of(op, "kind"), *by = text_of(op, "who");
	const char *to = text_of(cl->rq->params, "version"); /* "": a rollback, which names none */
	int n = snprintf(who, sizeof(who), "(uid %ld)", (long)geteuid());
	size_t len = strlen(by);
	json_int_t at = json_integer_value(json_object_get(op, "at_ns"));
	return at >= (json_int_t)cl->began &&
	    (strcmp(kind, cl->rq->method) == 0 || strcmp(kind, "start") == 0) &&
	    (to[0] == '\0' || strcmp(text_of(op, "to"), to) == 0) && len >= (size_t)n &&
	    strcmp(by + len - (size_t)n, who) == 0;
}

static void
look_through(struct client *cl, const json_t *history)
{
	size_t i;
	json_t *op;
	json_array_foreach (history, i, op) {
		if (is_ours(cl, op)) {
			cl->operation = json_integer_value(json_object_get(op, "operation"));
			return;
		}
	}
}

static int
never_begun(struct client *cl, struct rel_err *err)
{
	const char *method = cl->rq->method, *to = text_of(cl->rq->params, "version");
	const char *space = to[0] != '\0' ? " " : "";
	rel_err_set(err, REL_E_CUT_SHORT, "unchanged: relupd was lost before it began the %s%s%s", method,
	    to[0] != '\0' ? " to " : "", to);
	if (cl->c->socket != NULL)
		return rel_err_hint(err, "try it again: `relctl --socket %s %s%s%s`", cl->c->socket, method,
		    space, to);
	return rel_err_hint(err, "try it again: `relctl --root %s %s%s%s`", cl->c->root, method, space, to);
}

/* relupd was lost before it told the id: the operation is under way, or waits for workers to be up
 * and has no id yet, or is over, or was never begun.  1: it is known now how to attach to it; 0:
 * relupd is lost again. */
static int
find_again(struct client *cl, struct rel_err *err)
{
	json_t *status = NULL, *history = NULL;
	if (send_request(cl, "status", NULL, err) != 0)
		return -1;
	int rc = read_answer(cl, &status, err);
	bool waits = rc == 1 && is_ours(cl, json_object_get(status, "operation"));
	json_decref(status);
	if (rc != 1 || waits)
		return rc;
	if (send_request(cl, "history", NULL, err) != 0)
		return -1;
	rc = read_answer(cl, &history, err);
	if (rc == 1)
		look_through(cl, history);
	json_decref(history);
	return rc == 1 && cl->operation == 0 ? never_begun(cl, err) : rc;
}

static void
note_loss(struct client *cl)
{
	cl->lost = rel_mono_now();
	if (cl->operation != 0)
		ctl_note(cl->c, "the connection to relupd is lost; operation %" JSON_INTEGER_FORMAT
				" is its own: reconnecting", cl->operation);
	else
		ctl_note(cl->c, "the connection to relupd is lost: reconnecting");
}

static int
stays_away(struct client *cl, struct rel_err *err)
{
	if (err->code == REL_OK) {
		rel_err_set(err, REL_E_NO_DAEMON, "relupd went away before it answered");
		hint_start(cl->c, err);
	}
	if (cl->operation != 0 || err->code != REL_E_NO_DAEMON || cl->c->socket != NULL)
		return -1;
	return rel_err_hint(err, "start it with `relupd --root %s`; whether the %s was begun, `relctl --root "
				 "%s history` then says", cl->c->root, cl->rq->method, cl->c->root);
}

/* After a loss, or where relupd is not ready to say more: asks it anew. */
static int
come_back(struct client *cl, bool connected, struct rel_err *err)
{
	if (cl->lost == 0)
		note_loss(cl);
	else if (lost_for_long(cl))
		return stays_away(cl, err);
	else if (wait_a_little(cl, err) != 0)
		return -1;
	if (!connected && reconnect(cl, err) != 0)
		return stays_away(cl, err);
	if (cl->operation == 0 && strcmp(cl->rq->method, "attach") != 0) {
		int rc = find_again(cl, err);
		if (rc <= 0)
			return rc;
	}
	return attach(cl, err);
}

static int
converse(struct client *cl, json_t **ret, struct rel_err *err)
{
	if (connect_to(cl->c, &cl->fd, err) != 0 ||
	    send_request(cl, cl->rq->method, cl->rq->params, err) != 0)
		return -1;
	for (;;) {
		int rc = read_answer(cl, ret, err);
		if (rc == 1)
			return 0;
		/* A relupd that has just come back is still taking its workers back. */
		bool again = rc < 0 && cl->lost != 0 && err->code == REL_E_BUSY && !lost_for_long(cl);
		if (rc < 0 && !again)
			return -1;
		if (!cl->rq->operation) {
			rel_err_set(err, REL_E_NO_DAEMON, "relupd went away before it answered");
			return hint_start(cl->c, err);
		}
		rel_err_clear(err);
		/* The socket of a relupd that is being taken down by the kernel takes a connection, and
		 * then nothing: the next read finds it out, and comes back here. */
		if (come_back(cl, again, err) != 0)
			return -1;
	}
}

int
ctl_request(struct ctl *c, const struct ctl_request *rq, json_t **ret)
{
	struct rel_err err = REL_ERR_INIT;
	struct client cl = {.c = c, .rq = rq, .fd = -1, .began = rel_wall_now(), .deadline = INT64_MAX};
	cl.in.limit = PROTO_REPLY_MAX;
	if (c->timeout != DUR_INFINITY)
		cl.deadline = rel_mono_now() + c->timeout;
	/* Blocked but inside ppoll, so that an interrupt between two looks is not missed. */
	struct sigaction sa = {.sa_handler = on_interrupt}, old_int, old_term;
	sigset_t block, before;
	sigemptyset(&block);
	sigaddset(&block, SIGINT);
	sigaddset(&block, SIGTERM);
	sigprocmask(SIG_BLOCK, &block, &before);
	sigaction(SIGINT, &sa, &old_int);
	sigaction(SIGTERM, &sa, &old_term);
	int rc = converse(&cl, ret, &err);
	sigaction(SIGINT, &old_int, NULL);
	sigaction(SIGTERM, &old_term, NULL);
	sigprocmask(SIG_SETMASK, &before, NULL);
	rel_fd_close(&cl.fd);
	rel_buf_fini(&cl.in);
	json_decref(rq->params);
	int status = rc == 0 ? -1
	    : cl.problems.count > 1 ? ctl_problems(c, &cl.problems)
				    : ctl_error(c, &err);
	doc_problems_fini(&cl.problems);
	return status;
}
