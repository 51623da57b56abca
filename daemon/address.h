/* SPDX-License-Identifier: Apache-2.0 */
/*
 * address -- "tcp://HOST:PORT", as it stands in terrace.yaml and in tokens.
 *
 * HOST is IPv4, [IPv6] or a name; when listening also "*".
 * Threads: none.
 */
#ifndef DAEMON_ADDRESS_H
#define DAEMON_ADDRESS_H

#include "proto/vocab.h"

#define TD_ADDRESS_MAX 127 /* characters of the whole text, without NUL */
#define TD_ADDRESS_HOST_MAX 107

struct td_address {
	char host[TD_ADDRESS_HOST_MAX + 1]; /* without brackets */
	uint16_t port;                      /* 0 = any; only to listen */
	bool is_numeric;                    /* IPv4 or IPv6: no name service needed */
	bool is_v6;
};

/*
 * "tcp://" may be left out.
 * 0; TR_E_INPUT and a sentence for people in *why (static).
 */
TR_MUST_CHECK int td_address_parse(const char *text, bool to_listen,
    struct td_address *out, const char **why);
/* The full form with "tcp://" and brackets; out: TD_ADDRESS_MAX + 1. */
void td_address_print(const struct td_address *address, char *out);

#endif
