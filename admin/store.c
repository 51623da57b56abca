/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/verbs.h"

#include "admin/mem.h"
#include "admin/out.h"
#include "admin/text.h"
#include "admin/view.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void show_stat(const struct tc_run *run, const json_t *data)
{
	static const struct tc_col cols[] = {
	    {"table", NULL, 0}, {"rows", NULL, TC_COL_RIGHT}};
	const json_t *commit = json_object_get(data, "commit_ms");
	json_t *rows = json_object_get(data, "rows");
	struct tc_out *out = tc_out_open(run, cols, 2);
	char used[TC_TEXT_SHORT], map[TC_TEXT_SHORT];

	printf(_("%s of %s used (%.0f %%)\n"),
	    tc_text_bytes(used, tc_view_number(data, "used_bytes", 0)),
	    tc_text_bytes(map, tc_view_number(data, "map_bytes", 0)),
	    tc_view_number(data, "percent", 0));
	printf(_("%lld commits since start, p50 %.1f ms, p95 %.1f ms\n"),
	    (long long)tc_view_int(data, "commits"),
	    tc_view_number(commit, "p50", 0),
	    tc_view_number(commit, "p95", 0));
	tc_out_no_heading(out, 2);
	for (void *at = json_object_iter(rows); at != NULL;
	     at = json_object_iter_next(rows, at)) {
		tc_out_row(out, -1);
		tc_out_text(out, json_object_iter_key(at));
		tc_out_count(out, json_object_iter_value(at));
	}
	tc_out_close(out);
}

int tc_cmd_store_stat(struct tc_run *run)
{
	static const struct tc_view view = {
	    .cmd = "store stat", .show = show_stat};

	return tc_view_run(run, &view, NULL);
}

static void show_backup(const struct tc_run *run, const json_t *data)
{
	char size[TC_TEXT_SHORT];

	tc_out_remark(run, _("%s copied in %.1f s to %s"),
	    tc_text_bytes(size, tc_view_number(data, "bytes", 0)),
	    tc_view_number(data, "seconds", 0), tc_args_word(run, 0));
}

int tc_cmd_store_backup(struct tc_run *run)
{
	static const struct tc_view view = {
	    .cmd = "store backup", .show = show_backup};
	const char *dir = tc_args_word(run, 0);
	json_t *args = tc_mem_json(json_object());
	char here[PATH_MAX], *path;
	int rc;

	/* The daemon works in another folder. */
	if (dir[0] != '/' && realpath(".", here) != NULL)
		path = tc_mem_format("%s/%s", here, dir);
	else
		path = tc_mem_text(dir);
	tc_mem_set_text(args, "dir", path);
	free(path);
	rc = tc_view_run(run, &view, args);
	json_decref(args);
	return rc;
}
