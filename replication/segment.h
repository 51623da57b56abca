/* SPDX-License-Identifier: Apache-2.0 */
/*
 * segment -- a signed batch of ops: header, Merkle root, signature.
 *
 * Header: 152 bytes, docs/protocol.md "Formats".  Merkle tree: the shape of
 * RFC 9162 section 2.1.1 with prefixes 0x00 (leaf) and 0x01 (node), hash
 * BLAKE2b-256.  Signature: Ed25519 over "terrace/seg/1" 0x00 and the header.
 * Threads: none.
 */
#ifndef REPLICATION_SEGMENT_H
#define REPLICATION_SEGMENT_H

#include "proto/limits.h"
#include "proto/vocab.h"

/* One entry of the author's full vector of a domain, own log left out. */
struct rep_vec {
	struct tr_nid author;
	uint64_t inc;
	uint64_t seq;
	uint8_t h16[16]; /* first bytes of the hash of the segment that ends at seq */
};

struct rep_seg_head {
	struct tr_log_id log;
	uint32_t serial;
	uint64_t first;
	uint32_t count;
	struct tr_hlc hlc;
	uint8_t clockq;
	struct tr_hash prev; /* zero for the first segment of a log */
	struct tr_hash root;
	struct tr_hash ctxhash;
};

void rep_seg_head_encode(const struct rep_seg_head *head, uint8_t out[static TR_SEG_HEADER_SIZE]);
/* False: not a header of this form. */
bool rep_seg_head_decode(struct rep_seg_head *head, const uint8_t in[static TR_SEG_HEADER_SIZE]);
void rep_seg_hash(const uint8_t header[static TR_SEG_HEADER_SIZE], struct tr_hash *out);
/* entries are sorted by (author, inc, seq, h16) in place before hashing; seq little-endian. */
void rep_seg_ctxhash(struct rep_vec *entries, size_t count, struct tr_hash *out);
/* leaves: 1..TR_SEG_OPS_MAX, overwritten as scratch. */
void rep_seg_root(struct tr_hash *leaves, size_t count, struct tr_hash *out);
void rep_seg_sign(const uint8_t header[static TR_SEG_HEADER_SIZE],
    const uint8_t sign_sk[static 64], uint8_t sig[static 64]);
bool rep_seg_verify(const uint8_t header[static TR_SEG_HEADER_SIZE],
    const uint8_t sig[static 64], const struct tr_key *sign_pk);

#endif
