/* SPDX-License-Identifier: Apache-2.0 */
/* The carrier's calls become events. */
#include <stdio.h>
#include <string.h>

#include "daemon/engine_int.h"
#include "daemon/log.h"
#include "proto/err.h"

/* Frames and ends of links that a former node had are not for this one. */
static bool is_known(const struct td_engine *engine, uint32_t link)
{
	if (link == REP_LINK_UP)
		return engine->parent != PARENT_OFF;
	return link >= engine->link_floor;
}

static void on_link_up(void *arg, uint32_t link, const struct tr_key *user)
{
	struct td_engine *engine = arg;
	struct rep_event event = {.kind = REP_EV_LINK_UP, .link = link};

	if (link == REP_LINK_UP) {
		if (engine->parent == PARENT_OFF) { /* nobody asked for it any more */
			td_net_close(engine->net, link);
			return;
		}
		engine->parent = PARENT_UP;
	} else {
		if (link >= engine->link_top)
			engine->link_top = link + 1;
		if (!td_engine_link_add(engine, link)) {
			td_net_close(engine->net, link);
			return;
		}
	}
	if (user != NULL)
		event.user = *user;
	if (td_engine_step(engine, &event) != 0)
		td_engine_close(engine, link); /* a store that cannot take it now; the peer dials again */
}

static void on_link_down(void *arg, uint32_t link, enum rep_down_why why, const char *text)
{
	struct td_engine *engine = arg;
	struct rep_event event = {.kind = REP_EV_LINK_DOWN, .link = link, .down = why};
	char quoted[200];

	if (!is_known(engine, link))
		return;
	if (text != NULL && text[0] != '\0')
		td_log(TD_LOG_INFO, "transport-down", "link=%u text=%s", link,
		    td_log_quote(text, quoted, sizeof(quoted)));
	if (link == REP_LINK_UP)
		engine->parent = PARENT_OFF;
	else
		td_engine_link_remove(engine, link);
	(void)td_engine_step(engine, &event);
}

static void on_frame(void *arg, uint32_t link, struct tr_bytes msg)
{
	struct td_engine *engine = arg;
	struct rep_event event = {.kind = REP_EV_FRAME, .link = link, .frame = msg};

	if (is_known(engine, link))
		(void)td_engine_step(engine, &event);
}

/* The list lives in the core, the carrier only has a copy. */
static void on_restarted(void *arg)
{
	struct td_engine *engine = arg;

	td_log(TD_LOG_WARN, "carrier-restarted", "keys=%zu", engine->allowed_count);
	for (size_t i = 0; i < engine->allowed_count; i++)
		td_net_allow(engine->net, &engine->allowed[i], true);
}

static void on_listening(void *arg, const char *address)
{
	struct td_engine *engine = arg;

	snprintf(engine->listen_address, sizeof(engine->listen_address), "%s", address);
	if (engine->hooks.listening != NULL)
		engine->hooks.listening(engine->hooks.arg, engine->listen_address);
}

static void on_fatal(void *arg, const char *text)
{
	td_engine_die(arg, TR_E_DOWN, text);
}

int td_engine_net_start(struct td_engine *engine)
{
	static const struct td_net_calls calls = {
		.link_up = on_link_up,
		.link_down = on_link_down,
		.frame = on_frame,
		.restarted = on_restarted,
		.listening = on_listening,
		.fatal = on_fatal,
	};
	struct td_net_conf conf = {
		.curve_sk = engine->keys->curve_sk,
		.listen = engine->conf->listen,
	};

	memcpy(conf.curve_pk, engine->keys->curve_pk, sizeof(conf.curve_pk));
	return td_net_start(&engine->net, engine->loop, &conf, &calls, engine);
}
