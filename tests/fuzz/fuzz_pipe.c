/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: whatever a carrier that was taken over writes into the pipe, the core
 * gets whole frames within their bounds or gives the pipe up; the same frames
 * however the bytes arrive.  What goes in comes out equal.
 */
// needs: daemon/pipe.o
// length: 65536
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/pipe.h"
#include "tests/fuzz/fuzz_in.h"

#define HEAD 9

static int fds[2] = {-1, -1};

static void open_pair(void)
{
	if (fds[0] >= 0) {
		(void)close(fds[0]);
		(void)close(fds[1]);
	}
	TR_ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
}

/* One frame of the whole text; false: broken or cut. */
static bool want(struct fuzz_in *rest, const struct td_pipe_msg *msg)
{
	struct tr_bytes head = fuzz_take(rest, HEAD), body;

	TR_ASSERT(head.size == HEAD);
	body = fuzz_take(rest, wire_get_le32(head.data));
	TR_ASSERT(msg->type > 0 && msg->type < TD_PIPE_TYPE_END && msg->type == head.data[4]);
	TR_ASSERT(msg->link == wire_get_le32(head.data + 5));
	TR_ASSERT(msg->body.size == wire_get_le32(head.data) && msg->body.size == body.size);
	TR_ASSERT(body.size == 0 || memcmp(body.data, msg->body.data, body.size) == 0);
	return true;
}

static int take_all(struct td_pipe *pipe, struct fuzz_in *rest)
{
	struct td_pipe_msg msg;
	int rc;

	while ((rc = td_pipe_next(pipe, &msg)) == 0)
		(void)want(rest, &msg);
	TR_ASSERT(rc == TR_E_BUSY || rc == TR_E_INPUT);
	return rc;
}

static void read_it(struct tr_bytes bytes, struct tr_bytes cuts)
{
	struct fuzz_in in = {bytes.data, bytes.data + bytes.size}, rest = in;
	struct td_pipe pipe;
	int rc = TR_E_BUSY;

	open_pair();
	td_pipe_init(&pipe, fds[0], 4096);
	for (size_t i = 0; in.at < in.end && rc == TR_E_BUSY; i++) {
		size_t cut = cuts.size > 0 ? cuts.data[i % cuts.size] : 255;
		struct tr_bytes chunk = fuzz_take(&in, 1 + cut * cut);

		TR_ASSERT(write(fds[1], chunk.data, chunk.size) == (ssize_t)chunk.size);
		TR_ASSERT(td_pipe_fill(&pipe) == 0);
		rc = take_all(&pipe, &rest);
	}
	if (rc == TR_E_BUSY)
		TR_ASSERT(td_pipe_fill(&pipe) == TR_E_BUSY);
	td_pipe_fini(&pipe);
}

static void write_it(struct tr_bytes bytes, struct tr_bytes cuts)
{
	struct fuzz_in in = {bytes.data, bytes.data + bytes.size};
	struct td_pipe from, to;
	struct td_pipe_msg msg;

	open_pair();
	td_pipe_init(&from, fds[0], 1u << 20);
	td_pipe_init(&to, fds[1], 1u << 20);
	for (size_t i = 0; i < cuts.size && in.at < in.end; i++) {
		struct tr_bytes a = fuzz_take(&in, cuts.data[i]), b = fuzz_take(&in, cuts.data[i] / 2);
		uint32_t link = cuts.data[i] * 0x01010101u;

		TR_ASSERT(td_pipe_put(&from, TD_PIPE_FRAME, link, a, b) == 0);
		TR_ASSERT(td_pipe_flush(&from) == 0 && td_pipe_waiting(&from) == 0);
		TR_ASSERT(td_pipe_fill(&to) == 0 && td_pipe_next(&to, &msg) == 0);
		TR_ASSERT(msg.link == link && msg.body.size == a.size + b.size);
		TR_ASSERT(a.size == 0 || memcmp(msg.body.data, a.data, a.size) == 0);
		TR_ASSERT(td_pipe_next(&to, &msg) == TR_E_BUSY);
	}
	td_pipe_fini(&from);
	td_pipe_fini(&to);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = {data, data + size};
	uint8_t what = fuzz_u8(&in);
	struct tr_bytes cuts = fuzz_take(&in, what % 16);

	if (what < 224)
		read_it(fuzz_take(&in, size), cuts);
	else
		write_it(fuzz_take(&in, size), cuts);
	return 0;
}
