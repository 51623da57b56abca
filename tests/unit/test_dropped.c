/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: a node that once computed another state than the top node drops nothing
 * of that domain until a later checkpoint agrees, also over a start; what stands
 * in the way is said; what was dropped is counted by record and by verify.
 * Method: a street; the test speaks for the top node, whose checkpoints are right
 * or wrong as the test wants them.
 */
// needs: tests/lib/rig.o tests/lib/memview.o
#include "tests/unit/unit.h"

#include "proto/err.h"
#include "replication/ckpt.h"
#include "replication/ckpt_op.h"
#include "replication/log.h"
#include "replication/prune.h"
#include "tests/lib/rig.h"

#define SEGS 8

/* The top node's log in the street's scope, one op a segment. */
struct scene {
	struct rig r;
	struct tr_log_id id;
	struct rep_log *log; /* the core's */
	struct tr_hash hash[SEGS];
	unsigned count, ckpts;
};

static void add(struct scene *s, const struct rep_op *op)
{
	static uint8_t entry[REP_CKPT_OP_BYTES_MAX + 512], bytes[REP_CKPT_OP_BYTES_MAX + 1024];
	struct tr_bytes body = {entry, rep_op_encode(op, entry, sizeof(entry))};
	struct rig_seg seg = {RIG_TOP, s->id, 1, s->count + 1u, &body, 1, {{0}}, 1};
	struct tr_bytes made;

	if (s->count > 0)
		seg.prev = s->hash[s->count - 1];
	made = rig_segment(&s->r, &seg, bytes, sizeof(bytes), &s->hash[s->count]);
	s->count++;
	rig_segs(&s->r, &made, 1);
	assert_int_equal(s->r.rc, 0);
	s->log = rep_log_find(s->r.node, &s->id);
	assert_int_equal(s->log->seq, s->count);
}

static struct rep_op title(uint32_t kind, const char *text)
{
	struct rep_op op = {.kind = kind, .has_body = true, .type = TR_KIND_CASE, .rec = {{1, 2, 3}}, .value_count = 1};

	op.values[0] = (struct rep_value){14, TR_ACT_SET, REP_VALUE_TEXT, 0, UNIT_TEXT(text)};
	return op;
}

static void connect(struct scene *s)
{
	s->r.welcome_ms = s->r.wall_ms + 200000; /* when it is sent: the clocks are the same */
	rig_connect(&s->r, RIG_TOP);
	rig_logdef(&s->r, 1, s->id);
}

static void begin(struct scene *s)
{
	struct rep_op op = title(TR_OP_CREATE, "lamp");

	memset(s, 0, sizeof(*s));
	rig_begin(&s->r, RIG_STREET);
	s->id = (struct tr_log_id){s->r.party[RIG_TOP].nid, 5, s->r.party[RIG_STREET].nid, TR_LANE_R};
	connect(s);
	add(s, &op);
}

/* The root of all that the core holds of the domain now. */
static void root_now(struct scene *s, struct rep_ckpt_op *out)
{
	const struct rep_domain *domain = rep_base_find(s->r.node, s->id.scope, s->id.lane);
	struct rep_base *base = rep_base_now(s->r.node, domain);
	struct rep_ckpt_root *root = malloc(sizeof(*root));
	struct rep_record *rec = calloc(1, sizeof(*rec));
	struct rep_base_entry entry;
	struct tr_hash hash;
	bool was_there;
	int rc;

	assert_non_null(base);
	assert_non_null(root);
	assert_non_null(rec);
	rep_ckpt_root_begin(root);
	for (rc = rep_base_next(&s->r.view, domain, NULL, &entry); rc == 0; rc = rep_base_next(&s->r.view, domain, &entry, &entry)) {
		assert_int_equal(rep_ckpt_state(s->r.node, &s->r.view, base, &entry, rec, &hash, &was_there), 0);
		rep_ckpt_root_add(root, rec, &hash);
	}
	assert_int_equal(rc, TR_E_NOTFOUND);
	out->records = root->records;
	rep_ckpt_root_end(root, s->id.scope, s->id.lane, &out->root);
	free(rec);
	free(root);
	free(base);
}

enum ckpt { RIGHT, ANOTHER_STATE, ANOTHER_PAST };

