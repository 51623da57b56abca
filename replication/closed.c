/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/closed.h"

#include <string.h>

#include "proto/err.h"
#include "replication/name.h"
#include "replication/unit.h"

/* fields of schema.def */
#define F_NID 1
#define F_TITLE 4
#define F_STATE 5
#define F_SUCCESSOR 6
#define F_SUCCESSOR_PATH 7
#define STATE_CLOSED 2

struct tr_rec_id rep_closed_id(struct tr_nid unit)
{
	struct tr_rec_id id = {{0, 0, 0, 0, 0, 0, 0, 0, 0x80, 'u', 'n', 'i', 't', 0, 0, 1}};

	wire_put_be64(id.b, unit.v);
	return id;
}

static void copy(char *out, struct tr_bytes in)
{
	memcpy(out, in.data, in.size);
	out[in.size] = '\0';
}

void rep_closed_take(struct rep_node *node)
{
	const struct rep_record *rec = node->record;
	const struct rep_value *nid = rep_record_value(rec, F_NID), *title = rep_record_value(rec, F_TITLE);
	const struct rep_value *state = rep_record_value(rec, F_STATE), *to = rep_record_value(rec, F_SUCCESSOR);
	const struct rep_value *path = rep_record_value(rec, F_SUCCESSOR_PATH);
	struct rep_unit *unit = rep_unit_find(node, rec->scope);

	TR_ASSERT(rec->kind == TR_KIND_UNIT);
	if (unit == NULL || nid == NULL || (uint64_t)nid->i != rec->scope.v)
		return;
	if (title != NULL && rep_name_title_ok(title->t))
		copy(unit->title, title->t);
	unit->closed = state != NULL && state->i == STATE_CLOSED;
	unit->successor.v = to != NULL ? (uint64_t)to->i : 0;
	unit->successor_path[0] = '\0';
	if (path != NULL && rep_name_path_ok(path->t))
		copy(unit->successor_path, path->t);
}

int rep_closed_check(const struct rep_node *node, struct tr_nid nid, struct rep_reply *r)
{
	const struct rep_unit *unit = rep_unit_find(node, nid);

	if (unit == NULL || !unit->closed)
		return 0;
	r->unit = unit->successor;
	memcpy(r->moved_path, unit->successor_path, sizeof(r->moved_path));
	return TR_E_SUCCEEDED;
}

void rep_closed_wake(struct rep_node *node, struct tr_nid scope, struct tr_nid author)
{
	struct rep_unit *unit = rep_unit_find(node, scope);

	if (!unit->closed || !unit->is_mover || author.v == node->cert.nid.v)
		return;
	unit->move_again = true;
	rep_closed_soon(node);
}

void rep_closed_soon(struct rep_node *node)
{
	if (node->move_mono_ms > node->mono_ms + REP_CLOSED_PIECE_MS)
		node->move_mono_ms = node->mono_ms + REP_CLOSED_PIECE_MS;
}
