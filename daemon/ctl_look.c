/* SPDX-License-Identifier: Apache-2.0 */
/* ctl_look -- is it running, and is it caught up: status, health, version. */
#include "daemon/ctl_look.h"

#include <gnu/libc-version.h>
#include <stdio.h>
#include <string.h>

#include "daemon/ctl_past.h"
#include "daemon/ctl_roll.h"
#include "daemon/sys.h"
#include "daemon/version.h"

const char *td_ctl_link_word(enum rep_link_state state)
{
	switch (state) {
	case REP_LINK_LIVE:
	case REP_LINK_COMPARE: return "up";
	case REP_LINK_REFUSED: return "refused";
	case REP_LINK_FENCED: return "fenced";
	case REP_LINK_PAUSED: return "paused";
	case REP_LINK_NEVER: return "never";
	case REP_LINK_OFF:
	case REP_LINK_DIAL:
	case REP_LINK_HELLO_SENT:
	case REP_LINK_ENROLLING: return "down";
	}
	return "unknown";
}

static json_t *seconds_or_null(uint64_t ms)
{
	return ms > 0 ? json_real((double)ms / 1000) : json_null();
}

json_t *td_ctl_delay(const struct rep_link_info *link)
{
	json_t *delay = json_object();

	td_ctl_put(delay, "p50", seconds_or_null(link->delay_p50_ms));
	td_ctl_put(delay, "p95", seconds_or_null(link->delay_p95_ms));
	return delay;
}

const char *td_ctl_role(const struct td_ctl_call *call)
{
	struct rep_self self;

	rep_inspect_self(td_ctl_node(call), &self);
	if (self.is_top)
		return "hub";
	return td_engine_conf(call->ctl->engine)->listen != NULL ? "relay" : "leaf";
}

/* What the first line of `status` is made of. */
struct links {
	struct rep_link_info up;
	bool has_up;
	int total, live, down, never, refused;
	uint64_t waiting, waiting_bytes;
	int64_t oldest_ms;
	struct tr_nid worst;
};

static void look_at_links(const struct td_ctl_call *call, struct links *out)
{
	struct rep_link_info link;

	memset(out, 0, sizeof(*out));
	for (size_t i = 0; rep_inspect_link(td_ctl_node(call), td_ctl_view(call), i, &link); i++) {
		const char *word = td_ctl_link_word(link.state);

		if (link.is_parent) {
			out->up = link;
			out->has_up = true;
			continue;
		}
		out->total++;
		out->live += strcmp(word, "up") == 0;
		out->never += strcmp(word, "never") == 0;
		out->refused += strcmp(word, "refused") == 0;
		out->down += strcmp(word, "down") == 0 || strcmp(word, "paused") == 0;
		out->waiting += link.waiting_ops;
		out->waiting_bytes += link.waiting_bytes;
		if (link.oldest_ms != 0 && (out->oldest_ms == 0 || link.oldest_ms < out->oldest_ms)) {
			out->oldest_ms = link.oldest_ms;
			out->worst = link.peer;
		}
	}
}

static void put_upstream(const struct td_ctl_call *call, json_t *data, const struct links *links)
{
	const struct rep_link_info *up = &links->up;
	json_t *o = json_object();

	if (!links->has_up) {
		json_decref(o);
		td_ctl_put(data, "upstream", json_null());
		return;
	}
	td_ctl_put_unit(call, o, "unit", up->peer);
	td_ctl_put_text(o, "state", td_ctl_link_word(up->state));
	td_ctl_put_int(o, "waiting_records", (int64_t)up->waiting_ops);
	td_ctl_put_int(o, "waiting_bytes", (int64_t)up->waiting_bytes);
	td_ctl_put_age(o, "oldest_age_seconds", up->oldest_ms);
	td_ctl_put_time(o, "last_seen", up->last_seen_ms);
	td_ctl_put(o, "delay_seconds", td_ctl_delay(up));
	td_ctl_put_text(o, "error", up->last_error);
	td_ctl_put(data, "upstream", o);
}

static void put_children(const struct td_ctl_call *call, json_t *data, const struct links *links)
{
	json_t *o = json_object();

	td_ctl_put_int(o, "total", links->total);
	td_ctl_put_int(o, "up", links->live);
	td_ctl_put_int(o, "down", links->down + links->refused);
	td_ctl_put_int(o, "never", links->never);
	td_ctl_put_int(o, "waiting_records", (int64_t)links->waiting);
	td_ctl_put_int(o, "waiting_bytes", (int64_t)links->waiting_bytes);
	td_ctl_put_age(o, "oldest_age_seconds", links->oldest_ms);
	td_ctl_put_unit(call, o, "worst", links->worst);
	td_ctl_put(data, "children", o);
}

