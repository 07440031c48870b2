/* SPDX-License-Identifier: Apache-2.0
 * The table relw_module, read out of the file: whatever the linker made of its pointers.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "elf_fixture.h"
#include "worker/relworker.h"

static void
check_callbacks(const struct elf_callbacks *c)
{
	ck_assert(c->init && c->handle_event && c->code_change && c->discard);
	ck_assert(c->terminate); /* a function of libc */
	ck_assert(!c->handle_call && !c->rebind && !c->config_change && !c->export_state &&
		  !c->import_state);
}

static void
check_good(const struct elf_table *t)
{
	ck_assert_msg(t->state == ELF_TABLE_READ, "%s", t->note);
	ck_assert_str_eq(t->note, "");
	ck_assert_uint_eq(t->abi, RELW_ABI);
	ck_assert_uint_eq(t->abi, ELF_TABLE_ABI);
	ck_assert_uint_eq(t->size, sizeof(struct relw_module));
	ck_assert_str_eq(t->name, "good");
	ck_assert_str_eq(t->vsn, "1.2.3");
	ck_assert_uint_eq(t->flags, RELW_PINNED);
	ck_assert_str_eq(t->interface_name, "good/2");
	ck_assert(t->interface);
	ck_assert_uint_eq(t->import_count, 2);
	ck_assert_str_eq(t->imports[0].module, "greeting");
	ck_assert_str_eq(t->imports[0].interface, "greeting/1");
	ck_assert_str_eq(t->imports[1].module, "other");
	ck_assert_str_eq(t->imports[1].interface, "");
	ck_assert_uint_eq(t->state_type_count, 2);
	ck_assert_str_eq(t->state_types[0].name, "good");
	ck_assert_uint_eq(t->state_types[0].version, 1);
	ck_assert_uint_eq(t->state_types[0].size, 16);
	ck_assert(!t->state_types[0].convert && !t->state_types[0].discard);
	ck_assert_str_eq(t->state_types[1].name, "part");
	ck_assert_uint_eq(t->state_types[1].version, 3);
	ck_assert_uint_eq(t->state_types[1].size, 0);
	ck_assert(t->state_types[1].convert && t->state_types[1].discard);
	ck_assert_uint_eq(t->function_count, 2);
	ck_assert_str_eq(t->functions[0].name, "on_event");
	ck_assert(t->functions[0].event && !t->functions[0].task);
	ck_assert_str_eq(t->functions[1].name, "turn");
	ck_assert(!t->functions[1].event && t->functions[1].task);
	check_callbacks(&t->callbacks);
}

static const char *const alike[] = {"good", "good-stripped", "lazy", "norelro", "packed", "relr",
    "sysv-hash", "textrel", "no-debug-info", "dwarf4"};

START_TEST(read_well)
{
	struct elf_module *m = fix_open(alike[_i]);
	check_good(elf_module_table(m));
	elf_module_close(&m);
}
END_TEST

/* A table that cannot be read whole: nothing in it but what is certain. */
static const struct {
	const char *name;
	enum elf_table_state state;
	uint32_t abi, size;
	const char *note;
} bad[] = {
    {"hidden-table", ELF_TABLE_ABSENT, 0, 0, ""},
    {"libprivate", ELF_TABLE_ABSENT, 0, 0, ""},
    {"other-abi", ELF_TABLE_OTHER, RELW_ABI + 1, sizeof(struct relw_module), ""},
    {"short-table", ELF_TABLE_OTHER, RELW_ABI, sizeof(struct relw_module) - 8, ""},
    {"bad-pointer", ELF_TABLE_UNREADABLE, RELW_ABI, sizeof(struct relw_module),
	"a text that it points to lies outside of the file"},
    {"no-end", ELF_TABLE_UNREADABLE, RELW_ABI, sizeof(struct relw_module),
	"a list in it has no end"},
};

START_TEST(read_badly)
{
	struct elf_module *m = fix_open(bad[_i].name);
	const struct elf_table *t = elf_module_table(m);
	ck_assert_int_eq(t->state, bad[_i].state);
	ck_assert_uint_eq(t->abi, bad[_i].abi);
	ck_assert_uint_eq(t->size, bad[_i].size);
	ck_assert_str_eq(t->note, bad[_i].note);
	ck_assert_str_eq(t->name, "");
	ck_assert_str_eq(t->vsn, "");
	ck_assert_str_eq(t->interface_name, "");
	ck_assert_uint_eq(t->import_count + t->state_type_count + t->function_count, 0);
	ck_assert(!t->callbacks.init && !t->interface);
	elf_module_close(&m);
}
END_TEST

/* A number in the place of a pointer is none, however well it would do as an address. */
START_TEST(not_relocated)
{
	uint32_t head[2] = {RELW_ABI, sizeof(struct relw_module)};
	struct rel_err err = REL_ERR_INIT;
	struct elf_module *m = NULL;
	size_t len;
	char *data = fix_bytes("good", &len), *table = memmem(data, len, head, sizeof(head));
	ck_assert_ptr_nonnull(table);
	uint64_t addr = 0x1000; /* where the text begins */
	memcpy(table + offsetof(struct relw_module, handle_call), &addr, sizeof(addr));
	ck_assert_int_eq(fix_open_bytes(data, len, &m, &err), 0);
	ck_assert_int_eq(elf_module_table(m)->state, ELF_TABLE_UNREADABLE);
	ck_assert_str_eq(
	    elf_module_table(m)->note, "a pointer to a function in it is of an unknown kind");
	elf_module_close(&m);
	free(data);
}
END_TEST

int
main(void)
{
	TCase *tc = tcase_create("table");
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, read_well, 0, NELEM(alike));
	tcase_add_loop_test(tc, read_badly, 0, NELEM(bad));
	tcase_add_test(tc, not_relocated);
	return fix_run(tc, "elf table");
}
