/* SPDX-License-Identifier: Apache-2.0
 * Module files: imported, linked, verified; what is cut off, foreign, damaged, linked elsewhere or
 * named to do harm is refused; an import that was cut short leaves the module whole.
 */
#include "config.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store_fixture.h"

static struct store_object
get(struct store *st, const char *app, const char *version, const char *module)
{
	struct rel_err err = REL_ERR_INIT;
	struct store_object o;
	ck_assert_msg(store_object_get(st, app, version, module, &o, &err) == 0, "%s", err.text);
	return o;
}

static void
refused(struct store *st, const char *app, const char *version, const char *module,
    enum rel_ecode code, const char *part)
{
	struct rel_err err = REL_ERR_INIT;
	struct store_object o = {.size = 4711};
	ck_assert_int_eq(store_object_get(st, app, version, module, &o, &err), -1);
	ck_assert_uint_eq(o.size, 4711);
	if (code == REL_E_NOT_FOUND)
		ck_assert_ptr_nonnull(strstr(rel_err_hint_of(&err), "stage the release again"));
	fix_error(&err, code, part);
}

static struct stat
stat_of(const char *path)
{
	struct stat sb;
	ck_assert_msg(lstat(path, &sb) == 0, "%s: %s", path, strerror(errno));
	return sb;
}

/* SHA-256 by another way than the one under test. */
static void
digest_of(const void *data, size_t len, char hex[REL_DIGEST_LEN + 1])
{
	unsigned char md[32];
	ck_assert_int_eq(EVP_Digest(data, len, md, NULL, EVP_sha256(), NULL), 1);
	for (size_t i = 0; i < sizeof(md); i++)
		snprintf(hex + i * 2, 3, "%02x", md[i]);
}

static void
check_link(const char *path, const char *digest)
{
	char to[256], want[256];
	ssize_t n = readlink(path, to, sizeof(to) - 1);
	ck_assert_msg(n > 0, "%s: %s", path, strerror(errno));
	to[n] = '\0';
	snprintf(want, sizeof(want), "../../../objects/%s.so", digest);
	ck_assert_str_eq(to, want);
	ck_assert_int_eq(access(path, R_OK), 0);
}

/* ------------------------------------------------------------------ import */
START_TEST(plain_file_is_imported)
{
	char hex[REL_DIGEST_LEN + 1];
	struct fix_elf elf;
	const char *root = fix_root();
	const char *path = fix_module(root, "app-1.0-rc.1", "mod", 3);
	fix_elf(&elf, 3);
	digest_of(&elf, sizeof(elf), hex);
	struct store *st = fix_open(root);
	for (int i = 0; i < 2; i++) { /* from the file, then from the link */
		struct store_object o = get(st, "app", "1.0-rc.1", "mod");
		ck_assert_str_eq(o.digest, hex);
		ck_assert_uint_eq(o.size, sizeof(elf));
		ck_assert_str_eq(o.path, fix_path(store_root_path(st), "objects/%s.so", hex));
		ck_assert_uint_eq(stat_of(o.path).st_mode, S_IFREG | 0444);
		check_link(path, hex);
	}
	ck_assert_uint_eq(fix_count(fix_path(root, "objects")), 1);
	ck_assert_uint_eq(fix_count(fix_path(root, "lib/app-1.0-rc.1/modules")), 1);
	store_close(&st);
}
END_TEST

START_TEST(same_bytes_are_one_object)
{
	const char *root = fix_root();
	fix_module(root, "app-1", "mod", 3);
	fix_module(root, "other-2", "name", 3);
	fix_module(root, "other-2", "more", 4);
	struct store *st = fix_open(root);
	struct store_object a = get(st, "app", "1", "mod");
	struct stat before = stat_of(a.path);
	struct store_object b = get(st, "other", "2", "name");
	ck_assert_str_eq(a.digest, b.digest);
	ck_assert_uint_eq(stat_of(a.path).st_ino, before.st_ino);
	ck_assert_str_ne(get(st, "other", "2", "more").digest, a.digest);
	ck_assert_uint_eq(fix_count(fix_path(root, "objects")), 2);
	store_close(&st);
}
END_TEST

