/* SPDX-License-Identifier: Apache-2.0
 * The table relw_module, read out of the file: its words are taken from where the loader would map
 * them, its pointers from the relocations.  The structs below mirror those of relworker.h (ABI 1)
 * on a 64-bit machine; check_elf_table compares what both say of real modules.
 */
#include "config.h"

#include <string.h>

#include "elf/elf_priv.h"

#define LIST_MAX 4096u /* entries of one list: more are a list without an end */

struct file_module {
	uint32_t abi, size;
	uint64_t name, vsn;
	uint32_t flags, reserved;
	uint64_t interface_name, interface, imports, state_types, functions;
	uint64_t init, handle_event, handle_call, code_change, discard, rebind, config_change,
	    export_state, import_state, terminate;
};

struct file_import {
	uint64_t module, interface;
};

struct file_state_type {
	uint64_t name;
	uint32_t version, size;
	uint64_t convert, discard;
};

struct file_function {
	uint64_t name, event, task;
};

/* Reads on behalf of one table; `note` set: what it met cannot be read, and nothing more is. */
struct reader {
	struct elf_module *m;
	const char *note;
	bool full;                    /* the arena is */
};

static void
stop(struct reader *r, const char *note)
{
	if (r->note == NULL)
		r->note = note;
}

static bool
stopped(const struct reader *r)
{
	return r->note != NULL || r->full;
}

/* A pointer that the module keeps inside itself; 0: NULL. */
static uint64_t
inside(struct reader *r, uint64_t at, const char *note)
{
	uint64_t to;
	enum elf_address kind = elf_image_pointer(r->m, at, &to);
	if (kind == ELF_NULL)
		return 0;
	if (kind != ELF_LOCAL || to == 0)
		stop(r, note);
	return to;
}

/* Is something there?  A callback may well be a function of a library. */
static bool
offered(struct reader *r, uint64_t at)
{
	uint64_t to;
	enum elf_address kind = elf_image_pointer(r->m, at, &to);
	if (kind == ELF_UNKNOWN)
		stop(r, "a pointer to a function in it is of an unknown kind");
	return kind == ELF_LOCAL || kind == ELF_EXTERNAL;
}

static const char *
text(struct reader *r, uint64_t at)
{
	static const char note[] = "a text that it points to lies outside of the file";
	uint64_t to = inside(r, at, note);
	if (to == 0 || stopped(r))
		return "";
	const char *s = elf_image_string(r->m, to);
	if (s == NULL) {
		stop(r, note);
		return "";
	}
	s = elf_text_copy(r->m->arena, s);
	r->full = r->full || s == NULL;
	return s != NULL ? s : "";
}

static uint32_t
number(struct reader *r, uint64_t at)
{
	uint32_t n = 0;
	if (!elf_image_read(r->m, at, &n, sizeof(n)))
		stop(r, "it reaches beyond the file");
	return n;
}

/* How many entries of `size` bytes stand before the one that begins with NULL. */
static size_t
count(struct reader *r, uint64_t list, size_t size)
{
	if (list == 0)
		return 0;
	for (size_t n = 0; n <= LIST_MAX; n++) {
		uint64_t to, at = list + n * size;
		char entry[sizeof(struct file_state_type)];
		if (at < list || !elf_image_read(r->m, at, entry, size)) {
			stop(r, "a list in it has no end");
			return 0;
		}
		if (elf_image_pointer(r->m, at, &to) == ELF_NULL)
			return n;
	}
	stop(r, "a list in it has no end");
	return 0;
}

/* The list that a member points to; n entries of what it becomes, from the arena. */
static void *
list(
    struct reader *r, uint64_t at, size_t size, size_t size_here, uint64_t *ret_from, size_t *ret_n)
{
	*ret_n = 0;
	*ret_from = inside(r, at, "a list in it lies outside of the file");
	if (stopped(r))
		return NULL;
	size_t n = count(r, *ret_from, size);
	void *v = rel_arena_calloc(r->m->arena, n, size_here);
	r->full = r->full || v == NULL;
	*ret_n = v != NULL ? n : 0;
	return v;
}

static void
read_imports(struct reader *r, uint64_t at, struct elf_table *t)
{
	uint64_t from;
	struct elf_import *v =
	    list(r, at, sizeof(struct file_import), sizeof(*v), &from, &t->import_count);
	t->imports = v;
	for (size_t i = 0; i < t->import_count && !stopped(r);
	     i++, from += sizeof(struct file_import)) {
		v[i].module = text(r, from + offsetof(struct file_import, module));
		v[i].interface = text(r, from + offsetof(struct file_import, interface));
	}
}

