/* SPDX-License-Identifier: Apache-2.0 */
/* ctl_directive -- send one, and the rungs of its receipt ladder. */
#include "daemon/ctl_directive.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/grow.h"
#include "proto/wire.h"
#include "replication/status.h"

/* Field ids of schema.def. */
enum { F_ID = 1, F_NUMBER = 5, F_STATUS = 40, F_REASON = 43, F_PROGRESS = 61, F_PERCENT = 62 };

#define SEARCH_MAX 5000    /* directives looked at for a number */
#define IN_WORK_MAX 256    /* writes of one verb at a time */

/* ----------------------------------------------------------------- finding */

/* First directive id at or after `from` in REP_T_DIR. */
static bool next_directive(struct td_ctl_call *call, const uint8_t *from, size_t size, bool after,
    struct tr_rec_id *directive, struct tr_rec_id *record)
{
	struct tr_bytes key, value;

	if (rep_seek(td_ctl_view(call), REP_T_DIR, (struct tr_bytes){from, size}, after, &key, &value) != 0 ||
	    key.size != 32)
		return false;
	memcpy(directive->b, key.data, 16);
	memcpy(record->b, key.data + 16, 16);
	return true;
}

/* Above every record of a directive. */
static void behind(const struct tr_rec_id *directive, uint8_t key[static 32])
{
	memcpy(key, directive->b, 16);
	memset(key + 16, 0xff, 16);
}

static int by_prefix(struct td_ctl_call *call, const char *hex, size_t digits, struct tr_rec_id *out)
{
	uint8_t from[32] = {0};
	struct tr_rec_id found, other, record;
	char text[33];

	for (size_t i = 0; i < digits; i++) {
		int v = wire_hex_digit((uint8_t)hex[i]);

		from[i / 2] = (uint8_t)(from[i / 2] | v << (i % 2 == 0 ? 4 : 0));
	}
	if (!next_directive(call, from, 16, false, &found, &record))
		return TR_E_NOTFOUND;
	td_text_write_hex(found.b, 16, text);
	if (strncmp(text, hex, digits) != 0)
		return TR_E_NOTFOUND;
	behind(&found, from);
	if (next_directive(call, from, 32, true, &other, &record)) {
		td_text_write_hex(other.b, 16, text);
		if (strncmp(text, hex, digits) == 0) {
			td_ctl_hint(call, "give more digits");
			return td_ctl_error(call, TR_E_AMBIGUOUS, "more than one directive begins with '%s'", hex);
		}
	}
	*out = found;
	return 0;
}

static int by_number(struct td_ctl_call *call, const char *number, struct tr_rec_id *out)
{
	struct tr_rec_id directive, record;
	const struct rep_value *v;
	uint8_t from[32] = {0};
	size_t size = strlen(number);

	for (size_t i = 0; i < SEARCH_MAX && next_directive(call, from, 32, i > 0, &directive, &record); i++) {
		behind(&directive, from);
		if (td_ctl_load(call, TR_KIND_DIRECTIVE, &record) != 0)
			continue;
		v = rep_record_value(td_ctl_record(call), F_NUMBER);
		if (v != NULL && v->t.size == size && memcmp(v->t.data, number, size) == 0) {
			*out = directive;
			return 0;
		}
	}
	return TR_E_NOTFOUND;
}

static int by_record(struct td_ctl_call *call, const char *text, struct tr_rec_id *out)
{
	const struct rep_value *v;
	struct tr_rec_id id;
	int rc = td_ctl_find_record(call, TR_KIND_DIRECTIVE, text, &id, NULL);

	if (rc == 0)
		rc = td_ctl_load(call, TR_KIND_DIRECTIVE, &id);
	if (rc != 0)
		return rc;
	v = rep_record_value(td_ctl_record(call), F_ID);
	if (v == NULL || v->t.size != sizeof(out->b))
		return TR_E_DAMAGED;
	memcpy(out->b, v->t.data, sizeof(out->b));
	return 0;
}

