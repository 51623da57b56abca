/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/verbs.h"

#include "admin/file.h"
#include "admin/mem.h"
#include "admin/out.h"
#include "admin/out_json.h"
#include "admin/said.h"
#include "admin/text.h"
#include "admin/view.h"

#include <fcntl.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK_RAW (36 * 1024) /* its line stays below TR_CTL_REQUEST_MAX */
#define CHUNK_MAX (8u * 1024 * 1024) /* of the daemon */
#define NUMBER_MAX 10000

/* --- chunks to a file --- */

struct sink {
	struct tc_file *file; /* NULL: chunks are not wanted */
	json_t *last;         /* the object without a chunk */
	uint64_t bytes;
	struct tc_fault *fault;
};

static int write_chunk(struct sink *sink, const char *text)
{
	size_t size = strlen(text), got;
	unsigned char *data;
	int rc;

	if (size > CHUNK_MAX)
		return tc_fault_set(sink->fault, TR_E_SIZE, NULL);
	data = tc_mem_alloc(size + 1, 1);
	if (sodium_base642bin(data, size + 1, text, size, NULL, &got, NULL,
		sodium_base64_VARIANT_ORIGINAL) != 0) {
		free(data);
		return tc_fault_set(sink->fault, TR_E_PROTO,
		    _("the daemon sent a chunk that is not base64"));
	}
	rc = tc_file_write(sink->file, data, got);
	if (rc != 0) {
		sink->fault->exit_code = 0; /* has been printed */
	} else {
		sink->bytes += got;
	}
	free(data);
	return rc;
}

static int on_chunk(void *arg, json_t *data, const char *raw, size_t raw_size)
{
	struct sink *sink = arg;
	const char *chunk =
	    json_string_value(json_object_get(data, "chunk"));

	(void)raw;
	(void)raw_size;
	if (chunk != NULL)
		return sink->file != NULL ? write_chunk(sink, chunk) : 0;
	json_decref(sink->last);
	sink->last = json_incref(data);
	return 0;
}

/* --- export --- */

static char *default_name(struct tc_conn *conn, const char *unit)
{
	const char *from = tc_conn_node(conn);

	for (int n = 1; n < NUMBER_MAX; n++) {
		char *name = tc_mem_format("terrace-%s-%s-%d.trc",
		    from[0] != '\0' ? from : "node", tc_view_tail(unit), n);

		/* A name comes from the daemon and is no path. */
		for (char *p = name; *p != '\0'; p++)
			if (*p == '/' || *p == '*')
				*p = '_';
		if (access(name, F_OK) != 0)
			return name;
		free(name);
	}
	return tc_mem_text("terrace.trc");
}

static void show_exported(const struct tc_run *run, const char *path,
    const struct sink *sink)
{
	char size[TC_TEXT_SHORT];

	if (run->format == TC_FORMAT_JSON || run->format == TC_FORMAT_NDJSON) {
		tc_mem_set_text(sink->last, "file", path);
		tc_out_json_print(sink->last, NULL, 0);
		return;
	}
	printf(_("%s: %lld frames, %s\n"), path,
	    (long long)tc_view_int(sink->last, "frames"),
	    tc_text_bytes(size, (double)sink->bytes));
	tc_out_remark(run, _("Take it there and run: terracectl bundle import FILE"));
}

static int export_to(const struct tc_run *run, struct tc_conn *conn,
    const char *unit, const char *path, struct tc_fault *fault)
{
	struct sink sink = {.fault = fault};
	json_t *args = tc_mem_json(json_object());
	int rc;

	tc_mem_set_text(args, "for", unit);
	rc = tc_call_send(conn, "bundle export", args, fault);
	json_decref(args);
	if (rc == 0) {
		rc = tc_file_create(&sink.file, path);
		if (rc != 0)
			fault->exit_code = 0;
	}
	if (rc == 0)
		rc = tc_call_replies(conn, on_chunk, &sink, fault);
	if (rc != 0) {
		tc_file_abort(sink.file);
	} else {
		rc = tc_file_commit(sink.file);
		fault->exit_code = 0;
	}
	if (rc == 0)
		show_exported(run, path, &sink);
	json_decref(sink.last);
	return rc;
}

