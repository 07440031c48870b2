/* SPDX-License-Identifier: Apache-2.0
 * The rehearsal: each worker makes the steps in a copy of itself, a few at a time.  What they tell is kept for
 * the result, whole where the rehearsal is all that was asked for; else the first that does not go well ends
 * the operation.
 */
#include "config.h"

#include <string.h>

#include "exec/exec_priv.h"

/* Each worker has its own time: one that does not answer is not waited for as long as all would take. */
static void
rehearse_timer_set(struct exec *x)
{
	mono_ns_t at = INT64_MAX;
	for (size_t i = 0; i < x->next_rehearsal; i++)
		if (x->workers[i].waiting && x->workers[i].due < at)
			at = x->workers[i].due;
	x->ops->timer(x->ctx, at);
}

static void
rehearse_some(struct exec *x)
{
	dur_ns_t each = x->opt.max_pause * (dur_ns_t)x->script->step_count + EXEC_REHEARSE_EXTRA;
	while (x->running_rehearsals < EXEC_REHEARSALS && x->next_rehearsal < x->count &&
	    x->err.code == REL_OK) {
		size_t i = x->next_rehearsal++;
		struct exec_worker *w = &x->workers[i];
		if (!w->alive)
			continue;
		json_t *body = exec_rehearse_body(x, i);
		struct rel_err err = REL_ERR_INIT;
		if (body == NULL) {
			rel_err_nomem(&err);
			exec_fail(x, &err);
			break;
		}
		if (x->ops->send_json(x->ctx, w, "rehearse", body, NULL, 0) != 0) {
			rel_err_set(&err, REL_E_WORKER_SILENT, "%s cannot be reached", w->name);
			exec_fail(x, &err);
			break;
		}
		w->waiting = true;
		w->due = x->ops->now(x->ctx) + each + DUR_S; /* it gives up by itself before */
		x->running_rehearsals++;
	}
	if (x->running_rehearsals > 0) {
		rehearse_timer_set(x);
		return;
	}
	if (x->err.code != REL_OK || x->opt.rehearse_only)
		exec_end(x);
	else
		exec_load_begin(x);
}

void
exec_rehearse_begin(struct exec *x)
{
	if (x->opt.rehearse == EXEC_REHEARSE_NEVER) {
		exec_load_begin(x);
		return;
	}
	x->phase = EXEC_REHEARSE;
	exec_show(x, "rehearse", "rehearsing in a copy of %zu worker%s", x->count,
	    x->count == 1 ? "" : "s");
	rehearse_some(x);
}

void
exec_rehearsal_ended(struct exec *x, struct exec_worker *w)
{
	if (!w->waiting)
		return;
	w->waiting = false;
	x->running_rehearsals--;
	rehearse_some(x);
}

/* ------------------------------------------------------------------ what they say */

/* What a person does next, where the code alone does not tell: of busy, not relupd is, but a worker that has
 * not ended what was over for the others; of a code_change that failed, none was called yet. */
void
exec_hint_refusal(struct rel_err *err, const json_t *body)
{
	const char *hint = json_string_value(json_object_get(body, "hint"));
	if (err->code != REL_OK && hint != NULL)
		rel_err_hint(err, "%s", hint);
	else if (err->code == REL_E_CODE_CHANGE_FAILED)
		rel_err_hint(err, "the module or its appup.yaml lacks what the message says: see relworker(3), "
				  "DIAGNOSTICS");
	else if (err->code == REL_E_NOMEM)
		rel_err_hint(err, "free memory and try again; nothing was changed.  `--rehearse auto` goes on "
				  "without the rehearsal where memory is short");
	else if (err->code == REL_E_BUSY)
		rel_err_hint(err, "it still loads code of that operation: try again, or, where a constructor of "
				  "the code hangs, `kill -KILL` its pid, see `relctl status`");
}

