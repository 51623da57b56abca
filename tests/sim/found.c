/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a federation begins: root keys, the top node, then every other node by
 * invitation and enrolment over the same links, parents first.
 */
#include "tests/sim/sim.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "proto/err.h"
#include "proto/wire.h"

#define FOUND_MS_MAX 600000

static void make_keys(struct sim_world *world, unsigned host)
{
	struct sim_host *h = &world->host[host];
	struct sim_rng rng = sim_rng_make(world->conf.seed, 0x6b65790000u + host);
	uint8_t seed[32], sk[32];

	sim_rng_bytes(&rng, seed, sizeof(seed));
	crypto_sign_seed_keypair(h->sign.pk.b, h->sign.sk, seed);
	sim_rng_bytes(&rng, sk, sizeof(sk));
	crypto_scalarmult_base(h->curve.b, sk);
	sim_rng_bytes(&rng, sk, sizeof(sk));
	crypto_scalarmult_base(h->seal.b, sk);
	sim_rng_bytes(&rng, h->token_id, sizeof(h->token_id));
	sim_rng_bytes(&rng, h->secret, sizeof(h->secret));
}

static void found_store(struct sim_world *world, unsigned host, struct tr_bytes root,
    const struct tr_bytes *chain, size_t count)
{
	struct sim_host *h = &world->host[host];
	uint8_t seed[32];
	int rc;

	sim_rng_bytes(&world->host_rng, seed, sizeof(seed));
	memview_begin(h->store);
	rc = rep_found(&h->view, root, chain, count, &world->root_hash, seed,
	    (struct tr_wall_ms){sim_host_wall(world, host)});
	if (rc != 0)
		sim_fail(world, host, "found", "rep_found: %s", tr_err_code(rc));
	memview_commit(h->store);
	h->is_founded = true;
	sim_host_boot(world, host);
}

static void found_top(struct sim_world *world)
{
	struct sim_host *h = &world->host[0];
	struct sim_rng rng = sim_rng_make(world->conf.seed, 0x726f6f74);
	struct rep_sign_keys keys[3];
	struct rep_root root = {.version = 1, .key_count = 3, .threshold = 2};
	struct rep_cert *top = &world->top_cert;
	const uint8_t index[2] = {0, 2};
	uint8_t cert[TR_CERT_BYTES_MAX], seed[32];
	struct tr_bytes chain = {cert, 0};

	root.zone = world->zone = sim_rng_next(&rng);
	for (unsigned i = 0; i < 3; i++) {
		sim_rng_bytes(&rng, seed, sizeof(seed));
		crypto_sign_seed_keypair(keys[i].pk.b, keys[i].sk, seed);
		root.key[i] = keys[i].pk;
	}
	world->root_size = rep_root_encode(&root, world->root, sizeof(world->root));
	TR_ASSERT(world->root_size != 0);
	rep_root_hash((struct tr_bytes){world->root, world->root_size}, &world->root_hash);
	h->nid.v = sim_rng_next(&rng);
	*top = (struct rep_cert){
	    .nid = h->nid, .zone = root.zone, .serial = 1, .issuer_serial = 1,
	    .sign_pk = h->sign.pk, .curve_pk = h->curve, .seal_pk = h->seal,
	    .caps = rep_caps_default(0), .alg = 1,
	    .issued = {(uint64_t)sim_host_wall(world, 0) << 16}};
	memcpy(top->unit, h->unit, sizeof(top->unit));
	memcpy(top->title, h->name, sizeof(h->name));
	keys[1] = keys[2];
	chain.size = rep_cert_issue_by_root(top, keys, index, 2, cert, sizeof(cert));
	TR_ASSERT(chain.size != 0);
	found_store(world, 0, (struct tr_bytes){world->root, world->root_size}, &chain, 1);
}

static void invite(struct sim_world *world, unsigned host)
{
	struct sim_host *h = &world->host[host];
	struct rep_invite inv = {
	    .ticket = (1ull << 40) + host,
	    .caps = h->caps,
	    .expires_ms = sim_host_wall(world, h->parent) + 24 * 3600000,
	};
	struct rep_event event = {.kind = REP_EV_INVITE, .invite = &inv};

	memcpy(inv.code, h->code, sizeof(inv.code));
	memcpy(inv.title, h->name, sizeof(h->name));
	memcpy(inv.token_id, h->token_id, sizeof(inv.token_id));
	memcpy(inv.secret, h->secret, sizeof(inv.secret));
	sim_host_step(world, h->parent, &event);
}

void sim_found_reply(struct sim_world *world, unsigned host, const struct rep_reply *reply)
{
	bool is_again = reply->ticket >= 1ull << 41;
	unsigned joining = (unsigned)(reply->ticket - (is_again ? 1ull << 41 : 1ull << 40));
	uint8_t pk[32], sk[32], mac[32];
	struct tr_key user;

	if (reply->ticket < 1ull << 40 || joining >= world->host_count)
		return;
	if (reply->rc != 0 && world->is_astray)
		return; /* the request was another one (sweep_event.c) */
	if (reply->rc != 0 && is_again)
		return; /* its parent cannot invite now: once more, later (act_seat.c) */
	if (reply->rc != 0)
		sim_fail(world, host, "found", "invite: %s", tr_err_code(reply->rc));
	world->host[joining].nid = reply->unit;
	rep_token_derive(world->host[joining].secret, pk, sk, mac);
	memcpy(user.b, pk, sizeof(user.b));
	sim_net_dial_enrol(world, joining, &user);
}