int td_ctl_find_directive(struct td_ctl_call *call, const char *text, struct tr_rec_id *out)
{
	char hex[33];
	size_t n = 0;
	int rc = TR_E_NOTFOUND;

	for (const char *p = text; *p != '\0' && n < 32; p++)
		if (isxdigit((unsigned char)*p))
			hex[n++] = (char)tolower((unsigned char)*p);
		else if (*p != '-')
			break;
	hex[n] = '\0';
	if (n >= 8)
		rc = by_prefix(call, hex, n, out);
	if (rc == TR_E_NOTFOUND)
		rc = by_number(call, text, out);
	if (rc == TR_E_NOTFOUND && n >= 8)
		rc = by_record(call, text, out);
	if (rc == TR_E_NOTFOUND || rc == TR_E_NOREC) {
		td_ctl_hint(call, "`terracectl directive list` shows what this node holds");
		return td_ctl_error(call, TR_E_NOREC, "this node holds no directive '%.64s'", text);
	}
	return rc;
}

int td_ctl_directive_record(struct td_ctl_call *call, const struct tr_rec_id *directive,
    struct tr_nid target, struct tr_rec_id *out)
{
	struct rep_unit_info unit;
	struct tr_rec_id after, id;
	bool some = false;

	for (size_t i = 0; i < TR_TARGETS_MAX; i++) {
		if (rep_find_directive(td_ctl_view(call), directive, some ? &after : NULL, &id, 1) == 0)
			break;
		after = id;
		some = true;
		if (td_ctl_load(call, TR_KIND_DIRECTIVE, &id) == 0 &&
		    td_ctl_record(call)->scope.v == target.v) {
			*out = id;
			return 0;
		}
	}
	return td_ctl_error(call, TR_E_NOREC, "the directive is not addressed to %s",
	    rep_unit_get(td_ctl_node(call), target, &unit) ? unit.unit : "that unit");
}

/* -------------------------------------------------------------------- send */

struct targets {
	struct tr_nid *list;
	size_t count, cap;
};

static int add_target(struct td_ctl_call *call, struct targets *t, struct tr_nid nid)
{
	struct tr_nid *list;

	for (size_t i = t->count; i-- > 0;)
		if (t->list[i].v == nid.v)
			return 0;
	if (t->count >= TR_TARGETS_MAX)
		return td_ctl_error(call, TR_E_LIMIT, "more than %d targets", TR_TARGETS_MAX);
	list = tr_grow(t->list, t->count, &t->cap, sizeof(*list));
	if (list == NULL)
		return TR_E_NOMEM;
	t->list = list;
	t->list[t->count++] = nid;
	return 0;
}

/* A unit and everything below it; the own unit is no target of itself. */
static int add_subtree(struct td_ctl_call *call, struct targets *t, struct tr_nid top)
{
	struct rep_unit_info unit;
	size_t before = t->count;
	int rc = 0;

	for (size_t i = 0; rc == 0 && rep_inspect_unit(td_ctl_node(call), i, &unit); i++)
		if (unit.in_subtree && !unit.is_self && rep_unit_is_under(td_ctl_node(call), unit.nid, top))
			rc = add_target(call, t, unit.nid);
	if (rc == 0 && t->count == before)
		return td_ctl_error(call, TR_E_NOUNIT, "no unit lies there to send it to");
	return rc;
}

static int add_to(struct td_ctl_call *call, struct targets *t, const struct rep_self *self, const char *text)
{
	size_t size = strlen(text);
	char name[TR_UNIT_PATH_MAX + 1];
	struct tr_nid nid;
	int rc;

	if (strcmp(text, "*") == 0)
		return add_subtree(call, t, self->cert.nid);
	if (size > 2 && size - 2 <= TR_UNIT_PATH_MAX && strcmp(text + size - 2, "/*") == 0) {
		memcpy(name, text, size - 2);
		name[size - 2] = '\0';
		rc = td_ctl_find_unit(call, name, &nid);
		return rc != 0 ? rc : add_subtree(call, t, nid);
	}
	rc = td_ctl_find_unit(call, text, &nid);
	if (rc != 0)
		return rc;
	if (nid.v == self->cert.nid.v || !rep_unit_is_under(td_ctl_node(call), nid, self->cert.nid)) {
		td_ctl_hint(call, "a call to a sibling is sent by the common parent");
		return td_ctl_error(call, TR_E_SCOPE, "%.100s does not lie below %s", text, self->cert.unit);
	}
	return add_target(call, t, nid);
}

