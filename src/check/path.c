/* SPDX-License-Identifier: Apache-2.0
 * What a path is, and so what is checked.  A folder is known by the file in it, a file by its ending or
 * by the keys that only its kind has.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check/check_priv.h"

const char *
check_list(char *buf, size_t size, size_t count, check_name_fn *name, const void *ctx)
{
	size_t at = 0, i = 0;
	buf[0] = '\0';
	for (; i < count && at + 80 < size; i++) {
		char one[61];
		name(ctx, i, one, sizeof(one));
		at += (size_t)snprintf(buf + at, size - at, "%s%s", i > 0 ? ", " : "", one);
	}
	if (i < count)
		snprintf(buf + at, size - at, " and %zu more", count - i);
	return buf;
}

/* ------------------------------------------------------------------ a release */
static void
release_file(const char *path, const struct check_options *o, bool apps, struct doc_problems *p)
{
	struct compare_libs l;
	compare_libs_open(&l, o->libs, o->lib_count, path, p);
	check_release(path, &l.model, apps, p);
	compare_libs_close(&l);
}

static void
relup_file(const char *path, const struct check_options *o, struct doc_problems *p)
{
	struct compare_libs l;
	compare_libs_open(&l, o->libs, o->lib_count, path, p);
	check_relup(path, &l.model, p);
	compare_libs_close(&l);
}

/* ------------------------------------------------------------------ a root */
static void
each_folder(const char *dir, void (*fn)(const char *path, const struct check_options *o, struct doc_problems *p),
    const struct check_options *o, struct doc_problems *p)
{
	struct dirent **list;
	int n = scandir(dir, &list, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		char path[4200];
		struct stat st;
		snprintf(path, sizeof(path), "%s/%s", dir, list[i]->d_name);
		if (list[i]->d_name[0] != '.' && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
			fn(path, o, p);
		free(list[i]);
	}
	if (n >= 0)
		free(list);
}

static void
app_folder(const char *path, const struct check_options *o, struct doc_problems *p)
{
	(void)o;
	check_app(AT_FDCWD, path, path, p);
}

static void
release_folder(const char *path, const struct check_options *o, struct doc_problems *p)
{
	char file[4300];
	snprintf(file, sizeof(file), "%s/release.yaml", path);
	release_file(file, o, false, p);
}

/* An application is read once more for each release that has it, and what is wrong with it found again. */
static void
move_new(struct doc_problems *p, struct doc_problems *from)
{
	for (size_t i = 0; i < from->count; i++) {
		from->errors -= from->list[i].severity == DOC_ERROR;
		if (!doc_problems_has(p, &from->list[i].err))
			doc_problem_add(p, from->list[i].severity, &from->list[i].err);
	}
	p->errors += from->errors;
	p->dropped += from->dropped;
	doc_problems_fini(from);
}

static void
root(const char *path, struct doc_problems *p)
{
	struct doc_problems own = DOC_PROBLEMS_INIT;
	char lib[4200], releases[4200];
	const char *const libs[] = {lib};
	const struct check_options o = {.lib_count = 1, .libs = libs};
	snprintf(lib, sizeof(lib), "%s/lib", path);
	snprintf(releases, sizeof(releases), "%s/releases", path);
	each_folder(lib, app_folder, &o, p);
	each_folder(releases, release_folder, &o, &own);
	move_new(p, &own);
}

/* ------------------------------------------------------------------ a file */
static void
module_file(const char *path, struct doc_problems *p)
{
	CLEANUP(elf_module_close) struct elf_module *m = NULL;
	struct rel_err err = REL_ERR_INIT;
	if (compare_module_open(AT_FDCWD, path, path, &m, &err) != 0)
		doc_problem(p, &(struct rel_pos){.file = path}, err.code, "%s", err.text);
	else
		check_module(path, NULL, m, p);
}

static void
app_file(const char *path, struct doc_problems *p)
{
	struct model_app *app = NULL;
	if (model_app_load(AT_FDCWD, path, path, &app, p) == 0)
		model_app_free(&app);
}

static void
appup_file(const char *path, struct doc_problems *p)
{
	struct model_appup *a = NULL;
	if (model_appup_load(AT_FDCWD, path, path, &a, p) != 0)
		return;
	for (size_t i = 0; i < a->up_count; i++)
		check_script(&a->up[i].script, p);
	for (size_t i = 0; i < a->down_count; i++)
		check_script(&a->down[i].script, p);
	model_appup_free(&a);
}

static const char *
base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash != NULL ? slash + 1 : path;
}

enum kind { KIND_RELEASE, KIND_APP, KIND_APPUP, KIND_RELUP, KIND_CONFIG, KIND_UNKNOWN };

/* A generated relup may be larger than what a person writes, so it is known by its first keys: to read the
 * whole of any file within its limits would take the memory that only a relup is worth. */
