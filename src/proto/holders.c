/* SPDX-License-Identifier: Apache-2.0
 * Lists of HOLDERs, as workers tell them, put together.
 */
#include "config.h"

#include "proto/proto.h"

void
proto_holders_more(json_t *list)
{
	json_t *last = json_array_get(list, json_array_size(list) - 1);
	(void)json_object_set_new(last, "hint",
	    json_string("more follow that are not listed; `relctl status` has their number"));
}

void
proto_holders_add(json_t *to, const json_t *list, const char *worker, json_int_t pid, size_t max)
{
	size_t i;
	json_t *h;
	json_array_foreach (list, i, h) {
		if (json_array_size(to) >= max) {
			proto_holders_more(to);
			return;
		}
		json_t *copy = json_copy(h);
		if (copy != NULL && json_object_set_new(copy, "worker", json_string(worker)) == 0)
			(void)json_object_set_new(copy, "pid", json_integer(pid));
		json_array_append_new(to, copy);
	}
}
