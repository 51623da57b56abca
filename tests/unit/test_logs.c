/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: rows of logs and domains that do not belong together are damage, found
 * when they are loaded; who asks for what is not there is told so. */
// needs: tests/lib/rig.o tests/lib/memview.o
#include "tests/unit/unit.h"

#include "proto/err.h"
#include "replication/keys.h"
#include "replication/log.h"
#include "tests/lib/rig.h"

#define ROW_SEQ 26
#define ROW_PARENT 90
#define ROW_FORK 94
#define ROW_COUNT 102
#define ROW_FIXED 116

static struct rig r;
static struct tr_nid street;

static int setup(void **state)
{
	(void)state;
	rig_begin(&r, RIG_TOP);
	street = r.party[RIG_STREET].nid;
	rig_connect(&r, RIG_STREET);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_end(&r);
	return 0;
}

static void send(uint32_t h, uint64_t inc, uint64_t first, struct tr_hash prev, uint8_t rec, struct tr_hash *hash)
{
	struct tr_log_id id = {street, inc, street, TR_LANE_R};
	struct rep_op op = {.kind = TR_OP_CREATE, .has_body = true, .type = TR_KIND_CASE, .rec = {{6, rec}}};
	uint8_t entry[256], out[1024];
	struct tr_bytes bytes = {entry, rep_op_encode(&op, entry, sizeof(entry))}, seg;
	struct rig_seg how = {RIG_STREET, id, h, first, &bytes, 1, prev, 1};

	rig_logdef(&r, h, id);
	seg = rig_segment(&r, &how, out, sizeof(out), hash);
	rig_segs(&r, &seg, 1);
	assert_int_equal(r.rc, 0);
}

/* Two logs; the first parts behind its first segment: three rows. */
static void fill(void)
{
	struct tr_hash first, none = {{0}};
	struct rep_log_info info;
	size_t i = 0, rows = 0;

	send(1, 5, 1, none, 1, &first);
	send(1, 5, 2, first, 2, NULL);
	send(2, 6, 1, none, 3, NULL);
	send(1, 5, 2, first, 4, NULL);
	while (rep_inspect_log(r.node, &i, &info))
		rows++;
	assert_int_equal(rows, 3);
}

static size_t row_of(bool branch, uint8_t out[2048], uint8_t key_out[4])
{
	struct tr_bytes key = {NULL, 0}, row;
	size_t size = 0;

	while (size == 0 && rep_seek(&r.view, REP_T_LOG, key, key.size != 0, &key, &row) == 0)
		if ((wire_get_be32(row.data + ROW_PARENT) != 0) == branch && wire_get_be64(row.data + ROW_SEQ) == 2) {
			memcpy(out, row.data, row.size);
			memcpy(key_out, key.data, 4);
			size = row.size;
		}
	TR_ASSERT(size != 0);
	return size;
}

static void rows_of_logs_that_do_not_fit_are_damage(void **state)
{
	enum { FINE, ID, FORK, BEHIND, COUNT, LOW, VERSION, WAYS };
	uint8_t row[2048], key[4];

	(void)state;
	fill();
	for (unsigned way = 0; way < WAYS; way++) {
		size_t size = row_of(way == ID || way == FORK || way == BEHIND, row, key), was = size;
		uint8_t kept[2048];

		memcpy(kept, row, size);
		switch (way) {
		case ID: row[9] ^= 1; break;                                     /* of another log than the one it left */
		case FORK: wire_put_be64(row + ROW_FORK, 9); wire_put_be64(row + ROW_SEQ, 10); break; /* it left where nothing is */
		case BEHIND: wire_put_be64(row + ROW_SEQ, 0); break;              /* it ends before it begins */
		case COUNT: wire_put_be16(row + ROW_COUNT, TR_VECTOR_MAX + 1); break;
		case LOW: row[0] = 4; wire_put_be64(row + size, 3); size += 8; break; /* more was dropped than there was */
		case VERSION: row[0] = 2; break;
		default: break;
		}
		assert_int_equal(rep_put(&r.view, REP_T_LOG, UNIT_BYTES(key), (struct tr_bytes){row, size}), 0);
		if (rig_restart(&r) != (way == FINE ? 0 : TR_E_DAMAGED))
			fail_msg("row spoilt in way %u", way);
		assert_int_equal(rep_put(&r.view, REP_T_LOG, UNIT_BYTES(key), (struct tr_bytes){kept, was}), 0);
	}
	assert_int_equal(rig_restart(&r), 0);
}

