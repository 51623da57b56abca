/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/rig.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "proto/err.h"
#include "replication/keys.h"

#define WALL ((int64_t)1790000000000) /* autumn of 2026 */
#define FRAME_CAP TR_FRAME_RAW_MAX
#define ROOT_KEYS 3

static const enum rig_who parent_of[RIG_PARTIES] = {
    [RIG_STREET] = RIG_TOP, [RIG_OTHER] = RIG_TOP, [RIG_LEAF] = RIG_STREET};

static void make_keys(struct rig_party *p, uint8_t i)
{
	uint8_t seed[32], sk[32];

	memset(seed, 0x40 + i, sizeof(seed));
	crypto_sign_seed_keypair(p->sign.pk.b, p->sign.sk, seed);
	memset(sk, 0x50 + i, sizeof(sk));
	crypto_scalarmult_base(p->curve.b, sk);
	memset(sk, 0x60 + i, sizeof(sk));
	crypto_scalarmult_base(p->seal.b, sk);
}

static void make_root(struct rig *r, struct rep_sign_keys keys[ROOT_KEYS])
{
	struct rep_root root = {.zone = 77, .version = 1, .key_count = ROOT_KEYS, .threshold = 2};

	for (uint8_t i = 0; i < ROOT_KEYS; i++) {
		uint8_t seed[32];

		memset(seed, 0x70 + i, sizeof(seed));
		crypto_sign_seed_keypair(keys[i].pk.b, keys[i].sk, seed);
		root.key[i] = keys[i].pk;
	}
	r->root_size = rep_root_encode(&root, r->root, sizeof(r->root));
	TR_ASSERT(r->root_size != 0);
}

void rig_certify(struct rig *r, struct rig_party *p, enum rig_who issuer, bool registered)
{
	uint8_t plain[TR_CERT_BYTES_MAX];

	p->size = rep_cert_issue(&p->cert, &r->party[issuer].sign, plain, sizeof(plain));
	memcpy(p->bytes, plain, p->size);
	if (registered && p->size != 0)
		p->size = rep_cert_countersign((struct tr_bytes){plain, p->size},
		    &r->party[RIG_TOP].sign, r->party[RIG_TOP].cert.serial, p->bytes, sizeof(p->bytes));
}

static void make_parties(struct rig *r)
{
	static const char *const unit[RIG_PARTIES] = {"110101", "110101/001", "110101/002", "110101/001/01"};
	static const uint8_t level[RIG_PARTIES] = {0, 1, 1, 2};
	struct rep_sign_keys keys[ROOT_KEYS];
	const uint8_t index[2] = {0, 1};

	make_root(r, keys);
	for (unsigned i = 0; i < RIG_PARTIES; i++) {
		struct rig_party *p = &r->party[i];

		make_keys(p, (uint8_t)i);
		p->nid.v = 1000 + i;
		p->cert = (struct rep_cert){.nid = p->nid, .zone = 77, .level = level[i], .serial = 1,
		    .issuer_serial = 1, .sign_pk = p->sign.pk, .curve_pk = p->curve, .seal_pk = p->seal,
		    .caps = rep_caps_default(level[i]), .alg = 1, .issued = {(uint64_t)WALL << 16}};
		memcpy(p->cert.unit, unit[i], strlen(unit[i]));
		memcpy(p->cert.title, "A place", 7);
		if (i == RIG_TOP) {
			p->size = rep_cert_issue_by_root(&p->cert, keys, index, 2, p->bytes, sizeof(p->bytes));
		} else {
			p->cert.parent = p->cert.issuer = r->party[parent_of[i]].nid;
			rig_certify(r, p, parent_of[i], true);
		}
		TR_ASSERT(p->size != 0);
	}
}

