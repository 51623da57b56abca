/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/attic.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/grow.h"
#include "proto/wire.h"
#include "replication/chain.h"

#define KEY_SIZE 28 /* of a row of REP_T_OPS: record id, handle, sequence */

struct sim_attic_op {
	struct tr_rec_id id;
	struct tr_log_id log;
	struct rep_cause cause; /* the dot's log is not of any host */
	struct tr_hash seg;     /* of the segment that it was in; 0: it waited for one */
	uint8_t *entry;
	size_t size;
};

static bool same(const struct tr_log_id *a, const struct tr_log_id *b)
{
	return a->author.v == b->author.v && a->inc == b->inc && a->scope.v == b->scope.v && a->lane == b->lane;
}

static bool is_of(const struct sim_attic_op *op, const struct tr_hash *seg)
{
	static const struct tr_hash none;

	return memcmp(&op->seg, &none, sizeof(none)) == 0 || memcmp(&op->seg, seg, sizeof(*seg)) == 0;
}

static bool knows(const struct sim_oracle *o, const struct tr_rec_id *id, const struct tr_log_id *log,
    const struct rep_cause *cause, const struct tr_hash *seg)
{
	for (size_t i = 0; i < o->attic_count; i++)
		if (o->attic[i].cause.dot.seq == cause->dot.seq && same(&o->attic[i].log, log) &&
		    o->attic[i].cause.hlc.v == cause->hlc.v && memcmp(&o->attic[i].id, id, sizeof(*id)) == 0 &&
		    is_of(&o->attic[i], seg))
			return true;
	return false;
}

/* The op behind a row that is about to go, if it is one that can be read. */
static void keep(struct sim_world *world, unsigned host, struct tr_bytes key)
{
	static uint8_t buffer[TR_OP_BYTES_MAX + TR_SEG_BYTES_MAX];
	static struct rep_op op;
	struct sim_host *h = &world->host[host];
	struct sim_oracle *o = world->oracle;
	struct rep_ops_cursor cursor = {.started = true};
	struct rep_chain_row row = {0};
	struct rep_log_info log;
	struct sim_attic_op *more;
	struct tr_rec_id id;
	struct rep_cause cause;
	uint32_t serial;
	size_t size;

	if (h->node == NULL || key.size != KEY_SIZE)
		return;
	memcpy(id.b, key.data, sizeof(id.b));
	memcpy(cursor.key, key.data, KEY_SIZE);
	wire_put_be64(cursor.key + 20, wire_get_be64(key.data + 20) - 1);
	if (rep_record_op(h->node, &h->view, &id, &cursor, &op, &cause, &serial) != 0 ||
	    memcmp(cursor.key, key.data, KEY_SIZE) != 0 || !rep_log_of(h->node, cause.dot.log, &log))
		return;
	if (cause.dot.seq <= log.seq && rep_chain_find(&h->view, log.handle, cause.dot.seq, &row) != 0)
		return;
	if (knows(o, &id, &log.id, &cause, &row.hash))
		return;
	size = rep_op_encode(&op, buffer, sizeof(buffer));
	more = tr_grow(o->attic, o->attic_count, &o->attic_cap, sizeof(*more));
	TR_ASSERT(size > 0 && more != NULL);
	o->attic = more;
	more = &o->attic[o->attic_count++];
	*more = (struct sim_attic_op){.id = id, .log = log.id, .cause = cause, .seg = row.hash, .size = size};
	more->cause.seen = NULL;
	more->cause.seen_count = 0;
	more->cause.path = (struct tr_bytes){NULL, 0};
	more->entry = malloc(size);
	TR_ASSERT(more->entry != NULL);
	memcpy(more->entry, buffer, size);
}

void sim_attic_free(struct sim_oracle *o)
{
	for (size_t i = 0; i < o->attic_count; i++)
		free(o->attic[i].entry);
	free(o->attic);
}

/* The row that has it below its low; false: it was not dropped there.  A machine that was put back may
 * have written something else at its place. */
static bool is_dropped(struct sim_world *world, unsigned host, const struct sim_attic_op *op, uint32_t *handle)
{
	struct rep_chain_row row;
	struct rep_log_info log;

	for (size_t i = 0; rep_inspect_log(world->host[host].node, &i, &log);)
		if (same(&log.id, &op->log) && op->cause.dot.seq > log.fork && op->cause.dot.seq <= log.low &&
		    rep_chain_find(&world->host[host].view, log.handle, op->cause.dot.seq, &row) == 0 && is_of(op, &row.hash)) {
			*handle = log.handle;
			return true;
		}
	return false;
}

void sim_attic_ops(struct sim_world *world, unsigned host, const struct tr_rec_id *id,
    void (*fn)(void *arg, const struct tr_log_id *log, const struct rep_op *op, const struct rep_cause *cause), void *arg)
{
	struct sim_oracle *o = world->oracle;
	static struct rep_op op;

	for (size_t i = 0; i < o->attic_count; i++) {
		struct rep_cause cause = o->attic[i].cause;
		uint8_t key[KEY_SIZE];
		struct tr_bytes row;

		if (memcmp(&o->attic[i].id, id, sizeof(*id)) != 0 || !is_dropped(world, host, &o->attic[i], &cause.dot.log))
			continue;
		memcpy(key, id->b, sizeof(id->b));
		wire_put_be32(key + 16, cause.dot.log);
		wire_put_be64(key + 20, cause.dot.seq);
		if (rep_get(&world->host[host].view, REP_T_OPS, (struct tr_bytes){key, sizeof(key)}, &row) == 0)
			continue; /* still listed */
		TR_ASSERT(rep_op_decode(&op, (struct tr_bytes){o->attic[i].entry, o->attic[i].size}) == 0);
		fn(arg, &o->attic[i].log, &op, &cause);
	}
}

/* ---------------------------------------------------------------------- view */

static int get(void *ctx, enum rep_table table, struct tr_bytes key, struct tr_bytes *value)
{
	struct sim_host *h = ctx;

	return rep_get(&h->view, table, key, value);
}

static int seek(void *ctx, enum rep_table table, struct tr_bytes from, bool after, struct tr_bytes *key,
    struct tr_bytes *value)
{
	struct sim_host *h = ctx;

	return rep_seek(&h->view, table, from, after, key, value);
}

static int seek_before(void *ctx, enum rep_table table, struct tr_bytes before, struct tr_bytes *key,
    struct tr_bytes *value)
{
	struct sim_host *h = ctx;

	return rep_seek_before(&h->view, table, before, key, value);
}

static int put(void *ctx, enum rep_table table, struct tr_bytes key, struct tr_bytes value)
{
	struct sim_host *h = ctx;

	return rep_put(&h->view, table, key, value);
}

static int del(void *ctx, enum rep_table table, struct tr_bytes key)
{
	struct sim_host *h = ctx;

	if (table == REP_T_OPS)
		keep(h->world, (unsigned)(h - h->world->host), key);
	return rep_del(&h->view, table, key);
}

struct rep_view sim_attic_view(struct sim_world *world, unsigned host)
{
	static const struct rep_view_ops ops = {get, seek, seek_before, put, del};

	world->host[host].world = world;
	return (struct rep_view){&ops, &world->host[host]};
}
