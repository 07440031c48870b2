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
read_text(const char *text, size_t size, const char *name, struct doc_problems *p)
{
	struct doc *d = NULL;
	if (doc_read_text_all(text, size, name, &doc_limits_generated, &d, p) == 0)
		return d;
	MUST(p->errors > 0);
	return NULL;
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
relup(struct doc *d, struct doc_problems *p)
{
	struct model_relup *r = NULL, *again = NULL;
	if (model_relup_decode(d, &r, p) != 0) {
		MUST(p->errors > 0);
		return;
	}
	bool ok = true;
	for (size_t i = 0; i < r->up_count; i++)
		ok &= model_script_check(&r->up[i].script, p) == 0;
	MUST(ok == (p->errors == 0));
	CLEANUP(rel_free_cleanup) char *text = relup_text(r);
	struct doc *printed = read_text(text, strlen(text), "relup.json", p);
	MUST(printed != NULL && model_relup_decode(printed, &again, p) == 0);
	CLEANUP(rel_free_cleanup) char *same = relup_text(again);
	MUST(strcmp(text, same) == 0);
	model_relup_free(&r);
	model_relup_free(&again);
}

#define DECODE(kind)                                                                               \
	static void kind(struct doc *d, struct doc_problems *p)                                    \
	{                                                                                          \
		struct model_##kind *v = NULL;                                                     \
		int rc = model_##kind##_decode(d, &v, p);                                          \
		MUST((rc == 0) == (p->errors == 0) && (rc == 0) == (v != NULL));                   \
		model_##kind##_free(&v);                                                           \
	}
DECODE(release)
DECODE(app)
DECODE(appup)

static void
config(struct doc *d, struct doc_problems *p)
{
	MUST((model_config_check(d, p) == 0) == (p->errors == 0));
	doc_free(&d);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const decoders[])(struct doc *, struct doc_problems *) = {release, app, appup, config, relup};
	static const char *const names[] = {"input.yaml", "input.json"};
	for (size_t n = 0; n < NELEM(names); n++)
		for (size_t i = 0; i < NELEM(decoders); i++) {
			struct doc_problems p = DOC_PROBLEMS_INIT;
			struct doc *d = read_text((const char *)data, size, names[n], &p);
			if (d != NULL)
				decoders[i](d, &p);
			doc_problems_fini(&p);
		}
	return 0;
}
