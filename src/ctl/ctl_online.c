/* SPDX-License-Identifier: Apache-2.0
 * The verbs that change what runs: upgrade, downgrade, rollback; rehearse, which only tries it; and attach,
 * which waits for one of them again.  The outcome decides the exit status (formats.md).
 */
#include "config.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "ctl/ctl_client.h"
#include "ctl/ctl_rehearse.h"

enum { O_REHEARSE = 1, O_MAX_PAUSE, O_PURGE };

static const char *
text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	return s != NULL ? s : "";
}

static json_int_t
int_of(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

/* ------------------------------------------------------------------ progress */

struct progress {
	struct ctl *c;
	char last[256];
};

/* A line a phase; the daemon may tell the same one twice. */
static void
show_progress(void *ctx, const json_t *op)
{
	struct progress *p = ctx;
	struct ctl *c = p->c;
	const char *text = text_of(op, "text");
	if (c->quiet || c->format == CTL_JSON || text[0] == '\0' || strcmp(text, p->last) == 0)
		return;
	snprintf(p->last, sizeof(p->last), "%s", text);
	bool first = text_of(op, "from")[0] == '\0';
	fprintf(c->err, "%s %s%s%s: ", text_of(op, "kind"), text_of(op, "from"), first ? "" : " -> ",
	    text_of(op, "to"));
	ctl_put(c->err, text);
	fputc('\n', c->err);
	fflush(c->err);
}

/* ------------------------------------------------------------------ the outcome */

static int
outcome_status(const json_t *result)
{
	static const struct {
		const char *outcome;
		int status;
	} table[] = {{"upgraded", 0}, {"blocked", 7}, {"rolled_back", 5}, {"mixed", 6}};
	const char *outcome = text_of(result, "outcome");
	for (size_t i = 0; i < NELEM(table); i++)
		if (strcmp(outcome, table[i].outcome) == 0)
			return table[i].status;
	const json_t *error = json_object_get(result, "error");
	if (!json_is_object(error))
		return 0; /* unchanged: it ran already */
	/* Unchanged is 1, or 4 or 10 where those say more; 130 and its like speak of relctl itself. */
	int status = rel_err_exit(rel_err_code_of(text_of(error, "code")));
	return status == 4 || status == 10 ? status : 1;
}

static void
print_figures(FILE *f, const json_t *r)
{
	char buf[32];
	fprintf(f, "%" JSON_INTEGER_FORMAT " instruction%s, %" JSON_INTEGER_FORMAT " worker%s",
	    int_of(r, "steps"), int_of(r, "steps") == 1 ? "" : "s", int_of(r, "workers"),
	    int_of(r, "workers") == 1 ? "" : "s");
	if (json_is_integer(json_object_get(r, "longest_pause_us"))) {
		fprintf(f, ", longest pause %s", ctl_us(buf, sizeof(buf), int_of(r, "longest_pause_us")));
		if (json_is_integer(json_object_get(r, "forecast_us")))
			fprintf(f, " (forecast %s)", ctl_us(buf, sizeof(buf), int_of(r, "forecast_us")));
		fprintf(f, ", suspended %s", ctl_us(buf, sizeof(buf), int_of(r, "suspended_us")));
	} else
		fputs(", pauses not known: relupd ended in between", f);
	fprintf(f, ", in all %s", ctl_us(buf, sizeof(buf), int_of(r, "total_us")));
	fputc('\n', f);
}

/* Who does not run again stands among the warnings (warn_of_absent() in daemon/op_world.c). */
static bool
does_not_run(const json_t *warnings, const char *worker)
{
	static const char words[] = " does not run";
	size_t n = strlen(worker);
	for (size_t i = 0; i < json_array_size(warnings); i++) {
		const char *text = json_string_value(json_array_get(warnings, i));
		if (text != NULL && strncmp(text, worker, n) == 0 && strncmp(text + n, words, strlen(words)) == 0)
			return true;
	}
	return false;
}

static void
print_killed(FILE *f, const json_t *r)
{
	const json_t *list = json_object_get(r, "killed");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *worker = json_string_value(json_array_get(list, i));
		bool down = does_not_run(json_object_get(r, "warnings"), worker);
		fprintf(f, "killed%s: %s\n", down ? "" : " and started again", worker);
	}
}

