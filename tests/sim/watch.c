/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks at every frame in the moment it leaves, on a stick too: what it promises must be on
 * disk at once (12, 13), and its counters may not go back (28).
 */
#include "tests/sim/oracle.h"

#include <inttypes.h>
#include <string.h>

#include "proto/err.h"
#include "proto/wire.h"

#include "tests/sim/evil.h"

#define SAID_MAX 3000 /* traces of one host in a minute */

/* Who sits at the other end of a link; SIM_NONE if that end is closed: a
 * handle of the peer's may mean another log in its next life. */
static unsigned peer_of(const struct sim_world *world, unsigned host, uint32_t link)
{
	if (link == REP_LINK_UP) {
		uint64_t conn = world->host[host].up_conn;

		return conn != 0 && world->conn[conn - 1].parent_open ? world->host[host].parent : SIM_NONE;
	}
	for (size_t i = world->conn_count; i-- > 0;) {
		const struct sim_conn *c = &world->conn[i];

		if (c->parent_link == link && world->host[c->child].parent == host)
			return c->is_enrolment || !c->child_open ? SIM_NONE : c->child;
	}
	return SIM_NONE;
}

static const char *name_of(const struct sim_world *world, struct tr_nid nid)
{
	unsigned host = sim_host_of(world, nid);

	return host == SIM_NONE ? "?" : world->host[host].name;
}

static bool log_seq(const struct sim_world *world, unsigned host, const struct tr_log_id *id, uint64_t *seq)
{
	struct rep_log_info info;
	bool found = false;

	for (size_t i = 0; rep_inspect_log(world->host[host].node, &i, &info);) {
		if (memcmp(&info.id.author, &id->author, 8) == 0 && info.id.inc == id->inc &&
		    info.id.scope.v == id->scope.v && info.id.lane == id->lane) {
			*seq = info.seq > *seq ? info.seq : *seq; /* of all branches */
			found = true;
		}
	}
	return found;
}

static void must_hold(struct sim_world *world, unsigned host, const struct tr_log_id *id, uint64_t want,
    const char *invariant)
{
	uint64_t have = 0;

	if (want == 0)
		return;
	if (!log_seq(world, host, id, &have) || have < want)
		sim_fail(world, host, invariant,
		    "promised seq %" PRIu64 " of %s's log in %s lane %u, has %" PRIu64, want,
		    world->host[sim_host_of(world, id->author)].name,
		    world->host[sim_host_of(world, id->scope)].name, id->lane, have);
}

static void on_frontier(struct sim_world *world, unsigned host, unsigned peer, const Terrace__Frontier *f)
{
	unsigned owner = f->mode == TR_FRONTIER_DELTA ? peer : host;

	/* A LOGDEF with a flipped bit makes the two ends mean different logs. */
	if (f->mode == TR_FRONTIER_SCOPES || owner == SIM_NONE || !sim_host_is_up(world, owner) ||
	    (owner != host && (sim_throws(world, &sim_fault_rubbish) || sim_evil_knows(world, host))))
		return;
	for (size_t i = 0; i < f->n_e; i++) {
		struct rep_log_info info;

		if (!rep_log_of(world->host[owner].node, f->e[i]->log, &info)) {
			if (owner == host)
				sim_fail(world, host, "12", "FRONTIER names log %u, which it has not",
				    f->e[i]->log);
			continue; /* the peer lost its memory; its handle is on disk */
		}
		sim_log(world, host, "   has %s/%s lane %u inc %04x up to %" PRIu64 " h4 %08x", name_of(world, info.id.author),
		    name_of(world, info.id.scope), info.id.lane, (unsigned)(info.id.inc & 0xffff), f->e[i]->seq,
		    f->e[i]->h4);
		must_hold(world, host, &info.id, f->e[i]->seq, "12");
		sim_oracle_promise(world, host, &info.id, f->e[i]->seq, false);
	}
}

