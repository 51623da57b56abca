/* SPDX-License-Identifier: Apache-2.0 */
/*
 * known -- does this version understand an op?  What it does not is kept and
 * passed on, is no violation, and takes effect after an upgrade.
 */
#ifndef REPLICATION_KNOWN_H
#define REPLICATION_KNOWN_H

#include "replication/op.h"

/* A vocabulary: kinds of ops and records, fields, values.  Zero: all that this
 * program has.  Tests make an older program of it. */
struct rep_known {
	uint32_t number;    /* grows with every word added; 0 = TR_VOCABULARY */
	uint64_t ops;       /* bit = enum tr_op_kind; 0 = all */
	uint32_t kinds;     /* bit = enum tr_kind; 0 = all */
	uint16_t field_max; /* largest field id; 0 = all */
	uint8_t status_max; /* largest status of a case; 0 = all */
};

/* Why an op waits for a newer program; the number is in REP_T_LATER. */
enum rep_later {
	REP_LATER_NOT = 0,
	REP_LATER_FORM,    /* its bytes are of no known form */
	REP_LATER_OP,      /* kind of op */
	REP_LATER_KIND,    /* kind of record */
	REP_LATER_FIELD,
	REP_LATER_VALUE,   /* of a list of words, or sealed */
	REP_LATER_DEPENDS, /* makes no sense without another that waits */
};

/* Kind of op, before its body is looked at. */
bool rep_known_kind(const struct rep_known *known, uint32_t op_kind);
/* An op of a record: kind of record, fields, values. */
enum rep_later rep_known_op(const struct rep_known *known, const struct rep_op *op);

#endif
