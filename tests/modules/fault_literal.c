/* SPDX-License-Identifier: Apache-2.0
 * A string literal that an object on the heap keeps (native-code.md, row L): read here ("use"), by libc
 * ("libc"), or written to ("write", which is a mistake in any version); or replaced by one's own ("mend").
 */
#include "config.h"

#include "fault.h"

struct state {
	const char *name;
};

static int
handle_call(struct relw *rw, void *state, const char *request, char **ret_reply)
{
	struct state *s = state;
	int n = 0;
	(void)rw;
	if (fault_asks(request, "use"))
		n = ((const volatile char *)s->name)[2];
	if (fault_asks(request, "libc"))
		n = strcmp(s->name, request) != 0;
	if (fault_asks(request, "mend"))
		s->name = "a name of version " FAULT_VSN;
	if (fault_asks(request, "write"))
		((volatile char *)(uintptr_t)s->name)[1] = 'x';
	return fault_reply(ret_reply, n);
}

static int
init(struct relw *rw, void **ret_state)
{
	struct state *s = calloc(1, sizeof(*s));
	if (s == NULL)
		return relw_refuse(rw, "out of memory");
	s->name = "a name of version " FAULT_VSN;
	*ret_state = s;
	return 0;
}

static void
terminate(struct relw *rw, void *state, const char *reason)
{
	(void)rw;
	(void)reason;
	free(state);
}

RELW_STATE(state, struct state);
static const struct relw_state_type types[] = {{.name = "state", .version = 1}, {0}};

RELW_EXPORT const struct relw_module relw_module = {
    RELW_MODULE("fault", FAULT_VSN),
    .state_types = types,
    .init = init,
    .handle_call = handle_call,
    .terminate = terminate,
};
