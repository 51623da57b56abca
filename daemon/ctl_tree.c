/* SPDX-License-Identifier: Apache-2.0 */
/* ctl_tree -- the units: tree, unit list, unit rename, invite. */
#include "daemon/ctl_look.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "daemon/sys.h"
#include "daemon/token.h"

/* ------------------------------------------------------------------- tree */

static bool link_of(const struct td_ctl_call *call, struct tr_nid nid, struct rep_link_info *out)
{
	for (size_t i = 0; rep_inspect_link(td_ctl_node(call), td_ctl_view(call), i, out); i++)
		if (out->peer.v == nid.v)
			return true;
	return false;
}

static const char *code_of(const char *unit)
{
	const char *slash = strrchr(unit, '/');

	return slash != NULL ? slash + 1 : unit;
}

static const char *peer_state_word(enum tr_peer_state state)
{
	switch (state) {
	case TR_PEER_NEVER: return "never";
	case TR_PEER_DOWN: return "down";
	case TR_PEER_UP: return "up";
	case TR_PEER_REFUSED: return "refused";
	}
	return "unknown";
}

static void put_numbers(json_t *o, uint64_t waiting, uint64_t bytes, int64_t oldest_s, int64_t last_seen_ms)
{
	td_ctl_put_int(o, "waiting_records", (int64_t)waiting);
	td_ctl_put_int(o, "waiting_bytes", (int64_t)bytes);
	td_ctl_put_int(o, "oldest_age_seconds", waiting > 0 ? oldest_s : 0);
	td_ctl_put_time(o, "last_seen", last_seen_ms);
}

/* The neighbour that a unit's report comes through; false if that is not known. */
static bool way_to(const struct td_ctl_call *call, const struct rep_unit_info *unit, struct rep_link_info *link,
    struct rep_unit_info *neighbour)
{
	struct tr_nid parent = unit->parent;

	for (int level = 0; level < TR_LEVEL_MAX && rep_unit_get(td_ctl_node(call), parent, neighbour); level++) {
		if (link_of(call, parent, link))
			return true;
		parent = neighbour->parent;
	}
	return false;
}

/* What the units between say of it.  The report of one that is away is old news. */
static void put_report(const struct td_ctl_call *call, json_t *o, const struct rep_unit_info *unit)
{
	int64_t oldest_s = (int64_t)unit->oldest_s, old_ms = td_sys_wall().ms - unit->summary_ms;
	struct rep_unit_info neighbour;
	struct rep_link_info link;
	bool is_cut = unit->has_summary && way_to(call, unit, &link, &neighbour) &&
		      link.state != REP_LINK_LIVE && link.state != REP_LINK_COMPARE;

	/* What waited then has grown older since. */
	if (unit->waiting > 0 && old_ms > 0)
		oldest_s += old_ms / 1000;
	td_ctl_put_text(o, "state",
	    is_cut              ? "unknown"
	    : unit->has_summary ? peer_state_word(unit->state)
	    : unit->in_subtree && !unit->joined ? "never" : "unknown");
	put_numbers(o, unit->waiting, unit->waiting_bytes, oldest_s, unit->last_seen_ms);
	td_ctl_put_text(o, "version", unit->version);
	td_ctl_put(o, "note", is_cut ? json_sprintf("behind '%s', no news", neighbour.unit) : json_string(""));
}

