/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: any line as a request on a control socket: refused with words that
 * are JSON again, or a command whose arguments are found, looked up in a real
 * node, or refused with words.  Answers of a daemon are read by the tool: the
 * same bytes are tried as a greeting and as a reply.
 */
// needs: proto/control.o daemon/ctl_arg.o daemon/text.o daemon/sys.o tests/lib/rig.o tests/lib/memview.o tests/fuzz/town.o
// length: 2048
#include <stdarg.h>
#include <stdio.h>

#include "daemon/ctl_int.h"
#include "tests/fuzz/fuzz_in.h"
#include "tests/fuzz/town.h"

static struct rig rig;

const struct rep_node *td_engine_node(const struct td_engine *engine)
{
	(void)engine;
	return rig.node;
}

const struct rep_view *td_engine_read(struct td_engine *engine)
{
	(void)engine;
	return &rig.view;
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

/* As the daemon answers it, and the tool reads it. */
static void answer(struct td_ctl_call *call, int rc)
{
	char message[TR_CONTROL_TEXT_MAX];
	struct tr_control_reply reply;
	json_t *object = json_object(), *error, *back;
	size_t size;
	char *line;

	TR_ASSERT(rc < 0);
	td_text_clean(call->error.message);
	td_text_clean(call->error.hint);
	error = tr_control_error(rc, call->error.message[0] != '\0' ? call->error.message : NULL, call->error.hint);
	TR_ASSERT(error != NULL);
	json_object_set_new(object, "id", json_integer(call->id));
	json_object_set_new(object, "ok", json_false());
	json_object_set_new(object, "error", error);
	line = tr_control_line(object, &size);
	TR_ASSERT(line != NULL && line[size - 1] == '\n' && memchr(line, '\n', size - 1) == NULL);
	back = tr_control_parse(line, size - 1, message);
	TR_ASSERT(back != NULL && tr_control_reply_decode(back, &reply) == 0);
	TR_ASSERT(!reply.is_ok && reply.code[0] != '\0' && reply.message[0] != '\0');
	TR_ASSERT(reply.id == (uint64_t)call->id);
	json_decref(back);
	json_decref(object);
	free(line);
}

/* Every kind of look-up, whatever the command would do with the argument. */
static void look_up(struct td_ctl_call *call, const char *name)
{
	const char *text = td_ctl_arg(call, name);
	struct tr_nid nid = {0};
	struct tr_rec_id id;
	int64_t ms = 0;
	uint8_t kind = 0;
	int rc;

	(void)td_ctl_arg_int(call, name, 7);
	(void)td_ctl_arg_bool(call, name);
	if (text == NULL)
		return;
	for (int what = 0; what < 4; what++) {
		call->error.message[0] = call->error.hint[0] = '\0';
		rc = what == 0 ? td_ctl_arg_unit(call, name, &nid)
		     : what == 1 ? td_ctl_arg_peer(call, name, &nid)
		     : what == 2 ? td_ctl_arg_time(call, name, &ms)
				 : td_ctl_find_record(call, 0, text, &id, &kind);
		if (rc != 0)
			answer(call, rc);
		else if (what == 3)
			TR_ASSERT(td_ctl_load(call, kind, &id) == 0);
	}
}

static void run(struct td_ctl_call *call, const json_t *request)
{
	const char *cmd = json_string_value(json_object_get(request, "cmd"));
	struct tr_command_arg arg;
	int rc;

	if (cmd == NULL || (call->args != NULL && !json_is_object(call->args)))
		return;
	call->command = tr_control_command(cmd);
	if (call->command == NULL) {
		const char *near = tr_control_command_near(cmd);

		TR_ASSERT(near == NULL || tr_control_command(near) != NULL);
		rc = td_ctl_error(call, TR_E_USAGE, "unknown command '%.64s'", cmd);
	} else {
		rc = tr_control_check(call->command, call->args, call->error.message, call->error.hint);
	}
	if (rc != 0) {
		answer(call, rc);
		return;
	}
	for (size_t i = 0; tr_control_arg_at(call->command, i, &arg); i++)
		look_up(call, arg.name);
}

static void prepare(void)
{
	if (rig.node == NULL)
		town_build(&rig);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct td_ctl ctl;
	struct td_ctl_call call = {.ctl = &ctl};
	struct tr_control_greeting greeting;
	struct tr_control_reply reply;
	json_t *request;

	prepare();
	request = tr_control_parse((const char *)data, size, call.error.message);
	if (request == NULL) {
		answer(&call, TR_E_INPUT);
		return 0;
	}
	(void)!tr_control_greeting_decode(request, &greeting);
	(void)!tr_control_reply_decode(request, &reply);
	call.id = json_integer_value(json_object_get(request, "id"));
	call.args = json_object_get(request, "args");
	run(&call, request);
	json_decref(request);
	return 0;
}
