/* SPDX-License-Identifier: Apache-2.0
 * Private to src/elf: the module while it is read, and checked access to its bytes.
 *
 * Two views of the file: by offset (elf_bytes), and by address, as the loader would map it
 * (elf_image_*).  What the loader uses is taken from the program headers and the dynamic segment,
 * never from sections, because sections may say something else, or be gone.
 */
#ifndef ELF_ELF_PRIV_H
#define ELF_ELF_PRIV_H

#include <elf.h>

#include "elf/elf.h"

#define ELF_MAGIC       0x6d656c66u
#define ELF_PHDRS_MAX   512u
#define ELF_NAME_MAX    4096u /* bytes of a name; longer ones are cut */
#define ELF_HOOKS_MAX   256u  /* that are listed */

struct elf_symtab {
	const char *syms;             /* count Elf64_Sym, not aligned */
	size_t count;
	const char *strings;
	size_t strings_size;
};

/* What the dynamic segment says; addresses are those of the file. */
struct elf_dynamic {
	const char *strings;
	size_t strings_size;
	bool has_strtab, has_symtab, has_gnu_hash, has_hash, has_versym, has_init, has_fini, has_relr;
	uint64_t strtab, strsz, symtab, gnu_hash, hash, versym;
	uint64_t rela, relasz, jmprel, pltrelsz;
	uint64_t init, fini, init_array, init_arraysz, fini_array, fini_arraysz;
};

enum elf_address { ELF_NULL, ELF_LOCAL, ELF_EXTERNAL, ELF_UNKNOWN };

struct elf_reloc {
	uint64_t at, value;
	uint32_t seq;                 /* of two at one place the later one wins, as in the loader */
	uint32_t kind;                /* enum elf_address */
};

struct elf_dwarf;
struct elf_cached_layout;

struct elf_bounds {
	size_t file;                  /* bytes of it */
	size_t facts;                 /* bytes of all facts */
	size_t relocs;
};

struct elf_module {
	unsigned magic;
	const struct elf_bounds *bounds;
	struct rel_arena *arena;
	const char *name;
	char *file;                   /* owned; a NUL stands behind its last byte */
	size_t size;

	const Elf64_Phdr *phdrs;      /* aligned copies */
	size_t phdr_count;
	const Elf64_Shdr *shdrs;      /* NULL: no sections */
	size_t shdr_count;
	const char *shdr_names;
	size_t shdr_names_size;
	struct elf_dynamic dyn;
	struct elf_symtab dynsym, symtab;
	struct elf_reloc *relocs;     /* owned; sorted */
	size_t reloc_count;
	bool relocs_known;            /* false: of another machine, or too many */

	struct elf_facts facts;
	struct elf_table table;
	struct elf_dwarf *dwarf;      /* opened when a layout is asked for */
	struct elf_cached_layout *layouts;
};

/* text.c */
/* A copy in the arena: printable ASCII, \xNN for the rest, cut at ELF_NAME_MAX.  NULL: memory. */
const char *elf_text_copy(struct rel_arena *arena, const char *s);
/* The arena of the module is used up: by our bound or the machine's. */
int elf_full(const struct elf_module *m, struct rel_err *err);

/* head.c */
int elf_head_read(struct elf_module *m, struct rel_err *err) RTE_MUST_CHECK;
const void *elf_bytes(const struct elf_module *m, uint64_t offset, uint64_t len); /* NULL: outside */
const char *elf_section_name(const struct elf_module *m, size_t i); /* "" where it has none */
const Elf64_Shdr *elf_section(const struct elf_module *m, const char *name); /* NULL: none */

/* image.c */
/* False where [addr, addr + len) is not mapped from one segment. */
bool elf_image_read(const struct elf_module *m, uint64_t addr, void *buf, size_t len);
/* As above, borrowed; only what stands in the file.  NULL: outside. */
const char *elf_image_bytes(const struct elf_module *m, uint64_t addr, uint64_t len);
const char *elf_image_string(const struct elf_module *m, uint64_t addr); /* NULL: none there */
/* Sorts out the relocations; leaves relocs_known false where they are of an unknown machine. */
int elf_image_relocate(struct elf_module *m, struct rel_err *err) RTE_MUST_CHECK;
/* What the pointer at `addr` will be: NULL, an address of this module, something outside. */
enum elf_address elf_image_pointer(const struct elf_module *m, uint64_t addr, uint64_t *ret_to);

/* dynamic.c */
int elf_dynamic_read(struct elf_module *m, struct rel_err *err) RTE_MUST_CHECK;

/* symbols.c */
int elf_symbols_open(struct elf_module *m, struct rel_err *err) RTE_MUST_CHECK;
int elf_symbols_read(struct elf_module *m, struct rel_err *err) RTE_MUST_CHECK;
Elf64_Sym elf_symbol_get(const struct elf_symtab *t, size_t i);
const char *elf_symbol_name(const struct elf_symtab *t, const Elf64_Sym *s); /* NULL: bad */

/* hooks.c */
int elf_hooks_read(struct elf_module *m, struct rel_err *err) RTE_MUST_CHECK;

/* table.c */
int elf_table_read(struct elf_module *m, struct rel_err *err) RTE_MUST_CHECK;

/* dwarf.c */
void elf_dwarf_close(struct elf_dwarf **d);

/* id.c */
int elf_layout_identify(struct elf_layout *l);

#endif
