/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/door.h"
#include "daemon/text.h"

#include <stdio.h>
#include <string.h>

#include "proto/control.h"
#include "proto/err.h"
#include "replication/status.h"

void td_door_value_hint(const struct rep_field *field, const char *name, size_t size,
    char hint[static 256])
{
	char word[TR_TITLE_MAX];
	const char *best = NULL, *other;
	size_t best_distance = SIZE_MAX, used;

	hint[0] = '\0';
	if (size >= sizeof(word))
		return;
	memcpy(word, name, size);
	word[size] = '\0';
	used = (size_t)snprintf(hint, 256, "one of");
	for (int v = 1; v <= REP_STATUS_MAX; v++) {
		size_t d;

		other = rep_schema_value_name(field, v);
		if (other == NULL)
			continue;
		if (used < 216)
			used += (size_t)snprintf(hint + used, 256 - used, "%s %s",
			    v > 1 ? "," : "", other);
		d = tr_control_distance(word, other);
		if (d < best_distance) {
			best_distance = d;
			best = other;
		}
	}
	if (best != NULL && tr_control_is_near(best_distance, size))
		snprintf(hint, 256, "did you mean '%s'?", best);
}

static const char *status_name(uint8_t kind, uint8_t status)
{
	const char *name = rep_status_name(kind, status);

	return name != NULL ? name : "nothing";
}

/* "filed, voided, duplicate": where the machine may go from here. */
static void list_moves(const struct rep_reply *reply, char *out, size_t cap)
{
	const struct rep_status_move *move;
	size_t used = 0;

	out[0] = '\0';
	for (size_t i = 0; (move = rep_status_move_at(reply->kind, i)) != NULL && used < cap; i++) {
		if (move->from != reply->status_from)
			continue;
		used += (size_t)snprintf(out + used, cap - used, "%s%s", used > 0 ? ", " : "",
		    move->to == REP_STATUS_BEFORE ? "the state before"
						  : status_name(reply->kind, move->to));
	}
}

static void explain_step(const struct rep_reply *reply, struct td_door_error *error)
{
	const char *from = status_name(reply->kind, reply->status_from);
	const char *to = status_name(reply->kind, reply->status_to);
	char moves[180];

	snprintf(error->field, sizeof(error->field), "status");
	if (reply->status_from == 0) {
		/* A step of something that is not there. */
		error->rc = TR_E_NOREC;
		snprintf(error->message, sizeof(error->message),
		    "no such record is held here, and a new one cannot begin with '%s'", to);
		return;
	}
	if (reply->why == REP_WHY_REASON && reply->status_to == REP_CASE_MOVED) {
		snprintf(error->field, sizeof(error->field), "%s", "reason");
		snprintf(error->message, sizeof(error->message), "a move to another home needs a reason");
		return;
	}
	if (reply->why == REP_WHY_REASON) {
		snprintf(error->field, sizeof(error->field), "%s", "reason");
		snprintf(error->message, sizeof(error->message),
		    "status: the step from '%s' to '%s' needs a reason%s", from, to,
		    reply->status_to == REP_CASE_SUSPENDED && reply->kind == TR_KIND_CASE
			? " and a time `until`"
			: "");
		return;
	}
	if (reply->status_to == REP_CASE_MOVED && reply->kind == TR_KIND_CASE) {
		snprintf(error->message, sizeof(error->message), "a case is moved with a unit that it goes to");
		snprintf(error->hint, sizeof(error->hint), "terracectl record transfer ID --to UNIT --reason TEXT");
		return;
	}
	if (reply->why == REP_WHY_SAME_PERSON) {
		snprintf(error->message, sizeof(error->message),
		    "status: who handled a case cannot verify it");
		snprintf(error->hint, sizeof(error->hint), "give another person with `by`");
		return;
	}
	if (reply->why == REP_WHY_TARGET) {
		snprintf(error->message, sizeof(error->message),
		    "status: '%s' is a step of the unit that the record is addressed to", to);
		return;
	}
	snprintf(error->message, sizeof(error->message),
	    "status: '%s' is not a step from '%s'", to, from);
	list_moves(reply, moves, sizeof(moves));
	if (moves[0] != '\0')
		snprintf(error->hint, sizeof(error->hint), "possible: %s", moves);
	else
		snprintf(error->hint, sizeof(error->hint), "'%s' is an end, nothing follows", from);
}

static void explain_auth(const struct rep_reply *reply, struct td_door_error *error)
{
	const struct rep_status_move *move =
	    rep_status_move(reply->kind, reply->status_from, reply->status_to);
	const char *kind = rep_schema_kind_name(reply->kind);
	const char *what = error->field[0] != '\0' ? error->field : kind != NULL ? kind : "record";
	char caps[120] = "";
	size_t used = 0;

	if (reply->why == REP_WHY_BOTH) {
		snprintf(error->message, sizeof(error->message), "%s", rep_why_name(reply->why));
		snprintf(error->hint, sizeof(error->hint),
		    "ask the unit that stands over both: the street, or the top node");
		return;
	}
	if (reply->why == REP_WHY_IMPORT) {
		snprintf(error->field, sizeof(error->field), "imported");
		snprintf(error->message, sizeof(error->message),
		    "imported: this unit may not load history, it lacks IMPORT");
	} else if (reply->status_to != 0) {
		for (uint32_t bit = 1; move != NULL && bit <= TR_CAP_REGISTRAR; bit <<= 1)
			if ((move->caps & bit) != 0 && used < sizeof(caps))
				used += (size_t)snprintf(caps + used, sizeof(caps) - used, "%s%s",
				    used > 0 ? ", " : "", rep_cap_name(bit));
		snprintf(error->message, sizeof(error->message),
		    "status: this unit may not make the step to '%s'%s%s",
		    status_name(reply->kind, reply->status_to),
		    caps[0] != '\0' ? ", it lacks " : "", caps);
	} else if (reply->why == REP_WHY_TARGET) {
		snprintf(error->message, sizeof(error->message),
		    "%s: only the unit that the record is addressed to may write that", what);
	} else {
		snprintf(error->message, sizeof(error->message),
		    "%s: this unit has no authority to write that", what);
	}
	snprintf(error->hint, sizeof(error->hint),
	    "a unit above with that right can do it; rights are given by `invite --caps`");
}

