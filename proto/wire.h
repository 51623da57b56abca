/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire -- bytes <-> messages; ALL structural validation of outside bytes.
 *
 * Decoding: a pre-scan over the raw bytes (depth, field count, wire types,
 * lengths inside their parent, nothing singular twice, and for each field its
 * size, range, UTF-8 without NUL, see wire_rules.c), then protobuf-c unpack
 * into a capped arena.  What passes is well-formed, not yet true: signatures
 * are checked by replication/.  Certificates, the root and ops are not decoded
 * here but by replication/identity and replication/op with proto/pb.h.
 * Owns:    decoded messages live in the arena until it is reset.
 * Threads: none; an arena belongs to its caller.
 */
#ifndef PROTO_WIRE_H
#define PROTO_WIRE_H

#include "proto/record.pb-c.h"
#include "proto/vocab.h"
#include "proto/wire.pb-c.h"

struct wire_arena; /* bump allocator, grows by blocks up to a cap set per message */

struct wire_arena *wire_arena_create(void); /* NULL if out of memory */
void wire_arena_free(struct wire_arena *arena);
void wire_arena_reset(struct wire_arena *arena);

/* 0; TR_E_INPUT, TR_E_LIMIT, TR_E_UTF8.  *out is borrowed from the arena.
 * The arena is NOT reset by these calls: several messages may live in it. */
TR_MUST_CHECK int wire_msg_decode(struct wire_arena *arena, struct tr_bytes in, Terrace__Msg **out);
TR_MUST_CHECK int wire_seg_decode(struct wire_arena *arena, struct tr_bytes in, Terrace__Seg **out);
TR_MUST_CHECK int wire_snap_seg_decode(struct wire_arena *arena, struct tr_bytes in, Terrace__SnapSeg **out);
TR_MUST_CHECK int wire_cert_req_decode(struct wire_arena *arena, struct tr_bytes in, Terrace__CertReq **out);
TR_MUST_CHECK int wire_bundle_head_decode(struct wire_arena *arena, struct tr_bytes in, Terrace__BundleHead **out);
TR_MUST_CHECK int wire_bundle_tail_decode(struct wire_arena *arena, struct tr_bytes in, Terrace__BundleTail **out);

/* Encoded size of a message; wire_msg_encode writes exactly that many bytes. */
size_t wire_msg_size(const Terrace__Msg *msg);
size_t wire_msg_encode(const Terrace__Msg *msg, uint8_t *out);

/* Well-formed UTF-8 without NUL (RFC 3629). */
bool wire_utf8_ok(struct tr_bytes text);

/* Value of a hexadecimal digit, either case; -1 if it is none. */
int wire_hex_digit(uint8_t c);

/* Base-128 varints and little/big-endian integers, for keys and fixed layouts. */
size_t wire_varint_put(uint8_t *out, uint64_t v);        /* 1..10 bytes */
/* Bytes read; 0 if cut short or longer than needed (overlong). */
size_t wire_varint_get(struct tr_bytes in, uint64_t *v);
void wire_put_le32(uint8_t *out, uint32_t v);
void wire_put_le64(uint8_t *out, uint64_t v);
void wire_put_be16(uint8_t *out, uint16_t v);
void wire_put_be32(uint8_t *out, uint32_t v);
void wire_put_be64(uint8_t *out, uint64_t v);
uint32_t wire_get_le32(const uint8_t *in);
uint64_t wire_get_le64(const uint8_t *in);
uint16_t wire_get_be16(const uint8_t *in);
uint32_t wire_get_be32(const uint8_t *in);
uint64_t wire_get_be64(const uint8_t *in);

#endif