/* The rows of a child that joined; of unit.c: version parent caps code-length code title. */
static void know(struct rig *r, const struct rig_party *p)
{
	uint8_t row[14 + TR_UNIT_PATH_MAX + TR_TITLE_MAX] = {1};
	size_t code = strlen(p->cert.unit), title = strlen(p->cert.title);
	struct rep_key cert = rep_key_cert(p->nid, p->cert.serial), unit = rep_key_nid(p->nid);

	wire_put_be64(row + 1, p->cert.parent.v);
	wire_put_be32(row + 9, p->cert.caps);
	row[13] = (uint8_t)code;
	memcpy(row + 14, p->cert.unit, code);
	memcpy(row + 14 + code, p->cert.title, title);
	TR_ASSERT(rep_put(&r->view, REP_T_CERT, rep_key_bytes(&cert), (struct tr_bytes){p->bytes, p->size}) == 0);
	TR_ASSERT(rep_put(&r->view, REP_T_UNIT, rep_key_bytes(&unit), (struct tr_bytes){row, 14 + code + title}) == 0);
}

int rig_restart(struct rig *r)
{
	struct rep_conf conf = {.keys = r->party[r->self].sign, .profile = r->profile, .is_fenced = r->lost_fence,
	    .version = "rig", .wall = {r->wall_ms}, .mono = {r->mono_ms}};

	rep_free(r->node);
	r->node = NULL;
	rep_root_hash((struct tr_bytes){r->root, r->root_size}, &conf.root_hash);
	memset(conf.seed, 9, sizeof(conf.seed));
	return rep_create(&r->node, &conf, &r->view);
}

void rig_begin(struct rig *r, enum rig_who self)
{
	static const enum rig_who paths[RIG_PARTIES][3] = {
	    {RIG_TOP}, {RIG_TOP, RIG_STREET}, {RIG_TOP, RIG_OTHER}, {RIG_TOP, RIG_STREET, RIG_LEAF}};
	struct tr_bytes chain[3];
	uint8_t seed[32] = {1};
	struct tr_hash hash;
	size_t n;
	int rc;

	TR_ASSERT(sodium_init() >= 0);
	memset(r, 0, sizeof(*r));
	r->self = self;
	r->profile = TR_PROFILE_FIBRE;
	r->wall_ms = WALL;
	r->mono_ms = 1000000;
	r->welcome_ms = WALL;
	r->mv = memview_create();
	r->view = memview_view(r->mv);
	r->batch = rep_batch_create();
	r->arena = wire_arena_create();
	TR_ASSERT(r->batch != NULL && r->arena != NULL);
	make_parties(r);
	n = r->party[self].cert.level + 1u;
	for (size_t i = 0; i < n; i++)
		chain[i] = (struct tr_bytes){r->party[paths[self][i]].bytes, r->party[paths[self][i]].size};
	rep_root_hash((struct tr_bytes){r->root, r->root_size}, &hash);
	rc = rep_found(&r->view, (struct tr_bytes){r->root, r->root_size}, chain, n, &hash, seed,
	    (struct tr_wall_ms){r->wall_ms});
	TR_ASSERT(rc == 0);
	for (unsigned i = 1; i < RIG_PARTIES; i++)
		if (parent_of[i] == self)
			know(r, &r->party[i]);
	rc = rig_restart(r);
	TR_ASSERT(rc == 0);
}

void rig_end(struct rig *r)
{
	rep_free(r->node);
	rep_batch_free(r->batch);
	wire_arena_free(r->arena);
	memview_free(r->mv);
}

/* ---- steps ---- */

static void note(struct rig *r, const struct rep_effect *fx)
{
	Terrace__Msg *msg;

	if (fx->kind == REP_FX_TRACE)
		r->traces[fx->trace.code]++;
	if (fx->kind == REP_FX_REPLY)
		r->reply = fx->reply;
	if (fx->kind != REP_FX_SEND)
		return;
	r->sent_bytes += fx->bytes.size;
	TR_ASSERT(wire_msg_decode(r->arena, fx->bytes, &msg) == 0);
	r->frames[msg->m_case]++;
	r->last[msg->m_case] = msg;
	if (r->on_send != NULL)
		r->on_send(r->ctx, msg);
}

