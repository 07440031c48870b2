/* SPDX-License-Identifier: Apache-2.0
 * app.yaml: its keys, and the rules over all children of the application.
 */
#include "config.h"

#include <stddef.h>
#include <string.h>

#include "model/model_priv.h"

#define APP(k, knd, member, ...)                                                                   \
	{.key = (k), .kind = &model_kind_##knd, .offset = offsetof(struct model_app, member),      \
	    __VA_ARGS__}

static const struct model_field app_fields[] = {
    APP("application", name, application, .flags = MODEL_REQUIRED),
    APP("version", version, version, .flags = MODEL_REQUIRED),
    APP("description", text, description),
    APP("depends", names, depends),
    APP("optional_depends", names, optional_depends),
    APP("modules", names, modules),
    APP("env", map, env),
    APP("supervisor", supervisor, supervisor),
};

static size_t
count_children(const struct model_sup *s)
{
	size_t n = s->child_count;
	for (size_t i = 0; i < s->child_count; i++)
		if (s->children[i].supervisor != NULL)
			n += count_children(s->children[i].supervisor);
	return n;
}

/* Document order numbers the children, so that the later of two is the wrong one. */
static size_t
index_children(const struct model_sup *s, struct rel_index *ix, size_t number)
{
	for (size_t i = 0; i < s->child_count; i++) {
		const struct model_child *c = &s->children[i];
		if (c->id != NULL)
			rel_index_add(ix, c->id, number);
		number++;
		if (c->supervisor != NULL)
			number = index_children(c->supervisor, ix, number);
	}
	return number;
}

struct app_check {
	struct doc_problems *p;
	const struct model_app *app;
	struct rel_index ids, modules;
};

static void
check_child(struct app_check *k, const struct model_child *c, size_t number)
{
	if (c->id != NULL && rel_index_find(&k->ids, c->id)->value != number)
		doc_problem(k->p, &doc_get(c->node, "id")->pos, REL_E_DUPLICATE_CHILD,
		    "the child id %s stands twice in application %s", c->id, k->app->application);
	if (c->module != NULL && rel_index_find(&k->modules, c->module) == NULL)
		doc_problem(k->p, &doc_get(c->node, "module")->pos, REL_E_NO_SUCH_MODULE,
		    "module %s is not among the application's modules", c->module);
	model_listen_check(k->p, &c->listen, k->app->env);
}

static size_t
check_children(struct app_check *k, const struct model_sup *s, size_t number)
{
	for (size_t i = 0; i < s->child_count; i++) {
		check_child(k, &s->children[i], number++);
		if (s->children[i].supervisor != NULL)
			number = check_children(k, s->children[i].supervisor, number);
	}
	return number;
}

static void
check_modules(struct app_check *k)
{
	const struct model_names *m = &k->app->modules;
	for (size_t i = 0; i < m->count; i++)
		if (rel_index_find(&k->modules, m->names[i])->value != i)
			doc_problem(k->p, &m->pos[i], REL_E_DUPLICATE_MODULES,
			    "module %s stands twice in application %s", m->names[i],
			    k->app->application);
}

static void
check_app(struct model_dec *d, const struct model_app *a)
{
	struct app_check k = {.p = d->p, .app = a};
	if (rel_index_init(&k.ids, count_children(&a->supervisor)) != 0 ||
	    rel_index_init(&k.modules, a->modules.count) != 0) {
		doc_problem(d->p, &a->doc->root->pos, REL_E_NOMEM, "out of memory");
	} else {
		index_children(&a->supervisor, &k.ids, 0);
		rel_index_sort(&k.ids);
		for (size_t i = 0; i < a->modules.count; i++)
			rel_index_add(&k.modules, a->modules.names[i], i);
		rel_index_sort(&k.modules);
		check_modules(&k);
		check_children(&k, &a->supervisor, 0);
	}
	rel_index_fini(&k.ids);
	rel_index_fini(&k.modules);
}

int
model_app_decode(struct doc *doc, struct model_app **ret, struct doc_problems *p)
{
	struct model_dec d;
	size_t before = p->errors;
	struct model_app *a = model_dec_begin(&d, doc, p, sizeof(*a));
	if (a != NULL) {
		a->doc = doc;
		a->application = "?";
		a->description = "";
		a->supervisor.intensity = 1;
		a->supervisor.period = 5 * DUR_S;
		if (model_dec_map(&d, doc->root, "an application", MODEL_FIELDS(app_fields), a))
			check_app(&d, a);
	}
	if (p->errors != before || doc->faulty) {
		doc_free(&doc);
		return -1;
	}
	*ret = a;
	return 0;
}

void
model_app_free(struct model_app **ap)
{
	struct model_app *a = *ap;
	*ap = NULL;
	if (a == NULL)
		return;
	struct doc *doc = a->doc; /* the application lies in it */
	doc_free(&doc);
}

int
model_config_check(const struct doc *doc, struct doc_problems *p)
{
	struct model_dec d = {doc->arena, p};
	size_t before = p->errors;
	if (!model_dec_expect(&d, doc->root, DOC_MAP, "a config"))
		return -1;
	for (size_t i = 0; i < doc->root->count; i++) {
		if (!rel_name_ok(doc->root->keys[i]))
			doc_problem(p, &doc->root->key_pos[i], REL_E_BAD_NAME,
			    "'%.80s' is not the name of an application", doc->root->keys[i]);
		model_dec_expect(&d, doc->root->items[i], DOC_MAP, "the env of an application");
	}
	return p->errors == before && !doc->faulty ? 0 : -1;
}

json_t *
model_app_env(const struct model_app *app, const struct doc *config)
{
	json_t *env = app->env != NULL ? doc_to_json(app->env) : json_object();
	const struct doc_node *over = config != NULL ? doc_get(config->root, app->application) : NULL;
	if (env == NULL || over == NULL || over->kind != DOC_MAP)
		return env;
	json_t *o = doc_to_json(over);
	if (o == NULL || json_object_update(env, o) != 0) {
		json_decref(env);
		env = NULL;
	}
	json_decref(o);
	return env;
}
