/* SPDX-License-Identifier: Apache-2.0 */
/* ctl_peer -- the links to the neighbours: peers, queue, lag, pause. */
#include "daemon/ctl_look.h"

#include <string.h>

#include "daemon/sys.h"

#define LOGS_MAX 500 /* entries of `queue PEER` */

static void put_next_try(json_t *o, const struct rep_link_info *link)
{
	int64_t left = link->next_try_ms - td_sys_mono().ms;

	td_ctl_put(o, "next_try_seconds",
	    link->next_try_ms != 0 ? json_integer(left > 0 ? (left + 999) / 1000 : 0) : json_null());
}

static void put_waiting(json_t *o, const struct rep_link_info *link)
{
	td_ctl_put_int(o, "waiting_records", (int64_t)link->waiting_ops);
	td_ctl_put_int(o, "waiting_bytes", (int64_t)link->waiting_bytes);
	/* Nothing waits = 0 s behind: lag is a time. */
	if (link->waiting_ops == 0)
		td_ctl_put_int(o, "oldest_age_seconds", 0);
	else
		td_ctl_put_age(o, "oldest_age_seconds", link->oldest_ms);
}

static json_t *peer_json(struct td_ctl_call *call, const struct rep_link_info *link)
{
	struct rep_unit_info unit;
	json_t *o = json_object();

	td_ctl_put_unit(call, o, "unit", link->peer);
	td_ctl_put_text(o, "title", rep_unit_get(td_ctl_node(call), link->peer, &unit) ? unit.title : "");
	td_ctl_put_text(o, "direction", link->is_parent ? "up" : "down");
	td_ctl_put_text(o, "state", td_ctl_link_word(link->state));
	td_ctl_put_text(o, "phase", rep_link_state_name(link->state));
	td_ctl_put_time(o, "since", link->state_since_ms);
	put_waiting(o, link);
	td_ctl_put_time(o, "last_seen", link->last_seen_ms);
	td_ctl_put(o, "rtt_ms", link->rtt_ms > 0 ? json_integer(link->rtt_ms) : json_null());
	td_ctl_put_int(o, "tries", link->tries);
	put_next_try(o, link);
	td_ctl_put_text(o, "error", link->last_error);
	td_ctl_put_int(o, "sent_bytes", (int64_t)link->sent_bytes);
	td_ctl_put_int(o, "received_bytes", (int64_t)link->received_bytes);
	td_ctl_put_int(o, "sent_frames", (int64_t)link->sent_frames);
	td_ctl_put_int(o, "received_frames", (int64_t)link->received_frames);
	td_ctl_put_int(o, "bad_frames", (int64_t)link->bad_frames);
	td_ctl_put_text(o, "version", link->version);
	td_ctl_put(o, "delay_seconds", td_ctl_delay(link));
	return o;
}

/* A list of the links, or of that to the peer that was asked for: it stays in *one. */
static int list_links(struct td_ctl_call *call, const char *key, json_t *(*make)(struct td_ctl_call *,
    const struct rep_link_info *), struct rep_link_info *one, json_t **out)
{
	struct tr_nid only = {0};
	struct rep_link_info link;
	json_t *list;
	int rc = td_ctl_arg_peer(call, "peer", &only);

	if (rc != 0)
		return rc;
	memset(one, 0, sizeof(*one));
	list = json_array();
	for (size_t i = 0; rep_inspect_link(td_ctl_node(call), td_ctl_view(call), i, &link); i++) {
		if (only.v != 0 && only.v != link.peer.v)
			continue;
		json_array_append_new(list, make(call, &link));
		if (only.v != 0)
			*one = link;
	}
	*out = td_ctl_data(call);
	td_ctl_put(*out, key, list);
	return 0;
}

int td_ctl_peers(struct td_ctl_call *call, json_t **out)
{
	struct rep_link_info one;

	return list_links(call, "peers", peer_json, &one, out);
}

/* Words of a queue: does it move, rest or wait? */
static const char *queue_word(const struct rep_link_info *link)
{
	const char *word = td_ctl_link_word(link->state);

	if (strcmp(word, "up") == 0)
		return link->waiting_ops > 0 ? "sending" : "idle";
	if (strcmp(word, "down") == 0)
		return link->is_parent || link->waiting_ops > 0 ? "retrying" : "down";
	return word;
}

