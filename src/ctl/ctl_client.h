/* SPDX-License-Identifier: Apache-2.0
 * The client's side of control.sock (JSON-RPC 2.0, one line a message).
 */
#ifndef CTL_CTL_CLIENT_H
#define CTL_CTL_CLIENT_H

#include "ctl/ctl.h"

/* Sends one request and waits for its answer; notifications on the way go to `progress` (may be
 * NULL).  Takes `params`.  -1: answered, a new reference in *ret; else relctl's exit status: the
 * error, or all the problems of a document, was printed.
 * Errors: what relupd answered; REL_E_NO_DAEMON; REL_E_TIMEOUT after --timeout; REL_E_INTERRUPTED
 * after Ctrl-C.  `operation`: a request that begins an operation, or attaches to one; a connection
 * that is lost is made again for 10 s and the operation attached to, where it was begun. */
struct ctl_request {
	const char *method;
	json_t *params;
	void (*progress)(void *ctx, const json_t *operation);
	void *ctx;
	bool operation;
};
int ctl_request(struct ctl *c, const struct ctl_request *rq, json_t **ret) RTE_MUST_CHECK;

/* ctl_holders.c */
int ctl_holders(struct ctl *c, const struct ctl_args *a); /* the verb */
extern const struct ctl_opt ctl_holders_opts[];
void ctl_holders_print(FILE *f, const json_t *list);
/* Threads that no task stands for are told by the function they are in, where its name can be found. */
void ctl_holders_name(const struct ctl *c, json_t *list);

#endif
