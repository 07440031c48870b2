/* SPDX-License-Identifier: Apache-2.0
 * A module for the tests of src/elf: right as it stands, and odd in one way for each ODD_…, which
 * build.sh sets.  Never loaded.
 */
#include <stdlib.h>
#include <string.h>

#include "worker/relworker.h"

struct part_v3 {
	uint32_t id;
	char text[12];
};

struct good {
	struct part_v3 *parts;
	uint64_t count;
};

static int
init(struct relw *rw, void **ret_state)
{
	(void)rw;
	*ret_state = calloc(1, sizeof(struct good));
	return *ret_state != NULL ? 0 : -1;
}

static void
on_event(struct relw *rw, void *state, const struct relw_event *event)
{
	(void)rw;
	(void)state;
	(void)event;
}

static int
turn(struct relw *rw, void *task_state)
{
	(void)rw;
	(void)task_state;
	return 0;
}

static int
convert(struct relw *rw, const struct relw_change *change, void *old, void **ret_new)
{
	(void)rw;
	(void)change;
	*ret_new = old;
	return 0;
}

static void
discard(struct relw *rw, void *state)
{
	(void)rw;
	free(state);
}

/* ------------------------------------------------------------------ the odd ones */
#ifdef ODD_UNIQUE
/* What a static of a C++ template becomes. */
__asm__(".pushsection .data.rel.ro,\"aw\"\n.globl one_for_all\n"
	".type one_for_all, @gnu_unique_object\n.size one_for_all, 4\n"
	"one_for_all: .long 7\n.popsection");
#endif

#ifdef ODD_TLS
static __thread int fast __attribute__((tls_model("initial-exec"), used));
int *odd_fast(void);
int *
odd_fast(void)
{
	return &fast;
}
#endif

#ifdef ODD_HOOKS
#ifndef ODD_PRIORITY
#define ODD_PRIORITY
#endif
__attribute__((constructor ODD_PRIORITY, used)) static void
when_loaded(void)
{
	abort();
}

__attribute__((destructor, used)) static void
when_unloaded(void)
{
	abort();
}
#endif

#ifdef ODD_INIT
void own_init(void);
void
own_init(void)
{
	abort();
}
#endif

#ifdef ODD_EXPORT
RELW_EXPORT int helper(void);
RELW_EXPORT __attribute__((weak)) int weak_helper(void);
int
helper(void)
{
	return 1;
}
int
weak_helper(void)
{
	return 2;
}
__attribute__((visibility("protected"))) extern const int shown;
const int shown = 3;
#endif

#ifdef ODD_NAME
RELW_EXPORT int größe(void);
int
größe(void)
{
	return 4;
}
#endif

#ifdef ODD_PRIVATE
int private_helper(void);
int odd_private(void);
int
odd_private(void)
{
	return private_helper();
}
#endif

#ifdef ODD_UNDEFINED
extern int nowhere(void);
extern int perhaps(void) __attribute__((weak));
int odd_undefined(void);
int
odd_undefined(void)
{
	return perhaps != NULL ? perhaps() : nowhere();
}
#endif

#ifdef ODD_WRITABLE
static long begun __attribute__((used)) = 5;
static char many[100] __attribute__((used));
static __thread short each __attribute__((used));
static const char *const fixed[] __attribute__((used)) = {"a", "b"};
long odd_writable(void);
long
odd_writable(void)
{
	static int completed; /* as crt's flag is called */
	return begun + many[0] + each + ++completed + (fixed[0] != NULL);
}
#endif

#ifdef ODD_TEXTREL
__asm__(".pushsection .text\n.quad odd_here\nodd_here:\n.popsection");
#endif

/* ------------------------------------------------------------------ the table */
struct interface {
	int (*ask)(struct relw *rw);
};

static int
ask(struct relw *rw)
{
	(void)rw;
	return 42;
}

static const struct interface interface = {ask};

static const struct relw_import imports[] = {
    {.module = "greeting", .interface = "greeting/1"},
    {.module = "other", .interface = NULL},
    {.module = NULL},
};

RELW_STATE(good, struct good);
static const struct relw_state_type state_types[] = {
    {.name = "good", .version = 1, .size = sizeof(struct good)},
    {.name = "part", .version = 3, .convert = convert, .discard = discard},
    {.name = NULL},
};

#ifdef ODD_NO_END
static const struct relw_function functions[5000] = {
    [0 ... 4999] = {.name = "f", .event = on_event, .task = turn}};
#else
static const struct relw_function functions[] = {
    {.name = "on_event", .event = on_event},
    {.name = "turn", .task = turn},
    {.name = NULL},
};
#endif

#ifdef ODD_HIDDEN
__attribute__((used))
#else
RELW_EXPORT
#endif
const struct relw_module relw_module = {
#ifdef ODD_ABI
    .abi = RELW_ABI + 1,
#else
    .abi = RELW_ABI,
#endif
#ifdef ODD_SIZE
    .size = sizeof(struct relw_module) - 8,
#else
    .size = sizeof(struct relw_module),
#endif
#ifdef ODD_POINTER
    .name = (const char *)0x1234,
#else
    .name = "good",
#endif
    .vsn = "1.2.3",
    .flags = RELW_PINNED,
    .interface_name = "good/2",
    .interface = &interface,
    .imports = imports,
    .state_types = state_types,
    .functions = functions,
    .init = init,
    .handle_event = on_event,
    .code_change = convert,
    .discard = discard,
    .terminate = (void (*)(struct relw *, void *, const char *))(void *)free,
};
