/* SPDX-License-Identifier: Apache-2.0
 * Help, printed from the table of verbs.
 */
#include "config.h"

#include <string.h>

#include "ctl/ctl.h"

#define COLUMN 28

static void
help_line(FILE *f, const char *left, const char *right)
{
	if (strlen(left) < COLUMN)
		fprintf(f, "  %-*s %s\n", COLUMN, left, right);
	else
		fprintf(f, "  %s\n  %-*s %s\n", left, COLUMN, "", right);
}

static void
help_options(FILE *f, const char *title, const struct ctl_opt *opts)
{
	if (opts == NULL || opts->name == NULL)
		return;
	fprintf(f, "\n%s:\n", title);
	for (; opts->name != NULL; opts++) {
		char left[80];
		snprintf(left, sizeof(left), "--%s%s%s", opts->name, opts->value != NULL ? " " : "",
		    opts->value != NULL ? opts->value : "");
		help_line(f, left, opts->help);
	}
}

static void
help_verb(FILE *f, const struct ctl_verb *v)
{
	fprintf(f, "usage: relctl %s%s%s\n\n%s\n", v->name, v->synopsis[0] != '\0' ? " " : "",
	    v->synopsis, v->help);
	help_options(f, "Options", v->opts);
	help_options(f, "Options of every command", ctl_global_opts);
}

/* The verbs of a group that begin with that word; all for "". */
static size_t
help_group(FILE *f, const struct ctl_group *g, const char *word)
{
	size_t n = strlen(word), shown = 0;
	for (const struct ctl_verb *v = g->verbs; v->name != NULL; v++) {
		if (n != 0 && (strncmp(v->name, word, n) != 0 || v->name[n] != ' '))
			continue;
		if (shown++ == 0 && g->title[0] != '\0') /* none: it goes on with the one above */
			fprintf(f, "\n%s:\n", g->title);
		help_line(f, v->name, v->help);
	}
	return shown;
}

int
ctl_help(struct ctl *c, const char *words)
{
	const struct ctl_verb *v = ctl_verb_find(words);
	if (v != NULL) {
		help_verb(c->out, v);
		return 0;
	}
	fprintf(c->out,
	    "usage: relctl [--root DIR | --socket PATH] [-o text|json] [-q] %s%sCOMMAND …\n", words,
	    words[0] != '\0' ? " " : "");
	for (const struct ctl_group *g = ctl_groups; g->title != NULL; g++)
		help_group(c->out, g, words);
	help_options(c->out, "Options of every command", ctl_global_opts);
	fprintf(c->out, "\n`relctl COMMAND --help` says more; relctl(1) says all.\n");
	return 0;
}