/* From the own link if the unit is a neighbour, else from its parent's report. */
static void put_state(const struct td_ctl_call *call, json_t *o, const struct rep_unit_info *unit)
{
	struct rep_link_info link;
	const char *word;

	if (unit->is_self) {
		td_ctl_put_text(o, "state", "self");
		put_numbers(o, 0, 0, 0, td_sys_wall().ms);
		td_ctl_put_text(o, "version", TERRACE_VERSION);
		td_ctl_put_text(o, "note", "");
		return;
	}
	if (link_of(call, unit->nid, &link)) {
		word = td_ctl_link_word(link.state);
		td_ctl_put_text(o, "state", strcmp(word, "paused") == 0 ? "down" : word);
		put_numbers(o, link.waiting_ops, link.waiting_bytes,
		    link.oldest_ms != 0 ? td_ctl_age_s(link.oldest_ms) : 0, link.last_seen_ms);
		td_ctl_put_text(o, "version", link.version);
		td_ctl_put_text(o, "note", strcmp(word, "paused") == 0 ? "paused" : link.last_error);
		return;
	}
	put_report(call, o, unit);
}

static json_t *unit_json(const struct td_ctl_call *call, const struct rep_unit_info *unit)
{
	json_t *o = json_object();

	td_ctl_put_text(o, "unit", unit->unit);
	td_ctl_put_text(o, "code", code_of(unit->unit));
	td_ctl_put_text(o, "title", unit->title);
	td_ctl_put_int(o, "level", unit->level);
	td_ctl_put_nid(o, "nid", unit->nid);
	td_ctl_put_unit(call, o, "parent", unit->parent);
	put_state(call, o, unit);
	if (unit->closed) {
		td_ctl_put_bool(o, "closed", true);
		td_ctl_put_text(o, "successor", unit->successor_path);
	}
	td_ctl_put_int(o, "policy", unit->policy);
	td_ctl_put_bool(o, "policy_behind", unit->in_subtree && unit->joined &&
	    unit->policy < rep_policy_of(td_ctl_node(call))->version);
	td_ctl_put_bool(o, "joined", unit->joined);
	td_ctl_put_bool(o, "registered", unit->registered);
	td_ctl_put(o, "own_records", unit->has_head ? json_integer((json_int_t)unit->head_own_ops) : json_null());
	td_ctl_put_int(o, "held_here", (int64_t)unit->here_ops);
	td_ctl_put(o, "unsent", unit->has_head ? json_integer((json_int_t)unit->head_unsent) : json_null());
	td_ctl_put_time(o, "head_at", unit->has_head ? td_ctl_hlc_ms(unit->head_hlc) : 0);
	return o;
}

int td_ctl_tree(struct td_ctl_call *call, json_t **out)
{
	struct rep_unit_info unit;
	json_t *data = td_ctl_data(call), *list = json_array();

	for (size_t i = 0; rep_inspect_unit(td_ctl_node(call), i, &unit); i++)
		json_array_append_new(list, unit_json(call, &unit));
	td_ctl_put_text(data, "node", td_engine_conf(call->ctl->engine)->name);
	td_ctl_put(data, "units", list);
	*out = data;
	return 0;
}

static json_t *caps_json(uint32_t caps)
{
	json_t *list = json_array();

	for (uint32_t bit = 1; bit <= TR_CAP_REGISTRAR; bit <<= 1)
		if ((caps & bit) != 0)
			json_array_append_new(list, json_string(rep_cap_name(bit)));
	return list;
}

int td_ctl_unit_list(struct td_ctl_call *call, json_t **out)
{
	struct rep_unit_info unit;
	json_t *data = td_ctl_data(call), *list = json_array();

	for (size_t i = 0; rep_inspect_unit(td_ctl_node(call), i, &unit); i++) {
		json_t *o = json_object();

		td_ctl_put_text(o, "unit", unit.unit);
		td_ctl_put_text(o, "title", unit.title);
		td_ctl_put_nid(o, "nid", unit.nid);
		td_ctl_put_int(o, "level", unit.level);
		td_ctl_put_bool(o, "joined", unit.joined);
		td_ctl_put_bool(o, "registered", unit.registered);
		td_ctl_put(o, "caps", caps_json(unit.caps));
		td_ctl_put_int(o, "serial", unit.serial);
		if (unit.closed) {
			td_ctl_put_bool(o, "closed", true);
			td_ctl_put_text(o, "successor", unit.successor_path);
		}
		json_array_append_new(list, o);
	}
	td_ctl_put(data, "units", list);
	*out = data;
	return 0;
}