int tc_cmd_bundle_export(struct tc_run *run)
{
	const char *unit = tc_args_get(run, "for");
	const char *out = tc_args_get(run, "out");
	struct tc_conn *conn = NULL;
	struct tc_fault fault = {0};
	char *path;
	int rc;

	if (unit == NULL)
		return tc_fault_advise(TR_E_USAGE,
		    _("Example: terracectl bundle export --for 110101001004 --out /media/stick/4.trc"),
		    _("say for whom: --for UNIT"));
	rc = tc_view_open(run, &conn, &fault);
	if (rc == 0) {
		path = out != NULL ? tc_mem_text(out)
				   : default_name(conn, unit);
		rc = export_to(run, conn, unit, path, &fault);
		free(path);
	}
	if (rc != 0 && fault.exit_code != 0)
		tc_fault_print(&fault);
	tc_conn_close(conn);
	return rc;
}

/* --- import and inspect --- */

static int send_chunk(struct tc_conn *conn, const unsigned char *data,
    size_t size, struct tc_fault *fault)
{
	size_t room = sodium_base64_encoded_len(
	    size, sodium_base64_VARIANT_ORIGINAL);
	char *line = tc_mem_alloc(room + 32, 1);
	size_t used;
	int rc;

	strcpy(line, "{\"chunk\":\"");
	used = strlen(line);
	sodium_bin2base64(
	    line + used, room, data, size, sodium_base64_VARIANT_ORIGINAL);
	strcat(line + used, "\"}\n");
	rc = tc_conn_send(conn, line, strlen(line), fault);
	free(line);
	return rc;
}

/* A daemon that refuses closes early: its reply says more than "broken pipe". */
static int send_file(
    struct tc_conn *conn, int fd, const char *path, struct tc_fault *fault)
{
	static const char end[] = "{\"end\":true}\n";
	unsigned char *data = tc_mem_alloc(CHUNK_RAW, 1);
	int rc = 0;

	while (rc == 0) {
		size_t used = 0;
		ssize_t n = 1;

		while (used < CHUNK_RAW && n > 0) {
			n = read(fd, data + used, CHUNK_RAW - used);
			if (n > 0)
				used += (size_t)n;
			else if (n < 0 && errno == EINTR)
				n = 1;
		}
		if (n < 0)
			rc = tc_fault_set(
			    fault, TR_E_IO, "%s: %s", path, strerror(errno));
		else if (used > 0)
			rc = send_chunk(conn, data, used, fault);
		if (n <= 0)
			break;
	}
	free(data);
	if (rc == 0)
		rc = tc_conn_send(conn, end, sizeof(end) - 1, fault);
	/* The daemon may have answered already, with an error. */
	return rc == tr_err_exit(TR_E_DOWN) ? 0 : rc;
}

static int exchange(const struct tc_run *run, const char *cmd,
    struct sink *sink, struct tc_fault *fault)
{
	const char *path = tc_args_word(run, 0);
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc;
	struct tc_conn *conn = NULL;

	if (fd < 0)
		return tc_fault_set(fault, TR_E_NOTFOUND, "%s: %s", path,
		    strerror(errno));
	rc = tc_view_open(run, &conn, fault);
	if (rc == 0)
		rc = tc_call_send(conn, cmd, NULL, fault);
	if (rc == 0)
		rc = send_file(conn, fd, path, fault);
	if (rc == 0)
		rc = tc_call_replies(conn, on_chunk, sink, fault);
	tc_conn_close(conn);
	close(fd);
	return rc;
}

static int import_verdict(const json_t *data)
{
	return json_array_size(json_object_get(data, "refused")) > 0
		   ? tr_err_exit(TR_E_DAMAGED)
		   : 0;
}

static void show_damage(const json_t *rows)
{
	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i);
		const char *error = tc_said(tc_view_text(row, "error"));
		char *clean = tc_text_clean(error);

		if (json_is_integer(json_object_get(row, "frame")))
			printf(_("refused: frame %lld: %s\n"),
			    (long long)tc_view_int(row, "frame"), clean);
		else
			printf(_("refused: %s\n"), clean);
		free(clean);
	}
}

