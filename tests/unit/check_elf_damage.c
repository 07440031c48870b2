/* SPDX-License-Identifier: Apache-2.0
 * Module files that were cut off, garbled or made to do harm: an error or facts, never a crash, and
 * neither time nor memory without bound.  RELUP_ELF_ROUNDS makes it go on for longer.
 */
#include "config.h"

#include <elf.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "elf_fixture.h"

#define ROUND_MAX (20 * DUR_S) /* for one file; what is usual is a millisecond */

static const char *const victims[] = {"good", "state-base", "state-dwarf4", "packed", "packed-gnu",
    "relr", "names", "good-stripped", "sysv-hash"};

/* ------------------------------------------------------------------ everything that can be asked
 */
static uint64_t asked; /* so that nothing is optimised away */

static void
look_at_symbols(struct elf_symbols s)
{
	for (size_t i = 0; i < s.count; i++)
		asked += strlen(s.list[i].name) + s.list[i].size;
}

static void
look_at_facts(const struct elf_module *m)
{
	const struct elf_facts *f = elf_module_facts(m);
	asked += strlen(f->build_id) + strlen(f->soname) + strlen(f->runpath) + strlen(f->rpath);
	for (size_t i = 0; i < f->needed.count; i++)
		asked += strlen(f->needed.list[i]);
	look_at_symbols(f->exports);
	look_at_symbols(f->unique);
	look_at_symbols(f->undefined);
	look_at_symbols(f->writable);
	for (size_t i = 0; i < f->init.count; i++)
		asked += strlen(f->init.list[i].name);
	for (size_t i = 0; i < f->fini.count; i++)
		asked += strlen(f->fini.list[i].name);
}

static void
look_at_type(const struct elf_type *t)
{
	asked += strlen(t->name) + strlen(t->target) + (t->of != NULL ? t->of->index : 0);
	for (size_t i = 0; i < t->member_count; i++)
		asked += strlen(t->members[i].name) + t->members[i].type->index;
	for (size_t i = 0; i < t->constant_count; i++)
		asked += strlen(t->constants[i].name);
}

/* `whole`: the layout of the same type in the unharmed file, or NULL. */
static void
look_at_layout(
    struct elf_module *m, const char *type, uint32_t version, const struct elf_layout *whole)
{
	struct rel_err err = REL_ERR_INIT;
	const struct elf_layout *l;
	if (elf_module_layout(m, type, version, &l, &err) != 0) {
		ck_assert_str_ne(err.text, "");
		return;
	}
	for (size_t i = 0; i < l->type_count; i++) {
		ck_assert_uint_eq(l->types[i]->index, i);
		look_at_type(l->types[i]);
	}
	ck_assert(l->root == NULL || l->root == l->types[0]);
	ck_assert(l->found != ELF_DAMAGED || l->note[0] != '\0');
	struct elf_pointers *p = NULL;
	ck_assert_int_eq(elf_layout_pointers(l, &p, &err), 0);
	elf_pointers_free(&p);
	if (l->root == NULL || whole == NULL || whole->root == NULL)
		return;
	struct elf_diffs *d = NULL;
	ck_assert_int_eq(elf_layout_compare(whole, l, &d, &err), 0);
	if (d->more == 0)
		ck_assert_int_eq(d->count == 0, strcmp(whole->id, l->id) == 0);
	elf_diffs_free(&d);
}

static const char *const types[] = {"good", "part", "whole", "anchored", "plain", "by_typedef"};

static void
look_at(struct elf_module *m, struct elf_module *whole)
{
	const struct elf_table *t = elf_module_table(m);
	look_at_facts(m);
	asked += strlen(t->name) + strlen(t->vsn) + strlen(t->interface_name) + strlen(t->note);
	for (size_t i = 0; i < t->import_count; i++)
		asked += strlen(t->imports[i].module) + strlen(t->imports[i].interface);
	for (size_t i = 0; i < t->function_count; i++)
		asked += strlen(t->functions[i].name);
	for (size_t i = 0; i < t->state_type_count && i < 8; i++)
		look_at_layout(m, t->state_types[i].name, t->state_types[i].version, NULL);
	for (size_t i = 0; i < NELEM(types); i++)
		look_at_layout(m, types[i], 3, fix_layout(whole, types[i], 3));
}

