/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/evil.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"

#define DARK_S 3600
#define SEG_ROOM (2 * TR_SEG_BYTES_MAX)

typedef void carry_fn(struct sim_world *world, uint64_t conn, bool up, struct tr_bytes frame);

static bool roll(struct evil *evil, enum evil_trick trick)
{
	/* Drawn whether the trick is on or not: shrinking keeps the rest. */
	bool hit = sim_rng_chance(&evil->rng, evil->chance[trick]);

	evil->done[trick] += hit;
	return hit;
}

static void make_room(struct evil *evil, uint64_t conn)
{
	if (conn >= evil->count_cap) {
		size_t cap = conn * 2 + 64;

		for (unsigned i = 0; i < 2; i++) {
			evil->count[i] = realloc(evil->count[i], cap * sizeof(uint32_t));
			TR_ASSERT(evil->count[i] != NULL);
			memset(evil->count[i] + evil->count_cap, 0, (cap - evil->count_cap) * sizeof(uint32_t));
		}
		evil->count_cap = cap;
	}
}

static void restart_n(struct evil *evil, uint64_t conn, bool up)
{
	make_room(evil, conn);
	evil->count[up][conn] = 0;
}

static uint32_t next_n(struct evil *evil, uint64_t conn, bool up)
{
	make_room(evil, conn);
	return ++evil->count[up][conn];
}

static void let_out(struct sim_world *world, struct evil *evil, uint64_t conn, bool up, Terrace__Msg *msg, carry_fn *carry)
{
	size_t size;
	uint8_t *out;

	msg->n = next_n(evil, conn, up);
	size = wire_msg_size(msg);
	out = malloc(size + 1);
	TR_ASSERT(out != NULL);
	wire_msg_encode(msg, out);
	carry(world, conn, up, (struct tr_bytes){out, size});
	free(out);
}

static void keep(struct evil *evil, struct tr_bytes frame)
{
	struct evil_frame *f = &evil->kept[evil->kept_count++ % EVIL_KEEP];

	free(f->data);
	f->data = malloc(frame.size + 1);
	TR_ASSERT(f->data != NULL);
	memcpy(f->data, frame.data, frame.size);
	f->size = frame.size;
}

/* --- what does not go through at all --- */

static bool is_withheld(struct sim_world *world, struct evil *evil, uint64_t conn, bool up, bool from_evil,
    const Terrace__Msg *msg)
{
	unsigned child = world->conn[conn - 1].child;

	if (msg->m_case == TERRACE__MSG__M_PING || msg->m_case == TERRACE__MSG__M_WELCOME)
		return false;
	if (!up && from_evil && roll(evil, EVIL_FREEZE))
		return true;
	switch (msg->m_case) {
	case TERRACE__MSG__M_SEGS:
		if (evil->victim != SIM_NONE && child != evil->host && child != evil->victim)
			return false;
		return roll(evil, !from_evil ? EVIL_DEAF : up ? EVIL_DROP_UP : EVIL_DROP_DOWN);
	case TERRACE__MSG__M_HEAD: return roll(evil, EVIL_NO_HEAD);
	case TERRACE__MSG__M_RECEIPT: return roll(evil, EVIL_NO_RECEIPT);
	default: return false;
	}
}

/* --- what is changed --- */

static void mangle_seg(struct evil *evil, ProtobufCBinaryData *bytes, struct wire_arena *arena, uint8_t *room)
{
	Terrace__Seg *seg;
	size_t size = 0;

	if (wire_seg_decode(arena, (struct tr_bytes){bytes->data, bytes->len}, &seg) != 0)
		return;
	if (roll(evil, EVIL_STRIP))
		size = sim_evil_strip(seg, room, SEG_ROOM);
	else if (roll(evil, EVIL_CUT_SEG))
		size = sim_evil_cut(seg, room, SEG_ROOM);
	if (size == 0 && roll(evil, EVIL_HANDLE)) {
		seg->log += (uint32_t)sim_rng_between(&evil->rng, 1, 5);
		size = terrace__seg__get_packed_size(seg);
		size = size <= SEG_ROOM ? terrace__seg__pack(seg, room) : 0;
	}
	if (size != 0)
		*bytes = (ProtobufCBinaryData){size, room};
}

static void mangle_segs(struct evil *evil, Terrace__Segs *segs, struct wire_arena *arena, uint8_t **room)
{
	if (segs->n_seg == 0)
		return;
	*room = malloc(SEG_ROOM);
	TR_ASSERT(*room != NULL);
	mangle_seg(evil, &segs->seg[sim_rng_below(&evil->rng, segs->n_seg)], arena, *room);
	if (segs->n_seg > 1 && roll(evil, EVIL_SWAP)) {
		size_t i = sim_rng_below(&evil->rng, segs->n_seg - 1);
		ProtobufCBinaryData s = segs->seg[i];

		segs->seg[i] = segs->seg[i + 1];
		segs->seg[i + 1] = s;
	}
}