START_TEST(init_imports_all)
{
	const char *root = fix_root();
	const char *a = fix_module(root, "app-1", "a", 1), *b = fix_module(root, "app-2", "b", 2);
	const char *odd = fix_module(root, "app-2", "Odd", 3), *bare = fix_module(root, "noversion", "c", 4);
	fix_mkdir(fix_path(root, "lib/empty-1"));
	fix_write(fix_path(root, "lib/README"), "x", 1);
	static const char *const passed_over[] = {"notes", "so", ".so", "x",
	    "a234567890123456789012345678901234567890123456789012345678901234.so"};
	for (size_t i = 0; i < NELEM(passed_over); i++)
		fix_write(fix_path(root, "lib/app-2/modules/%s", passed_over[i]), "x", 1);
	struct stat sb[2];
	for (int i = 0; i < 2; i++) {
		fix_init(root);
		ck_assert(S_ISLNK(stat_of(a).st_mode) && S_ISLNK(stat_of(b).st_mode));
		ck_assert(S_ISREG(stat_of(odd).st_mode) && S_ISREG(stat_of(bare).st_mode));
		ck_assert_uint_eq(fix_count(fix_path(root, "objects")), 2);
		sb[i] = stat_of(a);
	}
	ck_assert_uint_eq(sb[0].st_ino, sb[1].st_ino);
}
END_TEST

START_TEST(init_tells_the_bad_module)
{
	struct rel_err err = REL_ERR_INIT;
	const char *root = fix_root();
	fix_module(root, "app-1", "good", 1);
	fix_mkdir(fix_path(root, "lib/bad-1/modules"));
	fix_write(fix_path(root, "lib/bad-1/modules/m.so"), "text", 4);
	ck_assert_int_eq(store_root_init(root, NULL, NULL, &err), -1);
	fix_error(&err, REL_E_BAD_OBJECT, "lib/bad-1/modules/m.so");
}
END_TEST

START_TEST(leftovers_are_swept)
{
	const char *root = fix_root();
	static const char *const keep[] = {"object.0123456789abcde.tmp", "object.0123456789abcdeX.tmp",
	    ".0123456789abcdef.tmp", "object-0123456789abcdef.tmp", "object.0123456789abcdef.tm"};
	fix_module(root, "app-1", "mod", 1);
	fix_write(fix_path(root, "objects/object.0123456789abcdef.tmp"), "x", 1);
	for (size_t i = 0; i < NELEM(keep); i++)
		fix_write(fix_path(root, "objects/%s", keep[i]), "x", 1);
	ck_assert_int_eq(symlink("x", fix_path(root, "lib/app-1/modules/mod.so.0123456789abcdef.tmp")), 0);
	fix_init(root);
	ck_assert_uint_eq(fix_count(fix_path(root, "objects")), NELEM(keep) + 1);
	ck_assert_uint_eq(fix_count(fix_path(root, "lib/app-1/modules")), 1);
}
END_TEST

START_TEST(a_real_shared_object)
{
	Dl_info info;
	const char *root = fix_root();
	char hex[REL_DIGEST_LEN + 1];
	char *data;
	size_t len;
	struct rel_err err = REL_ERR_INIT;
	ck_assert_int_ne(dladdr((void *)(uintptr_t)dlsym(RTLD_DEFAULT, "EVP_sha256"), &info), 0);
	ck_assert_msg(rel_file_read(AT_FDCWD, info.dli_fname, "library", 1 << 26, &data, &len, &err) == 0,
	    "%s", err.text);
	fix_mkdir(fix_path(root, "lib/app-1/modules"));
	fix_write(fix_path(root, "lib/app-1/modules/mod.so"), data, len);
	digest_of(data, len, hex);
	struct store *st = fix_open(root);
	ck_assert_str_eq(get(st, "app", "1", "mod").digest, hex);
	/* the same, half copied, and without its last byte */
	fix_write(fix_path(root, "lib/app-1/modules/half.so"), data, len / 2);
	refused(st, "app", "1", "half", REL_E_BAD_OBJECT, "cut off");
	fix_write(fix_path(root, "lib/app-1/modules/half.so"), data, len - 1);
	refused(st, "app", "1", "half", REL_E_BAD_OBJECT, "cut off");
	free(data);
	store_close(&st);
}
END_TEST

