/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/fence.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <xxhash.h>

#include "proto/err.h"
#include "proto/wire.h"

/* "TRCFENC2" store(8) inc(8) own ops(8) counter of HEAD(8), RECEIPT: highest(8), sum(8) XXH3-64 of what stands before (8) */
#define MAGIC "TRCFENC2"
#define BODY 56
#define SIZE 64

struct td_fence {
	int fd;
	bool is_known;
	struct rep_fence said;
};

static void load(struct td_fence *fence)
{
	uint8_t b[SIZE];

	if (pread(fence->fd, b, sizeof(b), 0) != SIZE || memcmp(b, MAGIC, 8) != 0 ||
	    wire_get_le64(b + BODY) != XXH3_64bits(b, BODY))
		return;
	fence->said.store = wire_get_le64(b + 8);
	fence->said.inc = wire_get_le64(b + 16);
	fence->said.own_ops = wire_get_le64(b + 24);
	fence->said.head_ctr = wire_get_le64(b + 32);
	fence->said.receipt_ctr = wire_get_le64(b + 40);
	fence->said.receipt_sum = wire_get_le64(b + 48);
	fence->is_known = true;
}

struct td_fence *td_fence_open(const char *path, char *error, size_t error_cap)
{
	struct td_fence *fence = calloc(1, sizeof(*fence));

	if (fence == NULL) {
		snprintf(error, error_cap, "out of memory");
		return NULL;
	}
	fence->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fence->fd < 0) {
		snprintf(error, error_cap, "%s: %s", path, strerror(errno));
		free(fence);
		return NULL;
	}
	load(fence);
	return fence;
}

void td_fence_close(struct td_fence *fence)
{
	if (fence == NULL)
		return;
	close(fence->fd);
	free(fence);
}

const struct rep_fence *td_fence_read(const struct td_fence *fence)
{
	return fence->is_known ? &fence->said : NULL;
}

int td_fence_write(struct td_fence *fence, const struct rep_fence *now)
{
	uint8_t b[SIZE];

	if (fence->is_known && memcmp(&fence->said, now, sizeof(*now)) == 0)
		return 0;
	memcpy(b, MAGIC, 8);
	wire_put_le64(b + 8, now->store);
	wire_put_le64(b + 16, now->inc);
	wire_put_le64(b + 24, now->own_ops);
	wire_put_le64(b + 32, now->head_ctr);
	wire_put_le64(b + 40, now->receipt_ctr);
	wire_put_le64(b + 48, now->receipt_sum);
	wire_put_le64(b + BODY, XXH3_64bits(b, BODY));
	if (pwrite(fence->fd, b, sizeof(b), 0) != SIZE)
		return TR_E_IO;
	fence->said = *now;
	fence->is_known = true;
	return 0;
}
