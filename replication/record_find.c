/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks over the keys of REP_T_REC: kind, record id.
 */
#include <string.h>

#include "proto/err.h"
#include "proto/wire.h"
#include "replication/rep.h"

#define ID_SIZE sizeof(struct tr_rec_id)
#define KEY_SIZE (1 + ID_SIZE)
#define PREFIX_DIGITS_MIN 8

/* First record of `kind` at (after) an id.  0; TR_E_NOTFOUND; others. */
static int seek(const struct rep_view *view, uint8_t kind,
    const struct tr_rec_id *from, bool after, struct tr_rec_id *out)
{
	uint8_t first[KEY_SIZE];
	struct tr_bytes key, value;
	int rc;

	first[0] = kind;
	memcpy(first + 1, from->b, ID_SIZE);
	rc = rep_seek(view, REP_T_REC, (struct tr_bytes){first, sizeof(first)},
	    after, &key, &value);
	if (rc != 0)
		return rc;
	if (key.size != KEY_SIZE)
		return TR_E_DAMAGED;
	if (key.data[0] != kind)
		return TR_E_NOTFOUND;
	memcpy(out->b, key.data + 1, ID_SIZE);
	return 0;
}

int rep_next_record(const struct rep_view *view, uint8_t kind,
    const struct tr_rec_id *after, struct tr_rec_id *out)
{
	static const struct tr_rec_id none;

	return seek(view, kind, after != NULL ? after : &none, after != NULL,
	    out);
}

/* False if these are not 8 to 32 hexadecimal digits. */
static bool parse_prefix(const char *hex, size_t len, struct tr_rec_id *out)
{
	memset(out, 0, sizeof(*out));
	if (len < PREFIX_DIGITS_MIN || len > 2 * ID_SIZE)
		return false;
	for (size_t i = 0; i < len; i++) {
		int d = wire_hex_digit((uint8_t)hex[i]);

		if (d < 0)
			return false;
		out->b[i / 2] |= (uint8_t)(i % 2 == 0 ? d << 4 : d);
	}
	return true;
}

static bool has_prefix(const struct tr_rec_id *id,
    const struct tr_rec_id *prefix, size_t digits)
{
	if (memcmp(id->b, prefix->b, digits / 2) != 0)
		return false;
	return digits % 2 == 0 ||
	    (id->b[digits / 2] & 0xf0) == prefix->b[digits / 2];
}

size_t rep_find_prefix(const struct rep_view *view, uint8_t kind,
    const char *hex, size_t len, struct tr_rec_id *out, uint8_t *kinds,
    size_t cap)
{
	struct tr_rec_id prefix, id;
	size_t count = 0;

	if (!parse_prefix(hex, len, &prefix))
		return 0;
	for (uint8_t k = TR_KIND_CASE; k <= TR_KIND_UNIT; k++) {
		int rc;

		if (kind != 0 && kind != k)
			continue;
		rc = seek(view, k, &prefix, false, &id);
		while (rc == 0 && count < cap && has_prefix(&id, &prefix, len)) {
			if (kinds != NULL)
				kinds[count] = k;
			out[count++] = id;
			rc = seek(view, k, &id, true, &id);
		}
	}
	return count;
}
