/* SPDX-License-Identifier: Apache-2.0
 * The module as the loader would map it, at base 0, without mapping anything: addresses are looked
 * up in the segments, and what relocations would write is looked up in a sorted list of them.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "elf/elf_priv.h"

static const Elf64_Phdr *
segment_of(const struct elf_module *m, uint64_t addr, uint64_t len)
{
	for (size_t i = 0; i < m->phdr_count; i++) {
		const Elf64_Phdr *p = &m->phdrs[i];
		if (p->p_type == PT_LOAD && addr >= p->p_vaddr && addr - p->p_vaddr <= p->p_memsz &&
		    len <= p->p_memsz - (addr - p->p_vaddr))
			return p;
	}
	return NULL;
}

const char *
elf_image_bytes(const struct elf_module *m, uint64_t addr, uint64_t len)
{
	const Elf64_Phdr *p = segment_of(m, addr, len);
	if (p == NULL)
		return NULL;
	uint64_t at = addr - p->p_vaddr;
	if (at > p->p_filesz || len > p->p_filesz - at)
		return NULL;
	return elf_bytes(m, p->p_offset + at, len);
}

bool
elf_image_read(const struct elf_module *m, uint64_t addr, void *buf, size_t len)
{
	const Elf64_Phdr *p = segment_of(m, addr, len);
	if (p == NULL)
		return false;
	uint64_t at = addr - p->p_vaddr;
	uint64_t there = at < p->p_filesz ? p->p_filesz - at : 0;
	if (there > len)
		there = len;
	memset(buf, 0, len); /* behind the part that is in the file, memory is zero */
	const void *from = elf_bytes(m, p->p_offset + at, there);
	if (there > 0 && from == NULL)
		return false;
	if (there > 0)
		memcpy(buf, from, there);
	return true;
}

const char *
elf_image_string(const struct elf_module *m, uint64_t addr)
{
	const Elf64_Phdr *p = segment_of(m, addr, 1);
	if (p == NULL || addr - p->p_vaddr >= p->p_filesz)
		return NULL;
	uint64_t left = p->p_filesz - (addr - p->p_vaddr);
	const char *s = elf_image_bytes(m, addr, left);
	return s != NULL && memchr(s, '\0', left) != NULL ? s : NULL;
}

/* ------------------------------------------------------------------ relocations */
struct machine {
	uint16_t machine;
	uint32_t relative, absolute, glob_dat, jump_slot;
};

static const struct machine machines[] = {
    {EM_X86_64, R_X86_64_RELATIVE, R_X86_64_64, R_X86_64_GLOB_DAT, R_X86_64_JUMP_SLOT},
    {EM_AARCH64, R_AARCH64_RELATIVE, R_AARCH64_ABS64, R_AARCH64_GLOB_DAT, R_AARCH64_JUMP_SLOT},
};

static const struct machine *
machine_of(const struct elf_module *m)
{
	for (size_t i = 0; i < NELEM(machines); i++)
		if (machines[i].machine == m->facts.machine)
			return &machines[i];
	return NULL;
}

/* A symbol that this file defines is taken from it, as -Bsymbolic or hidden visibility have it. */
static struct elf_reloc
resolve(const struct elf_module *m, const struct machine *mach, const Elf64_Rela *r)
{
	uint32_t type = ELF64_R_TYPE(r->r_info);
	size_t index = ELF64_R_SYM(r->r_info);
	struct elf_reloc out = {.at = r->r_offset, .kind = ELF_UNKNOWN};
	if (type == mach->relative) {
		out.kind = ELF_LOCAL;
		out.value = (uint64_t)r->r_addend;
		return out;
	}
	if ((type != mach->absolute && type != mach->glob_dat && type != mach->jump_slot) ||
	    index >= m->dynsym.count)
		return out;
	Elf64_Sym s = elf_symbol_get(&m->dynsym, index);
	if (s.st_shndx == SHN_UNDEF) {
		out.kind = ELF_EXTERNAL;
		return out;
	}
	if (ELF64_ST_TYPE(s.st_info) != STT_TLS && ELF64_ST_TYPE(s.st_info) != STT_GNU_IFUNC) {
		out.kind = ELF_LOCAL;
		out.value = s.st_value + (uint64_t)r->r_addend;
	}
	return out;
}

static int
by_place(const void *a, const void *b)
{
	const struct elf_reloc *x = a, *y = b;
	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

static int
add_relocs(struct elf_module *m, const struct machine *mach, uint64_t addr, uint64_t size,
    struct rel_err *err)
{
	if (size == 0)
		return 0;
	const char *from = elf_image_bytes(m, addr, size);
	if (from == NULL)
		return rel_err_set(
		    err, REL_E_BAD_OBJECT, "%s: its relocations lie outside of it", m->name);
	for (uint64_t i = 0; i < size / sizeof(Elf64_Rela); i++) {
		Elf64_Rela r;
		memcpy(&r, from + i * sizeof(r), sizeof(r));
		struct elf_reloc out = resolve(m, mach, &r);
		out.seq = (uint32_t)m->reloc_count;
		m->relocs[m->reloc_count++] = out;
	}
	return 0;
}

int
elf_image_relocate(struct elf_module *m, struct rel_err *err)
{
	const struct elf_dynamic *d = &m->dyn;
	const struct machine *mach = machine_of(m);
	uint64_t bytes;
	if (mach == NULL)
		return 0;
	if (__builtin_add_overflow(d->relasz, d->pltrelsz, &bytes) ||
	    bytes / sizeof(Elf64_Rela) > m->bounds->relocs)
		return rel_err_set(
		    err, REL_E_LIMIT, "%s has more than %zu relocations", m->name, m->bounds->relocs);
	m->relocs = calloc(bytes / sizeof(Elf64_Rela) + 1, sizeof(*m->relocs));
	if (m->relocs == NULL)
		return rel_err_nomem(err);
	if (add_relocs(m, mach, d->rela, d->relasz, err) != 0 ||
	    add_relocs(m, mach, d->jmprel, d->pltrelsz, err) != 0)
		return -1;
	qsort(m->relocs, m->reloc_count, sizeof(*m->relocs), by_place);
	m->relocs_known = true;
	return 0;
}

/* The last one at that place; NULL: none. */
static const struct elf_reloc *
reloc_at(const struct elf_module *m, uint64_t addr)
{
	size_t lo = 0, hi = m->reloc_count;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (m->relocs[mid].at <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo > 0 && m->relocs[lo - 1].at == addr ? &m->relocs[lo - 1] : NULL;
}

enum elf_address
elf_image_pointer(const struct elf_module *m, uint64_t addr, uint64_t *ret_to)
{
	uint64_t raw;
	*ret_to = 0;
	if (!m->relocs_known || !elf_image_read(m, addr, &raw, sizeof(raw)))
		return ELF_UNKNOWN;
	const struct elf_reloc *r = reloc_at(m, addr);
	if (r != NULL) {
		*ret_to = r->value;
		return (enum elf_address)r->kind;
	}
	if (raw == 0)
		return ELF_NULL;
	/* Packed relative relocations (DT_RELR) keep the address itself in its place.  Without them
	 * a number that nothing relocates is no pointer. */
	*ret_to = raw;
	return m->dyn.has_relr ? ELF_LOCAL : ELF_UNKNOWN;
}
