/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/verbs.h"

#include "admin/mem.h"
#include "admin/out.h"
#include "admin/spawn.h"
#include "admin/text.h"
#include "admin/view.h"
#include "admin/when.h"
#include "proto/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- init and join: the daemon's own program makes keys and store --- */

static int make_node(struct tc_run *run, const char *verb,
    const char *const *names, size_t name_count)
{
	const char *dir = tc_args_get(run, "dir");
	const char *argv[2 * 8 + 6];
	char options[8][32];
	size_t n = 0;

	TR_ASSERT(name_count <= 8);
	if (dir == NULL)
		return tc_fault_advise(TR_E_USAGE,
		    _("Everything of the node will lie in that folder."),
		    _("say where: --dir DIR"));
	argv[n++] = "terraced";
	argv[n++] = verb;
	argv[n++] = tc_args_word(run, 0);
	argv[n++] = "--dir";
	argv[n++] = dir;
	for (size_t i = 0; i < name_count; i++) {
		const char *value = tc_args_get(run, names[i]);

		if (value == NULL)
			continue;
		snprintf(options[i], sizeof(options[i]), "--%s", names[i]);
		argv[n++] = options[i];
		argv[n++] = value;
	}
	argv[n] = NULL;
	return tc_spawn_daemon(argv);
}

int tc_cmd_init(struct tc_run *run)
{
	static const char *const names[] = {"title", "listen", "name"};

	return make_node(run, "--init", names, sizeof(names) / sizeof(names[0]));
}

int tc_cmd_join(struct tc_run *run)
{
	static const char *const names[] = {
	    "title", "listen", "name", "profile", "upstream"};

	return make_node(run, "--join", names, sizeof(names) / sizeof(names[0]));
}

/* --- invite --- */

static json_t *caps_list(const char *text)
{
	json_t *list = tc_mem_json(json_array());

	while (*text != '\0') {
		size_t size = strcspn(text, ", ");

		if (size > 0)
			json_array_append_new(
			    list, tc_mem_json(json_stringn(text, size)));
		text += size + (text[size] != '\0');
	}
	return list;
}

static void show_token(const struct tc_run *run, const json_t *data)
{
	char when[TC_TEXT_SHORT];

	printf("%s\n", tc_view_text(data, "token"));
	tc_out_remark(run, _("One use, for %s (nid %s), until %s."),
	    tc_view_text(data, "unit"), tc_view_text(data, "nid"),
	    tc_when_show(when, tc_view_text(data, "expires"), run->is_utc));
	tc_out_remark(run, _("On the new machine: terracectl join TOKEN --dir DIR"));
}

int tc_cmd_invite(struct tc_run *run)
{
	static const struct tc_view view = {
	    .cmd = "invite", .show = show_token};
	const char *expires = tc_args_get(run, "expires");
	const char *caps = tc_args_get(run, "caps");
	json_t *args = tc_mem_json(json_object());
	int64_t seconds;
	int rc = 0;

	tc_mem_set_text(args, "unit", tc_args_word(run, 0));
	tc_mem_set_text(args, "title", tc_args_get(run, "title"));
	tc_mem_set_text(args, "address", tc_args_get(run, "address"));
	if (caps != NULL)
		tc_mem_set(args, "caps", caps_list(caps));
	if (tc_args_has(run, "rejoin"))
		tc_mem_set(args, "rejoin", json_true());
	if (expires != NULL && !tc_when_duration(expires, &seconds))
		rc = tc_fault_say(TR_E_USAGE,
		    _("'%s' is no duration (examples: 90s, 10m, 48h)"),
		    expires);
	else if (expires != NULL)
		tc_mem_set(args, "expires_seconds", json_integer(seconds));
	if (rc == 0)
		rc = tc_view_run(run, &view, args);
	json_decref(args);
	return rc;
}

/* --- unit --- */

