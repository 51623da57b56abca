/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/oracle.h"
#include "tests/sim/attic.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/wire.h"

#include "tests/sim/part.h"

struct sim_oracle *sim_oracle_create(void)
{
	struct sim_oracle *o = calloc(1, sizeof(*o));

	TR_ASSERT(o != NULL);
	o->arena = wire_arena_create();
	o->scratch = calloc(1, sizeof(*o->scratch));
	o->scratch2 = calloc(1, sizeof(*o->scratch2));
	o->op_scratch = malloc(sizeof(*o->op_scratch));
	TR_ASSERT(o->arena != NULL);
	TR_ASSERT(o->scratch != NULL);
	TR_ASSERT(o->scratch2 != NULL);
	TR_ASSERT(o->op_scratch != NULL);
	return o;
}

void sim_oracle_free(struct sim_oracle *o)
{
	if (o == NULL)
		return;
	for (unsigned i = 0; i < o->rec_count; i++)
		free(o->rec[i].op);
	free(o->rec);
	for (unsigned i = 0; i < o->write_count; i++)
		free(o->write[i].again);
	free(o->write);
	free(o->promise);
	free(o->counter);
	free(o->signed_);
	wire_arena_free(o->arena);
	free(o->scratch);
	free(o->scratch2);
	free(o->op_scratch);
	sim_attic_free(o);
	free(o);
}

unsigned sim_oracle_rec(struct sim_world *world, const struct tr_rec_id *id)
{
	for (unsigned i = 0; i < world->oracle->rec_count; i++)
		if (memcmp(&world->oracle->rec[i].id, id, sizeof(*id)) == 0)
			return i;
	return SIM_NONE;
}

static unsigned add_rec(struct sim_world *world, const struct tr_rec_id *id, uint8_t kind, struct tr_nid scope)
{
	struct sim_oracle *o = world->oracle;
	unsigned home = sim_host_of(world, scope);

	if (home == SIM_NONE)
		sim_fail(world, SIM_NONE, "4", "a record of a scope that does not exist");
	SIM_GROW(o->rec, o->rec_count, o->rec_cap);
	o->rec[o->rec_count] = (struct sim_rec){
	    .id = *id, .kind = kind, .home = home, .issuer = SIM_NONE};
	return o->rec_count++;
}

/* Of which write, as its actor says. */
static uint64_t mark_of(struct tr_bytes actor)
{
	uint64_t mark = 1;

	for (size_t i = 0; i < actor.size; i++)
		mark = mark * 31 + actor.data[i];
	return mark;
}

/* hlc 0: not known. */
static unsigned intern_op(struct sim_rec *rec, const struct tr_log_id *log, uint64_t seq, uint64_t hlc, uint64_t mark)
{
	for (unsigned i = 0; i < rec->op_count; i++) {
		struct sim_op *op = &rec->op[i];

		if (op->seq != seq || !sim_same_log(&op->log, log) ||
		    (hlc != 0 && op->hlc != 0 && (op->hlc != hlc || op->mark != mark)))
			continue;
		if (hlc != 0) {
			op->hlc = hlc;
			op->mark = mark;
		}
		return i;
	}
	TR_ASSERT(rec->op_count < SIM_PAST_WORDS * 64);
	SIM_GROW(rec->op, rec->op_count, rec->op_cap);
	rec->op[rec->op_count] = (struct sim_op){.log = *log, .seq = seq, .hlc = hlc, .mark = mark};
	return rec->op_count++;
}

struct dropped { struct sim_world *world; unsigned rec; sim_op_fn *fn; void *arg; };

static void dropped_op(void *arg, const struct tr_log_id *log, const struct rep_op *op, const struct rep_cause *cause)
{
	struct dropped *d = arg;

	d->fn(d->arg, intern_op(&d->world->oracle->rec[d->rec], log, cause->dot.seq, cause->hlc.v, mark_of(op->actor)),
	    op, cause);
}

