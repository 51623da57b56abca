/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: any text as a token or an address.  What is accepted prints again, to
 * a text that reads the same; an address to dial is never "any address".
 * The first byte: 0 a token, 1 the bytes below its base64 (with the right
 * check), others an address to dial or to listen on.
 */
// needs: daemon/token.o daemon/address.o
// length: 400
#include <stdio.h>

#include "daemon/token.h"
#include "tests/fuzz/fuzz_in.h"

static void try_token(const char *text)
{
	struct td_token token, again;
	char out[TD_TOKEN_TEXT_MAX];
	const char *why = NULL;

	if (td_token_decode(text, &token, &why) != 0) {
		TR_ASSERT(why != NULL);
		return;
	}
	TR_ASSERT(strlen(token.address) <= TD_ADDRESS_MAX);
	TR_ASSERT(td_token_encode(&token, out) == 0);
	TR_ASSERT(td_token_decode(out, &again, &why) == 0);
	TR_ASSERT(strcmp(again.address, token.address) == 0);
	TR_ASSERT(memcmp(again.parent_pk.b, token.parent_pk.b, 32) == 0);
	TR_ASSERT(memcmp(again.root_hash.b, token.root_hash.b, 32) == 0);
	TR_ASSERT(memcmp(again.id, token.id, sizeof(token.id)) == 0);
	TR_ASSERT(memcmp(again.secret, token.secret, sizeof(token.secret)) == 0);
}

static void try_raw(struct tr_bytes raw)
{
	uint8_t whole[512], hash[crypto_generichash_BYTES_MIN];
	char text[1024] = "TRC1";

	if (raw.size > sizeof(whole) - 4)
		return;
	if (raw.size > 0)
		memcpy(whole, raw.data, raw.size);
	(void)crypto_generichash(hash, sizeof(hash), whole, raw.size, NULL, 0);
	memcpy(whole + raw.size, hash, 4);
	(void)sodium_bin2base64(text + 4, sizeof(text) - 4, whole, raw.size + 4,
	    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	try_token(text);
}

static void try_address(const char *text, bool to_listen)
{
	struct td_address address, again;
	char out[TD_ADDRESS_MAX + 1];
	const char *why = NULL;

	if (td_address_parse(text, to_listen, &address, &why) != 0) {
		TR_ASSERT(why != NULL);
		return;
	}
	TR_ASSERT(to_listen || (address.port != 0 && strcmp(address.host, "*") != 0));
	TR_ASSERT(to_listen || (strcmp(address.host, "0.0.0.0") != 0 && strcmp(address.host, "::") != 0));
	td_address_print(&address, out);
	TR_ASSERT(td_address_parse(out, to_listen, &again, &why) == 0);
	TR_ASSERT(strcmp(again.host, address.host) == 0 && again.port == address.port);
	TR_ASSERT(again.is_v6 == address.is_v6 && again.is_numeric == address.is_numeric);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = {data, data + size};
	uint8_t what = fuzz_u8(&in);
	struct tr_bytes rest = fuzz_take(&in, size);
	char *text = fuzz_text(rest);

	(void)fuzz_arena(); /* libsodium */
	switch (what) {
	case 0: try_token(text); break;
	case 1: try_raw(rest); break;
	default: try_address(text, what % 2 == 0); break;
	}
	free(text);
	return 0;
}