static int read_targets(struct td_ctl_call *call, struct targets *t)
{
	const json_t *to = json_object_get(call->args, "to");
	struct rep_self self;
	int rc = 0;

	rep_inspect_self(td_ctl_node(call), &self);
	if (json_is_string(to))
		return add_to(call, t, &self, json_string_value(to));
	for (size_t i = 0; rc == 0 && i < json_array_size(to); i++)
		rc = add_to(call, t, &self, json_string_value(json_array_get(to, i)));
	return rc;
}

/* The arguments as a line of ingest.sock: one place checks types and sizes. */
static char *send_line(const struct td_ctl_call *call, size_t *size)
{
	static const char *const names[][2] = {{"title", "title"}, {"body", "body"},
	    {"number", "number"}, {"lead", "lead"}, {"due", "due_at"},
	    {"priority", "priority"}, {"receipt_required", "receipt_required"}, {"by", "by"}};
	json_t *line = json_object(), *value;
	char *text;

	td_ctl_put_text(line, "kind", "directive");
	/* The door wants one for this kind; the core makes the real ones. */
	td_ctl_put_text(line, "id", "00000000-0000-0000-0000-000000000000");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		value = json_object_get(call->args, names[i][0]);
		if (value != NULL)
			td_ctl_put(line, names[i][1], json_incref(value));
	}
	text = tr_control_line(line, size);
	json_decref(line);
	return text;
}

static json_t *made_send(struct td_ctl_call *call, const struct rep_reply *reply)
{
	json_t *data = td_ctl_data(call);

	td_ctl_put_id(data, "id", &reply->directive_id);
	td_ctl_put_int(data, "targets", (int64_t)(intptr_t)call->state);
	return data;
}

int td_ctl_directive_send(struct td_ctl_call *call, json_t **data)
{
	struct targets targets = {0};
	struct rep_write write;
	size_t size;
	char *line = send_line(call, &size);
	int rc = line != NULL ? 0 : TR_E_NOMEM;

	(void)data;
	if (rc == 0)
		rc = td_door_read(call->ctl->door, td_ctl_node(call), (uint8_t *)line, size - 1, &write, &call->error);
	if (rc == 0)
		rc = read_targets(call, &targets);
	if (rc == 0) {
		write.has_id = false;
		write.must_exist = false;
		write.targets = targets.list;
		write.target_count = targets.count;
		call->state = (void *)(intptr_t)targets.count; /* a number: nothing to free */
		rc = td_ctl_write(call, &write, made_send);
	}
	free(targets.list);
	free(line);
	return rc;
}

/* ------------------------------------------------------- rungs of a target */

static uint8_t rung_of(const char *verb)
{
	static const struct {
		const char *verb;
		uint8_t status;
	} rungs[] = {{"ack", REP_DIR_ACKNOWLEDGED}, {"start", REP_DIR_ACCEPTED},
	    {"decline", REP_DIR_DECLINED}, {"done", REP_DIR_DONE}, {"confirm", REP_DIR_CONFIRMED},
	    {"return", REP_DIR_SENT_BACK}, {"cancel", REP_DIR_WITHDRAWN}};

	for (size_t i = 0; i < sizeof(rungs) / sizeof(rungs[0]); i++)
		if (strcmp(rungs[i].verb, verb) == 0)
			return rungs[i].status;
	return 0; /* progress: a report, no rung */
}

static const char *verb_of(const struct td_ctl_call *call)
{
	return strchr(call->command->name, ' ') + 1;
}

static struct tr_bytes note_of(const struct td_ctl_call *call)
{
	const char *note = td_ctl_arg(call, "note");

