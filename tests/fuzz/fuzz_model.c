/* SPDX-License-Identifier: Apache-2.0
 * The decoders: each gets every input.  A refusal has problems; a relup that is accepted prints as one
 * that is accepted and prints the same.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "model/model.h"

static struct doc *
read_text(const char *text, size_t size, const char *name)
{
	struct doc *d = NULL;
	struct rel_err err = REL_ERR_INIT;
	return doc_read_text(text, size, name, &doc_limits_generated, &d, &err) == 0 ? d : NULL;
}

static char *
relup_text(const struct model_relup *r)
{
	json_t *v = model_relup_json(r);
	char *text = v != NULL ? doc_json_pretty(v) : NULL;
	MUST(text != NULL);
	json_decref(v);
	return text;
}

static void
relup(struct doc *d)
{
	struct doc_problems p = DOC_PROBLEMS_INIT;
	struct model_relup *r = NULL, *again = NULL;
	if (model_relup_decode(d, &r, &p) != 0) {
		MUST(p.errors > 0);
		doc_problems_fini(&p);
		return;
	}
	bool ok = true;
	for (size_t i = 0; i < r->up_count; i++)
		ok &= model_script_check(&r->up[i].script, &p) == 0;
	MUST(ok == (p.errors == 0));
	CLEANUP(rel_free_cleanup) char *text = relup_text(r);
	struct doc *printed = read_text(text, strlen(text), "relup.json");
	MUST(printed != NULL && model_relup_decode(printed, &again, &p) == 0);
	CLEANUP(rel_free_cleanup) char *same = relup_text(again);
	MUST(strcmp(text, same) == 0);
	model_relup_free(&r);
	model_relup_free(&again);
	doc_problems_fini(&p);
}

#define DECODE(kind)                                                                               \
	static void kind(struct doc *d)                                                            \
	{                                                                                          \
		struct doc_problems p = DOC_PROBLEMS_INIT;                                         \
		struct model_##kind *v = NULL;                                                     \
		int rc = model_##kind##_decode(d, &v, &p);                                         \
		MUST((rc == 0) == (p.errors == 0) && (rc == 0) == (v != NULL));                    \
		model_##kind##_free(&v);                                                           \
		doc_problems_fini(&p);                                                             \
	}
DECODE(release)
DECODE(app)
DECODE(appup)

static void
config(struct doc *d)
{
	struct doc_problems p = DOC_PROBLEMS_INIT;
	MUST((model_config_check(d, &p) == 0) == (p.errors == 0));
	doc_problems_fini(&p);
	doc_free(&d);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const decoders[])(struct doc *) = {release, app, appup, config, relup};
	static const char *const names[] = {"input.yaml", "input.json"};
	for (size_t n = 0; n < NELEM(names); n++)
		for (size_t i = 0; i < NELEM(decoders); i++) {
			struct doc *d = read_text((const char *)data, size, names[n]);
			if (d != NULL)
				decoders[i](d);
		}
	return 0;
}
