/* SPDX-License-Identifier: Apache-2.0 */
/* A record that goes to another store, where logs have other handles. */
#include <string.h>

#include "proto/err.h"
#include "replication/record_int.h"

static void drop_shown(struct rep_record *rec)
{
	uint16_t at[TR_STEPS_MAX], kept = 0;

	for (uint16_t i = 0; i < rec->step_count; i++) {
		at[i] = kept;
		if ((rec->steps[i].flags & REP_STEP_VIOLATION) == 0)
			rec->steps[kept++] = rec->steps[i];
	}
	rec->step_count = kept;
	for (uint16_t i = 0; i < kept; i++)
		for (uint8_t k = 0; k < rec->steps[i].under_count; k++)
			rec->steps[i].under[k] = at[rec->steps[i].under[k]];
}

int rep_record_carry(struct rep_record *rec,
    uint32_t (*handle)(void *ctx, struct tr_nid author, uint64_t inc, uint64_t seq), void *ctx)
{
	drop_shown(rec);
	for (uint16_t i = 0; i < rec->cand_count; i++) {
		struct rep_cand *c = &rec->cands[i];

		c->dot.log = handle(ctx, c->author, c->inc, c->dot.seq);
		if (c->dot.log == UINT32_MAX)
			return TR_E_DAMAGED;
	}
	for (uint16_t i = 0; i < rec->step_count; i++) {
		struct rep_step *s = &rec->steps[i];

		s->dot.log = handle(ctx, s->author, s->inc, s->dot.seq);
		if (s->dot.log == UINT32_MAX)
			return TR_E_DAMAGED;
	}
	rep_record_find_created(rec);
	return 0;
}