static int none(void *ctx, struct tr_bytes msg)
{
	(void)msg;
	return *(const int *)ctx;
}

static int out_to(struct tr_nid peer, int rc)
{
	return rep_bundle_export(r.node, &r.view, peer, (struct tr_wall_ms){r.wall_ms}, none, &rc);
}

static bool is_in(struct tr_bytes all, struct tr_bytes part)
{
	for (size_t i = 0; i + part.size <= all.size; i++)
		if (memcmp(all.data + i, part.data, part.size) == 0)
			return true;
	return false;
}

struct wanted {
	struct tr_bytes bytes;
	unsigned seen;
};

static int look(void *ctx, struct tr_bytes msg)
{
	struct wanted *w = ctx;

	w->seen += is_in(msg, w->bytes);
	return 0;
}

/* Who reads it may have gone back to before it knew the key that wrote it, and shut its machine out. */
static void a_stick_brings_its_writers_certificate(void **state)
{
	static const enum rig_who WRITER[] = {RIG_TOP, RIG_STREET}, READER[] = {RIG_STREET, RIG_TOP};

	(void)state;
	rig_end(&r);
	for (size_t i = 0; i < 2; i++) {
		struct wanted w = {{NULL, 0}, 0};

		rig_begin(&r, WRITER[i]);
		rig_connect(&r, READER[i]);
		assert_int_equal(rep_cert_of(&r.view, r.party[WRITER[i]].nid, &w.bytes), 0);
		assert_int_equal(rep_bundle_export(r.node, &r.view, r.party[READER[i]].nid, (struct tr_wall_ms){r.wall_ms}, look, &w), 0);
		assert_int_equal(w.seen, 1);
		if (i == 0)
			rig_end(&r);
	}
}

/* A stick goes to a unit above or below, and a writer that fails ends it. */
static void a_stick_goes_up_or_down(void **state)
{
	(void)state;
	fill();
	assert_int_equal(out_to(street, 0), 0);
	assert_int_equal(out_to(street, TR_E_FULL), TR_E_FULL);
	assert_int_equal(out_to(r.party[RIG_TOP].nid, 0), TR_E_SCOPE);
	assert_int_equal(out_to((struct tr_nid){4711}, 0), TR_E_NOUNIT);
	rig_end(&r);
	rig_begin(&r, RIG_STREET);
	rig_connect(&r, RIG_TOP);
	rig_cert(&r, &r.party[RIG_OTHER]);
	assert_int_equal(out_to(r.party[RIG_TOP].nid, 0), 0);
	assert_int_equal(out_to(r.party[RIG_OTHER].nid, 0), rep_unit_is_under(r.node, r.party[RIG_OTHER].nid, r.party[RIG_TOP].nid)
		? TR_E_SCOPE : TR_E_NOUNIT);
}

/* The parent's certificate is lost: the node goes on and says nothing wrong. */
static void a_node_without_its_parents_certificate_goes_on(void **state)
{
	struct rep_key key = rep_key_cert(street, 1);
	struct rep_link_info info;

	(void)state;
	rig_end(&r);
	rig_begin(&r, RIG_LEAF);
	assert_int_equal(rep_del(&r.view, REP_T_CERT, rep_key_bytes(&key)), 0);
	assert_int_equal(rig_restart(&r), 0);
	rig_wait(&r, 200000);
	assert_int_equal(r.rc, 0);
	assert_true(rep_inspect_link(r.node, &r.view, 0, &info));
	assert_int_equal(info.peer.v, r.party[RIG_STREET].nid.v);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(rows_of_logs_that_do_not_fit_are_damage),
	    T(a_stick_goes_up_or_down),
	    T(a_stick_brings_its_writers_certificate),
	    T(a_node_without_its_parents_certificate_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
