/* SPDX-License-Identifier: Apache-2.0
 * What the loader runs by itself: DT_INIT and DT_INIT_ARRAY when a module is mapped, DT_FINI and
 * DT_FINI_ARRAY when it is unmapped.  Every C module has those that crti.o and crtbeginS.o bring;
 * only the symbol table tells them from a constructor.
 */
#include "config.h"

#include <string.h>

#include "elf/elf_priv.h"

struct hook {
	uint64_t addr;
	const char *name;             /* of a local function there; NULL: none */
	uint64_t size;
};

struct side {
	const char *function, *section; /* crti.o's */
	const char *entry;            /* crtbeginS.o's */
	bool has;
	uint64_t addr, array, array_size;
	struct elf_hooks *ret;
};

/* Fills in the names; one pass over the symbols. */
static void
name_hooks(const struct elf_module *m, struct hook *hooks, size_t n)
{
	for (size_t i = 1; i < m->symtab.count; i++) {
		Elf64_Sym s = elf_symbol_get(&m->symtab, i);
		unsigned type = ELF64_ST_TYPE(s.st_info);
		if (s.st_shndx == SHN_UNDEF || (type != STT_FUNC && type != STT_NOTYPE))
			continue;
		for (size_t k = 0; k < n; k++) {
			if (hooks[k].addr != s.st_value ||
			    (hooks[k].name != NULL && type != STT_FUNC))
				continue;
			hooks[k].name = elf_symbol_name(&m->symtab, &s);
			hooks[k].size = s.st_size;
		}
	}
}

static size_t
gather(const struct elf_module *m, const struct side *side, struct hook *hooks)
{
	size_t n = 0;
	if (side->has)
		hooks[n++].addr = side->addr;
	for (uint64_t i = 0; i < side->array_size / sizeof(uint64_t) && n < ELF_HOOKS_MAX; i++) {
		uint64_t to, at;
		if (__builtin_add_overflow(side->array, i * sizeof(uint64_t), &at) ||
		    elf_image_pointer(m, at, &to) != ELF_LOCAL)
			to = 0; /* told of as a function without a name */
		hooks[n++].addr = to;
	}
	return n;
}

static bool
is_crt(const struct side *side, const struct hook *h)
{
	return h->name != NULL &&
	       (strcmp(h->name, side->function) == 0 || strcmp(h->name, side->entry) == 0);
}

static int
read_side(struct elf_module *m, struct side *side, struct rel_err *err)
{
	struct hook hooks[ELF_HOOKS_MAX] = {{0}};
	/* crti.o's function is the section .init or .fini as a whole. */
	const Elf64_Shdr *own = elf_section(m, side->section);
	bool crti = side->has && own != NULL && own->sh_addr == side->addr;
	if (crti)
		side->has = false;
	size_t n = gather(m, side, hooks);
	struct elf_symbol *list = rel_arena_calloc(m->arena, n, sizeof(*list));
	if (list == NULL)
		return elf_full(m, err);
	side->ret->list = list;
	side->ret->total = side->array_size / sizeof(uint64_t) + side->has + crti;
	side->ret->named = m->facts.symtab && m->relocs_known;
	if (side->ret->named)
		name_hooks(m, hooks, n);
	for (size_t i = 0; i < n; i++) {
		if (is_crt(side, &hooks[i]))
			continue;
		struct elf_symbol *s = &list[side->ret->count++];
		s->size = hooks[i].size;
		s->name = elf_text_copy(m->arena, hooks[i].name != NULL ? hooks[i].name : "");
		if (s->name == NULL)
			return elf_full(m, err);
	}
	return 0;
}

int
elf_hooks_read(struct elf_module *m, struct rel_err *err)
{
	const struct elf_dynamic *d = &m->dyn;
	struct side init = {"_init", ".init", "frame_dummy", d->has_init, d->init, d->init_array,
	    d->init_arraysz, &m->facts.init};
	struct side fini = {"_fini", ".fini", "__do_global_dtors_aux", d->has_fini, d->fini,
	    d->fini_array, d->fini_arraysz, &m->facts.fini};
	return read_side(m, &init, err) != 0 || read_side(m, &fini, err) != 0 ? -1 : 0;
}
