/* SPDX-License-Identifier: Apache-2.0
 * A state type with everything that a layout can hold.  Each macro below changes one thing in it;
 * build.sh makes a module for each, and check_elf_layout knows what has to be found.
 */
#include "worker/relworker.h"

#ifndef NUMBER
#define NUMBER int
#endif
#ifndef PADDING
#define PADDING
#endif
#ifndef EXTRA
#define EXTRA
#endif
#ifndef GONE
#define GONE uint16_t gone;
#endif
#ifndef SIZE_OF_NAME
#define SIZE_OF_NAME 12
#endif
#ifndef GRID
#define GRID [2][3]
#endif
#ifndef BITS
#define BITS 3
#endif
#ifndef FLAG
#define FLAG unsigned flag : BITS
#endif
#ifndef COLOURS
#define COLOURS RED, GREEN = 7
#endif
#ifndef TEXT
#define TEXT char *
#endif
#ifndef CALL
#define CALL void (*call)(int)
#endif
#ifndef ITEM_EXTRA
#define ITEM_EXTRA
#endif
#ifndef LABEL
#define LABEL label
#endif
#ifndef NODE_VALUE
#define NODE_VALUE int
#endif
#ifndef OWNER
#define OWNER struct owner
#endif
#ifndef CHOICE
#define CHOICE double
#endif
#ifndef NUMBERS
#define NUMBERS short *
#endif
#ifndef KIND
#define KIND union
#endif
#ifndef TAG
#define TAG whole_v1
#endif

enum colour { COLOURS };

struct item {
	char name[SIZE_OF_NAME];
	ITEM_EXTRA
	const char *LABEL;
};

/* A circle. */
struct node {
	struct node *next;
	struct node *others[2];
	NODE_VALUE value;
};

typedef struct {
	long x, y;
} point;

struct owner; /* never defined: another module's */
struct hidden; /* defined in state_hidden.c */

struct TAG {
	NUMBER number;
	PADDING
	const volatile uint32_t fixed;
	GONE
	FLAG;
	unsigned more : 5;
	enum colour colour;
	int grid GRID;
	struct item items[4];
	struct item *table;
	struct node *list;
	point at;
	KIND {
		CHOICE real;
		uint64_t whole;
	} choice;
	struct {
		int inner;
		union {
			int as_int;
			float as_float;
		};
	};
	TEXT text;
	NUMBERS numbers;
	void **things;
	CALL;
	OWNER *owner;
	struct hidden *hidden;
	EXTRA
	char tail[];
};

RELW_STATE(whole, struct TAG);

static const struct relw_state_type state_types[] = {
    {.name = "whole", .version = 1},
    {.name = "whole_again", .version = 1},
    {.name = NULL},
};

RELW_EXPORT extern const struct relw_module relw_module;
const struct relw_module relw_module = {
    RELW_MODULE("state", "1"),
    .state_types = state_types,
};
