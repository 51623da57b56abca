/* SPDX-License-Identifier: Apache-2.0 */
/*
 * topnode -- a top node in memory with fixed keys and clock, for tests that
 * need real units and records without a daemon.
 */
#ifndef TESTS_UNIT_TOPNODE_H
#define TESTS_UNIT_TOPNODE_H

#include <sodium.h>

#include "proto/err.h"
#include "replication/rep.h"
#include "tests/lib/memview.h"
#include "tests/unit/unit.h"

#define TOPNODE_WALL_MS INT64_C(1795384520000) /* 2026-11-22T21:55:20Z */

struct topnode {
	struct memview *store;
	struct rep_view view;
	struct rep_node *node;
	struct rep_batch *batch;
	struct tr_wall_ms wall;
	struct tr_mono_ms mono;
};

static inline void topnode_found(struct topnode *top, struct rep_conf *conf)
{
	struct rep_sign_keys keys[2];
	struct rep_root root = {.zone = 9, .version = 1, .key_count = 3, .threshold = 2};
	struct rep_cert cert = {.nid = {0x1122334455667788}, .zone = 9, .serial = 1,
	    .issuer_serial = 1, .caps = rep_caps_default(0), .alg = 1, .unit = "110101", .title = "top"};
	uint8_t root_raw[512], cert_raw[TR_CERT_BYTES_MAX], seed[32] = {0}, sk[64];
	const uint8_t index[2] = {0, 1};
	struct tr_bytes chain = {cert_raw, 0};
	struct tr_bytes encoded = {root_raw, 0};

	for (uint8_t i = 0; i < 3; i++) {
		seed[0] = (uint8_t)(i + 1);
		crypto_sign_seed_keypair(root.key[i].b, sk, seed);
		if (i < 2) {
			keys[i].pk = root.key[i];
			memcpy(keys[i].sk, sk, sizeof(sk));
		}
	}
	seed[0] = 9;
	crypto_sign_seed_keypair(conf->keys.pk.b, conf->keys.sk, seed);
	cert.sign_pk = conf->keys.pk;
	seed[0] = 10;
	crypto_scalarmult_base(cert.curve_pk.b, seed);
	seed[0] = 11;
	crypto_scalarmult_base(cert.seal_pk.b, seed);
	cert.issued.v = (uint64_t)TOPNODE_WALL_MS << 16;
	encoded.size = rep_root_encode(&root, root_raw, sizeof(root_raw));
	rep_root_hash(encoded, &conf->root_hash);
	chain.size = rep_cert_issue_by_root(&cert, keys, index, 2, cert_raw, sizeof(cert_raw));
	assert_true(chain.size > 0);
	assert_int_equal(rep_found(&top->view, encoded, &chain, 1, &conf->root_hash, seed, top->wall), 0);
}

static inline void topnode_init(struct topnode *top)
{
	struct rep_conf conf = {.profile = TR_PROFILE_FIBRE, .version = "test"};

	memset(top, 0, sizeof(*top));
	top->wall.ms = TOPNODE_WALL_MS;
	top->store = memview_create();
	top->view = memview_view(top->store);
	conf.wall = top->wall;
	topnode_found(top, &conf);
	assert_int_equal(rep_create(&top->node, &conf, &top->view), 0);
	top->batch = rep_batch_create();
	assert_non_null(top->batch);
}

static inline void topnode_fini(struct topnode *top)
{
	rep_batch_free(top->batch);
	rep_free(top->node);
	memview_free(top->store);
}

/* One write, committed; the core's answer. */
static inline struct rep_reply topnode_write(struct topnode *top, const struct rep_write *write)
{
	struct rep_event event = {.kind = REP_EV_WRITE, .write = write};
	struct rep_reply reply = {.rc = TR_E_INTERNAL};
	const struct rep_effect *effect;

	top->wall.ms += 1000;
	top->mono.ms += 1000;
	event.wall = top->wall;
	event.mono = top->mono;
	assert_int_equal(rep_step(top->node, &top->view, &event, top->batch), 0);
	assert_int_equal(rep_flush(top->node, &top->view, top->wall, top->mono, top->batch), 0);
	rep_committed(top->node, top->batch);
	while ((effect = rep_batch_next(top->batch)) != NULL)
		if (effect->kind == REP_FX_REPLY)
			reply = effect->reply;
	rep_batch_reset(top->batch);
	return reply;
}

#endif
