/* SPDX-License-Identifier: Apache-2.0
 * Which function an address belongs to: what a stack, or a crash, is told in.  From the symbol table,
 * which names static functions too; a stripped file has none.
 */
#include "config.h"

#include <string.h>

#include "elf/elf_priv.h"

const char *
elf_module_function_at(const struct elf_module *m, uint64_t address)
{
	const char *best = NULL;
	uint64_t size = UINT64_MAX; /* of nested ones the smallest */
	MUST_OBJ(m, ELF_MAGIC);
	for (size_t i = 0; i < m->symtab.count; i++) {
		Elf64_Sym s = elf_symbol_get(&m->symtab, i);
		if (ELF64_ST_TYPE(s.st_info) != STT_FUNC || s.st_shndx == SHN_UNDEF || address < s.st_value ||
		    address - s.st_value >= s.st_size || s.st_size >= size)
			continue;
		const char *name = elf_symbol_name(&m->symtab, &s);
		if (name == NULL || name[0] == '\0')
			continue;
		best = name;
		size = s.st_size;
	}
	if (best == NULL)
		return NULL;
	/* What the compiler made of it (.constprop.0, .part.1, .cold) is no name of its author's. */
	char *copy = rel_arena_strdup(m->arena, best);
	if (copy == NULL)
		return NULL;
	copy[1 + strcspn(copy + 1, ".")] = '\0';
	return elf_text_copy(m->arena, copy);
}
