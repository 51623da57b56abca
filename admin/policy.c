/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/verbs.h"

#include "admin/fault.h"
#include "admin/file.h"
#include "admin/mem.h"
#include "admin/out.h"
#include "admin/text.h"
#include "admin/view.h"
#include "admin/when.h"

#include "proto/limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Another rule than the built-in one stands out. */
static void rule_row(struct tc_out *out, const json_t *rule)
{
	const char *merge = tc_view_text(rule, "merge"), *usual = tc_view_text(rule, "default");
	char *fields = tc_view_words(json_object_get(rule, "fields"), " ");

	tc_out_row(out, -1);
	tc_out_text(out, tc_view_text(rule, "kind"));
	tc_out_text(out, tc_view_text(rule, "group"));
	tc_out_tone(out, merge, strcmp(merge, usual) != 0 ? TC_TONE_WARN : TC_TONE_NONE);
	tc_out_text(out, usual);
	tc_out_text(out, json_is_true(json_object_get(rule, "asked")) ? _("a person decides") : _("settled by rule"));
	tc_out_text(out, fields);
	free(fields);
}

static void show_ranks(const struct tc_run *run, const json_t *ranks)
{
	for (size_t i = 0; i < json_array_size(ranks); i++) {
		const json_t *rank = json_array_get(ranks, i);

		if (tc_view_int(rank, "rank") != tc_view_int(rank, "default"))
			tc_out_remark(run, _("rank of %s.%s: %lld instead of %lld"), tc_view_text(rank, "kind"),
			    tc_view_text(rank, "status"), (long long)tc_view_int(rank, "rank"),
			    (long long)tc_view_int(rank, "default"));
	}
}

static void show_policy(const struct tc_run *run, const json_t *data)
{
	const struct tc_col cols[] = {
	    {"kind", _("KIND"), 0},
	    {"group", _("GROUP"), 0},
	    {"merge", _("MERGE"), 0},
	    {"default", _("BUILT IN"), 0},
	    {"asked", _("CONFLICT"), 0},
	    {"fields", _("FIELDS"), TC_COL_TRUNC},
	};
	const json_t *rules = json_object_get(data, "rules");
	struct tc_out *out = tc_out_open(run, cols, sizeof(cols) / sizeof(cols[0]));
	long long version = tc_view_int(data, "version");
	char since[TC_TEXT_SHORT];

	for (size_t i = 0; i < json_array_size(rules); i++)
		rule_row(out, json_array_get(rules, i));
	tc_out_close(out);
	if (version == 0) {
		tc_out_remark(run, _("No policy was sent: the built-in rules hold."));
		return;
	}
	show_ranks(run, json_object_get(data, "ranks"));
	tc_out_remark(run, _("Policy %lld of %s, in use here since %s."), version, tc_view_text(data, "from"),
	    tc_when_show(since, tc_view_text(data, "since"), run->is_utc));
	if (tc_view_int(data, "unknown_rules") > 0)
		tc_out_remark(run, _("%lld of its rules are for a newer terraced and are not used here."),
		    (long long)tc_view_int(data, "unknown_rules"));
}

int tc_cmd_policy_show(struct tc_run *run)
{
	static const struct tc_view view = {.cmd = "policy show", .list = "rules", .show = show_policy};

	return tc_view_run(run, &view, NULL);
}

static void show_sent(const struct tc_run *run, const json_t *data)
{
	long long version = tc_view_int(data, "version");

	if (json_is_true(json_object_get(data, "unchanged")))
		printf(_("policy %lld says the same already\n"), version);
	else if (json_is_true(json_object_get(data, "dry_run")))
		printf(_("nothing was sent; policy %lld stays\n"), version);
	else
		printf(_("policy %lld is in use here and on its way down\n"), version);
	tc_out_remark(run, _("%lld open conflicts; %lld records show another value, %lld conflicts more wait for a person, %lld fewer."),
	    (long long)tc_view_int(data, "conflicts"), (long long)tc_view_int(data, "records_changed"),
	    (long long)tc_view_int(data, "conflicts_to_decide"), (long long)tc_view_int(data, "conflicts_settled"));
}

int tc_cmd_policy_send(struct tc_run *run)
{
	static const struct tc_view view = {.cmd = "policy send", .show = show_sent};
	const char *path = tc_args_word(run, 0);
	json_t *args;
	char *text;
	size_t size;
	int rc = tc_file_read(path, TR_CTL_REQUEST_MAX / 2, &text, &size);

	if (rc != 0)
		return rc;
	args = tc_mem_json(json_object());
	if (json_object_set_new(args, "text", json_stringn(text, size)) != 0) {
		rc = tc_fault_say(TR_E_UTF8, _("%s: not UTF-8; is the file GBK? (iconv -f GBK -t UTF-8)"), path);
	} else {
		tc_mem_set_text(args, "file", path);
		if (tc_args_has(run, "dry-run"))
			tc_mem_set(args, "dry_run", json_true());
		rc = tc_view_run(run, &view, args);
	}
	free(text);
	json_decref(args);
	return rc;
}
