/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl_roll -- directives rolled up from their records (one a target), and open
 * conflicts counted; in slices, so that the loop goes on.
 *
 * Owns:    the roll hangs on the call (call->state) until the call ends.
 * Limits:  TD_CTL_ROLL_MAX directives; more are counted, not listed.
 */
#ifndef DAEMON_CTL_ROLL_H
#define DAEMON_CTL_ROLL_H

#include "daemon/ctl_int.h"

#define TD_CTL_ROLL_MAX 20000

struct td_ctl_rolled { /* one directive */
	struct tr_rec_id id;
	struct tr_rec_id record; /* one of its records */
	uint32_t targets, delivered, acknowledged, done, overdue, open;
	int64_t sent_ms, due_ms;
	uint8_t best, worst; /* statuses, for a target's own rung */
};

struct td_ctl_roll {
	struct td_ctl_rolled *items; /* in order of their first record */
	size_t count, cap;
	uint32_t *slots; /* hash of id -> item + 1 */
	size_t slot_count;
	bool records_done;
	bool has_after;
	struct tr_rec_id after;
	struct rep_conflict_cursor conflict;
	uint64_t conflicts;
	int64_t conflict_oldest_ms;
	int64_t now_ms;
};

/* From a pump: TD_CTL_LATER until all is read, then 0 with the roll; errors of the store. */
TR_MUST_CHECK int td_ctl_roll_run(struct td_ctl_call *call, const struct td_ctl_roll **out);
json_t *td_ctl_roll_conflicts(const struct td_ctl_roll *roll);  /* {"open","oldest_age_seconds"} */
json_t *td_ctl_roll_directives(const struct td_ctl_roll *roll); /* {"open","overdue"} */
/* Business rules of one target's record, shared with `directive status`. */
bool td_ctl_roll_is_overdue(const struct rep_record *rec, int64_t now_ms);
int64_t td_ctl_roll_due(const struct rep_record *rec); /* 0 = none */

#endif
