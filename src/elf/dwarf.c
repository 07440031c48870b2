/* SPDX-License-Identifier: Apache-2.0
 * Debug information, opened and walked.
 *
 * What libdw is trusted with: decoding an entry inside bounds that were checked here.  It is not
 * trusted with a file as a whole, because (0.188, read for this):
 *  - it unpacks compressed sections of any size: sizes are summed up first;
 *  - units, abbreviations and attributes are as many as the file likes, and a few hundred bytes can
 *    make it allocate and compare for ever: they are counted first;
 *  - a unit whose header is longer than itself is read beyond: the chain of units is walked first;
 *  - constants and strings are read where they begin, wherever they end: see dwarf_attr.c;
 *  - it opens other files (split and alternate debug information): forms that need one are refused.
 */
#include "config.h"

#include <gelf.h>
#include <stdlib.h>
#include <string.h>

#include "elf/dwarf_priv.h"

void
elf_dwarf_stop(struct elf_dwarf *d, const char *why)
{
	if (d->why == NULL)
		d->why = why;
}

bool
elf_dwarf_spend(struct elf_dwarf *d, uint64_t bytes)
{
	uint64_t cost = (bytes + 64) * d->weight;
	if (d->why != NULL)
		return false;
	if (cost > DWARF_WORK_MAX - d->work) {
		elf_dwarf_stop(d, "its debug information takes too long to read");
		return false;
	}
	d->work += cost;
	return true;
}

void
elf_dwarf_close(struct elf_dwarf **dp)
{
	struct elf_dwarf *d = *dp;
	*dp = NULL;
	if (d == NULL)
		return;
	if (d->dw != NULL)
		dwarf_end(d->dw);
	if (d->elf != NULL)
		elf_end(d->elf);
	free(d->units);
	free(d->names);
	free(d);
}

/* ------------------------------------------------------------------ sections */
/* Bytes that a section takes beside those in the file; false: it lies outside of it. */
static bool
unpacked_size(const struct elf_module *m, size_t i, uint64_t *ret)
{
	const Elf64_Shdr *s = &m->shdrs[i];
	const unsigned char *data = elf_bytes(m, s->sh_offset, s->sh_size);
	*ret = 0;
	if (data == NULL)
		return false;
	if ((s->sh_flags & SHF_COMPRESSED) != 0) {
		Elf64_Chdr c;
		if (s->sh_size < sizeof(c))
			return false;
		memcpy(&c, data, sizeof(c));
		*ret = c.ch_size;
	} else if (strncmp(elf_section_name(m, i), ".zdebug", 7) == 0) {
		/* "ZLIB" and the size, big-endian */
		if (s->sh_size < 12)
			return false;
		for (size_t k = 4; k < 12; k++)
			*ret = *ret << 8 | data[k];
	}
	return true;
}

static bool
sizes_ok(const struct elf_module *m, struct elf_dwarf *d)
{
	uint64_t sum = m->size;
	for (size_t i = 0; i < m->shdr_count; i++) {
		uint64_t size;
		if (m->shdrs[i].sh_type == SHT_NOBITS || m->shdrs[i].sh_type == SHT_NULL)
			continue;
		if (!unpacked_size(m, i, &size)) {
			elf_dwarf_stop(d, "a section lies outside of the file");
			return false;
		}
		if (sum > DWARF_BYTES_MAX || size > DWARF_BYTES_MAX - sum) {
			elf_dwarf_stop(d, "its sections take more than 32 MiB, unpacked");
			return false;
		}
		sum += size;
	}
	return true;
}

static void
take_section(struct elf_dwarf *d, const char *name, const Elf_Data *data)
{
	struct elf_dwarf_section s = {data->d_buf, data->d_size};
	struct elf_dwarf_section *own = NULL;
	if (strcmp(name, "info") == 0)
		own = &d->info;
	else if (strcmp(name, "abbrev") == 0)
		own = &d->abbrev;
	if (d->section_count == DWARF_SECTIONS_MAX || (own != NULL && own->data != NULL)) {
		elf_dwarf_stop(d, "it has too many debug sections");
		return;
	}
	d->sections[d->section_count++] = s;
	if (own != NULL)
		*own = s;
}

/* The sections as libdw picked them: by the same names, and after dwarf_begin_elf has unpacked
 * them. */
