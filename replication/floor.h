/* SPDX-License-Identifier: Apache-2.0 */
/*
 * floor -- what is left of a record whose oldest ops were dropped: its state at
 * the floor of its domain (base.h), from which it is folded on.
 *
 * A marked record has no row in REP_T_OPS at or below the floor that anybody
 * needs.  As long as it has no op above the floor either, what is stored of it
 * is its state at the floor.  Before the first such op its rows are copied.
 *
 * REP_T_FLOOR: record id -> the struct below: the record is marked
 *              record id, table, key -> a row of it as it was at the floor
 */
#ifndef REPLICATION_FLOOR_H
#define REPLICATION_FLOOR_H

#include "replication/base.h"
#include "replication/overlay.h"

struct rep_floor {
	struct tr_nid scope;  /* the domain whose ops it stands for */
	uint8_t lane;
	uint64_t copy;        /* number of the floor that the copied rows are of; 0: nothing is copied; UINT64_MAX: it could not be read */
};

/* 0; TR_E_NOTFOUND: all ops of the record are here; TR_E_DAMAGED, errors of get. */
TR_MUST_CHECK int rep_floor_find(const struct rep_view *view, const struct tr_rec_id *id, struct rep_floor *out);
/* The floor that a marked record is to be folded on from; NULL: it is not known here. */
const struct rep_base *rep_floor_base(const struct rep_node *node, const struct rep_floor *floor);
/* The rows as of the floor into `to`, under their own keys.  Errors of seek and put. */
TR_MUST_CHECK int rep_floor_fill(const struct rep_view *view, const struct tr_rec_id *id, const struct rep_floor *floor,
    const struct rep_view *to);
/* An op of the record is to be listed in REP_T_OPS: what is stored of a marked
 * one is copied first.  Sticky. */
void rep_floor_keep(struct rep_node *node, const struct tr_rec_id *id);
/* Marks it.  `rows`: its rows as they were there, copied; NULL: it is still as
 * it was.  What was copied before goes.  Sticky. */
void rep_floor_set(struct rep_node *node, const struct tr_rec_id *id, const struct rep_floor *floor,
    struct rep_overlay *rows);

#endif
