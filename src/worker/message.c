/* SPDX-License-Identifier: Apache-2.0
 * What relupd may say, and who answers it.  A message that is not understood is logged and passed
 * over: the worker goes on serving.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "worker/worker_priv.h"

static void
on_finish(struct worker *w, struct proto_packet *p)
{
	worker_finish(w, p->body);
}

static json_t *
refused(json_t *id, const char *text)
{
	return json_pack("{s:O, s:b, s:o}", "id", id, "ok", 0, "text", proto_text_json(text));
}

/* Its own text, or one for the code it returned. */
static json_t *
ask_module(struct worker *w, json_t *id, const char *request)
{
	const struct relw_module *m = w->gen->table.e[0].obj->table;
	if (m->handle_call == NULL)
		return refused(id, "the module takes no calls");
	char *text = NULL;
	w->refusal[0] = '\0';
	int rc = m->handle_call(&w->gen->views[0]->pub, w->gen->state, request, &text);
	if (rc != 0) {
		free(text);
		return refused(
		    id, w->refusal[0] != '\0' ? w->refusal : "the module refused the call");
	}
	json_t *reply =
	    text != NULL ? json_loads(text, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL) : NULL;
	free(text);
	if (reply == NULL)
		return refused(id, "the module's reply is not JSON");
	return json_pack("{s:O, s:b, s:o}", "id", id, "ok", 1, "reply", reply);
}

static void
on_call(struct worker *w, struct proto_packet *p)
{
	json_t *id = json_object_get(p->body, "id");
	json_t *request = json_object_get(p->body, "request");
	if (id == NULL || request == NULL) {
		worker_log(w, RELW_ERROR, "relupd sent a call without id or request, ignoring it");
		return;
	}
	char *text = proto_json_text(request, JSON_COMPACT);
	json_t *body = text != NULL ? ask_module(w, id, text) : refused(id, "out of memory");
	free(text);
	/* What a client of relupd may be given; 32: the message's name and braces around it. */
	if (body != NULL && json_dumpb(body, NULL, 0, JSON_COMPACT) > PROTO_PACKET_MAX - 32) {
		json_decref(body);
		body = refused(id, "the module's reply is too long");
	}
	worker_link_send(w, "reply", body);
}

static void
on_stop(struct worker *w, struct proto_packet *p)
{
	const char *reason = json_string_value(json_object_get(p->body, "reason"));
	worker_loop_stop(w, 0, reason != NULL ? reason : "shutdown");
}

static const struct {
	const char *name;
	bool job; /* only for a worker that runs */
	void (*handle)(struct worker *, struct proto_packet *);
} table[] = {
    {"start", false, worker_start},
    {"rehearse", true, worker_rehearse},
    {"prepare", true, worker_prepare},
    {"adopt", true, worker_adopt},
    {"finish", true, on_finish},
    {"call", true, on_call},
    {"ask", true, worker_ask},
    {"stop", false, on_stop},
};

void
worker_message(struct worker *w, struct proto_packet *p)
{
	if (p->frame) {
		if (p->bin.kind == PROTO_BRACKET && w->job)
			worker_bracket(w, &p->bin);
		return; /* WAKE: the bracket it was for has been decided already */
	}
	for (size_t i = 0; i < NELEM(table); i++) {
		if (strcmp(table[i].name, p->name) != 0)
			continue;
		if (table[i].job && !w->job)
			break;
		table[i].handle(w, p);
		return;
	}
	worker_log(
	    w, RELW_WARNING, "relupd sent '%.32s', which means nothing here, ignoring it", p->name);
}
