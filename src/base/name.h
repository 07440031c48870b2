/* SPDX-License-Identifier: Apache-2.0
 * The shapes of names (formats.md): what is not of such a shape never becomes a path or a key.
 */
#ifndef BASE_NAME_H
#define BASE_NAME_H

#include <stdbool.h>

#define REL_NAME_MAX    63 /* [a-z][a-z0-9_]{0,62}: applications, modules, children */
#define REL_VERSION_MAX 64 /* [A-Za-z0-9][A-Za-z0-9._+~-]{0,63}; opaque, no order */
#define REL_WORKER_MAX  160 /* "application/child/index" with its NUL */
#define REL_DIGEST_LEN  64 /* lower-case hexadecimal SHA-256 */

bool rel_name_ok(const char *s);
bool rel_version_ok(const char *s);
bool rel_digest_ok(const char *s);

#endif
