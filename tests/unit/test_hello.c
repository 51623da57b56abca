/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: who greets badly gets the reason and no session, and who greets well
 * gets no more than both can do. */
// needs: tests/lib/rig.o tests/lib/memview.o
#include "tests/unit/unit.h"

#include "proto/err.h"
#include "tests/lib/rig.h"

static void hello(struct rig *r, Terrace__Hello *h, uint32_t n)
{
	Terrace__Msg msg = TERRACE__MSG__INIT;
	static uint8_t fd[17] = {0xff};

	if (h->fd.len == 0)
		h->fd = (ProtobufCBinaryData){16, fd};
	else
		h->fd.data = fd;
	msg.m_case = TERRACE__MSG__M_HELLO;
	msg.hello = h;
	r->n = n - 1;
	rig_send(r, &msg);
}

static Terrace__Hello good_hello(const struct rig *r)
{
	Terrace__Hello h = TERRACE__HELLO__INIT;

	h.proto_min = h.proto_max = 1;
	h.nid = r->party[RIG_STREET].nid.v;
	h.serial = 1;
	h.parent_serial = 1;
	h.profile = TR_PROFILE_FIBRE;
	return h;
}

static void every_hello_gets_its_verdict(void **state)
{
	static const struct { uint32_t proto_min, proto_max, serial; bool foreign; uint32_t verdict; } rows[] = {
	    {1, 1, 1, true, TR_VERDICT_ENROL},
	    {2, 9, 1, false, TR_VERDICT_VERSION},
	    {0, 0, 1, false, TR_VERDICT_VERSION},
	    {1, 1, 7, false, TR_VERDICT_SERIAL},
	    {1, 9, 1, false, TR_VERDICT_OK},
	};
	struct rig r;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		Terrace__Hello h;
		const Terrace__Welcome *w;

		rig_begin_live(&r, RIG_TOP, RIG_STREET);
		h = good_hello(&r);
		h.proto_min = rows[i].proto_min;
		h.proto_max = rows[i].proto_max;
		h.serial = rows[i].serial;
		h.nid = rows[i].foreign ? r.party[RIG_OTHER].nid.v : h.nid;
		h.max_frame = 4 * 1024;
		r.session++;
		hello(&r, &h, 1);
		w = r.last[TERRACE__MSG__M_WELCOME]->welcome;
		assert_int_equal(w->verdict, rows[i].verdict);
		assert_int_equal(w->cert.len > 0, rows[i].verdict == TR_VERDICT_SERIAL);
		assert_int_equal(r.traces[REP_TRACE_LINK_REFUSED], rows[i].verdict != TR_VERDICT_OK);
		assert_int_equal(rig_state(&r, RIG_STREET) == REP_LINK_COMPARE, rows[i].verdict == TR_VERDICT_OK);
		rig_end(&r);
	}
}

static void a_hello_that_is_none_gets_no_word(void **state)
{
	struct rig r;
	Terrace__Hello h;
	unsigned before;

	(void)state;
	rig_begin_live(&r, RIG_TOP, RIG_STREET);
	before = r.frames[TERRACE__MSG__M_WELCOME];
	h = good_hello(&r);
	hello(&r, &h, 2);
	h.fd.len = 15;
	hello(&r, &h, 1);
	h.fd.len = 0;
	r.session = 0;
	hello(&r, &h, 1);
	assert_int_equal(r.frames[TERRACE__MSG__M_WELCOME], before);
	assert_int_equal(rig_state(&r, RIG_STREET), REP_LINK_LIVE);
	rig_end(&r);
}

static void welcome(struct rig *r, Terrace__Welcome *w, uint32_t session)
{
	static uint8_t fd[16] = {0xff};
	Terrace__Msg msg = TERRACE__MSG__INIT;

	if (w->fd.data == NULL)
		w->fd = (ProtobufCBinaryData){sizeof(fd), fd};
	msg.m_case = TERRACE__MSG__M_WELCOME;
	msg.welcome = w;
	r->session = session;
	r->n = 0;
	rig_send(r, &msg);
}

