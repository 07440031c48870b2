/* SPDX-License-Identifier: Apache-2.0
 * control.sock: JSON-RPC 2.0, one line a message.  A client that sends nonsense, too much, or goes
 * away harms itself alone.  Who calls is told by SO_PEERCRED: the uid of relupd, or root.
 */
#include "config.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/daemon.h"

#define RPC_BACKLOG_MAX (16u * 1024u * 1024u) /* unsent bytes: a client that does not read is dropped */

struct rpc_server {
	struct daemon *d;
	struct acceptor *acceptor;
	struct rpc_conn *conns;
	unsigned count;
};

struct rpc_conn {
	struct rpc_conn *next, **prev;
	struct rpc_server *server;
	uv_pipe_t pipe;
	struct rel_buf in;
	char chunk[16384];
	char who[96];
	bool closed;
	struct rpc_waiter *waiters;
};

struct rpc_write {
	uv_write_t req;
	char *text;
};

const char *
rpc_who(const struct rpc_conn *c)
{
	return c->who;
}

/* ------------------------------------------------------------------ waiters */

struct rpc_waiter *
rpc_wait(struct rpc_conn *c, json_t *id)
{
	struct rpc_waiter *w = calloc(1, sizeof(*w));
	if (w == NULL)
		return NULL;
	w->conn = c;
	w->id = json_incref(id);
	w->next_of_conn = c->waiters;
	c->waiters = w;
	return w;
}

void
rpc_waiter_free(struct rpc_waiter *w)
{
	if (w->conn != NULL)
		for (struct rpc_waiter **p = &w->conn->waiters; *p != NULL; p = &(*p)->next_of_conn)
			if (*p == w) {
				*p = w->next_of_conn;
				break;
			}
	json_decref(w->id);
	free(w);
}

/* ------------------------------------------------------------------ closing */

static void
conn_freed(uv_handle_t *h)
{
	struct rpc_conn *c = h->data;
	rel_buf_fini(&c->in);
	free(c);
}

static void
conn_close(struct rpc_conn *c)
{
	if (c->closed)
		return;
	c->closed = true;
	for (struct rpc_waiter *w = c->waiters; w != NULL; w = w->next_of_conn)
		w->conn = NULL;
	*c->prev = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	c->server->count--;
	uv_close((uv_handle_t *)&c->pipe, conn_freed);
}

/* ------------------------------------------------------------------ sending */

static void
on_written(uv_write_t *req, int status)
{
	struct rpc_write *wr = req->data;
	struct rpc_conn *c = req->handle->data;
	free(wr->text);
	free(wr);
	if (status != 0)
		conn_close(c);
}

static void
send_line(struct rpc_conn *c, json_t *message)
{
	char *text = message != NULL ? proto_json_text(message, JSON_COMPACT) : NULL;
	json_decref(message);
	struct rpc_write *wr = calloc(1, sizeof(*wr));
	size_t n = text != NULL ? strlen(text) : 0;
	if (c->closed || text == NULL || wr == NULL ||
	    uv_stream_get_write_queue_size((uv_stream_t *)&c->pipe) > RPC_BACKLOG_MAX) {
		free(text);
		free(wr);
		conn_close(c);
		return;
	}
	text[n] = '\n'; /* in place of the NUL: a line on the wire */
	wr->text = text;
	wr->req.data = wr;
	uv_buf_t b = uv_buf_init(text, (unsigned)n + 1);
	if (uv_write(&wr->req, (uv_stream_t *)&c->pipe, &b, 1, on_written) != 0) {
		free(text);
		free(wr);
		conn_close(c);
	}
}

void
rpc_reply(struct rpc_conn *c, json_t *id, json_t *result)
{
	send_line(c, json_pack("{s:s, s:O, s:o}", "jsonrpc", "2.0", "id", id, "result", result));
}

static void
send_error(struct rpc_conn *c, json_t *id, int code, const char *message, json_t *data)
{
	send_line(c, json_pack("{s:s, s:O, s:{s:i, s:o, s:o*}}", "jsonrpc", "2.0", "id", id, "error",
	    "code", code, "message", proto_text_json(message), "data", data));
}

void
rpc_error(struct rpc_conn *c, json_t *id, const struct rel_err *err)
{
	rpc_problems(c, id, NULL, err);
}

static int
add_problems(json_t *data, const struct doc_problems *p)
{
	json_t *list = json_array();
	int rc = 0;
	for (size_t i = 0; i < p->count; i++)
		if (p->list[i].severity == DOC_ERROR)
			rc |= json_array_append_new(list, proto_err_json(&p->list[i].err));
	rc |= json_object_set_new(data, "problems", list);
	return rc | json_object_set_new(data, "dropped", json_integer((json_int_t)p->dropped));
}

void
rpc_problems(struct rpc_conn *c, json_t *id, const struct doc_problems *p, const struct rel_err *err)
{
	json_t *data = proto_err_json(err);
	if (p != NULL && p->errors > 1 && add_problems(data, p) != 0) {
		json_decref(data);
		data = NULL;
	}
	send_error(c, id, PROTO_RPC_FAILED, err->text, data);
}

