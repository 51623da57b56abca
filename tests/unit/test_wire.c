/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: what decodes is well-formed and within its bounds; everything else is
 * refused before memory is spent.  Method: good messages, then the same bytes
 * with one thing wrong.
 */
#include "tests/unit/unit.h"

#include "proto/err.h"
#include "proto/limits.h"
#include "proto/pb.h"
#include "proto/wire.h"
#include "proto/wire_int.h"

static struct wire_arena *arena;
static uint8_t frame[TR_FRAME_RAW_MAX + 16];
static uint8_t filler[TR_FRAME_MAX];
static Terrace__Msg *got;

#define BIN(n) ((ProtobufCBinaryData){(n), filler})

static int decode(const uint8_t *data, size_t size)
{
	wire_arena_reset(arena);
	got = NULL;
	return wire_msg_decode(arena, (struct tr_bytes){data, size}, &got);
}

static size_t encode(Terrace__Msg *msg)
{
	msg->session = 0x01020304;
	msg->n = 7;
	assert_true(wire_msg_size(msg) <= sizeof(frame));
	return wire_msg_encode(msg, frame);
}

/* --- one good message of every kind --- */

static void fill_hello(Terrace__Msg *m)
{
	static Terrace__Head head = TERRACE__HEAD__INIT;
	static Terrace__Hello h = TERRACE__HELLO__INIT;
	static uint32_t xseq[4] = {1, 0, 300, 70000};

	head.nid = 5;
	head.n_xseq = 4;
	head.xseq = xseq;
	head.sig = BIN(64);
	h.nid = 5;
	h.fd = BIN(16);
	h.profile = TR_PROFILE_METERED;
	h.head = &head;
	h.version = BIN(TR_VERSION_MAX);
	m->m_case = TERRACE__MSG__M_HELLO;
	m->hello = &h;
}

static void fill_welcome(Terrace__Msg *m)
{
	static Terrace__Welcome w = TERRACE__WELCOME__INIT;

	w.verdict = TR_VERDICT_OK;
	w.fd = BIN(16);
	w.text = BIN(TR_NOTE_MAX);
	m->m_case = TERRACE__MSG__M_WELCOME;
	m->welcome = &w;
}

static void fill_logdef(Terrace__Msg *m)
{
	static Terrace__LogDef d = TERRACE__LOG_DEF__INIT;

	d.author = d.inc = d.scope = 9;
	d.lane = TR_LANE_E;
	m->m_case = TERRACE__MSG__M_LOGDEF;
	m->logdef = &d;
}

static void fill_frontier(Terrace__Msg *m)
{
	static Terrace__FEnt e = TERRACE__FENT__INIT, *es[TR_FRONTIER_ENTRIES_MAX];
	static Terrace__SDig s = TERRACE__SDIG__INIT, *ss[3] = {&s, &s, &s};
	static Terrace__Frontier f = TERRACE__FRONTIER__INIT;

	e.log = 300;
	e.seq = TR_SEQ_MAX;
	for (size_t i = 0; i < TR_FRONTIER_ENTRIES_MAX; i++)
		es[i] = &e;
	f.mode = TR_FRONTIER_FULL;
	f.n_e = TR_FRONTIER_ENTRIES_MAX;
	f.e = es;
	f.n_s = 3;
	f.s = ss;
	f.more = 1;
	m->m_case = TERRACE__MSG__M_FRONTIER;
	m->frontier = &f;
}

static void fill_segs(Terrace__Msg *m)
{
	static ProtobufCBinaryData seg[2];
	static Terrace__Segs s = TERRACE__SEGS__INIT;

	seg[0] = BIN(TR_SEG_BYTES_MAX);
	seg[1] = BIN(200);
	s.n_seg = 2;
	s.seg = seg;
	m->m_case = TERRACE__MSG__M_SEGS;
	m->segs = &s;
}

static void fill_receipt(Terrace__Msg *m)
{
	static Terrace__Ctx c = TERRACE__CTX__INIT, *cs[2] = {&c, &c};
	static Terrace__Receipt r = TERRACE__RECEIPT__INIT;

	r.issuer = r.scope = 1;
	r.n_f = 2;
	r.f = cs;
	r.sig = BIN(64);
	m->m_case = TERRACE__MSG__M_RECEIPT;
	m->receipt = &r;
}