void sim_oracle_ops(struct sim_world *world, unsigned host, unsigned r, sim_op_fn *fn, void *arg)
{
	struct sim_host *h = &world->host[host];
	struct rep_ops_cursor cursor = {0};
	struct rep_cause cause;
	uint32_t serial;
	int rc;

	for (;;) {
		struct sim_rec *rec = &world->oracle->rec[r];
		struct rep_op *op = world->oracle->op_scratch;
		struct rep_log_info log;

		rc = rep_record_op(h->node, &h->view, &rec->id, &cursor, op, &cause, &serial);
		if (rc == TR_E_NOTFOUND)
			break;
		if (rc != 0)
			sim_fail(world, host, "store", "rep_record_op: %s", tr_err_code(rc));
		if (!rep_log_of(h->node, cause.dot.log, &log))
			sim_fail(world, host, "store", "op of an unknown log %u", cause.dot.log);
		fn(arg, intern_op(rec, &log.id, cause.dot.seq, cause.hlc.v, mark_of(op->actor)), op, &cause);
	}
	sim_attic_ops(world, host, &world->oracle->rec[r].id, dropped_op, &(struct dropped){world, r, fn, arg});
}

static void add_past(void *arg, unsigned index, const struct rep_op *op, const struct rep_cause *cause)
{
	uint64_t *past = arg;

	(void)op;
	(void)cause;
	past[index / 64] |= 1ull << (index % 64);
}

/* Which ops the record is made of at this moment, also those of the open
 * transaction: rows of REP_T_OPS are record id, handle, sequence. */
static void note_past(struct sim_world *world, unsigned host, unsigned r, uint64_t past[static SIM_PAST_WORDS])
{
	const struct rep_view *view = &world->host[host].view;
	uint8_t last[28];
	struct tr_bytes from = {last, 16}, key, value;

	if (world->counts.restores != 0 || world->keep_ms != 0) {
		/* a sequence may stand for two ops: they must be read */
		sim_host_commit(world, host);
		if (sim_host_is_up(world, host))
			sim_oracle_ops(world, host, r, add_past, past);
		return;
	}
	memcpy(last, world->oracle->rec[r].id.b, 16);
	while (rep_seek(view, REP_T_OPS, from, from.size == 28, &key, &value) == 0 && key.size == 28 &&
	    memcmp(key.data, last, 16) == 0) {
		struct rep_log_info log;
		unsigned index;

		memcpy(last, key.data, 28);
		from.size = 28;
		if (!rep_log_of(world->host[host].node, wire_get_be32(last + 16), &log))
			sim_fail(world, host, "store", "op of an unknown log");
		index = intern_op(&world->oracle->rec[r], &log.id, wire_get_be64(last + 20), 0, 0);
		past[index / 64] |= 1ull << (index % 64);
	}
}

uint64_t sim_oracle_open(struct sim_world *world, unsigned host, uint8_t kind, const struct tr_rec_id *id)
{
	struct sim_oracle *o = world->oracle;
	struct sim_write *w;

	SIM_GROW(o->write, o->write_count, o->write_cap);
	w = &o->write[o->write_count++];
	*w = (struct sim_write){.ticket = o->write_count, .host = host, .kind = kind, .rec = SIM_NONE, .copy = SIM_NONE};
	world->counts.writes++;
	if (id != NULL) {
		w->rec = sim_oracle_rec(world, id);
		w->has_rec = w->rec != SIM_NONE;
		if (w->has_rec)
			note_past(world, host, w->rec, w->past);
	}
	return w->ticket;
}

void sim_oracle_keep(struct sim_world *world, uint64_t ticket, const struct sim_put *put)
{
	struct sim_write *w = &world->oracle->write[ticket - 1];

	w->again = malloc(sizeof(*w->again));
	TR_ASSERT(w->again != NULL);
	sim_put_copy(w->again, put);
	for (size_t i = 0; i < put->write.value_count; i++)
		w->is_spread |= put->write.resolve_group != 0 && put->values[i].field == 52; /* moved_to */
}

uint64_t sim_oracle_unheard(struct sim_world *world, unsigned host)
{
	for (unsigned i = world->oracle->write_count; i-- > 0;) {
		const struct sim_write *w = &world->oracle->write[i];

		if (w->host == host && w->again != NULL && w->again->write.kind == TR_KIND_CASE &&
		    (w->state == SIM_WRITE_LOST || w->state == SIM_WRITE_DURABLE))
			return w->ticket;
	}
	return 0;
}

