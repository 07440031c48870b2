/* SPDX-License-Identifier: Apache-2.0
 * The table relw_module by itself: what a worker refuses when it opens the module (worker/object.c), told
 * before anything runs.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "check/check_priv.h"

#define VSN_MAX	    64u
#define FLAGS_KNOWN (ELF_FLAG_PINNED | ELF_FLAG_IN_PLACE)

struct look {
	const struct rel_pos *pos;
	const struct elf_table *t;
	struct doc_problems *p;
};

static void
error(const struct look *l, const char *text)
{
	doc_find(l->p, DOC_ERROR, l->pos, REL_E_BAD_MODULE, "%s", text);
}

/* ------------------------------------------------------------------ vsn */
static unsigned
hex(char c)
{
	return c >= 'a' ? (unsigned)(c - 'a') + 10 : (unsigned)(c - '0');
}

/* Texts of a table come as plain ones, in which \xHH is a byte that was none; so is each backslash.  The bytes
 * themselves; more than VSN_MAX of them: the first ones. */
static size_t
bytes_of(const char *text, char *buf)
{
	size_t n = 0;
	for (; *text != '\0' && n <= VSN_MAX; text++) {
		bool escaped = *text == '\\';
		buf[n++] = escaped ? (char)(hex(text[2]) << 4 | hex(text[3])) : *text;
		text += escaped ? 3 : 0;
	}
	return n;
}

static void
vsn(const struct look *l)
{
	char text[VSN_MAX + 1];
	size_t n = bytes_of(l->t->vsn, text), at = 0, len = 1;
	bool control = false;
	if (n == 0)
		error(l, "its table gives no vsn");
	if (n > VSN_MAX)
		doc_find(l->p, DOC_ERROR, l->pos, REL_E_BAD_MODULE,
		    "its table gives a vsn of more than %u bytes, which no worker loads", VSN_MAX);
	for (size_t i = 0; i < n; i++)
		control |= (unsigned char)text[i] < ' ' || text[i] == 0x7f;
	if (control)
		doc_find(l->p, DOC_ERROR, l->pos, REL_E_BAD_MODULE,
		    "its table gives a vsn with control characters, which no worker loads: '%s'", l->t->vsn);
	for (; at < n && len > 0; at += len)
		len = rel_utf8_len(text + at, n - at);
	if (len == 0 && n <= VSN_MAX)
		doc_find(l->p, DOC_ERROR, l->pos, REL_E_BAD_MODULE,
		    "its table gives a vsn that is not UTF-8, which no worker loads: '%s'", l->t->vsn);
}

/* ------------------------------------------------------------------ flags, lists */
static void
flags(const struct look *l)
{
	if ((l->t->flags & ~FLAGS_KNOWN) != 0 || l->t->reserved != 0)
		doc_find(l->p, DOC_ERROR, l->pos, REL_E_BAD_MODULE,
		    "its table has %s %#x, which no worker of this runtime knows: it is not loaded",
		    l->t->reserved != 0 ? "in `reserved`" : "the flags", l->t->reserved != 0 ? l->t->reserved : l->t->flags);
	if (l->t->interface_named != l->t->interface)
		error(l, l->t->interface ? "its table has an interface without an interface_name: no worker loads it"
					 : "its table has an interface_name without an interface: no worker loads it");
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Each name that stands there more than once, once; takes the list to pieces. */
static void
twice(const struct look *l, const char **names, size_t count, const char *what)
{
	qsort(names, count, sizeof(*names), by_text);
	for (size_t i = 1; i < count; i++)
		if (strcmp(names[i], names[i - 1]) == 0 && (i == 1 || strcmp(names[i], names[i - 2]) != 0))
			doc_find(l->p, DOC_ERROR, l->pos, REL_E_BAD_MODULE,
			    "its table has the %s '%s' twice: no worker loads it", what, names[i]);
}

static void
lists(const struct look *l)
{
	const struct elf_table *t = l->t;
	CLEANUP(rel_free_cleanup) const char **names = calloc(t->function_count + t->state_type_count + 1,
	    sizeof(*names));
	if (names == NULL) {
		doc_problem(l->p, NULL, REL_E_NOMEM, "out of memory");
		return;
	}
	for (size_t i = 0; i < t->function_count; i++) {
		names[i] = t->functions[i].name;
		if (t->functions[i].event == t->functions[i].task)
			doc_find(l->p, DOC_ERROR, l->pos, REL_E_BAD_MODULE,
			    "function '%s' of its table has %s of event and task, and no worker loads it: exactly one is wanted",
			    t->functions[i].name, t->functions[i].event ? "both" : "neither");
	}
	twice(l, names, t->function_count, "function");
	for (size_t i = 0; i < t->state_type_count; i++)
		names[i] = t->state_types[i].name;
	twice(l, names, t->state_type_count, "state type");
}

/* ------------------------------------------------------------------ the whole */
void
check_table(const struct rel_pos *pos, const char *module, const struct elf_table *t, struct doc_problems *p)
{
	const struct look l = {pos, t, p};
	switch (t->state) {
	case ELF_TABLE_ABSENT:
		error(&l, "has no symbol relw_module: it is no module of a worker");
		return;
	case ELF_TABLE_OTHER:
		doc_find(p, DOC_ERROR, pos, REL_E_BAD_ABI, "its table is of ABI %u and %u bytes; this is ABI %u", t->abi,
		    t->size, ELF_TABLE_ABI);
		return;
	case ELF_TABLE_UNREADABLE:
		doc_find(p, DOC_ERROR, pos, REL_E_BAD_MODULE, "its table cannot be read: %s", t->note);
		return;
	case ELF_TABLE_READ:
		break;
	}
	if (module != NULL && strcmp(t->name, module) != 0)
		doc_find(p, DOC_ERROR, pos, REL_E_BAD_MODULE, "its table calls it '%s', and its file %s", t->name, module);
	vsn(&l);
	flags(&l);
	lists(&l);
}
