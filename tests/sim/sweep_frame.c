/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sweep_frame.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/record.pb-c.h"
#include "proto/wire.h"
#include "replication/chain.h"
#include "replication/link.h"
#include "replication/log.h"
#include "replication/segment.h"

#define NEST_MAX 12
#define TAGS 32           /* field numbers are below */
#define ROOM 64           /* what a change adds at most beyond a field that is there twice */

/* The length in front of something that the change lies in. */
struct nest { size_t at, end; uint64_t size; };

struct walk {
	struct tr_bytes in;
	struct nest nest[NEST_MAX];
	unsigned depth;
	bool in_seg;
	uint64_t op_kind;
	uint64_t count;
	void (*see)(uint64_t number, uint64_t what);
	/* or make one */
	uint64_t want;
	uint8_t *made;
	size_t made_size;
	bool to_sign;
};

static uint64_t mix(uint64_t a, uint64_t b)
{
	uint64_t x = (a ^ b) * 0x9e3779b97f4a7c15u;

	return x ^ (x >> 29);
}

static size_t varint(uint64_t v, uint8_t out[static 10])
{
	size_t n = 0;

	for (; v >= 0x80; v >>= 7)
		out[n++] = (uint8_t)(v | 0x80);
	out[n++] = (uint8_t)v;
	return n;
}

static void splice(struct walk *w, size_t at, size_t end, const uint8_t *with, size_t size)
{
	memmove(w->made + at + size, w->made + end, w->made_size - end);
	if (size != 0)
		memcpy(w->made + at, with, size);
	w->made_size = w->made_size - (end - at) + size;
}

static void make(struct walk *w, size_t at, size_t end, const uint8_t *with, size_t size)
{
	int64_t more = (int64_t)size - (int64_t)(end - at);

	w->made = malloc(2 * w->in.size + ROOM);
	TR_ASSERT(w->made != NULL);
	memcpy(w->made, w->in.data, w->in.size);
	w->made_size = w->in.size;
	splice(w, at, end, with, size);
	for (unsigned i = w->depth; i-- > 0;) {
		const struct nest *n = &w->nest[i];
		uint8_t len[10];
		size_t len_size = varint((uint64_t)((int64_t)n->size + more), len);

		splice(w, n->at, n->end, len, len_size);
		more += (int64_t)len_size - (int64_t)(n->end - n->at);
	}
}

static void change(struct walk *w, uint64_t what, size_t at, size_t end, const uint8_t *with, size_t size)
{
	for (unsigned is_signed = 0; is_signed <= w->in_seg; is_signed++) {
		uint64_t number = w->count++;

		if (w->see != NULL) {
			w->see(number, mix(what, is_signed));
		} else if (number == w->want) {
			make(w, at, end, with, size);
			w->to_sign = is_signed != 0;
		}
	}
}

static void numbers(struct walk *w, uint64_t what, size_t at, size_t end, unsigned type, uint64_t v)
{
	const uint64_t others[] = {0, v + 1, v - 1, v ^ 1, UINT64_MAX, UINT32_MAX, (uint64_t)1 << 63};

	for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		uint8_t bytes[10];
		size_t size = type == 0 ? varint(others[i], bytes) : end - at;

		for (size_t k = 0; k < size && type != 0; k++)
			bytes[k] = (uint8_t)(others[i] >> (8 * k));
		if (others[i] != v)
			change(w, mix(what, 10 + i), at, end, bytes, size);
	}
}

static void raw(struct walk *w, uint64_t what, size_t at, size_t end)
{
	static const uint8_t more[] = {'a'};
	uint8_t flipped;

	change(w, mix(what, 1), end, end, more, 1);
	if (at == end)
		return;
	change(w, mix(what, 2), at, end, NULL, 0);
	change(w, mix(what, 3), end - 1, end, NULL, 0);
	flipped = w->in.data[at] ^ 0x80;
	change(w, mix(what, 4), at, at + 1, &flipped, 1);
	flipped = w->in.data[end - 1] ^ 1;
	change(w, mix(what, 5), end - 1, end, &flipped, 1);
}

