/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/oracle/show.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/err.h"
#include "proto/wire.h"
#include "replication/ckpt.h"

#define CANDS_MAX 64

void labels_add(struct labels *l, const char *name, const struct tr_rec_id *id, uint8_t kind)
{
	TR_ASSERT(l->count < LABELS_MAX);
	(void)snprintf(l->item[l->count].name, LABEL_MAX, "%s", name);
	l->item[l->count].id = *id;
	l->item[l->count++].kind = kind;
}

static size_t label_at(const struct labels *l, const char *name)
{
	size_t i = 0;

	while (i < l->count && strcmp(l->item[i].name, name) != 0)
		i++;
	return i;
}

const struct tr_rec_id *labels_id(const struct labels *l, const char *name)
{
	size_t i = label_at(l, name);

	return i < l->count ? &l->item[i].id : NULL;
}

uint8_t labels_kind(const struct labels *l, const char *name)
{
	size_t i = label_at(l, name);

	return i < l->count ? l->item[i].kind : 0;
}

const char *labels_of(const struct labels *l, const struct tr_rec_id *id)
{
	for (size_t i = 0; i < l->count; i++)
		if (memcmp(l->item[i].id.b, id->b, sizeof(id->b)) == 0)
			return l->item[i].name;
	return NULL;
}

unsigned show_node(const struct place *p, struct tr_nid nid)
{
	for (unsigned i = 0; i < PLACE_NODES; i++)
		if (p->n[i].nid.v == nid.v)
			return i;
	TR_UNREACHABLE("a node of another tree");
}

/* ---- values ---- */

struct scene {
	const struct place *p;
	const struct labels *l;
	const struct rep_record *rec;
	const struct rep_view *view;
};

static void text(struct tr_bytes t)
{
	printf("\"%.*s\"", (int)t.size, (const char *)t.data);
}

static void value(const struct scene *s, const struct rep_value *v)
{
	const struct rep_field *f = rep_schema_field(s->rec->kind, v->field);

	printf("\"%s\":", f->name);
	if (v->type == REP_VALUE_NONE) {
		printf("null");
	} else if (f->type == REP_TYPE_TEXT) {
		text(v->t);
	} else if (f->type == REP_TYPE_ID) {
		struct tr_rec_id id;
		const char *name;

		memcpy(id.b, v->t.data, sizeof(id.b));
		name = labels_of(s->l, &id);
		printf("\"%s\"", name != NULL ? name : "?");
	} else if (f->type == REP_TYPE_UNITS) {
		printf("\"");
		for (size_t k = 0; k + 8 <= v->t.size; k += 8)
			printf("%s%u", k != 0 ? "," : "", show_node(s->p, (struct tr_nid){wire_get_be64(v->t.data + k)}));
		printf("\"");
	} else if (f->type == REP_TYPE_UNIT) {
		printf("\"%u\"", show_node(s->p, (struct tr_nid){(uint64_t)v->i}));
	} else if (f->type == REP_TYPE_STATUS || f->type == REP_TYPE_ENUM) {
		printf("\"%s\"", rep_schema_value_name(f, v->i));
	} else {
		printf("%" PRId64, v->i);
	}
}

static void values(const struct scene *s, uint16_t first, uint16_t count)
{
	printf("{");
	for (uint16_t i = 0; i < count; i++) {
		printf("%s", i != 0 ? "," : "");
		value(s, &s->rec->values[first + i]);
	}
	printf("}");
}

/* ---- the parts of a record ---- */

static void group(const struct scene *s, const struct rep_field *f, bool *more)
{
	const struct rep_record *rec = s->rec;
	uint16_t list[CANDS_MAX];
	size_t n = rep_record_cands(rec, f->group_id, list, CANDS_MAX);
	int shown = rep_record_shown(rec, f->group_id);

	if (n == 0)
		return;
	printf("%s\"%s\":{\"rule\":\"%s\",\"candidates\":[", *more ? "," : "", f->group,
	    rep_rule_name(rep_merge_rule(rec, f->group_id)));
	*more = true;
	for (size_t i = 0; i < n; i++) {
		const struct rep_cand *c = &rec->cands[list[i]];

		printf("%s{\"by\":%u,\"shown\":%s,\"values\":", i != 0 ? "," : "", show_node(s->p, c->author),
		    shown == (int)list[i] ? "true" : "false");
		values(s, c->value_first, c->value_count);
		printf("}");
	}
	printf("]}");
}

static void steps(const struct scene *s)
{
	const struct rep_record *rec = s->rec;
	uint16_t alive[CANDS_MAX];
	size_t n = rep_record_steps_alive(rec, alive, CANDS_MAX);
	int shown = rep_record_step_shown(rec);

	printf(",\"alive\":[");
	for (size_t i = 0; i < n; i++) {
		const struct rep_step *step = &rec->steps[alive[i]];

		printf("%s{\"by\":%u,\"shown\":%s,\"actor\":", i != 0 ? "," : "", show_node(s->p, step->author),
		    shown == (int)alive[i] ? "true" : "false");
		text(step->actor);
		printf(",\"values\":");
		values(s, step->value_first, step->value_count);
		printf("}");
	}
	n = 0;
	for (size_t i = 0; i < rec->step_count; i++)
		n += (rec->steps[i].flags & REP_STEP_VIOLATION) == 0;
	printf("],\"steps\":%zu", n);
}

