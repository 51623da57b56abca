/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/town.h"

#include <string.h>

#include <sodium.h>

#include "proto/err.h"
#include "proto/wire.h"

enum { TITLE = 14, STATUS = 40, DIRECTIVE_ID = 1, TARGETS = 2, TARGET = 3, ISSUER = 4, BODY = 7 };

#define TEXT(s) ((struct tr_bytes){(const uint8_t *)(s), sizeof(s) - 1})

void town_write(struct rig *r, uint8_t n, uint8_t what)
{
	struct rep_value values[2] = {
	    {TITLE, TR_ACT_SET, REP_VALUE_TEXT, 0, TEXT("noise at night")},
	    {STATUS, TR_ACT_SET, REP_VALUE_INT, 1 + what % 14, {0}}};
	struct rep_write w = {.ticket = n, .kind = TR_KIND_CASE, .has_id = true, .id = {{0x77, n}},
	    .bulk = what == 255, .actor = TEXT("li"), .values = values, .value_count = what == 0 ? 1 : 2};
	struct rep_event event = {.kind = REP_EV_WRITE, .write = &w};

	rig_step(r, &event);
}

/* The canonical form of head.c, done again: what is signed must not drift. */
void town_head(struct rig *r, enum rig_who who, uint32_t ctr, uint32_t xseq)
{
	static const char purpose[] = "terrace/head/1";
	uint8_t canon[256] = {0}, sig[64], *p = canon + sizeof(purpose);
	uint32_t counts[2] = {xseq, xseq / 2};
	Terrace__Msg msg = TERRACE__MSG__INIT;
	Terrace__Head h = TERRACE__HEAD__INIT;

	h.nid = r->party[who].nid.v;
	h.ctr = ctr;
	h.hlc = (uint64_t)r->wall_ms << 16;
	h.own = 5;
	h.held = xseq;
	h.own_ops = xseq;
	h.serial = r->party[who].cert.serial;
	h.n_xseq = who == RIG_TOP ? 0 : 2;
	h.xseq = counts;
	memcpy(canon, purpose, sizeof(purpose));
	wire_put_le64(p, h.nid);
	wire_put_le32(p + 8, h.ctr);
	wire_put_le64(p + 12, h.hlc);
	wire_put_le64(p + 20, h.own);
	wire_put_le64(p + 28, h.held);
	wire_put_le32(p + 36, h.own_ops);
	wire_put_le32(p + 48, h.serial);
	wire_put_le32(p + 52, (uint32_t)h.n_xseq);
	for (size_t i = 0; i < h.n_xseq; i++)
		wire_put_le32(p + 56 + 4 * i, counts[i]);
	crypto_sign_detached(sig, NULL, canon, (size_t)(p - canon) + 56 + 4 * h.n_xseq, r->party[who].sign.sk);
	h.sig = (ProtobufCBinaryData){sizeof(sig), sig};
	msg.m_case = TERRACE__MSG__M_HEAD;
	msg.head = &h;
	rig_send(r, &msg);
}

/* Of one log at most: no order to keep. */
void town_receipt(struct rig *r, uint64_t scope, uint32_t ctr, uint32_t handle, uint64_t seq)
{
	static const char purpose[] = "terrace/receipt/1";
	uint8_t canon[128] = {0}, sig[64], *p = canon + sizeof(purpose);
	Terrace__Msg msg = TERRACE__MSG__INIT;
	Terrace__Receipt receipt = TERRACE__RECEIPT__INIT;
	Terrace__Ctx entry = TERRACE__CTX__INIT, *list = &entry;
	struct rep_log_info log;
	size_t size = sizeof(purpose) + 30;

	receipt.issuer = r->party[RIG_TOP].nid.v;
	receipt.scope = scope;
	receipt.ctr = ctr;
	receipt.hlc = (uint64_t)r->wall_ms << 16;
	memcpy(canon, purpose, sizeof(purpose));
	wire_put_le64(p, receipt.issuer);
	wire_put_le64(p + 8, scope);
	wire_put_le32(p + 16, ctr);
	wire_put_le64(p + 20, receipt.hlc);
	if (rep_log_of(r->node, handle, &log)) {
		rig_logdef(r, 5000 + handle, log.id);
		entry.log = 5000 + handle;
		entry.seq = seq != 0 ? seq : log.seq;
		memcpy(&entry.h4, log.head.b, 4);
		receipt.n_f = 1;
		receipt.f = &list;
		wire_put_be16(p + 28, 1);
		wire_put_le64(p + 30, log.id.author.v);
		wire_put_le64(p + 38, log.id.inc);
		p[46] = log.id.lane;
		wire_put_le64(p + 47, entry.seq);
		memcpy(p + 55, log.head.b, 16);
		size += 41;
	}
	crypto_sign_detached(sig, NULL, canon, size, r->party[RIG_TOP].sign.sk);
	receipt.sig = (ProtobufCBinaryData){sizeof(sig), sig};
	msg.m_case = TERRACE__MSG__M_RECEIPT;
	msg.receipt = &receipt;
	rig_send(r, &msg);
}

