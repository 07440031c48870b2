/* SPDX-License-Identifier: Apache-2.0
 * Listen addresses: tcp:HOST:PORT and unix:PATH, in which ${key} stands for a value of the
 * application's env.  What a placeholder stands for is not known here (a release's config.yaml may
 * replace it), so only what is written out is checked.
 */
#include "config.h"

#include <string.h>

#include "model/model_priv.h"

#define HOLE        '\1' /* in place of a placeholder; control characters are refused */
#define UNIX_MAX    107  /* sun_path without its NUL */
#define ADDRESS_MAX 512

/* The text without its placeholders; -1 where one is wrong (and reported). */
static int
fold_placeholders(struct doc_problems *p, const char *s, const struct rel_pos *pos,
    const struct doc_node *env, char buf[static ADDRESS_MAX])
{
	size_t n = 0;
	while (*s != '\0' && n < ADDRESS_MAX - 1) {
		if ((unsigned char)*s < 0x20) {
			doc_problem(p, pos, REL_E_BAD_VALUE, "listen: a control character");
			return -1;
		}
		if (s[0] != '$' || s[1] != '{') {
			buf[n++] = *s++;
			continue;
		}
		const char *end = strchr(s, '}');
		if (end == NULL) {
			doc_problem(p, pos, REL_E_BAD_VALUE, "listen: '${' without its '}'");
			return -1;
		}
		char key[ADDRESS_MAX];
		size_t len = (size_t)(end - s) - 2;
		if (len >= sizeof(key))
			len = sizeof(key) - 1;
		memcpy(key, s + 2, len);
		key[len] = '\0';
		const struct doc_node *value = doc_get(env, key);
		if (value == NULL || value->kind != DOC_SCALAR) {
			doc_problem(p, pos, REL_E_BAD_VALUE,
			    "listen: '%.80s' is not a key of env with a simple value", key);
			return -1;
		}
		buf[n++] = HOLE;
		s = end + 1;
	}
	buf[n] = '\0';
	if (*s == '\0')
		return 0;
	doc_problem(p, pos, REL_E_BAD_VALUE, "listen: the address is too long");
	return -1;
}

static bool
port_ok(const char *s)
{
	if (strchr(s, HOLE) != NULL)
		return true;
	size_t n = strlen(s);
	if (n == 0 || n > 5 || strspn(s, "0123456789") != n)
		return false;
	unsigned v = 0;
	for (size_t i = 0; i < n; i++)
		v = v * 10 + (unsigned)(s[i] - '0');
	return v <= 65535;
}

/* A host with colons (IPv6) stands in brackets, which stand nowhere else. */
static bool
host_ok(const char *s, size_t n)
{
	const char *refused = ": []";
	if (n > 2 && s[0] == '[' && s[n - 1] == ']') {
		refused = " []";
		s++;
		n -= 2;
	}
	for (size_t i = 0; i < n; i++)
		if (strchr(refused, s[i]) != NULL)
			return false;
	return n > 0;
}

static void
check_address(struct doc_problems *p, const char *address, const struct rel_pos *pos,
    const struct doc_node *env)
{
	char s[ADDRESS_MAX];
	if (fold_placeholders(p, address, pos, env, s) != 0)
		return;
	if (strncmp(s, "tcp:", 4) == 0) {
		const char *colon = strrchr(s + 4, ':');
		if (colon != NULL && host_ok(s + 4, (size_t)(colon - s) - 4) && port_ok(colon + 1))
			return;
	} else if (strncmp(s, "unix:", 5) == 0) {
		if ((s[5] == '/' || s[5] == HOLE) && strlen(s + 5) <= UNIX_MAX)
			return;
	}
	doc_problem(p, pos, REL_E_BAD_VALUE, "listen: '%.120s' is not an address", address);
	doc_problem_hint(p, "addresses are tcp:HOST:PORT or unix:PATH (absolute, at most %d bytes)",
	    UNIX_MAX);
}

void
model_listen_check(struct doc_problems *p, const struct model_names *listen,
    const struct doc_node *env)
{
	if (listen->count > MODEL_LISTEN_MAX) {
		doc_problem(p, &listen->pos[MODEL_LISTEN_MAX], REL_E_LIMIT,
		    "listen: %zu addresses; %d are the limit", listen->count, MODEL_LISTEN_MAX);
		doc_problem_hint(p, "share them out between several children");
	}
	for (size_t i = 0; i < listen->count; i++)
		check_address(p, listen->names[i], &listen->pos[i], env);
}
