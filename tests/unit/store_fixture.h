/* SPDX-License-Identifier: Apache-2.0
 * What the tests of store share: a private directory for each test, removed at the end of the
 * program, roots in it, and small ELF files.  Helpers fail the test by themselves.
 */
#ifndef TESTS_STORE_FIXTURE_H
#define TESTS_STORE_FIXTURE_H

#include <check.h>
#include <elf.h>
#include <link.h>
#include <sys/types.h>

#include "store/store.h"

/* Runs the suite; `tcase_add` adds the tests. */
int fix_main(const char *name, void (*tcase_add)(TCase *tc));

/* A new empty directory of this test; ends with the program. */
const char *fix_dir(void);
/* DIR/NAME as static text (32 at a time). */
const char *fix_path(const char *dir, const char *fmt, ...) RTE_PRINTF(2, 3);
void fix_mkdir(const char *path); /* with its parents */
void fix_write(const char *path, const void *data, size_t len);
size_t fix_count(const char *dir); /* entries, without "." and ".." */
int fix_open_fds(void);

/* A root in fix_dir(), initialised. */
const char *fix_root(void);
void fix_init(const char *root);
struct store *fix_open(const char *root);
void fix_release(const char *root, const char *version);
/* Lays an ELF file, told apart by `seed`, as lib/APP-VSN/modules/NAME.so; returns its path. */
const char *fix_module(const char *root, const char *app_vsn, const char *name, unsigned seed);

struct fix_elf {
	ElfW(Ehdr) eh;
	ElfW(Phdr) load, dynamic;
	unsigned char payload[200];
};
void fix_elf(struct fix_elf *elf, unsigned seed);

/* The error is of this code and its message holds `part`; clears it. */
void fix_error(struct rel_err *err, enum rel_ecode code, const char *part);

/* Runs fn in a child process and returns the wait status. */
int fix_child(void (*fn)(const void *arg), const void *arg);

#endif
