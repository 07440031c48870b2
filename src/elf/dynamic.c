/* SPDX-License-Identifier: Apache-2.0
 * The dynamic segment, and the other program headers that carry facts (notes, stack).
 */
#include "config.h"

#include <string.h>

#include "elf/elf_priv.h"

#define NEEDED_MAX   1024u
#define BUILD_ID_MAX 64u

static const Elf64_Phdr *
segment(const struct elf_module *m, uint32_t type)
{
	for (size_t i = 0; i < m->phdr_count; i++)
		if (m->phdrs[i].p_type == type)
			return &m->phdrs[i];
	return NULL;
}

static void
read_flags(struct elf_facts *f, uint64_t flags)
{
	f->bind_now = f->bind_now || (flags & DF_BIND_NOW) != 0;
	f->symbolic = f->symbolic || (flags & DF_SYMBOLIC) != 0;
	f->static_tls = (flags & DF_STATIC_TLS) != 0;
	f->textrel = f->textrel || (flags & DF_TEXTREL) != 0;
}

/* Where things are, and how long; returns false for a tag that is something else. */
static bool
take_place(struct elf_dynamic *d, const Elf64_Dyn *e)
{
	static const struct {
		int64_t tag;
		size_t value, flag; /* offsets in struct elf_dynamic; flag 0: none */
	} places[] = {
	    {DT_STRTAB, offsetof(struct elf_dynamic, strtab),
		offsetof(struct elf_dynamic, has_strtab)},
	    {DT_SYMTAB, offsetof(struct elf_dynamic, symtab),
		offsetof(struct elf_dynamic, has_symtab)},
	    {DT_VERSYM, offsetof(struct elf_dynamic, versym),
		offsetof(struct elf_dynamic, has_versym)},
	    {DT_GNU_HASH, offsetof(struct elf_dynamic, gnu_hash),
		offsetof(struct elf_dynamic, has_gnu_hash)},
	    {DT_HASH, offsetof(struct elf_dynamic, hash), offsetof(struct elf_dynamic, has_hash)},
	    {DT_INIT, offsetof(struct elf_dynamic, init), offsetof(struct elf_dynamic, has_init)},
	    {DT_FINI, offsetof(struct elf_dynamic, fini), offsetof(struct elf_dynamic, has_fini)},
	    {DT_STRSZ, offsetof(struct elf_dynamic, strsz), 0},
	    {DT_RELA, offsetof(struct elf_dynamic, rela), 0},
	    {DT_RELASZ, offsetof(struct elf_dynamic, relasz), 0},
	    {DT_JMPREL, offsetof(struct elf_dynamic, jmprel), 0},
	    {DT_PLTRELSZ, offsetof(struct elf_dynamic, pltrelsz), 0},
	    {DT_INIT_ARRAY, offsetof(struct elf_dynamic, init_array), 0},
	    {DT_INIT_ARRAYSZ, offsetof(struct elf_dynamic, init_arraysz), 0},
	    {DT_FINI_ARRAY, offsetof(struct elf_dynamic, fini_array), 0},
	    {DT_FINI_ARRAYSZ, offsetof(struct elf_dynamic, fini_arraysz), 0},
	};
	for (size_t i = 0; i < NELEM(places); i++) {
		if (places[i].tag != e->d_tag)
			continue;
		memcpy((char *)d + places[i].value, &e->d_un.d_val, sizeof(e->d_un.d_val));
		if (places[i].flag != 0)
			*(bool *)((char *)d + places[i].flag) = true;
		return true;
	}
	return false;
}

static void
take_flag(struct elf_module *m, const Elf64_Dyn *e)
{
	struct elf_facts *f = &m->facts;
	switch (e->d_tag) {
	case DT_FLAGS:
		read_flags(f, e->d_un.d_val);
		break;
	case DT_FLAGS_1:
		f->bind_now = f->bind_now || (e->d_un.d_val & DF_1_NOW) != 0;
		f->nodelete = (e->d_un.d_val & DF_1_NODELETE) != 0;
		break;
	case DT_BIND_NOW:
		f->bind_now = true;
		break;
	case DT_SYMBOLIC:
		f->symbolic = true;
		break;
	case DT_TEXTREL:
		f->textrel = true;
		break;
	case DT_RELR:
		m->dyn.has_relr = true;
		break;
	default:
		break;
	}
}

/* A string of the dynamic string table, copied. */
static int
take_string(struct elf_module *m, uint64_t at, const char **ret, struct rel_err *err)
{
	const struct elf_dynamic *d = &m->dyn;
	if (at >= d->strings_size || memchr(d->strings + at, '\0', d->strings_size - at) == NULL)
		return rel_err_set(err, REL_E_BAD_OBJECT,
		    "%s: a name of its dynamic segment lies outside of its string table", m->name);
	*ret = elf_text_copy(m->arena, d->strings + at);
	return *ret != NULL ? 0 : elf_full(m, err);
}

