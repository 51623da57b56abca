/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/oracle/place.h"

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "proto/err.h"
#include "proto/wire.h"
#include "replication/keys.h"

#define WALL ((int64_t)1790000000000)
#define ZONE 77
#define ROUNDS_MAX 10000

const int place_parent[PLACE_NODES] = {-1, 0, 0, 1, 1, 2};
static const char *const units[PLACE_NODES] = {"9", "9/1", "9/2", "9/1/3", "9/1/4", "9/2/5"};
static const uint8_t levels[PLACE_NODES] = {0, 1, 1, 2, 2, 2};

static void push(struct place_frames *f, struct tr_bytes bytes)
{
	if (f->count == f->cap) {
		f->cap = f->cap != 0 ? f->cap * 2 : 16;
		f->data = realloc(f->data, f->cap * sizeof(*f->data));
		f->size = realloc(f->size, f->cap * sizeof(*f->size));
		TR_ASSERT(f->data != NULL);
		TR_ASSERT(f->size != NULL);
	}
	f->data[f->count] = malloc(bytes.size + 1);
	TR_ASSERT(f->data[f->count] != NULL);
	memcpy(f->data[f->count], bytes.data, bytes.size);
	f->size[f->count++] = bytes.size;
}

void place_frames_free(struct place_frames *f)
{
	for (size_t i = 0; i < f->count; i++)
		free(f->data[i]);
	free(f->data);
	free(f->size);
	*f = (struct place_frames){0};
}

/* ---- founding ---- */

static void seed_of(uint8_t seed[32], uint8_t what, unsigned i)
{
	memset(seed, (int)(what + i), 32);
}

static void make_keys(struct place_node *n, unsigned i)
{
	uint8_t seed[32];

	seed_of(seed, 0x40, i);
	crypto_sign_seed_keypair(n->sign.pk.b, n->sign.sk, seed);
	seed_of(seed, 0x60, i);
	crypto_scalarmult_base(n->curve.b, seed);
	n->nid.v = 1000 + i;
	n->cert = (struct rep_cert){.nid = n->nid, .zone = ZONE, .level = levels[i], .serial = 1, .issuer_serial = 1,
	    .sign_pk = n->sign.pk, .curve_pk = n->curve, .seal_pk = n->curve, .caps = rep_caps_default(levels[i]),
	    .alg = 1, .issued = {(uint64_t)WALL << 16}};
	memcpy(n->cert.unit, units[i], strlen(units[i]));
	memcpy(n->cert.title, "A place", 7);
}

/* The certificate of each; countersigned by the top node. */
static void certify(struct place *p, unsigned i, const struct rep_sign_keys *root)
{
	static const uint8_t index[2] = {0, 1};
	struct place_node *n = &p->n[i], *top = &p->n[0];
	uint8_t plain[TR_CERT_BYTES_MAX];

	if (i == 0) {
		n->size = rep_cert_issue_by_root(&n->cert, root, index, 2, n->bytes, sizeof(n->bytes));
	} else {
		n->cert.parent = n->cert.issuer = p->n[place_parent[i]].nid;
		n->size = rep_cert_issue(&n->cert, &p->n[place_parent[i]].sign, plain, sizeof(plain));
		n->size = rep_cert_countersign((struct tr_bytes){plain, n->size}, &top->sign, top->cert.serial, n->bytes,
		    sizeof(n->bytes));
	}
	TR_ASSERT(n->size != 0);
}

static bool is_below(unsigned i, unsigned above)
{
	for (int up = place_parent[i]; up >= 0; up = place_parent[up])
		if ((unsigned)up == above)
			return true;
	return false;
}

/* The rows of a unit that joined (unit.c: version, parent, caps, length of the code, code, title). */
static void know(struct place_node *at, const struct place_node *n)
{
	uint8_t row[14 + TR_UNIT_PATH_MAX + TR_TITLE_MAX] = {1};
	size_t code = strlen(n->cert.unit), title = strlen(n->cert.title);
	struct rep_key cert = rep_key_cert(n->nid, n->cert.serial), unit = rep_key_nid(n->nid);
	int rc;

	wire_put_be64(row + 1, n->cert.parent.v);
	wire_put_be32(row + 9, n->cert.caps);
	row[13] = (uint8_t)code;
	memcpy(row + 14, n->cert.unit, code);
	memcpy(row + 14 + code, n->cert.title, title);
	rc = rep_put(&at->view, REP_T_CERT, rep_key_bytes(&cert), (struct tr_bytes){n->bytes, n->size});
	TR_ASSERT(rc == 0);
	rc = rep_put(&at->view, REP_T_UNIT, rep_key_bytes(&unit), (struct tr_bytes){row, 14 + code + title});
	TR_ASSERT(rc == 0);
}

static void boot(struct place *p, unsigned i, bool first)
{
	struct place_node *n = &p->n[i];
	struct rep_conf conf = {.keys = n->sign, .profile = TR_PROFILE_FIBRE, .version = "oracle",
	    .root_hash = p->root_hash, .is_fenced = true, .fence = first ? NULL : &n->fence,
	    .wall = {p->wall_ms + n->skew_ms}, .mono = {p->mono_ms}};
	int rc;

	n->view = memview_view(n->mv);
	seed_of(conf.seed, 0x80, p->lives++);
	rc = rep_create(&n->node, &conf, &n->view);
	TR_ASSERT(rc == 0);
	rep_fence(n->node, &n->fence);
}

