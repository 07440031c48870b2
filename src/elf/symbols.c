/* SPDX-License-Identifier: Apache-2.0
 * Symbols: what a module shows to others and wants from them (dynamic symbols, as the loader finds
 * them), and which of its variables can be written (symbol table, where it was not stripped).
 */
#include "config.h"

#include <string.h>

#include "elf/elf_priv.h"

Elf64_Sym
elf_symbol_get(const struct elf_symtab *t, size_t i)
{
	Elf64_Sym s;
	memcpy(&s, t->syms + i * sizeof(s), sizeof(s));
	return s;
}

const char *
elf_symbol_name(const struct elf_symtab *t, const Elf64_Sym *s)
{
	if (s->st_name >= t->strings_size)
		return NULL;
	const char *name = t->strings + s->st_name;
	return memchr(name, '\0', t->strings_size - s->st_name) != NULL ? name : NULL;
}

/* ------------------------------------------------------------------ where they are */
/* Chains of DT_GNU_HASH end at the last symbol; those before `base` are not in it. */
static bool
count_gnu_hash(const struct elf_module *m, uint64_t *ret_count)
{
	uint32_t head[4], last = 0;
	if (!elf_image_read(m, m->dyn.gnu_hash, head, sizeof(head)))
		return false;
	uint32_t buckets = head[0], base = head[1];
	uint64_t at = m->dyn.gnu_hash + sizeof(head) + (uint64_t)head[2] * sizeof(uint64_t);
	const char *table = elf_image_bytes(m, at, (uint64_t)buckets * sizeof(uint32_t));
	if (table == NULL)
		return false;
	for (uint32_t i = 0; i < buckets; i++) {
		uint32_t first;
		memcpy(&first, table + i * sizeof(first), sizeof(first));
		if (first > last)
			last = first;
	}
	*ret_count = base;
	if (last < base)
		return true;
	at += (uint64_t)buckets * sizeof(uint32_t);
	for (uint32_t hash = 0; (hash & 1) == 0; last++)
		if (!elf_image_read(
			m, at + (uint64_t)(last - base) * sizeof(hash), &hash, sizeof(hash)))
			return false;
	*ret_count = last;
	return true;
}

static bool
count_symbols(const struct elf_module *m, uint64_t *ret_count)
{
	uint32_t hash[2];
	if (m->dyn.has_gnu_hash)
		return count_gnu_hash(m, ret_count);
	if (!m->dyn.has_hash || !elf_image_read(m, m->dyn.hash, hash, sizeof(hash)))
		return false;
	*ret_count = hash[1];
	return true;
}

static int
open_dynsym(struct elf_module *m, struct rel_err *err)
{
	uint64_t count;
	if (!m->dyn.has_symtab)
		return 0;
	if (!count_symbols(m, &count))
		return rel_err_set(err, REL_E_BAD_OBJECT,
		    "%s: its hash table, by which symbols are found, is damaged or absent",
		    m->name);
	m->dynsym.syms = elf_image_bytes(m, m->dyn.symtab, count * sizeof(Elf64_Sym));
	if (m->dynsym.syms == NULL)
		return rel_err_set(
		    err, REL_E_BAD_OBJECT, "%s: its dynamic symbols lie outside of it", m->name);
	m->dynsym.count = count;
	m->dynsym.strings = m->dyn.strings;
	m->dynsym.strings_size = m->dyn.strings_size;
	return 0;
}

static int
open_symtab(struct elf_module *m, struct rel_err *err)
{
	for (size_t i = 0; i < m->shdr_count; i++) {
		const Elf64_Shdr *s = &m->shdrs[i];
		if (s->sh_type != SHT_SYMTAB)
			continue;
		const char *syms = elf_bytes(m, s->sh_offset, s->sh_size);
		const Elf64_Shdr *t = s->sh_link < m->shdr_count ? &m->shdrs[s->sh_link] : NULL;
		const char *strings = t != NULL && t->sh_type == SHT_STRTAB
					  ? elf_bytes(m, t->sh_offset, t->sh_size)
					  : NULL;
		if (syms == NULL || strings == NULL || s->sh_entsize != sizeof(Elf64_Sym))
			return rel_err_set(
			    err, REL_E_BAD_OBJECT, "%s: its symbol table is damaged", m->name);
		m->symtab = (struct elf_symtab){.syms = syms,
		    .count = s->sh_size / sizeof(Elf64_Sym),
		    .strings = strings,
		    .strings_size = t->sh_size};
		m->facts.symtab = true;
		return 0;
	}
	return 0;
}

