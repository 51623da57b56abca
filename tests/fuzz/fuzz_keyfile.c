/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: any bytes as node.key or as the fence beside the store.  What is
 * accepted is saved and loads again as the same.  The first byte: 0 the key
 * file as it is, 1 its lines with the right check behind them, 2 a fence as
 * it is, 3 with the right sum.
 */
// needs: daemon/keyfile.o daemon/fsfile.o daemon/fence.o
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xxhash.h>

#include "daemon/fence.h"
#include "daemon/keyfile.h"
#include "tests/fuzz/fuzz_in.h"

static char folder[64], file[96], again[96];

static void clean(void)
{
	(void)unlink(file);
	(void)unlink(again);
	(void)rmdir(folder);
}

static void put_file(struct tr_bytes parts[static 2])
{
	FILE *f;

	if (folder[0] == '\0') {
		snprintf(folder, sizeof(folder), "/tmp/fuzz-key-XXXXXX");
		TR_ASSERT(mkdtemp(folder) != NULL);
		snprintf(file, sizeof(file), "%s/file", folder);
		snprintf(again, sizeof(again), "%s/again", folder);
		atexit(clean);
	}
	f = fopen(file, "we");
	TR_ASSERT(f != NULL && fchmod(fileno(f), 0600) == 0);
	for (int i = 0; i < 2; i++)
		TR_ASSERT(fwrite(parts[i].data, 1, parts[i].size, f) == parts[i].size);
	TR_ASSERT(fclose(f) == 0);
}

static void try_key(void)
{
	struct td_keys keys, second;
	char error[400] = "";
	int rc = td_keyfile_load(file, &keys, error, sizeof(error));

	TR_ASSERT(rc == 0 || rc == TR_E_DAMAGED || rc == TR_E_NEWER);
	TR_ASSERT(rc == 0 || error[0] != '\0');
	if (rc != 0)
		return;
	TR_ASSERT(td_keyfile_save(again, &keys, error, sizeof(error)) == 0);
	TR_ASSERT(td_keyfile_load(again, &second, error, sizeof(error)) == 0);
	TR_ASSERT(keys.nid.v == second.nid.v);
	TR_ASSERT(memcmp(&keys.sign, &second.sign, sizeof(keys.sign)) == 0);
	TR_ASSERT(memcmp(keys.curve_sk, second.curve_sk, 32) == 0);
	TR_ASSERT(memcmp(keys.seal_sk, second.seal_sk, 32) == 0);
	TR_ASSERT(memcmp(keys.root_hash.b, second.root_hash.b, 32) == 0);
}

static void try_fence(void)
{
	char error[400];
	struct td_fence *fence = td_fence_open(file, error, sizeof(error)), *second;
	struct rep_fence said = {.store = 1};

	TR_ASSERT(fence != NULL);
	if (td_fence_read(fence) != NULL)
		said = *td_fence_read(fence);
	said.own_ops++;
	TR_ASSERT(td_fence_write(fence, &said) == 0);
	second = td_fence_open(file, error, sizeof(error));
	TR_ASSERT(second != NULL && td_fence_read(second) != NULL);
	TR_ASSERT(memcmp(td_fence_read(second), &said, sizeof(said)) == 0);
	td_fence_close(second);
	td_fence_close(fence);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = {data, data + size};
	uint8_t what = fuzz_u8(&in) % 4, hash[16], sum[8];
	struct tr_bytes parts[2] = {fuzz_take(&in, size), {(const uint8_t *)"", 0}};
	char hex[33], check[64];

	(void)fuzz_arena(); /* libsodium */
	if (parts[0].size == 0)
		parts[0].data = (const uint8_t *)"";
	if (what == 1) {
		(void)crypto_generichash(hash, sizeof(hash), parts[0].data, parts[0].size, NULL, 0);
		(void)sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash));
		parts[1] = (struct tr_bytes){(uint8_t *)check, (size_t)snprintf(check, sizeof(check), "check %s\n", hex)};
	} else if (what == 3) {
		wire_put_le64(sum, XXH3_64bits(parts[0].data, parts[0].size));
		parts[1] = (struct tr_bytes){sum, sizeof(sum)};
	}
	put_file(parts);
	if (what < 2)
		try_key();
	else
		try_fence();
	return 0;
}
