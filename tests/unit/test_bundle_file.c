/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bundle file: what is written is read back; any damage is found where it
 * is, and what stands before it is still given.
 * Method: a file of a few frames, cut at every length, one bit turned in every byte.
 */
// needs: daemon/bundle_file.o
#include "daemon/bundle_file.h"

#include <sys/mman.h>
#include <unistd.h>

#include "proto/err.h"
#include "replication/sign.h"
#include "tests/unit/unit.h"

static struct tr_key pk;
static uint8_t sk[64];
static uint8_t file[8192];
static size_t file_size, first_frame;

static const char *const frames[] = {"one", "the second frame", "3"};
#define FRAME_COUNT (sizeof(frames) / sizeof(frames[0]))

static int put(void *arg, struct tr_bytes bytes)
{
	(void)arg;
	assert_true(file_size + bytes.size <= sizeof(file));
	memcpy(file + file_size, bytes.data, bytes.size);
	file_size += bytes.size;
	return 0;
}

static void sign(void *arg, struct tr_bytes body, uint8_t sig[static 64])
{
	(void)arg;
	rep_sign("terrace/bundle/1", body, sk, sig);
}

static int make_file(void **state)
{
	struct td_bundle_head head = {.zone = 1, .store = 2, .from = {3}, .to = {4}, .number = 5,
	    .created_ms = 6, .from_unit = "110101/1", .to_unit = "110101"};
	struct td_bundle_writer writer = {.put = put, .sign = sign};
	uint8_t seed[32] = {7};

	(void)state;
	crypto_sign_seed_keypair(pk.b, sk, seed);
	assert_int_equal(td_bundle_write_head(&writer, &head), 0);
	first_frame = file_size;
	for (size_t i = 0; i < FRAME_COUNT; i++)
		assert_int_equal(td_bundle_write_frame(&writer, UNIT_TEXT(frames[i])), 0);
	assert_int_equal(td_bundle_write_frame(&writer, (struct tr_bytes){0}), TR_E_SIZE);
	assert_int_equal(td_bundle_write_tail(&writer), 0);
	return 0;
}

static int fd_of(const uint8_t *data, size_t size)
{
	int fd = memfd_create("bundle", 0);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, size), (ssize_t)size);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

/* Reads all; gives the number of good frames, and how it ended. */
static size_t read_all(const uint8_t *data, size_t size, int *end, bool *is_whole)
{
	struct td_bundle_reader *reader = NULL;
	struct tr_bytes msg;
	int fd = fd_of(data, size);
	size_t count = 0;

	*is_whole = false;
	*end = td_bundle_open(&reader, fd);
	if (*end == 0) {
		while ((*end = td_bundle_next(reader, &msg)) == 0) {
			assert_true(count < FRAME_COUNT);
			assert_int_equal(msg.size, strlen(frames[count]));
			assert_memory_equal(msg.data, frames[count], msg.size);
			count++;
		}
		*is_whole = *end == TR_E_NOTFOUND && td_bundle_head_verify(reader, &pk) &&
			    td_bundle_tail_verify(reader, &pk);
	}
	td_bundle_close(reader);
	close(fd);
	return count;
}

static void what_is_written_is_read(void **state)
{
	struct td_bundle_reader *reader;
	struct tr_key other = pk;
	int fd = fd_of(file, file_size), end;
	bool whole;

	(void)state;
	assert_int_equal(td_bundle_open(&reader, fd), 0);
	assert_int_equal(td_bundle_head(reader)->from.v, 3);
	assert_int_equal(td_bundle_head(reader)->number, 5);
	assert_string_equal(td_bundle_head(reader)->from_unit, "110101/1");
	assert_string_equal(td_bundle_head(reader)->to_unit, "110101");
	assert_true(td_bundle_head_verify(reader, &pk));
	other.b[0] ^= 1;
	assert_false(td_bundle_head_verify(reader, &other));
	td_bundle_close(reader);
	close(fd);
	assert_int_equal(read_all(file, file_size, &end, &whole), FRAME_COUNT);
	assert_true(whole);
}

static void a_file_cut_anywhere_gives_what_is_before_the_cut(void **state)
{
	bool whole;
	int end;

	(void)state;
	for (size_t size = 0; size < file_size; size++) {
		size_t count = read_all(file, size, &end, &whole);

		assert_false(whole);
		assert_int_equal(end, size < 8 ? TR_E_INPUT : TR_E_DAMAGED);
		assert_true(size >= first_frame || count == 0);
	}
}

static void a_bit_turned_anywhere_is_found(void **state)
{
	bool whole;
	int end;

	(void)state;
	for (size_t at = 0; at < file_size; at++)
		for (unsigned bit = 0; bit < 8; bit++) {
			file[at] ^= (uint8_t)(1u << bit);
			(void)read_all(file, file_size, &end, &whole);
			assert_false(whole);
			file[at] ^= (uint8_t)(1u << bit);
		}
}

static void the_damage_is_named_by_its_place(void **state)
{
	struct td_bundle_reader *reader;
	struct tr_bytes msg;
	size_t second = first_frame + 8 + strlen(frames[0]);
	int fd;

	(void)state;
	file[second + 9] ^= 1;
	fd = fd_of(file, file_size);
	file[second + 9] ^= 1;
	assert_int_equal(td_bundle_open(&reader, fd), 0);
	assert_int_equal(td_bundle_next(reader, &msg), 0);
	assert_int_equal(td_bundle_next(reader, &msg), TR_E_DAMAGED);
	assert_int_equal(td_bundle_offset(reader), second);
	assert_int_equal(td_bundle_frames(reader), 1);
	td_bundle_close(reader);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_written_is_read),
	    cmocka_unit_test(a_file_cut_anywhere_gives_what_is_before_the_cut),
	    cmocka_unit_test(a_bit_turned_anywhere_is_found),
	    cmocka_unit_test(the_damage_is_named_by_its_place),
	};

	return cmocka_run_group_tests(tests, make_file, NULL);
}
