/* SPDX-License-Identifier: Apache-2.0
 * relctl graph: the applications and modules of a release in dependency order: a tree, DOT, or JSON.
 * With --from, what changes from another release stands beside each.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "ctl/ctl_built.h"

enum { O_LIB = 1, O_FROM, O_DOT };

struct graph {
	struct compare_release *to, *from; /* from: NULL without --from */
	struct doc_problems p;
};

/* ------------------------------------------------------------------ as JSON: what is printed */
/* Callees first; a cycle is cut where it is met again. */
static void
order_module(const struct compare_side *s, size_t at, bool *seen, size_t *order, size_t *n)
{
	if (seen[at])
		return;
	seen[at] = true;
	for (size_t i = 0; i < s->app->modules.count; i++)
		if (compare_imports(s->modules[at], s->app->modules.names[i]))
			order_module(s, i, seen, order, n);
	order[(*n)++] = at;
}

static json_t *
imports_json(const struct elf_module *m)
{
	json_t *a = json_array();
	const struct elf_table *t = m != NULL ? elf_module_table(m) : NULL;
	for (size_t i = 0; t != NULL && i < t->import_count; i++)
		json_array_append_new(a, json_string(t->imports[i].module));
	return a;
}

static const char *
module_change(const struct compare *c, const char *module)
{
	const struct compare_module *m = c != NULL ? compare_module(c, module) : NULL;
	return m != NULL ? compare_what_name(m->what) : NULL;
}

static json_t *
modules_json(const struct compare_side *s, const struct compare *c)
{
	size_t count = s->app->modules.count, n = 0;
	json_t *list = json_array();
	bool *seen = calloc(count + 1, sizeof(*seen));
	size_t *order = calloc(count + 1, sizeof(*order));
	for (size_t i = 0; seen != NULL && order != NULL && i < count; i++)
		order_module(s, i, seen, order, &n);
	for (size_t i = 0; i < n; i++) {
		const char *module = s->app->modules.names[order[i]];
		json_array_append_new(list, json_pack("{s:s, s:o, s:s*}", "module", module, "imports",
		    imports_json(s->modules[order[i]]), "change", module_change(c, module)));
	}
	for (size_t i = 0; c != NULL && i < c->module_count; i++)
		if (c->modules[i].what == COMPARE_DELETED)
			json_array_append_new(list, json_pack("{s:s, s:[], s:s}", "module", c->modules[i].module,
			    "imports", "change", "deleted"));
	free(seen);
	free(order);
	return list;
}

static json_t *
names_json(const struct model_names *l)
{
	json_t *a = json_array();
	for (size_t i = 0; i < l->count; i++)
		json_array_append_new(a, json_string(l->names[i]));
	return a;
}

static json_t *
application_json(struct graph *g, const struct compare_side *s)
{
	const struct compare_side *was =
	    g->from != NULL ? compare_release_side(g->from, s->app->application) : NULL;
	struct compare *c = NULL;
	if (was != NULL && compare_make(was, s, &c, &g->p) != 0)
		return NULL;
	const char *change = g->from == NULL ? NULL : was == NULL ? "added"
	    : strcmp(was->app->version, s->app->version) != 0 ? "changed" : NULL;
	json_t *o = json_pack("{s:s, s:s, s:s*, s:s*, s:o, s:o}", "application", s->app->application, "version",
	    s->app->version, "change", change, "from", change != NULL && was != NULL ? was->app->version : NULL,
	    "depends", names_json(&s->app->depends), "modules", modules_json(s, c));
	compare_free(&c);
	return o;
}

static json_t *
graph_json(struct graph *g)
{
	json_t *apps = json_array();
	const struct model_system *sys = g->to->sys;
	for (size_t i = 0; i < sys->release->app_count; i++)
		json_array_append_new(apps, application_json(g, g->to->sides[sys->start[i]]));
	for (size_t i = 0; g->from != NULL && i < g->from->sys->release->app_count; i++) {
		const struct model_app *app = g->from->sys->apps[i];
		if (compare_release_side(g->to, app->application) == NULL)
			json_array_append_new(apps, json_pack("{s:s, s:s, s:s, s:[], s:[]}", "application",
			    app->application, "version", app->version, "change", "deleted", "depends", "modules"));
	}
	return json_pack("{s:s, s:s, s:s*, s:o}", "release", sys->release->release, "version",
	    sys->release->version, "from", g->from != NULL ? g->from->sys->release->version : NULL,
	    "applications", apps);
}

/* ------------------------------------------------------------------ text */
static const char *
text_of(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));
	return text != NULL ? text : "";
}

static void
print_names(FILE *f, const char *before, const json_t *names)
{
	size_t i;
	json_t *n;
	json_array_foreach (names, i, n)
		fprintf(f, "%s%s", i == 0 ? before : ", ", json_string_value(n));
}

static void
print_change(FILE *f, const json_t *o)
{
	if (text_of(o, "from")[0] != '\0')
		fprintf(f, "  [was %s]", text_of(o, "from"));
	else if (text_of(o, "change")[0] != '\0')
		fprintf(f, "  [%s]", text_of(o, "change"));
	fputc('\n', f);
}

