/* SPDX-License-Identifier: Apache-2.0
 * relctl root …: the root directory of a host, offline.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "ctl/ctl.h"
#include "model/model.h"
#include "store/store.h"

enum { O_RELEASE = 1 };

/* ------------------------------------------------------------------ the release to be set */

static void
check_version(const struct model_release *r, const char *version, const char *name,
    struct doc_problems *p)
{
	struct rel_err err = REL_ERR_INIT;
	if (strcmp(r->version, version) == 0)
		return;
	rel_err_at(&err, &(struct rel_pos){.file = name}, REL_E_BAD_VERSION,
	    "it says version %s, and lies in releases/%s; the two must agree", r->version, version);
	doc_problem_add(p, DOC_ERROR, &err);
}

static void
check_whole(const char *dir, struct model_release *r, struct doc_problems *p)
{
	struct rel_err err = REL_ERR_INIT;
	char lib[4200];
	snprintf(lib, sizeof(lib), "%s/lib", dir);
	const char *name = lib;
	CLEANUP(rel_fd_close) int fd = open(lib, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		rel_err_sys(&err, REL_E_IO, errno, "cannot open %s", lib);
		doc_problem_add(p, DOC_ERROR, &err);
		model_release_free(&r);
		return;
	}
	const struct model_libs libs = {.count = 1, .fds = &fd, .names = &name};
	struct model_system *s = NULL;
	if (model_system_load(r, &libs, &s, p) == 0) /* else *p says why */
		model_system_free(&s);
}

/* As relupd will read it.  One that is absent is not looked at: store_root_init() says so. */
static void
check_release(const char *dir, const char *version, struct doc_problems *p)
{
	char path[4200];
	snprintf(path, sizeof(path), "%s/releases/%s/release.yaml", dir, version);
	if (access(path, F_OK) != 0)
		return;
	struct model_release *r = NULL;
	if (model_release_load(AT_FDCWD, path, path, &r, p) != 0)
		return;
	check_version(r, version, path, p);
	check_whole(dir, r, p);
}

/* ------------------------------------------------------------------ root init */

static int
tell(struct ctl *c, const char *dir, const char *permanent)
{
	const char *release = permanent[0] != '\0' ? permanent : NULL;
	c->done = true;
	if (c->format == CTL_JSON)
		return ctl_json(c, json_pack("{s:s, s:s?}", "root", dir, "release", release));
	if (release != NULL)
		ctl_note(c, "%s is a root; release %s is permanent; start it: relupd --root %s",
		    dir, release, dir);
	else
		ctl_note(c, "%s is a root without a release; start it: relupd --root %s", dir, dir);
	return 0;
}

static int
root_init(struct ctl *c, const struct ctl_args *a)
{
	struct rel_err err = REL_ERR_INIT;
	struct doc_problems p = DOC_PROBLEMS_INIT;
	struct store_current now;
	const char *dir = a->args[0], *release = ctl_args_value(a, O_RELEASE);
	c->root = dir; /* what hints call the root */
	if (release != NULL && !rel_version_ok(release)) {
		rel_err_set(&err, REL_E_BAD_VERSION, "--release: `%s` is no version", release);
		return ctl_error(c, &err);
	}
	if (release != NULL)
		check_release(dir, release, &p);
	int status = ctl_problems(c, &p);
	doc_problems_fini(&p);
	if (status != 0)
		return status;
	if (store_root_init(dir, release, &now, &err) < 0)
		return ctl_error(c, &err);
	return tell(c, dir, now.permanent);
}

static const struct ctl_opt init_opts[] = {
    {O_RELEASE, "release", "VERSION",
	"an unpacked release of the root: it becomes the permanent one"},
    {0, NULL, NULL, NULL},
};

const struct ctl_verb ctl_verbs_root[] = {
    {
	.name = "root init",
	.synopsis = "DIR [--release VERSION]",
	.help = "make DIR the root of a host, or complete it",
	.min_args = 1,
	.max_args = 1,
	.opts = init_opts,
	.run = root_init,
    },
    {.name = NULL},
};
