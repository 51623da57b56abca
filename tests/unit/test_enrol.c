/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: an invitation lets in one machine, the one that has its secret, in its
 * time; everything else is refused with the reason. */
// needs: tests/lib/rig.o tests/lib/memview.o
#include "tests/unit/unit.h"

#include <sodium.h>

#include "proto/err.h"
#include "replication/unit.h"
#include "tests/lib/rig.h"

#define EXPIRES INT64_C(1790000900000)

struct scene {
	struct rig r;
	struct rep_invite invite;
	uint8_t curve[32], mac_key[32];
	/* the machine */
	struct rep_sign_keys sign;
	uint8_t want[TR_CERT_REQ_BYTES_MAX], sig[64], mac[32];
	size_t want_size;
};

static int invite(struct scene *s)
{
	struct rep_event event = {.kind = REP_EV_INVITE, .invite = &s->invite};

	rig_step(&s->r, &event);
	assert_int_equal(s->r.rc, 0);
	return s->r.reply.rc;
}

/* The request, signed and with its MAC; fields may be spoilt in between. */
static void request(struct scene *s, uint8_t seed)
{
	Terrace__CertReq req = TERRACE__CERT_REQ__INIT;
	uint8_t seeds[32], curve[32], seal[32];

	memset(seeds, seed, sizeof(seeds));
	crypto_sign_seed_keypair(s->sign.pk.b, s->sign.sk, seeds);
	crypto_scalarmult_base(curve, seeds);
	seeds[0] ^= 1;
	crypto_scalarmult_base(seal, seeds);
	req.sign_pk = (ProtobufCBinaryData){32, s->sign.pk.b};
	req.curve_pk = (ProtobufCBinaryData){32, curve};
	req.seal_pk = (ProtobufCBinaryData){32, seal};
	s->want_size = terrace__cert_req__pack(&req, s->want);
}

static void seal(struct scene *s)
{
	struct tr_bytes id = UNIT_BYTES(s->invite.token_id), want = {s->want, s->want_size};

	rep_enroll_sign(id, want, &s->sign, s->sig);
	rep_enroll_mac(s->mac_key, id, want, UNIT_BYTES(s->sig), s->mac);
}

static void begin(struct scene *s)
{
	uint8_t sk[32];

	memset(s, 0, sizeof(*s));
	rig_begin(&s->r, RIG_TOP);
	strcpy(s->invite.code, "009");
	strcpy(s->invite.title, "a new place");
	s->invite.expires_ms = EXPIRES;
	memset(s->invite.token_id, 7, sizeof(s->invite.token_id));
	memset(s->invite.secret, 8, sizeof(s->invite.secret));
	rep_token_derive(s->invite.secret, s->curve, sk, s->mac_key);
	assert_int_equal(invite(s), 0);
	request(s, 0x21);
	seal(s);
}

/* The machine connects with the key of its token. */
static void dial(struct scene *s, uint32_t link)
{
	struct rep_event up = {.kind = REP_EV_LINK_UP, .link = link};

	memcpy(up.user.b, s->curve, 32);
	s->r.link = link;
	s->r.session = 1;
	s->r.n = 0;
	rig_step(&s->r, &up);
	assert_int_equal(s->r.rc, 0);
}

static const Terrace__EnrollOk *enrol(struct scene *s)
{
	Terrace__Msg msg = TERRACE__MSG__INIT;
	Terrace__Enroll e = TERRACE__ENROLL__INIT;

	e.token_id = (ProtobufCBinaryData){sizeof(s->invite.token_id), s->invite.token_id};
	e.want = (ProtobufCBinaryData){s->want_size, s->want};
	e.self_sig = (ProtobufCBinaryData){sizeof(s->sig), s->sig};
	e.mac = (ProtobufCBinaryData){sizeof(s->mac), s->mac};
	msg.m_case = TERRACE__MSG__M_ENROLL;
	msg.enroll = &e;
	s->r.last[TERRACE__MSG__M_ENROLLOK] = NULL;
	rig_send(&s->r, &msg);
	assert_int_equal(s->r.rc, 0);
	return s->r.last[TERRACE__MSG__M_ENROLLOK] != NULL ? s->r.last[TERRACE__MSG__M_ENROLLOK]->enrollok : NULL;
}

