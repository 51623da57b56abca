/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/ctl_roll.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/sys.h"
#include "proto/grow.h"
#include "replication/status.h"

/* Field ids of schema.def. */
enum { F_DIRECTIVE_ID = 1, F_DUE_AT = 20 };

static int64_t int_of(const struct rep_record *rec, uint16_t field)
{
	const struct rep_value *v = rep_record_value(rec, field);

	return v != NULL && v->type == REP_VALUE_INT ? v->i : 0;
}

int64_t td_ctl_roll_due(const struct rep_record *rec)
{
	return int_of(rec, F_DUE_AT);
}

/* Late = due, and the target has not said "done" (or declined). */
bool td_ctl_roll_is_overdue(const struct rep_record *rec, int64_t now_ms)
{
	int64_t due = td_ctl_roll_due(rec);

	switch (rep_record_status(rec)) {
	case REP_DIR_ISSUED:
	case REP_DIR_ACKNOWLEDGED:
	case REP_DIR_ACCEPTED:
	case REP_DIR_SENT_BACK: return due != 0 && due < now_ms;
	default: return false;
	}
}

static size_t hash_of(const struct tr_rec_id *id, size_t slot_count)
{
	uint64_t h = 0;

	for (size_t i = 0; i < sizeof(id->b); i++)
		h = (h ^ id->b[i]) * UINT64_C(1099511628211);
	return (size_t)(h >> 20) & (slot_count - 1);
}

static bool grow_slots(struct td_ctl_roll *roll)
{
	size_t slot_count = roll->slot_count > 0 ? roll->slot_count * 2 : 256;
	uint32_t *slots = calloc(slot_count, sizeof(*slots));

	if (slots == NULL)
		return false;
	for (size_t i = 0; i < roll->count; i++) {
		size_t at = hash_of(&roll->items[i].id, slot_count);

		while (slots[at] != 0)
			at = (at + 1) & (slot_count - 1);
		slots[at] = (uint32_t)i + 1;
	}
	free(roll->slots);
	roll->slots = slots;
	roll->slot_count = slot_count;
	return true;
}

/* NULL: out of memory, or more directives than the bound. */
static struct td_ctl_rolled *item_of(struct td_ctl_roll *roll, const struct tr_rec_id *id)
{
	struct td_ctl_rolled *items;
	size_t at;

	if (2 * (roll->count + 1) > roll->slot_count && !grow_slots(roll))
		return NULL;
	at = hash_of(id, roll->slot_count);
	for (; roll->slots[at] != 0; at = (at + 1) & (roll->slot_count - 1))
		if (memcmp(&roll->items[roll->slots[at] - 1].id, id, sizeof(*id)) == 0)
			return &roll->items[roll->slots[at] - 1];
	if (roll->count >= TD_CTL_ROLL_MAX)
		return NULL;
	items = tr_grow(roll->items, roll->count, &roll->cap, sizeof(*items));
	if (items == NULL)
		return NULL;
	roll->items = items;
	roll->slots[at] = (uint32_t)++roll->count;
	memset(&roll->items[roll->count - 1], 0, sizeof(*roll->items));
	roll->items[roll->count - 1].id = *id;
	return &roll->items[roll->count - 1];
}

static bool has_read(uint8_t status)
{
	return status == REP_DIR_ACKNOWLEDGED || status == REP_DIR_ACCEPTED ||
	       status == REP_DIR_DECLINED || status == REP_DIR_DONE ||
	       status == REP_DIR_CONFIRMED || status == REP_DIR_SENT_BACK;
}

