/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys -- layouts of the store's keys.  Integers are big-endian, so that the
 * order of bytes is the order of numbers.  Records and their rows: record.c.
 */
#ifndef REPLICATION_KEYS_H
#define REPLICATION_KEYS_H

#include "proto/limits.h"
#include "proto/vocab.h"

#define REP_KEY_MAX (8 + TR_SOURCE_ID_MAX)

struct rep_key {
	uint8_t b[REP_KEY_MAX];
	size_t size;
};

struct rep_key rep_key_name(const char *name);                /* META */
struct rep_key rep_key_handle(uint32_t handle);               /* LOG */
struct rep_key rep_key_seq(uint32_t handle, uint64_t seq);    /* SEG (last), OPEN */
struct rep_key rep_key_nid(struct tr_nid nid);                /* UNIT, HEAD, RCPT, PEER */
struct rep_key rep_key_cert(struct tr_nid nid, uint32_t serial);
struct rep_key rep_key_peer_cert(struct tr_nid peer, struct tr_nid nid, uint32_t serial); /* PEER */
struct rep_key rep_key_cut(struct tr_nid scope, struct tr_nid nid, uint32_t serial, struct tr_dot dot);
struct rep_key rep_key_ops(const struct tr_rec_id *rec, struct tr_dot dot);
struct rep_key rep_key_source(struct tr_bytes source, struct tr_bytes source_id);
struct rep_key rep_key_directive(const struct tr_rec_id *directive, const struct tr_rec_id *rec);
struct rep_key rep_key_conflict(uint8_t kind, const struct tr_rec_id *rec, uint16_t group);
struct rep_key rep_key_idem(struct tr_bytes key);             /* KEY */
struct rep_key rep_key_idem_hour(uint32_t hour, const struct rep_key *idem); /* hours run, see node.h */

static inline struct tr_bytes rep_key_bytes(const struct rep_key *key)
{
	return (struct tr_bytes){key->b, key->size};
}

#endif