static int
take_name(struct elf_module *m, const Elf64_Dyn *e, const char **needed, struct rel_err *err)
{
	struct elf_facts *f = &m->facts;
	switch (e->d_tag) {
	case DT_NEEDED:
		if (f->needed.count == NEEDED_MAX)
			return rel_err_set(err, REL_E_LIMIT, "%s needs more than %u libraries",
			    m->name, NEEDED_MAX);
		return take_string(m, e->d_un.d_val, &needed[f->needed.count++], err);
	case DT_SONAME:
		return take_string(m, e->d_un.d_val, &f->soname, err);
	case DT_RUNPATH:
		return take_string(m, e->d_un.d_val, &f->runpath, err);
	case DT_RPATH:
		return take_string(m, e->d_un.d_val, &f->rpath, err);
	default:
		return 0;
	}
}

static int
take_names(struct elf_module *m, const char *entries, size_t n, struct rel_err *err)
{
	const char **needed = rel_arena_calloc(m->arena, NEEDED_MAX, sizeof(*needed));
	if (needed == NULL)
		return elf_full(m, err);
	m->facts.needed.list = needed;
	for (size_t i = 0; i < n; i++) {
		Elf64_Dyn e;
		memcpy(&e, entries + i * sizeof(e), sizeof(e));
		if (take_name(m, &e, needed, err) != 0)
			return -1;
	}
	return 0;
}

static int
read_entries(struct elf_module *m, struct rel_err *err)
{
	struct elf_dynamic *d = &m->dyn;
	const Elf64_Phdr *p = segment(m, PT_DYNAMIC);
	const char *entries = p != NULL ? elf_image_bytes(m, p->p_vaddr, p->p_filesz) : NULL;
	if (p == NULL || entries == NULL)
		return rel_err_set(
		    err, REL_E_BAD_OBJECT, "%s: its dynamic segment is not loaded", m->name);
	size_t n = 0;
	for (; n < p->p_filesz / sizeof(Elf64_Dyn); n++) {
		Elf64_Dyn e;
		memcpy(&e, entries + n * sizeof(e), sizeof(e));
		if (e.d_tag == DT_NULL)
			break;
		if (!take_place(d, &e))
			take_flag(m, &e);
	}
	if (d->has_strtab) {
		d->strings = elf_image_bytes(m, d->strtab, d->strsz);
		d->strings_size = d->strings != NULL ? d->strsz : 0;
	}
	return take_names(m, entries, n, err);
}

/* ------------------------------------------------------------------ notes */
static int
take_build_id(struct elf_module *m, const unsigned char *id, size_t len, struct rel_err *err)
{
	static const char hex[] = "0123456789abcdef";
	char *text = rel_arena_alloc(m->arena, len * 2 + 1);
	if (text == NULL)
		return elf_full(m, err);
	for (size_t i = 0; i < len; i++) {
		text[i * 2] = hex[id[i] >> 4];
		text[i * 2 + 1] = hex[id[i] & 15];
	}
	m->facts.build_id = text;
	return 0;
}

/* Notes that do not add up end the list: the build-id is a help, not a need. */
static int
read_notes(struct elf_module *m, const Elf64_Phdr *p, struct rel_err *err)
{
	const char *notes = elf_bytes(m, p->p_offset, p->p_filesz);
	uint64_t at = 0, size = notes != NULL ? p->p_filesz : 0;
	while (size - at >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr n;
		memcpy(&n, notes + at, sizeof(n));
		at += sizeof(n);
		uint64_t name = ((uint64_t)n.n_namesz + 3) & ~UINT64_C(3);
		uint64_t desc = ((uint64_t)n.n_descsz + 3) & ~UINT64_C(3);
		if (name > size - at || n.n_descsz > size - at - name)
			return 0;
		if (n.n_type == NT_GNU_BUILD_ID && n.n_namesz == sizeof(ELF_NOTE_GNU) &&
		    memcmp(notes + at, ELF_NOTE_GNU, sizeof(ELF_NOTE_GNU)) == 0 &&
		    n.n_descsz <= BUILD_ID_MAX)
			return take_build_id(
			    m, (const unsigned char *)notes + at + name, n.n_descsz, err);
		if (desc > size - at - name)
			return 0;
		at += name + desc;
	}
	return 0;
}

int
elf_dynamic_read(struct elf_module *m, struct rel_err *err)
{
	struct elf_facts *f = &m->facts;
	f->build_id = f->soname = f->runpath = f->rpath = "";
	const Elf64_Phdr *stack = segment(m, PT_GNU_STACK);
	f->exec_stack = stack == NULL || (stack->p_flags & PF_X) != 0;
	for (size_t i = 0; i < m->phdr_count; i++)
		if (m->phdrs[i].p_type == PT_NOTE && f->build_id[0] == '\0' &&
		    read_notes(m, &m->phdrs[i], err) != 0)
			return -1;
	return read_entries(m, err);
}