/* ------------------------------------------------------------------ refused: objects */
START_TEST(damaged_object)
{
	const char *root = fix_root();
	fix_module(root, "app-1", "mod", 3);
	struct store *st = fix_open(root);
	struct store_object o = get(st, "app", "1", "mod");
	ck_assert_int_eq(chmod(o.path, 0644), 0);
	int fd = open(o.path, O_WRONLY | O_CLOEXEC);
	ck_assert_int_eq(pwrite(fd, "!", 1, sizeof(struct fix_elf) - 1), 1);
	close(fd);
	refused(st, "app", "1", "mod", REL_E_BAD_DIGEST, "lib/app-1/modules/mod.so");
	/* The right bytes, laid down again, heal it; a worker that has the file mapped does not see them. */
	struct stat before = stat_of(o.path);
	char byte;
	fd = open(o.path, O_RDONLY | O_CLOEXEC);
	fix_module(root, "copy-1", "mod", 3);
	ck_assert_str_eq(get(st, "copy", "1", "mod").digest, o.digest);
	ck_assert_uint_ne(stat_of(o.path).st_ino, before.st_ino);
	ck_assert_int_eq(pread(fd, &byte, 1, sizeof(struct fix_elf) - 1), 1);
	ck_assert_int_eq(byte, '!');
	close(fd);
	ck_assert_str_eq(get(st, "app", "1", "mod").digest, o.digest);
	ck_assert_uint_eq(fix_count(fix_path(root, "objects")), 1);
	ck_assert_int_eq(unlink(o.path), 0);
	refused(st, "app", "1", "mod", REL_E_NOT_FOUND, o.digest);
	ck_assert_int_eq(symlink("/proc/self/exe", o.path), 0);
	refused(st, "app", "1", "mod", REL_E_NOT_A_FILE, "is a link");
	store_close(&st);
}
END_TEST

/* A whole object whose bytes are no module: its digest is right, and it is refused all the same. */
START_TEST(object_that_is_no_module)
{
	char hex[REL_DIGEST_LEN + 1];
	const char *root = fix_root();
	digest_of("text", 4, hex);
	fix_mkdir(fix_path(root, "lib/app-1/modules"));
	fix_write(fix_path(root, "objects/%s.so", hex), "text", 4);
	ck_assert_int_eq(symlink(fix_path("../../..", "objects/%s.so", hex),
	    fix_path(root, "lib/app-1/modules/mod.so")), 0);
	struct store *st = fix_open(root);
	refused(st, "app", "1", "mod", REL_E_BAD_OBJECT, "ends inside its headers");
	store_close(&st);
}
END_TEST

static void
refuse_bytes(struct store *st, const char *root, const void *data, size_t len, const char *part)
{
	fix_mkdir(fix_path(root, "lib/bad-1/modules"));
	fix_write(fix_path(root, "lib/bad-1/modules/mod.so"), data, len);
	refused(st, "bad", "1", "mod", REL_E_BAD_OBJECT, part);
	ck_assert_uint_eq(fix_count(fix_path(root, "objects")), 0);
	ck_assert(S_ISREG(stat_of(fix_path(root, "lib/bad-1/modules/mod.so")).st_mode));
}

START_TEST(cut_off_anywhere)
{
	struct fix_elf elf;
	const char *root = fix_root();
	struct store *st = fix_open(root);
	fix_elf(&elf, 1);
	for (size_t n = 0; n < sizeof(elf); n++)
		refuse_bytes(st, root, &elf, n,
		    n < sizeof(elf.eh) ? "ends inside its headers" : "is cut off");
	store_close(&st);
}
END_TEST

