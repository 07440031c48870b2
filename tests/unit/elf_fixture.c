/* SPDX-License-Identifier: Apache-2.0
 * See elf_fixture.h.
 */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "elf_fixture.h"

const char *
fix_path(const char *name)
{
	static char path[4096];
	const char *top = getenv("top_builddir");
	snprintf(
	    path, sizeof(path), "%s/tests/modules/elf/out/%s.so", top != NULL ? top : ".", name);
	return path;
}

struct elf_module *
fix_open(const char *name)
{
	struct rel_err err = REL_ERR_INIT;
	struct elf_module *m = NULL;
	int rc = elf_module_open(AT_FDCWD, fix_path(name), name, &m, &err);
	ck_assert_msg(rc == 0, "%s: %s", name, err.text);
	return m;
}

char *
fix_bytes(const char *name, size_t *ret_len)
{
	struct rel_err err = REL_ERR_INIT;
	char *data = NULL;
	int rc = rel_file_read(AT_FDCWD, fix_path(name), name, 1u << 24, &data, ret_len, &err);
	ck_assert_msg(rc == 0, "%s", err.text);
	return data;
}

int
fix_open_bytes(const void *data, size_t len, struct elf_module **ret, struct rel_err *err)
{
	char path[64];
	int fd = memfd_create("module", MFD_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(rel_fd_write_all(fd, data, len), 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int rc = elf_module_open(AT_FDCWD, path, "bytes", ret, err);
	close(fd);
	return rc;
}

const struct elf_layout *
fix_layout(struct elf_module *m, const char *type, uint32_t version)
{
	struct rel_err err = REL_ERR_INIT;
	const struct elf_layout *l = NULL;
	int rc = elf_module_layout(m, type, version, &l, &err);
	ck_assert_msg(rc == 0, "%s: %s", type, err.text);
	return l;
}

const char *
fix_symbols(struct elf_symbols s)
{
	static char text[4096];
	size_t n = 0;
	text[0] = '\0';
	for (size_t i = 0; i < s.count && n < sizeof(text); i++)
		n += (size_t)snprintf(
		    text + n, sizeof(text) - n, "%s%s", i > 0 ? " " : "", s.list[i].name);
	return text;
}

int
fix_run(TCase *tc, const char *suite)
{
	Suite *s = suite_create(suite);
	suite_add_tcase(s, tc);
	SRunner *sr = srunner_create(s);
	srunner_run_all(sr, CK_SILENT);
	int failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
