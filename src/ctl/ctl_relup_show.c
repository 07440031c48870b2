/* SPDX-License-Identifier: Apache-2.0
 * relctl relup show: a relup as an operator reads it.  A row for each module (or application) of an
 * instruction: which step, whose it is, what is done, and why it stands where it stands.
 */
#include "config.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl_relup.h"
#include "ctl/ctl_table.h"

/* Which load_object_code names a module. */
struct owner {
	const char *module;
	const struct model_instr *code;
};

struct show {
	struct ctl_table table;
	const struct model_script *script;
	struct owner *owners;         /* by module */
	size_t owner_count;
	size_t *bracket_end;          /* instruction → the number of the resume that ends its bracket;
	                                 0: it stands in none */
};

/* ------------------------------------------------------------------ the script as a whole */
static int
by_module(const void *a, const void *b)
{
	return strcmp(((const struct owner *)a)->module, ((const struct owner *)b)->module);
}

static int
find_owners(struct show *s)
{
	size_t n = 0;
	for (size_t i = 0; i < s->script->count; i++)
		n += s->script->instrs[i].op == MODEL_OP_LOAD_OBJECT_CODE ? s->script->instrs[i].modules.count : 0;
	s->owners = calloc(n + 1, sizeof(*s->owners));
	if (s->owners == NULL)
		return -1;
	for (size_t i = 0; i < s->script->count; i++) {
		const struct model_instr *in = &s->script->instrs[i];
		for (size_t k = 0; in->op == MODEL_OP_LOAD_OBJECT_CODE && k < in->modules.count; k++)
			s->owners[s->owner_count++] = (struct owner){in->modules.names[k], in};
	}
	qsort(s->owners, s->owner_count, sizeof(*s->owners), by_module);
	return 0;
}

/* Where the resumes have caught up with the suspends, a bracket ends. */
static int
find_brackets(struct show *s)
{
	size_t suspended = 0, begin = 0;
	s->bracket_end = calloc(s->script->count + 1, sizeof(*s->bracket_end));
	if (s->bracket_end == NULL)
		return -1;
	for (size_t i = 0; i < s->script->count; i++) {
		const struct model_instr *in = &s->script->instrs[i];
		if (in->op == MODEL_OP_SUSPEND) {
			begin = suspended == 0 ? i : begin;
			suspended += in->suspend_count;
		}
		if (in->op != MODEL_OP_RESUME || suspended == 0)
			continue;
		suspended -= in->modules.count < suspended ? in->modules.count : suspended;
		for (size_t k = begin; suspended == 0 && k <= i; k++)
			s->bracket_end[k] = i + 1;
	}
	return 0;
}

static const struct model_instr *
owner_of(const struct show *s, const char *module)
{
	const struct owner key = {.module = module}, *o;
	o = bsearch(&key, s->owners, s->owner_count, sizeof(key), by_module);
	return o != NULL ? o->code : NULL;
}

/* ------------------------------------------------------------------ why here */
static const char *
why_load(const struct show *s, size_t at)
{
	bool before = false, after = false;
	const char *module = s->script->instrs[at].module;
	if (s->bracket_end[at] == 0)
		return "no state depends on it: the next call meets the new code";
	for (size_t i = at; i-- > 0 && s->bracket_end[i] == s->bracket_end[at];)
		for (size_t k = 0; k < s->script->instrs[i].change_count; k++)
			before |= strcmp(s->script->instrs[i].changes[k].module, module) == 0;
	for (size_t i = at; i < s->bracket_end[at]; i++)
		for (size_t k = 0; k < s->script->instrs[i].change_count; k++)
			after |= strcmp(s->script->instrs[i].changes[k].module, module) == 0;
	return before ? "its newer code has converted the state already"
	    : after   ? "its new code is to convert the state"
		      : "with those that use it, so that none meets half of the change";
}

