/* SPDX-License-Identifier: Apache-2.0
 * doc: a YAML or JSON document as a tree with positions; limits; printers; the collector of
 * problems.  Everything a person writes comes through here, so that each error has a place.
 *
 * A document is read whole, then belongs to its `struct doc` (one arena); nodes are borrowed.
 * Scalars are texts until a schema gives them a type: a version 1.10 stays "1.10".
 * Refused with a position: what formats.md lists (duplicate keys, anchors, aliases, tags, several
 * documents, empty input, depth over 32, size, nodes, bad UTF-8, NUL).
 * A name that ends in .json is read by the JSON reader, everything else by libyaml, unless the text as a
 * whole is JSON: of the escapes of JSON, YAML has no surrogate pairs.
 */
#ifndef DOC_DOC_H
#define DOC_DOC_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"

enum doc_kind { DOC_SCALAR, DOC_LIST, DOC_MAP };

struct doc_node {
	enum doc_kind kind;
	bool quoted;                  /* scalar: was quoted (or a block scalar): always text */
	struct rel_pos pos;           /* of the value */
	const char *text;             /* scalar */
	size_t count;                 /* list: items; map: pairs */
	struct doc_node **items;      /* list: values; map: values */
	const char **keys;            /* map, in the order written */
	struct rel_pos *key_pos;      /* map */
};

struct doc {
	unsigned magic;
	struct rel_arena *arena;
	const char *name;             /* what positions call the file */
	struct doc_node *root;
	bool faulty;                  /* problems were told while it was read: a decoder looks for more
	                                 in it and refuses it; of a key that stands twice the first
	                                 value is here, an alias is null */
};

struct doc_limits {
	size_t bytes, nodes;
	unsigned depth;
};
extern const struct doc_limits doc_limits_written;   /* 1 MiB, 50,000 nodes, depth 32 */
/* relup.json, manifest.json: 64 MiB, 4 M nodes, depth 32 */
extern const struct doc_limits doc_limits_generated;

/* ------------------------------------------------------------------ problems
 * Validation reports all problems of a document, not only the first; past the limit it counts. */
#define DOC_PROBLEMS_MAX 50

enum doc_severity { DOC_ERROR, DOC_WARNING };

struct doc_problem {
	enum doc_severity severity;
	struct rel_err err;
};

struct doc_problems {
	struct doc_problem *list;     /* owned */
	size_t count, cap;
	size_t errors;                /* errors seen, also those past the limit */
	size_t dropped;
	bool last_dropped;            /* the newest problem is not in the list: no hint for it */
};
#define DOC_PROBLEMS_INIT ((struct doc_problems){0})

void doc_problems_fini(struct doc_problems *p);
/* Adds; never fails (a problem that finds no memory is counted as dropped). */
void doc_problem(struct doc_problems *p, const struct rel_pos *pos, enum rel_ecode code,
    const char *fmt, ...) RTE_PRINTF(4, 5);
/* As doc_problem(), of either severity. */
void doc_find(struct doc_problems *p, enum doc_severity severity, const struct rel_pos *pos,
    enum rel_ecode code, const char *fmt, ...) RTE_PRINTF(5, 6);
/* Of the last problem. */
void doc_problem_hint(struct doc_problems *p, const char *fmt, ...) RTE_PRINTF(2, 3);
void doc_problem_add(struct doc_problems *p, enum doc_severity sev, const struct rel_err *err);
/* Is this very one in the list, whatever its hint? */
bool doc_problems_has(const struct doc_problems *p, const struct rel_err *err);
/* Adds all of `from`, which is empty then. */
void doc_problems_move(struct doc_problems *p, struct doc_problems *from);
/* -1 with the first error in *err (", and N more" added) where there are errors; else 0. */
int doc_problems_result(const struct doc_problems *p, struct rel_err *err) RTE_MUST_CHECK;

/* ------------------------------------------------------------------ reading
 * A UTF-8 byte order mark at the beginning is passed over. */
/* Reads on after a duplicate key, an anchor, an alias and a tag, so that what follows is told as well.
 * 0: there is a tree, which may be faulty; -1: none, and problems->errors > 0. */
int doc_read_file_all(int dirfd, const char *path, const char *name,
    const struct doc_limits *limits, struct doc **ret, struct doc_problems *p) RTE_MUST_CHECK;
int doc_read_text_all(const char *text, size_t len, const char *name,
    const struct doc_limits *limits, struct doc **ret, struct doc_problems *p) RTE_MUST_CHECK;
/* No faulty tree; *err is the first problem (", and N more" added). */
int doc_read_file(int dirfd, const char *path, const char *name, const struct doc_limits *limits,
    struct doc **ret, struct rel_err *err) RTE_MUST_CHECK;
int doc_read_text(const char *text, size_t len, const char *name, const struct doc_limits *limits,
    struct doc **ret, struct rel_err *err) RTE_MUST_CHECK;
void doc_free(struct doc **d);

/* ------------------------------------------------------------------ looking */
const struct doc_node *doc_get(const struct doc_node *map, const char *key); /* NULL: absent */
/* A scalar that formats.md reads as null: plain `null`, `~` or nothing. */
bool doc_is_null(const struct doc_node *n);

/* ------------------------------------------------------------------ as JSON
 * The rule for free-form values (args, env, extra, request): a plain scalar that is a JSON number,
 * true, false or null is that, except that one with a fraction stays text when it does not print
 * back the same; quoted is text.  A plain scalar that YAML reads as nothing is null too.  A number
 * that a JSON reader of 64 bits would refuse (1e999, 20 digits) stays text: nothing is rounded. */
json_t *doc_to_json(const struct doc_node *n); /* new reference; NULL: out of memory */

/* Deterministic text of a JSON value: object keys in insertion order, two spaces, newline at the
 * end.  What fits in 100 columns stands on one line, but a list of several items of which one holds
 * a list or object itself has an item a line: so a script has an instruction a line.  A real is
 * printed with the fewest digits that read back as it.  malloc'ed; NULL: memory. */
char *doc_json_pretty(const json_t *v);

/* The same text written item by item, for a value that is too big to be built first.  What is opened is
 * what does not fit on a line, which the caller must know.  Starts as {0}; memory that runs out is told
 * by the end. */
struct doc_writer {
	struct rel_buf buf;
	size_t line;
	unsigned depth;
	bool comma;
};
void doc_writer_open(struct doc_writer *w, const char *bracket);
void doc_writer_item(struct doc_writer *w, const char *key); /* its value follows; NULL: in a list */
void doc_writer_value(struct doc_writer *w, const json_t *v);
void doc_writer_close(struct doc_writer *w, const char *bracket);
char *doc_writer_end(struct doc_writer *w); /* malloc'ed; NULL: memory */

char *doc_json_compact(const json_t *v); /* sorted keys, no spaces: for bytes that are compared */

#endif
