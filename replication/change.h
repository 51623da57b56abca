/* SPDX-License-Identifier: Apache-2.0 */
/*
 * change -- from what a door says to the values of one op: what is equal to
 * what is shown is left out, a touched group is written whole.
 */
#ifndef REPLICATION_CHANGE_H
#define REPLICATION_CHANGE_H

#include "replication/rep.h"

/* All appended to op->values; texts stay borrowed.  0; TR_E_PERSONAL,
 * TR_E_FIELD, TR_E_EXISTS (a fixed field), TR_E_LIMIT, with *field. */
TR_MUST_CHECK int rep_change_create(struct rep_op *op, const struct rep_write *w, uint16_t *field);
/* self, inc: whose cell a count goes to. */
TR_MUST_CHECK int rep_change_edit(struct rep_op *op, const struct rep_record *rec,
    const struct rep_view *view, const struct rep_write *w, struct tr_nid self, uint64_t inc, uint16_t *field);
/* TR_E_MOVED if the candidates are not the ones that the person saw. */
TR_MUST_CHECK int rep_change_resolve(struct rep_op *op, const struct rep_record *rec, const struct rep_write *w);

#endif
