/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/map_line.h"

#include "admin/mem.h"
#include "admin/text.h"
#include "proto/limits.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH_SIZE 32

json_t *tc_map_line_begin(
    const char *source, const char *id, int64_t seq, const char *step)
{
	json_t *line = tc_mem_json(json_object());
	char *key = tc_mem_format(
	    "%s:%s:%lld:%s", source, id, (long long)seq, step);

	if (strlen(key) > TR_KEY_MAX) {
		unsigned char hash[HASH_SIZE];
		char *hex = tc_mem_alloc(2 * HASH_SIZE + 1, 1);

		crypto_generichash(hash, sizeof(hash),
		    (const unsigned char *)key, strlen(key), NULL, 0);
		sodium_bin2hex(hex, 2 * HASH_SIZE + 1, hash, sizeof(hash));
		free(key);
		key = hex;
	}
	tc_mem_set_text(line, "kind", "case");
	tc_mem_set_text(line, "source", source);
	tc_mem_set_text(line, "source_id", id);
	tc_mem_set_text(line, "key", key);
	tc_mem_set(line, "imported", json_true());
	free(key);
	return line;
}

int tc_map_line_reject(struct tc_map_reject *reject, const char *code,
    const char *field, const char *format, ...)
{
	va_list args;

	reject->code = code;
	snprintf(reject->field, sizeof(reject->field), "%s", field);
	va_start(args, format);
	vsnprintf(reject->why, sizeof(reject->why), format, args);
	va_end(args);
	/* Shortened in the middle of a character they would be no JSON. */
	tc_text_clean_in(reject->field);
	tc_text_clean_in(reject->why);
	return -1;
}
