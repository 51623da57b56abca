/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/past.h"

#include "admin/mem.h"
#include "admin/out.h"
#include "admin/text.h"
#include "admin/verbs.h"
#include "admin/view.h"
#include "admin/when.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void tc_past_dropped(const struct tc_run *run, const json_t *dropped)
{
	long long changes = tc_view_int(dropped, "changes");
	char until[TC_TEXT_SHORT], checkpoint[TC_TEXT_SHORT];
	char *text;

	if (changes == 0)
		return;
	text = tc_mem_format(ngettext("%lld older change, not later than %s, was dropped below the checkpoint of %s.",
				 "%lld older changes, up to %s, were dropped below the checkpoint of %s.", (unsigned long)changes),
	    changes, tc_when_show(until, tc_view_text(dropped, "until"), run->is_utc),
	    tc_when_show(checkpoint, tc_view_text(dropped, "checkpoint"), run->is_utc));
	if (tc_out_is_table(run))
		tc_out_remark(run, "%s", text);
	else if (!run->is_quiet)
		fprintf(stderr, "terracectl: %s\n", text);
	free(text);
}

/* --- store history --- */

/* Why nothing of it is dropped, in words. */
static const char *why_kept(const json_t *domain)
{
	static const struct { const char *kept, *text; } words[] = {
	    {"lane", N_("of this lane nothing is ever dropped")},
	    {"branches", N_("nothing is dropped: a log has two histories")},
	    {"cut", N_("nothing is dropped: changes are set aside by a cut key")},
	    {"no checkpoint", N_("no checkpoint yet")},
	    {"not acknowledged", N_("nothing more yet: not acknowledged by all")},
	};
	const char *kept = tc_view_text(domain, "kept");

	if (json_is_true(json_object_get(domain, "diverged")))
		return _("DIVERGED: nothing is dropped until a checkpoint agrees");
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(kept, words[i].kept) == 0)
			return _(words[i].text);
	if (json_is_true(json_object_get(domain, "waiting")))
		return _("the newest checkpoint is still to be compared");
	return "";
}

static void domain_row(const struct tc_run *run, struct tc_out *out, const json_t *domain)
{
	const char *unit = tc_view_text(domain, "unit");
	bool is_table = tc_out_is_table(run);

	tc_out_row(out, -1);
	tc_out_text(out, is_table ? tc_view_tail(unit) : unit);
	tc_out_value(out, json_object_get(domain, "lane"));
	tc_out_count(out, json_object_get(domain, "dropped"));
	tc_out_time(out, json_object_get(domain, "dropped_until"));
	tc_out_value(out, json_object_get(domain, "checkpoint"));
	tc_out_time(out, json_object_get(domain, "checkpoint_at"));
	if (is_table)
		tc_out_tone(out, why_kept(domain),
		    json_is_true(json_object_get(domain, "diverged")) ? TC_TONE_BAD : TC_TONE_NONE);
	else
		tc_out_value(out, json_object_get(domain, "kept"));
}

static void show_keep(const struct tc_run *run, const json_t *data)
{
	long long seconds = tc_view_int(data, "keep_seconds");
	char age[TC_TEXT_SHORT];

	if (seconds % 86400 == 0)
		snprintf(age, sizeof(age), "%lldd", seconds / 86400);
	else
		tc_text_age(age, (double)seconds);
	if (seconds > 0)
		tc_out_remark(run, _("Changes older than %s may go (store.keep), once a checkpoint speaks for them and all have them."), age);
	else
		tc_out_remark(run, "%s", _("Nothing is dropped here: store.keep is not set."));
}

static void show_history(const struct tc_run *run, const json_t *data)
{
	const struct tc_col cols[] = {
	    {"unit", _("UNIT"), 0},
	    {"lane", _("LANE"), 0},
	    {"dropped", _("DROPPED"), TC_COL_RIGHT},
	    {"dropped_until", _("UP TO"), TC_COL_TIME},
	    {"checkpoint", _("CHECKPOINT"), TC_COL_RIGHT},
	    {"checkpoint_at", _("OF"), TC_COL_TIME},
	    {"kept", _("NOTE"), 0},
	};
	const json_t *domains = json_object_get(data, "domains");
	char dropped[TC_TEXT_SHORT], freed[TC_TEXT_SHORT];
	long long total = tc_view_int(data, "total"), count = tc_view_int(data, "dropped");

	if (json_array_size(domains) > 0) {
		struct tc_out *out = tc_out_open(run, cols, sizeof(cols) / sizeof(cols[0]));

		for (size_t i = 0; i < json_array_size(domains); i++)
			domain_row(run, out, json_array_get(domains, i));
		tc_out_close(out);
	}
	if (json_is_true(json_object_get(data, "cut")))
		tc_out_remark(run, "%s", _("There are more; name a unit."));
	show_keep(run, data);
	if (count == 0)
		tc_out_remark(run, _("%lld domains; every change is here."), total);
	else
		tc_out_remark(run, _("%lld domains; %s changes dropped below checkpoints, %s freed since the start. What came later is here."),
		    total, tc_text_count(dropped, count), tc_text_bytes(freed, tc_view_number(data, "freed_bytes", 0)));
}

int tc_cmd_store_history(struct tc_run *run)
{
	static const struct tc_view view = {
	    .cmd = "store history", .list = "domains", .show = show_history};
	json_t *args = tc_mem_json(json_object());
	int rc;

	if (tc_args_word(run, 0) != NULL)
		tc_mem_set_text(args, "unit", tc_args_word(run, 0));
	if (tc_args_has(run, "all"))
		tc_mem_set(args, "all", json_true());
	rc = tc_view_run(run, &view, args);
	json_decref(args);
	return rc;
}
