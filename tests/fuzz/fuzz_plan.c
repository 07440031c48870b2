/* SPDX-License-Identifier: Apache-2.0
 * The generator, structure-aware: the input is a stream of choices that write two releases and the
 * appups between them, mostly sensible ones.  What comes out must pass the checker, print as a relup
 * that decodes, and be the same the second time.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "plan/plan.h"

#define APPS_MAX    5
#define MODULES_MAX 5

struct choices {
	const uint8_t *data;
	size_t left;
};

/* 0 … n - 1; 0 where the input is at its end, so that a shorter input is a simpler case. */
static unsigned
pick(struct choices *c, unsigned n)
{
	if (c->left == 0)
		return 0;
	c->left--;
	return *c->data++ % n;
}

struct shape {
	unsigned apps;
	bool old[APPS_MAX], new[APPS_MAX], changed[APPS_MAX];
	unsigned old_modules[APPS_MAX], new_modules[APPS_MAX];
};

static void
shape_choose(struct choices *c, struct shape *s)
{
	s->apps = 1 + pick(c, APPS_MAX);
	for (unsigned a = 0; a < s->apps; a++) {
		unsigned where = pick(c, 8);
		s->old[a] = where != 1;
		s->new[a] = where != 2;
		s->changed[a] = pick(c, 4) != 1;
		s->old_modules[a] = 1 + pick(c, MODULES_MAX);
		s->new_modules[a] = s->changed[a] ? 1 + pick(c, MODULES_MAX) : s->old_modules[a];
	}
}

/* ------------------------------------------------------------------ documents */
static struct doc *
to_doc(struct rel_buf *b, const char *name)
{
	struct doc *d = NULL;
	struct rel_err err = REL_ERR_INIT;
	MUST(rel_buf_ok(b));
	MUST(doc_read_text(rel_buf_text(b), b->len, name, &doc_limits_written, &d, &err) == 0);
	rel_buf_fini(b);
	return d;
}

static struct model_app *
make_app(unsigned a, unsigned version, unsigned modules, bool depends)
{
	struct rel_buf b = REL_BUF_INIT;
	struct doc_problems p = DOC_PROBLEMS_INIT;
	struct model_app *app = NULL;
	rel_buf_printf(&b, "application: a%u\nversion: '%u'\nmodules: [", a, version);
	for (unsigned m = 0; m < modules; m++)
		rel_buf_printf(&b, "%sm%u_%u", m > 0 ? ", " : "", a, m);
	rel_buf_puts(&b, "]\n");
	if (depends)
		rel_buf_printf(&b, "depends: [a%u]\n", a - 1);
	MUST(model_app_decode(to_doc(&b, "app.yaml"), &app, &p) == 0);
	doc_problems_fini(&p);
	return app;
}

static struct model_release *
make_release(const struct shape *s, bool new)
{
	struct rel_buf b = REL_BUF_INIT;
	struct doc_problems p = DOC_PROBLEMS_INIT;
	struct model_release *r = NULL;
	static const char *const types[] = {"permanent", "temporary", "load", "none"};
	rel_buf_printf(&b, "release: rel\nversion: '%d'\nruntime: '1'\napplications:\n", new ? 2 : 1);
	rel_buf_puts(&b, "  - {application: zero, version: '1'}\n");
	for (unsigned a = 0; a < s->apps; a++)
		if (new ? s->new[a] : s->old[a])
			rel_buf_printf(&b, "  - {application: a%u, version: '%d', type: %s}\n", a,
			    new && s->changed[a] ? 2 : 1, types[s->old_modules[a] % 4]);
	MUST(model_release_decode(to_doc(&b, "release.yaml"), &r, &p) == 0);
	doc_problems_fini(&p);
	return r;
}

