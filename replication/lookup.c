/* SPDX-License-Identifier: Apache-2.0 */
#include "replication/lookup.h"

#include <string.h>

#include "proto/err.h"

#define ID_SIZE sizeof(struct tr_rec_id)
/* field ids of schema.def */
#define F_SOURCE 1
#define F_SOURCE_ID 2
#define F_DIRECTIVE_ID 1

static const struct rep_value *value_of(const struct rep_record *rec, const struct rep_cand *c, uint16_t field,
    enum rep_value_type type)
{
	for (uint16_t i = c->value_first; i < c->value_first + c->value_count; i++)
		if (rec->values[i].field == field && rec->values[i].type == type)
			return &rec->values[i];
	return NULL;
}

bool rep_lookup_key(const struct rep_record *rec, uint16_t cand, struct rep_key *out)
{
	const struct rep_cand *c = &rec->cands[cand];
	const struct rep_value *a, *b;
	struct tr_rec_id directive;

	if (rec->kind == TR_KIND_CASE) {
		a = value_of(rec, c, F_SOURCE, REP_VALUE_TEXT);
		b = value_of(rec, c, F_SOURCE_ID, REP_VALUE_TEXT);
		if (a == NULL || b == NULL || b->t.size > TR_SOURCE_ID_MAX)
			return false;
		*out = rep_key_source(a->t, b->t);
		return true;
	}
	a = value_of(rec, c, F_DIRECTIVE_ID, REP_VALUE_BYTES);
	if (rec->kind != TR_KIND_DIRECTIVE || a == NULL || a->t.size != ID_SIZE)
		return false;
	memcpy(directive.b, a->t.data, ID_SIZE);
	*out = rep_key_directive(&directive, &rec->id);
	return true;
}

bool rep_lookup_lists(const struct tr_bytes *row, const struct tr_rec_id *id)
{
	for (size_t i = 0; i + ID_SIZE <= row->size; i += ID_SIZE)
		if (memcmp(row->data + i, id->b, ID_SIZE) == 0)
			return true;
	return false;
}

static size_t load(struct rep_node *node, const struct rep_view *view, const struct rep_key *key, uint8_t row[static ID_SIZE * REP_TWINS_MAX])
{
	struct tr_bytes old = {NULL, 0};
	int rc = rep_get(view, REP_T_SRC, rep_key_bytes(key), &old);

	if (rep_node_broken(node, rc) || rc != 0 || old.size % ID_SIZE != 0 || old.size > ID_SIZE * REP_TWINS_MAX)
		return 0;
	if (old.size > 0)
		memcpy(row, old.data, old.size);
	return old.size;
}

void rep_lookup_twin(struct rep_node *node, const struct rep_view *view, const struct rep_key *source, const struct tr_rec_id *id)
{
	uint8_t row[ID_SIZE * REP_TWINS_MAX];
	size_t size = load(node, view, source, row), at = 0;
	struct tr_bytes had = rep_bytes(row, size);

	if (rep_lookup_lists(&had, id) || size == sizeof(row))
		return;
	while (at < size && memcmp(row + at, id->b, ID_SIZE) < 0)
		at += ID_SIZE; /* by id: who came first does not matter */
	memmove(row + at + ID_SIZE, row + at, size - at);
	memcpy(row + at, id->b, ID_SIZE);
	rep_node_put(node, REP_T_SRC, rep_key_bytes(source), rep_bytes(row, size + ID_SIZE));
}

void rep_lookup_add(struct rep_node *node, const struct rep_view *view, const struct rep_record *rec)
{
	struct rep_key key;

	for (uint16_t i = 0; i < rec->cand_count; i++) {
		if (!rep_lookup_key(rec, i, &key))
			continue;
		if (rec->kind == TR_KIND_CASE)
			rep_lookup_twin(node, view, &key, &rec->id);
		else
			rep_node_put(node, REP_T_DIR, rep_key_bytes(&key), rep_bytes("", 0));
	}
}

static void remove_twin(struct rep_node *node, const struct rep_view *view, const struct rep_key *key, const struct tr_rec_id *id)
{
	uint8_t row[ID_SIZE * REP_TWINS_MAX];
	size_t size = load(node, view, key, row), kept = 0;

	for (size_t at = 0; at < size; at += ID_SIZE) {
		if (memcmp(row + at, id->b, ID_SIZE) == 0)
			continue;
		memmove(row + kept, row + at, ID_SIZE);
		kept += ID_SIZE;
	}
	if (kept == size)
		return;
	if (kept > 0)
		rep_node_put(node, REP_T_SRC, rep_key_bytes(key), rep_bytes(row, kept));
	else
		rep_node_del(node, REP_T_SRC, rep_key_bytes(key));
}

void rep_lookup_remove(struct rep_node *node, const struct rep_view *view, const struct rep_record *rec)
{
	struct rep_key key;

	for (uint16_t i = 0; i < rec->cand_count; i++) {
		if (!rep_lookup_key(rec, i, &key))
			continue;
		if (rec->kind == TR_KIND_CASE)
			remove_twin(node, view, &key, &rec->id);
		else
			rep_node_del(node, REP_T_DIR, rep_key_bytes(&key));
	}
}