/* Each change makes a good file bad by itself. */
#define EACH_CHANGE(X)                                                                             \
	X(elf.eh.e_ident[EI_MAG1] = 'e', "is not an ELF file")                                     \
	X(elf.eh.e_ident[EI_CLASS] ^= 3, "another machine")                                        \
	X(elf.eh.e_ident[EI_DATA] ^= 3, "another machine")                                         \
	X(elf.eh.e_machine ^= 1, "another machine")                                                \
	X(elf.eh.e_ident[EI_VERSION] = 2, "unknown ELF version")                                   \
	X(elf.eh.e_version = 2, "unknown ELF version")                                             \
	X(elf.eh.e_type = ET_EXEC, "not a shared object")                                          \
	X(elf.eh.e_type = ET_CORE, "not a shared object")                                          \
	X(elf.eh.e_phentsize++, "bad program header table")                                        \
	X(elf.eh.e_phnum = 0, "bad program header table")                                          \
	X(elf.eh.e_phnum = 513, "bad program header table")                                        \
	X(elf.eh.e_phnum = PN_XNUM, "bad program header table")                                    \
	X(elf.eh.e_phoff = sizeof(elf) - 1, "program headers lie behind")                          \
	X(elf.eh.e_phoff = (ElfW(Off))-1, "program headers lie behind")                            \
	X(elf.eh.e_phoff = (ElfW(Off))-8, "program headers lie behind")                            \
	X((elf.eh.e_shoff = sizeof(elf) - 64, elf.eh.e_shnum = 2, elf.eh.e_shentsize = 64),        \
	    "section headers lie behind")                                                          \
	X(elf.eh.e_shoff = (ElfW(Off))-8, "section headers lie behind")                            \
	X(elf.load.p_filesz++, "cut off: segment 0")                                               \
	X(elf.load.p_offset = 1, "cut off: segment 0")                                             \
	X(elf.load.p_offset = (ElfW(Off))-8, "cut off: segment 0")                                 \
	X(elf.load.p_filesz = (ElfW(Off))-1, "cut off: segment 0")                                 \
	X(elf.load.p_memsz--, "segment 0 of")                                                      \
	X(elf.dynamic.p_offset = sizeof(elf), "cut off: segment 1")                                \
	X(elf.dynamic.p_memsz--, "segment 1 of")                                                   \
	X(elf.load.p_type = PT_NOTE, "no loadable segment")                                        \
	X(elf.dynamic.p_type = PT_NOTE, "no dynamic segment")

START_TEST(bad_shapes)
{
	struct fix_elf elf;
	const char *root = fix_root();
	struct store *st = fix_open(root);
#define X(change, part)                                                                            \
	fix_elf(&elf, 1);                                                                          \
	change;                                                                                    \
	refuse_bytes(st, root, &elf, sizeof(elf), part);
	EACH_CHANGE(X)
#undef X
	/* a section table right up to the end is whole, and other segments may lie where they like */
	fix_elf(&elf, 1);
	elf.eh.e_shoff = sizeof(elf) - 128;
	elf.eh.e_shnum = 2;
	elf.eh.e_shentsize = 64;
	const ElfW(Phdr) note = {.p_type = PT_NOTE, .p_offset = (ElfW(Off))-8, .p_filesz = 64};
	memcpy(elf.payload, &note, sizeof(note));
	elf.eh.e_phnum = 3;
	fix_write(fix_path(root, "lib/bad-1/modules/mod.so"), &elf, sizeof(elf));
	get(st, "bad", "1", "mod");
	store_close(&st);
}
END_TEST

START_TEST(too_big)
{
	const char *root = fix_root();
	fix_mkdir(fix_path(root, "lib/app-1/modules"));
	const char *path = fix_path(root, "lib/app-1/modules/mod.so");
	fix_write(path, "", 0);
	ck_assert_int_eq(truncate(path, (off_t)1 << 30), 0);
	struct store *st = fix_open(root);
	ck_assert_int_eq(truncate(path, ((off_t)1 << 30) + 1), 0);
	refused(st, "app", "1", "mod", REL_E_LIMIT, "1073741825 bytes; 1073741824 are the limit");
	store_close(&st);
}
END_TEST

