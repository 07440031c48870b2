/* SPDX-License-Identifier: Apache-2.0
 * The text of an appup.yaml: a new one, or what a person wrote with the missing lines put in.  A
 * person's lines stay as they are, byte by byte; so lines are put in only where lists are written a line
 * an item, and a file that is written otherwise is refused with the place.
 */
#include "config.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "draft/draft_priv.h"

#define INDENT 6 /* of instructions in a new file */

struct writer {
	const struct compare *c;
	struct draft_items up, down;
	struct doc_problems *p;
};

static const char *
other_version(const struct writer *w)
{
	return w->c->old->app->version;
}

/* ------------------------------------------------------------------ pieces */
/* Every line of `text` with `indent` blanks before it. */
static void
put_lines(struct rel_buf *b, const char *text, size_t indent)
{
	while (*text != '\0') {
		size_t n = strcspn(text, "\n");
		rel_buf_printf(b, "%*s%.*s\n", (int)indent, "", (int)n, text);
		text += n + (text[n] == '\n');
	}
}

static void
put_item(struct rel_buf *b, const struct draft_item *it, size_t indent)
{
	put_lines(b, it->comment, indent);
	if (it->text != NULL)
		rel_buf_printf(b, "%*s- %s\n", (int)indent, "", it->text);
}

static const char *
what_word(enum compare_what what)
{
	return what == COMPARE_ADDED ? "new" : what == COMPARE_DELETED ? "gone" : "changed";
}

/* What needs no instruction of the appup, or one that only a person can choose. */
static void
put_notes(struct rel_buf *b, const struct compare *c, size_t indent)
{
	for (size_t i = 0; i < c->env.count; i++)
		rel_buf_printf(b, "%*s# env %s: %s; workers hear of it by config_change\n", (int)indent, "",
		    c->env.list[i].key, what_word(c->env.list[i].what));
	for (size_t i = 0; i < c->depends.count; i++)
		rel_buf_printf(b, "%*s# QUESTION: depends: %s is %s. Nothing to do where it only orders the start; else\n"
				  "%*s#   - restart_application: {application: %s}\n",
		    (int)indent, "", c->depends.list[i].key, what_word(c->depends.list[i].what), (int)indent,
		    "", c->new->app->application);
}

static void
put_entry(struct rel_buf *b, const struct writer *w, const char *key, const struct draft_items *items)
{
	rel_buf_printf(b, "  - %s: %s\n", key, other_version(w));
	bool any = false;
	for (size_t i = 0; i < items->count; i++)
		any |= items->list[i].text != NULL;
	rel_buf_printf(b, "    instructions:%s\n", any ? "" : " []");
	put_notes(b, w->c, INDENT);
	for (size_t i = 0; i < items->count; i++)
		put_item(b, &items->list[i], INDENT);
}

static void
put_file(struct rel_buf *b, const struct writer *w)
{
	const struct model_app *app = w->c->new->app;
	rel_buf_printf(b, "# Drafted by `relctl appup make` from what differs between %s %s and %s.\n",
	    app->application, other_version(w), app->version);
	rel_buf_puts(b, "# `{}` after `advanced:` is the EXTRA that code_change is given: put there what it needs.\n");
	rel_buf_printf(b, "application: %s\nversion: %s\nup:\n", app->application, app->version);
	put_entry(b, w, "from", &w->up);
	rel_buf_puts(b, "down:\n");
	put_entry(b, w, "to", &w->down);
}

/* ------------------------------------------------------------------ completing */
/* The file as lines; text is put in before a line. */
struct lines {
	const char *text;
	size_t count;
	size_t *start;                /* of each line; one more at the end */
	struct rel_buf *before;       /* one for each, and one for the end */
};

static int
lines_split(struct lines *l, const char *text, size_t len)
{
	size_t n = 1;
	for (size_t i = 0; i < len; i++)
		n += text[i] == '\n';
	l->text = text;
	l->start = calloc(n + 2, sizeof(*l->start));
	l->before = calloc(n + 2, sizeof(*l->before));
	if (l->start == NULL || l->before == NULL)
		return -1;
	for (size_t at = 0; at < len; at = l->start[l->count]) {
		const char *end = memchr(text + at, '\n', len - at);
		l->start[++l->count] = end != NULL ? (size_t)(end - text) + 1 : len;
	}
	return 0;
}

