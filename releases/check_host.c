/* SPDX-License-Identifier: Apache-2.0
 * A runtime for one module, small enough to be seen through: see check_host.h.
 */
#include "config.h"

#include <arpa/inet.h>
#include <check.h>
#include <dlfcn.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check_host.h"

struct host host;

static void
api_vlog(struct relw *rw, enum relw_level level, const char *fmt, va_list ap)
{
	(void)rw;
	(void)level;
	(void)fmt;
	(void)ap;
}

static int64_t
api_get_int(struct relw *rw, int of_env, const char *key, int64_t otherwise)
{
	(void)rw;
	(void)of_env;
	return strcmp(key, "connections") == 0 && host.limit != 0 ? host.limit : otherwise;
}

static size_t
api_listener_count(struct relw *rw)
{
	(void)rw;
	return host.socket >= 0;
}

static int
api_listener(struct relw *rw, size_t i)
{
	(void)rw;
	(void)i;
	return host.socket;
}

static int
api_fd_add(struct relw *rw, int fd, uint32_t events, const char *function, uint64_t key)
{
	(void)rw;
	ck_assert_int_lt(fd, FDS);
	if (host.fds[fd].used)
		return -EEXIST;
	host.fds[fd] = (struct watch){.used = 1, .events = events, .key = key};
	snprintf(host.fds[fd].function, sizeof(host.fds[fd].function), "%s", function);
	return 0;
}

static int
api_fd_mod(struct relw *rw, int fd, uint32_t events)
{
	(void)rw;
	ck_assert(host.fds[fd].used);
	host.fds[fd].events = events;
	return 0;
}

static int
api_fd_del(struct relw *rw, int fd)
{
	(void)rw;
	if (!host.fds[fd].used)
		return -ENOENT;
	host.fds[fd].used = 0;
	return 0;
}

static int64_t
api_timer_add(struct relw *rw, int64_t after, int64_t every, const char *function, uint64_t key)
{
	(void)rw;
	(void)key;
	ck_assert_int_gt(after, 0);
	ck_assert_int_eq(every, 0);
	snprintf(host.timer, sizeof(host.timer), "%s", function);
	return 1;
}

static void
api_stop(struct relw *rw, const char *reason)
{
	(void)rw;
	(void)reason;
	host.stopped = 1;
}

static int
api_vrefuse(struct relw *rw, const char *fmt, va_list ap)
{
	(void)rw;
	vsnprintf(host.refusal, sizeof(host.refusal), fmt, ap);
	return -1;
}

static const struct relw_api api = {.abi = RELW_ABI, .size = sizeof(api), .vlog = api_vlog,
    .get_int = api_get_int, .listener_count = api_listener_count, .listener = api_listener,
    .fd_add = api_fd_add, .fd_mod = api_fd_mod, .fd_del = api_fd_del,
    .timer_add = api_timer_add, .stop = api_stop, .vrefuse = api_vrefuse};

const struct relw_module *
host_module(const char *file)
{
	const char *build = getenv("top_builddir");
	char path[4096];

	snprintf(path, sizeof(path), "%s/releases/hello/.libs/%s.so", build != NULL ? build : ".",
	    file);
	void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	ck_assert_msg(handle != NULL, "%s", dlerror());
	return dlsym(handle, "relw_module");
}

void
host_link(const char *listener, const char *greeting)
{
	host.listener = host_module(listener);
	host.greeting = host_module(greeting);
	ck_assert_str_eq(host.listener->imports[0].interface, host.greeting->interface_name);
	host.view.rw.api = host.callee.api = &api;
	host.view.link[0] = (struct relw_link){host.greeting->interface, &host.callee};
}

struct relw *
host_rw(void)
{
	return &host.view.rw;
}

/* Small buffers, so that a peer that does not read is met soon; accepted sockets inherit them. */
static int
socket_new(int flags)
{
	int size = 8192;
	int fd = socket(AF_INET, SOCK_STREAM | flags, 0);

	ck_assert_int_ge(fd, 0);
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	return fd;
}

