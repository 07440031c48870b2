/* SPDX-License-Identifier: Apache-2.0
 * relctl relup make; relup show is ctl_relup_show.c.  No daemon is needed.
 */
#include "config.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl_relup.h"

enum { O_LIB = 1, O_FROM, O_UP_FROM, O_DOWN_TO, O_RESTART, O_OUT };

/* ------------------------------------------------------------------ make */
static void
take_options(struct relup_work *w, const struct ctl_args *a)
{
	for (size_t i = 0; i < a->opt_count; i++) {
		const char *value = a->opts[i].value;
		switch (a->opts[i].id) {
		case O_LIB:
			ctl_relup_add_lib(w, value);
			break;
		case O_FROM:
			ctl_relup_add_base(w, value, true, true);
			break;
		case O_UP_FROM:
			ctl_relup_add_base(w, value, true, false);
			break;
		case O_DOWN_TO:
			ctl_relup_add_base(w, value, false, true);
			break;
		default:
			break;
		}
	}
	if (!ctl_args_has(a, O_LIB)) {
		doc_problem(&w->problems, NULL, REL_E_USAGE, "relup make needs a --lib DIR");
		doc_problem_hint(&w->problems,
		    "name the folder in which the applications stand as APP-VERSION/app.yaml");
	}
}

/* -1: why is in w->problems. */
static int
make_text(struct relup_work *w, bool restart, char **ret)
{
	struct plan_input in = {
	    .to = w->to,
	    .appups = w->appups,
	    .bases = w->bases,
	    .base_count = w->base_count,
	    .restart_runtime = restart,
	};
	struct model_relup *relup = NULL;
	if (plan_relup_make(&in, &relup, &w->problems) < 0)
		return -1;
	char *text = model_relup_text(relup);
	model_relup_free(&relup);
	if (text == NULL) {
		doc_problem(&w->problems, NULL, REL_E_NOMEM, "out of memory");
		return -1;
	}
	*ret = text;
	return 0;
}

static size_t
ways(const struct relup_work *w, bool up)
{
	size_t n = 0;
	for (size_t i = 0; i < w->base_count; i++)
		n += up ? w->bases[i].up : w->bases[i].down;
	return n;
}

/* With --out, standard output is free for a word about what was made. */
static int
put_file(struct relup_work *w, struct ctl *c, const char *out, const char *text)
{
	struct rel_err err = REL_ERR_INIT;
	const struct model_release *r = w->to->release;
	if (ctl_out_file(out, text, &err) < 0) {
		doc_problem_add(&w->problems, DOC_ERROR, &err);
		return 0;
	}
	if (c->format == CTL_JSON)
		return ctl_json(c, json_pack("{s:s, s:s, s:s, s:i, s:i}", "out", out, "release",
				       r->release, "version", r->version, "up", (int)ways(w, true),
				       "down", (int)ways(w, false)));
	ctl_note(c, "%s: %s %s, %zu up, %zu down", out, r->release, r->version, ways(w, true),
	    ways(w, false));
	return 0;
}

static int
relup_make(struct ctl *c, const struct ctl_args *a)
{
	struct relup_work w;
	char *text = NULL;
	int status = 0;
	const char *out = ctl_args_value(a, O_OUT);
	if (ctl_relup_work_init(&w, a->opt_count) == 0) {
		take_options(&w, a);
		if (w.problems.errors == 0 && ctl_relup_load(&w, a->args[0]) == 0 &&
		    make_text(&w, ctl_args_has(a, O_RESTART), &text) < 0)
			MUST(w.problems.errors > 0);
	}
	if (text != NULL && out != NULL)
		status = put_file(&w, c, out, text);
	else if (text != NULL)
		fputs(text, c->out);
	int told = ctl_problems(c, &w.problems);
	free(text);
	ctl_relup_work_fini(&w);
	return status != 0 ? status : told;
}

/* ------------------------------------------------------------------ table */
static const struct ctl_opt make_opts[] = {
    {O_LIB, "lib", "DIR", "holds APP-VERSION/ folders; may be repeated, the first one wins"},
    {O_FROM, "from", "OLD.yaml", "a release to upgrade from and to go back to; repeated"},
    {O_UP_FROM, "up-from", "OLD.yaml", "a release to upgrade from; repeated"},
    {O_DOWN_TO, "down-to", "OLD.yaml", "a release to go back to; repeated"},
    {O_RESTART, "restart-runtime", NULL, "end every script with restart_runtime"},
    {O_OUT, "out", "FILE", "write the relup there, in one step; default: standard output"},
    {0, NULL, NULL, NULL},
};

const struct ctl_verb ctl_verbs_relup[] = {
    {
	.name = "relup make",
	.synopsis = "NEW.yaml --lib DIR [--lib DIR …] [--from OLD.yaml …] [--up-from OLD.yaml …] "
		    "[--down-to OLD.yaml …] [--restart-runtime] [--out FILE]",
	.help = "make the relup of a release from the appups of its applications",
	.min_args = 1,
	.max_args = 1,
	.opts = make_opts,
	.run = relup_make,
    },
    {
	.name = "relup show",
	.synopsis = "FILE",
	.help = "check a relup and print its scripts as tables: who does what, and why here",
	.min_args = 1,
	.max_args = 1,
	.run = ctl_relup_show,
    },
    {.name = NULL},
};
