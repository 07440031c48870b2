/* SPDX-License-Identifier: Apache-2.0
 * What a module file says of itself: one odd module for each fact, beside a good one that has none.
 */
#include "config.h"

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "elf_fixture.h"

/* ------------------------------------------------------------------ the good one */
START_TEST(good_module)
{
	struct elf_module *m = fix_open("good");
	const struct elf_facts *f = elf_module_facts(m);
	size_t len;
	char *data = fix_bytes("good", &len);
	Elf64_Ehdr eh;
	memcpy(&eh, data, sizeof(eh));
	ck_assert_ptr_null(f->limited);
	ck_assert_uint_eq(f->file_size, len);
	ck_assert_uint_eq(f->machine, eh.e_machine);
	ck_assert_uint_eq(f->type, ET_DYN);
	ck_assert_uint_eq(f->class, ELFCLASS64);
	ck_assert_uint_eq(f->data, eh.e_ident[EI_DATA]);
	ck_assert(f->load_end > 0 && f->load_end <= f->file_size);
	ck_assert_uint_eq(f->sections_end, len);
	ck_assert_uint_eq(strlen(f->build_id), 40);
	ck_assert_uint_eq(strspn(f->build_id, "0123456789abcdef"), 40);
	ck_assert_str_eq(f->soname, "");
	ck_assert_str_eq(f->runpath, "");
	ck_assert_str_eq(f->rpath, "");
	ck_assert_uint_eq(f->needed.count, 1);
	ck_assert_str_eq(f->needed.list[0], "libc.so.6");
	ck_assert(f->bind_now && f->symbolic);
	ck_assert(!f->nodelete && !f->static_tls && !f->textrel && !f->exec_stack);
	ck_assert(f->symtab && f->debug_info);
	ck_assert_str_eq(fix_symbols(f->exports), "relw_module");
	ck_assert_uint_eq(f->unique.count, 0);
	ck_assert_uint_eq(f->writable.count, 0);
	ck_assert_uint_eq(f->writable_size, 0);
	ck_assert(f->init.named && f->fini.named);
	ck_assert_uint_eq(f->init.count, 0);
	ck_assert_uint_eq(f->init.total, 1); /* frame_dummy */
	ck_assert_uint_eq(f->fini.count, 0);
	ck_assert_uint_eq(f->fini.total, 1);
	elf_module_close(&m);
	ck_assert_ptr_null(m);
	elf_module_close(&m);
	free(data);
}
END_TEST

/* ------------------------------------------------------------------ one flag each */
enum flag {
	NOW,
	SYMBOLIC,
	NODELETE,
	STATIC_TLS,
	TEXTREL,
	EXEC_STACK,
	SYMTAB,
	DEBUG_INFO,
	BUILD_ID,
	FLAGS
};

static unsigned
flags_of(const char *name)
{
	struct elf_module *m = fix_open(name);
	const struct elf_facts *f = elf_module_facts(m);
	bool v[FLAGS] = {f->bind_now, f->symbolic, f->nodelete, f->static_tls, f->textrel,
	    f->exec_stack, f->symtab, f->debug_info, f->build_id[0] != '\0'};
	unsigned bits = 0;
	for (size_t i = 0; i < FLAGS; i++)
		bits |= (unsigned)v[i] << i;
	elf_module_close(&m);
	return bits;
}

static const struct {
	const char *name;
	unsigned differ;
} flagged[] = {
    {"good", 0},
    {"lazy", 1u << NOW | 1u << SYMBOLIC},
    {"nodelete", 1u << NODELETE},
    {"static-tls", 1u << STATIC_TLS},
    {"textrel", 1u << TEXTREL},
    {"exec-stack", 1u << EXEC_STACK},
    {"good-stripped", 1u << SYMTAB | 1u << DEBUG_INFO},
    {"no-debug-info", 1u << DEBUG_INFO},
    {"no-build-id", 1u << BUILD_ID},
    {"packed", 0},
    {"packed-gnu", 0},
    {"unique", 0},
    {"relr", 0},
};