static void step(struct rig *r, struct rep_event *event)
{
	int rc;

	event->wall.ms = r->wall_ms;
	event->mono.ms = r->mono_ms;
	rc = rep_step(r->node, &r->view, event, r->batch);
	if (r->rc == 0)
		r->rc = rc;
}

static void commit(struct rig *r)
{
	const struct rep_effect *fx;
	int rc;

	if (r->rc != 0)
		return;
	rc = rep_flush(r->node, &r->view, (struct tr_wall_ms){r->wall_ms}, (struct tr_mono_ms){r->mono_ms}, r->batch);
	if (r->rc == 0)
		r->rc = rc;
	if (r->rc != 0)
		return;
	rep_committed(r->node, r->batch);
	while ((fx = rep_batch_next(r->batch)) != NULL)
		note(r, fx);
	rep_batch_reset(r->batch);
}

void rig_step(struct rig *r, struct rep_event *event)
{
	step(r, event);
	commit(r);
}

void rig_wait(struct rig *r, int64_t ms)
{
	struct rep_event tick = {.kind = REP_EV_TICK};

	r->wall_ms += ms;
	r->mono_ms += ms;
	rig_step(r, &tick);
}

void rig_send_only(struct rig *r, Terrace__Msg *msg)
{
	struct rep_event event = {.kind = REP_EV_FRAME, .link = r->link};
	uint8_t *out;

	msg->session = r->session;
	msg->n = ++r->n;
	out = malloc(wire_msg_size(msg));
	TR_ASSERT(out != NULL);
	event.frame = (struct tr_bytes){out, wire_msg_encode(msg, out)};
	step(r, &event);
	free(out);
}

void rig_send(struct rig *r, Terrace__Msg *msg)
{
	rig_send_only(r, msg);
	commit(r);
}

/* ---- sessions ---- */

void rig_hello(struct rig *r)
{
	Terrace__Msg msg = TERRACE__MSG__INIT;
	Terrace__Hello hello = TERRACE__HELLO__INIT;
	uint8_t fd[16] = {0xff};

	hello.proto_min = hello.proto_max = 1;
	hello.nid = r->party[r->peer].nid.v;
	hello.serial = r->party[r->peer].cert.serial;
	hello.parent_serial = 1;
	hello.fd = (ProtobufCBinaryData){sizeof(fd), fd};
	hello.profile = TR_PROFILE_FIBRE;
	msg.m_case = TERRACE__MSG__M_HELLO;
	msg.hello = &hello;
	r->session++;
	r->n = 0;
	rig_send(r, &msg);
}

void rig_frontier_empty(struct rig *r)
{
	Terrace__Msg msg = TERRACE__MSG__INIT;
	Terrace__Frontier f = TERRACE__FRONTIER__INIT;

	f.mode = TR_FRONTIER_FULL;
	msg.m_case = TERRACE__MSG__M_FRONTIER;
	msg.frontier = &f;
	rig_send(r, &msg);
}

static void welcome(struct rig *r)
{
	Terrace__Msg msg = TERRACE__MSG__INIT;
	Terrace__Welcome w = TERRACE__WELCOME__INIT;
	uint8_t fd[16] = {0xff};

	w.proto = 1;
	w.verdict = TR_VERDICT_OK;
	w.time_ms = r->welcome_ms;
	w.fd = (ProtobufCBinaryData){sizeof(fd), fd};
	msg.m_case = TERRACE__MSG__M_WELCOME;
	msg.welcome = &w;
	TR_ASSERT(r->last[TERRACE__MSG__M_HELLO] != NULL);
	r->session = r->last[TERRACE__MSG__M_HELLO]->session;
	r->n = 0;
	rig_send(r, &msg);
}

