/* SPDX-License-Identifier: Apache-2.0
 * relctl version.
 */
#include "config.h"

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

const struct ctl_verb ctl_verbs_general[] = {
    {.name = "version", .synopsis = "", .help = "print relctl's version", .run = version_run},
    {.name = NULL},
};
