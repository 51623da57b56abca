/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl_verify -- re-hashes and re-verifies every stored segment, reads every
 * stored value once, and compares with what a neighbour says it holds.
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/ctl_look.h"
#include "daemon/sys.h"

#define BAD_MAX 1000      /* named ones; more are counted */
#define SEGMENTS_A_GO 16  /* between two looks at the clock */

struct verify {
	size_t log;    /* cursor of rep_inspect_log */
	uint64_t from; /* in that log */
	struct rep_verify_sum sum;
	uint64_t bad_count;
	json_t *bad;
	struct tr_nid against;
};

static void free_verify(struct td_ctl_call *call)
{
	struct verify *v = call->state;

	if (v != NULL)
		json_decref(v->bad);
	free(v);
	call->state = NULL;
}

static const char *lane_name(uint8_t lane)
{
	static const char *const names[] = {"?", "P", "X", "R", "B", "E"};

	return lane < sizeof(names) / sizeof(names[0]) ? names[lane] : "?";
}

static void add_bad(struct td_ctl_call *call, struct verify *v, const struct rep_log_info *log,
    uint64_t seq, int rc)
{
	json_t *o, *name;

	if (v->bad_count++ >= BAD_MAX)
		return;
	o = json_object();
	name = json_object();
	td_ctl_put_unit(call, name, "author", log->id.author);
	td_ctl_put_unit(call, name, "scope", log->id.scope);
	td_ctl_put(o, "log", json_sprintf("%s in %s, lane %s",
	    json_string_value(json_object_get(name, "author")),
	    json_string_value(json_object_get(name, "scope")), lane_name(log->id.lane)));
	json_decref(name);
	td_ctl_put_int(o, "seq", (int64_t)seq);
	td_ctl_put_text(o, "error", tr_err_message(rc));
	json_array_append_new(v->bad, o);
}

/* One log on; false when all logs are through. */
static bool verify_some(struct td_ctl_call *call, struct verify *v)
{
	struct rep_verify_sum sum = {0};
	struct rep_log_info log;
	uint64_t next = 0;
	size_t cursor = v->log;
	int rc;

	if (!rep_inspect_log(td_ctl_node(call), &cursor, &log))
		return false;
	rc = rep_verify_log(td_ctl_node(call), td_ctl_view(call), log.handle, v->from,
	    SEGMENTS_A_GO, &next, &sum);
	v->sum.segments += sum.segments;
	v->sum.ops += sum.ops;
	if (rc != 0) {
		/* What follows a bad segment hangs on it: the log's rest is not judged. */
		add_bad(call, v, &log, next, rc);
		next = 0;
	}
	v->from = next != 0 ? next : 1;
	if (next == 0)
		v->log = cursor;
	return true;
}

static json_t *scopes_json(struct td_ctl_call *call)
{
	json_t *list = json_array(), *o;
	struct rep_unit_info unit;
	uint8_t digest[16];
	char text[33];

	for (size_t i = 0; rep_inspect_unit(td_ctl_node(call), i, &unit); i++) {
		if (!unit.in_subtree) /* the way to the root: known, but not held */
			continue;
		rep_scope_digest(td_ctl_node(call), unit.nid, digest);
		td_text_write_hex(digest, sizeof(digest), text);
		o = json_object();
		td_ctl_put_text(o, "scope", unit.unit);
		td_ctl_put_text(o, "digest", text);
		json_array_append_new(list, o);
	}
	return list;
}

static bool find_link(struct td_ctl_call *call, struct tr_nid peer, struct rep_link_info *out)
{
	for (size_t i = 0; rep_inspect_link(td_ctl_node(call), td_ctl_view(call), i, out); i++)
		if (out->peer.v == peer.v)
			return true;
	return false;
}

/*
 * From what the neighbour itself has acknowledged (it does so only after its
 * commit) and from its newest signed HEAD: ops equal at both, ops that wait
 * for it, ops of its own that have not come here.
 */
