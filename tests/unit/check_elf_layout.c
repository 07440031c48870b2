/* SPDX-License-Identifier: Apache-2.0
 * The layouts of state types: found, read, compared, searched for pointers.  Each kind of change
 * has a pair of modules that differ in it alone (tests/modules/elf/state.c).
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "elf_fixture.h"

/* ------------------------------------------------------------------ finding */
static const struct {
	const char *type;
	uint32_t version;
	enum elf_found found;
	const char *root, *member;
} finds[] = {
    {"anchored", 1, ELF_BY_ANCHOR, "struct elsewhere", "e"},
    {"scalar", 1, ELF_BY_ANCHOR, NULL, NULL}, /* "unsigned long", however it is spelt */
    {"plain", 1, ELF_BY_NAME, "struct plain", "a"},
    {"by_typedef", 1, ELF_BY_NAME, "by_typedef", "b"},
    {"counted", 7, ELF_BY_VERSION, "struct counted_v7", "c"},
    {"counted", 8, ELF_BY_VERSION, "struct counted_v8_struct", "d"},
    {"counted", 9, ELF_NOT_FOUND, NULL, NULL},
    {"counted_v7", 9, ELF_BY_NAME, "struct counted_v7", "c"},
    {"absent", 1, ELF_NOT_FOUND, NULL, NULL},
    {"", 0, ELF_NOT_FOUND, NULL, NULL},
};

START_TEST(found)
{
	struct elf_module *m = fix_open("names");
	const struct elf_layout *l = fix_layout(m, finds[_i].type, finds[_i].version);
	ck_assert_int_eq(l->found, finds[_i].found);
	ck_assert_str_eq(l->note, "");
	ck_assert_int_eq(l->root == NULL, finds[_i].found == ELF_NOT_FOUND);
	ck_assert_int_eq(l->whole, l->root != NULL);
	ck_assert_uint_eq(strlen(l->id), l->root != NULL ? ELF_LAYOUT_ID_LEN : 0);
	if (finds[_i].root != NULL) {
		ck_assert_str_eq(l->root->name, finds[_i].root);
		ck_assert_uint_eq(l->root->member_count, 1);
		ck_assert_str_eq(l->root->members[0].name, finds[_i].member);
	}
	ck_assert_ptr_eq(fix_layout(m, finds[_i].type, finds[_i].version), l);
	elf_module_close(&m);
}
END_TEST

START_TEST(without_debug_info)
{
	static const char *const names[] = {"no-debug-info", "good-stripped"};
	for (size_t i = 0; i < NELEM(names); i++) {
		struct elf_module *m = fix_open(names[i]);
		const struct elf_layout *l = fix_layout(m, "good", 1);
		ck_assert_int_eq(l->found, ELF_NO_DEBUG_INFO);
		ck_assert(l->root == NULL && !l->whole);
		ck_assert_str_eq(l->id, "");
		struct elf_pointers *p = NULL;
		struct rel_err err = REL_ERR_INIT;
		ck_assert_int_eq(elf_layout_pointers(l, &p, &err), 0);
		ck_assert_uint_eq(p->count + p->more, 0);
		elf_pointers_free(&p);
		elf_module_close(&m);
	}
}
END_TEST

/* ------------------------------------------------------------------ reading */
static const struct elf_member *
member(const struct elf_type *t, const char *name)
{
	for (size_t i = 0; i < t->member_count; i++)
		if (strcmp(t->members[i].name, name) == 0)
			return &t->members[i];
	ck_abort_msg("%s has no %s", t->name, name);
	return NULL;
}

static const struct elf_type *
at(const struct elf_type *t, const char *name, enum elf_kind kind, uint64_t offset, uint64_t size)
{
	const struct elf_member *m = member(t, name);
	ck_assert_msg(m->type->kind == kind, "%s is of kind %d", name, m->type->kind);
	ck_assert_msg(m->offset == offset, "%s is at %ju", name, (uintmax_t)m->offset);
	ck_assert_msg(m->type->size == size, "%s has %ju bytes", name, (uintmax_t)m->type->size);
	return m->type;
}

