/* SPDX-License-Identifier: Apache-2.0
 * What a module's file asks of the loader, read before the loader is asked: afterwards it is done.
 * A module that can never be unmapped, that binds the next version to itself or is bound to the
 * host, or that runs code while it is only being prepared, is refused.  `relctl check` tells the
 * same of a file, by rules that are as strict or stricter (check/module.c).
 *
 * Nothing is mapped and every number of the file is checked before it is used: a damaged file is an
 * error, not a fault.  May run beside the loop: touches no worker.
 */
#include "config.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "worker/image_priv.h"

#define PART_MAX    (64u << 20) /* bytes of one table */
#define SYMBOLS_MAX (1u << 20)
#define NAME_SHOWN  64

/* crtbeginS.o brings one.  Instrumented, each source file has one more, which is not its author's. */
#ifdef RELUP_INSTRUMENTED
#define ENTRIES_MAX UINT64_MAX
#else
#define ENTRIES_MAX 1
#endif

/* Machines whose crti.o has a function that runs at load. */
#if defined(__x86_64__) || defined(__i386__) || defined(__aarch64__)
#define CRTI_INIT true
#else
#define CRTI_INIT false
#endif

struct dynamic {
	const struct image *im;
	ElfW(Dyn) *entries;
	size_t count;
};

static void
dynamic_fini(struct dynamic *d)
{
	free(d->entries);
}

/* ------------------------------------------------------------------ parts of the file */
static int
damaged(const struct image *im, const char *what, struct rel_err *err)
{
	return rel_err_set(err, REL_E_BAD_OBJECT, "%s is damaged: its %s", im->path, what);
}

/* *ret is malloc'ed and ends in a NUL that is not of the file: what is in it may be taken for texts. */
static int
copy_bytes(const struct image *im, const char *what, uint64_t at, uint64_t n, void *ret_pp,
    struct rel_err *err)
{
	if (at > im->size || n > im->size - at)
		return damaged(im, what, err);
	if (n > PART_MAX)
		return rel_err_set(err, REL_E_LIMIT, "%s: its %s are of more than %u MiB", im->path, what,
		    PART_MAX >> 20);
	char *p = malloc(n + 1);
	if (p == NULL)
		return rel_err_nomem(err);
	if (pread(im->fd, p, n, (off_t)at) != (ssize_t)n) {
		free(p);
		return rel_err_set(err, REL_E_BAD_OBJECT, "cannot read %s", im->path);
	}
	p[n] = '\0';
	memcpy(ret_pp, &p, sizeof(p));
	return 0;
}

/* Addresses are those of a module at 0.  An address that wraps around meets another part or none. */
static int
copy_loaded(const struct image *im, const char *what, uint64_t addr, uint64_t n, void *ret_pp,
    struct rel_err *err)
{
	for (size_t i = 0; i < im->head.e_phnum; i++) {
		const ElfW(Phdr) *p = &im->segments[i];
		uint64_t at = addr - p->p_vaddr;
		if (p->p_type == PT_LOAD && addr >= p->p_vaddr && at <= p->p_filesz &&
		    n <= p->p_filesz - at)
			return copy_bytes(im, what, p->p_offset + at, n, ret_pp, err);
	}
	return damaged(im, what, err);
}

static int
read_word(const struct image *im, uint64_t addr, uint32_t *ret, struct rel_err *err)
{
	CLEANUP(rel_free_cleanup) uint32_t *word = NULL;
	if (copy_loaded(im, "hash table", addr, sizeof(*word), &word, err) != 0)
		return -1;
	*ret = *word;
	return 0;
}

/* Names come from the file and go into messages, which are UTF-8. */
static const char *
shown(const char *name, char buf[NAME_SHOWN])
{
	size_t n = 0;
	for (; n < NAME_SHOWN - 1 && name[n] != '\0'; n++)
		buf[n] = name[n] > ' ' && name[n] <= '~' ? name[n] : '?';
	buf[n] = '\0';
	return buf;
}

