/* SPDX-License-Identifier: Apache-2.0
 * Time in nanoseconds, one type a clock so that they are not mixed unseen.
 */
#ifndef BASE_TIME_H
#define BASE_TIME_H

#include <stdint.h>

#include "base/err.h"

typedef int64_t mono_ns_t; /* CLOCK_MONOTONIC: comparable between processes of one boot */
typedef int64_t wall_ns_t; /* CLOCK_REALTIME, since 1970 */
typedef int64_t dur_ns_t;  /* a length of time */

#define DUR_INFINITY INT64_MAX
#define DUR_MS       INT64_C(1000000)
#define DUR_S        INT64_C(1000000000)

mono_ns_t rel_mono_now(void);
wall_ns_t rel_wall_now(void);

/* "500ms", "5s", "10m", "2h", "infinity" (formats.md); anything else is REL_E_BAD_DURATION. */
int rel_dur_parse(const char *text, dur_ns_t *ret, struct rel_err *err) RTE_MUST_CHECK;
/* The shortest exact form rel_dur_parse() reads; buf of at least 32 bytes; returns buf. */
char *rel_dur_print(dur_ns_t d, char *buf, size_t size);
/* "2026-01-31T12:00:00Z"; buf of at least 32 bytes; returns buf. */
char *rel_wall_print(wall_ns_t t, char *buf, size_t size);

#endif