static void put_store(const struct td_ctl_call *call, json_t *data)
{
	struct td_store *store = td_engine_store(call->ctl->engine);
	struct td_store_stat stat;
	json_t *o = json_object();

	td_store_stat(store, &stat);
	td_ctl_put_int(o, "used_bytes", (int64_t)stat.used_bytes);
	td_ctl_put_int(o, "map_bytes", (int64_t)stat.map_bytes);
	td_ctl_put_int(o, "percent", td_store_percent(store));
	td_ctl_put(o, "commit_ms_p95", json_real((double)stat.commit_us_p95 / 1000));
	td_ctl_put(data, "store", o);
}

static void put_trust(json_t *data, const struct rep_self *self)
{
	static const char *const quality[] = {"unknown", "holdover", "compared"};
	json_t *trust = json_object(), *receipt = json_object();

	td_ctl_put_int(trust, "forged", (int64_t)self->forged);
	td_ctl_put_int(trust, "bad_frames", (int64_t)self->bad_frames);
	td_ctl_put_int(trust, "violations", (int64_t)self->violations);
	td_ctl_put(trust, "clock_offset_seconds", json_real((double)self->clock_offset_ms / 1000));
	td_ctl_put_text(trust, "clock_quality", self->is_top ? "compared" : quality[self->clockq % 3]);
	td_ctl_put(data, "trust", trust);
	td_ctl_put_int(receipt, "own_records", (int64_t)self->own_ops);
	td_ctl_put_int(receipt, "covered", (int64_t)(self->is_top ? self->own_ops : self->receipt_ops));
	td_ctl_put_int(receipt, "late", (int64_t)self->late_ops);
	td_ctl_put_int(receipt, "dark", (int64_t)self->dark_ops);
	td_ctl_put_int(receipt, "dark_seconds", (int64_t)self->dark_s);
	td_ctl_put_time(receipt, "at", td_ctl_hlc_ms(self->receipt_hlc));
	td_ctl_put(data, "receipt", receipt);
	td_ctl_put_int(data, "held_segments", (int64_t)self->held_segments);
}

/* Who below uses an older one, as far as is known here. */
static void put_policy(const struct td_ctl_call *call, json_t *data)
{
	uint32_t version = rep_policy_of(td_ctl_node(call))->version;
	struct rep_unit_info unit;
	json_t *o = json_object();
	int64_t behind = 0;

	for (size_t i = 0; rep_inspect_unit(td_ctl_node(call), i, &unit); i++)
		behind += unit.in_subtree && unit.joined && unit.policy < version;
	td_ctl_put_int(o, "version", version);
	td_ctl_put_int(o, "units_behind", behind);
	td_ctl_put(data, "policy", o);
}

static void put_root(json_t *data, const struct rep_self *self)
{
	char hex[2 * sizeof(self->root_hash.b) + 1];

	td_text_write_hex(self->root_hash.b, sizeof(self->root_hash.b), hex);
	td_ctl_put_text(data, "root", hex);
}

static void add_reason(json_t *reasons, const char *text)
{
	json_array_append_new(reasons, json_string(text));
}

/* "ok", or the worst of what is not; the reasons in order of weight. */
static const char *judge(const struct td_ctl_call *call, const struct rep_self *self,
    const struct links *links, const struct td_ctl_past *past, json_t *reasons)
{
	struct td_store *store = td_engine_store(call->ctl->engine);
	const char *state = "ok";
	char text[160];

	if (td_engine_is_full(call->ctl->engine)) {
		snprintf(text, sizeof(text), "the store is %d %% full, no new local records are taken",
		    td_store_percent(store));
		add_reason(reasons, text);
		state = "full";
	} else if (td_store_percent(store) >= TR_STORE_WARN_PERCENT) {
		snprintf(text, sizeof(text), "the store is %d %% full", td_store_percent(store));
		add_reason(reasons, text);
		state = "degraded";
	}
	if (links->has_up && strcmp(td_ctl_link_word(links->up.state), "up") != 0) {
		snprintf(text, sizeof(text), "upstream is %s%s%s", td_ctl_link_word(links->up.state),
		    links->up.last_error[0] != '\0' ? ": " : "", links->up.last_error);
		add_reason(reasons, text);
		state = strcmp(state, "ok") == 0 ? "degraded" : state;
	}
	if (links->down + links->refused > 0) {
		snprintf(text, sizeof(text), "%d of %d children down", links->down + links->refused, links->total);
		add_reason(reasons, text);
		state = strcmp(state, "ok") == 0 ? "degraded" : state;
	}
	if (self->late_ops != 0) {
		add_reason(reasons, rep_trace_message(REP_TRACE_RECEIPT_LATE));
		state = strcmp(state, "ok") == 0 ? "degraded" : state;
	}
	if (past->diverged > 0) {
		snprintf(text, sizeof(text), "domains whose state is another one than at the top node: %llu",
		    (unsigned long long)past->diverged);
		add_reason(reasons, text);
		state = strcmp(state, "ok") == 0 ? "degraded" : state;
	}
	if (self->dark_ops != 0) {
		add_reason(reasons, rep_trace_message(REP_TRACE_RECEIPT_DARK));
		state = strcmp(state, "ok") == 0 ? "degraded" : state;
	}
	if (!self->cert.registered && !self->is_top) {
		add_reason(reasons, "the top node has still to countersign this node's key");
		state = strcmp(state, "ok") == 0 ? "provisional" : state;
	}
	return state;
}

