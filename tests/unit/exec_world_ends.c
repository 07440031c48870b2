/* SPDX-License-Identifier: Apache-2.0
 * The scripted world's two ends: the relup that it runs, and what must hold when it is over.
 */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exec_world.h"

/* ------------------------------------------------------------------ the script */

/* Step N in one direction; `way` names it in the extra. */
static void
step_text(struct rel_buf *b, size_t n, char kind, const char *way, bool back)
{
	if (kind == 'l' || kind == 'b') {
		rel_buf_printf(b, "{\"load\":{\"module\":\"m%zu\"%s}}", n,
		    kind == 'b' ? ",\"post_purge\":\"brutal\"" : "");
		return;
	}
	rel_buf_printf(b, "{\"suspend\":[{\"module\":\"m%zu\"%s}]},{\"load\":{\"module\":\"m%zu\"}},",
	    n, kind == 'w' ? ",\"barrier\":\"worker\"" : "", n);
	if (kind != 'x' || !back)
		rel_buf_printf(b, "{\"code_change\":{\"mode\":\"%s\",\"modules\":[{\"module\":\"m%zu\","
		    "\"extra\":{\"%s\":%zu}}]}},", way, n, way, n);
	rel_buf_printf(b, "{\"resume\":[\"m%zu\"]}", n);
}

static void
script_text(struct rel_buf *b, const char *kinds, const char *other, const char *way)
{
	bool back = strcmp(way, "down") == 0;
	size_t n = strlen(kinds);
	rel_buf_printf(b, "\"%s\":[{\"%s\":\"%s\",\"instructions\":[{\"load_object_code\":"
	    "{\"application\":\"a\",\"version\":\"2\",\"modules\":[", way, back ? "to" : "from", other);
	for (size_t i = 0; i < n; i++)
		rel_buf_printf(b, "%s\"m%zu\"", i > 0 ? "," : "", i);
	rel_buf_puts(b, "]}},\"point_of_no_return\"");
	for (size_t i = 0; i < n; i++) {
		size_t at = back ? n - 1 - i : i;
		rel_buf_puts(b, ",");
		step_text(b, at, kinds[at], way, back);
	}
	rel_buf_puts(b, "]}]");
}

struct model_relup *
world_relup(const char *kinds)
{
	struct rel_buf b = REL_BUF_INIT;
	struct doc *d;
	struct rel_err err = REL_ERR_INIT;
	struct doc_problems p = DOC_PROBLEMS_INIT;
	struct model_relup *r;
	rel_buf_puts(&b, "{\"release\":\"r\",\"version\":\"2\",");
	script_text(&b, kinds, "1", "up");
	rel_buf_puts(&b, ",");
	script_text(&b, kinds, "1", "down");
	rel_buf_puts(&b, "}");
	ck_assert(rel_buf_ok(&b));
	ck_assert_int_eq(doc_read_text(b.data, b.len, "relup.json", &doc_limits_generated, &d, &err), 0);
	ck_assert_int_eq(model_relup_decode(d, &r, &p), 0);
	ck_assert_int_eq(model_script_check(&r->up[0].script, &p), 0);
	ck_assert_int_eq(model_script_check(&r->down[0].script, &p), 0);
	doc_problems_fini(&p);
	rel_buf_fini(&b);
	return r;
}

/* ------------------------------------------------------------------ looking */

bool
world_logged(const struct world *w, const char *text)
{
	return strstr(w->log, text) != NULL;
}

json_int_t
world_figure(const struct world *w, const char *key)
{
	const json_t *v = json_object_get(w->result, key);
	ck_assert_msg(json_is_integer(v) || json_is_null(v), "%s", key);
	return json_integer_value(v);
}

json_t *
world_ended(void *ctx)
{
	struct world *w = ctx;
	json_t *names = json_array();
	for (size_t i = 0; i < w->count; i++) {
		struct fake *f = &w->fakes[i];
		f->ended = w->begun && (!f->alive || f->starts > 0);
		if (f->ended)
			json_array_append_new(names, json_string(f->name));
	}
	return names;
}