/* In the real worker it would be killed for that, with all that it serves. */
static void
refuse_the_slow(const struct exec *x, const struct exec_worker *w, const json_t *body, struct rel_err *err)
{
	json_int_t us = json_integer_value(json_object_get(body, "longest_us"));
	char took[32], allowed[32];
	if (err->code != REL_OK || us <= x->opt.max_pause / 1000)
		return;
	rel_err_set(err, REL_E_REHEARSAL_HUNG, "the rehearsal in a copy of %s: the forecast of the pause is %s, so "
					       "long did its code_change take, and the limit is %s", w->name,
	    rel_dur_print(us < INT64_MAX / 1000 ? us * 1000 : INT64_MAX, took, sizeof(took)),
	    rel_dur_print(x->opt.max_pause, allowed, sizeof(allowed)));
	rel_err_hint(err, "allow a longer pause with --max-pause, or make it faster");
}

static const char *
text_of(const json_t *body, const char *key)
{
	const char *text = json_string_value(json_object_get(body, key));
	return text != NULL ? text : "";
}

/* It went on without: a copy might have driven it, or others, out of memory. */
static void
pass_over(struct exec *x, const struct exec_worker *w, const json_t *body, struct rel_err *err)
{
	char text[REL_WORKER_MAX + 240];
	if (x->opt.rehearse == EXEC_REHEARSE_ALWAYS) {
		rel_err_set(err, REL_E_NOMEM, "%s: %.200s", w->name, text_of(body, "text"));
		return;
	}
	snprintf(text, sizeof(text), "%s is not rehearsed: %.200s", w->name, text_of(body, "text"));
	if (json_array_append_new(x->warnings, proto_text_json(text)) != 0)
		rel_err_nomem(err);
	exec_say(x, "warning", "%s", text);
	exec_show(x, "rehearse", "%s", text);
}

/* What is wrong, as the error of the whole operation. */
static void
judge(struct exec *x, const struct exec_worker *w, const json_t *body, struct rel_err *err)
{
	static const struct {
		const char *result, *words;
		enum rel_ecode code;
	} codes[] = {{"refused", "refused", REL_E_REHEARSAL_REFUSED}, {"crashed", "crashed", REL_E_REHEARSAL_CRASHED},
	    {"hung", "hung", REL_E_REHEARSAL_HUNG}, {"forbidden", "did what it may not", REL_E_REHEARSAL_FORBIDDEN}};
	const char *result = text_of(body, "result"), *module = text_of(body, "module");
	const char *text = text_of(body, "text")[0] != '\0' ? text_of(body, "text") : "no reason given";
	/* A refusal that is not code_change's own (the new code cannot be loaded) keeps its code. */
	enum rel_ecode code = rel_err_code_of(text_of(body, "code"));
	if (strcmp(result, "ok") == 0)
		return;
	if (strcmp(result, "skipped") == 0) {
		pass_over(x, w, body, err);
		return;
	}
	if (code != REL_OK && code != REL_E_REHEARSAL_REFUSED && strcmp(result, "refused") == 0)
		rel_err_set(err, code, "%s: %s", w->name, text);
	for (size_t i = 0; err->code == REL_OK && i < NELEM(codes); i++)
		if (strcmp(result, codes[i].result) == 0)
			rel_err_set(err, codes[i].code, "the rehearsal in a copy of %s %s: %s%s%s", w->name,
			    codes[i].words, module, module[0] != '\0' ? ": " : "", text);
	if (err->code == REL_OK)
		rel_err_set(err, REL_E_PROTOCOL, "%s answered the rehearsal with nonsense", w->name);
}

