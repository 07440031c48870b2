/* SPDX-License-Identifier: Apache-2.0
 * The layout of a state type: its C type and all that this reaches, as a graph.  A type becomes a
 * node when it is first referred to and is filled in when its turn comes, so nothing here recurses,
 * and types that refer to each other in a circle end by themselves.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "elf/dwarf_priv.h"

#define SLOTS          (ELF_TYPES_MAX * 2) /* a power of two */
#define DIMENSIONS_MAX 16
#define NO_PLACE       UINT64_MAX

struct elf_cached_layout {
	struct elf_cached_layout *next;
	const char *type;
	uint32_t version;
	struct elf_layout layout;
};

bool
elf_build_going(const struct elf_build *b)
{
	return !b->full && b->d->why == NULL;
}

/* ------------------------------------------------------------------ nodes */
static struct elf_type *
new_type(struct elf_build *b, uint64_t place)
{
	struct elf_type *t = rel_arena_alloc(b->m->arena, sizeof(*t));
	if (t == NULL || b->count == ELF_TYPES_MAX) {
		b->full = true;
		return NULL;
	}
	t->index = b->count;
	t->name = t->target = "";
	b->places[b->count] = place;
	b->types[b->count++] = t;
	return t;
}

static uint32_t *
slot_of(struct elf_build *b, uint64_t place)
{
	uint64_t i = (place * UINT64_C(0x9e3779b97f4a7c15)) >> 40;
	for (;; i++) {
		uint32_t *slot = &b->slots[i & (SLOTS - 1)];
		if (*slot == 0 || b->places[*slot - 1] == place)
			return slot;
	}
}

static const char *
prefix_of(int tag)
{
	switch (tag) {
	case DW_TAG_structure_type:
		return "struct ";
	case DW_TAG_union_type:
		return "union ";
	case DW_TAG_class_type:
		return "class ";
	case DW_TAG_enumeration_type:
		return "enum ";
	default:
		return "";
	}
}

const char *
elf_build_name(struct elf_build *b, const struct elf_bare *bare)
{
	Dwarf_Die die = bare->die;
	const char *prefix = prefix_of(dwarf_tag(&die));
	const char *name = elf_dwarf_name(b->d, &die);
	if (name == NULL && bare->typedef_name != NULL) {
		name = bare->typedef_name;
		prefix = "";
	}
	name = elf_text_copy(b->m->arena, name != NULL ? name : "(anonymous)");
	if (name != NULL && prefix[0] != '\0')
		name = rel_arena_printf(b->m->arena, "%s%s", prefix, name);
	b->full = b->full || name == NULL;
	return name != NULL ? name : "";
}

struct elf_type *
elf_build_type(struct elf_build *b, const struct elf_bare *bare)
{
	Dwarf_Die die = bare->die;
	uint64_t place = dwarf_dieoffset(&die);
	uint32_t *slot = slot_of(b, place);
	if (*slot != 0)
		return b->types[*slot - 1];
	struct elf_type *t = new_type(b, place);
	if (t == NULL)
		return NULL;
	*slot = (uint32_t)b->count;
	t->name = elf_build_name(b, bare);
	return t;
}

static struct elf_type *
opaque_type(struct elf_build *b)
{
	struct elf_type *t = new_type(b, NO_PLACE);
	b->opaque = "a type in it is described in a way that is not understood";
	if (t != NULL)
		t->kind = ELF_OPAQUE;
	return t;
}

struct elf_type *
elf_build_type_of(struct elf_build *b, Dwarf_Die *die)
{
	struct elf_bare bare;
	if (elf_dwarf_bare(b->d, die, &bare) && !bare.is_void)
		return elf_build_type(b, &bare);
	return b->d->why == NULL ? opaque_type(b) : NULL;
}

/* ------------------------------------------------------------------ kinds of types */
static void
fill_size(struct elf_build *b, Dwarf_Die *die, struct elf_type *t)
{
	uint64_t size;
	if (elf_dwarf_number(b->d, die, DW_AT_byte_size, &size))
		t->size = size;
}

static void
fill_base(struct elf_build *b, Dwarf_Die *die, struct elf_type *t)
{
	uint64_t encoding = 0;
	t->kind = ELF_BASE;
	fill_size(b, die, t);
	elf_dwarf_number(b->d, die, DW_AT_encoding, &encoding);
	t->encoding = (unsigned)encoding;
}

