/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rot: a row of one store changes behind the core's back.  An audit names the
 * record, verify names the row, mending makes it what it was: that and nothing
 * else.  And no alarm between healthy neighbours, in trouble and at rest.
 */
#include "tests/sim/part.h"

#include <string.h>

#include "proto/err.h"
#include "replication/keys.h"
#include "replication/refold.h"
#include "tests/sim/oracle.h"

#define TICKET UINT64_MAX /* of no write */
#define ROTS_MAX 4
#define OVERLAY_BYTES ((size_t)8 << 20)
#define ANSWER_MS 120000

struct data { bool has_rotted; };

static struct sim_part part;
static struct sim_fault sim_fault_rot = {"rot", 300, "a row of a store at rest is another one, or gone"};

/* ------------------------------------------------------------------- auditing */

static bool is_linked(const struct sim_world *world, unsigned host, struct tr_nid peer)
{
	struct rep_link_info link;

	for (size_t i = 0; rep_inspect_link(world->host[host].node, &world->host[host].view, i, &link); i++)
		if (link.peer.v == peer.v)
			return link.state == REP_LINK_LIVE;
	return false;
}

static void ask(struct sim_world *world, unsigned host, struct tr_nid peer, uint32_t wait_ms)
{
	struct rep_audit_ask audit = {.ticket = TICKET, .peer = peer, .wait_ms = wait_ms};
	struct rep_event event = {.kind = REP_EV_AUDIT, .audit = &audit};

	sim_host_step(world, host, &event);
}

/* A neighbour, while something is on its way between the two. */
static void act_audit(struct sim_world *world, struct sim_rng *rng, unsigned host)
{
	unsigned child = host != 0 ? host : 1 + (unsigned)sim_rng_below(rng, world->host_count - 1);
	unsigned parent = world->host[child].parent;
	bool up = sim_rng_chance(rng, 500);

	for (unsigned i = 0; i < 3; i++)
		sim_work_any(world, rng);
	if (sim_host_is_up(world, up ? child : parent) && world->host[child].nid.v != 0)
		ask(world, up ? child : parent, world->host[up ? parent : child].nid, 5000);
}

static struct data *data_of(struct sim_world *world)
{
	return sim_part_data(world, &part, sizeof(struct data));
}

/* As long as nothing was changed, whatever an audit finds is wrong. */
static void look(struct sim_world *world, unsigned host)
{
	struct rep_audit_info info;

	/* nothing of an answer is signed: a flipped bit and a liar look like rot */
	if (data_of(world)->has_rotted || sim_throws(world, &sim_fault_rubbish) ||
	    sim_throws(world, sim_fault_find("evil")))
		return;
	for (unsigned i = 0; i < world->host_count; i++)
		/* Two versions differ in what one of them does not understand. */
		if (world->host[host].known.number == 0 &&
		    rep_audit_look(world->host[host].node, world->host[i].nid, &info) && info.differ != 0)
			sim_fail(world, host, "audit", "an audit with %s finds %llu domains of healthy stores that differ",
			    world->host[i].name, (unsigned long long)info.differ);
}

/* A round that comes next wipes out what this one found: before each action. */
static void tick(struct sim_world *world)
{
	for (unsigned i = 0; i < world->host_count; i++)
		if (sim_host_is_up(world, i))
			look(world, i);
}

/* False: no answer, the link is gone meanwhile. */
static bool audit(struct sim_world *world, unsigned host, unsigned peer, struct rep_audit_info *info)
{
	int64_t until = world->now_ms + ANSWER_MS;

	if (!is_linked(world, host, world->host[peer].nid))
		return false;
	ask(world, host, world->host[peer].nid, 20000);
	do {
		sim_world_advance(world, 500);
		if (!rep_audit_look(world->host[host].node, world->host[peer].nid, info))
			return false;
	} while (info->is_running && world->now_ms < until);
	if (info->rc == TR_E_DOWN)
		return false; /* a burst that is over, a session that began anew */
	if (info->is_running || info->rc != 0)
		sim_fail(world, host, "audit", "an audit with %s does not end: %s", world->host[peer].name,
		    info->rc != 0 ? tr_err_code(info->rc) : "still running");
	if (info->under_way != 0)
		sim_fail(world, host, "audit", "%llu domains are under way between stores at rest",
		    (unsigned long long)info->under_way);
	return true;
}

