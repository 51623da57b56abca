/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/pipe.h"

#include "proto/err.h"
#include "proto/limits.h"
#include "proto/wire.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	HEAD_SIZE = 9,
	BODY_MAX = TR_FRAME_RAW_MAX,
	READ_MIN = 64 * 1024,   /* free room before a read */
	KEEP_MAX = 1024 * 1024, /* a larger buffer is given back when empty */
};

void td_pipe_init(struct td_pipe *pipe, int fd, size_t out_max)
{
	memset(pipe, 0, sizeof(*pipe));
	pipe->fd = fd;
	pipe->out_max = out_max;
}

static void buffer_drop(struct td_pipe_buffer *buffer)
{
	if (buffer->data != NULL)
		sodium_memzero(buffer->data, buffer->cap);
	free(buffer->data);
	memset(buffer, 0, sizeof(*buffer));
}

void td_pipe_fini(struct td_pipe *pipe)
{
	buffer_drop(&pipe->in);
	buffer_drop(&pipe->out);
}

static size_t used(const struct td_pipe_buffer *buffer)
{
	return buffer->tail - buffer->head;
}

/* Room for `size` more bytes behind the tail. */
static int reserve(struct td_pipe_buffer *buffer, size_t size)
{
	size_t cap = buffer->cap == 0 ? READ_MIN : buffer->cap;
	uint8_t *data = NULL;

	if (buffer->head == buffer->tail)
		buffer->head = buffer->tail = 0;
	if (buffer->cap - buffer->tail >= size)
		return 0;
	/* Moving is worth it only if it frees at least what it moves. */
	if (buffer->head >= used(buffer) &&
	    buffer->cap - used(buffer) >= size) {
		memmove(buffer->data, buffer->data + buffer->head,
		    used(buffer));
		buffer->tail -= buffer->head;
		buffer->head = 0;
		return 0;
	}
	while (cap < used(buffer) + size)
		cap *= 2;
	data = malloc(cap);
	if (data == NULL)
		return TR_E_NOMEM;
	if (buffer->data != NULL)
		memcpy(data, buffer->data + buffer->head, used(buffer));
	free(buffer->data);
	buffer->data = data;
	buffer->tail -= buffer->head;
	buffer->head = 0;
	buffer->cap = cap;
	return 0;
}

static void give_back(struct td_pipe_buffer *buffer)
{
	if (buffer->head == buffer->tail && buffer->cap > KEEP_MAX) {
		free(buffer->data);
		memset(buffer, 0, sizeof(*buffer));
	}
}

int td_pipe_fill(struct td_pipe *pipe)
{
	struct td_pipe_buffer *in = &pipe->in;
	ssize_t n = 0;
	int rc = 0;

	give_back(in);
	rc = reserve(in, READ_MIN);
	if (rc != 0)
		return rc;
	do {
		n = read(pipe->fd, in->data + in->tail, in->cap - in->tail);
	} while (n < 0 && errno == EINTR);
	if (n > 0) {
		in->tail += (size_t)n;
		return 0;
	}
	if (n == 0 || errno == ECONNRESET)
		return TR_E_DOWN;
	return errno == EAGAIN ? TR_E_BUSY : TR_E_IO;
}

int td_pipe_next(struct td_pipe *pipe, struct td_pipe_msg *out)
{
	struct td_pipe_buffer *in = &pipe->in;
	const uint8_t *at = in->data + in->head;
	uint32_t size = 0;

	if (used(in) < HEAD_SIZE)
		return TR_E_BUSY;
	size = wire_get_le32(at);
	if (size > BODY_MAX || at[4] == 0 || at[4] >= TD_PIPE_TYPE_END)
		return TR_E_INPUT;
	if (used(in) < HEAD_SIZE + (size_t)size)
		return TR_E_BUSY;
	out->type = (enum td_pipe_type)at[4];
	out->link = wire_get_le32(at + 5);
	out->body = (struct tr_bytes){at + HEAD_SIZE, size};
	in->head += HEAD_SIZE + (size_t)size;
	return 0;
}

int td_pipe_put(struct td_pipe *pipe, enum td_pipe_type type, uint32_t link,
    struct tr_bytes a, struct tr_bytes b)
{
	struct td_pipe_buffer *out = &pipe->out;
	uint8_t *at = NULL;
	int rc = 0;

	if (a.size > BODY_MAX || b.size > BODY_MAX - a.size)
		return TR_E_SIZE;
	if (type == TD_PIPE_FRAME && used(out) > pipe->out_max)
		return TR_E_FULL;
	rc = reserve(out, HEAD_SIZE + a.size + b.size);
	if (rc != 0)
		return rc;
	at = out->data + out->tail;
	wire_put_le32(at, (uint32_t)(a.size + b.size));
	at[4] = (uint8_t)type;
	wire_put_le32(at + 5, link);
	if (a.size > 0)
		memcpy(at + HEAD_SIZE, a.data, a.size);
	if (b.size > 0)
		memcpy(at + HEAD_SIZE + a.size, b.data, b.size);
	out->tail += HEAD_SIZE + a.size + b.size;
	return 0;
}

int td_pipe_flush(struct td_pipe *pipe)
{
	struct td_pipe_buffer *out = &pipe->out;

	while (used(out) > 0) {
		ssize_t n = send(pipe->fd, out->data + out->head, used(out),
		    MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : TR_E_DOWN;
		out->head += (size_t)n;
	}
	give_back(out);
	return 0;
}

size_t td_pipe_waiting(const struct td_pipe *pipe)
{
	return used(&pipe->out);
}
