/* SPDX-License-Identifier: Apache-2.0
 * release.yaml.
 */
#include "config.h"

#include <stddef.h>
#include <string.h>

#include "model/model_priv.h"

#define APP(k, knd, member, ...)                                                                   \
	{.key = (k), .kind = &model_kind_##knd,                                                    \
	    .offset = offsetof(struct model_release_app, member), __VA_ARGS__}

static const struct model_field app_fields[] = {
    APP("application", name, application, .flags = MODEL_REQUIRED),
    APP("version", version, version, .flags = MODEL_REQUIRED),
    APP("type", enum, type, .arg = &model_app_types),
};

static void
decode_app(struct model_dec *d, const struct doc_node *n, void *out)
{
	struct model_release_app *a = out;
	a->pos = n->pos;
	model_dec_map(d, n, "an application of a release", MODEL_FIELDS(app_fields), a);
}

/* ------------------------------------------------------------------ health checks */
#define HEALTH(k, knd, member, ...)                                                                \
	{.key = (k), .kind = (knd), .offset = offsetof(struct model_health, member), __VA_ARGS__}

/* "application/child/index" */
static bool
worker_ok(const char *s)
{
	char part[REL_NAME_MAX + 1];
	for (int i = 0; i < 2; i++) {
		const char *slash = strchr(s, '/');
		size_t n = slash != NULL ? (size_t)(slash - s) : sizeof(part);
		if (n >= sizeof(part))
			return false;
		memcpy(part, s, n);
		part[n] = '\0';
		if (!rel_name_ok(part))
			return false;
		s = slash + 1;
	}
	size_t n = strlen(s);
	return n > 0 && n < 10 && strspn(s, "0123456789") == n;
}

static void
decode_worker(struct model_dec *d, const struct doc_node *n, void *out,
    const struct model_field *f)
{
	const char *s = model_dec_text(d, n, f->key);
	if (s != NULL && worker_ok(s))
		*(const char **)out = s;
	else if (s != NULL)
		doc_problem(d->p, &n->pos, REL_E_BAD_NAME,
		    "'%.160s' is not a worker: APPLICATION/CHILD/INDEX", s);
}

static const struct model_kind kind_worker = {decode_worker, NULL};

static const struct model_field call_fields[] = {
    HEALTH("worker", &kind_worker, call_worker, .flags = MODEL_REQUIRED),
    HEALTH("request", &model_kind_any, request, .flags = MODEL_REQUIRED),
    HEALTH("expect", &model_kind_any, expect),
};

static void
decode_call(struct model_dec *d, const struct doc_node *n, void *out, const struct model_field *f)
{
	model_dec_map(d, n, f->key, MODEL_FIELDS(call_fields), out);
}

/* Its fields lie in the health check itself. */
static const struct model_kind kind_call = {decode_call, NULL};

static const struct model_field health_fields[] = {
    {.key = "call", .kind = &kind_call},
    HEALTH("command", &model_kind_texts, command,
	.count_offset = offsetof(struct model_health, command_count)),
    HEALTH("application", &model_kind_name, application),
    HEALTH("every", &model_kind_span, every),
    HEALTH("timeout", &model_kind_span, timeout),
};

static void
decode_health(struct model_dec *d, const struct doc_node *n, void *out)
{
	struct model_health *h = out;
	h->every = 5 * DUR_S;
	h->timeout = DUR_S;
	h->pos = n->pos;
	if (!model_dec_map(d, n, "a health check", MODEL_FIELDS(health_fields), h))
		return;
	bool call = doc_get(n, "call") != NULL, command = doc_get(n, "command") != NULL;
	if (!call && !command)
		doc_problem(d->p, &n->pos, REL_E_MISSING_KEY,
		    "a health check needs the key 'call' or 'command'");
	else if (call && command)
		doc_problem(d->p, &n->pos, REL_E_BAD_VALUE,
		    "a health check is a call or a command, not both");
	const struct doc_node *application = doc_get(n, "application");
	if (command && application == NULL)
		doc_problem(d->p, &n->pos, REL_E_MISSING_KEY,
		    "a health check with 'command' needs the key 'application'");
	if (call && !command && application != NULL)
		doc_problem(d->p, &application->pos, REL_E_BAD_VALUE,
		    "'application' goes with 'command'; 'call' names the worker");
}

