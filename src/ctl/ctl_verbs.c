/* SPDX-License-Identifier: Apache-2.0
 * The table of verbs: parsing, help and suggestions all read it.  A file of verbs exports one
 * list, which stands here in one group.
 */
#include "config.h"

#include <string.h>

#include "ctl/ctl.h"

const struct ctl_group ctl_groups[] = {
    {"The running system", ctl_verbs_online},
    {"Looking at it", ctl_verbs_show},
    {"Releases and scripts (no daemon needed)", ctl_verbs_relup},
    {"What was built (no daemon needed)", ctl_verbs_check},
    {"", ctl_verbs_graph},
    {"", ctl_verbs_diff},
    {"Hosts", ctl_verbs_root},
    {"Other", ctl_verbs_general},
    {NULL, NULL},
};

void
ctl_verb_each(void (*fn)(void *ctx, const struct ctl_verb *v), void *ctx)
{
	for (const struct ctl_group *g = ctl_groups; g->title != NULL; g++)
		for (const struct ctl_verb *v = g->verbs; v->name != NULL; v++)
			fn(ctx, v);
}

const struct ctl_verb *
ctl_verb_find(const char *name)
{
	for (const struct ctl_group *g = ctl_groups; g->title != NULL; g++)
		for (const struct ctl_verb *v = g->verbs; v->name != NULL; v++)
			if (strcmp(v->name, name) == 0)
				return v;
	return NULL;
}

bool
ctl_verb_is_prefix(const char *word)
{
	size_t n = strlen(word);
	for (const struct ctl_group *g = ctl_groups; g->title != NULL; g++)
		for (const struct ctl_verb *v = g->verbs; v->name != NULL; v++)
			if (strncmp(v->name, word, n) == 0 && v->name[n] == ' ')
				return true;
	return false;
}