static void explain_scope(const struct rep_node *node, const struct rep_reply *reply,
    struct td_door_error *error)
{
	struct rep_unit_info unit;

	if (reply->unit.v != 0 && rep_unit_get(node, reply->unit, &unit))
		snprintf(error->message, sizeof(error->message),
		    "%s: unit %s is not on the path of this record",
		    error->field[0] != '\0' ? error->field : "home", unit.unit);
	else
		snprintf(error->message, sizeof(error->message), "%s: the unit is not on the path of this record",
		    error->field[0] != '\0' ? error->field : "home");
	snprintf(error->hint, sizeof(error->hint),
	    "a home lies in the own subtree, a responsible unit between the home and the top");
}

static void explain_input(const struct rep_reply *reply, struct td_door_error *error)
{
	if (reply->why == REP_WHY_NONE)
		return;
	if (error->field[0] != '\0')
		snprintf(error->message, sizeof(error->message), "%s: %s", error->field, rep_why_name(reply->why));
	else
		snprintf(error->message, sizeof(error->message), "%s (%s)", tr_err_message(reply->rc),
		    rep_why_name(reply->why));
	if (reply->why == REP_WHY_FIXED)
		snprintf(error->hint, sizeof(error->hint), "this field is set once, when the record is created");
}

static const char *unit_name(const struct rep_node *node, struct tr_nid nid, struct rep_unit_info *unit)
{
	return rep_unit_get(node, nid, unit) && unit->unit[0] != '\0' ? unit->unit : "?";
}

/* It went elsewhere: under which id, and where. */
static void explain_elsewhere(const struct rep_reply *reply, struct td_door_error *error)
{
	char id[TD_UUID_SIZE];

	td_text_write_uuid(&reply->moved_to, id);
	snprintf(error->message, sizeof(error->message), "the case has gone to %s, as record %s",
	    reply->moved_path[0] != '\0' ? reply->moved_path : "another home", id);
	snprintf(error->hint, sizeof(error->hint), "write to record %s; the old one only tells its history", id);
}

static void explain_move(const struct rep_node *node, const struct rep_reply *reply, struct td_door_error *error)
{
	struct rep_unit_info unit;

	switch (reply->rc) {
	case TR_E_ELSEWHERE: explain_elsewhere(reply, error); break;
	case TR_E_HOME:
		snprintf(error->message, sizeof(error->message), "%s is its home already",
		    unit_name(node, reply->unit, &unit));
		break;
	case TR_E_ENDED:
		snprintf(error->hint, sizeof(error->hint), "reopen the case first, if its work goes on");
		break;
	case TR_E_SUCCEEDED:
		if (reply->moved_path[0] != '\0')
			snprintf(error->message, sizeof(error->message),
			    "the unit is closed; its work goes on in %s", reply->moved_path);
		break;
	case TR_E_GAP:
		snprintf(error->message, sizeof(error->message), "the copy that another unit made has not arrived yet");
		snprintf(error->hint, sizeof(error->hint), "decide when it is here (`terracectl wait idle`)");
		break;
	default: break;
	}
}

void td_door_explain(const struct rep_node *node, const struct rep_reply *reply,
    struct td_door_error *error)
{
	const struct rep_field *field =
	    reply->field != 0 ? rep_schema_field(reply->kind, reply->field) : NULL;

	memset(error, 0, sizeof(*error));
	error->rc = reply->rc;
	if (field != NULL)
		snprintf(error->field, sizeof(error->field), "%s", field->name);
	snprintf(error->message, sizeof(error->message), "%s", tr_err_message(reply->rc));
	switch (reply->rc) {
	case TR_E_STEP: explain_step(reply, error); break;
	case TR_E_AUTH: explain_auth(reply, error); break;
	case TR_E_SCOPE: explain_scope(node, reply, error); break;
	case TR_E_VERSION:
		snprintf(error->message, sizeof(error->message),
		    "the record changed since you opened it; it has version %u now", reply->version);
		snprintf(error->hint, sizeof(error->hint), "read it again and decide anew");
		break;
	case TR_E_ELSEWHERE:
	case TR_E_HOME:
	case TR_E_ENDED:
	case TR_E_SUCCEEDED:
	case TR_E_GAP: explain_move(node, reply, error); break;
	case TR_E_UNAPPROVED:
		snprintf(error->hint, sizeof(error->hint), "ask the top node for it: terracectl unit approve UNIT");
		break;
	case TR_E_FENCED:
		snprintf(error->hint, sizeof(error->hint), "write on the unit's new machine (`terracectl key show`)");
		break;
	case TR_E_FULL:
		snprintf(error->hint, sizeof(error->hint),
		    "nothing was taken; raise store.max_size or free the disk (`terracectl store stat`)");
		break;
	case TR_E_BUSY:
		snprintf(error->hint, sizeof(error->hint), "nothing was taken; send the line again");
		break;
	default: explain_input(reply, error); break;
	}
}