static bool
begins_as_relup(const char *path)
{
	char head[4096];
	size_t n = strlen(path);
	if (n <= 5 || strcmp(path + n - 5, ".json") != 0)
		return false;
	CLEANUP(rel_fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	ssize_t got = fd >= 0 ? pread(fd, head, sizeof(head) - 1, 0) : -1;
	head[got > 0 ? got : 0] = '\0';
	return strstr(head, "\"release\"") != NULL &&
	    (strstr(head, "\"up\"") != NULL || strstr(head, "\"down\"") != NULL);
}

static bool
over_limit(const struct doc_problems *p)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->list[i].err.code == REL_E_LIMIT)
			return true;
	return false;
}

/* By its name, else by what it holds. */
static enum kind
kind_of(const char *path, struct doc_problems *p)
{
	static const struct {
		const char *name;
		enum kind kind;
	} names[] = {{"release.yaml", KIND_RELEASE}, {"app.yaml", KIND_APP}, {"appup.yaml", KIND_APPUP},
	    {"relup.json", KIND_RELUP}, {"config.yaml", KIND_CONFIG}};
	for (size_t i = 0; i < NELEM(names); i++)
		if (strcmp(base_name(path), names[i].name) == 0)
			return names[i].kind;
	struct doc *d = NULL;
	struct doc_problems own = DOC_PROBLEMS_INIT; /* told when the file is read as what it is */
	if (doc_read_file_all(AT_FDCWD, path, path, &doc_limits_written, &d, &own) != 0) {
		bool relup = over_limit(&own) && begins_as_relup(path);
		if (!relup)
			doc_problems_move(p, &own);
		doc_problems_fini(&own);
		return relup ? KIND_RELUP : KIND_UNKNOWN;
	}
	bool map = d->root->kind == DOC_MAP;
	bool ways = map && (doc_get(d->root, "up") != NULL || doc_get(d->root, "down") != NULL);
	enum kind kind = !map ? KIND_UNKNOWN : doc_get(d->root, "applications") != NULL ? KIND_RELEASE
	    : ways && doc_get(d->root, "release") != NULL ? KIND_RELUP : ways ? KIND_APPUP
	    : doc_get(d->root, "application") != NULL ? KIND_APP : KIND_UNKNOWN;
	if (kind == KIND_UNKNOWN) {
		doc_problems_move(p, &own);
		doc_find(p, DOC_ERROR, &d->root->pos, REL_E_USAGE,
		    "this is none of release, application, appup and relup");
	}
	doc_problems_fini(&own);
	doc_free(&d);
	return kind;
}

static void
file(const char *path, const struct check_options *o, struct doc_problems *p)
{
	size_t n = strlen(path);
	if (n > 3 && strcmp(path + n - 3, ".so") == 0) {
		module_file(path, p);
		return;
	}
	switch (kind_of(path, p)) {
	case KIND_RELEASE:
		release_file(path, o, true, p);
		break;
	case KIND_APP:
		app_file(path, p);
		break;
	case KIND_APPUP:
		appup_file(path, p);
		break;
	case KIND_RELUP:
		relup_file(path, o, p);
		break;
	case KIND_CONFIG:
		check_config(path, p);
		break;
	case KIND_UNKNOWN:
		break;
	}
}

/* ------------------------------------------------------------------ any path */
static bool
holds(const char *dir, const char *name)
{
	char path[4300];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return access(path, F_OK) == 0;
}

static void
folder(const char *path, const struct check_options *o, struct doc_problems *p)
{
	char file_path[4300];
	const struct rel_pos pos = {.file = path};
	if (holds(path, "app.yaml")) {
		check_app(AT_FDCWD, path, path, p);
	} else if (holds(path, "release.yaml")) {
		snprintf(file_path, sizeof(file_path), "%s/release.yaml", path);
		release_file(file_path, o, true, p);
	} else if (holds(path, "lib") && holds(path, "releases")) {
		root(path, p);
	} else {
		doc_find(p, DOC_ERROR, &pos, REL_E_NOT_FOUND,
		    "holds neither app.yaml, nor release.yaml, nor lib and releases");
	}
}

void
check_path(const char *path, const struct check_options *o, struct doc_problems *p)
{
	struct stat st;
	struct rel_err err = REL_ERR_INIT;
	char trimmed[4096];
	snprintf(trimmed, sizeof(trimmed), "%s", path);
	for (size_t n = strlen(trimmed); n > 1 && trimmed[n - 1] == '/'; n--)
		trimmed[n - 1] = '\0';
	if (strlen(path) >= sizeof(trimmed)) {
		rel_err_set(&err, REL_E_LIMIT, "a path of %zu bytes", strlen(path));
		doc_problem_add(p, DOC_ERROR, &err);
	} else if (stat(trimmed, &st) != 0) {
		rel_err_sys(&err, errno == ENOENT ? REL_E_NOT_FOUND : REL_E_IO, errno, "%s", trimmed);
		doc_problem_add(p, DOC_ERROR, &err);
	} else if (S_ISDIR(st.st_mode)) {
		folder(trimmed, o, p);
	} else {
		file(trimmed, o, p);
	}
}
