/* SPDX-License-Identifier: Apache-2.0
 * Attributes of entries.  libdw finds an attribute inside its unit, but does not ask whether its
 * value ends there too; so its place and form are looked at here before the value is read.  Forms
 * that are not listed (other files, type units) count as absent, and so does a name over
 * ELF_NAME_MAX.
 */
#include "config.h"

#include <string.h>

#include "elf/dwarf_priv.h"

/* Bytes that a form takes at least. */
static bool
form_size(unsigned form, size_t *ret)
{
	switch (form) {
	case DW_FORM_implicit_const: /* in the abbreviation, which is checked */
	case DW_FORM_flag_present:
		*ret = 0;
		return true;
	case DW_FORM_data1:
	case DW_FORM_flag:
	case DW_FORM_ref1:
	case DW_FORM_sdata: /* libdw stops at the end of the unit in these */
	case DW_FORM_udata:
	case DW_FORM_ref_udata:
	case DW_FORM_string:
	case DW_FORM_strx:
	case DW_FORM_strx1:
		*ret = 1;
		return true;
	case DW_FORM_data2:
	case DW_FORM_ref2:
	case DW_FORM_strx2:
		*ret = 2;
		return true;
	case DW_FORM_strx3:
		*ret = 3;
		return true;
	case DW_FORM_data4:
	case DW_FORM_ref4:
	case DW_FORM_strx4:
		*ret = 4;
		return true;
	case DW_FORM_data8:
	case DW_FORM_ref8:
	case DW_FORM_strp: /* 4 bytes in the 32-bit format */
	case DW_FORM_line_strp:
	case DW_FORM_ref_addr:
		*ret = 8;
		return true;
	default:
		return false;
	}
}

static bool
find(struct elf_dwarf *d, Dwarf_Die *die, unsigned name, Dwarf_Attribute *ret)
{
	size_t need;
	if (!elf_dwarf_spend(d, 0) || dwarf_attr(die, name, ret) == NULL ||
	    !form_size(ret->form, &need))
		return false;
	if (need == 0)
		return true;
	if (need == 8 && ret->form != DW_FORM_data8 && ret->form != DW_FORM_ref8) {
		uint8_t offset;
		Dwarf_Die unit;
		if (dwarf_diecu(die, &unit, NULL, &offset) == NULL)
			return false;
		need = offset;
	}
	uint64_t at = (uint64_t)((const char *)ret->valp - d->info.data);
	const struct elf_dwarf_unit *u = elf_dwarf_unit_of(d, at);
	if (u != NULL && dwarf_dieoffset(die) >= u->start && need <= u->end - at)
		return true;
	elf_dwarf_stop(d, "an attribute in its .debug_info reaches beyond its unit");
	return false;
}

bool
elf_dwarf_number(struct elf_dwarf *d, Dwarf_Die *die, unsigned attr, uint64_t *ret)
{
	Dwarf_Attribute a;
	Dwarf_Word value;
	if (!find(d, die, attr, &a) || dwarf_formudata(&a, &value) != 0)
		return false;
	*ret = value;
	return true;
}

/* DWARF leaves open whether data1 to data8 have a sign; compilers write negative values in forms
 * that have one. */
bool
elf_dwarf_signed(struct elf_dwarf *d, Dwarf_Die *die, unsigned attr, int64_t *ret)
{
	Dwarf_Attribute a;
	Dwarf_Word u;
	Dwarf_Sword s;
	if (!find(d, die, attr, &a))
		return false;
	if (a.form == DW_FORM_sdata || a.form == DW_FORM_implicit_const) {
		if (dwarf_formsdata(&a, &s) != 0)
			return false;
		*ret = s;
		return true;
	}
	if (dwarf_formudata(&a, &u) != 0)
		return false;
	*ret = (int64_t)u;
	return true;
}

bool
elf_dwarf_has(struct elf_dwarf *d, Dwarf_Die *die, unsigned attr)
{
	Dwarf_Attribute a;
	return elf_dwarf_spend(d, 0) && dwarf_attr(die, attr, &a) != NULL;
}

bool
elf_dwarf_flag(struct elf_dwarf *d, Dwarf_Die *die, unsigned attr)
{
	Dwarf_Attribute a;
	bool value;
	return find(d, die, attr, &a) && dwarf_formflag(&a, &value) == 0 && value;
}

bool
elf_dwarf_ref(struct elf_dwarf *d, Dwarf_Die *die, unsigned attr, Dwarf_Die *ret)
{
	Dwarf_Attribute a;
	if (!find(d, die, attr, &a) || dwarf_formref_die(&a, ret) == NULL)
		return false;
	if (elf_dwarf_unit_of(d, dwarf_dieoffset(ret)) != NULL)
		return true;
	elf_dwarf_stop(d, "a reference in its .debug_info leads nowhere");
	return false;
}

/* The bytes from `s` to the end of the section it lies in; 0: in none. */
static size_t
left_of(const struct elf_dwarf *d, const char *s)
{
	for (size_t i = 0; i < d->section_count; i++) {
		const struct elf_dwarf_section *sec = &d->sections[i];
		if (s >= sec->data && s < sec->data + sec->size)
			return (size_t)(sec->data + sec->size - s);
	}
	return 0;
}

const char *
elf_dwarf_name(struct elf_dwarf *d, Dwarf_Die *die)
{
	Dwarf_Attribute a;
	const char *s;
	if (!find(d, die, DW_AT_name, &a) || (s = dwarf_formstring(&a)) == NULL)
		return NULL;
	size_t left = left_of(d, s), len = strnlen(s, left < ELF_NAME_MAX ? left : ELF_NAME_MAX);
	if (len == left) {
		elf_dwarf_stop(d, "a name in its debug information has no end");
		return NULL;
	}
	return len < ELF_NAME_MAX && elf_dwarf_spend(d, len) ? s : NULL;
}
