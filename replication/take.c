/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/take.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/grow.h"
#include "replication/ack.h"
#include "replication/branch.h"
#include "replication/chain.h"
#include "replication/cut.h"
#include "replication/cut_fold.h"
#include "replication/fold.h"
#include "replication/incarnation.h"
#include "replication/link.h"
#include "replication/log.h"
#include "replication/mend.h"
#include "replication/own.h"
#include "replication/queue.h"
#include "replication/segment.h"
#include "replication/trust.h"
#include "replication/unit.h"

#define EMPTY_LOGS_MAX 8192 /* one link made and did not fill yet: a district that fills a new city has 1,200 */
#define EMPTY_LOGS_UNIT 16  /* ... and so many more for each unit of the tree */
#define CLOCK_AHEAD_MS ((int64_t)600 * 1000)

/*
 * Every log of a domain has an entry in the vector of everyone who writes
 * there, so each author on the path gets its share of incarnations and no
 * more.  The same at every holder: what a parent takes, the next one takes.
 */
static bool has_room(const struct rep_node *node, const struct tr_log_id *id)
{
	size_t authors = 0, logs = 0;

	for (const struct rep_unit *up = rep_unit_find(node, id->scope); up != NULL && authors <= TR_LEVEL_MAX; up = up->above)
		authors++;
	TR_ASSERT(authors > 0); /* only logs of units that are known are made */
	for (const struct rep_log *log = rep_log_first_of_scope(node, id->scope); log != NULL;
	     log = rep_log_get(node, log->next_in_scope))
		logs += log->id.author.v == id->author.v && log->id.lane == id->lane;
	return logs < TR_VECTOR_MAX / authors;
}

static struct rep_log *make_log(struct rep_node *node, struct rep_link *link, const struct tr_log_id *id)
{
	size_t most = EMPTY_LOGS_MAX + EMPTY_LOGS_UNIT * node->unit_count;

	if (link->empty_logs >= (most < TR_LOGS_MAX / 4 ? most : TR_LOGS_MAX / 4) || !has_room(node, id))
		return NULL;
	link->empty_logs++;
	return rep_log_make(node, id);
}

struct rep_log *rep_take_log(struct rep_node *node, const struct tr_log_id *id)
{
	struct rep_log *log = rep_log_find(node, id);

	if (log != NULL || !rep_unit_on_path(node, id->author, id->scope) || !has_room(node, id))
		return log;
	return rep_log_make(node, id);
}

/* The log, in a scope and by an author that this link may speak of. */
static int define(struct rep_node *node, struct rep_link *link, uint32_t h, const struct tr_log_id *id)
{
	struct rep_log *log;
	struct rep_way *way;

	if (!rep_queue_carries(node, link, id) || !rep_unit_on_path(node, id->author, id->scope) ||
	    (id->lane == TR_LANE_P && id->author.v != id->scope.v)) {
		rep_node_trace(node, REP_TRACE_SEG_SCOPE, link->peer, id->author.v, id->scope.v, NULL);
		return TR_E_SCOPE;
	}
	log = rep_log_find(node, id);
	if (log == NULL)
		log = make_log(node, link, id);
	if (log == NULL)
		return TR_E_LIMIT;
	way = rep_queue_way(link, log);
	if (way->theirs_count == REP_BRANCHES_MAX)
		return TR_E_INPUT; /* a handle for each of its branches, no more */
	way->theirs_count++;
	way->theirs = h;
	return rep_map_add(&link->theirs, h, log->handle) ? 0 : TR_E_NOMEM;
}

bool rep_take_is_waiting(const struct rep_link *link, uint32_t handle)
{
	for (size_t i = 0; i < link->def_count; i++)
		if (link->defs[i].h == handle)
			return true;
	return false;
}