static void assert_refused(struct scene *s, const char *why)
{
	unsigned before = s->r.traces[REP_TRACE_ENROL_REFUSED];
	const Terrace__EnrollOk *ok = enrol(s);

	TR_ASSERT(ok != NULL);
	assert_int_equal(ok->n_chain, 0);
	assert_int_equal(ok->error.len, strlen(why));
	assert_memory_equal(ok->error.data, why, strlen(why));
	assert_int_equal(s->r.traces[REP_TRACE_ENROL_REFUSED], before + 1);
}

static struct rep_unit_info unit_of(struct scene *s)
{
	struct rep_unit_info info;
	struct tr_nid nid;

	assert_int_equal(rep_find_unit(s->r.node, "110101/009", &nid), 0);
	assert_true(rep_unit_get(s->r.node, nid, &info));
	return info;
}

static void one_machine_joins(void **state)
{
	static struct scene s;
	const Terrace__EnrollOk *ok;
	struct rep_cert cert;

	(void)state;
	begin(&s);
	dial(&s, 200);
	ok = enrol(&s);
	TR_ASSERT(ok != NULL);
	assert_int_equal(ok->error.len, 0);
	assert_int_equal(ok->n_chain, 2);
	assert_int_equal(ok->root.len, s.r.root_size);
	assert_int_equal(rep_cert_decode((struct tr_bytes){ok->chain[1].data, ok->chain[1].len}, &cert), 0);
	assert_memory_equal(cert.sign_pk.b, s.sign.pk.b, 32);
	assert_true(cert.registered);
	assert_int_equal(s.r.traces[REP_TRACE_ENROLLED], 1);
	ok = enrol(&s); /* the answer was lost: the same again */
	TR_ASSERT(ok != NULL);
	assert_int_equal(ok->n_chain, 2);
	assert_int_equal(s.r.traces[REP_TRACE_ENROLLED], 1);
	request(&s, 0x22); /* another machine with the same token */
	seal(&s);
	assert_refused(&s, "token was used already");
	memset(s.invite.token_id, 9, sizeof(s.invite.token_id));
	assert_int_equal(invite(&s), TR_E_EXISTS);
	rig_end(&s.r);
}

/* Two tokens for one unit: the second comes too late. */
static void a_unit_joins_once(void **state)
{
	static struct scene s;
	struct rep_invite first;
	uint8_t sk[32];

	(void)state;
	begin(&s);
	first = s.invite;
	memset(s.invite.token_id, 9, sizeof(s.invite.token_id));
	memset(s.invite.secret, 10, sizeof(s.invite.secret));
	assert_int_equal(invite(&s), 0);
	assert_int_equal(s.r.reply.unit.v, unit_of(&s).nid.v);
	dial(&s, 200); /* with the first */
	s.invite = first;
	assert_int_equal(enrol(&s)->error.len, 0);
	memset(s.invite.token_id, 9, sizeof(s.invite.token_id));
	memset(s.invite.secret, 10, sizeof(s.invite.secret));
	rep_token_derive(s.invite.secret, s.curve, sk, s.mac_key);
	request(&s, 0x22);
	seal(&s);
	dial(&s, 201);
	assert_refused(&s, "unit has joined already");
	rig_end(&s.r);
}

static void what_does_not_fit_is_refused(void **state)
{
	static struct scene s;

	(void)state;
	begin(&s);
	dial(&s, 200);
	s.invite.token_id[0] ^= 1;
	assert_refused(&s, "unknown token");
	s.invite.token_id[0] ^= 1;
	s.sig[5] ^= 1;
	rep_enroll_mac(s.mac_key, UNIT_BYTES(s.invite.token_id), (struct tr_bytes){s.want, s.want_size}, UNIT_BYTES(s.sig), s.mac);
	assert_refused(&s, "request is not signed by its key");
	s.want_size -= 3;
	seal(&s);
	assert_refused(&s, "malformed request");
	request(&s, 0x21);
	seal(&s);
	for (int i = 0; i < TR_TOKEN_TRIES; i++) {
		s.mac[0] ^= 1;
		assert_refused(&s, "token does not fit");
		s.mac[0] ^= 1;
	}
	assert_refused(&s, "token was tried too often"); /* even the right one */
	assert_int_equal(s.r.traces[REP_TRACE_ENROLLED], 0);
	rig_end(&s.r);
}