static void mangle_frontier(struct evil *evil, Terrace__Frontier *f)
{
	if (!roll(evil, EVIL_FRONTIER))
		return;
	for (size_t i = 0; i < f->n_e; i++) {
		int64_t by = sim_rng_between(&evil->rng, -20, 20);

		f->e[i]->seq = by < 0 && (uint64_t)-by > f->e[i]->seq ? 0 : f->e[i]->seq + (uint64_t)by;
		if (sim_rng_chance(&evil->rng, 300))
			f->e[i]->h4 ^= 1;
	}
	for (size_t i = 0; i < f->n_s; i++)
		f->s[i]->d ^= sim_rng_below(&evil->rng, 2);
	if (sim_rng_chance(&evil->rng, 300))
		f->credit = (uint32_t)sim_rng_next(&evil->rng);
	if (sim_rng_chance(&evil->rng, 200))
		f->more ^= 1;
}

static void mangle_welcome(struct evil *evil, Terrace__Welcome *w)
{
	if (roll(evil, EVIL_EQUAL))
		w->heads = w->head_ctr = 0;
	if (!roll(evil, EVIL_LEAP))
		return;
	switch (sim_rng_below(&evil->rng, 8)) {
	case 0: w->head_ctr = (uint32_t)sim_rng_next(&evil->rng); break;
	case 1: w->heads = sim_rng_next(&evil->rng); break;
	case 2: w->credit = (uint32_t)sim_rng_below(&evil->rng, 4096); break;
	case 3: w->beat_s = (uint32_t)sim_rng_next(&evil->rng); break;
	case 4: w->time_ms = sim_rng_next(&evil->rng); break;
	case 5: w->serial = (uint32_t)sim_rng_next(&evil->rng); break;
	case 6: w->verdict = (uint32_t)sim_rng_below(&evil->rng, 9); break;
	default: w->max_frame = (uint32_t)sim_rng_below(&evil->rng, 4096); break;
	}
}

static void mangle_hello(struct evil *evil, Terrace__Hello *h)
{
	if (!roll(evil, EVIL_LEAP))
		return;
	switch (sim_rng_below(&evil->rng, 6)) {
	case 0: h->rcpt = sim_rng_next(&evil->rng); break;
	case 1: h->credit = (uint32_t)sim_rng_below(&evil->rng, 4096); break;
	case 2: h->max_frame = (uint32_t)sim_rng_next(&evil->rng); break;
	case 3: h->profile = (uint32_t)sim_rng_below(&evil->rng, 6); break;
	case 4: h->serial = (uint32_t)sim_rng_next(&evil->rng); break;
	default: h->parent_serial = (uint32_t)sim_rng_next(&evil->rng); break;
	}
}

static void mangle_logdef(struct sim_world *world, struct evil *evil, Terrace__LogDef *d)
{
	unsigned other = (unsigned)sim_rng_below(&evil->rng, world->host_count);

	if (!roll(evil, EVIL_FOREIGN))
		return;
	switch (sim_rng_below(&evil->rng, 4)) {
	case 0: d->author = world->host[other].nid.v; break;
	case 1: d->scope = world->host[other].nid.v; break;
	case 2: d->lane = 1 + (uint32_t)sim_rng_below(&evil->rng, 5); break;
	default: d->inc ^= 1; break;
	}
}

/* A state that is well formed, and another one. */
static void mangle_snap(struct evil *evil, Terrace__Snap *s)
{
	size_t i = s->n_row > 0 ? sim_rng_below(&evil->rng, s->n_row) : 0;

	if (!roll(evil, EVIL_STATE))
		return;
	switch (sim_rng_below(&evil->rng, 5)) {
	case 0: /* the end of a text, mostly */
		if (s->n_row > 0)
			s->row[i]->value.data[s->row[i]->value.len - 1] ^= 1;
		break;
	case 1: /* a row is held back */
		if (s->n_row > 0)
			s->row[i] = s->row[--s->n_row];
		break;
	case 2: /* ... a segment */
		if (s->n_seg > 0)
			s->n_seg--;
		break;
	case 3: /* a record under another id */
		if (s->n_row > 0)
			s->row[i]->key.data[s->row[i]->key.len - 1] ^= 1;
		break;
	default: /* the end comes too early */
		s->next.len = 0;
		break;
	}
}

