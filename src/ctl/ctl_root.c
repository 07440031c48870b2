/* SPDX-License-Identifier: Apache-2.0
 * relctl root …: the root directory of a host, offline.
 */
#include "config.h"

#include "ctl/ctl.h"
#include "store/store.h"

enum { O_RELEASE = 1 };

static int
root_init(struct ctl *c, const struct ctl_args *a)
{
	struct rel_err err = REL_ERR_INIT;
	const char *dir = a->args[0], *release = ctl_args_value(a, O_RELEASE);
	if (release != NULL && !rel_version_ok(release)) {
		rel_err_set(&err, REL_E_BAD_VERSION, "--release: `%s` is no version", release);
		return ctl_error(c, &err);
	}
	if (store_root_init(dir, release, &err) < 0)
		return ctl_error(c, &err);
	if (c->format == CTL_JSON)
		return ctl_json(c, json_pack("{s:s, s:s?}", "root", dir, "release", release));
	if (release != NULL)
		ctl_note(c, "%s is a root; release %s is permanent; start it: relupd --root %s",
		    dir, release, dir);
	else
		ctl_note(c, "%s is a root without a release; start it: relupd --root %s", dir, dir);
	return 0;
}

static const struct ctl_opt init_opts[] = {
    {O_RELEASE, "release", "VERSION",
	"an unpacked release of the root: it becomes the permanent one"},
    {0, NULL, NULL, NULL},
};

const struct ctl_verb ctl_verbs_root[] = {
    {
	.name = "root init",
	.synopsis = "DIR [--release VERSION]",
	.help = "make DIR the root of a host, or complete it",
	.min_args = 1,
	.max_args = 1,
	.opts = init_opts,
	.run = root_init,
    },
    {.name = NULL},
};