static void
check_pointers(const struct elf_type *t)
{
	const struct elf_type *node = at(t, "list", ELF_POINTER, 144, 8)->of;
	ck_assert_str_eq(node->name, "struct node");
	ck_assert_ptr_eq(member(node, "next")->type->of, node);
	ck_assert_int_eq(member(node, "next")->type->pointee, ELF_TO_STRUCT);
	ck_assert_ptr_eq(at(node, "others", ELF_ARRAY, 8, 16)->of->of, node);
	const struct elf_type *p = at(t, "text", ELF_POINTER, 184, 8);
	ck_assert(p->pointee == ELF_TO_CHAR && p->of == NULL);
	p = at(t, "numbers", ELF_POINTER, 192, 8);
	ck_assert(p->pointee == ELF_TO_OTHER && p->of->kind == ELF_BASE && p->of->size == 2);
	p = at(t, "things", ELF_POINTER, 200, 8);
	ck_assert(p->of->kind == ELF_POINTER && p->of->of == NULL);
	ck_assert_str_eq(p->of->target, "void");
	p = at(t, "call", ELF_POINTER, 208, 8);
	ck_assert(p->pointee == ELF_TO_FUNCTION && p->of == NULL);
	p = at(t, "owner", ELF_POINTER, 216, 8);
	ck_assert(p->pointee == ELF_TO_STRUCT && p->of == NULL);
	ck_assert_str_eq(p->target, "struct owner");
	p = at(t, "hidden", ELF_POINTER, 224, 8); /* defined in another file */
	ck_assert_str_eq(p->of->name, "struct hidden");
	ck_assert_uint_eq(p->of->member_count, 2);
}

static void
check_numbers(const struct elf_type *t)
{
	ck_assert_str_eq(at(t, "number", ELF_BASE, 0, 4)->name, "int");
	ck_assert_str_eq(at(t, "fixed", ELF_BASE, 4, 4)->name, "unsigned int");
	ck_assert_uint_ne(member(t, "number")->type->encoding, member(t, "fixed")->type->encoding);
	at(t, "gone", ELF_BASE, 8, 2);
	at(t, "flag", ELF_BASE, 10, 4);
	ck_assert_uint_eq(member(t, "flag")->bits, 3);
	ck_assert_uint_eq(member(t, "flag")->first_bit, 80);
	ck_assert_uint_eq(member(t, "more")->bits, 5);
	ck_assert_uint_eq(member(t, "more")->first_bit, 83);
	ck_assert_uint_eq(member(t, "gone")->bits, 0);
	const struct elf_type *e = at(t, "colour", ELF_ENUM, 12, 4);
	ck_assert_str_eq(e->name, "enum colour");
	ck_assert_uint_eq(e->constant_count, 2);
	ck_assert_str_eq(e->constants[1].name, "GREEN");
	ck_assert_int_eq(e->constants[1].value, 7);
}

static void
check_nested(const struct elf_type *t)
{
	const struct elf_type *grid = at(t, "grid", ELF_ARRAY, 16, 24);
	ck_assert(grid->count == 2 && grid->of->count == 3 && grid->of->size == 12);
	ck_assert_str_eq(grid->of->of->name, "int");
	const struct elf_type *item = at(t, "items", ELF_ARRAY, 40, 96)->of;
	ck_assert_str_eq(item->name, "struct item");
	ck_assert_ptr_eq(at(t, "table", ELF_POINTER, 136, 8)->of, item);
	ck_assert_int_eq(at(item, "label", ELF_POINTER, 16, 8)->pointee, ELF_TO_CONST_CHAR);
	at(item, "name", ELF_ARRAY, 0, 12);
	ck_assert_str_eq(at(t, "at", ELF_STRUCT, 152, 16)->name, "point");
	const struct elf_type *choice = at(t, "choice", ELF_UNION, 168, 8);
	at(choice, "real", ELF_BASE, 0, 8);
	at(choice, "whole", ELF_BASE, 0, 8);
	at(t, "inner", ELF_BASE, 176, 4); /* of anonymous ones */
	at(t, "as_int", ELF_BASE, 180, 4);
	at(t, "as_float", ELF_BASE, 180, 4);
	ck_assert_uint_eq(at(t, "tail", ELF_ARRAY, 232, 0)->count, 0);
}

static const char *const same[] = {"state-base", "state-dwarf4", "state-renamed"};

START_TEST(read_whole)
{
	struct elf_module *m = fix_open(same[_i]), *base = fix_open("state-base");
	const struct elf_layout *l = fix_layout(m, "whole", 1);
	ck_assert_int_eq(l->found, ELF_BY_ANCHOR);
	ck_assert(l->whole && l->root == l->types[0]);
	ck_assert_uint_eq(l->root->size, 232);
	ck_assert_uint_eq(l->root->member_count, 22);
	check_numbers(l->root);
	check_nested(l->root);
	check_pointers(l->root);
	ck_assert_str_eq(l->id, fix_layout(base, "whole", 1)->id);
	elf_module_close(&base);
	elf_module_close(&m);
}
END_TEST

