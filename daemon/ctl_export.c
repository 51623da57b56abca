/* SPDX-License-Identifier: Apache-2.0 */
/* ctl_export -- canonical records as a stream, and what two stores compare. */
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "daemon/canon.h"
#include "daemon/ctl_record.h"
#include "daemon/sys.h"

/* In record id order of one kind after the other. */
struct walk {
	uint8_t kind;      /* now */
	uint8_t only_kind; /* 0 = all */
	struct tr_nid owner;
	int64_t since;
	bool some;
	struct tr_rec_id after;
	uint64_t count;
	struct td_out text; /* scratch */
	struct scope_sum *sums; /* digests only: one a unit, sorted by nid */
	size_t sum_count;
};

/* What `digests` adds up for one scope: records in id order, so equal stores
 * hash the same bytes. */
struct scope_sum {
	struct tr_nid scope;
	uint64_t records;
	crypto_generichash_state hash;
};

static void free_walk(struct td_ctl_call *call)
{
	struct walk *w = call->state;

	if (w != NULL) {
		td_out_fini(&w->text);
		free(w->sums);
	}
	free(w);
	call->state = NULL;
}

/* Units are not exported unless asked for: they are the tree, not its work. */
static bool next_kind(struct walk *w)
{
	static const uint8_t order[] = {TR_KIND_CASE, TR_KIND_STAFF, TR_KIND_DIRECTIVE};

	w->some = false;
	if (w->only_kind != 0) {
		w->kind = w->kind == 0 ? w->only_kind : 0;
		return w->kind != 0;
	}
	if (w->kind == 0) {
		w->kind = order[0];
		return true;
	}
	for (size_t i = 0; i + 1 < sizeof(order); i++)
		if (order[i] == w->kind) {
			w->kind = order[i + 1];
			return true;
		}
	return false;
}

/* Next record that is asked for, loaded and as text.  0; TR_E_NOTFOUND at the
 * end; TD_CTL_LATER when the slice is over. */
static int next_record(struct td_ctl_call *call, struct walk *w, uint64_t until_us)
{
	const struct rep_record *rec;
	struct tr_rec_id id;
	int rc;

	while (td_sys_mono_us() < until_us) {
		rc = rep_next_record(td_ctl_view(call), w->kind, w->some ? &w->after : NULL, &id);
		if (rc == TR_E_NOTFOUND) {
			if (!next_kind(w))
				return TR_E_NOTFOUND;
			continue;
		}
		if (rc == 0)
			rc = td_ctl_load(call, w->kind, &id);
		if (rc != 0)
			return rc;
		w->after = id;
		w->some = true;
		rec = td_ctl_record(call);
		if ((w->since != 0 && td_ctl_hlc_ms(rec->changed) < w->since) ||
		    (w->owner.v != 0 && !rep_unit_is_under(td_ctl_node(call), rec->scope, w->owner)))
			continue;
		w->text.head = w->text.tail = 0;
		return td_canon_write(td_ctl_node(call), td_ctl_view(call), rec, &w->text);
	}
	return TD_CTL_LATER;
}

static int start(struct td_ctl_call *call, td_ctl_verb *pump, struct walk **out)
{
	struct walk *w = calloc(1, sizeof(*w));
	int rc;

	if (w == NULL)
		return TR_E_NOMEM;
	call->state = w;
	call->free_state = free_walk;
	rc = td_ctl_arg_kind(call, &w->only_kind);
	if (rc == 0)
		rc = td_ctl_arg_unit(call, "owner", &w->owner);
	if (rc == 0)
		rc = td_ctl_arg_time(call, "since", &w->since);
	if (rc != 0)
		return rc;
	(void)next_kind(w);
	call->pump = pump;
	if (out != NULL)
		*out = w;
	return TD_CTL_LATER;
}

/* ------------------------------------------------------------------ export */

