/* SPDX-License-Identifier: Apache-2.0 */
/* town -- a street that has seen some things, for the targets that need a
 * node: own records, those of its leaf, a directive and a receipt from above. */
#ifndef TESTS_FUZZ_TOWN_H
#define TESTS_FUZZ_TOWN_H

#include "tests/lib/rig.h"

/* A street with all of that; no link is up. */
void town_build(struct rig *r);
/* Its parent and its leaf connect and send a little; stops at the first error of the store. */
void town_visit(struct rig *r);
/* One local write: a case of the number n; a step of it if there was one. */
void town_write(struct rig *r, uint8_t n, uint8_t what);
/* A signed HEAD of a party, a signed RECEIPT of the top for a scope. */
void town_head(struct rig *r, enum rig_who who, uint32_t ctr, uint32_t xseq);
void town_receipt(struct rig *r, uint64_t scope, uint32_t ctr, uint32_t handle, uint64_t seq);

#endif