/* In the order written, which is a start order: an application depends only on the one before. */
static struct model_system *
make_system(const struct shape *s, bool new)
{
	struct model_system *sys = calloc(1, sizeof(*sys));
	MUST(sys != NULL);
	sys->release = make_release(s, new);
	size_t n = sys->release->app_count, at = 0;
	sys->apps = calloc(n, sizeof(struct model_app *));
	sys->start = calloc(n, sizeof(*sys->start));
	MUST(sys->apps != NULL && sys->start != NULL);
	sys->apps[at++] = make_app(99, 1, 1, false);
	sys->apps[0]->application = "zero";
	for (unsigned a = 0; a < s->apps; a++)
		if (new ? s->new[a] : s->old[a])
			sys->apps[at++] = make_app(a, new && s->changed[a] ? 2 : 1,
			    new ? s->new_modules[a] : s->old_modules[a], false);
	for (size_t i = 0; i < n; i++)
		sys->start[i] = i;
	return sys;
}

/* ------------------------------------------------------------------ appups */
static void
module_name(struct choices *c, const struct shape *s, unsigned a, struct rel_buf *b)
{
	unsigned of = pick(c, 6) == 1 ? pick(c, s->apps) : a;
	rel_buf_printf(b, "m%u_%u", of, pick(c, MODULES_MAX + 1));
}

static void
depends(struct choices *c, const struct shape *s, unsigned a, struct rel_buf *b)
{
	unsigned n = pick(c, 4);
	rel_buf_puts(b, ", depends: [");
	for (unsigned i = 0; i < n; i++) {
		rel_buf_puts(b, i > 0 ? ", " : "");
		module_name(c, s, a, b);
	}
	rel_buf_puts(b, "]");
}

static void
purge(struct choices *c, struct rel_buf *b)
{
	static const char *const methods[] = {"", ", pre_purge: brutal", ", post_purge: brutal",
	    ", pre_purge: brutal, post_purge: brutal"};
	rel_buf_puts(b, methods[pick(c, 4)]);
}

/* The m-th module of the application, or any. */
static void
module_instr(struct choices *c, const struct shape *s, unsigned a, unsigned m, struct rel_buf *b)
{
	static const char *const ops[] = {"update", "load_module", "add_module", "delete_module"};
	static const char *const changes[] = {"", ", change: {advanced: {x: [1, y]}}",
	    ", change: {advanced: }, type: static", ", timeout: 7s", ", barrier: worker, timeout: infinity"};
	unsigned op = pick(c, 4);
	rel_buf_printf(b, "{%s: {module: ", ops[op]);
	if (pick(c, 8) == 1)
		module_name(c, s, a, b);
	else
		rel_buf_printf(b, "m%u_%u", a, m);
	if (op == 0)
		rel_buf_puts(b, changes[pick(c, NELEM(changes))]);
	if (op != 3)
		purge(c, b);
	depends(c, s, a, b);
	rel_buf_puts(b, "}}");
}

static void
other_instr(struct choices *c, const struct shape *s, unsigned a, struct rel_buf *b)
{
	static const char *const texts[] = {"point_of_no_return", "{apply: {command: [bin/x, y]}}",
	    "restart_runtime", "restart_new_runtime", "{purge: [m0_0]}", "{sync_nodes: {id: 1, nodes: [b]}}",
	    "{suspend: [{module: m0_1}]}", "{resume: [m0_1]}", "{load: {module: m0_1}}", "{stop: [m0_2]}",
	    "{start: [m0_2]}", "{code_change: {mode: up, modules: [{module: m0_1}]}}",
	    "{load_object_code: {application: a0, version: '2', modules: [m0_1]}}",
	    "{update_supervisor: {application: a0}}", "{restart_worker: {application: a0, child: w}}"};
	static const char *const apps[] = {"add_application", "remove_application", "restart_application"};
	unsigned n = pick(c, NELEM(texts) + 3);
	if (n < NELEM(texts))
		rel_buf_puts(b, texts[n]);
	else
		rel_buf_printf(b, "{%s: {application: a%u}}", apps[n - NELEM(texts)],
		    pick(c, 4) == 1 ? pick(c, s->apps) : a);
}

