/* SPDX-License-Identifier: Apache-2.0
 * The kinds of tests/data: see model_kinds.h.
 */
#include "config.h"

#include <string.h>

#include "model_kinds.h"

static int
check_scripts(const struct model_relup_entry *list, size_t count, bool run, struct doc_problems *p)
{
	int rc = 0;
	for (size_t i = 0; i < count; i++) {
		rc |= model_script_check(&list[i].script, p);
		if (run)
			rc |= model_script_check_timeouts(&list[i].script, p);
	}
	return rc;
}

static int
check_relup(struct doc *d, struct doc_problems *p, bool run, bool script, json_t **ret)
{
	struct model_relup *r = NULL;
	if (model_relup_decode(d, &r, p) != 0)
		return -1;
	int rc = 0;
	if (script)
		rc = check_scripts(r->up, r->up_count, run, p) |
		    check_scripts(r->down, r->down_count, run, p);
	if (rc == 0)
		*ret = model_relup_json(r);
	model_relup_free(&r);
	return rc;
}

static void
print_entries(json_t *list, const struct model_appup_entry *entries, size_t count)
{
	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, model_script_json(&entries[i].script));
}

static int
check_appup(struct doc *d, struct doc_problems *p, json_t **ret)
{
	struct model_appup *a = NULL;
	if (model_appup_decode(d, &a, p) != 0)
		return -1;
	*ret = json_array();
	print_entries(*ret, a->up, a->up_count);
	print_entries(*ret, a->down, a->down_count);
	model_appup_free(&a);
	return 0;
}

/* Those of which the document itself is printed. */
static int
check_plain(const char *name, struct doc *d, struct doc_problems *p)
{
	struct model_release *r = NULL;
	struct model_app *a = NULL;
	int rc = -1;
	if (strncmp(name, "release-", 8) == 0) {
		rc = model_release_decode(d, &r, p);
		model_release_free(&r);
	} else if (strncmp(name, "app-", 4) == 0) {
		rc = model_app_decode(d, &a, p);
		model_app_free(&a);
	} else if (strncmp(name, "config-", 7) == 0) {
		rc = model_config_check(d, p);
		doc_free(&d);
	} else {
		rc = strncmp(name, "doc-", 4) == 0 && !d->faulty ? 0 : -1;
		doc_free(&d);
	}
	return rc;
}

int
model_kind_check(const char *name, struct doc *d, struct doc_problems *p, json_t **ret)
{
	if (strncmp(name, "relup-", 6) == 0)
		return check_relup(d, p, false, false, ret);
	if (strncmp(name, "script-", 7) == 0)
		return check_relup(d, p, false, true, ret);
	if (strncmp(name, "run-", 4) == 0)
		return check_relup(d, p, true, true, ret);
	if (strncmp(name, "appup-", 6) == 0)
		return check_appup(d, p, ret);
	json_t *v = doc_to_json(d->root);
	int rc = check_plain(name, d, p);
	if (rc == 0)
		*ret = v;
	else
		json_decref(v);
	return rc;
}
