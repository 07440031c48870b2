/* SPDX-License-Identifier: Apache-2.0
 * The ELF header, the program headers and the sections of a module file.
 */
#include "config.h"

#include <string.h>

#include "elf/elf_priv.h"

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define HOST_DATA ELFDATA2LSB
#else
#define HOST_DATA ELFDATA2MSB
#endif

const void *
elf_bytes(const struct elf_module *m, uint64_t offset, uint64_t len)
{
	return offset <= m->size && len <= m->size - offset ? m->file + offset : NULL;
}

const char *
elf_section_name(const struct elf_module *m, size_t i)
{
	uint64_t at = m->shdrs[i].sh_name;
	if (at >= m->shdr_names_size)
		return "";
	const char *name = m->shdr_names + at;
	return memchr(name, '\0', m->shdr_names_size - at) != NULL ? name : "";
}

const Elf64_Shdr *
elf_section(const struct elf_module *m, const char *name)
{
	for (size_t i = 0; i < m->shdr_count; i++)
		if (strcmp(elf_section_name(m, i), name) == 0)
			return &m->shdrs[i];
	return NULL;
}

const char *
elf_machine_name(uint16_t machine)
{
	switch (machine) {
	case EM_386:
		return "i386";
	case EM_X86_64:
		return "x86-64";
	case EM_ARM:
		return "arm";
	case EM_AARCH64:
		return "aarch64";
	case EM_RISCV:
		return "riscv";
	case EM_PPC64:
		return "ppc64";
	case EM_S390:
		return "s390";
	case EM_MIPS:
		return "mips";
	default:
		return "unknown";
	}
}

static uint16_t
half_at(const struct elf_module *m, size_t at)
{
	const unsigned char *p = (const unsigned char *)m->file + at;
	return m->facts.data == ELFDATA2LSB ? (uint16_t)(p[0] | p[1] << 8)
					    : (uint16_t)(p[0] << 8 | p[1]);
}

/* What every ELF file has in the same place. */
static int
read_ident(struct elf_module *m, struct rel_err *err)
{
	struct elf_facts *f = &m->facts;
	const unsigned char *id = elf_bytes(m, 0, offsetof(Elf64_Ehdr, e_version));
	if (m->size < SELFMAG || memcmp(m->file, ELFMAG, SELFMAG) != 0)
		return rel_err_set(err, REL_E_BAD_OBJECT, "%s is not an ELF file", m->name);
	if (id == NULL)
		return rel_err_set(err, REL_E_BAD_OBJECT, "%s is cut off in its header", m->name);
	f->class = id[EI_CLASS];
	f->data = id[EI_DATA];
	if ((f->class != ELFCLASS32 && f->class != ELFCLASS64) ||
	    (f->data != ELFDATA2LSB && f->data != ELFDATA2MSB) || id[EI_VERSION] != EV_CURRENT)
		return rel_err_set(err, REL_E_BAD_OBJECT,
		    "%s is of an unknown ELF class, order or version", m->name);
	f->type = half_at(m, offsetof(Elf64_Ehdr, e_type));
	f->machine = half_at(m, offsetof(Elf64_Ehdr, e_machine));
	if (f->class != ELFCLASS64)
		f->limited = "it is a 32-bit file";
	else if (f->data != HOST_DATA)
		f->limited = "its byte order is not that of this host";
	else if (f->type != ET_DYN)
		f->limited = "it is not a shared object";
	return 0;
}

static int
read_phdrs(struct elf_module *m, const Elf64_Ehdr *eh, struct rel_err *err)
{
	size_t size = eh->e_phnum * sizeof(Elf64_Phdr);
	if (eh->e_phentsize != sizeof(Elf64_Phdr) || eh->e_phnum == 0 ||
	    eh->e_phnum > ELF_PHDRS_MAX)
		return rel_err_set(
		    err, REL_E_BAD_OBJECT, "%s has a bad program header table", m->name);
	const void *from = elf_bytes(m, eh->e_phoff, size);
	if (from == NULL)
		return rel_err_set(err, REL_E_BAD_OBJECT,
		    "%s is cut off: its program headers lie behind its end", m->name);
	Elf64_Phdr *to = rel_arena_alloc(m->arena, size);
	if (to == NULL)
		return elf_full(m, err);
	memcpy(to, from, size);
	m->phdrs = to;
	m->phdr_count = eh->e_phnum;
	return 0;
}

