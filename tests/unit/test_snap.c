/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: who lacks what a neighbour dropped gets the state at a checkpoint, all of
 * it or nothing; what is not what the top node signed is refused by name; a
 * session or a process that ends in the middle costs nothing that is here.
 * Method: two real streets with one identity, the holder and one with an empty
 * store.  The test is the top node for both, and carries SNAP and NEED between
 * them: each frame as it is, or changed.
 */
// needs: tests/lib/rig.o tests/lib/memview.o tests/lib/badview.o tests/lib/nomem.o
// libs: $(NOMEM_LDFLAGS)
#include "tests/unit/unit.h"

#include "proto/err.h"
#include "replication/ckpt.h"
#include "replication/ckpt_op.h"
#include "replication/floor.h"
#include "replication/log.h"
#include "replication/refold.h"
#include "replication/snap.h"
#include "tests/lib/badview.h"
#include "tests/lib/rig.h"

#define SEGS 16
#define FRAMES 256
#define PART 120 /* bytes: many parts */

static const struct tr_rec_id first = {{1, 2, 3}}, second = {{4, 5, 6}};

struct scene {
	struct rig holder, taker;
	struct tr_log_id id;
	struct tr_hash hash[SEGS];
	unsigned count;
	struct rep_record *rec;
};

/* Frames of one of the two, for the other. */
static struct { uint8_t *data; size_t size; } box[2][FRAMES];
static size_t box_count[2], box_at[2];

static void collect(void *ctx, const Terrace__Msg *msg)
{
	size_t to = (size_t)(ctx != NULL);

	if (msg->m_case != TERRACE__MSG__M_SNAP && (msg->m_case != TERRACE__MSG__M_NEED || msg->need->what != TR_NEED_SNAPSHOT))
		return;
	assert_true(box_count[to] < FRAMES);
	box[to][box_count[to]].data = malloc(wire_msg_size(msg));
	assert_non_null(box[to][box_count[to]].data);
	box[to][box_count[to]].size = wire_msg_encode(msg, box[to][box_count[to]].data);
	box_count[to]++;
}

static void empty_boxes(void)
{
	for (size_t to = 0; to < 2; to++) {
		for (size_t i = 0; i < box_count[to]; i++)
			free(box[to][i].data);
		box_count[to] = box_at[to] = 0;
	}
}

/* The next frame for the taker (1) or the holder (0); NULL. */
static Terrace__Msg *next(struct wire_arena *arena, size_t to)
{
	Terrace__Msg *msg;

	if (box_at[to] == box_count[to])
		return NULL;
	wire_arena_reset(arena);
	assert_int_equal(wire_msg_decode(arena, (struct tr_bytes){box[to][box_at[to]].data, box[to][box_at[to]].size}, &msg), 0);
	box_at[to]++;
	return msg;
}

/* ----------------------------------------------------------------- the holder */

static void add_op(struct scene *s, struct rig *r, const struct rep_op *op)
{
	static uint8_t entry[REP_CKPT_OP_BYTES_MAX + 512], bytes[REP_CKPT_OP_BYTES_MAX + 1024];
	struct tr_bytes body = {entry, rep_op_encode(op, entry, sizeof(entry))}, made;
	struct rig_seg seg = {RIG_TOP, s->id, 1, s->count + 1u, &body, 1, {{0}}, 1};

	if (s->count > 0)
		seg.prev = s->hash[s->count - 1];
	made = rig_segment(r, &seg, bytes, sizeof(bytes), &s->hash[s->count]);
	s->count++;
	rig_segs(r, &made, 1);
}

static void add(struct scene *s, struct rig *r, const struct rep_op *op)
{
	add_op(s, r, op);
	assert_int_equal(r->rc, 0);
}

static struct rep_op op_of(uint32_t kind, const struct tr_rec_id *id, const char *text)
{
	struct rep_op op = {.kind = kind, .has_body = true, .type = TR_KIND_CASE, .rec = *id, .value_count = 1};

	op.values[0] = (struct rep_value){14, TR_ACT_SET, REP_VALUE_TEXT, 0, UNIT_TEXT(text)};
	return op;
}

static void connect(struct scene *s, struct rig *r)
{
	r->welcome_ms = (uint64_t)r->wall_ms + 200000;
	rig_connect(r, RIG_TOP);
	rig_logdef(r, 1, s->id);
}

