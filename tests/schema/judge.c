/* SPDX-License-Identifier: Apache-2.0
 * What C says of many documents: `NAME FILE BYTES`, a newline, and the bytes of a document on stdin,
 * as often as wanted; for each a line of JSON on stdout, a list of its problems
 * {"code","line","column","message"}.  NAME begins with a kind of tests/data, FILE ends in .json for
 * the JSON reader.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/model_kinds.h"

static void
judge(const char *name, const char *file, const char *text, size_t len, struct doc_problems *p)
{
	struct doc *d = NULL;
	json_t *v = NULL;
	struct rel_err err = REL_ERR_INIT;
	if (doc_read_text(text, len, file, &doc_limits_written, &d, &err) != 0)
		doc_problem_add(p, DOC_ERROR, &err);
	else if (model_kind_check(name, d, p, &v) != 0 && p->errors == 0)
		fprintf(stderr, "%s: refused without a reason\n", name);
	json_decref(v);
}

static json_t *
problems_json(const struct doc_problems *p)
{
	json_t *list = json_array();
	for (size_t i = 0; i < p->count; i++) {
		const struct rel_err *e = &p->list[i].err;
		json_array_append_new(list,
		    json_pack("{s:s, s:i, s:i, s:s}", "code", rel_err_name(e->code), "line",
			(int)e->line, "column", (int)e->column, "message", e->text));
	}
	return list;
}

static int
next_document(void)
{
	char name[200], file[200], *text;
	size_t len;
	int n = scanf("%199s %199s %zu", name, file, &len);
	if (n != 3 || getchar() != '\n')
		return n == EOF ? 0 : -1;
	text = malloc(len + 1);
	if (text == NULL || fread(text, 1, len, stdin) != len)
		return -1;
	struct doc_problems p = DOC_PROBLEMS_INIT;
	judge(name, file, text, len, &p);
	json_t *list = problems_json(&p);
	int rc = json_dumpf(list, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(list);
	doc_problems_fini(&p);
	free(text);
	return rc == 0 ? 1 : -1;
}

int
main(void)
{
	int rc;
	while ((rc = next_document()) > 0)
		continue;
	if (rc < 0)
		fprintf(stderr, "usage: judge < documents: see judge.c\n");
	return rc < 0;
}
