/* SPDX-License-Identifier: Apache-2.0
 * relupd: options, going to the background, readiness.  relupd(8) is its manual.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/daemon.h"

#define DEFAULT_ROOT "/var/lib/relup"

static void
usage(FILE *f)
{
	fputs("usage: relupd [--root DIR] [--foreground]\n"
	      "       relupd --help | --version\n"
	      "\n"
	      "Runs the permanent release of a root and serves relctl.\n"
	      "  --root DIR     the root (default: $RELUP_ROOT, else " DEFAULT_ROOT ")\n"
	      "  --foreground   stay in the foreground and log to stderr\n"
	      "\n"
	      "Without --foreground relupd returns when it is ready and logs to ROOT/log/relupd.log.\n"
	      "SIGTERM stops the workers in reverse order, then relupd.  See relupd(8).\n", f);
}

static int
complain(const struct rel_err *err)
{
	const char *hint = rel_err_hint_of(err);
	if (err->file[0] != '\0')
		fprintf(stderr, "relupd: error: %s:%u:%u: %s\n", err->file, err->line, err->column,
		    err->text);
	else
		fprintf(stderr, "relupd: error: %s\n", err->text);
	if (hint[0] != '\0')
		fprintf(stderr, "relupd: hint: %s\n", hint);
	return rel_err_exit(err->code);
}

/* All errors of the document that stopped the start; the first decides. */
static int
complain_all(const struct doc_problems *p, const struct rel_err *err)
{
	if (p->errors < 2 || p->count == 0)
		return complain(err);
	for (size_t i = 0; i < p->count; i++)
		if (p->list[i].severity == DOC_ERROR)
			complain(&p->list[i].err);
	if (p->dropped > 0)
		fprintf(stderr, "relupd: and %zu more\n", p->dropped);
	return rel_err_exit(err->code);
}

/* Whatever the caller had open is not ours to keep, and still less the workers' to inherit: they
 * live for weeks, and a pipe that they hold has no end of file. */
static void
disown_descriptors(void)
{
	close_range(STDERR_FILENO + 1, ~0U, 0);
}

/* The parent of a background start: returns the child's word, its readiness or its end. */
static int
wait_for_ready(int fd)
{
	char status = 1;
	ssize_t n;
	do
		n = read(fd, &status, 1);
	while (n < 0 && errno == EINTR);
	return n == 1 ? status : 1;
}

/* Returns in the child; the parent exits here.  stderr stays until relupd is ready, so that what
 * stops the start is seen. */
static int
background(int *ret_ready)
{
	int p[2];
	if (pipe2(p, O_CLOEXEC) != 0)
		return -1;
	pid_t pid = fork();
	if (pid < 0)
		return -1;
	if (pid > 0) {
		close(p[1]);
		_exit(wait_for_ready(p[0]));
	}
	close(p[0]);
	setsid();
	*ret_ready = p[1];
	return 0;
}

static FILE *
open_log(const char *root)
{
	char path[4200];
	snprintf(path, sizeof(path), "%s/log/relupd.log", root);
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
	return fd >= 0 ? fdopen(fd, "a") : NULL;
}

static int
run(const char *root, int foreground)
{
	static struct daemon d; /* the one of this process */
	struct rel_err err = REL_ERR_INIT;
	d.ready_fd = -1;
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a file at its limit is an error as a full disk is */
	limits_raise();
	disown_descriptors();
	ready_init(&d);
	if (!foreground && background(&d.ready_fd) != 0) {
		rel_err_sys(&err, REL_E_IO, errno, "cannot go to the background");
		return complain(&err);
	}
	if (!foreground)
		d.log = open_log(root);
	int rc = 0;
	struct doc_problems p = DOC_PROBLEMS_INIT;
	if (daemon_open(&d, root, &p, &err) != 0) {
		rc = complain_all(&p, &err);
		if (d.log != NULL)
			daemon_log_error(&d, "relupd", "", &p, &err);
		doc_problems_fini(&p);
		char status = (char)rc;
		if (d.ready_fd >= 0 && write(d.ready_fd, &status, 1) != 1)
			return rc;
		return rc;
	}
	doc_problems_fini(&p);
	ready_tell(&d);
	rc = daemon_run(&d);
	if (d.log != NULL)
		fclose(d.log);
	return rc;
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {{"root", required_argument, NULL, 'r'},
	    {"foreground", no_argument, NULL, 'f'}, {"help", no_argument, NULL, 'h'},
	    {"version", no_argument, NULL, 'V'}, {0}};
	if (rel_stdio_open() != 0)
		return 1;
	const char *root = getenv("RELUP_ROOT");
	int foreground = 0, c;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'r':
			root = optarg;
			break;
		case 'f':
			foreground = 1;
			break;
		case 'h':
			usage(stdout);
			return 0;
		case 'V':
			puts("relupd " PACKAGE_VERSION);
			return 0;
		default:
			usage(stderr);
			return 64;
		}
	}
	if (optind != argc) {
		fprintf(stderr, "relupd: error: relupd takes no argument `%s`\n", argv[optind]);
		usage(stderr);
		return 64;
	}
	return run(root != NULL && root[0] != '\0' ? root : DEFAULT_ROOT, foreground);
}