START_TEST(one_flag)
{
	unsigned good =
	    1u << NOW | 1u << SYMBOLIC | 1u << SYMTAB | 1u << DEBUG_INFO | 1u << BUILD_ID;
	ck_assert_uint_eq(flags_of(flagged[_i].name), good ^ flagged[_i].differ);
}
END_TEST

/* ------------------------------------------------------------------ names */
START_TEST(names_of_the_dynamic_segment)
{
	struct elf_module *m = fix_open("runpath");
	ck_assert_str_eq(elf_module_facts(m)->runpath, "/opt/lib");
	ck_assert_str_eq(elf_module_facts(m)->rpath, "");
	elf_module_close(&m);
	m = fix_open("rpath");
	ck_assert_str_eq(elf_module_facts(m)->runpath, "");
	ck_assert_str_eq(elf_module_facts(m)->rpath, "/opt/lib");
	elf_module_close(&m);
	m = fix_open("soname");
	ck_assert_str_eq(elf_module_facts(m)->soname, "libsoname.so.1");
	elf_module_close(&m);
	m = fix_open("private");
	ck_assert_uint_eq(elf_module_facts(m)->needed.count, 2);
	ck_assert_str_eq(elf_module_facts(m)->needed.list[0], "libprivate.so");
	ck_assert_str_eq(elf_module_facts(m)->needed.list[1], "libc.so.6");
	elf_module_close(&m);
}
END_TEST

static const struct elf_symbol *
find(struct elf_symbols s, const char *name)
{
	for (size_t i = 0; i < s.count; i++)
		if (strcmp(s.list[i].name, name) == 0)
			return &s.list[i];
	ck_abort_msg("no %s in: %s", name, fix_symbols(s));
	return NULL;
}

START_TEST(exports)
{
	struct elf_module *m = fix_open("export");
	struct elf_symbols e = elf_module_facts(m)->exports;
	ck_assert_uint_eq(e.count, 4);
	ck_assert(!find(e, "helper")->weak);
	ck_assert(find(e, "weak_helper")->weak);
	ck_assert_uint_eq(find(e, "shown")->size, sizeof(int)); /* protected */
	find(e, "relw_module");
	ck_assert_uint_eq(elf_module_facts(m)->unique.count, 0);
	elf_module_close(&m);

	m = fix_open("unique");
	ck_assert_uint_eq(elf_module_facts(m)->exports.count, 2);
	ck_assert_str_eq(fix_symbols(elf_module_facts(m)->unique), "one_for_all");
	elf_module_close(&m);

	m = fix_open("hidden-table");
	ck_assert_uint_eq(elf_module_facts(m)->exports.count, 0);
	elf_module_close(&m);

	/* by DT_HASH */
	m = fix_open("sysv-hash");
	ck_assert_str_eq(fix_symbols(elf_module_facts(m)->exports), "relw_module");
	elf_module_close(&m);
}
END_TEST

START_TEST(names_are_fit_to_be_shown)
{
	struct elf_module *m = fix_open("name");
	ck_assert_uint_eq(elf_module_facts(m)->exports.count, 2);
	find(elf_module_facts(m)->exports, "gr\\xc3\\xb6\\xc3\\x9fe");
	elf_module_close(&m);
}
END_TEST

START_TEST(undefined)
{
	struct elf_module *m = fix_open("undefined");
	struct elf_symbols u = elf_module_facts(m)->undefined;
	ck_assert(!find(u, "nowhere")->weak);
	ck_assert(find(u, "perhaps")->weak);
	ck_assert(!find(u, "calloc")->weak);
	elf_module_close(&m);
}
END_TEST

