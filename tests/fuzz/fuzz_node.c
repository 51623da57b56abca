/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: what an admitted neighbour may send -- well signed, in any order, of
 * any content -- costs that neighbour its session at most: no step fails, the
 * node is sound after each, and it comes back from its store.
 *
 * Method: the input is a list of moves.  Sessions and frame numbers are right
 * and segments, HEADs, RECEIPTs and certificates are signed by the party that
 * sends them, so that the bytes get past the first checks.
 */
// needs: tests/lib/rig.o tests/lib/memview.o tests/fuzz/town.o
// length: 1024
#include "tests/fuzz/fuzz_in.h"
#include "tests/fuzz/town.h"

#define MOVES_MAX 48
#define OPS_MAX 6

static struct rig rig;

/* What the parties remember of each log of theirs. */
#define LOGS (RIG_PARTIES * RIG_PARTIES * 6 * 4)
static struct {
	struct tr_hash head;
	uint64_t seq;
	unsigned defined; /* in this connection */
} said[LOGS];
static unsigned connects;

static enum rig_who pick(struct fuzz_in *in)
{
	return (enum rig_who)(fuzz_u8(in) % RIG_PARTIES);
}

/* A neighbour of the core: the parent or a child. */
static enum rig_who pick_peer(struct fuzz_in *in)
{
	static const enum rig_who peers[RIG_PARTIES][2] = {[RIG_TOP] = {RIG_STREET, RIG_OTHER},
	    [RIG_STREET] = {RIG_LEAF, RIG_TOP}, [RIG_OTHER] = {RIG_TOP, RIG_TOP}, [RIG_LEAF] = {RIG_STREET, RIG_STREET}};

	return peers[rig.self][fuzz_u8(in) % 2];
}

static void connect_peer(struct fuzz_in *in)
{
	enum rig_who peer = pick_peer(in);

	/* WELCOME answers a HELLO; a link that is paused says none. */
	if (rig.party[rig.self].cert.parent.v == rig.party[peer].nid.v && rig.last[TERRACE__MSG__M_HELLO] == NULL) {
		struct rep_event up = {.kind = REP_EV_LINK_UP, .link = REP_LINK_UP};

		rig_wait(&rig, 200000);
		rig_step(&rig, &up);
		if (rig.last[TERRACE__MSG__M_HELLO] == NULL)
			return;
		rig_wait(&rig, 200000); /* nobody answers it: the next dial */
	}
	connects++;
	rig_connect(&rig, peer);
}

static int64_t pick_int(struct fuzz_in *in)
{
	uint8_t b = fuzz_u8(in);

	switch (b % 8) {
	case 0: return INT64_MAX - b;
	case 1: return INT64_MIN + b;
	case 2: return (int64_t)rig.party[b / 8 % RIG_PARTIES].nid.v;
	case 3: return -(int64_t)b;
	default: return b / 8;
	}
}

static struct tr_bytes make_op(struct fuzz_in *in, uint8_t *out, size_t cap)
{
	uint8_t kind = fuzz_u8(in), type = fuzz_u8(in), count = fuzz_u8(in);
	struct rep_op op = {.kind = kind & 15, .flags = kind >> 7, .has_body = true, .type = type % 8,
	    .rec = {{type >> 6, fuzz_u8(in) % 4}}, .dt_ms = type == 255 ? INT64_MAX : type / 8};
	size_t size;

	if (count == 255) { /* as it comes */
		struct tr_bytes raw = fuzz_take(in, fuzz_u8(in));

		if (raw.size > 0)
			memcpy(out, raw.data, raw.size);
		return (struct tr_bytes){out, raw.size};
	}
	op.actor = fuzz_take(in, count >> 6);
	for (uint8_t i = 0; i < count % 8; i++) {
		struct rep_value *v = &op.values[op.value_count++];
		uint8_t field = fuzz_u8(in), how = fuzz_u8(in);

		v->field = field % 70;
		v->act = how % 4 == 3 ? 0 : how % 4;
		v->type = how / 4 % 4;
		if (v->type == REP_VALUE_INT)
			v->i = pick_int(in);
		if (v->type == REP_VALUE_TEXT || v->type == REP_VALUE_BYTES)
			v->t = fuzz_take(in, how / 16);
		if (v->type == REP_VALUE_TEXT && !wire_utf8_ok(v->t))
			v->type = REP_VALUE_BYTES;
	}
	size = rep_op_encode(&op, out, cap);
	return (struct tr_bytes){out, size > 0 ? size : 1};
}

