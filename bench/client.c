/* SPDX-License-Identifier: Apache-2.0
 * bench/client: keeps many connections to a server of lines busy at a steady rate, and tells by
 * windows of time how long answers took and whether all of them came and were right.
 *
 *	client --port N [--connections N] [--rate N] [--old TEXT] [--new TEXT] [--seconds N]
 *	       [--reconnect]
 *
 * Right is: each answer is the text `old` or `new`; on one connection never an old one after a new
 * one; nothing lost, no connection ended.  Commands on stdin, one a line:
 *
 *	mark NAME              the current window ends and is reported (a JSON line on stdout, when
 *	                       its last answer is in); the next one is called NAME; without a name
 *	                       it is not reported
 *	round NAME             a window with one request on each connection, beside the schedule
 *	expect old=TEXT new=TEXT     what is right from now on; either may be left out.  {"expected":true}
 *	                       is printed then: who waits for it can be sure that a client that is not given
 *	                       the processor takes no later answer for one of before
 *	half                   stops the schedule and sends half a request on each connection;
 *	                       {"half":true,…} is printed when that is done
 *	rest                   sends the other halves and starts the schedule again
 *	pause, go              stops and starts the schedule
 *	quit                   waits for the answers (5 s), reports all and a total; so does end of
 *	                       file
 *
 * {"ready":true,…} is printed when every connection has had its first answer.  Exit status: 0 all
 * was right, 1 the client could not work, 2 something was not right.
 */
#include "config.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "client.h"

#define KEY_STDIN  UINT64_MAX
#define KEY_TIMER  (UINT64_MAX - 1)
#define TICK_MIN   50000                    /* ns: the timer's shortest interval */
#define READY_TIME INT64_C(60000000000)
#define QUIT_TIME  INT64_C(5000000000)

struct client {
	struct load load;
	int timer;
	bool stdin_watched, quit;
	int64_t seconds;         /* 0: until told */
	char line[512];          /* the beginning of a command */
	size_t line_len;
};

static void
usage(void)
{
	fputs("usage: client --port N [--connections N] [--rate N] [--old TEXT] [--new TEXT]\n"
	      "              [--seconds N] [--reconnect]\n",
	    stderr);
	exit(64);
}

static uint32_t
number(const char *text, uint32_t min, uint32_t max)
{
	char *end;
	errno = 0;
	unsigned long n = strtoul(text, &end, 10);

	if (errno != 0 || *end != '\0' || *text < '0' || *text > '9' || n < min || n > max)
		errx(64, "%s is not a number from %u to %u", text, min, max);
	return (uint32_t)n;
}

/* ------------------------------------------------------------------ commands */
/* "old=TEXT new=TEXT": texts hold blanks, so the second begins at " new=". */
static void
command_expect(struct load *l, char *args)
{
	const char *old = "", *new = "";
	char *split = strncmp(args, "new=", 4) == 0 ? args : strstr(args, " new=");

	if (split != NULL) {
		new = strchr(split, '=') + 1;
		*split = '\0';
	}
	if (strncmp(args, "old=", 4) == 0)
		old = args + 4;
	load_expect(l, old, new);
}

static void
command_run(struct client *c, char *line)
{
	struct load *l = &c->load;
	int64_t now = clock_now();
	char *args = strchr(line, ' ');

	if (args != NULL)
		*args++ = '\0';
	else
		args = line + strlen(line);
	load_due(l, now); /* belongs to what was before */
	if (strcmp(line, "mark") == 0) {
		windows_mark(&l->windows, args, now);
	} else if (strcmp(line, "round") == 0) {
		windows_mark(&l->windows, args, now);
		load_round(l);
		windows_mark(&l->windows, "", clock_now());
	} else if (strcmp(line, "expect") == 0) {
		command_expect(l, args);
		puts("{\"expected\":true}");
		fflush(stdout);
	} else if (strcmp(line, "half") == 0) {
		load_half(l);
		printf("{\"half\":true,\"connections\":%u}\n", l->open);
		fflush(stdout);
	} else if (strcmp(line, "rest") == 0) {
		load_rest(l);
	} else if (strcmp(line, "pause") == 0) {
		load_stop(l);
	} else if (strcmp(line, "go") == 0) {
		load_start(l, now);
	} else if (strcmp(line, "quit") == 0) {
		c->quit = true;
	} else {
		errx(64, "unknown command: %s", line);
	}
}

static void
stdin_read(struct client *c)
{
	ssize_t n = read(STDIN_FILENO, c->line + c->line_len, sizeof(c->line) - 1 - c->line_len);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		c->quit = true;
		return;
	}
	c->line_len += (size_t)n;
	c->line[c->line_len] = '\0';
	char *at = c->line, *nl;
	while (!c->quit && (nl = strchr(at, '\n')) != NULL) {
		*nl = '\0';
		command_run(c, at);
		at = nl + 1;
	}
	c->line_len = strlen(at);
	if (c->line_len == sizeof(c->line) - 1)
		errx(64, "command too long");
	memmove(c->line, at, c->line_len + 1);
}