/* The same key again: the first answer again if there was a first time, else none. */
static void check_again(struct sim_world *world, const struct sim_write *w, const struct rep_reply *reply)
{
	uint64_t first = 0;

	for (unsigned i = 0; i < world->oracle->write_count && w->again != NULL; i++) {
		const struct sim_write *other = &world->oracle->write[i];

		if (other == w || other->host != w->host || other->again == NULL ||
		    strcmp(other->again->key, w->again->key) != 0)
			continue;
		if (world->host[w->host].restores != 0)
			return; /* the key went with the store */
		if (other->state == SIM_WRITE_DURABLE || other->state == SIM_WRITE_ACKED)
			first = other->ticket;
	}
	if (reply->repeated && first == 0)
		sim_fail(world, w->host, "11", "write w%" PRIu64 " is called a repetition of what never was", w->ticket);
	/* A clock that leaps ahead ends the thirty days for which keys are kept. */
	if (!reply->repeated && first != 0 && !sim_throws(world, &sim_fault_clock))
		sim_fail(world, w->host, "11", "write w%" PRIu64 " was made twice, first as w%" PRIu64, w->ticket, first);
}

struct find {
	struct sim_world *world;
	struct sim_write *write;
	unsigned rec, found;
	bool is_copy; /* a new record: nothing was seen of it; notes keep their first actor */
};

static bool is_actor(struct tr_bytes actor, uint64_t ticket)
{
	char want[32];
	int n = snprintf(want, sizeof(want), "w%" PRIu64, ticket);

	return actor.size == (size_t)n && memcmp(actor.data, want, actor.size) == 0;
}

static void adopt(void *arg, unsigned index, const struct rep_op *op, const struct rep_cause *cause)
{
	struct find *f = arg;
	struct sim_op *mine = &f->world->oracle->rec[f->rec].op[index];

	(void)cause;
	if (f->is_copy ? mine->has_past : op->kind == TR_OP_NOTE || !is_actor(op->actor, f->write->ticket))
		return;
	mine->ticket = f->write->ticket;
	if (!f->is_copy)
		memcpy(mine->past, f->write->past, sizeof(mine->past));
	/* Ops of one write follow each other: the later has seen the earlier. */
	for (unsigned i = 0; i < f->world->oracle->rec[f->rec].op_count; i++) {
		const struct sim_op *other = &f->world->oracle->rec[f->rec].op[i];

		if (other->ticket == mine->ticket && other->seq < mine->seq)
			mine->past[i / 64] |= 1ull << (i % 64);
	}
	mine->has_past = true;
	f->found += op->kind != TR_OP_NOTE;
}

struct sent { const struct tr_rec_id *copy; uint64_t ticket; bool found; };

/* 52: moved_to */
static void find_transfer(void *arg, unsigned index, const struct rep_op *op, const struct rep_cause *cause)
{
	struct sent *s = arg;

	(void)index;
	(void)cause;
	if (op->kind != TR_OP_TRANSFER || is_actor(op->actor, s->ticket))
		return;
	for (size_t i = 0; i < op->value_count; i++)
		s->found |= op->values[i].field == 52 && op->values[i].t.size == 16 &&
			    memcmp(op->values[i].t.data, s->copy->b, 16) == 0;
}

/* It was sent there before, and its copy had not come: that alone is made again, under its id. */
static bool is_copy_again(struct sim_world *world, unsigned host, const struct sim_write *w, const struct rep_reply *reply)
{
	struct sent sent = {&reply->id, w->ticket, false};
	unsigned r = sim_oracle_rec(world, &reply->moved_from);

	if (r != SIM_NONE)
		sim_oracle_ops(world, host, r, find_transfer, &sent);
	return sent.found;
}

static void adopt_rec(struct sim_world *world, unsigned host, struct sim_write *w, const struct tr_rec_id *id)
{
	struct find f = {.world = world, .write = w};

	f.rec = sim_oracle_rec(world, id);
	if (f.rec == SIM_NONE) {
		uint8_t kind;
		struct rep_record *rec = world->oracle->scratch;

		if (rep_record_find(rec, &world->host[host].view, id) != 0)
			sim_fail(world, host, "11", "write %" PRIu64 " was answered, its record is not there", w->ticket);
		kind = rec->kind;
		f.rec = add_rec(world, id, kind, rec->scope);
	}
	if (w->rec == SIM_NONE)
		w->rec = f.rec;
	sim_oracle_ops(world, host, f.rec, adopt, &f);
	w->expect += f.found;
	if (f.found == 0)
		sim_fail(world, host, "11", "write %" PRIu64 " was answered, its change is not there", w->ticket);
}

