/* SPDX-License-Identifier: Apache-2.0
 * What the loader runs by itself: DT_INIT and DT_INIT_ARRAY when a module is mapped, DT_FINI and
 * DT_FINI_ARRAY when it is unmapped.  Every C module has those that crti.o and crtbeginS.o bring.  The
 * symbol table tells them from a constructor; where it was stripped, that crtbeginS.o brings one entry and
 * no more does, and for this one its code.
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
	/* Is it this entry, by its code?  NULL: not known. */
	bool (*is_entry)(const struct elf_module *m, uint64_t addr);
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

/* ------------------------------------------------------------------ without a symbol table */
/* The operand of an instruction of x86-64 that ends behind it: what it leads to. */
static uint64_t
operand(uint64_t addr, const char *code, size_t at)
{
	int32_t to;
	memcpy(&to, code + at, sizeof(to));
	return addr + at + sizeof(to) + (uint64_t)(int64_t)to;
}

/* crtbeginS.o's register_tm_clones: the distance from the table of clones to its end, which are both one
 * place in a module without clones.  No function takes a place twice to learn how far it is from itself. */
static bool
registers_clones(const struct elf_module *m, uint64_t addr)
{
	const char *code = elf_image_bytes(m, addr, 14);
	return code != NULL && memcmp(code, "\x48\x8d\x3d", 3) == 0 &&  /* lea X(%rip), %rdi */
	       memcmp(code + 7, "\x48\x8d\x35", 3) == 0 &&                /* lea X(%rip), %rsi */
	       operand(addr, code, 3) == operand(addr, code, 10);
}

/* crtbeginS.o's frame_dummy, of which nothing is left but the jump to register_tm_clones. */
static bool
is_frame_dummy(const struct elf_module *m, uint64_t addr)
{
	static const struct {
		const char *code;
		size_t len;
	} starts[] = {{"\xf3\x0f\x1e\xfa", 4}, /* endbr64 */
	    {"\x55\x48\x89\xe5\x5d", 5}};       /* push %rbp; mov %rsp, %rbp; pop %rbp: older gcc */
	if (m->facts.machine != EM_X86_64)
		return false;
	const char *code;
	for (size_t i = 0; i < NELEM(starts); i++)
		if ((code = elf_image_bytes(m, addr, starts[i].len)) != NULL &&
		    memcmp(code, starts[i].code, starts[i].len) == 0)
			addr += starts[i].len;
	if ((code = elf_image_bytes(m, addr, 5)) != NULL && code[0] == '\xe9') /* jmp, 32 bits far */
		return registers_clones(m, operand(addr, code, 1));
	code = elf_image_bytes(m, addr, 2);
	return code != NULL && code[0] == '\xeb' && /* jmp, 8 bits far */
	       registers_clones(m, addr + 2 + (uint64_t)(int64_t)(signed char)code[1]);
}

/* crti.o's functions where no section says so: all that _init does is to call __gmon_start__, if that is
 * there; _fini does nothing. */
static bool
is_crti(const struct elf_module *m, uint64_t addr)
{
	if (m->facts.machine != EM_X86_64)
		return false;
	const char *code = elf_image_bytes(m, addr, 4);
	if (code != NULL && memcmp(code, "\xf3\x0f\x1e\xfa", 4) == 0) /* endbr64 */
		addr += 4;
	code = elf_image_bytes(m, addr, 9);
	if (code != NULL && memcmp(code, "\x48\x83\xec\x08\x48\x83\xc4\x08\xc3", 9) == 0)
		return true;
	code = elf_image_bytes(m, addr, 23);
	return code != NULL && memcmp(code, "\x48\x83\xec\x08\x48\x8b\x05", 7) == 0 &&
	       memcmp(code + 11, "\x48\x85\xc0\x74\x02\xff\xd0\x48\x83\xc4\x08\xc3", 12) == 0;
}

/* Takes crt's entry of the array out of the hooks, which are the function of DT_INIT, if that is not
 * crti.o's, and then the array.  Of several entries one at most is crt's: one that cannot be told from the
 * others leaves as many.  False: there is one, and nobody can tell whose it is. */
static bool
drop_crt(const struct elf_module *m, const struct side *side, struct hook *hooks, size_t *n)
{
	size_t own = side->has ? 1 : 0, crt = own;
	while (crt < *n && !side->is_entry(m, hooks[crt].addr))
		crt++;
	if (own == *n)
		return true;
	if (crt == *n && *n == 1)
		return false;
	if (crt == *n)
		crt = own;
	(*n)--;
	memmove(&hooks[crt], &hooks[crt + 1], (*n - crt) * sizeof(*hooks));
	return true;
}

static int
read_side(struct elf_module *m, struct side *side, struct rel_err *err)
{
	struct hook hooks[ELF_HOOKS_MAX] = {{0}};
	/* crti.o's function is the section .init or .fini as a whole. */
	const Elf64_Shdr *own = elf_section(m, side->section);
	if (side->has && ((own != NULL && own->sh_addr == side->addr) || is_crti(m, side->addr)))
		side->has = false;
	size_t n = gather(m, side, hooks);
	struct elf_symbol *list = rel_arena_calloc(m->arena, n, sizeof(*list));
	if (list == NULL)
		return elf_full(m, err);
	side->ret->list = list;
	side->ret->total = side->array_size / sizeof(uint64_t) + side->has;
	if (m->facts.symtab && m->relocs_known) {
		name_hooks(m, hooks, n);
		side->ret->named = true;
	} else {
		side->ret->named = m->relocs_known && side->is_entry != NULL && drop_crt(m, side, hooks, &n);
	}
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
	struct side init = {"_init", ".init", "frame_dummy", is_frame_dummy, d->has_init, d->init,
	    d->init_array, d->init_arraysz, &m->facts.init};
	struct side fini = {"_fini", ".fini", "__do_global_dtors_aux", NULL, d->has_fini, d->fini,
	    d->fini_array, d->fini_arraysz, &m->facts.fini};
	return read_side(m, &init, err) != 0 || read_side(m, &fini, err) != 0 ? -1 : 0;
}
