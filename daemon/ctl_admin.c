/* SPDX-License-Identifier: Apache-2.0 */
/* ctl_admin -- the daemon itself: reload, config, log level, stop, store. */
#include "daemon/ctl_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/log.h"
#include "daemon/sys.h"
#include "proto/err.h"

static int no_hook(struct td_ctl_call *call)
{
	return td_ctl_error(call, TR_E_INTERNAL, "'%s' is not served by this program", call->command->name);
}

/* The report's lines, one text each. */
static json_t *lines_json(const char *text)
{
	json_t *list = json_array();

	while (text != NULL && *text != '\0') {
		size_t size = strcspn(text, "\n");

		if (size > 0)
			json_array_append_new(list, json_stringn(text, size));
		text += size;
		text += *text == '\n';
	}
	return list;
}

static int run_reload(struct td_ctl *ctl, char **changed, char **report)
{
	size_t changed_size, report_size;
	FILE *c = open_memstream(changed, &changed_size), *r = open_memstream(report, &report_size);
	int rc = TR_E_NOMEM;

	if (c != NULL && r != NULL)
		rc = ctl->hooks.reload(ctl->hooks.arg, c, r);
	if (c != NULL && fclose(c) != 0 && rc == 0)
		rc = TR_E_NOMEM;
	if (r != NULL && fclose(r) != 0 && rc == 0)
		rc = TR_E_NOMEM;
	return rc;
}

int td_ctl_reload(struct td_ctl_call *call, json_t **out)
{
	struct td_ctl *ctl = call->ctl;
	char *changed = NULL, *report = NULL;
	json_t *data;
	int rc;

	if (ctl->hooks.reload == NULL)
		return no_hook(call);
	rc = run_reload(ctl, &changed, &report);
	ctl->reload_failed = rc != 0;
	if (rc == 0) {
		ctl->reload_ok_ms = (uint64_t)td_sys_wall().ms;
		data = td_ctl_data(call);
		td_ctl_put(data, "changed", lines_json(changed));
		td_ctl_put(data, "restart_needed", lines_json(report));
		*out = data;
	} else {
		/* As many lines as there are faults: too much for a message. */
		call->error_lines = lines_json(report);
		td_ctl_error(call, rc, "the new configuration has errors, the old one stays in force");
	}
	free(changed);
	free(report);
	return rc;
}

int td_ctl_config_show(struct td_ctl_call *call, json_t **out)
{
	struct td_ctl_print print;
	int rc = td_ctl_print_open(&print);

	if (rc != 0)
		return rc;
	td_conf_print(td_engine_conf(call->ctl->engine), td_ctl_arg_bool(call, "defaults"), print.file);
	return td_ctl_print_end(&print, call, out);
}

int td_ctl_log_level(struct td_ctl_call *call, json_t **out)
{
	struct td_ctl *ctl = call->ctl;
	const char *level = td_ctl_arg(call, "level");
	json_t *data;

	if (ctl->hooks.log_level == NULL)
		return no_hook(call);
	if (ctl->hooks.log_level(ctl->hooks.arg, level) != 0) {
		td_ctl_hint(call, "error, warn, notice, info or debug");
		return td_ctl_error(call, TR_E_USAGE, "no log level '%.32s'", level);
	}
	data = td_ctl_data(call);
	td_ctl_put_text(data, "level", level);
	*out = data;
	return 0;
}

static void stop_now(struct td_ctl *ctl)
{
	ctl->hooks.stop(ctl->hooks.arg);
}

int td_ctl_stop_verb(struct td_ctl_call *call, json_t **out)
{
	json_t *data;

	if (call->ctl->hooks.stop == NULL)
		return no_hook(call);
	call->after = stop_now;
	data = td_ctl_data(call);
	td_ctl_put_bool(data, "stopping", true);
	*out = data;
	return 0;
}

/* ------------------------------------------------------------------- store */

int td_ctl_store_stat(struct td_ctl_call *call, json_t **out)
{
	struct td_store *store = td_engine_store(call->ctl->engine);
	struct td_store_stat stat;
	json_t *data = td_ctl_data(call), *rows = json_object(), *commit = json_object();

	td_store_stat(store, &stat);
	td_ctl_put_int(data, "map_bytes", (int64_t)stat.map_bytes);
	td_ctl_put_int(data, "used_bytes", (int64_t)stat.used_bytes);
	td_ctl_put_int(data, "percent", td_store_percent(store));
	for (int t = 0; t < REP_T_COUNT; t++)
		td_ctl_put_int(rows, td_store_table_name((enum rep_table)t), (int64_t)stat.rows[t]);
	td_ctl_put(data, "rows", rows);
	td_ctl_put_int(data, "commits", (int64_t)stat.commits);
	td_ctl_put(commit, "p50", json_real((double)stat.commit_us_p50 / 1000));
	td_ctl_put(commit, "p95", json_real((double)stat.commit_us_p95 / 1000));
	td_ctl_put(data, "commit_ms", commit);
	*out = data;
	return 0;
}

int td_ctl_store_backup(struct td_ctl_call *call, json_t **out)
{
	struct td_store *store = td_engine_store(call->ctl->engine);
	const char *dir = td_ctl_arg(call, "dir");
	uint64_t from_us = td_sys_mono_us();
	struct td_store_stat stat;
	json_t *data;
	int rc;

	/* The daemon does not know the folder that the person stands in. */
	if (dir[0] != '/')
		return td_ctl_error(call, TR_E_USAGE, "dir must be an absolute path, not '%.200s'", dir);
	/* Ops in it that are not signed yet would be signed twice if it is put back:
	 * a log that parts. */
	rc = td_engine_seal(call->ctl->engine);
	if (rc != 0)
		td_log(TD_LOG_WARN, "backup-unsealed", "code=%s", tr_err_code(rc)); /* the copy is wanted all the more */
	rc = td_store_backup(store, dir);
	if (rc != 0)
		return td_ctl_error(call, rc, "%s", td_store_error(store));
	td_store_stat(store, &stat);
	data = td_ctl_data(call);
	td_ctl_put_int(data, "bytes", (int64_t)stat.used_bytes);
	td_ctl_put(data, "seconds", json_real((double)(td_sys_mono_us() - from_us) / 1e6));
	*out = data;
	return 0;
}