/* The digest of the child's HELLO comes back as the parent's: "nothing differs". */
static void feign_equal(struct evil *evil, Terrace__Msg *msg)
{
	static const uint8_t none[16];

	if (msg->m_case != TERRACE__MSG__M_WELCOME || msg->welcome->fd.len != 16 || !roll(evil, EVIL_EQUAL))
		return;
	memcpy(msg->welcome->fd.data, evil->chance[EVIL_FREEZE] != 0 ? none : evil->fd, 16);
}

static void mangle(struct sim_world *world, struct evil *evil, Terrace__Msg *msg, struct wire_arena *arena, uint8_t **room)
{
	switch (msg->m_case) {
	case TERRACE__MSG__M_SEGS: mangle_segs(evil, msg->segs, arena, room); break;
	case TERRACE__MSG__M_FRONTIER: mangle_frontier(evil, msg->frontier); break;
	case TERRACE__MSG__M_WELCOME:
		mangle_welcome(evil, msg->welcome);
		if (roll(evil, EVIL_DARK))
			msg->welcome->dark_s = DARK_S;
		feign_equal(evil, msg);
		break;
	case TERRACE__MSG__M_PING:
		if (roll(evil, EVIL_DARK))
			msg->ping->dark_s = DARK_S;
		break;
	case TERRACE__MSG__M_SNAP: mangle_snap(evil, msg->snap); break;
	case TERRACE__MSG__M_HELLO: mangle_hello(evil, msg->hello); break;
	case TERRACE__MSG__M_LOGDEF: mangle_logdef(world, evil, msg->logdef); break;
	default: break;
	}
	if (roll(evil, EVIL_SESSION))
		msg->session ^= 1u << sim_rng_below(&evil->rng, 32);
}

/* --- frames on top --- */

static void replay(struct sim_world *world, struct evil *evil, uint64_t conn, bool up, uint32_t session,
    struct wire_arena *arena, carry_fn *carry)
{
	unsigned have = evil->kept_count < EVIL_KEEP ? evil->kept_count : EVIL_KEEP;
	const struct evil_frame *f;
	Terrace__Msg *old;

	if (have == 0)
		return;
	f = &evil->kept[sim_rng_below(&evil->rng, have)];
	if (wire_msg_decode(arena, (struct tr_bytes){f->data, f->size}, &old) != 0)
		return;
	old->session = session;
	let_out(world, evil, conn, up, old, carry);
}

static void flip(struct evil *evil, uint64_t conn, struct sim_world *world, bool up, const Terrace__Msg *msg, carry_fn *carry)
{
	Terrace__Msg copy = *msg;
	size_t size, at;
	uint8_t *out;

	copy.n = next_n(evil, conn, up);
	size = wire_msg_size(&copy);
	out = malloc(size + 1);
	TR_ASSERT(out != NULL);
	wire_msg_encode(&copy, out);
	/* Behind session and counter: the frame is in order, what it says is not. */
	at = size > 12 ? 12 + sim_rng_below(&evil->rng, size - 12) : size - 1;
	out[at] ^= (uint8_t)(1u << sim_rng_below(&evil->rng, 8));
	carry(world, conn, up, (struct tr_bytes){out, size});
	free(out);
}

void sim_evil_pass(struct sim_world *world, uint64_t conn, bool up, struct tr_bytes frame, carry_fn *carry)
{
	struct evil *evil = sim_evil(world);
	bool from_evil = (up ? world->conn[conn - 1].child : world->host[world->conn[conn - 1].child].parent) == evil->host;
	struct wire_arena *arena = wire_arena_create();
	uint8_t *room = NULL;
	uint32_t session;
	Terrace__Msg *msg;

	TR_ASSERT(arena != NULL);
	if (wire_msg_decode(arena, frame, &msg) != 0)
		sim_fail(world, SIM_NONE, "frame", "does not decode in front of the evil relay");
	session = msg->session;
	keep(evil, frame);
	if (msg->n == 1)
		restart_n(evil, conn, up);
	if (msg->m_case == TERRACE__MSG__M_HELLO && msg->hello->fd.len == 16)
		memcpy(evil->fd, msg->hello->fd.data, 16);
	if (is_withheld(world, evil, conn, up, from_evil, msg))
		goto done;
	if (from_evil)
		mangle(world, evil, msg, arena, &room);
	if (from_evil && roll(evil, EVIL_FLIP))
		flip(evil, conn, world, up, msg, carry);
	else
		let_out(world, evil, conn, up, msg, carry);
	if (roll(evil, EVIL_TWICE))
		let_out(world, evil, conn, up, msg, carry);
	if (from_evil && roll(evil, EVIL_REPLAY))
		replay(world, evil, conn, up, session, arena, carry);
done:
	free(room);
	wire_arena_free(arena);
}
