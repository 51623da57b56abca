/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 23, on every link, frame by frame: while an emergency of the sender's own
 * waits, nothing of a lower class leaves; while a directive of its own waits,
 * no more than one frame of a lower class does; and each scope of which lane R
 * or B waits has its part of what leaves, as have R and B, four to one.
 *
 * From outside: an op waits if its author's log is longer than what left on
 * this connection, or was acknowledged.  What there was when the connection
 * was first looked at may be at its other end, and waits for nobody.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"

#include "tests/sim/evil.h"
#include "tests/sim/oracle.h"
#include "tests/sim/part.h"

enum { CLASS_E, CLASS_X, CLASS_R, CLASS_B, CLASSES };

#define FRAME_METERED 4096

struct gone { struct tr_log_id log; uint64_t seq; }; /* how far a log has left */

struct part_of { double due, got; }; /* bytes, since something of it waits */

struct way { /* one direction of one connection */
	struct gone *gone;
	size_t count, cap;
	bool is_seen;
	uint64_t lower;          /* bytes that left while a directive waited */
	uint64_t largest;        /* segment */
	struct part_of scope[2][SIM_HOSTS_MAX]; /* of R and B, by home */
	struct part_of lane[2];  /* R and B, while both wait */
};

struct order { struct way (*way)[2]; size_t cap; }; /* by connection - 1; 0 down, 1 up */

static struct sim_part part;

static struct way *way_of(struct sim_world *world, uint64_t conn, bool up)
{
	struct order *o = sim_part_data(world, &part, sizeof(*o));

	if (conn > o->cap) {
		size_t cap = conn * 2;

		o->way = realloc(o->way, cap * sizeof(*o->way));
		TR_ASSERT(o->way != NULL);
		memset(o->way + o->cap, 0, (cap - o->cap) * sizeof(*o->way));
		o->cap = cap;
	}
	return &o->way[conn - 1][up];
}

static unsigned class_of(uint8_t lane)
{
	return lane == TR_LANE_E ? CLASS_E : lane == TR_LANE_R ? CLASS_R : lane == TR_LANE_B ? CLASS_B : CLASS_X;
}

static struct gone *gone_of(struct way *w, const struct rep_log_info *log)
{
	for (size_t i = 0; i < w->count; i++)
		if (sim_is_same_log(&w->gone[i].log, &log->id))
			return &w->gone[i];
	if (w->count == w->cap) {
		w->cap = w->cap ? 2 * w->cap : 16;
		w->gone = realloc(w->gone, w->cap * sizeof(*w->gone));
		TR_ASSERT(w->gone != NULL);
	}
	w->gone[w->count] = (struct gone){.log = log->id, .seq = w->is_seen ? 0 : log->seq};
	return &w->gone[w->count++];
}

/* What left last is not counted yet: what waited before this frame. */
struct waiting {
	bool cls[2];             /* E and X, the sender's own */
	bool scope[2][SIM_HOSTS_MAX];
	unsigned count[2];
};

static void look(struct sim_world *world, unsigned host, unsigned child, bool up, struct way *w, struct waiting *out)
{
	struct rep_log_info log;

	for (size_t i = 0; rep_inspect_log(world->host[host].node, &i, &log);) {
		unsigned scope = sim_host_of(world, log.id.scope), cls = class_of(log.id.lane);
		uint64_t acked = up ? log.up_acked : log.down_acked;
		struct gone *gone;

		if (log.id.lane == TR_LANE_P || scope == SIM_NONE || !sim_is_over(world, child, scope))
			continue;
		gone = gone_of(w, &log);
		if (gone->seq < acked)
			gone->seq = acked;
		if (gone->seq >= log.seq)
			continue;
		if (cls >= CLASS_R && !out->scope[cls - CLASS_R][scope]) {
			out->scope[cls - CLASS_R][scope] = true;
			out->count[cls - CLASS_R]++;
		} else if (cls < CLASS_R && log.id.author.v == world->host[host].nid.v) {
			out->cls[cls] = true;
		}
	}
	w->is_seen = true;
}

/* The scopes that wait share what leaves of their class; a turn and a segment more or less are in order. */
static void share(struct sim_world *world, unsigned host, struct way *w, const struct waiting *waits, unsigned at,
    const uint64_t left[SIM_HOSTS_MAX], double frame)
{
	double bytes = 0;

	for (unsigned i = 0; i < world->host_count; i++)
		bytes += waits->scope[at][i] ? (double)left[i] : 0;
	for (unsigned i = 0; i < world->host_count; i++) {
		struct part_of *s = &w->scope[at][i];

		if (!waits->scope[at][i]) {
			*s = (struct part_of){0};
			continue;
		}
		s->due += bytes / waits->count[at];
		s->got += (double)left[i];
		if (s->got < s->due * 0.8 - frame - 2 * (double)w->largest)
			sim_fail(world, host, "23", "of %.0f bytes that were due to it, the lane %c of %s had %.0f, with %u scopes waiting",
			    s->due, at == 0 ? 'R' : 'B', world->host[i].name, s->got, waits->count[at]);
	}
}