static void fill_summary(Terrace__Msg *m)
{
	static Terrace__Summary s = TERRACE__SUMMARY__INIT;

	s.nid = 4;
	s.state = TR_PEER_UP;
	s.note = BIN(3);
	m->m_case = TERRACE__MSG__M_SUMMARY;
	m->summary = &s;
}

static void fill_enroll(Terrace__Msg *m)
{
	static Terrace__Enroll e = TERRACE__ENROLL__INIT;

	e.token_id = BIN(16);
	e.want = BIN(110);
	e.self_sig = BIN(64);
	e.mac = BIN(32);
	m->m_case = TERRACE__MSG__M_ENROLL;
	m->enroll = &e;
}

static void fill_enrollok(Terrace__Msg *m)
{
	static ProtobufCBinaryData chain[TR_CHAIN_MAX];
	static Terrace__EnrollOk e = TERRACE__ENROLL_OK__INIT;

	for (size_t i = 0; i < TR_CHAIN_MAX; i++)
		chain[i] = BIN(TR_CERT_BYTES_MAX);
	e.n_chain = TR_CHAIN_MAX;
	e.chain = chain;
	e.root = BIN(120);
	e.mac = BIN(32);
	m->m_case = TERRACE__MSG__M_ENROLLOK;
	m->enrollok = &e;
}

static void fill_bye(Terrace__Msg *m)
{
	static Terrace__Bye b = TERRACE__BYE__INIT;

	b.text = BIN(20);
	m->m_case = TERRACE__MSG__M_BYE;
	m->bye = &b;
}

static void fill_cert(Terrace__Msg *m)
{
	m->m_case = TERRACE__MSG__M_CERT;
	m->cert = BIN(500);
}

static void (*const fills[])(Terrace__Msg *) = {fill_hello, fill_welcome, fill_logdef,
    fill_frontier, fill_segs, fill_receipt, fill_summary, fill_enroll, fill_enrollok, fill_bye,
    fill_cert};
#define FILLS (sizeof(fills) / sizeof(fills[0]))

static void every_kind_of_message_comes_back_equal(void **state)
{
	static uint8_t again[sizeof(frame)];

	(void)state;
	for (size_t i = 0; i < FILLS; i++) {
		Terrace__Msg m = TERRACE__MSG__INIT;
		size_t size;

		fills[i](&m);
		size = encode(&m);
		if (decode(frame, size) != 0)
			fail_msg("message %zu refused", i);
		assert_int_equal(got->m_case, m.m_case);
		assert_int_equal(wire_msg_size(got), size);
		wire_msg_encode(got, again);
		assert_memory_equal(frame, again, size);
	}
}

static void a_cut_message_never_passes_as_another(void **state)
{
	(void)state;
	for (size_t i = 0; i < FILLS; i++) {
		Terrace__Msg m = TERRACE__MSG__INIT;
		size_t size, step;

		fills[i](&m);
		size = encode(&m);
		step = size > 2000 ? 211 : 1;
		for (size_t n = 0; n < size; n += step) {
			uint8_t *exact = malloc(n + 1); /* a sanitizer sees one byte too far */

			assert_non_null(exact);
			memcpy(exact, frame, n);
			/* Only the two numbers in front are a message without content. */
			if (decode(exact, n) == 0)
				assert_int_equal(got->m_case, TERRACE__MSG__M__NOT_SET);
			free(exact);
		}
	}
}

static void flipped_bits_never_break_the_decoder(void **state)
{
	uint64_t seed = 1;

	(void)state;
	for (unsigned round = 0; round < 4000; round++) {
		Terrace__Msg m = TERRACE__MSG__INIT;
		uint8_t *exact;
		size_t size;

		fills[round % FILLS](&m);
		size = encode(&m);
		exact = malloc(size);
		assert_non_null(exact);
		memcpy(exact, frame, size);
		for (unsigned k = 0; k < 1 + round % 3; k++)
			exact[unit_random(&seed) % (size < 300 ? size : 300)] ^=
			    (uint8_t)(1u << unit_random(&seed) % 8);
		(void)!decode(exact, size);
		free(exact);
	}
}

/* --- hand-made frames --- */

struct hand {
	struct tr_pb_writer w;
};

static struct hand hand(void)
{
	struct hand h = {{frame, frame + sizeof(frame), false}};

	return h;
}

static int decode_hand(const struct hand *h)
{
	return decode(frame, (size_t)(h->w.at - frame));
}

