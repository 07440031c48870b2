/* SPDX-License-Identifier: Apache-2.0
 * One name and version, one content.  Where an application folder stands in two library folders,
 * its app.yaml and its module files must be the same bytes: two releases that give it the same
 * version would else differ unseen, and no instruction would carry the difference over.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compare/compare.h"
#include "ctl/ctl_relup.h"

/* Two copies of one application's folder. */
struct pair {
	const struct model_app *app;
	int fd_a, fd_b; /* library folders */
	const char *name_a, *name_b;
};

/* As compare_bytes() for two files that may be absent: both absent are equal. */
static int
same_file(int dir_a, int dir_b, const char *path)
{
	struct stat sa, sb;
	CLEANUP(rel_fd_close) int a = openat(dir_a, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (a < 0 && errno != ENOENT)
		return -1;
	CLEANUP(rel_fd_close) int b = openat(dir_b, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (b < 0 && errno != ENOENT)
		return -1;
	if (a < 0 || b < 0)
		return a < 0 && b < 0;
	if (fstat(a, &sa) < 0 || fstat(b, &sb) < 0)
		return -1;
	if (!S_ISREG(sa.st_mode) || !S_ISREG(sb.st_mode))
		return 0;
	return compare_bytes(a, b);
}

/* Compares one file of the folder; false: told, and the rest need not be compared. */
static bool
check_file(struct relup_work *w, const struct pair *p, const char *file)
{
	char path[4 * REL_VERSION_MAX];
	const struct model_app *app = p->app;
	snprintf(path, sizeof(path), "%s-%s/%s", app->application, app->version, file);
	int same = same_file(p->fd_a, p->fd_b, path);
	if (same > 0)
		return true;
	struct rel_err err = REL_ERR_INIT;
	if (same < 0)
		rel_err_sys(&err, REL_E_IO, errno, "%s of %s and %s", path, p->name_a, p->name_b);
	else
		rel_err_at(&err, &app->doc->root->pos, REL_E_SAME_VERSION_DIFFERS,
		    "application \"%s\" %s is not the same in %s and %s: %s differs",
		    app->application, app->version, p->name_a, p->name_b, file);
	for (size_t i = 0; i < w->problems.count; i++) /* the release before had it too */
		if (strcmp(w->problems.list[i].err.text, err.text) == 0)
			return false;
	doc_problem_add(&w->problems, DOC_ERROR, &err);
	return false;
}

static void
check_pair(struct relup_work *w, const struct pair *p)
{
	if (!check_file(w, p, "app.yaml"))
		return;
	for (size_t i = 0; i < p->app->modules.count; i++) {
		char file[REL_NAME_MAX + 16];
		snprintf(file, sizeof(file), "modules/%s.so", p->app->modules.names[i]);
		if (!check_file(w, p, file))
			return;
	}
}

static void
check_app(struct relup_work *w, const struct model_app *app)
{
	char path[2 * REL_VERSION_MAX + 32];
	struct pair p = {.app = app, .fd_a = -1};
	snprintf(path, sizeof(path), "%s-%s/app.yaml", app->application, app->version);
	for (size_t i = 0; i < w->lib_count; i++) {
		if (faccessat(w->lib_fds[i], path, F_OK, 0) < 0)
			continue;
		if (p.fd_a < 0) {
			p.fd_a = w->lib_fds[i];
			p.name_a = w->lib_names[i];
			continue;
		}
		p.fd_b = w->lib_fds[i];
		p.name_b = w->lib_names[i];
		check_pair(w, &p);
	}
}

void
ctl_relup_check_same(struct relup_work *w, const struct model_system *sys)
{
	for (size_t i = 0; w->lib_count > 1 && i < sys->release->app_count; i++)
		check_app(w, sys->apps[i]);
}
