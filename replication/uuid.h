/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uuid -- ids of records: UUIDv7 (RFC 9562, section 5.7), ascending within a
 * node, so that new rows go to the end of the tables that are ordered by id.
 */
#ifndef REPLICATION_UUID_H
#define REPLICATION_UUID_H

#include "replication/node.h"

void rep_uuid_new(struct rep_node *node, struct tr_rec_id *out);

#endif
