/* SPDX-License-Identifier: Apache-2.0
 * model, inside: table-driven decoding and printing.
 *
 * A map of a file is a table of fields: key, kind (how it is decoded and printed), place in the C
 * value, argument of the kind.  The walk reports unknown and missing keys; a kind reports what it
 * refuses and leaves the value as it was (the caller has put the defaults there).  So the tables
 * are the formats, and the decoders hold only the rules that span several fields.
 */
#ifndef MODEL_MODEL_PRIV_H
#define MODEL_MODEL_PRIV_H

#include "model/model.h"

struct model_dec {
	struct rel_arena *arena; /* of the document: the value lives with it */
	struct doc_problems *p;
};

struct model_field;

struct model_kind {
	void (*decode)(struct model_dec *d, const struct doc_node *n, void *out,
	    const struct model_field *f);
	/* Adds the key to an object; -1: no memory.  NULL: never printed. */
	int (*print)(json_t *obj, const struct model_field *f, const void *in);
};

enum {
	MODEL_REQUIRED = 1,
	MODEL_OMIT_DEFAULT = 2, /* not printed where it is the first of its enum */
};

struct model_field {
	const char *key;
	const struct model_kind *kind;
	size_t offset;
	size_t count_offset;    /* texts: where their number goes */
	const void *arg;
	unsigned flags;
};

/* A run of fields, to be checked as one map. */
struct model_fields {
	const struct model_field *list;
	size_t count;
};
#define MODEL_FIELDS(a) ((struct model_fields){(a), NELEM(a)})

struct model_enum {
	const char *const *names;
	unsigned count;
};

struct model_range {
	unsigned min, max;
};

/* The kinds, and what they write to. */
extern const struct model_kind model_kind_name;     /* const char * */
extern const struct model_kind model_kind_version;  /* const char * */
extern const struct model_kind model_kind_text;     /* const char * */
extern const struct model_kind model_kind_enum;     /* an enum; arg: model_enum */
extern const struct model_kind model_kind_uint;     /* unsigned; arg: model_range */
extern const struct model_kind model_kind_span;     /* dur_ns_t: above 0, not infinite */
extern const struct model_kind model_kind_duration; /* dur_ns_t; infinity too */
extern const struct model_kind model_kind_timeout;  /* dur_ns_t; `default` too */
extern const struct model_kind model_kind_ms;       /* dur_ns_t; whole ms or infinity */
extern const struct model_kind model_kind_names;    /* struct model_names */
extern const struct model_kind model_kind_text_list; /* struct model_names, of any texts */
extern const struct model_kind model_kind_texts;    /* const char **, with its count; not empty */
extern const struct model_kind model_kind_any;      /* const struct doc_node * */
extern const struct model_kind model_kind_map;      /* const struct doc_node * */

extern const struct model_enum model_app_types, model_purges, model_types, model_barriers,
    model_modes, model_strategies, model_restarts, model_readies, model_confirms;

/* Decodes the map `n` (`what` is it in words) into `out`; false where it is no map. */
bool model_dec_map(struct model_dec *d, const struct doc_node *n, const char *what,
    struct model_fields fields, void *out);
/* Reports a node that is not of the kind; true where it is. */
bool model_dec_expect(struct model_dec *d, const struct doc_node *n, enum doc_kind kind,
    const char *what);
void *model_dec_alloc(struct model_dec *d, size_t n, size_t size, const struct rel_pos *pos);
const char *model_dec_name(struct model_dec *d, const struct doc_node *n, const char *what);
const char *model_dec_version(struct model_dec *d, const struct doc_node *n, const char *what);
const char *model_dec_text(struct model_dec *d, const struct doc_node *n, const char *what);
/* A list of maps: allocates *ret, has each item decoded in its place. */
void model_dec_list(struct model_dec *d, const struct doc_node *n, const char *what, size_t size,
    void (*item)(struct model_dec *d, const struct doc_node *n, void *out), void **ret,
    size_t *ret_count);
void model_dec_names(struct model_dec *d, const struct doc_node *n, const char *what,
    struct model_names *ret);
void model_dec_texts(struct model_dec *d, const struct doc_node *n, const char *what,
    struct model_names *ret);

int model_print_fields(json_t *obj, struct model_fields fields, const void *in);
json_t *model_names_json(const struct model_names *l);

/* A list of instructions: those of appups, and low-level ones only. */
extern const struct model_kind model_kind_script_high, model_kind_script_low; /* model_script */
extern const struct model_kind model_kind_supervisor; /* struct model_sup, in place */

/* The addresses of a child against the env of its application. */
void model_listen_check(struct doc_problems *p, const struct model_names *listen,
    const struct doc_node *env);

/* The value of a decoder: `size` zeroed bytes in the document's arena; NULL: no memory. */
void *model_dec_begin(struct model_dec *d, const struct doc *doc, struct doc_problems *p,
    size_t size);

#endif
