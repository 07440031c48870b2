/* SPDX-License-Identifier: Apache-2.0
 * Listeners for the -loop releases that go where the runtime does not know of them: init starts a thread
 * of the module's own, which stays in stray_thread() until somebody opens the FIFO that the worker's env names
 * as `gate` (none: no thread); a call makes the loop stay in stray_call() until the file `go` is there.  And
 * the state keeps a function of the version that made it.  STRAY is the vsn.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <relworker.h>

struct stray {
	char go[512], gate[512];
	int (*kept)(const char *go);
};

__attribute__((noinline)) static void
stray_wait(const char *gate)
{
	int fd = open(gate, O_RDONLY | O_CLOEXEC); /* as long as nobody opens the other end */
	if (fd >= 0)
		close(fd);
}

__attribute__((noinline)) static void *
stray_thread(void *arg)
{
	stray_wait(arg);
	__asm__ volatile("" ::: "memory"); /* no tail call: the frame stays */
	return NULL;
}

__attribute__((noinline)) static int
stray_call(const char *go)
{
	for (volatile unsigned turns = 0; access(go, F_OK) != 0; turns++)
		continue;
	return 0;
}

static int
init(struct relw *rw, void **ret_state)
{
	struct stray *s = calloc(1, sizeof(*s));
	pthread_t thread;
	if (s == NULL)
		return -1;
	strncpy(s->go, relw_env_text(rw, "go", "/"), sizeof(s->go) - 1);
	strncpy(s->gate, relw_env_text(rw, "gate", "/"), sizeof(s->gate) - 1);
	s->kept = stray_call;
	*ret_state = s;
	if (strcmp(s->gate, "none") == 0)
		return 0;
	return pthread_create(&thread, NULL, stray_thread, s->gate);
}

static int
handle_call(struct relw *rw, void *state, const char *request, char **ret_reply)
{
	struct stray *s = state;
	(void)rw;
	(void)request;
	*ret_reply = strdup("{}");
	return stray_call(s->go);
}

RELW_STATE(listener, struct stray);
static const struct relw_state_type types[] = {{.name = "listener", .version = 1}, {0}};

RELW_EXPORT const struct relw_module relw_module = {
	RELW_MODULE("listener", STRAY),
	.state_types = types,
	.init = init,
	.handle_call = handle_call,
};