/* The top node's next checkpoint; the core has time to compare. */
static void checkpoint(struct scene *s, enum ckpt how)
{
	static uint8_t bytes[REP_CKPT_OP_BYTES_MAX];
	struct rep_ckpt_op c = {.state_ver = TR_STATE_VER, .number = ++s->ckpts, .count = 1};
	struct rep_op op = {.kind = TR_OP_CKPT, .has_body = true, .type = TR_KIND_CKPT, .value_count = 1};

	root_now(s, &c);
	c.root.b[0] ^= how == ANOTHER_STATE;
	c.f[0] = (struct rep_ckpt_log){.author = s->id.author, .inc = s->id.inc, .seq = s->count};
	memcpy(c.f[0].h16, s->hash[s->count - 1].b, sizeof(c.f[0].h16));
	c.f[0].h16[3] ^= how == ANOTHER_PAST;
	op.values[0] = (struct rep_value){.field = REP_CKPT_OP_FIELD, .type = REP_VALUE_BYTES,
	    .t = {bytes, rep_ckpt_op_encode(&c, bytes, sizeof(bytes))}};
	add(s, &op);
	for (int i = 0; i < 4; i++)
		rig_wait(&s->r, 10);
	assert_int_equal(s->r.rc, 0);
}

static struct rep_ckpt_info info_of(const struct scene *s)
{
	struct rep_ckpt_info info;

	for (size_t i = 0; rep_inspect_ckpt(s->r.node, i, &info); i++)
		if (info.scope.v == s->id.scope.v && info.lane == s->id.lane)
			return info;
	fail_msg("the domain is not listed");
	return info;
}

/* The top node and the parent (here the same) say that they have it all; time goes by. */
static void receipted(struct scene *s)
{
	s->log->receipt_seq = s->log->way[REP_WAY_UP].acked = s->count;
	rep_set_keep(s->r.node, 1);
	s->r.node->prune_ops = 1;
	for (int i = 0; i < 20; i++)
		rig_wait(&s->r, 10000);
	assert_int_equal(s->r.rc, 0);
}

static void nothing_goes_while_the_states_differ(void **state)
{
	struct rep_op op = title(TR_OP_SET, "two lamps");
	static struct scene s;

	(void)state;
	begin(&s);
	assert_int_equal(info_of(&s).hold, REP_HOLD_NO_CKPT);
	checkpoint(&s, RIGHT);
	assert_int_equal(s.r.traces[REP_TRACE_CKPT], 1);
	assert_int_equal(info_of(&s).hold, REP_HOLD_UNSEEN);
	add(&s, &op);
	checkpoint(&s, ANOTHER_STATE);
	assert_int_equal(s.r.traces[REP_TRACE_CKPT_DIFFERS], 1);
	assert_int_equal(info_of(&s).hold, REP_HOLD_DIFFERS);
	assert_true(info_of(&s).is_diverged);
	assert_int_equal(info_of(&s).number, 1);
	receipted(&s);
	assert_int_equal(s.log->low, 0);
	/* it is not forgotten */
	assert_int_equal(rig_restart(&s.r), 0);
	s.log = rep_log_find(s.r.node, &s.id);
	assert_true(info_of(&s).is_diverged);
	receipted(&s);
	assert_int_equal(s.log->low, 0);
	assert_int_equal(s.r.traces[REP_TRACE_TRUNCATED], 0);
	assert_int_equal(rep_dropped_until(s.r.node, &s.r.view, s.id.scope, s.id.lane), 0);
	/* the next one is equal again */
	connect(&s);
	op = title(TR_OP_SET, "three lamps");
	add(&s, &op);
	checkpoint(&s, RIGHT);
	assert_false(info_of(&s).is_diverged);
	assert_int_equal(info_of(&s).number, 3);
	receipted(&s);
	assert_true(s.r.traces[REP_TRACE_TRUNCATED] > 0);
	assert_int_equal(s.log->low, s.count - 1);
	rig_end(&s.r);
}

/* Nobody's clock is behind it since the start: it may be years ahead. */
static void nothing_goes_by_a_clock_of_its_own(void **state)
{
	static struct scene s;

	(void)state;
	begin(&s);
	checkpoint(&s, RIGHT);
	assert_int_equal(rig_restart(&s.r), 0);
	s.log = rep_log_find(s.r.node, &s.id);
	receipted(&s);
	assert_int_equal(s.log->low, 0);
	connect(&s);
	receipted(&s);
	assert_int_equal(s.log->low, 1);
	rig_end(&s.r);
}

