/* SPDX-License-Identifier: Apache-2.0
 * Opening a module's object.  Its bytes were digested by relupd; here everything that would turn
 * into a signal or into the wrong code is looked at before the loader touches the file: its size,
 * the machine, that every part to be mapped is inside the file, what it asks of the loader
 * (dynamic.c), that no other handle answers to its name.  Then the exported table.  May run beside the loop: touches no worker.
 */
#include "config.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "worker/image_priv.h"
#include "worker/worker_priv.h"

#define VSN_MAX 64

/* This program's own header, made by the linker: tells the machine without a list of them. */
extern const ElfW(Ehdr) __ehdr_start;

static int
read_at(int fd, void *buf, size_t n, uint64_t at)
{
	return pread(fd, buf, n, (off_t)at) == (ssize_t)n ? 0 : -1;
}

static bool
inside(uint64_t at, uint64_t n, uint64_t size)
{
	return at <= size && n <= size - at;
}

static int
check_header(const ElfW(Ehdr) * h, uint64_t size, const char *path, struct rel_err *err)
{
	if (memcmp(h->e_ident, ELFMAG, SELFMAG) != 0)
		return rel_err_set(err, REL_E_BAD_OBJECT, "%s is not an ELF file", path);
	if (h->e_ident[EI_CLASS] != __ehdr_start.e_ident[EI_CLASS] ||
	    h->e_ident[EI_DATA] != __ehdr_start.e_ident[EI_DATA] ||
	    h->e_machine != __ehdr_start.e_machine)
		return rel_err_set(err, REL_E_BAD_OBJECT,
		    "%s is for another machine (ELF machine %u, this one is %u)", path,
		    h->e_machine, __ehdr_start.e_machine);
	if (h->e_type != ET_DYN)
		return rel_err_set(err, REL_E_BAD_OBJECT, "%s is not a shared object", path);
	if (h->e_phentsize != sizeof(ElfW(Phdr)) || h->e_phnum == 0 || h->e_phnum > IMAGE_SEGMENTS_MAX ||
	    !inside(h->e_phoff, h->e_phnum * sizeof(ElfW(Phdr)), size))
		return rel_err_set(
		    err, REL_E_BAD_OBJECT, "%s is damaged: its program headers", path);
	return 0;
}

/* Every mapped part inside the file; *ret_lo, *ret_hi: the pages they span, from 0. */
static int
check_segments(const ElfW(Phdr) * p, size_t n, uint64_t size, const char *path, uintptr_t *ret_lo,
    uintptr_t *ret_hi, struct rel_err *err)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), lo = UINTPTR_MAX, hi = 0;
	for (size_t i = 0; i < n; i++) {
		if (p[i].p_type != PT_LOAD)
			continue;
		uint64_t end;
		if (!inside(p[i].p_offset, p[i].p_filesz, size))
			return rel_err_set(err, REL_E_BAD_OBJECT,
			    "%s is cut off: it has %ju bytes, and a part of it ends at byte %ju",
			    path, (uintmax_t)size, (uintmax_t)(p[i].p_offset + p[i].p_filesz));
		if (p[i].p_filesz > p[i].p_memsz ||
		    __builtin_add_overflow(p[i].p_vaddr, p[i].p_memsz, &end) || end > INT64_MAX / 2)
			return rel_err_set(
			    err, REL_E_BAD_OBJECT, "%s is damaged: its segments", path);
		if (p[i].p_vaddr < lo)
			lo = p[i].p_vaddr;
		if (end > hi)
			hi = end;
	}
	if (hi == 0)
		return rel_err_set(err, REL_E_BAD_OBJECT, "%s has nothing to load", path);
	*ret_lo = lo & ~(page - 1);
	*ret_hi = (hi + page - 1) & ~(page - 1);
	return 0;
}