static void audit_healthy(struct sim_world *world)
{
	struct rep_audit_info info;

	for (unsigned i = 1; i < world->host_count; i++) {
		unsigned parent = world->host[i].parent;

		if ((audit(world, i, parent, &info) && info.differ != 0) ||
		    (audit(world, parent, i, &info) && info.differ != 0))
			sim_fail(world, i, "audit", "an audit with %s at rest finds healthy stores that differ",
			    world->host[parent].name);
	}
}

/* --------------------------------------------------------------------- rotting */

enum rot_what { ROT_STATE, ROT_GONE, ROT_ROW, ROT_LIST, ROT_SOURCE, ROT_EXTRA, ROT_SEGMENT, ROT_KINDS };

struct rot {
	enum rot_what what;
	unsigned host;
	struct tr_rec_id id;
	uint32_t log;
	uint64_t last;
	uint8_t key[64];
	size_t key_size;
	bool is_state;  /* the record is another one: an audit sees it */
};

static bool skip_last(void *ctx, const struct rep_fold *fold, uint64_t seq, const struct rep_op *op)
{
	size_t *left = ctx;

	(void)fold;
	(void)seq;
	(void)op;
	return (*left)-- > 1;
}

/* As if the last of its ops had been forgotten. */
static bool rot_state(struct sim_world *world, struct rot *rot)
{
	struct sim_host *h = &world->host[rot->host];
	struct rep_overlay *overlay = rep_overlay_create(&h->view, OVERLAY_BYTES);
	struct rep_refold how = {.limit = NULL};
	size_t left;
	bool equal = true;

	TR_ASSERT(overlay != NULL);
	if (rep_refold(h->node, &h->view, &rot->id, &how, overlay) == 0 && how.folded > 1) {
		left = how.folded;
		how = (struct rep_refold){.takes = skip_last, .ctx = &left};
		rep_overlay_reset(overlay);
		if (rep_refold(h->node, &h->view, &rot->id, &how, overlay) == 0 &&
		    rep_refold_compare(&h->view, &rot->id, overlay, &equal) == 0 && !equal)
			TR_ASSERT(rep_overlay_apply(overlay, &h->view) == 0);
	}
	rep_overlay_free(overlay);
	rot->is_state = !equal;
	return !equal;
}

static bool take_key(struct rot *rot, struct tr_bytes key)
{
	if (key.size > sizeof(rot->key))
		return false;
	memcpy(rot->key, key.data, key.size);
	rot->key_size = key.size;
	return true;
}

/* The first row of a table with that beginning goes. */
static bool rot_delete(struct sim_world *world, struct rot *rot, enum rep_table table, struct tr_bytes prefix)
{
	const struct rep_view *view = &world->host[rot->host].view;
	struct tr_bytes key;

	if (rep_seek(view, table, prefix, false, &key, NULL) != 0 || key.size < prefix.size ||
	    memcmp(key.data, prefix.data, prefix.size) != 0 || !take_key(rot, key))
		return false;
	return rep_del(view, table, (struct tr_bytes){rot->key, rot->key_size}) == 0;
}

static bool rot_source(struct sim_world *world, struct rot *rot)
{
	const struct rep_view *view = &world->host[rot->host].view;
	struct tr_bytes key, row;
	static const uint8_t nobody[16] = {0x77, 0x77};

	if (rep_seek(view, REP_T_SRC, (struct tr_bytes){rot->id.b, 1}, false, &key, &row) != 0 || !take_key(rot, key))
		return false;
	if (rot->what == ROT_SOURCE)
		return rep_del(view, REP_T_SRC, (struct tr_bytes){rot->key, rot->key_size}) == 0;
	return rep_put(view, REP_T_SRC, (struct tr_bytes){rot->key, rot->key_size},
	    (struct tr_bytes){nobody, sizeof(nobody)}) == 0;
}

/* Is it a segment of which the ops were dropped there? */
static bool has_dropped(struct sim_world *world, unsigned host, const struct tr_log_id *id, uint64_t last)
{
	struct rep_log_info log;

	for (size_t i = 0; host != SIM_NONE && sim_host_is_up(world, host) && rep_inspect_log(world->host[host].node, &i, &log);)
		if (sim_same_log(&log.id, id) && last <= log.low)
			return true;
	return false;
}

