/* SPDX-License-Identifier: Apache-2.0
 * What a person wrote, with what is missing put in.  Their bytes stay: a list that is written a line an
 * item gets more lines, one in brackets gets items before the closing one, an empty `[]` becomes lines
 * where it may.  What comes out is read again before anybody sees it.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "draft/draft_priv.h"

struct completer {
	struct draft_writer *w;
	struct draft_text t;
};

/* One direction of it. */
struct way {
	const char *direction, *key;
	const struct model_appup_entry *entries;
	size_t count;
	const struct draft_items *items;
};

static int
nomem(const struct completer *k)
{
	doc_problem(k->w->p, NULL, REL_E_NOMEM, "out of memory");
	return -1;
}

static int
refuse(const struct completer *k, const struct rel_pos *pos)
{
	doc_problem(k->w->p, pos, REL_E_UNSUPPORTED, "nothing can be added to a list that is written so");
	doc_problem_hint(k->w->p, "write it a line an item, or put the file aside and have the whole drafted");
	return -1;
}

/* ------------------------------------------------------------------ a line an item */
static bool
is_blank(const struct draft_text *t, size_t line)
{
	char c = t->text[t->start[line] + draft_text_indent(t, line)];
	return c == '\n' || c == '\r' || c == '#' || c == '\0';
}

/* The line after the last one of the block that begins on `line` with `indent` blanks. */
static size_t
block_end(const struct draft_text *t, size_t line, size_t indent)
{
	size_t end = line + 1;
	for (size_t i = line + 1; i < t->count; i++) {
		if (is_blank(t, i))
			continue;
		if (draft_text_indent(t, i) <= indent)
			break;
		end = i + 1;
	}
	return end;
}

/* Is the node at `pos` an item of a list written a line an item?  Then the blanks before its dash. */
static bool
is_block_item(const struct draft_text *t, const struct rel_pos *pos, size_t *ret_indent)
{
	size_t line = pos->line - 1, indent = draft_text_indent(t, line);
	if (t->text[t->start[line] + indent] != '-')
		return false;
	for (size_t i = indent + 1; i + 1 < pos->column; i++)
		if (t->text[t->start[line] + i] != ' ')
			return false;
	*ret_indent = indent;
	return true;
}

static void
put_items(struct rel_buf *b, const struct draft_items *items, size_t indent)
{
	for (size_t i = 0; i < items->count; i++)
		draft_put_item(b, &items->list[i], indent);
}

static void
put_entry(const struct completer *k, struct rel_buf *b, const struct way *y, size_t indent)
{
	CLEANUP(rel_buf_fini) struct rel_buf entry = REL_BUF_INIT;
	draft_put_entry(&entry, k->w, y->key, y->items);
	b->failed |= !rel_buf_ok(&entry);
	/* draft_put_entry() writes it two blanks in. */
	for (const char *at = rel_buf_text(&entry); *at != '\0';) {
		size_t n = strcspn(at, "\n");
		size_t skip = n >= 2 ? 2 : n;
		rel_buf_printf(b, "%*s%.*s\n", (int)indent, "", (int)(n - skip), at + skip);
		at += n + 1;
	}
}

/* ------------------------------------------------------------------ in brackets */
/* Where more goes into it. */
struct place {
	size_t at, indent;
	bool own_line;                /* the closing bracket has a line of its own */
};

static struct place
place_of(const struct draft_text *t, const struct draft_flow *f)
{
	size_t first = draft_text_line_of(t, f->open), last = draft_text_line_of(t, f->close);
	size_t line = draft_text_line_of(t, f->end - 1);
	struct place s = {.at = f->close, .indent = draft_text_indent(t, first) + 2};
	s.own_line = last > first && t->start[last] + draft_text_indent(t, last) == f->close;
	if (s.own_line && line > first)
		s.indent = draft_text_indent(t, line);
	if (s.own_line)
		s.at = t->start[last] - 1;
	while (!s.own_line && s.at > f->end && t->text[s.at - 1] == ' ')
		s.at--;
	return s;
}

static void
put_flow_lines(struct rel_buf *b, const char *text, size_t indent)
{
	while (*text != '\0') {
		size_t n = strcspn(text, "\n");
		rel_buf_printf(b, "\n%*s%.*s", (int)indent, "", (int)n, text);
		text += n + (text[n] == '\n');
	}
}

/* Each on lines of its own after what stands there; what follows may stand behind the last. */
static void
put_flow_items(struct rel_buf *b, const struct draft_items *items, size_t indent)
{
	const char *comma = "";
	for (size_t i = 0; i < items->count; i++) {
		const struct draft_item *it = &items->list[i];
		if (it->text != NULL)
			rel_buf_puts(b, comma);
		put_flow_lines(b, it->comment, indent);
		if (it->text != NULL) {
			put_flow_lines(b, it->text, indent);
			comma = ",";
		}
	}
}