/* Of a case that moved; its first ops are there with the answer, none before. */
static void adopt_copy(struct sim_world *world, unsigned host, struct sim_write *w, const struct tr_rec_id *id)
{
	struct find f = {.world = world, .write = w, .is_copy = true};

	if (rep_record_find(world->oracle->scratch, &world->host[host].view, id) != 0)
		sim_fail(world, host, "11", "write %" PRIu64 " was answered, the copy is not there", w->ticket);
	f.rec = sim_oracle_rec(world, id);
	if (f.rec == SIM_NONE)
		f.rec = add_rec(world, id, TR_KIND_CASE, world->oracle->scratch->scope);
	sim_oracle_ops(world, host, f.rec, adopt, &f);
	w->copy = f.rec;
	w->copy_expect = f.found;
}

static void adopt_directive(struct sim_world *world, unsigned host, struct sim_write *w, const struct tr_rec_id *id)
{
	struct tr_rec_id ids[SIM_HOSTS_MAX];
	size_t n = rep_find_directive(&world->host[host].view, id, NULL, ids, SIM_HOSTS_MAX);

	if (n == 0)
		sim_fail(world, host, "11", "directive of write %" PRIu64 " has no records", w->ticket);
	for (size_t i = 0; i < n; i++) {
		unsigned r;

		adopt_rec(world, host, w, &ids[i]);
		r = sim_oracle_rec(world, &ids[i]);
		world->oracle->rec[r].directive = *id;
		world->oracle->rec[r].issuer = host;
	}
}

void sim_oracle_reply(struct sim_world *world, unsigned host, const struct rep_reply *reply, bool told)
{
	static const struct tr_rec_id none;
	struct sim_write *w;

	if (reply->ticket == 0 || reply->ticket > world->oracle->write_count)
		return; /* an invitation */
	w = &world->oracle->write[reply->ticket - 1];
	if (w->state != SIM_WRITE_OPEN)
		sim_fail(world, host, "11", "write %" PRIu64 " answered twice", w->ticket);
	w->rc = reply->rc;
	if (reply->rc != 0) {
		w->state = SIM_WRITE_REFUSED;
		world->counts.refused++;
		world->counts.rc[-reply->rc & 63]++;
		sim_log(world, host, "write w%" PRIu64 " refused: %s (%s)", w->ticket, tr_err_code(reply->rc),
		    rep_why_name(reply->why));
		return;
	}
	w->state = told ? SIM_WRITE_ACKED : SIM_WRITE_DURABLE;
	check_again(world, w, reply);
	world->counts.acked += told;
	w->made_nothing = reply->unchanged || reply->repeated;
	sim_log(world, host, "write w%" PRIu64 " %s%s", w->ticket, told ? "ok" : "durable, nobody heard",
	    w->made_nothing ? ", nothing new" : "");
	if (w->made_nothing)
		return;
	if (memcmp(&reply->directive_id, &none, sizeof(none)) != 0 && !w->has_rec)
		adopt_directive(world, host, w, &reply->directive_id);
	else if (memcmp(&reply->moved_from, &none, sizeof(none)) != 0) {
		if (!is_copy_again(world, host, w, reply))
			adopt_rec(world, host, w, &reply->moved_from);
		adopt_copy(world, host, w, &reply->id);
	} else
		adopt_rec(world, host, w, &reply->id);
}

void sim_oracle_host_gone(struct sim_world *world, unsigned host)
{
	struct sim_oracle *o = world->oracle;

	for (unsigned i = 0; i < o->write_count; i++)
		if (o->write[i].host == host && o->write[i].state == SIM_WRITE_OPEN)
			o->write[i].state = SIM_WRITE_LOST;
}

static void count_mine(void *arg, unsigned index, const struct rep_op *op, const struct rep_cause *cause)
{
	struct find *f = arg;

	(void)index;
	(void)cause;
	f->found += is_actor(op->actor, f->write->ticket);
}