/* ------------------------------------------------------------------ probation */
static void
decode_healths(struct model_dec *d, const struct doc_node *n, void *out,
    const struct model_field *f)
{
	struct model_probation *p = out;
	void *list = NULL;
	model_dec_list(d, n, f->key, sizeof(struct model_health), decode_health, &list,
	    &p->health_count);
	p->health = list;
}

static const struct model_kind kind_healths = {decode_healths, NULL};
static const struct model_range restarts_range = {0, 1000000};

#define PROBATION(k, knd, member, ...)                                                             \
	{.key = (k), .kind = &model_kind_##knd,                                                    \
	    .offset = offsetof(struct model_probation, member), __VA_ARGS__}

static const struct model_field probation_fields[] = {
    PROBATION("for", span, duration),
    PROBATION("confirm", enum, confirm, .arg = &model_confirms),
    PROBATION("within", span, within),
    PROBATION("restarts", uint, restarts, .arg = &restarts_range),
    {.key = "health", .kind = &kind_healths},
};

static void
decode_probation(struct model_dec *d, const struct doc_node *n, void *out,
    const struct model_field *f)
{
	struct model_probation *p = model_dec_alloc(d, 1, sizeof(*p), &n->pos);
	if (p == NULL)
		return;
	p->duration = 30 * DUR_S;
	p->within = 600 * DUR_S;
	model_dec_map(d, n, f->key, MODEL_FIELDS(probation_fields), p);
	*(struct model_probation **)out = p;
}

static const struct model_kind kind_probation = {decode_probation, NULL};

/* ------------------------------------------------------------------ the release */
static void
decode_apps(struct model_dec *d, const struct doc_node *n, void *out, const struct model_field *f)
{
	struct model_release *r = out;
	void *list = NULL;
	model_dec_list(d, n, f->key, sizeof(struct model_release_app), decode_app, &list,
	    &r->app_count);
	r->apps = list;
}

static const struct model_kind kind_apps = {decode_apps, NULL};

#define RELEASE(k, knd, member, ...)                                                               \
	{.key = (k), .kind = (knd), .offset = offsetof(struct model_release, member), __VA_ARGS__}

static const struct model_field release_fields[] = {
    RELEASE("release", &model_kind_name, release, .flags = MODEL_REQUIRED),
    RELEASE("version", &model_kind_version, version, .flags = MODEL_REQUIRED),
    RELEASE("runtime", &model_kind_version, runtime, .flags = MODEL_REQUIRED),
    {.key = "applications", .kind = &kind_apps, .flags = MODEL_REQUIRED},
    RELEASE("probation", &kind_probation, probation),
};

static void
check_twice(struct model_dec *d, const struct model_release *r)
{
	struct rel_index ix;
	if (rel_index_init(&ix, r->app_count) != 0) {
		doc_problem(d->p, &r->doc->root->pos, REL_E_NOMEM, "out of memory");
		return;
	}
	for (size_t i = 0; i < r->app_count; i++)
		if (r->apps[i].application != NULL)
			rel_index_add(&ix, r->apps[i].application, i);
	rel_index_sort(&ix);
	for (size_t i = 0; i < r->app_count; i++) {
		const struct model_release_app *a = &r->apps[i];
		if (a->application != NULL && rel_index_find(&ix, a->application)->value != i)
			doc_problem(d->p, &a->pos, REL_E_DUPLICATE_APP,
			    "application %s stands twice in the release", a->application);
	}
	rel_index_fini(&ix);
}

int
model_release_decode(struct doc *doc, struct model_release **ret, struct doc_problems *p)
{
	struct model_dec d;
	size_t before = p->errors;
	struct model_release *r = model_dec_begin(&d, doc, p, sizeof(*r));
	if (r != NULL) {
		r->doc = doc;
		if (model_dec_map(&d, doc->root, "a release", MODEL_FIELDS(release_fields), r))
			check_twice(&d, r);
	}
	if (p->errors != before || doc->faulty) {
		doc_free(&doc);
		return -1;
	}
	*ret = r;
	return 0;
}

void
model_release_free(struct model_release **rp)
{
	struct model_release *r = *rp;
	*rp = NULL;
	if (r == NULL)
		return;
	struct doc *doc = r->doc; /* the release lies in it */
	doc_free(&doc);
}