static void checkpoint(struct scene *s)
{
	static uint8_t bytes[REP_CKPT_OP_BYTES_MAX];
	struct rep_ckpt_op c = {.state_ver = TR_STATE_VER, .number = 1, .count = 1};
	struct rep_op op = {.kind = TR_OP_CKPT, .has_body = true, .type = TR_KIND_CKPT, .value_count = 1};
	const struct rep_domain *domain = rep_base_find(s->holder.node, s->id.scope, s->id.lane);
	struct rep_ckpt_root *root = malloc(sizeof(*root));
	struct rep_base *base = rep_base_now(s->holder.node, domain);
	struct rep_base_entry entry;
	struct tr_hash hash;
	bool was_there;

	assert_non_null(root);
	assert_non_null(base);
	rep_ckpt_root_begin(root);
	for (int rc = rep_base_next(&s->holder.view, domain, NULL, &entry); rc == 0;
	     rc = rep_base_next(&s->holder.view, domain, &entry, &entry)) {
		assert_int_equal(rep_ckpt_state(s->holder.node, &s->holder.view, base, &entry, s->rec, &hash, &was_there), 0);
		rep_ckpt_root_add(root, s->rec, &hash);
	}
	c.records = root->records;
	rep_ckpt_root_end(root, s->id.scope, s->id.lane, &c.root);
	free(base);
	free(root);
	c.f[0] = (struct rep_ckpt_log){.author = s->id.author, .inc = s->id.inc, .seq = s->count};
	memcpy(c.f[0].h16, s->hash[s->count - 1].b, sizeof(c.f[0].h16));
	op.values[0] = (struct rep_value){.field = REP_CKPT_OP_FIELD, .type = REP_VALUE_BYTES,
	    .t = {bytes, rep_ckpt_op_encode(&c, bytes, sizeof(bytes))}};
	add(s, &s->holder, &op);
	for (int i = 0; i < 4; i++)
		rig_wait(&s->holder, 10);
	assert_int_equal(s->holder.traces[REP_TRACE_CKPT], 1);
}

/* Two records, six ops, a checkpoint; all below it is dropped, and one op came later. */
static void begin(struct scene *s)
{
	struct rep_op op = op_of(TR_OP_CREATE, &first, "lamp");
	struct rep_log *log;

	memset(s, 0, sizeof(*s));
	s->rec = calloc(1, sizeof(*s->rec));
	assert_non_null(s->rec);
	rig_begin(&s->holder, RIG_STREET);
	rig_begin(&s->taker, RIG_STREET);
	s->id = (struct tr_log_id){s->holder.party[RIG_TOP].nid, 5, s->holder.party[RIG_STREET].nid, TR_LANE_R};
	connect(s, &s->holder);
	add(s, &s->holder, &op);
	op = op_of(TR_OP_CREATE, &second, "noise");
	add(s, &s->holder, &op);
	for (unsigned i = 0; i < 4; i++) {
		op = op_of(TR_OP_SET, i % 2 == 0 ? &first : &second, i < 2 ? "again" : "and again");
		add(s, &s->holder, &op);
	}
	checkpoint(s);
	log = rep_log_find(s->holder.node, &s->id);
	log->receipt_seq = log->way[REP_WAY_UP].acked = s->count;
	s->holder.node->keep_ms = s->holder.node->prune_ops = 1;
	for (int i = 0; i < 20; i++)
		rig_wait(&s->holder, 10000);
	assert_int_equal(log->low, s->count - 1);
	assert_int_equal(rig_restart(&s->holder), 0);
	s->holder.on_send = s->taker.on_send = collect;
	s->holder.ctx = s; /* its frames are for the taker */
	s->holder.node->snap_part = PART;
	connect(s, &s->taker);
	connect(s, &s->holder);
	rig_wait(&s->holder, 2000);
}

static void end(struct scene *s)
{
	empty_boxes();
	free(s->rec);
	rig_end(&s->holder);
	rig_end(&s->taker);
}

/* Carries what one says to the other until there is nothing more, or so many frames for the taker. */
static unsigned carry(struct scene *s, unsigned most, void (*change)(Terrace__Msg *msg, unsigned i))
{
	struct wire_arena *arena = wire_arena_create();
	unsigned count = 0;
	Terrace__Msg *msg;

	assert_non_null(arena);
	for (int idle = 0; idle < 8 && count < most; idle++) {
		while (count < most && (msg = next(arena, 1)) != NULL) {
			if (change != NULL)
				change(msg, count);
			count++;
			rig_send(&s->taker, msg);
			rig_wait(&s->taker, 10);
			idle = 0;
		}
		while ((msg = next(arena, 0)) != NULL) {
			rig_send(&s->holder, msg);
			rig_wait(&s->holder, 1100);
			idle = 0;
		}
		rig_wait(&s->taker, 10);
	}
	wire_arena_free(arena);
	assert_int_equal(s->taker.rc, 0);
	assert_int_equal(s->holder.rc, 0);
	return count;
}

