/* SPDX-License-Identifier: Apache-2.0
 * The verbs that look: plan, status, list, history.  With -o json they print what relupd answered,
 * in text a table of the same object.
 */
#include "config.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl_client.h"
#include "ctl/ctl_table.h"
#include "ctl/ctl_object.h"
#include "proto/proto.h"

enum { O_OUT = 1 };

static const char *
text_of(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static int
ask(struct ctl *c, const char *method, json_t *params, json_t **ret)
{
	const struct ctl_request rq = {.method = method, .params = params};
	return ctl_request(c, &rq, ret);
}

/* ------------------------------------------------------------------ status */

static void
add_modules(struct rel_buf *b, const json_t *modules)
{
	size_t i;
	json_t *m;
	json_array_foreach (modules, i, m) {
		rel_buf_printf(b, "%s%s %s", i > 0 ? ", " : "", text_of(m, "module"),
		    text_of(m, "current"));
		json_int_t held = json_integer_value(json_object_get(m, "held_by"));
		if (text_of(m, "old") != NULL)
			rel_buf_printf(b, " (old %s", text_of(m, "old"));
		if (text_of(m, "old") != NULL && held > 0)
			rel_buf_printf(b, ", held by %" JSON_INTEGER_FORMAT, held);
		if (text_of(m, "old") != NULL)
			rel_buf_printf(b, ")");
	}
}

/* What an earlier process of it died of. */
static void
add_fault(struct rel_buf *b, const json_t *f)
{
	if (f != NULL && text_of(f, "text") != NULL && text_of(f, "at") != NULL)
		rel_buf_printf(b, "%slast fault %s: %s", b->len > 0 ? "; " : "", text_of(f, "at"), text_of(f, "text"));
}

static void
print_workers(struct ctl *c, const json_t *workers)
{
	struct ctl_table t;
	static const char *const heads[] = {"WORKER", "STATE", "PID", "RESTARTS", "SINCE", "MODULES"};
	ctl_table_init(&t, heads, NELEM(heads));
	size_t i;
	json_t *w;
	json_array_foreach (workers, i, w) {
		ctl_table_cell(&t, text_of(w, "worker"));
		ctl_table_cell(&t, text_of(w, "state"));
		json_int_t pid = json_integer_value(json_object_get(w, "pid"));
		if (pid != 0)
			ctl_table_cellf(&t, "%" JSON_INTEGER_FORMAT, pid);
		else
			ctl_table_cell(&t, NULL);
		ctl_table_cellf(&t, "%" JSON_INTEGER_FORMAT,
		    json_integer_value(json_object_get(w, "restarts")));
		ctl_table_cell(&t, text_of(w, "since"));
		struct rel_buf b = REL_BUF_INIT;
		add_modules(&b, json_object_get(w, "modules"));
		json_int_t tasks = json_integer_value(json_object_get(w, "tasks"));
		if (tasks > 0)
			rel_buf_printf(&b, "; %" JSON_INTEGER_FORMAT " task%s", tasks, tasks == 1 ? "" : "s");
		if (text_of(w, "reason") != NULL)
			rel_buf_printf(&b, "%s%s", b.len > 0 ? "; " : "", text_of(w, "reason"));
		else
			add_fault(&b, json_object_get(w, "last_fault"));
		ctl_table_cell(&t, rel_buf_text(&b));
		rel_buf_fini(&b);
	}
	ctl_table_print(&t, c->out);
}

static void
print_status(struct ctl *c, const json_t *s)
{
	const json_t *r = json_object_get(s, "release"), *op = json_object_get(s, "operation");
	const json_t *d = json_object_get(s, "daemon");
	if (json_is_object(r))
		fprintf(c->out, "release    %s %s (%s)\n", text_of(r, "name"), text_of(r, "version"),
		    text_of(r, "state"));
	else
		fputs("release    none\n", c->out);
	fprintf(c->out, "daemon     relupd %s, pid %" JSON_INTEGER_FORMAT ", since %s\n",
	    text_of(d, "version"), json_integer_value(json_object_get(d, "pid")), text_of(d, "since"));
	if (json_is_object(op)) {
		json_int_t id = json_integer_value(json_object_get(op, "operation"));
		fputs("operation  ", c->out);
		if (id != 0) /* a rehearsal has none, nor one that waits for workers to be up */
			fprintf(c->out, "%" JSON_INTEGER_FORMAT ": ", id);
		fprintf(c->out, "%s %s -> %s, %s: ", text_of(op, "kind"), text_of(op, "from"),
		    text_of(op, "to"), text_of(op, "phase"));
		ctl_put(c->out, text_of(op, "text"));
		fputc('\n', c->out);
	} else
		fputs("operation  none\n", c->out);
	size_t i;
	json_t *a;
	json_array_foreach (json_object_get(s, "applications"), i, a)
		fprintf(c->out, "%s %s %s (%s)\n", i == 0 ? "runs      " : "          ",
		    text_of(a, "application"), text_of(a, "version"), text_of(a, "state"));
	if (json_array_size(json_object_get(s, "workers")) > 0) {
		fputc('\n', c->out);
		print_workers(c, json_object_get(s, "workers"));
	}
}

/* 0: all is well and permanent; 1: some worker failed; 3: nothing runs, or on probation. */
static int
status_of(const json_t *s)
{
	const json_t *r = json_object_get(s, "release");
	if (!json_is_object(r) || strcmp(text_of(r, "state"), "permanent") != 0)
		return 3;
	size_t i;
	json_t *w;
	json_array_foreach (json_object_get(s, "workers"), i, w)
		if (strcmp(text_of(w, "state"), "failed") == 0)
			return 1;
	return 0;
}

static int
status(struct ctl *c, const struct ctl_args *a)
{
	json_t *s = NULL;
	int rc = ask(c, "status", a->arg_count > 0 ? json_pack("{s:s}", "worker", a->args[0])
						   : json_object(), &s);
	if (rc >= 0)
		return rc;
	int state = status_of(s);
	if (c->format == CTL_JSON)
		return ctl_json(c, s) != 0 ? 1 : state;
	print_status(c, s);
	json_decref(s);
	return state;
}

/* ------------------------------------------------------------------ list, history */

static int
list(struct ctl *c, const struct ctl_args *a)
{
	(void)a;
	json_t *l = NULL;
	int rc = ask(c, "list", json_object(), &l);
	if (rc >= 0)
		return rc;
	if (c->format == CTL_JSON)
		return ctl_json(c, l);
	static const char *const heads[] = {"RELEASE", "VERSION", "STATE", "APPLICATIONS"};
	struct ctl_table t;
	ctl_table_init(&t, heads, NELEM(heads));
	size_t i, k;
	json_t *r, *app;
	json_array_foreach (l, i, r) {
		struct rel_buf b = REL_BUF_INIT;
		json_array_foreach (json_object_get(r, "applications"), k, app)
			rel_buf_printf(&b, "%s%s %s", k > 0 ? ", " : "", text_of(app, "application"),
			    text_of(app, "version"));
		ctl_table_cell(&t, text_of(r, "name"));
		ctl_table_cell(&t, text_of(r, "version"));
		ctl_table_cell(&t, text_of(r, "state"));
		ctl_table_cell(&t, rel_buf_text(&b));
		rel_buf_fini(&b);
	}
	ctl_table_print(&t, c->out);
	json_decref(l);
	return 0;
}

static int
history(struct ctl *c, const struct ctl_args *a)
{
	(void)a;
	json_t *l = NULL;
	int rc = ask(c, "history", json_object(), &l);
	if (rc >= 0)
		return rc;
	if (c->format == CTL_JSON)
		return ctl_json(c, l);
	static const char *const heads[] = {"OPERATION", "AT", "WHO", "KIND", "FROM", "TO", "OUTCOME",
	    "PAUSE", "REASON"};
	struct ctl_table t;
	ctl_table_init(&t, heads, NELEM(heads));
	size_t i;
	json_t *h;
	json_array_foreach (l, i, h) {
		ctl_table_cellf(&t, "%" JSON_INTEGER_FORMAT,
		    json_integer_value(json_object_get(h, "operation")));
		static const char *const keys[] = {"at", "who", "kind", "from", "to", "outcome"};
		for (size_t k = 0; k < NELEM(keys); k++)
			ctl_table_cell(&t, text_of(h, keys[k]));
		const json_t *pause = json_object_get(h, "longest_pause_us");
		if (json_integer_value(pause) > 0)
			ctl_table_cellf(&t, "%" JSON_INTEGER_FORMAT " us", json_integer_value(pause));
		else
			ctl_table_cell(&t, NULL);
		ctl_table_cell(&t, text_of(h, "reason") != NULL ? text_of(h, "reason") : "");
	}
	ctl_table_print(&t, c->out);
	json_decref(l);
	return 0;
}

/* ------------------------------------------------------------------ plan */

static void
print_instruction(FILE *f, size_t i, const json_t *in)
{
	const char *bare = json_string_value(in), *name = NULL;
	json_t *arg = NULL;
	if (bare == NULL) {
		const char *key;
		json_t *v;
		json_object_foreach ((json_t *)(uintptr_t)in, key, v) {
			name = key;
			arg = v;
		}
	}
	char *text = arg != NULL ? json_dumps(arg, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
	if (text != NULL) {
		fprintf(f, "%3zu  %-18s ", i + 1, name);
		ctl_put(f, text);
		fputc('\n', f);
	} else
		fprintf(f, "%3zu  %s\n", i + 1, bare != NULL ? bare : name);
	free(text);
}

/* The flag stands in the module's file, which relupd does not read. */
static bool
converts_in_place(const struct ctl *c, const json_t *change)
{
	struct elf_module *m = ctl_object_open(c, text_of(change, "digest"));
	if (m == NULL)
		return false;
	const struct elf_table *t = elf_module_table(m);
	bool in_place = t->state == ELF_TABLE_READ && (t->flags & ELF_FLAG_IN_PLACE) != 0;
	elf_module_close(&m);
	return in_place;
}

/* What is converted in place has no old state to go back to. */
static void
mark_in_place(const struct ctl *c, json_t *plan)
{
	size_t i, k;
	json_t *change, *w;
	char text[REL_NAME_MAX + 16];
	json_array_foreach (json_object_get(plan, "changes"), i, change) {
		if (!converts_in_place(c, change))
			continue;
		snprintf(text, sizeof(text), "code_change %s", text_of(change, "module"));
		json_array_foreach (json_object_get(plan, "workers"), k, w)
			if (proto_json_lists(json_object_get(w, "instructions"), text))
				(void)json_object_set_new(w, "undo", json_string("restart"));
	}
}

static void
print_holders(FILE *f, const char *what, const json_t *list)
{
	if (json_array_size(list) == 0)
		return;
	fprintf(f, "\n%s\n", what);
	ctl_holders_print(f, list);
}

/* What goes with a worker that has to be killed for its tasks. */
static void
print_kills(FILE *f, const json_t *kills)
{
	const char *last = "";
	size_t i;
	json_t *h;
	print_holders(f, "the script's brutal purge would end (`--purge brutal` allows it; else it is blocked):", kills);
	json_array_foreach (kills, i, h) {
		if (strcmp(last, text_of(h, "worker")) == 0)
			continue;
		last = text_of(h, "worker");
		fprintf(f, "%s, pid %" JSON_INTEGER_FORMAT ", is killed where they do not end when told to: it has %"
		    JSON_INTEGER_FORMAT " descriptors open\n", last, json_integer_value(json_object_get(h, "pid")),
		    json_integer_value(json_object_get(h, "fds")));
	}
}

static void
print_plan(struct ctl *c, const json_t *p)
{
	if (strcmp(text_of(p, "from"), text_of(p, "to")) == 0) {
		fprintf(c->out, "nothing to do: %s runs already\n", text_of(p, "to"));
		return;
	}
	fprintf(c->out, "%s -> %s\n", text_of(p, "from"), text_of(p, "to"));
	size_t i, k;
	json_t *in, *w;
	json_array_foreach (json_object_get(p, "instructions"), i, in)
		print_instruction(c->out, i, in);
	fputc('\n', c->out);
	json_array_foreach (json_object_get(p, "workers"), i, w) {
		const json_t *us = json_object_get(w, "forecast_us");
		char buf[32];
		fprintf(c->out, "%s (undo: %s%s%s):", text_of(w, "worker"), text_of(w, "undo"),
		    json_is_integer(us) ? ", forecast: " : "",
		    json_is_integer(us) ? ctl_us(buf, sizeof(buf), json_integer_value(us)) : "");
		json_array_foreach (json_object_get(w, "instructions"), k, in)
			fprintf(c->out, "%s %s", k > 0 ? "," : "", json_string_value(in));
		fputs(json_array_size(json_object_get(w, "instructions")) == 0 ? " nothing\n" : "\n",
		    c->out);
	}
	print_holders(c->out, "in the way, which blocks it (`--purge brutal` ends them):", json_object_get(p, "holders"));
	print_kills(c->out, json_object_get(p, "kills"));
	if (json_array_size(json_object_get(p, "kills")) == 0)
		fputs("nothing is killed\n", c->out);
}

static int
write_out(struct ctl *c, const char *path, json_t *p)
{
	struct rel_err err = REL_ERR_INIT;
	CLEANUP(rel_free_cleanup) char *text = doc_json_pretty(p);
	if (text == NULL)
		rel_err_nomem(&err);
	else if (ctl_out_file(path, text, &err) == 0)
		return 0;
	return ctl_error(c, &err);
}

static int
plan(struct ctl *c, const struct ctl_args *a)
{
	json_t *p = NULL;
	int rc = ask(c, "plan", json_pack("{s:s}", "version", a->args[0]), &p);
	if (rc >= 0)
		return rc;
	const char *out = ctl_args_value(a, O_OUT);
	ctl_holders_name(c, json_object_get(p, "holders"));
	mark_in_place(c, p);
	rc = out != NULL ? write_out(c, out, p) : 0;
	if (rc == 0 && c->format == CTL_JSON)
		return ctl_json(c, p);
	if (rc == 0)
		print_plan(c, p);
	json_decref(p);
	return rc;
}

static const struct ctl_opt plan_opts[] = {
    {O_OUT, "out", "FILE", "also write the plan as JSON to FILE"},
    {0, NULL, NULL, NULL},
};

const struct ctl_verb ctl_verbs_show[] = {
    {.name = "status", .synopsis = "[WORKER]", .help = "what runs: release, operation, workers",
	.max_args = 1, .run = status},
    {.name = "plan", .synopsis = "VERSION [--out FILE]", .help = "what an upgrade would run",
	.min_args = 1, .max_args = 1, .opts = plan_opts, .run = plan},
    {.name = "holders", .synopsis = "[VERSION] [--memory]",
	.help = "who keeps old code, or that of VERSION, in use", .max_args = 1, .opts = ctl_holders_opts,
	.run = ctl_holders},
    {.name = "list", .synopsis = "", .help = "the releases of the root", .run = list},
    {.name = "history", .synopsis = "", .help = "the operations, newest first", .run = history},
    {.name = NULL},
};