static void a_token_has_its_time(void **state)
{
	static struct scene s;
	size_t rows;

	(void)state;
	begin(&s);
	dial(&s, 200);
	rows = memview_rows(s.r.mv, REP_T_INVITE);
	s.r.wall_ms = EXPIRES + 1;
	assert_refused(&s, "token has expired");
	assert_int_equal(rig_restart(&s.r), 0);
	for (int i = 0; i < 3; i++)
		rig_wait(&s.r, 3600000);
	assert_int_equal(memview_rows(s.r.mv, REP_T_INVITE), rows - 1); /* its key is on no list any more */
	rig_end(&s.r);
}

static void an_invitation_that_cannot_be_read_lets_nobody_in(void **state)
{
	static struct scene s;

	(void)state;
	begin(&s);
	assert_int_equal(rep_put(&s.r.view, REP_T_INVITE, UNIT_BYTES(s.invite.token_id), UNIT_TEXT("rot")), 0);
	dial(&s, 200);
	assert_null(enrol(&s));
	rig_end(&s.r);
	begin(&s);
	dial(&s, 200); /* it was good when it connected */
	assert_int_equal(rep_put(&s.r.view, REP_T_INVITE, UNIT_BYTES(s.invite.token_id), UNIT_TEXT("rot")), 0);
	assert_refused(&s, "unknown token");
	rig_end(&s.r);
}

static void nothing_but_a_request_is_taken_from_a_stranger(void **state)
{
	static struct scene s;
	Terrace__Msg msg = TERRACE__MSG__INIT;
	Terrace__Ping ping = TERRACE__PING__INIT;
	struct rep_self self;

	(void)state;
	begin(&s);
	dial(&s, 200);
	msg.m_case = TERRACE__MSG__M_PING;
	msg.ping = &ping;
	rig_send(&s.r, &msg);
	rep_inspect_self(s.r.node, &self);
	assert_int_equal(self.bad_frames, 1);
	s.curve[0] ^= 1; /* and nothing from one without a token */
	dial(&s, 201);
	assert_null(enrol(&s));
	rig_end(&s.r);
}

static void an_invitation_has_its_form(void **state)
{
	static struct scene s;
	static const char *const codes[] = {"", "a/b", "a b", "caf\xc3\xa9", "a_b", "a:b", "a@b", "a{b", "a[b"};

	(void)state;
	begin(&s);
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		strcpy(s.invite.code, codes[i]);
		assert_int_equal(invite(&s), TR_E_INPUT);
	}
	strcpy(s.invite.code, "aZ-0");
	strcpy(s.invite.title, "\xff");
	assert_int_equal(invite(&s), TR_E_INPUT);
	strcpy(s.invite.title, "fine");
	s.invite.caps = TR_CAP_STANDBY; /* more than it has itself */
	assert_int_equal(invite(&s), TR_E_AUTH);
	s.invite.caps = TR_CAP_INTAKE;
	assert_int_equal(invite(&s), 0);
	assert_int_equal(invite(&s), 0); /* again: the same unit */
	rig_end(&s.r);
}

/* Who may not have children, or has no room for their names, invites nobody. */
static void not_everybody_invites(void **state)
{
	static struct scene s;
	static const struct { bool registered, fenced, cut; uint8_t level; int rc; } rows[] = {
	    {true, false, false, 0, 0}, {false, false, false, 0, TR_E_AUTH}, {true, true, false, 0, TR_E_FENCED},
	    {true, false, true, 0, TR_E_FENCED}, {true, false, false, TR_LEVEL_MAX, TR_E_LIMIT}};

	(void)state;
	begin(&s);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t units = s.r.node->unit_count;

		s.r.node->cert.registered = rows[i].registered;
		s.r.node->is_fenced = rows[i].fenced;
		s.r.node->is_cut = rows[i].cut;
		s.r.node->cert.level = rows[i].level;
		snprintf(s.invite.code, sizeof(s.invite.code), "1%zu", i);
		assert_int_equal(invite(&s), rows[i].rc);
		assert_int_equal(s.r.node->unit_count, units + (rows[i].rc == 0));
	}
	s.r.node->cert.level = 0;
	s.r.node->is_cut = false;
	memset(s.r.node->cert.unit + 6, '1', TR_UNIT_PATH_MAX - 6 - 4);
	s.r.node->cert.unit[6] = '/';
	strcpy(s.invite.code, "2345"); /* one more than there is room for */
	assert_int_equal(invite(&s), TR_E_INPUT);
	s.invite.code[3] = '\0';
	assert_int_equal(invite(&s), 0);
	rig_end(&s.r);
}