static int
check_segments(struct elf_module *m, struct rel_err *err)
{
	bool load = false, dynamic = false;
	for (size_t i = 0; i < m->phdr_count; i++) {
		const Elf64_Phdr *p = &m->phdrs[i];
		load = load || p->p_type == PT_LOAD;
		dynamic = dynamic || p->p_type == PT_DYNAMIC;
		if (p->p_type != PT_LOAD)
			continue;
		uint64_t end, top;
		if (p->p_filesz > p->p_memsz ||
		    __builtin_add_overflow(p->p_offset, p->p_filesz, &end) ||
		    __builtin_add_overflow(p->p_vaddr, p->p_memsz, &top))
			return rel_err_set(
			    err, REL_E_BAD_OBJECT, "segment %zu of %s is malformed", i, m->name);
		if (end > m->facts.load_end)
			m->facts.load_end = end;
	}
	if (m->facts.load_end > m->size)
		m->facts.limited = "it is cut off";
	else if (!load)
		m->facts.limited = "it has no loadable segment";
	else if (!dynamic)
		m->facts.limited = "it has no dynamic segment";
	return 0;
}

/* The names of the sections; a table without usable names has sections without names. */
static void
find_section_names(struct elf_module *m, size_t index)
{
	if (index >= m->shdr_count)
		return;
	const Elf64_Shdr *s = &m->shdrs[index];
	const char *names = elf_bytes(m, s->sh_offset, s->sh_size);
	if (s->sh_type != SHT_STRTAB || names == NULL)
		return;
	m->shdr_names = names;
	m->shdr_names_size = s->sh_size;
}

/* The section table lies at the end of a file: it is what a cut takes first.  The loader does not
 * ask for it, so that it is behind the end is a fact (sections_end), not an error. */
static int
read_sections(struct elf_module *m, const Elf64_Ehdr *eh, struct rel_err *err)
{
	size_t size = eh->e_shnum * sizeof(Elf64_Shdr);
	if (eh->e_shoff == 0)
		return 0;
	if (eh->e_shentsize != sizeof(Elf64_Shdr))
		return rel_err_set(err, REL_E_BAD_OBJECT, "%s has a bad section table", m->name);
	if (eh->e_shnum == 0)
		return rel_err_set(
		    err, REL_E_LIMIT, "%s has an empty section table, or 65280 sections", m->name);
	if (__builtin_add_overflow(eh->e_shoff, size, &m->facts.sections_end))
		return rel_err_set(err, REL_E_BAD_OBJECT, "%s has a bad section table", m->name);
	const void *from = elf_bytes(m, eh->e_shoff, size);
	if (from == NULL)
		return 0;
	Elf64_Shdr *to = rel_arena_alloc(m->arena, size);
	if (to == NULL)
		return elf_full(m, err);
	memcpy(to, from, size);
	m->shdrs = to;
	m->shdr_count = eh->e_shnum;
	find_section_names(m, eh->e_shstrndx);
	return 0;
}

int
elf_head_read(struct elf_module *m, struct rel_err *err)
{
	Elf64_Ehdr eh;
	m->facts.file_size = m->size;
	if (read_ident(m, err) != 0)
		return -1;
	if (m->facts.limited != NULL)
		return 0;
	if (m->size < sizeof(eh))
		return rel_err_set(err, REL_E_BAD_OBJECT, "%s is cut off in its header", m->name);
	memcpy(&eh, m->file, sizeof(eh));
	if (read_phdrs(m, &eh, err) != 0 || check_segments(m, err) != 0)
		return -1;
	return read_sections(m, &eh, err);
}
