/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/ctl_audit.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/ctl_look.h"

#define LOOK_S 0.2

struct td_ctl_audit {
	struct td_ctl_call *call;
	struct tr_nid peer;
	struct rep_audit_info info;
	struct rep_audit_diff diffs[REP_AUDIT_DIFFS_MAX]; /* a copy: the core's go with the next audit */
	int rc;
	bool is_started, is_done;
	ev_timer timer;
	void (*go_on)(struct td_ctl_call *call);
};

static void done(struct td_ctl_audit *audit, int rc)
{
	ev_timer_stop(audit->call->ctl->loop, &audit->timer);
	audit->rc = rc;
	audit->is_done = true;
	if (audit->go_on != NULL)
		audit->go_on(audit->call);
}

static void on_look(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct td_ctl_audit *audit = timer->data;

	(void)loop;
	(void)events;
	if (!rep_audit_look(td_ctl_node(audit->call), audit->peer, &audit->info)) {
		done(audit, TR_E_DOWN); /* the node was loaded again */
		return;
	}
	if (audit->info.is_running)
		return;
	memcpy(audit->diffs, audit->info.diffs, audit->info.diff_count * sizeof(audit->diffs[0]));
	audit->info.diffs = audit->diffs;
	done(audit, audit->info.rc);
}

static void on_reply(void *arg, const struct rep_reply *reply)
{
	struct td_ctl_audit *audit = arg;

	if (reply->rc != 0)
		done(audit, reply->rc);
	else
		ev_timer_start(audit->call->ctl->loop, &audit->timer);
}

int td_ctl_audit_begin(struct td_ctl_call *call, struct tr_nid peer, struct tr_nid unit,
    uint32_t wait_ms, struct td_ctl_audit **out)
{
	struct rep_audit_ask ask = {.peer = peer, .unit = unit, .wait_ms = wait_ms};
	struct td_ctl_audit *audit = calloc(1, sizeof(*audit));

	if (audit == NULL)
		return TR_E_NOMEM;
	audit->call = call;
	audit->peer = peer;
	ev_timer_init(&audit->timer, on_look, LOOK_S, LOOK_S);
	audit->timer.data = audit;
	*out = audit;
	td_engine_audit(call->ctl->engine, &ask, on_reply, audit);
	return 0;
}

void td_ctl_audit_free(struct td_ctl_audit *audit)
{
	if (audit == NULL)
		return;
	ev_timer_stop(audit->call->ctl->loop, &audit->timer);
	td_engine_forget(audit->call->ctl->engine, audit);
	free(audit);
}

bool td_ctl_audit_is_done(struct td_ctl_audit *audit, void (*go_on)(struct td_ctl_call *call))
{
	if (audit->is_done)
		return true;
	audit->go_on = go_on;
	audit->call->pump = NULL;
	return false;
}

static const char *why_name(enum rep_audit_why why)
{
	switch (why) {
	case REP_AUDIT_DIFFERS: return "differs";
	case REP_AUDIT_HERE: return "only here";
	case REP_AUDIT_THERE: return "only there";
	case REP_AUDIT_DOMAIN:
	default: return "not looked into";
	}
}

static json_t *audit_json(struct td_ctl_call *call, const struct rep_audit_info *info)
{
	json_t *o = json_object(), *list = json_array();

	td_ctl_put_int(o, "domains", (int64_t)info->domains);
	td_ctl_put_int(o, "records", (int64_t)info->records);
	td_ctl_put_int(o, "equal", (int64_t)info->equal);
	td_ctl_put_int(o, "differ", (int64_t)info->differ);
	td_ctl_put_int(o, "under_way", (int64_t)info->under_way);
	for (size_t i = 0; i < info->diff_count; i++) {
		const struct rep_audit_diff *d = &info->diffs[i];
		json_t *row = json_object();

		td_ctl_put_unit(call, row, "scope", d->scope);
		if (d->why != REP_AUDIT_DOMAIN) {
			td_ctl_put_text(row, "kind", rep_schema_kind_name(d->kind));
			td_ctl_put_id(row, "record", &d->rec);
		}
		td_ctl_put_text(row, "state", why_name(d->why));
		json_array_append_new(list, row);
	}
	td_ctl_put(o, "records_differ", list);
	td_ctl_put_bool(o, "more", info->more);
	return o;
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
json_t *td_ctl_audit_json(struct td_ctl_call *call, const struct td_ctl_audit *audit)
{
	struct rep_link_info link = {0};
	struct rep_unit_info unit = {0};
	struct rep_log_info log;
	uint64_t equal = 0, waiting = 0, scopes = 0, missing = 0;
	json_t *o = json_object();
	bool is_link = find_link(call, audit->peer, &link);
	const struct rep_audit_info *info = &audit->info;
	bool known = rep_unit_get(td_ctl_node(call), audit->peer, &unit);

	for (size_t i = 0; rep_inspect_log(td_ctl_node(call), &i, &log);) {
		uint64_t acked = link.is_parent ? log.up_acked : log.down_acked;

		if (!link.is_parent && !rep_unit_is_under(td_ctl_node(call), log.id.scope, audit->peer))
			continue;
		acked = acked < log.seq ? acked : log.seq;
		/* What the neighbour wrote itself, it has. */
		if (log.id.author.v == audit->peer.v)
			acked = log.seq;
		equal += acked;
		waiting += log.seq - acked;
		scopes++;
	}
	if (known && unit.has_head && unit.head_own_ops > unit.here_ops)
		missing = unit.head_own_ops - unit.here_ops;
	td_ctl_put_unit(call, o, "unit", audit->peer);
	td_ctl_put_int(o, "equal", (int64_t)equal);
	td_ctl_put_int(o, "waiting", (int64_t)waiting);
	td_ctl_put_int(o, "differ", (int64_t)info->differ);
	td_ctl_put_int(o, "missing_here", (int64_t)missing);
	td_ctl_put_int(o, "scopes", (int64_t)scopes);
	td_ctl_put_text(o, "state", is_link ? td_ctl_link_word(link.state) : "unknown");
	td_ctl_put_time(o, "head_at", unit.has_head ? td_ctl_hlc_ms(unit.head_hlc) : 0);
	if (audit->rc != 0)
		td_ctl_put_text(o, "not_audited", audit->rc == TR_E_DOWN ? "the link is down" : tr_err_message(audit->rc));
	td_ctl_put(o, "audit", audit->rc == 0 ? audit_json(call, info) : json_null());
	return o;
}

