/* SPDX-License-Identifier: Apache-2.0
 * Who keeps code in use: `relctl holders`, and the same list where an operation names them.
 */
#include "config.h"

#include <string.h>

#include "ctl/ctl_client.h"
#include "ctl/ctl_object.h"
#include "ctl/ctl_table.h"

enum { O_MEMORY = 1 };

static void
name_function(const struct ctl *c, json_t *h)
{
	const json_t *offset = json_object_get(h, "offset");
	if (!json_is_integer(offset))
		return;
	struct elf_module *m = ctl_object_open(c, json_string_value(json_object_get(h, "digest")));
	if (m == NULL)
		return;
	const char *function = elf_module_function_at(m, (uint64_t)json_integer_value(offset));
	if (function != NULL)
		(void)json_object_set_new(h, "function", json_string(function));
	elf_module_close(&m);
}

void
ctl_holders_name(const struct ctl *c, json_t *list)
{
	size_t i;
	json_t *h;
	json_array_foreach (list, i, h)
		if (json_is_null(json_object_get(h, "function")))
			name_function(c, h);
}

static void
cell(struct ctl_table *t, const json_t *h, const char *key)
{
	const json_t *v = json_object_get(h, key);
	if (json_is_integer(v))
		ctl_table_cellf(t, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
	else
		ctl_table_cell(t, json_string_value(v));
}

void
ctl_holders_print(FILE *f, const json_t *list)
{
	static const char *const heads[] = {"WORKER", "PID", "WHAT", "TASK", "THREAD", "MODULE", "VSN", "FUNCTION",
	    "SINCE", "HINT"};
	static const char *const keys[] = {"worker", "pid", "what", "task", "thread", "module", "vsn", "function",
	    "since"};
	struct ctl_table t;
	size_t i;
	json_t *h;
	ctl_table_init(&t, heads, NELEM(heads));
	json_array_foreach (list, i, h) {
		const char *hint = json_string_value(json_object_get(h, "hint"));
		for (size_t k = 0; k < NELEM(keys); k++)
			cell(&t, h, keys[k]);
		ctl_table_cell(&t, hint != NULL ? hint : "");
	}
	ctl_table_print(&t, f);
}

const struct ctl_opt ctl_holders_opts[] = {
    {O_MEMORY, "memory", NULL, "look through writable memory too, for words that lead into old code"},
    {0, NULL, NULL, NULL},
};

int
ctl_holders(struct ctl *c, const struct ctl_args *a)
{
	json_t *list = NULL;
	const struct ctl_request rq = {.method = "holders",
	    .params = json_pack("{s:s*, s:b}", "version", a->arg_count > 0 ? a->args[0] : NULL, "memory",
		ctl_args_has(a, O_MEMORY))};
	int rc = ctl_request(c, &rq, &list);
	if (rc >= 0)
		return rc;
	ctl_holders_name(c, list);
	if (c->format == CTL_JSON)
		return ctl_json(c, list);
	if (json_array_size(list) > 0)
		ctl_holders_print(c->out, list);
	else
		fprintf(c->out, "nothing holds %s\n", a->arg_count > 0 ? a->args[0] : "old code");
	json_decref(list);
	return 0;
}
