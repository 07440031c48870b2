/* SPDX-License-Identifier: Apache-2.0
 * YAML through libyaml's events.  Events and not its document tree: the tree accepts aliases that
 * close a cycle or double at each level, duplicate keys, and any depth.  What is not of the plain
 * kind (anchors, aliases, tags, a second document) is refused where it stands.  The reading goes on
 * after all but the last: an alias is a null and never what it names, so that it stays cheap.
 */
#include "config.h"

#include <yaml.h>

#include "doc/doc_priv.h"

struct reader {
	struct doc_builder *b;
	const char *text;
	size_t len;
	yaml_parser_t parser;
	bool stream_ended;
	unsigned documents;
	struct rel_err *err;
};

static struct rel_pos
at(const struct reader *r, const yaml_mark_t *m)
{
	return (struct rel_pos){r->b->doc->name, (unsigned)m->line + 1, (unsigned)m->column + 1};
}

/* libyaml's reader errors (bytes that YAML forbids) carry an offset, the others a mark. */
static int
parser_error(struct reader *r)
{
	const yaml_parser_t *p = &r->parser;
	const char *problem = p->problem != NULL ? p->problem : "cannot be read";
	if (p->error == YAML_MEMORY_ERROR)
		return rel_err_nomem(r->err);
	if (p->error == YAML_READER_ERROR) {
		struct rel_pos pos = {r->b->doc->name, 1, 1};
		size_t offset = p->problem_offset < r->len ? p->problem_offset : r->len;
		doc_pos_advance(&pos, r->text, r->text + offset);
		return rel_err_at(r->err, &pos, REL_E_SYNTAX, "%s", problem);
	}
	struct rel_pos pos = at(r, &p->problem_mark);
	if (p->context == NULL)
		return rel_err_at(r->err, &pos, REL_E_SYNTAX, "%s", problem);
	return rel_err_at(r->err, &pos, REL_E_SYNTAX, "%s, %s (from line %zu, column %zu)", problem,
	    p->context, p->context_mark.line + 1, p->context_mark.column + 1);
}

static void
refuse_extras(
    struct reader *r, const struct rel_pos *pos, const yaml_char_t *anchor, const yaml_char_t *tag)
{
	if (anchor != NULL)
		doc_problem(r->b->p, pos, REL_E_SYNTAX, "anchors are not allowed");
	if (tag != NULL)
		doc_problem(r->b->p, pos, REL_E_SYNTAX, "tags are not allowed");
}

static int
on_document(struct reader *r, const yaml_event_t *e, const struct rel_pos *pos)
{
	if (++r->documents > 1)
		return rel_err_at(
		    r->err, pos, REL_E_SYNTAX, "a file holds one document, not several");
	if (e->data.document_start.tag_directives.start !=
	    e->data.document_start.tag_directives.end)
		doc_problem(r->b->p, pos, REL_E_SYNTAX, "tags are not allowed");
	return 0;
}

static int
on_scalar(struct reader *r, const yaml_event_t *e, const struct rel_pos *pos)
{
	refuse_extras(r, pos, e->data.scalar.anchor, e->data.scalar.tag);
	return doc_builder_scalar(r->b, pos, (const char *)e->data.scalar.value,
	    e->data.scalar.length, e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE, r->err);
}

/* A key keeps its name, so that two aliases are not the same key twice. */
static int
on_alias(struct reader *r, const yaml_event_t *e, const struct rel_pos *pos)
{
	CLEANUP(rel_buf_fini) struct rel_buf name = REL_BUF_INIT;
	doc_problem(r->b->p, pos, REL_E_SYNTAX, "aliases are not allowed");
	if (!doc_builder_wants_key(r->b))
		return doc_builder_scalar(r->b, pos, "null", 4, false, r->err);
	rel_buf_printf(&name, "*%s", (const char *)e->data.alias.anchor);
	if (!rel_buf_ok(&name))
		return rel_err_nomem(r->err);
	return doc_builder_scalar(r->b, pos, name.data, name.len, false, r->err);
}

static int
on_event(struct reader *r, const yaml_event_t *e)
{
	struct rel_pos pos = at(r, &e->start_mark);
	switch (e->type) {
	case YAML_DOCUMENT_START_EVENT:
		return on_document(r, e, &pos);
	case YAML_SCALAR_EVENT:
		return on_scalar(r, e, &pos);
	case YAML_SEQUENCE_START_EVENT:
		refuse_extras(r, &pos, e->data.sequence_start.anchor, e->data.sequence_start.tag);
		return doc_builder_open(r->b, &pos, DOC_LIST, r->err);
	case YAML_MAPPING_START_EVENT:
		refuse_extras(r, &pos, e->data.mapping_start.anchor, e->data.mapping_start.tag);
		return doc_builder_open(r->b, &pos, DOC_MAP, r->err);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		return doc_builder_close(r->b, r->err);
	case YAML_ALIAS_EVENT:
		return on_alias(r, e, &pos);
	case YAML_STREAM_END_EVENT:
		r->stream_ended = true;
		return 0;
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_DOCUMENT_END_EVENT:
		return 0;
	}
	return 0;
}

static int
read_events(struct reader *r)
{
	while (!r->stream_ended) {
		yaml_event_t e;
		if (yaml_parser_parse(&r->parser, &e) != 1)
			return parser_error(r);
		int rc = on_event(r, &e);
		yaml_event_delete(&e);
		if (rc != 0)
			return -1;
	}
	return 0;
}

int
doc_yaml_read(struct doc_builder *b, const char *text, size_t len, struct rel_err *err)
{
	struct reader r = {.b = b, .text = text, .len = len, .err = err};
	if (yaml_parser_initialize(&r.parser) != 1)
		return rel_err_nomem(err);
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, len);
	int rc = read_events(&r);
	yaml_parser_delete(&r.parser);
	return rc;
}