static void on_receipt(struct sim_world *world, unsigned host, const Terrace__Receipt *r)
{
	if (r->issuer != world->host[host].nid.v)
		return; /* passed on */
	/* Without its fence it leaps, perhaps to where an earlier leap had come from: those below tell it
	 * (receipt.c), and at rest nothing is without a receipt. */
	if (!sim_oracle_count(world, r->issuer, r->scope, r->ctr) && world->host[host].fences_lost == 0 &&
	    world->host[host].rollbacks == 0)
		sim_fail(world, host, "28", "RECEIPT.ctr went back to %u", r->ctr);
	for (size_t i = 0; i < r->n_f; i++) {
		struct rep_log_info info;

		if (!rep_log_of(world->host[host].node, r->f[i]->log, &info))
			sim_fail(world, host, "13", "RECEIPT names log %u, which it has not", r->f[i]->log);
		must_hold(world, host, &info.id, r->f[i]->seq, "13");
		sim_oracle_promise(world, host, &info.id, r->f[i]->seq, true);
	}
}

static void on_head(struct sim_world *world, unsigned host, const Terrace__Head *head)
{
	if (head == NULL || head->nid != world->host[host].nid.v)
		return;
	if (world->host[host].restores == 0 && !sim_oracle_count(world, head->nid, 0, head->ctr))
		sim_fail(world, host, "28", "HEAD.ctr went back to %u", head->ctr);
}

/* Own segments as they go out: one place in a log is signed once (5). */
static void on_segs(struct sim_world *world, unsigned host, const Terrace__Segs *segs)
{
	for (size_t i = 0; i < segs->n_seg; i++) {
		struct rep_log_info log;
		enum sim_signing how;
		Terrace__Seg *seg;

		if (wire_seg_decode(world->oracle->arena, (struct tr_bytes){segs->seg[i].data, segs->seg[i].len}, &seg) != 0)
			sim_fail(world, host, "frame", "sends a segment that does not decode");
		if (!rep_log_of(world->host[host].node, seg->log, &log))
			sim_fail(world, host, "frame", "sends a segment of log %u, which it has not", seg->log);
		sim_log(world, host, "   seg %s/%s lane %u inc %04x first %" PRIu64 " count %u sig %02x%02x",
		    name_of(world, log.id.author), name_of(world, log.id.scope), log.id.lane,
		    (unsigned)(log.id.inc & 0xffff), seg->first, seg->count, seg->sig.data[0], seg->sig.data[1]);
		if (seg->sig.len != 64)
			continue;
		if (log.id.author.v != world->host[host].nid.v) {
			if (!sim_evil_knows(world, host))
				sim_oracle_brought(world, &log.id, seg->first, seg->sig.data);
			continue;
		}
		how = sim_oracle_signed(world, host, &log.id, seg->first, seg->sig.data);
		if (how == SIM_SIGNED_TWICE)
			sim_fail(world, host, "5", "signed two segments that begin at %" PRIu64, seg->first);
		if (how != SIM_SIGNED_BEFORE)
			sim_check_old_inc(world, host, &log.id, seg->first, seg->count);
	}
}

/* What is too long or no message ends the run. */
static Terrace__Msg *decoded(struct sim_world *world, unsigned host, struct tr_bytes frame)
{
	Terrace__Msg *msg;

	wire_arena_reset(world->oracle->arena);
	if (frame.size > TR_FRAME_MAX)
		sim_fail(world, host, "frame", "%zu bytes", frame.size);
	if (wire_msg_decode(world->oracle->arena, frame, &msg) != 0)
		sim_fail(world, host, "frame", "sends what does not decode");
	return msg;
}

static void look(struct sim_world *world, unsigned host, unsigned peer, const Terrace__Msg *msg)
{
	switch (msg->m_case) {
	case TERRACE__MSG__M_FRONTIER: on_frontier(world, host, peer, msg->frontier); break;
	case TERRACE__MSG__M_SEGS: on_segs(world, host, msg->segs); break;
	case TERRACE__MSG__M_RECEIPT: on_receipt(world, host, msg->receipt); break;
	case TERRACE__MSG__M_HEAD: on_head(world, host, msg->head); break;
	case TERRACE__MSG__M_HELLO: on_head(world, host, msg->hello->head); break;
	default: break;
	}
}

