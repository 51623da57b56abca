/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl_bundle -- the stick: frames out, frames in, what is on it.
 *
 * The file passes through a nameless file beside the store, so that a stick of
 * any size costs no memory and a client that goes away leaves nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "daemon/bundle_file.h"
#include "daemon/ctl_int.h"
#include "daemon/sys.h"
#include "proto/wire.h"

#define CHUNK_SIZE (36 * 1024)
#define FILE_MAX ((uint64_t)4 * 1024 * 1024 * 1024)
#define REFUSED_MAX 200
#define PURPOSE "terrace/bundle/1"

struct stick {
	struct td_ctl_call *call;
	int in, out; /* -1 = none */
	uint64_t received;
	struct td_bundle_reader *reader;
	struct td_bundle_writer writer;
	struct wire_arena *arena;
	struct tr_key sender;      /* key of who wrote the file */
	uint64_t segments, skipped;
	uint64_t answered;         /* segments that go back */
	json_t *refused, *contents;
	json_t *data;              /* the answer, once the frames are out */
};

static void free_stick(struct td_ctl_call *call)
{
	struct stick *s = call->state;

	if (s == NULL)
		return;
	td_bundle_close(s->reader);
	wire_arena_free(s->arena);
	if (s->in >= 0)
		close(s->in);
	if (s->out >= 0)
		close(s->out);
	json_decref(s->refused);
	json_decref(s->contents);
	json_decref(s->data);
	free(s);
	call->state = NULL;
}

static int nameless_file(struct td_ctl_call *call, int *fd)
{
	const char *dir = td_engine_conf(call->ctl->engine)->store_path;
	char name[] = "/tmp/terrace-XXXXXX";

	*fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (*fd >= 0)
		return 0;
	/* A file system without nameless files. */
	*fd = mkostemp(name, O_CLOEXEC);
	if (*fd < 0)
		return td_ctl_error(call, TR_E_IO, "no room for the bundle in %s: %s", dir, strerror(errno));
	unlink(name);
	return 0;
}

static int make_stick(struct td_ctl_call *call, struct stick **out)
{
	struct stick *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return TR_E_NOMEM;
	s->call = call;
	s->in = s->out = -1;
	call->state = s;
	call->free_state = free_stick;
	s->refused = json_array();
	s->contents = json_object();
	s->arena = wire_arena_create();
	if (s->arena == NULL)
		return TR_E_NOMEM;
	*out = s;
	return 0;
}

static int write_all(struct td_ctl_call *call, int fd, const uint8_t *data, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, data, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return td_ctl_error(call, errno == ENOSPC ? TR_E_FULL : TR_E_IO,
			    "cannot keep the bundle: %s", strerror(errno));
		data += n;
		size -= (size_t)n;
	}
	return 0;
}

/* --------------------------------------------------------------- writing one */

static int put_bytes(void *arg, struct tr_bytes bytes)
{
	struct stick *s = arg;

	return write_all(s->call, s->out, bytes.data, bytes.size);
}

static void sign(void *arg, struct tr_bytes body, uint8_t sig[static 64])
{
	struct stick *s = arg;

	td_engine_sign(s->call->ctl->engine, PURPOSE, body, sig);
}

static int put_frame(void *arg, struct tr_bytes msg)
{
	struct stick *s = arg;

	return td_bundle_write_frame(&s->writer, msg);
}

static uint64_t segments_in(struct stick *s, struct tr_bytes msg)
{
	Terrace__Msg *decoded;

	wire_arena_reset(s->arena);
	if (wire_msg_decode(s->arena, msg, &decoded) != 0 || decoded->m_case != TERRACE__MSG__M_SEGS)
		return 0;
	return decoded->segs->n_seg;
}

static int put_answer(void *arg, struct tr_bytes msg)
{
	struct stick *s = arg;

	s->answered += segments_in(s, msg);
	return put_frame(s, msg);
}

