/* SPDX-License-Identifier: Apache-2.0
 * Reading for `relctl relup make`.  Goes on after an error, so that one run tells them all; the
 * order of reading is the order of the errors: the new release, the bases as given, appups.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compare/compare.h"
#include "ctl/ctl_relup.h"

int
ctl_relup_work_init(struct relup_work *w, size_t options)
{
	size_t n = options + 1;
	*w = (struct relup_work){.problems = DOC_PROBLEMS_INIT};
	w->lib_fds = calloc(n, sizeof(*w->lib_fds));
	w->lib_names = calloc(n, sizeof(*w->lib_names));
	w->releases = calloc(n, sizeof(*w->releases));
	w->bases = calloc(n, sizeof(*w->bases));
	w->base_release = calloc(n, sizeof(*w->base_release));
	if (w->lib_fds != NULL && w->lib_names != NULL && w->releases != NULL && w->bases != NULL &&
	    w->base_release != NULL)
		return 0;
	doc_problem(&w->problems, NULL, REL_E_NOMEM, "out of memory");
	return -1;
}

static void
free_appups(struct relup_work *w)
{
	for (size_t i = 0; w->appups != NULL && i < w->to->release->app_count; i++) {
		/* Owned here; const only for the planner. */
		struct model_appup *a = (struct model_appup *)(uintptr_t)w->appups[i];
		model_appup_free(&a);
	}
	free(w->appups);
}

void
ctl_relup_work_fini(struct relup_work *w)
{
	free_appups(w);
	for (size_t i = 0; i < w->lib_count; i++)
		rel_fd_close(&w->lib_fds[i]);
	for (size_t i = 0; i < w->release_count; i++)
		model_system_free(&w->releases[i].system);
	model_system_free(&w->to);
	free(w->lib_fds);
	free(w->lib_names);
	free(w->releases);
	free(w->bases);
	free(w->base_release);
	doc_problems_fini(&w->problems);
}

void
ctl_relup_add_lib(struct relup_work *w, const char *dir)
{
	struct rel_err err = REL_ERR_INIT;
	int fd;
	if (rel_dir_open(AT_FDCWD, dir, &fd, &err) < 0) {
		rel_err_wrap(&err, "--lib %s", dir);
		doc_problem_add(&w->problems, DOC_ERROR, &err);
		return;
	}
	w->lib_fds[w->lib_count] = fd;
	w->lib_names[w->lib_count++] = dir;
}

/* A release that is named twice (--up-from and --down-to) is read once. */
void
ctl_relup_add_base(struct relup_work *w, const char *path, bool up, bool down)
{
	size_t k = 0;
	while (k < w->release_count && strcmp(w->releases[k].path, path) != 0)
		k++;
	if (k == w->release_count)
		w->releases[w->release_count++].path = path;
	w->base_release[w->base_count] = k;
	w->bases[w->base_count++] = (struct plan_base){.up = up, .down = down};
}

static struct model_system *
load_system(struct relup_work *w, const char *path)
{
	struct model_libs libs = {.count = w->lib_count, .fds = w->lib_fds, .names = w->lib_names};
	struct model_release *release = NULL;
	struct model_system *sys = NULL;
	char file[4300];
	compare_release_file(path, file, sizeof(file));
	if (model_release_load(AT_FDCWD, file, file, &release, &w->problems) < 0 ||
	    model_system_load(release, &libs, &sys, &w->problems) < 0)
		return NULL;
	return sys;
}

/* ------------------------------------------------------------------ appups */
/* Is there a base with this application at another version? */
static bool
changes(const struct relup_work *w, const struct model_app *app)
{
	for (size_t i = 0; i < w->release_count; i++) {
		const struct model_app *was =
		    model_system_app(w->releases[i].system, app->application, NULL);
		if (was != NULL && strcmp(was->version, app->version) != 0)
			return true;
	}
	return false;
}

/* In the first library folder that holds the application: there its app.yaml was read too.  An
 * absent appup is the planner's to judge. */
static void
load_appup(struct relup_work *w, const struct model_app *app, const struct model_appup **ret)
{
	char path[2 * REL_VERSION_MAX + 32], name[4096];
	struct model_appup *a = NULL;
	size_t lib = 0;
	snprintf(path, sizeof(path), "%s-%s/app.yaml", app->application, app->version);
	while (lib + 1 < w->lib_count && faccessat(w->lib_fds[lib], path, F_OK, 0) < 0)
		lib++; /* the last one has it if none before does */
	snprintf(path, sizeof(path), "%s-%s/appup.yaml", app->application, app->version);
	snprintf(name, sizeof(name), "%s/%s", w->lib_names[lib], path);
	if (faccessat(w->lib_fds[lib], path, F_OK, 0) < 0 && errno == ENOENT)
		return;
	if (model_appup_load(w->lib_fds[lib], path, name, &a, &w->problems) == 0)
		*ret = a;
}

static void
load_appups(struct relup_work *w)
{
	size_t n = w->to->release->app_count;
	w->appups = calloc(n + 1, sizeof(*w->appups));
	if (w->appups == NULL) {
		doc_problem(&w->problems, NULL, REL_E_NOMEM, "out of memory");
		return;
	}
	for (size_t i = 0; i < n; i++)
		if (changes(w, w->to->apps[i]))
			load_appup(w, w->to->apps[i], &w->appups[i]);
}

int
ctl_relup_load(struct relup_work *w, const char *to_path)
{
	if (w->lib_count > 0) {
		w->to = load_system(w, to_path);
		for (size_t i = 0; i < w->release_count; i++)
			w->releases[i].system = load_system(w, w->releases[i].path);
	}
	if (w->problems.errors > 0)
		return -1;
	ctl_relup_check_same(w, w->to);
	for (size_t i = 0; i < w->release_count; i++)
		ctl_relup_check_same(w, w->releases[i].system);
	for (size_t i = 0; i < w->base_count; i++)
		w->bases[i].system = w->releases[w->base_release[i]].system;
	load_appups(w);
	return w->problems.errors > 0 ? -1 : 0;
}
