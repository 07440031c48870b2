/* SPDX-License-Identifier: Apache-2.0 */
/* A worker with a libuv loop: beside the module it has a timer and a server of its own. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include <relworker.h>

struct host {
	struct relw_host *worker;
	uv_loop_t loop;
	uv_poll_t poll;
	uv_signal_t sigterm;
	uv_timer_t timer;
	uv_tcp_t server;
	unsigned long ticks;
	int failed;
};

static void
close_handle(uv_handle_t *handle, void *arg)
{
	(void)arg;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

/* All of the worker happens in here, its upgrades too. */
static void
on_worker(uv_poll_t *poll, int status, int events)
{
	struct host *h = poll->data;
	int rc = status < 0 ? status : relw_dispatch(h->worker);

	(void)events;
	if (rc < 0) {
		fprintf(stderr, "host: the worker is given up: %s\n", uv_strerror(rc));
		h->failed = 1;
	}
	if (rc <= 0)
		uv_walk(&h->loop, close_handle, NULL); /* and uv_run() returns */
}

static void
on_sigterm(uv_signal_t *signal, int signum)
{
	struct host *h = signal->data;

	(void)signum;
	relw_stop_host(h->worker, "shutdown"); /* on_worker() is called once more */
}

static void
on_timer(uv_timer_t *timer)
{
	struct host *h = timer->data;

	h->ticks++;
}

static void
free_client(uv_handle_t *client)
{
	free(client);
}

/* Tells every client how often the timer has ticked. */
static void
on_client(uv_stream_t *server, int status)
{
	struct host *h = server->data;
	uv_tcp_t *client = status == 0 ? malloc(sizeof(*client)) : NULL;
	char text[32];

	if (client == NULL || uv_tcp_init(&h->loop, client) != 0) {
		free(client);
		return;
	}
	if (uv_accept(server, (uv_stream_t *)client) == 0) {
		int n = snprintf(text, sizeof(text), "%lu\n", h->ticks);
		uv_buf_t buf = uv_buf_init(text, (unsigned)n);
		uv_try_write((uv_stream_t *)client, &buf, 1);
	}
	uv_close((uv_handle_t *)client, free_client);
}

/* On a port that is free, which the worker's log tells. */
static int
serve(struct host *h)
{
	struct sockaddr_in at;
	int size = sizeof(at);

	if (uv_ip4_addr("127.0.0.1", 0, &at) != 0 ||
	    uv_tcp_bind(&h->server, (struct sockaddr *)&at, 0) != 0 ||
	    uv_listen((uv_stream_t *)&h->server, 16, on_client) != 0 ||
	    uv_tcp_getsockname(&h->server, (struct sockaddr *)&at, &size) != 0)
		return -1;
	fprintf(stderr, "host: port %d\n", ntohs(at.sin_port));
	return 0;
}

static int
begin(struct host *h)
{
	if (uv_poll_init(&h->loop, &h->poll, relw_fd(h->worker)) != 0 ||
	    uv_signal_init(&h->loop, &h->sigterm) != 0 ||
	    uv_timer_init(&h->loop, &h->timer) != 0 || uv_tcp_init(&h->loop, &h->server) != 0)
		return -1;
	h->poll.data = h->sigterm.data = h->timer.data = h->server.data = h;
	if (uv_poll_start(&h->poll, UV_READABLE, on_worker) != 0 ||
	    uv_signal_start(&h->sigterm, on_sigterm, SIGTERM) != 0 ||
	    uv_timer_start(&h->timer, on_timer, 10, 10) != 0)
		return -1;
	return serve(h);
}

int
main(int argc, char **argv)
{
	static struct host h;
	int status;

	if (relw_open(argc, argv, 0, &h.worker) != 0 || uv_loop_init(&h.loop) != 0)
		return 1;
	if (begin(&h) != 0) {
		fprintf(stderr, "host: cannot begin\n");
		h.failed = 1;
		uv_walk(&h.loop, close_handle, NULL);
	}
	uv_run(&h.loop, UV_RUN_DEFAULT);
	status = relw_close(&h.worker);
	uv_loop_close(&h.loop);
	return h.failed ? 1 : status;
}
