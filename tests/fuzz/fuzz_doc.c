/* SPDX-License-Identifier: Apache-2.0
 * The two document readers.  What one accepts as a value, printed as JSON, is read back as the same.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "doc/doc.h"
#include "fuzz.h"

static struct doc *
read_as(const char *text, size_t size, const char *name)
{
	struct doc *d = NULL;
	struct rel_err err = REL_ERR_INIT;
	if (doc_read_text(text, size, name, &doc_limits_written, &d, &err) == 0)
		return d;
	MUST(err.code != REL_OK && err.text[0] != '\0');
	return NULL;
}

static void
read_print_read(const char *text, size_t size, const char *name)
{
	CLEANUP(doc_free) struct doc *d = read_as(text, size, name);
	json_t *v = d != NULL ? doc_to_json(d->root) : NULL;
	if (v == NULL)
		return;
	char *printed = doc_json_pretty(v), *compact = doc_json_compact(v);
	MUST(printed != NULL && compact != NULL);
	/* It may have grown past the limit of what is written. */
	struct doc *again = read_as(printed, strlen(printed), "printed.json");
	if (again != NULL) {
		json_t *w = doc_to_json(again->root);
		MUST(w != NULL && json_equal(v, w));
		json_decref(w);
	}
	doc_free(&again);
	free(printed);
	free(compact);
	json_decref(v);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	read_print_read((const char *)data, size, "input.yaml");
	read_print_read((const char *)data, size, "input.json");
	return 0;
}
