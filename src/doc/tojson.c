/* SPDX-License-Identifier: Apache-2.0
 * Free-form values as JSON: the rule stands in doc.h.  Depth is bounded by the reader's limit, so
 * recursion is.
 */
#include "config.h"

#include <string.h>

#include "doc/doc_priv.h"
#include "doc/real.h"

/* A new reference: the number, or the text where it is not taken for one; NULL: out of memory. */
static json_t *
number_to_json(const char *s)
{
	json_error_t error = {0}; /* jansson writes no code where memory ran out */
	json_t *v = json_loads(s, JSON_DECODE_ANY, &error);
	if (v == NULL)
		return json_error_code(&error) == json_error_numeric_overflow ? json_string(s)
									      : NULL;
	if (!json_is_real(v) || strchr(s, '.') == NULL)
		return v;
	char back[DOC_REAL_SIZE];
	doc_real_print(json_real_value(v), back);
	if (strcmp(back, s) == 0)
		return v;
	json_decref(v);
	return json_string(s);
}

static json_t *
scalar_to_json(const struct doc_node *n)
{
	if (n->quoted)
		return json_string(n->text);
	if (doc_is_null(n))
		return json_null();
	if (strcmp(n->text, "true") == 0)
		return json_true();
	if (strcmp(n->text, "false") == 0)
		return json_false();
	size_t len = strlen(n->text);
	if (doc_json_number_len(n->text, n->text + len) == len)
		return number_to_json(n->text);
	return json_string(n->text);
}

json_t *
doc_to_json(const struct doc_node *n)
{
	if (n->kind == DOC_SCALAR)
		return scalar_to_json(n);
	json_t *v = n->kind == DOC_MAP ? json_object() : json_array();
	for (size_t i = 0; v != NULL && i < n->count; i++) {
		json_t *item = doc_to_json(n->items[i]);
		int rc = n->kind == DOC_MAP ? json_object_set_new(v, n->keys[i], item)
					    : json_array_append_new(v, item);
		if (rc != 0) {
			json_decref(v);
			v = NULL;
		}
	}
	return v;
}