static int export_pump(struct td_ctl_call *call, json_t **out)
{
	uint64_t until_us = td_sys_mono_us() + TD_CTL_SLICE_US;
	struct walk *w = call->state;
	json_t *data;
	int rc;

	while (td_out_size(&call->client->reply) < TD_CTL_MARK) {
		rc = next_record(call, w, until_us);
		if (rc == TR_E_NOTFOUND) {
			data = td_ctl_data(call);
			td_ctl_put_int(data, "records", (int64_t)w->count);
			*out = data;
			return 0;
		}
		if (rc != 0)
			return rc;
		w->count++;
		td_ctl_piece_text(call, "{\"record\":", &w->text, "}");
	}
	return TD_CTL_LATER;
}

int td_ctl_export(struct td_ctl_call *call, json_t **data)
{
	(void)data;
	return start(call, export_pump, NULL);
}

/* ----------------------------------------------------------------- digests */

static int compare_sums(const void *a, const void *b)
{
	uint64_t x = ((const struct scope_sum *)a)->scope.v;
	uint64_t y = ((const struct scope_sum *)b)->scope.v;

	return (x > y) - (x < y);
}

/* A unit without work has a digest too, and must be missed if it is not there. */
static int list_scopes(struct td_ctl_call *call, struct walk *w)
{
	struct rep_unit_info unit;
	struct scope_sum *sums;
	size_t count = 0;

	while (rep_inspect_unit(td_ctl_node(call), count, &unit))
		count++;
	sums = calloc(count + 1, sizeof(*sums));
	if (sums == NULL)
		return TR_E_NOMEM;
	for (size_t i = 0; i < count && rep_inspect_unit(td_ctl_node(call), i, &unit); i++) {
		if (!unit.in_subtree) /* the way to the root: known, but not held */
			continue;
		sums[w->sum_count].scope = unit.nid;
		crypto_generichash_init(&sums[w->sum_count].hash, NULL, 0, 16);
		w->sum_count++;
	}
	qsort(sums, w->sum_count, sizeof(*sums), compare_sums);
	w->sums = sums;
	return 0;
}

static json_t *sum_json(struct td_ctl_call *call, struct scope_sum *sum)
{
	uint8_t digest[16], hash[16];
	char text[33];
	json_t *o = json_object();

	rep_scope_digest(td_ctl_node(call), sum->scope, digest);
	crypto_generichash_final(&sum->hash, hash, sizeof(hash));
	td_ctl_put_unit(call, o, "scope", sum->scope);
	td_text_write_hex(digest, sizeof(digest), text);
	td_ctl_put_text(o, "digest", text);
	td_ctl_put_int(o, "records", (int64_t)sum->records);
	td_text_write_hex(hash, sizeof(hash), text);
	td_ctl_put_text(o, "export_hash", text);
	return o;
}

static int digests_pump(struct td_ctl_call *call, json_t **out)
{
	uint64_t until_us = td_sys_mono_us() + TD_CTL_SLICE_US;
	struct walk *w = call->state;
	struct scope_sum *sum, key = {0};
	json_t *data, *list;
	int rc = w->sums == NULL ? list_scopes(call, w) : 0;

	while (rc == 0 && (rc = next_record(call, w, until_us)) == 0) {
		key.scope = td_ctl_record(call)->scope;
		sum = bsearch(&key, w->sums, w->sum_count, sizeof(key), compare_sums);
		if (sum == NULL)
			continue; /* a unit that came while this runs */
		sum->records++;
		crypto_generichash_update(&sum->hash, (const uint8_t *)w->text.buf, td_out_size(&w->text));
		crypto_generichash_update(&sum->hash, (const uint8_t *)"\n", 1);
	}
	if (rc != TR_E_NOTFOUND)
		return rc;
	data = td_ctl_data(call);
	list = json_array();
	for (size_t i = 0; i < w->sum_count; i++)
		json_array_append_new(list, sum_json(call, &w->sums[i]));
	td_ctl_put(data, "scopes", list);
	*out = data;
	return 0;
}

int td_ctl_digests(struct td_ctl_call *call, json_t **data)
{
	(void)data;
	return start(call, digests_pump, NULL);
}
