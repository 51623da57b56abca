/* SPDX-License-Identifier: Apache-2.0 */
/* Caps, keys and the pinned root; certificates are in identity_cert.c. */
#include "replication/identity.h"

#include <string.h>

#include <sodium.h>

#include "proto/pb.h"

#define CAPS_COMMUNITY (TR_CAP_INTAKE | TR_CAP_HANDLE | TR_CAP_ROSTER)
#define CAPS_STREET \
	(CAPS_COMMUNITY | TR_CAP_COMMAND | TR_CAP_SUPERVISE | TR_CAP_DIRECT | \
	    TR_CAP_IMPORT)
#define CAPS_HUB (CAPS_STREET | TR_CAP_REVEAL | TR_CAP_ERASE | TR_CAP_REGISTRAR)

static const struct {
	uint32_t bit;
	const char *name;
} caps[] = {
    {TR_CAP_INTAKE, "INTAKE"},
    {TR_CAP_HANDLE, "HANDLE"},
    {TR_CAP_COMMAND, "COMMAND"},
    {TR_CAP_SUPERVISE, "SUPERVISE"},
    {TR_CAP_DIRECT, "DIRECT"},
    {TR_CAP_ROSTER, "ROSTER"},
    {TR_CAP_IMPORT, "IMPORT"},
    {TR_CAP_REVEAL, "REVEAL"},
    {TR_CAP_ERASE, "ERASE"},
    {TR_CAP_STANDBY, "STANDBY"},
    {TR_CAP_REGISTRAR, "REGISTRAR"},
};
#define CAPS_COUNT (sizeof(caps) / sizeof(caps[0]))

uint32_t rep_caps_default(unsigned level)
{
	if (level == 0)
		return CAPS_HUB;
	return level == 1 ? CAPS_STREET : CAPS_COMMUNITY;
}

uint32_t rep_cap_by_name(const char *name, size_t size)
{
	for (size_t i = 0; i < CAPS_COUNT; i++)
		if (strlen(caps[i].name) == size &&
		    memcmp(caps[i].name, name, size) == 0)
			return caps[i].bit;
	return 0;
}

const char *rep_cap_name(uint32_t bit)
{
	for (size_t i = 0; i < CAPS_COUNT; i++)
		if (caps[i].bit == bit)
			return caps[i].name;
	return NULL;
}

bool rep_key_ok(const struct tr_key *sign_pk)
{
	return crypto_core_ed25519_is_valid_point(sign_pk->b) == 1;
}

/* --- the root --- */

enum { ROOT_ZONE = 1, ROOT_VERSION, ROOT_KEY, ROOT_THRESHOLD, ROOT_PREV_HASH };
enum { ROOT_KEYS_MAX = 3 };

static bool root_ok(const struct rep_root *root)
{
	if (root->zone == 0 || root->version == 0 || root->key_count == 0 ||
	    root->key_count > ROOT_KEYS_MAX || root->threshold == 0 ||
	    root->threshold > root->key_count)
		return false;
	for (size_t i = 0; i < root->key_count; i++) {
		if (!rep_key_ok(&root->key[i]))
			return false;
		/* A key listed twice would count twice. */
		for (size_t j = 0; j < i; j++)
			if (memcmp(root->key[i].b, root->key[j].b, 32) == 0)
				return false;
	}
	return true;
}

size_t rep_root_encode(const struct rep_root *root, uint8_t *out, size_t cap)
{
	struct tr_pb_writer w = {out, out + cap, false};

	if (!root_ok(root))
		return 0;
	tr_pb_put_fixed64(&w, ROOT_ZONE, root->zone);
	tr_pb_put_uint(&w, ROOT_VERSION, root->version);
	for (size_t i = 0; i < root->key_count; i++)
		tr_pb_put_bytes(&w, ROOT_KEY, root->key[i].b, 32);
	tr_pb_put_uint(&w, ROOT_THRESHOLD, root->threshold);
	return w.full ? 0 : (size_t)(w.at - out);
}

static bool take_root_key(struct rep_root *root, const struct tr_pb_field *f)
{
	if (f->wire != TR_PB_BYTES || f->bytes.size != 32 ||
	    root->key_count == ROOT_KEYS_MAX)
		return false;
	memcpy(root->key[root->key_count++].b, f->bytes.data, 32);
	return true;
}

static int take_root_field(struct tr_pb_reader *r, const struct tr_pb_field *f,
    struct rep_root *root)
{
	struct tr_hash prev_hash; /* of later versions; the size is checked */
	uint32_t threshold = 0;
	bool ok;

	switch (f->number) {
	case ROOT_ZONE:
		ok = tr_pb_once(r, f, TR_PB_FIXED64);
		root->zone = ok ? f->v : 0;
		break;
	case ROOT_VERSION:
		ok = tr_pb_once_u32(r, f, UINT32_MAX, &root->version);
		break;
	case ROOT_KEY:
		ok = take_root_key(root, f);
		break;
	case ROOT_THRESHOLD:
		ok = tr_pb_once_u32(r, f, ROOT_KEYS_MAX, &threshold);
		root->threshold = (uint8_t)threshold;
		break;
	case ROOT_PREV_HASH:
		ok = tr_pb_once_copy(r, f, prev_hash.b, sizeof(prev_hash.b));
		break;
	default: return tr_pb_unknown(r);
	}
	return ok ? 0 : TR_E_INPUT;
}

int rep_root_decode(struct tr_bytes in, struct rep_root *out)
{
	struct rep_root root = {0};
	struct tr_pb_reader r;
	struct tr_pb_field f;
	int rc;

	if (in.size > TR_ROOT_BYTES_MAX)
		return TR_E_LIMIT;
	tr_pb_begin(&r, in);
	while (tr_pb_more(&r)) {
		rc = tr_pb_next(&r, &f);
		if (rc == 0)
			rc = take_root_field(&r, &f, &root);
		if (rc != 0)
			return rc;
	}
	if (!root_ok(&root))
		return TR_E_INPUT;
	*out = root;
	return 0;
}

void rep_root_hash(struct tr_bytes encoded, struct tr_hash *out)
{
	crypto_generichash(
	    out->b, sizeof(out->b), encoded.data, encoded.size, NULL, 0);
}