/* The unit has no place in the tree yet: its declaration is on its way. */
static bool is_undeclared(const struct rep_node *node, struct tr_nid nid)
{
	const struct rep_unit *unit = rep_unit_find(node, nid);

	return unit == NULL || (unit->parent.v == 0 && nid.v != node->top.nid.v);
}

static int wait_for_unit(struct rep_link *link, uint32_t h, const struct tr_log_id *id)
{
	struct rep_def *more;

	if (link->def_count >= EMPTY_LOGS_MAX)
		return TR_E_LIMIT;
	more = tr_grow(link->defs, link->def_count, &link->def_cap, sizeof(*more));
	if (more == NULL)
		return TR_E_NOMEM;
	link->defs = more;
	link->defs[link->def_count++] = (struct rep_def){h, *id};
	link->defs_seen = SIZE_MAX;
	return 0;
}

int rep_take_logdef(struct rep_node *node, struct rep_link *link, const Terrace__LogDef *def)
{
	struct tr_log_id id = {{def->author}, def->inc, {def->scope}, (uint8_t)def->lane};
	uint32_t had;
	size_t pos;

	if (def->h == 0) /* of the rest the decoder has seen to it: wire_rules.c */
		return TR_E_INPUT;
	if (rep_map_first(&link->theirs, def->h, &pos, &had) || rep_take_is_waiting(link, def->h))
		return TR_E_INPUT;
	if (is_undeclared(node, id.scope))
		return wait_for_unit(link, def->h, &id);
	return define(node, link, def->h, &id);
}

void rep_take_defs(struct rep_node *node, struct rep_link *link)
{
	size_t kept = 0;

	if (link->defs_seen == node->order_count)
		return; /* no unit was declared since */
	link->defs_seen = node->order_count;
	for (size_t i = 0; i < link->def_count; i++) {
		int rc = 0;

		if (is_undeclared(node, link->defs[i].id.scope))
			link->defs[kept++] = link->defs[i];
		else
			rc = define(node, link, link->defs[i].h, &link->defs[i].id);
		if (!rep_node_broken(node, rc))
			node->bad_frames += rc != 0;
	}
	link->def_count = kept;
}

/* An entry of a vector beside the others: heads, none below another; and a vector only grows. */
static bool is_news(const struct rep_node *node, const struct rep_log *base, const struct rep_chain_seg *seg,
    const struct rep_log *other, uint64_t seq)
{
	for (uint16_t i = 0; i < base->vec_count; i++) {
		const struct rep_vec_entry *had = &base->vec[i];

		if (rep_branch_has(node, rep_log_get(node, had->log), had->seq, other->handle, seq))
			return false;
	}
	for (uint16_t i = 0; i < seg->ctx_count; i++) {
		const struct rep_vec_entry *e = &seg->ctx[i];

		if (rep_branch_has(node, rep_log_get(node, e->log), e->seq, other->handle, seq) ||
		    rep_branch_has(node, other, seq, e->log, e->seq))
			return false;
	}
	return true;
}

/* The vector entries of the segment, with our handles and the hashes we hold;
 * base: the log that it goes on from. */
static int take_ctx(struct rep_node *node, const struct rep_link *link, const struct rep_log *base,
    const Terrace__Seg *msg, struct rep_chain_seg *seg)
{
	TR_ASSERT(msg->n_ctx <= TR_VECTOR_MAX); /* wire_rules.c */
	seg->ctx_count = 0;
	for (size_t i = 0; i < msg->n_ctx; i++) {
		struct rep_log *other = rep_link_theirs(node, link, msg->ctx[i]->log);
		struct rep_vec_entry *e = &seg->ctx[seg->ctx_count];
		uint64_t seq = msg->ctx[i]->seq;
		const struct rep_vec_entry *had;
		struct tr_hash hash;

		/* who saw another branch of its own log writes in a new incarnation */
		if (other == NULL || other->first == base->first || other->id.scope.v != base->id.scope.v ||
		    other->id.lane != base->id.lane)
			return TR_E_INPUT;
		other = rep_log_locate(node, other, seq, msg->ctx[i]->h4);
		if (other == NULL || rep_log_hash_at(node, other, seq, &hash) != 0)
			return TR_E_GAP;
		had = msg->prev.len != 0 ? rep_log_vec(base, other->handle) : NULL;
		if (had != NULL && had->seq == seq)
			continue; /* the whole vector: this entry did not change */
		if (!is_news(node, base, seg, other, seq))
			return TR_E_INPUT;
		e->log = other->handle;
		e->seq = seq;
		memcpy(e->h16, hash.b, 16);
		seg->ctx_count++;
	}
	return 0;
}