static struct tr_log_id pick_log(struct fuzz_in *in, enum rig_who author, size_t *slot)
{
	enum rig_who scope = pick(in);
	static const uint64_t incs[] = {1, 2, UINT64_MAX, 0};
	uint8_t b = fuzz_u8(in), lane = b % 6, inc = b / 6 % 4;

	*slot = (((size_t)author * RIG_PARTIES + scope) * 6 + lane) * 4 + inc;
	return (struct tr_log_id){rig.party[author].nid, incs[inc], rig.party[scope].nid, lane};
}

static void send_segment(struct fuzz_in *in)
{
	static uint8_t entries[OPS_MAX][4096], out[OPS_MAX * 4096 + 1024];
	struct tr_bytes ops[OPS_MAX], segment;
	uint8_t how = fuzz_u8(in);
	enum rig_who author = how % 4 == 3 ? pick(in) : rig.peer;
	struct rig_seg seg = {.author = author, .ops = ops, .serial = 1, .count = 1 + how / 4 % OPS_MAX};
	struct tr_hash hash;
	size_t slot;

	seg.log = pick_log(in, author, &slot);
	seg.h = 1 + (uint32_t)slot;
	seg.first = said[slot].seq + 1;
	seg.prev = said[slot].head;
	if (how >= 240) /* a gap, a repetition, the end of all numbers */
		seg.first = (uint64_t)pick_int(in);
	for (uint32_t i = 0; i < seg.count; i++) {
		memset(entries[i], 0, 1);
		ops[i] = make_op(in, entries[i], sizeof(entries[i]));
	}
	segment = rig_segment(&rig, &seg, out, sizeof(out), &hash);
	if (said[slot].defined != connects || how / 4 == 63)
		rig_logdef(&rig, seg.h, seg.log);
	said[slot].defined = connects;
	rig_segs(&rig, &segment, 1);
	if (how < 240) {
		said[slot].head = hash;
		said[slot].seq += seg.count;
	}
}

/* A message of any kind: session and number right, the rest as it comes. */
static void send_msg(struct fuzz_in *in)
{
	struct wire_arena *arena = fuzz_arena();
	struct tr_bytes bytes = fuzz_take(in, fuzz_u8(in));
	struct rep_event event = {.kind = REP_EV_FRAME, .link = rig.link, .frame = bytes};
	Terrace__Msg *msg;

	if (wire_msg_decode(arena, bytes, &msg) == 0)
		rig_send(&rig, msg);
	else
		rig_step(&rig, &event);
}

static void send_frontier(struct fuzz_in *in)
{
	Terrace__Msg msg = TERRACE__MSG__INIT;
	Terrace__Frontier f = TERRACE__FRONTIER__INIT;
	Terrace__FEnt entries[8], *e[8];
	Terrace__SDig scopes[4], *s[4];
	uint8_t how = fuzz_u8(in);

	f.mode = how % 4;
	f.more = how / 4 % 2;
	f.credit = how >= 128 ? (uint32_t)pick_int(in) : 0;
	f.n_e = fuzz_u8(in) % 8;
	for (size_t i = 0; i < f.n_e; i++) {
		entries[i] = (Terrace__FEnt)TERRACE__FENT__INIT;
		entries[i].log = fuzz_u8(in);
		entries[i].seq = (uint64_t)pick_int(in);
		entries[i].low = (uint64_t)pick_int(in);
		e[i] = &entries[i];
	}
	f.n_s = f.mode == TR_FRONTIER_SCOPES ? fuzz_u8(in) % 4 : 0;
	for (size_t i = 0; i < f.n_s; i++) {
		scopes[i] = (Terrace__SDig)TERRACE__SDIG__INIT;
		scopes[i].scope = rig.party[pick(in)].nid.v;
		scopes[i].d = fuzz_u8(in);
		s[i] = &scopes[i];
	}
	f.e = e;
	f.s = s;
	msg.m_case = TERRACE__MSG__M_FRONTIER;
	msg.frontier = &f;
	rig_send(&rig, &msg);
}

