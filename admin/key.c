/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of units: show, approve, revoke, accept. */
#include "admin/verbs.h"

#include "admin/mem.h"
#include "admin/out.h"
#include "admin/text.h"
#include "admin/view.h"
#include "admin/when.h"
#include "admin/args.h"
#include "admin/fault.h"
#include "proto/err.h"

static void show_cuts(const struct tc_run *run, const json_t *cuts)
{
	char when[TC_TEXT_SHORT];

	for (size_t i = 0; i < json_array_size(cuts); i++) {
		const json_t *cut = json_array_get(cuts, i);

		tc_out_remark(run, _("Key %lld of %s was cut off by %s, %s (%s)."), (long long)tc_view_int(cut, "serial"),
		    tc_view_text(cut, "unit"), tc_view_text(cut, "by"),
		    tc_when_show(when, tc_view_text(cut, "time"), run->is_utc), tc_out_word(tc_view_text(cut, "reason")));
	}
}

static void show_keys(const struct tc_run *run, const json_t *data)
{
	const struct tc_col cols[] = {
	    {"unit", _("UNIT"), 0},
	    {"title", _("TITLE"), TC_COL_TRUNC},
	    {"state", _("STATE"), 0},
	    {"serial", _("CERTIFICATE"), TC_COL_RIGHT},
	    {"waiting_serial", _("WAITS"), TC_COL_RIGHT},
	    {"set_aside", _("SET ASIDE"), TC_COL_RIGHT},
	};
	const json_t *keys = json_object_get(data, "keys"), *evidence = json_object_get(data, "evidence");
	struct tc_out *out = tc_out_open(run, cols, sizeof(cols) / sizeof(cols[0]));

	for (size_t i = 0; i < json_array_size(keys); i++) {
		const json_t *key = json_array_get(keys, i);

		tc_out_row(out, -1);
		tc_out_value(out, json_object_get(key, "unit"));
		tc_out_value(out, json_object_get(key, "title"));
		tc_out_text(out, tc_out_word(tc_view_text(key, "state")));
		tc_out_value(out, json_object_get(key, "serial"));
		tc_out_value(out, json_object_get(key, "waiting_serial"));
		tc_out_value(out, json_object_get(key, "set_aside"));
	}
	tc_out_close(out);
	show_cuts(run, json_object_get(data, "cuts"));
	for (size_t i = 0; i < json_array_size(evidence); i++) {
		const json_t *e = json_array_get(evidence, i);

		tc_out_remark(run, _("%s certified two different keys of %s under number %lld."), tc_view_text(e, "signer"),
		    tc_view_text(e, "unit"), (long long)tc_view_int(e, "serial"));
	}
	tc_out_remark(run, _("This machine: key %lld, %s."), (long long)tc_view_int(data, "own_serial"),
	    tc_out_word(tc_view_text(data, "own_state")));
}

int tc_cmd_key_show(struct tc_run *run)
{
	static const struct tc_view view = {.cmd = "key show", .list = "keys", .show = show_keys};
	const char *unit = tc_args_word(run, 0);
	json_t *args = tc_mem_json(json_object());
	int rc;

	tc_mem_set_text(args, "unit", unit);
	rc = tc_view_run(run, &view, args);
	json_decref(args);
	return rc;
}

static void show_approved(const struct tc_run *run, const json_t *data)
{
	tc_out_remark(run, _("key %lld of %s is registered; the machine with the key before is refused from now on"),
	    (long long)tc_view_int(data, "serial"), tc_view_text(data, "unit"));
}

int tc_cmd_unit_approve(struct tc_run *run)
{
	static const struct tc_view view = {.cmd = "unit approve", .show = show_approved};

	return tc_view_run_word(run, &view, "unit");
}

static void show_revoked(const struct tc_run *run, const json_t *data)
{
	tc_out_remark(run, _("key %lld of %s is cut off; %lld of its changes are set aside here"),
	    (long long)tc_view_int(data, "serial"), tc_view_text(data, "unit"), (long long)tc_view_int(data, "set_aside"));
	tc_out_remark(run, _("Its next machine: terracectl invite %s --rejoin"), tc_view_text(data, "unit"));
}

int tc_cmd_key_revoke(struct tc_run *run)
{
	static const struct tc_view view = {.cmd = "key revoke", .show = show_revoked};
	const char *since = tc_args_get(run, "since");
	char when[TC_WHEN_SIZE];
	json_t *args;
	int rc;

	if (!tc_args_has(run, "yes"))
		return tc_fault_advise(TR_E_USAGE,
		    _("Its machine gets no session any more, until the unit is invited again. What was cut off stays on disk."),
		    _("say --yes: the key of %s is cut off for good"), tc_args_word(run, 0));
	if (since != NULL && !tc_when_parse(since, TC_WHEN_AGO, when))
		return tc_fault_say(TR_E_USAGE, _("'%s' is no time"), since);
	args = tc_mem_json(json_object());
	tc_mem_set_text(args, "unit", tc_args_word(run, 0));
	if (since != NULL)
		tc_mem_set_text(args, "since", when);
	rc = tc_view_run(run, &view, args);
	json_decref(args);
	return rc;
}

static void show_accepted(const struct tc_run *run, const json_t *data)
{
	tc_out_remark(run, _("what the cut keys of %s signed and is held here counts again"), tc_view_text(data, "unit"));
}

int tc_cmd_key_accept(struct tc_run *run)
{
	static const struct tc_view view = {.cmd = "key accept", .show = show_accepted};

	return tc_view_run_word(run, &view, "unit");
}
