/* SPDX-License-Identifier: Apache-2.0 */
/* transfer -- a case goes to another home; and what `record show` says of it. */
#include "admin/verbs.h"

#include "admin/mem.h"
#include "admin/out.h"
#include "admin/text.h"
#include "admin/transfer.h"
#include "admin/value.h"
#include "admin/view.h"

#include <stdio.h>
#include <stdlib.h>

static void show_transfer(const struct tc_run *run, const json_t *data)
{
	if (run->is_quiet) {
		printf("%s\n", tc_view_text(data, "id"));
		return;
	}
	printf(json_is_true(json_object_get(data, "repeated")) ? _("%s  moved before, nothing written\n")
							       : _("%s  moved\n"),
	    tc_view_text(data, "id"));
	tc_out_remark(run, _("It is at %s now; %s tells its history up to here."), tc_view_text(data, "home"),
	    tc_view_text(data, "from"));
}

int tc_cmd_record_transfer(struct tc_run *run)
{
	static const struct tc_view view = {.cmd = "record transfer", .show = show_transfer};
	static const char *const names[] = {"to", "reason", "key", "by"};
	const char *version = tc_args_get(run, "if-version");
	json_t *args;
	int rc;

	if (tc_args_get(run, "to") == NULL || tc_args_get(run, "reason") == NULL)
		return tc_fault_advise(TR_E_USAGE,
		    _("Example: terracectl record transfer 019a7c3e --to 110101002/110101002007 --reason \"across the road\""),
		    _("a move needs --to UNIT and --reason TEXT"));
	args = tc_mem_json(json_object());
	tc_mem_set_text(args, "id", tc_args_word(run, 0));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		tc_mem_set_text(args, names[i], tc_args_get(run, names[i]));
	if (version != NULL)
		tc_mem_set(args, "if_version", tc_value_typed("if_version", version));
	rc = tc_view_run(run, &view, args);
	json_decref(args);
	return rc;
}

/* ------------------------------------------------------------- record show */

static void show_late(const struct tc_run *run, const json_t *late, const char *from)
{
	const struct tc_col cols[] = {
	    {"time", _("TIME"), TC_COL_TIME},
	    {"unit", _("UNIT"), 0},
	    {"actor", _("BY"), TC_COL_TRUNC},
	    {"changes", _("LATE"), TC_COL_WRAP},
	};
	struct tc_out *out;

	if (json_array_size(late) == 0)
		return;
	out = tc_out_open(run, cols, sizeof(cols) / sizeof(cols[0]));
	for (size_t i = 0; i < json_array_size(late); i++) {
		const json_t *item = json_array_get(late, i);
		char *text = tc_value_changes(json_object_get(item, "changes"));

		tc_out_row(out, -1);
		tc_out_time(out, json_object_get(item, "time"));
		tc_out_text(out, tc_view_tail(tc_view_text(item, "unit")));
		tc_out_value(out, json_object_get(item, "actor"));
		tc_out_text(out, text);
		free(text);
	}
	putchar('\n');
	tc_out_close(out);
	tc_out_remark(run, _("Written after the case had moved: terracectl record show %.18s --history"), from);
}

void tc_transfer_show(const struct tc_run *run, const json_t *data)
{
	const json_t *moved = json_object_get(data, "moved"), *came = json_object_get(data, "came");
	const json_t *also = json_object_get(moved, "also");

	if (came != NULL) {
		tc_out_remark(run, _("Came from %s, where it was %s."), tc_view_text(came, "home"),
		    tc_view_text(came, "from"));
		if (json_object_get(came, "shown_as") != NULL)
			tc_out_remark(run, _("Another unit moved it, too: the copy that counts is %s."),
			    tc_view_text(came, "shown_as"));
		if (json_is_true(json_object_get(came, "torn")))
			tc_out_remark(run, _("The old record does not say that it moved: one of the two must end."));
		show_late(run, json_object_get(came, "late"), tc_view_text(came, "from"));
	}
	if (moved == NULL)
		return;
	tc_out_remark(run, _("Moved to %s, where it is %s."), tc_view_text(moved, "home"), tc_view_text(moved, "to"));
	for (size_t i = 0; i < json_array_size(also); i++)
		tc_out_remark(run, _("Also moved to %s by %s, as %s: settle it with `terracectl conflict resolve`."),
		    tc_view_text(json_array_get(also, i), "moved_path"),
		    tc_view_text(json_array_get(also, i), "by_unit"),
		    tc_view_text(json_array_get(also, i), "moved_to"));
	show_late(run, json_object_get(moved, "late"), tc_view_text(data, "id"));
}
