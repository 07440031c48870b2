/* SPDX-License-Identifier: Apache-2.0
 * A release with its applications as they were built.
 */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compare/compare.h"

/* ------------------------------------------------------------------ library folders */
/* Those that were named; else ROOT/lib, where the release lies in ROOT/releases/VERSION. */
void
compare_libs_open(struct compare_libs *l, const char *const *names, size_t count, const char *release_file,
    struct doc_problems *p)
{
	const char *slash = strrchr(release_file, '/');
	const char *const one[] = {l->beside};
	*l = (struct compare_libs){.model = {.fds = l->fds, .names = l->names}};
	snprintf(l->beside, sizeof(l->beside), "%.*s../../lib", slash != NULL ? (int)(slash - release_file) + 1 : 0,
	    release_file);
	if (count == 0 && access(l->beside, F_OK) != 0)
		return; /* told where an application is looked for: no library folder was given */
	if (count == 0)
		names = one;
	for (size_t i = 0; i < (count > 0 ? count : 1) && i < COMPARE_LIBS_MAX; i++) {
		struct rel_err err = REL_ERR_INIT;
		if (rel_dir_open(AT_FDCWD, names[i], &l->fds[l->model.count], &err) != 0) {
			doc_problem_add(p, DOC_ERROR, &err);
			l->model.unreadable = true;
		} else
			l->names[l->model.count++] = names[i];
	}
}

void
compare_libs_close(struct compare_libs *l)
{
	for (size_t i = 0; i < l->model.count; i++)
		rel_fd_close(&l->fds[i]);
	l->model.count = 0;
}

int
compare_libs_find(const struct model_libs *libs, const struct model_app *app, char *folder, size_t size)
{
	char path[REL_NAME_MAX + REL_VERSION_MAX + 16];
	snprintf(folder, size, "%s-%s", app->application, app->version);
	snprintf(path, sizeof(path), "%s-%s/app.yaml", app->application, app->version);
	for (size_t i = 0; i < libs->count; i++)
		if (faccessat(libs->fds[i], path, F_OK, 0) == 0)
			return (int)i;
	return -1;
}

/* ------------------------------------------------------------------ the release */
static int
open_sides(struct compare_release *r, const struct model_libs *libs, struct doc_problems *p)
{
	int rc = 0;
	r->sides = calloc(r->sys->release->app_count + 1, sizeof(struct compare_side *));
	if (r->sides == NULL) {
		doc_problem(p, NULL, REL_E_NOMEM, "out of memory");
		return -1;
	}
	for (size_t i = 0; i < r->sys->release->app_count; i++) {
		char folder[REL_NAME_MAX + REL_VERSION_MAX + 2], name[4300];
		int lib = compare_libs_find(libs, r->sys->apps[i], folder, sizeof(folder));
		if (lib < 0)
			continue; /* it was read a moment ago */
		snprintf(name, sizeof(name), "%s/%s", libs->names[lib], folder);
		if (compare_side_open(libs->fds[lib], folder, name, &r->sides[i], p) != 0)
			rc = -1;
		else
			compare_side_appup(r->sides[i], p);
	}
	return rc;
}

void
compare_release_file(const char *path, char *buf, size_t size)
{
	struct stat st;
	bool folder = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
	snprintf(buf, size, "%s%s", path, folder ? "/release.yaml" : "");
}

int
compare_release_open(const char *path, const char *const *libs, size_t lib_count,
    struct compare_release **ret, struct doc_problems *p)
{
	char file[4200];
	struct compare_libs l;
	size_t before = p->errors;
	struct model_release *release = NULL;
	struct compare_release *r = calloc(1, sizeof(*r));
	if (r == NULL) {
		doc_problem(p, NULL, REL_E_NOMEM, "out of memory");
		return -1;
	}
	compare_release_file(path, file, sizeof(file));
	compare_libs_open(&l, libs, lib_count, file, p);
	if (p->errors == before && model_release_load(AT_FDCWD, file, file, &release, p) == 0 &&
	    model_system_load(release, &l.model, &r->sys, p) == 0 && open_sides(r, &l.model, p) == 0 &&
	    p->errors == before)
		*ret = MOVE(r);
	compare_libs_close(&l);
	if (r == NULL)
		return 0;
	compare_release_close(&r);
	return -1;
}

void
compare_release_close(struct compare_release **rp)
{
	struct compare_release *r = *rp;
	*rp = NULL;
	if (r == NULL)
		return;
	for (size_t i = 0; r->sides != NULL && i < r->sys->release->app_count; i++)
		compare_side_close(&r->sides[i]);
	free(r->sides);
	model_system_free(&r->sys);
	free(r);
}

const struct compare_side *
compare_release_side(const struct compare_release *r, const char *application)
{
	size_t at;
	return model_system_app(r->sys, application, &at) != NULL ? r->sides[at] : NULL;
}