static void
check_result(const struct world *w)
{
	static const char *const keys[] = {"operation", "outcome", "from", "to", "path", "steps",
	    "workers", "suspended_us", "longest_pause_us", "time_to_rest_us", "total_us",
	    "forecast_us", "killed", "cancelled", "holders", "error"};
	for (size_t i = 0; i < NELEM(keys); i++)
		ck_assert_msg(json_object_get(w->result, keys[i]) != NULL, "no %s", keys[i]);
	const json_t *rehearsal = json_object_get(w->result, "rehearsal"); /* only of those that failed */
	ck_assert(rehearsal == NULL || (json_array_size(rehearsal) > 0 && w->outcome != EXEC_UPGRADED));
	ck_assert_uint_eq(json_object_size(w->result), NELEM(keys) + (rehearsal != NULL));
	ck_assert_str_eq(json_string_value(json_object_get(w->result, "outcome")),
	    exec_outcome_name(w->outcome));
	json_int_t total = world_figure(w, "total_us"), longest = world_figure(w, "longest_pause_us");
	ck_assert_int_ge(world_figure(w, "suspended_us"), longest);
	ck_assert(longest >= 0 && total >= world_figure(w, "suspended_us"));
	ck_assert(world_figure(w, "time_to_rest_us") >= 0 && world_figure(w, "time_to_rest_us") <= total);
	ck_assert_int_eq(json_is_object(json_object_get(w->result, "error")),
	    w->outcome != EXEC_UPGRADED);
	/* Who died by itself is among them where it died of the new code. */
	size_t ended = 0, died = 0;
	for (size_t i = 0; i < w->count; i++) {
		const struct fake *f = &w->fakes[i];
		bool by_us = f->ended || f->kills > 0 || f->replaces > 0;
		ended += by_us;
		died += !by_us && (f->starts > 0 || !f->alive);
	}
	size_t killed = json_array_size(json_object_get(w->result, "killed"));
	ck_assert_uint_ge(killed, ended);
	ck_assert_uint_le(killed, ended + died);
}

/* That it does not run is not the operation's business: it did not when it began, or it died, and stays
 * down, of something else before anything was changed. */
static bool
not_its_business(const struct world *w, const struct fake *f)
{
	bool nothing = w->outcome == EXEC_UNCHANGED || w->outcome == EXEC_BLOCKED;
	return f->bystander || (f->down && w->outcome != EXEC_UPGRADED) || (nothing && f->stays_down);
}

static void
check_worker(const struct world *w, const struct fake *f)
{
	bool want = w->outcome == EXEC_UPGRADED;
	if (w->outcome == EXEC_MIXED || (not_its_business(w, f) && !f->alive))
		return;
	ck_assert_msg(f->alive, "%s does not run, and the outcome is %s", f->name,
	    exec_outcome_name(w->outcome));
	ck_assert_msg(!f->in_bracket, "%s stands still", f->name);
	for (size_t s = 0; s < w->steps; s++)
		ck_assert_msg(!f->concerned[s] || f->state[s] == want,
		    "%s: step %zu runs %s code, and the outcome is %s", f->name, s,
		    f->state[s] ? "new" : "old", exec_outcome_name(w->outcome));
	if (w->outcome == EXEC_UNCHANGED || w->outcome == EXEC_BLOCKED)
		ck_assert(f->rests == 0 && !f->ended);
	if (f->starts == 0 && !f->no_json && !f->outside) {
		ck_assert_uint_eq(f->finishes, 1);
		ck_assert_int_eq(f->confirmed, w->outcome == EXEC_ROLLED_BACK ||
		    (w->outcome == EXEC_UPGRADED && w->brackets));
	}
}

void
world_check(const struct world *w)
{
	ck_assert_uint_eq(w->dones, 1);
	ck_assert(!w->hold);
	ck_assert_int_eq(w->timer, 0);
	ck_assert_uint_le(w->undos, 1);
	check_result(w);
	for (size_t i = 0; i < w->count; i++)
		check_worker(w, &w->fakes[i]);
	for (size_t s = 0; s < w->steps && w->outcome != EXEC_MIXED; s++)
		ck_assert_int_eq(w->map[s], w->outcome == EXEC_UPGRADED);
	size_t down = 0;
	for (size_t i = 0; i < w->count; i++)
		down += !w->fakes[i].alive && !not_its_business(w, &w->fakes[i]);
	ck_assert_int_eq(w->outcome == EXEC_MIXED, down > 0);
}