static void
why(const struct show *s, size_t at, struct rel_buf *b)
{
	static const char *const texts[MODEL_OP__COUNT] = {
	    [MODEL_OP_LOAD_OBJECT_CODE] = "what can fail or take time comes first: nothing has changed yet",
	    [MODEL_OP_POINT_OF_NO_RETURN] = "what fails from here on is taken back step by step",
	    [MODEL_OP_REMOVE] = "the release that is reached does not have it",
	    [MODEL_OP_RESUME] = "the whole group has changed: it goes on together",
	    [MODEL_OP_STOP] = "its code cannot change while it runs",
	    [MODEL_OP_START] = "the code it is to run is there",
	    [MODEL_OP_LOAD_APPLICATION] = "what it uses is upgraded",
	    [MODEL_OP_START_APPLICATION] = "what it uses is upgraded and runs",
	    [MODEL_OP_STOP_APPLICATION] = "before its modules go",
	    [MODEL_OP_UNLOAD_APPLICATION] = "the release that is reached does not have it",
	    [MODEL_OP_UPDATE_SUPERVISOR] = "its children and flags are those of the version reached",
	    [MODEL_OP_RESTART_WORKER] = "a new process takes over from the old one",
	    [MODEL_OP_SYNC_NODES] = "waits until the other hosts have come here too",
	    [MODEL_OP_APPLY] = "a program of the application, asked for in its appup",
	    [MODEL_OP_RESTART_NEW_RUNTIME] = "the workers need another runtime before all else",
	    [MODEL_OP_RESTART_RUNTIME] = "the workers start anew when all else is done",
	};
	const struct model_instr *in = &s->script->instrs[at];
	if (in->op == MODEL_OP_SUSPEND)
		rel_buf_printf(b, "stands still until step %zu, so that no call meets half of the change",
		    s->bracket_end[at]);
	else if (in->op == MODEL_OP_LOAD)
		rel_buf_puts(b, why_load(s, at));
	else if (in->op == MODEL_OP_CODE_CHANGE)
		rel_buf_puts(b, in->mode == MODEL_UP ? "the new code builds the new state beside the old one"
						     : "the newer code builds the older state, before it goes");
	else if (in->op == MODEL_OP_PURGE)
		rel_buf_puts(b, in->purge_kills ? "who still runs its old code is ended"
						: "its old code goes where nobody runs it");
	else if (texts[in->op] != NULL)
		rel_buf_puts(b, texts[in->op]);
}

/* ------------------------------------------------------------------ rows */
/* The step's number and the reason stand in its first row only. */
static void
row(struct show *s, size_t at, bool first, const char *application, const char *module,
    const char *action)
{
	CLEANUP(rel_buf_fini) struct rel_buf reason = REL_BUF_INIT;
	if (first) {
		why(s, at, &reason);
		ctl_table_cellf(&s->table, "%4zu", at + 1);
	} else {
		ctl_table_cell(&s->table, "");
	}
	ctl_table_cell(&s->table, application);
	ctl_table_cell(&s->table, module);
	ctl_table_cell(&s->table, action);
	ctl_table_cell(&s->table, rel_buf_text(&reason));
	s->table.failed |= !rel_buf_ok(&reason);
}

static void
module_row(struct show *s, size_t at, bool first, const char *module, const char *action)
{
	char application[REL_NAME_MAX + REL_VERSION_MAX + 2];
	const struct model_instr *code = owner_of(s, module);
	if (code != NULL)
		snprintf(application, sizeof(application), "%s %s", code->application, code->version);
	row(s, at, first, code != NULL ? application : NULL, module, action);
}

static void
module_rows(struct show *s, size_t at, const struct model_names *modules, const char *action)
{
	for (size_t i = 0; i < modules->count; i++)
		module_row(s, at, i == 0, modules->names[i], action);
	if (modules->count == 0)
		row(s, at, true, NULL, NULL, action);
}

static void
suspend_rows(struct show *s, size_t at, const struct model_instr *in)
{
	for (size_t i = 0; i < in->suspend_count; i++) {
		const struct model_suspend_item *it = &in->suspend[i];
		char action[80], within[40] = "", d[32];
		if (it->timeout == DUR_INFINITY)
			snprintf(within, sizeof(within), ", however long it takes");
		else if (it->timeout != MODEL_TIMEOUT_DEFAULT)
			snprintf(within, sizeof(within), ", within %s", rel_dur_print(it->timeout, d, sizeof(d)));
		snprintf(action, sizeof(action), "suspend%s%s", within,
		    it->barrier == MODEL_BARRIER_WORKER ? ", each worker by itself" : "");
		module_row(s, at, i == 0, it->module, action);
	}
}

static void
change_rows(struct show *s, size_t at, const struct model_instr *in)
{
	for (size_t i = 0; i < in->change_count; i++) {
		json_t *extra = in->changes[i].extra != NULL ? doc_to_json(in->changes[i].extra) : json_null();
		char *text = extra != NULL ? doc_json_compact(extra) : NULL;
		CLEANUP(rel_buf_fini) struct rel_buf action = REL_BUF_INIT;
		rel_buf_printf(&action, "code_change %s, extra %s", model_mode_name(in->mode),
		    text != NULL ? text : "?");
		module_row(s, at, i == 0, in->changes[i].module, rel_buf_text(&action));
		s->table.failed |= text == NULL || !rel_buf_ok(&action);
		free(text);
		json_decref(extra);
	}
}

/* The instruction's own words. */
static void
other_row(struct show *s, size_t at, const struct model_instr *in)
{
	json_t *v = model_instr_json(in);
	const json_t *argument = json_object_get(v, model_op_name(in->op));
	char *text = argument != NULL ? doc_json_compact(argument) : NULL;
	CLEANUP(rel_buf_fini) struct rel_buf action = REL_BUF_INIT;
	rel_buf_printf(&action, "%s%s%s", model_op_name(in->op), text != NULL ? " " : "",
	    text != NULL ? text : "");
	row(s, at, true, in->application, NULL, rel_buf_text(&action));
	s->table.failed |= v == NULL || (argument != NULL && text == NULL) || !rel_buf_ok(&action);
	free(text);
	json_decref(v);
}

