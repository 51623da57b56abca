/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: who gets the link.  Under test: replication/plan over a real core, whose
 * parent the test plays: it reads so many bytes, acknowledges them, and looks at
 * the order of what comes.
 * Promises: an emergency leaves before all that waits, without waiting for an
 * acknowledgement; a directive waits for one frame of a lower class; lane B has a
 * fifth beside lane R; each of k scopes with a backlog has its k-th part of the
 * bytes, however large its segments are and however many logs it has.
 */
// needs: tests/lib/rig.o tests/lib/memview.o
#include "tests/unit/unit.h"

#include "proto/err.h"
#include "replication/keys.h"
#include "tests/lib/rig.h"

enum { NOTES = 61, DIR_TITLE = 6, DIR_BODY = 7, DIR_PRIORITY = 10 };
enum { E, X, R, B };

#define SENT_MAX 16384
#define UNITS_MAX 16
#define NOTE_MAX 4000

struct sent { /* a segment, in the order of sending */
	uint32_t log;
	uint64_t last;
	size_t bytes;
	struct tr_nid scope;
	unsigned cls, frame;
};

struct scene {
	struct rig r;
	struct tr_nid unit[UNITS_MAX];
	struct sent sent[SENT_MAX];
	size_t count, acked; /* of sent */
	unsigned frames;
	size_t waiting[4];   /* segments of each class that were written */
};

static unsigned class_of(uint8_t lane)
{
	return lane == TR_LANE_E ? E : lane == TR_LANE_R ? R : lane == TR_LANE_B ? B : X;
}

static void note(void *ctx, const Terrace__Msg *msg)
{
	struct scene *s = ctx;

	if (msg->m_case != TERRACE__MSG__M_SEGS)
		return;
	s->frames++;
	for (size_t i = 0; i < msg->segs->n_seg; i++) {
		struct sent *sent = &s->sent[s->count++];
		struct rep_log_info log;
		Terrace__Seg *seg;

		assert_true(s->count < SENT_MAX);
		assert_int_equal(wire_seg_decode(s->r.arena, (struct tr_bytes){msg->segs->seg[i].data, msg->segs->seg[i].len}, &seg), 0);
		assert_true(rep_log_of(s->r.node, seg->log, &log));
		*sent = (struct sent){seg->log, seg->first + seg->count - 1, msg->segs->seg[i].len, log.id.scope, class_of(log.id.lane), s->frames};
	}
}

/* A street with so many communities, declared and without a machine. */
static struct scene *begin(enum tr_profile profile, unsigned units)
{
	struct scene *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	rig_begin(&s->r, RIG_STREET);
	s->r.profile = profile;
	assert_int_equal(rig_restart(&s->r), 0);
	for (unsigned i = 0; i < units; i++) {
		struct rep_invite invite = {.ticket = 1, .title = "a place", .expires_ms = INT64_C(1890000000000), .token_id = {(uint8_t)(i + 1)}};
		struct rep_event event = {.kind = REP_EV_INVITE, .invite = &invite};

		snprintf(invite.code, sizeof(invite.code), "1%02u", i);
		rig_step(&s->r, &event);
		assert_int_equal(s->r.reply.rc, 0);
		s->unit[i] = s->r.reply.unit;
	}
	return s;
}

static void end(struct scene *s)
{
	assert_int_equal(s->r.rc, 0);
	rig_end(&s->r);
	free(s);
}

/* The top node comes, and holds nothing. */
static void connect(struct scene *s)
{
	s->r.on_send = note;
	s->r.ctx = s;
	rig_connect(&s->r, RIG_TOP);
	assert_int_equal(rig_state(&s->r, RIG_TOP), REP_LINK_LIVE);
}

static struct rep_value text_of(uint16_t field, uint8_t act, size_t size)
{
	static char text[TR_DIRECTIVE_TEXT_MAX];

	memset(text, 'x', sizeof(text));
	return (struct rep_value){field, act, REP_VALUE_TEXT, 0, {(uint8_t *)text, size}};
}

/* A segment of that class in that scope, of about so many bytes. */
static void put(struct scene *s, unsigned cls, unsigned unit, size_t size)
{
	struct rep_value values[8];
	struct rep_write w = {.kind = TR_KIND_CASE, .home = s->unit[unit], .bulk = cls == B, .values = values};
	struct rep_event event = {.kind = REP_EV_WRITE, .write = &w}, close = {.kind = REP_EV_CLOSE};

	if (cls < R) {
		w = (struct rep_write){.kind = TR_KIND_DIRECTIVE, .targets = &s->unit[unit], .target_count = 1, .values = values};
		values[w.value_count++] = text_of(DIR_TITLE, TR_ACT_SET, 10);
		values[w.value_count++] = text_of(DIR_BODY, TR_ACT_SET, size);
	}
	if (cls == E) {
		int64_t most = rep_schema_value(rep_schema_field(TR_KIND_DIRECTIVE, DIR_PRIORITY), "emergency", 9);

		values[w.value_count++] = (struct rep_value){DIR_PRIORITY, TR_ACT_SET, REP_VALUE_INT, most, {NULL, 0}};
	}
	for (; cls >= R && size > 0; size -= size < NOTE_MAX ? size : NOTE_MAX)
		values[w.value_count++] = text_of(NOTES, TR_ACT_ADD, size < NOTE_MAX ? size : NOTE_MAX);
	rig_step(&s->r, &event);
	assert_int_equal(s->r.reply.rc, 0);
	s->waiting[cls]++;
	rig_step(&s->r, &close);
}