/* What is so now, and what was done to whom. */
static void
print_state(struct ctl *c, const json_t *r, const char *outcome)
{
	bool fails = json_array_size(json_object_get(r, "warnings")) > 0;
	if (strcmp(outcome, "mixed") == 0)
		fputs("state: neither finished nor taken back; `relctl status` says what runs what\n",
		    c->err);
	else if (text_of(r, "from")[0] == '\0')
		fputs("state: nothing runs\n", c->err);
	else if (strcmp(text_of(r, "from"), text_of(r, "to")) == 0)
		fputs("state: nothing was changed; `relctl status` says what runs\n", c->err);
	else
		fprintf(c->err, "state: %s%s%s%s\n", fails ? "" : "everything runs ", text_of(r, "from"),
		    fails ? " is in place" : "", strcmp(outcome, "rolled_back") == 0 ? " again"
		    : "; nothing was changed");
	print_killed(c->err, r);
}

static void
print_cancelled(FILE *f, const json_t *r)
{
	size_t i;
	json_t *h;
	json_array_foreach (json_object_get(r, "cancelled"), i, h)
		fprintf(f, "told to end: task %s of %s, in %s %s\n", text_of(h, "task"), text_of(h, "worker"),
		    text_of(h, "module"), text_of(h, "vsn"));
}

static void
print_failure(struct ctl *c, const json_t *r)
{
	const json_t *error = json_object_get(r, "error");
	const char *outcome = text_of(r, "outcome");
	struct rel_err err = REL_ERR_INIT;
	enum rel_ecode code = rel_err_code_of(text_of(error, "code"));
	const char *from = text_of(r, "from"); /* "": the first start on this root */
	rel_err_set(&err, code != REL_OK ? code : REL_E_INTERNAL, "%s%s%s: %s: %s", from,
	    from[0] != '\0' ? " -> " : "", text_of(r, "to"), outcome, text_of(error, "message"));
	if (strcmp(outcome, "mixed") == 0)
		rel_err_hint(&err, "a worker that hangs is ended by `kill -KILL PID`, its PID is in `relctl "
				   "status`: relupd starts it again");
	else if (text_of(error, "hint")[0] != '\0')
		rel_err_hint(&err, "%s", text_of(error, "hint"));
	snprintf(err.file, sizeof(err.file), "%s", text_of(error, "file"));
	err.line = (unsigned)int_of(error, "line");
	err.column = (unsigned)int_of(error, "column");
	ctl_error(c, &err);
	if (json_array_size(json_object_get(r, "holders")) > 0)
		ctl_holders_print(c->err, json_object_get(r, "holders"));
	print_cancelled(c->err, r);
	ctl_rehearse_places(c, json_object_get(r, "rehearsal"));
	if (!c->quiet)
		print_state(c, r, outcome);
}

static void
print_warnings(struct ctl *c, const json_t *list)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *text = json_string_value(json_array_get(list, i));
		fputs("relctl: warning: ", c->err);
		ctl_put(c->err, text != NULL ? text : "");
		fputc('\n', c->err);
	}
}