static int begin_file(struct stick *s, struct tr_nid to, const char *to_unit)
{
	struct td_bundle_head head = {.to = to, .created_ms = td_sys_wall().ms};
	struct rep_self self;
	int rc = nameless_file(s->call, &s->out);

	if (rc != 0)
		return rc;
	rep_inspect_self(td_ctl_node(s->call), &self);
	head.zone = self.zone;
	head.store = self.store;
	head.from = self.cert.nid;
	head.number = (uint32_t)(head.created_ms / 1000);
	snprintf(head.from_unit, sizeof(head.from_unit), "%s", self.cert.unit);
	snprintf(head.to_unit, sizeof(head.to_unit), "%s", to_unit);
	s->writer = (struct td_bundle_writer){.put = put_bytes, .sign = sign, .arg = s};
	return td_bundle_write_head(&s->writer, &head);
}

/* Sends the file in chunks, then the answer. */
static int send_pump(struct td_ctl_call *call, json_t **out)
{
	struct stick *s = call->state;
	uint8_t raw[CHUNK_SIZE];
	char text[CHUNK_SIZE / 3 * 4 + 8];
	json_t *o;

	while (td_out_size(&call->client->reply) < TD_CTL_MARK) {
		ssize_t n = read(s->out, raw, sizeof(raw));

		if (n < 0)
			return td_ctl_error(call, TR_E_IO, "cannot read the bundle back: %s", strerror(errno));
		if (n == 0) {
			*out = json_incref(s->data);
			return 0;
		}
		sodium_bin2base64(text, sizeof(text), raw, (size_t)n, sodium_base64_VARIANT_ORIGINAL);
		o = json_object();
		td_ctl_put(o, "chunk", json_string(text));
		td_ctl_piece(call, o);
	}
	return TD_CTL_LATER;
}

static int send_file(struct stick *s)
{
	if (lseek(s->out, 0, SEEK_SET) != 0)
		return TR_E_IO;
	s->call->line = NULL;
	s->call->pump = send_pump;
	ev_io_start(s->call->ctl->loop, &s->call->client->out);
	return TD_CTL_LATER;
}

int td_ctl_bundle_export(struct td_ctl_call *call, json_t **data)
{
	struct rep_unit_info unit;
	struct stick *s = NULL;
	struct tr_nid to = {0};
	int rc = make_stick(call, &s);

	(void)data;
	if (rc == 0)
		rc = td_ctl_arg_unit(call, "for", &to);
	if (rc == 0 && !rep_unit_get(td_ctl_node(call), to, &unit))
		rc = TR_E_NOUNIT;
	if (rc == 0 && unit.is_self)
		rc = td_ctl_error(call, TR_E_SCOPE, "this is %s itself", unit.unit);
	if (rc == 0)
		rc = begin_file(s, to, unit.unit);
	if (rc == 0)
		rc = td_engine_bundle_export(call->ctl->engine, to, put_frame, s);
	if (rc == 0)
		rc = td_bundle_write_tail(&s->writer);
	if (rc != 0)
		return rc;
	s->data = td_ctl_data(call);
	td_ctl_put_text(s->data, "for", unit.unit);
	td_ctl_put_int(s->data, "frames", (int64_t)s->writer.frames);
	td_ctl_put_int(s->data, "bytes", (int64_t)s->writer.bytes);
	return send_file(s);
}

/* --------------------------------------------------------------- reading one */

static const char *msg_name(const Terrace__Msg *msg)
{
	switch (msg->m_case) {
	case TERRACE__MSG__M_LOGDEF: return "logdef";
	case TERRACE__MSG__M_FRONTIER: return "frontier";
	case TERRACE__MSG__M_SEGS: return "segs";
	case TERRACE__MSG__M_HEAD: return "head";
	case TERRACE__MSG__M_RECEIPT: return "receipt";
	case TERRACE__MSG__M_CERT: return "cert";
	case TERRACE__MSG__M_SUMMARY: return "summary";
	default: return "other";
	}
}