/* A bracket behind a comment would be a part of it. */
static void
end_comment(struct rel_buf *b, size_t indent)
{
	const char *line = strrchr(rel_buf_text(b), '\n');
	if (line != NULL && line[1 + strspn(line + 1, " ")] == '#')
		rel_buf_printf(b, "\n%*s", (int)indent, "");
}

static void
put_flow_entry(const struct completer *k, struct rel_buf *b, const struct way *y, size_t indent)
{
	CLEANUP(rel_buf_fini) struct rel_buf notes = REL_BUF_INIT;
	draft_put_notes(&notes, k->w->c, 0);
	b->failed |= !rel_buf_ok(&notes);
	rel_buf_printf(b, "\n%*s{%s: %s, instructions: [", (int)indent, "", y->key, draft_other_version(k->w));
	put_flow_lines(b, rel_buf_text(&notes), indent + 2);
	put_flow_items(b, y->items, indent + 2);
	end_comment(b, indent + 2);
	rel_buf_puts(b, "]}");
}

/* Puts `body` into it; `more`: it is more than comments. */
static void
put_in(struct draft_text *t, const struct draft_flow *f, const struct place *s, struct rel_buf *body, bool more)
{
	if (!s->own_line)
		end_comment(body, s->indent);
	if (more && !f->empty && !f->comma)
		rel_buf_puts(draft_text_edit(t, f->end, 0), ",");
	struct rel_buf *b = draft_text_edit(t, s->at, 0);
	rel_buf_add(b, body->data, body->len);
	b->failed |= !rel_buf_ok(body);
}

/* `[]` and nothing else: not even a comment. */
static bool
is_bare(const struct draft_text *t, const struct draft_flow *f)
{
	size_t n = f->close - f->open - 1;
	return f->empty && strspn(t->text + f->open + 1, " ") == n;
}

/* Lines instead of it. */
static struct rel_buf *
replace_bare(struct draft_text *t, const struct draft_flow *f)
{
	size_t at = f->open;
	while (at > 0 && t->text[at - 1] == ' ')
		at--;
	(void)draft_text_edit(t, at, f->close + 1 - at);
	return draft_text_lines(t, draft_text_line_of(t, f->close) + 1);
}

/* ------------------------------------------------------------------ one direction */
static const struct rel_pos *
key_pos(const struct doc_node *map, const char *key)
{
	size_t i = 0;
	while (i < map->count && strcmp(map->keys[i], key) != 0)
		i++;
	MUST(i < map->count);
	return &map->key_pos[i];
}

/* The entry as a node. */
static const struct doc_node *
node_of(const struct doc_node *list, const struct model_appup_entry *e)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i]->pos.line == e->pos.line && list->items[i]->pos.column == e->pos.column)
			return list->items[i];
	return NULL;
}

static int
add_to_brackets(struct completer *k, const struct doc_node *entry, const struct draft_flow *f,
    const struct draft_items *items)
{
	struct draft_flow around;
	int in_flow = draft_text_flow(&k->t, &entry->pos, &around);
	if (in_flow < 0)
		return nomem(k);
	if (!in_flow && is_bare(&k->t, f)) {
		size_t indent = key_pos(entry, "instructions")->column + 1;
		if (draft_any_text(items))
			put_items(replace_bare(&k->t, f), items, indent);
		else
			put_items(draft_text_lines(&k->t, draft_text_line_of(&k->t, f->close) + 1), items, indent);
		return 0;
	}
	CLEANUP(rel_buf_fini) struct rel_buf body = REL_BUF_INIT;
	const struct place s = place_of(&k->t, f);
	put_flow_items(&body, items, s.indent);
	put_in(&k->t, f, &s, &body, draft_any_text(items));
	return 0;
}

/* After the last instruction that stands there. */
static int
complete_entry(struct completer *k, const struct doc_node *list, const struct model_appup_entry *e,
    const struct draft_items *items)
{
	struct draft_flow f;
	size_t indent;
	const struct doc_node *entry = node_of(list, e);
	const struct doc_node *instructions = entry != NULL ? doc_get(entry, "instructions") : NULL;
	if (instructions == NULL)
		return refuse(k, &e->pos);
	int flow = draft_text_flow(&k->t, &instructions->pos, &f);
	if (flow < 0)
		return nomem(k);
	if (flow)
		return add_to_brackets(k, entry, &f, items);
	const struct rel_pos *last = &instructions->items[instructions->count - 1]->pos;
	if (!is_block_item(&k->t, last, &indent))
		return refuse(k, last);
	put_items(draft_text_lines(&k->t, block_end(&k->t, last->line - 1, indent)), items, indent);
	return 0;
}

