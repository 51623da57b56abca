/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/app.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ev.h>

#include "daemon/ctl.h"
#include "daemon/engine.h"
#include "daemon/ingest.h"
#include "daemon/log.h"
#include "daemon/notify.h"
#include "daemon/store.h"
#include "daemon/sys.h"
#include "proto/err.h"

struct app {
	struct ev_loop *loop;
	struct td_conf *conf;      /* in force */
	struct td_conf **old;      /* former ones: parts may still look into them */
	size_t old_count;
	struct td_store *store;
	struct td_engine *engine;
	struct td_ingest *ingest;
	struct td_ctl *ctl;
	ev_signal term, intr, hup, usr1;
	ev_timer second, watchdog;
	bool is_ready;
	int exit_code;
};

/* A damaged store is a matter of the disk for whoever reads the exit code. */
static int exit_of(int rc)
{
	if (rc == TR_E_DAMAGED)
		rc = TR_E_IO;
	if (rc == TR_E_NOTFOUND)
		rc = TR_E_CONF;
	return tr_err_exit(rc);
}

/* ------------------------------------------------------------------- the parts */

static int store_start(struct app *app)
{
	char text[600];
	int rc = td_store_open(&app->store, app->conf->store_path, app->conf->store_max_bytes);

	if (rc != 0)
		td_log(TD_LOG_ERROR, "store", "code=%s text=%s%s", tr_err_code(rc),
		    td_log_quote(td_store_error(NULL), text, sizeof(text)),
		    rc == TR_E_NOTFOUND ? " hint=\"terracectl init or join makes one\"" : "");
	return rc;
}

static void store_stop(struct app *app)
{
	td_store_close(app->store);
}

static void on_fatal(void *arg, int rc, const char *text)
{
	struct app *app = arg;

	(void)text; /* the engine has logged it */
	app->exit_code = exit_of(rc);
	ev_break(app->loop, EVBREAK_ALL);
}

static void ready(struct app *app)
{
	if (app->is_ready)
		return;
	app->is_ready = true;
	td_log(TD_LOG_NOTICE, "ready", "version=%s unit=%s listen=%s upstream=%s control=%s ingest=%s",
	    TERRACE_VERSION, app->conf->unit, app->conf->listen != NULL ? td_engine_listen_address(app->engine) : "none",
	    app->conf->upstream != NULL ? app->conf->upstream : "none",
	    app->conf->control_socket, app->conf->ingest_socket);
	td_notify("READY=1\nSTATUS=started");
}

static void on_listening(void *arg, const char *address)
{
	(void)address;
	ready(arg);
}

static int engine_start(struct app *app)
{
	return td_engine_start(&app->engine, app->loop, app->store, app->conf); /* has logged why not */
}

static void engine_stop(struct app *app)
{
	td_engine_stop(app->engine);
}

static int ingest_start(struct app *app)
{
	return td_ingest_start(&app->ingest, app->loop, app->engine, app->conf);
}

static void ingest_stop(struct app *app)
{
	td_ingest_stop(app->ingest);
}

/* ---------------------------------------------------------------------- reload */

static bool conf_room(struct app *app)
{
	struct td_conf **list = realloc(app->old, (app->old_count + 1) * sizeof(struct td_conf *));

	if (list != NULL)
		app->old = list;
	return list != NULL;
}

/* All or nothing: with a problem the old configuration stays. */
static int reload(void *arg, FILE *changed, FILE *report)
{
	struct app *app = arg;
	struct td_conf *conf;
	unsigned problems, restart, live;
	int rc;

	td_notify_reloading();
	conf = td_conf_load(app->conf->file, report, &problems);
	if (conf == NULL) {
		td_log(TD_LOG_ERROR, "reload-failed", "problems=%u file=%s", problems, app->conf->file);
		td_notify("READY=1");
		return TR_E_CONF;
	}
	restart = td_conf_restart_needed(app->conf, conf, report);
	live = td_conf_changed(app->conf, conf, changed);
	rc = td_conf_adopt(conf, app->conf);
	if (rc == 0)
		rc = conf_room(app) ? 0 : TR_E_NOMEM;
	if (rc == 0)
		rc = td_engine_set_conf(app->engine, conf);
	if (rc == 0) {
		app->old[app->old_count++] = app->conf;
		app->conf = conf;
		td_log_open(conf->log_level, conf->log_to);
		td_log(TD_LOG_NOTICE, "reloaded", "changed=%u restart_needed=%u file=%s", live, restart, conf->file);
	} else {
		td_conf_free(conf);
	}
	td_notify("READY=1");
	return rc;
}

static void stop(void *arg)
{
	struct app *app = arg;

	td_notify("STOPPING=1\nSTATUS=stopping");
	td_log(TD_LOG_NOTICE, "stopping", "unit=%s", app->conf->unit);
	/* From here on the second signal ends the process at once, which the store survives. */
	ev_signal_stop(app->loop, &app->term);
	ev_signal_stop(app->loop, &app->intr);
	ev_break(app->loop, EVBREAK_ALL);
}

