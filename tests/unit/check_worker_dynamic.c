/* SPDX-License-Identifier: Apache-2.0
 * worker: reading what a module's file asks of the loader.  Files that no linker makes: a good one in
 * which something was written over.
 */
#include "config.h"

#include <check.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "worker/image_priv.h"

struct file {
	char *data;
	size_t len;
	uint64_t size; /* of the file: more than len for one that goes on in zeros */
};

static struct rel_err err;

static struct file
load(const char *name)
{
	struct file f;
	char path[512];
	const char *top = getenv("top_builddir");
	snprintf(path, sizeof(path), "%s/tests/modules/loader/out/%s.so", top != NULL ? top : ".", name);
	err = REL_ERR_INIT;
	if (rel_file_read(AT_FDCWD, path, path, 64u << 20, &f.data, &f.len, &err) != 0)
		ck_abort_msg("%s", err.text);
	f.size = f.len;
	return f;
}

static ElfW(Ehdr) *
head(const struct file *f)
{
	return (ElfW(Ehdr) *)(void *)f->data;
}

static ElfW(Phdr) *
segment(const struct file *f, uint32_t type)
{
	ElfW(Phdr) *p = (ElfW(Phdr) *)(void *)(f->data + head(f)->e_phoff);
	for (size_t i = 0; i < head(f)->e_phnum; i++)
		if (p[i].p_type == type)
			return &p[i];
	ck_abort_msg("no segment of type %u", type);
	return NULL;
}

static ElfW(Dyn) *
entry(const struct file *f, int64_t tag)
{
	const ElfW(Phdr) *p = segment(f, PT_DYNAMIC);
	ElfW(Dyn) *d = (ElfW(Dyn) *)(void *)(f->data + p->p_offset);
	for (size_t i = 0; i < p->p_filesz / sizeof(*d); i++)
		if (d[i].d_tag == tag)
			return &d[i];
	ck_abort_msg("no entry of tag %" PRId64, tag);
	return NULL;
}

/* As object.c does before, which the callers leave true. */
static int
check(struct file *f)
{
	static struct image im;
	im = (struct image){.path = "/objects/m.so", .size = f->size};
	im.fd = memfd_create("module", MFD_CLOEXEC);
	ck_assert_int_ge(im.fd, 0);
	ck_assert_int_eq(rel_fd_write_all(im.fd, f->data, f->len), 0);
	ck_assert_int_eq(ftruncate(im.fd, (off_t)f->size), 0);
	memcpy(&im.head, f->data, sizeof(im.head));
	memcpy(im.segments, f->data + im.head.e_phoff, im.head.e_phnum * sizeof(im.segments[0]));
	err = REL_ERR_INIT;
	int rc = worker_dynamic_check(&im, &err);
	close(im.fd);
	ck_assert_int_eq(rc != 0, err.code != REL_OK);
	for (const char *c = err.text; *c != '\0'; c++)
		ck_assert(*c >= ' ' && *c <= '~');
	return rc;
}

/* NULL: nothing is wrong with it. */
static void
expect(struct file *f, enum rel_ecode code, const char *word)
{
	int rc = check(f);
	if (word == NULL && rc != 0)
		ck_abort_msg("%s", err.text);
	if (word != NULL && (err.code != code || strstr(err.text, word) == NULL))
		ck_abort_msg("%s '%s' was to come: %s '%s'", rel_err_name(code), word,
		    rc != 0 ? rel_err_name(err.code) : "nothing", err.text);
	if (word != NULL)
		ck_assert_ptr_nonnull(strstr(err.text, "/objects/m.so"));
	free(f->data);
}

/* ------------------------------------------------------------------ one entry */
#define SAME UINT64_C(0x5a5a5a5a5a5a5a5a)
#define FAR  (UINT64_MAX - 7)

