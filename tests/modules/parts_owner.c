/* SPDX-License-Identifier: Apache-2.0
 * Test modules "parts_a", "parts_b", "parts_c" (OWNER 0, 1, 2) in versions 1 and 2 (PARTS), of different
 * layouts; version 2 converts both ways.  `extra`: {"refuse": N}: the part of number N.
 */
#include "config.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parts.h"

#if OWNER == 0
#define NAME "parts_a"
#elif OWNER == 1
#define NAME "parts_b"
#else
#define NAME "parts_c"
#endif
#define INSIDE (OWNER == 1) /* a part of parts_c, of the same number */

struct part_1 {
	struct ledger *ledger;
	int n;
	void *inside;
};

struct part_2 {
	char text[24]; /* the number */
	void *inside;
	struct ledger *ledger;
};

static void *
new_1(struct ledger *l, int n, void *inside)
{
	struct part_1 *p = malloc(sizeof(*p));
	if (p == NULL)
		return NULL;
	*p = (struct part_1){l, n, inside};
	l->live[OWNER][0]++;
	return p;
}

#if PARTS == 2
static void *
new_2(struct ledger *l, int n, void *inside)
{
	struct part_2 *p = malloc(sizeof(*p));
	if (p == NULL)
		return NULL;
	*p = (struct part_2){.inside = inside, .ledger = l};
	snprintf(p->text, sizeof(p->text), "%d", n);
	l->live[OWNER][1]++;
	return p;
}
#endif

#if PARTS == 1
#define new_part new_1
#define INSIDE_OF(p) (((const struct part_1 *)(p))->inside)
#define NUMBER(p)    (((const struct part_1 *)(p))->n)
#define LEDGER(p)    (((const struct part_1 *)(p))->ledger)
#else
#define new_part new_2
#define INSIDE_OF(p) (((const struct part_2 *)(p))->inside)
#define NUMBER(p)    (atoi(((const struct part_2 *)(p))->text))
#define LEDGER(p)    (((const struct part_2 *)(p))->ledger)
#endif

/* Its own memory alone: what is inside is discarded by its owner. */
static void
discard(struct relw *rw, void *part)
{
	(void)rw;
	LEDGER(part)->live[OWNER][PARTS - 1]--;
	free(part);
}

static void *
make(struct relw *rw, struct ledger *l, int n)
{
	void *inside = NULL;
	if (INSIDE && (inside = RELW_IMPORT(rw, 0, struct parts)->make(RELW_CALLEE(rw, 0), l, n)) == NULL)
		return NULL;
	return new_part(l, n, inside);
}

static int
value(struct relw *rw, const void *part)
{
	int n = NUMBER(part);
	if (INSIDE && RELW_IMPORT(rw, 0, struct parts)->value(RELW_CALLEE(rw, 0), INSIDE_OF(part)) != n)
		return -1;
	return n;
}

static void
drop(struct relw *rw, void *part)
{
	if (INSIDE)
		RELW_IMPORT(rw, 0, struct parts)->drop(RELW_CALLEE(rw, 0), INSIDE_OF(part));
	discard(rw, part);
}

#if PARTS == 2
static int
convert(struct relw *rw, const struct relw_change *change, void *old, void **ret_new)
{
	const struct part_1 *one = old;
	const struct part_2 *two = old;
	bool up = change->mode == RELW_UP;
	int n = up ? one->n : atoi(two->text), refuse = -1;
	void *inside = NULL;
	(void)sscanf(change->extra, "{\"refuse\":%d}", &refuse);
	if (INSIDE) {
		int rc = relw_txn_convert(rw, "parts_c", "part", up ? one->inside : two->inside, &inside);
		if (rc != 0)
			return rc;
	}
	if (n == refuse) /* what is inside is converted already */
		return relw_refuse(rw, "part %d is ill", n);
	*ret_new = up ? new_2(one->ledger, n, inside) : new_1(two->ledger, n, inside);
	return *ret_new != NULL ? 0 : -1;
}
#endif

static const struct parts interface = {make, value, drop};
#if PARTS == 1
RELW_STATE(part, struct part_1);
#else
RELW_STATE(part, struct part_2);
#endif
static const struct relw_state_type types[] = {
    {.name = "part",
	.version = PARTS,
#if PARTS == 2
	.convert = convert,
#endif
	.discard = discard},
    {0},
};
static const struct relw_import imports[] = {
#if INSIDE
    {"parts_c", "parts/1"},
#endif
    {0},
};

RELW_EXPORT const struct relw_module relw_module = {
    RELW_MODULE(NAME, PARTS == 1 ? "1" : "2"),
    .interface_name = "parts/1",
    .interface = &interface,
    .imports = imports,
    .state_types = types,
};
