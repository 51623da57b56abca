/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A second opinion on merge: folds a record naively, out of its ops and what
 * the books say that each had seen, and compares with what the core says.
 * Register groups and status: which values stand (11), how many at most (10),
 * which one is shown.
 *
 * A value stands when no other op of its group had seen it.
 */
#include "tests/sim/oracle.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "replication/status.h"

#include "tests/sim/sim.h"

#define ITEMS_MAX 1024
#define FIRST_STATUS 1 /* reported; issued: what a CREATE makes */

/* One op's value for one group. */
struct item {
	uint16_t group;
	unsigned op;             /* index among the record's ops */
	struct tr_dot dot;
	uint64_t author, inc, hlc;
	uint8_t level, clockq;
	int64_t status;
	enum rep_merge_kind merge;
	bool stands;
};

struct fold {
	uint8_t kind;
	bool is_complete;        /* the books know every op's past */
	bool has_aside;          /* a CUT sets some of its ops aside: as if they had never been written */
	bool is_cut;             /* ... did so for a while, perhaps: who wrote meanwhile stood elsewhere */
	struct sim_world *world;
	unsigned host, rec;
	unsigned count;
	struct item item[ITEMS_MAX];
};

static void add_item(struct fold *f, const struct rep_field *field, unsigned index, const struct rep_op *op,
    const struct rep_cause *cause)
{
	struct item *it;

	for (unsigned i = f->count; i-- > 0 && f->item[i].op == index;)
		if (f->item[i].group == field->group_id)
			return;
	TR_ASSERT(f->count < ITEMS_MAX);
	it = &f->item[f->count++];
	*it = (struct item){.group = field->group_id, .op = index, .dot = cause->dot, .author = cause->author.v,
	    .inc = cause->inc, .hlc = cause->hlc.v, .level = cause->level, .clockq = cause->clockq,
	    .merge = sim_policy_merge(f->world, f->host, field), .stands = true};
	if (field->merge != REP_MERGE_FLOW)
		return;
	it->status = op->kind == TR_OP_CREATE ? FIRST_STATUS : 0;
	for (unsigned i = 0; i < op->value_count; i++) {
		const struct rep_field *g = rep_schema_field(f->kind, op->values[i].field);

		if (g != NULL && g->type == REP_TYPE_STATUS)
			it->status = op->values[i].i;
	}
}

static void take_op(void *arg, unsigned index, const struct rep_op *op, const struct rep_cause *cause)
{
	struct fold *f = arg;
	struct rep_cut_info by;

	f->is_cut = f->is_cut || sim_seat_is_cut(f->world, f->host, cause->dot);
	if (rep_is_aside(f->world->host[f->host].node, cause->dot, &by)) {
		f->has_aside = true;
		return;
	}
	if (!f->world->oracle->rec[f->rec].op[index].has_past)
		f->is_complete = false;
	for (unsigned i = 0; i < op->value_count; i++) {
		const struct rep_field *field = rep_schema_field(f->kind, op->values[i].field);

		if (field == NULL || field->merge == REP_MERGE_SET || field->merge == REP_MERGE_LIST ||
		    field->merge == REP_MERGE_COUNT || strcmp(field->name, "at") == 0)
			continue; /* a time alone is no step */
		add_item(f, field, index, op, cause);
	}
	if (op->kind == TR_OP_CREATE && (f->kind == TR_KIND_CASE || f->kind == TR_KIND_DIRECTIVE))
		add_item(f, rep_schema_by_name(f->kind, "status", 6), index, op, cause);
}

static bool has_seen(const struct fold *f, const struct item *later, const struct item *earlier)
{
	const struct sim_op *op = &f->world->oracle->rec[f->rec].op[later->op];

	return (op->past[earlier->op / 64] >> (earlier->op % 64) & 1) != 0;
}

static void fold(struct fold *f)
{
	for (unsigned i = 0; i < f->count; i++)
		for (unsigned k = 0; k < f->count; k++)
			if (f->item[k].group == f->item[i].group && has_seen(f, &f->item[k], &f->item[i]))
				f->item[i].stands = false;
}

/* The table of docs/protocol.md, written down a second time. */
static const int CASE_RANK[] = {0, 10, 20, 25, 30, 35, 40, 45, 50, 50, 55, 60, 65, 70, 80, 90};
static const int DIRECTIVE_RANK[] = {0, 10, 20, 30, 35, 50, 60, 55, 80, 80};

static int rank(const struct fold *f, int64_t status)
{
	uint8_t kind = f->kind;
	size_t n = kind == TR_KIND_CASE ? sizeof(CASE_RANK) / sizeof(int) : sizeof(DIRECTIVE_RANK) / sizeof(int);

	if (status < 0 || (size_t)status >= n)
		return -1;
	return sim_policy_rank(f->world, f->host, kind, status,
	    kind == TR_KIND_CASE ? CASE_RANK[status] : DIRECTIVE_RANK[status]);
}

#define BY(a, b)                                                                                                       \
	do {                                                                                                           \
		if ((a) != (b))                                                                                        \
			return (a) > (b);                                                                              \
	} while (0)

/* True if x is shown rather than y. */
static bool wins(const struct fold *f, const struct item *x, const struct item *y)
{
	if (f->kind == TR_KIND_CASE)
		BY(x->status == REP_CASE_MOVED, y->status == REP_CASE_MOVED);
	if (x->merge == REP_MERGE_FLOW)
		BY(rank(f, x->status), rank(f, y->status));
	if (x->merge == REP_MERGE_FLOW || x->merge == REP_MERGE_AUTH)
		BY(-(int)x->level, -(int)y->level);
	if (x->merge == REP_MERGE_GROUND)
		BY(x->level, y->level);
	if (x->merge == REP_MERGE_LWW || x->merge == REP_MERGE_ASK)
		BY(x->clockq > 0, y->clockq > 0);
	BY(x->hlc, y->hlc);
	BY(-(int)x->level, -(int)y->level);
	BY(x->author, y->author);
	BY(x->inc, y->inc);
	return x->dot.seq > y->dot.seq;
}

