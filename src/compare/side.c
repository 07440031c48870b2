/* SPDX-License-Identifier: Apache-2.0
 * One built version of an application: its folder, read.
 */
#include "config.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compare/compare.h"

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#elif defined(__aarch64__)
#define MACHINE EM_AARCH64
#else
#define MACHINE EM_NONE /* modules of this machine cannot be judged: see elf.h */
#endif

static void
nomem(struct doc_problems *p)
{
	doc_problem(p, NULL, REL_E_NOMEM, "out of memory");
}

void
compare_side_appup(struct compare_side *s, struct doc_problems *p)
{
	char name[4096];
	if (faccessat(s->fd, "appup.yaml", F_OK, 0) < 0 && errno == ENOENT)
		return;
	snprintf(name, sizeof(name), "%s/appup.yaml", s->name);
	if (model_appup_load(s->fd, "appup.yaml", name, &s->appup, p) != 0)
		s->appup = NULL;
}

const char *
compare_side_file(const struct compare_side *s, const char *module, char *buf, size_t size)
{
	snprintf(buf, size, "%s/modules/%s.so", s->name, module);
	return buf;
}

int
compare_module_open(int dirfd, const char *path, const char *name, struct elf_module **ret, struct rel_err *err)
{
	CLEANUP(elf_module_close) struct elf_module *m = NULL;
	if (elf_module_open(dirfd, path, name, &m, err) != 0)
		return -1;
	const struct elf_facts *f = elf_module_facts(m);
	uint64_t end = f->load_end > f->sections_end ? f->load_end : f->sections_end;
	if (f->type != ET_DYN || (MACHINE != EM_NONE && f->machine != MACHINE))
		return rel_err_set(err, REL_E_BAD_OBJECT, "%s for %s; a module is a shared object for %s",
		    f->type == ET_DYN ? "a shared object" : "no shared object, but a file",
		    elf_machine_name(f->machine), elf_machine_name(MACHINE));
	if (end > f->file_size)
		return rel_err_set(err, REL_E_BAD_OBJECT, "is cut off: %ju bytes of %ju",
		    (uintmax_t)f->file_size, (uintmax_t)end);
	if (f->limited != NULL)
		return rel_err_set(err, REL_E_BAD_OBJECT, "%s", f->limited);
	*ret = MOVE(m);
	return 0;
}

static void
load_modules(struct compare_side *s, struct doc_problems *p)
{
	for (size_t i = 0; i < s->app->modules.count; i++) {
		char path[REL_NAME_MAX + 16], name[4096];
		struct rel_err err = REL_ERR_INIT;
		const char *module = s->app->modules.names[i];
		snprintf(path, sizeof(path), "modules/%s.so", module);
		compare_side_file(s, module, name, sizeof(name));
		const struct rel_pos pos = {.file = name};
		if (compare_module_open(s->fd, path, name, &s->modules[i], &err) == 0)
			continue;
		doc_problem(p, &pos, err.code, "%s", err.text);
		if (rel_err_hint_of(&err)[0] == '\0')
			doc_problem_hint(p, "build module %s, or take it out of modules in app.yaml", module);
	}
}

static int
load(struct compare_side *s, struct doc_problems *p)
{
	char name[4096];
	snprintf(name, sizeof(name), "%s/app.yaml", s->name);
	if (model_app_load(s->fd, "app.yaml", name, &s->app, p) != 0)
		return -1;
	s->modules = calloc(s->app->modules.count + 1, sizeof(struct elf_module *));
	if (s->modules == NULL) {
		nomem(p);
		return -1;
	}
	load_modules(s, p);
	return 0;
}

int
compare_side_open(int dirfd, const char *path, const char *name, struct compare_side **ret,
    struct doc_problems *p)
{
	struct rel_err err = REL_ERR_INIT;
	CLEANUP(compare_side_close) struct compare_side *s = calloc(1, sizeof(*s));
	if (s == NULL) {
		nomem(p);
		return -1;
	}
	s->fd = -1;
	s->name = strdup(name);
	if (s->name == NULL) {
		nomem(p);
		return -1;
	}
	if (rel_dir_open(dirfd, path, &s->fd, &err) != 0) {
		doc_problem_add(p, DOC_ERROR, &err);
		return -1;
	}
	if (load(s, p) != 0)
		return -1;
	*ret = MOVE(s);
	return 0;
}

void
compare_side_close(struct compare_side **sp)
{
	struct compare_side *s = *sp;
	*sp = NULL;
	if (s == NULL)
		return;
	for (size_t i = 0; s->modules != NULL && i < s->app->modules.count; i++)
		elf_module_close(&s->modules[i]);
	free(s->modules);
	model_app_free(&s->app);
	model_appup_free(&s->appup);
	rel_fd_close(&s->fd);
	free((char *)(uintptr_t)s->name);
	free(s);
}

struct elf_module *
compare_side_module(const struct compare_side *s, const char *module)
{
	for (size_t i = 0; i < s->app->modules.count; i++)
		if (strcmp(s->app->modules.names[i], module) == 0)
			return s->modules[i];
	return NULL;
}

/* ------------------------------------------------------------------ children and state */
void
compare_each_child(const struct model_sup *sup,
    void (*fn)(void *ctx, const struct model_child *child), void *ctx)
{
	for (size_t i = 0; i < sup->child_count; i++) {
		fn(ctx, &sup->children[i]);
		if (sup->children[i].supervisor != NULL)
			compare_each_child(sup->children[i].supervisor, fn, ctx);
	}
}

struct seek {
	const char *module;
	bool found;
};

static void
is_module_of(void *ctx, const struct model_child *child)
{
	struct seek *s = ctx;
	s->found |= child->module != NULL && strcmp(child->module, s->module) == 0;
}

bool
compare_is_callback(const struct compare_side *s, const char *module)
{
	struct seek seek = {.module = module};
	compare_each_child(&s->app->supervisor, is_module_of, &seek);
	return seek.found;
}

bool
compare_has_state(const struct compare_side *s, const char *module)
{
	struct elf_module *m = compare_side_module(s, module);
	return compare_is_callback(s, module) ||
	    (m != NULL && elf_module_table(m)->state_type_count > 0);
}