/* What the bytes in a field are; NULL: only bytes. */
static const ProtobufCMessageDescriptor *inside(const struct walk *w, const ProtobufCMessageDescriptor *desc, unsigned tag)
{
	const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(desc, tag);

	if (field == NULL)
		return NULL;
	if (field->type == PROTOBUF_C_TYPE_MESSAGE)
		return field->descriptor;
	if (desc == &terrace__segs__descriptor)
		return &terrace__seg__descriptor;
	if ((desc == &terrace__msg__descriptor && tag == 21) || (desc == &terrace__enroll_ok__descriptor && tag == 1))
		return &terrace__signed_cert__descriptor;
	if (desc == &terrace__signed_cert__descriptor && tag == 1)
		return &terrace__cert__descriptor;
	if (desc == &terrace__enroll_ok__descriptor && tag == 2)
		return &terrace__trust_root__descriptor;
	if (desc == &terrace__enroll__descriptor && tag == 2)
		return &terrace__cert_req__descriptor;
	if (desc == &terrace__field__descriptor && tag == 4 && w->op_kind == TR_OP_CKPT)
		return &terrace__ckpt__descriptor;
	if (desc == &terrace__field__descriptor && tag == 4 && w->op_kind == TR_OP_POLICY)
		return &terrace__policy__descriptor;
	return NULL;
}

static void message(struct walk *w, const ProtobufCMessageDescriptor *desc, size_t at, size_t end, uint64_t what);

static size_t get_varint(const struct walk *w, size_t at, size_t end, uint64_t *v)
{
	return wire_varint_get((struct tr_bytes){w->in.data + at, end - at}, v);
}

static bool enter(struct walk *w, size_t at, size_t len_size, uint64_t size)
{
	if (w->depth == NEST_MAX)
		return false;
	w->nest[w->depth++] = (struct nest){at, at + len_size, size};
	return true;
}

/* flag(1) len OpHead (len OpBody | hash of the body) */
static void op(struct walk *w, size_t at, size_t end, uint64_t what)
{
	const ProtobufCMessageDescriptor *part[] = {&terrace__op_head__descriptor, &terrace__op_body__descriptor};
	bool has_body = at < end && w->in.data[at] == 1;

	if (at == end)
		return;
	for (uint8_t flag = 0; flag < 3; flag++)
		if (flag != w->in.data[at])
			change(w, mix(what, 20u + flag), at, at + 1, &flag, 1);
	at++;
	for (unsigned i = 0; i < 1u + has_body; i++) {
		uint64_t size;
		size_t n = get_varint(w, at, end, &size);

		if (n == 0 || size > end - at - n || !enter(w, at, n, size))
			return;
		message(w, part[i], at + n, at + n + size, mix(what, 30 + i));
		w->depth--;
		at += n + size;
	}
}

static void content(struct walk *w, const ProtobufCMessageDescriptor *desc, unsigned tag, size_t at, size_t end, uint64_t what)
{
	const ProtobufCMessageDescriptor *in = inside(w, desc, tag);
	bool was = w->in_seg;

	if (desc == &terrace__seg__descriptor && tag == 8) {
		op(w, at, end, what);
	} else if (in != NULL) {
		w->in_seg = was || in == &terrace__seg__descriptor;
		message(w, in, at, end, what);
		w->in_seg = was;
	} else {
		raw(w, what, at, end);
	}
}

/* One field, from `at`; returns where the next begins, 0 if it is none. */
static size_t field(struct walk *w, const ProtobufCMessageDescriptor *desc, size_t at, size_t end, uint64_t what, unsigned *seen)
{
	uint64_t key, v = 0;
	size_t n = get_varint(w, at, end, &key), value = at + n, next;
	unsigned tag = (unsigned)(key >> 3), type = key & 7;

	if (n == 0 || tag >= TAGS)
		return 0;
	if (type == 0 || type == 2) {
		n = get_varint(w, value, end, &v);
		if (n == 0 || (type == 2 && v > end - value - n))
			return 0;
		next = value + n + (type == 2 ? (size_t)v : 0);
	} else {
		next = value + (type == 1 ? 8 : 4);
		if (next > end)
			return 0;
		for (size_t i = value; i < next; i++)
			v |= (uint64_t)w->in.data[i] << (8 * (i - value));
	}
	what = mix(what, 100 + 2 * tag + (seen[tag]++ != 0)); /* one among many: the first, or another */
	if (desc == &terrace__op_head__descriptor && tag == 1)
		w->op_kind = v;
	change(w, mix(what, 6), at, next, NULL, 0);
	change(w, mix(what, 7), next, next, w->in.data + at, next - at);
	if (type != 2) {
		numbers(w, what, value, next, type, v);
	} else if (enter(w, value, n, v)) {
		content(w, desc, tag, value + n, next, what);
		w->depth--;
	}
	return next;
}

