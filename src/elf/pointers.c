/* SPDX-License-Identifier: Apache-2.0
 * Which members of a layout can point into a module's code and constants.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "elf/elf_priv.h"

#define BYTES_MAX    ((size_t)16 << 20) /* of all paths */
#define DEPTH_MAX    64
#define STEPS_MAX    200000u /* members looked at */
#define PATH_MAX_LEN 512

struct search {
	struct elf_pointers *out;
	bool *seen;                   /* by index of the type: a pointer led there */
	const struct elf_type **queue;
	const char **paths;
	size_t queued, steps;
	bool full;
};

/* `path` and `name` in the result's arena; one that grows past its bound keeps its beginning. */
static const char *
join(struct search *s, const char *path, const char *name)
{
	char text[PATH_MAX_LEN + 8];
	bool index = name[0] == '[';
	if (snprintf(text, PATH_MAX_LEN, "%s%s%s", path, path[0] != '\0' && !index ? "." : "",
		name) >= PATH_MAX_LEN)
		memcpy(text + PATH_MAX_LEN - 1, "…", sizeof("…"));
	const char *copy = rel_arena_strdup(s->out->arena, text);
	s->full = s->full || copy == NULL;
	return copy != NULL ? copy : "";
}

static void
found(struct search *s, const struct elf_type *t, const char *path)
{
	if (t->pointee == ELF_TO_FUNCTION || t->pointee == ELF_TO_CONST_CHAR) {
		if (s->out->count == ELF_POINTERS_MAX)
			s->out->more++;
		else
			s->out->list[s->out->count++] = (struct elf_pointer){path, t->pointee};
	}
	if (t->of != NULL && !s->seen[t->of->index]) {
		s->seen[t->of->index] = true;
		s->paths[s->queued] = join(s, path, "[]");
		s->queue[s->queued++] = t->of;
	}
}

static void
look(struct search *s, const struct elf_type *t, const char *path, int depth)
{
	if (s->full || depth == DEPTH_MAX || s->steps++ == STEPS_MAX) {
		s->full = true;
		return;
	}
	if (t->kind == ELF_POINTER)
		found(s, t, path);
	else if (t->kind == ELF_ARRAY && t->of != NULL)
		look(s, t->of, join(s, path, "[]"), depth + 1);
	else
		for (size_t i = 0; i < t->member_count && !s->full; i++)
			look(s, t->members[i].type, join(s, path, t->members[i].name), depth + 1);
}

void
elf_pointers_free(struct elf_pointers **pp)
{
	struct elf_pointers *p = *pp;
	*pp = NULL;
	if (p == NULL)
		return;
	rel_arena_free(&p->arena);
	free(p);
}

static struct elf_pointers *
pointers_new(void)
{
	struct elf_pointers *p = calloc(1, sizeof(*p));
	if (p == NULL)
		return NULL;
	p->arena = rel_arena_new(BYTES_MAX);
	if (p->arena != NULL)
		p->list = rel_arena_calloc(p->arena, ELF_POINTERS_MAX, sizeof(*p->list));
	if (p->list == NULL)
		elf_pointers_free(&p);
	return p;
}

static void
run(struct search *s, const struct elf_layout *l)
{
	if (l->root != NULL) {
		s->seen[l->root->index] = true;
		look(s, l->root, "", 0);
	}
	for (size_t i = 0; i < s->queued && !s->full; i++)
		look(s, s->queue[i], s->paths[i], 0);
	if (s->full && s->out->more == 0)
		s->out->more = 1; /* not all was looked at */
}

int
elf_layout_pointers(const struct elf_layout *l, struct elf_pointers **ret, struct rel_err *err)
{
	CLEANUP(elf_pointers_free) struct elf_pointers *out = pointers_new();
	struct search s = {.out = out};
	size_t n = l->type_count + 1;
	s.seen = calloc(n, sizeof(*s.seen));
	s.queue = calloc(n, sizeof(struct elf_type *));
	s.paths = calloc(n, sizeof(char *));
	bool memory = out != NULL && s.seen != NULL && s.queue != NULL && s.paths != NULL;
	if (memory)
		run(&s, l);
	free(s.paths);
	free(s.queue);
	free(s.seen);
	if (!memory)
		return rel_err_nomem(err);
	*ret = MOVE(out);
	return 0;
}
