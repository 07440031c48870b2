/* SPDX-License-Identifier: Apache-2.0
 * compare: what differs between two built versions of an application.  Facts for those who judge them
 * (check), write them down (draft) or show them (relctl diff, graph); nothing is judged here.
 *
 * A version is its folder APP-VSN: app.yaml, appup.yaml where it has one, modules/NAME.so.  Module
 * files are read, never executed.  What cannot be read is a problem, with its place.
 */
#ifndef COMPARE_COMPARE_H
#define COMPARE_COMPARE_H

#include "elf/elf.h"
#include "model/model.h"

/* ------------------------------------------------------------------ one version */
struct compare_side {
	const char *name;             /* of the folder, as problems call it; owned */
	int fd;                       /* the folder; owned */
	struct model_app *app;        /* owned */
	struct model_appup *appup;    /* owned; NULL: there is none, or it was not asked for */
	struct elf_module **modules;  /* owned; parallel to app->modules; NULL: could not be read */
};

/* Reads the folder `path` below `dirfd`, without the appup.  0 where app.yaml could be read; problems of
 * modules are told, and leave NULL. */
int compare_side_open(int dirfd, const char *path, const char *name, struct compare_side **ret,
    struct doc_problems *p) RTE_MUST_CHECK;
void compare_side_close(struct compare_side **s);
/* Reads appup.yaml, where there is one. */
void compare_side_appup(struct compare_side *s, struct doc_problems *p);
/* NULL: the application ships no such module, or its file could not be read. */
struct elf_module *compare_side_module(const struct compare_side *s, const char *module);
/* elf_module_open(), and REL_E_BAD_OBJECT for a file that no loader of this machine would map whole: of what
 * is left of it, every difference to another would be a false one. */
int compare_module_open(int dirfd, const char *path, const char *name, struct elf_module **ret,
    struct rel_err *err) RTE_MUST_CHECK;
/* "NAME/modules/MODULE.so", for a position; as long as the next call. */
const char *compare_side_file(const struct compare_side *s, const char *module, char *buf, size_t size);

/* A module with state of its own: a child's callback module, or one that declares state types. */
bool compare_has_state(const struct compare_side *s, const char *module);
/* A child's callback module: its first state type is that of the state, the others are parts. */
bool compare_is_callback(const struct compare_side *s, const char *module);
/* Every child below a supervisor, nested ones too, in the order written. */
void compare_each_child(const struct model_sup *sup,
    void (*fn)(void *ctx, const struct model_child *child), void *ctx);

/* ------------------------------------------------------------------ two versions */
enum compare_what { COMPARE_SAME, COMPARE_ADDED, COMPARE_DELETED, COMPARE_CHANGED };

/* A state type of a module that is in both versions. */
struct compare_state {
	const char *name;
	bool part;                    /* not the callback module's own state */
	const struct elf_state_type *old, *new; /* NULL: not declared in that version */
	const struct elf_layout *old_layout, *new_layout; /* NULL as above */
	struct elf_diffs *diffs;      /* owned; NULL: equal, or not known in both */
	bool known;                   /* both layouts were found */
};

struct compare_module {
	const char *module;
	enum compare_what what;
	struct elf_module *old, *new; /* NULL: not in that version, or not readable */
	/* CHANGED: what of it differs, beside its bytes. */
	bool build_id, vsn, callbacks, imports, functions, interface;
	size_t state_count;
	struct compare_state *states;
	bool state_changed;           /* a layout or a version of a state type differs */
};

/* What of a child differs; `anew` needs a new process, the rest is the supervisor's alone. */
struct compare_child {
	const char *id;
	enum compare_what what;
	const struct model_child *old, *new;
	bool anew;
	const char *how;              /* "args, listen": keys that differ */
};

struct compare_key {
	const char *key;
	enum compare_what what;
};

struct compare_keys {
	size_t count;
	struct compare_key *list;
};