static void
lines_fini(struct lines *l)
{
	for (size_t i = 0; l->before != NULL && i <= l->count; i++)
		rel_buf_fini(&l->before[i]);
	free(l->before);
	free(l->start);
}

static char *
lines_join(struct lines *l)
{
	struct rel_buf b = REL_BUF_INIT;
	bool ok = true;
	for (size_t i = 0; i <= l->count; i++) {
		ok &= rel_buf_ok(&l->before[i]);
		if (l->before[i].len > 0 && b.len > 0 && rel_buf_text(&b)[b.len - 1] != '\n')
			rel_buf_puts(&b, "\n");
		rel_buf_puts(&b, rel_buf_text(&l->before[i]));
		if (i < l->count)
			rel_buf_add(&b, l->text + l->start[i], l->start[i + 1] - l->start[i]);
	}
	if (!ok)
		rel_buf_fini(&b);
	return ok ? rel_buf_take(&b) : NULL;
}

static size_t
indent_of(const struct lines *l, size_t line)
{
	size_t at = l->start[line];
	while (at < l->start[line + 1] && l->text[at] == ' ')
		at++;
	return at - l->start[line];
}

static bool
is_blank(const struct lines *l, size_t line)
{
	char c = l->text[l->start[line] + indent_of(l, line)];
	return c == '\n' || c == '\r' || c == '#' || c == '\0';
}

/* The line after the last one of the block that begins on `line` with `indent` blanks. */
static size_t
block_end(const struct lines *l, size_t line, size_t indent)
{
	size_t end = line + 1;
	for (size_t i = line + 1; i < l->count; i++) {
		if (is_blank(l, i))
			continue;
		if (indent_of(l, i) <= indent)
			break;
		end = i + 1;
	}
	return end;
}

/* Is the node at `pos` an item of a list written a line an item?  Then the blanks before its dash. */
static bool
is_block_item(const struct lines *l, const struct rel_pos *pos, size_t *ret_indent)
{
	size_t line = pos->line - 1, indent = indent_of(l, line);
	if (l->text[l->start[line] + indent] != '-')
		return false;
	for (size_t i = indent + 1; i + 1 < pos->column; i++)
		if (l->text[l->start[line] + i] != ' ')
			return false;
	*ret_indent = indent;
	return true;
}

static int
refuse(struct writer *w, const struct rel_pos *pos)
{
	doc_problem(w->p, pos, REL_E_UNSUPPORTED,
	    "lines can be added only to a list that is written a line an item");
	doc_problem_hint(w->p, "write the list so, or put the file aside and have the whole drafted");
	return -1;
}

static size_t
missing(const struct compare *c, const struct draft_items *items, const struct model_script *s)
{
	size_t n = 0;
	for (size_t i = 0; i < items->count; i++)
		n += !draft_item_handled(c, &items->list[i], s);
	return n;
}

/* After the last instruction that stands there. */
static int
complete_entry(struct writer *w, struct lines *l, const struct model_appup_entry *e,
    const struct draft_items *items)
{
	size_t indent;
	if (missing(w->c, items, &e->script) == 0)
		return 0;
	if (e->script.count == 0)
		return refuse(w, &e->pos);
	const struct rel_pos *last = &e->script.instrs[e->script.count - 1].pos;
	if (!is_block_item(l, last, &indent))
		return refuse(w, last);
	struct rel_buf *b = &l->before[block_end(l, last->line - 1, indent)];
	for (size_t i = 0; i < items->count; i++)
		if (!draft_item_handled(w->c, &items->list[i], &e->script))
			put_item(b, &items->list[i], indent);
	return 0;
}

