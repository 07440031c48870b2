/* SPDX-License-Identifier: Apache-2.0
 * The text of a new appup.yaml.
 */
#include "config.h"

#include <string.h>

#include "draft/draft_priv.h"

#define INDENT 6 /* of instructions in a new file */

const char *
draft_other_version(const struct draft_writer *w)
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

void
draft_put_item(struct rel_buf *b, const struct draft_item *it, size_t indent)
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

void
draft_put_notes(struct rel_buf *b, const struct compare *c, size_t indent)
{
	for (size_t i = 0; i < c->env.count; i++)
		rel_buf_printf(b, "%*s# env %s: %s; running workers do not hear of it: relup(7), LIMITS\n", (int)indent, "",
		    c->env.list[i].key, what_word(c->env.list[i].what));
	for (size_t i = 0; i < c->depends.count; i++)
		rel_buf_printf(b, "%*s# QUESTION: depends: %s is %s. Nothing to do where it only orders the start; else\n"
				  "%*s#   - restart_application: {application: %s}\n",
		    (int)indent, "", c->depends.list[i].key, what_word(c->depends.list[i].what), (int)indent,
		    "", c->new->app->application);
}

bool
draft_any_text(const struct draft_items *items)
{
	for (size_t i = 0; i < items->count; i++)
		if (items->list[i].text != NULL)
			return true;
	return false;
}

void
draft_put_entry(struct rel_buf *b, const struct draft_writer *w, const char *key,
    const struct draft_items *items)
{
	rel_buf_printf(b, "  - %s: %s\n", key, draft_other_version(w));
	rel_buf_printf(b, "    instructions:%s\n", draft_any_text(items) ? "" : " []");
	draft_put_notes(b, w->c, INDENT);
	for (size_t i = 0; i < items->count; i++)
		draft_put_item(b, &items->list[i], INDENT);
}

static void
put_file(struct rel_buf *b, const struct draft_writer *w)
{
	const struct model_app *app = w->c->new->app;
	rel_buf_printf(b, "# Drafted by `relctl appup make` from what differs between %s %s and %s.\n",
	    app->application, draft_other_version(w), app->version);
	rel_buf_puts(b, "# `{}` after `advanced:` is the EXTRA that code_change is given: put there what it needs.\n");
	rel_buf_printf(b, "application: %s\nversion: %s\nup:\n", app->application, app->version);
	draft_put_entry(b, w, "from", &w->up);
	rel_buf_puts(b, "down:\n");
	draft_put_entry(b, w, "to", &w->down);
}

/* ------------------------------------------------------------------ the whole */
static char *
write_new(struct draft_writer *w, size_t *ret_added)
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
	struct draft_writer w = {.c = c, .arena = arena, .p = p};
	size_t added = 0;
	if (arena == NULL) {
		doc_problem(p, NULL, REL_E_NOMEM, "out of memory");
		return -1;
	}
	if (draft_items_find(c, MODEL_UP, arena, &w.up, p) != 0 ||
	    draft_items_find(c, MODEL_DOWN, arena, &w.down, p) != 0)
		return -1;
	char *text = c->new->appup != NULL ? draft_complete(&w, &added) : write_new(&w, &added);
	if (text == NULL)
		return -1;
	*ret = text;
	*ret_added = added;
	return 0;
}