/* ------------------------------------------------------------------ variables */
static void
check_writable(const char *name)
{
	struct elf_module *m = fix_open(name);
	const struct elf_facts *f = elf_module_facts(m);
	struct elf_symbols w = f->writable;
	ck_assert_msg(w.count == 4, "%s: %s", name, fix_symbols(w));
	ck_assert_uint_eq(find(w, "begun")->size, sizeof(long));
	ck_assert_uint_eq(find(w, "many")->size, 100);
	ck_assert_uint_eq(find(w, "each")->size, sizeof(short));
	/* the static of a function: gcc "completed.0", clang "odd_writable.completed" */
	ck_assert_ptr_nonnull(strstr(fix_symbols(w), "completed"));
	ck_assert_uint_eq(f->writable_size, sizeof(long) + 100 + sizeof(short) + sizeof(int));
	elf_module_close(&m);
}

START_TEST(writable_variables)
{
	check_writable("writable");
	check_writable("norelro"); /* `fixed` is constant, though nothing protects it */

	struct elf_module *m = fix_open("writable-stripped");
	const struct elf_facts *f = elf_module_facts(m);
	size_t least = sizeof(long) + 100 + sizeof(short) + sizeof(int) - 7;
	ck_assert_uint_eq(f->writable.count, 0);
	ck_assert_uint_ge(f->writable_size, least);
	ck_assert_uint_le(f->writable_size, least + 64); /* padding */
	elf_module_close(&m);

	m = fix_open("good-stripped");
	ck_assert_uint_eq(elf_module_facts(m)->writable_size, 0);
	elf_module_close(&m);
}
END_TEST

/* Without its section table, only segments tell. */
START_TEST(writable_without_sections)
{
	static const char *const names[] = {"good-stripped", "writable-stripped"};
	uint64_t size[2];
	for (size_t i = 0; i < 2; i++) {
		struct elf_module *m = NULL;
		struct rel_err err = REL_ERR_INIT;
		size_t len;
		char *data = fix_bytes(names[i], &len);
		memset(data + offsetof(Elf64_Ehdr, e_shoff), 0, sizeof(Elf64_Off));
		ck_assert_int_eq(fix_open_bytes(data, len, &m, &err), 0);
		ck_assert_uint_eq(elf_module_facts(m)->sections_end, 0);
		ck_assert_int_eq(elf_module_table(m)->state, ELF_TABLE_READ);
		size[i] = elf_module_facts(m)->writable_size;
		elf_module_close(&m);
		free(data);
	}
	ck_assert_uint_eq(size[0], 0);
	ck_assert_uint_ge(size[1], 107);
	ck_assert_uint_le(size[1], 200);
}
END_TEST

/* ------------------------------------------------------------------ hooks */
static void
check_hooks(const char *name, const char *init, size_t init_total, const char *fini)
{
	struct elf_module *m = fix_open(name);
	const struct elf_facts *f = elf_module_facts(m);
	struct elf_symbols i = {f->init.list, f->init.count}, u = {f->fini.list, f->fini.count};
	ck_assert(f->init.named && f->fini.named);
	ck_assert_str_eq(fix_symbols(i), init);
	ck_assert_str_eq(fix_symbols(u), fini);
	ck_assert_uint_eq(f->init.total, init_total);
	elf_module_close(&m);
}

START_TEST(hooks)
{
	check_hooks("hooks", "when_loaded", 2, "when_unloaded");
	check_hooks("hooks-early", "when_loaded", 2, "when_unloaded");
	check_hooks("hooks-bare", "when_loaded", 1, "when_unloaded");
	check_hooks("init", "own_init", 2, "");
	check_hooks("relr", "", 1, "");
}
END_TEST

static const struct {
	const char *name;
	bool known;                   /* on x86-64 */
	size_t count, total;
} stripped[] = {
    {"good-stripped", true, 0, 1},
    {"relr-stripped", true, 0, 1},
    {"hooks-stripped", true, 1, 2},
    {"hooks-early-stripped", true, 1, 2},
    {"init-stripped", true, 1, 2},
    /* Linked without crt: one function, which could be that of a crt that is not known here. */
    {"hooks-bare-stripped", false, 1, 1},
};

