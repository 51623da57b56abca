/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/token.h"

#include "proto/err.h"

#include <sodium.h>
#include <string.h>

enum {
	FIXED_SIZE = 32 + 32 + TR_TOKEN_ID_SIZE + TR_TOKEN_SECRET_SIZE,
	CHECK_SIZE = 4,
	RAW_MAX = FIXED_SIZE + 1 + TD_ADDRESS_MAX + CHECK_SIZE,
};

static const char PREFIX[] = "TRC1";
static const char SCHEME[] = "tcp://";

static_assert(sizeof(PREFIX) + (RAW_MAX + 2) / 3 * 4 <= TD_TOKEN_TEXT_MAX,
    "the longest token fits");

static void make_check(const uint8_t *raw, size_t size, uint8_t *out)
{
	uint8_t hash[crypto_generichash_BYTES_MIN];

	(void)crypto_generichash(hash, sizeof(hash), raw, size, NULL, 0);
	memcpy(out, hash, CHECK_SIZE);
}

static size_t put(uint8_t *raw, size_t at, const void *data, size_t size)
{
	memcpy(raw + at, data, size);
	return at + size;
}

int td_token_encode(const struct td_token *token,
    char out[static TD_TOKEN_TEXT_MAX])
{
	struct td_address address;
	char full[TD_ADDRESS_MAX + 1];
	const char *text = full + strlen(SCHEME);
	const char *why = NULL;
	uint8_t raw[RAW_MAX];
	uint8_t length = 0;
	size_t size = 0;

	if (td_address_parse(token->address, false, &address, &why) != 0)
		return TR_E_INPUT;
	td_address_print(&address, full);
	length = (uint8_t)strlen(text);
	size = put(raw, size, token->parent_pk.b, 32);
	size = put(raw, size, token->root_hash.b, 32);
	size = put(raw, size, token->id, TR_TOKEN_ID_SIZE);
	size = put(raw, size, token->secret, TR_TOKEN_SECRET_SIZE);
	size = put(raw, size, &length, 1);
	size = put(raw, size, text, length);
	make_check(raw, size, raw + size);
	size += CHECK_SIZE;
	memcpy(out, PREFIX, strlen(PREFIX));
	(void)sodium_bin2base64(out + strlen(PREFIX),
	    TD_TOKEN_TEXT_MAX - strlen(PREFIX), raw, size,
	    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	sodium_memzero(raw, sizeof(raw));
	return 0;
}

static int parse(const uint8_t *raw, size_t size, struct td_token *out,
    const char **why)
{
	struct td_address address;
	uint8_t check[CHECK_SIZE];
	char text[TD_ADDRESS_MAX + 1] = "";
	size_t length = 0;

	*why = "it is cut short; copy the whole line";
	if (size < FIXED_SIZE + 1 + CHECK_SIZE)
		return TR_E_INPUT;
	length = raw[FIXED_SIZE];
	if (size < FIXED_SIZE + 1 + length + CHECK_SIZE)
		return TR_E_INPUT;
	*why = "it has a typing error or something behind its end";
	if (size > FIXED_SIZE + 1 + length + CHECK_SIZE ||
	    length > TD_ADDRESS_MAX - strlen(SCHEME))
		return TR_E_INPUT;
	make_check(raw, size - CHECK_SIZE, check);
	if (memcmp(check, raw + size - CHECK_SIZE, CHECK_SIZE) != 0)
		return TR_E_INPUT;
	memcpy(text, raw + FIXED_SIZE + 1, length);
	if (strlen(text) != length ||
	    td_address_parse(text, false, &address, why) != 0)
		return TR_E_INPUT;
	td_address_print(&address, out->address);
	memcpy(out->parent_pk.b, raw, 32);
	memcpy(out->root_hash.b, raw + 32, 32);
	memcpy(out->id, raw + 64, TR_TOKEN_ID_SIZE);
	memcpy(out->secret, raw + 64 + TR_TOKEN_ID_SIZE, TR_TOKEN_SECRET_SIZE);
	return 0;
}

int td_token_decode(const char *text, struct td_token *out, const char **why)
{
	struct td_token token = {.address = ""};
	uint8_t raw[RAW_MAX];
	const char *end = NULL;
	size_t size = 0;
	int rc = TR_E_INPUT;

	text += strspn(text, " \t\r\n\"'");
	if (strncmp(text, PREFIX, strlen(PREFIX)) != 0) {
		*why = "a token begins with TRC1";
		return TR_E_INPUT;
	}
	text += strlen(PREFIX);
	if (sodium_base642bin(raw, sizeof(raw), text, strlen(text),
	        " \t\r\n\"'", &size, &end,
	        sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
	    *end != '\0') {
		*why = "it has a character that does not belong in a token, "
		       "or it is cut short";
		return TR_E_INPUT;
	}
	rc = parse(raw, size, &token, why);
	if (rc == 0)
		*out = token;
	sodium_memzero(raw, sizeof(raw));
	sodium_memzero(&token, sizeof(token));
	return rc;
}
