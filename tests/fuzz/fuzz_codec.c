/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: any bytes as a frame of a peer: refused, or a message within the
 * bounds of size and ratio; never more memory than that.  What we encode
 * decodes to the same.  The first byte chooses.
 */
// needs: daemon/codec.o
// length: 65536
#include "daemon/codec.h"
#include "tests/fuzz/fuzz_in.h"

static struct td_codec *codec, *other;

static void decode(struct tr_bytes frame)
{
	struct tr_bytes msg;
	int rc = td_codec_decode(codec, frame, &msg);

	TR_ASSERT(rc == 0 || rc == TR_E_INPUT || rc == TR_E_LIMIT);
	if (rc != 0)
		return;
	TR_ASSERT(msg.size <= TR_FRAME_RAW_MAX && msg.size <= frame.size * TD_CODEC_RATIO_MAX);
	for (size_t i = 0; i < msg.size; i += 512)
		TR_ASSERT(msg.data[i] <= 255); /* readable to its end */
}

static void encode(struct tr_bytes msg)
{
	struct tr_bytes frame, back;

	if (td_codec_encode(codec, msg, &frame) != 0) {
		TR_ASSERT(msg.size + 1 > TR_FRAME_MAX);
		return;
	}
	TR_ASSERT(frame.size <= TR_FRAME_MAX && !td_codec_is_closed(frame));
	TR_ASSERT(td_codec_decode(other, frame, &back) == 0 && back.size == msg.size);
	TR_ASSERT(msg.size == 0 || memcmp(back.data, msg.data, msg.size) == 0);
}

/* Runs of one byte: what zstd packs best. */
static void encode_runs(struct fuzz_in *in)
{
	static uint8_t text[TR_FRAME_RAW_MAX + 64];
	size_t size = 0;

	while (in->at < in->end) {
		uint8_t c = fuzz_u8(in);
		size_t n = (size_t)fuzz_u16(in) * 16;

		if (n > sizeof(text) - size)
			break;
		memset(text + size, c, n);
		size += n;
	}
	if (size <= TR_FRAME_RAW_MAX)
		encode((struct tr_bytes){text, size});
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = {data, data + size};
	uint8_t what = fuzz_u8(&in);

	if (codec == NULL) {
		codec = td_codec_create();
		other = td_codec_create();
	}
	TR_ASSERT(codec != NULL && other != NULL);
	if (what < 160)
		decode(fuzz_take(&in, size));
	else if (what < 208)
		encode(fuzz_take(&in, size));
	else
		encode_runs(&in);
	return 0;
}
