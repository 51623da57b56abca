/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/control.h"

#include "proto/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORD_MAX 64

#define R true
#define W false
static const struct tr_command commands[] = {
#define C(name, access, args, help) {name, access, args, help},
#include "proto/commands.def"
#undef C
};
#undef R
#undef W

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

const struct tr_command *tr_control_command(const char *name)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

const struct tr_command *tr_control_command_at(size_t i)
{
	return i < COMMAND_COUNT ? &commands[i] : NULL;
}

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

size_t tr_control_distance(const char *a, const char *b)
{
	/* Three rows of the usual table: the row before the last one is
	 * needed for a swap of neighbours. */
	size_t rows[3][WORD_MAX + 1];
	size_t a_size = strlen(a), b_size = strlen(b);

	if (a_size > WORD_MAX || b_size > WORD_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= b_size; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= a_size; i++) {
		size_t *now = rows[i % 3], *last = rows[(i + 2) % 3];
		const size_t *before = rows[(i + 1) % 3];

		now[0] = i;
		for (size_t j = 1; j <= b_size; j++) {
			size_t cost = a[i - 1] == b[j - 1] ? 0 : 1;

			now[j] = min3(
			    last[j] + 1, now[j - 1] + 1, last[j - 1] + cost);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1] && before[j - 2] + 1 < now[j])
				now[j] = before[j - 2] + 1;
		}
	}
	return rows[a_size % 3][b_size];
}

bool tr_control_is_near(size_t distance, size_t word_size)
{
	if (word_size <= 3)
		return distance <= 1;
	return distance <= (word_size <= 6 ? 2u : 3u) && distance < word_size;
}

const char *tr_control_command_near(const char *name)
{
	const char *best = NULL;
	size_t best_distance = SIZE_MAX;

	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		size_t d = tr_control_distance(name, commands[i].name);

		if (d < best_distance) {
			best_distance = d;
			best = commands[i].name;
		}
	}
	return best != NULL && tr_control_is_near(best_distance, strlen(name))
		   ? best
		   : NULL;
}

bool tr_control_arg_at(
    const struct tr_command *command, size_t i, struct tr_command_arg *out)
{
	const char *p = command->args;

	for (; *p != '\0'; i--) {
		size_t size = strcspn(p, " "), name = strcspn(p, ":");

		if (i == 0) {
			TR_ASSERT(name <= TR_CONTROL_ARG_NAME_MAX);
			TR_ASSERT(name + 2 <= size);
			memset(out, 0, sizeof(*out));
			memcpy(out->name, p, name);
			out->type = p[name + 1];
			out->is_required = p[size - 1] == '!';
			return true;
		}
		p += size;
		p += strspn(p, " ");
	}
	return false;
}

static bool is_text_list(const json_t *value)
{
	size_t i;
	const json_t *item;

	if (json_is_string(value))
		return true;
	if (!json_is_array(value))
		return false;
	for (i = 0; i < json_array_size(value); i++) {
		item = json_array_get(value, i);
		if (!json_is_string(item))
			return false;
	}
	return i > 0;
}

static bool type_fits(char type, const json_t *value)
{
	switch (type) {
	case 'i': return json_is_integer(value);
	case 'b': return json_is_boolean(value);
	case 'l': return is_text_list(value);
	case 'o': return json_is_object(value);
	default: return json_is_string(value);
	}
}

static const char *type_name(char type)
{
	switch (type) {
	case 'i': return "an integer";
	case 'b': return "true or false";
	case 'l': return "a text or a list of texts";
	case 'o': return "an object";
	case 't': return "a time such as 2026-11-22T08:00:00Z";
	default: return "a text";
	}
}

static bool arg_by_name(const struct tr_command *command, const char *name,
    struct tr_command_arg *out)
{
	for (size_t i = 0; tr_control_arg_at(command, i, out); i++)
		if (strcmp(out->name, name) == 0)
			return true;
	return false;
}

static void hint_for(
    const struct tr_command *command, const char *name, char *hint)
{
	struct tr_command_arg arg, best = {.type = 's'};
	size_t best_distance = SIZE_MAX, used = 0;

	for (size_t i = 0; tr_control_arg_at(command, i, &arg); i++) {
		size_t d = tr_control_distance(name, arg.name);

		if (d < best_distance) {
			best_distance = d;
			best = arg;
		}
	}
	if (tr_control_is_near(best_distance, strlen(name))) {
		snprintf(hint, TR_CONTROL_TEXT_MAX, "did you mean '%s'?",
		    best.name);
		return;
	}
	if (best_distance == SIZE_MAX && command->args[0] == '\0') {
		snprintf(hint, TR_CONTROL_TEXT_MAX, "it takes no arguments");
		return;
	}
	used = (size_t)snprintf(hint, TR_CONTROL_TEXT_MAX, "it takes");
	for (size_t i = 0; tr_control_arg_at(command, i, &arg) &&
			   used < TR_CONTROL_TEXT_MAX - 40;
	     i++)
		used += (size_t)snprintf(hint + used,
		    TR_CONTROL_TEXT_MAX - used, "%s %s", i > 0 ? "," : "",
		    arg.name);
}

