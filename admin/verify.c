/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/verbs.h"

#include "admin/mem.h"
#include "admin/out.h"
#include "admin/text.h"
#include "admin/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_DAMAGED 65

/* --- this store --- */

static int verify_verdict(const json_t *data)
{
	const json_t *values = json_object_get(data, "values");
	const json_t *compared = json_object_get(data, "compared");
	const json_t *audit = json_object_get(compared, "audit");
	long long left = (long long)tc_view_int(data, "bad_count") - (long long)tc_view_int(data, "repaired");

	if (left > 0 || tc_view_int(values, "bad") > 0)
		return EXIT_DAMAGED;
	return tc_view_int(compared, "differ") > 0 || tc_view_int(compared, "missing_here") > 0 ||
		       tc_view_int(audit, "under_way") > 0
		   ? 1
		   : 0;
}

static void show_bad(const struct tc_run *run, const json_t *bad)
{
	const struct tc_col cols[] = {
	    {"what", _("WHAT"), 0},
	    {"record", _("RECORD"), 0},
	    {"log", _("LOG"), 0},
	    {"seq", "#", TC_COL_RIGHT},
	    {"error", _("ERROR"), TC_COL_TRUNC},
	    {"repair", _("REPAIR"), 0},
	    {"from", _("FROM"), 0},
	};
	struct tc_out *out =
	    tc_out_open(run, cols, sizeof(cols) / sizeof(cols[0]));

	for (size_t i = 0; i < json_array_size(bad); i++) {
		const json_t *row = json_array_get(bad, i);

		tc_out_row(out, -1);
		for (size_t k = 0; k < sizeof(cols) / sizeof(cols[0]); k++)
			tc_out_value(out, json_object_get(row, cols[k].key));
	}
	tc_out_close(out);
}

/* What an audit over the link says: which records, nothing else of them. */
static void show_audit(const struct tc_run *run, const json_t *compared)
{
	const struct tc_col cols[] = {
	    {"scope", _("SCOPE"), 0},
	    {"kind", _("KIND"), 0},
	    {"record", _("RECORD"), 0},
	    {"state", _("STATE"), 0},
	};
	const json_t *audit = json_object_get(compared, "audit");
	const json_t *rows = json_object_get(audit, "records_differ");
	struct tc_out *out;

	if (!json_is_object(audit) && tc_view_text(compared, "not_audited")[0] == '\0')
		return; /* of a daemon that knows no audit */
	if (!json_is_object(audit)) {
		tc_out_remark(run, _("State was not compared: %s."), tc_view_text(compared, "not_audited"));
		return;
	}
	printf(_("state     %lld domains with %lld records compared: %lld equal, %lld differ\n"),
	    (long long)tc_view_int(audit, "domains"), (long long)tc_view_int(audit, "records"),
	    (long long)tc_view_int(audit, "equal"), (long long)tc_view_int(audit, "differ"));
	if (tc_view_int(audit, "under_way") > 0)
		tc_out_remark(run, _("%lld domains were not compared: changes are under way. Try again later."),
		    (long long)tc_view_int(audit, "under_way"));
	if (json_array_size(rows) == 0)
		return;
	out = tc_out_open(run, cols, sizeof(cols) / sizeof(cols[0]));
	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i);

		tc_out_row(out, -1);
		for (size_t k = 0; k < sizeof(cols) / sizeof(cols[0]); k++)
			tc_out_value(out, json_object_get(row, cols[k].key));
	}
	tc_out_close(out);
	if (json_is_true(json_object_get(audit, "more")))
		tc_out_remark(run, "%s", _("Further records differ."));
}

