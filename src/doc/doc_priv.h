/* SPDX-License-Identifier: Apache-2.0
 * doc, inside: the builder that both readers drive.  A reader hands over scalars, opens and closes
 * in the order of the text; the builder makes the tree and holds the limits (nodes, depth), the
 * duplicate keys and the keys that are no scalars.  It does not recurse, so depth costs no stack.
 */
#ifndef DOC_DOC_PRIV_H
#define DOC_DOC_PRIV_H

#include "doc/doc.h"

#define DOC_MAGIC 0x646f6374u

struct doc_pending {
	const char *key; /* NULL in a list */
	struct rel_pos key_pos;
	struct doc_node *node;
	bool again;      /* the map has the key already; set when it is closed */
};

struct doc_frame {
	struct doc_node *node;
	size_t base;            /* where its children begin in `pending` */
	const char *key;        /* map: read, waits for its value; NULL: the next scalar is a key */
	struct rel_pos key_pos;
};

struct doc_builder {
	struct doc *doc;        /* borrowed; root is set by the first value */
	struct doc_problems *p; /* borrowed; takes what does not end the reading */
	const struct doc_limits *limits;
	size_t nodes;
	unsigned depth;
	struct doc_frame *frames; /* limits->depth of them */
	struct doc_pending *pending;
	size_t pending_count, pending_cap;
};

int doc_builder_init(struct doc_builder *b, struct doc *d, const struct doc_limits *limits,
    struct doc_problems *p, struct rel_err *err) RTE_MUST_CHECK;
void doc_builder_fini(struct doc_builder *b);
/* The text is copied.  In a map whose next thing is a key, the scalar is the key. */
int doc_builder_scalar(struct doc_builder *b, const struct rel_pos *pos, const char *text,
    size_t len, bool quoted, struct rel_err *err) RTE_MUST_CHECK;
int doc_builder_open(struct doc_builder *b, const struct rel_pos *pos, enum doc_kind kind,
    struct rel_err *err) RTE_MUST_CHECK;
int doc_builder_close(struct doc_builder *b, struct rel_err *err) RTE_MUST_CHECK;
/* The reading has ended inside of lists and maps: tells of the keys that stand twice so far. */
int doc_builder_abandon(struct doc_builder *b, struct rel_err *err) RTE_MUST_CHECK;
/* DOC_SCALAR: outside of any list or map. */
enum doc_kind doc_builder_in(const struct doc_builder *b);
bool doc_builder_wants_key(const struct doc_builder *b);

/* The readers: the text is valid UTF-8 without NUL.  *err is what ended the reading; what did not is
 * told to the builder's problems. */
int doc_yaml_read(struct doc_builder *b, const char *text, size_t len, struct rel_err *err)
    RTE_MUST_CHECK;
int doc_json_read(struct doc_builder *b, const char *text, size_t len, struct rel_err *err)
    RTE_MUST_CHECK;

/* The length of the JSON number that begins at p; 0: none does. */
size_t doc_json_number_len(const char *p, const char *end);

/* Moves *pos over the bytes from..to: lines by \n, columns by characters. */
void doc_pos_advance(struct rel_pos *pos, const char *from, const char *to);

#endif
