/* SPDX-License-Identifier: Apache-2.0
 * Two layouts side by side.  Members are matched by name.  What a pointer leads to is compared
 * once for each pair of types, after what holds the pointer, so the paths are short and circles
 * end; two circles are equal where no walk through them finds a difference.
 */
#include "config.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "elf/elf_priv.h"

#define DIFF_BYTES_MAX ((size_t)32 << 20) /* of all paths and texts */
#define PAIRS_MAX      65536u
#define SLOTS          (PAIRS_MAX * 2)
#define DEPTH_MAX      64 /* structs and arrays in each other */
#define PATH_MAX_LEN   512

struct pair {
	const struct elf_type *a, *b;
	const char *path;             /* queued: where a pointer leads to them first */
	bool clean;                   /* compared, and nothing was found in what they hold */
	bool open;                    /* being compared */
};

struct comparison {
	struct elf_diffs *out;
	struct pair *pairs;           /* of structs that were met */
	uint32_t *slots;
	size_t count;
	size_t *queue;                /* indexes of pairs that pointers lead to */
	size_t queued;
	bool full;
};

static void compare(struct comparison *c, const struct elf_type *a, const struct elf_type *b,
    const char *path, int depth);

/* ------------------------------------------------------------------ words */
static void
type_text(const struct elf_type *t, char *buf, size_t size, int depth)
{
	char of[128];
	if (depth == 4) {
		snprintf(buf, size, "…");
	} else if (t->kind == ELF_POINTER) {
		if (t->of != NULL)
			type_text(t->of, of, sizeof(of), depth + 1);
		else
			snprintf(of, sizeof(of), "%s%.100s",
			    t->pointee == ELF_TO_CONST_CHAR ? "const " : "", t->target);
		snprintf(buf, size, "%s *", of);
	} else if (t->kind == ELF_ARRAY) {
		const struct elf_type *element = t;
		size_t n = 0;
		char dims[64] = "";
		for (; element != NULL && element->kind == ELF_ARRAY && n < sizeof(dims) - 24;
		     element = element->of)
			n += (size_t)snprintf(
			    dims + n, sizeof(dims) - n, "[%" PRIu64 "]", element->count);
		snprintf(of, sizeof(of), "…");
		if (element != NULL)
			type_text(element, of, sizeof(of), depth + 1);
		snprintf(buf, size, "%s%s", of, dims);
	} else {
		snprintf(buf, size, "%.120s", t->name);
	}
}

/* A text in the result's arena; NULL (and c->full): no room. */
static const char *
keep(struct comparison *c, const char *s)
{
	const char *copy = rel_arena_strdup(c->out->arena, s);
	if (copy == NULL)
		c->full = true;
	return copy;
}

static void found(struct comparison *c, enum elf_change change, const char *path, const char *fmt,
    ...) RTE_PRINTF(4, 5);

static void
found(struct comparison *c, enum elf_change change, const char *path, const char *fmt, ...)
{
	char text[512];
	if (c->full || c->out->count == ELF_DIFFS_MAX) {
		c->out->more++;
		return;
	}
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	struct elf_diff d = {change, keep(c, path), keep(c, text)};
	if (c->full)
		c->out->more++;
	else
		c->out->list[c->out->count++] = d;
}

static void
retyped(struct comparison *c, enum elf_change change, const char *path, const struct elf_type *a,
    const struct elf_type *b)
{
	char x[256], y[256];
	type_text(a, x, sizeof(x), 0);
	type_text(b, y, sizeof(y), 0);
	if (strcmp(x, y) != 0)
		found(c, change, path, "%s → %s", x, y);
	else
		found(c, change, path, "%s of %" PRIu64 " bytes → another %s of %" PRIu64 " bytes",
		    x, a->size, y, b->size);
}

/* path + "." + name; one that grows past its bound keeps its beginning. */
static const char *
join(struct comparison *c, const char *path, const char *name)
{
	char text[PATH_MAX_LEN + 8];
	bool index = name[0] == '[';
	int n = snprintf(
	    text, PATH_MAX_LEN, "%s%s%s", path, path[0] != '\0' && !index ? "." : "", name);
	if (n >= PATH_MAX_LEN)
		memcpy(text + PATH_MAX_LEN - 1, "…", sizeof("…"));
	const char *copy = keep(c, text);
	return copy != NULL ? copy : "";
}

/* ------------------------------------------------------------------ pairs */
static struct pair *
pair_of(struct comparison *c, const struct elf_type *a, const struct elf_type *b)
{
	uint64_t i =
	    (a->index * UINT64_C(0x9e3779b97f4a7c15) + b->index) * UINT64_C(0xc4ceb9fe1a85ec53) >>
	    32;
	for (;; i++) {
		uint32_t *slot = &c->slots[i & (SLOTS - 1)];
		if (*slot != 0) {
			struct pair *p = &c->pairs[*slot - 1];
			if (p->a == a && p->b == b)
				return p;
			continue;
		}
		if (c->count == PAIRS_MAX) {
			c->full = true;
			return NULL;
		}
		c->pairs[c->count] = (struct pair){.a = a, .b = b};
		*slot = (uint32_t)++c->count;
		return &c->pairs[c->count - 1];
	}
}

