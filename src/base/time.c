/* SPDX-License-Identifier: Apache-2.0
 * Clocks and durations.
 */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/time.h"

static int64_t
now(clockid_t clock)
{
	struct timespec ts;
	MUST(clock_gettime(clock, &ts) == 0);
	return (int64_t)ts.tv_sec * DUR_S + ts.tv_nsec;
}

mono_ns_t
rel_mono_now(void)
{
	return now(CLOCK_MONOTONIC);
}

wall_ns_t
rel_wall_now(void)
{
	return now(CLOCK_REALTIME);
}

static const struct {
	const char *suffix;
	int64_t ns;
} units[] = {
    {"h", 3600 * DUR_S},
    {"m", 60 * DUR_S},
    {"s", DUR_S},
    {"ms", DUR_MS},
};

int
rel_dur_parse(const char *text, dur_ns_t *ret, struct rel_err *err)
{
	if (strcmp(text, "infinity") == 0) {
		*ret = DUR_INFINITY;
		return 0;
	}
	size_t digits = strspn(text, "0123456789");
	int64_t n = 0;
	for (size_t i = 0; i < digits; i++)
		if (__builtin_mul_overflow(n, 10, &n) ||
		    __builtin_add_overflow(n, text[i] - '0', &n))
			return rel_err_set(err, REL_E_BAD_DURATION, "'%.40s' is too long", text);
	for (size_t i = 0; digits > 0 && i < NELEM(units); i++) {
		if (strcmp(text + digits, units[i].suffix) != 0)
			continue;
		if (__builtin_mul_overflow(n, units[i].ns, &n))
			return rel_err_set(err, REL_E_BAD_DURATION, "'%.40s' is too long", text);
		*ret = n;
		return 0;
	}
	return rel_err_set(err, REL_E_BAD_DURATION, "'%.40s' is not a duration", text);
}

char *
rel_dur_print(dur_ns_t d, char *buf, size_t size)
{
	if (d == DUR_INFINITY) {
		snprintf(buf, size, "infinity");
		return buf;
	}
	for (size_t i = 0; i < NELEM(units); i++) {
		if (d != 0 && d % units[i].ns == 0) {
			snprintf(buf, size, "%" PRId64 "%s", d / units[i].ns, units[i].suffix);
			return buf;
		}
	}
	snprintf(buf, size, "%" PRId64 "ms", d / DUR_MS);
	return buf;
}

char *
rel_wall_print(wall_ns_t t, char *buf, size_t size)
{
	time_t s = (time_t)(t / DUR_S);
	struct tm tm;
	if (gmtime_r(&s, &tm) == NULL || strftime(buf, size, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		snprintf(buf, size, "?");
	return buf;
}
