/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/verbs.h"

#include "admin/mem.h"
#include "admin/out.h"
#include "admin/out_json.h"
#include "admin/spawn.h"
#include "admin/text.h"
#include "admin/view.h"
#include "proto/control.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void show_reload(const struct tc_run *run, const json_t *data)
{
	const json_t *changed = json_object_get(data, "changed");
	const json_t *restart = json_object_get(data, "restart_needed");
	char *text = tc_view_words(changed, ", ");

	if (json_array_size(changed) == 0 && json_array_size(restart) == 0)
		tc_out_remark(run, _("Nothing changed."));
	else if (json_array_size(changed) > 0)
		tc_out_remark(run, _("In force: %s"), text);
	free(text);
	text = tc_view_words(restart, ", ");
	if (json_array_size(restart) > 0)
		tc_out_remark(run, _("After a restart only: %s"), text);
	free(text);
}

int tc_cmd_reload(struct tc_run *run)
{
	static const struct tc_view view = {
	    .cmd = "reload", .show = show_reload};

	return tc_view_run(run, &view, NULL);
}

int tc_cmd_config_show(struct tc_run *run)
{
	static const struct tc_view view = {
	    .cmd = "config show", .show = tc_view_show_text};
	json_t *args = tc_mem_json(json_object());
	int rc;

	if (tc_args_has(run, "defaults"))
		tc_mem_set(args, "defaults", json_true());
	tc_view_only_text(run);
	rc = tc_view_run(run, &view, args);
	json_decref(args);
	return rc;
}

int tc_cmd_config_check(struct tc_run *run)
{
	const char *file = tc_args_word(run, 0);
	const char *dir = tc_args_get(run, "dir");
	char *path;
	const char *argv[5];
	int rc;

	if (file != NULL)
		path = tc_mem_text(file);
	else if (dir != NULL)
		path = tc_mem_format("%s/terrace.yaml", dir);
	else
		path = tc_mem_text("/etc/terrace/terrace.yaml");
	argv[0] = "terraced";
	argv[1] = "--check";
	argv[2] = "-c";
	argv[3] = path;
	argv[4] = NULL;
	rc = tc_spawn_daemon(argv);
	free(path);
	return rc;
}

static void show_level(const struct tc_run *run, const json_t *data)
{
	tc_out_remark(run, _("log level: %s"), tc_view_text(data, "level"));
}

int tc_cmd_log_level(struct tc_run *run)
{
	static const struct tc_view view = {
	    .cmd = "log level", .show = show_level};

	return tc_view_run_word(run, &view, "level");
}

static void show_stop(const struct tc_run *run, const json_t *data)
{
	(void)data;
	tc_out_remark(run, _("The daemon writes what it has taken and ends."));
}

int tc_cmd_stop(struct tc_run *run)
{
	static const struct tc_view view = {.cmd = "stop", .show = show_stop};

	return tc_view_run(run, &view, NULL);
}

/* --- version: of both, also when there is no daemon --- */

static void show_version(const struct tc_run *run, const json_t *data)
{
	const json_t *daemon = json_object_get(data, "daemon");
	const json_t *libraries = json_object_get(daemon, "libraries");
	json_t *object = (json_t *)(uintptr_t)libraries;

	printf("terracectl %s (%s), %s %d\n", TERRACE_VERSION, TERRACE_COMMIT,
	    _("protocol"), TR_CONTROL_PROTO);
	if (!json_is_object(daemon)) {
		tc_out_remark(run, _("no daemon answers here"));
		return;
	}
	printf("terraced %s, %s %lld\n", tc_view_text(daemon, "version"),
	    _("store format"), (long long)tc_view_int(daemon, "store_format"));
	for (void *at = json_object_iter(object); at != NULL;
	     at = json_object_iter_next(object, at))
		printf("  %s %s\n", json_object_iter_key(at),
		    json_string_value(json_object_iter_value(at)));
}

int tc_cmd_version(struct tc_run *run)
{
	static const struct tc_view view = {
	    .cmd = "version", .show = show_version};
	json_t *data = tc_mem_json(json_object()), *daemon = NULL;
	struct tc_fault fault;
	int rc;

	tc_mem_set_text(data, "schema", "terrace.versions/1");
	tc_mem_set_text(data, "tool", TERRACE_VERSION);
	tc_mem_set_text(data, "commit", TERRACE_COMMIT);
	tc_mem_set(data, "proto", json_integer(TR_CONTROL_PROTO));
	if (tc_view_ask(run, "version", NULL, &daemon, &fault) == 0)
		tc_mem_set(data, "daemon", daemon);
	rc = tc_view_print(run, &view, data, NULL, 0);
	json_decref(data);
	return rc;
}