/* The parent reads on and acknowledges so much.  False: there was nothing. */
static bool serve(struct scene *s, size_t bytes)
{
	Terrace__Msg msg = TERRACE__MSG__INIT;
	Terrace__Frontier f = TERRACE__FRONTIER__INIT;
	Terrace__FEnt ent[TR_FRONTIER_ENTRIES_MAX], *list[TR_FRONTIER_ENTRIES_MAX];
	size_t n = 0, from = s->acked;

	for (size_t got = 0; s->acked < s->count && got < bytes && n < TR_FRONTIER_ENTRIES_MAX; s->acked++) {
		const struct sent *sent = &s->sent[s->acked];
		struct rep_key key = rep_key_seq(sent->log, sent->last);
		struct tr_bytes row;
		size_t at = 0;

		while (at < n && ent[at].log != sent->log)
			at++;
		if (at == n)
			terrace__fent__init(&ent[n++]);
		assert_int_equal(rep_get(&s->r.view, REP_T_SEG, rep_key_bytes(&key), &row), 0);
		ent[at].log = sent->log;
		ent[at].seq = sent->last;
		ent[at].h4 = wire_get_le32(row.data);
		list[at] = &ent[at];
		got += sent->bytes;
	}
	f.mode = TR_FRONTIER_DELTA;
	f.n_e = n;
	f.e = list;
	msg.m_case = TERRACE__MSG__M_FRONTIER;
	msg.frontier = &f;
	rig_send(&s->r, &msg);
	assert_int_equal(s->r.rc, 0);
	wire_arena_reset(s->r.arena);
	return s->acked > from;
}

/* Segments of a class that went. */
static size_t went(const struct scene *s, unsigned cls)
{
	size_t n = 0;

	for (size_t i = 0; i < s->count; i++)
		n += s->sent[i].cls == cls;
	return n;
}

static void fill(struct scene *s, unsigned cls, unsigned units, size_t size, size_t each)
{
	for (size_t i = 0; i < each; i++)
		for (unsigned u = 0; u < units; u++)
			put(s, cls, u, size);
}

/* ---- lanes E and X ---- */

static void check_emergency(enum tr_profile profile, size_t size, size_t each)
{
	struct scene *s = begin(profile, 3);

	fill(s, R, 3, size, each);
	fill(s, B, 3, size, each);
	connect(s);
	for (unsigned i = 0; i < 20; i++) {
		size_t before = s->count;

		put(s, E, i % 3, 60); /* the credit is used up, and nothing is acknowledged */
		assert_true(s->count > before);
		assert_int_equal(s->sent[before].cls, E);
		if (i % 4 == 3)
			assert_true(serve(s, 3 * size));
	}
	assert_true(went(s, R) < s->waiting[R]);
	assert_true(went(s, B) < s->waiting[B]);
	end(s);
}

static void an_emergency_goes_before_all_that_waits(void **state)
{
	(void)state;
	check_emergency(TR_PROFILE_FIBRE, 16000, 80);
	check_emergency(TR_PROFILE_METERED, 700, 40);
}

/* However many there are, they are the first that go. */
static void emergencies_are_never_capped(void **state)
{
	struct scene *s = begin(TR_PROFILE_FIBRE, 3);

	(void)state;
	fill(s, R, 3, 8000, 30);
	fill(s, X, 3, 8000, 30);
	fill(s, E, 3, 8000, 60);
	connect(s);
	while (serve(s, 200000))
		;
	for (size_t i = 0, left = s->waiting[E]; i < s->count && left > 0; left -= s->sent[i].cls == E, i++)
		assert_true(s->sent[i].cls == E || s->sent[i].scope.v == s->r.party[RIG_STREET].nid.v);
	end(s);
}

/* What goes of R and B between two segments of X, while there is more of X. */
static void check_directives(enum tr_profile profile, size_t size, size_t each, bool r, bool b)
{
	struct scene *s = begin(profile, 3);
	size_t frame = profile == TR_PROFILE_FIBRE ? TR_FRAME_DATA_MAX : 4096, lower = 0;

	if (r)
		fill(s, R, 3, size, 2 * each);
	if (b)
		fill(s, B, 3, size, 2 * each);
	fill(s, X, 3, size, each);
	connect(s);
	while (went(s, X) < s->waiting[X])
		assert_true(serve(s, 3 * size));
	while (serve(s, 64 * 1024))
		;
	for (size_t i = 0, left = s->waiting[X]; left > 0; i++) {
		const struct sent *sent = &s->sent[i];

		assert_true(i < s->count);
		if (sent->cls == X) {
			lower = 0;
			left -= sent->scope.v != s->r.party[RIG_STREET].nid.v; /* the declarations of the units go first */
		} else {
			lower += sent->bytes;
			assert_true(lower <= frame + size); /* it may begin one that does not fit any more */
		}
	}
	assert_int_equal(went(s, R), s->waiting[R]); /* nothing is left behind */
	assert_int_equal(went(s, B), s->waiting[B]);
	end(s);
}