struct compare {
	struct rel_arena *arena;
	const struct compare_side *old, *new;
	size_t module_count;
	struct compare_module *modules; /* those that differ: in the order of the new app.yaml, then those
	                                   deleted in the order of the old one */
	size_t child_count;
	struct compare_child *children; /* those that differ, in the same order */
	const char *flags;            /* of supervisors: "intensity, period" that differ; "": none */
	struct compare_keys env, depends;
};

/* The sides must outlive it. */
int compare_make(const struct compare_side *old, const struct compare_side *new, struct compare **ret,
    struct doc_problems *p) RTE_MUST_CHECK;
void compare_free(struct compare **c);
bool compare_differs(const struct compare *c);
const struct compare_module *compare_module(const struct compare *c, const char *module); /* NULL: same */

/* ------------------------------------------------------------------ what a script takes care of
 * `goes`: the module is deleted on that way, else it is loaded.  A restart of the application, or of
 * all children that run the module, takes care of it as well. */
bool compare_handles_module(const struct compare *c, const struct model_script *s, const char *module,
    bool goes);
bool compare_handles_child(const struct model_script *s, const char *child);
bool compare_handles_supervisor(const struct model_script *s);
/* The first instruction that is about the module alone; NULL: none. */
const struct model_instr *compare_instr_of(const struct model_script *s, const char *module);
/* Do the instructions that are about the two change them in one bracket?  `depends` ties instructions
 * together; a script with brackets written by hand is taken for one. */
bool compare_one_bracket(const struct model_script *s, const char *a, const char *b);
bool compare_imports(const struct elf_module *m, const char *module); /* m may be NULL */
/* Does the script call a code_change of the module? */
bool compare_calls_change(const struct model_script *s, const char *module);
/* Or does its state begin anew? */
bool compare_converts(const struct model_script *s, const char *module);

/* ------------------------------------------------------------------ states that have to go through code_change */
bool compare_state_differs(const struct compare_state *s);
/* A part of `owner` differs that states of the callback module `module` may hold: nobody sees what lies behind
 * a pointer, but who calls the owner has what it made.  Only the code_change of `module` gets at them, by
 * relw_txn_convert(), so it is to be called, in the bracket of `owner`, though `module` itself did not change. */
bool compare_holds_changed(const struct compare *c, const char *module, const struct compare_module *owner);

/* ------------------------------------------------------------------ whole releases */
#define COMPARE_LIBS_MAX 64
/* A folder stands for the release.yaml in it. */
void compare_release_file(const char *path, char *buf, size_t size);

struct compare_libs {
	struct model_libs model;      /* borrows from below: the struct stays where it is */
	int fds[COMPARE_LIBS_MAX];
	const char *names[COMPARE_LIBS_MAX];
	char beside[4300];
};
void compare_libs_open(struct compare_libs *l, const char *const *names, size_t count,
    const char *release_file, struct doc_problems *p);
void compare_libs_close(struct compare_libs *l);
/* Which library has the application, and as which folder; -1: none. */
int compare_libs_find(const struct model_libs *libs, const struct model_app *app, char *folder, size_t size);

struct compare_release {
	struct model_system *sys;     /* owned */
	struct compare_side **sides;  /* owned; parallel to sys->apps; with their appups */
};
/* `path`: a release.yaml, or the folder it lies in. */
int compare_release_open(const char *path, const char *const *libs, size_t lib_count,
    struct compare_release **ret, struct doc_problems *p) RTE_MUST_CHECK;
void compare_release_close(struct compare_release **r);
const struct compare_side *compare_release_side(const struct compare_release *r, const char *application);

/* ------------------------------------------------------------------ json.c */
const char *compare_what_name(enum compare_what what);
json_t *compare_json(const struct compare *c); /* new reference; NULL: memory */

/* bytes.c: 1: the files have the same bytes; 0: they differ; -1 with errno. */
int compare_bytes(int a, int b);

#endif