/* ------------------------------------------------------------------ refused: places */
START_TEST(missing)
{
	const char *root = fix_root();
	fix_module(root, "app-1", "mod", 1);
	fix_mkdir(fix_path(root, "lib/bare-1"));
	struct store *st = fix_open(root);
	refused(st, "app", "1", "other", REL_E_NOT_FOUND, "lib/app-1/modules/other.so");
	refused(st, "app", "2", "mod", REL_E_NOT_FOUND, "lib/app-2/modules/mod.so");
	refused(st, "bare", "1", "mod", REL_E_NOT_FOUND, "lib/bare-1/modules/mod.so");
	store_close(&st);
}
END_TEST

START_TEST(links_elsewhere)
{
	static const char *const targets[] = {
		"/etc/passwd", "mod2.so", "../../../objects/", "../../../objects/x.so",
		"../../../objects/ABCDEF6789012345678901234567890123456789012345678901234567890123.so",
		"../../../objects/../lib/app-1/modules/012345678901234567890123456789012345678901.so",
		"../../../objectz/0123456789012345678901234567890123456789012345678901234567890123.so",
		"../../../objects/0123456789012345678901234567890123456789012345678901234567890123.sp",
		"../../../objects/0123456789012345678901234567890123456789012345678901234567890123.so/",
	};
	struct rel_err err = REL_ERR_INIT;
	const char *root = fix_root();
	fix_module(root, "app-1", "mod2", 1);
	const char *path = fix_path(root, "lib/app-1/modules/mod.so");
	for (size_t i = 0; i < NELEM(targets); i++) {
		ck_assert_int_eq(symlink(targets[i], path), 0);
		struct store *st = fix_open(root);
		refused(st, "app", "1", "mod", REL_E_NOT_A_FILE, "does not lead to");
		store_close(&st);
		ck_assert_int_eq(store_root_init(root, NULL, NULL, &err), -1);
		fix_error(&err, REL_E_NOT_A_FILE, "lib/app-1/modules/mod.so");
		ck_assert_int_eq(unlink(path), 0);
	}
}
END_TEST

START_TEST(not_regular)
{
	const char *root = fix_root();
	fix_mkdir(fix_path(root, "lib/app-1/modules/dir.so"));
	ck_assert_int_eq(mkfifo(fix_path(root, "lib/app-1/modules/fifo.so"), 0600), 0);
	struct store *st = fix_open(root);
	refused(st, "app", "1", "dir", REL_E_NOT_A_FILE, "not a regular file");
	refused(st, "app", "1", "fifo", REL_E_NOT_A_FILE, "not a regular file");
	store_close(&st);
}
END_TEST

START_TEST(linked_folders)
{
	struct rel_err err = REL_ERR_INIT;
	const char *root = fix_root(), *outside = fix_dir();
	const char *path = fix_module(outside, "evil-1", "mod", 1);
	fix_mkdir(fix_path(root, "lib/app-2"));
	ck_assert_int_eq(symlink(fix_path(outside, "lib/evil-1/modules"),
	    fix_path(root, "lib/app-2/modules")), 0);
	struct store *st = fix_open(root);
	refused(st, "app", "2", "mod", REL_E_NOT_A_FILE, "lib/app-2/modules (a link is refused)");
	ck_assert_int_eq(symlink(fix_path(outside, "lib/evil-1"), fix_path(root, "lib/app-1")), 0);
	refused(st, "app", "1", "mod", REL_E_NOT_A_FILE, "lib/app-1 (a link is refused)");
	store_close(&st);
	ck_assert_int_eq(store_root_init(root, NULL, NULL, &err), -1);
	fix_error(&err, REL_E_NOT_A_FILE, "a link is refused");
	ck_assert(S_ISREG(stat_of(path).st_mode));
}
END_TEST

