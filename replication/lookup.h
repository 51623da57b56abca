/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lookup -- cases by their source and its id, directives by their id: rows of
 * REP_T_SRC and REP_T_DIR, which follow from the candidates of the records.
 */
#ifndef REPLICATION_LOOKUP_H
#define REPLICATION_LOOKUP_H

#include "replication/keys.h"
#include "replication/node.h"

#define REP_TWINS_MAX 16 /* records of one source that a look-up names */

/* Key of the look-up under which a candidate puts its record: by source of a
 * case, by directive of a directive.  False: under none. */
bool rep_lookup_key(const struct rep_record *rec, uint16_t cand, struct rep_key *out);
/* A row of REP_T_SRC names the record. */
bool rep_lookup_lists(const struct tr_bytes *row, const struct tr_rec_id *id);
/*
 * Row of REP_T_SRC: ids of the twins, in order; sixteen are enough to be told
 * about.  `view`: node->view, where a row that cannot be read stops the step, or
 * node->raw for who repairs: there it is made anew.
 */
void rep_lookup_twin(struct rep_node *node, const struct rep_view *view, const struct rep_key *source, const struct tr_rec_id *id);
/* What the record's candidates say. */
void rep_lookup_add(struct rep_node *node, const struct rep_view *view, const struct rep_record *rec);
/* ... no longer: before it is folded again without some of its ops. */
void rep_lookup_remove(struct rep_node *node, const struct rep_view *view, const struct rep_record *rec);

#endif