static void
enqueue(struct comparison *c, const struct elf_type *a, const struct elf_type *b, const char *path)
{
	struct pair *p = pair_of(c, a, b);
	if (p == NULL || p->path != NULL)
		return;
	p->path = path;
	c->queue[c->queued++] = (size_t)(p - c->pairs);
}

/* ------------------------------------------------------------------ members */
static const struct elf_member *
find_member(const struct elf_type *t, const char *name, size_t hint)
{
	if (hint < t->member_count && strcmp(t->members[hint].name, name) == 0)
		return &t->members[hint];
	for (size_t i = 0; i < t->member_count; i++)
		if (strcmp(t->members[i].name, name) == 0)
			return &t->members[i];
	return NULL;
}

static void
one_sided(
    struct comparison *c, enum elf_change change, const char *path, const struct elf_member *m)
{
	const char *word = change == ELF_ADDED ? "new" : "removed";
	const char *was = change == ELF_ADDED ? "" : "was ";
	if (m->bits != 0)
		found(c, change, path, "%s, %s%u bits at bit %" PRIu64, word, was, m->bits,
		    m->first_bit);
	else
		found(c, change, path, "%s, %s%" PRIu64 " bytes at %" PRIu64, word, was,
		    m->type->size, m->offset);
}

static void
compare_members(struct comparison *c, const struct elf_member *a, const struct elf_member *b,
    const char *path, int depth)
{
	bool bits = a->bits != 0 && b->bits != 0;
	if (bits && a->first_bit != b->first_bit)
		found(c, ELF_MOVED, path, "moved from bit %" PRIu64 " to %" PRIu64, a->first_bit,
		    b->first_bit);
	if (!bits && a->offset != b->offset)
		found(
		    c, ELF_MOVED, path, "moved from %" PRIu64 " to %" PRIu64, a->offset, b->offset);
	if (bits && a->bits != b->bits)
		found(c, ELF_RETYPED, path, "%u bits → %u bits", a->bits, b->bits);
	else if (a->bits != b->bits)
		found(c, ELF_RETYPED, path, "%s a bit-field",
		    b->bits != 0 ? "has become" : "is no longer");
	compare(c, a->type, b->type, path, depth + 1);
}

static void
compare_structs(struct comparison *c, const struct elf_type *a, const struct elf_type *b,
    const char *path, int depth)
{
	if (a->size != b->size)
		found(c, ELF_RESIZED, path, "%" PRIu64 " bytes → %" PRIu64 " bytes", a->size,
		    b->size);
	for (size_t i = 0; i < a->member_count && !c->full; i++) {
		const struct elf_member *m = &a->members[i];
		const struct elf_member *other = find_member(b, m->name, i);
		const char *at = join(c, path, m->name);
		if (other == NULL)
			one_sided(c, ELF_REMOVED, at, m);
		else
			compare_members(c, m, other, at, depth);
	}
	for (size_t i = 0; i < b->member_count && !c->full; i++) {
		const struct elf_member *m = &b->members[i];
		if (find_member(a, m->name, i) == NULL)
			one_sided(c, ELF_ADDED, join(c, path, m->name), m);
	}
}

/* Once for a pair that holds no difference.  One that does is told of wherever it stands, which is
 * bounded by the number of differences. */
static void
compare_pair(struct comparison *c, const struct elf_type *a, const struct elf_type *b,
    const char *path, int depth)
{
	struct pair *p = pair_of(c, a, b);
	if (p == NULL || p->clean || p->open)
		return;
	size_t before = c->out->count + c->out->more;
	p->open = true;
	compare_structs(c, a, b, path, depth);
	p->open = false;
	p->clean = !c->full && c->out->count + c->out->more == before;
}

/* ------------------------------------------------------------------ other kinds */
static const struct elf_constant *
find_constant(const struct elf_type *t, const char *name, size_t hint)
{
	if (hint < t->constant_count && strcmp(t->constants[hint].name, name) == 0)
		return &t->constants[hint];
	for (size_t i = 0; i < t->constant_count; i++)
		if (strcmp(t->constants[i].name, name) == 0)
			return &t->constants[i];
	return NULL;
}

