/* SPDX-License-Identifier: Apache-2.0
 * The module files of the root.
 */
#ifndef CTL_CTL_OBJECT_H
#define CTL_CTL_OBJECT_H

#include "ctl/ctl.h"
#include "elf/elf.h"

/* The caller closes it.  NULL: with --socket no root is known, or the file cannot be read. */
struct elf_module *ctl_object_open(const struct ctl *c, const char *digest);

#endif
