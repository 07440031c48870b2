/* SPDX-License-Identifier: Apache-2.0
 * One built application: what its files say, alone and against each older version that lies beside it
 * and that its appup has a way from or to.
 */
#include "config.h"

#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check/check_priv.h"

/* ------------------------------------------------------------------ its own files */
static const struct rel_pos *
key_pos(const struct doc *d, const char *key)
{
	const struct doc_node *n = doc_get(d->root, key);
	return n != NULL ? &n->pos : &d->root->pos;
}

/* The folder as the file system calls it, whatever path led there. */
static void
identity(const struct compare_side *s, struct doc_problems *p)
{
	char link[64], path[4096], want[REL_NAME_MAX + REL_VERSION_MAX + 2];
	snprintf(link, sizeof(link), "/proc/self/fd/%d", s->fd);
	ssize_t n = readlink(link, path, sizeof(path) - 1);
	path[n > 0 ? n : 0] = '\0';
	const char *base = strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path;
	snprintf(want, sizeof(want), "%s-%s", s->app->application, s->app->version);
	if (strchr(base, '-') == NULL || strcmp(base, want) == 0)
		return; /* no folder of a library, or the right one */
	bool name = strncmp(base, s->app->application, strlen(s->app->application)) == 0 &&
	    base[strlen(s->app->application)] == '-';
	doc_find(p, DOC_ERROR, key_pos(s->app->doc, name ? "version" : "application"), REL_E_BAD_VALUE,
	    "this is %s %s, and its folder is called %s", s->app->application, s->app->version, base);
	doc_problem_hint(p, "call the folder %s", want);
}

static void
appup_identity(const struct compare_side *s, struct doc_problems *p)
{
	const struct model_appup *a = s->appup;
	if (strcmp(a->application, s->app->application) != 0)
		doc_find(p, DOC_ERROR, key_pos(a->doc, "application"), REL_E_BAD_APPUP_VERSION,
		    "the appup is of application %s and lies in %s", a->application, s->app->application);
	if (strcmp(a->version, s->app->version) != 0)
		doc_find(p, DOC_ERROR, key_pos(a->doc, "version"), REL_E_BAD_APPUP_VERSION,
		    "the appup is of version %s, and app.yaml of %s", a->version, s->app->version);
	for (size_t i = 0; i < a->up_count; i++)
		check_script(&a->up[i].script, p);
	for (size_t i = 0; i < a->down_count; i++)
		check_script(&a->down[i].script, p);
}

struct child_look {
	const struct compare_side *s;
	struct doc_problems *p;
};

static void
child_module(void *ctx, const struct model_child *child)
{
	const struct child_look *l = ctx;
	const struct elf_module *m = child->module != NULL ? compare_side_module(l->s, child->module) : NULL;
	if (m != NULL && elf_module_table(m)->state == ELF_TABLE_READ && !elf_module_table(m)->callbacks.init)
		doc_find(l->p, DOC_ERROR, &child->pos, REL_E_BAD_MODULE,
		    "child %s: module %s offers no init, so no worker can run it", child->id, child->module);
}

/* What a module of this application imports from another of it must be what that one offers. */
static void
interfaces(const struct compare_side *s, size_t at, struct doc_problems *p)
{
	char file[4096];
	const struct rel_pos pos = {.file = compare_side_file(s, s->app->modules.names[at], file, sizeof(file))};
	const struct elf_table *t = elf_module_table(s->modules[at]);
	for (size_t i = 0; i < t->import_count; i++) {
		const struct elf_module *m = compare_side_module(s, t->imports[i].module);
		const struct elf_table *callee = m != NULL ? elf_module_table(m) : NULL;
		if (callee != NULL && callee->state == ELF_TABLE_READ)
			check_import(&pos, t->imports[i].module, t->imports[i].interface,
			    callee->interface ? callee->interface_name : NULL, p);
	}
}

static int
is_module_file(const struct dirent *e)
{
	size_t n = strlen(e->d_name);
	return n > 3 && strcmp(e->d_name + n - 3, ".so") == 0;
}

/* A file that app.yaml forgets is no part of the application, and nothing ever loads it. */
static void
unlisted(const struct compare_side *s, struct doc_problems *p)
{
	struct dirent **list;
	int n = scandirat(s->fd, "modules", &list, is_module_file, alphasort);
	for (int i = 0; i < n; i++) {
		char name[NAME_MAX + 1], file[4400];
		snprintf(name, sizeof(name), "%.*s", (int)strlen(list[i]->d_name) - 3, list[i]->d_name);
		free(list[i]);
		if (model_names_has(&s->app->modules, name))
			continue;
		doc_find(p, DOC_WARNING, &(struct rel_pos){.file = compare_side_file(s, name, file, sizeof(file))},
		    REL_E_NO_SUCH_MODULE, "app.yaml of %s %s does not list this module: no release has it",
		    s->app->application, s->app->version);
		doc_problem_hint(p, "list it under modules in app.yaml, or take the file away");
	}
	if (n >= 0)
		free(list);
}