static void refuse(struct stick *s, uint64_t frame, const char *error)
{
	json_t *o;

	s->skipped++;
	if (json_array_size(s->refused) >= REFUSED_MAX)
		return;
	o = json_object();
	td_ctl_put(o, "frame", frame != 0 ? json_integer((json_int_t)frame) : json_null());
	td_ctl_put_text(o, "error", error);
	json_array_append_new(s->refused, o);
}

/* Next well-formed frame; damage ends the file, what came before it counts. */
static int next_frame(void *arg, struct tr_bytes *msg)
{
	struct stick *s = arg;
	Terrace__Msg *decoded;
	const char *name;
	char text[120];
	int rc;

	while ((rc = td_bundle_next(s->reader, msg)) == 0) {
		wire_arena_reset(s->arena);
		rc = wire_msg_decode(s->arena, *msg, &decoded);
		if (rc != 0) {
			refuse(s, td_bundle_frames(s->reader), tr_err_message(rc));
			continue;
		}
		name = msg_name(decoded);
		if (decoded->m_case == TERRACE__MSG__M_SEGS)
			s->segments += decoded->segs->n_seg;
		td_ctl_put_int(s->contents, name,
		    json_integer_value(json_object_get(s->contents, name)) + 1);
		return 0;
	}
	if (rc == TR_E_NOTFOUND) {
		if (!td_bundle_tail_verify(s->reader, &s->sender))
			refuse(s, 0, "the end does not fit the rest: frames are missing or were changed");
		return rc;
	}
	snprintf(text, sizeof(text), "damaged at byte %llu; everything before it was read",
	    (unsigned long long)td_bundle_offset(s->reader));
	refuse(s, td_bundle_frames(s->reader) + 1, text);
	return TR_E_NOTFOUND;
}

/* Certificates prove themselves, whoever brings them. */
static int next_cert(void *arg, struct tr_bytes *msg)
{
	struct stick *s = arg;
	Terrace__Msg *decoded;
	int rc;

	while ((rc = td_bundle_next(s->reader, msg)) == 0) {
		wire_arena_reset(s->arena);
		if (wire_msg_decode(s->arena, *msg, &decoded) == 0 && decoded->m_case == TERRACE__MSG__M_CERT)
			return 0;
	}
	return TR_E_NOTFOUND;
}

static int open_file(struct stick *s)
{
	int rc = lseek(s->in, 0, SEEK_SET) == 0 ? td_bundle_open(&s->reader, s->in) : TR_E_IO;

	if (rc == TR_E_INPUT)
		return td_ctl_error(s->call, rc, "this file is no bundle");
	if (rc == TR_E_DAMAGED)
		return td_ctl_error(s->call, rc, "the head of the bundle is damaged; nothing was taken");
	return rc;
}

static bool is_signed(struct stick *s, struct rep_cert *cert)
{
	struct tr_bytes row;

	return rep_cert_of(td_ctl_view(s->call), td_bundle_head(s->reader)->from, &row) == 0 &&
	    rep_cert_decode(row, cert) == 0 && td_bundle_head_verify(s->reader, &cert->sign_pk);
}

/* Written by a machine that took the place of another: its certificate may be new here. */
static bool is_signed_by_next(struct stick *s, struct rep_cert *cert)
{
	struct tr_nid from = td_bundle_head(s->reader)->from;

	if (td_engine_bundle_import(s->call->ctl->engine, from, next_cert, s, NULL, NULL) != 0)
		return false;
	td_bundle_close(s->reader);
	s->reader = NULL;
	return open_file(s) == 0 && is_signed(s, cert) && cert->registered;
}