static void a_directive_waits_for_one_frame_of_a_lower_class(void **state)
{
	(void)state;
	for (unsigned which = 1; which < 4; which++) {
		check_directives(TR_PROFILE_FIBRE, 8000, 60, (which & 1) != 0, (which & 2) != 0);
		check_directives(TR_PROFILE_METERED, 900, 40, (which & 1) != 0, (which & 2) != 0);
	}
}

/* Half of the frames, and no more, while others wait. */
static void directives_leave_half_to_the_others(void **state)
{
	struct scene *s = begin(TR_PROFILE_FIBRE, 3);
	size_t x = 0, lower = 0;

	(void)state;
	fill(s, X, 3, 8000, 120);
	fill(s, R, 3, 8000, 120);
	connect(s);
	while (went(s, X) < s->waiting[X] && went(s, R) < s->waiting[R])
		assert_true(serve(s, 100000));
	for (size_t i = 0; i < s->count && x + lower < 4000000; i++)
		*(s->sent[i].cls == X ? &x : &lower) += s->sent[i].bytes;
	assert_in_range(100 * x / (x + lower), 45, 55);
	end(s);
}

/* ---- R and B ---- */

static void check_shares(enum tr_profile profile, size_t size, size_t r, size_t b, size_t step)
{
	struct scene *s = begin(profile, 3);
	size_t bytes[4] = {0}, left[2] = {3 * r, 3 * b};

	fill(s, R, 3, size, r);
	fill(s, B, 3, 2 * size, b);
	connect(s);
	while (serve(s, step))
		;
	assert_int_equal(went(s, R), 3 * r);
	assert_int_equal(went(s, B), 3 * b);
	for (size_t i = 0; left[0] > 0 && left[1] > 0; i++) {
		bytes[s->sent[i].cls] += s->sent[i].bytes;
		left[0] -= s->sent[i].cls == R;
		left[1] -= s->sent[i].cls == B;
	}
	assert_in_range(1000 * bytes[B] / (bytes[R] + bytes[B]), 180, 220);
	end(s);
}

static void bulk_has_a_fifth_beside_the_records(void **state)
{
	(void)state;
	check_shares(TR_PROFILE_FIBRE, 8000, 300, 50, 150000);
	check_shares(TR_PROFILE_FIBRE, 3000, 300, 100, 3000000); /* everything that is in flight at once */
	check_shares(TR_PROFILE_METERED, 700, 150, 40, 4096);
}

/* ---- scopes ---- */

/* Over a minute of `rate` bytes a second each of k has 0.8/k at least. */
static void check_scopes(enum tr_profile profile, unsigned cls, unsigned k, size_t rate, size_t step)
{
	struct scene *s = begin(profile, k);
	size_t want = rate * 60, each = want / k * 2, total = 0;
	size_t bytes[UNITS_MAX] = {0};

	for (unsigned inc = 0; inc < 4; inc++) { /* the first scope's log has incarnations: one scope all the same */
		s->r.lost_fence = true;
		assert_int_equal(rig_restart(&s->r), 0);
		for (size_t n = 0; n < each / 2; n += 700)
			put(s, cls, 0, 500);
	}
	for (unsigned u = 1; u < k; u++) /* large segments and small ones */
		for (size_t n = 0, size = u % 2 ? 3000 : 400; n < each; n += size)
			put(s, cls, u, size);
	connect(s);
	for (size_t i = 0; total < want; i++) {
		while (i == s->count)
			assert_true(serve(s, step));
		for (unsigned u = 0; u < k; u++)
			if (s->sent[i].scope.v == s->unit[u].v) {
				bytes[u] += s->sent[i].bytes;
				total += s->sent[i].bytes;
			}
	}
	for (unsigned u = 0; u < k; u++)
		if (bytes[u] * k * 10 < total * 8)
			fail_msg("%u of %u scopes has %zu of %zu bytes", u, k, bytes[u], total);
	end(s);
}

static void each_scope_has_its_part(void **state)
{
	static const unsigned ks[] = {2, 5, 16};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		check_scopes(TR_PROFILE_METERED, R, ks[i], 5000, 4096);
		check_scopes(TR_PROFILE_FIBRE, R, ks[i], 50000, 65536);
	}
	check_scopes(TR_PROFILE_METERED, B, 5, 5000, 4096);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_emergency_goes_before_all_that_waits),
	    cmocka_unit_test(emergencies_are_never_capped),
	    cmocka_unit_test(a_directive_waits_for_one_frame_of_a_lower_class),
	    cmocka_unit_test(directives_leave_half_to_the_others),
	    cmocka_unit_test(bulk_has_a_fifth_beside_the_records),
	    cmocka_unit_test(each_scope_has_its_part),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
