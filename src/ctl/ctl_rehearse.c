/* SPDX-License-Identifier: Apache-2.0
 * What a rehearsal came to, as text; and the function in which one broke, by the symbols of the module's
 * file: the worker knows the place only, because loading takes names of exported functions alone.
 */
#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "ctl/ctl_object.h"
#include "ctl/ctl_rehearse.h"
#include "ctl/ctl_table.h"
#include "proto/proto.h"

static const char *
text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	return s != NULL ? s : "";
}

static void
name_place(const struct ctl *c, json_t *at)
{
	struct elf_module *m = ctl_object_open(c, json_string_value(json_object_get(at, "digest")));
	if (m == NULL)
		return; /* the place is told as a number all the same */
	const char *name = elf_module_function_at(m, (uint64_t)json_integer_value(json_object_get(at, "offset")));
	if (name != NULL)
		json_object_set_new(at, "function", json_string(name));
	elf_module_close(&m);
}

void
ctl_rehearse_name(const struct ctl *c, json_t *list)
{
	size_t i;
	json_t *o;
	json_array_foreach (list, i, o)
		name_place(c, json_object_get(o, "at"));
}

void
ctl_rehearse_places(struct ctl *c, const json_t *list)
{
	size_t i;
	json_t *o;
	json_array_foreach (list, i, o) {
		const json_t *at = json_object_get(o, "at");
		if (text_of(at, "function")[0] == '\0')
			continue;
		fprintf(c->err, "place: %s: %s+%#" PRIx64 " is in ", text_of(o, "worker"), text_of(at, "module"),
		    (uint64_t)json_integer_value(json_object_get(at, "offset")));
		ctl_put(c->err, text_of(at, "function"));
		fputs("()\n", c->err);
	}
}

static void
add_us(struct ctl_table *t, const json_t *us)
{
	char buf[32];
	ctl_table_cell(t, json_is_integer(us) ? ctl_us(buf, sizeof(buf), json_integer_value(us)) : NULL);
}

static void
print_table(struct ctl *c, const json_t *workers)
{
	static const char *const heads[] = {"WORKER", "RESULT", "FORK", "CHANGE", "LONGEST", "MEMORY"};
	struct ctl_table t;
	size_t i;
	json_t *o;
	ctl_table_init(&t, heads, NELEM(heads));
	json_array_foreach (workers, i, o) {
		const json_t *kb = json_object_get(o, "memory_kb");
		bool ok = strcmp(text_of(o, "result"), "ok") == 0;
		ctl_table_cell(&t, text_of(o, "worker"));
		ctl_table_cell(&t, text_of(o, "result"));
		add_us(&t, json_object_get(o, "fork_us"));
		add_us(&t, ok ? json_object_get(o, "change_us") : NULL); /* of one that broke it is of no meaning */
		add_us(&t, ok ? json_object_get(o, "longest_us") : NULL);
		if (json_is_integer(kb))
			ctl_table_cellf(&t, "%" JSON_INTEGER_FORMAT " kB", json_integer_value(kb));
		else
			ctl_table_cell(&t, NULL);
	}
	ctl_table_print(&t, c->out);
}

/* Every one that did not go well, with what to do; and those whose sandbox had holes. */
static void
print_problems(struct ctl *c, const json_t *workers)
{
	size_t i;
	json_t *o;
	json_array_foreach (workers, i, o) {
		struct rel_err err = REL_ERR_INIT;
		const char *module = text_of(o, "module");
		enum rel_ecode code = rel_err_code_of(text_of(o, "code"));
		if (strcmp(text_of(o, "result"), "ok") != 0) {
			rel_err_set(&err, code != REL_OK ? code : REL_E_NOMEM, "%s: %s: %s%s%s", text_of(o, "worker"),
			    text_of(o, "result"), module, module[0] != '\0' ? ": " : "", text_of(o, "text"));
			rel_err_hint(&err, "%s", text_of(o, "hint"));
			ctl_error(c, &err);
		}
		if (json_is_false(json_object_get(o, "sandbox")))
			fprintf(c->err, "relctl: warning: %s: the sandbox of its copy is not complete: see relup(7)\n",
			    text_of(o, "worker"));
	}
	ctl_rehearse_places(c, workers);
}

int
ctl_rehearse_status(const json_t *result)
{
	const json_t *error = json_object_get(result, "error");
	size_t i;
	json_t *o;
	if (json_is_object(error)) {
		int status = rel_err_exit(rel_err_code_of(text_of(error, "code")));
		return status == 4 || status == 10 ? status : 1;
	}
	json_array_foreach (json_object_get(result, "workers"), i, o)
		if (strcmp(text_of(o, "result"), "ok") != 0)
			return 1;
	return 0;
}

int
ctl_rehearse_print(struct ctl *c, const json_t *r)
{
	const json_t *workers = json_object_get(r, "workers"), *forecast = json_object_get(r, "forecast_us");
	char buf[32];
	struct rel_err err = REL_ERR_INIT;
	if (strcmp(text_of(r, "from"), text_of(r, "to")) == 0) {
		fprintf(c->out, "nothing to rehearse: %s runs already\n", text_of(r, "to"));
		return 0;
	}
	fprintf(c->out, "rehearsed: %s -> %s\n", text_of(r, "from"), text_of(r, "to"));
	if (json_array_size(workers) > 0)
		print_table(c, workers);
	else
		fputs("no worker is concerned\n", c->out);
	if (json_is_integer(forecast))
		fprintf(c->out, "forecast of the longest pause: %s\n",
		    ctl_us(buf, sizeof(buf), json_integer_value(forecast)));
	fflush(c->out);
	print_problems(c, workers);
	if (json_is_object(json_object_get(r, "error"))) {
		proto_err_from_json(json_object_get(r, "error"), &err);
		ctl_error(c, &err);
	}
	return ctl_rehearse_status(r);
}