	if (note == NULL)
		return (struct tr_bytes){0};
	return (struct tr_bytes){(const uint8_t *)note, strlen(note)};
}

/* Steps back say why in `reason`; other notes are reports of progress. */
static size_t rung_values(const struct td_ctl_call *call, uint8_t rung, struct rep_value out[static 4])
{
	struct tr_bytes note = note_of(call);
	int64_t percent = td_ctl_arg_int(call, "percent", -1);
	bool reason = rung == REP_DIR_DECLINED || rung == REP_DIR_SENT_BACK ||
		      rung == REP_DIR_WITHDRAWN || rung == REP_DIR_CONFIRMED;
	size_t n = 0;

	if (rung != 0)
		out[n++] = (struct rep_value){.field = F_STATUS, .type = REP_VALUE_INT, .i = rung};
	if (note.size > 0)
		out[n++] = (struct rep_value){.field = reason ? F_REASON : F_PROGRESS,
		    .act = reason ? TR_ACT_SET : TR_ACT_ADD, .type = REP_VALUE_TEXT, .t = note};
	if (percent >= 0)
		out[n++] = (struct rep_value){.field = F_PERCENT, .act = TR_ACT_ADD,
		    .type = REP_VALUE_INT, .i = percent};
	return n;
}

static json_t *made_step(struct td_ctl_call *call, const struct rep_reply *reply)
{
	json_t *data = td_ctl_data(call);
	uint8_t rung = rung_of(verb_of(call));
	struct tr_rec_id directive;

	if (td_ctl_find_directive(call, td_ctl_arg(call, "id"), &directive) == 0)
		td_ctl_put_id(data, "id", &directive);
	td_ctl_put_id(data, "record", &reply->id);
	td_ctl_put_text(data, "rung", rung != 0 ? rep_status_name(TR_KIND_DIRECTIVE, rung) : "progress");
	return data;
}

static int check_report(struct td_ctl_call *call, uint8_t rung)
{
	int64_t percent = td_ctl_arg_int(call, "percent", 0);

	if (percent < 0 || percent > 100)
		return td_ctl_error(call, TR_E_USAGE, "percent: 0 to 100");
	if (rung == 0 && td_ctl_arg(call, "note") == NULL && json_object_get(call->args, "percent") == NULL)
		return td_ctl_error(call, TR_E_USAGE, "a report of progress needs a note or a percentage");
	if ((rung == REP_DIR_DECLINED || rung == REP_DIR_SENT_BACK) && note_of(call).size == 0) {
		td_ctl_hint(call, "say why with `note`");
		return td_ctl_error(call, TR_E_USAGE, "'%s' needs a reason", call->command->name);
	}
	return td_ctl_check_actor(call);
}

int td_ctl_directive_step(struct td_ctl_call *call, json_t **data)
{
	struct rep_write write = {.kind = TR_KIND_DIRECTIVE, .has_id = true, .must_exist = true};
	uint8_t rung = rung_of(verb_of(call));
	struct rep_value values[4];
	struct tr_rec_id directive;
	struct rep_self self;
	struct tr_nid target;
	int rc = check_report(call, rung);

	(void)data;
	rep_inspect_self(td_ctl_node(call), &self);
	target = self.cert.nid;
	if (rc == 0)
		rc = td_ctl_arg_unit(call, "unit", &target);
	if (rc == 0)
		rc = td_ctl_find_directive(call, td_ctl_arg(call, "id"), &directive);
	if (rc == 0)
		rc = td_ctl_directive_record(call, &directive, target, &write.id);
	if (rc != 0)
		return rc;
	write.values = values;
	write.value_count = rung_values(call, rung, values);
	td_ctl_actor(call, &write);
	return td_ctl_write(call, &write, made_step);
}

/* ------------------------------------------------------ steps of the issuer */

struct rounds {
	struct tr_rec_id *ids;
	size_t count, cap, next, open, done;
	uint8_t rung;
	struct tr_rec_id directive;
	int rc; /* first error */
};

