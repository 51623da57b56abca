/* SPDX-License-Identifier: Apache-2.0 */
// needs: daemon/codec.o daemon/pipe.o
/*
 * Goal: frames come back as they were; a frame that lies about its size, is
 * too large, shrinks too well or hides something behind it is refused before
 * memory is spent.  The pipe keeps messages whole however they are cut.
 * Method: round trips over sizes and contents; frames made by hand with zstd.
 */
#include "daemon/codec.h"
#include "daemon/pipe.h"
#include "proto/err.h"
#include "proto/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>
#include <zstd.h>

static uint8_t big[TR_FRAME_RAW_MAX + 1];

static void fill(size_t size, unsigned kind)
{
	static const char text[] = "{\"status\":\"DISPATCHED\",\"at\":";

	for (size_t i = 0; i < size; i++)
		big[i] = kind == 0 ? 0
		    : kind == 1    ? (uint8_t)text[i % (sizeof(text) - 1)]
		                   : (uint8_t)(i * 7 + i / 251 * (i % 13));
	if (kind == 2)
		randombytes_buf(big, size);
}

static void frames_come_back_as_they_were(void **state)
{
	static const size_t sizes[] = { 0, 1, 255, 256, 257, 4096, 65536,
		72 * 1024, TR_FRAME_MAX - 1 };
	struct td_codec *codec = td_codec_create();
	struct td_codec *other = td_codec_create();
	(void)state;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		for (unsigned kind = 0; kind < 4; kind++) {
			struct tr_bytes frame, back;
			size_t size = sizes[i];

			fill(size, kind);
			assert_int_equal(td_codec_encode(codec,
			    (struct tr_bytes){ big, size }, &frame), 0);
			assert_in_range(frame.size, 1, size + 1);
			assert_int_equal(td_codec_decode(other, frame, &back), 0);
			assert_int_equal(back.size, size);
			if (size > 0)
				assert_memory_equal(back.data, big, size);
		}
	}
	td_codec_free(codec);
	td_codec_free(other);
	td_codec_free(NULL);
}

static void text_shrinks(void **state)
{
	struct td_codec *codec = td_codec_create();
	struct tr_bytes frame;
	size_t size = 0;
	(void)state;

	for (unsigned i = 0; size < 65536; i++)
		size += (size_t)sprintf((char *)big + size,
		    "case %u: street light %u out, seen by post %u\n", i * 7919u, i * i % 977, i % 61);
	assert_int_equal(td_codec_encode(codec, (struct tr_bytes){ big, 65536 }, &frame), 0);
	assert_in_range(frame.size, 1, 65536 / 2);
	td_codec_free(codec);
}

static void too_large_is_not_sent(void **state)
{
	struct td_codec *codec = td_codec_create();
	struct tr_bytes frame;
	(void)state;

	fill(TR_FRAME_MAX, 2);
	assert_int_equal(td_codec_encode(codec, (struct tr_bytes){ big, TR_FRAME_MAX }, &frame), TR_E_SIZE);
	assert_int_equal(td_codec_encode(codec, (struct tr_bytes){ big, sizeof(big) }, &frame), TR_E_SIZE);
	td_codec_free(codec);
}

/* 1 | zstd frame of `size` zeroes. */
static size_t bomb(uint8_t *out, size_t cap, size_t size)
{
	size_t n = 0;

	fill(size, 0);
	out[0] = 1;
	n = ZSTD_compress(out + 1, cap - 1, big, size, 19);
	assert_false(ZSTD_isError(n));
	return n + 1;
}

static void bombs_and_lies_are_refused(void **state)
{
	static uint8_t frame[TR_FRAME_MAX + 2];
	struct td_codec *codec = td_codec_create();
	struct tr_bytes back;
	size_t size = 0;
	(void)state;

	assert_int_equal(td_codec_decode(codec, (struct tr_bytes){ frame, 0 }, &back), TR_E_INPUT);
	frame[0] = 2;
	assert_int_equal(td_codec_decode(codec, (struct tr_bytes){ frame, 10 }, &back), TR_E_INPUT);
	assert_int_equal(td_codec_decode(codec, (struct tr_bytes){ frame, sizeof(frame) }, &back), TR_E_LIMIT);
	size = bomb(frame, sizeof(frame), TR_FRAME_RAW_MAX);
	assert_int_equal(td_codec_decode(codec, (struct tr_bytes){ frame, size }, &back), TR_E_LIMIT);
	/* Something behind the frame. */
	fill(4096, 3);
	frame[0] = 1;
	size = 1 + ZSTD_compress(frame + 1, sizeof(frame) - 1, big, 4096, 1);
	assert_int_equal(td_codec_decode(codec, (struct tr_bytes){ frame, size }, &back), 0);
	assert_int_equal(td_codec_decode(codec, (struct tr_bytes){ frame, size + 1 }, &back), TR_E_INPUT);
	for (size_t cut = 1; cut < size; cut++)
		assert_int_not_equal(td_codec_decode(codec, (struct tr_bytes){ frame, cut }, &back), 0);
	td_codec_free(codec);
}

