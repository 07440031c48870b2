/* SPDX-License-Identifier: Apache-2.0
 * A comparison as JSON: what relctl diff prints, in text as well.
 */
#include "config.h"

#include <string.h>

#include "compare/compare.h"

const char *
compare_what_name(enum compare_what what)
{
	static const char *const names[] = {[COMPARE_SAME] = "same", [COMPARE_ADDED] = "added",
	    [COMPARE_DELETED] = "deleted", [COMPARE_CHANGED] = "changed"};
	MUST((size_t)what < NELEM(names));
	return names[what];
}

static json_t *
aspects(const struct compare_module *m)
{
	const struct {
		const char *name;
		bool differs;
	} list[] = {{"build-id", m->build_id}, {"vsn", m->vsn}, {"callbacks", m->callbacks},
	    {"imports", m->imports}, {"functions", m->functions}, {"interface", m->interface}};
	json_t *a = json_array();
	for (size_t i = 0; a != NULL && i < NELEM(list); i++)
		if (list[i].differs)
			json_array_append_new(a, json_string(list[i].name));
	return a;
}

static bool
has_function(const struct elf_module *m, const char *name)
{
	const struct elf_table *t = elf_module_table(m);
	for (size_t i = 0; i < t->function_count; i++)
		if (strcmp(t->functions[i].name, name) == 0)
			return true;
	return false;
}

/* "+name", "-name" */
static void
functions_of(json_t *a, const struct elf_module *m, const struct elf_module *other, const char *sign)
{
	const struct elf_table *t = elf_module_table(m);
	for (size_t i = 0; a != NULL && i < t->function_count; i++)
		if (!has_function(other, t->functions[i].name))
			json_array_append_new(a, json_pack("s+", sign, t->functions[i].name));
}

static json_t *
functions(const struct compare_module *m)
{
	json_t *a = json_array();
	if (m->old != NULL && m->new != NULL) {
		functions_of(a, m->new, m->old, "+");
		functions_of(a, m->old, m->new, "-");
	}
	return a;
}

static json_t *
version_json(const struct elf_state_type *t)
{
	return t != NULL ? json_integer(t->version) : json_null();
}

static json_t *
state_json(const struct compare_state *s)
{
	json_t *fields = json_array();
	for (size_t i = 0; s->diffs != NULL && i < s->diffs->count; i++)
		json_array_append_new(fields, json_pack("{s:s, s:s}", "path", s->diffs->list[i].path, "change",
		    s->diffs->list[i].text));
	return json_pack("{s:s, s:b, s:o, s:o, s:b, s:o}", "state", s->name, "part", s->part, "from",
	    version_json(s->old), "to", version_json(s->new), "known", s->known, "fields", fields);
}

static json_t *
module_json(const struct compare_module *m)
{
	json_t *states = json_array();
	for (size_t i = 0; i < m->state_count; i++)
		json_array_append_new(states, state_json(&m->states[i]));
	return json_pack("{s:s, s:s, s:o, s:o, s:o}", "module", m->module, "change", compare_what_name(m->what),
	    "what", aspects(m), "functions", functions(m), "states", states);
}

static json_t *
keys_json(const struct compare_keys *l, const char *key)
{
	json_t *a = json_array();
	for (size_t i = 0; i < l->count; i++)
		json_array_append_new(a, json_pack("{s:s, s:s}", key, l->list[i].key, "change",
		    compare_what_name(l->list[i].what)));
	return a;
}

json_t *
compare_json(const struct compare *c)
{
	json_t *modules = json_array(), *children = json_array();
	for (size_t i = 0; i < c->module_count; i++)
		json_array_append_new(modules, module_json(&c->modules[i]));
	for (size_t i = 0; i < c->child_count; i++)
		json_array_append_new(children, json_pack("{s:s, s:s, s:s}", "child", c->children[i].id, "change",
		    compare_what_name(c->children[i].what), "what", c->children[i].how));
	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:s, s:o, s:o}", "application",
	    c->new->app->application, "change", "changed", "from", c->old->app->version, "to",
	    c->new->app->version, "modules", modules, "children", children, "supervisor", c->flags, "env",
	    keys_json(&c->env, "key"), "depends", keys_json(&c->depends, "application"));
}
