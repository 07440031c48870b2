/* SPDX-License-Identifier: Apache-2.0
 * Is this file a whole shared object of this machine?  dlopen() of a file that was cut off maps
 * pages behind its end and dies of SIGBUS, so this is asked before.  Only headers are read, each
 * number is checked before it is used, and nothing of the file is mapped.
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <link.h>
#include <string.h>
#include <unistd.h>

#include "store/store_priv.h"

#define PHDR_MAX 512

/* The header of the program we run in, laid in memory by the linker: what "this machine" is. */
extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

static int
read_at(int fd, void *buf, size_t size, uint64_t at, const char *what, struct rel_err *err)
{
	size_t n = 0;
	while (n < size) {
		ssize_t r = pread(fd, (char *)buf + n, size - n, (off_t)(at + n));
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return rel_err_sys(err, REL_E_IO, errno, "cannot read %s", what);
		if (r == 0)
			return rel_err_set(err, REL_E_BAD_OBJECT, "%s ends inside its headers", what);
		n += (size_t)r;
	}
	return 0;
}

static bool
inside(uint64_t offset, uint64_t len, uint64_t size)
{
	return offset <= size && len <= size - offset;
}

static int
check_kind(const ElfW(Ehdr) *eh, const char *what, struct rel_err *err)
{
	const unsigned char *id = eh->e_ident;
	if (memcmp(id, ELFMAG, SELFMAG) != 0)
		return rel_err_set(err, REL_E_BAD_OBJECT, "%s is not an ELF file", what);
	if (id[EI_CLASS] != __ehdr_start.e_ident[EI_CLASS] ||
	    id[EI_DATA] != __ehdr_start.e_ident[EI_DATA] ||
	    eh->e_machine != __ehdr_start.e_machine)
		return rel_err_set(err, REL_E_BAD_OBJECT,
		    "%s is built for another machine (ELF machine %u; this one is %u)", what,
		    (unsigned)eh->e_machine, (unsigned)__ehdr_start.e_machine);
	if (id[EI_VERSION] != EV_CURRENT || eh->e_version != EV_CURRENT)
		return rel_err_set(err, REL_E_BAD_OBJECT, "%s is of an unknown ELF version", what);
	if (eh->e_type != ET_DYN)
		return rel_err_set(err, REL_E_BAD_OBJECT,
		    "%s is not a shared object (ELF type %u)", what, (unsigned)eh->e_type);
	return 0;
}

/* The section table is not loaded, but it is the last thing in a file: where it lies behind the end,
 * the file was cut off, even if every segment still happens to be there. */
static int
check_tables(const ElfW(Ehdr) *eh, uint64_t size, const char *what, struct rel_err *err)
{
	if (eh->e_phentsize != sizeof(ElfW(Phdr)) || eh->e_phnum == 0 || eh->e_phnum > PHDR_MAX)
		return rel_err_set(err, REL_E_BAD_OBJECT, "%s has a bad program header table", what);
	if (!inside(eh->e_phoff, (uint64_t)eh->e_phnum * sizeof(ElfW(Phdr)), size))
		return rel_err_set(err, REL_E_BAD_OBJECT,
		    "%s is cut off: its program headers lie behind its end", what);
	if (eh->e_shoff != 0 &&
	    !inside(eh->e_shoff, (uint64_t)eh->e_shnum * eh->e_shentsize, size))
		return rel_err_set(err, REL_E_BAD_OBJECT,
		    "%s is cut off: its section headers lie behind its end", what);
	return 0;
}

int
store_elf_check(int fd, uint64_t size, const char *what, struct rel_err *err)
{
	ElfW(Ehdr) eh;
	ElfW(Phdr) ph[PHDR_MAX];
	bool load = false, dynamic = false;
	if (read_at(fd, &eh, sizeof(eh), 0, what, err) != 0 || check_kind(&eh, what, err) != 0 ||
	    check_tables(&eh, size, what, err) != 0 ||
	    read_at(fd, ph, eh.e_phnum * sizeof(*ph), eh.e_phoff, what, err) != 0)
		return -1;
	for (unsigned i = 0; i < eh.e_phnum; i++) {
		if (ph[i].p_type != PT_LOAD && ph[i].p_type != PT_DYNAMIC)
			continue;
		if (!inside(ph[i].p_offset, ph[i].p_filesz, size))
			return rel_err_set(err, REL_E_BAD_OBJECT,
			    "%s is cut off: segment %u ends at byte %ju, the file at %" PRIu64, what, i,
			    (uintmax_t)ph[i].p_offset + ph[i].p_filesz, size);
		if (ph[i].p_filesz > ph[i].p_memsz)
			return rel_err_set(err, REL_E_BAD_OBJECT,
			    "segment %u of %s is longer in the file than in memory", i, what);
		load = load || ph[i].p_type == PT_LOAD;
		dynamic = dynamic || ph[i].p_type == PT_DYNAMIC;
	}
	if (!load || !dynamic)
		return rel_err_set(err, REL_E_BAD_OBJECT, "%s has no %s segment", what,
		    load ? "dynamic" : "loadable");
	return 0;
}
