/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/verbs.h"

#include "admin/mem.h"
#include "admin/out_json.h"
#include "admin/text.h"
#include "admin/view.h"
#include "admin/when.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Canonical objects go out as the daemon wrote them: what two nodes hold is
 * compared byte for byte. */
static int on_record(void *arg, json_t *data, const char *raw, size_t raw_size)
{
	size_t size = 0;
	const char *text = tc_call_span(raw, raw_size, "record", &size);

	(void)arg;
	if (text == NULL)
		return 0; /* the end of the stream */
	if (isatty(STDOUT_FILENO))
		tc_out_json_lines(json_object_get(data, "record"), NULL);
	else if (fwrite(text, 1, size, stdout) != size ||
		 putchar('\n') == EOF)
		return tr_err_exit(TR_E_IO);
	return 0;
}

int tc_cmd_export(struct tc_run *run)
{
	const char *since = tc_args_get(run, "since");
	json_t *args = tc_mem_json(json_object());
	struct tc_conn *conn = NULL;
	struct tc_fault fault = {0};
	char when[TC_WHEN_SIZE];
	int rc = 0;

	tc_mem_set_text(args, "kind", tc_args_get(run, "kind"));
	tc_mem_set_text(args, "owner", tc_args_get(run, "owner"));
	if (since != NULL && !tc_when_parse(since, TC_WHEN_AGO, when))
		rc = tc_fault_set(
		    &fault, TR_E_USAGE, _("'%s' is no time"), since);
	else if (since != NULL)
		tc_mem_set_text(args, "since", when);
	if (rc == 0)
		rc = tc_view_open(run, &conn, &fault);
	if (rc == 0)
		rc = tc_call_send(conn, "export", args, &fault);
	if (rc == 0)
		rc = tc_call_replies(conn, on_record, NULL, &fault);
	if (rc == 0 && fflush(stdout) != 0)
		rc = tc_fault_set(&fault, TR_E_IO, _("cannot write the answer"));
	if (rc != 0 && fault.exit_code != 0)
		tc_fault_print(&fault);
	tc_conn_close(conn);
	json_decref(args);
	return rc;
}
