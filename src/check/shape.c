/* SPDX-License-Identifier: Apache-2.0
 * What relupd of this version refuses of two releases whatever the script between them says (rls_same_shape()
 * in daemon/shape.c) and no instruction is about: another env, of which running workers do not hear.  So
 * addresses change that are written with ${KEY}.
 */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "check/check_priv.h"

/* The config.yaml of the release that lies in the folder `dir`; NULL: none, or one with errors, which are told
 * where that release is checked. */
static struct doc *
config_in(const char *dir)
{
	char path[4400];
	struct doc_problems told = DOC_PROBLEMS_INIT;
	struct doc *d = NULL;
	snprintf(path, sizeof(path), "%s/config.yaml", dir);
	if (access(path, F_OK) == 0 &&
	    doc_read_file_all(AT_FDCWD, path, path, &doc_limits_written, &d, &told) == 0 &&
	    model_config_check(d, &told) != 0)
		doc_free(&d);
	doc_problems_fini(&told);
	return d;
}

/* Those of `a` that `b` has not, or otherwise; of two that both have: by `changed` alone. */
static void
keys_of(json_t *a, json_t *b, bool changed, struct rel_buf *names)
{
	const char *key;
	json_t *value;
	json_object_foreach(a, key, value) {
		json_t *other = json_object_get(b, key);
		if (other == NULL || (changed && !json_equal(value, other)))
			rel_buf_printf(names, "%s%s", names->len > 0 ? ", " : "", key);
	}
}

static void
env_of(const struct model_relup_entry *e, const struct model_app *to, const struct doc *to_config,
    const struct model_app *base, const struct doc *base_config, struct doc_problems *p)
{
	CLEANUP(rel_buf_fini) struct rel_buf names = REL_BUF_INIT;
	json_t *is = model_app_env(to, to_config), *was = model_app_env(base, base_config);
	if (is == NULL || was == NULL) {
		doc_problem(p, NULL, REL_E_NOMEM, "out of memory");
	} else {
		keys_of(is, was, true, &names);
		keys_of(was, is, false, &names);
	}
	json_decref(is);
	json_decref(was);
	if (names.len == 0)
		return;
	doc_find(p, DOC_WARNING, &e->pos, REL_E_UNSUPPORTED,
	    "relupd of this version refuses the script %s %s: the env of %s differs in the two releases (%s), and running "
	    "workers do not hear of it, nor do their listeners move", e->script.mode == MODEL_UP ? "from" : "to", e->other,
	    to->application, rel_buf_text(&names));
	doc_problem_hint(p, "keep the values, in app.yaml or by config.yaml, or go this way by a restart with the other "
			    "release; see relup(7), LIMITS");
}

void
check_shape(const struct model_relup_entry *e, const struct model_system *to, const char *to_dir,
    const struct model_system *base, const char *base_dir, struct doc_problems *p)
{
	CLEANUP(doc_free) struct doc *to_config = config_in(to_dir);
	CLEANUP(doc_free) struct doc *base_config = config_in(base_dir);
	for (size_t i = 0; i < to->release->app_count; i++) {
		const struct model_app *is = to->apps[i], *was = model_system_app(base, is->application, NULL);
		if (was != NULL && is->supervisor.child_count > 0 && was->supervisor.child_count > 0)
			env_of(e, is, to_config, was, base_config, p);
	}
}