static json_t *queue_json(struct td_ctl_call *call, const struct rep_link_info *link)
{
	json_t *o = json_object();

	td_ctl_put_unit(call, o, "to", link->peer);
	td_ctl_put_text(o, "direction", link->is_parent ? "up" : "down");
	put_waiting(o, link);
	td_ctl_put_time(o, "oldest", link->waiting_ops > 0 ? link->oldest_ms : 0);
	td_ctl_put_text(o, "state", queue_word(link));
	put_next_try(o, link);
	td_ctl_put_text(o, "error", link->last_error);
	return o;
}

/* Does the peer hold what this log holds?  A child holds what lies in its
 * subtree and, of its ancestors' writing, what lies in its own scope. */
static bool is_for(const struct td_ctl_call *call, const struct rep_log_info *log,
    struct tr_nid peer, bool is_parent)
{
	return is_parent || rep_unit_is_under(td_ctl_node(call), log->id.scope, peer);
}

static json_t *logs_json(struct td_ctl_call *call, struct tr_nid peer, bool is_parent)
{
	struct rep_log_info log;
	json_t *list = json_array();

	for (size_t i = 0; rep_inspect_log(td_ctl_node(call), &i, &log);) {
		uint64_t acked = is_parent ? log.up_acked : log.down_acked;
		json_t *o;

		if (log.seq <= acked || !is_for(call, &log, peer, is_parent))
			continue;
		if (json_array_size(list) >= LOGS_MAX)
			break;
		o = json_object();
		td_ctl_put_unit(call, o, "scope", log.id.scope);
		td_ctl_put_unit(call, o, "author", log.id.author);
		td_ctl_put_text(o, "lane", td_ctl_lane_name(log.id.lane));
		td_ctl_put_int(o, "from", (int64_t)acked + 1);
		td_ctl_put_int(o, "to", (int64_t)log.seq);
		json_array_append_new(list, o);
	}
	return list;
}

int td_ctl_queue(struct td_ctl_call *call, json_t **out)
{
	struct rep_link_info one;
	int rc = list_links(call, "queues", queue_json, &one, out);

	if (rc == 0 && one.peer.v != 0)
		td_ctl_put(*out, "logs", logs_json(call, one.peer, one.is_parent));
	return rc;
}

int td_ctl_lag(struct td_ctl_call *call, json_t **out)
{
	struct rep_link_info link;
	struct rep_self self;
	json_t *data = td_ctl_data(call), *list = json_array();

	rep_inspect_self(td_ctl_node(call), &self);
	td_ctl_put_text(data, "node", td_engine_conf(call->ctl->engine)->name);
	td_ctl_put_time(data, "time", td_sys_wall().ms);
	td_ctl_put(data, "links", list);
	for (size_t i = 0; rep_inspect_link(td_ctl_node(call), td_ctl_view(call), i, &link); i++) {
		json_t *o = json_object();

		td_ctl_put_text(o, "from", self.cert.unit);
		td_ctl_put_unit(call, o, "to", link.peer);
		td_ctl_put_text(o, "state", td_ctl_link_word(link.state));
		put_waiting(o, &link);
		td_ctl_put_time(o, "last_seen", link.last_seen_ms);
		td_ctl_put(o, "delay_seconds", td_ctl_delay(&link));
		json_array_append_new(list, o);
	}
	*out = data;
	return 0;
}

static int pause_peer(struct td_ctl_call *call, enum rep_pause what, json_t **out)
{
	struct tr_nid peer = {0};
	struct rep_link_info link;
	json_t *data;
	int rc = td_ctl_arg_peer(call, "peer", &peer);

	if (rc != 0)
		return rc;
	td_engine_pause(call->ctl->engine, peer, what);
	data = td_ctl_data(call);
	td_ctl_put_unit(call, data, "peer", peer);
	for (size_t i = 0; rep_inspect_link(td_ctl_node(call), td_ctl_view(call), i, &link); i++)
		if (link.peer.v == peer.v)
			td_ctl_put_text(data, "state", td_ctl_link_word(link.state));
	*out = data;
	return 0;
}

int td_ctl_peer_pause(struct td_ctl_call *call, json_t **data)
{
	return pause_peer(call, REP_PAUSE, data);
}

int td_ctl_peer_resume(struct td_ctl_call *call, json_t **data)
{
	return pause_peer(call, REP_RESUME, data);
}

int td_ctl_peer_retry(struct td_ctl_call *call, json_t **data)
{
	return pause_peer(call, REP_RETRY, data);
}
