/* SPDX-License-Identifier: Apache-2.0 */
/* ctl_move -- a unit is closed and its open work goes to its successor. */
#include "daemon/ctl_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/sys.h"
#include "replication/status.h"

struct count {
	struct tr_nid from, to;
	uint8_t kind;
	bool some;
	struct tr_rec_id at;
	json_int_t cases, directives, staff;
};

static void free_count(struct td_ctl_call *call)
{
	free(call->state);
	call->state = NULL;
}

static json_t *answer(struct td_ctl_call *call, struct tr_nid from, struct tr_nid to)
{
	json_t *data = td_ctl_data(call);

	td_ctl_put_unit(call, data, "unit", from);
	td_ctl_put_unit(call, data, "successor", to);
	return data;
}

static void count_one(struct count *c, const struct rep_record *rec)
{
	bool open = rep_status_is_open(rec->kind, rep_record_status(rec));

	if (rec->scope.v != c->from.v)
		return;
	c->cases += rec->kind == TR_KIND_CASE && open;
	c->directives += rec->kind == TR_KIND_DIRECTIVE && open;
	c->staff += rec->kind == TR_KIND_STAFF;
}

static int count_pump(struct td_ctl_call *call, json_t **out)
{
	uint64_t until_us = td_sys_mono_us() + TD_CTL_SLICE_US;
	struct count *c = call->state;

	while (td_sys_mono_us() < until_us) {
		int rc = rep_next_record(td_ctl_view(call), c->kind, c->some ? &c->at : NULL, &c->at);

		if (rc == 0)
			rc = td_ctl_load(call, c->kind, &c->at);
		if (rc == 0) {
			c->some = true;
			count_one(c, td_ctl_record(call));
		} else if (rc != TR_E_NOTFOUND) {
			return rc;
		} else if (c->kind < TR_KIND_DIRECTIVE) {
			c->kind++;
			c->some = false;
		} else {
			*out = answer(call, c->from, c->to);
			td_ctl_put_bool(*out, "dry_run", true);
			td_ctl_put_int(*out, "cases", c->cases);
			td_ctl_put_int(*out, "directives", c->directives);
			td_ctl_put_int(*out, "staff", c->staff);
			return 0;
		}
	}
	return TD_CTL_LATER;
}

static int dry_run(struct td_ctl_call *call, struct tr_nid from, struct tr_nid to)
{
	struct count *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return TR_E_NOMEM;
	*c = (struct count){.from = from, .to = to, .kind = TR_KIND_CASE};
	call->state = c;
	call->free_state = free_count;
	call->pump = count_pump;
	return TD_CTL_LATER;
}

/* A street: its unit of the same code; else the successor itself. */
static int find_successor(struct td_ctl_call *call, struct tr_nid from, struct tr_nid *to)
{
	struct rep_unit_info old, unit;
	char path[2 * TR_UNIT_PATH_MAX + 2];
	const char *code;

	if (!rep_unit_get(td_ctl_node(call), from, &old) || !rep_unit_get(td_ctl_node(call), *to, &unit))
		return TR_E_NOUNIT;
	if (unit.level >= old.level)
		return 0;
	code = strrchr(old.unit, '/');
	snprintf(path, sizeof(path), "%s/%s", unit.unit, code != NULL ? code + 1 : old.unit);
	if (strlen(path) <= TR_UNIT_PATH_MAX && rep_find_unit(td_ctl_node(call), path, to) == 0)
		return 0;
	td_ctl_hint(call, "invite it at %s first: terracectl invite %s", unit.unit, code != NULL ? code + 1 : old.unit);
	return td_ctl_error(call, TR_E_NOUNIT, "no unit %s is known here", path);
}

static json_t *made_move(struct td_ctl_call *call, const struct rep_reply *reply)
{
	struct tr_nid from = {0};
	json_t *data;

	if (td_ctl_arg_unit(call, "unit", &from) != 0)
		from.v = 0;
	data = answer(call, from, reply->unit);
	td_ctl_put_bool(data, "started", true);
	td_ctl_put_bool(data, "again", reply->unchanged);
	return data;
}

int td_ctl_unit_move(struct td_ctl_call *call, json_t **data)
{
	const char *reason = td_ctl_arg(call, "reason");
	struct rep_value value = {.field = 8, .type = REP_VALUE_TEXT};
	struct rep_write write = {.kind = TR_KIND_UNIT, .values = &value, .value_count = 1};
	int rc = td_ctl_arg_unit(call, "unit", &write.home);

	(void)data;
	if (rc == 0)
		rc = td_ctl_arg_unit(call, "to", &write.move_to);
	if (rc == 0)
		rc = find_successor(call, write.home, &write.move_to);
	if (rc == 0)
		rc = td_ctl_check_actor(call);
	if (rc != 0)
		return rc;
	if (td_ctl_arg_bool(call, "dry_run"))
		return dry_run(call, write.home, write.move_to);
	if (reason == NULL || reason[0] == '\0' || strlen(reason) > 2000)
		return td_ctl_error(call, TR_E_USAGE, "a move needs a reason of 1 to 2000 bytes");
	value.t = (struct tr_bytes){(const uint8_t *)reason, strlen(reason)};
	td_ctl_actor(call, &write);
	return td_ctl_write(call, &write, made_move);
}
