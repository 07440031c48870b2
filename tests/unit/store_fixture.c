/* SPDX-License-Identifier: Apache-2.0
 * See store_fixture.h.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store_fixture.h"

static char top[4096];

static int
remove_one(const char *path, const struct stat *sb, int kind, struct FTW *ftw)
{
	(void)sb;
	(void)kind;
	(void)ftw;
	return remove(path);
}

/* A test may have left a directory that may not be written to. */
static int
open_up(const char *path, const struct stat *sb, int kind, struct FTW *ftw)
{
	(void)ftw;
	if ((kind == FTW_D || kind == FTW_DNR) && (sb->st_mode & 0700) != 0700)
		return chmod(path, 0700);
	return 0;
}

int
fix_main(const char *name, void (*tcase_add)(TCase *tc))
{
	const char *tmp = getenv("TMPDIR");
	snprintf(top, sizeof(top), "%s/relup-%s.XXXXXX", tmp == NULL ? "/tmp" : tmp, name);
	if (mkdtemp(top) == NULL) {
		perror(top);
		return 1;
	}
	Suite *suite = suite_create(name);
	TCase *tc = tcase_create(name);
	tcase_set_timeout(tc, 60);
	tcase_add(tc);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_SILENT);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	nftw(top, open_up, 16, FTW_PHYS);
	nftw(top, remove_one, 16, FTW_PHYS | FTW_DEPTH);
	return failed == 0 ? 0 : 1;
}

const char *
fix_path(const char *dir, const char *fmt, ...)
{
	static char ring[32][8192];
	static unsigned turn;
	char *buf = ring[turn++ % 32];
	va_list ap;
	int n = snprintf(buf, sizeof(ring[0]), "%s/", dir);
	ck_assert(n > 0 && (size_t)n < sizeof(ring[0]));
	va_start(ap, fmt);
	int m = vsnprintf(buf + n, sizeof(ring[0]) - (size_t)n, fmt, ap);
	va_end(ap);
	ck_assert(m >= 0 && (size_t)(n + m) < sizeof(ring[0]));
	return buf;
}

const char *
fix_dir(void)
{
	static char dir[4200];
	snprintf(dir, sizeof(dir), "%s/t.XXXXXX", top);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	return dir;
}

void
fix_mkdir(const char *path)
{
	char buf[8192];
	snprintf(buf, sizeof(buf), "%s", path);
	for (char *p = buf + 1; *p != '\0'; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		ck_assert(mkdir(buf, 0755) == 0 || errno == EEXIST);
		*p = '/';
	}
	ck_assert(mkdir(buf, 0755) == 0 || errno == EEXIST);
}

void
fix_write(const char *path, const void *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	ck_assert_msg(fd >= 0, "%s: %s", path, strerror(errno));
	ck_assert_int_eq(rel_fd_write_all(fd, data, len), 0);
	ck_assert_int_eq(close(fd), 0);
}

size_t
fix_count(const char *dir)
{
	DIR *d = opendir(dir);
	size_t n = 0;
	ck_assert_msg(d != NULL, "%s: %s", dir, strerror(errno));
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n - 2;
}

int
fix_open_fds(void)
{
	return (int)fix_count("/proc/self/fd") - 1;
}

void
fix_init(const char *root)
{
	struct rel_err err = REL_ERR_INIT;
	ck_assert_msg(store_root_init(root, NULL, NULL, &err) == 0, "%s", err.text);
}

const char *
fix_root(void)
{
	static char root[4300];
	snprintf(root, sizeof(root), "%s/root", fix_dir());
	fix_init(root);
	return root;
}

struct store *
fix_open(const char *root)
{
	struct rel_err err = REL_ERR_INIT;
	struct store *st = NULL;
	ck_assert_msg(store_open(root, &st, &err) == 0, "%s", err.text);
	return st;
}

void
fix_release(const char *root, const char *version)
{
	fix_mkdir(fix_path(root, "releases/%s", version));
	fix_write(fix_path(root, "releases/%s/release.yaml", version), "x", 1);
}

void
fix_elf(struct fix_elf *elf, unsigned seed)
{
	/* Class, byte order and machine from the program that runs: the table it was loaded by. */
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	*elf = (struct fix_elf){0};
	ck_assert_int_eq(read(fd, &elf->eh, sizeof(elf->eh)), sizeof(elf->eh));
	close(fd);
	elf->eh.e_type = ET_DYN;
	elf->eh.e_phoff = offsetof(struct fix_elf, load);
	elf->eh.e_phnum = 2;
	elf->eh.e_phentsize = sizeof(ElfW(Phdr));
	elf->eh.e_shoff = elf->eh.e_shnum = elf->eh.e_shentsize = elf->eh.e_shstrndx = 0;
	elf->load = (ElfW(Phdr)){.p_type = PT_LOAD, .p_filesz = sizeof(*elf),
	    .p_memsz = sizeof(*elf), .p_flags = PF_R, .p_align = 4096};
	elf->dynamic = (ElfW(Phdr)){.p_type = PT_DYNAMIC,
	    .p_offset = offsetof(struct fix_elf, payload), .p_filesz = 64, .p_memsz = 64};
	for (size_t i = 0; i < sizeof(elf->payload); i++)
		elf->payload[i] = (unsigned char)(i * 7 + seed);
}

const char *
fix_module(const char *root, const char *app_vsn, const char *name, unsigned seed)
{
	struct fix_elf elf;
	fix_elf(&elf, seed);
	fix_mkdir(fix_path(root, "lib/%s/modules", app_vsn));
	const char *path = fix_path(root, "lib/%s/modules/%s.so", app_vsn, name);
	fix_write(path, &elf, sizeof(elf));
	return path;
}

void
fix_error(struct rel_err *err, enum rel_ecode code, const char *part)
{
	ck_assert_msg(err->code == code, "%s instead of %s: %s", rel_err_name(err->code),
	    rel_err_name(code), err->text);
	ck_assert_msg(strstr(err->text, part) != NULL, "no \"%s\" in: %s", part, err->text);
	rel_err_clear(err);
}

int
fix_child(void (*fn)(const void *arg), const void *arg)
{
	int status;
	pid_t pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		fn(arg);
		_exit(0);
	}
	while (waitpid(pid, &status, 0) != pid)
		ck_assert_int_eq(errno, EINTR);
	return status;
}
