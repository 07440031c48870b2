/* SPDX-License-Identifier: Apache-2.0
 * relctl: the operator's command.  One file a group of verbs, one table that names them all.
 *
 * A verb's function gets the global options (`struct ctl`) and its own options and arguments
 * already parsed and counted (`struct ctl_args`), and returns relctl's exit status.  Data goes to
 * c->out, everything else to c->err; errors only through ctl_error() and ctl_problems(), which
 * know -o json.  Nothing here asks questions.
 */
#ifndef CTL_CTL_H
#define CTL_CTL_H

#include <stdbool.h>
#include <stdio.h>

#include "base/base.h"
#include "doc/doc.h"

#define CTL_ROOT_DEFAULT "/var/lib/relup"

enum ctl_format { CTL_TEXT, CTL_JSON };

struct ctl {
	const char *root;   /* --root, else RELUP_ROOT, else the default; never NULL */
	const char *socket; /* --socket; NULL: run/control.sock of the root */
	enum ctl_format format;
	bool quiet; /* neither progress nor hints */
	bool color;
	dur_ns_t timeout; /* DUR_INFINITY: not given */
	bool done;	  /* the exit status tells what was done, whether the output arrives or not */
	FILE *out, *err;
};

/* An option of a verb.  `id` is the verb's own number for it, from 1. */
struct ctl_opt {
	int id;
	const char *name;  /* without the dashes; NULL ends the list */
	const char *value; /* what its value is called in help, e.g. "DIR"; NULL: takes none */
	const char *help;
};

struct ctl_given {
	int id;
	const char *value; /* NULL: the option takes none */
};

/* What was given, in the order of the command line. */
struct ctl_args {
	char words[128]; /* the verb, as far as it was given */
	size_t opt_count;
	struct ctl_given *opts;
	size_t arg_count;
	char **args;
};

struct ctl_verb {
	const char *name;     /* one word or two; NULL ends the list */
	const char *synopsis; /* arguments, then options */
	const char *help;     /* one line */
	size_t min_args, max_args;
	const struct ctl_opt *opts; /* NULL: none */
	int (*run)(struct ctl *c, const struct ctl_args *a);
};

struct ctl_group {
	const char *title;
	const struct ctl_verb *verbs;
};

/* ctl_verbs.c: the table */
extern const struct ctl_group ctl_groups[];		/* a NULL title ends it */
const struct ctl_verb *ctl_verb_find(const char *name); /* NULL: unknown */
bool ctl_verb_is_prefix(const char *word);		/* first word of a verb of two */
/* Calls fn for every verb, in table order. */
void ctl_verb_each(void (*fn)(void *ctx, const struct ctl_verb *v), void *ctx);

extern const struct ctl_verb ctl_verbs_relup[];	  /* ctl_relup.c */
extern const struct ctl_verb ctl_verbs_check[];	  /* ctl_check.c */
extern const struct ctl_verb ctl_verbs_graph[];	  /* ctl_graph.c */
extern const struct ctl_verb ctl_verbs_diff[];	  /* ctl_diff.c */
extern const struct ctl_verb ctl_verbs_root[];	  /* ctl_root.c */
extern const struct ctl_verb ctl_verbs_online[];  /* ctl_online.c */
extern const struct ctl_verb ctl_verbs_show[];	  /* ctl_show.c */
extern const struct ctl_verb ctl_verbs_general[]; /* ctl_version.c */

/* ctl_args.c */
/* Reads the command line.  0: *ret_verb is to be run with *ret_args, or *ret_ask says
 * that help (on args.words) or the version was asked for; -1: a usage error in *err.  *c holds the
 * global options in both cases, as far as they were understood. */
enum ctl_ask { CTL_ASK_NOTHING, CTL_ASK_HELP, CTL_ASK_VERSION };
int ctl_args_parse(struct ctl *c, int argc, char **argv, const struct ctl_verb **ret_verb,
    enum ctl_ask *ret_ask, struct ctl_args *ret_args, struct rel_err *err) RTE_MUST_CHECK;
void ctl_args_fini(struct ctl_args *a);
/* The last value given; NULL: not given. */
const char *ctl_args_value(const struct ctl_args *a, int id);
bool ctl_args_has(const struct ctl_args *a, int id);
extern const struct ctl_opt ctl_global_opts[];

/* ctl_near.c */
/* Of the names offered, the one that `word` was probably meant to be. */
struct ctl_near {
	const char *word, *best;
	size_t distance;
};
void ctl_near_offer(struct ctl_near *n, const char *name);
const char *ctl_near_best(const struct ctl_near *n); /* NULL: none is near */

/* ctl_help.c */
/* `words`: a verb, the first word of verbs, or "" for everything.  -1: no such verb. */
int ctl_help(struct ctl *c, const char *words);

/* ctl_complete.c: one candidate for the last word a line; a line `:files` or `:dirs` stands for the shell's own */
int ctl_complete(struct ctl *c, char **words, size_t n);

/* ctl_version.c */
int ctl_version_print(struct ctl *c);

/* ctl_print.c: all return the exit status that goes with it */
int ctl_error(struct ctl *c, const struct rel_err *err);
/* Every problem; the first error decides. 0 where there are only warnings. */
int ctl_problems(struct ctl *c, const struct doc_problems *p);
/* One JSON document on c->out; takes the reference; NULL is running out of memory. */
int ctl_json(struct ctl *c, json_t *v);
/* --out: the file is replaced in one step.  A device or a pipe (/dev/stdout, /dev/null, a FIFO) is
 * written to, never replaced. */
int ctl_out_file(const char *path, const char *text, struct rel_err *err) RTE_MUST_CHECK;
/* A text of others, safe for a terminal: control characters (C0, DEL, C1) and stray bytes as \xNN or
 * \u00NN.  Owned; NULL: no memory. */
char *ctl_plain(const char *text) RTE_MUST_CHECK;
const char *ctl_us(char *buf, size_t size, int64_t us); /* "250 us", "12 ms"; returns buf */
void ctl_put(FILE *f, const char *text); /* prints it so */
void ctl_put_place(FILE *f, const struct rel_err *e); /* "FILE:LINE:COLUMN: ", as far as it has one */
/* The same for every text in a value that is to be shown as text.  -1: no memory. */
int ctl_json_plain(json_t *v) RTE_MUST_CHECK;
/* A hint with the path of the root in place of the word ROOT, where it is known. */
void ctl_hint(const struct ctl *c, const char *hint, char *buf, size_t size);
/* A note for people on c->err; nothing with -q. */
void ctl_note(struct ctl *c, const char *fmt, ...) RTE_PRINTF(2, 3);

#endif