/* The street dials, and says HELLO. */
static uint32_t dial(struct rig *r)
{
	struct rep_event up = {.kind = REP_EV_LINK_UP, .link = REP_LINK_UP};

	rig_begin(r, RIG_STREET);
	r->peer = RIG_TOP;
	r->link = REP_LINK_UP;
	up.user = r->party[RIG_TOP].curve;
	rig_wait(r, 200000);
	rig_step(r, &up);
	assert_non_null(r->last[TERRACE__MSG__M_HELLO]);
	return r->last[TERRACE__MSG__M_HELLO]->session;
}

static const char *error_of(const struct rig *r)
{
	static struct rep_link_info info;

	assert_true(rep_inspect_link(r->node, &r->view, 0, &info));
	return info.last_error != NULL ? info.last_error : "";
}

static void a_refusal_is_said_with_its_reason(void **state)
{
	static const struct { uint32_t verdict, proto_min; const char *why; bool again; } rows[] = {
	    {TR_VERDICT_ENROL, 1, "parent does not know this unit", false},
	    {TR_VERDICT_SERIAL, 1, "an older key", false},
	    {TR_VERDICT_REVOKED, 1, "revoked", false},
	    {TR_VERDICT_VERSION, 9, NULL, false},
	    {TR_VERDICT_VERSION, 0, NULL, false},
	    {TR_VERDICT_BUSY, 1, "paused by the parent", true},
	    {TR_VERDICT_ZONE, 1, "another zone", false},
	    {99, 1, "refused", false},
	};
	const char *versions[2] = {NULL, NULL};
	static char text[2][128];
	int n = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		Terrace__Welcome w = TERRACE__WELCOME__INIT;
		struct rig r;
		uint32_t session = dial(&r);

		w.verdict = rows[i].verdict;
		w.proto_min = rows[i].proto_min;
		welcome(&r, &w, session);
		assert_int_equal(r.traces[REP_TRACE_LINK_REFUSED], 1);
		assert_int_equal(rig_state(&r, RIG_TOP) != REP_LINK_REFUSED, rows[i].again);
		if (rows[i].why != NULL) {
			assert_string_equal(error_of(&r), rows[i].why);
		} else {
			snprintf(text[n], sizeof(text[n]), "%s", error_of(&r));
			versions[n] = text[n];
			n++;
		}
		rig_end(&r);
	}
	assert_int_equal(n, 2);
	assert_string_not_equal(versions[0], versions[1]); /* which of the two must be upgraded */
}

static void a_welcome_that_is_none_is_refused(void **state)
{
	static uint8_t rubbish[40] = {7}, fd[15];
	struct rig r;
	uint32_t session;

	(void)state;
	for (int i = 0; i < 4; i++) {
		Terrace__Welcome w = TERRACE__WELCOME__INIT;

		session = dial(&r);
		w.verdict = TR_VERDICT_OK;
		w.proto = i == 0 ? 0 : i == 1 ? 9 : 1;
		if (i == 2)
			w.fd = (ProtobufCBinaryData){sizeof(fd), fd};
		if (i == 3) /* goes on; the certificate is none */
			w.cert = (ProtobufCBinaryData){sizeof(rubbish), rubbish};
		w.credit = 32 * 1024;
		w.max_frame = 8 * 1024;
		w.beat_s = i == 3 ? 9 : 4000;
		w.head_ctr = i == 3 ? UINT32_MAX : 3;
		welcome(&r, &w, session);
		assert_int_equal(rig_bad_frames(&r), i != 3);
		assert_int_equal(rig_state(&r, RIG_TOP), i == 3 ? REP_LINK_COMPARE : REP_LINK_HELLO_SENT);
		welcome(&r, &w, session); /* twice */
		assert_int_equal(r.rc, 0);
		rig_end(&r);
	}
}

static struct rep_link_info link_of(const struct rig *r, enum rig_who peer)
{
	struct rep_link_info info;

	for (size_t i = 0; rep_inspect_link(r->node, &r->view, i, &info); i++)
		if (info.peer.v == r->party[peer].nid.v)
			return info;
	fail();
	return (struct rep_link_info){0};
}