static void
take_sections(struct elf_dwarf *d)
{
	size_t names;
	if (elf_getshdrstrndx(d->elf, &names) != 0)
		return;
	for (Elf_Scn *scn = NULL; (scn = elf_nextscn(d->elf, scn)) != NULL;) {
		GElf_Shdr s;
		if (gelf_getshdr(scn, &s) == NULL || s.sh_type == SHT_NOBITS ||
		    (s.sh_flags & (SHF_GROUP | SHF_COMPRESSED)) != 0)
			continue;
		const char *name = elf_strptr(d->elf, names, s.sh_name);
		if (name == NULL)
			continue;
		bool packed = strncmp(name, ".zdebug_", 8) == 0;
		if (!packed && strncmp(name, ".debug_", 7) != 0)
			continue;
		const Elf_Data *data = elf_getdata(scn, NULL);
		if (data != NULL && data->d_buf != NULL && data->d_size > 0)
			take_section(d, name + (packed ? 8 : 7), data);
	}
}

/* ------------------------------------------------------------------ abbreviations */
static bool
leb128(const struct elf_dwarf_section *s, uint64_t *at, uint64_t *ret)
{
	*ret = 0;
	for (unsigned shift = 0; *at < s->size; shift += 7) {
		unsigned char c = (unsigned char)s->data[(*at)++];
		if (shift < 64)
			*ret |= (uint64_t)(c & 0x7f) << shift;
		if ((c & 0x80) == 0)
			return true;
	}
	return false;
}

/* Passes over one abbreviation; *ret_attrs: 0 at the end of the table. */
static bool
pass_abbrev(const struct elf_dwarf_section *s, uint64_t *at, size_t *ret_attrs)
{
	uint64_t code, tag, attr, form, value;
	*ret_attrs = 0;
	if (!leb128(s, at, &code))
		return false;
	if (code == 0)
		return true;
	if (!leb128(s, at, &tag) || *at >= s->size)
		return false;
	(*at)++; /* has children? */
	do {
		if (!leb128(s, at, &attr) || !leb128(s, at, &form))
			return false;
		if (form == DW_FORM_implicit_const && !leb128(s, at, &value))
			return false;
		++*ret_attrs;
	} while ((attr != 0 || form != 0) && *ret_attrs <= DWARF_ATTRS_MAX);
	return *ret_attrs <= DWARF_ATTRS_MAX;
}

/* The abbreviations of a unit: well-formed, and not too many together with those of the others. */
static bool
check_abbrevs(struct elf_dwarf *d, uint64_t at, uint64_t *sum, size_t *most)
{
	uint64_t start = at;
	size_t attrs;
	do {
		if (!pass_abbrev(&d->abbrev, &at, &attrs)) {
			elf_dwarf_stop(d, "its .debug_abbrev is damaged");
			return false;
		}
		if (attrs > *most)
			*most = attrs;
		if (at - start > DWARF_ABBREV_MAX - *sum) {
			elf_dwarf_stop(d, "its debug information has too many abbreviations");
			return false;
		}
	} while (attrs > 0);
	*sum += at - start;
	return true;
}

/* ------------------------------------------------------------------ units */
static bool
is_code_unit(const struct elf_dwarf *d, uint64_t at, Dwarf_Half version, uint8_t offset_size)
{
	if (version < 5)
		return true;
	uint64_t type = at + (offset_size == 8 ? 12 : 4) + 2;
	return type < d->info.size &&
	       (d->info.data[type] == DW_UT_compile || d->info.data[type] == DW_UT_partial);
}

static bool
add_unit(struct elf_dwarf *d, const struct elf_dwarf_unit *u, struct rel_err *err)
{
	if (d->unit_count == DWARF_UNITS_MAX) {
		elf_dwarf_stop(d, "its debug information has too many units");
		return false;
	}
	if ((d->unit_count & (d->unit_count - 1)) == 0) { /* a power of two: grow */
		size_t cap = d->unit_count == 0 ? 1 : d->unit_count * 2;
		void *p = reallocarray(d->units, cap, sizeof(*d->units));
		if (p == NULL) {
			rel_err_nomem(err);
			return false;
		}
		d->units = p;
	}
	d->units[d->unit_count++] = *u;
	return true;
}

/* The chain of units, each inside of the section and longer than its header, so that libdw, which
 * follows the same chain, never leaves it. */
