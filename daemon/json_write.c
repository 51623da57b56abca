/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/json_write.h"

#include <string.h>

void td_json_begin(struct td_json_out *json, struct td_out *out)
{
	memset(json, 0, sizeof(*json));
	json->out = out;
}

static void put(struct td_json_out *json, const char *text, size_t size)
{
	if (!json->has_failed && !td_out_put(json->out, text, size))
		json->has_failed = true;
}

void td_json_raw(struct td_json_out *json, const char *text)
{
	put(json, text, strlen(text));
}

static void comma(struct td_json_out *json)
{
	if (json->needs_comma)
		put(json, ",", 1);
	json->needs_comma = true;
}

void td_json_push(struct td_json_out *json, char open)
{
	comma(json);
	put(json, &open, 1);
	json->needs_comma = false;
}

void td_json_pop(struct td_json_out *json, char close)
{
	put(json, &close, 1);
	json->needs_comma = true;
}

/* Keys are our own words: nothing in them needs an escape. */
void td_json_key(struct td_json_out *json, const char *key)
{
	comma(json);
	put(json, "\"", 1);
	put(json, key, strlen(key));
	put(json, "\":", 2);
	json->needs_comma = false;
}

static size_t escape(uint8_t c, char out[static 6])
{
	static const char short_of[] = "\"\"\\\\\bb\ff\nn\rr\tt";
	static const char hex[] = "0123456789abcdef";

	for (size_t i = 0; short_of[i] != '\0'; i += 2)
		if ((uint8_t)short_of[i] == c) {
			out[0] = '\\';
			out[1] = short_of[i + 1];
			return 2;
		}
	memcpy(out, "\\u00", 4);
	out[4] = hex[c >> 4];
	out[5] = hex[c & 15];
	return 6;
}

void td_json_text(struct td_json_out *json, struct tr_bytes text)
{
	size_t from = 0;
	char buf[6];

	comma(json);
	put(json, "\"", 1);
	for (size_t i = 0; i < text.size; i++) {
		uint8_t c = text.data[i];

		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		put(json, (const char *)text.data + from, i - from);
		put(json, buf, escape(c, buf));
		from = i + 1;
	}
	if (text.size > from)
		put(json, (const char *)text.data + from, text.size - from);
	put(json, "\"", 1);
}

void td_json_string(struct td_json_out *json, const char *text)
{
	td_json_text(json, (struct tr_bytes){(const uint8_t *)text, strlen(text)});
}

void td_json_int(struct td_json_out *json, int64_t v)
{
	char buf[24], *p = buf + sizeof(buf);
	uint64_t u = v < 0 ? (uint64_t)0 - (uint64_t)v : (uint64_t)v;

	do {
		*--p = (char)('0' + u % 10);
		u /= 10;
	} while (u > 0);
	if (v < 0)
		*--p = '-';
	comma(json);
	put(json, p, (size_t)(buf + sizeof(buf) - p));
}

void td_json_literal(struct td_json_out *json, const char *text)
{
	comma(json);
	put(json, text, strlen(text));
}
