/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: whatever stands in the rows of the store (a bad disk, a program that
 * was wrong, somebody with an editor), loading a node and reading every
 * record gives values or an error, never a crash; the same with steps on it.
 *
 * Method: a street with records, segments, receipts and heads; rows of it are
 * changed, cut, lengthened or made from the input.
 */
// needs: tests/lib/rig.o tests/lib/memview.o tests/fuzz/town.o
// length: 512
#include "tests/fuzz/fuzz_in.h"
#include "tests/fuzz/town.h"

#define CHANGES_MAX 8

static struct rig rig;
static struct rep_record record;
static struct rep_op op;

/* The n-th row of a table, wrapping round; false if it is empty. */
static bool row_at(enum rep_table table, size_t n, struct tr_bytes *key, struct tr_bytes *row)
{
	size_t count = memview_rows(rig.mv, table);
	struct tr_bytes from = {(const uint8_t *)"", 0};
	bool after = false;

	if (count == 0)
		return false;
	for (size_t i = 0; i <= n % count; i++, after = true) {
		TR_ASSERT(rep_seek(&rig.view, table, from, after, key, row) == 0);
		from = *key;
	}
	return true;
}

static void change_row(struct fuzz_in *in)
{
	uint8_t name[512], value[16384];
	enum rep_table table = (enum rep_table)(fuzz_u8(in) % REP_T_COUNT);
	uint16_t n = fuzz_u16(in);
	uint8_t how = fuzz_u8(in) % 6;
	struct tr_bytes key, row, text;
	size_t at;

	if (!row_at(table, n, &key, &row) || key.size > sizeof(name) || row.size > sizeof(value) - 512)
		return;
	memcpy(name, key.data, key.size);
	if (row.size > 0)
		memcpy(value, row.data, row.size);
	key.data = name;
	row.data = value;
	at = fuzz_u16(in) % (row.size + 1);
	text = fuzz_take(in, fuzz_u8(in));
	switch (how) {
	case 0: row.size = at; break;                                  /* cut */
	case 1: key.size = at % (key.size + 1); break;                 /* a shorter key */
	case 2: if (key.size > 0) name[at % key.size] ^= fuzz_u8(in); break;
	case 3: row = text; break;                                     /* quite another */
	case 4: row.size = at; /* fall through */                      /* another end */
	default:
		for (size_t i = 0; i < text.size; i++)                 /* other bytes inside */
			value[at + i] = text.data[i];
		if (at + text.size > row.size)
			row.size = at + text.size;
		break;
	}
	if (key.size > 0)
		(void)!rep_put(&rig.view, table, key, row);
}

static void look_at_record(struct rep_node *node, const struct tr_rec_id *id)
{
	struct rep_ops_cursor ops = {0};
	struct rep_cause cause;
	uint32_t serial;

	for (uint8_t kind = 1; kind <= 4; kind++)
		if (rep_record_load(&record, &rig.view, kind, id) == 0) {
			uint16_t alive[TR_STEPS_MAX];

			(void)rep_record_step_shown(&record);
			(void)rep_record_steps_alive(&record, alive, TR_STEPS_MAX);
			for (uint16_t field = 0; field < 64; field++) {
				const struct rep_value *v = rep_record_value(&record, field);

				if (v != NULL && (v->type == REP_VALUE_TEXT || v->type == REP_VALUE_BYTES))
					TR_ASSERT(v->t.size <= sizeof(record.data));
			}
		}
	for (uint16_t field = 0; field < 70; field++) {
		struct rep_row_cursor rows = {0};
		struct rep_row row;

		for (int i = 0; i < 100 && rep_record_rows(&rig.view, id, field, &rows, &row) == 0; i++)
			TR_ASSERT(row.text.size < 65536);
	}
	for (int i = 0; i < 100 && rep_record_op(node, &rig.view, id, &ops, &op, &cause, &serial) == 0; i++)
		TR_ASSERT(op.value_count <= TR_FIELDS_MAX);
}

static void look(struct rep_node *node)
{
	struct tr_bytes from = {(const uint8_t *)"", 0}, key, row;
	struct rep_conflict_cursor conflicts = {0};
	struct rep_conflict conflict;
	struct rep_verify_sum sum = {0};
	struct rep_link_info link;
	struct rep_unit_info unit;
	bool after = false;
	uint64_t next;

	for (; rep_seek(&rig.view, REP_T_REC, from, after, &key, &row) == 0; after = true) {
		struct tr_rec_id id;

		from = key;
		if (key.size != 1 + sizeof(id.b))
			continue;
		memcpy(id.b, key.data + 1, sizeof(id.b));
		look_at_record(node, &id);
	}
	for (int i = 0; i < 100 && rep_next_conflict(&rig.view, &conflicts, &conflict) == 0;)
		i++;
	for (uint32_t i = 0; i < 32; i++) {
		(void)!rep_verify_log(node, &rig.view, i, 1, 8, &next, &sum);
		(void)rep_inspect_link(node, &rig.view, i, &link);
		(void)rep_inspect_unit(node, i, &unit);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = {data, data + size};
	int rc;

	if (rig.node == NULL && rig.mv == NULL)
		town_build(&rig);
	memview_begin(rig.mv);
	for (int i = 0; i < CHANGES_MAX && in.at < in.end; i++)
		change_row(&in);
	rig.rc = 0;
	rc = rig_restart(&rig);
	TR_ASSERT(rc <= 0);
	if (rc == 0) {
		look(rig.node);
		town_visit(&rig); /* errors of the store end it, as they end a process */
	}
	rep_free(rig.node);
	rig.node = NULL;
	memview_rollback(rig.mv);
	return 0;
}
