/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status -- the two status machines, as tables: which moves there are, who may
 * make them, what they must carry.  Authority is code, never policy: it is
 * tied to TR_STATE_VER, so that every holder decides alike.
 *
 * Case:
 *
 *   REPORTED -> FILED -> DISPATCHED -> HANDLING -> HANDLED -> VERIFIED -> CLOSED
 *      |                  |   ^  ^        ^          |  ^                   |
 *      |          RETURNED<   |  |        |  REWORK<-'  |                   |
 *      |              '-------'  |        '----'        |                   |
 *      |                         '------- REOPENED <----|-------------------'
 *      |-> SELF_HANDLED -> VERIFIED                     |
 *      |-> VOIDED                 any open state -> SUSPENDED -> the state before
 *      '-> DUPLICATE         any open state -> MOVED (op TRANSFER, merge_move.c)
 *
 * Directive:
 *
 *   ISSUED -> ACKNOWLEDGED -> ACCEPTED -> DONE -> CONFIRMED
 *      '----------|-------------^  |        '---> SENT_BACK -> a rung again
 *                 '-> DECLINED <---'   any state that is not final
 *                                      -> WITHDRAWN | SUPERSEDED
 *
 * Numbers are on the wire and never change.
 * Threads: none; no state.
 * See:     docs/protocol.md, "Status machines".
 */
#ifndef REPLICATION_STATUS_H
#define REPLICATION_STATUS_H

#include "proto/vocab.h"

enum rep_case_status {
	REP_CASE_REPORTED = 1,
	REP_CASE_FILED = 2,
	REP_CASE_RETURNED = 3,
	REP_CASE_DISPATCHED = 4,
	REP_CASE_SUSPENDED = 5,
	REP_CASE_HANDLING = 6,
	REP_CASE_REWORK = 7,
	REP_CASE_HANDLED = 8,
	REP_CASE_SELF_HANDLED = 9,
	REP_CASE_VERIFIED = 10,
	REP_CASE_CLOSED = 11,
	REP_CASE_DUPLICATE = 12,
	REP_CASE_REOPENED = 13,
	REP_CASE_VOIDED = 14,
	/* It goes on as another record, under another home: by a TRANSFER, and
	 * nothing follows.  Above all ranks: two who moved it are a conflict. */
	REP_CASE_MOVED = 15,
};

enum rep_directive_status {
	REP_DIR_ISSUED = 1,
	REP_DIR_ACKNOWLEDGED = 2,
	REP_DIR_ACCEPTED = 3,
	REP_DIR_DECLINED = 4,
	REP_DIR_DONE = 5,
	REP_DIR_CONFIRMED = 6,
	REP_DIR_SENT_BACK = 7,
	REP_DIR_WITHDRAWN = 8,
	REP_DIR_SUPERSEDED = 9,
};

#define REP_STATUS_MAX 15

/* As a move's `to`: the state that a suspension interrupted. */
#define REP_STATUS_BEFORE 0u

/* Who, besides holding the caps. */
enum rep_status_who {
	REP_WHO_ANY = 0,    /* any node of the path */
	REP_WHO_TARGET = 1, /* the node whose scope it is */
	REP_WHO_ISSUER = 2, /* the issuer, or a node nearer to the root */
};

enum rep_status_needs {
	REP_NEEDS_REASON = 1u << 0,
	REP_NEEDS_UNTIL = 1u << 1,
};

struct rep_status_move {
	uint8_t from;
	uint8_t to;    /* or REP_STATUS_BEFORE */
	uint8_t who;   /* enum rep_status_who */
	uint8_t needs; /* enum rep_status_needs */
	uint32_t caps; /* enum tr_cap; all of them; 0 = none */
};

/* The moves of a kind in the machine's order, for help and documents; i from
 * 0; NULL at the end and for kinds without a status. */
const struct rep_status_move *rep_status_move_at(uint8_t kind, size_t i);
/* NULL if the machine has no such move. */
const struct rep_status_move *rep_status_move(
    uint8_t kind, uint8_t from, uint8_t to);

/* What a CREATE makes if it names no status; 0 for kinds without a status. */
uint8_t rep_status_first(uint8_t kind);
/* Rank among concurrent states: the highest is shown; -1 if unknown. */
int rep_status_rank(uint8_t kind, int64_t status);
/* "self_handled"; NULL if unknown. */
const char *rep_status_name(uint8_t kind, int64_t status);
/* Work is left to do: neither closed, voided, duplicate nor the like. */
bool rep_status_is_open(uint8_t kind, int64_t status);

#endif