static void show_imported(
    const struct tc_run *run, const json_t *data, const char *reply_path)
{
	printf(_("from %s: %lld frames, %lld new segments, %lld known already, %lld wait for others\n"),
	    tc_view_tail(tc_view_text(data, "from")),
	    (long long)tc_view_int(data, "frames"),
	    (long long)tc_view_int(data, "segments"),
	    (long long)tc_view_int(data, "already"),
	    (long long)tc_view_int(data, "held"));
	show_damage(json_object_get(data, "refused"));
	if (reply_path != NULL)
		tc_out_remark(run, _("Answer for the way back: %s"), reply_path);
	else
		tc_out_remark(run, _("Nothing new in either direction, so there is no answer to carry back."));
	tc_out_remark(run, _("You may remove the stick."));
}

int tc_cmd_bundle_import(struct tc_run *run)
{
	struct tc_fault fault = {0};
	struct sink sink = {.fault = &fault};
	char *path = tc_mem_format("%s.reply", tc_args_word(run, 0));
	int rc = tc_file_create(&sink.file, path);
	bool is_answered = false;

	if (rc == 0) {
		rc = exchange(run, "bundle import", &sink, &fault);
		is_answered = rc == 0 && sink.bytes > 0;
		if (is_answered)
			rc = tc_file_commit(sink.file);
		else
			tc_file_abort(sink.file);
	}
	if (rc == 0 && sink.last == NULL)
		rc = tc_fault_set(&fault, TR_E_PROTO, NULL);
	if (rc != 0 && fault.exit_code != 0)
		tc_fault_print(&fault);
	if (rc == 0) {
		if (tc_out_is_table(run)) {
			show_imported(run, sink.last, is_answered ? path : NULL);
		} else {
			tc_mem_set(sink.last, "reply_file",
			    is_answered ? json_string(path) : json_null());
			tc_out_json_print(sink.last, NULL, 0);
		}
		rc = import_verdict(sink.last);
	}
	json_decref(sink.last);
	free(path);
	return rc;
}

static void show_inspected(const struct tc_run *run, const json_t *data)
{
	char *signature = tc_text_clean(tc_view_text(data, "signature"));
	json_t *contents = json_object_get(data, "contents");
	char size[TC_TEXT_SHORT];

	(void)run;
	printf(_("from %s to %s, number %lld, made %s\n"),
	    tc_view_text(data, "from"), tc_view_text(data, "to"),
	    (long long)tc_view_int(data, "number"),
	    tc_view_text(data, "created"));
	printf(_("%lld frames, %s, signature %s\n"),
	    (long long)tc_view_int(data, "frames"),
	    tc_text_bytes(size, tc_view_number(data, "bytes", 0)),
	    tc_out_word(signature));
	for (void *at = json_object_iter(contents); at != NULL;
	     at = json_object_iter_next(contents, at)) {
		char *name = tc_text_clean(json_object_iter_key(at));

		printf("  %-12s %lld\n", name,
		    (long long)json_integer_value(json_object_iter_value(at)));
		free(name);
	}
	show_damage(json_object_get(data, "damage"));
	free(signature);
}

static int inspect_verdict(const json_t *data)
{
	const char *signature = tc_view_text(data, "signature");

	if (json_array_size(json_object_get(data, "damage")) > 0)
		return tr_err_exit(TR_E_DAMAGED);
	return strcmp(signature, "ok") == 0 || signature[0] == '\0' ? 0 : 1;
}

int tc_cmd_bundle_inspect(struct tc_run *run)
{
	static const struct tc_view view = {.cmd = "bundle inspect",
	    .show = show_inspected,
	    .verdict = inspect_verdict};
	struct tc_fault fault = {0};
	struct sink sink = {.fault = &fault};
	int rc = exchange(run, "bundle inspect", &sink, &fault);

	if (rc == 0 && sink.last == NULL)
		rc = tc_fault_set(&fault, TR_E_PROTO, NULL);
	if (rc != 0)
		tc_fault_print(&fault);
	else
		rc = tc_view_print(run, &view, sink.last, NULL, 0);
	json_decref(sink.last);
	return rc;
}