static void show_verify(const struct tc_run *run, const json_t *data)
{
	const json_t *bad = json_object_get(data, "bad");
	const json_t *values = json_object_get(data, "values");
	const json_t *compared = json_object_get(data, "compared");
	const char *against = tc_args_get(run, "against");
	char a[TC_TEXT_SHORT], b[TC_TEXT_SHORT];

	printf(_("segments  %s checked, %zu bad\n"),
	    tc_text_count(a, tc_view_int(data, "segments")),
	    json_array_size(bad));
	printf(_("values    %s checked, %s bad\n"),
	    tc_text_count(a, tc_view_int(values, "rows")),
	    tc_text_count(b, tc_view_int(values, "bad")));
	printf(_("records   %s\n"),
	    tc_text_count(a, tc_view_int(data, "records")));
	if (tc_view_int(data, "dropped") > 0)
		printf(_("dropped   %s changes below checkpoints; what is left of their segments was checked\n"),
		    tc_text_count(a, tc_view_int(data, "dropped")));
	if (json_is_object(compared))
		printf(_("against %s: %lld changes equal, %lld waiting, %lld differ, %lld missing here\n"),
		    against != NULL ? against : "-",
		    (long long)tc_view_int(compared, "equal"),
		    (long long)tc_view_int(compared, "waiting"),
		    (long long)tc_view_int(compared, "differ"),
		    (long long)tc_view_int(compared, "missing_here"));
	if (json_is_object(compared))
		show_audit(run, compared);
	if (json_array_size(bad) > 0)
		show_bad(run, bad);
	if (tc_view_int(data, "repaired") > 0)
		tc_out_remark(run, _("%lld of %lld repaired."), (long long)tc_view_int(data, "repaired"),
		    (long long)tc_view_int(data, "bad_count"));
	if (verify_verdict(data) == 0)
		tc_out_remark(run, "%s", _("CLEAN"));
	else
		tc_out_remark(run, "%s", _("NOT CLEAN"));
}

/* --- two stores by their scope digests --- */

/* States of a scope that one of the two does not hold because of its place. */
#define OUTSIDE_THERE "not held there"
#define OUTSIDE_HERE "not held here"

struct compare {
	size_t equal, differ, missing, outside;
	json_t *rows; /* what the answer lists */
};

static const json_t *scope_of(const json_t *digests, const char *scope)
{
	const json_t *scopes = json_object_get(digests, "scopes");

	for (size_t i = 0; i < json_array_size(scopes); i++) {
		const json_t *row = json_array_get(scopes, i);

		if (strcmp(tc_view_text(row, "scope"), scope) == 0)
			return row;
	}
	return NULL;
}

static bool is_below(const char *unit, const char *above)
{
	size_t size = strlen(above);

	return strncmp(unit, above, size) == 0 &&
	       (unit[size] == '\0' || unit[size] == '/');
}

static bool same(const json_t *a, const json_t *b)
{
	const char *hash = tc_view_text(a, "export_hash");
	const char *other = tc_view_text(b, "export_hash");

	/* The digest covers the logs, the hash what is folded from them. */
	return strcmp(tc_view_text(a, "digest"), tc_view_text(b, "digest")) ==
		   0 &&
	       strcmp(hash, other) == 0;
}

static void add_row(struct compare *compare, const char *scope,
    const json_t *here, const json_t *there, const char *state)
{
	json_t *row = tc_mem_json(json_object());
	size_t at = json_array_size(compare->rows);

	tc_mem_set_text(row, "scope", scope);
	tc_mem_set_text(row, "state", state);
	if (here != NULL) {
		tc_mem_set_text(row, "here", tc_view_text(here, "digest"));
		tc_mem_set(row, "here_records",
		    json_integer(tc_view_int(here, "records")));
	}
	if (there != NULL) {
		tc_mem_set_text(row, "there", tc_view_text(there, "digest"));
		tc_mem_set(row, "there_records",
		    json_integer(tc_view_int(there, "records")));
	}
	while (at > 0 && strcmp(tc_view_text(json_array_get(
				     compare->rows, at - 1), "scope"), scope) > 0)
		at--;
	json_array_insert_new(compare->rows, at, row);
}

/*
 * Scopes of `a` that `b` must hold too: those below b's own unit.  A scope
 * that only one side has by its place in the tree is no difference, and said
 * to be none: what is not listed would look as if it had been compared.
 */
