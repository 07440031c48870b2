/* SPDX-License-Identifier: Apache-2.0
 * A module file by itself.  Errors are what the runtime refuses or what breaks the replacing of code;
 * warnings are what is allowed and bites later.  Each rule has a bad module of its own in
 * tests/modules/elf, in which it alone decides.
 */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "check/check_priv.h"

#if defined(__x86_64__)
#define TRIPLET "x86_64-linux-gnu"
#elif defined(__aarch64__)
#define TRIPLET "aarch64-linux-gnu"
#else
#define TRIPLET "."
#endif

struct look {
	struct rel_pos pos;
	const struct elf_facts *f;
	struct doc_problems *p;
};

static void
error(const struct look *l, enum rel_ecode code, const char *text)
{
	doc_find(l->p, DOC_ERROR, &l->pos, code, "%s", text);
}

static void
symbol_name(const void *ctx, size_t i, char *buf, size_t size)
{
	const char *name = ((const struct elf_symbol *)ctx)[i].name;
	snprintf(buf, size, "%s", name[0] != '\0' ? name : "one without a name");
}

static void
symbols(const struct look *l, enum doc_severity severity, enum rel_ecode code, const char *what,
    const struct elf_symbol *list, size_t count)
{
	char names[300];
	if (count > 0)
		doc_find(l->p, severity, &l->pos, code, "%s: %s", what,
		    check_list(names, sizeof(names), count, symbol_name, list));
}

/* ------------------------------------------------------------------ the loader's side */
static void
constructors(const struct look *l)
{
	/* Stripped, crt's own constructor may not be told from others: of more than one, one is another's. */
	if (l->f->init.named)
		symbols(l, DOC_ERROR, REL_E_ELF_CONSTRUCTOR, "has constructors, which run before any check",
		    l->f->init.list, l->f->init.count);
	else if (l->f->init.total > 1)
		doc_find(l->p, DOC_ERROR, &l->pos, REL_E_ELF_CONSTRUCTOR,
		    "has %zu constructor%s, which run%s before any check", l->f->init.total - 1,
		    l->f->init.total == 2 ? "" : "s", l->f->init.total == 2 ? "s" : "");
	if (l->f->init.named || l->f->init.total != 1)
		return;
	doc_find(l->p, DOC_WARNING, &l->pos, REL_E_ELF_CONSTRUCTOR,
	    "is stripped, and whether the one function that runs when it is loaded is a constructor cannot be told");
	doc_problem_hint(l->p, "link it without -s, and do not strip it");
}

/* One runs whenever the loader lets go of the file: under the next version, or never.  Stripped, the one
 * function that is there is crt's, as it is in any other. */
static void
destructors(const struct look *l)
{
	const struct elf_hooks *h = &l->f->fini;
	const char *what = "has destructors, which run when the file is unmapped, if ever";
	if (h->named)
		symbols(l, DOC_WARNING, REL_E_ELF_DESTRUCTOR, what, h->list, h->count);
	else if (h->total > 1)
		doc_find(l->p, DOC_WARNING, &l->pos, REL_E_ELF_DESTRUCTOR, "%s: %zu", what, h->total - 1);
}

/* The table is the one symbol that a module gives out. */
static void
exports(const struct look *l)
{
	struct elf_symbol more[64];
	size_t n = 0;
	for (size_t i = 0; i < l->f->exports.count && n < NELEM(more); i++)
		if (strcmp(l->f->exports.list[i].name, "relw_module") != 0)
			more[n++] = l->f->exports.list[i];
	symbols(l, DOC_ERROR, REL_E_ELF_EXPORT,
	    "exports more than relw_module, which another version or the host could be bound to", more, n);
}

/* ------------------------------------------------------------------ libraries */
static bool
find_by_default(const char *library, char *path, size_t size)
{
	static const char *const dirs[] = {"/lib/" TRIPLET, "/usr/lib/" TRIPLET, "/lib64", "/usr/lib64", "/lib",
	    "/usr/lib"};
	if (strchr(library, '/') != NULL)
		return false;
	for (size_t i = 0; i < NELEM(dirs); i++) {
		snprintf(path, size, "%s/%s", dirs[i], library);
		if (access(path, F_OK) == 0)
			return true;
	}
	return false;
}