static bool has(struct scene *s, const struct tr_rec_id *id, const char *title)
{
	const struct rep_value *v;

	if (rep_record_load(s->rec, &s->taker.view, TR_KIND_CASE, id) != 0)
		return false;
	v = rep_record_value(s->rec, 14);
	return v != NULL && v->t.size == strlen(title) && memcmp(v->t.data, title, v->t.size) == 0;
}

static void is_taken(struct scene *s)
{
	const struct rep_log *log = rep_log_find(s->taker.node, &s->id);
	struct rep_verify_cursor cursor = {0};
	struct rep_verify_sum sum = {0};
	struct rep_fault fault;
	bool found;

	assert_non_null(log);
	assert_int_equal(log->seq, s->count - 1);
	assert_int_equal(log->low, s->count - 1);
	assert_memory_equal(log->head.b, s->hash[s->count - 2].b, 32);
	assert_true(has(s, &first, "and again"));
	assert_true(has(s, &second, "and again"));
	assert_true(rep_is_truncated(s->taker.node, &s->taker.view, &first));
	while (rep_verify_next(s->taker.node, &s->taker.view, &cursor, 64, &fault, &found, &sum) == 0)
		assert_false(found);
	assert_int_equal(memview_rows(s->taker.mv, REP_T_SNAP), 0);
}

static void is_not_taken(struct scene *s)
{
	const struct rep_log *log = rep_log_find(s->taker.node, &s->id);

	assert_true(log == NULL || log->seq == 0);
	assert_false(has(s, &first, "and again"));
	assert_int_equal(s->taker.traces[REP_TRACE_SNAP], 0);
}

/* The holder's process begins anew, and offers what it has. */
static void again(struct scene *s)
{
	empty_boxes();
	assert_int_equal(rig_restart(&s->holder), 0);
	s->holder.node->snap_part = PART;
	connect(s, &s->holder);
	rig_wait(&s->holder, 2000);
}

/* ---------------------------------------------------------------------- tests */

static void all_of_it_comes_and_what_follows_goes_on(void **state)
{
	struct rep_op op = op_of(TR_OP_SET, &first, "three");
	static struct scene s;

	(void)state;
	begin(&s);
	assert_true(carry(&s, 100, NULL) > 4);
	assert_int_equal(s.taker.traces[REP_TRACE_SNAP], 1);
	is_taken(&s);
	assert_int_equal(rig_restart(&s.taker), 0);
	is_taken(&s);
	/* the op CKPT itself is above; it is no work, and then an op */
	connect(&s, &s.taker);
	s.count--;
	{
		struct rep_op more = op_of(TR_OP_SET, &second, "two");

		add(&s, &s.taker, &more);
	}
	add(&s, &s.taker, &op);
	assert_true(has(&s, &first, "three"));
	assert_true(has(&s, &second, "two"));
	end(&s);
}

static void a_break_anywhere_costs_nothing_that_came(void **state)
{
	static struct scene s;
	unsigned count = 0;

	(void)state;
	begin(&s);
	while (s.taker.traces[REP_TRACE_SNAP] == 0 && count < 64) { /* a process that ends after each part */
		count += carry(&s, 2, NULL); /* the offer, a part */
		if (s.taker.traces[REP_TRACE_SNAP] != 0)
			break;
		assert_int_equal(rig_restart(&s.taker), 0);
		connect(&s, &s.taker);
		rig_wait(&s.taker, 10);
		again(&s);
	}
	assert_int_equal(s.taker.traces[REP_TRACE_SNAP], 1);
	is_taken(&s);
	end(&s);
}

static void in_the_middle_of_the_check(void **state)
{
	static struct scene s;

	(void)state;
	begin(&s);
	s.taker.node->ckpt_slice = 1;
	(void)carry(&s, 100, NULL);
	is_taken(&s);
	end(&s);
}

static enum { TEXT, ROW_GONE, SEG_GONE, ENDS, OTHER_ID, SIG, OTHER_CKPT, BACKWARDS, ROW_KEY, OFFER } what;

