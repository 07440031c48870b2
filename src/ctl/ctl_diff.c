/* SPDX-License-Identifier: Apache-2.0
 * relctl diff: what changes between two built releases, or two versions of an application, and what
 * each kind of worker will go through on the way.
 */
#include "config.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/ctl_built.h"
#include "plan/plan.h"

enum { O_LIB = 1, O_DETAILED };

struct diff {
	struct compare_release *old, *new;
	struct doc_problems p;        /* of the files */
};

/* ------------------------------------------------------------------ applications */
static json_t *
gone_json(const struct model_app *app, const char *change)
{
	return json_pack("{s:s, s:s, s:s}", "application", app->application, "change", change,
	    strcmp(change, "added") == 0 ? "to" : "from", app->version);
}

/* *ret: a list of those that differ. */
static int
applications(struct diff *d, json_t *list)
{
	for (size_t i = 0; i < d->new->sys->release->app_count; i++) {
		const struct compare_side *s = d->new->sides[i];
		const struct compare_side *was = compare_release_side(d->old, s->app->application);
		struct compare *c = NULL;
		if (was == NULL) {
			json_array_append_new(list, gone_json(s->app, "added"));
			continue;
		}
		if (compare_make(was, s, &c, &d->p) != 0)
			return -1;
		if (compare_differs(c) || strcmp(was->app->version, s->app->version) != 0)
			json_array_append_new(list, compare_json(c));
		compare_free(&c);
	}
	for (size_t i = 0; i < d->old->sys->release->app_count; i++)
		if (compare_release_side(d->new, d->old->sys->apps[i]->application) == NULL)
			json_array_append_new(list, gone_json(d->old->sys->apps[i], "deleted"));
	return 0;
}

/* ------------------------------------------------------------------ workers */
/* A worker's table: its callback module and what these import, transitively. */
struct table {
	size_t count;
	const char *modules[256];
};

static void
table_add(const struct compare_release *r, struct table *t, const char *module)
{
	for (size_t i = 0; i < t->count; i++)
		if (strcmp(t->modules[i], module) == 0)
			return;
	const struct model_app *owner = model_system_owner(r->sys, module);
	if (owner == NULL || t->count == NELEM(t->modules))
		return;
	t->modules[t->count++] = module;
	const struct elf_module *m =
	    compare_side_module(compare_release_side(r, owner->application), module);
	const struct elf_table *e = m != NULL ? elf_module_table(m) : NULL;
	for (size_t i = 0; e != NULL && i < e->import_count; i++)
		table_add(r, t, e->imports[i].module);
}

static bool
in_table(const struct table *t, const char *module)
{
	for (size_t i = 0; module != NULL && i < t->count; i++)
		if (strcmp(t->modules[i], module) == 0)
			return true;
	return false;
}

static void
step(json_t *steps, const char *what, const char *module)
{
	json_array_append_new(steps, json_pack("s++", what, " ", module));
}

static void
steps_of(const struct model_instr *in, const struct table *t, json_t *steps)
{
	const char *what = model_op_name(in->op);
	if (in->op == MODEL_OP_LOAD_OBJECT_CODE)
		return; /* outside of the pause, and of every worker */
	if (in_table(t, in->module))
		step(steps, what, in->module);
	for (size_t i = 0; i < in->suspend_count; i++)
		if (in_table(t, in->suspend[i].module))
			step(steps, what, in->suspend[i].module);
	for (size_t i = 0; i < in->change_count; i++)
		if (in_table(t, in->changes[i].module))
			step(steps, what, in->changes[i].module);
	for (size_t i = 0; i < in->modules.count; i++)
		if (in_table(t, in->modules.names[i]))
			step(steps, what, in->modules.names[i]);
}

struct workers {
	const struct diff *d;
	const struct model_script *script;
	const char *application;
	json_t *list;
};

static void
worker(void *ctx, const struct model_child *child)
{
	struct workers *w = ctx;
	if (child->module == NULL)
		return;
	struct table t = {0};
	json_t *steps = json_array();
	table_add(w->d->new, &t, child->module);
	table_add(w->d->old, &t, child->module);
	for (size_t i = 0; i < w->script->count; i++)
		steps_of(&w->script->instrs[i], &t, steps);
	json_array_append_new(w->list, json_pack("{s:s++, s:o}", "worker", w->application, "/", child->id,
	    "instructions", steps));
}

/* Does an appup of `newer` know a version of `older`? */
static bool
knows(const struct compare_release *newer, const struct compare_release *older, bool up)
{
	for (size_t i = 0; i < newer->sys->release->app_count; i++) {
		const struct model_appup *a = newer->sides[i]->appup;
		const struct compare_side *was = compare_release_side(older, newer->sides[i]->app->application);
		if (a != NULL && was != NULL &&
		    model_appup_find(up ? a->up : a->down, up ? a->up_count : a->down_count, was->app->version) != NULL)
			return true;
	}
	return false;
}