static void
check_stripped(const struct elf_module *m, size_t i)
{
	const struct elf_facts *f = elf_module_facts(m);
	bool known = stripped[i].known;
#ifndef __x86_64__
	known = stripped[i].total > 1;
#endif
	ck_assert(!f->symtab && !f->fini.named);
	ck_assert_msg(f->init.named == known, "%s", stripped[i].name);
	ck_assert_uint_eq(f->init.count, known ? stripped[i].count : 1);
	ck_assert_uint_eq(f->init.total, stripped[i].total);
	for (size_t k = 0; k < f->init.count; k++)
		ck_assert_str_eq(f->init.list[k].name, "");
}

START_TEST(hooks_stripped)
{
	struct elf_module *m = fix_open(stripped[_i].name);
	check_stripped(m, _i);
	elf_module_close(&m);
#ifdef __x86_64__
	/* Without its sections, of which .init tells crti.o's. */
	struct rel_err err = REL_ERR_INIT;
	size_t len;
	char *data = fix_bytes(stripped[_i].name, &len);
	memset(data + offsetof(Elf64_Ehdr, e_shoff), 0, sizeof(Elf64_Off));
	ck_assert_int_eq(fix_open_bytes(data, len, &m, &err), 0);
	check_stripped(m, _i);
	elf_module_close(&m);
	free(data);
#endif
}
END_TEST

/* ------------------------------------------------------------------ other files */
static const struct {
	size_t at;
	unsigned char value;
	const char *limited;
} headers[] = {
    {EI_CLASS, ELFCLASS32, "it is a 32-bit file"},
    {EI_DATA, 0, "its byte order is not that of this host"}, /* the other one: see below */
    {offsetof(Elf64_Ehdr, e_type), ET_REL, "it is not a shared object"},
    {offsetof(Elf64_Ehdr, e_type), ET_EXEC, "it is not a shared object"},
    {offsetof(Elf64_Ehdr, e_machine), EM_RISCV, NULL},
};

/* How many addresses of a file belong to a function of this name; in *ret_runs, in how many pieces. */
static size_t
addresses_of(const char *file, const char *function, size_t *ret_runs)
{
	struct elf_module *m = fix_open(file);
	size_t n = 0;
	bool before = false;
	*ret_runs = 0;
	for (uint64_t at = 0; at < 0x8000; at++) {
		const char *name = elf_module_function_at(m, at);
		bool is = name != NULL && strcmp(name, function) == 0;
		n += is;
		*ret_runs += is && !before;
		before = is;
	}
	ck_assert_ptr_null(elf_module_function_at(m, 0)); /* the header */
	ck_assert_ptr_null(elf_module_function_at(m, UINT64_MAX));
	elf_module_close(&m);
	return n;
}

START_TEST(function_of_an_address)
{
	static const char *const functions[] = {"init", "on_event", "turn", "convert"};
	size_t runs;
	ck_assert_uint_gt(addresses_of("good", functions[_i], &runs), 0);
	ck_assert_uint_eq(runs, 1);
	ck_assert_uint_eq(addresses_of(stripped[0].name, functions[_i], &runs), 0);
	ck_assert_uint_eq(addresses_of("good", "state_types", &runs), 0); /* a variable */
}
END_TEST