static void
instructions(struct choices *c, const struct shape *s, unsigned a, struct rel_buf *b)
{
	unsigned n = s->new_modules[a] > s->old_modules[a] ? s->new_modules[a] : s->old_modules[a];
	const char *comma = "";
	rel_buf_puts(b, "[");
	for (unsigned m = 0; m < n; m++) {
		rel_buf_puts(b, comma);
		comma = ", ";
		if (pick(c, 6) == 1)
			other_instr(c, s, a, b);
		else
			module_instr(c, s, a, m, b);
	}
	rel_buf_puts(b, "]");
}

static struct model_appup *
make_appup(struct choices *c, const struct shape *s, unsigned a)
{
	struct rel_buf b = REL_BUF_INIT;
	struct doc_problems p = DOC_PROBLEMS_INIT;
	struct model_appup *appup = NULL;
	static const char *const other[] = {"'1'", "{matching: '[0-9]+'}", "'7'"};
	unsigned which = pick(c, 12);
	rel_buf_printf(&b, "application: a%u\nversion: '2'\nup:\n  - from: %s\n    instructions: ", a,
	    other[which < 3 ? which : 0]);
	instructions(c, s, a, &b);
	rel_buf_printf(&b, "\ndown:\n  - to: %s\n    instructions: ", other[which < 3 ? which : 0]);
	instructions(c, s, a, &b);
	rel_buf_puts(&b, "\n");
	/* The decoder may refuse it (a timeout of infinity without its barrier …): then it is absent. */
	if (model_appup_decode(to_doc(&b, "appup.yaml"), &appup, &p) != 0)
		MUST(p.errors > 0);
	doc_problems_fini(&p);
	return appup;
}

/* ------------------------------------------------------------------ the property */
static char *
make_relup(const struct plan_input *in)
{
	struct doc_problems p = DOC_PROBLEMS_INIT;
	struct model_relup *r = NULL;
	char *text = NULL;
	if (plan_relup_make(in, &r, &p) == 0) {
		for (size_t i = 0; i < r->up_count + r->down_count; i++)
			MUST(model_script_check(i < r->up_count ? &r->up[i].script
			    : &r->down[i - r->up_count].script, &p) == 0);
		json_t *v = model_relup_json(r);
		text = v != NULL ? doc_json_pretty(v) : NULL;
		MUST(text != NULL);
		json_decref(v);
	} else {
		MUST(p.errors > 0);
	}
	model_relup_free(&r);
	doc_problems_fini(&p);
	return text;
}

static void
decodes(const char *text)
{
	struct doc *d = NULL;
	struct rel_err err = REL_ERR_INIT;
	struct doc_problems p = DOC_PROBLEMS_INIT;
	struct model_relup *r = NULL;
	MUST(doc_read_text(text, strlen(text), "relup.json", &doc_limits_generated, &d, &err) == 0);
	MUST(model_relup_decode(d, &r, &p) == 0);
	model_relup_free(&r);
	doc_problems_fini(&p);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct choices c = {data, size};
	struct shape s = {0};
	shape_choose(&c, &s);
	struct plan_base base = {.system = make_system(&s, false), .up = true, .down = true};
	struct model_system *to = make_system(&s, true);
	struct model_appup *appups[APPS_MAX + 1] = {NULL};
	size_t at = 1;
	for (unsigned a = 0; a < s.apps; a++)
		if (s.new[a])
			appups[at++] = s.changed[a] ? make_appup(&c, &s, a) : NULL;
	const struct plan_input in = {.to = to, .appups = (const struct model_appup *const *)appups,
	    .bases = &base, .base_count = 1, .restart_runtime = pick(&c, 16) == 1};
	char *once = make_relup(&in), *twice = make_relup(&in);
	MUST((once == NULL) == (twice == NULL) && (once == NULL || strcmp(once, twice) == 0));
	if (once != NULL)
		decodes(once);
	free(once);
	free(twice);
	for (size_t i = 0; i < NELEM(appups); i++)
		model_appup_free(&appups[i]);
	struct model_system *from = (struct model_system *)(uintptr_t)base.system;
	model_system_free(&from);
	model_system_free(&to);
	return 0;
}