void rig_connect(struct rig *r, enum rig_who peer)
{
	struct rep_event up = {.kind = REP_EV_LINK_UP, .user = r->party[peer].curve};
	bool is_parent = r->party[r->self].cert.parent.v == r->party[peer].nid.v;

	r->peer = peer;
	r->link = is_parent ? REP_LINK_UP : 100u + peer;
	up.link = r->link;
	if (is_parent)
		rig_wait(r, 200000); /* it dials */
	rig_step(r, &up);
	if (is_parent)
		welcome(r);
	else
		rig_hello(r);
	rig_frontier_empty(r);
}

enum rep_link_state rig_state(const struct rig *r, enum rig_who peer)
{
	struct rep_link_info info;

	for (size_t i = 0; rep_inspect_link(r->node, &r->view, i, &info); i++)
		if (info.peer.v == r->party[peer].nid.v)
			return info.state;
	return REP_LINK_NEVER;
}

uint64_t rig_bad_frames(const struct rig *r)
{
	struct rep_self self;

	rep_inspect_self(r->node, &self);
	return self.bad_frames;
}

void rig_begin_live(struct rig *r, enum rig_who self, enum rig_who peer)
{
	rig_begin(r, self);
	rig_connect(r, peer);
	TR_ASSERT(rig_state(r, peer) == REP_LINK_LIVE);
	TR_ASSERT(rig_bad_frames(r) == 0);
}

struct rep_value rig_text(uint16_t field, const char *text)
{
	return (struct rep_value){field, TR_ACT_SET, REP_VALUE_TEXT, 0, {(const uint8_t *)text, strlen(text)}};
}

struct rep_value rig_int(uint16_t field, int64_t i)
{
	return (struct rep_value){field, TR_ACT_SET, REP_VALUE_INT, i, {NULL, 0}};
}

int rig_write(struct rig *r, struct rep_write write)
{
	struct rep_event event = {.kind = REP_EV_WRITE, .write = &write};

	write.kind = write.kind != 0 ? write.kind : TR_KIND_CASE;
	rig_step(r, &event);
	TR_ASSERT(r->rc == 0);
	return r->reply.rc;
}

/* ---- frames ---- */

void rig_cert(struct rig *r, const struct rig_party *p)
{
	Terrace__Msg msg = TERRACE__MSG__INIT;
	uint8_t bytes[TR_CERT_BYTES_MAX];

	memcpy(bytes, p->bytes, p->size);
	msg.m_case = TERRACE__MSG__M_CERT;
	msg.cert = (ProtobufCBinaryData){p->size, bytes};
	rig_send(r, &msg);
}

void rig_logdef(struct rig *r, uint32_t h, struct tr_log_id id)
{
	Terrace__Msg msg = TERRACE__MSG__INIT;
	Terrace__LogDef def = TERRACE__LOG_DEF__INIT;

	def.h = h;
	def.author = id.author.v;
	def.inc = id.inc;
	def.scope = id.scope.v;
	def.lane = id.lane;
	msg.m_case = TERRACE__MSG__M_LOGDEF;
	msg.logdef = &def;
	rig_send_only(r, &msg);
}

struct tr_bytes rig_segment(const struct rig *r, const struct rig_seg *seg, uint8_t *out, size_t cap,
    struct tr_hash *hash)
{
	return rig_segment_seen(r, seg, NULL, 0, 0, out, cap, hash);
}