static void free_rounds(struct td_ctl_call *call)
{
	struct rounds *r = call->state;

	if (r != NULL)
		free(r->ids);
	free(r);
	call->state = NULL;
}

static bool add_id(struct rounds *r, const struct tr_rec_id *id)
{
	struct tr_rec_id *ids = tr_grow(r->ids, r->count, &r->cap, sizeof(*ids));

	if (ids == NULL)
		return false;
	r->ids = ids;
	r->ids[r->count++] = *id;
	return true;
}

/* Without a unit: every target for which the machine has this step now. */
static int collect(struct td_ctl_call *call, struct rounds *r)
{
	struct tr_rec_id after, id;
	bool some = false;

	for (size_t i = 0; i < TR_TARGETS_MAX; i++) {
		if (rep_find_directive(td_ctl_view(call), &r->directive, some ? &after : NULL, &id, 1) == 0)
			break;
		after = id;
		some = true;
		if (td_ctl_load(call, TR_KIND_DIRECTIVE, &id) == 0 &&
		    rep_status_move(TR_KIND_DIRECTIVE, rep_record_status(td_ctl_record(call)), r->rung) != NULL &&
		    !add_id(r, &id))
			return TR_E_NOMEM;
	}
	if (r->count == 0)
		return td_ctl_error(call, TR_E_STEP, "no target is where '%s' could follow",
		    rep_status_name(TR_KIND_DIRECTIVE, r->rung));
	return 0;
}

static void go_on(struct td_ctl_call *call);

static void on_reply(void *arg, const struct rep_reply *reply)
{
	struct td_ctl_call *call = arg;
	struct rounds *r = call->state;
	json_t *data;

	r->open--;
	if (reply->rc == 0) {
		r->done++;
	} else if (r->rc == 0) {
		td_door_explain(td_ctl_node(call), reply, &call->error);
		r->rc = call->error.rc;
		td_text_write_uuid(&reply->id, call->error_record);
	}
	if (r->rc == 0 && r->next < r->count) {
		go_on(call);
		return;
	}
	if (r->open > 0)
		return;
	if (r->rc != 0) {
		td_ctl_answer(call, r->rc, NULL);
		return;
	}
	data = td_ctl_data(call);
	td_ctl_put_id(data, "id", &r->directive);
	td_ctl_put_int(data, "records", (int64_t)r->done);
	td_ctl_answer(call, 0, data);
}

static void go_on(struct td_ctl_call *call)
{
	struct rounds *r = call->state;
	struct rep_write write = {.kind = TR_KIND_DIRECTIVE, .has_id = true, .must_exist = true};
	struct rep_value values[4];

	write.values = values;
	write.value_count = rung_values(call, r->rung, values);
	td_ctl_actor(call, &write);
	while (r->next < r->count && r->open < IN_WORK_MAX) {
		write.id = r->ids[r->next++];
		r->open++;
		td_engine_write(call->ctl->engine, &write, on_reply, call);
	}
}

int td_ctl_directive_issuer_step(struct td_ctl_call *call, json_t **data)
{
	struct rounds *r = calloc(1, sizeof(*r));
	struct tr_rec_id id;
	struct tr_nid target = {0};
	int rc;

	(void)data;
	if (r == NULL)
		return TR_E_NOMEM;
	call->state = r;
	call->free_state = free_rounds;
	r->rung = rung_of(verb_of(call));
	rc = check_report(call, r->rung);
	if (rc == 0)
		rc = td_ctl_arg_unit(call, "unit", &target);
	if (rc == 0)
		rc = td_ctl_find_directive(call, td_ctl_arg(call, "id"), &r->directive);
	if (rc == 0 && target.v == 0) {
		rc = collect(call, r);
	} else if (rc == 0) {
		rc = td_ctl_directive_record(call, &r->directive, target, &id);
		if (rc == 0 && !add_id(r, &id))
			rc = TR_E_NOMEM;
	}
	if (rc != 0)
		return rc;
	go_on(call);
	return TD_CTL_LATER;
}