/* There is no list of this direction at all. */
static int
add_list(struct completer *k, const struct way *y)
{
	struct draft_flow f;
	int flow = draft_text_flow(&k->t, &k->w->c->new->appup->doc->root->pos, &f);
	if (flow < 0)
		return nomem(k);
	if (!flow) {
		struct rel_buf *b = draft_text_lines(&k->t, k->t.count);
		rel_buf_printf(b, "%s:\n", y->direction);
		put_entry(k, b, y, 2);
		return 0;
	}
	CLEANUP(rel_buf_fini) struct rel_buf body = REL_BUF_INIT;
	const struct place s = place_of(&k->t, &f);
	rel_buf_printf(&body, "\n%*s%s: [", (int)s.indent, "", y->direction);
	put_flow_entry(k, &body, y, s.indent + 2);
	rel_buf_puts(&body, "]");
	put_in(&k->t, &f, &s, &body, true);
	return 0;
}

/* As the last entry of its list. */
static int
add_entry(struct completer *k, const struct doc_node *list, const struct way *y)
{
	const struct doc_node *root = k->w->c->new->appup->doc->root;
	struct draft_flow f, around;
	size_t indent;
	int flow = draft_text_flow(&k->t, &list->pos, &f);
	int in_flow = draft_text_flow(&k->t, &root->pos, &around);
	if (flow < 0 || in_flow < 0)
		return nomem(k);
	if (flow && !in_flow && is_bare(&k->t, &f)) {
		put_entry(k, replace_bare(&k->t, &f), y, key_pos(root, y->direction)->column + 1);
		return 0;
	}
	if (flow) {
		CLEANUP(rel_buf_fini) struct rel_buf body = REL_BUF_INIT;
		const struct place s = place_of(&k->t, &f);
		put_flow_entry(k, &body, y, s.indent);
		put_in(&k->t, &f, &s, &body, true);
		return 0;
	}
	const struct rel_pos *last = &list->items[list->count - 1]->pos;
	if (!is_block_item(&k->t, last, &indent))
		return refuse(k, last);
	put_entry(k, draft_text_lines(&k->t, block_end(&k->t, last->line - 1, indent)), y, indent);
	return 0;
}

static int
complete_direction(struct completer *k, const struct way *y, size_t *added)
{
	const struct compare *c = k->w->c;
	const struct doc_node *list = doc_get(c->new->appup->doc->root, y->direction);
	const struct model_appup_entry *e = model_appup_find(y->entries, y->count, draft_other_version(k->w));
	if (e == NULL) {
		*added += y->items->count + 1;
		return list == NULL ? add_list(k, y) : add_entry(k, list, y);
	}
	struct draft_items missing = {0};
	missing.list = calloc(y->items->count + 1, sizeof(*missing.list));
	if (missing.list == NULL)
		return nomem(k);
	for (size_t i = 0; i < y->items->count; i++)
		if (!draft_item_handled(c, &y->items->list[i], e))
			missing.list[missing.count++] = y->items->list[i];
	*added += missing.count;
	int rc = missing.count == 0 ? 0 : complete_entry(k, list, e, &missing);
	free(missing.list);
	return rc;
}

/* ------------------------------------------------------------------ the file */
/* A person's text has more shapes than are known here: what cannot be read is not handed out. */
static int
read_again(const struct completer *k, const char *made, const char *name)
{
	struct rel_err err = REL_ERR_INIT;
	struct doc *d = NULL;
	if (doc_read_text(made, strlen(made), name, &doc_limits_written, &d, &err) != 0)
		return refuse(k, &k->w->c->new->appup->doc->root->pos);
	doc_free(&d);
	return 0;
}

static char *
complete(struct completer *k, const char *name, size_t *ret_added)
{
	const struct model_appup *a = k->w->c->new->appup;
	const struct way up = {"up", "from", a->up, a->up_count, &k->w->up};
	const struct way down = {"down", "to", a->down, a->down_count, &k->w->down};
	if (complete_direction(k, &up, ret_added) != 0 || complete_direction(k, &down, ret_added) != 0)
		return NULL;
	char *made = draft_text_join(&k->t);
	if (made == NULL)
		nomem(k);
	else if (read_again(k, made, name) != 0) {
		free(made);
		made = NULL;
	}
	return made;
}

char *
draft_complete(struct draft_writer *w, size_t *ret_added)
{
	struct completer k = {.w = w};
	char *text = NULL, *made = NULL;
	size_t len;
	struct rel_err err = REL_ERR_INIT;
	char name[4096];
	snprintf(name, sizeof(name), "%s/appup.yaml", w->c->new->name);
	if (rel_file_read(w->c->new->fd, "appup.yaml", name, doc_limits_written.bytes, &text, &len, &err) != 0) {
		doc_problem_add(w->p, DOC_ERROR, &err);
		return NULL;
	}
	if (draft_text_init(&k.t, text, len) != 0)
		nomem(&k);
	else
		made = complete(&k, name, ret_added);
	draft_text_fini(&k.t);
	free(text);
	return made;
}
