/* SPDX-License-Identifier: Apache-2.0
 * Is there memory for a rehearsal?  Asked by the worker before it forks: a copy that the kernel kills is
 * no result, and one that drives others out of memory is worse than none.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "worker/sandbox.h"

#define MIB    (INT64_C(1) << 20)
#define MARGIN (64 * MIB) /* loading code, and the allocator's own steps */

int64_t
sandbox_kb_line(const char *path, const char *name)
{
	char line[256];
	size_t n = strlen(name);
	int64_t kb = INT64_MAX;
	FILE *f = fopen(path, "re");
	while (f != NULL && kb == INT64_MAX && fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, name, n) == 0 && line[n] == ':')
			kb = strtoll(line + n + 1, NULL, 10);
	if (f != NULL)
		fclose(f);
	return kb >= 0 && kb < INT64_MAX / 1024 ? kb * 1024 : INT64_MAX;
}

/* One number, or "max". */
static int64_t
number_of(const char *dir, const char *file)
{
	char path[4200], text[64] = "";
	snprintf(path, sizeof(path), "%s/%s", dir, file);
	FILE *f = fopen(path, "re");
	bool got = f != NULL && fgets(text, sizeof(text), f) != NULL;
	if (f != NULL)
		fclose(f);
	char *end;
	errno = 0;
	int64_t n = strtoll(text, &end, 10);
	return got && end != text && errno == 0 && n >= 0 ? n : INT64_MAX;
}

static int64_t
group_room(const char *dir)
{
	int64_t max = number_of(dir, "memory.max"), now = number_of(dir, "memory.current");
	if (max == INT64_MAX || now == INT64_MAX)
		return INT64_MAX;
	return max > now ? max - now : 0;
}

int64_t
sandbox_cgroup_room(const char *self, const char *mount)
{
	char line[4096], dir[4200];
	int64_t room = INT64_MAX;
	FILE *f = fopen(self, "re");
	bool v2 = false;
	while (f != NULL && !v2 && fgets(line, sizeof(line), f) != NULL)
		v2 = strncmp(line, "0::/", 4) == 0;
	if (f != NULL)
		fclose(f);
	if (!v2)
		return INT64_MAX;
	line[strcspn(line, "\n")] = '\0';
	char *path = line + strlen("0::");
	/* Each group on the way up may be the one that is full; in a container the topmost is one too. */
	for (char *slash = path;; *slash = '\0') {
		snprintf(dir, sizeof(dir), "%s%s", mount, path);
		int64_t here = group_room(dir);
		room = here < room ? here : room;
		if ((slash = strrchr(path, '/')) == NULL)
			break;
	}
	return room;
}

static int64_t
limit_room(int resource, const char *used)
{
	struct rlimit rl;
	if (getrlimit((__rlimit_resource_t)resource, &rl) != 0 || rl.rlim_cur > INT64_MAX)
		return INT64_MAX; /* no limit, as nearly always: nothing is read */
	int64_t now = sandbox_kb_line("/proc/self/status", used);
	if (now == INT64_MAX)
		return INT64_MAX;
	return (int64_t)rl.rlim_cur > now ? (int64_t)rl.rlim_cur - now : 0;
}

/* Private memory that is there: resident and not of files or shared.  statm is what the kernel makes in the
 * least time: the worker stands still. */
static int64_t
own_memory(void)
{
	long long size, resident, shared;
	FILE *f = fopen("/proc/self/statm", "re");
	int n = f != NULL ? fscanf(f, "%lld %lld %lld", &size, &resident, &shared) : 0;
	if (f != NULL)
		fclose(f);
	return n == 3 && resident >= shared ? (int64_t)(resident - shared) * sysconf(_SC_PAGESIZE) : INT64_MAX;
}

/* Measured: a code_change that copies took 1.25 times the state, one that writes all over it once. */
bool
sandbox_room(char *text, size_t size)
{
	int64_t own = own_memory();
	const struct {
		const char *where;
		int64_t room;
	} bounds[] = {
	    {"the machine has", sandbox_kb_line("/proc/meminfo", "MemAvailable")},
	    {"its control group leaves", sandbox_cgroup_room("/proc/self/cgroup", "/sys/fs/cgroup")},
	    {"its limit of data leaves", limit_room(RLIMIT_DATA, "VmData")},
	    {"its limit of address space leaves", limit_room(RLIMIT_AS, "VmSize")},
	};
	if (own == INT64_MAX)
		return true; /* no /proc: nothing is known */
	int64_t need = own + own / 4 + MARGIN;
	for (size_t i = 0; i < NELEM(bounds); i++) {
		if (bounds[i].room >= need)
			continue;
		snprintf(text, size, "memory is short: the copy may need %" PRId64 " MB, %s %" PRId64 " MB",
		    need / MIB, bounds[i].where, bounds[i].room / MIB);
		return false;
	}
	return true;
}