static void message(struct walk *w, const ProtobufCMessageDescriptor *desc, size_t at, size_t end, uint64_t what)
{
	unsigned seen[TAGS] = {0};

	while (at < end) {
		size_t next = field(w, desc, at, end, what, seen);

		if (next == 0)
			return;
		at = next;
	}
}

void sim_sweep_frame_each(struct tr_bytes frame, void (*see)(uint64_t number, uint64_t what))
{
	struct walk w = {.in = frame, .see = see};

	message(&w, &terrace__msg__descriptor, 0, frame.size, 1);
}

/* --- signed again, by its author --- */

static void sign(struct sim_world *world, unsigned host, const struct rep_link *link, const Terrace__Seg *seg,
    uint8_t sig[static 64])
{
	const struct rep_node *node = world->host[host].node;
	const struct rep_log *log = rep_link_theirs(node, link, seg->log);
	static struct rep_chain_seg cs;
	uint8_t header[TR_SEG_HEADER_SIZE];
	unsigned author;

	if (log == NULL || seg->n_op > TR_SEG_OPS_MAX || seg->n_ctx > TR_VECTOR_MAX)
		return;
	author = sim_host_of(world, log->id.author);
	if (author == host)
		return; /* a thief of its own key is another story */
	memset(&cs, 0, sizeof(cs));
	cs.first = seg->first;
	cs.count = (uint32_t)seg->n_op;
	cs.hlc.v = seg->hlc;
	cs.clockq = (uint8_t)seg->clockq;
	cs.serial = seg->serial;
	for (size_t i = 0; i < seg->n_op; i++)
		cs.ops[i] = (struct tr_bytes){seg->op[i].data, seg->op[i].len};
	for (; cs.ctx_count < seg->n_ctx; cs.ctx_count++) {
		const struct rep_log *other = rep_link_theirs(node, link, seg->ctx[cs.ctx_count]->log);
		struct rep_vec_entry *e = &cs.ctx[cs.ctx_count];

		if (other == NULL || other->seq != seg->ctx[cs.ctx_count]->seq)
			return;
		e->log = other->handle;
		e->seq = other->seq;
		memcpy(e->h16, other->head.b, sizeof(e->h16));
	}
	if (author != SIM_NONE && rep_chain_header(node, log, &cs, header) == 0)
		rep_seg_sign(header, world->host[author].sign.sk, sig);
}

static void sign_all(struct sim_world *world, unsigned host, uint32_t number, uint8_t *frame, size_t size)
{
	const struct rep_node *node = world->host[host].node;
	const struct rep_link *link = rep_link_find(node, number);
	struct wire_arena *arena = wire_arena_create(), *inner = wire_arena_create();
	Terrace__Msg *msg;
	Terrace__Seg *seg;

	TR_ASSERT(arena != NULL && inner != NULL);
	if (link != NULL && wire_msg_decode(arena, (struct tr_bytes){frame, size}, &msg) == 0 &&
	    msg->m_case == TERRACE__MSG__M_SEGS)
		for (size_t i = 0; i < msg->segs->n_seg; i++) {
			ProtobufCBinaryData *bytes = &msg->segs->seg[i];
			uint8_t *old;

			wire_arena_reset(inner);
			if (wire_seg_decode(inner, (struct tr_bytes){bytes->data, bytes->len}, &seg) != 0 || seg->sig.len != 64)
				continue;
			old = memmem(frame, size, seg->sig.data, seg->sig.len);
			if (old != NULL)
				sign(world, host, link, seg, old);
		}
	wire_arena_free(arena);
	wire_arena_free(inner);
}

uint8_t *sim_sweep_frame_make(struct sim_world *world, unsigned host, uint32_t link, struct tr_bytes frame,
    uint64_t number, size_t *size)
{
	struct walk w = {.in = frame, .want = number};

	message(&w, &terrace__msg__descriptor, 0, frame.size, 1);
	TR_ASSERT(w.made != NULL);
	if (w.to_sign)
		sign_all(world, host, link, w.made, w.made_size);
	*size = w.made_size;
	return w.made;
}