static void
read_state_types(struct reader *r, uint64_t at, struct elf_table *t)
{
	uint64_t from;
	struct elf_state_type *v =
	    list(r, at, sizeof(struct file_state_type), sizeof(*v), &from, &t->state_type_count);
	t->state_types = v;
	for (size_t i = 0; i < t->state_type_count && !stopped(r);
	     i++, from += sizeof(struct file_state_type)) {
		v[i].name = text(r, from + offsetof(struct file_state_type, name));
		v[i].version = number(r, from + offsetof(struct file_state_type, version));
		v[i].size = number(r, from + offsetof(struct file_state_type, size));
		v[i].convert = offered(r, from + offsetof(struct file_state_type, convert));
		v[i].discard = offered(r, from + offsetof(struct file_state_type, discard));
	}
}

static void
read_functions(struct reader *r, uint64_t at, struct elf_table *t)
{
	uint64_t from;
	struct elf_function *v =
	    list(r, at, sizeof(struct file_function), sizeof(*v), &from, &t->function_count);
	t->functions = v;
	for (size_t i = 0; i < t->function_count && !stopped(r);
	     i++, from += sizeof(struct file_function)) {
		v[i].name = text(r, from + offsetof(struct file_function, name));
		v[i].event = offered(r, from + offsetof(struct file_function, event));
		v[i].task = offered(r, from + offsetof(struct file_function, task));
	}
}

static void
read_callbacks(struct reader *r, uint64_t at, struct elf_callbacks *c)
{
#define CALLBACK(f) c->f = offered(r, at + offsetof(struct file_module, f))
	CALLBACK(init);
	CALLBACK(handle_event);
	CALLBACK(handle_call);
	CALLBACK(code_change);
	CALLBACK(discard);
	CALLBACK(rebind);
	CALLBACK(config_change);
	CALLBACK(export_state);
	CALLBACK(import_state);
	CALLBACK(terminate);
#undef CALLBACK
}

static int
read_members(struct elf_module *m, uint64_t at, struct rel_err *err)
{
	struct reader r = {.m = m};
	struct elf_table t = {
	    .state = ELF_TABLE_READ, .note = "", .abi = m->table.abi, .size = m->table.size};
	t.name = text(&r, at + offsetof(struct file_module, name));
	t.vsn = text(&r, at + offsetof(struct file_module, vsn));
	t.flags = number(&r, at + offsetof(struct file_module, flags));
	t.reserved = number(&r, at + offsetof(struct file_module, reserved));
	t.interface_named = offered(&r, at + offsetof(struct file_module, interface_name));
	t.interface_name = text(&r, at + offsetof(struct file_module, interface_name));
	t.interface = offered(&r, at + offsetof(struct file_module, interface));
	read_imports(&r, at + offsetof(struct file_module, imports), &t);
	read_state_types(&r, at + offsetof(struct file_module, state_types), &t);
	read_functions(&r, at + offsetof(struct file_module, functions), &t);
	read_callbacks(&r, at, &t.callbacks);
	if (r.full)
		return elf_full(m, err);
	if (r.note == NULL) {
		m->table = t;
		return 0;
	}
	m->table.state = ELF_TABLE_UNREADABLE;
	m->table.note = r.note;
	return 0;
}

static bool
find_table(const struct elf_module *m, uint64_t *ret_addr)
{
	for (size_t i = 1; i < m->dynsym.count; i++) {
		Elf64_Sym s = elf_symbol_get(&m->dynsym, i);
		const char *name = elf_symbol_name(&m->dynsym, &s);
		unsigned seen = ELF64_ST_VISIBILITY(s.st_other);
		if (s.st_shndx == SHN_UNDEF || name == NULL || strcmp(name, "relw_module") != 0 ||
		    ELF64_ST_BIND(s.st_info) == STB_LOCAL ||
		    (seen != STV_DEFAULT && seen != STV_PROTECTED))
			continue;
		*ret_addr = s.st_value;
		return true;
	}
	return false;
}

int
elf_table_read(struct elf_module *m, struct rel_err *err)
{
	struct elf_table *t = &m->table;
	struct file_module whole;
	uint32_t head[2];
	uint64_t at;
	t->name = t->vsn = t->interface_name = t->note = "";
	t->state = ELF_TABLE_ABSENT;
	if (!find_table(m, &at))
		return 0;
	t->state = ELF_TABLE_UNREADABLE;
	t->note = "it reaches beyond the file";
	if (!elf_image_read(m, at, head, sizeof(head)))
		return 0;
	t->abi = head[0];
	t->size = head[1];
	if (t->abi != ELF_TABLE_ABI || t->size < sizeof(whole)) {
		t->state = ELF_TABLE_OTHER;
		t->note = "";
		return 0;
	}
	if (!elf_image_read(m, at, &whole, sizeof(whole)))
		return 0;
	t->note = "the relocations of its machine are not known here";
	return m->relocs_known ? read_members(m, at, err) : 0;
}