/* ----------------------------------------------------------------- rename */

static json_t *made_rename(struct td_ctl_call *call, const struct rep_reply *reply)
{
	json_t *data = td_ctl_data(call);
	struct tr_nid nid = {0};

	(void)reply;
	if (td_ctl_arg_unit(call, "unit", &nid) == 0)
		td_ctl_put_unit(call, data, "unit", nid);
	td_ctl_put_text(data, "title", td_ctl_arg(call, "title"));
	return data;
}

/* A unit's record is the one whose `nid` field is the unit's. */
static int find_unit_record(struct td_ctl_call *call, struct tr_nid nid, struct tr_rec_id *out)
{
	const struct rep_field *field = rep_schema_by_name(TR_KIND_UNIT, "nid", 3);
	const struct rep_value *v;
	struct tr_rec_id id;
	bool some = false;
	int rc;

	for (size_t i = 0; i < TR_UNITS_MAX; i++) {
		rc = rep_next_record(td_ctl_view(call), TR_KIND_UNIT, some ? &id : NULL, &id);
		if (rc == 0)
			rc = td_ctl_load(call, TR_KIND_UNIT, &id);
		if (rc != 0)
			break;
		some = true;
		v = rep_record_value(td_ctl_record(call), field->id);
		if (v != NULL && (uint64_t)v->i == nid.v) {
			*out = id;
			return 0;
		}
	}
	td_ctl_hint(call, "the top node's title is in its configuration (node.title)");
	return td_ctl_error(call, TR_E_NOUNIT, "no declaration of that unit is held here");
}

int td_ctl_unit_rename(struct td_ctl_call *call, json_t **data)
{
	const char *title = td_ctl_arg(call, "title");
	struct rep_value value = {.type = REP_VALUE_TEXT};
	struct rep_write write = {.kind = TR_KIND_UNIT, .has_id = true, .must_exist = true};
	struct tr_nid nid = {0};
	int rc = td_ctl_arg_unit(call, "unit", &nid);

	(void)data;
	if (rc == 0 && (title[0] == '\0' || strlen(title) > TR_TITLE_MAX))
		rc = td_ctl_error(call, TR_E_SIZE, "a title has 1 to %d bytes", TR_TITLE_MAX);
	if (rc == 0)
		rc = find_unit_record(call, nid, &write.id);
	if (rc != 0)
		return rc;
	value.field = rep_schema_by_name(TR_KIND_UNIT, "title", 5)->id;
	value.t = (struct tr_bytes){(const uint8_t *)title, strlen(title)};
	write.values = &value;
	write.value_count = 1;
	return td_ctl_write(call, &write, made_rename);
}

/* ----------------------------------------------------------------- invite */

/* Kept until the commit: the secret is shown once and wiped. */
struct invite {
	struct td_token token;
	int64_t expires_ms;
	char unit[TR_UNIT_PATH_MAX + 1];
};

static void free_invite(struct td_ctl_call *call)
{
	if (call->state != NULL)
		sodium_memzero(call->state, sizeof(struct invite));
	free(call->state);
	call->state = NULL;
}

