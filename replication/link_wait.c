/* SPDX-License-Identifier: Apache-2.0 */
/* What a link costs, and how long it waits: for an answer, before it dials again. */
#include "replication/link.h"

bool rep_link_is_metered(const struct rep_link *link)
{
	return link->profile == TR_PROFILE_METERED || link->profile == TR_PROFILE_BURST;
}

void rep_link_profile(struct rep_link *link, enum tr_profile profile)
{
	link->profile = profile;
	link->credit = rep_link_is_metered(link) ? TR_CREDIT_METERED : TR_CREDIT_FIBRE;
	link->beat_s = rep_link_is_metered(link) ? TR_BEAT_METERED_S : TR_BEAT_FIBRE_S;
}

void rep_link_patience(struct rep_node *node, struct rep_link *link)
{
	link->deadline_ms = node->mono_ms + (rep_link_is_metered(link) ? TR_HANDSHAKE_METERED_MS : TR_HANDSHAKE_MS);
}

/* Doubling, with jitter, so that a street's 30 leaves do not come back as one. */
void rep_link_backoff(struct rep_node *node, struct rep_link *link, bool refused)
{
	uint32_t low = rep_link_is_metered(link) ? TR_BACKOFF_METERED_MIN_MS : TR_BACKOFF_MIN_MS;
	uint32_t high = rep_link_is_metered(link) ? TR_BACKOFF_METERED_MAX_MS : TR_BACKOFF_MAX_MS;
	uint32_t jitter_percent = 20;
	uint64_t spread;

	if (refused) {
		low = TR_BACKOFF_REFUSED_MIN_MS;
		high = TR_BACKOFF_REFUSED_MAX_MS;
		jitter_percent = 50;
	}
	link->backoff_ms = link->backoff_ms == 0 ? low : link->backoff_ms * 2;
	if (link->backoff_ms < low)
		link->backoff_ms = low;
	if (link->backoff_ms > high)
		link->backoff_ms = high;
	spread = (uint64_t)link->backoff_ms * jitter_percent / 100;
	link->next_try_ms = node->mono_ms + (int64_t)(link->backoff_ms - spread +
	    rep_rng_below(&node->rng, 2 * spread + 1));
}