/* folded: so many of the first ops are, while they were open here. */
static void fold_all(struct rep_node *node, struct rep_log *log, const struct rep_chain_seg *seg,
    const struct rep_cert *cert, uint32_t folded)
{
	struct rep_fold fold;

	fold.log = log;
	fold.level = cert->level;
	fold.caps = cert->caps;
	fold.path = rep_bytes(cert->unit, strlen(cert->unit));
	fold.hlc = seg->hlc;
	fold.clockq = seg->clockq;
	fold.seen_count = 0;
	if (!rep_fold_seen(node, &fold))
		rep_node_fail(node, TR_E_LIMIT);
	for (uint32_t i = folded; i < seg->count && node->rc == 0; i++)
		rep_fold_entry(node, &fold, seg->first + i, seg->ops[i]);
}

/* Chain and signature hold without the bodies, so that erasing may come one
 * day.  Until then a relay that strips them only hides what they say. */
static bool is_whole(const struct rep_chain_seg *seg)
{
	for (uint32_t i = 0; i < seg->count; i++)
		if (seg->ops[i].data[0] != 1) /* OP_MIN in wire_rules.c */
			return false;
	return true;
}

static int fill(const Terrace__Seg *msg, struct rep_chain_seg *seg)
{
	/* the bounds are those of wire_rules.c */
	TR_ASSERT(msg->count > 0 && msg->count <= TR_SEG_OPS_MAX && msg->first > 0 && msg->sig.len == sizeof(seg->sig));
	if (msg->n_op != msg->count)
		return TR_E_INPUT; /* dropped ones are for a store */
	rep_chain_read(msg, seg);
	memcpy(seg->sig, msg->sig.data, sizeof(seg->sig));
	return 0;
}

/* What the link's end of the bookkeeping says after a segment is here. */
static void note_here(struct rep_node *node, struct rep_link *link, struct rep_log *log, uint64_t last)
{
	if (link->is_bundle)
		return;
	rep_queue_has(node, link, log, last); /* it sent it: it has it */
	rep_ack_policy(node, link, log, rep_queue_way(link, log)->acked);
	rep_queue_ack(node, link, log);
}

static void clock_check(struct rep_node *node, const struct rep_link *link, const struct rep_log *log, struct tr_hlc hlc)
{
	if (link->is_bundle || log->id.author.v != link->peer.v || rep_node_clockq(node) < 2)
		return;
	if (rep_hlc_ms(hlc) - rep_node_now_ms(node) > CLOCK_AHEAD_MS)
		rep_node_trace(node, REP_TRACE_CLOCK, log->id.author,
		    (uint64_t)(rep_hlc_ms(hlc) - rep_node_now_ms(node)), 0, NULL);
}

void rep_take_ask_cert(struct rep_node *node, struct rep_link *link, struct tr_nid nid, uint32_t serial)
{
	Terrace__Msg msg = TERRACE__MSG__INIT;
	Terrace__Need need = TERRACE__NEED__INIT;

	need.what = TR_NEED_CERT;
	need.nid = nid.v;
	need.serial = serial;
	msg.m_case = TERRACE__MSG__M_NEED;
	msg.need = &need;
	if (!link->is_bundle)
		rep_link_send(node, link, &msg);
}