/* The joining machine's one frame: its keys, proved by the token. */
void sim_found_link_up(struct sim_world *world, unsigned host, uint64_t conn)
{
	struct sim_host *h = &world->host[host];
	Terrace__CertReq req = TERRACE__CERT_REQ__INIT;
	Terrace__Enroll enroll = TERRACE__ENROLL__INIT;
	Terrace__Msg msg = TERRACE__MSG__INIT;
	uint8_t want[256], sig[64], mac[32], pk[32], sk[32], mac_key[32], frame[1024];
	struct tr_bytes token = {h->token_id, sizeof(h->token_id)}, w = {want, 0};

	(void)conn;
	req.sign_pk = (ProtobufCBinaryData){32, h->sign.pk.b};
	req.curve_pk = (ProtobufCBinaryData){32, h->curve.b};
	req.seal_pk = (ProtobufCBinaryData){32, h->seal.b};
	req.title = (ProtobufCBinaryData){strlen(h->name), (uint8_t *)h->name};
	TR_ASSERT(terrace__cert_req__get_packed_size(&req) <= sizeof(want));
	w.size = terrace__cert_req__pack(&req, want);
	rep_token_derive(h->secret, pk, sk, mac_key);
	rep_enroll_sign(token, w, &h->sign, sig);
	rep_enroll_mac(mac_key, token, w, (struct tr_bytes){sig, 64}, mac);
	enroll.token_id = (ProtobufCBinaryData){sizeof(h->token_id), h->token_id};
	enroll.want = (ProtobufCBinaryData){w.size, want};
	enroll.self_sig = (ProtobufCBinaryData){64, sig};
	enroll.mac = (ProtobufCBinaryData){32, mac};
	msg.session = 0x454e524f;
	msg.n = 1;
	msg.m_case = TERRACE__MSG__M_ENROLL;
	msg.enroll = &enroll;
	TR_ASSERT(wire_msg_size(&msg) <= sizeof(frame));
	sim_net_send(world, host, REP_LINK_UP,
	    (struct tr_bytes){frame, wire_msg_encode(&msg, frame)});
}

/* One that joins again does so amid faults. */
static bool is_again(const struct sim_world *world, unsigned host)
{
	return world->host[host].restores != 0;
}

static bool read_answer(struct sim_world *world, unsigned host, struct wire_arena *arena, struct tr_bytes frame, Terrace__Msg **msg)
{
	Terrace__EnrollOk *ok;
	bool good = wire_msg_decode(arena, frame, msg) == 0 && (*msg)->m_case == TERRACE__MSG__M_ENROLLOK;

	if (!good && !is_again(world, host))
		sim_fail(world, host, "found", "the answer is not ENROLLOK");
	if (!good)
		return false;
	ok = (*msg)->enrollok;
	if (ok->error.len != 0)
		sim_log(world, host, "enrolment refused: %.*s", (int)ok->error.len, (char *)ok->error.data);
	if ((ok->error.len != 0 || ok->n_chain > TR_CHAIN_MAX || ok->mac.len != 32) && !is_again(world, host))
		sim_fail(world, host, "found", "refused: %.*s, chain of %zu", (int)ok->error.len, (char *)ok->error.data, ok->n_chain);
	return ok->error.len == 0 && ok->n_chain <= TR_CHAIN_MAX && ok->mac.len == 32;
}

void sim_found_answer(struct sim_world *world, unsigned host, struct tr_bytes frame)
{
	struct sim_host *h = &world->host[host];
	struct wire_arena *arena = wire_arena_create();
	struct tr_bytes chain[TR_CHAIN_MAX];
	uint8_t pk[32], sk[32], mac_key[32], mac[32];
	Terrace__EnrollOk *ok;
	Terrace__Msg *msg;

	TR_ASSERT(arena != NULL);
	if (h->is_founded || !read_answer(world, host, arena, frame, &msg)) {
		sim_net_close(world, host, REP_LINK_UP);
		wire_arena_free(arena);
		return;
	}
	ok = msg->enrollok;
	for (size_t i = 0; i < ok->n_chain; i++)
		chain[i] = (struct tr_bytes){ok->chain[i].data, ok->chain[i].len};
	rep_token_derive(h->secret, pk, sk, mac_key);
	rep_enrollok_mac(mac_key, chain, ok->n_chain,
	    (struct tr_bytes){ok->root.data, ok->root.len}, mac);
	if (memcmp(mac, ok->mac.data, 32) != 0 && !is_again(world, host))
		sim_fail(world, host, "found", "MAC of the answer is wrong");
	sim_net_close(world, host, REP_LINK_UP);
	if (memcmp(mac, ok->mac.data, 32) == 0)
		found_store(world, host, (struct tr_bytes){ok->root.data, ok->root.len}, chain, ok->n_chain);
	wire_arena_free(arena);
}

/* A unit below another may only be invited when its parent is registered. */
static bool is_registered(const struct sim_world *world, unsigned host)
{
	struct rep_self self;

	if (!sim_host_is_up(world, host))
		return false;
	rep_inspect_self(world->host[host].node, &self);
	return self.cert.registered;
}

static void wait_for(struct sim_world *world, unsigned host, bool registered)
{
	int64_t until = world->now_ms + FOUND_MS_MAX;

	while (registered ? !is_registered(world, host) : !sim_host_is_up(world, host)) {
		if (world->now_ms >= until)
			sim_fail(world, host, "found", "%s after %d s",
			    registered ? "not registered" : "not joined", FOUND_MS_MAX / 1000);
		sim_world_advance(world, 100);
	}
}

void sim_found_all(struct sim_world *world)
{
	for (unsigned i = 0; i < world->host_count; i++)
		make_keys(world, i);
	found_top(world);
	sim_world_advance(world, 100);
	for (unsigned i = 1; i < world->host_count; i++) {
		unsigned parent = world->host[i].parent;

		wait_for(world, parent, true);
		invite(world, i);
		wait_for(world, i, false);
	}
}