/* A bit of a segment that a neighbour has, too. */
static bool rot_segment(struct sim_world *world, struct rot *rot, struct sim_rng *rng)
{
	const struct sim_host *h = &world->host[rot->host];
	struct rep_fault fault = {.what = REP_FAULT_SEGMENT};
	struct rep_fault_holder holder[2];
	struct rep_log_info log;
	struct tr_bytes key, row;
	struct rep_key from;
	uint8_t copy[TR_SEG_BYTES_MAX + 1024];
	size_t n, at;

	from = rep_key_seq((uint32_t)sim_rng_between(rng, 1, 60), 0);
	if (rep_seek(&h->view, REP_T_SEG, rep_key_bytes(&from), false, &key, &row) != 0 || key.size != 12 ||
	    row.size > sizeof(copy) || !take_key(rot, key))
		return false;
	rot->log = fault.log = wire_get_be32(key.data);
	rot->last = fault.first = fault.last = wire_get_be64(key.data + 4);
	if (rep_log_of(h->node, rot->log, &log) && rot->last <= log.low)
		return false; /* a neighbour may have it with its ops still */
	n = rep_fault_holders(h->node, &fault, holder);
	if (n == 0 || !(holder[0].is_up || (n == 2 && holder[1].is_up)))
		return false;
	for (size_t i = 0; i < n; i++)
		if (has_dropped(world, sim_host_of(world, holder[i].peer), &log.id, rot->last))
			return false;
	memcpy(copy, row.data, row.size);
	at = sim_rng_below(rng, row.size);
	copy[at >= 32 && at < 40 ? 41 : at] ^= (uint8_t)(1u << sim_rng_below(rng, 8)); /* not the time of its coming */
	return rep_put(&h->view, REP_T_SEG, (struct tr_bytes){rot->key, rot->key_size}, (struct tr_bytes){copy, row.size}) == 0;
}

static bool rot_one(struct sim_world *world, struct rot *rot, struct sim_rng *rng)
{
	unsigned r;
	uint8_t key[17];

	rot->what = (enum rot_what)sim_rng_below(rng, ROT_KINDS);
	if (rot->what == ROT_SEGMENT)
		return rot_segment(world, rot, rng);
	r = sim_oracle_pick(world, rng, rot->host, 0);
	if (r == SIM_NONE || rep_is_truncated(world->host[rot->host].node, &world->host[rot->host].view, &world->oracle->rec[r].id))
		return false; /* it is its own only witness */
	rot->id = world->oracle->rec[r].id;
	key[0] = world->oracle->rec[r].kind;
	memcpy(key + 1, rot->id.b, 16);
	switch (rot->what) {
	case ROT_STATE: return rot_state(world, rot);
	case ROT_GONE: return rot->is_state = rot_delete(world, rot, REP_T_REC, (struct tr_bytes){key, 17});
	case ROT_ROW: return rot->is_state = rot_delete(world, rot, REP_T_ROW, (struct tr_bytes){rot->id.b, 16});
	case ROT_LIST: return rot_delete(world, rot, REP_T_OPS, (struct tr_bytes){rot->id.b, 16});
	case ROT_SOURCE:
	case ROT_EXTRA: return rot_source(world, rot);
	case ROT_SEGMENT:
	case ROT_KINDS:
	default: return false;
	}
}

/* --------------------------------------------------------------------- mending */

static void mend(struct sim_world *world, unsigned host, const struct rep_fault *fault)
{
	struct rep_mend mend = {.ticket = TICKET, .fault = *fault};
	struct rep_event event = {.kind = REP_EV_MEND, .mend = &mend};

	sim_host_step(world, host, &event);
	sim_host_commit(world, host);
	for (unsigned i = 0; i < 60 && rep_fault_look(world->host[host].node, &world->host[host].view, fault) != 0; i++) {
		sim_world_advance(world, 1000);
		if (i % 5 == 4)
			sim_host_step(world, host, &event);
	}
}

/* Looks through a store and mends; the number of faults. */
static unsigned verify(struct sim_world *world, unsigned host)
{
	struct rep_verify_cursor cursor = {0};
	struct rep_verify_sum sum = {0};
	struct rep_fault fault;
	unsigned count = 0;
	bool found;

	while (rep_verify_next(world->host[host].node, &world->host[host].view, &cursor, 16, &fault, &found, &sum) == 0) {
		if (!found)
			continue;
		sim_log(world, host, "verify: %s %llu..%llu: %s", rep_fault_name(fault.what), (unsigned long long)fault.first,
		    (unsigned long long)fault.last, tr_err_code(fault.rc));
		count++;
		mend(world, host, &fault);
	}
	return count;
}