int tr_control_check(const struct tr_command *command, const json_t *args,
    char message[static TR_CONTROL_TEXT_MAX],
    char hint[static TR_CONTROL_TEXT_MAX])
{
	struct tr_command_arg arg;
	const json_t *value;

	hint[0] = '\0';
	/* The iterator of jansson takes no const object, but changes none. */
	for (void *at = json_object_iter((json_t *)(uintptr_t)args); at != NULL;
	     at = json_object_iter_next((json_t *)(uintptr_t)args, at)) {
		const char *name = json_object_iter_key(at);

		value = json_object_iter_value(at);
		if (!arg_by_name(command, name, &arg)) {
			snprintf(message, TR_CONTROL_TEXT_MAX,
			    "'%s' has no argument '%.64s'", command->name,
			    name);
			hint_for(command, name, hint);
			return TR_E_USAGE;
		}
		if (!type_fits(arg.type, value)) {
			snprintf(message, TR_CONTROL_TEXT_MAX,
			    "argument '%s' of '%s' must be %s", arg.name,
			    command->name, type_name(arg.type));
			return TR_E_USAGE;
		}
	}
	for (size_t i = 0; tr_control_arg_at(command, i, &arg); i++)
		if (arg.is_required && json_object_get(args, arg.name) == NULL) {
			snprintf(message, TR_CONTROL_TEXT_MAX,
			    "'%s' needs the argument '%s' (%s)", command->name,
			    arg.name, type_name(arg.type));
			return TR_E_USAGE;
		}
	return 0;
}

json_t *tr_control_parse(
    const char *line, size_t size, char message[static TR_CONTROL_TEXT_MAX])
{
	json_error_t error;
	json_t *object =
	    json_loadb(line, size, JSON_REJECT_DUPLICATES, &error);

	if (object == NULL) {
		snprintf(message, TR_CONTROL_TEXT_MAX,
		    "not JSON at byte %d: %.160s", error.position, error.text);
		return NULL;
	}
	if (!json_is_object(object)) {
		snprintf(message, TR_CONTROL_TEXT_MAX, "not a JSON object");
		json_decref(object);
		return NULL;
	}
	return object;
}

char *tr_control_line(const json_t *object, size_t *size)
{
	size_t need = json_dumpb(object, NULL, 0, JSON_COMPACT | JSON_REAL_PRECISION(12)), got;
	char *line = need > 0 ? malloc(need + 2) : NULL;

	if (line == NULL)
		return NULL;
	got = json_dumpb(object, line, need, JSON_COMPACT | JSON_REAL_PRECISION(12));
	TR_ASSERT(got == need);
	line[need] = '\n';
	line[need + 1] = '\0';
	*size = need + 1;
	return line;
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text != NULL ? text : "";
}

int tr_control_greeting_decode(
    const json_t *object, struct tr_control_greeting *out)
{
	const json_t *proto = json_object_get(object, "proto");
	struct tr_control_greeting g = {
	    .version = text_of(object, "version"),
	    .node = text_of(object, "node"),
	    .is_admin = strcmp(text_of(object, "access"), "admin") == 0,
	};

	if (strcmp(text_of(object, "terrace"), "control") != 0)
		return TR_E_PROTO;
	g.proto_min = (int)json_integer_value(json_array_get(proto, 0));
	g.proto_max = (int)json_integer_value(json_array_get(proto, 1));
	if (g.proto_min > TR_CONTROL_PROTO || g.proto_max < TR_CONTROL_PROTO)
		return TR_E_PROTO;
	*out = g;
	return 0;
}

json_t *tr_control_request(uint64_t id, const char *cmd, json_t *args)
{
	if (args == NULL)
		return json_pack("{s:I,s:i,s:s}", "id", (json_int_t)id,
		    "proto", TR_CONTROL_PROTO, "cmd", cmd);
	return json_pack("{s:I,s:i,s:s,s:O}", "id", (json_int_t)id, "proto",
	    TR_CONTROL_PROTO, "cmd", cmd, "args", args);
}

int tr_control_reply_decode(const json_t *object, struct tr_control_reply *out)
{
	const json_t *error = json_object_get(object, "error");
	const json_t *ok = json_object_get(object, "ok");
	struct tr_control_reply r = {
	    .is_ok = json_is_true(ok),
	    .has_more = json_is_true(json_object_get(object, "more")),
	    .data = json_object_get(object, "data"),
	    .code = text_of(error, "code"),
	    .message = text_of(error, "message"),
	    .hint = text_of(error, "hint"),
	    .field = text_of(error, "field"),
	};

	if (!json_is_boolean(ok) || (!r.is_ok && !json_is_object(error)))
		return TR_E_PROTO;
	r.id = (uint64_t)json_integer_value(json_object_get(object, "id"));
	r.exit_code = (int)json_integer_value(json_object_get(error, "exit"));
	*out = r;
	return 0;
}

json_t *tr_control_error(int rc, const char *message, const char *hint)
{
	json_t *error = json_pack("{s:s,s:i,s:s}", "code", tr_err_code(rc),
	    "exit", tr_err_exit(rc), "message",
	    message != NULL ? message : tr_err_message(rc));

	if (error != NULL && hint != NULL && hint[0] != '\0' &&
	    json_object_set_new(error, "hint", json_string(hint)) != 0) {
		json_decref(error);
		return NULL;
	}
	return error;
}