/* What was begun under one setting does not end under another. */
static void all_is_kept_from_the_moment_it_is_said(void **state)
{
	static struct scene s;

	(void)state;
	begin(&s);
	for (int i = 0; i < 3; i++) {
		struct rep_op op = title(TR_OP_SET, i == 0 ? "a" : i == 1 ? "b" : "c");

		add(&s, &op);
	}
	checkpoint(&s, RIGHT);
	s.log->receipt_seq = s.log->way[REP_WAY_UP].acked = s.count;
	rep_set_keep(s.r.node, 1);
	s.r.node->prune_ops = 1;
	rig_wait(&s.r, 1000); /* it is due now */
	assert_true(s.r.node->prune != NULL || s.r.node->prune_left > 0);
	rep_set_keep(s.r.node, 0);
	assert_true(s.r.node->prune == NULL && s.r.node->prune_left == 0);
	assert_true(rep_prune_deadline(s.r.node) == INT64_MAX);
	for (int i = 0; i < 20; i++)
		rig_wait(&s.r, 5000);
	assert_int_equal(s.log->low, 0);
	rep_set_keep(s.r.node, 1);
	for (int i = 0; i < 20; i++)
		rig_wait(&s.r, 5000);
	assert_int_equal(s.log->low, 4);
	rig_end(&s.r);
}

static void a_frontier_that_is_not_here_holds_it_up(void **state)
{
	static struct scene s;

	(void)state;
	begin(&s);
	checkpoint(&s, RIGHT);
	checkpoint(&s, ANOTHER_PAST);
	assert_int_equal(s.r.traces[REP_TRACE_CKPT_DIFFERS], 1);
	assert_true(info_of(&s).is_diverged);
	receipted(&s);
	assert_int_equal(s.log->low, 0);
	assert_int_equal(rig_restart(&s.r), 0);
	assert_int_equal(info_of(&s).hold, REP_HOLD_DIFFERS);
	rig_end(&s.r);
}

static void what_was_dropped_is_counted(void **state)
{
	static const struct tr_rec_id id = {{1, 2, 3}};
	struct rep_op op = title(TR_OP_SET, "two lamps");
	struct rep_record *rec = calloc(1, sizeof(*rec));
	struct rep_verify_cursor cursor = {0};
	struct rep_verify_sum sum = {0};
	struct rep_dropped dropped;
	struct rep_fault fault;
	static struct scene s;
	struct rep_self self;
	bool found;

	(void)state;
	assert_non_null(rec);
	begin(&s);
	add(&s, &op);
	checkpoint(&s, RIGHT);
	assert_int_equal(rep_record_load(rec, &s.r.view, TR_KIND_CASE, &id), 0);
	assert_false(rep_record_dropped(s.r.node, &s.r.view, rec, &dropped));
	receipted(&s);
	rep_inspect_self(s.r.node, &self);
	assert_true(self.dropped_bytes > 0);
	assert_int_equal(rig_restart(&s.r), 0);
	connect(&s);
	op = title(TR_OP_SET, "three lamps");
	add(&s, &op);
	assert_int_equal(rep_record_load(rec, &s.r.view, TR_KIND_CASE, &id), 0);
	assert_true(rep_record_dropped(s.r.node, &s.r.view, rec, &dropped));
	assert_int_equal(dropped.ops, 2);
	assert_true(dropped.until_ms > 0 && dropped.until_ms <= dropped.ckpt_ms);
	assert_int_equal(dropped.until_ms, rep_dropped_until(s.r.node, &s.r.view, s.id.scope, s.id.lane));
	assert_int_equal(info_of(&s).dropped, 2);
	assert_int_equal(info_of(&s).hold, REP_HOLD_NONE);
	while (rep_verify_next(s.r.node, &s.r.view, &cursor, 64, &fault, &found, &sum) == 0)
		assert_false(found);
	assert_int_equal(sum.dropped, 2);
	free(rec);
	rig_end(&s.r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nothing_goes_while_the_states_differ),
	    cmocka_unit_test(nothing_goes_by_a_clock_of_its_own),
	    cmocka_unit_test(all_is_kept_from_the_moment_it_is_said),
	    cmocka_unit_test(a_frontier_that_is_not_here_holds_it_up),
	    cmocka_unit_test(what_was_dropped_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
