/* SPDX-License-Identifier: Apache-2.0
 * relctl check, relctl appup make: for CI and for who writes modules.  No daemon is needed.
 */
#include "config.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check/check.h"
#include "ctl/ctl_built.h"
#include "draft/draft.h"
#include "proto/proto.h"

enum { O_LIB = 1, O_DETAILED, O_OUT };

/* ------------------------------------------------------------------ check */
static json_t *
finding_json(const struct doc_problem *d)
{
	json_t *o = proto_err_json(&d->err);
	const char *severity = d->severity == DOC_ERROR ? "error" : "warning";
	if (o != NULL && json_object_set_new(o, "severity", json_string(severity)) == 0)
		return o;
	json_decref(o);
	return NULL;
}

/* The contract's "error" is the first one; the findings are all. */
static json_t *
findings_json(const struct doc_problems *p, size_t warnings)
{
	json_t *list = json_array();
	const struct rel_err *first = NULL;
	for (size_t i = 0; i < p->count; i++) {
		if (first == NULL && p->list[i].severity == DOC_ERROR)
			first = &p->list[i].err;
		if (json_array_append_new(list, finding_json(&p->list[i])) != 0) {
			json_decref(list);
			return NULL;
		}
	}
	return json_pack("{s:o*, s:o, s:I, s:I, s:I}", "error", first != NULL ? proto_err_json(first) : NULL,
	    "findings", list, "errors", (json_int_t)p->errors, "warnings", (json_int_t)warnings, "more",
	    (json_int_t)p->dropped);
}

static void
finding_text(struct ctl *c, const struct doc_problem *d)
{
	const struct rel_err *e = &d->err;
	ctl_put_place(c->out, e);
	fputs(d->severity == DOC_ERROR ? "error: " : "warning: ", c->out);
	ctl_put(c->out, e->text);
	fprintf(c->out, " [%s]\n", rel_err_name(e->code));
	if (c->quiet || rel_err_hint_of(e)[0] == '\0')
		return;
	fputs("    hint: ", c->out);
	ctl_put(c->out, rel_err_hint_of(e));
	fputc('\n', c->out);
}

static int
tell(struct ctl *c, const struct doc_problems *p, bool detailed)
{
	size_t warnings = 0;
	for (size_t i = 0; i < p->count; i++)
		warnings += p->list[i].severity == DOC_WARNING;
	int status = p->errors > 0 ? 1 : detailed && p->count > 0 ? 2 : 0;
	if (c->format == CTL_JSON) {
		int rc = ctl_json(c, findings_json(p, warnings));
		return rc != 0 ? rc : status;
	}
	for (size_t i = 0; i < p->count; i++)
		finding_text(c, &p->list[i]);
	if (p->dropped > 0)
		fprintf(c->out, "and %zu more\n", p->dropped);
	ctl_note(c, "%zu error%s, %zu warning%s", p->errors, p->errors == 1 ? "" : "s", warnings,
	    warnings == 1 ? "" : "s");
	return status;
}

static int
check(struct ctl *c, const struct ctl_args *a)
{
	struct doc_problems p = DOC_PROBLEMS_INIT;
	struct ctl_libs libs = ctl_libs_of(a, O_LIB);
	const struct check_options o = {.lib_count = libs.count, .libs = libs.names};
	for (size_t i = 0; i < a->arg_count; i++)
		check_path(a->args[i], &o, &p);
	int status = tell(c, &p, ctl_args_has(a, O_DETAILED));
	doc_problems_fini(&p);
	return status;
}

/* ------------------------------------------------------------------ appup make */
/* A shell that redirects the draft into the file has emptied it before.  What is no file has no bytes either. */
static void
load_appup(struct compare_side *s, struct doc_problems *p)
{
	struct stat st;
	if (fstatat(s->fd, "appup.yaml", &st, 0) == 0 && S_ISREG(st.st_mode) && st.st_size == 0)
		return;
	compare_side_appup(s, p);
}

static int
put(struct ctl *c, const char *out, const char *text, size_t added, struct doc_problems *p)
{
	struct rel_err err = REL_ERR_INIT;
	if (out == NULL) {
		fputs(text, c->out);
		return 0;
	}
	if (ctl_out_file(out, text, &err) != 0) {
		doc_problem_add(p, DOC_ERROR, &err);
		return 0;
	}
	if (c->format == CTL_JSON)
		return ctl_json(c, json_pack("{s:s, s:I}", "out", out, "added", (json_int_t)added));
	ctl_note(c, added > 0 ? "%s: %zu instructions and questions" : "%s: nothing was missing", out, added);
	return 0;
}

static int
draft(struct ctl *c, const struct ctl_args *a, const struct compare_side *old,
    const struct compare_side *new, struct doc_problems *p)
{
	struct compare *cmp = NULL;
	char *text = NULL;
	size_t added = 0;
	int status = 0;
	if (strcmp(old->app->application, new->app->application) != 0 ||
	    strcmp(old->app->version, new->app->version) == 0)
		doc_problem(p, NULL, REL_E_USAGE, "%s %s and %s %s are not two versions of one application",
		    old->app->application, old->app->version, new->app->application, new->app->version);
	else if (compare_make(old, new, &cmp, p) == 0 && draft_appup(cmp, &text, &added, p) == 0)
		status = put(c, ctl_args_value(a, O_OUT), text, added, p);
	free(text);
	compare_free(&cmp);
	return status;
}

static int
appup_make(struct ctl *c, const struct ctl_args *a)
{
	struct doc_problems p = DOC_PROBLEMS_INIT;
	struct compare_side *old = NULL, *new = NULL;
	int status = 0;
	int rc = compare_side_open(AT_FDCWD, a->args[0], a->args[0], &old, &p);
	rc |= compare_side_open(AT_FDCWD, a->args[1], a->args[1], &new, &p);
	if (rc == 0)
		load_appup(new, &p);
	if (rc == 0 && p.errors == 0)
		status = draft(c, a, old, new, &p);
	int told = ctl_problems(c, &p);
	compare_side_close(&old);
	compare_side_close(&new);
	doc_problems_fini(&p);
	return status != 0 ? status : told;
}

/* ------------------------------------------------------------------ table */
static const struct ctl_opt check_opts[] = {
    {O_LIB, "lib", "DIR", "where the applications of a release lie; repeated; default: ../../lib from its file"},
    {O_DETAILED, "detailed-exitcode", NULL, "exit with 2 where there are warnings and no errors"},
    {0, NULL, NULL, NULL},
};

static const struct ctl_opt appup_opts[] = {
    {O_OUT, "out", "FILE", "write the appup there, in one step; default: standard output"},
    {0, NULL, NULL, NULL},
};

const struct ctl_verb ctl_verbs_check[] = {
    {
	.name = "check",
	.synopsis = "PATH … [--lib DIR …] [--detailed-exitcode]",
	.help = "check files, applications, releases or a root: all findings at once",
	.min_args = 1,
	.max_args = 1024,
	.opts = check_opts,
	.run = check,
    },
    {
	.name = "appup make",
	.synopsis = "OLD_APP_DIR NEW_APP_DIR [--out FILE]",
	.help = "draft the appup between two built versions, or complete the one that is there",
	.min_args = 2,
	.max_args = 2,
	.opts = appup_opts,
	.run = appup_make,
    },
    {.name = NULL},
};
