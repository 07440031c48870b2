/* SPDX-License-Identifier: Apache-2.0
 * Private to src/elf: debug information, entry by entry ("DIE"), through libdw.
 *
 * libdw is made for files that a compiler wrote; dwarf.c says what is checked before it sees a
 * number.  Whatever cannot be read sets `why` once (a sentence), after which all answers are "no
 * more" or "absent": callers need ask for it only at the end.
 */
#ifndef ELF_DWARF_PRIV_H
#define ELF_DWARF_PRIV_H

#include <dwarf.h>
#include <elfutils/libdw.h>

#include "elf/elf_priv.h"

#define DWARF_UNITS_MAX    32768u
#define DWARF_BYTES_MAX    ((uint64_t)32 << 20)  /* the file, and its compressed sections unpacked */
#define DWARF_ABBREV_MAX   ((uint64_t)8 << 20)   /* of the abbreviations of all units */
#define DWARF_ATTRS_MAX    256u                  /* of one abbreviation */
#define DWARF_WORK_MAX     ((uint64_t)2 << 30)   /* bytes passed over, times attributes / 16 */
#define DWARF_SECTIONS_MAX 64u

struct elf_dwarf_unit {
	uint64_t start, first, end;   /* in .debug_info; first: its first DIE */
};

struct elf_dwarf_section {
	const char *data;
	size_t size;
};

struct elf_dwarf_name {
	const char *name;             /* in a debug section */
	uint64_t at;                  /* of the DIE */
	int tag;
};

struct elf_dwarf {
	Elf *elf;
	Dwarf *dw;
	const char *why;              /* what cannot be read; NULL: nothing was met */
	uint64_t work, weight;        /* spent; what a byte costs */
	struct elf_dwarf_section info, abbrev;
	struct elf_dwarf_section sections[DWARF_SECTIONS_MAX];
	size_t section_count;
	struct elf_dwarf_unit *units; /* owned */
	size_t unit_count;
	struct elf_dwarf_name *names; /* owned; sorted by name, then place */
	size_t name_count, name_cap;
};

/* dwarf.c */
int elf_dwarf_open(struct elf_module *m, struct rel_err *err) RTE_MUST_CHECK;
void elf_dwarf_stop(struct elf_dwarf *d, const char *why);
bool elf_dwarf_spend(struct elf_dwarf *d, uint64_t bytes); /* false: stopped */
/* The unit that holds .debug_info offset `at`; NULL: none. */
const struct elf_dwarf_unit *elf_dwarf_unit_of(const struct elf_dwarf *d, uint64_t at);
/* The entry there.  False: none, or stopped. */
bool elf_dwarf_entry(struct elf_dwarf *d, uint64_t at, Dwarf_Die *ret);
bool elf_dwarf_child(struct elf_dwarf *d, Dwarf_Die *die, Dwarf_Die *ret);
bool elf_dwarf_sibling(struct elf_dwarf *d, Dwarf_Die *die, Dwarf_Die *ret);

/* dwarf_attr.c; false: absent, of a form that is not understood, or stopped */
bool elf_dwarf_number(struct elf_dwarf *d, Dwarf_Die *die, unsigned attr, uint64_t *ret);
bool elf_dwarf_signed(struct elf_dwarf *d, Dwarf_Die *die, unsigned attr, int64_t *ret);
bool elf_dwarf_has(struct elf_dwarf *d, Dwarf_Die *die, unsigned attr);
bool elf_dwarf_flag(struct elf_dwarf *d, Dwarf_Die *die, unsigned attr);
bool elf_dwarf_ref(struct elf_dwarf *d, Dwarf_Die *die, unsigned attr, Dwarf_Die *ret);
const char *elf_dwarf_name(struct elf_dwarf *d, Dwarf_Die *die); /* NULL: none */

/* find.c */
/* A type without typedefs and qualifiers. */
struct elf_bare {
	Dwarf_Die die;
	bool is_void;
	bool is_const;
	const char *typedef_name;     /* the innermost; NULL: none */
};

int elf_dwarf_index(struct elf_dwarf *d, struct rel_err *err) RTE_MUST_CHECK;
/* What DW_AT_type of an entry refers to; where that is a struct which is only declared there, its
 * definition elsewhere in the module, if there is one.  False: not known, or stopped. */
bool elf_dwarf_bare(struct elf_dwarf *d, Dwarf_Die *die, struct elf_bare *ret);
bool elf_dwarf_is_struct(int tag);
/* The C type of a state type, by anchor or by name; ELF_NOT_FOUND where there is none. */
enum elf_found elf_dwarf_find_state(struct elf_dwarf *d, const char *type, uint32_t version,
    struct elf_bare *ret);

/* layout.c and member.c: a layout while it is built */
struct elf_build {
	struct elf_module *m;
	struct elf_dwarf *d;
	struct elf_type **types;      /* in the order of elf_layout.types */
	uint64_t *places;             /* the DIE of each */
	uint32_t *slots;              /* hash table: place to index + 1 */
	size_t count;
	size_t members;               /* of all structs so far, and constants of all enums */
	const char *opaque;           /* a part that is not understood; NULL: none */
	bool full;                    /* too much, or memory */
};

/* The node of a type, made and queued where it is new; NULL: full or stopped. */
struct elf_type *elf_build_type(struct elf_build *b, const struct elf_bare *bare);
/* As above, of the type that an entry's DW_AT_type refers to; what is unknown becomes opaque. */
struct elf_type *elf_build_type_of(struct elf_build *b, Dwarf_Die *die);
const char *elf_build_name(struct elf_build *b, const struct elf_bare *bare);
bool elf_build_going(const struct elf_build *b); /* false: full or stopped */

void elf_build_members(struct elf_build *b, Dwarf_Die *die, struct elf_type *t);
void elf_build_constants(struct elf_build *b, Dwarf_Die *die, struct elf_type *t);

#endif