/* A certificate that the issuer may have made of a party: caps, serial, place. */
static void send_cert(struct fuzz_in *in)
{
	struct rig_party p = rig.party[pick(in)];
	enum rig_who issuer = pick(in);
	uint8_t how = fuzz_u8(in);

	p.cert.serial = how % 4;
	p.cert.caps = (uint32_t)pick_int(in);
	p.cert.issuer = rig.party[issuer].nid;
	if (how >= 128)
		p.cert.parent = rig.party[pick(in)].nid;
	if (how % 8 >= 4)
		p.cert.level = how / 8 % 10;
	if (how % 16 >= 8)
		p.nid.v = p.cert.nid.v = 2000 + fuzz_u8(in);
	rig_certify(&rig, &p, issuer, how % 32 >= 16);
	if (p.size != 0)
		rig_cert(&rig, &p);
}

static void bundle(struct fuzz_in *in)
{
	struct rep_event event = {.kind = REP_EV_BUNDLE_BEGIN, .peer = rig.party[pick_peer(in)].nid};

	rig_step(&rig, &event);
	event.kind = REP_EV_BUNDLE_FRAME;
	for (int i = fuzz_u8(in) % 4; i > 0; i--) {
		event.frame = fuzz_take(in, fuzz_u8(in));
		rig_step(&rig, &event);
	}
	event = (struct rep_event){.kind = REP_EV_BUNDLE_END};
	rig_step(&rig, &event);
}

static void other(struct fuzz_in *in, uint8_t what)
{
	struct rep_event event = {.kind = REP_EV_LINK_DOWN, .link = rig.link, .down = REP_DOWN_CLOSED};

	switch (what) {
	case 0: rig_step(&rig, &event); break;
	case 1: /* somebody unknown, or an invited one who is not yet */
		event.kind = REP_EV_LINK_UP;
		event.link = rig.link = 300;
		memset(event.user.b, fuzz_u8(in), sizeof(event.user.b));
		rig_step(&rig, &event);
		rig.n = 0;
		break;
	case 2:
		event = (struct rep_event){.kind = REP_EV_PAUSE, .peer = rig.party[pick_peer(in)].nid,
		    .pause = (enum rep_pause)(1 + fuzz_u8(in) % 3)};
		rig_step(&rig, &event);
		break;
	case 3: bundle(in); break;
	default: TR_ASSERT(rig_restart(&rig) == 0); break;
	}
}

static void move(struct fuzz_in *in)
{
	uint8_t what = fuzz_u8(in);

	switch (what % 16) {
	case 0: connect_peer(in); break;
	case 1: rig_wait(&rig, (int64_t)fuzz_u8(in) * fuzz_u8(in) * 10); break;
	case 2: town_write(&rig, fuzz_u8(in) % 4, fuzz_u8(in)); break;
	case 3:
	case 4: send_msg(in); break;
	case 5: send_frontier(in); break;
	case 6: send_cert(in); break;
	case 7: town_head(&rig, pick(in), (uint32_t)pick_int(in), fuzz_u8(in)); break;
	case 8: town_receipt(&rig, rig.party[pick(in)].nid.v, fuzz_u8(in), fuzz_u8(in) % 16, (uint64_t)fuzz_u8(in)); break;
	case 9: other(in, what / 16 % 5); break;
	default: send_segment(in); break;
	}
}

/* As founded: the keys and certificates are made once, the store is rolled back. */
static void begin(enum rig_who self)
{
	static struct rig fresh[RIG_PARTIES];

	(void)fuzz_arena();
	if (fresh[self].mv == NULL) {
		rig_begin(&fresh[self], self);
		rep_free(fresh[self].node);
		fresh[self].node = NULL;
	}
	rig = fresh[self];
	memset(said, 0, sizeof(said));
	connects = 0;
	wire_arena_reset(rig.arena);
	rep_batch_reset(rig.batch);
	memview_begin(rig.mv);
	TR_ASSERT(rig_restart(&rig) == 0);
}

static void end(void)
{
	rep_free(rig.node);
	memview_rollback(rig.mv);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum rig_who selves[] = {RIG_TOP, RIG_STREET, RIG_LEAF, RIG_STREET};
	struct fuzz_in in = {data, data + size};
	uint8_t how = fuzz_u8(&in);

	begin(selves[how % 4]);
	rig.peer = pick_peer(&(struct fuzz_in){&how, &how + 1});
	for (int i = 0; i < MOVES_MAX && in.at < in.end; i++) {
		move(&in);
		TR_ASSERT(rig.rc == 0);
		rep_check(rig.node, &rig.view);
	}
	TR_ASSERT(rig_restart(&rig) == 0);
	rep_check(rig.node, &rig.view);
	end();
	return 0;
}