static void
own_files(const struct compare_side *s, struct doc_problems *p)
{
	struct child_look look = {s, p};
	identity(s, p);
	for (size_t i = 0; i < s->app->modules.count; i++) {
		char file[4096];
		const char *module = s->app->modules.names[i];
		if (s->modules[i] == NULL)
			continue;
		check_module(compare_side_file(s, module, file, sizeof(file)), module, s->modules[i], p);
		interfaces(s, i, p);
	}
	compare_each_child(&s->app->supervisor, child_module, &look);
	unlisted(s, p);
	check_states(s, p);
	if (s->appup != NULL)
		appup_identity(s, p);
}

/* ------------------------------------------------------------------ against older versions */
static bool
has_way(const struct model_appup *a, const char *version)
{
	return model_appup_find(a->up, a->up_count, version) != NULL ||
	    model_appup_find(a->down, a->down_count, version) != NULL;
}

/* What is wrong with the older version itself is told when that one is checked. */
static void
against(const struct compare_side *s, int lib, const char *folder, struct doc_problems *p)
{
	char name[8192];
	struct doc_problems own = DOC_PROBLEMS_INIT;
	struct compare_side *old = NULL;
	struct compare *c = NULL;
	snprintf(name, sizeof(name), "%s/../%s", s->name, folder);
	if (compare_side_open(lib, folder, name, &old, &own) == 0 && own.errors == 0 &&
	    compare_make(old, s, &c, p) == 0)
		check_cover(c, p);
	else if (own.errors > 0)
		doc_find(p, DOC_ERROR, &(struct rel_pos){.file = name}, own.list != NULL ? own.list[0].err.code
		    : REL_E_NOMEM, "cannot be compared with: %s", own.list != NULL ? own.list[0].err.text : "?");
	compare_free(&c);
	compare_side_close(&old);
	doc_problems_fini(&own);
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The versions of folders APP-VERSION beside this one; freed by the caller. */
static size_t
versions_beside(const struct compare_side *s, int lib, char ***ret)
{
	size_t n = 0, prefix = strlen(s->app->application);
	int fd = dup(lib);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	*ret = NULL;
	if (dir == NULL) {
		rel_fd_close(&fd);
		return 0;
	}
	for (struct dirent *e; (e = readdir(dir)) != NULL;) {
		if (strncmp(e->d_name, s->app->application, prefix) != 0 || e->d_name[prefix] != '-' ||
		    !rel_version_ok(e->d_name + prefix + 1) || strcmp(e->d_name + prefix + 1, s->app->version) == 0)
			continue;
		char **more = reallocarray(*ret, n + 1, sizeof(**ret));
		if (more == NULL || (more[n] = strdup(e->d_name + prefix + 1)) == NULL) {
			*ret = more != NULL ? more : *ret;
			break;
		}
		*ret = more;
		n++;
	}
	closedir(dir);
	if (n > 0)
		qsort(*ret, n, sizeof(**ret), by_text);
	return n;
}

static void
changes(const struct compare_side *s, struct doc_problems *p)
{
	int lib = -1;
	struct rel_err err = REL_ERR_INIT;
	char **versions;
	if (s->appup == NULL || rel_dir_open(s->fd, "..", &lib, &err) != 0)
		return;
	size_t n = versions_beside(s, lib, &versions);
	for (size_t i = 0; i < n; i++) {
		char folder[REL_NAME_MAX + REL_VERSION_MAX + 2];
		snprintf(folder, sizeof(folder), "%s-%s", s->app->application, versions[i]);
		if (has_way(s->appup, versions[i]))
			against(s, lib, folder, p);
		free(versions[i]);
	}
	free(versions);
	rel_fd_close(&lib);
}

void
check_app(int dirfd, const char *path, const char *name, struct doc_problems *p)
{
	CLEANUP(compare_side_close) struct compare_side *s = NULL;
	size_t before = p->errors;
	if (compare_side_open(dirfd, path, name, &s, p) != 0)
		return;
	compare_side_appup(s, p);
	bool readable = p->errors == before;
	own_files(s, p);
	if (readable)
		changes(s, p);
}
