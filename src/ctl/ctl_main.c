/* SPDX-License-Identifier: Apache-2.0
 * relctl: main.  Parse, run one verb, see that its output arrived.
 */
#include "config.h"

#include <errno.h>
#include <locale.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/ctl.h"

static bool
set(const char *variable)
{
	const char *v = getenv(variable);
	return v != NULL && v[0] != '\0';
}

static struct ctl
defaults(void)
{
	const char *term = getenv("TERM");
	return (struct ctl){
	    .root = set("RELUP_ROOT") ? getenv("RELUP_ROOT") : CTL_ROOT_DEFAULT,
	    .color = isatty(STDERR_FILENO) && !set("NO_COLOR") && term != NULL &&
		     strcmp(term, "dumb") != 0,
	    .timeout = DUR_INFINITY,
	    .out = stdout,
	    .err = stderr,
	};
}

static int
run(struct ctl *c, int argc, char **argv)
{
	struct rel_err err = REL_ERR_INIT;
	struct ctl_args args = {0};
	const struct ctl_verb *verb = NULL;
	enum ctl_ask ask = CTL_ASK_NOTHING;
	int status;
	if (ctl_args_parse(c, argc, argv, &verb, &ask, &args, &err) < 0)
		status = ctl_error(c, &err);
	else if (ask == CTL_ASK_VERSION)
		status = ctl_version_print(c);
	else if (ask == CTL_ASK_HELP)
		status = ctl_help(c, args.words);
	else
		status = verb->run(c, &args);
	ctl_args_fini(&args);
	return status;
}

int
main(int argc, char **argv)
{
	if (rel_stdio_open() != 0)
		return 1;
#ifdef M_MMAP_THRESHOLD
	/* Nothing here runs for long: memory that was freed stays, since it costs more to get it anew. */
	mallopt(M_MMAP_THRESHOLD, 32 * 1024 * 1024);
	mallopt(M_TRIM_THRESHOLD, 256 * 1024 * 1024);
#endif
	struct ctl c = defaults();
	setlocale(LC_CTYPE, "");
	bool half = argc > 1 && strcmp(argv[1], "--complete") == 0; /* the shell asks */
	int status = half ? ctl_complete(&c, argv + 2, (size_t)argc - 2) : run(&c, argc, argv);
	/* A full disk shows only here; a status of 0 must mean that the data is out, where data is what
	 * was asked for. */
	errno = 0;
	bool failed = ferror(c.out) != 0;
	if (fclose(c.out) != 0 || failed) {
		struct rel_err err = REL_ERR_INIT;
		rel_err_sys(&err, REL_E_IO, errno, "the result cannot be written to standard output");
		c.format = CTL_TEXT;
		int io = ctl_error(&c, &err);
		return status != 0 || c.done ? status : io;
	}
	return status;
}