static void
code_rows(struct show *s, size_t at, const struct model_instr *in)
{
	module_rows(s, at, &in->modules, "read and verify");
}

static void
load_row(struct show *s, size_t at, const struct model_instr *in)
{
	char action[64];
	bool pre = in->pre_purge == MODEL_BRUTAL, post = in->post_purge == MODEL_BRUTAL;
	snprintf(action, sizeof(action), "%s%s", model_op_name(in->op), pre && post
	    ? ", purge brutal before and after" : pre ? ", purge brutal before"
	    : post ? ", purge brutal after" : "");
	module_row(s, at, true, in->module, action);
}

static void
purge_rows(struct show *s, size_t at, const struct model_instr *in)
{
	module_rows(s, at, &in->modules, in->purge_kills ? "purge, killing"
	    : in->post_purge == MODEL_BRUTAL ? "purge, brutal" : "purge, soft");
}

static void
plain_rows(struct show *s, size_t at, const struct model_instr *in)
{
	module_rows(s, at, &in->modules, model_op_name(in->op));
}

static void
instr_rows(struct show *s, size_t at)
{
	static void (*const rows[MODEL_OP__COUNT])(struct show *, size_t, const struct model_instr *) = {
	    [MODEL_OP_LOAD_OBJECT_CODE] = code_rows,
	    [MODEL_OP_LOAD] = load_row,
	    [MODEL_OP_REMOVE] = load_row,
	    [MODEL_OP_PURGE] = purge_rows,
	    [MODEL_OP_RESUME] = plain_rows,
	    [MODEL_OP_STOP] = plain_rows,
	    [MODEL_OP_START] = plain_rows,
	    [MODEL_OP_SUSPEND] = suspend_rows,
	    [MODEL_OP_CODE_CHANGE] = change_rows,
	};
	const struct model_instr *in = &s->script->instrs[at];
	(rows[in->op] != NULL ? rows[in->op] : other_row)(s, at, in);
}

/* ------------------------------------------------------------------ the file */
static int
show_entry(struct ctl *c, const char *way, const struct model_relup_entry *e)
{
	static const char *const heads[] = {"STEP", "APPLICATION", "MODULE", "ACTION", "WHY HERE"};
	struct show s = {.script = &e->script};
	int rc = find_owners(&s) | find_brackets(&s);
	fprintf(c->out, "\n%s %s%s", way, e->other, e->description != NULL ? ": " : "");
	ctl_put(c->out, e->description != NULL ? e->description : "");
	fputc('\n', c->out);
	if (rc == 0) {
		ctl_table_init(&s.table, heads, NELEM(heads));
		for (size_t i = 0; i < e->script.count; i++)
			instr_rows(&s, i);
		rc = s.table.failed ? -1 : 0;
		ctl_table_print(&s.table, c->out);
	}
	free(s.owners);
	free(s.bracket_end);
	return rc;
}

static int
show_text(struct ctl *c, const struct model_relup *r)
{
	int rc = 0;
	fprintf(c->out, "release %s %s\n", r->release, r->version);
	for (size_t i = 0; i < r->up_count; i++)
		rc |= show_entry(c, "up from", &r->up[i]);
	for (size_t i = 0; i < r->down_count; i++)
		rc |= show_entry(c, "down to", &r->down[i]);
	return rc;
}

/* What relupd would refuse to run is no script to look at. */
static int
check_entries(const struct model_relup_entry *list, size_t count, struct doc_problems *p)
{
	int rc = 0;
	for (size_t i = 0; i < count; i++)
		if (model_script_check(&list[i].script, p) != 0 ||
		    model_script_check_timeouts(&list[i].script, p) != 0)
			rc = -1;
	return rc;
}

int
ctl_relup_show(struct ctl *c, const struct ctl_args *a)
{
	struct doc_problems p = DOC_PROBLEMS_INIT;
	struct model_relup *r = NULL;
	int status = 0;
	int rc = model_relup_load(AT_FDCWD, a->args[0], a->args[0], &r, &p);
	if (rc == 0)
		rc = check_entries(r->up, r->up_count, &p) | check_entries(r->down, r->down_count, &p);
	if (rc == 0) {
		if (c->format == CTL_JSON)
			status = ctl_json(c, model_relup_json(r));
		else if (show_text(c, r) < 0)
			doc_problem(&p, NULL, REL_E_NOMEM, "out of memory");
	}
	int told = ctl_problems(c, &p);
	doc_problems_fini(&p);
	model_relup_free(&r);
	return status != 0 ? status : told;
}
