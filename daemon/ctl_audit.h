/* SPDX-License-Identifier: Apache-2.0 */
/* ctl_audit -- `verify --against`: an audit with a neighbour over the live link. */
#ifndef DAEMON_CTL_AUDIT_H
#define DAEMON_CTL_AUDIT_H

#include "daemon/ctl_int.h"

#define TD_CTL_AUDIT_WAIT_S 30       /* domains that ops are under way for are tried again so long */
#define TD_CTL_AUDIT_WAIT_MAX_S 3600

struct td_ctl_audit;

/* Asks for it; the result is waited for by td_ctl_audit_is_done(). */
TR_MUST_CHECK int td_ctl_audit_begin(struct td_ctl_call *call, struct tr_nid peer, struct tr_nid unit,
    uint32_t wait_ms, struct td_ctl_audit **out);
void td_ctl_audit_free(struct td_ctl_audit *audit); /* NULL is fine */
/* False: the call's pump is taken away until go_on(call) is called. */
bool td_ctl_audit_is_done(struct td_ctl_audit *audit, void (*go_on)(struct td_ctl_call *call));
json_t *td_ctl_audit_json(struct td_ctl_call *call, const struct td_ctl_audit *audit);

#endif