static void compare_side(struct compare *compare, const json_t *a,
    const json_t *b, const char *b_unit, bool a_is_here)
{
	const json_t *scopes = json_object_get(a, "scopes");

	for (size_t i = 0; i < json_array_size(scopes); i++) {
		const json_t *row = json_array_get(scopes, i);
		const char *scope = tc_view_text(row, "scope");
		const json_t *other = scope_of(b, scope);

		if (other == NULL && is_below(scope, b_unit)) {
			compare->missing++;
			if (a_is_here)
				add_row(compare, scope, row, NULL,
				    "missing there");
			else
				add_row(compare, scope, NULL, row,
				    "missing here");
		} else if (other != NULL && a_is_here) {
			bool equal = same(row, other);

			*(equal ? &compare->equal : &compare->differ) += 1;
			add_row(compare, scope, row, other,
			    equal ? "equal" : "differ");
		} else if (other == NULL && a_is_here) {
			compare->outside++;
			add_row(compare, scope, row, NULL, OUTSIDE_THERE);
		} else if (other == NULL) {
			compare->outside++;
			add_row(compare, scope, NULL, row, OUTSIDE_HERE);
		}
	}
}

static bool is_outside(const char *state)
{
	return strcmp(state, OUTSIDE_HERE) == 0 || strcmp(state, OUTSIDE_THERE) == 0;
}

static const char *compare_word(const char *state)
{
	if (strcmp(state, "equal") == 0)
		return _("equal");
	if (strcmp(state, "differ") == 0)
		return _("DIFFER");
	if (strcmp(state, OUTSIDE_THERE) == 0)
		return _("not held there by design");
	if (strcmp(state, OUTSIDE_HERE) == 0)
		return _("not held here by design");
	return strcmp(state, "missing here") == 0 ? _("missing here")
						  : _("missing there");
}

static void show_compare(const struct tc_run *run, const json_t *data)
{
	const struct tc_col cols[] = {
	    {"scope", _("SCOPE"), 0},
	    {"here", _("HERE"), 0},
	    {"there", _("THERE"), 0},
	    {"here_records", _("RECORDS"), TC_COL_RIGHT},
	    {"state", _("STATE"), 0},
	};
	const json_t *rows = json_object_get(data, "scopes");
	struct tc_out *out =
	    tc_out_open(run, cols, sizeof(cols) / sizeof(cols[0]));
	bool table = tc_out_is_table(run);

	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i);
		const char *state = tc_view_text(row, "state");
		bool equal = strcmp(state, "equal") == 0;

		tc_out_row(out, -1);
		tc_out_value(out, json_object_get(row, "scope"));
		if (table) {
			tc_out_format(out, "%.12s", tc_view_text(row, "here"));
			tc_out_format(out, "%.12s", tc_view_text(row, "there"));
		} else {
			tc_out_value(out, json_object_get(row, "here"));
			tc_out_value(out, json_object_get(row, "there"));
		}
		tc_out_count(out, json_object_get(row,
				      json_object_get(row, "here_records") != NULL ? "here_records" : "there_records"));
		tc_out_tone(out, table ? compare_word(state) : state,
		    equal               ? TC_TONE_GOOD
		    : is_outside(state) ? TC_TONE_NONE
					: TC_TONE_BAD);
	}
	tc_out_close(out);
	if (tc_view_int(data, "equal") + tc_view_int(data, "differ") + tc_view_int(data, "missing") == 0)
		tc_out_remark(run, _("These two have no scope in common: nothing was compared."));
	tc_out_remark(run,
	    _("Scopes: %lld equal, %lld differ, %lld missing."),
	    (long long)tc_view_int(data, "equal"),
	    (long long)tc_view_int(data, "differ"),
	    (long long)tc_view_int(data, "missing"));
}

static int compare_verdict(const json_t *data)
{
	bool nothing = tc_view_int(data, "equal") == 0;

	return nothing || tc_view_int(data, "differ") > 0 ||
		       tc_view_int(data, "missing") > 0
		   ? 1
		   : 0;
}

