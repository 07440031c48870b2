/* SPDX-License-Identifier: Apache-2.0
 * A module file from its opening to its closing.
 */
#include "config.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "elf/elf_priv.h"

static bool
has_debug_info(const struct elf_module *m)
{
	static const char *const names[] = {".debug_info", ".zdebug_info"};
	for (size_t i = 0; i < NELEM(names); i++) {
		const Elf64_Shdr *s = elf_section(m, names[i]);
		if (s != NULL && s->sh_type != SHT_NOBITS && s->sh_size > 0)
			return true;
	}
	return false;
}

static void
no_texts(struct elf_module *m)
{
	struct elf_facts *f = &m->facts;
	f->build_id = f->soname = f->runpath = f->rpath = "";
	m->table.state = ELF_TABLE_UNREADABLE;
	m->table.name = m->table.vsn = m->table.interface_name = "";
	m->table.note = f->limited;
}

static int
read_all(struct elf_module *m, struct rel_err *err)
{
	if (elf_head_read(m, err) != 0)
		return -1;
	if (m->facts.limited != NULL) {
		no_texts(m);
		return 0;
	}
	m->facts.debug_info = has_debug_info(m);
	if (elf_dynamic_read(m, err) != 0 || elf_symbols_open(m, err) != 0 ||
	    elf_image_relocate(m, err) != 0 || elf_symbols_read(m, err) != 0 ||
	    elf_hooks_read(m, err) != 0)
		return -1;
	return elf_table_read(m, err);
}

static const struct elf_bounds module_bounds = {ELF_FILE_MAX, (size_t)8 << 20, (size_t)256 << 10};
static const struct elf_bounds library_bounds = {ELF_LIBRARY_MAX, (size_t)256 << 20, (size_t)2 << 20};

static int
open_within(const struct elf_bounds *bounds, int dirfd, const char *path, const char *name,
    struct elf_module **ret, struct rel_err *err)
{
	CLEANUP(elf_module_close) struct elf_module *m = calloc(1, sizeof(*m));
	if (m == NULL)
		return rel_err_nomem(err);
	m->magic = ELF_MAGIC;
	m->bounds = bounds;
	m->arena = rel_arena_new(bounds->facts);
	if (m->arena == NULL || (m->name = rel_arena_strdup(m->arena, name)) == NULL)
		return rel_err_nomem(err);
	if (rel_file_read(dirfd, path, name, bounds->file, &m->file, &m->size, err) != 0 ||
	    read_all(m, err) != 0)
		return -1;
	*ret = MOVE(m);
	return 0;
}

int
elf_module_open(
    int dirfd, const char *path, const char *name, struct elf_module **ret, struct rel_err *err)
{
	return open_within(&module_bounds, dirfd, path, name, ret, err);
}

int
elf_library_open(const char *path, struct elf_module **ret, struct rel_err *err)
{
	return open_within(&library_bounds, AT_FDCWD, path, path, ret, err);
}

void
elf_module_close(struct elf_module **mp)
{
	struct elf_module *m = *mp;
	*mp = NULL;
	if (m == NULL)
		return;
	MUST_OBJ(m, ELF_MAGIC);
	elf_dwarf_close(&m->dwarf);
	rel_arena_free(&m->arena);
	free(m->relocs);
	free(m->file);
	m->magic = 0;
	free(m);
}

const struct elf_facts *
elf_module_facts(const struct elf_module *m)
{
	MUST_OBJ(m, ELF_MAGIC);
	return &m->facts;
}

const struct elf_table *
elf_module_table(const struct elf_module *m)
{
	MUST_OBJ(m, ELF_MAGIC);
	return &m->table;
}
