/* SPDX-License-Identifier: Apache-2.0
 * Asserts for our own bugs.  They stay on in release builds and have no side effects; whatever
 * comes from a file, a socket, a worker, a module or a disk is an error value, never a MUST.
 */
#ifndef BASE_MUST_H
#define BASE_MUST_H

#define RTE_MUST_CHECK   __attribute__((warn_unused_result))
#define RTE_PRINTF(f, a) __attribute__((format(printf, f, a)))

void rel_must_failed(const char *expr, const char *file, int line) __attribute__((noreturn, cold));

#define MUST(e) (__builtin_expect(!!(e), 1) ? (void)0 : rel_must_failed(#e, __FILE__, __LINE__))

/* Long-lived objects begin with `unsigned magic`; a use of a freed or foreign one stops here. */
#define MUST_OBJ(p, m) MUST((p) != NULL && (p)->magic == (m))

#endif