static void found(struct place *p, unsigned i, struct tr_bytes root)
{
	struct place_node *n = &p->n[i];
	struct tr_bytes chain[3];
	uint8_t seed[32];
	int rc;

	for (unsigned at = i, left = levels[i] + 1u; left > 0; left--) {
		chain[left - 1] = (struct tr_bytes){p->n[at].bytes, p->n[at].size};
		at = left > 1 ? (unsigned)place_parent[at] : 0;
	}
	n->mv = memview_create();
	n->view = memview_view(n->mv);
	n->batch = rep_batch_create();
	TR_ASSERT(n->batch != NULL);
	rep_root_hash(root, &p->root_hash);
	seed_of(seed, 0x80, i);
	rc = rep_found(&n->view, root, chain, levels[i] + 1u, &p->root_hash, seed, (struct tr_wall_ms){p->wall_ms});
	TR_ASSERT(rc == 0);
	for (unsigned k = 0; k < PLACE_NODES; k++)
		if (is_below(k, i))
			know(n, &p->n[k]);
	boot(p, i, true);
}

void place_begin(struct place *p)
{
	struct rep_root root = {.zone = ZONE, .version = 1, .key_count = 3, .threshold = 2};
	struct rep_sign_keys keys[3];
	uint8_t bytes[TR_ROOT_BYTES_MAX], seed[32];
	size_t size;
	int rc = sodium_init();

	TR_ASSERT(rc >= 0);
	memset(p, 0, sizeof(*p));
	p->wall_ms = WALL;
	p->mono_ms = 1000000;
	for (unsigned i = 0; i < 3; i++) {
		seed_of(seed, 0x20, i);
		crypto_sign_seed_keypair(keys[i].pk.b, keys[i].sk, seed);
		root.key[i] = keys[i].pk;
	}
	size = rep_root_encode(&root, bytes, sizeof(bytes));
	for (unsigned i = 0; i < PLACE_NODES; i++) {
		make_keys(&p->n[i], i);
		certify(p, i, keys);
	}
	for (unsigned i = 0; i < PLACE_NODES; i++)
		found(p, i, (struct tr_bytes){bytes, size});
}

void place_end(struct place *p)
{
	for (unsigned i = 0; i < PLACE_NODES; i++) {
		rep_free(p->n[i].node);
		rep_batch_free(p->n[i].batch);
		memview_free(p->n[i].mv);
		memview_free(p->n[i].backup);
		for (unsigned k = 0; k < PLACE_NODES; k++)
			place_frames_free(&p->n[i].out[k]);
	}
}

/* ---- steps ---- */

static unsigned neighbour(unsigned at, uint32_t link)
{
	return link == REP_LINK_UP ? (unsigned)place_parent[at] : link - 1;
}

/* What an honest tree never says. */
static bool is_bad(int code)
{
	return code == REP_TRACE_FRAME_BAD || code == REP_TRACE_SEG_FORGED || code == REP_TRACE_SEG_SCOPE ||
	       code == REP_TRACE_FORK || code == REP_TRACE_FORK_LIMIT || code == REP_TRACE_OP_VIOLATION || code == REP_TRACE_CERT_BAD ||
	       code == REP_TRACE_HEAD_BAD || code == REP_TRACE_RECEIPT_BAD || code == REP_TRACE_SESSION_GAP;
}

static void effects(struct place *p, unsigned at)
{
	struct place_node *n = &p->n[at];
	const struct rep_effect *fx;

	rep_committed(n->node, n->batch);
	while ((fx = rep_batch_next(n->batch)) != NULL) {
		if (fx->kind == REP_FX_SEND)
			push(&n->out[neighbour(at, fx->link)], fx->bytes);
		if (fx->kind == REP_FX_DIAL)
			n->dials = true;
		if (fx->kind == REP_FX_REPLY)
			n->reply = fx->reply;
		if (fx->kind == REP_FX_BUNDLE && n->bundle != NULL)
			push(n->bundle, fx->bytes);
		if (fx->kind == REP_FX_TRACE)
			n->bad += is_bad(fx->trace.code) && !(p->has_forks && fx->trace.code == REP_TRACE_FORK);
	}
	rep_batch_reset(n->batch);
	rep_fence(n->node, &n->fence);
}

void place_step(struct place *p, unsigned at, struct rep_event *event)
{
	struct place_node *n = &p->n[at];
	int rc;

	event->wall.ms = p->wall_ms + n->skew_ms;
	event->mono.ms = p->mono_ms;
	rc = rep_step(n->node, &n->view, event, n->batch);
	TR_ASSERT(rc == 0);
	rc = rep_flush(n->node, &n->view, event->wall, event->mono, n->batch);
	TR_ASSERT(rc == 0);
	effects(p, at);
	rep_check(n->node, &n->view);
}