static void why_a_connection_ended_is_kept(void **state)
{
	static const struct { enum rep_down_why down; const char *why; unsigned bad; } rows[] = {
	    {REP_DOWN_CLOSED, "connection lost", 0}, {REP_DOWN_UNREACHABLE, "unreachable", 0},
	    {REP_DOWN_REFUSED_KEY, "key refused by the parent", 0}, {REP_DOWN_HOSTILE, "frames that no node sends", 1}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rep_event down = {.kind = REP_EV_LINK_DOWN, .link = 100 + RIG_STREET, .down = rows[i].down};
		struct rig r;

		rig_begin_live(&r, RIG_TOP, RIG_STREET);
		rig_step(&r, &down);
		assert_int_equal(rig_state(&r, RIG_STREET), REP_LINK_OFF);
		assert_string_equal(link_of(&r, RIG_STREET).last_error, rows[i].why);
		assert_int_equal(rig_bad_frames(&r), rows[i].bad);
		rig_step(&r, &down); /* it is gone already */
		assert_int_equal(rig_bad_frames(&r), rows[i].bad);
		rig_end(&r);
	}
}

/* Refused with one key it tries the other, and waits longer after both. */
static void a_refused_key_waits(void **state)
{
	struct rep_event down = {.kind = REP_EV_LINK_DOWN, .link = REP_LINK_UP, .down = REP_DOWN_REFUSED_KEY};
	struct rig r;

	(void)state;
	rig_begin(&r, RIG_STREET);
	r.peer = RIG_TOP;
	rig_wait(&r, 200000);
	assert_int_equal(rig_state(&r, RIG_TOP), REP_LINK_DIAL);
	for (int i = 0; i < 4; i++) {
		rig_step(&r, &down);
		assert_int_not_equal(rig_state(&r, RIG_TOP), REP_LINK_LIVE);
		assert_true(link_of(&r, RIG_TOP).next_try_ms > r.mono_ms);
		rig_wait(&r, 3600000);
		assert_int_equal(rig_state(&r, RIG_TOP), REP_LINK_DIAL);
	}
	rig_end(&r);
}

static void who_is_paused_is_told(void **state)
{
	struct rep_event pause = {.kind = REP_EV_PAUSE, .pause = REP_PAUSE};
	struct rig r;
	Terrace__Hello h;

	(void)state;
	rig_begin_live(&r, RIG_TOP, RIG_STREET);
	pause.peer = r.party[RIG_STREET].nid;
	rig_step(&r, &pause);
	assert_int_not_equal(rig_state(&r, RIG_STREET), REP_LINK_LIVE);
	rig_step(&r, &(struct rep_event){.kind = REP_EV_LINK_UP, .link = r.link, .user = r.party[RIG_STREET].curve});
	h = good_hello(&r);
	r.session++;
	hello(&r, &h, 1);
	assert_int_equal(r.last[TERRACE__MSG__M_WELCOME]->welcome->verdict, TR_VERDICT_BUSY);
	pause.peer = r.party[RIG_LEAF].nid; /* no child of its own */
	rig_step(&r, &pause);
	assert_int_equal(r.rc, 0);
	rig_end(&r);
}

/* A child that says that it knows an older key of ours gets the newer one. */
static void an_old_pin_is_renewed(void **state)
{
	struct rig r;
	Terrace__Hello h;
	unsigned certs;

	(void)state;
	rig_begin_live(&r, RIG_TOP, RIG_STREET);
	h = good_hello(&r);
	h.parent_serial = 0;
	h.credit = 16 * 1024;
	certs = r.frames[TERRACE__MSG__M_CERT];
	r.session++;
	hello(&r, &h, 1);
	assert_true(r.frames[TERRACE__MSG__M_CERT] > certs);
	assert_int_equal(r.last[TERRACE__MSG__M_WELCOME]->welcome->credit, 16 * 1024);
	rig_end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_hello_gets_its_verdict),
	    cmocka_unit_test(a_hello_that_is_none_gets_no_word),
	    cmocka_unit_test(a_refusal_is_said_with_its_reason),
	    cmocka_unit_test(a_welcome_that_is_none_is_refused),
	    cmocka_unit_test(why_a_connection_ended_is_kept),
	    cmocka_unit_test(a_refused_key_waits),
	    cmocka_unit_test(who_is_paused_is_told),
	    cmocka_unit_test(an_old_pin_is_renewed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
