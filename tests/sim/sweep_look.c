/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All that a node tells people, over a store whose calls fail or whose rows are
 * other ones.  Whatever it answers, it comes back, frees what it took, and has changed nothing.
 */
#include "tests/sim/sweep.h"

#include <string.h>

#include "proto/err.h"
#include "tests/lib/nomem.h"

#define RECORDS_MAX 6 /* of a kind */
#define OPS_MAX 8     /* of a record */
#define SEGS_MAX 4    /* of a log */

static void ops_of(const struct rep_node *node, const struct rep_view *view, const struct rep_record *rec, bool late)
{
	struct rep_ops_cursor cursor = {.started = false};
	static struct rep_op op;
	struct rep_cause cause;
	struct rep_op_trace trace;
	struct rep_cut_info cut;
	uint32_t serial;

	for (unsigned i = 0; i < OPS_MAX; i++) {
		int rc = late ? rep_record_late(node, view, rec, &cursor, &op, &cause, &serial)
			      : rep_record_op(node, view, &rec->id, &cursor, &op, &cause, &serial);

		if (rc != 0 || rep_trace_op(node, view, cause.dot, &trace) != 0)
			return;
		(void)rep_is_aside(node, cause.dot, &cut);
	}
}

static void record(const struct rep_node *node, const struct rep_view *view, uint8_t kind, const struct tr_rec_id *id)
{
	static struct rep_record rec;
	const struct rep_value *one, *two;
	struct tr_rec_id found[2], of;
	struct rep_dropped dropped;
	struct tr_hlc at;

	if (rep_record_load(&rec, view, kind, id) != 0)
		return;
	ops_of(node, view, &rec, false);
	ops_of(node, view, &rec, true);
	one = rep_record_value(&rec, 1); /* source; directive_id */
	two = rep_record_value(&rec, 2); /* source_id */
	if (kind == TR_KIND_CASE && one != NULL && two != NULL)
		(void)rep_find_source(view, one->t, two->t, found, 2);
	if (kind == TR_KIND_DIRECTIVE)
		(void)rep_directive_delivered(node, &rec, &at);
	if (kind == TR_KIND_DIRECTIVE && one != NULL && one->t.size == sizeof(of.b)) {
		memcpy(of.b, one->t.data, sizeof(of.b));
		(void)rep_find_directive(view, &of, NULL, found, 2);
	}
	(void)rep_later_has(view, id);
	(void)rep_record_dropped(node, view, &rec, &dropped);
}

static void records(const struct rep_node *node, const struct rep_view *view)
{
	struct rep_conflict_cursor cursor = {.started = false};
	struct rep_conflict conflict;
	struct tr_rec_id id, found[4];
	uint8_t kinds[4];

	for (uint8_t kind = TR_KIND_CASE; kind <= TR_KIND_UNIT; kind++)
		for (unsigned i = 0; i < RECORDS_MAX && rep_next_record(view, kind, i == 0 ? NULL : &id, &id) == 0; i++)
			record(node, view, kind, &id);
	(void)rep_find_prefix(view, 0, "00000000", 8, found, kinds, 4);
	while (rep_next_conflict(view, &cursor, &conflict) == 0)
		;
}

static void logs(const struct rep_node *node, const struct rep_view *view)
{
	struct rep_verify_sum sum = {0};
	struct rep_log_info log;
	uint64_t next;

	for (size_t i = 0; rep_inspect_log(node, &i, &log);)
		if (rep_verify_log(node, view, log.handle, 1, SEGS_MAX, &next, &sum) != 0)
			return;
}

static void verify(const struct rep_node *node, const struct rep_view *view)
{
	struct rep_verify_cursor cursor = {0};
	struct rep_verify_sum sum = {0};
	struct rep_fault fault;
	bool found;

	for (unsigned i = 0; i < 1000 && rep_verify_next(node, view, &cursor, 7, &fault, &found, &sum) == 0; i++)
		;
}

static int into_nothing(void *ctx, struct tr_bytes msg)
{
	(void)ctx;
	return msg.size != 0 ? 0 : TR_E_INPUT;
}

static void tell(struct rep_node *node, const struct rep_view *view, struct tr_nid peer)
{
	static struct rep_policy_doc doc;
	struct rep_evidence_info evidence;
	struct rep_ckpt_info ckpt;
	struct rep_link_info link;
	struct rep_unit_info unit;
	struct rep_cut_info cut;
	struct tr_bytes cert;

	for (size_t i = 0; rep_inspect_link(node, view, i, &link); i++)
		;
	for (size_t i = 0; rep_inspect_unit(node, i, &unit); i++)
		(void)!rep_cert_of(view, unit.nid, &cert);
	for (size_t i = 0; rep_inspect_ckpt(node, i, &ckpt); i++)
		(void)rep_dropped_until(node, view, ckpt.scope, ckpt.lane);
	for (size_t i = 0; rep_inspect_cut(node, i, &cut); i++)
		;
	for (size_t i = 0; rep_inspect_evidence(node, view, i, &evidence); i++)
		;
	(void)!rep_policy_document(view, &doc);
	records(node, view);
	logs(node, view);
	verify(node, view);
	(void)!rep_bundle_export(node, view, peer, (struct tr_wall_ms){SIM_WALL_BASE}, into_nothing, NULL);
}

void sim_sweep_look(struct sim_world *world)
{
	for (unsigned i = 0; i < world->host_count && world->conf.sweep != NULL; i++) {
		struct sim_host *h = &world->host[i];
		struct nomem_account *was;

		if (h->node == NULL)
			continue;
		memview_begin(h->store);
		sim_sweep_begin(world, i, NULL);
		was = nomem_charge(&h->memory);
		nomem_hold(false);
		tell(h->node, &h->core_view, world->host[i != 0 ? h->parent : world->host_count - 1].nid);
		nomem_hold(true);
		(void)nomem_charge(was);
		sim_sweep_looked(world, i);
		memview_rollback(h->store);
	}
}