/* ------------------------------------------------------------------ the dynamic segment */
static int
dynamic_read(const struct image *im, struct dynamic *d, struct rel_err *err)
{
	const ElfW(Phdr) *p = NULL;
	for (size_t i = 0; i < im->head.e_phnum; i++) {
		if (im->segments[i].p_type != PT_DYNAMIC)
			continue;
		if (p != NULL) /* nobody says which one counts */
			return damaged(im, "dynamic segment", err);
		p = &im->segments[i];
	}
	if (p == NULL)
		return rel_err_set(err, REL_E_BAD_OBJECT, "%s has no dynamic segment", im->path);
	if (copy_loaded(im, "dynamic segment", p->p_vaddr, p->p_filesz, &d->entries, err) != 0)
		return -1;
	size_t n = p->p_filesz / sizeof(*d->entries);
	while (d->count < n && d->entries[d->count].d_tag != DT_NULL)
		d->count++;
	return d->count < n ? 0 : damaged(im, "dynamic segment", err); /* the loader reads to the end */
}

/* Of several with one tag the last one counts, as for the loader. */
static bool
has(const struct dynamic *d, int64_t tag, uint64_t *ret)
{
	for (size_t i = d->count; i-- > 0;) {
		if (d->entries[i].d_tag != tag)
			continue;
		*ret = d->entries[i].d_un.d_val;
		return true;
	}
	return false;
}

static bool
has_flag(const struct dynamic *d, int64_t tag, uint64_t bit)
{
	uint64_t v;
	return has(d, tag, &v) && (bit == 0 || (v & bit) != 0);
}

static int
check_flags(const struct dynamic *d, struct rel_err *err)
{
	static const char path[] = "has a search path for libraries: a second version would get the first one's";
	static const struct {
		int64_t tag;
		uint64_t bit; /* 0: that it is there */
		enum rel_ecode code;
		const char *text;
	} bad[] = {
	    {DT_FLAGS_1, DF_1_NODELETE, REL_E_ELF_NODELETE,
		"is linked with -z nodelete: it can never be unmapped"},
	    {DT_FLAGS, DF_STATIC_TLS, REL_E_ELF_STATIC_TLS,
		"has thread-local variables in the static block, which is full after some two dozen versions"},
	    {DT_FLAGS, DF_TEXTREL, REL_E_ELF_TEXTREL, "has relocations in its code"},
	    {DT_TEXTREL, 0, REL_E_ELF_TEXTREL, "has relocations in its code"},
	    {DT_RPATH, 0, REL_E_ELF_RUNPATH, path},
	    {DT_RUNPATH, 0, REL_E_ELF_RUNPATH, path},
	};
	for (size_t i = 0; i < NELEM(bad); i++)
		if (has_flag(d, bad[i].tag, bad[i].bit))
			return rel_err_set(err, bad[i].code, "%s %s", d->im->path, bad[i].text);
	return 0;
}

/* The loader makes the stacks of all threads executable for one module, and never takes it back. */
static int
check_stack(const struct image *im, struct rel_err *err)
{
	for (size_t i = 0; i < im->head.e_phnum; i++)
		if (im->segments[i].p_type == PT_GNU_STACK)
			return (im->segments[i].p_flags & PF_X) == 0
				   ? 0
				   : rel_err_set(err, REL_E_ELF_EXEC_STACK, "%s wants an executable stack",
					 im->path);
	return rel_err_set(err, REL_E_ELF_EXEC_STACK,
	    "%s does not say that it wants no executable stack", im->path);
}

/* ------------------------------------------------------------------ libraries */
/* Of the name, the first version of a module that has it as its soname answers. */
static bool
is_module(const struct image *im, const char *library)
{
	void *h = dlopen(library, RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD);
	if (h == NULL)
		return false;
	struct link_map *lm;
	const char *slash = strrchr(im->path, '/'), *end = NULL;
	bool beside = false;
	if (slash != NULL && dlinfo(h, RTLD_DI_LINKMAP, &lm) == 0 &&
	    (end = strrchr(lm->l_name, '/')) != NULL)
		beside = end - lm->l_name == slash - im->path &&
			 memcmp(lm->l_name, im->path, (size_t)(slash - im->path)) == 0;
	dlclose(h);
	return beside;
}

static int
check_library(const struct image *im, const char *library, struct rel_err *err)
{
	char name[NAME_SHOWN];
	if (strchr(library, '/') != NULL)
		return rel_err_set(err, REL_E_ELF_LIBRARY,
		    "%s needs %s, by its path: a second version would get the first one's", im->path,
		    shown(library, name));
	if (!is_module(im, library))
		return 0;
	rel_err_set(err, REL_E_ELF_LIBRARY,
	    "%s needs %s, which is a module: it would get the version that came first", im->path,
	    shown(library, name));
	return rel_err_hint(err, "reach another module by an import, see relworker(3)");
}