void place_wait(struct place *p, int64_t ms)
{
	struct rep_event tick = {.kind = REP_EV_TICK};

	p->wall_ms += ms;
	p->mono_ms += ms;
	for (unsigned i = 0; i < PLACE_NODES; i++)
		place_step(p, i, &tick);
}

void place_backup(struct place *p, unsigned at, bool with_open)
{
	struct rep_event event = {.kind = REP_EV_CLOSE};

	if (!with_open)
		place_step(p, at, &event);
	memview_free(p->n[at].backup);
	p->n[at].backup = memview_clone(p->n[at].mv);
	p->n[at].backup_fence = p->n[at].fence;
}

void place_restore(struct place *p, unsigned at, bool unnoticed)
{
	struct place_node *n = &p->n[at];

	if (n->backup == NULL)
		return;
	rep_free(n->node);
	memview_free(n->mv);
	n->mv = memview_clone(n->backup);
	n->dials = false;
	if (unnoticed) {
		n->fence = n->backup_fence;
		p->has_forks = true;
	}
	boot(p, at, false);
	place_wait(p, 0); /* it goes on from there */
}

void place_swap(struct place *p, unsigned at)
{
	struct place_node *n = &p->n[at];
	struct memview *other = n->backup, *mine;
	struct rep_fence fence = n->backup_fence, my_fence;

	if (other == NULL)
		return;
	n->backup = NULL;
	place_backup(p, at, false);
	mine = n->backup;
	my_fence = n->backup_fence;
	n->backup = other;
	n->backup_fence = fence;
	place_restore(p, at, true);
	memview_free(other);
	n->backup = mine;
	n->backup_fence = my_fence;
}

/* ---- exchange ---- */

static bool pass(struct place *p, unsigned from, unsigned to)
{
	struct place_frames frames = p->n[from].out[to];
	struct rep_event event = {.kind = REP_EV_FRAME};

	if (frames.count == 0)
		return false;
	p->n[from].out[to] = (struct place_frames){0};
	event.link = place_parent[to] == (int)from ? REP_LINK_UP : from + 1;
	for (size_t i = 0; i < frames.count; i++) {
		event.frame = (struct tr_bytes){frames.data[i], frames.size[i]};
		place_step(p, to, &event);
	}
	place_frames_free(&frames);
	return true;
}

void place_sync(struct place *p, unsigned child)
{
	unsigned parent = (unsigned)place_parent[child];
	struct rep_event retry = {.kind = REP_EV_PAUSE, .pause = REP_RETRY, .peer = p->n[parent].nid};
	struct rep_event up = {.kind = REP_EV_LINK_UP}, down = {.kind = REP_EV_LINK_DOWN, .down = REP_DOWN_CLOSED};

	p->n[child].dials = false;
	place_step(p, child, &retry);
	for (unsigned i = 0; !p->n[child].dials; i++) {
		TR_ASSERT(i < 60);
		place_wait(p, 10000);
	}
	p->n[child].dials = false;
	up.link = child + 1;
	up.user = p->n[child].curve;
	place_step(p, parent, &up);
	up.link = REP_LINK_UP;
	place_step(p, child, &up);
	/* Quiet twice with seconds between: what waits for a moment comes, too. */
	for (unsigned quiet = 0, round = 0; quiet < 4; round++) {
		bool any = pass(p, child, parent);

		TR_ASSERT(round < ROUNDS_MAX);
		any = pass(p, parent, child) || any;
		quiet = any ? 0 : quiet + 1;
		if (!any)
			place_wait(p, 1000);
	}
	down.link = child + 1;
	place_step(p, parent, &down);
	down.link = REP_LINK_UP;
	place_step(p, child, &down);
	/* What they still said went into a closed connection. */
	place_frames_free(&p->n[child].out[parent]);
	place_frames_free(&p->n[parent].out[child]);
}

static int emit(void *ctx, struct tr_bytes msg)
{
	push(ctx, msg);
	return 0;
}

void place_stick_write(struct place *p, unsigned from, unsigned to, struct place_frames *out)
{
	struct place_node *n = &p->n[from];
	struct rep_view view = memview_read_view(n->mv);
	struct rep_event event = {.kind = REP_EV_CLOSE};
	int rc;

	place_step(p, from, &event);
	rc = rep_bundle_export(n->node, &view, p->n[to].nid, (struct tr_wall_ms){p->wall_ms + n->skew_ms}, emit, out);
	TR_ASSERT(rc == 0);
}

void place_stick_read(struct place *p, unsigned at, unsigned from, const struct place_frames *stick,
    struct place_frames *answer)
{
	struct rep_event event = {.kind = REP_EV_BUNDLE_BEGIN, .peer = p->n[from].nid};

	p->n[at].bundle = answer;
	place_step(p, at, &event);
	event.kind = REP_EV_BUNDLE_FRAME;
	for (size_t i = 0; i < stick->count; i++) {
		event.frame = (struct tr_bytes){stick->data[i], stick->size[i]};
		place_step(p, at, &event);
	}
	event.kind = REP_EV_BUNDLE_END;
	place_step(p, at, &event);
	p->n[at].bundle = NULL;
}