static void size_in_the_header_must_be_there(void **state)
{
	static uint8_t frame[8192];
	struct td_codec *codec = td_codec_create();
	ZSTD_CCtx *context = ZSTD_createCCtx();
	struct tr_bytes back;
	size_t size = 0;
	(void)state;

	fill(4096, 3);
	frame[0] = 1;
	(void)ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
	size = ZSTD_compress2(context, frame + 1, sizeof(frame) - 1, big, 4096);
	assert_false(ZSTD_isError(size));
	assert_int_equal(td_codec_decode(codec, (struct tr_bytes){ frame, size + 1 }, &back), TR_E_INPUT);
	(void)ZSTD_freeCCtx(context);
	td_codec_free(codec);
}

static void any_flipped_bit_is_survived(void **state)
{
	static uint8_t frame[8192];
	struct td_codec *codec = td_codec_create();
	size_t size = 0;
	(void)state;

	fill(2000, 3);
	frame[0] = 1;
	size = 1 + ZSTD_compress(frame + 1, sizeof(frame) - 1, big, 2000, 1);
	for (size_t bit = 8; bit < size * 8; bit++) {
		struct tr_bytes back = { NULL, 0 };

		frame[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (td_codec_decode(codec, (struct tr_bytes){ frame, size }, &back) == 0)
			assert_in_range(back.size, 0, TR_FRAME_RAW_MAX);
		frame[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	td_codec_free(codec);
}

/* ---------------------------------------------------------------- pipe */

static void pipe_keeps_messages_whole(void **state)
{
	struct td_pipe a, b;
	struct td_pipe_msg msg;
	uint64_t sent = 0, got = 0;
	int fds[2];
	(void)state;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	td_pipe_init(&a, fds[0], 1u << 20);
	td_pipe_init(&b, fds[1], 1u << 20);
	while (got < 2000) {
		size_t size = sent * 997 % 70001;

		if (sent < 2000
		    && td_pipe_put(&a, TD_PIPE_FRAME, (uint32_t)sent,
		           (struct tr_bytes){ (uint8_t *)&sent, 8 },
		           (struct tr_bytes){ big, size })
		        == 0)
			sent++;
		assert_int_equal(td_pipe_flush(&a), 0);
		(void)!td_pipe_fill(&b);
		while (td_pipe_next(&b, &msg) == 0) {
			assert_int_equal(msg.link, got);
			assert_int_equal(msg.body.size, 8 + got * 997 % 70001);
			assert_memory_equal(msg.body.data, &got, 8);
			got++;
		}
	}
	assert_int_equal(td_pipe_waiting(&a), 0);
	(void)close(fds[0]);
	assert_int_equal(td_pipe_fill(&b), TR_E_DOWN);
	td_pipe_fini(&a);
	td_pipe_fini(&b);
	(void)close(fds[1]);
}

static void pipe_refuses_what_breaks_a_bound(void **state)
{
	static const uint8_t bad[][9] = {
		{ 0xff, 0xff, 0xff, 0xff, TD_PIPE_FRAME },
		{ 1, 0, 0x10, 0, TD_PIPE_FRAME },
		{ 0, 0, 0, 0, 0 },
		{ 0, 0, 0, 0, TD_PIPE_TYPE_END },
	};
	(void)state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct td_pipe pipe;
		struct td_pipe_msg msg;
		int fds[2];

		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
		td_pipe_init(&pipe, fds[1], 1024);
		assert_int_equal(write(fds[0], bad[i], 9), 9);
		assert_int_equal(td_pipe_fill(&pipe), 0);
		assert_int_equal(td_pipe_next(&pipe, &msg), TR_E_INPUT);
		td_pipe_fini(&pipe);
		(void)close(fds[0]);
		(void)close(fds[1]);
	}
}

static void pipe_bounds_frames_but_not_commands(void **state)
{
	const struct tr_bytes body = { big, 1000 }, none = { NULL, 0 };
	struct td_pipe pipe;
	int rc = 0;
	(void)state;

	td_pipe_init(&pipe, -1, 10000);
	for (unsigned i = 0; i < 20 && rc == 0; i++)
		rc = td_pipe_put(&pipe, TD_PIPE_FRAME, 1, body, none);
	assert_int_equal(rc, TR_E_FULL);
	assert_int_equal(td_pipe_put(&pipe, TD_PIPE_CLOSE, 1, none, none), 0);
	td_pipe_fini(&pipe);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_come_back_as_they_were),
		cmocka_unit_test(text_shrinks),
		cmocka_unit_test(too_large_is_not_sent),
		cmocka_unit_test(bombs_and_lies_are_refused),
		cmocka_unit_test(size_in_the_header_must_be_there),
		cmocka_unit_test(any_flipped_bit_is_survived),
		cmocka_unit_test(pipe_keeps_messages_whole),
		cmocka_unit_test(pipe_refuses_what_breaks_a_bound),
		cmocka_unit_test(pipe_bounds_frames_but_not_commands),
	};

	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