static int verify(struct rep_node *node, struct rep_link *link, const struct rep_log *base,
    const Terrace__Seg *msg, struct rep_chain_seg *seg, const struct rep_cert *cert)
{
	uint8_t header[TR_SEG_HEADER_SIZE];
	int rc = take_ctx(node, link, base, msg, seg);

	/* An incarnation has one key: with another one begins another. */
	if (base->serial != 0 && base->serial != seg->serial)
		rc = TR_E_FORGED;
	if (rc == 0)
		rc = rep_chain_header(node, base, seg, header);
	if (rc == 0 && !rep_seg_verify(header, seg->sig, &cert->sign_pk))
		rc = TR_E_FORGED;
	return rc;
}

/* A stored segment that may be damaged: that fails no step, not to be able to read does. */
static int peek(struct rep_node *node, const struct rep_log *row, uint64_t seq, struct rep_chain_row *out)
{
	int rc = rep_chain_find(node->raw, row->handle, seq, out);

	if (rc != 0 && rc != TR_E_NOTFOUND && rc != TR_E_DAMAGED)
		rep_node_fail(node, rc);
	return rc;
}

/* What the segment names can be read. */
static bool has_ctx(struct rep_node *node, const struct rep_link *link, const Terrace__Seg *msg)
{
	for (size_t i = 0; i < msg->n_ctx; i++) {
		struct rep_log *other = rep_link_theirs(node, link, msg->ctx[i]->log);
		struct rep_log *row = other != NULL ? rep_branch_first(node, other) : NULL;
		struct rep_chain_row seg;

		for (; row != NULL; row = rep_branch_next(node, row))
			if (msg->ctx[i]->seq > row->fork && msg->ctx[i]->seq <= row->seq &&
			    peek(node, row, msg->ctx[i]->seq, &seg) != 0)
				return false;
	}
	return true;
}

/* One whose row here is damaged: checked as it was when it came first. */
static int take_again(struct rep_node *node, struct rep_link *link, struct rep_log *log,
    const Terrace__Seg *msg, struct rep_chain_seg *seg)
{
	struct rep_cert cert;
	struct rep_log tip;
	int rc;

	if (!is_whole(seg))
		return TR_E_FORGED;
	if (!has_ctx(node, link, msg))
		return TR_E_BUSY; /* that is mended first */
	rc = rep_chain_tip(node, node->raw, log, seg->first - 1, &tip);
	if (rc != 0) {
		(void)rep_node_broken(node, rc);
		return TR_E_BUSY;
	}
	rc = rep_trust_cert(node, log->id.author, seg->serial, &cert);
	if (rc == 0)
		rc = verify(node, link, &tip, msg, seg, &cert);
	if (rc == 0)
		rc = rep_mend_put(node, link, log, &tip, seg);
	free(tip.vec);
	return rc;
}

/* The row whose segment in that place is asked for; NULL. */
static struct rep_log *find_wanted(const struct rep_node *node, const struct rep_link *link, const struct rep_log *log,
    const struct rep_chain_seg *seg)
{
	uint64_t last = seg->first + seg->count - 1;

	for (struct rep_log *row = rep_branch_first(node, log); row != NULL; row = rep_branch_next(node, row))
		if (last > row->fork && last <= row->seq && rep_mend_is_wanted(link, row, seg->first, last))
			return row;
	return NULL;
}

/* Where a segment goes on: at the end of a row, or from a place within it. */
struct place {
	struct rep_log *row;
	struct rep_log tip; /* the row as it was there; unused at its end */
	bool at_end;
};

/* Is it signed as one that goes on here? */
static int try_row(struct rep_node *node, struct rep_link *link, const Terrace__Seg *msg,
    struct rep_chain_seg *seg, const struct rep_cert *cert, struct place *p)
{
	uint64_t before = seg->first - 1;
	const struct rep_log *base = p->row;
	int rc = 0;