static int
print_result(struct ctl *c, json_t *r)
{
	bool only = json_is_array(json_object_get(r, "workers")); /* a rehearsal, and nothing else */
	int status = only ? ctl_rehearse_status(r) : outcome_status(r);
	c->done = true;
	ctl_rehearse_name(c, json_object_get(r, only ? "workers" : "rehearsal"));
	if (c->format == CTL_JSON) {
		json_t *copy = json_deep_copy(r), *error = json_object_get(copy, "error");
		char hint[256 + 4200];
		ctl_hint(c, text_of(error, "hint"), hint, sizeof(hint));
		if (hint[0] != '\0')
			json_object_set_new(error, "hint", json_string(hint));
		ctl_json(c, copy);
		return status;
	}
	if (only)
		return ctl_rehearse_print(c, r);
	if (json_is_object(json_object_get(r, "error"))) {
		print_failure(c, r);
	} else if (strcmp(text_of(r, "outcome"), "unchanged") == 0) {
		fprintf(c->out, "unchanged: %s runs already\n", text_of(r, "to"));
	} else if (text_of(r, "from")[0] == '\0') {
		fprintf(c->out, "%s: %s runs\n", text_of(r, "outcome"), text_of(r, "to"));
	} else {
		fprintf(c->out, "%s: %s -> %s\n", text_of(r, "outcome"), text_of(r, "from"),
		    text_of(r, "to"));
		print_figures(c->out, r);
		print_cancelled(c->out, r);
		print_killed(c->out, r);
	}
	print_warnings(c, json_object_get(r, "warnings"));
	return status;
}

/* ------------------------------------------------------------------ the verbs */

static int
run_operation(struct ctl *c, const char *method, json_t *params)
{
	struct rel_err err = REL_ERR_INIT;
	json_t *result = NULL;
	struct progress progress = {.c = c};
	const struct ctl_request rq = {.method = method, .params = params, .progress = show_progress,
	    .ctx = &progress, .operation = strcmp(method, "rehearse") != 0}; /* one that is lost is asked for anew */
	if (params == NULL) {
		rel_err_nomem(&err);
		return ctl_error(c, &err);
	}
	signal(SIGPIPE, SIG_IGN); /* nobody who stops reading changes what the status says */
	int status = ctl_request(c, &rq, &result);
	if (status >= 0)
		return status;
	ctl_holders_name(c, json_object_get(result, "holders"));
	status = print_result(c, result);
	json_decref(result);
	return status;
}

/* Both are told here, where their options have names, and with the daemon absent too. */
static int
check_options(const char *rehearse, const char *pause, const char *purge, dur_ns_t *ret_pause, struct rel_err *err)
{
	static const char *const words[] = {"auto", "never", "always"};
	size_t i = 0;
	while (rehearse != NULL && i < NELEM(words) && strcmp(rehearse, words[i]) != 0)
		i++;
	if (i == NELEM(words))
		return rel_err_set(err, REL_E_USAGE, "--rehearse is auto, never or always, not `%s`",
		    rehearse);
	if (purge != NULL && strcmp(purge, "soft") != 0 && strcmp(purge, "strict") != 0 && strcmp(purge, "brutal") != 0)
		return rel_err_set(err, REL_E_USAGE, "--purge is soft, strict or brutal, not `%s`", purge);
	struct rel_err why = REL_ERR_INIT;
	if (pause == NULL)
		return 0;
	if (rel_dur_parse(pause, ret_pause, &why) != 0)
		return rel_err_set(err, REL_E_USAGE,
		    "--max-pause: %s (durations are 500ms, 5s, 10m)", why.text);
	if (*ret_pause < DUR_MS || *ret_pause > 3600 * DUR_S)
		return rel_err_set(err, REL_E_USAGE, "--max-pause is between 1ms and 1h");
	return 0;
}

static json_t *
params_of(const struct ctl_args *a, struct rel_err *err)
{
	const char *rehearse = ctl_args_value(a, O_REHEARSE), *pause = ctl_args_value(a, O_MAX_PAUSE);
	const char *purge = ctl_args_value(a, O_PURGE);
	dur_ns_t d = 0;
	if (check_options(rehearse, pause, purge, &d, err) != 0)
		return NULL;
	json_t *p = json_object();
	int rc = p == NULL ? -1 : 0;
	if (a->arg_count > 0)
		rc |= json_object_set_new(p, "version", json_string(a->args[0]));
	if (rehearse != NULL)
		rc |= json_object_set_new(p, "rehearse", json_string(rehearse));
	if (purge != NULL)
		rc |= json_object_set_new(p, "purge", json_string(purge));
	if (pause != NULL)
		rc |= json_object_set_new(p, "max_pause_ms", json_integer(d / DUR_MS));
	if (rc == 0)
		return p;
	json_decref(p);
	rel_err_nomem(err);
	return NULL;
}

