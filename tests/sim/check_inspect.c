/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a node tells people (rep_inspect_*, the look-ups, trace, verify)
 * agrees with itself, at any moment: the admin's tools show nothing else.
 */
#include "tests/sim/part.h"

#include <string.h>

#include "proto/err.h"
#include "replication/keys.h"

#define HEX_DIGITS 32

static void self_and_logs(struct sim_world *world, unsigned host)
{
	const struct rep_node *node = world->host[host].node;
	struct rep_unit_info unit;
	struct rep_log_info log, again;
	struct rep_self self;
	uint64_t own = 0;

	rep_inspect_self(node, &self);
	if (self.receipt_ops > self.own_ops || self.open_ops > self.own_ops)
		sim_fail(world, host, "inspect", "of %llu own ops %llu have a receipt, %u are open",
		    (unsigned long long)self.own_ops, (unsigned long long)self.receipt_ops, self.open_ops);
	for (size_t i = 0; rep_inspect_log(node, &i, &log);) {
		if (!rep_log_of(node, log.handle, &again) || again.handle != log.handle || again.seq != log.seq ||
		    again.id.inc != log.id.inc || again.id.scope.v != log.id.scope.v)
			sim_fail(world, host, "inspect", "log %u is not the one of its handle", log.handle);
		if (log.receipt_seq > log.seq || log.up_acked > log.seq)
			sim_fail(world, host, "inspect", "log %u is acknowledged beyond its end", log.handle);
		if (!rep_unit_get(node, log.id.author, &unit))
			sim_fail(world, host, "inspect", "log %u is by nobody", log.handle);
		own += log.id.author.v == self.cert.nid.v;
	}
	if (self.own_ops > self.open_ops && own == 0)
		sim_fail(world, host, "inspect", "own ops, but no own log");
	if (rep_log_of(node, 0, &log) || rep_log_of(node, UINT32_MAX, &log))
		sim_fail(world, host, "inspect", "a log that is not there");
}

static void units(struct sim_world *world, unsigned host)
{
	const struct rep_node *node = world->host[host].node;
	struct rep_unit_info unit;
	struct tr_nid found;
	unsigned self = 0;

	for (size_t i = 0; rep_inspect_unit(node, i, &unit); i++) {
		self += unit.is_self;
		if (rep_find_unit(node, unit.unit, &found) != 0 || found.v != unit.nid.v)
			sim_fail(world, host, "inspect", "%s is not found by its path", unit.unit);
		if (strrchr(unit.unit, '/') != NULL && rep_find_unit(node, strrchr(unit.unit, '/') + 1, &found) == TR_E_NOUNIT)
			sim_fail(world, host, "inspect", "%s is not found by its code", unit.unit);
		if (unit.in_subtree != rep_unit_is_under(node, unit.nid, world->host[host].nid))
			sim_fail(world, host, "inspect", "%s: subtree or not", unit.unit);
	}
	if (self != 1 || rep_find_unit(node, "", &found) != TR_E_NOUNIT || rep_find_unit(node, "no/such", &found) != TR_E_NOUNIT)
		sim_fail(world, host, "inspect", "a unit too many or too few");
}

static void links(struct sim_world *world, unsigned host)
{
	const struct sim_host *h = &world->host[host];
	struct rep_link_info link;
	unsigned parents = 0;

	for (size_t i = 0; rep_inspect_link(h->node, &h->view, i, &link); i++) {
		parents += link.is_parent;
		if ((link.waiting_ops == 0) != (link.oldest_ms == 0))
			sim_fail(world, host, "inspect", "%llu ops wait since %lld", (unsigned long long)link.waiting_ops,
			    (long long)link.oldest_ms);
		if (rep_link_state_name(link.state)[0] == '\0' || link.delay_p50_ms > link.delay_p95_ms)
			sim_fail(world, host, "inspect", "a link without a state, or delays upside down");
	}
	if (parents != (host != 0))
		sim_fail(world, host, "inspect", "%u parents", parents);
}

/* Listed under its record, and in effect there. */
static bool is_counted(const struct rep_view *view, const struct tr_rec_id *id, struct tr_dot dot)
{
	struct rep_key key = rep_key_ops(id, dot);
	struct tr_bytes row;

	return rep_get(view, REP_T_VIOLATION, rep_key_bytes(&key), &row) != 0 &&
	       rep_get(view, REP_T_LATER, rep_key_bytes(&key), &row) != 0;
}