START_TEST(read_packed)
{
	static const char *const names[] = {"packed", "packed-gnu", "dwarf4"};
	struct elf_module *good = fix_open("good");
	const char *id = fix_layout(good, "good", 1)->id;
	ck_assert_int_eq(fix_layout(good, "good", 1)->found, ELF_BY_ANCHOR);
	ck_assert_int_eq(fix_layout(good, "part", 3)->found, ELF_BY_VERSION);
	for (size_t i = 0; i < NELEM(names); i++) {
		struct elf_module *m = fix_open(names[i]);
		ck_assert_str_eq(fix_layout(m, "good", 1)->id, id);
		elf_module_close(&m);
	}
	elf_module_close(&good);
}
END_TEST

/* ------------------------------------------------------------------ comparing */
static struct elf_diffs *
compare(const struct elf_layout *a, const struct elf_layout *b)
{
	struct rel_err err = REL_ERR_INIT;
	struct elf_diffs *d = NULL;
	ck_assert_int_eq(elf_layout_compare(a, b, &d, &err), 0);
	ck_assert_uint_eq(d->more, 0);
	return d;
}

static const struct {
	const char *name;
	size_t count;
	enum elf_change change;
	const char *path, *text;
} changes[] = {
    {"number", 1, ELF_RETYPED, "number", "int → unsigned int"},
    {"wider", 23, ELF_RETYPED, "number", NULL},
    {"wider", 23, ELF_MOVED, "fixed", "moved from 4 to 8"},
    {"wider", 23, ELF_MOVED, "flag", "moved from bit 80 to 112"},
    {"wider", 23, ELF_RESIZED, "", "232 bytes → 240 bytes"},
    {"moved", 23, ELF_ADDED, "pad", "new, 4 bytes at 4"},
    {"moved", 23, ELF_MOVED, "tail", "moved from 232 to 240"},
    {"extra", 3, ELF_ADDED, "extra", "new, 8 bytes at 232"},
    {"gone", 3, ELF_REMOVED, "gone", "removed, was 2 bytes at 8"},
    {"name", 21, ELF_RETYPED, "items[].name", "char[12] → char[20]"},
    {"name", 21, ELF_RESIZED, "items[]", "24 bytes → 32 bytes"},
    {"name", 21, ELF_RETYPED, "table[].name", "char[12] → char[20]"},
    {"grid", 1, ELF_RETYPED, "grid", "int[2][3] → int[3][2]"},
    {"bits", 2, ELF_RETYPED, "flag", "3 bits → 4 bits"},
    {"bits", 2, ELF_MOVED, "more", "moved from bit 83 to 84"},
    {"no-bits", 21, ELF_RETYPED, "flag", "is no longer a bit-field"},
    {"constant", 1, ELF_CONSTANT, "colour", "constant GREEN: 7 → 8"},
    {"constants", 1, ELF_CONSTANT, "colour", "new constant BLUE = 8"},
    {"no-constant", 1, ELF_CONSTANT, "colour", "constant RED = 0 is gone"},
    {"text", 1, ELF_REPOINTED, "text", "char * → const char *"},
    {"call", 1, ELF_REPOINTED, "call", "function * → void *"},
    {"item", 2, ELF_ADDED, "items[].count", "new, 4 bytes at 12"},
    {"item", 2, ELF_ADDED, "table[].count", "new, 4 bytes at 12"},
    {"label", 4, ELF_REMOVED, "items[].label", "removed, was 8 bytes at 16"},
    {"label", 4, ELF_ADDED, "items[].title", "new, 8 bytes at 16"},
    {"node", 1, ELF_RETYPED, "list[].value", NULL},
    {"owner", 1, ELF_REPOINTED, "owner", "struct owner * → struct landlord *"},
    {"choice", 1, ELF_RETYPED, "choice.real", NULL},
    {"numbers", 1, ELF_RETYPED, "numbers[]", NULL},
    {"kind", 12, ELF_RETYPED, "choice", "union (anonymous) → struct (anonymous)"},
    {"hidden", 3, ELF_ADDED, "hidden[].salt", "new, 4 bytes at 8"},
};