struct tr_bytes rig_segment_seen(const struct rig *r, const struct rig_seg *seg, const struct rig_seen *seen, size_t count,
    size_t unsaid, uint8_t *out, size_t cap, struct tr_hash *hash)
{
	struct rep_seg_head head = {.log = seg->log, .serial = seg->serial != 0 ? seg->serial : 1,
	    .first = seg->first, .count = seg->count, .hlc = {(uint64_t)r->wall_ms << 16}, .clockq = 1,
	    .prev = seg->prev};
	Terrace__Seg msg = TERRACE__SEG__INIT;
	Terrace__Ctx ctx[TR_VECTOR_MAX], *list[TR_VECTOR_MAX];
	struct rep_vec vec[TR_VECTOR_MAX];
	ProtobufCBinaryData ops[TR_SEG_OPS_MAX];
	struct tr_hash leaves[TR_SEG_OPS_MAX];
	uint8_t header[TR_SEG_HEADER_SIZE], sig[64];

	for (uint32_t i = 0; i < seg->count; i++) {
		ops[i] = (ProtobufCBinaryData){seg->ops[i].size, (uint8_t *)(uintptr_t)seg->ops[i].data};
		if (rep_op_leaf(&leaves[i], seg->ops[i]) != 0)
			memset(&leaves[i], 0, sizeof(leaves[i]));
	}
	rep_seg_root(leaves, seg->count, &head.root);
	TR_ASSERT(count <= TR_VECTOR_MAX && unsaid <= count);
	for (size_t i = 0; i < count; i++) {
		vec[i] = (struct rep_vec){seen[i].log.author, seen[i].log.inc, seen[i].seq, {0}};
		memcpy(vec[i].h16, seen[i].hash.b, sizeof(vec[i].h16));
		terrace__ctx__init(&ctx[i]);
		ctx[i].log = seen[i].h;
		ctx[i].seq = seen[i].seq;
		ctx[i].h4 = wire_get_le32(seen[i].hash.b);
		list[i] = &ctx[i];
	}
	msg.n_ctx = count - unsaid;
	msg.ctx = list + unsaid;
	rep_seg_ctxhash(vec, count, &head.ctxhash);
	rep_seg_head_encode(&head, header);
	rep_seg_sign(header, r->party[seg->author].sign.sk, sig);
	if (hash != NULL)
		rep_seg_hash(header, hash);
	msg.log = seg->h;
	msg.first = seg->first;
	msg.count = seg->count;
	msg.hlc = head.hlc.v;
	msg.clockq = head.clockq;
	msg.serial = head.serial;
	msg.n_op = seg->count;
	msg.op = ops;
	msg.sig = (ProtobufCBinaryData){sizeof(sig), sig};
	TR_ASSERT(terrace__seg__get_packed_size(&msg) <= cap);
	return (struct tr_bytes){out, terrace__seg__pack(&msg, out)};
}

void rig_segs(struct rig *r, const struct tr_bytes *segs, size_t count)
{
	Terrace__Msg msg = TERRACE__MSG__INIT;
	Terrace__Segs s = TERRACE__SEGS__INIT;
	ProtobufCBinaryData *list = calloc(count, sizeof(*list));

	TR_ASSERT(list != NULL);
	for (size_t i = 0; i < count; i++)
		list[i] = (ProtobufCBinaryData){segs[i].size, (uint8_t *)(uintptr_t)segs[i].data};
	s.n_seg = count;
	s.seg = list;
	msg.m_case = TERRACE__MSG__M_SEGS;
	msg.segs = &s;
	rig_send(r, &msg);
	free(list);
}

void rig_declare(struct rig *r, struct tr_nid nid, const char *path)
{
	enum { UNIT_NID = 1, UNIT_PATH, UNIT_CAPS, UNIT_TITLE };
	struct rep_op op = {.kind = TR_OP_CREATE, .has_body = true, .type = TR_KIND_UNIT, .rec = {{7, 1}}, .value_count = 4};
	struct tr_nid street = r->party[RIG_STREET].nid;
	struct tr_log_id id = {street, 9, street, TR_LANE_X};
	uint8_t entry[512], out[1024];
	struct tr_bytes bytes, s;
	struct rig_seg seg = {RIG_STREET, id, 90, 1, &bytes, 1, {{0}}, 1};

	op.values[0] = rig_int(UNIT_NID, (int64_t)nid.v);
	op.values[1] = rig_text(UNIT_PATH, path);
	op.values[2] = rig_int(UNIT_CAPS, 1);
	op.values[3] = rig_text(UNIT_TITLE, "title");
	bytes = (struct tr_bytes){entry, rep_op_encode(&op, entry, sizeof(entry))};
	rig_logdef(r, 90, id);
	s = rig_segment(r, &seg, out, sizeof(out), NULL);
	rig_segs(r, &s, 1);
}