static int
check_libraries(const struct dynamic *d, const char *strings, uint64_t size, struct rel_err *err)
{
	for (size_t i = 0; i < d->count; i++) {
		if (d->entries[i].d_tag != DT_NEEDED)
			continue;
		if (d->entries[i].d_un.d_val >= size)
			return damaged(d->im, "list of libraries", err);
		if (check_library(d->im, strings + d->entries[i].d_un.d_val, err) != 0)
			return -1;
	}
	return 0;
}

/* ------------------------------------------------------------------ constructors */
/* crti.o's function is the section .init as a whole.  Without a table of sections nobody can tell. */
static int
is_crti(const struct image *im, uint64_t addr, bool *ret, struct rel_err *err)
{
	const ElfW(Ehdr) *h = &im->head;
	CLEANUP(rel_free_cleanup) ElfW(Shdr) *sections = NULL;
	CLEANUP(rel_free_cleanup) char *names = NULL;
	*ret = true;
	if (h->e_shoff == 0 || h->e_shentsize != sizeof(*sections) || h->e_shstrndx >= h->e_shnum)
		return 0;
	if (copy_bytes(im, "table of sections", h->e_shoff, (uint64_t)h->e_shnum * sizeof(*sections),
		&sections, err) != 0)
		return -1;
	const ElfW(Shdr) *t = &sections[h->e_shstrndx];
	if (copy_bytes(im, "names of sections", t->sh_offset, t->sh_size, &names, err) != 0)
		return -1;
	for (size_t i = 0; i < h->e_shnum; i++)
		if (sections[i].sh_addr == addr && sections[i].sh_name < t->sh_size &&
		    strcmp(names + sections[i].sh_name, ".init") == 0)
			return 0;
	*ret = false;
	return 0;
}

/* One that aborts or hangs would do so in a worker that serves, before a rehearsal or anybody can see it. */
static int
check_constructors(const struct dynamic *d, struct rel_err *err)
{
	uint64_t init = 0, size = 0, unused;
	bool crti = false, has_init = has(d, DT_INIT, &init);
	(void)has(d, DT_INIT_ARRAYSZ, &size);
	if (has_init && is_crti(d->im, init, &crti, err) != 0)
		return -1;
	/* Without crti.o there is no crtbeginS.o, and the one function in the list is another's. */
	uint64_t n = size / sizeof(ElfW(Addr)), crt = crti || !CRTI_INIT ? ENTRIES_MAX : 0;
	if (n <= crt && has_init == crti && !has(d, DT_PREINIT_ARRAY, &unused))
		return 0;
	return rel_err_set(err, REL_E_ELF_CONSTRUCTOR,
	    "%s has constructors, which run while it is only being prepared", d->im->path);
}

