/* SPDX-License-Identifier: Apache-2.0
 * How an operation ended: the one object that text, JSON, history and events are printed from.
 */
#include "config.h"

#include "exec/exec_priv.h"

const char *
exec_outcome_name(enum exec_outcome o)
{
	static const char *const names[] = {[EXEC_UPGRADED] = "upgraded",
	    [EXEC_UNCHANGED] = "unchanged", [EXEC_BLOCKED] = "blocked",
	    [EXEC_ROLLED_BACK] = "rolled_back", [EXEC_MIXED] = "mixed"};
	MUST((size_t)o < NELEM(names));
	return names[o];
}

static json_int_t
us(dur_ns_t d)
{
	return (json_int_t)((d + 500) / 1000);
}

/* What an earlier relupd measured went with it. */
static json_t *
pause_us(const struct exec *x, dur_ns_t d)
{
	return x->recovering ? json_null() : json_integer(us(d));
}

/* Who was in the way, or would have been ended. */
static json_t *
holders(const struct exec *x)
{
	json_t *list = json_array();
	if (list != NULL && x->err.code != REL_OK)
		(void)json_array_extend(list, x->blocking);
	if (list != NULL && x->err.code == REL_E_BLOCKED)
		(void)json_array_extend(list, x->doomed);
	return list;
}

/* Nothing was to be changed: what each worker's copy came to is all there is to tell. */
static json_t *
rehearsal_result(struct exec *x, json_t *error)
{
	return json_pack("{s:n, s:s, s:s, s:s, s:O, s:o, s:I, s:o}", "operation", "outcome",
	    exec_outcome_name(EXEC_UNCHANGED), "from", x->opt.from, "to", x->opt.to, "workers", x->rehearsals,
	    "forecast_us", exec_forecast(x), "total_us", us(x->ops->now(x->ctx) - x->started), "error", error);
}

json_t *
exec_result(struct exec *x, enum exec_outcome o)
{
	json_t *error = x->err.code == REL_OK ? json_null() : proto_err_json(&x->err);
	if (x->opt.rehearse_only)
		return rehearsal_result(x, error);
	return json_pack("{s:I, s:s, s:s, s:s, s:[s,s], s:i, s:i, s:o, s:o, s:o, s:I, s:o, s:O, s:O, s:o, s:o, s:o*}",
	    "operation", (json_int_t)x->opt.operation, "outcome", exec_outcome_name(o), "from",
	    x->opt.from, "to", x->opt.to, "path", x->opt.from, x->opt.to, "steps",
	    (int)x->opt.instructions, "workers", (int)x->count, "suspended_us",
	    pause_us(x, x->suspended), "longest_pause_us", pause_us(x, x->longest_pause), "time_to_rest_us",
	    pause_us(x, x->time_to_rest), "total_us",
	    us(x->opt.before + x->ops->now(x->ctx) - x->started), "forecast_us",
	    exec_forecast(x), "killed", x->killed, "cancelled", x->cancelled, "holders", holders(x),
	    "error", error, "rehearsal", exec_rehearsals_failed(x));
}