void
host_start(const char *listener, const char *greeting, int64_t limit)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	memset(&host, 0, sizeof(host));
	host.limit = limit;
	host.socket = socket_new(SOCK_NONBLOCK);
	ck_assert_int_eq(bind(host.socket, (struct sockaddr *)&any, sizeof(any)), 0);
	ck_assert_int_eq(listen(host.socket, 1), 0);
	host_link(listener, greeting);
	ck_assert_int_eq(host.listener->init(host_rw(), &host.state), 0);
}

void
host_stop(void)
{
	host.listener->terminate(host_rw(), host.state, "shutdown");
	for (int i = 0; i < FDS; i++)
		ck_assert_msg(!host.fds[i].used || i == host.socket, "fd %d is watched", i);
	close(host.socket);
	ck_assert_int_eq(host.stopped, 0); /* the module did not give up */
}

void
host_dispatch(const char *function, const struct relw_event *event)
{
	for (const struct relw_function *f = host.listener->functions; f->name != NULL; f++) {
		if (strcmp(f->name, function) != 0)
			continue;
		f->event(host_rw(), host.state, event);
		return;
	}
	ck_abort_msg("no function %s", function);
}

/* Runs events until nothing is ready. */
void
host_settle(void)
{
	for (int ready = 1; ready > 0;) {
		ready = 0;
		for (int fd = 0; fd < FDS; fd++) {
			struct pollfd p = {.fd = fd};
			if (!host.fds[fd].used)
				continue;
			p.events = (short)(host.fds[fd].events & (EPOLLIN | EPOLLOUT));
			if (poll(&p, 1, 0) <= 0)
				continue;
			struct relw_event e = {.type = RELW_EVENT_FD, .fd = fd,
			    .events = (uint32_t)p.revents, .key = host.fds[fd].key};
			host_dispatch(host.fds[fd].function, &e);
			ready++;
		}
	}
}

int
host_client(void)
{
	struct sockaddr_in to;
	socklen_t len = sizeof(to);
	int fd = socket_new(0);

	ck_assert_int_eq(getsockname(host.socket, (struct sockaddr *)&to, &len), 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

void
host_say(int fd, const char *text)
{
	ck_assert_int_eq(send(fd, text, strlen(text), 0), (ssize_t)strlen(text));
	host_settle();
}

/* What is there now; "EOF" where the server closed. */
const char *
host_heard(int fd)
{
	static char buf[65536];
	ssize_t n = recv(fd, buf, sizeof(buf) - 1, MSG_DONTWAIT);

	if (n == 0 || (n < 0 && errno == ECONNRESET))
		return "EOF";
	buf[n > 0 ? n : 0] = '\0';
	return buf;
}

const char *
host_ask(const char *request)
{
	static char text[512];
	char *reply = NULL;

	ck_assert_int_eq(host.listener->handle_call(host_rw(), host.state, request, &reply), 0);
	snprintf(text, sizeof(text), "%s", reply);
	free(reply);
	return text;
}

/* ------------------------------------------------------------------ changes of code */
/* As the runtime does it: the newer version's code_change, then either commit or abort. */
int
host_change(enum relw_mode mode, const struct relw_module *newer, const char *other, void **ret)
{
	struct relw_change c = {.mode = mode, .other_vsn = other, .extra = "{}"};

	host.refusal[0] = '\0';
	return newer->code_change(host_rw(), &c, host.state, ret);
}

void
host_upgrade(const char *listener, const char *greeting)
{
	const struct relw_module *old = host.listener;
	void *state;

	host_link(listener, greeting);
	int rc = host_change(RELW_UP, host.listener, old->vsn, &state);
	ck_assert_msg(rc == 0, "%s", host.refusal);
	old->discard(host_rw(), host.state);
	host.state = state;
}

void
host_downgrade(const char *listener, const char *greeting)
{
	const struct relw_module *newer = host.listener;
	void *state;

	host_link(listener, greeting);
	ck_assert_int_eq(host_change(RELW_DOWN, newer, host.listener->vsn, &state), 0);
	newer->discard(host_rw(), host.state);
	host.state = state;
}