static const struct {
	const char *file;
	int64_t from, to; /* the tag of an entry, and what it becomes */
	uint64_t value;
	enum rel_ecode code;
	const char *word;
} entries[] = {
    {"good-1", DT_SYMENT, DT_SYMENT, SAME, REL_OK, NULL},
    {"good-1", DT_FLAGS_1, DT_FLAGS_1, DF_1_NODELETE, REL_E_ELF_NODELETE, "nodelete"},
    {"good-1", DT_FLAGS, DT_FLAGS, DF_STATIC_TLS, REL_E_ELF_STATIC_TLS, "static block"},
    {"good-1", DT_FLAGS, DT_FLAGS, DF_TEXTREL, REL_E_ELF_TEXTREL, "relocations"},
    {"good-1", DT_SYMENT, DT_TEXTREL, 0, REL_E_ELF_TEXTREL, "relocations"},
    {"good-1", DT_SYMENT, DT_RPATH, 1, REL_E_ELF_RUNPATH, "search path"},
    {"good-1", DT_SYMENT, DT_RUNPATH, 1, REL_E_ELF_RUNPATH, "search path"},
    {"good-1", DT_SYMENT, DT_PREINIT_ARRAY, SAME, REL_E_ELF_CONSTRUCTOR, "constructors"},
#ifndef RELUP_INSTRUMENTED
    {"good-1", DT_INIT_ARRAYSZ, DT_INIT_ARRAYSZ, 2 * sizeof(ElfW(Addr)), REL_E_ELF_CONSTRUCTOR, "constructors"},
#endif
    {"good-1", DT_INIT, DT_INIT, 8, REL_E_ELF_CONSTRUCTOR, "constructors"},
    {"good-1", DT_INIT, DT_SYMENT, SAME, REL_E_ELF_CONSTRUCTOR, "constructors"},
    {"export-1", DT_SYMENT, DT_SYMENT, SAME, REL_E_ELF_EXPORT, "loader_helper"},
    {"export-1", DT_SYMENT, DT_SYMBOLIC, 0, REL_OK, NULL},
    {"export-1", DT_FLAGS, DT_FLAGS, DF_SYMBOLIC, REL_OK, NULL},
    {"good-1", DT_STRSZ, DT_STRSZ, FAR, REL_E_BAD_OBJECT, "names"},
    {"good-1", DT_STRTAB, DT_STRTAB, FAR, REL_E_BAD_OBJECT, "names"},
    {"good-1", DT_STRSZ, DT_STRSZ, 1, REL_E_BAD_OBJECT, "list of libraries"},
    {"good-1", DT_NEEDED, DT_NEEDED, FAR, REL_E_BAD_OBJECT, "list of libraries"},
    {"good-1", DT_SYMTAB, DT_SYMTAB, FAR, REL_E_BAD_OBJECT, "symbols"},
    {"good-1", DT_GNU_HASH, DT_GNU_HASH, FAR, REL_E_BAD_OBJECT, "hash table"},
    {"good-1", DT_GNU_HASH, DT_HASH, FAR, REL_E_BAD_OBJECT, "hash table"},
    {"good-1", DT_GNU_HASH, DT_SYMENT, 0, REL_E_BAD_MODULE, "does not export relw_module"},
};

START_TEST(one_entry)
{
	struct file f = load(entries[_i].file);
	ElfW(Dyn) *d = entry(&f, entries[_i].from);
	d->d_tag = entries[_i].to;
	if (entries[_i].value != SAME)
		d->d_un.d_val = entries[_i].value;
	expect(&f, entries[_i].code, entries[_i].word);
}
END_TEST

/* ------------------------------------------------------------------ more than one */
START_TEST(segments)
{
	struct file f = load("good-1");
	segment(&f, PT_DYNAMIC)->p_type = PT_NULL;
	expect(&f, REL_E_BAD_OBJECT, "no dynamic segment");
	f = load("good-1");
	ElfW(Phdr) dynamic = *segment(&f, PT_DYNAMIC);
	*segment(&f, PT_NOTE) = dynamic;
	expect(&f, REL_E_BAD_OBJECT, "dynamic segment");
	f = load("good-1");
	segment(&f, PT_DYNAMIC)->p_vaddr = FAR;
	expect(&f, REL_E_BAD_OBJECT, "dynamic segment");
	f = load("good-1");
	segment(&f, PT_DYNAMIC)->p_filesz = 3 * sizeof(ElfW(Dyn)); /* no end */
	expect(&f, REL_E_BAD_OBJECT, "dynamic segment");
	f = load("good-1");
	segment(&f, PT_GNU_STACK)->p_type = PT_NULL;
	expect(&f, REL_E_ELF_EXEC_STACK, "does not say");
	f = load("good-1");
	segment(&f, PT_GNU_STACK)->p_flags |= PF_X;
	expect(&f, REL_E_ELF_EXEC_STACK, "wants an executable stack");
}
END_TEST

/* The loader does not ask for sections; where they are, they must be. */
START_TEST(sections)
{
	struct file f = load("good-1");
	head(&f)->e_shoff = FAR;
	expect(&f, REL_E_BAD_OBJECT, "table of sections");
	f = load("good-1");
	ElfW(Shdr) *names = (ElfW(Shdr) *)(void *)(f.data + head(&f)->e_shoff) + head(&f)->e_shstrndx;
	names->sh_size = FAR;
	expect(&f, REL_E_BAD_OBJECT, "names of sections");
	f = load("own-init");
	expect(&f, REL_E_ELF_CONSTRUCTOR, "constructors");
	f = load("own-init"); /* nobody can tell, and most are right */
	head(&f)->e_shoff = 0;
	expect(&f, REL_OK, NULL);
	f = load("good-1");
	head(&f)->e_shstrndx = head(&f)->e_shnum;
	expect(&f, REL_OK, NULL);
}
END_TEST

/* The last segment reaches far behind what was the file, where `bytes` stand, and then zeros.  Their address. */
static uint64_t
extend(struct file *f, const void *bytes, size_t n)
{
	ElfW(Phdr) *last = NULL, *p = (ElfW(Phdr) *)(void *)(f->data + head(f)->e_phoff);
	for (size_t i = 0; i < head(f)->e_phnum; i++)
		if (p[i].p_type == PT_LOAD)
			last = &p[i];
	ck_assert_ptr_nonnull(last);
	f->size = UINT64_C(256) << 20;
	last->p_filesz = f->size - last->p_offset;
	uint64_t addr = last->p_vaddr + (f->len - last->p_offset);
	f->data = realloc(f->data, f->len + n);
	ck_assert_ptr_nonnull(f->data);
	memcpy(f->data + f->len, bytes, n);
	f->len += n;
	return addr;
}