static int status_ready(struct td_ctl_call *call, json_t **out)
{
	const struct td_conf *conf = td_engine_conf(call->ctl->engine);
	json_t *data, *reasons = json_array();
	const struct td_ctl_roll *roll;
	struct rep_self self;
	struct td_ctl_past past;
	struct links links;
	int rc = td_ctl_roll_run(call, &roll);

	if (rc != 0) {
		json_decref(reasons);
		return rc;
	}
	data = td_ctl_data(call);
	rep_inspect_self(td_ctl_node(call), &self);
	look_at_links(call, &links);
	td_ctl_past_sum(call, &past);
	td_ctl_put_text(data, "node", conf->name);
	td_ctl_put_text(data, "unit", self.cert.unit);
	td_ctl_put_text(data, "title", conf->title != NULL ? conf->title : self.cert.title);
	td_ctl_put_text(data, "role", td_ctl_role(call));
	td_ctl_put_text(data, "state", judge(call, &self, &links, &past, reasons));
	td_ctl_put(data, "reasons", reasons);
	td_ctl_put_int(data, "uptime_seconds", td_ctl_age_s(td_engine_start_ms(call->ctl->engine)));
	td_ctl_put_text(data, "version", TERRACE_VERSION);
	td_ctl_put_bool(data, "registered", self.is_top || self.cert.registered);
	put_upstream(call, data, &links);
	put_children(call, data, &links);
	put_store(call, data);
	td_ctl_put(data, "history", td_ctl_past_json(call, &past));
	td_ctl_put(data, "conflicts", td_ctl_roll_conflicts(roll));
	td_ctl_put(data, "directives", td_ctl_roll_directives(roll));
	put_trust(data, &self);
	put_policy(call, data);
	td_ctl_put_text(data, "listen", td_engine_listen_address(call->ctl->engine));
	put_root(data, &self);
	*out = data;
	return 0;
}

int td_ctl_status(struct td_ctl_call *call, json_t **data)
{
	call->pump = status_ready;
	(void)data;
	return TD_CTL_LATER;
}

int td_ctl_health(struct td_ctl_call *call, json_t **out)
{
	json_t *data = td_ctl_data(call), *reasons = json_array();
	const struct td_engine *engine = call->ctl->engine;
	bool full = td_engine_is_full(engine);
	/* The carrier binds the port a moment after the doors are open. */
	bool deaf = td_engine_conf(engine)->listen != NULL && td_engine_listen_address(engine)[0] == '\0';

	if (full)
		add_reason(reasons, "the store is full, no new local records are taken");
	if (deaf)
		add_reason(reasons, "children cannot connect yet");
	td_ctl_put_bool(data, "healthy", true); /* the loop answers, the store is open */
	td_ctl_put_bool(data, "ready", !full && !deaf);
	td_ctl_put(data, "reasons", reasons);
	*out = data;
	return 0;
}

int td_ctl_version(struct td_ctl_call *call, json_t **out)
{
	json_t *data = td_ctl_data(call), *libraries = json_object();
	const char *name, *text;

	td_ctl_put_text(data, "version", TERRACE_VERSION);
	td_ctl_put_text(data, "commit", TERRACE_COMMIT);
	td_ctl_put(data, "proto", json_pack("[i,i]", TR_PROTO_MIN, TR_PROTO_MAX));
	td_ctl_put_int(data, "store_format", TR_STORE_FORMAT);
	for (size_t i = 0; (name = td_version_library(i, &text)) != NULL; i++)
		td_ctl_put_text(libraries, name, text);
	td_ctl_put_text(libraries, "libc", gnu_get_libc_version());
	td_ctl_put(data, "libraries", libraries);
	*out = data;
	return 0;
}