static bool
try_bytes(const char *data, size_t len, struct elf_module *whole)
{
	struct rel_err err = REL_ERR_INIT;
	struct elf_module *m = NULL;
	mono_ns_t begin = rel_mono_now();
	int rc = fix_open_bytes(data, len, &m, &err);
	if (rc == 0)
		look_at(m, whole);
	else
		ck_assert_msg(err.code == REL_E_BAD_OBJECT || err.code == REL_E_LIMIT, "%s: %s",
		    rel_err_name(err.code), err.text);
	elf_module_close(&m);
	ck_assert_int_lt(rel_mono_now() - begin, ROUND_MAX);
	return rc == 0;
}

/* Twice what the largest of these files may take; a sanitizer needs more address space than that.
 */
static void
bound_memory(void)
{
#ifndef RELUP_SANITIZED
	struct rlimit limit = {(rlim_t)1 << 30, (rlim_t)1 << 30};
	ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
#endif
}

/* ------------------------------------------------------------------ cut off */
START_TEST(cut_off_anywhere)
{
	bound_memory();
	size_t len, opened = 0;
	char *data = fix_bytes(victims[_i], &len);
	struct elf_module *whole = fix_open(victims[_i]);
	for (size_t n = 0; n < len; n += n < 1024 ? 1 : 64)
		opened += try_bytes(data, n, whole);
	ck_assert_uint_gt(opened, 0);
	elf_module_close(&whole);
	free(data);
}
END_TEST

START_TEST(cut_off_is_told)
{
	size_t len;
	char *data = fix_bytes("good", &len);
	struct elf_module *m = NULL;
	struct rel_err err = REL_ERR_INIT;
	/* the section table is gone: the loader does not ask for it */
	ck_assert_int_eq(fix_open_bytes(data, len - 1, &m, &err), 0);
	ck_assert_ptr_null(elf_module_facts(m)->limited);
	ck_assert_uint_eq(elf_module_facts(m)->sections_end, len);
	ck_assert_uint_eq(elf_module_facts(m)->file_size, len - 1);
	ck_assert(!elf_module_facts(m)->symtab && !elf_module_facts(m)->debug_info);
	ck_assert_int_eq(elf_module_table(m)->state, ELF_TABLE_READ);
	size_t end = elf_module_facts(m)->load_end;
	elf_module_close(&m);
	/* a segment is cut */
	ck_assert_int_eq(fix_open_bytes(data, end - 1, &m, &err), 0);
	ck_assert_str_eq(elf_module_facts(m)->limited, "it is cut off");
	ck_assert_uint_eq(elf_module_facts(m)->load_end, end);
	ck_assert_int_eq(elf_module_table(m)->state, ELF_TABLE_UNREADABLE);
	ck_assert_int_eq(fix_layout(m, "good", 1)->found, ELF_DAMAGED);
	elf_module_close(&m);
	/* the headers are */
	ck_assert_int_eq(fix_open_bytes(data, 100, &m, &err), -1);
	ck_assert_int_eq(err.code, REL_E_BAD_OBJECT);
	ck_assert_str_eq(err.text, "bytes is cut off: its program headers lie behind its end");
	free(data);
}
END_TEST

/* ------------------------------------------------------------------ made to do harm */
static Elf64_Shdr *
section(char *data, const char *name)
{
	Elf64_Ehdr eh;
	memcpy(&eh, data, sizeof(eh));
	Elf64_Shdr *s = (Elf64_Shdr *)(void *)(data + eh.e_shoff);
	for (size_t i = 0; i < eh.e_shnum; i++)
		if (strcmp(data + s[eh.e_shstrndx].sh_offset + s[i].sh_name, name) == 0)
			return &s[i];
	ck_abort_msg("no section %s", name);
	return NULL;
}