START_TEST(sizes)
{
	struct file f = load("good-1");
	uint64_t addr = extend(&f, "", 1);
	entry(&f, DT_STRTAB)->d_un.d_val = addr;
	entry(&f, DT_STRSZ)->d_un.d_val = (64u << 20) + 1;
	expect(&f, REL_E_LIMIT, "its names are of more than 64 MiB");
	f = load("sysv");
	uint32_t many = (1u << 20) + 1;
	memcpy(f.data + entry(&f, DT_HASH)->d_un.d_val + sizeof(many), &many, sizeof(many));
	expect(&f, REL_E_LIMIT, "more than 1048576 symbols");
	f = load("good-1");
	const uint32_t endless[] = {1, 1, 1, 0, 0, 0, 1}; /* a bucket whose chain is in zeros */
	addr = extend(&f, endless, sizeof(endless));
	entry(&f, DT_GNU_HASH)->d_un.d_val = addr;
	expect(&f, REL_E_LIMIT, "more than 1048576 symbols");
	f = load("sysv");
	memset(f.data + entry(&f, DT_HASH)->d_un.d_val, 0, sizeof(many));
	expect(&f, REL_E_BAD_OBJECT, "hash table");
	f = load("good-1");
	addr = extend(&f, "", 1);
	entry(&f, DT_GNU_HASH)->d_un.d_val = addr; /* no buckets: the loader would divide by their number */
	expect(&f, REL_E_BAD_OBJECT, "hash table");
}
END_TEST

START_TEST(name_that_is_no_text)
{
	struct file f = load("export-1");
	char *name = memmem(f.data, f.len, "loader_helper", sizeof("loader_helper"));
	ck_assert_ptr_nonnull(name);
	memcpy(name, "\xff\n", 2);
	expect(&f, REL_E_ELF_EXPORT, "exports ??ader_helper,");
}
END_TEST

/* Linkers leave hidden and local symbols out; one that does not says all the same that nobody else's is meant. */
START_TEST(symbol_of_its_own)
{
	struct file f = load("export-1");
	const char *names = f.data + entry(&f, DT_STRTAB)->d_un.d_val;
	ElfW(Sym) *s = (ElfW(Sym) *)(void *)(f.data + entry(&f, DT_SYMTAB)->d_un.d_val);
	while ((const char *)s < names && strcmp(names + s->st_name, "loader_helper") != 0)
		s++;
	ck_assert((const char *)s < names);
	if (_i == 0)
		s->st_other = STV_HIDDEN;
	else
		s->st_info = ELF64_ST_INFO(STB_LOCAL, STT_FUNC);
	expect(&f, REL_OK, NULL);
}
END_TEST

/* ------------------------------------------------------------------ anything */
static uint32_t
next(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

/* Bytes behind the program headers, in the tables at the beginning, the dynamic segment or anywhere; and
 * the places of the section table.  Whatever it says, it comes back. */
START_TEST(garbled)
{
	static const char *const files[] = {"good-1", "sysv", "by-path", "unique", "needs-module"};
	const struct file good = load(files[_i]);
	struct file f = good;
	uint32_t seed = 7 + (uint32_t)_i, refused = 0;
	size_t begin = head(&good)->e_phoff + head(&good)->e_phnum * sizeof(ElfW(Phdr));
	const ElfW(Phdr) *p = segment(&good, PT_DYNAMIC);
	f.data = malloc(f.len);
	ck_assert_ptr_nonnull(f.data);
	for (int round = 0; round < 3000; round++) {
		memcpy(f.data, good.data, f.len);
		for (uint32_t n = next(&seed) % 4 + 1; n > 0; n--) {
			size_t at[] = {begin + next(&seed) % 1024, p->p_offset + next(&seed) % p->p_filesz,
			    begin + next(&seed) % (f.len - begin),
			    offsetof(ElfW(Ehdr), e_shoff) + next(&seed) % sizeof(ElfW(Off)),
			    offsetof(ElfW(Ehdr), e_shentsize) + next(&seed) % 6};
			f.data[at[next(&seed) % NELEM(at)]] = (char)next(&seed);
		}
		refused += check(&f) != 0;
	}
	ck_assert_uint_gt(refused, 300);
	free(f.data);
	free(good.data);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("worker_dynamic");
	TCase *tc = tcase_create("dynamic");
	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, one_entry, 0, (int)NELEM(entries));
	tcase_add_test(tc, segments);
	tcase_add_test(tc, sections);
	tcase_add_test(tc, sizes);
	tcase_add_test(tc, name_that_is_no_text);
	tcase_add_loop_test(tc, symbol_of_its_own, 0, 2);
	tcase_add_loop_test(tc, garbled, 0, 5);
	suite_add_tcase(s, tc);
	SRunner *sr = srunner_create(s);
	srunner_run_all(sr, CK_SILENT);
	int failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
