/* SPDX-License-Identifier: Apache-2.0
 * State types whose C types are found by name, or not at all; and one whose anchor says otherwise.
 */
#include "worker/relworker.h"

struct plain {
	int a;
};

typedef struct {
	int b;
} by_typedef;

struct counted_v7 {
	int c;
};

typedef struct counted_v8_struct {
	int d;
} counted_v8;

struct elsewhere {
	int e;
};

struct anchored { /* not the one */
	int f;
};

struct _library { /* by its name the C library's */
	void (*hook)(void);
};

struct keeper {
	struct _library *library;
	struct _library inside;
};

/* Used, or the compiler would not describe them. */
int names_sum(const struct plain *, const by_typedef *, const struct counted_v7 *, const counted_v8 *,
    const struct anchored *, const struct keeper *);
int
names_sum(const struct plain *p, const by_typedef *t, const struct counted_v7 *v,
    const counted_v8 *w, const struct anchored *x, const struct keeper *k)
{
	return p->a + t->b + v->c + w->d + x->f + (k->library->hook == k->inside.hook);
}

RELW_STATE(anchored, struct elsewhere);
RELW_STATE(scalar, unsigned long);

RELW_EXPORT extern const struct relw_module relw_module;
const struct relw_module relw_module = {RELW_MODULE("names", "1")};