static void put_seg(struct tr_pb_writer *w, size_t ops, uint64_t count, size_t sig)
{
	tr_pb_put_uint(w, 2, 1);
	tr_pb_put_uint(w, 3, count);
	for (size_t i = 0; i < ops; i++)
		tr_pb_put_bytes(w, 8, "\1\1\1\1", 4);
	tr_pb_put_bytes(w, 9, filler, sig);
}

static int decode_seg(size_t ops, uint64_t count, size_t sig)
{
	struct hand h = hand();
	Terrace__Seg *seg;

	put_seg(&h.w, ops, count, sig);
	wire_arena_reset(arena);
	return wire_seg_decode(arena, (struct tr_bytes){frame, (size_t)(h.w.at - frame)}, &seg);
}

static int decode_root(size_t ops, size_t root)
{
	struct hand h = hand();
	Terrace__Seg *seg;

	put_seg(&h.w, ops, 3, 64);
	tr_pb_put_bytes(&h.w, 11, filler, root);
	wire_arena_reset(arena);
	return wire_seg_decode(arena, (struct tr_bytes){frame, (size_t)(h.w.at - frame)}, &seg);
}

/* What is left of a segment whose ops were dropped: all of them, or none. */
static void a_root_stands_for_all_ops(void **state)
{
	(void)state;
	assert_int_equal(decode_root(0, 32), 0);
	assert_int_equal(decode_root(3, 32), TR_E_INPUT);
	assert_int_equal(decode_root(1, 32), TR_E_INPUT);
	assert_int_equal(decode_root(0, 31), TR_E_INPUT);
	assert_int_equal(decode_root(0, 33), TR_E_LIMIT);
	assert_int_equal(decode_root(0, 0), TR_E_INPUT);
}

static void a_segment_has_its_ops_and_its_signature(void **state)
{
	(void)state;
	assert_int_equal(decode_seg(3, 3, 64), 0);
	assert_int_equal(decode_seg(TR_SEG_OPS_MAX, TR_SEG_OPS_MAX, 64), 0);
	assert_int_equal(decode_seg(3, 2, 64), TR_E_INPUT);
	assert_int_equal(decode_seg(2, 3, 64), TR_E_INPUT);
	assert_int_equal(decode_seg(0, 1, 64), TR_E_INPUT);
	assert_int_equal(decode_seg(1, 0, 64), TR_E_INPUT);
	assert_int_equal(decode_seg(1, 1, 0), TR_E_INPUT);
	assert_int_equal(decode_seg(1, 1, 63), TR_E_INPUT);
	assert_int_equal(decode_seg(1, 1, 65), TR_E_LIMIT);
	assert_int_equal(decode_seg(TR_SEG_OPS_MAX + 1, 1, 64), TR_E_LIMIT);
	assert_int_equal(decode_seg(1, TR_SEG_OPS_MAX + 1, 64), TR_E_LIMIT);
}

static void singular_fields_come_once(void **state)
{
	struct hand h = hand();

	(void)state;
	tr_pb_put_uint(&h.w, 2, 1);
	assert_int_equal(decode_hand(&h), 0);
	tr_pb_put_uint(&h.w, 2, 1);
	assert_int_equal(decode_hand(&h), TR_E_INPUT);
	h = hand(); /* two of a oneof */
	tr_pb_put_bytes(&h.w, 21, "c", 1);
	assert_int_equal(decode_hand(&h), 0);
	tr_pb_put_tag(&h.w, 19, TR_PB_BYTES);
	tr_pb_put_varint(&h.w, 0);
	assert_int_equal(decode_hand(&h), TR_E_INPUT);
	h = hand(); /* the same message twice would be merged by protobuf-c */
	for (int i = 0; i < 2; i++) {
		tr_pb_put_tag(&h.w, 19, TR_PB_BYTES);
		tr_pb_put_varint(&h.w, 0);
	}
	assert_int_equal(decode_hand(&h), TR_E_INPUT);
}

static void unknown_fields_are_passed_over_but_not_many(void **state)
{
	struct hand h = hand();

	(void)state;
	tr_pb_put_uint(&h.w, 2, 1);
	for (uint32_t i = 0; i < TR_SCAN_UNKNOWN_MAX; i++)
		tr_pb_put_uint(&h.w, 100 + i, 1);
	assert_int_equal(decode_hand(&h), 0);
	tr_pb_put_uint(&h.w, 99, 1);
	assert_int_equal(decode_hand(&h), TR_E_LIMIT);
}

