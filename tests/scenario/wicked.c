/* SPDX-License-Identifier: Apache-2.0
 * Listeners of release 0.1.1-crash that bring their worker down: while they are loaded (WICKED_ABORT,
 * WICKED_EXIT, WICKED_HANG: until the file is there that WICKED_GO names), in init (WICKED_REFUSE), or
 * because they have none (WICKED_NO_INIT); WICKED_SLOW takes 300 ms for its code_change; WICKED_FAULT writes to
 * nowhere in it, in a function of its own, and WICKED_SOCKET asks for a socket.
 *
 * A constructor is refused, so what runs at load is the choice of an ifunc.  Its calls go through slots
 * that the loader has filled before: it leaves such choices to the end.
 */
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <relworker.h>

#if defined(WICKED_ABORT) || defined(WICKED_EXIT) || defined(WICKED_HANG)
static int
chosen(void)
{
	return -1;
}

__attribute__((used, no_sanitize("address", "undefined"), no_profile_instrument_function)) static int (*
    choose(void))(void)
{
#if defined(WICKED_ABORT)
	abort();
#elif defined(WICKED_HANG)
	for (volatile unsigned turns = 0; getenv("WICKED_GO") == NULL || access(getenv("WICKED_GO"), F_OK) != 0; turns++)
		continue;
#else
	_exit(3);
#endif
	return chosen;
}

static int begin(void) __attribute__((ifunc("choose")));
#define BEGIN() begin()
#else
#define BEGIN() (-1)
#endif

#ifndef WICKED_NO_INIT
static int
init(struct relw *rw, void **ret_state)
{
	(void)ret_state;
	relw_refuse(rw, "not on this machine");
	return BEGIN();
}
#endif

#ifdef WICKED_SLOW
static long long
now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}
#endif

#if defined(WICKED_FAULT) || defined(WICKED_SOCKET)
__attribute__((noinline)) static void
break_it(int *from)
{
#ifdef WICKED_FAULT
	volatile uintptr_t at = 16;
	*from = *(volatile int *)at;
#else
	*from = socket(AF_UNIX, SOCK_STREAM, 0);
#endif
}
#endif

static int
code_change(struct relw *rw, const struct relw_change *change, void *old, void **ret_new)
{
	(void)rw;
	(void)change;
#ifdef WICKED_SLOW
	for (long long end = now_ms() + 300; now_ms() < end;)
		continue;
#endif
#if defined(WICKED_FAULT) || defined(WICKED_SOCKET)
	int from;
	break_it(&from);
	if (from >= 0)
		close(from);
#endif
	*ret_new = old;
	return 0;
}

#if defined(WICKED_SLOW) || defined(WICKED_FAULT) || defined(WICKED_SOCKET)
static void
on_accept(struct relw *rw, void *state, const struct relw_event *event)
{
	(void)rw;
	(void)state;
	(void)event;
}

static const struct relw_function functions[] = {{.name = "on_accept", .event = on_accept}, {0}};
#endif

RELW_EXPORT const struct relw_module relw_module = {
	RELW_MODULE("listener", "0.1.1-crash"),
#if defined(WICKED_SLOW) || defined(WICKED_FAULT) || defined(WICKED_SOCKET)
	.functions = functions,
#endif
#ifndef WICKED_NO_INIT
	.init = init,
#endif
	.code_change = code_change,
};