static void change(Terrace__Msg *msg, unsigned i)
{
	Terrace__Snap *p = msg->snap;

	if (what == OFFER) {
		if (p->offer.len > 0)
			p->offer.data[p->offer.len - 1] ^= 1;
		return;
	}
	if (i == 0)
		return;
	switch ((int)what) {
	case TEXT:
		if (p->n_row > 0)
			p->row[0]->value.data[p->row[0]->value.len - 1] ^= 1;
		break;
	case ROW_GONE: p->n_row = 0; break;
	case SEG_GONE: p->n_seg = i == 1 ? 0 : p->n_seg; break;
	case ENDS: p->next.len = i == 2 ? 0 : p->next.len; break;
	case OTHER_ID:
		if (p->n_row > 0)
			p->row[0]->key.data[p->row[0]->key.len - 1] ^= 1;
		break;
	case SIG:
		if (p->n_seg > 0)
			p->seg[0].data[p->seg[0].len - 1] ^= 1;
		break;
	case OTHER_CKPT: p->ckpt.data[0] ^= 1; break;
	case BACKWARDS:
		if (i == 3)
			p->next.data[p->next.len - 1] = 0, p->next.data[0] = 's', p->next.len = p->next.len > 13 ? 13 : p->next.len;
		break;
	case ROW_KEY:
		if (p->n_row > 0)
			p->row[0]->key.len = 16;
		break;
	default: break;
	}
}

static void what_is_not_signed_is_refused_whole(void **state)
{
	static struct scene s;

	(void)state;
	for (int i = TEXT; i <= OFFER; i++) {
		what = i;
		begin(&s);
		(void)carry(&s, 40, change);
		is_not_taken(&s);
		if (what != OTHER_CKPT && what != OFFER)
			assert_true(s.taker.traces[REP_TRACE_SNAP_BAD] > 0);
		for (int k = 0; k < 4; k++)
			rig_wait(&s.taker, 10);
		if (what != OTHER_CKPT)
			assert_int_equal(memview_rows(s.taker.mv, REP_T_SNAP), 0);
		end(&s);
	}
}

static void who_lied_is_not_asked_again_at_once(void **state)
{
	static struct scene s;

	(void)state;
	begin(&s);
	what = TEXT;
	(void)carry(&s, 40, change);
	assert_int_equal(s.taker.traces[REP_TRACE_SNAP_BAD], 1);
	empty_boxes();
	again(&s);
	assert_true(box_count[1] > 0); /* it offers again */
	(void)carry(&s, 40, NULL);
	is_not_taken(&s);
	rig_wait(&s.taker, 61000);
	again(&s);
	(void)carry(&s, 100, NULL);
	is_taken(&s);
	end(&s);
}

static void need(struct rig *r, struct tr_nid scope, const void *ckpt, const void *at, size_t size)
{
	Terrace__Msg msg = TERRACE__MSG__INIT;
	Terrace__Need n = TERRACE__NEED__INIT;
	uint8_t id[16], place[TR_SNAP_AT_MAX];

	n.what = TR_NEED_SNAPSHOT;
	n.scope = scope.v;
	n.lane = TR_LANE_R;
	if (ckpt != NULL) {
		memcpy(id, ckpt, 16);
		n.ckpt = (ProtobufCBinaryData){16, id};
	}
	if (size > 0)
		memcpy(place, at, size);
	n.at = (ProtobufCBinaryData){size, place};
	msg.m_case = TERRACE__MSG__M_NEED;
	msg.need = &n;
	rig_send(r, &msg);
}

static void questions_that_have_no_answer(void **state)
{
	static const char *const places[] = {"x", "s", "s12345678901234", "r1", "r1234567890123456", "r1234567890123456z1"};
	static struct scene s;
	uint8_t id[16];
	unsigned bad, sent;

	(void)state;
	begin(&s);
	memcpy(id, s.holder.last[TERRACE__MSG__M_SNAP]->snap->ckpt.data, 16);
	bad = s.holder.traces[REP_TRACE_FRAME_BAD];
	need(&s.holder, s.holder.party[RIG_OTHER].nid, id, NULL, 0); /* not below this link */
	assert_int_equal(s.holder.traces[REP_TRACE_FRAME_BAD], bad + 1);
	sent = s.holder.frames[TERRACE__MSG__M_SNAP];
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		bool is_place = strcmp(places[i], "r1234567890123456") == 0;

		need(&s.holder, s.id.scope, id, places[i], strlen(places[i]));
		rig_wait(&s.holder, 1100);
		sent += is_place;
		assert_int_equal(s.holder.frames[TERRACE__MSG__M_SNAP], sent);
	}
	assert_true(s.holder.traces[REP_TRACE_SNAP_UNMADE] > 0);
	need(&s.holder, s.id.scope, "0123456789abcdef", NULL, 0); /* of a checkpoint that it has not: what it has is offered */
	rig_wait(&s.holder, 10);
	assert_true(s.holder.frames[TERRACE__MSG__M_SNAP] > sent);
	assert_true(s.holder.last[TERRACE__MSG__M_SNAP]->snap->offer.len > 0);
	end(&s);
}

