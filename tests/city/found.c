/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree is built: the top node, then level by level each child by invitation
 * and enrolment.  The frames of an enrolment are handed over here; everything
 * that follows (certificates, registration) takes its way over the links.
 */
#include "tests/city/city.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "proto/err.h"
#include "proto/wire.h"

#define LEVEL_MS (6 * CITY_HOUR) /* until all of a level are registered */
#define INVITE_TICKET (~(uint64_t)0)

struct city_joining {
	uint32_t host;
	bool invited, answered;
	struct tr_key seal;
	uint8_t token_id[TR_TOKEN_ID_SIZE], secret[TR_TOKEN_SECRET_SIZE];
	uint8_t mac_key[32];
	struct tr_key user;
};

static void make_keys(struct city *c, struct city_host *h)
{
	uint8_t seed[32], sk[32];

	sim_rng_bytes(&c->rng, seed, sizeof(seed));
	crypto_sign_seed_keypair(h->sign.pk.b, h->sign.sk, seed);
	sim_rng_bytes(&c->rng, sk, sizeof(sk));
	crypto_scalarmult_base(h->curve.b, sk);
}

static void found_store(struct city *c, uint32_t host, struct tr_bytes root, const struct tr_bytes *chain, size_t count)
{
	struct city_host *h = &c->host[host];
	uint8_t seed[32];
	int rc;

	h->store = city_store_create();
	h->view = city_store_view(h->store);
	sim_rng_bytes(&c->rng, seed, sizeof(seed));
	rc = rep_found(&h->view, root, chain, count, &c->root_hash, seed, (struct tr_wall_ms){city_wall(c)});
	if (rc != 0)
		city_fail(c, "%s: rep_found: %s", h->code, tr_err_code(rc));
	if (!rep_map_add(&c->by_nid, h->nid.v, host))
		city_fail(c, "no memory");
	city_host_boot(c, host);
	city_store_watch(h->store, city_watch_put, h);
}

static void found_top(struct city *c)
{
	struct city_host *h = &c->host[0];
	struct rep_sign_keys keys[3];
	struct rep_root root = {.version = 1, .key_count = 3, .threshold = 2};
	struct rep_cert cert;
	const uint8_t index[2] = {0, 1};
	uint8_t bytes[TR_CERT_BYTES_MAX], root_bytes[TR_ROOT_BYTES_MAX], seed[32];
	struct tr_bytes chain = {bytes, 0}, r = {root_bytes, 0};

	make_keys(c, h);
	root.zone = sim_rng_next(&c->rng);
	for (unsigned i = 0; i < 3; i++) {
		sim_rng_bytes(&c->rng, seed, sizeof(seed));
		crypto_sign_seed_keypair(keys[i].pk.b, keys[i].sk, seed);
		root.key[i] = keys[i].pk;
	}
	r.size = rep_root_encode(&root, root_bytes, sizeof(root_bytes));
	TR_ASSERT(r.size != 0);
	rep_root_hash(r, &c->root_hash);
	h->nid.v = sim_rng_next(&c->rng);
	cert = (struct rep_cert){
	    .nid = h->nid, .zone = root.zone, .serial = 1, .issuer_serial = 1,
	    .sign_pk = h->sign.pk, .curve_pk = h->curve, .seal_pk = h->curve,
	    .caps = rep_caps_default(0), .alg = 1, .issued = {(uint64_t)city_wall(c) << 16}};
	memcpy(cert.unit, h->code, sizeof(h->code));
	memcpy(cert.title, h->title, sizeof(cert.title));
	chain.size = rep_cert_issue_by_root(&cert, keys, index, 2, bytes, sizeof(bytes));
	TR_ASSERT(chain.size != 0);
	found_store(c, 0, r, &chain, 1);
}

static void invite(struct city *c, struct city_joining *j)
{
	struct city_host *h = &c->host[j->host];
	struct rep_invite inv = {
	    .ticket = INVITE_TICKET,
	    .caps = rep_caps_default(h->level == CITY_LEAF ? 2 : 1),
	    .expires_ms = city_wall(c) + CITY_DAY,
	};
	struct rep_event event = {.kind = REP_EV_INVITE, .invite = &inv};

	memcpy(inv.code, h->code, sizeof(inv.code));
	memcpy(inv.title, h->title, sizeof(inv.title));
	memcpy(inv.token_id, j->token_id, sizeof(inv.token_id));
	memcpy(inv.secret, j->secret, sizeof(inv.secret));
	city_host_step(c, h->parent, &event);
	city_host_commit(c, h->parent);
}

void city_found_reply(struct city *c, const struct rep_reply *reply)
{
	struct city_joining *j = c->joining;

	if (reply->rc != 0 || reply->ticket != INVITE_TICKET)
		city_fail(c, "%s: invite: %s", c->host[j->host].code, tr_err_code(reply->rc));
	c->host[j->host].nid = reply->unit;
	j->invited = true;
}