/* Its part of the result.  What went wrong by a limit of ours is told as the worker would tell it. */
static json_t *
entry(const struct exec_worker *w, const json_t *body, const struct rel_err *err)
{
	static const char *const keys[] = {"module", "text", "hint", "fork_us", "change_us", "longest_us",
	    "memory_kb", "sandbox", "at"};
	const char *result = text_of(body, "result");
	bool slow = strcmp(result, "ok") == 0 && err->code != REL_OK;
	json_t *o = json_pack("{s:s, s:s}", "worker", w->name, "result", slow ? "hung" : result[0] != '\0' ? result
	    : "refused");
	int rc = o != NULL ? 0 : -1;
	for (size_t i = 0; i < NELEM(keys) && rc == 0; i++) {
		json_t *v = json_object_get(body, keys[i]);
		if (v != NULL)
			rc = json_object_set(o, keys[i], v);
	}
	if (rc == 0 && err->code != REL_OK)
		rc = json_object_set_new(o, "code", json_string(rel_err_name(err->code)));
	if (rc == 0 && err->code != REL_OK && rel_err_hint_of(err)[0] != '\0')
		rc = json_object_set_new(o, "hint", json_string(rel_err_hint_of(err)));
	if (rc == 0 && (slow || (err->code != REL_OK && text_of(body, "text")[0] == '\0')))
		rc = json_object_set_new(o, "text", json_string(err->text));
	if (rc == 0)
		return o;
	json_decref(o);
	return NULL;
}

void
exec_rehearsed(struct exec *x, struct exec_worker *w, const json_t *body)
{
	struct rel_err err = REL_ERR_INIT, nomem = REL_ERR_INIT;
	if (!w->waiting)
		return; /* nobody asked, or it says it twice */
	judge(x, w, body, &err);
	exec_hint_refusal(&err, body);
	refuse_the_slow(x, w, body, &err);
	json_int_t us = json_integer_value(json_object_get(body, "longest_us"));
	if (strcmp(text_of(body, "result"), "ok") == 0) {
		x->foreseen++;
		x->forecast_us = us > x->forecast_us ? us : x->forecast_us;
	}
	if (json_array_append_new(x->rehearsals, entry(w, body, &err)) != 0) {
		rel_err_nomem(&nomem);
		exec_fail(x, &nomem);
	} else if (x->opt.rehearse_only && err.code != REL_OK) {
		exec_say(x, "warning", "%s", err.text); /* the others are asked all the same */
	} else if (err.code != REL_OK) {
		exec_fail(x, &err);
	}
	exec_rehearsal_ended(x, w);
}

void
exec_rehearsal_gone(struct exec *x, struct exec_worker *w, const char *how)
{
	struct rel_err err = REL_ERR_INIT;
	json_t *o = json_pack("{s:s, s:s, s:s, s:s+}", "worker", w->name, "result", "gone", "module", "", "text",
	    "it ended meanwhile: it ", how);
	if (w->waiting && x->opt.rehearse_only && json_array_append(x->rehearsals, o) != 0)
		exec_fail(x, (rel_err_nomem(&err), &err));
	json_decref(o);
	exec_rehearsal_ended(x, w);
}

/* ------------------------------------------------------------------ what comes of it */

/* All of a group stand still until the slowest has built its state; the longest of all groups is as long as
 * the longest step of any worker.  Nothing is added for the rest of a bracket: it takes a small part of a
 * millisecond, and a copy's build is slowed by its page faults.  Not known where one was not rehearsed. */
json_t *
exec_forecast(const struct exec *x)
{
	size_t alive = 0;
	for (size_t i = 0; i < x->count; i++)
		alive += x->workers[i].alive;
	bool known = x->foreseen > 0 && x->foreseen >= alive && !x->recovering;
	return known ? json_integer(x->forecast_us) : json_null();
}

const json_t *
exec_rehearsals(const struct exec *x)
{
	MUST_OBJ(x, EXEC_MAGIC);
	return x->rehearsals;
}

const json_t *
exec_warnings(const struct exec *x)
{
	MUST_OBJ(x, EXEC_MAGIC);
	return x->warnings;
}

/* Of those that did not go well; NULL: none, or no memory for a list that only explains. */
json_t *
exec_rehearsals_failed(const struct exec *x)
{
	json_t *list = json_array(), *o;
	size_t i;
	json_array_foreach (x->rehearsals, i, o)
		if (strcmp(text_of(o, "result"), "ok") != 0 && strcmp(text_of(o, "result"), "skipped") != 0)
			(void)json_array_append(list, o);
	if (json_array_size(list) > 0)
		return list;
	json_decref(list);
	return NULL;
}
