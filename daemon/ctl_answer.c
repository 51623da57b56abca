/* SPDX-License-Identifier: Apache-2.0 */
/* What a client is told: pieces, answers, errors. */
#include "daemon/ctl_int.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void td_ctl_line(struct td_ctl_client *client, json_t *take_object)
{
	size_t size;
	char *line = tr_control_line(take_object, &size);

	/* A client that cannot be answered is of no use.  One long line is no
	 * pile: what counts is what nobody has read before it. */
	if (line == NULL || td_out_size(&client->reply) > TR_CTL_OUT_MAX ||
	    !td_out_put(&client->reply, line, size))
		client->is_closing = true;
	free(line);
	json_decref(take_object);
	ev_io_start(client->ctl->loop, &client->out);
}

static json_t *envelope(const struct td_ctl_call *call, bool ok)
{
	json_t *object = json_object();

	json_object_set_new(object, "id", json_integer(call->id));
	json_object_set_new(object, "ok", json_boolean(ok));
	return object;
}

void td_ctl_piece(struct td_ctl_call *call, json_t *take_data)
{
	json_t *object = envelope(call, true);

	json_object_set_new(object, "more", json_true());
	json_object_set_new(object, "data", take_data);
	td_ctl_line(call->client, object);
}

void td_ctl_piece_text(struct td_ctl_call *call, const char *before,
    const struct td_out *text, const char *behind)
{
	struct td_out *out = &call->client->reply;
	char head[80];
	int n = snprintf(head, sizeof(head),
	    "{\"id\":%" JSON_INTEGER_FORMAT ",\"ok\":true,\"more\":true,\"data\":", call->id);

	if (td_out_size(out) > TR_CTL_OUT_MAX || !td_out_put(out, head, (size_t)n) || !td_out_put(out, before, strlen(before)) ||
	    !td_out_put(out, text->buf + text->head, td_out_size(text)) ||
	    !td_out_put(out, behind, strlen(behind)) || !td_out_put(out, "}\n", 2))
		call->client->is_closing = true;
	ev_io_start(call->ctl->loop, &call->client->out);
}

int td_ctl_error(struct td_ctl_call *call, int rc, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(call->error.message, sizeof(call->error.message), format, args);
	va_end(args);
	return rc;
}

void td_ctl_hint(struct td_ctl_call *call, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(call->error.hint, sizeof(call->error.hint), format, args);
	va_end(args);
}

static void put_error(struct td_ctl_call *call, int rc)
{
	struct td_door_error *e = &call->error;
	json_t *object = envelope(call, false), *error;

	td_text_clean(e->message);
	td_text_clean(e->hint);
	td_text_clean(e->field);
	error = tr_control_error(rc, e->message[0] != '\0' ? e->message : NULL, e->hint);
	if (e->field[0] != '\0')
		json_object_set_new(error, "field", json_string(e->field));
	if (call->error_record[0] != '\0')
		json_object_set_new(error, "record", json_string(call->error_record));
	if (json_array_size(call->error_lines) > 0)
		json_object_set(error, "lines", call->error_lines);
	json_object_set_new(object, "error", error);
	td_ctl_line(call->client, object);
}

void td_ctl_call_free(struct td_ctl_call *call)
{
	td_engine_forget(call->ctl->engine, call);
	if (call->free_state != NULL)
		call->free_state(call);
	json_decref(call->args);
	json_decref(call->error_lines);
	free(call);
}

void td_ctl_answer(struct td_ctl_call *call, int rc, json_t *take_data)
{
	struct td_ctl_client *client = call->client;
	json_t *object;

	if (rc == TD_CTL_LATER) {
		if (call->pump != NULL)
			ev_io_start(client->ctl->loop, &client->out);
		return;
	}
	if (rc == 0) {
		object = envelope(call, true);
		json_object_set_new(object, "data", take_data != NULL ? take_data : json_object());
		td_ctl_line(client, object);
		client->ctl->after = call->after;
	} else {
		json_decref(take_data);
		put_error(call, rc);
	}
	client->call = NULL;
	td_ctl_call_free(call);
}