/* All rows but how a record is laid out, and the times when segments and conflicts came. */
static void compare(struct sim_world *world, unsigned host, struct memview *before)
{
	struct rep_view old = memview_view(before), *now = &world->host[host].view;

	for (unsigned t = 0; t < REP_T_COUNT; t++) {
		struct tr_bytes from = {NULL, 0}, key, a, b;
		size_t rows = 0;

		if (t == REP_T_PEER || t == REP_T_META || t == REP_T_HEAD || t == REP_T_RCPT || t == REP_T_LOG || t == REP_T_KEY)
			continue; /* go on with the beats */
		for (; rep_seek(&old, (enum rep_table)t, from, from.size != 0, &key, &a) == 0; from = key, rows++) {
			size_t skip = t == REP_T_SEG ? 40 : 0;

			if (rep_get(now, (enum rep_table)t, key, &b) != 0 || (t != REP_T_REC && t != REP_T_CONFLICT &&
			    (a.size != b.size || memcmp(a.data + skip, b.data + skip, a.size - skip) != 0)))
				sim_fail(world, host, "mend", "a row of table %u is not as it was", t);
		}
		if (rows != memview_rows(world->host[host].store, (enum rep_table)t))
			sim_fail(world, host, "mend", "table %u has %zu rows, it had %zu", t,
			    memview_rows(world->host[host].store, (enum rep_table)t), rows);
	}
}

/* An audit with a neighbour that has the record names it. */
static void audit_finds(struct sim_world *world, const struct rot *rot)
{
	for (unsigned i = 0; i < world->host_count; i++) {
		struct rep_audit_info info;

		if (i == rot->host || !sim_oracle_holds(world, i, &rot->id, NULL) || !audit(world, i, rot->host, &info))
			continue;
		for (size_t k = 0; k < info.diff_count; k++)
			if (memcmp(info.diffs[k].rec.b, rot->id.b, 16) != 0)
				sim_fail(world, i, "audit", "an audit with %s names another record", world->host[rot->host].name);
		if (info.differ != 1 || info.diff_count == 0)
			sim_fail(world, i, "audit", "an audit with %s finds nothing, a record is another one there",
			    world->host[rot->host].name);
	}
}

/* Those that the top node has made so far. */
static uint64_t checkpoints(const struct sim_world *world)
{
	struct rep_ckpt_info info;
	uint64_t sum = 0;

	for (size_t i = 0; sim_host_is_up(world, 0) && rep_inspect_ckpt(world->host[0].node, i, &info); i++)
		sum += info.number;
	return sum;
}

static void rest(struct sim_world *world)
{
	struct sim_rng rng = sim_rng_make(world->conf.seed, 77);
	unsigned done = 0;

	audit_healthy(world);
	if (!sim_throws(world, &sim_fault_rot))
		return;
	for (unsigned tries = 0; tries < 20 && done < ROTS_MAX; tries++) {
		struct rot rot = {.host = (unsigned)sim_rng_below(&rng, world->host_count)};
		struct memview *before = NULL;
		uint64_t number = checkpoints(world);

		sim_host_commit(world, rot.host);
		if (sim_host_is_up(world, rot.host))
			before = memview_clone(world->host[rot.host].store);
		if (before == NULL || !rot_one(world, &rot, &rng)) {
			memview_free(before);
			continue;
		}
		sim_log(world, rot.host, "a row rots: kind %u", rot.what);
		sim_thrown(world, &sim_fault_rot);
		data_of(world)->has_rotted = true;
		world->host[rot.host].is_rotten = true; /* rep_check() would find it, too */
		if (rot.is_state)
			audit_finds(world, &rot);
		if (verify(world, rot.host) == 0)
			sim_fail(world, rot.host, "mend", "verify finds nothing, though a row is another one (%u)", rot.what);
		world->host[rot.host].is_rotten = false;
		if (checkpoints(world) == number) /* one that falls due meanwhile writes, too */
			compare(world, rot.host, before);
		sim_check_verify(world, rot.host);
		memview_free(before);
		done++;
	}
	for (unsigned i = 0; i < world->host_count && done > 0; i++)
		sim_check_store(world, i);
}

/* A checkpoint over a row that has rotted is one that nobody agrees with (docs/decisions/0020, "Price"),
 * and it is heard of when the row has long been mended. */
static bool excuses(struct sim_world *world, unsigned host, const struct rep_trace *trace)
{
	(void)host;
	return trace->code == REP_TRACE_CKPT_DIFFERS && data_of(world)->has_rotted;
}

static struct sim_fault *const FAULTS[] = {&sim_fault_rot, NULL};
static const struct sim_action ACTIONS[] = {{"audit", 4, {NULL}, act_audit}, {0}};
static struct sim_part part = {.name = "audit", .faults = FAULTS, .actions = ACTIONS, .tick = tick, .look = look, .rest = rest,
    .excuses = excuses};
SIM_PART(part)
