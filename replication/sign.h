/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sign -- Ed25519 over a purpose and a body.
 *
 * What is signed is the purpose, one 0 byte, the body: a signature made for
 * one purpose is worth nothing for another.  Purposes are "terrace/NAME/1",
 * NAME among seg cert registrar root head receipt enroll bundle.  No other file
 * signs or verifies.
 * Threads: none.
 */
#ifndef REPLICATION_SIGN_H
#define REPLICATION_SIGN_H

#include "proto/limits.h"
#include "proto/vocab.h"

#define REP_SIGN_BODY_MAX 4096 /* the longest: a RECEIPT of TR_VECTOR_MAX entries */

/* body: at most REP_SIGN_BODY_MAX (asserted). */
void rep_sign(const char *purpose, struct tr_bytes body,
    const uint8_t sign_sk[static 64], uint8_t sig[static 64]);
bool rep_sign_verify(const char *purpose, struct tr_bytes body,
    const uint8_t sig[static 64], const struct tr_key *sign_pk);

#endif