void
rpc_notify(struct rpc_conn *c, const char *method, json_t *params)
{
	send_line(c, json_pack("{s:s, s:s, s:o}", "jsonrpc", "2.0", "method", method, "params", params));
}

/* ------------------------------------------------------------------ receiving */

static void
handle_line(struct rpc_conn *c, const char *line, size_t n)
{
	json_error_t je;
	json_t *m = json_loadb(line, n, JSON_REJECT_DUPLICATES, &je);
	if (m == NULL) {
		send_error(c, json_null(), PROTO_RPC_PARSE, "the line is not JSON", NULL);
		return;
	}
	json_t *id = json_object_get(m, "id");
	const char *method = json_string_value(json_object_get(m, "method"));
	json_t *params = json_object_get(m, "params");
	bool id_ok = json_is_integer(id) || json_is_string(id);
	if (!json_is_object(m) || method == NULL || !id_ok || (params != NULL && !json_is_object(params)))
		send_error(c, id_ok ? id : json_null(), PROTO_RPC_INVALID,
		    "the line is not a JSON-RPC 2.0 request with an id", NULL);
	else
		verbs_dispatch(c->server->d, c, method, params, id);
	json_decref(m);
}

static void
handle_lines(struct rpc_conn *c)
{
	const char *end;
	while (!c->closed && c->in.len > 0 && (end = memchr(c->in.data, '\n', c->in.len)) != NULL) {
		size_t n = (size_t)(end - c->in.data);
		handle_line(c, c->in.data, n);
		rel_buf_consume(&c->in, n + 1);
	}
	if (!c->closed && c->in.len > PROTO_LINE_MAX) {
		send_error(c, json_null(), PROTO_RPC_INVALID, "the line is longer than 64 KiB", NULL);
		conn_close(c);
	}
}

static void
on_alloc(uv_handle_t *h, size_t hint, uv_buf_t *buf)
{
	(void)hint;
	struct rpc_conn *c = h->data;
	*buf = uv_buf_init(c->chunk, sizeof(c->chunk));
}

static void
on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
	struct rpc_conn *c = s->data;
	if (n == 0)
		return;
	if (n > 0)
		rel_buf_add(&c->in, buf->base, (size_t)n);
	if (n < 0 || !rel_buf_ok(&c->in)) {
		conn_close(c);
		return;
	}
	handle_lines(c);
}

/* ------------------------------------------------------------------ accepting */

static bool
allowed(int fd, struct rpc_conn *c)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0)
		return false;
	struct passwd pw, *found = NULL;
	char buf[4096];
	getpwuid_r(cred.uid, &pw, buf, sizeof(buf), &found);
	char name[64];
	rel_text_copy(name, sizeof(name), found != NULL ? pw.pw_name : "?");
	snprintf(c->who, sizeof(c->who), "%s (uid %ld)", name, (long)cred.uid);
	return cred.uid == 0 || cred.uid == geteuid();
}

static void
conn_new(void *ctx, int fd)
{
	struct rpc_server *s = ctx;
	struct rpc_conn *c = calloc(1, sizeof(*c));
	if (c == NULL) {
		close(fd);
		return;
	}
	c->server = s;
	bool ok = allowed(fd, c);
	uv_pipe_init(&s->d->loop, &c->pipe, 0);
	c->pipe.data = c;
	c->next = s->conns;
	c->prev = &s->conns;
	if (c->next != NULL)
		c->next->prev = &c->next;
	s->conns = c;
	s->count++;
	if (uv_pipe_open(&c->pipe, fd) != 0) {
		close(fd);
		conn_close(c);
		return;
	}
	struct rel_err err = REL_ERR_INIT;
	if (!ok)
		rel_err_set(&err, REL_E_DENIED, "%s may not speak to this relupd", c->who);
	else if (s->count > limits_clients(s->d)) {
		rel_err_set(&err, REL_E_LIMIT, "%u clients are connected to this relupd: no more are let in",
		    s->count - 1);
		rel_err_hint(&err, "end a relctl that waits, or who else holds run/control.sock open");
	}
	if (err.code != REL_OK) {
		rpc_error(c, json_null(), &err);
		conn_close(c);
		return;
	}
	uv_read_start((uv_stream_t *)&c->pipe, on_alloc, on_read);
}

/* ------------------------------------------------------------------ life */

int
rpc_new(struct daemon *d, struct rpc_server **ret, struct rel_err *err)
{
	struct rpc_server *s = calloc(1, sizeof(*s));
	if (s == NULL)
		return rel_err_nomem(err);
	s->d = d;
	if (acceptor_open(d, PROTO_CONTROL_SOCKET, SOCK_STREAM, conn_new, s, &s->acceptor, err) != 0) {
		free(s);
		return -1;
	}
	*ret = s;
	return 0;
}

void
rpc_free(struct rpc_server **sp)
{
	struct rpc_server *s = *sp;
	*sp = NULL;
	if (s == NULL)
		return;
	while (s->conns != NULL)
		conn_close(s->conns);
	acceptor_close(&s->acceptor);
	free(s);
}
