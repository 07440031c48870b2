/* SPDX-License-Identifier: Apache-2.0
 * relctl version, relctl help.
 */
#include "config.h"

#include <string.h>

#include "ctl/ctl.h"

int
ctl_version_print(struct ctl *c)
{
	if (c->format == CTL_JSON)
		return ctl_json(
		    c, json_pack("{s:s, s:s}", "name", PACKAGE_NAME, "version", PACKAGE_VERSION));
	fprintf(c->out, "relctl %s\n", PACKAGE_VERSION);
	return 0;
}

static int
version_run(struct ctl *c, const struct ctl_args *a)
{
	(void)a;
	return ctl_version_print(c);
}

static void
offer_verb(void *ctx, const struct ctl_verb *v)
{
	ctl_near_offer(ctx, v->name);
}

/* As --help behind the words. */
static int
help_run(struct ctl *c, const struct ctl_args *a)
{
	char words[128] = "";
	for (size_t i = 0; i < a->arg_count; i++) {
		size_t n = strlen(words);
		snprintf(words + n, sizeof(words) - n, "%s%s", i > 0 ? " " : "", a->args[i]);
	}
	if (words[0] == '\0' || ctl_verb_find(words) != NULL || ctl_verb_is_prefix(words))
		return ctl_help(c, words);
	struct rel_err err = REL_ERR_INIT;
	struct ctl_near near = {.word = words};
	ctl_verb_each(offer_verb, &near);
	rel_err_set(&err, REL_E_USAGE, "there is no command `%s`", words);
	if (ctl_near_best(&near) != NULL)
		rel_err_hint(&err, "did you mean `relctl help %s`?", ctl_near_best(&near));
	return ctl_error(c, &err);
}

const struct ctl_verb ctl_verbs_general[] = {
    {.name = "help", .synopsis = "[COMMAND]", .help = "what --help prints, also that of a command",
	.max_args = 2, .run = help_run},
    {.name = "version", .synopsis = "", .help = "print relctl's version", .run = version_run},
    {.name = NULL},
};