static void
compare_enums(
    struct comparison *c, const struct elf_type *a, const struct elf_type *b, const char *path)
{
	if (a->size != b->size)
		retyped(c, ELF_RETYPED, path, a, b);
	for (size_t i = 0; i < a->constant_count; i++) {
		const struct elf_constant *x = &a->constants[i];
		const struct elf_constant *y = find_constant(b, x->name, i);
		if (y == NULL)
			found(c, ELF_CONSTANT, path, "constant %.100s = %" PRId64 " is gone",
			    x->name, x->value);
		else if (x->value != y->value)
			found(c, ELF_CONSTANT, path, "constant %.100s: %" PRId64 " → %" PRId64,
			    x->name, x->value, y->value);
	}
	for (size_t i = 0; i < b->constant_count; i++)
		if (find_constant(a, b->constants[i].name, i) == NULL)
			found(c, ELF_CONSTANT, path, "new constant %.100s = %" PRId64,
			    b->constants[i].name, b->constants[i].value);
}

static void
compare_pointers(
    struct comparison *c, const struct elf_type *a, const struct elf_type *b, const char *path)
{
	bool both = a->of != NULL && b->of != NULL;
	if (a->pointee != b->pointee || (!both && (a->of != NULL || b->of != NULL)) ||
	    (!both && strcmp(a->target, b->target) != 0))
		retyped(c, ELF_REPOINTED, path, a, b);
	else if (both)
		enqueue(c, a->of, b->of, join(c, path, "[]"));
}

/* All dimensions at once, then the element. */
static void
compare_arrays(struct comparison *c, const struct elf_type *a, const struct elf_type *b,
    const char *path, int depth)
{
	const struct elf_type *x = a, *y = b;
	const char *at = path;
	bool same = true;
	for (; x != NULL && y != NULL && x->kind == ELF_ARRAY && y->kind == ELF_ARRAY; depth++) {
		if (c->full || depth == DEPTH_MAX) {
			c->full = true;
			return;
		}
		same = same && x->count == y->count;
		at = join(c, at, "[]");
		x = x->of;
		y = y->of;
	}
	if (!same)
		retyped(c, ELF_RETYPED, path, a, b);
	if (x != NULL && y != NULL)
		compare(c, x, y, at, depth);
}

static void
compare(struct comparison *c, const struct elf_type *a, const struct elf_type *b, const char *path,
    int depth)
{
	if (c->full || depth == DEPTH_MAX) {
		c->full = true;
		return;
	}
	if (a->kind != b->kind) {
		retyped(c, ELF_RETYPED, path, a, b);
		return;
	}
	switch (a->kind) {
	case ELF_BASE:
		if (a->encoding != b->encoding || a->size != b->size)
			retyped(c, ELF_RETYPED, path, a, b);
		break;
	case ELF_ENUM:
		compare_enums(c, a, b, path);
		break;
	case ELF_STRUCT:
	case ELF_UNION:
		compare_pair(c, a, b, path, depth);
		break;
	case ELF_ARRAY:
		compare_arrays(c, a, b, path, depth);
		break;
	case ELF_POINTER:
		compare_pointers(c, a, b, path);
		break;
	case ELF_OPAQUE:
		if (a->size != b->size || strcmp(a->name, b->name) != 0)
			retyped(c, ELF_RETYPED, path, a, b);
		break;
	}
}

/* ------------------------------------------------------------------ the whole */
void
elf_diffs_free(struct elf_diffs **dp)
{
	struct elf_diffs *d = *dp;
	*dp = NULL;
	if (d == NULL)
		return;
	rel_arena_free(&d->arena);
	free(d);
}

static struct elf_diffs *
diffs_new(void)
{
	struct elf_diffs *d = calloc(1, sizeof(*d));
	if (d == NULL)
		return NULL;
	d->arena = rel_arena_new(DIFF_BYTES_MAX);
	if (d->arena != NULL)
		d->list = rel_arena_calloc(d->arena, ELF_DIFFS_MAX, sizeof(*d->list));
	if (d->list == NULL)
		elf_diffs_free(&d);
	return d;
}

static void
run(struct comparison *c, const struct elf_layout *a, const struct elf_layout *b)
{
	compare(c, a->root, b->root, "", 0);
	for (size_t i = 0; i < c->queued && !c->full; i++) {
		const struct pair p = c->pairs[c->queue[i]];
		compare(c, p.a, p.b, p.path, 0);
	}
	if (c->full && c->out->more == 0)
		c->out->more = 1; /* not all was looked at */
}

int
elf_layout_compare(const struct elf_layout *a, const struct elf_layout *b, struct elf_diffs **ret,
    struct rel_err *err)
{
	MUST(a->root != NULL && b->root != NULL);
	CLEANUP(elf_diffs_free) struct elf_diffs *out = diffs_new();
	struct comparison c = {.out = out};
	c.pairs = calloc(PAIRS_MAX, sizeof(*c.pairs));
	c.slots = calloc(SLOTS, sizeof(*c.slots));
	c.queue = calloc(PAIRS_MAX, sizeof(*c.queue));
	bool memory = out != NULL && c.pairs != NULL && c.slots != NULL && c.queue != NULL;
	if (memory)
		run(&c, a, b);
	free(c.queue);
	free(c.slots);
	free(c.pairs);
	if (!memory)
		return rel_err_nomem(err);
	*ret = MOVE(out);
	return 0;
}
