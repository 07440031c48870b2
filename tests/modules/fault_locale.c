/* SPDX-License-Identifier: Apache-2.0
 * A thread-local variable of a library that leads into old code: a task of version 1 has libc use a locale that lies
 * here, and goes on in the next version.  Nothing on its stack shows the old one.  A byte on the first listener (a
 * connected socket here) ends the task.
 */
#include "config.h"

#include <locale.h>
#include <sys/epoll.h>

#include "fault.h"

static struct __locale_struct copy;

static int
work(struct relw *rw, void *state)
{
	(void)state;
	if (FAULT == 1 && uselocale(NULL) != &copy) {
		locale_t l = newlocale(LC_ALL_MASK, "C", NULL);
		if (l == NULL)
			return -ENOMEM;
		copy = *l;
		uselocale(&copy);
	}
	return relw_task_wait(rw, relw_listener(rw, 0), EPOLLIN, -1) > 0 ? RELW_DONE : RELW_AGAIN;
}

static int
init(struct relw *rw, void **ret_state)
{
	(void)ret_state;
	return relw_task_start(rw, "work", NULL) >= 0 ? 0 : relw_refuse(rw, "cannot start");
}

static const struct relw_function functions[] = {{.name = "work", .task = work}, {0}};

RELW_EXPORT const struct relw_module relw_module = {
    RELW_MODULE("fault", FAULT_VSN),
    .functions = functions,
    .init = init,
};