static int
check_file(const struct modrec *m, uintptr_t *ret_lo, uintptr_t *ret_hi, struct rel_err *err)
{
	CLEANUP(rel_fd_close) int fd = open(m->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return rel_err_sys(err, REL_E_BAD_OBJECT, errno, "cannot open %s", m->path);
	struct stat st;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return rel_err_set(err, REL_E_BAD_OBJECT, "%s is not a regular file", m->path);
	if (st.st_size != m->size)
		return rel_err_set(err, REL_E_BAD_OBJECT, "%s has %jd bytes; the release says %jd",
		    m->path, (intmax_t)st.st_size, (intmax_t)m->size);
	struct image im = {.path = m->path, .fd = fd, .size = (uint64_t)st.st_size};
	if (read_at(fd, &im.head, sizeof(im.head), 0) != 0)
		return rel_err_set(err, REL_E_BAD_OBJECT, "%s is not an ELF file", m->path);
	if (check_header(&im.head, im.size, m->path, err) != 0)
		return -1;
	if (read_at(fd, im.segments, im.head.e_phnum * sizeof(im.segments[0]), im.head.e_phoff) != 0)
		return rel_err_set(err, REL_E_BAD_OBJECT, "cannot read %s", m->path);
	if (check_segments(
		im.segments, im.head.e_phnum, im.size, m->path, ret_lo, ret_hi, err) != 0)
		return -1;
	return worker_dynamic_check(&im, err);
}

static int
map_object(struct object *o, struct rel_err *err)
{
	void *other = dlopen(o->path, RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD);
	if (other != NULL) {
		dlclose(other);
		return rel_err_set(err, REL_E_BAD_OBJECT,
		    "%s: the loader holds this file already under another name", o->path);
	}
	o->handle = dlopen(o->path, RTLD_NOW | RTLD_LOCAL);
	if (o->handle == NULL)
		return rel_err_set(err, REL_E_BAD_OBJECT, "cannot load %s: %s", o->path, dlerror());
	struct link_map *lm;
	if (dlinfo(o->handle, RTLD_DI_LINKMAP, &lm) != 0)
		return rel_err_set(err, REL_E_BAD_OBJECT, "cannot load %s: %s", o->path, dlerror());
	o->lo += lm->l_addr;
	o->hi += lm->l_addr;
	worker_pages_fetch(o->lo, o->hi);
	return 0;
}

static int
check_vsn(const char *vsn)
{
	if (vsn == NULL || vsn[0] == '\0' || strnlen(vsn, VSN_MAX + 1) > VSN_MAX)
		return -1;
	for (const char *c = vsn; *c != '\0'; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			return -1;
	json_t *s = json_string(vsn); /* NULL: not UTF-8 */
	json_decref(s);
	return s != NULL ? 0 : -1;
}

static int
check_functions(const struct object *o, struct rel_err *err)
{
	const struct relw_function *f = o->table->functions;
	for (size_t i = 0; f != NULL && f[i].name != NULL; i++) {
		if ((f[i].event == NULL) == (f[i].task == NULL))
			return rel_err_set(err, REL_E_BAD_MODULE,
			    "%s: function '%s' wants exactly one of event and task", o->path,
			    f[i].name);
		for (size_t j = 0; j < i; j++)
			if (strcmp(f[i].name, f[j].name) == 0)
				return rel_err_set(err, REL_E_BAD_MODULE,
				    "%s: function '%s' stands twice in the table", o->path,
				    f[i].name);
	}
	return 0;
}

static int
check_types(const struct object *o, struct rel_err *err)
{
	const struct relw_state_type *t = o->table->state_types;
	for (size_t i = 0; t != NULL && t[i].name != NULL; i++)
		for (size_t j = 0; j < i; j++)
			if (strcmp(t[i].name, t[j].name) == 0)
				return rel_err_set(err, REL_E_BAD_MODULE,
				    "%s: state type '%s' stands twice in the table", o->path,
				    t[i].name);
	return 0;
}

static int
check_table(const struct object *o, struct rel_err *err)
{
	const struct relw_module *t = o->table;
	if (t->abi != RELW_ABI)
		return rel_err_set(err, REL_E_BAD_ABI, "%s has module ABI %u; this runtime has %u",
		    o->path, t->abi, RELW_ABI);
	if (t->size < sizeof(*t))
		return rel_err_set(err, REL_E_BAD_ABI,
		    "%s: its table has %u bytes; ABI %u has at least %zu", o->path, t->size,
		    RELW_ABI, sizeof(*t));
	if (t->name == NULL || strcmp(t->name, o->module) != 0)
		return rel_err_set(err, REL_E_BAD_MODULE,
		    "%s is module '%.64s'; the release says '%s'", o->path,
		    t->name != NULL ? t->name : "", o->module);
	if (check_vsn(t->vsn) != 0)
		return rel_err_set(err, REL_E_BAD_MODULE,
		    "%s: its vsn is not a text of 1 to %d bytes", o->path, VSN_MAX);
	if ((t->flags & ~(uint32_t)(RELW_PINNED | RELW_IN_PLACE)) != 0 || t->reserved != 0)
		return rel_err_set(err, REL_E_BAD_MODULE, "%s: its flags %#x are not known here",
		    o->path, t->flags);
	if ((t->interface_name == NULL) != (t->interface == NULL))
		return rel_err_set(
		    err, REL_E_BAD_MODULE, "%s: interface_name and interface go together", o->path);
	return check_functions(o, err) != 0 ? -1 : check_types(o, err);
}

static int
open_object(struct object *o, const struct modrec *m, struct rel_err *err)
{
	snprintf(o->module, sizeof(o->module), "%s", m->module);
	snprintf(o->version, sizeof(o->version), "%s", m->version);
	snprintf(o->digest, sizeof(o->digest), "%s", m->digest);
	o->path = strdup(m->path);
	if (o->path == NULL)
		return rel_err_nomem(err);
	if (check_file(m, &o->lo, &o->hi, err) != 0 || map_object(o, err) != 0)
		return -1;
	o->table = dlsym(o->handle, "relw_module");
	/* dlsym also looks into the libraries the object needs: theirs would not be this module. */
	if (o->table == NULL || (uintptr_t)o->table < o->lo || (uintptr_t)o->table >= o->hi)
		return rel_err_set(
		    err, REL_E_BAD_MODULE, "%s does not export relw_module", o->path);
	return check_table(o, err);
}

struct object *
worker_object_open(const struct modrec *m, struct rel_err *err)
{
	struct object *o = calloc(1, sizeof(*o));
	if (o == NULL) {
		rel_err_nomem(err);
		return NULL;
	}
	if (open_object(o, m, err) != 0) {
		rel_err_wrap(err, "module %s", m->module);
		worker_object_free(&o);
	}
	return o;
}

void
worker_object_free(struct object **op)
{
	struct object *o = *op;
	*op = NULL;
	if (o == NULL)
		return;
	if (o->handle != NULL)
		dlclose(o->handle);
	free(o->path);
	free(o);
}