static void what_is_here_stays(void **state)
{
	static const struct tr_rec_id third = {{7}};
	struct rep_op op = op_of(TR_OP_CREATE, &third, "mine");
	static uint8_t entry[512], bytes[1024];
	struct tr_bytes body, made;
	static struct scene s;
	struct tr_log_id other;

	(void)state;
	begin(&s);
	other = s.id;
	other.inc = 6; /* another incarnation, that the holder does not know */
	rig_logdef(&s.taker, 2, other);
	body = (struct tr_bytes){entry, rep_op_encode(&op, entry, sizeof(entry))};
	made = rig_segment(&s.taker, &(struct rig_seg){RIG_TOP, other, 2, 1, &body, 1, {{0}}, 1}, bytes, sizeof(bytes), NULL);
	rig_segs(&s.taker, &made, 1);
	assert_true(has(&s, &third, "mine"));
	(void)carry(&s, 100, NULL);
	assert_int_equal(s.taker.traces[REP_TRACE_SNAP], 1);
	is_taken(&s);
	assert_true(has(&s, &third, "mine"));
	assert_false(rep_is_truncated(s.taker.node, &s.taker.view, &third));
	end(&s);
}

static void a_full_store_begins_none(void **state)
{
	static struct scene s;

	(void)state;
	begin(&s);
	rep_set_full(s.taker.node, true);
	(void)carry(&s, 4, NULL);
	assert_int_equal(memview_rows(s.taker.mv, REP_T_SNAP), 0);
	is_not_taken(&s);
	end(&s);
}

/* What is stored of the record, and its state at the floor with the ops above. */
static int fold_again(struct rig *r, const struct tr_rec_id *id, bool *equal)
{
	struct rep_overlay *overlay = rep_overlay_create(&r->view, 1 << 20);
	int rc;

	assert_non_null(overlay);
	rc = rep_refold(r->node, &r->view, id, NULL, overlay);
	if (rc == 0)
		assert_int_equal(rep_refold_compare(&r->view, id, overlay, equal), 0);
	rep_overlay_free(overlay);
	return rc;
}

static void a_read_that_fails_once_costs_no_floor(void **state)
{
	struct rep_op op = op_of(TR_OP_SET, &first, "three");
	unsigned kept = 0;
	bool failed = true;

	(void)state;
	for (int64_t n = 0; failed; n++) {
		static struct scene s;
		struct rep_view inner;
		struct badview bad;
		bool equal = false;

		begin(&s);
		inner = s.holder.view;
		s.holder.view = badview_over(&bad, &inner);
		badview_arm(&bad, n, TR_E_DAMAGED);
		add_op(&s, &s.holder, &op);
		failed = badview_has_failed(&bad);
		s.holder.view = inner;
		if (s.holder.rc == 0) { /* else the step is as if it had never been */
			assert_int_equal(fold_again(&s.holder, &first, &equal), 0);
			assert_true(equal);
			kept += failed;
		}
		end(&s);
	}
	assert_true(kept > 0);
}

static void nothing_is_copied_over_a_floor_that_is_lost(void **state)
{
	struct rep_op op = op_of(TR_OP_SET, &first, "three");
	uint8_t key[sizeof(first) + 100] = {0}; /* longer than any */
	struct tr_bytes bad = {key, sizeof(key)};
	static struct scene s;
	bool equal;

	(void)state;
	begin(&s);
	memcpy(key, first.b, sizeof(first));
	assert_int_equal(rep_put(&s.holder.view, REP_T_ROW, bad, bad), 0);
	add(&s, &s.holder, &op);
	assert_int_equal(rep_del(&s.holder.view, REP_T_ROW, bad), 0);
	assert_int_equal(fold_again(&s.holder, &first, &equal), TR_E_DAMAGED);
	op = op_of(TR_OP_SET, &first, "four");
	add(&s, &s.holder, &op);
	assert_int_equal(fold_again(&s.holder, &first, &equal), TR_E_DAMAGED);
	end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(all_of_it_comes_and_what_follows_goes_on),
	    cmocka_unit_test(a_break_anywhere_costs_nothing_that_came),
	    cmocka_unit_test(in_the_middle_of_the_check),
	    cmocka_unit_test(what_is_not_signed_is_refused_whole),
	    cmocka_unit_test(who_lied_is_not_asked_again_at_once),
	    cmocka_unit_test(questions_that_have_no_answer),
	    cmocka_unit_test(what_is_here_stays),
	    cmocka_unit_test(a_full_store_begins_none),
	    cmocka_unit_test(a_read_that_fails_once_costs_no_floor),
	    cmocka_unit_test(nothing_is_copied_over_a_floor_that_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
