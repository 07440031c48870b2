/* SPDX-License-Identifier: Apache-2.0
 * The whole relup: each base, first all ways up, then all ways down, each an independent run of
 * the passes (plan_priv.h lists them).
 */
#include "config.h"

#include <string.h>

#include "plan/plan_priv.h"

/* Made objects, not input, fill it: what the documents' own limits let through fits by far. */
#define ARENA_LIMIT ((size_t)4 << 30)

static int
run_passes(struct plan_run *r, struct model_script *ret)
{
	struct plan_list *scripts = NULL, before, written, after, low;
	struct plan_graph graph;
	size_t count = 0;
	if (plan_scripts(r, &scripts, &count) < 0 ||
	    plan_split(r, scripts, count, &before, &written) < 0 ||
	    plan_split_check(r, &before, &written) < 0 || plan_apps(r, &written, &after) < 0 ||
	    plan_graph_make(r, &after, &graph) < 0 ||
	    plan_emit(r, &after, &graph, &before, &low) < 0)
		return -1;
	return plan_finish(r, &before, &low, ret);
}

/* One release to and from another; the scratch memory of the passes dies here. */
static int
make_entry(struct plan_run *r, const struct plan_base *base, struct model_relup_entry *ret)
{
	struct plan_side side;
	struct model_script script;
	r->scratch = rel_arena_new(ARENA_LIMIT);
	if (r->scratch == NULL)
		return plan_nomem(r->p);
	int rc = plan_side_init(&side, base->system, r->scratch, r->p);
	if (rc == 0) {
		r->base = &side;
		r->reached = r->mode == MODEL_UP ? r->to : &side;
		r->left = r->mode == MODEL_UP ? &side : r->to;
		rc = run_passes(r, &script);
	}
	if (rc == 0)
		*ret = (struct model_relup_entry){
		    .other = base->system->release->version,
		    .script = script,
		};
	r->base = r->reached = r->left = NULL;
	rel_arena_free(&r->scratch);
	return rc;
}

/* A relup is asked by version: of two entries for one version the second could never be used. */
static int
check_bases(struct plan_run *r)
{
	const struct plan_input *in = r->in;
	int rc = 0;
	for (size_t i = 0; i < in->base_count; i++)
		for (size_t k = 0; k < i; k++) {
			const struct plan_base *a = &in->bases[k], *b = &in->bases[i];
			if ((r->mode == MODEL_UP ? a->up && b->up : a->down && b->down) &&
			    strcmp(a->system->release->version, b->system->release->version) == 0)
				rc = plan_error(r->p, NULL, REL_E_USAGE,
				    "release %s is given twice as a base for the way %s; leave one "
				    "out",
				    b->system->release->version, model_mode_name(r->mode));
		}
	return rc;
}

static int
make_direction(
    struct plan_run *r, enum model_mode mode, struct model_relup_entry **ret, size_t *ret_count)
{
	const struct plan_input *in = r->in;
	size_t n = 0;
	r->mode = mode;
	if (check_bases(r) < 0)
		return -1;
	struct model_relup_entry *entries =
	    rel_arena_calloc(r->arena, in->base_count, sizeof(*entries));
	if (entries == NULL)
		return plan_nomem(r->p);
	int rc = 0;
	for (size_t i = 0; i < in->base_count; i++)
		if (mode == MODEL_UP ? in->bases[i].up : in->bases[i].down)
			rc |= make_entry(r, &in->bases[i], &entries[n++]);
	*ret = entries;
	*ret_count = n;
	return rc;
}

static int
make_all(struct plan_run *r, struct model_relup *relup)
{
	struct plan_side to;
	if (plan_side_init(&to, r->in->to, r->arena, r->p) < 0)
		return -1;
	r->to = &to;
	relup->release = r->in->to->release->release;
	relup->version = r->in->to->release->version;
	int rc = make_direction(r, MODEL_UP, &relup->up, &relup->up_count);
	rc |= make_direction(r, MODEL_DOWN, &relup->down, &relup->down_count);
	return rc;
}

int
plan_relup_make(const struct plan_input *in, struct model_relup **ret, struct doc_problems *p)
{
	struct rel_arena *arena = rel_arena_new(ARENA_LIMIT);
	if (arena == NULL)
		return plan_nomem(p);
	struct plan_run r = {.in = in, .arena = arena, .p = p};
	struct model_relup *relup = rel_arena_alloc(arena, sizeof(*relup)); /* freed with it */
	int rc = relup == NULL ? plan_nomem(p) : make_all(&r, relup);
	if (rc < 0) {
		rel_arena_free(&arena);
		return -1;
	}
	relup->arena = arena;
	*ret = relup;
	return 0;
}