static void take_record(struct td_ctl_call *call, struct td_ctl_roll *roll)
{
	const struct rep_record *rec = td_ctl_record(call);
	const struct rep_value *v = rep_record_value(rec, F_DIRECTIVE_ID);
	uint8_t status = rep_record_status(rec);
	struct td_ctl_rolled *item;
	struct tr_rec_id id;
	struct tr_hlc at;

	if (v == NULL || v->t.size != sizeof(id.b))
		return;
	memcpy(id.b, v->t.data, sizeof(id.b));
	item = item_of(roll, &id);
	if (item == NULL)
		return;
	if (item->targets++ == 0) {
		item->record = rec->id;
		item->due_ms = td_ctl_roll_due(rec);
		item->best = item->worst = status;
		if (rec->step_count > 0)
			item->sent_ms = rec->steps[0].at_ms;
	}
	for (size_t i = 0; i < rec->step_count; i++)
		if (rec->steps[i].status == REP_DIR_ISSUED)
			item->sent_ms = rec->steps[i].at_ms;
	item->delivered += has_read(status) || rep_directive_delivered(td_ctl_node(call), rec, &at);
	item->acknowledged += has_read(status);
	item->done += status == REP_DIR_DONE || status == REP_DIR_CONFIRMED;
	item->overdue += td_ctl_roll_is_overdue(rec, roll->now_ms);
	item->open += rep_status_is_open(TR_KIND_DIRECTIVE, status);
	if (rep_status_rank(TR_KIND_DIRECTIVE, status) > rep_status_rank(TR_KIND_DIRECTIVE, item->best))
		item->best = status;
	if (rep_status_rank(TR_KIND_DIRECTIVE, status) < rep_status_rank(TR_KIND_DIRECTIVE, item->worst))
		item->worst = status;
}

static int read_records(struct td_ctl_call *call, struct td_ctl_roll *roll, uint64_t until_us)
{
	struct tr_rec_id id;
	int rc;

	while (td_sys_mono_us() < until_us) {
		rc = rep_next_record(td_ctl_view(call), TR_KIND_DIRECTIVE,
		    roll->has_after ? &roll->after : NULL, &id);
		if (rc == TR_E_NOTFOUND) {
			roll->records_done = true;
			return 0;
		}
		if (rc == 0)
			rc = td_ctl_load(call, TR_KIND_DIRECTIVE, &id);
		if (rc != 0)
			return rc;
		take_record(call, roll);
		roll->after = id;
		roll->has_after = true;
	}
	return TD_CTL_LATER;
}

static int read_conflicts(struct td_ctl_call *call, struct td_ctl_roll *roll, uint64_t until_us)
{
	struct rep_conflict found;
	int rc;

	while (td_sys_mono_us() < until_us) {
		rc = rep_next_conflict(td_ctl_view(call), &roll->conflict, &found);
		if (rc == TR_E_NOTFOUND)
			return 0;
		if (rc != 0)
			return rc;
		roll->conflicts++;
		if (roll->conflict_oldest_ms == 0 || found.since_ms < roll->conflict_oldest_ms)
			roll->conflict_oldest_ms = found.since_ms;
	}
	return TD_CTL_LATER;
}

static void free_roll(struct td_ctl_call *call)
{
	struct td_ctl_roll *roll = call->state;

	if (roll == NULL)
		return;
	free(roll->items);
	free(roll->slots);
	free(roll);
	call->state = NULL;
}

int td_ctl_roll_run(struct td_ctl_call *call, const struct td_ctl_roll **out)
{
	uint64_t until_us = td_sys_mono_us() + TD_CTL_SLICE_US;
	struct td_ctl_roll *roll = call->state;
	int rc = 0;

	if (roll == NULL) {
		roll = calloc(1, sizeof(*roll));
		if (roll == NULL)
			return TR_E_NOMEM;
		roll->now_ms = td_sys_wall().ms;
		call->state = roll;
		call->free_state = free_roll;
	}
	if (!roll->records_done)
		rc = read_records(call, roll, until_us);
	if (rc == 0)
		rc = read_conflicts(call, roll, until_us);
	if (rc == 0)
		*out = roll;
	return rc;
}

json_t *td_ctl_roll_conflicts(const struct td_ctl_roll *roll)
{
	json_t *o = json_object();

	td_ctl_put_int(o, "open", (int64_t)roll->conflicts);
	td_ctl_put_age(o, "oldest_age_seconds", roll->conflict_oldest_ms);
	return o;
}

json_t *td_ctl_roll_directives(const struct td_ctl_roll *roll)
{
	json_t *o = json_object();
	int64_t open = 0, overdue = 0;

	for (size_t i = 0; i < roll->count; i++) {
		open += roll->items[i].open > 0;
		overdue += roll->items[i].overdue > 0;
	}
	td_ctl_put_int(o, "open", open);
	td_ctl_put_int(o, "overdue", overdue);
	return o;
}