START_TEST(other_files)
{
	struct elf_module *m = NULL;
	struct rel_err err = REL_ERR_INIT;
	size_t len;
	char *data = fix_bytes("good", &len);
	unsigned char value = headers[_i].value;
	if (headers[_i].at == EI_DATA)
		value = data[EI_DATA] == ELFDATA2LSB ? ELFDATA2MSB : ELFDATA2LSB;
	data[headers[_i].at] = (char)value;
	ck_assert_int_eq(fix_open_bytes(data, len, &m, &err), 0);
	const struct elf_facts *f = elf_module_facts(m);
	if (headers[_i].limited != NULL) {
		ck_assert_str_eq(f->limited, headers[_i].limited);
		ck_assert_uint_eq(f->exports.count, 0);
		ck_assert_str_eq(elf_module_table(m)->note, headers[_i].limited);
		ck_assert_int_eq(elf_module_table(m)->state, ELF_TABLE_UNREADABLE);
		ck_assert_int_eq(fix_layout(m, "good", 1)->found, ELF_DAMAGED);
	} else {
		ck_assert_str_eq(elf_machine_name(f->machine), "riscv");
		ck_assert_str_eq(fix_symbols(f->exports), "relw_module");
		ck_assert(!f->init.named);
		ck_assert_int_eq(elf_module_table(m)->state, ELF_TABLE_UNREADABLE);
		ck_assert_uint_eq(elf_module_table(m)->abi, 1);
		ck_assert_str_eq(
		    elf_module_table(m)->note, "the relocations of its machine are not known here");
	}
	elf_module_close(&m);
	free(data);
}
END_TEST

static void
refused(const char *path, enum rel_ecode code, const char *text)
{
	struct rel_err err = REL_ERR_INIT;
	struct elf_module *m = NULL;
	ck_assert_int_eq(elf_module_open(AT_FDCWD, path, "it", &m, &err), -1);
	ck_assert_msg(err.code == code, "%s: %s", rel_err_name(err.code), err.text);
	ck_assert_msg(strstr(err.text, text) != NULL, "%s", err.text);
	ck_assert_ptr_null(m);
}

START_TEST(not_a_module)
{
	char dir[] = "/tmp/relup-elf.XXXXXX", path[64];
	ck_assert_ptr_nonnull(mkdtemp(dir));
	refused(dir, REL_E_NOT_A_FILE, "it is not a regular file");
	refused("/dev/zero", REL_E_NOT_A_FILE, "it is not a regular file");
	snprintf(path, sizeof(path), "%s/x", dir);
	refused(path, REL_E_NOT_FOUND, "cannot open it");
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	refused(path, REL_E_NOT_A_FILE, "it is not a regular file");
	ck_assert_int_eq(unlink(path), 0);
	FILE *f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	refused(path, REL_E_BAD_OBJECT, "it is not an ELF file");
	ck_assert_int_ge(
	    fputs("#!/bin/sh\necho this is text, and long enough for a header\n", f), 0);
	ck_assert_int_eq(fflush(f), 0);
	refused(path, REL_E_BAD_OBJECT, "it is not an ELF file");
	ck_assert_int_eq(ftruncate(fileno(f), (off_t)ELF_FILE_MAX + 1), 0);
	refused(path, REL_E_LIMIT, "25165824 are the limit");
	fclose(f);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

/* What `strip --only-keep-debug` leaves has the headers of the module, and nothing behind them. */
START_TEST(debug_file)
{
	struct elf_module *m = NULL;
	struct rel_err err = REL_ERR_INIT;
	if (elf_module_open(AT_FDCWD, fix_path("debug-only"), "it", &m, &err) == 0) {
		ck_assert_int_ne(elf_module_table(m)->state, ELF_TABLE_READ);
		elf_module_close(&m);
	} else {
		ck_assert_int_eq(err.code, REL_E_BAD_OBJECT);
	}
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("facts");
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, good_module);
	tcase_add_loop_test(tc, one_flag, 0, NELEM(flagged));
	tcase_add_test(tc, names_of_the_dynamic_segment);
	tcase_add_test(tc, exports);
	tcase_add_test(tc, names_are_fit_to_be_shown);
	tcase_add_test(tc, undefined);
	tcase_add_test(tc, writable_variables);
	tcase_add_test(tc, writable_without_sections);
	tcase_add_test(tc, hooks);
	tcase_add_loop_test(tc, hooks_stripped, 0, NELEM(stripped));
	tcase_add_loop_test(tc, function_of_an_address, 0, 4);
	tcase_add_loop_test(tc, other_files, 0, NELEM(headers));
	tcase_add_test(tc, not_a_module);
	tcase_add_test(tc, debug_file);
	return fix_run(tc, "elf facts");
}