static int
walk_units(struct elf_dwarf *d, struct rel_err *err)
{
	uint64_t sum = 0;
	size_t most = 0;
	Dwarf_Off at = 0, next, abbrev;
	size_t header;
	Dwarf_Half version;
	uint8_t address, offset;
	int rc;
	while ((rc = dwarf_next_unit(d->dw, at, &next, &header, &version, &abbrev, &address,
		    &offset, NULL, NULL)) == 0) {
		struct elf_dwarf_unit u = {at, at + header, next};
		if (next <= at || next > d->info.size || header >= next - at || version < 2 ||
		    version > 5 || address != 8 || abbrev >= d->abbrev.size) {
			elf_dwarf_stop(
			    d, "a unit of its .debug_info is damaged or of a newer DWARF");
			return 0;
		}
		if (!check_abbrevs(d, abbrev, &sum, &most))
			return 0;
		if (is_code_unit(d, at, version, offset) && !add_unit(d, &u, err))
			return err->code != REL_OK ? -1 : 0;
		at = next;
	}
	if (rc < 0)
		elf_dwarf_stop(d, "a unit of its .debug_info is damaged");
	d->weight = most / 16 + 1;
	return 0;
}

const struct elf_dwarf_unit *
elf_dwarf_unit_of(const struct elf_dwarf *d, uint64_t at)
{
	size_t lo = 0, hi = d->unit_count;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (d->units[mid].end <= at)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < d->unit_count && at >= d->units[lo].first ? &d->units[lo] : NULL;
}

/* ------------------------------------------------------------------ opening */
static int
open_file(struct elf_module *m, struct elf_dwarf *d, struct rel_err *err)
{
	if (!sizes_ok(m, d))
		return 0;
	if (elf_version(EV_CURRENT) == EV_NONE || (d->elf = elf_memory(m->file, m->size)) == NULL) {
		elf_dwarf_stop(d, "libelf cannot read it");
		return 0;
	}
	d->dw = dwarf_begin_elf(d->elf, DWARF_C_READ, NULL);
	if (d->dw == NULL) {
		elf_dwarf_stop(d, "libdw cannot read its debug information");
		return 0;
	}
	take_sections(d);
	if (d->info.data == NULL || d->abbrev.data == NULL) {
		elf_dwarf_stop(d, "its debug information lacks .debug_info or .debug_abbrev");
		return 0;
	}
	if (d->why == NULL && walk_units(d, err) != 0)
		return -1;
	return d->why == NULL ? elf_dwarf_index(d, err) : 0;
}

int
elf_dwarf_open(struct elf_module *m, struct rel_err *err)
{
	if (m->dwarf != NULL)
		return 0;
	CLEANUP(elf_dwarf_close) struct elf_dwarf *d = calloc(1, sizeof(*d));
	if (d == NULL)
		return rel_err_nomem(err);
	d->weight = 1;
	if (open_file(m, d, err) != 0)
		return -1;
	m->dwarf = MOVE(d);
	return 0;
}

/* ------------------------------------------------------------------ walking */
bool
elf_dwarf_entry(struct elf_dwarf *d, uint64_t at, Dwarf_Die *ret)
{
	if (!elf_dwarf_spend(d, 0) || elf_dwarf_unit_of(d, at) == NULL)
		return false;
	if (dwarf_offdie(d->dw, at, ret) != NULL)
		return true;
	elf_dwarf_stop(d, "an entry of its .debug_info is damaged");
	return false;
}

bool
elf_dwarf_child(struct elf_dwarf *d, Dwarf_Die *die, Dwarf_Die *ret)
{
	if (!elf_dwarf_spend(d, 0))
		return false;
	int rc = dwarf_child(die, ret);
	if (rc < 0)
		elf_dwarf_stop(d, "an entry of its .debug_info is damaged");
	return rc == 0;
}

/* What libdw passes over between two entries is known when it found the second; the last entry of a
 * list costs its unit where it has children of its own. */
bool
elf_dwarf_sibling(struct elf_dwarf *d, Dwarf_Die *die, Dwarf_Die *ret)
{
	uint64_t from = dwarf_dieoffset(die);
	const struct elf_dwarf_unit *u = elf_dwarf_unit_of(d, from);
	if (u == NULL || !elf_dwarf_spend(d, 0))
		return false;
	bool deep = dwarf_haschildren(die) > 0;
	Dwarf_Die next;
	int rc = dwarf_siblingof(die, &next);
	if (rc < 0)
		elf_dwarf_stop(d, "an entry of its .debug_info is damaged");
	uint64_t to = rc == 0 ? dwarf_dieoffset(&next) : deep ? u->end : from;
	if (!elf_dwarf_spend(d, to > from ? to - from : 0))
		return false;
	*ret = next;
	return rc == 0;
}
