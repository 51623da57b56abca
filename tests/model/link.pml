/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link -- the link machine as a model for spin: one child, one parent.
 *
 * The names are those of the code: messages, modes of FRONTIER and the verdict
 * of proto/, the states of link.h, equal, confirm and settle of compare.c, take
 * of take.c, ack_take of ack.c, credit, inflight and has_room of plan.c, the new
 * incarnation of incarnation.c and the fence, FENCED of seat.c (REFUSED comes before it and lasts
 * for no step: the certificate of the newer serial is in the WELCOME).
 *
 *     OFF -> HELLO_SENT -> LIVE            child; DIAL is one step with HELLO
 *                `-> COMPARE -> LIVE       FENCED: an older serial, no writes, until it joins again
 *     OFF -> COMPARE or LIVE -> OFF        parent
 *
 * Logs: 0 the child's first incarnation, 1 its second, 2 the parent's.
 *
 * Checked in every state, over all orders of all steps within the bounds:
 *   - acked <= durable at the peer (a restored store: from its next HELLO on)
 *   - a frame of an older session is never taken, one session at a time
 *   - an older serial is never welcome
 *   - no more segments are on their way to a peer than its credit (the smaller
 *     one of both: the child says it in HELLO, metered or fibre), and what is
 *     acknowledged gives it back: nobody waits for room that never comes
 *   - nobody writes an op under a number that the peer holds already (no fork)
 *   - when the faults are over the frontiers become equal and both ends LIVE,
 *     in the same session; each fault costs a bounded number of sessions, so
 *     nothing goes on for ever without getting there
 *
 * Not covered: the content of segments, signatures, vectors and holding back
 * (the simulator has these); more than one scope, so FRONTIER by scopes; that the
 * credit counts bytes (here segments: one metered, two on fibre), that it may
 * change within a session, and the bound for all peers together; classes and
 * turns of sending; beats and back-off as times (silence is a step that can come whenever there is a fault left, and
 * when nothing else can); two machines with one key; a store that is restored
 * together with its fence, and so branches, INDEX and the empty FRONTIER_DELTA (the
 * simulator's faults `image` and `raw`); relays; sticks.  A crash in the middle of a group of
 * steps is a crash before it: the store's transaction makes it one.
 *
 * MUTANT=1 acknowledges before the commit, 2 takes frames of any session,
 * 3 goes on in the old incarnation, 4 believes that the peer holds what is here
 * when FRONTIER says otherwise, 5 welcomes any serial,
 * 6 sends whatever the credit is, 7 does not look at the digest in HELLO, 8 believes an
 * acknowledgement of more than there is, 9 takes frames with a gap before them: each must be found.
 */
#ifndef FAULTS
#define FAULTS 2
#endif
#ifndef MUTANT
#define MUTANT 0
#endif
#define CAP 8
#define CREDIT_METERED 1
#define CREDIT_FIBRE 2
#define VERDICT_SERIAL 128 /* in place of a frontier */
#define OPS_CHILD 2
#define OPS_PARENT 1
#define LOGS 3
#define PARENTS 2     /* the parent's log */
#define SESSIONS_MAX (2 + 2 * FAULTS + 2)

mtype = { HELLO, WELCOME, FRONTIER_FULL, SEGS, FRONTIER_DELTA, BYE };
mtype = { OFF, HELLO_SENT, COMPARE, LIVE, FENCED };

/* type, session, n, value: a frontier, or log and sequence, or a serial */
chan up = [CAP] of { mtype, byte, byte, byte };
chan down = [CAP] of { mtype, byte, byte, byte };

/* On disk. */
byte cs[LOGS], ps[LOGS];           /* frontier of child and parent */
byte c_acked[LOGS], p_acked[LOGS]; /* hints: what the peer holds */
byte c_inc, c_serial = 1, p_serial = 1;

/* In memory. */
mtype c_link = OFF, p_link = OFF;
byte c_session, c_tx, c_rx, p_session, p_tx, p_rx;
byte c_sent[LOGS], p_sent[LOGS], hello_fd;
byte c_credit = CREDIT_FIBRE, p_credit;
bool c_ack[LOGS], p_ack[LOGS];

/* Of the model. */
byte faults = FAULTS, sessions, c_writes = OPS_CHILD, p_writes = OPS_PARENT;
byte c_taken, p_taken; /* newest session of which a frame was taken */
byte doubt;            /* sessions up to this one knew the store before it was restored */
bool is_restored, is_reissued;

#define FRONTIER(s) (s[0] + 4 * s[1] + 16 * s[2])
#define OF(v, l) ((v >> (2 * l)) & 3)
#define MIN(a, b) ((a) < (b) -> (a) : (b))
#define IN_SESSION(state) (state == LIVE || state == COMPARE)
#define ALL_EQUAL (FRONTIER(cs) == FRONTIER(ps))
/* plan.c: sent in this session (or before) and not acknowledged. */
#define inflight(sent, acked) (sent[0] + sent[1] + sent[2] - acked[0] - acked[1] - acked[2])
#define has_room(sent, acked, credit) (MUTANT == 6 || inflight(sent, acked) < credit)
#define C_ROOM (len(up) <= CAP - 2)
#define P_ROOM (len(down) <= CAP - 2)

inline check()
{
	assert(c_acked[0] <= ps[0] && c_acked[1] <= ps[1] && c_acked[2] <= ps[2]);
	assert(c_link != LIVE || inflight(c_sent, c_acked) <= c_credit);
	assert(p_link != LIVE || inflight(p_sent, p_acked) <= p_credit);
	assert(p_session <= doubt || (p_acked[0] <= cs[0] && p_acked[1] <= cs[1] && p_acked[2] <= cs[2]));
}

#define forget(sent, ack) \
	sent[0] = 0; sent[1] = 0; sent[2] = 0; \
	ack[0] = false; ack[1] = false; ack[2] = false

inline c_down(state)
{
	forget(c_sent, c_ack);
	c_session = 0; c_tx = 0; c_rx = 0; hello_fd = 0;
	c_link = state;
}

inline p_down()
{
	forget(p_sent, p_ack);
	p_session = 0; p_tx = 0; p_rx = 0; p_credit = 0;
	p_link = OFF;
}

inline c_send(type, v) { c_tx++; up!type(c_session, c_tx, v) }
inline p_send(type, v) { p_tx++; down!type(p_session, p_tx, v) }

/* compare.c, settle(): what the peer says it holds. */
#define settle(sent, acked, own, v) \
	acked[0] = MIN(OF(v, 0), own[0]); sent[0] = acked[0]; \
	acked[1] = MIN(OF(v, 1), own[1]); sent[1] = acked[1]; \
	acked[2] = MIN(OF(v, 2), own[2]); sent[2] = acked[2]

/* compare.c, rep_compare_equal(): both hold the same. */
#define equal(sent, own) \
	sent[0] = own[0]; sent[1] = own[1]; sent[2] = own[2]
#define confirm(sent, acked) \
	acked[0] = sent[0]; acked[1] = sent[1]; acked[2] = sent[2]

/* take.c, rep_take_segment(), and the commit: `gap` if one is missing. */
#define take(own, sent, acked, ack, v, gap) \
	l = v / 4; q = v % 4; gap = false; \
	if \
	:: q > own[l] + 1 -> gap = true \
	:: else -> \
		own[l] = (q > own[l] -> q : own[l]); \
		sent[l] = (sent[l] < q -> q : sent[l]); \
		acked[l] = (acked[l] < q -> q : acked[l]); \
		ack[l] = true \
	fi

/* ack.c, rep_ack_take() */
#define ack_take(own, sent, acked, v) \
	l = v / 4; q = (MUTANT == 8 -> v % 4 + 1 : MIN(v % 4, own[l])); \
	sent[l] = (sent[l] < q -> q : sent[l]); \
	acked[l] = (acked[l] < q -> q : acked[l])

/* ------------------------------------------------------------------ child */

inline c_dial()
{
	sessions++;
	assert(sessions <= SESSIONS_MAX);
	c_session = sessions; c_tx = 0; c_rx = 0;
	hello_fd = FRONTIER(cs);
	equal(c_sent, cs);
	c_link = HELLO_SENT;
	/* serial and credit ride with it, above the frontier */
	c_tx++;
	up!HELLO(c_session, c_tx, hello_fd + 64 * (c_serial - 1) + 128 * (c_credit - 1))
}

inline c_welcome()
{
	if
	:: hello_fd == v ->
		c_link = LIVE;
		confirm(c_sent, c_acked)
	:: else ->
		c_link = COMPARE;
		c_send(FRONTIER_FULL, FRONTIER(cs))
	fi
}

inline c_content()
{
	if
	:: type == WELCOME && v == VERDICT_SERIAL -> c_down(FENCED)
	:: type == WELCOME && v != VERDICT_SERIAL && c_link == HELLO_SENT -> c_welcome()
	:: type == FRONTIER_FULL && c_link == COMPARE ->
		settle(c_sent, c_acked, cs, v);
		c_link = LIVE
	:: type == SEGS && IN_SESSION(c_link) ->
		if
		:: MUTANT == 1 && c_link == LIVE -> c_send(FRONTIER_DELTA, v)
		:: else
		fi;
		if
		:: take(cs, c_sent, c_acked, c_ack, v, gap)
		:: faults > 0 -> faults--; c_down(OFF) /* a crash before the commit */
		fi;
		if
		:: gap -> c_send(BYE, 0); c_down(OFF)
		:: else
		fi
	:: type == FRONTIER_DELTA && IN_SESSION(c_link) -> ack_take(cs, c_sent, c_acked, v)
	:: type == BYE -> c_down(OFF)
	:: else -> assert(false) /* an honest parent says nothing else */
	fi
}

inline c_frame()
{
	down?type(s, n, v);
	if
	:: c_session == 0 || (s != c_session && MUTANT != 2) /* dropped */
	:: else ->
		if
		:: n != c_rx + 1 && MUTANT != 9 -> /* frames missing */
			up!BYE(c_session, c_tx + 1, 0);
			c_down(OFF)
		:: else ->
			assert(s >= c_taken);
			c_taken = s; c_rx = n;
			c_content()
		fi
	fi
}

/* The store goes back by an op; the fence, kept outside, says so at the start. */
inline c_restore()
{
	faults--; is_restored = true;
	doubt = sessions;
	c_down(OFF);
	cs[0] = cs[0] - 1;
	c_acked[0] = MIN(c_acked[0], cs[0]);
	if
	:: MUTANT == 3
	:: MUTANT != 3 -> c_inc = 1
	fi
}

inline c_write()
{
	c_writes--;
	cs[c_inc]++;
	assert(cs[c_inc] > ps[c_inc]) /* a number that the parent knows already: a fork */
}

inline c_segment(l0)
{
	c_sent[l0]++;
	c_send(SEGS, 4 * l0 + c_sent[l0]);
	check()
}

inline c_delta(l0)
{
	c_ack[l0] = false;
	c_send(FRONTIER_DELTA, 4 * l0 + cs[l0])
}

active proctype Child()
{
	mtype type; byte s, n, v, l, q; bool gap;

	if
	:: c_credit = CREDIT_FIBRE
	:: c_credit = CREDIT_METERED
	fi;
	do
	:: atomic { c_link == OFF && C_ROOM -> c_dial() }
	:: atomic { nempty(down) && C_ROOM -> c_frame(); check();
		type = 0; s = 0; n = 0; v = 0; l = 0; q = 0; gap = false }
	:: atomic { c_link == LIVE && c_sent[0] < cs[0] && has_room(c_sent, c_acked, c_credit) && C_ROOM -> c_segment(0) }
	:: atomic { c_link == LIVE && c_sent[1] < cs[1] && has_room(c_sent, c_acked, c_credit) && C_ROOM -> c_segment(1) }
	:: atomic { c_link == LIVE && c_ack[2] && C_ROOM -> c_delta(2) }
	:: atomic { c_link == LIVE && c_ack[0] && C_ROOM -> c_delta(0) } /* came back after a restore */
	:: atomic { c_link != FENCED && c_writes > 0 && cs[c_inc] < 3 -> c_write() }
	:: atomic { faults > 0 && c_link != OFF && c_link != FENCED -> faults--; c_down(OFF) } /* crash, cut */
	:: atomic { faults > 0 && !is_restored && cs[0] > 0 && c_writes > 0 -> c_restore(); check() }
	:: atomic { c_serial < p_serial -> /* joins again: with a new key a new incarnation */
		c_serial = p_serial;
		c_inc = 1;
		c_down(OFF) }
	/* silence: nothing else can happen any more */
	:: atomic { timeout ->
		if
		:: c_link == LIVE && p_link == LIVE && ALL_EQUAL && c_session == p_session -> break
		:: else ->
			assert(c_link != OFF && c_link != FENCED);
			c_down(OFF)
		fi }
	od
}

/* ----------------------------------------------------------------- parent */

inline p_hello()
{
	p_down();
	p_session = s; p_rx = 1;
	p_credit = v / 128 + 1;
	v = v % 128;
	if
	:: v / 64 + 1 < p_serial && MUTANT != 5 ->
		p_send(WELCOME, VERDICT_SERIAL);
		p_down()
	:: else ->
		assert(v / 64 + 1 >= p_serial);
		v = v % 64;
		p_send(WELCOME, FRONTIER(ps));
		if
		:: v == FRONTIER(ps) || MUTANT == 7 ->
			p_link = LIVE;
			equal(p_sent, ps);
			confirm(p_sent, p_acked)
		:: else ->
			p_link = COMPARE;
			p_send(FRONTIER_FULL, FRONTIER(ps));
			/* until its FRONTIER_FULL comes nothing is known of it */
			settle(p_sent, p_acked, ps, 0)
		fi
	fi
}

inline p_content()
{
	if
	:: type == FRONTIER_FULL && p_link == COMPARE ->
		if
		:: MUTANT == 4 -> equal(p_sent, ps); confirm(p_sent, p_acked)
		:: else -> settle(p_sent, p_acked, ps, v)
		fi;
		p_link = LIVE
	:: type == SEGS && IN_SESSION(p_link) ->
		if
		:: MUTANT == 1 && p_link == LIVE -> p_send(FRONTIER_DELTA, v)
		:: else
		fi;
		if
		:: take(ps, p_sent, p_acked, p_ack, v, gap)
		:: faults > 0 -> faults--; p_down() /* a crash before the commit */
		fi;
		if
		:: gap -> p_send(BYE, 0); p_down()
		:: else
		fi
	:: type == FRONTIER_DELTA && IN_SESSION(p_link) -> ack_take(ps, p_sent, p_acked, v)
	:: type == BYE -> p_down()
	:: else -> assert(false)
	fi
}

inline p_frame()
{
	up?type(s, n, v);
	if
	:: type == HELLO ->
		assert(s > p_taken);
		p_taken = s;
		p_hello()
	:: else ->
		if
		:: p_session == 0 || (s != p_session && MUTANT != 2) ->
			if
			:: type != BYE -> down!BYE(s, p_tx + 1, 0) /* no such session */
			:: else
			fi
		:: else ->
			if
			:: n != p_rx + 1 && MUTANT != 9 ->
				down!BYE(p_session, p_tx + 1, 0);
				p_down()
			:: else ->
				assert(s >= p_taken);
				p_rx = n;
				p_content()
			fi
		fi
	fi
}

inline p_segment(l0)
{
	p_sent[l0]++;
	p_send(SEGS, 4 * l0 + p_sent[l0]);
	check()
}

inline p_delta(l0)
{
	p_ack[l0] = false;
	p_send(FRONTIER_DELTA, 4 * l0 + ps[l0])
}

active proctype Parent()
{
	mtype type; byte s, n, v, l, q; bool gap;

end:	do
	:: atomic { nempty(up) && P_ROOM -> p_frame(); check();
		type = 0; s = 0; n = 0; v = 0; l = 0; q = 0; gap = false }
	:: atomic { p_link == LIVE && p_sent[2] < ps[2] && has_room(p_sent, p_acked, p_credit) && P_ROOM -> p_segment(2) }
	/* what the child lost comes back */
	:: atomic { p_link == LIVE && p_sent[0] < ps[0] && has_room(p_sent, p_acked, p_credit) && P_ROOM -> p_segment(0) }
	:: atomic { p_link == LIVE && p_sent[1] < ps[1] && has_room(p_sent, p_acked, p_credit) && P_ROOM -> p_segment(1) }
	:: atomic { p_link == LIVE && p_ack[0] && P_ROOM -> p_delta(0) }
	:: atomic { p_link == LIVE && p_ack[1] && P_ROOM -> p_delta(1) }
	:: atomic { p_writes > 0 -> p_writes--; ps[2]++ }
	:: atomic { faults > 0 && p_link != OFF -> faults--; p_down() } /* crash, cut */
	:: atomic { faults > 0 && !is_reissued -> faults--; is_reissued = true; p_serial = 2 }
	od
}

/* ------------------------------------------------------------ the network */

active proctype Network()
{
	mtype type; byte s, n, v;

end:	do
	:: atomic { faults > 0 && nempty(up) -> up?type(s, n, v); faults--; type = 0; s = 0; n = 0; v = 0 }
	:: atomic { faults > 0 && nempty(down) -> down?type(s, n, v); faults--; type = 0; s = 0; n = 0; v = 0 }
	od
}
