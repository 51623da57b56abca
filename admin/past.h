/* SPDX-License-Identifier: Apache-2.0 */
/* past -- says what is no more here, below a list of what is. */
#ifndef ADMIN_PAST_H
#define ADMIN_PAST_H

#include "admin/args.h"

#include <jansson.h>

/* `dropped` of an answer: changes of a record that went below a checkpoint; null: none did. */
void tc_past_dropped(const struct tc_run *run, const json_t *dropped);

#endif
