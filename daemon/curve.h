/* SPDX-License-Identifier: Apache-2.0 */
/*
 * curve -- CURVE and ZAP: who may talk to us at all.
 *
 * Fails closed: without an answer of the ZAP handler nobody gets in.  The
 * handler gives each connection two properties that come back with every
 * message of it: User-Id (the proven key, hexadecimal) and a number, so that a
 * later connection of the same key is told from an earlier one.
 * Threads: none; the handler runs in the carrier's loop.
 */
#ifndef DAEMON_CURVE_H
#define DAEMON_CURVE_H

#include "proto/vocab.h"

#include <zmq.h>

#define TD_CURVE_MSG_CONNECTION "X-Connection"

/* Options that every socket of a link has, before bind or connect. */
TR_MUST_CHECK int td_curve_limits(void *socket, int handshake_ms);
TR_MUST_CHECK int td_curve_server(void *socket, const uint8_t secret[static 32]);
TR_MUST_CHECK int td_curve_client(void *socket, const uint8_t pk[static 32],
    const uint8_t sk[static 32], const uint8_t server_pk[static 32]);

/* Makes the handler's socket; before any bind.  NULL on error. */
void *td_curve_zap_open(void *context);
/*
 * Answers what waits.  allowed(): may this key in?  number: counter of
 * connections let in, from 1.  True if it answered anything.
 */
bool td_curve_zap_serve(void *zap, uint64_t *number,
    bool (*allowed)(void *arg, const struct tr_key *key), void *arg);

/* Proven key and connection number of a message's frame that is not the routing id. */
TR_MUST_CHECK int td_curve_whose(zmq_msg_t *msg, struct tr_key *key, uint64_t *number);

#endif
