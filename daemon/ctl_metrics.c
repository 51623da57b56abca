/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ctl_metrics -- Prometheus text 0.0.4.  Timestamps, not ages (an exporter
 * that stands still must not lie); labels are direct peers only, never a record
 * or a person.
 */
#include "daemon/ctl_look.h"

#include <stdio.h>
#include <string.h>

#include "daemon/ctl_past.h"
#include "daemon/ctl_roll.h"
#include "daemon/ingest.h"
#include "daemon/sys.h"

static void head(FILE *f, const char *name, const char *type, const char *help)
{
	fprintf(f, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void one(FILE *f, const char *name, const char *type, const char *help, double v)
{
	head(f, name, type, help);
	fprintf(f, "%s %.17g\n", name, v);
}

/* A label's value: quotes, backslashes and line ends are escaped. */
static void label(FILE *f, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', f);
		if (*text == '\n')
			fputs("\\n", f);
		else
			fputc(*text, f);
	}
}

static void put_info(const struct td_ctl_call *call, FILE *f)
{
	const struct td_ctl *ctl = call->ctl;
	const char *role = td_ctl_role(call);

	head(f, "terrace_build_info", "gauge", "What runs.");
	fprintf(f, "terrace_build_info{version=\"%s\",revision=\"%s\",role=\"%s\",proto=\"%d\"} 1\n",
	    TERRACE_VERSION, TERRACE_COMMIT, role, TR_PROTO_MAX);
	head(f, "terrace_node_info", "gauge", "Which node this is.");
	fputs("terrace_node_info{node=\"", f);
	label(f, td_engine_conf(ctl->engine)->name);
	fprintf(f, "\",role=\"%s\"} 1\n", role);
	one(f, "terrace_ready", "gauge", "1 if local writes are taken.", td_engine_is_full(ctl->engine) ? 0 : 1);
	one(f, "process_start_time_seconds", "gauge", "Start of the process.",
	    (double)td_engine_start_ms(ctl->engine) / 1000);
	one(f, "terrace_config_last_reload_successful", "gauge", "1 unless the last reload failed.",
	    ctl->reload_failed ? 0 : 1);
	if (ctl->reload_ok_ms != 0)
		one(f, "terrace_config_last_reload_success_timestamp_seconds", "gauge",
		    "Time of the last good reload.", (double)ctl->reload_ok_ms / 1000);
}

/* One family over all links. */
struct family {
	const char *name, *type, *help;
	double (*value)(const struct rep_link_info *link);
	bool has_direction;
};

static double v_up(const struct rep_link_info *l) { return strcmp(td_ctl_link_word(l->state), "up") == 0; }
static double v_seen(const struct rep_link_info *l) { return (double)l->last_seen_ms / 1000; }
static double v_rtt(const struct rep_link_info *l) { return (double)l->rtt_ms / 1000; }
static double v_waiting(const struct rep_link_info *l) { return (double)l->waiting_ops; }
static double v_bytes(const struct rep_link_info *l) { return (double)l->waiting_bytes; }
static double v_oldest(const struct rep_link_info *l) { return l->waiting_ops > 0 ? (double)l->oldest_ms / 1000 : 0; }
static double v_sent(const struct rep_link_info *l) { return (double)l->sent_bytes; }
static double v_received(const struct rep_link_info *l) { return (double)l->received_bytes; }
static double v_frames_out(const struct rep_link_info *l) { return (double)l->sent_frames; }
static double v_frames_in(const struct rep_link_info *l) { return (double)l->received_frames; }
static double v_bad(const struct rep_link_info *l) { return (double)l->bad_frames; }

static const struct family families[] = {
    {"terrace_peer_up", "gauge", "1 if the link to the peer is up.", v_up, false},
    {"terrace_peer_last_seen_timestamp_seconds", "gauge", "When the peer was last heard of, 0 = never.", v_seen, false},
    {"terrace_peer_rtt_seconds", "gauge", "Last round trip.", v_rtt, false},
    {"terrace_queue_records", "gauge", "Records that the peer has not acknowledged.", v_waiting, true},
    {"terrace_queue_bytes", "gauge", "Their size, estimated.", v_bytes, true},
    {"terrace_queue_oldest_timestamp_seconds", "gauge", "Time of the oldest of them, 0 = none.", v_oldest, true},
    {"terrace_network_transmit_bytes_total", "counter", "Bytes sent to the peer.", v_sent, false},
    {"terrace_network_receive_bytes_total", "counter", "Bytes received from the peer.", v_received, false},
    {"terrace_messages_sent_total", "counter", "Frames sent to the peer.", v_frames_out, false},
    {"terrace_messages_received_total", "counter", "Frames received from the peer.", v_frames_in, false},
    {"terrace_messages_bad_total", "counter", "Malformed frames of the peer.", v_bad, false},
};

static void put_family(const struct td_ctl_call *call, FILE *f, const struct family *family)
{
	struct rep_link_info link;
	struct rep_unit_info unit;
	char nid[TD_NID_SIZE];

	head(f, family->name, family->type, family->help);
	for (size_t i = 0; rep_inspect_link(td_ctl_node(call), td_ctl_view(call), i, &link); i++) {
		td_text_write_nid(link.peer, nid);
		fprintf(f, "%s{peer=\"", family->name);
		label(f, rep_unit_get(td_ctl_node(call), link.peer, &unit) ? unit.unit : nid);
		if (family->has_direction)
			fprintf(f, "\",direction=\"%s", link.is_parent ? "up" : "down");
		fprintf(f, "\"} %.17g\n", family->value(&link));
	}
}

static void put_core(const struct td_ctl_call *call, FILE *f)
{
	struct rep_self self;

	rep_inspect_self(td_ctl_node(call), &self);
	head(f, "terrace_messages_rejected_total", "counter", "What was refused of peers.");
	fprintf(f, "terrace_messages_rejected_total{reason=\"forged\"} %llu\n", (unsigned long long)self.forged);
	fprintf(f, "terrace_messages_rejected_total{reason=\"malformed\"} %llu\n", (unsigned long long)self.bad_frames);
	one(f, "terrace_violations_total", "counter", "Steps without authority, listed and not applied.",
	    (double)self.violations);
	one(f, "terrace_held_segments", "gauge", "Segments that wait for what they had seen.", (double)self.held_segments);
	one(f, "terrace_own_records", "gauge", "Changes written here.", (double)self.own_ops);
	one(f, "terrace_receipt_records", "gauge", "Of them, covered by the top node's receipt.",
	    (double)(self.is_top ? self.own_ops : self.receipt_ops));
	one(f, "terrace_clock_offset_seconds", "gauge", "Own clock against the parent's.", (double)self.clock_offset_ms / 1000);
}

static void put_store(const struct td_ctl_call *call, FILE *f)
{
	struct td_store_stat stat;

	td_store_stat(td_engine_store(call->ctl->engine), &stat);
	one(f, "terrace_store_used_bytes", "gauge", "Bytes of the map in use.", (double)stat.used_bytes);
	one(f, "terrace_store_map_bytes", "gauge", "Size of the map.", (double)stat.map_bytes);
	one(f, "terrace_store_commits_total", "counter", "Synchronous commits.", (double)stat.commits);
	one(f, "terrace_store_readers", "gauge", "Open read transactions.", stat.readers);
	head(f, "terrace_store_commit_seconds", "summary", "Time of a commit with its flush.");
	fprintf(f, "terrace_store_commit_seconds{quantile=\"0.5\"} %.6g\n", (double)stat.commit_us_p50 / 1e6);
	fprintf(f, "terrace_store_commit_seconds{quantile=\"0.95\"} %.6g\n", (double)stat.commit_us_p95 / 1e6);
}

static void put_past(const struct td_ctl_call *call, FILE *f)
{
	struct td_ctl_past past;

	td_ctl_past_sum(call, &past);
	one(f, "terrace_dropped_records", "gauge", "Changes dropped below checkpoints.", (double)past.dropped);
	one(f, "terrace_diverged_domains", "gauge", "Domains whose state is another one than at the top node.",
	    (double)past.diverged);
}

static void put_ingest(const struct td_ctl_call *call, FILE *f)
{
	struct td_ingest_stat stat;

	if (call->ctl->hooks.ingest == NULL)
		return;
	td_ingest_stat(call->ctl->hooks.ingest, &stat);
	head(f, "terrace_ingest_records_total", "counter", "Lines answered with ok.");
	fprintf(f, "terrace_ingest_records_total{door=\"ingest\",result=\"new\"} %llu\n", (unsigned long long)stat.accepted);
	fprintf(f, "terrace_ingest_records_total{door=\"ingest\",result=\"unchanged\"} %llu\n", (unsigned long long)stat.unchanged);
	fprintf(f, "terrace_ingest_records_total{door=\"ingest\",result=\"repeated\"} %llu\n", (unsigned long long)stat.repeated);
	head(f, "terrace_ingest_rejected_total", "counter", "Lines answered with an error.");
	fprintf(f, "terrace_ingest_rejected_total{door=\"ingest\",reason=\"refused\"} %llu\n", (unsigned long long)stat.refused);
	fprintf(f, "terrace_ingest_rejected_total{door=\"ingest\",reason=\"busy\"} %llu\n", (unsigned long long)stat.busy);
}

static void put_roll(const struct td_ctl_roll *roll, FILE *f)
{
	uint64_t open = 0, overdue = 0;

	for (size_t i = 0; i < roll->count; i++) {
		open += roll->items[i].open > 0;
		overdue += roll->items[i].overdue > 0;
	}
	head(f, "terrace_conflicts", "gauge", "Groups with two or more values.");
	fprintf(f, "terrace_conflicts{state=\"open\"} %llu\n", (unsigned long long)roll->conflicts);
	head(f, "terrace_directives", "gauge", "Directives with work left.");
	fprintf(f, "terrace_directives{state=\"open\"} %llu\nterrace_directives{state=\"overdue\"} %llu\n",
	    (unsigned long long)open, (unsigned long long)overdue);
}

static int metrics_ready(struct td_ctl_call *call, json_t **out)
{
	const struct td_ctl_roll *roll;
	struct td_ctl_print print;
	int rc = td_ctl_roll_run(call, &roll);

	if (rc != 0)
		return rc;
	rc = td_ctl_print_open(&print);
	if (rc != 0)
		return rc;
	put_info(call, print.file);
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		put_family(call, print.file, &families[i]);
	put_core(call, print.file);
	put_store(call, print.file);
	put_past(call, print.file);
	put_ingest(call, print.file);
	put_roll(roll, print.file);
	return td_ctl_print_end(&print, call, out);
}

int td_ctl_metrics(struct td_ctl_call *call, json_t **data)
{
	(void)data;
	call->pump = metrics_ready;
	return TD_CTL_LATER;
}