static int log_level(void *arg, const char *level)
{
	(void)arg;
	return td_log_set_level(level);
}

static int ctl_start(struct app *app)
{
	struct td_ctl_hooks hooks = {
		.arg = app,
		.reload = reload,
		.stop = stop,
		.log_level = log_level,
		.ingest = app->ingest,
	};

	return td_ctl_start(&app->ctl, app->loop, app->engine, app->conf, &hooks);
}

static void ctl_stop(struct app *app)
{
	/* Who waits for an "ok" gets it before the doors close: two turns carry it out. */
	td_engine_flush(app->engine);
	ev_run(app->loop, EVRUN_NOWAIT);
	td_engine_flush(app->engine);
	ev_run(app->loop, EVRUN_NOWAIT);
	td_ctl_stop(app->ctl);
}

/* --------------------------------------------------------------- signals, clock */

static void on_stop_signal(struct ev_loop *loop, ev_signal *watcher, int events)
{
	(void)loop, (void)events;
	stop(watcher->data);
}

static void log_lines(enum td_log_level level, const char *event, char *text)
{
	char quoted[500], *rest = text, *line;

	while ((line = strsep(&rest, "\n")) != NULL)
		if (line[0] != '\0')
			td_log(level, event, "text=%s", td_log_quote(line, quoted, sizeof(quoted)));
}

static void on_hup(struct ev_loop *loop, ev_signal *watcher, int events)
{
	char *text = NULL;
	size_t size;
	FILE *report = open_memstream(&text, &size);
	int rc;

	(void)loop, (void)events;
	if (report == NULL)
		return;
	/* One list will do here: what is in force stands in the line `reloaded`. */
	rc = reload(watcher->data, NULL, report);
	fclose(report);
	log_lines(rc == 0 ? TD_LOG_NOTICE : TD_LOG_ERROR, rc == 0 ? "restart-needed" : "reload-problem", text);
	free(text);
}

static void dump_links(struct app *app)
{
	const struct rep_node *node = td_engine_node(app->engine);
	struct rep_link_info link;
	struct rep_unit_info unit;

	for (size_t i = 0; rep_inspect_link(node, td_engine_read(app->engine), i, &link); i++)
		td_log(TD_LOG_NOTICE, "state-link", "peer=%s state=%s waiting=%" PRIu64 " bytes=%" PRIu64
		    " tries=%u sent=%" PRIu64 " received=%" PRIu64 " bad=%" PRIu64,
		    rep_unit_get(node, link.peer, &unit) ? unit.unit : "?", rep_link_state_name(link.state),
		    link.waiting_ops, link.waiting_bytes, link.tries, link.sent_bytes,
		    link.received_bytes, link.bad_frames);
}

static void on_usr1(struct ev_loop *loop, ev_signal *watcher, int events)
{
	struct app *app = watcher->data;
	struct td_store_stat stat;
	struct rep_self self;

	(void)loop, (void)events;
	td_store_stat(app->store, &stat);
	rep_inspect_self(td_engine_node(app->engine), &self);
	td_log(TD_LOG_NOTICE, "state", "unit=%s registered=%d own_ops=%" PRIu64 " open_ops=%u held=%" PRIu64
	    " forged=%" PRIu64 " bad_frames=%" PRIu64 " full=%d clients=%u", self.cert.unit, self.cert.registered,
	    self.own_ops, self.open_ops, self.held_segments, self.forged, self.bad_frames,
	    td_engine_is_full(app->engine), td_ctl_client_count(app->ctl));
	td_log(TD_LOG_NOTICE, "state-store", "map=%" PRIu64 " used=%" PRIu64 " free=%" PRIu64 " percent=%d commits=%"
	    PRIu64 " commit_us_p50=%" PRIu64 " commit_us_p95=%" PRIu64, stat.map_bytes, stat.used_bytes,
	    stat.free_page_bytes, td_store_percent(app->store), stat.commits, stat.commit_us_p50, stat.commit_us_p95);
	dump_links(app);
}

static void duration_text(int64_t ms, char *out, size_t cap)
{
	int64_t s = ms / 1000;

	if (s < 60)
		snprintf(out, cap, "%" PRId64 "s", s);
	else if (s < 3600)
		snprintf(out, cap, "%" PRId64 "m", s / 60);
	else if (s < 86400)
		snprintf(out, cap, "%" PRId64 "h%02" PRId64 "m", s / 3600, s / 60 % 60);
	else
		snprintf(out, cap, "%" PRId64 "d%02" PRId64 "h", s / 86400, s / 3600 % 24);
}