struct store_end {
	json_t *status, *digests;
};

static int fetch(const struct tc_run *run, const struct tc_where *where,
    struct store_end *end, struct tc_fault *fault)
{
	struct tc_conn *conn;
	int rc = tc_conn_open(
	    &conn, where, true, tc_view_timeout(run, 0), fault);

	if (rc != 0)
		return rc;
	rc = tc_call_once(conn, "status", NULL, &end->status, fault);
	if (rc == 0)
		rc = tc_call_once(conn, "digests", NULL, &end->digests, fault);
	tc_conn_close(conn);
	return rc;
}

static json_t *compare_answer(
    const struct store_end *here, const struct store_end *there)
{
	struct compare compare = {.rows = tc_mem_json(json_array())};
	const char *here_unit = tc_view_text(here->status, "unit");
	const char *there_unit = tc_view_text(there->status, "unit");
	json_t *data = tc_mem_json(json_object());

	compare_side(&compare, here->digests, there->digests, there_unit, true);
	compare_side(
	    &compare, there->digests, here->digests, here_unit, false);
	tc_mem_set_text(data, "schema", "terrace.compare/1");
	tc_mem_set_text(data, "here", here_unit);
	tc_mem_set_text(data, "there", there_unit);
	tc_mem_set(data, "equal", json_integer((json_int_t)compare.equal));
	tc_mem_set(data, "differ", json_integer((json_int_t)compare.differ));
	tc_mem_set(data, "missing", json_integer((json_int_t)compare.missing));
	tc_mem_set(data, "outside", json_integer((json_int_t)compare.outside));
	tc_mem_set(data, "scopes", compare.rows);
	return data;
}

static int compare_sockets(const struct tc_run *run, const char *socket)
{
	static const struct tc_view view = {.cmd = "digests",
	    .list = "scopes",
	    .show = show_compare,
	    .verdict = compare_verdict};
	struct store_end here = {NULL, NULL}, there = {NULL, NULL};
	struct tc_where where, other;
	struct tc_fault fault;
	int rc = tc_view_where(run, &where, &fault);

	if (rc == 0)
		rc = tc_conn_where(&other, socket, NULL, &fault);
	if (rc == 0)
		rc = fetch(run, &where, &here, &fault);
	if (rc == 0)
		rc = fetch(run, &other, &there, &fault);
	if (rc != 0) {
		tc_fault_print(&fault);
	} else {
		json_t *data = compare_answer(&here, &there);

		rc = tc_view_print(run, &view, data, NULL, 0);
		json_decref(data);
	}
	json_decref(here.status);
	json_decref(here.digests);
	json_decref(there.status);
	json_decref(there.digests);
	return rc;
}

int tc_cmd_verify(struct tc_run *run)
{
	static const struct tc_view view = {.cmd = "verify",
	    .show = show_verify,
	    .verdict = verify_verdict};
	static const struct tc_view repair = {.cmd = "repair",
	    .show = show_verify,
	    .verdict = verify_verdict};
	const char *socket = tc_args_get(run, "against-socket");
	bool mends = tc_args_has(run, "repair");
	struct tc_run mending = *run;
	struct tc_cmd writes;
	json_t *args;
	int rc;

	if (socket != NULL)
		return compare_sockets(run, socket);
	args = tc_mem_json(json_object());
	if (mends) {
		if (tc_args_has(run, "dry-run"))
			tc_mem_set(args, "dry_run", json_true());
	} else {
		tc_mem_set_text(args, "against", tc_args_get(run, "against"));
		if (tc_args_word(run, 0) != NULL)
			tc_mem_set_text(args, "unit", tc_args_word(run, 0));
	}
	writes = *run->cmd;
	writes.flags &= ~(unsigned)TC_CMD_READS; /* what mends asks the socket that may change something */
	mending.cmd = &writes;
	rc = tc_view_run(mends ? &mending : run, mends ? &repair : &view, args);
	json_decref(args);
	return rc;
}