/* The appups of the newer of the two have both ways: from new to old it is their way down. */
static int
make_relup(const struct diff *d, struct model_relup **ret, struct doc_problems *p)
{
	bool down = !knows(d->new, d->old, true) && knows(d->old, d->new, false);
	const struct compare_release *newer = down ? d->old : d->new;
	size_t n = newer->sys->release->app_count;
	struct plan_base base = {.system = down ? d->new->sys : d->old->sys, .up = !down, .down = down};
	const struct model_appup **appups = calloc(n + 1, sizeof(*appups));
	if (appups == NULL) {
		doc_problem(p, NULL, REL_E_NOMEM, "out of memory");
		return -1;
	}
	for (size_t i = 0; i < n; i++)
		appups[i] = newer->sides[i]->appup;
	const struct plan_input in = {.to = newer->sys, .appups = appups, .bases = &base, .base_count = 1};
	int rc = plan_relup_make(&in, ret, p);
	free(appups);
	return rc;
}

/* Where there is no way, that is said in their place. */
static json_t *
workers(const struct diff *d, json_t **ret_why_not)
{
	struct doc_problems p = DOC_PROBLEMS_INIT;
	struct model_relup *r = NULL;
	struct workers w = {.d = d, .list = json_array()};
	struct rel_err err = REL_ERR_INIT;
	if (make_relup(d, &r, &p) == 0 && r->up_count + r->down_count == 1) {
		w.script = r->up_count > 0 ? &r->up[0].script : &r->down[0].script;
		for (size_t i = 0; i < d->new->sys->release->app_count; i++) {
			const struct model_app *app = d->new->sys->apps[d->new->sys->start[i]];
			w.application = app->application;
			compare_each_child(&app->supervisor, worker, &w);
		}
	} else if (doc_problems_result(&p, &err) != 0) {
		*ret_why_not = json_string(err.text);
	}
	model_relup_free(&r);
	doc_problems_fini(&p);
	return w.list;
}

/* ------------------------------------------------------------------ text */
static const char *
text_of(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));
	return text != NULL ? text : "";
}

static void
print_list(FILE *f, const char *before, const json_t *list, const char *after)
{
	size_t i;
	json_t *v;
	json_array_foreach (list, i, v)
		fprintf(f, "%s%s", i == 0 ? before : ", ", json_string_value(v));
	if (json_array_size(list) > 0)
		fputs(after, f);
}

static void
print_state(FILE *f, const json_t *s)
{
	const json_t *from = json_object_get(s, "from"), *to = json_object_get(s, "to");
	fprintf(f, "    state %s", text_of(s, "state"));
	if (json_is_integer(from) && json_is_integer(to))
		fprintf(f, ": version %lld → %lld", (long long)json_integer_value(from),
		    (long long)json_integer_value(to));
	else
		fputs(json_is_integer(to) ? ": new" : ": gone", f);
	fputs(json_is_true(json_object_get(s, "known")) ? "\n" : ", layout not known\n", f);
	size_t i;
	json_t *field;
	json_array_foreach (json_object_get(s, "fields"), i, field)
		fprintf(f, "      %s%s%s\n", text_of(field, "path"), text_of(field, "path")[0] != '\0' ? ": " : "",
		    text_of(field, "change"));
}

static void
print_application(FILE *f, const json_t *a)
{
	size_t i, k;
	json_t *m, *s;
	fprintf(f, "application %s  %s", text_of(a, "application"), text_of(a, "change"));
	fprintf(f, "  %s%s%s\n", text_of(a, "from"),
	    text_of(a, "from")[0] != '\0' && text_of(a, "to")[0] != '\0' ? " → " : "", text_of(a, "to"));
	json_array_foreach (json_object_get(a, "modules"), i, m) {
		fprintf(f, "  module %s  %s", text_of(m, "module"), text_of(m, "change"));
		print_list(f, " (", json_object_get(m, "what"), ")");
		fputc('\n', f);
		print_list(f, "    functions ", json_object_get(m, "functions"), "\n");
		json_array_foreach (json_object_get(m, "states"), k, s)
			print_state(f, s);
	}
	json_array_foreach (json_object_get(a, "children"), i, m)
		fprintf(f, "  child %s  %s%s%s%s\n", text_of(m, "child"), text_of(m, "change"),
		    text_of(m, "what")[0] != '\0' ? " (" : "", text_of(m, "what"),
		    text_of(m, "what")[0] != '\0' ? ")" : "");
	if (text_of(a, "supervisor")[0] != '\0')
		fprintf(f, "  supervisor  changed (%s)\n", text_of(a, "supervisor"));
	json_array_foreach (json_object_get(a, "env"), i, m)
		fprintf(f, "  env %s  %s\n", text_of(m, "key"), text_of(m, "change"));
	json_array_foreach (json_object_get(a, "depends"), i, m)
		fprintf(f, "  depends %s  %s\n", text_of(m, "application"), text_of(m, "change"));
}

