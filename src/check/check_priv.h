/* SPDX-License-Identifier: Apache-2.0
 * check, inside.
 */
#ifndef CHECK_CHECK_PRIV_H
#define CHECK_CHECK_PRIV_H

#include "check/check.h"
#include "compare/compare.h"

/* "a, b, c and 4 more" into buf. */
typedef void check_name_fn(const void *ctx, size_t i, char *buf, size_t size);
const char *check_list(char *buf, size_t size, size_t count, check_name_fn *name, const void *ctx);

/* app.c: the folder `path` below dirfd, called `name` */
void check_app(int dirfd, const char *path, const char *name, struct doc_problems *p);

/* module.c: `module` is the name it must have; NULL: any */
void check_module(const char *file, const char *module, const struct elf_module *m, struct doc_problems *p);

/* table.c */
void check_table(const struct rel_pos *pos, const char *module, const struct elf_table *t,
    struct doc_problems *p);

/* state.c */
void check_states(const struct compare_side *s, struct doc_problems *p);
/* One direction of a change: e is its entry in the appup. */
struct check_way {
	const struct compare *c;
	enum model_mode mode;
	const struct model_appup_entry *e;
	struct doc_problems *p;
};
/* What the script lacks, and what the modules lack whatever the script. */
void check_contract(const struct check_way *w);
void check_state_versions(const struct check_way *w);
/* States of which it cannot be seen; `own_told`: the newer version is checked by itself as well. */
void check_comparable(const struct check_way *w, bool own_told);

/* cover.c */
void check_cover(const struct compare *c, struct doc_problems *p);
/* The part of a relup's script that is about one application. */
void check_cover_relup(const struct check_way *w);

/* change.c: what the code_changes of a script call is offered by the newer versions, up and down. */
struct check_changes {
	const struct model_script *script;
	const struct compare_side *const *sides; /* of the newer release; may be NULL */
	size_t side_count;
	/* One application alone: a module that no worker of it uses may be one that others use. */
	bool lone;
	struct doc_problems *p;
};
void check_changes(const struct check_changes *k);
bool check_converts_parts(const struct elf_table *t); /* does some state type offer convert? */

/* fit.c: imports at each step of a low-level script between two releases.  Sides may be NULL. */
struct check_fit {
	const struct model_script *script;
	const struct compare_side *const *left, *const *reached;
	size_t left_count, reached_count;
	const struct model_script *written; /* the appup's, whose `depends` are looked at; NULL: not that */
	const struct compare *c;      /* with `written` */
	struct doc_problems *p;
};
void check_fit(const struct check_fit *f);

/* planned.c: what relup make refuses of the entry, and check_fit() of what it makes of it; `warn`: tell of
 * a `depends` that may be missing. */
void check_planned(const struct check_way *w, bool warn);

/* imports.c: whether what is imported is what the module offers (NULL: nothing) */
void check_import(const struct rel_pos *pos, const char *module, const char *interface, const char *offered,
    struct doc_problems *p);
/* Those between the applications of a release. */
void check_imports(const struct model_system *sys, const struct model_libs *libs, struct doc_problems *p);

/* script.c */
void check_script(const struct model_script *s, struct doc_problems *p);
/* Scripts that relupd would not run. */
void check_runs(const struct model_relup *r, struct doc_problems *p);

/* release.c: the file `path`; `apps`: its applications are checked as well */
void check_release(const char *path, const struct model_libs *libs, bool apps, struct doc_problems *p);
/* Against the release.yaml beside it, where there is one. */
void check_relup(const char *path, const struct model_libs *libs, struct doc_problems *p);
void check_config(const char *path, struct doc_problems *p);

/* shape.c: the folders are those in which the two releases lie */
void check_shape(const struct model_relup_entry *e, const struct model_system *to, const char *to_dir,
    const struct model_system *base, const char *base_dir, struct doc_problems *p);

/* relup.c: `file` lies where the relup does; `in_root`: beside it lie the other releases */
void check_joins(const struct model_relup *r, const struct model_system *to, const struct model_libs *libs,
    const char *file, bool in_root, struct doc_problems *p);

#endif
