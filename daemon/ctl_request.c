/* SPDX-License-Identifier: Apache-2.0 */
/* One line of a client: which verb it is, who may ask for it, then the verb. */
#include "daemon/ctl_int.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/log.h"

static const struct verb {
	const char *name;
	td_ctl_verb *run;
} verbs[] = {
    {"status", td_ctl_status},
    {"tree", td_ctl_tree},
    {"peers", td_ctl_peers},
    {"queue", td_ctl_queue},
    {"lag", td_ctl_lag},
    {"events", td_ctl_events},
    {"health", td_ctl_health},
    {"wait", td_ctl_wait},
    {"record put", td_ctl_record_put},
    {"record show", td_ctl_record_show},
    {"record list", td_ctl_record_list},
    {"record transfer", td_ctl_record_transfer},
    {"trace", td_ctl_trace},
    {"conflicts", td_ctl_conflicts},
    {"conflict resolve", td_ctl_conflict_resolve},
    {"policy show", td_ctl_policy_show},
    {"policy send", td_ctl_policy_send},
    {"directive send", td_ctl_directive_send},
    {"directive list", td_ctl_directive_list},
    {"directive status", td_ctl_directive_status},
    {"directive ack", td_ctl_directive_step},
    {"directive start", td_ctl_directive_step},
    {"directive decline", td_ctl_directive_step},
    {"directive progress", td_ctl_directive_step},
    {"directive done", td_ctl_directive_step},
    {"directive confirm", td_ctl_directive_issuer_step},
    {"directive return", td_ctl_directive_issuer_step},
    {"directive cancel", td_ctl_directive_issuer_step},
    {"export", td_ctl_export},
    {"bundle export", td_ctl_bundle_export},
    {"bundle import", td_ctl_bundle_import},
    {"bundle inspect", td_ctl_bundle_inspect},
    {"verify", td_ctl_verify},
    {"repair", td_ctl_repair},
    {"digests", td_ctl_digests},
    {"store stat", td_ctl_store_stat},
    {"store history", td_ctl_store_history},
    {"store backup", td_ctl_store_backup},
    {"invite", td_ctl_invite},
    {"unit list", td_ctl_unit_list},
    {"unit rename", td_ctl_unit_rename},
    {"unit move", td_ctl_unit_move},
    {"unit approve", td_ctl_unit_approve},
    {"key show", td_ctl_key_show},
    {"key revoke", td_ctl_key_revoke},
    {"key accept", td_ctl_key_accept},
    {"peer pause", td_ctl_peer_pause},
    {"peer resume", td_ctl_peer_resume},
    {"peer retry", td_ctl_peer_retry},
    {"reload", td_ctl_reload},
    {"config show", td_ctl_config_show},
    {"log level", td_ctl_log_level},
    {"stop", td_ctl_stop_verb},
    {"version", td_ctl_version},
    {"metrics", td_ctl_metrics},
};
#define VERB_COUNT (sizeof(verbs) / sizeof(verbs[0]))

void td_ctl_request_check(void)
{
	for (size_t i = 0; i < VERB_COUNT; i++) {
		TR_ASSERT(tr_control_command_at(i) != NULL);
		TR_ASSERT(strcmp(tr_control_command_at(i)->name, verbs[i].name) == 0);
	}
	TR_ASSERT(tr_control_command_at(VERB_COUNT) == NULL);
}

/* Who changes something is written down before it happens; what people wrote
 * into it (texts, notes, records) is not. */
static void log_change(const struct td_ctl_call *call)
{
	static const char *const kept_back[] = {"record", "value", "title", "body", "note", "text"};
	struct td_sock_peer peer;
	json_t *args = json_copy(call->args);
	char *text, quoted[512];

	for (size_t i = 0; i < sizeof(kept_back) / sizeof(kept_back[0]); i++)
		if (json_object_get(args, kept_back[i]) != NULL)
			td_ctl_put_text(args, kept_back[i], "...");
	text = args != NULL ? json_dumps(args, JSON_COMPACT) : NULL;
	td_sock_peer(call->client->fd, &peer);
	td_log(TD_LOG_NOTICE, "command", "cmd=\"%s\" uid=%u pid=%d user=%s args=%s",
	    call->command->name, peer.uid, peer.pid, peer.user,
	    td_log_quote(text != NULL ? text : "{}", quoted, sizeof(quoted)));
	free(text);
	json_decref(args);
}

static int check_request(struct td_ctl_call *call, const json_t *request)
{
	const char *cmd = json_string_value(json_object_get(request, "cmd"));
	const json_t *proto = json_object_get(request, "proto"), *args = call->args;
	const char *near;

	if (proto != NULL && json_integer_value(proto) != TR_CONTROL_PROTO)
		return td_ctl_error(call, TR_E_PROTO,
		    "this daemon speaks control protocol %d", TR_CONTROL_PROTO);
	if (cmd == NULL)
		return td_ctl_error(call, TR_E_USAGE, "a request needs \"cmd\"");
	if (args != NULL && !json_is_object(args))
		return td_ctl_error(call, TR_E_USAGE, "\"args\" must be an object");
	call->command = tr_control_command(cmd);
	if (call->command == NULL) {
		near = tr_control_command_near(cmd);
		if (near != NULL)
			td_ctl_hint(call, "did you mean '%s'?", near);
		return td_ctl_error(call, TR_E_USAGE, "unknown command '%.64s'", cmd);
	}
	if (!call->command->is_read && !call->client->is_admin) {
		td_ctl_hint(call, "use control.sock (%s)",
		    td_engine_conf(call->ctl->engine)->control_socket);
		return td_ctl_error(call, TR_E_PERM, "'%s' changes something: not on the status socket", cmd);
	}
	return tr_control_check(call->command, args, call->error.message, call->error.hint);
}

static int run(struct td_ctl_call *call, const json_t *request, json_t **data)
{
	int rc = check_request(call, request);

	if (rc != 0)
		return rc;
	if (!call->command->is_read)
		log_change(call);
	for (size_t i = 0; i < VERB_COUNT; i++)
		if (tr_control_command_at(i) == call->command)
			return verbs[i].run(call, data);
	return TR_E_INTERNAL;
}

void td_ctl_request(struct td_ctl_client *client, uint8_t *text, size_t size)
{
	struct td_ctl_call *call = calloc(1, sizeof(*call));
	json_t *request, *data = NULL;
	int rc;

	if (call == NULL) {
		client->is_closing = true;
		return;
	}
	call->ctl = client->ctl;
	call->client = client;
	client->call = call;
	request = tr_control_parse((const char *)text, size, call->error.message);
	if (request == NULL) {
		td_ctl_answer(call, TR_E_INPUT, NULL);
		return;
	}
	call->id = json_integer_value(json_object_get(request, "id"));
	call->args = json_incref(json_object_get(request, "args"));
	rc = run(call, request, &data);
	json_decref(request);
	/* The engine may have answered already (a dead store does). */
	if (rc == TD_CTL_LATER && client->call != call)
		return;
	td_ctl_answer(call, rc, data);
}
