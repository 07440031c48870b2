/* SPDX-License-Identifier: Apache-2.0
 * One text for all equal layouts.  Types form graphs with circles, and the same layout may be
 * written as several graphs (a struct used twice, or two structs that look alike), so what is
 * wanted is a digest of what can be seen by walking from the root.  Each type gets a colour from
 * what it is and from the colours of the types it refers to, again and again, until no two types
 * of one colour are told apart any more and every type has had its say in the root's colour; then
 * that is the same for all such graphs, and for no other.
 */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "elf/elf_priv.h"

struct painter {
	const struct elf_layout *l;
	uint64_t seed;
	uint64_t *local;              /* of each type: what does not depend on others */
	uint64_t *members;            /* of all members, type by type: the same */
	uint64_t *now, *next, *sorted; /* colours */
};

static uint64_t
mix(uint64_t h, uint64_t v)
{
	h ^= v;
	h *= UINT64_C(0xff51afd7ed558ccd);
	h ^= h >> 32;
	h *= UINT64_C(0xc4ceb9fe1a85ec53);
	return h ^ h >> 29;
}

static uint64_t
mix_text(uint64_t h, const char *s)
{
	for (; *s != '\0'; s++)
		h = (h ^ (unsigned char)*s) * UINT64_C(0x100000001b3);
	return mix(h, 0);
}

/* Sums, because the order of the members of a union and of constants is no part of the layout. */
static uint64_t
local_of(const struct painter *p, const struct elf_type *t)
{
	uint64_t h = mix(p->seed, (uint64_t)t->kind), sum = 0;
	if (t->kind != ELF_ARRAY && t->kind != ELF_POINTER)
		h = mix(h, t->size);
	h = mix(h, t->encoding);
	h = mix(h, t->count);
	h = mix(h, (uint64_t)t->pointee);
	h = mix_text(h, t->target);
	if (t->kind == ELF_OPAQUE)
		h = mix_text(h, t->name);
	for (size_t i = 0; i < t->constant_count; i++)
		sum +=
		    mix_text(mix(p->seed, (uint64_t)t->constants[i].value), t->constants[i].name);
	return mix(h, sum);
}

static uint64_t
member_of(const struct painter *p, const struct elf_member *m)
{
	uint64_t h = mix(mix(p->seed, m->bits), m->bits != 0 ? m->first_bit : m->offset);
	return mix_text(h, m->name);
}

static void
paint(struct painter *p)
{
	size_t at = 0;
	for (size_t i = 0; i < p->l->type_count; i++) {
		const struct elf_type *t = p->l->types[i];
		uint64_t sum = 0;
		for (size_t k = 0; k < t->member_count; k++)
			sum += mix(p->members[at++], p->now[t->members[k].type->index]);
		p->next[i] = mix(mix(p->local[i], sum), t->of != NULL ? p->now[t->of->index] : 0);
	}
	uint64_t *was = p->now;
	p->now = p->next;
	p->next = was;
}

static int
by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	return *x < *y ? -1 : *x > *y;
}

static size_t
colours(struct painter *p)
{
	size_t n = p->l->type_count, distinct = 0;
	memcpy(p->sorted, p->now, n * sizeof(*p->sorted));
	qsort(p->sorted, n, sizeof(*p->sorted), by_value);
	for (size_t i = 0; i < n; i++)
		distinct += i == 0 || p->sorted[i] != p->sorted[i - 1];
	return distinct;
}

static uint64_t
root_colour(struct painter *p, uint64_t seed)
{
	size_t at = 0, had = 0, have = 1, rounds = 0;
	p->seed = seed;
	for (size_t i = 0; i < p->l->type_count; i++) {
		const struct elf_type *t = p->l->types[i];
		p->local[i] = local_of(p, t);
		p->now[i] = 0;
		for (size_t k = 0; k < t->member_count; k++)
			p->members[at++] = member_of(p, &t->members[k]);
	}
	for (; have > had; rounds++) {
		had = have;
		paint(p);
		have = colours(p);
	}
	/* All types that differ have different colours now.  That of the root knows about all of
	 * them only when what is farthest away has reached it; twice the colours are enough to tell
	 * this graph from any other one that has as many. */
	for (; rounds <= 2 * have; rounds++)
		paint(p);
	return p->now[p->l->root->index];
}

int
elf_layout_identify(struct elf_layout *l)
{
	size_t n = l->type_count, members = 0;
	for (size_t i = 0; i < n; i++)
		members += l->types[i]->member_count;
	uint64_t *memory = calloc(4 * n + members, sizeof(*memory));
	if (memory == NULL)
		return -1;
	struct painter p = {.l = l,
	    .local = memory,
	    .now = memory + n,
	    .next = memory + 2 * n,
	    .sorted = memory + 3 * n,
	    .members = memory + 4 * n};
	uint64_t high = root_colour(&p, UINT64_C(0x9e3779b97f4a7c15));
	uint64_t low = root_colour(&p, UINT64_C(0xd1b54a32d192ed03));
	snprintf(l->id, sizeof(l->id), "%016" PRIx64 "%016" PRIx64, high, low);
	free(memory);
	return 0;
}