/* The lengths of an array's dimensions, outermost first; 0: not said. */
static size_t
dimensions(struct elf_build *b, Dwarf_Die *die, uint64_t *ret)
{
	Dwarf_Die sub;
	size_t n = 0;
	for (bool more = elf_dwarf_child(b->d, die, &sub); more && n < DIMENSIONS_MAX;
	     more = elf_dwarf_sibling(b->d, &sub, &sub)) {
		uint64_t count = 0;
		if (dwarf_tag(&sub) != DW_TAG_subrange_type)
			continue;
		if (!elf_dwarf_number(b->d, &sub, DW_AT_count, &count) &&
		    elf_dwarf_number(b->d, &sub, DW_AT_upper_bound, &count))
			count++; /* of -1, an array without elements, it makes 0 */
		ret[n++] = count;
	}
	return n;
}

static void
fill_array(struct elf_build *b, Dwarf_Die *die, struct elf_type *t)
{
	uint64_t count[DIMENSIONS_MAX] = {0};
	size_t n = dimensions(b, die, count);
	struct elf_type *element = elf_build_type_of(b, die);
	t->kind = ELF_ARRAY;
	t->name = "";
	t->count = count[0];
	for (size_t i = 1; i < n; i++) {
		struct elf_type *inner = new_type(b, NO_PLACE);
		if (inner == NULL)
			return;
		inner->kind = ELF_ARRAY;
		inner->count = count[i];
		t->of = inner;
		t = inner;
	}
	t->of = element;
}

/* What the pointer leads to is followed where it is data of the module (see elf.h). */
static void
fill_target(struct elf_build *b, const struct elf_bare *to, struct elf_type *t)
{
	Dwarf_Die die = to->die;
	int tag = dwarf_tag(&die);
	t->target = elf_build_name(b, to);
	if (tag == DW_TAG_subroutine_type || tag == DW_TAG_subprogram) {
		t->pointee = ELF_TO_FUNCTION;
		t->target = "function";
		return;
	}
	if (tag == DW_TAG_base_type && strcmp(t->target, "char") == 0) {
		t->pointee = to->is_const ? ELF_TO_CONST_CHAR : ELF_TO_CHAR;
		return;
	}
	if (elf_dwarf_is_struct(tag)) {
		const char *name = elf_dwarf_name(b->d, &die);
		t->pointee = ELF_TO_STRUCT;
		if (elf_dwarf_flag(b->d, &die, DW_AT_declaration) ||
		    (name != NULL && name[0] == '_'))
			return;
	}
	t->of = elf_build_type(b, to);
	t->target = "";
}

static void
fill_pointer(struct elf_build *b, Dwarf_Die *die, struct elf_type *t)
{
	struct elf_bare to;
	t->kind = ELF_POINTER;
	t->name = "";
	fill_size(b, die, t);
	if (t->size == 0)
		t->size = sizeof(uint64_t);
	if (!elf_dwarf_bare(b->d, die, &to)) {
		b->opaque = "a pointer in it leads to a type that is not understood";
		t->target = "(unknown)";
	} else if (to.is_void) {
		t->target = "void";
	} else {
		fill_target(b, &to, t);
	}
}

static void
fill_struct(struct elf_build *b, Dwarf_Die *die, struct elf_type *t, enum elf_kind kind)
{
	t->kind = kind;
	fill_size(b, die, t);
	if (elf_dwarf_flag(b->d, die, DW_AT_declaration)) {
		t->kind = ELF_OPAQUE;
		b->opaque = "a struct in it is only declared";
		return;
	}
	elf_build_members(b, die, t);
}

static void
fill(struct elf_build *b, struct elf_type *t)
{
	Dwarf_Die die;
	if (b->places[t->index] == NO_PLACE || !elf_dwarf_entry(b->d, b->places[t->index], &die))
		return;
	switch (dwarf_tag(&die)) {
	case DW_TAG_base_type:
		fill_base(b, &die, t);
		break;
	case DW_TAG_enumeration_type:
		t->kind = ELF_ENUM;
		fill_size(b, &die, t);
		elf_build_constants(b, &die, t);
		break;
	case DW_TAG_structure_type:
	case DW_TAG_class_type:
		fill_struct(b, &die, t, ELF_STRUCT);
		break;
	case DW_TAG_union_type:
		fill_struct(b, &die, t, ELF_UNION);
		break;
	case DW_TAG_array_type:
		fill_array(b, &die, t);
		break;
	case DW_TAG_pointer_type:
	case DW_TAG_reference_type:
	case DW_TAG_rvalue_reference_type:
		fill_pointer(b, &die, t);
		break;
	default:
		t->kind = ELF_OPAQUE;
		fill_size(b, &die, t);
		b->opaque = "a type in it is of a kind that is not understood";
		break;
	}
}

