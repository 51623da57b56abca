/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/reach.h"

#define DARK_S_MAX 1000000000u /* 30 years; a hostile parent may say anything */
#define BEATS_SURE 2           /* so long a parent that says nothing is believed to be there */

static bool is_heard(const struct rep_node *node)
{
	const struct rep_link *up = node->links[0];

	return up->state == REP_LINK_LIVE && node->parent_dark_s == 0 &&
	       node->mono_ms - up->rx_ms <= (int64_t)up->beat_s * 1000 * BEATS_SURE;
}

/* It has been so since then, however late it is known: what was counted since was no contact. */
static void broke(struct rep_node *node, int64_t since_ms)
{
	int64_t from_ms = since_ms > node->contact_from_ms ? since_ms : node->contact_from_ms;

	if (node->in_contact && from_ms < node->mono_ms)
		node->contact_ms -= node->mono_ms - from_ms;
	node->in_contact = false;
	node->whole_mono_ms = since_ms;
}

void rep_reach_pass(struct rep_node *node)
{
	int64_t passed_ms = node->mono_ms - node->reach_mono_ms;
	bool on_sticks = node->profile == TR_PROFILE_STICK; /* it has no session: all its time counts */

	node->reach_mono_ms = node->mono_ms;
	if (node->links[0]->state == REP_LINK_LIVE || on_sticks)
		node->session_ms += passed_ms;
	if (node->in_contact || on_sticks)
		node->contact_ms += passed_ms;
	if (node->in_contact && !is_heard(node))
		broke(node, node->links[0]->rx_ms);
	if (!node->in_contact && is_heard(node)) {
		node->in_contact = true;
		node->contact_from_ms = node->mono_ms;
	}
}

bool rep_reach_is_whole(const struct rep_node *node)
{
	return node->is_top || node->in_contact;
}

uint32_t rep_reach_dark_s(const struct rep_node *node)
{
	int64_t dark_s = (node->mono_ms - node->whole_mono_ms) / 1000 + 1;

	if (rep_reach_is_whole(node))
		return 0;
	return dark_s < DARK_S_MAX ? (uint32_t)dark_s : DARK_S_MAX;
}

void rep_reach_take(struct rep_node *node, uint32_t dark_s)
{
	uint32_t bounded_s = dark_s < DARK_S_MAX ? dark_s : DARK_S_MAX;

	if (bounded_s == 0)
		node->parent_dark_s = 0;
	rep_reach_pass(node);
	if (bounded_s != 0)
		broke(node, node->mono_ms - (int64_t)bounded_s * 1000);
	node->parent_dark_s = bounded_s;
}
