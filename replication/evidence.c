/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/evidence.h"

#include <string.h>

#include "proto/err.h"
#include "replication/keys.h"
#include "replication/link.h"

/* Row: kind(1) size of a(2) a b, under (nid, serial). */
#define ROW_HEAD 3
#define ROWS_MAX 64 /* a signer that goes on has been seen by then */

static size_t count(struct rep_node *node)
{
	uint8_t last[12];
	struct tr_bytes from = {last, 0}, key, row;
	bool after = false;
	size_t n = 0;

	while (n < ROWS_MAX && rep_seek(node->view, REP_T_EVID, from, after, &key, &row) == 0 &&
	    key.size == sizeof(last)) {
		memcpy(last, key.data, sizeof(last));
		from.size = sizeof(last);
		after = true;
		n++;
	}
	return n;
}

void rep_evidence_keep(struct rep_node *node, uint32_t kind, struct tr_bytes a, struct tr_bytes b)
{
	uint8_t row[ROW_HEAD + 2 * TR_CERT_BYTES_MAX];
	struct rep_cert cert;
	struct tr_bytes had;
	struct rep_key key;

	if (a.size > TR_CERT_BYTES_MAX || b.size > TR_CERT_BYTES_MAX || rep_cert_decode(b, &cert) != 0)
		return;
	key = rep_key_cert(cert.nid, cert.serial);
	row[0] = (uint8_t)kind;
	wire_put_be16(row + 1, (uint16_t)a.size);
	memcpy(row + ROW_HEAD, a.data, a.size);
	memcpy(row + ROW_HEAD + a.size, b.data, b.size);
	if (rep_node_get(node, REP_T_EVID, rep_key_bytes(&key), &had) == 0 || count(node) >= ROWS_MAX)
		return;
	rep_node_put(node, REP_T_EVID, rep_key_bytes(&key), rep_bytes(row, ROW_HEAD + a.size + b.size));
	rep_node_trace(node, REP_TRACE_EVIDENCE, cert.nid, cert.serial, cert.issuer.v, NULL);
	node->links[0]->evidence_epoch = 0;
}

static void send(struct rep_node *node, struct rep_link *up, struct tr_bytes row)
{
	Terrace__Msg msg = TERRACE__MSG__INIT;
	Terrace__Evidence e = TERRACE__EVIDENCE__INIT;
	uint8_t copy[ROW_HEAD + 2 * TR_CERT_BYTES_MAX];
	size_t a;

	if (row.size < ROW_HEAD || row.size > sizeof(copy) ||
	    (a = wire_get_be16(row.data + 1)) > row.size - ROW_HEAD)
		return;
	memcpy(copy, row.data, row.size);
	e.kind = copy[0];
	e.a = (ProtobufCBinaryData){a, copy + ROW_HEAD};
	e.b = (ProtobufCBinaryData){row.size - ROW_HEAD - a, copy + ROW_HEAD + a};
	msg.m_case = TERRACE__MSG__M_EVIDENCE;
	msg.evidence = &e;
	rep_link_send(node, up, &msg);
}

void rep_evidence_flush(struct rep_node *node)
{
	struct rep_link *up = node->links[0];
	uint8_t last[12];
	struct tr_bytes from = {last, 0}, key, row;
	bool after = false;

	if (node->is_top || up->state != REP_LINK_LIVE || up->evidence_epoch == up->epoch)
		return;
	up->evidence_epoch = up->epoch;
	while (rep_seek(node->view, REP_T_EVID, from, after, &key, &row) == 0 && key.size == sizeof(last)) {
		memcpy(last, key.data, sizeof(last));
		from.size = sizeof(last);
		after = true;
		send(node, up, row);
	}
}

bool rep_inspect_evidence(const struct rep_node *node, const struct rep_view *view, size_t i, struct rep_evidence_info *out)
{
	uint8_t last[12];
	struct tr_bytes from = {last, 0}, key, row;
	bool after = false;
	struct rep_cert cert;

	(void)node;
	for (size_t at = 0; rep_seek(view, REP_T_EVID, from, after, &key, &row) == 0 && key.size == sizeof(last); at++) {
		size_t a = row.size >= ROW_HEAD ? wire_get_be16(row.data + 1) : row.size;

		memcpy(last, key.data, sizeof(last));
		from.size = sizeof(last);
		after = true;
		if (at != i)
			continue;
		if (a > row.size - ROW_HEAD || rep_cert_decode(rep_bytes(row.data + ROW_HEAD, a), &cert) != 0)
			return false;
		out->unit = cert.nid;
		out->serial = cert.serial;
		out->signer = cert.issuer;
		return true;
	}
	return false;
}