static void ops_of(struct sim_world *world, unsigned host, const struct tr_rec_id *id)
{
	const struct sim_host *h = &world->host[host];
	struct rep_ops_cursor cursor = {.started = false};
	static struct rep_op op;
	struct rep_cause cause;
	struct rep_op_trace trace;
	uint32_t serial;
	unsigned count = 0;
	int rc;

	while ((rc = rep_record_op(h->node, &h->view, id, &cursor, &op, &cause, &serial)) == 0) {
		count++;
		if (memcmp(op.rec.b, id->b, sizeof(id->b)) != 0)
			sim_fail(world, host, "inspect", "an op of another record");
		if (rep_trace_op(h->node, &h->view, cause.dot, &trace) != 0 || trace.log.author.v != cause.author.v ||
		    (trace.receipt && !trace.in_segment))
			sim_fail(world, host, "inspect", "trace of an op does not fit it");
	}
	if (rc != TR_E_NOTFOUND || (count == 0 && !rep_is_truncated(h->node, &h->view, id)))
		sim_fail(world, host, "inspect", "%u ops of a record, then %s", count, tr_err_code(rc));
}

/* What is not here of a record's history was dropped, and is said to be. */
static void dropped_of(struct sim_world *world, unsigned host, uint8_t kind, const struct tr_rec_id *id)
{
	static struct rep_record rec;
	static struct rep_op op;
	const struct sim_host *h = &world->host[host];
	struct rep_ops_cursor cursor = {.started = false};
	struct rep_dropped dropped = {.ops = 0};
	struct rep_cut_info cut;
	struct rep_log_info log;
	struct rep_cause cause;
	uint32_t serial;
	uint64_t here = 0;

	if (sim_throws(world, sim_fault_find("rot")) || /* a row of yesterday counts less */
	    rep_record_load(&rec, &h->view, kind, id) != 0)
		return;
	while (rep_record_op(h->node, &h->view, id, &cursor, &op, &cause, &serial) == 0)
		here += rep_log_of(h->node, cause.dot.log, &log) && log.id.scope.v == rec.scope.v && log.id.lane == rec.lane &&
		    !rep_is_aside(h->node, cause.dot, &cut) && is_counted(&h->view, id, cause.dot);
	if (rep_record_dropped(h->node, &h->view, &rec, &dropped) &&
	    (!rep_is_truncated(h->node, &h->view, id) || dropped.until_ms == 0 || dropped.ckpt_ms == 0))
		sim_fail(world, host, "inspect", "ops of a record are missing, and were not dropped");
	if (here + dropped.ops != rec.version)
		sim_fail(world, host, "inspect", "version %u of a record: %llu ops are here, %llu were dropped", rec.version,
		    (unsigned long long)here, (unsigned long long)dropped.ops);
}

static void record(struct sim_world *world, unsigned host, uint8_t kind, const struct tr_rec_id *id)
{
	static const char digits[] = "0123456789abcdef";
	const struct sim_host *h = &world->host[host];
	char hex[HEX_DIGITS];
	struct tr_rec_id found[2];
	uint8_t kinds[2];

	for (unsigned i = 0; i < HEX_DIGITS; i++)
		hex[i] = digits[(id->b[i / 2] >> (i % 2 == 0 ? 4 : 0)) & 15];
	if (rep_find_prefix(&h->view, kind, hex, HEX_DIGITS, found, kinds, 2) != 1 ||
	    memcmp(found[0].b, id->b, sizeof(id->b)) != 0 || kinds[0] != kind)
		sim_fail(world, host, "inspect", "a record is not found by its id");
	if (rep_find_prefix(&h->view, 0, hex, 12, found, kinds, 2) == 0)
		sim_fail(world, host, "inspect", "a record is not found by the beginning of its id");
	ops_of(world, host, id);
	dropped_of(world, host, kind, id);
}

static void look(struct sim_world *world, unsigned host)
{
	const struct sim_host *h = &world->host[host];
	struct tr_rec_id id;
	bool any;

	if (h->node == NULL)
		return;
	self_and_logs(world, host);
	units(world, host);
	links(world, host);
	for (uint8_t kind = TR_KIND_CASE; kind <= TR_KIND_UNIT; kind++) {
		any = false;
		while (rep_next_record(&h->view, kind, any ? &id : NULL, &id) == 0) {
			any = true;
			record(world, host, kind, &id);
		}
	}
}

static struct sim_part part = {.name = "inspect", .look = look};
SIM_PART(part)