/* R has four bytes where B has one. */
static void share_lanes(struct sim_world *world, unsigned host, struct way *w, bool both, unsigned at, double bytes, double frame)
{
	if (!both) {
		w->lane[0] = w->lane[1] = (struct part_of){0};
		return;
	}
	w->lane[0].due += bytes * 4 / 5;
	w->lane[1].due += bytes / 5;
	w->lane[at].got += bytes;
	for (unsigned i = 0; i < 2; i++)
		if (w->lane[i].got < w->lane[i].due * 0.8 - 5 * frame - 2 * (double)w->largest)
			sim_fail(world, host, "23", "of %.0f bytes that were due to it, lane %c had %.0f", w->lane[i].due,
			    i == 0 ? 'R' : 'B', w->lane[i].got);
}

static void on_segs(struct sim_world *world, unsigned host, uint64_t conn, bool up, const Terrace__Segs *segs)
{
	unsigned child = world->conn[conn - 1].child;
	uint64_t left[2][SIM_HOSTS_MAX] = {{0}}, bytes = 0;
	double frame = world->host[child].profile == TR_PROFILE_FIBRE ? TR_FRAME_DATA_MAX : FRAME_METERED;
	struct way *w = way_of(world, conn, up);
	struct waiting waits = {0};
	unsigned lowest = 0;
	bool has_x = false;

	look(world, host, child, up, w, &waits);
	for (size_t i = 0; i < segs->n_seg; i++) {
		struct rep_log_info log;
		struct gone *gone;
		Terrace__Seg *seg;
		unsigned cls;

		if (wire_seg_decode(world->oracle->arena, (struct tr_bytes){segs->seg[i].data, segs->seg[i].len}, &seg) != 0 ||
		    !rep_log_of(world->host[host].node, seg->log, &log))
			continue; /* watch.c has said so */
		cls = class_of(log.id.lane);
		lowest = cls > lowest ? cls : lowest;
		has_x |= cls == CLASS_X;
		bytes += segs->seg[i].len;
		w->largest = segs->seg[i].len > w->largest ? segs->seg[i].len : w->largest;
		if (cls >= CLASS_R && sim_host_of(world, log.id.scope) != SIM_NONE)
			left[cls - CLASS_R][sim_host_of(world, log.id.scope)] += segs->seg[i].len;
		gone = gone_of(w, &log);
		if (seg->first + seg->count - 1 > gone->seq)
			gone->seq = seg->first + seg->count - 1;
	}
	if (lowest >= CLASS_R && waits.cls[CLASS_E])
		sim_fail(world, host, "23", "a frame of lane %c leaves, and an emergency waits", lowest == CLASS_R ? 'R' : 'B');
	if (!waits.cls[CLASS_X] || has_x)
		w->lower = 0;
	else if (lowest >= CLASS_R)
		w->lower += bytes;
	if ((double)w->lower > frame + 2 * (double)w->largest)
		sim_fail(world, host, "23", "%" PRIu64 " bytes of lower lanes left, and a directive waits", w->lower);
	if (lowest < CLASS_R)
		return;
	share(world, host, w, &waits, lowest - CLASS_R, left[lowest - CLASS_R], frame);
	share_lanes(world, host, w, waits.count[0] > 0 && waits.count[1] > 0, lowest - CLASS_R, (double)bytes, frame);
}

/* Branches, and what a liar said, make a log wait that the core cannot send. */
static bool is_plain(struct sim_world *world, uint64_t conn)
{
	if (sim_throws(world, &sim_fault_rubbish) || sim_evil_touches(world, conn))
		return false;
	for (unsigned i = 0; i < world->host_count; i++)
		if (world->host[i].restores != 0 || world->host[i].rollbacks != 0 || sim_evil_knows(world, i))
			return false;
	return true;
}

static void on_frame(struct sim_world *world, unsigned host, uint32_t link, const Terrace__Msg *msg)
{
	uint64_t conn = sim_net_conn(world, host, link);

	if (msg->m_case == TERRACE__MSG__M_SEGS && conn != 0 && is_plain(world, conn))
		on_segs(world, host, conn, link == REP_LINK_UP, msg->segs);
}

static void end(struct sim_world *world)
{
	struct order *o = sim_part_data(world, &part, sizeof(*o));

	for (size_t i = 0; i < o->cap; i++) {
		free(o->way[i][0].gone);
		free(o->way[i][1].gone);
	}
	free(o->way);
}

static struct sim_part part = {.name = "order", .frame = on_frame, .free = end};
SIM_PART(part)
