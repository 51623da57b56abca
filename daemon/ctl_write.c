/* SPDX-License-Identifier: Apache-2.0 */
/* ctl_write -- one local write of a verb and its answer after the commit. */
#include "daemon/ctl_int.h"

#include <stdlib.h>
#include <string.h>

/* The verb's own state stays in call->state; this is what a write adds. */
static json_t *made_usual(struct td_ctl_call *call, const struct rep_reply *reply)
{
	json_t *data = td_ctl_data(call);

	td_ctl_put_id(data, "id", &reply->id);
	td_ctl_put_bool(data, "created", reply->created);
	td_ctl_put_bool(data, "unchanged", reply->unchanged);
	td_ctl_put_bool(data, "repeated", reply->repeated);
	td_ctl_put_int(data, "version", reply->version);
	return data;
}

static void on_reply(void *arg, const struct rep_reply *reply)
{
	struct td_ctl_call *call = arg;

	if (reply->rc != 0) {
		td_door_explain(td_ctl_node(call), reply, &call->error);
		if (call->error.rc != TR_E_NOREC && reply->id.b[0] != 0)
			td_text_write_uuid(&reply->id, call->error_record);
		td_ctl_answer(call, call->error.rc, NULL);
		return;
	}
	td_ctl_answer(call, 0, (call->made != NULL ? call->made : made_usual)(call, reply));
}

int td_ctl_write(struct td_ctl_call *call, struct rep_write *write, td_ctl_made_fn *made)
{
	call->made = made;
	td_engine_write(call->ctl->engine, write, on_reply, call);
	return TD_CTL_LATER;
}

void td_ctl_actor(struct td_ctl_call *call, struct rep_write *write)
{
	const char *by = td_ctl_arg(call, "by");

	if (by != NULL)
		write->actor = (struct tr_bytes){(const uint8_t *)by, strlen(by)};
}

int td_ctl_check_actor(struct td_ctl_call *call)
{
	const char *by = td_ctl_arg(call, "by");

	if (by == NULL || (by[0] != '\0' && strlen(by) <= TR_ACTOR_MAX))
		return 0;
	return td_ctl_error(call, TR_E_SIZE, "by has %zu bytes, 1 to %d fit", strlen(by), TR_ACTOR_MAX);
}

/* `record put`: the line of ingest.sock in an argument, through the same door. */
int td_ctl_record_put(struct td_ctl_call *call, json_t **data)
{
	struct rep_write write;
	size_t size;
	char *line = tr_control_line(json_object_get(call->args, "record"), &size);
	int rc;

	(void)data;
	if (line == NULL)
		return TR_E_NOMEM;
	rc = td_door_read(call->ctl->door, td_ctl_node(call), (uint8_t *)line, size - 1,
	    &write, &call->error);
	if (rc == 0)
		rc = td_ctl_write(call, &write, NULL);
	free(line);
	return rc;
}
