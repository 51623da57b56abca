/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/codec.h"

#include "proto/err.h"
#include "proto/limits.h"
#include "proto/wire.h"

#include <stdlib.h>
#include <string.h>

#include <zstd.h>

enum { HOW_PLAIN = 0, HOW_ZSTD = 1, LEVEL = 1 };

struct td_codec {
	ZSTD_CCtx *compress;   /* made at the first use: an idle leaf */
	ZSTD_DCtx *decompress; /* should stay small */
	uint8_t *buffer;
	size_t cap;
};

struct td_codec *td_codec_create(void)
{
	return calloc(1, sizeof(struct td_codec));
}

void td_codec_free(struct td_codec *codec)
{
	if (codec == NULL)
		return;
	(void)ZSTD_freeCCtx(codec->compress);
	(void)ZSTD_freeDCtx(codec->decompress);
	free(codec->buffer);
	free(codec);
}

bool td_codec_is_closed(struct tr_bytes frame)
{
	return frame.size == 1 && frame.data[0] == TD_CODEC_CLOSED;
}

static int reserve(struct td_codec *codec, size_t size)
{
	uint8_t *buffer = NULL;

	if (codec->cap >= size)
		return 0;
	buffer = malloc(size);
	if (buffer == NULL)
		return TR_E_NOMEM;
	free(codec->buffer);
	codec->buffer = buffer;
	codec->cap = size;
	return 0;
}

static int encode_plain(struct td_codec *codec, struct tr_bytes msg,
    struct tr_bytes *out)
{
	if (msg.size >= TR_FRAME_MAX)
		return TR_E_SIZE;
	codec->buffer[0] = HOW_PLAIN;
	if (msg.size > 0)
		memcpy(codec->buffer + 1, msg.data, msg.size);
	*out = (struct tr_bytes){codec->buffer, msg.size + 1};
	return 0;
}

int td_codec_encode(struct td_codec *codec, struct tr_bytes msg,
    struct tr_bytes *out)
{
	size_t size = 0;
	int rc = 0;

	if (msg.size > TR_FRAME_RAW_MAX)
		return TR_E_SIZE;
	rc = reserve(codec, 1 + ZSTD_compressBound(msg.size));
	if (rc != 0)
		return rc;
	if (msg.size < TD_CODEC_SMALL)
		return encode_plain(codec, msg, out);
	if (codec->compress == NULL)
		codec->compress = ZSTD_createCCtx();
	if (codec->compress == NULL)
		return TR_E_NOMEM;
	size = ZSTD_compressCCtx(codec->compress, codec->buffer + 1,
	    codec->cap - 1, msg.data, msg.size, LEVEL);
	if (ZSTD_isError(size) || size >= msg.size ||
	    msg.size > size * TD_CODEC_RATIO_MAX)
		return encode_plain(codec, msg, out);
	if (size >= TR_FRAME_MAX)
		return TR_E_SIZE;
	codec->buffer[0] = HOW_ZSTD;
	*out = (struct tr_bytes){codec->buffer, size + 1};
	return 0;
}

static int decode_zstd(struct td_codec *codec, struct tr_bytes body,
    struct tr_bytes *out)
{
	unsigned long long size = 0;
	int rc = 0;

	/* The library also reads its formats of ten years ago and frames to be
	 * skipped; no node of ours writes them. */
	if (body.size < 4 || wire_get_le32(body.data) != ZSTD_MAGICNUMBER)
		return TR_E_INPUT;
	size = ZSTD_getFrameContentSize(body.data, body.size);
	if (size == ZSTD_CONTENTSIZE_UNKNOWN || size == ZSTD_CONTENTSIZE_ERROR)
		return TR_E_INPUT;
	if (size > TR_FRAME_RAW_MAX || size > body.size * TD_CODEC_RATIO_MAX)
		return TR_E_LIMIT;
	/* Exactly one frame: nothing may hide behind it. */
	if (ZSTD_findFrameCompressedSize(body.data, body.size) != body.size)
		return TR_E_INPUT;
	rc = reserve(codec, (size_t)size + 1);
	if (rc != 0)
		return rc;
	if (codec->decompress == NULL)
		codec->decompress = ZSTD_createDCtx();
	if (codec->decompress == NULL)
		return TR_E_NOMEM;
	if (ZSTD_decompressDCtx(codec->decompress, codec->buffer, (size_t)size,
	        body.data, body.size) != size)
		return TR_E_INPUT;
	*out = (struct tr_bytes){codec->buffer, (size_t)size};
	return 0;
}

int td_codec_decode(struct td_codec *codec, struct tr_bytes frame,
    struct tr_bytes *out)
{
	struct tr_bytes body;

	if (frame.size < 1)
		return TR_E_INPUT;
	body = (struct tr_bytes){frame.data + 1, frame.size - 1};
	if (frame.size > TR_FRAME_MAX)
		return TR_E_LIMIT;
	switch (frame.data[0]) {
	case HOW_PLAIN: *out = body; return 0;
	case HOW_ZSTD: return decode_zstd(codec, body, out);
	default: return TR_E_INPUT;
	}
}