static json_t *compared_json(struct td_ctl_call *call, const struct verify *v)
{
	struct rep_link_info link = {0};
	struct rep_unit_info unit = {0};
	struct rep_log_info log;
	uint64_t equal = 0, waiting = 0, scopes = 0, missing = 0;
	json_t *o = json_object();
	bool is_link = find_link(call, v->against, &link);
	bool known = rep_unit_get(td_ctl_node(call), v->against, &unit);

	for (size_t i = 0; rep_inspect_log(td_ctl_node(call), &i, &log);) {
		uint64_t acked = link.is_parent ? log.up_acked : log.down_acked;

		if (!link.is_parent && !rep_unit_is_under(td_ctl_node(call), log.id.scope, v->against))
			continue;
		acked = acked < log.seq ? acked : log.seq;
		/* What the neighbour wrote itself, it has. */
		if (log.id.author.v == v->against.v)
			acked = log.seq;
		equal += acked;
		waiting += log.seq - acked;
		scopes++;
	}
	if (known && unit.has_head && unit.head_own_ops > unit.here_ops)
		missing = unit.head_own_ops - unit.here_ops;
	td_ctl_put_unit(call, o, "unit", v->against);
	td_ctl_put_int(o, "equal", (int64_t)equal);
	td_ctl_put_int(o, "waiting", (int64_t)waiting);
	td_ctl_put_int(o, "differ", 0); /* two histories of one log are refused when they come: see `events` */
	td_ctl_put_int(o, "missing_here", (int64_t)missing);
	td_ctl_put_int(o, "scopes", (int64_t)scopes);
	td_ctl_put_text(o, "state", is_link ? td_ctl_link_word(link.state) : "unknown");
	td_ctl_put_time(o, "head_at", unit.has_head ? td_ctl_hlc_ms(unit.head_hlc) : 0);
	return o;
}

/* A scrub reads all values at once: the one step that is not sliced. */
static int finish(struct td_ctl_call *call, struct verify *v, json_t **out)
{
	uint64_t rows = 0, bad_rows = 0;
	json_t *data, *values;
	int rc = td_store_scrub(td_engine_store(call->ctl->engine), &rows, &bad_rows);

	if (rc != 0)
		return td_ctl_error(call, rc, "%s", td_store_error(td_engine_store(call->ctl->engine)));
	data = td_ctl_data(call);
	values = json_object();
	td_ctl_put_int(data, "segments", (int64_t)v->sum.segments);
	td_ctl_put_int(data, "records", (int64_t)v->sum.ops);
	td_ctl_put_int(data, "bad_count", (int64_t)v->bad_count);
	td_ctl_put(data, "bad", json_incref(v->bad));
	td_ctl_put(data, "scopes", scopes_json(call));
	td_ctl_put_int(values, "rows", (int64_t)rows);
	td_ctl_put_int(values, "bad", (int64_t)bad_rows);
	td_ctl_put(data, "values", values);
	if (v->against.v != 0)
		td_ctl_put(data, "compared", compared_json(call, v));
	*out = data;
	return 0;
}

static int verify_pump(struct td_ctl_call *call, json_t **out)
{
	uint64_t until_us = td_sys_mono_us() + TD_CTL_SLICE_US;
	struct verify *v = call->state;

	while (td_sys_mono_us() < until_us)
		if (!verify_some(call, v))
			return finish(call, v, out);
	return TD_CTL_LATER;
}

int td_ctl_verify(struct td_ctl_call *call, json_t **data)
{
	struct verify *v = calloc(1, sizeof(*v));
	int rc;

	(void)data;
	if (v == NULL)
		return TR_E_NOMEM;
	call->state = v;
	call->free_state = free_verify;
	v->from = 1;
	v->bad = json_array();
	rc = td_ctl_arg_peer(call, "against", &v->against);
	if (rc != 0)
		return rc;
	call->pump = verify_pump;
	return TD_CTL_LATER;
}