/* ------------------------------------------------------------------ loop */
static void
timer_read(struct client *c)
{
	uint64_t ticks;

	if (read(c->timer, &ticks, sizeof(ticks)) < 0 && errno != EAGAIN)
		err(1, "timer");
}

static void
turn(struct client *c)
{
	struct epoll_event events[512];
	int n = epoll_wait(c->load.epoll, events, 512, 1000);

	if (n < 0 && errno != EINTR)
		err(1, "epoll_wait");
	for (int i = 0; i < n; i++) {
		if (events[i].data.u64 == KEY_STDIN)
			stdin_read(c);
		else if (events[i].data.u64 == KEY_TIMER)
			timer_read(c);
		else
			load_event(&c->load, events[i].data.u64, events[i].events);
	}
	load_due(&c->load, clock_now());
	windows_report(&c->load.windows, false);
}

static void
watch(struct client *c, int fd, uint64_t key)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.u64 = key};

	if (epoll_ctl(c->load.epoll, EPOLL_CTL_ADD, fd, &ev) < 0)
		err(1, "epoll_ctl");
}

/* A tick for each request: timerfd keeps its times to some microseconds, where a time-out of
 * epoll_wait() has the slack of the process and a resolution of 1 ms. */
static void
timer_start(struct client *c)
{
	c->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (c->timer < 0)
		err(1, "timerfd");
	watch(c, c->timer, KEY_TIMER);
	if (c->load.rate == 0)
		return;
	long tick = 1000000000L / c->load.rate;
	if (tick < TICK_MIN)
		tick = TICK_MIN;
	struct timespec every = {.tv_sec = tick / 1000000000L, .tv_nsec = tick % 1000000000L};
	struct itimerspec t = {.it_value = every, .it_interval = every};
	if (timerfd_settime(c->timer, 0, &t, NULL) < 0)
		err(1, "timerfd");
}

static void
run(struct client *c)
{
	struct load *l = &c->load;
	int64_t deadline = clock_now() + READY_TIME;

	windows_mark(&l->windows, "", clock_now());
	load_open(l);
	while (l->waiting > 0) {
		if (clock_now() > deadline)
			errx(1, "%lu connections had no answer", (unsigned long)l->waiting);
		turn(c);
	}
	printf("{\"ready\":true,\"connections\":%u}\n", l->open);
	fflush(stdout);

	if (c->seconds == 0)
		watch(c, STDIN_FILENO, KEY_STDIN);
	else
		windows_mark(&l->windows, "run", clock_now());
	int64_t begin = clock_now();
	load_start(l, begin);
	while (!c->quit && (c->seconds == 0 || clock_now() < begin + c->seconds * 1000000000))
		turn(c);

	load_stop(l);
	if (c->seconds == 0)
		(void)epoll_ctl(l->epoll, EPOLL_CTL_DEL, STDIN_FILENO, NULL);
	deadline = clock_now() + QUIT_TIME;
	windows_mark(&l->windows, "", clock_now());
	while (l->waiting > 0 && clock_now() < deadline)
		turn(c);
	/* An answer that does not come within the time is one that is lost. */
	l->windows.total.lost += l->waiting;
	windows_mark(&l->windows, "", clock_now());
	windows_report(&l->windows, true);
	windows_total(&l->windows);
}

static void
options(struct client *c, int argc, char **argv)
{
	static const struct option longs[] = {
	    {"port", required_argument, NULL, 'p'}, {"connections", required_argument, NULL, 'c'},
	    {"rate", required_argument, NULL, 'r'}, {"old", required_argument, NULL, 'o'},
	    {"new", required_argument, NULL, 'n'}, {"seconds", required_argument, NULL, 's'},
	    {"reconnect", no_argument, NULL, 'R'}, {NULL, 0, NULL, 0}};
	const char *old = "Hey there!", *new = "Hey there, next version!";
	uint32_t port = 0, connections = 1, rate = 2000;
	bool reconnect = false;
	int o;

	while ((o = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (o) {
		case 'p': port = number(optarg, 1, 65535); break;
		case 'c': connections = number(optarg, 1, 1000000); break;
		case 'r': rate = number(optarg, 0, 1000000); break;
		case 'o': old = optarg; break;
		case 'n': new = optarg; break;
		case 's': c->seconds = number(optarg, 1, 86400); break;
		case 'R': reconnect = true; break;
		default: usage();
		}
	}
	if (port == 0 || optind != argc)
		usage();
	load_init(&c->load, connections);
	c->load.port = (uint16_t)port;
	c->load.rate = rate;
	c->load.reconnect = reconnect;
	load_expect(&c->load, old, new);
}

int
main(int argc, char **argv)
{
	struct client c = {0};
	struct rlimit files;

	options(&c, argc, argv);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	timer_start(&c);
	run(&c);
	bool clean = windows_clean(&c.load.windows);
	load_fini(&c.load);
	close(c.timer);
	return clean ? 0 : 2;
}
