/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/bundle_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xxhash.h>

#include "proto/err.h"
#include "proto/wire.h"
#include "replication/sign.h"

static const uint8_t magic[8] = {'T', 'R', 'C', 'B', 'N', 'D', 'L', '1'};

#define PURPOSE "terrace/bundle/1"
#define TAIL_BODY_SIZE (1 + 8 + 8 + 32)
#define TAIL_MAX 512

static void tail_body(uint64_t frames, uint64_t bytes, const uint8_t hash[static 32],
    uint8_t out[static TAIL_BODY_SIZE])
{
	out[0] = 'T';
	wire_put_le64(out + 1, frames);
	wire_put_le64(out + 9, bytes);
	memcpy(out + 17, hash, 32);
}

/* ------------------------------------------------------------------- write */

static void put(struct td_bundle_writer *writer, const void *data, size_t size)
{
	if (writer->rc != 0)
		return;
	crypto_generichash_update(&writer->hash, data, size);
	writer->rc = writer->put(writer->arg, (struct tr_bytes){data, size});
	writer->bytes += size;
}

static void put_u32(struct td_bundle_writer *writer, uint32_t v)
{
	uint8_t le[4];

	wire_put_le32(le, v);
	put(writer, le, sizeof(le));
}

static ProtobufCBinaryData text_of(const char *text)
{
	return (ProtobufCBinaryData){strlen(text), (uint8_t *)(uintptr_t)text};
}

int td_bundle_write_head(struct td_bundle_writer *writer, const struct td_bundle_head *head)
{
	Terrace__BundleHead h = TERRACE__BUNDLE_HEAD__INIT;
	uint8_t buf[TD_BUNDLE_HEAD_MAX], sig[64];
	size_t size;

	h.zone = head->zone;
	h.from = head->from.v;
	h.to = head->to.v;
	h.number = head->number;
	h.created_ms = (uint64_t)head->created_ms;
	h.format = TD_BUNDLE_FORMAT;
	h.from_unit = text_of(head->from_unit);
	h.to_unit = text_of(head->to_unit);
	h.store = head->store;
	size = terrace__bundle_head__get_packed_size(&h);
	TR_ASSERT(size <= sizeof(buf));
	terrace__bundle_head__pack(&h, buf);
	writer->sign(writer->arg, (struct tr_bytes){buf, size}, sig);
	crypto_generichash_init(&writer->hash, NULL, 0, 32);
	put(writer, magic, sizeof(magic));
	put_u32(writer, (uint32_t)size);
	put(writer, buf, size);
	put(writer, sig, sizeof(sig));
	return writer->rc;
}

int td_bundle_write_frame(struct td_bundle_writer *writer, struct tr_bytes msg)
{
	if (msg.size == 0 || msg.size > TR_FRAME_RAW_MAX)
		return TR_E_SIZE;
	put_u32(writer, (uint32_t)msg.size);
	put_u32(writer, XXH32(msg.data, msg.size, 0));
	put(writer, msg.data, msg.size);
	writer->frames++;
	return writer->rc;
}

int td_bundle_write_tail(struct td_bundle_writer *writer)
{
	Terrace__BundleTail t = TERRACE__BUNDLE_TAIL__INIT;
	uint8_t hash[32], body[TAIL_BODY_SIZE], sig[64], buf[TAIL_MAX];
	size_t size;

	crypto_generichash_final(&writer->hash, hash, sizeof(hash));
	tail_body(writer->frames, writer->bytes, hash, body);
	writer->sign(writer->arg, (struct tr_bytes){body, sizeof(body)}, sig);
	t.frames = writer->frames;
	t.bytes = writer->bytes;
	t.hash = (ProtobufCBinaryData){sizeof(hash), hash};
	t.sig = (ProtobufCBinaryData){sizeof(sig), sig};
	size = terrace__bundle_tail__get_packed_size(&t);
	TR_ASSERT(size <= sizeof(buf));
	terrace__bundle_tail__pack(&t, buf);
	/* The hash is final: what follows is not part of it. */
	crypto_generichash_init(&writer->hash, NULL, 0, 32);
	put_u32(writer, 0);
	put_u32(writer, (uint32_t)size);
	put(writer, buf, size);
	return writer->rc;
}

