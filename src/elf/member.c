/* SPDX-License-Identifier: Apache-2.0
 * Members of structs and unions, and constants of enums, as their entries have them.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "elf/dwarf_priv.h"

#define MEMBERS_MAX 65536u /* of all structs and enums of a layout */
#define NESTED_MAX  16     /* anonymous structs in each other */

struct members {
	struct elf_member *list;      /* owned */
	size_t count, cap;
};

static void
not_understood(struct elf_build *b)
{
	b->opaque = "a member in it is placed in a way that is not understood";
}

static void *
grow(struct elf_build *b, void *list, size_t count, size_t *cap, size_t size)
{
	if (b->members++ == MEMBERS_MAX)
		b->full = true;
	if (b->full || count < *cap)
		return list;
	size_t n = *cap == 0 ? 16 : *cap * 2;
	void *p = reallocarray(list, n, size);
	if (p == NULL) {
		b->full = true;
		return list;
	}
	*cap = n;
	return p;
}

/* The list for good, in the arena. */
static const void *
keep(struct elf_build *b, const void *list, size_t count, size_t size)
{
	void *copy = rel_arena_calloc(b->m->arena, count, size);
	if (copy == NULL)
		b->full = true;
	else if (count > 0)
		memcpy(copy, list, count * size);
	return copy;
}

/* Bytes of the type of a bit-field: what older DWARF counts its place from the end of. */
static uint64_t
storage_size(struct elf_build *b, Dwarf_Die *die)
{
	struct elf_bare bare;
	uint64_t size = 0;
	if (!elf_dwarf_number(b->d, die, DW_AT_byte_size, &size) &&
	    elf_dwarf_bare(b->d, die, &bare) && !bare.is_void)
		elf_dwarf_number(b->d, &bare.die, DW_AT_byte_size, &size);
	return size;
}

/* Where a member is; `base`: of the struct that it is in, inside of the outermost one. */
static void
place(struct elf_build *b, Dwarf_Die *die, uint64_t base, struct elf_member *ret)
{
	uint64_t at = 0, bit, bits;
	bool placed = elf_dwarf_number(b->d, die, DW_AT_data_member_location, &at);
	if (!placed && elf_dwarf_has(b->d, die, DW_AT_data_member_location))
		not_understood(b);
	ret->offset = base + at;
	if (!elf_dwarf_number(b->d, die, DW_AT_bit_size, &bits))
		return;
	ret->bits = (uint32_t)bits;
	if (elf_dwarf_number(b->d, die, DW_AT_data_bit_offset, &bit)) {
		ret->first_bit = base * 8 + bit;
	} else if (elf_dwarf_number(b->d, die, DW_AT_bit_offset, &bit)) {
		/* DWARF 2 counts from the most significant bit of the storage */
		ret->first_bit = (base + at + storage_size(b, die)) * 8 - bit - bits;
	} else {
		ret->first_bit = (base + at) * 8;
	}
	ret->offset = ret->first_bit / 8;
}

static void gather(
    struct elf_build *b, Dwarf_Die *die, uint64_t base, int depth, struct members *to);

/* An anonymous struct or union, or a base class: its members belong to the struct around it. */
static bool
gather_nested(struct elf_build *b, Dwarf_Die *die, uint64_t base, int depth, struct members *to)
{
	struct elf_bare bare;
	struct elf_member at = {0};
	if (!elf_dwarf_bare(b->d, die, &bare) || bare.is_void ||
	    !elf_dwarf_is_struct(dwarf_tag(&bare.die)))
		return false;
	if (depth == NESTED_MAX) {
		elf_dwarf_stop(b->d, "a struct in its debug information is nested without end");
		return true;
	}
	place(b, die, base, &at);
	gather(b, &bare.die, at.offset, depth + 1, to);
	return true;
}

static void
gather_member(struct elf_build *b, Dwarf_Die *die, uint64_t base, int depth, struct members *to)
{
	struct elf_member m = {0};
	int tag = dwarf_tag(die);
	if (tag == DW_TAG_inheritance) {
		if (!gather_nested(b, die, base, depth, to))
			not_understood(b);
		return;
	}
	if (tag != DW_TAG_member || elf_dwarf_flag(b->d, die, DW_AT_external) ||
	    elf_dwarf_flag(b->d, die, DW_AT_declaration))
		return; /* functions, types, and static members of C++ */
	const char *name = elf_dwarf_name(b->d, die);
	if (name == NULL) {
		if (!gather_nested(b, die, base, depth, to) &&
		    !elf_dwarf_has(b->d, die, DW_AT_bit_size))
			not_understood(b);
		return; /* a bit-field without a name is padding */
	}
	place(b, die, base, &m);
	m.name = elf_text_copy(b->m->arena, name);
	m.type = elf_build_type_of(b, die);
	if (m.name == NULL || m.type == NULL)
		b->full = b->full || b->d->why == NULL;
	to->list = grow(b, to->list, to->count, &to->cap, sizeof(*to->list));
	if (elf_build_going(b))
		to->list[to->count++] = m;
}

static void
gather(struct elf_build *b, Dwarf_Die *die, uint64_t base, int depth, struct members *to)
{
	Dwarf_Die sub;
	for (bool more = elf_dwarf_child(b->d, die, &sub); more && elf_build_going(b);
	     more = elf_dwarf_sibling(b->d, &sub, &sub))
		gather_member(b, &sub, base, depth, to);
}

void
elf_build_members(struct elf_build *b, Dwarf_Die *die, struct elf_type *t)
{
	struct members v = {0};
	gather(b, die, 0, 0, &v);
	t->members = keep(b, v.list, v.count, sizeof(*v.list));
	t->member_count = t->members != NULL ? v.count : 0;
	free(v.list);
}

void
elf_build_constants(struct elf_build *b, Dwarf_Die *die, struct elf_type *t)
{
	struct elf_constant *list = NULL;
	size_t count = 0, cap = 0;
	Dwarf_Die sub;
	for (bool more = elf_dwarf_child(b->d, die, &sub); more && elf_build_going(b);
	     more = elf_dwarf_sibling(b->d, &sub, &sub)) {
		struct elf_constant c = {0};
		if (dwarf_tag(&sub) != DW_TAG_enumerator)
			continue;
		const char *name = elf_dwarf_name(b->d, &sub);
		if (name == NULL || !elf_dwarf_signed(b->d, &sub, DW_AT_const_value, &c.value))
			continue;
		c.name = elf_text_copy(b->m->arena, name);
		b->full = b->full || c.name == NULL;
		list = grow(b, list, count, &cap, sizeof(*list));
		if (elf_build_going(b))
			list[count++] = c;
	}
	t->constants = keep(b, list, count, sizeof(*list));
	t->constant_count = t->constants != NULL ? count : 0;
	free(list);
}