START_TEST(hostile_names)
{
	static const char *const names[] = {"", ".", "..", "../app", "a/b", "a b", "A", "1a", "_a",
	    "a-b", "a.b", "a\n", "\xc3\xa9", "%s",
	    "a234567890123456789012345678901234567890123456789012345678901234"};
	static const char *const versions[] = {"", ".", "..", "../1", "1/2", "-1", "1 ", "1\n", ".1",
	    "12345678901234567890123456789012345678901234567890123456789012345"};
	struct store *st = fix_open(fix_root());
	for (size_t i = 0; i < NELEM(names); i++) {
		refused(st, names[i], "1", "mod", REL_E_BAD_NAME, "application");
		refused(st, "app", "1", names[i], REL_E_BAD_NAME, "module");
	}
	for (size_t i = 0; i < NELEM(versions); i++)
		refused(st, "app", versions[i], "mod", REL_E_BAD_VERSION, "malformed");
	store_close(&st);
}
END_TEST

/* ------------------------------------------------------------------ several at once */
struct turn {
	struct store *st;
	pthread_barrier_t *start;
	char module[16];
	struct store_object o;
	struct rel_err err;
	int rc;
};

static void *
import_one(void *arg)
{
	struct turn *t = arg;
	pthread_barrier_wait(t->start);
	t->rc = store_object_get(t->st, "app", "1", t->module, &t->o, &t->err);
	return NULL;
}

START_TEST(at_once)
{
	enum { THREADS = 8, ROUNDS = 20 };
	struct turn turns[THREADS];
	pthread_t threads[THREADS];
	pthread_barrier_t start;
	const char *root = fix_root();
	struct store *st = fix_open(root);
	pthread_barrier_init(&start, NULL, THREADS);
	for (unsigned round = 0; round < ROUNDS; round++) {
		/* half of them the same module, the others another one of the same bytes */
		fix_module(root, "app-1", "one", round);
		fix_module(root, "app-1", "two", round);
		ck_assert_int_eq(unlink(fix_path(root, "lib/app-1/modules/one.so")), 0);
		ck_assert_int_eq(unlink(fix_path(root, "lib/app-1/modules/two.so")), 0);
		fix_module(root, "app-1", "one", round);
		fix_module(root, "app-1", "two", round);
		for (int i = 0; i < THREADS; i++) {
			turns[i] = (struct turn){.st = st, .start = &start, .err = REL_ERR_INIT};
			strcpy(turns[i].module, i % 2 == 0 ? "one" : "two");
			ck_assert_int_eq(pthread_create(&threads[i], NULL, import_one, &turns[i]), 0);
		}
		for (int i = 0; i < THREADS; i++)
			pthread_join(threads[i], NULL);
		for (int i = 0; i < THREADS; i++) {
			ck_assert_msg(turns[i].rc == 0, "%s", turns[i].err.text);
			ck_assert_str_eq(turns[i].o.digest, turns[0].o.digest);
		}
		ck_assert_uint_eq(fix_count(fix_path(root, "objects")), round + 1);
		ck_assert_uint_eq(fix_count(fix_path(root, "lib/app-1/modules")), 2);
		ck_assert_int_eq(unlink(fix_path(root, "lib/app-1/modules/one.so")), 0);
		ck_assert_int_eq(unlink(fix_path(root, "lib/app-1/modules/two.so")), 0);
	}
	pthread_barrier_destroy(&start);
	store_close(&st);
}
END_TEST

/* ------------------------------------------------------------------ failures on the way */
static void
check_untouched(const char *root, const char *path)
{
	ck_assert(S_ISREG(stat_of(path).st_mode));
	ck_assert_uint_eq(fix_count(fix_path(root, "objects")), 0);
	ck_assert_uint_eq(fix_count(fix_path(root, "lib/app-1/modules")), 1);
}

START_TEST(disk_full)
{
	const char *root = fix_root(), *path = fix_module(root, "app-1", "mod", 1);
	struct store *st = fix_open(root);
	struct rlimit old, small = {.rlim_cur = 100};
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
	small.rlim_max = old.rlim_max;
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
	refused(st, "app", "1", "mod", REL_E_IO, "cannot copy");
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &old), 0);
	check_untouched(root, path);
	get(st, "app", "1", "mod");
	store_close(&st);
}
END_TEST

