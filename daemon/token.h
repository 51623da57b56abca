/* SPDX-License-Identifier: Apache-2.0 */
/*
 * token -- the one line that a new unit's machine gets from its parent.
 *
 * "TRC1" + base64url( parent key 32 | root hash 32 | id 16 | secret 16 |
 * address size 1 | address without "tcp://" | check 4 ), about 160 characters.
 * check = first 4 bytes of BLAKE2b over what precedes it: against typing
 * errors, not against people.  The secret makes the token one: whoever has it
 * may join once, so it is shown once and never logged.
 * Threads: none.
 */
#ifndef DAEMON_TOKEN_H
#define DAEMON_TOKEN_H

#include "daemon/address.h"
#include "proto/limits.h"
#include "proto/vocab.h"

#define TD_TOKEN_TEXT_MAX 320 /* with NUL */

struct td_token {
	char address[TD_ADDRESS_MAX + 1]; /* the parent's, "tcp://..." */
	struct tr_key parent_pk;          /* the parent's CURVE key, pinned */
	struct tr_hash root_hash;         /* of the zone's trust root, pinned */
	uint8_t id[TR_TOKEN_ID_SIZE];
	uint8_t secret[TR_TOKEN_SECRET_SIZE];
};

/* 0; TR_E_INPUT: the address is none that a child could dial. */
TR_MUST_CHECK int td_token_encode(const struct td_token *token,
    char out[static TD_TOKEN_TEXT_MAX]);
/*
 * Blanks and line ends inside are skipped: mail programs break long lines.
 * 0; TR_E_INPUT with a sentence for people in *why (static).
 */
TR_MUST_CHECK int td_token_decode(const char *text, struct td_token *out,
    const char **why);

#endif
