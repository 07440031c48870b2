/* SPDX-License-Identifier: Apache-2.0
 * Names out of a file, made fit for a terminal.
 */
#include "config.h"

#include <string.h>

#include "elf/elf_priv.h"

static bool
plain(unsigned char c)
{
	return c >= ' ' && c < 0x7f && c != '\\';
}

const char *
elf_text_copy(struct rel_arena *arena, const char *s)
{
	static const char hex[] = "0123456789abcdef";
	size_t len = strnlen(s, ELF_NAME_MAX), need = 1;
	for (size_t i = 0; i < len; i++)
		need += plain((unsigned char)s[i]) ? 1 : 4;
	char *copy = rel_arena_alloc(arena, need);
	if (copy == NULL)
		return NULL;
	char *p = copy;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];
		if (plain(c)) {
			*p++ = (char)c;
			continue;
		}
		*p++ = '\\';
		*p++ = 'x';
		*p++ = hex[c >> 4];
		*p++ = hex[c & 15];
	}
	*p = '\0';
	return copy;
}

int
elf_full(const struct elf_module *m, struct rel_err *err)
{
	return rel_err_set(err, REL_E_LIMIT,
	    "%s: what it describes takes more than %zu MiB, or more than there is", m->name,
	    m->bounds->facts >> 20);
}
