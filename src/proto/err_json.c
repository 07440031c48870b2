/* SPDX-License-Identifier: Apache-2.0
 * Texts, and errors as JSON and back: what the control socket carries, the journal keeps, and `-o
 * json` prints.  The codes are the public names of base/err_tbl.h.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/proto.h"

char *
proto_json_text(const json_t *value, size_t flags)
{
	size_t n = json_dumpb(value, NULL, 0, flags | JSON_ENCODE_ANY);
	char *text = n > 0 ? malloc(n + 1) : NULL;
	if (text == NULL || json_dumpb(value, text, n, flags | JSON_ENCODE_ANY) != n) {
		free(text);
		return NULL;
	}
	text[n] = '\0';
	return text;
}

json_t *
proto_text_json(const char *text)
{
	json_t *s = json_string(text);
	if (s != NULL)
		return s;
	char plain[1024];
	size_t i;
	for (i = 0; text[i] != '\0' && i < sizeof(plain) - 1; i++)
		plain[i] = (unsigned char)text[i] < 0x80 ? text[i] : '?';
	return json_stringn(plain, i);
}

bool
proto_json_lists(const json_t *list, const char *text)
{
	size_t i;
	json_t *item;
	json_array_foreach (list, i, item)
		if (json_is_string(item) && strcmp(json_string_value(item), text) == 0)
			return true;
	return false;
}

/* A key that is absent where there is nothing to say. */
static int
set_text(json_t *o, const char *key, const char *text)
{
	return text[0] != '\0' ? json_object_set_new(o, key, proto_text_json(text)) : 0;
}

json_t *
proto_err_json(const struct rel_err *err)
{
	json_t *o = json_object();
	if (o == NULL)
		return NULL;
	int rc = set_text(o, "code", rel_err_name(err->code));
	rc |= set_text(o, "message", err->text[0] != '\0' ? err->text : rel_err_name(err->code));
	rc |= set_text(o, "file", err->file);
	if (err->line > 0)
		rc |= json_object_set_new(o, "line", json_integer(err->line));
	if (err->line > 0 && err->column > 0)
		rc |= json_object_set_new(o, "column", json_integer(err->column));
	rc |= set_text(o, "hint", rel_err_hint_of(err));
	if (rc != 0) {
		json_decref(o);
		return NULL;
	}
	return o;
}

static const char *
get_text(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	return s != NULL ? s : "";
}

static unsigned
get_position(const json_t *o, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(o, key));
	return n > 0 && n <= INT32_MAX ? (unsigned)n : 0;
}

void
proto_err_from_json(const json_t *o, struct rel_err *err)
{
	enum rel_ecode code = rel_err_code_of(get_text(o, "code"));
	const char *text = get_text(o, "message");
	rel_err_set(err, code != REL_OK ? code : REL_E_INTERNAL, "%s",
	    text[0] != '\0' ? text : "the peer gave no reason");
	snprintf(err->file, sizeof(err->file), "%s", get_text(o, "file"));
	err->line = get_position(o, "line");
	err->column = get_position(o, "column");
	snprintf(err->hint, sizeof(err->hint), "%s", get_text(o, "hint"));
}
