/* SPDX-License-Identifier: Apache-2.0 */
/* ctl_key -- keys of units: show, approve, revoke, let in what was set aside. */
#include "daemon/ctl_int.h"

#include "daemon/door.h"

/* ------------------------------------------------------------------- show */

static const char *state_of(const struct rep_unit_info *unit)
{
	if (!unit->joined)
		return "none";
	if (unit->revoked)
		return "revoked";
	if (unit->waiting_serial != 0)
		return "waits";
	return unit->registered ? "registered" : "provisional";
}

static json_t *key_json(const struct rep_unit_info *unit)
{
	json_t *o = json_object();

	td_ctl_put_text(o, "unit", unit->unit);
	td_ctl_put_text(o, "title", unit->title);
	td_ctl_put_text(o, "state", state_of(unit));
	td_ctl_put_int(o, "serial", unit->serial);
	td_ctl_put(o, "waiting_serial", unit->waiting_serial != 0 ? json_integer(unit->waiting_serial) : json_null());
	td_ctl_put_int(o, "set_aside", (int64_t)unit->aside_ops);
	return o;
}

static const char *reason_of(uint8_t reason)
{
	switch (reason) {
	case REP_CUT_REJOIN: return "rejoin";
	case REP_CUT_REVOKED: return "revoked";
	case REP_CUT_ACCEPTED: return "accepted";
	default: return "other";
	}
}

/* One line for each that was written: the others say the same of the scopes below. */
static json_t *cuts_json(struct td_ctl_call *call, struct tr_nid only)
{
	json_t *list = json_array();
	struct rep_cut_info cut;

	for (size_t i = 0; rep_inspect_cut(td_ctl_node(call), i, &cut); i++) {
		json_t *o;

		if (cut.scope.v != cut.unit.v || (only.v != 0 && cut.unit.v != only.v))
			continue;
		o = json_object();
		td_ctl_put_unit(call, o, "unit", cut.unit);
		td_ctl_put_int(o, "serial", cut.serial);
		td_ctl_put_unit(call, o, "by", cut.by);
		td_ctl_put_time(o, "time", td_ctl_hlc_ms(cut.hlc));
		td_ctl_put_text(o, "reason", reason_of(cut.reason));
		td_ctl_put_bool(o, "counts", cut.counts);
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *evidence_json(struct td_ctl_call *call)
{
	json_t *list = json_array();
	struct rep_evidence_info e;

	for (size_t i = 0; rep_inspect_evidence(td_ctl_node(call), td_ctl_view(call), i, &e); i++) {
		json_t *o = json_object();

		td_ctl_put_unit(call, o, "unit", e.unit);
		td_ctl_put_int(o, "serial", e.serial);
		td_ctl_put_unit(call, o, "signer", e.signer);
		json_array_append_new(list, o);
	}
	return list;
}

int td_ctl_key_show(struct td_ctl_call *call, json_t **out)
{
	json_t *data, *list;
	struct rep_unit_info unit;
	struct rep_self self;
	struct tr_nid only = {0};
	int rc = td_ctl_arg(call, "unit") != NULL ? td_ctl_arg_unit(call, "unit", &only) : 0;

	if (rc != 0)
		return rc;
	rep_inspect_self(td_ctl_node(call), &self);
	data = td_ctl_data(call);
	list = json_array();
	for (size_t i = 0; rep_inspect_unit(td_ctl_node(call), i, &unit); i++)
		if (only.v == 0 || unit.nid.v == only.v)
			json_array_append_new(list, key_json(&unit));
	td_ctl_put_int(data, "own_serial", self.cert.serial);
	td_ctl_put_text(data, "own_state", self.is_fenced ? "replaced" : self.is_revoked ? "revoked"
	    : self.cert.registered ? "registered" : self.cert.serial > 1 ? "waits" : "provisional");
	td_ctl_put(data, "keys", list);
	td_ctl_put(data, "cuts", cuts_json(call, only));
	td_ctl_put(data, "evidence", evidence_json(call));
	*out = data;
	return 0;
}

/* -------------------------------------------------------------------- acts */

static void explain(struct td_ctl_call *call, const struct rep_reply *reply)
{
	td_door_explain(td_ctl_node(call), reply, &call->error);
	if (reply->rc == TR_E_AUTH)
		td_ctl_error(call, TR_E_AUTH, "only a unit above it does that, a new key is approved at the top node");
	else if (reply->rc == TR_E_NOTFOUND)
		td_ctl_error(call, TR_E_NOTFOUND, "there is nothing of that unit to be approved or let in");
	else if (reply->rc == TR_E_EXISTS)
		td_ctl_error(call, TR_E_EXISTS, "the key of that unit is revoked already");
}

static void on_done(void *arg, const struct rep_reply *reply)
{
	struct td_ctl_call *call = arg;
	struct rep_unit_info unit;
	json_t *data;

	if (reply->rc != 0) {
		explain(call, reply);
		td_ctl_answer(call, reply->rc, NULL);
		return;
	}
	data = td_ctl_data(call);
	if (rep_unit_get(td_ctl_node(call), reply->unit, &unit)) {
		td_ctl_put_text(data, "unit", unit.unit);
		td_ctl_put_int(data, "serial", unit.serial);
		td_ctl_put_int(data, "set_aside", (int64_t)unit.aside_ops);
	}
	td_ctl_answer(call, 0, data);
}

static int act(struct td_ctl_call *call, struct rep_key_act *act)
{
	int rc = td_ctl_arg_unit(call, "unit", &act->unit);

	if (rc != 0)
		return rc;
	td_engine_key(call->ctl->engine, act, on_done, call);
	return TD_CTL_LATER;
}

int td_ctl_unit_approve(struct td_ctl_call *call, json_t **data)
{
	struct rep_key_act key = {.what = REP_KEY_APPROVE};

	(void)data;
	return act(call, &key);
}

int td_ctl_key_revoke(struct td_ctl_call *call, json_t **data)
{
	struct rep_key_act key = {.what = REP_KEY_REVOKE};
	int rc = td_ctl_arg(call, "since") != NULL ? td_ctl_arg_time(call, "since", &key.from_ms) : 0;

	(void)data;
	return rc != 0 ? rc : act(call, &key);
}

int td_ctl_key_accept(struct td_ctl_call *call, json_t **data)
{
	struct rep_key_act key = {.what = REP_KEY_ACCEPT};

	(void)data;
	return act(call, &key);
}