static void show_units(const struct tc_run *run, const json_t *data)
{
	const struct tc_col cols[] = {
	    {"unit", _("UNIT"), 0},
	    {"title", _("TITLE"), TC_COL_TRUNC},
	    {"nid", "NID", 0},
	    {"joined", _("JOINED"), 0},
	    {"registered", _("REGISTERED"), 0},
	    {"serial", _("CERTIFICATE"), TC_COL_RIGHT},
	    {"caps", _("AUTHORITY"), TC_COL_TRUNC},
	};
	const json_t *units = json_object_get(data, "units");
	struct tc_out *out =
	    tc_out_open(run, cols, sizeof(cols) / sizeof(cols[0]));

	for (size_t i = 0; i < json_array_size(units); i++) {
		const json_t *unit = json_array_get(units, i);
		const json_t *caps = json_object_get(unit, "caps");
		char *text = tc_view_words(caps, " ");

		tc_out_row(out, -1);
		tc_out_value(out, json_object_get(unit, "unit"));
		tc_out_value(out, json_object_get(unit, "title"));
		tc_out_value(out, json_object_get(unit, "nid"));
		tc_out_value(out, json_object_get(unit, "joined"));
		tc_out_value(out, json_object_get(unit, "registered"));
		tc_out_value(out, json_object_get(unit, "serial"));
		if (json_is_array(caps))
			tc_out_text(out, text);
		else
			tc_out_value(out, caps);
		free(text);
	}
	tc_out_close(out);
	tc_out_remark(run,
	    ngettext("%zu unit.", "%zu units.", json_array_size(units)),
	    json_array_size(units));
}

int tc_cmd_unit_list(struct tc_run *run)
{
	static const struct tc_view view = {
	    .cmd = "unit list", .list = "units", .show = show_units};

	return tc_view_run(run, &view, NULL);
}

static void show_renamed(const struct tc_run *run, const json_t *data)
{
	tc_out_remark(run, _("%s is now called %s"),
	    tc_view_text(data, "unit"), tc_view_text(data, "title"));
}

int tc_cmd_unit_rename(struct tc_run *run)
{
	static const struct tc_view view = {
	    .cmd = "unit rename", .show = show_renamed};
	json_t *args = tc_mem_json(json_object());
	int rc;

	tc_mem_set_text(args, "unit", tc_args_word(run, 0));
	tc_mem_set_text(args, "title", tc_args_word(run, 1));
	rc = tc_view_run(run, &view, args);
	json_decref(args);
	return rc;
}

static void show_move(const struct tc_run *run, const json_t *data)
{
	if (json_is_true(json_object_get(data, "dry_run"))) {
		printf(_("%s -> %s: %lld open cases and %lld directives would go; %lld of staff stay\n"),
		    tc_view_text(data, "unit"), tc_view_text(data, "successor"), (long long)tc_view_int(data, "cases"),
		    (long long)tc_view_int(data, "directives"), (long long)tc_view_int(data, "staff"));
		return;
	}
	tc_out_remark(run, _("%s is closed; its open work goes to %s (`terracectl events` tells the end)"),
	    tc_view_text(data, "unit"), tc_view_text(data, "successor"));
}

int tc_cmd_unit_move(struct tc_run *run)
{
	static const struct tc_view view = {.cmd = "unit move", .show = show_move};
	static const char *const names[] = {"to", "reason", "by"};
	json_t *args;
	int rc;

	if (tc_args_get(run, "to") == NULL)
		return tc_fault_advise(TR_E_USAGE,
		    _("Example: terracectl unit move 110101001/110101001003 --to 110101002 --reason reform --dry-run"),
		    _("a move needs --to UNIT"));
	args = tc_mem_json(json_object());
	tc_mem_set_text(args, "unit", tc_args_word(run, 0));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		tc_mem_set_text(args, names[i], tc_args_get(run, names[i]));
	if (tc_args_has(run, "dry-run"))
		tc_mem_set(args, "dry_run", json_true());
	rc = tc_view_run(run, &view, args);
	json_decref(args);
	return rc;
}

/* --- peer --- */

static void show_peer(const struct tc_run *run, const json_t *data)
{
	tc_out_remark(run, "%s: %s", tc_view_text(data, "peer"),
	    tc_out_word(tc_view_text(data, "state")));
}

static int steer_peer(const struct tc_run *run, const char *cmd)
{
	const struct tc_view view = {.cmd = cmd, .show = show_peer};

	return tc_view_run_word(run, &view, "peer");
}

int tc_cmd_peer_pause(struct tc_run *run)
{
	return steer_peer(run, "peer pause");
}

int tc_cmd_peer_resume(struct tc_run *run)
{
	return steer_peer(run, "peer resume");
}

int tc_cmd_peer_retry(struct tc_run *run)
{
	return steer_peer(run, "peer retry");
}
