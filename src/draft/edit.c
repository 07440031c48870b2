/* SPDX-License-Identifier: Apache-2.0
 * A person's text with something put into it in places; all else stays byte by byte.  Where a list in
 * brackets ends, only libyaml can tell: a bracket may stand in a comment or in quotes.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "draft/draft_priv.h"

int
draft_text_init(struct draft_text *t, const char *text, size_t len)
{
	size_t n = 1;
	for (size_t i = 0; i < len; i++)
		n += text[i] == '\n';
	*t = (struct draft_text){.text = text, .len = len};
	t->start = calloc(n + 2, sizeof(*t->start));
	if (t->start == NULL)
		return -1;
	for (size_t at = 0; at < len; at = t->start[t->count]) {
		const char *end = memchr(text + at, '\n', len - at);
		t->start[++t->count] = end != NULL ? (size_t)(end - text) + 1 : len;
	}
	return 0;
}

void
draft_text_fini(struct draft_text *t)
{
	for (size_t i = 0; i < t->edit_count; i++)
		rel_buf_fini(&t->edits[i].put);
	free(t->start);
}

struct rel_buf *
draft_text_edit(struct draft_text *t, size_t at, size_t drop)
{
	MUST(t->edit_count < DRAFT_EDITS_MAX);
	size_t i = t->edit_count++;
	/* In the order of the text; two at one place in the order in which they were asked for. */
	for (; i > 0 && t->edits[i - 1].at > at; i--)
		t->edits[i] = t->edits[i - 1];
	t->edits[i] = (struct draft_edit){.at = at, .drop = drop, .put = REL_BUF_INIT};
	return &t->edits[i].put;
}

struct rel_buf *
draft_text_lines(struct draft_text *t, size_t line)
{
	struct rel_buf *b = draft_text_edit(t, t->start[line], 0);
	if (line == t->count && t->len > 0 && t->text[t->len - 1] != '\n')
		rel_buf_puts(b, "\n");
	return b;
}

char *
draft_text_join(const struct draft_text *t)
{
	struct rel_buf b = REL_BUF_INIT;
	size_t at = 0;
	bool ok = true;
	for (size_t i = 0; i < t->edit_count; i++) {
		const struct draft_edit *e = &t->edits[i];
		ok &= rel_buf_ok(&e->put);
		rel_buf_add(&b, t->text + at, e->at - at);
		rel_buf_add(&b, e->put.data, e->put.len);
		at = e->at + e->drop;
	}
	rel_buf_add(&b, t->text + at, t->len - at);
	if (!ok)
		rel_buf_fini(&b);
	return ok ? rel_buf_take(&b) : NULL;
}

size_t
draft_text_line_of(const struct draft_text *t, size_t at)
{
	size_t line = 0;
	while (line + 1 < t->count && t->start[line + 1] <= at)
		line++;
	return line;
}

size_t
draft_text_indent(const struct draft_text *t, size_t line)
{
	size_t at = t->start[line];
	while (at < t->start[line + 1] && t->text[at] == ' ')
		at++;
	return at - t->start[line];
}

/* ------------------------------------------------------------------ what stands in brackets */
/* libyaml counts characters. */
static size_t
offset_of(const struct draft_text *t, const yaml_mark_t *m)
{
	size_t at = 0;
	for (size_t n = m->index; at < t->len; at++)
		if (((unsigned char)t->text[at] & 0xC0) != 0x80 && n-- == 0)
			break;
	return at;
}

static bool
opens(const yaml_event_t *e)
{
	return e->type == YAML_SEQUENCE_START_EVENT || e->type == YAML_MAPPING_START_EVENT;
}

static bool
closes(const yaml_event_t *e)
{
	return e->type == YAML_SEQUENCE_END_EVENT || e->type == YAML_MAPPING_END_EVENT;
}

/* The event that begins the collection at `pos`. */
static bool
begins_at(const yaml_event_t *e, const struct rel_pos *pos)
{
	return opens(e) && e->start_mark.line + 1 == pos->line && e->start_mark.column + 1 == pos->column;
}

static bool
is_flow(const yaml_event_t *e)
{
	return e->type == YAML_SEQUENCE_START_EVENT
	    ? e->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE
	    : e->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE;
}

struct finder {
	const struct draft_text *t;
	const struct rel_pos *pos;
	struct draft_flow *out;
	size_t depth;                 /* inside the collection at `pos`; 0: before it */
	bool done, found;
};

static void
on_event(struct finder *f, const yaml_event_t *e)
{
	struct draft_flow *out = f->out;
	if (f->depth == 0) {
		if (!begins_at(e, f->pos))
			return;
		f->done = !is_flow(e);
		f->depth = 1;
		out->open = offset_of(f->t, &e->start_mark);
		out->end = out->open + 1;
		return;
	}
	f->depth = f->depth + opens(e) - closes(e);
	if (f->depth == 0) {
		out->close = offset_of(f->t, &e->start_mark);
		f->done = f->found = true;
	} else if (e->end_mark.index > e->start_mark.index) {
		/* A pair without braces ends in an event without extent, after what follows it. */
		out->empty = false;
		out->end = offset_of(f->t, &e->end_mark);
	}
}

/* A comma after the last item, blanks and comments aside. */
static bool
ends_in_comma(const struct draft_text *t, const struct draft_flow *f)
{
	bool comment = false;
	for (size_t at = f->end; at < f->close; at++) {
		comment = t->text[at] == '#' || (comment && t->text[at] != '\n');
		if (!comment && t->text[at] == ',')
			return true;
	}
	return false;
}

int
draft_text_flow(const struct draft_text *t, const struct rel_pos *pos, struct draft_flow *ret)
{
	yaml_parser_t parser;
	struct finder f = {.t = t, .pos = pos, .out = ret};
	bool ok = true;
	*ret = (struct draft_flow){.empty = true};
	if (yaml_parser_initialize(&parser) != 1)
		return -1;
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const unsigned char *)t->text, t->len);
	while (ok && !f.done) {
		yaml_event_t e;
		ok = yaml_parser_parse(&parser, &e) == 1;
		if (!ok)
			break;
		on_event(&f, &e);
		f.done |= e.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&e);
	}
	yaml_parser_delete(&parser);
	if (f.found)
		ret->comma = ends_in_comma(t, ret);
	return !ok ? -1 : f.found;
}