static const struct item *winner(const struct fold *f, uint16_t group)
{
	const struct item *best = NULL;

	for (unsigned i = 0; i < f->count; i++)
		if (f->item[i].group == group && f->item[i].stands &&
		    (best == NULL || wins(f, &f->item[i], best)))
			best = &f->item[i];
	return best;
}

static unsigned standing(const struct fold *f, uint16_t group)
{
	unsigned n = 0;

	for (unsigned i = 0; i < f->count; i++)
		n += f->item[i].group == group && f->item[i].stands;
	return n;
}

static bool stands(const struct fold *f, uint16_t group, struct tr_dot dot)
{
	for (unsigned i = 0; i < f->count; i++)
		if (f->item[i].group == group && f->item[i].stands && f->item[i].dot.log == dot.log &&
		    f->item[i].dot.seq == dot.seq)
			return true;
	return false;
}

/* What the books hold against the record, before a failure is reported. */
static void dump(const struct fold *f, uint16_t group)
{
	const struct sim_rec *rec = &f->world->oracle->rec[f->rec];

	for (unsigned i = 0; i < f->count; i++) {
		const struct item *it = &f->item[i];
		unsigned host = sim_host_of(f->world, (struct tr_nid){it->author});

		if (it->group != group)
			continue;
		fprintf(stderr, "  op %u w%" PRIu64 " by %s inc %04x lane %u seq %" PRIu64 " hlc %" PRIx64 " status %d%s seen:",
		    it->op, rec->op[it->op].ticket, host == SIM_NONE ? "?" : f->world->host[host].name,
		    (unsigned)(it->inc & 0xffff), rec->op[it->op].log.lane, it->dot.seq, it->hlc, (int)it->status,
		    it->stands ? " stands" : "");
		for (unsigned k = 0; k < f->count; k++)
			if (f->item[k].group == group && has_seen(f, it, &f->item[k]))
				fprintf(stderr, " %u", f->item[k].op);
		fputc('\n', stderr);
	}
}

static void compare_group(const struct fold *f, const struct rep_record *rec, uint16_t group, bool is_flow)
{
	uint16_t at[TR_STEPS_MAX];
	size_t n = is_flow ? rep_record_steps_alive(rec, at, TR_STEPS_MAX)
			   : rep_record_cands(rec, group, at, TR_STEPS_MAX);
	const struct item *best = winner(f, group);
	struct tr_dot shown;
	int index;

	if (n != standing(f, group))
		dump(f, group);
	if (n != standing(f, group))
		sim_fail(f->world, f->host, "11", "group %u has %zu values, by the books %u", group, n,
		    standing(f, group));
	if (n > f->world->host[f->world->oracle->rec[f->rec].home].level + 1u + f->world->counts.restores)
		sim_fail(f->world, f->host, "10", "group %u has %zu values", group, n);
	for (size_t i = 0; i < n; i++)
		if (!stands(f, group, is_flow ? rec->steps[at[i]].dot : rec->cands[at[i]].dot)) {
			dump(f, group);
			sim_fail(f->world, f->host, "11", "group %u shows a value that was overwritten", group);
		}
	index = is_flow ? rep_record_step_shown(rec) : rep_record_shown(rec, group);
	if ((index < 0) != (best == NULL))
		sim_fail(f->world, f->host, "26", "group %u: shown and the books differ", group);
	if (index < 0)
		return;
	shown = is_flow ? rec->steps[index].dot : rec->cands[index].dot;
	if (shown.log != best->dot.log || shown.seq != best->dot.seq)
		sim_fail(f->world, f->host, "26", "group %u of %s shows the wrong one of %zu values", group,
		    rep_schema_kind_name(f->kind), n);
}

void sim_check_fold(struct sim_world *world, unsigned host, unsigned r)
{
	struct rep_record *rec = world->oracle->scratch2;
	struct fold *f = malloc(sizeof(*f));

	TR_ASSERT(f != NULL);
	f->world = world;
	f->host = host;
	f->rec = r;
	f->kind = world->oracle->rec[r].kind;
	f->count = 0;
	f->is_complete = true;
	f->has_aside = f->is_cut = false;
	sim_oracle_ops(world, host, r, take_op, f);
	rec->policy = rep_policy_of(world->host[host].node);
	if (rep_record_find(rec, &world->host[host].view, &world->oracle->rec[r].id) != 0) {
		if (!f->has_aside)
			sim_fail(world, host, "7", "a record went away");
		free(f);
		return;
	}
	if (rec->violations != 0 && f->is_cut) {
		free(f);
		return;
	}
	sim_check_rows(world, host, r);
	if (rec->violations != 0)
		sim_fail(world, host, "7", "%u violations among honest nodes", rec->violations);
	fold(f);
	for (size_t i = 0; f->is_complete; i++) {
		const struct rep_field *field = rep_schema_at(f->kind, i);

		if (field == NULL)
			break;
		if (field->id != field->group_id || field->merge == REP_MERGE_SET || field->merge == REP_MERGE_LIST ||
		    field->merge == REP_MERGE_COUNT || field->merge == REP_MERGE_FIXED)
			continue;
		compare_group(f, rec, field->group_id, field->merge == REP_MERGE_FLOW);
	}
	free(f);
}
