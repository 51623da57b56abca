/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hostile -- a client of ours that keeps no rule: ZeroMQ used by hand.
 */
#ifndef TESTS_NET_HOSTILE_H
#define TESTS_NET_HOSTILE_H

#include "tests/net/party.h"

struct hostile {
	void *context, *socket;
	struct tr_key pk;
	uint8_t sk[32];
};

void hostile_init(struct hostile *hostile);
/* With CURVE under its own key; NULL server key: without. */
void hostile_dial(struct hostile *hostile, const char *address,
    const struct tr_key *server_pk, const char *route);
void hostile_hang_up(struct hostile *hostile);
/* One message of `parts` frames of this size, first byte `how`. */
void hostile_send(struct hostile *hostile, unsigned parts, size_t size,
    uint8_t how);
void hostile_fini(struct hostile *hostile);

#endif