/* Sizes of arrays, when all elements are known; a nest of arrays that bites its own tail has none.
 */
static uint64_t
size_of(const struct elf_type *t)
{
	uint64_t size = 1;
	for (int depth = 0; t != NULL && depth < 2 * DIMENSIONS_MAX; depth++, t = t->of)
		if (__builtin_mul_overflow(
			size, t->kind == ELF_ARRAY ? t->count : t->size, &size) ||
		    t->kind != ELF_ARRAY)
			return t->kind != ELF_ARRAY ? size : 0;
	return 0;
}

/* ------------------------------------------------------------------ one layout */
static int
build(struct elf_build *b, const struct elf_bare *root, struct elf_layout *l)
{
	elf_build_type(b, root);
	for (size_t i = 0; i < b->count && elf_build_going(b); i++)
		fill(b, b->types[i]);
	if (!elf_build_going(b) || b->count == 0)
		return 0;
	for (size_t i = 0; i < b->count; i++)
		if (b->types[i]->kind == ELF_ARRAY)
			b->types[i]->size = size_of(b->types[i]);
	const struct elf_type **types = rel_arena_calloc(b->m->arena, b->count, sizeof(*types));
	if (types == NULL) {
		b->full = true;
		return 0;
	}
	for (size_t i = 0; i < b->count; i++)
		types[i] = b->types[i];
	l->types = types;
	l->type_count = b->count;
	l->root = types[0];
	l->whole = b->opaque == NULL;
	l->note = b->opaque != NULL ? b->opaque : "";
	return elf_layout_identify(l);
}

static int
build_layout(
    struct elf_module *m, const struct elf_bare *root, struct elf_layout *l, struct rel_err *err)
{
	struct elf_build b = {.m = m, .d = m->dwarf};
	b.types = calloc(ELF_TYPES_MAX, sizeof(struct elf_type *));
	b.places = calloc(ELF_TYPES_MAX, sizeof(*b.places));
	b.slots = calloc(SLOTS, sizeof(*b.slots));
	int rc = -1;
	if (b.types != NULL && b.places != NULL && b.slots != NULL)
		rc = build(&b, root, l);
	free(b.slots);
	free(b.places);
	free(b.types);
	if (rc != 0)
		return rel_err_nomem(err);
	if (b.full)
		return rel_err_set(err, REL_E_LIMIT,
		    "%s: a state type reaches more than %u types, or more than memory holds",
		    m->name, ELF_TYPES_MAX);
	return 0;
}

static int
read_layout(struct elf_module *m, const char *type, uint32_t version, struct elf_layout *l,
    struct rel_err *err)
{
	struct elf_bare root;
	l->note = "";
	if (m->facts.limited != NULL) {
		l->found = ELF_DAMAGED;
		l->note = m->facts.limited;
		return 0;
	}
	if (!m->facts.debug_info) {
		l->found = ELF_NO_DEBUG_INFO;
		return 0;
	}
	if (elf_dwarf_open(m, err) != 0)
		return -1;
	if (m->dwarf->why == NULL) {
		l->found = elf_dwarf_find_state(m->dwarf, type, version, &root);
		if (l->found != ELF_NOT_FOUND && build_layout(m, &root, l, err) != 0)
			return -1;
	}
	if (m->dwarf->why != NULL)
		*l = (struct elf_layout){.found = ELF_DAMAGED, .note = m->dwarf->why};
	return 0;
}

int
elf_module_layout(struct elf_module *m, const char *type, uint32_t version,
    const struct elf_layout **ret, struct rel_err *err)
{
	MUST_OBJ(m, ELF_MAGIC);
	struct elf_cached_layout *c = m->layouts;
	for (; c != NULL; c = c->next)
		if (c->version == version && strcmp(c->type, type) == 0)
			break;
	if (c == NULL) {
		c = rel_arena_alloc(m->arena, sizeof(*c));
		if (c == NULL || (c->type = rel_arena_strdup(m->arena, type)) == NULL)
			return elf_full(m, err);
		c->version = version;
		if (read_layout(m, type, version, &c->layout, err) != 0)
			return -1;
		c->next = m->layouts;
		m->layouts = c;
	}
	*ret = &c->layout;
	return 0;
}