/* ------------------------------------------------------------------ symbols */
/* Chains of DT_GNU_HASH end at the last symbol; those before `base` are not in it. */
static int
count_gnu(const struct image *im, uint64_t addr, uint64_t *ret, struct rel_err *err)
{
	CLEANUP(rel_free_cleanup) uint32_t *head = NULL, *buckets = NULL;
	if (copy_loaded(im, "hash table", addr, 4 * sizeof(*head), &head, err) != 0)
		return -1;
	uint64_t count = head[0], base = head[1], last = 0;
	if (count == 0) /* the loader divides by it */
		return damaged(im, "hash table", err);
	addr += 4 * sizeof(*head) + (uint64_t)head[2] * sizeof(ElfW(Addr));
	if (copy_loaded(im, "hash table", addr, count * sizeof(*buckets), &buckets, err) != 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		last = buckets[i] > last ? buckets[i] : last;
	*ret = base;
	if (last < base)
		return 0;
	addr += count * sizeof(*buckets);
	for (uint32_t hash = 0; (hash & 1) == 0 && last <= SYMBOLS_MAX; last++)
		if (read_word(im, addr + (last - base) * sizeof(hash), &hash, err) != 0)
			return -1;
	*ret = last;
	return 0;
}

static int
count_symbols(const struct dynamic *d, uint64_t *ret, struct rel_err *err)
{
	uint64_t addr;
	uint32_t count = 0;
	*ret = 0;
	if (has(d, DT_GNU_HASH, &addr)) {
		if (count_gnu(d->im, addr, ret, err) != 0)
			return -1;
	} else if (has(d, DT_HASH, &addr)) {
		uint32_t buckets;
		if (read_word(d->im, addr, &buckets, err) != 0 ||
		    read_word(d->im, addr + sizeof(count), &count, err) != 0)
			return -1;
		if (buckets == 0)
			return damaged(d->im, "hash table", err);
		*ret = count;
	}
	if (*ret > SYMBOLS_MAX)
		return rel_err_set(err, REL_E_LIMIT, "%s has more than %u symbols", d->im->path, SYMBOLS_MAX);
	return 0;
}

static bool
is_defined(const ElfW(Sym) *s) /* the macros are the same in both classes */
{
	return s->st_shndx != SHN_UNDEF && ELF64_ST_BIND(s->st_info) != STB_LOCAL;
}

/* What the linker made: ends of segments, in modules that ask for them, and names of versions. */
static bool
is_linkers(const ElfW(Sym) *s, const char *name)
{
	static const char *const names[] = {"_init", "_fini", "_edata", "_end", "__bss_start"};
	for (size_t i = 0; i < NELEM(names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return s->st_shndx == SHN_ABS;
}

/* A module's own calls of what it exports go to the host's function of the same name, if there is one,
 * unless the symbol or the whole module is bound to itself. */
static bool
is_captured(const struct dynamic *d, const ElfW(Sym) *s, const char *name)
{
	uint64_t unused;
	return !has_flag(d, DT_FLAGS, DF_SYMBOLIC) && !has(d, DT_SYMBOLIC, &unused) &&
	       ELF64_ST_VISIBILITY(s->st_other) == STV_DEFAULT && strcmp(name, "relw_module") != 0 &&
	       !is_linkers(s, name);
}

static int
check_symbols(const struct dynamic *d, const char *strings, uint64_t size, struct rel_err *err)
{
	uint64_t addr = 0, count;
	CLEANUP(rel_free_cleanup) ElfW(Sym) *syms = NULL;
	const char *unique = NULL, *captured = NULL;
	bool table = false;
	char name[NAME_SHOWN];
	(void)has(d, DT_SYMTAB, &addr);
	if (count_symbols(d, &count, err) != 0 ||
	    copy_loaded(d->im, "symbols", addr, count * sizeof(*syms), &syms, err) != 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		if (!is_defined(&syms[i]))
			continue;
		if (syms[i].st_name >= size)
			return damaged(d->im, "symbols", err);
		const char *s = strings + syms[i].st_name;
		table = table || strcmp(s, "relw_module") == 0;
		if (ELF64_ST_BIND(syms[i].st_info) == STB_GNU_UNIQUE)
			unique = s;
		else if (captured == NULL && is_captured(d, &syms[i], s))
			captured = s;
	}
	if (unique != NULL)
		return rel_err_set(err, REL_E_ELF_UNIQUE,
		    "%s has the symbol %s, which all versions share, and which keeps it mapped", d->im->path,
		    shown(unique, name));
	if (!table)
		return rel_err_set(err, REL_E_BAD_MODULE, "%s does not export relw_module", d->im->path);
	if (captured != NULL)
		return rel_err_set(err, REL_E_ELF_EXPORT,
		    "%s exports %s, and does not bind it to itself: the host's would be called", d->im->path,
		    shown(captured, name));
	return 0;
}

int
worker_dynamic_check(const struct image *im, struct rel_err *err)
{
	CLEANUP(dynamic_fini) struct dynamic d = {.im = im};
	CLEANUP(rel_free_cleanup) char *strings = NULL;
	uint64_t addr = 0, size = 0;
	if (check_stack(im, err) != 0 || dynamic_read(im, &d, err) != 0 || check_flags(&d, err) != 0)
		return -1;
	(void)has(&d, DT_STRTAB, &addr);
	(void)has(&d, DT_STRSZ, &size);
	if (copy_loaded(im, "names", addr, size, &strings, err) != 0 ||
	    check_libraries(&d, strings, size, err) != 0 || check_constructors(&d, err) != 0)
		return -1;
	return check_symbols(&d, strings, size, err);
}
