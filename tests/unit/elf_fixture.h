/* SPDX-License-Identifier: Apache-2.0
 * What the tests of src/elf share: the modules that tests/modules/elf/build.sh makes.
 */
#ifndef ELF_FIXTURE_H
#define ELF_FIXTURE_H

#include <check.h>

#include "elf/elf.h"

/* A module of tests/modules/elf, without ".so"; fails the test where it cannot be read. */
struct elf_module *fix_open(const char *name);
const char *fix_path(const char *name); /* static memory, until the next call */
/* The bytes of such a file, malloc'ed. */
char *fix_bytes(const char *name, size_t *ret_len);
/* Opens bytes as a module file; -1: *err. */
int fix_open_bytes(const void *data, size_t len, struct elf_module **ret, struct rel_err *err);
/* The layout of a state type. */
const struct elf_layout *fix_layout(struct elf_module *m, const char *type, uint32_t version);
/* The names, joined by blanks; static memory, until the next call. */
const char *fix_symbols(struct elf_symbols s);
int fix_run(TCase *tc, const char *suite);

#endif
