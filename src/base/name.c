/* SPDX-License-Identifier: Apache-2.0
 * Shapes of names; no locale is asked, so a name means the same on every machine.
 */
#include "config.h"

#include <string.h>

#include "base/name.h"

static bool
in_set(const char *s, const char *first, const char *rest, size_t max)
{
	if (*s == '\0' || strchr(first, *s) == NULL)
		return false;
	size_t n = strspn(s, rest);
	return s[n] == '\0' && n <= max;
}

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGIT "0123456789"

bool
rel_name_ok(const char *s)
{
	return in_set(s, LOWER, LOWER DIGIT "_", REL_NAME_MAX);
}

bool
rel_version_ok(const char *s)
{
	return in_set(s, LOWER UPPER DIGIT, LOWER UPPER DIGIT "._+~-", REL_VERSION_MAX);
}

bool
rel_digest_ok(const char *s)
{
	return strlen(s) == REL_DIGEST_LEN && strspn(s, DIGIT "abcdef") == REL_DIGEST_LEN;
}
