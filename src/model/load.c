/* SPDX-License-Identifier: Apache-2.0
 * Files of the model, read and decoded in one.
 */
#include "config.h"

#include "model/model_priv.h"

static struct doc *
read_doc(int dirfd, const char *path, const char *name, const struct doc_limits *limits,
    struct doc_problems *p)
{
	struct doc *d = NULL;
	return doc_read_file_all(dirfd, path, name, limits, &d, p) == 0 ? d : NULL;
}

int
model_release_load(int dirfd, const char *path, const char *name, struct model_release **ret,
    struct doc_problems *p)
{
	struct doc *d = read_doc(dirfd, path, name, &doc_limits_written, p);
	return d != NULL ? model_release_decode(d, ret, p) : -1;
}

int
model_app_load(int dirfd, const char *path, const char *name, struct model_app **ret,
    struct doc_problems *p)
{
	struct doc *d = read_doc(dirfd, path, name, &doc_limits_written, p);
	return d != NULL ? model_app_decode(d, ret, p) : -1;
}

int
model_appup_load(int dirfd, const char *path, const char *name, struct model_appup **ret,
    struct doc_problems *p)
{
	struct doc *d = read_doc(dirfd, path, name, &doc_limits_written, p);
	return d != NULL ? model_appup_decode(d, ret, p) : -1;
}

int
model_relup_load(int dirfd, const char *path, const char *name, struct model_relup **ret,
    struct doc_problems *p)
{
	struct doc *d = read_doc(dirfd, path, name, &doc_limits_generated, p);
	return d != NULL ? model_relup_decode(d, ret, p) : -1;
}
