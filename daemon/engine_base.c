/* SPDX-License-Identifier: Apache-2.0 */
/* Below all the engine's files: the end, what others look at. */
#include "daemon/engine_int.h"
#include "daemon/log.h"
#include "proto/err.h"

void td_engine_die(struct td_engine *engine, int rc, const char *text)
{
	char quoted[400];

	if (engine->is_dead)
		return;
	engine->is_dead = true;
	td_log(TD_LOG_ERROR, "fatal", "code=%s text=%s", tr_err_code(rc),
	    td_log_quote(text, quoted, sizeof(quoted)));
	if (engine->hooks.fatal != NULL)
		engine->hooks.fatal(engine->hooks.arg, rc, text);
}

const struct rep_node *td_engine_node(const struct td_engine *engine)
{
	return engine->node;
}

const struct rep_view *td_engine_read(struct td_engine *engine)
{
	if (!engine->read_is_fresh)
		engine->read = td_store_read(engine->store);
	engine->read_is_fresh = true;
	return engine->read;
}

struct td_store *td_engine_store(struct td_engine *engine)
{
	return engine->store;
}

const struct td_conf *td_engine_conf(const struct td_engine *engine)
{
	return engine->conf;
}

int64_t td_engine_start_ms(const struct td_engine *engine)
{
	return engine->start_ms;
}

uint64_t td_engine_lost(const struct td_engine *engine)
{
	return engine->lost;
}

bool td_engine_is_full(const struct td_engine *engine)
{
	return engine->is_full;
}

const char *td_engine_listen_address(const struct td_engine *engine)
{
	return engine->listen_address;
}