static void on_invited(void *arg, const struct rep_reply *reply)
{
	struct td_ctl_call *call = arg;
	const struct invite *invite = call->state;
	char text[TD_TOKEN_TEXT_MAX], root[65];
	json_t *data;
	int rc = reply->rc;

	if (rc != 0) {
		td_door_explain(td_ctl_node(call), reply, &call->error);
		if (rc == TR_E_EXISTS) {
			td_ctl_hint(call, "is its machine lost, shall another take its place? invite --rejoin");
			td_ctl_error(call, rc, "unit %s is there already and has joined", invite->unit);
		}
		if (rc == TR_E_NOUNIT)
			td_ctl_error(call, rc, "unit %s has not joined yet: invite it without --rejoin", invite->unit);
		td_ctl_answer(call, rc, NULL);
		return;
	}
	rc = td_token_encode(&invite->token, text);
	if (rc != 0) {
		td_ctl_answer(call, rc, NULL);
		return;
	}
	data = td_ctl_data(call);
	td_ctl_put_text(data, "token", text);
	td_ctl_put_text(data, "unit", invite->unit);
	td_ctl_put_nid(data, "nid", reply->unit);
	td_ctl_put_time(data, "expires", invite->expires_ms);
	td_text_write_hex(invite->token.root_hash.b, sizeof(invite->token.root_hash.b), root);
	td_ctl_put_text(data, "root", root);
	sodium_memzero(text, sizeof(text));
	td_ctl_answer(call, 0, data);
}

/* "unit" must be the own path and one code more, or that code alone. */
static int read_code(struct td_ctl_call *call, const struct rep_self *self, struct invite *invite,
    struct rep_invite *ask)
{
	const char *unit = td_ctl_arg(call, "unit"), *code = code_of(unit);
	size_t above = (size_t)(code - unit);

