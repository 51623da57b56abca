/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: a checkpoint that names what is here is compared, one that names
 * another history or none is said so, and neither costs more than its op. */
// needs: tests/lib/rig.o tests/lib/memview.o
#include "tests/unit/unit.h"

#include "proto/err.h"
#include "replication/base.h"
#include "replication/ckpt_op.h"
#include "replication/log.h"
#include "replication/node.h"
#include "tests/lib/rig.h"

static struct rig r;
static struct tr_hash prev;
static uint64_t seq;
static struct tr_log_id id;

/* A street; its parent, the top, writes into the street's scope. */
static int setup(void **state)
{
	(void)state;
	rig_begin(&r, RIG_STREET);
	rig_connect(&r, RIG_TOP);
	id = (struct tr_log_id){r.party[RIG_TOP].nid, 5, r.party[RIG_STREET].nid, TR_LANE_R};
	memset(&prev, 0, sizeof(prev));
	seq = 0;
	rig_logdef(&r, 1, id);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_end(&r);
	return 0;
}

static void send(struct rep_op *op)
{
	static uint8_t entry[TR_OP_BYTES_MAX], out[TR_SEG_BYTES_MAX];
	struct tr_bytes bytes = {entry, rep_op_encode(op, entry, sizeof(entry))}, seg;
	struct rig_seg how = {RIG_TOP, id, 1, seq + 1, &bytes, 1, prev, 1};

	assert_true(bytes.size > 0);
	seg = rig_segment(&r, &how, out, sizeof(out), &prev);
	rig_segs(&r, &seg, 1);
	assert_int_equal(r.rc, 0);
	seq++;
	assert_int_equal(rep_log_find(r.node, &id)->seq, seq);
}

static void say_case(uint8_t rec)
{
	struct rep_op op = {.kind = TR_OP_CREATE, .has_body = true, .type = TR_KIND_CASE, .rec = {{6, rec}}};

	send(&op);
}

static void say_ckpt(const struct rep_ckpt_op *ckpt)
{
	static uint8_t body[REP_CKPT_OP_BYTES_MAX];
	struct rep_op op = {.kind = TR_OP_CKPT, .has_body = true, .type = TR_KIND_CKPT, .value_count = 1};

	op.values[0] = (struct rep_value){.field = REP_CKPT_OP_FIELD, .type = REP_VALUE_BYTES,
	    .t = {body, rep_ckpt_op_encode(ckpt, body, sizeof(body))}};
	assert_true(op.values[0].t.size > 0);
	send(&op);
}

/* Of all that the top wrote up to here. */
static struct rep_ckpt_op of_now(uint64_t number)
{
	struct rep_ckpt_op ckpt = {.state_ver = TR_STATE_VER, .number = number, .records = 1, .count = 1};

	ckpt.f[0] = (struct rep_ckpt_log){.author = id.author, .inc = id.inc, .seq = seq};
	memcpy(ckpt.f[0].h16, prev.b, 16);
	return ckpt;
}

static struct rep_ckpt_info info(void)
{
	struct rep_ckpt_info out;

	for (size_t i = 0; rep_inspect_ckpt(r.node, i, &out); i++)
		if (out.scope.v == id.scope.v && out.lane == id.lane)
			return out;
	return (struct rep_ckpt_info){.number = 0};
}

static void what_names_our_history_is_compared(void **state)
{
	struct rep_ckpt_op ckpt;

	(void)state;
	say_case(1);
	ckpt = of_now(1);
	say_ckpt(&ckpt);
	for (unsigned i = 0; i < 20; i++)
		rig_wait(&r, 500);
	assert_false(info().waiting); /* its root is none: it differs, which is said */
	assert_int_equal(info().number, 0);
	assert_true(info().is_diverged);
	assert_int_equal(r.traces[REP_TRACE_CKPT_DIFFERS], 1);
}

static void another_history_is_not_ours(void **state)
{
	struct rep_ckpt_op ckpt;

	(void)state;
	say_case(1);
	say_case(2);
	ckpt = of_now(1);
	ckpt.state_ver++; /* a newer way to write down a state: nothing to compare, nothing to say */
	say_ckpt(&ckpt);
	assert_false(info().waiting);
	assert_int_equal(r.traces[REP_TRACE_CKPT_DIFFERS], 0);
	ckpt = of_now(1);
	ckpt.f[0].h16[3] ^= 1; /* another op in that place */
	say_ckpt(&ckpt);
	assert_int_equal(r.traces[REP_TRACE_CKPT_DIFFERS], 1);
	ckpt = of_now(1);
	ckpt.f[0].h16[9] ^= 1; /* ... of the same first four bytes */
	say_ckpt(&ckpt);
	assert_int_equal(rep_base_find(r.node, id.scope, id.lane)->differs->count, 0); /* it was not compared */
	assert_int_equal(r.traces[REP_TRACE_CKPT_DIFFERS], 2);
	ckpt = of_now(1);
	ckpt.f[0].seq = 99; /* not here yet */
	say_ckpt(&ckpt);
	assert_int_equal(r.traces[REP_TRACE_CKPT_DIFFERS], 3);
	ckpt = of_now(1);
	ckpt.f[0].inc++; /* a log that was never heard of */
	say_ckpt(&ckpt);
	assert_int_equal(r.traces[REP_TRACE_CKPT_DIFFERS], 4);
	assert_false(info().waiting);
	rig_wait(&r, 5000);
	assert_int_equal(r.rc, 0);
}

