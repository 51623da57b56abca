/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl_past -- how far back the changes are here, and what was dropped below
 * checkpoints (docs/protocol.md "Truncation"): for every view that would else
 * show less than there was without a word.
 */
#ifndef DAEMON_CTL_PAST_H
#define DAEMON_CTL_PAST_H

#include "daemon/ctl_int.h"

/* Over all domains (a scope and a lane) of this node. */
struct td_ctl_past {
	uint64_t domains, dropped; /* changes; an upper bound */
	uint64_t diverged;         /* domains whose state is another one than at the top node */
	uint64_t held_up;          /* ... in which something else stands in the way of dropping */
};
void td_ctl_past_sum(const struct td_ctl_call *call, struct td_ctl_past *out);
/* {"keep_seconds","dropped","diverged"} for `status`. */
json_t *td_ctl_past_json(const struct td_ctl_call *call, const struct td_ctl_past *past);
/* "dropped" of td_ctl_record(): null, or {"changes","until","checkpoint"}. */
void td_ctl_put_dropped(struct td_ctl_call *call, json_t *data);

#endif
