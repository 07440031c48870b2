/* SPDX-License-Identifier: Apache-2.0
 * Modules of the root that relupd speaks of, where relctl can read them: relupd itself looks into none.
 */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>

#include "ctl/ctl_object.h"

struct elf_module *
ctl_object_open(const struct ctl *c, const char *digest)
{
	struct elf_module *m;
	struct rel_err err = REL_ERR_INIT;
	char path[4096];
	if (c->socket != NULL || digest == NULL || !rel_digest_ok(digest) ||
	    (size_t)snprintf(path, sizeof(path), "%s/objects/%s.so", c->root, digest) >= sizeof(path) ||
	    elf_module_open(AT_FDCWD, path, path, &m, &err) != 0)
		return NULL;
	return m;
}
