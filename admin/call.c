/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/call.h"

#include "admin/mem.h"
#include "admin/said.h"
#include "admin/text.h"
#include "proto/control.h"
#include "proto/limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- requests --- */

int tc_call_send(struct tc_conn *conn, const char *cmd, json_t *args,
    struct tc_fault *fault)
{
	json_t *request =
	    tc_mem_json(tr_control_request(tc_conn_next_id(conn), cmd, args));
	size_t size;
	char *line = tr_control_line(request, &size);
	int rc;

	json_decref(request);
	if (line == NULL)
		return tc_fault_set(fault, TR_E_NOMEM, NULL);
	if (size > TR_CTL_REQUEST_MAX)
		rc = tc_fault_set(fault, TR_E_SIZE,
		    _("the request has %zu bytes, %d are allowed"), size,
		    TR_CTL_REQUEST_MAX);
	else
		rc = tc_conn_send(conn, line, size, fault);
	free(line);
	return rc;
}

/* "did you mean 'x'?" of the daemon, in the reader's language. */
static void add_hint(struct tc_fault *fault, const char *hint)
{
	static const char lead[] = "did you mean ";
	size_t size = strlen(hint);

	if (strncmp(hint, lead, sizeof(lead) - 1) == 0 && size > 0 &&
	    hint[size - 1] == '?')
		tc_fault_hint(fault, _("Did you mean %.*s?"),
		    (int)(size - sizeof(lead)), hint + sizeof(lead) - 1);
	else if (size > 0)
		tc_fault_hint(fault, "%s", tc_said(hint));
}

/* The faults of a file, as the daemon found them: with their places. */
static void show_lines(const json_t *lines)
{
	for (size_t i = 0; i < json_array_size(lines); i++) {
		const char *line = json_string_value(json_array_get(lines, i));
		char *clean = tc_text_clean(line != NULL ? line : "");

		fprintf(stderr, "%s\n", clean);
		free(clean);
	}
}

static void fault_of_reply(struct tc_fault *fault,
    const struct tr_control_reply *reply, const json_t *error)
{
	int rc = tc_fault_rc(reply->code);
	const char *usual = tr_err_message(rc);
	const char *record =
	    json_string_value(json_object_get(error, "record"));
	json_t *line = json_object_get(error, "line");
	const char *said = tc_said(reply->message);
	/* What the daemon says is more exact than the usual message, but the
	 * reader may not understand it. */
	bool understood = said != reply->message || tc_text_of(usual) == usual;

	if (reply->message[0] == '\0' || strcmp(reply->message, usual) == 0)
		tc_fault_set(fault, rc, NULL);
	else if (understood)
		tc_fault_set(fault, rc, "%s", said);
	else
		tc_fault_set(
		    fault, rc, "%s: %s", tc_text_of(usual), said);
	show_lines(json_object_get(error, "lines"));
	snprintf(fault->code, sizeof(fault->code), "%s",
	    reply->code[0] != '\0' ? reply->code : tr_err_code(rc));
	if (reply->exit_code > 0 && reply->exit_code < 256)
		fault->exit_code = reply->exit_code;
	if (reply->field[0] != '\0')
		tc_fault_hint(fault, _("Field: %s"), reply->field);
	if (record != NULL)
		tc_fault_hint(fault, _("Record: %s"), record);
	if (json_is_integer(line))
		tc_fault_hint(fault, _("Line: %lld"),
		    (long long)json_integer_value(line));
	add_hint(fault, reply->hint);
	if (strstr(reply->hint, "terracectl") != NULL)
		return; /* it says already where to look */
	if (rc == TR_E_NOREC)
		tc_fault_hint(fault, _("Records: terracectl record list"));
	if (rc == TR_E_NOUNIT)
		tc_fault_hint(fault, _("Units: terracectl unit list"));
	if (rc == TR_E_NOPEER)
		tc_fault_hint(fault, _("Peers: terracectl peers"));
}

static int bad_reply(const struct tc_conn *conn, struct tc_fault *fault)
{
	return tc_fault_set(fault, TR_E_PROTO,
	    _("the daemon on %s sent a reply that makes no sense"), tc_conn_path(conn));
}

