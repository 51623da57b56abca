/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/keys.h"

#include <string.h>

#include <sodium/crypto_generichash.h>

#include "proto/err.h"
#include "proto/wire.h"

static void add(struct rep_key *key, const void *data, size_t size)
{
	TR_ASSERT(key->size + size <= REP_KEY_MAX);
	memcpy(key->b + key->size, data, size);
	key->size += size;
}

static void add_u16(struct rep_key *key, uint16_t v)
{
	uint8_t b[2];

	wire_put_be16(b, v);
	add(key, b, sizeof(b));
}

static void add_u32(struct rep_key *key, uint32_t v)
{
	uint8_t b[4];

	wire_put_be32(b, v);
	add(key, b, sizeof(b));
}

static void add_u64(struct rep_key *key, uint64_t v)
{
	uint8_t b[8];

	wire_put_be64(b, v);
	add(key, b, sizeof(b));
}

struct rep_key rep_key_name(const char *name)
{
	struct rep_key key = {.size = 0};

	add(&key, name, strlen(name));
	return key;
}

struct rep_key rep_key_handle(uint32_t handle)
{
	struct rep_key key = {.size = 0};

	add_u32(&key, handle);
	return key;
}

struct rep_key rep_key_seq(uint32_t handle, uint64_t seq)
{
	struct rep_key key = {.size = 0};

	add_u32(&key, handle);
	add_u64(&key, seq);
	return key;
}

struct rep_key rep_key_nid(struct tr_nid nid)
{
	struct rep_key key = {.size = 0};

	add_u64(&key, nid.v);
	return key;
}

struct rep_key rep_key_cert(struct tr_nid nid, uint32_t serial)
{
	struct rep_key key = {.size = 0};

	add_u64(&key, nid.v);
	add_u32(&key, serial);
	return key;
}

struct rep_key rep_key_peer_cert(struct tr_nid peer, struct tr_nid nid, uint32_t serial)
{
	struct rep_key key = {.size = 0};

	add_u64(&key, peer.v);
	add(&key, "c", 1);
	add_u64(&key, nid.v);
	add_u32(&key, serial);
	return key;
}

struct rep_key rep_key_cut(struct tr_nid scope, struct tr_nid nid, uint32_t serial, struct tr_dot dot)
{
	struct rep_key key = {.size = 0};

	add_u64(&key, scope.v);
	add_u64(&key, nid.v);
	add_u32(&key, serial);
	add_u32(&key, dot.log);
	add_u64(&key, dot.seq);
	return key;
}

struct rep_key rep_key_ops(const struct tr_rec_id *rec, struct tr_dot dot)
{
	struct rep_key key = {.size = 0};

	add(&key, rec->b, sizeof(rec->b));
	add_u32(&key, dot.log);
	add_u64(&key, dot.seq);
	return key;
}

/*
 * The ids of one source mostly grow, so they stay readable in the key: rows of
 * a busy day then lie side by side, where hashes would touch a page each.
 */
struct rep_key rep_key_source(struct tr_bytes source, struct tr_bytes source_id)
{
	struct rep_key key = {.size = 8};

	TR_ASSERT(source_id.size <= TR_SOURCE_ID_MAX);
	crypto_generichash(key.b, 16, source.data, source.size, NULL, 0);
	add(&key, source_id.data, source_id.size);
	return key;
}

struct rep_key rep_key_directive(const struct tr_rec_id *directive, const struct tr_rec_id *rec)
{
	struct rep_key key = {.size = 0};

	add(&key, directive->b, sizeof(directive->b));
	if (rec != NULL)
		add(&key, rec->b, sizeof(rec->b));
	return key;
}

struct rep_key rep_key_conflict(uint8_t kind, const struct tr_rec_id *rec, uint16_t group)
{
	struct rep_key key = {.size = 0};

	add(&key, &kind, 1);
	add(&key, rec->b, sizeof(rec->b));
	add_u16(&key, group);
	return key;
}

struct rep_key rep_key_idem(struct tr_bytes key_text)
{
	struct rep_key key = {.size = 0};

	add(&key, "k", 1);
	crypto_generichash(key.b + 1, 16, key_text.data, key_text.size, NULL, 0);
	key.size += 16;
	return key;
}

struct rep_key rep_key_idem_hour(uint32_t hour, const struct rep_key *idem)
{
	struct rep_key key = {.size = 0};

	add(&key, "d", 1);
	add_u32(&key, hour);
	if (idem != NULL)
		add(&key, idem->b, idem->size);
	return key;
}