static void odd_encodings_are_refused(void **state)
{
	static const struct {
		const char *why;
		uint8_t size, bytes[16];
	} rows[] = {
	    {"group", 4, {0x13, 0x14, 0, 0}},
	    {"wire type 6", 2, {0x16, 0}},
	    {"wire type 7", 2, {0x17, 0}},
	    {"field number 0", 2, {0x00, 1}},
	    {"overlong tag", 3, {0x90, 0x00, 1}},
	    {"overlong value", 3, {0x10, 0x81, 0x00}},
	    {"uint32 above 32 bits", 6, {0x10, 0xff, 0xff, 0xff, 0xff, 0x1f}},
	    {"varint of 11 bytes", 12, {0x10, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1}},
	    {"varint above 64 bits", 11, {0x10, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2}},
	    {"session as varint", 2, {0x08, 1}},
	    {"session cut", 4, {0x0d, 1, 2, 3}},
	    {"length past the end", 3, {0xaa, 0x01, 5}},
	    {"inner length past its parent", 6, {0x32, 2, 0x1a, 9, 0, 0}},
	    {"huge length", 12, {0x1a, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1, 0}},
	    {"message as number", 2, {0x18, 1}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (decode(rows[i].bytes, rows[i].size) != TR_E_INPUT)
			fail_msg("%s passed", rows[i].why);
}

static void repeated_numbers_are_counted_packed_or_not(void **state)
{
	static const uint8_t many[17] = {0};
	struct hand h;

	(void)state;
	for (size_t n = 15; n <= 17; n++) { /* Head.xseq: 16 at most */
		for (int packed = 0; packed < 2; packed++) {
			uint8_t head[200];
			struct tr_pb_writer w = {head, head + sizeof(head), false};

			tr_pb_put_fixed64(&w, 1, 1);
			if (packed)
				tr_pb_put_bytes(&w, 6, many, n);
			for (size_t i = 0; !packed && i < n; i++)
				tr_pb_put_uint(&w, 6, 1);
			tr_pb_put_bytes(&w, 7, filler, 64);
			h = hand();
			tr_pb_put_bytes(&h.w, 13, head, (size_t)(w.at - head));
			assert_int_equal(decode_hand(&h), n <= 16 ? 0 : TR_E_LIMIT);
			if (n <= 16)
				assert_int_equal(got->head->n_xseq, n);
		}
	}
}

static void bombs_cost_no_memory(void **state)
{
	struct hand h;
	size_t size;

	(void)state;
	/* 4,096 fields is the end, whatever they are. */
	h = hand();
	tr_pb_put_tag(&h.w, 7, TR_PB_BYTES);
	tr_pb_put_varint(&h.w, 3u * 5000);
	for (int i = 0; i < 5000; i++)
		tr_pb_put_raw(&h.w, "\x0a\x01x", 3);
	assert_int_equal(decode_hand(&h), TR_E_INPUT); /* too short for a segment */
	h = hand();
	size = (size_t)TR_SCAN_FIELDS_MAX * (2 + 64);
	tr_pb_put_tag(&h.w, 7, TR_PB_BYTES);
	tr_pb_put_varint(&h.w, size);
	for (int i = 0; i < TR_SCAN_FIELDS_MAX; i++) {
		tr_pb_put_raw(&h.w, "\x0a\x40", 2);
		tr_pb_put_raw(&h.w, filler, 64);
	}
	assert_int_equal(decode_hand(&h), TR_E_LIMIT);
	assert_int_equal(decode(frame, TR_FRAME_RAW_MAX + 1), TR_E_LIMIT);
}

static void the_arena_has_a_budget_and_survives_its_end(void **state)
{
	static uint8_t bytes[4096];
	struct tr_pb_writer w = {bytes, bytes + sizeof(bytes), false};
	ProtobufCMessage *msg;
	size_t n;

	(void)state;
	/* Unscanned, 2,000 empty entries would take about 56 bytes each. */
	for (int i = 0; i < 2000; i++)
		tr_pb_put_raw(&w, "\x12\x00", 2);
	n = (size_t)(w.at - bytes);
	wire_arena_reset(arena);
	assert_int_equal(wire_arena_unpack(arena, &terrace__frontier__descriptor,
			     (struct tr_bytes){bytes, n}, &msg), TR_E_LIMIT);
	assert_int_equal(wire_arena_unpack(arena, &terrace__frontier__descriptor,
			     (struct tr_bytes){bytes, 2}, &msg), 0);
	assert_int_equal(((Terrace__Frontier *)msg)->n_e, 1);
}

static void many_messages_live_in_one_arena(void **state)
{
	Terrace__Msg *kept[40];
	Terrace__Msg m = TERRACE__MSG__INIT;
	size_t size;

	(void)state;
	fill_segs(&m); /* 64 KiB each: several blocks */
	size = encode(&m);
	wire_arena_reset(arena);
	for (size_t i = 0; i < 40; i++)
		assert_int_equal(wire_msg_decode(arena, (struct tr_bytes){frame, size}, &kept[i]), 0);
	for (size_t i = 0; i < 40; i++) {
		assert_int_equal(kept[i]->segs->n_seg, 2);
		assert_int_equal(kept[i]->segs->seg[0].len, TR_SEG_BYTES_MAX);
		assert_memory_equal(kept[i]->segs->seg[0].data, filler, TR_SEG_BYTES_MAX);
	}
	wire_arena_free(NULL);
}

/* --- the table of rules is complete --- */

static void check_descriptor(const ProtobufCMessageDescriptor *d)
{
	const struct wire_rules *rules = wire_rules_of(d);

	assert_true(d->n_fields <= WIRE_SCAN_MEMBERS_MAX);
	for (size_t i = 0; rules != NULL && i < rules->count; i++)
		assert_non_null(protobuf_c_message_descriptor_get_field(d, rules->rules[i].field));
	for (unsigned i = 0; i < d->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &d->fields[i];
		const struct wire_rule *rule = wire_rule_of(rules, f->id);

		switch ((int)f->type) {
		case PROTOBUF_C_TYPE_UINT32:
		case PROTOBUF_C_TYPE_UINT64:
		case PROTOBUF_C_TYPE_SINT64:
		case PROTOBUF_C_TYPE_FIXED32:
		case PROTOBUF_C_TYPE_FIXED64: break;
		case PROTOBUF_C_TYPE_MESSAGE: check_descriptor(f->descriptor); break;
		case PROTOBUF_C_TYPE_BYTES:
			if (rule == NULL || rule->kind == WIRE_RULE_NUMBER)
				fail_msg("%s.%s has no rule for its size", d->name, f->name);
			assert_true(rule->max <= TR_SNAP_SEG_MAX);
			break;
		default: fail_msg("%s.%s: type not supported by the scan", d->name, f->name);
		}
		if (f->label == PROTOBUF_C_LABEL_REPEATED && d != &terrace__segs__descriptor &&
		    (rule == NULL || rule->count_max == 0))
			fail_msg("%s.%s has no rule for its count", d->name, f->name);
	}
}

static void every_bytes_field_and_every_list_has_a_rule(void **state)
{
	(void)state;
	check_descriptor(&terrace__msg__descriptor);
	check_descriptor(&terrace__seg__descriptor);
	check_descriptor(&terrace__cert_req__descriptor);
	check_descriptor(&terrace__bundle_head__descriptor);
	check_descriptor(&terrace__bundle_tail__descriptor);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_kind_of_message_comes_back_equal),
	    cmocka_unit_test(a_cut_message_never_passes_as_another),
	    cmocka_unit_test(flipped_bits_never_break_the_decoder),
	    cmocka_unit_test(a_segment_has_its_ops_and_its_signature),
	    cmocka_unit_test(a_root_stands_for_all_ops),
	    cmocka_unit_test(singular_fields_come_once),
	    cmocka_unit_test(unknown_fields_are_passed_over_but_not_many),
	    cmocka_unit_test(odd_encodings_are_refused),
	    cmocka_unit_test(repeated_numbers_are_counted_packed_or_not),
	    cmocka_unit_test(bombs_cost_no_memory),
	    cmocka_unit_test(the_arena_has_a_budget_and_survives_its_end),
	    cmocka_unit_test(many_messages_live_in_one_arena),
	    cmocka_unit_test(every_bytes_field_and_every_list_has_a_rule),
	};
	int failed;

	memset(filler, 'f', sizeof(filler));
	arena = wire_arena_create();
	if (arena == NULL)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	wire_arena_free(arena);
	return failed;
}
