/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 24: the bytes in flight on a link stay below what its receiver granted in
 * HELLO or WELCOME.  Counted from outside, frame by frame: a segment is in
 * flight from the moment it leaves until the acknowledgement of it leaves the
 * other end, so no more is counted than the sender itself must count.
 */
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"

#include "tests/sim/evil.h"
#include "tests/sim/oracle.h"
#include "tests/sim/part.h"

struct flight { struct tr_log_id log; uint64_t last; uint32_t bytes; };

struct side { /* of one connection: what its one end has sent */
	uint32_t credit;         /* as the other end granted; 0: not known */
	struct flight *flight;
	size_t count, cap;
	uint64_t bytes;
};

struct flow { struct side (*side)[2]; size_t cap; }; /* by connection - 1; 0 down, 1 up */

static struct sim_part part;

static struct flow *flow(struct sim_world *world)
{
	return sim_part_data(world, &part, sizeof(struct flow));
}

static struct side *side_of(struct sim_world *world, uint64_t conn, bool up)
{
	struct flow *f = flow(world);

	if (conn > f->cap) {
		size_t cap = conn * 2;

		f->side = realloc(f->side, cap * sizeof(*f->side));
		TR_ASSERT(f->side != NULL);
		memset(f->side + f->cap, 0, (cap - f->cap) * sizeof(*f->side));
		f->cap = cap;
	}
	return &f->side[conn - 1][up];
}

static void land_all(struct side *s)
{
	s->count = 0;
	s->bytes = 0;
}

/* The other end has this log on its disk up to seq, whatever the branch. */
static void land(struct side *s, const struct tr_log_id *log, uint64_t seq)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->count; i++) {
		const struct flight *f = &s->flight[i];

		if (sim_is_same_log(&f->log, log) && f->last <= seq)
			s->bytes -= f->bytes;
		else
			s->flight[kept++] = *f;
	}
	s->count = kept;
}

static void take_off(struct side *s, struct flight f)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->flight[i].last == f.last && sim_is_same_log(&s->flight[i].log, &f.log))
			return; /* a repair, which the peer had asked for */
	if (s->count == s->cap) {
		s->cap = s->cap ? 2 * s->cap : 64;
		s->flight = realloc(s->flight, s->cap * sizeof(*s->flight));
		TR_ASSERT(s->flight != NULL);
	}
	s->flight[s->count++] = f;
	s->bytes += f.bytes;
}

static void on_segs(struct sim_world *world, unsigned host, struct side *s, const Terrace__Segs *segs)
{
	for (size_t i = 0; i < segs->n_seg; i++) {
		struct rep_log_info log;
		Terrace__Seg *seg;

		if (wire_seg_decode(world->oracle->arena, (struct tr_bytes){segs->seg[i].data, segs->seg[i].len}, &seg) != 0 ||
		    !rep_log_of(world->host[host].node, seg->log, &log))
			continue; /* watch.c has said so */
		take_off(s, (struct flight){log.id, seg->first + seg->count - 1, (uint32_t)segs->seg[i].len});
	}
	/* it may begin one more as long as there is room */
	if (s->credit != 0 && s->bytes >= (uint64_t)s->credit + TR_SEG_BYTES_MAX)
		sim_fail(world, host, "24", "%llu bytes in flight, %u are granted", (unsigned long long)s->bytes, s->credit);
}

static void on_delta(struct sim_world *world, unsigned sender, struct side *s, const Terrace__Frontier *f)
{
	if (!sim_host_is_up(world, sender))
		return;
	for (size_t i = 0; i < f->n_e; i++) {
		struct rep_log_info log;

		if (rep_log_of(world->host[sender].node, f->e[i]->log, &log))
			land(s, &log.id, f->e[i]->seq);
	}
}

static void on_frame(struct sim_world *world, unsigned host, uint32_t link, const Terrace__Msg *msg)
{
	uint64_t conn = sim_net_conn(world, host, link);
	bool up = link == REP_LINK_UP;
	struct side *own, *other;
	unsigned peer;

	/* A lie about what arrived lets more go, and the sender cannot know. */
	if (conn == 0 || sim_throws(world, &sim_fault_rubbish) || sim_evil_touches(world, conn))
		return;
	own = side_of(world, conn, up);
	other = side_of(world, conn, !up);
	peer = up ? world->host[host].parent : world->conn[conn - 1].child;
	switch (msg->m_case) {
	case TERRACE__MSG__M_HELLO:
		other->credit = msg->hello->credit;
		land_all(own);
		break;
	case TERRACE__MSG__M_WELCOME:
		other->credit = msg->welcome->credit;
		land_all(own);
		break;
	case TERRACE__MSG__M_SEGS: on_segs(world, host, own, msg->segs); break;
	case TERRACE__MSG__M_FRONTIER:
		if (msg->frontier->credit != 0)
			other->credit = msg->frontier->credit;
		if (msg->frontier->mode == TR_FRONTIER_DELTA)
			on_delta(world, peer, other, msg->frontier);
		else
			land_all(other);
		break;
	default: break;
	}
}

static void end(struct sim_world *world)
{
	struct flow *f = flow(world);

	for (size_t i = 0; i < f->cap; i++) {
		free(f->side[i][0].flight);
		free(f->side[i][1].flight);
	}
	free(f->side);
}

static struct sim_part part = {.name = "flow", .frame = on_frame, .free = end};
SIM_PART(part)
