/* SPDX-License-Identifier: Apache-2.0 */
/* The first rows of a fresh store. */
#include <string.h>

#include "proto/err.h"
#include "replication/keys.h"
#include "replication/node.h"
#include "replication/rng.h"

static int put(const struct rep_view *view, const char *name, struct tr_bytes value)
{
	struct rep_key key = rep_key_name(name);

	return rep_put(view, REP_T_META, rep_key_bytes(&key), value);
}

static int put_u64(const struct rep_view *view, const char *name, uint64_t v)
{
	uint8_t row[8];

	wire_put_be64(row, v);
	return put(view, name, rep_bytes(row, sizeof(row)));
}

/* row of unit.c: version(1) parent(8) caps(4) code-length(1) code title */
static int put_unit(const struct rep_view *view, const struct rep_cert *cert)
{
	uint8_t row[14 + TR_UNIT_PATH_MAX + TR_TITLE_MAX] = {1};
	struct rep_key key = rep_key_nid(cert->nid);
	size_t code = strlen(cert->unit), title = strlen(cert->title);

	wire_put_be64(row + 1, cert->parent.v);
	wire_put_be32(row + 9, cert->caps);
	row[13] = (uint8_t)code;
	memcpy(row + 14, cert->unit, code);
	memcpy(row + 14 + code, cert->title, title);
	return rep_put(view, REP_T_UNIT, rep_key_bytes(&key), rep_bytes(row, 14 + code + title));
}

static int put_chain(const struct rep_view *view, const struct rep_root *root,
    const struct tr_bytes *chain, size_t count, struct rep_cert *own)
{
	struct rep_cert top, issuer, cert;

	if (count == 0 || count > TR_CHAIN_MAX)
		return TR_E_INPUT;
	for (size_t i = 0; i < count; i++) {
		struct rep_key key;
		int rc = rep_cert_verify(chain[i], root, i == 0 ? NULL : &issuer, i == 0 ? NULL : &top, &cert);

		if (rc == 0 && i > 0 && cert.parent.v != issuer.nid.v)
			rc = TR_E_FORGED;
		if (rc != 0)
			return rc;
		key = rep_key_cert(cert.nid, cert.serial);
		rc = rep_put(view, REP_T_CERT, rep_key_bytes(&key), chain[i]);
		if (rc == 0)
			rc = put_unit(view, &cert);
		if (rc != 0)
			return rc;
		issuer = cert;
		if (i == 0)
			top = cert;
	}
	*own = cert;
	return 0;
}

int rep_found(const struct rep_view *view, struct tr_bytes root_bytes, const struct tr_bytes *chain,
    size_t chain_count, const struct tr_hash *root_hash, const uint8_t seed[static 32], struct tr_wall_ms wall)
{
	struct tr_bytes key, row;
	struct rep_root root;
	struct tr_hash hash;
	struct rep_cert own;
	struct rep_rng rng;
	int rc = rep_seek(view, REP_T_META, rep_bytes("", 0), false, &key, &row);

	if (rc != TR_E_NOTFOUND)
		return rc == 0 ? TR_E_EXISTS : rc;
	rep_root_hash(root_bytes, &hash);
	if (memcmp(hash.b, root_hash->b, 32) != 0)
		return TR_E_FORGED;
	rc = rep_root_decode(root_bytes, &root);
	if (rc == 0)
		rc = put_chain(view, &root, chain, chain_count, &own);
	if (rc != 0)
		return rc;
	rep_rng_init(&rng, seed);
	rc = put(view, "root", root_bytes);
	if (rc == 0)
		rc = put_u64(view, "self", own.nid.v);
	if (rc == 0)
		rc = put_u64(view, "inc", rep_rng_id(&rng));
	if (rc == 0)
		rc = put_u64(view, "inc serial", own.serial);
	if (rc == 0)
		rc = put_u64(view, "store", rep_rng_id(&rng));
	if (rc == 0)
		rc = put_u64(view, "clock", (uint64_t)(wall.ms > 0 ? wall.ms : 0) << 16);
	return rc;
}