void sim_watch_frame(struct sim_world *world, unsigned host, uint32_t link, struct tr_bytes frame)
{
	unsigned peer = peer_of(world, host, link);
	Terrace__Msg *msg = decoded(world, host, frame);

	if (peer != SIM_NONE && world->conf.verbose)
		sim_log(world, host, "-> %s: %s n=%u %zu bytes", world->host[peer].name,
		    protobuf_c_message_descriptor_get_field(&terrace__msg__descriptor, (unsigned)msg->m_case)->name,
		    msg->n, frame.size);
	look(world, host, peer, msg);
	sim_part_frame(world, host, link, msg);
}

void sim_watch_stick(struct sim_world *world, unsigned host, struct tr_bytes frame)
{
	Terrace__Msg *msg = decoded(world, host, frame);

	look(world, host, SIM_NONE, msg);
	sim_part_stick(world, host, msg);
}

/* What an honest federation never says, whatever its network does. */
static bool is_alarm(int code)
{
	switch (code) {
	case REP_TRACE_SEG_FORGED:
	case REP_TRACE_SEG_SCOPE:
	case REP_TRACE_FORK:
	case REP_TRACE_FORK_LIMIT:
	case REP_TRACE_SEG_PRUNED:
	case REP_TRACE_OP_VIOLATION:
	case REP_TRACE_CERT_BAD:
	case REP_TRACE_CERT_CHANGED_KEY:
	case REP_TRACE_RECEIPT_BAD:
	case REP_TRACE_RECEIPT_LATE:
	case REP_TRACE_HEAD_BAD:
	case REP_TRACE_NEW_INC:
	case REP_TRACE_SNAP_BAD:
		return true;
	default:
		return false;
	}
}

/* 24: who says the same thousands of times a minute works in a circle. */
static void say_less(struct sim_world *world, unsigned host, const struct rep_trace *trace)
{
	struct sim_host *h = &world->host[host];

	if (world->now_ms - h->said_since_ms >= 60000) {
		h->said_since_ms = world->now_ms;
		h->said = 0;
	}
	if (++h->said > SAID_MAX)
		sim_fail(world, host, "24", "%u traces in a minute, the last one %s", h->said, rep_trace_code_name(trace->code));
}

void sim_watch_trace(struct sim_world *world, unsigned host, const struct rep_trace *trace)
{
	unsigned peer = sim_host_of(world, trace->peer);

	say_less(world, host, trace);
	sim_trace(world, (uint64_t)(unsigned)trace->code * 0x10001u + trace->a * 31 + trace->b);
	sim_log(world, host, "%s peer=%s a=%" PRIu64 " b=%" PRIu64 " %s", rep_trace_code_name(trace->code),
	    peer == SIM_NONE ? "-" : world->host[peer].name, trace->a, trace->b,
	    trace->text != NULL ? trace->text : "");
	if (trace->code == REP_TRACE_RECEIPT_LATE)
		world->counts.unreceipted++;
	if (trace->code == REP_TRACE_CONFLICT_OPEN)
		world->counts.conflicts++;
	if (trace->code == REP_TRACE_RECEIPT && world->host[host].restores == 0 && !sim_oracle_count(world, host + 1, trace->peer.v, trace->a))
		sim_fail(world, host, "28", "took RECEIPT %" PRIu64 " after a newer one", trace->a);
	/* A frame with a flipped bit is a lie of the peer's: it may raise any alarm. */
	if (trace->code == REP_TRACE_NEW_INC && world->host[host].restores != 0)
		world->counts.rejoins++;
	else if (is_alarm(trace->code) && !sim_throws(world, &sim_fault_rubbish) && !world->is_astray &&
	    !sim_part_excuses(world, host, trace))
		sim_fail(world, host, "3", "alarm among honest nodes: %s %s (%s, %s)",
		    rep_trace_code_name(trace->code), trace->text != NULL ? trace->text : "",
		    name_of(world, (struct tr_nid){trace->a}), name_of(world, (struct tr_nid){trace->b}));
	sim_part_trace(world, host, trace);
	if (world->on_trace != NULL)
		world->on_trace(world, host, trace);
}