/* Two wait: only the newer one; one that says less than it does is passed over. */
static void an_older_one_is_passed_over(void **state)
{
	struct rep_ckpt_op first, second;

	(void)state;
	say_case(1);
	first = of_now(1);
	say_case(2);
	second = of_now(2);
	r.node->job_ms = INT64_MAX; /* none is compared yet */
	say_ckpt(&second);
	say_ckpt(&first);
	r.node->job_ms = 0;
	assert_non_null(rep_base_find(r.node, id.scope, id.lane)->want);
	assert_int_equal(rep_base_find(r.node, id.scope, id.lane)->want->number, 2);
	say_ckpt(&second);
	for (unsigned i = 0; i < 40; i++)
		rig_wait(&r, 500);
	assert_false(info().waiting);
	assert_true(r.traces[REP_TRACE_CKPT_DIFFERS] >= 1);
	assert_int_equal(r.rc, 0);
}

/* ------------------------------------------------------------- the bytes of it */

static size_t head(uint8_t *out) /* version, root, records, number */
{
	memset(out, 7, 36);
	out[0] = 1 << 3;
	out[1] = 1;
	out[2] = 2 << 3 | 2;
	out[3] = 32;
	return 36;
}

static size_t log_of(uint8_t *out, uint8_t inc)
{
	memcpy(out, "\x2a\x26\x09\x01\0\0\0\0\0\0\0\x11", 12);
	memset(out + 12, 0, 8);
	out[12] = inc;
	memcpy(out + 20, "\x18\x05\x22\x10", 4);
	memset(out + 24, 9, 16);
	return 40;
}

static int decode(const uint8_t *bytes, size_t size)
{
	static struct rep_ckpt_op out;

	return rep_ckpt_op_decode(&out, (struct tr_bytes){bytes, size});
}

static void bytes_that_are_no_checkpoint(void **state)
{
	static uint8_t b[16384];
	size_t n, at;

	(void)state;
	n = head(b);
	assert_int_equal(decode(b, n), TR_E_INPUT); /* of nothing */
	at = n;
	n += log_of(b + n, 1);
	assert_int_equal(decode(b, n), 0);
	(void)log_of(b + n, 1); /* twice */
	assert_int_equal(decode(b, n + 40), TR_E_INPUT);
	(void)log_of(b + n, 2);
	assert_int_equal(decode(b, n + 40), 0);
	memcpy(b + n, "\xa0\x01\x05", 3); /* a field of a later version */
	assert_int_equal(decode(b, n + 3), 0);
	for (unsigned i = 0; i <= TR_SCAN_UNKNOWN_MAX; i++)
		memcpy(b + n + 3 * i, "\xa0\x01\x05", 3);
	assert_int_equal(decode(b, n + 3 * (TR_SCAN_UNKNOWN_MAX + 1)), TR_E_LIMIT); /* but not so many */
	memcpy(b + n, "\x28\x05", 2); /* a log that is a number */
	assert_int_equal(decode(b, n + 2), TR_E_INPUT);
	memcpy(b + n, "\x18\x80\x00", 3); /* an overlong number */
	assert_int_equal(decode(b, n + 3), TR_E_INPUT);
	b[at + 1] += 3; /* in a log, too */
	memcpy(b + n, "\xa0\x01\x05", 3);
	assert_int_equal(decode(b, n + 3), 0);
	memcpy(b + n, "\xa0\x01\x85", 3);
	assert_int_equal(decode(b, n + 3), TR_E_INPUT);
	n = at;
	for (unsigned i = 0; i <= TR_VECTOR_MAX; i++)
		n += log_of(b + n, (uint8_t)(i + 1));
	assert_int_equal(decode(b, n - 40), 0);
	assert_int_equal(decode(b, n), TR_E_LIMIT);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(what_names_our_history_is_compared),
	    T(another_history_is_not_ours),
	    T(an_older_one_is_passed_over),
	    cmocka_unit_test(bytes_that_are_no_checkpoint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
