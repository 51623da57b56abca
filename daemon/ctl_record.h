/* SPDX-License-Identifier: Apache-2.0 */
/* ctl_record -- parts of a record that several verbs show. */
#ifndef DAEMON_CTL_RECORD_H
#define DAEMON_CTL_RECORD_H

#include "daemon/ctl_int.h"

/* Canonical export object of td_ctl_record(). */
TR_MUST_CHECK int td_ctl_canon(struct td_ctl_call *call, json_t **out);
json_t *td_ctl_conflict_names(const struct rep_record *rec);
/* Where td_ctl_record() went, came from, and what was late (ctl_transfer.c). */
TR_MUST_CHECK int td_ctl_put_move(struct td_ctl_call *call, json_t *data);
/* "history" of td_ctl_record() (ctl_history.c). */
TR_MUST_CHECK int td_ctl_put_history(struct td_ctl_call *call, json_t *data);
/* {"field": value} of an op. */
json_t *td_ctl_changes(struct td_ctl_call *call, const struct rep_op *op);
/* Shown value of a register by name; null if none. */
void td_ctl_put_field(struct td_ctl_call *call, json_t *o, const struct rep_record *rec, const char *name);
/* `kind`: unchanged if absent; TR_E_USAGE. */
TR_MUST_CHECK int td_ctl_arg_kind(struct td_ctl_call *call, uint8_t *out);

#endif