static void
print_text(FILE *f, const json_t *v)
{
	size_t i;
	json_t *a, *w;
	if (json_array_size(json_object_get(v, "applications")) == 0)
		fputs("no difference\n", f);
	json_array_foreach (json_object_get(v, "applications"), i, a)
		print_application(f, a);
	json_array_foreach (json_object_get(v, "workers"), i, w) {
		fprintf(f, "worker %s", text_of(w, "worker"));
		print_list(f, ": ", json_object_get(w, "instructions"), "");
		fputs(json_array_size(json_object_get(w, "instructions")) == 0 ? ": nothing\n" : "\n", f);
	}
	if (text_of(v, "no_way")[0] != '\0')
		fprintf(f, "no way from %s to %s: %s\n", text_of(v, "from"), text_of(v, "to"), text_of(v, "no_way"));
}

/* ------------------------------------------------------------------ the verb */
static json_t *
releases_diff(struct diff *d)
{
	json_t *apps = json_array(), *why_not = NULL;
	if (applications(d, apps) != 0) {
		json_decref(apps);
		return NULL;
	}
	json_t *list = workers(d, &why_not);
	return json_pack("{s:s, s:s, s:o, s:o, s:o*}", "from", d->old->sys->release->version, "to",
	    d->new->sys->release->version, "applications", apps, "workers", list, "no_way", why_not);
}

static json_t *
apps_diff(const struct compare_side *old, const struct compare_side *new, struct doc_problems *p)
{
	struct compare *c = NULL;
	if (compare_make(old, new, &c, p) != 0)
		return NULL;
	json_t *v = json_pack("{s:s, s:s, s:[], s:[]}", "from", old->app->version, "to", new->app->version,
	    "applications", "workers");
	if (v != NULL && compare_differs(c))
		json_array_append_new(json_object_get(v, "applications"), compare_json(c));
	compare_free(&c);
	return v;
}

static bool
is_application(const char *path)
{
	char file[4200];
	snprintf(file, sizeof(file), "%s/app.yaml", path);
	return access(file, F_OK) == 0;
}

static json_t *
diff_of(struct diff *d, const struct ctl_args *a)
{
	json_t *v = NULL;
	struct ctl_libs libs = ctl_libs_of(a, O_LIB);
	if (is_application(a->args[0]) && is_application(a->args[1])) {
		struct compare_side *old = NULL, *new = NULL;
		int rc = compare_side_open(AT_FDCWD, a->args[0], a->args[0], &old, &d->p);
		rc |= compare_side_open(AT_FDCWD, a->args[1], a->args[1], &new, &d->p);
		if (rc == 0)
			v = apps_diff(old, new, &d->p);
		compare_side_close(&old);
		compare_side_close(&new);
		return v;
	}
	int rc = compare_release_open(a->args[0], libs.names, libs.count, &d->old, &d->p);
	rc |= compare_release_open(a->args[1], libs.names, libs.count, &d->new, &d->p);
	return rc == 0 ? releases_diff(d) : NULL;
}

static int
diff(struct ctl *c, const struct ctl_args *a)
{
	struct diff d = {.p = DOC_PROBLEMS_INIT};
	json_t *v = diff_of(&d, a);
	if (d.p.errors > 0) { /* what could not be read would count as a difference */
		json_decref(v);
		v = NULL;
	}
	int status = v != NULL && ctl_args_has(a, O_DETAILED) &&
	    json_array_size(json_object_get(v, "applications")) > 0 ? 2 : 0;
	if (v == NULL && d.p.errors == 0)
		doc_problem(&d.p, NULL, REL_E_NOMEM, "out of memory");
	else if (v != NULL && c->format == CTL_JSON)
		status = ctl_json(c, json_incref(v)) != 0 ? 1 : status;
	else if (v != NULL && ctl_json_plain(v) != 0)
		doc_problem(&d.p, NULL, REL_E_NOMEM, "out of memory");
	else if (v != NULL)
		print_text(c->out, v);
	json_decref(v);
	int told = ctl_problems(c, &d.p);
	compare_release_close(&d.old);
	compare_release_close(&d.new);
	doc_problems_fini(&d.p);
	return told != 0 ? told : status;
}

static const struct ctl_opt opts[] = {
    {O_LIB, "lib", "DIR", "holds APP-VERSION/ folders; repeated; default: ../../lib from each release"},
    {O_DETAILED, "detailed-exitcode", NULL, "exit with 2 where there are differences"},
    {0, NULL, NULL, NULL},
};

const struct ctl_verb ctl_verbs_diff[] = {
    {
	.name = "diff",
	.synopsis = "OLD NEW [--lib DIR …] [--detailed-exitcode]",
	.help = "what changes between two built releases, or two versions of an application",
	.min_args = 2,
	.max_args = 2,
	.opts = opts,
	.run = diff,
    },
    {.name = NULL},
};