/* -------------------------------------------------------------------- read */

struct td_bundle_reader {
	int fd;
	struct td_bundle_head head;
	uint8_t head_raw[TD_BUNDLE_HEAD_MAX], head_sig[64];
	size_t head_size;
	crypto_generichash_state hash;
	uint64_t bytes;  /* hashed so far */
	uint64_t offset; /* where the last frame began */
	uint64_t frames;
	struct wire_arena *arena;
	uint8_t tail_hash[32], tail_sig[64], own_hash[32];
	uint64_t tail_frames, tail_bytes;
	bool has_tail;
	uint8_t buf[TR_FRAME_RAW_MAX];
};

/* All of it, or TR_E_DAMAGED where the file ends; TR_E_IO. */
static int get(struct td_bundle_reader *reader, void *out, size_t size)
{
	uint8_t *p = out;
	size_t left = size;

	while (left > 0) {
		ssize_t n = read(reader->fd, p, left);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return TR_E_IO;
		if (n == 0)
			return TR_E_DAMAGED;
		p += n;
		left -= (size_t)n;
	}
	return 0;
}

static int get_hashed(struct td_bundle_reader *reader, void *out, size_t size)
{
	int rc = get(reader, out, size);

	if (rc == 0) {
		crypto_generichash_update(&reader->hash, out, size);
		reader->bytes += size;
	}
	return rc;
}

static bool copy_text(char *out, const ProtobufCBinaryData *text)
{
	if (text->len > TR_UNIT_PATH_MAX)
		return false;
	if (text->len > 0)
		memcpy(out, text->data, text->len);
	out[text->len] = '\0';
	return true;
}

static int decode_head(struct td_bundle_reader *reader)
{
	Terrace__BundleHead *h;
	int rc = wire_bundle_head_decode(reader->arena,
	    (struct tr_bytes){reader->head_raw, reader->head_size}, &h);

	if (rc != 0)
		return TR_E_DAMAGED;
	if (h->format != TD_BUNDLE_FORMAT || h->sealed != 0)
		return TR_E_NEWER;
	reader->head.zone = h->zone;
	reader->head.store = h->store;
	reader->head.from.v = h->from;
	reader->head.to.v = h->to;
	reader->head.number = h->number;
	reader->head.created_ms = (int64_t)(h->created_ms & INT64_MAX);
	if (!copy_text(reader->head.from_unit, &h->from_unit) ||
	    !copy_text(reader->head.to_unit, &h->to_unit))
		return TR_E_DAMAGED;
	wire_arena_reset(reader->arena);
	return 0;
}

static int read_head(struct td_bundle_reader *reader)
{
	uint8_t start[sizeof(magic)], le[4];
	int rc = get_hashed(reader, start, sizeof(start));

	if (rc == TR_E_DAMAGED || (rc == 0 && memcmp(start, magic, 7) != 0))
		return TR_E_INPUT; /* something else */
	if (rc == 0 && start[7] != magic[7])
		return TR_E_NEWER;
	if (rc == 0)
		rc = get_hashed(reader, le, sizeof(le));
	if (rc != 0)
		return rc;
	reader->head_size = wire_get_le32(le);
	if (reader->head_size == 0 || reader->head_size > sizeof(reader->head_raw))
		return TR_E_DAMAGED;
	rc = get_hashed(reader, reader->head_raw, reader->head_size);
	if (rc == 0)
		rc = get_hashed(reader, reader->head_sig, sizeof(reader->head_sig));
	return rc != 0 ? rc : decode_head(reader);
}

int td_bundle_open(struct td_bundle_reader **out, int fd)
{
	struct td_bundle_reader *reader = calloc(1, sizeof(*reader));
	int rc = TR_E_NOMEM;

	if (reader == NULL)
		return rc;
	reader->fd = fd;
	reader->arena = wire_arena_create();
	if (reader->arena == NULL)
		goto fail;
	crypto_generichash_init(&reader->hash, NULL, 0, 32);
	rc = read_head(reader);
	if (rc != 0)
		goto fail;
	*out = reader;
	return 0;

fail:
	td_bundle_close(reader);
	return rc;
}