static int take_reply(struct tc_conn *conn, const char *line, size_t size,
    json_t *object, tc_call_data_fn *on_data, void *arg, bool *more,
    struct tc_fault *fault)
{
	struct tr_control_reply reply;
	const char *raw;
	size_t raw_size = 0;

	if (tr_control_reply_decode(object, &reply) != 0)
		return bad_reply(conn, fault);
	*more = reply.has_more;
	if (!reply.is_ok) {
		fault_of_reply(
		    fault, &reply, json_object_get(object, "error"));
		return fault->exit_code;
	}
	if (reply.data == NULL)
		return bad_reply(conn, fault);
	raw = tc_call_span(line, size, "data", &raw_size);
	if (raw == NULL)
		return bad_reply(conn, fault);
	return on_data(arg, reply.data, raw, raw_size);
}

int tc_call_replies(struct tc_conn *conn, tc_call_data_fn *on_data, void *arg,
    struct tc_fault *fault)
{
	char message[TR_CONTROL_TEXT_MAX];
	bool more = true;

	fault->exit_code = 0;
	while (more) {
		json_t *object;
		char *line;
		size_t size;
		int rc = tc_conn_line(conn, &line, &size, -1, fault);

		if (rc != 0)
			return rc;
		object = tr_control_parse(line, size, message);
		if (object == NULL)
			return bad_reply(conn, fault);
		rc = take_reply(
		    conn, line, size, object, on_data, arg, &more, fault);
		json_decref(object);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int keep_data(void *arg, json_t *data, const char *raw, size_t raw_size)
{
	json_t **out = arg;

	(void)raw;
	(void)raw_size;
	json_decref(*out);
	*out = json_incref(data);
	return 0;
}

int tc_call_once(struct tc_conn *conn, const char *cmd, json_t *args,
    json_t **data, struct tc_fault *fault)
{
	json_t *got = NULL;
	int rc = tc_call_send(conn, cmd, args, fault);

	if (rc == 0)
		rc = tc_call_replies(conn, keep_data, &got, fault);
	if (rc != 0) {
		json_decref(got);
		return rc;
	}
	*data = got;
	return 0;
}

/* --- the text of a value --- */

static const char *skip_string(const char *p, const char *end)
{
	for (p++; p < end && *p != '"'; p++)
		if (*p == '\\')
			p++;
	return p + 1;
}

/* Behind the value that begins at p. */
static const char *skip_value(const char *p, const char *end)
{
	int depth = 0;

	while (p < end) {
		if (*p == '"') {
			p = skip_string(p, end);
		} else if (*p == '{' || *p == '[') {
			depth++;
			p++;
		} else if (*p == '}' || *p == ']') {
			if (depth == 0)
				return p;
			depth--;
			p++;
		} else if (*p == ',' && depth == 0) {
			return p;
		} else {
			p++;
			continue;
		}
		if (depth == 0)
			return p;
	}
	return end;
}

static const char *skip_blanks(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n'))
		p++;
	return p;
}

const char *tc_call_span(
    const char *object, size_t size, const char *key, size_t *value_size)
{
	const char *end = object + size, *p = skip_blanks(object, end);
	size_t key_size = strlen(key);

	if (p >= end || *p != '{')
		return NULL;
	for (p++; p < end;) {
		const char *name = skip_blanks(p, end), *value;
		bool is_it;

		if (name >= end || *name != '"')
			return NULL;
		p = skip_string(name, end);
		is_it = (size_t)(p - name) == key_size + 2 &&
			memcmp(name + 1, key, key_size) == 0;
		p = skip_blanks(p, end);
		if (p >= end || *p != ':')
			return NULL;
		value = skip_blanks(p + 1, end);
		p = skip_value(value, end);
		if (p > end)
			return NULL;
		if (is_it) {
			while (p > value && (p[-1] == ' ' || p[-1] == '\t'))
				p--;
			*value_size = (size_t)(p - value);
			return value;
		}
		p = skip_blanks(p, end);
		if (p < end && *p == ',')
			p++;
	}
	return NULL;
}