int
elf_symbols_open(struct elf_module *m, struct rel_err *err)
{
	return open_dynsym(m, err) != 0 || open_symtab(m, err) != 0 ? -1 : 0;
}

/* ------------------------------------------------------------------ which is what */
typedef bool pick_fn(const struct elf_module *m, const Elf64_Sym *s, const char *name);

static bool
is_defined(const Elf64_Sym *s)
{
	unsigned type = ELF64_ST_TYPE(s->st_info);
	return s->st_shndx != SHN_UNDEF && type != STT_SECTION && type != STT_FILE;
}

static bool
is_export(const struct elf_module *m, const Elf64_Sym *s, const char *name)
{
	unsigned seen = ELF64_ST_VISIBILITY(s->st_other);
	(void)m;
	return is_defined(s) && ELF64_ST_BIND(s->st_info) != STB_LOCAL && name[0] != '\0' &&
	       (seen == STV_DEFAULT || seen == STV_PROTECTED);
}

static bool
is_unique(const struct elf_module *m, const Elf64_Sym *s, const char *name)
{
	return is_export(m, s, name) && ELF64_ST_BIND(s->st_info) == STB_GNU_UNIQUE;
}

static bool
is_undefined(const struct elf_module *m, const Elf64_Sym *s, const char *name)
{
	(void)m;
	return s->st_shndx == SHN_UNDEF && name[0] != '\0';
}

/* What crtbeginS.o brings.  `completed.0` is also what a static of that name inside a function
 * becomes, so its size is looked at: crt's is one byte. */
