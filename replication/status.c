/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/status.h"

struct state {
	const char *name; /* NULL: there is no such state */
	uint8_t rank;
	bool open;
};

static const struct state case_states[REP_STATUS_MAX + 1] = {
    [REP_CASE_REPORTED] = {"reported", 10, true},
    [REP_CASE_FILED] = {"filed", 20, true},
    [REP_CASE_RETURNED] = {"returned", 25, true},
    [REP_CASE_DISPATCHED] = {"dispatched", 30, true},
    [REP_CASE_SUSPENDED] = {"suspended", 35, true},
    [REP_CASE_HANDLING] = {"handling", 40, true},
    [REP_CASE_REWORK] = {"rework", 45, true},
    [REP_CASE_HANDLED] = {"handled", 50, true},
    [REP_CASE_SELF_HANDLED] = {"self_handled", 50, true},
    [REP_CASE_VERIFIED] = {"verified", 55, true},
    [REP_CASE_CLOSED] = {"closed", 60, false},
    [REP_CASE_DUPLICATE] = {"duplicate", 65, false},
    [REP_CASE_REOPENED] = {"reopened", 70, true},
    [REP_CASE_VOIDED] = {"voided", 80, false},
    [REP_CASE_MOVED] = {"moved", 90, false},
};

static const struct state directive_states[REP_STATUS_MAX + 1] = {
    [REP_DIR_ISSUED] = {"issued", 10, true},
    [REP_DIR_ACKNOWLEDGED] = {"acknowledged", 20, true},
    [REP_DIR_ACCEPTED] = {"accepted", 30, true},
    [REP_DIR_DECLINED] = {"declined", 35, true},
    [REP_DIR_DONE] = {"done", 50, true},
    [REP_DIR_SENT_BACK] = {"sent_back", 55, true},
    [REP_DIR_CONFIRMED] = {"confirmed", 60, false},
    [REP_DIR_WITHDRAWN] = {"withdrawn", 80, false},
    [REP_DIR_SUPERSEDED] = {"superseded", 80, false},
};