	p->at_end = before == p->row->seq;
	if (!p->at_end) {
		rc = rep_chain_tip(node, node->view, p->row, before, &p->tip);
		base = &p->tip;
	}
	if (rc != 0) {
		(void)rep_node_broken(node, rc);
		return rc == TR_E_NOTFOUND ? TR_E_GAP : rc;
	}
	if (msg->prev.len != 0 && memcmp(msg->prev.data, base->head.b, sizeof(base->head.b)) != 0)
		rc = TR_E_GAP; /* behind something that is not here */
	else
		rc = verify(node, link, base, msg, seg, cert);
	if (rc != 0 && !p->at_end)
		free(p->tip.vec);
	return rc;
}

/*
 * Of all places where it could go on, the signature says which one it is: the
 * hash of what is before it is signed.  At most REP_BRANCHES_MAX are tried.
 */
static int find_place(struct rep_node *node, struct rep_link *link, struct rep_log *log, const Terrace__Seg *msg,
    struct rep_chain_seg *seg, const struct rep_cert *cert, struct place *p)
{
	uint64_t before = seg->first - 1;
	int rc = TR_E_GAP, worst = 0;

	for (p->row = rep_branch_first(node, log); p->row != NULL; p->row = rep_branch_next(node, p->row)) {
		if (before > p->row->seq || (p->row->parent != 0 && before <= p->row->fork))
			continue;
		rc = try_row(node, link, msg, seg, cert, p);
		if (rc == 0)
			return 0;
		/* what is not here yet may come; only then is it nobody's */
		if (worst == 0 || rc == TR_E_GAP || (rc == TR_E_FORGED && worst != TR_E_GAP))
			worst = rc;
	}
	return worst != 0 ? worst : rc;
}

/* A second history of the log: a row of its own. */
static int take_fork(struct rep_node *node, const struct rep_link *link, struct place *p, uint64_t first)
{
	struct rep_log *row = NULL;

	if (rep_branch_count(node, p->row) < REP_BRANCHES_MAX && has_room(node, &p->row->id))
		row = rep_log_branch(node, p->row, first - 1);
	rep_node_trace(node, row != NULL ? REP_TRACE_FORK : REP_TRACE_FORK_LIMIT, p->row->id.author, first,
	    link->peer.v, NULL);
	if (row == NULL) {
		free(p->tip.vec);
		return TR_E_LIMIT;
	}
	row->head = p->tip.head;
	row->vec = p->tip.vec;
	row->vec_count = p->tip.vec_count;
	row->vec_cap = p->tip.vec_cap;
	p->row = row;
	return 0;
}

/* Held already, in whichever branch. */
static struct rep_log *find_known(struct rep_node *node, const struct rep_log *log, const struct rep_chain_seg *seg)
{
	uint64_t last = seg->first + seg->count - 1;
	struct rep_chain_row had;

	for (struct rep_log *row = rep_branch_first(node, log); row != NULL; row = rep_branch_next(node, row))
		if (last > row->fork && last <= row->seq && peek(node, row, last, &had) == 0 &&
		    had.last == last && rep_chain_is_signed(&had, seg->sig))
			return row;
	return NULL;
}

/* A row whose open ops come back signed; NULL. */
static struct rep_log *find_open(const struct rep_node *node, const struct rep_log *log, const struct rep_chain_seg *seg)
{
	for (struct rep_log *row = rep_branch_first(node, log); row != NULL; row = rep_branch_next(node, row))
		if (row->seq + 1 == seg->first && rep_own_is_open(row, seg))
			return row;
	return NULL;
}