static bool
is_crt(const Elf64_Sym *s, const char *name)
{
	static const char *const names[] = {
	    "__TMC_END__", "__TMC_LIST__", "__dso_handle", "_DYNAMIC", "_GLOBAL_OFFSET_TABLE_"};
	for (size_t i = 0; i < NELEM(names); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return strncmp(name, "completed.", 10) == 0 && s->st_size == 1;
}

static bool
in_relro(const struct elf_module *m, uint64_t addr)
{
	for (size_t i = 0; i < m->phdr_count; i++) {
		const Elf64_Phdr *p = &m->phdrs[i];
		if (p->p_type == PT_GNU_RELRO && addr >= p->p_vaddr &&
		    addr - p->p_vaddr < p->p_memsz)
			return true;
	}
	return false;
}

static bool
starts_with(const char *s, const char *head)
{
	return strncmp(s, head, strlen(head)) == 0;
}

/* A section that code can write to when the loader is done.  Constants with relocations are in
 * .data.rel.ro; without -z relro they could be written, but the program does not mean to. */
static bool
is_writable_section(const struct elf_module *m, size_t i)
{
	static const char *const loaders[] = {".data.rel.ro", ".got", ".dynamic", ".init_array",
	    ".fini_array", ".preinit_array", ".ctors", ".dtors", ".jcr"};
	const Elf64_Shdr *s = &m->shdrs[i];
	if ((s->sh_flags & (SHF_ALLOC | SHF_WRITE)) != (SHF_ALLOC | SHF_WRITE))
		return false;
	if ((s->sh_flags & SHF_TLS) != 0)
		return true; /* what RELRO protects is the image that each thread's copy is made of
			      */
	for (size_t k = 0; k < NELEM(loaders); k++)
		if (starts_with(elf_section_name(m, i), loaders[k]))
			return false;
	return !in_relro(m, s->sh_addr);
}

static bool
is_writable(const struct elf_module *m, const Elf64_Sym *s, const char *name)
{
	unsigned type = ELF64_ST_TYPE(s->st_info);
	return (type == STT_OBJECT || type == STT_TLS) && s->st_shndx < m->shdr_count &&
	       s->st_shndx != SHN_UNDEF && is_writable_section(m, s->st_shndx) && !is_crt(s, name);
}

/* ------------------------------------------------------------------ lists */
static int
name_of(const struct elf_module *m, const struct elf_symtab *t, size_t i, const Elf64_Sym *s,
    const char **ret, struct rel_err *err)
{
	*ret = elf_symbol_name(t, s);
	return *ret != NULL
		   ? 0
		   : rel_err_set(err, REL_E_BAD_OBJECT,
			 "%s: the name of symbol %zu lies outside of its string table", m->name, i);
}

/* Of a dynamic symbol; 0 and 1 are "none". */
static bool
is_versioned(const struct elf_module *m, const struct elf_symtab *t, size_t i)
{
	uint16_t version;
	return t == &m->dynsym && m->dyn.has_versym &&
	    elf_image_read(m, m->dyn.versym + i * sizeof(version), &version, sizeof(version)) &&
	    (version & 0x7fff) > 1;
}

static int
take_symbol(struct elf_module *m, const Elf64_Sym *s, const char *name, struct elf_symbol *ret,
    struct rel_err *err)
{
	ret->name = elf_text_copy(m->arena, name);
	ret->size = s->st_size;
	ret->weak = ELF64_ST_BIND(s->st_info) == STB_WEAK;
	return ret->name != NULL ? 0 : elf_full(m, err);
}

/* Twice over the table: to count, and to take. */
static int
collect(struct elf_module *m, const struct elf_symtab *t, pick_fn *pick, struct elf_symbols *ret,
    struct rel_err *err)
{
	const char *name;
	size_t n = 0;
	for (size_t i = 1; i < t->count; i++) {
		Elf64_Sym s = elf_symbol_get(t, i);
		if (name_of(m, t, i, &s, &name, err) != 0)
			return -1;
		n += pick(m, &s, name);
	}
	struct elf_symbol *list = rel_arena_calloc(m->arena, n, sizeof(*list));
	if (list == NULL)
		return elf_full(m, err);
	ret->list = list;
	for (size_t i = 1; i < t->count; i++) {
		Elf64_Sym s = elf_symbol_get(t, i);
		if (name_of(m, t, i, &s, &name, err) != 0)
			return -1;
		if (!pick(m, &s, name))
			continue;
		list[ret->count].versioned = is_versioned(m, t, i);
		if (take_symbol(m, &s, name, &list[ret->count++], err) != 0)
			return -1;
	}
	return 0;
}

/* ------------------------------------------------------------------ sizes */
/* crtbeginS.o alone makes .data 8 bytes (__dso_handle), and .bss one byte (completed.0), padded to
 * 8 where nothing else is in it. */
static uint64_t
without_crt(const char *section, const Elf64_Shdr *s)
{
	uint64_t crt = 0;
	if (strcmp(section, ".data") == 0)
		crt = 8;
	if (strcmp(section, ".bss") == 0)
		crt = s->sh_addralign > 1 ? s->sh_addralign : 8;
	return s->sh_size > crt ? s->sh_size - crt : 0;
}

static uint64_t
sum_sections(const struct elf_module *m)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < m->shdr_count; i++)
		if (is_writable_section(m, i))
			sum += without_crt(elf_section_name(m, i), &m->shdrs[i]);
	return sum;
}

/* Neither symbols nor sections: what of the writable segments RELRO does not protect. */
static uint64_t
sum_segments(const struct elf_module *m)
{
	uint64_t sum = 0, relro = 0;
	for (size_t i = 0; i < m->phdr_count; i++) {
		const Elf64_Phdr *p = &m->phdrs[i];
		if (p->p_type == PT_TLS || (p->p_type == PT_LOAD && (p->p_flags & PF_W) != 0))
			sum += p->p_memsz;
		if (p->p_type == PT_GNU_RELRO)
			relro += p->p_memsz;
	}
	uint64_t crt = relro + 16;
	return sum > crt ? sum - crt : 0;
}

static void
measure_writable(struct elf_module *m)
{
	struct elf_facts *f = &m->facts;
	if (!f->symtab) {
		f->writable_size = m->shdrs != NULL ? sum_sections(m) : sum_segments(m);
		return;
	}
	for (size_t i = 0; i < f->writable.count; i++)
		f->writable_size += f->writable.list[i].size;
}

int
elf_symbols_read(struct elf_module *m, struct rel_err *err)
{
	struct elf_facts *f = &m->facts;
	if (collect(m, &m->dynsym, is_export, &f->exports, err) != 0 ||
	    collect(m, &m->dynsym, is_unique, &f->unique, err) != 0 ||
	    collect(m, &m->dynsym, is_undefined, &f->undefined, err) != 0 ||
	    collect(m, &m->symtab, is_writable, &f->writable, err) != 0)
		return -1;
	measure_writable(m);
	return 0;
}
