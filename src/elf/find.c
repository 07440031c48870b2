/* SPDX-License-Identifier: Apache-2.0
 * From the name of a state type to its C type.  All named structs, typedefs and anchors of all
 * units are sorted by name once; a struct that one unit only declares is found where another one
 * defines it.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "elf/dwarf_priv.h"

#define ANCHOR        "relw_state_"
#define NAMES_MAX     ((size_t)1 << 17)
#define QUALIFIER_MAX 64 /* typedefs and qualifiers in a row */

bool
elf_dwarf_is_struct(int tag)
{
	return tag == DW_TAG_structure_type || tag == DW_TAG_union_type || tag == DW_TAG_class_type;
}

/* ------------------------------------------------------------------ the index */
static int
add_name(struct elf_dwarf *d, const char *name, Dwarf_Die *die, struct rel_err *err)
{
	if (d->name_count == NAMES_MAX) {
		elf_dwarf_stop(d, "its debug information has too many types");
		return 0;
	}
	if (d->name_count == d->name_cap) {
		size_t cap = d->name_cap == 0 ? 256 : d->name_cap * 2;
		void *p = reallocarray(d->names, cap, sizeof(*d->names));
		if (p == NULL)
			return rel_err_nomem(err);
		d->names = p;
		d->name_cap = cap;
	}
	d->names[d->name_count++] =
	    (struct elf_dwarf_name){name, dwarf_dieoffset(die), dwarf_tag(die)};
	return 0;
}

static int
index_entry(struct elf_dwarf *d, Dwarf_Die *die, struct rel_err *err)
{
	int tag = dwarf_tag(die);
	if (!elf_dwarf_is_struct(tag) && tag != DW_TAG_typedef && tag != DW_TAG_variable)
		return 0;
	const char *name = elf_dwarf_name(d, die);
	if (name == NULL)
		return 0;
	if (tag == DW_TAG_variable && strncmp(name, ANCHOR, strlen(ANCHOR)) != 0)
		return 0;
	if (elf_dwarf_is_struct(tag) && elf_dwarf_flag(d, die, DW_AT_declaration))
		return 0;
	return add_name(d, name, die, err);
}

static int
by_name(const void *a, const void *b)
{
	const struct elf_dwarf_name *x = a, *y = b;
	int c = strcmp(x->name, y->name);
	if (c != 0)
		return c;
	return x->at < y->at ? -1 : x->at > y->at;
}

int
elf_dwarf_index(struct elf_dwarf *d, struct rel_err *err)
{
	for (size_t i = 0; i < d->unit_count; i++) {
		Dwarf_Die unit, die;
		if (!elf_dwarf_entry(d, d->units[i].first, &unit))
			break;
		for (bool more = elf_dwarf_child(d, &unit, &die); more;
		     more = elf_dwarf_sibling(d, &die, &die))
			if (index_entry(d, &die, err) != 0)
				return -1;
	}
	if (d->name_count > 0)
		qsort(d->names, d->name_count, sizeof(*d->names), by_name);
	return 0;
}

/* The first of that name that is a struct, a typedef or a variable. */
static bool
find_name(struct elf_dwarf *d, const char *name, bool (*wanted)(int tag), Dwarf_Die *ret)
{
	size_t lo = 0, hi = d->name_count;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (strcmp(d->names[mid].name, name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < d->name_count && strcmp(d->names[lo].name, name) == 0; lo++)
		if (wanted(d->names[lo].tag))
			return elf_dwarf_entry(d, d->names[lo].at, ret);
	return false;
}

static bool
is_typedef(int tag)
{
	return tag == DW_TAG_typedef;
}

static bool
is_variable(int tag)
{
	return tag == DW_TAG_variable;
}

/* ------------------------------------------------------------------ bare types */
/* Goes one step down; false: that was no typedef or qualifier. */
static bool
is_wrapper(struct elf_dwarf *d, struct elf_bare *bare)
{
	switch (dwarf_tag(&bare->die)) {
	case DW_TAG_const_type:
		bare->is_const = true;
		return true;
	case DW_TAG_typedef:
		bare->typedef_name = elf_dwarf_name(d, &bare->die);
		return true;
	case DW_TAG_volatile_type:
	case DW_TAG_restrict_type:
	case DW_TAG_atomic_type:
	case DW_TAG_immutable_type:
	case DW_TAG_packed_type:
		return true;
	default:
		return false;
	}
}

static void
find_definition(struct elf_dwarf *d, struct elf_bare *bare)
{
	Dwarf_Die whole;
	if (!elf_dwarf_is_struct(dwarf_tag(&bare->die)) ||
	    !elf_dwarf_flag(d, &bare->die, DW_AT_declaration))
		return;
	const char *name = elf_dwarf_name(d, &bare->die);
	if (name != NULL && find_name(d, name, elf_dwarf_is_struct, &whole))
		bare->die = whole;
}

bool
elf_dwarf_bare(struct elf_dwarf *d, Dwarf_Die *die, struct elf_bare *ret)
{
	*ret = (struct elf_bare){.die = *die};
	for (int i = 0; i < QUALIFIER_MAX; i++) {
		Dwarf_Die to;
		if (!elf_dwarf_has(d, &ret->die, DW_AT_type)) {
			ret->is_void = true;
			return d->why == NULL;
		}
		if (!elf_dwarf_ref(d, &ret->die, DW_AT_type, &to))
			return false;
		ret->die = to;
		if (!is_wrapper(d, ret)) {
			find_definition(d, ret);
			return d->why == NULL;
		}
	}
	elf_dwarf_stop(d, "a type in its debug information has no end");
	return false;
}

/* ------------------------------------------------------------------ state types */
/* RELW_STATE defines a pointer to the C type. */
static bool
by_anchor(struct elf_dwarf *d, const char *type, struct elf_bare *ret)
{
	char name[sizeof(ANCHOR) + REL_NAME_MAX];
	Dwarf_Die die;
	struct elf_bare pointer;
	if ((size_t)snprintf(name, sizeof(name), ANCHOR "%s", type) >= sizeof(name))
		return false;
	return find_name(d, name, is_variable, &die) && elf_dwarf_bare(d, &die, &pointer) &&
	       !pointer.is_void && dwarf_tag(&pointer.die) == DW_TAG_pointer_type &&
	       elf_dwarf_bare(d, &pointer.die, ret) && !ret->is_void;
}

static bool
by_type_name(struct elf_dwarf *d, const char *name, struct elf_bare *ret)
{
	*ret = (struct elf_bare){0};
	if (find_name(d, name, elf_dwarf_is_struct, &ret->die))
		return true;
	Dwarf_Die die;
	if (!find_name(d, name, is_typedef, &die) || !elf_dwarf_bare(d, &die, ret) || ret->is_void)
		return false;
	if (ret->typedef_name == NULL)
		ret->typedef_name = elf_dwarf_name(d, &die);
	return true;
}

enum elf_found
elf_dwarf_find_state(struct elf_dwarf *d, const char *type, uint32_t version, struct elf_bare *ret)
{
	char name[ELF_NAME_MAX];
	if (by_anchor(d, type, ret))
		return ELF_BY_ANCHOR;
	if (by_type_name(d, type, ret))
		return ELF_BY_NAME;
	if ((size_t)snprintf(name, sizeof(name), "%s_v%u", type, version) < sizeof(name) &&
	    by_type_name(d, name, ret))
		return ELF_BY_VERSION;
	return ELF_NOT_FOUND;
}
