/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/base.h"

bool rep_base_may_prune(const struct rep_node *node, const struct rep_domain *domain)
{
	(void)node;
	(void)domain;
	return false;
}

bool rep_base_prune(struct rep_node *node, struct rep_domain *domain)
{
	(void)node;
	domain->prune_due = false;
	return true;
}
