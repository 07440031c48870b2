/* SPDX-License-Identifier: Apache-2.0
 * A release: its applications together, its config, its relup.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check/check_priv.h"

/* ------------------------------------------------------------------ files beside it */
static int
config_of(const char *path, struct doc **ret, struct doc_problems *p)
{
	CLEANUP(doc_free) struct doc *d = NULL;
	if (doc_read_file_all(AT_FDCWD, path, path, &doc_limits_written, &d, p) != 0)
		return -1;
	if (model_config_check(d, p) != 0) {
		MUST(p->errors > 0);
		return -1;
	}
	*ret = MOVE(d);
	return 0;
}

void
check_config(const char *path, struct doc_problems *p)
{
	CLEANUP(doc_free) struct doc *d = NULL;
	if (config_of(path, &d, p) != 0)
		MUST(p->errors > 0);
}

/* Of an application that is not there nobody hears; a key that its app.yaml does not know reaches its workers
 * and is as a rule another one misspelt. */
static void
config_keys(const struct doc_node *root, const struct model_system *sys, struct doc_problems *p)
{
	for (size_t i = 0; i < root->count; i++) {
		const struct model_app *app = model_system_app(sys, root->keys[i], NULL);
		if (app == NULL) {
			doc_find(p, DOC_WARNING, &root->key_pos[i], REL_E_NO_SUCH_APPLICATION,
			    "application %s is not in release %s: this changes nothing", root->keys[i], sys->release->version);
			doc_problem_hint(p, "name an application of the release.yaml beside it, or take it out");
			continue;
		}
		const struct doc_node *keys = root->items[i];
		for (size_t k = 0; k < keys->count; k++) {
			if (app->env != NULL && doc_get(app->env, keys->keys[k]) != NULL)
				continue;
			doc_find(p, DOC_WARNING, &keys->key_pos[k], REL_E_UNKNOWN_KEY,
			    "the env of %s %s has no key %s to replace", app->application, app->version, keys->keys[k]);
			doc_problem_hint(p, "name a key of the env in its app.yaml, or give it this one there, with a default");
		}
	}
}

static void
check_entries(const struct model_relup_entry *list, size_t count, struct doc_problems *p)
{
	for (size_t i = 0; i < count; i++) {
		size_t before = p->errors;
		if (model_script_check(&list[i].script, p) == 0 &&
		    model_script_check_timeouts(&list[i].script, p) == 0)
			check_script(&list[i].script, p);
		else
			MUST(p->errors > before);
	}
}

/* `r` may be NULL: nothing lies beside it. */
static struct model_relup *
relup_of(const char *path, const struct model_release *r, struct doc_problems *p)
{
	struct model_relup *relup = NULL;
	if (model_relup_load(AT_FDCWD, path, path, &relup, p) != 0)
		return NULL;
	bool other = r != NULL && strcmp(relup->release, r->release) != 0;
	if (r != NULL && (other || strcmp(relup->version, r->version) != 0))
		doc_find(p, DOC_ERROR, &doc_get(relup->doc->root, other ? "release" : "version")->pos,
		    REL_E_BAD_RELUP, "this is the relup of release %s %s, and it lies beside %s %s",
		    relup->release, relup->version, r->release, r->version);
	check_entries(relup->up, relup->up_count, p);
	check_entries(relup->down, relup->down_count, p);
	return relup;
}

static bool
beside(const char *path, const char *file, char *buf, size_t size)
{
	const char *slash = strrchr(path, '/');
	snprintf(buf, size, "%.*s%s", slash != NULL ? (int)(slash - path) + 1 : 0, path, file);
	return access(buf, F_OK) == 0;
}

/* ROOT/releases/VERSION/FILE: VERSION is what the folder is called, whatever path led there. */
static bool
in_root(const char *path, char *version, size_t size)
{
	char dir[4300], lib[4300];
	beside(path, ".", dir, sizeof(dir));
	CLEANUP(rel_free_cleanup) char *real = realpath(dir, NULL);
	char *folder = real != NULL ? strrchr(real, '/') : NULL;
	if (folder == NULL)
		return false;
	*folder = '\0';
	const char *releases = strrchr(real, '/');
	if (releases == NULL || strcmp(releases, "/releases") != 0)
		return false;
	snprintf(lib, sizeof(lib), "%.*s/lib", (int)(releases - real), real);
	snprintf(version, size, "%s", folder + 1);
	return access(lib, F_OK) == 0;
}

void
check_relup(const char *path, const struct model_libs *libs, struct doc_problems *p)
{
	char file[4300], version[256];
	struct doc_problems own = DOC_PROBLEMS_INIT;
	struct model_release *r = NULL;
	struct model_system *sys = NULL;
	bool has = beside(path, "release.yaml", file, sizeof(file));
	bool read = has && model_release_load(AT_FDCWD, file, file, &r, &own) == 0;
	struct model_relup *relup = relup_of(path, r, p);
	if (read && model_system_load(r, libs, &sys, &own) == 0 && relup != NULL)
		check_joins(relup, sys, libs, path, in_root(path, version, sizeof(version)), p);
	if (has && sys == NULL)
		doc_find(p, DOC_ERROR, &(struct rel_pos){.file = path},
		    own.list != NULL ? own.list[0].err.code : REL_E_NOMEM, "cannot be compared with its release: %s",
		    own.list != NULL ? own.list[0].err.text : "out of memory");
	model_system_free(&sys);
	model_relup_free(&relup);
	doc_problems_fini(&own);
}

/* ------------------------------------------------------------------ its applications */
static void
applications(const struct model_system *sys, const struct model_libs *libs, struct doc_problems *p)
{
	for (size_t i = 0; i < sys->release->app_count; i++) {
		char path[REL_NAME_MAX + REL_VERSION_MAX + 32], name[4300];
		int lib = compare_libs_find(libs, sys->apps[i], path, sizeof(path));
		if (lib < 0)
			continue; /* read a moment ago */
		snprintf(name, sizeof(name), "%s/%s", libs->names[lib], path);
		check_app(libs->fds[lib], path, name, p);
	}
}

void
check_release(const char *path, const struct model_libs *libs, bool apps, struct doc_problems *p)
{
	char file[4300], version[256];
	CLEANUP(model_relup_free) struct model_relup *relup = NULL;
	CLEANUP(doc_free) struct doc *config = NULL;
	struct model_release *release = NULL;
	struct model_system *sys = NULL;
	bool root = in_root(path, version, sizeof(version));
	if (model_release_load(AT_FDCWD, path, path, &release, p) != 0)
		return;
	if (root && strcmp(release->version, version) != 0) {
		doc_find(p, DOC_ERROR, &doc_get(release->doc->root, "version")->pos, REL_E_BAD_VALUE,
		    "the version is %s, and its folder is called %s", release->version, version);
		doc_problem_hint(p, "call the folder %s", release->version);
	}
	if (beside(path, "relup.json", file, sizeof(file)))
		relup = relup_of(file, release, p);
	if (beside(path, "config.yaml", file, sizeof(file)) && config_of(file, &config, p) != 0)
		MUST(p->errors > 0);
	if (model_system_load(release, libs, &sys, p) != 0)
		return;
	if (config != NULL)
		config_keys(config->root, sys, p);
	if (relup != NULL)
		check_joins(relup, sys, libs, path, root, p);
	if (relup != NULL)
		check_runs(relup, p);
	if (apps)
		applications(sys, libs, p);
	check_imports(sys, libs, p);
	model_system_free(&sys);
}