/* "3/4 peers up, 412 waiting, oldest 3h12m": systemctl status answers already. */
static void tell_status(struct app *app)
{
	unsigned peers = 0, up = 0;
	uint64_t waiting = 0;
	int64_t oldest = 0;
	struct rep_link_info link;
	char text[120], age[24];
	int n;

	for (size_t i = 0; rep_inspect_link(td_engine_node(app->engine), td_engine_read(app->engine), i, &link); i++) {
		peers++;
		up += link.state == REP_LINK_LIVE || link.state == REP_LINK_COMPARE;
		waiting += link.waiting_ops;
		if (link.oldest_ms != 0 && (oldest == 0 || link.oldest_ms < oldest))
			oldest = link.oldest_ms;
	}
	n = snprintf(text, sizeof(text), "%u/%u peers up, %" PRIu64 " waiting%s", up, peers, waiting,
	    td_engine_is_full(app->engine) ? ", STORE FULL" : "");
	if (oldest != 0 && n > 0 && n < (int)sizeof(text)) {
		duration_text(td_sys_wall().ms - oldest, age, sizeof(age));
		snprintf(text + n, sizeof(text) - (size_t)n, ", oldest %s", age);
	}
	td_notify_status(text);
}

static void on_second(struct ev_loop *loop, ev_timer *watcher, int events)
{
	struct app *app = watcher->data;

	(void)loop, (void)events;
	td_log_tick();
	if (app->is_ready && td_notify_is_open())
		tell_status(app);
}

static void on_watchdog(struct ev_loop *loop, ev_timer *watcher, int events)
{
	(void)loop, (void)watcher, (void)events;
	td_notify("WATCHDOG=1");
}

static void signal_start(struct app *app, ev_signal *watcher, void (*fn)(struct ev_loop *, ev_signal *, int), int number)
{
	ev_signal_init(watcher, fn, number);
	watcher->data = app;
	ev_signal_start(app->loop, watcher);
}

static int signals_start(struct app *app)
{
	struct td_engine_hooks hooks = {.arg = app, .fatal = on_fatal, .listening = on_listening};
	double beat = td_notify_watchdog_s();

	signal_start(app, &app->term, on_stop_signal, SIGTERM);
	signal_start(app, &app->intr, on_stop_signal, SIGINT);
	signal_start(app, &app->hup, on_hup, SIGHUP);
	signal_start(app, &app->usr1, on_usr1, SIGUSR1);
	ev_timer_init(&app->second, on_second, 1., 1.);
	app->second.data = app;
	ev_timer_start(app->loop, &app->second);
	ev_timer_init(&app->watchdog, on_watchdog, beat, beat);
	if (beat > 0)
		ev_timer_start(app->loop, &app->watchdog);
	td_engine_set_hooks(app->engine, &hooks);
	if (app->conf->listen == NULL)
		ready(app);
	return 0;
}

static void signals_stop(struct app *app)
{
	ev_signal_stop(app->loop, &app->term);
	ev_signal_stop(app->loop, &app->intr);
	ev_signal_stop(app->loop, &app->hup);
	ev_signal_stop(app->loop, &app->usr1);
	ev_timer_stop(app->loop, &app->second);
	ev_timer_stop(app->loop, &app->watchdog);
}

/* Started from the top, stopped from the bottom. */
static const struct part {
	int (*start)(struct app *app);
	void (*stop)(struct app *app);
} app_parts[] = {
	{store_start, store_stop},
	{engine_start, engine_stop},
	{ingest_start, ingest_stop},
	{ctl_start, ctl_stop},
	{signals_start, signals_stop},
};
#define PARTS (sizeof(app_parts) / sizeof(app_parts[0]))

static void run(struct app *app)
{
	size_t started = 0;
	int rc = 0;

	while (started < PARTS && (rc = app_parts[started].start(app)) == 0)
		started++;
	if (rc == 0)
		ev_run(app->loop, 0);
	else
		app->exit_code = exit_of(rc);
	while (started > 0)
		app_parts[--started].stop(app);
}

int td_app_run(const char *conf_file)
{
	struct app app = {.loop = ev_default_loop(EVFLAG_AUTO)};
	unsigned problems;

	if (app.loop == NULL)
		return tr_err_exit(TR_E_INTERNAL);
	app.conf = td_conf_load(conf_file, stderr, &problems);
	if (app.conf == NULL)
		return tr_err_exit(TR_E_CONF);
	td_log_open(app.conf->log_level, app.conf->log_to);
	td_notify_open();
	run(&app);
	td_log_flush();
	td_log(TD_LOG_NOTICE, "stopped", "exit=%d", app.exit_code);
	for (size_t i = 0; i < app.old_count; i++)
		td_conf_free(app.old[i]);
	free(app.old);
	td_conf_free(app.conf);
	ev_loop_destroy(app.loop);
	return app.exit_code;
}