START_TEST(changed)
{
	char name[64] = "state-";
	struct elf_module *m = fix_open("state-base"),
			  *n = fix_open(strcat(name, changes[_i].name));
	const struct elf_layout *a = fix_layout(m, "whole", 1), *b = fix_layout(n, "whole", 1);
	struct elf_diffs *d = compare(a, b);
	ck_assert_str_ne(a->id, b->id);
	ck_assert_uint_eq(d->count, changes[_i].count);
	size_t i = 0;
	while (i < d->count && (strcmp(d->list[i].path, changes[_i].path) != 0 ||
				   d->list[i].change != changes[_i].change))
		i++;
	ck_assert_msg(i < d->count, "no such change of \"%s\"", changes[_i].path);
	if (changes[_i].text != NULL)
		ck_assert_str_eq(d->list[i].text, changes[_i].text);
	elf_diffs_free(&d);

	/* and back: what was new is removed */
	d = compare(b, a);
	ck_assert_uint_eq(d->count, changes[_i].count);
	elf_diffs_free(&d);
	d = compare(b, b);
	ck_assert_uint_eq(d->count, 0);
	elf_diffs_free(&d);
	elf_module_close(&m);
	elf_module_close(&n);
}
END_TEST

/* The same whatever graph of types stands for it. */
START_TEST(twins)
{
	struct elf_module *m = fix_open("twin-one"), *n = fix_open("twin-two");
	const struct elf_layout *a = fix_layout(m, "both", 1), *b = fix_layout(n, "both", 1);
	ck_assert_uint_ne(a->type_count, b->type_count);
	struct elf_diffs *d = compare(a, b);
	ck_assert_uint_eq(d->count, 0);
	ck_assert_str_eq(a->id, b->id);
	elf_diffs_free(&d);
	elf_module_close(&m);
	elf_module_close(&n);
}
END_TEST

/* ------------------------------------------------------------------ pointers into code */
static const struct {
	const char *name;
	const char *paths; /* c: const char; f: function */
} pointers[] = {
    {"base", "c:items[].label f:call c:table[].label f:hidden[].later"},
    {"call", "c:items[].label c:table[].label f:hidden[].later"},
    {"text", "c:items[].label c:text f:call c:table[].label f:hidden[].later"},
};

START_TEST(pointers_into_code)
{
	char name[64] = "state-", text[512] = "";
	struct elf_module *m = fix_open(strcat(name, pointers[_i].name));
	struct rel_err err = REL_ERR_INIT;
	struct elf_pointers *p = NULL;
	ck_assert_int_eq(elf_layout_pointers(fix_layout(m, "whole", 1), &p, &err), 0);
	for (size_t i = 0; i < p->count; i++) {
		strcat(text, i > 0 ? " " : "");
		strcat(text, p->list[i].pointee == ELF_TO_FUNCTION ? "f:" : "c:");
		strcat(text, p->list[i].path);
	}
	ck_assert_str_eq(text, pointers[_i].paths);
	ck_assert_uint_eq(p->more, 0);
	elf_pointers_free(&p);
	elf_module_close(&m);
}
END_TEST

/* What belongs to the C library is not followed by pointers; inside of a state it is part of it. */
START_TEST(library_is_not_followed)
{
	struct elf_module *m = fix_open("names");
	struct rel_err err = REL_ERR_INIT;
	struct elf_pointers *p = NULL;
	const struct elf_layout *l = fix_layout(m, "keeper", 1);
	const struct elf_type *t = member(l->root, "library")->type;
	ck_assert(l->whole && t->of == NULL && t->pointee == ELF_TO_STRUCT);
	ck_assert_str_eq(t->target, "struct _library");
	ck_assert_uint_eq(member(l->root, "inside")->type->member_count, 1);
	ck_assert_int_eq(elf_layout_pointers(l, &p, &err), 0);
	ck_assert_uint_eq(p->count, 1);
	ck_assert_str_eq(p->list[0].path, "inside.hook");
	elf_pointers_free(&p);
	elf_module_close(&m);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("layout");
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, found, 0, NELEM(finds));
	tcase_add_test(tc, without_debug_info);
	tcase_add_loop_test(tc, read_whole, 0, NELEM(same));
	tcase_add_test(tc, read_packed);
	tcase_add_loop_test(tc, changed, 0, NELEM(changes));
	tcase_add_test(tc, twins);
	tcase_add_loop_test(tc, pointers_into_code, 0, NELEM(pointers));
	tcase_add_test(tc, library_is_not_followed);
	return fix_run(tc, "elf layout");
}
