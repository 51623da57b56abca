/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/ctl_past.h"

#include <stdlib.h>

#include "daemon/sys.h"

#define LIST_MAX 1000
#define DOMAINS_A_GO 64 /* between two looks at the clock */

/* Is it one of those that somebody may have to look at? */
static bool is_held_up(const struct rep_ckpt_info *info)
{
	return info->hold == REP_HOLD_FORKED || info->hold == REP_HOLD_CUT;
}

static void count(struct td_ctl_past *past, const struct rep_ckpt_info *info)
{
	past->domains++;
	past->dropped += info->dropped;
	past->diverged += info->is_diverged;
	past->held_up += is_held_up(info);
}

void td_ctl_past_sum(const struct td_ctl_call *call, struct td_ctl_past *out)
{
	struct rep_ckpt_info info;

	*out = (struct td_ctl_past){0};
	for (size_t i = 0; rep_inspect_ckpt(td_ctl_node(call), i, &info); i++)
		count(out, &info);
}

static void put_keep(const struct td_ctl_call *call, json_t *o)
{
	int64_t keep_ms = td_engine_conf(call->ctl->engine)->keep_ms;

	td_ctl_put(o, "keep_seconds", keep_ms > 0 ? json_integer(keep_ms / 1000) : json_null());
}

json_t *td_ctl_past_json(const struct td_ctl_call *call, const struct td_ctl_past *past)
{
	json_t *o = json_object();

	put_keep(call, o);
	td_ctl_put_int(o, "dropped", (int64_t)past->dropped);
	td_ctl_put_int(o, "diverged", (int64_t)past->diverged);
	return o;
}

void td_ctl_put_dropped(struct td_ctl_call *call, json_t *data)
{
	struct rep_dropped dropped;
	json_t *o;

	if (!rep_record_dropped(td_ctl_node(call), td_ctl_view(call), td_ctl_record(call), &dropped)) {
		td_ctl_put(data, "dropped", json_null());
		return;
	}
	o = json_object();
	td_ctl_put_int(o, "changes", (int64_t)dropped.ops);
	td_ctl_put_time(o, "until", dropped.until_ms);
	td_ctl_put_time(o, "checkpoint", dropped.ckpt_ms);
	td_ctl_put(data, "dropped", o);
}

/* ----------------------------------------------------------- store history */

struct listing {
	bool all;
	struct tr_nid unit;
	size_t next;
	struct td_ctl_past past;
	json_t *list;
	bool is_cut;
};

static void free_listing(struct td_ctl_call *call)
{
	struct listing *l = call->state;

	if (l != NULL)
		json_decref(l->list);
	free(l);
	call->state = NULL;
}

/* Why nothing of it is dropped; NULL: what is old enough is. */
static const char *word_of(enum rep_hold hold)
{
	switch (hold) {
	case REP_HOLD_LANE: return "lane";
	case REP_HOLD_DIFFERS: return "diverged";
	case REP_HOLD_FORKED: return "branches";
	case REP_HOLD_NO_CKPT: return "no checkpoint";
	case REP_HOLD_CUT: return "cut";
	case REP_HOLD_UNSEEN: return "not acknowledged";
	case REP_HOLD_NONE: break;
	}
	return NULL;
}

static json_t *domain_json(struct td_ctl_call *call, const struct rep_ckpt_info *info)
{
	const char *word = word_of(info->hold);
	json_t *o = json_object();

	td_ctl_put_unit(call, o, "unit", info->scope);
	td_ctl_put_text(o, "lane", td_ctl_lane_name(info->lane));
	td_ctl_put(o, "checkpoint", info->number != 0 ? json_integer((json_int_t)info->number) : json_null());
	td_ctl_put_time(o, "checkpoint_at", info->ms);
	td_ctl_put_int(o, "records", (int64_t)info->records);
	td_ctl_put_int(o, "dropped", (int64_t)info->dropped);
	td_ctl_put_time(o, "dropped_until", rep_dropped_until(td_ctl_node(call), td_ctl_view(call), info->scope, info->lane));
	td_ctl_put_bool(o, "waiting", info->waiting);
	td_ctl_put_bool(o, "diverged", info->is_diverged);
	td_ctl_put(o, "kept", word != NULL ? json_string(word) : json_null());
	return o;
}

static void take(struct td_ctl_call *call, struct listing *l, const struct rep_ckpt_info *info)
{
	if (l->unit.v != 0 && !rep_unit_is_under(td_ctl_node(call), info->scope, l->unit))
		return;
	count(&l->past, info);
	if (!l->all && info->dropped == 0 && !info->is_diverged && !is_held_up(info))
		return;
	if (json_array_size(l->list) == LIST_MAX)
		l->is_cut = true;
	else
		json_array_append_new(l->list, domain_json(call, info));
}

static int list_pump(struct td_ctl_call *call, json_t **out)
{
	uint64_t until_us = td_sys_mono_us() + TD_CTL_SLICE_US;
	struct listing *l = call->state;
	struct rep_ckpt_info info;
	struct rep_self self;
	json_t *data;

	for (size_t n = 0; rep_inspect_ckpt(td_ctl_node(call), l->next, &info); n++) {
		if (n == DOMAINS_A_GO) {
			if (td_sys_mono_us() >= until_us)
				return TD_CTL_LATER;
			n = 0;
		}
		l->next++;
		take(call, l, &info);
	}
	rep_inspect_self(td_ctl_node(call), &self);
	data = td_ctl_data(call);
	put_keep(call, data);
	td_ctl_put_int(data, "total", (int64_t)l->past.domains);
	td_ctl_put_int(data, "dropped", (int64_t)l->past.dropped);
	td_ctl_put_int(data, "freed_bytes", (int64_t)self.dropped_bytes);
	td_ctl_put_int(data, "diverged", (int64_t)l->past.diverged);
	td_ctl_put(data, "domains", json_incref(l->list));
	td_ctl_put_bool(data, "cut", l->is_cut);
	*out = data;
	return 0;
}

int td_ctl_store_history(struct td_ctl_call *call, json_t **data)
{
	struct listing *l = calloc(1, sizeof(*l));
	int rc;

	(void)data;
	if (l == NULL)
		return TR_E_NOMEM;
	call->state = l;
	call->free_state = free_listing;
	l->list = json_array();
	l->all = td_ctl_arg_bool(call, "all");
	rc = td_ctl_arg_unit(call, "unit", &l->unit);
	if (rc != 0)
		return rc;
	call->pump = list_pump;
	return TD_CTL_LATER;
}