#define CASE(from, to, caps, needs) \
	{REP_CASE_##from, REP_CASE_##to, REP_WHO_ANY, needs, TR_CAP_##caps}
#define SUSPEND(from) \
	CASE(from, SUSPENDED, COMMAND, REP_NEEDS_REASON | REP_NEEDS_UNTIL)

static const struct rep_status_move case_moves[] = {
    CASE(REPORTED, FILED, SUPERVISE, 0),
    CASE(REPORTED, VOIDED, SUPERVISE, REP_NEEDS_REASON),
    CASE(REPORTED, DUPLICATE, SUPERVISE, 0),
    CASE(REPORTED, SELF_HANDLED, HANDLE, 0),
    CASE(FILED, DISPATCHED, COMMAND, 0),
    CASE(DISPATCHED, HANDLING, HANDLE, 0),
    CASE(DISPATCHED, RETURNED, HANDLE, REP_NEEDS_REASON),
    CASE(RETURNED, DISPATCHED, COMMAND, 0),
    CASE(HANDLING, HANDLED, HANDLE, 0),
    CASE(HANDLED, VERIFIED, SUPERVISE, 0),
    CASE(HANDLED, REWORK, SUPERVISE, REP_NEEDS_REASON),
    CASE(REWORK, HANDLING, HANDLE, 0),
    CASE(SELF_HANDLED, VERIFIED, SUPERVISE, 0),
    CASE(VERIFIED, CLOSED, SUPERVISE, 0),
    CASE(CLOSED, REOPENED, SUPERVISE, 0),
    CASE(REOPENED, DISPATCHED, COMMAND, 0),
    SUSPEND(REPORTED),
    SUSPEND(FILED),
    SUSPEND(RETURNED),
    SUSPEND(DISPATCHED),
    SUSPEND(HANDLING),
    SUSPEND(REWORK),
    SUSPEND(HANDLED),
    SUSPEND(SELF_HANDLED),
    SUSPEND(VERIFIED),
    SUSPEND(REOPENED),
    /* Who may suspend may end it, whatever the state is that comes back. */
    {REP_CASE_SUSPENDED, REP_STATUS_BEFORE, REP_WHO_ANY, 0, TR_CAP_COMMAND},
};

#define RUNG(from, to, needs) \
	{REP_DIR_##from, REP_DIR_##to, REP_WHO_TARGET, needs, 0}
#define ISSUER(from, to, needs) \
	{REP_DIR_##from, REP_DIR_##to, REP_WHO_ISSUER, needs, TR_CAP_DIRECT}
#define CALL_OFF(from) ISSUER(from, WITHDRAWN, 0), ISSUER(from, SUPERSEDED, 0)

static const struct rep_status_move directive_moves[] = {
    RUNG(ISSUED, ACKNOWLEDGED, 0),
    RUNG(ISSUED, ACCEPTED, 0),
    RUNG(ISSUED, DECLINED, REP_NEEDS_REASON),
    RUNG(ACKNOWLEDGED, ACCEPTED, 0),
    RUNG(ACKNOWLEDGED, DECLINED, REP_NEEDS_REASON),
    RUNG(ACKNOWLEDGED, DONE, 0),
    RUNG(ACCEPTED, DECLINED, REP_NEEDS_REASON),
    RUNG(ACCEPTED, DONE, 0),
    RUNG(DECLINED, ACCEPTED, 0),
    RUNG(SENT_BACK, ACKNOWLEDGED, 0),
    RUNG(SENT_BACK, ACCEPTED, 0),
    RUNG(SENT_BACK, DECLINED, REP_NEEDS_REASON),
    RUNG(SENT_BACK, DONE, 0),
    ISSUER(DONE, CONFIRMED, 0),
    ISSUER(DONE, SENT_BACK, REP_NEEDS_REASON),
    ISSUER(DECLINED, CONFIRMED, 0),
    ISSUER(DECLINED, SENT_BACK, REP_NEEDS_REASON),
    CALL_OFF(ISSUED),
    CALL_OFF(ACKNOWLEDGED),
    CALL_OFF(ACCEPTED),
    CALL_OFF(DECLINED),
    CALL_OFF(DONE),
    CALL_OFF(SENT_BACK),
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct state *state_of(uint8_t kind, int64_t status)
{
	const struct state *states = kind == TR_KIND_CASE ? case_states
	    : kind == TR_KIND_DIRECTIVE                   ? directive_states
							  : NULL;

	if (states == NULL || status <= 0 || status > REP_STATUS_MAX)
		return NULL;
	return states[status].name != NULL ? &states[status] : NULL;
}

const struct rep_status_move *rep_status_move_at(uint8_t kind, size_t i)
{
	if (kind == TR_KIND_CASE && i < COUNT(case_moves))
		return &case_moves[i];
	if (kind == TR_KIND_DIRECTIVE && i < COUNT(directive_moves))
		return &directive_moves[i];
	return NULL;
}

const struct rep_status_move *rep_status_move(
    uint8_t kind, uint8_t from, uint8_t to)
{
	const struct rep_status_move *m;

	for (size_t i = 0; (m = rep_status_move_at(kind, i)) != NULL; i++)
		if (m->from == from && m->to == to)
			return m;
	return NULL;
}

uint8_t rep_status_first(uint8_t kind)
{
	return kind == TR_KIND_CASE    ? REP_CASE_REPORTED
	    : kind == TR_KIND_DIRECTIVE ? REP_DIR_ISSUED
				        : 0;
}

int rep_status_rank(uint8_t kind, int64_t status)
{
	const struct state *s = state_of(kind, status);

	return s != NULL ? s->rank : -1;
}

const char *rep_status_name(uint8_t kind, int64_t status)
{
	const struct state *s = state_of(kind, status);

	return s != NULL ? s->name : NULL;
}

bool rep_status_is_open(uint8_t kind, int64_t status)
{
	const struct state *s = state_of(kind, status);

	return s != NULL && s->open;
}