void td_bundle_close(struct td_bundle_reader *reader)
{
	if (reader == NULL)
		return;
	wire_arena_free(reader->arena);
	free(reader);
}

const struct td_bundle_head *td_bundle_head(const struct td_bundle_reader *reader)
{
	return &reader->head;
}

bool td_bundle_head_verify(const struct td_bundle_reader *reader, const struct tr_key *sign_pk)
{
	return rep_sign_verify(PURPOSE, (struct tr_bytes){reader->head_raw, reader->head_size},
	    reader->head_sig, sign_pk);
}

/* Behind the 0 that ends the frames.  0 is turned into TR_E_NOTFOUND. */
static int read_tail(struct td_bundle_reader *reader)
{
	uint8_t le[4], buf[TAIL_MAX];
	Terrace__BundleTail *t;
	uint32_t size;
	int rc = get(reader, le, sizeof(le));

	crypto_generichash_final(&reader->hash, reader->own_hash, sizeof(reader->own_hash));
	if (rc != 0)
		return rc;
	size = wire_get_le32(le);
	if (size == 0 || size > sizeof(buf))
		return TR_E_DAMAGED;
	rc = get(reader, buf, size);
	if (rc != 0)
		return rc;
	if (wire_bundle_tail_decode(reader->arena, (struct tr_bytes){buf, size}, &t) != 0 ||
	    t->hash.len != sizeof(reader->tail_hash) || t->sig.len != sizeof(reader->tail_sig))
		return TR_E_DAMAGED;
	memcpy(reader->tail_hash, t->hash.data, sizeof(reader->tail_hash));
	memcpy(reader->tail_sig, t->sig.data, sizeof(reader->tail_sig));
	reader->tail_frames = t->frames;
	reader->tail_bytes = t->bytes;
	reader->has_tail = true;
	return TR_E_NOTFOUND;
}

int td_bundle_next(struct td_bundle_reader *reader, struct tr_bytes *msg)
{
	uint8_t le[4];
	uint32_t size, sum;
	int rc;

	if (reader->has_tail)
		return TR_E_NOTFOUND;
	reader->offset = reader->bytes;
	rc = get(reader, le, sizeof(le));
	if (rc != 0)
		return rc;
	size = wire_get_le32(le);
	if (size == 0)
		return read_tail(reader);
	if (size > TR_FRAME_RAW_MAX)
		return TR_E_DAMAGED;
	crypto_generichash_update(&reader->hash, le, sizeof(le));
	reader->bytes += sizeof(le);
	rc = get_hashed(reader, le, sizeof(le));
	if (rc == 0)
		rc = get_hashed(reader, reader->buf, size);
	if (rc != 0)
		return rc;
	sum = wire_get_le32(le);
	if (XXH32(reader->buf, size, 0) != sum)
		return TR_E_DAMAGED;
	reader->frames++;
	*msg = (struct tr_bytes){reader->buf, size};
	return 0;
}

bool td_bundle_tail_verify(const struct td_bundle_reader *reader, const struct tr_key *sign_pk)
{
	uint8_t body[TAIL_BODY_SIZE];

	if (!reader->has_tail || reader->tail_frames != reader->frames ||
	    reader->tail_bytes != reader->bytes ||
	    memcmp(reader->tail_hash, reader->own_hash, sizeof(reader->own_hash)) != 0)
		return false;
	tail_body(reader->frames, reader->bytes, reader->own_hash, body);
	return rep_sign_verify(PURPOSE, (struct tr_bytes){body, sizeof(body)}, reader->tail_sig, sign_pk);
}

uint64_t td_bundle_offset(const struct td_bundle_reader *reader)
{
	return reader->offset;
}

uint64_t td_bundle_frames(const struct td_bundle_reader *reader)
{
	return reader->frames;
}