/* Does a library that the module needs have it? */
static bool
library_has(const char *library, const char *symbol)
{
	char path[4096];
	struct elf_module *m = NULL;
	struct rel_err err = REL_ERR_INIT;
	bool has = false;
	if (!find_by_default(library, path, sizeof(path)) || elf_library_open(path, &m, &err) != 0)
		return false;
	for (size_t i = 0; !has && i < elf_module_facts(m)->exports.count; i++)
		has = strcmp(elf_module_facts(m)->exports.list[i].name, symbol) == 0;
	elf_module_close(&m);
	return has;
}

/* One that has a version was found in a library when the module was linked. */
static bool
is_found(const struct look *l, const struct elf_symbol *s)
{
	if (s->weak || s->versioned)
		return true;
	for (size_t i = 0; i < l->f->needed.count; i++)
		if (library_has(l->f->needed.list[i], s->name))
			return true;
	return false;
}

static void
undefined(const struct look *l)
{
	struct elf_symbol none[16];
	size_t n = 0;
	for (size_t i = 0; i < l->f->undefined.count && n < NELEM(none); i++)
		if (!is_found(l, &l->f->undefined.list[i]))
			none[n++] = l->f->undefined.list[i];
	symbols(l, DOC_ERROR, REL_E_ELF_UNDEFINED, "needs symbols that none of its libraries has", none, n);
}

static void
libraries(const struct look *l)
{
	if (l->f->runpath[0] != '\0' || l->f->rpath[0] != '\0')
		doc_find(l->p, DOC_ERROR, &l->pos, REL_E_ELF_RUNPATH,
		    "has a search path for libraries (%s): a second version would get the first one's library",
		    l->f->runpath[0] != '\0' ? l->f->runpath : l->f->rpath);
	char path[4096];
	for (size_t i = 0; i < l->f->needed.count; i++)
		if (!find_by_default(l->f->needed.list[i], path, sizeof(path)))
			doc_find(l->p, DOC_ERROR, &l->pos, REL_E_ELF_LIBRARY,
			    "needs %s, which the loader does not find by default: a second version would get the "
			    "first one's", l->f->needed.list[i]);
}

static void
flags(const struct look *l)
{
	if (l->f->nodelete)
		error(l, REL_E_ELF_NODELETE, "is linked with -z nodelete: it can never be unmapped");
	if (l->f->static_tls)
		error(l, REL_E_ELF_STATIC_TLS, "has thread-local variables in the static block, which is full after "
					       "some two dozen versions");
	if (l->f->textrel)
		error(l, REL_E_ELF_TEXTREL, "has relocations in its code");
	if (l->f->exec_stack)
		error(l, REL_E_ELF_EXEC_STACK, "wants an executable stack");
	if (!l->f->bind_now)
		doc_find(l->p, DOC_WARNING, &l->pos, REL_E_ELF_LAZY,
		    "is linked for lazy binding: what it misses would be found at the first call");
}

static void
variables(const struct look *l)
{
	static const char what[] = "has variables that every version has anew, and two versions do not share";
	symbols(l, DOC_WARNING, REL_E_ELF_WRITABLE, what, l->f->writable.list, l->f->writable.count);
	if (!l->f->symtab && l->f->writable_size > 0)
		doc_find(l->p, DOC_WARNING, &l->pos, REL_E_ELF_WRITABLE, "%s: %llu bytes of them", what,
		    (unsigned long long)l->f->writable_size);
}

void
check_module(const char *file, const char *module, const struct elf_module *m, struct doc_problems *p)
{
	const struct look l = {.pos = {.file = file}, .f = elf_module_facts(m),
	    .p = p};
	flags(&l);
	libraries(&l);
	constructors(&l);
	destructors(&l);
	symbols(&l, DOC_ERROR, REL_E_ELF_UNIQUE, "has symbols that all versions share, and that keep it mapped",
	    l.f->unique.list, l.f->unique.count);
	exports(&l);
	undefined(&l);
	variables(&l);
	check_table(&l.pos, module, elf_module_table(m), p);
}