/* Who wrote it: known here, of this zone, with its own signature. */
static int check_sender(struct stick *s)
{
	const struct td_bundle_head *head = td_bundle_head(s->reader);
	struct tr_bytes signed_cert;
	struct rep_cert cert;
	struct rep_self self;
	char from[TR_UNIT_PATH_MAX + 1];

	snprintf(from, sizeof(from), "%s", head->from_unit);
	rep_inspect_self(td_ctl_node(s->call), &self);
	if (head->zone != self.zone)
		return td_ctl_error(s->call, TR_E_REFUSED,
		    "the bundle is of another zone (written by %s there)", head->from_unit);
	if (rep_cert_of(td_ctl_view(s->call), head->from, &signed_cert) != 0 ||
	    rep_cert_decode(signed_cert, &cert) != 0)
		return td_ctl_error(s->call, TR_E_NOCERT,
		    "the bundle was written by %s, which is not known at %s", head->from_unit, self.cert.unit);
	if (!is_signed(s, &cert) && !is_signed_by_next(s, &cert))
		return td_ctl_error(s->call, TR_E_FORGED,
		    "the bundle says it is from %s, but the signature is not", from);
	s->sender = cert.sign_pk;
	return 0;
}

static int check_receiver(struct stick *s)
{
	const struct td_bundle_head *head = td_bundle_head(s->reader);
	struct rep_self self;

	rep_inspect_self(td_ctl_node(s->call), &self);
	if (head->to.v == self.cert.nid.v)
		return 0;
	td_ctl_hint(s->call, "take it to %s", head->to_unit);
	return td_ctl_error(s->call, TR_E_REFUSED, "the bundle is from %s for %s, this is %s",
	    head->from_unit, head->to_unit, self.cert.unit);
}

static void count_rows(struct td_ctl_call *call, uint64_t *segments, uint64_t *held)
{
	struct td_store_stat stat;

	td_store_stat(td_engine_store(call->ctl->engine), &stat);
	*segments = stat.rows[REP_T_SEG];
	*held = stat.rows[REP_T_PEND];
}

/* What the core refused says so in its traces; which frame it was is gone. */
static void take_traces(struct stick *s, uint64_t from)
{
	const struct td_ctl *ctl = s->call->ctl;

	if (ctl->event_count > from + TD_CTL_EVENTS_KEPT)
		from = ctl->event_count - TD_CTL_EVENTS_KEPT;
	for (; from < ctl->event_count; from++) {
		const struct rep_trace *t = &ctl->events[from % TD_CTL_EVENTS_KEPT].trace;

		if (t->code == REP_TRACE_FRAME_BAD || t->code == REP_TRACE_CERT_BAD ||
		    t->code == REP_TRACE_SEG_FORGED || t->code == REP_TRACE_SEG_SCOPE ||
		    t->code == REP_TRACE_FORK_LIMIT || t->code == REP_TRACE_SEG_PRUNED ||
		    t->code == REP_TRACE_RECEIPT_BAD || t->code == REP_TRACE_HEAD_BAD)
			refuse(s, 0, rep_trace_message(t->code));
	}
}

static int import_file(struct stick *s)
{
	const struct td_bundle_head *head = td_bundle_head(s->reader);
	struct td_ctl_call *call = s->call;
	uint64_t before, held_before, after, held_after, events = call->ctl->event_count;
	int rc = begin_file(s, head->from, head->from_unit);

	if (rc != 0)
		return rc;
	count_rows(call, &before, &held_before);
	rc = td_engine_bundle_import(call->ctl->engine, head->from, next_frame, s, put_answer, s);
	if (rc == 0)
		rc = td_bundle_write_tail(&s->writer);
	if (rc != 0)
		return rc;
	count_rows(call, &after, &held_after);
	take_traces(s, events);
	/* Rows can also shrink: a waiting segment whose gap is filled moves. */
	held_after = held_after > held_before ? held_after - held_before : 0;
	after = after > before ? after - before : 0;
	s->data = td_ctl_data(call);
	td_ctl_put_text(s->data, "from", head->from_unit);
	td_ctl_put_int(s->data, "frames", (int64_t)td_bundle_frames(s->reader));
	td_ctl_put_int(s->data, "segments", (int64_t)after);
	td_ctl_put_int(s->data, "already",
	    s->segments > after + held_after ? (int64_t)(s->segments - after - held_after) : 0);
	td_ctl_put_int(s->data, "held", (int64_t)held_after);
	td_ctl_put(s->data, "refused", json_incref(s->refused));
	/*
	 * Who sends segments does not know yet that they are here.  Without any,
	 * in either direction, an answer would only be answered: no file then.
	 */
	if (s->segments > 0 || s->answered > 0)
		return send_file(s);
	td_ctl_answer(call, 0, json_incref(s->data));
	return TD_CTL_LATER;
}