/* Bytes written at a place in a section; `fill`: the last one repeated up to its end. */
static const struct {
	const char *file, *section;
	int at;
	bool fill;
	size_t len;
	const char *bytes, *note;
} harms[] = {
    {"good", ".debug_info", 0, false, 4, "\xf0\xff\xff\xff",
	"a unit of its .debug_info is damaged"},
    {"good", ".debug_info", 0, false, 4, "\xff\xff\xff\x7f",
	"a unit of its .debug_info is damaged or of a newer DWARF"},
    {"good", ".debug_info", 0, false, 4, "\x06\x00\x00\x00",
	"a unit of its .debug_info is damaged or of a newer DWARF"},
    {"good", ".debug_info", 4, false, 2, "\x06\x00",
	"a unit of its .debug_info is damaged or of a newer DWARF"},
    {"good", ".debug_info", 7, false, 1, "\x04", /* the size of an address */
	"a unit of its .debug_info is damaged or of a newer DWARF"},
    {"good", ".debug_info", 8, false, 4, "\xff\xff\xff\x00",
	"a unit of its .debug_info is damaged"},
    {"good", ".debug_info", 12, false, 1, "\x7f", "an entry of its .debug_info is damaged"},
    {"good", ".debug_abbrev", 0, true, 1, "\x80", "its .debug_abbrev is damaged"},
    {"good", ".debug_abbrev", 3, true, 1, "\x01", "its .debug_abbrev is damaged"},
    {"good", ".debug_str", 0, true, 1, "A", "a name in its debug information has no end"},
    {"packed", ".debug_info", 8, false, 8, "\0\0\0\0\0\x01\0\0",
	"its sections take more than 32 MiB, unpacked"},
    {"packed-gnu", ".zdebug_info", 4, false, 8, "\0\0\x01\0\0\0\0\0",
	"its sections take more than 32 MiB, unpacked"},
};

START_TEST(harmful_debug_info)
{
	struct rel_err err = REL_ERR_INIT;
	struct elf_module *m = NULL;
	size_t len;
	char *data = fix_bytes(harms[_i].file, &len);
	const Elf64_Shdr *s = section(data, harms[_i].section);
	char *at = data + s->sh_offset + harms[_i].at, *end = data + s->sh_offset + s->sh_size;
	memcpy(at, harms[_i].bytes, harms[_i].len);
	if (harms[_i].fill)
		memset(at, harms[_i].bytes[harms[_i].len - 1], (size_t)(end - at));
	ck_assert_int_eq(fix_open_bytes(data, len, &m, &err), 0);
	const struct elf_layout *l = fix_layout(m, "good", 1);
	ck_assert_int_eq(l->found, ELF_DAMAGED);
	ck_assert_str_eq(l->note, harms[_i].note);
	ck_assert(l->root == NULL && !l->whole);
	ck_assert_int_eq(elf_module_table(m)->state, ELF_TABLE_READ); /* it does not depend on it */
	elf_module_close(&m);
	free(data);
}
END_TEST

/* A unit of nothing but a header that is longer than the unit, and a good-looking one behind it. */
START_TEST(unit_of_nothing)
{
	struct rel_err err = REL_ERR_INIT;
	struct elf_module *m = NULL;
	size_t len;
	char *data = fix_bytes("good", &len);
	const Elf64_Shdr *s = section(data, ".debug_info");
	char *info = data + s->sh_offset;
	uint32_t none = 8, rest = (uint32_t)(s->sh_size - 16);
	memcpy(info + 12, info, 12);
	memcpy(info, &none, sizeof(none));
	memcpy(info + 12, &rest, sizeof(rest));
	ck_assert_int_eq(fix_open_bytes(data, len, &m, &err), 0);
	ck_assert_str_eq(fix_layout(m, "good", 1)->note,
	    "a unit of its .debug_info is damaged or of a newer DWARF");
	elf_module_close(&m);
	free(data);
}
END_TEST

/* A unit that ends in the middle of an entry, wherever that is. */
START_TEST(unit_cut_off)
{
	static const char *const ends[] = {
	    "an attribute in its .debug_info reaches beyond its unit",
	    "an entry of its .debug_info is damaged",
	    "a reference in its .debug_info leads nowhere", ""};
	size_t len, seen[NELEM(ends)] = {0}, run = 0, longest = 0;
	char *data = fix_bytes("good", &len);
	Elf64_Shdr *s = section(data, ".debug_info");
	char *info = data + s->sh_offset;
	for (uint32_t n = (uint32_t)s->sh_size - 1; n > 16; n--) {
		struct rel_err err = REL_ERR_INIT;
		struct elf_module *m = NULL;
		uint32_t length = n - 4;
		memcpy(info, &length, sizeof(length));
		s->sh_size = n;
		ck_assert_int_eq(fix_open_bytes(data, len, &m, &err), 0);
		const char *note = fix_layout(m, "good", 1)->note;
		size_t i = 0;
		while (i < NELEM(ends) && strcmp(note, ends[i]) != 0)
			i++;
		ck_assert_msg(i < NELEM(ends), "at %u: %s", n, note);
		seen[i]++;
		run = i == 0 ? run + 1 : 0;
		longest = run > longest ? run : longest;
		elf_module_close(&m);
	}
	ck_assert_uint_ge(longest, 4); /* the place of a name: cut off after 0, 1, 2 and 3 bytes */
	ck_assert_uint_gt(seen[1], 0);
	free(data);
}
END_TEST

