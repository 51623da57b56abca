/* SPDX-License-Identifier: Apache-2.0 */
/* Traces of the core: into the log, to the watchers. */
#include <stdio.h>

#include "daemon/engine_int.h"
#include "daemon/log.h"
#include "daemon/sys.h"
#include "proto/grow.h"
#include "proto/limits.h"

static bool has_id(const struct tr_rec_id *id)
{
	for (size_t i = 0; i < sizeof(id->b); i++)
		if (id->b[i] != 0)
			return true;
	return false;
}

/* Log line: peer by its code path, record by the first 8 digits that people use. */
static void trace_log(struct td_engine *engine, const struct rep_trace *trace)
{
	int level = td_log_level_of(rep_trace_level(trace->code));
	char peer[TR_UNIT_PATH_MAX + 8] = "", rec[24] = "", text[200] = "", quoted[160];
	char what[64];
	struct rep_unit_info unit;

	if (trace->peer.v != 0 && rep_unit_get(engine->node, trace->peer, &unit))
		snprintf(peer, sizeof(peer), "peer=%s ", unit.unit);
	else if (trace->peer.v != 0)
		snprintf(peer, sizeof(peer), "peer=%016llx ", (unsigned long long)trace->peer.v);
	if (has_id(&trace->rec))
		snprintf(rec, sizeof(rec), "record=%02x%02x%02x%02x ", trace->rec.b[0],
		    trace->rec.b[1], trace->rec.b[2], trace->rec.b[3]);
	if (trace->code == REP_TRACE_LINK_STATE)
		snprintf(what, sizeof(what), "from=%s to=%s", rep_link_state_name((enum rep_link_state)trace->a),
		    rep_link_state_name((enum rep_link_state)trace->b));
	else
		snprintf(what, sizeof(what), "a=%llu b=%llu", (unsigned long long)trace->a,
		    (unsigned long long)trace->b);
	if (trace->text != NULL)
		snprintf(text, sizeof(text), " text=%s", td_log_quote(trace->text, quoted, sizeof(quoted)));
	td_log(level < 0 ? TD_LOG_INFO : (enum td_log_level)level, rep_trace_code_name(trace->code),
	    "%s%s%s%s", peer, rec, what, text);
}

void td_engine_trace(struct td_engine *engine, const struct rep_trace *trace)
{
	int64_t now = td_sys_wall().ms;

	trace_log(engine, trace);
	for (size_t i = 0; i < engine->watcher_count; i++)
		if (engine->watchers[i].fn != NULL)
			engine->watchers[i].fn(engine->watchers[i].arg, now, trace);
}

void td_engine_watch(struct td_engine *engine, td_trace_fn *fn, void *arg)
{
	struct engine_watcher *list;

	for (size_t i = 0; i < engine->watcher_count; i++) {
		if (engine->watchers[i].fn == NULL) { /* the place of one that left */
			engine->watchers[i] = (struct engine_watcher){fn, arg};
			return;
		}
	}
	list = tr_grow(engine->watchers, engine->watcher_count, &engine->watcher_cap, sizeof(*list));
	if (list == NULL)
		return; /* it sees no traces; nothing else is lost */
	engine->watchers = list;
	engine->watchers[engine->watcher_count++] = (struct engine_watcher){fn, arg};
}

void td_engine_unwatch(struct td_engine *engine, void *arg)
{
	for (size_t i = 0; i < engine->watcher_count; i++)
		if (engine->watchers[i].arg == arg)
			engine->watchers[i].fn = NULL;
}