	if (code[0] == '\0' || strlen(code) > TR_UNIT_CODE_MAX ||
	    strspn(code, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_.") != strlen(code))
		return td_ctl_error(call, TR_E_INPUT,
		    "'%.64s' is no unit code: 1 to %d letters, digits, '-', '_', '.'", code, TR_UNIT_CODE_MAX);
	if (above > 0 && (above - 1 != strlen(self->cert.unit) ||
			     memcmp(unit, self->cert.unit, above - 1) != 0)) {
		td_ctl_hint(call, "a unit is invited by its own parent: ask the node of %.*s",
		    (int)(above - 1 < 100 ? above - 1 : 100), unit);
		return td_ctl_error(call, TR_E_SCOPE, "%.100s does not lie directly below %s", unit, self->cert.unit);
	}
	if (snprintf(invite->unit, sizeof(invite->unit), "%s/%s", self->cert.unit, code) >
	    TR_UNIT_PATH_MAX)
		return td_ctl_error(call, TR_E_SIZE, "the path would be longer than %d bytes", TR_UNIT_PATH_MAX);
	snprintf(ask->code, sizeof(ask->code), "%s", code);
	return 0;
}

/* One of "+NAME", "-NAME", "NAME" (= +), several with commas between. */
static int read_cap(struct td_ctl_call *call, const char *text, uint32_t *caps)
{
	while (*text != '\0') {
		bool remove = *text == '-';
		size_t size;
		uint32_t bit;

		text += *text == '-' || *text == '+';
		size = strcspn(text, ", ");
		bit = rep_cap_by_name(text, size);
		if (bit == 0) {
			td_ctl_hint(call, "INTAKE HANDLE COMMAND SUPERVISE DIRECT ROSTER IMPORT REVEAL ERASE");
			return td_ctl_error(call, TR_E_INPUT, "unknown right '%.*s'", (int)(size < 32 ? size : 32), text);
		}
		*caps = remove ? *caps & ~bit : *caps | bit;
		text += size;
		text += strspn(text, ", ");
	}
	return 0;
}

static int read_caps(struct td_ctl_call *call, const struct rep_self *self, uint32_t *out)
{
	const json_t *caps = json_object_get(call->args, "caps");
	uint32_t v = rep_caps_default(self->cert.level + 1u) & self->cert.caps;
	int rc = 0;

	if (caps == NULL)
		return 0; /* 0 = the level's default */
	if (json_is_string(caps))
		rc = read_cap(call, json_string_value(caps), &v);
	for (size_t i = 0; rc == 0 && i < json_array_size(caps); i++)
		rc = read_cap(call, json_string_value(json_array_get(caps, i)), &v);
	if (rc == 0 && (v & ~self->cert.caps) != 0)
		return td_ctl_error(call, TR_E_AUTH, "this unit cannot give rights that it does not have");
	if (rc == 0)
		*out = v;
	return rc;
}

static int read_address(struct td_ctl_call *call, struct invite *invite)
{
	const char *address = td_ctl_arg(call, "address");

	if (address == NULL)
		address = td_engine_listen_address(call->ctl->engine);
	/* Just started: the carrier has not bound the port yet. */
	if (address[0] == '\0' && td_engine_conf(call->ctl->engine)->listen != NULL)
		address = td_engine_conf(call->ctl->engine)->listen;
	if (address[0] == '\0' && td_engine_conf(call->ctl->engine)->listen != NULL)
		return td_ctl_error(call, TR_E_BUSY, "children cannot connect yet");
	if (address[0] == '\0') {
		td_ctl_hint(call, "set `listen:` in the configuration and start again");
		return td_ctl_error(call, TR_E_CONF, "this node does not listen, nobody could join");
	}
	if (strlen(address) >= sizeof(invite->token.address))
		return td_ctl_error(call, TR_E_SIZE, "the address is too long");
	memcpy(invite->token.address, address, strlen(address) + 1);
	return 0;
}

static int read_invite(struct td_ctl_call *call, struct invite *invite, struct rep_invite *ask)
{
	const char *title = td_ctl_arg(call, "title");
	int64_t seconds = td_ctl_arg_int(call, "expires_seconds", TR_TOKEN_HOURS * 3600);
	char probe[TD_TOKEN_TEXT_MAX];
	struct rep_self self;
	int rc;

	rep_inspect_self(td_ctl_node(call), &self);
	rc = read_code(call, &self, invite, ask);
	if (rc == 0)
		rc = read_caps(call, &self, &ask->caps);
	if (rc == 0)
		rc = read_address(call, invite);
	if (rc != 0)
		return rc;
	ask->again = td_ctl_arg_bool(call, "rejoin");
	if (title != NULL && strlen(title) > TR_TITLE_MAX)
		return td_ctl_error(call, TR_E_SIZE, "a title has at most %d bytes", TR_TITLE_MAX);
	if (seconds < 60 || seconds > 30 * 86400)
		return td_ctl_error(call, TR_E_INPUT, "expires_seconds: 60 to %d", 30 * 86400);
	snprintf(ask->title, sizeof(ask->title), "%s", title != NULL ? title : "");
	invite->expires_ms = ask->expires_ms = td_sys_wall().ms + seconds * 1000;
	invite->token.parent_pk = self.cert.curve_pk;
	invite->token.root_hash = self.root_hash;
	td_sys_random(invite->token.id, sizeof(invite->token.id));
	td_sys_random(invite->token.secret, sizeof(invite->token.secret));
	memcpy(ask->token_id, invite->token.id, sizeof(ask->token_id));
	memcpy(ask->secret, invite->token.secret, sizeof(ask->secret));
	/* An address that no token can carry is found before anything is kept. */
	rc = td_token_encode(&invite->token, probe);
	sodium_memzero(probe, sizeof(probe));
	if (rc != 0)
		return td_ctl_error(call, rc, "'%s' is no address that a child could dial (tcp://HOST:PORT)",
		    invite->token.address);
	return 0;
}

int td_ctl_invite(struct td_ctl_call *call, json_t **data)
{
	struct rep_invite ask = {0};
	struct invite *invite = calloc(1, sizeof(*invite));
	int rc;

	(void)data;
	if (invite == NULL)
		return TR_E_NOMEM;
	call->state = invite;
	call->free_state = free_invite;
	rc = read_invite(call, invite, &ask);
	if (rc == 0) {
		td_engine_invite(call->ctl->engine, &ask, on_invited, call);
		rc = TD_CTL_LATER;
	}
	sodium_memzero(&ask, sizeof(ask));
	return rc;
}