static int end_of_import(struct stick *s)
{
	int rc = open_file(s);

	if (rc == 0)
		rc = check_sender(s);
	if (rc == 0)
		rc = check_receiver(s);
	return rc != 0 ? rc : import_file(s);
}

static int end_of_inspect(struct stick *s)
{
	const struct td_bundle_head *head;
	struct tr_bytes msg;
	json_t *data;
	int rc = open_file(s);

	if (rc != 0)
		return rc;
	head = td_bundle_head(s->reader);
	data = td_ctl_data(s->call);
	rc = check_sender(s);
	td_ctl_put_text(data, "signature", rc == 0 ? "ok" : s->call->error.message);
	memset(&s->call->error, 0, sizeof(s->call->error));
	while (next_frame(s, &msg) == 0)
		;
	td_ctl_put_text(data, "from", head->from_unit);
	td_ctl_put_text(data, "to", head->to_unit);
	td_ctl_put_int(data, "number", head->number);
	td_ctl_put_time(data, "created", head->created_ms);
	td_ctl_put_int(data, "frames", (int64_t)td_bundle_frames(s->reader));
	td_ctl_put_int(data, "bytes", (int64_t)s->received);
	td_ctl_put_int(data, "segments", (int64_t)s->segments);
	td_ctl_put(data, "contents", json_incref(s->contents));
	td_ctl_put(data, "damage", json_incref(s->refused));
	td_ctl_answer(s->call, 0, data);
	return TD_CTL_LATER;
}

static int take_chunk(struct stick *s, const char *chunk)
{
	uint8_t raw[TR_CTL_REQUEST_MAX];
	size_t size;

	if (sodium_base642bin(raw, sizeof(raw), chunk, strlen(chunk), NULL, &size, NULL,
		sodium_base64_VARIANT_ORIGINAL) != 0)
		return td_ctl_error(s->call, TR_E_INPUT, "a chunk is not base64");
	s->received += size;
	if (s->received > FILE_MAX)
		return td_ctl_error(s->call, TR_E_SIZE, "a bundle has at most 4 GiB; export in parts");
	return write_all(s->call, s->in, raw, size);
}

/* One line behind the request. */
static int take_line(struct td_ctl_call *call, uint8_t *text, size_t size)
{
	struct stick *s = call->state;
	json_t *o = tr_control_parse((const char *)text, size, call->error.message);
	const char *chunk = json_string_value(json_object_get(o, "chunk"));
	bool end = json_is_true(json_object_get(o, "end"));
	int rc;

	if (chunk != NULL)
		rc = take_chunk(s, chunk);
	else if (!end)
		rc = td_ctl_error(call, TR_E_INPUT, "a line with \"chunk\" or \"end\" was expected");
	else if (call->command->is_read)
		rc = end_of_inspect(s);
	else
		rc = end_of_import(s);
	json_decref(o);
	return rc < 0 ? rc : 0;
}

static int take_file(struct td_ctl_call *call)
{
	struct stick *s = NULL;
	int rc = make_stick(call, &s);

	if (rc == 0)
		rc = nameless_file(call, &s->in);
	if (rc != 0)
		return rc;
	call->line = take_line;
	return TD_CTL_LATER;
}

int td_ctl_bundle_import(struct td_ctl_call *call, json_t **data)
{
	(void)data;
	return take_file(call);
}

int td_ctl_bundle_inspect(struct td_ctl_call *call, json_t **data)
{
	(void)data;
	return take_file(call);
}
