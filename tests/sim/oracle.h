/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oracle -- the books that nobody in the federation can see: every write, what
 * its node had applied when it was made, whether it was acknowledged.
 *
 * A write is recognised in the stores by its actor, "w<ticket>".
 * Owns: copies of everything.
 */
#ifndef TESTS_SIM_ORACLE_H
#define TESTS_SIM_ORACLE_H

#include "tests/sim/put.h"
#include "tests/sim/sim.h"

#define SIM_PAST_WORDS 16 /* 1024 ops a record */

/* Room for one more behind the last. */
#define SIM_GROW(array, count, cap)                                                                                        \
	do {                                                                                                           \
		if ((count) == (cap)) {                                                                                \
			(cap) = (cap) ? (cap) * 2 : 64;                                                                \
			(array) = realloc((array), (cap) * sizeof(*(array)));                                          \
			TR_ASSERT((array) != NULL);                                                                    \
		}                                                                                                      \
	} while (0)

struct sim_op {
	struct tr_log_id log;
	uint64_t seq;
	uint64_t hlc, mark;      /* two branches of a log have two ops for one sequence; 0: not known yet */
	uint64_t ticket;         /* 0: made by the core itself */
	bool has_past;
	uint64_t past[SIM_PAST_WORDS]; /* bit = index among the record's ops */
};

struct sim_rec {
	struct tr_rec_id id;
	uint8_t kind;
	unsigned home;           /* host */
	uint64_t marker;         /* text that a story may look for */
	struct tr_rec_id directive;
	unsigned issuer;
	struct sim_op *op;
	unsigned op_count, op_cap;
};

enum sim_write_state { SIM_WRITE_OPEN = 0, SIM_WRITE_LOST, SIM_WRITE_REFUSED, SIM_WRITE_DURABLE, SIM_WRITE_ACKED };

struct sim_write {
	uint64_t ticket;
	unsigned host;
	enum sim_write_state state;
	int rc;
	bool made_nothing;       /* unchanged, repeated */
	bool is_uncertain;       /* its node was restored from before: all holders have it or none */
	unsigned rec;            /* first record; SIM_NONE */
	uint8_t kind;
	unsigned expect;         /* ops that it made at its own node */
	unsigned copy;           /* a move: the new record, and the ops in it; SIM_NONE */
	unsigned copy_expect;
	bool is_spread;          /* settled a move: ops in records that are not counted */
	uint64_t past[SIM_PAST_WORDS];
	bool has_rec;            /* known before the step */
	struct sim_put *again;   /* what was written, for one who did not hear and asks again */
};

/* Per (host or issuer, log): the highest promise made. */
struct sim_promise { unsigned host; struct tr_log_id log; uint64_t seq; bool receipt; };
struct sim_counter { uint64_t owner, scope; uint64_t ctr; };
enum sim_signing { SIM_SIGNED_FIRST, SIM_SIGNED_BEFORE, SIM_SIGNED_TWICE };
struct sim_signed { struct tr_log_id log; uint64_t first; unsigned machine, restores; uint8_t sig[64]; };

struct sim_oracle {
	struct sim_rec *rec;
	unsigned rec_count, rec_cap;
	struct sim_write *write; /* by ticket - 1 */
	unsigned write_count, write_cap;
	struct sim_promise *promise;
	unsigned promise_count, promise_cap;
	struct sim_counter *counter;
	unsigned counter_count, counter_cap;
	struct sim_signed *signed_; /* segments as their authors sent them */
	unsigned signed_count, signed_cap;
	struct sim_attic_op *attic; /* attic.h */
	size_t attic_count, attic_cap;
	struct wire_arena *arena;
	struct rep_record *scratch, *scratch2;
	struct rep_op *op_scratch;
};

struct sim_oracle *sim_oracle_create(void);
void sim_oracle_free(struct sim_oracle *oracle);

/* Before the step: opens the books for a write.  Returns its ticket. */
uint64_t sim_oracle_open(struct sim_world *world, unsigned host, uint8_t kind, const struct tr_rec_id *id);
/* Remembers what was written, in case nobody hears the answer. */
void sim_oracle_keep(struct sim_world *world, uint64_t ticket, const struct sim_put *put);
/* A write of the host that was not answered; 0 if there is none. */
uint64_t sim_oracle_unheard(struct sim_world *world, unsigned host);
/* After the commit: what became of it.  told: the writer heard the reply. */
void sim_oracle_reply(struct sim_world *world, unsigned host, const struct rep_reply *reply, bool told);
/* The host went down: open writes of it are lost. */
void sim_oracle_host_gone(struct sim_world *world, unsigned host);

/* The host's store is an old one: what it promised is void, and of its writes
 * those are certain no more that nobody else holds. */
void sim_oracle_restored(struct sim_world *world, unsigned host);

/* One of two machines of a unit was switched off for ever (host, or SIM_TWIN): what was written there
 * and nobody else holds may be lost, but not if the machine believes that its parent has it.  What
 * the twin said and did is the unit's from now on. */
void sim_oracle_switched_off(struct sim_world *world, unsigned machine, bool is_settled);

unsigned sim_oracle_rec(struct sim_world *world, const struct tr_rec_id *id); /* SIM_NONE if unknown */
/* A record that the host holds, any kind (0) or one; SIM_NONE. */
unsigned sim_oracle_pick(struct sim_world *world, struct sim_rng *rng, unsigned host, uint8_t kind);
bool sim_oracle_holds(struct sim_world *world, unsigned host, const struct tr_rec_id *id, uint8_t *kind);

/* Calls fn for every op of a record at a host; index = in rec->op. */
typedef void sim_op_fn(void *arg, unsigned index, const struct rep_op *op, const struct rep_cause *cause);
void sim_oracle_ops(struct sim_world *world, unsigned host, unsigned rec, sim_op_fn *fn, void *arg);

bool sim_same_log(const struct tr_log_id *a, const struct tr_log_id *b);

/* Promises: `seq` of `log` is durable at `host` (acknowledgement, or receipt by the top). */
void sim_oracle_promise(struct sim_world *world, unsigned host, const struct tr_log_id *log, uint64_t seq, bool receipt);
/* The highest counter seen; false if `ctr` goes back. */
bool sim_oracle_count(struct sim_world *world, uint64_t owner, uint64_t scope, uint64_t ctr);

/*
 * TWICE: another segment was signed for that place before, and its author
 * ought to know: it was the same machine, its store was not put back since, or it
 * was, it noticed, and another node has that place of it on disk (docs/decisions/0019).
 */
enum sim_signing sim_oracle_signed(struct sim_world *world, unsigned host, const struct tr_log_id *log, uint64_t first, const uint8_t *sig);
/* Somebody else passes it on: its author had signed it, on a stick if not on a link. */
void sim_oracle_brought(struct sim_world *world, const struct tr_log_id *log, uint64_t first, const uint8_t *sig);

/* The same, from the record alone: what a naive fold says (check_fold.c). */
void sim_check_fold(struct sim_world *world, unsigned host, unsigned rec); /* 10 11 */
void sim_check_rows(struct sim_world *world, unsigned host, unsigned rec); /* 11: sets, lists, counts */
void sim_check_refold(struct sim_world *world, unsigned host);             /* 7: folded again */
void sim_check_verify(struct sim_world *world, unsigned host);             /* no false alarm */

#endif
