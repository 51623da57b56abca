/* SPDX-License-Identifier: Apache-2.0 */
// needs: daemon/token.o daemon/address.o
/*
 * Goal: a token survives copying, and a damaged one is refused with a reason.
 * Method: every character changed in turn, every length cut, whole round trips.
 */
#include "daemon/token.h"
#include "proto/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

static struct td_token sample(const char *address)
{
	struct td_token token = {.address = ""};

	randombytes_buf(token.parent_pk.b, 32);
	randombytes_buf(token.root_hash.b, 32);
	randombytes_buf(token.id, sizeof(token.id));
	randombytes_buf(token.secret, sizeof(token.secret));
	(void)snprintf(token.address, sizeof(token.address), "%s", address);
	return token;
}

static void token_round_trip(void **state)
{
	static const char *const ADDRESSES[] = {"tcp://127.0.0.1:7400",
	    "tcp://[2001:db8::17]:1", "tcp://hub.dongcheng.example:65535",
	    "tcp://localhost:7400"};
	(void)state;

	for (size_t i = 0; i < sizeof(ADDRESSES) / sizeof(*ADDRESSES); i++) {
		struct td_token token = sample(ADDRESSES[i]), back;
		char text[TD_TOKEN_TEXT_MAX];
		const char *why = NULL;

		memset(&back, 0, sizeof(back));
		assert_int_equal(td_token_encode(&token, text), 0);
		assert_in_range(strlen(text), 140, 180);
		assert_int_equal(td_token_decode(text, &back, &why), 0);
		assert_memory_equal(&token, &back, sizeof(token));
	}
}

static void token_survives_wrapped_lines_and_quotes(void **state)
{
	struct td_token token = sample("tcp://10.8.0.1:7400"), back;
	char text[TD_TOKEN_TEXT_MAX], wrapped[2 * TD_TOKEN_TEXT_MAX] = "  \"";
	const char *why = NULL;
	size_t size = strlen(wrapped);
	(void)state;

	assert_int_equal(td_token_encode(&token, text), 0);
	for (size_t i = 0; text[i] != '\0'; i++) {
		wrapped[size++] = text[i];
		if (i > 10 && i % 60 == 0) {
			memcpy(wrapped + size, "\r\n ", 3);
			size += 3;
		}
	}
	memcpy(wrapped + size, "\"\n", 3);
	assert_int_equal(td_token_decode(wrapped, &back, &why), 0);
	assert_memory_equal(token.secret, back.secret, sizeof(back.secret));
}

static void token_with_any_wrong_character_is_refused(void **state)
{
	struct td_token token = sample("tcp://10.8.0.1:7400"), back;
	char text[TD_TOKEN_TEXT_MAX], bad[TD_TOKEN_TEXT_MAX];
	const char *why = NULL;
	(void)state;

	assert_int_equal(td_token_encode(&token, text), 0);
	for (size_t i = 0; text[i] != '\0'; i++) {
		memcpy(bad, text, sizeof(bad));
		bad[i] = text[i] == 'A' ? 'B' : 'A';
		why = NULL;
		assert_int_equal(td_token_decode(bad, &back, &why), TR_E_INPUT);
		assert_non_null(why);
		bad[i] = '*';
		assert_int_equal(td_token_decode(bad, &back, &why), TR_E_INPUT);
	}
}

static void token_cut_short_is_refused(void **state)
{
	struct td_token token = sample("tcp://10.8.0.1:7400"), back;
	char text[TD_TOKEN_TEXT_MAX], bad[TD_TOKEN_TEXT_MAX];
	const char *why = NULL;
	(void)state;

	assert_int_equal(td_token_encode(&token, text), 0);
	for (size_t size = 0; size < strlen(text); size++) {
		memcpy(bad, text, sizeof(bad));
		bad[size] = '\0';
		assert_int_equal(td_token_decode(bad, &back, &why), TR_E_INPUT);
	}
	(void)strcat(text, "AAAA");
	assert_int_equal(td_token_decode(text, &back, &why), TR_E_INPUT);
}

static void token_needs_an_address_to_dial(void **state)
{
	static const char *const BAD[] = {"", "tcp://*:7400", "10.8.0.1",
	    "tcp://10.8.0.1:0", "udp://10.8.0.1:7400", "tcp://10.8.0.1:70000",
	    "tcp://1.2.3:7400", "tcp://::1:7400", "tcp://[::1:7400",
	    "tcp://a b:7400", "tcp://-x:1", "tcp://0.0.0.0:7400", "tcp://[::]:7400"};
	(void)state;

	for (size_t i = 0; i < sizeof(BAD) / sizeof(*BAD); i++) {
		struct td_token token = sample(BAD[i]);
		char text[TD_TOKEN_TEXT_MAX];

		assert_int_equal(td_token_encode(&token, text), TR_E_INPUT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(token_round_trip),
	    cmocka_unit_test(token_survives_wrapped_lines_and_quotes),
	    cmocka_unit_test(token_with_any_wrong_character_is_refused),
	    cmocka_unit_test(token_cut_short_is_refused),
	    cmocka_unit_test(token_needs_an_address_to_dial),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