/* Rows that name no unit, and numbers and certificates that are used up: refused, and the token stays. */
static void who_cannot_be_given_a_certificate_is_told_why(void **state)
{
	static struct scene s;
	struct rep_unit *unit;
	struct tr_bytes row;
	uint8_t copy[256];
	uint16_t had;

	(void)state;
	begin(&s);
	unit = rep_unit_find(s.r.node, unit_of(&s).nid);
	dial(&s, 200);
	assert_int_equal(rep_get(&s.r.view, REP_T_INVITE, UNIT_BYTES(s.invite.token_id), &row), 0);
	memcpy(copy, row.data, row.size);
	row.data = copy;
	unit->serial_max = UINT32_MAX;
	wire_put_be32(copy + 119, UINT32_MAX);
	assert_int_equal(rep_put(&s.r.view, REP_T_INVITE, UNIT_BYTES(s.invite.token_id), row), 0);
	assert_refused(&s, "no number is left for a new key");
	unit->serial_max = 0;
	wire_put_be32(copy + 119, 0);
	assert_int_equal(rep_put(&s.r.view, REP_T_INVITE, UNIT_BYTES(s.invite.token_id), row), 0);
	had = (uint16_t)unit->cert_count;
	unit->cert_count = TR_CERTS_MAX;
	assert_refused(&s, "certificate could not be issued");
	unit->cert_count = had;
	wire_put_be64(copy + 65, 4711);
	assert_int_equal(rep_put(&s.r.view, REP_T_INVITE, UNIT_BYTES(s.invite.token_id), row), 0);
	assert_refused(&s, "unit is not known any more");
	wire_put_be64(copy + 65, unit->nid.v);
	assert_int_equal(rep_put(&s.r.view, REP_T_INVITE, UNIT_BYTES(s.invite.token_id), row), 0);
	assert_int_equal(enrol(&s)->error.len, 0);
	assert_int_equal(s.r.traces[REP_TRACE_ENROLLED], 1);
	rig_end(&s.r);
}

/* What the store believes that a former machine has, a new one does not have. */
static void a_new_machine_has_nothing_yet(void **state)
{
	static struct scene s;
	struct tr_nid nid;

	(void)state;
	begin(&s);
	nid = unit_of(&s).nid;
	for (uint32_t i = 0; i < 4; i++) {
		uint8_t key[12];

		wire_put_be64(key, i < 2 ? nid.v : nid.v + 1);
		wire_put_be32(key + 8, i);
		assert_int_equal(rep_put(&s.r.view, REP_T_PEER, UNIT_BYTES(key), UNIT_TEXT("x")), 0);
	}
	dial(&s, 200);
	assert_int_equal(enrol(&s)->error.len, 0);
	assert_int_equal(memview_rows(s.r.mv, REP_T_PEER), 2);
	rig_end(&s.r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_machine_joins),
	    cmocka_unit_test(a_unit_joins_once),
	    cmocka_unit_test(what_does_not_fit_is_refused),
	    cmocka_unit_test(a_token_has_its_time),
	    cmocka_unit_test(an_invitation_that_cannot_be_read_lets_nobody_in),
	    cmocka_unit_test(nothing_but_a_request_is_taken_from_a_stranger),
	    cmocka_unit_test(an_invitation_has_its_form),
	    cmocka_unit_test(not_everybody_invites),
	    cmocka_unit_test(who_cannot_be_given_a_certificate_is_told_why),
	    cmocka_unit_test(a_new_machine_has_nothing_yet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
