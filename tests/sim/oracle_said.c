/* SPDX-License-Identifier: Apache-2.0 */
/* What nodes promised, counted and signed: nothing of it may be taken back. */
#include "tests/sim/oracle.h"

#include <stdlib.h>
#include <string.h>

#include "proto/err.h"

bool sim_same_log(const struct tr_log_id *a, const struct tr_log_id *b)
{
	return a->author.v == b->author.v && a->inc == b->inc && a->scope.v == b->scope.v && a->lane == b->lane;
}

void sim_oracle_promise(struct sim_world *world, unsigned host, const struct tr_log_id *log, uint64_t seq, bool receipt)
{
	struct sim_oracle *o = world->oracle;

	for (unsigned i = 0; i < o->promise_count; i++) {
		struct sim_promise *p = &o->promise[i];

		if (p->host == host && p->receipt == receipt && sim_same_log(&p->log, log)) {
			if (seq > p->seq)
				p->seq = seq;
			return;
		}
	}
	SIM_GROW(o->promise, o->promise_count, o->promise_cap);
	o->promise[o->promise_count++] = (struct sim_promise){host, *log, seq, receipt};
}

bool sim_oracle_count(struct sim_world *world, uint64_t owner, uint64_t scope, uint64_t ctr)
{
	struct sim_oracle *o = world->oracle;

	for (unsigned i = 0; i < o->counter_count; i++) {
		struct sim_counter *c = &o->counter[i];

		if (c->owner != owner || c->scope != scope)
			continue;
		if (ctr < c->ctr)
			return false;
		c->ctr = ctr;
		return true;
	}
	SIM_GROW(o->counter, o->counter_count, o->counter_cap);
	o->counter[o->counter_count++] = (struct sim_counter){owner, scope, ctr};
	return true;
}

static bool is_promised(const struct sim_oracle *o, unsigned author, const struct tr_log_id *log, uint64_t seq)
{
	for (unsigned i = 0; i < o->promise_count; i++) {
		const struct sim_promise *p = &o->promise[i];

		if (p->host != author && p->seq >= seq && sim_same_log(&p->log, log))
			return true;
	}
	return false;
}

static void note_signed(struct sim_oracle *o, const struct tr_log_id *log, uint64_t first, const uint8_t *sig, unsigned machine,
    unsigned restores)
{
	struct sim_signed *s;

	SIM_GROW(o->signed_, o->signed_count, o->signed_cap);
	s = &o->signed_[o->signed_count++];
	s->log = *log;
	s->first = first;
	s->machine = machine;
	s->restores = restores;
	memcpy(s->sig, sig, 64);
}

enum sim_signing sim_oracle_signed(struct sim_world *world, unsigned host, const struct tr_log_id *log, uint64_t first, const uint8_t *sig)
{
	const struct sim_host *h = &world->host[host];
	struct sim_oracle *o = world->oracle;
	bool good = true;

	for (unsigned i = o->signed_count; i-- > 0;) {
		const struct sim_signed *s = &o->signed_[i];

		if (s->first != first || !sim_same_log(&s->log, log))
			continue;
		if (memcmp(s->sig, sig, 64) == 0)
			return SIM_SIGNED_BEFORE;
		if (s->machine != host && h->twins != 0)
			continue;
		good &= s->restores < h->restores && (h->rollbacks != 0 || !is_promised(o, host, log, first));
	}
	note_signed(o, log, first, sig, host, h->restores);
	return good ? SIM_SIGNED_FIRST : SIM_SIGNED_TWICE;
}

void sim_oracle_brought(struct sim_world *world, const struct tr_log_id *log, uint64_t first, const uint8_t *sig)
{
	struct sim_oracle *o = world->oracle;

	for (unsigned i = o->signed_count; i-- > 0;)
		if (o->signed_[i].first == first && sim_same_log(&o->signed_[i].log, log) &&
		    memcmp(o->signed_[i].sig, sig, 64) == 0)
			return;
	note_signed(o, log, first, sig, SIM_NONE, 0);
}