/* As the last entry of its list, or with a list of its own at the end. */
static int
add_entry(struct writer *w, struct lines *l, const char *direction, const char *key,
    const struct model_appup_entry *entries, size_t count, const struct draft_items *items)
{
	size_t indent = 0;
	if (count == 0) {
		const struct doc_node *list = doc_get(w->c->new->appup->doc->root, direction);
		if (list != NULL)
			return refuse(w, &list->pos);
		rel_buf_printf(&l->before[l->count], "%s:\n", direction);
		put_entry(&l->before[l->count], w, key, items);
		return 0;
	}
	if (!is_block_item(l, &entries[count - 1].pos, &indent))
		return refuse(w, &entries[count - 1].pos);
	CLEANUP(rel_buf_fini) struct rel_buf entry = REL_BUF_INIT;
	put_entry(&entry, w, key, items);
	if (!rel_buf_ok(&entry))
		return -1;
	/* put_entry() writes it two blanks in. */
	struct rel_buf *b = &l->before[block_end(l, entries[count - 1].pos.line - 1, indent)];
	for (const char *at = rel_buf_text(&entry); *at != '\0';) {
		size_t n = strcspn(at, "\n");
		size_t skip = n >= 2 ? 2 : n;
		rel_buf_printf(b, "%*s%.*s\n", (int)indent, "", (int)(n - skip), at + skip);
		at += n + 1;
	}
	return 0;
}

static int
complete_direction(struct writer *w, struct lines *l, const char *direction, size_t *added)
{
	const struct model_appup *a = w->c->new->appup;
	bool up = strcmp(direction, "up") == 0;
	const struct model_appup_entry *entries = up ? a->up : a->down;
	const struct draft_items *items = up ? &w->up : &w->down;
	size_t count = up ? a->up_count : a->down_count;
	const struct model_appup_entry *e = model_appup_find(entries, count, other_version(w));
	*added += e != NULL ? missing(w->c, items, &e->script) : items->count + 1;
	return e != NULL ? complete_entry(w, l, e, items)
			 : add_entry(w, l, direction, up ? "from" : "to", entries, count, items);
}

static char *
complete(struct writer *w, size_t *ret_added)
{
	char *text = NULL, *made = NULL;
	size_t len;
	struct rel_err err = REL_ERR_INIT;
	char name[4096];
	snprintf(name, sizeof(name), "%s/appup.yaml", w->c->new->name);
	if (rel_file_read(w->c->new->fd, "appup.yaml", name, doc_limits_written.bytes, &text, &len, &err) != 0) {
		doc_problem_add(w->p, DOC_ERROR, &err);
		return NULL;
	}
	struct lines l = {0};
	size_t added = 0, problems = w->p->errors;
	if (lines_split(&l, text, len) == 0 && complete_direction(w, &l, "up", &added) == 0 &&
	    complete_direction(w, &l, "down", &added) == 0)
		made = lines_join(&l);
	if (made == NULL && w->p->errors == problems)
		doc_problem(w->p, NULL, REL_E_NOMEM, "out of memory");
	lines_fini(&l);
	free(text);
	*ret_added = added;
	return made;
}

/* ------------------------------------------------------------------ the whole */
static char *
write_new(struct writer *w, size_t *ret_added)
{
	struct rel_buf b = REL_BUF_INIT;
	put_file(&b, w);
	*ret_added = w->up.count + w->down.count;
	if (!rel_buf_ok(&b)) {
		rel_buf_fini(&b);
		doc_problem(w->p, NULL, REL_E_NOMEM, "out of memory");
		return NULL;
	}
	return rel_buf_take(&b);
}

int
draft_appup(const struct compare *c, char **ret, size_t *ret_added, struct doc_problems *p)
{
	CLEANUP(rel_arena_free) struct rel_arena *arena = rel_arena_new(0);
	struct writer w = {.c = c, .p = p};
	size_t added = 0;
	if (arena == NULL) {
		doc_problem(p, NULL, REL_E_NOMEM, "out of memory");
		return -1;
	}
	if (draft_items_find(c, MODEL_UP, arena, &w.up, p) != 0 ||
	    draft_items_find(c, MODEL_DOWN, arena, &w.down, p) != 0)
		return -1;
	char *text = c->new->appup != NULL ? complete(&w, &added) : write_new(&w, &added);
	if (text == NULL)
		return -1;
	*ret = text;
	*ret_added = added;
	return 0;
}
