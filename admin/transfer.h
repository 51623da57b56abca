/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transfer -- what `record show` says of a case that moved to another home, or
 * came from one.
 */
#ifndef ADMIN_TRANSFER_H
#define ADMIN_TRANSFER_H

#include "admin/args.h"

#include <jansson.h>

void tc_transfer_show(const struct tc_run *run, const json_t *data);

#endif
