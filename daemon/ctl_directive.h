/* SPDX-License-Identifier: Apache-2.0 */
/* ctl_directive -- finding directives, for the verbs that send, step and show. */
#ifndef DAEMON_CTL_DIRECTIVE_H
#define DAEMON_CTL_DIRECTIVE_H

#include "daemon/ctl_int.h"

/* By directive id, prefix of >= 8 digits, id of one of its records, or number. */
TR_MUST_CHECK int td_ctl_find_directive(struct td_ctl_call *call, const char *text, struct tr_rec_id *out);
/* Its record for one target; TR_E_NOREC. */
TR_MUST_CHECK int td_ctl_directive_record(struct td_ctl_call *call, const struct tr_rec_id *directive,
    struct tr_nid target, struct tr_rec_id *out);

#endif
