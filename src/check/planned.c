/* SPDX-License-Identifier: Apache-2.0
 * An entry of an appup as `relctl relup make` would take it: the passes of plan, run on the two versions
 * of the application as if they were a release each.  What it says of other applications is left out; the
 * relup of a release is checked with that.
 */
#include "config.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check/check_priv.h"
#include "plan/plan.h"

struct planned {
	const struct check_way *w;
	const struct compare_side *left, *reached;
	struct rel_arena *arena;
	struct model_script script;   /* of this application alone */
	bool unclear;                 /* it loads code of another application by hand */
};

/* ------------------------------------------------------------------ what is of others */
static bool
own_module(const struct planned *k, const char *module)
{
	return model_names_has(&k->left->app->modules, module) || model_names_has(&k->reached->app->modules, module);
}

/* Does another application beside this one have such a module file? */
static bool
is_foreign(const struct planned *k, const char *module)
{
	const char *own = k->reached->app->application;
	size_t n = strlen(own);
	bool found = false;
	if (own_module(k, module))
		return false;
	int fd = openat(k->w->c->new->fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (dir == NULL) {
		rel_fd_close(&fd);
		return false;
	}
	for (struct dirent *e; !found && (e = readdir(dir)) != NULL;) {
		char path[1024];
		if (e->d_name[0] == '.' || (strncmp(e->d_name, own, n) == 0 && e->d_name[n] == '-'))
			continue;
		snprintf(path, sizeof(path), "%s/modules/%s.so", e->d_name, module);
		found = faccessat(dirfd(dir), path, F_OK, 0) == 0;
	}
	closedir(dir);
	return found;
}

static int
own_names(const struct planned *k, const struct model_names *all, struct model_names *ret)
{
	*ret = (struct model_names){0};
	ret->names = rel_arena_calloc(k->arena, all->count + 1, sizeof(*ret->names));
	ret->pos = rel_arena_calloc(k->arena, all->count + 1, sizeof(*ret->pos));
	if (ret->names == NULL || ret->pos == NULL)
		return -1;
	for (size_t i = 0; i < all->count; i++)
		if (!is_foreign(k, all->names[i])) {
			ret->names[ret->count] = all->names[i];
			ret->pos[ret->count++] = all->pos[i];
		}
	return 0;
}

/* ------------------------------------------------------------------ the script */
/* Is it the one with the module's code?  If it names one that is nowhere, that is told. */
static bool
module_is_here(const struct planned *k, const struct model_instr *in)
{
	bool goes = in->op == MODEL_OP_DELETE_MODULE || in->op == MODEL_OP_REMOVE;
	const struct compare_side *s = goes ? k->left : k->reached;
	if (model_names_has(&s->app->modules, in->module))
		return true;
	if (!is_foreign(k, in->module))
		doc_find(k->w->p, DOC_ERROR, &in->pos, REL_E_NO_SUCH_MODULE, "%s: %s %s has no module %s",
		    model_op_name(in->op), s->app->application, s->app->version, in->module);
	return false;
}

static int
take(struct planned *k, const struct model_instr *in)
{
	bool other = in->application != NULL && in->op != MODEL_OP_APPLY &&
	    strcmp(in->application, k->reached->app->application) != 0;
	k->unclear |= other && in->op == MODEL_OP_LOAD_OBJECT_CODE;
	if (other || (in->module != NULL && !module_is_here(k, in)))
		return 0;
	struct model_instr *to = &k->script.instrs[k->script.count++];
	*to = *in;
	return model_op_level(in->op) == MODEL_HIGH ? own_names(k, &in->modules, &to->modules) : 0;
}

static int
take_all(struct planned *k)
{
	const struct model_script *s = &k->w->e->script;
	k->script = (struct model_script){.mode = s->mode};
	k->script.instrs = rel_arena_calloc(k->arena, s->count + 1, sizeof(*k->script.instrs));
	if (k->script.instrs == NULL)
		return -1;
	for (size_t i = 0; i < s->count; i++)
		if (take(k, &s->instrs[i]) != 0)
			return -1;
	return 0;
}

/* ------------------------------------------------------------------ the relup */
/* A release of this application alone. */
struct lone {
	struct model_release_app entry;
	struct model_release release;
	struct model_app *app;
	size_t start;
	struct model_system sys;
};

static void
lone_init(struct lone *l, const struct compare_side *s)
{
	l->app = s->app;
	l->entry = (struct model_release_app){.application = s->app->application, .version = s->app->version,
	    .type = MODEL_PERMANENT, .pos = s->app->doc->root->pos};
	l->release = (struct model_release){.release = s->app->application, .version = s->app->version,
	    .runtime = "", .app_count = 1, .apps = &l->entry};
	l->start = 0;
	l->sys = (struct model_system){.release = &l->release, .apps = &l->app, .start = &l->start};
}

static struct model_relup *
relup_make(const struct planned *k)
{
	struct lone old, new;
	struct model_relup *relup = NULL;
	bool up = k->w->mode == MODEL_UP;
	struct model_appup_entry e = *k->w->e;
	struct model_appup a = *k->w->c->new->appup;
	const struct model_appup *appup = &a;
	e.script = k->script;
	a.up = a.down = &e;
	a.up_count = up;
	a.down_count = !up;
	lone_init(&old, k->w->c->old);
	lone_init(&new, k->w->c->new);
	const struct plan_base base = {.system = &old.sys, .up = up, .down = !up};
	const struct plan_input in = {.to = &new.sys, .appups = &appup, .bases = &base, .base_count = 1};
	return plan_relup_make(&in, &relup, k->w->p) == 0 ? relup : NULL;
}

static void
make_and_walk(struct planned *k, bool warn)
{
	CLEANUP(model_relup_free) struct model_relup *relup = relup_make(k);
	if (relup == NULL)
		return;
	const struct model_script *low = &(k->w->mode == MODEL_UP ? relup->up : relup->down)->script;
	check_fit(&(struct check_fit){.script = low, .left = &k->left, .left_count = 1, .reached = &k->reached,
	    .reached_count = 1, .written = warn ? &k->w->e->script : NULL, .c = k->w->c, .p = k->w->p});
}

void
check_planned(const struct check_way *w, bool warn)
{
	const struct compare *c = w->c;
	CLEANUP(rel_arena_free) struct rel_arena *arena = rel_arena_new(0);
	struct planned k = {.w = w, .arena = arena, .left = w->mode == MODEL_UP ? c->old : c->new,
	    .reached = w->mode == MODEL_UP ? c->new : c->old};
	if (strcmp(c->new->appup->application, c->new->app->application) != 0 ||
	    strcmp(c->new->appup->version, c->new->app->version) != 0)
		return; /* told, and nothing can be made of it */
	if (arena == NULL || take_all(&k) != 0)
		doc_problem(w->p, NULL, REL_E_NOMEM, "out of memory");
	else if (!k.unclear)
		make_and_walk(&k, warn);
}
