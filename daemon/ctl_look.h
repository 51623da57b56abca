/* SPDX-License-Identifier: Apache-2.0 */
/* ctl_look -- words that several views show alike. */
#ifndef DAEMON_CTL_LOOK_H
#define DAEMON_CTL_LOOK_H

#include "daemon/ctl_int.h"

const char *td_ctl_link_word(enum rep_link_state state); /* up down never refused paused */
json_t *td_ctl_delay(const struct rep_link_info *link);  /* {"p50","p95"} in seconds */
const char *td_ctl_role(const struct td_ctl_call *call); /* hub relay leaf */

#endif