static void
print_tree(FILE *f, const json_t *g)
{
	const json_t *apps = json_object_get(g, "applications");
	fprintf(f, "release %s %s%s%s\n", text_of(g, "release"), text_of(g, "version"),
	    text_of(g, "from")[0] != '\0' ? ", from " : "", text_of(g, "from"));
	size_t i, k;
	json_t *a, *m;
	json_array_foreach (apps, i, a) {
		bool last = i + 1 == json_array_size(apps);
		const json_t *modules = json_object_get(a, "modules");
		fprintf(f, "%s %s %s", last ? "└─" : "├─", text_of(a, "application"), text_of(a, "version"));
		print_names(f, ", after ", json_object_get(a, "depends"));
		print_change(f, a);
		json_array_foreach (modules, k, m) {
			fprintf(f, "%s  %s %s", last ? " " : "│", k + 1 == json_array_size(modules) ? "└─" : "├─",
			    text_of(m, "module"));
			print_names(f, ", calls ", json_object_get(m, "imports"));
			print_change(f, m);
		}
	}
}

/* ------------------------------------------------------------------ DOT */
static const char *
colour(const json_t *o)
{
	const char *change = text_of(o, "change");
	return strcmp(change, "added") == 0 ? "palegreen" : strcmp(change, "deleted") == 0 ? "lightpink"
	    : strcmp(change, "changed") == 0 ? "khaki" : "white";
}

/* Names are [a-z][a-z0-9_]*, but `node` and `graph` are names too: all of them are quoted. */
static void
print_dot(FILE *f, const json_t *g)
{
	size_t i, k, n;
	json_t *a, *m, *to;
	fprintf(f, "digraph \"%s %s\" {\n", text_of(g, "release"), text_of(g, "version"));
	fputs("\t// Boxes are modules, in their applications.  An arrow leads to a module that is called, a\n"
	      "\t// dashed one to an application that is started before.\n", f);
	if (text_of(g, "from")[0] != '\0')
		fprintf(f, "\t// Since %s: green was added, yellow changed, red deleted.\n", text_of(g, "from"));
	fputs("\trankdir=LR;\n\tcompound=true;\n\tnode [shape=box, style=filled, fillcolor=white];\n", f);
	json_array_foreach (json_object_get(g, "applications"), i, a) {
		fprintf(f, "\tsubgraph \"cluster_%s\" {\n\t\tlabel=\"%s %s\"; style=filled; color=black; "
			   "fillcolor=%s;\n\t\t\"app %s\" [shape=point, style=invis];\n", text_of(a, "application"),
		    text_of(a, "application"), text_of(a, "version"), colour(a), text_of(a, "application"));
		json_array_foreach (json_object_get(a, "modules"), k, m)
			fprintf(f, "\t\t\"%s\" [fillcolor=%s];\n", text_of(m, "module"), colour(m));
		fputs("\t}\n", f);
	}
	json_array_foreach (json_object_get(g, "applications"), i, a) {
		json_array_foreach (json_object_get(a, "modules"), k, m)
			json_array_foreach (json_object_get(m, "imports"), n, to)
				fprintf(f, "\t\"%s\" -> \"%s\";\n", text_of(m, "module"), json_string_value(to));
		json_array_foreach (json_object_get(a, "depends"), n, to)
			fprintf(f, "\t\"app %s\" -> \"app %s\" [ltail=\"cluster_%s\", lhead=\"cluster_%s\", "
				   "style=dashed];\n",
			    text_of(a, "application"), json_string_value(to), text_of(a, "application"),
			    json_string_value(to));
	}
	fputs("}\n", f);
}

/* ------------------------------------------------------------------ the verb */
static int
graph(struct ctl *c, const struct ctl_args *a)
{
	struct graph g = {.p = DOC_PROBLEMS_INIT};
	struct ctl_libs libs = ctl_libs_of(a, O_LIB);
	const char *from = ctl_args_value(a, O_FROM);
	int status = 0;
	json_t *v = NULL;
	int rc = compare_release_open(a->args[0], libs.names, libs.count, &g.to, &g.p);
	if (from != NULL)
		rc |= compare_release_open(from, libs.names, libs.count, &g.from, &g.p);
	if (rc == 0)
		v = graph_json(&g);
	if (g.p.errors > 0) { /* what could not be read would seem to call nothing */
		json_decref(v);
		v = NULL;
	}
	if (v != NULL && c->format == CTL_JSON)
		status = ctl_json(c, json_incref(v));
	else if (v != NULL && ctl_json_plain(v) != 0)
		doc_problem(&g.p, NULL, REL_E_NOMEM, "out of memory");
	else if (v != NULL && ctl_args_has(a, O_DOT))
		print_dot(c->out, v);
	else if (v != NULL)
		print_tree(c->out, v);
	else if (g.p.errors == 0)
		doc_problem(&g.p, NULL, REL_E_NOMEM, "out of memory");
	json_decref(v);
	int told = ctl_problems(c, &g.p);
	compare_release_close(&g.to);
	compare_release_close(&g.from);
	doc_problems_fini(&g.p);
	return status != 0 ? status : told;
}

static const struct ctl_opt opts[] = {
    {O_LIB, "lib", "DIR", "holds APP-VERSION/ folders; repeated; default: ../../lib from the release"},
    {O_FROM, "from", "OLD.yaml", "show what changes from this release"},
    {O_DOT, "dot", NULL, "for Graphviz: pipe it into `dot -Tsvg`"},
    {0, NULL, NULL, NULL},
};

const struct ctl_verb ctl_verbs_graph[] = {
    {
	.name = "graph",
	.synopsis = "RELEASE.yaml [--lib DIR …] [--from OLD.yaml] [--dot]",
	.help = "applications and modules of a release in dependency order",
	.min_args = 1,
	.max_args = 1,
	.opts = opts,
	.run = graph,
    },
    {.name = NULL},
};