/* On disk at somebody who runs, other than its writer. */
static bool is_held(struct sim_world *world, struct sim_write *w)
{
	/* what lies in several scopes may be held in part */
	if (w->rec == SIM_NONE || w->copy != SIM_NONE || w->is_spread || (w->kind == TR_KIND_DIRECTIVE && !w->has_rec))
		return false;
	for (unsigned h = 0; h < world->host_count; h++) {
		struct find f = {.world = world, .write = w};

		if (h == w->host || !sim_host_is_up(world, h) || !sim_is_over(world, h, world->oracle->rec[w->rec].home))
			continue;
		sim_oracle_ops(world, h, w->rec, count_mine, &f);
		if (f.found >= w->expect)
			return true;
	}
	return false;
}

void sim_oracle_restored(struct sim_world *world, unsigned host)
{
	struct sim_oracle *o = world->oracle;
	unsigned kept = 0;

	for (unsigned i = 0; i < o->promise_count; i++)
		if (o->promise[i].host != host)
			o->promise[kept++] = o->promise[i];
	o->promise_count = kept;
	for (unsigned h = 0; h < world->host_count; h++)
		sim_host_commit(world, h); /* ops of an open transaction cannot be read back */
	for (unsigned i = 0; i < o->write_count; i++)
		if (world->host[o->write[i].host].restores != 0 && !is_held(world, &o->write[i]))
			o->write[i].is_uncertain = true;
}

/* Is it one of which it can be said whether it is held? */
static bool is_certain(const struct sim_write *w)
{
	return (w->state == SIM_WRITE_ACKED || w->state == SIM_WRITE_DURABLE) && w->rec != SIM_NONE && w->copy == SIM_NONE &&
	    !w->is_spread && !w->is_uncertain && (w->kind != TR_KIND_DIRECTIVE || w->has_rec);
}

void sim_oracle_switched_off(struct sim_world *world, unsigned machine, bool is_settled)
{
	unsigned unit = world->host[machine].place, other = machine == unit ? SIM_TWIN : unit;
	struct sim_oracle *o = world->oracle;
	unsigned kept = 0;

	for (unsigned h = 0; h < world->host_count; h++)
		sim_host_commit(world, h);
	sim_host_commit(world, SIM_TWIN);
	for (unsigned i = 0; i < o->write_count; i++) {
		/* those of others, too: it may have held what a machine that was put back has not any more */
		bool is_lost = world->host[o->write[i].host].restores != 0 && !is_held(world, &o->write[i]);

		if (is_lost && o->write[i].host == machine && is_settled && is_certain(&o->write[i]))
			sim_fail(world, machine, "12", "write w%" PRIu64 " was acknowledged, nobody has it", o->write[i].ticket);
		o->write[i].is_uncertain |= is_lost;
		if (o->write[i].host == SIM_TWIN)
			o->write[i].host = unit;
	}
	for (unsigned i = 0; i < o->promise_count; i++)
		if (o->promise[i].host != machine)
			o->promise[kept++] = o->promise[i];
	o->promise_count = kept;
	for (unsigned i = 0; i < o->promise_count; i++)
		if (o->promise[i].host == other)
			o->promise[i].host = unit;
	for (unsigned r = 0; r < o->rec_count; r++)
		if (o->rec[r].issuer == SIM_TWIN)
			o->rec[r].issuer = unit;
}

bool sim_oracle_holds(struct sim_world *world, unsigned host, const struct tr_rec_id *id, uint8_t *kind)
{
	struct sim_host *h = &world->host[host];

	if (rep_record_find(world->oracle->scratch, &h->view, id) != 0)
		return false;
	if (kind != NULL)
		*kind = world->oracle->scratch->kind;
	return true;
}

unsigned sim_oracle_pick(struct sim_world *world, struct sim_rng *rng, unsigned host, uint8_t kind)
{
	struct sim_oracle *o = world->oracle;

	/* Newer ones are taken more often: that is where edits meet. */
	for (unsigned i = 0; i < 20 && o->rec_count != 0; i++) {
		unsigned want = sim_rng_chance(rng, 400) ? 2 : sim_rng_chance(rng, 600) ? 6 : o->rec_count;
		unsigned span = want < o->rec_count ? want : o->rec_count;
		unsigned r = o->rec_count - 1 - (unsigned)sim_rng_below(rng, span);

		if (kind != 0 && o->rec[r].kind != kind)
			continue;
		if (sim_is_over(world, host, o->rec[r].home) &&
		    sim_oracle_holds(world, host, &o->rec[r].id, NULL))
			return r;
	}
	return SIM_NONE;
}