START_TEST(two_of_a_kind)
{
	struct rel_err err = REL_ERR_INIT;
	struct elf_module *m = NULL;
	size_t len;
	char *data = fix_bytes("good", &len);
	*section(data, ".debug_aranges") = *section(data, ".debug_info");
	ck_assert_int_eq(fix_open_bytes(data, len, &m, &err), 0);
	ck_assert_str_eq(fix_layout(m, "good", 1)->note, "it has too many debug sections");
	elf_module_close(&m);
	free(data);
}
END_TEST

START_TEST(section_outside)
{
	struct rel_err err = REL_ERR_INIT;
	struct elf_module *m = NULL;
	size_t len;
	char *data = fix_bytes("good", &len);
	section(data, ".debug_line")->sh_offset = len - 1;
	ck_assert_int_eq(fix_open_bytes(data, len, &m, &err), 0);
	ck_assert_str_eq(fix_layout(m, "good", 1)->note, "a section lies outside of the file");
	elf_module_close(&m);
	free(data);
}
END_TEST

/* ------------------------------------------------------------------ garbled */
static uint64_t
next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void
garble(char *data, size_t len, uint64_t *random)
{
	static const unsigned char hard[] = {0, 1, 0x7f, 0x80, 0xff};
	size_t n = next_random(random) % 4 == 0 ? 1 + next_random(random) % 64 : 1;
	/* now all over the file, now close together */
	size_t from = next_random(random) % len;
	size_t span = next_random(random) % 2 == 0 ? len : 64;
	for (size_t i = 0; i < n; i++) {
		size_t at = (from + next_random(random) % span) % len;
		uint64_t how = next_random(random);
		data[at] = how % 2 == 0 ? (char)(data[at] ^ 1 << how / 2 % 8)
					: (char)hard[how / 2 % NELEM(hard)];
	}
}

START_TEST(garbled_at_random)
{
	bound_memory();
	const char *more = getenv("RELUP_ELF_ROUNDS");
	size_t len, opened = 0, rounds = more != NULL ? strtoul(more, NULL, 10) : 800;
	char *data = fix_bytes(victims[_i], &len), *copy = malloc(len);
	struct elf_module *whole = fix_open(victims[_i]);
	uint64_t random = UINT64_C(0x2545f4914f6cdd1d) + (uint64_t)_i + rounds;
	ck_assert_ptr_nonnull(copy);
	for (size_t i = 0; i < rounds; i++) {
		memcpy(copy, data, len);
		garble(copy, len, &random);
		opened += try_bytes(copy, len, whole);
	}
	ck_assert_uint_gt(opened, rounds / 10);
	elf_module_close(&whole);
	free(copy);
	free(data);
}
END_TEST

/* Every byte of what is read first: both headers, and the dynamic segment. */
START_TEST(garbled_headers)
{
	static const unsigned char values[] = {0, 1, 0x7f, 0x80, 0xff};
	bound_memory();
	size_t len;
	char *data = fix_bytes("good", &len);
	struct elf_module *whole = fix_open("good");
	Elf64_Ehdr eh;
	memcpy(&eh, data, sizeof(eh));
	for (size_t i = 0; i < eh.e_phoff + (size_t)eh.e_phnum * eh.e_phentsize; i++) {
		char was = data[i];
		data[i] = (char)values[(i + (size_t)_i) % NELEM(values)];
		try_bytes(data, len, whole);
		data[i] = was;
	}
	elf_module_close(&whole);
	free(data);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("damage");
	tcase_set_timeout(tc, 300);
	tcase_add_test(tc, cut_off_is_told);
	tcase_add_loop_test(tc, harmful_debug_info, 0, NELEM(harms));
	tcase_add_test(tc, unit_of_nothing);
	tcase_add_test(tc, unit_cut_off);
	tcase_add_test(tc, two_of_a_kind);
	tcase_add_test(tc, section_outside);
	tcase_add_loop_test(tc, cut_off_anywhere, 0, NELEM(victims));
	tcase_add_loop_test(tc, garbled_at_random, 0, NELEM(victims));
	tcase_add_loop_test(tc, garbled_headers, 0, 5);
	return fix_run(tc, "elf damage");
}
