/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the ops of a record make of it when they are folded again is what the
 * node made of them one by one, in the order in which they came (7).  And a
 * checkpoint finds it: it is among the records of its domain (15).
 */
#include "tests/sim/sim.h"

#include <string.h>

#include "proto/err.h"
#include "replication/base.h"
#include "replication/record.h"
#include "replication/refold.h"
#include "tests/sim/oracle.h"

#define OVERLAY_BYTES ((size_t)8 << 20)

static void check_one(struct sim_world *world, unsigned host, const struct tr_rec_id *id, struct rep_overlay *overlay)
{
	const struct sim_host *h = &world->host[host];
	bool equal = false;
	int rc;

	if (rep_later_has(&h->view, id))
		return; /* part of it waits for an upgrade */
	rep_overlay_reset(overlay);
	rc = rep_refold(h->node, &h->view, id, NULL, overlay);
	if (rc == 0)
		rc = rep_refold_compare(&h->view, id, overlay, &equal);
	if (rc != 0)
		sim_fail(world, host, "7", "a record cannot be folded again: %s", tr_err_code(rc));
	if (!equal)
		sim_fail(world, host, "7", "a record folded again is another one");
}

static void check_listed(struct sim_world *world, unsigned host, uint8_t kind, const struct tr_rec_id *id)
{
	const struct sim_host *h = &world->host[host];
	struct rep_base_entry before = {.id = *id, .kind = (uint8_t)(kind - 1)}, entry;
	const struct rep_domain *domain;
	struct tr_nid scope;
	struct tr_bytes row;
	uint8_t key[17], lane;

	key[0] = kind;
	memcpy(key + 1, id->b, 16);
	if (rep_get(&h->view, REP_T_REC, rep_bytes(key, sizeof(key)), &row) != 0 || !rep_record_home(row, &scope, &lane))
		sim_fail(world, host, "7", "a record has no row that can be read");
	domain = rep_base_find(h->node, scope, lane);
	if (domain == NULL || rep_base_next(&h->view, domain, &before, &entry) != 0 || entry.kind != kind ||
	    memcmp(entry.id.b, id->b, 16) != 0)
		sim_fail(world, host, "15", "a record is not among those of its domain");
}

void sim_check_refold(struct sim_world *world, unsigned host)
{
	const struct rep_view *view = &world->host[host].view;
	struct rep_overlay *overlay = rep_overlay_create(view, OVERLAY_BYTES);

	TR_ASSERT(overlay != NULL);
	for (uint8_t kind = TR_KIND_CASE; kind <= TR_KIND_UNIT; kind++) {
		struct tr_rec_id id, last, *after = NULL;

		for (; rep_next_record(view, kind, after, &id) == 0; after = &last) {
			last = id;
			check_one(world, host, &id, overlay);
			check_listed(world, host, kind, &id);
		}
	}
	rep_overlay_free(overlay);
}

/* A healthy store raises no alarm when it is looked through. */
void sim_check_verify(struct sim_world *world, unsigned host)
{
	const struct sim_host *h = &world->host[host];
	struct rep_verify_cursor cursor = {0};
	struct rep_verify_sum sum = {0};
	struct rep_fault fault;
	bool found;
	int rc;

	do {
		rc = rep_verify_next(h->node, &h->view, &cursor, 7, &fault, &found, &sum);
		if (rc == 0 && found)
			sim_fail(world, host, "7", "verify finds a fault of a healthy store: %s, %s",
			    rep_fault_name(fault.what), fault.rc != 0 ? tr_err_code(fault.rc) : "differs");
	} while (rc == 0);
	if (rc != TR_E_NOTFOUND || sum.unjudged != 0)
		sim_fail(world, host, "7", "verify does not come to its end: %s", tr_err_code(rc));
}