static int refuse(struct rep_node *node, struct rep_link *link, const struct rep_log *log,
    const struct rep_chain_seg *seg, int rc)
{
	uint64_t first = seg->first;

	if (rc == TR_E_NOCERT)
		rep_take_ask_cert(node, link, log->id.author, seg->serial);
	if (rc == TR_E_FORGED) {
		node->forged++;
		rep_node_trace(node, REP_TRACE_SEG_FORGED, log->id.author, first, link->peer.v, NULL);
	} else if (rc == TR_E_GAP) {
		node->held_segments++;
		rep_node_trace(node, REP_TRACE_SEG_HELD, log->id.author, first, link->peer.v, NULL);
	}
	return rc;
}

/* Verified, in order, and new: stored, folded, acknowledged with the commit. */
static int keep(struct rep_node *node, struct rep_link *link, struct place *p, const struct rep_chain_seg *seg,
    const struct rep_cert *cert, uint32_t folded)
{
	struct rep_log *log = p->row;
	int rc;

	/* our own signature in this incarnation, and not here: it was made by this
	 * node later than its store, or by a copy of it */
	if (log->id.author.v == node->cert.nid.v && log->id.inc == node->inc)
		rep_incarnation_new(node);
	if (!p->at_end) {
		rc = take_fork(node, link, p, seg->first);
		if (rc != 0)
			return rc;
		log = p->row;
	}
	rc = rep_chain_append(node, log, seg, node->wall_ms);
	if (rc != 0)
		return rc;
	if (seg->first == 1 && log->parent == 0 && link->empty_logs > 0)
		link->empty_logs--;
	if (log->id.author.v == node->cert.nid.v)
		rep_unit_of(node, link->peer)->claims = 0; /* it had told the truth */
	rep_cut_grown(node, log, seg->first == log->fork + 1);
	rep_cut_fold(node);
	fold_all(node, log, seg, cert, folded);
	rep_cut_fold(node);
	clock_check(node, link, log, seg->hlc);
	note_here(node, link, log, log->seq);
	return node->rc;
}

int rep_take_segment(struct rep_node *node, struct rep_link *link, struct tr_bytes encoded)
{
	struct rep_log *log, *known, *wanted, *open;
	struct place place = {NULL};
	struct rep_chain_seg seg;
	struct rep_cert cert;
	uint32_t folded = 0;
	Terrace__Seg *msg;
	int rc = wire_seg_decode(node->arena, encoded, &msg);

	if (rc != 0)
		return rc;
	if (link->def_count > 0)
		rep_take_defs(node, link);
	log = rep_link_theirs(node, link, msg->log);
	rc = log != NULL ? fill(msg, &seg) : TR_E_INPUT;
	if (rc != 0)
		return rc;
	known = find_known(node, log, &seg);
	wanted = find_wanted(node, link, log, &seg);
	if (wanted != NULL && (known == NULL || known == wanted))
		return take_again(node, link, wanted, msg, &seg);
	if (known != NULL) {
		note_here(node, link, known, seg.first + seg.count - 1);
		return 0;
	}
	if (!is_whole(&seg)) {
		rep_node_trace(node, REP_TRACE_SEG_PRUNED, link->peer, log->id.author.v, seg.first, NULL);
		return TR_E_FORGED;
	}
	/* our own open ops of the domain had not seen this one: sign them first,
	 * unless this is what became of them before this store was put back */
	open = find_open(node, log, &seg);
	if (open == NULL)
		rep_own_close_domain(node, log->id.scope, log->id.lane);
	rc = rep_trust_cert(node, log->id.author, seg.serial, &cert);
	if (rc == 0 && !rep_trust_may_write(&cert))
		rc = TR_E_NOCERT; /* the sender may have it countersigned */
	if (rc == 0)
		rc = find_place(node, link, log, msg, &seg, &cert, &place);
	if (rc != 0)
		return refuse(node, link, log, &seg, rc);
	if (open != NULL && (place.row != open || !place.at_end))
		rep_own_close_domain(node, log->id.scope, log->id.lane);
	else if (open != NULL)
		folded = rep_own_forget(node, open);
	link->ack_bytes += encoded.size;
	return keep(node, link, &place, &seg, &cert, folded);
}