#ifdef RELUP_FAULTS
START_TEST(fault_is_an_error)
{
	static const struct {
		const char *armed, *part;
	} cases[] = {
		{"FILE_WRITE:1:error", "cannot copy"},
		{"FILE_FSYNC:1:error", "cannot sync its copy"},
	};
	const char *root = fix_root(), *path = fix_module(root, "app-1", "mod", 1);
	struct store *st = fix_open(root);
	setenv("RELUP_FAULT", cases[_i].armed, 1);
	refused(st, "app", "1", "mod", REL_E_IO, cases[_i].part);
	unsetenv("RELUP_FAULT");
	check_untouched(root, path);
	get(st, "app", "1", "mod");
	store_close(&st);
}
END_TEST

/* Where the object stands and only a directory could not be synced, the next try finds it. */
START_TEST(late_fault)
{
	const char *root = fix_root();
	char armed[32];
	fix_module(root, "app-1", "mod", 1);
	struct store *st = fix_open(root);
	snprintf(armed, sizeof(armed), "FILE_FSYNC:%d:error", _i);
	setenv("RELUP_FAULT", armed, 1);
	refused(st, "app", "1", "mod", REL_E_IO, "cannot sync the directory");
	unsetenv("RELUP_FAULT");
	get(st, "app", "1", "mod");
	ck_assert_uint_eq(fix_count(fix_path(root, "objects")), 1);
	store_close(&st);
}
END_TEST

static void
init_child(const void *root)
{
	struct rel_err err = REL_ERR_INIT;
	_exit(store_root_init(root, NULL, NULL, &err) == 0 ? 0 : 1);
}

/* Killed at each sync of an init that imports two modules: the next init ends the work. */
START_TEST(killed_on_the_way)
{
	int status, n = 0;
	do {
		char armed[32];
		const char *root = fix_root();
		const char *a = fix_module(root, "app-1", "a", 1), *b = fix_module(root, "app-1", "b", 2);
		snprintf(armed, sizeof(armed), "FILE_FSYNC:%d:kill", ++n);
		setenv("RELUP_FAULT", armed, 1);
		status = fix_child(init_child, root);
		unsetenv("RELUP_FAULT");
		ck_assert_int_eq(access(a, R_OK) | access(b, R_OK), 0);
		fix_init(root);
		ck_assert(S_ISLNK(stat_of(a).st_mode) && S_ISLNK(stat_of(b).st_mode));
		ck_assert_uint_eq(fix_count(fix_path(root, "objects")), 2);
		ck_assert_uint_eq(fix_count(fix_path(root, "lib/app-1/modules")), 2);
	} while (status == SIGKILL);
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(n, 8); /* root, and for each module: copy, objects/, modules/ */
}
END_TEST
#endif

static void
tests(TCase *tc)
{
	tcase_add_test(tc, plain_file_is_imported);
	tcase_add_test(tc, same_bytes_are_one_object);
	tcase_add_test(tc, init_imports_all);
	tcase_add_test(tc, init_tells_the_bad_module);
	tcase_add_test(tc, leftovers_are_swept);
	tcase_add_test(tc, a_real_shared_object);
	tcase_add_test(tc, damaged_object);
	tcase_add_test(tc, object_that_is_no_module);
	tcase_add_test(tc, cut_off_anywhere);
	tcase_add_test(tc, bad_shapes);
	tcase_add_test(tc, too_big);
	tcase_add_test(tc, missing);
	tcase_add_test(tc, links_elsewhere);
	tcase_add_test(tc, not_regular);
	tcase_add_test(tc, linked_folders);
	tcase_add_test(tc, hostile_names);
	tcase_add_test(tc, at_once);
	tcase_add_test(tc, disk_full);
#ifdef RELUP_FAULTS
	tcase_add_loop_test(tc, fault_is_an_error, 0, 2);
	tcase_add_loop_test(tc, late_fault, 2, 4);
	tcase_add_test(tc, killed_on_the_way);
#endif
}

int
main(void)
{
	return fix_main("store-object", tests);
}