static void rows(const struct scene *s, const struct rep_field *f, bool *more)
{
	struct rep_row_cursor cursor = {.started = false};
	struct rep_row row;
	bool any = false;

	while (rep_record_rows(s->view, &s->rec->id, f->id, &cursor, &row) == 0) {
		if (any)
			printf(",");
		else
			printf("%s\"%s\":[", *more ? "," : "", f->name);
		any = *more = true;
		if (f->merge == REP_MERGE_SET) {
			text(row.text);
			continue;
		}
		printf("{\"by\":%u,", show_node(s->p, row.author));
		if (f->merge == REP_MERGE_COUNT) {
			printf("\"i\":%" PRId64 "}", row.i);
			continue;
		}
		printf("\"actor\":");
		text(row.actor);
		printf(",\"text\":");
		text(row.text);
		printf(",\"percent\":%" PRId64 "}", row.i);
	}
	if (any)
		printf("]");
}

static void fields(const struct scene *s)
{
	const struct rep_field *f;
	bool more = false;

	printf(",\"groups\":{");
	for (size_t i = 0; (f = rep_schema_at(s->rec->kind, i)) != NULL; i++)
		if (f->group_id == f->id && f->merge != REP_MERGE_FLOW && f->merge < REP_MERGE_SET)
			group(s, f, &more);
	printf("},\"rows\":{");
	more = false;
	for (size_t i = 0; (f = rep_schema_at(s->rec->kind, i)) != NULL; i++)
		if (f->merge >= REP_MERGE_SET)
			rows(s, f, &more);
	printf("}");
}

/* What was written to a case that had moved. */
static void late(const struct scene *s, const struct rep_node *node)
{
	struct rep_ops_cursor cursor = {.started = false};
	static struct rep_op op;
	struct rep_cause cause;
	uint32_t serial;
	bool more = false;
	int rc;

	printf(",\"late\":[");
	while ((rc = rep_record_late(node, s->view, s->rec, &cursor, &op, &cause, &serial)) == 0) {
		printf("%s[%u,%" PRIu64 ",%" PRIu64 ",%" PRIu64 "]", more ? "," : "", show_node(s->p, cause.author), cause.inc,
		    cause.dot.seq, cause.hlc.v);
		more = true;
	}
	TR_ASSERT(rc == TR_E_NOTFOUND);
	printf("]");
}

void show_record(const struct place *p, unsigned at, const struct labels *l, const struct tr_rec_id *id,
    struct rep_record *rec)
{
	struct scene s = {p, l, rec, &p->n[at].view};
	struct tr_hash hash;
	int rc;

	rec->policy = rep_policy_of(p->n[at].node);
	rc = rep_record_find(rec, s.view, id);
	if (rc != 0) {
		printf("{\"rc\":\"%s\"}\n", tr_err_code(rc));
		return;
	}
	printf("{\"rc\":\"\",\"home\":%u,\"version\":%u,\"violations\":%u", show_node(p, rec->scope), rec->version,
	    rec->violations);
	steps(&s);
	fields(&s);
	late(&s, p->n[at].node);
	rc = rep_record_state_hash(rec, s.view, &hash);
	TR_ASSERT(rc == 0);
	show_hex("hash", hash.b, sizeof(hash.b));
	printf("}\n");
}

void show_hex(const char *name, const uint8_t *data, size_t size)
{
	printf(",\"%s\":\"", name);
	for (size_t i = 0; i < size; i++)
		printf("%02x", data[i]);
	printf("\"");
}

static int by_id(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct tr_rec_id));
}

void show_root(const struct place *p, unsigned at, const struct labels *l, struct tr_nid home, uint8_t lane,
    struct rep_record *rec)
{
	struct tr_rec_id ids[LABELS_MAX];
	struct rep_ckpt_root all;
	struct tr_hash hash;

	for (size_t i = 0; i < l->count; i++)
		ids[i] = l->item[i].id;
	qsort(ids, l->count, sizeof(ids[0]), by_id);
	rep_ckpt_root_begin(&all);
	for (size_t i = 0; i < l->count; i++) {
		if (rep_record_find(rec, &p->n[at].view, &ids[i]) != 0 || rec->scope.v != home.v || rec->lane != lane)
			continue;
		if (rep_record_state_hash(rec, &p->n[at].view, &hash) != 0)
			TR_UNREACHABLE("a record without a state");
		rep_ckpt_root_add(&all, rec, &hash);
	}
	rep_ckpt_root_end(&all, home, lane, &hash);
	printf("{\"count\":%" PRIu64, all.records);
	show_hex("root", hash.b, sizeof(hash.b));
	printf("}\n");
}