static void send_op(struct rig *r, enum rig_who author, struct tr_log_id id, uint32_t h, const struct rep_op *op)
{
	uint8_t entry[1024], out[2048];
	struct tr_bytes bytes = {entry, rep_op_encode(op, entry, sizeof(entry))}, segment;
	struct rig_seg seg = {author, id, h, 1, &bytes, 1, {{0}}, 1};

	TR_ASSERT(bytes.size > 0);
	segment = rig_segment(r, &seg, out, sizeof(out), NULL);
	rig_logdef(r, h, id);
	rig_segs(r, &segment, 1);
}

static void send_case(struct rig *r, uint8_t n)
{
	struct tr_nid leaf = r->party[RIG_LEAF].nid;
	struct rep_op op = {.kind = TR_OP_CREATE, .has_body = true, .type = TR_KIND_CASE, .rec = {{0x99, n}},
	    .actor = TEXT("wang"), .value_count = 2};

	op.values[0] = (struct rep_value){TITLE, TR_ACT_SET, REP_VALUE_TEXT, 0, TEXT("a broken lamp")};
	op.values[1] = (struct rep_value){61, TR_ACT_ADD, REP_VALUE_TEXT, 0, TEXT("seen twice")};
	send_op(r, RIG_LEAF, (struct tr_log_id){leaf, n, leaf, TR_LANE_R}, n, &op);
}

static void send_directive(struct rig *r, uint8_t n)
{
	static const uint8_t id[16] = {0xd1};
	struct tr_nid street = r->party[RIG_STREET].nid;
	struct rep_op op = {.kind = TR_OP_CREATE, .has_body = true, .type = TR_KIND_DIRECTIVE, .rec = {{0xd1, n}},
	    .value_count = 5};

	op.values[0] = (struct rep_value){DIRECTIVE_ID, TR_ACT_SET, REP_VALUE_BYTES, 0, {id, sizeof(id)}};
	op.values[1] = (struct rep_value){TARGETS, TR_ACT_SET, REP_VALUE_INT, 1, {0}};
	op.values[2] = (struct rep_value){TARGET, TR_ACT_SET, REP_VALUE_INT, (int64_t)street.v, {0}};
	op.values[3] = (struct rep_value){ISSUER, TR_ACT_SET, REP_VALUE_INT, (int64_t)r->party[RIG_TOP].nid.v, {0}};
	op.values[4] = (struct rep_value){BODY, TR_ACT_SET, REP_VALUE_TEXT, 0, TEXT("clear the snow")};
	send_op(r, RIG_TOP, (struct tr_log_id){r->party[RIG_TOP].nid, n, street, TR_LANE_X}, n, &op);
}

void town_build(struct rig *r)
{
	rig_begin(r, RIG_STREET);
	for (uint8_t i = 1; i <= 3; i++) {
		town_write(r, i, 0);
		town_write(r, i, 2); /* filed */
	}
	rig_connect(r, RIG_LEAF);
	send_case(r, 1);
	send_case(r, 2);
	town_head(r, RIG_LEAF, 3, 2);
	rig_connect(r, RIG_TOP);
	send_directive(r, 1);
	rig_wait(r, 5000);
	town_receipt(r, r->party[RIG_STREET].nid.v, 1, 1, 0);
	rig_wait(r, 60000);
	TR_ASSERT(r->rc == 0);
	TR_ASSERT(memview_rows(r->mv, REP_T_REC) >= 6 && memview_rows(r->mv, REP_T_SEG) >= 3);
	TR_ASSERT(memview_rows(r->mv, REP_T_HEAD) >= 1 && memview_rows(r->mv, REP_T_RCPT) >= 1);
	rep_check(r->node, &r->view);
}

void town_visit(struct rig *r)
{
	struct rep_event up = {.kind = REP_EV_LINK_UP, .link = 103, .user = r->party[RIG_LEAF].curve};

	rig_step(r, &up);
	if (r->rc != 0)
		return;
	r->peer = RIG_LEAF;
	r->link = 103;
	rig_hello(r);
	if (r->rc == 0)
		rig_frontier_empty(r);
	if (r->rc == 0)
		send_case(r, 3);
	if (r->rc == 0)
		town_write(r, 1, 4);
	if (r->rc == 0)
		rig_wait(r, 60000);
}
