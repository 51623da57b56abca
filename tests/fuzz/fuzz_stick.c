/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: any bytes as a bundle file: refused with a reason and a place, or its
 * frames come out; nothing verifies that our key did not sign.  The first
 * byte: even as it is, odd a file made by the writer from what follows, then
 * damaged in one place or not at all.
 */
// needs: daemon/bundle_file.o
// length: 8192
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/bundle_file.h"
#include "replication/sign.h"
#include "tests/fuzz/fuzz_in.h"

static uint8_t sk[64];
static struct tr_key pk;
static int fd = -1;

static int put(void *arg, struct tr_bytes bytes)
{
	(void)arg;
	TR_ASSERT(write(fd, bytes.data, bytes.size) == (ssize_t)bytes.size);
	return 0;
}

static void sign(void *arg, struct tr_bytes body, uint8_t sig[static 64])
{
	(void)arg;
	rep_sign("terrace/bundle/1", body, sk, sig);
}

static void prepare(void)
{
	uint8_t seed[32];

	(void)fuzz_arena(); /* libsodium */
	if (fd < 0) {
		fd = memfd_create("stick", MFD_CLOEXEC);
		memset(seed, 0x33, sizeof(seed));
		crypto_sign_seed_keypair(pk.b, sk, seed);
	}
	TR_ASSERT(fd >= 0 && ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0);
}

static size_t write_bundle(struct fuzz_in *in)
{
	struct td_bundle_writer writer = {.put = put, .sign = sign};
	struct td_bundle_head head = {.zone = 77, .store = fuzz_u8(in), .from = {1 + (uint64_t)fuzz_u8(in)},
	    .to = {1}, .number = fuzz_u8(in), .created_ms = 1790000000000, .from_unit = "110101/001", .to_unit = "110101"};
	size_t frames = 0;

	TR_ASSERT(td_bundle_write_head(&writer, &head) == 0);
	while (in->at < in->end) {
		struct tr_bytes msg = fuzz_take(in, fuzz_u8(in));

		TR_ASSERT(td_bundle_write_frame(&writer, msg) == (msg.size > 0 ? 0 : TR_E_SIZE));
		frames += msg.size > 0;
	}
	TR_ASSERT(td_bundle_write_tail(&writer) == 0);
	return frames;
}

static void damage(uint16_t at, uint8_t how)
{
	off_t size = lseek(fd, 0, SEEK_END), place = at % size;
	uint8_t b;

	TR_ASSERT(pread(fd, &b, 1, place) == 1);
	b ^= how;
	TR_ASSERT(pwrite(fd, &b, 1, place) == 1);
}

/* True if every signature holds. */
static bool read_bundle(size_t *frames)
{
	struct td_bundle_reader *reader;
	struct tr_bytes msg;
	bool ours;
	int rc;

	TR_ASSERT(lseek(fd, 0, SEEK_SET) == 0);
	rc = td_bundle_open(&reader, fd);
	TR_ASSERT(rc == 0 || rc == TR_E_INPUT || rc == TR_E_NEWER || rc == TR_E_DAMAGED);
	if (rc != 0)
		return false;
	ours = td_bundle_head_verify(reader, &pk);
	TR_ASSERT(strlen(td_bundle_head(reader)->from_unit) <= TR_UNIT_PATH_MAX);
	while ((rc = td_bundle_next(reader, &msg)) == 0)
		TR_ASSERT(msg.size > 0 && msg.size <= TR_FRAME_RAW_MAX);
	TR_ASSERT(rc == TR_E_NOTFOUND || rc == TR_E_DAMAGED);
	TR_ASSERT(td_bundle_offset(reader) <= (uint64_t)lseek(fd, 0, SEEK_END));
	ours = ours && rc == TR_E_NOTFOUND && td_bundle_tail_verify(reader, &pk);
	*frames = (size_t)td_bundle_frames(reader);
	td_bundle_close(reader);
	return ours;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = {data, data + size};
	uint8_t what = fuzz_u8(&in), how;
	size_t wrote, frames = 0;
	uint16_t at;

	prepare();
	if (what % 2 == 0) {
		TR_ASSERT(write(fd, in.at, (size_t)(in.end - in.at)) == in.end - in.at);
		(void)read_bundle(&frames); /* ours only if it is a whole one that was recorded */
		return 0;
	}
	how = fuzz_u8(&in);
	at = fuzz_u16(&in);
	wrote = write_bundle(&in);
	if (how != 0)
		damage(at, how);
	TR_ASSERT(read_bundle(&frames) == (how == 0));
	TR_ASSERT(how != 0 || frames == wrote);
	return 0;
}