/* The joining machine's one frame: its keys, proved by the token. */
static size_t enroll_frame(const struct city_host *h, const struct city_joining *j, uint8_t *frame, size_t cap)
{
	Terrace__CertReq req = TERRACE__CERT_REQ__INIT;
	Terrace__Enroll enroll = TERRACE__ENROLL__INIT;
	Terrace__Msg msg = TERRACE__MSG__INIT;
	uint8_t want[TR_CERT_REQ_BYTES_MAX], sig[64], mac[32], id[TR_TOKEN_ID_SIZE];
	struct tr_key pk = h->sign.pk, curve = h->curve;
	struct tr_bytes token = {j->token_id, sizeof(j->token_id)}, w = {want, 0};

	req.sign_pk = (ProtobufCBinaryData){32, pk.b};
	req.curve_pk = (ProtobufCBinaryData){32, curve.b};
	req.seal_pk = (ProtobufCBinaryData){32, curve.b};
	TR_ASSERT(terrace__cert_req__get_packed_size(&req) <= sizeof(want));
	w.size = terrace__cert_req__pack(&req, want);
	rep_enroll_sign(token, w, &h->sign, sig);
	rep_enroll_mac(j->mac_key, token, w, (struct tr_bytes){sig, 64}, mac);
	memcpy(id, j->token_id, sizeof(id));
	enroll.token_id = (ProtobufCBinaryData){sizeof(id), id};
	enroll.want = (ProtobufCBinaryData){w.size, want};
	enroll.self_sig = (ProtobufCBinaryData){64, sig};
	enroll.mac = (ProtobufCBinaryData){32, mac};
	msg.session = 0x454e524f;
	msg.n = 1;
	msg.m_case = TERRACE__MSG__M_ENROLL;
	msg.enroll = &enroll;
	TR_ASSERT(wire_msg_size(&msg) <= cap);
	return wire_msg_encode(&msg, frame);
}

void city_found_answer(struct city *c, struct tr_bytes frame)
{
	struct wire_arena *arena = wire_arena_create();
	struct tr_bytes chain[TR_CHAIN_MAX];
	const Terrace__EnrollOk *ok;
	Terrace__Msg *msg;

	TR_ASSERT(arena != NULL);
	if (wire_msg_decode(arena, frame, &msg) == 0 && msg->m_case == TERRACE__MSG__M_ENROLLOK) {
		ok = msg->enrollok;
		TR_ASSERT(ok->n_chain <= TR_CHAIN_MAX);
		for (size_t i = 0; i < ok->n_chain; i++)
			chain[i] = (struct tr_bytes){ok->chain[i].data, ok->chain[i].len};
		if (ok->error.len != 0)
			city_fail(c, "%s: enrolment refused", c->host[c->joining->host].code);
		found_store(c, c->joining->host, (struct tr_bytes){ok->root.data, ok->root.len}, chain, ok->n_chain);
		c->joining->answered = true;
	}
	wire_arena_free(arena);
}

static void join(struct city *c, uint32_t host)
{
	struct city_host *h = &c->host[host];
	struct city_joining *j = c->joining;
	struct rep_event event = {.kind = REP_EV_LINK_UP, .link = CITY_ENROL_LINK};
	uint8_t frame[1024], sk[32];

	*j = (struct city_joining){.host = host};
	make_keys(c, h);
	sim_rng_bytes(&c->rng, j->token_id, sizeof(j->token_id));
	sim_rng_bytes(&c->rng, j->secret, sizeof(j->secret));
	rep_token_derive(j->secret, j->user.b, sk, j->mac_key);
	invite(c, j);
	event.user = j->user;
	city_host_step(c, h->parent, &event);
	event.kind = REP_EV_FRAME;
	event.frame = (struct tr_bytes){frame, enroll_frame(h, j, frame, sizeof(frame))};
	city_host_step(c, h->parent, &event);
	city_host_commit(c, h->parent);
	if (!j->invited || !j->answered)
		city_fail(c, "%s: no answer to ENROLL", h->code);
	event = (struct rep_event){.kind = REP_EV_LINK_DOWN, .link = CITY_ENROL_LINK, .down = REP_DOWN_CLOSED};
	city_host_step(c, h->parent, &event);
	city_host_commit(c, h->parent);
}

static bool are_registered(const struct city *c, uint32_t first, uint32_t end)
{
	for (uint32_t i = first; i < end; i++) {
		struct rep_self self;

		if (c->host[i].profile == CITY_STICK)
			continue;
		rep_inspect_self(c->host[i].node, &self);
		if (!self.cert.registered)
			return false;
	}
	return true;
}

static void choose_link(struct city *c, struct city_host *h)
{
	unsigned dice = (unsigned)sim_rng_below(&c->rng, 100);
	int64_t usual;

	if (h->level == CITY_LEAF)
		h->profile = dice < 80 ? CITY_FIBRE : dice < 97 ? CITY_2G : CITY_STICK;
	usual = h->profile == CITY_2G ? 450 : 8;
	h->link.latency_ms = usual / 2 + sim_rng_between(&c->rng, 0, usual);
	h->link.held_tail = &h->link.held;
}

void city_found(struct city *c)
{
	c->joining = calloc(1, sizeof(*c->joining));
	TR_ASSERT(c->joining != NULL);
	found_top(c);
	for (uint32_t first = 1, end; first < c->host_count; first = end) {
		int64_t until;

		for (end = first; end < c->host_count && c->host[end].level == c->host[first].level; end++) {
			choose_link(c, &c->host[end]);
			join(c, end);
			city_run(c, c->now_ms + 200);
		}
		for (until = c->now_ms + LEVEL_MS; !are_registered(c, first, end); city_run(c, c->now_ms + 10000))
			if (c->now_ms > until)
				city_fail(c, "level %u is not registered", c->host[first].level);
	}
	for (uint32_t i = 1; i < c->host_count; i++)
		if (c->host[i].profile == CITY_STICK)
			city_stick_round(c, i);
	if (c->now_ms >= CITY_START_MS)
		city_fail(c, "building the tree takes more than a day");
	city_run(c, CITY_START_MS);
	free(c->joining);
	c->joining = NULL;
}