static int
change(struct ctl *c, const struct ctl_args *a, const char *method)
{
	struct rel_err err = REL_ERR_INIT;
	json_t *params = params_of(a, &err);
	return params != NULL ? run_operation(c, method, params) : ctl_error(c, &err);
}

static int
upgrade(struct ctl *c, const struct ctl_args *a)
{
	return change(c, a, "upgrade");
}

static int
downgrade(struct ctl *c, const struct ctl_args *a)
{
	return change(c, a, "downgrade");
}

static int
rollback(struct ctl *c, const struct ctl_args *a)
{
	return change(c, a, "rollback");
}

static int
rehearse(struct ctl *c, const struct ctl_args *a)
{
	return change(c, a, "rehearse");
}

static int
attach(struct ctl *c, const struct ctl_args *a)
{
	(void)a;
	return run_operation(c, "attach", json_object());
}

static int
call(struct ctl *c, const struct ctl_args *a)
{
	struct rel_err err = REL_ERR_INIT;
	json_error_t je;
	json_t *result = NULL;
	json_t *request = json_loads(a->args[1], JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &je);
	if (request == NULL) {
		rel_err_set(&err, REL_E_USAGE, "the request is not JSON: %s", je.text);
		return ctl_error(c, &err);
	}
	const struct ctl_request rq = {.method = "call",
	    .params = json_pack("{s:s, s:o}", "worker", a->args[0], "request", request)};
	int status = ctl_request(c, &rq, &result);
	return status >= 0 ? status : ctl_json(c, result);
}

static const struct ctl_opt change_opts[] = {
    {O_REHEARSE, "rehearse", "auto|never|always",
	"run code_change in a forked copy of each worker first (auto: where memory allows)"},
    {O_PURGE, "purge", "soft|strict|brutal", "strict: words in memory keep old code too; brutal: end who keeps "
	"it (without it nobody is ended)"},
    {O_MAX_PAUSE, "max-pause", "D", "refuse a longer forecast, and give up a bracket not decided in this time (1s)"},
    {0, NULL, NULL, NULL},
};

static const struct ctl_opt rehearse_opts[] = {
    {O_MAX_PAUSE, "max-pause", "D", "the time that a code_change may take (1s)"},
    {0, NULL, NULL, NULL},
};

const struct ctl_verb ctl_verbs_online[] = {
    {.name = "upgrade", .synopsis = "VERSION [--rehearse auto|never|always] [--purge soft|strict|brutal] [--max-pause D]",
	.help = "move the running system to a release", .min_args = 1, .max_args = 1,
	.opts = change_opts, .run = upgrade},
    {.name = "downgrade", .synopsis = "VERSION [--rehearse auto|never|always] [--purge soft|strict|brutal] [--max-pause D]",
	.help = "as upgrade, but only by a down script", .min_args = 1, .max_args = 1,
	.opts = change_opts, .run = downgrade},
    {.name = "rollback", .synopsis = "[--rehearse auto|never|always] [--purge soft|strict|brutal] [--max-pause D]",
	.help = "go back to the release that was permanent before", .max_args = 0,
	.opts = change_opts, .run = rollback},
    {.name = "rehearse", .synopsis = "VERSION [--max-pause D]",
	.help = "try an upgrade in copies of the workers, and nothing else", .min_args = 1, .max_args = 1,
	.opts = rehearse_opts, .run = rehearse},
    {.name = "attach", .synopsis = "", .help = "wait for the operation under way, or show the last",
	.run = attach},
    {.name = "call", .synopsis = "WORKER JSON", .help = "ask a worker's callback module",
	.min_args = 2, .max_args = 2, .run = call},
    {.name = NULL},
};
